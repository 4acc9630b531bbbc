"""Batches that are sent in the background: jobs, what is done to them, and what becomes of them."""

import base64
import contextlib
import json
import time
import urllib.parse

from contract import Fails, clause, offered
from jindou_lines import LINES, text_of
from target import GROUP, PERSON, fresh, item

PAGE = "docs/batch.md, Jobs"
CSV = {"Content-Type": "text/csv"}
ENDED = ("done", "cancelled", "failed")
FAR_AHEAD = 4102444800  # the year 2100
HALF_A_DAY = 12 * 3600


@contextlib.contextmanager
def deleted(server, answer):
    """The id of the job of a 202, which is cancelled and deleted afterwards."""
    answer.require_status(202)
    made = answer.json()
    answer.require(isinstance(made, dict) and isinstance(made.get("id"), str), "there is no id")
    try:
        yield made["id"]
    finally:
        shown = server.last
        with contextlib.suppress(Fails):
            server.post("/jobs/%s/cancel" % made["id"], None)
            server.request("DELETE", "/jobs/" + made["id"])
        server.last = shown


def begin(server, body, query="async=true", **options):
    """The 202 to a batch that becomes a job; not offered when it is sent at once."""
    answer = server.batch(body, query=query, **options)
    offered(answer.status == 202, "?%s is answered %d" % (query, answer.status), answer)
    return answer


def look(server, job):
    return server.get("/jobs/" + job).require_status(200).json()


def until(server, job, states=ENDED):
    """The job, as soon as it is in one of these states."""
    deadline = time.monotonic() + server.patience
    while True:
        found = look(server, job)
        if found.get("state") in states:
            return found
        if time.monotonic() > deadline:
            raise Fails("the job is %s, and not %s within %g s"
                        % (found.get("state"), " or ".join(states), server.patience))
        time.sleep(0.02)


def act(server, job, action, status=200):
    """The answer to what is to be done to a job."""
    return server.post("/jobs/%s/%s" % (job, action), None).require_status(status)


def results(server, job, **query):
    """The lines of the results, without the last one."""
    answer = server.get("/jobs/%s/results" % job, **query).require_status(200)
    try:
        *found, last = [json.loads(line) for line in answer.body.splitlines()]
    except ValueError:
        raise Fails("the results are no lines of JSON", answer) from None
    answer.require(last == {"done": True, "items": len(found)}, "the last line has other sums")
    return found


def counts(found):
    return tuple(found.get(name) for name in ("items", "accepted", "duplicate", "refused",
                                              "unknown", "pending"))


def require_counts(found, *wanted):
    if counts(found) != wanted:
        raise Fails("items, accepted, duplicate, refused, unknown, pending are %r, not %r"
                    % (counts(found), wanted))


def one_of_three_denied(server):
    """Items of which the last may not be sent; their open and their closed channel, the sender."""
    open_, closed, sender = fresh("group"), fresh("group"), fresh("sender")
    server.deny(closed, sender)
    return [item(channel, text, from_uid=sender, client_msg_no=text) for channel, text in (
        (open_, "a"), (open_, "b"), (closed, "c"))], open_, closed, sender


def allow(server, channel, uid):
    server.setup("/channel/blacklist_remove",
                 {"channel_id": channel, "channel_type": GROUP, "uids": [uid]})


# How one is made.


@clause("jindou.job.made", PAGE,
        "With ?async=true a batch is answered 202 with id, batch_id, state, items, refused and "
        "Location, and is sent in the background, in its order.")
def made(server):
    channel = fresh("group")
    answer = begin(server, [item(channel, str(n)) for n in range(20)])
    with deleted(server, answer) as job:
        told = answer.json()
        answer.require(told.get("batch_id") == job and told.get("state") in ("ready", "running",
                                                                             "done")
                       and (told.get("items"), told.get("refused")) == (20, 0),
                       "the members are others")
        answer.require(answer.headers.get("location", "").endswith("/jobs/" + job),
                       "Location does not name the job")
        require_counts(until(server, job, ("done",)), 20, 20, 0, 0, 0, 0)
    if server.contents(channel) != [b"%d" % n for n in range(20)]:
        raise Fails("what is stored is not the batch, in its order")


