#include "io/focalh/simulator/simulator.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "runtime/error.hpp"
#include "tests/io/focalh/simulator/events.hpp"

namespace calofuse::test {
namespace {
TEST(Simulator, same_bytes_for_any_threads_and_blocks)
{
    Simulator const simulator = simulator_of();
    Events const whole = generate(simulator, kHadron100, 0, 500, 1);
    for (int const threads : {2, 3}) {
        Events const again = generate(simulator, kHadron100, 0, 500, threads);
        EXPECT_EQ(again.adc, whole.adc);
        EXPECT_EQ(again.truth, whole.truth);
    }
    Events pieces;
    for (auto const& [first, count] : {std::pair{0, 1}, {1, 64}, {65, 0}, {65, 435}}) {
        Events const piece = generate(simulator_of(), kHadron100, first, count);
        pieces.adc.insert(pieces.adc.end(), piece.adc.begin(), piece.adc.end());
        pieces.truth.insert(pieces.truth.end(), piece.truth.begin(), piece.truth.end());
    }
    EXPECT_EQ(pieces.adc, whole.adc);
    EXPECT_EQ(pieces.truth, whole.truth);
}

TEST(Simulator, high_gain_is_the_same_beside_other_planes)
{
    Simulator const simulator = simulator_of();
    Events const high = generate(simulator, kHadron100, 0, 100);
    Events const all = generate(simulator, kHadron100, 0, 100, 2, Planes::all);
    EXPECT_EQ(all.truth, high.truth);
    for (std::size_t e = 0; e < 100; ++e)
        for (std::size_t c = 0; c < kNumChannels; ++c)
            ASSERT_EQ(all.adc[e * 4 * kNumChannels + c], high.adc[e * kNumChannels + c]);
}

/// Events of two seeds, labels, energies and indices: no two alike, and not the same particle.
TEST(Simulator, everything_in_the_key_matters)
{
    Events const a = generate(simulator_of(), kHadron100, 0, 200);
    Events const others[] = {generate(simulator_of({}, 2), kHadron100, 0, 200),
                             generate(simulator_of(), {Label::hadron, 120}, 0, 200),
                             generate(simulator_of(), {Label::electron, 100}, 0, 200),
                             generate(simulator_of(), kHadron100, 200, 200)};
    for (Events const& b : others) {
        for (std::size_t e = 0; e < 200; ++e) {
            auto const at = static_cast<std::ptrdiff_t>(e * kNumChannels);
            ASSERT_FALSE(std::equal(a.adc.begin() + at, a.adc.begin() + at + kNumChannels,
                                    b.adc.begin() + at));
            ASSERT_NE(a.truth[e * kTruthColumns + 3], b.truth[e * kTruthColumns + 3]);
        }
    }
}

TEST(Simulator, detector_depends_on_its_own_seed_only)
{
    ChannelMap const map = ChannelMap::focalh_prototype2();
    Simulator const a({}, map, 1, 7);
    Simulator const b({}, map, 2, 7);
    Simulator const c({}, map, 1, 8);
    EXPECT_EQ(a.detector().gain, b.detector().gain);
    EXPECT_EQ(a.detector().ped_hg, b.detector().ped_hg);
    EXPECT_NE(a.detector().gain, c.detector().gain);
    double log_gain = 0, square = 0;
    for (float const g : a.detector().gain) {
        log_gain += std::log(static_cast<double>(g)) / kNumCells;
        square += std::pow(std::log(static_cast<double>(g)), 2) / kNumCells;
    }
    EXPECT_NEAR(log_gain, 0, 4 * 0.10 / std::sqrt(kNumCells));
    EXPECT_NEAR(std::sqrt(square), 0.10, 4 * 0.10 / std::sqrt(2.0 * kNumCells));
}

TEST(Simulator, values_are_in_range_and_unused_channels_are_zero)
{
    SimulatorParameters p;
    p.adc_max = 4095;
    Simulator const simulator = simulator_of(p);
    ChannelMap const map = ChannelMap::focalh_prototype2();
    Events const events = generate(simulator, {Label::electron, 300}, 0, 300, 2, Planes::all);
    std::vector<std::int32_t> const unused = map.unused_channels();
    std::int16_t largest = 0;
    for (std::size_t i = 0; i < events.adc.size(); ++i) {
        std::size_t const plane = i / kNumChannels % 4;
        auto const channel = static_cast<std::int32_t>(i % kNumChannels);
        ASSERT_GE(events.adc[i], 0);
        constexpr int kLargest[] = {4095, 4095, 32'767, 511};
        ASSERT_LE(events.adc[i], kLargest[plane]);
        if (plane == 0) largest = std::max(largest, events.adc[i]);
        if (std::count(unused.begin(), unused.end(), channel) > 0) {
            ASSERT_EQ(events.adc[i], 0);
        }
    }
    EXPECT_EQ(largest, 4095);
}

TEST(Simulator, time_planes_are_set_where_the_signal_is)
{
    SimulatorParameters p;
    p.noise_hg = p.cm_hg = p.gain_sigma = p.ped_ch_sigma = p.sampling = 0;
    Simulator const simulator = simulator_of(p);
    Events const events = generate(simulator, {Label::electron, 100}, 0, 200, 2, Planes::all);
    ChannelMap const map = ChannelMap::focalh_prototype2();
    int fired = 0;
    for (std::size_t e = 0; e < 200; ++e) {
        for (Cell const& cell : map.cells) {
            std::int16_t const* const at =
                events.adc.data() + e * 4 * kNumChannels + static_cast<std::size_t>(cell.channel);
            double const signal = at[0] - p.ped_hg[static_cast<std::size_t>(cell.channel / 64)];
            if (std::abs(signal - p.thr_adc) <= 1) continue;  // rounding decides
            ASSERT_EQ(at[2 * kNumChannels] > 0, signal > p.thr_adc);
            ASSERT_EQ(at[3 * kNumChannels] > 0, signal > p.thr_adc);
            fired += signal > p.thr_adc;
        }
    }
    EXPECT_GT(fired, 200);
}

/// Extreme but allowed settings: nothing but finite numbers in range.
TEST(Simulator, survives_the_ends_of_every_range)
{
    for (OptionSpec const& spec : simulator_schema()) {
        for (double const end : {spec.min, spec.max}) {
            Options options(simulator_schema());
            if (std::holds_alternative<double>(spec.fallback))
                options.set(spec.key, end);
            else
                options.set(spec.key, static_cast<std::int64_t>(end));
            SimulatorParameters const p = simulator_parameters(options);
            for (BeamFile const& file : {BeamFile{Label::electron, 5}, BeamFile{Label::hadron, 5},
                                         BeamFile{Label::electron, 500}, kHadron100}) {
                try {
                    class_fractions(p, file);
                } catch (Error const& e) {
                    EXPECT_EQ(e.code(), "CF-SIM-02");
                    continue;
                }
                Events const events = generate(simulator_of(p), file, 0, 20, 1, Planes::all);
                for (float const v : events.truth)
                    ASSERT_TRUE(std::isfinite(v)) << spec.key << " = " << end;
                for (std::int16_t const v : events.adc)
                    ASSERT_GE(v, 0) << spec.key << " = " << end;
            }
        }
    }
}

TEST(SimulatorParameters, defaults_pass_through_the_options)
{
    Options options{simulator_schema()};
    EXPECT_EQ(simulator_values(simulator_parameters(options)),
              simulator_values(SimulatorParameters{}));
    options.set("simulate.tilt_deg", 0.5);
    options.set("simulate.ped_hg3", 50.0);
    options.set("simulate.adc_max", std::int64_t{4095});
    SimulatorParameters const p = simulator_parameters(options);
    EXPECT_EQ(p.tilt_deg, 0.5);
    EXPECT_EQ(p.ped_hg[3], 50.0);
    EXPECT_EQ(p.adc_max, 4095);
    for (OptionSpec const& spec : simulator_schema())
        EXPECT_NO_THROW(checked(spec, spec.fallback, "default")) << spec.key;
}

TEST(Simulator, fractions_add_up)
{
    for (BeamFile const& file : default_beam_files()) {
        auto const f = class_fractions({}, file);
        EXPECT_NEAR(std::accumulate(f.begin(), f.end(), 0.0), 1, 1e-12);
        EXPECT_GT(*std::min_element(f.begin(), f.end()), 0);
    }
    SimulatorParameters p;
    p.empty = 0.99;
    EXPECT_THROW(class_fractions(p, kHadron100), Error);
}

TEST(Simulator, energies_are_parsed)
{
    EXPECT_EQ(parse_beam_files("").size(), 19U);
    std::vector<BeamFile> const files = parse_beam_files("60,e20,h350");
    ASSERT_EQ(files.size(), 4U);
    EXPECT_EQ(files[0].label, Label::electron);
    EXPECT_EQ(files[1].label, Label::hadron);
    EXPECT_EQ(files[1].energy_gev, 60);
    EXPECT_EQ(files[2].energy_gev, 20);
    EXPECT_EQ(files[3].label, Label::hadron);
    for (char const* bad : {",", "60,", ",60", "x20", "e", "20GeV", "4", "501", "-60", "6e1",
                            "60.5", "60,60", "60,h60", "99999999999", " 60", "eh60"}) {
        try {
            parse_beam_files(bad);
            ADD_FAILURE() << bad;
        } catch (Error const& e) {
            EXPECT_EQ(e.code(), "CF-SIM-01") << bad;
            EXPECT_EQ(e.exit(), Exit::usage);
        }
    }
}

TEST(Simulator, wrong_sizes_are_refused)
{
    Simulator const simulator = simulator_of();
    Context const ctx = Context::cpu(1);
    std::vector<std::int16_t> adc(256);
    std::vector<float> truth(8);
    auto const call = [&](std::int64_t first, std::int64_t count, Planes planes, Label label) {
        simulator.generate(ctx, {label, 100}, first, count, planes, adc, truth);
    };
    EXPECT_NO_THROW(call(0, 1, Planes::high_gain, Label::hadron));
    EXPECT_THROW(call(0, 2, Planes::high_gain, Label::hadron), Error);
    EXPECT_THROW(call(0, 1, Planes::all, Label::hadron), Error);
    EXPECT_THROW(call(-1, 1, Planes::high_gain, Label::hadron), Error);
    EXPECT_THROW(call(0, 1, Planes::high_gain, Label::unknown), Error);
    truth.resize(9);
    EXPECT_THROW(call(0, 1, Planes::high_gain, Label::hadron), Error);
}
}  // namespace
}  // namespace calofuse::test
