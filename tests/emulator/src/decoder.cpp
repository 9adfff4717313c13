// Decodes function bodies to instructions: scopes, labels, registers, variables, source lines.
#include "decoder.hpp"

#include <algorithm>
#include <cstdlib>

#include "report.hpp"

namespace emu {
namespace {

std::unordered_map<string, OpDecoder> const& op_table()
{
    static auto const table = [] {
        std::unordered_map<string, OpDecoder> t;
        register_integer_ops(t);
        register_float_ops(t);
        register_half_ops(t);
        register_convert_ops(t);
        register_memory_ops(t);
        register_atomic_ops(t);
        register_warp_ops(t);
        register_matrix_ops(t);
        register_async_ops(t);
        register_control_ops(t);
        return t;
    }();
    return table;
}

std::map<string, SpecialRegister> const& special_registers()
{
    using R = SpecialRegister;
    static const std::map<string, R> t = {
        {"%tid.x", R::TidX},
        {"%tid.y", R::TidY},
        {"%tid.z", R::TidZ},
        {"%ntid.x", R::NtidX},
        {"%ntid.y", R::NtidY},
        {"%ntid.z", R::NtidZ},
        {"%ctaid.x", R::CtaidX},
        {"%ctaid.y", R::CtaidY},
        {"%ctaid.z", R::CtaidZ},
        {"%nctaid.x", R::NctaidX},
        {"%nctaid.y", R::NctaidY},
        {"%nctaid.z", R::NctaidZ},
        {"%laneid", R::LaneId},
        {"%warpid", R::WarpId},
        {"%nwarpid", R::NwarpId},
        {"%smid", R::SmId},
        {"%nsmid", R::NsmId},
        {"%gridid", R::GridId},
        {"%lanemask_eq", R::LaneMaskEq},
        {"%lanemask_lt", R::LaneMaskLt},
        {"%lanemask_le", R::LaneMaskLe},
        {"%lanemask_gt", R::LaneMaskGt},
        {"%lanemask_ge", R::LaneMaskGe},
        {"%clusterid.x", R::ClusterIdX},
        {"%clusterid.y", R::ClusterIdY},
        {"%clusterid.z", R::ClusterIdZ},
        {"%nclusterid.x", R::NclusterIdX},
        {"%nclusterid.y", R::NclusterIdY},
        {"%nclusterid.z", R::NclusterIdZ},
        {"%cluster_ctaid.x", R::ClusterCtaidX},
        {"%cluster_ctaid.y", R::ClusterCtaidY},
        {"%cluster_ctaid.z", R::ClusterCtaidZ},
        {"%cluster_nctaid.x", R::ClusterNctaidX},
        {"%cluster_nctaid.y", R::ClusterNctaidY},
        {"%cluster_nctaid.z", R::ClusterNctaidZ},
        {"%cluster_ctarank", R::ClusterCtarank},
        {"%cluster_nctarank", R::ClusterNctarank},
        {"%dynamic_smem_size", R::DynamicSmemSize},
        {"%total_smem_size", R::TotalSmemSize},
        {"%envreg1", R::EnvReg1},
        {"%envreg2", R::EnvReg2},
    };
    return t;
}

}  // namespace

// ---- Op

Op::Op(KernelDecoder& decoder, string opcode, vector<string> o)
    : operands(std::move(o)), decoder_(decoder)
{
    modifiers_ = split_dots(opcode);
    base = modifiers_.front();
    modifiers_.erase(modifiers_.begin());
}

bool Op::take(string_view m)
{
    auto at = std::find(modifiers_.begin(), modifiers_.end(), m);
    if (at == modifiers_.end()) return false;
    modifiers_.erase(at);
    return true;
}

string Op::take_any(std::initializer_list<char const*> list)
{
    for (char const* m : list)
        if (take(m)) return m;
    return {};
}

string Op::take_type()
{
    if (modifiers_.empty() || !(type_bytes(modifiers_.back()) || modifiers_.back() == "pred"))
        throw NotEmulated("no type");
    string t = modifiers_.back();
    modifiers_.pop_back();
    return t;
}

void Op::finish() const
{
    if (!modifiers_.empty()) throw NotEmulated("modifier ." + modifiers_.front());
}

void Op::expect(size_t least, size_t most) const
{
    if (operands.size() < least || operands.size() > most) throw NotEmulated("number of operands");
}

u32 Op::row_bytes(string const& reg) const
{
    auto const* s = decoder_.find(reg);
    return s && s->kind == KernelDecoder::Symbol::Register ? s->bytes : 0;
}

string Op::type_of(string const& reg) const
{
    auto const* s = decoder_.find(reg);
    return s ? s->type : "";
}

u32 Op::source(size_t n, string_view type)
{
    if (n >= operands.size()) throw NotEmulated("missing operand");
    return source(operands[n], type);
}

u32 Op::source(string const& s, string_view type)
{
    using K = KernelDecoder::Symbol;
    const u32 bytes = type_bytes(type);
    bool const wide = bytes == 8;
    if (s.empty() || !bytes) throw NotEmulated("operand");
    if (const K* sym = decoder_.find(s)) {
        switch (sym->kind) {
            case K::Register:
                if (sym->bytes != (bytes < 4 ? 4 : bytes))
                    throw NotEmulated("register " + s + " does not have the size of ."
                                      + string(type));
                return u32(sym->value);
            case K::Predicate:
                throw NotEmulated("predicate " + s + " as a value");
            case K::Shared:
            case K::Local:
            case K::KernelParam:
                return decoder_.immediate_row(sym->value, wide);
            case K::FrameParam:
                throw NotEmulated("address of a function parameter");
            case K::Global:
            case K::Function:
                return decoder_.immediate_row(sym->value, wide);
        }
    }
    if (s[0] == '%') return decoder_.special_row(s);
    if (s == "WARP_SZ") return decoder_.immediate_row(32, wide);
    if (const size_t plus = s.find('+'); plus != string::npos && plus > 0) {  // symbol + constant
        if (const K* sym = decoder_.find(trim(s.substr(0, plus)));
            sym && sym->kind != K::Register && sym->kind != K::Predicate)
            if (auto v = parse_number(s.substr(plus + 1), "u64"))
                return decoder_.immediate_row(sym->value + *v, wide);
    }
    if (auto v = parse_number(s, type)) return decoder_.immediate_row(*v, wide);
    throw NotEmulated("operand '" + s + "'");
}

u32 Op::target(size_t n, string_view type)
{
    if (n >= operands.size()) throw NotEmulated("missing operand");
    return target(operands[n], type);
}

u32 Op::target(string const& s, string_view type)
{
    const u32 bytes = std::max(4u, type_bytes(type));
    if (s == "_") return scratch(bytes);
    auto const* sym = decoder_.find(s);
    if (!sym || sym->kind != KernelDecoder::Symbol::Register)
        throw NotEmulated("destination '" + s + "'");
    if (sym->bytes != bytes)
        throw NotEmulated("register " + s + " does not have the size of ." + string(type));
    return u32(sym->value);
}

u32 Op::immediate(u64 value, string_view type)
{
    return decoder_.immediate_row(value, type_bytes(type) == 8);
}
u32 Op::scratch(u32 bytes)
{
    return decoder_.allocate_row(bytes);
}

bool Op::is_predicate(string const& text) const
{
    auto const* s = decoder_.find(text[0] == '!' ? text.substr(1) : text);
    return s && s->kind == KernelDecoder::Symbol::Predicate;
}

u32 Op::predicate(size_t n, bool* negated)
{
    if (n >= operands.size()) throw NotEmulated("missing operand");
    return predicate(operands[n], negated);
}

u32 Op::predicate(string const& text, bool* negated)
{
    string s = trim(text);
    if (negated) *negated = false;
    if (!s.empty() && s[0] == '!') {
        if (!negated) throw NotEmulated("negated predicate");
        *negated = true;
        s = trim(s.substr(1));
    }
    if (s == "_") return predicate_sink();
    auto const* sym = decoder_.find(s);
    if (!sym || sym->kind != KernelDecoder::Symbol::Predicate)
        throw NotEmulated("predicate '" + s + "'");
    return u32(sym->value);
}

u32 Op::predicate_sink()
{
    return decoder_.function().predicates++;
}

s64 Op::constant(size_t n) const
{
    if (n >= operands.size()) throw NotEmulated("missing operand");
    auto v = parse_number(operands[n], "s64");
    if (!v) throw NotEmulated("constant '" + operands[n] + "'");
    return s64(*v);
}

void Op::address(string const& text, Space space)
{
    using K = KernelDecoder::Symbol;
    string s = trim(text);
    if (s.size() < 2 || s[0] != '[' || s.back() != ']') throw NotEmulated("address '" + s + "'");
    s = trim(s.substr(1, s.size() - 2));
    ins.space = space;
    ins.a = kNone;
    ins.imm = 0;
    string base_name = s;
    if (const size_t plus = s.find_last_of('+'); plus != string::npos) {
        base_name = trim(s.substr(0, plus));
        auto v = parse_number(s.substr(plus + 1), "s64");
        if (!v) throw NotEmulated("address '" + s + "'");
        ins.imm = s64(*v);
    }
    if (const K* sym = decoder_.find(base_name)) {
        switch (sym->kind) {
            case K::Register:
                ins.a = u32(sym->value);
                ins.address64 = sym->bytes == 8;
                if (space == Space::FrameParam) ins.space = Space::KernelParam;
                return;
            case K::Shared:
                if (space != Space::Shared && space != Space::SharedCluster)
                    throw NotEmulated("shared variable in another space");
                break;
            case K::Local:
                if (space != Space::Local) throw NotEmulated("local variable in another space");
                break;
            case K::KernelParam:
                ins.space = Space::KernelParam;
                break;
            case K::FrameParam:
                ins.space = Space::FrameParam;
                break;
            case K::Global:
                if (space != Space::Global && space != Space::Const)
                    throw NotEmulated("global variable in another space");
                break;
            default:
                throw NotEmulated("address '" + s + "'");
        }
        ins.imm += s64(sym->value);
        return;
    }
    if (auto v = parse_number(base_name, "u64")) {
        ins.imm += s64(*v);
        return;
    }
    throw NotEmulated("address '" + s + "'");
}

vector<string> Op::elements(size_t n) const
{
    if (n >= operands.size()) throw NotEmulated("missing operand");
    string const& s = operands[n];
    if (s[0] == '{') return split_operands(s.substr(1, s.rfind('}') - 1));
    return {s};
}

u32 const* Op::list(vector<u32> rows)
{
    decoder_.kernel().lists.push_back(std::move(rows));
    return decoder_.kernel().lists.back().data();
}

// ---- KernelDecoder

KernelDecoder::Symbol const* KernelDecoder::find(string const& name)
{
    for (size_t i = scopes_.size(); i-- > 0;)
        if (auto s = scopes_[i].symbols.find(name); s != scopes_[i].symbols.end())
            return &s->second;
    if (auto s = shared_.find(name); s != shared_.end()) return &s->second;
    if (auto g = module_.globals.find(name); g != module_.globals.end()) {
        scopes_.front().symbols[name] = {Symbol::Global, reinterpret_cast<u64>(g->second),
                                         u32(module_.global_bytes[name]), ""};
        return &scopes_.front().symbols[name];
    }
    if (auto f = module_.function_addresses.find(name); f != module_.function_addresses.end()) {
        scopes_.front().symbols[name] = {Symbol::Function, f->second, 8, ""};
        return &scopes_.front().symbols[name];
    }
    return nullptr;
}

u32 KernelDecoder::allocate_row(u32 bytes)
{
    const u32 o = function().register_bytes;
    function().register_bytes += (bytes < 4 ? 4 : bytes) * kWarpSize;
    return o;
}

u32 KernelDecoder::immediate_row(u64 value, bool wide)
{
    auto& known = wide ? imm64_ : imm32_;
    if (!wide) value = u32(value);
    if (auto k = known.find(value); k != known.end()) return k->second;
    const u32 o = allocate_row(wide ? 8 : 4);
    if (wide)
        function().imm64.push_back({o, value});
    else
        function().imm32.push_back({o, u32(value)});
    return known[value] = o;
}

u32 KernelDecoder::special_row(string const& name)
{
    if (auto k = specials_.find(name); k != specials_.end()) return k->second;
    auto r = special_registers().find(name);
    if (r == special_registers().end()) throw NotEmulated("special register " + name);
    const u32 o = allocate_row(8);
    function().special.push_back({o, u32(r->second)});
    return specials_[name] = o;
}

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
        shared_[name] = {Symbol::Shared, kernel_.shared_static, v.bytes, ""};
        kernel_.shared_static += v.bytes;
    }
}

