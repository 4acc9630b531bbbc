#!/usr/bin/env bash
# The churn test: tests/churn/run.sh <binary> [--sessions N] [--seconds S] [--seed S]
# The last line says "churn: passed" or "churn: failed: why"; the exit status is 0 or 1.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
JINDOU_BIN=$(readlink -f "${1:?usage: run.sh <binary> [--sessions N] [--seconds S] [--seed S]}")
shift
export JINDOU_BIN NO_PROXY='*' no_proxy='*' PYTHONDONTWRITEBYTECODE=1
exec python3 -u "$here/churn_test.py" "$@"
