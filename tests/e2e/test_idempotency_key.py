"""The header Idempotency-Key: a request that is repeated is carried out once."""

import contextlib
import http.client
import threading
import time
import unittest

from harness import ServerCase, fresh, item


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

    def test_pages_may_send_it_and_read_whether_an_answer_is_a_repeat(self):
        answer = self.server.request("OPTIONS", "/message/sendbatch",
                                     headers={"Origin": "http://" + self.server.http})
        self.assertIn("Idempotency-Key", answer.headers.get("access-control-allow-headers", ""))
        self.assertIn("Idempotency-Replay", answer.headers.get("access-control-expose-headers", ""))


if __name__ == "__main__":
    unittest.main()
