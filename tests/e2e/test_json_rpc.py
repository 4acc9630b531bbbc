"""JSON-RPC over WebSocket and TCP, beside WKProto: logging in and being refused, messages both ways and in
order, kicks, events, errors, limits, and coming back after a kill without loss or duplicate."""

import base64
import json
import socket
import struct
import unittest

from harness import GROUP, PERSON, ServerCase, b64, fresh, item, wait_until
from json_rpc import JsonClient, JsonTransport
from wkproto import SUB, SUBACK, Closed, Reader, Timeout, frame, string

LIVE = 9


class JsonCase(ServerCase):
    def raw_json(self, uid, **options):
        client = JsonClient(self.server.ws, uid, **options)
        self.addCleanup(client.close)
        return client

    def json_client(self, uid, **options):
        """A connected client."""
        client = self.raw_json(uid, **options)
        answer = client.connect()
        self.assertEqual(answer["result"]["reasonCode"], 1, answer)
        return client

    def assert_refused(self, client, code, name):
        self.assertEqual(client.connect()["error"], {"code": code, "message": name})
        self.assertEqual(client.wait_closed(), [])
        self.assertEqual(client.close_code, 1000)


class JsonRpc(JsonCase):
    def test_connect_answers_what_the_clients_need(self):
        client = self.raw_json(fresh("u"))
        result = client.connect()["result"]
        self.assertEqual(set(result), {"serverVersion", "timeDiff", "reasonCode", "nodeId"})
        self.assertEqual((result["serverVersion"], result["reasonCode"]), (5, 1))
        self.assertLess(abs(result["timeDiff"]), 60_000)
        client.ping()

    def test_impossible_uids_are_refused_with_an_error(self):
        for uid in ("", "a@b", "____system"):
            self.assert_refused(self.raw_json(uid), 2, "ReasonAuthFail")

    def test_online_state_and_connections_show_both_protocols(self):
        uid = fresh("u")
        self.json_client(uid)
        self.client(uid, device_flag=0)
        status = self.server.must_post("/user/onlinestatus", [uid])
        self.assertEqual(sorted((s["device_flag"], s["online"]) for s in status), [(0, 1), (1, 1)])
        connections = self.server.get("/connz", {"uid": uid, "sort": "id"}).json()["connections"]
        self.assertEqual(sorted((c["protocol"], c["transport"], c["version"]) for c in connections),
                         [("json", "ws", 5), ("wkproto", "tcp", 5)])

    def test_person_messages_between_json_and_binary_devices(self):
        alice_uid, bob_uid = fresh("alice"), fresh("bob")
        alice = self.json_client(alice_uid)
        alice_app = self.client(alice_uid, device_flag=0)
        bob = self.json_client(bob_uid)
        bob_app = self.client(bob_uid, transport="ws", device_flag=0)
        result = alice.send(bob_uid, PERSON, b'{"type":1,"content":"hi"}', "n1")
        self.assertEqual((result["reasonCode"], result["messageSeq"], result["header"]),
                         (1, 1, {"redDot": True}))
        self.assertEqual((result["message_id"], result["message_seq"]), (result["messageId"], 1))
        got = bob.recv()
        self.assertEqual((got["messageId"], got["messageSeq"], got["clientMsgNo"]),
                         (result["messageId"], 1, "n1"))
        self.assertEqual((got["channelId"], got["channelType"], got["fromUid"], got["header"]),
                         (alice_uid, PERSON, alice_uid, {"redDot": True}))
        self.assertEqual(got["plain"], b'{"type":1,"content":"hi"}')
        binary = bob_app.recv()
        self.assertEqual((str(binary.message_id), binary.payload), (got["messageId"], got["plain"]))
        # The author's other device sees the peer as the channel; the sending one gets no echo.
        own = alice_app.recv()
        self.assertEqual((own.channel_id, own.flags), (bob_uid, 0))
        alice.expect_none("recv")
        self.assertEqual(bob_app.send(alice_uid, PERSON, b"binary").reason, 1)
        got = alice.recv()
        self.assertEqual((got["channelId"], got["fromUid"], got["plain"], got["messageSeq"]),
                         (bob_uid, bob_uid, b"binary", 2))
        own = bob.recv()
        self.assertEqual((own["channelId"], own["fromUid"], own["header"]), (alice_uid, bob_uid, {}))

    def test_group_messages_arrive_in_order_on_every_device(self):
        group, members = fresh("g"), [fresh("m") for _ in range(3)]
        self.server.create_group(group, members)
        clients = [self.json_client(uid) for uid in members]
        binary = self.client(members[0], device_flag=0)
        # Written at once, answered one by one, in order.
        ids = [clients[0].request("send", clients[0].send_params(
            group, GROUP, b"json %d" % i, "j%d" % i)) for i in range(100)]
        for i, request_id in enumerate(ids):
            self.assertEqual(clients[0].answer(request_id)["result"]["messageSeq"], i + 1)
        self.server.must_batch([item(group, "http %d" % i) for i in range(100)])
        expected = [b"json %d" % i for i in range(100)] + [b"http %d" % i for i in range(100)]
        for client in clients[1:]:
            got = client.recv_many(200)
            self.assertEqual([m["plain"] for m in got], expected)
            self.assertEqual([m["messageSeq"] for m in got], list(range(1, 201)))
        self.assertEqual([m.payload for m in binary.recv_many(200)], expected)
        self.assertEqual([m["plain"] for m in clients[0].recv_many(100)], expected[100:])

    def test_a_payload_may_be_an_object(self):
        alice, bob_uid = self.json_client(fresh("a")), fresh("b")
        bob = self.json_client(bob_uid)
        params = alice.send_params(bob_uid, PERSON, b"")
        params["payload"] = {"type": 1, "content": "你好", "list": [1, 2.5, None]}
        self.assertEqual(alice.call("send", params)["result"]["reasonCode"], 1)
        self.assertEqual(bob.recv()["plain"].decode(),
                         '{"type":1,"content":"你好","list":[1,2.5,null]}')

    def test_keys_in_snake_case_and_ids_that_are_numbers(self):
        alice_uid, bob_uid = fresh("a"), fresh("b")
        alice, bob = self.raw_json(alice_uid), self.json_client(bob_uid)
        answer = alice.call("connect", {"uid": alice_uid, "token": "", "device_id": "android",
                                        "device_flag": 0, "client_timestamp": 1}, request_id=1)
        self.assertEqual(answer["result"]["reasonCode"], 1)
        answer = alice.call("send", {"channel_id": bob_uid, "channel_type": 1, "payload": b64("x"),
                                     "client_msg_no": "snake", "header": {"red_dot": True}},
                            request_id=2)
        self.assertEqual(answer["result"]["message_seq"], 1)
        got = bob.recv(ack=False)
        self.assertEqual((got["clientMsgNo"], got["header"]), ("snake", {"redDot": True}))
        bob.write({"method": "recvack", "params": {"message_id": got["messageId"], "message_seq": 1}})
        bob.ping()
        devices = self.server.get("/connz", {"uid": alice_uid}).json()["connections"]
        self.assertEqual([(c["device_id"], c["device_flag"]) for c in devices], [("android", 0)])

    def test_every_member_of_a_message_arrives(self):
        group, bob_uid = fresh("g"), fresh("b")
        self.server.create_group(group, [bob_uid])
        bob = self.json_client(bob_uid)
        self.server.must_batch([item(group, "x", topic="tp", expire=3600, setting=0x88,
                                     client_msg_no="all", header={"red_dot": 1, "no_persist": 1})])
        got = bob.recv()
        self.assertEqual((got["header"], got["messageSeq"], got["expire"], got["clientMsgNo"]),
                         ({"noPersist": True, "redDot": True}, 0, 3600, "all"))
        self.assertEqual(got.get("topic"), "tp")

    def test_messages_of_the_system_have_no_author(self):
        bob_uid = fresh("b")
        bob = self.json_client(bob_uid)
        self.server.must_batch([item(bob_uid, "x", from_uid="____system", channel_type=PERSON)])
        got = bob.recv()
        self.assertEqual((got["fromUid"], got["channelId"]), ("", ""))

    def test_refused_sends_are_results(self):
        alice = self.json_client(fresh("a"))
        for channel_id, channel_type, reason in ((fresh("g"), GROUP, 3), ("", GROUP, 16),
                                                 (fresh("g"), 0, 23), ("x@y", PERSON, 16)):
            result = alice.send(channel_id, channel_type, b"x")
            self.assertEqual((result["reasonCode"], result["messageSeq"]), (reason, 0), channel_id)

    def test_a_repeated_number_gets_the_first_result(self):
        alice_uid, bob_uid = fresh("a"), fresh("b")
        alice, bob = self.json_client(alice_uid), self.json_client(bob_uid)
        first = alice.send(bob_uid, PERSON, b"x", "same")
        again = alice.send(bob_uid, PERSON, b"x", "same")
        self.assertEqual(again, first)
        self.assertEqual(bob.recv()["messageId"], first["messageId"])
        bob.expect_none("recv")

    def test_errors_name_the_request_and_the_connection_stays(self):
        alice = self.json_client(fresh("a"))
        for text, code in (('{"id":"e","method":"nope"}', -32601),
                           ('{"id":"e","method":"send"}', -32602),
                           ('{"id":"e","method":"send","params":{"channelId":1}}', -32602),
                           ('{"id":"e","method":"send","params":{"channelId":"g","channelType":2,'
                            '"payload":"","expire":1700000000}}', -32602),
                           ('{"id":"e","method":1}', -32600),
                           ('{"id":"e","jsonrpc":"1.0","method":"ping"}', -32600)):
            alice.write(text)
            answer = alice.read()
            self.assertEqual((answer["id"], answer["error"]["code"]), ("e", code), text)
            self.assertTrue(answer["error"]["message"])
        for text in ('{"method":"nope","params":{}}', '{"method":"ping"}'):
            alice.write(text)
        alice.write('[{"id":1,"method":"ping"}]')
        answer = alice.read()
        self.assertNotIn("id", answer)
        self.assertEqual(answer["error"]["code"], -32600)
        alice.ping()

    def test_what_is_no_json_is_told_and_closed(self):
        for text in ("{", "ping", '{"method":"ping","id":"', '{"id":1}}'):
            alice = self.json_client(fresh("a"))
            alice.write(text)
            answers = alice.wait_closed()
            self.assertEqual(answers[-1]["error"]["code"], -32700, text)
            self.assertNotIn("id", answers[-1])
            self.assertEqual(alice.close_code, 1002)
            self.assertTrue(alice.close_reason)

    def test_before_connect_anything_else_is_told_and_closed(self):
        connect = '{"id":1,"method":"connect","params":{"uid":"u","deviceId":"d",%s}}'
        for text, code, problem in (
                ('{"id":1,"method":"ping"}', -32600, "the first request must be connect"),
                ("{", -32700, "the message ends within an object"),
                ('{"method":"connect","params":{"uid":"u"}}', -32600, "connect needs an id"),
                ('{"id":1,"method":"connect","params":{"uid":7}}', -32602, "uid is not a string"),
                # What time.time() of Python and Date.now() / 1000 give.
                (connect % '"clientTimestamp":1700000000.25', -32602,
                 "clientTimestamp is not an integer in its range"),
                (connect % '"deviceFlag":"1"', -32602,
                 "deviceFlag is not an integer in its range")):
            client = self.raw_json("u")
            client.write(text)
            answers = client.wait_closed()
            self.assertEqual([a["error"] for a in answers], [{"code": code, "message": problem}])
            self.assertEqual((client.close_code, client.close_reason), (1002, problem))
        self.assert_healthy()

    def test_messages_in_pieces_and_several_objects_in_one(self):
        alice = self.raw_json(fresh("a"))
        ping = '{"id":"p%d","method":"ping"}'
        connect = json.dumps({"id": "c", "method": "connect", "params": {"uid": alice.uid}})
        data = (" \r\n" + connect).encode()
        for i in range(0, len(data), 7):
            last = i + 7 >= len(data)
            alice.transport.write_frame(1 if i == 0 else 0, data[i : i + 7], fin=last)
        self.assertEqual(alice.answer("c")["result"]["reasonCode"], 1)
        # Binary messages are read as well.
        alice.transport.write_frame(2, (ping % 1 + "\n" + ping % 2 + ping % 3).encode())
        for i in (1, 2, 3):
            self.assertEqual(alice.read(), {"jsonrpc": "2.0", "id": "p%d" % i, "result": {}})
        # TCP may cut where it likes.
        whole = bytearray()
        alice.transport.sock, sock = _Tee(whole), alice.transport.sock
        alice.write(ping % 4)
        alice.transport.sock = sock
        for byte in bytes(whole):
            sock.sendall(bytes([byte]))
        self.assertEqual(alice.answer("p4")["result"], {})

    def test_json_over_tcp_is_served_by_lines(self):
        uid, other = fresh("u"), fresh("v")
        host, port = self.server.tcp.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=10) as sock:
            lines = sock.makefile("rb")

            def call(method, **params):
                request = {"id": method, "method": method, "params": params}
                sock.sendall(json.dumps(request).encode())
                while True:
                    answer = json.loads(lines.readline())
                    if answer.get("id") == method:
                        return answer

            self.assertEqual(call("connect", uid=uid, deviceId="d")["result"]["reasonCode"], 1)
            self.assertEqual(call("ping")["result"], {})
            peer = self.client(other)
            sent = call("send", channelId=other, channelType=PERSON, payload=b64("hello"))
            self.assertEqual(sent["result"]["reasonCode"], 1)
            self.assertEqual(peer.recv().payload, b"hello")
            peer.send(uid, PERSON, b"back")
            got = json.loads(lines.readline())
            self.assertEqual((got["method"], got["params"]["payload"]), ("recv", b64("back")))
            sock.sendall(b"what")
            self.assertEqual(json.loads(lines.readline())["error"]["code"], -32700)
            self.assertEqual(lines.readline(), b"")

    def test_disconnect_is_answered_and_closed(self):
        alice = self.json_client(fresh("a"))
        self.assertEqual(alice.call("disconnect", {"reasonCode": 0})["result"], {})
        self.assertEqual(alice.wait_closed(), [])
        self.assertEqual(alice.close_code, 1000)
        status = self.server.must_post("/user/onlinestatus", [alice.uid])
        self.assertEqual([s for s in status if s["online"]], [])

    def test_events_arrive_as_text(self):
        group, alice_uid = fresh("g"), fresh("a")
        self.server.create_group(group, [alice_uid])
        alice = self.json_client(alice_uid)
        number = fresh("m")
        self.server.must_post("/message/send", item(group, "anchor", client_msg_no=number,
                                                    is_stream=1))
        self.assertEqual(alice.recv()["setting"], {"stream": True})
        for i, kind in enumerate(("stream.delta", "stream.close")):
            self.server.must_post("/message/event", {
                "channel_id": group, "channel_type": GROUP, "client_msg_no": number,
                "event_type": kind, "event_id": "e%d" % i,
                "payload": {"kind": "text", "delta": "hi"}})
            got = alice.notification("event")
            self.assertEqual((got["id"], got["type"]), ("e%d" % i, kind))
            data = json.loads(got["data"])
            self.assertEqual((data["client_msg_no"], data["channel_id"]), (number, group))

    def test_subscriptions_bring_the_messages_of_a_live_channel(self):
        channel, alice_uid, bob_uid = fresh("live"), fresh("a"), fresh("b")
        alice, bob = self.json_client(alice_uid), self.client(bob_uid)
        answer = alice.call("subscribe", {"subNo": "s1", "channelId": channel, "channelType": LIVE})
        self.assertEqual(answer["result"], {"subNo": "s1", "channelId": channel,
                                            "channelType": LIVE, "action": 0, "reasonCode": 1})
        body = bytes([0]) + string("") + string(channel) + bytes([LIVE, 0]) + string("")
        bob.write(frame(SUB, 0, body))
        ack = Reader(bob.expect(SUBACK).body)
        self.assertEqual((ack.string(), ack.string(), ack.u8(), ack.u8(), ack.u8()),
                         ("", channel, LIVE, 0, 1))
        connections = self.server.get("/connz", {"uid": alice_uid}).json()["connections"]
        self.assertEqual([c["subscriptions"] for c in connections], [1])
        self.server.must_batch([item(channel, "goal", channel_type=LIVE)])
        self.assertEqual(alice.recv()["plain"], b"goal")
        self.assertEqual(bob.recv().payload, b"goal")
        answer = alice.call("unsubscribe", {"channelId": channel, "channelType": LIVE})
        self.assertEqual(answer["result"]["reasonCode"], 1)
        self.server.must_batch([item(channel, "again", channel_type=LIVE)])
        self.assertEqual(bob.recv().payload, b"again")
        alice.expect_none("recv")
        # Other types have subscribers of their own.
        answer = alice.call("subscribe", {"channelId": "g", "channelType": GROUP})
        self.assertEqual(answer["result"]["reasonCode"], 23)

    def test_many_devices_at_once_mixed(self):
        group = fresh("g")
        members = [fresh("m") for _ in range(10)]
        self.server.create_group(group, members)
        clients = [self.json_client(uid) for uid in members]
        clients += [self.client(uid, transport="ws", device_flag=0) for uid in members]
        self.server.must_batch([item(group, "%d" % i) for i in range(50)])
        for client in clients[:10]:
            self.assertEqual([m["plain"] for m in client.recv_many(50)],
                             [b"%d" % i for i in range(50)])
        for client in clients[10:]:
            self.assertEqual([m.payload for m in client.recv_many(50)],
                             [b"%d" % i for i in range(50)])


