#include "kernels/conv/conv2d/cudnn.hpp"

#include <map>
#include <mutex>

#include "kernels/conv/conv2d/cudnn_graph.hpp"

namespace calofuse::cuda {
namespace {
enum TensorId : std::int64_t { kX = 1, kW, kY };
using Four = std::array<std::int64_t, 4>;

/// cuDNN names extents (N, C, H, W); strides say that channels come last.
CudnnObject tensor(TensorId id, Four const& image, std::int64_t alignment)
{
    auto const [n, h, w, c] = image;
    CudnnObject out(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    out.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_DATA_FLOAT);
    out.set(CUDNN_ATTR_TENSOR_DIMENSIONS, std::span<std::int64_t const>(Four{n, c, h, w}));
    out.set(CUDNN_ATTR_TENSOR_STRIDES, std::span<std::int64_t const>(Four{h * w * c, 1, w * c, c}));
    out.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, std::int64_t{id});
    out.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, alignment);
    out.finalize();
    return out;
}

CudnnObject convolution(ConvProblem const& p)
{
    constexpr std::array<std::int64_t, 2> kDense = {1, 1};
    CudnnObject out(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    out.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT);
    out.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION);
    out.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, std::int64_t{2});
    out.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, std::span<std::int64_t const>(kDense));
    out.set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, std::span<std::int64_t const>(p.stride));
    out.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, std::span<std::int64_t const>(p.before));
    out.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, std::span<std::int64_t const>(p.after));
    out.finalize();
    return out;
}

/// How the API names the parts of an operation.
struct Names {
    cudnnBackendDescriptorType_t operation;
    cudnnBackendAttributeName_t x, w, y, convolution, alpha, beta;
};
Names names_of(ConvDirection direction)
{
    switch (direction) {
        case ConvDirection::forward:
            return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
        case ConvDirection::data_gradient:
            return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
        case ConvDirection::weight_gradient:
            break;
    }
    return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
}

std::optional<CudnnPlan> make_plan(ConvProblem const& p, CudnnObject const& device)
{
    Names const names = names_of(p.direction);
    CudnnObject operation(names.operation);
    operation.set(names.x, tensor(kX, p.x, p.alignment));
    operation.set(names.w, tensor(kW, {p.y[3], p.kernel[0], p.kernel[1], p.x[3]}, p.alignment));
    operation.set(names.y, tensor(kY, p.y, p.alignment));
    operation.set(names.convolution, convolution(p));
    operation.set(names.alpha, 1.0F);
    operation.set(names.beta, p.accumulate ? 1.0F : 0.0F);
    if (!operation.try_finalize()) return std::nullopt;
    return plan_cudnn(operation, device);
}

/// The plan of this shape on this device, made once: before a graph is captured, in the first step.
CudnnPlan const* plan_of(ConvProblem const& problem, int device)
{
    using Plans = std::map<std::pair<int, ConvProblem>, std::optional<CudnnPlan>>;
    static std::mutex mutex;
    static Plans& plans = *new Plans;  // never destroyed: the driver would be gone by then
    std::lock_guard const lock(mutex);
    auto const key = std::pair(device, problem);
    auto found = plans.find(key);
    if (found == plans.end())
        found = plans.emplace(key, make_plan(problem, cudnn_device(device))).first;
    return found->second ? &*found->second : nullptr;
}

struct Pointers {
    void *x, *w, *y;
};
ConvProblem problem_of(ConvDirection direction,
                       TensorRef const& x,
                       TensorRef const& y,
                       Window2d const& window,
                       bool accumulate)
{
    auto const bits = reinterpret_cast<std::uintptr_t>(x.data)  // filters are in scratch
                      | reinterpret_cast<std::uintptr_t>(y.data);
    return {.direction = direction,
            .x = {x.shape[0], x.shape[1], x.shape[2], x.shape[3]},
            .y = {y.shape[0], y.shape[1], y.shape[2], y.shape[3]},
            .kernel = {window.h.kernel, window.w.kernel},
            .stride = {window.h.stride, window.w.stride},
            .before = {window.h.before, window.w.before},
            .after = {window.h.after, window.w.after},
            .accumulate = accumulate,
            .alignment = bits % 16 == 0 ? 16 : 4};
}

