/// \file io/csv.hpp
/// Comma-separated tables with named columns: what people edit by hand, and what programs write. Comments
/// start with #, a byte-order mark and CR LF are accepted; quotes, NUL bytes and UTF-16 are not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace calofuse {
/// Codes are `prefix` + "-01" empty, "-02" header, "-03" not plain text, "-04" number of columns,
/// "-05" not a number, as the files that use this class document.
class CsvTable {
  public:
    /// What a table that people edit may be, and one that a program writes.
    struct Limits {
        std::int64_t bytes = 4 << 20;
        std::size_t line = 4096;
    };
    CsvTable(std::string const& path, std::string prefix, Limits limits = {4 << 20, 4096});
    /// The same of a text that was read already; `path` is for messages.
    CsvTable(std::string const& path, std::string text, std::string prefix, Limits limits);
    CsvTable(CsvTable const&) = delete;  // fields point into the text
    CsvTable& operator=(CsvTable const&) = delete;

    std::size_t num_rows() const { return lines_.size(); }
    /// Of the columns, as written.
    std::vector<std::string_view> const& names() const { return names_; }
    /// Line of the file, from 1.
    std::int64_t line(std::size_t row) const { return lines_[row]; }
    /// Column of one of these names (as written, else compared without case, '_', '-' and blanks),
    /// or -1.
    int find(std::initializer_list<std::string_view> names) const;
    /// As `find`, but CF-..-02 if there is none.
    int column(std::initializer_list<std::string_view> names) const;

    std::int64_t integer(std::size_t row, int column) const;
    double number(std::size_t row, int column) const;
    std::string_view text(std::size_t row, int column) const
    {
        return fields_[row * names_.size() + static_cast<std::size_t>(column)];
    }

    /// Throws Exit::data with code prefix-`number`; `row` < num_rows() names the line.
    [[noreturn]] void fail(std::size_t row,
                           char const* number,
                           std::string const& what,
                           std::string const& hint) const;
    static constexpr std::size_t kNoRow = static_cast<std::size_t>(-1);

  private:
    void check_plain_text() const;

    std::string path_, prefix_, text_;
    std::vector<std::string_view> names_;
    std::string_view header_;
    std::vector<std::int64_t> lines_;       ///< (rows)
    std::vector<std::string_view> fields_;  ///< (rows, columns)
};
}  // namespace calofuse
