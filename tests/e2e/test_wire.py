"""WKProto over TCP and WebSocket: handshake, messages, retries, kicks and malformed input."""

import base64
import random
import socket
import threading
import time
import unittest

from harness import GROUP, PERSON, QUICK, ServerCase, b64, fresh, item, wait_until
from wkproto import (CONNACK, CONNECT, DISCONNECT, NO_PERSIST, PING, RECV, RED_DOT, SEND, SENDACK,
                     SYNC_ONCE, Closed, WsTransport, encode_connect, encode_recvack, encode_send,
                     frame, string, varint)

TRANSPORTS = ("tcp", "ws")


class Handshake(ServerCase):
    config = {"gateway.connectTimeout": "1s"}

    def test_versions_and_transports(self):
        for transport in TRANSPORTS:
            for version in (0, 1, 2, 3, 4, 5, 6, 255):
                with self.subTest(transport=transport, version=version):
                    client = self.raw_client(fresh("u"), transport, version=version)
                    ack = client.connect()
                    self.assertEqual(ack.reason, 1)
                    if version >= 4:
                        self.assertEqual((ack.flags, ack.server_version), (1, min(version, 6)))
                        self.assertGreater(ack.node_id, 0)
                        self.assertNotEqual(ack.node_id, 1023)
                    else:
                        self.assertEqual(ack.flags, 0)
                    self.assertLess(abs(ack.time_diff), 5000)
                    client.ping()

    def test_messages_in_every_version(self):
        group = fresh("g")
        users = {v: fresh("v%d" % v) for v in (1, 2, 3, 4, 5, 6)}
        self.server.create_group(group, list(users.values()))
        for transport in TRANSPORTS:
            clients = {v: self.client(uid, transport, version=v, device_id=transport)
                       for v, uid in users.items()}
            for version, sender in clients.items():
                with self.subTest(transport=transport, version=version):
                    text = ("你好 from %d" % version).encode()
                    ack = sender.send(group, GROUP, text, flags=RED_DOT, expire=3600)
                    self.assertEqual(ack.reason, 1)
                    for other, receiver in clients.items():
                        if other == version:
                            continue
                        got = receiver.recv()
                        self.assertEqual((got.payload, got.message_id, got.message_seq),
                                         (text, ack.message_id, ack.message_seq))
                        self.assertEqual(got.expire, 3600 if min(version, other) >= 3 else 0)
            for client in clients.values():
                client.close()

    def test_refused_connects(self):
        cases = [
            ("reserved device id", dict(uid=fresh("u"), device_id="____device"), None, 2),
            ("system uid", dict(uid="____system"), None, 2),
            ("manager uid", dict(uid="____manager"), None, 2),
            ("command suffix", dict(uid="x____cmd"), None, 2),
            ("empty uid", dict(uid=""), None, 2),
            ("blank uid", dict(uid="  "), None, 2),
            ("at sign", dict(uid="a@b"), None, 2),
            ("hash", dict(uid="a#b"), None, 2),
            ("ampersand", dict(uid="a&b"), None, 2),
            ("NUL", dict(uid="a\x00b"), None, 2),
            ("long uid", dict(uid="x" * 300), None, 2),
            ("long device id", dict(uid=fresh("u"), device_id="x" * 300), None, 2),
            ("long token", dict(uid=fresh("u"), token="x" * 1100), None, 2),
            ("no key", dict(uid=fresh("u")), "", 21),
            ("short key", dict(uid=fresh("u")), b64(b"x" * 31), 2),
            ("long key", dict(uid=fresh("u")), b64(b"x" * 33), 2),
            ("no base64", dict(uid=fresh("u")), "!" * 44, 2),
            ("unpadded", dict(uid=fresh("u")), b64(b"\x07" * 32).rstrip("="), 2),
            ("all zero key", dict(uid=fresh("u")), b64(bytes(32)), 2),
            ("low order key", dict(uid=fresh("u")), b64(b"\x01" + bytes(31)), 2),
        ]
        for transport in TRANSPORTS:
            for name, options, key, reason in cases:
                for version in (2, 5):
                    with self.subTest(name=name, transport=transport, version=version):
                        client = self.raw_client(transport=transport, version=version, **options)
                        ack = client.connect(key)
                        self.assertEqual((ack.reason, ack.server_key, ack.salt), (reason, "", ""))
                        self.assertEqual(client.wait_closed(), [])
        self.assert_healthy()

    def test_invalid_utf8_uid(self):
        client = self.raw_client()
        key = base64.b64encode(client.public).decode()
        client.write(encode_connect(5, 0, "d", b"a\xff\xfeb", "", 0, key))
        try:
            self.assertEqual(client.read_connack().reason, 2)
        except Closed:
            pass  # a field that cannot be read may also end the connection
        self.assert_healthy()

    def test_banned_user(self):
        uid = fresh("u")
        self.server.must_post("/channel/info",
                              {"channel_id": uid, "channel_type": PERSON, "ban": 1})
        client = self.raw_client(uid)
        self.assertEqual(client.connect().reason, 19)
        client.wait_closed()

    def test_anything_before_connect_closes(self):
        group = fresh("g")
        crypto = self.client(fresh("u")).crypto
        first = {
            "send": encode_send(5, crypto, 1, "n", group, GROUP, b"x"),
            "recvack": encode_recvack(1, 1), "ping": bytes([PING << 4]), "pong": b"\x80",
            "disconnect": b"\x90\x03\x0c\x00\x00", "type 0": b"\x00\x01\x00",
            "type 15": b"\xf0\x01\x00", "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "connack": frame(CONNACK, 0, bytes(13)),
        }
        for transport in TRANSPORTS:
            for name, data in first.items():
                with self.subTest(name=name, transport=transport):
                    client = self.raw_client(transport=transport)
                    client.write(data)
                    self.assertEqual(client.wait_closed(), [])
        self.assertEqual(self.server.max_seq(group), 0)
        self.assert_healthy()

    def test_no_connect_within_the_deadline(self):
        group = fresh("g")
        for transport in TRANSPORTS:
            with self.subTest(transport=transport):
                silent = self.raw_client(transport=transport)
                self.assertEqual(silent.wait_closed(6), [])
                # Trickling bytes does not buy time.
                slow = self.raw_client(fresh("u"), transport)
                started = time.monotonic()
                try:
                    for byte in slow.connect_frame():
                        slow.write(bytes([byte]))
                        time.sleep(0.1)
                        if time.monotonic() - started > 6:
                            break
                    slow.wait_closed(1)
                except (Closed, ConnectionError):
                    pass
                self.assertLess(time.monotonic() - started, 6)
        # A WebSocket that never finishes its upgrade.
        host, port = self.server.ws.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=8) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: webs")
            try:
                while sock.recv(4096):
                    pass
            except ConnectionError:
                pass
        self.assertEqual(self.server.max_seq(group), 0)

    def test_byte_by_byte(self):
        for transport in TRANSPORTS:
            with self.subTest(transport=transport):
                client = self.raw_client(fresh("u"), transport)
                for byte in client.connect_frame():
                    client.write(bytes([byte]))
                self.assertEqual(client.read_connack().reason, 1)
                peer = fresh("p")
                data = bytes([PING << 4]) + encode_send(5, client.crypto, 7, "n", peer, PERSON,
                                                        b"slowly")
                for byte in data + bytes([PING << 4]):
                    client.write(bytes([byte]))
                self.assertEqual(client.expect(8).flags, 0)
                ack = client.expect(SENDACK)
                self.assertEqual((ack.reason, ack.client_seq), (1, 7))
                client.expect(8)

    def test_several_frames_in_one_write(self):
        for transport in TRANSPORTS:
            with self.subTest(transport=transport):
                client = self.client(fresh("u"), transport)
                peer = fresh("p")
                sends = [encode_send(5, client.crypto, i, "n%d" % i, peer, PERSON, b"%d" % i)
                         for i in range(1, 8)]
                data = sends[0] + bytes([PING << 4]) + b"".join(sends[1:])
                client.write(data[:-30])
                client.write(data[-30:])
                acks = [client.expect(SENDACK) for _ in sends]
                self.assertEqual([a.client_seq for a in acks], list(range(1, 8)))
                self.assertEqual([a.message_seq for a in acks], list(range(1, 8)))
                client.expect(8)

    def test_frames_between_connect_and_connack_are_dropped(self):
        client = self.raw_client(fresh("u"))
        peer = fresh("p")
        # A client transmits its queue as soon as the socket is open, encrypted with the keys of its
        # previous connection, and again after the CONNACK. An answer to the first copy would make
        # it forget the message.
        stale = encode_send(5, self.client(fresh("x")).crypto, 999, "n", peer, PERSON, b"stale")
        client.write(client.connect_frame() + stale)
        self.assertEqual(client.read_connack().reason, 1)
        ack = client.send(peer, PERSON, b"fresh", "n")
        self.assertEqual((ack.reason, ack.message_seq), (1, 1))
        client.expect_none(SENDACK)

    def test_websocket_details(self):
        uid = fresh("u")
        client = self.raw_client(uid, "ws")
        data = client.connect_frame()
        # Fragmented over three messages parts, with a control frame in between.
        client.transport.write_frame(2, data[:10], fin=False)
        client.transport.write_frame(9, b"are you there")
        client.transport.write_frame(0, data[10:20], fin=False)
        client.transport.write_frame(0, data[20:], fin=True)
        self.assertEqual(client.read_connack().reason, 1)
        client.ping()
        # Orderly close is answered.
        client.transport.write_frame(8, b"\x03\xe8")
        client.wait_closed()
        for path in ("/", "/ws", "/any/path?token=x"):
            WsTransport(self.server.ws, path=path).close()

    def test_bad_websocket_frames(self):
        for name, raw in {"unmasked": b"\x82\x01\x70", "reserved bits": b"\xf2\x81\0\0\0\0\x70",
                          "reserved opcode": b"\x83\x81\0\0\0\0\x70",
                          "huge": b"\x82\xff" + b"\xff" * 8 + bytes(4),
                          "long control": b"\x89\xfe\x01\x00\0\0\0\0" + bytes(256)}.items():
            with self.subTest(name=name):
                client = self.client(fresh("u"), "ws")
                client.transport.sock.sendall(raw)
                client.wait_closed()
        self.assert_healthy()


