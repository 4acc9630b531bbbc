"""Every other endpoint: single send, channels, history, users, routing, health, metrics."""

import re
import unittest

from harness import GROUP, PERSON, RawHttp, ServerCase, b64, fresh, item, wait_until
from wkproto import RECV


class SingleSend(ServerCase):
    def test_union_answer(self):
        group = fresh("g")
        body = self.server.must_post("/message/send", item(group, "hello", client_msg_no="c1"))
        self.assertEqual((body["status"], body["reason"], body["message_seq"]), (200, 1, 1))
        self.assertEqual(body["client_msg_no"], "c1")
        self.assertTrue(0 < body["message_id"] < 2**53)
        self.assertEqual(body["message_idstr"], str(body["message_id"]))
        for name in ("message_id", "message_idstr", "message_seq", "client_msg_no"):
            self.assertEqual(body["data"][name], body[name])
        self.assertEqual(self.server.max_seq(group), 1)

    def test_defaults(self):
        group = fresh("g")
        body = self.server.must_post("/message/send", {
            "channel_id": group, "channel_type": GROUP, "payload": b64("x")})
        self.assertTrue(body["client_msg_no"])
        stored = self.server.messages(group)[0]
        self.assertEqual((stored["from_uid"], stored["client_msg_no"]),
                         ("", body["client_msg_no"]))
        again = self.server.must_post("/message/send", {
            "channel_id": group, "channel_type": GROUP, "payload": b64("x"), "from_uid": " "})
        self.assertEqual(again["message_seq"], 2)

    def test_no_persist(self):
        group = fresh("g")
        body = self.server.must_post("/message/send",
                                     dict(item(group), header={"no_persist": 1}))
        self.assertEqual(body["message_seq"], 0)
        self.assertGreater(body["message_id"], 0)

    def test_stream_and_topic(self):
        group = fresh("g")
        self.server.must_post("/message/send", item(group, topic="t", is_stream=1))
        stored = self.server.messages(group)[0]
        self.assertEqual((stored["setting"], stored["topic"]), (0x0A, "t"))

    def test_setting_and_the_old_name_of_the_sender(self):
        group = fresh("g")
        message = dict(item(group, setting=0x80, device_id="d"), from_uid="", sender_uid="s1")
        self.server.must_post("/message/send", message)
        stored = self.server.messages(group)[0]
        self.assertEqual((stored["setting"], stored["from_uid"]), (0x80, "s1"))
        self.server.must_post("/message/sendbatch", [message])
        stored = self.server.messages(group)[1]
        self.assertEqual((stored["setting"], stored["from_uid"]), (0x80, "s1"))

    def test_subscribers_form(self):
        alice, bob = fresh("alice"), fresh("bob")
        a, b = self.client(alice), self.client(bob)
        body = {"payload": b64("cmd"), "from_uid": "s", "subscribers": [alice],
                "header": {"sync_once": 1, "no_persist": 1}}
        self.assertEqual(self.server.post("/message/send", body).status, 200)
        got = a.recv()
        self.assertEqual((got.payload, got.channel_id, got.channel_type),
                         (b"cmd", "systemcmdonline", 8))
        body["header"]["no_persist"] = 0
        self.assertEqual(self.server.post("/message/send", body).status, 200)
        self.assertEqual(a.recv().payload, b"cmd")
        b.expect_none(RECV)
        self.assert_error(self.server.post("/message/send", dict(body, header={})), 400)
        flat = dict(body, sync_once=1)
        del flat["header"]
        self.assertEqual(self.server.post("/message/send", flat).status, 200)
        self.assertEqual(a.recv().payload, b"cmd")
        self.assert_error(self.server.post("/message/send", dict(body, channel_id="g",
                                                                 channel_type=2)), 400)
        group = fresh("g")
        some = item(group, subscribers=[alice])
        self.assertEqual(self.server.post("/message/send", some).status, 200)
        self.assertEqual([len(self.server.messages(group, login_uid=uid)) for uid in (alice, bob)],
                         [1, 0])
        normal = item(fresh("g"), subscribers=[])
        self.assertEqual(self.server.post("/message/send", normal).status, 200)

    def test_validation_order(self):
        for body in ({}, {"payload": ""}, {"payload": b64("x")},
                     {"payload": b64("x"), "channel_id": "g"},
                     {"payload": b64("x"), "channel_id": "g@h", "channel_type": 2}):
            with self.subTest(**body):
                self.assert_error(self.server.post("/message/send", body), 400)