class _Tee:
    """Takes what would go to a socket."""

    def __init__(self, out):
        self.out = out

    def sendall(self, data):
        self.out += data


class Flapping(JsonCase):
    config = {"gateway.kickGrace": "300ms"}

    def online(self, uid):
        status = self.server.must_post("/user/onlinestatus", [uid])
        return sorted(s["device_flag"] for s in status if s["online"])

    def connections(self, uid):
        return self.server.get("/connz", {"uid": uid, "limit": 100}).json()["connections"]

    def test_devices_that_come_back_before_they_were_gone_leave_presence_exact(self):
        uid = fresh("u")
        for i in range(40):
            # The old connection is sometimes dropped, sometimes left to be replaced.
            make = self.json_client if i % 3 else self.client
            latest = make(uid, device_id="d", device_flag=1)
            if i % 2:
                latest.close()
                latest = None
        last = self.json_client(uid, device_id="d", device_flag=1)
        other = self.client(uid, device_id="d", device_flag=0)
        wait_until(lambda: len(self.connections(uid)) == 2, what="one session per device")
        self.assertEqual(self.online(uid), [0, 1])
        last.ping()
        other.ping()
        last.close()
        wait_until(lambda: self.online(uid) == [0], what="offline with one device")
        self.assertEqual([c["device_flag"] for c in self.connections(uid)], [0])
        other.close()
        wait_until(lambda: self.online(uid) == [], what="offline")
        self.assertEqual(self.connections(uid), [])


