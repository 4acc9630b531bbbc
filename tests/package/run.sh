#!/usr/bin/env bash
# Installs the Debian package in a bare Debian and runs it there under systemd:
# tests/package/run.sh [package.deb]; without one the newest of build/deb. By hand, as root: it loads
# some 200 MB of packages from the mirror that this machine's apt uses, boots a systemd of its own in
# namespaces of the kernel, and takes about three minutes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
package=${1:-$(ls -t "$here"/../../build/deb/jindou_*.deb 2>/dev/null | head -n 1)}
if [ -z "$package" ]; then
  echo "no package: make deb" >&2
  exit 2
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "run.sh: debootstrap and namespaces need root" >&2
  exit 2
fi
for program in debootstrap unshare nsenter curl; do
  command -v "$program" >/dev/null || { echo "run.sh: $program is missing" >&2; exit 2; }
done
JINDOU_PACKAGE=$(readlink -f "$package")
export JINDOU_PACKAGE NO_PROXY='*' no_proxy='*' PYTHONDONTWRITEBYTECODE=1
cd "$here"
exec python3 -u -m unittest -v package_test
