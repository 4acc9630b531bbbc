"""The table of sizes (tests/sizes): that it is made at all, with small numbers. What they are is
looked at by hand."""

import re
import subprocess
import unittest

from harness import ROOT, binary, not_for_sanitizers


@not_for_sanitizers
class Sizes(unittest.TestCase):
    def sizes(self, *words):
        return subprocess.run([ROOT / "tests" / "sizes" / "run.sh", binary(), *words],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=300, check=False)

    def test_a_table_of_what_was_measured(self):
        done = self.sizes("--only", "idle,million", "--users", "3000")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^\d+ processors \(.*GiB of memory")
        self.assertIn("| --- | --- | --- |\n", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^\| a server with an empty store \| \d+ MiB \| ")
        if "no row for 512 MiB: " in done.stderr:
            self.skipTest(re.search(r"no row for 512 MiB: .*", done.stderr)[0])
        self.assertRegex(done.stdout, r"(?m)^\| one message each to 3,000 users within 512 MiB \| "
                                      r"\d+ MiB at most \| ")

    def test_what_it_cannot_measure_is_refused(self):
        done = self.sizes("--only", "idle,weight")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("no such section: weight", done.stderr)


if __name__ == "__main__":
    unittest.main()
