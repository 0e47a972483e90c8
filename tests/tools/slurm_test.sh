#!/usr/bin/env bash
# Shards as a Slurm array on two nodes: a task is killed, a node dies, merge names what is missing, the same array again
# makes the rest, and the merged file is that of one run. To be run by with_slurm.sh.
#
# usage: slurm_test.sh FOLDER EMBEDDINGS     prints what it finds; ends with "slurm: all is well"
set -euo pipefail

folder=$1 embeddings=$2
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
program=$root/bin/vulkan-compute
count=4
cd "$root"
work=$folder/work
mkdir -p "$work"
fail() { echo "FAILED: $*"; exit 1; }

"$program" cache "$embeddings" "$work/whole.npy" --length 20 --quiet

# The job script that users get, without GPUs, which this cluster has none of. Where there is a file killN, task N ends
# in the middle: its program is killed.
sed '/^#SBATCH --gpus/d; /^exec/i \
if [[ -e '"$work"'/kill$shard ]]; then \
  rm '"$work"'/kill$shard; kill -KILL $$; \
fi' scripts/slurm/shards.sbatch >"$work/job.sbatch"

submit() { # submit TASKS
  sbatch --parsable --array="$1" --output="$work/%a.log" "$work/job.sbatch" "$embeddings" "$work/out.npy" $count \
    --length 20
}
finish() { # finish JOB: waits until it is gone. sbatch --wait polls every ten seconds
  local k
  for ((k = 0; k < 300; k++)); do
    if [[ -z $(squeue -h -j "$1" 2>/dev/null) ]]; then return; fi
    sleep 0.1
  done
  squeue; fail "job $1 does not end"
}
shards=("$work"/out.npy.shard.{0..3}.npy)
merge() { "$program" merge "$work/out.npy" "${shards[@]}" --quiet 2>&1; }

# A task killed, and a node that dies, with what it runs.
touch "$work/kill1"
node2=$(<"$folder/run/node2.pid")
job=$(submit 0-3)
# The task has been killed, and the other node runs one.
for ((k = 0; k < 400; k++)); do
  if [[ ! -e $work/kill1 && -n $(squeue -h -j "$job" -t R -w node2 -o %i 2>/dev/null) ]]; then break; fi
  sleep 0.05
done
[[ ! -e $work/kill1 ]] || fail "no task was killed"
kill -KILL "$node2"
scancel "$job"
finish "$job"
if text=$(merge); then fail "merge took what is not complete"; fi
echo "$text"
grep -q "out.npy.shard.1.npy" <<<"$text" || fail "the killed shard is not named"
[[ ! -e $work/out.npy ]] || fail "there is a merged file"

# The node comes back, and the same array makes the rest.
slurmd -D -N node2 </dev/null >>"$folder/log/out" 2>&1 &
job=$(submit 0-3)
finish "$job"
merge || { tail -n 5 "$work"/*.log; fail "merge refuses all shards"; }
cmp "$work/out.npy" "$work/whole.npy"
grep -h -c "already finished\|finished:" "$work"/?.log | tr '\n' ' '
echo "slurm: all is well"
