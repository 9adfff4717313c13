/// \file tests/io/import/kinematics_test.cpp
/// Columns computed from four-momenta, against the definitions, and classes that are mapped.
#include <cmath>
#include <fmt/format.h>
#include <numbers>

#include "tests/io/import/import_case.hpp"

namespace calofuse::test {
namespace {
constexpr double kPi = std::numbers::pi;
using P4 = std::array<double, 4>;  // E, px, py, pz
std::string const kAll =
    "kinematics = [\"deta\", \"dphi\", \"eta\", \"phi\", \"pt\", \"log_pt\", \"log_energy\", "
    "\"log_rel_pt\", \"log_rel_energy\", \"delta_r\"]\n";
enum { deta, dphi, eta, phi, pt, log_pt, log_energy, log_rel_pt, log_rel_energy, delta_r, kNum };

/// Events of 2, 0, 1 and 3 rows: jets across phi = pi, far from it, of one particle.
std::vector<P4> const kRows = {{60, -40, 1, 20}, {50, -30, -2, 10}, {90, 3, -4, -80},
                               {12, 3, 4, 5},    {40, -1, 20, -30}, {7, 0.5, 0.25, 6}};
std::vector<int> const kStart = {0, 2, 2, 3, 6};

double eta_of(P4 const& p)
{
    double const norm = std::sqrt(p[1] * p[1] + p[2] * p[2] + p[3] * p[3]);
    return 0.5 * std::log((norm + p[3]) / (norm - p[3]));
}
double pt_of(P4 const& p)
{
    return std::sqrt(p[1] * p[1] + p[2] * p[2]);
}

/// The angle between two transverse momenta, from their products: no wrapping to get wrong.
double angle_between(P4 const& a, P4 const& b)
{
    return std::atan2(b[1] * a[2] - b[2] * a[1], a[1] * b[1] + a[2] * b[2]);
}

Numbers oracle()
{
    Numbers out;
    for (std::size_t event = 0; event + 1 < kStart.size(); ++event) {
        P4 jet{};
        auto const begin = static_cast<std::size_t>(kStart[event]),
                   end = static_cast<std::size_t>(kStart[event + 1]);
        for (std::size_t i = begin; i < end; ++i)
            for (std::size_t k = 0; k < 4; ++k)
                jet[k] += kRows[i][k];
        for (std::size_t i = begin; i < end; ++i) {
            P4 const& p = kRows[i];
            double const d = eta_of(p) - eta_of(jet), a = angle_between(p, jet);
            for (double const x :
                 {d, a, eta_of(p), std::atan2(p[2], p[1]), pt_of(p), std::log(pt_of(p)),
                  std::log(p[0]), std::log(pt_of(p) / pt_of(jet)), std::log(p[0] / jet[0]),
                  std::sqrt(d * d + a * a)})
                out.push_back(x);
        }
    }
    return out;
}

void expect_close(Column const& column, Numbers const& want)
{
    Numbers const got = numbers(column);
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < got.size(); ++i)
        EXPECT_NEAR(got[i], want[i], 1e-7 * std::max(1.0, std::abs(want[i]))) << "number " << i;
}

/// Component k of all rows; `width` rows per event, filled up with zeros, or flat if 0.
Numbers component(std::size_t k, std::size_t width = 0)
{
    Numbers out;
    for (std::size_t event = 0; event + 1 < kStart.size(); ++event) {
        for (int i = kStart[event]; i < kStart[event + 1]; ++i)
            out.push_back(kRows[static_cast<std::size_t>(i)][k]);
        if (width > 0) out.resize((event + 1) * width);
    }
    return out;
}
/// All four side by side.
Numbers side_by_side(std::size_t width = 0)
{
    Numbers out(4 * component(0, width).size());
    for (std::size_t k = 0; k < 4; ++k) {
        Numbers const one = component(k, width);
        for (std::size_t i = 0; i < one.size(); ++i)
            out[4 * i + k] = one[i];
    }
    return out;
}

TEST(Kinematics, OfFlatAndPaddedArrays)
{
    ImportCase const c;
    c.put("a.npz", zip_bytes({{"e.npy", npy_numbers("<f8", "(6,)", component(0))},
                              {"x.npy", npy_numbers("<f4", "(6,)", component(1))},
                              {"y.npy", npy_numbers("<f8", "(6,)", component(2))},
                              {"z.npy", npy_numbers("<i2", "(6,)", component(3))},
                              {"p4.npy", npy_numbers("<f4", "(6, 4)", side_by_side())},
                              {"pe.npy", npy_numbers("<f4", "(4, 3)", component(0, 3))},
                              {"px.npy", npy_numbers("<f4", "(4, 3)", component(1, 3))},
                              {"py.npy", npy_numbers("<f4", "(4, 3)", component(2, 3))},
                              {"pz.npy", npy_numbers("<f4", "(4, 3)", component(3, 3))},
                              {"padded.npy", npy_numbers("<f4", "(4, 3, 4)", side_by_side(3))},
                              {"starts.npy", npy_numbers("<i4", "(5,)", {0, 2, 2, 3, 6})},
                              {"counts.npy", npy_numbers("<i4", "(4,)", {2, 0, 1, 3})}}));
    for (auto const& [table, p4] : std::vector<std::pair<std::string, std::string>>{
             {"starts = \"starts\"", "[\"e\", \"x\", \"y\", \"z\"]"},
             {"counts = \"counts\"", "\"p4\""},
             {"mask = \"pe\"", "[\"pe\", \"px\", \"py\", \"pz\"]"},
             {"counts = \"counts\"\npadded = true", "\"padded\""},
             {"array = \"padded\"\npad = 0", "\"padded\"\npick = [0, 1, 2, 3]"}}) {
        SCOPED_TRACE(p4);
        Imported const got = c.take("files = \"a.npz\"\n[[table]]\nname = \"hits\"\n" + table
                                    + "\n[[column]]\nname = \"hits.x\"\np4 = " + p4 + "\n" + kAll
                                    + "[[column]]\nname = \"hits.at\"\np4 = " + p4
                                    + "\nkinematics = [\"dphi\", \"eta\"]");
        Column const& x = got.data.at("hits.x");
        EXPECT_EQ(x.spec.dtype, DType::f32);
        EXPECT_EQ(x.spec.shape, (Shape{kNum}));
        EXPECT_EQ(x.spec.names, (std::vector<std::string>{"deta", "dphi", "eta", "phi", "pt",
                                                          "log_pt", "log_energy", "log_rel_pt",
                                                          "log_rel_energy", "delta_r"}));
        expect_close(x, oracle());
        Numbers some;
        for (std::size_t row = 0; row < kRows.size(); ++row)
            for (int const k : {dphi, eta})
                some.push_back(oracle()[row * kNum + static_cast<std::size_t>(k)]);
        expect_close(got.data.at("hits.at"), some);
    }
}

/// One event per list of rows.
std::vector<Numbers> kinematics_of_rows(std::vector<std::vector<P4>> const& events)
{
    Numbers flat, counts;
    for (auto const& event : events) {
        counts.push_back(static_cast<double>(event.size()));
        for (P4 const& p : event)
            flat.insert(flat.end(), p.begin(), p.end());
    }
    ImportCase const c;
    c.put("p4.npy", npy_numbers("<f8", fmt::format("({}, 4)", flat.size() / 4), flat));
    c.put("n.npy", npy_numbers("<i4", fmt::format("({},)", counts.size()), counts));
    Imported const got = c.take(
        "[[table]]\nname = \"t\"\nfile = \"n.npy\"\ncounts = \"\"\n[[column]]\nname = \"t.x\"\n"
        "file = \"p4.npy\"\np4 = \"\"\n"
        + kAll);
    Numbers const all = numbers(got.data.at("t.x"));
    std::vector<Numbers> out;
    for (std::size_t at = 0; at < all.size(); at += kNum)
        out.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(at),
                         all.begin() + static_cast<std::ptrdiff_t>(at + kNum));
    return out;
}

