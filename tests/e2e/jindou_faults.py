"""Faults of a server of ours, planted by a SpoilingProxy: each spoils what one or several clauses
of tests/conformance look at, and nothing by which they see that it is offered."""

import base64
import json

from spoiling_proxy import Answer, Request

BATCH, SEND, HISTORY = "/message/sendbatch", "/message/send", "/channel/messagesync"


def called(value, *given):
    return value(*given) if callable(value) else value


def spoils(path, spoil):
    """Answers of a path, or of those below one that ends with "/"."""

    def fault(request, ask):
        answer = ask(request)
        mine = request.path == path or (path.endswith("/") and request.path.startswith(path))
        return spoil(request, answer) if mine else answer

    return fault


def member(path, when=lambda each: True, **members):
    """Members of the objects of an answer: of an object itself, or of the elements of an array,
    or of items in an object. `members`: values, or functions of the object; None leaves out."""

    def change(each):
        if not isinstance(each, dict) or not when(each):
            return each
        changed = dict(each, **{name: called(value, each) for name, value in members.items()})
        return {name: value for name, value in changed.items()
                if name not in members or value is not None}

    def spoil(_, answer):
        value = answer.json()
        if isinstance(value, list):
            return answer.changed(json=[change(each) for each in value])
        if isinstance(value, dict) and isinstance(value.get("items"), list):
            return answer.changed(json=dict(value, items=[change(each)
                                                          for each in value["items"]]))
        if isinstance(value, dict):
            return answer.changed(json=change(value))
        found = answer.lines()
        return answer.changed(lines=[change(each) for each in found]) if found else answer

    return spoils(path, spoil)


def element(when=lambda each: True, **members):
    """Members of the elements of a batch's answer."""
    return member(BATCH, when=lambda each: "client_msg_no" in each and when(each), **members)


def lines(change):
    """The lines of an answer to lines: results, and the last one."""

    def spoil(_, answer):
        found = answer.lines()
        if not found or not isinstance(found[-1], dict) or "done" not in found[-1]:
            return answer
        return answer.changed(lines=change(found[:-1], found[-1]))

    return spoils(BATCH, spoil)


def last_line(**members):
    return lines(lambda found, last: found + [dict(last, **members)])


def stored(change):
    """The messages of a history, but for those that checks send to see the others."""

    def spoil(_, answer):
        value = answer.json()
        if not isinstance(value, dict) or "messages" not in value:
            return answer
        marks = [each for each in value["messages"]
                 if str(each.get("client_msg_no")).startswith("conformance-mark")]
        found = [each for each in value["messages"] if each not in marks]
        return answer.changed(json=dict(value, messages=change(found) + marks))

    return spoils(HISTORY, spoil)


def each_stored(**members):
    return stored(lambda found: [dict(each, **{name: called(value, each)
                                               for name, value in members.items()})
                                 for each in found])


def status(path, before, after):
    return spoils(path, lambda _, answer: answer.changed(status=after)
                  if answer.status == before else answer)


def header(path, name, text, when=lambda request, answer: True):
    return spoils(path, lambda request, answer: answer.changed(header=(name, text))
                  if when(request, answer) else answer)


def ignores(path, *names):
    """Parameters of the query."""

    def fault(request, ask):
        if request.path == path:
            for name in names:
                request = request.without(name)
        return ask(request)

    return fault


def asks(change):
    """What the server is asked: `change` of a Request."""
    return lambda request, ask: ask(change(request))


def sends_anyway(request, ask):
    """What was to be refused as a whole is sent as far as its first item."""
    answer = ask(request)
    body = request.json()
    if request.path == BATCH and answer.status >= 400 and body:
        of_items = isinstance(body, dict) and body.get("items")
        first = dict(body, items=body["items"][:1]) if of_items else body[:1]
        headers = {name: value for name, value in request.headers.items()
                   if name != "idempotency-key"}
        ask(request.changed(target=BATCH, headers=headers, json=first))
    return answer


def sends_in_a_dry_run(request, ask):
    ask(request.without("dry_run"))
    return ask(request)


def takes_no_hint(request, ask):
    return Answer(429, {"content-type": "application/json"}, b'{"msg": "later"}')


def replaced(path, payload):
    """The payload of what is edited."""
    return asks(lambda request: request.changed(json=dict(request.json(), payload=payload))
                if request.path.startswith(path) and request.path.endswith("/edit") else request)


def looks_only(action):
    """Answers the job, to which nothing is done."""

    def fault(request, ask):
        if request.path.startswith("/jobs/") and request.path.endswith(action):
            return ask(Request("GET", request.path.removesuffix(action), request.headers, b""))
        return ask(request)

    return fault


