#!/usr/bin/env bash
# new.sh operator FAMILY/NAME [FOLDER]: header, checks, both twins, test and bench of a new operator
# new.sh model NAME [FOLDER]: header, source and test of a new model
# Written from runtime/cmake/templates into the source tree, or below FOLDER; they compile and pass as they are. Nothing is
# overwritten.
set -euo pipefail
cd "$(dirname "$0")/../.."
usage() { echo "usage: new.sh operator FAMILY/NAME [FOLDER] | new.sh model NAME [FOLDER]" >&2; exit 64; }
[ $# -ge 2 ] || usage
word='[a-z][a-z0-9_]*' name=${2#*/} to=${3-.}
case $1 in
  operator)
    [[ $2 =~ ^$word/$word$ ]] || usage
    files="op.hpp kernels/$2.hpp
op.cpp kernels/$2/$name.cpp
math.hpp kernels/$2/math.hpp
cpu.cpp kernels/$2/cpu.cpp
cuda.cu kernels/$2/cuda.cu
op_test.cpp tests/kernels/$2_test.cpp
op_bench.cpp bench/kernels/$2_bench.cpp"
    next="next: bin/kernels_${2/\//_}_test; runtime/cmake/tables.py; a layer in models/layers/"
    ;;
  model)
    [[ $2 =~ ^$word$ ]] || usage
    files="model.hpp models/$name.hpp
model.cpp models/$name.cpp
model_test.cpp tests/models/${name}_test.cpp"
    next="next: models/registry.cpp, with #include \"models/$name.hpp\", gets the line
    {\"$name\", \"what it is, in a few words\", ${name}_schema, make_$name},"
    ;;
  *) usage ;;
esac
type=$(sed -E 's/(^|_)([a-z0-9])/\U\2/g' <<<"$name")  # gather_rows -> GatherRows
while read -r _ file; do
  [ ! -e "$to/$file" ] || { echo "new.sh: $to/$file exists already" >&2; exit 73; }
done <<<"$files"
while read -r template file; do
  mkdir -p "$to/$(dirname "$file")"
  sed -e "s#kernels/dense/example#kernels/$2#g; s/Example/$type/g; s/example/$name/g" \
    "runtime/cmake/templates/$1/$template.in" >"$to/$file"
  ! command -v clang-format >/dev/null || clang-format -i --style=file:.clang-format "$to/$file"  # other names, other lines
  echo "$to/$file"
done <<<"$files"
echo "$next"
