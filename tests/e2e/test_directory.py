"""The directory of conversations: passes of pages, what was deleted, and what is opened."""

import base64
import time
import unittest

from harness import GROUP, PERSON, Server, ServerCase, fresh, item, wait_until


class DirectoryCase(ServerCase):
    def page(self, uid, **more):
        return self.server.must_post("/conversation/list", dict(more, uid=uid))

    def walk(self, uid, **more):
        """All pages of a pass, as one; checks that they are of one pass."""
        pages = [self.page(uid, **more)]
        while not pages[-1]["done"]:
            pages.append(self.page(uid, cursor=pages[-1]["next_cursor"], **more))
        self.assertEqual(len({p["coverage"] for p in pages}), 1)
        return {"conversations": sum((p["conversations"] for p in pages), []),
                "deletes": sum((p["deletes"] for p in pages), []),
                "coverage": pages[-1]["coverage"],
                "reset_required": pages[-1]["reset_required"]}

    def ids(self, answer):
        return [c["channel_id"] for c in answer["conversations"]]

    def gone(self, answer):
        return {(c["channel_id"], c["channel_type"]) for c in answer["deletes"]}

    def group(self, *users):
        group = fresh("g")
        self.server.create_group(group, users)
        self.server.must_batch([item(group)])
        return group

    def act(self, what, uid, channel_id, channel_type=GROUP):
        return self.server.must_post("/conversations/" + what, {
            "uid": uid, "channel_id": channel_id, "channel_type": channel_type})

    def remove(self, group, uid):
        self.server.must_post("/channel/subscriber_remove", {
            "channel_id": group, "channel_type": GROUP, "subscribers": [uid]})

    def covered(self, uid):
        """A coverage behind everything that has happened."""
        now = time.time_ns()
        return wait_until(lambda: (c := self.page(uid)["coverage"]) > now and c,
                          what="a coverage of now")


class Directory(DirectoryCase):
    def test_fields(self):
        uid, peer = fresh("u"), fresh("p")
        before = time.time() * 1000
        sent = self.server.must_batch([
            item(uid, "first", from_uid=peer, channel_type=PERSON),
            item(uid, "second", from_uid=peer, channel_type=PERSON)])
        answer = self.page(uid)
        self.assertEqual(set(answer), {"conversations", "deletes", "unresolved", "next_cursor",
                                       "done", "coverage", "tombstones_retained_since",
                                       "reset_required"})
        self.assertEqual((answer["done"], answer["deletes"], answer["unresolved"]),
                         (True, [], []))
        self.assertEqual((answer["tombstones_retained_since"], answer["reset_required"]),
                         (0, False))
        # It survives a client whose numbers are floating-point.
        self.assertEqual(int(float(answer["coverage"])), answer["coverage"])
        [conversation] = answer["conversations"]
        message = conversation.pop("last_message")
        self.assertEqual(conversation, {
            "channel_id": peer, "channel_type": PERSON, "active_at": 0, "read_seq": 0,
            "deleted_to_seq": 0, "unread": 2})
        self.assertAlmostEqual(message.pop("server_timestamp_ms"), before, delta=60_000)
        self.assertEqual(message, {
            "message_id": sent[1]["message_id"], "message_idstr": str(sent[1]["message_id"]),
            "message_seq": 2, "from_uid": peer, "client_msg_no": sent[1]["client_msg_no"],
            "payload": base64.b64encode(b"second").decode()})
        nobody = self.page(fresh("u"))
        self.assertEqual((nobody["conversations"], nobody["done"]), ([], True))
        self.assertNotIn("next_cursor", nobody)

    def test_pages_of_any_size_bring_all(self):
        uid = fresh("u")
        groups = [self.group(uid) for _ in range(7)]
        for limit in (1, 3, 7, 200):
            self.assertEqual(self.ids(self.walk(uid, limit=limit)), sorted(groups))

    def test_another_device_hears_what_was_deleted(self):
        uid, peer = fresh("u"), fresh("p")
        left, denied, deleted, disbanded, kept = (self.group(uid) for _ in range(5))
        self.server.must_batch([item(uid, from_uid=peer, channel_type=PERSON)])
        coverage = self.covered(uid)
        self.assertEqual(self.walk(uid, completed_coverage=coverage)["deletes"], [])
        self.remove(left, uid)
        self.server.must_post("/channel/blacklist_add", {
            "channel_id": denied, "channel_type": GROUP, "uids": [uid]})
        self.server.must_post("/channel/delete", {
            "channel_id": deleted, "channel_type": GROUP})
        self.server.must_post("/channel/info", {
            "channel_id": disbanded, "channel_type": GROUP, "disband": 1})
        self.act("delete", uid, peer, PERSON)
        for limit in (1, 50):
            answer = self.walk(uid, limit=limit, completed_coverage=coverage)
            self.assertEqual(self.ids(answer), [kept])
            self.assertEqual(self.gone(answer), {(left, GROUP), (denied, GROUP), (deleted, GROUP),
                                                 (disbanded, GROUP), (peer, PERSON)})
        # Told once, to a client that has completed a pass since.
        coverage = self.covered(uid)
        self.assertEqual(self.walk(uid, completed_coverage=coverage)["deletes"], [])
        # Back again.
        self.server.must_post("/channel/subscriber_add", {
            "channel_id": left, "channel_type": GROUP, "subscribers": [uid]})
        self.assertEqual(self.ids(self.walk(uid)), sorted([left, kept]))

    def test_validation(self):
        uid = fresh("u")
        self.group(uid)
        for bad in ({}, {"uid": ""}, {"uid": uid, "limit": 201}, {"uid": uid, "limit": -1},
                    {"uid": uid, "completed_coverage": -1}, {"uid": uid, "cursor": "x"},
                    {"uid": uid, "cursor": 1}):
            self.assertEqual(self.server.post("/conversation/list", bad).status, 400, bad)
        refused = self.server.post("/conversation/list", {"uid": uid, "cursor": "no cursor"})
        self.assertIn("cursor", refused.json()["msg"])
        self.assertEqual(len(self.page(uid, limit=0, cursor="")["conversations"]), 1)


