"""The object form of the batch, and what WuKongIM documents around the endpoint."""

import base64

from contract import Fails, NotOffered, clause, offered
from target import ABSENT, GROUP, PERSON, SENDBATCH, base64_of, fresh, item

OBJECT_FORM = "docs/api.md, Object form"
EVERY_ENDPOINT = "docs/api.md, Rules for every endpoint"
READING = "docs/api.md, Messages"


def object_body(sender, users, content="to each", **changes):
    out = {"from_uid": sender, "subscribers": users, "payload": base64_of(content)}
    out.update(changes)
    return {name: value for name, value in out.items() if value is not ABSENT}


def post_object(server, sender, users, **changes):
    """The answer to a sound request of the object form."""
    answer = server.batch(object_body(sender, users, **changes))
    offered(answer.status == 200, "an object with from_uid, subscribers and payload is answered %d"
            % answer.status, answer)
    answer.require(isinstance(answer.json(), dict), "the answer to an object is no object")
    return answer


@clause("wukongim.object.sends", "docs/batch.md, One payload for many users",
        "An object with from_uid, subscribers and payload sends the payload to each of the users, "
        "as a person message.")
def object_sends(server):
    sender, users = fresh("sender"), [fresh("user") for _ in range(3)]
    post_object(server, sender, users)
    for user in users:
        if server.contents(sender, PERSON, user)[:1] != [b"to each"]:
            raise Fails("a user did not get the message")


@clause("wukongim.object.answer", OBJECT_FORM,
        "It is answered with fail_uids and reason, two arrays that are empty when nothing failed.")
def object_answer(server):
    answer = post_object(server, fresh("sender"), [fresh("user")])
    found = answer.json()
    answer.require((found.get("fail_uids"), found.get("reason")) == ([], []),
                   "fail_uids and reason are not two empty arrays")


@clause("wukongim.object.required", OBJECT_FORM,
        "from_uid, subscribers and payload are required and not blank: 400.")
def object_required(server):
    post_object(server, fresh("sender"), [fresh("user")])
    for member in ("from_uid", "subscribers", "payload"):
        for value in (ABSENT, "" if member != "subscribers" else []):
            server.refuse(object_body(fresh("sender"), [fresh("user")], **{member: value}))


@clause("wukongim.object.fail_uids", "docs/batch.md, One payload for many users",
        "A uid that cannot be one is in fail_uids, with a text at the same place of reason; the "
        "others get the message.")
def object_fail_uids(server):
    sender, user = fresh("sender"), fresh("user")
    answer = post_object(server, sender, ["bad@uid", user])
    found = answer.json()
    answer.require(found.get("fail_uids") == ["bad@uid"], "fail_uids is not the uid with the @")
    reasons = found.get("reason")
    answer.require(isinstance(reasons, list) and len(reasons) == 1 and isinstance(reasons[0], str)
                   and reasons[0], "reason has no text for it")
    answer.require(server.contents(sender, PERSON, user)[:1] == [b"to each"],
                   "the other user did not get the message")


@clause("wukongim.object.header", OBJECT_FORM,
        "The flags of header count for each of the messages.")
def object_header(server):
    sender, users = fresh("sender"), [fresh("user"), fresh("user")]
    post_object(server, sender, users, header={"no_persist": 1})
    for user in users:
        found = server.contents(sender, PERSON, user)
        if found:
            raise Fails("with no_persist a user has %r stored" % found)


@clause("wukongim.object.numbers", OBJECT_FORM,
        "Without a client_msg_no each message gets one of its own.")
def object_numbers(server):
    sender, users = fresh("sender"), [fresh("user") for _ in range(3)]
    post_object(server, sender, users)
    found = [server.stored(sender, PERSON, user)[0].get("client_msg_no") for user in users]
    if not all(found) or len(set(found)) != len(found):
        raise Fails("the messages have the numbers %r" % found)


@clause("wukongim.token.required", EVERY_ENDPOINT,
        "A server with managerToken answers 401 to who does not send it as the header token.")
def token_required(server):
    if server.token is None:
        raise NotOffered("requests without a token are taken")
    channel = fresh("group")
    for headers in ({}, {"token": fresh("token")}, {"token": ""}):
        answer = server.batch([item(channel)], headers=headers, token=False)
        offered(answer.status != 200, "requests without the token are taken", answer)
        answer.require_status(401)
    if server.contents(channel):
        raise Fails("a message of a request that was answered with 401 is stored")


@clause("wukongim.body.unknown", EVERY_ENDPOINT,
        "Unknown members of items are ignored.")
