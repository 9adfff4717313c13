/// \file driver/cli/options.hpp
/// The command line. Commands describe what they take (commands/register.cpp); values land in the
/// command's argument struct. Every mistake on the line is an Error with exit 64: unknown names come
/// with the nearest known one, numbers are plain decimals within their range.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "driver/train/session.hpp"

namespace calofuse {
enum class Need : std::uint8_t { optional, required };

/// One command under description. Targets must live until the line has been parsed and run.
class CommandOptions {
  public:
    struct Impl;
    explicit CommandOptions(Impl& impl) : impl_(&impl) {}

    /// `--flag VALUE`, any non-empty text.
    void text(char const* flag,
              std::string& target,
              char const* value_name,
              char const* help,
              Need need = Need::optional);
    void choice(char const* flag,
                std::string& target,
                std::vector<std::string> const& choices,
                char const* help);
    void number(char const* flag,
                std::int64_t& target,
                std::int64_t min,
                std::int64_t max,
                char const* help);
    /// `--flag 3,1,2`.
    void numbers(char const* flag,
                 std::vector<std::int64_t>& target,
                 std::int64_t min,
                 std::int64_t max,
                 char const* help,
                 Need need = Need::optional);
    void toggle(char const* flag, bool& target, char const* help);
    /// `--flag VALUE` for the setting `key`: type, range, default and help come from its entry.
    void setting(char const* flag, char const* key);
    /// `--flag` alone for a setting that is true or false.
    void setting_toggle(char const* flag, char const* key);
    /// One word, or any number of them, without a flag.
    void positional(char const* name, std::string& target, char const* help);
    void positionals(char const* name,
                     std::vector<std::string>& target,
                     char const* help,
                     Need need = Need::required);

  private:
    Impl* impl_;
};

class CommandLine {
  public:
    using Run = std::function<int(Session const&)>;
    CommandLine();
    ~CommandLine();
    CommandLine(CommandLine const&) = delete;
    CommandLine& operator=(CommandLine const&) = delete;

    /// `example` is a whole line, shown by `calofuse NAME --help`.
    CommandOptions add(char const* name, char const* summary, char const* example, Run run);

    /// Parses, then runs the command; --help and --version print and return 0.
    int run(std::vector<std::string> const& arguments);

  private:
    struct State;
    std::unique_ptr<State> state_;
};
}  // namespace calofuse
