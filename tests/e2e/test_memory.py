"""What the server takes of the machine's memory, and what it gives back."""

import base64
import concurrent.futures
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import unittest

from control_group import ControlGroup, Unavailable
from harness import GROUP, PERSON, QUICK, Server, build_setting, wait_until
from message_load import person_batches, send_all

MIB = 1 << 20


def status_bytes(server, name):
    """A line of /proc/PID/status, such as VmRSS, in bytes."""
    text = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(rf"^{name}:\s+(\d+) kB$", text, re.M).group(1)) * 1024


# A sanitizer has an allocator of its own, which keeps what is freed for a while.
measures_memory = unittest.skipIf(build_setting("JINDOU_SANITIZE"),
                                  "a sanitizer's allocator keeps what is freed")


class MemoryLimit(unittest.TestCase):
    """Defaults follow a limit, and a start says which."""

    def test_a_start_says_what_it_follows(self):
        with Server(config={"runtime.memoryLimit": "300MiB"}) as server:
            server.wait_for_log("caches and buffers are made for 300 MiB: runtime.memoryLimit; "
                                "threads for")
        with Server() as server:
            server.wait_for_log("caches and buffers ")
            line = next(one for one in server.log_tail().splitlines()
                        if "caches and buffers " in one)
            self.assertRegex(line, r"of the (machine|control group)")

    @measures_memory
    def test_messages_to_many_users_stay_below_the_limit(self):
        # Every message makes a channel and touches two users: caches, write buffers and index fill.
        users, size = (20_000, 500) if QUICK else (100_000, 1000)
        payload = base64.b64encode(b"x" * 200).decode()
        with Server(config={"runtime.memoryLimit": "256MiB"}) as server:
            for first in range(0, users, size):
                server.must_batch([
                    {"from_uid": "sender", "channel_id": f"user-{n}", "channel_type": PERSON,
                     "client_msg_no": f"no-{n}", "payload": payload}
                    for n in range(first, first + size)])
            peak = status_bytes(server, "VmHWM")
            self.assertLess(peak, 256 * MIB, f"{peak / MIB:.0f} MiB")

    @measures_memory
    def test_memtables_are_in_memory_that_asks_for_huge_pages(self):
        if not pathlib.Path("/sys/kernel/mm/transparent_hugepage").is_dir():
            self.skipTest("this kernel has no transparent huge pages")
        with Server() as server:
            server.must_batch([{"from_uid": "a", "channel_id": "b", "channel_type": PERSON,
                                "payload": base64.b64encode(b"x").decode()}])
            maps = pathlib.Path(f"/proc/{server.process.pid}/smaps").read_text()
            flags = re.findall(r"^VmFlags: (.*)$", maps, re.M)
            self.assertTrue(any("hg" in line.split() for line in flags))

    @measures_memory
    def test_large_answers_stay_below_the_limit(self):
        many = 30 if QUICK else 100
        with Server(config={"runtime.memoryLimit": "256MiB"}) as server:
            payload = base64.b64encode(b"x" * 32_000).decode()
            for _ in range(5):
                server.must_batch([{"from_uid": "sender", "channel_id": "g", "channel_type": GROUP,
                                    "payload": payload} for _ in range(50)])
            body = {"login_uid": "reader", "items": [
                {"channel_id": "g", "channel_type": GROUP, "pull_mode": 1, "start_message_seq": 1,
                 "limit": 10000}] * 5}
            # Alone it is answered, with less in it than with more memory.
            one = server.post("/channel/messagesyncbatch", body)
            self.assertEqual(one.status, 200, one)
            with concurrent.futures.ThreadPoolExecutor(many) as pool:
                answers = list(pool.map(lambda _: server.post(
                    "/channel/messagesyncbatch", body, timeout=120.0).status, range(many)))
            self.assertLessEqual(set(answers), {200, 429, 503})
            self.assertIn(200, answers)
            peak = status_bytes(server, "VmHWM")
            self.assertLess(peak, 256 * MIB, f"{peak / MIB:.0f} MiB")


