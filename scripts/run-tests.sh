#!/usr/bin/env bash
# Installs what the tests need, builds, checks style, and runs all tests. The last line says how many
# passed and failed.
#
# usage: run-tests.sh         all: half an hour on two CPU cores
#        run-tests.sh fast    what takes seconds, without checking style, and builds no more than it needs
set -euo pipefail

if (($# > 1)) || [[ ${1:-fast} != fast ]]; then
  sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
fast=${1:-}

# Tests of what is shown on terminals make some, which a root of its own (chroot) may have no place for.
if [[ ! -e /dev/pts/ptmx && $EUID == 0 ]]; then
  exec unshare --mount --propagation unchanged bash -c \
    'mount --make-private /dev && mount -t devpts devpts /dev/pts && exec "$0" "$@"' \
    "$(realpath "${BASH_SOURCE[0]}")" "$@"
fi

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
source scripts/packages.sh
jobs=$(nproc)
# Kernels that tests compile stay out of the user's own cache.
export MESA_SHADER_CACHE_DIR=$root/build/shader_cache

# Tests compute on lavapipe, so that they are the same on every machine.
install_missing "${BUILD_PACKAGES[@]}" "${RUN_PACKAGES[@]}" mesa-vulkan-drivers \
  vulkan-validationlayers libgtest-dev nlohmann-json3-dev lua-busted lua-check clang-format clang-tidy \
  python3-numpy python3-pytest python3-pyflakes python3-pip python3-setuptools python3-wheel \
  python3-venv python3-matplotlib lua5.4 nodejs curl pkgconf luarocks mandoc locales jq \
  doxygen lua-ldoc esbuild slurmctld slurmd slurm-client munge iproute2 procps parallel bzip2 \
  xz-utils zstd file dpkg-dev
install_if_known lua-discount
# Fresh roots may not know localhost, which Slurm asks for.
if [[ ! -e /etc/hosts && $EUID == 0 ]]; then echo '127.0.0.1 localhost' >/etc/hosts; fi
if [[ ! $fast ]]; then
  install_missing chromium-headless-shell
  if ! command -v npm >/dev/null; then install_missing npm; fi
  npm ci --prefix tests/explore --no-audit --no-fund --loglevel=error
fi

step() { printf '\n== %s\n' "$*"; }

step "build"
generator=()
if [[ ! -e build/CMakeCache.txt ]]; then generator=(-G Ninja); fi
cmake --preset dev "${generator[@]}"
cmake --build build --parallel "$jobs" ${fast:+--target fast_tests}

check_style() {
  step "clang-format"
  find src include shaders tests -name '*.[ch]' -o -name '*.[ch]pp' |
    xargs clang-format --dry-run --Werror

  step "clang-tidy"
  # clang reads no precompiled headers of GCC.
  mkdir -p build/tidy
  sed -E 's/ -Winvalid-pch//; s/ -include [^ ]*cmake_pch\.hxx//' build/compile_commands.json \
    >build/tidy/compile_commands.json
  find src -name '*.cpp' -print0 |
    xargs -0 -n 1 -P "$jobs" clang-tidy --quiet -p build/tidy --warnings-as-errors='*' 2> >(
      grep -v -E '^[0-9]+ warnings? generated|^Suppressed|^Use -header-filter' >&2 || true)

  step "luacheck"
  luacheck --quiet lua scripts bin/vulkan-compute tests docs

  step "pyflakes"
  /usr/bin/python3 -m pyflakes python tests
}
if [[ ! $fast ]]; then check_style; fi

# counted LABEL COMMAND...: runs a test runner, shows what it says and keeps it for counting.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed_runners=0
counted() {
  step "$1"
  shift
  if ! "$@" 2>&1 | tee "$log"; then failed_runners=$((failed_runners + 1)); fi
}
# number PATTERN: the number that the runner's summary has there.
number() { sed -n -E "s/$1/\\1/p" "$log" | tail -n 1; }

counted "ctest" ctest --test-dir build --output-on-failure --parallel "$jobs" ${fast:+-L fast}
total=$(number '.*tests failed out of ([0-9]+).*')
failed=$(number '.*, ([0-9]+) tests? failed out of.*')
passed=$((${total:-0} - ${failed:-0}))

counted "busted" busted --lua=luajit ${fast:+--run=fast}
successes=$(number '^([0-9]+) success.*')
unsuccessful=$(number '.* \/ ([0-9]+) failure.*')
errors=$(number '.* \/ ([0-9]+) error.*')
pending=$(number '.* \/ ([0-9]+) pending.*')
passed=$((passed + ${successes:-0}))
# A test left out is no test passed.
failed=$((${failed:-0} + ${unsuccessful:-0} + ${errors:-0} + ${pending:-0}))

if [[ ! $fast ]]; then
  counted "the explorer page, in Chromium" timeout 900 node --test --test-reporter=tap \
    tests/explore/explore.test.mjs
  page_passed=$(number '^# pass ([0-9]+)$')
  page_failed=$(number '^# fail ([0-9]+)$')
  page_cancelled=$(number '^# cancelled ([0-9]+)$')
  passed=$((passed + ${page_passed:-0}))
  failed=$((failed + ${page_failed:-0} + ${page_cancelled:-0}))
  counted "memory over many rounds" luajit tests/tools/soak.lua 60
  counted "random operations" luajit tests/tools/random_operations.lua 60
  counted "sanitizers" tests/tools/sanitize.sh lua
fi

# A runner that fails without counting why, or that runs nothing, fails too.
if ((failed_runners > 0 && failed == 0)) || ((${total:-0} == 0 || ${successes:-0} == 0)); then
  failed=$((failed + 1))
fi
echo
echo "$passed passed, $failed failed"
((failed == 0))
