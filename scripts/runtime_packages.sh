#!/usr/bin/env bash
# Prints the Debian packages that hold the libraries a binary is linked with, one a line; apt brings
# what those need: scripts/runtime_packages.sh <binary>. For a machine that runs the server without
# building it: apt-get install $(cat packages). Fails when a library is in no package.
set -euo pipefail

binary=${1:?usage: runtime_packages.sh <binary>}

needed=$(LC_ALL=C objdump -p "$binary" | awk '$1 == "NEEDED" { print $2 }')
paths=$(ldd "$binary")
for library in $needed; do
  path=$(printf '%s\n' "$paths" | awk -v name="$library" '$1 == name { print $3 }')
  # The loader itself has no path of its own here; it comes with the C library.
  [ -n "$path" ] || continue
  # Debian's packages name the same file with and without /usr in front.
  package=$(dpkg-query -S "${path#/usr}" 2>/dev/null || dpkg-query -S "/usr${path#/usr}" 2>/dev/null) || {
    echo "runtime_packages: $library ($path) is in no package" >&2
    exit 1
  }
  printf '%s\n' "${package%%:*}"
done | sort -u
