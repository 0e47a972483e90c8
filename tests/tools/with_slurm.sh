#!/usr/bin/env bash
# Runs a command beside a Slurm cluster of its own: slurmctld and so many nodes, all on this machine's loopback, without
# systemd and cgroups, in namespaces of their own (network, processes, host name). When the command ends, nothing of it
# is left running.
#
# usage: with_slurm.sh NODES FOLDER COMMAND...     as root; all files of the cluster go to FOLDER
#
# For COMMAND: SLURM_CONF; FOLDER/run/NAME.pid of slurmctld, node1, node2 and so on. Each node has as many "GPUs" as
# SLURM_TEST_GPUS says: they are only counted.
set -euo pipefail

if [[ -z ${VKC_IN_NAMESPACES:-} ]]; then
  export VKC_IN_NAMESPACES=1
  # Where the root is a folder (chroot) it is no place of a mount, whose propagation could be changed: /proc always is.
  exec unshare --net --uts --pid --mount --propagation unchanged --fork --kill-child bash -c \
    'mount --make-private /proc && mount -t proc proc /proc && exec "$0" "$@"' "$0" "$@"
fi

nodes=$1 folder=$(realpath -m "$2")
shift 2
gpus=${SLURM_TEST_GPUS:-0}
port=26817

hostname localhost
ip link set lo up
# With no address but 127.0.0.1 getaddrinfo finds no host at all.
ip addr add 192.0.2.1/32 dev lo

mkdir -p "$folder"/{state,log,run,munge}
export SLURM_CONF=$folder/slurm.conf
(umask 077; head -c 128 /dev/urandom >"$folder/munge/key")
cat >"$SLURM_CONF" <<CONF
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$port
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket,cred_expire=5
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=5
SlurmctldTimeout=30
KillWait=5
MessageTimeout=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/run/%n
SlurmctldPidFile=$folder/run/slurmctld.pid
SlurmdPidFile=$folder/run/%n.pid
SlurmctldLogFile=$folder/log/slurmctld
SlurmdLogFile=$folder/log/%n
CONF
# No version is looked for then, which needs /sys: nothing here uses cgroups.
echo "CgroupPlugin=cgroup/v1" >"$folder/cgroup.conf"
gres=
if ((gpus > 0)); then
  gres=" Gres=gpu:$gpus"
  echo "GresTypes=gpu" >>"$SLURM_CONF"
  for ((k = 0; k < gpus; k++)); do
    ln -sf /dev/null "$folder/run/nvidia$k" # stands for /dev/nvidia$k
    echo "Name=gpu File=$folder/run/nvidia$k Flags=nvidia_gpu_env" >>"$folder/gres.conf"
  done
fi
for ((k = 1; k <= nodes; k++)); do
  mkdir -p "$folder/run/node$k"
  echo "NodeName=node$k NodeAddr=127.0.0.1 NodeHostname=localhost Port=$((port + k)) CPUs=2 RealMemory=1000$gres"
done >>"$SLURM_CONF"
echo "PartitionName=all Nodes=node[1-$nodes] Default=YES State=UP" >>"$SLURM_CONF"

# The daemons are children of this shell, which waits for them at the end.
daemons=()
start() {
  "$@" </dev/null >>"$folder/log/out" 2>&1 &
  daemons+=($!)
}
stop() {
  local pid
  scancel --full --user=root 2>/dev/null || true
  for pid in "${daemons[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "${daemons[@]}"; do
    timeout 5 tail --pid="$pid" -f /dev/null 2>/dev/null || kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
}
trap stop EXIT
all_run() {
  local pid
  for pid in "${daemons[@]}"; do kill -0 "$pid" 2>/dev/null || return 1; done
}

start munged --foreground --force --socket="$folder/munge/socket" --key-file="$folder/munge/key" \
  --pid-file="$folder/munge/pid" --log-file="$folder/munge/log" --seed-file="$folder/munge/seed"
until [[ -S $folder/munge/socket ]]; do sleep 0.02; done
start slurmctld -D -c
for ((k = 1; k <= nodes; k++)); do start slurmd -D -N "node$k"; done

for ((k = 0; ; k++)); do
  if [[ $(timeout 5 sinfo -h -N -o %t 2>/dev/null | sort -u) == idle ]]; then break; fi
  if ((k > 100)) || ! all_run; then
    echo "no Slurm cluster came up" >&2
    tail -n 20 "$folder"/log/* >&2
    exit 1
  fi
  sleep 0.1
done
"$@"
