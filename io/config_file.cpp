#include "io/config_file.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <fstream>
#include <set>
#include <toml++/toml.h>
#include <unistd.h>

#include "runtime/error.hpp"
#include "runtime/log.hpp"
#include "runtime/nearest.hpp"

namespace calofuse {
namespace {
constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20U;
constexpr int kMaxNesting = 32;
constexpr std::string_view kPrefix = "CALOFUSE_";
/// Environment variables with our prefix that steer builds and tests: no settings.
constexpr std::string_view kNoSettings[] = {"CALOFUSE_ISA", "CALOFUSE_GOLDEN_DIR",
                                            "CALOFUSE_DATA_DIR", "CALOFUSE_LAUNCHER"};

[[noreturn]] void fail(char const* code, std::string const& message, std::string const& hint)
{
    throw Error(Exit::config, code, message, hint);
}

void warn_once(std::string const& text)
{
    static std::set<std::string> told;  // settings may be resolved more than once
    if (told.insert(text).second) log::warning("{}", text);
}

/// Known settings by key.
class Schema {
  public:
    Schema(OptionSchema const& specs, std::vector<std::string> const& ignored)
        : ignored_(ignored.begin(), ignored.end()), keys_(ignored)
    {
        for (OptionSpec const& spec : specs) {
            bool const fresh = specs_.emplace(spec.key, &spec).second;
            CALOFUSE_CHECK(fresh, "option " << spec.key << " is declared twice");
            keys_.push_back(spec.key);
        }
    }
    OptionSpec const& at(std::string const& key, std::string const& where) const
    {
        auto const found = specs_.find(key);
        if (found != specs_.end()) return *found->second;
        fail("CF-CFG-02", fmt::format("{}: unknown key {}", where, quoted(key)), hint(key));
    }
    bool is_ignored(std::string const& key) const { return ignored_.count(key) > 0; }
    bool is_section(std::string const& name) const
    {
        return std::any_of(keys_.begin(), keys_.end(), [&](std::string const& key) {
            return key.compare(0, name.size() + 1, name + ".") == 0;
        });
    }
    std::string hint(std::string const& key) const
    {
        std::string best = nearest(key, keys_);
        std::string const last = "." + key.substr(key.rfind('.') + 1);
        for (std::string const& known : keys_) {  // the right name in a wrong section
            bool const ends = known.size() > last.size()
                              && known.compare(known.size() - last.size(), last.size(), last) == 0;
            if (best.empty() && ends) best = known;
        }
        return best.empty() ? "`calofuse config dump` lists every key"
                            : "did you mean " + best + "?";
    }

  private:
    std::map<std::string, OptionSpec const*> specs_;
    std::set<std::string> ignored_;
    std::vector<std::string> keys_;  ///< of both
};

bool is_utf8(std::string const& text)
{
    std::size_t i = 0;
    while (i < text.size()) {
        auto const lead = static_cast<unsigned char>(text[i++]);
        int const more = lead < 0x80   ? 0
                         : lead < 0xc2 ? -1
                         : lead < 0xe0 ? 1
                         : lead < 0xf0 ? 2
                         : lead < 0xf5 ? 3
                                       : -1;
        if (more < 0 || i + static_cast<std::size_t>(more) > text.size()) return false;
        std::uint32_t code = more == 0 ? lead : lead & (0x3fU >> more);
        for (int k = 0; k < more; ++k, ++i) {
            auto const next = static_cast<unsigned char>(text[i]);
            if ((next & 0xc0U) != 0x80U) return false;
            code = code << 6U | (next & 0x3fU);
        }
        bool const overlong = (more == 2 && code < 0x800) || (more == 3 && code < 0x10000);
        if (overlong || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    }
    return true;
}

/// `text` as a value of the type of `spec`; the range is checked later.
OptionValue read_value(OptionSpec const& spec, std::string const& text, std::string const& where)
{
    char const* const end = text.data() + text.size();
    if (std::holds_alternative<std::string>(spec.fallback)) {
        if (!is_utf8(text))
            fail("CF-CFG-09", fmt::format("{}: {} is not UTF-8 text", where, spec.key), spec.help);
        return text;
    }
    if (std::holds_alternative<bool>(spec.fallback) && (text == "true" || text == "false"))
        return text == "true";
    if (std::holds_alternative<std::int64_t>(spec.fallback)) {
        std::int64_t value = 0;
        auto const [stop, status] = std::from_chars(text.data(), end, value);
        if (status == std::errc{} && stop == end) return value;
    }
    if (std::holds_alternative<double>(spec.fallback)) {
        double value = 0;
        auto const [stop, status] = std::from_chars(text.data(), end, value);
        if (status == std::errc{} && stop == end) return value;
    }
    constexpr char const* kWanted[] = {"true or false", "a whole number", "a number", "a text"};
    fail("CF-CFG-03",
         fmt::format("{}: {} = {} must be {}", where, spec.key, quoted(text),
                     kWanted[spec.fallback.index()]),
         spec.help);
}

// ------------------------------------------------------------------------------------- file
std::string read_file(std::string const& path)
{
    std::ifstream in(path, std::ios::binary);
    std::string text(kMaxFileBytes + 1, '\0');
    if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!in && !in.eof())
        throw Error(Exit::no_input, "CF-CFG-13", quoted(path) + ": cannot be read",
                    "give --config the path of a TOML file");
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.size() > kMaxFileBytes)
        fail("CF-CFG-06", fmt::format("{}: larger than {} bytes", quoted(path), kMaxFileBytes),
             "a configuration is a few kilobytes; is this the right file?");
    return text;
}

/// Walks the raw text, keeping away from strings and comments, and counts open brackets and the
/// dots of one key. Has to come before the parser, which recurses once a level.
class NestingCheck {
  public:
    NestingCheck(std::string const& text, std::string const& name) : text_(text), name_(name) {}

