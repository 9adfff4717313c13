#include "runtime/nearest.hpp"

#include <algorithm>

namespace calofuse {
namespace {
constexpr std::size_t kMaxName = 100;  // longer ones are no typing errors; keeps the cost small
}  // namespace

int edit_distance(std::string const& a, std::string const& b)
{
    std::size_t const columns = b.size() + 1;
    std::vector<int> before(columns);  // rows i - 2, i - 1, i of the distance table
    std::vector<int> last(columns);
    std::vector<int> row(columns);
    for (std::size_t j = 0; j < columns; ++j)
        last[j] = static_cast<int>(j);
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = static_cast<int>(i);
        for (std::size_t j = 1; j < columns; ++j) {
            int const substitute = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({substitute, last[j] + 1, row[j - 1] + 1});
            bool const swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
        }
        std::swap(before, last);
        std::swap(last, row);
    }
    return last[b.size()];
}

std::string nearest(std::string const& name, std::vector<std::string> const& candidates)
{
    if (name.empty() || name.size() > kMaxName) return {};
    int best = std::max(2, static_cast<int>(name.size()) / 3) + 1;
    std::string found;
    for (std::string const& candidate : candidates) {
        if (candidate.size() > kMaxName) continue;
        int const distance = edit_distance(name, candidate);
        bool const close = distance < static_cast<int>(candidate.size());
        if (close && distance < best) {
            best = distance;
            found = candidate;
        }
    }
    return found;
}
}  // namespace calofuse
