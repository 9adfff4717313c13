#include "io/import/import.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <set>

#include "io/import/taker.hpp"
#include "runtime/error.hpp"

namespace calofuse {
namespace {
using namespace recipe;

enum class Fate : std::uint8_t { kept, not_selected, not_finite };

bool holds(Condition const& condition, double value)
{
    switch (condition.compare) {
        case Compare::eq:
            return value == condition.number;
        case Compare::ne:
            return value != condition.number;
        case Compare::lt:
            return value < condition.number;
        case Compare::le:
            return value <= condition.number;
        case Compare::gt:
            return value > condition.number;
        default:
            return value >= condition.number;
    }
}

bool is_ragged(ColumnRecipe const& column)
{
    return column.name.find('.') != std::string::npos;
}
std::string table_of(ColumnRecipe const& column)
{
    return column.name.substr(0, column.name.find('.'));
}

/// All columns of the events of one turn of one file.
class Events {
  public:
    Events(Recipe const& recipe, Part& part, std::int64_t first_row)
        : recipe_(recipe), part_(part), first_row_(first_row)
    {
        for (TableRecipe const& table : recipe.tables)
            add_table(table);
        for (ColumnRecipe const& column : recipe.columns)
            if (!is_ragged(column))
                takers_.emplace_back(column, Taker(column, part, column.constant ? 0 : 1));
        count_events();
        fates_.assign(static_cast<std::size_t>(num_events_), Fate::kept);
        select();
        check_finite();
    }
    std::int64_t size() const { return num_events_; }
    /// Appends what is kept, and counts.
    void append_to(Imported& out, SourceFile& file) const;

  private:
    using Takers = std::vector<std::pair<ColumnRecipe const&, Taker>>;

    void add_table(TableRecipe const& table);
    void count_events();
    void select();
    void check_finite();
    void mark_not_finite(ColumnRecipe const& column, std::int64_t event);
    std::string name_of_event(std::int64_t event) const
    {
        return fmt::format("event {} of {}", first_row_ + event, quoted(part_.main().shown));
    }
    void append_column(ColumnRecipe const& column, Taker const& taker, Imported& out) const;
    void append_kinematics(ColumnRecipe const& column, Taker const& taker, Column& to) const;
    void append_starts(Dataset& data) const;

