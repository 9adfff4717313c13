/// \file models/model.hpp
/// A model: its parameters and one forward pass. The pass is written once, for a tape; training,
/// calibration of batch norms and evaluation are modes of the tape.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/engine/batch.hpp"
#include "models/engine/parameters.hpp"
#include "models/engine/tape.hpp"
#include "models/task.hpp"
#include "runtime/dataset.hpp"
#include "runtime/options.hpp"

namespace calofuse {
/// What a forward pass yields: (B, W), W as the task wants it; or, with row_ptr, a row per hit (R, W).
struct Output {
    Var value;
    TensorRef row_ptr = {};  ///< (B + 1) i32, or empty
};

class Model {
  public:
    Model() = default;
    Model(Model const&) = delete;
    Model& operator=(Model const&) = delete;
    virtual ~Model() = default;

    /// Columns that a batch must bring.
    virtual std::vector<std::string> columns() const = 0;
    /// What is fitted on the training rows and does not learn (pedestals, mean and scale of inputs)
    /// becomes state of the parameters: it is saved and restored with them.
    virtual void fit(Dataset const& data, std::span<std::int32_t const> rows) = 0;
    /// What belongs to the store at hand (the channel map). Before any pass on its events.
    virtual void bind(Dataset const& data) = 0;
    /// Rows of -1 are padding; their outputs mean nothing.
    virtual Output forward(Tape& tape, Batch const& batch) const = 0;

    /// Events of a batch that go through the network at a time where the backend is a CPU, so that
    /// what a part writes is still in the cache when it is read; 0: the whole batch, because its
    /// events are tied together by batch statistics.
    virtual std::int64_t events_per_part() const { return 0; }

    Parameters& parameters() { return parameters_; }
    Parameters const& parameters() const { return parameters_; }

  protected:
    Parameters parameters_;
};

/// A model that the program knows by name.
struct ModelEntry {
    char const* name;
    char const* help;
    OptionSchema (*schema)();  ///< its settings, keys `model.*`, `hits.*`, `input.*`
    /// `data` tells shapes of inputs only: a model made for one store takes any with the same columns.
    std::unique_ptr<Model> (*make)(Context& ctx,
                                   Dataset const& data,
                                   Task const& task,
                                   Options const& options,
                                   std::uint64_t seed);
};
}  // namespace calofuse
