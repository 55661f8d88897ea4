#!/usr/bin/env bash
# A Slurm of one node with two cores on this machine, without accounting, for tests.
#   cluster.sh start FOLDER    needs root, and no other /etc/slurm/slurm.conf than its own
#   cluster.sh stop FOLDER
set -euo pipefail
folder=$2
conf=/etc/slurm/slurm.conf
case $1 in
start)
    if grep -qs "^ClusterName=lampflux$" "$conf"; then
        # Tests that were killed left theirs.
        "$0" stop "$(sed -n "s|^SlurmdSpoolDir=\(.*\)/spool$|\1|p" "$conf")"
    fi
    if [ -e "$conf" ]; then
        echo "$conf is there: this machine has a Slurm of its own" >&2
        exit 1
    fi
    host=$(hostname -s)
    mkdir -p "$folder/state" "$folder/spool" /etc/slurm
    cat >"$conf" <<END
ClusterName=lampflux
SlurmctldHost=$host
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/filetxt
JobCompLoc=$folder/jobs.txt
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
MpiDefault=none
ReturnToService=2
NodeName=$host CPUs=2 RealMemory=6000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
END
    install -d -o munge /run/munge
    runuser -u munge -- munged --pid-file /run/munge/munged.pid
    slurmctld
    slurmd
    for _ in $(seq 60); do
        if sinfo --noheader --format %t | grep -q idle; then
            exit 0
        fi
        sleep 0.5
    done
    echo "the node does not come up; see $folder" >&2
    exit 1
    ;;
stop)
    for pid in "$folder/slurmd.pid" "$folder/slurmctld.pid" /run/munge/munged.pid; do
        if [ -e "$pid" ]; then
            kill "$(cat "$pid")" || true
        fi
    done
    rm -f "$conf"
    ;;
esac
