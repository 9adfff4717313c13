#include "driver/cli/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "driver/cli/arguments.hpp"
#include "driver/cli/device.hpp"
#include "driver/cli/settings.hpp"
#include "driver/cli/version.hpp"
#include "runtime/error.hpp"
#include "runtime/log.hpp"
#include "runtime/nearest.hpp"

namespace calofuse {
namespace {
constexpr char kGlobalFooter[] = "Global options go before or after the command: calofuse --help";

std::string default_text(OptionValue const& value)
{
    if (auto const* text = std::get_if<std::string>(&value)) return *text;
    if (auto const* whole = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *whole);
    if (auto const* real = std::get_if<double>(&value)) return fmt::format("{}", *real);
    return std::get<bool>(value) ? "true" : "false";
}
/// What the parser would misread, in words that it does not: a file "[a,b]" would become a list, and
/// after "--" it still looks for options once a list of inputs has begun.
std::vector<std::string> shielded(std::vector<std::string> const& arguments)
{
    std::vector<std::string> words;
    bool after_mark = false;
    for (std::string const& argument : arguments) {
        if (!after_mark && argument == "--") {
            after_mark = true;
            continue;
        }
        bool const list = argument.size() > 1 && argument[0] == '[' && argument.back() == ']';
        bool const dash = after_mark && !argument.empty() && argument[0] == '-';
        words.push_back(list || dash ? "./" + argument : argument);
    }
    return words;
}

/// The parser's complaint, of which only two kinds get past our own checks.
[[noreturn]] void refuse_in_our_words(CLI::ParseError const& e)
{
    std::string message = e.what();
    std::replace(message.begin(), message.end(), '\n', ' ');
    std::string const option = message.substr(0, message.find(':'));
    bool const mismatch = dynamic_cast<CLI::ArgumentMismatch const*>(&e) != nullptr;
    if (mismatch && message.find("missing") != message.npos)
        refuse("CF-CLI-03", option + " needs a value", "calofuse --help");
    if (mismatch) refuse("CF-CLI-04", option + " is given more than once", "keep one of them");
    refuse("CF-CLI-04", quoted(message, 300), "calofuse --help");
}
}  // namespace

struct CommandOptions::Impl {
    CLI::App* app = nullptr;
    Session* session = nullptr;
    CommandLine::Run run;
    std::vector<CLI::Option const*> required = {};
};

struct CommandLine::State {
    CLI::App app{"CaloFuse: trains calorimeter networks with fused kernels"};
    Session session;
    bool quiet = false, verbose = false, version = false;
    std::vector<std::unique_ptr<CommandOptions::Impl>> commands;
    std::unique_ptr<CommandOptions::Impl> global;

