// Functions that the device runtime provides: printf, assert, malloc, free.
#include <cstdio>

#include "tests/emulator/src/ops.hpp"

namespace calofuse::emulator {
namespace {

char* argument(Warp& w, CallSite const& site, size_t n, u32 lane)
{
    return w.frame->params + size_t(lane) * w.frame->param_stride + site.args[n].offset;
}

template <class T>
T argument_value(Warp& w, CallSite const& site, size_t n, u32 lane)
{
    T v;
    memcpy(&v, argument(w, site, n, lane), sizeof v);
    return v;
}

string device_string(u64 address)
{
    string s;
    char const* p = reinterpret_cast<char const*>(address);
    Allocation* a = device_memory().find(p, 1);
    if (!a) return "(invalid string)";
    while (p < a->base + a->bytes && *p)
        s += *p++;
    return s;
}

/// The arguments of vprintf, one after the other, each aligned to its size.
class Arguments {
  public:
    explicit Arguments(char const* bytes) : bytes_(bytes) {}
    template <class T>
    T next()
    {
        at_ = u32(round_up(at_, sizeof(T)));
        T v;
        memcpy(&v, bytes_ + at_, sizeof v);
        at_ += sizeof v;
        return v;
    }

  private:
    char const* bytes_;
    u32 at_ = 0;
};

/// One conversion: spec is "%" with flags, width and precision.
string formatted(string spec, bool wide, char conversion, Arguments& args)
{
    char b[512];
    bool const integer = strchr("diuoxX", conversion);
    if (integer && wide)
        snprintf(b, sizeof b, (spec + "ll" + conversion).c_str(), (long long)args.next<s64>());
    else if (integer || conversion == 'c')
        snprintf(b, sizeof b, (spec + conversion).c_str(), args.next<s32>());
    else if (strchr("eEfFgGaA", conversion))
        snprintf(b, sizeof b, (spec + conversion).c_str(), args.next<f64>());
    else if (conversion == 's')
        snprintf(b, sizeof b, (spec + conversion).c_str(), device_string(args.next<u64>()).c_str());
    else if (conversion == 'p')
        snprintf(b, sizeof b, (spec + conversion).c_str(), args.next<void*>());
    else
        snprintf(b, sizeof b, "%s%c", spec.c_str(), conversion);
    return b;
}

void print_formatted(u64 format, char const* arguments)
{
    string const f = device_string(format);
    Arguments args(arguments);
    string out;
    for (size_t p = 0; p < f.size(); ++p) {
        if (f[p] != '%') {
            out += f[p];
            continue;
        }
        if (p + 1 < f.size() && f[p + 1] == '%') {
            out += '%';
            ++p;
            continue;
        }
        string spec = "%";
        size_t q = p + 1;
        bool wide = false;
        while (q < f.size() && strchr("-+ #0123456789.*hlLzjt", f[q])) {
            if (f[q] == '*')
                spec += std::to_string(args.next<s32>());
            else if (strchr("hlLzjt", f[q]))
                wide |= f[q] != 'h';
            else
                spec += f[q];
            ++q;
        }
        if (q >= f.size()) break;
        out += formatted(spec, wide, f[q], args);
        p = q;
    }
    fwrite(out.data(), 1, out.size(), stdout);
}

}  // namespace

void call_builtin(Warp& w, Kernel const&, Instruction const& i, CallSite const& site, u32 mask)
{
    auto result = [&](u32 lane, u64 v) {
        if (site.result)
            memcpy(w.frame->params + size_t(lane) * w.frame->param_stride + site.result->offset, &v,
                   std::min(8u, site.result->bytes));
    };
    for_lanes(mask, [&](u32 l) {
        switch (site.builtin) {
            case Builtin::vprintf: {
                print_formatted(argument_value<u64>(w, site, 0, l),
                                reinterpret_cast<char const*>(argument_value<u64>(w, site, 1, l)));
                result(l, 0);
                break;
            }
            case Builtin::assert_fail: {
                string const text = device_string(argument_value<u64>(w, site, 0, l)),
                             file = device_string(argument_value<u64>(w, site, 1, l)),
                             function = device_string(argument_value<u64>(w, site, 3, l));
                Block const& b = *w.block;
                Dim const& n = b.launch->config.block;
                u32 const t = w.index * 32 + l;
                fprintf(stderr,
                        "%s:%u: %s: block: [%u,%u,%u], thread: [%u,%u,%u] Assertion `%s` failed.\n",
                        file.c_str(), argument_value<u32>(w, site, 2, l), function.c_str(),
                        b.ctaid[0], b.ctaid[1], b.ctaid[2], t % n.x, t / n.x % n.y, t / n.x / n.y,
                        text.c_str());
                if (mask == (mask & ((2u << l) - 1)))
                    fault_at(w, i, l, cudaErrorAssert, "assertion failed", text);
                break;
            }
            case Builtin::malloc: {
                char* p = allocate_device(argument_value<u64>(w, site, 0, l), MemoryKind::heap);
                result(l, reinterpret_cast<u64>(p));
                break;
            }
            case Builtin::free: {
                char* p = reinterpret_cast<char*>(argument_value<u64>(w, site, 0, l));
                if (p && !free_device(p))
                    fault_at(w, i, l, cudaErrorIllegalAddress,
                             "free of a pointer that malloc did not return");
                break;
            }
            default:
                break;
        }
    });
}

}  // namespace calofuse::emulator
