/// \file io/safetensors_header.hpp
/// The JSON header of a safetensors file as a flat list, before any offset is believed.
/// Used by io/safetensors.cpp only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace calofuse {
struct TensorEntry {
    std::string name;
    std::string dtype;                   ///< as written
    std::vector<std::uint64_t> shape;    ///< as written
    std::vector<std::uint64_t> offsets;  ///< as written; the parser has seen exactly two
};

struct SafeTensorsHeader {
    std::map<std::string, std::string> metadata;
    std::vector<TensorEntry> entries;  ///< in file order, names unique
};

/// Throws CF-CKPT-04 (not JSON), 05 (another structure), 06 (duplicate name).
SafeTensorsHeader parse_safetensors_header(std::string_view text, std::string const& file);
}  // namespace calofuse
