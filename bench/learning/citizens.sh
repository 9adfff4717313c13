#!/usr/bin/env bash
# What the networks on other data reach: citizens.sh CALOFUSE OUT QG_NPZ JETCLASS_NPZ JETS_FOLDER
#   QG_NPZ        images of quark and gluon jets: X_jets (N, 3, 125, 125), pt, m0, y
#   JETCLASS_NPZ  ten classes of jets: jet_*, part_*, start, label
#   JETS_FOLDER   p4_f32.npy, offsets_i32.npy, jet_f32.npy, label_u8.npy: QCD and top jets as particles
# Five divisions of the same events at random, a fifth is the test part; one line per run, then the means.
set -euo pipefail
calofuse=$(realpath "$1") out=$2 qg=$(realpath "$3") jetclass=$(realpath "$4") jets=$(realpath "$5")
here=$(cd "$(dirname "$0")/../.." && pwd)
recipes=$here/io/import/recipes
mkdir -p "$out"
cp "$recipes/top_qcd_binary.toml" "$out/top.toml"
ln -sf "$jets"/*.npy "$out/"
"$calofuse" -q convert --overwrite --columns "$recipes/qg_images.toml" --out "$out/images.h5" "$qg"
"$calofuse" -q convert --overwrite --columns "$recipes/jetclass.toml" --out "$out/table.h5" "$jetclass"
"$calofuse" -q convert --overwrite --columns "$out/top.toml" --out "$out/jets.h5"

# run NAME FIGURE DATA MODEL [OPTION...]
run() {
  local name=$1 figure=$2 data=$3 model=$4
  shift 4
  local values=()
  for seed in 1 2 3 4 5; do
    rm -rf "$out/$name-$seed"
    "$calofuse" -q train --json --data "$out/$data.h5" --model "$model" --run-dir "$out/$name-$seed" \
      --set split.seed=$seed "$@" >"$out/$name-$seed.json"
    values+=("$(sed -n '/"test"/,/}/s/.*"'"$figure"'": \([0-9.]*\).*/\1/p' "$out/$name-$seed.json")")
    echo "$name, division $seed: $figure ${values[-1]}"
  done
  printf '%s\n' "${values[@]}" | awk -v name="$name" -v figure="$figure" \
    '{s += $1; q += $1 * $1} END {m = s / NR; printf "%s: mean %s %.4f, deviation %.4f\n", name, figure, m, sqrt(q / NR - m * m)}'
}
run quark_gluon_fixed auc images quark_gluon --config "$here/models/presets/quark_gluon_fixed.toml" --epochs 8
run edge_conv_particles auc jets edge_conv --epochs 8 --set train.batch_size=128
run fcn_table accuracy table fcn --set model.inputs=jet --set train.batch_size=64 --epochs 40 --set model.dropout=0.05 \
  --set train.learning_rate=3e-4 --set train.weight_decay=1e-4
