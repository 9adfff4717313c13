#include "runtime/focalh/events.hpp"

#include <array>
#include <fmt/format.h>
#include <utility>

namespace calofuse {
namespace {
ColumnSpec adc_spec()
{
    return {.name = "adc", .dtype = DType::u16, .shape = {kNumChannels}, .unit = "ADC"};
}
ColumnSpec energy_spec()
{
    return {.name = "energy_gev", .dtype = DType::f32, .unit = "GeV"};
}
ColumnSpec label_spec()
{
    return {.name = "label",
            .dtype = DType::u8,
            .names = {name_of(Label::hadron), name_of(Label::electron)}};
}

template <class T>
std::span<T const> values_of(Column const& column, std::vector<std::int64_t> const& shape)
{
    if (column.spec.dtype != kDTypeOf<T> || column.spec.shape != shape)
        throw Error(
            Exit::data, "CF-DAT-06",
            fmt::format("column {} is not that of a FoCal-H event, {}", column.spec.describe(),
                        ColumnSpec{.name = column.spec.name, .dtype = kDTypeOf<T>, .shape = shape}
                            .describe()),
            "is this a store of FoCal-H events (calofuse inspect)?");
    return column.values<T>();
}

Column const* find(std::map<std::string, Column, std::less<>> const& columns, char const* name)
{
    auto const found = columns.find(name);
    return found == columns.end() ? nullptr : &found->second;
}

[[noreturn]] void wrong_map(std::string const& what)
{
    throw Error(Exit::data, "CF-DAT-07", "channel_map of the data: " + what,
                "run calofuse convert again");
}

ChannelMap map_of(Dataset const& data)
{
    ChannelMap map = ChannelMap::focalh_prototype2();
    Column const* const column = find(data.constants, "channel_map");
    if (column == nullptr) wrong_map("there is none");
    auto const rows = values_of<std::int32_t>(*column, {4});
    if (rows.size() != 4 * map.cells.size())
        wrong_map(fmt::format("{} cells, the detector has {}", rows.size() / 4, kNumCells));
    std::array<bool, kNumChannels> seen{};
    for (std::size_t i = 0; i < map.cells.size(); ++i) {
        std::int32_t const* const row = &rows[4 * i];
        Cell& cell = map.cells[i];
        bool const fits = row[0] >= 0 && row[0] < kNumChannels && row[1] == cell.module
                          && row[2] == cell.row && row[3] == cell.col;
        if (!fits || std::exchange(seen[static_cast<std::size_t>(row[0])], true))
            wrong_map(fmt::format("row {} is channel {}, module {}, row {}, column {}", i, row[0],
                                  row[1], row[2], row[3]));
        cell.channel = row[0];
    }
    return map;
}

template <class T, class Get>
void add_file_column(Dataset& data,
                     ColumnSpec spec,
                     std::vector<FocalhFile> const& files,
                     Get const& get)
{
    std::vector<T> values;
    for (FocalhFile const& file : files)
        values.push_back(get(file));
    std::string const name = spec.name;
    data.file_columns[name] = make_column<T>(std::move(spec), values);
}
}  // namespace

FocalhEvents::FocalhEvents(Dataset const& set)
    : data(set)
    , adc(values_of<std::uint16_t>(set.at("adc"), {kNumChannels}))
    , label(values_of<std::uint8_t>(set.at("label"), {}))
    , energy_gev(values_of<float>(set.at("energy_gev"), {}))
    , file_id(set.file_id)
    , event_index(set.event_index)
    , map(map_of(set))
{
    if (Column const* const column = find(set.constants, "pedestals"))
        pedestals = values_of<float>(*column, {});
    if (!pedestals.empty() && pedestals.size() != kNumChannels)
        throw Error(Exit::data, "CF-DAT-06",
                    fmt::format("{} pedestals, {} channels", pedestals.size(), kNumChannels),
                    "run calofuse convert again");
}

std::vector<FocalhFile> FocalhEvents::files() const
{
    Column const* const energies = find(data.file_columns, "energy_gev");
    Column const* const labels = find(data.file_columns, "label");
    Column const* const empty = find(data.file_columns, "empty_triggers");
    std::vector<FocalhFile> out;
    for (SourceFile const& file : data.files) {
        std::size_t const f = out.size();
        FocalhFile& added = out.emplace_back(FocalhFile{file});
        if (energies != nullptr) added.energy_gev = values_of<float>(*energies, {})[f];
        if (labels != nullptr)
            added.label = static_cast<Label>(values_of<std::uint8_t>(*labels, {})[f]);
        if (empty != nullptr) added.empty_triggers = values_of<std::int64_t>(*empty, {})[f];
    }
    return out;
}

std::vector<ColumnSpec> focalh_columns()
{
    return {adc_spec(), energy_spec(), label_spec()};
}

void set_focalh_files(Dataset& data, std::vector<FocalhFile> const& files)
{
    data.files.assign(files.begin(), files.end());
    add_file_column<float>(data, energy_spec(), files,
                           [](FocalhFile const& f) { return f.energy_gev; });
    add_file_column<std::uint8_t>(data, label_spec(), files, [](FocalhFile const& f) {
        return static_cast<std::uint8_t>(f.label);
    });
    add_file_column<std::int64_t>(data, {.name = "empty_triggers"}, files,
                                  [](FocalhFile const& f) { return f.empty_triggers; });
}

void set_focalh_constants(Dataset& data, ChannelMap const& map, std::span<float const> pedestals)
{
    data.kind = "focalh";
    std::vector<std::int32_t> cells;
    for (Cell const& c : map.cells)
        cells.insert(cells.end(), {c.channel, c.module, c.row, c.col});
    data.constants["channel_map"] = make_column<std::int32_t>(
        {.name = "channel_map", .shape = {4}, .names = {"channel", "module", "row", "col"}}, cells);
    if (pedestals.empty()) {
        data.constants.erase("pedestals");
    } else {
        data.constants["pedestals"] =
            make_column<float>({.name = "pedestals", .unit = "ADC"}, pedestals);
    }
}

Dataset make_focalh(FocalhColumns const& columns)
{
    Dataset data;
    data.file_id = columns.file_id;
    data.event_index = columns.event_index;
    data.add(make_column<std::uint16_t>(adc_spec(), columns.adc));
    data.add(make_column<float>(energy_spec(), columns.energy_gev));
    data.add(make_column<std::uint8_t>(label_spec(), columns.label));
    set_focalh_files(data, columns.files);
    set_focalh_constants(data, columns.map, columns.pedestals);
    return data;
}
}  // namespace calofuse