def unknown_members(server):
    channel = fresh("group")
    server.accept([item(channel, "kept", something={"nested": [1, None]})])
    if server.contents(channel) != [b"kept"]:
        raise Fails("an item with a member that nobody knows is not stored as it is")


@clause("wukongim.body.null", EVERY_ENDPOINT,
        "An optional member that is null counts as absent.")
def null_is_absent(server):
    channel, names = fresh("group"), ("header", "client_msg_no", "stream_no", "expire",
                                      "subscribers")
    answer = server.batch([item(channel, **{name: None for name in names})])
    offered(answer.status != 400, "it refuses null", answer)
    answer.elements(1)


@clause("wukongim.body.content-type", EVERY_ENDPOINT,
        "Content-Type is not looked at.")
def content_type(server):
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = server.batch([item(fresh("group"))], headers={"Content-Type": kind})
        offered(answer.status not in (400, 415), "it refuses %s" % kind, answer)
        answer.elements(1)


@clause("wukongim.error.body", EVERY_ENDPOINT,
        "The body of an error is JSON with msg, a text, and status, the number of the status.")
def error_body(server):
    for body in ("[", [item(fresh("group"), payload="***")]):
        answer = server.refuse(body)
        found = answer.json()
        offered(isinstance(found, dict) and "status" in found, "errors have no status", answer)
        answer.require(found["status"] == 400 and isinstance(found.get("msg"), str)
                       and found["msg"], "status is not 400, or msg is no text")


@clause("wukongim.preflight", EVERY_ENDPOINT,
        "OPTIONS is answered 204 without a token.")
def preflight(server):
    answer = server.request("OPTIONS", SENDBATCH, token=False, headers={
        "Access-Control-Request-Method": "POST"})
    offered(answer.status == 204, "OPTIONS is answered %d" % answer.status, answer)


def sent_and_read(server, method, path, query, pick):
    """Sends one message and looks it up; `pick` finds its id in the JSON of the answer."""
    channel, number = fresh("group"), fresh("number")
    element = server.accept([item(channel, "look up", client_msg_no=number)])[0]
    query = query(channel, number, element)
    answer = server.get(path, **query) if method == "GET" else server.post(path, query)
    if answer.status in (404, 405):
        raise NotOffered("%s %s is answered %d" % (method, path, answer.status), answer)
    answer.require_status(200)
    answer.require(pick(answer.json()) == element["message_id"],
                   "it does not find the message %d" % element["message_id"])


@clause("wukongim.read.max_message_seq", READING,
        "GET /channel/max_message_seq answers the message_seq of the last message.")
def max_message_seq(server):
    channel = fresh("group")
    seqs = [each.get("message_seq") for each in server.accept([item(channel)] * 3)]
    answer = server.get("/channel/max_message_seq", channel_id=channel, channel_type=GROUP)
    offered(answer.status not in (404, 405), "it is answered %d" % answer.status, answer)
    answer.require_status(200)
    answer.require(answer.json().get("message_seq") == max(seqs), "it is not %d" % max(seqs))


@clause("wukongim.read.messages", READING,
        "POST /messages finds a message by the message_id of the answer.")
def read_by_id(server):
    sent_and_read(server, "POST", "/messages",
                  lambda channel, number, element: {
                      "channel_id": channel, "channel_type": GROUP,
                      "message_ids": [element["message_id"]]},
                  lambda found: (found["messages"] if isinstance(found, dict)
                                 else found)[0]["message_id"])


@clause("wukongim.read.byclientmsgno", READING,
        "GET /message/byclientmsgno finds a message by its client_msg_no.")
def read_by_number(server):
    sent_and_read(server, "GET", "/message/byclientmsgno",
                  lambda channel, number, element: {
                      "channel_id": channel, "channel_type": GROUP, "client_msg_no": number},
                  lambda found: found["message_id"])


@clause("wukongim.read.message", "docs/api.md, The message object",
        "A message that is read has header, from_uid, channel_id, channel_type, timestamp and a "
        "payload in base64.")
def message_object(server):
    channel, sender = fresh("group"), fresh("sender")
    server.accept([item(channel, "hello", from_uid=sender, header={"red_dot": 1})])
    message = server.stored(channel)[0]
    offered("timestamp" in message and "channel_id" in message, "messages have other members")
    found = (message.get("header", {}).get("red_dot"), message.get("from_uid"),
             message["channel_id"], message.get("channel_type"),
             base64.b64decode(message.get("payload", "")))
    if found != (1, sender, channel, GROUP, b"hello"):
        raise Fails("it is %r" % message)
