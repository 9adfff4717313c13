#include "kernels/math/small_knn.hpp"

#include "runtime/isa.hpp"

namespace calofuse::cpu {
void small_knn(SmallKnn const& args)
{
    return cpu_isa() == Isa::avx512 ? avx512::small_knn(args) : avx2::small_knn(args);
}
}  // namespace calofuse::cpu
