"""Retention: single messages deleted, channels cleared, limits by age and count."""

import unittest

from harness import GROUP, PERSON, ServerCase, fresh, item, wait_until

OK = {"status": 200}
VISITORS = 10


class Retention(ServerCase):
    def fill(self, channel_id, count, **more):
        return self.server.must_batch([item(channel_id, "m%d" % i, **more)
                                       for i in range(count)])

    def seqs(self, channel_id, channel_type=GROUP, login_uid="reader"):
        return [m["message_seq"]
                for m in self.server.messages(channel_id, channel_type, login_uid)]

    def place(self, channel_id, **more):
        return dict(more, channel_id=channel_id, channel_type=GROUP)


class DeleteMessages(Retention):
    def test_by_id_by_ids_and_by_seqs(self):
        group = fresh("g")
        sent = self.fill(group, 6)
        for more, left in (({"message_id": sent[0]["message_id"]}, [2, 3, 4, 5, 6]),
                           ({"message_ids": [sent[1]["message_idstr"]]}, [3, 4, 5, 6]),
                           ({"message_seqs": [3, 4]}, [5, 6]),
                           ({"message_ids": [sent[4]["message_id"]], "message_seqs": [6]}, [])):
            answer = self.server.must_post("/message/delete", self.place(group, **more))
            self.assertEqual(answer, OK)
            self.assertEqual(self.seqs(group), left)

    def test_a_deleted_message_is_nowhere(self):
        group, uid = fresh("g"), fresh("u")
        self.server.create_group(group, [uid])
        sent = self.server.must_batch([item(group, "1", client_msg_no="a"),
                                       item(group, "2", client_msg_no="b")])
        self.server.must_post("/message/delete", self.place(group, message_seqs=[2]))
        self.assert_error(self.server.post("/message", {"message_id": sent[1]["message_id"]}), 404)
        self.assert_error(self.server.get("/message/byclientmsgno",
                                          self.place(group, client_msg_no="b")), 404)
        last = self.server.get("/channel/last_message", self.place(group)).json()
        self.assertEqual(last["message_seq"], 1)
        listed = self.server.must_post("/conversation/sync", {"uid": uid, "msg_count": 5})[0]
        self.assertEqual((listed["last_msg_seq"], len(listed["recents"])), (1, 1))

    def test_seqs_are_never_reused(self):
        group = fresh("g")
        self.fill(group, 3)
        self.server.must_post("/message/delete", self.place(group, message_seqs=[1, 2, 3]))
        self.assertEqual(self.server.max_seq(group), 3)
        self.server.restart()
        self.assertEqual(self.server.max_seq(group), 3)
        self.assertEqual(self.fill(group, 1)[0]["message_seq"], 4)
        self.assertEqual(self.seqs(group), [4])

    def test_unknown_ones_are_skipped(self):
        group, other = fresh("g"), fresh("g")
        self.fill(group, 1)
        foreign = self.fill(other, 1)[0]["message_id"]
        for more in ({"message_seqs": [7]}, {"message_id": 12345}, {"message_ids": [foreign]}):
            self.assertEqual(self.server.must_post("/message/delete", self.place(group, **more)),
                             OK)
        self.assertEqual((self.seqs(group), self.seqs(other)), ([1], [1]))
        self.server.must_post("/message/delete", self.place(fresh("none"), message_seqs=[1]))

    def test_in_a_person_channel(self):
        a, b = fresh("a"), fresh("b")
        self.fill(b, 2, from_uid=a, channel_type=PERSON)
        self.server.must_post("/message/delete", {
            "channel_id": b, "channel_type": PERSON, "login_uid": a, "message_seqs": [1]})
        self.assertEqual(self.seqs(a, PERSON, b), [2])

    def test_pages_go_past_deleted_messages(self):
        group = fresh("g")
        self.fill(group, 30)
        self.server.must_post("/message/delete",
                              self.place(group, message_seqs=list(range(5, 25))))
        page = self.server.history(group, pull_mode=0, start_message_seq=0, limit=10)
        self.assertEqual(([m["message_seq"] for m in page["messages"]], page["more"]),
                         ([1, 2, 3, 4, 25, 26, 27, 28, 29, 30], 0))
        page = self.server.history(group, start_message_seq=3, limit=3)
        self.assertEqual(([m["message_seq"] for m in page["messages"]], page["more"]),
                         ([3, 4, 25], 1))

    def test_validation(self):
        group = fresh("g")
        for body in ({}, self.place(group), self.place("", message_seqs=[1]),
                     {"channel_id": group, "message_seqs": [1]},
                     {"channel_id": "u", "channel_type": PERSON, "message_seqs": [1]},
                     self.place(group, message_seqs=[]), self.place(group, message_seqs=["x"]),
                     self.place(group, message_seqs=[-1]), self.place(group, message_id=-1),
                     self.place(group, message_ids=7),
                     self.place(group, message_seqs=list(range(1, 1002)))):
            with self.subTest(body=str(body)[:60]):
                self.assert_error(self.server.post("/message/delete", body), 400)


