#include "io/focalh/module_activation.hpp"

#include <algorithm>
#include <cmath>

#include "io/focalh/event_quality.hpp"

namespace calofuse {
void ModuleActivation::add(std::array<double, kNumModules> const& activation)
{
    auto const add_sides = [](Sides& s, double a, double b) {
        s.a += a;
        s.b += b;
        s.aa += a * a;
        s.bb += b * b;
        s.ab += a * b;
    };
    ++num_events_;
    for (std::size_t m = 0; m < activation.size(); ++m)
        sum_[m] += activation[m];
    add_sides(horizontal_, activation[2] + activation[5] + activation[8],
              activation[0] + activation[3] + activation[6]);
    add_sides(vertical_, activation[0] + activation[1] + activation[2],
              activation[6] + activation[7] + activation[8]);
}

ModuleActivation& ModuleActivation::operator+=(ModuleActivation const& other)
{
    auto const add_sides = [](Sides& s, Sides const& o) {
        s.a += o.a;
        s.b += o.b;
        s.aa += o.aa;
        s.bb += o.bb;
        s.ab += o.ab;
    };
    num_events_ += other.num_events_;
    for (std::size_t m = 0; m < sum_.size(); ++m)
        sum_[m] += other.sum_[m];
    add_sides(horizontal_, other.horizontal_);
    add_sides(vertical_, other.vertical_);
    return *this;
}

std::array<double, kNumModules> ModuleActivation::mean() const
{
    std::array<double, kNumModules> out = sum_;
    for (double& v : out)
        v /= static_cast<double>(std::max<std::int64_t>(num_events_, 1));
    return out;
}

Asymmetry ModuleActivation::asymmetry(Sides const& s) const
{
    auto const n = static_cast<double>(num_events_);
    double const both = s.a + s.b;
    if (both <= 0) return {};  // nothing leans to no side
    double const a = s.a / n, b = s.b / n;
    // A = (a - b) / (a + b): dA = 2 (b da - a db) / (a + b)^2, with the errors of the two means.
    double const spread =
        b * b * (s.aa / n - a * a) + a * a * (s.bb / n - b * b) - 2 * a * b * (s.ab / n - a * b);
    double const scale = 2 / ((a + b) * (a + b));
    return {(a - b) / (a + b), scale * std::sqrt(std::max(0.0, spread) / n)};
}

std::array<double, kNumModules> activation_of_modules(std::span<std::uint16_t const> adc,
                                                      ChannelMap const& map,
                                                      std::span<float const> pedestals)
{
    std::array<double, kNumModules> out = {};
    for (Cell const& cell : map.cells) {
        auto const c = static_cast<std::size_t>(cell.channel);
        double const above = static_cast<double>(adc[c]) - static_cast<double>(pedestals[c]);
        if (above > kEmptyTriggerThreshold) out[static_cast<std::size_t>(cell.module)] += above;
    }
    return out;
}

std::map<std::pair<Label, float>, ModuleActivation> module_activations(
    FocalhEvents const& events, std::span<float const> pedestals)
{
    std::map<std::pair<Label, float>, ModuleActivation> out;
    for (std::int64_t row = 0; row < events.size(); ++row) {
        auto const i = static_cast<std::size_t>(row);
        out[{static_cast<Label>(events.label[i]), events.energy_gev[i]}].add(
            activation_of_modules(events.event(row), events.map, pedestals));
    }
    return out;
}
}  // namespace calofuse
