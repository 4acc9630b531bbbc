"""Conversations: when they appear, what counts as unread, and how a client keeps its list."""

import unittest

from harness import GROUP, PERSON, ServerCase, fresh, item, wait_until

CUSTOMER_SERVICE, INFO, DATA, TEMP, LIVE, VISITORS, AGENT = 3, 6, 7, 8, 9, 10, 11


class Conversations(ServerCase):
    def sync(self, uid, **more):
        """The list without versions, which may still rise a little when nothing changes."""
        listed = self.server.must_post("/conversation/sync", dict(more, uid=uid))
        for conversation in listed:
            self.assertGreater(conversation.pop("version"), 0)
        return listed

    def settled_version(self, uid):
        """The version a client holds when it has seen everything."""
        def everything():
            listed = self.server.must_post("/conversation/sync", {"uid": uid})
            version = max(c["version"] for c in listed)
            return version if self.sync(uid, version=version) == [] else None
        return wait_until(everything, what="a version that covers everything")

    def one(self, uid, channel_id, **more):
        """The conversation with a channel, or None when it is not listed."""
        found = [c for c in self.sync(uid, **more) if c["channel_id"] == channel_id]
        self.assertLessEqual(len(found), 1)
        return found[0] if found else None

    def unread(self, uid, channel_id):
        return self.one(uid, channel_id)["unread"]

    def act(self, what, uid, channel_id, channel_type=GROUP, **more):
        answer = self.server.must_post("/conversations/" + what, dict(
            more, uid=uid, channel_id=channel_id, channel_type=channel_type))
        self.assertEqual(answer, {"status": 200})

    def group(self, *users):
        group = fresh("g")
        self.server.create_group(group, users)
        return group

    def fill(self, channel_id, count, from_uid="sender", channel_type=GROUP):
        return self.server.must_batch([
            item(channel_id, "m", from_uid=from_uid, channel_type=channel_type)
            for _ in range(count)])


