/// One stop signal raises a flag, the second one ends the process with 75.
#include "driver/cli/signals.hpp"

#include <csignal>
#include <thread>

#include <gtest/gtest.h>

#include "runtime/error.hpp"

namespace calofuse::test {
namespace {
using namespace std::chrono_literals;

TEST(Signals, first_one_asks_for_a_stop)
{
    for (int const number : {SIGINT, SIGTERM, SIGUSR1}) {
        StopSignals const signals;
        EXPECT_FALSE(stop_requested());
        EXPECT_NO_THROW(throw_if_stopped("nothing", ""));
        std::raise(number);
        EXPECT_TRUE(stop_requested());
    }
}

TEST(Signals, the_error_names_signal_and_what_was_saved)
{
    StopSignals const signals;
    std::raise(SIGTERM);
    try {
        throw_if_stopped("checkpoint of step 12 is saved", "go on with --resume");
        FAIL();
    } catch (Error const& e) {
        EXPECT_EQ(e.exit(), Exit::interrupted);
        EXPECT_STREQ(e.what(), "stopped by SIGTERM: checkpoint of step 12 is saved");
        EXPECT_EQ(e.hint(), "go on with --resume");
    }
}

TEST(Signals, second_one_ends_the_process)
{
    auto const twice = [](auto pause) {
        StopSignals const signals;
        std::raise(SIGINT);
        std::this_thread::sleep_for(pause);
        std::raise(SIGINT);
        std::_Exit(3);
    };
    EXPECT_EXIT(twice(150ms), testing::ExitedWithCode(75), "");
    EXPECT_EXIT(twice(0ms), testing::ExitedWithCode(3), "")
        << "a launcher's copy of the same Ctrl-C";
}

TEST(Signals, handlers_are_put_back)
{
    struct sigaction before = {}, after = {};
    sigaction(SIGTERM, nullptr, &before);
    {
        StopSignals const signals;
    }
    sigaction(SIGTERM, nullptr, &after);
    EXPECT_EQ(before.sa_handler, after.sa_handler);
}
}  // namespace
}  // namespace calofuse::test
