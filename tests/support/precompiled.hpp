/// \file tests/support/precompiled.hpp
/// What nearly every test includes, compiled once (calofuse_test_precompiled in CMakeLists.txt). Tests
/// still include what they use. Headers of CaloFuse that change often have no place here: a change of
/// one of them compiles every test again.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <numbers>
#include <numeric>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/buffer.hpp"
#include "runtime/context.hpp"
#include "runtime/error.hpp"
