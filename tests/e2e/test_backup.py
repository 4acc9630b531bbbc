"""Backups of a running server: whole or not there, and everything acknowledged before is in them."""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import threading
import unittest

from harness import ROOT, Server, ServerCase, binary, fresh, item, wait_until
from operations_page import run_script, run_shown, shown_block
from test_disk_full import UNSHARE, can_mount

TOKEN = "a-manager-token-of-tests"


class Sender:
    """Sends batches to one group from a thread of its own, until it is stopped."""

    def __init__(self, server, group):
        self.server, self.group = server, group
        self.acknowledged = []  # (seq, id)
        self.number = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *unused):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.is_set():
            self.number += 1
            items = [item(self.group, "%d-%d" % (self.number, i),
                          client_msg_no="%s-%d-%d" % (self.group, self.number, i))
                     for i in range(100)]
            for result in self.server.must_batch(items):
                self.acknowledged.append((result["message_seq"], result["message_id"]))


def backups_in(server):
    """Names below the directory of backups, those of unfinished ones included."""
    directory = pathlib.Path(server.data_dir, "backups")
    return sorted(each.name for each in directory.iterdir()) if directory.exists() else []


class Backup(ServerCase):
    config = {"storage.partitions": "4", "dedup.generationEntries": "1000"}

    def test_what_was_acknowledged_before_the_call_is_in_it(self):
        group = fresh("g")
        self.server.create_group(group, ["reader"])
        with Sender(self.server, group) as sender:
            wait_until(lambda: len(sender.acknowledged) > 5000, timeout=30, what="5000 messages")
            before = list(sender.acknowledged)
            answer = self.server.post("/backups")
            self.assertEqual(answer.status, 200, answer)
            during = len(sender.acknowledged)
            wait_until(lambda: len(sender.acknowledged) > during, timeout=30, what="more messages")
        made = answer.json()
        self.assertEqual(set(made), {"name", "directory", "made_at", "files", "bytes",
                                     "linked_bytes"})
        self.assertEqual(made["directory"],
                         os.path.join(self.server.data_dir, "backups", made["name"]))
        manifest = json.loads(pathlib.Path(made["directory"], "backup.json").read_text())
        self.assertEqual(len(manifest["files"]), made["files"])
        self.assertIn("jwt.secret", [file["name"] for file in manifest["files"]])
        self.assertEqual(sum(manifest["positions"]) > 0, True)

        listed = self.server.get("/backups").json()
        self.assertEqual(listed, {"backups": [made], "making": False})
        metrics = self.server.get("/metrics").body.decode()
        self.assertIn("\njindou_backup_failures_total 0\n", metrics)
        self.assertGreaterEqual(float(metrics.split("\njindou_backup_last_timestamp_seconds ")[1]
                                      .split("\n")[0]), made["made_at"])

        # A copy of it is a store like any other.
        directory = tempfile.mkdtemp(prefix="jindou-e2e-")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        shutil.copytree(made["directory"], os.path.join(directory, "data"))
        with Server(config=self.config, data_dir=directory) as restored:
            kept = [(m["message_seq"], m["message_id"]) for m in restored.messages(group)]
            self.assertEqual(kept[:len(before)], before)
            self.assertEqual([seq for seq, _ in kept], list(range(1, len(kept) + 1)))
            self.assertEqual(restored.get("/health").json(), {"status": "ok"})
            self.assertNotIn('"component":"store"', restored.log_tail())
            # A repeat is known.
            repeat = item(group, "1-0", client_msg_no=group + "-1-0")
            result = restored.must_batch([repeat])[0]
            self.assertEqual((result["message_seq"], result["message_id"]), before[0])

    def test_nobody_names_a_directory(self):
        for body in ({"directory": "/tmp/x"}, {}, "x"):
            self.assert_error(self.server.post("/backups", body), 400)

    def test_old_ones_go(self):
        with Server(config={"backup.keep": "2"}) as server:
            names = [server.must_post("/backups", None)["name"] for _ in range(4)]
            self.assertEqual(backups_in(server), sorted(names[-2:]))
            self.assertEqual([each["name"] for each in server.get("/backups").json()["backups"]],
                             names[:1:-1])

    def test_elsewhere_or_not_at_all(self):
        with tempfile.TemporaryDirectory() as elsewhere:
            with Server(config={"backup.dir": elsewhere}) as server:
                made = server.must_post("/backups", None)
                self.assertEqual(made["directory"], os.path.join(elsewhere, made["name"]))
                self.assertEqual(os.stat(made["directory"]).st_mode & 0o777, 0o700)
        with Server(yaml='backup.dir: ""\n') as server:
            self.assertIn("backup.dir", self.assert_error(server.post("/backups"), 404)["msg"])
            self.assert_error(server.get("/backups"), 404)

    def test_where_nothing_can_be_written_nothing_is_left(self):
        with tempfile.NamedTemporaryFile() as file:
            with Server(config={"backup.dir": file.name + "/below"}) as server:
                self.assertIn(file.name, self.assert_error(server.post("/backups"), 500)["msg"])
                self.assertIn("\njindou_backup_failures_total 1\n",
                              server.get("/metrics").body.decode())
                server.wait_for_log("none was made")
                self.assertEqual(server.get("/health").status, 200)


