"""jindou jobs: looking after jobs from the command line, with the real program and server."""

import json
import os
import pty
import select
import signal
import subprocess
import unittest

from harness import GROUP, Server, ServerCase, binary, fresh, item
from test_jindou_send import environment, free_port
from test_jobs import Jobs, spread


def command(url, name, *arguments):
    return [binary(), "jobs", name, "--url", url, *[str(one) for one in arguments]]


class Program(unittest.TestCase):
    def run_jobs(self, url, name, *arguments, token=None, code=0, timeout=60):
        """The ended process; `code`: what it has to end with."""
        done = subprocess.run(command(url, name, *arguments), capture_output=True, text=True,
                              env=environment(token), timeout=timeout, check=False)
        self.assertEqual(done.returncode, code, done)
        return done


class JobsCommand(ServerCase, Program):
    config = {"jobs.eventInterval": "50ms"}

    def setUp(self):
        self.jobs = Jobs(self.server)
        self.url = "http://" + self.server.http

    def test_list_and_show(self):
        later = "&not_before=99999999999&name=Spring%20sale"
        made = [self.jobs.make([item(fresh("g"), "a")], later) for _ in range(3)]
        self.jobs.act(made[1], "cancel")
        ready = self.run_jobs(self.url, "list", "--state", "ready")
        header, *rows = ready.stdout.splitlines()
        self.assertEqual(header.split(), ["ID", "STATE", "ITEMS", "SENT", "REFUSED", "NAME"])
        self.assertIn([made[2], "ready", "1", "0", "0", "Spring", "sale"],
                      [row.split() for row in rows])
        self.assertNotIn(made[1], ready.stdout)
        first = self.run_jobs(self.url, "list", "--limit", 1)
        self.assertEqual(first.stdout.splitlines()[1].split()[0], made[2])
        self.assertIn("--before " + made[2], first.stderr)
        older = self.run_jobs(self.url, "list", "--limit", 1, "--before", made[2], "--json")
        self.assertEqual([j["id"] for j in json.loads(older.stdout)["jobs"]], [made[1]])
        shown = self.run_jobs(self.url, "show", made[1])
        self.assertIn("state: cancelled\n", shown.stdout)
        self.assertIn("name: Spring sale\n", shown.stdout)
        shown = self.run_jobs(self.url, "show", made[1], "--json")
        self.assertEqual(json.loads(shown.stdout), self.jobs.get(made[1]))

    def test_pause_resume_cancel_and_what_is_not_possible(self):
        job = self.jobs.make(spread([fresh("g")], 50), "&not_before=99999999999")
        self.assertEqual(self.run_jobs(self.url, "pause", job).stdout,
                         "paused: 0 of 50 (0 %)\n")
        self.assertEqual(self.run_jobs(self.url, "resume", job).stdout, "ready: 0 of 50 (0 %)\n")
        cancelled = self.run_jobs(self.url, "cancel", job, "--json")
        self.assertEqual(json.loads(cancelled.stdout)["state"], "cancelled")
        refused = self.run_jobs(self.url, "pause", job, code=2)
        self.assertEqual(refused.stderr,
                         "jindou jobs: the job is cancelled: it cannot be paused\n")
        self.assertEqual(refused.stdout, "")
        for words in (("show", "x"), ("explode", job), ("pause",),
                      ("show", "018bcfe5680000000000000000000001")):
            self.assertTrue(self.run_jobs(self.url, *words, code=2).stderr)

    def test_watch_tells_how_it_ends(self):
        good, banned = fresh("g"), fresh("g")
        self.server.must_post("/channel/info",
                              {"channel_id": banned, "channel_type": GROUP, "ban": 1})
        job = self.jobs.make(spread([good], 600), "&rate=400")
        done = self.run_jobs(self.url, "watch", job)
        lines = done.stderr.splitlines()
        self.assertEqual(lines[-1], "jindou jobs: done: 600 sent, of 600")
        self.assertGreater(len(lines), 1)
        self.assertEqual(done.stdout, "")
        job = self.jobs.make([item(good, "a"), item(banned, "b")])
        heard = self.run_jobs(self.url, "watch", job, "--json", "--progress", "never", code=1)
        self.assertEqual(heard.stderr, "jindou jobs: done: 1 sent, 1 refused, of 2\n")
        self.assertEqual(json.loads(heard.stdout.splitlines()[-1]), self.jobs.get(job))
        refused = self.run_jobs(self.url, "results", job, "--status", "refused")
        self.assertEqual([json.loads(line)["index"] for line in refused.stdout.splitlines()], [1])
        self.server.must_post("/channel/info",
                              {"channel_id": banned, "channel_type": GROUP, "ban": 0})
        self.run_jobs(self.url, "retry", job)
        self.run_jobs(self.url, "watch", job)
        self.run_jobs(self.url, "retry", job, code=2)
        self.server.must_post("/channel/info",
                              {"channel_id": banned, "channel_type": GROUP, "ban": 1})
        job = self.jobs.make([item(banned, "a"), item(good, "b")], "&on_error=stop")
        self.run_jobs(self.url, "watch", job, code=4)
        self.server.must_post("/channel/info",
                              {"channel_id": banned, "channel_type": GROUP, "ban": 0})
        self.run_jobs(self.url, "retry", job, "--only-failed")
        self.run_jobs(self.url, "watch", job, code=4)
        self.assertEqual((self.jobs.get(job)["accepted"], self.jobs.get(job)["pending"]), (1, 1))
        self.run_jobs(self.url, "retry", job)
        self.run_jobs(self.url, "watch", job)
        job = self.jobs.make([item(good, "a")], "&not_before=99999999999")
        self.jobs.act(job, "cancel")
        ended = self.run_jobs(self.url, "watch", job, code=4)
        self.assertEqual(ended.stderr, "jindou jobs: cancelled: 0 sent, of 1\n")
        self.run_jobs(self.url, "watch", "018bcfe5680000000000000000000001", code=2)

    def test_results_are_the_lines_of_the_server(self):
        job = self.jobs.make(spread([fresh("g")], 2500))
        self.jobs.wait(job)
        all_of_them = self.run_jobs(self.url, "results", job).stdout.splitlines()
        self.assertEqual([json.loads(line) for line in all_of_them], self.jobs.results(job))
        rest = self.run_jobs(self.url, "results", job, "--from", 2499).stdout.splitlines()
        self.assertEqual(rest, all_of_them[2499:])
        self.assertEqual(self.run_jobs(self.url, "results", job, "--status", "refused").stdout, "")
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run(command(self.url, "results", job), stdout=full,
                                  env=environment(), timeout=60, check=False)
        self.assertEqual(done.returncode, 3)

    def test_an_interrupt_leaves_the_job_alone(self):
        job = self.jobs.make([item(fresh("g"), "a")], "&not_before=99999999999")
        with subprocess.Popen(command(self.url, "watch", job), stderr=subprocess.PIPE, text=True,
                              env=environment()) as watch:
            self.assertEqual(watch.stderr.readline(), "jindou jobs: ready: 0 of 1 (0 %)\n")
            watch.send_signal(signal.SIGINT)
            self.assertIn("the job goes on", watch.stderr.read())
            self.assertEqual(watch.wait(30), 3)
        self.assertEqual(self.jobs.get(job)["state"], "ready")

    def test_a_terminal_has_one_line(self):
        job = self.jobs.make(spread([fresh("g")], 600), "&rate=400")
        ours, theirs = pty.openpty()
        with subprocess.Popen(command(self.url, "watch", job), stderr=theirs,
                              env=environment()) as watch:
            os.close(theirs)
            seen = b""
            while select.select([ours], [], [], 30)[0]:
                try:
                    piece = os.read(ours, 65536)
                except OSError:
                    break
                if not piece:
                    break
                seen += piece
            self.assertEqual(watch.wait(30), 0)
        os.close(ours)
        self.assertIn(b"\r\x1b[K", seen)
        self.assertEqual(seen.count(b"\n"), 1, seen)
        self.assertTrue(seen.endswith(b"jindou jobs: done: 600 sent, of 600\r\n"), seen)


