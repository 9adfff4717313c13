#include "io/import/taker.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <limits>
#include <numeric>
#include <utility>

#include "runtime/error.hpp"

namespace calofuse::recipe {
namespace {
constexpr std::size_t kMaxRowAxes = kMaxRank - 1;

DType dtype_of(ColumnRecipe const& recipe, SourceArray const* array)
{
    if (recipe.dtype) return *recipe.dtype;
    if (!recipe.classes.empty()) return recipe.classes.size() <= 256 ? DType::u8 : DType::i32;
    if (array == nullptr || is_float(array->type)) return DType::f32;
    switch (array->type) {
        case Element::u1:
            return DType::u8;
        case Element::u2:
            return DType::u16;
        case Element::u4:
        case Element::u8:
        case Element::i8:
            return DType::i64;
        default:
            return DType::i32;
    }
}

enum class Fit { good, not_finite, out_of_range, not_whole, no_class };

/// `out` = `value`, if To can hold it.
template <class From, class To>
Fit convert(From value, To& out)
{
    if constexpr (std::is_floating_point_v<From>) {
        if (!std::isfinite(value)) return Fit::not_finite;
        if constexpr (std::is_floating_point_v<To>) {
            if (std::abs(static_cast<double>(value)) > std::numeric_limits<To>::max())
                return Fit::out_of_range;
        } else {
            if (value != std::trunc(value)) return Fit::not_whole;
            double const end = std::ldexp(1.0, std::numeric_limits<To>::digits);
            double const begin = std::is_signed_v<To> ? -end : 0;
            if (static_cast<double>(value) < begin || static_cast<double>(value) >= end)
                return Fit::out_of_range;
        }
    } else if constexpr (!std::is_floating_point_v<To>) {
        if (!std::in_range<To>(value)) return Fit::out_of_range;
    }
    out = static_cast<To>(value);
    return Fit::good;
}

/// How many numbers of the file are classes.
std::int64_t num_known(ColumnRecipe const& recipe)
{
    return recipe.map.empty() ? std::ssize(recipe.classes) : std::ssize(recipe.map);
}

/// `out` = the class that `value` names.
template <class From, class To>
Fit classify(ColumnRecipe const& recipe, From value, To& out)
{
    std::int64_t number = 0;
    Fit const fit = convert(value, number);
    if (fit == Fit::not_finite) return fit;
    if (fit != Fit::good || number < 0 || number >= num_known(recipe)) return Fit::no_class;
    return convert(recipe.map.empty() ? number : recipe.map[static_cast<std::size_t>(number)], out);
}

std::string axes(std::vector<std::int64_t> const& shape)
{
    return fmt::format("({})", fmt::join(shape, ", "));
}
}  // namespace

void Taker::fail(char const* number, std::string const& what, std::string const& hint) const
{
    throw Error(Exit::data, std::string("CF-IMP-") + number,
                fmt::format("column {}: {}", quoted(recipe_.name, 60), what), hint);
}

Taker::Taker(ColumnRecipe const& recipe, Part& part, std::size_t lead)
    : recipe_(recipe), lead_(lead)
{
    spec_.name = recipe.name;
    spec_.unit = recipe.unit;
    spec_.names = recipe.classes.empty() ? recipe.names : recipe.classes;
    if (recipe.value.given()) {
        value_ = part.number(recipe.value, recipe.where);
    } else if (recipe.stack.empty()) {
        add_piece(part.array(recipe.array));
    } else {
        for (std::string const& name : recipe.stack)
            add_piece(part.array(recipe.array.file, name));
        spec_.shape.push_back(std::ssize(pieces_));
    }
    if (!recipe.kinematics.empty()) {
        if (spec_.shape != std::vector<std::int64_t>{4})
            fail("10",
                 fmt::format("p4 is {}, a row of it {}", array()->describe(), axes(spec_.shape)),
                 "a row is (4): E, px, py, pz; or name four arrays of single numbers");
        spec_.shape = {std::ssize(recipe.kinematics)};
    }
    spec_.dtype = recipe.kinematics.empty() ? dtype_of(recipe, array()) : DType::f32;
    if (!recipe.shape.empty()) {
        std::int64_t size = 1;
        for (std::int64_t const extent : recipe.shape)
            if (extent < 1 || __builtin_mul_overflow(size, extent, &size)) size = -1;
        if (size != spec_.row_size())
            fail("10",
                 fmt::format("shape {} is not as large as {}", axes(recipe.shape),
                             axes(spec_.shape)),
                 "`shape` is that of one event after `transpose` and `pick`");
        spec_.shape = recipe.shape;
    }
    check_names();
}

void Taker::check_names() const
{
    if (spec_.shape.size() > kMaxRowAxes)
        fail("10", fmt::format("a row has {} axes {}", spec_.shape.size(), axes(spec_.shape)),
             fmt::format("at most {}; join some with `shape`", kMaxRowAxes));
    if (!recipe_.classes.empty() || recipe_.names.empty()) return;
    std::int64_t const last = spec_.shape.empty() ? 0 : spec_.shape.back();
    if (std::ssize(recipe_.names) != last)
        fail("10",
             fmt::format("{} names, the last axis of {} has {}", recipe_.names.size(),
                         axes(spec_.shape), last),
             "`names` are those of the last axis");
}

void Taker::add_piece(ArrayPtr array)
{
    std::vector<std::int64_t> const& all = array->shape;
    if (all.size() < lead_)
        fail("10",
             fmt::format("{} has no axes {}", array->describe(),
                         lead_ == 1 ? "of events" : "of events and rows"),
             "is this the right array?");
    std::vector<std::int64_t> const in(all.begin() + static_cast<std::ptrdiff_t>(lead_), all.end());
    std::vector<std::int64_t> order = recipe_.transpose;
    if (order.empty()) {
        order.resize(in.size());
        std::iota(order.begin(), order.end(), 0);
    }
    std::vector<std::int64_t> stride(in.size(), 1), sorted = order;
    for (std::size_t d = in.size(); d-- > 1;)
        stride[d - 1] = stride[d] * in[d];
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t d = 0; d < std::max(sorted.size(), in.size()); ++d)
        if (sorted.size() != in.size() || sorted[d] != static_cast<std::int64_t>(d))
            fail("10",
                 fmt::format("transpose {} is no order of the axes {} of a row of {}", axes(order),
                             axes(in), array->describe()),
                 "numbers of the axes of one row, from 0, as numpy.transpose takes them");
    if (!recipe_.pick.empty() && in.empty())
        fail("10", fmt::format("`pick` of the single numbers of {}", array->describe()),
             "`pick` chooses along the last axis");
    Piece piece{array, 1, {0}};
    for (std::int64_t const extent : in)
        piece.row_stride *= extent;
    std::vector<std::int64_t> shape;
    for (std::size_t d = 0; d < order.size(); ++d) {
        auto const axis = static_cast<std::size_t>(order[d]);
        std::vector<std::int64_t> chosen = recipe_.pick;
        if (chosen.empty() || d + 1 < order.size()) {
            chosen.resize(static_cast<std::size_t>(in[axis]));
            std::iota(chosen.begin(), chosen.end(), 0);
        }
        std::vector<std::int64_t> offsets;
        offsets.reserve(piece.offsets.size() * chosen.size());
        for (std::int64_t const at : piece.offsets)
            for (std::int64_t const k : chosen) {
                if (k < 0 || k >= in[axis])
                    fail("10",
                         fmt::format("pick {} of an axis of {} in {}", k, in[axis],
                                     array->describe()),
                         "numbers from 0 along the last axis, after `transpose`");
                offsets.push_back(at + k * stride[axis]);
            }
        piece.offsets = std::move(offsets);
        shape.push_back(std::ssize(chosen));
    }
    if (piece.offsets.empty())
        fail("10", "a row of " + array->describe() + " is empty", "is this the right array?");
    if (!pieces_.empty() && all != pieces_[0].array->shape)
        fail("02",
             fmt::format("{} stands beside {}", array->describe(), pieces_[0].array->describe()),
             "arrays of a `stack` have the same shape");
    spec_.shape = shape;
    pieces_.push_back(std::move(piece));
}

