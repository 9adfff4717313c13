// Every instruction family against plain host arithmetic, on random and on special operands.
#include <bit>
#include <cfenv>
#include <cmath>
#include <functional>
#include <random>

#include <gtest/gtest.h>

#include "ptx_run.hpp"

using namespace ptx_test;

namespace {

using Host = std::function<u64(u64, u64, u64)>;
struct Case {
    char const *ptx, *result;
    Host host;
};

f32 F(u64 v)
{
    return std::bit_cast<f32>(u32(v));
}
f64 D(u64 v)
{
    return std::bit_cast<f64>(v);
}
u64 bits(f32 v)
{
    return std::bit_cast<u32>(v);
}
u64 bits(f64 v)
{
    return std::bit_cast<u64>(v);
}

enum class Kind { Int, F32, F64, Half };

Words operands(Kind kind, int which, int round)
{
    std::mt19937_64 g(u64(which * 1000 + round));
    static const u64 ints[] = {0,
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
    static const f32 floats[] = {0.f,       -0.f,    1.f,        -1.f,   0.5f,   1.5f,
                                 2.5f,      3.4e38f, -3.4e38f,   1e-38f, 1e-40f, INFINITY,
                                 -INFINITY, NAN,     16777217.f, -0.3f};
    Words w;
    for (size_t i = 0; i < 32; ++i) {
        bool const special = (g() & 3) == 0;
        switch (kind) {
            case Kind::Int:
                w[i] = special ? ints[g() % 16] : (g() & 1) ? g() : g() >> (g() % 64);
                break;
            case Kind::F32:
                w[i] = special ? bits(floats[g() % 16])
                               : bits(f32(std::ldexp(f64(s64(g())) / 9.3e18, int(g() % 40) - 20)));
                break;
            case Kind::F64:
                w[i] = special ? bits(f64(floats[g() % 16]))
                               : bits(std::ldexp(f64(s64(g())) / 9.3e18, int(g() % 40) - 20));
                break;
            case Kind::Half: {
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

bool same(u64 x, u64 y, string const& result, f64 ulp)
{
    if (x == y) return true;
    if (result == "f10" || result == "h") {
        const f32 a = F(x), b = F(y);
        if (std::isnan(a) && std::isnan(b)) return true;
        if (ulp > 0)
            return std::fabs(f64(a) - f64(b))
                   <= ulp * std::fabs(f64(std::nextafter(b, INFINITY)) - f64(b));
    }
    if (result == "fd10") return std::isnan(D(x)) && std::isnan(D(y));
    return false;
}

void check(Kind kind,
           std::vector<Case> const& cases,
           f64 ulp = 0,
           Kind kind2 = Kind::Int,
           bool other2 = false)
{
    for (Case const& c : cases)
        for (int round = 0; round < 6; ++round) {
            const Words a = operands(kind, 1, round), b = operands(other2 ? kind2 : kind, 2, round),
                        d = operands(other2 ? kind2 : kind, 3, round);
            const Result r = run_ptx(c.ptx, c.result, a, b, d);
            ASSERT_EQ(r.error, cudaSuccess) << c.ptx << "\n" << report_text();
            for (size_t l = 0; l < 32; ++l) {
                const u64 want = c.host(a[l], b[l], d[l]);
                ASSERT_TRUE(same(r.d[l], want, c.result, ulp))
                    << c.ptx << " lane " << l << std::hex << ": a " << a[l] << " b " << b[l]
                    << " c " << d[l] << " gives " << r.d[l] << ", expected " << want;
            }
        }
}
template <class F>
f32 rounded(int mode, F f)
{
    std::fesetround(mode);
    volatile f32 r = f();
    std::fesetround(FE_TONEAREST);
    return r;
}
u32 lop(u32 a, u32 b, u32 c, u32 t)
{
    u32 r = 0;
    for (int i = 0; i < 32; ++i)
        r |= (t >> ((a >> i & 1) * 4 + (b >> i & 1) * 2 + (c >> i & 1)) & 1) << i;
    return r;
}

}  // namespace

TEST(Ptx, IntegerArithmetic)
{
    check(Kind::Int,
          {
              {"add.s32 %r10, %r1, %r2;", "r10",
               [](u64 a, u64 b, u64) {
                   return u64(u32(a + b));
               }},
              {"add.sat.s32 %r10, %r1, %r2;", "r10",
               [](u64 a, u64 b, u64) {
                   const s64 r = s64(s32(a)) + s32(b);
                   return u64(u32(r > INT32_MAX ? INT32_MAX : r < INT32_MIN ? INT32_MIN : r));
               }},
              {"sub.u64 %rd10, %rd1, %rd2;", "rd10",
               [](u64 a, u64 b, u64) {
                   return a - b;
               }},
              {"add.s16 %rs10, %rs1, %rs2;", "rs10",
               [](u64 a, u64 b, u64) {
                   return u64(u16(a + b));
               }},
              {"mul.lo.s32 %r10, %r1, %r2;", "r10",
               [](u64 a, u64 b, u64) {
                   return u64(u32(a) * u32(b));
               }},
              {"mul.hi.s32 %r10, %r1, %r2;", "r10",
               [](u64 a, u64 b, u64) {
                   return u64(u32((s64(s32(a)) * s32(b)) >> 32));
               }},
              {"mul.hi.u32 %r10, %r1, %r2;", "r10",
               [](u64 a, u64 b, u64) {
                   return (u64(u32(a)) * u32(b)) >> 32;
               }},
              {"mul.hi.u64 %rd10, %rd1, %rd2;", "rd10",
               [](u64 a, u64 b, u64) {
                   return u64((static_cast<unsigned __int128>(a) * b) >> 64);
               }},
              {"mul.hi.s64 %rd10, %rd1, %rd2;", "rd10",
               [](u64 a, u64 b, u64) {
                   return u64((static_cast<__int128>(s64(a)) * s64(b)) >> 64);
               }},
              {"mul.wide.s32 %rd10, %r1, %r2;", "rd10",
               [](u64 a, u64 b, u64) {
                   return u64(s64(s32(a)) * s32(b));
               }},
              {"mul.wide.u16 %r10, %rs1, %rs2;", "r10",
               [](u64 a, u64 b, u64) {
                   return u64(u32(u16(a)) * u16(b));
               }},
              {"mad.lo.s32 %r10, %r1, %r2, %r3;", "r10",
               [](u64 a, u64 b, u64 c) {
                   return u64(u32(u32(a) * u32(b) + u32(c)));
               }},
              {"mad.wide.u32 %rd10, %r1, %r2, %rd3;", "rd10",
               [](u64 a, u64 b, u64 c) {
                   return u64(u32(a)) * u32(b) + c;
               }},
              {"mad.hi.u32 %r10, %r1, %r2, %r3;", "r10",
               [](u64 a, u64 b, u64 c) {
                   return u64(u32(((u64(u32(a)) * u32(b)) >> 32) + c));
               }},
              {"or.b32 %r2, %r2, 1; div.u32 %r10, %r1, %r2;", "r10",
               [](u64 a, u64 b, u64) {
                   return u64(u32(a) / (u32(b) | 1));
               }},
              {"or.b32 %r2, %r2, 1; rem.u32 %r10, %r1, %r2;", "r10",
               [](u64 a, u64 b, u64) {
                   return u64(u32(a) % (u32(b) | 1));
               }},
              {"or.b64 %rd2, %rd2, 1; div.s64 %rd10, %rd1, %rd2;", "rd10",
               [](u64 a, u64 b, u64) {
                   return s64(b | 1) == -1 ? 0 - a : u64(s64(a) / s64(b | 1));
               }},
              {"or.b32 %r2, %r2, 1; rem.s32 %r10, %r1, %r2;", "r10",
               [](u64 a, u64 b, u64) {
                   return s32(b | 1) == -1 ? 0 : u64(u32(s32(a) % s32(b | 1)));
               }},
              {"min.s32 %r10, %r1, %r2;", "r10",
               [](u64 a, u64 b, u64) {
                   return u64(u32(std::min(s32(a), s32(b))));
               }},
              {"max.u64 %rd10, %rd1, %rd2;", "rd10",
               [](u64 a, u64 b, u64) {
                   return std::max(a, b);
               }},
              {"abs.s32 %r10, %r1;", "r10",
               [](u64 a, u64, u64) {
                   return u64(s32(a) < 0 ? 0 - u32(a) : u32(a));
               }},
              {"neg.s64 %rd10, %rd1;", "rd10",
               [](u64 a, u64, u64) {
                   return 0 - a;
               }},
              {"sad.u32 %r10, %r1, %r2, %r3;", "r10",
               [](u64 a, u64 b, u64 c) {
                   return u64(u32(c) + (u32(a) > u32(b) ? u32(a) - u32(b) : u32(b) - u32(a)));
               }},
              {"add.cc.u32 %r10, %r1, %r2; addc.u32 %r10, %r3, 0;", "r10",
               [](u64 a, u64 b, u64 c) {
                   return u64(u32(c + ((u64(u32(a)) + u32(b)) >> 32)));
               }},
              {"sub.cc.u32 %r10, %r1, %r2; subc.u32 %r10, %r3, 0;", "r10",
               [](u64 a, u64 b, u64 c) {
                   return u64(u32(c - (u32(a) < u32(b))));
               }},
              {"dp4a.s32.s32 %r10, %r1, %r2, %r3;", "r10",
               [](u64 a, u64 b, u64 c) {
                   u32 r = u32(c);
                   for (int k = 0; k < 4; ++k)
                       r += u32(s32(s8(a >> 8 * k)) * s8(b >> 8 * k));
                   return u64(r);
               }},
          });
}
TEST(Ptx, LogicShiftsAndBitFields)
{
    check(Kind::Int,
          {
              {"and.b32 %r10, %r1, %r2;", "r10",
               [](u64 a, u64 b, u64) {
                   return u64(u32(a & b));
               }},
              {"or.b64 %rd10, %rd1, %rd2;", "rd10",
               [](u64 a, u64 b, u64) {
                   return a | b;
               }},
              {"xor.b16 %rs10, %rs1, %rs2;", "rs10",
               [](u64 a, u64 b, u64) {
                   return u64(u16(a ^ b));
               }},
              {"not.b32 %r10, %r1;", "r10",
               [](u64 a, u64, u64) {
                   return u64(u32(~a));
               }},
              {"cnot.b32 %r10, %r1;", "r10",
               [](u64 a, u64, u64) {
                   return u64(u32(a) == 0);
               }},
              {"lop3.b32 %r10, %r1, %r2, %r3, 0xca;", "r10",
               [](u64 a, u64 b, u64 c) {
                   return u64(lop(u32(a), u32(b), u32(c), 0xca));
               }},
              {"lop3.b32 %r10, %r1, %r2, %r3, 0x96;", "r10",
               [](u64 a, u64 b, u64 c) {
                   return u64(lop(u32(a), u32(b), u32(c), 0x96));
               }},
              {"shl.b32 %r10, %r1, %r2;", "r10",
               [](u64 a, u64 b, u64) {
                   return u32(b) >= 32 ? 0 : u64(u32(a) << u32(b));
               }},
              {"shr.u64 %rd10, %rd1, %r2;", "rd10",
               [](u64 a, u64 b, u64) {
                   return u32(b) >= 64 ? 0 : a >> u32(b);
               }},
              {"shr.s32 %r10, %r1, %r2;", "r10",
               [](u64 a, u64 b, u64) {
                   return u64(u32(s32(a) >> (u32(b) >= 32 ? 31 : u32(b))));
               }},
              {"shf.l.wrap.b32 %r10, %r1, %r2, %r3;", "r10",
               [](u64 a, u64 b, u64 c) {
                   return u64(u32(((u64(u32(b)) << 32 | u32(a)) << (c & 31)) >> 32));
               }},
              {"shf.r.clamp.b32 %r10, %r1, %r2, %r3;", "r10",
               [](u64 a, u64 b, u64 c) {
                   return u64(u32((u64(u32(b)) << 32 | u32(a)) >> std::min(u32(c), 32u)));
               }},
              {"popc.b32 %r10, %r1;", "r10",
               [](u64 a, u64, u64) {
                   return u64(std::popcount(u32(a)));
               }},
              {"popc.b64 %r10, %rd1;", "r10",
               [](u64 a, u64, u64) {
                   return u64(std::popcount(a));
               }},
              {"clz.b32 %r10, %r1;", "r10",
               [](u64 a, u64, u64) {
                   return u64(std::countl_zero(u32(a)));
               }},
              {"clz.b64 %r10, %rd1;", "r10",
               [](u64 a, u64, u64) {
                   return u64(std::countl_zero(a));
               }},
              {"brev.b32 %r10, %r1;", "r10",
               [](u64 a, u64, u64) {
                   u32 r = 0;
                   for (int k = 0; k < 32; ++k)
                       r |= (u32(a) >> k & 1) << (31 - k);
                   return u64(r);
               }},
              {"bfind.u32 %r10, %r1;", "r10",
               [](u64 a, u64, u64) {
                   return u64(u32(a) ? u32(31 - std::countl_zero(u32(a))) : ~0u);
               }},
              {"bfind.s32 %r10, %r1;", "r10",
               [](u64 a, u64, u64) {
                   const u32 v = s32(a) < 0 ? ~u32(a) : u32(a);
                   return u64(v ? u32(31 - std::countl_zero(v)) : ~0u);
               }},
              {"bfind.shiftamt.u32 %r10, %r1;", "r10",
               [](u64 a, u64, u64) {
                   return u64(u32(a) ? u32(std::countl_zero(u32(a))) : ~0u);
               }},
              {"and.b32 %r2, %r2, 31; and.b32 %r3, %r3, 31; bfe.u32 %r10, %r1, %r2, %r3;", "r10",
               [](u64 a, u64 b, u64 c) {
                   return (u64(u32(a)) >> (b & 31)) & ((1ull << (c & 31)) - 1);
               }},
              {"bfe.s32 %r10, %r1, 4, 8;", "r10",
               [](u64 a, u64, u64) {
                   return u64(u32(s32(s8(a >> 4))));
               }},
              {"bfi.b32 %r10, %r1, %r2, 8, 12;", "r10",
               [](u64 a, u64 b, u64) {
                   return u64((u32(b) & ~0xfff00u) | ((u32(a) & 0xfff) << 8));
               }},
              {"bfi.b64 %rd10, %rd1, %rd2, 20, 30;", "rd10",
               [](u64 a, u64 b, u64) {
                   const u64 k = ((1ull << 30) - 1) << 20;
                   return (b & ~k) | ((a << 20) & k);
               }},
              {"prmt.b32 %r10, %r1, %r2, 0x5140;", "r10",
               [](u64 a, u64 b, u64) {
                   return u64((u32(a) & 0xff) | (u32(b) & 0xff) << 8 | (u32(a) >> 8 & 0xff) << 16
                              | (u32(b) >> 8 & 0xff) << 24);
               }},
              {"prmt.b32 %r10, %r1, 0, 0x8888;", "r10",
               [](u64 a, u64, u64) {
                   return u64(a & 0x80 ? ~0u : 0u);
               }},
              {"bmsk.clamp.b32 %r10, %r1, %r2;", "r10",
               [](u64 a, u64 b, u64) {
                   if (u32(a) >= 32) return u64(0);
                   const u64 m = u32(b) >= 32 ? ~0u : (1ull << u32(b)) - 1;
                   return u64(u32(m << u32(a)));
               }},
              {"mov.b64 %rd10, {%r1, %r2};", "rd10",
               [](u64 a, u64 b, u64) {
                   return u64(u32(a)) | u64(u32(b)) << 32;
               }},
              {"mov.b64 {%r11, %r10}, %rd1;", "r10",
               [](u64 a, u64, u64) {
                   return a >> 32;
               }},
              {"mov.b32 %r10, {%rs1, %rs2};", "r10",
               [](u64 a, u64 b, u64) {
                   return u64(u16(a) | u32(u16(b)) << 16);
               }},
              {"selp.b32 %r10, %r1, %r2, %p1;", "r10",
               [](u64, u64 b, u64) {
                   return u64(u32(b));
               }},
          });
}
TEST(Ptx, Comparisons)
{
    check(Kind::Int,
          {
              {"setp.lt.s32 %p10, %r1, %r2;", "p10",
               [](u64 a, u64 b, u64) {
                   return u64(s32(a) < s32(b));
               }},
              {"setp.ge.u32 %p10, %r1, %r2;", "p10",
               [](u64 a, u64 b, u64) {
                   return u64(u32(a) >= u32(b));
               }},
              {"setp.hi.u32 %p10, %r1, %r2;", "p10",
               [](u64 a, u64 b, u64) {
                   return u64(u32(a) > u32(b));
               }},
              {"setp.ne.s64 %p10, %rd1, %rd2;", "p10",
               [](u64 a, u64 b, u64) {
                   return u64(a != b);
               }},
              {"setp.gt.s16 %p10, %rs1, %rs2;", "p10",
               [](u64 a, u64 b, u64) {
                   return u64(s16(a) > s16(b));
               }},
              {"setp.eq.u32 %p1, %r1, %r3; setp.lt.and.s32 %p10, %r1, %r2, !%p1;", "p10",
               [](u64 a, u64 b, u64 c) {
                   return u64(s32(a) < s32(b) && u32(a) != u32(c));
               }},
              {"setp.lt.s32 %p1|%p10, %r1, %r2;", "p10",
               [](u64 a, u64 b, u64) {
                   return u64(!(s32(a) < s32(b)));
               }},
              {"setp.lt.s32 %p1, %r1, %r2; setp.lt.s32 %p2, %r2, %r3; xor.pred %p10, %p1, %p2;",
               "p10",
               [](u64 a, u64 b, u64 c) {
                   return u64((s32(a) < s32(b)) != (s32(b) < s32(c)));
               }},
          });
    check(Kind::F32, {
                         {"setp.lt.f32 %p10, %f1, %f2;", "p10",
                          [](u64 a, u64 b, u64) {
                              return u64(F(a) < F(b));
                          }},
                         {"setp.ne.f32 %p10, %f1, %f2;", "p10",
                          [](u64 a, u64 b, u64) {
                              return u64(F(a) < F(b) || F(a) > F(b));
                          }},
                         {"setp.neu.f32 %p10, %f1, %f2;", "p10",
                          [](u64 a, u64 b, u64) {
                              return u64(F(a) != F(b));
                          }},
                         {"setp.gtu.f32 %p10, %f1, %f2;", "p10",
                          [](u64 a, u64 b, u64) {
                              return u64(!(F(a) <= F(b)));
                          }},
                         {"setp.num.f32 %p10, %f1, %f2;", "p10",
                          [](u64 a, u64 b, u64) {
                              return u64(F(a) == F(a) && F(b) == F(b));
                          }},
                         {"setp.nan.f32 %p10, %f1, %f2;", "p10",
                          [](u64 a, u64 b, u64) {
                              return u64(F(a) != F(a) || F(b) != F(b));
                          }},
                         {"testp.subnormal.f32 %p10, %f1;", "p10",
                          [](u64 a, u64, u64) {
                              return u64(std::fpclassify(F(a)) == FP_SUBNORMAL);
                          }},
                     });
}
TEST(Ptx, SinglePrecision)
{
    check(
        Kind::F32,
        {
            {"add.f32 %f10, %f1, %f2;", "f10",
             [](u64 a, u64 b, u64) {
                 return bits(F(a) + F(b));
             }},
            {"sub.rn.f32 %f10, %f1, %f2;", "f10",
             [](u64 a, u64 b, u64) {
                 return bits(F(a) - F(b));
             }},
            {"add.rz.f32 %f10, %f1, %f2;", "f10",
             [](u64 a, u64 b, u64) {
                 volatile f32 x = F(a), y = F(b);
                 return bits(rounded(FE_TOWARDZERO, [&] { return x + y; }));
             }},
            {"mul.rm.f32 %f10, %f1, %f2;", "f10",
             [](u64 a, u64 b, u64) {
                 volatile f32 x = F(a), y = F(b);
                 return bits(rounded(FE_DOWNWARD, [&] { return x * y; }));
             }},
            {"fma.rn.f32 %f10, %f1, %f2, %f3;", "f10",
             [](u64 a, u64 b, u64 c) {
                 return bits(std::fma(F(a), F(b), F(c)));
             }},
            {"fma.rn.sat.f32 %f10, %f1, %f2, %f3;", "f10",
             [](u64 a, u64 b, u64 c) {
                 const f32 r = std::fma(F(a), F(b), F(c));
                 return bits(r > 0 ? std::min(r, 1.f) : 0.f);
             }},
            {"mul.ftz.f32 %f10, %f1, %f2;", "f10",
             [](u64 a, u64 b, u64) {
                 auto z = [](f32 v) {
                     return std::fabs(v) < 1.17549435e-38f ? std::copysign(0.f, v) : v;
                 };
                 return bits(z(z(F(a)) * z(F(b))));
             }},
            {"div.rn.f32 %f10, %f1, %f2;", "f10",
             [](u64 a, u64 b, u64) {
                 return bits(F(a) / F(b));
             }},
            {"min.f32 %f10, %f1, %f2;", "f10",
             [](u64 a, u64 b, u64) {
                 const f32 x = F(a), y = F(b);
                 return bits(x == 0 && y == 0 ? (std::signbit(x) ? x : y) : std::fmin(x, y));
             }},
            {"max.NaN.f32 %f10, %f1, %f2;", "f10",
             [](u64 a, u64 b, u64) {
                 const f32 x = F(a), y = F(b);
                 return std::isnan(x) || std::isnan(y)
                            ? bits(NAN)
                            : bits(x == 0 && y == 0 ? (std::signbit(x) ? y : x) : std::fmax(x, y));
             }},
            {"abs.f32 %f10, %f1;", "f10",
             [](u64 a, u64, u64) {
                 return bits(std::fabs(F(a)));
             }},
            {"neg.f32 %f10, %f1;", "f10",
             [](u64 a, u64, u64) {
                 return bits(-F(a));
             }},
            {"sqrt.rn.f32 %f10, %f1;", "f10",
             [](u64 a, u64, u64) {
                 return bits(std::sqrt(F(a)));
             }},
            {"rcp.rn.f32 %f10, %f1;", "f10",
             [](u64 a, u64, u64) {
                 return bits(1.f / F(a));
             }},
            {"copysign.f32 %f10, %f1, %f2;", "f10",
             [](u64 a, u64 b, u64) {
                 return bits(std::copysign(F(b), F(a)));
             }},
        });
}
TEST(Ptx, ApproximationsAreCorrectlyRounded)
{
    check(Kind::F32,
          {
              {"ex2.approx.f32 %f10, %f1;", "f10",
               [](u64 a, u64, u64) {
                   return bits(f32(std::exp2(f64(F(a)))));
               }},
              {"lg2.approx.f32 %f10, %f1;", "f10",
               [](u64 a, u64, u64) {
                   return bits(f32(std::log2(f64(F(a)))));
               }},
              {"sin.approx.f32 %f10, %f1;", "f10",
               [](u64 a, u64, u64) {
                   return bits(f32(std::sin(f64(F(a)))));
               }},
              {"cos.approx.f32 %f10, %f1;", "f10",
               [](u64 a, u64, u64) {
                   return bits(f32(std::cos(f64(F(a)))));
               }},
              {"rsqrt.approx.f32 %f10, %f1;", "f10",
               [](u64 a, u64, u64) {
                   return bits(f32(1 / std::sqrt(f64(F(a)))));
               }},
              {"rcp.approx.f32 %f10, %f1;", "f10",
               [](u64 a, u64, u64) {
                   return bits(1.f / F(a));
               }},
              {"tanh.approx.f32 %f10, %f1;", "f10",
               [](u64 a, u64, u64) {
                   return bits(f32(std::tanh(f64(F(a)))));
               }},
              {"div.approx.f32 %f10, %f1, %f2;", "f10",
               [](u64 a, u64 b, u64) {
                   return bits(F(a) / F(b));
               }},
          },
          0.51);
}
TEST(Ptx, DoublePrecision)
{
    check(Kind::F64, {
                         {"add.f64 %fd10, %fd1, %fd2;", "fd10",
                          [](u64 a, u64 b, u64) {
                              return bits(D(a) + D(b));
                          }},
                         {"fma.rn.f64 %fd10, %fd1, %fd2, %fd3;", "fd10",
                          [](u64 a, u64 b, u64 c) {
                              return bits(std::fma(D(a), D(b), D(c)));
                          }},
                         {"div.rn.f64 %fd10, %fd1, %fd2;", "fd10",
                          [](u64 a, u64 b, u64) {
                              return bits(D(a) / D(b));
                          }},
                         {"sqrt.rn.f64 %fd10, %fd1;", "fd10",
                          [](u64 a, u64, u64) {
                              return bits(std::sqrt(D(a)));
                          }},
                         {"setp.le.f64 %p10, %fd1, %fd2;", "p10",
                          [](u64 a, u64 b, u64) {
                              return u64(D(a) <= D(b));
                          }},
                         {"cvt.rn.f32.f64 %f10, %fd1;", "f10",
                          [](u64 a, u64, u64) {
                              return bits(f32(D(a)));
                          }},
                         {"cvt.rz.f32.f64 %f10, %fd1;", "f10",
                          [](u64 a, u64, u64) {
                              volatile f64 x = D(a);
                              return bits(rounded(FE_TOWARDZERO, [&] { return f32(x); }));
                          }},
                         {"cvt.rzi.s32.f64 %r10, %fd1;", "r10",
                          [](u64 a, u64, u64) {
                              const f64 x = std::trunc(D(a));
                              return u64(u32(std::isnan(x)    ? 0
                                             : x <= INT32_MIN ? INT32_MIN
                                             : x >= INT32_MAX ? INT32_MAX
                                                              : s32(x)));
                          }},
                     });
}
TEST(Ptx, Conversions)
{
    check(Kind::Int, {
                         {"cvt.s32.s16 %r10, %rs1;", "r10",
                          [](u64 a, u64, u64) {
                              return u64(u32(s32(s16(a))));
                          }},
                         {"cvt.s64.s32 %rd10, %r1;", "rd10",
                          [](u64 a, u64, u64) {
                              return u64(s64(s32(a)));
                          }},
                         {"cvt.s64.s32 %rd10, %rd1;", "rd10",
                          [](u64 a, u64, u64) {
                              return u64(s64(s32(a)));
                          }},
                         {"cvt.u32.u8 %r10, %r1;", "r10",
                          [](u64 a, u64, u64) {
                              return u64(u8(a));
                          }},
                         {"cvt.s32.s8 %r10, %r1;", "r10",
                          [](u64 a, u64, u64) {
                              return u64(u32(s32(s8(a))));
                          }},
                         {"cvt.sat.u8.s32 %r10, %r1;", "r10",
                          [](u64 a, u64, u64) {
                              return u64(std::min(std::max(s32(a), 0), 255));
                          }},
                         {"cvt.sat.s16.s32 %rs10, %r1;", "rs10",
                          [](u64 a, u64, u64) {
                              return u64(u16(s16(std::min(std::max(s32(a), -32768), 32767))));
                          }},
                         {"cvt.rn.f32.s32 %f10, %r1;", "f10",
                          [](u64 a, u64, u64) {
                              return bits(f32(s32(a)));
                          }},
                         {"cvt.rz.f32.u32 %f10, %r1;", "f10",
                          [](u64 a, u64, u64) {
                              volatile u32 x = u32(a);
                              return bits(rounded(FE_TOWARDZERO, [&] { return f32(f64(x)); }));
                          }},
                         {"cvt.rn.f64.u64 %fd10, %rd1;", "fd10",
                          [](u64 a, u64, u64) {
                              return bits(f64(a));
                          }},
                         {"cvt.rn.bf16x2.f32 %r10, 0f3F800000, 0f40000000;", "r10",
                          [](u64, u64, u64) {
                              return u64(0x3f804000);
                          }},
                     });
    check(
        Kind::F32,
        {
            {"cvt.rzi.s32.f32 %r10, %f1;", "r10",
             [](u64 a, u64, u64) {
                 const f64 x = std::trunc(f64(F(a)));
                 return u64(u32(std::isnan(x)    ? 0
                                : x <= INT32_MIN ? INT32_MIN
                                : x >= INT32_MAX ? INT32_MAX
                                                 : s32(x)));
             }},
            {"cvt.rni.u64.f32 %rd10, %f1;", "rd10",
             [](u64 a, u64, u64) {
                 const f64 x = std::nearbyint(f64(F(a)));
                 return std::isnan(x) || x <= 0 ? 0 : x >= 18446744073709551615.0 ? ~0ull : u64(x);
             }},
            {"cvt.rmi.f32.f32 %f10, %f1;", "f10",
             [](u64 a, u64, u64) {
                 return bits(std::floor(F(a)));
             }},
            {"cvt.rpi.f32.f32 %f10, %f1;", "f10",
             [](u64 a, u64, u64) {
                 return bits(std::ceil(F(a)));
             }},
            {"cvt.sat.f32.f32 %f10, %f1;", "f10",
             [](u64 a, u64, u64) {
                 const f32 v = F(a);
                 return bits(v > 0 ? std::min(v, 1.f) : 0.f);
             }},
            {"cvt.f64.f32 %fd10, %f1;", "fd10",
             [](u64 a, u64, u64) {
                 return bits(f64(F(a)));
             }},
            {"cvt.rn.f16.f32 %rs10, %f1;", "rs10",
             [](u64 a, u64, u64) {
                 return std::isnan(F(a)) ? 0x7fff : u64(std::bit_cast<u16>(_Float16(F(a))));
             }},
            {"cvt.rna.tf32.f32 %r10, %f1;", "r10",
             [](u64 a, u64, u64) {
                 return std::isfinite(F(a)) ? u64((u32(a) + 0x1000) & 0xffffe000) : u64(u32(a));
             }},
            {"cvt.rn.satfinite.e4m3x2.f32 %rs10, 0f43E00000, 0f3F800000;", "rs10",
             [](u64, u64, u64) {
                 return u64(0x7e38);
             }},
        });
}
TEST(Ptx, HalfPrecision)
{
    auto lo = [](u64 v) {
        return f32(std::bit_cast<_Float16>(u16(v)));
    };
    auto hi = [](u64 v) {
        return f32(std::bit_cast<_Float16>(u16(v >> 16)));
    };
    auto h = [](f64 v) {
        return u64(std::bit_cast<u16>(_Float16(v)));
    };
    auto bf = [](u64 v) {
        return std::bit_cast<f32>(u32(v & 0xffff) << 16);
    };
    auto to_bf = [](f32 f) {
        const u32 u = std::bit_cast<u32>(f);
        return u64(u16((u + 0x7fff + (u >> 16 & 1)) >> 16));
    };
    check(Kind::Half, {
                          {"add.f16 %rs10, %rs1, %rs2;", "rs10",
                           [=](u64 a, u64 b, u64) {
                               return h(f64(lo(a)) + lo(b));
                           }},
                          {"mul.f16x2 %r10, %r1, %r2;", "r10",
                           [=](u64 a, u64 b, u64) {
                               return h(f64(lo(a)) * lo(b)) | h(f64(hi(a)) * hi(b)) << 16;
                           }},
                          {"fma.rn.f16x2 %r10, %r1, %r2, %r3;", "r10",
                           [=](u64 a, u64 b, u64 c) {
                               return h(f64(lo(a)) * lo(b) + lo(c))
                                      | h(f64(hi(a)) * hi(b) + hi(c)) << 16;
                           }},
                          {"neg.f16x2 %r10, %r1;", "r10",
                           [=](u64 a, u64, u64) {
                               return u64(u32(a) ^ 0x80008000);
                           }},
                          {"setp.gt.f16 %p10, %rs1, %rs2;", "p10",
                           [=](u64 a, u64 b, u64) {
                               return u64(lo(a) > lo(b));
                           }},
                          {"cvt.f32.f16 %f10, %rs1;", "f10",
                           [=](u64 a, u64, u64) {
                               return bits(lo(a));
                           }},
                          {"max.f16x2 %r10, %r1, %r2;", "r10",
                           [=](u64 a, u64 b, u64) {
                               return h(std::max(lo(a), lo(b))) | h(std::max(hi(a), hi(b))) << 16;
                           }},
                          {"fma.rn.bf16 %rs10, %rs1, %rs2, %rs3;", "rs10",
                           [=](u64 a, u64 b, u64 c) {
                               return to_bf(std::fma(bf(a), bf(b), bf(c)));
                           }},
                          {"cvt.rn.bf16.f32 %rs10, %f1;", "rs10",
                           [=](u64 a, u64, u64) {
                               return to_bf(F(a));
                           }},
                      });
}
TEST(Ptx, MemoryAndAtomics)
{
    char const* shared =
        ".shared .align 8 .b8 buf[256]; mov.u32 %r20, buf; mad.lo.u32 %r21, %r15, 8, %r20; ";
    auto with = [&](char const* s) {
        static std::vector<string*> keep;
        keep.push_back(new string(string(shared) + s));
        return keep.back()->c_str();
    };
    check(
        Kind::Int,
        {
            {with("st.shared.u64 [%r21], %rd1; ld.shared.u8 %r10, [%r21+1];"), "r10",
             [](u64 a, u64, u64) {
                 return a >> 8 & 255;
             }},
            {with("st.shared.u64 [%r21], %rd1; ld.shared.s16 %r10, [%r21+2];"), "r10",
             [](u64 a, u64, u64) {
                 return u64(u32(s32(s16(a >> 16))));
             }},
            {with("st.shared.v2.u32 [%r21], {%r1, %r2}; ld.shared.v2.u32 {%r11, %r10}, [%r21];"),
             "r10",
             [](u64, u64 b, u64) {
                 return u64(u32(b));
             }},
            {with("st.shared.u32 [%r21], %r1; atom.shared.add.u32 %r11, [%r21], %r2; ld.shared.u32 "
                  "%r10, [%r21];"),
             "r10",
             [](u64 a, u64 b, u64) {
                 return u64(u32(a + b));
             }},
            {with("st.shared.u32 [%r21], %r1; atom.shared.max.s32 %r11, [%r21], %r2; ld.shared.u32 "
                  "%r10, [%r21];"),
             "r10",
             [](u64 a, u64 b, u64) {
                 return u64(u32(std::max(s32(a), s32(b))));
             }},
            {with("st.shared.u32 [%r21], %r1; atom.shared.cas.b32 %r11, [%r21], %r1, %r2; "
                  "ld.shared.u32 %r10, [%r21];"),
             "r10",
             [](u64, u64 b, u64) {
                 return u64(u32(b));
             }},
            {with("st.shared.u64 [%r21], %rd1; atom.shared.exch.b64 %rd10, [%r21], %rd2;"), "rd10",
             [](u64 a, u64, u64) {
                 return a;
             }},
            {with("st.shared.u32 [%r21], %r1; atom.shared.inc.u32 %r11, [%r21], %r2; ld.shared.u32 "
                  "%r10, [%r21];"),
             "r10",
             [](u64 a, u64 b, u64) {
                 return u64(u32(a) >= u32(b) ? 0 : u32(a) + 1);
             }},
            {with("st.shared.u32 [%r21], %r1; red.shared.xor.b32 [%r21], %r2; ld.shared.u32 %r10, "
                  "[%r21];"),
             "r10",
             [](u64 a, u64 b, u64) {
                 return u64(u32(a ^ b));
             }},
            {with("st.shared.u32 [%r21], 0f3F800000; red.shared.add.f32 [%r21], 0f40000000; "
                  "ld.shared.u32 %r10, [%r21];"),
             "r10",
             [](u64, u64, u64) {
                 return bits(3.f);
             }},
            {with("cvt.u64.u32 %rd11, %r21; cvta.shared.u64 %rd11, %rd11; st.u32 [%rd11], %r1; "
                  "ld.u32 %r10, [%rd11];"),
             "r10",
             [](u64 a, u64, u64) {
                 return u64(u32(a));
             }},
            {".local .align 8 .b8 stack[16]; mov.u64 %rd11, stack; st.local.u64 [%rd11+8], %rd1; "
             "cvta.local.u64 %rd12, %rd11; ld.u64 %rd10, [%rd12+8];",
             "rd10",
             [](u64 a, u64, u64) {
                 return a;
             }},
        });
}
TEST(Ptx, WarpOperations)
{
    const Words a = operands(Kind::Int, 1, 0);
    auto expect = [&](char const* ptx, char const* result, auto host) {
        const Result r = run_ptx(ptx, result, a);
        ASSERT_EQ(r.error, cudaSuccess) << ptx << report_text();
        for (u32 l = 0; l < 32; ++l)
            ASSERT_EQ(r.d[l], u64(host(l))) << ptx << " lane " << l;
    };
    auto v = [&](u32 l) {
        return u32(a[l]);
    };
    expect("shfl.sync.idx.b32 %r10, %r1, 5, 31, -1;", "r10", [&](u32) { return v(5); });
    expect("shfl.sync.up.b32 %r10|%p1, %r1, 3, 0, -1;", "r10",
           [&](u32 l) { return l >= 3 ? v(l - 3) : v(l); });
    expect("shfl.sync.down.b32 %r10, %r1, 4, 31, -1;", "r10",
           [&](u32 l) { return l + 4 < 32 ? v(l + 4) : v(l); });
    expect("shfl.sync.bfly.b32 %r10, %r1, 1, 6175, -1;", "r10",
           [&](u32 l) { return v(l ^ 1); });  // width 8
    expect("setp.lt.s32 %p1, %r1, 0; vote.sync.ballot.b32 %r10, %p1, -1;", "r10", [&](u32) {
        u32 m = 0;
        for (u32 l = 0; l < 32; ++l)
            m |= u32(s32(v(l)) < 0) << l;
        return m;
    });
    expect("setp.eq.u32 %p1, %r15, 7; vote.sync.any.pred %p10, %p1, -1;", "p10",
           [&](u32) { return 1; });
    expect("setp.lt.u32 %p1, %r15, 31; vote.sync.all.pred %p10, %p1, -1;", "p10",
           [&](u32) { return 0; });
    expect("redux.sync.add.u32 %r10, %r1, -1;", "r10", [&](u32) {
        u32 s = 0;
        for (u32 l = 0; l < 32; ++l)
            s += v(l);
        return s;
    });
    expect("redux.sync.min.s32 %r10, %r1, -1;", "r10", [&](u32) {
        s32 s = INT32_MAX;
        for (u32 l = 0; l < 32; ++l)
            s = std::min(s, s32(v(l)));
        return u32(s);
    });
    expect("shr.u32 %r2, %r15, 2; match.any.sync.b32 %r10, %r2, -1;", "r10",
           [&](u32 l) { return 15u << (l & ~3u); });
    expect("elect.sync _|%p10, -1;", "p10", [&](u32 l) { return l == 0; });
    expect("setp.lt.u32 %p1, %r15, 8; mov.u32 %r10, 0; @%p1 activemask.b32 %r10;", "r10",
           [&](u32 l) { return l < 8 ? 255u : 0u; });
    expect("mov.u32 %r10, %lanemask_lt;", "r10", [&](u32 l) { return (1u << l) - 1; });
    // two halves of the warp in different branches, then together again
    expect(
        "setp.lt.u32 %p1, %r15, 16; @%p1 bra A; redux.sync.add.u32 %r10, %r15, 0xffff0000; bra B; "
        "A: redux.sync.max.u32 %r10, %r15, 0xffff; B: bar.warp.sync -1;",
        "r10", [&](u32 l) { return l < 16 ? 15u : 376u; });
    expect("mov.u32 %r10, 0; L: add.u32 %r10, %r10, 2; setp.lt.u32 %p1, %r10, %r15; @%p1 bra L;",
           "r10", [&](u32 l) { return std::max(2u, (l + 1) / 2 * 2); });
}
TEST(Ptx, IndexedBranch)
{
    const Result r = run_ptx(
        "rem.u32 %r11, %r15, 3; brx.idx %r11, T; T: .branchtargets X, Y, Z; X: mov.u32 %r10, 100; "
        "bra E; Y: mov.u32 %r10, 200; bra E; Z: mov.u32 %r10, 300; E: ",
        "r10", {});
    ASSERT_EQ(r.error, cudaSuccess) << report_text();
    for (u32 l = 0; l < 32; ++l)
        ASSERT_EQ(r.d[l], (l % 3 + 1) * 100);
}
TEST(Ptx, NoReports)
{
    EXPECT_EQ(report_count(), 0u) << report_text();
}
