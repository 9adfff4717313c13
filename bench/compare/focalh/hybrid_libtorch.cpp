/// \file bench/compare/focalh/hybrid_libtorch.cpp
/// Training steps of the hybrid network by LibTorch, fp32, one thread:
///   compare_hybrid_libtorch plain|tuned [BATCH [STEPS [WARMUP]]]
/// prints one line of JSON with what `calofuse profile --model hybrid` measures: events per second
/// of processor time. The events are those of `profile`: simulated, 100 GeV, half of each label.
///   compare_hybrid_libtorch check
/// Both forms with the same weights in double precision, dropout off: equal losses over four steps.
#include <algorithm>
#include <fmt/format.h>

#include "bench/compare/focalh/torch_run.hpp"
#include "bench/compare/focalh/torch_tuned.hpp"

namespace calofuse::bench {
namespace {
struct Events {
    Tensor adc;     ///< (N, 256) i16
    Tensor target;  ///< (N) f32, 1 = electron
    EnergyScale energy;
};

Events simulated_events(std::int64_t count)
{
    Events events;
    events.adc = simulated_adc(count);
    events.target = simulated_targets(events.adc.size(0));
    Tensor const all = channels_of({0, 1, 2, 3, 4, 5, 6, 7, 8});
    Tensor const sum = events.adc.index_select(1, all).to(torch::kDouble).sum(1);
    events.energy = {sum.mean().item<double>(), sum.std().item<double>()};
    return events;
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

template <class Model, class Adam>
void measure(Model& model, Adam& adam, Run const& run, Events const& events)
{
    measure_steps(run, count_parameters(model), [&] {
        Tensor const index =
            torch::randperm(events.adc.size(0), torch::kInt64).narrow(0, 0, run.batch);
        return train(model, adam, events, index);
    });
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
    TunedAdam tuned_adam(tuned.parameters(), kAdamRate, kAdamEps);
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

void measure_plain(Run run)
{
    Events const events = simulated_events(run.batch);
    PlainHybrid model(events.energy, true);
    require(count_parameters(model) == kPlainParameters, "not the network of CaloFuse");
    torch::optim::Adam adam(model.parameters(), torch::optim::AdamOptions(kAdamRate).eps(kAdamEps));
    measure(model, adam, run, events);
}

void measure_tuned(Run run)
{
    keep_memory();
    Events const events = simulated_events(run.batch);
    TunedHybrid model(events.energy, true);
    require(count_parameters(model) == kTunedParameters, "not the network of CaloFuse");
    TunedAdam adam(model.parameters(), kAdamRate, kAdamEps);
    measure(model, adam, run, events);
}
}  // namespace
}  // namespace calofuse::bench

int main(int argc, char** argv)
{
    using namespace calofuse::bench;
    return run_program({"compare_hybrid_libtorch", check, measure_plain, measure_tuned}, argc,
                       argv);
}
