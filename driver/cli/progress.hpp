/// \file driver/cli/progress.hpp
/// How far a long command is. On a terminal one line, redrawn at most ten times a second; elsewhere
/// a plain line every few seconds, without carriage returns or colour; nothing with --quiet.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace calofuse {
/// "59s", "3m07s", "2h05m"
std::string format_duration(double seconds);

/// `task status  42% ETA 3m07s`, cut to `columns` bytes (0 = not at all). ETA from what
/// `elapsed` seconds did of the part from `begin` to `fraction`; none before 1 % and 1 s.
std::string progress_line(std::string_view task,
                          std::string_view status,
                          double begin,
                          double fraction,
                          double elapsed,
                          int columns);

class Progress {
  public:
    enum class Style { off, plain, terminal };
    struct Settings {
        Style style = Style::off;
        int columns = 80;
        double interval_s = 0.1;      ///< between lines
        std::function<double()> now;  ///< seconds, monotonic
        std::function<void(std::string const&)> put;
    };

    /// As standard error, the log level, TERM and COLUMNS ask for. One at a time.
    explicit Progress(std::string task);
    Progress(std::string task, Settings settings);
    ~Progress();
    Progress(Progress const&) = delete;
    Progress& operator=(Progress const&) = delete;

    /// Whether an `update` now would show: callers format their status only then.
    bool due() const;
    /// `fraction` of the whole task is done, 0..1. Shows at most once per interval.
    void update(double fraction, std::string_view status);
    /// Takes the line off the terminal, so that another text can stand there.
    void clear();

  private:
    std::string task_;
    Settings settings_;
    double last_s_;
    double begin_ = -1;      ///< fraction at the first update: resumed runs do not start at 0
    double start_s_ = 0;     ///< when that was
    std::size_t drawn_ = 0;  ///< bytes of the line on the terminal
};
}  // namespace calofuse
