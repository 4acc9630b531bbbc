"""tests/conformance against this server and against a small one in memory."""

import fnmatch
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from batch_server import BatchServer
from harness import ROOT, SEED_DOCUMENT, ServerCase

PROGRAM = ROOT / "tests" / "conformance" / "run.py"
README = ROOT / "tests" / "conformance" / "README.md"
TIMEOUT = 120

# Optional clauses that do not hold on a server of ours with its defaults, and why.
NOT_OURS = {"jindou.overload.retry-after": "the run does not overload it",
            "wukongim.token.required": "the defaults ask for no token"}


def run(*arguments):
    return subprocess.run([sys.executable, "-B", str(PROGRAM), *arguments], capture_output=True,
                          text=True, timeout=TIMEOUT, check=False)


def report_of(url, *arguments):
    """The exit status, the verdicts by clause, and what was printed."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "report.json"
        done = run(url, "--json", str(file), *arguments)
        report = json.loads(file.read_text())
    verdicts = {each["id"]: each["verdict"] for each in report["clauses"]}
    return done.returncode, verdicts, done.stdout + done.stderr


class Ours(ServerCase):
    arguments: list = []
    otherwise = NOT_OURS

    def test_every_clause_holds(self):
        status, verdicts, printed = report_of("http://" + self.server.http, *self.arguments)
        wrong = {name: verdict for name, verdict in verdicts.items()
                 if verdict != "holds" and name not in self.otherwise}
        self.assertEqual(wrong, {}, printed)
        self.assertEqual(status, 0, printed)
        self.assertNotIn("fails", verdicts.values(), printed)
        self.assert_healthy()


class OursWithToken(Ours):
    config = {"managerToken": "conformance-secret"}
    arguments = ["--token", "conformance-secret"]
    otherwise = {"jindou.overload.retry-after": NOT_OURS["jindou.overload.retry-after"]}

    def test_without_the_token_it_says_so(self):
        for arguments, word in (((), "--token"), (("--token", "wrong"), "--token")):
            done = run("http://" + self.server.http, *arguments)
            self.assertEqual(done.returncode, 2, done)
            self.assertIn(word, done.stderr)


class ServedBy(unittest.TestCase):
    def serve(self, kind=BatchServer):
        server = kind()
        self.addCleanup(server.close)
        return server


class AnotherServer(ServedBy):
    """The program asks for nothing that only this project has."""

    def test_a_server_of_the_published_page_holds_every_required_clause(self):
        status, verdicts, printed = report_of(self.serve().url)
        for name, verdict in verdicts.items():
            wanted = ["holds"] if name.startswith("seed.") else ["holds", "not offered",
                                                                 "not checked"]
            self.assertIn(verdict, wanted, "%s\n%s" % (name, printed))
        self.assertEqual(status, 0, printed)
        self.assertRegex(printed, r"(?m)^seed \(required\): \d+ holds$")

    def test_what_cannot_be_checked_is_said_and_is_no_success(self):
        class Blind(BatchServer):
            def routes(self):
                return {"/message/sendbatch": self.sendbatch}

        status, verdicts, printed = report_of(self.serve(Blind).url, "--only", "seed")
        self.assertEqual(status, 1)
        self.assertEqual(verdicts["seed.response.order"], "holds", printed)
        self.assertEqual(verdicts["seed.status.200"], "not checked", printed)
        self.assertEqual(verdicts["seed.status.403"], "not checked", printed)
        self.assertNotIn("fails", verdicts.values(), printed)


class CommandLine(ServedBy):
    def test_usage(self):
        url = self.serve().url
        for arguments in ((), ("127.0.0.1:5001",), ("ftp://127.0.0.1",), (url, "--only", "sead"),
                          (url, "--json", "/nowhere/report"), (url, "--unknown"),
                          (url, "--timeout", "soon")):
            done = run(*arguments)
            self.assertEqual(done.returncode, 2, done)
            self.assertTrue(done.stderr, done)

    def test_an_unreachable_server(self):
        server = BatchServer()
        server.close()
        done = run(server.url)
        self.assertEqual(done.returncode, 2, done)
        self.assertIn("cannot be reached", done.stderr)

    def test_only(self):
        _, verdicts, _ = report_of(self.serve().url, "--only", "seed.response.order", "--only",
                                   "seed.use")
        self.assertEqual(len(verdicts), 4)


class ReadMe(unittest.TestCase):
    """The README lists every clause, and which line of the published page became which."""

    def setUp(self):
        done = run("--list")
        self.assertEqual(done.returncode, 0, done)
        self.listed = done.stdout.strip()
        self.names = re.findall(r"(?m)^\| `([\w.-]+)` ", self.listed)
        self.text = README.read_text()

    def test_it_has_the_tables_of_list(self):
        for table in self.listed.split("\n\n"):
            self.assertIn(table, self.text)
        self.assertEqual(sorted(self.names), sorted(set(self.names)))
        of_text = re.findall(r"(?m)^\| `([\w.-]+)` ", self.text)
        self.assertEqual(sorted(of_text), sorted(self.names))

    def test_every_line_of_the_page_and_every_clause_of_it_is_in_the_table(self):
        lines, named = set(), set()
        for begin, end, row in re.findall(r"(?m)^\| (\d+)(?:-(\d+))? (\|.*)$", self.text):
            lines.update(range(int(begin), int(end or begin) + 1))
            for pattern in re.findall(r"`((?:seed|jindou)\.[^`]+)`", row):
                found = fnmatch.filter(self.names, pattern)
                self.assertTrue(found, "%s is no clause" % pattern)
                named.update(found)
        page = SEED_DOCUMENT.read_text().splitlines()
        missing = [n for n, line in enumerate(page, 1) if line.strip() and n not in lines]
        self.assertEqual(missing, [])
        self.assertEqual([name for name in self.names
                          if name.startswith("seed.") and name not in named], [])

    def test_places_are_lines_of_the_page(self):
        count = len(SEED_DOCUMENT.read_text().splitlines())
        for name, place in re.findall(r"(?m)^\| `(seed\.[\w.-]+)` \| ([^|]*) \|", self.listed):
            numbers = [int(n) for n in re.findall(r"\d+", place.rpartition(",")[2])]
            self.assertTrue(numbers and all(1 <= n <= count for n in numbers), (name, place))


if __name__ == "__main__":
    unittest.main()
