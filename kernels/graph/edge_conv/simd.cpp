#include "kernels/graph/edge_conv/simd.hpp"

#include "kernels/vector/micro_kernel.hpp"

namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE {
namespace {
/// Rows of t and s of one edge.
struct EdgeRows {
    float const* t;   ///< of the target
    float const* s;   ///< of the source
    float const* s0;  ///< of the target
};

EdgeRows rows_of(EdgeConvGraph const& g, std::int32_t i, std::int32_t e)
{
    std::ptrdiff_t const width = g.hidden;
    return {g.target + i * width, g.neighbour + g.source[e] * width, g.neighbour + i * width};
}

Vector relu(Vector u)
{
    return u > Vector{} ? u : Vector{};
}

/// Before the rectifier.
Vector vector_at(EdgeRows const& edge, int c)
{
    return load(edge.t + c) + (load(edge.s + c) - load(edge.s0 + c));
}
float scalar_at(EdgeRows const& edge, int c)
{
    return edge.t[c] + (edge.s[c] - edge.s0[c]);
}

/// out = relu(t + (s - s0))
void hidden_of(EdgeRows const& edge, int hidden, float* out)
{
    int c = 0;
    for (; c + kLanes <= hidden; c += kLanes)
        store(out + c, relu(vector_at(edge, c)));
    for (; c < hidden; ++c)
        out[c] = scalar_at(edge, c) > 0 ? scalar_at(edge, c) : 0.0F;
}

/// out += relu(t + (s - s0))
void add_hidden(EdgeRows const& edge, int hidden, float* out)
{
    int c = 0;
    for (; c + kLanes <= hidden; c += kLanes)
        store(out + c, load(out + c) + relu(vector_at(edge, c)));
    for (; c < hidden; ++c)
        out[c] += scalar_at(edge, c) > 0 ? scalar_at(edge, c) : 0.0F;
}

/// Sum or mean of the hidden values of the edges into node i.
void hidden_of_node(EdgeConvGraph const& g, std::int32_t i, float* __restrict out)
{
    for (int c = 0; c < g.hidden; ++c)
        out[c] = 0;
    std::int32_t const begin = g.edge_ptr[i];
    std::int32_t const end = g.edge_ptr[i + 1];
    for (std::int32_t e = begin; e < end; ++e)
        add_hidden(rows_of(g, i, e), g.hidden, out);
    if (g.kind == EdgeConvKind::sum || end <= begin + 1) return;
    float const scale = 1.0F / static_cast<float>(end - begin);
    for (int c = 0; c < g.hidden; ++c)
        out[c] *= scale;
}

struct Matrices {
    float const* a;  ///< (rows, depth), rows `row_stride` and columns `depth_stride` apart
    std::ptrdiff_t row_stride, depth_stride;
    float const* b;  ///< (depth, width)
    float* c;        ///< (rows, width)
    int rows, depth, width;
};

template <class Epilogue>
void multiply_all(Matrices const& m, Epilogue const& epilogue)
{
    int const panel = panel_width(m.width);
    for (int column = 0; column < m.width; column += panel) {
        Factors const factors{m.a, m.b + column};
        multiply({.factors = &factors,
                  .num_factors = 1,
                  .depth = m.depth,
                  .row_stride = m.row_stride,
                  .depth_stride = m.depth_stride,
                  .ldb = m.width,
                  .c = m.c + column,
                  .ldc = m.width},
                 m.rows, panel, epilogue);
    }
}

void second_layer(EdgeConvForward const& task, float const* hidden, int rows, float* out)
{
    EdgeConvGraph const& g = task.graph;
    multiply_all({.a = hidden,
                  .row_stride = g.padded_hidden,
                  .depth_stride = 1,
                  .b = task.w,
                  .c = out,
                  .rows = rows,
                  .depth = g.hidden,
                  .width = g.padded_outputs},
                 Assign{});
}

void keep_largest(float const* __restrict z,
                  float const* __restrict bias,
                  int outputs,
                  std::int32_t edge,
                  bool first,
                  float* __restrict y,
                  std::int32_t* __restrict winner)
{
    for (int o = 0; o < outputs; ++o) {
        float const value = z[o] + bias[o];
        bool const larger = first || value > y[o];
        winner[o] = larger ? edge : winner[o];
        y[o] = larger ? value : y[o];
    }
}

/// Edges in blocks, whatever node they go into.
void forward_max(EdgeConvForward const& task, std::int32_t begin, std::int32_t end)
{
    EdgeConvGraph const& g = task.graph;
    std::ptrdiff_t const outputs = g.outputs;
    float* const hidden = task.workspace;
    float* const z = hidden + kEdgeConvRows * g.padded_hidden;
    for (std::int32_t i = begin; i < end; ++i)
        for (int o = 0; o < g.outputs && g.edge_ptr[i] == g.edge_ptr[i + 1]; ++o) {
            task.y[i * outputs + o] = 0;
            task.winner[i * outputs + o] = -1;
        }
    std::int32_t fill_node = begin;
    std::int32_t take_node = begin;
    for (std::int32_t e0 = g.edge_ptr[begin]; e0 < g.edge_ptr[end]; e0 += kEdgeConvRows) {
        std::int32_t const left = g.edge_ptr[end] - e0;
        int const rows = left < kEdgeConvRows ? left : kEdgeConvRows;
        for (int r = 0; r < rows; ++r) {
            while (g.edge_ptr[fill_node + 1] <= e0 + r)
                ++fill_node;
            hidden_of(rows_of(g, fill_node, e0 + r), g.hidden, hidden + r * g.padded_hidden);
        }
        second_layer(task, hidden, rows, z);
        for (int r = 0; r < rows; ++r) {
            while (g.edge_ptr[take_node + 1] <= e0 + r)
                ++take_node;
            keep_largest(z + r * g.padded_outputs, task.bias, g.outputs, e0 + r,
                         e0 + r == g.edge_ptr[take_node], task.y + take_node * outputs,
                         task.winner + take_node * outputs);
        }
    }
}

void forward_nodes(EdgeConvForward const& task, std::int32_t begin, std::int32_t end)
{
    EdgeConvGraph const& g = task.graph;
    std::ptrdiff_t const outputs = g.outputs;
    float* const hidden = task.workspace;
    float* const z = hidden + kEdgeConvRows * g.padded_hidden;
    for (std::int32_t i0 = begin; i0 < end; i0 += kEdgeConvRows) {
        int const rows = end - i0 < kEdgeConvRows ? end - i0 : kEdgeConvRows;
        for (int r = 0; r < rows; ++r)
            hidden_of_node(g, i0 + r, hidden + r * g.padded_hidden);
        second_layer(task, hidden, rows, z);
        for (int r = 0; r < rows; ++r) {
            std::int32_t const degree = g.edge_ptr[i0 + r + 1] - g.edge_ptr[i0 + r];
            float const biases = g.kind == EdgeConvKind::sum ? static_cast<float>(degree)
                                 : degree > 0                ? 1.0F
                                                             : 0.0F;
            for (int o = 0; o < g.outputs; ++o)
                task.y[(i0 + r) * outputs + o] =
                    z[r * g.padded_outputs + o] + biases * task.bias[o];
        }
    }
}

void forward(EdgeConvForward const& task, std::int32_t begin, std::int32_t end)
{
    if (task.graph.kind == EdgeConvKind::max)
        forward_max(task, begin, end);
    else
        forward_nodes(task, begin, end);
}

/// `count` is a multiple of 16.
void axpy(float factor, float const* x, int count, float* y)
{
    for (int c = 0; c < count; c += kLanes)
        store(y + c, load(y + c) + factor * load(x + c));
}

/// Hands the gradient of an edge's hidden values on to t_i, s_j and s_i.
void through_relu(EdgeConvBackward const& task,
                  std::int32_t i,
                  std::int32_t e,
                  float const* dhidden)
{
    EdgeConvGraph const& g = task.graph;
    int const hidden = g.hidden;
    EdgeRows const edge = rows_of(g, i, e);
    float* const dt = task.dtarget + static_cast<std::ptrdiff_t>(i) * hidden;
    float* const ds = task.dneighbour + static_cast<std::ptrdiff_t>(g.source[e]) * hidden;
    float* const ds0 = task.dneighbour + static_cast<std::ptrdiff_t>(i) * hidden;
    bool const loop = ds == ds0;  // s_j - s_i is 0 whatever s is
    int c = 0;
    for (; c + kLanes <= hidden; c += kLanes) {
        Vector const d = vector_at(edge, c) > Vector{} ? load(dhidden + c) : Vector{};
        store(dt + c, load(dt + c) + d);
        if (loop) continue;
        store(ds + c, load(ds + c) + d);
        store(ds0 + c, load(ds0 + c) - d);
    }
    for (; c < hidden; ++c) {
        float const d = scalar_at(edge, c) > 0 ? dhidden[c] : 0.0F;
        dt[c] += d;
        if (loop) continue;
        ds[c] += d;
        ds0[c] -= d;
    }
}

/// Each channel of y came from one edge: one row of w and of dw for each, not a product per edge.
void backward_max(EdgeConvBackward const& task, std::int32_t begin, std::int32_t end)
{
    EdgeConvGraph const& g = task.graph;
    std::ptrdiff_t const outputs = g.outputs;
    int const width = g.padded_hidden;
    float* const hidden = task.workspace;
    float* const dhidden = hidden + kEdgeConvRows * width;
    for (std::int32_t i = begin; i < end; ++i)
        for (std::int32_t e0 = g.edge_ptr[i]; e0 < g.edge_ptr[i + 1]; e0 += kEdgeConvRows) {
            std::int32_t const left = g.edge_ptr[i + 1] - e0;
            int const rows = left < kEdgeConvRows ? left : kEdgeConvRows;
            for (int r = 0; r < rows; ++r) {
                hidden_of(rows_of(g, i, e0 + r), g.hidden, hidden + r * width);
                for (int c = 0; c < width; ++c)
                    dhidden[r * width + c] = 0;
            }
            for (int o = 0; o < g.outputs; ++o) {
                std::int32_t const r = task.winner[i * outputs + o] - e0;
                if (r < 0 || r >= rows) continue;
                float const dy = task.dy[i * outputs + o];
                axpy(dy, task.w + o * width, width, dhidden + r * width);
                axpy(dy, hidden + r * width, width, task.dw + o * width);
            }
            for (int r = 0; r < rows; ++r)
                through_relu(task, i, e0 + r, dhidden + r * width);
        }
}

void backward_nodes(EdgeConvBackward const& task, std::int32_t begin, std::int32_t end)
{
    EdgeConvGraph const& g = task.graph;
    std::ptrdiff_t const outputs = g.outputs;
    int const width = g.padded_hidden;
    float* const hidden = task.workspace;
    float* const dhidden = hidden + kEdgeConvRows * width;
    float* const dy = dhidden + kEdgeConvRows * width;  // of the second layer, for one edge each
    for (std::int32_t i0 = begin; i0 < end; i0 += kEdgeConvRows) {
        int const rows = end - i0 < kEdgeConvRows ? end - i0 : kEdgeConvRows;
        for (int r = 0; r < rows; ++r) {
            hidden_of_node(g, i0 + r, hidden + r * width);
            for (int o = 0; o < g.outputs; ++o)
                dy[r * outputs + o] = task.dy[(i0 + r) * outputs + o];
        }
        multiply_all({.a = dy,
                      .row_stride = outputs,
                      .depth_stride = 1,
                      .b = task.w,
                      .c = dhidden,
                      .rows = rows,
                      .depth = g.outputs,
                      .width = width},
                     Assign{});
        multiply_all({.a = dy,
                      .row_stride = 1,
                      .depth_stride = outputs,
                      .b = hidden,
                      .c = task.dw,
                      .rows = g.outputs,
                      .depth = rows,
                      .width = width},
                     Accumulate{});
        for (int r = 0; r < rows; ++r) {
            std::int32_t const first = g.edge_ptr[i0 + r];
            std::int32_t const last = g.edge_ptr[i0 + r + 1];
            if (g.kind == EdgeConvKind::mean && last > first + 1)
                for (int c = 0; c < width; ++c)
                    dhidden[r * width + c] *= 1.0F / static_cast<float>(last - first);
            for (std::int32_t e = first; e < last; ++e)
                through_relu(task, i0 + r, e, dhidden + r * width);
        }
    }
}

void backward(EdgeConvBackward const& task, std::int32_t begin, std::int32_t end)
{
    if (task.graph.kind == EdgeConvKind::max)
        backward_max(task, begin, end);
    else
        backward_nodes(task, begin, end);
}
}  // namespace

extern EdgeConvKernels const edge_conv_kernels;
EdgeConvKernels const edge_conv_kernels = {forward, backward};
}  // namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE
