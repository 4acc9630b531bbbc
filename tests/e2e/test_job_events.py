"""Server-sent events of jobs: GET /jobs/{id}/events."""

import contextlib
import http.client
import json
import threading
import unittest

from harness import RawHttp, Server, ServerCase, fresh, item, wait_until
from test_jobs import Jobs, spread


class Events:
    """What an EventSource would hear of a job; `with` closes it."""

    def __init__(self, server, job, headers=None, timeout=30.0):
        host, port = server.http.rsplit(":", 1)
        self.connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
        self.connection.request("GET", "/jobs/%s/events" % job, headers=headers or {})
        self.answer = self.connection.getresponse()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.connection.close()

    def __iter__(self):
        """(event, id, data) of each event, and ("heartbeat", None, None)."""
        members = {}
        for line in self.answer:
            line = line.decode().rstrip("\n")
            if line == ":":
                yield "heartbeat", None, None
            elif line:
                name, value = line.split(": ", 1)
                members[name] = value
            elif "event" in members:
                yield members["event"], members["id"], json.loads(members["data"])
                members = {}


class JobEvents(ServerCase):
    config = {"jobs.eventInterval": "50ms", "jobs.eventHeartbeat": "300ms"}

    def setUp(self):
        self.jobs = Jobs(self.server)

    def test_a_job_is_followed_to_its_end(self):
        group = fresh("g")
        job = self.jobs.make(spread([group], 1000), "&rate=500")
        with Events(self.server, job) as events:
            self.assertEqual(events.answer.getheader("content-type"), "text/event-stream")
            heard = [event for event in events if event[0] != "heartbeat"]
        self.assertEqual([e[0] for e in heard[:-1]], ["progress"] * (len(heard) - 1))
        self.assertGreater(len(heard), 3)
        accepted = [e[2]["accepted"] for e in heard]
        self.assertEqual(accepted, sorted(accepted))
        name, last, end = heard[-1]
        self.assertEqual((name, end["state"], end["accepted"]), ("end", "done", 1000))
        self.assertEqual(end, self.jobs.get(job))
        times = end["commit_ms"]
        self.assertTrue(0 < times["p50"] <= times["p90"] <= times["p99"], times)
        running = [e[2] for e in heard if e[2]["state"] == "running" and e[2]["accepted"] > 500]
        for told in running:
            self.assertIn("recent_per_second", told)
            self.assertIn("expected_end", told)
        self.assertTrue(running)
        # Whoever comes late hears the end, whatever he says, unless he has heard it.
        for known in (None, "0", "x" * 50):
            with Events(self.server, job, {"Last-Event-ID": known} if known else {}) as again:
                self.assertEqual(list(again), [heard[-1]])
        with Events(self.server, job, {"Last-Event-ID": last}) as again:
            self.assertEqual((again.answer.status, again.answer.read()), (204, b""))

    def test_the_counts_of_the_last_messages_come_with_the_end_or_soon(self):
        group = fresh("g")
        self.server.create_group(group, [fresh("u"), fresh("u")])
        job = self.jobs.make(spread([group], 300), "&rate=300")
        with Events(self.server, job) as events:
            ends = [data for name, _, data in events if name == "end"]
        self.assertEqual(len(ends), 1)
        # The end waits for them for two seconds, and on a busy machine they may come later.
        [end] = ends
        self.assertLessEqual(end["fanned_out"], 300)
        self.assertEqual((end["pushed_online"], end["left_offline"]), (0, 2 * end["fanned_out"]))
        counted = self.jobs.wait_for_counts(job, 300)
        self.assertEqual((counted["fanned_out"], counted["pushed_online"],
                          counted["left_offline"]), (300, 0, 600))

    def test_who_listens_hears_what_is_done_to_the_job(self):
        job = self.jobs.make([item(fresh("g"), "a")], "&not_before=99999999999")
        with Events(self.server, job) as events:
            heard = iter(events)
            self.assertEqual(next(heard)[2]["state"], "ready")
            self.assertEqual(next(heard)[0], "heartbeat")
            for action, state in (("pause", "paused"), ("resume", "ready"),
                                  ("cancel", "cancelled")):
                self.jobs.act(job, action)
                event = next(e for e in heard if e[0] != "heartbeat")
                self.assertEqual(event[2]["state"], state)
            self.assertEqual(event[0], "end")
            self.assertEqual(list(heard), [])

    def test_places_of_listeners_that_leave_are_free_again(self):
        job = self.jobs.make([item(fresh("g"), "a")], "&not_before=99999999999")

        def listener():
            events = Events(self.server, job)
            if events.answer.status == 200:
                return events
            self.assertEqual(events.answer.status, 429)
            events.connection.close()
            return None

        for _ in range(3):
            listeners = [wait_until(listener, 30, what="a place") for _ in range(80)]
            for each in listeners:
                self.assertEqual(next(iter(each))[2]["state"], "ready")
                each.connection.close()

    def test_bad_requests(self):
        answer = self.server.get("/jobs/018bcfe5680000000000000000000001/events")
        self.assert_error(answer, 404)
        self.assert_error(self.server.post("/jobs/x/events"), 405)
        job = self.jobs.make([item(fresh("g"), "a")])
        with RawHttp(self.server) as raw:
            raw.send("HEAD /jobs/%s/events HTTP/1.1\r\nHost: h\r\n\r\n" % job)
            while b"\r\n\r\n" not in raw.buffer:
                raw._more()
            self.assertTrue(raw.buffer.startswith(b"HTTP/1.1 200 "), raw.buffer)
            self.assertIn(b"text/event-stream", raw.buffer)


