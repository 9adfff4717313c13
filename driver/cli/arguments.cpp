#include "driver/cli/arguments.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <optional>

#include "runtime/error.hpp"
#include "runtime/nearest.hpp"

namespace calofuse {
namespace {
constexpr std::size_t kMaxArguments = 100'000;

/// Whether `text` is well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates).
bool is_utf8(std::string const& text)
{
    for (std::size_t i = 0; i < text.size();) {
        auto const lead = static_cast<unsigned char>(text[i]);
        std::size_t const length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || i + length > text.size()) return false;
        for (std::size_t k = 1; k < length; ++k)
            if ((static_cast<unsigned char>(text[i + k]) & 0xc0U) != 0x80U) return false;
        auto const next = length > 1 ? static_cast<unsigned char>(text[i + 1]) : 0U;
        if ((lead == 0xe0 && next < 0xa0) || (lead == 0xed && next > 0x9f)
            || (lead == 0xf0 && next < 0x90) || (lead == 0xf4 && next > 0x8f))
            return false;
        i += length;
    }
    return true;
}

template <class T>
std::optional<T> parse(std::string const& text)
{
    T value{};
    auto const [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    bool const whole = code == std::errc{} && end == text.data() + text.size();
    return whole ? std::optional(value) : std::nullopt;
}
}  // namespace

void refuse(char const* code, std::string const& message, std::string const& hint)
{
    throw Error(Exit::usage, code, message, hint);
}

/// What the parser would get wrong: bytes that are no text, `--flag=` with nothing behind.
void check_arguments(std::vector<std::string> const& arguments)
{
    if (arguments.size() > kMaxArguments)
        refuse("CF-CLI-06",
               fmt::format("{} arguments, at most {} are taken", arguments.size(), kMaxArguments),
               "name folders instead of single files");
    bool after_mark = false;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        std::string const& argument = arguments[i];
        if (!is_utf8(argument))
            refuse("CF-CLI-06", fmt::format("argument {} is not valid UTF-8", i + 1),
                   "rename the file, or set a UTF-8 locale");
        after_mark = after_mark || argument == "--";
        if (!after_mark && argument.size() > 2 && argument.compare(0, 2, "--") == 0
            && argument.back() == '=')
            refuse("CF-CLI-03", fmt::format("{} needs a value", quoted(argument)),
                   "leave the option out for its default");
    }
}

std::string check_text(std::string const& flag, std::string const& value)
{
    if (value.empty())
        refuse("CF-CLI-03", fmt::format("{} needs a value, not an empty text", flag),
               "leave the option out for its default");
    if (value.compare(0, 2, "--") == 0)
        refuse("CF-CLI-03", fmt::format("{} needs a value, found {}", flag, quoted(value)),
               "a file whose name starts with -- is written ./--name");
    return value;
}

std::int64_t check_whole(std::string const& flag,
                         std::string const& value,
                         std::int64_t min,
                         std::int64_t max)
{
    auto const number = parse<std::int64_t>(value);
    if (!number || *number < min || *number > max)
        refuse("CF-CLI-04",
               fmt::format("{} must be a whole number {} .. {}, not {}", flag, min, max,
                           quoted(value)),
               "write it in plain decimal digits");
    return *number;
}

void check_choice(std::string const& flag,
                  std::string const& value,
                  std::vector<std::string> const& choices)
{
    if (std::find(choices.begin(), choices.end(), value) != choices.end()) return;
    std::string const near = nearest(value, choices);
    refuse(
        "CF-CLI-04",
        fmt::format("{} must be one of {}, not {}", flag, fmt::join(choices, ", "), quoted(value)),
        near.empty() ? fmt::format("{} {}", flag, choices.front())
                     : fmt::format("did you mean {}?", near));
}

/// The text of a flag that stands for a setting, checked as far as its entry tells.
std::string check_setting(std::string const& flag, std::string const& value, OptionSpec const& spec)
{
    check_text(flag, value);
    if (std::holds_alternative<std::int64_t>(spec.fallback)) {
        check_whole(flag, value, static_cast<std::int64_t>(spec.min),
                    static_cast<std::int64_t>(spec.max));
    } else if (std::holds_alternative<double>(spec.fallback)) {
        auto const number = parse<double>(value);
        if (!number || !(*number >= spec.min && *number <= spec.max))
            refuse("CF-CLI-04",
                   fmt::format("{} must be a number {} .. {}, not {}", flag, spec.min, spec.max,
                               quoted(value)),
                   spec.help);
    } else if (!spec.choices.empty()) {
        check_choice(flag, value, spec.choices);
    }
    return value;
}
}  // namespace calofuse
