/// \file tests/emulator/src/program.hpp
/// A PTX program: modules as registered by the host code, and kernels decoded to instructions.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

#include "tests/emulator/src/base.hpp"

namespace calofuse::emulator {

struct Warp;
struct Instruction;
using Handler = void (*)(Warp&, Instruction const&, u32 mask);

/// How the scheduler treats an instruction; everything that is not control flow is Normal.
enum class Flow : u8 {
    normal,
    branch,
    branch_indexed,
    exit,
    ret,
    call,
    trap,
    collective,  // *.sync: waits for all live lanes of its mask
    barrier,
    barrier_arrive,
    barrier_reduce,
    cluster_arrive,
    cluster_wait,
    yield,  // nanosleep: let others run
};

enum class Space : u8 {
    generic,
    global,
    shared,
    shared_cluster,
    local,
    kernel_param,
    frame_param,
    constant
};

/// Pre-decoded instruction. d, a, b, c are byte offsets of register rows (32 lanes side by side), or predicate indices.
struct Instruction {
    Handler run = nullptr;
    u32 d = kNone, a = kNone, b = kNone, c = kNone;
    u32 d2 = kNone;       // second destination (predicate of shfl, elect)
    u32 members = kNone;  // row with the member mask of a collective
    s32 guard = -1;       // predicate index
    bool guard_negated = false;
    Flow flow = Flow::normal;
    Space space = Space::generic;
    u8 size = 0;             // bytes of one element in memory
    u8 count = 1;            // elements of a vector access
    bool address64 = true;   // the address row has 64-bit lanes
    bool row64 = false;      // the data rows have 64-bit lanes
    bool read_only = false;  // ld.global.nc
    bool strong =
        false;  // volatile, relaxed, acquire, release and atomics: no data race among themselves
    bool acquire = false, release = false;
    u8 mode = 0;                // meaning depends on the handler
    u32 target = 0;             // branch target
    s64 imm = 0;                // address offset or constant
    u32 const* list = nullptr;  // further operands
    u32 line = 0;               // index into Kernel::lines
    char const* text = "";
};

struct SourceLine {
    string place;  // "file.cu:12"
};

struct FunctionInfo {
    string name;
    u32 entry = 0;  // first instruction
    u32 register_bytes = 0, predicates = 0, local_bytes = 0, param_bytes = 0;
    u32 carry = kNone;  // predicate with the carry of extended-precision instructions
    struct Slot {
        u32 offset, bytes;
    };
    vector<Slot> params;  // incoming
    std::optional<Slot> result;
    vector<std::pair<u32, u32>> imm32;  // row, value
    vector<std::pair<u32, u64>> imm64;
    vector<std::pair<u32, u32>> special;  // row, index of the special register
};

enum class Builtin : u8 { none, vprintf, assert_fail, malloc, free };

struct CallSite {
    int function = -1;  // index into Kernel::functions, -1: through a pointer or built in
    Builtin builtin = Builtin::none;
    u32 pointer = kNone;              // row with the function pointer
    vector<FunctionInfo::Slot> args;  // where the arguments lie in the caller's frame
    std::optional<FunctionInfo::Slot> result;
};

struct Module;

struct Kernel {
    string name;   // mangled
    string title;  // demangled
    Module* module = nullptr;
    vector<Instruction> code;
    vector<FunctionInfo> functions;  // [0] is the kernel itself
    vector<CallSite> calls;
    vector<vector<u32>> branch_tables;
    vector<FunctionInfo::Slot> params;
    u32 param_bytes = 0;
    u32 shared_static = 0, shared_dynamic_offset = 0;
    u32 max_threads = 1024, min_blocks = 0;
    u32 required_cluster[3] = {0, 0, 0};
    u32 required_block[3] = {0, 0, 0};
    bool has_global_atomics = false;  // results may depend on the order of blocks
    std::deque<vector<u32>> lists;    // storage of Instruction::list
    std::deque<string> texts;
    vector<SourceLine> lines;
    std::map<string, u32> line_index;
    string const& place(Instruction const& i) const { return lines[i.line].place; }
};

/// Index of a special register ("%tid.x", ...), for FunctionInfo::special.
std::optional<u32> find_special_register(string const& name);

/// A function or kernel as text; decoded when a kernel that needs it is first launched.
struct FunctionText {
    string name, header, body;
    u32 first_line = 0;
    bool is_kernel = false, is_extern = false;
};

struct SharedVariable {
    u32 bytes, alignment;
    bool dynamic;
};

struct Module {
    string source;
    bool parsed = false;
    std::map<string, FunctionText> functions;
    std::map<string, SharedVariable> shared;  // declared at module scope
    std::map<string, char*> globals;          // .global and .const variables
    std::map<string, size_t> global_bytes;
    std::map<int, string> files;  // .file table
    std::map<string, std::unique_ptr<Kernel>> kernels;
    std::map<string, u64> function_addresses;  // for function pointers
};

/// Splits the PTX text of a module into its parts and creates the variables.
void parse_module(Module& m);

/// The decoded kernel, or nullptr if the module has none of this name.
Kernel* find_kernel(Module& m, string const& name);

/// Decodes one kernel with every function it can reach.
std::unique_ptr<Kernel> decode_kernel(Module& m, FunctionText const& text);

/// Handler of an instruction that is not emulated: stops the kernel with a message that names it.
void not_emulated(Warp& w, Instruction const& i, u32 mask);

/// Name of the function behind a device function pointer, nullptr if it is none.
string const* function_at(u64 address);

}  // namespace calofuse::emulator
