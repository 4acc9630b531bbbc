"""What the server takes of the machine's memory, and what it gives back."""

import base64
import json
import pathlib
import re
import unittest

from harness import PERSON, QUICK, Server

MIB = 1 << 20


def status_bytes(server, name):
    """A line of /proc/PID/status, such as VmRSS, in bytes."""
    text = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(rf"^{name}:\s+(\d+) kB$", text, re.M).group(1)) * 1024


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


if __name__ == "__main__":
    unittest.main()
