#include <algorithm>
#include <cmath>

#include "kernels/common/ordered_sum.hpp"
#include "kernels/loss/bce.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kChunk = 1024;

template <class Args>
std::int64_t num_valid(Args const& args)
{
    std::int64_t const events = args.logits.size();
    if (args.num_valid.empty()) return events;
    return std::clamp<std::int64_t>(args.num_valid.template view<std::int64_t const, 1>()[0], 0,
                                    events);
}

template <class Args>
double divisor(Args const& args)
{
    return args.reduction == Reduction::mean
               ? static_cast<double>(std::max<std::int64_t>(num_valid(args), 1))
               : 1.0;
}

/// What event i brings: logit, weight, coefficient of z and of log(1 + exp(-z)).
struct Event {
    double z, weight, linear, curved;
};
template <class Args>
Event event_at(Args const& args, std::int64_t i)
{
    double const s = static_cast<double>(args.label_smoothing);
    double const t =
        static_cast<double>(args.target.template flat<float const>()[i]) * (1 - s) + s / 2;
    double const weight = args.weight.empty()
                              ? 1.0
                              : static_cast<double>(args.weight.template flat<float const>()[i]);
    return {static_cast<double>(args.logits.template flat<float const>()[i]), weight, 1 - t,
            1 + (static_cast<double>(args.pos_weight) - 1) * t};
}

double loss_of(Event const& e)
{
    double const softplus = std::max(-e.z, 0.0) + std::log1p(std::exp(-std::abs(e.z)));
    return e.weight * (e.linear * e.z + e.curved * softplus);
}

double slope_of(Event const& e)
{
    double const small = std::exp(-std::abs(e.z));
    double const sigmoid_of_minus_z = (e.z > 0 ? small : 1.0) / (1.0 + small);
    return e.weight * (e.linear - e.curved * sigmoid_of_minus_z);
}
}  // namespace

void bce_forward(Context& ctx, BceArgs const& args)
{
    std::int64_t const events = args.logits.size(), valid = num_valid(args);
    auto const loss = args.loss.flat<float>();
    if (args.reduction == Reduction::none) {
        parallel_chunks(
            ctx, events, kChunk, [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                for (std::int64_t i = begin; i < end; ++i)
                    loss[i] = i < valid ? static_cast<float>(loss_of(event_at(args, i))) : 0.0F;
            });
        return;
    }
    double const sum =
        ordered_sum(ctx, valid, [&](std::int64_t i) { return loss_of(event_at(args, i)); });
    loss[0] = static_cast<float>(sum / divisor(args));
}

void bce_backward(Context& ctx, BceGradArgs const& args)
{
    auto const dlogits = args.dlogits.flat<float>();
    bool const each = args.reduction == Reduction::none;
    double const over = divisor(args);
    parallel_chunks(
        ctx, num_valid(args), kChunk, [&](std::int64_t begin, std::int64_t end, std::int64_t) {
            for (std::int64_t i = begin; i < end; ++i) {
                double const outer =
                    args.dloss.empty()
                        ? 1.0
                        : static_cast<double>(args.dloss.flat<float const>()[each ? i : 0]);
                dlogits[i] += static_cast<float>(outer * slope_of(event_at(args, i)) / over);
            }
        });
}
}  // namespace calofuse::cpu
