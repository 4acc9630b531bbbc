"""What the published page says about the request: the array, its members, the examples."""

import base64
import json
import time

from contract import Fails, clause
from target import ABSENT, GROUP, PERSON, base64_of, fresh, item

# How much longer than `expire` a message may be seen.
EXPIRE_SLACK = 5.0


def refuses(member, values):
    """The check of a clause: an item with one of these values of a member is refused."""

    def check(server):
        for value in values:
            server.refuse_item(**{member: value})

    return check


def refuses_flag(flag):
    return refuses("header", [{flag: value} for value in ("1", [], {}, 1.5)])


@clause("seed.request.post", "概述 (overview), 11",
        "One request sends several messages.")
def several_messages(server):
    channel = fresh("group")
    server.accept([item(channel, "one"), item(channel, "two"), item(channel, "three")])
    found = server.contents(channel)
    if found != [b"one", b"two", b"three"]:
        raise Fails("of the payloads one, two, three these were stored: %r" % found)


@clause("seed.request.array", "请求体 (request body), 15",
        "The body is an array of message objects; anything else in its place is a 400.")
def array_of_objects(server):
    for body in ("1", '"text"', "true", "null", "[1]", '["text"]', "[[]]"):
        server.refuse(body)


@clause("seed.request.json", "请求体 (request body), 15",
        "The body is JSON; what is none is a 400.")
def json_body(server):
    good = json.dumps([item(fresh("group"))])
    for body in ("", "hello", "payload=1", good[:-1], good + "]", good[:20]):
        server.refuse(body)


clause("seed.request.payload.required", "必传参数 (required parameters), 19",
       "An item needs payload.")(refuses("payload", [ABSENT]))
clause("seed.request.payload.type", "必传参数 (required parameters), 19",
       "payload is a string.")(refuses("payload", [1, True, 1.5]))
clause("seed.request.payload.base64", "必传参数 (required parameters), 20",
       "payload is base64; other text is a 400.")(
           refuses("payload", ["***", "not base64!", "aGVsbG8", "aGVsbG8==="]))


@clause("seed.request.payload.content", "必传参数 (required parameters), 20",
        "The message is what payload decodes to, whatever bytes these are.")
def payload_content(server):
    channel = fresh("group")
    contents = [b"plain text", '{"type":1,"content":"群组 😀"}'.encode(), bytes(range(256)),
                b"\x00"]
    server.accept([item(channel, content) for content in contents])
    found = server.contents(channel)
    if found != contents:
        raise Fails("sent were %r, read %r" % (contents, found))


clause("seed.request.from_uid.required", "必传参数 (required parameters), 23",
       "An item needs from_uid.")(refuses("from_uid", [ABSENT]))
clause("seed.request.from_uid.type", "必传参数 (required parameters), 23",
       "from_uid is a string.")(refuses("from_uid", [1, True, [], {}]))


@clause("seed.request.from_uid.sender", "必传参数 (required parameters), 24",
        "from_uid is the sender; the items of one request may have different ones.")
def from_uid_is_the_sender(server):
    channel, senders = fresh("group"), [fresh("sender"), fresh("sender")]
    server.accept([item(channel, from_uid=sender) for sender in senders])
    found = [message.get("from_uid") for message in server.stored(channel)]
    if found != senders:
        raise Fails("the senders were %r, the messages are from %r" % (senders, found))


clause("seed.request.channel_id.required", "必传参数 (required parameters), 27",
       "An item needs channel_id.")(refuses("channel_id", [ABSENT]))
clause("seed.request.channel_id.type", "必传参数 (required parameters), 27",
       "channel_id is a string.")(refuses("channel_id", [1, True, [], {}]))


@clause("seed.request.channel_id.target", "必传参数 (required parameters), 28",
        "A message goes to the channel of its channel_id and to no other.")
def channel_id_is_the_target(server):
    channels = [fresh("group") for _ in range(3)]
    server.accept([item(channel, channel) for channel in channels])
    for channel in channels:
        found = server.contents(channel)
        if found != [channel.encode()]:
            raise Fails("in %s there should be one message with its name, and is %r"
                        % (channel, found))


clause("seed.request.channel_type.required", "必传参数 (required parameters), 31",
       "An item needs channel_type.")(refuses("channel_type", [ABSENT]))
clause("seed.request.channel_type.type", "必传参数 (required parameters), 31",
       "channel_type is an integer.")(refuses("channel_type", ["2", True, [], {}, 1.5]))


@clause("seed.request.channel_type.person", "必传参数 (required parameters), 32",
        "channel_type 1 is a person: both users read the message in the channel of the other.")
def persons(server):
    sender, receiver = fresh("user"), fresh("user")
    server.accept([item(receiver, "to a person", from_uid=sender, channel_type=PERSON)])
    for reader, other in ((sender, receiver), (receiver, sender)):
        found = server.contents(other, PERSON, reader)
        # The mark of the first reading is there for the second.
        if found[:1] != [b"to a person"]:
            raise Fails("%s reads %r" % ("the sender" if reader == sender else "the receiver",
                                         found))


