/// \file tests/io/store/damaged_store_test.cpp
/// Stores whose bytes were changed: cut off, another head, bit flips. No digest helps here: it is left
/// out. bad_store_test.cpp has those that were changed through HDF5.
#include <algorithm>
#include <fstream>
#include <functional>
#include <sys/resource.h>
#include <sys/wait.h>

#include "io/input_file.hpp"
#include "io/store/store.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/toy_store.hpp"

namespace calofuse::test {
namespace {
Dataset read_unchecked(std::string const& path)
{
    return read_store(path, {DigestCheck::skip});
}

/// Every value of the events, the files and the constants.
bool is_same(Dataset const& got, Dataset const& want)
{
    auto const same = [](auto const& a, auto const& b) {
        return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](auto const& x, auto const& y) {
            return x.first == y.first && x.second.bytes == y.second.bytes;
        });
    };
    return same(got.columns, want.columns) && same(got.constants, want.constants)
           && same(got.file_columns, want.file_columns) && got.file_id == want.file_id
           && got.event_index == want.event_index;
}

/// Overwrites bytes of a good store.
std::string patched(std::string bytes, std::size_t at, std::string const& with)
{
    return bytes.replace(at, with.size(), with);
}

/// Runs `f` in a process of its own, which a bad file may end; true if it ended by itself.
bool survives(std::function<int()> const& f, int& result)
{
    pid_t const child = ::fork();
    if (child == 0) {
        rlimit const none{0, 0};
        ::setrlimit(RLIMIT_CORE, &none);
        ::_exit(f());
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    result = WEXITSTATUS(status);
    return WIFEXITED(status);
}
}  // namespace

TEST(DamagedStore, damaged_heads)
{
    TempFolder const folder;
    write_store(toy_events_of_files(3), folder / "good.h5", {.compression = Compression::deflate});
    std::string const good = read_file(folder / "good.h5", 1 << 24);
    struct Head {
        std::string what, bytes, code;
    };
    for (Head const& c :
         {Head{"empty", "", "CF-H5-01"}, Head{"text", "hello", "CF-H5-01"},
          Head{"npy", std::string("\x93NUMPY\1\0", 8) + std::string(200, ' '), "CF-H5-01"},
          Head{"zeros", std::string(4096, '\0'), "CF-H5-01"},
          Head{"signature alone", good.substr(0, 8), "CF-H5-02"},
          Head{"half a superblock", good.substr(0, 40), "CF-H5-02"},
          Head{"trailing bytes", good + "x", "CF-H5-02"},
          Head{"still open for writing", patched(good, 11, "\1"), "CF-H5-03"},
          Head{"open for SWMR", patched(good, 11, "\5"), "CF-H5-03"},
          Head{"user block", std::string(512, '\0') + good, "CF-H5-15"},
          Head{"base address", patched(good, 12, "\1"), "CF-H5-15"},
          Head{"superblock 0", patched(good, 8, std::string(1, '\0')), "CF-H5-16"},
          Head{"superblock 9", patched(good, 8, "\x09"), "CF-H5-16"},
          Head{"root address", patched(good, 36, "\xff\xff"), "CF-H5-12"},
          Head{"superblock checksum", patched(good, 44, "\xff\xff"), "CF-H5-12"}}) {
        SCOPED_TRACE(c.what);
        std::ofstream(folder / "bad.h5", std::ios::binary) << c.bytes;
        expect_error([&] { read_unchecked(folder / "bad.h5"); }, Exit::data, c.code);
    }
    for (std::size_t i = 1; i < 200; ++i) {
        std::size_t const n = good.size() * i / 200;
        std::ofstream(folder / "bad.h5", std::ios::binary) << good.substr(0, n);
        auto const e = error_of([&] { read_unchecked(folder / "bad.h5"); });
        ASSERT_TRUE(e) << n;
        EXPECT_EQ(e->code(), n < 8 ? "CF-H5-01" : "CF-H5-02") << n;
    }
}

/// Without any digest, the checksums inside the file must catch each flip that would change a value.
TEST(DamagedStore, bit_flips_never_change_a_value)
{
    TempFolder const folder;
    std::string const path = folder / "a.h5";
    Dataset const want = toy_events_of_files(3);
    write_store(want, path, {.compression = Compression::deflate});
    std::string const good = read_file(path, 1 << 24);
    int caught = 0, harmless = 0, died = 0;
    std::size_t const step = std::max<std::size_t>(good.size() / 2000, 1), batch = 100 * step;
    for (std::size_t begin = 0; begin < good.size(); begin += batch) {
        // exit code: number of flips that were caught; 200: a wrong value came out
        auto const flip_all = [&](std::size_t first, std::size_t last) {
            int found = 0;
            for (std::size_t at = first; at < std::min(last, good.size()); at += step) {
                std::string bytes = good;
                bytes[at] = static_cast<char>(bytes[at] ^ 1 << at / step % 8);
                std::ofstream(path, std::ios::binary) << bytes;
                try {
                    Dataset const got = read_unchecked(path);
                    bool const same = is_same(got, want);
                    if (!same) return 200;
                } catch (Error const& e) {
                    if (e.exit() == Exit::data) ++found;
                } catch (std::exception const&) {
                    return 201;
                }
            }
            return found;
        };
        int result = 0;
        std::size_t const end = std::min(begin + batch, good.size());
        auto const tried = static_cast<int>((end - begin + step - 1) / step);
        if (survives([&] { return flip_all(begin, end); }, result)) {
            ASSERT_LT(result, 200) << "flips from byte " << begin;
            caught += result;
            harmless += tried - result;
        } else {
            ++died;
        }
    }
    RecordProperty("caught", caught);
    RecordProperty("harmless", harmless);
    EXPECT_GT(caught, 1800);
    EXPECT_LT(harmless, caught / 10);  // in bytes that the library leaves unused
    EXPECT_EQ(died, 0);
}
}  // namespace calofuse::test
