#!/bin/bash
# For images, which have no curl: probe.sh ready|alive
# ready: GET /readyz answers 200, sends are accepted. alive: it answers at all; a server that cannot
# write, because the disk is full, comes back by itself, and a restart would not help it.
# It looks where the server listens: WK_HTTPADDR, or httpAddr in the file of settings.
set -u
# A server that ends meanwhile is one that does not answer.
trap '' PIPE

# From the file of settings, where it is a line that is not indented: httpAddr: 0.0.0.0:5001
address_of_file() {
  local file=${WK_CONFIG:-/etc/jindou/jindou.yaml} line
  local setting="^[\"']?httpAddr[\"']?[[:space:]]*:[[:space:]]+[\"']?([^[:space:]\"'#]+)"
  [ -r "$file" ] || return
  shopt -s nocasematch
  while IFS= read -r line || [ -n "$line" ]; do
    [[ $line =~ $setting ]] && echo "${BASH_REMATCH[1]}"
  done <"$file"
}

address=${WK_HTTPADDR:-$(address_of_file)}
address=${address:-localhost:5001}
address=${address#*://}
host=${address%:*}
case $host in
  '' | 0.0.0.0 | '[::]') host=127.0.0.1 ;;
esac
host=${host#[}
host=${host%]}
wanted=${1:?usage: probe.sh ready|alive}

exec 3<>"/dev/tcp/$host/${address##*:}" || exit 1
printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3 2>/dev/null
read -r -t 4 version status _ <&3 || exit 1
case $wanted:$version:$status in
  ready:HTTP/1.1:200 | alive:HTTP/1.1:*) exit 0 ;;
esac
echo "GET /readyz: $status" >&2
exit 1
