// See ptx_cases.hpp.
#include "tests/emulator/tests/ptx_cases.hpp"

#include <random>

namespace calofuse::emulator::test {
Words operands(Kind kind, int which, int round)
{
    std::mt19937_64 g(u64(which * 1000 + round));
    static u64 const ints[] = {0,
                               1,
                               2,
                               31,
                               32,
                               33,
                               63,
                               64,
                               0x7fffffff,
                               0x80000000,
                               0xffffffff,
                               0x7fffffffffffffff,
                               0x8000000000000000,
                               ~0ull,
                               0x7fff,
                               0x8000};
    static f32 const floats[] = {0.f,       -0.f,    1.f,        -1.f,   0.5f,   1.5f,
                                 2.5f,      3.4e38f, -3.4e38f,   1e-38f, 1e-40f, INFINITY,
                                 -INFINITY, NAN,     16777217.f, -0.3f};
    Words w;
    for (size_t i = 0; i < 32; ++i) {
        bool const special = (g() & 3) == 0;
        switch (kind) {
            case Kind::integer:
                w[i] = special ? ints[g() % 16] : (g() & 1) ? g() : g() >> (g() % 64);
                break;
            case Kind::f32:
                w[i] = special ? bits(floats[g() % 16])
                               : bits(f32(std::ldexp(f64(s64(g())) / 9.3e18, int(g() % 40) - 20)));
                break;
            case Kind::f64:
                w[i] = special ? bits(f64(floats[g() % 16]))
                               : bits(std::ldexp(f64(s64(g())) / 9.3e18, int(g() % 40) - 20));
                break;
            case Kind::half: {
                auto h = [&] {
                    return u64(std::bit_cast<u16>(
                        _Float16(f32(std::ldexp(f64(s64(g())) / 9.3e18, int(g() % 8) - 4)))));
                };
                w[i] = h() | h() << 16;
            }
        }
    }
    return w;
}

namespace {

bool same(u64 x, u64 y, string const& result, f64 ulp)
{
    if (x == y) return true;
    if (result == "f10" || result == "h") {
        f32 const a = as_f32(x), b = as_f32(y);
        if (std::isnan(a) && std::isnan(b)) return true;
        if (ulp > 0)
            return std::fabs(f64(a) - f64(b))
                   <= ulp * std::fabs(f64(std::nextafter(b, INFINITY)) - f64(b));
    }
    if (result == "fd10") return std::isnan(as_f64(x)) && std::isnan(as_f64(y));
    return false;
}

}  // namespace

void check(Kind kind, std::vector<Case> const& cases, f64 ulp, Kind kind2, bool other2)
{
    for (Case const& c : cases)
        for (int round = 0; round < 6; ++round) {
            Words const a = operands(kind, 1, round), b = operands(other2 ? kind2 : kind, 2, round),
                        d = operands(other2 ? kind2 : kind, 3, round);
            Result const r = run_ptx(c.ptx, c.result, a, b, d);
            ASSERT_EQ(r.error, cudaSuccess) << c.ptx << "\n" << report_text();
            for (size_t l = 0; l < 32; ++l) {
                u64 const want = c.host(a[l], b[l], d[l]);
                ASSERT_TRUE(same(r.d[l], want, c.result, ulp))
                    << c.ptx << " lane " << l << std::hex << ": a " << a[l] << " b " << b[l]
                    << " c " << d[l] << " gives " << r.d[l] << ", expected " << want;
            }
        }
}

}  // namespace calofuse::emulator::test
