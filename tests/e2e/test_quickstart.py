"""docs/quickstart: the programs of each page, taken out of it, do what the page shows.

Each page has four files (a fenced block whose first line names it), blocks of commands and, behind a
block, its output. One server for each language: while a client of the page receives, its back end
sends (the first answer to a batch is lost on the way), the server is killed and comes back, and the
client is stopped and started again, now with a token for its own history alone. What a language needs
that is not on this machine is said when its test is skipped.
"""

import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import unittest

import client_packages
from harness import ROOT, Server, not_for_sanitizers, wait_until

PAGES = ROOT / "docs" / "quickstart"
TWIN = ".zh-CN.md"  # of a page; scripts/check_docs.py looks whether its blocks are those of the page
TIMEOUT = 30.0
FETCHES = ("npm install ", "pip install ", "mvn ")


class LossyApi:
    """The HTTP API as a caller sees it over a bad network: the first answer to a batch gets lost."""

    def __init__(self, server):
        self.lost = 0
        self.shown = set()  # what callers had in Authorization
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                upstream = http.client.HTTPConnection(server.http, timeout=TIMEOUT)
                try:
                    kept = {name: value for name, value in self.headers.items()
                            if name.lower() in ("authorization", "content-type", "idempotency-key")}
                    outer.shown.add(self.headers["Authorization"])
                    upstream.request("POST", self.path, body, kept)
                    answer = upstream.getresponse()
                    content = answer.read()
                except OSError:
                    self.close_connection = True
                    return
                finally:
                    upstream.close()
                if self.path == "/message/sendbatch" and not outer.lost:
                    outer.lost += 1
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() in ("content-type", "idempotency-replay", "retry-after"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = "127.0.0.1:%d" % self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *unused):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def blocks(page):
    """(language, text) of every fenced block."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", (PAGES / page).read_text(), re.S | re.M)


def files(page):
    """The programs of a page by their names."""
    found = {}
    for language, text in blocks(page):
        if language not in ("sh", "text"):
            found[re.match(r"(?://|#) ([\w.]+): ", text)[1]] = text
    return found


def commands(page):
    """(commands, output) of each block of commands, without those that fetch packages."""
    known, found = blocks(page), []
    for index, (language, text) in enumerate(known):
        if language == "sh":
            lines = [line for line in text.splitlines() if not line.startswith(FETCHES)]
            shown = known[index + 1] if index + 1 < len(known) else ("", "")
            found.append(("\n".join(lines), shown[1] if shown[0] == "text" else ""))
    return found


class Client:
    """A program of a page that runs until it is stopped."""

    def __init__(self, command, where, env, output):
        self._output, self._from = output, output.stat().st_size if output.exists() else 0
        with output.open("ab") as out:
            # A group of its own: a command may start the program in another process.
            self._process = subprocess.Popen(["bash", "-c", command], cwd=where, env=env, stdout=out,
                                             stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                             start_new_session=True)

    def lines(self):
        text = self._output.read_bytes()[self._from:].decode()
        return [line for line in text.splitlines() if re.match(r"connected|\w+ \d+ ", line)]

    def shown(self):
        return [line for line in self.lines() if line != "connected"]

    def everything(self):
        return self._output.read_text()

    def stop(self):
        if self._process.poll() is None:
            os.killpg(self._process.pid, 15)
        self._process.wait(TIMEOUT)


class QuickStart:
    """What the pages have in common; `prepare` gives a directory what the page would install."""

    page = ""

    def missing(self):
        """What the machine lacks; empty when nothing."""
        return ""

    def prepare(self, directory):
        pass

    def setUp(self):
        if missing := self.missing():
            self.skipTest(missing)
        self.server = Server().start()
        self.addCleanup(self.server.destroy)
        self.where = pathlib.Path(tempfile.mkdtemp(prefix="jindou-quickstart-"))
        self.addCleanup(shutil.rmtree, self.where, True)
        self.env = {**os.environ, "NO_PROXY": "*", "no_proxy": "*"}
        self.prepare(self.where)

    def write_files(self, api):
        for name, text in files(self.page).items():
            for port, address in (("5001", api), ("5100", self.server.tcp), ("5200", self.server.ws)):
                text = text.replace("localhost:" + port, address)
            (self.where / name).write_text(text)

    def run_once(self, command):
        done = subprocess.run(["bash", "-ec", command], cwd=self.where, env=self.env, timeout=120,
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done

    def client(self, command, output="received"):
        client = Client(command, self.where, self.env, self.where / output)
        self.addCleanup(client.stop)
        return client

    def send(self, *texts):
        self.server.must_batch([
            {"from_uid": "shop", "channel_id": "team", "channel_type": 2,
             "payload": {"type": 1, "content": text}} for text in texts])

    def wait(self, client, *, connected=0, shown=None):
        try:
            wait_until(lambda: client.lines().count("connected") >= connected
                       and (shown is None or len(client.shown()) >= len(shown)), TIMEOUT,
                       what="what the client shows")
        except AssertionError:
            self.fail(client.everything())
        if shown is not None:
            self.assertEqual(client.shown(), shown, client.everything())

    def test_the_programs_do_what_the_page_shows(self):
        ((build, nothing), (send, first), (repeat, again), (receive, received), (own, none_new),
         (of_another, refused)) = commands(self.page)
        self.assertEqual((nothing, none_new, send), ("", "", repeat))
        with LossyApi(self.server) as api:
            self.write_files(api.address)
            if build:
                self.run_once(build)
            client = self.client(receive)
            self.wait(client, connected=1)

            # The answer that got lost was that to the first batch: its repeat finds it stored.
            done = self.run_once(send)
            self.assertEqual(api.lost, 1)
            self.assertIn("again in", done.stderr)
            self.assertEqual(re.sub("^(welcome.*) before", r"\1", done.stdout, flags=re.M), first)
            self.assertEqual(done.stdout.count("before"), 2, done.stdout)
            self.assertEqual(self.run_once(repeat).stdout, again)
            self.assertEqual(len(self.server.messages("team")), 3)
            shown = received.splitlines()[1:]
            self.wait(client, shown=shown)
            self.assertEqual(client.lines(), received.splitlines())

            self.server.restart()
            self.send("after the restart")
            shown.append("team 4 shop: after the restart")
            self.wait(client, connected=2, shown=shown)
            # What it has shown it must know, too.
            kept = self.where / "seen.json"
            wait_until(lambda: json.loads(kept.read_text()) == {"2:team": 4}, TIMEOUT, what=kept)
            client.stop()

            self.send(*map(str, range(5, 125)))
            *more_to_build, started = own.splitlines()
            grant, client_of_own = re.fullmatch(r"READ_TOKEN=\$\((.*)\) (.*)", started).groups()
            self.assertEqual(client_of_own, receive)
            token = self.run_once("\n".join(more_to_build + [grant])).stdout.strip()
            self.assert_opens_what_is_own(token)
            self.assertEqual(api.shown, {None})
            api.shown.clear()
            client = self.client("READ_TOKEN=%s %s" % (token, receive))
            missed = ["team %d shop: %d" % (seq, seq) for seq in range(5, 125)]
            self.wait(client, connected=1, shown=missed)
            self.send("at once")
            self.wait(client, shown=missed + ["team 125 shop: at once"])
            self.assertEqual(api.shown, {"Bearer " + token})
            client.stop()

            self.send("not for others")
            client = self.client(of_another, "refused")
            wait_until(lambda: refused in client.everything(), TIMEOUT, what=refused)
            self.assertEqual(client.lines(), ["connected"])
            client.stop()

    def assert_opens_what_is_own(self, token):
        self.server.create_group("office", ["ben"])
        self.server.must_batch([{"from_uid": "ben", "channel_id": "office", "channel_type": 2,
                                 "payload": {"type": 1, "content": "not for ann"}}])
        for channel, status in (("team", 200), ("office", 403)):
            answer = self.server.post("/channel/messagesync",
                                      {"channel_id": channel, "channel_type": 2},
                                      headers={"Authorization": "Bearer " + token})
            self.assertEqual(answer.status, status, (channel, answer))


@not_for_sanitizers
class Python(QuickStart, unittest.TestCase):
    page = "python.md"

    def prepare(self, directory):
        python = client_packages.python("easysdk-python")
        pinned = (client_packages.CLIENTS / "easysdk-python/requirements.txt").read_text().split()
        named = re.search("^pip install (.*)$", (PAGES / self.page).read_text(), re.M)[1].split()
        self.assertLessEqual(set(named), set(pinned))
        self.env["PATH"] = "%s:%s" % (python.parent, self.env["PATH"])


@not_for_sanitizers
class JavaScript(QuickStart, unittest.TestCase):
    page = "javascript.md"

    def prepare(self, directory):
        modules = directory / "node_modules"
        (modules / ".bin").mkdir(parents=True)
        named = re.search("^npm install (.*)$", (PAGES / self.page).read_text(), re.M)[1].split()
        for package, version in (each.split("@") for each in named):
            client = "chromium" if package == "esbuild" else "npm"
            source = client_packages.npm(client) / "node_modules" / package
            self.assertEqual(json.loads((source / "package.json").read_text())["version"], version)
            (modules / package).symlink_to(source)
        (modules / ".bin" / "esbuild").symlink_to(modules / "esbuild" / "bin" / "esbuild")


@not_for_sanitizers
class Go(QuickStart, unittest.TestCase):
    page = "go.md"

    def missing(self):
        return "" if shutil.which("go") else "there is no go: the page for Go was not run"

    def prepare(self, directory):
        self.env.update(GO111MODULE="off", GOFLAGS="", GOPROXY="off", GOTOOLCHAIN="local")


@not_for_sanitizers
class Java(QuickStart, unittest.TestCase):
    page = "java.md"

    def missing(self):
        lacking = [tool for tool in ("javac", "java", "mvn") if not shutil.which(tool)]
        return "there is no %s: the page for Java was not run" % lacking[0] if lacking else ""

    def prepare(self, directory):
        named = re.search(r"-Dartifact=(\S+)", (PAGES / self.page).read_text())[1]
        self.assertEqual(named, client_packages.GSON)
        jar = client_packages.gson()
        (directory / jar.name).symlink_to(jar)
        # One that starts soon and needs little: four languages, two processors.
        self.env["JAVA_TOOL_OPTIONS"] = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


class Pages(unittest.TestCase):
    def test_each_is_in_the_index_and_run_here(self):
        pages = {each.page for each in QuickStart.__subclasses__()}
        twins = {page.replace(".md", TWIN): page for page in pages}
        self.assertEqual({path.name for path in PAGES.glob("[!R]*.md")}, pages | set(twins))
        for index, wanted in (("README.md", pages), ("README" + TWIN, set(twins))):
            listed = re.findall(r"^\| \[\w+\]\(([\w.-]+)\)", (PAGES / index).read_text(), re.M)
            self.assertEqual(set(listed), wanted, index)
        # Under the same names, too, which stand in comments: what is run of the one is in the other.
        for twin, page in twins.items():
            self.assertEqual(list(files(twin)), list(files(page)), twin)


if __name__ == "__main__":
    unittest.main()
