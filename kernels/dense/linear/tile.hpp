/// \file kernels/dense/linear/tile.hpp
/// Where the columns and weights of each group of linear begin.
#pragma once

#include <algorithm>

#include "kernels/dense/linear.hpp"

namespace calofuse {
struct LinearGroup {
    std::int64_t width = 0, in_begin = 0, w_begin = 0, b_begin = 0, out_begin = 0;
};

struct LinearLayout {
    std::int64_t outputs;
    int num_groups, num_sets = 0;
    std::array<LinearGroup, kMaxLinearGroups> group;
    std::array<int, kMaxLinearGroups> set;

    LinearLayout(LinearGroups const& groups, TensorRef const& y)
        : outputs(y.shape[1] / groups.count), num_groups(groups.count)
    {
        std::array<std::int64_t, kMaxLinearGroups> width_of_set = {};
        for (std::size_t g = 0; g < static_cast<std::size_t>(num_groups); ++g) {
            set[g] = groups.set[g];
            width_of_set[static_cast<std::size_t>(set[g])] = groups.width[g];
            num_sets = std::max(num_sets, set[g] + 1);
        }
        std::int64_t in_begin = 0;
        for (std::size_t g = 0; g < static_cast<std::size_t>(num_groups); ++g) {
            group[g] = {.width = groups.width[g],
                        .in_begin = in_begin,
                        .b_begin = set[g] * outputs,
                        .out_begin = static_cast<std::int64_t>(g) * outputs};
            in_begin += groups.width[g];
            for (int s = 0; s < set[g]; ++s)
                group[g].w_begin += width_of_set[static_cast<std::size_t>(s)] * outputs;
        }
    }
};
}  // namespace calofuse
