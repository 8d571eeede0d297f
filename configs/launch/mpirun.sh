#!/usr/bin/env bash
# Several nodes by Open MPI, which starts the processes and passes no messages: on one of the hosts,
#
#   HOSTS=host0:8,host1:8 configs/launch/mpirun.sh run.toml
#
# host0 has rank 0. The run folder must be on a disk that all hosts share.
set -euo pipefail
: "${1:?usage: mpirun.sh RUN_FILE [arguments of slipway train]}"
: "${HOSTS:?hosts and the processes on each, like host0:8,host1:8}"
first=${HOSTS%%,*}
export MASTER_ADDR=${first%%:*} MASTER_PORT=${MASTER_PORT:-29500}
SLIPWAY_RUN_TOKEN=${SLIPWAY_RUN_TOKEN:-$(od -An -tx1 -N32 /dev/urandom | tr -d ' \n')}
export SLIPWAY_RUN_TOKEN OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
# mpirun would bind each process, and all its threads, to one core
exec mpirun --host "$HOSTS" --bind-to none --tag-output \
  -x MASTER_ADDR -x MASTER_PORT -x SLIPWAY_RUN_TOKEN -x OMP_NUM_THREADS -x PATH \
  slipway train "$@" --resume