class Channels(ServerCase):
    def test_acknowledgement_and_upsert(self):
        group = fresh("g")
        for body in ({"ban": 1}, {}):
            answer = self.server.post("/channel", dict(body, channel_id=group, channel_type=GROUP))
            self.assertEqual((answer.status, answer.json()), (200, {"status": 200}))
        # Absent flags are cleared by an upsert.
        self.assertEqual(self.server.batch([item(group)]).status, 200)

    def test_subscribers_of_a_person_channel_are_refused(self):
        self.assert_error(self.server.post("/channel", {
            "channel_id": "u", "channel_type": PERSON, "subscribers": ["a"]}), 400)
        for path in ("/channel/subscriber_add", "/channel/subscriber_remove"):
            self.assert_error(self.server.post(path, {
                "channel_id": "u", "channel_type": PERSON, "subscribers": ["a"]}), 400)

    def test_add_remove_reset(self):
        group = fresh("g")
        users = {n: fresh(n) for n in ("alice", "bob", "carol")}
        clients = {n: self.client(uid) for n, uid in users.items()}

        def members():
            """Who receives a message sent now."""
            result = self.server.must_batch([item(group, fresh("m"), header={"no_persist": 1})])[0]
            out = set()
            for name, client in clients.items():
                self.server.must_post("/message/send", item(users[name], "end",
                                                            channel_type=PERSON,
                                                            header={"no_persist": 1}))
            for name, client in clients.items():
                got = client.recv()
                if got.message_id == result["message_id"]:
                    out.add(name)
                    got = client.recv()
                self.assertEqual(got.payload, b"end")
            return out

        self.server.create_group(group, [users["alice"], users["alice"]])
        self.assertEqual(members(), {"alice"})
        add = {"channel_id": group, "subscribers": [users["bob"], "", " "]}
        self.assertEqual(self.server.must_post("/channel/subscriber_add", add), {"status": 200})
        self.assertEqual(members(), {"alice", "bob"})
        self.server.must_post("/channel/subscriber_add", dict(
            add, channel_type=GROUP, subscribers=[users["carol"]], reset=1))
        self.assertEqual(members(), {"carol"})
        self.server.must_post("/channel/subscriber_remove", {
            "channel_id": group, "channel_type": GROUP,
            "subscribers": [users["carol"], "never was one"]})
        self.assertEqual(members(), set())
        self.server.create_group(group, [users["alice"], users["bob"]], reset=1)
        self.assertEqual(members(), {"alice", "bob"})
        self.server.create_group(group, [], reset=1)
        self.assertEqual(members(), set())

    def test_add_validation(self):
        base = {"channel_id": fresh("g"), "channel_type": GROUP, "subscribers": ["u"]}
        for change in ({"subscribers": []}, {"subscribers": ["", " "]}, {"subscribers": None},
                       {"channel_id": ""}, {"channel_id": "a@b"}, {"temp_subscriber": 1},
                       {"subscribers": ["a@b"]}, {"subscribers": "u"}):
            with self.subTest(**change):
                self.assert_error(self.server.post("/channel/subscriber_add",
                                                   dict(base, **change)), 400)

    def test_delete_hides_everything_and_keeps_the_counter(self):
        group = fresh("g")
        self.server.create_group(group, ["alice"])
        stored = self.server.must_batch([item(group, "1"), item(group, "2", client_msg_no="k")])
        answer = self.server.post("/channel/delete",
                                  {"channel_id": group, "channel_type": GROUP})
        self.assertEqual((answer.status, answer.json()), (200, {"status": 200}))
        self.assertEqual(self.server.messages(group), [])
        gone = self.server.post("/messages", {"message_ids": [stored[0]["message_id"]]})
        self.assertEqual(gone.status, 404, gone)
        refused = self.assert_error(self.server.batch([item(group, "3")]), 403)
        self.assertEqual(refused["items"][0]["reason"], 24)
        self.assertEqual(self.server.post("/channel/delete", {
            "channel_id": fresh("unknown"), "channel_type": GROUP}).status, 200)
        self.assert_error(self.server.post("/channel/delete", {
            "channel_id": "u", "channel_type": PERSON}), 400)
        # Disbanded stays disbanded, also over a restart.
        self.assert_error(self.server.post("/channel/info", {
            "channel_id": group, "channel_type": GROUP}), 400)
        self.server.restart()
        self.assertEqual(self.server.messages(group), [])
        self.assert_error(self.server.batch([item(group, "3")]), 403)

    def test_ban_of_one_conversation_by_its_internal_id(self):
        # docs: u1 and u2 share the channel "u2@u1".
        self.server.must_post("/channel/info",
                              {"channel_id": "u2@u1", "channel_type": PERSON, "ban": 1})
        message = item("u2", from_uid="u1", channel_type=PERSON)
        refused = self.assert_error(self.server.post("/message/send", message), 403)
        self.assertEqual(refused["reason"], 19)
        self.assertEqual(self.server.post("/message/send", item(
            "u3", from_uid="u1", channel_type=PERSON)).status, 200)


