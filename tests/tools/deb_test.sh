#!/usr/bin/env bash
# Installs the Debian package in a fresh root, runs there what the documents of Python show, as it stands, and the
# command, removes the package and looks for what it left. As root; by hand, before a release:
#
#   debootstrap --variant=minbase bookworm /tmp/bookworm
#   tests/tools/deb_test.sh /tmp/bookworm build-deb/vulkan-compute_*.deb
set -euo pipefail

if (($# != 2)); then
  sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
root=$1 deb=$2
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$root/root/deb_test

cleanup() { umount "$root/proc" "$root/dev" 2>/dev/null || true; }
trap cleanup EXIT
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
cp /etc/resolv.conf "$root/etc/"
cp /etc/apt/apt.conf.d/*proxy* /etc/apt/apt.conf.d/*registry* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true

inside() { chroot "$root" env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/root LANG=C.UTF-8 \
  DEBIAN_FRONTEND=noninteractive "$@"; }

mkdir -p "$work"
cp "$deb" "$work/package.deb"
cp "$tree"/data/psalms.npy "$tree"/data/psalms.jsonl "$work/"
cp "$work/psalms.jsonl" "$work/poems.jsonl"
cp "$tree/docs/python.md" "$tree/python/README.md" "$work/"

# A model of sentence-transformers, as far as the guide uses it: knows the Psalms by heart.
cat >"$work/sentence_transformers.py" <<'PYTHON'
import json
import numpy as np

class SentenceTransformer:
    def __init__(self, name):
        with open("psalms.jsonl") as file:
            texts = [json.loads(line)["text"] for line in file]
        self.rows = dict(zip(texts, np.load("psalms.npy")))

    def encode(self, texts):
        return np.stack([self.rows[text] for text in texts])
PYTHON
# All blocks of a document in one process; those for a shell, but for the one that installs from a tree.
cat >"$work/run_document.py" <<'PYTHON'
import re, subprocess, sys
text = open(sys.argv[1]).read()
program = ""
for language, block in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
    if language == "python":
        program += block
    elif "pip install" not in block:
        program += f"import subprocess\nsubprocess.run(['bash', '-ec', {block!r}], check=True)\n"
exec(compile(program, sys.argv[1], "exec"), {"__name__": "__main__"})
PYTHON

inside apt-get -qq update
# What the guide's plot needs, and a device.
inside apt-get -qq -y --no-install-recommends install mesa-vulkan-drivers python3-numpy python3-matplotlib >/dev/null
inside apt-get -qq -y --no-install-recommends install /root/deb_test/package.deb >/dev/null

in_work() { inside sh -c 'cd /root/deb_test && "$@"' sh "$@"; }
in_work vulkan-compute --version
in_work vulkan-compute diversity-sequence psalms.npy --start 123 --length 4
in_work python3 run_document.py README.md
in_work python3 run_document.py python.md | tail -n 3
[[ -s $work/picks.png ]]

inside apt-get -qq -y --purge remove vulkan-compute >/dev/null
inside find / -xdev -name '*vulkan?compute*' -not -path '/root/*' -not -path '/proc/*' -not -path '/var/*' >"$work/left"
if [[ -s $work/left ]]; then
  echo "left behind:" >&2
  cat "$work/left" >&2
  exit 1
fi
echo "installed, ran and was removed: $(. "$root/etc/os-release" && echo "$PRETTY_NAME")"
