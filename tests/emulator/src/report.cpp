// Formatting, deduplication and counting of reports; the process ends with code 66 if there were any.
#include "tests/emulator/src/report.hpp"

#include <cstdio>
#include <cstdlib>
#include <cxxabi.h>
#include <mutex>
#include <set>

#include "tests/emulator/src/options.hpp"

namespace calofuse::emulator {
namespace {

struct Log {
    std::mutex mutex;
    std::set<string> seen;
    std::set<std::pair<char const*, string>> instructions;
    string text;
    size_t count = 0;
};
Log& log()
{
    static Log* l = new Log;  // never destroyed: used by exit handlers
    return *l;
}

string format(Report const& r)
{
    string s = "cuda-emulator: " + r.what + "\n";
    auto line = [&](char const* label, string const& value) {
        if (!value.empty()) s += string("    ") + label + value + "\n";
    };
    line("kernel  ", r.kernel);
    line("at      ", r.place);
    line("ptx     ", r.ptx);
    line("thread  ", r.where);
    line("detail  ", r.detail);
    return s;
}

}  // namespace

void report(Report const& r)
{
    Log& l = log();
    std::lock_guard lock(l.mutex);
    if (!l.seen
             .insert(r.what + '\n' + r.kernel + '\n' + r.place + '\n' + r.ptx
                     + (r.kernel.empty() ? r.detail : ""))
             .second)
        return;
    string const s = format(r);
    l.text += s;
    if (l.count++ < options().max_reports)
        fputs(s.c_str(), stderr);
    else if (l.count == options().max_reports + 1u)
        fputs("cuda-emulator: further reports are counted but not printed (CUDA_EMU_MAX_REPORTS)\n",
              stderr);
}

bool reported_before(char const* instruction, string const& what)
{
    std::lock_guard lock(log().mutex);
    return !log().instructions.insert({instruction, what}).second;
}

size_t report_count()
{
    std::lock_guard lock(log().mutex);
    return log().count;
}

string report_text()
{
    std::lock_guard lock(log().mutex);
    return log().text;
}

void clear_reports()
{
    std::lock_guard lock(log().mutex);
    log().seen.clear();
    log().instructions.clear();
    log().text.clear();
    log().count = 0;
}

string demangle(string const& name)
{
    int status = 0;
    char* s = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status);
    if (status != 0 || !s) return name;
    string r = s;
    free(s);
    return r;
}

}  // namespace calofuse::emulator
