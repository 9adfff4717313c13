/// \file models/engine/parameters.hpp
/// The weights of a model: named tensors in one allocation, their gradients in another.
/// Weights of equal role (the nine first convolutions, say) are added as one group: they lie one
/// after the other, so that an operator takes them as one tensor, and keep their own names in files.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/engine/var.hpp"
#include "runtime/buffer.hpp"
#include "runtime/names.hpp"

namespace calofuse {
/// How a parameter starts. The fans follow the last two axes (rank 2) or, for convolution kernels,
/// Keras' rule: fan_in = shape[-2] * prod(shape[:-2]), fan_out = shape[-1] * prod(shape[:-2]).
enum class Init : std::uint8_t {
    zeros,
    ones,
    glorot_uniform,  ///< keras: U(+-sqrt(6 / (fan_in + fan_out)))
    torch_uniform,   ///< torch: U(+-1 / sqrt(fan_in)); of a bias, fan_in of its layer
};
/// The rules that a model can be told to follow.
constexpr auto names_of(Init)
{
    return std::to_array<Name<Init>>(
        {{Init::glorot_uniform, "keras"}, {Init::torch_uniform, "torch"}});
}

struct ParameterSpec {
    std::string name;
    std::vector<std::int64_t> shape;
    Init init = Init::zeros;
    std::int64_t fan_in = 0;  ///< 0: from the shape
};

/// Handle of what one `add` added.
struct ParameterGroup {
    std::size_t index = 0;
};

/// Handle of the statistics of one batch norm: values that no gradient reaches.
struct StatisticsGroup {
    ParameterGroup mean, variance;
    std::size_t index = 0;
};

/// Where calibration batches are added up (kernels/dense/running_statistics.hpp).
struct StatisticsAccumulator {
    TensorRef count;   ///< (1) i64
    TensorRef mean;    ///< (C) f64
    TensorRef spread;  ///< (C) f64
};

class Parameters {
  public:
    /// Weights that the optimiser moves. All members of a group are contiguous, in this order.
    ParameterGroup add(std::vector<ParameterSpec> members);
    ParameterGroup add(ParameterSpec one) { return add(std::vector{std::move(one)}); }
    /// Statistics `<prefix>.moving_mean` (0) and `<prefix>.moving_variance` (1) of each prefix, with
    /// `channels` elements each, in their own allocation.
    StatisticsGroup add_statistics(std::vector<std::string> const& prefixes, std::int64_t channels);
    /// Values that no gradient reaches and no pass changes: what is fitted before a training.
    ParameterGroup add_state(ParameterSpec one);

    /// Allocates and initialises everything; afterwards nothing can be added. The values are a pure
    /// function of (seed, parameter order, element).
    void allocate(Context& ctx, std::uint64_t seed);
    /// Of `allocate`: also what the dropouts of the model draw from.
    std::uint64_t seed() const { return seed_; }

    /// The group as one row of all its elements.
    Var var(ParameterGroup group) const;
    TensorRef state(ParameterGroup group) const;
    StatisticsAccumulator accumulator(StatisticsGroup const& statistics) const;

    void zero_gradients() { gradients_->zero(); }
    /// Between these two, passes in calibrate mode add their batch statistics up; the second call
    /// makes their averages the statistics of evaluation.
    void begin_calibration();
    void finish_calibration();

    struct Entry {
        ParameterSpec spec;
        bool trainable = true;
        std::int64_t offset = 0;  ///< first element in its allocation
        std::int64_t size = 0;
    };
    std::vector<Entry> const& entries() const { return entries_; }
    /// Values of one entry, on the host.
    std::vector<float> download(Entry const& entry) const;
    std::vector<float> download_gradient(Entry const& entry) const;
    void upload(Entry const& entry, std::span<float const> values);
    Entry const& find(std::string const& name) const;

    std::int64_t num_trainable() const { return count(true); }
    std::int64_t num_state() const { return count(false); }
    /// Whether there is a batch norm.
    bool has_statistics() const { return !statistics_.empty(); }

    /// All trainable values / gradients, padding between groups included (it stays 0).
    TensorRef values() const { return values_->ref(); }
    TensorRef gradients() const { return gradients_->ref(); }

  private:
    struct Group {
        bool trainable = true;
        std::int64_t offset = 0;
        std::int64_t size = 0;
    };
    ParameterGroup append(std::vector<ParameterSpec> members, bool trainable);
    std::int64_t count(bool trainable) const;
    std::vector<float> initial_values(Entry const& entry,
                                      std::size_t number,
                                      std::uint64_t seed) const;

    std::vector<Entry> entries_;
    std::vector<Group> groups_;
    std::int64_t num_values_ = 0;  ///< with padding
    std::int64_t num_states_ = 0;
    std::uint64_t seed_ = 0;
    Context* ctx_ = nullptr;
    std::unique_ptr<Buffer<float>> values_, gradients_, states_;
    std::vector<StatisticsGroup> statistics_;
    std::unique_ptr<Buffer<std::int64_t>> counts_;     ///< one an element of statistics_
    std::unique_ptr<Buffer<double>> means_, spreads_;  ///< as states_; used at the means' offsets
};
}  // namespace calofuse
