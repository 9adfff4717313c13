#include "io/focalh/simulator/canvas.hpp"

#include <cmath>

#include "io/focalh/simulator/math.hpp"

namespace calofuse::simulator {
namespace {
constexpr float kOuterHalf = 9.75F;  // cm
constexpr float kOuterPitch = 1.3F;
constexpr float kCentreHalf = 3.25F;
constexpr float kCentrePitch = 6.5F / 7;
constexpr double kLeastEnergy = 1e-4;  // GeV; less is far below the noise

/// Distances of the kCells + 1 grid lines from a shower axis, and what F needs of each.
template <int kCells>
struct Lines {
    static constexpr int kCount = kCells + 1;
    alignas(32) float u[kCount];
    alignas(32) float a[kCount];  // sqrt(u^2 + R^2)
    alignas(32) float u_over_a[kCount];

    Lines(float half, float pitch, float axis, float r)
    {
        for (int i = 0; i < kCount; ++i) {
            u[i] = static_cast<float>(i) * pitch - half - axis;
            a[i] = std::sqrt(u[i] * u[i] + r * r);
            u_over_a[i] = u[i] / a[i];
        }
    }
};

/// grid[row][col] += scale * (F differences); scale holds the energy and 1 / (2 pi).
template <int kCells>
void spread(float* grid, Lines<kCells> const& x, Lines<kCells> const& y, float scale)
{
    constexpr int kCount = kCells + 1;
    alignas(32) float corners[2][kCount];
    for (int j = 0; j < kCount; ++j) {
        float* const now = corners[j & 1];
        float const* const below = corners[1 - (j & 1)];
        float const v = y.u[j];
        float const b = y.a[j];
        float const v_over_b = y.u_over_a[j];
        for (int i = 0; i < kCount; ++i)
            now[i] = x.u_over_a[i] * atan_ratio(v, x.a[i]) + v_over_b * atan_ratio(x.u[i], b);
        if (j == 0) continue;
        float* const row = grid + (kCells - j) * kCells;  // row 0 is the top
        for (int i = 0; i < kCells; ++i)
            row[i] += scale * ((now[i + 1] - now[i]) - (below[i + 1] - below[i]));
    }
}

int cell_index(double distance, double pitch, int cells)
{
    return std::clamp(static_cast<int>(distance / pitch), 0, cells - 1);
}

/// out = in after the exchange, for one n x n module whose rows lie `stride` apart.
void exchange(float const* in, int stride, int n, float crosstalk, float* out)
{
    for (int r = 0; r < n; ++r) {
        for (int c = 0; c < n; ++c) {
            float const* const here = in + r * stride + c;
            float sum = 0;
            if (r > 0) sum += here[-stride] - *here;
            if (r + 1 < n) sum += here[stride] - *here;
            if (c > 0) sum += here[-1] - *here;
            if (c + 1 < n) sum += here[1] - *here;
            out[r * n + c] = *here + crosstalk * sum;
        }
    }
}
}  // namespace

void Canvas::add(double e, double x, double y, double r)
{
    if (!(e > kLeastEnergy)) return;
    float const fx = static_cast<float>(x);
    float const fy = static_cast<float>(y);
    float const fr = static_cast<float>(r);
    float const scale = static_cast<float>(e / (4.0 * static_cast<double>(kHalfPi)));
    spread<15>(outer_.data(), {kOuterHalf, kOuterPitch, fx, fr}, {kOuterHalf, kOuterPitch, fy, fr},
               scale);
    spread<7>(centre_.data(), {kCentreHalf, kCentrePitch, fx, fr},
              {kCentreHalf, kCentrePitch, fy, fr}, scale);
}

void Canvas::add_point(double e, double x, double y)
{
    constexpr double kOuter = kOuterHalf;
    constexpr double kCentre = kCentreHalf;
    if (!(std::abs(x) < kOuter && std::abs(y) < kOuter)) return;
    auto const add_to = [&](float* grid, double half, double pitch, int n) {
        int const col = cell_index(x + half, pitch, n);
        int const row = cell_index(half - y, pitch, n);
        grid[row * n + col] += static_cast<float>(e);
    };
    add_to(outer_.data(), kOuter, 1.3, 15);
    if (std::abs(x) < kCentre && std::abs(y) < kCentre)
        add_to(centre_.data(), kCentre, kModuleSideCm / 7, 7);
}

void Canvas::add_scaled(Canvas const& other, float weight)
{
    for (std::size_t i = 0; i < outer_.size(); ++i)
        outer_[i] += weight * other.outer_[i];
    for (std::size_t i = 0; i < centre_.size(); ++i)
        centre_[i] += weight * other.centre_[i];
}

std::array<float, kNumCells> Canvas::cells(float crosstalk) const
{
    std::array<float, kNumCells> out;
    for (int module = 0; module < kNumModules; ++module) {
        float* const first = out.data() + module_begin(module);
        if (module == kCentreModule)
            exchange(centre_.data(), 7, 7, crosstalk, first);
        else
            exchange(outer_.data() + 15 * 5 * (module / 3) + 5 * (module % 3), 15, 5, crosstalk,
                     first);
    }
    return out;
}
}  // namespace calofuse::simulator
