/// \file io/store/kinds.cpp
/// The kinds of data sets: what a detector adds to columns. One line each.
#include <array>
#include <fmt/core.h>
#include <string_view>

#include "io/focalh/check_events.hpp"
#include "io/store/store.hpp"

namespace calofuse {
namespace {
struct KindEntry {
    std::string_view name;
    void (*check)(Dataset const& data, std::string const& source);  ///< or null
};
constexpr std::array kKinds = {KindEntry{"columns", nullptr},
                               KindEntry{"focalh", check_focalh_events}};
}  // namespace

void check_kind(Dataset const& data, std::string const& source)
{
    for (KindEntry const& kind : kKinds)
        if (kind.name == data.kind) {
            if (kind.check != nullptr) kind.check(data, source);
            return;
        }
    std::string known;
    for (KindEntry const& kind : kKinds)
        known += fmt::format("{}{}", known.empty() ? "" : ", ", kind.name);
    throw Error(Exit::data, "CF-H5-24",
                fmt::format("{}: is of kind {}", source, calofuse::quoted(data.kind, 40)),
                "known are " + known + "; anything goes in columns");
}
}  // namespace calofuse
