"""What an item may ask for beside its message, in every form that items have."""

import json
import threading
import unittest
import urllib.parse

from harness import GROUP, PERSON, ServerCase, b64, fresh, item, wait_until
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
        self.assertTrue(answer["reason"][0].endswith(
            "than if_last_seq: read what came behind it, then repeat with the last_seq of this "
            "answer (last_seq: 1)"), answer)

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
        self.assertEqual([r["message_seq"] for r in told[:-1]], [1, 2, 0, 3])
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


class SenderConversation(ServerCase):
    """A sender's own list of conversations stays as it is."""

    QUIET = "?sender_conversation=false"

    def listed(self, uid, **more):
        """Without versions, which may still rise a little when nothing changes."""
        listed = self.server.must_post("/conversation/sync", dict(more, uid=uid))
        self.versions = [c.pop("version") for c in listed]
        return {c["channel_id"]: c for c in listed}

    def settled_version(self, uid):
        """That of a client which has seen everything."""
        def everything():
            self.listed(uid)
            version = max(self.versions)
            return version if self.listed(uid, version=version) == {} else None
        return wait_until(everything, what="a version that covers everything")

    def to_persons(self, sender, *receivers):
        return [item(uid, from_uid=sender, channel_type=PERSON) for uid in receivers]

    def test_every_form_leaves_it_alone_also_over_a_restart(self):
        sender, users = fresh("s"), [fresh("u") for _ in range(8)]
        post = self.server.must_post
        post("/message/sendbatch" + self.QUIET, self.to_persons(sender, users[0]))
        post("/message/sendbatch", [dict(self.to_persons(sender, users[1])[0],
                                         sender_conversation=False)])
        post("/message/sendbatch", {"defaults": {"sender_conversation": 0, "from_uid": sender,
                                                 "channel_type": PERSON, "payload": {"a": 1}},
                                    "items": [{"channel_id": users[2]}]})
        post("/message/sendbatch" + self.QUIET, {"from_uid": sender, "subscribers": [users[3]],
                                                 "payload": b64("hi")})
        post("/message/send" + self.QUIET, self.to_persons(sender, users[4])[0])
        post("/message/sendbatch" + self.QUIET + "&atomic=true",
             self.to_persons(sender, users[5]))
        line = json.dumps(self.to_persons(sender, users[6])[0]) + "\n"
        sent = self.server.post("/message/sendbatch" + self.QUIET, line, headers=NDJSON)
        self.assertEqual(lines_of(sent)[0]["message_seq"], 1)
        jobs = Jobs(self.server)
        jobs.wait(jobs.make(self.to_persons(sender, users[7]), "&sender_conversation=false"))
        for _ in range(2):
            self.assertEqual(self.listed(sender), {})
            for uid in users:
                self.assertEqual(self.listed(uid)[sender]["unread"], 1)
                self.assertEqual(
                    len(self.server.messages(uid, PERSON, login_uid=sender)), 1)
            self.server.restart()

    def test_an_item_has_the_last_word(self):
        sender, a, b = fresh("s"), fresh("u"), fresh("u")
        items = self.to_persons(sender, a, b)
        items[1]["sender_conversation"] = True
        self.server.must_post("/message/sendbatch" + self.QUIET, items)
        self.assertEqual(list(self.listed(sender)), [b])

    def test_one_that_is_there_does_not_change(self):
        sender, peer = fresh("s"), fresh("u")
        self.server.must_post("/message/send", self.to_persons(sender, peer)[0])
        self.server.must_post("/message/send", self.to_persons(peer, sender)[0])
        before = self.listed(sender)[peer]
        self.assertEqual((before["unread"], before["last_msg_seq"]), (1, 2))
        version = self.settled_version(sender)
        self.server.must_post("/message/sendbatch" + self.QUIET,
                              self.to_persons(sender, peer, peer, peer))
        self.assertEqual(self.listed(sender)[peer], before)
        self.assertEqual(self.listed(sender, version=version), {})
        self.assertEqual(self.listed(peer)[sender]["last_msg_seq"], 5)
        # An answer is news, and the only thing that is.
        self.server.must_post("/message/send", self.to_persons(peer, sender)[0])
        after = self.listed(sender, version=version, msg_count=10)[peer]
        self.assertEqual((after["unread"], after["last_msg_seq"]), (2, 6))
        self.assertEqual([m["message_seq"] for m in after["recents"]], [6, 2, 1])

    def test_devices_of_the_sender_are_not_told(self):
        group, sender, reader = fresh("g"), fresh("s"), fresh("u")
        self.server.create_group(group, [sender, reader])
        own, other = self.client(sender), self.client(reader)
        self.server.must_post("/message/sendbatch" + self.QUIET,
                              [item(group, "quiet", from_uid=sender)])
        self.server.must_batch([item(group, "loud", from_uid=sender)])
        self.assertEqual([other.recv().payload for _ in range(2)], [b"quiet", b"loud"])
        self.assertEqual(own.recv().payload, b"loud")

    def test_other_values_are_refused(self):
        for path in ("/message/sendbatch", "/message/send"):
            group = fresh("g")
            answer = self.server.post(path + "?sender_conversation=no", item(group))
            self.assertIn("true or false", self.assert_error(answer, 400)["msg"])
            self.assertEqual(self.server.max_seq(group), 0)
        answer = self.server.batch([item(group, sender_conversation="no")])
        self.assertIn("sender_conversation", self.assert_error(answer, 400)["msg"])


