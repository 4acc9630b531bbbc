"""What of a batch was refused: listed page by page, and sent again when it may be; what the webhook
has given up, and that it is told again."""

import base64
import time
import unittest

import test_api_keys
from harness import GROUP, Server, ServerCase, fresh, item, wait_until
from test_jobs import Jobs
from test_moderation import Words, text
from test_webhook import hook
from webhook_receiver import Receiver


def letters(server, batch, **query):
    answer = server.get("/batches/%s/dead-letters" % batch, query)
    assert answer.status == 200, answer
    return answer.json()


def every_letter(server, batch, limit=100):
    """Of all pages."""
    found, start = [], 0
    while True:
        page = letters(server, batch, limit=limit, **{"from": start})
        assert len(page["dead_letters"]) <= limit, page
        found += page["dead_letters"]
        if not page["more"]:
            assert "next" not in page, page
            return found
        assert page["next"] > start, page
        start = page["next"]


class Batches(ServerCase):
    config = {"jobs.turnItems": 50}

    def setUp(self):
        self.jobs = Jobs(self.server)

    def ban(self, group, banned):
        self.server.must_post("/channel/info", {"channel_id": group, "channel_type": GROUP,
                                                "ban": int(banned)})

    def test_all_of_them_over_kills_each_once(self):
        good, bad = fresh("g"), fresh("g")
        self.ban(bad, True)
        items = [item(bad if i % 3 == 0 else good, "n%d" % i) for i in range(1500)]
        batch = self.jobs.make(items)
        self.assertEqual(self.jobs.wait(batch)["refused"], 500)
        self.server.restart()
        found = every_letter(self.server, batch, 70)
        self.assertEqual([one["index"] for one in found], list(range(0, 1500, 3)))
        self.assertEqual({(one["channel_id"], one["code"], one["redrivable"]) for one in found},
                         {(bad, "denied", 1)})
        self.assertEqual([base64.b64decode(one["payload"]).decode() for one in found],
                         ["n%d" % i for i in range(0, 1500, 3)])
        self.ban(bad, False)
        again = self.server.post("/batches/%s/redrive" % batch)
        self.assertEqual((again.status, again.json()["pass"]), (200, 2), again)
        self.server.restart()
        done = self.jobs.wait(batch)
        self.assertEqual((done["accepted"] + done["duplicate"], done["refused"]), (1500, 0))
        self.assertEqual(letters(self.server, batch)["count"], 0)
        for group, count in ((bad, 500), (good, 1000)):
            self.assertEqual(len(self.server.messages(group)), count)
        self.assertIn("nothing of the batch has failed", self.assert_error(
            self.server.post("/batches/%s/redrive" % batch), 409)["msg"])

    def test_what_was_never_tried_is_left_over_a_kill(self):
        good, bad = fresh("g"), fresh("g")
        self.ban(bad, True)
        items = [item(bad if i < 500 else good, "n%d" % i) for i in range(2000)]
        batch = self.jobs.make(items, "&max_refused=0.5")
        at = self.jobs.wait(batch)
        tried = at["refused"]
        self.assertEqual((at["state"], at["accepted"], at["pending"]),
                         ("failed", 0, 2000 - tried))
        self.ban(bad, False)
        self.assertEqual(self.server.post("/batches/%s/redrive" % batch).status, 200)
        self.server.restart()
        at = self.jobs.wait(batch)
        self.assertEqual((at["state"], at["accepted"] + at["duplicate"], at["refused"],
                          at["pending"], at["pass"]), ("failed", tried, 0, 2000 - tried, 2))
        self.assertIn("never tried", at["reason"])
        self.assertEqual((self.server.max_seq(good), self.server.max_seq(bad)),
                         (0, tried))
        for path in ("/batches/%s/redrive", "/jobs/%s/retry?only=failed"):
            told = self.assert_error(self.server.post(path % batch), 409)
            self.assertIn("POST /jobs/%s/retry" % batch, told["msg"])
        self.assert_error(self.server.post("/jobs/%s/retry?only=new" % batch), 400)
        self.assertEqual(self.jobs.act(batch, "retry").status, 200)
        at = self.jobs.wait(batch)
        self.assertEqual((at["state"], at["accepted"] + at["duplicate"], at["pass"]),
                         ("done", 2000, 3))
        self.assertEqual((self.server.max_seq(good), self.server.max_seq(bad)), (1500, 500))

    def test_bad_requests(self):
        batch = self.jobs.make([item(fresh("g"), "a")])
        self.jobs.wait(batch)
        for path, status in (
                ("/batches/%s/dead-letters?limit=1001" % batch, 400),
                ("/batches/%s/dead-letters?from=x" % batch, 400),
                ("/batches/018bcfe5680000000000000000000001/dead-letters", 404)):
            with self.subTest(path=path):
                self.assert_error(self.server.get(path), status)
        self.assert_error(
            self.server.post("/batches/018bcfe5680000000000000000000001/redrive"), 404)
        later = self.jobs.make([item(fresh("g"), "a")], "&not_before=4102444800")
        self.assertEqual(letters(self.server, later)["count"], 0)
        self.assert_error(self.server.post("/batches/%s/redrive" % later), 409)


