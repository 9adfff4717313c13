#include <cmath>

#include "kernels/dense/layer_norm.hpp"
#include "kernels/device/columns.cuh"
#include "kernels/device/event_dropout.cuh"
#include "kernels/device/nodes.cuh"
#include "kernels/math/float_math.hpp"

// A warp a row; a lane has four neighbouring channels, that is one Philox block, then every 128th
// again. Rows of up to 128 channels stay in registers, wider ones are read again from the cache.
// Bound by memory: forward 8 B an element (12 with a shortcut); backward 12 B (20 with a shortcut),
// and 8 B more because dgamma and dbeta are sums over rows, in a pass of their own.
namespace calofuse::cuda {
namespace {
constexpr int kPart = 4;  ///< channels of a lane

struct Part {
    float v[kPart] = {};
};

/// Where the parts of a row are; `whole`: all may be read and written 16 B at a time.
struct RowShape {
    std::int64_t width;
    int parts;
    bool whole;

    RowShape(std::int64_t channels, std::initializer_list<void const*> tensors)
        : width(channels)
        , parts(static_cast<int>((channels + kPart - 1) / kPart))
        , whole(channels % kPart == 0)
    {
        for (void const* t : tensors)
            whole = whole && reinterpret_cast<std::uintptr_t>(t) % sizeof(float4) == 0;
    }
    __device__ Part load(float const* row, int part) const
    {
        if (whole) {
            float4 const four = reinterpret_cast<float4 const*>(row)[part];
            return {{four.x, four.y, four.z, four.w}};
        }
        Part out;
#pragma unroll
        for (int j = 0; j < kPart; ++j)
            if (exists(part, j)) out.v[j] = row[kPart * part + j];
        return out;
    }
    __device__ void store(float* row, int part, Part const& p) const
    {
        if (whole) {
            reinterpret_cast<float4*>(row)[part] = {p.v[0], p.v[1], p.v[2], p.v[3]};
            return;
        }
#pragma unroll
        for (int j = 0; j < kPart; ++j)
            if (exists(part, j)) row[kPart * part + j] = p.v[j];
    }
    __device__ void add(float* row, int part, Part const& p) const
    {
        Part sum = load(row, part);
#pragma unroll
        for (int j = 0; j < kPart; ++j)
            sum.v[j] += p.v[j];
        store(row, part, sum);
    }
    __device__ bool exists(int part, int j) const
    {
        return kPart * part + j < width;
    }
    __device__ std::int64_t words() const
    {
        return (width + 15) / 16;
    }
};

struct Forward {
    Rows rows;
    RowShape shape;
    float const *x, *gamma, *beta;
    float const* shortcut;  ///< or null; may be y
    DeviceDropout dropout;
    float epsilon;
    bool elu;
    float* saved;
    std::uint16_t* kept;  ///< of dropout
    float* y;

    __device__ void operator()(std::int32_t r, int lane) const
    {
        float const* const row = x + r * shape.width;
        Part const first = lane < shape.parts ? shape.load(row, lane) : Part{};
        auto const part_of = [&](int part) {
            return part == lane ? first : shape.load(row, part);
        };
        float sum = 0;
        for (int part = lane; part < shape.parts; part += kWarp) {
            Part const p = part_of(part);
            sum += (p.v[0] + p.v[1]) + (p.v[2] + p.v[3]);
        }
        auto const width = static_cast<float>(shape.width);
        float const mean = warp_sum(sum) / width;
        float squares = 0;
        for (int part = lane; part < shape.parts; part += kWarp) {
            Part const p = part_of(part);
#pragma unroll
            for (int j = 0; j < kPart; ++j)
                if (shape.exists(part, j)) squares += (p.v[j] - mean) * (p.v[j] - mean);
        }
        float const scale = 1.0F / std::sqrt(warp_sum(squares) / width + epsilon);
        if (lane == 0) {
            saved[2 * r] = mean;
            saved[2 * r + 1] = scale;
        }
        write(r, lane, mean, scale, part_of);
    }

