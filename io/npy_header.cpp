/// \file io/npy_header.cpp
/// Codes of .npy errors:
///   01 empty file                    02 shorter than the magic         03 wrong magic
///   04 unknown version               05 header goes past the end       06 header above 64 KiB
///   07 data truncated                08 bytes after the data           09 malformed header
///   10 not a plain number type (objects, structures, text, times)     12 bool, complex, f2, ...
///   14 rank                          15 no events                      16 dimension not an integer
///   17 size overflows                18 no axis of 256 channels        19 value out of range
///   20 NaN or infinite               22 digest differs from manifest   23 not a regular file
///   24 zip or gzip                   25 no label folder                26 ambiguous shape
///   27 cannot tell the gain planes   28 no such plane                  29 not a whole number
/// 11 (big endian) and 13 (Fortran order) are read; 21 (empty trigger) is counted.
#include <algorithm>
#include <charconv>
#include <cstring>
#include <fmt/core.h>
#include <fmt/ranges.h>

#include "io/npy.hpp"
#include "runtime/error.hpp"

namespace calofuse {
namespace {
constexpr std::size_t kMagicBytes = 8;  // \x93NUMPY, major, minor
constexpr std::size_t kMaxHeaderBytes = 64 << 10;
constexpr std::size_t kMaxDimensions = 32;

[[noreturn]] void fail(std::string const& name,
                       char const* code,
                       std::string const& what,
                       char const* hint)
{
    throw Error(Exit::data, code, fmt::format("{}: {}", calofuse::quoted(name), what), hint);
}

char const* const kHintMalformed = "write the file with numpy.save";

/// The dict literal {'descr': '<u2', 'fortran_order': False, 'shape': (3, 256), }, token by token.
class HeaderParser {
  public:
    HeaderParser(std::string_view text, std::string const& name, NpyTypes types)
        : text_(text), name_(name), types_(types)
    {}

    NpyHeader parse()
    {
        NpyHeader header;
        bool has_descr = false, has_order = false, has_shape = false;
        expect('{');
        while (!accept('}')) {
            std::string const key = string("key");
            expect(':');
            bool* const seen = key == "descr"           ? &has_descr
                               : key == "fortran_order" ? &has_order
                               : key == "shape"         ? &has_shape
                                                        : nullptr;
            if (seen == nullptr) malformed("unknown key " + calofuse::quoted(key, 40));
            if (*seen) malformed("key " + calofuse::quoted(key) + " stands twice");
            *seen = true;
            if (seen == &has_descr)
                descr(header);
            else if (seen == &has_order)
                header.fortran_order = boolean();
            else
                header.shape = shape();
            if (!accept(',')) {
                expect('}');
                break;
            }
        }
        skip_space();
        if (at_ != text_.size()) malformed("text after the closing brace");
        if (!has_descr || !has_order || !has_shape)
            malformed("needs the keys descr, fortran_order and shape");
        return header;
    }

