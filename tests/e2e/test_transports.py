"""TLS, load balancers in front, limits per address and compression, with the real server."""

import collections
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import unittest
import warnings

from harness import GROUP, PERSON, Server, ServerCase, fresh, item, wait_until
from wkproto import SEND, Client, Closed, NoUpgrade, WsTransport, frame, varint

TRANSPORTS = ("tcp", "ws", "tls", "wss")
V1 = b"PROXY TCP4 203.0.113.%d 192.0.2.1 51000 5100\r\n"


def v2(host, tlv=b"") -> bytes:
    addresses = socket.inet_aton("203.0.113.%d" % host) + socket.inet_aton("192.0.2.1")
    body = addresses + struct.pack(">HH", 51000, 5100) + tlv
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", len(body)) + body


def v2_tcp6(address) -> bytes:
    body = socket.inet_pton(socket.AF_INET6, address) + bytes(16) + struct.pack(">HH", 51000, 5100)
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x21" + struct.pack(">H", len(body)) + body


class Certificate:
    """A self-signed certificate for localhost in a directory of its own."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="jindou-e2e-tls-"))
        self.cert, self.key = self.dir / "cert.pem", self.dir / "key.pem"
        self.replace()

    def replace(self, days=30):
        """Another key and certificate under the same names."""
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
             "-days", str(days), "-keyout", str(self.key), "-out", str(self.cert)],
            check=True, capture_output=True)

    def trusting(self, **options) -> ssl.SSLContext:
        """A client's context that trusts this certificate only, as it is now."""
        context = ssl.create_default_context(cafile=str(self.cert))
        for name, value in options.items():
            setattr(context, name, value)
        return context

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)


class TransportCase(ServerCase):
    """A server on all four transports. `extra` are further settings."""

    extra: dict = {}

    @classmethod
    def setUpClass(cls):
        cls.certificate = Certificate()
        cls.addClassCleanup(cls.certificate.remove)
        cls.config = {"tlsAddr": "tls://127.0.0.1:0", "wssAddr": "wss://127.0.0.1:0",
                      "wssConfig.certFile": cls.certificate.cert,
                      "wssConfig.keyFile": cls.certificate.key, **cls.extra}
        super().setUpClass()

    def options(self, transport, **options):
        if transport in ("tls", "wss"):
            options.setdefault("tls", self.certificate.trusting())
        return options

    def open(self, transport, uid, **options):
        """A connected client."""
        return self.client(uid, transport, **self.options(transport, **options))

    def raw(self, transport, uid="", **options):
        return self.raw_client(uid, transport, **self.options(transport, **options))

    def metric(self, name) -> float:
        text = self.server.get("/metrics").body.decode()
        found = re.search(r"^%s (\S+)$" % re.escape(name), text, re.MULTILINE)
        return float(found.group(1)) if found else 0.0

    def connection(self, uid):
        answer = self.server.get("/connz", {"uid": uid}).json()
        self.assertEqual(len(answer["connections"]), 1, answer)
        return answer["connections"][0]

    def refused(self, transport, uid, **options) -> str:
        """Tries to connect; returns the answer's first line or the reason of the CONNACK, "" when
        closed without one."""
        try:
            client = Client(getattr(self.server, transport), uid, transport=transport,
                            **self.options(transport, **options))
        except NoUpgrade as answer:
            return str(answer).split("\r\n", 1)[0]
        except Closed:
            return ""
        self.addCleanup(client.close)
        try:
            reason = client.connect().reason
        except (Closed, ConnectionError, ssl.SSLError):
            return ""
        self.assertNotEqual(reason, 1, "was not refused")
        return "CONNACK %d" % reason


