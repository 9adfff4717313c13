#include "driver/report/plot/svg.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "runtime/error.hpp"
#include "tests/support/xml_check.hpp"

namespace calofuse::test {
TEST(Svg, numbers_are_short_and_never_minus_zero)
{
    EXPECT_EQ(svg_number(12.5), "12.5");
    EXPECT_EQ(svg_number(-0.25), "-0.25");
    EXPECT_EQ(svg_number(-0.001), "0");
    EXPECT_EQ(svg_number(3), "3");
    EXPECT_EQ(svg_number(-7.06), "-7.06");
    EXPECT_EQ(svg_number(1.999), "2");
    EXPECT_THROW(svg_number(NAN), Error);
    EXPECT_THROW(svg_number(INFINITY), Error);
}

TEST(Svg, hostile_text_is_escaped)
{
    EXPECT_EQ(xml_escaped("<script>&\"'"), "&lt;script&gt;&amp;&quot;&#39;");
    EXPECT_EQ(xml_escaped(std::string_view("a\0b\x1b", 4)),
              "a\xEF\xBF\xBD"
              "b\xEF\xBF\xBD");
    EXPECT_EQ(xml_escaped("10\u2074 \u00b5"), "10\u2074 \u00b5");
    EXPECT_EQ(xml_escaped("\xff\xc0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    EXPECT_EQ(xml_escaped("\xed\xa0\x80").size(), 9U);  // a surrogate is no character
    EXPECT_EQ(xml_escaped("cut \xe2\x82").size(), 10U);
}

TEST(Svg, every_shape_is_well_formed)
{
    Svg svg(100, 50, "a <title> & more");
    svg.line({0, 0}, {10, 10}, "ax");
    Point const points[] = {{0, 0}, {1, 2}, {3, 4}};
    svg.begin_clip({10, 10}, 50, 20);
    svg.polyline(points, "ln e");
    svg.polygon(points, "bd h");
    svg.circle({5, 5}, 2, "pt e", "x < 3");
    svg.end_clip();
    svg.cell({1, 1}, 3, 3, "#ff0000", "channel \"3\"");
    svg.cell({1, 1}, 3, 3, "");
    svg.rect({0, 0}, 5, 5, "fr");
    svg.text({1, 1}, "a > b", "tx", Anchor::end);
    svg.vertical_text({1, 1}, "up", "al");
    for (std::string const& markup : {svg.element(), svg.document()}) {
        XmlScan const scan = scan_xml(markup);
        EXPECT_EQ(scan.error, "");
        EXPECT_EQ(scan.elements.at("svg"), 2);
        EXPECT_EQ(scan.elements.at("circle"), 1);
        EXPECT_EQ(scan.elements.at("title"), 2);
    }
    EXPECT_NE(svg.document().find("<style>"), std::string::npos);
    EXPECT_EQ(svg.element().find("<style>"), std::string::npos);
    EXPECT_EQ(svg.element(), svg.element());
}

TEST(Svg, the_check_itself_sees_faults)
{
    EXPECT_NE(scan_xml("<a><b></a></b>").error, "");
    EXPECT_NE(scan_xml("<a>x & y</a>").error, "");
    EXPECT_NE(scan_xml("<a x=\"1\" x=\"2\"/>").error, "");
    EXPECT_NE(scan_xml("<a x=1/>").error, "");
    EXPECT_NE(scan_xml("<a>").error, "");
    EXPECT_EQ(scan_xml("<a x=\"1\">t</a>").error, "");
}

TEST(Svg, text_width_grows_with_letters_not_with_bytes)
{
    EXPECT_GT(text_width("mmm", 10), text_width("iii", 10));
    EXPECT_EQ(text_width("10\u2074", 10), text_width("100", 10));
    EXPECT_DOUBLE_EQ(text_width("ab", 20), 2 * text_width("ab", 10));
}
}  // namespace calofuse::test
