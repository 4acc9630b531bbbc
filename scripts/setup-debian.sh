#!/usr/bin/env bash
# Installs what is missing to build and run on Debian 12: scripts/setup-debian.sh [run|deb|test|check]
# "deb" adds to "run" what makes a package, "test" what the tests need, "check" what the checks need.
# Does nothing, and needs neither root nor network, when everything is there.
set -euo pipefail

role=${1:-run}
missing=()

need_package() {
  local package
  for package in "$@"; do
    if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" != installed ]; then
      missing+=("$package")
    fi
  done
}

# A command may come from elsewhere than the package: only its absence asks for the package.
need_command() {
  command -v "$1" >/dev/null 2>&1 || missing+=("$2")
}

# Prometheus' package starts a server of its own where it is installed: promtool alone is taken out
# of it, into /usr/local/bin.
promtool=
need_promtool() {
  command -v promtool >/dev/null 2>&1 || promtool=missing
}

need_python_module() {
  python3 -c "import $1" >/dev/null 2>&1 || missing+=("$2")
}

if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "setup: this is not Debian; install the packages named in scripts/setup-debian.sh by hand" >&2
  exit 0
fi

need_command g++ g++
need_command cmake cmake
need_command ninja ninja-build
need_command curl curl
need_package libc6-dev libboost1.81-dev librocksdb-dev libsimdjson-dev \
  libfmt-dev libyaml-cpp-dev libcli11-dev prometheus-cpp-dev libssl-dev \
  libxxhash-dev libexpected-dev libjwt-dev libcurl4-openssl-dev zlib1g-dev libzstd-dev \
  libjemalloc-dev libhowardhinnant-date-dev

# Word lists: the one library under two names. Where the architecture has neither, the server is
# built without them.
has_candidate() {
  LC_ALL=C apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [0-9]'
}
is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]
}
word_lists=
if ! is_installed libhyperscan-dev && ! is_installed libvectorscan-dev; then
  case "$(dpkg --print-architecture)" in
    amd64 | i386) word_lists=libhyperscan-dev ;;
    *) ! has_candidate libvectorscan-dev || word_lists=libvectorscan-dev ;;
  esac
fi

# The chat demo is built by npm from packages of its registry, which needs certificates. Not for
# "check", which builds no server.
if [ "$role" != check ]; then
  need_package ca-certificates
  need_command node nodejs
  need_command npm npm
fi

case "$role" in
  run) ;;
  deb)
    need_package debhelper lintian
    ;;
  test)
    need_package libgtest-dev libgmock-dev libclang-rt-14-dev
    need_command clang++-14 clang-14
    need_command mold mold
    # The chat demo's screenshots show some Chinese.
    need_package fonts-wqy-microhei
    need_command chromium chromium
    need_command openssl openssl
    need_command zstd zstd
    need_command go golang-go
    need_command python3 python3
    need_python_module requests python3-requests
    need_python_module ensurepip python3-venv
    need_python_module yaml python3-yaml
    need_promtool
    ;;
  check)
    need_package libgtest-dev libgmock-dev
    need_command clang++-14 clang-14
    need_command clang-format-14 clang-format-14
    need_command clang-tidy-14 clang-tidy-14
    need_command python3 python3
    ;;
  *)
    echo "usage: setup-debian.sh [run|deb|test|check]" >&2
    exit 2
    ;;
esac

wanted=("${missing[@]}" ${word_lists:+"$word_lists"} ${promtool:+promtool})
[ ${#wanted[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "setup: run this as root: scripts/setup-debian.sh $role, which installs ${wanted[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "setup: installing ${wanted[*]}" >&2
"${as_root[@]}" apt-get update -q >&2
if [ -n "$word_lists" ]; then
  has_candidate "$word_lists" || word_lists=libvectorscan-dev
  missing+=("$word_lists")
fi
if [ ${#missing[@]} -gt 0 ]; then
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    "${missing[@]}" </dev/null >&2
fi
if [ -n "$promtool" ]; then
  unpacked=$(mktemp -d)
  trap 'rm -rf "$unpacked"' EXIT
  (cd "$unpacked" && apt-get download -q -o APT::Sandbox::User= prometheus </dev/null >&2)
  dpkg-deb --fsys-tarfile "$unpacked"/prometheus_*.deb | tar -x -C "$unpacked" ./usr/bin/promtool
  "${as_root[@]}" install -m 755 "$unpacked/usr/bin/promtool" /usr/local/bin/promtool
fi
