#include "driver/report/sections.hpp"

#include <cmath>
#include <fmt/format.h>

#include "driver/report/numbers.hpp"

namespace calofuse {
namespace {
std::string capital(std::string text)
{
    if (!text.empty() && text[0] >= 'a' && text[0] <= 'z')
        text[0] = static_cast<char>(text[0] - 'a' + 'A');
    return text;
}

Card card_of(HeadJudgement const& head, std::string const& figure, std::string const& name)
{
    Figure const f = find_figure(head.figures, figure);
    return {name, number_text(f.value), interval_text(f)};
}

Card rejection_card(ReportData const& data, std::size_t head)
{
    Scored const scored(data.task.heads[head], data.judgement.heads[head],
                        head_rows(data.predictions, data.task, head));
    WorkingPoint const p = working_point(scored, 0.9);
    return {capital(scored.background) + " rejection", rejection_text(p.rejection),
            fmt::format("at 90 % {}, 68 %: {} to {}", scored.signal,
                        rejection_text(p.rejection_low), rejection_text(p.rejection_high))};
}
}  // namespace

std::string interval_text(Figure const& f, int decimals)
{
    if (!std::isfinite(f.value)) return "not defined for these events";
    if (!std::isfinite(f.low)) return "";
    return fmt::format("68 %: {:.{}f} to {:.{}f}", f.low, decimals, f.high, decimals);
}

std::string rejection_text(double value)
{
    if (std::isnan(value)) return "–";
    if (std::isinf(value)) return "∞";
    return value < 100 ? fmt::format("{:.1f}", value) : fmt::format("{:.0f}", value);
}

std::string number_text(double value)
{
    if (!std::isfinite(value)) return "–";
    return std::abs(value) < 1000 ? fmt::format("{:.4f}", value) : fmt::format("{:.6g}", value);
}

std::vector<Card> head_cards(ReportData const& data, std::size_t head)
{
    HeadJudgement const& j = data.judgement.heads[head];
    std::string const of = data.task.heads.size() > 1 ? ", " + j.head : "";
    if (j.kind == TaskKind::binary)
        return {card_of(j, "accuracy", "Test accuracy" + of), card_of(j, "auc", "Test AUC" + of),
                rejection_card(data, head)};
    if (j.kind == TaskKind::classes)
        return {card_of(j, "accuracy", "Test accuracy" + of),
                {"Test macro AUC" + of, fraction(j.figure("macro_auc")),
                 fmt::format("{} classes, one against the rest", j.names.size())}};
    std::vector<Card> out;
    std::string const unit = j.unit.empty() ? "" : " / " + j.unit;
    for (std::string const& value : j.names) {
        std::string const behind = j.names.size() > 1 ? "." + value : "";
        for (std::string const figure : {"resolution", "bias"})
            out.push_back(card_of(j, figure + behind, capital(figure) + " of " + value + unit));
        if (std::isfinite(j.figure("response_half_width_68" + behind)))
            out.push_back(
                card_of(j, "response_half_width_68" + behind, "Relative resolution, " + value));
    }
    return out;
}

std::vector<Section> head_sections(ReportData const& data, std::size_t head)
{
    std::string const id = data.task.heads.size() > 1 ? fmt::format("-{}", head) : std::string();
    switch (data.task.heads[head].kind) {
        case TaskKind::binary:
            return binary_sections(data, head, id);
        case TaskKind::classes:
            return classes_sections(data, head, id);
        default:
            return values_sections(data, head, id);
    }
}
}  // namespace calofuse
