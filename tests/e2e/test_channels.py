"""Channels: flags, subscribers, denylists and allowlists, temporary channels."""

import contextlib
import http.client
import threading
import unittest

from harness import GROUP, PERSON, ServerCase, b64, fresh, item, wait_until
from wkproto import RECV

TEMP, LIVE = 8, 9
OK = {"status": 200}


class Channels(ServerCase):
    def send(self, channel_id, from_uid="s", channel_type=GROUP, **more):
        """The status and reason of one send."""
        answer = self.server.post("/message/send", item(channel_id, from_uid=from_uid,
                                                        channel_type=channel_type, **more))
        return answer.status, answer.json()["reason"]

    def conversations(self, uid):
        return {c["channel_id"] for c in
                self.server.must_post("/conversation/channels", {"uid": uid})}

    def lists(self, uid):
        return {c["channel_id"] for c in self.server.must_post("/conversation/sync", {"uid": uid})}

    def allowed(self, channel_id, channel_type=GROUP):
        return self.server.get("/channel/whitelist", {
            "channel_id": channel_id, "channel_type": channel_type, "detail": 0}).json()


class Upsert(Channels):
    def test_all_flags_are_overwritten(self):
        group = fresh("g")
        for path in ("/channel", "/channel/info"):
            self.server.must_post(path, {"channel_id": group, "channel_type": GROUP, "ban": 1})
            self.assertEqual(self.send(group), (403, 19))
            # Absent ones become 0.
            self.server.must_post(path, {"channel_id": group, "channel_type": GROUP})
            self.assertEqual(self.send(group)[0], 200)

    def test_never_a_conflict(self):
        body = {"channel_id": fresh("g"), "channel_type": GROUP, "subscribers": ["u"]}
        for _ in range(2):
            self.assertEqual(self.server.must_post("/channel", body), OK)

    def test_disband_lasts_until_the_channel_is_created_again(self):
        for path in ("/channel", "/channel/info"):
            place = {"channel_id": fresh("g"), "channel_type": GROUP}
            self.server.must_post(path, dict(place, disband=1))
            self.assertEqual(self.send(place["channel_id"]), (403, 24))
            for body in (place, dict(place, disband=0)):
                self.assert_error(self.server.post("/channel/info", body), 400)
            # Nobody gets into a channel that stays disbanded.
            for count in (1, 300):
                refused = self.server.post("/channel", dict(
                    place, disband=1, subscribers=[fresh("u") for _ in range(count)]))
                self.assert_error(refused, 400)
                self.assertIn("POST /channel without disband", refused.json()["msg"])
            self.server.must_post(path, dict(place, disband=1, ban=1))
            self.assertEqual(self.send(place["channel_id"]), (403, 24))
            self.server.must_post("/channel", place)
            self.assertEqual(self.send(place["channel_id"]), (200, 1))

    def test_a_deleted_channel_comes_back(self):
        member, group = fresh("m"), fresh("g")
        place = {"channel_id": group, "channel_type": GROUP}
        self.server.create_group(group, [member])
        self.server.must_batch([item(group), item(group)])
        self.server.must_post("/channel/delete", place)
        for path, body in (("/channel/subscriber_add", {"subscribers": [member]}),
                           ("/channel/subscriber_add", {"subscribers": [member], "reset": 1}),
                           ("/channel/blacklist_add", {"uids": [member]}),
                           ("/channel/whitelist_set", {"uids": [member]}),
                           ("/channel/info", {"large": 1}),
                           ("/channel/retention", {"max_count": 3}),
                           ("/conversations/setUnread", {"uid": member, "unread": 1})):
            refused = self.assert_error(self.server.post(path, dict(place, **body)), 400)
            self.assertIn("POST /channel", refused["msg"])
        for path, body in (("/channel/subscriber_remove", {"subscribers": [member]}),
                           ("/channel/delete", {})):
            self.assertEqual(self.server.must_post(path, dict(place, **body)), OK)
        self.server.must_post("/channel", dict(place, subscribers=[member]))
        self.assertEqual(self.server.messages(group), [])
        self.assertEqual(self.server.must_batch([item(group, "new")])[0]["message_seq"], 3)
        self.server.restart()
        self.assertEqual([m["message_seq"] for m in self.server.messages(group)], [3])
        self.assertEqual(self.lists(member), {group})

    def test_big_groups_change_their_members_and_go(self):
        group, uids = fresh("g"), [fresh("m") for _ in range(1500)]
        place = {"channel_id": group, "channel_type": GROUP}
        self.server.must_post("/channel/subscriber_add", dict(place, subscribers=uids))
        self.server.must_batch([item(group)])
        for uid in (uids[0], uids[-1]):
            self.assertEqual(self.lists(uid), {group})
        self.server.must_post("/channel", dict(place, subscribers=uids[:700], reset=1))
        self.assertEqual(self.lists(uids[0]), {group})
        self.assertEqual((self.lists(uids[-1]), self.conversations(uids[-1])), (set(), set()))
        self.server.restart()
        self.assertEqual(self.conversations(uids[699]), {group})
        self.server.must_post("/channel/delete", place)
        self.assertEqual((self.lists(uids[0]), self.conversations(uids[0])), (set(), set()))
        self.server.must_post("/channel", dict(place, subscribers=uids[:1]))
        self.server.must_batch([item(group)])
        self.assertEqual(self.lists(uids[0]), {group})
        self.assertEqual(self.conversations(uids[1]), set())

    def test_a_group_whose_dissolution_is_interrupted_is_dissolved(self):
        group, uids = fresh("g"), [fresh("m") for _ in range(10000)]
        place = {"channel_id": group, "channel_type": GROUP}
        self.server.must_post("/channel/subscriber_add", dict(place, subscribers=uids))
        self.server.must_batch([item(group)])
        some = (uids[0], uids[5000], uids[-1])
        self.assertEqual([self.conversations(uid) for uid in some], [{group}] * 3)

        def dissolve():
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.server.post("/channel/delete", place)
        caller = threading.Thread(target=dissolve)
        caller.start()
        wait_until(lambda: not self.server.messages(group), what="the decision")
        self.server.restart()
        caller.join()
        self.assertEqual(self.send(group), (403, 24))
        wait_until(lambda: not any(self.conversations(uid) for uid in some), what="the rest")
        self.server.must_post("/channel", dict(place, subscribers=uids[1:2]))
        self.server.must_batch([item(group)])
        self.assertEqual(self.conversations(uids[1]), {group})
        self.assertEqual(self.conversations(uids[2]), set())

    def test_flags_are_0_and_1(self):
        group = fresh("g")
        for value, status in ((1, 403), (0, 200), (True, 403), (False, 200), (None, 200)):
            self.server.must_post("/channel", {"channel_id": group, "channel_type": GROUP,
                                               "ban": value})
            self.assertEqual(self.send(group)[0], status, value)
        for value in (2, 255, "1", 1.0, 256, -1, [1]):
            for flag in ("ban", "disband", "large", "send_ban", "allow_stranger", "reset"):
                refused = self.server.post("/channel", {
                    "channel_id": group, "channel_type": GROUP, flag: value})
                self.assert_error(refused, 400)
                self.assertIn(flag + " must be 0 or 1, true or false", refused.json()["msg"])
        self.assertEqual(self.send(group)[0], 200)

    def test_reset_removes_members_first(self):
        a, b, group = fresh("a"), fresh("b"), fresh("g")
        place = {"channel_id": group, "channel_type": GROUP}
        self.server.must_post("/channel", dict(place, subscribers=[a]))
        self.server.must_post("/channel", dict(place, subscribers=[b]))
        self.assertEqual((self.conversations(a), self.conversations(b)), ({group}, {group}))
        self.server.must_post("/channel", dict(place, subscribers=[b], reset=1))
        self.assertEqual((self.conversations(a), self.conversations(b)), (set(), {group}))
        self.server.must_post("/channel", dict(place, reset=1))
        self.assertEqual(self.conversations(b), set())

    def test_validation(self):
        good = {"channel_id": fresh("g"), "channel_type": GROUP}
        for path in ("/channel", "/channel/info"):
            for change in ({"channel_id": ""}, {"channel_id": " "}, {"channel_id": None},
                           {"channel_id": "a@b"}, {"channel_id": "a#b"}, {"channel_id": "a&b"},
                           {"channel_id": "x" * 257}, {"channel_id": "x____cmd"},
                           {"channel_type": 0}, {"channel_type": None}, {"channel_type": 256}):
                with self.subTest(path=path, **change):
                    self.assert_error(self.server.post(path, dict(good, **change)), 400)
        self.assert_error(self.server.post("/channel", {
            "channel_id": "u", "channel_type": PERSON, "subscribers": ["v"]}), 400)
        for uid in ("a@b", "a#b", "a&b"):
            self.assert_error(self.server.post("/channel", dict(good, subscribers=[uid])), 400)

    def test_person_pairs_only_in_info(self):
        body = {"channel_id": "b@a", "channel_type": PERSON}
        self.assert_error(self.server.post("/channel", body), 400)
        self.assertEqual(self.server.must_post("/channel/info", body), OK)

    def test_names_that_are_no_ascii(self):
        group, uid = "群组" + fresh("g"), "用户" + fresh("u")
        self.server.create_group(group, [uid])
        self.server.must_batch([item(group)])
        self.assertEqual(self.conversations(uid), {group})
        self.assertEqual(self.server.messages(group, GROUP, uid)[0]["channel_id"], group)


