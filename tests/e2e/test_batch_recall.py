"""POST /batches/{id}/recall and /edit: all that a job has sent."""

import base64
import json
import secrets
import unittest

import test_api_keys
from harness import GROUP, ServerCase, fresh, item, wait_until
from test_jobs import Jobs, spread
from test_ndjson import Upload, lines_of
from webhook_receiver import Receiver


class BatchCase(ServerCase):
    def setUp(self):
        self.jobs = Jobs(self.server)

    def revise(self, batch, what, body=None, query=""):
        """The id of the job that does it."""
        answer = self.server.post("/batches/%s/%s%s" % (batch, what, query), body)
        self.assertEqual(answer.status, 202, answer)
        made = answer.json()
        self.assertEqual((made["batch_id"], answer.headers["location"]),
                         (batch, "/jobs/" + made["id"]))
        return made["id"]

    def commands(self, uid):
        """The payloads of the commands that wait for a user."""
        answer = self.server.must_post("/message/sync", {"uid": uid, "limit": 10000})
        return [json.loads(base64.b64decode(m["payload"])) for m in answer]


class Whole(BatchCase):
    # What was on its way when a job was stopped is waited for so long, when nobody knows. Here
    # somebody does.
    config = {"jobs.sendTimeout": "600s"}

    def test_a_recall_takes_all_back_and_tells_everybody(self):
        groups = [fresh("g") for _ in range(4)]
        user = fresh("u")
        for group in groups:
            self.server.create_group(group, [user, "other"])
        kept = self.server.must_batch([item(groups[0], "kept")])[0]["message_id"]
        batch = self.jobs.make(spread(groups, 2000))
        self.jobs.wait(batch)
        with self.server.client("other") as client:
            job = self.revise(batch, "recall", {"operator_uid": "admin"}, "?name=oops")
            done = self.jobs.wait(job)
            self.assertEqual((done["state"], done["kind"], done["batch_id"], done["name"]),
                             ("done", "recall", batch, "oops"))
            self.assertEqual((done["items"], done["accepted"], done["duplicate"]), (2000, 2000, 0))
            told = json.loads(client.recv().payload)
            self.assertEqual((told["cmd"], told["param"]["revoker"]), ("messageRevoke", "admin"))
        for place, group in enumerate(groups):
            messages = self.server.messages(group)
            if place == 0:
                self.assertEqual((messages[0]["message_id"], messages[0].get("revoke")),
                                 (kept, None))
                messages = messages[1:]
            self.assertEqual(len(messages), 500)
            self.assertEqual({(m["payload"], m["revoke"]) for m in messages}, {("e30=", 1)})
        results = self.jobs.results(job)
        self.assertEqual([r["message_id"] for r in results],
                         [r["message_id"] for r in self.jobs.results(batch)])
        # Once more, of what was recalled: harmless and counted.
        again = self.jobs.wait(self.revise(batch, "recall"))
        self.assertEqual((again["accepted"], again["duplicate"]), (0, 2000))
        late = self.revise(batch, "edit", {"payload": {"late": 1}})
        self.assertEqual(self.jobs.wait(late)["refused"], 2000)
        self.assertEqual({r["code"] for r in self.jobs.results(late)}, {"conflict"})

    def test_an_edit_gives_all_another_payload(self):
        group = fresh("g")
        batch = self.jobs.make([item(group, "n%d" % i) for i in range(300)])
        self.jobs.wait(batch)
        payload = {"type": 1, "content": "Moved"}
        done = self.jobs.wait(self.revise(batch, "edit", {"payload": payload}))
        self.assertEqual((done["kind"], done["accepted"]), ("edit", 300))
        messages = self.server.messages(group)
        self.assertEqual([json.loads(base64.b64decode(m["payload"])) for m in messages],
                         [payload] * 300)
        self.assertEqual({m["edit_version"] for m in messages}, {1})
        again = self.jobs.wait(self.revise(batch, "edit", {"payload": payload}))
        self.assertEqual((again["accepted"], again["duplicate"]), (0, 300))
        self.assertEqual({m["edit_version"] for m in self.server.messages(group)}, {1})

    def test_unread_counts_and_conversation_lists_follow(self):
        group, reader, behind = fresh("g"), fresh("u"), fresh("u")
        self.server.create_group(group, [reader, behind])

        def conversation(uid, **more):
            listed = self.server.must_post("/conversation/sync",
                                           {"uid": uid, "msg_count": 1, **more})
            self.assertLessEqual({one["channel_id"] for one in listed}, {group})
            return listed[0] if listed else None

        self.server.must_batch([item(group, "kept")])
        batch = self.jobs.make([item(group, "n%d" % i) for i in range(200)])
        self.jobs.wait(batch)
        self.server.must_post("/conversations/clearUnread",
                              {"uid": reader, "channel_id": group, "channel_type": GROUP})
        before = conversation(behind)
        self.assertEqual((before["unread"], conversation(reader)["unread"]), (201, 0))
        self.jobs.wait(self.revise(batch, "edit", {"payload": {"new": 1}}))
        edited = conversation(behind)
        self.assertEqual((edited["unread"], edited["last_msg_seq"], conversation(reader)["unread"]),
                         (201, 201, 0))
        last = edited["recents"][0]
        self.assertEqual((json.loads(base64.b64decode(last["payload"])), last["edit_version"]),
                         ({"new": 1}, 1))
        self.jobs.wait(self.revise(batch, "recall"))
        # Whoever asks for what is new hears of it.
        newer = wait_until(lambda: conversation(behind, version=before["version"]), 30,
                           what="a newer version")
        for shown in (newer, conversation(behind)):
            self.assertEqual((shown["unread"], shown["last_msg_seq"]), (1, 201))
        self.server.restart()
        for uid, unread in ((behind, 1), (reader, 0)):
            shown = conversation(uid)
            last = shown["recents"][0]
            self.assertEqual((shown["unread"], shown["last_msg_seq"], last["message_seq"],
                              last["payload"], last["revoke"]), (unread, 201, 201, "e30=", 1))

    def test_a_batch_that_is_kept_is_recalled_like_a_job(self):
        groups = [fresh("g") for _ in range(3)]
        items = [item(groups[i % 3], "n%d" % i) for i in range(900)]
        answer = self.server.post("/message/sendbatch?keep=true", items)
        self.assertEqual(answer.status, 200, answer)
        batch = answer.headers["batch-id"]
        kept = self.jobs.get(batch)
        self.assertEqual((kept["state"], kept["kind"], kept["accepted"]), ("done", "batch", 900))
        self.assertEqual([r["message_id"] for r in self.jobs.results(batch)],
                         [r["message_id"] for r in answer.json()])
        # What an answer has named is there after a crash.
        self.server.restart()
        done = self.jobs.wait(self.revise(batch, "recall", {"operator_uid": "admin"}))
        self.assertEqual((done["accepted"], done["batch_id"]), (900, batch))
        for group in groups:
            self.assertEqual({(m["payload"], m["revoker"]) for m in self.server.messages(group)},
                             {("e30=", "admin")})
        plain = self.server.batch(items[:1])
        self.assertNotIn("batch-id", plain.headers)

    def test_a_stream_that_is_kept_is_recalled_also_when_the_server_died_in_it(self):
        group = fresh("g")
        items = [item(group, "n%d" % i) for i in range(400)]
        with Upload(self.server, "?keep=true") as whole:
            whole.send(lines_of(items[:300]))
            whole.end()
            *answered, end = whole.read_all()
            batch = whole.field("Batch-Id")
        self.assertEqual((end["done"], end["accepted"], end["batch_id"]), (True, 300, batch))
        self.assertEqual([r["message_id"] for r in self.jobs.results(batch)],
                         [r["message_id"] for r in answered])
        done = self.jobs.wait(self.revise(batch, "recall"))
        self.assertEqual((done["accepted"], done["batch_id"]), (300, batch))
        with Upload(self.server, "?keep=true") as cut:
            cut.send(lines_of(items[300:]))
            answered += [cut.read_line() for _ in range(100)]
            batch = cut.field("Batch-Id")
            self.server.restart()
        # What had a line of its own is among the batch. Nobody sends it any more: it is ended.
        kept = self.jobs.get(batch)
        self.assertEqual((kept["state"], kept["accepted"]), ("uploading", 100))
        self.assert_error(self.server.post("/batches/%s/recall" % batch), 409)
        self.jobs.act(batch, "cancel")
        done = self.jobs.wait(self.revise(batch, "recall"))
        self.assertEqual(done["accepted"], 100)
        messages = self.server.messages(group)
        self.assertEqual([m["message_id"] for m in messages], [r["message_id"] for r in answered])
        self.assertEqual({m["payload"] for m in messages}, {"e30="})

    def test_a_job_that_still_sends_is_stopped_and_what_it_has_sent_recalled(self):
        groups = [fresh("g") for _ in range(3)]
        batch = self.jobs.make(spread(groups, 5000), "&rate=2000")
        self.jobs.wait_for_progress(batch, 500)
        done = self.jobs.wait(self.revise(batch, "recall"), timeout=120)
        first = self.jobs.wait(batch)
        self.assertEqual((first["state"], first["reason"]),
                         ("cancelled", "recalled while it was sent"))
        stored = [m for group in groups for m in self.server.messages(group)]
        self.assertTrue(500 <= len(stored) < 5000, len(stored))
        self.assertEqual({m["payload"] for m in stored}, {"e30="})
        self.assertEqual(done["accepted"], len(stored))
        # Nothing comes behind it.
        self.assert_error(self.server.post("/jobs/%s/resume" % batch), 409)
        self.assert_error(self.server.post("/jobs/%s/retry" % batch), 409)

    def test_only_what_was_sent_of_a_job_that_was_cancelled(self):
        group, banned = fresh("g"), fresh("g")
        self.server.must_post("/channel/info",
                              {"channel_id": banned, "channel_type": GROUP, "ban": 1})
        items = [item(banned if i % 10 == 9 else group, "n%d" % i) for i in range(5000)]
        batch = self.jobs.make(items, "&rate=500")
        self.jobs.wait_for_progress(batch, 200)
        for state in (None, "pause"):
            if state:
                self.jobs.act(batch, state)
            told = self.assert_error(self.server.post("/batches/%s/edit" % batch,
                                                      {"payload": {"new": 1}}), 409)
            self.assertIn("cancel it first (POST /jobs/%s/cancel)" % batch, told["msg"])
        self.jobs.act(batch, "cancel")
        job = self.revise(batch, "recall")
        done = self.jobs.wait(job, timeout=120)
        stored = self.server.messages(group)
        self.assertGreaterEqual(len(stored), 180)
        self.assertEqual({m["payload"] for m in stored}, {"e30="})
        self.assertEqual(done["accepted"], len(stored))
        # A recall is none that could be recalled.
        self.assert_error(self.server.post("/batches/%s/recall" % job), 409)

    def test_a_job_that_was_paused_and_then_cancelled_is_edited_and_recalled_at_once(self):
        group = fresh("g")
        items = [item(group, "n%d" % i) for i in range(200)]
        batch = self.jobs.make(items, "&canary=50")
        self.jobs.wait(batch, ("paused",))
        self.jobs.act(batch, "cancel")
        edited = self.jobs.wait(self.revise(batch, "edit", {"payload": {"new": 1}}))
        self.assertEqual((edited["items"], edited["accepted"]), (50, 50))
        done = self.jobs.wait(self.revise(batch, "recall"))
        self.assertEqual((done["items"], done["accepted"]), (50, 50))
        self.assertEqual([m["payload"] for m in self.server.messages(group)], ["e30="] * 50)

    def test_bad_requests(self):
        batch = self.jobs.make([item(fresh("g"), "a")])
        self.jobs.wait(batch)
        known = len(self.server.get("/jobs").json()["jobs"])
        for path, body, status in (
                ("/batches/018bcfe5680000000000000000000001/recall", None, 404),
                ("/batches/%s/explode" % batch, None, 404),
                ("/batches/%s/recall" % batch, {"operator_uid": 7}, 400),
                ("/batches/%s/recall?rate=x" % batch, None, 400),
                ("/batches/%s/edit" % batch, {}, 400),
                ("/batches/%s/edit" % batch, None, 400)):
            with self.subTest(path=path, body=body):
                self.assert_error(self.server.post(path, body), status)
        self.assertEqual(len(self.server.get("/jobs").json()["jobs"]), known)


