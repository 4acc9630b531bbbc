#!/usr/bin/env bash
# Starts the server, waits until it serves, prints a line to try, and stays with it:
# scripts/run.sh <binary> [serve's arguments...]. Ctrl-C and SIGTERM stop the server in order.
set -euo pipefail

binary=${1:?usage: run.sh <binary> [arguments of serve...]}
shift

# Its standard output is a pipe: the first line says that it serves, and where. By its name, because
# the shell's own pipes go by /dev/fd, which a bare chroot has not.
pipes=$(mktemp -d)
mkfifo "$pipes/out"
"$binary" serve "$@" >"$pipes/out" &
server=$!
exec 3<"$pipes/out"
rm -r "$pipes"
trap 'kill -TERM "$server" 2>/dev/null || true' INT TERM
# Ctrl-C ends what is called here, too: this must wait for the server all the same.
set +e

http=
demo=
while IFS= read -r line <&3; do
  printf '%s\n' "$line"
  case "$line" in
    *'"event":"ready"'*)
      http=$(printf '%s\n' "$line" | sed -n 's/.*"http":"\([^"]*\)".*/\1/p')
      demo=$(printf '%s\n' "$line" | sed -n 's/.*"demo":"\([^"]*\)".*/\1/p')
      break
      ;;
  esac
done

if [ -n "$http" ]; then
  # An address for "every interface" is not one to connect to.
  http=${http/#0.0.0.0:/127.0.0.1:}
  cat <<TEXT

Jindou serves the HTTP API on http://$http. Try it from another terminal:

curl -X POST "http://$http/message/sendbatch" -H "Content-Type: application/json" -d '[
  {"header": {"no_persist": 0, "red_dot": 1, "sync_once": 0}, "client_msg_no": "batch_msg_1",
   "from_uid": "system", "channel_id": "group123", "channel_type": 2,
   "payload": {"type": 1, "content": "Hello Group 1"}},
  {"header": {"no_persist": 0, "red_dot": 1, "sync_once": 0}, "client_msg_no": "batch_msg_2",
   "from_uid": "system", "channel_id": "group456", "channel_type": 2,
   "payload": {"type": 1, "content": "Hello Group 2"}}
]'
TEXT
  if [ -n "$demo" ]; then
    demo=${demo/#0.0.0.0:/127.0.0.1:}
    if curl -sfL -m 5 -o /dev/null --noproxy '*' "http://$demo/"; then
      printf '\nThe chat demo is on http://%s/. Open it in two windows.\n' "$demo"
    else
      printf '\nThis build has no chat page: "make chat" builds one, and installs Node and npm for it.\n'
    fi
  fi
  printf '\nCtrl-C stops the server.\n'
fi

cat <&3 &
reader=$!
# A signal ends a wait early: wait again until the server itself is gone.
status=0
while :; do
  status=0
  wait "$server" || status=$?
  kill -0 "$server" 2>/dev/null || break
done
wait "$reader" 2>/dev/null || true
exit "$status"
