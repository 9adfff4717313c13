#include "io/import/source.hpp"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "io/input_file.hpp"
#include "runtime/error.hpp"
#include "runtime/nearest.hpp"

namespace calofuse::recipe {
namespace {
class NpySource final : public Source {
  public:
    explicit NpySource(std::string path) : path_(std::move(path)) {}
    std::vector<std::string> names() const override { return {""}; }
    SourceArray read(std::string const&) const override
    {
        return array_of_npy(read_file(path_, kMaxArrayBytes), quoted(path_));
    }

  private:
    std::string path_;
};

bool ends_with(std::string const& path, std::initializer_list<std::string_view> endings)
{
    std::string lower = path;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return std::any_of(endings.begin(), endings.end(),
                       [&](std::string_view ending) { return lower.ends_with(ending); });
}

std::string list_of(std::vector<std::string> const& names)
{
    constexpr std::size_t kMaxBytes = 160;
    std::string out;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (out.size() > kMaxBytes) return out + fmt::format(" and {} more", names.size() - i);
        out += (i == 0 ? "" : ", ") + names[i];
    }
    return out.empty() ? "nothing" : out;
}
}  // namespace

std::unique_ptr<Source> open_source(std::string const& path)
{
    InputFile const exists(path);  // a missing file, a folder or a pipe has its code there
    if (ends_with(path, {".npy"})) return std::make_unique<NpySource>(path);
    if (ends_with(path, {".npz"})) return open_npz(path);
    if (ends_with(path, {".h5", ".hdf5", ".hdf"})) return open_hdf5(path);
    if (ends_with(path, {".csv", ".csv.gz"})) return open_csv(path);
    throw Error(Exit::data, "CF-SRC-01", fmt::format("{}: unknown kind of file", quoted(path)),
                "name it .npy, .npz, .h5, .hdf5, .csv or .csv.gz");
}

SourceArray read_array(Source const& source, std::string const& name, std::string const& path)
{
    std::vector<std::string> const names = source.names();
    if (name.empty() && names.size() == 1) return source.read(names[0]);
    if (std::find(names.begin(), names.end(), name) != names.end()) return source.read(name);
    if (names == std::vector<std::string>{""})
        throw Error(Exit::data, "CF-SRC-02",
                    fmt::format("{}: is one array, without names; the recipe asks for {}",
                                quoted(path), quoted(name, 60)),
                    "leave `array` out");
    std::string const close = nearest(name, names);
    throw Error(Exit::data, "CF-SRC-02",
                name.empty()
                    ? fmt::format("{}: which array? It has: {}", quoted(path, 60), list_of(names))
                    : fmt::format("no array {} in {}; it has: {}", quoted(name, 60),
                                  quoted(path, 60), list_of(names)),
                close.empty() ? "name one of them with `array`" : "did you mean " + close + "?");
}
}  // namespace calofuse::recipe
