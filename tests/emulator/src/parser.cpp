// Module level of PTX: cuts the text into functions, variables and file names; decoding of bodies is in decoder.cpp.
#include <cstdlib>
#include <sstream>
#include <unordered_map>

#include "tests/emulator/src/memory.hpp"
#include "tests/emulator/src/program.hpp"
#include "tests/emulator/src/report.hpp"
#include "tests/emulator/src/text.hpp"

namespace calofuse::emulator {
namespace {

std::unordered_map<u64, string>& function_names()
{
    static auto* m = new std::unordered_map<u64, string>;
    return *m;
}

class ModuleParser {
  public:
    explicit ModuleParser(Module& m) : module_(m), src_(m.source) {}

    void run()
    {
        while (skip_blank()) {
            size_t const begin = p_;
            u32 const line = line_;
            if (starts(".version") || starts(".target") || starts(".address_size")) {
                rest_of_line();
                continue;
            }
            if (starts(".file")) {
                file(rest_of_line());
                continue;
            }
            if (starts(".section")) {
                skip_braces();
                continue;
            }
            // one declaration: up to ';', or a body in braces
            string text;
            bool done = false;
            while (p_ < src_.size() && !done) {
                char const c = src_[p_];
                if (comment()) continue;
                if (c == ';') {
                    ++p_;
                    declaration(text);
                    done = true;
                } else if (c == '{' && text.find('=') == string::npos && is_function(text)) {
                    u32 const body_line = line_;
                    size_t const body = p_ + 1;
                    skip_braces();
                    function(text, src_.substr(body, p_ - 1 - body), body_line);
                    done = true;
                } else {
                    text += next();
                }
            }
            if (!done && !trim(text).empty())
                fatal("PTX line " + std::to_string(line)
                      + ": unfinished declaration: " + trim(text).substr(0, 80));
            if (p_ == begin) ++p_;
        }
        resolve_initialisers();
        module_.parsed = true;
    }

  private:
    Module& module_;
    string const& src_;
    size_t p_ = 0;
    u32 line_ = 1;
    struct Patch {
        char* at;
        u32 size;
        string symbol;
    };
    vector<Patch> patches_;

    char next()
    {
        if (src_[p_] == '\n') ++line_;
        return src_[p_++];
    }
    bool starts(char const* s) const { return src_.compare(p_, strlen(s), s) == 0; }
    bool comment()
    {
        if (starts("//")) {
            while (p_ < src_.size() && src_[p_] != '\n')
                ++p_;
            return true;
        }
        if (starts("/*")) {
            while (p_ < src_.size() && !starts("*/"))
                next();
            p_ += 2;
            return true;
        }
        return false;
    }
    bool skip_blank()
    {
        while (p_ < src_.size()) {
            if (isspace(static_cast<unsigned char>(src_[p_])) || src_[p_] == 0)
                next();
            else if (!comment())
                return true;
        }
        return false;
    }
    string rest_of_line()
    {
        size_t const e = std::min(src_.find('\n', p_), src_.size());
        string s = src_.substr(p_, e - p_);
        p_ = e;
        return s;
    }
    void skip_braces()
    {
        while (p_ < src_.size() && src_[p_] != '{')
            next();
        int depth = 0;
        while (p_ < src_.size()) {
            if (comment()) continue;
            if (src_[p_] == '"') {
                next();
                while (p_ < src_.size() && src_[p_] != '"')
                    next();
            }
            char const c = next();
            if (c == '{') ++depth;
            if (c == '}' && --depth == 0) return;
        }
        fatal("PTX: a body has no closing brace");
    }
    static bool is_function(string const& t)
    {
        return t.find(".entry") != string::npos || t.find(".func") != string::npos;
    }

    void file(string const& s)
    {
        size_t const a = s.find('"'), b = s.find('"', a + 1);
        if (b == string::npos) return;
        string path = s.substr(a + 1, b - a - 1);
        if (size_t const slash = path.rfind('/'); slash != string::npos)
            path = path.substr(slash + 1);
        module_.files[atoi(s.c_str() + 5)] = path;
    }