@clause("seed.request.channel_type.group", "必传参数 (required parameters), 32",
        "channel_type 2 is a group, and another channel than a person of the same name.")
def groups(server):
    name, sender = fresh("both"), fresh("user")
    server.accept([item(name, "to the group", from_uid=sender, channel_type=GROUP),
                   item(name, "to the person", from_uid=sender, channel_type=PERSON)])
    found = server.contents(name, GROUP), server.contents(name, PERSON, sender)
    if found != ([b"to the group"], [b"to the person"]):
        raise Fails("the group has %r, the person %r" % found)


@clause("seed.request.optional", "可选参数 (optional parameters), 35",
        "header, client_msg_no, stream_no, expire, subscribers may be absent, one or all.")
def optional_members(server):
    every = {"header": {"no_persist": 0, "red_dot": 1, "sync_once": 0}, "stream_no": "",
             "client_msg_no": "number", "expire": 0, "subscribers": []}
    items = [item(fresh("group")), item(fresh("group"), **every)]
    items += [item(fresh("group"), **dict(every, **{name: ABSENT})) for name in every]
    server.accept(items)


clause("seed.request.header.type", "可选参数 (optional parameters), 37",
       "header is an object.")(refuses("header", [1, "text", [], True]))
clause("seed.request.header.no_persist.type", "可选参数 (optional parameters), 41",
       "no_persist is an integer.")(refuses_flag("no_persist"))
clause("seed.request.header.red_dot.type", "可选参数 (optional parameters), 45",
       "red_dot is an integer.")(refuses_flag("red_dot"))
clause("seed.request.header.sync_once.type", "可选参数 (optional parameters), 49",
       "sync_once is an integer.")(refuses_flag("sync_once"))


@clause("seed.request.header.parts", "可选参数 (optional parameters), 40-50",
        "Each member of header may be absent; what is absent is 0.")
def parts_of_the_header(server):
    channel = fresh("group")
    server.accept([item(channel, "none", header={}), item(channel, "one", header={"red_dot": 1})])
    if server.contents(channel) != [b"none", b"one"]:
        raise Fails("a message with a header that lacks no_persist is not stored")


@clause("seed.request.header.no_persist.0", "可选参数 (optional parameters), 42",
        "no_persist 0: the message is stored.")
def persisted(server):
    channel = fresh("group")
    server.accept([item(channel, "kept", header={"no_persist": 0})])
    if server.contents(channel) != [b"kept"]:
        raise Fails("the message is not stored")


@clause("seed.request.header.no_persist.1", "可选参数 (optional parameters), 42",
        "no_persist 1: the message is accepted and not stored.")
def not_persisted(server):
    channel = fresh("group")
    server.accept([item(channel, "gone", header={"no_persist": 1}), item(channel, "kept")])
    found = server.contents(channel)
    if found != [b"kept"]:
        raise Fails("stored are %r, not only the item without no_persist" % found)


@clause("seed.request.header.red_dot.kept", "可选参数 (optional parameters), 46",
        "red_dot 0 and 1 are both taken, and reach who reads the message.")
def red_dot(server):
    channel = fresh("group")
    server.accept([item(channel, header={"red_dot": value}) for value in (0, 1)])
    found = [(message.get("header") or {}).get("red_dot") for message in server.stored(channel)]
    if [bool(value) for value in found] != [False, True]:
        raise Fails("red_dot was 0 and 1, and is read as %r" % found)


@clause("seed.request.header.sync_once.0", "可选参数 (optional parameters), 50",
        "sync_once 0: an ordinary message of its channel.")
def no_command(server):
    channel = fresh("group")
    server.accept([item(channel, "ordinary", header={"sync_once": 0})])
    if server.contents(channel) != [b"ordinary"]:
        raise Fails("the message is not in its channel")


@clause("seed.request.header.sync_once.1", "可选参数 (optional parameters), 50",
        "sync_once 1: a command message is accepted, beside ordinary ones.")
def command(server):
    channel = fresh("group")
    server.accept([item(channel, "command", header={"sync_once": 1}), item(channel, "ordinary")])
    if b"ordinary" not in server.contents(channel):
        raise Fails("the ordinary message is not in its channel")


clause("seed.request.client_msg_no.type", "可选参数 (optional parameters), 55",
       "client_msg_no is a string.")(refuses("client_msg_no", [1, True, [], {}]))


@clause("seed.request.client_msg_no.kept", "可选参数 (optional parameters), 56",
        "client_msg_no is the client's number of the message and is read with it.")
def client_msg_no_is_kept(server):
    channel, numbers = fresh("group"), [fresh("number"), "编号-1"]
    server.accept([item(channel, client_msg_no=number) for number in numbers])
    found = [message.get("client_msg_no") for message in server.stored(channel)]
    if found != numbers:
        raise Fails("the numbers were %r, read are %r" % (numbers, found))