class JsonRpcWithTokens(JsonCase):
    config = {"tokenAuthOn": "true", "logger.level": "debug"}

    def register(self, uid, token, level=0):
        self.server.must_post("/user/token", {"uid": uid, "token": token, "device_flag": 1,
                                              "device_level": level})

    def test_wrong_tokens_are_refused_with_an_error(self):
        uid = fresh("u")
        self.register(uid, "right")
        for token in ("wrong", ""):
            self.assert_refused(self.raw_json(uid, token=token), 2, "ReasonAuthFail")
        self.json_client(uid, token="right")

    def test_the_log_alone_says_which_token_was_wrong(self):
        uid, stranger = fresh("u"), fresh("u")
        self.register(uid, "right")
        for user, token, why in ((uid, "wrong", "the token is another one"),
                                 (uid, "", "the client sent no token"),
                                 (stranger, "right", "no token is registered for this device flag")):
            self.assert_refused(self.raw_json(user, token=token), 2, "ReasonAuthFail")
            line = "login of %s with device flag 1 refused: %s" % (user, why)
            wait_until(lambda: line in self.server.log_tail(1000), what=line)

    def test_a_master_login_elsewhere_kicks_whatever_the_protocol(self):
        uid = fresh("u")
        self.register(uid, "t", level=1)
        first = self.json_client(uid, token="t", device_id="one")
        second = self.client(uid, token="t", device_flag=1, device_id="two", transport="ws")
        self.assertEqual(first.notification("disconnect"),
                         {"reasonCode": 12, "reason": "login in other device"})
        self.assertEqual(first.wait_closed(), [])
        self.assertEqual(first.close_code, 1000)
        third = self.json_client(uid, token="t", device_id="three")
        self.assertEqual(second.wait_closed()[0].reason, 12)
        self.server.must_post("/user/device_quit", {"uid": uid, "device_flag": -1})
        self.assertEqual(third.notification("disconnect")["reasonCode"], 12)
        third.wait_closed()

    def test_a_new_token_kicks(self):
        uid = fresh("u")
        self.register(uid, "t", level=1)
        client = self.json_client(uid, token="t")
        self.register(uid, "t2", level=1)
        self.assertEqual(client.notification("disconnect")["reasonCode"], 12)


