/// \file io/csv.hpp
/// Small comma-separated tables with named columns: what people edit by hand. Comments start with #,
/// a byte-order mark and CR LF are accepted; quotes, NUL bytes, UTF-16 and lines above 4 KiB are not.
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
    CsvTable(std::string const& path, std::string prefix);

    std::size_t num_rows() const { return rows_.size(); }
    /// Line of the file, from 1.
    std::int64_t line(std::size_t row) const { return rows_[row].line; }
    /// Column of one of these names (compared without case, '_', '-' and blanks), or -1.
    int find(std::initializer_list<std::string_view> names) const;
    /// As `find`, but CF-..-02 if there is none.
    int column(std::initializer_list<std::string_view> names) const;

    std::int64_t integer(std::size_t row, int column) const;
    double number(std::size_t row, int column) const;

    /// Throws Exit::data with code prefix-`number`; `row` < num_rows() names the line.
    [[noreturn]] void fail(std::size_t row,
                           char const* number,
                           std::string const& what,
                           std::string const& hint) const;
    static constexpr std::size_t kNoRow = static_cast<std::size_t>(-1);

  private:
    struct Row {
        std::int64_t line;
        std::vector<std::string_view> fields;
    };
    void check_plain_text() const;

    std::string path_, prefix_, text_;
    std::vector<std::string> names_;  ///< as compared
    std::string header_;              ///< as written
    std::vector<Row> rows_;
};
}  // namespace calofuse
