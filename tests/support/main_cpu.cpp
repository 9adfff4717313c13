#include <cstdlib>

#include <gtest/gtest.h>

#include "tests/support/backend_test.hpp"

namespace calofuse::test {
Backend backend()
{
    return Backend::cpu;
}
bool small_cases()
{
    return std::getenv("CALOFUSE_TEST_TINY") != nullptr;
}
}  // namespace calofuse::test

int main(int argc, char** argv)
{
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
