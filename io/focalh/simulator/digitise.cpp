#include "io/focalh/simulator/digitise.hpp"

#include <cmath>

namespace calofuse::simulator {
namespace {
constexpr std::uint32_t kDetectorFile = 0xffffffffU;  // no file has it: as a float it is NaN
constexpr int kRow = 256;                             // normals for the cells, padded

/// Standard normals; block b of the lane gives numbers 2b, 2b + 1 of both halves.
template <int kCount>
void fill_normals(EventKey const& key, std::uint32_t lane, std::array<float, kCount>& out)
{
    static_assert(kCount % 4 == 0);
    std::array<std::uint32_t, kCount / 2> first;
    std::array<std::uint32_t, kCount / 2> second;
    for (std::size_t b = 0; b < kCount / 4; ++b) {
        PhiloxWords const words = key.words(lane, b);
        first[2 * b] = words.w[0];
        first[2 * b + 1] = words.w[1];
        second[2 * b] = words.w[2];
        second[2 * b + 1] = words.w[3];
    }
    for (std::size_t i = 0; i < kCount / 2; ++i)
        normal_pair(first[i], second[i], out[i], out[i + kCount / 2]);
}
}  // namespace

DetectorConstants draw_detector(SimulatorParameters const& p,
                                ChannelMap const& map,
                                std::uint64_t detector_seed)
{
    DetectorConstants out;
    for (std::size_t i = 0; i < map.cells.size(); ++i) {
        auto const channel = static_cast<std::size_t>(map.cells[i].channel);
        EventRandom rng({detector_seed, kDetectorFile, channel});
        out.gain[i] = static_cast<float>(std::exp(p.gain_sigma * rng.normal()));
        out.hg_lg[i] = static_cast<float>(p.hg_lg * (1 + p.hglg_sigma * rng.normal()));
        out.ped_hg[i] = static_cast<float>(p.ped_hg[channel / 64] + p.ped_ch_sigma * rng.normal());
        out.ped_lg[i] =
            static_cast<float>(p.ped_lg[channel / 64] + 0.5 * p.ped_ch_sigma * rng.normal());
    }
    return out;
}

Digitiser::Digitiser(SimulatorParameters const& parameters,
                     ChannelMap const& map,
                     DetectorConstants const& detector)
    : p_(parameters), detector_(detector), channel_(map.channels())
{
    for (std::size_t i = 0; i < board_.size(); ++i)
        board_[i] = channel_[i] / 64;
}

void Digitiser::store(CellValues const& value, float max, std::int16_t* adc) const
{
    std::array<std::int32_t, kNumCells> whole;
    for (std::size_t i = 0; i < whole.size(); ++i)
        whole[i] =
            static_cast<std::int32_t>(std::nearbyint(std::min(std::max(value[i], 0.0F), max)));
    std::fill(adc, adc + kNumChannels, std::int16_t{0});
    for (std::size_t i = 0; i < whole.size(); ++i)
        adc[channel_[i]] = static_cast<std::int16_t>(whole[i]);
}

void Digitiser::run(EventKey const& key,
                    std::array<float, kNumCells> const& energy,
                    Planes planes,
                    std::int16_t* adc) const
{
    std::array<float, 2 * kRow> normals;  // sampling 0..248, boards 249..252, noise 256..504
    fill_normals<2 * kRow>(key, kNoiseLane, normals);
    float const* const board_noise = normals.data() + kNumCells;
    float const* const cell_noise = normals.data() + kRow;
    auto const sampling = static_cast<float>(p_.sampling);
    auto const full_scale = static_cast<float>(p_.sipm_cells / p_.pe_per_gev);  // GeV
    float const per_full_scale = 1.0F / full_scale;
    auto const per_gev = static_cast<float>(p_.adc_per_gev);
    auto const common = static_cast<float>(p_.cm_hg);
    auto const noise = static_cast<float>(p_.noise_hg);
    CellValues signal;
    CellValues high_gain;
    for (std::size_t i = 0; i < signal.size(); ++i) {
        float const e = std::max(energy[i], 0.0F);
        float const sampled = std::max(e + sampling * std::sqrt(e) * normals[i], 0.0F);
        float const seen = full_scale * one_minus_exp(sampled * per_full_scale);
        signal[i] = per_gev * detector_.gain[i] * seen;
        high_gain[i] = detector_.ped_hg[i] + signal[i] + common * board_noise[board_[i]]
                       + noise * cell_noise[i];
    }
    store(high_gain, static_cast<float>(p_.adc_max), adc);
    if (planes == Planes::high_gain) return;
    low_gain(key, signal, adc + kNumChannels);
    times(key, signal, adc + 2 * kNumChannels);
}

void Digitiser::low_gain(EventKey const& key, CellValues const& signal, std::int16_t* adc) const
{
    std::array<float, kRow> normals;
    fill_normals<kRow>(key, kLowGainLane, normals);
    auto const noise = static_cast<float>(p_.noise_lg);
    CellValues value;
    for (std::size_t i = 0; i < value.size(); ++i)
        value[i] = detector_.ped_lg[i] + signal[i] / detector_.hg_lg[i] + noise * normals[i];
    store(value, static_cast<float>(p_.adc_max), adc);
}

/// Time of arrival and time over threshold of cells above threshold; others have neither.
void Digitiser::times(EventKey const& key, CellValues const& signal, std::int16_t* adc) const
{
    constexpr float kMaxTime = 32'767;
    std::array<float, kRow> normals;
    fill_normals<kRow>(key, kTimeLane, normals);
    auto const per_threshold = static_cast<float>(1 / p_.thr_adc);
    CellValues toa;
    CellValues tot;
    for (std::size_t i = 0; i < toa.size(); ++i) {
        float const ratio = signal[i] * per_threshold;
        bool const fired = ratio > 1;
        float const amplitude = std::max(ratio, 1.0F);
        toa[i] = fired ? static_cast<float>(p_.toa0)
                             + static_cast<float>(p_.toa_walk) / std::sqrt(amplitude)
                             + static_cast<float>(p_.toa_jit) * normals[i]
                       : 0.0F;
        tot[i] = fired ? static_cast<float>(p_.tot0)
                             + static_cast<float>(p_.tot_slope) * log_of(amplitude)
                       : 0.0F;
    }
    store(toa, kMaxTime, adc);
    store(tot, static_cast<float>(p_.tot_max), adc + kNumChannels);
}
}  // namespace calofuse::simulator
