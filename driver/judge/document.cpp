#include "driver/judge/document.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "driver/judge/confusion.hpp"

namespace calofuse {
namespace {
using nlohmann::ordered_json;

ordered_json number(double value)
{
    return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}

std::vector<std::string> headline_names(HeadJudgement const& head)
{
    if (head.kind == TaskKind::binary) return {"accuracy", "auc"};
    if (head.kind == TaskKind::classes) return {"accuracy", "macro_auc"};
    std::vector<std::string> out;
    for (std::string const& value : head.names)
        for (std::string const figure : {"bias", "resolution", "mae", "rmse"})
            out.push_back(head.names.size() > 1 ? figure + "." + value : figure);
    return out;
}

ordered_json figures_of(std::vector<Figure> const& figures)
{
    ordered_json out = ordered_json::object();
    for (Figure const& f : figures)
        out[f.name] = {
            {"value", number(f.value)}, {"low", number(f.low)}, {"high", number(f.high)}};
    return out;
}

void add_groups(ordered_json& out, HeadJudgement const& head)
{
    bool const bins = head.kind == TaskKind::regression;
    ordered_json& list = out[bins ? "bins" : "per_energy"];
    list = ordered_json::array();
    for (Group const& g : head.groups) {
        if (bins) {
            list.push_back({{"value", g.label},
                            {"low", g.low},
                            {"high", g.high},
                            {"events", g.rows},
                            {"figures", figures_of(g.figures)}});
            continue;
        }
        Figure const accuracy = g.figure("accuracy");
        list.push_back({{"label", g.label},
                        {"energy_gev", number(g.low)},
                        {"events", g.rows},
                        {"accuracy", number(accuracy.value)},
                        {"accuracy_low", number(accuracy.low)},
                        {"accuracy_high", number(accuracy.high)},
                        {"mean_score", number(g.figure("mean_score").value)}});
    }
}

void add_head(ordered_json& out, HeadJudgement const& head)
{
    if (head.kind == TaskKind::binary) out["threshold"] = kDecisionThreshold;
    if (head.kind != TaskKind::regression) out["confusion"] = ordered_json::object();
    for (std::size_t t = 0; t < head.confusion.size(); ++t)
        for (std::size_t p = 0; p < head.confusion.size(); ++p)
            out["confusion"][head.names[t]][head.names[p]] = head.confusion[t][p];
    if (head.kind != TaskKind::binary) out["figures"] = figures_of(head.figures);
    add_groups(out, head);
}

std::string text(double value)
{
    return std::isfinite(value) ? fmt::format("{:.4f}", value) : "undefined";
}

std::string text(Figure const& f)
{
    if (!std::isfinite(f.low)) return text(f.value);
    return fmt::format("{}  {} - {}", text(f.value), text(f.low), text(f.high));
}

void add_confusion_lines(std::vector<std::string>& out, HeadJudgement const& head)
{
    std::size_t widest = 6;
    for (std::string const& name : head.names)
        widest = std::max(widest, name.size());
    std::string line = fmt::format("  {:<{}}", "", widest);
    for (std::string const& name : head.names)
        line += fmt::format("  {:>{}}", "taken for " + name, widest + 10);
    out.push_back(line);
    for (std::size_t t = 0; t < head.confusion.size(); ++t) {
        line = fmt::format("  {:<{}}", head.names[t], widest);
        for (std::int64_t const n : head.confusion[t])
            line += fmt::format("  {:>{}}", n, widest + 10);
        out.push_back(line);
    }
}

void add_lines(std::vector<std::string>& out, HeadJudgement const& head)
{
    if (!head.confusion.empty()) add_confusion_lines(out, head);
    for (Figure const& f : head.figures)
        out.push_back(fmt::format("  {:<28} {}", f.name, text(f)));
    bool const values = head.kind == TaskKind::regression;
    for (Group const& g : head.groups) {
        std::string line = fmt::format("  {:<28} {:>8} events", g.name, g.rows);
        if (values)
            line += fmt::format("  bias {}  resolution {}", text(g.figure("bias").value),
                                text(g.figure("resolution").value));
        else
            line += "  accuracy " + text(g.figure("accuracy"));
        out.push_back(line);
    }
}
}  // namespace

ordered_json headline(Judgement const& judgement)
{
    ordered_json out = {{"loss", number(judgement.loss)}};
    bool const several = judgement.heads.size() > 1;
    for (HeadJudgement const& head : judgement.heads) {
        std::string const prefix = several ? head.head + "." : "";
        if (several) out[prefix + "loss"] = number(head.loss);
        for (std::string const& name : headline_names(head))
            out[prefix + name] = number(head.figure(name));
    }
    return out;
}

ordered_json to_json(Judgement const& judgement, std::string const& model, std::string const& split)
{
    ordered_json out = {{"model", model}, {"split", split}, {"events", judgement.rows}};
    out.update(headline(judgement));
    if (judgement.heads.size() == 1) {
        add_head(out, judgement.first());
        return out;
    }
    constexpr char const* kKinds[] = {"binary", "classes", "regression"};
    for (HeadJudgement const& head : judgement.heads) {
        ordered_json one = {{"target", head.head},
                            {"kind", kKinds[static_cast<int>(head.kind)]},
                            {"events", head.rows}};
        add_head(one, head);
        out["heads"].push_back(std::move(one));
    }
    return out;
}

std::vector<std::string> to_lines(Judgement const& judgement,
                                  std::string const& model,
                                  std::string const& split)
{
    std::string first = fmt::format("{} on {} ({} events): ", model, split, judgement.rows);
    ordered_json const headlines = headline(judgement);
    for (auto const& [name, value] : headlines.items()) {
        if (first.back() != ' ') first += ", ";
        first += name + " " + (value.is_null() ? "undefined" : text(value.get<double>()));
    }
    std::vector<std::string> out = {first};
    for (HeadJudgement const& head : judgement.heads)
        add_lines(out, head);
    return out;
}

std::string headline_text(Judgement const& judgement)
{
    std::string out;
    ordered_json const figures = headline(judgement);
    for (auto const& [name, value] : figures.items()) {
        out += (out.empty() ? "" : " ") + name;
        out += value.is_number() ? fmt::format(" {:.4f}", value.get<double>()) : " undefined";
    }
    return out;
}
}  // namespace calofuse