@clause("jindou.job.prefer", PAGE, "The header Prefer: respond-async makes a job, too.")
def prefer(server):
    channel = fresh("group")
    with deleted(server, begin(server, [item(channel)])) as job:
        until(server, job, ("done",))
    answer = server.batch([item(channel, "preferred")], headers={"Prefer": "respond-async"})
    with deleted(server, answer) as job:
        require_counts(until(server, job, ("done",)), 1, 1, 0, 0, 0, 0)
    if server.contents(channel) != [b"hello", b"preferred"]:
        raise Fails("the messages are not sent")


@clause("jindou.job.forms", PAGE,
        "A batch of any form becomes a job: an object with items, the object form, lines, CSV.")
def forms(server):
    channel, user, sender = fresh("group"), fresh("user"), fresh("sender")
    common = {"from_uid": sender, "channel_type": GROUP}
    query = "async=true&" + urllib.parse.urlencode(dict(common, payload="of {{name}}"))
    for body, query, headers in (
            ({"defaults": dict(common, channel_id=channel), "items": [{"payload": ["items"]}]},
             "async=true", {}),
            ({"from_uid": sender, "subscribers": [user], "payload": ["each"]}, "async=true", {}),
            (text_of([item(channel, "of lines", from_uid=sender)]), "async=true", LINES),
            ("channel_id,name\n%s,CSV\n" % channel, query, CSV)):
        with deleted(server, begin(server, body, query, headers=headers)) as job:
            require_counts(until(server, job, ("done",)), 1, 1, 0, 0, 0, 0)
    found = server.contents(channel), server.contents(sender, PERSON, user)
    if found != ([b'["items"]', b"of lines", b"of CSV"], [b'["each"]']):
        raise Fails("group and user have %r" % (found,))


@clause("jindou.job.malformed", "docs/api.md, Jobs",
        "A malformed array makes no job: 400, and nothing is sent.")
def malformed(server):
    made(server)
    channel = fresh("group")
    server.batch([item(channel), item(channel, payload="***")], query="async=true") \
        .require_status(400)
    if server.contents(channel):
        raise Fails("a part of it is sent")


@clause("jindou.job.bad-lines", PAGE,
        "Lines that are no items are counted as refused in the 202, and the others are sent.")
def bad_lines(server):
    channel = fresh("group")
    answer = begin(server, text_of([item(channel, "a"), "{", item(channel, "b")]), headers=LINES)
    with deleted(server, answer) as job:
        answer.require((answer.json().get("items"), answer.json().get("refused")) == (3, 1),
                       "items and refused are not 3 and 1")
        require_counts(until(server, job, ("done",)), 3, 2, 0, 1, 0, 0)
        found = results(server, job, status="refused")
        if [(each.get("index"), each.get("code")) for each in found] != [(1, "invalid")]:
            raise Fails("the refused one is not the second line")
    if server.contents(channel) != [b"a", b"b"]:
        raise Fails("the two sound lines are not what is stored")


@clause("jindou.job.csv", PAGE,
        "Of CSV a row that is none is refused by itself; a quote in the wrong place is a 400, and "
        "nothing is sent.")
def bad_rows(server):
    channel, behind = fresh("group"), fresh("group")
    query = "async=true&" + urllib.parse.urlencode(
        {"from_uid": fresh("sender"), "channel_type": GROUP, "payload": "Hi {{name}}"})
    rows = 'channel_id,name\n%s,Gina\n%s,"Hugo ""the Boss"""\n%s\n'
    answer = begin(server, rows % ((channel,) * 3), query, headers=CSV)
    with deleted(server, answer) as job:
        answer.require((answer.json().get("items"), answer.json().get("refused")) == (3, 1),
                       "items and refused are not 3 and 1")
        until(server, job, ("done",))
    if server.contents(channel) != [b"Hi Gina", b'Hi Hugo "the Boss"']:
        raise Fails("the two sound rows are not what is stored")
    server.batch('channel_id,name\n%s,Ann\n%s,B"ob\n' % (behind, behind), query=query,
                 headers=CSV).require_status(400)
    if server.contents(behind):
        raise Fails("a part of what was answered with 400 is sent")


@clause("jindou.job.cut", PAGE, "Nothing of an upload that is cut is sent.")
def cut(server):
    made(server)
    channel = fresh("group")
    answer = server.cut("/message/sendbatch?async=true", LINES,
                        text_of([item(channel, str(n)) for n in range(50)]).encode())
    if answer is not None:
        answer.require_status(400)
    if server.contents(channel):
        raise Fails("a part of it is sent")


@clause("jindou.job.nothing-twice", PAGE,
        "A job sends nothing twice: what was sent before under its client_msg_no counts as "
        "duplicate.")
