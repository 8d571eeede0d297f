#!/usr/bin/env bash
# Every C and C++ source has the form that .clang-format gives it. To give it: tests/unit/format_test.sh
# [CLANG_FORMAT] --fix. The program is the one that cmake/tools.txt pins; ./slipway test fetches it.
set -euo pipefail
cd "$(dirname "$0")/../.."
program=$PWD/build/tools/clang-format
[[ ${1:-} != --* && -n ${1:-} ]] && { program=$1; shift; }
[[ -x $program ]] || { echo "$program is missing: ./slipway test fetches it"; exit 1; }
pinned=$(sed -nE 's/^clang-format==([^ ]+) .*/\1/p' cmake/tools.txt)
[[ $("$program" --version) == *" $pinned"* ]] || { echo "$("$program" --version), and cmake/tools.txt pins $pinned"; exit 1; }

# Frozen headers are those of versions that are out.
mapfile -t files < <(find host plugins plugin_api tests -path tests/abi/frozen -prune -o -type f -regex '.*\.\(c\|cc\|cu\|h\|hpp\)' -print | sort)
((${#files[@]} > 700)) || { echo "only ${#files[@]} files found"; exit 1; }
if [[ ${1:-} == --fix ]]; then exec "$program" -i "${files[@]}"; fi

# A fault that must be found.
planted=$(printf 'int  f( int a ){return a;}\n' | "$program" --dry-run -Werror --assume-filename=host/planted.cc 2>&1) && { echo "a planted fault was not found"; exit 1; }
[[ $planted == *clang-format-violations* ]] || { echo "$planted"; exit 1; }
"$program" --dry-run -Werror "${files[@]}" || { echo "give it its form with: $0 --fix"; exit 1; }
echo "${#files[@]} files, all in form"
