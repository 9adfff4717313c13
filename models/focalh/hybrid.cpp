#include "models/focalh/hybrid.hpp"

#include <algorithm>

namespace calofuse {
namespace {
/// Numbers of the dropout layers: part of the key of their random words.
enum DropoutLayer : std::uint32_t { kConvDropout = 0, kDenseDropout = 1, kHeadDropout = 2 };

std::int64_t pooled_features(int module, std::int64_t filters)
{
    std::int64_t const side = module_side(module) / 2;
    return side * side * filters;
}
}  // namespace

Hybrid::Hybrid(Context& ctx, HybridConfig config)
    : config_(std::move(config))
    , adjacency_(ctx, kNumModules * kNumModules)
    , module_sets_(ctx, kNumModules)
{
    for (int m = 0; m < kNumModules; ++m) {
        auto const i = static_cast<std::size_t>(m);
        set_of_module_[i] = config_.share_outer ? (m == kCentreModule ? 1 : 0) : m;
        if (!config_.share_outer) set_names_.push_back("cnn" + std::to_string(m) + ".");
    }
    if (config_.share_outer) set_names_ = {"outer.", "centre."};
    module_sets_.upload(set_of_module_);
    add_cnns();
    add_dense_of_modules();
    add_graph();
    add_head();
    parameters_.allocate(ctx, config_.seed);
    set_adjacency(layers::module_adjacency(config_.adjacency, config_.gnn));
}

Init Hybrid::kernel_init() const
{
    return config_.torch_init ? Init::torch_uniform : Init::glorot_uniform;
}

Init Hybrid::bias_init() const
{
    return config_.torch_init ? Init::torch_uniform : Init::zeros;
}

layers::LinearWeights Hybrid::add_linear(std::string const& name, std::int64_t in, std::int64_t out)
{
    layers::LinearWeights w;
    w.kernel = parameters_.add({name + ".kernel", {in, out}, kernel_init()});
    w.bias = parameters_.add({name + ".bias", {out}, bias_init(), in});
    w.out = out;
    return w;
}

void Hybrid::add_cnns()
{
    std::int64_t const c = config_.filters;
    auto all = [&](char const* name, std::vector<std::int64_t> shape, Init init, std::int64_t fan) {
        std::vector<ParameterSpec> members;
        for (std::string const& set : set_names_)
            members.push_back({set + name, shape, init, fan});
        return parameters_.add(std::move(members));
    };
    cnn_.w1 = all("conv0.kernel", {3, 3, 1, c}, kernel_init(), 0);
    cnn_.b1 = all("conv0.bias", {c}, bias_init(), 9);
    cnn_.gamma1 = all("bn0.gamma", {c}, Init::ones, 0);
    cnn_.beta1 = all("bn0.beta", {c}, Init::zeros, 0);
    cnn_.w2 = all("conv1.kernel", {3, 3, c, c}, kernel_init(), 0);
    cnn_.b2 = all("conv1.bias", {c}, bias_init(), 9 * c);
    cnn_.gamma2 = all("bn1.gamma", {c}, Init::ones, 0);
    cnn_.beta2 = all("bn1.beta", {c}, Init::zeros, 0);
    std::vector<std::string> first, second;
    for (std::string const& set : set_names_) {
        first.push_back(set + "bn0");
        second.push_back(set + "bn1");
    }
    cnn_.norm1 = parameters_.add_statistics(first, c);
    cnn_.norm2 = parameters_.add_statistics(second, c);
    cnn_.channels = c;
    cnn_.sets = static_cast<std::int64_t>(set_names_.size());
    cnn_.options.set_of_module = set_of_module_;
    cnn_.options.slope = config_.leaky_slope;
    cnn_.dropout = {config_.conv_dropout, config_.seed, kConvDropout};
}

void Hybrid::add_dense_of_modules()
{
    std::vector<ParameterSpec> kernel0, bias0, gamma, beta, kernel1, bias1;
    std::int64_t const d = config_.dense, u = config_.embedding;
    for (std::size_t s = 0; s < set_names_.size(); ++s) {
        std::string const& set = set_names_[s];
        auto const first =
            std::find(set_of_module_.begin(), set_of_module_.end(), static_cast<std::int32_t>(s));
        std::int64_t const in =
            pooled_features(static_cast<int>(first - set_of_module_.begin()), config_.filters);
        kernel0.push_back({set + "dense0.kernel", {in, d}, kernel_init()});
        bias0.push_back({set + "dense0.bias", {d}, bias_init(), in});
        gamma.push_back({set + "bn2.gamma", {d}, Init::ones});
        beta.push_back({set + "bn2.beta", {d}, Init::zeros});
        kernel1.push_back({set + "dense1.kernel", {d, u}, kernel_init()});
        bias1.push_back({set + "dense1.bias", {u}, bias_init(), d});
    }
    dense0_ = {parameters_.add(kernel0), parameters_.add(bias0), {}, d};
    gamma_ = parameters_.add(gamma);
    beta_ = parameters_.add(beta);
    dense1_ = {parameters_.add(kernel1), parameters_.add(bias1), {}, u};

    std::vector<std::string> norms;
    for (int m = 0; m < kNumModules; ++m) {
        auto const i = static_cast<std::size_t>(m);
        norms.push_back("cnn" + std::to_string(m) + ".bn2");
        dense0_.groups.width[i] = static_cast<std::int32_t>(pooled_features(m, config_.filters));
        dense1_.groups.width[i] = static_cast<std::int32_t>(d);
        dense0_.groups.set[i] = dense1_.groups.set[i] = set_of_module_[i];
    }
    dense0_.groups.count = dense1_.groups.count = kNumModules;
    dense_norm_ = parameters_.add_statistics(norms, d);
}

void Hybrid::add_graph()
{
    std::int64_t in = config_.embedding;
    for (std::int64_t l = 0; l < config_.gnn_layers; ++l) {
        graph_.push_back(layers::add_graph_weights(parameters_, "gnn" + std::to_string(l),
                                                   config_.gnn, in, config_.gnn_units,
                                                   config_.gat_heads, kernel_init()));
        in = config_.gnn_units;
    }
}

void Hybrid::add_head()
{
    std::int64_t const nodes = config_.gnn_layers > 0 ? config_.gnn_units : config_.embedding;
    head0_ = add_linear("head0", nodes + 1, config_.head);
    head1_ = add_linear("head1", config_.head, 1);
}

void Hybrid::set_adjacency(std::span<float const> a)
{
    adjacency_.upload(a);
}

Var Hybrid::module_embeddings(Tape& tape, TensorRef cells) const
{
    Var h = layers::module_cnn(tape, parameters_, cells, cnn_, config_.norm);
    h = layers::linear(tape, parameters_, h, dense0_);
    // Each module keeps its own statistics here, also where the weights are shared: that is what a
    // Keras layer does that is called once a module.
    std::int64_t const sets = cnn_.sets, d = config_.dense;
    Var gamma = parameters_.var(gamma_), beta = parameters_.var(beta_);
    if (config_.share_outer) {
        gamma = layers::gather_rows(tape, gamma.reshaped({sets, d}), module_sets_.ref());
        beta = layers::gather_rows(tape, beta.reshaped({sets, d}), module_sets_.ref());
    }
    std::int64_t const columns = kNumModules * d;
    h = layers::batch_norm(tape, parameters_, h, gamma.reshaped({columns}),
                           beta.reshaped({columns}), dense_norm_, config_.norm);
    h = layers::activation(tape, h, Activation::leaky_relu, config_.leaky_slope);
    h = layers::dropout(tape, h, {config_.dense_dropout, config_.seed, kDenseDropout});
    h = layers::linear(tape, parameters_, h, dense1_);
    return layers::activation(tape, h, Activation::relu);
}

Var Hybrid::forward_cells(Tape& tape, layers::CellInput const& input) const
{
    std::int64_t const batch = input.cells.shape[0];
    Var x = module_embeddings(tape, input.cells).reshaped({batch, kNumModules, config_.embedding});
    TensorRef const a = adjacency_.ref({kNumModules, kNumModules});
    for (layers::GraphWeights const& weights : graph_)
        x = layers::graph_conv(tape, parameters_, x, a, weights);
    Var h = layers::readout_with(tape, x, config_.readout, input.energy);
    h = layers::activation(tape, layers::linear(tape, parameters_, h, head0_), Activation::relu);
    h = layers::dropout(tape, h, {config_.head_dropout, config_.seed, kHeadDropout});
    return layers::linear(tape, parameters_, h, head1_);
}

Var Hybrid::forward(Tape& tape, EventBatch const& batch) const
{
    return forward_cells(tape, layers::unpack(tape, batch));
}

OptionSchema hybrid_schema()
{
    HybridConfig const c;
    auto rate = [](char const* key, float value, char const* help) {
        return OptionSpec{key, static_cast<double>(value), help, 0.0, 0.99};
    };
    auto width = [](char const* key, std::int64_t value, char const* help) {
        return OptionSpec{key, value, help, 1, 4096};
    };
    auto one_of = [](char const* key, std::string const& value, std::vector<std::string> choices,
                     char const* help) {
        return OptionSpec{
            .key = key, .fallback = value, .help = help, .choices = std::move(choices)};
    };
    return {
        width("model.filters", c.filters, "channels of both convolutions"),
        width("model.dense", c.dense, "width of a module's first dense layer"),
        width("model.embedding", c.embedding, "width of a module's embedding"),
        width("model.head", c.head, "width of the dense layer before the logit"),
        {"model.gnn_layers", c.gnn_layers, "graph convolutions", 0, 8},
        width("model.gnn_units", c.gnn_units, "channels of a graph convolution"),
        {"model.gat_heads", c.gat_heads, "attention heads of gat; divides gnn_units", 1, 64},
        {"model.share_outer", c.share_outer, "one set of CNN weights for the eight outer modules"},
        one_of("model.gnn", c.gnn, {"gcs", "gcn", "gat"}, "kind of graph convolution"),
        one_of("model.adjacency", c.adjacency, {"grid8", "grid4", "full"},
               "which modules are neighbours"),
        one_of("model.readout", c.readout, {"mean", "max", "sum"}, "nine nodes to one vector"),
        rate("model.conv_dropout", c.conv_dropout, "after the pooling"),
        rate("model.dense_dropout", c.dense_dropout, "after a module's first dense layer"),
        rate("model.head_dropout", c.head_dropout, "before the logit"),
        rate("model.leaky_slope", c.leaky_slope, "of the leaky ReLUs"),
        {"model.bn_momentum", 0.99, "share of the old running statistics that stays (Keras)", 0.0,
         1.0},
        {"model.bn_epsilon", 1e-3, "added to the variance", 1e-12, 1.0},
        one_of("model.init", "keras", {"keras", "torch"}, "rule of the initial weights"),
    };
}

std::unique_ptr<Model> make_hybrid(Context& ctx, Options const& options, std::uint64_t seed)
{
    HybridConfig c;
    auto real = [&](char const* key) {
        return static_cast<float>(options.get_double(key));
    };
    c.filters = options.get_int("model.filters");
    c.dense = options.get_int("model.dense");
    c.embedding = options.get_int("model.embedding");
    c.head = options.get_int("model.head");
    c.gnn_layers = options.get_int("model.gnn_layers");
    c.gnn_units = options.get_int("model.gnn_units");
    c.gat_heads = options.get_int("model.gat_heads");
    c.share_outer = options.get_bool("model.share_outer");
    c.gnn = options.get_string("model.gnn");
    c.adjacency = options.get_string("model.adjacency");
    c.readout = options.get_string("model.readout");
    c.conv_dropout = real("model.conv_dropout");
    c.dense_dropout = real("model.dense_dropout");
    c.head_dropout = real("model.head_dropout");
    c.leaky_slope = real("model.leaky_slope");
    c.norm.momentum = real("model.bn_momentum");
    c.norm.epsilon = real("model.bn_epsilon");
    c.norm.running = options.get_string("train.bn_statistics") == "running";
    c.torch_init = options.get_string("model.init") == "torch";
    c.seed = seed;
    if (c.gnn == "gat" && c.gnn_units % c.gat_heads != 0)
        throw Error(Exit::config, "CF-CFG-11",
                    "model.gnn_units is not a multiple of model.gat_heads", "for example 64 and 4");
    return std::make_unique<Hybrid>(ctx, c);
}
}  // namespace calofuse
