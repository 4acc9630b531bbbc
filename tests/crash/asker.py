"""Load of the crash test that asks until it is answered: what its writers share.

A writer is a thread with one thing on its way. It asks again while the server does not answer, finds
the job that an upload has made whose answer was lost, and waits for jobs over kills."""

import http.client
import json
import time

from changer import GIVE_UP_SECONDS, Violation
from load import Load


class Lost(Exception):
    """The server did not answer."""


class Asker(Load):
    def __init__(self, uid, seed, server):
        super().__init__(uid, seed, server)
        self.uploads = self.cut = self.interrupted = 0

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

    def until_answered(self, method, path, body=None, headers=None, met_a_kill=lambda: None):
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            try:
                return self.ask(method, path, body, headers)
            except Lost:
                met_a_kill()
        raise Violation("%s %s is not answered within %.0f s" % (method, path, GIVE_UP_SECONDS))

    def upload(self, path, body, headers, count):
        """The id of the job. One whose upload met a kill is found by its name, or made again."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        self.uploads += 1
        for attempt in range(1_000_000):
            name = "%s-%d-%d" % (self.uid, self.uploads, attempt)
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

    def stored(self, channel, *of):
        """Of a channel, and of what Server.messages() takes: its messages."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            try:
                return self.server.messages(channel, *of)
            except (OSError, http.client.HTTPException, AssertionError):
                time.sleep(0.01)
        raise Violation("%s cannot be read" % channel)

    @staticmethod
    def lines(items):
        return "".join(json.dumps(item) + "\n" for item in items)