class JsonRpcLimits(JsonCase):
    config = {"gateway.connectionsPerUserMax": 2, "gateway.framesPerSecond": 20}

    def test_sessions_of_one_user_are_limited(self):
        uid = fresh("u")
        self.json_client(uid, device_id="a")
        self.client(uid, device_id="b", device_flag=0)
        self.assert_refused(self.raw_json(uid, device_id="c"), 22, "ReasonRateLimit")
        binary = self.raw_client(uid, device_id="c", device_flag=2)
        self.assertEqual(binary.connect().reason, 22)
        self.assertEqual(binary.wait_closed(), [])
        # One that takes the place of its predecessor is not one more.
        self.json_client(uid, device_id="a")

    def test_sends_beyond_the_rate_are_refused_and_a_flood_is_closed(self):
        alice, bob_uid = self.json_client(fresh("a")), fresh("b")
        ids = [alice.request("send", alice.send_params(bob_uid, PERSON, b"x", "n%d" % i))
               for i in range(60)]
        reasons = [alice.answer(request_id)["result"]["reasonCode"] for request_id in ids]
        self.assertIn(22, reasons)
        self.assertGreaterEqual(reasons.count(1), 39)
        self.assertEqual(reasons[:39], [1] * 39)
        with self.assertRaises((Closed, BrokenPipeError, ConnectionError)):
            for _ in range(2000):
                alice.write('{"method":"ping"}')
            while True:
                alice.read()
        binary = self.client(fresh("c"))
        binary.write(bytes([0x70]) * 2000)
        binary.wait_closed()
        self.assert_healthy()
        metrics = self.server.get("/metrics").body.decode()
        self.assertIn('jindou_sessions_cut_total{reason="flood"}', metrics)

    def test_a_flood_is_closed_with_the_status_for_policy(self):
        alice = self.json_client(fresh("a"))
        alice.write('{"method":"ping"}' * 1000)
        alice.wait_closed()
        self.assertEqual(alice.close_code, 1008)


