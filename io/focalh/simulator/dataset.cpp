#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "io/focalh/simulator/simulator.hpp"
#include "io/npy.hpp"
#include "runtime/error.hpp"

namespace calofuse {
namespace {
namespace fs = std::filesystem;
constexpr std::int64_t kBlock = 4096;  // events; 2 MB of high gain

std::string file_name(BeamFile const& file)
{
    return fmt::format("{}_{:03d}GeV.npy", name_of(file.label), file.energy_gev);
}

/// Event files that would stay in the folder and be taken for events of this run.
void refuse_leftovers(SimulateOptions const& options)
{
    std::vector<std::string> mine;
    for (BeamFile const& file : options.files)
        mine.push_back(file_name(file));
    for (char const* label : {"electron", "hadron", "truth"}) {
        std::error_code ignored;
        for (auto const& entry : fs::directory_iterator(fs::path(options.out) / label, ignored)) {
            std::string const name = entry.path().filename();
            bool const replaced = std::find(mine.begin(), mine.end(), name) != mine.end();
            if (entry.path().extension() == ".npy" && !replaced)
                throw Error(Exit::cannot_create, "CF-SIM-04",
                            quoted(entry.path()) + ": belongs to another run and would stay",
                            "remove it, or write to another folder");
        }
    }
}

void prepare_folder(SimulateOptions const& options)
{
    std::error_code failed;
    fs::path const out(options.out);
    bool const exists = fs::exists(out, failed);
    if (exists && !fs::is_directory(out, failed))
        throw Error(Exit::cannot_create, "CF-SIM-03", quoted(options.out) + ": is not a folder",
                    "give --out the name of a new folder");
    if (exists && options.overwrite == Overwrite::no && !fs::is_empty(out, failed))
        throw Error(Exit::cannot_create, "CF-SIM-03", quoted(options.out) + ": is not empty",
                    "give --out a new folder, or --overwrite");
    if (exists) refuse_leftovers(options);
    for (char const* folder : {"electron", "hadron", "truth"}) {
        fs::create_directories(out / folder, failed);
        if (failed)
            throw Error(
                failed == std::errc::permission_denied ? Exit::permission : Exit::cannot_create,
                "CF-SIM-03", quoted(out / folder) + ": " + failed.message(),
                "check the path and its permissions");
    }
    fs::remove(out / "manifest.json", failed);  // the mark of a complete folder comes last
}

struct Writer {
    Context const& ctx;
    SimulateOptions const& options;
    SimulateProgress const& progress;
    Simulator simulator;
    SimulateSummary summary = {};
    std::vector<std::int16_t> adc = {};
    std::vector<float> truth = {};

    std::int64_t total() const
    {
        return options.events_per_file * static_cast<std::int64_t>(options.files.size());
    }
    std::string path(char const* folder, std::string const& name) const
    {
        return (fs::path(options.out) / folder / name).string();
    }

    nlohmann::ordered_json write_file(BeamFile const& file)
    {
        std::int64_t const n = options.events_per_file;
        auto const planes = static_cast<std::int64_t>(options.planes);
        std::string const name = file_name(file);
        AtomicFile events(path(name_of(file.label), name), options.overwrite);
        AtomicFile truths(path("truth", name), options.overwrite);
        events.write(options.planes == Planes::all
                         ? npy_head("<i2", std::vector<std::int64_t>{n, planes, kNumChannels})
                         : npy_head("<i2", std::vector<std::int64_t>{n, kNumChannels}));
        truths.write(npy_head("<f4", std::vector<std::int64_t>{n, kTruthColumns}));
        std::array<std::int64_t, kNumTrueClasses> counts{};
        for (std::int64_t first = 0; first < n; first += kBlock) {
            std::int64_t const count = std::min(kBlock, n - first);
            adc.resize(static_cast<std::size_t>(count * planes * kNumChannels));
            truth.resize(static_cast<std::size_t>(count * kTruthColumns));
            simulator.generate(ctx, file, first, count, options.planes, adc, truth);
            events.write(adc.data(), adc.size() * sizeof adc[0]);
            truths.write(truth.data(), truth.size() * sizeof truth[0]);
            for (std::size_t i = 0; i < truth.size(); i += kTruthColumns)
                ++counts[static_cast<std::size_t>(truth[i])];
            summary.num_events += count;
            if (progress) progress(summary.num_events, total());
        }
        truths.commit();
        events.commit();
        ++summary.num_files;
        return describe(file, counts);
    }

