// Reads the environment variables CUDA_EMU_*.
#include "tests/emulator/src/options.hpp"

#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace calofuse::emulator {

void fatal(string const& message)
{
    fprintf(stderr, "cuda-emulator: error: %s\n", message.c_str());
    fflush(stdout);
    _Exit(3);
}

namespace {

string text_of(char const* name)
{
    char const* v = getenv(name);
    return v ? v : "";
}

u64 number_of(char const* name, u64 fallback)
{
    string const v = text_of(name);
    if (v.empty()) return fallback;
    char* end = nullptr;
    u64 const n = strtoull(v.c_str(), &end, 0);
    if (*end) fatal(string(name) + "=" + v + ": not a number");
    return n;
}

template <class E>
E choice_of(char const* name, std::initializer_list<std::pair<char const*, E>> choices, E fallback)
{
    string const v = text_of(name);
    if (v.empty()) return fallback;
    string known;
    for (auto& [text, value] : choices) {
        if (v == text) return value;
        known += string(known.empty() ? "" : ", ") + text;
    }
    fatal(string(name) + "=" + v + ": expected one of " + known);
}

Options read_options()
{
    Options o;
    if (string const v = text_of("CUDA_EMU_CHECK"); !v.empty() && v != "all" && v != "1") {
        o.check_race = o.check_init = o.check_leak = o.check_proxy = o.check_host = false;
        if (v != "none" && v != "0") {
            std::stringstream list(v);
            for (string item; std::getline(list, item, ',');) {
                if (item == "race")
                    o.check_race = true;
                else if (item == "init")
                    o.check_init = true;
                else if (item == "leak")
                    o.check_leak = true;
                else if (item == "proxy")
                    o.check_proxy = true;
                else if (item == "host")
                    o.check_host = true;
                else
                    fatal("CUDA_EMU_CHECK: unknown check '" + item
                          + "' (all, none, or a list of race, init, leak, proxy, host)");
            }
        }
    }
    o.schedule = choice_of<Schedule>("CUDA_EMU_SCHEDULE",
                                     {{"forward", Schedule::forward},
                                      {"reverse", Schedule::reverse},
                                      {"random", Schedule::random}},
                                     o.schedule);
    o.async_copies = choice_of<AsyncCopies>("CUDA_EMU_ASYNC",
                                            {{"late", AsyncCopies::late},
                                             {"early", AsyncCopies::early},
                                             {"random", AsyncCopies::random}},
                                            o.async_copies);
    o.stream_order = choice_of<StreamOrder>("CUDA_EMU_STREAMS",
                                            {{"eager", StreamOrder::eager},
                                             {"lazy", StreamOrder::lazy},
                                             {"shuffle", StreamOrder::shuffle}},
                                            o.stream_order);
    o.seed = u32(number_of("CUDA_EMU_SEED", o.seed));
    o.threads = u32(number_of("CUDA_EMU_THREADS", o.threads));
    o.multiprocessors = u32(number_of("CUDA_EMU_MULTIPROCESSORS", o.multiprocessors));
    o.memory_kb = number_of("CUDA_EMU_MEMORY_KB", o.memory_kb);
    o.pinned_kb = number_of("CUDA_EMU_PINNED_KB", o.pinned_kb);
    o.max_reports = u32(number_of("CUDA_EMU_MAX_REPORTS", o.max_reports));
    o.max_warp_instructions = number_of("CUDA_EMU_MAX_WARP_INSTRUCTIONS", o.max_warp_instructions);
    o.max_launches = number_of("CUDA_EMU_MAX_LAUNCHES", o.max_launches);
    o.stats = number_of("CUDA_EMU_STATS", 0) != 0;
    return o;
}

}  // namespace

Options& options()
{
    static Options o = read_options();
    return o;
}

}  // namespace calofuse::emulator
