#!/usr/bin/env bash
# The way of someone who has a JSON file from Ollama, README.md and --help, and reads no code: from that file to
# a verified cache of walks and to lists of neighbours. No option is used here that --help does not name.
#
# usage: newcomer.sh, with vulkan-compute on the path
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

# use COMMAND WORD...: runs a command of vulkan-compute, after looking it up as a newcomer does.
use() {
  local help word
  help=$(vulkan-compute --help)
  grep -q -E "^   $1 +[a-z]" <<<"$help" || fail "vulkan-compute --help does not list $1"
  grep -q "^vulkan-compute $1" "$root/README.md" || fail "README.md does not show $1"
  help=$(vulkan-compute "$1" --help)
  for word in "${@:2}"; do
    if [[ $word == --* ]] && ! grep -q -E "^   $word( |$)" <<<"$help"; then
      fail "vulkan-compute $1 --help does not explain $word"
    fi
  done
  echo "\$ vulkan-compute $*"
  vulkan-compute "$@"
}

# What /api/embed answers, with the embeddings of the first 100 Psalms verses.
luajit - "$root" >embeddings.json <<'LUA'
package.path = arg[1] .. "/lua/?.lua;" .. package.path
local psalms = require("vk_compute.formats.embedding_file").read(arg[1] .. "/data/psalms.npy")
local rows = {}
for row = 0, 99 do
  local numbers = {}
  for k = 1, psalms.d do numbers[k] = ("%.9g"):format(psalms.data[row * psalms.d + k - 1]) end
  rows[row + 1] = "[" .. table.concat(numbers, ",") .. "]"
end
print('{"model":"all-minilm","embeddings":[' .. table.concat(rows, ",") .. '],"total_duration":14143917}')
LUA

use devices
use cache embeddings.json diversity.npy
use check diversity.npy
use verify embeddings.json diversity.npy
use neighbors embeddings.json neighbors.npy --k 10
use verify embeddings.json neighbors.npy
use export diversity.npy diversity.json
use export neighbors.npy neighbors.json

# The same again is done at once, and other embeddings are not mixed with these.
use cache embeddings.json diversity.npy >again
grep -q "already finished" again || fail "computed again: $(cat again)"
if use cache embeddings.json diversity.npy --center 2>refusal; then fail "another cache was overwritten"; fi
grep -q -e "--force" refusal || fail "no remedy in: $(cat refusal)"

# A byte that was changed is found, and put right.
cp diversity.npy good.npy
printf '\377' | dd of=diversity.npy bs=1 seek=1000 conv=notrunc status=none
if use verify embeddings.json diversity.npy; then fail "a damaged cache was verified"; fi
use verify embeddings.json diversity.npy --repair
cmp diversity.npy good.npy

# Every walk goes through everything once, from its start to the item least like it; and the nearest
# neighbour is the item most like it: judged here with nothing but cosines of what is in the JSON file.
luajit - <<'LUA'
local cjson = require("cjson")
local function read(path) return cjson.decode(assert(io.open(path)):read("*a")) end
local embeddings, walks = read("embeddings.json").embeddings, read("diversity.json").sequences
local neighbors = read("neighbors.json").neighbors
local n = #embeddings

local function cosine(a, b)
  local ab, aa, bb = 0, 0, 0
  for k = 1, #a do ab, aa, bb = ab + a[k] * b[k], aa + a[k] * a[k], bb + b[k] * b[k] end
  return ab / math.sqrt(aa * bb)
end

for id = 0, n - 1 do
  local function to(other) return cosine(embeddings[id + 1], embeddings[other + 1]) end
  local walk, nearest = walks[tostring(id)], neighbors[tostring(id)]
  local seen = {}
  for _, item in ipairs(walk) do seen[item] = true end
  for item = 0, n - 1 do assert(seen[item], "an item is not in a walk") end
  assert(#walk == n and walk[1] == id and #nearest == 10)
  for other = 0, n - 1 do
    if other ~= id then
      assert(to(other) >= to(walk[2]) - 1e-6, "the first step is not to the farthest")
      assert(to(other) <= to(nearest[1]) + 1e-6, "the first neighbour is not the nearest")
    end
  end
end
print(n .. " walks and lists of neighbours are as they should be")
LUA
