"""What Jindou promises about batches that fail in part, repeats, and members of its own."""

import json

from contract import Fails, clause, offered
from jindou_items import ARRAY, CONFLICT, EACH, REPEATS, SENDBATCH, one_denied, taken
from target import GROUP, PERSON, READER, fresh, item

OBJECT_FORM = "docs/api.md, Object form"
COMMANDS = "docs/api.md, Commands"


def duplicates(answer, count):
    """The elements of a repeated batch; not offered when they do not say that they are repeats."""
    found = answer.elements(count)
    offered(any("duplicate" in each for each in found), "elements of a repeat have no duplicate",
            answer)
    return found


# Partial failure.


@clause("jindou.partial.element", EACH,
        "A failed item keeps its place: message_id 0, message_idstr \"0\", message_seq 0, its "
        "client_msg_no, a reason, code, msg and retriable.")
def failed_element(server):
    _, answer, elements, _ = one_denied(server)
    failed = elements[1]
    offered("code" in failed, "the element of a failed item has no code", answer)
    answer.require((failed.get("message_id"), failed.get("message_idstr"),
                    failed.get("message_seq"), failed.get("client_msg_no"))
                   == (0, "0", 0, "b"), "the ids or the client_msg_no are others")
    answer.require((failed.get("reason"), failed["code"], failed.get("retriable"))
                   == (4, "denied", False), "reason, code, retriable are not 4, denied, false")
    answer.require(failed.get("msg"), "msg is missing")


@clause("jindou.partial.header", EACH,
        "The header X-Batch-Failed counts the failed items, and is not there when none failed.")
def failed_header(server):
    _, answer, _, _ = one_denied(server)
    offered("x-batch-failed" in answer.headers, "there is no such header", answer)
    answer.require(answer.headers["x-batch-failed"] == "1", "it is not 1")
    whole = server.batch([item(fresh("group"))])
    whole.require("x-batch-failed" not in whole.headers, "it is there when nothing failed")


@clause("jindou.partial.finish", REPEATS,
        "Posting the same body again finishes a batch: what was stored answers its first ids with "
        "duplicate true, the rest is sent.")
def finish(server):
    items, _, first, (good, closed) = one_denied(server)
    server.setup("/channel/blacklist_remove", {"channel_id": closed, "channel_type": GROUP,
                                               "uids": [items[1]["from_uid"]]})
    answer = server.batch(items)
    again = duplicates(answer, 3)
    answer.require([each.get("duplicate", False) for each in again] == [True, False, True],
                   "the first and the third are repeats, the second is not")
    answer.require([again[n]["message_id"] for n in (0, 2)]
                   == [first[n]["message_id"] for n in (0, 2)], "the repeats have other ids")
    answer.require(server.contents(good) == [b"a", b"c"] and server.contents(closed) == [b"b"],
                   "the batch is not stored once and whole")


@clause("jindou.partial.all-denied", EACH,
        "When all items are refused for want of permission the 403 has their elements under items.")
def all_denied(server):
    channel, sender = fresh("group"), fresh("sender")
    server.deny(channel, sender)
    answer = server.batch([item(channel, from_uid=sender, client_msg_no=number)
                           for number in ("a", "b")]).require_status(403)
    found = answer.json().get("items")
    offered(found is not None, "the 403 has no items", answer)
    answer.require([(each["client_msg_no"], each["message_id"], each["reason"]) for each in found]
                   == [("a", 0, 4), ("b", 0, 4)], "items are not the two elements")


# Repeats.


@clause("jindou.repeat.same-ids", REPEATS,
        "A repeat answers the first message_id and message_seq, with duplicate true.")
def same_ids(server):
    items = [item(fresh("group"), client_msg_no=fresh("n")) for _ in range(3)]
    first = server.accept(items)
    again = duplicates(server.batch(items), 3)
    if [(each["message_id"], each["message_seq"], each["duplicate"]) for each in again] != [
            (each["message_id"], each["message_seq"], True) for each in first]:
        raise Fails("the repeat answers %r after %r" % (again, first))


@clause("jindou.repeat.scope", REPEATS,
        "A client_msg_no counts for its sender and its channel: of another it is another message.")
