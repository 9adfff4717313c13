/// \file driver/report/sections.hpp
/// What the report says of each kind of task.
#pragma once

#include <vector>

#include "driver/report/data.hpp"
#include "driver/report/page.hpp"

namespace calofuse {
/// Headline numbers of a head.
std::vector<Card> head_cards(ReportData const& data, std::size_t head);
std::vector<Section> head_sections(ReportData const& data, std::size_t head);

/// Of one kind each; `id` makes the sections of several heads different.
std::vector<Section> binary_sections(ReportData const& data,
                                     std::size_t head,
                                     std::string const& id);
std::vector<Section> classes_sections(ReportData const& data,
                                      std::size_t head,
                                      std::string const& id);
std::vector<Section> values_sections(ReportData const& data,
                                     std::size_t head,
                                     std::string const& id);

/// "68 %: 0.8123 to 0.8345", or nothing where there is no interval.
std::string interval_text(Figure const& figure, int decimals = 4);
/// "12.3", "∞", a dash.
std::string rejection_text(double value);
/// "1.234", with as many digits as figures of any unit need.
std::string number_text(double value);
}  // namespace calofuse
