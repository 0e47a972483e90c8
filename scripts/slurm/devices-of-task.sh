#!/usr/bin/env bash
# Prints the GPUs that Slurm gave to this task, as --devices of vulkan-compute takes them.
#
# usage: devices-of-task.sh [PROC]     PROC: where /proc is
#
# Vulkan does not heed CUDA_VISIBLE_DEVICES. Where Slurm constrains devices (ConstrainDevices=yes in cgroup.conf), a task
# sees its own GPUs alone, and this prints "all". Elsewhere it sees those of the whole node, and this prints the PCI
# addresses of its own: SLURM_JOB_GPUS has their numbers, which are those of /dev/nvidia0, /dev/nvidia1 and so on.
set -euo pipefail

proc=${1:-/proc}
program=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/bin/vulkan-compute
[[ -x $program ]] || program=vulkan-compute

numbers=${SLURM_STEP_GPUS:-${SLURM_JOB_GPUS:-}}
if [[ -z $numbers ]]; then
  echo "error: neither SLURM_STEP_GPUS nor SLURM_JOB_GPUS is set: ask Slurm for GPUs, as with --gpus=1" >&2
  exit 1
fi
IFS=, read -ra wanted <<<"$numbers"

visible=$("$program" devices --json | { grep -o '"type":"discrete GPU"' || true; } | wc -l)
if ((visible > 0 && visible <= ${#wanted[@]})); then
  echo all
  exit
fi

addresses=()
for number in "${wanted[@]}"; do
  information=$(grep -l -E "^Device Minor:[[:space:]]+$number\$" "$proc"/driver/nvidia/gpus/*/information || true)
  if [[ -z $information ]]; then
    echo "error: no GPU in $proc/driver/nvidia/gpus has the number $number, which Slurm gave" >&2
    exit 1
  fi
  addresses+=("$(basename "$(dirname "$information")")")
done
(IFS=,; echo "${addresses[*]}")