  private:
    template <class F>
    __device__ void write(std::int32_t r, int lane, float mean, float scale, F const& part_of) const
    {
        DropoutKey const key = dropout.key();
        std::int32_t const event = dropout.drops() ? rows.graph_of(r, lane) : 0;
        std::int32_t const local = dropout.drops() ? r - rows.ptr[event] : 0;
        for (int begin = 0; begin < shape.parts; begin += kWarp) {
            int const part = begin + lane;
            std::uint32_t bits = 0xF;
            if (dropout.drops()) bits = draw(key, event, local, r, part);
            if (part >= shape.parts) continue;
            Part out = part_of(part);
            Part const g = shape.load(gamma, part), b = shape.load(beta, part);
            Part const s =
                shortcut == nullptr ? Part{} : shape.load(shortcut + r * shape.width, part);
#pragma unroll
            for (int j = 0; j < kPart; ++j) {
                float u = (out.v[j] - mean) * scale * g.v[j] + b.v[j];
                if (elu && !(u > 0)) u = expm1_float(u);
                out.v[j] = ((bits >> j & 1U) != 0 ? u * key.factor : 0.0F) + s.v[j];
            }
            shape.store(y + r * shape.width, part, out);
        }
    }
    /// What is kept of a part. Four lanes make a word of `kept`.
    __device__ std::uint32_t draw(DropoutKey const& key,
                                  std::int32_t event,
                                  std::int32_t local,
                                  std::int32_t r,
                                  int part) const
    {
        std::uint32_t bits = 0;
        if (part < shape.parts) {
            auto const block = static_cast<std::uint32_t>(local) * shape.parts + part;
            bits = dropout_kept4(key, static_cast<std::uint32_t>(event), block);
        }
        std::uint32_t word = bits << 4 * (part % 4);
        word |= __shfl_xor_sync(kFullMask, word, 1);
        word |= __shfl_xor_sync(kFullMask, word, 2);
        if (part % 4 == 0 && part < shape.parts)
            kept[r * shape.words() + part / 4] = static_cast<std::uint16_t>(word);
        return bits;
    }
};

/// What of forward the backward pass works with.
struct Saved {
    RowShape shape;
    float const *x, *gamma, *beta, *saved;
    std::uint16_t const* kept;  ///< null: no dropout
    float factor;
    bool elu;
    float const* dy;

    __device__ float xhat(std::int64_t r, float value) const
    {
        return (value - saved[2 * r]) * saved[2 * r + 1];
    }
    /// dL/du of channel c, u = xhat gamma + beta.
    __device__ float du(
        std::int64_t r, std::int64_t c, float hat, float g, float b, float gradient) const
    {
        if (kept != nullptr) {
            bool const stays = (kept[r * shape.words() + c / 16] >> c % 16 & 1) != 0;
            gradient = stays ? gradient * factor : 0.0F;
        }
        float const u = hat * g + b;
        return elu && !(u > 0) ? gradient * exp_float(u) : gradient;
    }
};

/// dx += scale (g - mean of g - xhat * mean of g xhat), g = dL/dxhat
struct Backward {
    Saved f;
    float* dx;
    float* dshortcut;  ///< or null