class ClearMessages(Retention):
    def test_up_to_a_seq_inclusive(self):
        group = fresh("g")
        self.fill(group, 6)
        for seq, left in ((2, [3, 4, 5, 6]), (1, [3, 4, 5, 6]), (5, [6]), (100, [])):
            answer = self.server.must_post("/channel/clear_messages",
                                           self.place(group, message_seq=seq))
            self.assertEqual(answer, OK)
            self.assertEqual(self.seqs(group), left)
        # Beyond the last seq means up to it: what comes later stays.
        self.assertEqual(self.fill(group, 1)[0]["message_seq"], 7)
        self.assertEqual(self.seqs(group), [7])

    def test_all(self):
        for more in ({}, {"message_seq": 0}):
            group = fresh("g")
            self.fill(group, 4)
            self.server.must_post("/channel/clear_messages", self.place(group, **more))
            self.assertEqual((self.seqs(group), self.server.max_seq(group)), ([], 4))
            self.server.restart()
            self.assertEqual(self.fill(group, 1)[0]["message_seq"], 5)

    def test_the_channel_and_its_members_stay(self):
        group, uid = fresh("g"), fresh("u")
        self.server.create_group(group, [uid])
        self.fill(group, 3)
        self.server.must_post("/channel/clear_messages", self.place(group))
        self.assertEqual(self.server.must_post("/conversation/sync", {"uid": uid}), [])
        self.fill(group, 2)
        listed = self.server.must_post("/conversation/sync", {"uid": uid})
        self.assertEqual([(c["channel_id"], c["unread"]) for c in listed], [(group, 2)])

    def test_in_a_person_channel(self):
        a, b = fresh("a"), fresh("b")
        self.fill(b, 2, from_uid=a, channel_type=PERSON)
        self.server.must_post("/channel/clear_messages", {
            "channel_id": a, "channel_type": PERSON, "login_uid": b, "message_seq": 1})
        self.assertEqual(self.seqs(b, PERSON, a), [2])

    def test_unknown_channel(self):
        self.assertEqual(self.server.must_post("/channel/clear_messages",
                                               self.place(fresh("none"))), OK)

    def test_validation(self):
        for body in ({}, {"channel_id": "g"}, {"channel_type": GROUP},
                     {"channel_id": "u", "channel_type": PERSON},
                     self.place("g", message_seq=-1), self.place("g", message_seq="1"),
                     self.place("a#b")):
            self.assert_error(self.server.post("/channel/clear_messages", body), 400)


