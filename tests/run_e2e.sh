#!/usr/bin/env bash
# Runs the end-to-end tests against a server binary: tests/run_e2e.sh <binary> [--quick] [test...]
# --quick leaves out what waits for timers. Exits non-zero when a test fails.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
binary=${1:?usage: run_e2e.sh <binary> [--quick] [test...]}
shift
JINDOU_BIN=$(readlink -f "$binary")
export JINDOU_BIN
if [ "${1:-}" = --quick ]; then
  export JINDOU_QUICK=1
  shift
fi
# Nothing here may go through a proxy.
export NO_PROXY='*' no_proxy='*' PYTHONDONTWRITEBYTECODE=1
cd "$here/e2e"
if [ $# -gt 0 ]; then
  exec python3 -m unittest -v "$@"
fi
exec python3 -m unittest discover -v -s . -p 'test_*.py'
