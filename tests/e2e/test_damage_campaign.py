"""Flips bits in, and cuts, every kind of file of a store, one place at a time, and starts the server
on it. Each outcome is one of three: the server does not start and names the file; it runs, names the
file in /health and answers errors where it cannot read; or nothing is missing. Never does it answer
something wrong, of messages, lists, tokens or conversations. The seed decides the places; the table in
docs/operations.md is made of the counts this prints."""

import base64
import collections
import glob
import os
import random
import re
import shutil
import tempfile
import unittest

from harness import GROUP, QUICK, Server, item, wait_until
from wkproto import Client, Closed, Timeout

SEED = 20
FLIPS, CUTS = (12, 6) if QUICK else (50, 20)
GROUPS = ["g%d" % i for i in range(4)]
USERS = ["u%d" % i for i in range(4)]
CONFIG = {"tokenAuthOn": "true", "storage.writeBufferBytes": "1MiB", "storage.partitions": "2",
          "dedup.generationEntries": "64", "storage.verifyInterval": "100ms",
          "storage.verifyBytesPerSecond": "1GiB"}


class Wrong(AssertionError):
    """Something acknowledged is missing or different, and nobody said so."""


def kind_of(name) -> str:
    if name.endswith(".sst"):
        return "table file"
    if name.endswith(".log"):
        return "write-ahead log"
    if name.endswith(".load"):
        return "load file"
    return re.sub(r"-\d+$", "", name)


def read_all(server, group):
    """Messages by seq, or None when the server says that it cannot read them."""
    out, start = {}, 1
    while True:
        answer = server.post("/channel/messagesync", {
            "login_uid": "reader", "channel_id": group, "channel_type": 2, "pull_mode": 1,
            "limit": 1000, "start_message_seq": start})
        if answer.status >= 500:
            return None
        page = answer.json()
        for message in page["messages"]:
            out[message["message_seq"]] = (message["message_id"], message["payload"])
        if not page["more"]:
            return out
        start = max(out) + 1


def read_rest(server):
    """What is stored besides messages, each under its name; None where the server says that it
    cannot read it."""
    def taken(answer):
        return None if answer.status >= 500 else (answer.status, answer.json())

    out = {}
    for group in GROUPS:
        place = {"channel_id": group, "channel_type": GROUP, "limit": 1000}
        for what in ("subscribers", "denylist"):
            out["%s of %s" % (what, group)] = taken(server.get("/channel/" + what, place))
    for uid in USERS:
        out["devices of " + uid] = taken(server.get("/user/info", {"uid": uid}))
        listed = taken(server.post("/conversation/sync", {"uid": uid, "msg_count": 1}))
        for conversation in listed[1] if listed else ():
            del conversation["version"]  # may still rise a little when nothing changes
        out["conversations of " + uid] = listed
    return out


def login(server, uid, token):
    """The reason of the CONNACK; None without one."""
    with Client(server.tcp, uid, token=token) as client:
        try:
            return client.connect().reason
        except (Closed, Timeout):
            return None


