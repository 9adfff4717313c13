// Memory, atomics, warps, branches.
#include "tests/emulator/tests/ptx_cases.hpp"

namespace calofuse::emulator::test {
namespace {

TEST(Ptx, memory_and_atomics)
{
    char const* shared =
        ".shared .align 8 .b8 buf[256]; mov.u32 %r20, buf; mad.lo.u32 %r21, %r15, 8, %r20; ";
    auto with = [&](char const* s) {
        static std::vector<string*> keep;
        keep.push_back(new string(string(shared) + s));
        return keep.back()->c_str();
    };
    check(
        Kind::integer,
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

TEST(Ptx, warp_operations)
{
    Words const a = operands(Kind::integer, 1, 0);
    auto expect = [&](char const* ptx, char const* result, auto host) {
        Result const r = run_ptx(ptx, result, a);
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

TEST(Ptx, indexed_branch)
{
    Result const r = run_ptx(
        "rem.u32 %r11, %r15, 3; brx.idx %r11, T; T: .branchtargets X, Y, Z; X: mov.u32 %r10, 100; "
        "bra E; Y: mov.u32 %r10, 200; bra E; Z: mov.u32 %r10, 300; E: ",
        "r10", {});
    ASSERT_EQ(r.error, cudaSuccess) << report_text();
    for (u32 l = 0; l < 32; ++l)
        ASSERT_EQ(r.d[l], (l % 3 + 1) * 100);
}

TEST(Ptx, comment_before_a_source_line_swallows_nothing)
{
    Result const r = run_ptx("// a comment\n.loc 1 43 1\nmov.u32 %r10, 7;\n", "r10", {});
    EXPECT_EQ(r.error, cudaSuccess);
    EXPECT_EQ(r.d[3], 7u);
}

TEST(Ptx, no_reports)
{
    EXPECT_EQ(report_count(), 0u) << report_text();
}

}  // namespace
}  // namespace calofuse::emulator::test
