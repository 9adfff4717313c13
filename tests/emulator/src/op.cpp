// Operands and modifiers of one instruction.
#include <algorithm>

#include "tests/emulator/src/decoder.hpp"

namespace calofuse::emulator {

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
    return s && s->kind == KernelDecoder::Symbol::reg ? s->bytes : 0;
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
    u32 const bytes = type_bytes(type);
    bool const wide = bytes == 8;
    if (s.empty() || !bytes) throw NotEmulated("operand");
    if (K const* sym = decoder_.find(s)) {
        switch (sym->kind) {
            case K::reg:
                if (sym->bytes != (bytes < 4 ? 4 : bytes))
                    throw NotEmulated("register " + s + " does not have the size of ."
                                      + string(type));
                return u32(sym->value);
            case K::predicate:
                throw NotEmulated("predicate " + s + " as a value");
            case K::shared:
            case K::local:
            case K::kernel_param:
                return decoder_.immediate_row(sym->value, wide);
            case K::frame_param:
                throw NotEmulated("address of a function parameter");
            case K::global:
            case K::function:
                return decoder_.immediate_row(sym->value, wide);
        }
    }
    if (s[0] == '%') return decoder_.special_row(s);
    if (s == "WARP_SZ") return decoder_.immediate_row(32, wide);
    if (size_t const plus = s.find('+'); plus != string::npos && plus > 0) {  // symbol + constant
        if (K const* sym = decoder_.find(trim(s.substr(0, plus)));
            sym && sym->kind != K::reg && sym->kind != K::predicate)
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
    u32 const bytes = std::max(4u, type_bytes(type));
    if (s == "_") return scratch(bytes);
    auto const* sym = decoder_.find(s);
    if (!sym || sym->kind != KernelDecoder::Symbol::reg)
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
    return s && s->kind == KernelDecoder::Symbol::predicate;
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
    if (!sym || sym->kind != KernelDecoder::Symbol::predicate)
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
    if (size_t const plus = s.find_last_of('+'); plus != string::npos) {
        base_name = trim(s.substr(0, plus));
        auto v = parse_number(s.substr(plus + 1), "s64");
        if (!v) throw NotEmulated("address '" + s + "'");
        ins.imm = s64(*v);
    }
    if (K const* sym = decoder_.find(base_name)) {
        switch (sym->kind) {
            case K::reg:
                ins.a = u32(sym->value);
                ins.address64 = sym->bytes == 8;
                if (space == Space::frame_param) ins.space = Space::kernel_param;
                return;
            case K::shared:
                if (space != Space::shared && space != Space::shared_cluster)
                    throw NotEmulated("shared variable in another space");
                break;
            case K::local:
                if (space != Space::local) throw NotEmulated("local variable in another space");
                break;
            case K::kernel_param:
                ins.space = Space::kernel_param;
                break;
            case K::frame_param:
                ins.space = Space::frame_param;
                break;
            case K::global:
                if (space != Space::global && space != Space::constant)
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

}  // namespace calofuse::emulator
