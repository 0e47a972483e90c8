#!/usr/bin/env bash
# Runs tests under sanitizers, each in a build of its own beside build/.
#
#   tests/sanitize.sh            AddressSanitizer, with its search for leaks, and
#                                UndefinedBehaviorSanitizer: small C++ tests of everything, and every
#                                operation of the Lua module twice
#   tests/sanitize.sh all        the same with larger C++ tests too, but for those of the Psalms and of
#                                thousands of items
#   tests/sanitize.sh lua        the same with nothing but the Lua module
#   tests/sanitize.sh thread     ThreadSanitizer: the tests of threads
#   tests/sanitize.sh valgrind   every operation of the Lua module under memcheck, with the library
#                                in build/, or that of VKC_LIBRARY
#
# Any report ends the run with an exit code that is not 0. What is known of others' code is left out by
# the *.supp files beside this one.
set -euo pipefail

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$tests/.."

# Only lavapipe, whose faults are known.
VK_DRIVER_FILES=$(compgen -G '/usr/share/vulkan/icd.d/lvp_icd.*.json' | head -n 1)
export VK_DRIVER_FILES

# build SANITIZERS FOLDER TARGET...
build() {
  local sanitizers=$1 folder=$2
  shift 2
  local generator=()
  if [[ ! -e $folder/CMakeCache.txt ]]; then generator=(-G Ninja); fi
  cmake -S . -B "$folder" "${generator[@]}" -DCMAKE_BUILD_TYPE=Debug -DVKC_BUILD_TESTS=ON \
    -DVKC_SANITIZE="$sanitizers"
  cmake --build "$folder" --parallel "$(nproc)" --target "$@"
}

run() {
  printf '\n== %s\n' "$*"
  "$@"
}

export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export LSAN_OPTIONS=suppressions=$tests/lsan.supp:print_suppressions=0
export UBSAN_OPTIONS=print_stacktrace=1

cpp_tests() {
  local bin=build-asan/bin
  if [[ $1 == all ]]; then
    build address,undefined build-asan all
    run $bin/reference_test
    run $bin/sizes_test
    run $bin/cases_test
    # Not host_memory_test, which brings its own operator new.
    run $bin/variants_test --gtest_filter=-*Large*
    run $bin/neighbors_test
  else
    build address,undefined build-asan c_program cases_test contexts_test devices_test \
      errors_test faults_test neighbors_test threads_test
    run $bin/cases_test
    run $bin/neighbors_test --gtest_filter='*/n?:*/n6?'
  fi
  run $bin/c_program
  run $bin/errors_test
  run $bin/devices_test
  run $bin/faults_test
  run $bin/threads_test
  # Freed memory is kept for a while, so that it would seem to grow.
  run $bin/contexts_test --gtest_filter=-*LeaveMemory*
}

lua_operations() {
  build address,undefined build-asan vulkan_compute
  # An interpreter that knows nothing of it is given the sanitizer first, and with it the library of
  # exceptions, which it must find at once. What Lua's memory points to is not seen as in use, so that
  # leaks cannot be told: see valgrind.
  local runtime
  runtime="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libstdc++.so)"
  run env LD_PRELOAD="$runtime" ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" \
    VKC_LIBRARY=build-asan/libvulkan_compute.so luajit tests/soak.lua 2
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
    build thread build-tsan threads_test
    # Which does not survive a fork.
    TSAN_OPTIONS=suppressions=$tests/tsan.supp run build-tsan/bin/threads_test \
      --gtest_filter=-Fork.*
    ;;
  valgrind)
    run valgrind --quiet --error-exitcode=1 --suppressions="$tests/valgrind.supp" --leak-check=full \
      --show-leak-kinds=definite --errors-for-leak-kinds=definite luajit tests/soak.lua 2
    ;;
  *)
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
