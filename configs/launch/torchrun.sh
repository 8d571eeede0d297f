#!/usr/bin/env bash
# Several nodes by torchrun: start this on each of them, with the same variables.
#
#   RDZV_ENDPOINT=host0:29400 SLIPWAY_RUN_TOKEN=... configs/launch/torchrun.sh run.toml
#
# NNODES (2) nodes with NPROC processes each (gpu: one for each GPU of the node). The run folder must be on a disk that all nodes share.
# torchrun starts all processes again when one fails: --resume goes on from what was saved, and begins where there is nothing.
set -euo pipefail
: "${1:?usage: torchrun.sh RUN_FILE [arguments of slipway train]}"
: "${RDZV_ENDPOINT:?one node and a port, like host0:29400}"
: "${SLIPWAY_RUN_TOKEN:?a secret that is the same on all nodes: openssl rand -hex 32}"
export SLIPWAY_RUN_TOKEN
exec torchrun --no-python --nnodes "${NNODES:-2}" --nproc-per-node "${NPROC:-gpu}" --max-restarts "${MAX_RESTARTS:-3}" \
  --rdzv-backend c10d --rdzv-endpoint "$RDZV_ENDPOINT" --rdzv-id "${RDZV_ID:-slipway}" \
  slipway train "$@" --resume
