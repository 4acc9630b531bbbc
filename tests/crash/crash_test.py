"""Posts batches with retries on several connections while the server is killed with SIGKILL at
random moments (now and then stopped with SIGTERM) and restarted on the same directory; then reads
everything back.

Violations: an acknowledged item that is missing or has another seq, id or payload; one key stored
twice; a hole in a channel; a repeated id; a repeat that was answered differently from the first
time; an exit status other than 0 after SIGTERM. Beside them changers ask for everything else
(changer.py), others post batches that are made as a whole (bound_writer.py), make jobs
(job_writer.py), or use what else a batch may ask for (option_writer.py). The seed decides batches,
channels, changes and kill moments; the interleaving of threads is not replayable."""

import argparse
import base64
import http.client
import json
import pathlib
import random
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from bound_writer import BoundWriter  # noqa: E402
from changer import GIVE_UP_SECONDS, Changer, Violation  # noqa: E402
from harness import GROUP, PERSON, Server  # noqa: E402
from job_writer import JobWriter  # noqa: E402
from load import Load  # noqa: E402
from option_writer import BULK_ITEMS, BULK_PER_DAY, OptionWriter  # noqa: E402

WRITERS = 4
CHANGERS = 3
BOUND_WRITERS = 2
JOB_WRITERS = 2
OPTION_WRITERS = 2
CHANNELS = 12
# Beyond those that were asked for, until everything that it is to be about has happened.
MORE_CYCLES = 40


class Writer(Load):
    """Posts batch after batch; a batch without a complete answer is posted again, unchanged."""

    def __init__(self, number, seed, server, channels):
        super().__init__("writer%d" % number, seed, server)
        self.channels = channels
        self.sent = {}  # client_msg_no -> (channel, payload)
        self.acknowledged = {}  # client_msg_no -> (seq, id)
        self.batches = self.retries = self.duplicates = 0
        self.connection = None

    def one(self):
        items = []
        count = self.random.choice((1, 2, 10, 30))
        # Persons take few bulk messages in a day; option_writer.py has those.
        channels = [c for c in self.channels if count < BULK_ITEMS or c[1] == GROUP]
        for _ in range(count):
            channel, kind = self.random.choice(channels)
            number = "%s-%d" % (self.uid, len(self.sent))
            payload = base64.b64encode(self.random.randbytes(self.random.randrange(1, 300)))
            self.sent[number] = ((channel, kind), payload.decode())
            items.append({"from_uid": self.uid, "channel_id": channel, "channel_type": kind,
                          "payload": payload.decode(), "client_msg_no": number})
        # Now and then a key is repeated inside the batch, as a careless caller would.
        if self.random.random() < 0.05:
            items.append(dict(items[0]))
        single = len(items) == 1 and self.random.random() < 0.5
        path = "/message/send" if single else "/message/sendbatch"
        body = json.dumps(items[0] if single else items)
        deadline = time.monotonic() + GIVE_UP_SECONDS
        first_try = True
        while not self.post(path, body, items):
            if time.monotonic() > deadline:
                raise Violation("no complete answer within %.0f s" % GIVE_UP_SECONDS)
            if not first_try:
                time.sleep(0.01)
            first_try = False
            self.retries += 1
        self.batches += 1

    def post(self, path, body, items) -> bool:
        """True when every item is acknowledged."""
        try:
            if self.connection is None:
                host, port = self.server.http.rsplit(":", 1)
                self.connection = http.client.HTTPConnection(host, int(port), timeout=10)
            self.connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = self.connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException):
            if self.connection is not None:
                self.connection.close()
            self.connection = None
            return False
        if answer.status in (429, 500, 503):
            return False
        if answer.status != 200:
            raise Violation("HTTP %d: %r" % (answer.status, data[:500]))
        results = json.loads(data)
        if isinstance(results, dict):
            results = [results]
        if len(results) != len(items):
            raise Violation("%d results for %d items" % (len(results), len(items)))
        complete = True
        for message, result in zip(items, results):
            number = message["client_msg_no"]
            if result["client_msg_no"] != number:
                raise Violation("%s answered as %r" % (number, result))
            if result.get("reason") != 1:
                if not result.get("retriable"):
                    raise Violation("%s refused: %r" % (number, result))
                complete = False
                continue
            got = (result["message_seq"], result["message_id"])
            if self.acknowledged.setdefault(number, got) != got:
                raise Violation("%s was %r and is now %r" % (
                    number, self.acknowledged[number], got))
            self.duplicates += bool(result.get("duplicate"))
        return complete


