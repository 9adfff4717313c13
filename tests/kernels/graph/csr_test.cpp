#include "kernels/graph/csr.hpp"

#include <algorithm>
#include <set>

#include "tests/support/backend_test.hpp"
#include "tests/support/random_graph.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
using Ints = std::vector<std::int32_t>;

struct Csr {
    Ints edge_ptr, source;
    bool operator==(Csr const& other) const
    {
        return edge_ptr == other.edge_ptr && source == other.source;
    }
};

std::int64_t length(Ints const& v)
{
    return static_cast<std::int64_t>(v.size());
}

/// What is written, with capacities cut off after checking that the rest still holds `kUntouched`.
constexpr std::int32_t kUntouched = 4711;
Csr written(Ints edge_ptr, Ints source, std::size_t nodes)
{
    auto const untouched = [](std::int32_t v) {
        return v == kUntouched;
    };
    auto const tail = edge_ptr.begin() + static_cast<std::ptrdiff_t>(nodes) + 1;
    EXPECT_TRUE(std::all_of(tail, edge_ptr.end(), untouched));
    edge_ptr.erase(tail, edge_ptr.end());
    auto const last = source.begin() + edge_ptr.back();
    EXPECT_TRUE(std::all_of(last, source.end(), untouched));
    source.erase(last, source.end());
    return {edge_ptr, source};
}

Csr from_neighbours(Context& ctx, Ints const& row_ptr_values, Ints const& lists, std::int64_t k)
{
    std::int64_t const rows = length(lists) / k;
    OnDevice<std::int32_t> row_ptr(ctx, row_ptr_values, {length(row_ptr_values)});
    OnDevice<std::int32_t> neighbours(ctx, lists, {rows, k});
    OnDevice<std::int32_t> edge_ptr(ctx, Ints(static_cast<std::size_t>(rows + 1), kUntouched),
                                    {rows + 1});
    OnDevice<std::int32_t> source(ctx, Ints(lists.size(), kUntouched), {rows * k});
    csr_from_neighbours(ctx, {.row_ptr = row_ptr.ref(),
                              .neighbours = neighbours.ref(),
                              .edge_ptr = edge_ptr.ref(),
                              .source = source.ref()});
    return written(edge_ptr.fetch(), source.fetch(),
                   static_cast<std::size_t>(row_ptr_values.back()));
}

/// Four spare nodes and three spare edges.
Csr symmetrise(Context& ctx, Ints const& row_ptr_values, Csr const& in, Loops loops)
{
    std::int64_t const nodes = row_ptr_values.back() + 4;
    std::int64_t const edges = length(in.source) + 3;
    Ints ptr_values = in.edge_ptr, source_values = in.source;
    ptr_values.resize(static_cast<std::size_t>(nodes + 1), -7);
    source_values.resize(static_cast<std::size_t>(edges), -7);
    OnDevice<std::int32_t> row_ptr(ctx, row_ptr_values, {length(row_ptr_values)});
    OnDevice<std::int32_t> edge_ptr(ctx, ptr_values, {nodes + 1});
    OnDevice<std::int32_t> source(ctx, source_values, {edges});
    OnDevice<std::int32_t> out_ptr(ctx, Ints(ptr_values.size(), kUntouched), {nodes + 1});
    OnDevice<std::int32_t> out(ctx, Ints(static_cast<std::size_t>(2 * edges + nodes), kUntouched),
                               {2 * edges + nodes});
    csr_symmetrise(ctx, {.row_ptr = row_ptr.ref(),
                         .edge_ptr = edge_ptr.ref(),
                         .source = source.ref(),
                         .loops = loops,
                         .out_edge_ptr = out_ptr.ref(),
                         .out_source = out.ref()});
    return written(out_ptr.fetch(), out.fetch(), static_cast<std::size_t>(row_ptr_values.back()));
}

Csr oracle(Csr const& in, Loops loops)
{
    std::set<std::pair<std::int32_t, std::int32_t>> edges;  // (target, source)
    std::int32_t const nodes = static_cast<std::int32_t>(in.edge_ptr.size()) - 1;
    for (std::int32_t i = 0; i < nodes; ++i) {
        auto const at = static_cast<std::size_t>(i);
        for (std::int32_t e = in.edge_ptr[at]; e < in.edge_ptr[at + 1]; ++e) {
            std::int32_t const j = in.source[static_cast<std::size_t>(e)];
            edges.insert({i, j});
            edges.insert({j, i});
        }
    }
    for (std::int32_t i = 0; i < nodes && loops != Loops::keep; ++i)
        if (loops == Loops::remove)
            edges.erase({i, i});
        else
            edges.insert({i, i});
    Csr out{Ints(in.edge_ptr.size()), {}};
    for (auto const& [target, source] : edges) {
        ++out.edge_ptr[static_cast<std::size_t>(target) + 1];
        out.source.push_back(source);
    }
    for (std::size_t i = 1; i < out.edge_ptr.size(); ++i)
        out.edge_ptr[i] += out.edge_ptr[i - 1];
    return out;
}

Csr random_edges(Ints const& row_ptr, std::uint32_t seed)
{
    RandomGraph const graph = random_graph(row_ptr, seed);
    return {graph.edge_ptr, graph.source};
}
}  // namespace

