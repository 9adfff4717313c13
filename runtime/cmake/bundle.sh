#!/usr/bin/env bash
# bundle.sh [ARCHIVE]: packs the CUDA build (program, *_gpu tests, benches, profiling/gpu_check.sh, golden files) and
# the shared libraries that a bare GPU node lacks into one archive (default: build/calofuse-cuda.tar.xz, at most 60 MB).
# On the node, which needs the NVIDIA driver and a C library as new as this one's:
#   tar xf calofuse-cuda.tar.xz && calofuse/profiling/gpu_check.sh          (without xz: python3 -m tarfile -e ARCHIVE)
# Programs find their libraries relative to themselves. The CUDA runtime is part of them; cuBLAS and cuDNN are used where they are.
set -euo pipefail
cd "$(dirname "$0")/../.."
archive=$(realpath -m "${1:-build/calofuse-cuda.tar.xz}")
bin=${BIN:-build/cuda/bin}
[ -x "$bin/calofuse" ] && [ -x "$bin/sanitizer_canary_gpu" ] ||
  { echo "bundle: build first: bash runtime/cmake/build.sh cuda" >&2; exit 66; }
bash runtime/cmake/setup.sh patchelf xz-utils binutils
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
root=$folder/calofuse
mkdir -p "$root"/{bin,lib,profiling,tests/golden}
cp "$bin"/calofuse "$bin"/*_gpu "$bin"/kernels_*_bench "$root/bin/"
cp profiling/gpu_check.sh "$root/profiling/"
cp -r tests/golden/data "$root/tests/golden/data"
cp LICENSE "$root/"

# libraries_of FILE...: paths of all shared libraries but those of the C library and the driver, which must be the
# node's own; "not" for one that is not found.
libraries_of() {
  for file; do ldd "$file"; done | awk '/=>/ {print $3}' | sort -u |
    grep -Ev '/(lib(c|m|dl|rt|pthread|resolv|util|cuda)|ld-linux[^/]*)\.so'
}
libraries_of "$root"/bin/* | xargs -I{} cp -L {} "$root/lib/"
strip "$root"/bin/*
patchelf --set-rpath '$ORIGIN/../lib' "$root"/bin/*
patchelf --set-rpath '$ORIGIN' "$root"/lib/*

# A large dictionary: the test programs hold the same kernels over and over.
mkdir -p "$(dirname "$archive")"
tar -C "$folder" --sort=name --owner=0 --group=0 -c calofuse | xz --lzma2=preset=1,dict=256MiB >"$archive"
bytes=$(stat -c %s "$archive")
needs=$(objdump -T "$root"/bin/* "$root"/lib/* | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1)
echo "$archive: $((bytes / 1000000)) MB, $(ls "$root/bin" | wc -l) programs; needs ${needs/_/ } or newer"
[ "$bytes" -le 60000000 ] || { echo "bundle: over 60 MB" >&2; exit 1; }

# What was packed runs from another place, with nothing but its own libraries.
rm -rf "$root"
tar -C "$folder" -xf "$archive"
outside=$(libraries_of "$root"/bin/* | grep -v "^$root/bin/../lib/" || true)
[ -z "$outside" ] || { echo "bundle: libraries from outside the archive: $outside" >&2; exit 1; }
clean=(env -i PATH=/usr/bin:/bin)
"${clean[@]}" "$root/bin/calofuse" doctor >/dev/null
code=0
"${clean[@]}" "$root/bin/sanitizer_canary_gpu" none >/dev/null || code=$?
[ $code -eq 0 ] || [ $code -eq 77 ] || { echo "bundle: sanitizer_canary_gpu ends with $code" >&2; exit 1; }
