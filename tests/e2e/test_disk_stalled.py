"""A disk that takes writes and does not finish them: the node says that it is not ready, and its
answers how little more there is room for."""

import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import unittest

from harness import Server, fresh, item, wait_until

# Stands before the C library: syncing waits for as long as the file of that name is there.
HOLD = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>
static int held(const char *name, int fd) {
  const char *file = getenv("HOLD_FILE");
  while (file != NULL && access(file, F_OK) == 0) usleep(10000);
  return ((int (*)(int))dlsym(RTLD_NEXT, name))(fd);
}
int fsync(int fd) { return held("fsync", fd); }
int fdatasync(int fd) { return held("fdatasync", fd); }
"""


@unittest.skipUnless(shutil.which("cc"), "needs a C compiler")
class DiskStalled(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, directory)
        cls.shim, cls.hold = directory / "hold.so", directory / "hold"
        subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(cls.shim), "-ldl"],
                       input=HOLD, text=True, check=True)

    def setUp(self):
        self.addCleanup(self.hold.unlink, missing_ok=True)

    def on_held_disk(self, _server):
        # Built with a sanitizer, the server wants to be asked first.
        return ["env", "LD_PRELOAD=%s" % self.shim, "HOLD_FILE=%s" % self.hold,
                "ASAN_OPTIONS=verify_asan_link_order=0"]

    def test_batches_are_advised_to_be_few_and_small_while_others_wait(self):
        # Nothing takes so long that the core would take less at a time than it is told to here.
        config = {"api.requestTimeout": "1m", "core.delayMax": "30s", "core.itemsInFlight": 1000,
                  "api.batchesInFlight": 8}
        with Server(config=config, wrapper=self.on_held_disk) as server:
            def advice():
                """Of an answer to what is no batch, which is not waiting itself."""
                field = server.batch([{"x": 1}]).headers["batch-advice"]
                items, concurrency = re.fullmatch(r"items=(\d+), concurrency=(\d+)", field).groups()
                return int(items), int(concurrency)

            senders, answers = [], []

            def send(count):
                batch = [item(fresh("g"), "n%d" % i) for i in range(count)]
                sender = threading.Thread(
                    target=lambda: answers.append(server.batch(batch, timeout=60)))
                senders.append(sender)
                sender.start()

            # A quarter of the items, and half of the batches that may be made of them.
            idle = (250, 2)
            self.assertEqual(advice(), idle)
            self.hold.touch()
            for _ in range(6):
                send(1)
            # Of eight places six are taken; there is room for items yet.
            wait_until(lambda: (now := advice())[1] == 1 and now[0] > 200, 30,
                       what="advice to send fewer at a time")
            send(500)
            wait_until(lambda: (now := advice())[1] == 1 and now[0] < 150, 30,
                       what="advice to send smaller ones")
            self.assertEqual(answers, [])
            self.hold.unlink()
            for sender in senders:
                sender.join()
            self.assertEqual([answer.status for answer in answers], [200] * 7)
            wait_until(lambda: advice() == idle, 30, what="the advice of before")

    def test_not_ready_while_every_send_times_out(self):
        hold = self.hold
        config = {"api.requestTimeout": "1s", "core.delayMax": "200ms"}
        with Server(config=config, wrapper=self.on_held_disk) as server:
            channel = fresh("g")
            first, second = item(channel, "first"), item(channel, "second")
            for one, number in ((first, "n1"), (second, "n2")):
                one["client_msg_no"] = number
            self.assertEqual(server.get("/readyz").status, 200)
            hold.touch()
            answers = []
            sender = threading.Thread(target=lambda: answers.append(server.batch([first])))
            sender.start()
            wait_until(lambda: server.get("/readyz").status == 503, what="the node not to be ready")
            # Refused by its header, with nothing done; what was begun before is unknown.
            refused = server.batch([second])
            self.assertEqual((refused.status, refused.json()["code"]), (429, "overloaded"))
            sender.join()
            self.assertEqual(answers[0].status, 500)
            self.assertEqual(answers[0].json()["items"][0]["state"], "unknown")
            self.assertEqual(server.get("/readyz").status, 503)
            self.assertEqual(server.get("/health").status, 200)
            hold.unlink()
            wait_until(lambda: server.get("/readyz").status == 200, what="the node to be ready")
            server.must_batch([first, second])
            self.assertEqual([message["client_msg_no"] for message in server.messages(channel)],
                             ["n1", "n2"])


if __name__ == "__main__":
    unittest.main()
