#!/usr/bin/env bash
# Everything that only a machine with a GPU can show, in one command. From a build (build/cuda/bin) or from the folder
# that runtime/cmake/bundle.sh packed.
#   profiling/gpu_check.sh [PART...]
# Parts, all of them by default: tests emulator training memcheck racecheck initcheck synccheck benches nsys ncu.
# Each ends as "passed", "FAILED" or "not run: why"; results are DATE-DEVICE{.json,-check.log,.nsys-rep,.ncu-rep}.
# Settings: RESULTS=bench/results BIN=build/cuda/bin MIN_TIME=0.2 (seconds a bench) TEST_TIMEOUT=600 (a program)
# JOBS=4 (tests at once; benches run alone) PROGRAMS='*' (a pattern: only such programs, to do a part in pieces).
# Exit code: 1 if a part failed, 69 without a usable GPU, else 0.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 70
all_parts=(tests emulator training memcheck racecheck initcheck synccheck benches nsys ncu)
parts=("${@:-${all_parts[@]}}")
for p in "${parts[@]}"; do
  [[ " ${all_parts[*]} " == *" $p "* ]] && continue
  echo "gpu_check: no part '$p'; there are: ${all_parts[*]}" >&2
  exit 64
done
bin=${BIN:-bin}
[ -n "${BIN-}" ] || [ -x bin/calofuse ] || bin=build/cuda/bin
[ -x "$bin/calofuse" ] || { echo "gpu_check: build first: bash runtime/cmake/build.sh cuda" >&2; exit 66; }
bin=$(cd "$bin" && pwd)
results=${RESULTS:-bench/results}
export GOMP_SPINCOUNT=10000 PATH=$PATH:/usr/local/cuda/bin
# cuBLASLt and cuDNN, with which own kernels are compared, may lie in Python wheels.
wheels=$(python3 -c 'import glob, nvidia; print(":".join(d for p in nvidia.__path__ for d in glob.glob(p + "/*/lib")))' 2>/dev/null)
[ -z "$wheels" ] || export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$wheels
[ -n "${CALOFUSE_GOLDEN_DIR-}" ] || [ ! -d tests/golden/data ] || export CALOFUSE_GOLDEN_DIR=$PWD/tests/golden/data

doctor=$("$bin/calofuse" doctor 2>&1)
device=$(sed -n 's/^cuda  *//p' <<<"$doctor" | head -n 1)
if [ -z "$device" ] || [[ $device == none:* ]]; then
  reason=${device#none: }
  echo "not run: no usable GPU: ${reason:-$(tail -n 1 <<<"$doctor")}"
  exit 69
fi
mkdir -p "$results" || exit 73
stem=$results/$(date +%Y-%m-%d)-$(tr -cs 'A-Za-z0-9\n' '-' <<<"$device" | sed 's/^-*//; s/-*$//')
log=$stem-check.log
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
output=$folder/output  # of the last program
why=
summary=()
failed=0

say() { echo "$*" | tee -a "$log"; }
wanted() { [[ " ${parts[*]} " == *" $1 "* ]]; }
has() { command -v "$1" >/dev/null || { why="$1 is not installed"; return 1; }; }

# run COMMAND...: its output goes to the log and to $output.
run() {
  timeout "${TEST_TIMEOUT:-600}" "$@" >"$output" 2>&1
  local code=$?
  cat "$output" >>"$log"
  return $code
}

# part NAME TITLE FUNCTION...: the function returns 0 (passed), 77 (not run) or anything else; $why says more.
part() {
  local name=$1 title=$2 start=$SECONDS result
  shift 2
  if ! wanted "$name"; then
    result="not run: not asked for"
  else
    why=
    echo "==== $title" >>"$log"
    "$@"
    case $? in
      0) result="passed${why:+ ($why)}" ;;
      77) result="not run: ${why:-see the log}" ;;
      *) result="FAILED${why:+: $why}" failed=1 ;;
    esac
  fi
  summary+=("$(printf '%-30s %s' "$title" "$result")")
  printf '%-30s %s (%d s)\n' "$title" "$result" $((SECONDS - start)) | tee -a "$log"
}

# one_program FUNCTION PROGRAM: its result in $folder/codes, its log in the log once it has ended.
one_program() {
  local check=$1 program=$2 name code start=$SECONDS whole=$log words
  name=$(basename "$program")
  output=$folder/$name.output log=$folder/$name.log
  echo "---- $name" >"$log"
  "$check" "$program"
  code=$?
  case $code in 0) words=passed ;; 77) words="not run" ;; *) words=FAILED ;; esac
  echo $code >"$folder/codes/$name"
  cat "$log" >>"$whole"
  printf '  %-42s %s (%d s)\n' "$name" "$words" $((SECONDS - start)) | tee -a "$whole"
}

# each_program JOBS FUNCTION PROGRAM...: passed if the function returns 0 for every one.
each_program() {
  local jobs=$1 check=$2 program name good=0 bad=() missing=()
  shift 2
  rm -rf "$folder/codes"
  mkdir "$folder/codes"
  for program; do
    # shellcheck disable=SC2053  # a pattern
    [[ -x $program && $(basename "$program") == ${PROGRAMS:-*} ]] || continue
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
    one_program "$check" "$program" &
  done
  wait
  for program in "$folder"/codes/*; do
    [ -e "$program" ] || continue
    name=$(basename "$program")
    case $(cat "$program") in
      0) good=$((good + 1)) ;;
      77) missing+=("$name") ;;
      *) bad+=("$name") ;;
    esac
  done
  why="${bad[*]}"
  [ ${#bad[@]} -eq 0 ] || return 1
  why="${missing[*]:-no programs in $bin}"
  [ ${#missing[@]} -eq 0 ] && [ $good -gt 0 ] || return 77
  why="$good programs"
}

test_program() { run "$1" --gtest_brief=1; }
tests() {
  local program programs=()
  for program in "$bin"/*_gpu; do
    case $program in
      */sanitizer_canary_gpu | */models_backends_test_gpu | */emulator_*) ;;  # parts of their own
      *) programs+=("$program") ;;
    esac
  done
  each_program "${JOBS:-4}" test_program "${programs[@]}"
}
# What tests/emulator takes for granted about devices.
emulator() { each_program "${JOBS:-4}" test_program "$bin"/emulator_*_gpu; }
training() { each_program 1 test_program "$bin/models_backends_test_gpu"; }