    struct Gradient {
        Part hat, g;
    };
    __device__ Gradient gradient_of(std::int32_t r, int part) const
    {
        std::int64_t const at = r * f.shape.width;
        Part const x = f.shape.load(f.x + at, part), dy = f.shape.load(f.dy + at, part);
        Part const gamma = f.shape.load(f.gamma, part), beta = f.shape.load(f.beta, part);
        Gradient out;
#pragma unroll
        for (int j = 0; j < kPart; ++j) {
            if (!f.shape.exists(part, j)) continue;
            out.hat.v[j] = f.xhat(r, x.v[j]);
            out.g.v[j] = f.du(r, kPart * part + j, out.hat.v[j], gamma.v[j], beta.v[j], dy.v[j])
                         * gamma.v[j];
        }
        return out;
    }
    __device__ void operator()(std::int32_t r, int lane) const
    {
        RowShape const& shape = f.shape;
        Gradient const first = lane < shape.parts ? gradient_of(r, lane) : Gradient{};
        auto const gradient = [&](int part) {
            return part == lane ? first : gradient_of(r, part);
        };
        float sum = 0, sum_hat = 0;
        for (int part = lane; part < shape.parts; part += kWarp) {
            Gradient const p = gradient(part);
#pragma unroll
            for (int j = 0; j < kPart; ++j) {
                sum += p.g.v[j];
                sum_hat += p.g.v[j] * p.hat.v[j];
            }
        }
        auto const width = static_cast<float>(shape.width);
        float const mean_g = warp_sum(sum) / width, mean_gx = warp_sum(sum_hat) / width;
        float const scale = f.saved[2 * r + 1];
        std::int64_t const at = r * shape.width;
        for (int part = lane; part < shape.parts; part += kWarp) {
            Gradient p = gradient(part);
            if (dshortcut != nullptr) shape.add(dshortcut + at, part, shape.load(f.dy + at, part));
#pragma unroll
            for (int j = 0; j < kPart; ++j)
                p.g.v[j] = scale * (p.g.v[j] - mean_g - p.hat.v[j] * mean_gx);
            shape.add(dx + at, part, p.g);
        }
    }
};

/// Terms of the sums of du and du xhat.
struct ParameterSums {
    Saved f;
    __device__ Pair operator()(std::int64_t r, std::int64_t c) const
    {
        std::int64_t const i = r * f.shape.width + c;
        float const hat = f.xhat(r, f.x[i]);
        float const du = f.du(r, c, hat, f.gamma[c], f.beta[c], f.dy[i]);
        return {static_cast<double>(du), static_cast<double>(du) * static_cast<double>(hat)};
    }
};
struct AddParameterSums {
    float *dgamma, *dbeta;
    __device__ void operator()(std::int64_t c, Pair const& sum) const
    {
        dbeta[c] += static_cast<float>(sum.first);
        dgamma[c] += static_cast<float>(sum.second);
    }
};

template <class T>
T* data(TensorRef const& t)
{
    return static_cast<T*>(t.data);
}
}  // namespace

void layer_norm_forward(Context& ctx, LayerNormArgs const& args)
{
    std::int64_t const width = args.x.shape[1];
    Rows const rows(args.row_ptr, args.x.shape[0]);
    each_node_warp(ctx, "layer_norm_forward", rows,
                   Forward{.rows = rows,
                           .shape = {width,
                                     {args.x.data, args.gamma.data, args.beta.data,
                                      args.shortcut.data, args.y.data}},
                           .x = data<float const>(args.x),
                           .gamma = data<float const>(args.gamma),
                           .beta = data<float const>(args.beta),
                           .shortcut = data<float const>(args.shortcut),
                           .dropout = DeviceDropout(args.options.dropout),
                           .epsilon = args.options.epsilon,
                           .elu = args.options.activation == LayerNormActivation::elu,
                           .saved = data<float>(args.saved),
                           .kept = data<std::uint16_t>(args.kept),
                           .y = data<float>(args.y)});
}

void layer_norm_backward(Context& ctx, LayerNormGradArgs const& args)
{
    std::int64_t const width = args.x.shape[1];
    float const rate = args.options.dropout.rate;
    Rows const rows(args.row_ptr, args.x.shape[0]);
    Saved const saved{.shape = {width,
                                {args.x.data, args.gamma.data, args.beta.data, args.dy.data,
                                 args.dx.data, args.dshortcut.data}},
                      .x = data<float const>(args.x),
                      .gamma = data<float const>(args.gamma),
                      .beta = data<float const>(args.beta),
                      .saved = data<float const>(args.saved),
                      .kept = rate > 0 ? data<std::uint16_t const>(args.kept) : nullptr,
                      .factor = 1.0F / (1.0F - rate),
                      .elu = args.options.activation == LayerNormActivation::elu,
                      .dy = data<float const>(args.dy)};
    column_sums(ctx, "layer_norm_parameters", Columns(rows.capacity, width, rows.exist()),
                ParameterSums{saved},
                AddParameterSums{data<float>(args.dgamma), data<float>(args.dbeta)});
    each_node_warp(ctx, "layer_norm_backward", rows,
                   Backward{saved, data<float>(args.dx), data<float>(args.dshortcut)});
}
}  // namespace calofuse::cuda