class Messages(ServerCase):
    config = {"api.sendCheck": "trusted"}

    def test_ping(self):
        for transport in TRANSPORTS:
            client = self.client(fresh("u"), transport)
            for data in (b"\x70", b"\x7f"):
                client.write(data)
                self.assertEqual(client.expect(8).raw, b"\x80")

    def test_more_pings_in_one_write_than_frames_may_wait(self):
        for transport in TRANSPORTS:
            client = self.client(fresh("u"), transport)
            client.write(b"\x70" * 10_000)
            for _ in range(10_000):
                self.assertEqual(client.expect(8).raw, b"\x80")
            client.ping()

    def test_send_to_a_group(self):
        group, alice, bob = fresh("g"), fresh("alice"), fresh("bob")
        self.server.create_group(group, [alice, bob])
        for transport in TRANSPORTS:
            a = self.client(alice, transport, device_id="a1" + transport)
            a2 = self.client(alice, transport, device_id="a2" + transport)
            b = self.client(bob, transport)
            before = self.server.max_seq(group)
            for flags in (0, RED_DOT, RED_DOT | 8):
                ack = a.send(group, GROUP, b"hi", flags=flags)
                self.assertEqual((ack.reason, ack.flags), (1, flags))
                before += 1
                self.assertEqual(ack.message_seq, before)
                self.assertTrue(0 < ack.message_id < 2**53)
                got = b.recv()
                self.assertEqual((got.from_uid, got.channel_id, got.channel_type, got.payload),
                                 (alice, group, GROUP, b"hi"))
                self.assertEqual((got.message_id, got.message_seq),
                                 (ack.message_id, ack.message_seq))
                self.assertEqual(got.flags, flags & RED_DOT)
                self.assertEqual(self.server.max_seq(group), ack.message_seq)
                # The sender's other connection gets it without the red dot, this one nothing.
                own = a2.recv()
                self.assertEqual((own.message_id, own.flags), (ack.message_id, 0))
            a.expect_none(RECV)
            for client in (a, a2, b):
                client.close()
        stored = self.server.messages(group)
        self.assertEqual(stored[0]["payload"], b64("hi"))
        self.assertLess(abs(stored[0]["timestamp"] - time.time()), 60)

    def test_person_view(self):
        alice, bob = fresh("alice"), fresh("bob")
        a = self.client(alice, device_id="1")
        a2 = self.client(alice, device_id="2")
        b = self.client(bob)
        ack = a.send(bob, PERSON, b"hi", flags=RED_DOT)
        got, own = b.recv(), a2.recv()
        self.assertEqual((got.channel_id, got.from_uid, got.flags), (alice, alice, RED_DOT))
        self.assertEqual((own.channel_id, own.from_uid, own.flags), (bob, alice, 0))
        back = b.send(alice, PERSON, b"back")
        self.assertEqual(back.message_seq, ack.message_seq + 1)
        for client in (a, a2):
            got = client.recv()
            self.assertEqual((got.channel_id, got.payload), (bob, b"back"))
        b.expect_none(RECV)

    def test_message_to_oneself(self):
        uid = fresh("u")
        a = self.client(uid, device_id="1")
        a2 = self.client(uid, device_id="2")
        ack = a.send(uid, PERSON, b"note", flags=RED_DOT)
        self.assertEqual((ack.reason, ack.message_seq), (1, 1))
        got = a2.recv()
        self.assertEqual((got.channel_id, got.payload, got.flags), (uid, b"note", 0))
        a2.expect_none(RECV)

    def test_system_account_is_shown_as_empty(self):
        uid = fresh("u")
        client = self.client(uid)
        for body in ({"from_uid": ""}, {}):
            self.server.must_post("/message/send", dict(
                body, channel_id=uid, channel_type=PERSON, payload=b64("sys")))
            got = client.recv()
            self.assertEqual((got.from_uid, got.channel_id, got.payload), ("", "", b"sys"))

    def test_no_persist_and_sync_once_flags(self):
        group, alice, bob = fresh("g"), fresh("alice"), fresh("bob")
        self.server.create_group(group, [alice, bob])
        a, b = self.client(alice), self.client(bob)
        ack = a.send(group, GROUP, b"volatile", flags=NO_PERSIST | RED_DOT)
        self.assertEqual((ack.reason, ack.message_seq, ack.flags), (1, 0, 3))
        got = b.recv()
        self.assertEqual((got.flags, got.message_seq, got.message_id), (3, 0, ack.message_id))
        ack = a.send(group, GROUP, b"cmd", flags=SYNC_ONCE)
        self.assertEqual((ack.reason, ack.flags), (1, 4))
        self.assertEqual((b.recv().flags, self.server.max_seq(group)), (4, 0))

    def test_setting_and_topic_are_relayed(self):
        group, alice, bob, old = fresh("g"), fresh("alice"), fresh("bob"), fresh("old")
        self.server.create_group(group, [alice, bob, old])
        a, b, o = self.client(alice), self.client(bob), self.client(old, version=2)
        a.send(group, GROUP, b"x", setting=0xA0 | 0x02 | 0x55, topic="thema")
        for receiver, mask in ((b, 0xAA), (o, 0xA8)):
            got = receiver.recv()
            self.assertEqual(got.setting, (0xA0 | 0x02 | 0x08 | 0x55) & mask)
            self.assertEqual(got.topic, "thema")

    def test_a_payload_sent_unencrypted_reaches_receivers_encrypted(self):
        alice, bob = fresh("alice"), fresh("bob")
        a, b = self.client(alice), self.client(bob)
        # Setting noEncrypt without a key is plain text; with one the key has to be right.
        self.assertEqual(
            a.send(bob, PERSON, b"", setting=0x10, msg_key="", cipher=b"plain text").reason, 1)
        got = b.recv()
        self.assertEqual((got.payload, got.setting), (b"plain text", 0))
        self.assertEqual(a.send(bob, PERSON, b"sealed", setting=0x10).reason, 1)
        self.assertEqual(b.recv().payload, b"sealed")
        for key in ("0" * 32, "x"):
            self.assertEqual(
                a.send(bob, PERSON, b"", setting=0x10, msg_key=key, cipher=b"plain").reason, 9)

    def test_streams_of_old_clients_are_read(self):
        group, alice, bob = fresh("g"), fresh("alice"), fresh("bob")
        self.server.create_group(group, [alice, bob])
        a, b = self.client(alice, version=2), self.client(bob)
        # iOS sets the bit without a stream number, others put one behind the message number.
        self.assertEqual(a.send(group, GROUP, b"without", setting=0x04).reason, 1)
        plain = encode_send(2, a.crypto, 2, "number", group, GROUP, b"with", setting=0x04)
        at = plain.index(b"number") + len(b"number")
        body = plain[2:at] + string("stream-1") + plain[at:]
        a.write(frame(SEND, 0, body))
        self.assertEqual(a.expect(SENDACK).reason, 1)
        self.assertEqual([m.payload for m in b.recv_many(2)], [b"without", b"with"])

    def test_duplicate_send(self):
        group, alice, bob = fresh("g"), fresh("alice"), fresh("bob")
        self.server.create_group(group, [alice, bob])
        a, b = self.client(alice), self.client(bob)
        first = a.send(group, GROUP, b"once", "key")
        again = a.send(group, GROUP, b"once", "key")
        self.assertEqual((again.reason, again.message_id, again.message_seq),
                         (1, first.message_id, first.message_seq))
        self.assertNotEqual(a.send(group, GROUP, b"other", "key").reason, 1)
        for _ in range(2):  # an empty key is no key
            self.assertEqual(a.send(group, GROUP, b"empty", "").reason, 1)
        self.assertEqual([m.payload for m in b.recv_many(3)], [b"once", b"empty", b"empty"])
        b.expect_none(RECV)
        # The same key over HTTP is the same message.
        result = self.server.must_batch([item(group, "once", from_uid=alice, client_msg_no="key")])
        self.assertEqual(result[0]["message_id"], first.message_id)
        self.assertEqual(self.server.max_seq(group), 3)

    def test_an_expire_that_is_a_unix_time(self):
        a = self.client(fresh("alice"))
        self.assertEqual(a.send(fresh("p"), PERSON, b"x", expire=1700000000).reason, 9)
        self.assertEqual(a.send(fresh("p"), PERSON, b"x", expire=316224000).reason, 1)

    def test_bad_msg_key_and_payload(self):
        peer = fresh("p")
        a = self.client(fresh("alice"))
        good = a.crypto.encrypt(b"x")
        for options in (dict(msg_key="0" * 32), dict(msg_key=""), dict(msg_key="x" * 100),
                        dict(msg_key="0" * 32, setting=0x10)):
            with self.subTest(**options):
                self.assertEqual(a.send(peer, PERSON, b"x", **options).reason, 9)
        for cipher in (b"", b"!!!!", good[:-4], good + b"AAAA", base64.b64encode(b"x" * 16),
                       b"\xff" * 24, good[:-1]):
            with self.subTest(cipher=cipher):
                ack = a.send(peer, PERSON, b"", cipher=cipher)
                self.assertEqual((ack.reason, ack.message_seq), (9, 0))
        # Plain text is taken only when announced and without a msgKey.
        plain = a.send(peer, PERSON, b"", cipher=b"plain", msg_key="", setting=0x10)
        self.assertEqual(plain.reason, 1)
        self.assertEqual(self.server.messages(peer, PERSON, a.uid)[0]["payload"], b64("plain"))
        self.assertEqual(a.send(peer, PERSON, b"still alive").reason, 1)
        self.assertEqual(self.server.max_seq(peer, PERSON, a.uid), 2)

    def test_payload_limit(self):
        peer = fresh("p")
        a = self.client(fresh("alice"))
        self.assertEqual(a.send(peer, PERSON, b"x" * 32767).reason, 1)
        self.assertEqual(a.send(peer, PERSON, b"x" * 32768).reason, 9)
        self.assertEqual(self.server.max_seq(peer, PERSON, a.uid), 1)

    def test_refused_sends(self):
        group, banned, alice = fresh("g"), fresh("g"), fresh("alice")
        self.server.create_group(group, ["someone"])
        self.server.create_group(banned, [alice], ban=1)
        disbanded = fresh("g")
        self.server.create_group(disbanded, [alice], disband=1)
        a = self.client(alice)
        cases = [(group, GROUP, 3), (fresh("unknown"), GROUP, 3), (banned, GROUP, 19),
                 (disbanded, GROUP, 24), ("", GROUP, 16), ("", PERSON, 16), (group, 0, 23),
                 ("x@y", PERSON, 16), ("x#y", PERSON, 16), ("x&y", PERSON, 16)]
        for channel, kind, reason in cases:
            with self.subTest(channel=channel, kind=kind):
                ack = a.send(channel, kind, b"x", flags=RED_DOT)
                self.assertEqual((ack.reason, ack.message_seq, ack.flags), (reason, 0, RED_DOT))
        for channel in (group + "____cmd", "x\x00y", "a" * 1000, "@", "____cmd"):
            with self.subTest(channel=channel[:20]):
                self.assertNotEqual(a.send(channel, GROUP, b"x").reason, 1)
        for name in ("n" * 300,):
            self.assertNotEqual(a.send("peer", PERSON, b"x", name).reason, 1)
        self.assertEqual(self.server.max_seq(group), 0)
        self.assertEqual(self.server.max_seq(banned), 0)
        # Membership is looked up at every send.
        self.server.must_post("/channel/subscriber_add", {
            "channel_id": group, "channel_type": GROUP, "subscribers": [alice]})
        self.assertEqual(a.send(group, GROUP, b"now").reason, 1)
        self.server.must_post("/channel/subscriber_remove", {
            "channel_id": group, "channel_type": GROUP, "subscribers": [alice]})
        self.assertEqual(a.send(group, GROUP, b"not any more").reason, 3)

    def test_composed_person_id_of_the_sender_is_accepted(self):
        alice, bob = fresh("alice"), fresh("bob")
        a, b = self.client(alice), self.client(bob)
        for i, channel in enumerate((bob, alice + "@" + bob, bob + "@" + alice)):
            ack = a.send(channel, PERSON, b"x")
            self.assertEqual((ack.reason, ack.message_seq), (1, i + 1))
            self.assertEqual(b.recv().channel_id, alice)

    def test_order_under_load(self):
        group, alice, bob = fresh("g"), fresh("alice"), fresh("bob")
        self.server.create_group(group, [alice, bob])
        for transport in TRANSPORTS:
            a, b = self.client(alice, transport), self.client(bob, transport)
            start = self.server.max_seq(group)
            for i in range(200):
                a.send_raw(group, GROUP, b"%d" % i)
            acks = [a.expect(SENDACK) for _ in range(200)]
            self.assertEqual([x.message_seq for x in acks], list(range(start + 1, start + 201)))
            got = b.recv_many(200)
            self.assertEqual([m.payload for m in got], [b"%d" % i for i in range(200)])
            self.assertEqual([m.message_seq for m in got], list(range(start + 1, start + 201)))
            a.close()
            b.close()

    def test_removed_and_foreign_users_receive_nothing(self):
        group, alice, bob, eve = fresh("g"), fresh("alice"), fresh("bob"), fresh("eve")
        self.server.create_group(group, [alice, bob])
        a, b, e = self.client(alice), self.client(bob), self.client(eve)
        self.server.must_batch([item(group, "1")])
        self.assertEqual((a.recv().payload, b.recv().payload), (b"1", b"1"))
        self.server.must_post("/channel/subscriber_remove", {
            "channel_id": group, "channel_type": GROUP, "subscribers": [bob]})
        self.server.must_batch([item(group, "2")])
        self.assertEqual(a.recv().payload, b"2")
        b.expect_none(RECV)
        e.expect_none(RECV, 0.05)

    def test_sender_over_http_receives_on_all_connections(self):
        group, alice = fresh("g"), fresh("alice")
        self.server.create_group(group, [alice])
        a = self.client(alice)
        self.server.must_batch([item(group, "x", from_uid=alice, header={"red_dot": 1})])
        self.assertEqual(a.recv().flags, 0)

    def test_large_payload_over_both_transports(self):
        group, alice, bob = fresh("g"), fresh("alice"), fresh("bob")
        self.server.create_group(group, [alice, bob])
        a, b = self.client(alice), self.client(bob, "ws")
        content = bytes(i * 7 % 256 for i in range(30000))
        self.server.must_batch([item(group, content)])
        self.assertEqual(a.recv().payload, content)
        self.assertEqual(b.recv().payload, content)


