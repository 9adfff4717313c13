/// \file driver/report/page.hpp
/// The pieces of the HTML page: sections, figures with captions, tables, cards of headline numbers,
/// warnings. Everything that comes in as text is escaped here and nowhere else.
#pragma once

#include <cstdint>
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

/// A part of the page with a place in the bar at the top.
class Section {
  public:
    /// `id` is what the bar links to.
    Section(std::string id, std::string title, std::string_view intro);

    void figure(Svg const& svg, Caption const& caption, Width width = Width::half);
    void table(Table const& table, Caption const& caption = {});
    /// Counts [true][called] of the classes `names` with shares of each row, tinted by the share.
    void confusion(std::vector<std::string> const& names,
                   std::vector<std::vector<std::int64_t>> const& counts,
                   Caption const& caption);
    void paragraph(std::string_view text);
    /// What comes until `end_stack` is set one below the other in half the width.
    void begin_stack();
    void end_stack();

    std::string const& id() const { return id_; }
    std::string const& title() const { return title_; }
    std::string html() const;

  private:
    std::string id_, title_, body_;
};

class ReportPage {
  public:
    ReportPage(std::string title, std::string subtitle, std::string facts);

    void warnings(std::vector<std::string> const& texts);
    void cards(std::vector<Card> const& cards);
    void add(Section const& section);

    std::string html() const;

  private:
    std::string title_, head_, nav_, body_;
};
}  // namespace calofuse
