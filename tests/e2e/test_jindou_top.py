"""jindou top: how a server does, live, with the real program and server."""

import os
import pty
import re
import select
import signal
import subprocess
import time
import unittest

from harness import ServerCase, binary, fresh, item
from operations_page import run_shown
from test_jindou_send import environment, free_port


class Top(ServerCase):
    config = {"managerToken": "token-of-this-test"}

    def run_top(self, *arguments, code=0, **env):
        done = subprocess.run([binary(), "top", *arguments], capture_output=True, text=True,
                              env={**environment(None), **env}, timeout=60, check=False)
        self.assertEqual(done.returncode, code, done)
        return done

    def url(self):
        return "http://" + self.server.manager

    def send(self, count):
        answer = self.server.batch([item(fresh("g"), "x") for _ in range(count)],
                                   headers={"token": "token-of-this-test"})
        self.assertEqual(answer.status, 200)

    def test_a_line_for_each_look_when_it_is_no_terminal(self):
        with subprocess.Popen([binary(), "top", "--url", self.url(), "--interval", "0.3", "--count",
                               "3"], stdout=subprocess.PIPE, text=True,
                              env=environment(None)) as top:
            first = top.stdout.readline()
            for _ in range(3):
                self.send(100)
            lines = [first, *top.stdout.read().splitlines()]
            self.assertEqual(top.wait(30), 0)
        self.assertEqual(len(lines), 3, lines)
        for line in lines:
            self.assertRegex(line, r"^\d\d:\d\d:\d\d ready; [\d.,]+/s stored, .* sessions; "
                                   r"[\d.,]+ processors, \d+ MiB memory, .+ disk free$")
        stored = [float(re.search(r"([\d.,]+)/s stored", line).group(1).replace(",", ""))
                  for line in lines]
        self.assertGreater(max(stored[1:]), 0)
        self.assertNotIn("\x1b", "".join(lines))

    def test_the_documented_command_shows_a_line(self):
        once = "jindou top --count 1 --interval 0.1 --url " + self.url()
        done = run_shown("jindou top", ("jindou top", once))
        self.assertEqual(done.returncode, 0, done)
        self.assertIn(" ready; ", done.stdout)

    def test_a_screen_on_a_terminal_until_it_is_interrupted(self):
        leader, follower = pty.openpty()
        self.addCleanup(os.close, leader)
        with subprocess.Popen([binary(), "top", "--url", self.url(), "--interval", "0.2"],
                              stdout=follower, env=environment(None)) as top:
            os.close(follower)
            seen, deadline = b"", time.monotonic() + 30
            while seen.count(b"\x1b[H\x1b[2J") < 3 or b"/message/sendbatch" not in seen:
                self.assertLess(time.monotonic(), deadline, seen)
                self.send(1)
                if select.select([leader], [], [], 0.05)[0]:
                    seen += os.read(leader, 65536)
            top.send_signal(signal.SIGINT)
            self.assertEqual(top.wait(30), 0)
        text = seen.decode()
        for part in ("jindou ", " at " + self.url(), ": ready", "messages  ", "commits   ",
                     "requests  ", "sessions  ", "machine   ", "ROUTE", "P99"):
            self.assertIn(part, text)

    def test_the_api_port_with_the_token(self):
        api = "http://" + self.server.http
        done = self.run_top("--url", api, "--interval", "0.1", "--count", "1",
                            JINDOU_TOKEN="token-of-this-test")
        self.assertIn(" ready; ", done.stdout)
        done = self.run_top("--url", api, "--count", "1", code=2)
        self.assertIn("answers 401: give the token, or the address of the manager port",
                      done.stderr)

    def test_a_server_that_is_not_there_or_is_another(self):
        done = self.run_top("--url", "http://127.0.0.1:%d" % free_port(), code=3)
        self.assertIn("jindou top: http://127.0.0.1:", done.stderr)
        done = self.run_top("--url", "ftp://127.0.0.1", code=2)
        self.assertIn("--url wants http", done.stderr)


if __name__ == "__main__":
    unittest.main()
