/// \file driver/train/checkpoint.hpp
/// One safetensors file with all that a model needs: weights, what was fitted (batch-norm statistics,
/// scaling of inputs), task, settings; and, for `last`, what training needs to go on: optimiser state
/// and progress. A SHA-256
/// over the whole content is part of it and is checked before anything is used.
/// Errors: CF-CKPT-01..13 malformed file (io/safetensors.hpp), -20 no checkpoint of ours, -21 digest,
/// -22 another format, -23 other tensors than the model has, -24 not finite.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "io/safetensors.hpp"
#include "models/engine/optimizer.hpp"
#include "models/model.hpp"

namespace calofuse {
class Checkpoint {
  public:
    Checkpoint(std::string model, Options const& settings, Task const& task);

    static Checkpoint read(std::string const& path);
    /// Atomically, over an older one.
    void write(std::string const& path);

    std::string const& model() const { return model_; }
    Options const& settings() const { return settings_; }
    Task const& task() const { return task_; }

    void store(Parameters const& parameters);
    void store(Optimizer const& optimizer);
    void restore(Parameters& parameters) const;
    void restore(Optimizer& optimizer) const;

    /// Anything else a trainer wants to find again.
    nlohmann::json progress() const;
    void set_progress(nlohmann::json const& progress);
    void set_values(std::string const& name, std::span<float const> values);
    std::vector<float> values(std::string const& name) const;

  private:
    Checkpoint() = default;
    std::string path_ = "model";  ///< for messages
    std::string model_;
    Options settings_;
    Task task_;
    SafeTensors content_;
};

/// A model made for the columns of `data`, bound to it, and filled from a checkpoint.
std::unique_ptr<Model> restore_model(Context& ctx,
                                     Checkpoint const& checkpoint,
                                     Dataset const& data);
}  // namespace calofuse
