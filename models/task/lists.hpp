/// \file models/task/lists.hpp
/// Settings that are lists: words or numbers, with commas between them.
#pragma once

#include <charconv>
#include <fmt/format.h>
#include <string>
#include <vector>

#include "runtime/error.hpp"

namespace calofuse {
/// Words of "a, b", without the blanks around them; none of an empty text.
inline std::vector<std::string> words_of(std::string const& text)
{
    std::vector<std::string> out;
    std::size_t begin = 0;
    while (begin < text.size()) {
        std::size_t const end = std::min(text.find(',', begin), text.size());
        std::size_t const first = text.find_first_not_of(' ', begin);
        std::string word = first < end ? text.substr(first, end - first) : std::string();
        word.erase(word.find_last_not_of(' ') + 1);
        out.push_back(std::move(word));
        begin = end + 1;
    }
    return out;
}

/// Throws CF-TSK-07 for what is no number between `low` and `high`, both excluded.
inline std::vector<double> numbers_of(std::string const& key,
                                      std::string const& text,
                                      double low,
                                      double high)
{
    std::vector<double> out;
    for (std::string const& word : words_of(text)) {
        double value = 0;
        char const* const end = word.data() + word.size();
        auto const [stop, error] = std::from_chars(word.data(), end, value);
        if (error != std::errc() || stop != end || !(value > low && value < high))
            throw Error(
                Exit::config, "CF-TSK-07",
                fmt::format("{}: {} is no number between {} and {}", key, quoted(word), low, high),
                "write numbers with commas between them, say \"0.5,2\"");
        out.push_back(value);
    }
    return out;
}

/// Throws CF-TSK-07 unless a list has this many entries.
inline void check_count(std::string const& key, std::size_t have, std::size_t want, char const* of)
{
    if (have != want)
        throw Error(Exit::config, "CF-TSK-07",
                    fmt::format("{} has {} entries, wanted {}: one per {}", key, have, want, of));
}
}  // namespace calofuse
