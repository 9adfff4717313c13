/// \file io/focalh/simulator/simulator.hpp
/// Test-beam events of the FoCal-H prototype in its raw format. An event is a pure function of
/// (seed, label, beam energy, index in its file) and of the detector's constants, which come from a
/// seed of their own: the same bytes for any number of threads, blocks and other files, as long as
/// the program is the same build.
///
/// simulator_beam.cpp     who comes and where: class, beam spot, pile-up, contamination
/// simulator_shower.cpp   particles to energy; simulator_canvas.cpp: energy to cells
/// simulator_digitise.cpp cells to ADC counts
/// simulator_dataset.cpp  the folder that `calofuse simulate` writes
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/atomic_file.hpp"
#include "io/focalh/simulator/parameters.hpp"
#include "runtime/context.hpp"
#include "runtime/focalh/channel_map.hpp"
#include "runtime/focalh/events.hpp"

namespace calofuse {
/// True class of an event, the first number of its truth row.
enum class TrueClass : std::uint8_t { electron = 0, hadron = 1, muon = 2, empty = 3, sparse = 4 };
inline constexpr int kNumTrueClasses = 5;
constexpr char const* name_of(TrueClass c)
{
    constexpr char const* kNames[] = {"electron", "hadron", "muon", "empty", "sparse"};
    return kNames[static_cast<int>(c)];
}

/// One file of the test beam.
struct BeamFile {
    Label label = Label::electron;
    int energy_gev = 100;
};
/// 9 electron files of 20..300 GeV, 10 hadron files of 60..350 GeV.
std::vector<BeamFile> default_beam_files();
/// "60,100" both labels, "e20,h350" one; empty = default_beam_files(). Throws CF-SIM-01.
std::vector<BeamFile> parse_beam_files(std::string const& text);

/// Fixed properties of each cell's channel, in cell order.
struct DetectorConstants {
    std::array<float, kNumCells> gain{};              ///< relative
    std::array<float, kNumCells> hg_lg{};             ///< ratio of high to low gain
    std::array<float, kNumCells> ped_hg{}, ped_lg{};  ///< ADC
};

enum class Planes : std::uint8_t { high_gain = 1, all = 4 };  ///< all = HG, LG, TOA, TOT
inline constexpr int kTruthColumns = 8;                       ///< cls pileup E x y z0 fem evis

class Simulator {
  public:
    Simulator(SimulatorParameters const& parameters,
              ChannelMap const& map,
              std::uint64_t seed = 1,
              std::uint64_t detector_seed = 5202);
    ~Simulator();
    Simulator(Simulator&&) noexcept;

    DetectorConstants const& detector() const;

    /// Events [first, first + count) of a file.
    /// adc: (count, 256) or (count, 4, 256); truth: (count, 8), or empty if not wanted.
    void generate(Context const& ctx,
                  BeamFile const& file,
                  std::int64_t first,
                  std::int64_t count,
                  Planes planes,
                  std::span<std::int16_t> adc,
                  std::span<float> truth) const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Fractions of the true classes in a file. Throws CF-SIM-02 if the parameters leave less than
/// nothing for the file's own class.
std::array<double, kNumTrueClasses> class_fractions(SimulatorParameters const& parameters,
                                                    BeamFile const& file);

struct SimulateOptions {
    std::string out;  ///< folder; made if missing
    std::int64_t events_per_file = 1000;
    std::vector<BeamFile> files = default_beam_files();
    std::uint64_t seed = 1;
    std::uint64_t detector_seed = 5202;
    ChannelMap map = ChannelMap::focalh_prototype2();
    SimulatorParameters parameters;
    Planes planes = Planes::high_gain;
    Overwrite overwrite = Overwrite::no;
};
struct SimulateSummary {
    std::int64_t num_files = 0, num_events = 0;
    std::array<std::int64_t, kNumTrueClasses> class_counts{};
};
/// Called after each block with events done and to do; what it throws ends the work, and the file
/// at hand is not left behind.
using SimulateProgress = std::function<void(std::int64_t done, std::int64_t total)>;

/// Writes OUT/{electron,hadron}/*.npy, OUT/truth/*.npy, OUT/truth/detector.csv, OUT/pedestals.csv
/// and, last, OUT/manifest.json. Throws CF-SIM-03 if OUT holds anything and may not be overwritten,
/// CF-SIM-04 if it holds event files that this run would not replace.
SimulateSummary simulate_dataset(Context const& ctx,
                                 SimulateOptions const& options,
                                 SimulateProgress const& progress);
}  // namespace calofuse
