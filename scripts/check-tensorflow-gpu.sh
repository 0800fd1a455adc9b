#!/usr/bin/env bash
# Checks the tensorflow backend on this machine's NVIDIA GPU: builds the addon against TensorFlow's wheel with GPU support, fetches the CUDA
# libraries that this wheel asks for, then runs the backend's tests, short training runs and the benchmarks. Prints a report, kept in
# FOLDER/report.txt; fails when a check does. Needs what scripts/install-tensorflow.sh needs, `npm ci`, NVIDIA's driver, and about 8 GB of
# disk.
#
#   scripts/check-tensorflow-gpu.sh [FOLDER]     default: .peers/tensorflow-gpu in the repository
#
# AMPC_TF_WHEEL names another wheel than tensorflow==2.21.*. ANY_DEVICE=1 goes on without a GPU and
# without CUDA libraries: a trial of this script.
set -uo pipefail
cd "$(dirname "$0")/.."
folder=${1:-$PWD/.peers/tensorflow-gpu}
wheel=${AMPC_TF_WHEEL:-tensorflow==2.21.*}

fail() {
  echo "check-tensorflow-gpu: $*" >&2
  exit 1
}

if [ -z "${ANY_DEVICE:-}" ]; then
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader || fail 'no NVIDIA GPU: nvidia-smi does not answer'
fi

AMPC_TFJS_BINDING=$(AMPC_TF_WHEEL=$wheel scripts/install-tensorflow.sh "$folder") || fail 'no TensorFlow'
export AMPC_TFJS_BINDING
folder=$(cd "$folder" && pwd)

# The wheel's own list of CUDA libraries, those of its extra `and-cuda`.
mapfile -t cuda < <(sed -nE 's/^Requires-Dist: (nvidia-[^;]*);.*and-cuda.*/\1/p' "$folder"/wheel/*.dist-info/METADATA | tr -d ' ()')
if [ -z "${ANY_DEVICE:-}" ] && [ "${#cuda[@]}" -gt 0 ] && [ ! -d "$folder/cuda/nvidia" ]; then
  python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$folder/cuda" "${cuda[@]}" || fail 'pip could not fetch the CUDA libraries'
fi
for library in "$folder"/cuda/nvidia/*/lib; do
  if [ -d "$library" ]; then export LD_LIBRARY_PATH="$library${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"; fi
done

npm run --silent build || fail 'ampc does not build'

failures=0
report=$folder/report.txt
: >"$report"
# check NAME COMMAND...: runs the command and writes what it prints to the report.
check() {
  local name=$1
  shift
  echo "== $name: $*" | tee -a "$report"
  if ! "$@" 2>&1 | grep --line-buffered -v -e oneDNN -e 'before absl::InitializeLog' | tee -a "$report"; then
    echo "== FAILED: $name" | tee -a "$report"
    failures=$((failures + 1))
  fi
}

ampc() { node dist/cli/main.js "$@"; }
uses_gpu() {
  local backends
  backends=$(ampc backends 2>/dev/null)
  echo "$backends"
  [ -n "${ANY_DEVICE:-}" ] || grep -A 6 '^tensorflow' <<<"$backends" | grep -q 'GPU: yes'
}

check 'a GPU is used' uses_gpu
check 'tests' npx mocha 'test/tensorflow/**/*.test.ts'
for precision in fp32 fp16 bf16; do
  check "SimpleCNN, $precision" ampc bench examples/simple-cnn.amp --backend tensorflow --precision "$precision" --steps "${STEPS:-200}"
  check "ResNet-18, $precision" ampc bench examples/resnet18.amp --backend tensorflow --precision "$precision" --batch "${BATCH:-128}" --steps "${RESNET_STEPS:-20}"
done
check 'against the public API' npx tsx bench/tensorflow.ts --peers "$folder"
if [ "$failures" -gt 0 ]; then fail "$failures checks failed; the report is $report"; fi
echo "all checks passed; the report is $report"