class MalformedFrames(ServerCase):
    """Each of these ends the connection, only that connection, and changes nothing."""

    def setUp(self):
        self.group = fresh("g")
        self.uid = fresh("u")
        self.server.create_group(self.group, [self.uid])

    def assert_closes(self, data, transports=TRANSPORTS):
        for transport in transports:
            with self.subTest(transport=transport, data=data[:20].hex()):
                victim = self.client(self.uid, transport)
                other = self.client(fresh("o"), transport)
                try:
                    victim.write(data)
                except ConnectionError:
                    pass
                frames = victim.wait_closed()
                self.assertEqual([f for f in frames if f.kind != 8], [])
                other.ping()
        self.assertEqual(self.server.max_seq(self.group), 0)

    def test_unknown_types(self):
        for kind in (0, 13, 14, 15):
            self.assert_closes(bytes([kind << 4, 1, 0]))

    def test_lengths(self):
        for data in (b"\x32\xff\xff\xff\x7f", b"\x32\xff\xff\xff\xff\x01", b"\x30\x80\x80\x80\x80",
                     bytes([SEND << 4]) + varint((1 << 20) + 1)):
            self.assert_closes(data)

    def test_bodies_too_short(self):
        good = encode_send(5, self.client(self.uid).crypto, 1, "n", self.group, GROUP, b"x")
        body = good[2:]
        for cut in (1, 4, 5, 6, 8, 12, 20):
            self.assert_closes(frame(SEND, 0, body[:cut]), ("tcp",))
        self.assert_closes(frame(6, 0, bytes(8)))
        self.assert_closes(frame(SEND, 0, b""), ("tcp",))

    def test_string_lengths(self):
        head = b"\x00\x00\x00\x00\x01"
        for bad in (b"\xff\xff", b"\x80\x00", b"\x7f\xff"):
            self.assert_closes(frame(SEND, 0, head + bad + b"x" * 40), ("tcp",))

    def test_disconnect_from_a_client(self):
        self.assert_closes(b"\x90\x03\x0c\x00\x00")

    def test_truncated_frame_then_end(self):
        data = encode_send(5, self.client(self.uid).crypto, 1, "n", self.group, GROUP, b"x")
        for cut in range(1, len(data), 5):
            client = self.client(self.uid, device_id="d%d" % cut)
            client.write(data[:cut])
            client.transport.sock.shutdown(socket.SHUT_WR)
            client.wait_closed()
        self.assertEqual(self.server.max_seq(self.group), 0)
        self.assert_healthy()

    def test_ignored_frames(self):
        client = self.client(self.uid)
        for data in (frame(CONNACK, 0, bytes(13)), frame(SENDACK, 0, bytes(17)), b"\x80",
                     frame(DISCONNECT + 2, 0, bytes(10)), frame(12, 0, bytes(10)),
                     encode_recvack(12345, 1), encode_recvack(-1, 0),
                     frame(6, 0, bytes(12) + b"tail"), client.connect_frame()):
            client.write(data)
        client.ping()
        self.assertEqual(client.send(self.group, GROUP, b"alive").reason, 1)

    def test_trailing_bytes_in_connect_are_ignored(self):
        client = self.raw_client(fresh("u"))
        raw = client.connect_frame()
        client.write(frame(CONNECT, 0, raw[2:] + b"future"))
        self.assertEqual(client.read_connack().reason, 1)

    def test_oversized_frame_before_connect(self):
        for transport in TRANSPORTS:
            client = self.raw_client(transport=transport)
            client.write(bytes([CONNECT << 4]) + varint(100000))
            client.wait_closed()

    def test_random_bytes(self):
        seed = int(time.time())
        rng = random.Random(seed)
        for round_ in range(40 if QUICK else 150):
            with self.subTest(seed=seed, round=round_):
                transport = TRANSPORTS[round_ % 2]
                make = self.client if round_ % 3 else self.raw_client
                client = make(fresh("u"), transport)
                client.timeout = 0.2
                try:
                    client.write(bytes(rng.randrange(256) for _ in range(rng.randrange(1, 300))))
                    client.transport.sock.shutdown(socket.SHUT_WR)
                    client.wait_closed()
                except Exception:  # noqa: BLE001 - any end is fine, the server is what counts
                    pass
                client.close()
        self.assert_healthy()

    def test_mutated_frames(self):
        seed = int(time.time()) + 1
        rng = random.Random(seed)
        for round_ in range(40 if QUICK else 150):
            client = self.client(self.uid, device_id="m%d" % round_)
            data = bytearray(encode_send(5, client.crypto, 1, "n", self.group, GROUP, b"x" * 20)
                             + encode_recvack(77, 1) + b"\x70")
            for _ in range(rng.randrange(1, 4)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            client.timeout = 1.0
            try:
                client.write(bytes(data))
                client.transport.sock.shutdown(socket.SHUT_WR)
                client.wait_closed()
            except Exception:  # noqa: BLE001
                pass
            client.close()
        self.assert_healthy()


class Retry(ServerCase):
    config = {"messageRetry.interval": "1s", "messageRetry.scanInterval": "200ms",
              "messageRetry.maxCount": 2}

    def test_resend_until_acknowledged_and_at_most_max_count(self):
        group = fresh("g")
        self.server.create_group(group, ["deaf", "good"])
        deaf, good = self.client("deaf"), self.client("good", "ws")
        result = self.server.must_batch([item(group, "again")])[0]
        first = deaf.recv(ack=False)
        self.assertEqual(first.message_id, result["message_id"])
        good.recv()
        copies = []
        for _ in range(2):
            started = time.monotonic()
            copies.append(deaf.recv(timeout=6, ack=False))
            self.assertGreater(time.monotonic() - started, 0.3)
        self.assertEqual([c.raw for c in copies], [first.raw] * 2, "a resend is the same frame")
        deaf.expect_none(RECV, 2.5)
        good.expect_none(RECV, 0.05)
        deaf.ping()

    def test_acknowledged_late(self):
        group = fresh("g")
        self.server.create_group(group, ["late"])
        late = self.client("late")
        self.server.must_batch([item(group, "1"), item(group, "2")])
        one, two = late.recv(ack=False), late.recv(ack=True)
        self.assertEqual(late.recv(timeout=6).raw, one.raw)  # acknowledged now
        late.expect_none(RECV, 2.0)
        self.assertEqual(two.message_seq, 2)

    def test_no_persist_is_never_resent(self):
        group = fresh("g")
        self.server.create_group(group, ["deaf2"])
        deaf = self.client("deaf2")
        self.server.must_batch([item(group, "once", header={"no_persist": 1})])
        deaf.recv(ack=False)
        deaf.expect_none(RECV, 2.0)

    def test_acknowledgement_belongs_to_its_connection(self):
        group = fresh("g")
        self.server.create_group(group, ["twin"])
        one, two = self.client("twin", device_id="1"), self.client("twin", device_id="2")
        self.server.must_batch([item(group, "x")])
        first = one.recv(ack=True)
        two.recv(ack=False)
        self.assertEqual(two.recv(timeout=6).message_id, first.message_id)
        one.expect_none(RECV, 0.5)


class SlowSession(ServerCase):
    config = {"gateway.outboundBytesMax": 512 << 10, "gateway.frameBytesMax": 256 << 10}

    def test_a_session_that_never_reads_is_cut_and_others_keep_receiving(self):
        for transport in TRANSPORTS:
            with self.subTest(transport=transport):
                group, slow_uid, fast_uid = fresh("g"), fresh("slow"), fresh("fast")
                self.server.create_group(group, [slow_uid, fast_uid])
                slow = self.client(slow_uid, transport)
                fast = self.client(fast_uid, transport)
                fast.crypto = slow.crypto = _NoCrypto()
                received, problems, total = [], [], 800

                def read(client=fast, into=received, problems=problems, total=total):
                    try:
                        while len(into) < total:
                            into.append(client.recv(30).message_seq)
                    except Exception as error:  # noqa: BLE001
                        problems.append(repr(error))

                reader = threading.Thread(target=read)
                reader.start()
                # As frames 26 MB: more than the kernel's buffers of both ends hold.
                payload = "x" * 24000
                for start in range(0, total, 4):
                    self.server.must_batch([item(group, payload) for _ in range(4)])
                    # The healthy reader stays within the limit of its own queue.
                    wait_until(lambda: len(received) >= start or problems, 30, 0.001,
                               what="the reader to keep up")
                reader.join(60)
                self.assertEqual(problems, [])
                self.assertEqual(received, list(range(1, total + 1)))
                slow.timeout = 20
                frames = slow.wait_closed()
                self.assertLess(len(frames), total, "the slow session got everything")
                self.assertNotIn(DISCONNECT, [f.kind for f in frames])
                self.assert_healthy()


class _NoCrypto:
    """Skips the slow pure Python decryption where only seqs and the end of the stream matter."""

    def msg_key(self, sign):
        return _Anything()

    def decrypt(self, text):
        return b""


class _Anything(str):
    def __ne__(self, other):
        return False


class TokenAuth(ServerCase):
    config = {"tokenAuthOn": "true", "gateway.kickGrace": "500ms"}

    def set_token(self, uid, token, flag=0, level=0):
        self.server.must_post("/user/token", {"uid": uid, "token": token, "device_flag": flag,
                                              "device_level": level})

    def test_token_is_checked(self):
        uid = fresh("u")
        for transport in TRANSPORTS:
            for token in ("", "wrong"):
                client = self.raw_client(uid, transport, token=token)
                self.assertEqual(client.connect().reason, 2)
                client.wait_closed()
        self.set_token(uid, "secret")
        for transport in TRANSPORTS:
            client = self.client(uid, transport, token="secret", device_id=transport)
            client.ping()
            for token in ("", "wrong", "secret ", "Secret", "secret\x00"):
                refused = self.raw_client(uid, transport, token=token)
                self.assertEqual(refused.connect().reason, 2, token)
                refused.wait_closed()
        # The token belongs to one device flag.
        refused = self.raw_client(uid, token="secret", device_flag=1)
        self.assertEqual(refused.connect().reason, 2)
        self.server.restart()
        self.client(uid, token="secret").ping()
        self.set_token(uid, "new")
        refused = self.raw_client(uid, token="secret")
        self.assertEqual(refused.connect().reason, 2)

    def test_the_suffix_of_visitors_is_no_key(self):
        uid = fresh("u")
        self.set_token(uid, "secret")
        for name in (uid + "___vstr", uid + "___vst", "___vstr" + uid, "____system___vstr"):
            refused = self.raw_client(name)
            self.assertEqual(refused.connect().reason, 2)

    def test_master_kicks_the_same_flag_only(self):
        uid = fresh("u")
        self.set_token(uid, "t0", flag=0, level=1)
        self.set_token(uid, "t1", flag=1, level=1)
        for transport in TRANSPORTS:
            web = self.client(uid, transport, token="t1", device_flag=1, device_id="w" + transport)
            first = self.client(uid, transport, token="t0", device_id="one")
            second = self.client(uid, transport, token="t0", device_id="two")
            kick = first.expect(DISCONNECT)
            self.assertEqual(kick.reason, 12)
            started = time.monotonic()
            first.wait_closed()
            self.assertLess(time.monotonic() - started, 5)
            second.ping()
            web.ping()
            second.close()
            web.close()

    def test_slave_of_the_same_device_is_closed_silently(self):
        uid = fresh("u")
        self.set_token(uid, "t0", flag=0, level=0)
        first = self.client(uid, token="t0", device_id="one")
        other = self.client(uid, token="t0", device_id="other")
        second = self.client(uid, token="t0", device_id="one")
        self.assertEqual(first.wait_closed(), [])
        second.ping()
        other.ping()
        # The old connection's end leaves the new one registered.
        self.server.must_post("/message/send", item(uid, "hi", channel_type=PERSON))
        self.assertEqual(second.recv().payload, b"hi")
        self.assertEqual(other.recv().payload, b"hi")

    def test_new_master_token_kicks(self):
        uid = fresh("u")
        self.set_token(uid, "t0", level=1)
        client = self.client(uid, token="t0")
        self.set_token(uid, "t2", level=1)
        self.assertEqual(client.expect(DISCONNECT).reason, 12)
        client.timeout = 15
        client.wait_closed()
        self.client(uid, token="t2").ping()


if __name__ == "__main__":
    unittest.main()
