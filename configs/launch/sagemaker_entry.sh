#!/usr/bin/env bash
# The entry point of a SageMaker training image: one launch on each host, one process for each GPU. The channel `config` has run.toml.
# Checkpoints lie where SageMaker keeps copies of them, so a job that is started again, as spot instances are, goes on; the model goes
# where it takes models from. With several hosts give the job's environment SLIPWAY_RUN_TOKEN, one secret for all.
set -euo pipefail
root=${SLIPWAY_ML_ROOT:-/opt/ml}
resources=$(tr -d ' \n' <"$root/input/config/resourceconfig.json")
field() { sed -nE "s/.*\"$1\":\"([^\"]*)\".*/\1/p" <<<"$resources"; }
all=${resources#*'"hosts":['} # before those of its groups
IFS=, read -ra hosts <<<"$(tr -d '"' <<<"${all%%]*}")"
current=$(field current_host)
for node in "${!hosts[@]}"; do [[ ${hosts[node]} != "$current" ]] || break; done
interface=$(field network_interface_name)
export GLOO_SOCKET_IFNAME=${interface:-eth0} NCCL_SOCKET_IFNAME=${interface:-eth0}
run=$root/checkpoints/run
# SageMaker stops a job with SIGTERM, and two minutes later with SIGKILL.
slipway launch --nnodes "${#hosts[@]}" --node-rank "$node" --master-addr "${hosts[0]}" --port 29500 --grace 110 \
  train "${SM_CHANNEL_CONFIG:-$root/input/data/config}/run.toml" --set run.output_dir="$run" --resume "$@" &
launch=$!
stopped=
trap 'stopped=1; kill -TERM $launch' TERM
while :; do
  code=0
  wait $launch || code=$?
  [[ -n $stopped ]] || break # else it was the trap that ended the waiting
  stopped=
done
if [[ $code == 0 && $node == 0 ]]; then
  mkdir -p "${SM_MODEL_DIR:-$root/model}"
  find "$run" -maxdepth 1 -type f \( -name '*.safetensors' -o -name '*.json' -o -name '*.txt' -o -name '*.md' \) \
    -exec cp {} "${SM_MODEL_DIR:-$root/model}" \;
fi
exit "$code"
