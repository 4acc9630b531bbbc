"""A full disk: refused and reported, nothing acknowledged is lost, and it comes back by itself."""

import base64
import os
import re
import subprocess
import tempfile
import unittest

from harness import GROUP, Server, wait_until

# Mounts a small file system of its own over the data directory, half of it taken by a file.
SMALL_DISK = ('mkdir -p "$0" && mount -t tmpfs -o size=64m tmpfs "$0" && '
              'dd if=/dev/zero of="$0/ballast" bs=1M count=30 2>/dev/null && exec "$@"')

# Root needs no user namespace, and inside a chroot could not have one.
UNSHARE = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]


def can_mount():
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run([*UNSHARE, "mount", "-t", "tmpfs", "tmpfs", directory],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        return done.returncode == 0


@unittest.skipUnless(can_mount(), "mount namespaces are not permitted here")
class DiskFull(unittest.TestCase):
    def test_refuses_while_full_and_recovers_with_room(self):
        def on_small_disk(server):
            return [*UNSHARE, "sh", "-c", SMALL_DISK, server.data_dir]

        payload = base64.b64encode(os.urandom(6000)).decode()
        acknowledged = []
        number = 0
        with Server(config={"storage.writeBufferBytes": "4MiB"}, wrapper=on_small_disk) as server:
            def post():
                nonlocal number
                number += 1
                answer = server.post("/message/sendbatch", [
                    {"client_msg_no": "f%d_%d" % (number, i), "from_uid": "u1", "channel_id": "g1",
                     "channel_type": GROUP, "payload": payload} for i in range(50)])
                if answer.status == 200:
                    acknowledged.extend(item for item in answer.json() if item["message_id"])
                return answer

            refused = wait_until(lambda: (lambda answer: answer if answer.status != 200 else None)(post()),
                                 timeout=60, interval=0, what="the disk to be full")
            self.assertIn(refused.status, (500, 503))
            self.assertEqual(server.get("/readyz").status, 503)
            health = server.get("/health")
            self.assertEqual(health.status, 500)
            self.assertIn("storage failed", health.json()["message"])
            metrics = server.get("/metrics").body.decode()
            self.assertIn("\njindou_healthy 0\n", metrics)
            self.assertIn("\njindou_ready 0\n", metrics)

            def told():
                return re.search(r"needs \d+ MiB free in (\S+) to reopen, \d+ MiB are there: ",
                                 server.get("/health").json()["message"])

            self.assertEqual(wait_until(told, what="how much is missing")[1].rstrip(","),
                             server.data_dir)
            self.assertNotIn("IO error: IO error:", server.get("/health").json()["message"])

            # The file is in the server's mount namespace.
            os.remove("/proc/%d/root%s/ballast" % (server.process.pid, server.data_dir))
            # Callers that keep trying do not put the recovery off.
            wait_until(lambda: post().status == 200, timeout=30, what="the server to recover")
            self.assertEqual(server.get("/readyz").status, 200)
            self.assertIn("\njindou_ready 1\n", server.get("/metrics").body.decode())

            stored = {}
            more = 1
            while more:
                page = server.post("/channel/messagesync", {
                    "login_uid": "u1", "channel_id": "g1", "channel_type": GROUP, "limit": 10000,
                    "start_message_seq": len(stored) + 1, "pull_mode": 1}).json()
                more = page["more"]
                for message in page["messages"]:
                    self.assertEqual(message["message_seq"], len(stored) + 1)
                    stored[message["message_seq"]] = message["message_id"]
            for item in acknowledged:
                self.assertEqual(stored[item["message_seq"]], item["message_id"])


class FileSizeLimit(unittest.TestCase):
    """A limit on the size of files is an error of a write, like a full disk, and not the end of the process."""

    def test_refuses_at_the_limit_and_recovers_without_it(self):
        acknowledged = {}
        with Server(config={"storage.writeBufferBytes": "4MiB"},
                    wrapper=lambda _: ["prlimit", "--fsize=1000000:"]) as server:
            def post(number):
                answer = server.post("/message/sendbatch", [
                    {"client_msg_no": "l%d_%d" % (number, i), "from_uid": "u1", "channel_id": "g1",
                     "channel_type": GROUP, "payload": base64.b64encode(os.urandom(3000)).decode()}
                    for i in range(20)])
                if answer.status == 200:
                    acknowledged.update((item["message_seq"], item["message_id"]) for item in answer.json())
                return answer.status

            numbers = iter(range(1000))
            refused = wait_until(lambda: (lambda status: status != 200 and status)(post(next(numbers))),
                                 timeout=60, interval=0, what="the limit to be met")
            self.assertIn(refused, (500, 503))
            self.assertIn("storage failed", server.get("/health").json()["message"])
            self.assertIsNone(server.process.poll())

            subprocess.run(["prlimit", "--pid", str(server.process.pid), "--fsize=unlimited:"], check=True)
            wait_until(lambda: post(next(numbers)) == 200, timeout=30, what="the server to recover")
            self.assertEqual(server.get("/health").status, 200)
            page = server.post("/channel/messagesync", {
                "login_uid": "u1", "channel_id": "g1", "channel_type": GROUP, "limit": 10000,
                "start_message_seq": 1, "pull_mode": 1}).json()
            stored = {message["message_seq"]: message["message_id"] for message in page["messages"]}
            self.assertEqual(sorted(stored), list(range(1, len(stored) + 1)))
            self.assertLessEqual(acknowledged.items(), stored.items())


if __name__ == "__main__":
    unittest.main()
