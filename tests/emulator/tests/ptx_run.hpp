/// \file tests/emulator/tests/ptx_run.hpp
/// Runs a piece of PTX on 32 lanes: inputs a, b, c and output d, one 64-bit word per lane each.
#pragma once

#include <array>
#include <string>

#include "tests/emulator/src/machine.hpp"
#include "tests/emulator/src/program.hpp"
#include "tests/emulator/src/report.hpp"

namespace calofuse::emulator::test {

using Words = std::array<u64, 32>;

struct Result {
    Words d{};
    cudaError_t error = cudaSuccess;
};

/// The body reads %rd1..%rd3 (a, b, c; low halves in %r1..%r3, low 16 bits in %rs1..%rs3; as floats %f1..%f3, %fd1..%fd3)
/// and leaves its result in %rd10 (or %r10, %f10, %fd10, %rs10, %p10 with `result`).
inline std::string wrap(std::string const& body, std::string const& result)
{
    std::string out;
    if (result == "rd10")
        out = "";
    else if (result == "r10")
        out = "cvt.u64.u32 %rd10, %r10;";
    else if (result == "f10")
        out = "mov.b32 %r10, %f10; cvt.u64.u32 %rd10, %r10;";
    else if (result == "fd10")
        out = "mov.b64 %rd10, %fd10;";
    else if (result == "rs10")
        out = "cvt.u64.u16 %rd10, %rs10;";
    else
        out = "selp.u64 %rd10, 1, 0, %p10;";
    return R"(.version 8.0
.target sm_90
.address_size 64
.file 1 "snippet.cu"
.visible .entry k(.param .u64 pa, .param .u64 pb, .param .u64 pc, .param .u64 pd)
{
.reg .pred %p<20>; .reg .b16 %rs<20>; .reg .b32 %r<40>; .reg .f32 %f<20>; .reg .b64 %rd<20>; .reg .f64 %fd<20>;
.loc 1 10 1
ld.param.u64 %rd15, [pa]; mov.u32 %r15, %tid.x; mul.wide.u32 %rd16, %r15, 8;
add.s64 %rd15, %rd15, %rd16; ld.global.u64 %rd1, [%rd15];
ld.param.u64 %rd15, [pb]; add.s64 %rd15, %rd15, %rd16; ld.global.u64 %rd2, [%rd15];
ld.param.u64 %rd15, [pc]; add.s64 %rd15, %rd15, %rd16; ld.global.u64 %rd3, [%rd15];
cvt.u32.u64 %r1, %rd1; cvt.u32.u64 %r2, %rd2; cvt.u32.u64 %r3, %rd3;
cvt.u16.u32 %rs1, %r1; cvt.u16.u32 %rs2, %r2; cvt.u16.u32 %rs3, %r3;
mov.b32 %f1, %r1; mov.b32 %f2, %r2; mov.b32 %f3, %r3;
mov.b64 %fd1, %rd1; mov.b64 %fd2, %rd2; mov.b64 %fd3, %rd3;
.loc 1 42 1
)" + body + "\n.loc 1 50 1\n"
           + out + R"(
ld.param.u64 %rd15, [pd]; add.s64 %rd15, %rd15, %rd16; st.global.u64 [%rd15], %rd10;
ret;
}
)";
}

inline Result run_text(std::string const& text, Words const& a, Words const& b, Words const& c)
{
    auto* m = new Module;  // modules live for ever, as in a program
    m->source = text;
    parse_module(*m);
    Kernel* k = find_kernel(*m, "k");
    Result r;
    if (!k) {
        r.error = cudaErrorInvalidDeviceFunction;
        return r;
    }
    char* p[4];
    Words const* in[] = {&a, &b, &c};
    for (int i = 0; i < 4; ++i) {
        p[i] = allocate_device(256, MemoryKind::managed);
        if (i < 3) memcpy(p[i], in[i]->data(), 256);
    }
    std::vector<char> params(64);
    memcpy(params.data(), p, 32);
    LaunchConfig l;
    l.block = {32, 1, 1};
    r.error = run_kernel(*k, l, params, {});
    memcpy(r.d.data(), p[3], 256);
    for (char* q : p)
        free_device(q);
    return r;
}
inline Result run_ptx(std::string const& body,
                      std::string const& result,
                      Words const& a,
                      Words const& b = {},
                      Words const& c = {})
{
    return run_text(wrap(body, result), a, b, c);
}

}  // namespace calofuse::emulator::test
