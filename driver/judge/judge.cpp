#include "driver/judge/judge.hpp"

#include <algorithm>
#include <cmath>

#include "driver/judge/judges.hpp"

namespace calofuse {
Figure find_figure(std::vector<Figure> const& figures, std::string const& name)
{
    for (Figure const& f : figures)
        if (f.name == name) return f;
    return {name, std::numeric_limits<double>::quiet_NaN()};
}

Judgement judge(Predictions const& predictions, Task const& task)
{
    Judgement out;
    Column const* const group = predictions.find(kGroupColumn);
    for (std::size_t h = 0; h < task.heads.size(); ++h) {
        Head const& head = task.heads[h];
        HeadRows const rows = head_rows(predictions, task, h);
        HeadJudgement j;
        j.head = head.target;
        j.kind = head.kind;
        j.names = head.names;
        j.unit = head.unit;
        j.rows = rows.size();
        if (head.kind == TaskKind::regression) {
            judge_values(j, head, rows);
        } else {
            std::vector<double> groups;
            if (group != nullptr)
                for (std::int64_t const row : rows.row)
                    groups.push_back(group->value(row));
            judge_classes(j, head, rows, groups);
        }
        out.rows = std::max(out.rows, j.rows);
        out.loss += head.weight * j.loss;
        out.heads.push_back(std::move(j));
    }
    return out;
}
}  // namespace calofuse
