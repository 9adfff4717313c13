#include "driver/train/split.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "runtime/error.hpp"

namespace calofuse {
namespace {
/// Finaliser of SplitMix64: a bijection that mixes all bits.
std::uint64_t mix(std::uint64_t z)
{
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
}

/// FNV-1a of a file's path as the store names it.
std::uint64_t hash_of(std::string const& text)
{
    std::uint64_t h = 0xcbf29ce484222325U;
    for (char const c : text)
        h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    return h;
}

std::size_t part(double fraction, std::size_t n)
{
    return std::min(n, static_cast<std::size_t>(std::llround(fraction * static_cast<double>(n))));
}

void append(std::vector<std::int32_t>& out,
            std::vector<std::pair<std::uint64_t, std::int32_t>> const& keyed,
            std::size_t begin,
            std::size_t count)
{
    for (std::size_t i = begin; i < begin + count; ++i)
        out.push_back(keyed[i].second);
}
}  // namespace

SplitConfig split_config(Options const& settings)
{
    return {.train = settings.get_double("split.train"),
            .valid = settings.get_double("split.valid"),
            .test = settings.get_double("split.test"),
            .fraction = settings.get_double("split.fraction"),
            .seed = static_cast<std::uint64_t>(settings.get_int("split.seed"))};
}

Split split_events(Dataset const& data, Task const& task, SplitConfig const& config)
{
    double const sum = config.train + config.valid + config.test;
    if (!(std::abs(sum - 1.0) < 1e-6) || !(config.train > 0.0))
        throw Error(Exit::config, "CF-CFG-30",
                    "split.train + split.valid + split.test must be 1 and split.train above 0",
                    "for example 0.7, 0.1, 0.2");
    std::vector<std::vector<std::pair<std::uint64_t, std::int32_t>>> by_file(data.files.size());
    for (std::int64_t i = 0; i < data.size(); ++i) {
        if (!has_target(task, data, i)) continue;
        auto const row = static_cast<std::size_t>(i);
        std::uint16_t const file = data.file_id[row];
        std::uint64_t const file_key = hash_of(data.files[file].path) ^ mix(config.seed);
        by_file[file].emplace_back(mix(file_key + mix(data.event_index[row] + 1)),
                                   static_cast<std::int32_t>(i));
    }
    Split split;
    for (auto& keyed : by_file) {
        std::sort(keyed.begin(), keyed.end());
        // The test part comes first: it stays the same when train and valid are moved against
        // each other, so that models stay comparable.
        std::size_t const n = keyed.size();
        std::size_t const num_test = part(config.test, n);
        std::size_t const num_valid = std::min(n - num_test, part(config.valid, n));
        std::size_t const num_train = n - num_test - num_valid;
        append(split.test, keyed, 0, num_test);
        append(split.valid, keyed, num_test, part(config.fraction, num_valid));
        append(split.train, keyed, num_test + num_valid, part(config.fraction, num_train));
    }
    for (auto* rows : {&split.train, &split.valid, &split.test})
        std::sort(rows->begin(), rows->end());
    return split;
}
}  // namespace calofuse
