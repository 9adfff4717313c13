/// \file tests/kernels/graph/gravnet_oracle.hpp
/// Cases, inputs and the definition of GravNet in double, forward and backward.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <ostream>
#include <vector>

#include "kernels/graph/gravnet.hpp"
#include "tests/support/backend_test.hpp"

namespace calofuse::test::gravnet {
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
inline constexpr double kEps = 1.2e-7;

struct Case {
    char const* name;
    GravNetVariant variant;
    std::vector<std::int32_t> row_ptr;
    std::int64_t dimensions, features, width;
    std::int64_t spare = 0;   ///< rows of the tensors that no graph owns
    bool duplicates = false;  ///< every second node repeats the one before it
    float spread = 0.5F;      ///< coordinates are in -spread .. spread
    bool gradcheck = true;    ///< small and without ties

    std::size_t graphs() const { return row_ptr.size() - 1; }
    std::size_t nodes() const { return static_cast<std::size_t>(row_ptr.back()); }
    std::size_t rows() const { return nodes() + static_cast<std::size_t>(spare); }
    std::size_t s_width() const { return static_cast<std::size_t>(dimensions); }
    std::size_t h_width() const { return static_cast<std::size_t>(features); }
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

struct Data {
    std::vector<float> s, h, dy;
    std::vector<std::int32_t> neighbour;
};

/// The nearest others by (squared distance, index), -1 after the last.
inline std::vector<std::int32_t> nearest(Case const& c, std::vector<float> const& s)
{
    auto const width = static_cast<std::size_t>(c.width);
    std::vector<std::int32_t> list(c.rows() * width, 1'000'000);
    std::fill_n(list.begin(), c.nodes() * width, -1);
    for (std::size_t b = 0; b < c.graphs(); ++b)
        for (std::int32_t i = c.row_ptr[b]; i < c.row_ptr[b + 1]; ++i) {
            std::vector<std::pair<double, std::int32_t>> others;
            for (std::int32_t j = c.row_ptr[b]; j < c.row_ptr[b + 1]; ++j) {
                double d2 = 0;
                for (std::size_t d = 0; d < c.s_width(); ++d) {
                    auto const at = [&](std::int32_t node) {
                        return static_cast<double>(
                            s[static_cast<std::size_t>(node) * c.s_width() + d]);
                    };
                    d2 += (at(i) - at(j)) * (at(i) - at(j));
                }
                if (j != i) others.emplace_back(d2, j);
            }
            std::sort(others.begin(), others.end());
            for (std::size_t k = 0; k < std::min(width, others.size()); ++k)
                list[static_cast<std::size_t>(i) * width + k] = others[k].second;
        }
    return list;
}

inline void repeat_rows(std::vector<float>& values, std::size_t nodes, std::size_t width)
{
    for (std::size_t i = 1; i < nodes; i += 2)
        std::copy_n(values.begin() + static_cast<std::ptrdiff_t>((i - 1) * width), width,
                    values.begin() + static_cast<std::ptrdiff_t>(i * width));
}

inline Data data_of(Case const& c)
{
    auto const values = [&](std::size_t width, std::uint32_t seed, float most) {
        auto v = random_values(c.nodes() * width, seed, -most, most);
        if (c.duplicates && width != 2 * c.h_width()) repeat_rows(v, c.nodes(), width);
        v.resize(c.rows() * width, kNan);
        return v;
    };
    Data d{values(c.s_width(), 1, c.spread),
           values(c.h_width(), 2, 1),
           values(2 * c.h_width(), 3, 1),
           {}};
    d.neighbour = nearest(c, d.s);
    return d;
}

using Values = std::vector<double>;
inline Values widened(std::vector<float> const& v)
{
    return {v.begin(), v.end()};
}

/// One node and its list, as the definition has it.
struct Neighbourhood {
    std::vector<std::size_t> row;
    Values weight;
    double divisor = 1;
    bool divisor_is_sum = false;
};

inline Neighbourhood neighbourhood(Case const& c, Data const& data, Values const& s, std::size_t i)
{
    GravNetRule const rule = gravnet_rule(c.variant);
    Neighbourhood n;
    if (rule.with_self) n.row.push_back(i);
    for (std::int64_t k = 0; k < c.width; ++k) {
        std::int32_t const j =
            data.neighbour[i * static_cast<std::size_t>(c.width) + static_cast<std::size_t>(k)];
        if (j >= 0) n.row.push_back(static_cast<std::size_t>(j));
    }
    for (std::size_t const j : n.row) {
        double d2 = 0;
        for (std::size_t d = 0; d < c.s_width(); ++d)
            d2 += std::pow(s[i * c.s_width() + d] - s[j * c.s_width() + d], 2);
        n.weight.push_back(std::exp(-10 * d2));
    }
    auto const width = static_cast<double>(c.width);
    n.divisor = rule.mean_over_width ? width : static_cast<double>(n.row.size());
    if (rule.normalised) {
        double const sum = std::accumulate(n.weight.begin(), n.weight.end(), 0.0);
        n.divisor_is_sum = sum >= 1e-3 * width;
        n.divisor = std::max(sum, 1e-3 * width);
    }
    return n;
}

struct Gradients {
    Values s, h;
};

/// y in double; with `gradients`, those of sum dy y, added to.
inline Values oracle(Case const& c,
                     Data const& data,
                     Values const& s,
                     Values const& h,
                     Gradients* gradients = nullptr)
{
    GravNetRule const rule = gravnet_rule(c.variant);
    std::size_t const width = c.h_width();
    Values y(c.nodes() * 2 * width, 0);
    for (std::size_t i = 0; i < c.nodes(); ++i) {
        Neighbourhood const n = neighbourhood(c, data, s, i);
        Values dweight(n.row.size(), 0);
        for (std::size_t f = 0; f < width; ++f) {
            std::size_t const mean_at = i * 2 * width + (rule.max_first ? width : 0) + f;
            std::size_t const max_at = i * 2 * width + (rule.max_first ? 0 : width) + f;
            double sum = 0;
            std::size_t best = 0;
            auto const term = [&](std::size_t k) {
                return n.weight[k] * h[n.row[k] * width + f];
            };
            for (std::size_t k = 0; k < n.row.size(); ++k) {
                sum += term(k);
                if (term(k) > term(best)) best = k;
            }
            double const own = rule.minus_own ? h[i * width + f] : 0.0;
            y[mean_at] = (n.row.empty() ? 0 : sum / n.divisor) - own;
            y[max_at] = (n.row.empty() ? 0 : term(best)) - own;
            if (gradients == nullptr) continue;
            double const dmean = data.dy[mean_at], dmax = data.dy[max_at];
            if (rule.minus_own) gradients->h[i * width + f] -= dmean + dmax;
            for (std::size_t k = 0; k < n.row.size(); ++k) {
                double const u = dmean / n.divisor + (k == best ? dmax : 0);
                gradients->h[n.row[k] * width + f] += n.weight[k] * u;
                dweight[k] += h[n.row[k] * width + f] * u;
                if (n.divisor_is_sum) dweight[k] -= dmean * sum / (n.divisor * n.divisor);
            }
        }
        for (std::size_t k = 0; gradients != nullptr && k < n.row.size(); ++k)
            for (std::size_t d = 0; d < c.s_width(); ++d) {
                std::size_t const a = i * c.s_width() + d, b = n.row[k] * c.s_width() + d;
                double const step = -20 * n.weight[k] * dweight[k] * (s[a] - s[b]);
                gradients->s[a] += step;
                gradients->s[b] -= step;
            }
    }
    return y;
}
}  // namespace calofuse::test::gravnet
