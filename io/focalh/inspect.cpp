#include "io/focalh/inspect.hpp"

#include <algorithm>
#include <filesystem>
#include <fmt/core.h>
#include <fmt/ranges.h>
#include <map>

#include "io/csv.hpp"
#include "io/focalh/channel_map_file.hpp"
#include "io/focalh/librarian.hpp"
#include "io/focalh/pedestal_file.hpp"
#include "io/input_file.hpp"
#include "io/safetensors.hpp"
#include "io/store/store.hpp"
#include "runtime/error.hpp"

namespace calofuse {
namespace {
namespace fs = std::filesystem;
constexpr std::int64_t kBlockEvents = 4096;

/// Sums over events, by group.
class Statistics {
  public:
    Statistics(ChannelMap const& map, std::vector<float> const& pedestals, std::uint16_t max_adc)
        : map_(map)
        , channels_(map.channels())
        , pedestals_(pedestals)
        , limits_(hit_limits(map, pedestals))
        , max_adc_(max_adc)
    {}
    struct Sums {
        std::int64_t events = 0, empty = 0, saturated_events = 0, saturated_cells = 0;
        double charge = 0;
        ModuleActivation modules = {};
        Sums& operator+=(Sums const& o)
        {
            events += o.events;
            empty += o.empty;
            saturated_events += o.saturated_events;
            saturated_cells += o.saturated_cells;
            charge += o.charge;
            modules += o.modules;
            return *this;
        }
    };
    void add(std::uint16_t const* event, Sums& sums)
    {
        double charge = 0;
        std::int64_t saturated = 0;
        for (std::size_t i = 0; i < channels_.size(); ++i) {
            auto const c = static_cast<std::size_t>(channels_[i]);
            charge_[i] += event[c];
            charge += static_cast<double>(event[c]) - pedestals_[c];
            saturated += event[c] >= max_adc_;
        }
        for (std::size_t c = 0; c < zeros_.size(); ++c)
            zeros_[c] += event[c] == 0;
        sums += {1, is_empty_trigger(event, limits_), saturated > 0, saturated, charge};
        sums.modules.add(activation_of_modules({event, kNumChannels}, map_, pedestals_));
        ++num_events_;
    }
    std::vector<double> mean_charge_of_cell() const
    {
        std::vector<double> out(charge_.size(), 0.0);
        for (std::size_t i = 0; i < out.size() && num_events_ > 0; ++i)
            out[i] = charge_[i] / static_cast<double>(num_events_)
                     - pedestals_[static_cast<std::size_t>(channels_[i])];
        return out;
    }
    BoardCheck boards(ChannelMap const& map) const
    {
        return check_boards(map, {0, 1, 2, 3}, zeros_, num_events_);
    }