class Away(Program):
    def test_watching_goes_on_over_a_restart(self):
        with Server() as server:
            jobs = Jobs(server)
            job = jobs.make(spread([fresh("g")], 1500), "&rate=500")
            url = "http://" + server.http
            with subprocess.Popen(command(url, "watch", job), stderr=subprocess.PIPE, text=True,
                                  env=environment()) as watch:
                self.assertTrue(watch.stderr.readline())
                server.restart()
                told = watch.stderr.read()
                self.assertEqual(watch.wait(60), 0, told)
            self.assertIn("trying again", told)
            self.assertIn("done: 1,500 sent, of 1,500", told)

    def test_nobody_is_there(self):
        url = "http://127.0.0.1:%d" % free_port()
        job = "018bcfe5680000000000000000000001"
        for words in (("list",), ("show", job), ("pause", job), ("results", job),
                      ("watch", job, "--patience", 0)):
            done = self.run_jobs(url, *words, code=3)
            self.assertIn(url, done.stderr)
            self.assertEqual(done.stdout, "")

    def test_a_token_is_needed(self):
        token = "a-token-of-some-length"
        with Server({"managerToken": token}) as server:
            url = "http://" + server.http
            refused = self.run_jobs(url, "list", code=2)
            self.assertIn("401", refused.stderr)
            self.assertEqual(self.run_jobs(url, "list", token=token).stdout, "")
            self.assertEqual(self.run_jobs(url, "list", "--token", token).stdout, "")


if __name__ == "__main__":
    unittest.main()
