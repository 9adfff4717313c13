/// \file driver/cli/device.hpp
/// From --device, --precision and --threads to a context. A device that was asked for by name and is
/// not there is an error, never a silent run elsewhere.
#pragma once

#include <string>

#include "models/engine/batch.hpp"
#include "runtime/context.hpp"
#include "runtime/dataset.hpp"
#include "runtime/options.hpp"

namespace calofuse {
/// auto, cpu, cuda or cuda:N
bool is_device_name(std::string const& name);

/// Where `general.device`, `.precision` and `.threads` say. Errors: CF-DEV-01 device not usable
/// (exit 69), CF-CFG-21 no such device name, CF-CFG-22 precision that the device does not have (78).
Context make_context(Options const& settings);

/// Where the columns of `data` lie (`general.data_on`).
DataOn data_on(Options const& settings, Context const& ctx, Dataset const& data);

/// What "auto" comes to on this backend; for result documents: "fp32".
std::string precision_of(Options const& settings, Context const& ctx);
}  // namespace calofuse
