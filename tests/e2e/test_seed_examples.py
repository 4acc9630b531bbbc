"""The request examples of the seed document run as they stand there, with real curl, Node, Python
and Go. The document is data; the only change is the address. A missing tool is a failure."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import ServerCase, seed_blocks

TIMEOUT = 120


def python_with_requests() -> str:
    for candidate in ("python3", "/usr/bin/python3"):
        found = shutil.which(candidate)
        if found and subprocess.run([found, "-c", "import requests"], capture_output=True,
                                    check=False).returncode == 0:
            return found
    raise AssertionError("no python3 with the requests package (Debian: python3-requests)")


def tool(*candidates) -> str:
    for name in candidates:
        found = shutil.which(name)
        if found:
            return found
    raise AssertionError("missing: %s" % " or ".join(candidates))


class SeedExamples(ServerCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="jindou-seed-"))
        self.addCleanup(shutil.rmtree, self.dir, True)

    def example(self, language):
        text = seed_blocks()[language]
        self.assertIn("localhost:5001", text)
        return text.replace("localhost:5001", self.server.http)

    def run_tool(self, command, **env):
        clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        clean.update(env, NO_PROXY="*", no_proxy="*")
        done = subprocess.run(command, cwd=self.dir, env=clean, capture_output=True, text=True,
                              timeout=TIMEOUT, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def assert_two_results(self, output, client_msg_nos=("batch_msg_1", "batch_msg_2")):
        """The output, however the language prints it, shows both ids, seqs and numbers."""
        ids = re.findall(r"message_id\W+([0-9.e+]+)", output)
        seqs = re.findall(r"message_seq\W+([0-9]+)", output)
        self.assertEqual(len(ids), 2, output)
        self.assertEqual(len(seqs), 2, output)
        self.assertTrue(all(float(i) > 0 for i in ids), output)
        self.assertTrue(all(int(s) > 0 for s in seqs), output)
        self.assertEqual(len(set(ids)), 2, output)
        for number in client_msg_nos:
            self.assertIn(number, output)
        return ids

    def stored(self, group):
        return self.server.messages(group)

    def test_curl(self):
        script = self.dir / "example.sh"
        script.write_text(self.example("bash"))
        tool("curl")
        output = self.run_tool([tool("bash"), str(script)])
        ids = self.assert_two_results(output)
        self.assertIn(int(ids[0]), [m["message_id"] for m in self.stored("group123")])

    def test_javascript(self):
        script = self.dir / "example.mjs"
        script.write_text(self.example("javascript"))
        output = self.run_tool([tool("node", "nodejs"), "--no-warnings", str(script)])
        ids = self.assert_two_results(output, ("batch_msg_",))
        # JavaScript holds the id exactly: it prints the digits that are stored.
        self.assertIn(int(ids[0]), [m["message_id"] for m in self.stored("group123")])
        self.assertIn(int(ids[1]), [m["message_id"] for m in self.stored("group456")])


class SeedPython(SeedExamples):
    # Python and Go use the numbers of the cURL example with another payload, which on the same
    # server would be a conflict: they get servers of their own.
    test_curl = test_javascript = None

    def test_python(self):
        script = self.dir / "example.py"
        script.write_text(self.example("python"))
        output = self.run_tool([python_with_requests(), str(script)])
        self.assert_two_results(output)


class SeedGo(SeedExamples):
    test_curl = test_javascript = None

    def test_go(self):
        script = self.dir / "main.go"
        script.write_text(self.example("go"))
        output = self.run_tool([tool("go", "/usr/local/go/bin/go", "/usr/lib/go/bin/go"), "run",
                                "main.go"],
                               GO111MODULE="off", GOFLAGS="", GOPROXY="off", GOTOOLCHAIN="local")
        self.assert_two_results(output)


if __name__ == "__main__":
    unittest.main()
