/// \file kernels/conv/conv2d/cudnn_graph.hpp
/// cuDNN's graph API, as far as operators need it: https://docs.nvidia.com/deeplearning/cudnn/ (backend
/// descriptors). Plans are made from a description of the device, so that they can be tested without
/// one; that needs cuDNN 9.8 or newer.
#pragma once

#include <cstdint>
#include <cudnn_graph.h>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/gemm/vendor_library.hpp"

namespace calofuse::cuda {
struct CudnnLibrary : VendorLibrary {
    decltype(&::cudnnGetVersion) version = nullptr;
    decltype(&::cudnnGetLastErrorString) last_error = nullptr;
    decltype(&::cudnnCreate) create = nullptr;
    decltype(&::cudnnSetStream) set_stream = nullptr;
    decltype(&::cudnnBackendCreateDescriptor) create_descriptor = nullptr;
    decltype(&::cudnnBackendDestroyDescriptor) destroy_descriptor = nullptr;
    decltype(&::cudnnBackendFinalize) finalize = nullptr;
    decltype(&::cudnnBackendSetAttribute) set_attribute = nullptr;
    decltype(&::cudnnBackendGetAttribute) get_attribute = nullptr;
    decltype(&::cudnnBackendExecute) execute = nullptr;

    CudnnLibrary();
};
CudnnLibrary const& cudnn();

/// Throws with the library's own words; `call` names what failed.
void check_cudnn(cudnnStatus_t status, char const* call);

/// Which type of the API a C++ type is.
template <class T>
consteval cudnnBackendAttributeType_t cudnn_type()
{
    if constexpr (std::is_same_v<T, char>) return CUDNN_TYPE_CHAR;
    if constexpr (std::is_same_v<T, std::int32_t>) return CUDNN_TYPE_INT32;
    if constexpr (std::is_same_v<T, std::int64_t>) return CUDNN_TYPE_INT64;
    if constexpr (std::is_same_v<T, float>) return CUDNN_TYPE_FLOAT;
    if constexpr (std::is_same_v<T, void*>) return CUDNN_TYPE_VOID_PTR;
    if constexpr (std::is_same_v<T, cudnnDataType_t>) return CUDNN_TYPE_DATA_TYPE;
    if constexpr (std::is_same_v<T, cudnnConvolutionMode_t>) return CUDNN_TYPE_CONVOLUTION_MODE;
    if constexpr (std::is_same_v<T, cudnnBackendHeurMode_t>) return CUDNN_TYPE_HEUR_MODE;
    if constexpr (std::is_same_v<T, cudnnBackendNumericalNote_t>) return CUDNN_TYPE_NUMERICAL_NOTE;
    // Flowing off the end is no constant: another T does not compile.
}

/// Owner of one object of the API: created, given its attributes, finalised.
class CudnnObject {
  public:
    explicit CudnnObject(cudnnBackendDescriptorType_t type);
    CudnnObject(CudnnObject&& other) noexcept : object_(other.object_) { other.object_ = nullptr; }
    CudnnObject& operator=(CudnnObject&&) = delete;
    CudnnObject(CudnnObject const&) = delete;
    CudnnObject& operator=(CudnnObject const&) = delete;
    ~CudnnObject();

    template <class T>
    void set(cudnnBackendAttributeName_t name, std::span<T const> values)
    {
        set(name, cudnn_type<T>(), static_cast<std::int64_t>(values.size()), values.data());
    }
    template <class T>
    void set(cudnnBackendAttributeName_t name, T const& value)
    {
        set(name, std::span<T const>(&value, 1));
    }
    void set(cudnnBackendAttributeName_t name, CudnnObject const& object)
    {
        set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &object.object_);
    }
    void finalize();
    /// False where the library says that it cannot do that.
    bool try_finalize();

    template <class T>
    std::vector<T> get(cudnnBackendAttributeName_t name, std::int64_t most) const
    {
        std::vector<T> values(static_cast<std::size_t>(most));
        values.resize(static_cast<std::size_t>(get(name, cudnn_type<T>(), most, values.data())));
        return values;
    }
    /// Fills an object that holds nothing yet.
    void get(cudnnBackendAttributeName_t name, CudnnObject& object) const
    {
        get(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &object.object_);
    }
    std::vector<CudnnObject> get_objects(cudnnBackendAttributeName_t name,
                                         cudnnBackendDescriptorType_t type) const;
    cudnnBackendDescriptor_t raw() const { return object_; }

  private:
    void set(cudnnBackendAttributeName_t name,
             cudnnBackendAttributeType_t type,
             std::int64_t count,
             void const* values);
    std::int64_t get(cudnnBackendAttributeName_t name,
                     cudnnBackendAttributeType_t type,
                     std::int64_t most,
                     void* values) const;

    cudnnBackendDescriptor_t object_ = nullptr;
};

/// How one operation runs: engine, its settings, workspace.
struct CudnnPlan {
    CudnnObject graph, config, plan;  ///< the first two for as long as the plan
    std::int64_t engine = 0, workspace_bytes = 0;
};

/// The GPU numbered `device`, or the one that `json` describes (as the library writes it).
CudnnObject cudnn_device(std::int32_t device);
CudnnObject cudnn_device(std::string const& json);

/// The first plan among what the library's heuristics propose that computes in fp32 throughout, the same
/// bits every time: no tensor cores (TF32), lower precision, FFT, Winograd or unordered sums. Nothing is
/// timed, so the choice depends on shapes, device and library only. Empty where there is none.
std::optional<CudnnPlan> plan_cudnn(CudnnObject const& operation, CudnnObject const& device);

/// Enqueues a plan on `stream` of `device`; `values[i]` is the memory of the tensor whose id is `ids[i]`.
void run_cudnn(CudnnPlan const& plan,
               int device,
               cudaStream_t stream,
               std::span<std::int64_t const> ids,
               std::span<void* const> values,
               void* workspace);
}  // namespace calofuse::cuda