void Taker::need_rows(std::int64_t rows, std::int64_t padded, std::string const& what) const
{
    for (Piece const& piece : pieces_) {
        std::vector<std::int64_t> const& shape = piece.array->shape;
        if (shape[0] != rows || (padded > 0 && shape[1] != padded))
            fail("02",
                 fmt::format(
                     "{} has {} rows, {} has {}", piece.array->describe(),
                     padded > 0 ? fmt::format("{} x {}", shape[0], shape[1])
                                : fmt::format("{}", shape[0]),
                     what,
                     padded > 0 ? fmt::format("{} x {}", rows, padded) : fmt::format("{}", rows)),
                 "do the arrays belong together?");
    }
}

bool Taker::can_be_not_finite() const
{
    return std::any_of(pieces_.begin(), pieces_.end(),
                       [](Piece const& piece) { return is_float(piece.array->type); });
}

bool Taker::finite(std::int64_t row) const
{
    return std::all_of(pieces_.begin(), pieces_.end(), [&](Piece const& piece) {
        return with_type(piece.array->type, [&](auto zero) {
            using T = decltype(zero);
            if constexpr (std::is_floating_point_v<T>) {
                char const* const at =
                    piece.array->data()
                    + static_cast<std::size_t>(row * piece.row_stride) * sizeof(T);
                for (std::int64_t const k : piece.offsets)
                    if (!std::isfinite(load<T>(at + static_cast<std::size_t>(k) * sizeof(T))))
                        return false;
            }
            return true;
        });
    });
}

