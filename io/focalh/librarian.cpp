#include "io/focalh/librarian.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fmt/core.h>

#include "io/focalh/block_queue.hpp"
#include "io/focalh/event_quality.hpp"
#include "io/focalh/pedestal_file.hpp"
#include "runtime/error.hpp"

namespace calofuse {
namespace {
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kBlockBytes = 4 << 20;
constexpr std::int64_t kSampleEvents = 256;  ///< of each file, for pedestals
constexpr auto kProgressInterval = std::chrono::milliseconds(100);

/// Bytes that a block of events takes on its way, at most.
std::int64_t events_per_block(NpyEventReader const& reader)
{
    std::int64_t const event_bytes =
        static_cast<std::int64_t>(reader.num_planes()) * kNumChannels * reader.header().item_bytes;
    return std::clamp<std::int64_t>(kBlockBytes / event_bytes, 256, 8192);
}

/// Reads and digests: file after file, block after block, into the queue. Runs in its own thread.
void read_files(std::vector<RawFile> const& files,
                NpyEventOptions const& options,
                BlockQueue& queue)
{
    for (std::size_t f = 0; f < files.size(); ++f) {
        auto reader = std::make_shared<NpyEventReader>(files[f].path, options);
        std::int64_t const step = events_per_block(*reader);
        for (std::int64_t first = 0; first < reader->num_events(); first += step) {
            RawBlock block = queue.recycled();
            block.file = f;
            block.first = first;
            block.count = std::min(step, reader->num_events() - first);
            block.reader = reader;
            reader->read_raw(first, block.count, block.raw);
            if (!queue.push(std::move(block))) return;
        }
        RawBlock last = queue.recycled();
        last.file = f;
        last.count = 0;
        last.reader = reader;
        last.digest = reader->finish_digest();
        if (!queue.push(std::move(last))) return;
    }
}

/// What a digest file beside the input, if there is one, says about it.
std::string stated_digest(std::string const& path)
{
    fs::path const file = path;
    std::string const name = file.filename().string();
    std::string const own = expected_digest(path + ".sha256", name);
    return !own.empty() ? own : expected_digest((file.parent_path() / "SHA256SUMS").string(), name);
}

class Conversion {
  public:
    explicit Conversion(ConvertOptions const& options) : options_(options) {}
    ConvertReport run();

  private:
    void prepare();
    void open_all();
    void take(RawBlock const& block);
    void end_file(RawBlock const& block);
    void report_progress(bool last);
    void warn(std::string text) { report_.warnings.push_back(std::move(text)); }

