"""A receiver of webhooks that can be told to fail: a real HTTP server on a port of its own."""

import http.server
import json
import socket
import socketserver
import threading
import time
import urllib.parse


class Call:
    """One request that was received."""

    def __init__(self, event, path, headers, raw, status):
        self.event, self.path, self.headers, self.raw, self.status = event, path, headers, raw, status
        self.at = time.monotonic()

    @property
    def body(self):
        return json.loads(self.raw)

    def __repr__(self):
        return "%s -> %s %r" % (self.event, self.status, self.raw[:200])


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # a server under test that was killed leaves broken connections


class Receiver:
    """Answers 200, or what `answer(call)` returns: a status, or "hang" until release(). `tls`: an
    SSLContext; then it serves https."""

    def __init__(self, answer=None, tls=None):
        self.answer, self.tls = answer, tls
        self._lock = threading.Lock()
        self._calls = []
        self._released = threading.Event()
        self._server = None
        self.port = 0
        self.start()

    def start(self):
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                receiver._open.add(self.connection)

            def do_POST(self):
                raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                receiver._handle(self, raw)

            def log_message(self, *unused):
                pass

        self._open = set()
        self._server = _Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def _handle(self, handler, raw):
        url = urllib.parse.urlsplit(handler.path)
        event = urllib.parse.parse_qs(url.query).get("event", [""])[0]
        headers = {k.lower(): v for k, v in handler.headers.items()}
        call = Call(event, handler.path, headers, raw, None)
        answer = self.answer
        status = answer(call) if answer else 200
        if status == "hang":
            with self._lock:
                call.status = "hang"
                self._calls.append(call)
            self._released.wait(60)
            status = 200
        call.status = status
        try:
            handler.send_response(status)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        except OSError:
            return
        with self._lock:
            if call not in self._calls:
                self._calls.append(call)

    def release(self):
        self._released.set()

    def stop(self):
        """Closes the port and all connections; start() opens the same port again."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._server = None

    def close(self):
        self.release()
        self.stop()

    @property
    def url(self):
        return "%s://127.0.0.1:%d/hook" % ("https" if self.tls else "http", self.port)

    def calls(self, event=None):
        """All calls, oldest first, whatever was answered."""
        with self._lock:
            return [call for call in self._calls if event is None or call.event == event]

    def heard(self, event):
        """The elements of all calls of an event that were answered with success."""
        out = []
        for call in self.calls(event):
            if call.status == 200:
                body = call.body
                out += body if isinstance(body, list) else [body]
        return out

    def messages(self, channel_id, event="msg.notify"):
        return [m for m in self.heard(event) if m["channel_id"] == channel_id]