class History(ServerCase):
    # start, end, mode, limit, first and last expected seq, more
    TABLE = [
        (0, 0, 0, 10, 91, 100, 1), (0, 0, 1, 10, 91, 100, 1), (0, 0, 0, 100, 1, 100, 0),
        (0, 0, 1, 100, 1, 100, 0), (0, 0, 0, 200, 1, 100, 0), (0, 0, 0, 0, 1, 100, 0),
        (100, 0, 0, 10, 91, 100, 1), (91, 0, 0, 10, 82, 91, 1), (10, 0, 0, 10, 1, 10, 0),
        (5, 0, 0, 10, 1, 5, 0), (100, 95, 0, 10, 96, 100, 0), (100, 90, 0, 10, 91, 100, 0),
        (100, 89, 0, 10, 91, 100, 1), (100, 50, 0, 10, 91, 100, 1), (100, 100, 0, 10, 0, 0, 0),
        (105, 0, 0, 10, 91, 100, 1), (1000, 0, 0, 10, 91, 100, 1), (0, 50, 0, 10, 91, 100, 1),
        (40, 60, 0, 10, 40, 49, 1), (1, 0, 1, 10, 1, 10, 1), (91, 0, 1, 10, 91, 100, 0),
        (92, 0, 1, 10, 92, 100, 0), (101, 0, 1, 10, 0, 0, 0), (1, 11, 1, 10, 1, 10, 0),
        (1, 10, 1, 10, 1, 9, 0), (0, 50, 1, 10, 1, 10, 1), (95, 200, 1, 10, 95, 100, 0),
        (60, 40, 1, 10, 0, 0, 0), (1, 0, 1, 0, 1, 100, 0), (1000, 1100, 0, 10, 0, 0, 0),
        (1, 0, 1, -5, 1, 100, 0), (1, 0, 1, 1000000, 1, 100, 0),
    ]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.group = fresh("g")
        cls.stored = cls.server.must_batch([
            item(cls.group, "m%d" % i, client_msg_no="h%d" % i,
                 header={"red_dot": 1, "no_persist": 0}, expire=86400) for i in range(1, 101)])

    def test_range_table(self):
        for start, end, mode, limit, first, last, more in self.TABLE:
            with self.subTest(start=start, end=end, mode=mode, limit=limit):
                body = self.server.must_post("/channel/messagesync", {
                    "login_uid": "viewer", "channel_id": self.group, "channel_type": GROUP,
                    "start_message_seq": start, "end_message_seq": end, "limit": limit,
                    "pull_mode": mode})
                expected = list(range(first, last + 1)) if first else []
                self.assertEqual([m["message_seq"] for m in body["messages"]], expected)
                self.assertEqual(body["more"], more)
                self.assertEqual((body["start_message_seq"], body["end_message_seq"]),
                                 (start, end))

    def test_message_object(self):
        for start in (1, 50, 100):  # the first of a range has its flags too
            got = self.server.history(self.group, start_message_seq=start, limit=1)["messages"][0]
            result = self.stored[start - 1]
            timestamp = got.pop("timestamp")
            self.assertGreater(timestamp, 1700000000)
            expected = {
                "header": {"no_persist": 0, "red_dot": 1, "sync_once": 0}, "setting": 0,
                "message_id": result["message_id"], "message_idstr": str(result["message_id"]),
                "client_msg_no": "h%d" % start, "message_seq": start, "from_uid": "sender",
                "channel_id": self.group, "channel_type": GROUP, "expire": 86400,
                "payload": b64("m%d" % start)}
            self.assertEqual({k: got.get(k) for k in expected}, expected)

    def test_unknown_channel_and_missing_fields(self):
        body = self.server.history(fresh("unknown"))
        self.assertEqual((body["messages"], body["more"]), ([], 0))
        good = {"login_uid": "u", "channel_id": self.group, "channel_type": GROUP}
        for change in ({"login_uid": ""}, {"channel_id": ""}, {"channel_type": 0}):
            self.assert_error(self.server.post("/channel/messagesync", dict(good, **change)), 400)

    def test_max_message_seq(self):
        self.assertEqual(self.server.max_seq(self.group), 100)
        self.assertEqual(self.server.max_seq(fresh("unknown")), 0)
        get = self.server.get
        self.assert_error(get("/channel/max_message_seq", {"channel_type": 2}), 400)
        self.assert_error(get("/channel/max_message_seq",
                              {"channel_id": "u", "channel_type": 1}), 400)
        self.assertEqual(get("/channel/max_message_seq", {
            "channel_id": self.group, "channel_type": 2}).json(), {"message_seq": 100})
        sent = self.server.must_post("/message/send", item("bob", from_uid="alice",
                                                          channel_type=PERSON))
        for query in ({"channel_id": "bob", "login_uid": "alice"},
                      {"channel_id": "alice", "login_uid": "bob"},
                      {"channel_id": "bob@alice"}):
            self.assertEqual(get("/channel/max_message_seq", dict(query, channel_type=1)).json(),
                             {"message_seq": sent["message_seq"]})

    def test_lookup_by_id_alone(self):
        ids = [self.stored[i]["message_id"] for i in (5, 3, 99)]
        found = self.server.must_post("/messages", {"message_ids": ids})
        self.assertIsInstance(found, list)
        self.assertEqual([m["message_id"] for m in found], ids)
        as_text = self.server.must_post("/messages", {"message_ids": [str(i) for i in ids]})
        self.assertEqual(as_text, found)
        some = self.server.must_post("/messages", {"message_ids": [1, ids[0], 2**62]})
        self.assertEqual([m["message_id"] for m in some], [ids[0]])
        self.assert_error(self.server.post("/messages", {"message_ids": [1, 2]}), 404)
        for body in ({}, {"message_ids": []}, {"message_ids": ["x"]}, {"message_ids": 5},
                     {"message_ids": [1.5]}, {"message_ids": [1] * 1001}):
            with self.subTest(body=str(body)[:40]):
                self.assert_error(self.server.post("/messages", body), 400)

    def test_lookup_in_a_channel(self):
        ids = [r["message_id"] for r in self.stored]
        body = self.server.must_post("/messages", {
            "channel_id": self.group, "channel_type": GROUP, "message_seqs": [7, 500],
            "message_ids": [ids[1]], "client_msg_nos": ["h3", "none"]})
        self.assertEqual([m["message_seq"] for m in body["messages"]], [7, 2, 3])
        self.assertEqual((body["start_message_seq"], body["end_message_seq"], body["more"]),
                         (0, 0, 0))
        # Ids of another channel are not found through this one.
        other = self.server.must_post("/messages", {
            "channel_id": fresh("g"), "channel_type": GROUP, "message_ids": [ids[1]]})
        self.assertEqual(other["messages"], [])
        self.assert_error(self.server.post("/messages", {
            "channel_id": "u", "channel_type": PERSON, "message_ids": [ids[1]]}), 400)