class Limits(Retention):
    config = {"retention.interval": "100ms", "retention.maxCount": "50",
              "retention.byType": "person:0:3 community:90d:7"}

    def limits(self, channel_id, channel_type=GROUP, **more):
        answer = self.server.get("/channel/retention", dict(
            more, channel_id=channel_id, channel_type=channel_type))
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def set(self, channel_id, **more):
        self.assertEqual(self.server.must_post("/channel/retention",
                                               self.place(channel_id, **more)), OK)

    def test_effective_limits_and_their_source(self):
        group = fresh("g")
        expected = {"channel_id": group, "channel_type": GROUP, "max_age": 0,
                    "max_age_source": "default", "max_count": 50, "max_count_source": "default"}
        self.assertEqual(self.limits(group), expected)
        self.set(group, max_age=3600)
        expected.update(max_age=3600, max_age_source="channel")
        self.assertEqual(self.limits(group), expected)
        self.set(group, max_age=None, max_count=0)
        expected.update(max_age=0, max_age_source="default", max_count=0,
                        max_count_source="channel")
        self.assertEqual(self.limits(group), expected)
        self.server.restart()
        self.assertEqual(self.limits(group), expected)
        self.set(group)
        self.assertEqual(self.limits(group)["max_count_source"], "default")

    def test_defaults_by_type(self):
        self.assertEqual(self.limits(fresh("u"), PERSON, login_uid="x")["max_count"], 3)
        community = self.limits(fresh("c"), 4)
        self.assertEqual((community["max_age"], community["max_count"]), (90 * 86400, 7))

    def test_by_count(self):
        group = fresh("g")
        self.set(group, max_count=5)
        self.fill(group, 20)
        wait_until(lambda: self.seqs(group) == [16, 17, 18, 19, 20], what="the count limit")
        self.fill(group, 1)
        wait_until(lambda: self.seqs(group) == [17, 18, 19, 20, 21], what="the count limit again")
        self.assertEqual(self.server.max_seq(group), 21)

    def test_by_age(self):
        group = fresh("g")
        self.fill(group, 3)
        self.set(group, max_age=1)
        wait_until(lambda: self.seqs(group) == [], what="the age limit")
        self.assertEqual(self.fill(group, 1)[0]["message_seq"], 4)

    def test_default_of_the_type_is_enforced(self):
        a, b = fresh("a"), fresh("b")
        self.fill(b, 8, from_uid=a, channel_type=PERSON)
        wait_until(lambda: self.seqs(b, PERSON, a) == [6, 7, 8], what="the limit of the type")

    def test_no_limit_of_its_own_goes_before_the_default(self):
        limited, free = fresh("g"), fresh("g")
        self.set(free, max_count=0)
        self.fill(free, 60)
        self.fill(limited, 60)
        wait_until(lambda: len(self.seqs(limited)) == 50, what="the default limit")
        self.assertEqual(len(self.seqs(free)), 60)

    def test_validation(self):
        for body in ({}, {"channel_id": "g"}, {"channel_type": GROUP},
                     {"channel_id": "u", "channel_type": PERSON}, self.place("a#b"),
                     self.place("g", max_age=-1), self.place("g", max_count=-1),
                     self.place("g", max_age="1"), self.place("g", max_count=1.5)):
            self.assert_error(self.server.post("/channel/retention", body), 400)
        for query in ({}, {"channel_id": "g"}, {"channel_type": 2},
                      {"channel_id": "u", "channel_type": PERSON}):
            self.assert_error(self.server.get("/channel/retention", query), 400)


class Visitors(Retention):
    config = {"retention.interval": "100ms", "customerService.visitorsOn": "true",
              "customerService.visitorsMaxAge": "1s"}

    def test_their_channels_keep_messages_no_longer_than_the_setting_says(self):
        visitor, group = fresh("v"), fresh("g")
        self.fill(group, 2)
        self.fill(visitor, 3, from_uid=visitor, channel_type=VISITORS)
        limits = self.server.get("/channel/retention", {"channel_id": visitor,
                                                        "channel_type": VISITORS}).json()
        self.assertEqual((limits["max_age"], limits["max_age_source"]), (1, "default"))
        wait_until(lambda: self.seqs(visitor, VISITORS, visitor) == [], what="the age limit")
        self.assertEqual(self.seqs(group), [1, 2])
        self.assertEqual(self.fill(visitor, 1, from_uid=visitor, channel_type=VISITORS)[0]
                         ["message_seq"], 4)


if __name__ == "__main__":
    unittest.main()