clause("seed.request.stream_no.type", "可选参数 (optional parameters), 59",
       "stream_no is a string.")(refuses("stream_no", [1, True, [], {}]))


@clause("seed.request.stream_no.accepted", "可选参数 (optional parameters), 60",
        "An item may have a stream_no; its message is stored like others.")
def stream_no(server):
    channel = fresh("group")
    server.accept([item(channel, "part", stream_no=fresh("stream"))])
    if server.contents(channel) != [b"part"]:
        raise Fails("the message is not in its channel")


clause("seed.request.expire.type", "可选参数 (optional parameters), 63",
       "expire is an integer.")(refuses("expire", ["60", True, [], {}, 1.5]))


@clause("seed.request.expire.seconds", "可选参数 (optional parameters), 64",
        "expire is in seconds: the message goes when they are over, others stay; 0 is for ever.")
def expire(server):
    channel = fresh("group")
    server.accept([item(channel, "short", expire=1), item(channel, "ever", expire=0),
                   item(channel, "long", expire=3600)])
    began = time.monotonic()
    while True:
        found = [base64.b64decode(each.get("payload", "")) for each in server.history(channel)]
        if found == [b"ever", b"long"]:
            return
        if time.monotonic() - began > 1 + EXPIRE_SLACK + server.patience:
            raise Fails("long after expire: 1 the channel has %r" % found)
        time.sleep(0.1)


clause("seed.request.subscribers.type", "可选参数 (optional parameters), 67",
       "subscribers is an array.")(refuses("subscribers", ["u1", 1, {}, True]))
clause("seed.request.subscribers.elements", "可选参数 (optional parameters), 70",
       "The elements of subscribers are strings.")(
           refuses("subscribers", [[1], [[]], [{}], [True]]))


@clause("seed.request.subscribers.named", "可选参数 (optional parameters), 68",
        "The users in subscribers get the message, which is stored in the channel.")
def subscribers(server):
    channel, named = fresh("group"), [fresh("user"), fresh("user")]
    server.accept([item(channel, "for two", subscribers=named)])
    for reader in named:
        if server.contents(channel, GROUP, reader)[:1] != [b"for two"]:
            raise Fails("a user in subscribers does not read the message")


def example_items(payloads, numbers):
    """The two items of the examples, for groups of our own."""
    return [{"header": {"no_persist": 0, "red_dot": 1, "sync_once": 0}, "client_msg_no": number,
             "from_uid": "system", "channel_id": fresh("group"), "channel_type": 2, "expire": 0,
             "payload": base64_of(payload), "tag_key": "notification"}
            for payload, number in zip(payloads, numbers)]


def run_example(server, body, items, headers):
    answer = server.batch(body, headers=headers)
    for element, sent in zip(answer.elements(len(items)), items):
        answer.require(element.get("client_msg_no") == sent["client_msg_no"],
                       "the elements are not those of the two items")
    for sent in items:
        found = server.contents(sent["channel_id"])
        answer.require(found == [base64.b64decode(sent["payload"])],
                       "the channel of an item has %r" % found)


@clause("seed.example.curl", "RequestExample, 76-109",
        "The example for curl works: laid out over lines, with a member tag_key, payloads of text.")
def curl_example(server):
    items = example_items(["Hello Group 1", "Hello Group 2"], ["batch_msg_1", "batch_msg_2"])
    run_example(server, json.dumps(items, indent=2), items,
                {"Accept": "*/*", "User-Agent": "curl/7.88.1"})


@clause("seed.example.javascript", "RequestExample, 111-159",
        "The example for JavaScript works: compact JSON, payloads that are JSON.")
def javascript_example(server):
    now = int(time.time() * 1000)
    items = example_items(['{"type":"text","content":"Hello Group %d"}' % n for n in (1, 2)],
                          ["batch_msg_%d_%d" % (now, n) for n in (1, 2)])
    run_example(server, json.dumps(items, separators=(",", ":"), ensure_ascii=False), items,
                {"Accept": "*/*", "Accept-Encoding": "gzip, deflate", "Sec-Fetch-Mode": "cors"})


@clause("seed.example.python", "RequestExample, 161-204",
        "The example for Python works: what the requests package sends.")
def python_example(server):
    items = example_items(['{"type": "text", "content": "Hello Group %d"}' % n for n in (1, 2)],
                          ["batch_msg_1", "batch_msg_2"])
    run_example(server, json.dumps(items), items,
                {"Accept": "*/*", "Accept-Encoding": "gzip, deflate",
                 "User-Agent": "python-requests/2.28.1", "Connection": "keep-alive"})


@clause("seed.example.go", "RequestExample, 206-279",
        "The example for Go works: members sorted by name; the answer is an array of objects.")
def go_example(server):
    items = example_items(['{"content":"Hello Group %d","type":"text"}' % n for n in (1, 2)],
                          ["batch_msg_1", "batch_msg_2"])
    run_example(server, json.dumps(items, separators=(",", ":"), sort_keys=True), items,
                {"Accept-Encoding": "gzip", "User-Agent": "Go-http-client/1.1"})
