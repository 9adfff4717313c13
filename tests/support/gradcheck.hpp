/// \file tests/support/gradcheck.hpp
/// Finite differences of a scalar function of a float vector, in double.
#pragma once

#include <functional>
#include <vector>

namespace calofuse::test {
/// d f / d x[i] by central differences with step `h`; f is an oracle in double.
inline std::vector<double> numeric_gradient(
    std::function<double(std::vector<double> const&)> const& f,
    std::vector<double> x,
    double h = 1e-6)
{
    std::vector<double> gradient(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
        double const keep = x[i];
        x[i] = keep + h;
        double const up = f(x);
        x[i] = keep - h;
        double const down = f(x);
        x[i] = keep;
        gradient[i] = (up - down) / (2 * h);
    }
    return gradient;
}
}  // namespace calofuse::test
