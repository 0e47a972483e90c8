#!/usr/bin/env bash
# Installs the library, moves it, and uses it with the source tree out of sight. Where this user may not
# mount, so that the tree cannot be hidden, nothing that was installed, built with it or loaded by its
# programs may name the tree. The last line says which way it went.
#
# usage: install_test.sh CMAKE GENERATOR SOURCE_TREE BUILD_TREE VERSION
set -euo pipefail

export cmake=$1 CMAKE_GENERATOR=$2 source=$3 build=$4 version=$5
work=$(mktemp -d)
cp "$source/tests/tools/grep_paths.sh" "$work"
export work prefix=$work/moved grep_paths=$work/grep_paths.sh
trap 'rm -rf "$work"' EXIT
unset VKC_LIBRARY LUA_PATH LUA_CPATH LD_LIBRARY_PATH PKG_CONFIG_PATH CMAKE_PREFIX_PATH DESTDIR

# expect WHAT EXPECTED ACTUAL
expect() {
  if [[ $2 == "$3" ]]; then return; fi
  printf '%s: expected\n%s\nbut it is\n%s\n' "$1" "$2" "$3" >&2
  exit 1
}

# expect_no_trees WHAT PLACE...: no file of these places names where the library was built or staged.
expect_no_trees() {
  local what=$1 found=0
  shift
  "$grep_paths" "$source" "$build" "$work/staged" -- "$@" || found=$?
  if ((found == 1)); then return; fi
  echo "$what: they name the place the library was built in, or cannot be read" >&2
  exit 1
}

use_from_cmake() {
  "$cmake" -S "$work/consumers" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$prefix" \
    -DEXPECTED_VERSION="$version"
  "$cmake" --build "$work/cmake"
  expect "a C++ program found by find_package" "0 2 3 1 $version" "$("$work/cmake/walk")"
}

use_from_pkg_config() {
  export PKG_CONFIG_PATH=$1/pkgconfig
  expect "pkg-config" "$version" "$(pkg-config --modversion vulkan_compute)"
  # shellcheck disable=SC2046
  cc -std=c99 -Wall -Wextra -pedantic -Werror "$work/consumers/similarity.c" -o "$work/similarity" \
    $(pkg-config --cflags --libs vulkan_compute) \
    -Wl,-rpath,"$(pkg-config --variable=libdir vulkan_compute)"
  expect "a C program found by pkg-config" "1.000 0.960" "$("$work/similarity")"
}

use_from_luajit() {
  expect "a LuaJIT script" $'0 2 3 1\t'"$version" \
    "$(LUA_PATH="$prefix/share/lua/5.1/?.lua;;" luajit "$work/consumers/walk.lua")"
}

use_command() {
  local program
  mkdir "$work/links"
  ln -s ../moved/bin/vulkan-compute "$work/links/linked"
  for program in "$prefix/bin/vulkan-compute" "$work/links/linked" ../"${work##*/}"/links/linked; do
    expect "$program" '{"devices":[{' "$(cd "$work" && "$program" devices --json | head -c 13)"
  done
  cd /
  PATH=$prefix/bin:$PATH
  expect "--version" "vulkan-compute $version (definition 1)" "$(vulkan-compute --version)"
  vulkan-compute cache "$work/psalms.npy" "$work/cache.npy" --length 3 --quiet
  vulkan-compute verify "$work/psalms.npy" "$work/cache.npy"
  expect "the manual" "vulkan-compute(1)" "$(sed -n 's/^\.TH VULKAN-COMPUTE 1 .*/vulkan-compute(1)/p' \
    "$prefix/share/man/man1/vulkan-compute.1")"
}

use_all() {
  set -euo pipefail
  cd /
  local library
  library=$(find "$prefix" -name libvulkan_compute.so)
  expect "the library's name" "$(dirname "$library")/libvulkan_compute.so.${version%%.*}" \
    "$(dirname "$library")/$(objdump -p "$library" | sed -n 's/ *SONAME *//p')"
  expect "the library's own search path" "" "$(objdump -p "$library" | grep -E 'R(UN)?PATH' || true)"
  use_from_cmake
  use_from_pkg_config "$(dirname "$library")"
  use_from_luajit
  use_command
  test -s "$prefix/share/doc/vulkan_compute/LICENSE"
}

DESTDIR=$work/staged "$cmake" --install "$build" --prefix /opt/vulkan_compute
mv "$work/staged/opt/vulkan_compute" "$prefix"
cp -r "$source/tests/consumers" "$source/data/psalms.npy" "$work"
expect_no_trees "installed files" "$prefix"

# Where this user may mount: with the trees gone, as it is on another machine.
export -f expect use_from_cmake use_from_pkg_config use_from_luajit use_command use_all
hide=$(printf 'mount -t tmpfs none %q && mkdir -p %q && mount -t tmpfs none %q' \
  "$source" "$build" "$build")
for unshare in "unshare --mount" "unshare --mount --map-root-user"; do
  if $unshare sh -c "$hide" 2>/dev/null; then
    $unshare bash -c "$hide && test ! -e '$source/tests' && use_all"
    echo "used with the source tree out of sight"
    exit 0
  fi
done

# Elsewhere: with the dynamic linker telling what it looks for and loads, in every process.
mkdir "$work/loaded"
(
  export LD_DEBUG=libs,files LD_DEBUG_OUTPUT=$work/loaded/by
  use_all
)
expect_no_trees "programs built with the installed library" "$work/cmake" "$work/similarity"
expect_no_trees "what programs look for and load" "$work/loaded"
for program in walk similarity luajit; do
  mapfile -t runs < <(grep -lrE "initialize program: (.*/)?$program\$" "$work/loaded")
  if ! grep -qE "calling init: $prefix/.*/libvulkan_compute\.so" "${runs[@]}" /dev/null; then
    echo "the dynamic linker does not tell that $program loaded the installed library" >&2
    exit 1
  fi
done
echo "used with the source tree in sight, which may not be hidden here: nothing names it"
