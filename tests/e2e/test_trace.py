"""GET /message/trace: what has become of a message."""

import os
import tempfile
import unittest

import test_api_keys
from harness import GROUP, Server, ServerCase, fresh, item, wait_until
from test_jobs import Jobs
from webhook_receiver import Receiver

TRACE = "/message/trace"


class Trace(ServerCase):
    def trace(self, message_id, **more):
        answer = self.server.get(TRACE, {"message_id": message_id, **more})
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def group(self, *users):
        group = fresh("g")
        self.server.create_group(group, users)
        return group

    def sent(self, group, **more):
        return self.server.must_batch([item(group, "hello", **more)])[0]

    def test_what_happened_is_told_and_kept_over_a_kill(self):
        group = self.group("ann", "bob", "eve")
        bob = self.client("bob")
        sent = self.sent(group, from_uid="ann", client_msg_no="n1")
        bob.recv()
        self.server.must_post("/message/edit", {"message_id": sent["message_id"], "payload": {},
                                                "operator_uid": "admin", "if_version": 0})
        self.server.must_post("/conversations/clearUnread", {
            "uid": "eve", "channel_id": group, "channel_type": GROUP})
        known = self.trace(sent["message_id"])
        self.assertEqual((known["state"], known["message_idstr"], known["message_seq"]),
                         ("stored", sent["message_idstr"], 1))
        self.assertEqual((known["from_uid"], known["client_msg_no"], known["channel_id"]),
                         ("ann", "n1", group))
        self.assertEqual((known["edit_version"], known["edited_by"]), (1, "admin"))
        self.assertEqual([c["kind"] for c in known["changes"]], ["edit"])
        self.assertEqual(known["receivers"], {"count": 2, "online": 1, "listed": [
            {"uid": "bob", "device_flags": [0], "read": 0},
            {"uid": "eve", "device_flags": [], "read": 1}]})
        self.assertEqual(known["webhook"], {"msg_notify": "off", "msg_offline": "off"})
        self.assertNotIn("payload", known)
        self.server.restart()
        for here in ("receivers", "pushes"):
            del known[here]
        again = self.trace(sent["message_id"])
        self.assertEqual(again.pop("receivers")["online"], 0)
        pushes = again.pop("pushes")
        self.assertEqual((pushes["remembered"], pushes["complete"], pushes["devices"]), (1, 0, 0),
                         "what another start knew is not said not to have been")
        self.assertEqual(again, known)
        self.server.must_post("/message/recall", {"message_id": sent["message_id"]})
        self.server.must_post("/message/delete", {"channel_id": group, "channel_type": GROUP,
                                                  "message_id": sent["message_id"]})
        self.server.restart()
        gone = self.server.get(TRACE, {"channel_id": group, "channel_type": GROUP,
                                       "client_msg_no": "n1"}).json()
        self.assertEqual((gone["state"], gone["message_seq"]), ("deleted", 1))
        self.assertEqual([c["kind"] for c in gone["changes"]], ["edit", "recall", "delete"])
        self.assertNotIn("from_uid", gone)

    def test_whom_it_was_pushed_to_and_who_acknowledged_it(self):
        group = self.group("ann", "bob", "eve")
        bob = self.client("bob", device_id="bobs-phone")
        eve = self.client("eve")
        # Of what was committed in the second in which the server began it may not know all.
        def of_a_message_since_it_remembers():
            sent = self.sent(group, from_uid="ann")
            message = bob.recv()
            self.assertEqual(message.message_id, sent["message_id"])
            eve.recv(ack=False)
            return message if self.trace(message.message_id)["pushes"]["complete"] else None
        message = wait_until(of_a_message_since_it_remembers, what="a message it knows all of")
        pushes = wait_until(
            lambda: (lambda now: now if now["acknowledged"] else None)(
                self.trace(message.message_id)["pushes"]), what="the receipt")
        self.assertEqual((pushes["node_id"], pushes["devices"], pushes["acknowledged"]),
                         (1001, 2, 1))
        self.assertEqual({d["uid"] for d in pushes["listed"]}, {"bob", "eve"})
        only = self.trace(message.message_id, uid="bob")["pushes"]
        self.assertEqual((only["devices"], only["complete"]), (1, 1))
        device = only["listed"][0]
        self.assertEqual((device["uid"], device["device_id"], device["device_flag"],
                          device["connected"], device["repeats"]), ("bob", "bobs-phone", 0, 1, 0))
        self.assertGreaterEqual(device["pushed_at_ms"], pushes["since_ms"])
        self.assertGreaterEqual(device["acknowledged_at_ms"], device["pushed_at_ms"])
        of_eve = self.trace(message.message_id, uid="eve")["pushes"]["listed"][0]
        self.assertNotIn("acknowledged_at_ms", of_eve)
        nobody = self.trace(message.message_id, uid="ann")["pushes"]
        self.assertEqual((nobody["devices"], nobody["complete"], nobody["listed"]), (0, 1, []))
        bob.close()
        gone = wait_until(
            lambda: (lambda now: None if now["connected"] else now)(
                self.trace(message.message_id, uid="bob")["pushes"]["listed"][0]),
            what="the end of the connection")
        self.assertEqual(gone, {**device, "connected": 0})

    def test_bad_requests(self):
        group = self.group("ann")
        sent = self.sent(group, client_msg_no="n1")
        place = {"channel_id": group, "channel_type": GROUP, "client_msg_no": "n1"}
        number = {"message_id": sent["message_id"]}
        both = self.assert_error(self.server.get(TRACE, {**place, **number}), 400)
        self.assertIn("not by both", both["msg"])
        for query in ({}, {"message_id": "x"}, {"message_id": -1}, {**number, "limit": 1001},
                      {"channel_id": group, "channel_type": GROUP},
                      {**place, "channel_type": 256}):
            with self.subTest(query=query):
                self.assert_error(self.server.get(TRACE, query), 400)
        for query in ({"message_id": 1}, {"message_id": sent["message_id"] + (1 << 40)},
                      {**place, "client_msg_no": "n2"}):
            with self.subTest(query=query):
                none = self.assert_error(self.server.get(TRACE, query), 404)
                self.assertIn("nothing is known of such a message", none["msg"])