class Delete(Channels):
    def test_everything_is_gone_but_the_counter(self):
        uid, group = fresh("u"), fresh("g")
        self.server.create_group(group, [uid])
        place = {"channel_id": group, "channel_type": GROUP}
        self.server.must_post("/channel/whitelist_set", dict(place, uids=[uid]))
        sent = self.server.must_batch([item(group, from_uid=uid, client_msg_no="n")])
        self.assertEqual(self.server.must_post("/channel/delete", place), OK)
        self.assertEqual(self.allowed(group), [])
        self.assertEqual(self.lists(uid), set())
        self.assertEqual(self.conversations(uid), set())
        for path, query in (("/channel/last_message", {}),
                            ("/message/byclientmsgno", {"client_msg_no": "n"})):
            self.assert_error(self.server.get(path, dict(place, **query)), 404)
        for body in ({"message_id": sent[0]["message_id"]},
                     dict(place, client_msg_no="n")):
            self.assert_error(self.server.post("/message", body), 404)
        self.assertEqual(self.server.messages(group), [])
        self.assertEqual(self.send(group), (403, 24))
        self.assertEqual(self.server.must_post("/channel/delete", place), OK)

    def test_validation(self):
        for body in ({}, {"channel_id": "g"}, {"channel_type": GROUP},
                     {"channel_id": "u", "channel_type": PERSON},
                     {"channel_id": "a@b", "channel_type": GROUP}):
            self.assert_error(self.server.post("/channel/delete", body), 400)
        self.assertEqual(self.server.must_post("/channel/delete", {
            "channel_id": fresh("unknown"), "channel_type": GROUP}), OK)