class UsersAndRouting(ServerCase):
    config = {"external.tcpAddr": "chat.example.org:5100",
              "external.wsAddr": "ws://chat.example.org:5200",
              "intranet.tcpAddr": "10.0.0.5:5100"}

    def test_user_token(self):
        answer = self.server.post("/user/token", {"uid": fresh("u"), "token": "t",
                                                  "device_flag": 1, "device_level": 1})
        self.assertEqual((answer.status, answer.json()), (200, {"status": 200}))
        for body in ({"token": "t"}, {"uid": "u"}, {"uid": "u", "token": ""},
                     {"uid": "a@b", "token": "t"}, {"uid": "____system", "token": "t"},
                     {"uid": "____manager", "token": "t"},
                     {"uid": "u", "token": "t", "device_flag": "0"}):
            with self.subTest(**body):
                self.assert_error(self.server.post("/user/token", body), 400)
        banned = fresh("u")
        self.server.must_post("/channel/info",
                              {"channel_id": banned, "channel_type": PERSON, "ban": 1})
        refused = self.assert_error(self.server.post(
            "/user/token", {"uid": banned, "token": "t"}), 403)
        self.assertEqual(refused["reason"], 19)

    def test_route(self):
        outside = self.server.get("/route", {"uid": "u"}).json()
        self.assertEqual((outside["tcp_addr"], outside["ws_addr"], outside["wss_addr"]),
                         ("chat.example.org:5100", "ws://chat.example.org:5200", ""))
        inside = self.server.get("/route", {"intranet": 1}).json()
        self.assertEqual((inside["tcp_addr"], inside["ws_addr"], inside["wss_addr"]),
                         ("10.0.0.5:5100", "", ""))


