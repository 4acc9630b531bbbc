"""docs/operations.md and its Chinese twin: everything in them that is a command is run by a test.

Which test runs a command is read from the tests: where they take it out of the page, as
operations_page.py says. Those of tests/package take it out of the same page, and are run by hand.
"""

import ast
import functools
import re
import shutil
import tempfile
import unittest

import operations_page
from harness import ROOT, not_for_sanitizers
from operations_page import PAGES, SAID, commands, lines_of, page_text, run_shown

# What no test runs, and why. The page says it too.
BY_HAND = {
    "tests/package/run.sh": "it is a test, run by hand: root, debootstrap and some minutes",
    "tests/package/image.sh": "the same",
    "docker compose -f deploy/docker/compose.yaml up -d":
        "it needs Docker's daemon and loads images of others; test_deployment reads what it reads",
    "helm install im deploy/helm/jindou --set existingSecret=NAME":
        "it needs a cluster; test_deployment has Helm render the chart with such a secret",
}
TAKES = {"shown", "run_shown", "ShownServer", "shown_block"}


def taken(text, path):
    """Of a test's source: (what it takes, whether that is the name of a block)."""
    for statement in ast.walk(ast.parse(text, path)):
        # What it takes and does nothing with is not run.
        unused = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) and \
            getattr(statement.value.func, "id", "") in TAKES - {"run_shown"}
        for call in [] if unused else ast.iter_child_nodes(statement):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in TAKES and \
                    call.args and isinstance(call.args[0], ast.Constant):
                yield call.args[0].value, call.func.id == "shown_block"


@functools.cache
def all_taken():
    found = set()
    for folder in ("e2e", "package"):
        for path in sorted((ROOT / "tests" / folder).glob("*.py")):
            text = path.read_text()
            if "\nfrom operations_page import " in text:
                found.update(taken(text, str(path)))
    return found


def run_by_none(text, claims):
    """The commands of a page that no test takes."""
    known = {claim for claim, is_block in claims if not is_block}
    for language, block in operations_page.blocks(text):
        first = block.partition("\n")[0]
        if language == "sh" and (first.removeprefix("# "), True) in claims:
            known.update(lines_of(block))
    all_commands = commands(text)
    # A command that is named without all its words stands for the longer one.
    longer = [each for each in all_commands if each in known]
    return [each for each in all_commands if each not in known and each not in BY_HAND and not any(
        re.search(r"(?<![^\s(])%s(?![^\s)])" % re.escape(each), one) for one in longer)]


@not_for_sanitizers
class Page(unittest.TestCase):
    def test_a_test_runs_every_command(self):
        claims = all_taken()
        for page in PAGES:
            self.assertEqual(run_by_none(page_text(page), claims), [],
                             "no test runs these commands of %s: see operations_page.py" % page)

    def test_both_pages_have_the_same_commands(self):
        first, second = (commands(page_text(page)) for page in PAGES)
        self.assertEqual(set(first), set(second))
        self.assertGreater(len(first), 40)

    def test_what_is_said_of_the_page_is_true(self):
        claims = {claim for claim, _ in all_taken()}
        for page in PAGES:
            text = " ".join(page_text(page).split())
            for said in SAID:
                self.assertIn("`%s`" % said, text, page)
            for command in BY_HAND:
                self.assertIn(command, commands(page_text(page)))
                self.assertNotIn(command, claims)

    def test_a_command_without_a_test_is_found(self):
        text, claims = page_text(PAGES[0]), all_taken()
        for added in ("See `jindou frobnicate --now`.", "Run `scripts/frobnicate.sh`.",
                      "```sh\njindou frobnicate\n```", "```ini\nExecStop=jindou frobnicate\n```",
                      "```\npostrotate\n  jindou frobnicate\nendscript\n```"):
            with self.subTest(added=added):
                left = run_by_none(text + "\n" + added + "\n", claims)
                self.assertEqual(len(left), 1, left)
                self.assertIn("frobnicate", left[0])
        with self.assertRaises(AssertionError):
            commands("```python\nrun()\n```\n")
        # Nor is one run by a test that takes it and leaves it.
        left_alone = "def test():\n    shown('make deb')\n"
        self.assertEqual(list(taken(left_alone, "t.py")), [])
        self.assertEqual(list(taken(left_alone.replace("shown", "run_shown"), "t.py")),
                         [("make deb", False)])
        self.assertIn("make deb", run_by_none(text, claims - {("make deb", False)}))


@not_for_sanitizers
class Commands(unittest.TestCase):
    """Those that belong to no other file of tests."""

    def test_the_disk_is_measured_on_the_machine_it_runs_on(self):
        little = "jindou bench --only floor --rounds 1 --seconds 0.1"
        with tempfile.TemporaryDirectory() as directory:
            done = run_shown("jindou bench", ("jindou bench", little), cwd=directory)
        self.assertEqual(done.returncode, 0, done)
        self.assertRegex(done.stdout, r"(?m)^\| disk: append .*fdatasync")
        self.assertRegex(done.stdout, r"(?m)^\| floor F: RocksDB alone")

    @unittest.skipUnless(shutil.which("ssh"), "no ssh")
    def test_the_manager_page_comes_through_ssh(self):
        # As far as it goes without another machine: what ssh makes of the command.
        done = run_shown("ssh -L 5300:localhost:5300 server", ("ssh", "ssh -G -F none"))
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("\nlocalforward 5300 [localhost]:5300\n", done.stdout)


if __name__ == "__main__":
    unittest.main()
