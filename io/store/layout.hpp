/// \file io/store/layout.hpp
/// Names and types of the store, for its reading and its writing half.
#pragma once

#include <optional>
#include <string>

#include "io/hdf5/hdf5.hpp"
#include "runtime/dataset.hpp"

namespace calofuse {
inline h5::Kind kind_of(DType type)
{
    switch (type) {
        case DType::u8:
            return h5::Kind::u8;
        case DType::u16:
            return h5::Kind::u16;
        case DType::i32:
            return h5::Kind::i32;
        case DType::i64:
            return h5::Kind::i64;
        default:
            CALOFUSE_CHECK(type == DType::f32, "no store holds " << name_of(type));
            return h5::Kind::f32;
    }
}

/// None for u32, which no column has.
inline std::optional<DType> dtype_of(h5::Kind kind)
{
    switch (kind) {
        case h5::Kind::u8:
            return DType::u8;
        case h5::Kind::u16:
            return DType::u16;
        case h5::Kind::i32:
            return DType::i32;
        case h5::Kind::i64:
            return DType::i64;
        case h5::Kind::f32:
            return DType::f32;
        default:
            return std::nullopt;
    }
}

/// "x" of "hits.x".
inline std::string column_name(ColumnSpec const& spec)
{
    return spec.name.substr(spec.name.find('.') + 1);  // npos + 1 = 0
}
}  // namespace calofuse
