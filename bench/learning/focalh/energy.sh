#!/usr/bin/env bash
# Energy of simulated events: the resolution of two networks over that of a linear fit to the total charge, on the same test
# events.  energy.sh PROGRAM OUT     19 files of 600 events, some two minutes of two cores
set -euo pipefail
export LC_ALL=C
[ $# -eq 2 ] || { sed -n '2,3s/^# *//p' "$0"; exit 64; }
program=$1 out=$2
mkdir -p "$out"
"$program" --quiet simulate --out "$out/beam" --events 600 >/dev/null
"$program" --quiet convert --overwrite --out "$out/beam.h5" "$out/beam" >/dev/null
train() {
  rm -rf "$out/$1"
  "$program" --quiet train --data "$out/beam.h5" --model "$1" --run-dir "$out/$1" --set task.target=energy_gev \
    --set task.missing=0 "${@:2}" >/dev/null
}
train hybrid --epochs 6
train fcn --epochs 8 --set model.inputs=adc --set model.dropout=0.05
/usr/bin/python3 - "$out" <<'PYTHON'
import csv
import sys

import h5py
import numpy as np

out = sys.argv[1]
store = h5py.File(out + "/beam.h5")
adc, energy = store["events/adc"][:], store["events/energy_gev"][:].astype(float)
channels = store["constants/channel_map"][:, 0]
pedestals = np.array([np.bincount(adc[:, c]).argmax() for c in range(adc.shape[1])])
charge = (adc.astype(float) - pedestals)[:, channels].sum(1)
row_of = {key: row for row, key in enumerate(zip(store["events/file_id"][:], store["events/event_index"][:]))}


def test_part(run):
    rows = list(csv.DictReader(open(f"{out}/{run}/predictions_test.csv")))
    where = np.array([row_of[int(r["file_id"]), int(r["event_index"])] for r in rows])
    return where, np.array([float(r["predicted.energy_gev"]) for r in rows])


test, _ = test_part("hybrid")
others = np.setdiff1d(np.flatnonzero(energy > 0), test)
fit = np.polyfit(charge[others], energy[others], 1)
of_fit = (np.polyval(fit, charge[test]) - energy[test]).std()
print(f"linear fit to the charge: resolution {of_fit:.2f} GeV, {len(test)} test events")
for run in ("hybrid", "fcn"):
    where, predicted = test_part(run)
    resolution = (predicted - energy[where]).std()
    print(f"{run}: resolution {resolution:.2f} GeV, {resolution / of_fit:.3f} of the fit")
PYTHON