class Bounds(ServerCase):
    config = {"jobs.eventListeners": 2, "managerToken": "a-secret-of-some-length"}
    token = {"token": "a-secret-of-some-length"}

    def test_too_many_and_strangers(self):
        made = self.server.post("/message/sendbatch?async=true&not_before=99999999999",
                                [item(fresh("g"), "a")], headers=self.token)
        job = made.json()["id"]
        with Events(self.server, job) as stranger:
            self.assertEqual(stranger.answer.status, 401)
        with Events(self.server, job, self.token) as first, \
                Events(self.server, job, self.token) as second:
            self.assertEqual((first.answer.status, second.answer.status), (200, 200))
            answer = self.server.get("/jobs/%s/events" % job, headers=self.token)
            self.assertIn("jobs.eventListeners", self.assert_error(answer, 429)["msg"])


class Ends(unittest.TestCase):
    def test_a_stop_ends_the_answer_and_who_comes_again_hears_the_end(self):
        with Server() as server:
            jobs = Jobs(server)
            job = jobs.make(spread([fresh("g")], 1000), "&rate=400")
            waiting = jobs.make([item(fresh("g"), "a")], "&not_before=99999999999")
            with Events(server, job) as running, Events(server, waiting) as idle:
                heard = iter(running)
                next(heard)
                stopper = threading.Thread(target=server.stop)
                stopper.start()
                self.assertNotIn("end", [e[0] for e in heard])
                self.assertNotIn("end", [e[0] for e in idle])
                stopper.join()
            server.start()
            with Events(server, job) as events:
                *_, end = events
            self.assertEqual((end[0], end[2]["state"], end[2]["accepted"]), ("end", "done", 1000))

    def test_a_crash_cuts_it_off(self):
        with Server() as server:
            jobs = Jobs(server)
            job = jobs.make(spread([fresh("g")], 1000), "&rate=400")
            with Events(server, job) as events:
                heard = iter(events)
                next(heard)
                server.kill9()
                # Whether the cut itself is told is up to the client's library.
                with contextlib.suppress(http.client.IncompleteRead, ConnectionError):
                    for event in heard:
                        self.assertNotEqual(event[0], "end")
            server.start()
            with Events(server, job) as events:
                *_, end = events
            self.assertEqual((end[0], end[2]["accepted"]), ("end", 1000))


if __name__ == "__main__":
    unittest.main()
