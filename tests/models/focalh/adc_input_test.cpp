/// \file tests/models/focalh/adc_input_test.cpp
#include "models/focalh/adc_input.hpp"

#include <cmath>
#include <numeric>

#include "runtime/focalh/events.hpp"
#include "tests/support/backend_test.hpp"

namespace calofuse::test {
namespace {
Dataset ten_events()
{
    FocalhColumns set;
    set.adc.resize(10 * kNumChannels);
    for (std::size_t i = 0; i < 10; ++i)
        for (std::size_t c = 0; c < kNumChannels; ++c)
            set.adc[i * kNumChannels + c] = static_cast<std::uint16_t>(i < 5 ? 20 + i : 2);
    set.label.assign(10, 0);
    set.energy_gev.assign(10, 100);
    set.file_id.assign(10, 0);
    set.event_index.resize(10);
    std::iota(set.event_index.begin(), set.event_index.end(), 0U);
    set.files.resize(1);
    return make_focalh(set);
}

struct Fitted {
    std::vector<float> pedestals;
    double mean = 0, scale = 0;
};
Fitted fit(Dataset const& data, std::vector<std::int32_t> const& rows)
{
    Context ctx = make_context();
    Parameters parameters;
    AdcInput input(ctx, parameters, InputScale::asinh, 20.0F);
    parameters.allocate(ctx, 1);
    input.fit(parameters, data, rows);
    auto const energy = parameters.download(parameters.find("input.energy"));
    auto const sum = [&](std::size_t i) {
        return static_cast<double>(energy[i]) + static_cast<double>(energy[i + 1])
               + static_cast<double>(energy[i + 2]);
    };
    return {parameters.download(parameters.find(kPedestalState)), sum(0), sum(3)};
}
}  // namespace

TEST(AdcInput, is_fitted_on_the_given_rows_only)
{
    Dataset data = ten_events();
    std::vector<std::int32_t> const rows = {0, 1, 2, 3, 4};
    Fitted const f = fit(data, rows);
    EXPECT_EQ(f.pedestals[0], 22.0F);
    EXPECT_NEAR(f.mean, 0, 1e-9);
    EXPECT_NEAR(1 / f.scale, std::sqrt(2.0) * kNumCells, 1e-9);
    set_focalh_constants(data, FocalhEvents(data).map, std::vector<float>(kNumChannels, 3.0F));
    EXPECT_EQ(fit(data, rows).pedestals[7], 3.0F) << "pedestals of the store win";
}

TEST(AdcInput, three_floats_hold_a_double)
{
    for (double const value : {0.0, 1.0, 12345.678901234567, 1.0 / 3.0, -1e-9, 49999.99999999999}) {
        auto const parts = split_double(value);
        EXPECT_EQ(static_cast<double>(parts[0]) + static_cast<double>(parts[1])
                      + static_cast<double>(parts[2]),
                  value);
    }
}
}  // namespace calofuse::test
