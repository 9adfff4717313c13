#include "driver/focalh/predictions.hpp"

#include <algorithm>
#include <tuple>

#include "driver/judge/head_rows.hpp"
#include "driver/judge/judge.hpp"
#include "runtime/error.hpp"

namespace calofuse {
Task electron_task()
{
    Head head;
    head.target = "label";
    head.names = {name_of(Label::hadron), name_of(Label::electron)};
    Task out;
    out.heads = {head};
    return out;
}

std::vector<Prediction> event_predictions(Predictions const& predictions, Task const& task)
{
    CALOFUSE_CHECK(task.width() == 1, "a task of " << task.width() << " outputs");
    std::span<float const> const logit = predictions.output.values<float>();
    Column const* const label = predictions.find(task.heads[0].target);
    Column const* const energy = predictions.find(kGroupColumn);
    std::vector<Prediction> out;
    for (std::int64_t row = 0; row < predictions.size(); ++row) {
        auto const i = static_cast<std::size_t>(row);
        Prediction p;
        p.file_id = predictions.file_id[i];
        p.event_index = predictions.event_index[i];
        p.score = static_cast<float>(probability(static_cast<double>(logit[i])));
        double const truth = label != nullptr ? label->value(row) : -1;
        if (truth == 0 || truth == 1) p.label = truth == 1 ? Label::electron : Label::hadron;
        if (energy != nullptr) p.energy_gev = energy->value(row);
        out.push_back(p);
    }
    return out;
}

std::vector<Prediction> worst_mistakes(std::vector<Prediction> const& predictions,
                                       Label label,
                                       std::size_t count,
                                       float threshold)
{
    std::vector<Prediction> wrong;
    for (Prediction const& p : predictions)
        if (p.label == label && (p.score > threshold) != (label == Label::electron))
            wrong.push_back(p);
    float const sign = label == Label::electron ? 1.0F : -1.0F;
    std::sort(wrong.begin(), wrong.end(), [&](Prediction const& a, Prediction const& b) {
        return std::tuple(sign * a.score, a.file_id, a.event_index)
               < std::tuple(sign * b.score, b.file_id, b.event_index);
    });
    if (wrong.size() > count) wrong.resize(count);
    return wrong;
}
}  // namespace calofuse
