"""The audit log: every route that changes something leaves a line, and no line holds a secret."""

import hashlib
import json
import os
import pathlib
import re
import signal
import unittest

from harness import GROUP, Server, ServerCase, b64, fresh, item, wait_until

TOKEN = "managertoken-planted-secret"
KEY_SECRET = "apikey-planted-secret-apikey-planted-secret"
PASSWORD = "password-planted-secret"
PAYLOAD = "payload-planted-secret"
# Also as they travel.
PLANTED = ("planted-secret", b64(PAYLOAD), b64(PASSWORD))

# What happens with every message, or with every look at one.
TRAFFIC = {"/conversation/clearUnread", "/conversation/setUnread", "/conversations/activate",
           "/conversations/clearUnread", "/conversations/setUnread", "/event", "/message/event",
           "/message/send", "/message/sendbatch", "/stream/close", "/stream/open",
           "/streammessage/end", "/streammessage/start", "/streamv2/close", "/streamv2/open",
           "/streamv2/write"}


def sha256(secret):
    return hashlib.sha256(secret.encode()).hexdigest()


class AuditCase(ServerCase):
    """The log is a file in the server's directory."""
    extra: dict = {}

    @classmethod
    def setUpClass(cls):
        cls.server = Server({"managerToken": TOKEN, "auth.users": "alice:%s:*" % PASSWORD,
                             **cls.extra}, yaml=cls.yaml)
        cls.path = os.path.join(cls.server.dir, "audit.log")
        cls.server.config["audit.file"] = cls.path
        cls.addClassCleanup(cls.server.destroy)
        cls.server.start()

    def lines(self, path=None):
        """All so far: what was asked for before has been written."""
        mark = "mark-" + fresh("m")
        self.ask("POST", "/channel/delete", {"channel_id": mark, "channel_type": GROUP})
        wait_until(lambda: os.path.exists(path or self.path) and
                   mark in pathlib.Path(path or self.path).read_text(), what="the lines before")
        return [line for line in self.lines_and_marks(path)
                if "mark-" not in line.get("target", "")]

    def lines_and_marks(self, path=None):
        return [json.loads(line)
                for line in pathlib.Path(path or self.path).read_text().splitlines()]

    def ask(self, method, path, body=None, address=None, **headers):
        headers = {"token": TOKEN, **{k.replace("_", "-"): v for k, v in headers.items()}}
        return self.server.request(method, path, body, headers=headers, address=address)

    def since(self, act):
        before = len(self.lines())
        act()
        return self.lines()[before:]


class EveryRoute(AuditCase):
    def test_each_one_that_changes_something_leaves_a_line_and_none_a_secret(self):
        document = self.ask("GET", "/docs/openapi.json").json()
        wanted, asked = set(), 0
        # More than any of them takes, and secrets where they are wanted and where they are not.
        body = {"channel_id": "target-g", "channel_type": GROUP, "uid": "target-u", "conn_id": 7,
                "message_id": "1024", "uids": ["target-v"], "subscribers": ["target-w"],
                "name": "target-t", "token": PASSWORD, "password": PASSWORD, "payload": b64(PAYLOAD),
                "username": PASSWORD, "secret": PASSWORD, "content": PAYLOAD, "text": PAYLOAD,
                "plugin_no": PASSWORD, "device_flag": 1, "device_level": 1, "operator_uid": "target-o",
                "from_uid": "target-u", "events": [{"payload": PAYLOAD}], "ban": 0}
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if method not in ("post", "put", "patch", "delete"):
                    continue
                scopes = [scope for each in operation.get("security", [])
                          for scope in each.get("key", [])]
                reads = "read" in scopes
                if not reads and path not in TRAFFIC:
                    wanted.add("%s %s" % (method.upper(), path))
                filled = re.sub(r"\{\w+\}", "0123456789abcdef", path)
                asked += 1
                for address in (self.server.http, self.server.manager):
                    self.ask(method.upper(), filled + "?x=" + PASSWORD, body, address,
                             Authorization="Bearer " + PASSWORD, Cookie=PASSWORD)
        self.assertGreater(asked, 60)
        lines = self.lines()
        audited = {line["action"] for line in lines if line["event"] != "start"}
        self.assertEqual(audited - {"POST (no such path)"}, wanted)
        for line in lines:
            if line["event"] in ("start", "login_failed"):
                continue
            self.assertEqual((line["event"], line["by"], line["who"], line["address"]),
                             ("change", "token", "____manager", "127.0.0.1"), line)
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(line["outcome"], ("ok", "failed", "unknown", "denied"))
            self.assertRegex(line["target"], r"target-|/0123456789abcdef|/7$|/1024$", line)
        text = pathlib.Path(self.path).read_text() + self.server.log_tail(100000)
        for secret in PLANTED:
            self.assertNotIn(secret, text)


class WhoAndWhat(AuditCase):
    extra = {"apiKeys": "name=orders;sha256=%s;scopes=send name=old;sha256=%s;scopes=administer;"
                        "expires=2020-01-01" % (sha256(KEY_SECRET), sha256(KEY_SECRET + "2"))}

    def manager(self, method, path, body=None, **headers):
        return self.server.request(method, path, body, headers=headers, address=self.server.manager)

    def test_logins_good_and_bad(self):
        def act():
            for name, password in (("alice", PASSWORD), ("alice", "wrong-planted-secret"),
                                   ("typed-planted-secret", "x")):
                self.manager("POST", "/manager/login", {"username": name, "password": password})
        good, bad, stranger = self.since(act)
        self.assertEqual((good["event"], good["who"], good["outcome"], good["port"]),
                         ("login", "alice", "ok", "manager"))
        self.assertEqual((bad["event"], bad["who"], bad["status"]), ("login_failed", "alice", 401))
        self.assertEqual(stranger["event"], "login_failed")
        self.assertNotIn("who", stranger)

    def test_a_caller_behind_a_trusted_proxy_is_known_by_his_own_address(self):
        def act():
            for headers in ({"X-Forwarded-For": "192.0.2.1, 203.0.113.7"}, {"X-Real-IP": "2001:db8::7"},
                            {"X-Forwarded-For": "nonsense"}, {}):
                self.manager("POST", "/manager/login", {"username": "alice", "password": "x"},
                             **headers)
            self.manager("POST", "/conn/kick", {"uid": "u1", "conn_id": 5}, token=TOKEN,
                         **{"X-Forwarded-For": "203.0.113.8"})
        self.assertEqual([line["address"] for line in self.since(act)],
                         ["203.0.113.7", "2001:db8::7", "127.0.0.1", "127.0.0.1", "203.0.113.8"])

    def test_nobody_else_says_where_a_caller_is(self):
        with Server({"gateway.trustedProxies": "192.0.2.0/24", "managerToken": TOKEN}) as server:
            headers = {"token": TOKEN, "X-Forwarded-For": "203.0.113.7", "X-Real-IP": "203.0.113.7"}
            server.request("POST", "/conn/kick", {"uid": "u1", "conn_id": 5}, headers=headers,
                           address=server.manager)
            answer = server.request("GET", "/manager/audit?event=change", headers=headers,
                                    address=server.manager)
            self.assertEqual([line["address"] for line in answer.json()["items"]], ["127.0.0.1"])

    def test_logins_are_counted_without_an_audit_log_too(self):
        with Server({"audit.on": "false", "auth.users": "alice:%s:*" % PASSWORD}) as server:
            for password in (PASSWORD, "wrong", "wronger"):
                server.request("POST", "/manager/login", {"username": "alice", "password": password},
                               address=server.manager)
            text = server.get("/metrics", address=server.manager).body.decode()
            counted = dict(re.findall(r'^jindou_manager_logins_total\{result="(\w+)"\} (\d+)', text,
                                      re.M))
            self.assertEqual(counted, {"ok": "1", "failed": "2"})

    def test_lines_stand_in_the_order_in_which_answers_were_waited_for(self):
        users = ["typed-%d" % i if i % 2 else "alice" for i in range(60)]

        def act():
            for name in users:
                self.manager("POST", "/manager/login", {"username": name, "password": PASSWORD})
        self.assertEqual([line["event"] for line in self.since(act)],
                         ["login_failed" if name != "alice" else "login" for name in users])

    def test_a_login_is_named_by_its_user(self):
        token = self.manager("POST", "/manager/login",
                             {"username": "alice", "password": PASSWORD}).json()["token"]
        (line,) = self.since(lambda: self.manager(
            "POST", "/conn/kick", {"uid": "u1", "conn_id": 5}, Authorization="Bearer " + token))
        self.assertEqual((line["action"], line["by"], line["who"], line["target"], line["with"]),
                         ("POST /conn/kick", "login", "alice", "connection/5", {"uid": "u1"}))
        self.assertNotIn(token, pathlib.Path(self.path).read_text())

    def test_refused_callers(self):
        def act():
            for method, path, headers in (
                    ("GET", "/connz", {"token": "wrong-planted-secret"}),
                    ("POST", "/message/send", {}),
                    ("POST", "/channel", {"token": KEY_SECRET}),
                    ("POST", "/channel", {"token": KEY_SECRET + "2"})):
                self.server.request(method, path, {} if method == "POST" else None, headers=headers)
            self.server.request("POST", "/channel", {}, headers={
                "token": TOKEN, "Origin": "http://evil.example", "Host": "evil.example",
                "Content-Type": "text/plain"})
        wrong, missing, scope, expired, *page = self.since(act)
        self.assertEqual((wrong["event"], wrong["cause"], wrong["by"], wrong["action"]),
                         ("unauthorized", "credential", "nobody", "GET /connz"))
        self.assertEqual((missing["cause"], missing["action"]), ("credential", "POST /message/send"))
        self.assertEqual((scope["event"], scope["cause"], scope["by"], scope["who"]),
                         ("denied", "scope", "key", "orders"))
        self.assertEqual((expired["event"], expired["cause"], expired["by"], expired["who"]),
                         ("unauthorized", "expired_key", "key", "old"))
        text = pathlib.Path(self.path).read_text()
        for secret in PLANTED + (KEY_SECRET,):
            self.assertNotIn(secret, text)

    def test_messages_and_reads_leave_none(self):
        def act():
            self.assertEqual(self.server.batch([item(fresh("g"), PAYLOAD)],
                                               headers={"token": KEY_SECRET}).status, 200)
            self.ask("GET", "/connz")
            self.ask("POST", "/user/onlinestatus", ["u1"])
        self.assertEqual(self.since(act), [])

    def test_what_is_changed_is_named(self):
        group = fresh("g")
        created, banned = self.since(lambda: [
            self.ask("POST", "/channel", {"channel_id": group, "channel_type": GROUP,
                                          "subscribers": ["u%d" % n for n in range(40)]}),
            self.ask("POST", "/channel/info", {"channel_id": group, "channel_type": GROUP,
                                               "ban": 1}, X_Request_Id="req-1")])
        self.assertEqual((created["target"], created["with"]["subscribers_count"],
                          created["with"]["subscribers"][:2]), ("channel/2/" + group, 40, ["u0", "u1"]))
        self.assertEqual((banned["target"], banned["with"], banned["request_id"], banned["outcome"]),
                         ("channel/2/" + group, {"ban": 1}, "req-1", "ok"))

    def test_the_last_lines_are_read_back_as_the_file_has_them(self):
        group = fresh("g")
        self.ask("POST", "/channel", {"channel_id": group, "channel_type": GROUP})
        told = self.lines()
        page = self.ask("GET", "/manager/audit?limit=200").json()
        self.assertEqual((page["on"], page["file"], page["node_id"]), (True, self.path, 1001))
        ids = [line.pop("id") for line in page["items"]]
        self.assertEqual(ids, sorted(ids, reverse=True))
        shown = [line for line in reversed(page["items"]) if "mark-" not in line.get("target", "")]
        self.assertEqual(shown, told[-len(shown):])
        self.assertIn("channel/2/" + group, [line.get("target") for line in shown])
        # Page by page, of one event; on the other port as well.
        walked, cursor = [], ""
        while True:
            page = self.ask("GET", "/manager/audit?event=change&limit=3" + cursor,
                            address=self.server.manager).json()
            walked += [line["id"] for line in page["items"]]
            if not page["has_more"]:
                break
            cursor = "&cursor=" + page["next_cursor"]
        self.assertEqual(walked, sorted(set(walked), reverse=True))
        self.assertEqual(len(walked), sum(1 for line in self.lines_and_marks()
                                          if line["event"] == "change"))

    def test_lines_are_counted(self):
        def count(event):
            text = self.ask("GET", "/metrics").body.decode()
            return float(re.search(r'^jindou_audit_lines_total\{event="%s"\} (\S+)' % event, text,
                                   re.MULTILINE).group(1))
        before = count("change"), count("unauthorized")
        self.ask("POST", "/channel/delete", {"channel_id": fresh("g"), "channel_type": GROUP})
        self.server.request("GET", "/connz")
        self.assertEqual((count("change"), count("unauthorized")), (before[0] + 1, before[1] + 1))


