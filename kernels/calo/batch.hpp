/// \file kernels/calo/batch.hpp
/// A pass over events in batches, without a word from the host: `cursor` says where the pass is, and
/// these two operators stand before and after what is done with a batch (or, on the CPU, with a part
/// of a batch). cursor (3) i64: number of the training step, from 1; first event of this part in its
/// batch; place in `order` of this part's first event.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
/// v = min(P, batch_size - cursor[1], n - cursor[2]) events, at least 0;
///   e = order[cursor[2] + p], p < v;  row[p] = ring_rows > 0 ? (cursor[2] + p) mod ring_rows : e
///   target[p] = label[e] == 1;  row = -1 and target = 0 for p >= v
struct TakeBatchArgs {
    TensorRef order;              ///< (n) i32  event numbers, below N
    TensorRef label = {};         ///< (N) u8   none: no targets are wanted
    TensorRef cursor;             ///< (3) i64
    std::int64_t batch_size = 0;  ///< > 0
    std::int64_t ring_rows = 0;   ///< > 0: events lie in a ring in the order of the pass
    TensorRef row;                ///< (P) i32
    TensorRef target = {};        ///< (P) f32, with label
    TensorRef num_valid;          ///< (1) i64  v
};

/// logits_of_pass[cursor[2] + p] = logits[p], p < v; loss_of_step[cursor[2] / batch_size] += loss[0];
/// then the cursor moves on by v events, to the next step where its batch (or the order) is complete.
struct FinishBatchArgs {
    TensorRef num_valid;          ///< (1) i64
    TensorRef logits;             ///< (P) f32
    TensorRef loss = {};          ///< (1) f32  none: losses are not kept
    std::int64_t batch_size = 0;  ///< > 0
    TensorRef cursor;             ///< (3) i64, moved on
    TensorRef logits_of_pass;     ///< (n) f32
    TensorRef loss_of_step = {};  ///< (ceil(n / batch_size)) f64, added to, with loss
};

void take_batch(Context& ctx, TakeBatchArgs const& args);
void finish_batch(Context& ctx, FinishBatchArgs const& args);
namespace cpu {
void take_batch(Context& ctx, TakeBatchArgs const& args);
void finish_batch(Context& ctx, FinishBatchArgs const& args);
}  // namespace cpu
namespace cuda {
void take_batch(Context& ctx, TakeBatchArgs const& args);
void finish_batch(Context& ctx, FinishBatchArgs const& args);
}  // namespace cuda
}  // namespace calofuse