class Appearing(Conversations):
    def test_first_message_of_a_pair_makes_it_for_both(self):
        a, b = fresh("a"), fresh("b")
        self.fill(b, 1, a, PERSON)
        mine, theirs = self.one(a, b), self.one(b, a)
        self.assertEqual((mine["unread"], mine["readed_to_msg_seq"]), (0, 1))
        self.assertEqual((theirs["unread"], theirs["readed_to_msg_seq"]), (1, 0))
        # As durable as the message.
        self.server.restart()
        self.assertEqual((self.one(a, b), self.one(b, a)), (mine, theirs))

    def test_a_member_begins_at_the_last_seq(self):
        uid, group = fresh("u"), self.group("x")
        self.fill(group, 3)
        self.server.must_post("/channel/subscriber_add",
                              {"channel_id": group, "subscribers": [uid]})
        conversation = self.one(uid, group)
        self.assertEqual((conversation["unread"], conversation["readed_to_msg_seq"]), (0, 3))
        self.fill(group, 2)
        self.assertEqual(self.unread(uid, group), 2)
        # Adding a member again changes nothing.
        self.server.must_post("/channel/subscriber_add",
                              {"channel_id": group, "subscribers": [uid]})
        self.assertEqual(self.unread(uid, group), 2)

    def test_a_member_that_comes_back_begins_anew(self):
        uid = fresh("u")
        group = self.group(uid)
        self.fill(group, 3)
        place = {"channel_id": group, "channel_type": GROUP, "subscribers": [uid]}
        self.server.must_post("/channel/subscriber_remove", place)
        self.assertIsNone(self.one(uid, group))
        self.server.must_post("/channel/subscriber_remove", place)
        self.server.must_post("/channel/subscriber_add", place)
        self.assertEqual(self.unread(uid, group), 0)

    def test_replaced_and_removed_members_lose_it(self):
        kept, gone = fresh("k"), fresh("g")
        group = self.group(kept, gone)
        self.fill(group, 1)
        self.server.must_post("/channel/subscriber_add",
                              {"channel_id": group, "subscribers": [kept], "reset": 1})
        self.assertIsNotNone(self.one(kept, group))
        self.assertIsNone(self.one(gone, group))
        self.server.must_post("/channel/subscriber_remove_all",
                              {"channel_id": group, "channel_type": GROUP})
        self.assertIsNone(self.one(kept, group))

    def test_types_without_conversations(self):
        uid = fresh("u")
        for kind in (DATA, TEMP, LIVE):
            with self.subTest(channel_type=kind):
                channel = fresh("c")
                self.server.must_post("/channel/subscriber_add" if kind != TEMP
                                      else "/tmpchannel/subscriber_set",
                                      {"channel_id": channel, "channel_type": kind,
                                       "subscribers": [uid], "uids": [uid]})
                self.fill(channel, 1, channel_type=kind)
                self.assertIsNone(self.one(uid, channel))

    def test_agent_and_visitor_channels_are_listed(self):
        user, agent = fresh("user"), fresh("agent")
        self.fill(agent, 1, user, AGENT)
        channel = "%s@%s" % (user, agent)
        self.assertEqual((self.unread(user, channel), self.unread(agent, channel)), (0, 1))
        visitor, helper = fresh("v"), fresh("h")
        self.server.must_post("/channel/subscriber_add", {
            "channel_id": visitor, "channel_type": VISITORS, "subscribers": [helper]})
        self.fill(visitor, 1, visitor, VISITORS)
        self.assertEqual((self.unread(visitor, visitor), self.unread(helper, visitor)), (0, 1))

    def test_the_system_account_is_no_partner(self):
        uid = fresh("u")
        self.server.must_post("/message/send", {
            "channel_id": uid, "channel_type": PERSON, "payload": "eA=="})
        self.assertEqual(self.sync(uid), [])

    def test_disbanded_and_deleted_channels_are_hidden(self):
        uid = fresh("u")
        first, second = self.group(uid), self.group(uid)
        self.fill(first, 1)
        self.fill(second, 1)
        self.server.must_post("/channel/info",
                              {"channel_id": first, "channel_type": GROUP, "disband": 1})
        self.assertIsNone(self.one(uid, first))
        self.server.must_post("/channel/delete", {"channel_id": second, "channel_type": GROUP})
        self.assertEqual(self.sync(uid), [])

    def test_denylisted_members_lose_it_and_get_it_back(self):
        uid = fresh("u")
        group = self.group(uid)
        self.fill(group, 2)
        place = {"channel_id": group, "channel_type": GROUP, "uids": [uid]}
        for add in ("add", "set"):
            self.server.must_post("/channel/blacklist_" + add, place)
            self.assertIsNone(self.one(uid, group))
            self.server.must_post("/channel/blacklist_remove", place)
            self.assertIsNotNone(self.one(uid, group))
        # Who is no member does not get one by it, whichever way.
        stranger = dict(place, uids=[fresh("u")])
        for way in ("remove", "set", "remove_all"):
            self.server.must_post("/channel/blacklist_add", stranger)
            self.server.must_post("/channel/blacklist_" + way, dict(
                stranger, uids=["another"] if way == "set" else stranger["uids"]))
            self.assertEqual(self.sync(stranger["uids"][0]), [], way)

    def test_actions_make_it(self):
        for what, more in (("clearUnread", {}), ("setUnread", {"unread": 1})):
            uid, group = fresh("u"), self.group("x")
            self.fill(group, 3)
            self.assertIsNone(self.one(uid, group))
            self.act(what, uid, group, **more)
            self.assertEqual(self.unread(uid, group), more.get("unread", 0))


