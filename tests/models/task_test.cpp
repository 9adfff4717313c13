#include "models/task.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/models/task_data.hpp"

namespace calofuse::test {
namespace {
using std::string;

/// Code and message of the error that f throws.
template <class F>
std::pair<string, string> error_of(F&& f)
{
    try {
        f();
    } catch (Error const& e) {
        return {e.code(), e.what()};
    }
    return {"none", ""};
}
void expect_error(Dataset const& data,
                  Changes const& changes,
                  string const& code,
                  string const& words)
{
    auto const [got, message] = error_of([&] { make_task(task_settings(changes), data); });
    EXPECT_EQ(got, code) << message;
    EXPECT_NE(message.find(words), string::npos) << message;
}
}  // namespace

TEST(MakeTask, defaults_are_read_off_the_data)
{
    Dataset const data = task_data();
    Task const task = make_task(task_settings(), data);
    ASSERT_EQ(task.heads.size(), 1U);
    EXPECT_EQ(task.heads[0].kind, TaskKind::binary);
    EXPECT_EQ(task.heads[0].target, "label");
    EXPECT_EQ(task.heads[0].names, (std::vector<string>{"cat", "dog"}));
    EXPECT_EQ(task.columns(), std::vector<string>{"label"});
    EXPECT_EQ(task.width(), 1);
    for (std::int64_t i = 0; i < data.size(); ++i)
        EXPECT_EQ(has_target(task, data, i), i != 5 && i != 9);
}

TEST(MakeTask, kind_follows_the_column)
{
    Dataset const data = task_data();
    Task const classes = make_task(task_settings({{"target", string("flavour")}}), data);
    EXPECT_EQ(classes.heads[0].kind, TaskKind::classes);
    EXPECT_EQ(classes.heads[0].names, (std::vector<string>{"0", "1", "2"}));
    EXPECT_EQ(classes.width(), 3);
    Task const energy = make_task(task_settings({{"target", string("energy_gev")}}), data);
    EXPECT_EQ(energy.heads[0].kind, TaskKind::regression);
    EXPECT_EQ(energy.heads[0].names, std::vector<string>{"energy_gev"});
    EXPECT_EQ(energy.heads[0].unit, "GeV");
    Task const quantiles = make_task(
        task_settings({{"target", string("position")}, {"loss", string("quantile")}}), data);
    EXPECT_EQ(quantiles.heads[0].names, (std::vector<string>{"x", "y"}));
    EXPECT_EQ(quantiles.width(), 6);
}

TEST(MakeTask, several_heads)
{
    Task const task = make_task(task_settings({{"target", string("label, flavour,position")},
                                               {"kind", string("classes, auto, auto")},
                                               {"head_weights", string("1,0.5,2")},
                                               {"weight", string("weight")}}),
                                task_data());
    EXPECT_EQ(task.heads[0].kind, TaskKind::classes);
    EXPECT_EQ(task.first_column(1), 2);
    EXPECT_EQ(task.first_column(2), 5);
    EXPECT_EQ(task.width(), 7);
    EXPECT_EQ(task.heads[2].weight, 2);
    EXPECT_EQ(task.columns(), (std::vector<string>{"label", "flavour", "position", "weight"}));
}

TEST(MakeTask, missing_columns)
{
    Dataset data = task_data();
    expect_error(data, {{"target", string("mass")}}, "CF-TSK-01", "'mass'");
    expect_error(data, {{"weight", string("w")}}, "CF-TSK-01", "'w'");
    data.columns.erase("label");
    expect_error(data, {}, "CF-TSK-01", "'label'");
}

TEST(MakeTask, kinds_that_do_not_fit)
{
    Dataset data = task_data();
    expect_error(data, {{"target", string("energy_gev")}, {"kind", string("classes")}}, "CF-TSK-02",
                 "energy_gev f32");
    data.add(
        make_column<std::uint8_t>({.name = "flags", .shape = {2}}, std::vector<std::uint8_t>(24)));
    expect_error(data, {{"target", string("flags")}}, "CF-TSK-02", "2 numbers per event");
    expect_error(data, {{"weight", string("position")}}, "CF-TSK-02", "position");
    data.start["hits"] = std::vector<std::int64_t>(13);
    data.add(make_column<float>({.name = "hits.x"}, std::vector<float>()));
    expect_error(data, {{"target", string("hits.x")}}, "CF-TSK-02", "row per row of hits");
    data.add(make_column<std::int32_t>({.name = "run"}, std::vector<std::int32_t>(12, 77000)));
    expect_error(data, {{"target", string("run")}}, "CF-TSK-02", "77001 classes");
    data.columns.find("label")->second.spec.names = {"a", "b", "c"};
    expect_error(data, {{"kind", string("binary")}}, "CF-TSK-02", "3 classes");
}

TEST(MakeTask, bad_values)
{
    Dataset data = task_data();
    data.columns.find("label")->second.values<std::uint8_t>()[7] = 2;
    expect_error(data, {}, "CF-TSK-03",
                 "'label': event 7 (row 1 of 'b.npy') is of class 2, the classes are 0 to 1");
    for (float const bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
        data = task_data();
        data.columns.find("position")->second.values<float>()[9] = bad;
        expect_error(data, {{"target", string("position")}}, "CF-TSK-04",
                     "'position': event 4 (row 4 of 'a.npy')");
        data.columns.find("weight")->second.values<float>()[3] = bad;
        expect_error(data, {{"weight", string("weight")}}, "CF-TSK-06", "event 3 (row 3");
    }
    data.columns.find("weight")->second.values<float>()[3] = -0.5F;
    expect_error(data, {{"weight", string("weight")}}, "CF-TSK-06", "is -0.5");
    data = task_data();
    for (std::uint8_t& label : data.columns.find("label")->second.values<std::uint8_t>())
        label = label == 1 ? 255 : label;
    expect_error(data, {}, "CF-TSK-05", "'label' has 0 events of class 1 (dog) and 5 of class 0");
}

TEST(MakeTask, missing_values_on_request)
{
    Dataset data = task_data();
    data.columns.find("energy_gev")->second.values<float>()[2] = std::nanf("");
    Changes const target{{"target", string("energy_gev")}};
    expect_error(data, target, "CF-TSK-04", "is nan");
    Task task = make_task(
        task_settings({{"target", string("energy_gev")}, {"missing", string("nan")}}), data);
    EXPECT_FALSE(has_target(task, data, 2));
    EXPECT_TRUE(has_target(task, data, 3));
    data.columns.find("energy_gev")->second.values<float>()[2] = -999;
    task = make_task(task_settings({{"target", string("energy_gev")}, {"missing", string("-999")}}),
                     data);
    EXPECT_FALSE(has_target(task, data, 2));
    fit_task(task, task_settings(), data, all_rows(data));
    EXPECT_GT(task.heads[0].mean[0], 20.0F);  // without the -999
}

TEST(MakeTask, bad_settings)
{
    Dataset const data = task_data();
    expect_error(data, {{"kind", string("guess")}}, "CF-TSK-07", "'guess'");
    expect_error(data, {{"kind", string("auto,auto")}}, "CF-TSK-07", "2 entries, wanted 1");
    expect_error(data, {{"head_weights", string("1,2")}}, "CF-TSK-07", "2 entries, wanted 1");
    expect_error(data, {{"head_weights", string("-1")}}, "CF-TSK-07", "'-1'");
    expect_error(data, {{"missing", string("none")}}, "CF-TSK-07", "'none'");
    Changes quantile{{"target", string("position")}, {"loss", string("quantile")}};
    for (char const* bad : {"0.5,0.1", "0,0.5", "x", "", "0.5,0.5"}) {
        quantile["quantiles"] = string(bad);
        expect_error(data, quantile, "CF-TSK-07", "task.quantiles");
    }
    string many = "label";
    for (int i = 0; i < 16; ++i)
        many += ",label";
    expect_error(data, {{"target", many}}, "CF-TSK-07", "17 columns");
}

TEST(FitTask, target_scaling)
{
    Dataset const data = task_data();
    Options const settings = task_settings({{"target", string("position")}});
    Task task = make_task(settings, data);
    std::vector<std::int32_t> const rows{0, 4, 8};  // x = -4.5, -0.5, 3.5; y = 0
    fit_task(task, settings, data, rows);
    EXPECT_FLOAT_EQ(task.heads[0].mean[0], -0.5F);
    EXPECT_FLOAT_EQ(task.heads[0].scale[0], static_cast<float>(std::sqrt(32.0 / 3)));
    EXPECT_EQ(task.heads[0].mean[1], 0);
    EXPECT_EQ(task.heads[0].scale[1], 1);
    auto const values = to_values(task.heads[0], std::vector<float>{1, 2});
    EXPECT_NEAR(values[0], -0.5 + std::sqrt(32.0 / 3), 1e-6);
    EXPECT_EQ(values[1], 2);
    fit_task(task, task_settings({{"scale_target", false}}), data, rows);
    EXPECT_TRUE(task.heads[0].mean.empty());
    EXPECT_EQ(to_values(task.heads[0], std::vector<float>{1, 2}), (std::vector<double>{1, 2}));
}

TEST(FitTask, class_weights_have_mean_1)
{
    Dataset const data = task_data();  // flavours: 6 of 0, 3 of 1, 3 of 2
    Changes changes{{"target", string("flavour")}, {"class_weights", string("balanced")}};
    Task task = make_task(task_settings(changes), data);
    fit_task(task, task_settings(changes), data, all_rows(data));
    EXPECT_EQ(task.heads[0].class_weight, (std::vector<float>{2 / 3.0F, 4 / 3.0F, 4 / 3.0F}));
    changes["class_weights"] = string("1,2,4");  // mean of all events: 2
    fit_task(task, task_settings(changes), data, all_rows(data));
    EXPECT_EQ(task.heads[0].class_weight, (std::vector<float>{0.5F, 1, 2}));
    changes["class_weights"] = string("balanced");
    std::vector<std::int32_t> const rows{1, 2, 3, 4};  // no event of class 2
    fit_task(task, task_settings(changes), data, rows);
    EXPECT_EQ(task.heads[0].class_weight, (std::vector<float>{2 / 3.0F, 2, 1}));
    for (char const* bad : {"1,2", "1,0,2", "many"}) {
        changes["class_weights"] = string(bad);
        EXPECT_EQ(error_of([&] { fit_task(task, task_settings(changes), data, rows); }).first,
                  "CF-TSK-07");
    }
    task.weight = "weight";
    std::vector<std::int32_t> const weightless{0, 4, 8};
    EXPECT_EQ(error_of([&] { fit_task(task, task_settings(), data, weightless); }).first,
              "CF-TSK-06");
}

TEST(ToValues, probabilities)
{
    Head head;  // binary
    head.names = {"a", "b"};
    auto const two = to_values(head, std::vector<float>{-2});
    EXPECT_NEAR(two[1], 1 / (1 + std::exp(2.0)), 1e-16);
    EXPECT_NEAR(two[0] + two[1], 1, 1e-15);
    EXPECT_GT(to_values(head, std::vector<float>{80})[0], 0);  // the rare one keeps its digits
    head.kind = TaskKind::classes;
    head.names = {"a", "b", "c"};
    auto const three = to_values(head, std::vector<float>{1e4F, 1e4F, -1e4F});
    EXPECT_EQ(three, (std::vector<double>{0.5, 0.5, 0}));
}

TEST(TaskText, there_and_back)
{
    Dataset const data = task_data();
    Options const settings = task_settings({{"target", string("label,flavour,position")},
                                            {"class_weights", string("balanced")},
                                            {"weight", string("weight")},
                                            {"loss", string("quantile")},
                                            {"missing", string("-7.25")}});
    Task task = make_task(settings, data);
    fit_task(task, settings, data, all_rows(data));
    Task const back = task_from_text(to_text(task));
    EXPECT_EQ(to_text(back), to_text(task));
    EXPECT_EQ(back.heads[1].class_weight, task.heads[1].class_weight);
    EXPECT_EQ(back.heads[2].mean, task.heads[2].mean);
    EXPECT_EQ(back.heads[2].quantiles, task.heads[2].quantiles);
    EXPECT_EQ(back.heads[2].missing, -7.25);
    EXPECT_EQ(back.weight, "weight");
    EXPECT_TRUE(
        std::isnan(task_from_text(to_text(make_task(task_settings(), data))).heads[0].missing));
}

TEST(TaskText, refuses_what_it_does_not_know)
{
    string const good = to_text(make_task(task_settings(), task_data()));
    EXPECT_NO_THROW(task_from_text(good));
    auto const refused = [&](string const& from, string const& to) {
        string bad = good;
        ASSERT_NE(bad.find(from), string::npos) << bad;
        bad.replace(bad.find(from), from.size(), to);
        EXPECT_EQ(error_of([&] { task_from_text(bad); }).first, "CF-CKP-01") << bad;
    };
    refused("\"binary\"", "\"ternary\"");
    refused("\"squared\"", "\"cubed\"");
    refused("[\"cat\",\"dog\"]", "[\"cat\"]");
    refused("\"mean\":[]", "\"mean\":[1]");
    refused("\"class_weight\":[]", "\"class_weight\":[1]");
    refused("\"unit\"", "\"units\"");
    refused("}", "");
    EXPECT_EQ(error_of([] { task_from_text(R"({"heads":[],"weight":""})"); }).first, "CF-CKP-01");
}
}  // namespace calofuse::test
