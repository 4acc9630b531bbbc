"""Choices that a request makes: all or none, up to the first failure, without sending or waiting;
and requests that are repeated under an Idempotency-Key."""

import threading

from contract import Fails, clause, offered
from jindou_items import SENDBATCH
from target import fresh, item

KEYS = "docs/batch.md, Repeats of a whole request"


def denied_third(server):
    """Four items to four channels, of which the third may not be sent to; items, channels."""
    channels, sender = [fresh("group") for _ in range(4)], fresh("sender")
    server.deny(channels[2], sender)
    return [item(channel, "x", from_uid=sender, client_msg_no="n%d" % n)
            for n, channel in enumerate(channels)], channels


def counts(server, channels):
    return [len(server.contents(channel)) for channel in channels]


# All or none.


@clause("jindou.atomic.none", "docs/batch.md, All or none",
        "With ?atomic=true one refused item keeps all from being sent: the answer is an error with "
        "that item and its index under items.")
def atomic_none(server):
    items, channels = denied_third(server)
    answer = server.batch(items, query="atomic=true")
    offered(answer.status != 200, "a part of the batch is sent", answer)
    answer.require_status(403)
    found = [(each.get("index"), each.get("client_msg_no"), each.get("code"))
             for each in answer.json().get("items", [])]
    answer.require(found == [(2, "n2", "denied")], "items are not the refused item")
    stored = counts(server, channels)
    answer.require(stored == [0] * 4, "the channels have %r messages" % stored)


@clause("jindou.atomic.all", "docs/batch.md, All or none",
        "With ?atomic=true a sound batch is stored as a whole, over any number of channels, and "
        "answered as ever; a repeat answers the first ids.")
def atomic_all(server):
    atomic_none(server)
    channels = [fresh("group") for _ in range(50)]
    items = [item(channel, client_msg_no="n%d" % n) for n, channel in enumerate(channels)]
    first = server.batch(items, query="atomic=true").elements(50)
    answer = server.batch(items, query="atomic=true")
    again = answer.elements(50)
    answer.require([each["message_id"] for each in again] == [each["message_id"] for each in first]
                   and all(each.get("duplicate") is True for each in again),
                   "the repeat has other ids or is none")
    stored = counts(server, channels[::10])
    answer.require(stored == [1] * 5, "five of the channels have %r messages" % stored)


# Up to the first failure.


@clause("jindou.on_error.stop", "docs/batch.md, Up to the first failure",
        "With ?on_error=stop the items before the first one that fails are sent, and those behind "
        "it are refused with the code skipped, worth a repeat.")
def stop(server):
    items, channels = denied_third(server)
    answer = server.batch(items, query="on_error=stop")
    answer.require_status(200)
    found = answer.elements(4)
    offered(found[3].get("code") == "skipped", "the item behind the failed one is sent", answer)
    answer.require([bool(each["message_id"]) for each in found] == [True, True, False, False],
                   "the first two are not those that were sent")
    answer.require(found[2].get("code") == "denied" and found[3].get("retriable") is True,
                   "the failed item is not denied, or the skipped one not retriable")
    answer.require(answer.headers.get("x-batch-failed") == "2", "X-Batch-Failed is not 2")
    stored = counts(server, channels)
    answer.require(stored == [1, 1, 0, 0], "the channels have %r messages" % stored)


# Only in its place.


@clause("jindou.if_last_seq", "docs/batch.md, Only in its place",
        "With if_last_seq an item is sent only while that is the last message_seq of its channel. "
        "Items in front of it count; the refused one has the code conflict, the reason 101 and "
        "last_seq, and a repeat of a stored one answers its first ids.")
