// See text.hpp.
#include "tests/emulator/src/text.hpp"

#include <cstdlib>

namespace calofuse::emulator {

vector<string> split_words(string const& s)
{
    vector<string> v;
    size_t i = 0;
    while (i < s.size()) {
        while (i < s.size() && isspace(static_cast<unsigned char>(s[i])))
            ++i;
        size_t b = i;
        while (i < s.size() && !isspace(static_cast<unsigned char>(s[i])))
            ++i;
        if (i > b) v.push_back(s.substr(b, i - b));
    }
    return v;
}

vector<string> split_operands(string const& s)
{
    vector<string> v;
    string current;
    int depth = 0;
    for (char c : s) {
        if (c == '{' || c == '[' || c == '(') ++depth;
        if (c == '}' || c == ']' || c == ')') --depth;
        if (c == ',' && depth == 0) {
            v.push_back(trim(current));
            current.clear();
        } else
            current += c;
    }
    if (!trim(current).empty()) v.push_back(trim(current));
    return v;
}

vector<string> split_dots(string const& s)
{
    vector<string> v;
    size_t b = 0;
    for (size_t i = 0; i <= s.size(); ++i)
        if (i == s.size() || s[i] == '.') {
            v.push_back(s.substr(b, i - b));
            b = i + 1;
        }
    return v;
}

u32 type_bytes(string_view t)
{
    if (t == "b8" || t == "u8" || t == "s8" || t == "e4m3" || t == "e5m2") return 1;
    if (t == "b16" || t == "u16" || t == "s16" || t == "f16" || t == "bf16") return 2;
    if (t == "b32" || t == "u32" || t == "s32" || t == "f32" || t == "f16x2" || t == "bf16x2"
        || t == "tf32")
        return 4;
    if (t == "b64" || t == "u64" || t == "s64" || t == "f64") return 8;
    if (t == "b128") return 16;
    return 0;
}

std::optional<u64> parse_number(string const& text, string_view type)
{
    string s = trim(text);
    if (s.empty()) return {};
    u32 const bytes = type_bytes(type);
    auto hex = [&](size_t digits) -> std::optional<u64> {
        if (s.size() != 2 + digits) return {};
        char* end = nullptr;
        u64 const v = strtoull(s.c_str() + 2, &end, 16);
        if (*end) return {};
        return v;
    };
    if (s.size() > 2 && s[0] == '0' && (s[1] == 'f' || s[1] == 'F')) {
        auto const v = hex(8);
        if (v && type == "f64") return std::bit_cast<u64>(f64(std::bit_cast<f32>(u32(*v))));
        return v;
    }
    if (s.size() > 2 && s[0] == '0' && (s[1] == 'd' || s[1] == 'D')) {
        auto const v = hex(16);
        if (v && type == "f32") return std::bit_cast<u32>(f32(std::bit_cast<f64>(*v)));
        return v;
    }
    bool negative = false;
    if (s[0] == '-' || s[0] == '+') {
        negative = s[0] == '-';
        s = trim(s.substr(1));
    }
    if (s.empty() || !isdigit(static_cast<unsigned char>(s[0]))) return {};
    char* end = nullptr;
    if ((type == "f32" || type == "f64") && s.find_first_of(".eE") != string::npos
        && s.rfind("0x", 0) != 0) {
        f64 d = strtod(s.c_str(), &end);
        if (*end) return {};
        if (negative) d = -d;
        return type == "f32" ? std::bit_cast<u32>(f32(d)) : std::bit_cast<u64>(d);
    }
    if (s.back() == 'U') s.pop_back();
    u64 v = s.rfind("0b", 0) == 0 || s.rfind("0B", 0) == 0 ? strtoull(s.c_str() + 2, &end, 2)
                                                           : strtoull(s.c_str(), &end, 0);
    if (*end) return {};
    if (type == "f32" || type == "f64") {  // integer literal for a floating-point operand
        f64 const d = negative ? -f64(v) : f64(v);
        return type == "f32" ? std::bit_cast<u32>(f32(d)) : std::bit_cast<u64>(d);
    }
    if (negative) v = 0 - v;
    if (bytes && bytes < 8) v &= (1ull << bytes * 8) - 1;
    return v;
}

Variable parse_variable(string const& declaration)
{
    Variable v;
    string const head = trim(declaration.substr(0, declaration.find('=')));
    auto words = split_words(head);
    for (size_t i = 0; i < words.size(); ++i) {
        string const& w = words[i];
        if (w == ".align" && i + 1 < words.size()) {
            v.alignment = u32(atoi(words[++i].c_str()));
        } else if (w.size() > 1 && w[0] == '.') {
            if (type_bytes(w.substr(1))) v.type = w.substr(1), v.element = type_bytes(v.type);
            if (w == ".v2" || w == ".v4") v.bytes = w == ".v2" ? 2 : 4;
        }
    }
    u32 vector_width = v.bytes ? v.bytes : 1;
    v.bytes = 0;
    // the name may be separated from its dimensions by blanks
    size_t open = head.find('[');
    string before = trim(head.substr(0, open));
    size_t const last = before.find_last_of(" \t\n");
    v.name = last == string::npos ? before : before.substr(last + 1);
    u64 count = vector_width;
    while (open != string::npos) {
        size_t const close = head.find(']', open);
        string const n = trim(head.substr(open + 1, close - open - 1));
        if (n.empty())
            v.unsized = true;
        else
            count *= strtoull(n.c_str(), nullptr, 0);
        open = head.find('[', close);
    }
    if (v.unsized) {  // the initialiser gives the size
        size_t const eq = declaration.find('=');
        if (eq != string::npos) {
            count = 1;
            for (char c : declaration.substr(eq))
                count += c == ',';
            v.unsized = false;
        } else
            count = 0;
    }
    v.bytes = u32(count * v.element);
    v.alignment = std::max(v.alignment, v.element);
    return v;
}

namespace {
// positions of the name of a function in its header
std::pair<size_t, size_t> name_range(string const& h)
{
    size_t p = h.find(".entry");
    if (p != string::npos)
        p += 6;
    else {
        p = h.find(".func") + 5;
        while (p < h.size() && isspace(static_cast<unsigned char>(h[p])))
            ++p;
        while (h.compare(p, 10, ".noreturn ") == 0)
            p += 10;
        while (p < h.size() && isspace(static_cast<unsigned char>(h[p])))
            ++p;
        if (p < h.size() && h[p] == '(') p = h.find(')', p) + 1;
    }
    while (p < h.size() && isspace(static_cast<unsigned char>(h[p])))
        ++p;
    size_t e = p;
    while (e < h.size() && !isspace(static_cast<unsigned char>(h[e])) && h[e] != '(' && h[e] != ';')
        ++e;
    return {p, e};
}
}  // namespace

string function_name(string const& h)
{
    auto const [b, e] = name_range(h);
    return h.substr(b, e - b);
}

vector<Variable> parameter_list(string const& h, bool result)
{
    auto const [b, e] = name_range(h);
    size_t open;
    if (result) {
        open = h.find('(');
        if (open == string::npos || open > b) return {};
    } else {
        open = h.find('(', e);
        if (open == string::npos) return {};
    }
    size_t const close = h.find(')', open);
    vector<Variable> v;
    for (string const& p : split_operands(h.substr(open + 1, close - open - 1)))
        v.push_back(parse_variable(p));
    return v;
}

}  // namespace calofuse::emulator
