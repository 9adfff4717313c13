/// \file models/quark_gluon.hpp
/// Jet images and a few numbers to a class: the CNN + FCN of a GSoC quark-gluon study. Images
/// (B, side, side, C), channels last, S scalars per event (pt, m0):
///   conv 3x3 (C -> K), pool 2x2, dropout; twice: depthwise conv 3x3, pool 2x2, dropout; flatten
///   scalars: dense T, GELU
///   both side by side, dropout; dense D0 with GELU, batch norm, dropout; dense D1 with ReLU, batch
///   norm, dropout; dense W
/// Convolutions are 'valid', each with GELU and batch norm. Published: K = T = 32, 125 x 125 x 3, D = 128
/// and 64, W = 1: 706,977 weights and 576 batch-norm statistics, 707,553 together.
///
/// What the published network does wrong is a setting (presets/quark_gluon_*.toml): it normalises after
/// the activation and drops out right after that, so that the statistics of training are not those of
/// evaluation, and feeds raw images. The defaults normalise before the activation, drop out before
/// and between dense layers only, and compress the images with asinh.
///
/// Cost of a training step per event of 125 x 125 x 3 (forward, weights, inputs): first convolution
/// 2 x 26.1 MFLOP (images want no gradient), depthwise 3 x (2.0 + 0.4), first dense 3 x 1.4: 64 MFLOP.
/// The first block writes (123, 123, 32) f32 = 1.9 MB five times (convolution, norm, activation, and the
/// gradients of two of them) and reads or writes such a tensor some 20 times: 40 MB. A batch of 32 is
/// 2.0 GFLOP, 50 ms on one AVX2 core, and 1.3 GB, 130 ms at 10 GB/s: bound by memory, on a GPU too.
/// Measured on one core: 154 ms, of which activations 52, convolutions 44, poolings 29, norms 23.
#pragma once

#include <optional>

#include "models/layers/activation.hpp"
#include "models/layers/conv.hpp"
#include "models/layers/linear.hpp"
#include "models/layers/norm.hpp"
#include "models/layers/table.hpp"
#include "models/model.hpp"
#include "runtime/settings.hpp"

namespace calofuse {
/// What is done to the scaled pixels.
enum class PixelScale : std::uint8_t { asinh, linear };
constexpr auto names_of(PixelScale)
{
    return std::to_array<Name<PixelScale>>(
        {{PixelScale::asinh, "asinh"}, {PixelScale::linear, "linear"}});
}

/// Where the batch norms are: before or after the activations.
enum class NormAt : std::uint8_t { before, after };
constexpr auto names_of(NormAt)
{
    return std::to_array<Name<NormAt>>({{NormAt::before, "before"}, {NormAt::after, "after"}});
}

struct QuarkGluonConfig {
    std::string image = "image";  ///< column (side, side, C)
    std::string table = "jet";    ///< columns of numbers per event, with commas between them
    std::int64_t side = 125, channels = 3;  ///< of the images
    std::int64_t scalars = 2;               ///< numbers per event beside the image
    std::int64_t outputs = 1;               ///< W of the task
    std::int64_t filters = 32, table_width = 32;
    std::int64_t dense0 = 128, dense1 = 64;
    PixelScale pixels = PixelScale::asinh;
    NormAt norm_at = NormAt::before;
    float first_dropout = 0, image_dropout = 0;  ///< after the first pooling, after the others
    float input_dropout = 0.2F;                  ///< before the first dense layer
    float dense_dropout = 0.2F;                  ///< after both
    layers::NormRule norm = {};
    std::uint64_t seed = 1;  ///< of initial weights and dropout
};

class QuarkGluon final : public Model {
  public:
    /// Without a table it computes from images and numbers that are given (`forward_inputs`).
    QuarkGluon(Context& ctx,
               QuarkGluonConfig const& config,
               std::optional<layers::Table> columns = std::nullopt);

    std::vector<std::string> columns() const override;
    /// Numbers by mean and deviation; with asinh, pixels by the mean of those that are not 0.
    void fit(Dataset const& data, std::span<std::int32_t const> rows) override;
    void bind(Dataset const&) override {}
    Output forward(Tape& tape, Batch const& batch) const override;

    /// image (B, side, side, C), scalars (B, S), both scaled -> (B, W).
    Var forward_inputs(Tape& tape, Var image, Var scalars) const;

    layers::Standardise const& image_scaling() const { return image_scaling_; }
    layers::Standardise const& scalar_scaling() const { return scalar_scaling_; }

  private:
    std::int64_t flattened() const;
    Var normed(Tape& tape, Var x, layers::BatchNorm const& norm, Activation kind) const;
    Var image_block(Tape& tape, Var x, layers::BatchNorm const& norm, float dropout) const;

    QuarkGluonConfig config_;
    std::optional<layers::Table> columns_;
    layers::Standardise image_scaling_, scalar_scaling_;
    layers::Conv2d conv0_;
    layers::BatchNorm norm0_;
    layers::DepthwiseConv2d depthwise1_;
    layers::BatchNorm norm1_;
    layers::DepthwiseConv2d depthwise2_;
    layers::BatchNorm norm2_;
    layers::Linear table_, dense0_;
    layers::BatchNorm norm3_;
    layers::Linear dense1_;
    layers::BatchNorm norm4_;
    layers::Linear out_;
};

/// Settings `model.*` (schema_of, read_settings); sizes of the inputs, outputs, norm.running and seed come
/// from data, task and run.
void visit(Settings& settings, QuarkGluonConfig& config);
OptionSchema quark_gluon_schema();
/// Errors: CF-QGL-02 a column that is no square image.
std::unique_ptr<Model> make_quark_gluon(Context& ctx,
                                        Dataset const& data,
                                        Task const& task,
                                        Options const& options,
                                        std::uint64_t seed);
}  // namespace calofuse
