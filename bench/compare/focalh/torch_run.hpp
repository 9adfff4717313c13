/// \file bench/compare/focalh/torch_run.hpp
/// What all programs that time LibTorch share: the events of `calofuse profile`, clocks, the line of
/// JSON, and the cheap dropout and Adam of the tuned forms.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <dlfcn.h>
#include <filesystem>
#include <fmt/format.h>
#include <limits>
#include <malloc.h>
#include <string>
#include <torch/torch.h>
#include <torch/version.h>
#include <utility>
#include <vector>

#include "io/focalh/simulator/simulator.hpp"
#include "runtime/focalh/channel_map.hpp"

namespace calofuse::bench {
using torch::Tensor;

/// (count, 256) i16: simulated, 100 GeV, hadrons and then as many electrons. 13-bit values fit, and
/// LibTorch 1.13 has no u16.
inline Tensor simulated_adc(std::int64_t count)
{
    ChannelMap const map = ChannelMap::focalh_prototype2();
    Simulator const simulator({}, map);
    Context const ctx = Context::cpu(1);
    std::int64_t const half = (count + 1) / 2;
    Tensor const events = torch::empty({2 * half, kNumChannels}, torch::kInt16);
    std::span<std::int16_t> const adc(events.data_ptr<std::int16_t>(),
                                      static_cast<std::size_t>(events.numel()));
    auto const part = static_cast<std::size_t>(half * kNumChannels);
    simulator.generate(ctx, {Label::hadron, 100}, 0, half, Planes::high_gain, adc.first(part), {});
    simulator.generate(ctx, {Label::electron, 100}, 0, half, Planes::high_gain, adc.last(part), {});
    return events;
}
/// 1 = electron, of as many events.
inline Tensor simulated_targets(std::int64_t count)
{
    return torch::cat({torch::zeros({count / 2}), torch::ones({count / 2})});
}

inline std::int64_t count_parameters(torch::nn::Module const& model)
{
    std::int64_t count = 0;
    for (Tensor const& p : model.parameters())
        count += p.numel();
    return count;
}

inline void require(bool good, std::string const& what)
{
    if (!good) throw std::runtime_error(what);
}

/// The library behind the dense layers, which Debian leaves to the machine: its reference BLAS makes
/// LibTorch half as fast, and OpenBLAS takes its number of threads from the environment only.
inline std::string require_fair_blas()
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

inline double wall()
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

inline double cpu_time()
{
    std::timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Freed tensors stay in the heap: by default every step returns its activations to the system and
/// faults them in again.
inline void keep_memory()
{
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, -1);
    mallopt(M_TOP_PAD, 64 << 20);
}

/// What the command line asks for.
struct Run {
    std::string form;
    std::int64_t batch, steps, warmup;
    std::string more = {};  ///< of the line of JSON, e.g. `, "nodes": 3`
};

/// Times `step()`, which returns its loss, and prints the line of JSON.
template <class Step>
void measure_steps(Run const& run, std::int64_t parameters, Step&& step)
{
    std::string const blas = require_fair_blas();
    std::vector<double> losses;
    for (std::int64_t i = 0; i < run.warmup; ++i)
        losses.push_back(step());
    double const begin = wall(), cpu = cpu_time();
    for (std::int64_t i = 0; i < run.steps; ++i)
        losses.push_back(step());
    double const wall_s = wall() - begin, cpu_s = cpu_time() - cpu;
    auto const done = static_cast<double>(run.batch * run.steps);
    fmt::print(
        "{{\"form\": \"{}\", \"torch\": \"{}\", \"blas\": \"{}\", \"precision\": \"fp32\", "
        "\"threads\": {}, \"batch_size\": {}, \"steps\": {}, \"parameters\": {}, "
        "\"events_per_s\": {:.1f}, \"events_per_cpu_s\": {:.1f}, \"loss_first\": {:.4f}, "
        "\"loss_last\": {:.4f}{}}}\n",
        run.form, TORCH_VERSION, blas, at::get_num_threads(), run.batch, run.steps, parameters,
        done / wall_s, done / cpu_s, losses.front(), losses.back(), run.more);
    require(losses.size() < 8 || losses.back() < losses.front(), "the loss did not fall");
}

/// What a program can do: `check` that both forms agree, or time one.
struct Program {
    char const* name;
    void (*check)();
    void (*plain)(Run);
    void (*tuned)(Run);
};

inline int run_form(Program const& program, std::vector<std::string> const& args)
{
    std::string const form = args.empty() ? "" : args[0];
    auto const number = [&](std::size_t i, std::int64_t fallback) {
        return i < args.size() ? std::stoll(args[i]) : fallback;
    };
    at::set_num_threads(1);
    at::set_num_interop_threads(1);
    torch::manual_seed(1);
    Run const run{form, number(1, 1024), number(2, 10), number(3, 3)};
    if (form == "check") {
        program.check();
    } else if (form == "plain") {
        program.plain(run);
    } else if (form == "tuned") {
        program.tuned(run);
    } else {
        fmt::print(stderr, "usage: {0} plain|tuned [BATCH [STEPS [WARMUP]]]\n       {0} check\n",
                   program.name);
        return 64;
    }
    return 0;
}

/// Returns the exit code of the program.
inline int run_program(Program const& program, int argc, char** argv)
try {
    return run_form(program, {argv + 1, argv + argc});
} catch (std::exception const& e) {
    fmt::print(stderr, "error: {}\n", e.what());
    return 70;
}

/// torch::dropout spends most of its time in the generator: one 64-bit draw serves 8 elements here.
inline Tensor cheap_dropout(Tensor const& x, double rate, bool on)
{
    if (!on) return x;
    std::int64_t const cut = std::lround(256 * rate), words = (x.numel() + 7) / 8;
    Tensor const random =
        torch::empty({words}, torch::kInt64)
            .random_(std::numeric_limits<std::int64_t>::min(), c10::optional<std::int64_t>());
    Tensor const keep = random.view(torch::kUInt8).narrow(0, 0, x.numel()).view(x.sizes()) >= cut;
    return x * keep.to(x.scalar_type()).mul_(256.0 / static_cast<double>(256 - cut));
}

/// LibTorch 1.13 has no fused Adam on a CPU: everything in place, gradients replaced, not zeroed.
class TunedAdam {
  public:
    TunedAdam(std::vector<Tensor> parameters, double rate, double epsilon)
        : parameters_(std::move(parameters)), rate_(rate), epsilon_(epsilon)
    {
        for (Tensor const& p : parameters_) {
            mean_.push_back(torch::zeros_like(p));
            square_.push_back(torch::zeros_like(p));
        }
    }
    void zero_grad()
    {
        for (Tensor& p : parameters_)
            p.mutable_grad() = Tensor();
    }
    void step()
    {
        torch::NoGradGuard const no_grad;
        ++steps_;
        double const c1 = 1 - std::pow(0.9, steps_), c2 = 1 - std::pow(0.999, steps_);
        for (std::size_t i = 0; i < parameters_.size(); ++i) {
            Tensor const& g = parameters_[i].grad();
            mean_[i].mul_(0.9).add_(g, 0.1);
            square_[i].mul_(0.999).addcmul_(g, g, 0.001);
            Tensor const spread = (square_[i] / c2).sqrt_().add_(epsilon_);
            parameters_[i].addcdiv_(mean_[i], spread, -rate_ / c1);
        }
    }

  private:
    std::vector<Tensor> parameters_, mean_, square_;
    double rate_, epsilon_;
    int steps_ = 0;
};
}  // namespace calofuse::bench
