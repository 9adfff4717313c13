#!/usr/bin/env bash
# Training steps of a model, CaloFuse against LibTorch: fp32, one thread, events per second of processor time.
#   bench/compare/focalh/run.sh [BIN_DIR]     (default build/cpu/bin; settings: MODEL=hybrid|gat ROUNDS=5 BATCH=1024 STEPS=10 WARMUP=3)
# The three programs run in turn, ROUNDS times, every other round in reverse order. A ratio is taken inside its round, so a
# machine that slows down or is shared weighs on both sides of it.
set -euo pipefail
export LC_ALL=C OMP_NUM_THREADS=1 GLOG_minloglevel=2
bin=${1:-$(dirname "$0")/../../../build/cpu/bin}
model=${MODEL:-hybrid} rounds=${ROUNDS:-5} batch=${BATCH:-1024} steps=${STEPS:-10} warmup=${WARMUP:-3}
for program in calofuse compare_${model}_libtorch; do
  [ -x "$bin/$program" ] || { echo "run.sh: $bin/$program is missing: install libtorch-dev, configure again, build" >&2; exit 66; }
done

# value KEY < JSON
value() { sed -n "s/.*\"$1\": \"\{0,1\}\([^\",}]*\).*/\1/p" | head -n 1; }
measure() {
  case $1 in
    calofuse) "$bin/calofuse" profile --device cpu --model "$model" --batch-size "$batch" --threads 1 --precision fp32 --steps "$steps" \
                --warmup "$warmup" --json ;;
    *) "$bin/compare_${model}_libtorch" "$1" "$batch" "$steps" "$warmup" ;;
  esac
}

doctor=$("$bin/calofuse" doctor --json)
torch=$("$bin/compare_${model}_libtorch" plain 8 1 0)
echo "$model training steps, fp32, one thread, batch $batch, $steps steps after $warmup, $rounds rounds; $(date -u +%F)"
echo "processor $(value model <<<"$doctor") ($(value isa <<<"$doctor")), $(value cores <<<"$doctor") cores, load $(cut -d ' ' -f 1 /proc/loadavg)"
echo "CaloFuse $(value version <<<"$doctor") $(value git <<<"$doctor"), $(value compiler <<<"$doctor"), LibTorch $(value torch <<<"$torch") with $(value blas <<<"$torch")"
echo
printf '%-7s %12s %12s %12s %11s %11s\n' round CaloFuse plain tuned "x plain" "x tuned"
for ((round = 1; round <= rounds; ++round)); do
  order=(calofuse plain tuned)
  ((round % 2)) || order=(tuned plain calofuse)
  declare -A speed=()
  for program in "${order[@]}"; do speed[$program]=$(measure "$program" | value events_per_cpu_s); done
  echo "$round ${speed[calofuse]} ${speed[plain]} ${speed[tuned]}"
done | awk '
  function rank(column, k,   i, j, v, x) {
    for (i = 1; i <= n; ++i) x[i] = cell[i, column]
    for (i = 2; i <= n; ++i) { v = x[i]; for (j = i - 1; j > 0 && x[j] > v; --j) x[j + 1] = x[j]; x[j + 1] = v }
    return k == "min" ? x[1] : k == "max" ? x[n] : n % 2 ? x[(n + 1) / 2] : (x[n / 2] + x[n / 2 + 1]) / 2
  }
  function line(name, a, b, c, d, e) { printf "%-7s %12.0f %12.0f %12.0f %11.2f %11.2f\n", name, a, b, c, d, e; fflush() }
  { ++n; for (i = 2; i <= 4; ++i) cell[n, i] = $i; cell[n, 5] = $2 / $3; cell[n, 6] = $2 / $4
    line($1, $2, $3, $4, cell[n, 5], cell[n, 6]) }
  END { split("min median max", k, " ")
        for (i = 1; i <= 3; ++i) line(k[i], rank(2, k[i]), rank(3, k[i]), rank(4, k[i]), rank(5, k[i]), rank(6, k[i])) }'