class BulkOfADay(ServerCase):
    """bulk.perReceiverPerDay: so many bulk messages for a person."""

    config = {"bulk.perReceiverPerDay": "2", "core.bulkBatchItems": "3"}

    def many(self, receivers, sender="shop", **more):
        return [item(uid, from_uid=sender, channel_type=PERSON, client_msg_no="n%d" % i, **more)
                for i, uid in enumerate(receivers)]

    def reasons(self, results):
        return [r["reason"] for r in results]

    def test_batches_repeats_and_a_restart(self):
        a, b, sender = fresh("a"), fresh("b"), fresh("s")
        items = self.many([a, a, b, a, b], sender)
        answer = self.server.batch(items)
        self.assertEqual(answer.headers.get("x-batch-failed"), "1")
        results = answer.json()
        self.assertEqual(self.reasons(results), [1, 1, 1, 102, 1])
        self.assertEqual((results[3]["code"], results[3]["retriable"]), ("denied", False))
        self.server.restart()
        again = self.server.must_batch(items)
        self.assertEqual([r["message_id"] for r in again], [r["message_id"] for r in results])
        self.assertEqual(self.reasons(again), [1, 1, 1, 102, 1])
        # Another sender has no place of his own, and what is not bulk needs none.
        more = self.many([a, b, a, b, fresh("c")], fresh("s"))
        self.assertEqual(self.reasons(self.server.must_batch(more)), [102, 102, 102, 102, 1])
        self.server.must_batch(more[:3])
        self.server.must_post("/message/send", item(a, from_uid=sender, channel_type=PERSON))

    def test_jobs_streams_and_the_object_form(self):
        a, sender = fresh("a"), fresh("s")
        others = [fresh("u") for _ in range(5)]
        jobs = Jobs(self.server)
        job = jobs.make(self.many([a, a, a], sender))
        done = jobs.wait(job)
        self.assertEqual((done["state"], done["accepted"], done["refused"]), ("done", 2, 1))
        self.assertEqual(jobs.results(job)[2]["reason"], 102)
        lines = "".join(json.dumps(each) + "\n" for each in self.many(others + [a], fresh("s")))
        told = lines_of(self.server.post("/message/sendbatch", lines, headers=NDJSON))
        self.assertEqual(self.reasons(told[:-1]), [1] * 5 + [102])
        answer = self.server.must_post("/message/sendbatch", {
            "from_uid": fresh("s"), "subscribers": others + [a], "payload": b64("hi")})
        self.assertEqual(answer["fail_uids"], [a], answer)
        self.assertIn("bulk.perReceiverPerDay", answer["reason"][0])

    def test_all_or_none_and_without_sending(self):
        a, others = fresh("a"), [fresh("u") for _ in range(3)]
        items = self.many(others + [a, a, a], fresh("s"))
        told = self.server.must_post("/message/sendbatch?dry_run=true", items)
        self.assertEqual(self.reasons(told["items"]), [1] * 5 + [102])
        refused = self.assert_error(
            self.server.post("/message/sendbatch?atomic=true", items), 403)["items"][0]
        self.assertEqual((refused["index"], refused["reason"]), (5, 102))
        for uid in others:
            self.assertEqual(self.server.max_seq(uid, PERSON, items[0]["from_uid"]), 0)
        self.assertEqual(self.reasons(self.server.must_batch(items)), [1] * 5 + [102])

    def test_groups_and_commands_are_not_counted(self):
        a, group = fresh("a"), fresh("g")
        sender = fresh("s")
        commands = self.many([a] * 5, sender, header={"sync_once": 1})
        self.assertEqual(self.reasons(self.server.must_batch(commands)), [1] * 5)
        self.assertEqual(self.reasons(self.server.must_batch([item(group) for _ in range(5)])),
                         [1] * 5)
        self.assertEqual(self.reasons(self.server.must_batch(self.many([a] * 4, fresh("s")))),
                         [1, 1, 102, 102])