    CommandOptions::Impl const* chosen() const;
    std::string unknown_name(CommandOptions::Impl const* command, std::string const& word) const;
    void check_leftovers(CommandOptions::Impl const* command) const;
};

void CommandOptions::text(
    char const* flag, std::string& target, char const* value_name, char const* help, Need need)
{
    auto* option = impl_->app->add_option_function<std::string>(
        flag, [flag, &target](std::string const& v) { target = check_text(flag, v); }, help);
    option->type_name(value_name);
    if (need == Need::required) impl_->required.push_back(option);
}

void CommandOptions::choice(char const* flag,
                            std::string& target,
                            std::vector<std::string> const& choices,
                            char const* help)
{
    auto const store = [flag, &target, choices](std::string const& v) {
        check_choice(flag, check_text(flag, v), choices);
        target = v;
    };
    impl_->app
        ->add_option_function<std::string>(flag, store,
                                           fmt::format("{} (default {})", help, target))
        ->type_name(fmt::format("{}", fmt::join(choices, "|")));
}

void CommandOptions::number(
    char const* flag, std::int64_t& target, std::int64_t min, std::int64_t max, char const* help)
{
    auto const store = [flag, &target, min, max](std::string const& v) {
        target = check_whole(flag, check_text(flag, v), min, max);
    };
    impl_->app
        ->add_option_function<std::string>(flag, store,
                                           fmt::format("{} (default {})", help, target))
        ->type_name("N");
}

void CommandOptions::numbers(char const* flag,
                             std::vector<std::int64_t>& target,
                             std::int64_t min,
                             std::int64_t max,
                             char const* help,
                             Need need)
{
    auto const store = [flag, &target, min, max](std::string const& v) {
        check_text(flag, v);
        target.clear();
        for (std::size_t begin = 0; begin <= v.size();) {
            std::size_t const end = std::min(v.find(',', begin), v.size());
            target.push_back(check_whole(flag, v.substr(begin, end - begin), min, max));
            begin = end + 1;
        }
    };
    auto* option = impl_->app->add_option_function<std::string>(flag, store, help);
    option->type_name("N[,N...]");
    if (need == Need::required) impl_->required.push_back(option);
}

void CommandOptions::toggle(char const* flag, bool& target, char const* help)
{
    impl_->app->add_flag(flag, target, help);
}

void CommandOptions::setting(char const* flag, char const* key)
{
    OptionSpec const& spec = calofuse::setting(key);
    auto const store = [flag, &spec, session = impl_->session](std::string const& v) {
        session->global.flags.push_back({spec.key, check_setting(flag, v, spec), flag});
    };
    bool const is_text = std::holds_alternative<std::string>(spec.fallback);
    bool const is_real = std::holds_alternative<double>(spec.fallback);
    std::string const fallback = default_text(spec.fallback);
    std::string const help =
        fallback.empty() ? spec.help : fmt::format("{} (default {})", spec.help, fallback);
    impl_->app->add_option_function<std::string>(flag, store, help)
        ->type_name(!spec.choices.empty() ? fmt::format("{}", fmt::join(spec.choices, "|"))
                    : is_text             ? "TEXT"
                    : is_real             ? "X"
                                          : "N");
}

void CommandOptions::setting_toggle(char const* flag, char const* key)
{
    OptionSpec const& spec = calofuse::setting(key);
    auto const store = [flag, &spec, session = impl_->session](std::int64_t count) {
        session->global.flags.push_back({spec.key, count > 0 ? "true" : "false", flag});
    };
    impl_->app->add_flag_function(flag, store, spec.help);
}

void CommandOptions::positional(char const* name, std::string& target, char const* help)
{
    auto* option = impl_->app->add_option_function<std::string>(
        name, [name, &target](std::string const& v) { target = check_text(name, v); }, help);
    option->type_name("");
    impl_->required.push_back(option);
}

void CommandOptions::positionals(char const* name,
                                 std::vector<std::string>& target,
                                 char const* help,
                                 Need need)
{
    auto const store = [name, &target](std::vector<std::string> const& values) {
        for (std::string const& value : values)
            target.push_back(value.empty() ? check_text(name, value) : value);
    };
    auto* option = impl_->app->add_option_function<std::vector<std::string>>(name, store, help);
    option->type_name("");
    if (need == Need::required) impl_->required.push_back(option);
}

CommandLine::CommandLine() : state_(std::make_unique<State>())
{
    CLI::App& app = state_->app;
    GlobalOptions& global = state_->session.global;
    app.name("calofuse");
    app.require_subcommand(0, 1);
    app.fallthrough();
    app.allow_extras();
    app.set_help_flag("-h,--help", "this text; after a command: its options and an example");
    app.add_flag("--version", state_->version, "version, commit, libraries");
    app.add_flag("--json", global.json, "results as one JSON document on stdout");
    app.add_flag("-q,--quiet", state_->quiet, "warnings and errors only");
    app.add_flag("-v,--verbose", state_->verbose, "more detail on stderr");
    app.footer("Example: calofuse train --data beam.h5 --model hybrid --run-dir runs/first");

    state_->global =
        std::make_unique<CommandOptions::Impl>(CommandOptions::Impl{&app, &state_->session, Run{}});
    CommandOptions options(*state_->global);
    options.setting("--threads", "general.threads");
    auto const store_device = [&global](std::string const& v) {
        if (!is_device_name(check_text("--device", v)))
            refuse("CF-CLI-04",
                   fmt::format("--device must be auto, cpu, cuda or cuda:N, not {}", quoted(v)),
                   "calofuse doctor lists the devices");
        global.flags.push_back({"general.device", v, "--device"});
    };
    app.add_option_function<std::string>("--device", store_device, "where to run (default auto)")
        ->type_name("auto|cpu|cuda[:N]");
    options.setting("--data-on", "general.data_on");
    options.setting("--precision", "general.precision");
    options.setting("--seed", "general.seed");
    options.text("--config", global.config, "FILE.toml", "settings from a file");
    app.add_option_function<std::vector<std::string>>(
           "--set",
           [&global](std::vector<std::string> const& values) {
               for (std::string const& value : values)
                   global.sets.push_back(check_text("--set", value));
           },
           "one setting, e.g. train.learning_rate=3e-4; may be repeated")
        ->type_name("KEY=VALUE")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

CommandLine::~CommandLine() = default;

CommandOptions CommandLine::add(char const* name, char const* summary, char const* example, Run run)
{
    CLI::App* const app = state_->app.add_subcommand(name, summary);
    app->footer(fmt::format("Example: {}\n{}", example, kGlobalFooter));
    state_->commands.push_back(std::make_unique<CommandOptions::Impl>(
        CommandOptions::Impl{app, &state_->session, std::move(run)}));
    return CommandOptions(*state_->commands.back());
}

CommandOptions::Impl const* CommandLine::State::chosen() const
{
    for (auto const& command : commands)
        if (command->app->parsed()) return command.get();
    return nullptr;
}

/// Hint for a word that nothing takes.
std::string CommandLine::State::unknown_name(CommandOptions::Impl const* command,
                                             std::string const& word) const
{
    std::vector<std::string> known;
    bool const is_flag = word[0] == '-';
    if (is_flag) {
        std::vector<CLI::App const*> levels = {&app};
        if (command != nullptr) levels.insert(levels.begin(), command->app);
        for (CLI::App const* level : levels)
            for (CLI::Option const* option : level->get_options())
                for (std::string const& name : option->get_lnames())
                    known.push_back("--" + name);
    } else {
        for (auto const& c : commands)
            known.push_back(c->app->get_name());
    }
    std::string const near = nearest(word, known);
    std::string const help = command == nullptr
                                 ? "calofuse --help"
                                 : fmt::format("calofuse {} --help", command->app->get_name());
    return near.empty() ? help : fmt::format("did you mean {}?", near);
}

void CommandLine::State::check_leftovers(CommandOptions::Impl const* command) const
{
    for (std::string const& word : app.remaining(true)) {
        if (word == "--") continue;
        std::string const name = word.substr(0, word[0] == '-' ? word.find('=') : word.npos);
        if (name.size() > 1 && name[0] == '-')
            refuse("CF-CLI-01", fmt::format("unknown option {}", quoted(name)),
                   unknown_name(command, name));
        if (command == nullptr)
            refuse("CF-CLI-02", fmt::format("unknown command {}", quoted(word)),
                   word.empty() ? "calofuse --help" : unknown_name(command, word));
        refuse("CF-CLI-02", fmt::format("unexpected argument {}", quoted(word)),
               fmt::format("calofuse {} --help", command->app->get_name()));
    }
    if (command == nullptr) refuse("CF-CLI-05", "no command given", "calofuse --help");
    for (CLI::Option const* option : command->required)
        if (option->count() == 0)
            refuse("CF-CLI-05",
                   fmt::format("{} needs {}", command->app->get_name(), option->get_name()),
                   fmt::format("calofuse {} --help", command->app->get_name()));
}

int CommandLine::run(std::vector<std::string> const& arguments)
{
    check_arguments(arguments);
    State& state = *state_;
    try {
        std::vector<std::string> words = shielded(arguments);
        std::reverse(words.begin(), words.end());
        state.app.parse(std::move(words));
    } catch (CLI::CallForHelp const&) {
        std::fputs(state.app.help().c_str(), stdout);  // main looks at ferror(stdout)
        return 0;
    } catch (CLI::ParseError const& e) {
        refuse_in_our_words(e);
    }
    if (state.version) {
        std::fputs(version_text().c_str(), stdout);
        return 0;
    }
    auto const* command = state.chosen();
    state.check_leftovers(command);
    if (state.quiet && state.verbose)
        refuse("CF-CLI-04", "--quiet and --verbose contradict each other", "give one of them");
    GlobalOptions& global = state.session.global;
    global.verbosity = state.quiet ? -1 : state.verbose ? 1 : 0;
    log::set_level(state.quiet     ? log::Level::warning
                   : state.verbose ? log::Level::detail
                                   : log::Level::info);
    state.session.command = command->app->get_name();
    state.session.command_line = arguments;
    return command->run(state.session);
}
}  // namespace calofuse
