/// Every command's options reach its argument struct or the settings; bad lines throw CF-CLI-xx.
#include <gtest/gtest.h>

#include "driver/cli/settings.hpp"
#include "driver/commands/describe.hpp"
#include "driver/focalh/commands/describe.hpp"
#include "models/registry.hpp"
#include "runtime/error.hpp"

namespace calofuse::test {
namespace {
using namespace commands;

/// All commands of the program with functions that note what they were called with.
struct Fake {
    CommandLine line;
    Session session;
    SimulateArgs simulate;
    ConvertArgs convert;
    InspectArgs inspect;
    VerifyArgs verify;
    TrainArgs train;
    EvaluateArgs evaluate;
    PredictArgs predict;
    ReportArgs report;
    DisplayArgs display;
    ProfileArgs profile;
    DoctorArgs doctor;

    template <class Args>
    Function<Args> note(Args& into)
    {
        return [this, &into](Session const& s, Args const& args) {
            session = s;
            into = args;
            return 7;
        };
    }
    Fake()
    {
        add_simulate(line, note(simulate));
        add_convert(line, note(convert));
        add_inspect(line, note(inspect));
        add_verify(line, note(verify));
        add_train(line, note(train));
        add_evaluate(line, note(evaluate));
        add_predict(line, note(predict));
        add_report(line, note(report));
        add_display(line, note(display));
        add_profile(line, note(profile));
        auto const plain = [this](Session const& s) {
            session = s;
            return 7;
        };
        add_doctor(line, note(doctor));
        add_config(line, plain);
    }
    void run(std::vector<std::string> const& words) { ASSERT_EQ(line.run(words), 7); }
    std::string flag(std::string const& key) const
    {
        for (FlagSetting const& f : session.global.flags)
            if (f.key == key) return f.value;
        return "-";
    }
};

TEST(Options, train_arguments_and_settings)
{
    Fake fake;
    fake.run({"--json",
              "train",
              "--data",
              "a.h5",
              "--model",
              "gat",
              "--run-dir=r/1",
              "--epochs",
              "10",
              "--batch-size",
              "64",
              "--fraction",
              "0.5",
              "--patience",
              "0",
              "--bn-statistics",
              "running",
              "--retrain-on-all",
              "--resume",
              "--threads",
              "2",
              "--seed",
              "9",
              "--set",
              "train.optimizer=sgd",
              "--set",
              "split.test=0.1"});
    EXPECT_EQ(fake.train.data, "a.h5");
    EXPECT_EQ(fake.train.model, "gat");
    EXPECT_EQ(fake.train.run_dir, "r/1");
    EXPECT_TRUE(fake.train.resume);
    EXPECT_TRUE(fake.session.global.json);
    EXPECT_EQ(fake.session.command, "train");
    EXPECT_EQ(fake.session.command_line.size(), 27U);
    Options const options = resolve_settings(fake.session);
    EXPECT_EQ(options.get_int("train.epochs"), 10);
    EXPECT_EQ(options.get_int("train.batch_size"), 64);
    EXPECT_EQ(options.get_double("split.fraction"), 0.5);
    EXPECT_EQ(options.get_int("train.patience"), 0);
    EXPECT_EQ(options.get_string("train.bn_statistics"), "running");
    EXPECT_TRUE(options.get_bool("train.retrain_on_all"));
    EXPECT_EQ(options.get_int("general.threads"), 2);
    EXPECT_EQ(options.get_int("general.seed"), 9);
    EXPECT_EQ(options.get_string("train.optimizer"), "sgd");
    EXPECT_EQ(options.get_double("split.test"), 0.1);
    EXPECT_EQ(options.get_int("train.checkpoint_every"), 1);
}

TEST(Options, defaults_of_the_contract)
{
    Fake fake;
    fake.run({"evaluate", "--run-dir", "r", "--data", "a.h5"});
    EXPECT_EQ(fake.evaluate.split, "test");
    EXPECT_EQ(fake.evaluate.checkpoint, "best");
    EXPECT_FALSE(fake.session.global.json);
    EXPECT_EQ(fake.session.global.verbosity, 0);
    Options const options(with_extra(find_model("hybrid").schema()));
    EXPECT_EQ(options.get_int("general.seed"), 1);
    EXPECT_EQ(options.get_int("train.epochs"), 75);
    EXPECT_EQ(options.get_int("train.patience"), 15);
    EXPECT_EQ(options.get_string("input.scaling"), "asinh");
    EXPECT_EQ(options.get_double("input.asinh_scale"), 20.0);
    EXPECT_EQ(options.get_string("train.bn_statistics"), "recomputed");
}

TEST(Options, every_default_is_within_its_own_range)
{
    for (OptionSpec const& spec : program_schema())
        EXPECT_NO_THROW(checked(spec, spec.fallback, "default")) << spec.key;
}

TEST(Options, other_commands)
{
    {
        Fake fake;
        fake.run({"convert", "--out", "o.h5", "e", "h", "--out-of-range", "clip", "--compress",
                  "--layout=types-events", "--unknown", "-v", "--", "-odd.npy"});
        EXPECT_EQ(fake.convert.inputs, (std::vector<std::string>{"e", "h", "./-odd.npy"}));
        EXPECT_EQ(fake.convert.out_of_range, "clip");
        EXPECT_EQ(fake.convert.layout, "types-events");
        EXPECT_EQ(fake.convert.board_order, "0,1,2,3");
        EXPECT_TRUE(fake.convert.compress && fake.convert.unknown);
        EXPECT_FALSE(fake.convert.overwrite);
        EXPECT_EQ(fake.session.global.verbosity, 1);
    }
    {
        Fake fake;
        fake.run({"display", "--data", "a.h5", "--event", "12,0,77", "--out", "e.svg"});
        EXPECT_EQ(fake.display.events, (std::vector<std::int64_t>{12, 0, 77}));
    }
    {
        Fake fake;
        fake.run({"simulate", "--out", "d", "--events", "50", "--energies", "60,80", "--pure",
                  "--detector-seed", "3"});
        EXPECT_EQ(fake.simulate.events, 50);
        EXPECT_EQ(fake.simulate.energies, "60,80");
        EXPECT_EQ(fake.simulate.detector_seed, 3);
        EXPECT_TRUE(fake.simulate.pure);
        EXPECT_FALSE(fake.simulate.full);
    }
    {
        Fake fake;
        fake.run({"profile", "--steps", "5", "--inference", "--batch-size", "1024", "-q"});
        EXPECT_EQ(fake.profile.steps, 5);
        EXPECT_TRUE(fake.profile.inference);
        EXPECT_EQ(fake.flag("train.batch_size"), "1024");
        EXPECT_EQ(fake.session.global.verbosity, -1);
    }
    {
        Fake fake;
        fake.run({"predict", "--run-dir", "r", "--data", "a.h5", "--out", "s.csv", "--checkpoint",
                  "last"});
        EXPECT_EQ(fake.predict.out, "s.csv");
        EXPECT_EQ(fake.predict.checkpoint, "last");
    }
}

/// An input that is called like a command is an input.
TEST(Options, inputs_may_have_names_of_commands)
{
    Fake fake;
    fake.run({"convert", "--out", "o.h5", "train", "verify", "[a,b]"});
    EXPECT_EQ(fake.convert.inputs, (std::vector<std::string>{"train", "verify", "./[a,b]"}));
}

struct BadLine {
    std::vector<std::string> words;
    std::string code;
    std::string says;  ///< part of the message or of the hint
};

std::ostream& operator<<(std::ostream& out, BadLine const& line)
{
    return out << line.code << " " << line.says;
}

class BadOptions : public testing::TestWithParam<BadLine> {};

TEST_P(BadOptions, are_refused)
{
    Fake fake;
    try {
        fake.line.run(GetParam().words);
        FAIL() << "accepted";
    } catch (Error const& e) {
        EXPECT_EQ(e.exit(), Exit::usage);
        EXPECT_EQ(e.code(), GetParam().code) << e.what();
        std::string const all = std::string(e.what()) + " | " + e.hint();
        EXPECT_NE(all.find(GetParam().says), all.npos) << all;
        EXPECT_EQ(all.find('\n'), all.npos) << all;
        EXPECT_LT(all.size(), 400U);
        EXPECT_FALSE(e.hint().empty());
    }
}

std::vector<std::string> train(std::vector<std::string> more)
{
    more.insert(more.begin(), {"train", "--data", "a.h5"});
    return more;
}

INSTANTIATE_TEST_SUITE_P(
    Line,
    BadOptions,
    testing::Values(
        BadLine{{}, "CF-CLI-05", "no command"},
        BadLine{{""}, "CF-CLI-02", "unknown command ''"},
        BadLine{{"trian"}, "CF-CLI-02", "did you mean train?"},
        BadLine{{"xyzzyplugh"}, "CF-CLI-02", "calofuse --help"},
        BadLine{{"--jsn", "doctor"}, "CF-CLI-01", "did you mean --json?"},
        BadLine{{"-x", "doctor"}, "CF-CLI-01", "unknown option '-x'"},
        BadLine{{"doctor", "extra"}, "CF-CLI-02", "unexpected argument 'extra'"},
        BadLine{{"doctor", "config"}, "CF-CLI-02", "unexpected argument 'config'"},
        BadLine{{"doctor", "--json=maybe"}, "CF-CLI-04", "maybe"},
        BadLine{{"doctor", "-q", "-v"}, "CF-CLI-04", "contradict"},
        BadLine{{"config"}, "CF-CLI-05", "ACTION"},
        BadLine{{"config", "dmup"}, "CF-CLI-04", "did you mean dump?"},
        BadLine{{"train"}, "CF-CLI-05", "train needs --data"},
        BadLine{{"train", "--data"}, "CF-CLI-03", "--data needs a value"},
        BadLine{{"train", "--data", ""}, "CF-CLI-03", "empty"},
        BadLine{{"train", "--data="}, "CF-CLI-03", "--data="},
        BadLine{{"train", "--data", "--epochs", "3"}, "CF-CLI-03", "found '--epochs'"},
        BadLine{{"train", "--data", "--"}, "CF-CLI-03", "--data needs a value"},
        BadLine{train({"--data", "b.h5"}), "CF-CLI-04", "more than once"},
        BadLine{train({"--epoch", "3"}), "CF-CLI-01", "did you mean --epochs?"},
        BadLine{train({"--batchsize=3"}), "CF-CLI-01", "did you mean --batch-size?"},
        BadLine{train({"--epochs", "-1"}), "CF-CLI-04", "1 .. 1000000, not '-1'"},
        BadLine{train({"--epochs=-1"}), "CF-CLI-04", "not '-1'"},
        BadLine{train({"--epochs", "0"}), "CF-CLI-04", "not '0'"},
        BadLine{train({"--epochs", "1e9"}), "CF-CLI-04", "not '1e9'"},
        BadLine{train({"--epochs", "0x10"}), "CF-CLI-04", "not '0x10'"},
        BadLine{train({"--epochs", "3.0"}), "CF-CLI-04", "not '3.0'"},
        BadLine{train({"--epochs", " 3"}), "CF-CLI-04", "not ' 3'"},
        BadLine{train({"--epochs", "+3"}), "CF-CLI-04", "not '+3'"},
        BadLine{train({"--epochs", "99999999999999999999"}), "CF-CLI-04", "whole number"},
        BadLine{train({"--epochs", "3\n4"}), "CF-CLI-04", "3\\x0a4"},
        BadLine{train({"--epochs", std::string(100000, '9')}), "CF-CLI-04", "whole number"},
        BadLine{train({"--fraction", "nan"}), "CF-CLI-04", "must be a number"},
        BadLine{train({"--fraction", "inf"}), "CF-CLI-04", "must be a number"},
        BadLine{train({"--fraction", "0,5"}), "CF-CLI-04", "must be a number"},
        BadLine{train({"--fraction", "0"}), "CF-CLI-04", "must be a number"},
        BadLine{train({"--fraction", "1.01"}), "CF-CLI-04", "must be a number"},
        BadLine{train({"--bn-statistics", "runing"}), "CF-CLI-04", "did you mean running?"},
        BadLine{train({"--threads", "-2"}), "CF-CLI-04", "--threads"},
        BadLine{train({"--threads", "5000"}), "CF-CLI-04", "--threads"},
        BadLine{train({"--seed", "-1"}), "CF-CLI-04", "--seed"},
        BadLine{train({"--device", "gpu"}), "CF-CLI-04", "cuda:N"},
        BadLine{train({"--device", "cuda:"}), "CF-CLI-04", "cuda:N"},
        BadLine{train({"--device", "cuda:-1"}), "CF-CLI-04", "cuda:N"},
        BadLine{train({"--precision", "fp16"}), "CF-CLI-04", "fp32"},
        BadLine{train({"stray"}), "CF-CLI-02", "stray"},
        BadLine{train({"\xff\xfe"}), "CF-CLI-06", "argument 4 is not valid UTF-8"},
        BadLine{train({"\xc0\xaf"}), "CF-CLI-06", "UTF-8"},
        BadLine{train({"\xed\xa0\x80"}), "CF-CLI-06", "UTF-8"},
        BadLine{train({"\xf4\x90\x80\x80"}), "CF-CLI-06", "UTF-8"},
        BadLine{train({"a\xe2\x82"}), "CF-CLI-06", "UTF-8"},
        BadLine{train(std::vector<std::string>(100001, "x")), "CF-CLI-06", "at most 100000"},
        BadLine{train(std::vector<std::string>(50000, "x")), "CF-CLI-02", "'x'"},
        BadLine{{"convert", "in"}, "CF-CLI-05", "--out"},
        BadLine{{"convert", "--out", "a.h5", ""}, "CF-CLI-03", "empty"},
        BadLine{{"convert", "--out", "a.h5", "in", "--out-of-range", "clamp"}, "CF-CLI-04", "clip"},
        BadLine{{"convert", "--out", "a.h5", "in", "--max-adc", "9000"}, "CF-CLI-04", "8191"},
        BadLine{{"convert", "--out", "a.h5", "in", "--layout", "N,256"}, "CF-CLI-04", "events"},
        BadLine{{"inspect"}, "CF-CLI-05", "FILE"},
        BadLine{{"inspect", "a", "b"}, "CF-CLI-02", "'b'"},
        BadLine{{"verify"}, "CF-CLI-05", "PATH"},
        BadLine{{"display", "--data", "a", "--out", "b"}, "CF-CLI-05", "--event"},
        BadLine{{"display", "--data", "a", "--out", "b", "--event", "1,,2"}, "CF-CLI-04", "not ''"},
        BadLine{{"display", "--data", "a", "--out", "b", "--event", "1,"}, "CF-CLI-04", "not ''"},
        BadLine{{"display", "--data", "a", "--out", "b", "--event", "-1"}, "CF-CLI-04", "'-1'"},
        BadLine{{"evaluate", "--run-dir", "r", "--data", "a", "--split", "tset"},
                "CF-CLI-04",
                "did you mean test?"},
        BadLine{{"simulate", "--out", "d", "--events", "0"}, "CF-CLI-04", "--events"}));
}  // namespace
}  // namespace calofuse::test
