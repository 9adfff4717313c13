#!/usr/bin/env bash
# Times training and scoring steps of a model on this machine's CPU: one JSON document a line.
#   profiling/cpu.sh [MODEL] > bench/results/DATE-PROCESSOR.jsonl
set -euo pipefail
cd "$(dirname "$0")/.."
model=${1:-hybrid}
for threads in 1 "$(nproc)"; do
  for batch in 256 1024; do
    build/bin/calofuse profile --device cpu --model "$model" --threads "$threads" --batch-size "$batch" --json | tr -d '\n'
    echo
    build/bin/calofuse profile --device cpu --model "$model" --threads "$threads" --batch-size "$batch" --inference --json | tr -d '\n'
    echo
  done
done
