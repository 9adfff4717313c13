/// \file kernels/graph/attention/host.hpp
/// How the CPU twins of attention layers go over a batch: items of a few consecutive graphs, working
/// memory of every thread, and partial gradients of every item that are added in order.
#pragma once

#include <algorithm>
#include <omp.h>

#include "kernels/graph/attention.hpp"
#include "kernels/graph/attention/graph.hpp"
#include "kernels/math/event_dropout.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
constexpr std::int64_t kAttentionGraphsPerItem = 8;

/// What `graph` needs besides the tensors: the largest numbers of slots and nodes.
struct AttentionExtent {
    std::int64_t slots = kAttentionBlockSlots, nodes = 0;
};
inline AttentionExtent attention_extent(std::int32_t const* row_ptr,
                                        std::int64_t graphs,
                                        std::int32_t const* edge_ptr)
{
    AttentionExtent out;
    std::int32_t degree = 0;
    for (std::int32_t i = 0; i < row_ptr[graphs]; ++i)
        degree = std::max(degree, edge_ptr[i + 1] - edge_ptr[i]);
    out.slots = std::max(out.slots, std::int64_t{degree} + 1);
    for (std::int64_t b = 0; b < graphs; ++b)
        out.nodes = std::max(out.nodes, std::int64_t{row_ptr[b + 1]} - row_ptr[b]);
    return out;
}

inline std::int64_t attention_work_size(AttentionExtent const& n, std::int64_t stride)
{
    return 6 * (n.slots * stride + kAttentionSlack) + 2 * n.nodes * stride;
}
inline AttentionWork attention_work(float* memory, AttentionExtent const& n, std::int64_t stride)
{
    std::int64_t const size = n.slots * stride + kAttentionSlack;
    return {.alpha = memory,
            .slope = memory + size,
            .gradient = memory + 2 * size,
            .factor = memory + 3 * size,
            .top = memory + 4 * size,
            .norm = memory + 5 * size,
            .dsource = memory + 6 * size,
            .dtarget = memory + 6 * size + n.nodes * stride};
}

/// f(graph, work, item) over all graphs with nodes; `graph` is complete but for its rows and event.
template <class F>
void each_attention_graph(Context& ctx,
                          AttentionGraph const& graph,
                          std::int32_t const* row_ptr,
                          std::int64_t graphs,
                          F const& f)
{
    AttentionExtent const n = attention_extent(row_ptr, graphs, graph.edge_ptr);
    std::int64_t const size = attention_work_size(n, graph.stride);
    auto const memory = ctx.scratch<float>(ctx.threads() * size);
    parallel_chunks(ctx, graphs, kAttentionGraphsPerItem,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t item) {
                        AttentionWork const work = attention_work(
                            memory.data() + omp_get_thread_num() * size, n, graph.stride);
                        AttentionGraph one = graph;
                        for (std::int64_t b = begin; b < end; ++b) {
                            one.begin = row_ptr[b];
                            one.end = row_ptr[b + 1];
                            one.dropout.event = graph.dropout.event + static_cast<std::uint32_t>(b);
                            if (one.begin < one.end) f(one, work, item);
                        }
                    });
}

/// Sums that every item of graphs has of its own, `size` floats each, zero at first.
class PartialSums {
  public:
    PartialSums(Context& ctx, std::int64_t graphs, std::int64_t size)
        : size_(size)
        , items_((graphs + kAttentionGraphsPerItem - 1) / kAttentionGraphsPerItem)
        , memory_(ctx.scratch<float>(items_ * size))
    {
        std::fill_n(memory_.data(), items_ * size, 0.0F);
    }
    float* of_item(std::int64_t item) const { return memory_.data() + item * size_; }
    /// to[e] += sums of the items, in their order, of column + e.
    void add_to(TensorRef const& to, std::int64_t column) const
    {
        auto const out = to.flat<float>();
        for (std::int64_t e = 0; e < out.size(); ++e)
            out[e] += static_cast<float>(total(column + e));
    }
    double total(std::int64_t column) const
    {
        double sum = 0;
        for (std::int64_t item = 0; item < items_; ++item)
            sum += memory_.data()[item * size_ + column];
        return sum;
    }

  private:
    std::int64_t size_, items_;
    Block<float> memory_;
};
}  // namespace calofuse::cpu