class Forgetting(unittest.TestCase):
    def test_a_client_that_was_away_for_too_long_begins_anew(self):
        server = Server(config={"conversation.tombstoneRetention": "100ms",
                                "retention.interval": "100ms"})
        server.start()
        self.addCleanup(server.destroy)
        uid, group, kept = fresh("u"), fresh("g"), fresh("g")
        for each in (group, kept):
            server.create_group(each, [uid])
            server.must_batch([item(each)])
        coverage = server.must_post("/conversation/list", {"uid": uid})["coverage"]
        server.must_post("/channel/subscriber_remove", {
            "channel_id": group, "channel_type": GROUP, "subscribers": [uid]})

        def page(covered):
            return server.must_post("/conversation/list",
                                    {"uid": uid, "completed_coverage": covered})

        late = wait_until(lambda: (p := page(coverage))["reset_required"] and p,
                          what="the tombstone to be forgotten")
        self.assertEqual(late["deletes"], [])
        self.assertGreater(late["tombstones_retained_since"], coverage)
        self.assertEqual([c["channel_id"] for c in late["conversations"]], [kept])
        self.assertFalse(page(0)["reset_required"])
        self.assertFalse(page(late["coverage"])["reset_required"])
        # That holds after a restart too.
        server.restart(graceful=True)
        self.assertTrue(page(coverage)["reset_required"])


