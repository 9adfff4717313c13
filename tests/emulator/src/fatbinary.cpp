// What the host objects of nvcc call at start-up: registration of fat binaries, kernels and variables.
// A fat binary is a header (16 bytes) and entries; entries of kind 1 hold PTX text (stored as is with --no-compress).
#include <cstdio>

#include "tests/emulator/src/report.hpp"
#include "tests/emulator/src/runtime.hpp"

namespace calofuse::emulator {

void Context::load()
{
    for (Module& m : modules)
        if (!m.parsed) parse_module(m);
}

HostFunction* Context::find_function(void const* f)
{
    auto it = functions.find(f);
    if (it == functions.end()) return nullptr;
    return &it->second;
}

Kernel* Context::kernel_of(void const* f)
{
    HostFunction* h = find_function(f);
    if (!h) return nullptr;
    if (!h->kernel) {
        load();
        h->kernel = find_kernel(*h->module, h->name);
        for (Module& m : modules)
            if (!h->kernel) h->kernel = find_kernel(m, h->name);
    }
    return h->kernel;
}

char* Context::variable_address(void const* host, size_t* bytes)
{
    auto v = variables.find(host);
    if (v == variables.end()) return nullptr;
    load();
    auto g = v->second.module->globals.find(v->second.name);
    if (g == v->second.module->globals.end()) return nullptr;
    if (bytes)
        *bytes = v->second.bytes ? v->second.bytes : v->second.module->global_bytes[v->second.name];
    return g->second;
}

namespace {

struct FatBinaryWrapper {
    int magic, version;
    unsigned char const* data;
    void* unused;
};

struct CallConfiguration {
    dim3 grid, block;
    size_t shared;
    cudaStream_t stream;
};
thread_local vector<CallConfiguration> t_configurations;

}  // namespace
}  // namespace calofuse::emulator

using namespace calofuse::emulator;

extern "C" {

void** __cudaRegisterFatBinary(void* wrapper)
{
    Context& c = context();
    CALOFUSE_EMULATOR_LOCK;
    Module& m = c.modules.emplace_back();
    unsigned char const* d = static_cast<FatBinaryWrapper*>(wrapper)->data;
    u16 header;
    u64 total;
    memcpy(&header, d + 6, 2);
    memcpy(&total, d + 8, 8);
    bool compressed = false, any = false;
    for (unsigned char const *e = d + header, *end = d + header + total; e + 16 < end;) {
        u16 kind;
        u32 entry_header;
        u64 size;
        memcpy(&kind, e, 2);
        memcpy(&entry_header, e + 4, 4);
        memcpy(&size, e + 8, 8);
        if (kind == 1) {
            string text(reinterpret_cast<char const*>(e) + entry_header, size);
            while (!text.empty() && !text.back())
                text.pop_back();
            if (text.find(".version") == string::npos)
                compressed = true;
            else {
                m.source = std::move(text);  // the last one: the highest architecture
                any = true;
            }
        }
        e += entry_header + size;
    }
    if (compressed) fatal("the PTX in this program is compressed: compile with nvcc --no-compress");
    if (!any)
        m.parsed =
            true;  // launching a kernel of this module will fail with cudaErrorNoKernelImageForDevice
    return reinterpret_cast<void**>(&m);
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
void __cudaRegisterFunction(void** handle,
                            char const* host,
                            char*,
                            char const* name,
                            int,
                            uint3*,
                            uint3*,
                            dim3*,
                            dim3*,
                            int*)
{
    CALOFUSE_EMULATOR_LOCK;
    HostFunction& f = context().functions[host];
    f.module = reinterpret_cast<Module*>(handle);
    f.name = name;
}
void __cudaRegisterVar(
    void** handle, char* host, char*, char const* name, int, size_t bytes, int, int)
{
    CALOFUSE_EMULATOR_LOCK;
    context().variables[host] = {reinterpret_cast<Module*>(handle), name, bytes};
}
void __cudaRegisterManagedVar(
    void** handle, void** host, char*, char const* name, int, size_t bytes, int, int)
{
    CALOFUSE_EMULATOR_LOCK;
    Module& m = *reinterpret_cast<Module*>(handle);
    context().variables[host] = {&m, name, bytes};
    if (!m.parsed) parse_module(m);
    if (auto g = m.globals.find(name); g != m.globals.end()) *host = g->second;
}
char __cudaInitModule(void**)
{
    return 0;
}
unsigned __cudaPushCallConfiguration(dim3 grid,
                                     dim3 block,
                                     size_t shared,
                                     struct CUstream_st* stream)
{
    t_configurations.push_back({grid, block, shared, stream});
    return 0;
}
cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared, void* stream)
{
    if (t_configurations.empty()) return cudaErrorMissingConfiguration;
    auto const c = t_configurations.back();
    t_configurations.pop_back();
    *grid = c.grid;
    *block = c.block;
    *shared = c.shared;
    *static_cast<cudaStream_t*>(stream) = c.stream;
    return cudaSuccess;
}
cudaError_t __cudaGetKernel(cudaKernel_t* kernel, void const* f)
{
    *kernel = reinterpret_cast<cudaKernel_t>(const_cast<void*>(f));
    return cudaSuccess;
}
cudaError_t __cudaLaunchKernel(
    cudaKernel_t k, dim3 grid, dim3 block, void** args, size_t shared, cudaStream_t stream)
{
    return cudaLaunchKernel(reinterpret_cast<void const*>(k), grid, block, args, shared, stream);
}
}