class Tls(TransportCase):
    extra = {"wssConfig.checkInterval": "0"}

    def test_messages_travel_between_all_transports(self):
        group = fresh("g")
        uids = {transport: fresh(transport) for transport in TRANSPORTS}
        self.server.create_group(group, uids.values())
        clients = {t: self.open(t, uid, version=5) for t, uid in uids.items()}
        for transport, client in clients.items():
            payload = b'{"type":1,"content":"%s"}' % transport.encode()
            self.assertEqual(client.send(group, GROUP, payload).reason, 1)
            for other, peer in clients.items():
                if other != transport:
                    self.assertEqual(peer.recv().payload, payload)
            self.assertEqual(self.connection(uids[transport])["ip"], "127.0.0.1")
        for client in clients.values():
            client.ping()

    def test_large_messages_pass_in_both_directions(self):
        for transport in ("tls", "wss"):
            uid, group = fresh("u"), fresh("g")
            self.server.create_group(group, [uid, "sender"])
            client = self.open(transport, uid)
            payload = os.urandom(30_000).hex()[:32_000]
            self.assertEqual(client.send(group, GROUP, payload.encode()).reason, 1)
            self.server.must_batch([item(group, payload)])
            self.assertEqual(client.recv().payload.decode(), payload)

    def test_versions_below_1_2_are_refused_and_counted(self):
        before = self.metric('jindou_tls_handshakes_total{result="failed"}')
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises(ssl.SSLError):
            self.raw("tls", tls=context)
        wait_until(lambda: self.metric('jindou_tls_handshakes_total{result="failed"}') == before + 1)

    def test_tls_1_2_and_1_3_are_served_and_sessions_resumed(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.certificate.trusting(minimum_version=version, maximum_version=version)
            first = self.open("tls", fresh("u"), tls=context)
            self.assertFalse(first.transport.sock.session_reused)
            first.ping()  # so that the ticket of 1.3 has been read
            session = first.transport.sock.session
            second = self.open("tls", fresh("u"), tls=context, tls_session=session)
            self.assertTrue(second.transport.sock.session_reused, version)
            second.ping()

    def test_a_client_that_trusts_another_certificate_hangs_up(self):
        other = Certificate()
        self.addCleanup(other.remove)
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.raw("tls", tls=other.trusting())
        self.assert_healthy()

    def test_plain_bytes_on_a_tls_port_are_closed(self):
        for transport in ("tls", "wss"):
            for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x10\x00", os.urandom(500)):
                host, port = getattr(self.server, transport).rsplit(":", 1)
                with socket.create_connection((host, int(port)), timeout=10) as sock:
                    sock.sendall(data)
                    with self.subTest(data=data[:10]):
                        try:
                            while sock.recv(4096):  # an alert may come first
                                pass
                        except ConnectionError:
                            pass
        self.assert_healthy()

    def test_the_end_of_a_tls_connection_is_said(self):
        client = self.open("tls", fresh("u"))
        client.write(b"\x00")  # no frame
        self.assertEqual(client.wait_closed(), [])  # by close_notify: a bare end would be an error

    def test_route_tells_the_address_with_tls(self):
        route = self.server.get("/route").json()
        self.assertEqual(route["wss_addr"], "wss://" + self.server.wss)
        self.assertEqual(route["ws_addr"], "ws://" + self.server.ws)

    def test_a_new_certificate_is_used_after_sighup_and_old_connections_stay(self):
        old_context = self.certificate.trusting()
        old = self.open("tls", fresh("u"))
        expiry = self.metric("jindou_tls_certificate_not_after_seconds")
        self.certificate.replace(days=90)
        self.raw("tls", tls=old_context)  # nobody has told the server
        self.server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.metric("jindou_tls_certificate_not_after_seconds") > expiry,
                   what="the new certificate")
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.raw("tls", tls=old_context)
        self.open("tls", fresh("u"))
        self.open("wss", fresh("u"))
        old.ping()
        # A broken pair changes nothing.
        self.certificate.key.write_text("nonsense")
        self.server.process.send_signal(signal.SIGHUP)
        self.server.wait_for_log("no private key in PEM form")
        self.open("tls", fresh("u"))
        self.certificate.replace()
        self.server.process.send_signal(signal.SIGHUP)
        wait_until(self.serves_the_files, what="the repaired certificate")

    def serves_the_files(self):
        try:
            self.raw("tls").close()
            return True
        except ssl.SSLCertVerificationError:
            return False