class AskedForInTheWrongPlace(ServerCase):
    """What a request names and would not do is refused, and nothing is sent."""

    def test_a_single_message_takes_no_choice_of_a_batch(self):
        group = fresh("g")
        for query in ("dry_run=true", "atomic=true", "keep=true", "ack=received", "on_error=stop",
                      "async=true", "rate=5", "window=09:00-10:00", "name=x", "from_uid=ann",
                      "if_last_seq=7", "expire=60"):
            with self.subTest(query=query):
                told = self.assert_error(self.server.post("/message/send?" + query, item(group)),
                                         400)["msg"]
                self.assertIn(query.split("=")[0], told)
        self.assertEqual(self.server.max_seq(group), 0)
        self.server.must_post("/message/send?trace=7", item(group))

    def test_a_rehearsal_of_what_has_none_changes_nothing(self):
        group = fresh("g")
        sent = self.server.must_post("/message/send", item(group))
        place = {"channel_id": group, "channel_type": GROUP, "message_id": sent["message_id"]}
        for path in ("/message/recall", "/message/edit"):
            told = self.assert_error(self.server.post(
                path + "?dry_run=true", {**place, "payload": b64("new")}), 400)["msg"]
            self.assertIn("dry_run is nothing to " + path, told)
        self.assertNotIn("revoke", self.server.messages(group)[0])

    def test_lines_and_rows(self):
        group = fresh("g")
        for query in ("rate=5", "name=x", "payload=hi"):
            answer = self.server.post("/message/sendbatch?" + query,
                                      json.dumps(item(group)) + "\n", headers=NDJSON)
            self.assertIn(query.split("=")[0], self.assert_error(answer, 400)["msg"])
        self.assertEqual(self.server.max_seq(group), 0)