def verify(server, writers, channels) -> int:
    """Reads everything back; returns the number of stored messages. Raises Violation."""
    logs = [(c, "reader") for c in channels if c[1] == GROUP]
    # A person channel belongs to a pair: the inbox owner sees it under the writer's uid.
    logs += [((w.uid, PERSON), channel) for channel, kind in channels if kind == PERSON
             for w in writers]
    by_uid = {w.uid: w for w in writers}
    seen_ids, found = set(), set()
    for (channel_id, kind), viewer in logs:
        messages = server.messages(channel_id, kind, viewer)
        where = "%s (type %d, seen by %s)" % (channel_id, kind, viewer)
        seqs = [m["message_seq"] for m in messages]
        if seqs != list(range(1, len(seqs) + 1)):
            bad = next(i for i, s in enumerate(seqs) if s != i + 1)
            raise Violation("hole or repeat in %s near %r" % (where, seqs[max(0, bad - 2):bad + 3]))
        if server.max_seq(channel_id, kind, viewer) != len(seqs):
            raise Violation("max_message_seq of %s is not %d" % (where, len(seqs)))
        ids = [m["message_id"] for m in messages]
        if ids != sorted(ids):
            raise Violation("ids of %s do not rise with the seqs" % where)
        for message in messages:
            if message["message_id"] in seen_ids:
                raise Violation("id %d is used twice" % message["message_id"])
            seen_ids.add(message["message_id"])
            number = message["client_msg_no"]
            writer = by_uid[message["from_uid"]]
            if number in found:
                raise Violation("%s is stored twice" % number)
            found.add(number)
            (sent_channel, sent_kind), payload = writer.sent[number]
            expected_channel = sent_channel if kind == GROUP else viewer
            if (sent_kind, sent_channel) != (kind, expected_channel):
                raise Violation("%s is in %s" % (number, where))
            if message["payload"] != payload:
                raise Violation("%s has another payload" % number)
            got = (message["message_seq"], message["message_id"])
            if writer.acknowledged.get(number, got) != got:
                raise Violation("%s was acknowledged as %r and is %r" % (
                    number, writer.acknowledged[number], got))
    for writer in writers:
        missing = [n for n in writer.acknowledged if n not in found]
        if missing:
            raise Violation("%d acknowledged items are missing, first %s" % (
                len(missing), missing[0]))
    return len(found)


