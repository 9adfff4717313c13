// Floating point of all sizes, and conversions.
#include "tests/emulator/tests/ptx_cases.hpp"

namespace calofuse::emulator::test {
namespace {

template <class F>
f32 rounded(int mode, F f)
{
    std::fesetround(mode);
    volatile f32 r = f();
    std::fesetround(FE_TONEAREST);
    return r;
}

TEST(Ptx, single_precision)
{
    check(
        Kind::f32,
        {
            {"add.f32 %f10, %f1, %f2;", "f10",
             [](u64 a, u64 b, u64) {
                 return bits(as_f32(a) + as_f32(b));
             }},
            {"sub.rn.f32 %f10, %f1, %f2;", "f10",
             [](u64 a, u64 b, u64) {
                 return bits(as_f32(a) - as_f32(b));
             }},
            {"add.rz.f32 %f10, %f1, %f2;", "f10",
             [](u64 a, u64 b, u64) {
                 volatile f32 x = as_f32(a), y = as_f32(b);
                 return bits(rounded(FE_TOWARDZERO, [&] { return x + y; }));
             }},
            {"mul.rm.f32 %f10, %f1, %f2;", "f10",
             [](u64 a, u64 b, u64) {
                 volatile f32 x = as_f32(a), y = as_f32(b);
                 return bits(rounded(FE_DOWNWARD, [&] { return x * y; }));
             }},
            {"fma.rn.f32 %f10, %f1, %f2, %f3;", "f10",
             [](u64 a, u64 b, u64 c) {
                 return bits(std::fma(as_f32(a), as_f32(b), as_f32(c)));
             }},
            {"fma.rn.sat.f32 %f10, %f1, %f2, %f3;", "f10",
             [](u64 a, u64 b, u64 c) {
                 f32 const r = std::fma(as_f32(a), as_f32(b), as_f32(c));
                 return bits(r > 0 ? std::min(r, 1.f) : 0.f);
             }},
            {"mul.ftz.f32 %f10, %f1, %f2;", "f10",
             [](u64 a, u64 b, u64) {
                 auto z = [](f32 v) {
                     return std::fabs(v) < 1.17549435e-38f ? std::copysign(0.f, v) : v;
                 };
                 return bits(z(z(as_f32(a)) * z(as_f32(b))));
             }},
            {"div.rn.f32 %f10, %f1, %f2;", "f10",
             [](u64 a, u64 b, u64) {
                 return bits(as_f32(a) / as_f32(b));
             }},
            {"min.f32 %f10, %f1, %f2;", "f10",
             [](u64 a, u64 b, u64) {
                 f32 const x = as_f32(a), y = as_f32(b);
                 return bits(x == 0 && y == 0 ? (std::signbit(x) ? x : y) : std::fmin(x, y));
             }},
            {"max.NaN.f32 %f10, %f1, %f2;", "f10",
             [](u64 a, u64 b, u64) {
                 f32 const x = as_f32(a), y = as_f32(b);
                 return std::isnan(x) || std::isnan(y)
                            ? bits(NAN)
                            : bits(x == 0 && y == 0 ? (std::signbit(x) ? y : x) : std::fmax(x, y));
             }},
            {"abs.f32 %f10, %f1;", "f10",
             [](u64 a, u64, u64) {
                 return bits(std::fabs(as_f32(a)));
             }},
            {"neg.f32 %f10, %f1;", "f10",
             [](u64 a, u64, u64) {
                 return bits(-as_f32(a));
             }},
            {"sqrt.rn.f32 %f10, %f1;", "f10",
             [](u64 a, u64, u64) {
                 return bits(std::sqrt(as_f32(a)));
             }},
            {"rcp.rn.f32 %f10, %f1;", "f10",
             [](u64 a, u64, u64) {
                 return bits(1.f / as_f32(a));
             }},
            {"copysign.f32 %f10, %f1, %f2;", "f10",
             [](u64 a, u64 b, u64) {
                 return bits(std::copysign(as_f32(b), as_f32(a)));
             }},
        });
}

TEST(Ptx, approximations_are_correctly_rounded)
{
    check(Kind::f32,
          {
              {"ex2.approx.f32 %f10, %f1;", "f10",
               [](u64 a, u64, u64) {
                   return bits(f32(std::exp2(f64(as_f32(a)))));
               }},
              {"lg2.approx.f32 %f10, %f1;", "f10",
               [](u64 a, u64, u64) {
                   return bits(f32(std::log2(f64(as_f32(a)))));
               }},
              {"sin.approx.f32 %f10, %f1;", "f10",
               [](u64 a, u64, u64) {
                   return bits(f32(std::sin(f64(as_f32(a)))));
               }},
              {"cos.approx.f32 %f10, %f1;", "f10",
               [](u64 a, u64, u64) {
                   return bits(f32(std::cos(f64(as_f32(a)))));
               }},
              {"rsqrt.approx.f32 %f10, %f1;", "f10",
               [](u64 a, u64, u64) {
                   return bits(f32(1 / std::sqrt(f64(as_f32(a)))));
               }},
              {"rcp.approx.f32 %f10, %f1;", "f10",
               [](u64 a, u64, u64) {
                   return bits(1.f / as_f32(a));
               }},
              {"tanh.approx.f32 %f10, %f1;", "f10",
               [](u64 a, u64, u64) {
                   return bits(f32(std::tanh(f64(as_f32(a)))));
               }},
              {"div.approx.f32 %f10, %f1, %f2;", "f10",
               [](u64 a, u64 b, u64) {
                   return bits(as_f32(a) / as_f32(b));
               }},
          },
          0.51);
}

TEST(Ptx, double_precision)
{
    check(Kind::f64, {
                         {"add.f64 %fd10, %fd1, %fd2;", "fd10",
                          [](u64 a, u64 b, u64) {
                              return bits(as_f64(a) + as_f64(b));
                          }},
                         {"fma.rn.f64 %fd10, %fd1, %fd2, %fd3;", "fd10",
                          [](u64 a, u64 b, u64 c) {
                              return bits(std::fma(as_f64(a), as_f64(b), as_f64(c)));
                          }},
                         {"div.rn.f64 %fd10, %fd1, %fd2;", "fd10",
                          [](u64 a, u64 b, u64) {
                              return bits(as_f64(a) / as_f64(b));
                          }},
                         {"sqrt.rn.f64 %fd10, %fd1;", "fd10",
                          [](u64 a, u64, u64) {
                              return bits(std::sqrt(as_f64(a)));
                          }},
                         {"setp.le.f64 %p10, %fd1, %fd2;", "p10",
                          [](u64 a, u64 b, u64) {
                              return u64(as_f64(a) <= as_f64(b));
                          }},
                         {"cvt.rn.f32.f64 %f10, %fd1;", "f10",
                          [](u64 a, u64, u64) {
                              return bits(f32(as_f64(a)));
                          }},
                         {"cvt.rz.f32.f64 %f10, %fd1;", "f10",
                          [](u64 a, u64, u64) {
                              volatile f64 x = as_f64(a);
                              return bits(rounded(FE_TOWARDZERO, [&] { return f32(x); }));
                          }},
                         {"cvt.rzi.s32.f64 %r10, %fd1;", "r10",
                          [](u64 a, u64, u64) {
                              f64 const x = std::trunc(as_f64(a));
                              return u64(u32(std::isnan(x)    ? 0
                                             : x <= INT32_MIN ? INT32_MIN
                                             : x >= INT32_MAX ? INT32_MAX
                                                              : s32(x)));
                          }},
                     });
}

TEST(Ptx, conversions)
{
    check(Kind::integer, {
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
    check(Kind::f32, {
                         {"cvt.rzi.s32.f32 %r10, %f1;", "r10",
                          [](u64 a, u64, u64) {
                              f64 const x = std::trunc(f64(as_f32(a)));
                              return u64(u32(std::isnan(x)    ? 0
                                             : x <= INT32_MIN ? INT32_MIN
                                             : x >= INT32_MAX ? INT32_MAX
                                                              : s32(x)));
                          }},
                         {"cvt.rni.u64.f32 %rd10, %f1;", "rd10",
                          [](u64 a, u64, u64) {
                              f64 const x = std::nearbyint(f64(as_f32(a)));
                              return std::isnan(x) || x <= 0       ? 0
                                     : x >= 18446744073709551615.0 ? ~0ull
                                                                   : u64(x);
                          }},
                         {"cvt.rmi.f32.f32 %f10, %f1;", "f10",
                          [](u64 a, u64, u64) {
                              return bits(std::floor(as_f32(a)));
                          }},
                         {"cvt.rpi.f32.f32 %f10, %f1;", "f10",
                          [](u64 a, u64, u64) {
                              return bits(std::ceil(as_f32(a)));
                          }},
                         {"cvt.sat.f32.f32 %f10, %f1;", "f10",
                          [](u64 a, u64, u64) {
                              f32 const v = as_f32(a);
                              return bits(v > 0 ? std::min(v, 1.f) : 0.f);
                          }},
                         {"cvt.f64.f32 %fd10, %f1;", "fd10",
                          [](u64 a, u64, u64) {
                              return bits(f64(as_f32(a)));
                          }},
                         {"cvt.rn.f16.f32 %rs10, %f1;", "rs10",
                          [](u64 a, u64, u64) {
                              return std::isnan(as_f32(a))
                                         ? 0x7fff
                                         : u64(std::bit_cast<u16>(_Float16(as_f32(a))));
                          }},
                         {"cvt.rna.tf32.f32 %r10, %f1;", "r10",
                          [](u64 a, u64, u64) {
                              return std::isfinite(as_f32(a)) ? u64((u32(a) + 0x1000) & 0xffffe000)
                                                              : u64(u32(a));
                          }},
                         {"cvt.rn.satfinite.e4m3x2.f32 %rs10, 0f43E00000, 0f3F800000;", "rs10",
                          [](u64, u64, u64) {
                              return u64(0x7e38);
                          }},
                     });
}

TEST(Ptx, half_precision)
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
        u32 const u = std::bit_cast<u32>(f);
        return u64(u16((u + 0x7fff + (u >> 16 & 1)) >> 16));
    };
    check(Kind::half, {
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
                               return to_bf(as_f32(a));
                           }},
                      });
}

}  // namespace
}  // namespace calofuse::emulator::test
