#include "kernels/dense/layer_norm/simd.hpp"

#include "kernels/vector/vector_math.hpp"

namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE {
namespace {
/// Rows whose moments are taken, and whose dropout is drawn, before they are written.
constexpr std::int64_t kRowsPerTurn = 8;
constexpr std::int64_t kMaskWords = 256;  ///< of 16 elements, that are drawn at a time

/// f<kPart>(first channel, lanes) over the vectors of a row.
template <class F>
void each_vector(std::int64_t width, F const& f)
{
    std::int64_t c = 0;
    Lanes const all(kLanes);
    for (; c + kLanes <= width; c += kLanes)
        f.template operator()<false>(c, all);
    if (c < width) f.template operator()<true>(c, Lanes(static_cast<int>(width - c)));
}

/// mean and 1 / sqrt(variance + epsilon); two passes over a row that is in the cache by then.
void moments(LayerNormRows const& rows, float const* x, float* saved)
{
    float const scale = 1.0F / static_cast<float>(rows.width);
    Vector sum = {};
    each_vector(rows.width, [&]<bool kPart>(std::int64_t c, Lanes lanes) {
        sum += load_row<kPart>(x + c, lanes);
    });
    float const mean = lane_sum(sum) * scale;
    Vector squares = {};
    each_vector(rows.width, [&]<bool kPart>(std::int64_t c, Lanes lanes) {
        Vector d = load_row<kPart>(x + c, lanes) - mean;
        if constexpr (kPart) d = only_lanes(d, lanes);
        squares += d * d;
    });
    saved[0] = mean;
    saved[1] = 1.0F / __builtin_sqrtf(lane_sum(squares) * scale + rows.epsilon);
}

/// Draws the masks of rows [begin, end).
void draw(LayerNormRows const& rows, std::int64_t begin, std::int64_t end, std::uint16_t* kept)
{
    std::uint16_t words[kMaskWords + kBatchWords / 16];
    std::int64_t const row_words = (rows.width + 15) / 16;
    std::int64_t const blocks = (rows.width + 3) / 4;
    bool const whole = rows.width % 16 == 0;  // no gap in front of the next row's first block
    std::int64_t const length = whole ? (end - begin) * row_words : row_words;
    for (std::int64_t r = begin; r < end; r += whole ? end - begin : 1)
        for (std::int64_t w = 0; w < length; w += kMaskWords) {
            std::int64_t const count = length - w < kMaskWords ? length - w : kMaskWords;
            fill_kept(rows.dropout,
                      static_cast<std::uint32_t>((r - rows.first_of_event) * blocks + 4 * w),
                      16 * count, words);
            for (std::int64_t i = 0; i < count; ++i)
                kept[r * row_words + w + i] = words[i];
        }
}

Vector elu(Vector u)
{
    return u > 0.0F ? u : expm1_vector(u);
}

template <bool kElu, bool kDrops>
void write_row(LayerNormRows const& rows, LayerNormTensors const& t, std::int64_t r)
{
    float const mean = t.saved[2 * r];
    float const scale = t.saved[2 * r + 1];
    std::int64_t const at = r * rows.width;
    std::uint16_t const* const kept = kDrops ? t.kept + r * ((rows.width + 15) / 16) : nullptr;
    each_vector(rows.width, [&]<bool kPart>(std::int64_t c, Lanes lanes) {
        Vector u = (load_row<kPart>(t.x + at + c, lanes) - mean) * scale
                       * load_row<kPart>(t.gamma + c, lanes)
                   + load_row<kPart>(t.beta + c, lanes);
        if constexpr (kElu) u = elu(u);
        if constexpr (kDrops) u = where_kept(kept, c, u * rows.dropout.factor);
        if (t.shortcut != nullptr) u += load_row<kPart>(t.shortcut + at + c, lanes);
        store_row<kPart>(t.y + at + c, u, lanes);
    });
}

template <bool kElu, bool kDrops>
void forward_rows(LayerNormRows const& rows, LayerNormTensors const& t)
{
    for (std::int64_t begin = rows.begin; begin < rows.end; begin += kRowsPerTurn) {
        std::int64_t const end = begin + kRowsPerTurn < rows.end ? begin + kRowsPerTurn : rows.end;
        for (std::int64_t r = begin; r < end; ++r)
            moments(rows, t.x + r * rows.width, t.saved + 2 * r);
        if constexpr (kDrops) draw(rows, begin, end, t.kept);
        for (std::int64_t r = begin; r < end; ++r)
            write_row<kElu, kDrops>(rows, t, r);
    }
}

/// With xhat = (x - mean) scale and g = dL/dxhat:
/// dx += scale (g - mean of g - xhat * mean of g xhat)
template <bool kElu, bool kDrops>
void backward_row(LayerNormRows const& rows,
                  LayerNormTensors const& t,
                  LayerNormGradients const& d,
                  std::int64_t r)
{
    float const mean = t.saved[2 * r];
    float const scale = t.saved[2 * r + 1];
    std::int64_t const at = r * rows.width;
    std::uint16_t const* const kept = kDrops ? t.kept + r * ((rows.width + 15) / 16) : nullptr;
    Vector sum = {}, sum_xhat = {};
    each_vector(rows.width, [&]<bool kPart>(std::int64_t c, Lanes lanes) {
        Vector const xhat = (load_row<kPart>(t.x + at + c, lanes) - mean) * scale;
        Vector const gamma = load_row<kPart>(t.gamma + c, lanes);
        Vector du = load_row<kPart>(d.dy + at + c, lanes);
        if (d.dshortcut != nullptr)
            store_row<kPart>(d.dshortcut + at + c,
                             load_row<kPart>(d.dshortcut + at + c, lanes) + du, lanes);
        if constexpr (kDrops) du = where_kept(kept, c, du * rows.dropout.factor);
        if constexpr (kElu) {
            Vector const u = xhat * gamma + load_row<kPart>(t.beta + c, lanes);
            du = u > 0.0F ? du : du * exp_vector(u);
        }
        store_row<kPart>(d.dbeta + c, load_row<kPart>(d.dbeta + c, lanes) + du, lanes);
        store_row<kPart>(d.dgamma + c, load_row<kPart>(d.dgamma + c, lanes) + du * xhat, lanes);
        Vector const g = du * gamma;  // 0 in lanes past the row
        sum += g;
        sum_xhat += g * xhat;
        store_row<kPart>(d.row + c, g, lanes);
    });
    float const share = 1.0F / static_cast<float>(rows.width);
    float const mean_g = lane_sum(sum) * share;
    float const mean_gx = lane_sum(sum_xhat) * share;
    each_vector(rows.width, [&]<bool kPart>(std::int64_t c, Lanes lanes) {
        Vector const xhat = (load_row<kPart>(t.x + at + c, lanes) - mean) * scale;
        Vector const g = load_row<kPart>(d.row + c, lanes);
        store_row<kPart>(
            d.dx + at + c,
            load_row<kPart>(d.dx + at + c, lanes) + scale * (g - mean_g - xhat * mean_gx), lanes);
    });
}

template <bool kElu, bool kDrops>
void backward_rows(LayerNormRows const& rows,
                   LayerNormTensors const& t,
                   LayerNormGradients const& d)
{
    for (std::int64_t r = rows.begin; r < rows.end; ++r)
        backward_row<kElu, kDrops>(rows, t, d, r);
}

void forward(LayerNormRows const& rows, LayerNormTensors const& t)
{
    bool const drops = rows.dropout.threshold > 0;
    if (rows.elu)
        drops ? forward_rows<true, true>(rows, t) : forward_rows<true, false>(rows, t);
    else
        drops ? forward_rows<false, true>(rows, t) : forward_rows<false, false>(rows, t);
}

void backward(LayerNormRows const& rows, LayerNormTensors const& t, LayerNormGradients const& d)
{
    bool const drops = rows.dropout.threshold > 0;
    if (rows.elu)
        drops ? backward_rows<true, true>(rows, t, d) : backward_rows<true, false>(rows, t, d);
    else
        drops ? backward_rows<false, true>(rows, t, d) : backward_rows<false, false>(rows, t, d);
}
}  // namespace

extern LayerNormKernels const layer_norm_kernels;
LayerNormKernels const layer_norm_kernels = {forward, backward};
}  // namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE
