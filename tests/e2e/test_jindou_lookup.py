"""jindou channel: what an operator asks for, with program and server."""

import json
import subprocess
import unittest

from harness import GROUP, PERSON, Server, ServerCase, binary, fresh, item
from test_jindou_send import environment, free_port


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


class Away(Program):
    def test_nobody_is_there(self):
        url = "http://127.0.0.1:%d" % free_port()
        for words in (("channel", "list"), ("channel", "show", "g", 2)):
            done = self.run_at(url, *words, code=3)
            self.assertIn(url, done.stderr)
            self.assertEqual(done.stdout, "")

    def test_a_token_is_needed(self):
        token = "a-token-of-some-length"
        with Server({"managerToken": token}) as server:
            url = "http://" + server.http
            self.assertIn("401", self.run_at(url, "channel", "list", code=2).stderr)
            self.assertEqual(self.run_at(url, "channel", "list", token=token).stdout, "")


if __name__ == "__main__":
    unittest.main()
