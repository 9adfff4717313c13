#include "runtime/options.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/error.hpp"

namespace calofuse {
namespace {
char const* type_name(OptionValue const& value)
{
    constexpr char const* kNames[] = {"true or false", "a whole number", "a number", "a text"};
    return kNames[value.index()];
}

template <class T>
T const& get(std::map<std::string, OptionValue> const& values, std::string const& key)
{
    auto const found = values.find(key);
    CALOFUSE_CHECK(found != values.end(), "no option " << key);
    T const* const value = std::get_if<T>(&found->second);
    CALOFUSE_CHECK(value != nullptr, "option " << key << " is " << type_name(found->second));
    return *value;
}
}  // namespace

Options::Options(OptionSchema const& schema)
{
    for (OptionSpec const& spec : schema)
        values_[spec.key] = spec.fallback;
}

bool Options::get_bool(std::string const& key) const
{
    return get<bool>(values_, key);
}
std::int64_t Options::get_int(std::string const& key) const
{
    return get<std::int64_t>(values_, key);
}
double Options::get_double(std::string const& key) const
{
    return get<double>(values_, key);
}
std::string const& Options::get_string(std::string const& key) const
{
    return get<std::string>(values_, key);
}

OptionValue checked(OptionSpec const& spec, OptionValue value, std::string const& where)
{
    if (std::holds_alternative<double>(spec.fallback))
        if (auto const* whole = std::get_if<std::int64_t>(&value))
            value = static_cast<double>(*whole);
    if (value.index() != spec.fallback.index())
        throw Error(Exit::config, "CF-CFG-03",
                    fmt::format("{}: {} must be {}", where, spec.key, type_name(spec.fallback)),
                    spec.help);
    double number = 0;
    if (auto const* whole = std::get_if<std::int64_t>(&value)) number = static_cast<double>(*whole);
    if (auto const* real = std::get_if<double>(&value)) number = *real;
    bool const numeric = value.index() == 1 || value.index() == 2;
    if (numeric && !(number >= spec.min && number <= spec.max && std::isfinite(number)))
        throw Error(Exit::config, "CF-CFG-04",
                    fmt::format("{}: {} = {} is outside {} .. {}", where, spec.key, number,
                                spec.min, spec.max),
                    spec.help);
    auto const* text = std::get_if<std::string>(&value);
    if (text != nullptr && !spec.choices.empty()
        && std::find(spec.choices.begin(), spec.choices.end(), *text) == spec.choices.end())
        throw Error(Exit::config, "CF-CFG-04",
                    fmt::format("{}: {} = {} is not one of {}", where, spec.key, quoted(*text),
                                fmt::join(spec.choices, ", ")),
                    spec.help);
    return value;
}
}  // namespace calofuse
