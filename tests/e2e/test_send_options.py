"""What an item may ask for beside its message, in every form that items have."""

import json
import threading
import unittest
import urllib.parse

from harness import GROUP, PERSON, ServerCase, b64, fresh, item
from test_jobs import Jobs

NDJSON = {"Content-Type": "application/x-ndjson"}


def lines_of(answer):
    return [json.loads(line) for line in answer.body.decode().splitlines()]


class IfLastSeq(ServerCase):
    """Sent only while the channel has that last message_seq."""

    def assert_differs(self, result, last_seq):
        self.assertEqual((result["message_id"], result["message_seq"], result["reason"],
                          result["code"], result["retriable"], result["last_seq"]),
                         (0, 0, 101, "conflict", False, last_seq), result)

    def test_two_writers_who_do_not_know_of_each_other(self):
        # Each of them writes what comes behind what it has seen; nothing is written twice.
        group, written, lock = fresh("g"), [], threading.Lock()

        def write(name):
            seen = self.server.max_seq(group)
            while seen < 40:
                # Alone in its batch, so that a refusal is an error of the request.
                answer = self.server.post("/message/sendbatch", [
                    item(group, "%s behind %d" % (name, seen), if_last_seq=seen)])
                if answer.status == 200:
                    seen = answer.json()[0]["message_seq"]
                    with lock:
                        written.append(seen)
                else:
                    result = self.assert_error(answer, 400)["items"][0]
                    self.assertGreater(result["last_seq"], seen)
                    seen = result["last_seq"]

        writers = [threading.Thread(target=write, args=(name,)) for name in ("a", "b", "c")]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        self.assertEqual(sorted(written), list(range(1, self.server.max_seq(group) + 1)))
        for message in self.server.messages(group):
            self.assertTrue(message["payload"], message)

    def test_the_array_and_a_repeat_over_a_restart(self):
        group, other = fresh("g"), fresh("g")
        items = [item(g, client_msg_no="n%d" % i)
                 for i, g in enumerate((group, group, other, group))]
        for each, seq in zip(items, (0, 1, 0, 1)):
            each["if_last_seq"] = seq
        results = self.server.must_post("/message/sendbatch", items)
        self.assertEqual([r["message_seq"] for r in results], [1, 2, 1, 0])
        self.assert_differs(results[3], 2)
        self.server.restart()
        again = self.server.must_post("/message/sendbatch", items)
        self.assertEqual([(r["message_id"], r.get("duplicate")) for r in again[:3]],
                         [(r["message_id"], True) for r in results[:3]])
        self.assert_differs(again[3], 2)
        self.assertEqual(self.server.max_seq(group), 2)

    def test_a_single_message(self):
        group = fresh("g")
        first = item(group, client_msg_no="n1", if_last_seq=0)
        sent = self.server.must_post("/message/send", first)
        refused = self.assert_error(
            self.server.post("/message/send", item(group, if_last_seq=0)), 400)
        self.assertEqual((refused["reason"], refused["last_seq"]), (101, 1), refused)
        again = self.server.must_post("/message/send", first)
        self.assertEqual((again["message_id"], again["duplicate"]), (sent["message_id"], True))
        for wrong in (-1, 2**32, "1", 1.5, []):
            answer = self.server.post("/message/send", item(group, if_last_seq=wrong))
            self.assertIn("if_last_seq", self.assert_error(answer, 400)["msg"])
        self.assertEqual(self.server.max_seq(group), 1)

    def test_the_object_form_asks_of_each_receivers_channel(self):
        sender, known, new = fresh("s"), fresh("u"), fresh("u")
        self.server.must_post("/message/send", item(known, from_uid=sender, channel_type=PERSON))
        answer = self.server.must_post("/message/sendbatch", {
            "from_uid": sender, "subscribers": [known, new], "payload": b64("welcome"),
            "if_last_seq": 0})
        self.assertEqual(answer["fail_uids"], [known], answer)
        self.assertIn("if_last_seq", answer["reason"][0])

    def test_defaults_and_lines(self):
        group, others = fresh("g"), [fresh("g") for _ in range(3)]
        body = {"defaults": {"from_uid": "system", "channel_type": GROUP, "if_last_seq": 0,
                             "payload": {"content": "first"}},
                "items": [{"channel_id": g} for g in others] + [{"channel_id": others[0]}] +
                         [{"channel_id": others[0], "if_last_seq": 1}]}
        results = self.server.must_post("/message/sendbatch", body)
        self.assertEqual([r["message_seq"] for r in results], [1, 1, 1, 0, 2])
        self.assert_differs(results[3], 1)
        lines = "".join(json.dumps(item(group, if_last_seq=seq)) + "\n"
                        for seq in (0, 1, 0, 2))
        answer = self.server.post("/message/sendbatch", lines, headers=NDJSON)
        told = lines_of(answer)
        self.assertEqual([r["message_seq"] for r in told], [1, 2, 0, 3])
        self.assert_differs(told[2], 2)

    def test_all_or_none_and_up_to_the_first_failure(self):
        group, other = fresh("g"), fresh("g")

        def items(*seqs):
            return [item(g, if_last_seq=seq) for g, seq in seqs]

        answer = self.server.post("/message/sendbatch?atomic=true",
                                  items((group, 0), (group, 1), (other, 1)))
        told = self.assert_error(answer, 400)["items"][0]
        self.assertEqual(told["index"], 2)
        self.assert_differs(told, 0)
        self.assertEqual((self.server.max_seq(group), self.server.max_seq(other)), (0, 0))
        results = self.server.must_post("/message/sendbatch?on_error=stop",
                                        items((group, 0), (group, 1), (other, 1),
                                              (group, 2)))
        self.assertEqual([r["message_seq"] for r in results], [1, 2, 0, 0])
        self.assert_differs(results[2], 0)
        self.assertEqual(results[3]["code"], "skipped")
        results = self.server.must_post("/message/sendbatch?atomic=true",
                                        items((group, 2), (other, 0), (group, 3)))
        self.assertEqual([r["message_seq"] for r in results], [3, 1, 4])

    def test_without_sending(self):
        group = fresh("g")
        told = self.server.must_post("/message/sendbatch?dry_run=true", [
            item(group, if_last_seq=seq) for seq in (0, 1, 1)])
        self.assertEqual([told["total"][name] for name in ("accepted", "refused")], [2, 1], told)
        self.assert_differs(told["items"][2], 2)
        self.assertEqual(self.server.max_seq(group), 0)

    def test_a_job_of_csv_says_what_was_in_the_way(self):
        groups = [fresh("g") for _ in range(2)]
        self.server.must_post("/message/send", item(groups[1]))
        text = "channel_id,if_last_seq\n%s,0\n%s,0\n%s,1\n%s,\n%s,x\n" % (
            groups[0], groups[1], groups[0], groups[1], groups[0])
        query = urllib.parse.urlencode({"async": "true", "from_uid": "system",
                                        "channel_type": GROUP, "payload": '{"content":"Hi"}'})
        started = self.server.post("/message/sendbatch?" + query, text,
                                   headers={"Content-Type": "text/csv"})
        self.assertEqual(started.status, 202, started)
        jobs, job = Jobs(self.server), started.json()["id"]
        done = jobs.wait(job)
        self.assertEqual((done["accepted"], done["refused"]), (3, 2), done)
        results = jobs.results(job)
        self.assert_differs(results[1], 1)
        self.assertIn("if_last_seq is \"x\"", results[4]["msg"])
        # Another pass finds the channels as the first one has left them.
        jobs.act(job, "retry")
        jobs.wait(job)
        self.assert_differs(jobs.results(job)[1], 2)

    def test_commands_have_a_log_of_their_own(self):
        group = fresh("g")
        self.server.must_post("/message/send", item(group))
        command = item(group, header={"sync_once": 1}, if_last_seq=0)
        self.server.must_post("/message/send", command)
        refused = self.assert_error(self.server.post("/message/send", command), 400)
        self.assertEqual(refused["last_seq"], 1)


if __name__ == "__main__":
    unittest.main()