TEST(Kinematics, FiniteWhereTheFormulasAreNot)
{
    auto const rows = kinematics_of_rows({{{5, 0, 0, 5}, {5, -0.0, -0.0, -5}, {0, 0, 0, 0}},
                                          {{2, 2, 0, 0}, {2, -2, 0, 0}},
                                          {{-1, 1e-12, 0, 1}, {1e200, 1e-300, 0, -1e200}}});
    float const least = static_cast<float>(std::log(1e-20));
    for (Numbers const& row : rows)
        for (double const value : row)
            EXPECT_TRUE(std::isfinite(value));
    // Along the beam, and nothing at all. The jet of the first event has no pt and no direction.
    EXPECT_EQ(rows[0][eta], 20);
    EXPECT_EQ(rows[1][eta], -20);
    EXPECT_EQ(rows[2][eta], 0);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(rows[i][phi], 0);
        EXPECT_EQ(rows[i][dphi], 0);
        EXPECT_EQ(rows[i][pt], 0);
        EXPECT_EQ(rows[i][log_pt], least);
        EXPECT_EQ(rows[i][log_rel_pt], 0);
        EXPECT_EQ(rows[i][deta], rows[i][eta]);
        EXPECT_EQ(rows[i][delta_r], std::abs(rows[i][eta]));
    }
    EXPECT_EQ(rows[2][log_energy], least);
    EXPECT_FLOAT_EQ(static_cast<float>(rows[2][log_rel_energy]),
                    static_cast<float>(std::log(1e-20) - std::log(10)));
    // Back to back: the jet has energy and no pt.
    EXPECT_FLOAT_EQ(static_cast<float>(rows[3][log_rel_pt]),
                    static_cast<float>(std::log(2) - std::log(1e-20)));
    EXPECT_EQ(rows[4][phi], static_cast<float>(kPi));
    EXPECT_EQ(rows[4][dphi], static_cast<float>(kPi));
    // A negative energy, and numbers that f32 does not hold but whose logarithms it does.
    EXPECT_EQ(rows[5][log_energy], least);
    EXPECT_EQ(rows[5][eta], 20);
    EXPECT_EQ(rows[6][eta], -20);
    EXPECT_FLOAT_EQ(static_cast<float>(rows[6][log_energy]),
                    static_cast<float>(200 * std::log(10)));
}

