#!/usr/bin/env bash
# Makes the Debian package of this tree for the release of Debian that it runs on:
# scripts/build_deb.sh [arguments of cmake's configuration...]. Prints the path of the package,
# build/deb/jindou_VERSION_ARCHITECTURE.deb. What it needs is installed by scripts/setup-debian.sh deb.
#
# debhelper's programs are called on the release build, without dpkg-buildpackage around them: that
# wants a source package and a build of its own, and puts its results outside of the tree. CPack
# makes packages too, but knows nothing of units: starting, stopping and enabling would be scripts
# of our own, which debhelper keeps right for each release.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's/^project(jindou VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
packaged=$(dpkg-parsechangelog --show-field Version)
if [ "${packaged%-*}" != "$version" ]; then
  echo "build_deb: CMakeLists.txt has version $version, debian/changelog $packaged" >&2
  exit 1
fi

export CMAKE_ARGS="$*" LC_ALL=C.UTF-8
# dh_clean would remove files of others all over the tree (*.orig, *.bak).
clean() {
  rm -rf debian/.debhelper debian/jindou debian/stage
  rm -f debian/debhelper-build-stamp debian/files debian/jindou.service debian/jindou.substvars \
    debian/jindou.*.debhelper debian/jindou.debhelper.log
}
trap clean EXIT
clean
debian/rules binary >&2
package=build/deb/jindou_${packaged}_$(dpkg --print-architecture).deb

if command -v lintian >/dev/null 2>&1; then
  # It refuses to run as root unless told; nothing is executed of what it looks at.
  lintian --allow-root --fail-on error --suppress-tags initial-upload-closes-no-bugs "$package" >&2
fi
echo "$package"