class Moderated(unittest.TestCase):
    def test_what_moderation_refused_is_sent_when_the_word_is_allowed(self):
        words = Words(self, banned=["casino"])
        server = Server({"moderation.lists": words.setting(banned="refuse"),
                         "moderation.checkInterval": "50ms"})
        self.addCleanup(server.destroy)
        server.start()
        group, jobs = fresh("g"), Jobs(server)
        batch = jobs.make([item(group, text("hello")), item(group, text("the casino"))])
        self.assertEqual(jobs.wait(batch)["refused"], 1)
        found = every_letter(server, batch)
        self.assertEqual([(one["index"], one["reason"]) for one in found], [(1, 100)])
        words.write("banned", ["roulette"])
        wait_until(lambda: server.batch([item(group, text("a casino"))]).status == 200,
                   what="the new words")
        self.assertEqual(server.post("/batches/%s/redrive" % batch).status, 200)
        self.assertEqual(jobs.wait(batch)["accepted"], 2)
        self.assertEqual(every_letter(server, batch), [])


class GivenUpByTheWebhook(unittest.TestCase):
    def start(self, receiver, **more):
        server = Server(hook(receiver, focusEvents="msg.notify", msgNotifyEventRetryMaxCount=2,
                             **more))
        self.addCleanup(server.destroy)
        self.addCleanup(receiver.close)
        return server.start()

    def all_of(self, server):
        found, query = [], {"limit": 7}
        while True:
            answer = server.get("/webhook/dead-letters", query)
            assert answer.status == 200, answer
            page = answer.json()
            found += page["dead_letters"]
            if not page["more"]:
                return found
            query["cursor"] = page["next"]

    def test_it_is_listed_and_told_again_once_in_order_over_kills(self):
        receiver = Receiver(lambda call: 422)
        server = self.start(receiver)
        group, jobs = fresh("g"), Jobs(server)
        batch = jobs.make([item(group, "n%d" % i) for i in range(30)])
        jobs.wait(batch)
        wait_until(lambda: len(self.all_of(server)) == 30, what="all of them given up")
        server.restart()
        found = self.all_of(server)
        self.assertEqual([one["message_seq"] for one in found], list(range(1, 31)))
        self.assertEqual({(one["source"], one["event"], one["code"], one["attempts"],
                           one["redriving"], one["redrivable"]) for one in found},
                         {("webhook", "msg.notify", "refused", 2, 0, 1)})
        self.assertIn("status 422", found[0]["msg"])
        mine = letters(server, batch, source="webhook")
        self.assertEqual([one["index"] for one in mine["dead_letters"]], list(range(30)))
        self.assertEqual(letters(server, batch)["count"], 0)

        receiver.answer = None
        redriven = server.post("/batches/%s/redrive?source=webhook" % batch)
        self.assertEqual((redriven.status, redriven.json()["redriven"]), (202, 30), redriven)
        server.post("/webhook/redrive")
        server.restart()
        wait_until(lambda: self.all_of(server) == [], what="the end of the dead letters")
        told = [one["message_seq"] for one in receiver.messages(group)]
        # What was told just before the kill may come once more.
        self.assertEqual(sorted(set(told)), list(range(1, 31)))
        self.assertEqual(list(dict.fromkeys(told)), list(range(1, 31)))
        self.assertEqual(server.must_post("/webhook/redrive", None), {"redriven": 0})

    def test_one_is_told_again_alone_also_on_the_manager_port(self):
        receiver = Receiver(lambda call: 422)
        server = self.start(receiver, **{"msgNotifyEventPushInterval": "10ms"})
        group = fresh("g")
        server.must_batch([item(group, "n%d" % i) for i in range(3)])
        wait_until(lambda: len(self.all_of(server)) == 3, what="all of them given up")
        state = server.get("/webhook/status").json()
        self.assertTrue(state["enabled"])
        notify = {one["event"]: one for one in state["events"]}["msg.notify"]
        self.assertEqual((notify["last_error"], notify["given_up"], notify["backlog"]),
                         ("status 422", 3, 0))
        self.assertLess(abs(notify["last_error_at_ms"] / 1000 - time.time()), 60)
        receiver.answer = None
        login = server.request("POST", "/manager/login", {"username": "guest", "password": "guest"},
                               address=server.manager).json()
        reader = {"Authorization": "Bearer " + login["token"]}
        listed = server.request("GET", "/webhook/dead-letters", address=server.manager,
                                headers=reader).json()["dead_letters"]
        self.assertEqual(listed, self.all_of(server))
        path = "/webhook/redrive?id=" + listed[1]["id"]
        refused = server.request("POST", path, address=server.manager, headers=reader)
        self.assertEqual(refused.status, 403, refused)
        self.assertEqual(server.must_post(path, None), {"redriven": 1})
        wait_until(lambda: [one["message_seq"] for one in self.all_of(server)] == [1, 3],
                   what="the end of one")
        self.assertEqual([one["message_seq"] for one in receiver.messages(group)], [2])
        self.assertEqual(server.post(path).status, 404)

    def test_of_too_many_the_oldest_are_dropped_and_counted(self):
        receiver = Receiver(lambda call: 422)
        server = self.start(receiver, deadLettersMax=10)
        group = fresh("g")
        server.must_batch([item(group, "n%d" % i) for i in range(40)])

        def dropped():
            lines = server.get("/metrics").body.decode().splitlines()
            name = "jindou_webhook_dead_letters_dropped_total "
            return [float(line[len(name):]) for line in lines if line.startswith(name)]
        wait_until(lambda: dropped() == [30.0], what="30 dropped")
        self.assertEqual([one["message_seq"] for one in self.all_of(server)],
                         list(range(31, 41)))


class Who(ServerCase):
    secrets, yaml = test_api_keys.Keys.of_scopes({"ann": "send", "bob": "send", "reader": "read"})

    def call(self, name, method, path, body=None):
        return self.server.request(method, path, body, headers={"token": self.secrets[name]})

    def test_batches_of_others_take_another_scope(self):
        batch = self.call("ann", "POST", "/message/sendbatch?async=true",
                          [item(fresh("g"), "a")]).json()["id"]
        listed, redrive = "/batches/%s/dead-letters" % batch, "/batches/%s/redrive" % batch
        for name, status in (("ann", 200), ("reader", 200), ("bob", 403)):
            with self.subTest(name=name):
                self.assertEqual(self.call(name, "GET", listed).status, status)
        wait_until(lambda: self.call("ann", "GET", listed).json()["state"] == "done",
                   what="the end of the batch")
        for name, status in (("ann", 409), ("reader", 403), ("bob", 403)):
            with self.subTest(name=name):
                self.assertEqual(self.call(name, "POST", redrive).status, status)


if __name__ == "__main__":
    unittest.main()
