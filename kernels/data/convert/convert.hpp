/// \file kernels/data/convert/convert.hpp
/// An element of a column as a network reads it: what take and take_ragged share.
#pragma once

#include "kernels/check.hpp"
#include "runtime/dispatch.hpp"

namespace calofuse {
/// y[c] = (convert(x[c]) - mean[c]) * scale_inverse[c]; a class number stays as it is.
struct ColumnScaling {
    float const *mean = nullptr, *scale_inverse = nullptr;
    std::int64_t columns = 0;  ///< of the two; 0: there are none, 1: one for all columns of x

    ColumnScaling(TensorRef const& m, TensorRef const& s)
        : mean(m.empty() ? nullptr : m.flat<float const>().data)
        , scale_inverse(s.empty() ? nullptr : s.flat<float const>().data)
        , columns(m.empty() ? 0 : m.size())
    {}

    template <class Y, class T>
    CALOFUSE_HD Y convert(T x, std::int64_t column) const
    {
        if (columns == 0) return static_cast<Y>(x);
        std::int64_t const c = columns == 1 ? 0 : column;
        return static_cast<Y>((static_cast<float>(x) - mean[c]) * scale_inverse[c]);
    }

    /// `rows` rows of `width` elements, which lie one after the other; loops that vectorise.
    template <class Y, class T>
    void convert_rows(T const* x, std::int64_t rows, std::int64_t width, Y* y) const
    {
        if (columns == 0) {
            for (std::int64_t i = 0; i < rows * width; ++i)
                y[i] = static_cast<Y>(x[i]);
        } else if (columns == 1) {
            float const m = *mean, s = *scale_inverse;
            for (std::int64_t i = 0; i < rows * width; ++i)
                y[i] = static_cast<Y>((static_cast<float>(x[i]) - m) * s);
        } else {
            for (std::int64_t r = 0; r < rows; ++r)
                for (std::int64_t c = 0; c < width; ++c)
                    y[r * width + c] = static_cast<Y>(
                        (static_cast<float>(x[r * width + c]) - mean[c]) * scale_inverse[c]);
        }
    }
};

/// f<T, Y>() for elements T of a column and Y of what is made of them.
template <class F>
void dispatch_convert(DType from, DType to, F&& f)
{
    if (to == DType::i32)
        return dispatch_dtype<std::uint8_t, std::uint16_t, std::int32_t, std::int64_t>(
            from, [&]<class T> { f.template operator()<T, std::int32_t>(); });
    dispatch_dtype<std::uint8_t, std::uint16_t, std::int32_t, std::int64_t, float>(
        from, [&]<class T> { f.template operator()<T, float>(); });
}

/// Elements of one row.
inline std::int64_t row_size(TensorRef const& t)
{
    std::int64_t n = 1;
    for (int d = 1; d < t.rank; ++d)
        n *= t.shape[static_cast<std::size_t>(d)];
    return n;
}

/// Throws unless rows of `data` can become rows of `y`.
inline void check_convert(TensorRef const& data,
                          TensorRef const& mean,
                          TensorRef const& scale_inverse,
                          TensorRef const& y)
{
    CALOFUSE_CHECK(data.rank > 0 && y.rank > 0 && row_size(data) == row_size(y),
                   "data " << data.describe() << " and y " << y.describe());
    CALOFUSE_CHECK(y.dtype == DType::f32 || (y.dtype == DType::i32 && data.dtype != DType::f32),
                   "data " << data.describe() << " cannot become " << y.describe());
    CALOFUSE_CHECK(!data.empty() || data.size() == 0, "data has no memory");
    CALOFUSE_CHECK(!y.empty() || y.size() == 0, "y has no memory");
    CALOFUSE_CHECK(y.size() < std::int64_t{1} << 31, y.size() << " elements of y");
    CALOFUSE_CHECK(mean.empty() == scale_inverse.empty(), "mean and scale_inverse come together");
    if (mean.empty()) return;
    CALOFUSE_CHECK(y.dtype == DType::f32, "y " << y.describe() << " takes no mean and scale");
    std::int64_t const columns = mean.size() == 1 ? 1 : row_size(y);
    check_tensor(mean, DType::f32, {columns}, "mean");
    check_tensor(scale_inverse, DType::f32, {columns}, "scale_inverse");
}
}  // namespace calofuse
