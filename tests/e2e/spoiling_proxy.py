"""An HTTP proxy on loopback that passes requests to a server and spoils what a fault says.

A fault is a function of a Request and of `ask`, which has a Request answered by the server; what it
returns is answered to the caller. Whole bodies only: nothing is passed on while it comes.
"""

import dataclasses
import http.client
import http.server
import json
import threading
import urllib.parse

# Those of one connection, and those that are made anew.
NOT_PASSED_ON = ("connection", "keep-alive", "transfer-encoding", "content-length", "host")
TIMEOUT_SECONDS = 60


@dataclasses.dataclass
class Request:
    """`headers` by their names in lower case, here and in Answer."""

    method: str
    target: str  # path and query
    headers: dict
    body: bytes

    @property
    def path(self):
        return urllib.parse.urlsplit(self.target).path

    @property
    def query(self):
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.target).query))

    def json(self):
        """The value of the body; None when it is no JSON."""
        return value_of(self.body)

    def changed(self, **changes):
        """`json`: a value for the body."""
        if "json" in changes:
            changes["body"] = json.dumps(changes.pop("json")).encode()
        return dataclasses.replace(self, **changes)

    def without(self, name):
        """Without a parameter of the query."""
        query = {each: value for each, value in self.query.items() if each != name}
        return self.changed(target=self.path + "?" + urllib.parse.urlencode(query))


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    def json(self):
        return value_of(self.body)

    def lines(self):
        """The values of lines of JSON; none when it has others."""
        found = [value_of(line) for line in self.body.splitlines()]
        return [] if None in found else found

    def changed(self, **changes):
        """`json`: a value for the body; `lines`: values; `header`: (name, text or None)."""
        if "json" in changes:
            changes["body"] = json.dumps(changes.pop("json")).encode()
        if "lines" in changes:
            changes["body"] = b"".join(json.dumps(each).encode() + b"\n"
                                       for each in changes.pop("lines"))
        if "header" in changes:
            name, text = changes.pop("header")
            headers = {each: value for each, value in self.headers.items() if each != name}
            changes["headers"] = headers if text is None else dict(headers, **{name: text})
        return dataclasses.replace(self, **changes)


def value_of(body):
    try:
        return json.loads(body)
    except ValueError:
        return None


class SpoilingProxy(http.server.ThreadingHTTPServer):
    """In front of `address` (host:port), from construction until `close`. `fault` may be set anew
    at any time; None passes everything on as it is."""

    daemon_threads = True

    def __init__(self, address):
        super().__init__(("127.0.0.1", 0), Handler)
        self.address, self.fault = address, None
        self.url = "http://127.0.0.1:%d" % self.server_address[1]
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self):
        self.shutdown()
        self.thread.join()
        self.server_close()

    def handle_error(self, *unused):
        """A caller that went away is none."""

    def ask(self, request):
        connection = http.client.HTTPConnection(self.address, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(request.method, request.target, request.body, request.headers)
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, headers, response.read())
        finally:
            connection.close()

    def answer(self, request):
        return self.ask(request) if self.fault is None else self.fault(request, self.ask)


class Handler(http.server.BaseHTTPRequestHandler):
    def handle_any(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        if "chunked" in headers.get("transfer-encoding", ""):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
        elif headers.get("expect", "100-continue") != "100-continue":
            body = b""  # it does not come before an answer
        else:
            body = self.rfile.read(int(headers.get("content-length", 0)))
        kept = {name: value for name, value in headers.items() if name not in NOT_PASSED_ON}
        answer = self.server.answer(Request(self.command, self.path, kept, body))
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name not in NOT_PASSED_ON:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any

    def log_message(self, *unused):
        pass