class Subscribers(Channels):
    def test_add_and_remove_default_to_groups(self):
        uid, group = fresh("u"), fresh("g")
        self.server.must_post("/channel/subscriber_add", {"channel_id": group,
                                                          "subscribers": [uid]})
        self.assertEqual(self.conversations(uid), {group})
        self.server.must_post("/channel/subscriber_remove", {
            "channel_id": group, "channel_type": 0, "subscribers": [uid]})
        self.assertEqual(self.conversations(uid), set())

    def test_validation(self):
        good = {"channel_id": fresh("g"), "channel_type": GROUP, "subscribers": ["u"]}
        for path in ("/channel/subscriber_add", "/channel/subscriber_remove"):
            for change in ({"channel_id": ""}, {"channel_id": "a@b"}, {"channel_type": PERSON},
                           {"subscribers": []}, {"subscribers": None}, {"subscribers": [" ", ""]},
                           {"subscribers": [1]}, {"subscribers": ["a#b"]},
                           {"temp_subscriber": 1}):
                with self.subTest(path=path, **change):
                    self.assert_error(self.server.post(path, dict(good, **change)), 400)
        for change in ({"channel_id": ""}, {"channel_type": 0}, {"channel_type": PERSON}):
            self.assert_error(self.server.post("/channel/subscriber_remove_all",
                                               dict(good, **change)), 400)

    def test_blank_entries_are_skipped(self):
        uid, group = fresh("u"), fresh("g")
        self.server.must_post("/channel/subscriber_add", {
            "channel_id": group, "subscribers": ["", uid, " "]})
        self.assertEqual(self.conversations(uid), {group})

    def test_live_channels_make_no_conversations(self):
        uid, channel = fresh("u"), fresh("live")
        self.server.must_post("/channel/subscriber_add", {
            "channel_id": channel, "channel_type": LIVE, "subscribers": [uid]})
        client = self.client(uid)
        self.assertEqual(self.send(channel, channel_type=LIVE)[0], 200)
        client.recv()
        self.assertEqual(self.conversations(uid), set())


