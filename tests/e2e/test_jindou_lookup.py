"""jindou channel, user, conn and help: what an operator asks for, with program and server."""

import json
import subprocess
import unittest

from harness import GROUP, PERSON, Server, ServerCase, binary, fresh, item, wait_until
from operations_page import run_script, run_shown, shown_block
from test_jindou_send import environment, free_port
from wkproto import DISCONNECT


class Program(unittest.TestCase):
    def run_at(self, url, *words, token=None, code=0):
        """The ended process; `code`: what it has to end with."""
        done = subprocess.run([binary(), *[str(word) for word in words]], capture_output=True,
                              text=True, env={**environment(token), "JINDOU_URL": url}, timeout=60,
                              check=False)
        self.assertEqual(done.returncode, code, done)
        self.assertTrue(done.stderr or code == 0, done)
        return done


class Lookup(ServerCase, Program):
    def setUp(self):
        self.url = "http://" + self.server.http

    def run_jindou(self, *words, code=0):
        return self.run_at(self.url, *words, code=code)

    def printed(self, *words):
        return self.run_jindou(*words).stdout

    def entries(self, *words):
        return [json.loads(line) for line in self.printed(*words, "--json").splitlines()]

    def rows(self, *words):
        """The names of the columns, and the rows."""
        names, *rows = [line.split() for line in self.printed(*words).splitlines()]
        return names, rows

    def user(self, uid):
        return json.loads(self.printed("user", "show", uid, "--json"))

    def told_to_go(self, client, uid, left):
        """That is what it waits for; then `left` connections of the user are there."""
        self.assertEqual(client.expect(DISCONNECT, timeout=30).reason, 12)
        client.close()  # as it would be, two seconds after a kick
        wait_until(lambda: len(self.entries("conn", "list", "--uid", uid)) == left, timeout=30,
                   what="the end of the connection")

    def test_a_list_is_read_to_its_end_or_to_a_limit(self):
        prefix = fresh("g")
        ids = ["%s-%04d" % (prefix, i) for i in range(1001)]  # a page has 1,000
        self.server.must_batch([item(each, "x") for each in ids[1:]])
        self.server.create_group(ids[0], ban=1, send_ban=1)
        found = self.entries("channel", "list", "--prefix", prefix)
        self.assertEqual([each["channel_id"] for each in found], ids)
        names, rows = self.rows("channel", "list", "--prefix", prefix, "--type", GROUP)
        self.assertEqual(names, ["TYPE", "CREATED", "FLAGS", "ID"])
        self.assertEqual((rows[0][0], rows[0][2:]), ("2", ["ban,send_ban", ids[0]]))
        self.assertEqual(rows[1:], [["2", "-", "-", each] for each in ids[1:]])
        done = self.run_jindou("channel", "list", "--prefix", prefix, "--limit", 3, "--json")
        self.assertEqual([json.loads(line)["channel_id"] for line in done.stdout.splitlines()],
                         ids[:3])
        self.assertEqual(done.stderr, "jindou channel: there are more than these 3\n")
        self.assertEqual(self.printed("channel", "list", "--prefix", prefix, "--type", 3), "")

    def test_who_is_in_a_channel_and_what_it_is_like(self):
        group = fresh("g") + " b/"
        self.server.create_group(group, ["m2", "m1", "m3"], large=1)
        self.server.must_post("/channel/blacklist_add",
                              {"channel_id": group, "channel_type": GROUP, "uids": ["eve"]})
        self.server.must_post("/channel/retention", {
            "channel_id": group, "channel_type": GROUP, "max_count": 500})
        place = (group, GROUP)
        shown = json.loads(self.printed("channel", "show", *place, "--json"))
        self.assertIsNone(shown["last_message"])
        self.server.must_batch([item(group, "hello", from_uid="m1"), item(group, "secret words")])
        shown = json.loads(self.printed("channel", "show", *place, "--json"))
        self.assertEqual(
            [shown[name] for name in ("channel_id", "large", "ban", "last_message_seq",
                                      "subscriber_count", "denylist_count", "allowlist_count")],
            [group, 1, 0, 2, 3, 1, 0])
        self.assertEqual((shown["retention"]["max_count"], shown["retention"]["max_count_source"]),
                         (500, "channel"))
        last = shown["last_message"]
        self.assertEqual((last["message_seq"], last["from_uid"], last["payload_bytes"]),
                         (2, "sender", len("secret words")))
        lines = self.printed("channel", "show", *place)
        self.assertIn("\nsubscriber_count: 3\n", lines)
        self.assertEqual(self.printed("channel", "subscribers", *place), "m1\nm2\nm3\n")
        self.assertEqual(self.entries("channel", "subscribers", *place, "--prefix", "m1"),
                         [{"uid": "m1"}])
        self.assertEqual(self.printed("channel", "denylist", *place), "eve\n")
        self.assertEqual(self.printed("channel", "allowlist", *place), "")
        names, rows = self.rows("channel", "messages", *place)
        self.assertEqual(names, ["SEQ", "TIME", "MESSAGE_ID", "BYTES", "CLIENT_MSG_NO", "FROM"])
        self.assertEqual([(row[0], row[3], row[5]) for row in rows],
                         [("2", "12", "sender"), ("1", "5", "m1")])
        self.assertEqual([each["payload"] for each in
                          self.entries("channel", "messages", *place, "--last", 1)],
                         ["c2VjcmV0IHdvcmRz"])
        refused = self.run_jindou("channel", "show", fresh("g"), GROUP, code=2)
        self.assertEqual(refused.stdout, "")
        self.assertRegex(refused.stderr, "^jindou channel: there is no such channel")

    def test_a_channel_of_two_persons_and_a_person(self):
        uid, peer = fresh("u"), fresh("u")
        self.server.must_batch([item(peer, from_uid=uid, channel_type=PERSON)])
        pair = uid + "@" + peer
        shown = json.loads(self.printed("channel", "show", pair, PERSON, "--json"))
        self.assertEqual((shown["last_message"]["from_uid"], shown["retention"]["channel_type"]),
                         (uid, PERSON))
        self.assertEqual(len(self.entries("channel", "messages", pair, PERSON)), 1)
        self.server.must_post("/channel/blacklist_add",
                              {"channel_id": uid, "channel_type": PERSON, "uids": ["eve"]})
        shown = json.loads(self.printed("channel", "show", uid, PERSON, "--json"))
        self.assertEqual(shown["denylist_count"], 1)
        self.assertNotIn("retention", shown)

    def test_they_are_shown_without_their_tokens(self):
        uid = fresh("u")
        self.server.must_post("/user/token", {"uid": uid, "token": "secret-of-web",
                                              "device_flag": 1, "device_level": 1})
        self.client(uid)
        lines, devices, connections = self.printed("user", "show", uid).split("\n\n")
        self.assertIn("uid: %s\nbanned: 0\n" % uid, lines)
        self.assertEqual([line.split() for line in devices.splitlines()],
                         [["DEVICE_FLAG", "LEVEL", "TOKEN", "SESSIONS"],
                          ["0", "slave", "-", "1"], ["1", "master", "set", "0"]])
        self.assertIn(uid, connections)
        self.assertEqual(self.user(uid)["devices"],
                         self.server.get("/user/info", {"uid": uid}).json()["devices"])
        names, rows = self.rows("user", "list", "--prefix", uid)
        self.assertEqual((names, rows), (["ONLINE", "DEVICES", "TOKENS", "STATE", "UID"],
                                         [["0", "1", "1", "-", uid]]))
        everything = self.printed("user", "show", uid, "--json") + self.printed(
            "user", "list", "--json") + lines + devices
        self.assertNotIn("secret-of-web", everything)

    def test_kick_leaves_the_tokens_and_quit_does_not(self):
        uid, other = fresh("u"), fresh("u")
        self.server.must_post("/user/token", {"uid": uid, "token": "t", "device_flag": 0})
        app, web, bystander = (self.client(uid), self.client(uid, device_flag=1),
                               self.client(other))
        self.assertEqual(self.printed("user", "kick", uid, "--device-flag", 1),
                         uid + ": 1 kicked\n")
        self.told_to_go(web, uid, 1)
        [left] = self.entries("conn", "list", "--uid", uid)
        self.assertEqual((left["device_flag"], self.user(uid)["devices"][0]["token_set"]), (0, 1))
        self.assertIn("logged out", self.printed("user", "quit", uid))
        self.told_to_go(app, uid, 0)
        self.assertEqual(self.user(uid)["devices"][0]["token_set"], 0)
        self.assertEqual(self.printed("conn", "list", "--uid", other, "--json").count("\n"), 1)
        bystander.ping()
        for words in (("kick",), ("quit",), ("show",)):
            refused = self.run_jindou("user", *words, fresh("u"), code=2)
            self.assertIn("jindou user: ", refused.stderr)
        self.run_jindou("user", "ban", "a@b", code=2)

    def test_a_ban_keeps_the_other_flags_until_it_is_over(self):
        uid = fresh("u")
        self.printed("user", "ban", uid)  # nothing is known of the user yet
        self.assertEqual(self.user(uid)["banned"], 1)
        self.printed("user", "unban", uid)
        self.server.must_post("/channel/info", {"channel_id": uid, "channel_type": PERSON,
                                                "send_ban": 1, "allow_stranger": 1})
        client = self.client(uid)
        self.assertEqual(self.printed("user", "ban", uid), uid + ": banned\n")
        client.wait_closed(timeout=30)
        flags = json.loads(self.printed("channel", "show", uid, PERSON, "--json"))
        self.assertEqual([flags[name] for name in ("ban", "send_ban", "allow_stranger", "large")],
                         [1, 1, 1, 0])
        self.assertEqual(self.printed("user", "unban", uid), uid + ": let in again\n")
        flags = json.loads(self.printed("channel", "show", uid, PERSON, "--json"))
        self.assertEqual([flags[name] for name in ("ban", "send_ban", "allow_stranger", "large")],
                         [0, 1, 1, 0])
        self.client(uid)

    def test_they_are_listed_and_ended(self):
        uid = fresh("u")
        first, second = self.client(uid), self.client(uid, device_flag=1)
        names, rows = self.rows("conn", "list", "--uid", uid)
        self.assertEqual(names, ["ID", "DEVICE_FLAG", "TRANSPORT", "ADDRESS", "START", "IDLE",
                                 "PENDING_BYTES", "UID"])
        self.assertEqual([row[-1] for row in rows], [uid, uid])
        listed = self.entries("conn", "list", "--sort", "idDesc", "--limit", 10000)
        ids = [each["id"] for each in listed]
        self.assertEqual(ids, sorted(ids, reverse=True))
        mine = [each["id"] for each in listed if each["uid"] == uid]
        self.assertEqual([str(each) for each in sorted(mine)], [row[0] for row in rows])
        less = self.run_jindou("conn", "list", "--limit", 1)
        self.assertRegex(less.stderr, r"there are \d+ connections: --limit, --offset\n$")
        self.assertEqual(self.printed("conn", "kick", min(mine)),
                         "connection %d: kicked\n" % min(mine))
        self.told_to_go(first, uid, 1)
        self.assertEqual(self.printed("conn", "kick", "--uid", uid), uid + ": 1 kicked\n")
        self.assertEqual(second.expect(DISCONNECT, timeout=30).reason, 12)

    def test_the_documented_commands_show_what_the_page_says(self):
        self.server.must_post("/user/token", {"uid": "ann", "token": "secret-of-web",
                                              "device_flag": 1})
        self.server.create_group("group123", ["ann", "bob"])
        self.server.must_batch([item("group123", "x", from_uid="bob")])
        client = self.client("ann", device_flag=1)
        done = run_script(shown_block("somebody gets nothing"), env={"JINDOU_URL": self.url})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for part in ("uid: ann\nbanned: 0", "subscriber_count: 2", "retention: {", "bob",
                     "ann, device flag 1: logged out"):
            self.assertIn(part, done.stdout)
        self.assertNotIn("secret-of-web", done.stdout)
        self.told_to_go(client, "ann", 0)

    def test_help_prints_what_help_of_the_command_prints(self):
        done = run_shown("jindou help user")
        self.assertEqual((done.returncode, done.stdout), (0, self.printed("user", "--help")))
        self.assertEqual(self.printed("help"), self.printed("--help"))
        self.assertEqual(self.printed("help", "channel", "show"),
                         self.printed("channel", "show", "--help"))
        refused = self.run_jindou("help", "user", "explode", code=2)
        self.assertEqual(refused.stderr, 'jindou: there is no command "explode" here; jindou help '
                                         "user lists those that there are\n")
        self.run_jindou("--http-addr", "127.0.0.1:0", "help", code=2)


class Away(Program):
    def test_nobody_is_there(self):
        url = "http://127.0.0.1:%d" % free_port()
        for words in (("channel", "list"), ("channel", "show", "g", 2), ("user", "show", "u"),
                      ("user", "ban", "u"), ("conn", "list"), ("conn", "kick", 7)):
            done = self.run_at(url, *words, code=3)
            self.assertIn(url, done.stderr)
            self.assertEqual(done.stdout, "")

    def test_a_token_is_needed(self):
        token = "a-token-of-some-length"
        with Server({"managerToken": token}) as server:
            url = "http://" + server.http
            for words in (("channel", "list"), ("user", "quit", "u"), ("conn", "list")):
                self.assertIn("401", self.run_at(url, *words, code=2).stderr)
            self.assertEqual(self.run_at(url, "channel", "list", token=token).stdout, "")


if __name__ == "__main__":
    unittest.main()
