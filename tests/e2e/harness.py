"""Starts the real server on a temporary directory and talks to it over HTTP.

Every test class gets its own server on free ports. The binary comes from JINDOU_BIN. Waiting is
polling with a bound; only processes started here are signalled.
"""

import atexit
import base64
import contextlib
import http.client
import json
import os
import pathlib
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.parse
import uuid

from wkproto import Client

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEED_DOCUMENT = ROOT / "tests" / "seed" / "sendbatch.md"
QUICK = os.environ.get("JINDOU_QUICK") == "1"
START_TIMEOUT = 30.0
# What docs/operations.md has service managers wait, and what they kill behind.
STOP_TIMEOUT = 20.0

PERSON, GROUP = 1, 2

# Header fields that pages see of every answer, and those that are none of their business.
SEEN_ANYWAY = {"cache-control", "content-length", "content-type"}
NOT_FOR_PAGES = {"connection", "content-encoding", "content-security-policy", "referrer-policy",
                 "transfer-encoding", "vary", "x-accel-buffering", "x-content-type-options"}


def fields_kept_from_pages(headers) -> set:
    """Of an answer that pages of other origins may read: the fields that they do not get to see."""
    exposed = headers.get("access-control-expose-headers")
    if exposed is None:
        return set()
    known = SEEN_ANYWAY | NOT_FOR_PAGES | set(exposed.lower().replace(" ", "").split(","))
    return {name for name in headers if not name.startswith("access-control-")} - known


def binary() -> str:
    path = os.environ.get("JINDOU_BIN") or str(ROOT / "build" / "release" / "bin" / "jindou")
    if not os.access(path, os.X_OK):
        raise RuntimeError("no server binary at %s (set JINDOU_BIN)" % path)
    return os.path.abspath(path)


def build_setting(name):
    """From the cache of the build directory that the program lies in; None for an installed one."""
    cache = pathlib.Path(binary()).parents[1] / "CMakeCache.txt"
    if not cache.exists():
        return None
    for line in cache.read_text().splitlines():
        if line.startswith(name + ":"):
            return line.split("=", 1)[1]
    return ""


# Tests that say nothing about the server's memory: what runs in them is a browser, or a server of
# their own. They are run with the release binary.
not_for_sanitizers = unittest.skipIf(
    "JINDOU_BIN" in os.environ and build_setting("JINDOU_SANITIZE"),
    "what works here is not what is built with sanitizers")


def wait_until(condition, timeout=10.0, interval=0.02, what="condition"):
    """Polls until `condition()` is truthy and returns that value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("timed out after %.1f s waiting for %s" % (timeout, what))
        time.sleep(interval)


class Response:
    """Status, headers (lower-case names) and body of one HTTP answer."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return "HTTP %d %r" % (self.status, self.body[:600])


