#include "runtime/scores/score_order.hpp"

#include <array>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <utility>

#include "runtime/error.hpp"
#include "runtime/scores/score_key.hpp"

namespace calofuse {
namespace {
struct Keyed {
    std::uint32_t key;  ///< rises with the score
    std::uint32_t index;
};

/// One stable counting pass over 11 bits.
void radix_pass(std::vector<Keyed> const& from, std::vector<Keyed>& to, unsigned shift)
{
    constexpr std::uint32_t kMask = 2047;
    std::array<std::size_t, kMask + 1> start{};
    for (Keyed const& k : from)
        ++start[k.key >> shift & kMask];
    std::size_t sum = 0;
    for (std::size_t& s : start)
        sum += std::exchange(s, sum);
    for (Keyed const& k : from)
        to[start[k.key >> shift & kMask]++] = k;
}
}  // namespace

void check_scores(std::span<float const> score, std::span<std::uint8_t const> label)
{
    CALOFUSE_CHECK(score.size() == label.size(), score.size()
                                                     << " scores, " << label.size() << " labels");
    for (std::size_t i = 0; i < score.size(); ++i) {
        if (std::isnan(score[i]))
            throw Error(Exit::numerical, "CF-NUM-01",
                        fmt::format("score of event {} of {} is NaN", i, score.size()),
                        "the model diverged or its weights are damaged; lower the learning rate or "
                        "use another checkpoint");
        if (label[i] > 1)
            throw Error(Exit::data, "CF-NUM-02",
                        fmt::format("label of event {} is {}, wanted 0 or 1", i, label[i]),
                        "leave out events without a label before taking metrics");
    }
}

ScoreOrder order_by_score(std::span<float const> score, std::span<std::uint8_t const> label)
{
    check_scores(score, label);
    CALOFUSE_CHECK(score.size() < std::numeric_limits<std::uint32_t>::max(), score.size()
                                                                                 << " scores");
    std::vector<Keyed> keyed(score.size()), other(score.size());
    for (std::size_t i = 0; i < score.size(); ++i)
        keyed[i] = {score_key(score[i]), static_cast<std::uint32_t>(i)};
    radix_pass(keyed, other, 0);
    radix_pass(other, keyed, 11);
    radix_pass(keyed, other, 22);

    ScoreOrder order;
    order.index.resize(score.size());
    for (std::size_t i = 0; i < score.size(); ++i)
        order.index[i] = other[i].index;
    for (std::uint8_t const l : label)
        ++(l == 1 ? order.num_signal : order.num_background);
    return order;
}
}  // namespace calofuse
