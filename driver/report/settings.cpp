#include "driver/report/settings.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <sstream>
#include <toml++/toml.h>

#include "runtime/error.hpp"

namespace calofuse {
namespace {
struct Entry {
    toml::source_index line;
    std::string key, value;
};

void flatten(std::string const& prefix, toml::table const& table, std::vector<Entry>& out)
{
    for (auto const& [name, node] : table) {
        std::string const key =
            prefix.empty() ? std::string(name.str()) : fmt::format("{}.{}", prefix, name.str());
        if (auto const* inner = node.as_table()) {
            flatten(key, *inner, out);
            continue;
        }
        std::string value;
        if (auto const* text = node.as_string()) {
            value = text->get();
        } else {
            std::ostringstream os;
            node.visit([&](auto const& n) { os << n; });
            value = os.str();
        }
        out.push_back({node.source().begin.line, key, value});
    }
}
}  // namespace

std::vector<std::pair<std::string, std::string>> flatten_toml(std::string const& where,
                                                              std::string const& text)
{
    std::vector<Entry> entries;
    try {
        flatten("", toml::parse(text), entries);
    } catch (toml::parse_error const& e) {
        throw Error(Exit::data, "CF-RUN-03",
                    fmt::format("{} line {}: not valid TOML", where, e.source().begin.line),
                    "the run directory is incomplete or was edited; train again");
    }
    // toml++ sorts by name; people know the order of the file.
    std::stable_sort(entries.begin(), entries.end(),
                     [](Entry const& a, Entry const& b) { return a.line < b.line; });
    std::vector<std::pair<std::string, std::string>> out;
    for (Entry const& e : entries)
        out.emplace_back(e.key, e.value);
    return out;
}
}  // namespace calofuse
