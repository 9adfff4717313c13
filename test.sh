#!/usr/bin/env bash
# Sets up what is missing, builds everything and runs every test. Ends with ctest's closing line.
#   ./test.sh             format check, build, tests
#   ./test.sh --sanitize  the tests again under the address and undefined-behaviour sanitizers
set -euo pipefail
cd "$(dirname "$0")"
bash runtime/cmake/setup.sh clang-format
echo "== format"
git ls-files '*.hpp' '*.cpp' '*.cuh' '*.cu' | xargs clang-format --dry-run --Werror
preset=cpu
[ "${1-}" = "--sanitize" ] && preset=sanitize
echo "== build ($preset)"
bash runtime/cmake/build.sh "$preset"
command -v nvcc >/dev/null || echo "no CUDA toolkit here: CUDA tests were not built"
echo "== tests"
ctest --test-dir "build/$preset" --output-on-failure -j 2
