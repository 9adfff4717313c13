#include "models/layers/table.hpp"

#include "kernels/data/take.hpp"
#include "models/layers/conv.hpp"

namespace calofuse::layers {
namespace {
std::vector<std::string> split(std::string const& list)
{
    std::vector<std::string> out;
    std::size_t begin = 0;
    while (begin <= list.size()) {
        std::size_t const end = std::min(list.find(',', begin), list.size());
        if (end > begin) out.push_back(list.substr(begin, end - begin));
        begin = end + 1;
    }
    return out;
}

/// Elements first .. first + count - 1 of a row of floats.
TensorRef part(TensorRef row, std::int64_t first, std::int64_t count)
{
    return tensor_ref(row.flat<float>().data + first, {count});
}
}  // namespace

Table::Table(std::string const& columns, char const* key, Dataset const& data)
    : columns_(split(columns))
{
    std::string const hint = "the store has " + data.describe_columns();
    if (columns_.empty())
        throw Error(Exit::config, "CF-MOD-05", std::string(key) + " names no column", hint);
    for (std::string const& name : columns_) {
        if (!data.has(name))
            throw Error(Exit::config, "CF-MOD-05",
                        std::string(key) + " names " + quoted(name) + ", which is not there", hint);
        ColumnSpec const& spec = data.at(name).spec;
        if (!spec.table().empty())
            throw Error(Exit::config, "CF-MOD-06",
                        "column " + spec.describe() + " is of a ragged table, not of the events",
                        hint);
        widths_.push_back(spec.row_size());
        features_ += widths_.back();
    }
}

void Table::fit(Standardise const& scaling,
                Parameters& parameters,
                Dataset const& data,
                std::span<std::int32_t const> rows) const
{
    std::vector<double> means, spreads;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
        Moments moments(widths_[c]);
        for (auto const row : rows)
            moments.add(data.at(columns_[c]), row);
        auto const spread = moments.spread();
        means.insert(means.end(), moments.mean().begin(), moments.mean().end());
        spreads.insert(spreads.end(), spread.begin(), spread.end());
    }
    scaling.set(parameters, means, spreads);
}

Var Table::operator()(Tape& tape, Batch const& batch, Standardise const& scaling) const
{
    TensorRef const mean = scaling.mean(tape.parameters());
    TensorRef const scale_inverse = scaling.scale_inverse(tape.parameters());
    Var all;
    std::int64_t first = 0;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
        TensorRef const y = tape.make_value(DType::f32, {batch.size(), widths_[c]});
        record(tape, "take", take,
               {.row = batch.row,
                .data = batch.at(columns_[c]).data,
                .mean = part(mean, first, widths_[c]),
                .scale_inverse = part(scale_inverse, first, widths_[c]),
                .y = y});
        all = c == 0 ? Var{y, {}} : concat(tape, all, Var{y, {}});
        first += widths_[c];
    }
    return all;
}
}  // namespace calofuse::layers