def nothing_twice(server):
    channel = fresh("group")
    items = [item(channel, str(n), client_msg_no=str(n)) for n in range(10)]
    server.accept(items[:4])
    with deleted(server, begin(server, items)) as job:
        require_counts(until(server, job, ("done",)), 10, 6, 4, 0, 0, 0)
    if server.contents(channel) != [b"%d" % n for n in range(10)]:
        raise Fails("something is sent twice, or not at all")


@clause("jindou.job.key", PAGE,
        "With an Idempotency-Key an upload may be repeated, however long it is: one job comes of it, "
        "and a repeat gets the first 202, with the header Idempotency-Replay: true.")
def under_a_key(server):
    headers = dict(LINES, **{"Idempotency-Key": fresh("key")})
    channel = fresh("group")
    lines = text_of([item(channel, "m%d" % n) for n in range(1500)])
    first = begin(server, lines, headers=headers)
    with deleted(server, first) as job:
        again = begin(server, lines, headers=headers)
        offered(again.headers.get("idempotency-replay") == "true", "the header is not looked at",
                again)
        again.require(again.body == first.body, "the answer is another one")
        require_counts(until(server, job, ("done",)), 1500, 1500, 0, 0, 0, 0)


# What is told of it.


@clause("jindou.job.told", PAGE,
        "GET /jobs/{id} tells state, counts, times, items_per_second and the percentiles of "
        "commit_ms; GET /jobs lists the newest first.")
def told(server):
    items, *_ = one_of_three_denied(server)
    with deleted(server, begin(server, items)) as older, \
            deleted(server, begin(server, [item(fresh("group"))])) as newer:
        found = until(server, older)
        require_counts(found, 3, 2, 0, 1, 0, 0)
        times = [found.get(name) for name in ("created_at", "started_at", "ended_at")]
        if found.get("state") != "done" or None in times or times != sorted(times):
            raise Fails("the state is not done, or the times are none that follow each other")
        speeds = [found.get("commit_ms", {}).get(name) for name in ("p50", "p90", "p99")]
        if None in speeds or speeds != sorted(speeds) or "items_per_second" not in found:
            raise Fails("commit_ms or items_per_second are missing")
        answer = server.get("/jobs", limit=1000).require_status(200)
        listed = [each.get("id") for each in answer.json().get("jobs", [])]
        answer.require(newer in listed and older in listed
                       and listed.index(newer) < listed.index(older),
                       "the two jobs are not there, the newest first")


@clause("jindou.job.receivers", PAGE,
        "A job tells of how many messages it is counted whom they have reached, and how many of "
        "their receivers were pushed to or find it when they come.")
def job_receivers(server):
    channel, sender = fresh("group"), fresh("sender")
    server.setup("/channel", {"channel_id": channel, "channel_type": GROUP,
                              "subscribers": [sender, fresh("user"), fresh("user")]})
    items = [item(channel, str(n), from_uid=sender) for n in range(3)]
    with deleted(server, begin(server, items)) as job:
        found = until(server, job)
        offered("fanned_out" in found, "fanned_out is not among its counts")
        deadline = time.monotonic() + server.patience
        while found.get("fanned_out") != 3 and time.monotonic() < deadline:
            time.sleep(0.02)
            found = look(server, job)
        told = [found.get(name) for name in ("fanned_out", "pushed_online", "left_offline")]
        if told != [3, 0, 6]:
            raise Fails("fanned_out, pushed_online, left_offline are %r, not 3, 0, 6" % told)


@clause("jindou.job.results", PAGE,
        "GET /jobs/{id}/results has a line for each item, what a batch is answered, of one status "
        "and from one index on if asked for, and a last one with done and their number.")
def job_results(server):
    items, *_ = one_of_three_denied(server)
    with deleted(server, begin(server, items)) as job:
        until(server, job)
        every = results(server, job)
        if [(each.get("index"), each.get("client_msg_no"), bool(each.get("message_id")))
                for each in every] != [(0, "a", True), (1, "b", True), (2, "c", False)]:
            raise Fails("the results are not those of the items")
        refused = results(server, job, status="refused")
        if refused != every[2:] or (refused[0].get("reason"), refused[0].get("code")) != (
                4, "denied"):
            raise Fails("with status=refused there is something else than the denied item")
        if results(server, job, **{"from": 1}) != every[1:]:
            raise Fails("with from=1 there is something else than the second and the third")


