#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "io/config_file.hpp"

namespace calofuse {
namespace {
std::string toml_text(std::string const& text)
{
    std::string out = "\"";
    for (char const c : text) {
        auto const byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            out += {'\\', c};
        else if (byte < 0x20 || byte == 0x7f)
            out += fmt::format("\\u{:04X}", byte);
        else
            out += c;
    }
    return out + "\"";
}

std::string toml_value(OptionValue const& value)
{
    if (auto const* b = std::get_if<bool>(&value)) return *b ? "true" : "false";
    if (auto const* i = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *i);
    if (auto const* s = std::get_if<std::string>(&value)) return toml_text(*s);
    std::string real = fmt::format("{}", std::get<double>(value));  // shortest that reads back
    if (real.find_first_of(".e") == std::string::npos) real += ".0";
    return real;
}

std::string comment_of(OptionSpec const& spec)
{
    std::string line = "# " + spec.help;
    if (std::isfinite(spec.min) && std::isfinite(spec.max))
        line += fmt::format(" ({} .. {})", spec.min, spec.max);
    else if (std::isfinite(spec.min))
        line += fmt::format(" (>= {})", spec.min);
    else if (std::isfinite(spec.max))
        line += fmt::format(" (<= {})", spec.max);
    for (std::size_t i = 0; i < spec.choices.size(); ++i)
        line += (i == 0 ? ": " : " | ") + spec.choices[i];
    std::replace(line.begin(), line.end(), '\n', ' ');
    return line + "\n";
}

std::string section_of(std::string const& key)
{
    std::size_t const dot = key.rfind('.');
    return dot == std::string::npos ? "" : key.substr(0, dot);
}
}  // namespace

std::string dump_toml(OptionSchema const& schema, Options const& options)
{
    std::vector<std::string> sections = {""};  // keys without a section have to come first
    for (OptionSpec const& spec : schema)
        if (std::find(sections.begin(), sections.end(), section_of(spec.key)) == sections.end())
            sections.push_back(section_of(spec.key));
    std::string text = "# CaloFuse configuration: every setting with its value.\n";
    for (std::string const& section : sections) {
        if (!section.empty()) text += "\n[" + section + "]\n";
        for (OptionSpec const& spec : schema) {
            if (section_of(spec.key) != section) continue;
            std::size_t const name = section.empty() ? 0 : section.size() + 1;
            text += comment_of(spec);
            text += spec.key.substr(name) + " = " + toml_value(options.all().at(spec.key)) + "\n";
        }
    }
    return text;
}
}  // namespace calofuse
