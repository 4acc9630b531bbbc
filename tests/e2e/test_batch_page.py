"""docs/batch.md and its Chinese twin: every example does what the page shows."""

import json
import os
import re
import subprocess
import tempfile
import unittest

from harness import ROOT, Server, binary

PAGES = ("batch.md", "batch.zh-CN.md")
ADDRESS = "127.0.0.1:5001"
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
                elif name == "since_ms":
                    self.assertGreater(seen[name], value, inner)
                elif name == "complete":
                    # Of the second in which the server began it does not say that it knows all.
                    self.assertIn(seen[name], (0, 1), inner)
                elif name == "items_per_second":
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
            with Server({"moderation.lists": " ".join(lists)}) as server, \
                    tempfile.TemporaryDirectory() as directory:
                functions, ids = "", Ids()
                # The command is found, and finds the server of this test.
                env = {**os.environ, "JINDOU_URL": "http://" + server.http,
                       "PATH": os.path.dirname(binary()) + os.pathsep + os.environ["PATH"]}
                for commands, language, output in examples(page):
                    with self.subTest(page=page, commands=commands[:80]):
                        commands = commands.replace(ADDRESS, server.http)
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
                            self.compare(values(output), values(ran.stdout), ids)
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