    void function(string const& header, string body, u32 line)
    {
        FunctionText f;
        f.is_kernel = header.find(".entry") != string::npos;
        f.header = header;
        f.body = std::move(body);
        f.first_line = line;
        f.name = function_name(header);
        register_function(std::move(f));
    }
    void register_function(FunctionText f)
    {
        auto old = module_.functions.find(f.name);
        if (old != module_.functions.end() && !old->second.is_extern && f.is_extern) return;
        if (!f.is_kernel && !module_.function_addresses.count(f.name)) {
            u64 const a =
                reinterpret_cast<u64>(new char[16]);  // a unique address that is no device memory
            module_.function_addresses[f.name] = a;
            function_names()[a] = f.name;
        }
        module_.functions[f.name] = std::move(f);
    }

    void declaration(string const& raw)
    {
        string const t = trim(raw);
        if (t.empty()) return;
        if (is_function(t)) {
            FunctionText f;
            f.header = t;
            f.name = function_name(t);
            f.is_extern = true;
            register_function(std::move(f));
            return;
        }
        auto const words = split_words(t.substr(0, t.find('=')));
        auto has = [&](char const* w) {
            return std::find(words.begin(), words.end(), w) != words.end();
        };
        if (has(".shared")) {
            Variable const v = parse_variable(t);
            module_.shared[v.name] = {v.bytes, v.alignment, v.unsized};
        } else if (has(".global") || has(".const")) {
            variable(t);
        }  // .pragma, .alias and the like carry nothing that is executed
    }

    void variable(string const& t)
    {
        Variable const v = parse_variable(t);
        if (module_.globals.count(v.name)) return;
        size_t const bytes = std::max<u64>(v.bytes, 1);
        char* m = static_cast<char*>(aligned_alloc(512, round_up(bytes + 1024, 512))) + 512;
        memset(m, 0, bytes);
        if (size_t const eq = t.find('='); eq != string::npos) {
            string init = trim(t.substr(eq + 1));
            std::erase_if(init, [](char c) {
                return c == '{' || c == '}';
            });  // nested braces list the elements in order
            u32 at = 0;
            for (string const& item : split_operands(init)) {
                if (at + v.element > bytes) break;
                if (isalpha(static_cast<unsigned char>(item[0])) || item[0] == '_'
                    || item[0] == '$')
                    patches_.push_back({m + at, v.element, item});
                else {
                    auto const value = parse_number(item, v.type);
                    if (!value) fatal("PTX: initialiser of " + v.name + ": " + item);
                    memcpy(m + at, &*value, v.element);
                }
                at += v.element;
            }
        }
        module_.globals[v.name] = m;
        module_.global_bytes[v.name] = bytes;
        device_memory().add(m, bytes, MemoryKind::module);
    }

    void resolve_initialisers()
    {
        for (auto& p : patches_) {
            string s = p.symbol;
            s64 offset = 0;
            for (char const* f : {"generic(", "mask("})
                if (s.rfind(f, 0) == 0)
                    s = s.substr(strlen(f)), s.erase(std::remove(s.begin(), s.end(), ')'), s.end());
            if (size_t const plus = s.find('+'); plus != string::npos)
                offset = strtoll(s.c_str() + plus + 1, nullptr, 0), s = trim(s.substr(0, plus));
            u64 value = 0;
            if (auto g = module_.globals.find(s); g != module_.globals.end())
                value = reinterpret_cast<u64>(g->second);
            else if (auto f = module_.function_addresses.find(s);
                     f != module_.function_addresses.end())
                value = f->second;
            else
                fatal("PTX: initialiser refers to unknown symbol " + s);
            value += u64(offset);
            memcpy(p.at, &value, p.size);
        }
    }
};

}  // namespace

string const* function_at(u64 address)
{
    auto f = function_names().find(address);
    return f == function_names().end() ? nullptr : &f->second;
}

void parse_module(Module& m)
{
    ModuleParser(m).run();
}

Kernel* find_kernel(Module& m, string const& name)
{
    if (auto k = m.kernels.find(name); k != m.kernels.end()) return k->second.get();
    auto f = m.functions.find(name);
    if (f == m.functions.end() || !f->second.is_kernel) return nullptr;
    auto k = decode_kernel(m, f->second);
    Kernel* r = k.get();
    m.kernels[name] = std::move(k);
    return r;
}

}  // namespace calofuse::emulator
