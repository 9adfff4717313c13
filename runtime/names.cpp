#include "runtime/names.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/error.hpp"

namespace calofuse {
void throw_no_choice(std::string_view key,
                     std::string_view text,
                     std::vector<std::string> const& choices)
{
    throw Error(Exit::config, "CF-CFG-04",
                fmt::format("{} = {} is not one of {}", key, quoted(std::string(text)),
                            fmt::join(choices, ", ")));
}

void throw_no_name(int value)
{
    throw_check(__FILE__, __LINE__, "names_of", "value " + std::to_string(value) + " has no name");
}
}  // namespace calofuse
