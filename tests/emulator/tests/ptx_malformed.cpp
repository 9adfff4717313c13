// Malformed and unknown PTX: a clear message with instruction, kernel and source line; never a silent wrong result.
#include <random>

#include <gtest/gtest.h>

#include "tests/emulator/tests/ptx_run.hpp"

namespace calofuse::emulator::test {
namespace {

void expect_refused(char const* ptx)
{
    clear_reports();
    Result const r = run_ptx(ptx, "r10", {});
    EXPECT_EQ(r.error, cudaErrorIllegalInstruction) << ptx;
    string const t = report_text();
    EXPECT_NE(t.find("instruction is not emulated"), string::npos) << t;
    EXPECT_NE(t.find("snippet.cu:42"), string::npos) << t;
    EXPECT_NE(t.find("kernel  k"), string::npos) << t;
    string const op = string(ptx).substr(0, string(ptx).find(' '));
    EXPECT_NE(t.find(op), string::npos) << t;
    clear_reports();
}
TEST(Malformed, unknown_instructions_are_named)
{
    for (char const* p :
         {"frobnicate.b32 %r10, %r1;",
          "add.rn.s32 %r10, %r1, %r2;",
          "add.f32.s32 %r10, %r1, %r2;",
          "mul.s32.foo %r10, %r1, %r2;",
          "add.s32 %r10, %r1;",
          "add.s32 %r10, %r1, %r2, %r3;",
          "add.s32 %r99, %r1, %r2;",
          "add.s32 %r10, %rd1, %r2;",
          "ld.global.u32 %r10, %rd1;",
          "ld.shared.u32 %r10, [nowhere];",
          "mov.u32 %r10, %nothing;",
          "cvt.f32.s32 %p1, %r1;",
          "fma.rn.f99 %f10, %f1, %f2, %f3;",
          "bra NOWHERE;",
          "call (a), unknown_function, (b);",
          "shfl.idx.b32 %r10, %r1, 0, 31;",
          "tex.2d.v4.f32.s32 {%f1,%f2,%f3,%f4}, [t, {%r1,%r2}];",
          "mma.sync.aligned.m7n7k7.row.col.f32.f16.f16.f32 {%f1},{%r1},{%r1},{%f1};",
          "cp.async.ca.shared.global [%r1], [%rd1], 5;",
          "atom.global.frob.u32 %r10, [%rd1], %r2;",
          "setp.xx.s32 %p1, %r1, %r2;",
          "selp.b32 %r10, %r1, %r2, %r3;",
          "min.xorsign.abs.f32 %f10, %f1, %f2;"})
        expect_refused(p);
}
TEST(Malformed, unreached_unknown_instruction_is_harmless)
{
    clear_reports();
    Result const r = run_ptx(
        "mov.u32 %r10, 3; setp.eq.u32 %p1, %r15, 99; @%p1 frobnicate.b32 %r10, %r1;", "r10", {});
    EXPECT_EQ(r.error, cudaSuccess);
    EXPECT_EQ(r.d[5], 3u);
    EXPECT_EQ(report_count(), 0u);
}
// Mutations of a valid program: the result is right, or an error is reported; the process never dies. A mutation
// that is a different valid program may change the result, so only modifiers and opcodes are damaged, not operands.
TEST(Malformed, damaged_opcodes_never_pass_silently)
{
    string const good[] = {"add.s32 %r10, %r1, %r2;",
                           "mul.wide.u32 %rd10, %r1, %r2; cvt.u32.u64 %r10, %rd10;",
                           "fma.rn.f32 %f10, %f1, %f2, %f3; mov.b32 %r10, %f10;",
                           "shfl.sync.bfly.b32 %r10, %r1, 1, 31, -1;",
                           "setp.lt.s32 %p1, %r1, %r2; selp.b32 %r10, 1, 0, %p1;",
                           "shf.l.wrap.b32 %r10, %r1, %r2, %r3;",
                           "cvt.rzi.s32.f32 %r10, %f1;",
                           "prmt.b32 %r10, %r1, %r2, 0x5140;"};
    std::mt19937 g(3);
    int refused = 0, total = 0;
    for (string const& p : good) {
        for (int n = 0; n < 40; ++n) {
            string q = p;
            size_t const e = q.find(' ');
            q.insert(g() % e, 1, "xqz7!#"[g() % 6]);
            clear_reports();
            Result const r = run_ptx(q, "r10", {}, {}, {});
            ++total;
            EXPECT_NE(r.error, cudaSuccess) << q;
            refused += r.error != cudaSuccess;
            EXPECT_GE(report_count(), 1u) << q;
        }
    }
    clear_reports();
    EXPECT_EQ(refused, total);
}
TEST(Malformed, truncated_text_is_refused)
{
    string const text = wrap("add.s32 %r10, %r1, %r2;", "r10");
    for (size_t cut : {text.size() - 3, text.size() - 40, text.size() / 2})
        EXPECT_EXIT(run_text(text.substr(0, cut), {}, {}, {}), testing::ExitedWithCode(3), "PTX")
            << cut;
}
TEST(Malformed, random_bytes_never_crash)
{
    string const text = wrap(
        "setp.lt.s32 %p1, %r1, %r2; @%p1 bra X; add.s32 %r10, %r1, %r2; bra Y; X: shl.b32 %r10, "
        "%r1, 2; Y: ",
        "r10");
    size_t const from = text.find(".loc 1 42"), to = text.find(".loc 1 50");
    options().max_warp_instructions = 20000;
    std::mt19937 g(5);
    for (int n = 0; n < 300; ++n) {
        string q = text;
        for (u32 k = 0; k < 1 + g() % 4; ++k) {
            char& c = q[from + 12 + g() % (to - from - 12)];
            if (c != '{' && c != '}') c = " ;,.%@:[]0123abcrx"[g() % 18];
        }
        clear_reports();
        options().max_reports = 0;
        Result const r = run_text(q, {}, {}, {});
        if (r.error != cudaSuccess) {
            EXPECT_GE(report_count(), 1u) << q;
        }
    }
    options().max_warp_instructions = 4'000'000'000;
    options().max_reports = 20;
    clear_reports();
}

}  // namespace
}  // namespace calofuse::emulator::test