class Unread(Conversations):
    def test_worked_example(self):
        uid = fresh("u")
        group = self.group(uid)
        self.fill(group, 7)
        self.fill(group, 1, uid)
        self.fill(group, 2)
        self.act("clearUnread", uid, group, message_seq=6)
        got = self.one(uid, group, msg_count=2)
        self.assertEqual((got["unread"], got["readed_to_msg_seq"], got["last_msg_seq"]),
                         (2, 8, 10))
        self.assertEqual([m["message_seq"] for m in got["recents"]], [10, 9])
        self.act("clearUnread", uid, group)
        self.assertEqual(self.unread(uid, group), 0)
        self.act("delete", uid, group)
        self.assertIsNone(self.one(uid, group))
        self.fill(group, 1)
        got = self.one(uid, group, msg_count=2)
        self.assertEqual((got["unread"], [m["message_seq"] for m in got["recents"]]), (1, [11]))

    def test_own_messages_count_as_read(self):
        uid = fresh("u")
        group = self.group(uid)
        self.fill(group, 4)
        self.assertEqual(self.unread(uid, group), 4)
        self.fill(group, 1, uid)
        self.assertEqual(self.unread(uid, group), 0)
        self.fill(group, 2)
        self.assertEqual(self.unread(uid, group), 2)

    def test_clear_up_to_a_message(self):
        uid = fresh("u")
        group = self.group(uid)
        self.fill(group, 10)
        for seq, unread in ((4, 6), (2, 6), (7, 3), (1000, 0), (0, 0), (3, 0)):
            self.act("clearUnread", uid, group, message_seq=seq)
            self.assertEqual(self.unread(uid, group), unread, seq)
        self.fill(group, 1)
        self.assertEqual(self.unread(uid, group), 1)

    def test_set_unread_sets_the_number(self):
        uid = fresh("u")
        group = self.group(uid)
        self.fill(group, 8)
        self.act("clearUnread", uid, group)
        for count, expected in ((5, 5), (2, 2), (7, 7), (100, 8)):
            self.act("setUnread", uid, group, unread=count)
            got = self.one(uid, group)
            self.assertEqual((got["unread"], got["readed_to_msg_seq"]), (expected, 8 - expected))
        self.act("setUnread", uid, group, unread=5)
        self.fill(group, 1)
        got = self.one(uid, group)
        self.assertEqual((got["unread"], got["readed_to_msg_seq"]), (6, 3))
        self.act("setUnread", uid, group, unread=0)
        self.assertEqual(self.unread(uid, group), 0)
        self.act("setUnread", uid, group, unread=3)
        self.act("clearUnread", uid, group)
        self.assertEqual(self.unread(uid, group), 0)
        self.fill(group, 1)
        self.assertEqual(self.unread(uid, group), 1)

    def test_set_unread_on_an_empty_channel(self):
        uid, group = fresh("u"), self.group("x")
        self.act("setUnread", uid, group, unread=5)
        self.fill(group, 1)
        self.assertEqual(self.unread(uid, group), 1)

    def test_delete_resets_unread(self):
        uid = fresh("u")
        group = self.group(uid)
        self.fill(group, 5)
        self.act("setUnread", uid, group, unread=4)
        self.act("delete", uid, group)
        self.assertIsNone(self.one(uid, group))
        self.fill(group, 2)
        self.assertEqual(self.unread(uid, group), 2)
        # The messages are still there.
        self.assertEqual(len(self.server.messages(group, GROUP, uid)), 7)
        self.act("delete", uid, fresh("never was one"))

    def test_expired_messages_are_not_unread(self):
        reader = fresh("r")
        group = self.group(reader, "sender")
        self.fill(group, 1)
        self.server.must_batch([item(group, "goes", from_uid="sender", expire=1)
                                for _ in range(3)])
        self.fill(group, 1)
        self.server.must_batch([item(group, "goes", from_uid="sender", expire=1)])
        wait_until(lambda: len(self.server.messages(group)) == 2, what="messages that expire")
        self.assertEqual(self.unread(reader, group), 2)
        self.assertEqual(self.server.must_post("/conversation/syncByChannels", {
            "uid": reader, "channels": [{"channel_id": group, "channel_type": GROUP}],
        })[0]["unread"], 2)
        self.act("clearUnread", reader, group, message_seq=1)
        self.assertEqual(self.unread(reader, group), 1)

    def test_expired_and_foreign_messages_are_no_last_message(self):
        uid = fresh("u")
        group = self.group(uid, "x")
        self.fill(group, 1)
        self.server.must_batch([item(group, "for x", subscribers=["x"])])
        got = self.one(uid, group, msg_count=5)
        self.assertEqual((got["last_msg_seq"], len(got["recents"])), (1, 1))