TEST(Kinematics, AnglesLieInAHalfOpenTurn)
{
    // The jets are at +-3 rad; atan2 of -0.0 and -1 is -pi.
    auto const at = [](double angle, double size) {
        return P4{size, size * std::cos(angle), size * std::sin(angle), 0};
    };
    auto const rows = kinematics_of_rows(
        {{at(3, 1000), at(-3, 1e-6)}, {at(-3, 1000), at(3, 1e-6)}, {{1, -1, -0.0, 0}}});
    EXPECT_NEAR(rows[1][dphi], 2 * kPi - 6, 1e-6);
    EXPECT_NEAR(rows[3][dphi], 6 - 2 * kPi, 1e-6);
    EXPECT_EQ(rows[4][phi], static_cast<float>(kPi));
    EXPECT_EQ(rows[4][dphi], 0);
}

TEST(Kinematics, EventsThatAreLeftOutDoNotCount)
{
    ImportCase const c;
    double const nan = std::nan("");
    c.put("a.npz",
          zip_bytes({{"p4.npy", npy_numbers("<f4", "(4, 4)",
                                            {5, 3, 4, 0, 5, 3, nan, 0, 1, 0, 1, 0, 13, 5, 12, 0})},
                     {"starts.npy", npy_numbers("<i4", "(4,)", {0, 1, 3, 4})},
                     {"y.npy", npy_numbers("<i4", "(3,)", {0, 1, 2})}}));
    std::string const recipe =
        "files = \"a.npz\"\n[[table]]\nname = \"t\"\nstarts = \"starts\"\n[[column]]\nname = "
        "\"t.x\"\np4 = \"p4\"\nkinematics = \"pt\"\n[[column]]\nname = \"y\"\narray = \"y\"\n";
    Imported const got = c.take("not_finite = \"drop\"\n" + recipe);
    EXPECT_EQ(numbers(got.data.at("t.x")), (Numbers{5, 13}));
    EXPECT_EQ(got.data.start.at("t"), (Shape{0, 1, 2}));
    EXPECT_EQ(got.counts.dropped[static_cast<std::size_t>(DropReason::not_finite)], 1);
    auto const e = error_of([&] { c.take(recipe); });
    ASSERT_TRUE(e.has_value());
    EXPECT_EQ(e->code(), "CF-IMP-07");
    EXPECT_EQ(numbers(c.take("select = \"y == 2\"\n" + recipe).data.at("t.x")), (Numbers{13}));
}

TEST(Import, ClassesAreMapped)
{
    Numbers many(300, 0);
    many[299] = 299;
    std::string map = "map = [1";
    for (int i = 1; i < 300; ++i)
        map += i == 299 ? ", 2" : ", 0";
    ImportCase const c;
    c.put("a.npz", zip_bytes({{"y.npy", npy_numbers("|u1", "(4,)", {2, 0, 1, 2})},
                              {"many.npy", npy_numbers("<f4", "(300,)", many)}}));
    std::string const label =
        "[[column]]\nname = \"label\"\narray = \"y\"\nclasses = [\"QCD\", \"top\"]\n"
        "map = [0, 0, 1]\n";
    Imported const got = c.take("files = \"a.npz\"\n" + label);
    EXPECT_EQ(numbers(got.data.at("label")), (Numbers{1, 0, 0, 1}));
    EXPECT_EQ(got.data.at("label").spec.names, (std::vector<std::string>{"QCD", "top"}));
    EXPECT_EQ(got.data.at("label").spec.dtype, DType::u8);
    // `select` sees the number of the file: without class 1 of three.
    Imported const two = c.take("files = \"a.npz\"\nselect = \"label != 1\"\n" + label);
    EXPECT_EQ(numbers(two.data.at("label")), (Numbers{1, 0, 1}));
    // The type holds the classes, not the numbers of the file.
    Imported const wide = c.take(
        "files = \"a.npz\"\n[[column]]\nname = \"label\"\narray = \"many\"\nclasses = [\"a\", "
        "\"b\", \"c\"]\n"
        + map + "]");
    EXPECT_EQ(wide.data.at("label").spec.dtype, DType::u8);
    EXPECT_EQ(wide.data.at("label").value(0), 1);
    EXPECT_EQ(wide.data.at("label").value(299), 2);
}
}  // namespace
}  // namespace calofuse::test
