/// \file driver/commands/report.cpp
/// report.html of a run.
#include "driver/report/report.hpp"

#include <nlohmann/json.hpp>

#include "driver/cli/arguments.hpp"
#include "driver/commands/commands.hpp"
#include "driver/commands/result.hpp"
#include "driver/kinds.hpp"
#include "driver/report/warnings.hpp"
#include "io/atomic_file.hpp"
#include "runtime/error.hpp"
#include "runtime/log.hpp"

namespace calofuse::commands {
int report(Session const& session, ReportArgs const& args)
{
    std::string const out = args.out.empty() ? args.run_dir + "/report.html" : args.out;
    // What is replaced is a page, never a store that was named by mistake.
    if (!out.ends_with(".html"))
        refuse("CF-CLI-04", "--out " + calofuse::quoted(out) + " does not end in .html",
               "a report is one HTML file");
    ReportData const data = read_run(args.run_dir, task_of_run(args.run_dir));
    check_output(out, Overwrite::yes);
    ReportPart const part = kind_named(data.kind).report(data);
    std::vector<std::string> const warnings = find_warnings(data);
    write_file_atomically(out, report_html(data, part.sections), Overwrite::yes);
    for (std::string const& warning : part.warnings)
        log::warning("{}", warning);
    for (std::string const& warning : warnings)
        log::warning("{}", warning);
    if (session.global.json)
        print_json({{"report", out}, {"images", part.images}, {"warnings", warnings}});
    else
        print_line(out);
    return 0;
}
}  // namespace calofuse::commands
