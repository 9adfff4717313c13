/// \file tests/emulator/src/text.hpp
/// Lexical helpers for PTX text: operand lists, numbers, variable declarations.
#pragma once

#include <algorithm>
#include <optional>

#include "tests/emulator/src/base.hpp"

namespace calofuse::emulator {

vector<string> split_words(string const& s);     // at blanks
vector<string> split_operands(string const& s);  // at commas outside brackets
vector<string> split_dots(string const& s);      // "add.rn.f32"; "a::b" stays together
u32 type_bytes(string_view type);                // "f32" -> 4, 0 if it is no type
std::optional<u64> parse_number(string const& s,
                                string_view type);  // bits of an immediate operand of this type

struct Variable {
    string name, type;
    u32 element = 1, bytes = 0, alignment = 1;
    bool unsized = false;  // name[]
};
Variable parse_variable(string const& declaration);  // ".shared .align 4 .b8 name[128] = ..."

string function_name(string const& header);
/// Parameters of a function header: the list in parentheses before (result) or after the name.
vector<Variable> parameter_list(string const& header, bool result);

}  // namespace calofuse::emulator
