#include "io/scores_file.hpp"

#include <fmt/format.h>

#include "io/hdf5/hdf5.hpp"
#include "runtime/error.hpp"
#include "runtime/event_set.hpp"

namespace calofuse {
namespace {
bool ends_with(std::string const& path, std::string const& ending)
{
    return path.size() > ending.size()
           && path.compare(path.size() - ending.size(), ending.size(), ending) == 0;
}

template <class T>
void write_column(h5::File const& file,
                  char const* name,
                  std::vector<T> const& values,
                  std::string const& path)
{
    constexpr std::int64_t kChunkRows = 65536;
    h5::Kind const kind = h5::kind_of<T>();
    h5::Dataset const dataset =
        h5::create_dataset(file, name, kind, {.chunk_rows = kChunkRows}, path);
    if (!values.empty())
        h5::append(dataset, kind, 0, 0, static_cast<std::int64_t>(values.size()), values.data(),
                   path);
}
}  // namespace

std::string scores_csv(ScoredEvents const& events)
{
    std::string text = "file_id,event_index,score,label,energy_gev\n";
    for (std::size_t i = 0; i < events.score.size(); ++i) {
        auto const label = static_cast<Label>(events.label[i]);
        fmt::format_to(std::back_inserter(text), "{},{},{:.9g},{},{:g}\n", events.file_id[i],
                       events.event_index[i], events.score[i],
                       label == Label::unknown ? "" : name_of(label), events.energy_gev[i]);
    }
    return text;
}

void check_scores_path(std::string const& path, Overwrite overwrite)
{
    if (!ends_with(path, ".csv") && !ends_with(path, ".h5"))
        throw Error(Exit::usage, "CF-SCO-01", quoted(path) + " ends neither in .csv nor in .h5",
                    "for example --out scores.csv");
    check_output(path, overwrite);
}

void write_scores(std::string const& path, ScoredEvents const& events, Overwrite overwrite)
{
    check_scores_path(path, overwrite);
    if (ends_with(path, ".csv")) return write_file_atomically(path, scores_csv(events), overwrite);
    AtomicFile output(path, overwrite);
    h5::File file = h5::create_file(output.temp_path(), path);
    write_column(file, "file_id", events.file_id, path);
    write_column(file, "event_index", events.event_index, path);
    write_column(file, "score", events.score, path);
    write_column(file, "label", events.label, path);
    write_column(file, "energy_gev", events.energy_gev, path);
    h5::close_file(file, path);
    output.commit();
}
}  // namespace calofuse
