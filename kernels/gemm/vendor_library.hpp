/// \file kernels/gemm/vendor_library.hpp
/// A library of the GPU's vendor that is loaded when first needed: without it the program starts, and
/// runs on its own kernels. Those are the default everywhere, because nothing was compared on a GPU yet.
#pragma once

#include <dlfcn.h>
#include <initializer_list>
#include <string>

namespace calofuse::cuda {
class VendorLibrary {
  public:
    /// Loads the first of `names` that there is; none on the PTX emulator (tests/emulator), which runs
    /// own kernels only.
    explicit VendorLibrary(std::initializer_list<char const*> names);

    /// The function called `name`, whose type is that of `function`.
    template <class F>
    void find(char const* name, F& function)
    {
        if (!usable()) return;
        function = reinterpret_cast<F>(dlsym(file_, name));
        if (function == nullptr) refuse(std::string("it lacks ") + name);
    }
    void refuse(std::string why) { reason_ = std::move(why); }

    bool usable() const { return reason_.empty(); }
    std::string const& reason() const { return reason_; }  ///< why not

  private:
    void* file_ = nullptr;
    std::string reason_;
};

/// Whether the environment variable `choice` is `library` and not "own", the default. Throws exit 78 for
/// another value, exit 69 where `usable` says that the library cannot be used.
bool vendor_library_wanted(char const* choice,
                           char const* library,
                           bool (*usable)(std::string* reason));
}  // namespace calofuse::cuda