def scope(server):
    channel, number = fresh("group"), fresh("n")
    found = server.accept([
        item(channel, client_msg_no=number), item(fresh("group"), client_msg_no=number),
        item(channel, client_msg_no=number, from_uid=fresh("sender"))])
    if len({each["message_id"] for each in found}) != 3:
        raise Fails("messages of other senders or channels count as repeats")


@clause("jindou.repeat.conflict", REPEATS,
        "The same client_msg_no with another payload is a conflict: reason 11, code conflict; a "
        "batch of nothing else is a 400, and nothing is stored.")
def conflict(server):
    channel, number = fresh("group"), fresh("n")
    server.accept([item(channel, "first", client_msg_no=number)])
    mixed = server.batch([item(channel, "second", client_msg_no=number), item(channel, "third")])
    offered(mixed.status == 200, "it is answered %d" % mixed.status, mixed)
    element = mixed.elements(2)[0]
    offered(not element.get("message_id"), "another payload is sent or counts as a repeat", mixed)
    mixed.require((element.get("reason"), element.get("code")) == (CONFLICT, "conflict"),
                  "reason and code are others")
    server.refuse([item(channel, "second", client_msg_no=number)])
    if server.contents(channel) != [b"first", b"third"]:
        raise Fails("something else than the two sound messages is stored")


@clause("jindou.repeat.inside", SENDBATCH,
        "Repeats inside one batch are repeats, too.")
def repeats_inside(server):
    channel, number = fresh("group"), fresh("n")
    answer = server.batch([item(channel, client_msg_no=number)] * 2)
    first, second = duplicates(answer, 2)
    answer.require(first["message_id"] == second["message_id"] and second.get("duplicate") is True
                   and not first.get("duplicate"), "the second is not a repeat of the first")
    answer.require(len(server.contents(channel)) == 1, "it is not stored once")


@clause("jindou.repeat.send", "docs/api.md, POST /message/send",
        "POST /message/send with the same client_msg_no answers the same message.")
def repeat_by_send(server):
    sent = item(fresh("group"), client_msg_no=fresh("n"))
    element = server.accept([sent])[0]
    answer = server.post("/message/send", sent)
    offered(answer.status == 200 and answer.json().get("duplicate"),
            "POST /message/send does not say that it is a repeat", answer)
    answer.require(answer.json().get("message_id") == element["message_id"], "it has another id")


# Members.


@clause("jindou.item.payload-json", ARRAY,
        "payload may be an object or an array, which is stored as its compact text.")
def payload_json(server):
    channel = fresh("group")
    text = '{"type": 1, "content": "hi \\u00e9", "n": [1, 2.5, null]}'
    body = json.dumps([dict(item(channel), payload=0), dict(item(channel), payload=[1, "x"])])
    answer = server.batch(body.replace('"payload": 0', '"payload": ' + text, 1))
    offered(answer.status == 200, "an object as payload is answered %d" % answer.status, answer)
    found = server.contents(channel)
    if [json.loads(each) for each in found] != [json.loads(text), [1, "x"]] or any(
            b" " in each.replace(b"hi ", b"") for each in found):
        raise Fails("stored is %r" % found)


@clause("jindou.item.flags-beside", "docs/api.md, POST /message/send",
        "The flags may also stand beside header; either place switches on.")
def flags_beside(server):
    channel = fresh("group")
    server.accept([item(channel, "gone", no_persist=1),
                   item(channel, "gone, too", no_persist=0, header={"no_persist": 1}),
                   item(channel, "kept", no_persist=0)])
    found = server.contents(channel)
    offered(b"gone" not in found, "a flag beside header has no effect")
    if found != [b"kept"]:
        raise Fails("stored is %r" % found)


@clause("jindou.item.sender_uid", SENDBATCH,
        "sender_uid is the same as from_uid, where that is blank.")
def sender_uid(server):
    channel, sender, other = fresh("group"), fresh("sender"), fresh("sender")
    taken(server, [item(channel, from_uid="", sender_uid=sender),
                   item(channel, from_uid=other, sender_uid=sender)], "from_uid has to be given")
    found = [each.get("from_uid") for each in server.stored(channel)]
    offered(found[0] == sender, "sender_uid is not looked at")
    if found[1] != other:
        raise Fails("the second message is from %r, not from its from_uid" % found[1])


