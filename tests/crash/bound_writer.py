"""Load of the crash test whose batches are made as a whole: all or none (atomic=true), or once
however often they are posted (Idempotency-Key), or both.

Each writer has groups of its own and one batch on its way. Whenever the connection breaks it looks
what is stored of that batch, before it posts it again until it is answered: of an atomic batch all
or nothing, of any nothing twice."""

import http.client
import json
import time
import uuid

from changer import GIVE_UP_SECONDS, Violation
from load import Load

from harness import GROUP, b64

GROUPS = 6


class BoundWriter(Load):
    """Batches are known by their texts: those with a key have no client_msg_no of ours."""

    def __init__(self, number, seed, server):
        super().__init__("bound%d" % number, seed, server)
        self.groups = ["%s-group%d" % (self.uid, i) for i in range(GROUPS)]
        self.batches = []  # lists of (group, payload) that were answered
        self.interrupted = self.replays = self.waits = self.whole = 0

    def one(self):
        number = len(self.batches)
        atomic, keyed = self.random.choice(((True, False), (False, True), (True, True)))
        items = []
        for i in range(self.random.randrange(2, 12)):
            text = b64("%s %d %d" % (self.uid, number, i))
            item = {"from_uid": self.uid, "channel_id": self.random.choice(self.groups),
                    "channel_type": GROUP, "payload": text}
            if not keyed:
                item["client_msg_no"] = "%s-%d-%d" % (self.uid, number, i)
            items.append(item)
        headers = {"Content-Type": "application/json"}
        if keyed:
            headers["Idempotency-Key"] = str(uuid.UUID(int=self.random.getrandbits(128)))
        path = "/message/sendbatch" + ("?atomic=true" if atomic else "")
        body = json.dumps(items)
        texts = [(item["channel_id"], item["payload"]) for item in items]
        first = self.until_answered(path, body, headers, texts, atomic)
        self.batches.append(texts)
        self.whole += atomic
        # Now and then once more, as a caller whose answer was lost behind the server.
        if keyed and self.random.random() < 0.2:
            again = self.until_answered(path, body, headers, texts, atomic)
            if self.places(again) != self.places(first):
                raise Violation("%s: %r was answered as %r" % (path, first, again))

    @staticmethod
    def places(results):
        return [(result["message_id"], result["message_seq"]) for result in results]

    def until_answered(self, path, body, headers, texts, atomic):
        """The results when all of it is acknowledged."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while (results := self.post(path, body, headers, len(texts))) is None:
            if time.monotonic() > deadline:
                raise Violation("no complete answer within %.0f s" % GIVE_UP_SECONDS)
            self.look_at(texts, atomic)
        return results

    def post(self, path, body, headers, count):
        """The results; None when not all of it is acknowledged."""
        try:
            answer = self.server.request("POST", path, body, headers=headers)
        except ConnectionRefusedError:  # not yet up again
            time.sleep(0.01)
            return None
        except (OSError, http.client.HTTPException):
            self.interrupted += 1
            return None
        if answer.status == 409 and b"being carried out" in answer.body:
            # Whoever had it was killed.
            self.waits += 1
            time.sleep(0.1)
            return None
        if answer.status in (429, 500, 503):
            return None
        if answer.status != 200:
            raise Violation("%s: %r" % (path, answer))
        self.replays += "idempotency-replay" in answer.headers
        results = answer.json()
        if len(results) != count:
            raise Violation("%d results for %d items" % (len(results), count))
        return results if all(result["reason"] == 1 for result in results) else None

    def stored(self):
        """(group, payload) of everything that is readable, repeats included."""
        return [(group, message["payload"])
                for group in self.groups for message in self.server.messages(group)]

    def look_at(self, texts, atomic):
        try:
            stored = self.stored()
        except (OSError, http.client.HTTPException, AssertionError):
            return  # killed again
        found = [text for text in stored if text in texts]
        if len(found) != len(set(found)):
            raise Violation("something is stored twice: %r" % sorted(found))
        if atomic and found and len(found) != len(texts):
            raise Violation("%d of %d messages of an atomic batch" % (len(found), len(texts)))

    def verify(self):
        stored = self.stored()
        if len(stored) != len(set(stored)):
            raise Violation("%s: something is stored twice" % self.uid)
        there = set(stored)
        for texts in self.batches:
            missing = [text for text in texts if text not in there]
            if missing:
                raise Violation("%s: %r was acknowledged and is missing" % (self.uid, missing[0]))
        acknowledged = sum(len(texts) for texts in self.batches)
        if len(stored) != acknowledged:
            raise Violation("%s: %d stored, %d acknowledged" % (
                self.uid, len(stored), acknowledged))