class Server:
    """One server process. The ports stay the same over a restart; the directory is kept too."""

    def __init__(self, config=None, data_dir=None, yaml=None, wrapper=None, stderr=None):
        """`wrapper(server)`: words to put before the command, such as a sandbox. `stderr`: a
        descriptor to log to instead of the file."""
        self._own_dir = data_dir is None
        self.dir = tempfile.mkdtemp(prefix="jindou-e2e-") if data_dir is None else str(data_dir)
        self.data_dir = os.path.join(self.dir, "data")
        self.log_path = os.path.join(self.dir, "server.log")
        self.config, self.yaml, self.wrapper = dict(config or {}), yaml, wrapper
        self.stderr = stderr
        self.process = None
        self.http = self.tcp = self.ws = self.manager = "127.0.0.1:0"
        self.tls = self.wss = ""  # served when `config` has tlsAddr, wssAddr
        # The chat demo is off unless `config` switches it on with "demo.on".
        self.demo = "127.0.0.1:0"

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.destroy()

    def start(self):
        """Starts and waits until the server is ready."""
        self.spawn()
        line = self._read_line(START_TIMEOUT)
        try:
            ready = json.loads(line)
            assert ready["event"] == "ready"
            self.http, self.tcp, self.ws = ready["http"], ready["tcp"], ready["ws"]
            # Empty when manager.on is false.
            self.manager = ready.get("manager") or "127.0.0.1:0"
            self.tls, self.wss = ready.get("tls", ""), ready.get("wss", "")
            self.demo = ready.get("demo") or "127.0.0.1:0"
        except (ValueError, KeyError, AssertionError):
            self._kill_quietly(self.process)
            raise RuntimeError("no ready line but %r; log:\n%s" % (line, self.log_tail())) from None
        return self

    def spawn(self):
        """Starts the process without waiting."""
        command = [binary(), "serve", "--data-dir", self.data_dir, "--http-addr", self.http,
                   "--tcp-addr", self.tcp, "--ws-addr", self.ws]
        if self.yaml is not None:
            path = os.path.join(self.dir, "config.yaml")
            pathlib.Path(path).write_text(self.yaml)
            command += ["--config", path]
        if self.wrapper is not None:
            command = self.wrapper(self) + command
        env = {k: v for k, v in os.environ.items() if not k.startswith("WK_")}
        env.update(WK_MANAGER_ADDR=self.manager, WK_DEMO_ON="false", WK_DEMO_ADDR=self.demo)
        for key, value in self.config.items():
            env["WK_" + key.upper().replace(".", "_")] = str(value)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE,
                                            stderr=self.stderr or log, env=env,
                                            stdin=subprocess.DEVNULL, cwd=self.dir)
        atexit.register(self._kill_quietly, self.process)

    def _read_line(self, timeout):
        deadline = time.monotonic() + timeout
        stdout, data = self.process.stdout, b""
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while b"\n" not in data:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    break
                chunk = os.read(stdout.fileno(), 4096)
                if not chunk:
                    break
                data += chunk
        return data

    @staticmethod
    def _kill_quietly(process):
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()

    def stop(self) -> int:
        """SIGTERM; returns the exit code, fails when it takes longer than promised."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._kill_quietly(self.process)
            raise AssertionError("still running %.0f s after SIGTERM" % STOP_TIMEOUT) from None
        self.process.stdout.close()
        return code

    def kill9(self):
        self._kill_quietly(self.process)

    def restart(self, graceful=False):
        """Stops (SIGKILL unless graceful) and starts on the same directory and ports."""
        if graceful:
            self.stop()
        else:
            self.kill9()
        return self.start()

    def destroy(self):
        if self.process is not None:
            self._kill_quietly(self.process)
            atexit.unregister(self._kill_quietly)
        if self._own_dir:
            shutil.rmtree(self.dir, ignore_errors=True)

    def alive(self) -> bool:
        return self.process.poll() is None

    def log_tail(self, lines=40) -> str:
        with contextlib.suppress(OSError):
            text = pathlib.Path(self.log_path).read_text(errors="replace")
            return "\n".join(text.splitlines()[-lines:])
        return ""

    def wait_for_log(self, text) -> None:
        """The log is written by a thread of its own: a line may come after what it tells of."""
        wait_until(lambda: text in self.log_tail(), what="%r in the log" % text)

    # HTTP.

    def request(self, method, path, body=None, headers=None, timeout=15.0,
                address=None) -> Response:
        """One request on its own connection. `body`: bytes and str as they are, else as JSON.

        `address`: host:port, the API's unless given."""
        host, port = (address or self.http).rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        send_headers = {"Content-Type": "application/json"} if body is not None else {}
        send_headers.update(headers or {})
        try:
            connection.request(method, path, body, send_headers)
            answer = connection.getresponse()
            got = {k.lower(): v for k, v in answer.getheaders()}
            kept = fields_kept_from_pages(got)
            assert not kept, "%s %s: no page sees %s" % (method, path, kept)
            return Response(answer.status, got, answer.read())
        finally:
            connection.close()

    def post(self, path, body=None, **options) -> Response:
        return self.request("POST", path, body, **options)

    def get(self, path, query=None, **options) -> Response:
        if query:
            path += "?" + urllib.parse.urlencode(query)
        return self.request("GET", path, **options)

    def must_post(self, path, body):
        """POST that has to answer 200; returns the decoded body."""
        answer = self.post(path, body)
        assert answer.status == 200, "%s %r -> %r" % (path, body, answer)
        return answer.json()

    def batch(self, items, **options) -> Response:
        return self.post("/message/sendbatch", items, **options)

    def must_batch(self, items):
        return self.must_post("/message/sendbatch", items)

    def history(self, channel_id, channel_type=GROUP, login_uid="reader", **range_options):
        """All of POST /channel/messagesync's answer."""
        query = {"channel_id": channel_id, "channel_type": channel_type, "login_uid": login_uid,
                 "pull_mode": 1, "start_message_seq": 1, "limit": 10000}
        query.update(range_options)
        return self.must_post("/channel/messagesync", query)

    def messages(self, channel_id, channel_type=GROUP, login_uid="reader"):
        """Every readable message of a channel, oldest first."""
        out, start = [], 1
        while True:
            page = self.history(channel_id, channel_type, login_uid, start_message_seq=start)
            out += page["messages"]
            if not page["more"]:
                return out
            start = out[-1]["message_seq"] + 1

    def max_seq(self, channel_id, channel_type=GROUP, login_uid="reader") -> int:
        answer = self.get("/channel/max_message_seq", {
            "channel_id": channel_id, "channel_type": channel_type, "login_uid": login_uid})
        assert answer.status == 200, answer
        return answer.json()["message_seq"]

    def create_group(self, channel_id, subscribers=(), **flags):
        body = {"channel_id": channel_id, "channel_type": GROUP, "subscribers": list(subscribers)}
        body.update(flags)
        return self.must_post("/channel", body)

    # Clients.

    def client(self, uid, transport="tcp", **options) -> Client:
        """A connected WKProto client."""
        client = Client(getattr(self, transport), uid, transport=transport, **options)
        ack = client.connect()
        assert ack.reason == 1, ack
        return client


