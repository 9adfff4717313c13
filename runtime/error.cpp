#include "runtime/error.hpp"

#include <cstdio>

namespace calofuse {
void throw_check(char const* file, int line, char const* what, std::string const& why)
{
    std::ostringstream os;
    os << file << ':' << line << ": `" << what << "` failed: " << why;
    throw Error(Exit::internal, "CF-INT-01", os.str(),
                "this is a bug of CaloFuse; please report it");
}

void throw_not_built(char const* op, char const* backend)
{
    throw Error(Exit::unavailable, "CF-DEV-02",
                std::string(op) + " has no " + backend + " kernel in this build",
                "use --device cpu");
}

std::string quoted(std::string const& text, std::size_t max_bytes)
{
    std::string out = "'";
    for (char const c : text) {
        if (out.size() > max_bytes) {
            out += "...";
            break;
        }
        auto const byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) {
            char hex[8];
            std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned>(byte));
            out += hex;
        } else {
            out += c;
        }
    }
    return out + "'";
}
}  // namespace calofuse
