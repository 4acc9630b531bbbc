#!/usr/bin/env bash
# Builds deploy/docker/Dockerfile with buildah on a bare Debian and runs the image:
# tests/package/image.sh [package.deb]. With a package the first stage is left out, which else compiles
# the server. By hand, as root, as run.sh; nothing is fetched but packages of Debian.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ "$(id -u)" -ne 0 ]; then
  echo "image.sh: debootstrap and namespaces need root" >&2
  exit 2
fi
for program in debootstrap buildah unshare nsenter curl ip; do
  command -v "$program" >/dev/null || { echo "image.sh: $program is missing" >&2; exit 2; }
done
JINDOU_PACKAGE=${1:+$(readlink -f "$1")}
export JINDOU_PACKAGE NO_PROXY='*' no_proxy='*' PYTHONDONTWRITEBYTECODE=1
cd "$here"
exec python3 -u -m unittest -v image_test