    void run()
    {
        while (i_ < text_.size()) {
            char const c = text_[i_];
            if (c == '#')
                i_ = std::min(text_.find('\n', i_), text_.size());
            else if (c == '"' || c == '\'')
                skip_string(c);
            else
                count(c);
        }
    }

  private:
    void count(char c)
    {
        bool const opens = c == '[' || c == '{';
        bool const closes = c == ']' || c == '}';
        if (c == '\n') ++line_;
        if (opens) ++brackets_;
        if (closes && brackets_ > 0) --brackets_;
        if (c == '.') ++dots_;
        if (opens || closes || c == '=' || c == ',' || c == '\n') dots_ = 0;
        if (brackets_ > kMaxNesting || dots_ >= kMaxNesting)
            fail("CF-CFG-07",
                 fmt::format("{}:{}: nested deeper than {} levels", name_, line_, kMaxNesting),
                 "no setting is nested deeper than section.key");
        ++i_;
    }
    void skip_string(char quote)
    {
        std::string const triple(3, quote);
        bool const multi_line = text_.compare(i_, 3, triple) == 0;
        i_ += multi_line ? 3 : 1;
        while (i_ < text_.size()) {
            char const c = text_[i_];
            if (c == '\n') {
                if (!multi_line) return;  // the parser stops here with an error
                ++line_;
            }
            if (c == '\\' && quote == '"') {
                if (i_ + 1 < text_.size() && text_[i_ + 1] == '\n') ++line_;
                i_ += 2;
                continue;
            }
            if (c == quote && (!multi_line || text_.compare(i_, 3, triple) == 0)) {
                i_ += multi_line ? 3 : 1;
                for (int extra = 0; multi_line && extra < 2 && i_ < text_.size(); ++extra)
                    if (text_[i_] == quote) ++i_;  // up to two quotes may end the text itself
                return;
            }
            ++i_;
        }
    }

    std::string const& text_;
    std::string const& name_;
    std::size_t i_ = 0;
    int line_ = 1;
    int brackets_ = 0;
    int dots_ = 0;
};

toml::table parse(std::string const& text, std::string const& name)
{
    NestingCheck(text, name).run();
    try {
        return toml::parse(text, name);
    } catch (toml::parse_error const& e) {
        auto const& at = e.source().begin;
        std::string const why(e.description());
        bool const twice = why.find("cannot redefine") != std::string::npos;
        std::string const escaped = quoted(why, 300);
        fail(twice ? "CF-CFG-05" : "CF-CFG-01",
             fmt::format("{}:{}:{}: {}", name, at.line, at.column,
                         escaped.substr(1, escaped.size() - 2)),
             twice ? "keep one of the two"
                   : "texts need quotes; `calofuse config dump` shows the form");
    }
}

OptionValue value_of(toml::node const& node, OptionSpec const& spec, std::string const& where)
{
    if (auto const* b = node.as_boolean()) return b->get();
    if (auto const* i = node.as_integer()) return i->get();
    if (auto const* d = node.as_floating_point()) return d->get();
    if (auto const* s = node.as_string()) return s->get();
    fail("CF-CFG-03", fmt::format("{}: {} must be a single value", where, spec.key), spec.help);
}

struct FileReader {
    Schema const& schema;
    std::string const& name;
    Options& options;

