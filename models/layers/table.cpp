#include "models/layers/table.hpp"

#include <cmath>

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
        Column const& column = data.at(columns_[c]);
        auto const width = static_cast<std::size_t>(widths_[c]);
        std::vector<double> mean(width), squares(width);
        double n = 0;
        for (auto const row : rows) {  // Welford
            n += 1;
            for (std::size_t f = 0; f < width; ++f) {
                double const x = column.value(row * widths_[c] + static_cast<std::int64_t>(f));
                double const delta = x - mean[f];
                mean[f] += delta / n;
                squares[f] += delta * (x - mean[f]);
            }
        }
        for (std::size_t f = 0; f < width; ++f) {
            means.push_back(mean[f]);
            spreads.push_back(n > 0 ? std::sqrt(squares[f] / n) : 0);
        }
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
