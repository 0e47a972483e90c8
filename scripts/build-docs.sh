#!/usr/bin/env bash
# Makes the reference of the C API and of the Lua API, as HTML in build/docs. Fails on any warning: what is
# not documented, and references to what is not there.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
source scripts/packages.sh
install_missing doxygen luajit lua-ldoc
install_if_known lua-discount

rm -rf build/docs
mkdir -p build/docs
doxygen docs/Doxyfile
# Without Markdown, lists are plain text.
format=discount
if ! luajit -e 'require("discount")' 2>/dev/null; then format=backtick; fi
# What it says of its own doings goes to standard output, warnings to standard error.
luajit "$(command -v ldoc)" --quiet --fatalwarnings --config docs/config.ld \
  --format "$format" --dir "$root/build/docs/lua" . >/dev/null
echo "build/docs/c/vulkan__compute_8h.html"
echo "build/docs/lua/index.html"
