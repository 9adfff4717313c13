#!/usr/bin/env bash
# The whole job on simulated test-beam events, from an empty machine to a report that one can look at.
#   ./demo.sh [FOLDER]     results go to FOLDER (default: build/demo), which is made anew
set -euo pipefail
cd "$(dirname "$0")"
out=${1:-build/demo}

step() { printf '\n== %s\n' "$*"; }
run() { printf '$ calofuse %s\n' "$*"; build/bin/calofuse "$@"; }

step "1/7 packages and build"
bash runtime/cmake/setup.sh
bash runtime/cmake/build.sh "$(bash runtime/cmake/build.sh --preset)" calofuse
rm -rf "$out"
mkdir -p "$out"

step "2/7 events of a test beam: 19 files of electrons and hadrons, and a folder without labels"
run simulate --out "$out/beam" --events 1000
run simulate --out "$out/night" --events 200 --energies 80,250 --seed 2
mkdir "$out/unknown"
mv "$out"/night/electron/*.npy "$out"/night/hadron/*.npy "$out/unknown"

step "3/7 raw files to one verified store"
run convert --out "$out/beam.h5" "$out/beam"
run convert --out "$out/unknown.h5" --unknown "$out/unknown"
run verify "$out/beam.h5"

step "4/7 train the hybrid network"
run train --data "$out/beam.h5" --model hybrid --run-dir "$out/run" --epochs 8

step "5/7 judge it on events that it never saw"
run evaluate --run-dir "$out/run" --data "$out/beam.h5"

step "6/7 score the unlabelled events"
run predict --run-dir "$out/run" --data "$out/unknown.h5" --out "$out/scores.csv"
head -n 4 "$out/scores.csv"

step "7/7 report and event display"
run report --run-dir "$out/run"
run display --data "$out/beam.h5" --run-dir "$out/run" --event 200,12000 --out "$out/events.svg"

printf '\nThe report is %s\n' "$(realpath "$out/run/report.html")"
