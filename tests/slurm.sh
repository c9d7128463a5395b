#!/usr/bin/env bash
# `opabinia eval` on a real Slurm: one node, on this machine, on loopback, from the distribution's packages (Debian:
# slurm-wlm, munge). Eight tasks of an array answer the demo's small set; one is requeued while it runs, one shard is lost
# and run again by the line that `eval merge` prints; what is merged equals a run without Slurm.
#
#     bash tests/slurm.sh [path/to/opabinia] [log]
#
# Starts its own daemons with files of their own, and stops them. Where it cannot, it says why and ends with 77.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
program=${1:-$root/target/debug/opabinia}
log=${2:-/dev/null}

cannot() {
  echo "not run: $1"
  exit 77
}
for needed in munged munge slurmctld slurmd sbatch squeue scontrol sinfo; do
  command -v "$needed" >/dev/null || PATH=$PATH:/usr/sbin:/usr/local/sbin
  command -v "$needed" >/dev/null || cannot "there is no $needed (Debian: apt-get install slurm-wlm munge)"
done
[ -x "$program" ] || cannot "there is no program at $program (cargo build)"
[ "$(id -u)" = 0 ] || cannot "slurmd of these packages starts jobs as root only"

place=$(mktemp -d /tmp/opabinia-slurm.XXXXXX)
daemons=()
finish() {
  code=$?
  for pid in "${daemons[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${daemons[@]}"; do wait "$pid" 2>/dev/null || true; done
  if [ $code != 0 ]; then
    echo "failed with $code; the end of the logs:" >&2
    tail -n 15 "$place"/*.log "$place"/run/*.log >&2 2>/dev/null || true
  fi
  rm -rf "$place"
}
trap finish EXIT
say() { echo "$*" | tee -a "$log"; }
wait_for() { # seconds, what, command…
  local until=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    [ $SECONDS -lt $until ] || { echo "waited in vain for $what" >&2; return 1; }
    sleep 0.5
  done
}

host=$(hostname -s)
mkdir -p "$place"/{state,spool,munge}
chmod 700 "$place/munge"
head -c 1024 /dev/urandom > "$place/munge/key"
chmod 400 "$place/munge/key"
munged --foreground --force --socket="$place/munge/socket" --key-file="$place/munge/key" --pid-file="$place/munge/pid" \
  --log-file="$place/munged.log" --seed-file="$place/munge/seed" 2>"$place/munged.err.log" &
daemons+=($!)
wait_for 20 "munged" test -S "$place/munge/socket" || cannot "munged does not start: $(tail -n 1 "$place"/munged*.log)"

cat > "$place/slurm.conf" <<CONF
ClusterName=opabinia
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$place/munge/socket
CredType=cred/munge
StateSaveLocation=$place/state
SlurmdSpoolDir=$place/spool
SlurmctldPidFile=$place/slurmctld.pid
SlurmdPidFile=$place/slurmd.pid
SlurmctldLogFile=$place/slurmctld.log
SlurmdLogFile=$place/slurmd.log
SlurmctldPort=26817
SlurmdPort=26818
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=bf_interval=2,sched_interval=2
ReturnToService=2
MinJobAge=600
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=demo Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
echo "CgroupPlugin=autodetect" > "$place/cgroup.conf"
export SLURM_CONF=$place/slurm.conf
slurmctld -D -f "$SLURM_CONF" > "$place/slurmctld.out.log" 2>&1 &
daemons+=($!)
slurmd -D -f "$SLURM_CONF" -N "$host" > "$place/slurmd.out.log" 2>&1 &
daemons+=($!)
is_idle() { sinfo -h -o %T 2>/dev/null | grep -q idle; }
wait_for 60 "a node" is_idle || cannot "no node comes up: $(tail -n 2 "$place"/slurm*.log | tr '\n' ' ')"
say "Slurm $(sinfo --version | cut -d' ' -f2), one node of $(nproc) cores"

data=$root/assets/demo/questions
conditions=as_is,no_image,encoders
"$program" eval --data "$data" --conditions $conditions --out "$place/alone" --json > /dev/null 2>&1
say "\$ opabinia eval slurm run --array 8%2 --partition demo --data assets/demo/questions --conditions $conditions"
line=$("$program" eval slurm "$place/run" --array 8%2 --partition demo --data "$data" --conditions $conditions 2>/dev/null)
say "\$ ${line//$place\//}"
eval "$line" | tee -a "$log"
array=$(squeue -h -o %A | sort -n | head -n 1)

is_running() { [ "$(squeue -h -t R -j "${array}_1" -o %T 2>/dev/null)" = RUNNING ]; }
wait_for 120 "task 1 to run" is_running
say "\$ scontrol requeue ${array}_1"
scontrol requeue "${array}_1"
# Slurm holds a requeued task back for two minutes; nothing else would come of waiting.
let_go() { scontrol update JobId="${array}_1" StartTime=now >/dev/null 2>&1; }
wait_for 30 "task 1 in the queue" let_go || true

is_over() { [ -z "$(squeue -h 2>/dev/null)" ]; }
wait_for 600 "the end" is_over
restarts=$(scontrol show job "${array}_1" 2>/dev/null | grep -o 'Restarts=[0-9]*' || true)
say "task 1: $restarts"
[ "$restarts" = Restarts=1 ] || { echo "task 1 was not requeued" >&2; exit 1; }
cmp "$place/alone/merged.jsonl" "$place/run/merged.jsonl"
say "merged.jsonl of 8 tasks, one of them requeued, equals that of one run: $(wc -l < "$place/run/merged.jsonl") questions"

rm "$place/run/items-5-of-8.jsonl" "$place/run/merged.jsonl"
message=$("$program" eval merge "$place/run" 2>&1 || true)
say "\$ rm run/items-5-of-8.jsonl; opabinia eval merge run"
say "${message//$place\//}"
line=$(echo "$message" | sed -n 's/.*run them again: //p')
eval "$line" > /dev/null
wait_for 300 "the end" is_over
cmp "$place/alone/merged.jsonl" "$place/run/merged.jsonl"
say "after that line, too"