class Service(ServerCase):
    yaml = "api:\n  statusStyle: int\nhttpAddr: 127.0.0.1:0\n"

    def test_health(self):
        for path in ("/health", "/healthz", "/readyz"):
            answer = self.server.get(path)
            self.assertEqual((answer.status, answer.json()), (200, {"status": "ok"}), path)

    def test_cors(self):
        origin = "http://localhost:5172"
        ask = {"Origin": origin, "Content-Type": "application/json"}
        for answer in (self.server.get("/health", headers=ask),
                       self.server.post("/message/sendbatch", [], headers=ask),
                       self.server.get("/nowhere", headers=ask),
                       self.server.request("OPTIONS", "/message/sendbatch", headers=ask),
                       self.server.request("OPTIONS", "/nowhere", headers=ask)):
            self.assertEqual(answer.headers["access-control-allow-origin"], origin)
            self.assertIn("Origin", answer.headers["vary"])
            for word in ("POST", "OPTIONS", "GET"):
                self.assertIn(word, answer.headers["access-control-allow-methods"])
            for word in ("content-type", "authorization", "token"):
                self.assertIn(word, answer.headers["access-control-allow-headers"].lower())
        preflight = self.server.request("OPTIONS", "/message/sendbatch")
        self.assertEqual((preflight.status, preflight.body), (204, b""))

    def test_unknown_paths_and_methods(self):
        for method, path in (("POST", "/"), ("GET", "/nowhere"), ("POST", "/message/sendbatch/x"),
                             ("GET", "/message/sendbatch"), ("POST", "/health"),
                             ("DELETE", "/channel"), ("GET", "/../etc/passwd"),
                             ("GET", "//health")):
            with self.subTest(method=method, path=path):
                answer = self.server.request(method, path)
                self.assertIn(answer.status, (404, 405))
                self.assert_error(answer, answer.status)

    def test_content_type_is_not_checked(self):
        for content_type in ("text/plain", "application/x-www-form-urlencoded", ""):
            answer = self.server.batch([item(fresh("g"))], headers={"Content-Type": content_type})
            self.assertEqual(answer.status, 200)

    def test_metrics(self):
        group, uid = fresh("g"), fresh("u")
        self.server.create_group(group, [uid])
        client = self.client(uid)
        self.server.must_batch([item(group)])
        client.recv()
        families, samples = set(), {}

        def read():
            answer = self.server.get("/metrics")
            self.assertEqual(answer.status, 200)
            self.assertTrue(answer.headers["content-type"].startswith("text/plain"))
            line_form = re.compile(
                r"[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-zA-Z_][a-zA-Z0-9_]*=\"(\\.|[^\"\\])*\""
                r"(,[a-zA-Z_][a-zA-Z0-9_]*=\"(\\.|[^\"\\])*\")*\})? "
                r"(NaN|[+-]Inf|[-+0-9.eE]+)( \d+)?")
            for line in answer.body.decode().splitlines():
                if line.startswith("# TYPE "):
                    _, _, name, kind = line.split(" ")
                    self.assertIn(kind, ("counter", "gauge", "histogram", "summary", "untyped"))
                    families.add(name)
                elif line and not line.startswith("#"):
                    self.assertIsNotNone(line_form.fullmatch(line), line)
                    name, value = line.rsplit(" ", 1)
                    samples[name] = float(value)
            return True

        read()
        ours = {f for f in families if f.startswith("jindou_")}
        self.assertGreater(len(ours), 8, families)
        for topic in ("request", "item|message", "commit", "session", "deliver", "queue",
                      "rocksdb"):
            self.assertTrue(any(re.search(topic, f) for f in ours), (topic, sorted(ours)))

        def sessions():
            return read() and any("session" in n and v >= 1 for n, v in samples.items())
        wait_until(sessions, what="a session in the metrics")

    def test_keep_alive_answers_carry_length_and_type(self):
        with RawHttp(self.server) as raw:
            raw.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = raw.read_response()
            self.assertEqual(answer.headers["content-length"], str(len(answer.body)))
            self.assertIn("application/json", answer.headers["content-type"])


