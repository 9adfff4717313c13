#include "kernels/conv/conv2d/cudnn_graph.hpp"

#include <algorithm>
#include <map>
#include <mutex>

#include "runtime/error.hpp"

namespace calofuse::cuda {
CudnnLibrary::CudnnLibrary() : VendorLibrary({"libcudnn.so.9"})
{
    find("cudnnGetVersion", version);
    find("cudnnGetLastErrorString", last_error);
    find("cudnnCreate", create);
    find("cudnnSetStream", set_stream);
    find("cudnnBackendCreateDescriptor", create_descriptor);
    find("cudnnBackendDestroyDescriptor", destroy_descriptor);
    find("cudnnBackendFinalize", finalize);
    find("cudnnBackendSetAttribute", set_attribute);
    find("cudnnBackendGetAttribute", get_attribute);
    find("cudnnBackendExecute", execute);
    constexpr std::size_t kPlansFromDescriptions = 90800;
    if (usable() && version() < kPlansFromDescriptions)
        refuse("cuDNN 9.8 or newer is needed, this is " + std::to_string(version()));
}

CudnnLibrary const& cudnn()
{
    static CudnnLibrary const the_library;
    return the_library;
}

void check_cudnn(cudnnStatus_t status, char const* call)
{
    if (status == CUDNN_STATUS_SUCCESS) return;
    char words[256] = "";
    cudnn().last_error(words, sizeof words);
    CALOFUSE_CHECK(false, call << " failed with cuDNN status " << static_cast<int>(status) << ": "
                               << static_cast<char const*>(words));
}

CudnnObject::CudnnObject(cudnnBackendDescriptorType_t type)
{
    check_cudnn(cudnn().create_descriptor(type, &object_), "cudnnBackendCreateDescriptor");
}

CudnnObject::~CudnnObject()
{
    if (object_ != nullptr) cudnn().destroy_descriptor(object_);
}

void CudnnObject::finalize()
{
    check_cudnn(cudnn().finalize(object_), "cudnnBackendFinalize");
}

bool CudnnObject::try_finalize()
{
    return cudnn().finalize(object_) == CUDNN_STATUS_SUCCESS;
}

void CudnnObject::set(cudnnBackendAttributeName_t name,
                      cudnnBackendAttributeType_t type,
                      std::int64_t count,
                      void const* values)
{
    check_cudnn(cudnn().set_attribute(object_, name, type, count, values),
                "cudnnBackendSetAttribute");
}

std::int64_t CudnnObject::get(cudnnBackendAttributeName_t name,
                              cudnnBackendAttributeType_t type,
                              std::int64_t most,
                              void* values) const
{
    std::int64_t count = 0;
    check_cudnn(cudnn().get_attribute(object_, name, type, most, &count, values),
                "cudnnBackendGetAttribute");
    return std::min(count, most);
}

std::vector<CudnnObject> CudnnObject::get_objects(cudnnBackendAttributeName_t name,
                                                  cudnnBackendDescriptorType_t type) const
{
    std::int64_t count = 0;
    check_cudnn(
        cudnn().get_attribute(object_, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count, nullptr),
        "cudnnBackendGetAttribute");
    std::vector<CudnnObject> objects;
    std::vector<cudnnBackendDescriptor_t> raw;
    for (std::int64_t i = 0; i < count; ++i)
        raw.push_back(objects.emplace_back(type).object_);
    get(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, raw.data());
    return objects;
}

CudnnObject cudnn_device(std::int32_t device)
{
    CudnnObject out(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    out.set(CUDNN_ATTR_DEVICEPROP_DEVICE_ID, device);
    out.finalize();
    return out;
}

CudnnObject cudnn_device(std::string const& json)
{
    CudnnObject out(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    out.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, std::span<char const>(json));
    out.finalize();
    return out;
}

namespace {
/// Engines of a deterministic fp32 computation have no note but that NaN goes through.
bool computes_as_promised(CudnnObject const& engine)
{
    auto const notes = engine.get<cudnnBackendNumericalNote_t>(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                                               CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
    return std::all_of(notes.begin(), notes.end(), [](cudnnBackendNumericalNote_t note) {
        return note == CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP;
    });
}
}  // namespace

std::optional<CudnnPlan> plan_cudnn(CudnnObject const& operation, CudnnObject const& device)
{
    CudnnObject graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation);
    if (!graph.try_finalize()) return std::nullopt;
    for (cudnnBackendHeurMode_t const mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
        CudnnObject heuristic(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
        heuristic.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
        heuristic.set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
        heuristic.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, device);
        if (!heuristic.try_finalize()) continue;
        for (CudnnObject& config : heuristic.get_objects(CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                                         CUDNN_BACKEND_ENGINECFG_DESCRIPTOR)) {
            CudnnObject engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
            config.get(CUDNN_ATTR_ENGINECFG_ENGINE, engine);
            if (!computes_as_promised(engine)) continue;
            CudnnObject plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
            plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
            plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, device);
            if (!plan.try_finalize()) continue;
            auto const index = engine.get<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, 1);
            auto const bytes = plan.get<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, 1);
            return CudnnPlan{std::move(graph), std::move(config), std::move(plan), index.at(0),
                             bytes.at(0)};
        }
    }
    return std::nullopt;
}

void run_cudnn(CudnnPlan const& plan,
               int device,
               cudaStream_t stream,
               std::span<std::int64_t const> ids,
               std::span<void* const> values,
               void* workspace)
{
    static std::mutex mutex;
    static std::map<int, cudnnHandle_t>
        handles;  // never destroyed: the driver would be gone by then
    std::lock_guard const lock(mutex);
    cudnnHandle_t& handle = handles[device];
    if (handle == nullptr) check_cudnn(cudnn().create(&handle), "cudnnCreate");
    check_cudnn(cudnn().set_stream(handle, stream), "cudnnSetStream");
    CudnnObject pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids);
    pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, values);
    pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace);
    pack.finalize();
    check_cudnn(cudnn().execute(handle, plan.plan.raw(), pack.raw()), "cudnnBackendExecute");
}
}  // namespace calofuse::cuda