class JsonRpcPipelined(JsonCase):
    """More sends at once than may be in flight: input pauses behind them."""

    config = {"gateway.compression": "true", "gateway.inboundItemsInFlight": 16}

    def masked(self, text, compressed=False):
        data = text.encode()
        if compressed:
            data = JsonTransport.deflated(data)
        head = bytes([0xC1 if compressed else 0x81])
        if len(data) < 126:
            head += bytes([0x80 | len(data)])
        else:
            head += b"\xfe" + struct.pack(">H", len(data))
        return head + bytes(4) + data

    def send(self, group, number, payload=b"x"):
        return json.dumps({"method": "send", "id": number, "params": {
            "channelId": group, "channelType": GROUP, "clientMsgNo": "n%d" % number,
            "payload": base64.b64encode(payload).decode()}})

    def test_messages_behind_a_pause_keep_their_borders(self):
        uid, group = fresh("u"), fresh("g")
        self.server.create_group(group, [uid])
        client = self.json_client(uid, compression=True)
        ping = '{"method":"ping","id":"%s"}'
        messages = [self.send(group, i) for i in range(16)]
        messages += ["[]", ping % "p", self.send(group, 16) + "[%s]" % (ping % "b") + ping % "q"]
        client.transport.sock.sendall(b"".join(self.masked(m) for m in messages))
        for i in range(16):
            self.assertEqual(client.answer(i)["result"]["reasonCode"], 1)
        self.assertEqual(client.read()["error"]["code"], -32600)
        self.assertEqual(client.answer("p")["result"], {})
        self.assertEqual(client.answer("q")["result"], {})
        self.assertEqual(client.answer(16)["result"]["reasonCode"], 1)
        self.assertEqual([got["error"]["code"] for got in client.pending], [-32600])
        self.assertEqual(len(self.server.messages(group)), 17)

    def test_an_object_cut_by_its_message_is_an_error_behind_a_pause_too(self):
        uid, group = fresh("u"), fresh("g")
        self.server.create_group(group, [uid])
        client = self.json_client(uid, compression=True)
        cut = self.send(group, 99)
        messages = [self.send(group, i) for i in range(16)] + [cut[:20], cut[20:]]
        client.transport.sock.sendall(b"".join(self.masked(m) for m in messages))
        answers = client.wait_closed()
        self.assertEqual(sorted(a["id"] for a in answers if "result" in a), list(range(16)))
        self.assertEqual([a["error"]["code"] for a in answers if "error" in a], [-32700])
        self.assertEqual(client.close_code, 1002)

    def test_compressed_messages_behind_a_pause_are_measured_one_by_one(self):
        uid, group = fresh("u"), fresh("g")
        self.server.create_group(group, [uid])
        client = self.json_client(uid, compression=True)
        # Over 9 MB, in a few thousand bytes.
        client.transport.sock.sendall(b"".join(
            self.masked(self.send(group, i, b"a" * 24000), True) for i in range(300)))
        for i in range(300):
            self.assertEqual(client.answer(i)["result"]["reasonCode"], 1)


