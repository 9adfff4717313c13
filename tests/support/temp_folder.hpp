/// \file tests/support/temp_folder.hpp
/// A folder for one test, removed with it; and the error that a call throws.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>

#include "runtime/error.hpp"

namespace calofuse::test {
class TempFolder {
  public:
    TempFolder()
    {
        std::string name = (std::filesystem::temp_directory_path() / "calofuse-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "no temporary folder";
        path_ = name;
    }
    TempFolder(TempFolder const&) = delete;
    TempFolder& operator=(TempFolder const&) = delete;
    ~TempFolder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::string path() const { return path_.string(); }
    std::string operator/(std::string const& name) const { return (path_ / name).string(); }
    /// Names of all entries, hidden ones too.
    std::size_t num_entries() const
    {
        std::size_t n = 0;
        for ([[maybe_unused]] auto const& entry : std::filesystem::directory_iterator(path_))
            ++n;
        return n;
    }

  private:
    std::filesystem::path path_;
};

/// The `Error` that `f` throws, if any.
template <class F>
std::optional<Error> error_of(F&& f)
{
    try {
        f();
    } catch (Error const& e) {
        return e;
    }
    return std::nullopt;
}

template <class F>
void expect_error(F&& f, Exit exit, std::string const& code)
{
    auto const e = error_of(f);
    ASSERT_TRUE(e.has_value()) << "nothing thrown, wanted " << code;
    EXPECT_EQ(e->code(), code) << e->what();
    EXPECT_EQ(e->exit(), exit) << e->what();
    EXPECT_FALSE(e->hint().empty()) << e->what();
    EXPECT_EQ(std::string(e->what()).find('\n'), std::string::npos) << e->what();
    EXPECT_LE(std::string(e->what()).size(), 400U) << e->what();
}
}  // namespace calofuse::test