@measures_memory
class InAControlGroup(unittest.TestCase):
    """As in a container: the limit is the kernel's, which kills, and nothing is configured."""

    def setUp(self):
        self.group = ControlGroup(memory=512 * MIB)
        try:
            self.group.__enter__()
        except Unavailable as why:
            self.skipTest(str(why))
        self.addCleanup(self.group.remove)

    def test_messages_to_many_users_do_not_kill_a_server_with_512_mib(self):
        # tests/sizes/run.sh sends to a million of them.
        users = 20_000 if QUICK else 100_000
        payload = base64.b64encode(b"x" * 200).decode()
        with Server(wrapper=lambda _: self.group.words()) as server:
            server.wait_for_log("caches and buffers are made for 512 MiB: the limit of the control "
                                "group")
            send_all(server, person_batches(users, 1000, payload), seconds=240)
            self.assertEqual((server.alive(), self.group.killed()), (True, 0))
            self.assertEqual(server.get("/health").status, 200)
            self.assertEqual(server.max_seq("sender", PERSON, f"user-{users - 1}"), 1)

    def test_whoever_takes_more_is_killed(self):
        # Else the test above would say nothing.
        done = subprocess.run(self.group.words() + [sys.executable, "-c", "b'x' * (600 << 20)"],
                              stderr=subprocess.PIPE, check=False)
        self.assertEqual((done.returncode, self.group.killed()), (-signal.SIGKILL, 1), done)


@measures_memory
class MemoryIsGivenBack(unittest.TestCase):
    """What strangers made the server hold does not stay with it."""

    def setUp(self):
        self.server = Server(config={"api.maxConnections": "3000"})
        self.addCleanup(self.server.destroy)
        self.server.start()
        self.held = []
        self.addCleanup(self.let_go)

    def let_go(self):
        for one in self.held:
            one.close()
        self.held = []

    def connect(self, address):
        host, port = address.rsplit(":", 1)
        self.held.append(socket.create_connection((host, int(port)), timeout=10))
        return self.held[-1]

    def resident(self):
        return status_bytes(self.server, "VmRSS")

    def check(self, before, grown):
        """It has grown by so much and comes back when everything is let go."""
        wait_until(lambda: self.resident() > before + grown, what="memory to be held")
        self.let_go()
        wait_until(lambda: self.resident() < before + 48 * MIB, timeout=30, interval=0.2,
                   what="memory to go back")

    def unfinished_bodies(self, count, size):
        # Not of batches: those have places of their own, fewer than these.
        head = ("POST /channel/subscriber_add HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                f"Content-Length: {size}\r\n\r\n").encode()
        for _ in range(count):
            self.connect(self.server.http).sendall(head + b"x" * (size - 1))

    def test_of_large_bodies(self):
        before = self.resident()
        self.unfinished_bodies(20, 8 * MIB)
        self.check(before, 130 * MIB)

    def test_of_small_bodies(self):
        before = self.resident()
        self.unfinished_bodies(1200, 100_000)
        self.check(before, 100 * MIB)

    def test_of_half_frames(self):
        before = self.resident()
        half = b"\x30\xa0\x8d\x06" + b"x" * 90_000  # of a SEND of 100,000 bytes
        for n in range(800):
            client = self.server.client(f"user-{n}")
            self.addCleanup(client.close)
            self.held.append(client.transport)
            client.transport.write(half)
        self.check(before, 60 * MIB)

    def test_of_answers_that_nobody_reads(self):
        payload = base64.b64encode(b"x" * 20_000).decode()
        for _ in range(5):
            self.server.must_batch([{"from_uid": "sender", "channel_id": "g", "channel_type": GROUP,
                                     "payload": payload} for _ in range(100)])
        before = self.resident()
        body = json.dumps({"channel_id": "g", "channel_type": GROUP, "login_uid": "reader",
                           "pull_mode": 1, "start_message_seq": 1, "limit": 10000})
        for _ in range(12):
            self.connect(self.server.http).sendall((
                "POST /channel/messagesync HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}").encode())
        self.check(before, 60 * MIB)


if __name__ == "__main__":
    unittest.main()
