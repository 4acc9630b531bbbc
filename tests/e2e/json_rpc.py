"""A small JSON-RPC client over WebSocket, written from docs/wkproto.md ("JSON-RPC").

Strict like wkproto.py: every message of the server has to be one JSON object in one text message,
answers have exactly one of result and error, and every `recv` has the members that the easy SDKs
cannot do without.
"""

import base64
import itertools
import json
import time

from wkproto import Closed, Timeout, WsTransport


class JsonTransport(WsTransport):
    """Text messages both ways."""

    data_opcode = 1

    def write(self, data: bytes):
        self.write_frame(1, data)


def check_server_object(text: str) -> dict:
    """The object, with what clients rely on checked."""
    got = json.loads(text)
    assert isinstance(got, dict), got
    assert got.get("jsonrpc") == "2.0", got
    if "method" in got:
        assert "id" not in got, "a notification must not have an id: %r" % got
        params = got["params"]
        if got["method"] == "recv":
            assert isinstance(params["header"], dict), got
            assert isinstance(params["messageId"], str) and int(params["messageId"]) > 0, got
            for name in ("messageSeq", "timestamp", "channelType"):
                assert isinstance(params[name], int), got
            for name in ("channelId", "fromUid", "payload"):
                assert isinstance(params[name], str), got
            base64.b64decode(params["payload"], validate=True)
        elif got["method"] == "event":
            assert params["id"] and params["type"], got
            assert isinstance(params["data"], str) and isinstance(params["timestamp"], int), got
        elif got["method"] == "disconnect":
            assert isinstance(params["reasonCode"], int), got
        else:
            raise AssertionError("unknown notification %r" % got)
    else:
        assert ("result" in got) != ("error" in got), got
        if "result" in got:
            assert isinstance(got["result"], dict), got
        else:
            assert isinstance(got["error"]["code"], int), got
            assert isinstance(got["error"]["message"], str), got
    return got


class JsonClient:
    """One connection. Objects that a call does not wait for are kept."""

    def __init__(self, address, uid="", *, device_flag=1, device_id="json1", token="",
                 timeout=10.0, compression=False):
        self.uid, self.device_flag, self.device_id = uid, device_flag, device_id
        self.token, self.timeout = token, timeout
        self.transport = JsonTransport(address, timeout, compression=compression)
        self.pending = []
        self.ids = itertools.count(1)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.transport.close()

    @property
    def close_code(self):
        """The status of the server's Close frame, once it has come."""
        return self.transport.close_code

    @property
    def close_reason(self):
        return self.transport.close_reason

    # Objects.

    def write(self, value):
        """Writes an object, or text as it is."""
        text = value if isinstance(value, str) else json.dumps(value)
        self.transport.write(text.encode())

    def read(self, timeout=None) -> dict:
        """The next object. Raises Timeout or Closed."""
        if self.pending:
            return self.pending.pop(0)
        deadline = self.timeout if timeout is None else timeout
        return check_server_object(self.transport.read(deadline).decode())

    def expect(self, wanted, timeout=None) -> dict:
        """The next object for which `wanted` is true; others are kept for later calls."""
        for i, kept in enumerate(self.pending):
            if wanted(kept):
                return self.pending.pop(i)
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        kept, self.pending = self.pending, []
        try:
            while True:
                got = self.read(deadline - time.monotonic())
                if wanted(got):
                    return got
                kept.append(got)
        finally:
            self.pending = kept

    def notification(self, method, timeout=None) -> dict:
        """The parameters of the next notification of this method."""
        return self.expect(lambda got: got.get("method") == method, timeout)["params"]

    def expect_none(self, method, timeout=0.3):
        try:
            got = self.notification(method, timeout)
        except Timeout:
            return
        raise AssertionError("unexpected %s %r" % (method, got))

    def request(self, method, params=None, request_id=None, with_params=True):
        """Writes a request without waiting; returns its id."""
        if request_id is None:
            request_id = "r%d" % next(self.ids)
        body = {"method": method, "id": request_id}
        if with_params:
            body["params"] = {} if params is None else params
        self.write(body)
        return request_id

    def answer(self, request_id, timeout=None) -> dict:
        """The answer to a request, its id compared with its type."""
        return self.expect(
            lambda got: "id" in got and got["id"] == request_id
            and type(got["id"]) is type(request_id), timeout)

    def call(self, method, params=None, **options) -> dict:
        """A request and its answer."""
        return self.answer(self.request(method, params, **options))

    def wait_closed(self, timeout=None) -> list:
        """Reads until the server closes; returns the objects that came before."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        objects = []
        while True:
            try:
                objects.append(self.read(deadline - time.monotonic()))
            except Closed:
                return objects

    # The protocol.

    def connect(self, **changes) -> dict:
        """The answer to `connect`."""
        params = {"uid": self.uid, "token": self.token, "deviceId": self.device_id,
                  "deviceFlag": self.device_flag, "clientTimestamp": int(time.time() * 1000)}
        params.update(changes)
        return self.call("connect", params)

    def send_params(self, channel_id, channel_type, payload, client_msg_no="", **extra):
        params = {"clientMsgNo": client_msg_no, "channelId": channel_id,
                  "channelType": channel_type, "header": {"redDot": True},
                  "payload": base64.b64encode(payload).decode()}
        params.update(extra)
        return params

    def send(self, *args, **options) -> dict:
        """`send` and its result."""
        answer = self.call("send", self.send_params(*args, **options))
        assert "result" in answer, answer
        return answer["result"]

    def recv(self, timeout=None, ack=True) -> dict:
        """The next message, with `plain` for its payload; acknowledged unless told otherwise."""
        got = self.notification("recv", timeout)
        got["plain"] = base64.b64decode(got["payload"])
        if ack:
            self.acknowledge(got)
        return got

    def acknowledge(self, message):
        self.write({"method": "recvack", "params": {
            "header": message["header"], "messageId": message["messageId"],
            "messageSeq": message["messageSeq"]}})

    def recv_many(self, count, timeout=None) -> list:
        return [self.recv(timeout) for _ in range(count)]

    def ping(self):
        answer = self.call("ping")
        assert answer["result"] == {}, answer
