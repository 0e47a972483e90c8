#!/usr/bin/env bash
# Prints what in these files and folders names one of these paths. Ends as grep does: 0 found, 1 not, 2 failed. A path that
# only ends so is another one: the compiler's ../src, where a tree is in /src.
#
# usage: grep_paths.sh PATH... -- PLACE...
set -euo pipefail

paths=()
while [[ $1 != -- ]]; do
  paths+=("$(sed 's/[][\.*^$+?(){}|]/\\&/g' <<<"$1")")
  shift
done
shift
exec grep -rE -e "(^|[^.[:alnum:]_-])($(IFS='|'; echo "${paths[*]}"))(\$|[^[:alnum:]_-])" "$@"
