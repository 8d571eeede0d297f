#!/usr/bin/env bash
# Files are written, renamed and removed by host/base/{files,place,file_set,append_log}.cc alone (and what `allowed` lists): what is written anywhere else is not flushed, not
# placed whole, and replaces devices. Plants each fault in a copy first, and must find it.
set -euo pipefail
cd "$(dirname "$0")/../.."
names='(::|[^A-Za-z0-9_.>])'  # no member of that name, no part of a longer one
patterns=(
  'O_(WRONLY|RDWR|CREAT|TRUNC|APPEND)\b'
  "${names}(fopen|fdopen|freopen)\([^)]*\"[^\"]*[wa+][^\"]*\""
  '\b(basic_)?(ofstream|fstream)\b[^>]'
  '(fs|filesystem)::(rename|remove|remove_all|resize_file|copy|copy_file|copy_symlink|create_director(y|ies)|create_symlink|create_hard_link)\('
  "${names}(creat|open64|mkstemp|mkdtemp|rename|renameat2?|unlink|unlinkat|rmdir|mkdir|mkdirat|linkat|symlink|ftruncate|fallocate)\("
  '::(truncate|link)\('
)
# file (a pattern of the whole path) -> why it may
allowed() {
  case $1:$2 in
    host/base/files.cc:* | host/base/place.cc:* | host/base/append_log.cc:* | host/base/file_set.cc:*) return 0 ;;
    host/base/folder_lock.cc:*) return 0 ;;  # the lock file: made and removed under its own lock, and nothing that must outlive a process
    host/base/folder_copy.cc:*::link*) return 0 ;;  # a second name of a finished file, in a folder that is placed whole
    host/launch/private_folder.cc:*) return 0 ;;  # a temporary folder, gone with its launch
    host/launch/terminal_pair.cc:*O_NOCTTY*) return 0 ;;  # a terminal
    host/app/launcher.cc:*'"/dev/null"'* | host/plugin/probe.cc:*'"/dev/null"'*) return 0 ;;  # not a file
    host/base/memory_use.cc:*clear_refs*) return 0 ;;  # not a file: a switch of the kernel's
  esac
  return 1
}
scan() {  # TREE: prints what is not allowed
  local expression
  expression=$(IFS='|'; echo "${patterns[*]}")
  while IFS=: read -r file line text; do
    code=${text%%//*}
    grep -qE "$expression" <<<" $code" || continue
    allowed "${file#"$1/"}" "$code" || echo "${file#"$1/"}:$line: writes, renames or removes a file by itself; use base/place.h or base/append_log.h:$text"
  done < <(grep -rnE "$expression" "$1/host" --include='*.h' --include='*.cc' --include='*.hpp' --include='*.cu' || true)
}
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir -p "$copy/host/loop"
planted=0
while IFS= read -r fault; do
  printf 'void f() {\n  %s\n}\n' "$fault" >"$copy/host/loop/planted.cc"
  [[ -n $(scan "$copy") ]] || { echo "not found: $fault"; exit 1; }
  planted=$((planted + 1))
done <<'FAULTS'
int fd = ::open(path.c_str(), O_WRONLY | O_CREAT, 0644);
FILE* f = std::fopen(path, "wb");
FILE* f = fopen(path, "r+");
std::ofstream(path) << text;
std::fstream file;
fs::rename(a, b, ec);
std::filesystem::remove_all(path);
fs::create_directories(folder);
fs::resize_file(path, 3);
::rename(a, b);
if (unlink(path) != 0) return;
std::rename(a, b);
ftruncate(fd, 0);
FAULTS
for harmless in 'std::ifstream file(path);' 'FILE* f = fopen(path, "rb");' 'x.open(path);' 'list.remove(3);' '// fs::rename() is for base' 'unlinked(path);'; do
  printf 'void f() {\n  %s\n}\n' "$harmless" >"$copy/host/loop/planted.cc"
  [[ -z $(scan "$copy") ]] || { echo "found, and is harmless: $harmless"; exit 1; }
done
found=$(scan .)
[[ -z $found ]] || { echo "$found"; exit 1; }
echo "$planted planted faults found, none in host/"
