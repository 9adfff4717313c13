#include "kernels/gemm/vendor_library.hpp"

#include <cstdlib>

#include <gtest/gtest.h>

#include "runtime/error.hpp"

namespace calofuse::cuda {
namespace {
constexpr char const* kChoice = "CALOFUSE_TEST_LIBRARY";
bool there(std::string*)
{
    return true;
}
bool missing(std::string* reason)
{
    *reason = "it is not there";
    return false;
}
bool never(std::string*)
{
    ADD_FAILURE() << "the library is looked for though nobody asked";
    return true;
}

struct Choice {
    explicit Choice(char const* value) { setenv(kChoice, value, 1); }
    Choice(Choice const&) = delete;
    Choice& operator=(Choice const&) = delete;
    ~Choice() { unsetenv(kChoice); }
};

Error refusal(bool (*usable)(std::string*))
{
    try {
        vendor_library_wanted(kChoice, "vendor", usable);
    } catch (Error const& e) {
        return e;
    }
    ADD_FAILURE() << "nothing was refused";
    return {Exit::internal, "", ""};
}
}  // namespace

TEST(VendorLibrary, own_kernels_are_the_default)
{
    EXPECT_FALSE(vendor_library_wanted(kChoice, "vendor", never));
    Choice const own("own");
    EXPECT_FALSE(vendor_library_wanted(kChoice, "vendor", never));
}

TEST(VendorLibrary, is_used_where_asked_for)
{
    Choice const vendor("vendor");
    EXPECT_TRUE(vendor_library_wanted(kChoice, "vendor", there));
    Error const e = refusal(missing);
    EXPECT_EQ(e.exit(), Exit::unavailable);
    EXPECT_NE(std::string(e.what()).find("it is not there"), std::string::npos) << e.what();
}

TEST(VendorLibrary, another_word_is_refused)
{
    Choice const wrong("Vendor");
    Error const e = refusal(never);
    EXPECT_EQ(e.exit(), Exit::config);
    EXPECT_EQ(e.code(), "CF-CFG-23");
}

TEST(VendorLibrary, says_what_it_lacks)
{
    VendorLibrary const nowhere({"libcalofuse-nowhere.so.1"});
    EXPECT_FALSE(nowhere.usable());
    EXPECT_NE(nowhere.reason().find("libcalofuse-nowhere.so.1"), std::string::npos);

    VendorLibrary mathematics({"libcalofuse-nowhere.so.1", "libm.so.6"});
    ASSERT_TRUE(mathematics.usable()) << mathematics.reason();
    double (*root)(double) = nullptr;
    mathematics.find("sqrt", root);
    ASSERT_NE(root, nullptr);
    EXPECT_EQ(root(9.0), 3.0);
    mathematics.find("calofuse_nothing", root);
    EXPECT_EQ(mathematics.reason(), "it lacks calofuse_nothing");
}
}  // namespace calofuse::cuda
