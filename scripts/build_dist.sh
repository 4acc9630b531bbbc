#!/usr/bin/env bash
# Makes an archive of the server with every library that it is linked with but those of the C
# library: scripts/build_dist.sh <build directory> [directory for the archive]. It runs on Linux of
# the same architecture with a C library that is not older than the newest that a file in it asks
# for, which the last line tells. Prints the path of the archive first.
#
# Not linked statically: Debian has no static libraries of what libcurl needs (Kerberos, LDAP).
set -euo pipefail
cd "$(dirname "$0")/.."

build=${1:?usage: build_dist.sh <build directory> [directory for the archive]}
out=${2:-build/dist}
version=$(sed -n 's/^project(jindou VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
name=jindou-$version-linux-$(uname -m)
mkdir -p "$out"
out=$(cd "$out" && pwd)
stage=$(mktemp -d "$out/stage-XXXXXX")
trap 'rm -rf "$stage"' EXIT
root=$stage/$name

cmake --install "$build" --prefix "$root" --component program >/dev/null
doc=$root/share/doc/jindou
mkdir -p "$root/lib/jindou" "$doc/libraries"
cp LICENSE CHANGELOG.md "$doc/"

ldd "$root/bin/jindou" | awk '$3 ~ /^\// { print $1, $3 }' >"$stage/libraries"
# Debian's packages name the same file with and without /usr in front. All are asked for at once:
# each question has dpkg read what all packages hold. Names that are in none are an error of it.
awk '{ sub(/^\/usr/, "", $2); print $2; print "/usr" $2 }' "$stage/libraries" |
  xargs dpkg-query -S >"$stage/owners" 2>/dev/null || true
while read -r library path; do
  # PACKAGE:ARCHITECTURE: PATH; what is no package's has other lines.
  package=$(awk -v path="${path#/usr}" '$1 ~ /[:,]$/ && ($NF == path || $NF == "/usr" path) \
    { print $1; exit }' "$stage/owners")
  if [ -z "$package" ]; then
    echo "build_dist: $library ($path) is in no package" >&2
    exit 1
  fi
  package=${package%%:*}
  # The C library belongs to the system: its parts and the loader are of one version.
  [ "$package" = libc6 ] && continue
  cp -L "$path" "$root/lib/jindou/$library"
  cp -L "/usr/share/doc/$package/copyright" "$doc/libraries/$package"
done <"$stage/libraries"
# The texts that those name.
cp -RL /usr/share/common-licenses "$doc/libraries/common-licenses"

# DT_RPATH, not DT_RUNPATH: it holds for what the libraries need as well.
patchelf --force-rpath --set-rpath "\$ORIGIN/../lib/jindou" "$root/bin/jindou"

tar -C "$stage" --owner=0 --group=0 -c "$name" | gzip -3 >"$stage/archive"
mv "$stage/archive" "$out/$name.tar.gz"
echo "$out/$name.tar.gz"
for file in "$root/bin/jindou" "$root"/lib/jindou/*; do
  objdump -T "$file" | sed -n 's/.*\(GLIBC_[0-9][0-9.]*\).*/\1/p'
done | sort -uV | sed -n '$s/GLIBC_/needs glibc, from version /p'
