/// \file tests/support/synthetic_run.hpp
/// A run directory as `train` leaves it, and the events that belong to it, made from a seed: a
/// classifier with overlapping classes and toy showers (narrow electrons, wide hadrons).
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "driver/focalh/predictions.hpp"
#include "runtime/focalh/events.hpp"

namespace calofuse::test {
struct SyntheticRun {
    int epochs = 10;
    int events_per_file = 200;  ///< test events; the store holds five times as many
    std::vector<int> electron_gev = {20, 60, 100, 150, 200, 300};
    std::vector<int> hadron_gev = {60, 80, 120, 200, 250, 350};
    bool electrons = true, hadrons = true;  ///< in the test part
    bool nan_metrics = false;
    std::uint32_t seed = 5;
    std::string store = "beam.h5";
};

/// Numbers between 0 and 1, and normal ones, the same with every standard library.
class Draw {
  public:
    explicit Draw(std::uint32_t seed) : engine_(seed) {}
    double uniform() { return (static_cast<double>(engine_()) + 0.5) / 4294967296.0; }
    double normal()
    {
        return std::sqrt(-2 * std::log(uniform())) * std::cos(6.283185307179586 * uniform());
    }

  private:
    std::mt19937 engine_;
};

inline void write_text(std::string const& path, std::string const& text)
{
    std::ofstream(path, std::ios::binary) << text;
}

/// Files of the store: electrons first.
inline std::vector<FocalhFile> synthetic_files(SyntheticRun const& run)
{
    std::vector<FocalhFile> out;
    for (Label const label : {Label::electron, Label::hadron})
        for (int const gev : label == Label::electron ? run.electron_gev : run.hadron_gev) {
            FocalhFile file;
            file.path = fmt::format("{0}/{0}_{1:03}GeV.npy", name_of(label), gev);
            file.label = label;
            file.energy_gev = static_cast<float>(gev);
            file.num_events = 5 * run.events_per_file;
            out.push_back(file);
        }
    return out;
}

/// Toy showers in the true geometry, 13 bits, pedestal 40.
inline Dataset synthetic_events(SyntheticRun const& run)
{
    FocalhColumns out;
    Draw draw(run.seed + 1);
    out.files = synthetic_files(run);
    out.pedestals.assign(kNumChannels, 40.0F);
    for (std::size_t f = 0; f < out.files.size(); ++f) {
        FocalhFile const& file = out.files[f];
        bool const electron = file.label == Label::electron;
        for (std::int64_t e = 0; e < file.num_events; ++e) {
            double const x = 0.2 + 0.9 * draw.normal(), y = -0.1 + 0.9 * draw.normal();
            double const width = electron ? 0.8 : 1.4 + 1.4 * draw.uniform();
            double const total =
                file.energy_gev * 170 * (electron ? 1 : 0.4 + 0.6 * draw.uniform());
            std::vector<std::uint16_t> adc(kNumChannels, 0);
            for (Cell const& cell : out.map.cells) {
                double const pitch = kModuleSideCm / module_side(cell.module);
                double const r2 = std::pow(cell.x_cm - x, 2) + std::pow(cell.y_cm - y, 2);
                double const share =
                    pitch * pitch * std::exp(-std::sqrt(r2) / width) / (6.2832 * width * width);
                double const value =
                    40 + 4.5 * draw.normal() + total * share * (0.8 + 0.4 * draw.uniform());
                adc[static_cast<std::size_t>(cell.channel)] =
                    static_cast<std::uint16_t>(std::clamp(value, 0.0, 8191.0));
            }
            out.adc.insert(out.adc.end(), adc.begin(), adc.end());
            out.label.push_back(static_cast<std::uint8_t>(file.label));
            out.energy_gev.push_back(file.energy_gev);
            out.file_id.push_back(static_cast<std::uint16_t>(f));
            out.event_index.push_back(static_cast<std::uint32_t>(e));
        }
    }
    return make_focalh(out);
}

/// `file_id,event_index,score,label,energy_gev,logit`: every fifth event of each file.
inline std::string synthetic_predictions(SyntheticRun const& run)
{
    std::string out = "file_id,event_index,score,label,energy_gev,logit\n";
    Draw draw(run.seed);
    auto const files = synthetic_files(run);
    for (std::size_t f = 0; f < files.size(); ++f) {
        bool const electron = files[f].label == Label::electron;
        if (electron ? !run.electrons : !run.hadrons) continue;
        for (std::int64_t e = 0; e < run.events_per_file; ++e) {
            // A tenth of the electron beam is something else; high energies are easier.
            bool const looks_electron = electron ? draw.uniform() > 0.1 : draw.uniform() > 0.985;
            double const logit = (looks_electron ? 2.4 : -2.4) * (0.8 + files[f].energy_gev / 600)
                                 + 1.7 * draw.normal();
            out +=
                fmt::format("{},{},{:.6f},{},{:g},{:.6f}\n", f, 5 * e, 1 / (1 + std::exp(-logit)),
                            name_of(files[f].label), files[f].energy_gev, logit);
        }
    }
    return out;
}

inline std::string synthetic_metrics(SyntheticRun const& run)
{
    std::string out;
    Draw draw(run.seed + 2);
    auto const row = [&](int epoch, char const* split, char const* name, double value) {
        out += fmt::format(
            "{{\"t\":{:.1f},\"epoch\":{},\"step\":{},\"split\":\"{}\",\"name\":\"{}\","
            "\"value\":{}}}\n",
            10.0 * epoch, epoch, 70 * epoch, split, name,
            run.nan_metrics ? "null" : fmt::format("{:.6g}", value));
    };
    for (int epoch = 1; epoch <= run.epochs; ++epoch) {
        double const t = 1 - std::exp(-epoch / 2.5);
        for (char const* split : {"train", "valid"}) {
            double const lag = split[0] == 'v' ? 0.012 + 0.0012 * epoch : 0;
            row(epoch, split, "loss", 0.62 - 0.34 * t + 1.5 * lag + 0.004 * draw.normal());
            row(epoch, split, "accuracy", 0.62 + 0.28 * t - lag + 0.003 * draw.normal());
            row(epoch, split, "auc", 0.70 + 0.255 * t - lag / 2 + 0.002 * draw.normal());
        }
        row(epoch, "train", "learning_rate", 1e-3 * std::pow(0.5, epoch / 4));
        row(epoch, "train", "events_per_s", 4100 + 60 * draw.normal());
        row(epoch, "train", "bn_gap", 0.004);
    }
    return out;
}

/// `test_accuracy` and `test_auc` go into summary.json as the training's own numbers.
inline void write_synthetic_run(std::string const& folder,
                                SyntheticRun const& run,
                                std::string const& test_accuracy = "null",
                                std::string const& test_auc = "null")
{
    std::filesystem::create_directories(folder);
    auto const files = synthetic_files(run);
    std::int64_t const n = run.events_per_file;
    std::string list;
    for (FocalhFile const& file : files)
        list += fmt::format(
            "{}{{\"path\":\"{}\",\"label\":\"{}\",\"energy_gev\":{:g},\"num_events\":{}}}",
            list.empty() ? "" : ",", file.path, name_of(file.label), file.energy_gev,
            file.num_events);
    auto const total = 5 * n * static_cast<std::int64_t>(files.size());
    std::int64_t const tested =
        n
        * static_cast<std::int64_t>((run.electrons ? run.electron_gev.size() : 0)
                                    + (run.hadrons ? run.hadron_gev.size() : 0));
    write_text(
        folder + "/data.json",
        fmt::format("{{\"store\":\"{}\",\"kind\":\"focalh\",\"sha256\":\"{}\",\"files\":[{}],"
                    "\"split\":{{\"train\":{},"
                    "\"valid\":{},\"test\":{}}},\"events\":{},\"dropped\":{{\"value above 8191\":3,"
                    "\"negative value\":0}},\"empty_triggers\":{}}}",
                    run.store, std::string(64, 'a'), list, total * 7 / 10, total / 10, tested,
                    total, total / 90));
    write_text(
        folder + "/summary.json",
        fmt::format(
            "{{\"run_dir\":\"run\",\"task\":{3},\"model\":\"hybrid\",\"device\":\"cpu\","
            "\"precision\":"
            "\"fp32\",\"epochs\":{0},\"best_epoch\":{0},\"events_per_s\":4123.4,\"wall_s\":83.2,"
            "\"data_wait_fraction\":0.004,\"valid\":{{\"loss\":0.29,\"accuracy\":null,\"auc\":"
            "0.94}},\"test\":{{\"loss\":null,\"accuracy\":{1},\"auc\":{2}}},\"timing\":[{{\"name\":"
            "\"read store\",\"s\":0.8}},{{\"name\":\"training steps\",\"s\":71.5}},{{\"name\":"
            "\"evaluation\",\"s\":9.1}},{{\"name\":\"checkpoints\",\"s\":0.4}}]}}",
            run.epochs, test_accuracy, test_auc, to_text(electron_task())));
    write_text(
        folder + "/env.json",
        "{\"date\":\"2026-01-31T12:00:00Z\",\"version\":\"0.1.0\",\"git_hash\":\"0123456789ab\","
        "\"command\":\"calofuse train --data beam.h5 --model hybrid --run-dir runs/first\","
        "\"cpu\":\"a "
        "processor\",\"threads\":2,\"versions\":{\"hdf5\":\"1.10.8\",\"fmt\":\"9.1.0\"}}");
    write_text(
        folder + "/config.toml",
        "# settings of a run\n[general]\nseed = 1\n\n[train]\nepochs = 75\nbatch_size = 1024\n"
        "learning_rate = 0.001\nbn_statistics = \"recomputed\"\n\n[input]\nscale = \"asinh\"\n");
    write_text(folder + "/metrics.jsonl", synthetic_metrics(run));
    write_text(folder + "/predictions_test.csv", synthetic_predictions(run));
}
}  // namespace calofuse::test