class TemporaryChannel(Channels):
    def test_set_replaces_the_receivers(self):
        a, b, channel = fresh("a"), fresh("b"), fresh("t")
        clients = {uid: self.client(uid) for uid in (a, b)}
        path = "/tmpchannel/subscriber_set"
        self.assertEqual(self.server.must_post(path, {"channel_id": channel, "uids": [a]}), OK)
        self.send(channel, channel_type=TEMP)
        clients[a].recv()
        self.server.must_post(path, {"channel_id": channel, "uids": [b]})
        self.send(channel, channel_type=TEMP)
        clients[b].recv()
        clients[a].expect_none(RECV)

    def test_validation(self):
        for body in ({}, {"channel_id": "t"}, {"uids": ["u"]}, {"channel_id": "t", "uids": []},
                     {"channel_id": "t@x", "uids": ["u"]}, {"channel_id": "t", "uids": ["a@b"]}):
            self.assert_error(self.server.post("/tmpchannel/subscriber_set", body), 400)


class Denylist(Channels):
    def change(self, call, channel_id, uids=None, channel_type=GROUP):
        body = {"channel_id": channel_id, "channel_type": channel_type}
        if uids is not None:
            body["uids"] = uids
        self.assertEqual(self.server.must_post("/channel/blacklist_" + call, body), OK)

    def test_blocks_senders(self):
        group = fresh("g")
        for call, uids, blocked in (("add", ["a"], "a"), ("add", ["b"], "ab"),
                                    ("set", ["c"], "c"), ("remove", ["c"], ""),
                                    ("set", ["a", "b"], "ab"), ("remove", ["a", "none"], "b"),
                                    ("remove_all", None, ""), ("set", ["a"], "a"),
                                    ("set", [], ""), ("set", None, "")):
            self.change(call, group, uids)
            for uid in "abc":
                self.assertEqual(self.send(group, uid),
                                 (403, 4) if uid in blocked else (200, 1), (call, uids, uid))

    def test_blocks_receiving_in_groups(self):
        good, bad, group = fresh("g"), fresh("b"), fresh("group")
        self.server.create_group(group, [good, bad])
        self.change("add", group, [bad])
        clients = {uid: self.client(uid) for uid in (good, bad)}
        self.send(group)
        clients[good].recv()
        clients[bad].expect_none(RECV)

    def test_of_a_person_belongs_to_the_receiver(self):
        owner, other = fresh("o"), fresh("x")
        self.change("add", owner, [other], PERSON)
        self.assertEqual(self.send(owner, other, PERSON), (403, 4))
        self.assertEqual(self.send(other, owner, PERSON), (200, 1))
        # Their conversation is left alone.
        self.assertEqual(self.conversations(other), {owner})
        self.change("remove", owner, [other], PERSON)
        self.assertEqual(self.send(owner, other, PERSON), (200, 1))

    def test_remove_creates_nothing_for_persons(self):
        owner, other = fresh("o"), fresh("x")
        self.change("remove", owner, [other], PERSON)
        self.assertEqual((self.conversations(owner), self.conversations(other)), (set(), set()))

    def test_validation(self):
        good = {"channel_id": fresh("g"), "channel_type": GROUP, "uids": ["u"]}
        for call in ("add", "remove", "set", "remove_all"):
            for change in ({"channel_id": ""}, {"channel_id": "a@b"}, {"channel_type": 0}):
                with self.subTest(call=call, **change):
                    self.assert_error(self.server.post("/channel/blacklist_" + call,
                                                       dict(good, **change)), 400)
        for call in ("add", "remove"):
            for uids in ([], None, [" "], "u", [7], ["a@b"]):
                self.assert_error(self.server.post("/channel/blacklist_" + call,
                                                   dict(good, uids=uids)), 400)


