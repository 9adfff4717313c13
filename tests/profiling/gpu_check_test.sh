#!/usr/bin/env bash
# gpu_check_test.sh GPU_CHECK: what gpu_check.sh makes of programs and tools that pass, fail, lie or are missing. All of
# them are fakes, so that this runs anywhere; what they do is told by the variables FAKE_*.
set -uo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch"/{profiling,bin,tools}
cp "$1" "$scratch/profiling/gpu_check.sh"
cd "$scratch" || exit 1

fake() { cat >"$1"; chmod +x "$1"; }
fake bin/calofuse <<'SH'
#!/bin/sh
case $1 in
  doctor) echo "cuda       ${FAKE_DEVICE-NVIDIA H100 80GB}"; exit "${FAKE_DOCTOR-0}" ;;
  profile) echo '{"model": "fake"}' ;;
esac
SH
for name in kernels_a_test_gpu kernels_b_test_gpu models_backends_test_gpu emulator_kernels_gpu; do
  fake bin/$name <<'SH'
#!/bin/sh
[ "$(basename "$0")" = "${FAKE_BAD-}" ] && exit "${FAKE_CODE-1}"
exit 0
SH
done
fake bin/sanitizer_canary_gpu <<'SH'
#!/bin/sh
exit 0
SH
fake bin/kernels_a_bench <<'SH'
#!/bin/sh
for argument; do
  case $argument in
    --benchmark_out=*) cat >"${argument#*=}" <<JSON
{"benchmarks": [
{
      "name": "a/${FAKE_CLOCK-manual_time}",
      "run_name": "a"
},
{
      "name": "b",
      "error_message": "${FAKE_ERROR-not run: only for the CPU}"
}]}
JSON
    ;;
  esac
done
SH
fake tools/compute-sanitizer <<'SH'
#!/bin/bash
[ "${FAKE_SANITIZER-}" = broken ] && { echo "========= Error: Unsupported device"; exit 1; }
tool=$2 words="ERROR SUMMARY:" unit="errors"
[ $tool = racecheck ] && words="RACECHECK SUMMARY:" unit="hazards displayed"
bugs=0 code=0
while [ $# -gt 0 ] && [[ $1 != */* ]]; do shift; done
case "${FAKE_SANITIZER-}:$(basename "$1"):$2" in
  blind:*) ;;
  *:sanitizer_canary_gpu:none) ;;
  *:sanitizer_canary_gpu:$tool) bugs=1 code=99 ;;
  warns:kernels_b_test_gpu:*) bugs=2 ;;
esac
echo "========= $words $bugs $unit"
exit $code
SH
fake tools/nsys <<'SH'
#!/bin/sh
[ "${FAKE_TRACE-}" = none ] && exit 0
while [ "$1" != --output ]; do shift; done
echo trace >"$2.nsys-rep"
SH
fake tools/ncu <<'SH'
#!/bin/sh
[ "${FAKE_COUNTERS-}" = none ] && { echo "==ERROR== ERR_NVGPUCTRPERM"; exit 1; }
while [ "$1" != --export ]; do shift; done
echo counters >"$2.ncu-rep"
SH

failures=0
# expect CODE PATTERN SETTING...: the exit code and a piece of the output of gpu_check.sh under these settings.
expect() {
  local code=$1 text=$2 output got
  shift 2
  output=$(env -u BIN -u RESULTS PATH="$scratch/tools:$PATH" RESULTS="$scratch/results" "$@" 2>&1)
  got=$?
  if [ $got -ne "$code" ] || [[ $output != *$text* ]]; then
    printf 'with %s: exit code %s, wanted %s and "%s" in\n%s\n' "$*" $got "$code" "$text" "$output"
    failures=$((failures + 1))
  fi
}
check=profiling/gpu_check.sh
expect 69 "not run: no usable GPU: no driver" FAKE_DEVICE="none: no driver" $check
expect 69 "not run: no usable GPU" FAKE_DEVICE= FAKE_DOCTOR=1 $check
expect 64 "no part 'nonsense'" $check nonsense
expect 66 "build first" BIN=/nonexistent $check
expect 0 "tests on the device            passed (2 programs)*what the emulator believes     passed (1 programs)*racecheck    passed (2 programs)*ncu            *passed" $check
expect 0 "benches                        not run: not asked for" $check tests
[ -s results/"$(date +%Y-%m-%d)-NVIDIA-H100-80GB.ncu-rep" ] || { echo "no captures"; failures=$((failures + 1)); }
grep -q '"profile_gat_training": {"model": "fake"}' results/*.json || { echo "no JSON"; failures=$((failures + 1)); }
if command -v python3 >/dev/null; then
  python3 -m json.tool results/*.json >/dev/null || failures=$((failures + 1))
fi
expect 1 "what the emulator believes     FAILED: emulator_kernels_gpu" FAKE_BAD=emulator_kernels_gpu $check emulator
expect 1 "tests on the device            FAILED: kernels_b_test_gpu" FAKE_BAD=kernels_b_test_gpu JOBS=1 $check tests
expect 0 "tests on the device            passed (1 programs)" FAKE_BAD=kernels_b_test_gpu PROGRAMS='*_a_*' $check tests
expect 0 "tests on the device            not run: kernels_a_test_gpu" FAKE_BAD=kernels_a_test_gpu FAKE_CODE=77 $check tests
expect 1 "20 steps, CPU against GPU      FAILED" FAKE_BAD=models_backends_test_gpu $check training
expect 1 "memcheck     FAILED: memcheck does not report its canary" FAKE_SANITIZER=blind $check memcheck
expect 0 "memcheck     not run: memcheck does not work here" FAKE_SANITIZER=broken $check memcheck
expect 1 "racecheck    FAILED: kernels_b_test_gpu" FAKE_SANITIZER=warns $check racecheck
expect 1 "benches                        FAILED: kernels_a_bench" FAKE_CLOCK=no_clock $check benches
expect 1 "benches                        FAILED: kernels_a_bench" FAKE_ERROR="out of memory" $check benches
expect 1 "nsys                           FAILED" FAKE_TRACE=none $check nsys
expect 0 "ncu                            not run: no permission" FAKE_COUNTERS=none $check ncu
rm tools/*
expect 0 "synccheck    not run: compute-sanitizer is not installed" $check synccheck
expect 0 "nsys                           not run: nsys is not installed" $check nsys
rm bin/kernels_*
expect 0 "benches                        not run: no programs" $check benches
[ $failures -eq 0 ] && echo "as expected"