def with_secrets(**keys):
    """Secrets by name, and the configuration, of keys with these members."""
    made = {name: secrets.token_hex(32) for name in keys}
    entries = [dict(members, name=name, sha256=[test_api_keys.Keys.hash_of(made[name])])
               for name, members in keys.items()]
    return made, test_api_keys.Keys.yaml_of(entries)


class Who(ServerCase):
    secrets, yaml = with_secrets(
        ann={"scopes": ["send"]}, bob={"scopes": ["send"]}, reader={"scopes": ["read"]},
        admin={"scopes": ["administer"]}, bot={"scopes": ["send"], "senders": ["bot"]})

    def call(self, name, method, path, body=None):
        return self.server.request(method, path, body, headers={"token": self.secrets[name]})

    def revise(self, name, batch, what, **body):
        return self.call(name, "POST", "/batches/%s/%s" % (batch, what), body)

    def ended(self, name, job):
        return wait_until(lambda: (found := self.call(name, "GET", "/jobs/" + job).json())["state"]
                          in ("done", "failed") and found, 30, what="the end of the job")

    def batches(self, name, group):
        """One that is held back, a job that is done, and one that is kept, of a message each."""
        message = item(group, "a", from_uid="bot")
        held = self.call(name, "POST", "/message/send?hold_ms=600000", message)
        job = self.call(name, "POST", "/message/sendbatch?async=true", [message])
        self.assertEqual((held.status, job.status), (202, 202), (held, job))
        self.ended(name, job.json()["id"])
        kept = self.call(name, "POST", "/message/sendbatch?keep=true", [message])
        self.assertEqual(kept.status, 200, kept)
        return held.json()["id"], job.json()["id"], kept.headers["batch-id"]

    def test_who_sent_a_batch_takes_it_back_by_its_id(self):
        for owner in ("ann", "bot"):
            held, job, kept = self.batches(owner, fresh("g"))
            for batch in (held, job, kept):
                for name, why in (("bob", "begun by somebody else"),
                                  ("reader", "it needs the scope send")):
                    for what, body in (("recall", {}), ("edit", {"payload": "bmV3"})):
                        with self.subTest(owner=owner, name=name, what=what):
                            refused = self.revise(name, batch, what, **body)
                            self.assertIn(why, self.assert_error(refused, 403)["msg"])
            answer = self.revise(owner, held, "recall")
            self.assertEqual((answer.status, answer.json()["state"]), (200, "cancelled"), answer)
            for batch in (job, kept):
                for what, body in (("edit", {"payload": "bmV3"}), ("recall", {})):
                    made = self.revise(owner, batch, what, **body)
                    self.assertEqual(made.status, 202, made)
                    done = self.ended(owner, made.json()["id"])
                    self.assertEqual((done["state"], done["accepted"]), ("done", 1), done)
            again = self.revise("admin", kept, "recall")
            self.assertEqual(self.ended("admin", again.json()["id"])["duplicate"], 1)

    def test_a_key_with_senders_names_no_other_operator(self):
        held, job, kept = self.batches("bot", fresh("g"))
        for batch in (held, job, kept):
            refused = self.revise("bot", batch, "recall", operator_uid="ann")
            self.assertIn("may not send as this sender", self.assert_error(refused, 403)["msg"])
        self.assertEqual(self.call("bot", "GET", "/jobs/" + held).json()["state"], "ready")
        self.assertEqual(self.revise("bot", kept, "recall", operator_uid="bot").status, 202)