    Recipe const& recipe_;
    Part& part_;
    std::int64_t first_row_, num_events_ = -1;
    Takers takers_;
    std::map<std::string, TableRows> tables_;
    std::vector<Fate> fates_;
};

void Events::add_table(TableRecipe const& table)
{
    std::size_t const lead = table.padded ? 2 : 1;
    SourceArray const* first = nullptr;
    std::size_t const begin = takers_.size();
    for (ColumnRecipe const& column : recipe_.columns)
        if (is_ragged(column) && table_of(column) == table.name)
            takers_.emplace_back(column, Taker(column, part_, lead));
    if (takers_.size() > begin) first = takers_[begin].second.array();
    TableRows rows = table_rows(table, part_, first);
    if (table.padded)
        for (std::size_t i = begin; i < takers_.size(); ++i)
            takers_[i].second.need_rows(rows.num_events(), rows.padded, rows.where);
    if (!table.padded && first != nullptr && first->rows() != rows.start.back())
        throw Error(Exit::data, "CF-IMP-04",
                    fmt::format("table {}: {} ends at {}, {} has {} rows", quoted(table.name, 60),
                                rows.where, rows.start.back(), first->where, first->rows()),
                    "the last start, or the sum of the counts, is the number of rows");
    if (!table.padded)
        for (std::size_t i = begin; i < takers_.size(); ++i)
            takers_[i].second.need_rows(rows.start.back(), 0, rows.where + " at its end");
    tables_.emplace(table.name, std::move(rows));
}

void Events::count_events()
{
    std::string who;
    auto const agree = [&](std::int64_t events, std::string const& here) {
        if (num_events_ >= 0 && events != num_events_)
            throw Error(Exit::data, "CF-IMP-02",
                        fmt::format("{} has {} events, {} has {}", here, events, who, num_events_),
                        "do the arrays belong together?");
        if (num_events_ < 0) who = here;
        num_events_ = events;
    };
    for (auto const& [name, rows] : tables_)
        agree(rows.num_events(), rows.where);
    for (auto const& [column, taker] : takers_)
        if (!is_ragged(column) && !column.constant && taker.array() != nullptr)
            agree(taker.array()->rows(), taker.array()->where);
    if (num_events_ < 0)
        throw Error(
            Exit::config, "CF-REC-04",
            fmt::format("{}: no column tells how many events there are", quoted(recipe_.path)),
            "at least one column or table comes from an array with a row per event");
}

void Events::select()
{
    for (Condition const& condition : recipe_.select)
        for (auto const& [column, taker] : takers_)
            for (std::int64_t e = 0; column.name == condition.column && e < num_events_; ++e)
                if (!holds(condition, taker.number(e)))
                    fates_[static_cast<std::size_t>(e)] = Fate::not_selected;
}

void Events::mark_not_finite(ColumnRecipe const& column, std::int64_t event)
{
    if (recipe_.not_finite == NotFinite::error)
        throw Error(Exit::data, "CF-IMP-07",
                    fmt::format("column {} is NaN or infinite: {}", quoted(column.name, 60),
                                name_of_event(event)),
                    "not_finite = \"drop\" in the recipe leaves such events out and counts them");
    fates_[static_cast<std::size_t>(event)] = Fate::not_finite;
}

void Events::check_finite()
{
    for (auto const& [column, taker] : takers_) {
        if (!taker.can_be_not_finite() || column.constant || !column.store) continue;
        TableRows const* const rows = is_ragged(column) ? &tables_.at(table_of(column)) : nullptr;
        for (std::int64_t e = 0; e < num_events_; ++e) {
            auto const event = static_cast<std::size_t>(e);
            if (fates_[event] != Fate::kept) continue;
            bool good = true;
            if (rows == nullptr)
                good = taker.finite(e);
            else
                for (std::int64_t i = rows->start[event]; i < rows->start[event + 1] && good; ++i)
                    good = taker.finite(rows->at(i));
            if (!good) mark_not_finite(column, e);
        }
    }
}

void Events::append_kinematics(ColumnRecipe const& column, Taker const& taker, Column& to) const
{
    TableRows const& rows = tables_.at(table_of(column));
    std::vector<FourMomentum> momenta;
    std::vector<double> values;
    for (std::int64_t e = 0; e < num_events_; ++e) {
        auto const event = static_cast<std::size_t>(e);
        if (fates_[event] != Fate::kept) continue;
        momenta.clear();
        for (std::int64_t i = rows.start[event]; i < rows.start[event + 1]; ++i)
            momenta.push_back(taker.four_momentum(rows.at(i)));
        values.resize(momenta.size() * column.kinematics.size());
        kinematics_of(momenta, column.kinematics, values);
        for (double const value : values) {
            if (!(std::abs(value) <= std::numeric_limits<float>::max()))
                throw Error(Exit::data, "CF-IMP-08",
                            fmt::format("column {}: four-momenta too large for f32: {}",
                                        quoted(column.name, 60), name_of_event(e)),
                            "is `p4` E, px, py, pz?");
            auto const bytes =
                std::bit_cast<std::array<std::byte, sizeof(float)>>(static_cast<float>(value));
            to.bytes.insert(to.bytes.end(), bytes.begin(), bytes.end());
        }
    }
}

void Events::append_column(ColumnRecipe const& column, Taker const& taker, Imported& out) const
{
    if (!column.store) return;
    auto& columns = column.constant ? out.data.constants : out.data.columns;
    auto const [found, fresh] = columns.try_emplace(column.name);
    Column& to = found->second;
    if (fresh) to.spec = taker.spec();
    if (to.spec.dtype != taker.spec().dtype || to.spec.shape != taker.spec().shape)
        throw Error(
            Exit::data, "CF-IMP-12",
            fmt::format("column {} was {}, in {} it is {}", quoted(column.name, 60),
                        to.spec.describe(), quoted(part_.main().shown), taker.spec().describe()),
            "give a dtype, or make a store of each kind of file");
    if (column.constant) {
        Column here{taker.spec(), {}};
        taker.append({0}, here, [&](std::int64_t) { return quoted(part_.main().shown); });
        if (!fresh && here.bytes != to.bytes)
            throw Error(Exit::data, "CF-IMP-14",
                        fmt::format("constant {} is another one in {}", quoted(column.name, 60),
                                    quoted(part_.main().shown)),
                        "make a store of each kind of file");
        to = std::move(here);
        return;
    }
    if (!column.kinematics.empty()) return append_kinematics(column, taker, to);
    std::vector<std::int64_t> list;
    TableRows const* const rows = is_ragged(column) ? &tables_.at(table_of(column)) : nullptr;
    for (std::int64_t e = 0; e < num_events_; ++e) {
        auto const event = static_cast<std::size_t>(e);
        if (fates_[event] != Fate::kept) continue;
        if (rows == nullptr) list.push_back(e);
        for (std::int64_t i = rows == nullptr ? 0 : rows->start[event];
             rows != nullptr && i < rows->start[event + 1]; ++i)
            list.push_back(rows->at(i));
    }
    taker.append(list, to, [&](std::int64_t row) {
        if (rows == nullptr) return name_of_event(row);
        // Rows in the arrays rise with the events.
        std::int64_t const padded = std::max<std::int64_t>(rows->padded, 1);
        std::int64_t const event =
            rows->padded > 0 ? row / padded
                             : std::upper_bound(rows->start.begin(), rows->start.end(), row)
                                   - rows->start.begin() - 1;
        return name_of_event(event);
    });
}

void Events::append_starts(Dataset& data) const
{
    for (auto const& [name, rows] : tables_) {
        auto& start = data.start.try_emplace(name, std::vector<std::int64_t>{0}).first->second;
        for (std::size_t e = 0; e < fates_.size(); ++e)
            if (fates_[e] == Fate::kept)
                start.push_back(start.back() + rows.start[e + 1] - rows.start[e]);
    }
}

void Events::append_to(Imported& out, SourceFile& file) const
{
    for (auto const& [column, taker] : takers_)
        append_column(column, taker, out);
    append_starts(out.data);
    if (first_row_ + num_events_ > std::numeric_limits<std::uint32_t>::max())
        throw Error(Exit::data, "CF-IMP-15",
                    fmt::format("{} has more than {} events", quoted(part_.main().shown),
                                std::numeric_limits<std::uint32_t>::max()),
                    "split the file");
    for (std::size_t e = 0; e < fates_.size(); ++e) {
        if (fates_[e] == Fate::not_selected) {
            ++out.not_selected;
            continue;
        }
        ++file.counts.read;
        if (fates_[e] == Fate::not_finite) {
            ++file.counts.dropped[static_cast<std::size_t>(DropReason::not_finite)];
            continue;
        }
        ++file.counts.written;
        out.data.file_id.push_back(static_cast<std::uint16_t>(out.data.files.size()));
        out.data.event_index.push_back(
            static_cast<std::uint32_t>(first_row_ + static_cast<std::int64_t>(e)));
    }
}
}  // namespace

Imported import_columns(Recipe const& recipe,
                        std::string const& folder,
                        ImportOptions const& options)
{
    Imported out;
    std::vector<InputPath> const files = main_files(recipe, folder, options.inputs);
    std::size_t const turns = num_turns(recipe);
    if (files.size() > std::numeric_limits<std::uint16_t>::max())
        throw Error(Exit::data, "CF-IMP-15", fmt::format("{} files (at most 65535)", files.size()),
                    "make several stores");
    std::set<std::string> listed;
    for (InputPath const& input : files) {
        if (options.progress)
            options.progress({std::ssize(out.data.files), std::ssize(files), out.data.size()});
        Part part(input, folder);
        SourceFile file;
        file.path = input.shown;
        std::int64_t rows = 0;
        for (std::size_t turn = 0; turn < turns; ++turn) {
            part.set_turn(turn);
            Events const events(recipe, part, rows);
            events.append_to(out, file);
            rows += events.size();
        }
        file.num_events = file.counts.written;
        for (ManifestEntry const& entry : part.inputs()) {
            if (entry.name == input.opened) file.sha256 = entry.sha256;
            if (listed.insert(entry.name).second) out.inputs.push_back(entry);
        }
        out.counts += file.counts;
        out.data.files.push_back(std::move(file));
    }
    if (out.data.size() == 0)
        throw Error(Exit::data, "CF-IMP-01",
                    fmt::format("{}: no events: {} in the files, {} not selected, {} not finite",
                                quoted(recipe.path), out.counts.read + out.not_selected,
                                out.not_selected, out.counts.num_dropped()),
                    "look at `select` and the files");
    check_dataset(out.data, quoted(recipe.path));
    for (ColumnWarning& warning : column_warnings(out.data))
        out.warnings.push_back(std::move(warning.text));
    return out;
}
}  // namespace calofuse
