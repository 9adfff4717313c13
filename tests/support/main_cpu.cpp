#include <gtest/gtest.h>

#include "tests/support/backend_test.hpp"

namespace calofuse::test {
Backend backend()
{
    return Backend::cpu;
}
bool on_emulator()
{
    return false;
}
}  // namespace calofuse::test

int main(int argc, char** argv)
{
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