class Rotation(AuditCase):
    yaml = "logger:\n  level: info\n"

    def rotate(self, to, ask):
        """The lines of the new file, with one that was written after all of that."""
        name = fresh("g")
        self.lines()
        os.rename(self.path, to)
        ask()
        wait_until(lambda: os.path.exists(self.path) and
                   '"event":"reload"' in pathlib.Path(self.path).read_text(), what="the new file")
        self.ask("POST", "/channel", {"channel_id": name, "channel_type": GROUP})
        found = self.lines()
        self.assertNotIn(name, pathlib.Path(to).read_text())
        self.assertEqual(found[-1]["target"], "channel/2/" + name)
        return found[:-1]

    def test_refused_settings_do_not_keep_it_in_the_old_file(self):
        file = pathlib.Path(self.server.dir, "config.yaml")
        self.addCleanup(file.write_text, self.yaml)
        # What cannot be read, what is not valid, and what only the running server finds.
        for number, text in enumerate((
                "logger: [1\n", "logger:\n  level: debug\napi:\n  maxBatch: none\n",
                "logger:\n  level: debug\nwebhook:\n  caFile: /does/not/exist.pem\n")):
            with self.subTest(text):
                file.write_text(text)
                before = self.server.log_tail(1000).count("reload: nothing changed")
                told, = self.rotate("%s.refused%d" % (self.path, number),
                                    lambda: self.server.process.send_signal(signal.SIGHUP))
                self.assertEqual((told["event"], told["outcome"], told["by"]),
                                 ("reload", "failed", "signal"))
                wait_until(lambda: self.server.log_tail(1000).count("reload: nothing changed") >
                           before, what="the refusal in the log")
                # By a call as well, which says why.
                told = self.rotate("%s.called%d" % (self.path, number), lambda: self.assertEqual(
                    self.ask("POST", "/config/reload").status, 409))
                self.assertEqual([line["event"] for line in told], ["reload", "change"])
        self.assertNotIn('"level":"debug"', self.server.log_tail(1000))

    def test_where_the_file_cannot_be_made_the_old_one_goes_on(self):
        file = pathlib.Path(self.server.dir, "config.yaml")
        self.addCleanup(file.write_text, self.yaml)
        file.write_text("logger: [1\n")
        self.lines()
        old = self.path + ".kept"
        os.rename(self.path, old)
        os.mkdir(self.path)
        self.server.process.send_signal(signal.SIGHUP)
        self.server.wait_for_log("it goes on in the file of before")
        self.ask("POST", "/channel", {"channel_id": "kept", "channel_type": GROUP})
        self.assertIn("channel/2/kept", [line.get("target") for line in self.lines(old)])
        os.rmdir(self.path)
        file.write_text(self.yaml)
        self.server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: os.path.exists(self.path), what="the new file")

    def test_a_reload_goes_on_in_a_new_file_and_is_told(self):
        self.ask("POST", "/channel", {"channel_id": "before", "channel_type": GROUP})
        self.lines()
        os.rename(self.path, self.path + ".1")
        self.server.process.send_signal(signal.SIGHUP)
        self.server.wait_for_log("reload: ")
        self.ask("POST", "/channel", {"channel_id": "behind", "channel_type": GROUP})
        found = self.lines()
        self.assertEqual([line.get("target", line["event"]) for line in found],
                         ["reload", "channel/2/behind"])
        self.assertEqual(found[0]["with"], {"applied": [], "waiting": []})
        old = pathlib.Path(self.path + ".1").read_text()
        self.assertIn('"event":"start"', old)
        self.assertIn("channel/2/before", old)
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
        self.assertEqual(self.server.stop(), 0)
        self.assertIn('"event":"stop"', pathlib.Path(self.path).read_text())
        self.server.start()


