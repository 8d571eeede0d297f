#!/usr/bin/env bash
# The dependency rule: host/ folders include only downwards, host and plugins never see each other, LibTorch stays in its layers.
set -euo pipefail
cd "$(dirname "$0")/../.."
order=(base launch config plugin weights text data compute kernels operators dist model optim generate record loop raft search api app)
# Kernels work on plain memory.
torch_layers=" compute operators dist model optim generate record loop raft api "
declare -A rank
for i in "${!order[@]}"; do rank[${order[i]}]=$i; done
failures=0
complain() { echo "$1"; failures=$((failures + 1)); }
for folder in host/*/; do
  layer=$(basename "$folder")
  [[ -n ${rank[$layer]:-} ]] || { complain "host/$layer: not a known layer; add it to $0 and to host/CMakeLists.txt"; continue; }
  while IFS=: read -r file line text; do
    target=$(sed -E 's/^ *# *include *[<"]([^>"]+)[>"].*/\1/' <<<"$text")
    first=${target%%/*}
    if [[ $target == */* && -n ${rank[$first]:-} && ${rank[$first]} -gt ${rank[$layer]} ]]; then
      complain "$file:$line: host/$layer includes \"$target\" from a layer above it"
    fi
    case $target in
      plugins/*) complain "$file:$line: the host includes a plugin: $target" ;;
      ATen/* | torch/* | c10/*)
        [[ $torch_layers == *" $layer "* ]] || complain "$file:$line: LibTorch is not for host/$layer" ;;
      spdlog/*) [[ $file == host/base/log.cc ]] || complain "$file:$line: spdlog is for host/base/log.cc alone" ;;
      toml++/*) [[ $file == host/config/toml.cc ]] || complain "$file:$line: toml++ is for host/config/toml.cc alone" ;;
      nccl.h) [[ $file == host/dist/nccl/* ]] || complain "$file:$line: NCCL is for host/dist/nccl alone" ;;
      cuda* | cublas*) [[ $file == host/kernels/cuda/* ]] || complain "$file:$line: CUDA is for host/kernels/cuda alone" ;;
      boost/dll*) [[ $file == host/plugin/library.cc ]] || complain "$file:$line: Boost.DLL is for host/plugin/library.cc alone" ;;
    esac
  done < <(grep -rnE '^ *# *include' "$folder" --include='*.h' --include='*.cc' --include='*.cu' || true)
done
while IFS=: read -r file line text; do
  complain "$file:$line: a plugin includes the host:$text"
done < <(grep -rnE '^ *# *include *"(\.\./)*(base|launch|config|plugin|weights|text|data|compute|kernels|operators|dist|model|optim|generate|record|loop|raft|search|api|app)/' plugins plugin_api || true)
# The implementations of one interface know nothing of each other, and nothing above operators/ asks where a tensor lies, but dist/ of what
# it exchanges.
while IFS= read -r found; do
  complain "$found: kernels of one device include those of another"
done < <(grep -rnE '^ *# *include *"kernels/cuda/' host/kernels/cpu; grep -rnE '^ *# *include *"kernels/cpu/' host/kernels/cuda)
for layer in model optim generate record loop raft search api app; do
  [[ -d host/$layer ]] || continue
  while IFS= read -r found; do
    complain "$found: where a tensor lies is for host/operators and below, and host/dist"
  done < <(grep -rnE '\bon_device\(|is_privateuseone' "host/$layer" --include='*.h' --include='*.cc')
done
checked=$(grep -rlE '^ *# *include' host plugins plugin_api | wc -l)
echo "$checked files checked, $failures violations"
[[ $failures == 0 && $checked -gt 10 ]]
