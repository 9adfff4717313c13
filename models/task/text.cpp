#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "kernels/loss/add_losses.hpp"
#include "kernels/loss/regression.hpp"
#include "models/task/targets.hpp"

namespace calofuse {
namespace {
using Json = nlohmann::ordered_json;

constexpr std::array kKinds{TaskKind::binary, TaskKind::classes, TaskKind::regression};
constexpr std::array<char const*, 3> kLosses{"squared", "huber", "quantile"};

[[noreturn]] void fail(std::string const& why)
{
    throw Error(Exit::data, "CF-CKP-01", "the task of a checkpoint: " + why,
                "the checkpoint is damaged, or of a newer version");
}

Json to_json(Head const& head)
{
    Json out{{"kind", name_of(head.kind)},
             {"target", head.target},
             {"names", head.names},
             {"unit", head.unit},
             {"weight", head.weight},
             {"label_smoothing", head.label_smoothing},
             {"class_weight", head.class_weight},
             {"loss", kLosses[static_cast<std::size_t>(head.loss)]},
             {"delta", head.delta},
             {"quantiles", head.quantiles},
             {"mean", head.mean},
             {"scale", head.scale},
             {"skip_nan", head.skip_nan}};
    if (!std::isnan(head.missing)) out["missing"] = head.missing;
    return out;
}

TaskKind kind_from(std::string const& name)
{
    for (TaskKind const kind : kKinds)
        if (name == name_of(kind)) return kind;
    fail("unknown kind " + quoted(name));
}

RegressionLoss loss_from(std::string const& name)
{
    for (std::size_t i = 0; i < kLosses.size(); ++i)
        if (name == kLosses[i]) return static_cast<RegressionLoss>(i);
    fail("unknown loss " + quoted(name));
}

void check_head(Head const& head)
{
    std::size_t const names = head.names.size();
    bool const quantile =
        head.kind == TaskKind::regression && head.loss == RegressionLoss::quantile;
    auto const quantiles = std::ssize(head.quantiles);
    bool const fits =
        names >= (head.kind == TaskKind::regression ? 1U : 2U)
        && (head.kind != TaskKind::binary || names == 2)
        && (head.class_weight.empty() || head.class_weight.size() == names)
        && head.mean.size() == head.scale.size() && (head.mean.empty() || head.mean.size() == names)
        && (quantile ? quantiles >= 1 && quantiles <= Quantiles::kMost : quantiles == 0);
    if (!fits)
        fail("target " + quoted(head.target) + " has " + std::to_string(names)
             + " names, and lists of other lengths");
}

Head head_from(Json const& json)
{
    Head head;
    head.kind = kind_from(json.at("kind").get<std::string>());
    json.at("target").get_to(head.target);
    json.at("names").get_to(head.names);
    json.at("unit").get_to(head.unit);
    json.at("weight").get_to(head.weight);
    json.at("label_smoothing").get_to(head.label_smoothing);
    json.at("class_weight").get_to(head.class_weight);
    head.loss = loss_from(json.at("loss").get<std::string>());
    json.at("delta").get_to(head.delta);
    json.at("quantiles").get_to(head.quantiles);
    json.at("mean").get_to(head.mean);
    json.at("scale").get_to(head.scale);
    json.at("skip_nan").get_to(head.skip_nan);
    if (json.contains("missing")) json.at("missing").get_to(head.missing);
    check_head(head);
    return head;
}
}  // namespace

std::string to_text(Task const& task)
{
    Json heads = Json::array();
    for (Head const& head : task.heads)
        heads.push_back(to_json(head));
    return Json{{"heads", heads}, {"weight", task.weight}}.dump();
}

Task task_from_text(std::string const& text)
{
    try {
        Json const json = Json::parse(text);
        Task task;
        for (Json const& head : json.at("heads"))
            task.heads.push_back(head_from(head));
        json.at("weight").get_to(task.weight);
        if (task.heads.empty() || std::ssize(task.heads) > LossFactors::kMost)
            fail(std::to_string(task.heads.size()) + " heads");
        return task;
    } catch (nlohmann::json::exception const& e) {
        fail(quoted(e.what()));
    }
}
}  // namespace calofuse
