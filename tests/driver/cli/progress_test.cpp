/// What the progress line shows and when; the clock and the terminal are ours.
#include "driver/cli/progress.hpp"

#include <gtest/gtest.h>

namespace calofuse::test {
namespace {
struct Screen {
    double now = 100;
    std::string text;
    Progress::Settings settings(Progress::Style style, int columns = 60)
    {
        return {style, columns, style == Progress::Style::plain ? 5 : 0.1, [this] { return now; },
                [this](std::string const& t) {
                    text += t;
                }};
    }
};

TEST(Progress, durations)
{
    EXPECT_EQ(format_duration(0.2), "0s");
    EXPECT_EQ(format_duration(59.4), "59s");
    EXPECT_EQ(format_duration(187), "3m07s");
    EXPECT_EQ(format_duration(7500), "2h05m");
    EXPECT_EQ(format_duration(-1), "0s");
}

TEST(Progress, eta_counts_what_this_run_did)
{
    EXPECT_EQ(progress_line("train", "epoch 3", 0, 0.25, 10, 0), "train  epoch 3  25%  ETA 30s");
    EXPECT_EQ(progress_line("train", "epoch 3", 0.5, 0.75, 10, 0), "train  epoch 3  75%  ETA 10s");
    EXPECT_EQ(progress_line("train", "epoch 3", 0, 0.001, 10, 0), "train  epoch 3  0%");
    EXPECT_EQ(progress_line("train", "x", 0, 1, 10, 0), "train  x  100%");
}

TEST(Progress, narrow_terminals_cut_the_status_not_the_eta)
{
    std::string const line = progress_line("train", std::string(200, 's'), 0, 0.25, 10, 30);
    EXPECT_EQ(line.size(), 30U);
    EXPECT_NE(line.find("ETA 30s"), line.npos);
    EXPECT_EQ(progress_line("train", "status", 0, 0.25, 10, 3).size(), 3U);
}

TEST(Progress, terminal_redraws_one_line_at_most_ten_times_a_second)
{
    Screen screen;
    {
        Progress progress("convert", screen.settings(Progress::Style::terminal));
        for (int i = 0; i < 1000; ++i) {
            screen.now += 0.001;
            progress.update(0.001 * i, "events");
        }
        EXPECT_EQ(screen.text.find('\n'), screen.text.npos);
        auto const redraws = std::count(screen.text.begin(), screen.text.end(), '\r');
        EXPECT_GE(redraws, 9);
        EXPECT_LE(redraws, 10);
    }
    EXPECT_EQ(screen.text.back(), '\r') << "the line is left on the terminal";
}

TEST(Progress, elsewhere_plain_lines_every_few_seconds)
{
    Screen screen;
    Progress progress("convert", screen.settings(Progress::Style::plain));
    for (int i = 1; i <= 12; ++i) {
        screen.now += 1;
        progress.update(0.05 * i, "events");
    }
    EXPECT_EQ(screen.text,
              "calofuse: convert  events  25%  ETA 15s\ncalofuse: convert  events  50%  ETA 10s\n");
}

TEST(Progress, off_says_nothing)
{
    Screen screen;
    Progress progress("convert", screen.settings(Progress::Style::off));
    screen.now += 100;
    EXPECT_FALSE(progress.due());
    progress.update(0.5, "events");
    EXPECT_EQ(screen.text, "");
}
}  // namespace
}  // namespace calofuse::test
