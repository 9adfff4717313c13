#include "io/atomic_file.hpp"

#include <csignal>
#include <fstream>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "io/input_file.hpp"
#include "tests/support/temp_folder.hpp"

namespace calofuse::test {
TEST(AtomicFile, publishes_on_commit_only)
{
    TempFolder const folder;
    std::string const path = folder / "a.txt";
    {
        AtomicFile file(path);
        file.write("hello");
        EXPECT_FALSE(std::filesystem::exists(path));
    }
    EXPECT_EQ(folder.num_entries(), 0U);
    write_file_atomically(path, "one");
    EXPECT_EQ(read_file(path, 100), "one");
    expect_error([&] { write_file_atomically(path, "two"); }, Exit::cannot_create, "CF-IO-03");
    write_file_atomically(path, "two", Overwrite::yes);
    EXPECT_EQ(read_file(path, 100), "two");
    EXPECT_EQ(folder.num_entries(), 1U);
}

TEST(AtomicFile, file_made_meanwhile_is_not_replaced)
{
    TempFolder const folder;
    AtomicFile file(folder / "a");
    file.write("mine");
    std::ofstream(folder / "a") << "theirs";
    expect_error([&] { file.commit(); }, Exit::cannot_create, "CF-IO-03");
    EXPECT_EQ(read_file(folder / "a", 100), "theirs");
}

TEST(AtomicFile, another_library_may_fill_the_temporary)
{
    TempFolder const folder;
    AtomicFile file(folder / "a");
    std::ofstream(file.temp_path(), std::ios::trunc) << "filled";
    file.commit();
    EXPECT_EQ(read_file(folder / "a", 100), "filled");
}

TEST(AtomicFile, refuses_places_that_cannot_hold_a_file)
{
    TempFolder const folder;
    auto const open = [](std::string const& path) {
        return [path] {
            AtomicFile file(path);
        };
    };
    expect_error(open(folder / "no/such/a"), Exit::cannot_create, "CF-IO-02");
    expect_error(open(folder.path()), Exit::cannot_create, "CF-IO-04");
    expect_error(open(folder.path() + "/"), Exit::cannot_create, "CF-IO-04");
    expect_error(open(""), Exit::cannot_create, "CF-IO-04");
    expect_error(open("/dev/null"), Exit::cannot_create, "CF-IO-04");
    expect_error(open(folder / std::string(300, 'x')), Exit::cannot_create, "CF-IO-02");
    expect_error([&] { check_output(folder / "no/a", Overwrite::no); }, Exit::cannot_create,
                 "CF-IO-02");
    EXPECT_FALSE(error_of([&] { check_output(folder / "a", Overwrite::no); }));
    EXPECT_EQ(folder.num_entries(), 0U);
}

TEST(AtomicFile, follows_a_link)
{
    TempFolder const folder;
    write_file_atomically(folder / "real", "old");
    std::filesystem::create_symlink("real", folder / "link");
    write_file_atomically(folder / "link", "new", Overwrite::yes);
    EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
    EXPECT_EQ(read_file(folder / "real", 100), "new");
}

TEST(AtomicFile, full_disk_keeps_the_old_file)
{
    TempFolder const folder;
    write_file_atomically(folder / "a", "old");
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    rlimit const small{4096, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    auto const e = error_of(
        [&] { write_file_atomically(folder / "a", std::string(10000, 'x'), Overwrite::yes); });
    ::setrlimit(RLIMIT_FSIZE, &before);
    ASSERT_TRUE(e);
    EXPECT_EQ(e->code(), "CF-IO-05");
    EXPECT_EQ(e->exit(), Exit::io);
    EXPECT_EQ(read_file(folder / "a", 100), "old");
    EXPECT_EQ(folder.num_entries(), 1U);
}

TEST(AtomicFile, killed_writers_leave_the_old_file_and_no_litter)
{
    TempFolder const folder;
    std::string const path = folder / "a";
    std::string const old_text(1 << 20, 'a');
    write_file_atomically(path, old_text);
    for (int trial = 0; trial < 20; ++trial) {
        pid_t const child = ::fork();
        if (child == 0) {
            std::string const text(1 << 20, 'b');
            for (;;)
                write_file_atomically(path, text, Overwrite::yes);
        }
        ::usleep(static_cast<useconds_t>(500 + 700 * trial));
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        std::string const got = read_file(path, 2 << 20);
        EXPECT_EQ(got.size(), old_text.size());
        EXPECT_EQ(got.find_first_not_of(got[0]), std::string::npos) << "mixed file";
    }
    write_file_atomically(path, "end", Overwrite::yes);
    EXPECT_EQ(folder.num_entries(), 1U);
}

TEST(InputFile, refuses_what_is_no_file)
{
    TempFolder const folder;
    auto const open = [](std::string const& path) {
        return [path] {
            InputFile file(path);
        };
    };
    expect_error(open(folder / "missing"), Exit::no_input, "CF-IO-01");
    expect_error(open(folder.path()), Exit::no_input, "CF-IO-08");
    expect_error(open("/dev/zero"), Exit::no_input, "CF-IO-08");
    ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
    expect_error(open(folder / "pipe"), Exit::no_input, "CF-IO-08");
    std::filesystem::create_symlink("loop", folder / "loop");
    expect_error(open(folder / "loop"), Exit::no_input, "CF-IO-08");
    write_file_atomically(folder / "a", "12345");
    expect_error([&] { read_file(folder / "a", 4); }, Exit::data, "CF-IO-10");
}

TEST(InputFile, file_that_shrinks_is_an_error)
{
    TempFolder const folder;
    write_file_atomically(folder / "a", std::string(10000, 'x'));
    InputFile const file(folder / "a");
    std::filesystem::resize_file(folder / "a", 5000);
    std::string text(10000, ' ');
    expect_error([&] { file.read_at(0, text.data(), text.size()); }, Exit::data, "CF-IO-09");
    expect_error([&] { file.check_unchanged(); }, Exit::data, "CF-IO-09");
}
}  // namespace calofuse::test
