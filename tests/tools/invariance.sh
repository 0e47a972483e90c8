#!/usr/bin/env bash
# Compares, byte for byte, what the library and the command make with what release 0.1 made of the same:
# similarity matrices, walks, neighbours, caches with their metadata and journals, exports. Device, version and
# times are left out. Lists of sha256 are in tests/data/0.1.
#
#   invariance.sh [SET...]            SET is quick (the default; seconds), psalms (minutes on a CPU) or
#                                     starts (the first 64 of 7,797; a minute) or all
#   invariance.sh --tree TREE [...]   judges another tree of this repository, built in its build/
#   invariance.sh --library FILE ...  judges this library, from another build folder
#   invariance.sh --record [...]      writes the lists anew. Only for what a set has in addition: with
#                                     --tree of a build of release 0.1
set -euo pipefail

tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$tools/../..
lists=$root/tests/data/0.1
unset LUA_PATH LUA_CPATH VKC_LIBRARY
export LC_ALL=C
tree=$root record=
while [[ ${1:-} == --* ]]; do
  case $1 in
    --tree) tree=$2 && shift 2 ;;
    --library)
      VKC_LIBRARY=$(realpath "$2")
      export VKC_LIBRARY
      shift 2
      ;;
    --record) record=1 && shift ;;
    *) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2 && exit 2 ;;
  esac
done
tree=$(cd "$tree" && pwd)
psalms=$root/data/psalms.npy
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

vkc() { "$tree/bin/vulkan-compute" "$@"; }
judge() { luajit "$tools/invariance.lua" "$@"; }

# finished NAME: what is compared of the finished cache NAME.npy.
finished() {
  judge metadata "$1.npy.json" >"$1.metadata"
  rm "$1.npy.json"
}

# exported NAME: the cache NAME.npy in other forms. What differs from run to run is in the first line.
exported() {
  vkc export "$1.npy" "$1.json" >/dev/null
  sed -i -E '1s/, "device": .*, "library_version": .*, "date": "[^"]*"\},$/},/' "$1.json"
  vkc export "$1.npy" "$1.bin" --binary >/dev/null
}

# journalled COMMAND INPUT NAME OPTION...: makes the cache NAME.npy, and keeps its journal.
journalled() {
  local command=$1 input=$2 name=$3
  shift 3
  vkc "$command" "$input" "$name.npy" --quiet --batch 1 "$@" &
  # A journal is removed at the end of a run: a link from beside it keeps it.
  until ln "$name.npy.journal" kept 2>/dev/null; do
    kill -0 $! 2>/dev/null || break
    sleep 0.01
  done
  wait $!
  judge journal kept >"$name.journal"
  rm kept
}

quick() {
  judge embeddings 257 24 input
  judge results "$tree" input results
  local center kind
  for center in "" --center; do
    vkc similarity input "similarity$center.npy" --quiet $center
    vkc diversity-sequence input --start 200 $center >"walk$center"
    journalled cache input "cache$center" $center
    journalled neighbors input "neighbors$center" --k 10 $center
    for kind in cache neighbors; do
      exported "$kind$center"
      finished "$kind$center"
    done
  done
  vkc neighbors input neighbors-all.npy --k 256 --quiet
  finished neighbors-all
  vkc cache input short.npy --length 1 --quiet
  finished short
}

psalms() {
  local center length k
  for center in "" --center; do
    vkc similarity "$psalms" "similarity$center.npy" --quiet $center
    for length in 100 2461; do
      vkc cache "$psalms" "cache$length$center.npy" --length $length --quiet $center
      exported "cache$length$center"
      finished "cache$length$center"
    done
    for k in 10 100 2460; do
      vkc neighbors "$psalms" "neighbors$k$center.npy" --k $k --quiet $center
      exported "neighbors$k$center"
      finished "neighbors$k$center"
    done
  done
}

starts() {
  judge embeddings 7797 512 input
  judge starts "$tree" input results
}

sets=("${@:-quick}")
if [[ ${sets[0]} == all ]]; then sets=(quick psalms starts); fi
for set in "${sets[@]}"; do
  list=$lists/$set.sha256
  mkdir "$work/$set"
  cd "$work/$set"
  "$set"
  if [[ $record ]]; then sha256sum -- * >"$list"; fi
  # A file that the list does not have is a mistake as well.
  if ! diff <(sha256sum -- *) "$list"; then
    echo "$set: other bytes than release 0.1 made (above: < now, > then)" >&2
    exit 1
  fi
  echo "$set: $(wc -l <"$list") files, byte for byte those of release 0.1"
done
