#include "runtime/device/upload_ring.hpp"

#include <cstring>

#include "kernels/dense/activation.hpp"
#include "runtime/buffer.hpp"
#include "tests/emulator/cuda_emulator.hpp"
#include "tests/support/backend_test.hpp"

namespace calofuse::test {
TEST(UploadRing, needs_a_gpu)
{
    Context ctx = Context::cpu(1);
    EXPECT_THROW(UploadRing(ctx, 3, 64), Error);
}

/// The emulator finds at exit what a constructor that throws has not given back.
TEST(UploadRing, gives_everything_back_where_pinned_memory_runs_out)
{
    if (!cuda_emulator::set_option("pinned_kb", "1024"))
        GTEST_SKIP() << "only the emulator runs out";
    Context ctx = make_context();
    constexpr std::size_t kBytes = 400 << 10;
    EXPECT_NO_THROW(UploadRing(ctx, 2, kBytes));
    EXPECT_THROW(UploadRing(ctx, 3, kBytes), Error);
    EXPECT_NO_THROW(UploadRing(ctx, 2, kBytes)) << "what the one before had is free again";
    cuda_emulator::set_option("pinned_kb", "8388608");
}

TEST(UploadRing, every_piece_arrives_in_its_turn)
{
    if (!on_cuda()) GTEST_SKIP() << "on the CPU data are used where they lie";
    constexpr std::int64_t kFloats = 100, kPieces = 11;
    constexpr int kSlots = 3;
    Context ctx = make_context();
    Buffer<float> sum(ctx, kFloats);
    UploadRing ring(ctx, kSlots, kFloats * sizeof(float));
    auto const piece = [](std::int64_t number) {
        return std::vector<float>(kFloats, static_cast<float>(1 << number));
    };
    auto const send = [&](std::int64_t number) {
        if (number >= kPieces) return;
        auto const slot = static_cast<int>(number % kSlots);
        std::memcpy(ring.stage(slot), piece(number).data(), kFloats * sizeof(float));
        ring.upload(slot, kFloats * sizeof(float));
    };
    send(0);
    for (std::int64_t number = 0; number < kPieces; ++number) {
        auto const slot = static_cast<int>(number % kSlots);
        ring.acquire(slot);
        auto* const data = reinterpret_cast<float*>(ring.device_data()) + slot * kFloats;
        TensorRef const x = tensor_ref(data, {kFloats});
        activation_backward(ctx, {.saved = x, .dy = x, .kind = Activation::relu, .dx = sum.ref()});
        ring.release(slot);
        send(number + 1);
    }
    EXPECT_EQ(sum.download(), std::vector<float>(kFloats, (1 << kPieces) - 1));
}
}  // namespace calofuse::test
