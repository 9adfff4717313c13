// Integer instructions, logic, comparisons.
#include "tests/emulator/tests/ptx_cases.hpp"

namespace calofuse::emulator::test {
namespace {

u32 lop(u32 a, u32 b, u32 c, u32 t)
{
    u32 r = 0;
    for (int i = 0; i < 32; ++i)
        r |= (t >> ((a >> i & 1) * 4 + (b >> i & 1) * 2 + (c >> i & 1)) & 1) << i;
    return r;
}

TEST(Ptx, integer_arithmetic)
{
    check(Kind::integer,
          {
              {"add.s32 %r10, %r1, %r2;", "r10",
               [](u64 a, u64 b, u64) {
                   return u64(u32(a + b));
               }},
              {"add.sat.s32 %r10, %r1, %r2;", "r10",
               [](u64 a, u64 b, u64) {
                   s64 const r = s64(s32(a)) + s32(b);
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

TEST(Ptx, logic_shifts_and_bit_fields)
{
    check(Kind::integer,
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
                   u32 const v = s32(a) < 0 ? ~u32(a) : u32(a);
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
                   u64 const k = ((1ull << 30) - 1) << 20;
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
                   u64 const m = u32(b) >= 32 ? ~0u : (1ull << u32(b)) - 1;
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

TEST(Ptx, comparisons)
{
    check(Kind::integer,
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
    check(Kind::f32, {
                         {"setp.lt.f32 %p10, %f1, %f2;", "p10",
                          [](u64 a, u64 b, u64) {
                              return u64(as_f32(a) < as_f32(b));
                          }},
                         {"setp.ne.f32 %p10, %f1, %f2;", "p10",
                          [](u64 a, u64 b, u64) {
                              return u64(as_f32(a) < as_f32(b) || as_f32(a) > as_f32(b));
                          }},
                         {"setp.neu.f32 %p10, %f1, %f2;", "p10",
                          [](u64 a, u64 b, u64) {
                              return u64(as_f32(a) != as_f32(b));
                          }},
                         {"setp.gtu.f32 %p10, %f1, %f2;", "p10",
                          [](u64 a, u64 b, u64) {
                              return u64(!(as_f32(a) <= as_f32(b)));
                          }},
                         {"setp.num.f32 %p10, %f1, %f2;", "p10",
                          [](u64 a, u64 b, u64) {
                              return u64(as_f32(a) == as_f32(a) && as_f32(b) == as_f32(b));
                          }},
                         {"setp.nan.f32 %p10, %f1, %f2;", "p10",
                          [](u64 a, u64 b, u64) {
                              return u64(as_f32(a) != as_f32(a) || as_f32(b) != as_f32(b));
                          }},
                         {"testp.subnormal.f32 %p10, %f1;", "p10",
                          [](u64 a, u64, u64) {
                              return u64(std::fpclassify(as_f32(a)) == FP_SUBNORMAL);
                          }},
                     });
}

}  // namespace
}  // namespace calofuse::emulator::test
