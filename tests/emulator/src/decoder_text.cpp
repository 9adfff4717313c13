// The text of a function body: statements, labels, scopes, source lines.
#include <algorithm>

#include "tests/emulator/src/decoder.hpp"

namespace calofuse::emulator {

void KernelDecoder::branch_to(string const& label)
{
    scopes_.back().fixups.push_back({kernel_.code.size(), label, -1, 0});
}

u32 KernelDecoder::branch_table(string const& label)
{
    auto [t, fresh] = tables_.try_emplace(
        label, int(kernel_.branch_tables.size()));  // the table may follow the branch
    if (fresh) kernel_.branch_tables.emplace_back();
    return u32(t->second);
}

/// Takes the label before the colon at src[p], with the ".branchtargets" or ".callprototype" that may follow it; p is then
/// at its last character. False: the colon belongs to something else.
bool KernelDecoder::take_label(string const& label, string const& src, size_t& p)
{
    bool const identifier = !label.empty() && std::all_of(label.begin(), label.end(), [](char q) {
        return isalnum(static_cast<unsigned char>(q)) || q == '_' || q == '$' || q == '%';
    });
    if (!identifier) return false;
    scopes_.back().labels[label] = u32(kernel_.code.size());
    size_t q = p + 1;
    while (q < src.size() && isspace(static_cast<unsigned char>(src[q])))
        ++q;
    bool const targets = src.compare(q, 14, ".branchtargets") == 0;
    if (!targets && src.compare(q, 14, ".callprototype") != 0) return true;
    size_t const end = src.find(';', q);
    if (targets) {
        int const table = int(branch_table(label));
        auto const names = split_operands(src.substr(q + 14, end - q - 14));
        kernel_.branch_tables[size_t(table)].resize(names.size());
        for (size_t i = 0; i < names.size(); ++i)
            scopes_.back().fixups.push_back({0, names[i], table, i});
    }
    p = end;
    return true;
}

/// A body ends with a return; labels that are still unknown are reported when they are jumped to.
void KernelDecoder::end_body()
{
    Instruction end;
    end.flow = current_ == 0 ? Flow::exit : Flow::ret;
    end.line = line_;
    end.text = "ret";
    kernel_.code.push_back(end);
    while (scopes_.size() > 1)
        close_scope();
    for (auto& f : scopes_.back().fixups) {
        Instruction& i = kernel_.code[f.instruction];
        if (f.table >= 0) fatal("PTX of " + kernel_.name + ": unknown label " + f.label);
        i.flow = Flow::normal;
        i.run = not_emulated;
        kernel_.texts.push_back(string(i.text) + "   (unknown label " + f.label + ")");
        i.text = kernel_.texts.back().c_str();
    }
}

void KernelDecoder::body(FunctionText const& t)
{
    scopes_.emplace_back();
    tables_.clear();
    line_ = 0;
    string s;  // the statement so far
    string const& src = t.body;
    bool blank = true;  // it is empty
    auto flush = [&] {
        s.clear();
        blank = true;
    };
    for (size_t p = 0; p < src.size(); ++p) {
        char const c = src[p], next = p + 1 < src.size() ? src[p + 1] : '\0';
        bool const is_location = s.rfind(".loc", 0) == 0;  // ends with its line
        if (c == '/' && next == '/') {
            p = std::min(src.find('\n', p), src.size());
            if (is_location)
                location(trim(s)), flush();
            else if (!blank)
                s += ' ';
        } else if (c == '/' && next == '*') {
            p = src.find("*/", p) + 1;
        } else if (blank && isspace(static_cast<unsigned char>(c))) {
            continue;
        } else if (c == '\n' && is_location) {
            location(trim(s));
            flush();
        } else if (blank && c == '{') {
            scopes_.emplace_back();
        } else if (blank && c == '}') {
            close_scope();
        } else if (c == ':' && next != ':' && (p == 0 || src[p - 1] != ':')
                   && take_label(trim(s), src, p)) {
            flush();
        } else if (c == ';') {
            statement(trim(s));
            flush();
        } else {
            s += isspace(static_cast<unsigned char>(c)) ? ' ' : c;
            blank = false;
        }
    }
    end_body();
}

void KernelDecoder::close_scope()
{
    if (scopes_.size() < 2) return;
    Scope s = std::move(scopes_.back());
    scopes_.pop_back();
    for (auto& f : s.fixups) {
        if (auto l = s.labels.find(f.label); l != s.labels.end()) {
            if (f.table >= 0)
                kernel_.branch_tables[size_t(f.table)][f.entry] = l->second;
            else
                kernel_.code[f.instruction].target = l->second;
        } else
            scopes_.back().fixups.push_back(f);
    }
    if (scopes_.size() == 1) {  // labels of the function's outermost scope
        for (auto& [n, at] : s.labels)
            scopes_.back().labels[n] = at;
        vector<Fixup> rest;
        for (auto& f : scopes_.back().fixups) {
            auto l = scopes_.back().labels.find(f.label);
            if (l == scopes_.back().labels.end())
                rest.push_back(f);
            else if (f.table >= 0)
                kernel_.branch_tables[size_t(f.table)][f.entry] = l->second;
            else
                kernel_.code[f.instruction].target = l->second;
        }
        scopes_.back().fixups = std::move(rest);
    }
}

void KernelDecoder::location(string const& s)
{
    int file = 0, line = 0, at_file = 0, at_line = 0;
    if (sscanf(s.c_str(), ".loc %d %d", &file, &line) != 2) return;
    auto name = [&](int f) {
        auto n = module_.files.find(f);
        return n == module_.files.end() ? "file" + std::to_string(f) : n->second;
    };
    string place = name(file) + ":" + std::to_string(line);
    if (size_t const p = s.find("inlined_at");
        p != string::npos && sscanf(s.c_str() + p, "inlined_at %d %d", &at_file, &at_line) == 2)
        place += " (inlined at " + name(at_file) + ":" + std::to_string(at_line) + ")";
    auto [known, fresh] = kernel_.line_index.try_emplace(place, u32(kernel_.lines.size()));
    if (fresh) kernel_.lines.push_back({place});
    line_ = known->second;
}

void KernelDecoder::statement(string const& s)
{
    if (s.empty()) return;
    if (s[0] == '.') return directive(s);
    instruction(s);
}

}  // namespace calofuse::emulator
