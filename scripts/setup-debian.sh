#!/usr/bin/env bash
# Installs what is missing to build and run on Debian 12 and 13, and what has their package names:
# scripts/setup-debian.sh [run|chat|deb|dist|test|check]
# "chat" adds to "run" what builds the chat page, "deb" to "chat" what makes a package, "dist" to "run"
# what makes an archive, "test" what the tests need, "check" what the checks need.
# Does nothing, and needs neither root nor network, when everything is there. What apt says is in
# build/setup.log.
set -euo pipefail
cd "$(dirname "$0")/.."

role=${1:-run}
missing=()

# The version from which on something does, by cmake/lowest_versions.txt.
lowest() {
  awk -v name="$1" '$1 == name { print $2 }' cmake/lowest_versions.txt
}

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

need_package() {
  local package
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
}

# A command may come from elsewhere than the package: only its absence asks for the package.
need_command() {
  command -v "$1" >/dev/null 2>&1 || missing+=("$2")
}

need_python_module() {
  python3 -c "import $1" >/dev/null 2>&1 || missing+=("$2")
}

# What has other names in other releases is chosen when apt's lists are known. Each is a function
# that prints the package, or nothing where the release has none.
chosen_later=()
need_choice() {
  chosen_later+=("$1")
}
has_candidate() {
  # Not through a pipe to `grep -q`: what still writes then is killed, and counts as a failure here.
  [[ $(LC_ALL=C apt-cache policy "$1" 2>/dev/null) == *'Candidate: '[0-9]* ]]
}
first_candidate() {
  local package
  for package in "$@"; do
    if has_candidate "$package"; then
      echo "$package"
      return
    fi
  done
}
apt_has_lists() {
  compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null
}

# Boost's headers: packages of several versions lie side by side in a release; the lowest that does.
boost_installed() {
  local package version
  while read -r package version; do
    if [[ $package =~ ^libboost[0-9.]*-dev$ ]] && is_installed "$package" &&
      dpkg --compare-versions "$version" ge "$(lowest boost)"; then
      return 0
    fi
  done <<<"$(dpkg-query -W -f '${Package} ${Version}\n' 'libboost*-dev' 2>/dev/null)"
  return 1
}
boost() {
  local version
  apt-cache pkgnames libboost | sed -n 's/^libboost\([0-9.]*[0-9]\)-dev$/\1/p' | sort -V |
    while read -r version; do
      if dpkg --compare-versions "$version" ge "$(lowest boost)"; then
        echo "libboost$version-dev"
      fi
    done | {
    mapfile -t packages
    first_candidate "${packages[@]}"
  }
}

# Word lists: the one library under two names. Where the architecture has neither, the server is
# built without them.
word_lists() {
  case "$(dpkg --print-architecture)" in
    amd64 | i386) first_candidate libhyperscan-dev libvectorscan-dev ;;
    *) first_candidate libvectorscan-dev ;;
  esac
}

# clang of the lowest version where the release has it, else the release's own.
clang() { first_candidate "clang-$(lowest clang)" clang; }
clang_runtime() { first_candidate "libclang-rt-$(lowest clang)-dev" libclang-rt-dev; }
# These of one version alone: scripts/check.sh leaves out what needs them where there is none.
clang_format() { first_candidate "clang-format-$(lowest clang)"; }
clang_tidy() { first_candidate "clang-tidy-$(lowest clang)"; }
need_clang() {
  scripts/clang_tool.sh clang++ >/dev/null 2>&1 || need_choice clang
}

# The packages of some programs start a server where they are installed: the program alone is taken
# out of its package, into /usr/local/bin. Their libraries come with those of the server.
taken_out=() # its path in the package, the packages that may hold it: the first that there is
need_program() {
  PATH=$PATH:/usr/sbin command -v "${1##*/}" >/dev/null 2>&1 || taken_out+=("$*")
}

if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "setup: this is not Debian; install the packages named in scripts/setup-debian.sh by hand" >&2
  exit 0
fi

