#!/usr/bin/env bash
# The crash test: tests/crash/run.sh <binary> [--cycles N] [--seed S]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
JINDOU_BIN=$(readlink -f "${1:?usage: run.sh <binary> [--cycles N] [--seed S]}")
shift
export JINDOU_BIN NO_PROXY='*' no_proxy='*' PYTHONDONTWRITEBYTECODE=1
exec python3 -u "$here/crash_test.py" "$@"
