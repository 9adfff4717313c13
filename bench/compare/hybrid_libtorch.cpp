/// \file bench/compare/hybrid_libtorch.cpp
/// Training steps of the hybrid network by LibTorch, fp32, one thread:
///   compare_hybrid_libtorch plain|tuned [BATCH [STEPS [WARMUP]]]
/// prints one line of JSON with what `calofuse profile --model hybrid` measures: events per second
/// of processor time. The events are those of `profile`: simulated, 100 GeV, half of each label.
///   compare_hybrid_libtorch check
/// Both forms with the same weights in double precision, dropout off: equal losses over four steps.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <dlfcn.h>
#include <filesystem>
#include <fmt/format.h>
#include <malloc.h>
#include <torch/version.h>

#include "bench/compare/torch_tuned.hpp"
#include "io/simulator.hpp"

namespace calofuse::bench {
namespace {
struct Events {
    Tensor adc;     ///< (N, 256) i16
    Tensor target;  ///< (N) f32, 1 = electron
    EnergyScale energy;
};

Events simulated_events(std::int64_t count)
{
    ChannelMap const map = ChannelMap::focalh_prototype2();
    Simulator const simulator({}, map);
    Context const ctx = Context::cpu(1);
    std::int64_t const half = (count + 1) / 2;
    Events events;
    events.adc = torch::empty({2 * half, kNumChannels}, torch::kInt16);
    std::span<std::int16_t> const adc(events.adc.data_ptr<std::int16_t>(),
                                      static_cast<std::size_t>(events.adc.numel()));
    auto const part = static_cast<std::size_t>(half * kNumChannels);
    simulator.generate(ctx, {Label::hadron, 100}, 0, half, Planes::high_gain, adc.first(part), {});
    simulator.generate(ctx, {Label::electron, 100}, 0, half, Planes::high_gain, adc.last(part), {});
    events.target = torch::cat({torch::zeros({half}), torch::ones({half})});
    Tensor const all = channels_of({0, 1, 2, 3, 4, 5, 6, 7, 8});
    Tensor const sum = events.adc.index_select(1, all).to(torch::kDouble).sum(1);
    events.energy = {sum.mean().item<double>(), sum.std().item<double>()};
    return events;
}

std::int64_t count_parameters(nn::Module const& model)
{
    std::int64_t count = 0;
    for (Tensor const& p : model.parameters())
        count += p.numel();
    return count;
}

void require(bool good, std::string const& what)
{
    if (!good) throw std::runtime_error(what);
}

/// The library behind the dense layers, which Debian leaves to the machine: its reference BLAS makes
/// LibTorch half as fast, and OpenBLAS takes its number of threads from the environment only.
std::string require_fair_blas()
{
    Dl_info info{};
    require(dladdr(dlsym(RTLD_DEFAULT, "sgemm_"), &info) != 0, "no BLAS is loaded");
    std::string const path = std::filesystem::canonical(info.dli_fname);
    require(path.find("/blas/libblas") == std::string::npos,
            path + " is the reference BLAS; install libopenblas0-pthread");
    char const* const threads = std::getenv("OMP_NUM_THREADS");
    require(threads && std::string(threads) == "1", "set OMP_NUM_THREADS=1");
    return std::filesystem::path(path).parent_path().filename();
}

/// One training step on the rows `index`; returns the loss.
template <class Adam>
double train(TorchHybrid& model, Adam& adam, Events const& events, Tensor const& index)
{
    adam.zero_grad();
    Tensor const logits = model.logits(events.adc.index_select(0, index));
    Tensor const loss =
        F::binary_cross_entropy_with_logits(logits, events.target.index_select(0, index));
    loss.backward();
    adam.step();
    return loss.item<double>();
}

double wall()
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

double cpu_time()
{
    std::timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Freed tensors stay in the heap: by default every step returns its activations to the system and
/// faults them in again.
void keep_memory()
{
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, -1);
    mallopt(M_TOP_PAD, 64 << 20);
}

template <class Model, class Adam>
void measure(Model& model,
             Adam& adam,
             std::string const& form,
             std::int64_t batch,
             std::int64_t steps,
             std::int64_t warmup,
             Events const& events)
{
    std::string const blas = require_fair_blas();
    std::vector<double> losses;
    auto const step = [&] {
        Tensor const index = torch::randperm(events.adc.size(0), torch::kInt64).narrow(0, 0, batch);
        losses.push_back(train(model, adam, events, index));
    };
    for (std::int64_t i = 0; i < warmup; ++i)
        step();
    double const begin = wall(), cpu = cpu_time();
    for (std::int64_t i = 0; i < steps; ++i)
        step();
    double const wall_s = wall() - begin, cpu_s = cpu_time() - cpu;
    auto const done = static_cast<double>(batch * steps);
    fmt::print(
        "{{\"form\": \"{}\", \"torch\": \"{}\", \"blas\": \"{}\", \"precision\": \"fp32\", "
        "\"threads\": {}, "
        "\"batch_size\": {}, \"steps\": {}, \"parameters\": {}, \"events_per_s\": {:.1f}, "
        "\"events_per_cpu_s\": {:.1f}, \"loss_first\": {:.4f}, \"loss_last\": {:.4f}}}\n",
        form, TORCH_VERSION, blas, at::get_num_threads(), batch, steps, count_parameters(model),
        done / wall_s, done / cpu_s, losses.front(), losses.back());
    require(losses.size() < 8 || losses.back() < losses.front(), "the loss did not fall");
}

void check()
{
    Events events = simulated_events(32);
    events.target = events.target.to(torch::kDouble);
    PlainHybrid plain(events.energy, false);
    TunedHybrid tuned(events.energy, false);
    tuned.load(plain);
    plain.to(torch::kDouble);
    tuned.to(torch::kDouble);
    torch::optim::Adam adam(plain.parameters(), torch::optim::AdamOptions(kAdamRate).eps(kAdamEps));
    TunedAdam tuned_adam(tuned.parameters());
    Tensor const index = torch::arange(events.adc.size(0));
    double worst = 0;
    for (int step = 0; step < 4; ++step)
        worst = std::max(worst, std::abs(train(plain, adam, events, index)
                                         - train(tuned, tuned_adam, events, index)));
    plain.eval();
    tuned.eval();
    torch::NoGradGuard const no_grad;
    double const logit =
        (plain.logits(events.adc) - tuned.logits(events.adc)).abs().max().item<double>();
    fmt::print("largest difference of the losses {:.1e}, of the logits {:.1e}\n", worst, logit);
    require(worst < 1e-9 && logit < 1e-8, "the two forms differ");
}

int run(std::vector<std::string> const& args)
{
    std::string const form = args.empty() ? "" : args[0];
    auto const number = [&](std::size_t i, std::int64_t fallback) {
        return i < args.size() ? std::stoll(args[i]) : fallback;
    };
    at::set_num_threads(1);
    at::set_num_interop_threads(1);
    torch::manual_seed(1);
    std::int64_t const batch = number(1, 1024), steps = number(2, 10), warmup = number(3, 3);
    if (form == "check") {
        check();
    } else if (form == "plain") {
        Events const events = simulated_events(batch);
        PlainHybrid model(events.energy, true);
        require(count_parameters(model) == kPlainParameters, "not the network of CaloFuse");
        torch::optim::Adam adam(model.parameters(),
                                torch::optim::AdamOptions(kAdamRate).eps(kAdamEps));
        measure(model, adam, form, batch, steps, warmup, events);
    } else if (form == "tuned") {
        keep_memory();
        Events const events = simulated_events(batch);
        TunedHybrid model(events.energy, true);
        require(count_parameters(model) == kTunedParameters, "not the network of CaloFuse");
        TunedAdam adam(model.parameters());
        measure(model, adam, form, batch, steps, warmup, events);
    } else {
        fmt::print(stderr,
                   "usage: compare_hybrid_libtorch plain|tuned [BATCH [STEPS [WARMUP]]]\n"
                   "       compare_hybrid_libtorch check\n");
        return 64;
    }
    return 0;
}
}  // namespace
}  // namespace calofuse::bench

int main(int argc, char** argv)
try {
    return calofuse::bench::run({argv + 1, argv + argc});
} catch (std::exception const& e) {
    fmt::print(stderr, "error: {}\n", e.what());
    return 70;
}
