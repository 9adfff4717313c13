#include "io/sha256.hpp"

#include <algorithm>
#include <filesystem>
#include <fmt/core.h>
#include <openssl/evp.h>

#include "io/input_file.hpp"
#include "runtime/error.hpp"

namespace calofuse {
namespace {
namespace fs = std::filesystem;

constexpr std::size_t kHexDigits = 64;
constexpr std::int64_t kMaxManifestBytes = 64 << 20;

bool is_digest(std::string_view text)
{
    return text.size() == kHexDigits
           && text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

std::string lower(std::string_view text)
{
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

std::string escaped(std::string const& name)
{
    std::string out;
    for (char const c : name) {
        if (c == '\\')
            out += "\\\\";
        else if (c == '\n')
            out += "\\n";
        else if (c == '\r')
            out += "\\r";
        else
            out += c;
    }
    return out;
}

/// False if a backslash is followed by something else than `escaped` writes.
bool unescape(std::string_view text, std::string& out)
{
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            out += text[i];
            continue;
        }
        char const next = ++i < text.size() ? text[i] : '\0';
        if (next != '\\' && next != 'n' && next != 'r') return false;
        out += next == 'n' ? '\n' : next == 'r' ? '\r' : '\\';
    }
    return true;
}
}  // namespace

struct Sha256::State {
    EVP_MD_CTX* ctx = EVP_MD_CTX_new();
    State()
    {
        if (ctx == nullptr || EVP_DigestInit_ex(ctx, EVP_sha256(), nullptr) != 1)
            throw Error(Exit::os, "CF-SHA-05", "OpenSSL cannot start a SHA-256 digest",
                        "check the OpenSSL installation");
    }
    State(State const&) = delete;
    State& operator=(State const&) = delete;
    ~State() { EVP_MD_CTX_free(ctx); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(void const* data, std::size_t bytes)
{
    CALOFUSE_CHECK(state_ && EVP_DigestUpdate(state_->ctx, data, bytes) == 1, "digest has ended");
}

std::string Sha256::finish()
{
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    CALOFUSE_CHECK(state_ && EVP_DigestFinal_ex(state_->ctx, raw, &size) == 1, "digest has ended");
    state_.reset();
    std::string hex;
    for (unsigned int i = 0; i < size; ++i)
        hex += fmt::format("{:02x}", raw[i]);
    return hex;
}

std::string sha256_of(std::string_view bytes)
{
    Sha256 digest;
    digest.update(bytes);
    return digest.finish();
}

std::string sha256_of_file(std::string const& path)
{
    InputFile const file(path);
    Sha256 digest;
    std::vector<char> block(1 << 20);
    for (std::int64_t at = 0; at < file.size();) {
        auto const bytes = static_cast<std::size_t>(
            std::min<std::int64_t>(file.size() - at, static_cast<std::int64_t>(block.size())));
        file.read_at(at, block.data(), bytes);
        digest.update(block.data(), bytes);
        at += static_cast<std::int64_t>(bytes);
    }
    file.check_unchanged();
    return digest.finish();
}

std::string manifest_text(Manifest const& manifest)
{
    std::string text;
    for (ManifestEntry const& entry : manifest) {
        std::string const name = escaped(entry.name);
        text += fmt::format("{}{}  {}\n", name == entry.name ? "" : "\\", entry.sha256, name);
    }
    return text;
}

Manifest parse_manifest(std::string_view text, std::string const& path)
{
    Manifest out;
    std::int64_t line_number = 0;
    while (!text.empty()) {
        ++line_number;
        std::size_t const end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        if (line.empty()) continue;
        bool const is_escaped = line.front() == '\\';
        if (is_escaped) line.remove_prefix(1);
        bool good = line.size() > kHexDigits + 2 && is_digest(line.substr(0, kHexDigits))
                    && line[kHexDigits] == ' '
                    && (line[kHexDigits + 1] == ' ' || line[kHexDigits + 1] == '*')
                    && line.find('\0') == std::string_view::npos;
        ManifestEntry entry;
        if (good) {
            entry.sha256 = lower(line.substr(0, kHexDigits));
            std::string_view const name = line.substr(kHexDigits + 2);
            if (is_escaped)
                good = unescape(name, entry.name);
            else
                entry.name = name;
        }
        if (!good)
            throw Error(Exit::data, "CF-SHA-01",
                        fmt::format("{}: line {} is not `<64 hex digits>  <name>`",
                                    calofuse::quoted(path), line_number),
                        "make it with sha256sum, or run convert again");
        out.push_back(std::move(entry));
    }
    return out;
}

Manifest read_manifest(std::string const& path)
{
    return parse_manifest(read_file(path, kMaxManifestBytes), path);
}

std::string name_in_manifest(std::string const& path, std::string const& folder)
{
    fs::path const base = fs::weakly_canonical(folder.empty() ? "." : folder);
    fs::path const relative = fs::weakly_canonical(path).lexically_relative(base);
    return relative.empty() ? fs::weakly_canonical(path).string() : relative.string();
}

std::vector<VerifiedFile> verify_manifest(std::string const& path)
{
    fs::path const folder = fs::path(path).parent_path();
    std::vector<VerifiedFile> out;
    for (ManifestEntry const& entry : read_manifest(path)) {
        VerifiedFile file{(folder / entry.name).string(), Digest::same, entry.sha256, {}};
        try {
            file.found = sha256_of_file(file.path);
            if (file.found != file.expected) file.result = Digest::differs;
        } catch (Error const& e) {
            if (e.exit() != Exit::no_input) throw;
            file.result = Digest::missing;
        }
        out.push_back(std::move(file));
    }
    return out;
}

std::string expected_digest(std::string const& manifest_path, std::string const& name)
{
    std::error_code ignored;
    if (!fs::exists(manifest_path, ignored)) return {};
    for (ManifestEntry const& entry : read_manifest(manifest_path))
        if (fs::path(entry.name).lexically_normal().string() == name) return entry.sha256;
    return {};
}
}  // namespace calofuse