class ManagerToken(ServerCase):
    config = {"managerToken": "s3cret"}

    def test_everything_but_health_needs_it(self):
        body = [item(fresh("g"))]
        for headers in ({}, {"token": ""}, {"token": "wrong"}, {"token": "s3cre"},
                        {"token": "s3crets"}, {"Authorization": "Bearer s3cret"}):
            answer = self.server.batch(body, headers=headers)
            self.assertEqual(answer.status, 401, answer)
            self.assertEqual((answer.json()["status"], answer.json()["code"]),
                             (401, "unauthorized"))
            self.assertIn("is wrong" if headers.get("token") else "is missing",
                          answer.json()["msg"])
        for path in ("/route", "/metrics", "/nowhere"):
            self.assertEqual(self.server.get(path).status, 401, path)
        self.assertEqual(self.server.get("/health").status, 200)
        self.assertEqual(self.server.request("OPTIONS", "/message/sendbatch").status, 204)
        answer = self.server.batch(body, headers={"token": "s3cret"})
        self.assertEqual((answer.status, answer.json()[0]["message_seq"]), (200, 1))

    def test_refused_before_the_body(self):
        with RawHttp(self.server) as raw:
            raw.send("POST /message/sendbatch HTTP/1.1\r\nHost: x\r\n"
                     "Content-Length: 1000000\r\n\r\n")
            self.assertEqual(raw.read_response().status, 401)

    def test_a_trailer_does_not_authenticate(self):
        with RawHttp(self.server) as raw:
            raw.send("POST /message/sendbatch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                     "\r\n2\r\n[]\r\n0\r\ntoken: s3cret\r\n\r\n")
            self.assertIn(raw.read_response().status, (400, 401))


class TextStatus(ServerCase):
    config = {"api.statusStyle": "text"}

    def test_acknowledgement_is_a_word(self):
        self.assertEqual(self.server.create_group(fresh("g"), ["u"]), {"status": "ok"})
        self.assertEqual(self.server.must_post("/user/token", {"uid": "u", "token": "t"}),
                         {"status": "ok"})


class SendCheckStrict(ServerCase):
    config = {"api.sendCheck": "strict"}

    def test_membership_is_required(self):
        group = fresh("g")
        self.server.create_group(group, ["alice"])
        refused = self.assert_error(self.server.batch([item(group, from_uid="eve")]), 403)
        self.assertEqual(refused["items"][0]["reason"], 3)
        self.assertEqual(self.server.must_batch([item(group, from_uid="alice")])[0]["message_seq"],
                         1)
        system = {"channel_id": group, "channel_type": GROUP, "payload": b64("x")}
        self.assertEqual(self.server.must_post("/message/send", system)["message_seq"], 2)


class SendCheckChannel(ServerCase):
    config = {"api.sendCheck": "channel"}

    def test_only_the_channel_itself_is_judged(self):
        sender, group, banned = fresh("s"), fresh("g"), fresh("g")
        self.server.must_post("/channel/info",
                              {"channel_id": sender, "channel_type": PERSON, "ban": 1})
        self.assertEqual(self.server.batch([item(group, from_uid=sender)]).status, 200)
        self.server.create_group(banned, ban=1)
        self.assert_error(self.server.batch([item(banned)]), 403)


if __name__ == "__main__":
    unittest.main()