class JsonRpcSwitchedOff(JsonCase):
    config = {"disableJSONRPC": "true"}

    def test_json_is_closed_and_binary_served(self):
        client = self.raw_json("u")
        client.write('{"id":1,"method":"connect","params":{"uid":"u"}}')
        self.assertEqual(client.wait_closed(), [])
        self.assertEqual((client.close_code, client.close_reason),
                         (1008, "JSON-RPC is switched off"))
        self.client(fresh("u"), transport="ws").ping()


class JsonRpcRetries(JsonCase):
    config = {"messageRetry.interval": "1s", "messageRetry.scanInterval": "100ms"}

    def test_what_is_not_acknowledged_comes_again_as_it_was(self):
        bob_uid = fresh("b")
        bob = self.json_client(bob_uid)
        self.server.must_batch([item(bob_uid, "x", channel_type=PERSON)])
        first = bob.recv(ack=False)
        again = bob.recv()
        self.assertEqual(again, first)
        bob.expect_none("recv", timeout=2.0)


class JsonRpcAfterAKill(JsonCase):
    def test_comes_back_and_catches_up_without_loss_or_duplicate(self):
        group, alice_uid, bob_uid = fresh("g"), fresh("a"), fresh("b")
        self.server.create_group(group, [alice_uid, bob_uid])
        alice, bob = self.json_client(alice_uid), self.json_client(bob_uid)
        for i in range(20):
            self.assertEqual(alice.send(group, GROUP, b"%d" % i, "n%d" % i)["reasonCode"], 1)
        seen = {m["messageSeq"]: m["plain"] for m in bob.recv_many(10)}
        # Written, and killed before all of it can be answered.
        for i in range(20, 60):
            alice.request("send", alice.send_params(group, GROUP, b"%d" % i, "n%d" % i))
        self.server.kill9()
        for client in (alice, bob):
            with self.assertRaises((Closed, Timeout)):
                while True:
                    client.read(5)
        self.server.start()
        alice, bob = self.json_client(alice_uid), self.json_client(bob_uid)
        # What may not have been stored is sent again with its number.
        results = [alice.send(group, GROUP, b"%d" % i, "n%d" % i) for i in range(20, 60)]
        self.assertEqual({r["reasonCode"] for r in results}, {1})
        for message in self.server.messages(group, login_uid=bob_uid):
            seen[message["message_seq"]] = base64.b64decode(message["payload"])
        self.assertEqual(sorted(seen), list(range(1, 61)))
        self.assertEqual(sorted(seen.values(), key=int), [b"%d" % i for i in range(60)])
        self.assertEqual([seen[r["messageSeq"]] for r in results],
                         [b"%d" % i for i in range(20, 60)])

    def test_presence_is_right_after_a_restart(self):
        uid = fresh("u")
        self.json_client(uid)
        self.server.restart()
        status = self.server.must_post("/user/onlinestatus", [uid])
        self.assertEqual([s for s in status if s["online"]], [])
        client = self.json_client(uid)
        status = self.server.must_post("/user/onlinestatus", [uid])
        self.assertEqual([s["online"] for s in status], [1])
        client.close()
        wait_until(lambda: not [s for s in self.server.must_post("/user/onlinestatus", [uid])
                                if s["online"]], what="offline")


if __name__ == "__main__":
    unittest.main()