need_command g++ g++
need_command cmake cmake
need_command ninja ninja-build
need_command curl curl
need_package libc6-dev librocksdb-dev libsimdjson-dev \
  libfmt-dev libyaml-cpp-dev libcli11-dev prometheus-cpp-dev libssl-dev \
  libxxhash-dev libexpected-dev libjwt-dev libcurl4-openssl-dev zlib1g-dev libzstd-dev \
  libjemalloc-dev libhowardhinnant-date-dev
boost_installed || need_choice boost
is_installed libhyperscan-dev || is_installed libvectorscan-dev || need_choice word_lists

# The chat page is built by npm from packages of its registry, which needs certificates.
need_npm() {
  need_package ca-certificates
  need_command node nodejs
  need_command npm npm
}

case "$role" in
  run) ;;
  chat)
    need_npm
    ;;
  deb)
    need_npm
    need_package debhelper lintian
    ;;
  dist)
    need_command patchelf patchelf
    ;;
  test)
    need_npm
    # The package and the archive are made, too.
    need_package debhelper lintian
    need_command patchelf patchelf
    need_package libgtest-dev libgmock-dev
    need_clang
    is_installed "libclang-rt-$(lowest clang)-dev" || is_installed libclang-rt-dev ||
      need_choice clang_runtime
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
    need_command zsh zsh
    need_program usr/bin/promtool promtool prometheus
    need_program usr/sbin/nginx nginx
    need_program usr/bin/caddy caddy
    ;;
  check)
    need_package libgtest-dev libgmock-dev
    need_clang
    scripts/clang_tool.sh clang-format exactly >/dev/null 2>&1 || need_choice clang_format
    scripts/clang_tool.sh clang-tidy exactly >/dev/null 2>&1 || need_choice clang_tidy
    need_command python3 python3
    ;;
  *)
    echo "usage: setup-debian.sh [run|chat|deb|dist|test|check]" >&2
    exit 2
    ;;
esac

# By the lists that are there; the functions themselves where there are none yet.
choices() {
  local choice
  for choice in "${chosen_later[@]}"; do
    "$choice"
  done
}
if apt_has_lists; then
  chosen=$(choices)
else
  chosen=${chosen_later[*]}
fi
alone=()
for program in "${taken_out[@]}"; do
  program=${program%% *}
  alone+=("${program##*/}")
done
wanted=("${missing[@]}" ${chosen:+$chosen} "${alone[@]}")
[ ${#wanted[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "setup: run this as root: scripts/setup-debian.sh $role, which installs ${wanted[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
mkdir -p build
log=$PWD/build/setup.log
: >"$log"
# What apt says is for whoever it fails for.
quietly() {
  "$@" </dev/null >>"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    echo "setup: failed: $* (all of it is in build/setup.log)" >&2
    exit 1
  }
}
quietly "${as_root[@]}" apt-get update -q
chosen=$(choices)
missing+=(${chosen:+$chosen})
echo "setup: installing" "${missing[@]}" "${alone[@]}" >&2
if [ ${#missing[@]} -gt 0 ]; then
  # What it would do. An error comes again, and is told, when it is done.
  "${as_root[@]}" env LC_ALL=C apt-get install --assume-no --no-install-recommends \
    "${missing[@]}" </dev/null 2>&1 |
    sed -n -e 's/^.* upgraded, \([0-9]* newly installed\).*/setup: with what they need, \1/p' \
      -e 's/^Need to get /setup: to download: /p' -e 's/^After this operation, /setup: /p' >&2 ||
    true
  quietly "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
    --no-install-recommends "${missing[@]}"
fi
if [ ${#taken_out[@]} -gt 0 ]; then
  unpacked=$(mktemp -d)
  trap 'rm -rf "$unpacked"' EXIT
  cd "$unpacked"
  for program in "${taken_out[@]}"; do
    read -r path packages <<<"$program"
    # shellcheck disable=SC2086  # they are several words
    package=$(first_candidate $packages)
    quietly apt-get download -q -o APT::Sandbox::User= "$package"
    dpkg-deb --fsys-tarfile "$package"_*.deb | tar -x "./$path"
    "${as_root[@]}" install -m 755 "$path" "/usr/local/bin/${path##*/}"
  done
fi
