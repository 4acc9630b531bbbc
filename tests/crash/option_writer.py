"""Load of the crash test that says more than what is to be sent where: sent only behind a certain
message (if_last_seq), held back (hold_ms), remembered as a whole (keep=true), as lines or rows, from
templates, and more bulk messages than a person takes in a day.

Each writer has one request on its way, in channels that only this request knows, and so can tell
what has to be in them: whenever the connection breaks, and when it is answered. A guarded message is
stored behind the one it names or never; nothing of a held one is shown before its time, and nothing
ever when it was recalled; recall and edit of a batch reach each message of it; a person gets as many
bulk messages as the limit allows, whatever was repeated; nothing twice, nothing lost."""

import base64
import csv
import io
import json
import time
import urllib.parse

from asker import Asker, Lost
from changer import GIVE_UP_SECONDS, Violation

from harness import GROUP, PERSON, b64

BULK_PER_DAY = 3  # bulk.perReceiverPerDay of the server
BULK_ITEMS = 17  # more than core.bulkBatchItems
JSON = {"Content-Type": "application/json"}
LINES = {"Content-Type": "application/x-ndjson"}
ROWS = {"Content-Type": "text/csv"}
DAY_SECONDS = 86_400
NOTHING = b64("{}")  # what a message has that was recalled
NEVER = 1_000_000  # no channel of the test gets so far