TEST(CsrFromNeighbours, drops_the_padding_and_keeps_the_order)
{
    Context ctx = make_context(2);
    Csr const want{{0, 2, 2, 3, 6}, {2, 1, 0, 2, 1, 0}};
    Ints const lists{2, 1, -1, -1, -1, -1, 0, -1, -1, 2, 1, 0};
    EXPECT_EQ(from_neighbours(ctx, {0, 0, 4}, lists, 3), want);
    Ints spare = lists;
    spare.resize(18, 99);  // two rows past the last graph
    EXPECT_EQ(from_neighbours(ctx, {0, 4, 4}, spare, 3), want);
    EXPECT_EQ(from_neighbours(ctx, {0}, {}, 3), (Csr{{0}, {}}));
}

TEST(CsrFromNeighbours, same_bits_for_any_number_of_threads)
{
    Ints lists;
    for (std::int32_t i = 0; i < 10000; ++i)
        for (std::int32_t s = 0; s < 3; ++s)
            lists.push_back(s < i % 4 ? (i + s) % 10000 : -1);
    Context ctx = make_context(1);
    Csr const all = from_neighbours(ctx, {0, 10000}, lists, 3);
    EXPECT_EQ(all.source.size(), 15000U);
    EXPECT_EQ(all.source[all.source.size() - 1], 1);  // of node 9999
    expect_same_for_any_threads([&](Context& c) {
        return from_neighbours(c, {0, 10000}, lists, 3).source;
    });
}

TEST(CsrSymmetrise, is_the_union_with_the_reverse)
{
    for (Ints const& row_ptr : {Ints{0}, Ints{0, 0}, Ints{0, 1}, Ints{0, 5, 5, 6, 40},
                                Ints{0,   10,  20,  30,  31,  33,  90,  91,  95,  99,
                                     105, 120, 121, 130, 140, 150, 151, 152, 160, 200}})
        for (Loops const loops : {Loops::keep, Loops::remove, Loops::all}) {
            Csr const in = random_edges(row_ptr, 3);
            Csr const want = oracle(in, loops);
            expect_same_for_any_threads([&](Context& ctx) {
                Csr const got = symmetrise(ctx, row_ptr, in, loops);
                EXPECT_EQ(got, want) << static_cast<int>(loops);
                return got.source;
            });
        }
}

TEST(CsrSymmetrise, backends_agree)
{
    Ints row_ptr{0};
    for (std::int32_t b = 1; b < 700; ++b)
        row_ptr.push_back(row_ptr.back() + 20 + b % 11);  // more nodes than one block adds up
    Csr const in = random_edges(row_ptr, 5);
    Context ctx = make_context(), cpu = Context::cpu(2);
    EXPECT_EQ(symmetrise(ctx, row_ptr, in, Loops::all), symmetrise(cpu, row_ptr, in, Loops::all));
}

TEST(CsrSymmetrise, twice_changes_nothing)
{
    Ints const row_ptr{0, 20, 50};
    Context ctx = make_context(1);
    Csr const once = symmetrise(ctx, row_ptr, random_edges(row_ptr, 8), Loops::all);
    EXPECT_EQ(symmetrise(ctx, row_ptr, once, Loops::keep), once);
}

TEST(CsrChecks, wrong_shapes_throw)
{
    Context ctx = make_context(1);
    OnDevice<std::int32_t> rows(ctx, {0, 2}, {2}), none(ctx, {}, {0}), lists(ctx, {1, 0}, {2, 1});
    OnDevice<std::int32_t> ptr(ctx, {0, 1, 2}, {3}), short_ptr(ctx, {0, 1}, {2});
    OnDevice<std::int32_t> two(ctx, {0, 0}, {2}), one(ctx, {0}, {1}), five(ctx, Ints(5), {5}),
        six(ctx, Ints(6), {6});
    auto const build = [&](TensorRef const& r, TensorRef const& p, TensorRef const& s) {
        csr_from_neighbours(ctx,
                            {.row_ptr = r, .neighbours = lists.ref(), .edge_ptr = p, .source = s});
    };
    build(rows.ref(), ptr.ref(), two.ref());
    EXPECT_THROW(build(none.ref(), ptr.ref(), two.ref()), Error);
    EXPECT_THROW(build(rows.ref(), short_ptr.ref(), two.ref()), Error);
    EXPECT_THROW(build(rows.ref(), ptr.ref(), one.ref()), Error);
    OnDevice<std::int32_t> out_ptr(ctx, Ints(3), {3});
    auto const turn = [&](TensorRef const& p, TensorRef const& q, TensorRef const& s, Loops loops) {
        csr_symmetrise(ctx, {.row_ptr = rows.ref(),
                             .edge_ptr = p,
                             .source = two.ref(),
                             .loops = loops,
                             .out_edge_ptr = q,
                             .out_source = s});
    };
    turn(ptr.ref(), out_ptr.ref(), six.ref(), Loops::all);
    EXPECT_THROW(turn(ptr.ref(), out_ptr.ref(), five.ref(), Loops::all), Error);
    EXPECT_THROW(turn(ptr.ref(), out_ptr.ref(), two.ref(), Loops::keep), Error);
    EXPECT_THROW(turn(short_ptr.ref(), out_ptr.ref(), six.ref(), Loops::keep), Error);
    EXPECT_THROW(turn(none.ref(), none.ref(), six.ref(), Loops::keep), Error);
}
}  // namespace calofuse::test
