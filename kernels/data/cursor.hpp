/// \file kernels/data/cursor.hpp
/// A pass over events in batches, without a word from the host: `cursor` says where the pass is, and
/// these two operators stand before and after what is done with a batch (or, on the CPU, with a part
/// of a batch). cursor (4) i64: number s of the training step, from 1; events f of the batch that
/// are done; place c in `order` of the part's first event; number n of events of the pass.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
/// Where the events of a pass lie that are brought in its order, `chunk` at a time: event q of it is
/// row (q / chunk mod slots) * stride + q mod chunk.
struct RowRing {
    std::int64_t chunk = 0;  ///< 0: there is no ring
    std::int64_t slots = 1, stride = 0;

    CALOFUSE_HD std::int64_t row_of(std::int64_t q) const
    {
        return q / chunk % slots * stride + q % chunk;
    }
};

/// v = min(P, batch_size - f, n - c) events, at least 0
///   row[p] = order[c + p], or row c + p of the ring, for p < v; -1 beyond;  position = (s, f)
struct NextBatchArgs {
    TensorRef order;              ///< (>= n) i32  event numbers
    TensorRef cursor;             ///< (4) i64
    std::int64_t batch_size = 0;  ///< > 0
    RowRing ring = {};
    TensorRef row;        ///< (P) i32
    TensorRef num_valid;  ///< (1) i64  v
    TensorRef position;   ///< (2) i64, which dropout and the optimiser read
};

/// kept_output[c + p] = output[p] for p < v;  kept_losses[c / batch_size] += loss[0]; then the cursor
/// moves on by v events, and to the next step where the batch or the pass is complete.
struct KeepBatchArgs {
    TensorRef num_valid;          ///< (1) i64
    TensorRef output;             ///< (P, W) f32
    TensorRef loss = {};          ///< (1) f32  none: losses are not kept
    std::int64_t batch_size = 0;  ///< > 0
    TensorRef cursor;             ///< (4) i64, moved on
    TensorRef kept_output;        ///< (>= n, W) f32
    TensorRef kept_losses = {};   ///< (>= n / batch_size) f64, added to, with loss
};

void next_batch(Context& ctx, NextBatchArgs const& args);
void keep_batch(Context& ctx, KeepBatchArgs const& args);
namespace cpu {
void next_batch(Context& ctx, NextBatchArgs const& args);
void keep_batch(Context& ctx, KeepBatchArgs const& args);
}  // namespace cpu
namespace cuda {
void next_batch(Context& ctx, NextBatchArgs const& args);
void keep_batch(Context& ctx, KeepBatchArgs const& args);
}  // namespace cuda
}  // namespace calofuse
