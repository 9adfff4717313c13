#include "io/safetensors.hpp"

#include <cmath>
#include <filesystem>

#include <gtest/gtest.h>

namespace calofuse::test {
namespace {
std::vector<std::byte> file_of(std::string const& header, std::string const& data = "")
{
    auto const length = static_cast<std::uint64_t>(header.size());
    std::string all(reinterpret_cast<char const*>(&length), 8);
    all += header + data;
    auto const raw = std::as_bytes(std::span(all));
    return {raw.begin(), raw.end()};
}

std::vector<std::byte> bytes_of(std::string const& text)
{
    auto const raw = std::as_bytes(std::span(text));
    return {raw.begin(), raw.end()};
}

/// The code of the refusal; "" if the bytes were accepted.
std::string code_of(std::vector<std::byte> const& bytes)
{
    try {
        parse_safetensors(bytes, "bad.safetensors");
    } catch (Error const& e) {
        EXPECT_EQ(e.exit(), Exit::data);
        EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos);
        EXPECT_NE(std::string(e.what()).find("bad.safetensors"), std::string::npos);
        EXPECT_FALSE(e.hint().empty());
        return e.code();
    }
    return "";
}

std::string tensor(std::string const& name,
                   std::string const& dtype,
                   std::string const& shape,
                   std::string const& offsets)
{
    return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)"
           + offsets + "}";
}

SafeTensors example()
{
    SafeTensors content;
    content.metadata = {{"format", "test"}, {"note", "line\nbreak, \"quotes\", \xc3\xa9"}};
    std::vector<float> const weights{1.5F, -2.0F, 0.0F, 3.25F, 1e-30F, -0.0F};
    std::vector<double> const loss{0.1};
    std::vector<std::int32_t> const index{-1, 7};
    std::vector<std::uint8_t> const flags{1, 0, 1};
    content.tensors["w"] = stored_tensor(std::span(weights), {2, 3});
    content.tensors["loss"] = stored_tensor(std::span(loss), {});
    content.tensors["index"] = stored_tensor(std::span(index), {2});
    content.tensors["flags"] = stored_tensor(std::span(flags), {3});
    content.tensors["empty"] = stored_tensor(std::span<float const>(), {0, 4});
    return content;
}
}  // namespace

TEST(SafeTensors, round_trip_keeps_every_value)
{
    SafeTensors const before = example();
    auto const bytes = to_bytes(before);
    SafeTensors const after = parse_safetensors(bytes, "x");
    EXPECT_EQ(after.metadata, before.metadata);
    ASSERT_EQ(after.tensors.size(), before.tensors.size());
    for (auto const& [name, t] : before.tensors) {
        EXPECT_EQ(after.at(name).type, t.type) << name;
        EXPECT_EQ(after.at(name).shape, t.shape) << name;
        EXPECT_EQ(after.at(name).bytes, t.bytes) << name;
    }
    EXPECT_EQ(to_bytes(after), bytes);
    EXPECT_EQ(after.at("w").values<float>()[3], 3.25F);
    EXPECT_EQ(after.at("index").as_double(), (std::vector<double>{-1, 7}));
    EXPECT_THROW(after.at("w").values<double>(), Error);
    EXPECT_THROW(after.at("nothing"), Error);
}

TEST(SafeTensors, writer_aligns_the_data)
{
    auto const bytes = to_bytes(example());
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), 8);
    EXPECT_EQ(length % 8, 0U);
    std::string const header(reinterpret_cast<char const*>(bytes.data()) + 8, length);
    EXPECT_NE(header.find(R"("loss":{"data_offsets":[0,8])"), std::string::npos) << header;
    EXPECT_EQ(bytes.size(), 8 + length + 8 + 24 + 8 + 3);
}

