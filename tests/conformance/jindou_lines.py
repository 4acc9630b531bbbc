"""Batches as lines of JSON: application/x-ndjson."""

import json

from contract import Fails, clause, offered
from target import ABSENT, base64_of, fresh, item

PAGE = "docs/api.md, Lines"
BATCH_PAGE = "docs/batch.md, Lines: any number of items"
LINES = {"Content-Type": "application/x-ndjson"}


def text_of(items, end="\n"):
    """Lines; an item that is a str is a line as it is."""
    return "".join((each if isinstance(each, str) else json.dumps(each)) + end for each in items)


def stream(server, body, query="", headers=None):
    """The answer, the results and the last line; not offered unless it is an answer of lines.
    `headers`: those of lines when None."""
    answer = server.batch(body, query=query, headers=headers or LINES)
    offered(answer.status == 200
            and answer.headers.get("content-type", "").startswith("application/x-ndjson"),
            "lines are answered %d, %s" % (answer.status, answer.headers.get("content-type")),
            answer)
    try:
        found = [json.loads(line) for line in answer.body.splitlines()]
    except ValueError:
        raise Fails("a line of the answer is no JSON", answer) from None
    answer.require(found and "done" in found[-1], "the last line has no done")
    answer.require([each.get("index") for each in found[:-1]] == list(range(len(found) - 1)),
                   "the lines are not in the order of the items")
    return answer, found[:-1], found[-1]


@clause("jindou.lines.results", BATCH_PAGE,
        "A body of lines, one item each, is answered with a line for each item, in order, and a last "
        "one with the sums and done true; all are stored.")
def results(server):
    channels = [fresh("group") for _ in range(3)]
    answer, found, last = stream(server, text_of(
        [item(channels[n % 3], "m%d" % n, client_msg_no="n%d" % n) for n in range(30)]))
    answer.require([each.get("client_msg_no") for each in found] == ["n%d" % n for n in range(30)]
                   and all(each.get("message_id") for each in found), "not all are accepted")
    answer.require((last["done"], last.get("items"), last.get("accepted"), last.get("refused"),
                    last.get("unknown")) == (True, 30, 30, 0, 0), "the sums are not those")
    for n, channel in enumerate(channels):
        if server.contents(channel) != [b"m%d" % k for k in range(n, 30, 3)]:
            raise Fails("a channel does not have its messages in their order")


@clause("jindou.lines.unlimited", BATCH_PAGE, "There is no limit to the number of lines of one request.")
def unlimited(server):
    channel = fresh("group")
    answer, _, last = stream(server, text_of([item(channel, "x")] * 5000))
    answer.require(last.get("accepted") == 5000, "not all are accepted")


@clause("jindou.lines.bad", BATCH_PAGE,
        "A line that is no item is refused by itself, with reason 0 and the field, and the stream "
        "goes on.")
def bad_lines(server):
    channel = fresh("group")
    answer, found, last = stream(server, text_of([
        item(channel, "first"), "{", "[]", item(channel, payload=ABSENT), item(channel, "last")]))
    answer.require(len(found) == 5, "there are %d results for 5 lines" % len(found))
    answer.require([bool(each.get("message_id")) for each in found]
                   == [True, False, False, False, True], "not the first and the last are sent")
    answer.require(all(each.get("reason") == 0 and each.get("code") == "invalid"
                       and each.get("retriable") is False for each in found[1:4])
                   and found[3].get("field") == "payload", "what is wrong is not said")
    answer.require(last["done"] is True and last.get("refused") == 3, "refused is not 3")
    if server.contents(channel) != [b"first", b"last"]:
        raise Fails("what is stored is not the first and the last")


@clause("jindou.lines.ends", PAGE,
        "A line ends with LF or CRLF, the last one also with the body; blank lines are no items, and a "
        "byte order mark is skipped.")
def line_ends(server):
    channel = fresh("group")
    one, two = json.dumps(item(channel, "one")), json.dumps(item(channel, "two"))
    answer, found, _ = stream(server, ("\ufeff%s\r\n\r\n  \n%s" % (one, two)).encode())
    answer.require(len(found) == 2 and all(each.get("message_id") for each in found),
                   "the two items are not accepted")


@clause("jindou.lines.empty", PAGE, "A body without lines is answered with the last line alone.")
def empty(server):
    results(server)
    answer, found, last = stream(server, b"\n")
    answer.require(found == [] and last["done"] is True and last.get("items") == 0,
                   "that is not the answer")


@clause("jindou.lines.stop", PAGE,
        "With ?on_error=stop nothing behind the first item that failed is sent, and the last line "
        "says so with the code stopped.")
def stop(server):
    channel = fresh("group")
    answer, found, last = stream(server, text_of(
        [item(channel, "first"), "{", item(channel, "behind")]), query="on_error=stop")
    answer.require(last["done"] is False and last.get("code") == "stopped",
                   "the last line does not say stopped")
    answer.require(len(found) == 2, "there are %d results, not 2" % len(found))
    if server.contents(channel) != [b"first"]:
        raise Fails("what is stored is not the first")


@clause("jindou.lines.dry-run", "docs/batch.md, Without sending",
        "Of lines ?dry_run=true tells for each what would become of it and who would receive it; the "
        "last line has the sums and dry_run true, and nothing is stored.")
