# shellcheck shell=bash disable=SC2034,SC2154 # variables of ./slipway
# What kind of system this is, and the packages that building needs there. Sourced by ./slipway and tests/front/debian13;
# the working folder is the top of the tree.

# A value of os-release: os_release NAME FILE
os_release() { sed -n "s/^$1=//p" "$2" 2>/dev/null | tr -d '"' | head -n 1; }

# The names of cmake/debian-packages.txt for a release: "name [bookworm]" is for that release alone, "name [!bookworm]" for all
# others. packages_for OS_RELEASE_FILE
packages_for() {
  local release package condition
  release=$(os_release VERSION_CODENAME "$1")
  while read -r package condition; do
    case $condition in
      '') ;;
      "[!"*"]") [[ $condition != "[!$release]" ]] || continue ;;
      *) [[ $condition == "[$release]" ]] || continue ;;
    esac
    echo "$package"
  done < <(grep -v '^#' cmake/debian-packages.txt)
}

system_name() {
  local name
  name=$(os_release PRETTY_NAME /etc/os-release)
  echo "${name:-$(uname -s)} on $(uname -m)"
}

# Before anything is fetched: says on what this cannot work, and what to do there.
check_system() {
  if [[ $(uname -s) != Linux ]]; then
    die "this is $(uname -s); Slipway runs on Linux. Use a Linux machine, a virtual one or a container. Nothing was installed"
  fi
  if [[ $(uname -m) != x86_64 && -z ${SLIPWAY_TORCH:-} ]]; then
    die "this is $(system_name); the LibTorch that cmake/libtorch.txt pins is for x86-64. Use an x86-64 machine, or set" \
      "SLIPWAY_TORCH to the folder of a LibTorch 2.15 for $(uname -m) (Slipway is not tested there). Nothing was installed"
  fi
  local id version
  id=$(os_release ID /etc/os-release)
  version=$(os_release VERSION_ID /etc/os-release)
  if [[ $id == debian && ${version:-99} -lt 12 || $id == ubuntu && ${version%%.*} -lt 24 ]]; then
    die "this is $(system_name); its compiler and CMake are too old (GCC 12 and CMake 3.25 are needed). Use Debian 12 or Ubuntu 24.04," \
      "or later ones; a container will do. Nothing was installed"
  fi
  if [[ ! -f build/.packages ]] && ! command -v dpkg-query >/dev/null; then
    die "this is $(system_name), which has no dpkg; packages can be installed on Debian 12, Debian 13 and Ubuntu 24.04 alone." \
      "Install what corresponds to cmake/debian-packages.txt, then run 'mkdir -p build && touch build/.packages' and this command" \
      "again. Nothing was installed"
  fi
}

# Prints those that are not installed.
missing_packages() {
  local package
  command -v dpkg-query >/dev/null || return 0
  while read -r package; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' || echo "$package"
  done < <(packages_for /etc/os-release)
}

packages_are_installed() { [[ -f build/.packages && build/.packages -nt cmake/debian-packages.txt ]]; }

install_packages() {
  local missing=() sudo=() begin=$SECONDS
  packages_are_installed && return
  if command -v dpkg-query >/dev/null; then
    mapfile -t missing < <(missing_packages)
  fi
  if ((${#missing[@]})); then
    [[ $(id -u) == 0 ]] || sudo=(sudo)
    local command="${sudo[*]} apt-get install -y --no-install-recommends ${missing[*]}"
    may_install || die "Debian packages are missing; run: ${command# }"
    ((${#sudo[@]} == 0)) || command -v sudo >/dev/null ||
      die "Debian packages are missing, and this is neither root nor is there sudo; as root, run: ${command#sudo }"
    say "installing ${#missing[@]} Debian packages: ${missing[*]}"
    ((${#sudo[@]} == 0)) || sudo -v
    : >build/apt.log
    watch_packages &
    watcher=$!
    if ! { "${sudo[@]}" apt-get update -q && "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
      "${missing[@]}"; } >build/apt.log 2>&1 9>&-; then
      stop_watching
      tail -n 5 build/apt.log >&2
      die "installing packages failed (build/apt.log). Fix what it says and run the same command again; or install them yourself:" \
        "${command# }"
    fi
    stop_watching
    say "installed ${#missing[@]} Debian packages in $((SECONDS - begin)) s"
  fi
  touch build/.packages
}

# In a terminal: for how long, and what apt said last.
watch_packages() {
  exec 9>&-
  in_terminal || return 0
  local begin=$SECONDS
  while sleep 0.5; do
    show_progress "installing packages, $(minutes $((SECONDS - begin)))  $({ tail -n 1 build/apt.log | sed 's#https\?://[^ ]* ##'; } 2>/dev/null)"
  done
}
