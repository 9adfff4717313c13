/// \file driver/cli/machine.hpp
/// The computer that this runs on, for `doctor` and for the records of a run.
#pragma once

#include <cstdint>
#include <string>

namespace calofuse {
struct Machine {
    std::string host;
    std::string os;         ///< "Linux 6.1.0"
    std::string cpu_model;  ///< as the system names it, or ""
    std::string isa;        ///< instruction set that the CPU kernels use
    int cores = 1;          ///< usable by this process
    std::int64_t memory_bytes = 0;
    std::int64_t memory_available_bytes = 0;
};

Machine this_machine();
}  // namespace calofuse
