"""Load of the crash test that is sent in the background: jobs.

Each writer has groups of its own and one job on its way. It uploads it, finds out what has become of
an upload whose answer it did not get, and looks until the job is done, also over kills; now and then
it uploads it slowly, so that kills meet that, or pauses and resumes it. A job that is done has sent each item once, in its order; an upload that
was not complete has sent none. Some are edited or recalled as a whole, which changes each of their
messages and no other."""

import json

from asker import Asker
from changer import Violation

from harness import GROUP, b64

GROUPS = 3
LINES = {"Content-Type": "application/x-ndjson"}


class JobWriter(Asker):
    def __init__(self, number, seed, server):
        super().__init__("jobs%d" % number, seed, server)
        self.groups = ["%s-group%d" % (self.uid, i) for i in range(GROUPS)]
        self.sent = {group: [] for group in self.groups}  # payloads, in their order
        self.jobs = self.items = self.pauses = self.edited = self.recalled = 0

    def one(self):
        count = self.random.choice((1, 20, 300, 1500))
        items = [(self.random.choice(self.groups), b64("%s %d %d" % (self.uid, self.jobs, i)))
                 for i in range(count)]
        body = self.lines({"from_uid": self.uid, "channel_id": group, "channel_type": GROUP,
                           "payload": payload} for group, payload in items)
        rate = self.random.choice((0, 0, 500))
        job = self.upload("/message/sendbatch?async=true&rate=%d" % rate, body, LINES, count,
                          slowly=count > 1 and self.random.random() < 0.4)
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
        if what == "edit":
            self.edited += 1
        else:
            self.recalled += 1
        self.until_answered("DELETE", "/jobs/" + job)

    def verify(self):
        for group in self.groups:
            stored = [message["payload"] for message in self.stored(group)]
            if stored != self.sent[group]:
                raise Violation("%s: %d stored, %d sent by jobs that are done; twice: %d" % (
                    group, len(stored), len(self.sent[group]), len(stored) - len(set(stored))))
