#!/usr/bin/env bash
# Builds the RocksDB of Debian's source package, of the version whose development package is
# installed, with its assertions compiled out: scripts/rocksdb_source.sh <directory>. Afterwards
# <directory> has include/ and lib/librocksdb.a. Called by CMake with -DJINDOU_ROCKSDB=source.
# Does nothing when <directory> holds that version already. Not root; takes about 15 minutes on two
# cores.
set -euo pipefail

out=${1:?usage: rocksdb_source.sh <directory>}
mkdir -p "$out"
out=$(cd "$out" && pwd)
here=$(cd "$(dirname "$0")" && pwd)

version=$(dpkg-query -W -f '${source:Version}' librocksdb-dev 2>/dev/null) || {
  echo "rocksdb: librocksdb-dev is not installed: scripts/setup-debian.sh installs it" >&2
  exit 1
}
if [ "$(cat "$out/version" 2>/dev/null || true)" = "$version" ]; then exit 0; fi
command -v dpkg-source >/dev/null || {
  echo "rocksdb: dpkg-source is missing, which unpacks source packages: apt-get install dpkg-dev" >&2
  exit 1
}

# apt with lists of its own: the machine's sources, asked for source packages. It checks the
# signatures as it always does.
apt=$out/apt
rm -rf "$apt" "$out/source" "$out/version"
mkdir -p "$apt/sources" "$apt/lists/partial" "$apt/cache/archives/partial" "$out/source"
for file in /etc/apt/sources.list.d/*.sources; do
  [ -f "$file" ] && sed 's/^Types:.*/Types: deb-src/' "$file" >"$apt/sources/$(basename "$file")"
done
cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
  sed -n 's/^deb /deb-src /p' >"$apt/sources/machine.list" || true
options=(-qq -o Dir::Etc::SourceList="$apt/none" -o Dir::Etc::SourceParts="$apt/sources"
  -o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache" -o APT::Sandbox::User=)
: >"$apt/none"
apt-get "${options[@]}" update
(cd "$out/source" && apt-get "${options[@]}" source --download-only "rocksdb=$version")
dpkg-source -x "$out"/source/rocksdb_*.dsc "$out/source/tree" >/dev/null

# As Debian configures it, but for what is not linked: tests, tools, compression (Jindou stores
# nothing compressed), the shared library. With the run-time type information that ours has.
cmake -S "$out/source/tree" -B "$out/source/build" -G Ninja --log-level=WARNING \
  -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE="-O2 -DNDEBUG" -DUSE_RTTI=ON \
  -DPORTABLE=ON -DFAIL_ON_WARNINGS=OFF -DROCKSDB_BUILD_SHARED=OFF -DWITH_GFLAGS=OFF \
  -DWITH_TESTS=OFF -DWITH_TOOLS=OFF -DWITH_CORE_TOOLS=OFF -DWITH_BENCHMARK_TOOLS=OFF
cmake --build "$out/source/build" --target rocksdb -j "$("$here/jobs.sh")"

rm -rf "$out/include" "$out/lib"
mkdir -p "$out/lib"
cp -R "$out/source/tree/include" "$out/include"
cp "$out/source/build/librocksdb.a" "$out/lib/"
rm -rf "$apt" "$out/source"
echo "$version" >"$out/version"
