"""deploy/nginx and deploy/caddy: what passes through them.

scripts/setup-debian.sh test takes the programs out of their packages; where there is none, its tests
are skipped. The files are taken as they are, but for names, ports, certificates and who may come in.
"""

import http.client
import json
import os
import pathlib
import re
import selectors
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

import operations_page
from certificates import self_signed
from harness import ROOT, Server, b64, item, not_for_sanitizers, wait_until
from json_rpc import JsonClient, JsonTransport
from test_job_events import Events
from test_ndjson import Upload, lines_of

TOKEN = "0123456789abcdef"
INSIDE, OUTSIDE = "127.0.0.1", "127.0.0.2"
GUESSER = "127.0.0.3"  # inside, too; where logins of another address are counted
CALLER = "127.0.0.4"  # inside, too; found in the audit log by his address
PASSWORD = "password-of-this-test"
NAMES = ("im.example.com", "im-api.example.com", "im-manager.example.com")
PATH = os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin"


def free_ports(count):
    """The kernel gives the ports of closed listeners out last."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


class Through:
    """What the helpers of other modules take for a server: the API behind a proxy."""

    def __init__(self, address):
        self.http = address


class Proxy:
    """The tests; `configure` writes a configuration and returns the command that runs it."""

    program = ""

    @classmethod
    def setUpClass(cls):
        cls.path = shutil.which(cls.program, path=PATH)
        if cls.path is None:
            raise unittest.SkipTest("there is no %s, which scripts/setup-debian.sh test brings: its file "
                                    "was not tried" % cls.program)
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="jindou-proxy-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, True)
        cls.server = Server({"managerToken": TOKEN, "auth.users": "olga:%s:[*:r]" % PASSWORD,
                             "jobs.eventInterval": "50ms"}).start()
        cls.addClassCleanup(cls.server.destroy)
        ports = free_ports(3)
        cls.ws, cls.api, cls.manager = ("127.0.0.1:%d" % port for port in ports)
        cls.run_program(cls.configure(dict(zip(NAMES, ports))), cls.manager, "/health",
                        cls.addClassCleanup)

    @classmethod
    def run_program(cls, command, address, path, add_cleanup):
        """Until the server behind it answers 200 for `path`."""
        with (cls.directory / "log").open("ab") as log:
            process = subprocess.Popen(command, cwd=cls.directory, stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, env={**os.environ, "PATH": PATH,
                                                                    "HOME": str(cls.directory)})
        add_cleanup(process.wait, 15)
        add_cleanup(process.terminate)

        def is_up():
            try:
                return cls.request(address, "GET", path)[0] == 200
            except OSError:
                return False
        wait_until(lambda: process.poll() is not None or is_up(), 30, what=cls.program)
        if process.poll() is not None:
            raise AssertionError((cls.directory / "log").read_text())

    @classmethod
    def upstreams(cls, text):
        """Where the server of this test listens, in place of the usual ports."""
        for usual, address in (("5001", cls.server.http), ("5200", cls.server.ws),
                               ("5300", cls.server.manager)):
            assert "127.0.0.1:" + usual in text
            text = text.replace("127.0.0.1:" + usual, address)
        return text

    @staticmethod
    def request(address, method, path, body=None, headers=None, source=INSIDE):
        host, port = address.split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=30,
                                                source_address=(source, 0))
        try:
            connection.request(method, path, body, {"token": TOKEN, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def test_the_api_is_reached_with_large_bodies(self):
        status, body = self.request(self.api, "POST", "/message/sendbatch", json.dumps(
            [item("large", "x" * 15_000) for _ in range(80)]))
        self.assertEqual(status, 200, body[:300])
        self.assertEqual([one["message_seq"] for one in json.loads(body)], list(range(1, 81)))
        status, body = self.request(self.api, "GET", "/connz", headers={"token": "wrong"})
        self.assertEqual(status, 401, body)

    def test_the_manager_port_is_reached(self):
        status, body = self.request(self.manager, "POST", "/manager/login",
                                    json.dumps({"username": "olga", "password": PASSWORD}))
        self.assertEqual(status, 200, body)
        login = {"token": "", "Authorization": "Bearer " + json.loads(body)["token"]}
        self.assertEqual(self.request(self.manager, "GET", "/connz", headers=login)[0], 200)
        self.assertEqual(self.request(self.manager, "GET", "/metrics")[0], 200)

    def test_the_audit_log_has_the_addresses_of_callers(self):
        self.request(self.manager, "POST", "/manager/login",
                     json.dumps({"username": "olga", "password": "wrong"}), source=CALLER)
        status, body = self.request(self.manager, "GET", "/manager/audit?event=login_failed")
        self.assertEqual(status, 200, body)
        self.assertIn(CALLER, [line["address"] for line in json.loads(body)["items"]])

    def test_guest_is_refused_through_it(self):
        guest = {"username": "guest", "password": "guest"}
        with Server({"managerToken": TOKEN}) as server:
            (port,) = free_ports(1)
            address = "127.0.0.1:%d" % port
            self.run_program(self.in_front_of(server.manager, port), address, "/jindou/health",
                             self.addCleanup)
            login = server.request("POST", "/manager/login", guest, address=server.manager)
            self.assertEqual(login.status, 200, "straight from this machine: %s" % login)
            as_guest = {"token": "", "Authorization": login.json()["token"]}
            for host in (address, "localhost", "203.0.113.7", "im-manager.example.com"):
                status, body = self.request(address, "POST", "/jindou/manager/login",
                                            json.dumps(guest), {"token": "", "Host": host})
                self.assertEqual(status, 403, (host, body))
                self.assertIn("set auth.users", json.loads(body)["msg"])
                for path in ("/jindou/connz", "/jindou/manager/audit", "/jindou/manager/config"):
                    status, body = self.request(address, "GET", path, None,
                                                {**as_guest, "Host": host})
                    self.assertIn(status, (401, 403), (host, path, body))
            self.assertEqual(self.request(address, "GET", "/jindou/connz")[0], 200)

    def test_clients_reach_what_a_read_token_opens_and_nothing_else(self):
        document = json.loads(self.request(self.api, "GET", "/docs/openapi.json")[1])
        opened, reached = set(), set()
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if any("reader" in scheme for scheme in operation.get("security", [])):
                    opened.add(path)
                # With the managerToken, which the server hears of from inside alone.
                status, body = self.request(self.api, method.upper(), re.sub("[{}]", "", path),
                                            source=OUTSIDE)
                if status != 403:
                    self.assertEqual(status, 401, (path, body))
                    reached.add(path)
        self.assertTrue(opened)
        self.assertEqual(reached, opened)
        for path in ("/", "/nowhere", "/message/", "//user/token", "/MESSAGE/SEND",
                     "/message/../user/token", "/message/%2e%2e/user/token", "/message%2fsend"):
            self.assertEqual(self.request(self.api, "POST", path, "{}", source=OUTSIDE)[0], 403, path)
        # The server would take this for a job: it gets what it was let in for, or nothing.
        status, body = self.request(self.api, "GET", "/jobs/..%2Fmessage", source=OUTSIDE)
        self.assertIn(status, (401, 403), body)
        for path in ("/health", "/manager/", "/manager/login"):
            self.assertEqual(self.request(self.manager, "GET", path, source=OUTSIDE)[0], 403, path)

    def test_a_client_outside_reads_what_is_its_own(self):
        def inside(path, body):
            status, answer = self.request(self.api, "POST", path, json.dumps(body))
            self.assertEqual(status, 200, answer)
            return json.loads(answer)

        for group, uid in (("hers", "cat"), ("not-hers", "dan")):
            inside("/channel", {"channel_id": group, "channel_type": 2, "subscribers": [uid]})
            inside("/message/sendbatch", [item(group, "hello")])
        bearer = "Bearer " + inside("/user/read_token", {"uid": "cat"})["token"]

        def outside(method, path, body=None):
            status, answer = self.request(self.api, method, path, body and json.dumps(body),
                                          {"Authorization": bearer}, OUTSIDE)
            return status, json.loads(answer)

        status, listed = outside("POST", "/conversation/sync", {"msg_count": 1})
        self.assertEqual((status, [one["channel_id"] for one in listed]), (200, ["hers"]))
        query = "/channel/max_message_seq?channel_type=2&channel_id="
        self.assertEqual(outside("GET", query + "hers"), (200, {"message_seq": 1}))
        status, refused = outside("GET", query + "not-hers")
        self.assertEqual((status, refused["reason"]), (403, 3))
        # A back end reads there as before.
        self.assertEqual(len(inside("/conversation/sync", {"uid": "dan", "msg_count": 1})), 1)

    def test_clients_chat_over_websocket(self):
        clients = [JsonClient(self.ws, uid) for uid in ("ann", "ben")]
        for client in clients:
            self.addCleanup(client.close)
            answer = client.call("connect", {"uid": client.uid, "token": "none", "deviceFlag": 1,
                                             "deviceId": "d"})
            self.assertEqual(answer["result"]["reasonCode"], 1)
        ann, ben = clients
        sent = ann.call("send", {"channelId": "ben", "channelType": 1, "clientMsgNo": "n1",
                                 "payload": b64("hello")})
        self.assertEqual(sent["result"]["reasonCode"], 1)
        self.assertEqual(ben.notification("recv")["payload"], b64("hello"))

    def test_events_come_when_they_happen(self):
        status, body = self.request(
            self.api, "POST", "/message/sendbatch?async=true&rate=1",
            json.dumps([item("job", "n%d" % i) for i in range(100)]))
        self.assertEqual(status, 202, body)
        job = json.loads(body)["id"]
        with Events(Through(self.api), job, {"token": TOKEN}) as events:
            heard = iter(events)
            self.assertEqual(next(heard)[0], "progress")
            # The answer is not over: what follows was done after that.
            self.assertEqual(self.request(self.api, "POST", "/jobs/%s/cancel" % job)[0], 200)
            self.assertEqual([name for name, _, _ in heard][-1], "end")

    def whole_stream(self, count):
        """Lines whose answer is read when all of them are sent."""
        with Upload(Through(self.api), headers="token: %s\r\n" % TOKEN) as upload:
            upload.send(lines_of([item("lines%d" % count, "n%d" % i) for i in range(count)]))
            upload.end()
            return upload.read_all()


@not_for_sanitizers
class Nginx(Proxy, unittest.TestCase):
    program = "nginx"
    FRAME = """daemon off;
