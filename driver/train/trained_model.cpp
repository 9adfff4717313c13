#include "driver/train/trained_model.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "driver/judge/predictions.hpp"
#include "driver/kinds.hpp"
#include "driver/train/inputs.hpp"

namespace calofuse {
namespace {
std::unique_ptr<Model> model_for(Context& ctx,
                                 Checkpoint const& checkpoint,
                                 Dataset const& data,
                                 Session const* session)
{
    std::unique_ptr<Model> model = restore_model(ctx, checkpoint, data);
    check_columns(*model, checkpoint.model(), data);
    if (session == nullptr) return model;  // the store of the training, which has checked it
    check_inputs(*model, data);
    kind_of(data).adopt(*session, checkpoint, data, model->parameters());
    return model;
}
}  // namespace

bool is_training_store(Checkpoint const& checkpoint, Dataset const& data)
{
    return !data.sha256.empty()
           && checkpoint.progress().value("data_sha256", std::string()) == data.sha256;
}

void check_columns(Model const& model, std::string const& name, Dataset const& data)
{
    for (std::string const& column : model.columns())
        if (!data.has(column))
            throw Error(Exit::data, "CF-MOD-01",
                        "model " + name + " reads column " + quoted(column)
                            + ", which the store does not have",
                        "it has " + data.describe_columns());
}

std::int64_t scoring_batch(Dataset const& data)
{
    return std::clamp<std::int64_t>(data.size(), 1, 1024);
}

TrainedModel::TrainedModel(Context& ctx,
                           Checkpoint const& checkpoint,
                           Dataset const& data,
                           Session const* session,
                           DataOn data_on)
    : data_(data)
    , task_(checkpoint.task())
    , model_(model_for(ctx, checkpoint, data, session))
    , placed_(ctx, data, model_->columns(), data_on)
    , scorer_(ctx, *model_, placed_, task_.width(), scoring_batch(data), Mode::evaluate)
{}

Predictions TrainedModel::predict(std::span<std::int32_t const> rows)
{
    return make_predictions(task_, data_, rows, outputs(rows));
}
}  // namespace calofuse
