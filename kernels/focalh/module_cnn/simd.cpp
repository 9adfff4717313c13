#include "kernels/focalh/module_cnn/simd.hpp"

#include "kernels/vector/micro_kernel.hpp"

namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE {
namespace {
constexpr int kTaps = 9;
/// Cells that the weight gradient takes at a time: their a1 and dz2 stay in the L1 cache.
constexpr int kCellsPerGroup = 4;
constexpr int kMaxPanels = kMaxModuleChannels / 16;
constexpr int kDoubles = kLanes / 2;
typedef double DoubleVector __attribute__((vector_size(8 * kDoubles)));
typedef float HalfVector __attribute__((vector_size(4 * kDoubles)));
typedef float LooseHalf __attribute__((vector_size(4 * kDoubles), aligned(4), may_alias));
typedef double LooseDouble __attribute__((vector_size(8 * kDoubles), aligned(8), may_alias));
typedef std::uint8_t ByteVector __attribute__((vector_size(kLanes)));
typedef std::uint8_t LooseBytes __attribute__((vector_size(kLanes), aligned(1), may_alias));

DoubleVector load_as_double(float const* p)
{
    return __builtin_convertvector(static_cast<HalfVector>(*reinterpret_cast<LooseHalf const*>(p)),
                                   DoubleVector);
}
void add_to(double* p, DoubleVector v)
{
    *reinterpret_cast<LooseDouble*>(p) += v;
}

/// Cell under `tap` of `cell`, or -1 in the padding.
int cell_under(int side, int cell, int tap)
{
    int const row = cell / side + tap / 3 - 1;
    int const col = cell % side + tap % 3 - 1;
    return row >= 0 && row < side && col >= 0 && col < side ? row * side + col : -1;
}

void fill_columns(ModuleTile const& tile)
{
    constexpr int kCentre = 4;
    int const cells = tile.side * tile.side;
    auto const row = [&](int cell, int t) {
        return tile.columns + (cell * kColumnRows + t) * kTileEvents;
    };
    for (int cell = 0; cell < cells; ++cell)
        for (int e = 0; e < kTileEvents; ++e) {
            bool const real = e < tile.events;
            row(cell, kCentre)[e] = real ? tile.x[e * tile.x_stride + cell] : 0.0F;
            row(cell, kTaps)[e] = real ? 1.0F : 0.0F;
        }
    for (int cell = 0; cell < cells; ++cell)
        for (int t = 0; t < kTaps; ++t) {
            if (t == kCentre) continue;
            int const from = cell_under(tile.side, cell, t);
            for (int e = 0; e < kTileEvents; e += kDoubles)
                *reinterpret_cast<LooseHalf*>(row(cell, t) + e) =
                    from >= 0 ? *reinterpret_cast<LooseHalf const*>(row(from, kCentre) + e)
                              : HalfVector{};
        }
}

void add_moments(ModuleTile const& tile, double* sums)
{
    int const cells = tile.side * tile.side;
    for (int t = 0; t < kColumnRows; ++t)
        for (int u = t; u < kColumnRows; ++u) {
            DoubleVector sum = {};
            for (int cell = 0; cell < cells; ++cell) {
                float const* const rows = tile.columns + cell * kColumnRows * kTileEvents;
                for (int e = 0; e < kTileEvents; e += kDoubles)
                    sum += load_as_double(rows + t * kTileEvents + e)
                           * load_as_double(rows + u * kTileEvents + e);
            }
            for (int i = 0; i < kDoubles; ++i)
                *sums += sum[i];
            ++sums;
        }
}

void convolve1(ModuleTile const& tile, float const* w1)
{
    int const width = panel_width(tile.channels);
    int const cells = tile.side * tile.side;
    LeakyRelu const epilogue{splat(tile.slope)};
    for (int cell = 0; cell < cells; ++cell)
        for (int column = 0; column < tile.channels; column += width) {
            Factors const factors{tile.columns + cell * kColumnRows * kTileEvents,
                                  w1 + kColumnRows * column};
            multiply({.factors = &factors,
                      .num_factors = 1,
                      .depth = kColumnRows,
                      .row_stride = 1,
                      .depth_stride = kTileEvents,
                      .ldb = width,
                      .c = tile.a1 + cell * tile.events * tile.channels + column,
                      .ldc = tile.channels},
                     tile.events, width, epilogue);
        }
}

/// Sums of `rows` x C' values and of their squares, by column.
void add_column_sums(float const* z, int rows, int channels, double* sums)
{
    for (int c = 0; c < channels; c += kDoubles) {
        DoubleVector sum = {};
        DoubleVector squares = {};
        for (int r = 0; r < rows; ++r) {
            DoubleVector const v = load_as_double(z + r * channels + c);
            sum += v;
            squares += v * v;
        }
        add_to(sums + c, sum);
        add_to(sums + channels + c, squares);
    }
}

void convolve2(ModuleTile const& tile, float const* w2, double* sums)
{
    int const width = panel_width(tile.channels);
    int const cell_size = tile.events * tile.channels;
    int const side = sums != nullptr ? tile.side : tile.side / 2 * 2;
    for (int row = 0; row < side; ++row)
        for (int col = 0; col < side; ++col) {
            int const cell = row * tile.side + col;
            float* const z = tile.z2 + cell * cell_size;
            for (int column = 0; column < tile.channels; column += width) {
                Factors factors[kTaps];
                int count = 0;
                for (int t = 0; t < kTaps; ++t)
                    if (int const from = cell_under(tile.side, cell, t); from >= 0)
                        factors[count++] = {
                            tile.a1 + from * cell_size,
                            w2 + tile.channels * (kTaps * column + std::int64_t{t} * width)};
                multiply({.factors = factors,
                          .num_factors = count,
                          .depth = tile.channels,
                          .row_stride = tile.channels,
                          .depth_stride = 1,
                          .ldb = width,
                          .c = z + column,
                          .ldc = tile.channels},
                         tile.events, width, Assign{});
            }
            if (sums != nullptr) add_column_sums(z, tile.events, tile.channels, sums);
        }
}

/// Upper left cell of the window of pooled cell q.
int window_of(int side, int q)
{
    int const half = side / 2;
    return 2 * (q / half) * side + 2 * (q % half);
}
/// Cell k = 0..3 of a window, from its upper left one.
int window_step(int side, int k)
{
    return (k / 2) * side + k % 2;
}

void pool(ModuleTile const& tile,
          float const* sign,
          std::int64_t stride,
          float* pooled,
          std::uint8_t* choice)
{
    int const pooled_cells = (tile.side / 2) * (tile.side / 2);
    int const cell_size = tile.events * tile.channels;
    for (int e = 0; e < tile.events; ++e)
        for (int q = 0; q < pooled_cells; ++q) {
            float const* const z =
                tile.z2 + window_of(tile.side, q) * cell_size + e * tile.channels;
            std::int64_t const out = e * stride + q * tile.channels;
            for (int c = 0; c < tile.channels; c += kLanes) {
                Vector const s = load(sign + c);
                Vector best = load(z + c) * s;
                IntVector which = {};
                for (int k = 1; k < 4; ++k) {
                    Vector const v = load(z + window_step(tile.side, k) * cell_size + c) * s;
                    IntVector const wins = v > best;
                    best = wins ? v : best;
                    which = wins ? IntVector{} + k : which;
                }
                store(pooled + out + c, best * s);
                if (choice != nullptr)
                    *reinterpret_cast<LooseBytes*>(choice + out + c) =
                        __builtin_convertvector(which, ByteVector);
            }
        }
}

void second_norm_backward(ModuleTile const& tile,
                          float const* coefficients,
                          std::int64_t stride,
                          float const* g,
                          std::uint8_t const* choice)
{
    int const width = panel_width(tile.channels);
    int const half = tile.side / 2;
    int const cells = tile.side * tile.side;
    for (int cell = 0; cell < cells; ++cell) {
        int const row = cell / tile.side;
        int const col = cell % tile.side;
        bool const is_pooled = row / 2 < half && col / 2 < half;
        int const q = row / 2 * half + col / 2;
        IntVector const k = IntVector{} + (row % 2 * 2 + col % 2);
        for (int e = 0; e < tile.events; ++e)
            for (int c = 0; c < tile.channels; c += kLanes) {
                Vector const z = load(tile.z2 + (cell * tile.events + e) * tile.channels + c);
                Vector const mean = load(coefficients + c);
                Vector const slope = load(coefficients + tile.channels + c);
                Vector dz = (z - mean) * slope + load(coefficients + 2 * tile.channels + c);
                if (is_pooled) {
                    std::int64_t const at = e * stride + q * tile.channels + c;
                    ByteVector const bytes = *reinterpret_cast<LooseBytes const*>(choice + at);
                    IntVector const chosen =
                        (__builtin_convertvector(bytes, IntVector) & kChoiceMask) == k;
                    Vector const gain = load(coefficients + 3 * tile.channels + c);
                    dz += chosen ? load(g + at) * gain : Vector{};
                }
                store(tile.dz2 + (c / width * cells + cell) * std::int64_t{tile.events} * width
                          + e * width + c % width,
                      dz);
            }
    }
}

void add_weight_gradient(ModuleTile const& tile, float* dw2)
{
    int const width = panel_width(tile.channels);
    int const cells = tile.side * tile.side;
    for (int first = 0; first < cells; first += kCellsPerGroup)
        for (int t = 0; t < kTaps; ++t)
            for (int column = 0; column < tile.channels; column += width) {
                Factors factors[kCellsPerGroup];
                int count = 0;
                for (int cell = first; cell < cells && cell < first + kCellsPerGroup; ++cell)
                    if (int const from = cell_under(tile.side, cell, t); from >= 0)
                        factors[count++] = {
                            tile.a1 + from * tile.events * tile.channels,
                            tile.dz2 + (column * cells + std::int64_t{cell} * width) * tile.events};
                multiply({.factors = factors,
                          .num_factors = count,
                          .depth = tile.events,
                          .row_stride = 1,
                          .depth_stride = tile.channels,
                          .ldb = width,
                          .c = dw2 + t * tile.channels * tile.channels + column,
                          .ldc = tile.channels},
                         tile.channels, width, Accumulate{});
            }
}

/// da1 of one cell: every tap of the cells that read it.
void data_gradient_of_cell(ModuleTile const& tile, float const* w2t, int cell, int width)
{
    int const cells = tile.side * tile.side;
    int const panels = tile.channels / width;
    for (int column = 0; column < tile.channels; column += width) {
        Factors factors[kTaps * kMaxPanels];
        int count = 0;
        for (int t = 0; t < kTaps; ++t) {
            int const to = cell_under(tile.side, cell, kTaps - 1 - t);  // cell = to + offset of t
            if (to < 0) continue;
            float const* const w = w2t + tile.channels * (kTaps * column + std::int64_t{t} * width);
            for (int panel = 0; panel < panels; ++panel)
                factors[count++] = {
                    tile.dz2 + (panel * cells + to) * std::int64_t{tile.events} * width,
                    w + panel * width * width};
        }
        multiply({.factors = factors,
                  .num_factors = count,
                  .depth = width,
                  .row_stride = width,
                  .depth_stride = 1,
                  .ldb = width,
                  .c = tile.da1 + column,
                  .ldc = tile.channels},
                 tile.events, width, Assign{});
    }
}

void add_data_gradient(ModuleTile const& tile, float const* w2t, float* sums)
{
    int const width = panel_width(tile.channels);
    int const cells = tile.side * tile.side;
    int const cell_size = tile.events * tile.channels;
    Vector const slope = splat(tile.slope);
    for (int cell = 0; cell < cells; ++cell) {
        data_gradient_of_cell(tile, w2t, cell, width);
        float const* const a1 = tile.a1 + cell * cell_size;
        for (int i = 0; i < cell_size; i += kLanes) {
            Vector const g = load(tile.da1 + i);
            store(tile.da1 + i, load(a1 + i) > 0.0F ? g : g * slope);
        }
        for (int column = 0; column < tile.channels; column += width) {
            Factors const factors{tile.columns + cell * kColumnRows * kTileEvents,
                                  tile.da1 + column};
            multiply({.factors = &factors,
                      .num_factors = 1,
                      .depth = tile.events,
                      .row_stride = kTileEvents,
                      .depth_stride = 1,
                      .ldb = tile.channels,
                      .c = sums + column,
                      .ldc = tile.channels},
                     kColumnRows, width, Accumulate{});
        }
    }
}

int panel_width_of(int channels)
{
    return panel_width(channels);
}
}  // namespace

extern ModuleCnnKernels const module_cnn_kernels;
ModuleCnnKernels const module_cnn_kernels = {
    panel_width_of, fill_columns,         add_moments,         convolve1,        convolve2,
    pool,           second_norm_backward, add_weight_gradient, add_data_gradient};
}  // namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE
