"""Batches as a whole: held back, remembered, taken back and edited; batches as rows of CSV."""

import base64
import json
import time
import urllib.parse

from contract import Fails, clause, offered
from jindou_jobs import CSV, act, begin, counts, deleted, look, require_counts, until
from jindou_lines import BATCH_PAGE as PAGE
from jindou_lines import LINES, stream, text_of
from jindou_payloads import store_template
from target import GROUP, base64_of, fresh, item

JOBS = "docs/batch.md, Jobs"
HOLDING = "docs/batch.md, Holding back"
IN_PLACE = "docs/batch.md, Only in its place"
HOUR_MS, WEEK_MS = 3_600_000, 604_800_000
SHORT_MS = 300
RECALLED = b"{}"


def revise(server, batch, what, body):
    """The 202 to a recall or an edit of a batch."""
    answer = server.post("/batches/%s/%s" % (batch, what), body).require_status(202)
    answer.require(answer.json().get("batch_id") == batch, "batch_id is another one")
    return answer


def read(server, channel):
    """(payload, revoke, revoker) of each message."""
    return [(base64.b64decode(each.get("payload", "")), each.get("revoke", 0),
             each.get("revoker")) for each in server.stored(channel)]


# Taken back and edited.


@clause("jindou.batch.recall", JOBS,
        "POST /batches/{id}/recall takes back all that a job has sent: another job does it. What is "
        "recalled already counts as duplicate.")
def batch_recall(server):
    first, second = fresh("group"), fresh("group")
    kept = server.accept([item(first, "kept")])[0]
    with deleted(server, begin(server, [item(first, "a"), item(second, "b")])) as job:
        until(server, job, ("done",))
        for wanted in ((2, 2, 0, 0, 0, 0), (2, 0, 2, 0, 0, 0)):
            with deleted(server, revise(server, job, "recall", {"operator_uid": "admin"})) as again:
                require_counts(until(server, again, ("done",)), *wanted)
    if [read(server, channel) for channel in (first, second)] != [
            [(b"kept", 0, None), (RECALLED, 1, "admin")], [(RECALLED, 1, "admin")]]:
        raise Fails("the channels of the message %s and of the batch are not as they should be"
                    % kept["message_id"])


@clause("jindou.batch.edit", JOBS,
        "POST /batches/{id}/edit gives all that a job has sent another payload.")
def batch_edit(server):
    channel = fresh("group")
    with deleted(server, begin(server, [item(channel, "a"), item(channel, "b")])) as job:
        until(server, job, ("done",))
        with deleted(server, revise(server, job, "edit", {"payload": ["new"]})) as again:
            require_counts(until(server, again, ("done",)), 2, 2, 0, 0, 0, 0)
    if server.contents(channel) != [b'["new"]'] * 2:
        raise Fails("the messages do not have the new payload")


@clause("jindou.batch.stopped", JOBS,
        "A recall of a job that still sends stops it first; an edit of one is a 409.")
def batch_stopped(server):
    channel = fresh("group")
    items = [item(channel, str(n)) for n in range(20)]
    with deleted(server, begin(server, items, "async=true&canary=3")) as job:
        until(server, job, ("paused",))
        server.post("/batches/%s/edit" % job, {"payload": ["new"]}).require_status(409)
        with deleted(server, revise(server, job, "recall", {})) as again:
            if until(server, again, ("done",)).get("accepted") != 3:
                raise Fails("other than the 3 messages that were sent are recalled")
        if look(server, job).get("state") != "cancelled":
            raise Fails("the job is %s, not cancelled" % look(server, job).get("state"))
    if [each[:2] for each in read(server, channel)] != [(RECALLED, 1)] * 3:
        raise Fails("the channel does not have 3 messages that were recalled")


@clause("jindou.batch.kept", JOBS,
        "With ?keep=true a batch is answered as ever, with its Batch-Id in the header, and can be "
        "edited and recalled by that.")
def batch_kept(server):
    channels = [fresh("group"), fresh("group")]
    answer = server.batch([item(channel, "old") for channel in channels], query="keep=true")
    offered("batch-id" in answer.headers, "the answer has no Batch-Id", answer)
    answer.require(all(each.get("message_id") for each in answer.elements(2)),
                   "the messages are not sent")
    batch = answer.headers["batch-id"]
    for what, body, stored in (("edit", {"payload": ["new"]}, (b'["new"]', 0)),
                               ("recall", {}, (RECALLED, 1))):
        with deleted(server, revise(server, batch, what, body)) as job:
            until(server, job, ("done",))
        if [read(server, channel)[0][:2] for channel in channels] != [stored] * 2:
            raise Fails("after the %s the messages are other ones" % what)
    server.request("DELETE", "/jobs/" + batch)


@clause("jindou.batch.kept-lines", JOBS,
        "Of lines with ?keep=true the last line names the batch_id.")
def batch_kept_lines(server):
    channel = fresh("group")
    answer, _, last = stream(server, text_of([item(channel, "old")]), query="keep=true")
    offered("batch_id" in last, "the last line has no batch_id", answer)
    with deleted(server, revise(server, last["batch_id"], "recall", {})) as job:
        until(server, job, ("done",))
    if [each[:2] for each in read(server, channel)] != [(RECALLED, 1)]:
        raise Fails("the message is not recalled")
    server.request("DELETE", "/jobs/" + last["batch_id"])


# Held back.


@clause("jindou.hold.unseen", HOLDING,
        "With ?hold_ms= a batch is a job, answered 202 with held_until_ms, and nobody sees it; "
        "cancelling the job or recalling the batch takes it back without a trace.")
def held(server):
    for back in ("/jobs/%s/cancel", "/batches/%s/recall"):
        channel = fresh("group")
        answer = begin(server, [item(channel)], "hold_ms=%d" % HOUR_MS)
        with deleted(server, answer) as job:
            answer.require(answer.json().get("state") == "ready"
                           and answer.json().get("held_until_ms", 0) > time.time() * 1000,
                           "the state is not ready, or held_until_ms is not ahead")
            if server.contents(channel):
                raise Fails("it is in the history")
            taken = server.post(back % job, {}).require_status(200)
            taken.require(taken.json().get("state") == "cancelled", "the state is not cancelled")
        if server.contents(channel):
            raise Fails("it is sent")


@clause("jindou.hold.send", HOLDING, "POST /message/send takes hold_ms, too.")
def held_send(server):
    held(server)
    channel = fresh("group")
    with deleted(server, server.post("/message/send?hold_ms=%d" % HOUR_MS, item(channel))):
        if server.contents(channel):
            raise Fails("it is in the history")


@clause("jindou.hold.over", HOLDING,
        "What was held is sent when its time is over, and a recall then recalls it.")
def hold_over(server):
    channel = fresh("group")
    with deleted(server, begin(server, [item(channel, "a"), item(channel, "b")],
                               "hold_ms=%d" % SHORT_MS)) as job:
        require_counts(until(server, job, ("done",)), 2, 2, 0, 0, 0, 0)
        if server.contents(channel) != [b"a", b"b"]:
            raise Fails("the messages are not sent")
        with deleted(server, revise(server, job, "recall", {})) as again:
            until(server, again, ("done",))
    if [each[:2] for each in read(server, channel)] != [(RECALLED, 1)] * 2:
        raise Fails("the messages are not recalled")


@clause("jindou.hold.choices", HOLDING,
        "A batch is held back for up to a week, in any form, with the other choices of jobs. More "
        "is a 400, and nothing is sent.")
def hold_choices(server):
    channel = fresh("group")
    answer = begin(server, text_of([item(channel)]), "hold_ms=%d&rate=7" % WEEK_MS, headers=LINES)
    with deleted(server, answer) as job:
        found = look(server, job)
        if (found.get("rate"), found.get("items"), counts(found)[-1]) != (7, 1, 1):
            raise Fails("the job is %r" % found)
        act(server, job, "cancel")
    server.batch([item(channel)], query="hold_ms=%d" % (WEEK_MS + 1)).require_status(400)
    if server.contents(channel):
        raise Fails("something is sent")


# CSV.


def rows(server, text, **query):
    """The answer, the results and the last line to rows of CSV to a group."""
    query = dict({"from_uid": fresh("sender"), "channel_type": GROUP, "payload": "Hi {{name}}"},
                 **query)
    return stream(server, text, query=urllib.parse.urlencode(
        {name: value for name, value in query.items() if value is not None}), headers=CSV)


@clause("jindou.csv.rows", PAGE,
        "Rows of CSV are lines: the first row names the columns, which are members of the item or "
        "variables of the payload in the query, each row is an item. Quotes, CRLF and a byte order "
        "mark are as in RFC 4180.")
def csv_rows(server):
    channel, sender = fresh("group"), fresh("sender")
    text = ('\ufeffname,channel_id,client_msg_no,from_uid\r\nGina,%s,n1,\r\n"Hugo, ""the Boss"""'
            ',%s,n2,%s\r\n' % (channel, channel, sender))
    answer, found, last = rows(server, text.encode())
    answer.require([(each.get("client_msg_no"), bool(each.get("message_id"))) for each in found]
                   == [("n1", True), ("n2", True)]
                   and (last.get("done"), last.get("accepted")) == (True, 2),
                   "the results are not those of the two rows")
    stored = server.stored(channel)
    if [base64.b64decode(each["payload"]) for each in stored] != [
            b"Hi Gina", b'Hi Hugo, "the Boss"'] or stored[1].get("from_uid") != sender:
        raise Fails("stored is %r" % stored)


