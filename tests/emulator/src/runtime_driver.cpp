// The few driver functions that programs ask for by name.
#include <cuda.h>

#include "tests/emulator/src/runtime.hpp"
#include "tests/emulator/src/tensor_map.hpp"

using namespace calofuse::emulator;

extern "C" {

static CUresult encode_tiled(CUtensorMap* map,
                             CUtensorMapDataType type,
                             cuuint32_t rank,
                             void* address,
                             cuuint64_t const* size,
                             cuuint64_t const* stride,
                             cuuint32_t const* box,
                             cuuint32_t const* element_stride,
                             CUtensorMapInterleave interleave,
                             CUtensorMapSwizzle swizzle,
                             CUtensorMapL2promotion,
                             CUtensorMapFloatOOBfill fill)
{
    static u8 const bytes[] = {1, 2, 4, 4, 8, 8, 2,
                               4, 8, 2, 4, 4, 4};  // in the order of CUtensorMapDataType
    if (!map || reinterpret_cast<u64>(map) % 64 || rank < 1 || rank > 5
        || size_t(type) >= sizeof bytes || reinterpret_cast<u64>(address) % 16
        || interleave != CU_TENSOR_MAP_INTERLEAVE_NONE)
        return CUDA_ERROR_INVALID_VALUE;
    TensorMap t{};
    t.magic = TensorMap::kMagic;
    t.element_bytes = bytes[type];
    t.data_type = u8(type);
    t.rank = u8(rank);
    t.fill_nan = fill != CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE;
    t.address = reinterpret_cast<u64>(address);
    switch (swizzle) {
        case CU_TENSOR_MAP_SWIZZLE_NONE:
            t.swizzle = 0;
            break;
        case CU_TENSOR_MAP_SWIZZLE_32B:
            t.swizzle = 1;
            break;
        case CU_TENSOR_MAP_SWIZZLE_64B:
            t.swizzle = 2;
            break;
        case CU_TENSOR_MAP_SWIZZLE_128B:
            t.swizzle = 3;
            break;
        default:
            return CUDA_ERROR_INVALID_VALUE;
    }
    for (u32 d = 0; d < rank; ++d) {
        if (size[d] == 0 || size[d] > (1ull << 32) || box[d] == 0 || box[d] > 256
            || element_stride[d] == 0 || element_stride[d] > 8)
            return CUDA_ERROR_INVALID_VALUE;
        t.size[d] = u32(size[d] == (1ull << 32) ? 0xffffffffu : size[d]);
        t.box[d] = u16(box[d]);
        t.element_stride[d] = u16(element_stride[d]);
        if (d + 1 < rank) {
            if (stride[d] % 16 || stride[d] >= (1ull << 40)) return CUDA_ERROR_INVALID_VALUE;
            t.stride[d] = stride[d];
        }
    }
    u32 const inner = t.box[0] * t.element_bytes;
    if (inner % 16 || (t.swizzle && inner > (16u << t.swizzle))) return CUDA_ERROR_INVALID_VALUE;
    memset(map, 0, sizeof *map);
    memcpy(map, &t, sizeof t);
    return CUDA_SUCCESS;
}

static CUresult error_string(CUresult e, char const** s)
{
    *s = cudaGetErrorString(cudaError_t(e));
    return CUDA_SUCCESS;
}

static CUresult error_name(CUresult e, char const** s)
{
    *s = cudaGetErrorName(cudaError_t(e));
    return CUDA_SUCCESS;
}

cudaError_t cudaGetDriverEntryPointByVersion(char const* symbol,
                                             void** f,
                                             unsigned,
                                             unsigned long long,
                                             cudaDriverEntryPointQueryResult* status)
{
    CALOFUSE_EMULATOR_LOCK;
    string const s = symbol;
    *f = s == "cuTensorMapEncodeTiled" ? reinterpret_cast<void*>(encode_tiled)
         : s == "cuGetErrorString"     ? reinterpret_cast<void*>(error_string)
         : s == "cuGetErrorName"       ? reinterpret_cast<void*>(error_name)
                                       : nullptr;
    if (status) *status = *f ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
    return *f ? cudaSuccess : status ? cudaSuccess : context().note(cudaErrorSymbolNotFound);
}

cudaError_t cudaGetDriverEntryPoint(char const* symbol,
                                    void** f,
                                    unsigned long long flags,
                                    cudaDriverEntryPointQueryResult* status)
{
    return cudaGetDriverEntryPointByVersion(symbol, f, CUDART_VERSION, flags, status);
}
}
