"""The image: built on a bare Debian, run as its own user on a network of loopback alone.

buildah takes the places of the commands of docs/operations.md that are Docker's."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from harness import seed_request  # noqa: E402
from operations_page import shown  # noqa: E402
from machine import Machine, run, wait_until  # noqa: E402

PACKAGE = os.environ.get("JINDOU_PACKAGE")
TOKEN = "a-token-of-this-test"
IMAGE = "localhost/jindou:0.1.0"


class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(tempfile.mkdtemp(prefix="jindou-image-"))
        cls.addClassCleanup(shutil.rmtree, cls.work)
        bare = Machine()
        cls.addClassCleanup(bare.destroy)
        base = cls.buildah("from", "scratch").split()[-1]
        run("cp", "-a", str(bare.root) + "/.", cls.buildah("mount", base).strip())
        cls.buildah("umount", base)
        cls.buildah("commit", "-q", "--rm", base, "localhost/bare")
        context = cls.context()
        # buildah's word for it; the rest is the same.
        words = shown("docker build -t jindou:0.1.0 -f deploy/docker/Dockerfile .").split()[2:]
        print(cls.buildah("bud", "-q", "--format", "docker", "--build-arg", "DEBIAN=localhost/bare",
                          *words, cwd=context, timeout=7200).strip())
        cls.container = cls.buildah("from", IMAGE).split()[-1]

    @classmethod
    def context(cls):
        """The tree, or with a package what the second stage needs of it."""
        if not PACKAGE:
            return ROOT
        context = cls.work / "context"
        shutil.copytree(ROOT / "deploy/docker", context / "deploy/docker")
        (context / "deb").mkdir()
        shutil.copy(PACKAGE, context / "deb")
        dockerfile = context / "deploy/docker/Dockerfile"
        head, _, tail = dockerfile.read_text().partition("FROM ${DEBIAN} AS build\n")
        dockerfile.write_text(head + "FROM ${DEBIAN} AS build\nCOPY deb /src/build/deb\n\n" +
                              tail[tail.index("FROM ${DEBIAN}\n"):])
        return context

    @classmethod
    def command(cls, *words):
        return ["buildah", "--root", cls.work / "storage", "--runroot", cls.work / "run",
                "--storage-driver", "vfs", *words]

    @classmethod
    def buildah(cls, *words, **options):
        environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
        return run(*cls.command(*words), env=environment, **options)

    def start(self, *environment):
        """The server, in a network of its own."""
        words = [word for pair in environment for word in ("--env", pair)]
        arguments = self.config["Entrypoint"] + self.config["Cmd"]
        inner = ["buildah", *map(str, self.command("run", "--isolation", "chroot", *words,
                                                   self.container, "--", *arguments)[1:])]
        return subprocess.Popen(
            ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *inner],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    @property
    def config(self):
        return json.loads(self.buildah("inspect", "--type", "image", IMAGE))["Docker"]["config"]

    def server_process(self, network):
        """The number of the server in that network."""
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if ((folder / "comm").read_text().strip() == "jindou"
                        and os.readlink(folder / "ns/net") == network):
                    return int(folder.name)
            except OSError:
                continue
        return None

    def test_it_says_how_it_is_to_be_run(self):
        config = self.config
        self.assertEqual(config["User"], "10001:10001")
        self.assertIn("/var/lib/jindou", config["Volumes"])
        self.assertEqual(config["Healthcheck"]["Test"], ["CMD", "/usr/libexec/jindou-probe", "ready"])

    def test_other_commands_run_as_well(self):
        words = shown("docker run --rm jindou:0.1.0 version").split()[4:]
        output = self.buildah("run", "--isolation", "chroot", self.container, "--",
                              *self.config["Entrypoint"], *words)
        self.assertIn("store format", output)

    def test_without_a_token_it_does_not_start(self):
        process = self.start()
        output, _ = process.communicate(timeout=60)
        self.assertIn("managerToken", output)
        self.assertNotEqual(process.returncode, 0)

    def test_it_serves_as_its_own_user_and_stops_in_order(self):
        process = self.start("WK_MANAGERTOKEN=" + TOKEN)
        self.addCleanup(process.stdout.close)
        line = ""
        while '"event":"ready"' not in line:
            line = process.stdout.readline()
            self.assertTrue(line, "it ended")
        network = os.readlink("/proc/%d/ns/net" % process.pid)
        server = self.server_process(network)
        self.assertEqual(os.stat("/proc/%d" % server).st_uid, 10001)
        inside = ["nsenter", "-t", server, "-n"]
        for what in ("ready", "alive"):
            run(*inside, *self.command("run", "--isolation", "chroot", self.container, "--",
                                       "/usr/libexec/jindou-probe", what))
        answer = run(*inside, "curl", "-sS", "--fail-with-body", "-m", "10",
                     "http://127.0.0.1:5001/message/sendbatch", "-H",
                     "Content-Type: application/json", "-H", "token: " + TOKEN, "-d",
                     seed_request().decode())
        self.assertEqual({result["reason"] for result in json.loads(answer)}, {1}, answer)
        metrics = run(*inside, "curl", "-sS", "-m", "10", "http://127.0.0.1:5300/metrics")
        self.assertIn("\njindou_messages_stored_total 2\n", metrics)
        os.kill(server, signal.SIGTERM)
        wait_until(lambda: self.server_process(network) is None, what="its end")
        self.assertEqual(process.wait(30), 0)


if __name__ == "__main__":
    unittest.main()
