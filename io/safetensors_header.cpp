#include "io/safetensors_header.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>

#include "runtime/error.hpp"

namespace calofuse {
namespace {
constexpr std::size_t kMaxRankInFile = 16;

/// Receives JSON events one by one: no document is built, nothing recurses, and the first event
/// that does not belong stops the parser.
class HeaderReader {
  public:
    using number_integer_t = nlohmann::json::number_integer_t;
    using number_unsigned_t = nlohmann::json::number_unsigned_t;
    using number_float_t = nlohmann::json::number_float_t;
    using string_t = nlohmann::json::string_t;
    using binary_t = nlohmann::json::binary_t;

    explicit HeaderReader(std::string const& file) : file_(file) {}
    SafeTensorsHeader take() { return std::move(header_); }

    bool null() { return unexpected("null"); }
    bool boolean(bool) { return unexpected("a boolean"); }
    bool number_integer(number_integer_t value)
    {
        return unexpected(fmt::format("the number {}", value));
    }
    bool number_float(number_float_t, string_t const& text)
    {
        return unexpected(fmt::format("the number {}", calofuse::quoted(text)));
    }
    bool binary(binary_t&) { return unexpected("binary data"); }

    bool number_unsigned(number_unsigned_t value)
    {
        if (place_ != Place::shape && place_ != Place::offsets)
            return unexpected(fmt::format("the number {}", value));
        auto& list = place_ == Place::shape ? entry_.shape : entry_.offsets;
        std::size_t const limit = place_ == Place::shape ? kMaxRankInFile : 2;
        if (list.size() == limit) return unexpected(fmt::format("more than {} numbers", limit));
        list.push_back(value);
        return true;
    }
    bool string(string_t& value)
    {
        if (place_ == Place::metadata) {
            header_.metadata[key_] = value;
        } else if (place_ == Place::entry && key_ == "dtype") {
            entry_.dtype = value;
        } else {
            return unexpected("a string");
        }
        return true;
    }
    bool start_object(std::size_t)
    {
        if (place_ == Place::start) {
            place_ = Place::top;
        } else if (place_ == Place::top) {
            place_ = key_ == "__metadata__" ? Place::metadata : Place::entry;
            entry_ = {key_, {}, {}, {}};
            fields_.clear();
        } else {
            return unexpected("an object");
        }
        return true;
    }
    bool key(string_t& value)
    {
        key_ = value;
        if (place_ == Place::entry) {
            if (key_ != "dtype" && key_ != "shape" && key_ != "data_offsets")
                return unexpected("the field " + calofuse::quoted(key_));
            return add_unique(fields_, "field");
        }
        return add_unique(place_ == Place::top ? names_ : metadata_keys_,
                          place_ == Place::top ? "name" : "metadata key");
    }
    bool end_object()
    {
        if (place_ == Place::entry) {
            if (fields_.size() != 3 || entry_.offsets.size() != 2)
                return unexpected("tensor " + calofuse::quoted(entry_.name)
                                  + " without dtype, shape or two data_offsets");
            header_.entries.push_back(std::move(entry_));
        }
        place_ = place_ == Place::top ? Place::end : Place::top;
        return true;
    }
    bool start_array(std::size_t)
    {
        if (place_ != Place::entry || key_ == "dtype") return unexpected("a list");
        place_ = key_ == "shape" ? Place::shape : Place::offsets;
        return true;
    }
    bool end_array()
    {
        place_ = Place::entry;
        return true;
    }
    bool parse_error(std::size_t position,
                     std::string const& /*last_token*/,
                     nlohmann::json::exception const& /*e*/)
    {
        throw Error(Exit::data, "CF-CKPT-04",
                    fmt::format("{}: header is not valid JSON at byte {}", file_, 8 + position),
                    "the file is damaged or not in safetensors format");
    }

  private:
    enum class Place { start, top, metadata, entry, shape, offsets, end };

    bool unexpected(std::string const& what)
    {
        throw Error(
            Exit::data, "CF-CKPT-05",
            fmt::format("{}: header has {} after key {}", file_, what, calofuse::quoted(key_)),
            "a header is {name: {dtype, shape, data_offsets}} and __metadata__ of strings");
    }
    bool add_unique(std::set<std::string>& seen, char const* kind)
    {
        if (!seen.insert(key_).second)
            throw Error(
                Exit::data, "CF-CKPT-06",
                fmt::format("{}: header has the {} {} twice", file_, kind, calofuse::quoted(key_)),
                "the file is damaged or was made to mislead; get it again");
        return true;
    }

    std::string const& file_;
    SafeTensorsHeader header_;
    Place place_ = Place::start;
    std::string key_;
    TensorEntry entry_;
    std::set<std::string> names_, metadata_keys_, fields_;
};
}  // namespace

SafeTensorsHeader parse_safetensors_header(std::string_view text, std::string const& file)
{
    HeaderReader reader(file);
    if (text.empty() || text.front() != '{')
        throw Error(Exit::data, "CF-CKPT-04",
                    fmt::format("{}: header is not valid JSON at byte 8", file),
                    "the file is damaged or not in safetensors format");
    nlohmann::json::sax_parse(text.begin(), text.end(), &reader);
    return reader.take();
}
}  // namespace calofuse