def events_of(answer):
    """(event, id, data) of each server-sent event."""
    found = []
    for block in answer.body.decode().split("\n\n"):
        members = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "event" in members:
            found.append((members["event"], members.get("id"), json.loads(members["data"])))
    return found


@clause("jindou.job.events", PAGE,
        "GET /jobs/{id}/events tells by server-sent events how a job goes on: progress, and at "
        "last end, with the job as data. Who comes again misses nothing.")
def job_events(server):
    with deleted(server, begin(server, [item(fresh("group"), str(n)) for n in range(50)])) as job:
        answer = server.get("/jobs/%s/events" % job).require_status(200)
        answer.require(answer.headers.get("content-type", "").startswith("text/event-stream"),
                       "it is no text/event-stream")
        *before, (name, last, end) = events_of(answer)
        answer.require((name, end.get("id"), end.get("state"), end.get("accepted"))
                       == ("end", job, "done", 50), "the last event is not end, with the job")
        answer.require(all(each[0] == "progress" for each in before),
                       "events before the end are others than progress")
        again = server.get("/jobs/%s/events" % job)
        again.require(events_of(again) == [(name, last, end)], "who comes late hears no end")
        server.request("GET", "/jobs/%s/events" % job, headers={"Last-Event-ID": last}) \
            .require_status(204)


@clause("jindou.job.dead-letters", PAGE,
        "GET /batches/{id}/dead-letters lists page by page what of a batch was refused, with what "
        "was to be sent; POST /batches/{id}/redrive sends it.")
def dead_letters(server):
    items, open_, closed, sender = one_of_three_denied(server)
    items += [dict(items[2], client_msg_no="d")]
    with deleted(server, begin(server, items)) as job:
        until(server, job)
        path = "/batches/%s/dead-letters" % job
        answer = server.get(path, limit=1).require_status(200)
        page = answer.json()
        answer.require((page.get("batch_id"), page.get("count"), page.get("more"),
                        len(page.get("dead_letters", []))) == (job, 2, 1, 1),
                       "batch_id, count, more and the number of letters are others")
        letter = page["dead_letters"][0]
        answer.require(
            [letter.get(name) for name in ("index", "client_msg_no", "from_uid", "channel_id",
                                           "channel_type", "reason", "code", "redrivable")]
            == [2, "c", sender, closed, GROUP, 4, "denied", 1]
            and base64.b64decode(letter.get("payload", "")) == b"c",
            "the letter is not the item that was refused")
        rest = server.get(path, limit=10, **{"from": page.get("next")}).require_status(200)
        rest.require([each.get("index") for each in rest.json().get("dead_letters", [])] == [3]
                     and rest.json().get("more") == 0, "the second page is not the other item")
        allow(server, closed, sender)
        server.post("/batches/%s/redrive" % job, None).require_status(200)
        require_counts(until(server, job, ("done",)), 4, 4, 0, 0, 0, 0)
        answer = server.get(path)
        answer.require(answer.json().get("count") == 0, "letters are left")
    if (server.contents(open_), server.contents(closed)) != ([b"a", b"b"], [b"c", b"c"]):
        raise Fails("the channels do not have each message once")


# What is done to it.


@clause("jindou.job.retry", PAGE,
        "A retry sends what failed and what was not tried, and nothing of what was sent; with "
        "?only=failed it leaves what was not tried.")
def retry(server):
    items, open_, closed, sender = one_of_three_denied(server)
    with deleted(server, begin(server, items)) as job:
        until(server, job)
        allow(server, closed, sender)
        act(server, job, "retry")
        found = until(server, job, ("done",))
        require_counts(found, 3, 3, 0, 0, 0, 0)
        if found.get("pass") != 2:
            raise Fails("pass is %r" % found.get("pass"))
        act(server, job, "retry", 409)
    if (server.contents(open_), server.contents(closed)) != ([b"a", b"b"], [b"c"]):
        raise Fails("the channels do not have each message once")
    items, open_, closed, sender = one_of_three_denied(server)
    with deleted(server, begin(server, [items[0], items[2], items[1]],
                               "async=true&on_error=stop")) as job:
        until(server, job)
        allow(server, closed, sender)
        act(server, job, "retry?only=failed")
        found = until(server, job)
        require_counts(found, 3, 2, 0, 0, 0, 1)
        if found.get("state") != "failed":
            raise Fails("with an item that was not tried the job is %s" % found.get("state"))
        act(server, job, "retry")
        require_counts(until(server, job, ("done",)), 3, 3, 0, 0, 0, 0)
    if (server.contents(open_), server.contents(closed)) != ([b"a", b"b"], [b"c"]):
        raise Fails("the channels do not have each message once")