class LittleMemory(ServerCase):
    config = {"gateway.pushRecordBytes": "4KiB", "runtime.ioThreads": "1"}

    def test_what_is_forgotten_is_not_said_not_to_have_been_pushed(self):
        group = fresh("g")
        self.server.create_group(group, ["ann", "bob"])
        bob = self.client("bob")
        first = self.server.must_batch([item(group, "x", from_uid="ann")])[0]
        bob.recv()
        for _ in range(4):
            self.server.must_batch([item(group, "x", from_uid="ann") for _ in range(100)])
            for _ in range(100):
                bob.recv()
        pushes = self.server.get(TRACE, {"message_id": first["message_id"]}).json()["pushes"]
        self.assertEqual((pushes["remembered"], pushes["complete"], pushes["devices"]), (1, 0, 0))


class NoMemory(ServerCase):
    config = {"gateway.pushRecordBytes": "0", "webhook.recordBytes": "0"}

    def test_it_says_so(self):
        sent = self.server.must_batch([item(fresh("g"), "x")])[0]
        known = self.server.get(TRACE, {"message_id": sent["message_id"]}).json()
        self.assertEqual(known["pushes"], {"node_id": 1001, "remembered": 0})


class Moderated(ServerCase):
    @classmethod
    def setUpClass(cls):
        words = tempfile.TemporaryDirectory()
        cls.addClassCleanup(words.cleanup)
        path = os.path.join(words.name, "rude.txt")
        with open(path, "w", encoding="utf-8") as file:
            file.write("damn\n")
        cls.config = {"moderation.lists": "mask:" + path}
        super().setUpClass()

    def test_the_verdict_is_told(self):
        sent = self.server.must_batch([item(fresh("g"), "damn it")])[0]
        known = self.server.get(TRACE, {"message_id": sent["message_id"]}).json()
        self.assertEqual(known["moderation"], {"actions": ["mask"], "found_by": ["rude"]})


class Refused(ServerCase):
    """What was never stored: by its number, as long as somebody remembers it."""

    @classmethod
    def setUpClass(cls):
        words = tempfile.TemporaryDirectory()
        cls.addClassCleanup(words.cleanup)
        path = os.path.join(words.name, "banned.txt")
        with open(path, "w", encoding="utf-8") as file:
            file.write("casino\n")
        cls.config = {"moderation.lists": "refuse:" + path}
        super().setUpClass()

    def trace(self, group, number, **more):
        return self.server.get(TRACE, {"channel_id": group, "channel_type": GROUP,
                                       "client_msg_no": number, **more})

    def test_the_verdict_is_told_whichever_way_it_was_sent(self):
        group = fresh("g")
        self.server.create_group(group, ["ann", "bob"])
        results = self.server.batch([item(group, "a casino", from_uid="ann", client_msg_no="n1"),
                                     item(group, "fine", from_uid="ann", client_msg_no="n2")])
        self.assertEqual([each["reason"] for each in results.json()], [100, 1])
        ann = self.client("ann")
        self.assertEqual(ann.send(group, GROUP, b"my casino", "n3").reason, 100)
        for number in ("n1", "n3"):
            known = self.trace(group, number).json()
            self.assertEqual((known["state"], known["from_uid"], known["client_msg_no"],
                              known["code"], known["message_seq"]),
                             ("refused", "ann", number, "denied", 0))
            self.assertEqual(known["moderation"], {"actions": ["refuse"], "found_by": ["banned"]})
            self.assertNotIn("casino", str(known))
            self.assert_error(self.trace(group, number, login_uid="bob"), 404)
        self.assertEqual(self.trace(group, "n2").json()["state"], "stored")
        # Together, of which none is sent.
        together = [item(group, "fine", client_msg_no="n4"),
                    item(group, "casino", client_msg_no="n5")]
        answer = self.server.post("/message/sendbatch?atomic=true", together)
        self.assertNotEqual(answer.status, 200, answer)
        # The first could have been sent by itself.
        self.assertEqual([self.trace(group, number).json()["reason"] for number in ("n4", "n5")],
                         [15, 100])

    def test_a_job_tells_it_after_a_restart_and_memory_does_not(self):
        group, jobs = fresh("g"), Jobs(self.server)
        self.server.batch([item(group, "casino", client_msg_no="n1")])
        job = jobs.make([item(group, "fine"), item(group, "casino")])
        jobs.wait(job)
        self.server.restart()
        self.assert_error(self.trace(group, "n1"), 404)
        known = self.trace(group, job + "-1").json()
        self.assertEqual((known["state"], known["reason"], known["batch_id"], known["index"]),
                         ("refused", 100, job, 1))
        self.assertEqual(known["moderation"]["found_by"], ["banned"])