class InTheLog(ServerCase):
    """No file: among the lines of the log, whatever the level."""
    config = {"logger.level": "error"}

    def test_a_line_of_the_log(self):
        group = fresh("g")
        self.server.create_group(group)
        self.server.wait_for_log("channel/2/" + group)
        (line,) = [json.loads(line) for line in self.server.log_tail(1000).splitlines()
                   if group in line]
        self.assertEqual((line["level"], line["component"], line["event"], line["by"]),
                         ("info", "audit", "change", "open"))


class Flood(AuditCase):
    extra = {"audit.refusalsPerSecond": "2"}

    def test_strangers_fill_no_disk_and_changes_are_written_all_the_same(self):
        for _ in range(300):
            self.server.request("GET", "/connz")
        lines = self.lines()
        self.assertLess(len(lines), 200)
        self.ask("POST", "/channel", {"channel_id": "there", "channel_type": GROUP})
        self.assertIn("channel/2/there", [line.get("target") for line in self.lines()])
        text = self.ask("GET", "/metrics").body.decode()
        dropped = float(re.search(r"^jindou_audit_lines_dropped_total (\S+)", text,
                                  re.MULTILINE).group(1))
        refused = [line for line in self.lines() if line["event"] == "unauthorized"]
        self.assertEqual(dropped + len(refused), 300)


class Mistakes(unittest.TestCase):
    def test_a_file_that_cannot_be_written_stops_the_start_and_says_so(self):
        server = Server({"audit.file": "/does/not/exist/audit.log"})
        self.addCleanup(server.destroy)
        server.spawn()
        self.assertEqual(server.process.wait(30), 1)
        self.assertIn("audit.file: cannot write to /does/not/exist/audit.log", server.log_tail())

    def test_switched_off_nothing_is_written(self):
        with Server({"audit.on": "false"}) as server:
            group = fresh("g")
            server.create_group(group)
            self.assertEqual(server.stop(), 0)
            self.assertNotIn(group, server.log_tail(1000))


if __name__ == "__main__":
    unittest.main()
