/// \file tests/driver/program.hpp
/// Runs the built program as a user would: its own process, its own folder, its own environment.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace calofuse::test {
inline std::string slurp(std::string const& path)
{
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}
inline void spill(std::string const& path, std::string const& bytes)
{
    std::ofstream(path, std::ios::binary) << bytes;
}

/// A fresh folder that disappears with the object.
class Folder {
  public:
    Folder()
    {
        std::string name = std::filesystem::temp_directory_path().string() + "/cf-cli-XXXXXX";
        if (mkdtemp(name.data()) == nullptr) std::abort();
        path_ = name;
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(Folder const&) = delete;
    Folder& operator=(Folder const&) = delete;

    std::string operator/(std::string const& name) const { return path_ + "/" + name; }
    std::string const& path() const { return path_; }
    /// Names below it, sorted.
    std::vector<std::string> list() const
    {
        std::vector<std::string> names;
        for (auto const& entry : std::filesystem::recursive_directory_iterator(path_))
            names.push_back(entry.path().lexically_relative(path_).string());
        std::sort(names.begin(), names.end());
        return names;
    }

  private:
    std::string path_;
};

struct Outcome {
    int exit = -1;  ///< -1: ended by a signal
    int signal = 0;
    std::string out, err;
};

struct Start {
    std::string folder = "/";                   ///< working directory
    std::vector<std::string> environment = {};  ///< all of it
    std::string stdout_path = {};               ///< instead of our file, e.g. /dev/full
    std::string stderr_path = {};               ///< likewise
    bool close_stdout = false;
};

/// The running program; `wait` ends it and collects what it said.
class Program {
  public:
    Program(std::vector<std::string> const& words, Start const& start)
    {
        std::vector<char*> argv = {const_cast<char*>(CALOFUSE_PROGRAM)};
        for (std::string const& word : words)
            argv.push_back(const_cast<char*>(word.c_str()));
        argv.push_back(nullptr);
        // On the CPU also where there is a GPU, unless a test says otherwise.
        std::string on_cpu = "CALOFUSE_GENERAL_DEVICE=cpu";
        std::vector<char*> env = {on_cpu.data()};
        for (std::string const& variable : start.environment)
            env.push_back(const_cast<char*>(variable.c_str()));
        env.push_back(nullptr);
        std::string const out = start.stdout_path.empty() ? said_ / "out" : start.stdout_path;
        std::string const err = start.stderr_path.empty() ? said_ / "err" : start.stderr_path;
        pid_ = fork();
        if (pid_ != 0) return;
        bool good = chdir(start.folder.c_str()) == 0;
        redirect("/dev/null", O_RDONLY, 0, good);
        redirect(out, O_WRONLY | O_CREAT, 1, good);
        redirect(err, O_WRONLY | O_CREAT, 2, good);
        if (start.close_stdout) close(1);
        if (good) execve(CALOFUSE_PROGRAM, argv.data(), env.data());
        _exit(127);
    }
    pid_t pid() const { return pid_; }
    std::string err_so_far() const { return slurp(said_ / "err"); }
    Outcome wait()
    {
        int status = 0;
        waitpid(pid_, &status, 0);
        Outcome outcome;
        if (WIFEXITED(status)) outcome.exit = WEXITSTATUS(status);
        if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
        outcome.out = slurp(said_ / "out");
        outcome.err = slurp(said_ / "err");
        return outcome;
    }

  private:
    static void redirect(std::string const& path, int flags, int descriptor, bool& good)
    {
        int const opened = open(path.c_str(), flags, 0600);
        good = good && opened >= 0 && dup2(opened, descriptor) == descriptor;
        if (opened > 2) close(opened);
    }
    Folder said_;
    pid_t pid_ = -1;
};

inline Outcome run(std::vector<std::string> const& words, Start const& start = {})
{
    return Program(words, start).wait();
}
}  // namespace calofuse::test
