"""The manager page in headless Chromium (tests/clients/demo/manager.mjs), and how it is served.

One browser goes through every view and makes every change at both widths. Screenshots are kept in
build/artifacts/demo.
"""

import base64
import json
import os
import re
import subprocess
import tempfile

from harness import GROUP, Server, not_for_sanitizers, wait_until
from test_demo import DemoCase
from test_webhook import hook
from webhook_receiver import Receiver

USERS = "admin:Admin-pw:* reader:Reader-pw:[*:r]"


def payload(text):
    return base64.b64encode(json.dumps({"type": 1, "content": text}).encode()).decode()


class ManagerCase(DemoCase):
    def setUp(self):
        backups = tempfile.TemporaryDirectory()
        self.addCleanup(backups.cleanup)
        self.refusal = 200
        self.receiver = Receiver(lambda call: self.refusal)
        self.addCleanup(self.receiver.close)
        # Clients are to stay, and say nothing.
        self.server = Server({"auth.users": USERS, "backup.dir": backups.name,
                              "connIdleTime": "1h",
                              **hook(self.receiver, focusEvents="msg.notify",
                                     msgNotifyEventRetryMaxCount=1)},
                             yaml="logger:\n  level: info\n").start()
        self.addCleanup(self.server.destroy)
        if self.manager("/manager/").status == 404:
            self.skipTest("this build has no manager page")

    def manager(self, path, headers=None):
        return self.server.request("GET", path, headers=headers, address=self.server.manager)


class Listener(ManagerCase):
    def test_the_page_and_its_files_need_no_login_and_load_nothing_else(self):
        for path in ("/manager/", "/manager/login"):
            page = self.manager(path)
            self.assertEqual(page.status, 200)
            policy = page.headers["content-security-policy"]
            for rule in ("default-src 'none'", "script-src 'self'", "connect-src 'self'",
                         "frame-ancestors 'none'"):
                self.assertIn(rule, policy)
            self.assertNotIn("unsafe", policy)
        files = re.findall(r'(?:src|href)="\./(assets/[^"]+)"', page.body.decode())
        self.assertGreaterEqual(len(files), 4)
        for name in files:
            answer = self.manager("/manager/" + name)
            self.assertEqual(answer.status, 200, name)
            self.assertIn("immutable", answer.headers["cache-control"])
            again = self.manager("/manager/" + name,
                                 headers={"If-None-Match": answer.headers["etag"]})
            self.assertEqual((again.status, again.body), (304, b""))
        self.assertEqual(self.manager("/manager/assets/none.js").status, 404)

    def test_a_browser_is_led_to_it(self):
        answer = self.manager("/", headers={"Accept": "text/html,*/*"})
        self.assertEqual((answer.status, answer.headers["location"]), (302, "manager/"))
        answer = self.manager("/manager")
        self.assertEqual((answer.status, answer.headers["location"]), (302, "manager/"))
        self.assertEqual(self.manager("/").json()["name"], "jindou")


@not_for_sanitizers
class Page(ManagerCase):
    GROUP = "long-night"

    def page_url(self):
        return "http://%s/manager/" % self.server.manager

    def fill(self):
        """What the views show: clients, groups, messages, a job of three items, a backup; more
        connections, conversations and channels than a page has."""
        server = self.server
        # Each width has its own for what is done once to each of them.
        own = ["%s-%s" % (what, width) for width in ("wide", "narrow")
               for what in ("kicked", "thrown", "quitting")]
        self.clients = [server.client(uid) for uid in (
            "zoe", "zac", *own, *("crowd-%02d" % number for number in range(52)))]
        many = ["many-%02d" % number for number in range(57)]
        for group in many:
            server.create_group(group, ["busy"])
        server.must_batch([{"from_uid": "busy", "channel_id": group, "channel_type": GROUP,
                            "payload": payload("to " + group)} for group in many])
        wait_until(lambda: len(self.receiver.heard("msg.notify")) >= len(many),
                   what="the receiver to have heard of them")
        # What comes now is refused, so there are dead letters.
        self.refusal = 422
        server.create_group(self.GROUP, ["zoe", "zac", "zeb", "crowd-00"])
        server.create_group("closed", ban=1)
        for uid in ("zoe", "quitting-wide", "quitting-narrow"):
            server.must_post("/user/token", {"uid": uid, "token": "t", "device_flag": 1})
        for text in ("first", "second", "third"):
            server.must_batch([{"from_uid": "zoe", "channel_id": self.GROUP, "channel_type": GROUP,
                                "payload": payload(text)}])
        answer = server.post("/message/sendbatch?async=true&name=Night", [
            {"from_uid": "zoe", "channel_id": self.GROUP, "channel_type": GROUP,
             "payload": payload("item %d" % number)} for number in range(3)])
        job = answer.json()["id"]
        wait_until(lambda: server.get("/jobs/" + job).json()["state"] == "done", 30,
                   what="the end of the job")
        self.assertEqual(server.post("/backups").status, 200)
        wait_until(lambda: len(server.get("/webhook/dead-letters").json()["dead_letters"]) == 6,
                   what="the dead letters of all messages")

    def limit_files(self, size):
        """Files of the server grow no further than that: a write beyond it fails, as on a full disk."""
        subprocess.run(["prlimit", "--pid", str(self.server.process.pid), "--fsize=%s:" % size],
                       check=True)

    def test_what_it_shows_and_changes_is_what_the_api_says(self):
        self.fill()
        self.addCleanup(lambda: [client.close() for client in self.clients])
        self.scenario("manager", url=self.page_url(), group=self.GROUP,
                      settings=os.path.join(self.server.dir, "config.yaml"),
                      answers={"break the disk": lambda: self.limit_files("1"),
                               "mend the disk": lambda: self.limit_files("unlimited")})