TEST(SafeTensors, sixteen_bit_floats_become_double)
{
    std::string const data("\x00\x3c\x01\x00\x00\xfc\x80\x3f", 8);
    auto const t = parse_safetensors(file_of("{" + tensor("h", "F16", "[3]", "[0,6]") + ","
                                                 + tensor("b", "BF16", "[1]", "[6,8]") + "}",
                                             data),
                                     "x");
    auto const half = t.at("h").as_double();
    EXPECT_EQ(half[0], 1.0);
    EXPECT_EQ(half[1], std::ldexp(1.0, -24));
    EXPECT_EQ(half[2], -std::numeric_limits<double>::infinity());
    EXPECT_EQ(t.at("b").as_double()[0], 1.0);
}

TEST(SafeTensors, refuses_bad_files_each_with_its_code)
{
    std::string const four(4, '\0');
    std::string const eight(8, '\0');
    std::string const ok = tensor("a", "F32", "[1]", "[0,4]");
    EXPECT_EQ(code_of(file_of("{" + ok + "}", four)), "");
    EXPECT_EQ(code_of(file_of("{}")), "");

    EXPECT_EQ(code_of({}), "CF-CKPT-01");
    EXPECT_EQ(code_of(bytes_of("abc")), "CF-CKPT-01");
    EXPECT_EQ(code_of(bytes_of(std::string(8, '\xff'))), "CF-CKPT-02");
    EXPECT_EQ(code_of(bytes_of(std::string("\x00\xe1\xf5\x05\x00\x00\x00\x00", 8))), "CF-CKPT-03");
    EXPECT_EQ(code_of(bytes_of(std::string("\x01\xe1\xf5\x05\x00\x00\x00\x00", 8))), "CF-CKPT-02");
    EXPECT_EQ(code_of(file_of("")), "CF-CKPT-04");
    EXPECT_EQ(code_of(file_of(" {}")), "CF-CKPT-04");
    EXPECT_EQ(code_of(file_of("{" + ok, four)), "CF-CKPT-04");
    EXPECT_EQ(code_of(file_of("{" + ok + "}x", four)), "CF-CKPT-04");
    EXPECT_EQ(code_of(file_of("{\"\xff\":{}}")), "CF-CKPT-04");
    EXPECT_EQ(code_of(file_of("{" + tensor("a", "F32", "[1e400]", "[0,4]") + "}", four)),
              "CF-CKPT-04");
    EXPECT_EQ(code_of(file_of(R"({"a":[]})")), "CF-CKPT-05");
    EXPECT_EQ(code_of(file_of(R"({"a":{"b":{"c":1}}})")), "CF-CKPT-05");
    EXPECT_EQ(code_of(file_of(R"({"a":{"dtype":"F32","shape":[1]}})")), "CF-CKPT-05");
    EXPECT_EQ(code_of(file_of(R"({"__metadata__":{"a":1}})")), "CF-CKPT-05");
    EXPECT_EQ(code_of(file_of("{" + tensor("a", "F32", "[-1]", "[0,4]") + "}", four)),
              "CF-CKPT-05");
    EXPECT_EQ(code_of(file_of("{" + tensor("a", "F32", "[1.0]", "[0,4]") + "}", four)),
              "CF-CKPT-05");
    EXPECT_EQ(code_of(file_of("{" + tensor("a", "F32", "[1]", "[0,4,8]") + "}", four)),
              "CF-CKPT-05");
    EXPECT_EQ(code_of(file_of("{" + tensor("a", "F32", "[1]", "[4]") + "}", four)), "CF-CKPT-05");
    EXPECT_EQ(code_of(file_of("{" + ok + "," + ok + "}", four)), "CF-CKPT-06");
    EXPECT_EQ(code_of(file_of(R"({"__metadata__":{"a":"1","a":"2"}})")), "CF-CKPT-06");
    EXPECT_EQ(code_of(file_of("{" + tensor("a", "F99", "[1]", "[0,4]") + "}", four)), "CF-CKPT-07");
    EXPECT_EQ(code_of(file_of("{" + tensor("a", "O", "[1]", "[0,4]") + "}", four)), "CF-CKPT-07");
    EXPECT_EQ(code_of(file_of("{" + tensor("a", "F32", "[4294967296,4294967296]", "[0,0]") + "}")),
              "CF-CKPT-08");
    EXPECT_EQ(code_of(file_of("{" + tensor("a", "F32", "[0,18446744073709551615]", "[0,0]") + "}")),
              "CF-CKPT-08");
    EXPECT_EQ(code_of(file_of("{" + tensor("a", "F32", "[2]", "[0,8]") + "}", four)), "CF-CKPT-09");
    EXPECT_EQ(code_of(file_of("{" + tensor("a", "F32", "[1]", "[4,0]") + "}", four)), "CF-CKPT-09");
    EXPECT_EQ(
        code_of(file_of("{" + tensor("a", "F32", "[1]", "[18446744073709551612,0]") + "}", four)),
        "CF-CKPT-09");
    EXPECT_EQ(code_of(file_of("{" + tensor("a", "F32", "[2]", "[0,4]") + "}", four)), "CF-CKPT-10");
    EXPECT_EQ(code_of(file_of("{" + ok + "," + tensor("b", "F32", "[1]", "[0,4]") + "}", four)),
              "CF-CKPT-11");
    EXPECT_EQ(code_of(file_of("{" + tensor("a", "F32", "[1]", "[4,8]") + "}", eight)),
              "CF-CKPT-11");
    EXPECT_EQ(code_of(file_of("{" + ok + "}", eight)), "CF-CKPT-11");
    EXPECT_EQ(code_of(bytes_of("PK\x03\x04 and then some more")), "CF-CKPT-12");
    EXPECT_EQ(code_of(bytes_of("\x80\x02}q\x01.            ")), "CF-CKPT-12");
}

