#!/usr/bin/env bash
# Installs what a build needs from Debian's packages, as root or with sudo; does nothing where all is there.
set -euo pipefail
packages=(g++ cmake ninja-build ccache git libhdf5-dev libcli11-dev libtomlplusplus-dev nlohmann-json3-dev
          libfmt-dev libssl-dev libzip-dev zlib1g-dev libgtest-dev libgmock-dev libbenchmark-dev python3-h5py)
missing=()
for package in "${packages[@]}" "$@"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "setup: run as root, or install: ${missing[*]}" >&2; exit 77; }
  as_root=(sudo)
fi
echo "setup: installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
