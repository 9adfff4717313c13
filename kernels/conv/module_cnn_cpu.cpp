#include <cmath>
#include <vector>

#include "kernels/common/dropout_mask.hpp"
#include "kernels/conv/module_cnn.hpp"

namespace calofuse::cpu {
namespace {
using Values = std::vector<double>;

struct Net {
    std::int64_t batch, channels, sets;
    ModuleCnnOptions options;
    Values x, w1, b1, gamma1, beta1, w2, b2, gamma2, beta2;  // as in ModuleCnnWeights
    Values mean1, var1, mean2, var2;
    Values z1, a1, z2, a2;             // (B, 249, C)
    Values y, keep;                    // (B, 41 C)
    std::vector<std::int64_t> winner;  // (B, 41 C) flat index in a2
};

template <class F>
void each_cell(F&& f)
{
    for (int m = 0; m < kNumModules; ++m)
        for (int r = 0; r < module_side(m); ++r)
            for (int c = 0; c < module_side(m); ++c)
                f(m, r, c, module_begin(m) + r * module_side(m) + c);
}

template <class F>
void each_tap(int m, int r, int c, F&& f)
{
    int const n = module_side(m);
    for (int t = 0; t < 9; ++t) {
        int const rr = r + t / 3 - 1;
        int const cc = c + t % 3 - 1;
        if (rr >= 0 && rr < n && cc >= 0 && cc < n) f(t, module_begin(m) + rr * n + cc);
    }
}

void statistics(Net const& net, Values const& z, Values& mean, Values& var)
{
    Values count(static_cast<std::size_t>(net.sets), 0.0);
    mean.assign(static_cast<std::size_t>(net.sets * net.channels), 0.0);
    var = mean;
    each_cell([&](int m, int, int, int) {
        count[net.options.set_of_module[m]] += static_cast<double>(net.batch);
    });
    for (int pass = 0; pass < 2; ++pass)
        each_cell([&](int m, int, int, int cell) {
            std::int64_t const s = net.options.set_of_module[m];
            for (std::int64_t b = 0; b < net.batch; ++b)
                for (std::int64_t c = 0; c < net.channels; ++c) {
                    std::int64_t const at = s * net.channels + c;
                    double const v = z[(b * kNumCells + cell) * net.channels + c];
                    if (pass == 0) mean[at] += v / count[s];
                    if (pass == 1) var[at] += (v - mean[at]) * (v - mean[at]) / count[s];
                }
        });
}

void norm_relu(Net const& net,
               Values const& z,
               Values const& mean,
               Values const& var,
               Values const& gamma,
               Values const& beta,
               Values& a)
{
    a.resize(z.size());
    each_cell([&](int m, int, int, int cell) {
        for (std::int64_t b = 0; b < net.batch; ++b)
            for (std::int64_t c = 0; c < net.channels; ++c) {
                std::int64_t const at = net.options.set_of_module[m] * net.channels + c;
                std::int64_t const i = (b * kNumCells + cell) * net.channels + c;
                double const u =
                    gamma[at] * (z[i] - mean[at]) / std::sqrt(var[at] + net.options.eps) + beta[at];
                a[i] = u > 0 ? u : net.options.slope * u;
            }
    });
}

void conv1(Net& net)
{
    net.z1.assign(net.batch * kNumCells * net.channels, 0.0);
    each_cell([&](int m, int r, int col, int cell) {
        std::int64_t const s = net.options.set_of_module[m];
        for (std::int64_t b = 0; b < net.batch; ++b)
            for (std::int64_t c = 0; c < net.channels; ++c) {
                double sum = net.b1[s * net.channels + c];
                each_tap(m, r, col, [&](int t, int from) {
                    sum += net.x[b * kNumCells + from] * net.w1[(s * 9 + t) * net.channels + c];
                });
                net.z1[(b * kNumCells + cell) * net.channels + c] = sum;
            }
    });
}

void conv2(Net& net)
{
    std::int64_t const n = net.channels;
    net.z2.assign(net.batch * kNumCells * n, 0.0);
    each_cell([&](int m, int r, int col, int cell) {
        std::int64_t const s = net.options.set_of_module[m];
        for (std::int64_t b = 0; b < net.batch; ++b) {
            double* const out = &net.z2[(b * kNumCells + cell) * n];
            for (std::int64_t c = 0; c < n; ++c)
                out[c] = net.b2[s * n + c];
            each_tap(m, r, col, [&](int t, int from) {
                for (std::int64_t k = 0; k < n; ++k)
                    for (std::int64_t c = 0; c < n; ++c)
                        out[c] += net.a1[(b * kNumCells + from) * n + k]
                                  * net.w2[((s * 9 + t) * n + k) * n + c];
            });
        }
    });
}

void pool(Net& net, std::int64_t step)
{
    std::int64_t const n = net.channels;
    net.y.resize(net.batch * kNumPooledCells * n);
    net.winner.resize(net.y.size());
    net.keep.resize(net.y.size());
    float const rate = net.options.dropout_rate;
    for (std::int64_t b = 0; b < net.batch; ++b)
        for (int m = 0; m < kNumModules; ++m) {
            int const side = module_side(m);
            int const half = side / 2;
            for (int q = 0; q < half * half; ++q)
                for (std::int64_t c = 0; c < n; ++c) {
                    std::int64_t best = -1;
                    for (int k = 0; k < 4; ++k) {
                        int const cell = module_begin(m) + (2 * (q / half) + k / 2) * side
                                         + 2 * (q % half) + k % 2;
                        std::int64_t const i = (b * kNumCells + cell) * n + c;
                        double const sign =
                            net.gamma2[net.options.set_of_module[m] * n + c] < 0 ? -1 : 1;
                        if (best < 0 || sign * net.z2[i] > sign * net.z2[best]) best = i;
                    }
                    std::int64_t const at =
                        (b * kNumPooledCells + module_pooled_begin(m) + q) * n + c;
                    std::uint32_t const kept =
                        dropout_keep4(net.options.seed, net.options.stream,
                                      static_cast<std::uint32_t>(step),
                                      static_cast<std::uint64_t>(at) / 4U, dropout_threshold(rate))
                            >> (at % 4)
                        & 1U;
                    net.keep[at] = kept != 0 ? 1.0 / (1.0 - static_cast<double>(rate)) : 0.0;
                    net.winner[at] = best;
                    net.y[at] = net.a2[best] * net.keep[at];
                }
        }
}

Values values(TensorRef const& t)
{
    auto const v = t.flat<float const>();
    return {v.data, v.data + v.size()};
}
void store(Values const& v, TensorRef const& t)
{
    for (std::size_t i = 0; i < v.size(); ++i)
        t.flat<float>()[i] = static_cast<float>(v[i]);
}
void add(Values const& v, TensorRef const& t)
{
    for (std::size_t i = 0; i < v.size(); ++i)
        t.flat<float>()[i] += static_cast<float>(v[i]);
}

Net make(TensorRef const& x, ModuleCnnWeights const& w, ModuleCnnOptions const& options)
{
    Net net{};
    net.batch = x.shape[0];
    net.sets = w.w1.shape[0];
    net.channels = w.w1.shape[2];
    net.options = options;
    net.x = values(x);
    net.w1 = values(w.w1);
    net.b1 = values(w.b1);
    net.gamma1 = values(w.gamma1);
    net.beta1 = values(w.beta1);
    net.w2 = values(w.w2);
    net.b2 = values(w.b2);
    net.gamma2 = values(w.gamma2);
    net.beta2 = values(w.beta2);
    return net;
}

void norm_backward(Net const& net,
                   Values const& z,
                   Values const& mean,
                   Values const& var,
                   Values const& gamma,
                   Values const& beta,
                   Values& g,
                   Values& dgamma,
                   Values& dbeta)
{
    std::int64_t const n = net.channels;
    Values count(net.sets, 0.0);
    each_cell([&](int m, int, int, int) {
        count[net.options.set_of_module[m]] += static_cast<double>(net.batch);
    });
    dgamma.assign(net.sets * n, 0.0);
    dbeta = dgamma;
    for (int pass = 0; pass < 2; ++pass)
        each_cell([&](int m, int, int, int cell) {
            std::int64_t const s = net.options.set_of_module[m];
            for (std::int64_t b = 0; b < net.batch; ++b)
                for (std::int64_t c = 0; c < n; ++c) {
                    std::int64_t const at = s * n + c;
                    std::int64_t const i = (b * kNumCells + cell) * n + c;
                    double const inv = 1.0 / std::sqrt(var[at] + net.options.eps);
                    double const hat = (z[i] - mean[at]) * inv;
                    if (pass == 0) {
                        if (gamma[at] * hat + beta[at] <= 0) g[i] *= net.options.slope;
                        dgamma[at] += g[i] * hat;
                        dbeta[at] += g[i];
                    } else {
                        g[i] = gamma[at] * inv
                               * (g[i] - dbeta[at] / count[s] - hat * dgamma[at] / count[s]);
                    }
                }
        });
}
}  // namespace

void module_cnn(Context&, ModuleCnnArgs const& args)
{
    Net net = make(args.x, args.weights, args.options);
    conv1(net);
    bool const batch = args.norm == NormMode::batch;
    if (batch) {
        statistics(net, net.z1, net.mean1, net.var1);
        store(net.mean1, args.stats.mean1);
        store(net.var1, args.stats.var1);
    }
    net.mean1 = values(args.stats.mean1);
    net.var1 = values(args.stats.var1);
    norm_relu(net, net.z1, net.mean1, net.var1, net.gamma1, net.beta1, net.a1);
    conv2(net);
    if (batch) {
        statistics(net, net.z2, net.mean2, net.var2);
        store(net.mean2, args.stats.mean2);
        store(net.var2, args.stats.var2);
    }
    net.mean2 = values(args.stats.mean2);
    net.var2 = values(args.stats.var2);
    norm_relu(net, net.z2, net.mean2, net.var2, net.gamma2, net.beta2, net.a2);
    std::int64_t const step =
        args.options.dropout_rate > 0 ? args.step.view<std::int64_t const, 1>()[0] : 0;
    pool(net, step);
    store(net.y, args.y);
    if (args.saved.choice.empty()) return;
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(net.keep.size()); ++i)
        args.saved.choice.flat<std::uint8_t>()[i] = net.keep[i] > 0 ? 1 : 0;
}

