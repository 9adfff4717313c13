/// \file driver/commands/doctor.cpp
/// What this program runs on, and whether known answers come out: the first thing to ask for when
/// something is odd. With --data or --run-dir also what is odd about them.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "driver/cli/device.hpp"
#include "driver/cli/machine.hpp"
#include "driver/cli/self_check.hpp"
#include "driver/cli/settings.hpp"
#include "driver/cli/version.hpp"
#include "driver/commands/commands.hpp"
#include "driver/commands/doctor_data.hpp"
#include "driver/commands/result.hpp"
#include "runtime/device/device.hpp"
#include "runtime/error.hpp"

namespace calofuse::commands {
namespace {
Json json_of(Machine const& machine)
{
    return {{"model", machine.cpu_model},
            {"isa", machine.isa},
            {"cores", machine.cores},
            {"memory_bytes", machine.memory_bytes},
            {"memory_available_bytes", machine.memory_available_bytes},
            {"os", machine.os}};
}

Json cuda_state()
{
    DeviceList const found = cuda_devices();
    Json names = Json::array();
    for (DeviceInfo const& device : found.devices)
        names.push_back(device.name);
    Json const why = found.reason.empty() ? Json(nullptr) : Json(found.reason);
    return {{"built", kHasCuda}, {"devices", names}, {"reason", why}};
}

void print_text(Json const& d)
{
    auto const text = [](Json const& value) {
        return value.is_string() ? value.get<std::string>() : value.dump();
    };
    std::string const git = text(d["git"]);
    print_line(fmt::format("calofuse {}{}", text(d["version"]),
                           git.empty() ? "" : fmt::format(" (git {})", git)));
    constexpr double kGiB = 1024.0 * 1024 * 1024;
    Json const& cpu = d["cpu"];
    print_line(fmt::format("cpu        {}, {} cores, kernels for {}", text(cpu["model"]),
                           text(cpu["cores"]), text(cpu["isa"])));
    print_line(fmt::format("memory     {:.1f} GiB, {:.1f} GiB available",
                           cpu["memory_bytes"].get<double>() / kGiB,
                           cpu["memory_available_bytes"].get<double>() / kGiB));
    print_line("system     " + text(cpu["os"]));
    Json const& cuda = d["cuda"];
    for (Json const& device : cuda["devices"])
        print_line("cuda       " + text(device));
    if (cuda["devices"].empty()) print_line("cuda       none: " + text(cuda["reason"]));
    for (auto const& [name, version] : d["libraries"].items())
        print_line(fmt::format("{:<10} {}", name, text(version)));
    for (Json const& check : d["self_check"])
        print_line(fmt::format("{:<10} {}: {} ({})", check["passed"].get<bool>() ? "ok" : "FAILED",
                               text(check["name"]), text(check["detail"]), text(check["backend"])));
    if (d.contains("data")) print_data(d["data"]);
}
}  // namespace

int doctor(Session const& session, DoctorArgs const& args)
{
    bool const looks = !args.data.empty() || !args.run_dir.empty();
    Options const settings =
        looks ? settings_to_look_at(session, args.run_dir) : resolve_settings(session);
    Json document = {{"version", program_version()}, {"git", git_hash()}};
    document["cpu"] = json_of(this_machine());
    document["cuda"] = cuda_state();
    for (auto const& [name, version] : library_versions())
        document["libraries"][name] = version;
    document["self_check"] = Json::array();
    std::string failed;
    for (SelfCheck const& check : run_self_checks()) {
        document["self_check"].push_back({{"name", check.name},
                                          {"backend", check.backend},
                                          {"passed", check.passed},
                                          {"detail", check.detail}});
        if (!check.passed) failed += (failed.empty() ? "" : ", ") + check.name;
    }
    if (looks) document["data"] = look_at_data(settings, args.data);
    if (session.global.json)
        print_json(document);
    else
        print_text(document);
    if (!failed.empty())
        throw Error(Exit::unavailable, "CF-DOC-01", "self-check failed: " + failed,
                    "results of this build on this machine cannot be trusted");
    // Last: throws where the device asked for is not usable. That of a run need not be here.
    if (args.run_dir.empty()) make_context(settings);
    return 0;
}
}  // namespace calofuse::commands