@clause("jindou.csv.head", PAGE,
        "A line in front of the columns may hold payloads and defaults; then the column payload_ref "
        "names a payload.")
def csv_head(server):
    channel = fresh("group")
    shared = {"payloads": {"hi": base64_of("Hi {{name}}"), "bye": base64_of("Bye {{name}}")},
              "defaults": {"from_uid": "system", "channel_type": GROUP, "payload_ref": "hi"}}
    text = "%s\nchannel_id,name,payload_ref\n%s,Ivy,\n%s,Jon,bye\n" % (
        json.dumps(shared), channel, channel)
    answer = server.batch(text, headers=CSV)
    offered(answer.status == 200, "it is answered %d" % answer.status, answer)
    if server.contents(channel) != [b"Hi Ivy", b"Bye Jon"]:
        raise Fails("the payloads are not those")


@clause("jindou.csv.bad-rows", PAGE,
        "A row with too few or too many fields, or not in UTF-8, is refused by itself, and msg "
        "names its line.")
def csv_bad_rows(server):
    channel = fresh("group").encode()
    answer, found, last = rows(server, b"channel_id,name\n%s,Ann\n%s\n%s,Bob,more\n%s,\xff\n%s,Eve\n"
                               % ((channel,) * 5))
    answer.require([bool(each.get("message_id")) for each in found]
                   == [True, False, False, False, True]
                   and (last.get("done"), last.get("refused")) == (True, 3),
                   "not the first and the last are sent")
    answer.require(all(each.get("code") == "invalid" and "line %d" % line in each.get("msg", "")
                       for line, each in enumerate(found[1:4], 3)), "msg does not name the line")
    if server.contents(channel.decode()) != [b"Hi Ann", b"Hi Eve"]:
        raise Fails("what is stored is not the first and the last")


@clause("jindou.csv.columns", PAGE, "Wrong columns are a 400, and nothing is sent.")
def csv_columns(server):
    channel = fresh("group")
    rows(server, "channel_id,name\n%s,Ann\n" % channel)
    query = {"from_uid": fresh("sender"), "channel_type": GROUP, "payload": "Hi {{name}}"}
    for columns in ("channel_id,nmae", "channel_id,name,name", "channel_id"):
        server.batch("%s\n%s\n" % (columns, ",".join([channel] * len(columns.split(",")))),
                     query=urllib.parse.urlencode(query), headers=CSV).require_status(400)
    if server.contents(channel) != [b"Hi Ann"]:
        raise Fails("something of what was answered with 400 is sent")


@clause("jindou.csv.quote", PAGE,
        "A quote in the wrong place ends the stream there: the rows before it are sent, those "
        "behind it are not.")
def csv_quote(server):
    channel = fresh("group")
    answer, found, last = rows(server, 'channel_id,name\n%s,Ann\n%s,B"ob\n%s,Eve\n'
                               % ((channel,) * 3))
    answer.require(len(found) == 1 and bool(found[0].get("message_id")),
                   "there is another result than that of the first row")
    answer.require((last.get("done"), last.get("code")) == (False, "invalid")
                   and "line 3" in last.get("msg", ""), "the last line does not say where it ends")
    if server.contents(channel) != [b"Hi Ann"]:
        raise Fails("what is stored is not the first row")


@clause("jindou.csv.template", PAGE, "A stored template takes the place of the payload.")
def csv_template(server):
    name, channel = fresh("template"), fresh("group")
    rows(server, "channel_id,name\n%s,Ann\n" % channel)
    store_template(server, name, {"text": "Dear {{name}}"})
    try:
        rows(server, "channel_id,name\n%s,Bob\n" % channel, payload=None, template=name)
    finally:
        server.request("DELETE", "/templates/" + name)
    if server.contents(channel) != [b"Hi Ann", b'{"text":"Dear Bob"}']:
        raise Fails("what is stored is not made of the payload and of the template")


@clause("jindou.csv.if_last_seq", IN_PLACE,
        "if_last_seq works in every form, and as a column of CSV.")
def csv_if_last_seq(server):
    channel, lined = fresh("group"), fresh("group")
    _, found, _ = rows(server, "channel_id,name,if_last_seq\n%s,a,0\n%s,b,0\n"
                       % (channel, channel))
    _, of_lines, _ = stream(server, text_of([item(lined, if_last_seq=seq) for seq in (0, 0)]))
    for each in (found, of_lines):
        if [(one.get("reason"), one.get("last_seq")) for one in each] != [(1, None), (101, 1)]:
            raise Fails("the second is not refused with the reason 101 and last_seq 1: %s"
                        % json.dumps(each))
