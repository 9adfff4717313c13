#include "io/csv.hpp"

#include <charconv>
#include <cmath>
#include <fmt/core.h>
#include <fmt/ranges.h>

#include "io/input_file.hpp"
#include "runtime/error.hpp"

namespace calofuse {
namespace {
std::string comparable(std::string_view name)
{
    std::string out;
    for (char const c : name) {
        if (c == '_' || c == '-' || c == ' ') continue;
        out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return out;
}

/// Appends the fields of a line; how many they are.
std::size_t split(std::string_view line, std::vector<std::string_view>& out)
{
    for (std::size_t n = 1;; ++n) {
        std::size_t const comma = line.find(',');
        out.push_back(line.substr(0, comma));
        if (comma == std::string_view::npos) return n;
        line.remove_prefix(comma + 1);
    }
}
}  // namespace

void CsvTable::fail(std::size_t row,
                    char const* number,
                    std::string const& what,
                    std::string const& hint) const
{
    std::string const where = row == kNoRow ? std::string() : fmt::format(" line {}:", lines_[row]);
    throw Error(Exit::data, prefix_ + "-" + number,
                fmt::format("{}:{} {}", calofuse::quoted(path_), where, what), hint);
}

void CsvTable::check_plain_text() const
{
    if (text_.find_first_not_of(" \t\r\n") == std::string::npos)
        fail(kNoRow, "01", "empty file", "give a CSV with a header line");
    char const* const hint = "save it as plain comma-separated text (UTF-8)";
    std::string_view const text = text_;
    if (text.substr(0, 2) == "\xff\xfe" || text.substr(0, 2) == "\xfe\xff")
        fail(kNoRow, "03", "is UTF-16 text", hint);
    if (text.find('\0') != std::string_view::npos) fail(kNoRow, "03", "holds NUL bytes", hint);
    if (text.find('"') != std::string_view::npos) fail(kNoRow, "03", "holds quotes", hint);
}

CsvTable::CsvTable(std::string const& path, std::string prefix, Limits limits)
    : CsvTable(path, read_file(path, limits.bytes), std::move(prefix), limits)
{}

CsvTable::CsvTable(std::string const& path, std::string text, std::string prefix, Limits limits)
    : path_(path), prefix_(std::move(prefix)), text_(std::move(text))
{
    check_plain_text();
    std::string_view rest = text_;
    if (rest.substr(0, 3) == "\xef\xbb\xbf") rest.remove_prefix(3);
    for (std::int64_t line_number = 1; !rest.empty(); ++line_number) {
        std::size_t const end = rest.find('\n');
        std::string_view line = rest.substr(0, end);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        if (line.size() > limits.line)
            fail(kNoRow, "03", fmt::format("line {} has {} characters", line_number, line.size()),
                 "is this the right file?");
        if (line.find_first_not_of(" \t") == std::string_view::npos || line[0] == '#') continue;
        if (names_.empty()) {
            header_ = line;
            split(line, names_);
            continue;
        }
        lines_.push_back(line_number);
        if (std::size_t const n = split(line, fields_); n != names_.size())
            fail(lines_.size() - 1, "04",
                 fmt::format("{} columns, the header has {}", n, names_.size()),
                 "is a comma missing, or a decimal comma there?");
    }
    if (names_.empty()) fail(kNoRow, "01", "only comments", "give a CSV with a header line");
}

int CsvTable::find(std::initializer_list<std::string_view> names) const
{
    for (std::string_view const wanted : names) {
        for (std::size_t i = 0; i < names_.size(); ++i)
            if (names_[i] == wanted) return static_cast<int>(i);
        for (std::size_t i = 0; i < names_.size(); ++i)
            if (comparable(names_[i]) == comparable(wanted)) return static_cast<int>(i);
    }
    return -1;
}

int CsvTable::column(std::initializer_list<std::string_view> names) const
{
    int const found = find(names);
    if (found < 0)
        fail(kNoRow, "02",
             fmt::format("no column {} in the header {}", fmt::join(names, " or "),
                         calofuse::quoted(std::string(header_), 80)),
             "the first line that is no comment must name the columns");
    return found;
}

std::int64_t CsvTable::integer(std::size_t row, int column) const
{
    std::string_view const field = text(row, column);
    std::int64_t value = 0;
    auto const [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    if (error != std::errc() || end != field.data() + field.size())
        fail(row, "05",
             fmt::format("column {}: {} is not a whole number",
                         names_[static_cast<std::size_t>(column)],
                         calofuse::quoted(std::string(field), 40)),
             "write plain digits without blanks");
    return value;
}

double CsvTable::number(std::size_t row, int column) const
{
    std::string_view const field = text(row, column);
    double value = 0;
    auto const [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    if (error != std::errc() || end != field.data() + field.size() || !std::isfinite(value))
        fail(row, "05",
             fmt::format("column {}: {} is not a finite number",
                         names_[static_cast<std::size_t>(column)],
                         calofuse::quoted(std::string(field), 40)),
             "write plain digits with a decimal point, without blanks");
    return value;
}
}  // namespace calofuse
