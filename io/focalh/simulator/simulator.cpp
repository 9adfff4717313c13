#include "io/focalh/simulator/simulator.hpp"

#include <bit>
#include <charconv>
#include <numeric>

#include "io/focalh/simulator/beam.hpp"
#include "io/focalh/simulator/digitise.hpp"
#include "runtime/error.hpp"
#include "runtime/parallel.hpp"

namespace calofuse {
namespace {
constexpr int kElectronGev[] = {20, 40, 60, 80, 100, 150, 200, 250, 300};
constexpr int kHadronGev[] = {60, 80, 100, 120, 150, 180, 200, 250, 300, 350};
constexpr int kLeastGev = 5;
constexpr int kMostGev = 500;
constexpr std::int64_t kChunk = 64;  // events handed to a thread at a time

/// What tells files apart: the bits of the energy as a float, the label in place of its sign.
std::uint32_t file_identity(BeamFile const& file)
{
    auto const bits = std::bit_cast<std::uint32_t>(static_cast<float>(file.energy_gev));
    return bits | (file.label == Label::electron ? 0x80000000U : 0U);
}

[[noreturn]] void refuse_item(std::string const& item)
{
    throw Error(Exit::usage, "CF-SIM-01",
                "energies: " + quoted(item) + " is not a whole number of GeV from "
                    + std::to_string(kLeastGev) + " to " + std::to_string(kMostGev)
                    + ", with e or h before it or not",
                "e.g. --energies 60,100 or --energies e20,e300,h350");
}
}  // namespace

std::vector<BeamFile> default_beam_files()
{
    std::vector<BeamFile> out;
    for (int const energy : kElectronGev)
        out.push_back({Label::electron, energy});
    for (int const energy : kHadronGev)
        out.push_back({Label::hadron, energy});
    return out;
}

std::vector<BeamFile> parse_beam_files(std::string const& text)
{
    if (text.empty()) return default_beam_files();
    std::vector<BeamFile> out;
    for (std::size_t begin = 0; begin <= text.size();) {
        std::size_t const end = std::min(text.find(',', begin), text.size());
        std::string const item = text.substr(begin, end - begin);
        begin = end + 1;
        bool const one_label = !item.empty() && (item[0] == 'e' || item[0] == 'h');
        char const* const digits = item.data() + (one_label ? 1 : 0);
        char const* const last = item.data() + item.size();
        int energy = 0;
        auto const [stop, status] = std::from_chars(digits, last, energy);
        if (status != std::errc{} || stop != last || energy < kLeastGev || energy > kMostGev)
            refuse_item(item);
        for (Label const label : {Label::electron, Label::hadron}) {
            if (one_label && (item[0] == 'e') != (label == Label::electron)) continue;
            for (BeamFile const& other : out)
                if (other.label == label && other.energy_gev == energy)
                    throw Error(Exit::usage, "CF-SIM-01",
                                "energies: " + quoted(item) + " is there twice",
                                "name each file once");
            out.push_back({label, energy});
        }
    }
    return out;
}

struct Simulator::State {
    SimulatorParameters parameters;
    std::uint64_t seed;
    DetectorConstants detector;
    simulator::Digitiser digitiser;

    State(SimulatorParameters const& p, ChannelMap const& map, std::uint64_t s, std::uint64_t d)
        : parameters(p)
        , seed(s)
        , detector(simulator::draw_detector(p, map, d))
        , digitiser(p, map, detector)
    {}

    void event(simulator::Beam const& beam,
               BeamFile const& file,
               std::int64_t index,
               Planes planes,
               std::int16_t* adc,
               float* truth) const
    {
        simulator::EventKey const key{seed, file_identity(file), static_cast<std::uint64_t>(index)};
        simulator::EventRandom rng(key);
        simulator::Canvas canvas;
        simulator::EventTruth const t = beam.draw(canvas, rng);
        auto const energy = canvas.cells(static_cast<float>(parameters.crosstalk));
        digitiser.run(key, energy, planes, adc);
        if (truth == nullptr) return;
        double const visible = std::accumulate(energy.begin(), energy.end(), 0.0);
        double const row[kTruthColumns] = {static_cast<double>(t.cls),
                                           static_cast<double>(t.pileup),
                                           static_cast<double>(file.energy_gev),
                                           t.x,
                                           t.y,
                                           t.particle.z0,
                                           t.particle.fem,
                                           visible};
        for (double const value : row)
            *truth++ = static_cast<float>(value);
    }
};

Simulator::Simulator(SimulatorParameters const& parameters,
                     ChannelMap const& map,
                     std::uint64_t seed,
                     std::uint64_t detector_seed)
    : state_(std::make_unique<State>(parameters, map, seed, detector_seed))
{}
Simulator::~Simulator() = default;
Simulator::Simulator(Simulator&&) noexcept = default;

DetectorConstants const& Simulator::detector() const
{
    return state_->detector;
}

void Simulator::generate(Context const& ctx,
                         BeamFile const& file,
                         std::int64_t first,
                         std::int64_t count,
                         Planes planes,
                         std::span<std::int16_t> adc,
                         std::span<float> truth) const
{
    std::int64_t const row = kNumChannels * static_cast<std::int64_t>(planes);
    CALOFUSE_CHECK(first >= 0 && count >= 0 && first + count < std::int64_t{1} << 44,
                   "events " << first << " + " << count);
    CALOFUSE_CHECK(static_cast<std::int64_t>(adc.size()) == count * row,
                   "adc holds " << adc.size() << " values for " << count << " events");
    CALOFUSE_CHECK(
        truth.empty() || static_cast<std::int64_t>(truth.size()) == count * kTruthColumns,
        "truth holds " << truth.size() << " values for " << count << " events");
    simulator::Beam const beam(state_->parameters, file);
    parallel_chunks(ctx, count, kChunk, [&](std::int64_t begin, std::int64_t end, std::int64_t) {
        for (std::int64_t i = begin; i < end; ++i)
            state_->event(beam, file, first + i, planes, adc.data() + i * row,
                          truth.empty() ? nullptr : truth.data() + i * kTruthColumns);
    });
}
}  // namespace calofuse