def dry_run(server):
    channel, members = fresh("group"), [fresh("member"), fresh("member")]
    server.setup("/channel/subscriber_add",
                 {"channel_id": channel, "channel_type": 2, "subscribers": members})
    answer, found, last = stream(server, text_of([item(channel, "x"), "{"]), query="dry_run=true")
    answer.require((found[0].get("bytes"), found[0].get("receivers")) == (1, 2)
                   and "receivers" not in found[1], "bytes and receivers are not 1 and 2")
    answer.require((last.get("dry_run"), last.get("accepted"), last.get("bytes"),
                    last.get("receivers")) == (True, 1, 1, 2), "the sums are not those")
    if server.contents(channel):
        raise Fails("a message of a dry run is stored")


@clause("jindou.lines.received", "docs/batch.md, Without waiting",
        "Of lines ?ack=received is answered 202, each item with the state received; the last line "
        "counts what became of them, and they are sent.")
def received(server):
    results(server)
    channel = fresh("group")
    answer = server.batch(text_of([item(channel, n, client_msg_no=n) for n in ("a", "b")]),
                          query="ack=received", headers=LINES)
    offered(answer.status == 202, "it is answered %d" % answer.status, answer)
    found = [json.loads(line) for line in answer.body.splitlines()]
    answer.require(found[:2] == [{"index": n, "client_msg_no": name, "state": "received"}
                                 for n, name in enumerate(("a", "b"))], "the lines are others")
    answer.require(found[-1].get("done") is True and found[-1].get("accepted") == 2,
                   "the last line does not count two")
    if server.contents(channel) != [b"a", b"b"]:
        raise Fails("the items are not sent")


@clause("jindou.lines.repeat", PAGE,
        "Posting all lines again finishes a stream: with its client_msg_no nothing is sent twice, and "
        "duplicate counts what was there.")
def repeat(server):
    channel = fresh("group")
    items = [item(channel, "m%d" % n, client_msg_no="n%d" % n) for n in range(4)]
    _, first, _ = stream(server, text_of(items[:2]))
    answer, found, last = stream(server, text_of(items))
    answer.require([each["message_id"] for each in found[:2]]
                   == [each["message_id"] for each in first], "a repeat has another id")
    answer.require((last.get("items"), last.get("duplicate")) == (4, 2), "duplicate is not 2")
    if len(server.contents(channel)) != 4:
        raise Fails("something is stored twice, or not at all")


@clause("jindou.lines.head", BATCH_PAGE,
        "The first line may hold payloads and defaults for the others; it has no result. When it is "
        "wrong it is a 400, and nothing is sent.")
def head(server):
    channel = fresh("group")
    shared = {"payloads": {"hi": base64_of("Hi {{name}}")},
              "defaults": {"from_uid": "system", "channel_type": 2, "payload_ref": "hi",
                           "channel_id": channel}}
    answer, found, last = stream(server, text_of(
        [shared] + [{"vars": {"name": name}} for name in ("Ann", "Bob")]))
    offered(len(found) == 2, "the first line is no head", answer)
    answer.require(last.get("accepted") == 2, "not all are accepted")
    if server.contents(channel) != [b"Hi Ann", b"Hi Bob"]:
        raise Fails("the payloads are not filled in")
    server.refuse(text_of([dict(shared, defaults=[]), item(channel)]), headers=LINES)
    if len(server.contents(channel)) != 2:
        raise Fails("something is sent without its head")


@clause("jindou.lines.atomic", "docs/batch.md, All or none",
        "Of lines ?atomic=true sends all or none: a bad line is a 400 and nothing is sent; sound ones "
        "are answered a line each.")
def atomic(server):
    channel = fresh("group")
    sound = [item(channel, "m%d" % n) for n in range(2)]
    answer = server.batch(text_of(sound + ["{"]), query="atomic=true", headers=LINES)
    offered(answer.status == 400, "it is answered %d" % answer.status, answer)
    if server.contents(channel):
        raise Fails("a part of the batch is sent")
    answer, found, last = stream(server, text_of(sound), query="atomic=true")
    answer.require(len(found) == 2 and last.get("accepted") == 2, "not both are accepted")
    if server.contents(channel) != [b"m0", b"m1"]:
        raise Fails("what is stored is not the two")


@clause("jindou.lines.key", "docs/batch.md, Repeats of a whole request",
        "Lines with an Idempotency-Key are sent once: a repeat gets the first answer, with the header "
        "Idempotency-Replay: true.")
def keyed(server):
    channel, headers = fresh("group"), dict(LINES, **{"Idempotency-Key": fresh("key")})
    first, _, _ = stream(server, text_of([item(channel, "once")]), headers=headers)
    second, _, _ = stream(server, text_of([item(channel, "once")]), headers=headers)
    offered(second.headers.get("idempotency-replay") == "true", "the header is not looked at",
            second)
    second.require(second.body == first.body, "the answer is another one")
    if server.contents(channel) != [b"once"]:
        raise Fails("the message is not stored once")


@clause("jindou.lines.vars", PAGE, "Lines may have vars, which fill in the payload of their line.")
def variables(server):
    channel = fresh("group")
    answer, found, _ = stream(server, text_of(
        [item(channel, "Hi {{name}}", vars={"name": name}) for name in ("Ann", "Bob")]))
    answer.require(all(each.get("message_id") for each in found), "not all are accepted")
    if server.contents(channel) != [b"Hi Ann", b"Hi Bob"]:
        raise Fails("the payloads are not filled in")
