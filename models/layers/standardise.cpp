#include "models/layers/standardise.hpp"

#include <cmath>

namespace calofuse::layers {
Moments::Moments(std::int64_t features)
    : mean_(static_cast<std::size_t>(features)), squares_(mean_.size())
{}

void Moments::add(Column const& column, std::int64_t row)
{
    rows_ += 1;
    std::int64_t const first = row * std::ssize(mean_);
    for (std::size_t f = 0; f < mean_.size(); ++f) {
        double const x = column.value(first + static_cast<std::int64_t>(f));
        double const delta = x - mean_[f];
        mean_[f] += delta / rows_;
        squares_[f] += delta * (x - mean_[f]);
    }
}

std::vector<double> Moments::spread() const
{
    std::vector<double> out;
    for (double const squares : squares_)
        out.push_back(rows_ > 0 ? std::sqrt(squares / rows_) : 0);
    return out;
}

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
