"""The header Idempotency-Key: a request that is repeated is carried out once."""

import contextlib
import http.client
import json
import threading
import time
import unittest

from harness import ServerCase, fresh, item
from test_jobs import NDJSON, Jobs


class IdempotencyKey(ServerCase):
    # A claim outlasts this by one second.
    config = {"api.requestTimeout": "1s"}

    def batch(self, items, key):
        return self.server.batch(items, headers={"Idempotency-Key": key})

    def test_a_repeat_gets_the_first_answer_also_after_a_restart(self):
        g1, g2 = fresh("g"), fresh("g")
        items = [item(g1), item(g2, client_msg_no="mine")]
        key = fresh("key")
        first = self.batch(items, key)
        self.assertEqual(first.status, 200, first)
        self.assertNotIn("idempotency-replay", first.headers)
        for _ in range(2):
            repeat = self.batch(items, key)
            self.assertEqual(repeat.headers.get("idempotency-replay"), "true")
            self.assertEqual(repeat.body, first.body)
            self.assertEqual(repeat.headers["content-type"], first.headers["content-type"])
            self.server.restart()
        self.assertEqual([self.server.max_seq(g1), self.server.max_seq(g2)], [1, 1])

    def test_another_body_under_the_key_sends_nothing(self):
        key, other = fresh("key"), fresh("g")
        self.batch([item(fresh("g"))], key)
        body = self.assert_error(self.batch([item(other)], key), 422)
        self.assertIn("take a new key", body["msg"])
        self.assertEqual(self.server.max_seq(other), 0)

    def test_a_bad_key_sends_nothing(self):
        group = fresh("g")
        body = self.assert_error(self.batch([item(group)], "a key"), 400)
        self.assertIn("Idempotency-Key", body["msg"])
        self.assertEqual(self.server.max_seq(group), 0)

    def test_a_kill_in_the_middle_leaves_nothing_twice_and_nothing_out(self):
        groups = [fresh("g") for _ in range(50)]
        items = [item(groups[i % 50], "text %d" % i) for i in range(500)]
        for rounds in range(1, 6):
            key = fresh("key")
            answered = []

            def post(key=key, answered=answered):
                with contextlib.suppress(OSError, http.client.HTTPException):
                    answered.append(self.batch(items, key))

            thread = threading.Thread(target=post)
            thread.start()
            time.sleep(0.003 * rounds)
            self.server.kill9()
            thread.join()
            self.server.start()
            repeat = self.batch(items, key)
            deadline = time.monotonic() + 30
            while repeat.status == 409:  # who had the key is gone: its claim runs out
                self.assertGreater(int(repeat.headers["retry-after"]), 0)
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.2)
                repeat = self.batch(items, key)
            self.assertEqual(repeat.status, 200, repeat)
            results = repeat.json()
            self.assertTrue(all(result["reason"] == 1 for result in results), repeat)
            if answered and answered[0].status == 200:
                self.assertEqual([result["message_id"] for result in answered[0].json()],
                                 [result["message_id"] for result in results])
            self.assertEqual([self.server.max_seq(group) for group in groups], [10 * rounds] * 50)

    def upload(self, lines, key, **options):
        return self.server.post("/message/sendbatch?async=true", lines, timeout=60,
                                headers=dict(NDJSON, **{"Idempotency-Key": key}), **options)

    def lines(self, group, count):
        return "".join(json.dumps(item(group, "text %d" % i)) + "\n" for i in range(count))

    def jobs_listed(self):
        return [job["id"] for job in self.server.get("/jobs?limit=1000").json()["jobs"]
                if job["state"] not in ("uploading", "failed")]

    def test_an_upload_of_any_length_becomes_one_job(self):
        group, key = fresh("g"), fresh("key")
        lines, before = self.lines(group, 5000), self.jobs_listed()
        first = self.upload(lines, key)
        self.assertEqual(first.status, 202, first)
        self.assertNotIn("idempotency-replay", first.headers)
        made = first.json()
        self.assertEqual(made["items"], 5000)
        for _ in range(2):
            repeat = self.upload(lines, key)
            self.assertEqual((repeat.status, repeat.body), (202, first.body))
            self.assertEqual(repeat.headers.get("idempotency-replay"), "true")
            self.assertEqual(repeat.headers["location"], "/jobs/" + made["id"])
            self.server.restart()
        body = self.assert_error(self.upload(self.lines(group, 5001), key), 422)
        self.assertIn("take a new key", body["msg"])
        done = Jobs(self.server).wait(made["id"])
        self.assertEqual((done["state"], done["accepted"] + done["duplicate"]), ("done", 5000))
        self.assertEqual(self.upload(lines, key).body, first.body)
        self.assertEqual([job for job in self.jobs_listed() if job not in before], [made["id"]])
        self.assertEqual(self.server.max_seq(group), 5000)

    def test_a_kill_in_the_middle_of_an_upload_leaves_one_job(self):
        group = fresh("g")
        lines = self.lines(group, 3000)
        for rounds in range(1, 7):
            key, before, answered = fresh("key"), self.jobs_listed(), []

            def post(key=key, answered=answered):
                with contextlib.suppress(OSError, http.client.HTTPException):
                    answered.append(self.upload(lines, key))

            thread = threading.Thread(target=post)
            thread.start()
            time.sleep(0.01 * rounds)
            self.server.kill9()
            thread.join()
            self.server.start()
            repeat = self.upload(lines, key)
            deadline = time.monotonic() + 30
            while repeat.status == 409:  # who had the key is gone: its claim runs out
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.2)
                repeat = self.upload(lines, key)
            self.assertEqual(repeat.status, 202, repeat)
            if answered and answered[0].status == 202:
                self.assertEqual(answered[0].body, repeat.body)
            job = repeat.json()["id"]
            self.assertEqual(Jobs(self.server).wait(job)["state"], "done")
            self.assertEqual([each for each in self.jobs_listed() if each not in before], [job])
            self.assertEqual(self.server.max_seq(group), 3000 * rounds)

    def test_pages_may_send_it_and_read_whether_an_answer_is_a_repeat(self):
        answer = self.server.request("OPTIONS", "/message/sendbatch",
                                     headers={"Origin": "http://" + self.server.http})
        self.assertIn("Idempotency-Key", answer.headers.get("access-control-allow-headers", ""))
        self.assertIn("Idempotency-Replay", answer.headers.get("access-control-expose-headers", ""))


if __name__ == "__main__":
    unittest.main()
