"""Load of the crash test that asks until it is answered: what its writers share.

A writer is a thread with one thing on its way. It asks again while the server does not answer, finds
the job that an upload has made whose answer was lost, and waits for jobs over kills."""

import contextlib
import http.client
import json
import time

from changer import GIVE_UP_SECONDS, Violation
from load import Load

from harness import Response

SLOW_PARTS, SLOW_PAUSE_SECONDS = 10, 0.04


class Lost(Exception):
    """The server did not answer."""


class Asker(Load):
    def __init__(self, uid, seed, server):
        super().__init__(uid, seed, server)
        self.uploads = self.cut = self.interrupted = 0

    def post_slowly(self, path, body, headers):
        """In parts, each a while after the one before it."""
        data = body.encode()

        def parts():
            step = max(1, len(data) // SLOW_PARTS)
            for at in range(0, len(data), step):
                yield data[at:at + step]
                time.sleep(SLOW_PAUSE_SECONDS)

        host, port = self.server.http.rsplit(":", 1)
        with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=15)) as upload:
            upload.request("POST", path, parts(), headers)  # in chunks: it has no length
            answer = upload.getresponse()
            return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()},
                            answer.read())

    def ask(self, method, path, body=None, headers=None, slowly=False):
        try:
            if slowly:
                answer = self.post_slowly(path, body, headers)
            else:
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

    def upload(self, path, body, headers, count, slowly=False):
        """The id of the job. One whose upload met a kill is found by its name, or made again."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        self.uploads += 1
        for attempt in range(1_000_000):
            name = "%s-%d-%d" % (self.uid, self.uploads, attempt)
            try:
                answer = self.ask("POST", "%s&name=%s" % (path, name), body, headers, slowly)
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
