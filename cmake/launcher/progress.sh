# shellcheck shell=bash disable=SC2034,SC2154 # variables of ./slipway
# What ./slipway says: lines on standard error, and in a terminal one line of progress that is overwritten.
# Sourced by ./slipway.

say() { clear_progress; printf 'slipway: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
wrong_use() { say "$*"; exit 2; }

in_terminal() { [[ -t 2 && ${TERM:-dumb} != dumb ]]; }

progress_shown=
progress_width=
show_progress() {
  in_terminal || return 0
  if [[ -z $progress_width ]]; then
    local size
    size=$(stty size <&2 2>/dev/null) || size=
    progress_width=${size#* }
    ((${progress_width:-0} > 20)) || progress_width=80
  fi
  local text="slipway: $*"
  printf '\r\e[K%s' "${text:0:progress_width - 1}" >&2
  progress_shown=1
}
clear_progress() {
  [[ -z $progress_shown ]] || printf '\r\e[K' >&2
  progress_shown=
}

# 83 -> 1:23
minutes() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }
# bytes -> 554.0 MB
megabytes() { printf '%d.%d MB' $(($1 / 1000000)) $(($1 % 1000000 / 100000)); }
milliseconds() { local micro=${EPOCHREALTIME/[.,]/}; echo $((micro / 1000)); }
