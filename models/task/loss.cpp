#include <algorithm>
#include <memory>

#include "kernels/data/take.hpp"
#include "kernels/dense/take_columns.hpp"
#include "kernels/loss/add_losses.hpp"
#include "kernels/loss/bce.hpp"
#include "kernels/loss/cross_entropy.hpp"
#include "kernels/loss/regression.hpp"
#include "models/task.hpp"

namespace calofuse {
namespace {
/// Numbers that do not change, on the tape's backend; the recorded calls that read them own them.
using Constant = std::shared_ptr<Buffer<float> const>;
Constant constant(Tape& tape, std::vector<float> const& values)
{
    return std::make_shared<Buffer<float> const>(tape.ctx(), std::span(values));
}

/// What the loss of one head reads and writes.
struct HeadLoss {
    Var x;  ///< (B, width)
    ColumnRef target;
    TensorRef row, num_valid;
    TensorRef weight;  ///< (B, 1) f32, or empty
    TensorRef dloss;   ///< (1)
    TensorRef loss;    ///< (1)
};

/// Columns of the events are gathered into y; with `keep` they are scaled by its two rows.
void record_take(Tape& tape, TakeArgs const& args, Constant const& keep = nullptr)
{
    Context* const ctx = &tape.ctx();
    tape.record("take", [ctx, args, keep] { take(*ctx, args); });
}

/// The factor of class 0 is left to `factor_of`: pos_weight is that of class 1 against it.
void record_binary(Tape& tape, Head const& head, HeadLoss const& to)
{
    Context* const ctx = &tape.ctx();
    TensorRef const target = tape.make_value(DType::f32, {to.row.shape[0], 1});
    record_take(tape, {.row = to.row, .data = to.target.data, .y = target});
    bool const weighted = !head.class_weight.empty();
    BceArgs const args{.x = to.x.value,
                       .target = target,
                       .weight = to.weight,
                       .num_valid = to.num_valid,
                       .reduction = Reduction::sum,
                       .pos_weight = weighted ? head.class_weight[1] / head.class_weight[0] : 1.0F,
                       .label_smoothing = head.label_smoothing,
                       .loss = to.loss};
    BceGradArgs const grad{.x = args.x,
                           .target = target,
                           .weight = args.weight,
                           .num_valid = args.num_valid,
                           .reduction = args.reduction,
                           .pos_weight = args.pos_weight,
                           .label_smoothing = args.label_smoothing,
                           .dloss = to.dloss,
                           .dx = to.x.grad};
    tape.record(
        "bce", [=] { bce_forward(*ctx, args); }, [=] { bce_backward(*ctx, grad); });
}

void record_classes(Tape& tape, Head const& head, HeadLoss const& to)
{
    Context* const ctx = &tape.ctx();
    TensorRef const target = tape.make_value(DType::i32, {to.row.shape[0], 1});
    record_take(tape, {.row = to.row, .data = to.target.data, .y = target});
    Constant const weights =
        head.class_weight.empty() ? nullptr : constant(tape, head.class_weight);
    CrossEntropyArgs const args{.x = to.x.value,
                                .target = target,
                                .weight = to.weight,
                                .num_valid = to.num_valid,
                                .class_weight = weights ? weights->ref() : TensorRef{},
                                .reduction = Reduction::sum,
                                .label_smoothing = head.label_smoothing,
                                .loss = to.loss};
    CrossEntropyGradArgs const grad{.x = args.x,
                                    .target = target,
                                    .weight = args.weight,
                                    .num_valid = args.num_valid,
                                    .class_weight = args.class_weight,
                                    .reduction = args.reduction,
                                    .label_smoothing = args.label_smoothing,
                                    .dloss = to.dloss,
                                    .dx = to.x.grad};
    tape.record(
        "cross_entropy", [ctx, args, weights] { cross_entropy_forward(*ctx, args); },
        [=] { cross_entropy_backward(*ctx, grad); });
}

Residual residual_of(RegressionLoss loss)
{
    return loss == RegressionLoss::squared ? Residual::squared
           : loss == RegressionLoss::huber ? Residual::huber
                                           : Residual::quantile;
}

void record_regression(Tape& tape, Head const& head, HeadLoss const& to)
{
    Context* const ctx = &tape.ctx();
    std::int64_t const values = head.num_targets();
    TensorRef const target = tape.make_value(DType::f32, {to.row.shape[0], values});
    TakeArgs from{.row = to.row, .data = to.target.data, .y = target};
    Constant scaling;
    if (!head.mean.empty()) {
        std::vector<float> numbers = head.mean;
        for (float const scale : head.scale)
            numbers.push_back(1 / scale);
        scaling = constant(tape, numbers);
        from.mean = tensor_ref(scaling->data(), {values});
        from.scale_inverse = tensor_ref(scaling->data() + values, {values});
    }
    record_take(tape, from, scaling);
    RegressionLossArgs args{.x = to.x.value,
                            .target = target,
                            .weight = to.weight,
                            .num_valid = to.num_valid,
                            .kind = residual_of(head.loss),
                            .reduction = Reduction::sum,
                            .delta = head.delta,
                            .loss = to.loss};
    args.quantiles.count = std::ssize(head.quantiles);
    std::copy(head.quantiles.begin(), head.quantiles.end(), args.quantiles.q);
    RegressionLossGradArgs const grad{.x = args.x,
                                      .target = target,
                                      .weight = args.weight,
                                      .num_valid = args.num_valid,
                                      .kind = args.kind,
                                      .reduction = args.reduction,
                                      .delta = args.delta,
                                      .quantiles = args.quantiles,
                                      .dloss = to.dloss,
                                      .dx = to.x.grad};
    tape.record(
        "regression_loss", [=] { regression_loss_forward(*ctx, args); },
        [=] { regression_loss_backward(*ctx, grad); });
}

/// What the sum that an operator makes is multiplied with.
float factor_of(Task const& task, Head const& head)
{
    double factor = task.heads.size() > 1 ? head.weight : 1.0;
    if (head.kind == TaskKind::regression) factor /= static_cast<double>(head.width());
    if (head.kind == TaskKind::binary && !head.class_weight.empty())
        factor *= static_cast<double>(head.class_weight[0]);
    return static_cast<float>(factor);
}

/// The columns of head h; of a single head all of them, without a copy.
Var columns_of(Tape& tape, Task const& task, std::size_t h, Var const& output)
{
    if (task.heads.size() == 1) return output;
    Context* const ctx = &tape.ctx();
    Var const out = tape.make({output.value.shape[0], task.heads[h].width()});
    TakeColumnsArgs const args{.x = output.value, .first = task.first_column(h), .y = out.value};
    TakeColumnsGradArgs const grad{.dy = out.grad, .first = args.first, .dx = output.grad};
    tape.record(
        "take_columns", [=] { take_columns_forward(*ctx, args); },
        [=] { take_columns_backward(*ctx, grad); });
    return out;
}

TensorRef element(TensorRef const& t, std::size_t i)
{
    return t.empty() ? TensorRef{} : tensor_ref(t.flat<float>().data + i, {1});
}

/// Every head writes the element of `part` that is its own, and reads its gradient there.
void record_sum(Tape& tape, Task const& task, Var const& part, TensorRef loss, TensorRef scale)
{
    Context* const ctx = &tape.ctx();
    AddLossesArgs args{.part = part.value, .factor = {}, .loss = loss};
    for (std::size_t h = 0; h < task.heads.size(); ++h)
        args.factor.of[h] = factor_of(task, task.heads[h]);
    AddLossesGradArgs const grad{.factor = args.factor, .dloss = scale, .dpart = part.grad};
    tape.record(
        "add_losses", [=] { add_losses_forward(*ctx, args); },
        [=] { add_losses_backward(*ctx, grad); });
}
}  // namespace

TensorRef record_loss(Tape& tape, Task const& task, Var output, Batch const& batch, TensorRef scale)
{
    CALOFUSE_CHECK(output.value.rank == 2 && output.value.shape[1] == task.width(),
                   "output is " << output.value.describe() << ", the task has " << task.width());
    TensorRef const loss = tape.make_value(DType::f32, {1});
    TensorRef weight;
    if (!task.weight.empty()) {
        weight = tape.make_value(DType::f32, {batch.size(), 1});
        record_take(tape, {.row = batch.row, .data = batch.at(task.weight).data, .y = weight});
    }
    bool const plain = task.heads.size() == 1 && factor_of(task, task.heads[0]) == 1.0F;
    Var const part =
        plain ? Var{loss, scale} : tape.make({static_cast<std::int64_t>(task.heads.size())});
    for (std::size_t h = 0; h < task.heads.size(); ++h) {
        Head const& head = task.heads[h];
        HeadLoss const to{.x = columns_of(tape, task, h, output),
                          .target = batch.at(head.target),
                          .row = batch.row,
                          .num_valid = batch.num_valid,
                          .weight = weight,
                          .dloss = element(part.grad, h),
                          .loss = element(part.value, h)};
        if (head.kind == TaskKind::binary) record_binary(tape, head, to);
        if (head.kind == TaskKind::classes) record_classes(tape, head, to);
        if (head.kind == TaskKind::regression) record_regression(tape, head, to);
    }
    if (!plain) record_sum(tape, task, part, loss, scale);
    return loss;
}
}  // namespace calofuse
