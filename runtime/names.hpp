/// \file runtime/names.hpp
/// The names of an enum, in one table beside it, in the order in which choices are listed:
///   constexpr auto names_of(Fruit)
///   {
///       return std::to_array<Name<Fruit>>({{Fruit::apple, "apple"}, {Fruit::pear, "pear"}});
///   }
/// From it follow `name_of`, `parse` and `choices`. A value without a name is none that users may ask
/// for.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace calofuse {
template <class E>
struct Name {
    E value;
    char const* text;
};

/// An enum with a table.
template <class E>
concept Named = requires(E e)
{
    names_of(e);
};

/// Throws CF-CFG-04, with the choices.
[[noreturn]] void throw_no_choice(std::string_view key,
                                  std::string_view text,
                                  std::vector<std::string> const& choices);
[[noreturn]] void throw_no_name(int value);

template <Named E>
constexpr char const* name_of(E value)
{
    for (auto const& name : names_of(E{}))
        if (name.value == value) return name.text;
    throw_no_name(static_cast<int>(value));
}

template <Named E>
std::vector<std::string> choices()
{
    std::vector<std::string> out;
    for (auto const& name : names_of(E{}))
        out.emplace_back(name.text);
    return out;
}

/// The value called `text`; `key` is the setting that it was given for.
template <Named E>
E parse(std::string_view text, std::string_view key)
{
    for (auto const& name : names_of(E{}))
        if (name.text == text) return name.value;
    throw_no_choice(key, text, choices<E>());
}
}  // namespace calofuse