void KernelDecoder::run(FunctionText const& t)
{
    text_ = &t;
    kernel_.lines.push_back({"(no source line)"});
    kernel_.functions.emplace_back();
    kernel_.functions[0].name = t.name;
    scopes_.emplace_back();
    layout_shared();
    // static shared variables inside the body come before the dynamic part: lay them out first
    for (size_t p = t.body.find(".shared"); p != string::npos; p = t.body.find(".shared", p + 1)) {
        size_t b = p;
        while (b > 0 && isspace(static_cast<unsigned char>(t.body[b - 1])))
            --b;
        if (b != 0 && t.body[b - 1] != ';' && t.body[b - 1] != '{' && t.body[b - 1] != '}') {
            const size_t line = t.body.rfind('\n', p);
            if (trim(t.body.substr(line == string::npos ? 0 : line,
                                   p - (line == string::npos ? 0 : line)))
                != "")
                continue;
        }
        const size_t e = t.body.find(';', p);
        const string d = t.body.substr(p, e - p);
        if (d.compare(0, 8, ".shared ") != 0 && d.compare(0, 8, ".shared\t") != 0) continue;
        const Variable v = parse_variable(d);
        kernel_.shared_static = u32(round_up(kernel_.shared_static, v.alignment));
        shared_[v.name] = {Symbol::Shared, kernel_.shared_static, v.bytes, ""};
        kernel_.shared_static += v.bytes;
    }
    kernel_.shared_dynamic_offset = u32(round_up(kernel_.shared_static, dynamic_alignment_));
    for (auto& n : dynamic_names_)
        shared_[n] = {Symbol::Shared, kernel_.shared_dynamic_offset, 0, ""};
    // header
    u32 at = 0;
    for (Variable const& v : parameter_list(t.header, false)) {
        at = u32(round_up(at, v.alignment));
        scopes_.front().symbols[v.name] = {Symbol::KernelParam, at, v.bytes, v.type};
        kernel_.params.push_back({at, v.bytes});
        at += v.bytes;
    }
    kernel_.param_bytes = at;
    auto numbers = [&](char const* word) {
        vector<u32> n;
        const size_t p = t.header.find(word);
        if (p == string::npos) return n;
        const char* s = t.header.c_str() + p + strlen(word);
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

    body(t);
    auto const base_scope = scopes_.front();
    while (current_ + 1 < kernel_.functions.size()) {
        FunctionText const& f = *queue_[current_];
        ++current_;
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
            scopes_.front().symbols[v.name] = {Symbol::FrameParam, offset, v.bytes, v.type};
            const FunctionInfo::Slot s{offset, v.bytes};
            offset += v.bytes;
            return s;
        };
        for (Variable const& v : parameter_list(f.header, false))
            info.params.push_back(slot(v));
        if (auto r = parameter_list(f.header, true); !r.empty()) info.result = slot(r[0]);
        info.param_bytes = offset;
        body(f);
    }
}

