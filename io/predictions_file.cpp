#include "io/predictions_file.hpp"

#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "io/csv.hpp"
#include "io/hdf5/hdf5.hpp"
#include "runtime/error.hpp"

namespace calofuse {
namespace {
constexpr CsvTable::Limits kLimits = {std::int64_t{4} << 30, 1 << 20};
constexpr std::int64_t kChunkRows = 65536;

bool ends_with(std::string const& path, std::string const& ending)
{
    return path.size() > ending.size() && path.ends_with(ending);
}

std::size_t width_of(ColumnSpec const& spec)
{
    std::size_t out = 1;
    for (std::int64_t const d : spec.shape)
        out *= static_cast<std::size_t>(d);
    return out;
}

bool holds_classes(ColumnSpec const& spec)
{
    return spec.shape.empty() && !spec.names.empty();
}

/// "energy_gev", or "momentum.x", "momentum.y" for rows of several numbers.
std::vector<std::string> csv_names(ColumnSpec const& spec)
{
    if (spec.shape.empty()) return {spec.name};
    std::vector<std::string> out;
    for (std::size_t i = 0; i < width_of(spec); ++i)
        out.push_back(spec.name + "."
                      + (i < spec.names.size() ? spec.names[i] : fmt::format("{}", i)));
    return out;
}

/// Calls f with a value of the column's type.
template <class F>
decltype(auto) with_type(DType dtype, F&& f)
{
    switch (dtype) {
        case DType::u8:
            return f(std::uint8_t{});
        case DType::u16:
            return f(std::uint16_t{});
        case DType::i32:
            return f(std::int32_t{});
        case DType::i64:
            return f(std::int64_t{});
        case DType::f64:
            return f(double{});
        default:
            return f(float{});
    }
}

/// What stands for "not known": NaN, -1, or the largest number of an unsigned type.
template <class T>
T unknown()
{
    if constexpr (std::is_floating_point_v<T>)
        return std::numeric_limits<T>::quiet_NaN();
    else
        return static_cast<T>(-1);
}

void put(std::string& out, auto value)
{
    if constexpr (std::is_floating_point_v<decltype(value)>)
        if (std::isnan(value)) return;
    char digits[32];
    auto const end = std::to_chars(std::begin(digits), std::end(digits), value).ptr;
    out.append(digits, end);
}

void put_class(std::string& out, std::vector<std::string> const& names, auto value)
{
    auto const i = static_cast<std::int64_t>(value);
    if (i >= 0 && i < std::ssize(names)) out += names[static_cast<std::size_t>(i)];
}

void put_row(std::string& out, Column const& column, std::size_t row)
{
    with_type(column.spec.dtype, [&]<class T>(T) {
        std::size_t const width = width_of(column.spec);
        std::span<T const> const values = column.values<T>().subspan(row * width, width);
        for (T const value : values) {
            out += ',';
            if (holds_classes(column.spec))
                put_class(out, column.spec.names, value);
            else
                put(out, value);
        }
    });
}

void check_name(std::string const& name)
{
    if (name.empty() || name.find_first_of(",\"\r\n") != name.npos || name[0] == '#')
        throw Error(Exit::data, "CF-PRD-09",
                    "the name " + quoted(name, 40) + " cannot stand in a CSV file",
                    "write .h5 instead, or give the classes and columns plain names");
}

std::string csv_text(Predictions const& p)
{
    std::string out = "file_id,event_index";
    auto const add_name = [&](std::string const& name) {
        check_name(name);
        out += "," + name;
    };
    for (Column const& column : p.beside) {
        for (std::string const& name : csv_names(column.spec))
            add_name(name);
        if (holds_classes(column.spec))
            for (std::string const& name : column.spec.names)
                check_name(name);
    }
    for (std::string const& name : p.output.spec.names)
        add_name(name);
    out += '\n';
    for (std::size_t row = 0; row < p.event_index.size(); ++row) {
        put(out, p.file_id[row]);
        out += ',';
        put(out, p.event_index[row]);
        for (Column const& column : p.beside)
            put_row(out, column, row);
        put_row(out, p.output, row);
        out += '\n';
    }
    return out;
}

/// One cell of a CSV file as a T; refuses what does not fit.
template <class T>
T cell(CsvTable const& csv, std::size_t row, int column, ColumnSpec const& spec, bool required)
{
    std::string_view const field = csv.text(row, column);
    auto const refuse = [&](std::string const& why) {
        csv.fail(row, "06",
                 fmt::format("column {}: {} {}", csv.names()[static_cast<std::size_t>(column)],
                             quoted(std::string(field), 40), why),
                 "the file was edited, or belongs to another run");
    };
    if (field.empty() && !required) return unknown<T>();
    if constexpr (std::is_floating_point_v<T>) {
        double const value = csv.number(row, column);
        T narrow{};  // read as T: rounding twice would be another number
        auto const [end, error] =
            std::from_chars(field.data(), field.data() + field.size(), narrow);
        if (error != std::errc() && value != 0) refuse("does not fit the type of the column");
        return narrow;
    } else {
        if (holds_classes(spec)) {
            for (std::size_t i = 0; i < spec.names.size(); ++i)
                if (spec.names[i] == field) return static_cast<T>(i);
            refuse(fmt::format("is none of the {} classes {} ..", spec.names.size(),
                               spec.names.front()));
        }
        std::int64_t const value = csv.integer(row, column);
        if (value < std::int64_t{std::numeric_limits<T>::min()}
            || value > std::int64_t{std::numeric_limits<T>::max()})
            refuse("is out of range");
        return static_cast<T>(value);
    }
}

/// A column from the CSV columns `at` (the numbers of a row).
Column from_csv(CsvTable const& csv,
                ColumnSpec const& spec,
                std::vector<int> const& at,
                bool required)
{
    return with_type(spec.dtype, [&]<class T>(T) {
        std::vector<T> values(csv.num_rows() * at.size());
        for (std::size_t row = 0; row < csv.num_rows(); ++row)
            for (std::size_t i = 0; i < at.size(); ++i)
                values[row * at.size() + i] = cell<T>(csv, row, at[i], spec, required);
        return make_column<T>(spec, values);
    });
}

Predictions read_csv(std::string const& path,
                     ColumnSpec const& output,
                     std::vector<ColumnSpec> const& beside)
{
    CsvTable const csv(path, "CF-PRD", kLimits);
    Predictions out;
    int const file = csv.column({"file_id"}), event = csv.column({"event_index"});
    auto const in_range = [&](std::size_t row, int column, std::int64_t most) {
        std::int64_t const value = csv.integer(row, column);
        if (value < 0 || value > most)
            csv.fail(row, "06",
                     fmt::format("column {}: {} is not within 0 .. {}",
                                 csv.names()[static_cast<std::size_t>(column)], value, most),
                     "the file was edited");
        return value;
    };
    for (std::size_t row = 0; row < csv.num_rows(); ++row) {
        out.file_id.push_back(static_cast<std::uint16_t>(in_range(row, file, 65535)));
        out.event_index.push_back(static_cast<std::uint32_t>(in_range(row, event, 4294967295)));
    }
    std::vector<int> at;
    for (std::string const& name : output.names)
        at.push_back(csv.column({name}));
    out.output = from_csv(csv, output, at, true);
    for (ColumnSpec const& spec : beside) {
        at.clear();
        bool all = true;
        for (std::string const& name : csv_names(spec)) {
            at.push_back(csv.find({name}));
            all = all && at.back() >= 0;
        }
        if (all) out.beside.push_back(from_csv(csv, spec, at, false));
    }
    return out;
}

h5::Kind kind_of(DType dtype)
{
    switch (dtype) {
        case DType::u8:
            return h5::Kind::u8;
        case DType::u16:
            return h5::Kind::u16;
        case DType::i32:
            return h5::Kind::i32;
        case DType::i64:
            return h5::Kind::i64;
        case DType::f64:
            return h5::Kind::f64;
        default:
            return h5::Kind::f32;
    }
}

void write_data(h5::File const& file,
                std::string const& name,
                h5::Kind kind,
                std::vector<std::int64_t> const& row_shape,
                std::int64_t rows,
                void const* data,
                std::string const& path)
{
    h5::Dataset const dataset = h5::create_dataset(
        file, name, kind, {.row_shape = row_shape, .chunk_rows = kChunkRows}, path);
    if (rows > 0) h5::append(dataset, kind, row_shape, 0, rows, data, path);
}

void write_h5(Predictions const& p, std::string const& path, Overwrite overwrite)
{
    AtomicFile output(path, overwrite);
    h5::File file = h5::create_file(output.temp_path(), path);
    write_data(file, "file_id", h5::Kind::u16, {}, p.size(), p.file_id.data(), path);
    write_data(file, "event_index", h5::Kind::u32, {}, p.size(), p.event_index.data(), path);
    auto const write_column = [&](Column const& c, std::string const& name) {
        write_data(file, name, kind_of(c.spec.dtype), c.spec.shape, p.size(), c.bytes.data(), path);
        if (!c.spec.names.empty())
            h5::write_strings(file, (name + "_names").c_str(), c.spec.names, path);
    };
    write_column(p.output, "output");
    for (Column const& column : p.beside)
        write_column(column, column.spec.name);
    h5::close_file(file, path);
    output.commit();
}

Predictions read_h5(std::string const& path,
                    ColumnSpec const& output,
                    std::vector<ColumnSpec> const& beside)
{
    auto const refuse = [&](std::string const& why) {
        throw Error(Exit::data, "CF-PRD-07", quoted(path) + ": " + why,
                    "the file belongs to another run or task");
    };
    h5::check_superblock(path);
    h5::File const file = h5::open_file(path);
    Predictions out;
    out.file_id = h5::read_rows<std::uint16_t>(file, "file_id", {}, path);
    out.event_index = h5::read_rows<std::uint32_t>(file, "event_index", {}, path);
    if (out.file_id.size() != out.event_index.size())
        refuse(fmt::format("file_id has {} rows, event_index {}", out.file_id.size(),
                           out.event_index.size()));
    auto const read_column = [&](ColumnSpec const& spec, std::string const& name) {
        h5::Reader const reader(file, name, path, h5::Doubles::as_they_are);
        reader.expect(kind_of(spec.dtype), spec.shape);
        if (reader.rows() != out.size())
            refuse(fmt::format("{} has {} rows, event_index {}", name, reader.rows(), out.size()));
        if (!spec.names.empty() && h5::read_strings(file, name + "_names", path) != spec.names)
            refuse(fmt::format("{}_names are not the {} names wanted, {} ..", name,
                               spec.names.size(), spec.names.front()));
        return with_type(spec.dtype, [&]<class T>(T) {
            std::vector<T> values(static_cast<std::size_t>(reader.rows()) * width_of(spec));
            reader.read(values.data());
            return make_column<T>(spec, values);
        });
    };
    out.output = read_column(output, "output");
    for (ColumnSpec const& spec : beside)
        if (h5::has_dataset(file, spec.name, path))
            out.beside.push_back(read_column(spec, spec.name));
    return out;
}
}  // namespace

Column const* Predictions::find(std::string const& name) const
{
    for (Column const& column : beside)
        if (column.spec.name == name) return &column;
    return nullptr;
}

void check_predictions_path(std::string const& path, Overwrite overwrite)
{
    if (!ends_with(path, ".csv") && !ends_with(path, ".h5"))
        throw Error(Exit::usage, "CF-PRD-08", quoted(path) + " ends neither in .csv nor in .h5",
                    "for example --out scores.csv");
    check_output(path, overwrite);
}

void write_predictions(Predictions const& predictions, std::string const& path, Overwrite overwrite)
{
    check_predictions_path(path, overwrite);
    std::size_t const n = predictions.event_index.size();
    CALOFUSE_CHECK(predictions.file_id.size() == n
                       && predictions.output.spec.names.size() == width_of(predictions.output.spec),
                   n << " events, " << predictions.file_id.size() << " file numbers, "
                     << predictions.output.spec.names.size() << " names of the output");
    if (ends_with(path, ".h5")) return write_h5(predictions, path, overwrite);
    write_file_atomically(path, csv_text(predictions), overwrite);
}

Predictions read_predictions(std::string const& path,
                             ColumnSpec const& output,
                             std::vector<ColumnSpec> const& beside)
{
    if (!ends_with(path, ".csv") && !ends_with(path, ".h5"))
        throw Error(Exit::usage, "CF-PRD-08", quoted(path) + " ends neither in .csv nor in .h5",
                    "give a file that predict or train wrote");
    ColumnSpec values = output;
    values.dtype = DType::f32;
    values.shape = {std::ssize(output.names)};
    return ends_with(path, ".h5") ? read_h5(path, values, beside) : read_csv(path, values, beside);
}
}  // namespace calofuse