class RawHttp:
    """A socket on which a test writes whatever bytes it likes and reads HTTP answers."""

    def __init__(self, server, address=None, timeout=10.0):
        """`address`: "host:port" where the API is not meant."""
        host, port = (address or server.http).rsplit(":", 1)
        self.sock = socket.create_connection((host, int(port)), timeout=timeout)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def _more(self):
        try:
            data = self.sock.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            raise EOFError("closed with %r unread" % self.buffer[:200])
        self.buffer += data

    def read_response(self) -> Response:
        """The next answer on this connection; interim 1xx answers are skipped."""
        while True:
            while b"\r\n\r\n" not in self.buffer:
                self._more()
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            lines = head.decode("latin-1").split("\r\n")
            status = int(lines[0].split(" ")[1])
            headers = {}
            for line in lines[1:]:
                name, value = line.split(":", 1)
                headers[name.strip().lower()] = value.strip()
            if status >= 200:
                break
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while True:
                while b"\r\n" not in self.buffer:
                    self._more()
                size, self.buffer = self.buffer.split(b"\r\n", 1)
                size = int(size, 16)
                while len(self.buffer) < size + 2:
                    self._more()
                body += self.buffer[:size]
                self.buffer = self.buffer[size + 2 :]
                if size == 0:
                    return Response(status, headers, body)
        length = int(headers.get("content-length", "0"))
        while len(self.buffer) < length:
            self._more()
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return Response(status, headers, body)

    def is_closed(self, timeout=5.0) -> bool:
        """True when the server closes (or resets) within `timeout` without sending more."""
        self.sock.settimeout(timeout)
        try:
            while True:
                data = self.sock.recv(65536)
                if not data:
                    return True
                self.buffer += data
        except ConnectionError:
            return True
        except TimeoutError:
            return False


class ServerCase(unittest.TestCase):
    """A test class with its own server. `config` are settings by their dotted names."""

    config: dict = {}
    yaml = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server(cls.config, yaml=cls.yaml).start()
        cls.addClassCleanup(cls.server.destroy)

    def run(self, result=None):
        before = len(result.failures) + len(result.errors) if result is not None else 0
        outcome = super().run(result)
        if result is not None and len(result.failures) + len(result.errors) > before:
            print("\n--- server log (%s) ---\n%s\n---" % (self.id(), self.server.log_tail()))
            if not self.server.alive():
                print("the server has died (exit code %r); restarting it for the next test"
                      % self.server.process.returncode)
                self.server.restart()
        return outcome

    def assert_healthy(self):
        self.assertTrue(self.server.alive(), "the server process has ended")
        answer = self.server.get("/health")
        self.assertEqual((answer.status, answer.json()), (200, {"status": "ok"}))

    def assert_error(self, answer, status):
        """The error envelope: the status twice, the same text under two names, a code."""
        self.assertEqual(answer.status, status, answer)
        self.assertIn("application/json", answer.headers.get("content-type", ""), answer)
        body = answer.json()
        self.assertEqual(body["status"], status)
        self.assertTrue(body["msg"])
        self.assertEqual(body["msg"], body["error"])
        self.assertTrue(body["code"])
        return body

    def counts_at_rest(self, counts):
        """The members of /varz when the sessions of earlier tests are gone: to measure from."""
        return wait_until(lambda: (found := counts())["connections"] == 0 and found,
                          what="the end of earlier sessions")

    def client(self, uid, *args, **options):
        client = self.server.client(uid, *args, **options)
        self.addCleanup(client.close)
        return client

    def raw_client(self, uid="", transport="tcp", **options):
        """A WKProto client that has not sent CONNECT."""
        client = Client(getattr(self.server, transport), uid, transport=transport, **options)
        self.addCleanup(client.close)
        return client


def fresh(prefix: str) -> str:
    """An id no other test uses."""
    return prefix + uuid.uuid4().hex[:12]


def b64(data) -> str:
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def item(channel_id, payload="hello", *, from_uid="sender", channel_type=GROUP, **extra):
    """One element of a batch; `payload` is the plain content."""
    out = {"from_uid": from_uid, "channel_id": channel_id, "channel_type": channel_type,
           "payload": b64(payload)}
    out.update(extra)
    return out


def seed_blocks() -> dict:
    """The four request examples of the seed document by language, without their common indent."""
    blocks, language, lines = {}, None, []
    for line in SEED_DOCUMENT.read_text().splitlines():
        stripped = line.strip()
        if language is None and stripped.startswith("```") and len(stripped) > 3:
            language, indent, lines = stripped[3:].split()[0], len(line) - len(line.lstrip()), []
        elif language is not None and stripped == "```":
            blocks.setdefault(language, "\n".join(lines) + "\n")
            language = None
        elif language is not None:
            lines.append(line[indent:] if not line[:indent].strip() else line)
    return blocks


def seed_request() -> bytes:
    """The body of the seed's cURL example, byte for byte."""
    text = seed_blocks()["bash"]
    return text[text.index("-d '") + 4 : text.rindex("'")].encode()
