"""What becomes of messages after a batch: edits, recalls, the trace of a message; and the list of
conversations of their sender."""

import base64
import json

from contract import Fails, clause, offered
from target import GROUP, PERSON, base64_of, fresh, item

PAGE = "docs/batch.md, Edit and recall"
OWN_LIST = "docs/batch.md, The sender's own list"
EDIT, RECALL = "/message/edit", "/message/recall"


def change(server, path, channel, number, **members):
    """The answer to an edit or a recall of the message of a group with this client_msg_no."""
    answer = server.post(path, dict(members, channel_id=channel, channel_type=GROUP,
                                    client_msg_no=number))
    offered(answer.status not in (404, 405, 501), "there is no POST " + path, answer)
    return answer


def payloads(server, channel):
    return [(base64.b64decode(each.get("payload", "")), each.get("revoke", 0))
            for each in server.stored(channel)]


# Edit.


@clause("jindou.edit.payload", PAGE,
        "A message can be given another payload, by its message_id, or by its channel and "
        "client_msg_no or message_seq; what is answered is its ids and an edit_version, and history "
        "has the new payload.")
def edit(server):
    channel = fresh("group")
    sent = server.accept([item(channel, "old", client_msg_no="n")])[0]
    place = {"channel_id": channel, "channel_type": GROUP}
    for version, named in enumerate((dict(place, client_msg_no="n"),
                                     {"message_id": sent["message_id"]},
                                     dict(place, message_seq=sent["message_seq"])), 1):
        answer = server.post(EDIT, dict(named, payload=base64_of("new %d" % version)))
        offered(answer.status not in (404, 405, 501), "there is no POST " + EDIT, answer)
        answer.require_status(200)
        answer.require([answer.json().get(name) for name in (
            "message_id", "message_seq", "edit_version")]
            == [sent["message_id"], sent["message_seq"], version],
            "message_id, message_seq or edit_version are others")
        if payloads(server, channel)[0] != (b"new %d" % version, 0):
            raise Fails("the payload in the history is another one")


@clause("jindou.edit.version", PAGE,
        "With if_version an edit that somebody else was faster with is answered 409; without it the "
        "last edit stays.")
def edit_version(server):
    channel = fresh("group")
    server.accept([item(channel, "old", client_msg_no="n")])
    for text, members, status in (("first", {"if_version": 0}, 200),
                                  ("late", {"if_version": 0}, 409), ("last", {}, 200)):
        change(server, EDIT, channel, "n", payload=base64_of(text), **members) \
            .require_status(status)
    if payloads(server, channel) != [(b"last", 0)]:
        raise Fails("the payload in the history is not that of the last edit")


@clause("jindou.edit.repeat", PAGE,
        "An edit may be repeated: what is done already is answered with duplicate true. The batch, "
        "too: it is recognised by the payload that it was sent with.")
def edit_repeat(server):
    channel = fresh("group")
    items = [item(channel, "old", client_msg_no="n")]
    sent = server.accept(items)[0]
    for duplicate in (False, True):
        answer = change(server, EDIT, channel, "n", payload=base64_of("new")).require_status(200)
        answer.require((answer.json().get("duplicate", False), answer.json().get("edit_version"))
                       == (duplicate, 1), "duplicate or edit_version are others")
    again = server.batch(items)
    again.require([(each.get("message_id"), each.get("duplicate")) for each in again.elements(1)]
                  == [(sent["message_id"], True)], "the batch is not recognised")
    if payloads(server, channel) != [(b"new", 0)]:
        raise Fails("the history is not the edited message alone")


# Recall.


@clause("jindou.recall.content", PAGE,
        "A recall takes a message back: nothing is kept of its content, its place in history is. It "
        "may be repeated, with duplicate true; the message is not edited any more.")
def recall(server):
    channel = fresh("group")
    sent, _ = server.accept([item(channel, "secret", client_msg_no="n"), item(channel, "next")])
    for duplicate in (False, True):
        answer = change(server, RECALL, channel, "n", operator_uid="admin").require_status(200)
        answer.require((answer.json().get("message_id"), answer.json().get("message_seq"),
                        answer.json().get("duplicate", False))
                       == (sent["message_id"], 1, duplicate), "the ids or duplicate are others")
    change(server, EDIT, channel, "n", payload=base64_of("new")).require_status(409)
    if payloads(server, channel) != [(b"{}", 1), (b"next", 0)]:
        raise Fails("the history is not the recalled message, empty, and the next one")


@clause("jindou.recall.told", PAGE,
        "Clients that are not online are told of a recall with the next /message/sync.")
