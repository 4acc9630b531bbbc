"""Named API keys: scopes, senders, channels, their end, rotation, and what stays secret."""

import hashlib
import json
import pathlib
import re
import secrets
import signal
import subprocess
import time
import unittest

from harness import PERSON, ServerCase, binary, fresh, item, wait_until
from operations_page import run_shown
from wkproto import RECV

MANAGER = "manager-token-of-this-test"


class Keys(ServerCase):
    """Keys are written as a map, and each test changes what it needs with a reload."""

    def setUp(self):
        self.secrets = {}
        self.load({})

    @classmethod
    def yaml_of(cls, keys):
        # JSON is YAML.
        return "managerToken: %s\napiKeys: %s\n" % (MANAGER, json.dumps(list(keys)))

    @classmethod
    def of_scopes(cls, scopes):
        """Secrets by name, and the configuration, of keys that have one scope each."""
        made = {name: secrets.token_hex(32) for name in scopes}
        return made, cls.yaml_of({"name": name, "scopes": [scope],
                                  "sha256": [cls.hash_of(made[name])]}
                                 for name, scope in scopes.items())

    yaml = "managerToken: %s\n" % MANAGER

    def log(self):
        return pathlib.Path(self.server.log_path).read_text()

    def load(self, keys):
        """`keys`: members by name; a key without hashes gets a secret."""
        entries = []
        for name, members in keys.items():
            if "sha256" not in members:
                self.secrets.setdefault(name, secrets.token_hex(32))
                members = dict(members, sha256=[self.hash_of(self.secrets[name])])
            entries.append({"name": name, **members})
        pathlib.Path(self.server.dir, "config.yaml").write_text(self.yaml_of(entries))
        before = len(self.log())
        self.server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "reload:" in self.log()[before:], what="the reload in the log")
        return self.log()[before:]

    @staticmethod
    def hash_of(secret):
        return hashlib.sha256(secret.encode()).hexdigest()

    def call(self, name, method, path, body=None, **options):
        return self.server.request(method, path, body, headers={"token": self.secrets[name]},
                                   **options)

    def send(self, name, group, **members):
        return self.call(name, "POST", "/message/send", item(group, **members))

    def test_a_key_may_do_what_its_scope_says(self):
        self.load({"sender": {"scopes": ["send"]}, "reader": {"scopes": "read"},
                   "both": {"scopes": ["send", "read"]}, "admin": {"scopes": ["administer"]}})
        group = fresh("g")
        calls = {
            "send": ("POST", "/message/send", item(group)),
            "read": ("POST", "/channel/messagesync",
                     {"channel_id": group, "channel_type": 2, "login_uid": "u"}),
            "administer": ("POST", "/channel", {"channel_id": group, "channel_type": 2}),
        }
        may = {"sender": {"send"}, "reader": {"read"}, "both": {"send", "read"},
               "admin": {"send", "read", "administer"}}
        for name, scopes in may.items():
            for scope, call in calls.items():
                with self.subTest(name=name, scope=scope):
                    answer = self.call(name, *call)
                    if scope in scopes:
                        self.assertEqual(answer.status, 200, answer)
                    else:
                        body = self.assert_error(answer, 403)
                        self.assertEqual(body["code"], "denied")
                        self.assertIn("the scope " + scope, body["msg"])
                        self.assertIn(name, body["msg"])
            self.assertEqual(self.call(name, "GET", "/route").status, 200)
            self.assert_error(self.call(name, "GET", "/nowhere"), 404)

    def test_what_a_scope_does_not_cover_is_left_as_it_was(self):
        self.load({"sender": {"scopes": ["send"]}, "reader": {"scopes": ["read"]},
                   "admin": {"scopes": ["administer"]}})
        group = fresh("g")
        place = {"channel_id": group, "channel_type": 2}
        for path, body in (("/channel", {**place, "subscribers": ["ann", "bob"]}),
                           ("/channel/blacklist_add", {**place, "uids": ["eve"]})):
            self.assertEqual(self.call("admin", "POST", path, body).status, 200)
        sent = self.send("sender", group, from_uid="ann").json()
        named, history = {"message_id": sent["message_id"]}, {**place, "login_uid": "ann"}
        query = "?channel_id=%s&channel_type=2" % group

        def looks():
            found = [self.call("reader", "GET", path + query) for path in (
                "/channel/info", "/channel/subscribers", "/channel/denylist", "/channel/allowlist")]
            found.append(self.call("reader", "GET",
                                   "/channel/retention%s&login_uid=ann" % query))
            found.append(self.call("reader", "POST", "/channel/messagesync", history))
            found.append(self.call("reader", "POST", "/conversation/sync", {"uid": "bob"}))
            found.append(self.call("reader", "GET", "/jobs"))
            self.assertEqual({answer.status for answer in found}, {200}, found)
            return [answer.json() for answer in found]

        before = looks()
        asked = [("reader", path, body) for path, body in (
            ("/message/send", item(group)), ("/message/sendbatch", [item(group)]),
            ("/message/sendbatch?async=true", [item(group)]), ("/message/recall", named),
            ("/message/edit", {**named, "payload": "bmV3"}))]
        asked += [(name, path, body) for name in ("reader", "sender") for path, body in (
            ("/channel", {**place, "subscribers": ["eve"]}),
            ("/channel/info", {**place, "ban": 1}), ("/channel/delete", place),
            ("/channel/subscriber_add", {**place, "subscribers": ["eve"]}),
            ("/channel/subscriber_remove", {**place, "subscribers": ["ann"]}),
            ("/channel/blacklist_set", {**place, "uids": ["ann"]}),
            ("/channel/blacklist_remove", {**place, "uids": ["eve"]}),
            ("/channel/whitelist_add", {**place, "uids": ["ann"]}),
            ("/channel/retention", {**history, "max_count": 1}),
            ("/channel/clear_messages", {**history, "message_seq": 1}),
            ("/message/delete", {**history, "message_seqs": [1]}))]
        for name, path, body in asked:
            with self.subTest(name=name, path=path):
                refused = self.assert_error(self.call(name, "POST", path, body), 403)
                self.assertIn("it needs the scope", refused["msg"])
        self.assertEqual(looks(), before)

    def test_every_route_asks_for_the_scope_that_the_document_names(self):
        self.load({name: {"scopes": name} for name in ("send", "read", "administer")})
        document = self.call("read", "GET", "/docs/openapi.json").json()
        asked = 0
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                schemes = operation.get("security", [])
                scopes = {scope for scheme in schemes for scope in scheme.get("key", [])}
                for name in ("send", "read"):
                    if not scopes or name in scopes:
                        continue
                    answer = self.call(name, method.upper(), path.replace("{id}", "0" * 32)
                                       .replace("{name}", "x"))
                    self.assertEqual(answer.status, 403, (method, path, name))
                    self.assertIn("it needs the scope " + " or ".join(
                        s for s in ("send", "read", "administer") if s in scopes),
                        answer.json()["msg"])
                    asked += 1
        self.assertGreater(asked, 90)

    def test_the_secret_may_come_as_bearer_and_on_the_manager_port(self):
        self.load({"reader": {"scopes": ["read"]}})
        secret = self.secrets["reader"]
        for headers in ({"token": secret}, {"Authorization": "Bearer " + secret}):
            for address in (self.server.http, self.server.manager):
                with self.subTest(headers=list(headers), address=address):
                    answer = self.server.request("GET", "/varz", headers=headers, address=address)
                    self.assertEqual(answer.status, 200, answer)
                    answer = self.server.request("POST", "/conn/kick", {}, headers=headers,
                                                 address=address)
                    self.assert_error(answer, 403)
        for wrong in (secret[:-1], secret + "0", self.hash_of(secret), ""):
            for headers in ({"token": wrong}, {"Authorization": "Bearer " + wrong}):
                self.assert_error(self.server.get("/route", headers=headers), 401)
        self.assertEqual(self.server.get("/route", headers={"token": MANAGER}).status, 200)

    def test_an_expired_key_says_so(self):
        now = int(time.time())
        at = lambda seconds: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + seconds))
        self.load({"old": {"scopes": ["send"], "expires": at(-1)},
                   "young": {"scopes": ["send"], "expires": at(3600)}})
        body = self.assert_error(self.send("old", fresh("g")), 401)
        self.assertEqual(body["code"], "unauthorized")
        self.assertIn("has expired", body["msg"])
        self.assertEqual(self.send("young", fresh("g")).status, 200)

    def test_other_senders_are_refused_item_by_item(self):
        self.load({"bot": {"scopes": ["send", "read"], "senders": ["bot"]}})
        group = fresh("g")
        batch = [item(group, from_uid="bot"), item(group, from_uid="ann"),
                 item(group, from_uid="bot")]
        answer = self.call("bot", "POST", "/message/sendbatch", batch)
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.headers["x-batch-failed"], "1")
        results = answer.json()
        self.assertEqual([r["reason"] for r in results], [1, 11, 1])
        self.assertEqual(results[1]["code"], "denied")
        self.assertFalse(results[1]["retriable"])
        self.assertEqual(results[1]["msg"], "the API key may not send as this sender")
        body = self.assert_error(self.send("bot", group, from_uid="ann"), 403)
        self.assertEqual((body["code"], body["reason"]), ("denied", 11))
        self.assertIn("may not send as this sender", body["msg"])
        # Without a sender it would be the system account.
        nobody = item(group)
        del nobody["from_uid"]
        self.assert_error(self.call("bot", "POST", "/message/send", nobody), 403)
        lines = "\n".join(json.dumps(i) for i in batch)
        answer = self.server.request("POST", "/message/sendbatch", lines, headers={
            "token": self.secrets["bot"], "Content-Type": "application/x-ndjson"})
        told = [json.loads(line) for line in answer.body.splitlines()]
        self.assertEqual([line.get("reason") for line in told], [1, 11, 1, None])
        self.assertEqual(told[1]["index"], 1)
        legacy = {"from_uid": "ann", "subscribers": ["u1"], "payload": "aGk="}
        answer = self.call("bot", "POST", "/message/sendbatch", legacy)
        self.assertEqual(answer.json()["fail_uids"], ["u1"])

    def test_a_list_of_users_is_no_way_round_the_channels_of_a_key(self):
        self.load({"shop": {"scopes": ["send"], "channels": ["group:orders-", "person:c-"]}})
        group, customer, other = fresh("orders-"), fresh("c-"), fresh("u")
        with self.server.client(customer) as one, self.server.client(other) as two:
            answer = self.call("shop", "POST", "/message/sendbatch", [
                item(group, subscribers=[customer]), item(group, subscribers=[other]),
                item(group, subscribers=[customer, other])])
            self.assertEqual([r["reason"] for r in answer.json()], [1, 11, 11])
            self.assertEqual(answer.json()[1]["msg"], "the API key may not send to this channel")
            self.assertEqual(one.recv().channel_id, group)
            two.expect_none(RECV, timeout=0.1)

    def test_all_or_none_of_a_batch_with_another_sender(self):
        self.load({"bot": {"scopes": ["send", "read"], "senders": ["bot"]}})
        group = fresh("g")
        batch = [item(group, from_uid="bot"), item(group, from_uid="ann")]
        answer = self.call("bot", "POST", "/message/sendbatch?atomic=true", batch)
        body = self.assert_error(answer, 403)
        self.assertIn("nothing was sent; item 1: the API key may not send", body["msg"])
        answer = self.call("bot", "POST", "/message/sendbatch?on_error=stop", batch + batch)
        self.assertEqual([r["reason"] for r in answer.json()], [1, 11, 15, 15])
        # In the words that every other form has for it.
        for told in (body["items"][0], answer.json()[1]):
            self.assertEqual(told["msg"], "the API key may not send as this sender")
        answer = self.call("bot", "POST", "/message/sendbatch?dry_run=true", batch)
        self.assertIn("the API key may not send as this sender", answer.body.decode())
        query = {"channel_id": group, "channel_type": 2, "login_uid": "u"}
        found = self.call("bot", "POST", "/channel/messagesync", query).json()["messages"]
        self.assertEqual(len(found), 1)

    def test_channels_are_bound_by_type_and_prefix(self):
        self.load({"orders": {"scopes": ["send"], "channels": ["group:orders-", "person:u-"]}})
        for channel, kind, status in (("orders-1", 2, 200), ("other-1", 2, 403), ("u-1", 2, 403),
                                      ("u-1", PERSON, 200), ("x", PERSON, 403)):
            with self.subTest(channel=channel, kind=kind):
                answer = self.send("orders", channel, channel_type=kind)
                self.assertEqual(answer.status, status, answer)
                if status == 403:
                    self.assertIn("may not send to this channel", answer.json()["msg"])

    def test_what_was_sent_is_changed_by_its_sender_alone(self):
        self.load({"ann": {"scopes": ["send"], "senders": ["ann"]},
                   "bob": {"scopes": ["send"], "senders": ["bob"]}})
        group, number = fresh("g"), fresh("n")
        sent = self.send("ann", group, from_uid="ann", client_msg_no=number).json()
        place = {"message_id": sent["message_id"]}
        edit = dict(place, payload="bmV3")
        event = {"channel_id": group, "channel_type": 2, "client_msg_no": number,
                 "event_id": "e1", "event_type": "stream.delta", "payload": {"kind": "text",
                                                                             "delta": "x"}}
        for path, body in (("/message/edit", edit), ("/message/recall", place)):
            refused = self.assert_error(self.call("bob", "POST", path, body), 403)
            self.assertIn("may not send as this sender", refused["msg"])
        self.assert_error(self.call("bob", "POST", "/message/event", event), 403)
        self.assert_error(self.call("ann", "POST", "/message/recall",
                                    dict(place, operator_uid="bob")), 403)
        self.assertEqual(self.call("ann", "POST", "/message/edit", edit).status, 200)
        self.assertEqual(self.call("ann", "POST", "/message/recall", place).status, 200)

    def test_a_secret_is_replaced_while_both_are_good(self):
        old, new = secrets.token_hex(32), secrets.token_hex(32)
        status = lambda secret: self.server.get("/route", headers={"token": secret}).status
        for hashes, good in (([old], {old}), ([old, new], {old, new}), ([new], {new})):
            said = self.load({"k": {"scopes": ["read"], "sha256": [self.hash_of(s) for s in hashes]}})
            self.assertIn("applied apiKeys", said)
            for secret in (old, new):
                self.assertEqual(status(secret), 200 if secret in good else 401)
        self.load({})
        self.assertEqual(status(new), 401)

    def test_a_reload_with_a_bad_key_changes_nothing(self):
        self.load({"k": {"scopes": ["read"]}})
        said = self.load({"k": {"scopes": ["read"]}, "bad": {"scopes": ["write"]}})
        self.assertIn("nothing changed", said)
        self.assertIn("entry 2 (bad): scopes takes send, read and administer", said)
        self.assertEqual(self.call("k", "GET", "/route").status, 200)

    def test_nothing_of_a_secret_is_shown(self):
        self.load({"k": {"scopes": ["send"], "senders": ["bot"]}})
        self.send("k", fresh("g"), from_uid="bot")
        self.send("k", fresh("g"), from_uid="ann")
        hash_text = self.hash_of(self.secrets["k"])
        config = subprocess.run([binary(), "config", "--config",
                                 str(pathlib.Path(self.server.dir, "config.yaml"))],
                                capture_output=True, text=True, timeout=15, check=True).stdout
        self.assertRegex(config, r"apiKeys: +\(set\)")
        metrics = self.server.get("/metrics", headers={"token": MANAGER}).body.decode()
        for text in (config, metrics, self.log()):
            self.assertNotIn(self.secrets["k"], text)
            self.assertNotIn(hash_text, text)

    def test_refusals_are_counted_by_their_cause(self):
        def counts():
            text = self.server.get("/metrics", headers={"token": MANAGER}).body.decode()
            found = dict(re.findall(r'^jindou_api_key_refusals_total{cause="(\w+)"} (\d+)', text, re.M))
            return {cause: int(found.get(cause, 0)) for cause in
                    ("scope", "expired", "sender", "channel")}

        self.load({"k": {"scopes": ["send"], "senders": ["bot"], "channels": ["group:o-"]},
                   "old": {"scopes": ["send"], "expires": "2001-01-01"}})
        before = counts()
        self.call("k", "GET", "/varz")
        self.send("old", "o-1")
        self.send("k", "o-1", from_uid="ann")
        self.call("k", "POST", "/message/sendbatch?atomic=true", [item("o-1", from_uid="ann")])
        self.send("k", "p-1", from_uid="bot")
        after = counts()
        self.assertEqual({cause: after[cause] - before[cause] for cause in after},
                         {"scope": 1, "expired": 1, "sender": 2, "channel": 1})

    def test_a_job_goes_on_as_its_key_and_stops_with_it(self):
        self.load({"k": {"scopes": ["send", "read"], "senders": ["bot"]},
                   "other": {"scopes": ["send"]}, "reader": {"scopes": ["read"]}})
        group = fresh("g")
        batch = [item(group, from_uid="bot"), item(group, from_uid="ann"),
                 item(group, from_uid="bot")]
        answer = self.call("k", "POST", "/message/sendbatch?async=true&canary=2", batch)
        self.assertEqual(answer.status, 202, answer)
        path = answer.headers["location"]
        state = lambda wanted: wait_until(
            lambda: (job := self.call("k", "GET", path).json())["state"] == wanted and job,
            what="the job " + wanted)
        job = state("paused")
        self.assertEqual((job["accepted"], job["refused"]), (1, 1))
        results = self.call("k", "GET", path + "/results").body.decode().splitlines()
        self.assertEqual(json.loads(results[1])["msg"], "the API key may not send as this sender")
        # Others may look at it, or not even that.
        self.assertEqual(self.call("reader", "GET", path).status, 200)
        for method, what in (("GET", ""), ("GET", "/results"), ("POST", "/resume"),
                             ("POST", "/cancel"), ("DELETE", "")):
            body = self.assert_error(self.call("other", method, path + what), 403)
            self.assertIn("begun by somebody else", body["msg"])
        k = self.secrets["k"]
        self.load({"other": {"scopes": ["send", "read"]}})
        answer = self.server.post(path + "/resume", headers={"token": MANAGER})
        self.assertEqual(answer.status, 200, answer)
        job = wait_until(lambda: (job := self.call("other", "GET", path).json())["state"] == "failed"
                         and job, what="the end of the job")
        self.assertIn("the API key k that it was begun with may not send any more", job["reason"])
        self.assertEqual(job["pending"], 1)
        self.assertEqual(self.server.get("/route", headers={"token": k}).status, 401)


class Alone(ServerCase):
    """Keys without a managerToken guard the port as well."""

    secret = secrets.token_hex(32)
    config = {"apiKeys": "name=k;scopes=send,read;sha256=" +
                         hashlib.sha256(secret.encode()).hexdigest()}

    def test_the_port_asks_for_a_key(self):
        self.assert_error(self.server.get("/route"), 401)
        self.assert_error(self.server.post("/message/send", item(fresh("g"))), 401)
        self.assertEqual(self.server.get("/route", headers={"token": self.secret}).status, 200)


class Command(unittest.TestCase):
    """jindou key."""

    def run_key(self, *arguments, text=""):
        return subprocess.run([binary(), "key", *arguments], input=text, capture_output=True,
                              text=True, timeout=15, check=False)

    def test_makes_a_secret_and_its_hash(self):
        made = run_shown("jindou key")
        self.assertEqual(made.returncode, 0)
        found = re.fullmatch(r"secret: (jdk_[0-9a-f]{64})\nsha256: ([0-9a-f]{64})\n", made.stdout)
        self.assertIsNotNone(found, made.stdout)
        secret, hashed = found.groups()
        self.assertEqual(hashlib.sha256(secret.encode()).hexdigest(), hashed)
        self.assertNotEqual(self.run_key().stdout, made.stdout)

    def test_tells_the_hash_of_a_secret(self):
        secret = secrets.token_hex(16)
        told = self.run_key("--hash", text=secret + "\n")
        self.assertEqual(told.stdout,
                         "sha256: %s\n" % hashlib.sha256(secret.encode()).hexdigest())
        for bad, why in (("", "shorter than 32"), ("short", "shorter than 32"),
                         ("x" * 1025, "longer than 1024"), ("a b" * 20, "without spaces")):
            refused = self.run_key("--hash", text=bad + "\n")
            self.assertEqual(refused.returncode, 2)
            self.assertEqual(refused.stdout, "")
            self.assertIn(why, refused.stderr)


if __name__ == "__main__":
    unittest.main()