@clause("jindou.item.carried", "docs/api.md, The message object",
        "topic and stream_no are carried to who reads the message.")
def carried(server):
    channel, stream = fresh("group"), fresh("stream")
    server.accept([item(channel, topic="主题"), item(channel, stream_no=stream)])
    first, second = server.stored(channel)
    offered("topic" in first and "stream_no" in second, "messages are read without them")
    if (first["topic"], second["stream_no"]) != ("主题", stream):
        raise Fails("read are %r and %r" % (first["topic"], second["stream_no"]))


@clause("jindou.item.subscribers-read", SENDBATCH,
        "A message with subscribers is read by these users and the sender, and by nobody else.")
def subscribers_read(server):
    channel, sender, named = fresh("group"), fresh("sender"), fresh("user")
    server.accept([item(channel, "for one", from_uid=sender, subscribers=[named])])
    offered(b"for one" not in server.contents(channel, GROUP, READER), "others read it, too")
    for reader in (named, sender):
        if b"for one" not in server.contents(channel, GROUP, reader):
            raise Fails("%s does not read it" % reader)


@clause("jindou.item.command-log", SENDBATCH,
        "Commands are in a log beside that of their channel, with seqs of their own.")
def command_log(server):
    channel = fresh("group")
    found = server.accept([item(channel, "a", header={"sync_once": 1}), item(channel, "b"),
                           item(channel, "c", header={"sync_once": 1})])
    offered(server.contents(channel) == [b"b"], "commands are among the messages of the channel")
    seqs = [each.get("message_seq") for each in found]
    offered(seqs[0] != 0, "commands have no seqs")
    if seqs != [1, 1, 2]:
        raise Fails("the seqs are %r" % seqs)


@clause("jindou.item.command-sync", COMMANDS,
        "A command to a list of users is fetched by these users with POST /message/sync, and not "
        "again once it is acknowledged.")
def command_sync(server):
    channel, user, other = fresh("group"), fresh("user"), fresh("user")
    element = server.accept([item(channel, header={"sync_once": 1}, subscribers=[user])])[0]

    def fetched(uid):
        answer = server.post("/message/sync", {"uid": uid, "limit": 10})
        offered(answer.status == 200, "POST /message/sync is answered %d" % answer.status, answer)
        return [each.get("message_id") for each in answer.json()]

    offered(fetched(user) == [element["message_id"]], "the user does not find the command")
    if fetched(other):
        raise Fails("another user finds a command")
    server.setup("/message/syncack", {"uid": user, "last_message_seq": element["message_seq"]})
    if fetched(user):
        raise Fails("the command is there after it was acknowledged")


# The object form.


@clause("jindou.object.once", OBJECT_FORM,
        "A user who is named twice gets the message once.")
def object_once(server):
    sender, user = fresh("sender"), fresh("user")
    body = {"from_uid": sender, "subscribers": [user, user], "payload": "aGk="}
    answer = server.batch(body)
    offered(answer.status == 200, "the object form is answered %d" % answer.status, answer)
    offered(server.contents(sender, PERSON, user) == [b"hi"], "it is there twice", answer)


@clause("jindou.object.repeat", OBJECT_FORM,
        "With a client_msg_no the object form is repeatable: nobody gets the message twice, and "
        "the answer is the same. Optional members of an item count for each message.")
def object_repeat(server):
    sender, user, number = fresh("sender"), fresh("user"), fresh("n")
    body = {"from_uid": sender, "subscribers": [user], "payload": "aGk=", "client_msg_no": number,
            "expire": 3600}
    first, second = server.batch(body), server.batch(body)
    offered(first.status == 200, "the object form is answered %d" % first.status, first)
    found = server.stored(sender, PERSON, user)
    offered(found[0].get("client_msg_no") == number, "client_msg_no is not taken", first)
    second.require((second.status, second.json()) == (200, first.json()),
                   "the repeat is answered otherwise")
    if len(found) != 1 or found[0].get("expire") != 3600:
        raise Fails("stored is %r" % found)
