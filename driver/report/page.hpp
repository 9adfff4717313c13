/// \file driver/report/page.hpp
/// The pieces of the HTML page: sections, figures with captions, tables, cards of headline numbers,
/// warnings. Everything that comes in as text is escaped here and nowhere else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "driver/report/plot/svg.hpp"

namespace calofuse {
/// 12345678 -> "12 345 678", with thin spaces.
std::string with_spaces(std::int64_t n);
/// A dash for what is no number.
std::string fraction(double value, int decimals = 4);

/// Below a figure: what it shows, and what would be suspicious (may be empty).
struct Caption {
    std::string shows;
    std::string suspicious;
};

struct Card {
    std::string name, value, detail;
};

struct Table {
    std::string title;
    std::vector<std::string> header;
    std::vector<std::vector<std::string>> rows;
    std::size_t text_columns = 1;  ///< the first ones are words, set left; the others are numbers
};

enum class Width : std::uint8_t { half, full };

class ReportPage {
  public:
    ReportPage(std::string title, std::string subtitle, std::string facts);

    void warnings(std::vector<std::string> const& texts);
    void cards(std::vector<Card> const& cards);
    /// Ends the one before. `id` is what the bar at the top links to.
    void section(std::string_view id, std::string_view title, std::string_view intro);
    void figure(Svg const& svg, Caption const& caption, Width width = Width::half);
    void table(Table const& table, Caption const& caption = {});
    /// 2 x 2 table of counts and shares of each row, tinted by the share. Rows and columns: hadron,
    /// electron.
    struct ConfusionCell {
        std::string count, share;
        double fraction = 0;
    };
    void confusion(ConfusionCell const (&cells)[2][2], Caption const& caption);
    void paragraph(std::string_view text);
    /// What comes until `end_stack` is set one below the other in half the width.
    void begin_stack();
    void end_stack();

    std::string html() const;

  private:
    std::string head_, nav_, body_;
    std::string title_;
    bool open_ = false;
};
}  // namespace calofuse