class OptionWriter(Asker):
    def __init__(self, number, seed, server):
        super().__init__("options%d" % number, seed, server)
        self.kept = {}  # channel -> what is in it for good, as it is read
        self.viewers = {}  # of person channels: channel -> who reads
        self.requests = self.sent = self.conflicts = 0
        self.held = self.withdrawn = self.edited = self.recalled = self.over = 0

    def one(self):
        self.requests += 1
        self.random.choices((self.guarded, self.streamed, self.hold, self.keep, self.bulk,
                             self.from_template), (4, 3, 4, 4, 2, 2))[0]()

    # What is sent.

    def channel(self, name):
        return "%s-%d-%s" % (self.uid, self.requests, name)

    def items(self, count, channels):
        """Each with a number and a text of its own."""
        return [{"from_uid": self.sender(), "channel_id": self.random.choice(channels),
                 "channel_type": GROUP, "payload": b64("%s %d %d" % (self.uid, self.requests, i)),
                 "client_msg_no": "%s-%d-%d" % (self.uid, self.requests, i)}
                for i in range(count)]

    def sender(self):
        return "%s-%d" % (self.uid, self.requests)

    def encode(self, form, items):
        """The query of it, the body, its header fields."""
        if form == "lines":
            return {}, self.lines(items), LINES
        if form != "rows":
            return {}, json.dumps(items), JSON
        out = io.StringIO()
        names = ["channel_id", "client_msg_no", "if_last_seq", "text"]
        rows = csv.DictWriter(out, names, extrasaction="ignore")
        rows.writeheader()
        for item in items:
            rows.writerow({**item, "text": base64.b64decode(item["payload"]).decode()})
        query = {"from_uid": self.sender(), "channel_type": GROUP, "payload": "{{text}}"}
        return query, out.getvalue(), ROWS

    def send(self, form, items, choices=None, met_a_kill=lambda: None, more=None):
        """Posts them until each has a result for good: those, and the last answer."""
        query, body, headers = self.encode(form, items)
        path = "/message/sendbatch?" + urllib.parse.urlencode({**query, **(choices or {})})
        headers = {**headers, **(more or {})}
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            answer = self.until_answered("POST", path, body, headers, met_a_kill)
            if answer.status == 409 and b"being carried out" in answer.body:
                time.sleep(0.1)  # whoever had the key was killed
                continue
            results = self.results(form, answer)
            if results is None or any(r.get("retriable") for r in results):
                met_a_kill()
                continue
            if len(results) != len(items):
                raise Violation("%d results for %d items: %r" % (len(results), len(items), answer))
            for item, result in zip(items, results):
                if result["client_msg_no"] != item["client_msg_no"]:
                    raise Violation("%r is answered as %r" % (item, result))
            return results, answer
        raise Violation("no complete answer within %.0f s" % GIVE_UP_SECONDS)

    @staticmethod
    def results(form, answer):
        """None: it is not complete."""
        if form in ("lines", "rows"):
            told = [json.loads(line) for line in answer.body.decode().splitlines()]
            if answer.status != 200 or not told:
                raise Violation("%r" % answer)
            return told[:-1] if told[-1].get("done") is True else None
        results = answer.json()
        if isinstance(results, dict):
            if "items" not in results:  # when all failed they are in the error
                raise Violation("%r" % answer)
            results = results["items"]
        return results

    # What can be read.

    def payloads(self, channel):
        if channel in self.viewers:
            found = self.stored(channel, PERSON, self.viewers[channel])
        else:
            found = self.stored(channel)
        return [message["payload"] for message in found]

    def expect(self, wanted):
        """wanted: channel -> payloads in their order; from now on it stays so."""
        for channel, payloads in wanted.items():
            found = self.payloads(channel)
            if found != payloads:
                raise Violation("%s: %d stored, %d expected; twice: %d; %r" % (
                    channel, len(found), len(payloads), len(found) - len(set(found)), found[:20]))
        self.kept.update(wanted)

    def expect_prefix(self, wanted):
        """Of what a kill cut off there is the beginning in each channel."""
        for channel, payloads in wanted.items():
            found = self.payloads(channel)
            if found != payloads[:len(found)]:
                raise Violation("%s holds %r of %r" % (channel, found[:20], payloads[:20]))

    @staticmethod
    def by_channel(items, channels):
        return {channel: [i["payload"] for i in items if i["channel_id"] == channel]
                for channel in channels}

    def verify(self):
        self.expect(dict(self.kept))

    # The requests.

    def guarded(self):
        channels = [self.channel("a"), self.channel("b")]
        form = self.random.choice(("array", "lines", "rows", "atomic", "job"))
        items = self.items(self.random.randrange(1, 25), channels)
        last, passing = dict.fromkeys(channels, 0), []
        wrong_ones = 0.3 if form != "atomic" else self.random.choice((0, 0.1))
        for item in items:
            channel = item["channel_id"]
            wrong = self.random.random() < wrong_ones
            item["if_last_seq"] = last[channel] + NEVER if wrong else last[channel]
            if not wrong:
                last[channel] += 1
                passing.append(item)
        whole = form == "atomic"
        if whole and len(passing) < len(items):
            return self.refused_as_a_whole(items, channels)
        wanted = self.by_channel(passing, channels)
        if form == "job":
            return self.guarded_job(items, wanted, len(passing))

        def look():
            self.expect_prefix(wanted)
            found = sum(len(self.payloads(channel)) for channel in channels) if whole else 0
            if found not in (0, len(items)):
                raise Violation("%d of %d messages of an atomic batch" % (found, len(items)))

        results, _ = self.send(form, items, {"atomic": "true"} if whole else {}, look)
        numbers = {item["client_msg_no"] for item in passing}
        for item, result in zip(items, results):
            if item["client_msg_no"] in numbers:
                if (result["reason"], result["message_seq"]) != (1, item["if_last_seq"] + 1):
                    raise Violation("%r became %r" % (item, result))
            elif (result["reason"], result["code"]) != (101, "conflict"):
                raise Violation("%r became %r" % (item, result))
            else:
                self.conflicts += 1
        self.expect(wanted)
        self.sent += len(passing)

    def refused_as_a_whole(self, items, channels):
        nothing = {channel: [] for channel in channels}
        answer = self.until_answered("POST", "/message/sendbatch?atomic=true", json.dumps(items),
                                     JSON, lambda: self.expect_prefix(nothing))
        if answer.status != 400 or answer.json()["items"][0]["reason"] != 101:
            raise Violation("an atomic batch with a wrong if_last_seq: %r" % answer)
        self.conflicts += 1
        self.expect(nothing)

    def guarded_job(self, items, wanted, passing):
        job = self.upload("/message/sendbatch?async=true", self.lines(items), LINES, len(items))
        done = self.wait(job)
        if (done["state"], done["accepted"] + done["duplicate"], done["refused"]) != (
                "done", passing, len(items) - passing):
            raise Violation("of %d items %d were to pass: %r" % (len(items), passing, done))
        self.expect(wanted)
        self.sent += passing
        self.conflicts += len(items) - passing
        self.until_answered("DELETE", "/jobs/" + job)

    def streamed(self):
        channels = [self.channel(name) for name in "abc"]
        items = self.items(self.random.choice((1, 40, 400)), channels)
        wanted = self.by_channel(items, channels)
        results, _ = self.send(self.random.choice(("lines", "rows")), items, {},
                               lambda: self.expect_prefix(wanted))
        self.all_accepted(results)
        self.expect(wanted)

    def all_accepted(self, results):
        for result in results:
            if result["reason"] != 1:
                raise Violation("refused: %r" % result)
        self.sent += len(results)

    def hold(self):
        channels = [self.channel(name) for name in "ab"]
        form = self.random.choice(("single", "array", "lines", "rows"))
        items = self.items(1 if form == "single" else self.random.randrange(1, 60), channels)
        wanted = self.by_channel(items, channels)
        nothing = {channel: [] for channel in channels}
        hold_ms = self.random.choice((150, 400, 800))
        query, body, headers = self.encode(form, items)
        path = "/message/sendbatch?"
        if form == "single":
            path, body = "/message/send?", json.dumps(items[0])
        # It is the job of this attempt or of a later one.
        not_before = time.time() + hold_ms / 1000
        job = self.upload(path + urllib.parse.urlencode({**query, "hold_ms": hold_ms}), body,
                          headers, len(items))
        recalled = self.random.random() < 0.5
        while not recalled or self.random.random() < 0.7:
            found = {channel: self.payloads(channel) for channel in channels}
            listed = self.until_answered("POST", "/conversation/sync", json.dumps(
                {"uid": self.sender(), "msg_count": 0}), JSON).json()
            if time.time() >= not_before:
                break
            if found != nothing or listed:
                raise Violation("%s is shown before its time: %r %r" % (job, found, listed))
        if recalled:
            self.recall_held(job, wanted)
        else:
            done = self.wait(job)
            if (done["state"], done["accepted"] + done["duplicate"]) != ("done", len(items)):
                raise Violation("%d items that were held became %r" % (len(items), done))
            self.sent += len(items)
        self.expect(wanted)
        self.held += 1
        self.until_answered("DELETE", "/jobs/" + job)

    def recall_held(self, job, wanted):
        """Afterwards `wanted` is what has become of it: nothing will ever be there, or what had
        been sent is recalled and nothing comes behind it."""
        answer = self.until_answered("POST", "/batches/%s/recall" % job, "{}", JSON)
        if answer.status == 200:
            if answer.json()["state"] != "cancelled":
                raise Violation("a held batch was recalled and is %r" % answer)
            wanted.update({channel: [] for channel in wanted})
            self.withdrawn += 1
            return
        if answer.status != 202:
            raise Violation("recall of %s: %r" % (job, answer))
        first, done = self.wait(job), self.wait(answer.json()["id"])
        found = {channel: self.payloads(channel) for channel in wanted}
        count = sum(len(payloads) for payloads in found.values())
        if first["state"] == "done" and count != first["items"]:
            raise Violation("%d of %r were sent" % (count, first))
        if (done["state"], done["accepted"] + done["duplicate"]) != ("done", count):
            raise Violation("%d were sent, and the recall became %r" % (count, done))
        wanted.update({channel: [NOTHING] * len(payloads) for channel, payloads in found.items()})
        self.sent += count

    def keep(self):
        channels = [self.channel(name) for name in "ab"]
        items = self.items(self.random.choice((1, 5, 40)), channels)
        passing = items
        if len(items) > 1 and self.random.random() < 0.5:
            # One of them is none of the messages that are recalled.
            items[-1]["if_last_seq"] = NEVER
            passing = items[:-1]
        wanted = self.by_channel(passing, channels)
        more = {}
        if self.random.random() < 0.3:
            more["Idempotency-Key"] = self.channel("key")
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while True:
            results, answer = self.send("array", items, {"keep": "true"},
                                        lambda: self.expect_prefix(wanted), more)
            batch = answer.headers.get("batch-id")
            if batch is not None:
                break
            if time.monotonic() > deadline:
                raise Violation("it is not kept: %r" % answer)
            # It was sent and could not be kept: with another key that is tried again.
            more.pop("Idempotency-Key", None)
        self.all_accepted(results[:len(passing)])
        self.expect(wanted)
        for what in self.random.choice((["recall"], ["edit"], ["edit", "recall"])):
            self.revise(batch, what, wanted, len(passing))
            self.expect(wanted)
        self.until_answered("DELETE", "/jobs/" + batch)

    def revise(self, batch, what, wanted, count):
        """Afterwards `wanted` is what has become of it."""
        edited = b64("%s %d edited" % (self.uid, self.requests))
        body, payload = ("{}", NOTHING) if what == "recall" else (
            json.dumps({"payload": edited}), edited)
        job = self.upload("/batches/%s/%s?rate=0" % (batch, what), body, {}, count)
        done = self.wait(job)
        if (done["state"], done["accepted"] + done["duplicate"]) != ("done", count):
            raise Violation("%s of %d items became %r" % (what, count, done))
        for channel, payloads in wanted.items():
            wanted[channel] = [payload] * len(payloads)
        if what == "edit":
            self.edited += 1
        else:
            self.recalled += 1
        self.until_answered("DELETE", "/jobs/" + job)

    def bulk(self):
        receivers = [self.channel("r%d" % i) for i in range(4)]
        items = self.items(max(BULK_ITEMS, self.random.choice((20, 32))), receivers)
        for place, item in enumerate(items):
            item.update(channel_id=receivers[place % len(receivers)], channel_type=PERSON)
        self.viewers.update(dict.fromkeys(receivers, self.sender()))
        begun = int(time.time() // DAY_SECONDS)
        if self.random.random() < 0.5:
            results, _ = self.send("array", items)
            got = {item["client_msg_no"] for item, result in zip(items, results)
                   if result["reason"] == 1}
            for item, result in zip(items, results):
                if result["reason"] not in (1, 102):
                    raise Violation("%r became %r" % (item, result))
        else:
            job = self.upload("/message/sendbatch?async=true", self.lines(items), LINES,
                              len(items))
            self.wait(job)
            told = self.until_answered("GET", "/jobs/%s/results" % job).body.decode()
            got = {result["client_msg_no"] for result in map(json.loads, told.splitlines()[:-1])
                   if result["reason"] == 1}
            self.until_answered("DELETE", "/jobs/" + job)
        most = BULK_PER_DAY * (int(time.time() // DAY_SECONDS) - begun + 1)
        wanted = self.by_channel([i for i in items if i["client_msg_no"] in got], receivers)
        for receiver, payloads in wanted.items():
            if not BULK_PER_DAY <= len(payloads) <= most:
                raise Violation("%s has got %d bulk messages" % (receiver, len(payloads)))
        self.expect(wanted)
        self.sent += len(got)
        self.over += len(items) - len(got)

    def from_template(self):
        name, channels = self.channel("t"), [self.channel("a"), self.channel("b")]
        versions = [self.until_answered("POST", "/templates", json.dumps(
            {"name": name, "payload": b64(text)}), JSON).json()["version"]
            for text in ("first {{who}}", "second {{who}}")]
        items = self.items(self.random.choice((1, 30)), channels)
        wanted = {channel: [] for channel in channels}
        for place, item in enumerate(items):
            of_first = self.random.random() < 0.5
            del item["payload"]
            item.update(template=name, template_version=versions[0] if of_first else 0,
                        vars={"who": place})
            wanted[item["channel_id"]].append(
                b64("%s %d" % ("first" if of_first else "second", place)))
        results, _ = self.send(self.random.choice(("array", "lines")), items, {},
                               lambda: self.expect_prefix(wanted))
        self.all_accepted(results)
        self.expect(wanted)
