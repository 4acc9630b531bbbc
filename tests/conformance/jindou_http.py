"""What Jindou promises about HTTP itself on the way to the endpoint: limits, methods, codings."""

import json

from contract import Fails, Unchecked, clause, offered
from jindou_items import EVERY_ENDPOINT, LIMITS
from target import SENDBATCH as PATH
from target import fresh, item

HTTP_LIMITS = "docs/api.md, HTTP limits"
LARGEST_BODY_LIMIT = 2**30
ITEMS_LIMIT = 1000


@clause("jindou.limit.items", LIMITS,
        "A batch has at most 1000 items, unless it is configured; more is a 400, and nothing is "
        "sent.")
def limit_of_items(server):
    channel = fresh("group")
    answer = server.batch([item(channel, str(n)) for n in range(ITEMS_LIMIT + 1)])
    if answer.status == 200:
        raise Unchecked("a batch of %d is taken: the limit is another one" % (ITEMS_LIMIT + 1))
    answer.require_status(400)
    if server.contents(channel):
        raise Fails("a part of the batch is stored")
    answer = server.batch([item(channel, str(n)) for n in range(ITEMS_LIMIT)])
    if answer.status == 400:
        raise Unchecked("a batch of %d is refused: the limit is another one" % ITEMS_LIMIT)
    seqs = [each.get("message_seq") for each in answer.elements(ITEMS_LIMIT)]
    answer.require(seqs == sorted(set(seqs)), "the seqs of %d items do not rise" % ITEMS_LIMIT)


@clause("jindou.limit.body", LIMITS,
        "A body over the limit is answered 413 before it is read.")
def limit_of_body(server):
    answer = server.announce({"Content-Length": str(LARGEST_BODY_LIMIT + 1)})
    offered(answer is not None and answer.status == 413,
            "an announced body of 1 GiB is not answered 413", answer)


@clause("jindou.http.method", EVERY_ENDPOINT,
        "Another method than POST is answered 405, with POST in the header Allow.")
def methods(server):
    for method in ("GET", "PUT", "DELETE"):
        answer = server.request(method, PATH)
        offered(answer.status == 405, "%s is answered %d" % (method, answer.status), answer)
        answer.require("POST" in answer.headers.get("allow", ""), "Allow does not name POST")


@clause("jindou.http.chunked", HTTP_LIMITS,
        "A body may come in chunks, without a Content-Length.")
def chunked(server):
    channel = fresh("group")
    try:
        answer = server.batch([item(channel, "in chunks")], chunked=True)
    except Fails as failure:  # closed without an answer, by a server that does not know chunks
        offered(failure.answer is None or failure.answer.status is not None, failure.why,
                failure.answer)
        raise
    offered(answer.status == 200, "it is answered %d" % answer.status, answer)
    if server.contents(channel) != [b"in chunks"]:
        raise Fails("the message is not stored")


@clause("jindou.http.expect", HTTP_LIMITS,
        "Expect: 100-continue, which curl sends with large bodies, is answered; any other "
        "expectation is 417.")
def expect(server):
    answer = server.announce({"Content-Length": "2", "Expect": "something-else"})
    offered(answer is not None and answer.status == 417, "it is not answered 417", answer)
    server.accept([item(fresh("group"))], headers={"Expect": "100-continue"})


@clause("jindou.http.coding", HTTP_LIMITS,
        "A Content-Encoding that the server does not know is answered 415.")
def unknown_coding(server):
    answer = server.batch([item(fresh("group"))], headers={"Content-Encoding": "x-unheard-of"})
    offered(answer.status == 415, "it is answered %d" % answer.status, answer)


@clause("jindou.http.escapes", EVERY_ENDPOINT,
        "JSON may escape whatever it likes: the same text is the same id and number.")
def escapes(server):
    channel, number = fresh("group"), fresh("n")
    plain = json.dumps([item(channel, client_msg_no=number)])
    escaped = plain.replace("conformance", "\\u0063onformance")
    first = server.batch(plain).elements(1)[0]
    second = server.batch(escaped).elements(1)[0]
    offered(first["message_id"] == second["message_id"], "a repeat is another message")
    if second.get("client_msg_no") != number:
        raise Fails("the number is answered as %r" % second.get("client_msg_no"))
