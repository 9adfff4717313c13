#include "driver/cli/machine.hpp"

#include <fmt/format.h>
#include <fstream>
#include <sched.h>
#include <sys/utsname.h>
#include <thread>
#include <unistd.h>

#include "runtime/isa.hpp"

namespace calofuse {
namespace {
/// Value of the first line `name : value` of a file of /proc, or "".
std::string proc_value(char const* path, std::string const& name)
{
    std::ifstream in(path);
    for (std::string line; std::getline(in, line);) {
        std::size_t const colon = line.find(':');
        if (colon == line.npos || line.compare(0, name.size(), name) != 0) continue;
        std::size_t const begin = line.find_first_not_of(" \t", colon + 1);
        return begin == line.npos ? "" : line.substr(begin);
    }
    return "";
}

std::int64_t proc_bytes(std::string const& name)
{
    std::string const text = proc_value("/proc/meminfo", name);
    return text.empty() ? 0 : std::strtoll(text.c_str(), nullptr, 10) * 1024;
}

int usable_cores()
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
    return static_cast<int>(std::thread::hardware_concurrency());
}
}  // namespace

Machine this_machine()
{
    Machine machine;
    utsname system{};
    if (uname(&system) == 0) {
        machine.host = system.nodename;
        machine.os = fmt::format("{} {}", system.sysname, system.release);
    }
    machine.cpu_model = proc_value("/proc/cpuinfo", "model name");
    machine.isa = name_of(cpu_isa());
    machine.cores = usable_cores();
    machine.memory_bytes = proc_bytes("MemTotal");
    machine.memory_available_bytes = proc_bytes("MemAvailable");
    return machine;
}
}  // namespace calofuse
