/// \file io/sha256.hpp
/// SHA-256 digests and manifests in the form of coreutils' sha256sum: a line a file,
/// `<64 hex digits><two spaces><name>`, names relative to the manifest's folder.
/// Errors: CF-SHA-01 malformed manifest, -02 digest differs, -03 listed file is missing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/atomic_file.hpp"

namespace calofuse {
/// Streaming digest.
class Sha256 {
  public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;

    void update(void const* data, std::size_t bytes);
    void update(std::string_view text) { update(text.data(), text.size()); }
    /// 64 lower-case hex digits; ends the stream.
    std::string finish();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

std::string sha256_of(std::string_view bytes);
std::string sha256_of_file(std::string const& path);

struct ManifestEntry {
    std::string sha256;  ///< 64 lower-case hex digits
    std::string name;    ///< relative to the manifest's folder, or absolute
};
using Manifest = std::vector<ManifestEntry>;

/// The text of a manifest. Names with newlines or backslashes are escaped as coreutils does.
std::string manifest_text(Manifest const& manifest);
Manifest parse_manifest(std::string_view text, std::string const& path);
Manifest read_manifest(std::string const& path);

/// `path` as a manifest in `folder` names it.
std::string name_in_manifest(std::string const& path, std::string const& folder);

enum class Digest : std::uint8_t { same, differs, missing };
struct VerifiedFile {
    std::string path;  ///< as it was opened
    Digest result = Digest::same;
    std::string expected, found;
};
/// Recomputes every digest of a manifest; does not throw for files that differ or are missing.
std::vector<VerifiedFile> verify_manifest(std::string const& path);

/// The digest that `manifest_path` lists for the file `name` (last path component), or empty if
/// there is no such manifest or entry.
std::string expected_digest(std::string const& manifest_path, std::string const& name);
}  // namespace calofuse
