"""The chat demo in headless Chromium (tests/clients/demo), and the listener that serves it.

The scenarios are in tests/clients/demo/scenarios.mjs, one for each test here. Their screenshots are
kept in build/artifacts/demo.
"""

import contextlib
import json
import re
import selectors
import shutil
import subprocess
import time
import unittest

import client_packages
from harness import ROOT, Server, not_for_sanitizers

SHOTS = ROOT / "build" / "artifacts" / "demo"
SCENARIO_TIMEOUT = 240.0


class DemoCase(unittest.TestCase):
    """Each test has a server of its own with the demo on; skipped when the build has no page."""

    config: dict = {}

    def setUp(self):
        self.server = Server({"demo.on": "true", **self.config}).start()
        self.addCleanup(self.server.destroy)
        if self.demo("/chatdemo?apiurl=a").status == 404:
            self.skipTest("this build has no chat page")

    def demo(self, path, method="GET", headers=None):
        return self.server.request(method, path, headers=headers, address=self.server.demo)

    def scenario(self, name, answers=(), **more):
        """Runs a scenario; what it asks of the server is done here. `answers`: what more it may ask
        for, and what does it."""
        config = {"url": "http://%s/" % self.server.demo, "api": "http://" + self.server.http,
                  "shots": str(SHOTS), **more}
        node = shutil.which("node") or shutil.which("nodejs")
        asked = {"kill": self.server.kill9, "start": self.server.start, **dict(answers)}
        with subprocess.Popen([node, "run.mjs", name, json.dumps(config)],
                              cwd=client_packages.npm("demo"),
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:
            done = False
            try:
                deadline = time.monotonic() + SCENARIO_TIMEOUT
                while line := self._line(process.stdout, deadline):
                    said = json.loads(line)
                    if said.get("done"):
                        done = True
                        break
                    asked[said["ask"]]()
                    process.stdin.write("done\n")
                    process.stdin.flush()
                process.stdin.close()
                problems = process.stderr.read() if self._ended(process) else "it did not end"
            finally:
                if process.poll() is None:
                    process.kill()
        if not done:
            self.fail("%s:\n%s\n%s" % (name, problems, self.server.log_tail()))

    @staticmethod
    def _line(stream, deadline):
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            if selector.select(max(0.0, deadline - time.monotonic())):
                return stream.readline()
        return ""

    @staticmethod
    def _ended(process):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(15)
        return process.poll() is not None


class Listener(DemoCase):
    def test_the_root_leads_to_the_page_with_the_address_of_the_api(self):
        answer = self.demo("/")
        self.assertEqual(answer.status, 302)
        self.assertEqual(answer.headers["location"], "chatdemo?apiurl=http%3A%2F%2F"
                         + self.server.http.replace(":", "%3A"))

    def test_the_page_and_its_files_name_no_other_host(self):
        page = self.demo("/chatdemo?apiurl=http://127.0.0.1:1").body.decode()
        files = re.findall(r'(?:src|href)="\./([^"]+)"', page)
        self.assertGreaterEqual(len(files), 3, page)
        for name in files:
            answer = self.demo("/" + name)
            self.assertEqual(answer.status, 200, name)
            self.assertIn("immutable", answer.headers["cache-control"])
            self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
            text = answer.body.decode()
            for host in re.findall(r"https?://[a-z][\w.-]+", text):
                # Names of XML vocabularies and sources of algorithms in comments are not loaded.
                self.assertIn(host.split("//")[1], ("www.w3.org", "127.0.0.1", "feross.org",
                                                    "github.com", "mths.be"), name)
            again = self.demo("/" + name, headers={"If-None-Match": answer.headers["etag"]})
            self.assertEqual((again.status, again.body), (304, b""))
            zipped = self.demo("/" + name, headers={"Accept-Encoding": "gzip"})
            self.assertEqual(zipped.headers.get("content-encoding"), "gzip")
        self.assertIn("default-src 'none'", self.demo("/chatdemo").headers[
            "content-security-policy"])

    def test_nothing_of_the_api_is_here(self):
        self.assertEqual(self.demo("/health").status, 404)
        self.assertEqual(self.demo("/message/sendbatch", method="POST").status, 405)

    def test_it_can_be_switched_off(self):
        with Server() as server:
            self.assertEqual(server.demo, "127.0.0.1:0")
            self.assertEqual(server.get("/health").status, 200)

    def test_the_configured_address_of_the_api_is_told(self):
        with Server({"demo.on": "true", "external.apiUrl": "https://im.example.com/api"}) as server:
            told = server.request("GET", "/api.json", address=server.demo)
            self.assertEqual(told.json(), {"url": "https://im.example.com/api"})
            answer = server.request("GET", "/", address=server.demo)
            self.assertEqual(answer.headers["location"],
                             "chatdemo?apiurl=https%3A%2F%2Fim.example.com%2Fapi")


@not_for_sanitizers
class Page(DemoCase):
    def test_two_browsers_chat_in_person_and_in_a_group(self):
        self.scenario("chat")

    def test_a_browser_without_network_catches_up(self):
        self.scenario("offline")

    def test_both_go_on_when_the_server_was_killed(self):
        self.scenario("restart")

    def test_the_batch_panel_shows_what_became_of_each_item(self):
        self.scenario("batch")

    def test_a_long_history_is_read_upwards(self):
        self.scenario("history")

    def test_a_telephone_shows_list_or_conversation(self):
        self.scenario("telephone")

    def test_long_names_addresses_images_and_the_system_account(self):
        self.scenario("contents")

    def test_a_link_cannot_send_tokens_elsewhere(self):
        self.scenario("links")

    def test_everything_works_by_keyboard(self):
        self.scenario("keyboard")


@not_for_sanitizers
class Tokens(DemoCase):
    config = {"tokenAuthOn": "true"}

    def test_the_second_sign_in_ends_the_first(self):
        self.scenario("kicked")


@not_for_sanitizers
class ManagerToken(DemoCase):
    config = {"managerToken": "the-manager"}

    def test_what_goes_wrong_is_said_in_words(self):
        self.scenario("errors", managerToken="the-manager")