worker_processes 1;
pid %(directory)s/%(name)s.pid;
error_log stderr;
%(user)s
events {}
http {
  access_log off;
  client_body_temp_path %(directory)s/body;
  proxy_temp_path %(directory)s/proxy;
  fastcgi_temp_path %(directory)s/fastcgi;
  uwsgi_temp_path %(directory)s/uwsgi;
  scgi_temp_path %(directory)s/scgi;
%(text)s
}
"""

    @classmethod
    def frame(cls, name, text):
        path = cls.directory / name
        # Workers of root are of a user of their own, who may not look into our directory.
        path.write_text(cls.FRAME % {"directory": cls.directory, "name": name, "text": text,
                                     "user": "user root root;" if os.geteuid() == 0 else ""})
        return [cls.path, "-p", str(cls.directory), "-e", "stderr", "-c", str(path)]

    @classmethod
    def configure(cls, ports):
        cls.text = cls.upstreams((ROOT / "deploy/nginx/jindou.conf").read_text())
        text = re.sub(r" ssl_certificate\w* .*\n", "\n", cls.text)
        for name, port in ports.items():
            text = text.replace("listen 443 ssl;\n  server_name %s;" % name,
                                "listen 127.0.0.1:%d;\n  server_name %s;" % (port, name))
        return cls.frame("plain.conf", text.replace(
            "10.0.0.0/8 0;", " ".join("%s 0;" % one for one in (INSIDE, GUESSER, CALLER))))

    @classmethod
    def in_front_of(cls, manager, port):
        """As docs/operations.md shows it."""
        found = [[block for language, block in
                  operations_page.blocks(operations_page.page_text(page)) if language == "nginx"]
                 for page in operations_page.PAGES]
        assert [len(each) for each in found] == [1, 1], found
        # Their comments differ.
        english, chinese = ([operations_page.lines_of(block) for block in each] for each in found)
        assert english == chinese, found
        text = operations_page.substituted(found[0][0], [("127.0.0.1:5300", manager)])
        return cls.frame("path.conf",
                         "server {\n  listen 127.0.0.1:%d;\n%s}\n" % (port, text))

    def test_the_file_is_valid_with_its_certificates(self):
        certificate, key = self_signed(str(self.directory))
        text = self.text.replace("/etc/nginx/jindou/fullchain.pem", certificate)
        text = text.replace("/etc/nginx/jindou/privkey.pem", key)
        port = free_ports(1)[0]
        done = subprocess.run(
            self.frame("tls.conf", text.replace("listen 443 ssl;", "listen 127.0.0.1:%d ssl;" % port))
            + ["-t"], capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("[warn]", done.stderr)

    def test_lines_are_answered_while_they_are_sent(self):
        with Upload(Through(self.api), headers="token: %s\r\n" % TOKEN) as upload:
            for i in range(20):
                upload.send(lines_of([item("lines", "n%d" % i)]))
                self.assertEqual(upload.read_line()["message_seq"], i + 1)
            upload.end()
            self.assertEqual(upload.read_all()[0]["items"], 20)
        self.assertEqual(self.whole_stream(30_000)[-1]["accepted"], 30_000)

    def test_clients_are_known_by_their_own_addresses(self):
        transport = JsonTransport(self.ws, headers="X-Forwarded-For: 203.0.113.7\r\n")
        self.addCleanup(transport.close)
        transport.write(json.dumps({"id": 1, "method": "connect", "params": {
            "uid": "far", "token": "none", "deviceFlag": 1, "deviceId": "d"}}).encode())
        transport.read(10)
        connections = json.loads(self.request(self.api, "GET", "/connz?uid=far")[1])["connections"]
        self.assertEqual([one["ip"] for one in connections], ["203.0.113.7"])

    def test_guesses_at_logins_are_slowed(self):
        statuses = [self.request(self.manager, "POST", "/manager/login",
                                 json.dumps({"username": "guest", "password": "wrong"}),
                                 source=GUESSER)[0]
                    for _ in range(10)]
        self.assertIn(429, statuses)
        self.assertEqual(self.request(self.manager, "GET", "/varz")[0], 200)


@not_for_sanitizers
class Caddy(Proxy, unittest.TestCase):
    program = "caddy"

    @classmethod
    def configure(cls, ports):
        text = cls.upstreams((ROOT / "deploy/caddy/Caddyfile").read_text())
        for name, port in ports.items():
            text = text.replace("\n%s {" % name, "\nhttp://:%d {" % port)
        text = text.replace("not remote_ip 10.0.0.0/8",
                            "not remote_ip %s %s" % (INSIDE, CALLER))
        return cls.frame("Caddyfile", text)

    @classmethod
    def frame(cls, name, text):
        # HTTP/2 without TLS, which clients on the way here would have.
        options = ("{\n\tadmin off\n\tauto_https off\n\tdefault_bind 127.0.0.1\n"
                   "\tservers {\n\t\tprotocols h1 h2c\n\t}\n}\n")
        path = cls.directory / name
        path.write_text(options + text)
        return [cls.path, "run", "--adapter", "caddyfile", "--config", str(path)]

    @classmethod
    def in_front_of(cls, manager, port):
        return cls.frame("path.caddy", "http://:%d {\n\thandle_path /jindou/* {\n"
                         "\t\treverse_proxy %s\n\t}\n}\n" % (port, manager))

    def test_the_file_is_valid(self):
        done = subprocess.run([self.path, "validate", "--adapter", "caddyfile", "--config",
                               ROOT / "deploy/caddy/Caddyfile"], capture_output=True, text=True,
                              timeout=30, check=False, env={"HOME": str(self.directory)})
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_lines_over_http_2_are_answered_while_they_are_sent(self):
        command = ["curl", "-sS", "-N", "--noproxy", "*", "--http2-prior-knowledge", "-T", ".",
                   "-X", "POST", "-H", "token: " + TOKEN, "-H", "Content-Type: application/x-ndjson",
                   "http://%s/message/sendbatch" % self.api]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as curl, \
                selectors.DefaultSelector() as selector:
            self.addCleanup(curl.kill)
            selector.register(curl.stdout, selectors.EVENT_READ)
            sent, deadline = 0, time.monotonic() + 30
            # curl looks at its input at times of its own.
            while not selector.select(0.2):
                self.assertLess(time.monotonic(), deadline, "no answer to %d lines" % sent)
                curl.stdin.write(lines_of([item("lines", "n%d" % sent)]))
                curl.stdin.flush()
                sent += 1
            curl.stdin.close()
            answer = curl.stdout.read().splitlines()
        self.assertEqual((len(answer), json.loads(answer[-1])["accepted"]), (sent + 1, sent))

    def lines(self, count, query="", kind="application/x-ndjson"):
        """By a client of HTTP/1.1."""
        status, body = self.request(
            self.api, "POST", "/message/sendbatch" + query,
            lines_of([item("lines-1", "n%d" % i) for i in range(count)]), {"Content-Type": kind})
        return status, json.loads(body)

    def test_lines_over_http_1_are_refused_because_some_would_be_lost(self):
        for kind in ("application/x-ndjson", "Application/X-NDJSON; charset=utf-8", "text/csv"):
            with self.subTest(kind=kind):
                status, body = self.lines(1, kind=kind)
                self.assertEqual(status, 505, body)
                self.assertIn("HTTP/2", body["msg"])
        status, body = self.request(self.api, "GET", "/channel/max_message_seq?channel_type=2"
                                    "&channel_id=lines-1&login_uid=u1")
        self.assertEqual((status, json.loads(body)["message_seq"]), (200, 0))

    def test_lines_that_become_a_job_come_over_http_1(self):
        status, body = self.lines(3000, "?async=true")
        self.assertEqual((status, body["items"]), (202, 3000), body)


if __name__ == "__main__":
    unittest.main()
