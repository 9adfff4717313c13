#include "tests/support/golden.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace calofuse::test {
std::uint64_t golden_hash(std::uint64_t seed, std::uint64_t index)
{
    std::uint64_t z = seed + (index + 1) * 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
}

std::vector<float> golden_values(std::uint64_t seed, double scale, double offset, std::size_t count)
{
    std::vector<float> out(count);
    for (std::size_t i = 0; i < count; ++i) {
        auto const uniform = static_cast<double>(golden_hash(seed, i) >> 40U) / 8388608.0 - 1.0;
        out[i] = static_cast<float>(offset + scale * uniform);
    }
    return out;
}

std::filesystem::path golden_directory()
{
    char const* given = std::getenv("CALOFUSE_GOLDEN_DIR");
    return given != nullptr && *given != '\0' ? given : CALOFUSE_GOLDEN_DATA;
}

std::vector<std::filesystem::path> golden_files()
{
    std::vector<std::filesystem::path> files;
    std::error_code missing;  // a missing directory gives no files, and the caller says so
    for (auto const& entry : std::filesystem::directory_iterator(golden_directory(), missing))
        if (entry.path().extension() == ".safetensors") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

namespace {
nlohmann::json json_of(SafeTensors const& file, std::string const& key)
{
    auto const found = file.metadata.find(key);
    return found == file.metadata.end() ? nlohmann::json::object()
                                        : nlohmann::json::parse(found->second);
}

std::size_t product(std::vector<std::int64_t> const& shape)
{
    std::size_t count = 1;
    for (std::int64_t const extent : shape)
        count *= static_cast<std::size_t>(extent);
    return count;
}
}  // namespace

GoldenCase::GoldenCase(std::filesystem::path const& path)
    : name_(path.stem().string())
    , file_(read_safetensors(path.string()))
    , attrs_(json_of(file_, "attrs"))
    , generated_(json_of(file_, "gen"))
    , tolerance_(json_of(file_, "tolerance"))
    , tolerance_rms_(json_of(file_, "tolerance_rms"))
{
    auto const format = file_.metadata.find("format");
    CALOFUSE_CHECK(format != file_.metadata.end() && format->second == "golden-1",
                   name_ << " is not a golden-1 file");
}

bool GoldenCase::has(std::string const& key) const
{
    return file_.has(key) || file_.has(key + "#val") || generated_.contains(key);
}

std::vector<std::string> GoldenCase::names(std::string const& prefix) const
{
    std::set<std::string> found;
    auto const add = [&](std::string const& key) {
        if (key.compare(0, prefix.size(), prefix) == 0)
            found.insert(key.substr(prefix.size(), key.find('#') - prefix.size()));
    };
    for (auto const& [key, tensor] : file_.tensors)
        add(key);
    for (auto const& [key, description] : generated_.items())
        add(key);
    return {found.begin(), found.end()};
}

std::vector<std::int64_t> GoldenCase::shape(std::string const& key) const
{
    if (generated_.contains(key))
        return generated_.at(key).at("shape").get<std::vector<std::int64_t>>();
    if (!file_.has(key) && file_.has(key + "#shape")) {
        auto const stored = file_.at(key + "#shape").values<std::int32_t>();
        return {stored.begin(), stored.end()};
    }
    return file_.at(key, name_).shape;
}

std::vector<float> GoldenCase::floats(std::string const& key) const
{
    if (generated_.contains(key)) {
        auto const& g = generated_.at(key);
        return golden_values(g.at("seed").get<std::uint64_t>(), g.at("scale").get<double>(),
                             g.at("offset").get<double>(), product(shape(key)));
    }
    auto const values = file_.at(key, name_).as_double();
    return {values.begin(), values.end()};
}

std::vector<double> GoldenCase::doubles(std::string const& key) const
{
    if (generated_.contains(key)) {
        auto const values = floats(key);
        return {values.begin(), values.end()};
    }
    return file_.at(key, name_).as_double();
}

std::vector<std::int32_t> GoldenCase::ints(std::string const& key) const
{
    return file_.at(key, name_).values<std::int32_t>();
}

double GoldenCase::tolerance(std::string const& key) const
{
    CALOFUSE_CHECK(tolerance_.contains(key), name_ << " has no tolerance for " << key);
    return tolerance_.at(key).get<double>();
}

GoldenCase::Expected GoldenCase::expected(std::string const& key) const
{
    if (file_.has(key)) {
        auto const value = file_.at(key).as_double();
        return {value, {}, value.size()};
    }
    return {file_.at(key + "#val", name_).as_double(),
            file_.at(key + "#idx", name_).values<std::int32_t>(), product(shape(key))};
}

void GoldenCase::compare_values(std::string const& key, std::vector<double> const& got)
{
    compared_.insert(key);
    Expected const want = expected(key);
    ASSERT_EQ(got.size(), want.elements) << name_ << " " << key;
    double const allowed = tolerance(key);
    double worst = 0;
    std::size_t at = 0;
    for (std::size_t s = 0; s < want.value.size(); ++s) {
        std::size_t const i = want.index.empty() ? s : static_cast<std::size_t>(want.index[s]);
        double const difference = std::abs(got.at(i) - want.value[s]);
        bool const both_infinite = got[i] == want.value[s];  // inf - inf is NaN
        if (!both_infinite && !(difference <= worst)) {
            worst = difference;
            at = s;
        }
    }
    if (allowed > 0) worst_fraction_ = std::max(worst_fraction_, worst / allowed);
    if (!(worst <= allowed)) {
        std::size_t const i = want.index.empty() ? at : static_cast<std::size_t>(want.index[at]);
        ADD_FAILURE() << name_ << " " << key << ": element " << i << " of " << want.elements
                      << " is " << got[i] << ", want " << want.value[at] << ": off by " << worst
                      << ", allowed " << allowed;
    }
    if (!want.index.empty()) compare_projections(key, got);
}

void GoldenCase::compare_projections(std::string const& key, std::vector<double> const& got) const
{
    double sum[4] = {};
    for (std::size_t i = 0; i < got.size(); ++i) {
        std::uint64_t const z = golden_hash(0, i);
        for (unsigned p = 0; p < 4; ++p)
            sum[p] += ((z >> (63 - p)) & 1U) == 0 ? got[i] : -got[i];
    }
    auto const want = file_.at(key + "#proj", name_).as_double();
    double const allowed = tolerance(key) * std::sqrt(static_cast<double>(got.size()));
    for (std::size_t p = 0; p < 4; ++p)
        EXPECT_NEAR(sum[p], want.at(p), allowed) << name_ << " " << key << " projection " << p;
}

void GoldenCase::compare_rms_values(std::string const& key, std::vector<double> const& got) const
{
    if (!tolerance_rms_.contains(key)) return;
    Expected const want = expected(key);
    ASSERT_EQ(got.size(), want.elements) << name_ << " " << key;
    double sum = 0;
    for (std::size_t s = 0; s < want.value.size(); ++s) {
        std::size_t const i = want.index.empty() ? s : static_cast<std::size_t>(want.index[s]);
        sum += (got.at(i) - want.value[s]) * (got[i] - want.value[s]);
    }
    double const rms = std::sqrt(sum / static_cast<double>(want.value.size()));
    EXPECT_LE(rms, tolerance_rms_.at(key).get<double>()) << name_ << " " << key << " (rms)";
}

std::vector<std::string> GoldenCase::not_compared() const
{
    std::vector<std::string> missing;
    for (auto const& [key, tolerance] : tolerance_.items())
        if (compared_.count(key) == 0) missing.push_back(key);
    return missing;
}
}  // namespace calofuse::test