    void read(toml::table const& table, std::string const& prefix) const
    {
        for (auto const& [key, node] : table) {
            auto const& at = key.source().begin;
            std::string const where = fmt::format("{}:{}:{}", name, at.line, at.column);
            std::string const part(key.str());
            std::string const path = prefix.empty() ? part : prefix + "." + part;
            bool const plain = part.find('.') == std::string::npos;
            if (plain && schema.is_section(path)) {
                toml::table const* const section = node.as_table();
                if (section == nullptr)
                    fail("CF-CFG-03", fmt::format("{}: {} is a section", where, path),
                         "write [" + path + "] and its keys below");
                read(*section, path);
                continue;
            }
            if (!plain)
                fail("CF-CFG-02", fmt::format("{}: unknown key {}", where, quoted(path)),
                     "dots join section and key only outside quotes");
            if (schema.is_ignored(path)) continue;
            OptionSpec const& spec = schema.at(path, where);
            options.set(path, checked(spec, value_of(node, spec, where), where));
        }
    }
};

// ------------------------------------------------------------------ environment, command line
std::string variable_of(std::string const& key)
{
    std::string name(kPrefix);
    for (char const c : key)
        name += c == '.' || c == '-'
                    ? '_'
                    : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return name;
}

void read_environment(OptionSchema const& specs,
                      std::vector<std::string> const& ignored,
                      char const* const* variables,
                      Options& options)
{
    std::map<std::string, OptionSpec const*> known;  // null: ignored
    std::vector<std::string> names;
    for (OptionSpec const& spec : specs) {
        names.push_back(variable_of(spec.key));
        known.emplace(names.back(), &spec);
    }
    for (std::string const& key : ignored) {
        names.push_back(variable_of(key));
        known.emplace(names.back(), nullptr);
    }
    for (; *variables != nullptr; ++variables) {
        std::string const variable = *variables;
        std::size_t const equals = variable.find('=');
        std::string const name = variable.substr(0, equals);
        bool const ours = name.compare(0, kPrefix.size(), kPrefix) == 0;
        bool const other = std::find(std::begin(kNoSettings), std::end(kNoSettings), name)
                           != std::end(kNoSettings);
        if (!ours || other || equals == std::string::npos) continue;
        auto const found = known.find(name);
        if (found == known.end()) {
            std::string const close = nearest(name, names);
            warn_once(fmt::format("environment variable {} is no setting and is ignored{}",
                                  quoted(name),
                                  close.empty() ? "" : "; did you mean " + close + "?"));
            continue;
        }
        if (found->second == nullptr) continue;
        OptionSpec const& spec = *found->second;
        std::string const where = "environment variable " + name;
        options.set(spec.key,
                    checked(spec, read_value(spec, variable.substr(equals + 1), where), where));
    }
}

struct Given {
    std::string where;
    OptionValue value;
};

void read_command_line(Schema const& schema, ConfigSources const& sources, Options& options)
{
    std::map<std::string, Given> given;
    auto const give = [&](OptionSpec const& spec, OptionValue raw, std::string const& where) {
        auto const* text = std::get_if<std::string>(&raw);
        if (text != nullptr) raw = read_value(spec, std::string(*text), where);
        OptionValue const value = checked(spec, raw, where);
        auto const [before, fresh] = given.emplace(spec.key, Given{where, value});
        if (!fresh && before->second.value != value)
            fail("CF-CFG-05",
                 fmt::format("{}: {} is given another value by {}", where, spec.key,
                             before->second.where),
                 "keep one of the two");
        options.set(spec.key, value);
    };
    for (std::string const& set : sources.sets) {
        std::string const where = "--set " + quoted(set);
        std::size_t const equals = set.find('=');
        if (equals == 0 || equals == std::string::npos)
            fail("CF-CFG-08", where + ": wanted section.key=value", "e.g. --set train.epochs=10");
        std::string const key = set.substr(0, equals);
        if (schema.is_ignored(key))
            warn_once(fmt::format("{}: of other commands, without effect here", where));
        else
            give(schema.at(key, where), set.substr(equals + 1), where);
    }
    for (auto const& [key, value] : sources.command_line) {
        std::string const where = "command line";
        give(schema.at(key, where), value, where);
    }
}
}  // namespace

Options resolve_options(OptionSchema const& schema, ConfigSources const& sources)
{
    Schema const known(schema, sources.ignored);
    Options options(schema);
    if (!sources.file.empty()) {
        std::string const escaped = quoted(sources.file);
        std::string const name = escaped.substr(1, escaped.size() - 2);
        FileReader{known, name, options}.read(parse(read_file(sources.file), name), "");
    }
    read_environment(schema, sources.ignored,
                     sources.environment != nullptr ? sources.environment : ::environ, options);
    read_command_line(known, sources, options);
    return options;
}
}  // namespace calofuse