class Held(ServerCase):
    """hold_ms: durable, and not there for anybody until it is over."""

    HOUR = "?hold_ms=3600000"

    def state(self, job):
        return self.server.get("/jobs/" + job).json()["state"]

    def assert_unseen(self, uid, sender, number):
        self.assertEqual(self.server.messages(uid, PERSON, login_uid=sender), [])
        self.assertEqual(self.server.max_seq(uid, PERSON, sender), 0)
        for each in (uid, sender):
            self.assertEqual(self.server.must_post("/conversation/sync", {"uid": each}), [])
        looked = self.server.get("/message/byclientmsgno", {
            "login_uid": sender, "channel_id": uid, "channel_type": PERSON,
            "client_msg_no": number})
        self.assertEqual(looked.status, 404, looked)

    def test_nobody_sees_it_and_one_call_takes_it_back(self):
        sender, uid = fresh("s"), fresh("u")
        peer = self.client(uid)
        message = item(uid, "secret", from_uid=sender, channel_type=PERSON, client_msg_no="n1")
        for path, body, back in (
                ("/message/send", message, "/batches/%s/recall"),
                ("/message/sendbatch", [message], "/jobs/%s/cancel"),
                ("/message/sendbatch", {"from_uid": sender, "subscribers": [uid],
                                        "payload": b64("secret")}, "/batches/%s/recall")):
            answer = self.server.post(path + self.HOUR, body)
            self.assertEqual(answer.status, 202, answer)
            job = answer.json()["id"]
            self.assertGreater(answer.json()["held_until_ms"], 1_700_000_000_000)
            self.assert_unseen(uid, sender, "n1")
            self.server.restart()
            self.assert_unseen(uid, sender, "n1")
            self.assertEqual(self.state(job), "ready")
            taken = self.server.post(back % job)
            self.assertEqual((taken.status, taken.json()["state"]), (200, "cancelled"), taken)
            self.assertEqual(self.state(job), "cancelled")
            peer = self.client(uid)
        self.server.must_post("/message/send", item(uid, "open", from_uid=sender,
                                                    channel_type=PERSON))
        self.assertEqual(peer.recv().payload, b"open")
        self.assertEqual(self.server.max_seq(uid, PERSON, sender), 1)

    def test_it_is_sent_when_the_hold_is_over(self):
        group = fresh("g")
        jobs = Jobs(self.server)
        answer = self.server.post("/message/sendbatch?hold_ms=1500",
                                  [item(group, "a"), item(group, "b")])
        self.assertEqual(answer.status, 202, answer)
        self.assertEqual(self.server.max_seq(group), 0)
        self.server.restart()
        done = jobs.wait(answer.json()["id"])
        self.assertEqual((done["state"], done["accepted"]), ("done", 2))
        self.assertEqual(self.server.max_seq(group), 2)
        self.assertGreaterEqual(self.server.messages(group)[0]["timestamp"] * 1000 + 999,
                                answer.json()["held_until_ms"])
        # Afterwards it is recalled like any other batch.
        recall = self.server.post("/batches/%s/recall" % answer.json()["id"])
        self.assertEqual(recall.status, 202, recall)
        self.assertEqual(jobs.wait(recall.json()["id"])["accepted"], 2)

    def test_what_is_refused(self):
        group = fresh("g")
        for query in ("?hold_ms=-1", "?hold_ms=soon", "?hold_ms=604800001",
                      "?hold_ms=1000&not_before=4000000000"):
            for path, body in (("/message/sendbatch", [item(group)]),
                               ("/message/send", item(group))):
                answer = self.server.post(path + query, body)
                self.assertIn("hold_ms", self.assert_error(answer, 400)["msg"])
        for query in ("?hold_ms=0&async=true&not_before=4000000000", "?hold_ms=0&async=true"):
            answer = self.server.post("/message/send" + query, item(group))
            self.assertIn("hold_ms", self.assert_error(answer, 400)["msg"])
        answer = self.server.post("/message/sendbatch?hold_ms=1000&atomic=true", [item(group)])
        self.assertIn("atomic", self.assert_error(answer, 400)["msg"])
        self.assertEqual(self.server.max_seq(group), 0)


class HeaderFields(ServerCase):
    """Choices that are not in the query."""

    def test_every_form_takes_them_and_names_them(self):
        group = fresh("g")
        line = json.dumps(item(group, client_msg_no="n1")) + "\n"
        forms = (("/message/send", item(group, client_msg_no="n1"), {}),
                 ("/message/sendbatch", [item(group, client_msg_no="n1")], {}),
                 ("/message/sendbatch", line, NDJSON),
                 ("/message/sendbatch", {"from_uid": "s", "subscribers": [fresh("u")],
                                         "payload": b64("x")}, {}))
        for path, body, headers in forms:
            answer = self.server.post(path, body, headers={
                **headers, "Jindou-Sender-Conversation": "false"})
            self.assertEqual(answer.status, 200, answer)
            self.assertIn("sender_conversation=false", answer.headers["jindou-applied"])
            held = self.server.post(path, body, headers={**headers, "Jindou-Hold-Ms": "3600000"})
            self.assertEqual(held.status, 202, held)
            self.assertEqual(held.headers["jindou-applied"], "hold_ms=3600000")
        self.assertEqual(self.server.max_seq(group), 1)

    def test_another_request_refuses_them(self):
        group = fresh("g")
        self.server.must_post("/message/send", item(group, client_msg_no="n1"))
        answer = self.server.post("/message/recall", {
            "channel_id": group, "channel_type": GROUP, "client_msg_no": "n1"},
            headers={"Jindou-Dry-Run": "true"})
        self.assertIn("is nothing to /message/recall", self.assert_error(answer, 400)["msg"])
        self.assertNotEqual(self.server.messages(group)[0].get("revoke"), 1)


if __name__ == "__main__":
    unittest.main()
