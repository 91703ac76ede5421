#!/bin/bash
# usage: single_machine.sh SPILLOVER
# `run --launcher slurm` against a real Slurm on this machine alone, started here and ended here (root; munge and
# slurm-wlm, no systemd). A suite gives the bytes of a local run; the signal before the time limit puts a task back; a
# stage whose parents are missing exits 3 and the tables are written all the same.
# Exit 0: so it is, or there is no Slurm or no root (said); 1: it is not.
set -u
program=$(realpath "$1")
for needed in munged slurmctld slurmd sbatch squeue scontrol scancel; do
    command -v "$needed" >/dev/null || { echo "slurm: skipped, there is no $needed (Debian: slurm-wlm, munge)"; exit 0; }
done
[ "$(id -u)" = 0 ] || { echo "slurm: skipped, starting its daemons needs root"; exit 0; }

d=$(mktemp -d); chmod 755 "$d"; cd "$d" || exit 1
export SLURM_CONF=$d/slurm.conf
host=$(hostname -s)
port=$((20000 + RANDOM % 20000))
mkdir state spool
dd if=/dev/urandom of=key bs=1024 count=1 status=none; chmod 400 key
cat > slurm.conf <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$d/munge.socket,cred_expire=5
StateSaveLocation=$d/state
SlurmdSpoolDir=$d/spool
SlurmctldPidFile=$d/slurmctld.pid
SlurmdPidFile=$d/slurmd.pid
SlurmctldLogFile=$d/slurmctld.log
SlurmdLogFile=$d/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
MinJobAge=600
SlurmdParameters=config_overrides
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF

end() {
    for pid in slurmd.pid slurmctld.pid munged.pid; do [ -s "$d/$pid" ] && kill "$(cat "$d/$pid")" 2>/dev/null; done
    cd /; rm -rf "$d"
}
trap end EXIT
fail() { echo "slurm: $*"; tail -n 5 "$d"/slurmctld.log "$d"/slurmd.log "$d"/runs*/*/launch/*.log 2>/dev/null; exit 1; }

munged --force --socket="$d/munge.socket" --key-file="$d/key" --pid-file="$d/munged.pid" --log-file="$d/munged.log" \
    --seed-file="$d/seed" 2>/dev/null || fail "munged does not start"
slurmctld -c -f "$SLURM_CONF" || fail "slurmctld does not start"
slurmd -f "$SLURM_CONF" || fail "slurmd does not start"
for _ in $(seq 100); do sinfo -h -o %T 2>/dev/null | grep -q idle && break; sleep .3; done
sinfo -h -o %T | grep -q idle || fail "the node does not come up"

# Wait until nothing is queued.
drain() {
    for _ in $(seq "$1"); do [ -z "$(squeue -h)" ] && return 0; sleep 1; done
    squeue; fail "jobs are left after $1 s"
}
job_of() { awk -v stage="$1" '$1 == stage {sub(",", "", $3); print $3}' submitted; } # the id of a stage's job
field() { scontrol -o show job "$1" | grep -o "$2=[^ ]*" | sort -u; }

cat > suite.yaml <<'YAML'
suite: small
seeds: 1..2
grid:
  - task: {name: chain, design: none, modulus: 3, chain: 1, side: 1}
    model: {layers: 1, width: 16, heads: 2}
    base: {updates: 20, batch: 16, shard: 16, warmup: 5}
    arm: {name: [text, codi], updates: 10, projection_warmup: 5}
    press: {pressure: [none, conceal], updates: 6, batch: 16}
    measure: {questions: 32, probe_train: 100, probe_test: 40, early_every: 3, late_every: 3}
YAML
sed 's/updates: 20,/updates: 12000,/; s/small/slow/; s/1\.\.2/1/' suite.yaml > slow.yaml

"$program" run suite.yaml --out local --quiet || fail "the local run fails"
"$program" run suite.yaml --out runs --launcher slurm --chunk 3 > submitted || fail "the suite is not submitted"
drain 120
cmp local/small/results.csv runs/small/results.csv || fail "results differ from those of the local run"
cmp local/small/report.md runs/small/report.md || fail "reports differ"
[ "$(wc -l < submitted)" = 5 ] || fail "other stages than base, arm, press, merge: $(cat submitted)"
echo "slurm: $(field "$(job_of press)" ArrayTaskId | wc -l) press tasks of 3 cells; results are the bytes of a local run"

"$program" run slow.yaml --out runs2 --launcher slurm > submitted || fail "the slow suite is not submitted"
base=$(job_of base)
for _ in $(seq 200); do ls runs2/cells/*.part/events.jsonl >/dev/null 2>&1 && break; sleep .1; done
scancel --batch --signal=USR1 "$base"
drain 180
field "${base}_1" Restarts | grep -q 'Restarts=1' || fail "the signalled task was not put back: $(field "${base}_1" Restarts)"
"$program" run slow.yaml --out runs2 --merge --quiet || fail "the slow suite is not whole: $(ls runs2/cells)"
"$program" run slow.yaml --out local --quiet && cmp local/slow/results.csv runs2/slow/results.csv || fail "the task put back gives other results"
echo "slurm: the signal before the time limit put the task back, and the results are the same"

"$program" run suite.yaml --out runs3 --launcher slurm --sbatch --hold > submitted || fail "the held suite is not submitted"
scancel "$(job_of base)"
for stage in arm press merge; do scontrol release "$(job_of $stage)"; done
drain 60
for stage in arm press merge; do
    field "$(job_of $stage)" ExitCode | grep -q '=3:0' || fail "$stage: $(field "$(job_of $stage)" ExitCode), not 3:0"
done
grep -q ',missing$' runs3/small/results.csv || fail "the tables do not say that cells are missing"
echo "slurm: without a base, arms, presses and the merge exit 3, and the tables say what is missing"
