"""Rate limits per key, per sender, per channel and in total, on every way of sending."""

import hashlib
import json
import pathlib
import re
import secrets
import signal
import time
import unittest

from harness import GROUP, ServerCase, fresh, item, wait_until
from json_rpc import JsonClient

MANAGER = "manager-token-of-this-test"


class LimitsCase(ServerCase):
    """Limits are set by a reload, so that one server serves all tests."""

    secret = secrets.token_hex(32)
    yaml = "managerToken: %s\n" % MANAGER
    headers = {"token": MANAGER}

    def log(self):
        return pathlib.Path(self.server.log_path).read_text()

    def load(self, **limits):
        """`limits`: settings below limits; `key_rate` and `key_burst` are those of the key."""
        key = {"name": "k", "scopes": ["administer"],
               "sha256": hashlib.sha256(self.secret.encode()).hexdigest()}
        for name in ("rate", "burst"):
            if "key_" + name in limits:
                key[name] = limits.pop("key_" + name)
        text = self.yaml + "apiKeys: %s\nlimits: %s\n" % (json.dumps([key]), json.dumps(limits))
        pathlib.Path(self.server.dir, "config.yaml").write_text(text)
        before = len(self.log())
        self.server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "reload:" in self.log()[before:], what="the reload in the log")
        self.assertNotIn("nothing changed", self.log()[before:])
        # The buckets of the server and of the key are those of the test before.
        self.wait_until_full("total", False)
        self.wait_until_full("key", True)

    def wait_until_full(self, limit, key):
        def is_full():
            headers = self.batch([item("g")], "?dry_run=true", key).headers
            quota = re.search('"%s";q=(\\d+)' % limit, headers.get("ratelimit-policy", ""))
            left = re.search('"%s";r=(\\d+)' % limit, headers.get("ratelimit", ""))
            return quota is None or quota.group(1) == left.group(1)
        wait_until(is_full, timeout=30, what="a full bucket")

    def tearDown(self):
        self.load()

    def post(self, path, body, key=False, **headers):
        headers["token"] = self.secret if key else MANAGER
        return self.server.post(path, body, headers=headers)

    def batch(self, items, query="", key=False):
        return self.post("/message/sendbatch" + query, items, key)

    def told(self, answer):
        """True for each item that was sent, else how long it has to wait."""
        body = answer.json()
        results = body["items"] if isinstance(body, dict) else body
        return [r["reason"] == 1 or r["retry_after_ms"] for r in results]

    def metric(self, name):
        text = self.server.get("/metrics", headers=self.headers).body.decode()
        found = re.search("^" + re.escape(name) + r" (\d+)", text, re.M)
        return int(found.group(1))