def without_member(name):
    """Items and defaults do not have it any more."""

    def strip(each):
        return {key: value for key, value in each.items() if key != name}

    def change(request):
        body = request.json()
        if request.path != BATCH:
            return request
        if isinstance(body, list):
            return request.changed(json=[strip(each) for each in body])
        if isinstance(body, dict) and "items" in body:
            return request.changed(json=dict(body, defaults=strip(body.get("defaults", {})),
                                             items=[strip(each) for each in body["items"]]))
        return request

    return asks(change)


def spaced(each):
    """The payload of a message, as other text of the same JSON."""
    text = json.dumps(json.loads(base64.b64decode(each["payload"])), indent=1)
    return base64.b64encode(text.encode()).decode()


OTHER_TEXT = base64.b64encode(b'{"text":"other","content":"other"}').decode()
LOSES = stored(lambda found: found[1:])
DOUBLES = stored(lambda found: [each for each in found for _ in range(2)])
OTHER_PAYLOADS = each_stored(payload=OTHER_TEXT)
REPEATS_ANEW = element(when=lambda each: each.get("duplicate"),
                       message_id=lambda each: each["message_id"] + 1)
TAKES_BAD_BATCHES = status(BATCH, 400, 200)

# Each with the clauses that find it.
FAULTS = [
    (element(message_idstr="7"), ["result.idstr"]),
    (element(reason=2), ["result.reason"]),
    (element(client_msg_no="x"), ["result.generated", "http.escapes"]),
    (element(message_id=lambda each: 2**52 - each["message_id"]), ["result.seqs"]),
    (element(message_seq=lambda each: each.get("message_seq") and each["message_seq"] + 1),
     ["result.no_persist", "item.command-log"]),
    (element(message_id=7), ["repeat.scope"]),
    (sends_anyway, [
        "validation.nothing-sent", "validation.blank", "validation.flags",
        "validation.channel_type", "validation.ids", "validation.client_msg_no",
        "validation.expire", "validation.subscribers", "validation.setting",
        "validation.payload-size", "limit.items", "limit.filled", "choices.values",
        "payloads.unknown", "vars.unknown", "vars.open", "template.gone", "atomic.none",
        "job.malformed", "hold.choices"]),
    (member(BATCH, when=lambda each: "field" in each,
            index=lambda each: each.get("index", 0) + 1),
     ["validation.items", "limit.payload", "limit.templates", "lines.bad"]),
    (spoils(BATCH, lambda _, answer: answer.changed(
        body=answer.body.replace(b'"error":', b'"e":'))), ["validation.error"]),
    (each_stored(from_uid="somebody"), ["validation.longest", "defaults.members"]),
    (spoils(BATCH, lambda _, answer: answer.changed(body=answer.body.replace(b"exipre", b"it"))),
     ["validation.strict"]),
    (asks(lambda request: request.changed(body=request.body.replace(b": true", b": false"))),
     ["validation.flag-words"]),
    (element(when=lambda each: each.get("code") == "denied", retriable=True),
     ["partial.element"]),
    (header(BATCH, "x-batch-failed", "3", lambda _, answer: "x-batch-failed" in answer.headers),
     ["partial.header", "on_error.stop"]),
    (element(when=lambda each: each.get("code") == "denied", reason=5), ["partial.all-denied"]),
    (REPEATS_ANEW, ["partial.finish", "repeat.same-ids", "repeat.inside", "atomic.all",
                    "if_last_seq", "vars.repeat", "lines.repeat", "edit.repeat",
                    "moderation.mask"]),
    (element(when=lambda each: each.get("code") == "conflict", reason=4, last_seq=7),
     ["repeat.conflict", "csv.if_last_seq"]),
    (member(SEND, message_id=7), ["repeat.send"]),
    (each_stored(payload=spaced), ["item.payload-json"]),
    (DOUBLES, ["item.flags-beside", "key.replay", "key.send", "key.concurrent", "coding.gzip",
               "coding.zstd", "lines.key"]),
    (LOSES, ["http.chunked", "ack.received", "lines.results", "job.made", "job.prefer",
             "job.nothing-twice", "command.send"]),
    (stored(lambda found: [dict(each, from_uid=found[0]["from_uid"]) for each in found]),
     ["item.sender_uid"]),
    (each_stored(topic="other"), ["item.carried"]),
    (each_stored(expire=0), ["object.repeat"]),
    (lambda request, ask: ask(request) if request.path != "/message/syncack"
     else Answer(200, {}, b'{"status": 200}'), ["item.command-sync"]),
    (OTHER_PAYLOADS, ["payloads.shared", "vars.json", "vars.text", "vars.braces", "lines.vars",
                      "job.forms", "job.csv", "csv.rows", "csv.bad-rows", "csv.quote",
                      "csv.template", "edit.payload", "edit.version", "recall.content"]),
    (header(BATCH, "allow", "GET"), ["http.method"]),
    (lambda request, ask: ask(request) if request.headers.get("expect") != "100-continue"
     else Answer(400, {}, b"{}"), ["http.expect"]),
    (spoils(BATCH, lambda request, answer: answer.changed(status=200)
            if "content-encoding" in request.headers else answer),
     ["coding.broken"]),
    (asks(lambda request: request.changed(headers=dict(request.headers,
                                                       **{"accept-encoding": "gzip"}))),
     ["coding.answer-gzip"]),
    (asks(lambda request: request.changed(headers=dict(request.headers,
                                                       **{"accept-encoding": "zstd"}))
          if "gzip;q" in request.headers.get("accept-encoding", "") else request),
     ["coding.answer-zstd"]),
    (header(BATCH, "content-encoding", "identity", lambda _, answer: len(answer.body) < 1024),
     ["coding.answer-vary"]),
    (spoils(BATCH, lambda request, answer: answer.changed(json=dict(
        answer.json(), total=dict(answer.json()["total"], items=9)))
        if "dry_run" in request.query else answer), ["dry_run.answer"]),
    (sends_in_a_dry_run, ["dry_run.nothing", "lines.dry-run"]),
    (header(BATCH, "jindou-applied", None), ["choices.fields"]),
    (status(BATCH, 422, 200), ["key.another"]),
    (TAKES_BAD_BATCHES, ["key.refused", "payloads.several", "template.strict", "csv.columns",
                         "limit.variables"]),
    (without_member("template_version"), ["template.use"]),
    (member("/templates", when=lambda each: "version" in each, version=1),
     ["template.versions"]),
    (status("/templates", 400, 200), ["template.refused"]),
    (member("/templates/", variables=["y"]), ["template.kept"]),
    (lines(lambda found, last: found[:1] + [last]), ["lines.ends"]),
    (last_line(items=1), ["lines.empty"]),
    (last_line(code="internal"), ["lines.stop"]),
    (takes_no_hint, ["overload.retry-after"]),
    # Jobs and batches as a whole.
    (member(BATCH, when=lambda each: "state" in each, refused=0), ["job.bad-lines"]),
    (member("/jobs/", commit_ms=None), ["job.told"]),
    (member("/jobs/", when=lambda each: "code" in each, code="conflict"), ["job.results"]),
    (spoils("/jobs/", lambda _, answer: answer.changed(
        body=answer.body.replace(b"event: end", b"event: progress"))), ["job.events"]),
    (member("/batches/", when=lambda each: "count" in each, count=7), ["job.dead-letters"]),
    (looks_only("/retry"), ["job.retry"]),
    (looks_only("/pause"), ["job.controls"]),
    (member("/jobs/", rate=1), ["job.choices"]),
    (ignores(BATCH, "canary"), ["job.canary"]),
    (ignores(BATCH, "on_error"), ["job.stops"]),
    (ignores(BATCH, "window", "time_zone"), ["job.window"]),
    (each_stored(revoke=0), ["batch.recall", "batch.stopped", "batch.kept-lines"]),
    (replaced("/batches/", ["old"]), ["batch.edit", "batch.kept"]),
    (member(BATCH, when=lambda each: "held_until_ms" in each, held_until_ms=1),
     ["hold.unseen"]),
    (ignores(SEND, "hold_ms"), ["hold.send"]),
    # What becomes of messages, and of conversations.
    (member("/message/sync", payload=base64.b64encode(b'{"cmd":"other"}').decode()),
     ["recall.told"]),
    (member("/conversation/sync", when=lambda each: each.get("unread"), unread=2),
     ["recall.unread", "sender_conversation.query"]),
    (member("/message/trace", changes=[]), ["trace.message"]),
    (without_member("sender_conversation"), ["sender_conversation.member"]),
    # What depends on the configuration.
    (element(when=lambda each: "moderation" in each, moderation={}),
     ["moderation.refuse", "moderation.dry-run"]),
    (member("/channel", when=lambda each: each.get("code") == "denied", msg="no"),
     ["caller.scope"]),
    (element(when=lambda each: each.get("reason") == 11, reason=4), ["caller.bounds"]),
    (header(BATCH, "ratelimit", '"key";r=9999;t=1', lambda _, answer:
            "ratelimit" in answer.headers), ["caller.fields"]),
    (element(when=lambda each: "retry_after_ms" in each, retry_after_ms=None),
     ["caller.rate"]),
    (header(BATCH, "batch-advice", "soon"), ["caller.advice"]),
    (element(when=lambda each: each.get("reason") == 102, retriable=True), ["caller.bulk"]),
]
