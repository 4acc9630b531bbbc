"""`jindou import`: what a WuKongIM 2 has is on the server afterwards, once, whatever came between."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness import GROUP, ROOT, Server, ServerCase, binary, item
from wukongim import SYSTEM, WuKongIM

PERSON, AGENT = 1, 11
TOKEN = "a-manager-token-of-tests"
PAGE = ROOT / "docs" / "moving-from-wukongim.md"


def run_import(old, server, *words, **options):
    return subprocess.run(
        [binary(), "import", "--from", old.url, "--url", "http://" + server.http, "--timeout", "10",
         *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        text=True, timeout=60, check=False, **options)


def left(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def furnish(old):
    old.system_uids = ["robot"]
    old.add_channel("g1", subscribers=["u1", "u2", "u3"], denylist=["d1"], allowlist=["u1", "u2"])
    for n in range(1, 21):
        old.add_message("g1", GROUP, "u2" if n == 2 else "u1", "g1 %d" % n)
    old.add_channel("a b ü", ban=1, subscribers=["u1"])
    old.add_channel("gone", disband=1, subscribers=["u1"])
    old.add_message("gone", GROUP, SYSTEM, "farewell")
    old.add_channel("holes", subscribers=["u3"])
    for seq in (3, 4, 7):
        old.add_message("holes", GROUP, "u1", "holes %d" % seq, seq=seq)
    old.add_channel("g1____cmd")
    old.add_message("g1____cmd", GROUP, "u1", "a command")
    for n in range(1, 6):
        old.add_message("u2@u1", PERSON, "u1", "to u2, %d" % n)
    for uid, channel, kind, read_to in (("u1", "g1", GROUP, 20), ("u2", "g1", GROUP, 5),
                                        ("u3", "g1", GROUP, 0), ("u1", "u2@u1", PERSON, 5),
                                        ("u2", "u2@u1", PERSON, 3)):
        old.add_conversation(uid, channel, kind, read_to)
    old.add_conversation("u1", "g1____cmd", GROUP, 1, kind=1)
    old.add_device("u1", "token-of-u1")
    old.add_device("u2", "token-of-u2", flag=1, level=0)


def seen(server, channel, kind=GROUP, viewer="u1"):
    return [(m["message_seq"], m["message_id"], m["client_msg_no"], m["from_uid"], m["timestamp"],
             m["payload"], m["header"]["red_dot"])
            for m in server.messages(channel, kind, login_uid=viewer)]


def told(old, channel, kind=GROUP):
    return [(m["message_seq"], m["message_id"], m["client_msg_no"], m["from_uid"], m["timestamp"],
             m["payload"], m["header"]["red_dot"]) for m in old.messages[channel, kind]]


class ImportCase(ServerCase):
    def setUp(self):
        self.old = WuKongIM()
        self.addCleanup(self.old.close)
        self.server.kill9()
        shutil.rmtree(self.server.data_dir, ignore_errors=True)
        self.server.start()

    def unread(self, uid):
        return {(c["channel_id"], c["channel_type"]): c["unread"] for c in
                self.server.must_post("/conversation/sync", {"uid": uid, "msg_count": 1})}

    def members(self, path, channel):
        return [m["uid"] for m in self.server.get(
            path, {"channel_id": channel, "channel_type": GROUP}).json()["items"]]

    def check_whole(self):
        for channel, kind, viewer in (("g1", GROUP, "u1"), ("holes", GROUP, "u1"),
                                      ("u2", PERSON, "u1")):
            name = "u2@u1" if kind == PERSON else channel
            self.assertEqual(seen(self.server, channel, kind, viewer), told(self.old, name, kind))


class Import(ImportCase):
    def test_what_was_there_is_here(self):
        furnish(self.old)
        done = run_import(self.old, self.server)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done)
        self.assertIn("4 channels, ", done.stderr)
        self.check_whole()
        self.assertEqual(self.members("/channel/subscribers", "g1"), ["u1", "u2", "u3"])
        self.assertEqual(self.members("/channel/denylist", "g1"), ["d1"])
        self.assertEqual(self.members("/channel/allowlist", "g1"), ["u1", "u2"])
        flags = self.server.get("/channel/info", {"channel_id": "a b ü", "channel_type": 2}).json()
        self.assertEqual((flags["ban"], flags["disband"]), (1, 0))
        flags = self.server.get("/channel/info", {"channel_id": "gone", "channel_type": 2}).json()
        self.assertEqual(flags["disband"], 1)
        self.assertEqual(self.unread("u1")["g1", GROUP], 0)
        self.assertEqual(self.unread("u2"), {("g1", GROUP): 15, ("u1", PERSON): 2})
        # What is missing was never to be read.
        self.assertEqual(self.unread("u3"), {("g1", GROUP): 20, ("holes", GROUP): 3})
        devices = self.server.get("/user/info", {"uid": "u2"}).json()["devices"]
        self.assertEqual([d["device_flag"] for d in devices], [1])
        self.assertEqual(self.server.get("/user/systemuids").json(), ["robot"])
        # What comes now comes behind, with ids of this server's own.
        sent = self.server.must_post("/message/send", item("g1", from_uid="u1"))
        self.assertEqual(sent["message_seq"], 21)
        self.assertLess(sent["message_id"], 2**53)

    def test_a_store_that_was_imported_is_whole(self):
        furnish(self.old)
        self.assertEqual(run_import(self.old, self.server).returncode, 0)
        self.server.stop()
        done = subprocess.run([binary(), "verify", self.server.data_dir], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done)
        self.server.start()
        self.check_whole()

    def test_one_that_was_cut_off_goes_on(self):
        furnish(self.old)
        for answered in (0, 2, 7, 12, 17, 25):
            self.old.fail_after = self.old.requests + answered
            done = run_import(self.old, self.server, "--patience", "0")
            self.assertEqual(done.returncode, 3, done)
            self.assertIn("answers 503", done.stderr)
        self.old.fail_after = None
        self.server.restart()
        done = run_import(self.old, self.server)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done)
        self.check_whole()
        self.assertEqual(self.unread("u2"), {("g1", GROUP): 15, ("u1", PERSON): 2})

    def test_what_came_since_is_added(self):
        furnish(self.old)
        self.assertEqual(run_import(self.old, self.server).returncode, 0)
        for n in range(5):
            self.old.add_message("g1", GROUP, "u2", "later %d" % n)
        self.old.conversations[2]["readed_to_msg_seq"] = 22
        done = run_import(self.old, self.server, "--parts", "channels,conversations")
        self.assertEqual((done.returncode, done.stdout), (0, ""), done)
        self.assertIn(" 5 messages, ", done.stderr)
        self.check_whole()
        self.assertEqual(self.unread("u3")["g1", GROUP], 3)
        self.assertEqual(self.unread("u2")["g1", GROUP], 0)

    def test_a_channel_that_was_written_to_is_left_alone(self):
        furnish(self.old)
        self.assertEqual(run_import(self.old, self.server).returncode, 0)
        self.server.must_post("/message/send", item("g1", from_uid="u1"))
        before = seen(self.server, "g1")
        for _ in range(2):
            # The first of these is at the seq of the message that was sent here.
            self.old.add_message("g1", GROUP, "u1", "there")
            done = run_import(self.old, self.server, "--parts", "channels")
            self.assertEqual(done.returncode, 1, done)
            self.assertEqual([(line["channel_id"], line["channel_type"]) for line in left(done)],
                             [("g1", GROUP)])
            self.assertEqual(seen(self.server, "g1"), before)

    def test_what_could_not_be_had_is_told(self):
        self.old.add_channel("bad#id", subscribers=["u1"])
        self.old.add_message("bad#id", GROUP, "u1", "x")
        self.old.add_channel("g", subscribers=["u1"])
        self.old.add_message("g", GROUP, "u1", "")
        self.old.add_message("g", GROUP, "u1", "text")
        self.old.add_channel("banned", PERSON, ban=1)
        self.old.add_device("banned", "token")
        self.old.add_device("u1", "")
        done = run_import(self.old, self.server)
        self.assertEqual(done.returncode, 1, done)
        lines = left(done)
        self.assertEqual(sorted(line["what"] for line in lines),
                         ["channel", "device", "device", "message"], lines)
        for line in lines:
            self.assertTrue(line["why"])
        self.assertEqual([m[0] for m in seen(self.server, "g")], [2])

    def test_one_that_is_none_here_does_not_cost_the_others(self):
        self.old.add_channel("members", subscribers=["u1", "a@b.c", "u2"])
        self.old.add_message("members", GROUP, "u1", "x")
        self.old.add_channel("poison")
        for name in ("n1", "n" * 300, "n3", "n4"):
            self.old.add_message("poison", GROUP, "u1", "x", client_msg_no=name)
        self.old.add_channel("broken")
        self.old.add_message("broken", GROUP, "u1", "x")
        self.old.broken = {("broken", GROUP)}
        self.old.add_channel("a/b", subscribers=["u1"])
        self.old.add_message("a/b", GROUP, "u1", "x")
        self.old.add_channel("over")
        for expire in (0, 60, 0):
            self.old.add_message("over", GROUP, "u1", "x", expire=expire)
        for channel in ("members", "broken", "a/b"):
            self.old.add_conversation("u1", channel, GROUP, 1)
        done = run_import(self.old, self.server)
        self.assertEqual(done.returncode, 1, done)
        self.assertEqual(self.old.faults, 3)
        self.assertEqual(sorted((line["what"], line["channel_id"]) for line in left(done)),
                         [("channel", "a/b"), ("channel", "broken"), ("member", "members"),
                          ("message", "poison")], done.stdout)
        why = {line["channel_id"]: line["why"] for line in left(done)}
        self.assertIn("a@b.c", why["members"])
        self.assertIn("message_seq 2", why["poison"])
        self.assertIn("answers 500", why["broken"])
        self.assertEqual(self.members("/channel/subscribers", "members"), ["u1", "u2"])
        self.assertEqual([m[0] for m in seen(self.server, "poison")], [1, 3, 4])
        self.assertEqual([m[0] for m in seen(self.server, "over")], [1, 3])
        # What is mended comes with the next run, and the rest goes on.
        self.old.broken = set()
        self.old.add_message("poison", GROUP, "u1", "later")
        done = run_import(self.old, self.server, "--parts", "channels,conversations")
        self.assertEqual([line["channel_id"] for line in left(done)
                          if line["what"] == "channel"], ["a/b"], done.stdout)
        self.assertEqual([m[0] for m in seen(self.server, "poison")], [1, 3, 4, 5])
        self.assertEqual([m[0] for m in seen(self.server, "broken")], [1])

    def test_pages_that_do_not_go_on_end_it(self):
        furnish(self.old)
        for path in ("/cluster/channels", "/cluster/conversations"):
            self.old.stuck = path
            done = run_import(self.old, self.server)
            self.assertEqual(done.returncode, 2, done)
            self.assertIn("the pages of %s on the other server do not go on" % path, done.stderr)

    def test_messages_of_groups_come_with_their_members(self):
        furnish(self.old)
        done = run_import(self.old, self.server, "--parts", "conversations")
        self.assertIn(" 5 messages, ", done.stderr)
        self.assertEqual(self.server.max_seq("g1"), 0)
        self.assertEqual(self.server.max_seq("u2", PERSON, login_uid="u1"), 5)

    def test_channels_that_no_list_has_are_searched(self):
        for n in range(4):
            self.old.add_message("u1@bot", AGENT, "u1", "%d" % n)
        self.assertEqual(run_import(self.old, self.server).returncode, 0)
        self.assertEqual(self.server.max_seq("bot", AGENT, login_uid="u1"), 0)
        done = run_import(self.old, self.server, "--search")
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual(self.server.max_seq("bot", AGENT, login_uid="u1"), 4)

    def test_tokens_and_addresses_are_checked(self):
        with WuKongIM(token="secret") as guarded:
            done = run_import(guarded, self.server)
            self.assertEqual(done.returncode, 2, done)
            self.assertIn("answers 401", done.stderr)
            done = run_import(guarded, self.server, "--from-token", "secret")
            self.assertEqual(done.returncode, 0, done)
        done = subprocess.run([binary(), "import", "--from", "nowhere"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 2, done)
        self.assertIn("--from", done.stderr)


class Document(unittest.TestCase):
    def test_its_commands_work(self):
        """Each ```sh block of the page, one after the other, on servers of this test."""
        blocks = [part.split("```")[0] for part in PAGE.read_text().split("```sh\n")[1:]]
        self.assertTrue(blocks)
        with tempfile.TemporaryDirectory() as directory, WuKongIM(token="old") as old, \
                Server(config={"managerToken": TOKEN}) as server:
            furnish(old)
            for name, text in (("old.token", "old\n"), ("new.token", TOKEN + "\n"),
                               ("wk.yaml", "mode: release\nhttpAddr: 0.0.0.0:5001\n")):
                pathlib.Path(directory, name).write_text(text)
            script = "set -e\njindou() { \"%s\" \"$@\"; }\n" % binary() + "".join(blocks)
            script = script.replace("http://10.0.0.5:5001", old.url)
            script = script.replace("http://127.0.0.1:5001", "http://" + server.http)
            done = subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
                                  cwd=directory, env=dict(os.environ))
            self.assertEqual(done.returncode, 0, done.stdout)
            answer = server.get("/channel/max_message_seq", {"channel_id": "g1", "channel_type": 2},
                                headers={"token": TOKEN})
            self.assertEqual(answer.json(), {"message_seq": 20})


if __name__ == "__main__":
    unittest.main()
