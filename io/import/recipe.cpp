#include "io/import/recipe.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>
#include <toml++/toml.h>

#include "io/input_file.hpp"
#include "runtime/error.hpp"
#include "runtime/nearest.hpp"

namespace calofuse::recipe {
namespace {
constexpr std::int64_t kMaxFileBytes = 1 << 20;

[[noreturn]] void fail(char const* number,
                       std::string const& where,
                       std::string const& what,
                       std::string const& hint)
{
    throw Error(Exit::config, std::string("CF-REC-") + number, where + ": " + what, hint);
}

/// A table of the file with known keys; what it gives has its type checked.
class Section {
  public:
    Section(toml::table const& table,
            std::string path,
            std::string title,
            std::vector<std::string> const& known)
        : table_(table), path_(std::move(path)), title_(std::move(title))
    {
        for (auto const& [key, node] : table_) {
            std::string const name(key.str());
            if (std::find(known.begin(), known.end(), name) != known.end()) continue;
            std::string const close = nearest(name, known);
            fail("02", where(&node), "unknown key " + quoted(name, 60),
                 close.empty() ? fmt::format("keys are {}", fmt::join(known, ", "))
                               : "did you mean " + close + "?");
        }
    }
    std::string where(toml::node const* node = nullptr) const
    {
        auto const line = (node == nullptr ? table_.source() : node->source()).begin.line;
        return quoted(path_, 80) + (line > 0 ? fmt::format(" line {}", line) : "")
               + (title_.empty() ? "" : ", " + title_);
    }
    bool has(char const* key) const { return table_.get(key) != nullptr; }
    toml::node const* get(char const* key) const { return table_.get(key); }

    template <class T>
    T one(char const* key, T fallback, char const* wanted) const
    {
        toml::node const* const node = table_.get(key);
        return node == nullptr ? fallback : of<T>(*node, key, wanted);
    }
    std::string text(char const* key) const { return one<std::string>(key, "", "a text"); }
    /// A list; a single value counts as a list of one.
    template <class T>
    std::vector<T> list(char const* key, char const* wanted) const
    {
        toml::node const* const node = table_.get(key);
        std::vector<T> out;
        if (node == nullptr) return out;
        toml::array const* const array = node->as_array();
        if (array == nullptr) return {of<T>(*node, key, wanted)};
        for (toml::node const& element : *array)
            out.push_back(of<T>(element, key, wanted));
        if (out.empty()) fail("03", where(node), fmt::format("{} is an empty list", key), wanted);
        return out;
    }
    std::vector<std::string> texts(char const* key) const
    {
        return list<std::string>(key, "a text, or a list of texts");
    }
    template <class T>
    T of(toml::node const& node, char const* key, char const* wanted) const
    {
        std::optional<T> const value = [&]() -> std::optional<T> {
            if constexpr (std::is_same_v<T, double>)
                return node.value<double>();  // whole numbers too
            else
                return node.value_exact<T>();
        }();
        if (!value) fail("03", where(&node), fmt::format("{} must be {}", key, wanted), wanted);
        return *value;
    }

