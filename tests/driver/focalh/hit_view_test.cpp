/// \file tests/driver/focalh/hit_view_test.cpp
/// Events as networks on hits see them, and the figures that the report makes of that.
#include "driver/focalh/hit_view.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "driver/focalh/sections.hpp"
#include "driver/report/report.hpp"
#include "driver/train/trained_model.hpp"
#include "tests/support/synthetic_run.hpp"
#include "tests/support/toy_run.hpp"
#include "tests/support/xml_check.hpp"

namespace calofuse::test {
namespace {
constexpr std::int32_t kEmpty = 3, kOneHit = 5;  // rows

/// Simulated events, one of them without a hit and one with a single one.
Dataset some_events()
{
    Dataset set = simulated_events(20);
    auto const adc = set.columns.at("adc").values<std::uint16_t>();
    for (std::int32_t const row : {kEmpty, kOneHit})
        std::fill_n(adc.begin() + row * kNumChannels, kNumChannels, std::uint16_t{60});
    auto const channel = static_cast<std::size_t>(FocalhEvents(set).map.cells[110].channel);
    adc[static_cast<std::size_t>(kOneHit) * kNumChannels + channel] = 4000;
    return set;
}

Options small_settings(std::string const& model)
{
    Options s(with_extra(find_model(model).schema()));
    s.set("hits.neighbours", std::int64_t{4});
    s.set("model.layers", std::int64_t{2});
    return s;
}

Checkpoint untrained(Context& ctx, std::string const& model, Dataset const& events)
{
    Options const settings = small_settings(model);
    Task const task = electron_task();
    Checkpoint out(model, settings, task);
    auto const network = find_model(model).make(ctx, events, task, settings, 4);
    Parameters& parameters = network->parameters();
    parameters.upload(parameters.find(kPedestalState), std::vector<float>(kNumChannels, 60.0F));
    out.store(parameters);
    out.set_progress({{"data_sha256", events.sha256}});
    return out;
}

CellImage image_of(HitView const& view, HitViewer const& viewer)
{
    return {std::vector<double>(kNumCells, 20.0), hit_captions(view, viewer), view.overlay};
}

/// In place of those of the run: what the network says of these events.
void set_predictions(ReportData& data, Dataset const& set, HitViewer& viewer)
{
    FocalhEvents const events(set);
    Predictions& p = data.predictions;
    p.file_id = set.file_id;
    p.event_index = set.event_index;
    std::vector<float> logit;
    for (std::int32_t row = 0; row < events.size(); ++row)
        logit.push_back(viewer.view(row).logit);
    p.output = make_column<float>({.name = "output", .shape = {1}, .names = {"logit"}}, logit);
    p.beside = {make_column<std::uint8_t>({.name = "label"}, events.label),
                make_column<float>({.name = "energy_gev"}, events.energy_gev)};
    data.judgement = judge(p, data.task);
}
}  // namespace

TEST(HitView, only_networks_on_hits_have_one)
{
    for (char const* name : {"gat", "gatv2", "edge_conv", "gcn", "gravnet"})
        EXPECT_TRUE(is_hit_network(name)) << name;
    EXPECT_FALSE(is_hit_network("hybrid"));
    EXPECT_FALSE(is_hit_network("no such model"));
}

TEST(HitView, score_is_that_of_evaluate)
{
    Dataset const events = some_events();
    Context ctx = Context::cpu();
    std::vector<std::int32_t> rows(static_cast<std::size_t>(events.size()));
    for (std::size_t i = 0; i < rows.size(); ++i)
        rows[i] = static_cast<std::int32_t>(i);
    for (char const* name : {"gat", "gatv2", "edge_conv", "gcn", "gravnet"}) {
        Checkpoint const checkpoint = untrained(ctx, name, events);
        Predictions const said = TrainedModel(ctx, checkpoint, events, nullptr).predict(rows);
        auto const logits = said.output.values<float>();
        auto const scored = event_predictions(said, electron_task());
        HitViewer viewer(ctx, checkpoint, events);
        for (std::size_t i = 0; i < rows.size(); i += 3) {
            HitView const view = viewer.view(rows[i]);
            EXPECT_EQ(view.logit, logits[i]) << name;
            EXPECT_EQ(view.score, scored[i].score) << name;
        }
    }
}

TEST(HitView, attention_into_a_hit_and_its_loop_sum_to_one)
{
    Dataset const events = some_events();
    Context ctx = Context::cpu();
    for (char const* name : {"gat", "gatv2"}) {
        HitViewer viewer(ctx, untrained(ctx, name, events), events);
        std::size_t edges_seen = 0;
        for (std::int32_t row = 0; row < events.size(); ++row) {
            HitView const view = viewer.view(row);
            std::vector<float> const& loop = view.loop;
            std::vector<double> const shares = even_shares(view);
            ASSERT_EQ(loop.size(), view.overlay.position.size());
            ASSERT_EQ(view.attention.size(), view.overlay.edges.size());
            std::vector<double> sum(loop.begin(), loop.end());
            double largest = 0;
            for (std::size_t e = 0; e < view.attention.size(); ++e) {
                HitOverlay::Edge const& edge = view.overlay.edges[e];
                sum[static_cast<std::size_t>(edge.to)] += static_cast<double>(view.attention[e]);
                largest = std::max(largest, edge.weight);
                // 4 neighbours and the loop, fewer where there are not as many hits.
                double const others =
                    static_cast<double>(std::min<std::size_t>(4, loop.size() - 1));
                double const share = static_cast<double>(view.attention[e]) * (others + 1);
                EXPECT_NEAR(shares[e], share, 1e-9);
                EXPECT_EQ(edge.weight > 0, share > 1) << name;
                EXPECT_LE(edge.weight, 1);
            }
            for (double const s : sum)
                EXPECT_NEAR(s, 1, 1e-5) << name;
            EXPECT_TRUE(largest == 0 || largest == 1) << name;
            edges_seen += view.attention.size();
        }
        EXPECT_GT(edges_seen, 1000U);
    }
}

TEST(HitView, numbers_of_hits_are_those_of_the_views)
{
    Dataset const events = some_events();
    Context ctx = Context::cpu();
    HitViewer viewer(ctx, untrained(ctx, "gcn", events), events);
    std::vector<std::int32_t> rows;
    for (int i = 0; i < 150; ++i)  // more than are counted at a time
        rows.push_back(static_cast<std::int32_t>((i * 7) % events.size()));
    auto const hits = viewer.num_hits(rows);
    ASSERT_EQ(hits.size(), rows.size());
    for (std::size_t i = 0; i < rows.size(); i += 5)
        EXPECT_EQ(static_cast<std::size_t>(hits[i]), viewer.view(rows[i]).overlay.position.size());
}

TEST(HitView, every_event_can_be_drawn)
{
    Dataset const events = some_events();
    Context ctx = Context::cpu();
    for (char const* name : {"gat", "edge_conv", "gravnet"}) {
        HitViewer viewer(ctx, untrained(ctx, name, events), events);
        struct Case {
            std::int32_t row;
            std::size_t hits;
        };
        for (Case const c : {Case{kEmpty, 0}, Case{kOneHit, 1}}) {
            HitView const view = viewer.view(c.row);
            EXPECT_EQ(view.overlay.position.size(), c.hits) << name;
            EXPECT_TRUE(view.overlay.edges.empty()) << name;
            if (c.row == kOneHit)
                EXPECT_EQ(view.overlay.energy, std::vector<double>{4000 - 60}) << name;
            else
                EXPECT_TRUE(view.overlay.energy.empty()) << name;
            EXPECT_TRUE(std::isfinite(view.score)) << name;
            EXPECT_EQ(view.loop.size(), viewer.has_attention() ? c.hits : 0U) << name;
            CellImage const image = image_of(view, viewer);
            std::string const svg =
                draw_cell_images("one", {&image, 1}, FocalhEvents(events).map, 1, 260).document();
            EXPECT_EQ(scan_xml(svg).error, "") << name;
            EXPECT_EQ(svg.find("nan"), svg.npos) << name;
        }
        HitView const view = viewer.view(70);
        CellImage const image = image_of(view, viewer);
        XmlScan const scan = scan_xml(
            draw_cell_images("one", {&image, 1}, FocalhEvents(events).map, 1, 260).document());
        EXPECT_EQ(scan.error, "") << name;
        EXPECT_EQ(static_cast<std::size_t>(scan.elements.at("circle")),
                  view.overlay.position.size());
        EXPECT_EQ(view.overlay.edges.empty(), viewer.learns_edges()) << name;
        EXPECT_EQ(view.attention.empty(), !viewer.has_attention()) << name;
    }
    HitViewer viewer(ctx, untrained(ctx, "gcn", events), events);
    EXPECT_THROW(viewer.view(static_cast<std::int32_t>(events.size())), Error);
    EXPECT_THROW(HitViewer(ctx, untrained(ctx, "hybrid", events), events), Error);
}

TEST(ReportHits, bins_hold_every_event_once)
{
    Draw draw(9);
    std::vector<Prediction> predictions;
    std::vector<std::int32_t> hits;
    for (int i = 0; i < 700; ++i) {
        Prediction p;
        p.label = i % 3 == 0 ? Label::electron : i % 70 == 1 ? Label::unknown : Label::hadron;
        p.score = static_cast<float>(draw.uniform());
        predictions.push_back(p);
        int const many = 2 + static_cast<int>(40 * draw.uniform() * draw.uniform());
        hits.push_back(i % 50 == 7 ? -1 : i % 20 == 0 ? 0 : i % 11 == 0 ? 1 : many);
    }
    auto const bins = hit_bins(predictions, hits, kThreshold);
    ASSERT_GE(bins.size(), 6U);
    ASSERT_LE(bins.size(), 13U);
    EXPECT_EQ(bins[0].range(), "0");
    EXPECT_EQ(bins[1].range(), "1");
    for (std::size_t b = 1; b < bins.size(); ++b)
        EXPECT_GT(bins[b].low, bins[b - 1].high);
    std::int64_t all = 0;
    for (HitBin const& bin : bins)
        for (Label const label : {Label::hadron, Label::electron}) {
            HitBin::Class const& c = bin.by_label[static_cast<int>(label)];
            std::int64_t events = 0, right = 0;
            double score = 0, number = 0;
            std::vector<double> scores;
            for (std::size_t i = 0; i < hits.size(); ++i) {
                if (predictions[i].label != label || hits[i] < bin.low || hits[i] > bin.high)
                    continue;
                ++events;
                right += (predictions[i].score > 0.5F) == (label == Label::electron) ? 1 : 0;
                scores.push_back(static_cast<double>(predictions[i].score));
                score += scores.back();
                number += hits[i];
            }
            all += events;
            ASSERT_GT(events, 1);
            auto const n = static_cast<double>(events);
            EXPECT_EQ(c.correct.total, events);
            EXPECT_EQ(c.correct.passed, right);
            EXPECT_NEAR(c.score, score / n, 1e-12);
            EXPECT_NEAR(c.hits, number / n, 1e-12);
            double squares = 0;
            for (double const s : scores)
                squares += (s - score / n) * (s - score / n);
            EXPECT_NEAR(c.score_error, std::sqrt(squares / (n - 1) / n), 1e-12);
        }
    std::int64_t want = 0;
    for (std::size_t i = 0; i < hits.size(); ++i)
        want += hits[i] >= 0 && predictions[i].label != Label::unknown ? 1 : 0;
    EXPECT_EQ(all, want);
    EXPECT_TRUE(hit_bins({}, {}, kThreshold).empty());
    EXPECT_THROW(hit_bins(predictions, {}, kThreshold), Error);
}

TEST(ReportHits, page_has_figures_and_attention_on_mistakes)
{
    TempFolder const folder;
    write_synthetic_run(folder / "run", {.epochs = 2, .events_per_file = 3});
    ReportData data = read_run(folder / "run", electron_task());
    Dataset set = some_events();
    set_focalh_constants(set, FocalhEvents(set).map, std::vector<float>(kNumChannels, 60.0F));
    FocalhEvents const events(set);
    ReportHits hits;
    hits.ctx = std::make_unique<Context>(Context::cpu(1));
    hits.viewer = std::make_unique<HitViewer>(*hits.ctx, untrained(*hits.ctx, "gat", set), set);
    set_predictions(data, set, *hits.viewer);
    std::string const html = report_html(data, focalh_sections(data, &events, "", hits));
    XmlScan const scan = scan_xml(html);
    EXPECT_EQ(scan.error, "");
    for (std::string const& text : scan.texts)
        EXPECT_EQ(text.find("nan"), text.npos) << text;
    for (std::string const text :
         {"Mean score by number of hits", "Right decisions by number of hits",
          "Hits of the test events", "By number of hits", "divides its attention"})
        EXPECT_NE(html.find(text), html.npos) << text;
    EXPECT_NE(html.find("class=\"hm\""), html.npos);
    EXPECT_NE(html.find("class=\"ed w4\""), html.npos);
    EXPECT_EQ(html, report_html(data, focalh_sections(data, &events, "", hits)));

    // What hybrid runs get, and runs whose model is gone.
    std::string const plain = report_html(data, focalh_sections(data, &events, ""));
    EXPECT_EQ(plain.find("number of hits"), plain.npos);
    EXPECT_EQ(plain.find("class=\"hm\""), plain.npos);
    EXPECT_EQ(read_report_hits(data, &events).why_not, "");
    data.model = "gat";
    ReportHits const gone = read_report_hits(data, &events);
    EXPECT_EQ(gone.viewer, nullptr);
    std::string const said = report_html(data, focalh_sections(data, &events, "", gone));
    EXPECT_EQ(scan_xml(said).error, "");
    EXPECT_NE(said.find("Figures about hits are left out"), said.npos);
    EXPECT_NE(read_report_hits(data, nullptr).why_not, "");
}
}  // namespace calofuse::test
