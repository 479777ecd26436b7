#!/bin/sh
# Times UniDiag on a GPU beside PyTorch, and writes a Markdown table. Needs a Linux machine with PyTorch for CUDA (2.4 or later), a C++
# compiler and the folder that `node scripts/bundle-bench.mjs` makes, where this script lies too; no Node, no network.
#
#   sh gpu.sh [output file]          default: results.md in the current folder
#
# By environment: PYTHON (python3), DEVICE (cuda:0; cpu tries the whole path without a GPU), PRESETS ("small base"), PRECISIONS ("f32 bf16"),
# MODES of PyTorch ("eager compile"), ROUNDS (2), STEPS (20), WARMUP (5), WORK (a new temporary folder), PARITY and BENCH_TORCH (those of the folder).
# WORK keeps the addon and what torch.compile made: where commands are limited in time, name one, and call with one preset after the other.
# Ends with 1 when the parity check or a run failed; the table has what there is, also when it is stopped.
set -u
here=$(cd "$(dirname "$0")" && pwd)
output=${1:-results.md}
: "${PYTHON:=python3}" "${DEVICE:=cuda:0}" "${PRESETS:=small base}" "${PRECISIONS:=f32 bf16}" "${MODES:=eager compile}" "${ROUNDS:=2}" "${STEPS:=20}" "${WARMUP:=5}"
: "${WORK:=$(mktemp -d)}" "${PARITY:=$here/parity}" "${BENCH_TORCH:=$here/bench/bench_torch.py}"
backend=torch-gpu
[ "$DEVICE" = cpu ] && backend=torch && export CUDA_VISIBLE_DEVICES=
mkdir -p "$WORK"
runs=$WORK/runs.jsonl
: >"$runs"
status=0

gunzip -c "$here/node.gz" >"$WORK/node" && chmod +x "$WORK/node" || exit 1
export UNIDIAG_CACHE="$WORK/cache" TORCHINDUCTOR_CACHE_DIR="$WORK/inductor" TRITON_CACHE_DIR="$WORK/triton"
UNIDIAG_TORCH=$("$PYTHON" -c 'import os, torch; print(os.path.dirname(torch.__file__))') || exit 1
export UNIDIAG_TORCH

unidiag() { "$WORK/node" "$here/dist/unidiag.js" "$@"; }
in_torch() { "$PYTHON" "$here/torch_gpu.py" "$@"; }

# The table of what there is so far: a run that is stopped at a limit of time leaves it.
report() {
  echo "## $(date -u +%Y-%m-%d)"
  echo
  in_torch table "$runs" || status=1
  echo
  echo "Commands: \`node scripts/bundle-bench.mjs carry\`; there \`DEVICE=$DEVICE PRESETS=\"$PRESETS\" PRECISIONS=\"$PRECISIONS\" MODES=\"$MODES\" ROUNDS=$ROUNDS STEPS=$STEPS WARMUP=$WARMUP sh carry/gpu.sh\`."
  echo "Driver: $(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null || echo none); Node: $("$WORK/node" --version). Parity:"
  echo
  # Whole groups are in the log; here, what a reader has to know.
  sed -n -e "s|^$PARITY on |- |p" -e 's/^\(every group\|beyond tolerance\|FAILED\|error\)/  \1/p' "$WORK/parity.txt"
} >"$output"

# attempt <what> <command...>: the last line it prints is a run; what fails is told, and the others go on.
attempt() {
  what=$1
  shift
  echo "$what" >&2
  if "$@" >"$WORK/out" 2>"$WORK/err"; then
    tail -n 1 "$WORK/out" >>"$runs"
  else
    tail -n 20 "$WORK/err" >&2
    echo "{\"failed\": \"$what\"}" >>"$runs"
    status=1
  fi
  report
}
timed() {
  step=$(unidiag bench step --backend "$backend" --preset "$1" --precision "$2" --steps "$STEPS" --warmup "$WARMUP" --json) || return
  echo "{\"unidiag\": $step}"
}

echo "the addon is built, then the parity check runs" >&2
: >"$WORK/parity.txt"
for precision in $PRECISIONS; do
  unidiag parity "$PARITY" --backend "$backend" --precision "$precision" >>"$WORK/parity.txt" 2>&1 || status=1
done
cat "$WORK/parity.txt" >&2

attempt "large matrix products" in_torch peak "$DEVICE"
for round in $(seq "$ROUNDS"); do
  for preset in $PRESETS; do
    for precision in $PRECISIONS; do
      attempt "UniDiag, $preset, $precision" timed "$preset" "$precision"
      for mode in $MODES; do
        attempt "PyTorch $mode, $preset, $precision" in_torch time "$BENCH_TORCH" "$preset" "$precision" "$mode" "$DEVICE" "$STEPS" "$WARMUP"
      done
    done
  done
done

report
echo "written: $output" >&2
exit $status