  private:
    ChannelMap const& map_;
    std::array<std::int32_t, kNumCells> channels_;
    std::vector<float> const& pedestals_;
    std::array<std::uint16_t, kNumChannels> limits_;
    std::uint16_t max_adc_;
    std::array<double, kNumCells> charge_ = {};
    std::array<std::int64_t, kNumChannels> zeros_ = {};
    std::int64_t num_events_ = 0;
};

InspectGroup group_of(FocalhFile const& file, Statistics::Sums const& sums)
{
    InspectGroup out{
        .name = file.path,
        .label = file.label,
        .energy_gev = file.energy_gev,
        .counts = file.counts,
        .empty_triggers = sums.empty,
        .saturated_events = sums.saturated_events,
        .saturated_cells = sums.saturated_cells,
        .mean_charge = sums.charge / static_cast<double>(std::max<std::int64_t>(sums.events, 1)),
        .modules = sums.modules};
    out.counts.written = sums.events;
    return out;
}

/// Groups by file, label, energy and all out of the sums by file.
void fill_groups(Inspection& out,
                 std::vector<FocalhFile> const& files,
                 std::vector<Statistics::Sums> const& sums)
{
    struct Entry {
        FocalhFile file;
        Statistics::Sums sums;
        void add(FocalhFile const& f, Statistics::Sums const& s)
        {
            file.label = f.label;
            file.energy_gev = f.energy_gev;
            file.counts += f.counts;
            sums += s;
        }
    };
    Entry all;
    std::map<Label, Entry> labels;
    std::map<std::pair<Label, float>, Entry> energies;
    for (std::size_t f = 0; f < files.size(); ++f) {
        out.files.push_back(group_of(files[f], sums[f]));
        all.add(files[f], sums[f]);
        labels[files[f].label].add(files[f], sums[f]);
        energies[{files[f].label, files[f].energy_gev}].add(files[f], sums[f]);
    }
    bool const one_label = labels.size() == 1, one_energy = energies.size() == 1;
    if (!one_label) all.file.label = Label::unknown;
    if (!one_energy) all.file.energy_gev = 0;
    out.total = group_of(all.file, all.sums);
    for (auto& [label, entry] : labels) {
        entry.file.energy_gev = 0;
        out.labels.push_back(group_of(entry.file, entry.sums));
    }
    for (auto const& [key, entry] : energies)
        out.energies.push_back(group_of(entry.file, entry.sums));
}

void inspect_npy(Inspection& out, InspectOptions const& options)
{
    NpyEventReader reader(out.path, options.npy);
    out.properties = {{"shape", reader.header().describe()},
                      {"order", reader.header().fortran_order ? "Fortran" : "C"},
                      {"format_version", fmt::format("{}", reader.header().major)},
                      {"layout", name_of(reader.layout())},
                      {"planes", fmt::format("{}", reader.num_planes())},
                      {"hg_index", fmt::format("{}", reader.hg_index())}};
    FocalhFile file;
    file.path = out.path;
    file.energy_gev = energy_of_name(fs::path(out.path).filename()).value_or(0.0F);
    file.label = label_of_path(out.path).value_or(Label::unknown);
    std::vector<char> raw;
    std::vector<std::uint16_t> adc;
    std::vector<std::uint32_t> index;
    PedestalEstimator estimator;
    auto const block = [&](std::int64_t first, EventCounts& counts) {
        std::int64_t const count = std::min(kBlockEvents, reader.num_events() - first);
        reader.read_raw(first, count, raw);
        reader.decode(first, count, raw, adc, index, counts);
    };
    EventCounts ignored;
    if (reader.num_events() > 0) block(0, ignored);
    estimator.add(adc);
    out.pedestals = estimator.estimate();
    Statistics statistics(options.map, out.pedestals, options.npy.max_adc);
    std::vector<Statistics::Sums> sums(1);
    for (std::int64_t first = 0; first < reader.num_events(); first += kBlockEvents) {
        block(first, file.counts);
        for (std::size_t e = 0; e < index.size(); ++e)
            statistics.add(adc.data() + e * kNumChannels, sums[0]);
    }
    out.sha256 = reader.finish_digest();
    out.max_adc = options.npy.max_adc;
    fill_groups(out, {file}, sums);
    out.mean_charge_of_cell = statistics.mean_charge_of_cell();
    out.board_warning = statistics.boards(options.map).warning;
}

/// Arrays that hold no events are described by their header.
void inspect_array(Inspection& out, InspectOptions const& options)
{
    try {
        inspect_npy(out, options);
    } catch (Error const& e) {
        if (e.code() != "CF-NPY-14" && e.code() != "CF-NPY-18") throw;
        InputFile const file(out.path);
        std::string head(
            static_cast<std::size_t>(std::min(file.size(), static_cast<std::int64_t>(kMaxNpyHead))),
            '\0');
        file.read_at(0, head.data(), head.size());
        out.properties = {{"shape", parse_npy_header(head, file.size(), out.path).describe()},
                          {"events", "none (no axis of 256 channels)"}};
        out.sha256 = sha256_of_file(out.path);
    }
}

/// What only this detector's stores have.
void inspect_events(Inspection& out, FocalhEvents const& set)
{
    out.properties.emplace_back("channel_map",
                                set.map.channels() == ChannelMap::focalh_prototype2().channels()
                                    ? "FoCal-H prototype 2"
                                    : "own, sha256 " + digest_of(set.map));
    out.properties.emplace_back("pedestals", set.pedestals.empty() ? "none" : "stored");
    out.pedestals_are_estimated = set.pedestals.empty();
    out.pedestals = pedestals_of(set);
    Statistics statistics(set.map, out.pedestals, kMaxAdc);
    std::vector<Statistics::Sums> sums(set.data.files.size());
    for (std::int64_t i = 0; i < set.size(); ++i)
        statistics.add(set.event(i).data(), sums[set.file_id[static_cast<std::size_t>(i)]]);
    fill_groups(out, set.files(), sums);
    out.mean_charge_of_cell = statistics.mean_charge_of_cell();
    out.board_warning = statistics.boards(set.map).warning;
}

void inspect_store(Inspection& out)
{
    Dataset const set = read_store(out.path);
    out.sha256 = set.sha256;
    bool const verified =
        !expected_digest(manifest_path_of(out.path), fs::path(out.path).filename()).empty();
    out.properties = {{"format_version", fmt::format("{}", kStoreVersion)},
                      {"kind", set.kind},
                      {"events", fmt::format("{}", set.size())},
                      {"files", fmt::format("{}", set.files.size())},
                      {"digest", verified ? "as its manifest says" : "no manifest beside it"}};
    for (auto const& [name, column] : set.columns)
        out.columns.push_back(summary_of(column));
    for (auto const& [name, start] : set.start)
        out.tables.push_back(summary_of_table(name, start));
    if (set.kind == "focalh") inspect_events(out, set);
}

void inspect_csv(Inspection& out)
{
    CsvTable const table(out.path, "CF-MAP");
    if (table.find({"module", "modulenum", "mod"}) < 0
        && table.find({"hg", "pedestal", "ped_hg", "pedestal_hg"}) >= 0) {
        out.kind = "pedestals";
        out.pedestals = read_pedestals(out.path, ChannelMap::focalh_prototype2());
        out.pedestals_are_estimated = false;
        out.properties = {{"channels", fmt::format("{}", table.num_rows())}};
    } else {
        out.kind = "channel map";
        ChannelMap const map = read_channel_map(out.path);
        auto const standard = ChannelMap::focalh_prototype2();
        out.properties = {
            {"cells", fmt::format("{}", map.cells.size())},
            {"unused_channels", fmt::format("{}", fmt::join(map.unused_channels(), " "))},
            {"same_as_prototype_2", map.channels() == standard.channels() ? "yes" : "no"},
            {"map_sha256", digest_of(map)}};
    }
    out.sha256 = sha256_of_file(out.path);
}

void inspect_tensors(Inspection& out)
{
    SafeTensors const file = read_safetensors(out.path);
    std::int64_t elements = 0;
    for (auto const& [name, tensor] : file.tensors) {
        std::int64_t count = 1;
        for (std::int64_t const extent : tensor.shape)
            count *= extent;
        elements += count;
        out.properties.emplace_back(
            name, fmt::format("({}) {}", fmt::join(tensor.shape, ", "), name_of(tensor.type)));
    }
    for (auto const& [key, value] : file.metadata)
        out.properties.emplace_back("metadata " + key, value.substr(0, 200));
    out.properties.emplace_back("elements", fmt::format("{}", elements));
    out.sha256 = sha256_of_file(out.path);
}

std::string kind_of(std::string const& path)
{
    InputFile const file(path);
    std::string head(static_cast<std::size_t>(std::min<std::int64_t>(file.size(), 8)), '\0');
    file.read_at(0, head.data(), head.size());
    std::string const extension = fs::path(path).extension();
    if (head.substr(0, 6) == "\x93NUMPY" || extension == ".npy") return "npy";
    if (head == "\x89HDF\r\n\x1a\n" || extension == ".h5") return "store";
    if (extension == ".safetensors") return "safetensors";
    if (extension == ".sha256") return "manifest";
    if (extension == ".csv") return "csv";
    throw Error(Exit::data, "CF-INS-01", calofuse::quoted(path) + ": is of no known kind",
                "known are .npy, .h5, .csv (channel map, pedestals), .safetensors, .sha256");
}
}  // namespace

Inspection inspect(std::string const& path, InspectOptions const& options)
{
    Inspection out;
    out.kind = kind_of(path);
    out.path = path;
    out.bytes = InputFile(path).size();
    if (out.kind == "npy") {
        inspect_array(out, options);
    } else if (out.kind == "store") {
        inspect_store(out);
    } else if (out.kind == "csv") {
        inspect_csv(out);
    } else if (out.kind == "safetensors") {
        inspect_tensors(out);
    } else {
        for (ManifestEntry const& entry : read_manifest(path))
            out.properties.emplace_back(entry.name, entry.sha256);
        out.sha256 = sha256_of_file(path);
    }
    return out;
}
}  // namespace calofuse
