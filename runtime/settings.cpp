#include "runtime/settings.hpp"

#include <charconv>

namespace calofuse {
namespace {
/// The double that a float's shortest decimal stands for: 0.3F is the setting 0.3, not
/// 0.30000001192092896.
double as_written(float value)
{
    char text[32];
    auto const end = std::to_chars(std::begin(text), std::end(text), value).ptr;
    double out = 0;
    std::from_chars(text, end, out);
    return out;
}
}  // namespace

void Settings::operator()(char const* key, bool& value, char const* help)
{
    if (schema_ != nullptr)
        schema_->push_back({key, value, help});
    else
        value = given_->get_bool(key);
}

void Settings::operator()(char const* key, std::string& value, char const* help)
{
    if (schema_ != nullptr)
        schema_->push_back({key, value, help});
    else
        value = given_->get_string(key);
}

void Settings::operator()(char const* key, float& value, char const* help, double min, double max)
{
    if (schema_ != nullptr)
        schema_->push_back({key, as_written(value), help, min, max});
    else
        value = static_cast<float>(given_->get_double(key));
}
}  // namespace calofuse
