/// \file models/model.hpp
/// A model: its parameters and one forward pass. The pass is written once, for a tape; training,
/// calibration of batch norms and evaluation are modes of the tape.
#pragma once

#include <memory>

#include "models/engine/event_input.hpp"
#include "models/engine/parameters.hpp"
#include "models/engine/tape.hpp"
#include "runtime/options.hpp"

namespace calofuse {
class Model {
  public:
    Model() = default;
    Model(Model const&) = delete;
    Model& operator=(Model const&) = delete;
    virtual ~Model() = default;

    /// Logit of `electron` of each event of the batch: (B, 1). Rows of -1 are padding; their logits
    /// mean nothing.
    virtual Var forward(Tape& tape, EventBatch const& batch) const = 0;

    /// Events of a batch that go through the network at a time where the backend is a CPU, so that
    /// what a pass writes is still in the cache when it is read; 0: the whole batch, because its
    /// events are tied together by batch statistics.
    virtual std::int64_t events_per_pass() const { return 0; }

    Parameters& parameters() { return parameters_; }
    Parameters const& parameters() const { return parameters_; }

  protected:
    Parameters parameters_;
};

/// A model that the program knows by name.
struct ModelEntry {
    char const* name;
    char const* help;
    OptionSchema (*schema)();  ///< its settings, keys `model.*`
    std::unique_ptr<Model> (*make)(Context& ctx, Options const& options, std::uint64_t seed);
};
}  // namespace calofuse
