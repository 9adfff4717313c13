/// \file tests/emulator/src/report.hpp
/// Reports: what the checks found, each one once per kernel, place and kind, printed to stderr.
#pragma once

#include "tests/emulator/src/base.hpp"

namespace calofuse::emulator {

struct Report {
    string what;    // "race in shared memory", ...
    string kernel;  // demangled name, empty for findings outside kernels
    string place;   // "file.cu:12" or "file.cuh:3 (inlined at file.cu:12)"
    string ptx;     // the instruction
    string where;   // block and thread
    string detail;  // address, the other thread, ...
};

/// Prints a report unless the same one (what, kernel, place, ptx) was printed before; counts it either way.
void report(Report const& r);

/// True if this instruction has been reported for the same reason; the first call with a pair returns false.
bool reported_before(char const* instruction, string const& what);

/// Number of different reports since the start or the last clear_reports().
size_t report_count();
string report_text();  // all reports since the last clear_reports(), as printed
void clear_reports();

string demangle(string const& name);

}  // namespace calofuse::emulator