class Allowlist(Channels):
    def change(self, call, channel_id, uids=None, channel_type=GROUP):
        body = {"channel_id": channel_id, "channel_type": channel_type}
        if uids is not None:
            body["uids"] = uids
        self.assertEqual(self.server.must_post("/channel/whitelist_" + call, body), OK)

    def test_get(self):
        group = fresh("g")
        for call, uids, expected in (("add", ["b", "a"], ["a", "b"]), ("add", ["a"], ["a", "b"]),
                                     ("set", ["c"], ["c"]), ("remove", ["c", "d"], []),
                                     ("set", ["x", "y"], ["x", "y"]), ("remove_all", None, []),
                                     ("add", ["z"], ["z"]), ("set", None, [])):
            self.change(call, group, uids)
            self.assertEqual(self.allowed(group), expected, (call, uids))

    def test_get_without_detail_is_objects(self):
        group = fresh("g")
        self.change("set", group, ["a", "b"])
        got = self.server.get("/channel/whitelist", {
            "channel_id": group, "channel_type": GROUP}).json()
        self.assertEqual([e["uid"] for e in got], ["a", "b"])
        self.assertEqual(len({e["id"] for e in got}), 2)

    def test_get_validation(self):
        for query in ({}, {"channel_id": "g"}, {"channel_type": 2},
                      {"channel_id": "a@b", "channel_type": 2},
                      {"channel_id": "g", "channel_type": 300}):
            self.assert_error(self.server.get("/channel/whitelist", query), 400)

    def test_on_a_person_opens_the_conversation_for_both(self):
        for call in ("add", "set"):
            owner, a, b = fresh("o"), fresh("a"), fresh("b")
            self.change(call, owner, [a, b, owner], PERSON)
            self.assertEqual(self.conversations(owner), {a, b}, call)
            self.assertEqual((self.conversations(a), self.conversations(b)), ({owner}, {owner}))
            # An open conversation keeps its read position when it is opened again.
            self.server.must_post("/message/send", item(a, from_uid=owner, channel_type=PERSON))
            self.server.must_post("/conversations/clearUnread", {
                "uid": a, "channel_id": owner, "channel_type": PERSON})
            self.change(call, owner, [a], PERSON)
            listed = self.server.must_post("/conversation/sync", {"uid": a})
            self.assertEqual([c["unread"] for c in listed], [0])

    def test_validation(self):
        good = {"channel_id": fresh("g"), "channel_type": GROUP, "uids": ["u"]}
        for call in ("add", "remove", "set", "remove_all"):
            for change in ({"channel_id": ""}, {"channel_id": "a#b"}, {"channel_type": 0}):
                with self.subTest(call=call, **change):
                    self.assert_error(self.server.post("/channel/whitelist_" + call,
                                                       dict(good, **change)), 400)
        for call in ("add", "remove"):
            for uids in ([], None, ["", " "], "u"):
                self.assert_error(self.server.post("/channel/whitelist_" + call,
                                                   dict(good, uids=uids)), 400)