class Listing(Conversations):
    def test_fields(self):
        uid = fresh("u")
        group = self.group(uid)
        self.server.must_batch([item(group, "x", client_msg_no="last")])
        got = self.one(uid, group, msg_count=1)
        message = self.server.messages(group, GROUP, uid)[0]
        self.assertEqual(got, {
            "channel_id": group, "channel_type": GROUP, "unread": 1,
            "timestamp": message["timestamp"], "last_msg_seq": 1, "last_client_msg_no": "last",
            "offset_msg_seq": 0, "readed_to_msg_seq": 0, "recents": [message]})

    def test_person_conversations_name_the_peer(self):
        a, b = fresh("a"), fresh("b")
        self.fill(b, 1, a, PERSON)
        got = self.one(b, a, msg_count=1)
        self.assertEqual(got["recents"][0]["channel_id"], a)

    def test_recents_are_the_newest_and_at_most_fifty(self):
        uid = fresh("u")
        group = self.group(uid)
        self.fill(group, 60)
        for count, expected in ((0, 0), (-1, 0), (1, 1), (50, 50), (51, 50), (1000, 50)):
            seqs = [m["message_seq"] for m in self.one(uid, group, msg_count=count)["recents"]]
            self.assertEqual(seqs, list(range(60, 60 - expected, -1)))

    def test_newest_first(self):
        uid = fresh("u")
        groups = [self.group(uid) for _ in range(5)]
        # Several of them within a second.
        for group in groups:
            self.server.must_batch([item(group)])
        self.assertEqual([c["channel_id"] for c in self.sync(uid)], groups[::-1])
        self.server.must_batch([item(groups[1])])
        self.assertEqual([c["channel_id"] for c in self.sync(uid)],
                         [groups[1], groups[4], groups[3], groups[2], groups[0]])

    def test_paging(self):
        uid = fresh("u")
        groups = [self.group(uid) for _ in range(7)]
        self.server.must_batch([item(g) for g in groups])
        everything = self.sync(uid)
        self.assertEqual(len(everything), 7)
        pages = [self.sync(uid, page=p, page_size=3) for p in (1, 2, 3)]
        self.assertEqual([len(p) for p in pages], [3, 3, 1])
        self.assertEqual(sum(pages, []), everything)
        self.assertEqual(self.sync(uid, page=4, page_size=3), [])
        self.assertEqual(self.sync(uid, page=0, page_size=3), everything)
        self.assertEqual(self.sync(uid, page=1), everything)

    def test_version_tells_what_has_changed(self):
        uid, peer = fresh("u"), fresh("p")
        first, second = self.group(uid), self.group(uid)
        self.server.must_batch([item(first), item(second)])
        self.fill(uid, 1, peer, PERSON)
        version = self.settled_version(uid)
        # Read on another device: exactly that conversation.
        self.act("clearUnread", uid, second)
        changed = self.sync(uid, version=version)
        self.assertEqual([(c["channel_id"], c["unread"]) for c in changed], [(second, 0)])
        version = self.settled_version(uid)
        self.fill(first, 1)
        changed = self.sync(uid, version=version)
        self.assertEqual([c["channel_id"] for c in changed], [first])
        # The value goes through exactly, although it is above 2^53.
        self.assertGreater(version, 2**53)

    def test_another_device_hears_what_was_deleted(self):
        uid, peer = fresh("u"), fresh("p")
        left, kept = self.group(uid), self.group(uid)
        self.server.must_batch([item(left), item(kept)])
        self.fill(uid, 1, peer, PERSON)
        version = self.settled_version(uid)
        self.server.must_post("/channel/subscriber_remove", {
            "channel_id": left, "channel_type": GROUP, "subscribers": [uid]})
        self.act("delete", uid, peer, PERSON)

        def news(**more):
            listed = self.server.must_post("/conversation/sync",
                                           dict({"version": version}, uid=uid, **more))
            return {c["channel_id"]: c for c in listed}

        # Who has not asked is told what it always was.
        self.assertEqual(news(), {})
        gone = news(with_deleted=1)
        self.assertEqual(set(gone), {left, peer})
        for conversation in gone.values():
            self.assertEqual(conversation["is_deleted"], 1)
            self.assertEqual(conversation["recents"], [])
            self.assertGreater(conversation["version"], version)
        self.assertEqual(gone[peer]["channel_type"], PERSON)
        # The largest version goes on, as with all others.
        wait_until(lambda: news(with_deleted=1, version=max(
            c["version"] for c in news(with_deleted=1).values())) == {}, what="no more news")
        # Back again: no longer deleted.
        self.server.must_post("/channel/subscriber_add", {
            "channel_id": left, "channel_type": GROUP, "subscribers": [uid]})
        self.fill(uid, 1, peer, PERSON)
        back = news(with_deleted=1)
        self.assertEqual(set(back), {left, peer})
        self.assertFalse([c for c in back.values() if "is_deleted" in c])

    def test_another_device_hears_of_a_disbanded_group_and_that_it_is_back(self):
        uid = fresh("u")
        group = self.group(uid)
        self.fill(group, 1)
        place = {"channel_id": group, "channel_type": GROUP}
        version = first = self.settled_version(uid)

        def news(since):
            return self.server.must_post("/conversation/sync", {
                "uid": uid, "version": since, "with_deleted": 1})

        def told_once(since):
            """What is news; goes on behind it."""
            [entry] = news(since)
            self.assertGreater(entry["version"], since)
            wait_until(lambda: news(news(since)[0]["version"]) == [], what="no more news")
            return entry.get("is_deleted"), news(since)[0]["version"]

        self.server.must_post("/channel/info", dict(place, disband=1))
        gone, version = told_once(version)
        self.assertEqual(gone, 1)
        self.server.must_post("/channel", place)
        gone, version = told_once(version)
        self.assertIsNone(gone)
        self.assertEqual([c.get("is_deleted") for c in news(first)], [None])

    def test_known_channels_are_skipped_unless_newer(self):
        uid, peer = fresh("u"), fresh("p")
        group = self.group(uid)
        self.fill(group, 5)
        self.fill(uid, 2, peer, PERSON)

        def known(*entries, **more):
            listed = self.sync(uid, last_msg_seqs="|".join(entries), msg_count=10, **more)
            return {c["channel_id"]: [m["message_seq"] for m in c["recents"]] for c in listed}

        self.assertEqual(known("%s:2:5" % group, "%s:1:2" % peer), {})
        self.assertEqual(known("%s:2:3" % group, "%s:1:2" % peer), {group: [5, 4]})
        self.assertEqual(known("%s:2:5" % group), {peer: [2, 1]})
        self.assertEqual(known("%s:2:0" % group, "bad", "a:b", "%s:x:9" % peer),
                         {group: [5, 4, 3, 2, 1], peer: [2, 1]})

    def test_exclude_channel_types(self):
        uid, peer = fresh("u"), fresh("p")
        group = self.group(uid)
        self.fill(group, 2)
        self.fill(uid, 1, peer, PERSON)

        def listed(**more):
            return {c["channel_id"] for c in self.sync(uid, **more)}

        self.assertEqual(listed(exclude_channel_types=[GROUP]), {peer})
        self.assertEqual(listed(exclude_channel_types=[GROUP, PERSON]), set())
        # Not for channels named in last_msg_seqs.
        self.assertEqual(listed(exclude_channel_types=[GROUP], last_msg_seqs="%s:2:1" % group),
                         {peer, group})

    def test_only_unread(self):
        uid = fresh("u")
        first, second = self.group(uid), self.group(uid)
        self.server.must_batch([item(first), item(second)])
        self.act("clearUnread", uid, first)
        self.assertEqual([c["channel_id"] for c in self.sync(uid, only_unread=1)], [second])
        self.assertEqual(len(self.sync(uid, only_unread=0)), 2)

    def test_validation(self):
        for body in ({}, {"uid": ""}, {"uid": "a@b"}, {"uid": "u", "version": 1.5},
                     {"uid": "u", "msg_count": "1"}, {"uid": "u", "last_msg_seqs": 1},
                     {"uid": "u", "exclude_channel_types": [-1]},
                     {"uid": "u", "exclude_channel_types": "2"}, {"uid": "u", "page": "x"},
                     {"uid": "u", "only_unread": "1"}):
            with self.subTest(**body):
                self.assert_error(self.server.post("/conversation/sync", body), 400)

    def test_aliases(self):
        uid = fresh("u")
        group = self.group(uid)
        self.fill(group, 3)
        place = {"uid": uid, "channel_id": group, "channel_type": GROUP}
        alias = self.server.must_post("/conversations/sync", {"uid": uid})
        self.assertGreater(alias[0].pop("version"), 10**18)
        self.assertEqual(alias, self.sync(uid))
        self.server.must_post("/conversation/clearUnread", place)
        self.assertEqual(self.unread(uid, group), 0)
        self.server.must_post("/conversation/setUnread", dict(place, unread=2))
        self.assertEqual(self.unread(uid, group), 2)
        self.server.must_post("/conversation/delete", place)
        self.assertIsNone(self.one(uid, group))


