#!/usr/bin/env bash
# Sets up what is missing, builds everything and runs every test. Ends with ctest's closing line.
#   ./test.sh             format check, build, tests
#   ./test.sh --sanitize  the tests again under the address and undefined-behaviour sanitizers
set -euo pipefail
cd "$(dirname "$0")"
bash runtime/cmake/setup.sh clang-format
echo "== format"
git ls-files '*.hpp' '*.cpp' '*.cuh' '*.cu' | xargs clang-format --dry-run --Werror
preset=$(bash runtime/cmake/build.sh --preset)
[ "${1-}" = "--sanitize" ] && preset=sanitize
echo "== build ($preset)"
bash runtime/cmake/build.sh "$preset"
without=()
if [ "$preset" != cuda ]; then
  echo "no CUDA toolkit used here: the CUDA kernels were neither built nor tested"
elif [ ! -e /dev/nvidiactl ]; then
  echo "no GPU here: the CUDA kernels run on the emulator, the tests *@gpu are not run"
  without=(--label-exclude gpu)
fi
echo "== tests"
ctest --test-dir "build/$preset" --output-on-failure -j 2 ${without[@]+"${without[@]}"}
