#!/usr/bin/env bash
# no_device_test.sh GPU_CHECK BIN: without a GPU the script says so, exits with 69 and leaves nothing behind.
[ -e /dev/nvidiactl ] && exit 77
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
output=$(BIN=$2 RESULTS=$folder/results "$1" 2>&1)
code=$?
echo "$output"
[ $code -eq 69 ] && [[ $output == "not run: no usable GPU: "?* ]] && [ ! -e "$folder/results" ]
