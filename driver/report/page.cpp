#include "driver/report/page.hpp"

#include <cmath>
#include <fmt/format.h>
#include <numeric>

#include "driver/report/style.hpp"

namespace calofuse {
namespace {
std::string caption_html(Caption const& caption)
{
    std::string out = xml_escaped(caption.shows);
    if (!caption.suspicious.empty())
        out += " <b>Suspicious:</b> " + xml_escaped(caption.suspicious);
    return out;
}
}  // namespace

std::string with_spaces(std::int64_t n)
{
    std::string digits = fmt::format("{}", n);
    for (std::size_t i = digits.size(); i > 3; i -= 3)
        digits.insert(i - 3, "\u202f");
    return digits;
}

std::string fraction(double value, int decimals)
{
    return std::isfinite(value) ? fmt::format("{:.{}f}", value, decimals) : "–";
}

ReportPage::ReportPage(std::string title, std::string subtitle, std::string facts)
    : title_(std::move(title))
{
    head_ = fmt::format(
        "<header><div>\n<h1>{}</h1>\n<p class=\"sub\">{}</p>\n<p>{}</p>\n</div></header>\n",
        xml_escaped(title_), xml_escaped(subtitle), xml_escaped(facts));
}

void ReportPage::warnings(std::vector<std::string> const& texts)
{
    if (texts.empty()) return;
    body_ += "<div class=\"warn\" role=\"alert\"><strong>Look at this first</strong><ul>\n";
    for (std::string const& text : texts)
        body_ += "<li>" + xml_escaped(text) + "</li>\n";
    body_ += "</ul></div>\n";
}

void ReportPage::cards(std::vector<Card> const& cards)
{
    body_ += "<div class=\"cards\">\n";
    for (Card const& card : cards)
        body_ += fmt::format(
            "<div class=\"card\"><div class=\"k\">{}</div><div class=\"v\">{}</div>"
            "<div class=\"d\">{}</div></div>\n",
            xml_escaped(card.name), xml_escaped(card.value), xml_escaped(card.detail));
    body_ += "</div>\n";
}

void ReportPage::add(Section const& section)
{
    nav_ += fmt::format("<a href=\"#{}\">{}</a>\n", section.id(), xml_escaped(section.title()));
    body_ += section.html();
}

Section::Section(std::string id, std::string title, std::string_view intro)
    : id_(std::move(id)), title_(std::move(title))
{
    body_ = fmt::format("<section id=\"{}\">\n<h2>{}</h2>\n<p>{}</p>\n<div class=\"grid\">\n", id_,
                        xml_escaped(title_), xml_escaped(intro));
}

std::string Section::html() const
{
    return body_ + "</div>\n</section>\n";
}

void Section::figure(Svg const& svg, Caption const& caption, Width width)
{
    body_ += fmt::format("<figure{}>\n{}<figcaption>{}</figcaption>\n</figure>\n",
                         width == Width::full ? " class=\"full\"" : "", svg.element(),
                         caption_html(caption));
}

void Section::table(Table const& table, Caption const& caption)
{
    auto const row = [&](std::vector<std::string> const& cells, char const* tag) {
        std::string out = "<tr>";
        for (std::size_t i = 0; i < cells.size(); ++i)
            out += fmt::format("<{}{}>{}</{}>", tag, i < table.text_columns ? " class=\"w\"" : "",
                               xml_escaped(cells[i]), tag);
        return out + "</tr>\n";
    };
    body_ += fmt::format(
        "<div class=\"box\">\n<h3>{}</h3>\n<div class=\"wrap\"><table>\n<thead>{}"
        "</thead>\n<tbody>\n",
        xml_escaped(table.title), row(table.header, "th"));
    for (auto const& cells : table.rows)
        body_ += row(cells, "td");
    body_ += "</tbody>\n</table></div>\n";
    if (!caption.shows.empty()) body_ += "<div class=\"cap\">" + caption_html(caption) + "</div>\n";
    body_ += "</div>\n";
}

void Section::confusion(std::vector<std::string> const& names,
                        std::vector<std::vector<std::int64_t>> const& counts,
                        Caption const& caption)
{
    bool const two = names.size() == 2;
    body_ += fmt::format(
        "<div class=\"box{}\">\n<h3>Confusion matrix</h3>\n<div class=\"wrap\"><table "
        "class=\"cm{}\">\n<thead><tr><th></th>",
        names.size() > 6 ? " full" : "", two ? "" : " many");
    for (std::string const& name : names)
        body_ += "<th>called " + xml_escaped(name) + "</th>";
    body_ += "</tr></thead>\n<tbody>\n";
    for (std::size_t i = 0; i < names.size(); ++i) {
        body_ += fmt::format("<tr><th>labelled {}</th>", xml_escaped(names[i]));
        std::int64_t const row =
            std::accumulate(counts[i].begin(), counts[i].end(), std::int64_t{0});
        for (std::size_t j = 0; j < names.size(); ++j) {
            double const share =
                row == 0 ? 0.0 : static_cast<double>(counts[i][j]) / static_cast<double>(row);
            // Two classes have a colour each; of many, what is right and what is wrong has one.
            bool const background = two ? j == 0 : i != j;
            body_ += fmt::format(
                "<td style=\"background:rgba(var(--{}),{:.2f})\"><span class=\"n\">{}"
                "</span> <span class=\"p\">{}</span></td>",
                background ? "h" : "e", 0.06 + (two ? 0.5 : 0.7) * share, with_spaces(counts[i][j]),
                row == 0 ? "no events" : fmt::format("{:.{}f} %", 100 * share, two ? 2 : 1));
        }
        body_ += "</tr>\n";
    }
    body_ += "</tbody>\n</table></div>\n<div class=\"cap\">" + caption_html(caption)
             + "</div>\n</div>\n";
}

void Section::paragraph(std::string_view text)
{
    body_ += "<p class=\"fine full\">" + xml_escaped(text) + "</p>\n";
}

void Section::begin_stack()
{
    body_ += "<div class=\"stack\">\n";
}

void Section::end_stack()
{
    body_ += "</div>\n";
}

std::string ReportPage::html() const
{
    return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>"
           + xml_escaped(title_) + "</title>\n<style>\n" + std::string(report_css())
           + std::string(plot_css()) + "</style>\n</head>\n<body>\n" + head_ + "<nav><div>\n" + nav_
           + "</div></nav>\n<main>\n" + body_
           + "<footer>Made by calofuse report. One file, no script, nothing loaded from elsewhere."
             "</footer>\n</main>\n</body>\n</html>\n";
}
}  // namespace calofuse
