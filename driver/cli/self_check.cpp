#include "driver/cli/self_check.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fmt/format.h>
#include <functional>

#include "io/sha256.hpp"
#include "io/store/store.hpp"
#include "kernels/dense/linear.hpp"
#include "runtime/buffer.hpp"
#include "runtime/dataset.hpp"
#include "runtime/isa.hpp"
#include "runtime/random.hpp"

namespace calofuse {
namespace {
void require(bool good, std::string const& what)
{
    if (!good) throw Error(Exit::internal, "CF-INT-03", what);
}

/// Known answer of Random123's test vectors: counter 0, key 0.
std::string check_philox()
{
    PhiloxWords const words = philox({{0, 0, 0, 0}}, 0, 0);
    require(words.w[0] == 0x6627e8d5U && words.w[1] == 0xe169c58dU && words.w[2] == 0xbc57ac4cU
                && words.w[3] == 0x9b00dbd8U,
            "random words differ from the known ones");
    return "known answer of Philox4x32-10";
}

/// FIPS 180-2, appendix B.1.
std::string check_sha256()
{
    require(sha256_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "digest differs from the known one");
    return "known answer of SHA-256";
}

/// y = x w + b with sizes that use vector code and its remainder, against double.
std::string check_linear(Context ctx)
{
    constexpr std::int64_t kRows = 37, kIn = 133, kOut = 65;
    auto const random = [](std::int64_t count, std::uint32_t stream) {
        std::vector<float> values(static_cast<std::size_t>(count));
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] = uniform01(random_words(1, stream, 0, i).w[0]) - 0.5F;
        return values;
    };
    std::vector<float> const x = random(kRows * kIn, 1), w = random(kIn * kOut, 2),
                             b = random(kOut, 3);
    Buffer<float> const d_x(ctx, x), d_w(ctx, w), d_b(ctx, b), d_y(ctx, kRows * kOut);
    linear_forward(ctx, {.x = d_x.ref({kRows, kIn}),
                         .w = d_w.ref(),
                         .b = d_b.ref(),
                         .groups = {},
                         .y = d_y.ref({kRows, kOut})});
    ctx.synchronize();
    std::vector<float> const y = d_y.download();
    double worst = 0;
    for (std::int64_t n = 0; n < kRows; ++n)
        for (std::int64_t o = 0; o < kOut; ++o) {
            double sum = b[static_cast<std::size_t>(o)];
            for (std::int64_t i = 0; i < kIn; ++i)
                sum += double{x[static_cast<std::size_t>(n * kIn + i)]}
                       * double{w[static_cast<std::size_t>(i * kOut + o)]};
            worst =
                std::max(worst, std::abs(sum - double{y[static_cast<std::size_t>(n * kOut + o)]}));
        }
    constexpr double kAllowed = 4 * 1.2e-7 * 11.5 * 0.5;  // 4 eps sqrt(133 terms) of size < 1/2
    require(worst <= kAllowed, fmt::format("differs from double by {:.2g}", worst));
    return fmt::format("dense layer, {}: within {:.1e} of double",
                       ctx.backend() == Backend::cpu ? name_of(cpu_isa()) : "own kernel", worst);
}

/// A folder of our own in TMPDIR that disappears again.
class TempFolder {
  public:
    TempFolder()
    {
        std::error_code none;
        std::filesystem::path const base = std::filesystem::temp_directory_path(none);
        std::string name = (base.empty() ? "/tmp" : base.string()) + "/calofuse-doctor-XXXXXX";
        require(mkdtemp(name.data()) != nullptr, "cannot create a folder " + name);
        path_ = name;
    }
    ~TempFolder()
    {
        std::error_code none;
        std::filesystem::remove_all(path_, none);
    }
    TempFolder(TempFolder const&) = delete;
    TempFolder& operator=(TempFolder const&) = delete;
    std::string const& path() const { return path_; }

  private:
    std::string path_;
};

std::string check_store()
{
    constexpr std::int64_t kEvents = 100, kWidth = 250;
    std::vector<std::uint16_t> word;
    std::vector<float> number;
    Dataset data;
    for (std::int64_t n = 0; n < kEvents; ++n) {
        for (std::int64_t c = 0; c < kWidth; ++c)
            word.push_back(static_cast<std::uint16_t>((n * 257 + c * 31) % 8192));
        number.push_back(static_cast<float>(n));
        data.file_id.push_back(0);
        data.event_index.push_back(static_cast<std::uint32_t>(n));
    }
    data.add(make_column<std::uint16_t>({.name = "words", .shape = {kWidth}}, word));
    data.add(make_column<float>({.name = "number"}, number));
    data.files.push_back({.path = "a.npy", .num_events = kEvents});
    TempFolder const folder;
    std::string const path = folder.path() + "/check.h5";
    write_store(data, path);
    Dataset const back = read_store(path);
    require(std::ranges::equal(back.at("words").values<std::uint16_t>(), word)
                && std::ranges::equal(back.at("number").values<float>(), number)
                && back.event_index == data.event_index,
            "events read back differ from those written");
    return "HDF5 store written, verified and read back in the folder for temporary files";
}
}  // namespace

std::vector<SelfCheck> run_self_checks()
{
    struct Check {
        char const* name;
        char const* backend;
        std::function<std::string()> run;
    };
    std::vector<Check> checks = {{"random_numbers", "cpu", check_philox},
                                 {"linear", "cpu",
                                  [] {
                                      return check_linear(Context::cpu());
                                  }},
                                 {"sha256", "host", check_sha256},
                                 {"store", "host", check_store}};
    if (is_available(Backend::cuda))
        checks.push_back({"linear", "cuda", [] {
                              return check_linear(Context::cuda());
                          }});
    std::vector<SelfCheck> results;
    for (Check const& check : checks) {
        SelfCheck result{check.name, check.backend, true, {}};
        try {  // one failure must not hide the others: doctor reports them all
            result.detail = check.run();
        } catch (std::exception const& e) {
            result.passed = false;
            result.detail = e.what();
        }
        results.push_back(std::move(result));
    }
    return results;
}
}  // namespace calofuse
