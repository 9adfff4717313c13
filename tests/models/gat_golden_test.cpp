/// \file tests/models/gat_golden_test.cpp
/// The whole graph attention classifier against PyTorch Geometric: forward, loss, gradients, three
/// Adam steps, the logits after them (files gat_full_*, gat_small*, gatv2_small).
#include <algorithm>

#include "kernels/loss/bce.hpp"
#include "models/engine/optimizer.hpp"
#include "models/focalh/hits.hpp"
#include "models/hit_network.hpp"
#include "tests/support/backend_test.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/weights.hpp"

namespace calofuse::test {
namespace {
std::vector<std::string> classifier_files()
{
    std::vector<std::string> out;
    for (auto const& path : golden_files())
        if (GoldenCase(path).op() == "gat_classifier") out.push_back(path.string());
    return out;
}

HitNetworkConfig config_of(GoldenCase const& c)
{
    auto const& a = c.attrs();
    HitNetworkConfig config;
    config.convolution = a.at("conv") == "gat" ? Convolution::gat : Convolution::gatv2;
    config.heads = a.at("heads");
    config.channels = a.at("channels");
    config.layers = a.at("layers");
    config.head = a.at("head_width");
    config.dropout = 0;
    return config;
}

/// "gat0.lin.kernel" -> "gat0.lin.weight", "norm0.gamma" -> "norm0.weight"
std::string golden_name(std::string name)
{
    auto const replace = [&](std::string const& from, std::string const& to) {
        if (auto const at = name.find(from); at != name.npos) name.replace(at, from.size(), to);
    };
    replace(".kernel", ".weight");
    replace(".gamma", ".weight");
    replace(".beta", ".bias");
    return name;
}

/// (rows, columns) -> (columns, rows): torch keeps linear weights as (out, in), we as (in, out).
std::vector<float> transposed(std::vector<float> const& v, std::int64_t rows, std::int64_t columns)
{
    std::vector<float> out(v.size());
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < columns; ++c)
            out[static_cast<std::size_t>(c * rows + r)] =
                v[static_cast<std::size_t>(r * columns + c)];
    return out;
}

bool is_kernel(Parameters::Entry const& e)
{
    return e.spec.name.ends_with(".kernel");
}
std::vector<float> to_ours(Parameters::Entry const& e, std::vector<float> const& v)
{
    return is_kernel(e) ? transposed(v, e.spec.shape[1], e.spec.shape[0]) : v;
}
std::vector<float> to_golden(Parameters::Entry const& e, std::vector<float> const& v)
{
    return is_kernel(e) ? transposed(v, e.spec.shape[0], e.spec.shape[1]) : v;
}

/// in.edge_index (2, E), row 0 = source, row 1 = target, as edges by target.
struct Csr {
    std::vector<std::int32_t> edge_ptr, source;

    Csr(std::vector<std::int32_t> const& index, std::int64_t nodes)
        : edge_ptr(static_cast<std::size_t>(nodes + 1))
    {
        std::size_t const edges = index.size() / 2;
        for (std::int64_t i = 0; i < nodes; ++i) {
            for (std::size_t e = 0; e < edges; ++e)
                if (index[edges + e] == i) source.push_back(index[e]);
            edge_ptr[static_cast<std::size_t>(i + 1)] = static_cast<std::int32_t>(source.size());
        }
    }
};

class GatGolden : public testing::TestWithParam<std::string> {};

TEST_P(GatGolden, forward_gradients_and_three_steps)
{
    GoldenCase c(GetParam());
    Context ctx = make_context();
    HitNetwork model(ctx, config_of(c), std::make_unique<FocalHits>(HitOptions{}));
    Parameters& parameters = model.parameters();
    for (auto const& e : weights_of(parameters))
        parameters.upload(e, to_ours(e, c.floats("param." + golden_name(e.spec.name))));
    EXPECT_EQ(weights_of(parameters).size(), c.names("param.").size());

    std::int64_t const nodes = c.shape("in.x")[0];
    Csr const edges(c.ints("in.edge_index"), nodes);
    Buffer<std::int32_t> row_ptr(ctx, c.ints("in.row_ptr")), edge_ptr(ctx, edges.edge_ptr);
    Buffer<std::int32_t> source(ctx, edges.source);
    Buffer<float> label(ctx, c.floats("in.label")), loss(ctx, 1), x(ctx, c.floats("in.x"));
    layers::PointCloud const graph{.row_ptr = row_ptr.ref(),
                                   .x = {x.ref({nodes, c.shape("in.x")[1]}), {}},
                                   .position = {},
                                   .edge_ptr = edge_ptr.ref(),
                                   .source = source.ref(),
                                   .edge_x = {}};
    Buffer<std::int64_t> position(ctx, 2), number(ctx, 1);  // no dropout: never read
    Optimizer optimizer(ctx, parameters, {.dialect = "torch", .weight_decay = 1e-5});
    Var logits;
    std::vector<Var> hidden;
    Tape tape(ctx, parameters, Mode::train, position.ref(), [&](Tape& t) {
        logits = model.forward_cloud(t, graph, &hidden);
        Var const z = logits;
        record(t, "bce", bce_forward, {.x = z.value, .target = label.ref(), .loss = loss.ref()},
               bce_backward, {.x = z.value, .target = label.ref(), .dx = z.grad});
    });

    std::vector<double> losses;
    auto const num_steps = static_cast<int>(c.attrs().at("steps"));
    for (int k = 1; k <= num_steps; ++k) {
        std::int64_t const step_number = k;
        number.upload({&step_number, 1});
        parameters.zero_gradients();
        tape.run();
        tape.backward();
        losses.push_back(loss.download()[0]);
        if (k == 1) {
            c.compare("out.logit", fetch(ctx, logits.value));
            for (std::size_t l = 0; l < hidden.size(); ++l)
                c.compare("out.hidden" + std::to_string(l), fetch(ctx, hidden[l].value));
            for (auto const& e : weights_of(parameters))
                c.compare("grad.param." + golden_name(e.spec.name),
                          to_golden(e, parameters.download_gradient(e)));
        }
        optimizer.apply(number.ref());
        for (auto const& e : weights_of(parameters))
            c.compare("step." + std::to_string(k) + ".param." + golden_name(e.spec.name),
                      to_golden(e, parameters.download(e)));
    }
    c.compare("loss", losses);
    tape.run();
    c.compare("out.logit_after", fetch(ctx, logits.value));
    for (std::string const& key : c.not_compared())
        EXPECT_TRUE(key == "grad.in.x" || key == "out.readout") << key << " was not compared";
    RecordProperty("worst_fraction_of_tolerance", std::to_string(c.worst_fraction()));
}

INSTANTIATE_TEST_SUITE_P(files,
                         GatGolden,
                         testing::ValuesIn(classifier_files()),
                         [](auto const& p) {
                             return std::filesystem::path(p.param).stem().string();
                         });
}  // namespace
}  // namespace calofuse::test
