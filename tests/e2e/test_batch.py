"""POST /message/sendbatch: both forms, order, idempotency, partial failure, durability."""

import json
import threading
import time
import unittest

from harness import (GROUP, PERSON, RawHttp, ServerCase, b64, fresh, item, seed_request, wait_until)

EXACT_IN_JAVASCRIPT = 2**53


class SeedRequest(ServerCase):
    """The seed's own request on an empty server, repeated and read back after a SIGKILL."""

    def test_seed_request_repeat_and_restart(self):
        headers = {"Content-Type": "application/json"}
        first = self.server.post("/message/sendbatch", seed_request(), headers=headers)
        self.assertEqual(first.status, 200, first)
        results = first.json()
        self.assertEqual([r["client_msg_no"] for r in results], ["batch_msg_1", "batch_msg_2"])
        self.assertEqual([r["message_seq"] for r in results], [1, 1])
        ids = [r["message_id"] for r in results]
        self.assertEqual(len(set(ids)), 2)
        for result in results:
            self.assertTrue(0 < result["message_id"] < EXACT_IN_JAVASCRIPT)
            self.assertEqual(result["message_idstr"], str(result["message_id"]))
            self.assertEqual(result["reason"], 1)
            self.assertFalse(result.get("duplicate"))
        self.assertNotIn("x-batch-failed", first.headers)

        again = self.server.post("/message/sendbatch", seed_request(), headers=headers)
        self.assertEqual(again.status, 200, again)
        self.assertEqual([r["message_id"] for r in again.json()], ids)
        self.assertEqual([r["message_seq"] for r in again.json()], [1, 1])
        self.assertTrue(all(r["duplicate"] is True for r in again.json()), again)

        self.server.restart()
        for group, result, text in (("group123", results[0], "SGVsbG8gR3JvdXAgMQ=="),
                                    ("group456", results[1], "SGVsbG8gR3JvdXAgMg==")):
            stored = self.server.messages(group)
            self.assertEqual(len(stored), 1, stored)
            self.assertEqual(stored[0]["message_id"], result["message_id"])
            self.assertEqual(stored[0]["message_seq"], 1)
            self.assertEqual(stored[0]["payload"], text)
            self.assertEqual(stored[0]["header"], {"no_persist": 0, "red_dot": 1, "sync_once": 0})
            self.assertEqual(stored[0]["from_uid"], "system")
        third = self.server.post("/message/sendbatch", seed_request(), headers=headers)
        self.assertEqual([r["message_id"] for r in third.json()], ids)
        self.assertTrue(all(r["duplicate"] for r in third.json()))


