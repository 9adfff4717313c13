/// train, evaluate and predict with --device cuda, by the program that is linked with the emulator: the
/// same objects as the real one.
#include <tuple>

#include "tests/driver/on_cuda.hpp"

namespace calofuse::test {
namespace {
struct SameTraining : OnCuda {
    void expect(Words const& model);
};

/// After three steps, of which two were replayed from a captured graph, the weights of both backends
/// differ by the rounding of their sums: about 1e-6 of how far they have moved (a thousandth is
/// allowed, because a sign of a leaky ReLU may turn over).
void SameTraining::expect(Words const& model)
{
    document(train("cpu", "cpu", model));
    document(train("cuda", "gpu", model));
    Words streamed = model;
    streamed.insert(streamed.end(), {"--data-on", "host"});
    document(train("cuda", "streamed", streamed));
    SafeTensors const cpu = weights("cpu"), gpu = weights("gpu"), ring = weights("streamed");
    int compared = 0;
    for (auto const& [name, tensor] : cpu.tensors) {
        if (name.rfind("param.", 0) != 0) continue;
        auto const want = tensor.values<float>(), got = gpu.at(name).values<float>();
        ASSERT_EQ(want.size(), got.size()) << name;
        EXPECT_EQ(got, ring.at(name).values<float>()) << name << ": streamed events change bits";
        for (std::size_t i = 0; i < want.size(); ++i)
            EXPECT_NEAR(got[i], want[i], 1e-5) << name << ' ' << i;
        ++compared;
    }
    EXPECT_GT(compared, 10);
}
}  // namespace

TEST_F(SameTraining, hybrid_as_on_the_cpu)
{
    expect(kHybrid);
    json const on_gpu =
        document({"evaluate", "--run-dir", "gpu", "--data", "beam.h5", "--device", "cuda"});
    json const on_cpu =
        document({"evaluate", "--run-dir", "gpu", "--data", "beam.h5", "--device", "cpu"});
    EXPECT_NEAR(on_gpu["loss"].get<double>(), on_cpu["loss"].get<double>(), 1e-5);
    EXPECT_EQ(on_gpu["events"], on_cpu["events"]);
    document({"predict", "--run-dir", "gpu", "--data", "beam.h5", "--out", "s.csv", "--device",
              "cuda", "--data-on", "host"});
    std::string const scores = slurp(folder_.path() + "/s.csv");
    EXPECT_EQ(std::count(scores.begin(), scores.end(), '\n'), 65) << "a header and 64 events";
    EXPECT_EQ(json::parse(slurp(folder_.path() + "/gpu/env.json"))["device"], "cuda");
}

TEST_F(SameTraining, gat_as_on_the_cpu)
{
    expect(kGat);
}

TEST_F(OnCuda, devices_that_are_not_there_are_exit_69)
{
    Outcome const got = run_here(train("cuda:7", "r", kGat));
    EXPECT_EQ(got.exit, 69);
    EXPECT_NE(got.err.find("there is no GPU 7: this machine has 1"), std::string::npos) << got.err;
    EXPECT_FALSE(exists("r"));
}

/// A kernel that dies leaves a context that nothing more comes out of: the error names it, and the
/// checkpoint is still the one from before.
TEST_F(OnCuda, nothing_is_saved_from_a_lost_device)
{
    Outcome const whole = run_here(train("cuda", "whole", kGat), {"CUDA_EMU_STATS=1"});
    std::string const count = "cuda-emulator: ";
    ASSERT_NE(whole.err.find(count), std::string::npos) << whole.err;
    long const launches = std::stol(whole.err.substr(whole.err.find(count) + count.size()));
    Outcome const got = run_here(train("cuda", "r", kGat),
                                 {"CUDA_EMU_MAX_LAUNCHES=" + std::to_string(launches / 2)});
    EXPECT_EQ(got.exit, 69);
    EXPECT_NE(got.err.find("error[CF-DEV-04]"), std::string::npos) << got.err;
    EXPECT_NE(got.err.find("last launch: "), std::string::npos) << got.err;
    SafeTensors const last = weights("r");
    EXPECT_EQ(json::parse(last.metadata.at("progress"))["epoch"], 0);
    EXPECT_FALSE(exists("r/checkpoints/best.safetensors"));
    EXPECT_FALSE(exists("r/summary.json"));
}

/// What would die in the first step dies before the run's folder exists. (The emulator makes the exit
/// code 66 of every finding.)
TEST_F(OnCuda, nothing_is_written_where_the_first_step_fails)
{
    Outcome const got = run_here(train("cuda", "r", kGat), {"CUDA_EMU_MAX_WARP_INSTRUCTIONS=2000"});
    EXPECT_NE(got.exit, 0);
    EXPECT_NE(got.err.find("error[CF-DEV-04]"), std::string::npos) << got.err;
    EXPECT_FALSE(exists("r"));
}

TEST_F(OnCuda, doctor_checks_the_device_too)
{
    json const found = document({"doctor"});
    EXPECT_EQ(found["cuda"]["devices"].size(), 1U);
    EXPECT_EQ(found["self_check"].back()["backend"], "cuda");
    EXPECT_EQ(found["self_check"].back()["passed"], true);
}

TEST_F(OnCuda, who_multiplies_matrices_is_refused_in_one_line)
{
    for (auto const& [value, exit, code] :
         {std::tuple{"CALOFUSE_GEMM=blas", 78, "error[CF-CFG-23]"},
          std::tuple{"CALOFUSE_GEMM=cublaslt", 69, "error[CF-DEV-05]"}}) {
        Outcome const got = run_here(train("cuda", "r", kGat), {value});
        EXPECT_EQ(got.exit, exit) << got.err;
        EXPECT_NE(got.err.find(code), std::string::npos) << got.err;
        EXPECT_FALSE(exists("r"));
    }
}

TEST_F(OnCuda, other_precisions_are_refused)
{
    Words words = train("cuda", "r", kGat);
    words.insert(words.end(), {"--precision", "bf16"});
    Outcome const got = run_here(words);
    EXPECT_EQ(got.exit, 78);
    EXPECT_NE(got.err.find("fp32 only"), std::string::npos) << got.err;
}
}  // namespace calofuse::test
