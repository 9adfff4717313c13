#include "io/focalh/check_events.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/core.h>

#include "io/focalh/event_quality.hpp"
#include "runtime/focalh/events.hpp"

namespace calofuse {
namespace {
[[noreturn]] void fail(std::string const& source, char const* code, std::string const& what)
{
    throw Error(Exit::data, code, fmt::format("{}: {}", source, what),
                "run calofuse convert again");
}

/// A view of the events; what is missing or of another type is said with the store in front.
FocalhEvents view_of(Dataset const& data, std::string const& source)
{
    try {
        return FocalhEvents(data);
    } catch (Error const& e) {
        std::string const code = e.code() == "CF-DAT-01"   ? "CF-H5-04"
                                 : e.code() == "CF-DAT-07" ? "CF-H5-20"
                                                           : "CF-H5-05";
        throw Error(Exit::data, code, fmt::format("{}: {}", source, e.what()), e.hint());
    }
}

void check_label(std::string const& source, char const* what, std::size_t i, Label label)
{
    if (label != Label::hadron && label != Label::electron && label != Label::unknown)
        fail(source, "CF-H5-07", fmt::format("{} {}: label {}", what, i, static_cast<int>(label)));
}
void check_energy(std::string const& source, char const* what, std::size_t i, float energy_gev)
{
    if (!std::isfinite(energy_gev) || energy_gev < 0)
        fail(source, "CF-H5-08", fmt::format("{} {}: energy {} GeV", what, i, energy_gev));
}
}  // namespace

void check_focalh_events(Dataset const& data, std::string const& source)
{
    FocalhEvents const events = view_of(data, source);
    for (std::size_t i = 0; i < events.label.size(); ++i) {
        check_label(source, "event", i, static_cast<Label>(events.label[i]));
        check_energy(source, "event", i, events.energy_gev[i]);
    }
    auto const files = events.files();
    for (std::size_t f = 0; f < files.size(); ++f) {
        check_label(source, "file", f, files[f].label);
        check_energy(source, "file", f, files[f].energy_gev);
    }
    std::uint16_t largest = 0;
    for (std::uint16_t const adc : events.adc)
        largest = std::max(largest, adc);
    if (largest > kMaxAdc)
        fail(source, "CF-H5-18", fmt::format("holds an ADC value of {} (13 bits)", largest));
    for (float const p : events.pedestals)
        if (!(p >= 0 && p <= kMaxAdc))
            fail(source, "CF-H5-18", fmt::format("holds a pedestal of {}", p));
}
}  // namespace calofuse
