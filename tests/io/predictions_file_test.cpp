#include "io/predictions_file.hpp"

#include <bit>
#include <cmath>
#include <fstream>
#include <limits>

#include <gtest/gtest.h>

#include "tests/support/temp_folder.hpp"

namespace calofuse::test {
namespace {
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

template <class T>
Column column(ColumnSpec const& spec, std::vector<T> const& values)
{
    return make_column<T>(spec, values);
}

/// Three events of a binary task, the last one without a label.
Predictions binary()
{
    Predictions p;
    p.file_id = {0, 1, 65535};
    p.event_index = {0, 7, 4294967295U};
    p.output =
        column<float>({.name = "output", .shape = {1}, .names = {"logit"}}, {-1.5F, 0.1F, 88.25F});
    p.beside.push_back(column<double>({.name = "score"}, {0.1, 0.3, 1.0}));
    p.beside.push_back(
        column<std::uint8_t>({.name = "label", .names = {"hadron", "electron"}}, {0, 1, 255}));
    p.beside.push_back(column<float>({.name = "energy_gev", .unit = "GeV"}, {20, 62.5F, kNan}));
    return p;
}

std::vector<ColumnSpec> beside_specs(Predictions const& p)
{
    std::vector<ColumnSpec> out;
    for (Column const& c : p.beside)
        out.push_back(c.spec);
    return out;
}

std::string text_of(std::string const& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void expect_same(Predictions const& a, Predictions const& b)
{
    EXPECT_EQ(a.file_id, b.file_id);
    EXPECT_EQ(a.event_index, b.event_index);
    EXPECT_EQ(a.output.bytes, b.output.bytes);
    ASSERT_EQ(a.beside.size(), b.beside.size());
    for (std::size_t i = 0; i < a.beside.size(); ++i) {
        EXPECT_EQ(a.beside[i].spec.name, b.beside[i].spec.name);
        EXPECT_EQ(a.beside[i].bytes, b.beside[i].bytes) << a.beside[i].spec.name;
    }
}
}  // namespace

TEST(PredictionsFile, csv_of_a_binary_task)
{
    TempFolder const folder;
    write_predictions(binary(), folder / "p.csv", Overwrite::no);
    EXPECT_EQ(text_of(folder / "p.csv"),
              "file_id,event_index,score,label,energy_gev,logit\n"
              "0,0,0.1,hadron,20,-1.5\n"
              "1,7,0.3,electron,62.5,0.1\n"
              "65535,4294967295,1,,,88.25\n");
}

TEST(PredictionsFile, both_forms_give_the_same_bits_back)
{
    Predictions p = binary();
    p.output = column<float>({.name = "output", .shape = {2}, .names = {"logit.A", "logit.a"}},
                             {std::numeric_limits<float>::denorm_min(), 0.1F, 1.0F / 3, 1e30F,
                              -0.0F, std::nextafter(1.0F, 2.0F)});
    p.beside.push_back(column<float>({.name = "p", .shape = {2}, .names = {"x", "y"}},
                                     {1, 2, 3, kNan, 5, 6e-42F}));
    p.beside.push_back(column<std::int32_t>({.name = "run"}, {-5, 0, 2147483647}));
    p.beside.push_back(
        column<std::uint16_t>({.name = "class16", .names = {"u", "v"}}, {1, 65535, 0}));
    for (std::string const name : {"p.csv", "p.h5"}) {
        TempFolder const folder;
        write_predictions(p, folder / name, Overwrite::no);
        expect_same(p, read_predictions(folder / name, p.output.spec, beside_specs(p)));
        Predictions const some =
            read_predictions(folder / name, p.output.spec,
                             {{.name = "run", .dtype = DType::i32}, {.name = "not there"}});
        ASSERT_EQ(some.beside.size(), 1U);
        EXPECT_EQ(some.find("run")->values<std::int32_t>()[0], -5);
        EXPECT_EQ(some.find("score"), nullptr);
    }
}

TEST(PredictionsFile, no_events_are_no_error)
{
    Predictions p;
    p.output = column<float>({.name = "output", .shape = {1}, .names = {"logit"}}, {});
    for (std::string const name : {"p.csv", "p.h5"}) {
        TempFolder const folder;
        write_predictions(p, folder / name, Overwrite::no);
        EXPECT_EQ(read_predictions(folder / name, p.output.spec, {}).size(), 0);
    }
}

TEST(PredictionsFile, bad_rows_are_named)
{
    struct Case {
        char const *old, *fresh, *code, *part;
    };
    for (Case const& c : {
             Case{"logit", "points", "CF-PRD-02", "no column logit in the header"},
             Case{"file_id", "file", "CF-PRD-02", "no column file_id"},
             Case{",62.5,0.1", ",62.5", "CF-PRD-04", "line 3: 5 columns, the header has 6"},
             Case{"electron", "\"electron\"", "CF-PRD-03", "quotes"},
             Case{"0.1\n", "x\n", "CF-PRD-05", "line 3: column logit: 'x' is not a finite"},
             Case{"0.1\n", "inf\n", "CF-PRD-05", "line 3: column logit: 'inf'"},
             Case{"0.1\n", "\n", "CF-PRD-05", "line 3: column logit: ''"},
             Case{"0.1\n", "1e39\n", "CF-PRD-06", "line 3: column logit: '1e39' does not fit"},
             Case{"62.5", " 62", "CF-PRD-05", "line 3: column energy_gev: ' 62'"},
             Case{"electron,", "muon,", "CF-PRD-06",
                  "line 3: column label: 'muon' is none of the 2"},
             Case{"65535,", "65536,", "CF-PRD-06", "line 4: column file_id: 65536 is not within"},
             Case{"\n1,7", "\n1,-7", "CF-PRD-06", "line 3: column event_index: -7"},
         }) {
        SCOPED_TRACE(std::string(c.old) + " -> " + c.fresh);
        TempFolder const folder;
        Predictions const p = binary();
        write_predictions(p, folder / "p.csv", Overwrite::no);
        std::string text = text_of(folder / "p.csv");
        std::size_t const at = text.find(c.old);
        ASSERT_NE(at, text.npos);
        std::ofstream(folder / "p.csv", std::ios::binary)
            << text.replace(at, std::string(c.old).size(), c.fresh);
        auto const e =
            error_of([&] { read_predictions(folder / "p.csv", p.output.spec, beside_specs(p)); });
        ASSERT_TRUE(e.has_value());
        EXPECT_EQ(e->code(), c.code) << e->what();
        EXPECT_NE(std::string(e->what()).find(c.part), std::string::npos) << e->what();
    }
}

TEST(PredictionsFile, files_of_other_tasks_are_refused)
{
    TempFolder const folder;
    Predictions const p = binary();
    write_predictions(p, folder / "p.h5", Overwrite::no);
    ColumnSpec const other{.name = "output", .names = {"logit.A"}};
    expect_error([&] { read_predictions(folder / "p.h5", other, {}); }, Exit::data, "CF-PRD-07");
    ColumnSpec const wider{.name = "output", .names = {"logit.A", "logit.B"}};
    expect_error([&] { read_predictions(folder / "p.h5", wider, {}); }, Exit::data, "CF-H5-05");
    expect_error([&] { read_predictions(folder / "p.txt", other, {}); }, Exit::usage, "CF-PRD-08");
    expect_error([&] { write_predictions(p, folder / "p.txt", Overwrite::no); }, Exit::usage,
                 "CF-PRD-08");
    expect_error([&] { write_predictions(p, folder / "p.h5", Overwrite::no); }, Exit::cannot_create,
                 "CF-IO-03");
    Predictions comma = p;
    comma.beside[1].spec.names[0] = "a,b";
    expect_error([&] { write_predictions(comma, folder / "q.csv", Overwrite::no); }, Exit::data,
                 "CF-PRD-09");
    EXPECT_EQ(folder.num_entries(), 1U);
}
}  // namespace calofuse::test