void module_cnn_backward(Context&, ModuleCnnGradArgs const& args)
{
    Net net = make(args.x, args.weights, args.options);
    conv1(net);
    statistics(net, net.z1, net.mean1, net.var1);
    norm_relu(net, net.z1, net.mean1, net.var1, net.gamma1, net.beta1, net.a1);
    conv2(net);
    statistics(net, net.z2, net.mean2, net.var2);
    norm_relu(net, net.z2, net.mean2, net.var2, net.gamma2, net.beta2, net.a2);
    pool(net, 0);
    std::int64_t const n = net.channels;
    Values g(net.z2.size(), 0.0);
    Values const dy = values(args.dy);
    double const scale = 1.0 / (1.0 - static_cast<double>(net.options.dropout_rate));
    for (std::size_t i = 0; i < dy.size(); ++i)
        if (args.saved.choice.flat<std::uint8_t>()[i] != 0) g[net.winner[i]] += dy[i] * scale;
    Values dgamma, dbeta;
    norm_backward(net, net.z2, net.mean2, net.var2, net.gamma2, net.beta2, g, dgamma, dbeta);
    add(dgamma, args.d.gamma2);
    add(dbeta, args.d.beta2);
    Values dw2(net.w2.size(), 0.0);
    Values da1(g.size(), 0.0);
    each_cell([&](int m, int r, int col, int cell) {
        std::int64_t const s = net.options.set_of_module[m];
        each_tap(m, r, col, [&](int t, int from) {
            for (std::int64_t b = 0; b < net.batch; ++b)
                for (std::int64_t k = 0; k < n; ++k)
                    for (std::int64_t c = 0; c < n; ++c) {
                        std::int64_t const in = (b * kNumCells + from) * n + k;
                        std::int64_t const at = ((s * 9 + t) * n + k) * n + c;
                        dw2[at] += net.a1[in] * g[(b * kNumCells + cell) * n + c];
                        da1[in] += net.w2[at] * g[(b * kNumCells + cell) * n + c];
                    }
        });
    });
    add(dw2, args.d.w2);
    norm_backward(net, net.z1, net.mean1, net.var1, net.gamma1, net.beta1, da1, dgamma, dbeta);
    add(dgamma, args.d.gamma1);
    add(dbeta, args.d.beta1);
    Values dw1(net.w1.size(), 0.0);
    each_cell([&](int m, int r, int col, int cell) {
        std::int64_t const s = net.options.set_of_module[m];
        each_tap(m, r, col, [&](int t, int from) {
            for (std::int64_t b = 0; b < net.batch; ++b)
                for (std::int64_t c = 0; c < n; ++c)
                    dw1[(s * 9 + t) * n + c] +=
                        net.x[b * kNumCells + from] * da1[(b * kNumCells + cell) * n + c];
        });
    });
    add(dw1, args.d.w1);
}
}  // namespace calofuse::cpu