double Taker::number(std::int64_t row) const
{
    if (pieces_.empty()) return value_;
    if (spec_.row_size() != 1)
        fail("10", fmt::format("`select` needs single numbers, a row is {}", axes(spec_.shape)),
             "`pick` one of them");
    Piece const& piece = pieces_[0];
    return piece.array->number(row * piece.row_stride + piece.offsets[0]);
}

FourMomentum Taker::four_momentum(std::int64_t row) const
{
    double p[4] = {};
    std::size_t i = 0;
    for (Piece const& piece : pieces_)
        for (std::int64_t const k : piece.offsets)
            p[i++] = piece.array->number(row * piece.row_stride + k);
    return {p[0], p[1], p[2], p[3]};
}

template <class From, class To>
void Taker::append_piece(std::size_t which,
                         std::vector<std::int64_t> const& rows,
                         To* out,
                         RowName const& name) const
{
    Piece const& piece = pieces_[which];
    std::size_t const step = pieces_.size(), n = piece.offsets.size();
    auto const refuse = [&](char const* number, From value, std::int64_t row,
                            std::string const& what, char const* hint) {
        fail(number, fmt::format("{} {}: {}, {}", value, what, name(row), piece.array->where),
             hint);
    };
    for (std::size_t r = 0; r < rows.size(); ++r) {
        char const* const at =
            piece.array->data()
            + static_cast<std::size_t>(rows[r] * piece.row_stride) * sizeof(From);
        To* const to = out + r * n * step + which;
        for (std::size_t k = 0; k < n; ++k) {
            From const value =
                load<From>(at + static_cast<std::size_t>(piece.offsets[k]) * sizeof(From));
            Fit const fit = recipe_.classes.empty() ? convert(value, to[k * step])
                                                    : classify(recipe_, value, to[k * step]);
            if (fit == Fit::not_finite)
                refuse("07", value, rows[r], "is not finite",
                       "not_finite = \"drop\" leaves it out");
            if (fit == Fit::no_class)
                refuse("06", value, rows[r],
                       fmt::format("is none of the classes 0 to {}", num_known(recipe_) - 1),
                       "are all classes named, or in `map`?");
            if (fit == Fit::out_of_range)
                refuse("08", value, rows[r],
                       fmt::format("does not fit into {}", name_of(spec_.dtype)),
                       "give another dtype: u8, u16, i32, i64 or f32");
            if (fit == Fit::not_whole)
                refuse("09", value, rows[r],
                       fmt::format("is no whole number, dtype is {}", name_of(spec_.dtype)),
                       "give dtype = \"f32\"");
        }
    }
}

template <class To>
void Taker::append_as(std::vector<std::int64_t> const& rows, Column& to, RowName const& name) const
{
    std::size_t const old = to.bytes.size(), width = static_cast<std::size_t>(spec_.row_size());
    to.bytes.resize(old + rows.size() * width * sizeof(To));
    To* const out = reinterpret_cast<To*>(to.bytes.data() + old);
    if (pieces_.empty()) {
        To value{};
        bool const known = recipe_.classes.empty()
                           || (value_ >= 0 && value_ < static_cast<double>(recipe_.classes.size()));
        if (!known || convert(value_, value) != Fit::good)
            fail(known ? "08" : "06",
                 known ? fmt::format("value {} does not fit into {}", value_, name_of(spec_.dtype))
                       : fmt::format("value {} is none of the classes 0 to {}", value_,
                                     recipe_.classes.size() - 1),
                 "classes count from 0; dtype is u8, u16, i32, i64 or f32");
        std::fill(out, out + rows.size(), value);
    }
    for (std::size_t p = 0; p < pieces_.size(); ++p)
        with_type(pieces_[p].array->type,
                  [&](auto zero) { append_piece<decltype(zero), To>(p, rows, out, name); });
}

void Taker::append(std::vector<std::int64_t> const& rows, Column& to, RowName const& name) const
{
    switch (spec_.dtype) {
        case DType::u8:
            return append_as<std::uint8_t>(rows, to, name);
        case DType::u16:
            return append_as<std::uint16_t>(rows, to, name);
        case DType::i32:
            return append_as<std::int32_t>(rows, to, name);
        case DType::i64:
            return append_as<std::int64_t>(rows, to, name);
        default:
            return append_as<float>(rows, to, name);
    }
}
}  // namespace calofuse::recipe
