/// \file tests/support/backend_test.hpp
/// What every operator test needs: its data on a backend behind guard words, random inputs, and a
/// comparison that names the worst element as a fraction of its allowance.
#pragma once

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/context.hpp"

namespace calofuse::test {
/// Where the cases of this program run (tests/support/main_{cpu,cuda}.cpp).
Backend backend();
inline bool on_cuda()
{
    return backend() == Backend::cuda;
}
/// Whether cases should be small: on the emulator, and where CALOFUSE_TEST_TINY is set, as under
/// compute-sanitizer (profiling/gpu_check.sh).
bool small_cases();
inline Context make_context(int threads = 0)
{
    return on_cuda() ? Context::cuda() : Context::cpu(threads);
}

/// Values of a tensor on the context's backend, and back.
template <class T = float>
std::vector<T> fetch(Context& ctx, TensorRef const& from)
{
    std::vector<T> out(static_cast<std::size_t>(from.size()));
    ctx.copy_back(out.data(), from.flat<T const>().data, out.size() * sizeof(T));
    return out;
}
inline void put(Context& ctx, TensorRef const& to, std::vector<float> const& values)
{
    CALOFUSE_CHECK(to.size() == static_cast<std::int64_t>(values.size()), "other sizes");
    ctx.copy_to(to.flat<float>().data, values.data(), values.size() * sizeof(float));
}

/// Host data placed on a backend, with guard words after it that must survive the operator.
template <class T>
class OnDevice {
  public:
    OnDevice(Context& ctx, std::vector<T> host, std::vector<std::int64_t> shape)
        : ctx_(ctx)
        , size_(host.size())
        , shape_(std::move(shape))
        , memory_(ctx, static_cast<std::int64_t>(size_ + kGuard))
    {
        host.resize(size_ + kGuard, guard());
        ctx.copy_to(memory_.data(), host.data(), host.size() * sizeof(T));
    }
    TensorRef ref() const
    {
        TensorRef r{memory_.data(), kDTypeOf<T>, static_cast<int>(shape_.size()), {}};
        for (std::size_t d = 0; d < shape_.size(); ++d)
            r.shape[d] = shape_[d];
        EXPECT_EQ(r.size(), static_cast<std::int64_t>(size_));
        return r;
    }
    std::vector<T> fetch() const
    {
        std::vector<T> host(size_ + kGuard);
        ctx_.copy_back(host.data(), memory_.data(), host.size() * sizeof(T));
        for (std::size_t i = size_; i < host.size(); ++i)
            EXPECT_EQ(static_cast<float>(host[i]), static_cast<float>(guard())) << "write past end";
        host.resize(size_);
        return host;
    }

  private:
    static constexpr std::size_t kGuard = 64;
    static T guard() { return static_cast<T>(123.0F); }
    Context& ctx_;
    std::size_t size_;
    std::vector<std::int64_t> shape_;
    Block<T> memory_;
};

/// `count` values uniform in [low, high), the same for the same seed.
inline std::vector<float> random_values(std::size_t count,
                                        std::uint32_t seed,
                                        float low = -1.0F,
                                        float high = 1.0F)
{
    std::mt19937 rng(seed);
    std::uniform_real_distribution<float> draw(low, high);
    std::vector<float> out(count);
    for (float& v : out)
        v = draw(rng);
    return out;
}

/// |got - want| <= abs + rel * |want| for every element.
template <class A, class B>
void expect_close(std::vector<A> const& got, std::vector<B> const& want, double abs, double rel)
{
    ASSERT_EQ(got.size(), want.size());
    double worst = 0.0;
    std::size_t at = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        auto const g = static_cast<double>(got[i]);
        auto const w = static_cast<double>(want[i]);
        double const used = std::abs(g - w) / (abs + rel * std::abs(w));
        if (!(used <= worst)) {  // also catches NaN
            worst = used;
            at = i;
        }
    }
    EXPECT_LE(worst, 1.0) << "worst element " << at << " of " << got.size() << ": got " << got[at]
                          << ", want " << want[at];
}
}  // namespace calofuse::test
