#include "kernels/graph/knn.hpp"
#include "models/focalh/hit_options.hpp"
#include "models/hit_network.hpp"

namespace calofuse {
namespace {
using layers::HitConvolution;

OptionSpec one_of(char const* key,
                  char const* fallback,
                  std::vector<std::string> choices,
                  char const* help)
{
    return {
        .key = key, .fallback = std::string(fallback), .help = help, .choices = std::move(choices)};
}
OptionSpec rate(char const* key, double value, char const* help)
{
    return {key, value, help, 0.0, 0.99};
}

OptionSchema schema_of(HitConvolution kind)
{
    HitNetworkConfig const c;
    bool const attends = kind == HitConvolution::gat || kind == HitConvolution::gatv2;
    OptionSchema out = hit_schema();
    out.push_back({"model.layers", c.layers, "graph convolutions", 1, 8});
    if (attends) {
        out.push_back({"model.heads", c.convolution.heads, "attention heads", 1, 16});
        out.push_back({"model.channels", c.convolution.channels, "channels of a head", 1, 256});
        out.push_back({"model.edge_features", false, "distance and energy ratio of two hits"});
        out.push_back(rate("model.attention_dropout", 0, "of the attention weights"));
    } else {
        out.push_back({"model.width", c.convolution.heads * c.convolution.channels,
                       "channels of a hit", 1, 1024});
    }
    if (kind == HitConvolution::edge_conv) {
        out.push_back(one_of("model.aggregate", "max", {"max", "sum", "mean"},
                             "edges of a hit to one vector"));
        out.push_back({"model.dynamic", false, "neighbours in the space of the features"});
    }
    if (kind == HitConvolution::gravnet) {
        out.push_back(
            {"model.space", c.convolution.space, "dimensions of the learned coordinates", 1, 16});
        out.push_back({"model.propagate", c.convolution.propagate,
                       "features that are gathered from the neighbours", 1, 256});
        out.push_back(one_of("model.variant", "pyg",
                             {"tensorflow", "keras", "pyg", "hgcalml", "hgcalml_normalised"},
                             "whose GravNet (kernels/graph/gravnet.hpp)"));
    }
    out.push_back(one_of("model.readout", "mean_max_log_sum",
                         {"mean", "max", "sum", "log_sum", "mean_max_log_sum", "attention"},
                         "hits of an event to one vector (kernels/graph/readout.hpp)"));
    out.push_back({"model.head", c.head, "width of the dense layer before the logit", 1, 4096});
    out.push_back(rate("model.dropout", 0.2, "of each block and before the logit"));
    return out;
}

EdgeAggregate aggregate_from(std::string const& name)
{
    return name == "max"   ? EdgeAggregate::max
           : name == "sum" ? EdgeAggregate::sum
                           : EdgeAggregate::mean;
}

GravNetVariant variant_from(std::string const& name)
{
    return name == "tensorflow" ? GravNetVariant::tensorflow
           : name == "keras"    ? GravNetVariant::keras
           : name == "pyg"      ? GravNetVariant::pyg
           : name == "hgcalml"  ? GravNetVariant::hgcalml
                                : GravNetVariant::hgcalml_normalised;
}

ReadoutKind readout_from(std::string const& name)
{
    return name == "mean"      ? ReadoutKind::mean
           : name == "max"     ? ReadoutKind::max
           : name == "sum"     ? ReadoutKind::sum
           : name == "log_sum" ? ReadoutKind::log_sum
                               : ReadoutKind::mean_max_log_sum;
}

std::unique_ptr<Model> make(Context& ctx,
                            HitConvolution kind,
                            Options const& options,
                            std::uint64_t seed)
{
    HitNetworkConfig c;
    layers::HitConvolutionOptions& conv = c.convolution;
    c.hits = hit_options(options);
    conv.kind = kind;
    conv.neighbours = c.hits.neighbours;
    if (kind == HitConvolution::gat || kind == HitConvolution::gatv2) {
        conv.heads = options.get_int("model.heads");
        conv.channels = options.get_int("model.channels");
        conv.edge_features = options.get_bool("model.edge_features");
        conv.attention_dropout = static_cast<float>(options.get_double("model.attention_dropout"));
    } else {
        conv.heads = 1;
        conv.channels = options.get_int("model.width");
    }
    if (kind == HitConvolution::edge_conv) {
        conv.aggregate = aggregate_from(options.get_string("model.aggregate"));
        conv.dynamic = options.get_bool("model.dynamic");
        if (conv.dynamic && conv.channels > kMaxKnnDims)
            throw Error(Exit::config, "CF-CFG-12",
                        "model.dynamic searches neighbours in at most "
                            + std::to_string(kMaxKnnDims) + " dimensions, model.width is "
                            + std::to_string(conv.channels),
                        "set model.width to 128 or less");
    }
    if (kind == HitConvolution::gravnet) {
        conv.space = options.get_int("model.space");
        conv.propagate = options.get_int("model.propagate");
        conv.variant = variant_from(options.get_string("model.variant"));
        if (gravnet_rule(conv.variant).with_self && conv.neighbours < 2)
            throw Error(Exit::config, "CF-CFG-12",
                        "gravnet of variant pyg needs hits.neighbours of at least 2",
                        "it counts the hit itself; 8 is the default");
    }
    c.layers = options.get_int("model.layers");
    c.attention_readout = options.get_string("model.readout") == "attention";
    if (!c.attention_readout) c.readout = readout_from(options.get_string("model.readout"));
    c.head = options.get_int("model.head");
    c.dropout = static_cast<float>(options.get_double("model.dropout"));
    c.seed = seed;
    return std::make_unique<HitNetwork>(ctx, c);
}
}  // namespace

OptionSchema gat_schema()
{
    return schema_of(HitConvolution::gat);
}
OptionSchema gatv2_schema()
{
    return schema_of(HitConvolution::gatv2);
}
OptionSchema edge_conv_schema()
{
    return schema_of(HitConvolution::edge_conv);
}
OptionSchema gcn_schema()
{
    return schema_of(HitConvolution::gcn);
}
OptionSchema gravnet_schema()
{
    return schema_of(HitConvolution::gravnet);
}

std::unique_ptr<Model> make_gat(Context& ctx, Options const& options, std::uint64_t seed)
{
    return make(ctx, HitConvolution::gat, options, seed);
}
std::unique_ptr<Model> make_gatv2(Context& ctx, Options const& options, std::uint64_t seed)
{
    return make(ctx, HitConvolution::gatv2, options, seed);
}
std::unique_ptr<Model> make_edge_conv(Context& ctx, Options const& options, std::uint64_t seed)
{
    return make(ctx, HitConvolution::edge_conv, options, seed);
}
std::unique_ptr<Model> make_gcn(Context& ctx, Options const& options, std::uint64_t seed)
{
    return make(ctx, HitConvolution::gcn, options, seed);
}
std::unique_ptr<Model> make_gravnet(Context& ctx, Options const& options, std::uint64_t seed)
{
    return make(ctx, HitConvolution::gravnet, options, seed);
}
}  // namespace calofuse
