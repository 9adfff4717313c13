#include "io/config_file.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "runtime/error.hpp"

namespace calofuse::test {
namespace {
OptionSchema schema()
{
    return {
        {"threads", std::int64_t{0}, "threads, 0 = all cores", 0, 1024},
        {"train.epochs", std::int64_t{75}, "passes over the training set", 1, 100'000},
        {"train.batch_size", std::int64_t{1024}, "events a step", 1, 65'536},
        {"train.learning_rate", 1e-3, "step size of Adam", 0, 10},
        {"train.resume", false, "go on from the last checkpoint"},
        {"model.name", std::string("hybrid"), "which model", 0, 0, {"hybrid", "cnn"}},
        {"model.note", std::string(), "free text"},
        {"simulate.tilt_deg", 2.0, "angle of the detector (degrees)"},
    };
}

struct Case {
    char const* text;
    char const* code;
    char const* in_message;  // line:column or another part that has to be there
    char const* in_hint = "";
};

class ConfigFile : public testing::Test {
  protected:
    void SetUp() override
    {
        std::string pattern = testing::TempDir() + "calofuse_config_XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    std::string write(std::string const& text) const
    {
        std::string const path = folder_ / "c.toml";
        std::ofstream(path, std::ios::binary) << text;
        return path;
    }
    static ConfigSources sources(std::string file = {})
    {
        ConfigSources out;
        out.file = std::move(file);
        out.environment = kNothing;
        return out;
    }
    Options from_file(std::string const& text) const
    {
        return resolve_options(schema(), sources(write(text)));
    }
    static void expect_error(ConfigSources const& from, Case const& c)
    {
        try {
            resolve_options(schema(), from);
            ADD_FAILURE() << "accepted: " << c.text;
        } catch (Error const& e) {
            EXPECT_EQ(e.code(), c.code) << c.text << ": " << e.what();
            EXPECT_EQ(e.exit(), Exit::config) << c.text;
            std::string const message = e.what();
            EXPECT_NE(message.find(c.in_message), std::string::npos) << c.text << ": " << message;
            EXPECT_EQ(message.find('\n'), std::string::npos) << message;
            EXPECT_NE(e.hint().find(c.in_hint), std::string::npos) << c.text << ": " << e.hint();
        }
    }

    static constexpr char const* kNothing[] = {nullptr};
    std::filesystem::path folder_;
};

std::string repeated(char const* part, int times)
{
    std::string out;
    for (int i = 0; i < times; ++i)
        out += part;
    return out;
}

TEST_F(ConfigFile, defaults_without_sources)
{
    Options const o = resolve_options(schema(), sources());
    EXPECT_EQ(o.get_int("train.epochs"), 75);
    EXPECT_EQ(o.get_double("train.learning_rate"), 1e-3);
    EXPECT_EQ(o.get_string("model.name"), "hybrid");
    EXPECT_FALSE(o.get_bool("train.resume"));
}

TEST_F(ConfigFile, reads_every_type)
{
    Options const o = from_file(
        "threads = 3\n"
        "[train]\nepochs = 5 # few\nlearning_rate = 1\nresume = true\n"
        "[model]\nname = 'cnn'\nnote = \"a \\\"b\\\" [[[ # \\u00e9\"\n"
        "[simulate]\ntilt_deg = -0.5\n");
    EXPECT_EQ(o.get_int("threads"), 3);
    EXPECT_EQ(o.get_int("train.epochs"), 5);
    EXPECT_EQ(o.get_double("train.learning_rate"), 1.0);  // a whole number where a real is wanted
    EXPECT_TRUE(o.get_bool("train.resume"));
    EXPECT_EQ(o.get_string("model.name"), "cnn");
    EXPECT_EQ(o.get_string("model.note"), "a \"b\" [[[ # \xc3\xa9");
    EXPECT_EQ(o.get_double("simulate.tilt_deg"), -0.5);
}

TEST_F(ConfigFile, bad_files)
{
    std::string const deep = "model.note = " + repeated("[", 100'000);
    std::string const deep_table = "x = " + repeated("{a=", 50'000);
    std::string const deep_key = repeated("a.", 200'000) + "b = 1";
    std::string const deep_quoted = repeated("\"a\".", 100'000) + "b = 1";
    std::string const deep_header = "[" + repeated("a.", 100'000) + "b]";
    std::string const behind_text = "model.note = '''x'''''\ny = " + repeated("[", 100'000);
    std::string const huge = "# " + std::string(1U << 20U, 'x');
    std::string const zero = std::string("train.epochs = 1\0", 17);
    Case const cases[] = {
        {"[train]\nepohcs = 5\n", "CF-CFG-02", "c.toml:2:1", "train.epochs"},
        {"[trian]\nepochs = 5\n", "CF-CFG-02", "c.toml:1:2", "config dump"},
        {"\n\n[model]\nepochs = 5\n", "CF-CFG-02", "c.toml:4:1", "train.epochs"},
        {"\"train.epochs\" = 5\n", "CF-CFG-02", "c.toml:1:1", "quotes"},
        {"zzzzzzzzzzzz = 5\n", "CF-CFG-02", "c.toml:1:1", "config dump"},
        {"\"bad\\nkey\" = 5\n", "CF-CFG-02", "\\x0a"},
        {"[train]\nepochs = \"5\"\n", "CF-CFG-03", "c.toml:2:1", "passes"},
        {"[train]\nepochs = 5.0\n", "CF-CFG-03", "train.epochs"},
        {"[train]\nepochs = true\n", "CF-CFG-03", "a whole number"},
        {"[train]\nepochs = [5]\n", "CF-CFG-03", "single value"},
        {"[train]\nepochs = 2023-05-01\n", "CF-CFG-03", "single value"},
        {"[train.epochs]\nx = 1\n", "CF-CFG-03", "single value"},
        {"[[train]]\nepochs = 1\n", "CF-CFG-03", "section"},
        {"train = 5\n", "CF-CFG-03", "section", "[train]"},
        {"[train]\nresume = 1\n", "CF-CFG-03", "true or false"},
        {"[model]\nname = 5\n", "CF-CFG-03", "a text"},
        {"[train]\nlearning_rate = \"fast\"\n", "CF-CFG-03", "a number"},
        {"[train]\nepochs = 0\n", "CF-CFG-04", "c.toml:2:1"},
        {"[train]\nepochs = 100001\n", "CF-CFG-04", "1 .. 100000"},
        {"[train]\nlearning_rate = nan\n", "CF-CFG-04", "learning_rate"},
        {"[train]\nlearning_rate = inf\n", "CF-CFG-04", "learning_rate"},
        {"[simulate]\ntilt_deg = -inf\n", "CF-CFG-04", "tilt_deg"},
        {"[model]\nname = \"hybird\"\n", "CF-CFG-04", "hybrid, cnn"},
        {"[train]\nepochs = 1\nepochs = 2\n", "CF-CFG-05", "c.toml:3:"},
        {"[train]\nepochs = 1\n[train]\nresume = true\n", "CF-CFG-05", "c.toml:3:"},
        {"train.epochs = 7\ntrain = { }\n", "CF-CFG-05", "c.toml:2:"},
        {"[train]\nepochs = \n", "CF-CFG-01", "c.toml:2:"},
        {"[train\nepochs = 1\n", "CF-CFG-01", "c.toml:1:"},
        {"[model]\nname = hybrid\n", "CF-CFG-01", "c.toml:2:", "quotes"},
        {"[model]\nname = \"hybrid\n", "CF-CFG-01", "c.toml:2:"},
        {"[train]\nepochs = 99999999999999999999\n", "CF-CFG-01", "c.toml:2:"},
        {"[train]\nlearning_rate = 1e-3.5\n", "CF-CFG-01", "c.toml:2:"},
        {"[model]\nnote = \"\xff\xfe\"\n", "CF-CFG-01", "c.toml:2:"},
        {"\x89HDF\r\n\x1a\n", "CF-CFG-01", "c.toml:1:"},
        {"= 1\n", "CF-CFG-01", "c.toml:1:"},
        {huge.c_str(), "CF-CFG-06", "1048576"},
        {deep.c_str(), "CF-CFG-07", "c.toml:1"},
        {deep_table.c_str(), "CF-CFG-07", "c.toml:1"},
        {deep_key.c_str(), "CF-CFG-07", "c.toml:1"},
        {deep_quoted.c_str(), "CF-CFG-07", "c.toml:1"},
        {deep_header.c_str(), "CF-CFG-07", "c.toml:1"},
        {behind_text.c_str(), "CF-CFG-07", "c.toml:2"},
    };
    for (Case const& c : cases)
        expect_error(sources(write(c.text)), c);
    expect_error(sources(write(zero)), {"a zero byte", "CF-CFG-01", "c.toml:1:"});
}

TEST_F(ConfigFile, nesting_of_32_levels_is_let_through_to_the_parser)
{
    std::string const text = "model.note = " + repeated("[", 32) + repeated("]", 32);
    expect_error(sources(write(text)), {text.c_str(), "CF-CFG-03", "single value"});
    std::string const quotes = "model.note = \"" + repeated("[", 40) + "\" # " + repeated("{", 40);
    EXPECT_EQ(from_file(quotes).get_string("model.note"), repeated("[", 40));
}

TEST_F(ConfigFile, unreadable_files)
{
    for (std::string const& path : {(folder_ / "missing.toml").string(), folder_.string()}) {
        try {
            resolve_options(schema(), sources(path));
            ADD_FAILURE() << path;
        } catch (Error const& e) {
            EXPECT_EQ(e.code(), "CF-CFG-13");
            EXPECT_EQ(e.exit(), Exit::no_input);
        }
    }
}

TEST_F(ConfigFile, bad_sets)
{
    Case const cases[] = {
        {"train.epochs", "CF-CFG-08", "--set 'train.epochs'"},
        {"=5", "CF-CFG-08", "section.key=value"},
        {"", "CF-CFG-08", "section.key=value"},
        {"train.epoch=5", "CF-CFG-02", "'train.epoch'", "train.epochs"},
        {"train=5", "CF-CFG-02", "'train'"},
        {"train.epochs=", "CF-CFG-03", "a whole number"},
        {"train.epochs=5x", "CF-CFG-03", "'5x'"},
        {"train.epochs= 5", "CF-CFG-03", "a whole number"},
        {"train.epochs=1e3", "CF-CFG-03", "a whole number"},
        {"train.epochs=99999999999999999999", "CF-CFG-03", "a whole number"},
        {"train.learning_rate=1e999", "CF-CFG-03", "a number"},
        {"train.learning_rate=nan", "CF-CFG-04", "learning_rate"},
        {"train.learning_rate=inf", "CF-CFG-04", "learning_rate"},
        {"train.learning_rate=11", "CF-CFG-04", "0 .. 10"},
        {"train.resume=yes", "CF-CFG-03", "true or false"},
        {"model.name=rnn", "CF-CFG-04", "hybrid, cnn"},
        {"model.note=\xff", "CF-CFG-09", "UTF-8"},
        {"model.note=\xed\xa0\x80", "CF-CFG-09", "UTF-8"},
        {"model.note=\xc0\x80", "CF-CFG-09", "UTF-8"},
        {"model.note=\xe2\x82", "CF-CFG-09", "UTF-8"},
    };
    for (Case const& c : cases) {
        ConfigSources from = sources();
        from.sets = {c.text};
        expect_error(from, c);
    }
    ConfigSources twice = sources();
    twice.sets = {"train.epochs=5", "train.epochs=6"};
    expect_error(twice, {"two sets", "CF-CFG-05", "another value"});
    twice.sets = {"train.epochs=5"};
    twice.command_line = {{"train.epochs", std::int64_t{6}}};
    expect_error(twice, {"set and option", "CF-CFG-05", "another value"});
    twice.command_line = {{"train.epochs", std::string("5")}};
    EXPECT_EQ(resolve_options(schema(), twice).get_int("train.epochs"), 5);
}

TEST_F(ConfigFile, environment)
{
    char const* const good[] = {"PATH=/bin",
                                "CALOFUSE_TRAIN_EPOCHS=10",
                                "CALOFUSE_TRAIN_BATCH_SIZE=64",
                                "CALOFUSE_MODEL_NOTE=a=b",
                                "CALOFUSE_THREADS=2",
                                "CALOFUSE_ISA=avx2",
                                "CALOFUSE_DATA_DIR=/x",
                                nullptr};
    ConfigSources from = sources();
    from.environment = good;
    testing::internal::CaptureStderr();
    Options const o = resolve_options(schema(), from);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    EXPECT_EQ(o.get_int("train.epochs"), 10);
    EXPECT_EQ(o.get_int("train.batch_size"), 64);
    EXPECT_EQ(o.get_string("model.note"), "a=b");
    EXPECT_EQ(o.get_int("threads"), 2);

    char const* const unknown[] = {"CALOFUSE_TRAIN_EPOCH=10", nullptr};
    from.environment = unknown;
    testing::internal::CaptureStderr();
    EXPECT_EQ(resolve_options(schema(), from).get_int("train.epochs"), 75);
    std::string const warning = testing::internal::GetCapturedStderr();
    EXPECT_NE(warning.find("did you mean CALOFUSE_TRAIN_EPOCHS"), std::string::npos) << warning;

    Case const cases[] = {
        {"CALOFUSE_TRAIN_EPOCHS=ten", "CF-CFG-03", "CALOFUSE_TRAIN_EPOCHS"},
        {"CALOFUSE_TRAIN_EPOCHS=", "CF-CFG-03", "CALOFUSE_TRAIN_EPOCHS"},
        {"CALOFUSE_TRAIN_EPOCHS=0", "CF-CFG-04", "CALOFUSE_TRAIN_EPOCHS"},
        {"CALOFUSE_TRAIN_LEARNING_RATE=-nan", "CF-CFG-04", "CALOFUSE_TRAIN_LEARNING_RATE"},
        {"CALOFUSE_MODEL_NOTE=\x80", "CF-CFG-09", "CALOFUSE_MODEL_NOTE"},
    };
    for (Case const& c : cases) {
        char const* const bad[] = {c.text, nullptr};
        from.environment = bad;
        expect_error(from, c);
    }
}

TEST_F(ConfigFile, precedence)
{
    char const* const environment[] = {"CALOFUSE_TRAIN_EPOCHS=20", "CALOFUSE_TRAIN_BATCH_SIZE=20",
                                       "CALOFUSE_THREADS=20", nullptr};
    ConfigSources from =
        sources(write("threads = 10\n"
                      "[train]\nepochs = 10\nbatch_size = 10\n"
                      "learning_rate = 0.1\n"));
    from.environment = environment;
    from.sets = {"train.epochs=30"};
    from.command_line = {{"threads", std::int64_t{40}}};
    Options const o = resolve_options(schema(), from);
    EXPECT_EQ(o.get_int("threads"), 40);                  // named option
    EXPECT_EQ(o.get_int("train.epochs"), 30);             // --set
    EXPECT_EQ(o.get_int("train.batch_size"), 20);         // environment
    EXPECT_EQ(o.get_double("train.learning_rate"), 0.1);  // file
    EXPECT_FALSE(o.get_bool("train.resume"));             // default
}

TEST_F(ConfigFile, keys_of_others_are_let_pass_and_change_nothing)
{
    ConfigSources given = sources(write("[graph]\nk = 8\n[train]\nwarmup = 'x'\nepochs = 3\n"));
    given.sets = {"graph.k=9"};
    given.ignored = {"graph.k", "train.warmup"};
    Options const options = resolve_options(schema(), given);
    EXPECT_EQ(options.get_int("train.epochs"), 3);
    EXPECT_FALSE(options.has("graph.k"));
    EXPECT_FALSE(options.has("train.warmup"));
    given.sets = {"graph.kk=9"};
    try {
        resolve_options(schema(), given);
        FAIL();
    } catch (Error const& e) {
        EXPECT_EQ(e.code(), "CF-CFG-02");
        EXPECT_EQ(e.hint(), "did you mean graph.k?");
    }
}

TEST_F(ConfigFile, dump_is_read_back_byte_for_byte)
{
    Options options(schema());
    for (double const value : {0.1, 1e-300, 5e-324, 1.7976931348623157e308, -0.0, 3.0, 1e22,
                               0.30000000000000004, -123456.789}) {
        options.set("simulate.tilt_deg", value);
        options.set("model.note", std::string("quote \" back \\ tab \t line \n bell \a \xc3\xa9"));
        std::string const text = dump_toml(schema(), options);
        Options const back = from_file(text);
        EXPECT_EQ(back.all(), options.all()) << text;
        EXPECT_EQ(dump_toml(schema(), back), text);
    }
    std::string const text = dump_toml(schema(), Options(schema()));
    EXPECT_NE(text.find("# passes over the training set (1 .. 100000)\nepochs = 75\n"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("# which model"), std::string::npos);
    EXPECT_NE(text.find(": hybrid | cnn\nname = \"hybrid\"\n"), std::string::npos) << text;
    EXPECT_LT(text.find("threads = 0"), text.find("[train]"));
}
}  // namespace
}  // namespace calofuse::test
