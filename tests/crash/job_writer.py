"""Load of the crash test that is sent in the background: jobs.

Each writer has groups of its own and one job on its way. It uploads it, finds out what has become of
an upload whose answer it did not get, and looks until the job is done, also over kills; now and then
it pauses and resumes it. A job that is done has sent each item once, in its order; an upload that
was not complete has sent none. Some are edited or recalled as a whole, which changes each of their
messages and no other."""

import http.client
import json
import random
import threading
import time

from changer import GIVE_UP_SECONDS, Violation

from harness import GROUP, b64

GROUPS = 3
LINES = {"Content-Type": "application/x-ndjson"}


class Lost(Exception):
    """The server did not answer."""


class JobWriter(threading.Thread):
    def __init__(self, number, seed, server):
        super().__init__(daemon=True)
        self.uid = "jobs%d" % number
        self.random = random.Random("%d-%s" % (seed, self.uid))
        self.server = server
        self.groups = ["%s-group%d" % (self.uid, i) for i in range(GROUPS)]
        self.stopping = threading.Event()
        self.error = None
        self.sent = {group: [] for group in self.groups}  # payloads, in their order
        self.jobs = self.items = self.cut = self.pauses = self.interrupted = self.revised = 0

    def run(self):
        try:
            while not self.stopping.is_set():
                self.one_job()
        except Exception as error:  # noqa: BLE001 - reported by the main thread
            self.error = error

    def ask(self, method, path, body=None, headers=None):
        try:
            answer = self.server.request(method, path, body, headers=headers)
        except ConnectionRefusedError:  # not yet up again
            time.sleep(0.01)
            raise Lost from None
        except (OSError, http.client.HTTPException):
            self.interrupted += 1
            raise Lost from None
        if answer.status in (429, 500, 503):
            time.sleep(0.01)
            raise Lost
        return answer

    def until_answered(self, method, path):
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            try:
                return self.ask(method, path)
            except Lost:
                pass
        raise Violation("%s %s is not answered within %.0f s" % (method, path, GIVE_UP_SECONDS))

    def one_job(self):
        count = self.random.choice((1, 20, 300, 1500))
        items = [(self.random.choice(self.groups), b64("%s %d %d" % (self.uid, self.jobs, i)))
                 for i in range(count)]
        body = "".join(json.dumps({"from_uid": self.uid, "channel_id": group,
                                   "channel_type": GROUP, "payload": payload}) + "\n"
                       for group, payload in items)
        rate = self.random.choice((0, 0, 500))
        job = self.upload("/message/sendbatch?async=true&rate=%d" % rate, body, LINES, count)
        if count > 100 and self.random.random() < 0.5:
            self.until_answered("POST", "/jobs/%s/pause" % job)
            self.until_answered("POST", "/jobs/%s/resume" % job)
            self.pauses += 1
        done = self.wait(job)
        if (done["state"], done["accepted"], done["pending"]) != ("done", count, 0):
            raise Violation("%d items became %r" % (count, done))
        for group, payload in items:
            self.sent[group].append(payload)
        self.jobs += 1
        self.items += count
        self.verify()
        if self.random.random() < 0.4:
            self.revise(job, items)
            self.verify()
        self.until_answered("DELETE", "/jobs/" + job)

    def revise(self, batch, items):
        """All that the job has sent gets another payload, or is taken back."""
        edited = b64("%s %d edited" % (self.uid, self.jobs))
        what, body, payload = self.random.choice((
            ("edit", json.dumps({"payload": edited}), edited), ("recall", "{}", b64("{}"))))
        job = self.upload("/batches/%s/%s?rate=0" % (batch, what), body, {}, len(items))
        done = self.wait(job)
        if (done["state"], done["accepted"] + done["duplicate"]) != ("done", len(items)):
            raise Violation("%s of %d items became %r" % (what, len(items), done))
        for group in self.groups:
            count = sum(1 for where, _ in items if where == group)
            if count:
                self.sent[group][-count:] = [payload] * count
        self.revised += 1
        self.until_answered("DELETE", "/jobs/" + job)

    def upload(self, path, body, headers, count):
        """The id of the job. One whose upload met a kill is found by its name, or made again."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        for attempt in range(1_000_000):
            name = "%s-%d-%d-%d" % (self.uid, self.jobs, self.revised, attempt)
            try:
                answer = self.ask("POST", "%s&name=%s" % (path, name), body, headers)
                if answer.status != 202 or answer.json()["items"] != count:
                    raise Violation("%s: %r" % (name, answer))
                return answer.json()["id"]
            except Lost:
                pass
            found = self.find(name)
            if found is not None:
                return found
            if time.monotonic() > deadline:
                raise Violation("no job within %.0f s" % GIVE_UP_SECONDS)

    def find(self, name):
        """The id of the job with that name, if it was uploaded whole; otherwise it is ended."""
        jobs = self.until_answered("GET", "/jobs?limit=1000").json()["jobs"]
        for job in jobs:
            if job.get("name") != name:
                continue
            if job["state"] in ("ready", "running", "done"):
                return job["id"]
            self.cut += 1
            self.until_answered("POST", "/jobs/%s/cancel" % job["id"])
            answer = self.until_answered("POST", "/jobs/%s/resume" % job["id"])
            if answer.status != 409:
                raise Violation("an upload that was cut can be resumed: %r" % answer)
            self.verify()
        return None

    def wait(self, job):
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            found = self.until_answered("GET", "/jobs/" + job)
            if found.status != 200:
                raise Violation("job %s is gone: %r" % (job, found))
            if found.json()["state"] in ("done", "failed", "cancelled"):
                return found.json()
            time.sleep(0.02)
        raise Violation("job %s is not done: %r" % (job, found))

    def stored(self, group):
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            try:
                return [message["payload"] for message in self.server.messages(group)]
            except (OSError, http.client.HTTPException, AssertionError):
                time.sleep(0.01)
        raise Violation("%s cannot be read" % group)

    def verify(self):
        for group in self.groups:
            stored = self.stored(group)
            if stored != self.sent[group]:
                raise Violation("%s: %d stored, %d sent by jobs that are done; twice: %d" % (
                    group, len(stored), len(self.sent[group]), len(stored) - len(set(stored))))
