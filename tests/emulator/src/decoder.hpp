/// \file tests/emulator/src/decoder.hpp
/// Decoding of one PTX instruction: the families (ops_*.cpp) pick a handler and fill in the operands.
/// Every modifier must be taken by its family; what is left over makes the instruction "not emulated".
#pragma once

#include <functional>
#include <stdexcept>

#include "tests/emulator/src/program.hpp"
#include "tests/emulator/src/text.hpp"

namespace calofuse::emulator {

class KernelDecoder;

/// The instruction cannot be decoded; `what` says why. It is reported when (and only when) it is executed.
struct NotEmulated : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Op {
  public:
    Op(KernelDecoder& decoder, string opcode, vector<string> operands);

    Instruction ins;
    string base;  // "add"
    vector<string> operands;

    bool take(string_view modifier);  // removes the modifier if present
    string take_any(
        std::initializer_list<char const*> modifiers);  // the first one present, "" if none
    string take_type();  // removes the last modifier, which must be a type
    string last() const { return modifiers_.empty() ? "" : modifiers_.back(); }
    void finish() const;  // throws if modifiers are left

    u32 source(size_t operand, string_view type);  // row of a register, symbol or immediate
    u32 source(string const& text, string_view type);
    u32 target(size_t operand,
               string_view type);  // row of a register that is written; "_" is a sink
    u32 target(string const& text, string_view type);
    u32 immediate(u64 value, string_view type);
    u32 predicate(size_t operand, bool* negated = nullptr);
    u32 predicate(string const& text, bool* negated = nullptr);
    u32 predicate_sink();
    bool is_predicate(string const& text) const;
    u32 row_bytes(string const& reg) const;  // 4 or 8 per lane, 0 if it is no register
    u32 scratch(u32 bytes_per_lane);
    s64 constant(size_t operand) const;             // an immediate
    void address(string const& text, Space space);  // "[reg+imm]", fills a, imm, address64, space
    vector<string> elements(size_t operand) const;  // "{a, b}" or a single operand
    u32 const* list(vector<u32> rows);
    string type_of(string const& reg) const;
    KernelDecoder& decoder() { return decoder_; }
    void expect(size_t least, size_t most) const;

  private:
    KernelDecoder& decoder_;
    vector<string> modifiers_;
};

using OpDecoder = void (*)(Op&);
// the instruction families (ops_*.cpp); a later family may wrap the decoder of an earlier one
void register_arithmetic_ops(std::unordered_map<string, OpDecoder>&);
void register_bit_ops(std::unordered_map<string, OpDecoder>&);
void register_logic_ops(std::unordered_map<string, OpDecoder>&);
void register_compare_ops(std::unordered_map<string, OpDecoder>&);
void register_move_ops(std::unordered_map<string, OpDecoder>&);
void register_float_ops(std::unordered_map<string, OpDecoder>&);
void register_half_ops(std::unordered_map<string, OpDecoder>&);
void register_convert_ops(std::unordered_map<string, OpDecoder>&);
void register_memory_ops(std::unordered_map<string, OpDecoder>&);
void register_address_ops(std::unordered_map<string, OpDecoder>&);
void register_atomic_ops(std::unordered_map<string, OpDecoder>&);
void register_warp_ops(std::unordered_map<string, OpDecoder>&);
void register_matrix_ops(std::unordered_map<string, OpDecoder>&);
void register_async_ops(std::unordered_map<string, OpDecoder>&);
void register_control_ops(std::unordered_map<string, OpDecoder>&);

class KernelDecoder {
  public:
    KernelDecoder(Module& m, Kernel& k) : module_(m), kernel_(k) {}
    void run(FunctionText const& text);

    // used by Op and by the control-flow family
    struct Symbol {
        enum Kind {
            reg,
            predicate,
            shared,
            local,
            kernel_param,
            frame_param,
            global,
            function
        } kind;
        u64 value = 0;
        u32 bytes = 0;  // register: per lane; otherwise size
        string type;
    };
    Symbol const* find(string const& name);
    u32 allocate_row(u32 bytes_per_lane);
    u32 immediate_row(u64 value, bool wide);
    u32 special_row(string const& name);
    void branch_to(string const& label);  // for the instruction being decoded
    u32 branch_table(string const& label);
    u32 function_index(string const& name);  // queues the function for decoding
    void all_functions();
    u32 add_call(CallSite c);
    Module& module() { return module_; }
    Kernel& kernel() { return kernel_; }
    FunctionInfo& function() { return kernel_.functions[current_]; }

  private:
    Module& module_;
    Kernel& kernel_;
    size_t current_ = 0;
    FunctionText const* text_ = nullptr;
    struct Fixup {
        size_t instruction;
        string label;
        int table;
        size_t entry;
    };
    struct Scope {
        std::unordered_map<string, Symbol> symbols;
        std::unordered_map<string, u32> labels;
        vector<Fixup> fixups;
    };
    vector<Scope> scopes_;
    std::map<string, Symbol> shared_;  // module-scope shared variables used by this kernel
    std::map<string, u32> specials_;
    std::map<u64, u32> imm32_, imm64_;
    std::unordered_map<string, u32> function_indices_;
    vector<FunctionText const*> queue_;
    std::map<string, int> tables_;  // label of .branchtargets -> branch table
    u32 line_ = 0;                  // index into Kernel::lines
    u32 dynamic_alignment_ = 128;
    vector<string> dynamic_names_;

    void body(FunctionText const& t);
    void end_body();
    bool take_label(string const& label, string const& src, size_t& p);
    void statement(string const& s);
    void instruction(string const& s);
    void directive(string const& s);
    void location(string const& s);
    void close_scope();
    void declare_variable(string const& s, Symbol::Kind kind);
    void layout_shared();
    void layout_static_shared(FunctionText const& t);
    void header(FunctionText const& t);
    void device_function(FunctionText const& f);
};

}  // namespace calofuse::emulator
