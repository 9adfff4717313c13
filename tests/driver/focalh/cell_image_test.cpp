#include "driver/focalh/cell_image.hpp"

#include <fmt/format.h>

#include <gtest/gtest.h>

#include "runtime/error.hpp"
#include "tests/support/xml_check.hpp"

namespace calofuse::test {
namespace {
int count_of(std::string const& text, std::string const& part)
{
    int n = 0;
    for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1))
        ++n;
    return n;
}
}  // namespace

TEST(CellImage, colours_run_from_violet_to_yellow)
{
    EXPECT_EQ(colour_at(0), "#440154");
    EXPECT_EQ(colour_at(1), "#fde725");
    EXPECT_EQ(colour_at(7), "#fde725");
    EXPECT_EQ(colour_at(1.0 / 9), "#482878");
    ChargeScale const scale{.low = 10, .high = 1000};
    EXPECT_EQ(scale.colour(9.9), "");
    EXPECT_EQ(scale.colour(10), "#440154");
    EXPECT_EQ(scale.colour(100), colour_at(0.5));
    EXPECT_EQ(scale.colour(1e6), "#fde725");
}

TEST(CellImage, the_scale_ends_at_a_round_number)
{
    EXPECT_EQ(charge_scale({}).high, 100);
    EXPECT_EQ(charge_scale(std::vector<double>{3, 101}).high, 200);
    EXPECT_EQ(charge_scale(std::vector<double>{2001}).high, 5000);
    EXPECT_EQ(charge_scale(std::vector<double>{8191}).high, 10000);
}

/// Cells tile the face: 200 of one size, 49 smaller, each at the place of its geometry.
TEST(CellImage, cells_have_their_true_size_and_place)
{
    Svg svg(195, 195, "face");
    ChannelMap const map = ChannelMap::focalh_prototype2();
    std::vector<double> charges(kNumCells, 0.0);
    charges[static_cast<std::size_t>(module_begin(4) + 24)] = 500;  // the middle of the detector
    draw_cells(svg, {0, 0}, 195, map, charges, {.low = 10, .high = 1000});
    std::string const markup = svg.element();
    EXPECT_EQ(scan_xml(markup).error, "");
    EXPECT_EQ(count_of(markup, "width=\"12.4\" height=\"12.4\""), 200);  // 1.3 cm less a hair
    EXPECT_EQ(count_of(markup, "width=\"8.69\" height=\"8.69\""), 49);   // 0.92857 cm
    EXPECT_EQ(count_of(markup, "class=\"empty\""), 248);
    // Centre cell: 9.75 cm - 0.92857 / 2 cm from the left and the top.
    EXPECT_EQ(count_of(markup, fmt::format("<rect x=\"92.86\" y=\"92.86\" width=\"8.69\" "
                                           "height=\"8.69\" fill=\"{}\"><title>500 ADC, module 4 "
                                           "row 3 col 3, channel 0</title>",
                                           ChargeScale{.low = 10, .high = 1000}.colour(500))),
              1);
    // Upper left corner: module 0 row 0 col 0 is channel 62.
    EXPECT_EQ(count_of(markup,
                       "<rect x=\"0\" y=\"0\" width=\"12.4\" height=\"12.4\" "
                       "class=\"empty\"><title>0 ADC, module 0 row 0 col 0, channel 62<"),
              1);
}

TEST(CellImage, a_grid_of_images_has_one_scale)
{
    std::vector<CellImage> images(3);
    for (std::size_t i = 0; i < images.size(); ++i)
        images[i] = {std::vector<double>(kNumCells, 20.0 * static_cast<double>(i + 1)),
                     {fmt::format("event {}", i), "<b>"}};
    Svg const svg = draw_cell_images("three", images, ChannelMap::focalh_prototype2(), 2, 150);
    XmlScan const scan = scan_xml(svg.document());
    EXPECT_EQ(scan.error, "");
    EXPECT_GE(scan.elements.at("rect"), 3 * kNumCells);
    EXPECT_EQ(std::count(scan.texts.begin(), scan.texts.end(), "ADC above pedestal"), 1);
    EXPECT_EQ(std::count(scan.texts.begin(), scan.texts.end(), "&lt;b&gt;"), 3);
    EXPECT_EQ(
        scan_xml(draw_cell_images("none", {}, ChannelMap::focalh_prototype2(), 2, 150).element())
            .error,
        "");
}
}  // namespace calofuse::test