void run(Context& ctx, CudnnPlan const& plan, Pointers const& p)
{
    auto const workspace = ctx.scratch<std::byte>(plan.workspace_bytes);
    std::array<std::int64_t, 3> const ids = {kX, kW, kY};
    std::array<void*, 3> const values = {p.x, p.w, p.y};
    run_cudnn(plan, ctx.device(), ctx.stream(), ids, values, workspace.data());
}

/// w (kh, kw, I, O) as (taps, I, O).
template <class T>
View<T, 3> by_taps(TensorRef const& w)
{
    return {static_cast<T*>(w.data), {w.shape[0] * w.shape[1], w.shape[2], w.shape[3]}};
}

bool forward(Context& ctx, Conv2dArgs const& args)
{
    bool const biased = !args.bias.empty();
    CudnnPlan const* const plan = plan_of(
        problem_of(ConvDirection::forward, args.x, args.y, args.window, biased), ctx.device());
    if (plan == nullptr) return false;
    auto const w = ctx.scratch<float>(args.w.size());
    filters_to_cudnn(ctx, by_taps<float const>(args.w), w.data());
    std::int64_t const outputs = args.y.shape[3];
    if (biased)
        fill_rows(ctx, args.bias.flat<float const>().data,
                  {args.y.flat<float>().data, {args.y.size() / outputs, outputs}});
    run(ctx, *plan, {args.x.data, w.data(), args.y.data});
    return true;
}

bool add_data_gradient(Context& ctx, Conv2dGradArgs const& args)
{
    CudnnPlan const* const plan =
        plan_of(problem_of(ConvDirection::data_gradient, args.dx, args.dy, args.window, true),
                ctx.device());
    if (plan == nullptr) return false;
    auto const w = ctx.scratch<float>(args.w.size());
    filters_to_cudnn(ctx, by_taps<float const>(args.w), w.data());
    run(ctx, *plan, {args.dx.data, w.data(), args.dy.data});
    return true;
}

bool add_weight_gradient(Context& ctx, Conv2dGradArgs const& args)
{
    CudnnPlan const* const plan =
        plan_of(problem_of(ConvDirection::weight_gradient, args.x, args.dy, args.window, false),
                ctx.device());
    if (plan == nullptr) return false;
    auto const dw = ctx.scratch<float>(args.dw.size());
    run(ctx, *plan, {args.x.data, dw.data(), args.dy.data});
    add_filters_from_cudnn(ctx, dw.data(), by_taps<float>(args.dw));
    return true;
}
}  // namespace

bool has_conv2d_library(std::string* reason)
{
    if (reason != nullptr) *reason = cudnn().reason();
    return cudnn().usable();
}

void conv2d_forward_library(Context& ctx, Conv2dArgs const& args)
{
    bool const any = args.x.size() > 0 && args.y.size() > 0;
    if (!any || !forward(ctx, args)) conv2d_forward_own(ctx, args);
}

void conv2d_backward_library(Context& ctx, Conv2dGradArgs const& args)
{
    Conv2dGradArgs rest = args;  // for the own kernels
    bool const any = args.x.size() > 0 && args.dy.size() > 0;
    if (any && !args.dx.empty() && add_data_gradient(ctx, args)) rest.dx = {};
    if (any && !args.dw.empty() && add_weight_gradient(ctx, args)) rest.dw = {};
    conv2d_backward_own(ctx, rest);
}

std::optional<ConvPlanFigures> plan_conv2d(ConvProblem const& problem, std::string const& json)
{
    auto const plan = make_plan(problem, cudnn_device(json));
    if (!plan) return std::nullopt;
    return ConvPlanFigures{plan->engine, plan->workspace_bytes};
}
}  // namespace calofuse::cuda