class CertificateWatch(TransportCase):
    extra = {"wssConfig.checkInterval": "100ms"}

    def test_changed_files_are_noticed(self):
        self.open("wss", fresh("u"))
        self.certificate.replace(days=90)
        wait_until(lambda: Tls.serves_the_files(self), what="the new certificate")
        self.server.wait_for_log("new connections use the certificate in")


class BadCertificates(unittest.TestCase):
    def start_error(self, **files) -> str:
        settings = {"tlsAddr": "tls://127.0.0.1:0"}
        settings.update({"wssConfig." + k: v for k, v in files.items()})
        server = Server(settings)
        self.addCleanup(server.destroy)
        with self.assertRaises(RuntimeError):
            server.start()
        self.assertIn(server.process.wait(10), (1, 2))
        return server.log_tail()

    def test_the_server_does_not_start_and_says_why(self):
        a, b = Certificate(), Certificate()
        self.addCleanup(a.remove)
        self.addCleanup(b.remove)
        self.assertIn("wssConfig.certFile and wssConfig.keyFile: tlsAddr and wssAddr need both",
                      self.start_error())
        self.assertIn("wssConfig.certFile: cannot read /nowhere.pem: No such file or directory",
                      self.start_error(certFile="/nowhere.pem", keyFile=a.key))
        self.assertIn("wssConfig.certFile: %s: no certificate in PEM form in it" % a.key,
                      self.start_error(certFile=a.key, keyFile=a.key))
        self.assertIn("wssConfig.keyFile: %s: not the key of the certificate in %s"
                      % (b.key, a.cert), self.start_error(certFile=a.cert, keyFile=b.key))

    def test_trusted_proxies_must_be_networks(self):
        server = Server({"gateway.trustedProxies": "10.0.0.0/8 nonsense"})
        self.addCleanup(server.destroy)
        with self.assertRaises(RuntimeError):
            server.start()
        self.assertIn(r'gateway.trustedProxies: \"nonsense\" is no network', server.log_tail())


class LoadBalancer(TransportCase):
    """Loopback is trusted by default."""

    def test_headers_of_both_versions_on_all_transports(self):
        headers = {"203.0.113.1": V1 % 1, "203.0.113.2": v2(2),
                   "203.0.113.3": v2(3, tlv=b"\x04\x00\x64" + bytes(100)),
                   "2001:db8::7": v2_tcp6("2001:db8::7"),
                   "2001:db8::8": b"PROXY TCP6 2001:db8::8 ::1 51000 5100\r\n"}
        for transport in TRANSPORTS:
            for address, header in headers.items():
                uid = fresh("u")
                with self.subTest(transport=transport, address=address):
                    self.open(transport, uid, preface=header)
                    shown = self.connection(uid)
                    self.assertEqual((shown["ip"], shown["port"]), (address, 51000))

    def test_headers_without_an_address_and_none_leave_the_peers_own(self):
        local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00"
        for transport in TRANSPORTS:
            for header in (b"PROXY UNKNOWN\r\n", local, b""):
                uid = fresh("u")
                with self.subTest(transport=transport, header=header):
                    self.open(transport, uid, preface=header)
                    self.assertEqual(self.connection(uid)["ip"], "127.0.0.1")

    def test_a_broken_header_is_closed_and_counted(self):
        name = 'jindou_sessions_cut_total{reason="proxy_header"}'
        before = self.metric(name)
        broken = (b"PROXY TCP4 nonsense\r\n", b"PROXY " + b"x" * 200, b"\r\n\r\n\0\r\nQUIT\n\x99\0\0\0")
        for transport in TRANSPORTS:
            for header in broken:
                host, port = getattr(self.server, transport).rsplit(":", 1)
                with socket.create_connection((host, int(port)), timeout=10) as sock:
                    sock.sendall(header)
                    try:
                        self.assertEqual(sock.recv(100), b"")
                    except ConnectionError:
                        pass
        wait_until(lambda: self.metric(name) == before + len(TRANSPORTS) * len(broken))

    def test_forwarding_headers_name_the_client(self):
        for transport in ("ws", "wss"):
            for lines, address in (
                    ("X-Forwarded-For: 203.0.113.9\r\n", "203.0.113.9"),
                    ("X-Forwarded-For: 1.1.1.1, 203.0.113.9, 127.0.0.1\r\n", "203.0.113.9"),
                    ("X-Real-IP: 203.0.113.10\r\n", "203.0.113.10"),
                    ("X-Forwarded-For: [2001:db8::5]:99\r\n", "2001:db8::5")):
                uid = fresh("u")
                with self.subTest(transport=transport, lines=lines):
                    self.open(transport, uid, headers=lines)
                    self.assertEqual(self.connection(uid)["ip"], address)