def recall_told(server):
    channel, user = fresh("group"), fresh("user")
    server.setup("/channel", {"channel_id": channel, "channel_type": GROUP, "subscribers": [user]})
    sent = server.accept([item(channel, client_msg_no="n")])[0]
    change(server, RECALL, channel, "n").require_status(200)
    answer = server.post("/message/sync", {"uid": user, "limit": 10}).require_status(200)
    told = [json.loads(base64.b64decode(each["payload"])) for each in answer.json()]
    answer.require([(each.get("cmd"), each.get("param", {}).get("message_id")) for each in told]
                   == [("messageRevoke", str(sent["message_id"]))],
                   "there is no command messageRevoke of the message")


def conversations(server, uid):
    """(channel_id, unread) of the conversations of a user."""
    answer = server.post("/conversation/sync", {"uid": uid})
    offered(answer.status not in (404, 405, 501), "there is no POST /conversation/sync", answer)
    answer.require_status(200)
    return [(each.get("channel_id"), each.get("unread")) for each in answer.json()]


@clause("jindou.recall.unread", PAGE, "A recalled message does not count as unread any more.")
def recall_unread(server):
    sender, user = fresh("sender"), fresh("user")
    sent = server.accept([item(user, "one", from_uid=sender, channel_type=PERSON),
                          item(user, "two", from_uid=sender, channel_type=PERSON)])
    offered(conversations(server, user) == [(sender, 2)], "unread does not count the two messages")
    answer = server.post(RECALL, {"message_id": sent[1]["message_id"]})
    offered(answer.status not in (404, 405, 501), "there is no POST " + RECALL, answer)
    if conversations(server, user) != [(sender, 1)]:
        raise Fails("the conversations of the receiver are %r" % conversations(server, user))


# Trace.


@clause("jindou.trace.message", PAGE,
        "GET /message/trace tells what has become of a message: committed, edited, recalled, each "
        "with its time, who receives it and to whom it was pushed.")
def trace(server):
    channel, user = fresh("group"), fresh("user")
    server.setup("/channel", {"channel_id": channel, "channel_type": GROUP, "subscribers": [user]})
    sent = server.accept([item(channel, client_msg_no="n")])[0]
    for state, kinds, path, members in (
            ("stored", [], EDIT, {"payload": base64_of("new")}), ("stored", ["edit"], RECALL, {}),
            ("recalled", ["edit", "recall"], None, {})):
        answer = server.get("/message/trace", channel_id=channel, channel_type=GROUP,
                            client_msg_no="n")
        offered(answer.status not in (404, 405, 501), "there is no GET /message/trace", answer)
        answer.require_status(200)
        found = answer.json()
        answer.require((found.get("state"), found.get("message_id"), found.get("message_seq"))
                       == (state, sent["message_id"], 1), "state or ids are others")
        answer.require([each.get("kind") for each in found.get("changes", [])] == kinds
                       and all(each.get("at") for each in found.get("changes", []))
                       and found.get("committed_at"), "the changes and their times are others")
        if state == "stored":
            answer.require([each.get("uid") for each in found["receivers"].get("listed", [])]
                           == [user] and found["pushes"].get("devices") == 0,
                           "the receiver, or that nobody was pushed to, is not told")
        if path is not None:
            change(server, path, channel, "n", operator_uid="admin", **members) \
                .require_status(200)


# The sender's own list.


@clause("jindou.sender_conversation.query", OWN_LIST,
        "With ?sender_conversation=false the messages are nothing to the sender's list of "
        "conversations; the receivers have them, and so has the sender's history.")
def sender_conversation(server):
    sender, users = fresh("sender"), [fresh("user"), fresh("user")]
    items = [item(user, from_uid=sender, channel_type=PERSON) for user in users]
    found = server.batch(items, query="sender_conversation=false").elements(2)
    if not all(each.get("message_id") for each in found):
        raise Fails("the messages are not sent")
    for user in users:
        if conversations(server, user) != [(sender, 1)]:
            raise Fails("a receiver does not have the conversation")
        if len(server.history(user, PERSON, sender)) != 1:
            raise Fails("the history of the sender does not have the message")
    offered(conversations(server, sender) == [], "the sender has the conversations")
    server.accept([item(sender, "answer", from_uid=users[0], channel_type=PERSON)])
    if conversations(server, sender) != [(users[0], 1)]:
        raise Fails("after an answer the sender has %r" % conversations(server, sender))


@clause("jindou.sender_conversation.member", OWN_LIST,
        "sender_conversation is a member of an item or of the defaults, too, for these alone.")
def sender_conversation_member(server):
    sender_conversation(server)
    sender, users = fresh("sender"), [fresh("user") for _ in range(3)]
    server.batch({"defaults": {"from_uid": sender, "channel_type": PERSON, "payload": ["hi"],
                               "sender_conversation": False},
                  "items": [{"channel_id": users[0]},
                            {"channel_id": users[1], "sender_conversation": True}]}).elements(2)
    server.batch([item(users[2], from_uid=sender, channel_type=PERSON,
                       sender_conversation=False)]).elements(1)
    if conversations(server, sender) != [(users[1], 0)]:
        raise Fails("the sender has %r" % conversations(server, sender))
