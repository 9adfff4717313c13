#include "io/sha256.hpp"

#include <fstream>

#include "io/input_file.hpp"
#include "tests/support/temp_folder.hpp"

namespace calofuse::test {
TEST(Sha256, published_vectors)
{
    EXPECT_EQ(sha256_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    Sha256 digest;
    for (int i = 0; i < 1000; ++i)
        digest.update(std::string(1000, 'a'));
    EXPECT_EQ(digest.finish(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, manifest_is_what_sha256sum_reads_and_writes)
{
    TempFolder const folder;
    Manifest manifest;
    for (std::string const name : {"plain.h5", "with space", "back\\slash", "new\nline"}) {
        std::ofstream(folder / name) << name;
        manifest.push_back({sha256_of_file(folder / name), name});
    }
    write_file_atomically(folder / "list", manifest_text(manifest));
    std::string const cd = "cd " + folder.path() + " && ";
    EXPECT_EQ(std::system((cd + "sha256sum --quiet --strict -c list").c_str()), 0);
    ASSERT_EQ(std::system((cd + "sha256sum plain.h5 with* back* new* > theirs").c_str()), 0);
    EXPECT_EQ(read_file(folder / "theirs", 10000), read_file(folder / "list", 10000));
    Manifest const back = read_manifest(folder / "theirs");
    ASSERT_EQ(back.size(), manifest.size());
    for (std::size_t i = 0; i < back.size(); ++i)
        EXPECT_EQ(back[i].name, manifest[i].name);
    EXPECT_EQ(expected_digest(folder / "list", "plain.h5"), manifest[0].sha256);
    EXPECT_EQ(expected_digest(folder / "list", "other"), "");
    EXPECT_EQ(expected_digest(folder / "none", "plain.h5"), "");
}

TEST(Sha256, verify_names_what_differs)
{
    TempFolder const folder;
    Manifest manifest;
    for (std::string const name : {"a", "b", "c"}) {
        std::ofstream(folder / name) << "content of " << name;
        manifest.push_back({sha256_of_file(folder / name), name});
    }
    write_file_atomically(folder / "list", manifest_text(manifest));
    std::ofstream(folder / "b") << "content of B";
    std::filesystem::remove(folder / "c");
    auto const files = verify_manifest(folder / "list");
    ASSERT_EQ(files.size(), 3U);
    EXPECT_EQ(files[0].result, Digest::same);
    EXPECT_EQ(files[1].result, Digest::differs);
    EXPECT_NE(files[1].found, files[1].expected);
    EXPECT_EQ(files[2].result, Digest::missing);
}

TEST(Sha256, malformed_manifests)
{
    std::string const digest(64, 'a');
    for (std::string const& text :
         {std::string("hello\n"), digest + "\n", digest + " x\n", digest + "  \n",
          std::string(63, 'a') + "g  x\n", "\\" + digest + "  a\\q\n", digest + "  ok\nbad\n",
          digest + "  nul" + std::string(1, '\0') + "\n"})
        expect_error([&] { parse_manifest(text, "m"); }, Exit::data, "CF-SHA-01");
    EXPECT_EQ(parse_manifest(digest + " *x\r\n\n", "m").front().name, "x");
    EXPECT_TRUE(parse_manifest("", "m").empty());
}

TEST(Sha256, names_are_relative_to_the_manifest)
{
    TempFolder const folder;
    std::filesystem::create_directory(folder / "out");
    EXPECT_EQ(name_in_manifest(folder / "raw/e.npy", folder / "out"), "../raw/e.npy");
    EXPECT_EQ(name_in_manifest(folder / "out/e.h5", folder / "out"), "e.h5");
}
}  // namespace calofuse::test