class ArrayForm(ServerCase):
    """The array form on one long-lived server; every test uses its own channels."""

    def test_order_over_interleaved_groups_and_live_delivery(self):
        groups = [fresh("g") for _ in range(10)]
        for group in groups:
            self.server.create_group(group, ["alice"])
        with self.server.client("alice") as alice:
            items = [item(groups[i % 10], "n%d" % i, client_msg_no=fresh("c")) for i in range(100)]
            results = self.server.must_batch(items)
            self.assertEqual([r["client_msg_no"] for r in results],
                             [i["client_msg_no"] for i in items])
            for g in range(10):
                mine = results[g::10]
                self.assertEqual([r["message_seq"] for r in mine], list(range(1, 11)))
                ids = [r["message_id"] for r in mine]
                self.assertEqual(ids, sorted(set(ids)), "ids rise with the seqs of a channel")
            received = {}
            for _ in range(100):
                got = alice.recv()
                received.setdefault(got.channel_id, []).append(got)
            for g, group in enumerate(groups):
                self.assertEqual([m.message_seq for m in received[group]], list(range(1, 11)))
                self.assertEqual([m.payload for m in received[group]],
                                 [b"n%d" % i for i in range(g, 100, 10)])
                self.assertEqual([m.message_id for m in received[group]],
                                 [r["message_id"] for r in results[g::10]])
        for g, group in enumerate(groups):
            self.assertEqual([m["payload"] for m in self.server.messages(group)],
                             [b64("n%d" % i) for i in range(g, 100, 10)])

    def test_a_bad_item_refuses_the_whole_batch(self):
        group = fresh("g")
        items = [item(group, "x", client_msg_no="c%d" % i) for i in range(5)]
        del items[2]["payload"]
        body = self.assert_error(self.server.batch(items), 400)
        self.assertEqual([i["index"] for i in body["items"]], [2])
        self.assertEqual(body["items"][0]["client_msg_no"], "c2")
        self.assertIn("payload", json.dumps(body["items"][0]))
        self.assertEqual(self.server.max_seq(group), 0)

    def test_partial_failure_keeps_the_place(self):
        good, banned = fresh("g"), fresh("g")
        self.server.must_post("/channel/info",
                              {"channel_id": banned, "channel_type": GROUP, "ban": 1})
        items = [item(good, "a", client_msg_no="p1"), item(banned, "b", client_msg_no="p2"),
                 item(good, "c", client_msg_no="p3")]
        answer = self.server.batch(items)
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.headers.get("x-batch-failed"), "1")
        first, failed, last = answer.json()
        self.assertEqual((first["message_seq"], last["message_seq"]), (1, 2))
        self.assertEqual((failed["message_id"], failed["message_seq"]), (0, 0))
        self.assertEqual((failed["reason"], failed["client_msg_no"]), (19, "p2"))
        self.assertEqual(failed["message_idstr"], "0")
        self.assertTrue(failed["msg"])
        self.assertTrue(failed["code"])
        self.assertIs(failed["retriable"], False)
        self.assertEqual(self.server.max_seq(banned), 0)

        # Lifting the ban and posting the same body finishes it.
        self.server.must_post("/channel/info",
                              {"channel_id": banned, "channel_type": GROUP, "ban": 0})
        again = self.server.batch(items)
        self.assertEqual(again.status, 200)
        self.assertNotIn("x-batch-failed", again.headers)
        repeated = again.json()
        self.assertEqual([r["message_id"] for r in (repeated[0], repeated[2])],
                         [first["message_id"], last["message_id"]])
        self.assertTrue(repeated[0]["duplicate"])
        self.assertFalse(repeated[1].get("duplicate"))
        self.assertEqual(repeated[1]["message_seq"], 1)
        self.assertEqual(self.server.max_seq(good), 2)

    def test_flags_of_groups_and_persons_refuse_with_their_reason(self):
        cases = [("group", {"disband": 1}, 24), ("group", {"send_ban": 1}, 25),
                 ("sender", {"ban": 1}, 19), ("sender", {"send_ban": 1}, 25),
                 ("receiver", {"ban": 1}, 19)]
        for who, flags, reason in cases:
            with self.subTest(who=who, **flags):
                group, sender, receiver = fresh("g"), fresh("s"), fresh("r")
                target = {"group": group, "sender": sender, "receiver": receiver}[who]
                kind = GROUP if who == "group" else PERSON
                self.server.must_post("/channel/info",
                                      dict(flags, channel_id=target, channel_type=kind))
                message = item(group, from_uid=sender) if who != "receiver" else item(
                    receiver, from_uid=sender, channel_type=PERSON)
                body = self.assert_error(self.server.batch([message]), 403)
                self.assertEqual([i["reason"] for i in body["items"]], [reason])
                single = self.server.post("/message/send", message)
                self.assertEqual(self.assert_error(single, 403)["reason"], reason)

    def test_all_refused_is_403(self):
        banned = fresh("g")
        self.server.create_group(banned, ban=1)
        answer = self.server.batch([item(banned, client_msg_no="a"),
                                    item(banned, client_msg_no="b")])
        body = self.assert_error(answer, 403)
        self.assertEqual([(i["client_msg_no"], i["message_id"], i["reason"])
                          for i in body["items"]], [("a", 0, 19), ("b", 0, 19)])

    def test_idempotency_and_its_scope(self):
        group, other = fresh("g"), fresh("g")
        first = self.server.must_batch([item(group, "v", client_msg_no="k")])[0]
        repeat = self.server.must_batch([item(group, "v", client_msg_no="k")])[0]
        self.assertEqual((repeat["message_id"], repeat["message_seq"]),
                         (first["message_id"], first["message_seq"]))
        self.assertIs(repeat["duplicate"], True)
        single = self.server.must_post("/message/send", item(group, "v", client_msg_no="k"))
        self.assertEqual(single["message_id"], first["message_id"])
        # Another sender or another channel is another key.
        for message in (item(group, "v", from_uid="someone", client_msg_no="k"),
                        item(other, "v", client_msg_no="k")):
            result = self.server.must_batch([message])[0]
            self.assertNotEqual(result["message_id"], first["message_id"])
            self.assertFalse(result.get("duplicate"))

    def test_same_key_with_another_payload_is_a_conflict(self):
        group = fresh("g")
        self.server.must_batch([item(group, "v1", client_msg_no="k")])
        mixed = self.server.batch([item(group, "v2", client_msg_no="k"),
                                   item(group, "fine", client_msg_no="k2")])
        self.assertEqual(mixed.status, 200, mixed)
        self.assertEqual(mixed.headers.get("x-batch-failed"), "1")
        self.assertEqual((mixed.json()[0]["reason"], mixed.json()[0]["message_id"]), (11, 0))
        self.assertEqual(mixed.json()[1]["message_seq"], 2)
        alone = self.server.batch([item(group, "v2", client_msg_no="k")])
        self.assertEqual(self.assert_error(alone, 400)["items"][0]["reason"], 11)
        single = self.server.post("/message/send", item(group, "v2", client_msg_no="k"))
        self.assert_error(single, 400)
        # Together with a permission failure a conflict still makes it a caller error.
        banned = fresh("g")
        self.server.create_group(banned, ban=1)
        both = self.server.batch([item(group, "v2", client_msg_no="k"), item(banned)])
        self.assertEqual([i["reason"] for i in self.assert_error(both, 400)["items"]], [11, 19])
        self.assertEqual(self.server.max_seq(group), 2)

    def test_repeats_inside_one_batch(self):
        group = fresh("g")
        items = [item(group, "v", client_msg_no="k"), item(group, "v", client_msg_no="k"),
                 item(group, "w", client_msg_no="k"), item(group, "z", client_msg_no="k2")]
        answer = self.server.batch(items)
        self.assertEqual(answer.status, 200, answer)
        a, b, c, d = answer.json()
        self.assertEqual((a["message_id"], a["message_seq"]), (b["message_id"], b["message_seq"]))
        self.assertIs(b["duplicate"], True)
        self.assertFalse(a.get("duplicate"))
        self.assertEqual((c["reason"], c["message_id"]), (11, 0))
        self.assertEqual(d["message_seq"], 2)
        self.assertEqual(len(self.server.messages(group)), 2)

    def test_without_client_msg_no_one_is_made_and_nothing_is_deduplicated(self):
        group = fresh("g")
        results = self.server.must_batch([item(group, "v"), item(group, "v", client_msg_no="")])
        results += self.server.must_batch([item(group, "v")])
        self.assertEqual([r["message_seq"] for r in results], [1, 2, 3])
        numbers = [r["client_msg_no"] for r in results]
        self.assertTrue(all(numbers))
        self.assertEqual(len(set(numbers)), 3)
        self.assertEqual([m["client_msg_no"] for m in self.server.messages(group)], numbers)

    def test_no_persist_is_delivered_but_not_stored(self):
        group = fresh("g")
        self.server.create_group(group, ["alice"])
        with self.server.client("alice") as alice:
            result = self.server.must_batch([item(group, "gone", header={"no_persist": 1})])[0]
            self.assertGreater(result["message_id"], 0)
            self.assertEqual(result["message_seq"], 0)
            got = alice.recv()
            self.assertEqual((got.payload, got.message_seq, got.flags & 1), (b"gone", 0, 1))
            self.assertEqual(got.message_id, result["message_id"])
        self.assertEqual(self.server.messages(group), [])
        self.assertEqual(self.server.must_batch([item(group, "kept")])[0]["message_seq"], 1)

    def test_subscribers_restrict_delivery_and_history(self):
        group = fresh("g")
        self.server.create_group(group, ["alice", "bob"])
        with self.server.client("alice") as alice, self.server.client("bob") as bob:
            results = self.server.must_batch([
                item(group, "all", client_msg_no="s1"),
                item(group, "for alice", client_msg_no="s2", subscribers=["alice", "alice", ""]),
                item(group, "all again", client_msg_no="s3")])
            self.assertEqual([r["message_seq"] for r in results], [1, 2, 3])
            self.assertEqual([m.payload for m in alice.recv_many(3)],
                             [b"all", b"for alice", b"all again"])
            self.assertEqual([m.payload for m in bob.recv_many(2)], [b"all", b"all again"])
            bob.expect_none(5)
        self.assertEqual([m["message_seq"] for m in self.server.messages(group, GROUP, "alice")],
                         [1, 2, 3])
        hidden = self.server.history(group, GROUP, "bob")
        self.assertEqual([m["message_seq"] for m in hidden["messages"]], [1, 3])
        self.assertEqual(hidden["more"], 0)
        by_id = self.server.must_post("/messages", {
            "channel_id": group, "channel_type": GROUP, "login_uid": "bob", "message_seqs": [1, 2]})
        self.assertEqual([m["message_seq"] for m in by_id["messages"]], [1])

    def test_targeted_command_reaches_only_its_users(self):
        group = fresh("g")
        alice_uid, bob_uid = fresh("alice"), fresh("bob")
        self.server.create_group(group, [alice_uid, bob_uid])
        with self.server.client(alice_uid) as alice, self.server.client(bob_uid) as bob:
            for no_persist in (0, 1):
                header = {"sync_once": 1, "no_persist": no_persist}
                result = self.server.must_batch(
                    [item(group, "cmd", subscribers=[alice_uid], header=header)])[0]
                self.assertGreater(result["message_id"], 0)
                got = alice.recv()
                self.assertEqual((got.payload, got.message_id), (b"cmd", result["message_id"]))
                self.assertEqual((got.channel_id, got.channel_type), (group, GROUP))
                self.assertTrue(got.flags & 4)
            bob.expect_none(5)
        self.assertEqual(self.server.messages(group), [], "a command is no part of the history")

    def test_command_messages_have_their_own_log(self):
        group = fresh("g")
        self.server.create_group(group, ["alice"])
        with self.server.client("alice") as alice:
            self.server.must_batch([item(group, "cmd", header={"sync_once": 1}), item(group, "m")])
            by_payload = {m.payload: m for m in alice.recv_many(2)}
            self.assertEqual(by_payload[b"cmd"].channel_id, group)
            self.assertTrue(by_payload[b"cmd"].flags & 4)
            self.assertEqual(by_payload[b"m"].message_seq, 1)
        self.assertEqual([m["payload"] for m in self.server.messages(group)], [b64("m")])

    def test_person_channel_is_one_log_seen_from_two_sides(self):
        a, b = fresh("a"), fresh("b")
        with self.server.client(b) as receiver:
            results = self.server.must_batch([
                item(b, "1", from_uid=a, channel_type=PERSON),
                item(a, "2", from_uid=b, channel_type=PERSON),
                item(b, "3", from_uid=a, channel_type=PERSON)])
            self.assertEqual([r["message_seq"] for r in results], [1, 2, 3])
            seen = receiver.recv_many(3)
            self.assertEqual([m.channel_id for m in seen], [a, a, a])
            self.assertEqual([m.from_uid for m in seen], [a, b, a])
        for viewer, peer in ((a, b), (b, a)):
            stored = self.server.messages(peer, PERSON, viewer)
            self.assertEqual([m["channel_id"] for m in stored], [peer] * 3)
            self.assertEqual([m["payload"] for m in stored], [b64(x) for x in "123"])

    def test_expired_messages_vanish_and_keep_their_seq(self):
        group = fresh("g")
        results = self.server.must_batch([item(group, "short", expire=1), item(group, "long")])
        self.assertEqual([r["message_seq"] for r in results], [1, 2])
        wait_until(lambda: [m["message_seq"] for m in self.server.messages(group)] == [2],
                   what="the expired message to vanish")
        self.assertEqual(self.server.max_seq(group), 2)

    def test_two_writers_get_every_seq_once(self):
        group, seqs, failures = fresh("g"), [], []

        def post(name):
            try:
                for round_ in range(20):
                    answer = self.server.must_batch([
                        item(group, name, client_msg_no="%s-%d-%d" % (name, round_, i))
                        for i in range(10)])
                    got = [r["message_seq"] for r in answer]
                    self.assertEqual(got, sorted(got))
                    seqs.extend(got)
            except Exception as error:  # noqa: BLE001 - reported by the main thread
                failures.append(error)

        threads = [threading.Thread(target=post, args=("w%d" % n,)) for n in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual(failures, [])
        self.assertEqual(sorted(seqs), list(range(1, 401)))

    def test_cut_before_the_answer_then_repeated_stores_once(self):
        group = fresh("g")
        items = [item(group, "x%d" % i, client_msg_no="cut%d" % i) for i in range(20)]
        body = json.dumps(items).encode()
        with RawHttp(self.server) as raw:
            raw.send(b"POST /message/sendbatch HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
                     % len(body) + body)
        results = self.server.must_batch(items)
        self.assertEqual([r["message_seq"] for r in results], list(range(1, 21)))
        self.assertEqual([m["client_msg_no"] for m in self.server.messages(group)],
                         [i["client_msg_no"] for i in items])

    def test_a_thousand_items(self):
        group = fresh("g")
        results = self.server.must_batch([item(group, str(i)) for i in range(1000)])
        self.assertEqual([r["message_seq"] for r in results], list(range(1, 1001)))
        self.assertEqual(self.server.max_seq(group), 1000)

    def test_non_ascii_ids_and_payload_round_trip(self):
        group, sender = fresh("群组😀"), fresh("用户é")
        content = bytes(range(256))
        message = item(group, content, from_uid=sender, client_msg_no="键1", topic="主题")
        result = self.server.must_batch([message])[0]
        self.assertEqual(result["client_msg_no"], "键1")
        stored = self.server.messages(group)[0]
        self.assertEqual((stored["channel_id"], stored["from_uid"], stored["client_msg_no"]),
                         (group, sender, "键1"))
        self.assertEqual(stored["payload"], b64(content))

    def test_escaped_and_plain_json_are_the_same_key(self):
        group = fresh("g")
        plain = ('[{"from_uid":"s","channel_id":"%s","channel_type":2,"payload":"aGk=",'
                 '"client_msg_no":"k"}]')
        escaped = plain.replace('"aGk="', '"aG\\u006b="').replace('"k"', '"\\u006b"')
        first = self.server.must_post("/message/sendbatch", plain % group)[0]
        second = self.server.must_post("/message/sendbatch", escaped % group)[0]
        self.assertEqual(first["message_id"], second["message_id"])

    def test_unknown_members_nulls_and_line_breaks_in_base64_are_accepted(self):
        group = fresh("g")
        result = self.server.must_batch([{
            "from_uid": "s", "channel_id": group, "channel_type": 2, "payload": "aGVs\r\nbG8=",
            "header": None, "client_msg_no": None, "expire": None, "subscribers": None,
            "stream_no": None, "tag_key": "t", "something": {"nested": [1, {"a": None}]}}])[0]
        self.assertEqual(result["message_seq"], 1)
        stored = self.server.messages(group)[0]
        self.assertEqual(stored["payload"], b64("hello"))
        self.assertEqual(stored["header"], {"no_persist": 0, "red_dot": 0, "sync_once": 0})


class LegacyForm(ServerCase):
    """The older object form: one payload to many persons."""

    def test_one_message_per_user(self):
        sender = fresh("s")
        users = [fresh("u") for _ in range(3)]
        with self.server.client(users[0]) as client:
            answer = self.server.post("/message/sendbatch", {
                "header": {"red_dot": 1}, "from_uid": sender, "subscribers": users + users[:1],
                "payload": b64("to each")})
            self.assertEqual((answer.status, answer.json()), (200, {"fail_uids": [], "reason": []}))
            got = client.recv()
            self.assertEqual((got.payload, got.channel_id, got.flags & 2), (b"to each", sender, 2))
        for user in users:
            stored = self.server.messages(sender, PERSON, user)
            self.assertEqual([m["payload"] for m in stored], [b64("to each")])
            self.assertEqual(stored[0]["channel_id"], sender)

    def test_a_repeat_with_its_own_number_stores_nothing(self):
        sender, number = fresh("s"), fresh("job")
        users = [fresh("u") for _ in range(3)]
        body = {"from_uid": sender, "subscribers": users, "payload": b64("once"),
                "client_msg_no": number}
        first, again = (self.server.must_post("/message/sendbatch", body) for _ in range(2))
        self.assertEqual((first, again), ({"fail_uids": [], "reason": []},) * 2)
        for user in users:
            stored = self.server.messages(sender, PERSON, user)
            self.assertEqual([m["client_msg_no"] for m in stored], [number])

    def test_failures_are_listed_by_uid(self):
        banned, fine = fresh("u"), fresh("u")
        self.server.must_post("/channel/info",
                              {"channel_id": banned, "channel_type": PERSON, "ban": 1})
        answer = self.server.must_post("/message/sendbatch", {
            "from_uid": "s", "subscribers": ["bad@uid", fine, banned], "payload": b64("x")})
        self.assertEqual(sorted(answer["fail_uids"]), sorted(["bad@uid", banned]))
        self.assertEqual(len(answer["reason"]), 2)
        self.assertTrue(all(isinstance(text, str) and text for text in answer["reason"]))
        self.assertEqual(self.server.max_seq(fine, PERSON, "s"), 1)

    def test_missing_parts_are_400(self):
        good = {"from_uid": "s", "subscribers": ["u"], "payload": b64("x")}
        for change in ({"from_uid": ""}, {"from_uid": " "}, {"subscribers": []}, {"payload": ""},
                       {"from_uid": None}, {"subscribers": None}, {"payload": None},
                       {"payload": "***"}, {"subscribers": "u"}, {"subscribers": [1]},
                       {"header": []}):
            with self.subTest(**change):
                self.assert_error(self.server.post("/message/sendbatch", dict(good, **change)), 400)
        self.assertEqual(self.server.max_seq("u", PERSON, "s"), 0)


class Durability(ServerCase):
    """What was answered is there after any kind of end, at the same seq."""

    def test_sigkill_directly_after_the_answer(self):
        group = fresh("g")
        expected = []
        for cycle in range(3):
            items = [item(group, "c%d-%d" % (cycle, i), client_msg_no="d%d-%d" % (cycle, i))
                     for i in range(50)]
            results = self.server.must_batch(items)
            self.server.kill9()
            expected += [(r["message_seq"], r["message_id"], r["client_msg_no"]) for r in results]
            self.server.start()
            self.assertEqual([(m["message_seq"], m["message_id"], m["client_msg_no"])
                              for m in self.server.messages(group)], expected)
            again = self.server.must_batch(items)
            self.assertEqual([r["message_id"] for r in again], [r["message_id"] for r in results])
            self.assertTrue(all(r["duplicate"] for r in again))
        self.assertEqual([e[0] for e in expected], list(range(1, 151)))
        self.assertEqual(len({e[1] for e in expected}), 150)

    def test_channel_state_survives_too(self):
        group = fresh("g")
        self.server.create_group(group, ["alice"])
        self.server.must_post("/channel/subscriber_add",
                              {"channel_id": group, "channel_type": GROUP, "subscribers": ["bob"]})
        banned = fresh("g")
        self.server.create_group(banned, ban=1)
        self.server.restart()
        self.assert_error(self.server.batch([item(banned)]), 403)
        with self.server.client("alice") as alice, self.server.client("bob") as bob:
            self.server.must_batch([item(group, "still members")])
            self.assertEqual(alice.recv().payload, b"still members")
            self.assertEqual(bob.recv().payload, b"still members")

    def test_sigterm_ends_plainly_and_keeps_everything(self):
        group = fresh("g")
        self.server.create_group(group, ["alice"])
        client = self.client("alice")
        result = self.server.must_batch([item(group, "before", client_msg_no="t1")])[0]
        self.assertEqual(client.recv().message_id, result["message_id"])
        started = time.monotonic()
        self.assertEqual(self.server.stop(), 0)
        self.assertLess(time.monotonic() - started, 5.0)
        # A DISCONNECT would tell clients not to come back.
        self.assertEqual(client.wait_closed(), [])
        self.server.start()
        again = self.server.must_batch([item(group, "before", client_msg_no="t1")])[0]
        self.assertEqual(again["message_id"], result["message_id"])
        after = self.server.must_batch([item(group, "after")])[0]
        self.assertEqual(after["message_seq"], 2)
        self.assertGreater(after["message_id"], result["message_id"])


if __name__ == "__main__":
    unittest.main()
