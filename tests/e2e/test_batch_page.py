"""docs/batch.md and its Chinese twin: every example does what the page shows."""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import unittest

from harness import ROOT, Server, binary

PAGES = ("batch.md", "batch.zh-CN.md")
ADDRESS = "127.0.0.1:5001"
# Ports of what the page starts itself, a second server and a service that it asks, and the files
# that it notes their processes in.
SECOND, SERVICE = "5011", "5012"
STARTED = ("server.pid", "judge.pid")
# What the section on moderation says of its server.
LISTS = {"refuse": ("banned", ["casino", "赌博"]), "mask": ("rude", ["damn", "笨蛋"])}


def blocks(page):
    """(language, text) of every fenced block."""
    text = (ROOT / "docs" / page).read_text()
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.S | re.M)


def examples(page):
    """(commands, language of the output, output) of every example; the output may be None."""
    found, known = [], blocks(page)
    for index, (language, text) in enumerate(known):
        if language != "sh":
            continue
        shown = known[index + 1] if index + 1 < len(known) else ("sh", "")
        found.append((text,) + (shown if shown[0] != "sh" else (None, None)))
    return found


def values(text):
    """The JSON values of a text, one after the other."""
    out, at, decoder = [], 0, json.JSONDecoder()
    text = text.strip()
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        out.append(value)
        while at < len(text) and text[at].isspace():
            at += 1
    return out


def timeless(text):
    """Without how long it took to send, and without a job that was seen before it began."""
    began = re.sub(r"^jindou jobs: ready: 0 of .*\n", "", text.strip(), flags=re.MULTILINE)
    return re.sub(r"; \d+s, [\d,]+ a second", "; ", began)


def free_ports(count):
    with contextlib.ExitStack() as bound:
        sockets = [bound.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [str(each.getsockname()[1]) for each in sockets]


def stop_started(directory):
    """What an example has started and none has stopped."""
    for name in STARTED:
        note = pathlib.Path(directory, name)
        if note.exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(note.read_text()), signal.SIGKILL)


class Ids:
    """Ids differ between the page and the server, but what is the same on one is on the other."""

    def __init__(self):
        self._seen, self._shown = {}, {}

    def same(self, shown, seen):
        if shown == 0 or seen == 0:
            return shown == seen
        return (self._seen.setdefault(shown, seen) == seen and
                self._shown.setdefault(seen, shown) == shown)


def made_up(client_msg_no):
    """By the server: 32 digits and a zero."""
    return re.fullmatch("[0-9a-f]{32}0", client_msg_no) is not None


class Examples(unittest.TestCase):
    def compare(self, shown, seen, ids, place="answer"):
        self.assertIs(type(shown), type(seen), place)
        if isinstance(shown, dict):
            self.assertEqual(list(shown), list(seen), place)
            for name, value in shown.items():
                inner = "%s.%s" % (place, name)
                if name == "message_id":
                    self.assertTrue(ids.same(value, seen[name]), inner)
                    self.assertEqual(seen["message_idstr"], str(seen[name]), inner)
                elif name in ("id", "batch_id") or (name == "client_msg_no" and made_up(value)):
                    self.assertTrue(ids.same(value, seen[name]), inner)
                elif name == "partition":
                    self.assertEqual(value, shown["message_id"] % 1024, inner)
                    self.assertEqual(seen[name], seen["message_id"] % 1024, inner)
                elif name == "at" or name.endswith(("_at", "timestamp")):
                    self.assertGreater(seen[name], value, inner)
                elif name in ("since_ms", "refused_at_ms"):
                    self.assertGreater(seen[name], value, inner)
                elif name == "complete":
                    # Of the second in which the server began it does not say that it knows all.
                    self.assertIn(seen[name], (0, 1), inner)
                elif name == "retry_after_ms":
                    self.assertTrue(0 < seen[name] <= value, inner)
                elif name in ("items_per_second", "fanned_out"):
                    self.assertIsInstance(seen[name], int, inner)
                elif name == "commit_ms":
                    self.assertEqual(list(value), list(seen[name]), inner)
                elif name != "message_idstr":
                    self.compare(value, seen[name], ids, inner)
        elif isinstance(shown, list):
            self.assertEqual(len(shown), len(seen), place)
            for index, value in enumerate(shown):
                self.compare(value, seen[index], ids, "%s[%d]" % (place, index))
        else:
            self.assertEqual(shown, seen, place)

    def test_every_example_of_both_pages(self):
        for page in PAGES:
            words = tempfile.TemporaryDirectory()
            self.addCleanup(words.cleanup)
            lists = []
            for action, (name, lines) in LISTS.items():
                path = os.path.join(words.name, name + ".txt")
                with open(path, "w", encoding="utf-8") as file:
                    file.write("\n".join(lines) + "\n")
                lists.append("%s:%s" % (action, path))
            # The second server may still be ending.
            directory = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
            self.addCleanup(directory.cleanup)
            self.addCleanup(stop_started, directory.name)
            with Server({"moderation.lists": " ".join(lists)}) as server:
                self.run_examples(page, server, directory.name)

    def run_examples(self, page, server, directory):
        functions = ""
        # Each server has ids of its own.
        ids, ids_of_second = Ids(), Ids()
        second, service = free_ports(2)
        here = {ADDRESS: server.http, SECOND: second, SERVICE: service}
        shown = re.compile(r"\b(?:%s)\b" % "|".join(map(re.escape, here)))
        # The command is found, and finds the server of this test.
        env = {name: value for name, value in os.environ.items() if not name.startswith("WK_")}
        env.update(JINDOU_URL="http://" + server.http,
                   PATH=os.path.dirname(binary()) + os.pathsep + os.environ["PATH"])
        for commands, language, output in examples(page):
            with self.subTest(page=page, commands=commands[:80]):
                asks_second = SECOND in commands
                commands = shown.sub(lambda found: here[found.group()], commands)
                # What jindou says goes to standard error; nothing else may.
                ours = "jindou send" in commands or "jindou jobs" in commands
                said = "exec 2>&1\n" if ours else ""
                ran = subprocess.run(["bash", "-ec", functions + said + commands],
                                     timeout=30, capture_output=True, text=True,
                                     check=False, env=env, cwd=directory)
                self.assertEqual((ran.returncode, ran.stderr), (0, ""))
                if "() {" in commands:
                    functions += commands
                if language == "json":
                    self.compare(values(output), values(ran.stdout),
                                 ids_of_second if asks_second else ids)
                elif language == "text":
                    self.assertEqual(timeless(output), timeless(ran.stdout))
                else:
                    self.assertEqual(ran.stdout, "")

    def test_both_pages_have_the_same_examples(self):
        self.assertGreater(len(examples(PAGES[0])), 20)
        self.assertEqual(examples(PAGES[0]), examples(PAGES[1]))

    def test_limits_are_the_defaults(self):
        settings = (ROOT / "docs" / "configuration.md").read_text()
        defaults = dict(re.findall(r"^\| `([\w.]+)`[^|]*\| `(\w+)` \|", settings, re.M))
        for page in PAGES:
            text = (ROOT / "docs" / page).read_text()
            named = re.findall(r"\| `([\w.]+)` \(([\w ]+)\) \|", text)
            self.assertEqual(len(named), 9, page)
            for key, value in named:
                self.assertEqual(defaults[key], value.replace(" ", ""), (page, key))


if __name__ == "__main__":
    unittest.main()
