#include "models/engine/parameters.hpp"

#include <cmath>
#include <numeric>

#include "kernels/dense/running_statistics.hpp"
#include "runtime/random.hpp"

namespace calofuse {
namespace {
constexpr std::int64_t kGroupAlignment = 16;  // floats: one cache line

std::int64_t product(std::span<std::int64_t const> extents)
{
    return std::accumulate(extents.begin(), extents.end(), std::int64_t{1}, std::multiplies<>());
}

struct Fans {
    double in, out;
};

Fans fans_of(ParameterSpec const& spec)
{
    auto const& s = spec.shape;
    if (s.size() < 2) {
        double const n = static_cast<double>(product(s));
        return {spec.fan_in > 0 ? static_cast<double>(spec.fan_in) : n, n};
    }
    auto const field = static_cast<double>(product(std::span(s).first(s.size() - 2)));
    double const in = field * static_cast<double>(s[s.size() - 2]);
    return {spec.fan_in > 0 ? static_cast<double>(spec.fan_in) : in,
            field * static_cast<double>(s.back())};
}
}  // namespace

ParameterGroup Parameters::append(std::vector<ParameterSpec> members, bool trainable)
{
    CALOFUSE_CHECK(values_ == nullptr, "parameters were added after allocate()");
    std::int64_t& end = trainable ? num_values_ : num_states_;
    Group group{trainable, end, 0};
    for (ParameterSpec& spec : members) {
        std::int64_t const size = product(spec.shape);
        entries_.push_back({std::move(spec), trainable, end, size});
        end += size;
        group.size += size;
    }
    end = (end + kGroupAlignment - 1) / kGroupAlignment * kGroupAlignment;
    groups_.push_back(group);
    return {groups_.size() - 1};
}

ParameterGroup Parameters::add(std::vector<ParameterSpec> members)
{
    return append(std::move(members), true);
}

ParameterGroup Parameters::add_state(ParameterSpec one)
{
    return append({std::move(one)}, false);
}

StatisticsGroup Parameters::add_statistics(std::vector<std::string> const& prefixes,
                                           std::int64_t channels)
{
    std::vector<ParameterSpec> means, variances;
    for (std::string const& prefix : prefixes) {
        means.push_back({prefix + ".moving_mean", {channels}, Init::zeros});
        variances.push_back({prefix + ".moving_variance", {channels}, Init::ones});
    }
    ParameterGroup const mean = append(std::move(means), false);
    ParameterGroup const variance = append(std::move(variances), false);
    statistics_.push_back({mean, variance, statistics_.size()});
    return statistics_.back();
}

std::vector<float> Parameters::initial_values(Entry const& entry,
                                              std::size_t number,
                                              std::uint64_t seed) const
{
    std::vector<float> out(static_cast<std::size_t>(entry.size));
    Fans const fans = fans_of(entry.spec);
    double limit = 0;
    switch (entry.spec.init) {
        case Init::zeros:
            return out;
        case Init::ones:
            out.assign(out.size(), 1.0F);
            return out;
        case Init::glorot_uniform:
            limit = std::sqrt(6.0 / (fans.in + fans.out));
            break;
        case Init::torch_uniform:
            limit = 1.0 / std::sqrt(fans.in);
            break;
    }
    auto const stream = static_cast<std::uint32_t>(RandomStream::init);
    for (std::size_t i = 0; i < out.size(); ++i) {
        auto const words = random_words(seed, stream, static_cast<std::uint32_t>(number), i / 4);
        out[i] = static_cast<float>(limit * (2.0 * uniform01(words.w[i % 4]) - 1.0));
    }
    return out;
}

void Parameters::allocate(Context& ctx, std::uint64_t seed)
{
    CALOFUSE_CHECK(values_ == nullptr, "allocate() was called twice");
    ctx_ = &ctx;
    seed_ = seed;
    values_ = std::make_unique<Buffer<float>>(ctx, num_values_);
    gradients_ = std::make_unique<Buffer<float>>(ctx, num_values_);
    states_ = std::make_unique<Buffer<float>>(ctx, num_states_);
    counts_ =
        std::make_unique<Buffer<std::int64_t>>(ctx, static_cast<std::int64_t>(statistics_.size()));
    means_ = std::make_unique<Buffer<double>>(ctx, num_states_);
    spreads_ = std::make_unique<Buffer<double>>(ctx, num_states_);
    for (std::size_t i = 0; i < entries_.size(); ++i)
        upload(entries_[i], initial_values(entries_[i], i, seed));
}

Var Parameters::var(ParameterGroup group) const
{
    Group const& g = groups_.at(group.index);
    CALOFUSE_CHECK(g.trainable && values_ != nullptr, "not an allocated trainable group");
    return {tensor_ref(values_->data() + g.offset, {g.size}),
            tensor_ref(gradients_->data() + g.offset, {g.size})};
}

TensorRef Parameters::state(ParameterGroup group) const
{
    Group const& g = groups_.at(group.index);
    CALOFUSE_CHECK(!g.trainable && states_ != nullptr, "not an allocated state group");
    return tensor_ref(states_->data() + g.offset, {g.size});
}

StatisticsAccumulator Parameters::accumulator(StatisticsGroup const& statistics) const
{
    Group const& g = groups_.at(statistics.mean.index);
    return {.count = tensor_ref(counts_->data() + statistics.index, {1}),
            .mean = tensor_ref(means_->data() + g.offset, {g.size}),
            .spread = tensor_ref(spreads_->data() + g.offset, {g.size})};
}

void Parameters::begin_calibration()
{
    counts_->zero();
    means_->zero();
    spreads_->zero();
}

void Parameters::finish_calibration()
{
    for (StatisticsGroup const& statistics : statistics_) {
        StatisticsAccumulator const sums = accumulator(statistics);
        finish_statistics(*ctx_, {.count = sums.count,
                                  .mean = sums.mean,
                                  .spread = sums.spread,
                                  .running_mean = state(statistics.mean),
                                  .running_variance = state(statistics.variance)});
    }
}

std::vector<float> Parameters::download(Entry const& entry) const
{
    std::vector<float> out(static_cast<std::size_t>(entry.size));
    Buffer<float> const& from = entry.trainable ? *values_ : *states_;
    ctx_->copy_back(out.data(), from.data() + entry.offset, out.size() * sizeof(float));
    return out;
}

std::vector<float> Parameters::download_gradient(Entry const& entry) const
{
    CALOFUSE_CHECK(entry.trainable, entry.spec.name << " has no gradient");
    std::vector<float> out(static_cast<std::size_t>(entry.size));
    ctx_->copy_back(out.data(), gradients_->data() + entry.offset, out.size() * sizeof(float));
    return out;
}

void Parameters::upload(Entry const& entry, std::span<float const> values)
{
    CALOFUSE_CHECK(static_cast<std::int64_t>(values.size()) == entry.size,
                   entry.spec.name << " has " << entry.size << " elements, got " << values.size());
    Buffer<float> const& to = entry.trainable ? *values_ : *states_;
    ctx_->copy_to(to.data() + entry.offset, values.data(), values.size_bytes());
}

Parameters::Entry const& Parameters::find(std::string const& name) const
{
    for (Entry const& e : entries_)
        if (e.spec.name == name) return e;
    CALOFUSE_CHECK(false, "no parameter named " << name);
    return entries_.front();
}

std::int64_t Parameters::count(bool trainable) const
{
    std::int64_t n = 0;
    for (Entry const& e : entries_)
        if (e.trainable == trainable) n += e.size;
    return n;
}
}  // namespace calofuse
