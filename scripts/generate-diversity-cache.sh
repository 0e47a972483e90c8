#!/usr/bin/env bash
# From nothing to a diversity cache: installs what is missing, builds, computes, verifies the result and
# shows some of it.
#
# usage: generate-diversity-cache.sh                                   the Psalms, of this repository
#        generate-diversity-cache.sh EMBEDDINGS CACHE.npy [OPTION...]
#
# Options are those of compute-diversity-cache.lua, such as --center. Texts for the items are taken from
# NAME.jsonl, for embeddings in NAME.npy, {"id": .., "text": ..} a line, where there is such a file: then pages are
# shown of some, what lies far from them and what is like them, and of the Psalms there is a page at the end, in which
# all can be looked at: build/psalms.html.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/scripts/packages.sh"

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
if [[ ${1:-} == --help || ${1:-} == -h ]]; then
  usage
  exit 0
elif (($# == 1)) || [[ ${1:-} == -* ]]; then
  usage >&2
  exit 2
fi
shown=(0) page=
if (($# == 0)); then
  page=$root/build/psalms.html
  set -- "$root/data/psalms.npy" "$root/build/psalms_diversity.npy"
  shown=("Psa 23:1" "Psa 137:1")
fi
embeddings=$1 cache=$2
shift 2

install_missing "${BUILD_PACKAGES[@]}" "${RUN_PACKAGES[@]}"
# It bundles the page, and nothing else needs it.
if [[ $page ]] && ! command -v esbuild >/dev/null; then install_missing esbuild || true; fi
if [[ ! -e $root/build/CMakeCache.txt ]]; then
  cmake -S "$root" -B "$root/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DVKC_BUILD_TESTS=OFF
fi
cmake --build "$root/build" --target vulkan_compute --parallel "$(nproc)"

if ! has_usable_device "$root"; then
  echo "no Vulkan device can be used: taking lavapipe, which computes on the CPU"
  install_missing mesa-vulkan-drivers
fi

compute=(luajit "$root/scripts/compute-diversity-cache.lua" "$embeddings" "$cache")
"${compute[@]}" "$@"
# --force is for computing only.
verify_options=()
for option in "$@"; do
  if [[ $option != --force ]]; then verify_options+=("$option"); fi
done
"${compute[@]}" "${verify_options[@]}" --verify

texts=${embeddings%.npy}.jsonl
[[ -e $texts ]] || exit 0
show=("$root/bin/vulkan-compute")
for item in "${shown[@]}"; do
  printf '\nFar from %s, and unlike one another:\n' "$item"
  "${show[@]}" diversity-sequence "$embeddings" --start "$item" --length 9 --order away --lambda 0.5 --center \
    --texts "$texts"
  printf '\nLike %s, and no copies of one another:\n' "$item"
  "${show[@]}" diversity-sequence "$embeddings" --start "$item" --length 9 --order toward --lambda 0.7 --texts "$texts"
done

[[ $page ]] || exit 0
if command -v esbuild >/dev/null && cmake "$root/build" >/dev/null && cmake --build "$root/build" --target explorer_page
then
  printf '\n'
  "${show[@]}" explore "$embeddings" --texts "$texts" --output "$page"
  echo "Open $page in a browser: it shows every item, what is like it and what is far from it."
else
  echo "No page was made: it needs esbuild (apt-get install esbuild), and then this script again"
fi
