"""Files of the store that are damaged, cut or missing: the server says so and does not start, or
everything that was acknowledged is there."""

import glob
import json
import os
import pathlib
import shutil
import struct
import subprocess
import unittest

from harness import Server, binary, item, wait_until
from operations_page import ShownServer


def newest_log(server) -> str:
    return max(glob.glob(server.data_dir + "/*.log"), key=os.path.getsize)


def flip(path, offset, mask=0xFF, count=1):
    with open(path, "r+b") as file:
        file.seek(offset)
        old = file.read(count)
        file.seek(offset)
        file.write(bytes(byte ^ mask for byte in old))


def start_and_fail(server) -> tuple:
    """(exit status, what the server said)."""
    server.spawn()
    try:
        status = server.process.wait(30)
        assert server.process.stdout.read() == b"", "no ready line"
    finally:
        server._kill_quietly(server.process)
    return status, server.log_tail(3)


class DamagedLog(unittest.TestCase):
    """The write-ahead log of a killed server."""

    def setUp(self):
        self.server = Server().start()
        self.addCleanup(self.server.destroy)
        self.acknowledged = {}
        for number in range(20):
            answer = self.server.batch([item("g", "%d-%d" % (number, i)) for i in range(50)])
            self.assertEqual(answer.status, 200, answer)
            for result in answer.json():
                self.acknowledged[result["message_seq"]] = result["message_id"]
        self.server.kill9()
        self.log = newest_log(self.server)

    def assert_refused(self, *words):
        status, said = start_and_fail(self.server)
        self.assertEqual(status, 1, said)
        for word in (self.log, "restore", *words):
            self.assertIn(word, said)

    def assert_whole(self):
        self.server.start()
        stored = {m["message_seq"]: m["message_id"] for m in self.server.messages("g")}
        self.assertEqual(stored, self.acknowledged)

    def test_damage_with_records_behind_it_is_refused(self):
        for offset in (os.path.getsize(self.log) // 10, os.path.getsize(self.log) // 2):
            flip(self.log, offset, count=3)
            self.assert_refused("offset")
            flip(self.log, offset, count=3)
        self.assert_whole()

    def test_a_missing_or_short_log_is_refused(self):
        content = pathlib.Path(self.log).read_bytes()
        os.truncate(self.log, len(content) // 2)
        self.assert_refused("ends at offset %d" % (len(content) // 2))
        os.remove(self.log)
        self.assert_refused("missing")
        pathlib.Path(self.log).write_bytes(content)
        self.assert_whole()

    def test_an_unfinished_write_at_the_end_is_what_a_crash_leaves(self):
        with open(self.log, "ab") as file:
            file.write(b"\x00" * 50 + os.urandom(5000))
        self.assert_whole()


class PreparedLog(unittest.TestCase):
    """A log in blocks that were written before ends in zeros when the server is killed."""

    def setUp(self):
        self.server = Server(config={"storage.writeBufferBytes": "1MiB"}).start()
        self.addCleanup(self.server.destroy)
        self.acknowledged = {}
        # The spare is made while a log grows, so it is a matter of time in which log it ends up.
        wait_until(self.has_prepared, interval=0, what="a log in prepared blocks")
        self.send(2)
        self.server.kill9()
        self.log = max(glob.glob(self.server.data_dir + "/*.log"))

    def has_prepared(self):
        self.send(10)
        return "jindou_store_logs_prepared 0\n" not in self.server.get("/metrics").body.decode()

    def send(self, batches):
        for _ in range(batches):
            answer = self.server.batch(
                [item("g", "%d" % len(self.acknowledged)) for _ in range(50)])
            self.assertEqual(answer.status, 200, answer)
            for result in answer.json():
                self.acknowledged[result["message_seq"]] = result["message_id"]

    def mark(self):
        """How far the newest log was synced (the slot with the higher generation)."""
        content = pathlib.Path(self.server.data_dir, "durable.mark").read_bytes()
        slots = [struct.unpack(">8s3Q", content[at:at + 32]) for at in (0, 4096)]
        return max(slots, key=lambda slot: slot[1])[3]

    def assert_whole(self):
        self.server.start()
        stored = {}
        while len(stored) < len(self.acknowledged):
            page = self.server.post("/channel/messagesync", {
                "login_uid": "reader", "channel_id": "g", "channel_type": 2, "pull_mode": 1,
                "limit": 1000, "start_message_seq": len(stored) + 1}).json()["messages"]
            self.assertTrue(page, "%d of %d" % (len(stored), len(self.acknowledged)))
            stored.update((m["message_seq"], m["message_id"]) for m in page)
        self.assertEqual(stored, self.acknowledged)

    def test_zeros_behind_the_last_record_are_no_news(self):
        synced = self.mark()
        content = pathlib.Path(self.log).read_bytes()
        self.assertGreaterEqual(len(content), 1 << 20)
        self.assertEqual(content[synced:].strip(b"\0"), b"")
        said = len(pathlib.Path(self.server.log_path).read_text())
        self.assert_whole()
        self.assertNotIn("a crash", pathlib.Path(self.server.log_path).read_text()[said:])
        # Nor does a stop leave any of them.
        self.assertEqual(self.server.stop(), 0)
        self.assertLess(sum(map(os.path.getsize, glob.glob(self.server.data_dir + "/*.log*"))), 500)

    def test_damage_before_the_zeros_is_refused(self):
        synced = self.mark()
        for offset in (synced // 3, synced - 2):
            flip(self.log, offset)
            status, said = start_and_fail(self.server)
            self.assertEqual(status, 1, said)
            self.assertIn(self.log, said)
            flip(self.log, offset)
        content = pathlib.Path(self.log).read_bytes()
        with open(self.log, "r+b") as file:
            file.seek(synced - 1000)
            file.write(bytes(1000))
        status, said = start_and_fail(self.server)
        self.assertEqual(status, 1, said)
        self.assertIn("damaged", said)
        pathlib.Path(self.log).write_bytes(content)
        self.assert_whole()


class AcceptedLoss(unittest.TestCase):
    """A start with --accept-data-loss: what is before the damage is there, and nothing that may have
    been given out is given out again."""

    def setUp(self):
        self.server = Server().start()
        self.addCleanup(self.server.destroy)
        self.assertEqual(self.server.post("/channel", {
            "channel_id": "g", "channel_type": 2, "subscribers": ["u1", "reader"]}).status, 200)
        self.given = []
        for number in range(20):
            answer = self.server.batch([item("g", "%d-%d" % (number, i)) for i in range(50)])
            self.given += [(r["message_seq"], r["message_id"]) for r in answer.json()]
        # Channels of the damaged part only.
        for number in range(20):
            self.given += [(r["message_seq"], r["message_id"]) for r in
                           self.server.batch([item("late%d" % number, "x")]).json()]
        self.server.kill9()
        self.log = newest_log(self.server)
        flip(self.log, os.path.getsize(self.log) // 2)

    def accept(self):
        self.server.config["storage.acceptDataLoss"] = "true"
        self.server.start()
        del self.server.config["storage.acceptDataLoss"]

    def test_no_id_and_no_seq_is_given_twice(self):
        status, said = start_and_fail(self.server)
        self.assertEqual(status, 1)
        self.assertIn("--accept-data-loss", said)
        self.accept()
        kept = self.server.messages("g")
        self.assertTrue(300 < len(kept) < 700, len(kept))
        self.assertEqual([(m["message_seq"], m["message_id"]) for m in kept],
                         self.given[:len(kept)])
        for group in ("g", "late3", "new"):
            answer = self.server.batch([item(group, "again%d" % i) for i in range(3)]).json()
            seqs = [r["message_seq"] for r in answer]
            self.assertEqual(seqs, [seqs[0], seqs[0] + 1, seqs[0] + 2])
            self.assertGreater(seqs[0], max(seq for seq, _ in self.given))
            self.assertGreater(min(r["message_id"] for r in answer), max(i for _, i in self.given))
        # What was lost is no duplicate: it is stored again.
        number = "%s-%s" % ("g", "lost")
        repeat = self.server.batch([item("g", "x", client_msg_no=number)]).json()[0]
        self.assertFalse(repeat.get("duplicate"))

    def test_a_repair_does_the_same_when_it_is_told_to(self):
        def repair(status, *words):
            done = subprocess.run([binary(), "repair", self.server.data_dir, *words],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  timeout=60, check=False)
            self.assertEqual(done.returncode, status, done)
            return done.stdout
        self.assertIn(self.log, repair(1))
        self.assertIn("nothing was changed", repair(1, "--apply"))
        said = repair(0, "--apply", "--accept-loss")
        self.assertIn("lost: what was written behind it", said)
        self.assertTrue(glob.glob(self.server.data_dir + "/before-repair-*/*.log"))
        self.assertTrue(glob.glob(self.server.data_dir + "/repair-*.txt"))
        self.server.start()
        kept = self.server.messages("g")
        self.assertEqual([(m["message_seq"], m["message_id"]) for m in kept],
                         self.given[:len(kept)])
        self.assertTrue(300 < len(kept) < 700, len(kept))
        health = self.server.get("/health").json()
        self.assertIn("was given up 1 time(s)", health["warnings"][0])
        for group in ("g", "late3", "new"):
            sent = self.server.must_batch([item(group, "again")])[0]
            self.assertGreater(sent["message_seq"], max(seq for seq, _ in self.given))
            self.assertGreater(sent["message_id"], max(number for _, number in self.given))

    def test_the_documented_command_accepts_it(self):
        shutil.copytree(self.server.data_dir, self.server.data_dir + "-before")
        config = pathlib.Path(self.server.dir, "jindou.yaml")
        config.write_text("dataDir: %s\n" % self.server.data_dir)
        # As this user, not as that of the package.
        with ShownServer(
                "systemd-run --pty --uid=jindou -p EnvironmentFile=-/etc/jindou/secrets.env "
                "jindou serve --config /etc/jindou/jindou.yaml --accept-data-loss",
                ("systemd-run --pty --uid=jindou -p EnvironmentFile=-/etc/jindou/secrets.env ", ""),
                ("/etc/jindou/jindou.yaml", config), cwd=self.server.dir) as server:
            self.assertIn("was given up 1 time(s)", server.get("/health").json()["warnings"][0])
            self.assertEqual(server.stop(), 0)
        self.server.start()  # without the switch
        self.assertTrue(self.server.messages("g"))
        self.assertEqual(self.server.stop(), 0)
        # And with no file of settings.
        with ShownServer("jindou serve --accept-data-loss",
                         env={"WK_DATADIR": self.server.data_dir + "-before"},
                         cwd=self.server.dir) as server:
            self.assertIn("was given up 1 time(s)", server.get("/health").json()["warnings"][0])

    def test_it_stays_visible(self):
        self.accept()
        for _ in range(2):
            health = self.server.get("/health")
            self.assertEqual(health.status, 200)
            self.assertIn("was given up 1 time(s)", health.json()["warnings"][0])
            self.assertIn("jindou_data_losses_accepted 1", self.server.get("/metrics").body.decode())
            self.server.restart()
        self.assertTrue(glob.glob(self.server.data_dir + "/damaged-logs-*/*.log"))

    def test_seqs_that_were_skipped_are_not_unread(self):
        self.accept()
        kept = len(self.server.messages("g"))
        self.server.batch([item("g", "after%d" % i) for i in range(5)])
        answer = self.server.post("/conversation/sync", {"uid": "reader", "msg_count": 1})
        unread = {c["channel_id"]: c["unread"] for c in answer.json()}
        self.assertEqual(unread["g"], kept + 5)
        stored = self.server.messages("g")
        self.assertEqual(len(stored), kept + 5)
        self.server.post("/conversations/setUnread",
                         {"uid": "reader", "channel_id": "g", "channel_type": 2, "unread": 0})
        self.server.batch([item("g", "one more")])
        answer = self.server.post("/conversation/sync", {"uid": "reader", "msg_count": 1})
        self.assertEqual({c["channel_id"]: c["unread"] for c in answer.json()}["g"], 1)


class CleanStop(unittest.TestCase):
    def test_a_stop_leaves_nothing_to_replay(self):
        with Server() as server:
            for number in range(10):
                server.batch([item("g", "%d-%d" % (number, i)) for i in range(50)])
            self.assertEqual(server.stop(), 0)
            self.assertLess(sum(map(os.path.getsize, glob.glob(server.data_dir + "/*.log"))), 500)
            # Not even the logs themselves are needed then.
            for log in glob.glob(server.data_dir + "/*.log"):
                flip(log, 0)
            server.start()
            self.assertEqual(len(server.messages("g")), 500)
