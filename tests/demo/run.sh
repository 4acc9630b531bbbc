#!/usr/bin/env bash
# Shows the server at work with real clients: tests/demo/run.sh <binary>
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
JINDOU_BIN=$(readlink -f "${1:?usage: run.sh <binary>}")
export JINDOU_BIN NO_PROXY='*' no_proxy='*' PYTHONDONTWRITEBYTECODE=1
exec python3 -u "$here/demo.py"