void KernelDecoder::body(FunctionText const& t)
{
    scopes_.emplace_back();
    tables_.clear();
    line_ = 0;
    string s;
    string const& src = t.body;
    bool blank = true;
    auto flush = [&] {
        s.clear();
        blank = true;
    };
    for (size_t p = 0; p < src.size(); ++p) {
        char const c = src[p];
        if (c == '/' && p + 1 < src.size() && src[p + 1] == '/') {
            while (p < src.size() && src[p] != '\n')
                ++p;
            if (s.find(".loc") != string::npos && trim(s).rfind(".loc", 0) == 0)
                location(trim(s)), flush();
            else
                s += ' ';
            continue;
        }
        if (c == '/' && p + 1 < src.size() && src[p + 1] == '*') {
            p = src.find("*/", p) + 1;
            continue;
        }
        if (blank && isspace(static_cast<unsigned char>(c))) continue;
        if (c == '\n' && !blank && s[0] == '.' && s.rfind(".loc", 0) == 0) {
            location(trim(s));
            flush();
            continue;
        }
        if (blank && c == '{') {
            scopes_.emplace_back();
            continue;
        }
        if (blank && c == '}') {
            close_scope();
            continue;
        }
        if (c == ':' && (p + 1 >= src.size() || src[p + 1] != ':')
            && (p == 0 || src[p - 1] != ':')) {
            const string label = trim(s);
            bool const identifier =
                !label.empty() && std::all_of(label.begin(), label.end(), [](char q) {
                    return isalnum(static_cast<unsigned char>(q)) || q == '_' || q == '$'
                           || q == '%';
                });
            if (identifier) {
                scopes_.back().labels[label] = u32(kernel_.code.size());
                flush();
                // ".branchtargets" and ".callprototype" belong to the label
                size_t q = p + 1;
                while (q < src.size() && isspace(static_cast<unsigned char>(src[q])))
                    ++q;
                if (src.compare(q, 14, ".branchtargets") == 0
                    || src.compare(q, 14, ".callprototype") == 0) {
                    const size_t e = src.find(';', q);
                    if (src[q + 1] == 'b') {
                        int const table = int(branch_table(label));
                        auto const names = split_operands(src.substr(q + 14, e - q - 14));
                        kernel_.branch_tables[size_t(table)].resize(names.size());
                        for (size_t i = 0; i < names.size(); ++i)
                            scopes_.back().fixups.push_back({0, names[i], table, i});
                    }
                    p = e;
                }
                continue;
            }
        }
        if (c == ';') {
            statement(trim(s));
            flush();
            continue;
        }
        s += isspace(static_cast<unsigned char>(c)) ? ' ' : c;
        blank = false;
    }
    Instruction end;
    end.flow = current_ == 0 ? Flow::Exit : Flow::Return;
    end.line = line_;
    end.text = "ret";
    kernel_.code.push_back(end);
    while (scopes_.size() > 1)
        close_scope();
    for (auto& f : scopes_.back().fixups) {
        Instruction& i = kernel_.code[f.instruction];
        if (f.table >= 0) fatal("PTX of " + kernel_.name + ": unknown label " + f.label);
        i.flow = Flow::Normal;
        i.run = not_emulated;
        kernel_.texts.push_back(string(i.text) + "   (unknown label " + f.label + ")");
        i.text = kernel_.texts.back().c_str();
    }
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
    if (const size_t p = s.find("inlined_at");
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

void KernelDecoder::declare_variable(string const& s, Symbol::Kind kind)
{
    const Variable v = parse_variable(s);
    if (kind == Symbol::Shared) {
        if (shared_.count(v.name)) return;  // laid out in run()
        kernel_.shared_static = u32(round_up(kernel_.shared_static, v.alignment));
        shared_[v.name] = {Symbol::Shared, kernel_.shared_static, v.bytes, v.type};
        kernel_.shared_static += v.bytes;
        if (kernel_.shared_static > kernel_.shared_dynamic_offset && !dynamic_names_.empty())
            fatal("PTX: shared variable " + v.name
                  + " of a function called by a kernel with dynamic shared memory");
        kernel_.shared_dynamic_offset = u32(round_up(kernel_.shared_static, dynamic_alignment_));
        return;
    }
    FunctionInfo& f = function();
    u32& total = kind == Symbol::Local ? f.local_bytes : f.param_bytes;
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
        const u32 bytes = type_bytes(type);
        for (string const& n : split_operands(rest)) {
            const size_t lt = n.find('<');
            int const count = lt == string::npos ? 1 : atoi(n.c_str() + lt + 1);
            const string base = trim(n.substr(0, lt));
            for (int i = 0; i < count; ++i) {
                const string r = lt == string::npos ? base : base + std::to_string(i);
                Symbol sym{Symbol::Register, 0, std::max(4u, bytes), type};
                if (type == "pred")
                    sym = {Symbol::Predicate, function().predicates++, 0, type};
                else if (bytes)
                    sym.value = allocate_row(bytes);
                else
                    fatal("PTX: register type ." + type);
                scopes_.back().symbols[r] = sym;
            }
        }
    } else if (s.rfind(".shared", 0) == 0)
        declare_variable(s, Symbol::Shared);
    else if (s.rfind(".local", 0) == 0)
        declare_variable(s, Symbol::Local);
    else if (s.rfind(".param", 0) == 0)
        declare_variable(s, Symbol::FrameParam);
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
            const size_t e = t.find_first_of(" \t");
            if (e == string::npos) throw NotEmulated("guard");
            string g = trim(t.substr(1, e - 1));
            if (g == "!") throw NotEmulated("guard");
            guard.guard_negated = g[0] == '!';
            if (guard.guard_negated) g = g.substr(1);
            Symbol const* p = find(g);
            if (!p || p->kind != Symbol::Predicate) throw NotEmulated("guard " + g);
            guard.guard = s32(p->value);
            t = trim(t.substr(e));
        }
        const size_t e = t.find_first_of(" \t{[");
        const string opcode = t.substr(0, e);
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
        if (!o.ins.run && o.ins.flow == Flow::Normal)
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

}  // namespace emu