class NoTrust(TransportCase):
    extra = {"gateway.trustedProxies": "192.0.2.0/24"}

    def test_headers_of_anybody_are_broken_input(self):
        for transport in TRANSPORTS:
            for header in (V1 % 1, v2(2)):
                with self.subTest(transport=transport):
                    self.assertEqual(self.refused(transport, fresh("u"), preface=header), "")

    def test_forwarding_headers_of_anybody_are_ignored(self):
        uid = fresh("u")
        self.open("ws", uid, headers="X-Forwarded-For: 203.0.113.9\r\nX-Real-IP: 203.0.113.9\r\n")
        self.assertEqual(self.connection(uid)["ip"], "127.0.0.1")


class RequiredHeader(TransportCase):
    extra = {"gateway.proxyProtocol": "require"}

    def test_a_trusted_proxy_without_a_header_is_closed(self):
        for transport in TRANSPORTS:
            with self.subTest(transport=transport):
                self.assertEqual(self.refused(transport, fresh("u")), "")
                self.open(transport, fresh("u"), preface=V1 % 1)


class AddressLimits(TransportCase):
    extra = {"gateway.connectionsPerAddressMax": 2}

    def test_one_address_cannot_have_more_connections(self):
        for number, transport in enumerate(TRANSPORTS):
            header = V1 % (10 + number)
            with self.subTest(transport=transport):
                name = 'jindou_connections_refused_total{reason="address_connections"}'
                before = self.metric(name)
                first = self.open(transport, fresh("u"), preface=header)
                self.open(transport, fresh("u"), preface=header)
                answer = self.refused(transport, fresh("u"), preface=header)
                self.assertEqual(answer, {"ws": "HTTP/1.1 429 Too Many Requests",
                                          "tcp": "CONNACK 22"}.get(transport, ""))
                self.assertEqual(self.metric(name), before + 1)
                self.open(transport, fresh("u"), preface=V1 % (20 + number))
                first.close()
                wait_until(lambda: self.can_connect(transport, header), what="the place")

    def can_connect(self, transport, header):
        try:
            self.refused(transport, fresh("u"), preface=header)
            return False
        except AssertionError:
            return True

    def test_the_answer_says_when_to_come_back(self):
        header = "X-Forwarded-For: 203.0.113.99\r\n"
        for _ in range(2):
            self.open("ws", fresh("u"), headers=header)
        for transport in ("ws", "wss"):  # behind an HTTP proxy the handshake is done by then
            with self.subTest(transport=transport):
                with self.assertRaises(NoUpgrade) as refusal:
                    self.raw(transport, fresh("u"), headers=header)
                self.assertTrue(str(refusal.exception).startswith("HTTP/1.1 429 "))
                self.assertIn("Retry-After: 1", str(refusal.exception))


