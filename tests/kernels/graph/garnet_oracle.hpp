/// \file tests/kernels/graph/garnet_oracle.hpp
/// Cases, inputs and the definition of GarNet's two operators in double, forward and backward.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <ostream>
#include <vector>

#include "kernels/graph/garnet.hpp"
#include "tests/support/backend_test.hpp"

namespace calofuse::test::garnet {
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
inline constexpr double kEps = 1.2e-7;
inline constexpr GarNetOptions kSimplified{.form = GarNetForm::simplified};

struct Case {
    char const* name;
    std::vector<std::int32_t> row_ptr;
    std::size_t features, aggregators, outputs;
    GarNetOptions options = {};
    std::size_t spare = 0;    ///< rows of the tensors that no graph owns
    bool gradcheck = true;    ///< small and without ties
    bool duplicates = false;  ///< every second node repeats the one before it

    std::size_t graphs() const { return row_ptr.size() - 1; }
    std::size_t nodes() const { return static_cast<std::size_t>(row_ptr.back()); }
    std::size_t rows() const { return nodes() + spare; }
    bool full() const { return options.form == GarNetForm::full; }
    std::size_t collected() const { return features + aggregators; }
    std::size_t width() const { return full() ? 2 * collected() : features; }
    std::size_t begin(std::size_t b) const { return static_cast<std::size_t>(row_ptr[b]); }
    std::size_t end(std::size_t b) const { return static_cast<std::size_t>(row_ptr[b + 1]); }
    std::size_t most_nodes() const
    {
        std::size_t most = 1;
        for (std::size_t b = 0; b < graphs(); ++b)
            most = std::max(most, end(b) - begin(b));
        return most;
    }
};
inline void PrintTo(Case const& c, std::ostream* os)
{
    *os << c.name;
}

inline std::vector<std::int32_t> graphs_of(std::initializer_list<std::int32_t> sizes)
{
    std::vector<std::int32_t> row_ptr{0};
    for (std::int32_t const n : sizes)
        row_ptr.push_back(row_ptr.back() + n);
    return row_ptr;
}
inline std::vector<std::int32_t> many_graphs()
{
    std::vector<std::int32_t> row_ptr{0};
    for (std::int32_t b = 0; b < (on_cuda() ? 8 : 50); ++b)
        row_ptr.push_back(row_ptr.back() + b % 7 * 6);
    return row_ptr;
}

/// Inputs and what comes from above; rows that no graph owns are NaN.
struct Data {
    std::vector<float> f, d, dagg, dw;  ///< collect
    std::vector<float> z, base, dy;     ///< spread
};

inline Data data_of(Case const& c)
{
    auto const of_nodes = [&](std::size_t width, std::uint32_t seed, float most) {
        auto v = random_values(c.nodes() * width, seed, -most, most);
        for (std::size_t i = 1; c.duplicates && i < c.nodes(); i += 2)
            std::copy_n(v.begin() + static_cast<std::ptrdiff_t>((i - 1) * width), width,
                        v.begin() + static_cast<std::ptrdiff_t>(i * width));
        v.resize(c.rows() * width, kNan);
        return v;
    };
    std::size_t const sums = c.graphs() * c.aggregators;
    return {of_nodes(c.features, 1, 1),         of_nodes(c.aggregators, 2, 1.5F),
            random_values(sums * c.width(), 3), of_nodes(c.aggregators, 4, 1),
            random_values(sums * c.outputs, 5), of_nodes(c.outputs, 6, 1),
            of_nodes(c.outputs, 7, 1)};
}

using Values = std::vector<double>;
/// The rows of all graphs of a node tensor, or all of another one.
inline Values widened(std::vector<float> const& v, std::size_t size)
{
    return {v.begin(), v.begin() + static_cast<std::ptrdiff_t>(size)};
}

inline double weight(Case const& c, double d)
{
    return std::exp(c.options.kernel == GarNetKernel::square ? -d * d : -std::abs(d));
}
inline double weight_slope(Case const& c, double d)
{
    double const sign = d > 0 ? 1 : d < 0 ? -1 : 0;
    return c.options.kernel == GarNetKernel::square ? -2 * d * weight(c, d) : -sign * weight(c, d);
}

struct Collected {
    Values w, agg;
};
struct CollectGradients {
    Values f, d;
};

/// With `gradients`, those of sum dagg agg + sum dw w are added to them.
inline Collected collect(Case const& c,
                         Values const& f,
                         Values const& d,
                         Data const* from_above = nullptr,
                         CollectGradients* gradients = nullptr)
{
    Collected out{{}, Values(c.graphs() * c.aggregators * c.width(), 0)};
    for (double const distance : d)
        out.w.push_back(weight(c, distance));
    Values dw(d.size(), 0);
    if (gradients != nullptr) dw = widened(from_above->dw, d.size());
    /// g[v] = concat(f[v], w[v]) and its gradient
    auto const g = [&](std::size_t v, std::size_t e) {
        return e < c.features ? f[v * c.features + e] : out.w[v * c.aggregators + e - c.features];
    };
    auto const add_gradient = [&](std::size_t v, std::size_t a, std::size_t e, double from) {
        double& dg = e < c.features ? gradients->f[v * c.features + e]
                                    : dw[v * c.aggregators + e - c.features];
        dg += from * out.w[v * c.aggregators + a];
        dw[v * c.aggregators + a] += from * g(v, e);
    };
    for (std::size_t b = 0; b < c.graphs(); ++b)
        for (std::size_t a = 0; a < c.aggregators; ++a)
            for (std::size_t e = 0; e < (c.full() ? c.collected() : c.features); ++e) {
                auto const count = c.end(b) - c.begin(b);
                auto const padded = static_cast<std::size_t>(c.options.padded_nodes);
                double const n = static_cast<double>(
                    c.options.mean == GarNetMean::count ? std::max<std::size_t>(count, 1) : padded);
                double sum = 0, largest = count < padded || count == 0 ? 0 : -1e300;
                std::size_t best = c.nodes();  // none
                for (std::size_t v = c.begin(b); v < c.end(b); ++v) {
                    double const term = out.w[v * c.aggregators + a] * g(v, e);
                    sum += term;
                    if (term > largest) best = v;
                    largest = std::max(largest, term);
                }
                std::size_t const at = (b * c.aggregators + a) * c.width() + e;
                std::size_t const mean_at = c.full() ? at + c.collected() : at;
                out.agg[mean_at] = sum / n;
                if (c.full()) out.agg[at] = largest;
                if (gradients == nullptr) continue;
                for (std::size_t v = c.begin(b); v < c.end(b); ++v)
                    add_gradient(v, a, e, static_cast<double>(from_above->dagg[mean_at]) / n);
                if (c.full() && best < c.nodes()) add_gradient(best, a, e, from_above->dagg[at]);
            }
    for (std::size_t e = 0; gradients != nullptr && e < d.size(); ++e)
        gradients->d[e] += dw[e] * weight_slope(c, d[e]);
    return out;
}

struct SpreadGradients {
    Values w, z;
};

/// With `gradients`, those of sum dy y are added to them.
inline Values spread(Case const& c,
                     Values const& w,
                     Values const& z,
                     Values const& base,
                     Data const* from_above = nullptr,
                     SpreadGradients* gradients = nullptr)
{
    Values y(base);
    for (std::size_t b = 0; b < c.graphs(); ++b)
        for (std::size_t v = c.begin(b); v < c.end(b); ++v)
            for (std::size_t a = 0; a < c.aggregators; ++a)
                for (std::size_t o = 0; o < c.outputs; ++o) {
                    std::size_t const at_w = v * c.aggregators + a;
                    std::size_t const at_z = (b * c.aggregators + a) * c.outputs + o;
                    y[v * c.outputs + o] += w[at_w] * z[at_z];
                    if (gradients == nullptr) continue;
                    double const dy = from_above->dy[v * c.outputs + o];
                    gradients->w[at_w] += dy * z[at_z];
                    gradients->z[at_z] += dy * w[at_w];
                }
    return y;
}
}  // namespace calofuse::test::garnet