class Actions(Conversations):
    def test_validation(self):
        good = {"uid": "u", "channel_id": "g", "channel_type": GROUP, "unread": 0}
        for path in ("clearUnread", "setUnread", "delete"):
            for change in ({"uid": ""}, {"uid": None}, {"channel_id": ""}, {"channel_id": "a#b"},
                           {"channel_type": 0}, {"channel_type": None}, {"channel_type": 256},
                           {"channel_id": "x@y"}, {"channel_type": PERSON, "channel_id": "x@y"}):
                with self.subTest(path=path, **change):
                    self.assert_error(self.server.post("/conversations/" + path,
                                                       dict(good, **change)), 400)
        for unread in (-1, "1", 1.5):
            self.assert_error(self.server.post("/conversations/setUnread",
                                               dict(good, unread=unread)), 400)
        self.assert_error(self.server.post("/conversations/clearUnread",
                                           dict(good, message_seq=-1)), 400)

    def test_person_conversations_by_peer_and_by_internal_id(self):
        a, b = fresh("a"), fresh("b")
        self.fill(b, 3, a, PERSON)
        internal = self.server.must_post("/conversation/channels", {"uid": b})[0]["internal_id"]
        self.act("setUnread", b, internal, PERSON, unread=2)
        self.assertEqual(self.unread(b, a), 2)
        self.act("clearUnread", b, a, PERSON)
        self.assertEqual(self.unread(b, a), 0)
        self.assertEqual(self.unread(a, b), 0)


