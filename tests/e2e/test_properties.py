"""Property tests: random histories against naive models. A failure prints its seed."""

import random
import unittest

from harness import GROUP, ServerCase, fresh, item


class NaiveChannel:
    """A channel as a list, and what each user has done with it."""

    def __init__(self, users):
        self.messages = []  # dicts: seq, from_uid, readers (None: all), deleted
        self.users = {uid: NaiveUser() for uid in users}
        self.cleared_to = 0

    def send(self, from_uid, readers=None):
        seq = len(self.messages) + 1
        self.messages.append({"seq": seq, "from_uid": from_uid, "readers": readers, "gone": False})
        if from_uid in self.users:
            self.users[from_uid].read_to = seq
        return seq

    def last(self):
        return len(self.messages)

    def readable(self, uid):
        return [m["seq"] for m in self.messages
                if not m["gone"] and m["seq"] > self.cleared_to
                and (m["readers"] is None or uid in m["readers"] or uid == m["from_uid"])]

    def expect(self, uid):
        """unread, readed_to, last_seq of the listed conversation; None when it is hidden."""
        user = self.users[uid]
        readable = self.readable(uid)
        if not readable or readable[-1] <= user.deleted_to:
            return None
        if user.manual:
            count, at = user.manual
            base = max(at, user.read_to, self.cleared_to)
            unread = count + len([s for s in readable if s > base])
        else:
            base = max(user.read_to, user.deleted_to, self.cleared_to)
            unread = len([s for s in readable if s > base])
        return unread, readable[-1]


class NaiveUser:
    def __init__(self):
        self.read_to = 0
        self.deleted_to = 0
        self.manual = None


class UnreadCounts(ServerCase):
    def test_agree_with_a_naive_model(self):
        for seed in range(12):
            with self.subTest(seed=seed):
                self.run_history(random.Random(seed))

    def run_history(self, dice):
        users = [fresh("u") for _ in range(3)]
        outsider = fresh("bot")
        group = fresh("g")
        self.server.create_group(group, users)
        model = NaiveChannel(users)
        for _ in range(60):
            self.step(dice, model, group, users, outsider)
            for uid in users:
                self.compare(model, group, uid)
        self.server.restart()
        for uid in users:
            self.compare(model, group, uid)

    def step(self, dice, model, group, users, outsider):
        uid = dice.choice(users)
        act = dice.randrange(9)
        if act <= 3:
            sender = dice.choice(users + [outsider])
            restricted = dice.random() < 0.25
            readers = dice.sample(users, dice.randrange(1, 3)) if restricted else None
            more = {"subscribers": readers} if restricted else {}
            result = self.server.must_batch([item(group, "m", from_uid=sender, **more)])[0]
            self.assertEqual(result["message_seq"], model.send(sender, readers))
            return
        body = {"uid": uid, "channel_id": group, "channel_type": GROUP}
        user = model.users[uid]
        if act == 4:
            up_to = dice.randrange(0, model.last() + 3)
            self.server.must_post("/conversations/clearUnread", dict(body, message_seq=up_to))
            target = model.last() if up_to == 0 else min(up_to, model.last())
            user.read_to = max(user.read_to, target)
            user.manual = None
        elif act == 5:
            count = dice.randrange(0, model.last() + 3)
            self.server.must_post("/conversations/setUnread", dict(body, unread=count))
            count = min(count, model.last())
            if count == 0:
                user.read_to = model.last()
                user.manual = None
            else:
                user.manual = (count, model.last())
        elif act == 6:
            self.server.must_post("/conversations/delete", body)
            user.deleted_to = model.last()
            user.manual = None
        elif act == 7 and model.last() > 0:
            seq = dice.randrange(1, model.last() + 1)
            self.server.must_post("/message/delete", {
                "channel_id": group, "channel_type": GROUP, "message_seqs": [seq]})
            model.messages[seq - 1]["gone"] = True
        elif act == 8 and model.last() > 0 and dice.random() < 0.3:
            seq = dice.randrange(1, model.last() + 1)
            self.server.must_post("/channel/clear_messages", {
                "channel_id": group, "channel_type": GROUP, "message_seq": seq})
            model.cleared_to = max(model.cleared_to, seq)

    def compare(self, model, group, uid):
        listed = self.server.must_post("/conversation/sync", {"uid": uid, "msg_count": 5})
        found = [c for c in listed if c["channel_id"] == group]
        expected = model.expect(uid)
        if expected is None:
            self.assertEqual(found, [])
            return
        self.assertEqual(len(found), 1)
        unread, last = expected
        self.assertEqual((found[0]["unread"], found[0]["last_msg_seq"]), (unread, last))
        user = model.users[uid]
        recents = [s for s in model.readable(uid) if s > max(user.deleted_to, model.cleared_to)]
        self.assertEqual([m["message_seq"] for m in found[0]["recents"]], recents[::-1][:5])


class MessageRanges(ServerCase):
    """POST /channel/messagesync against the rule written out over a list."""

    def test_agree_with_the_rule_over_a_list(self):
        for seed in range(6):
            with self.subTest(seed=seed):
                self.run_ranges(random.Random(100 + seed))

    def run_ranges(self, dice):
        group, viewer = fresh("g"), fresh("u")
        total = dice.randrange(0, 60)
        readable = []
        batch = []
        for seq in range(1, total + 1):
            hidden = dice.random() < 0.2
            batch.append(item(group, str(seq), **({"subscribers": ["x"]} if hidden else {})))
            if not hidden:
                readable.append(seq)
        if batch:
            self.server.must_batch(batch)
        gone = [seq for seq in readable if dice.random() < 0.15]
        if gone:
            self.server.must_post("/message/delete", {
                "channel_id": group, "channel_type": GROUP, "message_seqs": gone})
        readable = [seq for seq in readable if seq not in gone]
        for _ in range(80):
            start, end = dice.randrange(0, total + 8), dice.randrange(0, total + 8)
            start = 0 if dice.random() < 0.2 else start
            end = 0 if dice.random() < 0.4 else end
            limit = dice.choice([0, 1, 2, 7, 20, 100, 20000])
            mode = dice.randrange(2)
            answer = self.server.must_post("/channel/messagesync", {
                "login_uid": viewer, "channel_id": group, "channel_type": GROUP,
                "start_message_seq": start, "end_message_seq": end, "limit": limit,
                "pull_mode": mode})
            expected, more = self.rule(readable, total, start, end, limit, mode)
            self.assertEqual(([m["message_seq"] for m in answer["messages"]], answer["more"]),
                             (expected, more), (start, end, limit, mode, total))

    @staticmethod
    def rule(readable, last, start, end, limit, mode):
        count = 100 if limit <= 0 else min(limit, 10_000)
        if start == 0 and end == 0:
            return readable[-count:], int(len(readable) > count)
        if mode == 1 or end > start > 0:
            low = max(start, 1)
            high = min(end - 1, last) if end > 0 else last
            inside = [s for s in readable if low <= s <= high]
            return inside[:count], int(len(inside) > count)
        high = last if start == 0 else min(start, last)
        inside = [s for s in readable if end + 1 <= s <= high]
        return inside[-count:], int(len(inside) > count)


if __name__ == "__main__":
    unittest.main()
