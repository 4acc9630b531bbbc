#!/usr/bin/env bash
# What is checked beside the tests: scripts/check.sh [--ci] [commit]
# Layers, words, documents, format and locks of the whole tree, each new commit by itself, and clang-tidy: over
# all sources, or with a commit over those that differ from it. Format and clang-tidy are left out, and
# it is said so, where the release has no clang of the version that the sources are laid out with. --ci, for a machine of two
# processors: clang-tidy over the sources that differ from origin/main (or from the commit before),
# CI_TIDY_MAX at most, and commits for CI_COMMIT_SECONDS.
set -uo pipefail
cd "$(dirname "$0")/.."
CI_TIDY_MAX=${CI_TIDY_MAX:-16}
CI_COMMIT_SECONDS=${CI_COMMIT_SECONDS:-120}
ci=
if [ "${1:-}" = --ci ]; then
  ci=yes
  shift
fi
since=${1:-}
jobs=$(scripts/jobs.sh)
clang_format=$(scripts/clang_tool.sh clang-format exactly 2>/dev/null)
clang_tidy=$(scripts/clang_tool.sh clang-tidy exactly 2>/dev/null)
failed=0

step() {
  local start=$SECONDS
  echo "== $1"
  shift
  "$@" || { failed=1; echo "== failed"; }
  echo "== $((SECONDS - start)) s"
}

# What the commits to be checked stand on. Empty for a first commit, and outside of git.
base_commit() {
  local base
  base=$(git rev-parse -q --verify origin/main) && [ "$base" != "$(git rev-parse HEAD)" ] &&
    git merge-base "$base" HEAD && return
  git rev-list --first-parent --skip=1 --max-count=1 HEAD
}

formatted() {
  find src tests cmake -name node_modules -prune -o \( -name '*.cc' -o -name '*.h' \) -print0 |
    xargs -0 -P "$jobs" -n 50 "$clang_format" --dry-run -Werror
}

commits() {
  if [ -n "$ci" ]; then
    scripts/check_commits.py --seconds "$CI_COMMIT_SECONDS"
  else
    scripts/check_commits.py
  fi
}

# Source files that differ from a commit, and those of headers that do.
changed_sources() {
  git diff --name-only --diff-filter=d "$1" -- 'src/*.cc' 'src/*.h' | sed 's/\.h$/.cc/' | sort -u |
    while read -r file; do
      if [ -f "$file" ]; then echo "$file"; fi
    done
}

tidy() {
  local files left
  # What is compiled here; a header is checked through the files that include it.
  if [ -n "$since" ]; then
    files=$(changed_sources "$since")
  else
    files=$(find src -name '*.cc' | sort)
  fi
  [ -z "$files" ] && return 0
  if [ -n "$ci" ]; then
    left=$(($(wc -l <<<"$files") - CI_TIDY_MAX))
    files=$(head -n "$CI_TIDY_MAX" <<<"$files")
    [ "$left" -gt 0 ] && echo "$left more files have changed: run scripts/check.sh for all"
  fi
  xargs -P "$jobs" -n 1 "$clang_tidy" --quiet -p build/tidy <<<"$files"
}

[ -n "$ci" ] && since=${since:-$(base_commit)}
step "layers" python3 scripts/check_layers.py
step "words" python3 scripts/check_words.py
step "documents" python3 scripts/check_docs.py
if [ -n "$clang_format" ]; then
  step "format" formatted
else
  echo "== format: left out, other versions than clang-format $(scripts/clang_tool.sh --lowest) lay out differently"
fi
step "compile commands" cmake --preset tidy --log-level=WARNING
if [ -n "$ci" ]; then
  # clang compiles all of it anyhow for the thread sanitizer.
  step "compile commands of tsan" cmake --preset tsan --log-level=WARNING
  step "locks" python3 scripts/check_locks.py build/tidy --beside build/tsan unit_tests
else
  step "locks" python3 scripts/check_locks.py build/tidy
fi
step "commits" commits
if [ -z "$clang_tidy" ]; then
  echo "== tidy: left out, other versions than clang-tidy $(scripts/clang_tool.sh --lowest) find other things"
elif [ -n "$ci" ] && [ -z "$since" ]; then
  echo "== tidy: left out, there is no commit to compare with"
else
  step "tidy" tidy
fi
[ "$failed" = 0 ] && echo "all checks pass"
exit "$failed"