@unittest.skipUnless(can_mount(), "mount namespaces are not permitted here")
class BackupOnAFullDisk(unittest.TestCase):
    def test_is_refused_and_leaves_nothing(self):
        def with_small_disk(server):
            script = ('mkdir -p "$0" && mount -t tmpfs -o size=16m tmpfs "$0" && exec "$@"')
            return [*UNSHARE, "sh", "-c", script, os.path.join(server.data_dir, "backups")]

        with Server(wrapper=with_small_disk) as server:
            server.must_batch([item("g", "x")])
            answer = server.post("/backups")
            self.assertEqual(answer.status, 500, answer)
            self.assertRegex(answer.json()["msg"], r"needs \d+ MiB free in \S+, \d+ MiB are there")
            self.assertEqual(server.get("/backups").json(), {"backups": [], "making": False})
            self.assertEqual(server.get("/health").status, 200)
            server.must_batch([item("g", "y")])


class BackupThatTakesItsTime(unittest.TestCase):
    """The rate of background work is so low that a backup of some megabytes takes seconds."""

    def setUp(self):
        self.server = Server(config={"storage.backgroundBytesPerSecond": "1MiB",
                                     "storage.stopFlushTimeout": "0s"}).start()
        self.addCleanup(self.server.destroy)
        payload = base64.b64encode(os.urandom(10_000)).decode()
        for _ in range(2):
            self.server.must_batch([{**item("g"), "payload": payload} for _ in range(100)])

    def begin(self):
        answers = []

        def ask():
            try:
                answers.append(self.server.post("/backups", timeout=60).status)
            except (OSError, EOFError):
                answers.append(None)
        thread = threading.Thread(target=ask)
        thread.start()
        self.addCleanup(thread.join)
        wait_until(lambda: any(name.endswith(".part") for name in backups_in(self.server)),
                   timeout=30, what="the beginning of a backup")
        return thread, answers

    def test_there_is_one_at_a_time(self):
        thread, answers = self.begin()
        self.assertTrue(self.server.get("/backups").json()["making"])
        answer = self.server.post("/backups")
        self.assertEqual((answer.status, answer.json()["code"]), (409, "conflict"))
        # Sends go on.
        self.server.must_batch([item("g", "beside it")])
        thread.join()
        self.assertEqual(answers, [200])
        self.assertEqual(len(self.server.get("/backups").json()["backups"]), 1)
        self.assertEqual(len(backups_in(self.server)), 1)

    def test_a_crash_leaves_none_that_looks_whole(self):
        thread, answers = self.begin()
        self.server.kill9()
        thread.join()
        self.assertNotIn(200, answers)
        left = backups_in(self.server)
        self.assertEqual([name for name in left if not name.endswith(".part")], [])
        self.assertFalse(pathlib.Path(self.server.data_dir, "backups", left[0], "backup.json").exists())
        self.server.start()
        self.assertEqual(backups_in(self.server), [])
        self.assertEqual(len(self.server.messages("g", login_uid="sender")), 200)

    def test_a_stop_gives_it_up(self):
        thread, answers = self.begin()
        self.assertEqual(self.server.stop(), 0)
        thread.join()
        self.assertNotIn(200, answers)
        self.assertEqual(backups_in(self.server), [])