def unseen(changers, bound, jobs, options_used) -> list:
    """What has not happened yet, of all that the test is to be about."""
    counts = {
        "changes met a kill": (c.interrupted for c in changers),
        "changes refused": (c.refusals for c in changers),
        "messages edited": (c.edits for c in changers),
        "messages recalled": (c.recalls for c in changers),
        "sends repeated": (c.repeats for c in changers),
        "atomic batches": (b.whole for b in bound),
        "batches met a kill": (b.interrupted for b in bound),
        "answers given again": (b.replays for b in bound),
        "jobs edited": (j.edited for j in jobs),
        "jobs recalled": (j.recalled for j in jobs),
        "jobs paused": (j.pauses for j in jobs),
        "uploads cut": (j.cut for j in jobs),
        "items not behind if_last_seq": (o.conflicts for o in options_used),
        "batches held": (o.held for o in options_used),
        "held batches withdrawn": (o.withdrawn for o in options_used),
        "kept batches edited": (o.edited for o in options_used),
        "kept batches recalled": (o.recalled for o in options_used),
        "messages over the limit of a person": (o.over for o in options_used),
    }
    return [what for what, of_each in counts.items() if not sum(of_each)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 31)
    print("crash test: seed %d, %d cycles, %d writers, %d changers" % (
        seed, options.cycles, WRITERS, CHANGERS))
    moments = random.Random(seed)
    channels = [("group%d" % i, GROUP) for i in range(CHANNELS - 2)]
    channels += [("inbox%d" % i, PERSON) for i in range(2)]
    started = time.monotonic()
    # Small, so that kills meet flushes, new logs and logs in prepared blocks too.
    # A request that was killed keeps its key for api.requestTimeout and a second.
    with Server(config={"storage.writeBufferBytes": "1MiB", "tokenAuthOn": "true",
                        "api.requestTimeout": "1s", "templates.versionsMax": "10000",
                        "bulk.perReceiverPerDay": str(BULK_PER_DAY),
                        # A recall waits so long for what may be on its way.
                        "jobs.sendTimeout": "3s"}) as server:
        writers = [Writer(n, seed, server, channels) for n in range(WRITERS)]
        changers = [Changer(n, seed, server) for n in range(CHANGERS)]
        bound = [BoundWriter(n, seed, server) for n in range(BOUND_WRITERS)]
        jobs = [JobWriter(n, seed, server) for n in range(JOB_WRITERS)]
        options_used = [OptionWriter(n, seed, server) for n in range(OPTION_WRITERS)]
        others = changers + bound + jobs + options_used
        threads = writers + others
        try:
            for thread in threads:
                thread.start()
            kinds = (changers, bound, jobs, options_used)
            cycle = 0
            while cycle < options.cycles or (
                    cycle < options.cycles + MORE_CYCLES and unseen(*kinds)):
                cycle += 1
                time.sleep(moments.uniform(0.02, 0.8))
                if not server.alive():
                    raise Violation("the server ended by itself in cycle %d" % cycle)
                if moments.random() < 0.15:
                    code = server.stop()
                    if code != 0:
                        raise Violation("exit status %d after SIGTERM in cycle %d" % (code, cycle))
                else:
                    server.kill9()
                if moments.random() < 0.2:
                    # Killed again somewhere while it recovers.
                    server.spawn()
                    time.sleep(moments.uniform(0.0, 0.3))
                    server.kill9()
                server.start()
                broken = next((t for t in threads if t.error is not None), None)
                if broken is not None:
                    raise Violation("cycle %d, %s: %r" % (cycle, broken.uid, broken.error))
            for thread in threads:
                thread.stopping.set()
            for thread in threads:
                thread.join(GIVE_UP_SECONDS + 10)
                if thread.is_alive() or thread.error is not None:
                    raise Violation("%s: %r" % (thread.uid, thread.error or "hangs"))
            stored = verify(server, writers, channels)
            for thread in others:
                thread.verify()
            server.restart()
            if verify(server, writers, channels) != stored:
                raise Violation("another number of messages after a restart at rest")
            for thread in others:
                thread.verify()
        except (Violation, AssertionError, RuntimeError) as error:
            print("VIOLATION (seed %d): %s\n--- server log ---\n%s" % (
                seed, error, server.log_tail(80)))
            return 1
        finally:
            for thread in threads:
                thread.stopping.set()
    acknowledged = sum(len(w.acknowledged) for w in writers)
    print("ok: %d cycles in %.1f s, %d batches (%d posts repeated), %d items acknowledged, "
          "%d stored, %d answered as duplicates; none lost, none twice, no hole" % (
              cycle, time.monotonic() - started, sum(w.batches for w in writers),
              sum(w.retries for w in writers), acknowledged, stored,
              sum(w.duplicates for w in writers)))
    changes = sum(c.changes for c in changers)
    print("    %d changes acknowledged, %d of them edits, %d recalls, %d met a kill, %d refused, "
          "%d sends repeated; all as it was told" % (
              changes, sum(c.edits for c in changers), sum(c.recalls for c in changers),
              sum(c.interrupted for c in changers), sum(c.refusals for c in changers),
              sum(c.repeats for c in changers)))
    print("    %d batches made as a whole, %d of them atomic, %d met a kill, %d answers given again, "
          "%d waits for a claim" % (
              sum(len(b.batches) for b in bound), sum(b.whole for b in bound),
              sum(b.interrupted for b in bound), sum(b.replays for b in bound),
              sum(b.waits for b in bound)))
    print("    %d jobs done, with %d items; %d edited, %d recalled, %d paused, %d uploads cut, "
          "%d calls met a kill" % tuple(
              sum(getattr(j, what) for j in jobs)
              for what in ("jobs", "items", "edited", "recalled", "pauses", "cut", "interrupted")))
    print("    %d requests with options, %d items of them sent, %d not behind if_last_seq, %d held "
          "(%d withdrawn), %d edited, %d recalled, %d over the limit of a person" % tuple(
              sum(getattr(o, what) for o in options_used)
              for what in ("requests", "sent", "conflicts", "held", "withdrawn", "edited",
                           "recalled", "over")))
    missing = unseen(*kinds)
    if missing:
        print("FAILED: it never came to these: %s" % ", ".join(missing))
        return 1
    if acknowledged < 20 * options.cycles or changes < 5 * options.cycles or not (
            all(b.batches for b in bound) and all(j.jobs for j in jobs)
            and all(o.sent for o in options_used)):
        print("FAILED: too little was acknowledged for the test to mean anything")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
