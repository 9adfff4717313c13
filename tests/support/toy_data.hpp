/// \file tests/support/toy_data.hpp
/// Small data sets of each kind, made in memory: a table, images with numbers beside them, and ragged
/// particles. Two hidden numbers u, v per event decide its inputs and all its targets, so that every
/// task can be learned from every kind: label u8 (u > 0), flavour u8 (three classes of v), energy_gev
/// f32, vertex f32 (2), weight f32.
#pragma once

#include <random>

#include "runtime/dataset.hpp"

namespace calofuse::test {
/// Events of one file, with their targets; `u` and `v` in [-1, 1).
struct ToyEventsOf {
    Dataset data;
    std::vector<float> u, v;
    std::mt19937 random{17};

    float uniform(float low, float high)
    {
        return std::uniform_real_distribution<float>(low, high)(random);
    }

    explicit ToyEventsOf(std::int64_t n)
    {
        std::vector<std::uint8_t> label, flavour;
        std::vector<float> energy, vertex, weight;
        for (std::int64_t e = 0; e < n; ++e) {
            u.push_back(uniform(-1, 1));
            v.push_back(uniform(-1, 1));
            label.push_back(u.back() > 0 ? 1 : 0);
            flavour.push_back(v.back() < -0.33F ? 0 : v.back() < 0.33F ? 1 : 2);
            energy.push_back(60 + 30 * u.back());
            vertex.insert(vertex.end(), {u.back() + v.back(), 4 * v.back()});
            weight.push_back(uniform(0.5F, 1.5F));
            data.file_id.push_back(0);
            data.event_index.push_back(static_cast<std::uint32_t>(e));
        }
        data.files = {{.path = "toy", .num_events = n}};
        data.add(make_column<std::uint8_t>({.name = "label", .names = {"left", "right"}}, label));
        data.add(make_column<std::uint8_t>({.name = "flavour", .names = {"u", "d", "s"}}, flavour));
        data.add(make_column<float>({.name = "energy_gev", .unit = "GeV"}, energy));
        data.add(make_column<float>(
            {.name = "vertex", .shape = {2}, .unit = "mm", .names = {"x", "y"}}, vertex));
        data.add(make_column<float>({.name = "weight"}, weight));
    }
};

/// features (5): u, v, and noise.
inline Dataset toy_table(std::int64_t n)
{
    ToyEventsOf toy(n);
    std::vector<float> features;
    for (std::size_t e = 0; e < toy.u.size(); ++e) {
        features.insert(features.end(), {toy.u[e], 100 * toy.v[e] + 7});
        for (int i = 0; i < 3; ++i)
            features.push_back(toy.uniform(-1, 1));
    }
    toy.data.add(make_column<float>({.name = "features", .shape = {5}}, features));
    return toy.data;
}

/// image (22, 22, 2): a bright spot at (u, v) in noise; jet (2): its brightness, and noise.
inline Dataset toy_images(std::int64_t n)
{
    constexpr std::int64_t kSide = 22, kChannels = 2;
    ToyEventsOf toy(n);
    std::vector<float> image, jet;
    for (std::size_t e = 0; e < toy.u.size(); ++e) {
        std::size_t const first = image.size();
        for (std::int64_t i = 0; i < kSide * kSide * kChannels; ++i)
            image.push_back(toy.uniform(0, 0.1F));
        auto const pixel = [](float x) {
            return static_cast<std::size_t>(11 + 7 * x);
        };
        float const bright = toy.uniform(3, 5);
        for (std::size_t d = 0; d < 2; ++d)
            image[first + ((pixel(toy.u[e]) + d) * kSide + pixel(toy.v[e])) * kChannels] = bright;
        jet.insert(jet.end(), {bright, toy.uniform(-1, 1)});
    }
    toy.data.add(make_column<float>({.name = "image", .shape = {kSide, kSide, kChannels}}, image));
    toy.data.add(make_column<float>({.name = "jet", .shape = {2}}, jet));
    return toy.data;
}

/// Particles of event e: one event has very many, every eighth none.
inline std::int64_t toy_particles_of(std::int64_t e)
{
    return e == 5 ? 70 : e % 8 == 3 ? 0 : 1 + e * 5 % 9;
}

/// particles.x (4): position, energy, noise; particles.position (2): around (u, v);
/// particles.energy: above 0.
inline Dataset toy_particles(std::int64_t n)
{
    ToyEventsOf toy(n);
    std::vector<std::int64_t> start{0};
    std::vector<float> x, position, energy;
    for (std::int64_t e = 0; e < n; ++e) {
        start.push_back(start.back() + toy_particles_of(e));
        for (std::int64_t p = start[e]; p < start[e + 1]; ++p) {
            float const px = toy.u[e] + toy.uniform(-0.5F, 0.5F);
            float const py = toy.v[e] + toy.uniform(-0.5F, 0.5F);
            energy.push_back(toy.uniform(1, 5));
            position.insert(position.end(), {px, py});
            x.insert(x.end(), {px, py, energy.back(), toy.uniform(-1, 1)});
        }
    }
    toy.data.start.emplace("particles", start);
    toy.data.add(make_column<float>({.name = "particles.x", .shape = {4}}, x));
    toy.data.add(make_column<float>({.name = "particles.position", .shape = {2}}, position));
    toy.data.add(make_column<float>({.name = "particles.energy", .unit = "GeV"}, energy));
    return toy.data;
}
}  // namespace calofuse::test
