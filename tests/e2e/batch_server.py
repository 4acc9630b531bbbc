"""A small server of POST /message/sendbatch in memory: what the published page says and no more.

For tests of tests/conformance: it shows that the checks ask for nothing else, and its methods are
replaced one by one to plant faults.
"""

import base64
import binascii
import http.server
import json
import threading
import time
import zlib

PERSON = 1
OPTIONAL = {"client_msg_no": str, "stream_no": str, "expire": int, "header": dict,
            "subscribers": list}
REQUIRED = {"payload": str, "from_uid": str, "channel_id": str, "channel_type": int}
FLAGS = ("no_persist", "red_dot", "sync_once")


def is_a(value, kind):
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


class BatchServer(http.server.ThreadingHTTPServer):
    """Serves on a free port of loopback from construction until `close`."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.channels, self.denied, self.results, self.ids = {}, {}, {}, 0
        self.url = "http://127.0.0.1:%d" % self.server_address[1]
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self):
        self.shutdown()
        self.thread.join()
        self.server_close()

    def handle_error(self, *unused):
        """A caller that went away is none."""

    # What faults replace.

    def decode(self, body):
        """The JSON value of a body; None when it is none."""
        try:
            return json.loads(body)
        except ValueError:
            return None

    def payload_of(self, item):
        return base64.b64decode(item["payload"], validate=True)

    def is_valid(self, item):
        for name, kind in REQUIRED.items():
            if not is_a(item.get(name), kind):
                return False
        for name, kind in OPTIONAL.items():
            if name in item and not is_a(item[name], kind):
                return False
        header = item.get("header", {})
        if not all(is_a(header.get(flag, 0), int) for flag in FLAGS):
            return False
        if not all(isinstance(uid, str) for uid in item.get("subscribers", [])):
            return False
        try:
            return self.payload_of(item) != b""
        except binascii.Error:
            return False

    def may_send(self, item):
        return item["from_uid"] not in self.denied.get(self.channel_of(item), ())

    def channel_of(self, item):
        name = item["channel_id"]
        if item["channel_type"] == PERSON:
            name = "@".join(sorted((name, item["from_uid"])))
        return name, item["channel_type"]

    def is_stored(self, item):
        header = item.get("header", {})
        return not header.get("no_persist") and not header.get("sync_once")

    def next_seq(self, log):
        return len(log) + 1

    def next_id(self, item):
        self.ids += 1
        return self.ids

    def repeat_of(self, item):
        """What is remembered of an item; None for one that is not to be repeated."""
        number = item.get("client_msg_no")
        return number and (self.channel_of(item), item["from_uid"], number)

    def is_there(self, message):
        return not message["expire"] or time.time() < message["timestamp"] + message["expire"]

    def message_of(self, item, element):
        header = {flag: item.get("header", {}).get(flag, 0) for flag in FLAGS}
        return dict(element, header=header, from_uid=item["from_uid"], expire=item.get("expire", 0),
                    payload=base64.b64encode(self.payload_of(item)).decode(),
                    timestamp=time.time())

    def send(self, item):
        """The element of the answer."""
        number = item.get("client_msg_no", "")
        if not self.may_send(item):
            return {"message_id": 0, "message_seq": 0, "client_msg_no": number}
        repeat = self.repeat_of(item)
        if repeat and repeat in self.results:
            return self.results[repeat]
        log = self.channels.setdefault(self.channel_of(item), [])
        element = {"message_id": self.next_id(item), "client_msg_no": number,
                   "message_seq": self.next_seq(log) if self.is_stored(item) else 0}
        if self.is_stored(item):
            log.append(self.message_of(item, element))
        if repeat:
            self.results[repeat] = element
        return element

    def send_all(self, items):
        with self.lock:
            return [self.send(item) for item in items]

    def answer(self, elements):
        if not any(each["message_id"] for each in elements):
            return 403, {"msg": "no permission to send"}
        return 200, elements

    # The endpoints: each takes the body and returns a status and a JSON value.

    def sendbatch(self, body):
        items = self.decode(body)
        if not isinstance(items, list) or not items or not all(
                isinstance(item, dict) and self.is_valid(item) for item in items):
            return 400, {"msg": "the request is malformed"}
        return self.answer(self.send_all(items))

    def messagesync(self, body):
        query = dict(self.decode(body))
        query["from_uid"] = query.pop("login_uid")
        with self.lock:
            log = list(self.channels.get(self.channel_of(query), []))
        return 200, {"messages": [each for each in log if self.is_there(each)]}

    def deny(self, body, on=True):
        change = self.decode(body)
        with self.lock:
            uids = self.denied.setdefault((change["channel_id"], change["channel_type"]), set())
            (uids.update if on else uids.difference_update)(change["uids"])
        return 200, {"status": 200}

    def routes(self):
        return {"/message/sendbatch": self.sendbatch, "/channel/messagesync": self.messagesync,
                "/channel": lambda body: (200, {"status": 200}),
                "/channel/blacklist_add": self.deny,
                "/channel/blacklist_remove": lambda body: self.deny(body, on=False)}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        route = self.server.routes().get(self.path.split("?")[0])
        try:
            status, value = route(body) if route else (404, {"msg": "no such path"})
        except Exception as error:  # noqa: BLE001 - as servers do
            status, value = 500, {"msg": "%s: %s" % (type(error).__name__, error)}
        self.reply(status, value)

    def do_GET(self):
        self.reply(404, {"msg": "no such path"})

    def reply(self, status, value):
        # Compressed as some servers do, so that every answer of the run has to be decoded.
        body, headers = json.dumps(value).encode(), {"Content-Type": "application/json"}
        if self.headers.get("Accept-Encoding", "").split(",")[0] == "gzip":
            packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
            body = packer.compress(body) + packer.flush()
            headers["Content-Encoding"] = "gzip"
        self.send_response(status)
        for name, content in dict(headers, **{"Content-Length": str(len(body))}).items():
            self.send_header(name, content)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *unused):
        pass