def if_last_seq(server):
    group = fresh("group")
    items = [item(group, client_msg_no="n%d" % n, if_last_seq=seq)
             for n, seq in enumerate((0, 1, 1))]
    first = server.batch(items)
    found = first.elements(3)
    offered(found[2]["message_id"] == 0, "what is not in its place is sent", first)
    first.require([each["message_seq"] for each in found] == [1, 2, 0], "the seqs are others")
    first.require([found[2].get(name) for name in ("code", "reason", "last_seq", "retriable")]
                  == ["conflict", 101, 2, False], "the third is refused otherwise")
    answer = server.batch(items)
    again = answer.elements(3)
    answer.require([each["message_id"] for each in again] ==
                   [each["message_id"] for each in found], "the repeat has other ids")
    stored = counts(server, [group])
    answer.require(stored == [2], "the channel has %r messages" % stored)


# Without sending, without waiting.


@clause("jindou.dry_run.answer", "docs/batch.md, Without sending",
        "?dry_run=true answers an element for each item as it would be answered, with bytes, "
        "receivers, online and offline where it would be sent, and the sums in total.")
def dry_run(server):
    items, channels = denied_third(server)
    members = [fresh("member"), fresh("member")]
    server.setup("/channel/subscriber_add",
                 {"channel_id": channels[0], "channel_type": 2, "subscribers": members})
    answer = server.batch(items, query="dry_run=true").require_status(200)
    found = answer.json()
    offered(isinstance(found, dict) and found.get("dry_run") is True, "the batch is sent", answer)
    first, _, third, _ = found["items"]
    answer.require((first.get("bytes"), first.get("receivers"), first.get("online"),
                    first.get("offline")) == (1, 2, 0, 2),
                   "bytes, receivers, online, offline of the first are not 1, 2, 0, 2")
    answer.require(third.get("code") == "denied" and "receivers" not in third,
                   "the third is not refused")
    total = found["total"]
    answer.require((total.get("items"), total.get("accepted"), total.get("refused"),
                    total.get("bytes")) == (4, 3, 1, 3), "total is not the sum")


@clause("jindou.dry_run.nothing", "docs/batch.md, Without sending",
        "With ?dry_run=true nothing is stored, and no client_msg_no counts as used.")
def dry_run_stores_nothing(server):
    channel, number = fresh("group"), fresh("n")
    answer = server.batch([item(channel, "first", client_msg_no=number)], query="dry_run=true")
    offered(answer.status == 200 and isinstance(answer.json(), dict), "the batch is sent", answer)
    server.accept([item(channel, "second", client_msg_no=number)])
    if server.contents(channel) != [b"second"]:
        raise Fails("a dry run leaves something behind")


@clause("jindou.ack.received", "docs/batch.md, Without waiting",
        "?ack=received answers 202 with client_msg_no and the state received for each item; the "
        "items are sent.")
def ack_received(server):
    channel, numbers = fresh("group"), ["a", "b"]
    answer = server.batch([item(channel, number, client_msg_no=number) for number in numbers],
                          query="ack=received")
    offered(answer.status == 202, "it is answered %d" % answer.status, answer)
    answer.require(answer.json() == [{"client_msg_no": number, "state": "received"}
                                     for number in numbers], "the answer has other elements")
    if server.contents(channel) != [b"a", b"b"]:
        raise Fails("the items are not sent")


@clause("jindou.choices.values", SENDBATCH,
        "Other values of these parameters, and choices that exclude each other, are a 400; nothing "
        "is sent.")
def values_of_choices(server):
    channel = fresh("group")
    for query in ("atomic=yes", "on_error=halt", "dry_run=perhaps", "ack=soon",
                  "atomic=true&on_error=stop", "ack=received&atomic=true",
                  "ack=received&dry_run=true"):
        answer = server.batch([item(channel)], query=query)
        offered(answer.status == 400, "?%s is answered %d" % (query, answer.status), answer)
    if server.contents(channel):
        raise Fails("a message of a request that was answered with 400 is stored")


@clause("jindou.choices.fields", "docs/batch.md, Choices in the header",
        "A choice may be a header field, Jindou- and its name; one that contradicts the query is a "
        "400. Jindou-Applied names the choices that counted, and ack.")