class Webhooks(BatchCase):
    @classmethod
    def setUpClass(cls):
        cls.receiver = Receiver()
        cls.addClassCleanup(cls.receiver.close)
        cls.config = {"webhook.httpAddr": cls.receiver.url,
                      "webhook.msgNotifyEventPushInterval": "50ms"}
        super().setUpClass()

    def told(self, group, event, count):
        """What the webhook was told of `count` messages."""
        return wait_until(lambda: (found := self.receiver.messages(group, event))
                          and len(found) >= count and found, 30, what="%d %s" % (count, event))

    def test_each_message_is_told_once_behind_its_message(self):
        group = fresh("g")
        self.server.create_group(group, ["u"])
        self.server.must_batch([item(group, "kept")])
        batch = self.jobs.make([item(group, "n%d" % i) for i in range(40)])
        self.jobs.wait(batch)
        ids = [result["message_id"] for result in self.jobs.results(batch)]
        self.jobs.wait(self.revise(batch, "edit", {"payload": {"new": 1}}))
        edited = self.told(group, "msg.edit", 40)
        self.assertEqual([m["message_id"] for m in edited], ids)
        self.assertEqual({(base64.b64decode(m["payload"]), m["edit_version"]) for m in edited},
                         {(b'{"new":1}', 1)})
        # All at once, but for those that it may know of already.
        self.receiver.stop()
        self.jobs.wait(self.revise(batch, "recall"))
        self.receiver.start()
        recalled = self.told(group, "msg.recall", 40)
        self.assertLessEqual(len(self.receiver.calls("msg.recall")), 3)
        self.assertEqual([m["message_id"] for m in recalled], ids)
        self.assertEqual({(m["payload"], m["revoke"]) for m in recalled}, {("e30=", 1)})
        # What was done before is not told anew.
        self.assertEqual(len(self.receiver.messages(group, "msg.edit")), 40)
        self.jobs.wait(self.revise(batch, "recall"))
        self.server.must_batch([item(group, "the last")])
        self.told(group, "msg.notify", 42)
        self.assertEqual(len(self.receiver.messages(group, "msg.recall")), 40)


