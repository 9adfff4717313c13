#include "models/layers/standardise.hpp"

namespace calofuse::layers {
Standardise::Standardise(Parameters& parameters, std::string const& name, std::int64_t features)
    : name_(name)
    , mean_(parameters.add_state({name + ".mean", {features}, Init::zeros}))
    , scale_inverse_(parameters.add_state({name + ".scale_inverse", {features}, Init::ones}))
{}

void Standardise::set(Parameters& parameters,
                      std::span<double const> mean,
                      std::span<double const> spread) const
{
    std::vector<float> const means(mean.begin(), mean.end());
    std::vector<float> inverses;
    for (double const s : spread)
        inverses.push_back(s > 0 ? static_cast<float>(1 / s) : 1.0F);
    parameters.upload(parameters.find(name_ + ".mean"), means);
    parameters.upload(parameters.find(name_ + ".scale_inverse"), inverses);
}
}  // namespace calofuse::layers
