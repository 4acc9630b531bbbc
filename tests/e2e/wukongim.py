"""A stand-in for a running WuKongIM 2: answers what `jindou import` asks, with the shapes of v2.2.5.

What it does as that server does, and others do not: the first message of a page has no flags, the
person channel of a page is named as the half that did not send, a refused token is a 401 without a
body, an array without entries may be null, and a path is decoded before it is taken apart.
"""

import base64
import http.server
import json
import socketserver
import threading
import time
import urllib.parse

SYSTEM = "____system"
FIRST_ID = 1947236475592679424
FIRST_TIME = 1_753_069_312


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        pass  # whoever asked has gone


class WuKongIM:
    """`page`: entries of one page at most, however many are asked for. `fail_after`: so many
    requests are answered, then each is a 503; None: all are. `broken`: channels, by id and type,
    whose history is a 500; `faults`: how often it was. `stuck`: a path that answers its first page
    for every other."""

    def __init__(self, token="", page=3):
        self.token, self.page, self.fail_after = token, page, None
        self.broken, self.faults, self.stuck = set(), 0, None
        self.requests = 0
        self.channels, self.messages = {}, {}
        self.conversations, self.devices, self.system_uids = [], [], []
        self._ids = FIRST_ID
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                stand_in._serve(self, None)

            def do_POST(self):
                stand_in._serve(self, json.loads(self.read_body() or b"{}"))

            def read_body(self):
                if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = b""
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def log_message(self, *unused):
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    # What it has.

    def add_channel(self, channel_id, channel_type=2, **what):
        created = (FIRST_TIME + len(self.channels)) * 10**9
        self.channels[channel_id, channel_type] = {"created_at": created, **what}

    def add_message(self, channel_id, channel_type, from_uid, text, seq=None, **what):
        log = self.messages.setdefault((channel_id, channel_type), [])
        self._ids += 4096
        message = {
            "header": {"no_persist": 0, "red_dot": 1, "sync_once": 0}, "setting": 0,
            "message_id": self._ids, "message_idstr": str(self._ids),
            "client_msg_no": "c%d" % self._ids,
            "message_seq": seq or (log[-1]["message_seq"] + 1 if log else 1),
            "from_uid": "" if from_uid == SYSTEM else from_uid, "channel_id": channel_id,
            "channel_type": channel_type, "expire": 0, "timestamp": FIRST_TIME + len(log),
            "payload": base64.b64encode(text.encode()).decode(), **what}
        log.append(message)
        return message

    def add_conversation(self, uid, channel_id, channel_type, read_to, kind=0):
        log = self.messages.get((channel_id, channel_type), [])
        last = log[-1]["message_seq"] if log else 0
        self.conversations.append({
            "id": len(self.conversations) + 1, "uid": uid, "type": kind,
            "type_format": "命令" if kind else "聊天", "channel_id": channel_id,
            "channel_type": channel_type, "channel_type_format": "", "unread_count": last - read_to,
            "last_msg_seq": last, "readed_to_msg_seq": read_to, "created_at": FIRST_TIME,
            "updated_at": FIRST_TIME, "created_at_format": "2025-07-21 03:41",
            "updated_at_format": "2025-07-21 03:41"})

    def add_device(self, uid, token, flag=0, level=1):
        self.devices.append({
            "id": len(self.devices) + 1, "uid": uid, "token": token, "device_flag": flag,
            "device_flag_format": "APP", "device_level": level, "device_level_format": "主设备",
            "conn_count": 0, "send_msg_count": 0, "recv_msg_count": 0, "send_msg_bytes": 0,
            "recv_msg_bytes": 0, "created_at": (FIRST_TIME + len(self.devices)) * 10**9,
            "updated_at": FIRST_TIME * 10**9, "created_at_format": "2025-07-21 03:41",
            "updated_at_format": "2025-07-21 03:41"})

    # How it answers.

    def _serve(self, handler, body):
        self.requests += 1
        path, _, query = handler.path.partition("?")
        path = urllib.parse.unquote(path)
        given = {k: v[0] for k, v in urllib.parse.parse_qs(query).items()}
        if path == self.stuck:
            given.update(offset_created_at="0", current_page="1")
        if self.fail_after is not None and self.requests > self.fail_after:
            status, answer = 503, None
        elif self.token and handler.headers.get("token") != self.token:
            status, answer = 401, None
        else:
            status, answer = self._answer(path, given, body)
        text = b"" if answer is None and status != 200 else json.dumps(answer).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json; charset=utf-8")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def _answer(self, path, query, body):
        if path == "/user/systemuids":
            return 200, self.system_uids or None
        if path == "/channel/messagesync":
            if (body["channel_id"], body["channel_type"]) in self.broken:
                self.faults += 1
                return 500, None
            return 200, self._history(body)
        if path == "/cluster/channels":
            return 200, self._by_creation([self._channel(key) for key in self.channels], query)
        if path == "/cluster/devices":
            return 200, self._by_creation(self.devices, query)
        if path == "/cluster/conversations":
            size = min(self.page, int(query["limit"]))
            first = (int(query["current_page"]) - 1) * size
            return 200, {"total": 0, "data": self.conversations[first:first + size]}
        if path == "/cluster/messages":
            return 200, self._search(query)
        parts = path.split("/")
        if path.startswith("/cluster/channels/") and len(parts) == 6:
            channel = self.channels.get((parts[3], int(parts[4])), {})
            return 200, channel.get(parts[5], [])
        return 404, None

    def _channel(self, key):
        channel = self.channels[key]
        log = self.messages.get(key, [])
        day = time.strftime("%Y-%m-%d %H:%M", time.gmtime(channel["created_at"] / 1e9))
        return {
            "id": 1, "slot": 7, "channel_id": key[0], "channel_type": key[1],
            "ban": channel.get("ban", 0), "disband": channel.get("disband", 0),
            "subscriber_count": 0, "allowlist_count": 0, "denylist_count": 0,
            "last_msg_seq": log[-1]["message_seq"] if log else 0, "last_msg_time": 0,
            "last_msg_time_format": "", "status_format": "正常",
            "created_at": channel["created_at"], "updated_at": channel["created_at"],
            "created_at_format": day, "updated_at_format": day}

    def _by_creation(self, entries, query):
        offset = int(query.get("offset_created_at", 0))
        size = min(self.page, int(query["limit"]))
        found = sorted((e for e in entries if not offset or e["created_at"] < offset),
                       key=lambda e: -e["created_at"])
        return {"total": 0, "more": int(len(found) > size), "data": found[:size]}

    def _history(self, body):
        key = (body["channel_id"], body["channel_type"])
        if body["channel_type"] == 1:
            pair = (body["login_uid"], body["channel_id"])
            key = next((k for k in self.messages if k[1] == 1 and
                        sorted(k[0].split("@")) == sorted(pair)), key)
        if key not in self.messages:
            return {"start_message_seq": 0, "end_message_seq": 0, "more": 0, "messages": []}
        assert body["pull_mode"] == 1 and body["login_uid"], body
        size = min(self.page, body["limit"])
        found = [dict(m) for m in self.messages[key] if m["message_seq"] >= body["start_message_seq"]]
        page = found[:size]
        if page:
            page[0]["header"] = {"no_persist": 0, "red_dot": 0, "sync_once": 0}
        for message in page:
            if key[1] == 1:
                a, b = key[0].split("@")
                message["channel_id"] = b if message["from_uid"] == a else a
        return {"start_message_seq": body["start_message_seq"], "end_message_seq": 0,
                "more": int(len(found) > size), "messages": page}

    def _search(self, query):
        assert query["pre"] == "1", query
        offset, size = int(query["offset_message_id"]), min(self.page, int(query["limit"]))
        found = sorted((dict(m, channel_id=key[0], message_id=str(m["message_id"]))
                        for key, log in self.messages.items() for m in log
                        if m["message_id"] > offset), key=lambda m: int(m["message_id"]))
        return {"total": 0, "data": found[:size][::-1]}