class Crashes(BatchCase):
    config = {"jobs.turnItems": 50}

    def over_kills(self, what, body, total):
        """What became of the messages of a batch, in kills, and the commands that tell of it."""
        groups = [fresh("g") for _ in range(4)]
        user = fresh("u")
        for group in groups:
            self.server.create_group(group, [user])
        batch = self.jobs.make(spread(groups, total))
        self.jobs.wait(batch)
        job = self.revise(batch, what, body)
        for at in (1, total * 3 // 10, total * 6 // 10):
            self.jobs.wait_for_progress(job, at)
            self.server.restart()
        done = self.jobs.wait(job)
        self.assertEqual((done["accepted"] + done["duplicate"], done["refused"]), (total, 0))
        messages = [message for group in groups for message in self.server.messages(group)]
        told = self.commands(user)
        # Each was told once.
        self.assertEqual(len(told), total)
        self.assertEqual({command["param"]["message_id"] for command in told},
                         {str(message["message_id"]) for message in messages})
        return messages, told

    def test_each_message_is_edited_once_over_kills(self):
        messages, told = self.over_kills("edit", {"payload": {"new": 1}}, 2000)
        self.assertEqual({m["payload"] for m in messages},
                         {base64.b64encode(b'{"new":1}').decode()})
        self.assertEqual({m["edit_version"] for m in messages}, {1})
        self.assertEqual({(command["cmd"], command["param"]["edit_version"]) for command in told},
                         {("syncMessageExtra", 1)})

    def test_each_message_is_recalled_once_over_kills(self):
        messages, told = self.over_kills("recall", {"operator_uid": "admin"}, 1000)
        self.assertEqual({(m["payload"], m["revoke"], m["revoker"]) for m in messages},
                         {("e30=", 1, "admin")})
        self.assertEqual({(command["cmd"], command["param"]["revoker"]) for command in told},
                         {("messageRevoke", "admin")})


if __name__ == "__main__":
    unittest.main()