TEST(SafeTensors, header_length_that_looks_like_another_format)
{
    for (std::size_t const length : {0x280U, 0x480U}) {  // a pickle begins with 80 02 or 80 04
        std::string header = "{}";
        header.resize(length, ' ');
        EXPECT_EQ(code_of(file_of(header)), "");
    }
}

TEST(SafeTensors, deep_nesting_is_refused_without_recursion)
{
    EXPECT_EQ(code_of(file_of("{\"a\":" + std::string(1'000'000, '['))), "CF-CKPT-05");
    std::string deep;
    for (int i = 0; i < 100'000; ++i)
        deep += "{\"a\":";
    EXPECT_EQ(code_of(file_of(deep)), "CF-CKPT-05");
}

TEST(SafeTensors, every_truncation_and_every_header_bit_flip_is_safe)
{
    auto const bytes = to_bytes(example());
    for (std::size_t n = 0; n < bytes.size(); ++n)
        EXPECT_NE(code_of({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n)}), "")
            << n;
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), 8);
    for (std::size_t bit = 0; bit < 8 * (8 + length); ++bit) {
        auto flipped = bytes;
        flipped[bit / 8] ^= std::byte{1} << (bit % 8);
        code_of(flipped);  // refused or (a changed name or note) accepted; never a crash
    }
}

TEST(SafeTensors, missing_file_is_exit_66)
{
    try {
        read_safetensors("/nonexistent/model.safetensors");
        FAIL();
    } catch (Error const& e) {
        EXPECT_EQ(e.exit(), Exit::no_input);
        EXPECT_EQ(e.code(), "CF-IO-01");
    }
    EXPECT_THROW(read_safetensors("/"), Error);
}

TEST(SafeTensors, reads_what_was_written_to_disk)
{
    auto const path = std::filesystem::path(testing::TempDir()) / "round_trip.safetensors";
    write_safetensors(path.string(), example(), Overwrite::yes);
    EXPECT_EQ(to_bytes(read_safetensors(path.string())), to_bytes(example()));
    EXPECT_THROW(write_safetensors(path.string(), example()), Error);  // exists
    std::filesystem::remove(path);
}
}  // namespace calofuse::test
