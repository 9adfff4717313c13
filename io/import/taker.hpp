/// \file io/import/taker.hpp
/// One column of one part: which elements of its arrays make a row, and their way into the
/// column's type.
#pragma once

#include <functional>

#include "io/import/part.hpp"
#include "io/import/table_rows.hpp"
#include "runtime/dataset.hpp"

namespace calofuse::recipe {
/// How a message names a row: "event 12 of 'dev.npz'".
using RowName = std::function<std::string(std::int64_t row)>;

class Taker {
  public:
    /// `lead`: axes of the arrays before those of a row: 1 (events or rows), 2 (events and padded
    /// rows),
    /// 0 (a constant). CF-IMP-10 where axes, picks or names do not fit the arrays.
    Taker(ColumnRecipe const& recipe, Part& part, std::size_t lead);

    /// With the type and the shape of a row.
    ColumnSpec const& spec() const { return spec_; }
    /// Its first array; null for a value.
    SourceArray const* array() const { return pieces_.empty() ? nullptr : pieces_[0].array.get(); }
    /// CF-IMP-02 unless the arrays have this many rows; `padded` as in TableRows, `what` names who
    /// says so.
    void need_rows(std::int64_t rows, std::int64_t padded, std::string const& what) const;
    bool can_be_not_finite() const;
    /// Whether every element of the row is finite.
    bool finite(std::int64_t row) const;
    /// The one number of a row, as it stands in the file.
    double number(std::int64_t row) const;
    /// Of a column of kinematics.
    FourMomentum four_momentum(std::int64_t row) const;
    /// Appends rows of a column without kinematics; CF-IMP-06, -07, -08, -09 name the row that
    /// does not fit.
    void append(std::vector<std::int64_t> const& rows, Column& to, RowName const& name) const;

  private:
    struct Piece {
        ArrayPtr array;
        std::int64_t row_stride = 1;
        std::vector<std::int64_t> offsets;  ///< of the elements of a row
    };
    void add_piece(ArrayPtr array);
    void check_names() const;
    [[noreturn]] void fail(char const* number,
                           std::string const& what,
                           std::string const& hint) const;
    template <class To>
    void append_as(std::vector<std::int64_t> const& rows, Column& to, RowName const& name) const;
    template <class From, class To>
    void append_piece(std::size_t piece,
                      std::vector<std::int64_t> const& rows,
                      To* out,
                      RowName const& name) const;

    ColumnRecipe const& recipe_;
    std::size_t lead_;
    std::vector<Piece> pieces_;
    double value_ = 0;  ///< without pieces
    ColumnSpec spec_;
};
}  // namespace calofuse::recipe
