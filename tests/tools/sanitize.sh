#!/usr/bin/env bash
# Runs tests under sanitizers, each in a build of its own beside build/.
#
#   sanitize.sh            AddressSanitizer, with its search for leaks, and
#                          UndefinedBehaviorSanitizer: some of every C++ test, and every operation
#                          of the Lua module twice
#   sanitize.sh all        the same with all of every C++ test, but for what is said below
#   sanitize.sh lua        the same with nothing but the Lua module
#   sanitize.sh thread     ThreadSanitizer: the tests of threads, the program's and the library's
#   sanitize.sh valgrind   every operation of the Lua module under memcheck, with the library
#                          in build/, or that of VKC_LIBRARY
#
# C++ tests that are not named here are run as a whole.
# Any report ends the run with an exit code that is not 0. What is known of others' code is left out by
# the *.supp files beside this one.
set -euo pipefail

tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$tools/../.."

# Only lavapipe, whose faults are known.
VK_DRIVER_FILES=$(compgen -G '/usr/share/vulkan/icd.d/lvp_icd*.json' | head -n 1) || {
  echo "lavapipe is not installed: mesa-vulkan-drivers" >&2
  exit 1
}
export VK_DRIVER_FILES MESA_SHADER_CACHE_DIR=$PWD/build/shader_cache

# build PRESET TARGET...: into build-PRESET.
build() {
  local preset=$1 generator=()
  shift
  if [[ ! -e build-$preset/CMakeCache.txt ]]; then generator=(-G Ninja); fi
  cmake --preset "$preset" "${generator[@]}"
  cmake --build --preset "$preset" --parallel "$(nproc)" --target "$@"
}

run() {
  printf '\n== %s\n' "$*"
  "$@"
}

export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export LSAN_OPTIONS=suppressions=$tools/lsan.supp:print_suppressions=0
export UBSAN_OPTIONS=print_stacktrace=1

# Tests that are run, and those left out, by their programs' names.
accounted=()

# cpp_test NAME [FILTER]: of a filter, all must still name tests.
cpp_test() {
  local name=$1 filter=${2:-*} patterns pattern
  accounted+=("$name")
  IFS=: read -ra patterns <<<"$filter"
  for pattern in "${patterns[@]}"; do
    # Names of tests are indented; what else is printed is not.
    if [[ $("$bin/$name" --gtest_list_tests --gtest_filter="${pattern#-}") != *$'\n  '* ]]; then
      echo "$name has no test named $pattern" >&2
      exit 1
    fi
  done
  run "$bin/$name" --gtest_filter="$filter"
}

# left_out NAME WHY...
left_out() {
  accounted+=("$1")
  printf '\n== %s is left out: %s\n' "$1" "${*:2}"
}

# The tests of the build that were neither run nor left out.
other_cpp_tests() {
  local names name
  names=$(ctest --test-dir "${bin%/bin}" -N | sed -n 's/^ *Test *#[0-9]*: \(.*_test\)$/\1/p')
  for name in ${names:?no tests in the build}; do
    if [[ " ${accounted[*]} " != *" $name "* ]]; then cpp_test "$name"; fi
  done
}

cpp_tests() {
  bin=build-asan/bin
  build asan all
  # The sanitizer's own memory is beyond the limits that it sets.
  cpp_test available_memory_test '-*Limits*'
  run $bin/c_program
  # Freed memory is kept for a while, so that it would seem to grow; and the peak of a process is that
  # of the sanitizer's memory, too.
  cpp_test contexts_test '-*LeaveMemory*'
  cpp_test plan_test '-HostMemory.*'
  left_out host_memory_test "it brings its own operator new, which is the sanitizer's place"
  if [[ $1 == all ]]; then
    # Ten walks of the Psalms by their centroids take minutes, and are not the library's.
    cpp_test definition_test '-*TenSampledWalks*'
  else
    cpp_test definition_test 'Definition.*'
    cpp_test psalms_test '*Similarities/AsTheyAre'
    cpp_test sizes_test 'Rows.*:*n6?_*'
    cpp_test walks_test '*/WalkVariants.*SmallBlocks:FastestVariant.*'
    # With the work that the library splits over threads.
    cpp_test variants_test '*/Variants.*:Blocks.*:*RowsInPieces/Discrete:*/LargeUploads.*'
    cpp_test neighbors_test '*/n?:*/n6?:*/n1031'
    cpp_test orders_test '-*Sizes*:*ManyItems*'
    cpp_test queries_test 'Queries.*'
  fi
  other_cpp_tests
}

lua_operations() {
  build asan vulkan_compute
  # An interpreter that knows nothing of it is given the sanitizer first, and with it the library of
  # exceptions, which it must find at once. What Lua's memory points to is not seen as in use, so that
  # leaks cannot be told: see valgrind.
  local runtime
  runtime="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libstdc++.so)"
  run env LD_PRELOAD="$runtime" ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" \
    VKC_LIBRARY=build-asan/libvulkan_compute.so luajit tests/tools/soak.lua 2
}

case ${1:-} in
  "" | all)
    cpp_tests "${1:-small}"
    lua_operations
    ;;
  lua)
    lua_operations
    ;;
  thread)
    build tsan walks_test host_threads_test neighbors_test threads_test variants_test
    export TSAN_OPTIONS=suppressions=$tools/tsan.supp
    bin=build-tsan/bin
    cpp_test host_threads_test
    # The sanitizer does not survive a fork.
    cpp_test threads_test '-Fork.*'
    # Enough work that the library splits it over threads: rows to prepare and to send, copied from
    # the device or mapped; neighbours to hand over; walks to compare.
    cpp_test variants_test '*RowsInPieces/Discrete:*RowsInPieces/Integrated:*/LargeUploads.*'
    cpp_test neighbors_test '*/n1031:*ManyNeighbors/AsItIs'
    cpp_test walks_test '*/WalkVariants.WalksThatMeet/*'
    ;;
  valgrind)
    run valgrind --quiet --error-exitcode=1 --suppressions="$tools/valgrind.supp" --leak-check=full \
      --show-leak-kinds=definite --errors-for-leak-kinds=definite luajit tests/tools/soak.lua 2
    ;;
  *)
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
