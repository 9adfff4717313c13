/// \file kernels/data/batch.hpp
/// A pass over events in batches, without a word from the host: `cursor` says where the pass is, and
/// these two operators stand before and after what is done with a batch (or, on the CPU, with a part
/// of a batch). cursor (4) i64: number s of the training step, from 1; events f of the batch that
/// are done; place c in `order` of the part's first event; number n of events of the pass.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
/// v = min(P, batch_size - f, n - c) events, at least 0; e = order[c + p] for p < v
///   row[p] = ring_rows > 0 ? (c + p) mod ring_rows : e;  target[p] = label[e] == 1
///   row[p] = -1 and target[p] = 0 for p >= v;  position = (s, f)
struct TakeBatchArgs {
    TensorRef order;              ///< (>= n) i32  event numbers, below N
    TensorRef label = {};         ///< (N) u8   none: no targets are wanted
    TensorRef cursor;             ///< (4) i64
    std::int64_t batch_size = 0;  ///< > 0
    std::int64_t ring_rows = 0;   ///< > 0: events lie in a ring in the order of the pass
    TensorRef row;                ///< (P) i32
    TensorRef target = {};        ///< (P) f32, with label
    TensorRef num_valid;          ///< (1) i64  v
    TensorRef position;           ///< (2) i64, which dropout and the optimiser read
};

/// kept_logits[c + p] = logits[p] for p < v;  kept_losses[c / batch_size] += loss[0]; then the cursor
/// moves on by v events, and to the next step where the batch or the pass is complete.
struct FinishBatchArgs {
    TensorRef num_valid;          ///< (1) i64
    TensorRef logits;             ///< (P) f32
    TensorRef loss = {};          ///< (1) f32  none: losses are not kept
    std::int64_t batch_size = 0;  ///< > 0
    TensorRef cursor;             ///< (4) i64, moved on
    TensorRef kept_logits;        ///< (>= n) f32
    TensorRef kept_losses = {};   ///< (>= n / batch_size) f64, added to, with loss
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
