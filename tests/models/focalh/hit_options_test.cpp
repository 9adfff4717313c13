#include "models/focalh/hit_options.hpp"

#include <cmath>

#include "tests/support/temp_folder.hpp"

namespace calofuse::test {
TEST(HitOptions, defaults_are_those_of_the_kernels)
{
    HitOptions const parsed = hit_options(Options(hit_schema()));
    HitOptions const plain;
    EXPECT_EQ(parsed.rule, plain.rule);
    EXPECT_EQ(parsed.threshold_adc, plain.threshold_adc);
    EXPECT_EQ(parsed.min_sum_adc, plain.min_sum_adc);
    EXPECT_EQ(parsed.neighbours, plain.neighbours);
    EXPECT_EQ(parsed.symmetrise, plain.symmetrise);
    EXPECT_NO_THROW(check_hit_options(parsed));
}

TEST(HitOptions, every_setting_arrives)
{
    Options s(hit_schema());
    for (HitRule const rule :
         {HitRule::ccl, HitRule::ccl_global, HitRule::watershed, HitRule::cell}) {
        s.set("hits.rule", std::string(name_of(rule)));
        s.set("hits.min_sum_adc", 70.0);
        EXPECT_EQ(hit_options(s).rule, rule);
        EXPECT_EQ(hit_options(s).min_sum_adc, rule == HitRule::cell ? 0.0F : 70.0F);
    }
    s.set("hits.threshold_adc", 12.5);
    s.set("hits.neighbours", std::int64_t{64});
    s.set("hits.symmetrise", true);
    EXPECT_EQ(hit_options(s).threshold_adc, 12.5F);
    EXPECT_EQ(hit_options(s).neighbours, 64);
    EXPECT_TRUE(hit_options(s).symmetrise);
}

TEST(HitOptions, bad_values_are_refused)
{
    auto const refused = [](std::string const& key, OptionValue const& value) {
        for (OptionSpec const& spec : hit_schema())
            if (spec.key == key) return error_of([&] { checked(spec, value, "--set"); });
        ADD_FAILURE() << "no setting " << key;
        return std::optional<Error>();
    };
    EXPECT_TRUE(refused("hits.rule", std::string("cluster")));
    EXPECT_TRUE(refused("hits.threshold_adc", -0.5));
    EXPECT_TRUE(refused("hits.threshold_adc", std::nan("")));
    EXPECT_TRUE(refused("hits.min_sum_adc", -1.0));
    EXPECT_TRUE(refused("hits.neighbours", std::int64_t{0}));
    EXPECT_TRUE(refused("hits.neighbours", std::int64_t{65}));
    EXPECT_FALSE(refused("hits.neighbours", std::int64_t{64}));
}
}  // namespace calofuse::test