def choices_in_fields(server):
    channel = fresh("group")
    answer = server.batch([item(channel)], headers={"Jindou-Dry-Run": "true"})
    offered(answer.status == 200 and isinstance(answer.json(), dict), "the batch is sent", answer)
    answer.require(answer.headers.get("jindou-applied") == "dry_run=true",
                   "Jindou-Applied is not dry_run=true")
    server.refuse([item(channel)], query="dry_run=false", headers={"Jindou-Dry-Run": "true"})
    if server.contents(channel):
        raise Fails("a message is stored")
    plain = server.batch([item(channel)])
    plain.require(plain.headers.get("jindou-applied") == "ack=synced",
                  "Jindou-Applied is not ack=synced")


# Idempotency-Key.


def keyed(server, body, key, **options):
    return server.batch(body, headers={"Idempotency-Key": key}, **options)


@clause("jindou.key.replay", KEYS,
        "A request with the key of one that was answered gets that answer, with the header "
        "Idempotency-Replay: true; nothing is sent, whether items have a client_msg_no or not.")
def replay(server):
    channel, key = fresh("group"), fresh("key")
    items = [item(channel, "one"), item(channel, "two", client_msg_no="mine")]
    first, second = keyed(server, items, key), keyed(server, items, key)
    first.elements(2)
    offered(second.headers.get("idempotency-replay") == "true", "the header is not looked at",
            second)
    first.require("idempotency-replay" not in first.headers, "the first says that it is a repeat")
    second.require((second.status, second.body) == (first.status, first.body),
                   "the answer is another one")
    if server.contents(channel) != [b"one", b"two"]:
        raise Fails("the messages are not stored once")


@clause("jindou.key.another", KEYS,
        "The key with another body or query is answered 422, and nothing is sent.")
def another_request(server):
    replay(server)
    channel, key = fresh("group"), fresh("key")
    keyed(server, [item(fresh("group"))], key).elements(1)
    keyed(server, [item(channel)], key).require_status(422)
    body = [item(channel)]
    key = fresh("key")
    keyed(server, body, key).elements(1)
    keyed(server, body, key, query="atomic=true").require_status(422)
    if server.contents(channel) != [b"hello"]:
        raise Fails("a message of a request that was answered with 422 is stored")


@clause("jindou.key.concurrent", KEYS,
        "Of requests with one key at the same time one is carried out; the others are answered 409 "
        "with Retry-After, or as it.")
def concurrent_keys(server):
    replay(server)
    channel, key = fresh("group"), fresh("key")
    items, answers = [item(channel, str(n)) for n in range(100)], []
    threads = [threading.Thread(target=lambda: answers.append(keyed(server, items, key)))
               for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(answers) != 4:
        raise Fails("%d of 4 requests were answered" % len(answers))
    bodies = set()
    for answer in answers:
        answer.require_status(200, 409)
        if answer.status == 200:
            bodies.add(answer.body)
        else:
            answer.require("retry-after" in answer.headers, "the 409 has no Retry-After")
    if len(bodies) != 1 or len(server.contents(channel)) != 100:
        raise Fails("%d different answers with the status 200, %d of 100 messages"
                    % (len(bodies), len(server.contents(channel))))


@clause("jindou.key.refused", "docs/api.md, Idempotency-Key",
        "A body that is refused as a whole takes no key; a key with blanks or of more than 255 "
        "characters is a 400.")
def refused_keys(server):
    replay(server)
    channel, key = fresh("group"), fresh("key")
    keyed(server, [item(channel, payload="***")], key).require_status(400)
    keyed(server, [item(channel)], key).elements(1)
    for bad in ("two words", "x" * 256):
        keyed(server, [item(channel)], bad).require_status(400)
    if server.contents(channel) != [b"hello"]:
        raise Fails("a message of a request that was answered with 400 is stored")


@clause("jindou.key.send", "docs/api.md, Idempotency-Key", "POST /message/send takes the header, too.")
def key_of_send(server):
    channel, headers = fresh("group"), {"Idempotency-Key": fresh("key")}
    for _ in range(2):
        answer = server.post("/message/send", item(channel), headers=headers)
    offered(answer.headers.get("idempotency-replay") == "true", "the header is not looked at",
            answer)
    answer.require(len(server.contents(channel)) == 1, "the message is stored twice")