class Origins(ServerCase):
    """Which web pages may open a WebSocket."""

    def opens(self, origin, host=None, server=None):
        """Whether the upgrade is taken."""
        server = server or self.server
        headers = "" if origin is None else "Origin: %s\r\n" % origin
        try:
            transport = WsTransport(server.ws, headers=headers, host=host)
        except NoUpgrade as refusal:
            self.assertIn("403 Forbidden", str(refusal))
            return False
        transport.close()
        return True

    def test_without_tokens_foreign_pages_stay_outside(self):
        for origin in (None, "http://localhost:5172", "http://127.0.0.1:8080", "http://[::1]"):
            self.assertTrue(self.opens(origin), origin)
        for origin in ("https://evil.example", "null", "http://127.0.0.1.evil.example"):
            self.assertFalse(self.opens(origin), origin)
        self.assertIn('jindou_sessions_cut_total{reason="origin"}',
                      self.server.get("/metrics").body.decode())
        self.server.wait_for_log("a page of https://evil.example is not let in")

    def test_a_name_that_was_rebound_to_this_address_is_foreign(self):
        """The page's own name resolves to us: page and socket have the same host."""
        port = self.server.ws.rsplit(":", 1)[1]
        self.assertFalse(self.opens("http://evil.example:" + port, host="evil.example:" + port))

    def test_with_tokens_any_page_may_try(self):
        with Server({"tokenAuthOn": "true"}) as server:
            self.assertTrue(self.opens("https://evil.example", server=server))

    def test_a_list_of_origins_replaces_the_rule(self):
        with Server({"gateway.allowedOrigins": "https://chat.example.org"}) as server:
            self.assertTrue(self.opens("https://chat.example.org", server=server))
            self.assertTrue(self.opens(None, server=server))
            self.assertFalse(self.opens("http://localhost:5172", server=server))