  private:
    toml::table const& table_;
    std::string path_, title_;
};

bool is_word(std::string_view text)
{
    auto const letter = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    };
    return !text.empty() && text.size() <= 60 && letter(text[0])
           && std::all_of(text.begin(), text.end(),
                          [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

/// "column 'image'", or what the table is where its name is missing.
std::string title_of(toml::table const& table, char const* kind)
{
    auto const name = table["name"].value_exact<std::string>();
    return name && !name->empty() ? fmt::format("{} {}", kind, quoted(*name, 60))
                                  : fmt::format("[[{}]]", kind);
}

std::optional<DType> dtype_of(Section const& section)
{
    if (!section.has("dtype")) return std::nullopt;
    std::string const text = section.text("dtype");
    for (DType const type : {DType::u8, DType::u16, DType::i32, DType::i64, DType::f32})
        if (text == name_of(type)) return type;
    fail("03", section.where(section.get("dtype")), "dtype " + quoted(text, 40),
         "u8, u16, i32, i64 or f32");
}

Value value_of(Section const& section)
{
    Value out;
    toml::node const* const node = section.get("value");
    if (node == nullptr) return out;
    constexpr char const* kWanted = "a number, a list of numbers, or { \"folder/*\" = number }";
    if (toml::table const* const table = node->as_table()) {
        for (auto const& [pattern, number] : *table)
            out.by_file.emplace_back(pattern.str(), section.of<double>(number, "value", kWanted));
    } else if (node->is_array()) {
        out.by_array = section.list<double>("value", kWanted);
    } else {
        out.all = section.of<double>(*node, "value", kWanted);
    }
    return out;
}

std::vector<Kinematic> kinematics_named(Section const& section)
{
    std::vector<Kinematic> out;
    for (std::string const& name : section.texts("kinematics")) {
        auto const* const found =
            std::find(std::begin(kKinematicNames), std::end(kKinematicNames), name);
        if (found == std::end(kKinematicNames))
            fail("03", section.where(section.get("kinematics")), "kinematics " + quoted(name, 40),
                 fmt::format("{}", fmt::join(kKinematicNames, ", ")));
        out.push_back(static_cast<Kinematic>(found - std::begin(kKinematicNames)));
    }
    return out;
}

/// `p4` names one array with E, px, py, pz in its last axis, or four arrays.
void take_four_momenta(ColumnRecipe& column, Section const& section)
{
    if (column.kinematics.empty() != !section.has("p4"))
        fail("04", section.where(), "`p4` and `kinematics` go together",
             "p4 = the four-momenta, kinematics = [\"deta\", \"dphi\"] what to make of them");
    if (column.kinematics.empty()) return;
    for (char const* const key : {"array", "stack", "value", "classes", "names", "shape", "dtype"})
        if (section.has(key))
            fail("04", section.where(), fmt::format("`kinematics` goes with no `{}`", key),
                 "`p4` names the arrays, `kinematics` the numbers of a row; they are f32");
    std::vector<std::string> const arrays = section.texts("p4");
    if (arrays.size() != 1 && arrays.size() != 4)
        fail("04", section.where(section.get("p4")), fmt::format("p4 of {} arrays", arrays.size()),
             "one array (rows, 4) of E, px, py, pz, or four arrays in this order");
    (arrays.size() == 1 ? column.array.names : column.stack) = arrays;
    for (Kinematic const k : column.kinematics)
        column.names.emplace_back(kKinematicNames[static_cast<int>(k)]);
}

ArrayName array_of(Section const& section, char const* key)
{
    return {section.text("file"), section.texts(key)};
}

void check_column(ColumnRecipe const& column, Section const& section)
{
    auto const contradict = [&](bool wrong, std::string const& what, char const* hint) {
        if (wrong) fail("04", section.where(), what, hint);
    };
    std::size_t const dot = column.name.find('.');
    bool const ragged = dot != std::string::npos;
    if (!is_word(column.name.substr(0, dot)) || (ragged && !is_word(column.name.substr(dot + 1))))
        fail("05", section.where(), "a name is made of letters, digits and _",
             "e.g. image, or particles.x in the table particles");
    std::string const last = ragged ? column.name.substr(dot + 1) : column.name;
    if (last == "start" || (!ragged && (last == "file_id" || last == "event_index")))
        fail("05", section.where(), "this name is the store's own", "choose another one");
    bool const from_array = column.array.given() || !column.stack.empty();
    contradict(column.value.given() && (from_array || ragged || column.constant),
               "`value` goes with no array, no table and no constant", "keep one of them");
    contradict(!column.array.names.empty() && !column.stack.empty(),
               "both `array` and `stack` are given", "keep one of them");
    contradict(!column.stack.empty() && (!column.transpose.empty() || !column.pick.empty()),
               "`stack` goes with neither `transpose` nor `pick`", "list the arrays as wanted");
    contradict(!column.names.empty() && !column.classes.empty(),
               "both `names` and `classes` are given", "`classes` are names of the values");
    contradict(!column.classes.empty() && column.dtype == DType::f32,
               "classes are whole numbers, dtype is f32", "leave dtype out");
    contradict(!column.map.empty() && (column.classes.empty() || column.value.given()),
               "`map` goes with `classes` and an array",
               "map = [0, 0, 1]: the class of the numbers 0, 1, 2 of the file");
    for (std::int64_t const to : column.map)
        contradict(to < 0 || to >= std::ssize(column.classes),
                   fmt::format("map to {}, which is none of {} classes", to, column.classes.size()),
                   "one class for each of the numbers 0, 1, .. of the file");
    contradict(!column.kinematics.empty() && !ragged,
               "kinematics of a column that is in no ragged table",
               "the jet is the sum of the rows of a [[table]]: name = \"particles.x\"");
    contradict(ragged && column.constant, "a constant is in no table", "name it without a dot");
    contradict(!column.store && (ragged || column.constant),
               "`store = false` is for numbers of events that `select` reads", "leave it out");
}

ColumnRecipe column_of(toml::table const& table, std::string const& path)
{
    Section const section(
        table, path, title_of(table, "column"),
        {"name", "file", "array", "stack", "value", "dtype", "unit", "names", "classes", "map",
         "p4", "kinematics", "transpose", "pick", "shape", "constant", "store"});
    constexpr char const* kAxes = "a list of whole numbers";
    ColumnRecipe out;
    out.name = section.text("name");
    if (out.name.empty()) fail("04", section.where(), "has no name", "name = \"image\"");
    out.where = section.where();
    out.array = array_of(section, "array");
    out.stack = section.texts("stack");
    out.value = value_of(section);
    out.dtype = dtype_of(section);
    out.unit = section.text("unit");
    out.names = section.texts("names");
    out.classes = section.texts("classes");
    out.map = section.list<std::int64_t>("map", "a list of numbers of classes");
    out.kinematics = kinematics_named(section);
    out.transpose = section.list<std::int64_t>("transpose", kAxes);
    out.pick = section.list<std::int64_t>("pick", kAxes);
    out.shape = section.list<std::int64_t>("shape", kAxes);
    out.constant = section.one("constant", false, "true or false");
    out.store = section.one("store", true, "true or false");
    take_four_momenta(out, section);
    check_column(out, section);
    if (out.names.empty() && out.stack.size() > 1) out.names = out.stack;
    return out;
}

TableRecipe table_of(toml::table const& table, std::string const& path)
{
    Section const section(
        table, path, title_of(table, "table"),
        {"name", "file", "starts", "counts", "mask", "pad", "array", "feature", "padded"});
    TableRecipe out;
    out.name = section.text("name");
    out.where = section.where();
    if (!is_word(out.name))
        fail("05", section.where(), "a name is made of letters, digits and _", "name = \"hits\"");
    auto const take = [&](char const* key) {
        return section.has(key) ? array_of(section, key) : ArrayName();
    };
    out.starts = take("starts");
    out.counts = take("counts");
    out.mask = take("mask");
    out.pad_array = take("array");
    out.pad = section.one("pad", 0.0, "a number");
    out.feature = section.one("feature", std::int64_t{0}, "a whole number");
    int const ways =
        section.has("starts") + section.has("counts") + section.has("mask") + section.has("pad");
    if (ways != 1)
        fail("04", section.where(), fmt::format("{} of starts, counts, mask and pad", ways),
             "one of them says which rows belong to an event");
    if (section.has("pad") && out.pad_array.names.empty())
        fail("04", section.where(), "`pad` needs `array`", "array = the padded array to look at");
    if (!section.has("pad") && (section.has("array") || section.has("feature")))
        fail("04", section.where(), "`array` and `feature` go with `pad`", "leave them out");
    bool const always = section.has("mask") || section.has("pad");
    out.padded = section.one("padded", always, "true or false");
    if (section.has("padded") && (always || section.has("starts")))
        fail("04", section.where(), "`padded` goes with `counts`", "leave it out");
    return out;
}

/// "ttv == 0"
Condition condition_of(std::string const& text, std::string const& where)
{
    constexpr std::pair<std::string_view, Compare> kWords[] = {
        {"==", Compare::eq}, {"!=", Compare::ne}, {"<=", Compare::le},
        {">=", Compare::ge}, {"<", Compare::lt},  {">", Compare::gt}};
    auto const trimmed = [](std::string_view s) {
        std::size_t const begin = s.find_first_not_of(' ');
        return begin == std::string_view::npos
                   ? std::string_view()
                   : s.substr(begin, s.find_last_not_of(' ') - begin + 1);
    };
    for (auto const& [word, compare] : kWords) {
        std::size_t const at = text.find(word);
        if (at == std::string::npos) continue;
        std::string_view const left = trimmed(std::string_view(text).substr(0, at));
        std::string_view const right = trimmed(std::string_view(text).substr(at + word.size()));
        Condition out{std::string(left), compare, 0};
        auto const [end, error] =
            std::from_chars(right.data(), right.data() + right.size(), out.number);
        if (is_word(left) && error == std::errc() && end == right.data() + right.size()) return out;
        break;
    }
    fail("06", where, fmt::format("select {} is no comparison", quoted(text, 60)),
         "a column, one of == != < <= > >=, and a number; several in a list must all hold");
}

template <class T>
void check_names(std::vector<T> const& items)
{
    std::set<std::string> seen;
    for (T const& item : items)
        if (!seen.insert(item.name).second)
            fail("05", item.where, "this name stands twice", "give every one a name of its own");
}

void check_recipe(Recipe const& recipe, Section const& section)
{
    if (recipe.columns.empty())
        fail("04", section.where(), "has no [[column]]", "one per column of the store");
    check_names(recipe.columns);
    check_names(recipe.tables);
    for (ColumnRecipe const& column : recipe.columns) {
        std::size_t const dot = column.name.find('.');
        if (dot == std::string::npos) continue;
        std::string const table = column.name.substr(0, dot);
        if (std::none_of(recipe.tables.begin(), recipe.tables.end(),
                         [&](TableRecipe const& t) { return t.name == table; }))
            fail("04", column.where, fmt::format("there is no [[table]] {}", quoted(table, 60)),
                 "a [[table]] says which rows belong to an event");
    }
    for (Condition const& condition : recipe.select) {
        std::vector<std::string> names;
        for (ColumnRecipe const& column : recipe.columns)
            if (column.name.find('.') == std::string::npos) names.push_back(column.name);
        if (std::find(names.begin(), names.end(), condition.column) == names.end())
            fail("06", section.where(section.get("select")),
                 fmt::format("select names no column of events: {}", quoted(condition.column, 60)),
                 fmt::format("they are {}; with `store = false` one is for select only",
                             fmt::join(names, ", ")));
    }
}

template <class F>
void for_each_table(Section const& section, char const* key, F&& f)
{
    toml::node const* const node = section.get(key);
    if (node == nullptr) return;
    toml::array const* const array = node->as_array();
    std::string const wanted = fmt::format("[[{}]], as often as needed", key);
    if (array == nullptr)
        fail("03", section.where(node), fmt::format("{} is no list", key), wanted);
    for (toml::node const& element : *array) {
        if (!element.is_table())
            fail("03", section.where(&element), fmt::format("{} is no table", key), wanted);
        f(*element.as_table());
    }
}
}  // namespace

Recipe parse_recipe(std::string const& text, std::string const& path)
{
    toml::table table;
    try {
        table = toml::parse(text, path);
    } catch (toml::parse_error const& e) {
        fail("01", fmt::format("{} line {}", quoted(path, 80), e.source().begin.line),
             std::string(e.description()).substr(0, 200),
             "a recipe is TOML text; see io/README.md");
    }
    Section const section(table, path, "", {"files", "not_finite", "select", "column", "table"});
    Recipe out;
    out.path = path;
    out.files = section.texts("files");
    std::string const not_finite = section.text("not_finite");
    if (!not_finite.empty() && not_finite != "error" && not_finite != "drop")
        fail("03", section.where(section.get("not_finite")),
             "not_finite = " + quoted(not_finite, 40), "error or drop");
    out.not_finite = not_finite == "drop" ? NotFinite::drop : NotFinite::error;
    for (std::string const& condition : section.texts("select"))
        out.select.push_back(condition_of(condition, section.where(section.get("select"))));
    for_each_table(section, "column",
                   [&](toml::table const& t) { out.columns.push_back(column_of(t, path)); });
    for_each_table(section, "table",
                   [&](toml::table const& t) { out.tables.push_back(table_of(t, path)); });
    check_recipe(out, section);
    return out;
}

Recipe read_recipe(std::string const& path)
{
    return parse_recipe(read_file(path, kMaxFileBytes), path);
}
}  // namespace calofuse::recipe
