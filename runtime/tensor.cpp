#include "runtime/tensor.hpp"

namespace calofuse {
std::string TensorRef::describe() const
{
    std::string text = "(";
    for (int d = 0; d < rank; ++d)
        text += (d == 0 ? "" : ", ") + std::to_string(shape[static_cast<std::size_t>(d)]);
    return text + ") " + name_of(dtype);
}

TensorRef TensorRef::reshaped(std::initializer_list<std::int64_t> new_shape) const
{
    TensorRef out{data, dtype, static_cast<int>(new_shape.size()), {}};
    std::size_t d = 0;
    for (auto extent : new_shape)
        out.shape[d++] = extent;
    CALOFUSE_CHECK(out.size() == size(), describe() << " cannot become " << out.describe());
    return out;
}
}  // namespace calofuse
