"""A disk that takes writes and does not finish them: the node says that it is not ready."""

import pathlib
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
    def test_not_ready_while_every_send_times_out(self):
        directory = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, directory)
        library, hold = directory / "hold.so", directory / "hold"
        subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library), "-ldl"],
                       input=HOLD, text=True, check=True)

        def on_held_disk(_server):
            # Built with a sanitizer, the server wants to be asked first.
            return ["env", "LD_PRELOAD=%s" % library, "HOLD_FILE=%s" % hold,
                    "ASAN_OPTIONS=verify_asan_link_order=0"]

        config = {"api.requestTimeout": "1s", "core.delayMax": "200ms"}
        with Server(config=config, wrapper=on_held_disk) as server:
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
