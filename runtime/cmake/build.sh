#!/usr/bin/env bash
# build.sh PRESET [TARGET...]: configures and builds build/PRESET, and points build/bin at its programs.
# build.sh --preset: prints the preset that fits this machine: cuda where there is a CUDA toolkit, else cpu.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "$1" = "--preset" ]; then
  command -v nvcc >/dev/null || [ -x /usr/local/cuda/bin/nvcc ] && echo cuda || echo cpu
  exit
fi
preset=$1; shift
export CALOFUSE_LAUNCHER=${CALOFUSE_LAUNCHER-$(command -v ccache || true)}
mkdir -p build
cmake --preset "$preset" >"build/configure-$preset.log" 2>&1 || { cat "build/configure-$preset.log"; exit 1; }
cmake --build "build/$preset" ${@:+--target "$@"}
ln -sfn "$preset/bin" build/bin
