#!/usr/bin/env bash
# Builds program, tests and benches in build/release with machine code and PTX for sm_80, sm_90 and sm_90a, without the
# emulator, then checks registers, spills and float atomics of every kernel on each of them. Takes three times as long
# as a build for one architecture; ./test.sh does not run it.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v nvcc >/dev/null || [ -x /usr/local/cuda/bin/nvcc ] || { echo "release: not run: no nvcc" >&2; exit 77; }
bash runtime/cmake/setup.sh
bash runtime/cmake/build.sh release
echo "== kernels"
python3 -B profiling/kernel_budget.py --build build/release
