#include "models/quark_gluon.hpp"

#include "kernels/data/take.hpp"

namespace calofuse {
namespace {
constexpr Init kInit = Init::glorot_uniform;

/// Side of an image after a 3x3 'valid' convolution and a pooling by 2.
constexpr std::int64_t after_block(std::int64_t side)
{
    return (side - 2) / 2;
}

/// The image wants no gradient, nor does this.
Var compressed(Tape& tape, Var image)
{
    auto const& s = image.value.shape;
    TensorRef const y = tape.make_value(DType::f32, {s[0], s[1], s[2], s[3]});
    record(tape, "activation", activation_forward,
           {.x = image.value, .kind = Activation::asinh, .y = y});
    return {y, {}};
}
}  // namespace

QuarkGluon::QuarkGluon(Context& ctx,
                       QuarkGluonConfig const& config,
                       std::optional<layers::Table> columns)
    : config_(config)
    , columns_(std::move(columns))
    , image_scaling_(parameters_, "image", 1)
    , scalar_scaling_(parameters_, "scalars", config.scalars)
    , conv0_(parameters_, "conv0", config.channels, config.filters)
    , norm0_(parameters_, "bn0", config.filters, config.norm)
    , depthwise1_(parameters_, "dw1", config.filters)
    , norm1_(parameters_, "bn1", config.filters, config.norm)
    , depthwise2_(parameters_, "dw2", config.filters)
    , norm2_(parameters_, "bn2", config.filters, config.norm)
    , table_(parameters_, "tab", config.scalars, config.table_width, kInit)
    , dense0_(parameters_, "dense0", flattened() + config.table_width, config.dense0, kInit)
    , norm3_(parameters_, "bn3", config.dense0, config.norm)
    , dense1_(parameters_, "dense1", config.dense0, config.dense1, kInit)
    , norm4_(parameters_, "bn4", config.dense1, config.norm)
    , out_(parameters_, "out", config.dense1, config.outputs, kInit)
{
    parameters_.allocate(ctx, config_.seed);
}

std::int64_t QuarkGluon::flattened() const
{
    std::int64_t const side = after_block(after_block(after_block(config_.side)));
    if (side < 1)
        throw Error(Exit::data, "CF-QGL-01",
                    "images are " + std::to_string(config_.side) + " x "
                        + std::to_string(config_.side) + ", three blocks leave nothing of them",
                    "the smallest image is 22 x 22");
    return side * side * config_.filters;
}

Var QuarkGluon::normed(Tape& tape, Var x, layers::BatchNorm const& norm, Activation kind) const
{
    if (config_.norm_at == NormAt::before) return layers::activation(tape, norm(tape, x), kind);
    return norm(tape, layers::activation(tape, x, kind));
}

Var QuarkGluon::image_block(Tape& tape, Var x, layers::BatchNorm const& norm, float dropout) const
{
    auto const s = x.value.shape;
    x = normed(tape, layers::pixel_rows(x), norm, Activation::gelu_exact);
    Window2d const halves{valid_axis(2, 2), valid_axis(2, 2)};
    x = layers::pool2d(tape, x.reshaped({s[0], s[1], s[2], s[3]}), halves, PoolKind::max);
    Var const kept = layers::dropout(tape, layers::event_rows(x), dropout);
    return kept.reshaped({s[0], s[1] / 2, s[2] / 2, s[3]});
}

Var QuarkGluon::forward_inputs(Tape& tape, Var image, Var scalars) const
{
    if (config_.pixels == PixelScale::asinh) image = compressed(tape, image);
    Var x = image_block(tape, conv0_(tape, image), norm0_, config_.first_dropout);
    x = image_block(tape, depthwise1_(tape, x), norm1_, config_.image_dropout);
    x = image_block(tape, depthwise2_(tape, x), norm2_, config_.image_dropout);
    Var const table = layers::activation(tape, table_(tape, scalars), Activation::gelu_exact);
    Var h = layers::concat(tape, layers::event_rows(x), table);
    h = layers::dropout(tape, h, config_.input_dropout);
    h = normed(tape, dense0_(tape, h), norm3_, Activation::gelu_exact);
    h = layers::dropout(tape, h, config_.dense_dropout);
    h = normed(tape, dense1_(tape, h), norm4_, Activation::relu);
    h = layers::dropout(tape, h, config_.dense_dropout);
    return out_(tape, h);
}

std::vector<std::string> QuarkGluon::columns() const
{
    std::vector<std::string> out = columns_->columns();
    out.push_back(config_.image);
    return out;
}

void QuarkGluon::fit(Dataset const& data, std::span<std::int32_t const> rows)
{
    columns_->fit(scalar_scaling_, parameters_, data, rows);
    if (config_.pixels != PixelScale::asinh) return;
    Column const& image = data.at(config_.image);
    std::int64_t const pixels = image.spec.row_size();
    double sum = 0, n = 0;
    for (auto const row : rows)
        for (std::int64_t i = row * pixels; i < (row + std::int64_t{1}) * pixels; ++i) {
            double const x = image.value(i);
            sum += std::abs(x);
            n += x != 0 ? 1 : 0;
        }
    double const none = 0, scale = n > 0 ? sum / n : 0;
    image_scaling_.set(parameters_, {&none, 1}, {&scale, 1});
}

Output QuarkGluon::forward(Tape& tape, Batch const& batch) const
{
    std::int64_t const side = config_.side;
    TensorRef const image =
        tape.make_value(DType::f32, {batch.size(), side, side, config_.channels});
    record(tape, "take", take,
           {.row = batch.row,
            .data = batch.at(config_.image).data,
            .mean = image_scaling_.mean(tape.parameters()),
            .scale_inverse = image_scaling_.scale_inverse(tape.parameters()),
            .y = image});
    return {forward_inputs(tape, {image, {}}, (*columns_)(tape, batch, scalar_scaling_))};
}

void visit(Settings& settings, QuarkGluonConfig& c)
{
    settings("model.image", c.image, "column of the images, (side, side, channels)");
    settings("model.table", c.table, "columns of numbers beside them, with commas between them");
    settings("model.filters", c.filters, "channels of the convolutions", 1, 4096);
    settings("model.table_width", c.table_width, "of the dense layer on the numbers per event", 1,
             4096);
    settings("model.dense0", c.dense0, "width of the first dense layer", 1, 4096);
    settings("model.dense1", c.dense1, "width of the second dense layer", 1, 4096);
    settings("model.pixels", c.pixels, "what is done to the scaled pixels");
    settings("model.norm_at", c.norm_at, "batch norm before or after the activation");
    settings("model.first_dropout", c.first_dropout, "after the first pooling", 0, 0.99);
    settings("model.image_dropout", c.image_dropout, "after the other poolings", 0, 0.99);
    settings("model.input_dropout", c.input_dropout, "before the first dense layer", 0, 0.99);
    settings("model.dense_dropout", c.dense_dropout, "after the dense layers", 0, 0.99);
    settings("model.bn_momentum", c.norm.momentum,
             "share of the old running statistics that stays (Keras)", 0, 1);
    settings("model.bn_epsilon", c.norm.epsilon, "added to the variance", 1e-12, 1);
}

OptionSchema quark_gluon_schema()
{
    return schema_of(QuarkGluonConfig{});
}

std::unique_ptr<Model> make_quark_gluon(
    Context& ctx, Dataset const& data, Task const& task, Options const& options, std::uint64_t seed)
{
    QuarkGluonConfig c =
        read_settings(QuarkGluonConfig{.outputs = task.width(), .seed = seed}, options);
    c.norm.running = options.get_string("train.bn_statistics") == "running";
    layers::Table table(c.table, "model.table", data);
    ColumnSpec const& image = data.at(c.image).spec;
    if (image.shape.size() != 3 || image.shape[0] != image.shape[1])
        throw Error(Exit::data, "CF-QGL-02",
                    "images are (side, side, channels), column is " + image.describe(),
                    "set model.image; `convert --columns` transposes");
    c.side = image.shape[0];
    c.channels = image.shape[2];
    c.scalars = table.features();
    return std::make_unique<QuarkGluon>(ctx, c, std::move(table));
}
}  // namespace calofuse
