/// \file tests/runtime/settings_test.cpp
#include "runtime/settings.hpp"

#include <gtest/gtest.h>

#include "runtime/error.hpp"

namespace calofuse::test {
namespace {
enum class Fruit : std::uint8_t { apple, pear, secret };
constexpr auto names_of(Fruit)
{
    return std::to_array<Name<Fruit>>({{Fruit::pear, "pear"}, {Fruit::apple, "apple"}});
}

struct Nested {
    float rate = 0.3F;
};
struct Config {
    std::int64_t width = 64;
    std::int32_t count = 3;
    bool deep = false;
    Fruit fruit = Fruit::apple, other = Fruit::apple;
    Nested nested = {};
};
void visit(Settings& settings, Config& c)
{
    settings("model.width", c.width, "of a layer", 1, 4096);
    settings("model.count", c.count, "of layers", 0, 8);
    settings("model.deep", c.deep, "or not");
    settings("model.fruit", c.fruit, "to eat");
    settings("model.other", c.other, "to eat as well", {Fruit::apple});
    if (c.deep) settings("model.rate", c.nested.rate, "of dropout", 0, 0.99);
}
}  // namespace

TEST(Names, of_an_enum_are_read_and_written)
{
    static_assert(name_of(Fruit::pear) == std::string_view("pear"));
    EXPECT_EQ(parse<Fruit>("apple", "fruit"), Fruit::apple);
    EXPECT_EQ(choices<Fruit>(), (std::vector<std::string>{"pear", "apple"}));
    EXPECT_THROW(name_of(Fruit::secret), Error);
    try {
        parse<Fruit>("secret", "model.fruit");
        FAIL();
    } catch (Error const& e) {
        EXPECT_EQ(e.code(), "CF-CFG-04");
        EXPECT_STREQ(e.what(), "model.fruit = 'secret' is not one of pear, apple");
    }
}

TEST(Settings, make_a_schema_of_the_defaults)
{
    OptionSchema const schema = schema_of(Config{.width = 32, .deep = true});
    ASSERT_EQ(schema.size(), 6U);
    EXPECT_EQ(schema[0].key, "model.width");
    EXPECT_EQ(schema[0].fallback, OptionValue(std::int64_t{32}));
    EXPECT_EQ(schema[0].help, "of a layer");
    EXPECT_EQ(schema[0].min, 1);
    EXPECT_EQ(schema[0].max, 4096);
    EXPECT_EQ(schema[1].fallback, OptionValue(std::int64_t{3}));
    EXPECT_EQ(schema[2].fallback, OptionValue(true));
    EXPECT_EQ(schema[3].fallback, OptionValue(std::string("apple")));
    EXPECT_EQ(schema[3].choices, (std::vector<std::string>{"pear", "apple"}));
    EXPECT_EQ(schema[4].choices, (std::vector<std::string>{"apple"}));
    EXPECT_EQ(schema[5].fallback, OptionValue(0.3)) << "as it was written, not double(0.3F)";
    EXPECT_EQ(schema[5].max, 0.99);
    EXPECT_EQ(schema_of(Config{}).size(), 5U);
}

TEST(Settings, put_given_values_into_the_config)
{
    Config const start{.deep = true};
    Options options(schema_of(start));
    Config const same = read_settings(start, options);
    EXPECT_EQ(same.width, 64);
    EXPECT_EQ(same.nested.rate, 0.3F);
    options.set("model.width", std::int64_t{7});
    options.set("model.count", std::int64_t{5});
    options.set("model.fruit", std::string("pear"));
    options.set("model.rate", 0.25);
    Config const read = read_settings(start, options);
    EXPECT_EQ(read.width, 7);
    EXPECT_EQ(read.count, 5);
    EXPECT_TRUE(read.deep);
    EXPECT_EQ(read.fruit, Fruit::pear);
    EXPECT_EQ(read.nested.rate, 0.25F);
}
}  // namespace calofuse::test