class Permissions(Channels):
    """Section 3.a.4 over HTTP: one row for each rule, for one value of api.sendCheck."""

    # What applies beyond rules 1, 2, 3 and 6.
    lists = True
    strict = False
    config = {"whitelistOffOfPerson": "false"}

    def info(self, channel_id, channel_type=GROUP, **flags):
        self.server.must_post("/channel/info", dict(
            flags, channel_id=channel_id, channel_type=channel_type))

    def expect(self, got, reason):
        if reason == 1:
            self.assertEqual(got, (200, 1))
        else:
            self.assertEqual(got, (403, reason))

    def group(self, *members):
        group = fresh("g")
        self.server.create_group(group, members)
        return group

    def test_2_disbanded_for_everybody(self):
        group = self.group("s")
        self.info(group, disband=1)
        for sender in ("s", "", "____system"):
            self.expect(self.send(group, sender), 24)

    def test_3_system_accounts_pass_bans(self):
        group, account = self.group(), fresh("sys")
        self.info(group, ban=1)
        self.server.must_post("/user/systemuids_add", {"uids": [account]})
        for sender in ("", "____system", account):
            self.expect(self.send(group, sender), 1)

    def test_4_banned_senders(self):
        for flag in ("ban", "disband"):
            sender = fresh("s")
            group = self.group(sender)
            self.info(sender, PERSON, **{flag: 1})
            self.expect(self.send(group, sender), 19 if self.lists else 1)

    def test_5_senders_that_may_not_send(self):
        sender = fresh("s")
        group = self.group(sender)
        self.info(sender, PERSON, send_ban=1)
        self.expect(self.send(group, sender), 25 if self.lists else 1)

    def test_6_banned_channels(self):
        group = self.group("s")
        self.info(group, ban=1)
        self.expect(self.send(group), 19)

    def test_7_muted_channels(self):
        group = self.group("s")
        self.info(group, send_ban=1)
        self.expect(self.send(group), 25 if self.lists else 1)

    def test_9_banned_receivers(self):
        receiver = fresh("r")
        self.info(receiver, PERSON, ban=1, allow_stranger=1)
        self.expect(self.send(receiver, channel_type=PERSON), 19 if self.lists else 1)

    def test_13_customer_service_and_info_are_open(self):
        for kind in (3, 6):
            channel = fresh("c")
            self.server.must_post("/channel/blacklist_add", {
                "channel_id": channel, "channel_type": kind, "uids": ["s"]})
            self.expect(self.send(channel, channel_type=kind), 1)

    def test_11_the_receivers_inbox_counts_in_every_channel_of_one_person(self):
        for name, kind in (("%s|sales", 3), ("%s", 10), ("%s", 11)):
            receiver, sender = fresh("r"), fresh("s")
            channel = name % receiver
            if kind != 11:
                self.server.must_post("/channel/subscriber_add", {
                    "channel_id": channel, "channel_type": kind, "subscribers": [sender]})
            self.expect(self.send(channel, sender, kind), 13 if self.strict and kind == 11 else 1)
            if kind == 3:
                self.expect(self.send(channel, fresh("x"), kind), 13 if self.strict else 1)
            self.info(receiver, PERSON, allow_stranger=1)
            self.expect(self.send(channel, sender, kind), 1)
            self.server.must_post("/channel/blacklist_add", {
                "channel_id": receiver, "channel_type": PERSON, "uids": [sender]})
            self.expect(self.send(channel, sender, kind), 4 if self.lists else 1)
            # Nor does a command get through.
            self.expect(self.send(channel, sender, kind, header={"sync_once": 1}),
                        4 if self.lists else 1)
            answer = self.server.post("/message/send", {
                "from_uid": sender, "payload": b64("x"), "subscribers": [receiver],
                "header": {"sync_once": 1}})
            self.expect((answer.status, answer.json()["reason"]), 4 if self.lists else 1)

    def test_11_the_only_listed_user_decides_in_every_channel(self):
        receiver, other, sender = fresh("r"), fresh("o"), fresh("s")
        group = self.group(sender)
        self.server.must_post("/channel/blacklist_add", {
            "channel_id": receiver, "channel_type": PERSON, "uids": [sender]})
        denied = 4 if self.lists else 1
        with self.server.client(receiver) as session:
            for listed in ([receiver], [receiver, sender]):
                self.expect(self.send(group, sender, subscribers=listed), denied)
                if denied == 1:
                    self.assertEqual(session.recv().channel_id, group)
            session.expect_none(RECV, timeout=0.1)
            # Of several it is a message to a channel of many.
            self.expect(self.send(group, sender, subscribers=[receiver, other]), 1)
            self.assertEqual(session.recv().channel_id, group)
        self.expect(self.send(group, sender, subscribers=[other]), 1)
        self.expect(self.send(group, "____system", subscribers=[receiver]), 1)

    def test_8a_a_person_channel_reaches_nobody_but_its_two_users(self):
        receiver, other, sender = fresh("r"), fresh("o"), fresh("s")
        self.info(receiver, PERSON, allow_stranger=1)
        for listed in ([receiver], [sender], [sender, receiver]):
            self.expect(self.send(receiver, sender, PERSON, subscribers=listed), 1)
        for listed in ([other], [receiver, other]):
            self.expect(self.send(receiver, sender, PERSON, subscribers=listed),
                        11 if self.lists else 1)
        if self.lists:
            told = self.server.post("/message/send", item(
                receiver, from_uid=sender, channel_type=PERSON, subscribers=[other])).json()
            self.assertIn("subscribers may only name the two users of this channel", told["msg"])

    def test_14_visitors_may_write_to_themselves(self):
        visitor = fresh("v")
        self.expect(self.send(visitor, visitor, 10), 1)
        self.expect(self.send(visitor, "s", 10), 3 if self.strict else 1)

    def test_10_messages_to_system_accounts(self):
        self.expect(self.send("____system", fresh("s"), PERSON), 1)

    def test_11_denylist_of_the_receiver(self):
        receiver, sender = fresh("r"), fresh("s")
        self.info(receiver, PERSON, allow_stranger=1)
        self.server.must_post("/channel/blacklist_add", {
            "channel_id": receiver, "channel_type": PERSON, "uids": [sender]})
        self.expect(self.send(receiver, sender, PERSON), 4 if self.lists else 1)

    def test_12_allowlist_of_the_receiver(self):
        receiver, friend, stranger = fresh("r"), fresh("f"), fresh("x")
        self.server.must_post("/channel/whitelist_add", {
            "channel_id": receiver, "channel_type": PERSON, "uids": [friend]})
        self.expect(self.send(receiver, friend, PERSON), 1)
        self.expect(self.send(receiver, stranger, PERSON), 13 if self.strict else 1)
        self.info(receiver, PERSON, allow_stranger=1)
        self.expect(self.send(receiver, stranger, PERSON), 1)

    def test_15_denylist_of_the_channel(self):
        group = self.group("s")
        self.server.must_post("/channel/blacklist_add", {
            "channel_id": group, "channel_type": GROUP, "uids": ["s"]})
        self.expect(self.send(group), 4 if self.lists else 1)

    def test_16_membership(self):
        group = self.group("member")
        self.expect(self.send(group, "member"), 1)
        self.expect(self.send(group, "stranger"), 3 if self.strict else 1)

    def test_17_allowlist_of_the_channel(self):
        group = self.group("a", "b")
        self.expect(self.send(group, "b"), 1)
        self.server.must_post("/channel/whitelist_set", {
            "channel_id": group, "channel_type": GROUP, "uids": ["a"]})
        self.expect(self.send(group, "a"), 1)
        self.expect(self.send(group, "b"), 13 if self.strict else 1)

    def test_commands_to_several_users_ask_for_the_sender_only(self):
        body = {"payload": b64("x"), "subscribers": [fresh("u"), fresh("u")],
                "header": {"sync_once": 1}}
        for flag, reason in (("ban", 19), ("send_ban", 25)):
            sender = fresh("s")
            self.info(sender, PERSON, **{flag: 1})
            answer = self.server.post("/message/send", dict(body, from_uid=sender))
            self.expect((answer.status, answer.json()["reason"]), reason if self.lists else 1)
        self.assertEqual(self.server.post("/message/send", body).status, 200)

    def test_commands_are_judged_by_their_source_channel(self):
        group = self.group("s")
        self.info(group, ban=1)
        self.expect(self.send(group, header={"sync_once": 1}), 19)

    def test_type_0_is_no_channel(self):
        self.assert_error(self.server.post("/message/send", item("g", channel_type=0)), 400)


