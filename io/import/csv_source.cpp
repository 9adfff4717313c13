/// \file io/import/csv_source.cpp
/// CSV tables with a header line, plain or gzip, as arrays: i8 where every field is a whole number,
/// else f8. `nan` and `inf` are numbers here; what becomes of them the recipe says.
#include <charconv>
#include <fmt/format.h>
#include <zlib.h>

#include "io/csv.hpp"
#include "io/import/source.hpp"
#include "io/input_file.hpp"
#include "runtime/error.hpp"

namespace calofuse::recipe {
namespace {
constexpr char const* kPrefix = "CF-CSV";

struct CloseGzip {
    void operator()(gzFile file) const { gzclose(file); }
};

std::string unpacked(std::string const& path)
{
    auto const fail = [&](std::string const& what) {
        throw Error(Exit::data, "CF-CSV-06", fmt::format("{}: {}", quoted(path), what),
                    "file is damaged; copy it again");
    };
    std::unique_ptr<gzFile_s, CloseGzip> const file(gzopen(path.c_str(), "rb"));
    if (file == nullptr) fail("cannot be opened");
    std::string text;
    constexpr std::size_t kBlock = 1 << 20;
    for (;;) {
        std::size_t const have = text.size();
        if (static_cast<std::int64_t>(have) > kMaxCsvBytes) fail("holds more than 1 GiB of text");
        text.resize(have + kBlock);
        int const n = gzread(file.get(), text.data() + have, kBlock);
        text.resize(have + static_cast<std::size_t>(std::max(n, 0)));
        if (n < static_cast<int>(kBlock)) {
            int code = Z_OK;
            char const* const reason = gzerror(file.get(), &code);
            if (code != Z_OK) fail(reason);
            break;
        }
    }
    if (gzdirect(file.get()) != 0) fail("is not a gzip file");
    return text;
}

/// What the field holds as a T; false if it is none.
template <class T>
bool parse(std::string_view field, T& value)
{
    auto const [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    return error == std::errc() && end == field.data() + field.size();
}

class CsvSource final : public Source {
  public:
    explicit CsvSource(std::string const& path)
        : path_(path)
        , table_(path,
                 path.ends_with(".gz") ? unpacked(path) : read_file(path, kMaxCsvBytes),
                 kPrefix,
                 {kMaxCsvBytes, 1 << 20})
    {}
    std::vector<std::string> names() const override
    {
        return {table_.names().begin(), table_.names().end()};
    }
    SourceArray read(std::string const& name) const override
    {
        int const column = table_.column({name});
        SourceArray out;
        out.where = fmt::format("column {} of {}", quoted(name, 60), quoted(path_));
        out.shape = {static_cast<std::int64_t>(table_.num_rows())};
        if (!fill<std::int64_t>(column, out, Element::i8)) fill<double>(column, out, Element::f8);
        return out;
    }

  private:
    template <class T>
    bool fill(int column, SourceArray& out, Element type) const
    {
        out.type = type;
        out.buffer.assign(table_.num_rows() * sizeof(T), '\0');
        for (std::size_t row = 0; row < table_.num_rows(); ++row) {
            T value{};
            if (!parse(table_.text(row, column), value)) {
                if (type == Element::i8) return false;
                table_.fail(row, "05",
                            quoted(std::string(table_.text(row, column)), 40) + " is not a number",
                            "write plain digits with a decimal point, without blanks");
            }
            std::memcpy(out.buffer.data() + row * sizeof(T), &value, sizeof value);
        }
        return true;
    }

    std::string path_;
    CsvTable table_;
};
}  // namespace

std::unique_ptr<Source> open_csv(std::string const& path)
{
    return std::make_unique<CsvSource>(path);
}
}  // namespace calofuse::recipe