class Http(LimitsCase):
    def test_of_a_batch_those_over_the_limit_are_refused(self):
        # One in a thousand seconds would be none: what passes in the time of this test is the burst.
        self.load(perSecond=1, burst=3)
        group = fresh("g")
        refused = self.metric('jindou_rate_limited_items_total{limit="total"}')
        answer = self.batch([item(group) for _ in range(40)])
        self.assertEqual(answer.status, 200, answer)
        told = self.told(answer)
        self.assertEqual(told[:3], [True] * 3)
        self.assertNotIn(True, told[3:])
        self.assertEqual(told[3:], sorted(told[3:]))
        self.assertGreater(told[-1], 30_000)
        self.assertEqual(answer.headers["x-batch-failed"], "37")
        failed = answer.json()[-1]
        self.assertEqual((failed["code"], failed["reason"], failed["retriable"]),
                         ("rate_limited", 22, True))
        self.assertEqual(failed["msg"], "the rate limit of the server is reached")
        self.assertEqual(answer.headers["ratelimit-policy"], '"total";q=3;w=3;qu="items"')
        self.assertRegex(answer.headers["ratelimit"], r'^"total";r=\d;t=\d$')
        self.assertEqual(
            self.metric('jindou_rate_limited_items_total{limit="total"}') - refused, 37)

    def test_a_whole_request_over_the_limit_is_a_429(self):
        self.load(senderPerSecond=1, senderBurst=1)
        group, sender = fresh("g"), fresh("s")
        send = lambda: self.post("/message/send", item(group, from_uid=sender))
        no_room = 'jindou_overload_refusals_total{to="http"}'
        before = self.metric(no_room)
        answer = send()
        self.assertEqual(answer.status, 200, answer)
        self.assertRegex(answer.headers["ratelimit"], r'^"sender";r=[01];t=1$')
        refused = wait_until(lambda: (a := send()).status != 200 and a, what="a refusal")
        body = self.assert_error(refused, 429)
        self.assertEqual((body["code"], body["reason"]), ("rate_limited", 22))
        self.assertIn("of the sender", body["msg"])
        self.assertEqual(refused.headers["retry-after"], "1")
        self.assertLessEqual(body["retry_after_ms"], 1000)
        answer = self.batch([item(group, from_uid=sender) for _ in range(9)])
        body = answer.json()
        if answer.status == 200:  # a second had passed
            answer = self.batch([item(group, from_uid=sender) for _ in range(9)])
        body = self.assert_error(answer, 429)
        self.assertEqual(len(body["items"]), 9)
        self.assertGreaterEqual(int(answer.headers["retry-after"]), 8)
        self.assertEqual(self.metric(no_room), before, "it is no overload")
        # Others are not concerned.
        self.assertEqual(self.post("/message/send", item(group, from_uid=fresh("s"))).status, 200)

    def test_whoever_waits_as_told_gets_all_of_them_through(self):
        self.load(channelPerSecond=20, channelBurst=20)
        group = fresh("g")
        items = [item(group, client_msg_no=fresh("n")) for _ in range(50)]
        left, rounds = items, 0
        while left:
            rounds += 1
            told = self.told(self.batch(left))
            left = [one for one, verdict in zip(left, told) if verdict is not True]
            if left:
                time.sleep(max(v for v in told if v is not True) / 1000)
        self.assertLessEqual(rounds, 4)
        self.assertEqual(len(self.batch_of(group)), 50)

    def batch_of(self, group):
        query = {"channel_id": group, "channel_type": GROUP, "login_uid": "u", "pull_mode": 1,
                 "start_message_seq": 1, "limit": 1000}
        return self.post("/channel/messagesync", query).json()["messages"]

    def test_all_or_none_and_up_to_the_first(self):
        self.load(perSecond=1, burst=5)
        group = fresh("g")
        items = [item(group) for _ in range(9)]
        # More than there ever are at once: whoever came again would come again for ever.
        for choice in ("?atomic=true", "?atomic=true&dry_run=true"):
            answer = self.batch(items, choice)
            body = self.assert_error(answer, 400)
            self.assertEqual(body["code"], "too_large")
            self.assertIn("never lets more than 5 pass at once (limits.burst)", body["msg"])
            self.assertNotIn("retry-after", answer.headers)
        # It was charged nothing.
        answer = self.batch(items, "?on_error=stop")
        reasons = [r["reason"] for r in answer.json()]
        sent = reasons.count(1)
        self.assertIn(sent, (5, 6))
        self.assertEqual(reasons[sent:], [22] + [15] * (8 - sent))
        self.assertEqual(len(self.batch_of(group)), sent)
        # As many as there may be, when there are some again.
        answer = self.batch(items[:5], "?atomic=true")
        body = self.assert_error(answer, 429)
        self.assertRegex(body["msg"], "nothing was sent; item [01]: the rate limit of the server")
        self.assertGreaterEqual(int(answer.headers["retry-after"]), 3)
        self.assertEqual(len(self.batch_of(group)), sent)

    def test_a_dry_run_tells_and_charges_nothing(self):
        self.load(perSecond=1, burst=2)
        group = fresh("g")
        for _ in range(3):
            answer = self.batch([item(group) for _ in range(20)], "?dry_run=true")
            self.assertEqual(answer.body.count(b'"code":"rate_limited"'), 18, answer)
        self.assertEqual(self.batch([item(group), item(group)]).status, 200)

    def test_other_forms(self):
        self.load(perSecond=1, burst=1)
        group = fresh("g")
        self.batch([item(group)])
        legacy = {"from_uid": "a", "subscribers": ["u%d" % i for i in range(20)],
                  "payload": "aGk="}
        answer = self.post("/message/sendbatch", legacy).json()
        self.assertGreaterEqual(len(answer["fail_uids"]), 18)
        self.assertIn("the rate limit of the server is reached", answer["reason"])
        for path in ("/stream/open", "/streamv2/open"):
            seen = wait_until(lambda: (a := self.post(path, item(fresh("g")))).status == 429 and a,
                              what="a refusal of " + path)
            self.assertEqual(seen.json()["code"], "rate_limited")

    def test_a_key_has_its_own_bucket(self):
        self.load(keyPerSecond=1, keyBurst=2)
        group = fresh("g")
        items = [item(group) for _ in range(20)]
        answer = self.batch(items, key=True)
        self.assertEqual(self.told(answer).count(True), 2)
        self.assertRegex(answer.headers["ratelimit-policy"], r'^"key";q=2;w=2;')
        self.assertIn("of the API key", answer.json()[-1]["msg"])
        answer = self.batch(items)
        self.assertEqual(self.told(answer).count(True), 20)
        self.assertNotIn("ratelimit", answer.headers)
        self.load(keyPerSecond=1, key_rate=1, key_burst=10)
        answer = self.batch(items, key=True)
        self.assertEqual(answer.headers["ratelimit-policy"], '"key";q=10;w=10;qu="items"')

    def test_lines_wait_for_the_limit_of_their_caller(self):
        self.load(key_rate=50, key_burst=50)
        group = fresh("g")
        lines = "\n".join(json.dumps(item(group, "m%d" % i)) for i in range(120))
        answer = self.server.request("POST", "/message/sendbatch", lines, timeout=60, headers={
            "token": self.secret, "Content-Type": "application/x-ndjson"})
        told = [json.loads(line) for line in answer.body.splitlines()]
        self.assertEqual([line["reason"] for line in told[:-1]], [1] * 120)
        self.assertTrue(told[-1]["done"])
        self.assertRegex(answer.headers["ratelimit-policy"], r'^"key";q=50;')

    def test_a_job_waits_for_the_limit_of_its_key(self):
        self.load(key_rate=50, key_burst=50)
        group = fresh("g")
        refused = self.metric('jindou_rate_limited_items_total{limit="key"}')
        answer = self.batch([item(group, "m%d" % i) for i in range(120)], "?async=true", key=True)
        self.assertEqual(answer.status, 202, answer)
        path = answer.headers["location"]
        job = wait_until(lambda: (j := self.server.get(path, headers=self.headers).json())["state"]
                         == "done" and j, timeout=60, what="the end of the job")
        self.assertEqual((job["accepted"], job["refused"], job["unknown"]), (120, 0, 0))
        self.assertEqual(self.metric('jindou_rate_limited_items_total{limit="key"}'), refused)
        self.assertEqual(len(self.batch_of(group)), 120)

    def test_a_job_waits_for_the_limit_of_a_channel(self):
        self.load(channelPerSecond=40, channelBurst=10)
        group = fresh("g")
        answer = self.batch([item(group, "m%d" % i) for i in range(60)], "?async=true")
        path = answer.headers["location"]
        job = wait_until(lambda: (j := self.server.get(path, headers=self.headers).json())["state"]
                         == "done" and j, timeout=60, what="the end of the job")
        self.assertEqual((job["accepted"], job["refused"], job["unknown"]), (60, 0, 0))
        self.assertEqual(len(self.batch_of(group)), 60)

    def test_batches_are_advised_how_large_to_be(self):
        for answer in (self.batch([item(fresh("g"))]), self.batch([{"x": 1}]),
                       self.batch({"from_uid": "a", "subscribers": ["u"], "payload": "aGk="})):
            self.assertEqual(answer.headers["batch-advice"], "items=1000, concurrency=8")
        lines = self.post("/message/sendbatch", json.dumps(item(fresh("g"))), **{
            "Content-Type": "application/x-ndjson"})
        self.assertEqual(lines.headers["batch-advice"], "items=1000, concurrency=8")
        job = self.batch([item(fresh("g"))], "?async=true")
        self.assertNotIn("batch-advice", job.headers)
        self.load(key_rate=30, key_burst=500)
        answer = self.batch([item(fresh("g"))], key=True)
        self.assertEqual(answer.headers["batch-advice"], "items=30, concurrency=8")

    def test_every_answer_tells_of_the_limits(self):
        self.load(perSecond=100, burst=1000, senderPerSecond=10, senderBurst=50)
        group, name = fresh("g"), {"Idempotency-Key": fresh("k")}
        policies = r'^"sender";q=50;w=5;qu="items", "total";q=1000;w=10;qu="items"$'
        total = r'^"total";q=1000;w=10;qu="items"$'
        lines = {"Content-Type": "application/x-ndjson"}
        one = item(group, client_msg_no=fresh("n"))
        for policy, status, answer in (
                (policies, 200, self.post("/message/send", one, **name)),
                (policies, 200, self.post("/message/send", one, **name)),
                (total, 400, self.post("/message/send", {"x": 1})),
                (total, 400, self.post("/message/send?atomic=true", one)),
                (total, 202, self.post("/message/send?hold_ms=1", one)),
                (total, 202, self.batch([one], "?async=true")),
                (total, 202, self.post("/message/sendbatch?async=true", json.dumps(one), **lines)),
                (total, 400, self.batch([{"x": 1}], "?async=true")),
                (total, 400, self.batch([one], "?async=perhaps")),
                (total, 400, self.batch([one], "?atomic=true&on_error=stop"))):
            self.assertEqual(answer.status, status, answer)
            self.assertRegex(answer.headers["ratelimit-policy"], policy, answer)
            self.assertIn('"total";r=', answer.headers["ratelimit"])

    def test_without_limits_nothing_is_said(self):
        answer = self.batch([item(fresh("g"))])
        self.assertNotIn("ratelimit", answer.headers)
        self.assertNotIn("ratelimit-policy", answer.headers)


class Clients(LimitsCase):
    def test_sends_of_clients_count_for_their_sender(self):
        self.load(senderPerSecond=1, senderBurst=2)
        uid, group = fresh("u"), fresh("g")
        self.post("/channel", {"channel_id": group, "channel_type": GROUP, "subscribers": [uid]})
        client = self.client(uid)
        reasons = [client.send(group, GROUP, b"m%d" % i).reason for i in range(10)]
        self.assertEqual(reasons[:2], [1, 1])
        self.assertIn(22, reasons)
        self.assertLessEqual(reasons.count(1), 6)
        # The same bucket over HTTP, and for another protocol.
        answer = self.batch([item(group, from_uid=uid) for _ in range(9)])
        told = answer.json()
        told = told["items"] if isinstance(told, dict) else told
        self.assertIn("the rate limit of the sender is reached", [r.get("msg") for r in told])
        with JsonClient(self.server.ws, uid, device_flag=2) as other:
            other.connect()
            codes = [other.send(group, GROUP, b"j%d" % i)["reasonCode"]
                     for i in range(10)]
        self.assertIn(22, codes)


if __name__ == "__main__":
    unittest.main()