class PermissionsStrict(Permissions):
    strict = True
    config = dict(Permissions.config, **{"api.sendCheck": "strict"})


class PermissionsChannel(Permissions):
    lists = False
    config = dict(Permissions.config, **{"api.sendCheck": "channel"})


class PermissionsReason(Permissions):
    """The same rules, answered in the body of a 200."""

    config = dict(Permissions.config, **{"api.refusalStyle": "reason"})

    def expect(self, got, reason):
        self.assertEqual(got, (200, reason))

    def refused(self, path, body, reason):
        answer = self.server.must_post(path, body)
        self.assertEqual((answer["reason"], answer["code"]), (reason, "denied"), path)
        self.assertEqual((answer["message_id"], answer["message_seq"]), (0, 0), path)
        self.assertNotIn("status", answer)
        self.assertTrue(answer["client_msg_no"] and answer["msg"])

    def test_every_endpoint_that_sends_one_message(self):
        group = self.group("s")
        self.info(group, ban=1)
        message = {"channel_id": group, "channel_type": GROUP, "from_uid": "s",
                   "payload": b64("x")}
        for path in ("/message/send", "/stream/open", "/streammessage/start", "/streamv2/open"):
            self.refused(path, message, 19)
        start = {"client_msg_no": "n", "channel_id": group, "channel_type": GROUP,
                 "from_uid": "s", "event": {"type": "___TextMessageStart", "data": "x"}}
        self.refused("/event", start, 19)

    def test_an_unknown_group_does_not_exist(self):
        group = fresh("g")
        self.assertEqual(self.send(group), (200, 5))
        self.assertEqual(self.server.messages(group), [])
        self.assertEqual(self.send(group, from_uid="____system"), (200, 1))
        self.server.create_group(group)
        self.assertEqual(self.send(group), (200, 1))
        self.assertEqual(self.send(fresh("u"), channel_type=PERSON), (200, 1))

    def test_a_batch_keeps_its_statuses(self):
        known, unknown = self.group("s"), fresh("g")
        mixed = self.server.must_batch([item(known), item(unknown)])
        self.assertEqual([i["reason"] for i in mixed], [1, 5])
        refused = self.assert_error(self.server.batch([item(unknown)]), 403)
        self.assertEqual((refused["reason"], refused["items"][0]["reason"]), (5, 5))

    def test_bad_requests_are_400_still(self):
        for change in ({"payload": ""}, {"channel_id": "a#b"}, {"channel_type": 256}):
            body = dict(item(self.group("s")), **change)
            self.assert_error(self.server.post("/message/send", body), 400)
        body = item(self.group("s"), client_msg_no=fresh("n"))
        self.server.must_post("/message/send", body)
        again = self.server.post("/message/send", dict(body, payload=b64("another")))
        self.assert_error(again, 400)


class PermissionsReasonStrict(PermissionsReason):
    strict = True
    config = dict(PermissionsReason.config, **{"api.sendCheck": "strict"})

    def test_an_unknown_group_does_not_exist(self):
        group = fresh("g")
        self.assertEqual(self.send(group), (200, 5))
        self.server.create_group(group, ["member"])
        self.assertEqual(self.send(group), (200, 3))
        self.assertEqual(self.send(group, from_uid="member"), (200, 1))

    def test_a_batch_keeps_its_statuses(self):
        group = self.group("s")
        items = [item(group, from_uid="s"), item(group, from_uid="stranger")]
        self.assertEqual([i["reason"] for i in self.server.must_batch(items)], [1, 3])

    def test_bad_requests_are_400_still(self):
        body = item(self.group("s"), from_uid="s", payload="")
        self.assert_error(self.server.post("/message/send", body), 400)


if __name__ == "__main__":
    unittest.main()
