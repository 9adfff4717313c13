#!/usr/bin/env bash
# The README's table of what the models reach: simulates, converts, trains with default settings and prints one row each.
#   bench/learning/focalh/run.sh PROGRAM OUT [ROW...]      rows as below; without any: all but the Geant4 ones, about 50 CPU-minutes
# OUT keeps stores and runs: a row that is there already is only printed. Rows with Geant4 events read the folders
# electron and hadron, and pedestals.csv, of $GEANT4. THREADS (default: all cores) changes no digit.
set -euo pipefail
export LC_ALL=C
[ $# -ge 2 ] || { sed -n '2,5s/^# *//p' "$0"; exit 64; }
program=$1 out=$2
shift 2
mkdir -p "$out"

# store EVENTS: 19 simulated files of so many events
store() {
  local path=$out/beam$1.h5
  if [ ! -e "$path" ]; then
    "$program" --quiet simulate --out "$out/beam$1" --events "$1" >/dev/null
    "$program" --quiet convert --out "$path" "$out/beam$1" >/dev/null
    rm -r "$out/beam$1"
  fi
  echo "$path"
}
geant4() {
  local path=$out/geant4.h5 from=${GEANT4:?is the folder with Geant4 events}
  [ -e "$path" ] || "$program" --quiet convert --out "$path" --pedestals "$from/pedestals.csv" "$from/electron" "$from/hadron" >/dev/null
  echo "$path"
}
# train RUN MODEL STORE EPOCHS [SETTING...]
train() {
  local run=$out/$1 model=$2 data=$3 epochs=$4
  shift 4
  [ -e "$run/summary.json" ] || "$program" --quiet train --device cpu --threads "${THREADS:-0}" --model "$model" --data "$data" \
    --run-dir "$run" --epochs "$epochs" "$@" >/dev/null
}
# row NAME RUN [STORE]: its test events, or all events of another store
row() {
  local split=test
  [ "${3:-}" = "" ] || split=all
  "$program" --quiet evaluate --device cpu --run-dir "$out/$2" --data "${3:-$(data_of "$2")}" --split $split --json >"$out/$2.$split.json"
  printf '| %-48s | %s |\n' "$1" "$(python3 -c '
import json, sys
m = json.load(open(sys.argv[1]))
print("%.3f | %.3f" % (m["accuracy"], m["auc"]))' "$out/$2.$split.json")"
}
data_of() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["store"])' "$out/$1/data.json"; }

# NAME: one row of the table
simulated() {  # RUN MODEL EVENTS EPOCHS [HITS]
  train "$1" "$2" "$(store "$3")" "$4" ${5:+--set hits.rule="$5"}
  row "$2${5:+, hits $5}, 19 x $3, $4 epochs" "$1"
}
one() {
  case $1 in
    hybrid1k)  simulated $1 hybrid 1000 10 ;;
    hybrid4k)  simulated $1 hybrid 4000 10 ;;
    hybrid16k) simulated $1 hybrid 16000 5 ;;
    gat2k)     simulated $1 gat 2000 30 ;;
    gat16k)    simulated $1 gat 16000 8 ;;
    ccl | watershed | ccl_global) simulated "$1" gat 2000 30 "$1" ;;
    hybrid_geant4) train $1 hybrid "$(geant4)" 20; row "hybrid, Geant4, 20 epochs" $1 ;;
    gat_geant4)    train $1 gat "$(geant4)" 30; row "gat, Geant4, 30 epochs" $1 ;;
    transfer)      train hybrid4k hybrid "$(store 4000)" 10; row "hybrid, 19 x 4000, tested on Geant4" hybrid4k "$(geant4)" ;;
    *) echo "run.sh: there is no row $1" >&2; exit 64 ;;
  esac
}
[ $# -gt 0 ] || set -- hybrid1k hybrid4k gat2k ccl watershed ccl_global gat16k hybrid16k
for name in "$@"; do one "$name"; done