@clause("jindou.job.controls", PAGE,
        "A job can be paused, resumed and cancelled; one that has ended can be deleted, and not be "
        "resumed: 409.")
def controls(server):
    channel = fresh("group")
    with deleted(server, begin(server, [item(channel)],
                               "async=true&not_before=%d" % FAR_AHEAD)) as job:
        for action, state in (("pause", "paused"), ("resume", "ready"), ("cancel", "cancelled")):
            server.request("DELETE", "/jobs/" + job).require_status(409)
            answer = act(server, job, action)
            answer.require(answer.json().get("state") == state, "the state is not " + state)
        require_counts(look(server, job), 1, 0, 0, 0, 0, 1)
        act(server, job, "resume", 409)
        server.request("DELETE", "/jobs/" + job).require_status(200)
        server.get("/jobs/" + job).require_status(404)
    if server.contents(channel):
        raise Fails("the item is sent")


@clause("jindou.job.choices", PAGE,
        "A job may have a name, a rate, which can be changed, and a time to begin; the job shows "
        "them.")
def job_choices(server):
    channel = fresh("group")
    query = "async=true&name=new-year&rate=1000&not_before=%d" % FAR_AHEAD
    with deleted(server, begin(server, [item(channel)], query)) as job:
        found = look(server, job)
        if [found.get(name) for name in ("name", "rate", "not_before", "state")] != [
                "new-year", 1000, FAR_AHEAD, "ready"]:
            raise Fails("the job shows %r" % found)
        answer = act(server, job, "rate?rate=500")
        answer.require(answer.json().get("rate") == 500, "the rate is not 500")
    if server.contents(channel):
        raise Fails("it is sent before its time")


@clause("jindou.job.canary", PAGE,
        "A job with a canary pauses behind so many items, and goes on when it is resumed.")
def canary(server):
    channel = fresh("group")
    with deleted(server, begin(server, [item(channel, str(n)) for n in range(20)],
                               "async=true&canary=7")) as job:
        require_counts(until(server, job, ("paused",) + ENDED), 20, 7, 0, 0, 0, 13)
        if len(server.contents(channel)) != 7:
            raise Fails("other than 7 messages are stored")
        act(server, job, "resume")
        require_counts(until(server, job), 20, 20, 0, 0, 0, 0)


@clause("jindou.job.stops", PAGE,
        "A job fails at an item that is refused with on_error=stop, and at a ratio of them with "
        "max_refused.")
def stops(server):
    items, open_, _, _ = one_of_three_denied(server)
    with deleted(server, begin(server, [items[0], items[2], items[1]],
                               "async=true&on_error=stop")) as job:
        found = until(server, job)
        require_counts(found, 3, 1, 0, 1, 0, 1)
        if found.get("state") != "failed" or not found.get("reason"):
            raise Fails("the job is not failed, with a reason")
    many = [dict(items[2], client_msg_no="n%d" % n) for n in range(600)]
    with deleted(server, begin(server, many, "async=true&max_refused=0.5")) as job:
        found = until(server, job)
        if found.get("state") != "failed" or not found.get("reason"):
            raise Fails("a job of which all is refused is not failed, with a reason")
    if server.contents(open_) != [b"a"]:
        raise Fails("something behind the item that was refused is sent")


@clause("jindou.job.window", PAGE,
        "With window and time_zone a job sends in this part of each day only, by the clock of that "
        "zone.")
def window(server):
    shut, open_ = fresh("group"), fresh("group")
    begins, ends = (time.strftime("%H:%M", time.gmtime(time.time() + HALF_A_DAY + more))
                    for more in (-3600, 3600))
    query = "async=true&window=%s-%s&time_zone=" % (begins, ends)
    with deleted(server, begin(server, [item(shut)], query + "UTC")) as waiting:
        with deleted(server, begin(server, [item(open_)], query + "%2B12:00")) as job:
            until(server, job, ("done",))
        found = look(server, waiting)
        if (found.get("state"), found.get("window")) != ("ready", "%s-%s" % (begins, ends)):
            raise Fails("outside of its window the job is %r" % found)
    if (server.contents(shut), server.contents(open_)) != ([], [b"hello"]):
        raise Fails("it is sent outside of the window, or not inside of it")