    ConvertOptions const& options_;
    ConvertReport report_;
    std::vector<RawFile> raw_;
    ChannelMap file_map_ = ChannelMap::focalh_prototype2();  ///< before the board order
    ChannelMap map_ = file_map_;
    std::vector<float> pedestals_;  ///< of a file, or empty
    std::array<std::uint16_t, kNumChannels> limits_{};
    std::vector<std::int64_t> zeros_ = std::vector<std::int64_t>(kNumChannels, 0);
    std::unique_ptr<StoreWriter> writer_;
    Manifest inputs_;
    std::vector<std::uint16_t> adc_;
    std::vector<std::uint32_t> index_;
    std::vector<std::uint16_t> file_id_;
    std::vector<float> energy_gev_;
    std::vector<std::uint8_t> label_;
    std::int64_t bytes_total_ = 0;
    Clock::time_point next_progress_ = Clock::now();
};

void Conversion::prepare()
{
    if (!options_.map.empty()) file_map_ = read_channel_map(options_.map);
    map_ = file_map_.with_board_order(options_.board_order);
    if (!options_.pedestals.empty()) pedestals_ = read_pedestals(options_.pedestals, map_);
    check_output(options_.out, options_.store.overwrite);
    raw_ = find_raw_files(options_.inputs, options_.unknown, report_.skipped);
    for (RawFile const& file : raw_) {
        std::error_code none;
        if (fs::equivalent(file.path, options_.out, none))
            throw Error(Exit::cannot_create, "CF-CNV-04",
                        calofuse::quoted(options_.out) + ": is an input, too",
                        "choose another name for the store");
        bytes_total_ += file.bytes;
        if (file.energy_gev == 0)
            warn(calofuse::quoted(file.path)
                 + ": no energy in its name (as in e_100GeV.npy); 0 is stored");
    }
    if (!report_.skipped.empty())
        warn(
            fmt::format("{} .npy files lie in no folder named electron or hadron and were left "
                        "out, the first is {}",
                        report_.skipped.size(), calofuse::quoted(report_.skipped.front())));
}

/// A look at every file before work starts: headers are good, and pedestals for the empty triggers.
void Conversion::open_all()
{
    PedestalEstimator estimator;
    std::int64_t events = 0;
    int plane = -1;
    std::vector<char> raw;
    EventCounts ignored;
    for (RawFile const& file : raw_) {
        NpyEventOptions lenient = options_.npy;
        lenient.out_of_range = OutOfRange::drop;  // errors are told in their turn
        NpyEventReader reader(file.path, lenient);
        std::int64_t const count = std::min(reader.num_events(), kSampleEvents);
        events += reader.num_events();
        if (count == 0) {
            warn(calofuse::quoted(file.path) + ": holds no events");
            continue;
        }
        if (!reader.high_gain_is_larger())
            warn(fmt::format("{}: plane {} was taken as high gain, but the other gain is larger",
                             calofuse::quoted(file.path), reader.hg_index()));
        if (plane >= 0 && reader.hg_index() != plane)
            throw Error(Exit::data, "CF-NPY-27",
                        fmt::format("{}: plane {} looks like the high gain, in the files before it "
                                    "plane {} did",
                                    calofuse::quoted(file.path), reader.hg_index(), plane),
                        "say which plane is the high gain with --hg-index");
        plane = reader.hg_index();
        reader.read_raw(0, count, raw);
        reader.decode(0, count, raw, adc_, index_, ignored);
        estimator.add(adc_);
    }
    if (events == 0)
        throw Error(Exit::data, "CF-NPY-15",
                    fmt::format("the {} input files hold no events", raw_.size()),
                    "are these the right files?");
    limits_ = hit_limits(map_, pedestals_.empty() ? estimator.estimate() : pedestals_);
}

void Conversion::take(RawBlock const& block)
{
    FocalhFile& file = report_.files[block.file];
    block.reader->decode(block.first, block.count, block.raw, adc_, index_, file.counts);
    std::array<std::uint32_t, kNumChannels> zeros{};
    for (std::size_t e = 0; e < index_.size(); ++e) {
        std::uint16_t const* const event = adc_.data() + e * kNumChannels;
        file.empty_triggers += is_empty_trigger(event, limits_);
        for (std::size_t c = 0; c < zeros.size(); ++c)
            zeros[c] += event[c] == 0;
    }
    for (std::size_t c = 0; c < zeros.size(); ++c)
        zeros_[c] += zeros[c];
    file_id_.assign(index_.size(), static_cast<std::uint16_t>(block.file));
    energy_gev_.assign(index_.size(), file.energy_gev);
    label_.assign(index_.size(), static_cast<std::uint8_t>(file.label));
    writer_->append(
        {.file_id = file_id_,
         .event_index = index_,
         .columns = {std::as_bytes(std::span(adc_)), std::as_bytes(std::span(energy_gev_)),
                     std::as_bytes(std::span(label_))}});
    report_.bytes_read += block.reader->file_bytes() * block.count / block.reader->num_events();
    report_progress(false);
}

void Conversion::end_file(RawBlock const& block)
{
    RawFile const& raw = raw_[block.file];
    FocalhFile& file = report_.files[block.file];
    file.sha256 = block.digest;
    file.num_events = file.counts.written;
    std::string const stated = stated_digest(raw.path);
    if (!stated.empty() && stated != file.sha256)
        throw Error(
            Exit::data, "CF-NPY-22",
            fmt::format("{}: SHA-256 is {}..., its manifest says {}...", calofuse::quoted(raw.path),
                        file.sha256.substr(0, 16), stated.substr(0, 16)),
            "file is damaged or was changed; copy it again");
    for (std::size_t other = 0; other < block.file; ++other)
        if (report_.files[other].sha256 == file.sha256 && file.num_events > 0)
            warn(
                fmt::format("{} and {} have the same content: events that stand twice spoil every "
                            "test set",
                            calofuse::quoted(raw_[other].path), calofuse::quoted(raw.path)));
    std::string const folder = fs::absolute(options_.out).parent_path().string();
    inputs_.push_back({file.sha256, name_in_manifest(raw.path, folder)});
    report_.total += file.counts;
    report_.empty_triggers += file.empty_triggers;
}

void Conversion::report_progress(bool last)
{
    auto const now = Clock::now();
    if (!options_.progress || (!last && now < next_progress_)) return;
    next_progress_ = now + kProgressInterval;
    options_.progress({report_.bytes_read, bytes_total_, writer_->num_events()});
}

ConvertReport Conversion::run()
{
    auto const start = Clock::now();
    prepare();
    open_all();
    writer_ = std::make_unique<StoreWriter>(options_.out, focalh_columns(), options_.store);
    for (RawFile const& raw : raw_) {
        FocalhFile& file = report_.files.emplace_back();
        file.path = raw.name;
        file.energy_gev = raw.energy_gev;
        file.label = raw.label;
    }
    {
        BlockQueue queue([this](BlockQueue& q) { read_files(raw_, options_.npy, q); });
        while (auto block = queue.pop()) {
            if (block->digest.empty())
                take(*block);
            else
                end_file(*block);
            queue.recycle(std::move(*block));
        }
    }
    if (report_.total.written == 0)
        throw Error(Exit::data, "CF-NPY-15",
                    fmt::format("all {} events were dropped", report_.total.read),
                    "look at the files with calofuse inspect");
    report_progress(true);
    report_.boards = check_boards(file_map_, options_.board_order, zeros_, report_.total.written);
    if (!report_.boards.warning.empty()) warn(report_.boards.warning);
    if (report_.empty_triggers > 0)
        warn(
            fmt::format("{} of {} events are empty triggers (no cell more than {} ADC above its "
                        "pedestal); they are kept and counted",
                        report_.empty_triggers, report_.total.written, kEmptyTriggerThreshold));
    report_.out = options_.out;
    Dataset rest;  // all but the events
    set_focalh_files(rest, report_.files);
    set_focalh_constants(rest, map_, pedestals_);
    report_.sha256 = writer_->finish(rest, inputs_);
    report_.bytes_written = static_cast<std::int64_t>(fs::file_size(options_.out));
    report_.wall_s = std::chrono::duration<double>(Clock::now() - start).count();
    return std::move(report_);
}
}  // namespace

ConvertReport convert(ConvertOptions const& options)
{
    return Conversion(options).run();
}
}  // namespace calofuse