class NothingRefusedIsRemembered(ServerCase):
    config = {"core.refusalRecordBytes": "0"}

    def test_nothing_is_known(self):
        group = fresh("g")
        self.server.must_post("/channel/info", {"channel_id": group, "channel_type": GROUP,
                                                "ban": 1})
        self.assertNotEqual(self.server.batch([item(group, client_msg_no="n")]).status, 200)
        self.assert_error(self.server.get(TRACE, {
            "channel_id": group, "channel_type": GROUP, "client_msg_no": "n"}), 404)


class Webhook(unittest.TestCase):
    def test_what_waits_for_the_receiver_and_what_was_told(self):
        refusing = [503]
        receiver = Receiver(lambda call: refusing[0])
        self.addCleanup(receiver.close)
        server = Server({"webhook.httpAddr": receiver.url, "webhook.retryBackoffMin": "50ms",
                         "webhook.retryBackoffMax": "200ms",
                         "webhook.msgNotifyEventPushInterval": "50ms"})
        self.addCleanup(server.destroy)
        server.start()
        group = fresh("g")
        server.create_group(group, ["ann", "bob"])
        sent = server.must_batch([item(group, "x", from_uid="ann")])[0]
        trace = lambda: server.get(TRACE, {"message_id": sent["message_id"]}).json()["webhook"]
        told = lambda: {event: trace()[event] for event in ("msg_notify", "msg_offline")}
        wait_until(lambda: receiver.calls("msg.offline") and receiver.calls("msg.notify"),
                   what="the first attempts")
        self.assertEqual(told(), {"msg_notify": "queued", "msg_offline": "queued"})
        self.assertEqual(trace()["told"], [])
        server.restart()
        self.assertEqual(told(), {"msg_notify": "queued", "msg_offline": "queued"})
        refusing[0] = 200
        passed = {"msg_notify": "passed", "msg_offline": "passed"}
        wait_until(lambda: told() == passed, what="what the cursor says")
        self.assertEqual(len({m["message_id"] for m in receiver.messages(group, "msg.offline")}), 1)
        now = trace()
        self.assertEqual({(t["event"], t["outcome"], t.get("receivers")) for t in now["told"]},
                         {("msg.notify", "delivered", None), ("msg.offline", "delivered", 1)})
        self.assertTrue(all(t["at_ms"] >= now["since_ms"] for t in now["told"]), now)


class Who(ServerCase):
    secrets, yaml = test_api_keys.Keys.of_scopes({"sender": "send", "reader": "read"})

    def test_it_takes_the_scope_read(self):
        tokens = {name: {"token": secret} for name, secret in self.secrets.items()}
        sent = self.server.post("/message/send", item(fresh("g"), "x"),
                                headers=tokens["sender"]).json()
        query = {"message_id": sent["message_id"]}
        refused = self.assert_error(self.server.get(TRACE, query, headers=tokens["sender"]), 403)
        self.assertIn("read", refused["msg"])
        answer = self.server.get(TRACE, query, headers=tokens["reader"])
        self.assertEqual(answer.json()["state"], "stored")


class Strict(ServerCase):
    config = {"api.strictRead": "true"}

    def test_it_is_for_the_users_of_the_channel(self):
        group = fresh("g")
        self.server.create_group(group, ["ann"])
        sent = self.server.must_batch([item(group, "x", from_uid="ann", client_msg_no="n1")])[0]
        for query in ({"message_id": sent["message_id"]},
                      {"channel_id": group, "channel_type": GROUP, "client_msg_no": "n1"}):
            ask = lambda uid: self.server.get(TRACE, {**query, "login_uid": uid})
            self.assertEqual(ask("ann").status, 200)
            self.assertEqual(self.assert_error(ask("eve"), 403)["reason"], 3)


if __name__ == "__main__":
    unittest.main()