class Ends(unittest.TestCase):
    """Each end of a connection says why: to a WebSocket client, in the log and in a counter."""

    # What takes a store that fails or a server that stands still: the unit tests of the gateway.
    ELSEWHERE = {"fanout_overflow", "login_error", "login_timeout", "unavailable"}
    LINE = re.compile(r"connection \d+ \((\w+), ([0-9.]+)(?:, user (\w+))?\) ends: (\w+): (.+)")
    WRITTEN_MAX = 1_000_000  # bytes of one file

    def setUp(self):
        certificate = Certificate()
        self.addCleanup(certificate.remove)
        config = {"tlsAddr": "tls://127.0.0.1:0", "wssConfig.certFile": certificate.cert,
                  "wssConfig.keyFile": certificate.key, "logger.level": "debug",
                  "disableJSONRPC": "true", "connIdleTime": "3s", "gateway.connectTimeout": "3s",
                  "gateway.connectionsPerAddressMax": 1, "gateway.framesPerSecond": 20,
                  "gateway.outboundFramesMax": 16, "gateway.inboundBytesInFlight": "1MiB",
                  "gateway.frameBytesMax": "512KiB"}
        limit = ["prlimit", "--fsize=%d:" % self.WRITTEN_MAX]
        self.server = Server(config, wrapper=lambda _: limit)
        self.addCleanup(self.server.destroy)
        self.server.start()
        self.rows = []  # (cause, level, transport, address, user, text; None: any)
        self.addresses = iter(range(1, 255))

    # Each connection has an address of its own, by which its line is found.

    def raw(self, transport, uid="", number=None):
        number = number or next(self.addresses)
        client = Client(getattr(self.server, transport), uid, transport=transport,
                        preface=V1 % number)
        self.addCleanup(client.close)
        client.number = number
        return client

    def live(self, transport):
        client = self.raw(transport, fresh("u"))
        self.assertEqual(client.connect().reason, 1)
        return client

    def bytes_to(self, transport, data, named=True) -> int:
        """Writes to a new connection and reads it to its end."""
        number = next(self.addresses)
        host, port = getattr(self.server, transport).rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=10) as sock:
            sock.sendall(V1 % number + data if named else data)
            with contextlib.suppress(ConnectionError):
                while sock.recv(4096):
                    pass
        return number

    def expect(self, cause, transport, number, text, uid="", level="info"):
        address = "203.0.113.%d" % number if number else "127.0.0.1"
        self.rows.append((cause, level, transport, address, uid, text))

    def expect_told(self, cause, client, text, uid="", level="info"):
        """The client has heard it, too."""
        client.wait_closed()
        self.assertEqual(client.transport.close_reason, text, cause)
        self.expect(cause, "ws", client.number, text, uid, level)

    def lines(self):
        found = []
        for line in pathlib.Path(self.server.log_path).read_text().splitlines(keepends=True):
            entry = json.loads(line) if line.endswith("}\n") else {}  # one may be half written
            ends = self.LINE.fullmatch(entry.get("msg", ""))
            if ends:
                transport, address, uid, cause, text = ends.groups("")
                self.assertEqual(entry["component"], "gateway")
                found.append((cause, entry["level"], transport, address, uid, text))
        return found

    def counts(self):
        text = self.server.get("/metrics").body.decode()
        return {cause: int(float(value)) for cause, value in re.findall(
            r'^jindou_sessions_cut_total\{reason="(\w+)"\} (\S+)$', text, re.MULTILINE)}

    # How each comes about.

    def wrong_input(self):
        for cause, data, text in (
                ("protocol", b"\x70", "the first frame is not a CONNECT"),
                ("too_long", b"\x10" + varint(20000), "remaining length over the limit"),
                ("json_rpc_disabled", b"{}", "JSON-RPC is switched off")):
            client = self.raw("ws")
            client.write(data)
            self.expect_told(cause, client, text)
        self.expect("tls", "tls", self.bytes_to("tls", b"this is no handshake\r\n\r\n"), None)
        self.expect("upgrade", "ws", self.bytes_to("ws", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
                    "the request is no WebSocket upgrade")
        self.bytes_to("tcp", b"PROXY TCP4 nonsense\r\n", named=False)
        self.expect("proxy_header", "tcp", None, "a broken PROXY header")
        number = next(self.addresses)
        with self.assertRaises(NoUpgrade):
            WsTransport(self.server.ws, headers="Origin: https://evil.example\r\n",
                        preface=V1 % number)
        self.expect("origin", "ws", number,
                    "a page of https://evil.example is not let in; see gateway.allowedOrigins")

    def turned_away(self):
        banned = self.raw("ws", fresh("u"))
        self.server.must_post("/channel/info",
                              {"channel_id": banned.uid, "channel_type": PERSON, "ban": 1})
        self.assertEqual(banned.connect().reason, 19)
        self.expect_told("refused", banned, "the channel or the user is banned", banned.uid)
        first = self.live("tcp")
        second = self.raw("tcp", fresh("u"), first.number)
        self.assertEqual(second.connect().reason, 22)
        self.expect("limit", "tcp", first.number, "too many connections")
        kicked = self.live("ws")
        self.server.must_post("/user/device_quit", {"uid": kicked.uid})
        self.expect_told("kicked", kicked, "another login or the operator ends this session",
                         kicked.uid)

    def too_much(self):
        flood = self.live("ws")
        flood.write(b"\x70" * 2000)
        self.expect_told("flood", flood, "a flood of frames", flood.uid)
        slow = self.live("tcp")
        self.server.must_batch([item(slow.uid, "m", channel_type=PERSON) for _ in range(100)])
        slow.wait_closed()
        self.expect("slow", "tcp", slow.number, "the client does not read what it is sent",
                    slow.uid)

    def half_frames(self):
        """Of three one at least has to go."""
        clients = {client.number: client for client in (self.live("tcp") for _ in range(3))}
        for client in clients.values():
            with contextlib.suppress(ConnectionError):
                client.write(b"\x30" + varint(500_000) + bytes(450_000))
        gone = wait_until(lambda: [line for line in self.lines() if line[0] == "inbound_full"],
                          what="the end of half a frame")
        number = int(gone[0][3].rsplit(".", 1)[1])
        self.expect("inbound_full", "tcp", number, "frames that have come in part take all the "
                    "memory for them; come back", clients[number].uid)
        for client in clients.values():
            client.close()

    def failing_commit(self):
        [log] = pathlib.Path(self.server.data_dir).glob("*.log")
        left = self.WRITTEN_MAX - log.stat().st_size - 10_000
        group, sender = fresh("g"), self.live("ws")
        self.server.must_batch([item(group, os.urandom(left // 50 - 500)) for _ in range(50)])
        while log.stat().st_size < self.WRITTEN_MAX - 15_000:
            self.server.must_batch([item(group, os.urandom(4000))])
        sender.send_raw(fresh("v"), PERSON, os.urandom(20_000))
        self.expect_told("unknown_outcome", sender, "it is not known whether a message was stored; "
                         "come back and repeat it", sender.uid)
        subprocess.run(["prlimit", "--pid", str(self.server.process.pid), "--fsize=unlimited:"],
                       check=True)
        wait_until(lambda: self.server.get("/readyz").status == 200, timeout=30,
                   what="the store to be back")

    def test_each_is_told_logged_and_counted(self):
        silent, quiet = self.raw("ws"), self.live("ws")
        self.wrong_input()
        self.turned_away()
        self.too_much()
        self.half_frames()
        polite = self.live("ws")
        polite.transport.write_frame(8, struct.pack(">H", 1000))
        self.expect_told("client", polite, "the client has closed", polite.uid, "debug")
        self.expect_told("no_connect", silent, "no login came in time")
        self.expect_told("idle", quiet, "nothing came for longer than connIdleTime", quiet.uid)
        self.failing_commit()

        def logged(row):
            return any(line[:5] == row[:5] and row[5] in (None, line[5]) for line in self.lines())

        for row in self.rows:
            wait_until(lambda row=row: logged(row), timeout=30, what="the line of %r" % (row,))
        counts = self.counts()
        # As many lines as ends, and a row above for each label that there is.
        self.assertEqual(collections.Counter(line[0] for line in self.lines()),
                         {cause: count for cause, count in counts.items() if count > 0})
        self.assertEqual(set(counts), {row[0] for row in self.rows} | self.ELSEWHERE | {"stop"})
        last = self.live("ws")
        self.assertEqual(self.server.stop(), 0)
        self.rows.clear()
        self.expect_told("stop", last, "the server is stopping", last.uid, "debug")
        self.assertIn(self.rows[0], self.lines())


class HandshakeLimits(TransportCase):
    extra = {"gateway.handshakesPerAddressPerSecond": 2}

    def test_one_address_cannot_come_faster(self):
        for number, transport in enumerate(TRANSPORTS):
            header = V1 % (30 + number)
            with self.subTest(transport=transport):
                name = 'jindou_connections_refused_total{reason="address_rate"}'
                before = self.metric(name)

                def fails():
                    try:
                        return self.refused(transport, fresh("u"), preface=header) or "closed"
                    except AssertionError:
                        return None

                answer = wait_until(fails, interval=0, what="a refusal")
                self.assertEqual(answer, {"ws": "HTTP/1.1 429 Too Many Requests",
                                          "tcp": "CONNACK 22"}.get(transport, "closed"))
                self.assertGreater(self.metric(name), before)
                # Others come in, and so does this one after a while.
                self.open(transport, fresh("u"), preface=V1 % (40 + number))
                wait_until(lambda: fails() is None, interval=0.2, what="the next second")


class LimitsByReload(unittest.TestCase):
    def test_limits_change_by_sighup(self):
        with Server(yaml="gateway:\n  connectionsPerAddressMax: 1\n") as server:
            first = server.client("a", "ws")
            self.addCleanup(first.close)
            with self.assertRaises(NoUpgrade):
                server.client("b", "ws")
            pathlib.Path(server.dir, "config.yaml").write_text(
                "gateway:\n  connectionsPerAddressMax: 2\n")
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_log("applied gateway.connectionsPerAddressMax")
            second = server.client("b", "ws")
            self.addCleanup(second.close)


class NodeLimit(TransportCase):
    extra = {"gateway.maxConnections": 2}

    def test_connections_beyond_the_nodes_limit(self):
        self.open("tcp", fresh("u"))
        self.open("ws", fresh("u"))
        self.assertEqual(self.refused("ws", fresh("u")), "HTTP/1.1 503 Service Unavailable")
        self.assertEqual(self.refused("tcp", fresh("u")), "CONNACK 22")
        # A web page would take that as final.
        self.assertEqual(self.refused("tcp", fresh("u"), device_flag=1), "")
        for transport in ("tls", "wss"):
            self.assertEqual(self.refused(transport, fresh("u")), "")
        self.server.wait_for_log("more than 2 connections")


class FrameLimit(TransportCase):
    extra = {"gateway.frameBytesMax": "64KiB"}

    def test_a_frame_over_the_limit_ends_the_connection(self):
        for transport in TRANSPORTS:
            with self.subTest(transport=transport):
                client = self.open(transport, fresh("u"))
                client.write(frame(SEND, 0, bytes(100_000)))
                client.wait_closed()
                if transport in ("ws", "wss"):
                    self.assertEqual(client.transport.close_code, 1009)


class Compression(TransportCase):
    extra = {"gateway.compression": "true", "gateway.compressionMinBytes": "100"}

    def test_messages_are_compressed_both_ways(self):
        for transport in ("ws", "wss"):
            with self.subTest(transport=transport):
                uid, group = fresh("u"), fresh("g")
                self.server.create_group(group, [uid, "sender"])
                client = self.open(transport, uid, compression=True)
                self.assertEqual(client.send(group, GROUP, b"hello " * 300).reason, 1)
                self.server.must_batch([item(group, "hello " * 300)])
                self.assertEqual(client.recv().payload, b"hello " * 300)
                self.assertGreater(client.transport.compressed_received, 0)
                client.ping()

    def test_a_message_in_fragments_is_unpacked(self):
        client = self.raw("ws", fresh("u"), compression=True)
        packed = WsTransport.deflated(client.connect_frame())
        client.transport.write_frame(2, packed[:20], fin=False, rsv=0x40)
        client.transport.write_frame(9, b"in between")
        client.transport.write_frame(0, packed[20:])
        self.assertEqual(client.read_connack().reason, 1)

    def test_a_bomb_is_too_long(self):
        client = self.open("ws", fresh("u"), compression=True)
        client.transport.write_frame(2, WsTransport.deflated(bytes(64 << 20)), rsv=0x40)
        client.wait_closed()
        self.assertEqual(client.transport.close_code, 1009)
        self.assert_healthy()

    def test_a_damaged_message_is_invalid_data(self):
        client = self.open("ws", fresh("u"), compression=True)
        client.transport.write_frame(2, b"\xff\xff\xff\xff", rsv=0x40)
        client.wait_closed()
        self.assertEqual(client.transport.close_code, 1007)

    def test_reserved_bits_break_the_protocol(self):
        for rsv in (0x10, 0x20, 0x50):
            client = self.open("ws", fresh("u"), compression=True)
            client.transport.write_frame(2, b"x", rsv=rsv)
            client.wait_closed()
            self.assertEqual(client.transport.close_code, 1002)


class WithoutCompression(ServerCase):
    def test_compressed_messages_without_an_agreement_break_the_protocol(self):
        client = self.client(fresh("u"), "ws")  # the client has checked that its offer was declined
        client.transport.write_frame(2, b"x", rsv=0x40)
        client.wait_closed()
        self.assertEqual(client.transport.close_code, 1002)


if __name__ == "__main__":
    unittest.main()
