/// \file tests/support/xml_check.hpp
/// A small check that text is well-formed XML, as strict as our own writers need, and what is in it.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace calofuse::test {
/// What a scan of the markup found; `error` is empty when it is well formed.
struct XmlScan {
    std::string error;
    std::map<std::string, int> elements;  ///< how often each element occurs
    std::vector<std::string> texts;       ///< character data between tags, white space trimmed
};

namespace detail {
inline bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'
           || c == ':' || c == '_';
}

/// Every & must start one of the escapes that the writers use.
inline bool escapes_are_fine(std::string_view s)
{
    for (std::size_t i = s.find('&'); i != s.npos; i = s.find('&', i + 1)) {
        bool known = false;
        for (std::string_view const e : {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"})
            known = known || s.substr(i, e.size()) == e;
        if (!known) return false;
    }
    return true;
}

/// Attributes `name="value"`, each name once. Returns an error or nothing.
inline std::string check_attributes(std::string_view s)
{
    std::set<std::string> seen;
    std::size_t i = 0;
    while (i < s.size()) {
        if (s[i] != ' ' && s[i] != '\n') return "no space before an attribute";
        while (i < s.size() && (s[i] == ' ' || s[i] == '\n'))
            ++i;
        std::size_t const name = i;
        while (i < s.size() && is_name(s[i]))
            ++i;
        if (i == name) return i == s.size() ? "" : "attribute without a name";
        if (!seen.insert(std::string(s.substr(name, i - name))).second) return "attribute twice";
        if (s.substr(i, 2) != "=\"") return "attribute without a quoted value";
        std::size_t const end = s.find('"', i + 2);
        if (end == s.npos) return "value without an end";
        std::string_view const value = s.substr(i + 2, end - i - 2);
        if (value.find('<') != value.npos || !escapes_are_fine(value)) return "value not escaped";
        i = end + 1;
    }
    return "";
}
}  // namespace detail

/// `void_elements`: those that HTML leaves open, e.g. "meta".
inline XmlScan scan_xml(std::string_view s, std::set<std::string> const& void_elements = {})
{
    XmlScan out;
    std::vector<std::string> open;
    std::size_t i = 0;
    while (i < s.size()) {
        std::size_t const tag = std::min(s.find('<', i), s.size());
        std::string_view text = s.substr(i, tag - i);
        bool const style = !open.empty() && open.back() == "style";
        if (!style && (text.find('>') != text.npos || !detail::escapes_are_fine(text))) {
            out.error = "text not escaped: " + std::string(text.substr(0, 60));
            return out;
        }
        while (!text.empty() && (text.front() == ' ' || text.front() == '\n'))
            text.remove_prefix(1);
        while (!text.empty() && (text.back() == ' ' || text.back() == '\n'))
            text.remove_suffix(1);
        if (!text.empty()) out.texts.emplace_back(text);
        if (tag == s.size()) break;
        std::size_t const end = s.find('>', tag);
        if (end == s.npos) {
            out.error = "tag without an end";
            return out;
        }
        std::string_view inner = s.substr(tag + 1, end - tag - 1);
        i = end + 1;
        if (inner.starts_with("?") || inner.starts_with("!")) continue;
        if (inner.starts_with("/")) {
            if (open.empty() || open.back() != inner.substr(1)) {
                out.error = "unexpected </" + std::string(inner.substr(1)) + ">";
                return out;
            }
            open.pop_back();
            continue;
        }
        bool const closed = inner.ends_with("/");
        if (closed) inner.remove_suffix(1);
        auto const name_end = std::find_if_not(inner.begin(), inner.end(), detail::is_name);
        std::string const name(inner.begin(), name_end);
        ++out.elements[name];
        if (std::string const bad = detail::check_attributes(inner.substr(name.size()));
            !bad.empty()) {
            out.error = bad + " in <" + std::string(inner.substr(0, 80)) + ">";
            return out;
        }
        if (!closed && void_elements.count(name) == 0) open.push_back(name);
    }
    if (!open.empty()) out.error = "<" + open.back() + "> is never closed";
    return out;
}
}  // namespace calofuse::test