  private:
    [[noreturn]] void malformed(std::string const& what) const
    {
        fail(name_, "CF-NPY-09", fmt::format("malformed header at character {}: {}", at_, what),
             kHintMalformed);
    }
    void skip_space()
    {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n'))
            ++at_;
    }
    char peek()
    {
        skip_space();
        return at_ < text_.size() ? text_[at_] : '\0';
    }
    bool accept(char c)
    {
        if (peek() != c || at_ >= text_.size()) return false;
        ++at_;
        return true;
    }
    void expect(char c)
    {
        if (!accept(c)) malformed(fmt::format("expected `{}`", c));
    }
    std::string string(char const* what)
    {
        char const quote = peek();
        if (quote != '\'' && quote != '"') malformed(fmt::format("{} is not a string", what));
        std::size_t const end = text_.find(quote, at_ + 1);
        if (end == std::string_view::npos) malformed("unterminated string");
        std::string out(text_.substr(at_ + 1, end - at_ - 1));
        for (char const c : out)
            if (c == '\\' || c < 0x20 || c == 0x7f)
                malformed("escape, control or non-ASCII character in a string");
        at_ = end + 1;
        return out;
    }
    bool boolean()
    {
        for (bool const value : {true, false}) {
            std::string_view const word = value ? "True" : "False";
            skip_space();
            if (text_.substr(at_, word.size()) == word) {
                at_ += word.size();
                return value;
            }
        }
        malformed("fortran_order is neither True nor False");
    }
    std::int64_t dimension()
    {
        peek();
        std::size_t const end = std::min(text_.find_first_of(",) \n", at_), text_.size());
        std::string const word(text_.substr(at_, end - at_));
        std::int64_t value = -1;
        auto const [stop, error] = std::from_chars(word.data(), word.data() + word.size(), value);
        if (word.empty() || error != std::errc() || stop != word.data() + word.size() || value < 0
            || (word.size() > 1 && word[0] == '0'))
            fail(name_, "CF-NPY-16",
                 fmt::format("dimension {} of the shape is not a whole number from 0 to 2^63 - 1",
                             calofuse::quoted(word, 40)),
                 kHintMalformed);
        at_ = end;
        return value;
    }
    std::vector<std::int64_t> shape()
    {
        std::vector<std::int64_t> out;
        expect('(');
        while (!accept(')')) {
            if (out.size() == kMaxDimensions) malformed("more than 32 dimensions");
            out.push_back(dimension());
            if (!accept(',')) {
                if (out.size() == 1) malformed("`(n)` is no tuple, `(n,)` is");
                expect(')');
                break;
            }
        }
        return out;
    }
    void descr(NpyHeader& header)
    {
        if (peek() == '[')
            fail(name_, "CF-NPY-10", "structured dtype; one plain number type is needed",
                 "save one column, e.g. numpy.save(file, array['adc'])");
        header.descr = string("descr");
        std::string const& d = header.descr;
        bool const has_order = !d.empty() && std::strchr("<>|=", d[0]) != nullptr;
        std::string const type = d.substr(has_order ? 1 : 0);
        if (type.empty()) malformed("empty descr");
        if (std::strchr("OVSUaMm", type[0]) != nullptr)
            fail(name_, "CF-NPY-10",
                 fmt::format("dtype {} is not a plain number; pickled objects are never loaded",
                             calofuse::quoted(d, 40)),
                 "save a plain integer array");
        bool const all = types_ == NpyTypes::all;
        for (std::string_view const known :
             {"b1", "f2", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8"}) {
            if (type != known || (!all && (type == "b1" || type == "f2"))) continue;
            header.kind = type[0];
            header.item_bytes = type[1] - '0';
            header.big_endian = d[0] == '>';
            return;
        }
        fail(name_, "CF-NPY-12",
             fmt::format("dtype {} is not supported ({}u1..u8, i1..i8, f4, f8 are)",
                         calofuse::quoted(d, 40), all ? "b1, f2, " : ""),
             "convert it with array.astype('<u2')");
    }

    std::string_view text_;
    std::string const& name_;
    NpyTypes types_;
    std::size_t at_ = 0;
};

void check_magic(std::string_view head, std::int64_t file_bytes, std::string const& name)
{
    if (file_bytes == 0) fail(name, "CF-NPY-01", "empty file", "copy it again");
    if (head.substr(0, 4) == std::string_view("PK\3\4", 4) || head.substr(0, 2) == "\x1f\x8b")
        fail(name, "CF-NPY-24", "is a zip or gzip archive, not an .npy file", "unzip it first");
    std::string_view const magic("\x93NUMPY", 6);
    if (head.size() >= magic.size() && head.substr(0, magic.size()) != magic)
        fail(name, "CF-NPY-03", "is not an .npy file (wrong magic)", kHintMalformed);
    if (head.size() < kMagicBytes + 2)
        fail(name, "CF-NPY-02", fmt::format("has {} bytes, too few for an .npy file", file_bytes),
             "file is truncated; copy it again");
}

void check_data_size(NpyHeader const& header, std::int64_t file_bytes, std::string const& name)
{
    std::int64_t bytes = header.item_bytes;
    bool const has_zero = std::count(header.shape.begin(), header.shape.end(), 0) > 0;
    for (std::int64_t const extent : header.shape) {
        if (has_zero)
            bytes = 0;
        else if (__builtin_mul_overflow(bytes, extent, &bytes))
            fail(name, "CF-NPY-17",
                 fmt::format("shape ({}) overflows 2^63 bytes", fmt::join(header.shape, ", ")),
                 kHintMalformed);
    }
    std::int64_t const have = file_bytes - header.data_offset;
    if (have < bytes)
        fail(name, "CF-NPY-07",
             fmt::format("needs {} bytes of data for shape {}, file has {}", bytes,
                         header.describe(), have),
             "file is truncated; copy it again");
    if (have > bytes)
        fail(name, "CF-NPY-08",
             fmt::format("has {} bytes after the {} of shape {}", have - bytes, bytes,
                         header.describe()),
             "is it two files in one? save it again");
}
}  // namespace

std::int64_t NpyHeader::num_elements() const
{
    std::int64_t n = 1;
    for (std::int64_t const extent : shape)
        n *= extent;
    return n;
}

std::string NpyHeader::describe() const
{
    return fmt::format("({}{}) {}", fmt::join(shape, ", "), shape.size() == 1 ? "," : "", descr);
}

NpyHeader parse_npy_header(std::string_view head,
                           std::int64_t file_bytes,
                           std::string const& name,
                           NpyTypes types)
{
    check_magic(head, file_bytes, name);
    auto const byte = [&](std::size_t i) {
        return static_cast<unsigned char>(head[i]);
    };
    int const major = byte(6);
    if (major < 1 || major > 3)
        fail(name, "CF-NPY-04",
             fmt::format("format version {}.{} is unknown (1 to 3 are)", major,
                         static_cast<int>(byte(7))),
             kHintMalformed);
    std::size_t const length_bytes = major == 1 ? 2 : 4;
    std::size_t const text_at = kMagicBytes + length_bytes;
    if (head.size() < text_at)
        fail(name, "CF-NPY-02", fmt::format("has {} bytes, too few for an .npy file", file_bytes),
             "file is truncated; copy it again");
    std::size_t text_bytes = 0;
    for (std::size_t i = 0; i < length_bytes; ++i)
        text_bytes |= static_cast<std::size_t>(byte(kMagicBytes + i)) << (8 * i);
    if (text_bytes > kMaxHeaderBytes)
        fail(name, "CF-NPY-06",
             fmt::format("header of {} bytes (at most {})", text_bytes, kMaxHeaderBytes),
             kHintMalformed);
    if (static_cast<std::int64_t>(text_at + text_bytes) > file_bytes)
        fail(name, "CF-NPY-05",
             fmt::format("header of {} bytes goes past the end of the file ({} bytes)", text_bytes,
                         file_bytes),
             "file is truncated; copy it again");
    CALOFUSE_CHECK(head.size() >= text_at + text_bytes, "head of " << head.size() << " bytes");
    NpyHeader header = HeaderParser(head.substr(text_at, text_bytes), name, types).parse();
    header.major = major;
    header.data_offset = static_cast<std::int64_t>(text_at + text_bytes);
    check_data_size(header, file_bytes, name);
    return header;
}
}  // namespace calofuse
