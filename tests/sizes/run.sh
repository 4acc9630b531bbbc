#!/usr/bin/env bash
# The table "how big a machine" of docs/performance.md: tests/sizes/run.sh <binary> [option...]
# --help has the options. The table goes to standard output, what goes on to standard error.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
JINDOU_BIN=$(readlink -f "${1:?usage: run.sh <binary> [option...]}")
shift
export JINDOU_BIN NO_PROXY='*' no_proxy='*' PYTHONDONTWRITEBYTECODE=1
exec python3 -u "$here/sizes.py" "$@"