class Activating(DirectoryCase):
    def test_what_was_opened_last_comes_first(self):
        uid = fresh("u")
        groups = sorted(self.group(uid) for _ in range(4))
        for group in (groups[3], groups[1], groups[3], groups[2]):
            self.assertEqual(self.act("activate", uid, group), {"status": 200})
        answer = self.page(uid)
        self.assertEqual(self.ids(answer), [groups[2], groups[3], groups[1], groups[0]])
        active = [c["active_at"] for c in answer["conversations"]]
        self.assertEqual(active, sorted(active, reverse=True))
        self.assertEqual(active[3], 0)
        self.assertAlmostEqual(active[0] / 1e9, time.time(), delta=60)
        self.assertEqual(self.ids(self.walk(uid, limit=1)), self.ids(answer))
        # Deleted and written to again, it is like all others.
        self.act("delete", uid, groups[2])
        self.server.must_batch([item(groups[2])])
        self.assertEqual(self.ids(self.page(uid)),
                         [groups[3], groups[1], groups[0], groups[2]])

    def test_one_without_messages_is_shown(self):
        uid, group = fresh("u"), fresh("g")
        self.server.create_group(group, [uid])
        self.assertEqual(self.ids(self.page(uid)), [])
        self.act("activate", uid, group)
        [conversation] = self.page(uid)["conversations"]
        self.assertEqual(conversation["channel_id"], group)
        self.assertIsNone(conversation["last_message"])
        self.assertEqual(conversation["unread"], 0)

    def test_one_without_messages_is_told_of_when_it_goes(self):
        uid = fresh("u")
        deleted, left, empty = (fresh("g") for _ in range(3))
        for group in (deleted, left, empty):
            self.server.create_group(group, [uid])
        for group in (deleted, left):
            self.act("activate", uid, group)
        coverage = self.covered(uid)
        self.act("delete", uid, deleted)
        # Lost and back again, before any other device asked.
        self.remove(left, uid)
        self.server.must_post("/channel/subscriber_add", {
            "channel_id": left, "channel_type": GROUP, "subscribers": [uid]})
        answer = self.walk(uid, completed_coverage=coverage)
        self.assertEqual(self.ids(answer), [])
        self.assertEqual(self.gone(answer), {(deleted, GROUP), (left, GROUP)})
        coverage = self.covered(uid)
        self.assertEqual(self.walk(uid, completed_coverage=coverage)["deletes"], [])
        # Whoever asks about it is told, also of one that was never shown.
        retried = self.server.must_post("/conversation/retry", {"uid": uid, "channels": [
            {"channel_id": c, "channel_type": GROUP} for c in (deleted, empty)]})
        self.assertEqual(self.gone(retried), {(deleted, GROUP), (empty, GROUP)})

    def test_joining_moves_nothing(self):
        uid, group = fresh("u"), fresh("g")
        self.server.create_group(group, [fresh("u")])
        self.act("clearUnread", uid, group)
        self.act("activate", uid, group)
        before = self.page(uid)["conversations"]
        self.assertEqual([c["channel_id"] for c in before], [group])
        self.server.must_post("/channel/subscriber_add", {
            "channel_id": group, "channel_type": GROUP, "subscribers": [uid]})
        self.assertEqual(self.page(uid)["conversations"], before)

    def test_a_sync_is_not_moved_by_it(self):
        uid = fresh("u")
        group = self.group(uid)
        def versions():
            return [c["version"] for c in
                    self.server.must_post("/conversation/sync", {"uid": uid})]
        self.covered(uid)
        before = versions()
        self.act("activate", uid, group)
        self.assertEqual(versions(), before)

    def test_a_conversation_that_is_not_there(self):
        uid = fresh("u")
        group = self.group(uid)
        self.remove(group, uid)
        for channel_id, channel_type in ((group, GROUP), (fresh("p"), PERSON), (fresh("d"), 7),
                                         (fresh("t"), 8), (fresh("l"), 9)):
            refused = self.server.post("/conversations/activate", {
                "uid": uid, "channel_id": channel_id, "channel_type": channel_type})
            self.assertEqual(refused.status, 404)
            self.assertEqual(refused.json()["code"], "not_found")
        self.assertEqual(self.ids(self.page(uid)), [])
        for bad in ({}, {"uid": uid}, {"uid": uid, "channel_id": group}):
            self.assertEqual(self.server.post("/conversations/activate", bad).status, 400, bad)


class Retrying(DirectoryCase):
    def retry(self, uid, *channels):
        return self.server.must_post("/conversation/retry", {
            "uid": uid, "channels": [{"channel_id": c, "channel_type": t} for c, t in channels]})

    def test_answers_for_these_alone(self):
        uid, peer = fresh("u"), fresh("p")
        group, left, other = self.group(uid), self.group(uid), self.group(uid)
        self.server.must_batch([item(uid, from_uid=peer, channel_type=PERSON)])
        self.remove(left, uid)
        unknown = fresh("g")
        answer = self.retry(uid, (peer, PERSON), (group, GROUP), (left, GROUP), (unknown, GROUP),
                            (group, GROUP))
        self.assertEqual(self.ids(answer), [peer, group])
        listed = {c["channel_id"]: c for c in self.page(uid)["conversations"]}
        self.assertIn(other, listed)
        for conversation in answer["conversations"]:
            self.assertEqual(conversation, listed[conversation["channel_id"]])
        self.assertEqual(self.gone(answer), {(left, GROUP), (unknown, GROUP)})
        self.assertEqual((answer["unresolved"], answer["done"], answer["coverage"],
                          answer["tombstones_retained_since"], answer["reset_required"]),
                         ([], True, 0, 0, False))
        self.assertNotIn("next_cursor", answer)

    def test_validation(self):
        uid = fresh("u")
        one = {"channel_id": "g", "channel_type": GROUP}
        for bad in ({}, {"uid": uid}, {"uid": uid, "channels": []},
                    {"uid": uid, "channels": [{"channel_id": "g"}]},
                    {"uid": uid, "channels": [{"channel_type": GROUP}]},
                    {"uid": uid, "channels": [one] * 201}, {"channels": [one]}):
            self.assertEqual(self.server.post("/conversation/retry", bad).status, 400, bad)


if __name__ == "__main__":
    unittest.main()
