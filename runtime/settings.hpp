/// \file runtime/settings.hpp
/// The settings of a config struct, each written once: key, member, help, range.
///   void visit(Settings& settings, MlpConfig& c)
///   {
///       settings("model.width", c.width, "of the hidden layers", 1, 4096);
///       settings("model.activation", c.activation, "after each layer");  // an enum with a table of names
///   }
/// What the struct holds before the visit are the defaults. `schema_of` makes the table of options of
/// it, `read_settings` puts the given values in.
#pragma once

#include <concepts>

#include "runtime/names.hpp"
#include "runtime/options.hpp"

namespace calofuse {
class Settings {
  public:
    explicit Settings(OptionSchema& schema) : schema_(&schema) {}
    explicit Settings(Options const& given) : given_(&given) {}

    void operator()(char const* key, bool& value, char const* help);
    void operator()(char const* key, std::string& value, char const* help);
    /// A whole number in min .. max.
    template <std::integral Int>
    void operator()(
        char const* key, Int& value, char const* help, std::int64_t min, std::int64_t max)
    {
        if (schema_ == nullptr) {
            value = static_cast<Int>(given_->get_int(key));
            return;
        }
        schema_->push_back(
            {key, std::int64_t{value}, help, static_cast<double>(min), static_cast<double>(max)});
    }
    void operator()(char const* key, float& value, char const* help, double min, double max);
    /// By name; all values of the enum that have one, or only these.
    template <Named E>
    void operator()(char const* key, E& value, char const* help, std::initializer_list<E> some = {})
    {
        if (schema_ == nullptr) {
            value = parse<E>(given_->get_string(key), key);
            return;
        }
        OptionSpec spec{.key = key, .fallback = std::string(name_of(value)), .help = help};
        if (some.size() == 0) spec.choices = choices<E>();
        for (E const e : some)
            spec.choices.emplace_back(name_of(e));
        schema_->push_back(std::move(spec));
    }

  private:
    OptionSchema* schema_ = nullptr;
    Options const* given_ = nullptr;
};

template <class Config>
OptionSchema schema_of(Config config)
{
    OptionSchema out;
    Settings settings(out);
    visit(settings, config);
    return out;
}

/// `config` with the values of `given`, which has all keys of `schema_of(config)`.
template <class Config>
Config read_settings(Config config, Options const& given)
{
    Settings settings(given);
    visit(settings, config);
    return config;
}
}  // namespace calofuse
