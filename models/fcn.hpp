/// \file models/fcn.hpp
/// The fully connected network of pd4ml (erum-data-idt/pd4ml, models/pd4ml_models/fcn.py): a row of F
/// standardised numbers per event, `layers` x [dense `width`, ReLU, dropout], dense W. Published: 12 x 256,
/// no dropout, W = 1; 256 (F + 1) + 11 * 65,792 + 257 weights, that is 903,425 for F = 700.
/// A step costs 6 FLOP per weight and event: 4.4 MFLOP with F = 19, far more than its few KB of
/// activations, so that the matrix products decide.
#pragma once

#include <optional>
#include <vector>

#include "models/layers/linear.hpp"
#include "models/layers/table.hpp"
#include "models/model.hpp"
#include "runtime/settings.hpp"

namespace calofuse {
struct FcnConfig {
    std::string inputs = "features";  ///< columns of the events, with commas between them
    std::int64_t features = 1;        ///< F, of all input columns together
    std::int64_t outputs = 1;         ///< W of the task
    std::int64_t layers = 12, width = 256;
    float dropout = 0;       ///< after every hidden layer
    std::uint64_t seed = 1;  ///< of initial weights and dropout
};

class Fcn final : public Model {
  public:
    /// Without a table it computes from numbers that are given (`forward_inputs`).
    Fcn(Context& ctx, FcnConfig const& config, std::optional<layers::Table> table = std::nullopt);

    std::vector<std::string> columns() const override { return table_->columns(); }
    void fit(Dataset const& data, std::span<std::int32_t const> rows) override
    {
        table_->fit(scaling_, parameters_, data, rows);
    }
    void bind(Dataset const&) override {}
    Output forward(Tape& tape, Batch const& batch) const override
    {
        return {forward_inputs(tape, (*table_)(tape, batch, scaling_))};
    }

    /// x (B, F), standardised -> (B, W).
    Var forward_inputs(Tape& tape, Var x) const;

    layers::Standardise const& scaling() const { return scaling_; }

  private:
    FcnConfig config_;
    std::optional<layers::Table> table_;
    layers::Standardise scaling_;
    std::vector<layers::Linear> hidden_;
    layers::Linear out_;
};

/// Settings `model.*` (schema_of, read_settings); features, outputs and seed come from data, task and run.
void visit(Settings& settings, FcnConfig& config);
OptionSchema fcn_schema();
std::unique_ptr<Model> make_fcn(Context& ctx,
                                Dataset const& data,
                                Task const& task,
                                Options const& options,
                                std::uint64_t seed);
}  // namespace calofuse
