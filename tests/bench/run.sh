#!/usr/bin/env bash
# Builds the benchmark, runs it with its LuaJIT and Python parts (and with PyTorch, where there is one with
# CUDA), and writes the tables to docs/benchmarks/DEVICE.md and the figures to build/bench.json,
# build/bench_lua.json and build/bench_python.json.
#
# usage: run.sh [OPTION...]   options of vulkan_compute_bench, such as --device llvmpipe --n 7797 --d 768
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
source scripts/packages.sh
install_missing "${BUILD_PACKAGES[@]}" "${RUN_PACKAGES[@]}" nlohmann-json3-dev libopenblas0 python3-numpy

generator=()
if [[ ! -e build/CMakeCache.txt ]]; then generator=(-G Ninja -DCMAKE_BUILD_TYPE=Release); fi
cmake -S . -B build "${generator[@]}" -DVKC_BUILD_BENCH=ON
cmake --build build --parallel "$(nproc)" --target vulkan_compute vulkan_compute_bench

torch=()
if python3 -c 'import sys, numpy, torch; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
  torch=(--torch run)
fi
build/bin/vulkan_compute_bench "${torch[@]}" "$@" \
  --json build/bench.json --write-embeddings build/bench.npy >build/bench.md

device=$(luajit -e 'print(require("cjson").decode(io.read("*a")).device.name)' <build/bench.json)
echo "LuaJIT" >&2
luajit tests/bench/lua_boundary.lua --embeddings build/bench.npy --device "$device" \
  --json build/bench_lua.json >build/bench_lua.md
echo "Python" >&2
/usr/bin/python3 tests/bench/python_boundary.py --device "$device" --json build/bench_python.json \
  >build/bench_python.md

slug=$(tr -cs '[:alnum:]' - <<<"${device,,}")
mkdir -p docs/benchmarks
{
  cat build/bench.md
  echo
  cat build/bench_lua.md
  echo
  cat build/bench_python.md
} >"docs/benchmarks/${slug%-}.md"
echo "docs/benchmarks/${slug%-}.md"
