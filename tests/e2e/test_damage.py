"""Files of the store that are damaged, cut or missing: the server says so and does not start, or
everything that was acknowledged is there."""

import glob
import json
import os
import pathlib
import subprocess
import unittest

from harness import Server, binary, item


def newest_log(server) -> str:
    return max(glob.glob(server.data_dir + "/*.log"), key=os.path.getsize)


def flip(path, offset, mask=0xFF, count=1):
    with open(path, "r+b") as file:
        file.seek(offset)
        old = file.read(count)
        file.seek(offset)
        file.write(bytes(byte ^ mask for byte in old))


def start_and_fail(server) -> tuple:
    """(exit status, what the server said)."""
    server.spawn()
    try:
        status = server.process.wait(30)
        assert server.process.stdout.read() == b"", "no ready line"
    finally:
        server._kill_quietly(server.process)
    return status, server.log_tail(3)


class DamagedLog(unittest.TestCase):
    """The write-ahead log of a killed server."""

    def setUp(self):
        self.server = Server().start()
        self.addCleanup(self.server.destroy)
        self.acknowledged = {}
        for number in range(20):
            answer = self.server.batch([item("g", "%d-%d" % (number, i)) for i in range(50)])
            self.assertEqual(answer.status, 200, answer)
            for result in answer.json():
                self.acknowledged[result["message_seq"]] = result["message_id"]
        self.server.kill9()
        self.log = newest_log(self.server)

    def assert_refused(self, *words):
        status, said = start_and_fail(self.server)
        self.assertEqual(status, 1, said)
        for word in (self.log, "restore", *words):
            self.assertIn(word, said)

    def assert_whole(self):
        self.server.start()
        stored = {m["message_seq"]: m["message_id"] for m in self.server.messages("g")}
        self.assertEqual(stored, self.acknowledged)

    def test_damage_with_records_behind_it_is_refused(self):
        for offset in (os.path.getsize(self.log) // 10, os.path.getsize(self.log) // 2):
            flip(self.log, offset, count=3)
            self.assert_refused("offset")
            flip(self.log, offset, count=3)
        self.assert_whole()

    def test_a_missing_or_short_log_is_refused(self):
        content = pathlib.Path(self.log).read_bytes()
        os.truncate(self.log, len(content) // 2)
        self.assert_refused("ends at offset %d" % (len(content) // 2))
        os.remove(self.log)
        self.assert_refused("missing")
        pathlib.Path(self.log).write_bytes(content)
        self.assert_whole()

    def test_an_unfinished_write_at_the_end_is_what_a_crash_leaves(self):
        with open(self.log, "ab") as file:
            file.write(b"\x00" * 50 + os.urandom(5000))
        self.assert_whole()