# Clean means that the tool says so: its exit code knows nothing of warnings.
clean() { grep -Eq '(ERROR SUMMARY: 0 errors|RACECHECK SUMMARY: 0 hazards)' "$output"; }
# Kernels of cuBLASLt and cuDNN are not ours to judge, and take minutes to instrument.
sanitized() {
  CALOFUSE_TEST_TINY=1 run "${sanitizer[@]}" "$1" --gtest_brief=1 --gtest_filter='-Gemm.cublaslt*:Conv2dCudnn.agrees*' || return
  clean
}
# sanitize TOOL: it must report its planted bug and nothing about the same program without; then the kernel tests.
sanitize() {
  has compute-sanitizer || return 77
  local canary=$bin/sanitizer_canary_gpu
  sanitizer=(compute-sanitizer --tool "$1" --error-exitcode 99 --print-limit 5)
  # Probing the driver for newer functions is an API error, but none of ours; the tests check their own calls.
  [ "$1" != memcheck ] || sanitizer+=(--report-api-errors no)
  run "$canary" none || { why="the canary fails without a tool"; return 1; }
  if ! run "${sanitizer[@]}" "$canary" none || ! clean; then
    why="$1 does not work here: $(tail -n 1 "$output")"
    grep -q 'SUMMARY: [1-9]' "$output" && return 1
    return 77
  fi
  run "${sanitizer[@]}" "$canary" "$1"
  [ $? -eq 99 ] || { why="$1 does not report its canary"; return 1; }
  each_program "${JOBS:-4}" sanitized "$bin"/kernels_*_test_gpu
}

# bench_program PROGRAM: every case is timed by the device's clock, or says that it is not run.
bench_program() {
  local json
  json=$folder/json/$(basename "$1").json
  CALOFUSE_BENCH_DEVICE=cuda run "$1" --benchmark_out="$json" --benchmark_out_format=json \
    --benchmark_min_time="${MIN_TIME:-0.2}" || return
  awk -F'"' '
    $2 == "name" { if (open) bad = 1; open = ($4 !~ /manual_time/); cases++ }
    $2 == "error_message" { if ($4 ~ /^not run:/) open = 0; else bad = 1 }
    END { exit bad || open || !cases }' "$json"
}
profile_step() {
  local json=$folder/json/profile_$1_$2.json option=()
  [ "$2" = training ] || option=(--inference)
  echo "---- calofuse profile, $1, $2" >>"$log"
  run "$bin/calofuse" profile --device cuda --model "$1" --batch-size 1024 "${option[@]}" --json || return
  grep '^{' "$output" >"$json"
}
benches() {
  local code model kind bad file separator=
  mkdir -p "$folder/json"
  each_program 1 bench_program "$bin"/kernels_*_bench
  code=$? bad=$why
  for model in hybrid gat; do
    for kind in training inference; do
      profile_step $model $kind || { code=1 bad="${bad:+$bad }profile_${model}_$kind"; }
    done
  done
  {
    printf '{"device": "%s", "date": "%s", "results": {' "$device" "$(date +%Y-%m-%d)"
    for file in "$folder"/json/*.json; do
      [ -s "$file" ] || continue
      printf '%s\n"%s": ' "$separator" "$(basename "$file" .json)"
      cat "$file"
      separator=,
    done
    printf '}}\n'
  } >"$stem.json"
  why=$bad
  return $code
}

step=(profile --device cuda --model hybrid --batch-size 1024 --steps 8)
nsys_capture() {
  has nsys || return 77
  rm -f "$stem.nsys-rep"
  run nsys profile --cuda-graph-trace=node --force-overwrite true --output "$stem" "$bin/calofuse" "${step[@]}" && [ -s "$stem.nsys-rep" ]
}
ncu_capture() {
  has ncu || return 77
  rm -f "$stem.ncu-rep"
  run ncu --force-overwrite --clock-control none --set basic --launch-count 200 --export "$stem" "$bin/calofuse" "${step[@]}"
  local code=$?
  if grep -q ERR_NVGPUCTRPERM "$output"; then
    why="no permission to read the counters (ERR_NVGPUCTRPERM)"
    return 77
  fi
  [ $code -eq 0 ] && [ -s "$stem.ncu-rep" ]
}

{
  echo "$doctor"
  nvidia-smi --query-gpu=name,driver_version,clocks.max.sm,clocks.max.mem,power.limit --format=csv 2>&1
} >"$log"
echo "device: $device"
part tests "tests on the device" tests
part emulator "what the emulator believes" emulator
part training "20 steps, CPU against GPU" training
for tool in memcheck racecheck initcheck synccheck; do part $tool "compute-sanitizer $tool" sanitize $tool; done
part benches "benches" benches
part nsys "nsys" nsys_capture
part ncu "ncu" ncu_capture
say ""
say "summary, $device:"
for line in "${summary[@]}"; do say "  $line"; done
exit $failed
