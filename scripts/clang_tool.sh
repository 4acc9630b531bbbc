#!/usr/bin/env bash
# Prints the command of a program of clang: scripts/clang_tool.sh clang++|clang-format|clang-tidy [exactly]
# The one of the lowest version that works (cmake/lowest_versions.txt), else the release's own; with
# "exactly" only the former. Fails when there is none. --lowest prints that version.
set -euo pipefail

name=${1:?usage: clang_tool.sh <program> [exactly]}
version=$(awk '$1 == "clang" { print $2 }' "$(dirname "$0")/../cmake/lowest_versions.txt")
if [ "$name" = --lowest ]; then
  echo "$version"
elif command -v "$name-$version" >/dev/null; then
  echo "$name-$version"
elif [ "${2:-}" != exactly ] && command -v "$name" >/dev/null; then
  echo "$name"
else
  echo "clang_tool: there is no $name-$version; scripts/setup-debian.sh check installs it where the release has it" >&2
  exit 1
fi
