/// However little memory the GPU has, a training ends with exit 69, the memory plan and nothing written,
/// or it comes to its end: all memory is taken before the run's folder is made.
#include <functional>

#include "tests/driver/on_cuda.hpp"

namespace calofuse::test {
namespace {
/// Without checks of accesses: other tests make them.
Words with_memory(long kb)
{
    return {"CUDA_EMU_MEMORY_KB=" + std::to_string(kb), "CUDA_EMU_CHECK=none"};
}

struct Memory : OnCuda {
    Memory() : OnCuda(8) {}

    /// Looks for the least memory that is enough. On the way, `refused` and `ended` look at what each run
    /// left: if a request could fail later than the first file, there would be a limit at which it does.
    void search(Words const& words,
                std::function<void()> const& refused,
                std::function<void()> const& ended);
    /// Bytes of all files of the run "r".
    std::map<std::string, std::string> content() const;

    static constexpr Steps kSteps = {.batch = 7, .per_graph = 2};  // a graph of two, and one step
    static constexpr long kResolution = 3;                         // KB
};

void Memory::search(Words const& words,
                    std::function<void()> const& refused,
                    std::function<void()> const& ended)
{
    long too_little = 0, enough = 12'000;
    ASSERT_EQ(run_here(words, with_memory(enough)).exit, 0);
    ended();
    while (enough - too_little > kResolution && !HasFailure()) {
        long const kb = (too_little + enough) / 2;
        Outcome const got = run_here(words, with_memory(kb));
        SCOPED_TRACE(std::to_string(kb) + " KB\n" + got.err);
        if (got.exit == 0) {
            enough = kb;
            ended();
            continue;
        }
        too_little = kb;
        EXPECT_EQ(got.exit, 69);
        EXPECT_NE(got.err.find("memory plan:"), std::string::npos);
        EXPECT_NE(got.err.find("error[CF-DEV-03]"), std::string::npos);
        refused();
    }
    EXPECT_GT(too_little, 100);
    EXPECT_LT(enough, 12'000);
}

std::map<std::string, std::string> Memory::content() const
{
    std::map<std::string, std::string> out;
    for (auto const& file : std::filesystem::recursive_directory_iterator(folder_ / "r"))
        if (file.is_regular_file()) out[file.path().string()] = slurp(file.path().string());
    return out;
}
}  // namespace

TEST_F(Memory, is_taken_before_anything_is_written_or_not_at_all)
{
    for (Words const& model : {kHybrid, kGat})
        for (char const* data_on : {"device", "host"}) {
            Words words = train("cuda", "r", model, kSteps);
            words.insert(words.end(), {"--data-on", data_on});
            SCOPED_TRACE(model[1] + ", data on " + data_on);
            ASSERT_FALSE(HasFailure());
            search(
                words, [&] { EXPECT_FALSE(exists("r")); },
                [&] {
                    EXPECT_TRUE(exists("r/summary.json"));
                    std::filesystem::remove_all(folder_ / "r");
                });
        }
}

TEST_F(Memory, of_a_resumed_training_is_taken_before_the_run_is_touched)
{
    document(train("cuda", "r", kGat, kSteps));
    auto const before = content();
    ASSERT_GT(before.size(), 5U);
    std::filesystem::copy(folder_ / "r", folder_ / "kept",
                          std::filesystem::copy_options::recursive);
    search(
        {"train", "--resume", "--run-dir", "r", "--data", "beam.h5", "--device", "cuda", "--epochs",
         "2"},
        [&] { EXPECT_TRUE(content() == before); },
        [&] {
            EXPECT_FALSE(content() == before);
            std::filesystem::remove_all(folder_ / "r");
            std::filesystem::copy(folder_ / "kept", folder_ / "r",
                                  std::filesystem::copy_options::recursive);
        });
}
}  // namespace calofuse::test
