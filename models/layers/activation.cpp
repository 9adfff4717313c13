#include "models/layers/activation.hpp"

#include "kernels/dense/dropout.hpp"

namespace calofuse::layers {
Var activation(Tape& tape, Var x, Activation kind, float parameter)
{
    Var y = tape.make({x.value.size()});
    y.value.shape = x.value.shape;
    y.value.rank = x.value.rank;
    if (!y.grad.empty()) {
        y.grad.shape = x.value.shape;
        y.grad.rank = x.value.rank;
    }
    record(tape, "activation", activation_forward,
           {.x = x.value, .kind = kind, .parameter = parameter, .y = y.value}, activation_backward,
           {.saved = backward_reads_input(kind) ? x.value : y.value,
            .dy = y.grad,
            .kind = kind,
            .parameter = parameter,
            .dx = x.grad});
    return y;
}

EventDropout next_dropout(Tape& tape, float rate)
{
    std::uint32_t const stream = tape.next_dropout();
    if (tape.mode() != Mode::train || rate == 0.0F) return {};
    return {
        .step = tape.position(), .seed = tape.parameters().seed(), .stream = stream, .rate = rate};
}

Var dropout(Tape& tape, Var x, float rate)
{
    EventDropout const d = next_dropout(tape, rate);
    if (d.rate == 0.0F) return x;
    Var const y = tape.make({x.value.shape[0], x.value.shape[1]});
    record(tape, "dropout", dropout_forward,
           {.x = x.value,
            .step = d.step,
            .seed = d.seed,
            .stream = d.stream,
            .rate = d.rate,
            .y = y.value},
           dropout_backward,
           {.dy = y.grad,
            .step = d.step,
            .seed = d.seed,
            .stream = d.stream,
            .rate = d.rate,
            .dx = x.grad});
    return y;
}
}  // namespace calofuse::layers
