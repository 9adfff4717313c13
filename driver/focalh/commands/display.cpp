/// \file driver/focalh/commands/display.cpp
/// Events of a store as one SVG picture: cells in true geometry, charge in colour; with a run its
/// score, and, if it is one of a network on hits, the hits, edges and attention weights it works with.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "driver/cli/arguments.hpp"
#include "driver/commands/result.hpp"
#include "driver/focalh/commands/commands.hpp"
#include "driver/focalh/commands/event_display.hpp"
#include "io/atomic_file.hpp"
#include "io/store/store.hpp"
#include "runtime/error.hpp"

namespace calofuse::commands {
namespace {
constexpr int kMaxColumns = 4;
constexpr std::size_t kMaxImages = 100;

void check(DisplayArgs const& args)
{
    if (!args.out.ends_with(".svg"))
        refuse("CF-CLI-04", "--out " + calofuse::quoted(args.out) + " does not end in .svg",
               "an event display is an SVG picture");
    if (args.events.size() > kMaxImages)
        refuse("CF-CLI-04",
               fmt::format("--event names {} events, a picture holds {}", args.events.size(),
                           kMaxImages),
               "draw them in several pictures");
    check_output(args.out, Overwrite::yes);
}

Dataset read_events(DisplayArgs const& args)
{
    Dataset events = read_store(args.data);
    for (std::int64_t const row : args.events)
        if (row >= events.size())
            refuse("CF-CLI-04",
                   fmt::format("--event {}: {} has {} events", row, calofuse::quoted(args.data),
                               events.size()),
                   "rows count from 0; `calofuse inspect` lists the events of each file");
    return events;
}
}  // namespace

int display(Session const& session, DisplayArgs const& args)
{
    check(args);
    Dataset const data = read_events(args);
    std::vector<CellImage> images;
    Json list = Json::array();
    for (ShownEvent& event :
         EventDisplay(session, data, args.events, args.run_dir).show(args.graph)) {
        images.push_back(std::move(event.image));
        list.push_back(std::move(event.entry));
    }
    double const side = images.size() == 1 ? 520 : images.size() == 2 ? 380 : 260;
    Svg const picture =
        draw_cell_images("Event display", images, FocalhEvents(data).map, kMaxColumns, side);
    write_file_atomically(args.out, picture.document(), Overwrite::yes);
    if (session.global.json)
        print_json({{"picture", args.out}, {"events", list}});
    else
        print_line(args.out);
    return 0;
}
}  // namespace calofuse::commands