class VerifyAndRestore(unittest.TestCase):
    """What `jindou backup`, `verify` and `restore` do with a backup that was made under load."""

    @classmethod
    def setUpClass(cls):
        cls.root = tempfile.mkdtemp(prefix="jindou-e2e-")
        cls.addClassCleanup(shutil.rmtree, cls.root, ignore_errors=True)
        cls.server = Server(config={"storage.partitions": "4", "dedup.generationEntries": "1000",
                                    "storage.writeBufferBytes": "1MiB"}).start()
        cls.addClassCleanup(cls.server.destroy)
        cls.server.create_group("g", ["reader"])
        with Sender(cls.server, "g") as sender:
            wait_until(lambda: len(sender.acknowledged) > 20_000, timeout=30, what="messages")
            cls.server.must_post("/message/delete", {"channel_id": "g", "channel_type": 2,
                                                     "login_uid": "reader", "message_seqs": [7, 8]})
            cls.before = list(sender.acknowledged)
            made = cls.run_jindou("backup", "--url", "http://" + cls.server.http)
            assert made.returncode == 0, made
            cls.backup = made.stdout.strip()
        cls.after = list(sender.acknowledged)

    @staticmethod
    def run_jindou(*words):
        return subprocess.run([binary(), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, text=True, timeout=60, check=False)

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="case-", dir=self.root)

    def path(self, name):
        return os.path.join(self.directory, name)

    def copy(self, source=None):
        """A copy of the backup that a test may damage."""
        return shutil.copytree(source or self.backup, self.path("copy"))

    def check(self, directory, status, *words):
        done = self.run_jindou("verify", directory)
        self.assertEqual(done.returncode, status, done)
        for word in words:
            self.assertIn(word, done.stdout + done.stderr)
        return done

    def test_the_backup_is_whole(self):
        self.check(self.backup, 0, "is whole", " messages in ")
        listed = self.run_jindou("backup", "--list", "--url", "http://" + self.server.http)
        self.assertIn(self.backup, [line.split("\t")[0] for line in listed.stdout.splitlines()])
        self.assertEqual(listed.returncode, 0)

    def test_nothing_acknowledged_before_is_missing_in_what_is_restored(self):
        restored = self.run_jindou("restore", self.backup, self.path("data"))
        self.assertEqual(restored.returncode, 0, restored)
        self.assertIn("jindou serve --data-dir " + self.path("data"), restored.stdout)
        self.assertEqual("it belongs to root, who has to run" in restored.stdout,
                         os.geteuid() == 0)
        self.check(self.path("data"), 0)
        with Server(config=self.server.config, data_dir=self.directory) as server:
            kept = [(m["message_seq"], m["message_id"]) for m in server.messages("g")]
            wanted = [one for one in self.before if one[0] not in (7, 8)]
            self.assertEqual(kept[:len(wanted)], wanted)
            self.assertIn("was given up 1 time(s)", server.get("/health").json()["warnings"][0])
            # Clients have seen what came after the backup: none of it comes again as another one.
            for group in ("g", "new"):
                sent = server.must_batch([item(group, "again")])[0]
                self.assertGreater(sent["message_seq"], max(seq for seq, _ in self.after))
                self.assertGreater(sent["message_id"], max(number for _, number in self.after))
            unread = [one for one in server.must_post("/conversation/sync", {"uid": "reader"})
                      if one["channel_id"] == "g"][0]["unread"]
            self.assertEqual(unread, len(kept) + 1)
            server.restart()
            self.assertIn("1 time(s)", server.get("/health").json()["warnings"][0])
            # A second backup, of what was restored.
            again = server.must_post("/backups", None)["directory"]
            self.check(again, 0)
            # Not while it is open.
            self.check(server.data_dir, 2, "has " + server.data_dir + " open")
            done = self.run_jindou("restore", self.backup, server.data_dir)
            self.assertEqual(done.returncode, 2, done)
            self.assertIn("open", done.stderr)
            self.assertEqual(server.stop(), 0)
            self.check(server.data_dir, 0)
            self.check(again, 0)

    def test_a_flipped_byte_is_named(self):
        copy = self.copy()
        names = sorted(os.listdir(copy))
        tables = [name for name in names if name.endswith(".sst")]
        self.assertTrue(tables)
        for name in tables[:1] + [name for name in names if not name.endswith(".sst")]:
            with self.subTest(name):
                path = pathlib.Path(copy, name)
                content = path.read_bytes()
                middle = len(content) // 2
                path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) +
                                 content[middle + 1:])
                self.check(copy, 1, str(path), "damaged")
                path.write_bytes(content)
        # Nothing is made of it.
        path.write_bytes(b"x")
        done = self.run_jindou("restore", copy, self.path("data"))
        self.assertEqual(done.returncode, 1, done)
        self.assertFalse(os.path.exists(self.path("data")))

    def test_a_used_directory_is_left_alone(self):
        os.mkdir(self.path("used"))
        pathlib.Path(self.path("used"), "file").write_text("x")
        for target in (self.path("used"), self.path("used/file")):
            done = self.run_jindou("restore", self.backup, target)
            self.assertEqual(done.returncode, 2, done)
        self.assertEqual(os.listdir(self.path("used")), ["file"])
        done = self.run_jindou("restore", self.path("used"), self.path("data"))
        self.assertEqual(done.returncode, 2, done)
        self.assertIn("is no backup", done.stderr)
        self.check(self.path("used"), 2, "neither a backup nor a data directory")

    def test_a_copy_of_an_open_directory_is_refused(self):
        with Server(config={"storage.writeBufferBytes": "1MiB"}) as server:
            server.must_batch([item("g", "%d" % i) for i in range(500)])
            copied = os.path.join(self.directory, "data")
            shutil.copytree(server.data_dir, copied)
            # File by file: the log came before what had been synced by the time of the mark.
            server.must_batch([item("g", "later %d" % i) for i in range(500)])
            shutil.copy(os.path.join(server.data_dir, "durable.mark"), copied)
        done = self.check(copied, 1, "made while a server had it open")
        self.assertIn("jindou backup", done.stdout)
        opened = Server(data_dir=self.directory)
        self.addCleanup(opened.destroy)
        opened.spawn()
        self.assertEqual(opened.process.wait(30), 1)
        opened.wait_for_log("is a copy that was made while a server had it open")

    def test_what_a_crash_left_is_no_damage(self):
        with Server(config={"storage.writeBufferBytes": "1MiB"}) as server:
            for _ in range(5):
                server.must_batch([item("g", "x" * 1000) for _ in range(1000)])
            server.kill9()
            before = {name: os.stat(os.path.join(server.data_dir, name)).st_mtime_ns
                      for name in os.listdir(server.data_dir)}
            self.check(server.data_dir, 0, "5000 messages in 1 logs")
            self.assertEqual(before, {name: os.stat(os.path.join(server.data_dir, name)).st_mtime_ns
                                      for name in os.listdir(server.data_dir)})

    def test_stores_of_older_versions_are_whole(self):
        archives = sorted((ROOT / "tests" / "e2e" / "stores").glob("format-*.tar.gz"))
        self.assertTrue(archives)
        for archive in archives:
            with self.subTest(archive.name), tarfile.open(archive) as kept:
                kept.extractall(self.path(archive.name))
                self.check(self.path(archive.name) + "/data", 0, "is whole")

    def flip(self, path):
        content = pathlib.Path(path).read_bytes()
        middle = len(content) // 2
        pathlib.Path(path).write_bytes(content[:middle] + bytes([content[middle] ^ 1]) +
                                       content[middle + 1:])

    def repair(self, status, *words):
        done = self.run_jindou("repair", self.path("data"), *words)
        self.assertEqual(done.returncode, status, done)
        return done.stdout + done.stderr

    def flip_until(self, status, tables):
        """A table that is damaged from then on, the first with which `jindou repair` ends so."""
        for path in tables:
            self.flip(path)
            if self.run_jindou("repair", self.path("data")).returncode == status:
                return path
            self.flip(path)
        self.fail("there is none")

    def test_a_damaged_index_is_made_again_and_messages_are_not(self):
        done = self.run_jindou("restore", self.backup, self.path("data"), "--skip", "0")
        self.assertEqual(done.returncode, 0, done)
        tables = sorted((os.path.join(self.path("data"), name)
                         for name in os.listdir(self.path("data")) if name.endswith(".sst")),
                        key=os.path.getsize)
        before = set(os.listdir(self.path("data")))
        large = self.flip_until(3, reversed(tables))
        said = self.repair(3, "--apply", "--accept-loss")
        self.assertIn(large, said)
        self.assertIn("jindou restore ", said)
        self.flip(large)
        # Those of the index are small: they are loaded by the thousand.
        small = self.flip_until(1, tables)
        self.assertEqual(set(os.listdir(self.path("data"))), before)
        os.remove(small)
        self.assertIn("without loss", self.repair(1))
        said = self.repair(0, "--apply")
        self.assertIn("is repaired and whole", said)
        report, = [name for name in os.listdir(self.path("data")) if name.startswith("repair-")]
        self.assertIn(small, pathlib.Path(self.path("data"), report).read_text())
        self.check(self.path("data"), 0)
        self.assertIn("is whole", self.repair(0, "--apply"))
        with Server(config=self.server.config, data_dir=self.directory) as server:
            kept = [(m["message_seq"], m["message_id"]) for m in server.messages("g")]
            wanted = [one for one in self.before if one[0] not in (7, 8)]
            self.assertEqual(kept[:len(wanted)], wanted)
            self.assertEqual(server.get("/health").json(), {"status": "ok"})
            for number in (1, 100):
                repeat = item("g", "%d-0" % number, client_msg_no="g-%d-0" % number)
                result = server.must_batch([repeat])[0]
                self.assertEqual((result["message_seq"], result["message_id"]),
                                 self.before[(number - 1) * 100])
            self.assertIn("another process has", self.repair(2))

    def test_failures_of_the_call_are_told(self):
        with Server(yaml='backup.dir: ""\n') as server:
            done = self.run_jindou("backup", "--url", "http://" + server.http)
            self.assertEqual((done.returncode, done.stdout), (2, ""), done)
            self.assertIn("backup.dir is empty", done.stderr)
        done = self.run_jindou("backup", "--patience", "5")  # it does not try again
        self.assertEqual((done.returncode, "--patience" in done.stderr), (2, True), done)
        done = self.run_jindou("backup", "--url", "http://127.0.0.1:1", "--timeout", "5")
        self.assertEqual(done.returncode, 3, done)

    def test_commands_of_the_documents_work(self):
        data, token = self.path("documented"), self.path("token")
        os.mkdir(data)
        pathlib.Path(token).write_text("none\n")
        done = run_script(shown_block("backup", ("/var/lib/jindou", data),
                                      ("/run/jindou.token", token)),
                          env={"JINDOU_URL": "http://" + self.server.http})
        self.assertEqual(done.returncode, 0, done)
        restored = os.path.join(data, "restored")
        done = run_shown("jindou verify DIR", ("DIR", restored))
        self.assertEqual(done.returncode, 0, done)
        self.assertIn(" is whole", done.stdout)
        again = os.path.join(data, "again")
        done = run_shown("jindou restore BACKUP DIR", (
            "BACKUP DIR", "%s/copy %s --lost %s" % (data, again, restored)))
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("jindou serve --data-dir " + again, done.stdout)

    def test_commands_of_the_documents_that_repair_work(self):
        done = self.run_jindou("restore", self.backup, self.path("data"))
        self.assertEqual(done.returncode, 0, done)
        done = run_script(shown_block("repair", ("/var/lib/jindou/data", self.path("data"))))
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual(done.stdout.count(" is whole\n"), 3, done.stdout)
        done = run_shown("jindou repair DIR", ("DIR", self.path("data")))
        self.assertEqual((done.returncode, done.stdout.count(" is whole\n")), (0, 1), done)


class WhoMayBackUp(unittest.TestCase):
    def test_administrators_on_both_ports(self):
        with Server(config={"managerToken": TOKEN}) as server:
            token = {"token": TOKEN}
            for address in (server.http, server.manager):
                self.assertEqual(server.post("/backups", address=address).status, 401)
                self.assertEqual(server.get("/backups", address=address).status, 401)
                made = server.post("/backups", address=address, headers=token)
                self.assertEqual(made.status, 200, made)
                self.assertEqual(server.get("/backups", address=address, headers=token).status, 200)

    def test_a_login_needs_the_permission(self):
        with Server() as server:
            login = server.post("/manager/login", {"username": "guest", "password": "guest"},
                                address=server.manager).json()
            bearer = {"Authorization": "Bearer " + login["token"]}
            answer = server.post("/backups", address=server.manager, headers=bearer)
            self.assertEqual(answer.status, 403)
            self.assertIn("backups:w", answer.json()["msg"])


if __name__ == "__main__":
    unittest.main()