class Campaign(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.random = random.Random(SEED)
        cls.home = tempfile.mkdtemp(prefix="jindou-damage-")
        cls.addClassCleanup(shutil.rmtree, cls.home, ignore_errors=True)
        cls.acknowledged = {group: {} for group in GROUPS}
        cls.numbers = {}
        cls.tokens = {}  # the last of each user; those before are "first"
        with Server(config=CONFIG) as server:
            for group in GROUPS:
                server.create_group(group, USERS)
            for uid in USERS:
                cls.store_token(server, uid, "first")
            # Several tables, some of them of the index, and a log that holds what is in none.
            for round_ in range(4):
                for number in range(40):
                    cls.send(server, "%d-%d" % (round_, number))
                cls.change_rest(server, round_)
                if round_ < 3:
                    assert server.stop() == 0
                    server.start()
            cls.rest = read_rest(server)
            server.kill9()
            cls.store = os.path.join(cls.home, "store")
            shutil.copytree(server.data_dir, cls.store)
        cls.files = sorted(name for name in os.listdir(cls.store)
                           if os.path.getsize(os.path.join(cls.store, name)) > 0)

    @classmethod
    def send(cls, server, tag):
        group = cls.random.choice(GROUPS)
        items = [item(group, base64.b64encode(cls.random.randbytes(100)).decode(),
                      client_msg_no="%s-%d" % (tag, i)) for i in range(25)]
        answer = server.batch(items)
        assert answer.status == 200, answer
        for sent, result in zip(items, answer.json()):
            cls.acknowledged[group][result["message_seq"]] = (result["message_id"],
                                                              sent["payload"])
            cls.numbers[sent["client_msg_no"]] = (sent, result["message_id"])

    @classmethod
    def store_token(cls, server, uid, token):
        server.must_post("/user/token", {"uid": uid, "token": token, "device_level": 1})
        cls.tokens[uid] = token

    @classmethod
    def change_rest(cls, server, round_):
        """Lists, tokens and conversations: in each round some are made, changed and removed."""
        def change(path, group, **more):
            server.must_post(path, dict(more, channel_id=group, channel_type=GROUP))

        for group in GROUPS:
            members = ["m%d-%d" % (round_, i) for i in range(20)]
            change("/channel/subscriber_add", group, subscribers=members)
            change("/channel/subscriber_remove", group, subscribers=members[:3])
            change("/channel/blacklist_add", group, uids=members[3:8])
            change("/channel/blacklist_remove", group, uids=members[3:5])
        for number, uid in enumerate(USERS):
            if number == round_:
                cls.store_token(server, uid, "token of round %d" % round_)
            change("/conversations/setUnread", GROUPS[round_], uid=uid, unread=10 * number)
            change("/conversations/clearUnread", GROUPS[round_ - 1], uid=uid)
        change("/conversations/delete", GROUPS[round_ - 2], uid=USERS[round_])

    def outcome(self, name, damage) -> str:
        """Damages a copy of the store, starts a server on it and judges what it does."""
        directory = tempfile.mkdtemp(dir=self.home)
        server = Server(config=CONFIG, data_dir=directory)
        self.addCleanup(server.destroy)
        # The copy keeps nothing that tells it from the store but the inode.
        shutil.copytree(self.store, server.data_dir)
        damage(os.path.join(server.data_dir, name))
        server.spawn()
        try:
            ready = wait_until(lambda: not server.alive() or
                               '"msg":"jindou ' in server.log_tail(5), 30)
            self.assertTrue(ready)
            if not server.alive():
                self.assertEqual(server.process.returncode, 1, server.log_tail())
                self.assertIn(name, server.log_tail(4), "the refusal names the file")
                return "named at the start"
            server.http, server.tcp = re.search(r"HTTP on ([0-9.:]+), TCP on ([0-9.:]+)",
                                                server.log_tail(5)).groups()
            return self.judge_running(server, name)
        finally:
            server.kill9()
            shutil.rmtree(directory, ignore_errors=True)

    def judge_running(self, server, name) -> str:
        whole = True
        for group in GROUPS:
            found = read_all(server, group)
            if found is None:
                whole = False
            elif found != self.acknowledged[group]:
                raise Wrong("%s: messages of %s differ" % (name, group))
        whole = self.judge_rest(server, name) and whole
        for number in self.random.sample(sorted(self.numbers), 30):
            sent, message_id = self.numbers[number]
            answer = server.batch([sent])
            result = answer.json()[0] if answer.status == 200 else {}
            if result.get("reason") != 1:
                whole = False
            elif result["message_id"] != message_id:
                raise Wrong("%s: %s was stored again" % (name, number))
        wait_until(lambda: "jindou_tables_verified_walks_total 0\n" not in
                   server.get("/metrics").body.decode(), 20)
        health = server.get("/health")
        if health.status == 500:
            self.assertIn(name, health.json()["message"])
            return "named while running"
        if not whole:
            raise Wrong("%s: errors, and /health is ok" % name)
        return "harmless"

    def judge_rest(self, server, name) -> bool:
        """Whether all of it was read."""
        whole = True
        for what, found in read_rest(server).items():
            if found is None:
                whole = False
            elif found != self.rest[what]:
                raise Wrong("%s: %s differ" % (name, what))
        uid = self.random.choice(USERS)
        reason = login(server, uid, self.tokens[uid])
        if reason not in (None, 1, 15) or login(server, uid, "first") == 1:
            raise Wrong("%s: the token of %s differs" % (name, uid))
        return whole and reason == 1

    def run_campaign(self, count, damage_of):
        table = collections.defaultdict(collections.Counter)
        # Every kind of file is hit; logs, manifests and tables more often, because they hold more.
        kinds = collections.defaultdict(list)
        for name in self.files:
            kinds[kind_of(name)].append(name)
        turns = sorted(kinds) + ["write-ahead log", "MANIFEST", "table file"] * 3
        for i in range(count):
            name = self.random.choice(kinds[turns[i % len(turns)]])
            size = os.path.getsize(os.path.join(self.store, name))
            place = self.random.randrange(size)
            with self.subTest(file=name, place=place, size=size):
                table[kind_of(name)][self.outcome(name, damage_of(place))] += 1
        for kind, outcomes in sorted(table.items()):
            print("  %-16s %s" % (kind, dict(outcomes)), flush=True)
        self.assertGreater(sum(sum(o.values()) for o in table.values()), 0)

    def test_flipped_bits(self):
        def damage_of(place):
            bit = 1 << self.random.randrange(8)

            def flip(path):
                with open(path, "r+b") as file:
                    file.seek(place)
                    old = file.read(1)[0]
                    file.seek(place)
                    file.write(bytes([old ^ bit]))
            return flip
        self.run_campaign(FLIPS, damage_of)

    def test_cut_files(self):
        self.run_campaign(CUTS, lambda place: lambda path: os.truncate(path, place))

    def test_the_store_itself_is_whole(self):
        self.assertEqual(self.outcome(self.files[0], lambda path: None), "harmless")
        logs = glob.glob(self.store + "/*.log")
        self.assertTrue(logs and any(os.path.getsize(log) > 10_000 for log in logs))
        self.assertGreater(sum(name.endswith(".sst") for name in self.files), 4)
