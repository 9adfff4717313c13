// Decodes kernels and the functions they reach: variables, registers, instructions.
#include "tests/emulator/src/decoder.hpp"

#include <algorithm>
#include <cstdlib>

#include "tests/emulator/src/report.hpp"

namespace calofuse::emulator {
namespace {

std::unordered_map<string, OpDecoder> const& op_table()
{
    static auto const table = [] {
        std::unordered_map<string, OpDecoder> t;
        register_arithmetic_ops(t);
        register_bit_ops(t);
        register_logic_ops(t);
        register_compare_ops(t);
        register_move_ops(t);
        register_float_ops(t);
        register_half_ops(t);
        register_convert_ops(t);
        register_memory_ops(t);
        register_address_ops(t);
        register_atomic_ops(t);
        register_warp_ops(t);
        register_matrix_ops(t);
        register_async_ops(t);
        register_control_ops(t);
        return t;
    }();
    return table;
}

}  // namespace

KernelDecoder::Symbol const* KernelDecoder::find(string const& name)
{
    for (size_t i = scopes_.size(); i-- > 0;)
        if (auto s = scopes_[i].symbols.find(name); s != scopes_[i].symbols.end())
            return &s->second;
    if (auto s = shared_.find(name); s != shared_.end()) return &s->second;
    if (auto g = module_.globals.find(name); g != module_.globals.end()) {
        scopes_.front().symbols[name] = {Symbol::global, reinterpret_cast<u64>(g->second),
                                         u32(module_.global_bytes[name]), ""};
        return &scopes_.front().symbols[name];
    }
    if (auto f = module_.function_addresses.find(name); f != module_.function_addresses.end()) {
        scopes_.front().symbols[name] = {Symbol::function, f->second, 8, ""};
        return &scopes_.front().symbols[name];
    }
    return nullptr;
}

u32 KernelDecoder::allocate_row(u32 bytes)
{
    u32 const o = function().register_bytes;
    function().register_bytes += (bytes < 4 ? 4 : bytes) * kWarpSize;
    return o;
}

u32 KernelDecoder::immediate_row(u64 value, bool wide)
{
    auto& known = wide ? imm64_ : imm32_;
    if (!wide) value = u32(value);
    if (auto k = known.find(value); k != known.end()) return k->second;
    u32 const o = allocate_row(wide ? 8 : 4);
    if (wide)
        function().imm64.push_back({o, value});
    else
        function().imm32.push_back({o, u32(value)});
    return known[value] = o;
}

u32 KernelDecoder::special_row(string const& name)
{
    if (auto k = specials_.find(name); k != specials_.end()) return k->second;
    auto const r = find_special_register(name);
    if (!r) throw NotEmulated("special register " + name);
    u32 const o = allocate_row(8);
    function().special.push_back({o, *r});
    return specials_[name] = o;
}

u32 KernelDecoder::function_index(string const& name)
{
    if (auto f = function_indices_.find(name); f != function_indices_.end()) return f->second;
    auto t = module_.functions.find(name);
    if (t == module_.functions.end()) throw NotEmulated("call of unknown function " + name);
    if (t->second.is_extern)
        throw NotEmulated("call of external function " + name
                          + " (separate compilation, -rdc, is not supported)");
    kernel_.functions.emplace_back();
    kernel_.functions.back().name = name;
    queue_.push_back(&t->second);
    return function_indices_[name] = u32(kernel_.functions.size() - 1);
}

void KernelDecoder::all_functions()
{
    for (auto& [name, f] : module_.functions)
        if (!f.is_kernel && !f.is_extern) function_index(name);
}

u32 KernelDecoder::add_call(CallSite c)
{
    kernel_.calls.push_back(std::move(c));
    return u32(kernel_.calls.size() - 1);
}

void KernelDecoder::layout_shared()
{
    // Module-scope variables that the kernel or any function of the module may use: those named in the text of a reachable body.
    std::vector<FunctionText const*> todo = {text_};
    std::map<string, bool> seen;
    string all = text_->body;
    for (auto& [name, f] : module_.functions)
        if (!f.is_kernel && !f.is_extern && !module_.shared.empty()) all += f.body;
    auto used = [&](string const& name) {
        for (size_t p = all.find(name); p != string::npos; p = all.find(name, p + 1)) {
            auto word = [](char c) {
                return isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$';
            };
            if ((p == 0 || !word(all[p - 1]))
                && (p + name.size() >= all.size() || !word(all[p + name.size()])))
                return true;
        }
        return false;
    };
    for (auto& [name, v] : module_.shared) {
        if (!used(name)) continue;
        if (v.dynamic || v.bytes == 0) {
            dynamic_names_.push_back(name);
            dynamic_alignment_ = std::max(dynamic_alignment_, v.alignment);
            continue;
        }
        kernel_.shared_static = u32(round_up(kernel_.shared_static, v.alignment));
        shared_[name] = {Symbol::shared, kernel_.shared_static, v.bytes, ""};
        kernel_.shared_static += v.bytes;
    }
}

/// Static shared variables inside the body come before the dynamic part: they are laid out first.
void KernelDecoder::layout_static_shared(FunctionText const& t)
{
    for (size_t p = t.body.find(".shared"); p != string::npos; p = t.body.find(".shared", p + 1)) {
        size_t b = p;
        while (b > 0 && isspace(static_cast<unsigned char>(t.body[b - 1])))
            --b;
        if (b != 0 && t.body[b - 1] != ';' && t.body[b - 1] != '{' && t.body[b - 1] != '}') {
            size_t const line = t.body.rfind('\n', p);
            if (trim(t.body.substr(line == string::npos ? 0 : line,
                                   p - (line == string::npos ? 0 : line)))
                != "")
                continue;
        }
        size_t const e = t.body.find(';', p);
        string const d = t.body.substr(p, e - p);
        if (d.compare(0, 8, ".shared ") != 0 && d.compare(0, 8, ".shared\t") != 0) continue;
        Variable const v = parse_variable(d);
        kernel_.shared_static = u32(round_up(kernel_.shared_static, v.alignment));
        shared_[v.name] = {Symbol::shared, kernel_.shared_static, v.bytes, ""};
        kernel_.shared_static += v.bytes;
    }
    kernel_.shared_dynamic_offset = u32(round_up(kernel_.shared_static, dynamic_alignment_));
    for (auto& n : dynamic_names_)
        shared_[n] = {Symbol::shared, kernel_.shared_dynamic_offset, 0, ""};
}

void KernelDecoder::header(FunctionText const& t)
{
    u32 at = 0;
    for (Variable const& v : parameter_list(t.header, false)) {
        at = u32(round_up(at, v.alignment));
        scopes_.front().symbols[v.name] = {Symbol::kernel_param, at, v.bytes, v.type};
        kernel_.params.push_back({at, v.bytes});
        at += v.bytes;
    }
    kernel_.param_bytes = at;
    auto numbers = [&](char const* word) {
        vector<u32> n;
        size_t const p = t.header.find(word);
        if (p == string::npos) return n;
        char const* s = t.header.c_str() + p + strlen(word);
        for (;;) {
            while (isspace(static_cast<unsigned char>(*s)) || *s == ',')
                ++s;
            if (!isdigit(static_cast<unsigned char>(*s))) break;
            char* e;
            n.push_back(u32(strtoul(s, &e, 0)));
            s = e;
        }
        return n;
    };
    if (auto n = numbers(".maxntid"); !n.empty()) {
        kernel_.max_threads = 1;
        for (u32 v : n)
            kernel_.max_threads *= v;
    }
    if (auto n = numbers(".reqntid"); !n.empty())
        for (u32 d = 0; d < 3; ++d)
            kernel_.required_block[d] = d < n.size() ? n[d] : 1;
    if (auto n = numbers(".minnctapersm"); !n.empty()) kernel_.min_blocks = n[0];
    if (auto n = numbers(".reqnctapercluster"); !n.empty())
        for (u32 d = 0; d < 3; ++d)
            kernel_.required_cluster[d] = d < n.size() ? n[d] : 1;
}

/// The device function at the head of the queue.
void KernelDecoder::device_function(FunctionText const& f)
{
    specials_.clear();
    imm32_.clear();
    imm64_.clear();
    scopes_.clear();
    scopes_.emplace_back();
    FunctionInfo& info = function();
    info.entry = u32(kernel_.code.size());
    u32 offset = 0;
    auto slot = [&](Variable const& v) {
        offset = u32(round_up(offset, std::max(4u, v.alignment)));
        scopes_.front().symbols[v.name] = {Symbol::frame_param, offset, v.bytes, v.type};
        FunctionInfo::Slot const s{offset, v.bytes};
        offset += v.bytes;
        return s;
    };
    for (Variable const& v : parameter_list(f.header, false))
        info.params.push_back(slot(v));
    if (auto r = parameter_list(f.header, true); !r.empty()) info.result = slot(r[0]);
    info.param_bytes = offset;
    body(f);
}

void KernelDecoder::run(FunctionText const& t)
{
    text_ = &t;
    kernel_.lines.push_back({"(no source line)"});
    kernel_.functions.emplace_back();
    kernel_.functions[0].name = t.name;
    scopes_.emplace_back();
    layout_shared();
    layout_static_shared(t);
    header(t);
    body(t);
    while (current_ + 1 < kernel_.functions.size()) {
        FunctionText const& f = *queue_[current_];
        ++current_;
        device_function(f);
    }
}

void KernelDecoder::declare_variable(string const& s, Symbol::Kind kind)
{
    Variable const v = parse_variable(s);
    if (kind == Symbol::shared) {
        if (shared_.count(v.name)) return;  // laid out in run()
        kernel_.shared_static = u32(round_up(kernel_.shared_static, v.alignment));
        shared_[v.name] = {Symbol::shared, kernel_.shared_static, v.bytes, v.type};
        kernel_.shared_static += v.bytes;
        if (kernel_.shared_static > kernel_.shared_dynamic_offset && !dynamic_names_.empty())
            fatal("PTX: shared variable " + v.name
                  + " of a function called by a kernel with dynamic shared memory");
        kernel_.shared_dynamic_offset = u32(round_up(kernel_.shared_static, dynamic_alignment_));
        return;
    }
    FunctionInfo& f = function();
    u32& total = kind == Symbol::local ? f.local_bytes : f.param_bytes;
    total = u32(round_up(total, std::max(4u, v.alignment)));
    scopes_.back().symbols[v.name] = {kind, total, v.bytes, v.type};
    total += v.bytes;
}

void KernelDecoder::directive(string const& s)
{
    if (s.rfind(".reg", 0) == 0) {
        auto const words = split_words(s);
        if (words.size() < 3) return;
        string type;
        size_t names = 1;
        for (; names < words.size() && words[names][0] == '.'; ++names)
            type = words[names].substr(1);
        string rest;
        for (size_t i = names; i < words.size(); ++i)
            rest += words[i] + " ";
        u32 const bytes = type_bytes(type);
        for (string const& n : split_operands(rest)) {
            size_t const lt = n.find('<');
            int const count = lt == string::npos ? 1 : atoi(n.c_str() + lt + 1);
            string const base = trim(n.substr(0, lt));
            for (int i = 0; i < count; ++i) {
                string const r = lt == string::npos ? base : base + std::to_string(i);
                Symbol sym{Symbol::reg, 0, std::max(4u, bytes), type};
                if (type == "pred")
                    sym = {Symbol::predicate, function().predicates++, 0, type};
                else if (bytes)
                    sym.value = allocate_row(bytes);
                else
                    fatal("PTX: register type ." + type);
                scopes_.back().symbols[r] = sym;
            }
        }
    } else if (s.rfind(".shared", 0) == 0)
        declare_variable(s, Symbol::shared);
    else if (s.rfind(".local", 0) == 0)
        declare_variable(s, Symbol::local);
    else if (s.rfind(".param", 0) == 0)
        declare_variable(s, Symbol::frame_param);
    else if (s.rfind(".pragma", 0) == 0 || s.rfind(".loc", 0) == 0)
        return;
    else {
        Instruction i;
        i.run = not_emulated;
        i.line = line_;
        kernel_.texts.push_back(s + "   (unknown directive)");
        i.text = kernel_.texts.back().c_str();
        kernel_.code.push_back(i);
    }
}

void KernelDecoder::instruction(string const& s)
{
    kernel_.texts.push_back(s);
    string t = s;
    Instruction guard;
    try {
        if (t[0] == '@') {
            size_t const e = t.find_first_of(" \t");
            if (e == string::npos) throw NotEmulated("guard");
            string g = trim(t.substr(1, e - 1));
            if (g == "!") throw NotEmulated("guard");
            guard.guard_negated = g[0] == '!';
            if (guard.guard_negated) g = g.substr(1);
            Symbol const* p = find(g);
            if (!p || p->kind != Symbol::predicate) throw NotEmulated("guard " + g);
            guard.guard = s32(p->value);
            t = trim(t.substr(e));
        }
        size_t const e = t.find_first_of(" \t{[");
        string const opcode = t.substr(0, e);
        Op o(*this, opcode,
             e == string::npos ? vector<string>{} : split_operands(trim(t.substr(e))));
        o.ins.guard = guard.guard;
        o.ins.guard_negated = guard.guard_negated;
        o.ins.line = line_;
        o.ins.text = kernel_.texts.back().c_str();
        auto f = op_table().find(o.base);
        if (f == op_table().end()) throw NotEmulated("unknown instruction");
        f->second(o);
        o.finish();
        if (!o.ins.run && o.ins.flow == Flow::normal)
            return;  // has no effect here (prefetch, setmaxnreg, ...)
        kernel_.code.push_back(o.ins);
    } catch (NotEmulated const& e) {
        Instruction i;
        i.guard = guard.guard;
        i.guard_negated = guard.guard_negated;
        i.run = not_emulated;
        i.line = line_;
        kernel_.texts.back() += string("   (") + e.what() + ")";
        i.text = kernel_.texts.back().c_str();
        kernel_.code.push_back(i);
    }
}

std::unique_ptr<Kernel> decode_kernel(Module& m, FunctionText const& text)
{
    auto k = std::make_unique<Kernel>();
    k->name = text.name;
    k->title = demangle(text.name);
    k->module = &m;
    KernelDecoder(m, *k).run(text);
    return k;
}

}  // namespace calofuse::emulator
