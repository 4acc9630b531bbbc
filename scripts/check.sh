#!/usr/bin/env bash
# Format, layers and clang-tidy: scripts/check.sh [commit]
# With a commit, clang-tidy looks only at files that differ from it; without, at all of them.
set -uo pipefail
cd "$(dirname "$0")/.."
since=${1:-}
jobs=$(scripts/jobs.sh)
failed=0

step() {
  echo "== $1"
  shift
  "$@" || { failed=1; echo "== failed"; }
}

formatted() {
  find src tests cmake -name node_modules -prune -o \( -name '*.cc' -o -name '*.h' \) -print0 |
    xargs -0 -n 50 clang-format-14 --dry-run -Werror
}

tidy() {
  local files
  cmake --preset tidy >/dev/null || return 1
  # What is compiled here; a header is checked through the files that include it.
  if [ -n "$since" ]; then
    files=$(git diff --name-only --diff-filter=d "$since" -- 'src/*.cc')
  else
    files=$(find src -name '*.cc' | sort)
  fi
  [ -z "$files" ] && return 0
  printf '%s\n' "$files" | xargs -P "$jobs" -n 1 clang-tidy-14 --quiet -p build/tidy
}

step "layers" python3 scripts/check_layers.py
step "format" formatted
step "tidy" tidy
[ "$failed" = 0 ] && echo "all checks pass"
exit "$failed"
