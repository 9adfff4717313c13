#!/usr/bin/env bash
# build.sh PRESET [TARGET...]: configures and builds build/PRESET, and points build/bin at its programs.
set -euo pipefail
cd "$(dirname "$0")/../.."
preset=$1; shift
export CALOFUSE_LAUNCHER=${CALOFUSE_LAUNCHER-$(command -v ccache || true)}
mkdir -p build
cmake --preset "$preset" >"build/configure-$preset.log" 2>&1 || { cat "build/configure-$preset.log"; exit 1; }
cmake --build "build/$preset" ${@:+--target "$@"}
ln -sfn "$preset/bin" build/bin