class Helpers(Conversations):
    def test_channels(self):
        a, b = fresh("a"), fresh("b")
        group = self.group(a)
        self.fill(group, 1)
        self.fill(a, 1, b, PERSON)
        listed = self.server.must_post("/conversation/channels", {"uid": a})
        by_id = {c["channel_id"]: (c["channel_type"], c["internal_id"]) for c in listed}
        self.assertEqual(set(by_id), {group, b})
        self.assertEqual(by_id[group], (GROUP, group))
        self.assertIn(by_id[b], ((PERSON, "%s@%s" % (a, b)), (PERSON, "%s@%s" % (b, a))))
        self.assertEqual(self.server.must_post("/conversation/channels", {"uid": fresh("n")}), [])
        for body in ({}, {"uid": ""}):
            self.assert_error(self.server.post("/conversation/channels", body), 400)

    def test_sync_by_channels_answers_one_for_each_in_order(self):
        uid, peer, stranger = fresh("u"), fresh("p"), fresh("s")
        group = self.group(uid)
        self.fill(group, 20)
        self.fill(uid, 2, peer, PERSON)
        wanted = [{"channel_id": stranger, "channel_type": PERSON},
                  {"channel_id": group, "channel_type": GROUP},
                  {"channel_id": peer, "channel_type": PERSON},
                  {"channel_id": fresh("none"), "channel_type": GROUP}]
        got = self.server.must_post("/conversation/syncByChannels",
                                    {"uid": uid, "channels": wanted})
        self.assertEqual([c["channel_id"] for c in got], [w["channel_id"] for w in wanted])
        self.assertEqual([c["unread"] for c in got], [0, 20, 2, 0])
        self.assertEqual([len(c["recents"]) for c in got], [0, 15, 2, 0])
        few = self.server.must_post("/conversation/syncByChannels",
                                    {"uid": uid, "channels": wanted, "msg_count": 1})
        self.assertEqual([len(c["recents"]) for c in few], [0, 1, 1, 0])
        for body in ({"channels": wanted}, {"uid": uid}, {"uid": uid, "channels": []},
                     {"uid": uid, "channels": [{"channel_id": "g"}]},
                     {"uid": uid, "channels": [{"channel_type": 2}]},
                     {"uid": uid, "channels": wanted * 251}):
            self.assert_error(self.server.post("/conversation/syncByChannels", body), 400)

    def test_sync_messages(self):
        uid, peer = fresh("u"), fresh("p")
        group = self.group(uid)
        self.fill(group, 18)
        self.fill(group, 1, uid)
        self.fill(group, 1)
        self.fill(uid, 1, peer, PERSON)
        internal = [c["internal_id"]
                    for c in self.server.must_post("/conversation/channels", {"uid": uid})
                    if c["channel_id"] == peer][0]

        def read(**more):
            body = {"uid": uid, "channels": [
                {"channel_id": group, "channel_type": GROUP, "last_msg_seq": 3},
                {"channel_id": internal, "channel_type": PERSON, "last_msg_seq": 0},
                {"channel_id": peer, "channel_type": PERSON}]}
            body.update(more)
            return self.server.must_post("/conversation/syncMessages", body)

        got = read()
        self.assertEqual([c["channel_id"] for c in got], [group, internal, peer])
        self.assertEqual([[m["message_seq"] for m in c["messages"]] for c in got],
                         [list(range(3, 18)), [1], [1]])
        self.assertEqual([c["user_last_msg_seq"] for c in got], [19, 0, 0])
        newest = read(order_by_last=1, msg_count=4)[0]
        self.assertEqual([m["message_seq"] for m in newest["messages"]], [20, 19, 18, 17])
        near = read(order_by_last=1, msg_count=4, channels=[
            {"channel_id": group, "channel_type": GROUP, "last_msg_seq": 19}])[0]
        self.assertEqual([m["message_seq"] for m in near["messages"]], [20, 19])
        self.assertEqual(read(channels=[]), [])


if __name__ == "__main__":
    unittest.main()