    nlohmann::ordered_json describe(BeamFile const& file,
                                    std::array<std::int64_t, kNumTrueClasses> const& counts)
    {
        nlohmann::ordered_json out;
        out["file"] = std::string(name_of(file.label)) + "/" + file_name(file);
        out["label"] = name_of(file.label);
        out["energy_GeV"] = file.energy_gev;
        out["events"] = options.events_per_file;
        for (std::size_t i = 0; i < counts.size(); ++i) {
            summary.class_counts[i] += counts[i];
            out["truth_events"][name_of(static_cast<TrueClass>(i))] = counts[i];
        }
        return out;
    }

    void write_tables() const
    {
        std::vector<std::size_t> order(kNumCells);  // cells by channel
        for (std::size_t i = 0; i < order.size(); ++i)
            order[i] = i;
        auto const& cells = options.map.cells;
        std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return cells[a].channel < cells[b].channel;
        });
        DetectorConstants const& d = simulator.detector();
        std::string constants = "board,channel,gain,hg_lg,ped_hg,ped_lg,module,row,col\n";
        std::string pedestals = "board,channel,hg,lg\n";
        for (std::size_t const i : order) {
            Cell const& c = cells[i];
            constants += fmt::format("{},{},{:.6f},{:.6f},{:.4f},{:.4f},{},{},{}\n", c.channel / 64,
                                     c.channel % 64, d.gain[i], d.hg_lg[i], d.ped_hg[i],
                                     d.ped_lg[i], c.module, c.row, c.col);
            pedestals += fmt::format("{},{},{:.1f},{:.1f}\n", c.channel / 64, c.channel % 64,
                                     d.ped_hg[i], d.ped_lg[i]);
        }
        write_file_atomically(path("truth", "detector.csv"), constants, options.overwrite);
        write_file_atomically(path("", "pedestals.csv"), pedestals, options.overwrite);
    }

    void write_manifest(nlohmann::ordered_json const& files) const
    {
        nlohmann::ordered_json out;
        out["seed"] = options.seed;
        out["detector_seed"] = options.detector_seed;
        out["planes"] = options.planes == Planes::all
                            ? std::vector<std::string>{"HG", "LG", "TOA", "TOT"}
                            : std::vector<std::string>{"HG"};
        out["truth_columns"] = {"cls", "pileup", "E", "x", "y", "z0", "fem", "evis"};
        out["files"] = files;
        for (auto const& [name, value] : simulator_values(options.parameters))
            out["parameters"][name] = value;
        write_file_atomically(path("", "manifest.json"), out.dump(1) + "\n", options.overwrite);
    }
};
}  // namespace

SimulateSummary simulate_dataset(Context const& ctx,
                                 SimulateOptions const& options,
                                 SimulateProgress const& progress)
{
    for (BeamFile const& file : options.files)
        class_fractions(options.parameters, file);  // throws before anything is written
    prepare_folder(options);
    Writer writer{ctx, options, progress,
                  Simulator(options.parameters, options.map, options.seed, options.detector_seed)};
    nlohmann::ordered_json files = nlohmann::ordered_json::array();
    for (BeamFile const& file : options.files)
        files.push_back(writer.write_file(file));
    writer.write_tables();
    writer.write_manifest(files);
    return writer.summary;
}
}  // namespace calofuse
