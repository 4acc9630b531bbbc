"""What the published page says about the answer, its statuses, and how batches are used."""

import threading

from contract import Fails, clause
from target import ABSENT, GROUP, PERSON, fresh, is_integer, item

SUGGESTED_BATCH = 100


def numbered(channels, count, prefix):
    """`count` items, one after the other to each of the channels, with numbers of their own."""
    return [item(channels[i % len(channels)], "%s %d" % (prefix, i),
                 client_msg_no="%s-%d" % (prefix, i)) for i in range(count)]


@clause("seed.response.array", "响应字段 (response fields), 301",
        "The answer is a JSON array, and is said to be JSON.")
def answer_is_an_array(server):
    answer = server.batch([item(fresh("group"))])
    answer.elements(1)
    answer.require("json" in answer.headers.get("content-type", ""),
                   "the Content-Type is %r" % answer.headers.get("content-type"))


@clause("seed.response.length", "响应字段 (response fields), 301",
        "The answer has one element for each message that was sent.")
def one_element_each(server):
    for count in (1, 2, 7, 50):
        server.accept(numbered([fresh("group")], count, fresh("n")))


@clause("seed.response.order", "响应字段 (response fields), 301",
        "The elements are in the order of the messages, whatever their channels.")
def order_of_elements(server):
    items = numbered([fresh("group") for _ in range(5)], 40, fresh("n"))
    answer = server.batch(items)
    for index, (element, sent) in enumerate(zip(answer.elements(40), items)):
        answer.require(element.get("client_msg_no") == sent["client_msg_no"],
                       "element %d is not of item %d" % (index, index))


@clause("seed.response.message_id.type", "响应字段 (response fields), 303",
        "Every element has message_id, an integer that is not 0.")
def message_id_type(server):
    for each in server.accept(numbered([fresh("group")], 3, fresh("n"))):
        if not is_integer(each.get("message_id")):
            raise Fails("message_id is %r" % each.get("message_id"))


@clause("seed.response.message_id.unique", "响应字段 (response fields), 304",
        "The server makes message_id: no two messages have the same, stored or not.")
def message_id_unique(server):
    channels, ids = [fresh("group") for _ in range(4)], []
    for flags in ({}, {"header": {"no_persist": 1}}, {}):
        items = [dict(each, **flags) for each in numbered(channels, 40, fresh("n"))]
        ids += [each["message_id"] for each in server.accept(items)]
    if len(set(ids)) != len(ids):
        raise Fails("%d messages have %d different ids" % (len(ids), len(set(ids))))


@clause("seed.response.message_id.stored", "响应字段 (response fields), 304",
        "message_id of an element is that of the stored message.")
def message_id_is_stored(server):
    channel = fresh("group")
    ids = [each["message_id"] for each in server.accept(numbered([channel], 3, fresh("n")))]
    found = [each.get("message_id") for each in server.stored(channel)]
    if found != ids:
        raise Fails("answered were %r, read are %r" % (ids, found))


@clause("seed.response.message_seq.type", "响应字段 (response fields), 307",
        "Every element has message_seq, an integer, above 0 for a stored message.")
def message_seq_type(server):
    for each in server.accept(numbered([fresh("group")], 3, fresh("n"))):
        if not is_integer(each.get("message_seq")) or each["message_seq"] < 1:
            raise Fails("message_seq is %r" % each.get("message_seq"))


@clause("seed.response.message_seq.rises", "响应字段 (response fields), 308",
        "message_seq is the place in the channel: it rises in the order of the array.")
def message_seq_rises(server):
    channels = [fresh("group") for _ in range(3)]
    first = server.accept(numbered(channels, 30, fresh("n")))
    second = server.accept(numbered(channels, 30, fresh("n")))
    for index in range(3):
        seqs = [each.get("message_seq") for each in first[index::3] + second[index::3]]
        if any(b <= a for a, b in zip(seqs, seqs[1:])):
            raise Fails("the messages of one channel have the seqs %r" % seqs)


@clause("seed.response.message_seq.stored", "响应字段 (response fields), 308",
        "message_seq of an element is that of the stored message, and history is in its order.")
def message_seq_is_stored(server):
    channel = fresh("group")
    items = numbered([channel], 20, fresh("n"))
    answered = [(each.get("message_seq"), each.get("client_msg_no"))
                for each in server.accept(items)]
    found = [(each.get("message_seq"), each.get("client_msg_no"))
             for each in server.stored(channel)]
    if found != answered:
        raise Fails("answered were %r, read are %r" % (answered, found))


@clause("seed.response.client_msg_no.echo", "响应字段 (response fields), 312",
        "client_msg_no of an element is the one of its item, byte for byte.")
def client_msg_no_echo(server):
    numbers = [fresh("number"), "编号 😀", "with \"quotes\" and \\", "x" * 200, "0"]
    found = [each.get("client_msg_no") for each in server.accept(
        [item(fresh("group"), client_msg_no=number) for number in numbers])]
    if found != numbers:
        raise Fails("given were %r, answered are %r" % (numbers, found))


@clause("seed.response.client_msg_no.present", "响应字段 (response fields), 311",
        "Every element has client_msg_no, a string, also when the item has none.")
def client_msg_no_present(server):
    for each in server.accept([item(fresh("group"), client_msg_no=ABSENT)] * 2):
        if not isinstance(each.get("client_msg_no"), str):
            raise Fails("client_msg_no is %r" % each.get("client_msg_no"))


@clause("seed.status.200", "状态码 (status codes), 319",
        "200: the messages were sent, and can be read.")
def status_200(server):
    channel = fresh("group")
    answer = server.batch(numbered([channel], 5, "ok")).require_status(200)
    answer.require(len(server.contents(channel)) == 5, "after a 200 the messages are not there")


@clause("seed.status.400", "状态码 (status codes), 320",
        "400: a parameter is wrong, also when it is one of the last of many items.")
def status_400(server):
    for member in ("payload", "from_uid", "channel_id", "channel_type"):
        items = numbered([fresh("group")], 20, fresh("n"))
        del items[19][member]
        server.refuse(items)


@clause("seed.status.403", "状态码 (status codes), 321",
        "403: the sender may not send to any of the channels; nothing is stored.")
def status_403(server):
    channel, denied = fresh("group"), fresh("denied")
    server.deny(channel, denied)
    answer = server.batch([item(channel, "no", from_uid=denied)]).require_status(403)
    answer.require(server.contents(channel) == [], "the message is stored all the same")


@clause("seed.use.announcement", "使用场景 (uses), 328",
        "System notices: one text to several groups in one request.")
def announcement(server):
    channels = [fresh("group") for _ in range(20)]
    server.accept([item(channel, "maintenance at 22:00", from_uid="system")
                   for channel in channels])
    for channel in channels[::5]:
        if server.contents(channel) != [b"maintenance at 22:00"]:
            raise Fails("a group did not get the notice")


@clause("seed.use.marketing", "使用场景 (uses), 334",
        "Marketing: messages to many single users in one request, read by each of them.")
def marketing(server):
    sender, users = fresh("sender"), [fresh("user") for _ in range(20)]
    server.accept([item(user, "for %s" % user, from_uid=sender, channel_type=PERSON)
                   for user in users])
    for user in users[::5]:
        if server.contents(sender, PERSON, user)[:1] != [b"for %s" % user.encode()]:
            raise Fails("a user did not get the message")


@clause("seed.use.operations", "使用场景 (uses), 340",
        "Operations: different texts to members and groups, mixed in one request.")
def operations(server):
    sender, user, channel = fresh("sender"), fresh("user"), fresh("group")
    server.accept([item(channel, "report", from_uid=sender),
                   item(user, "your task", from_uid=sender, channel_type=PERSON),
                   item(channel, "meeting", from_uid=sender)])
    found = server.contents(channel), server.contents(user, PERSON, sender)
    if found != ([b"report", b"meeting"], [b"your task"]):
        raise Fails("the group has %r, the user %r" % found)


@clause("seed.performance.size", "性能优化 (performance), 348",
        "A batch of 100 messages is taken and stored.")
def suggested_size(server):
    channel = fresh("group")
    server.accept([item(channel, "x" * 320) for _ in range(SUGGESTED_BATCH)])
    if len(server.contents(channel)) != SUGGESTED_BATCH:
        raise Fails("not all of 100 messages are there")


@clause("seed.performance.split", "性能优化 (performance), 349",
        "Many messages may be split: batches one after the other keep the order of the channel.")
def split(server):
    channel = fresh("group")
    items = numbered([channel], 3 * SUGGESTED_BATCH, fresh("n"))
    for begin in range(0, len(items), SUGGESTED_BATCH):
        server.accept(items[begin:begin + SUGGESTED_BATCH])
    found = [each.get("client_msg_no") for each in server.stored(channel)]
    if found != [each["client_msg_no"] for each in items]:
        raise Fails("the %d messages are not there in the order of their sending" % len(items))


@clause("seed.performance.concurrent", "性能优化 (performance), 350",
        "Batches may run at the same time: none is lost or mixed up, each keeps its order.")
def concurrent(server):
    channel, failures = fresh("group"), []
    lots = [numbered([channel], 25, fresh("n")) for _ in range(4)]
    answered = {}

    def send(items):
        try:
            for each in server.accept(items):
                answered[each.get("client_msg_no")] = each.get("message_seq")
        except Fails as error:
            failures.append(error)

    threads = [threading.Thread(target=send, args=(items,)) for items in lots]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    stored = {each.get("client_msg_no"): each.get("message_seq") for each in server.stored(channel)}
    if stored != answered or len(set(stored.values())) != 100:
        raise Fails("100 messages of four batches at once are answered as %d and stored as %d, "
                    "with %d different seqs" % (len(answered), len(stored),
                                                len(set(stored.values()))))
    for items in lots:
        seqs = [stored[each["client_msg_no"]] for each in items]
        if seqs != sorted(seqs):
            raise Fails("the messages of one batch have the seqs %r" % seqs)


@clause("seed.performance.retry", "性能优化 (performance), 356",
        "What failed can be sent again; once the reason is gone it is sent.")
def retry(server):
    channel, sender = fresh("group"), fresh("sender")
    items = [item(channel, "again", from_uid=sender, client_msg_no=fresh("n"))]
    server.deny(channel, sender)
    answer = server.batch(items)
    answer.require(answer.status != 200 or not answer.elements(1)[0].get("message_id"),
                   "the message of a sender on the denylist was sent")
    server.setup("/channel/blacklist_remove",
                 {"channel_id": channel, "channel_type": GROUP, "uids": [sender]})
    server.accept(items)
    if server.contents(channel) != [b"again"]:
        raise Fails("the message is not there after it was sent again")


@clause("seed.practice.unique", "最佳实践 (best practice), 360",
        "Messages with different client_msg_no are different messages, whatever their payload.")
def distinct_numbers(server):
    channel = fresh("group")
    items = [item(channel, "same", client_msg_no=fresh("n")) for _ in range(3)]
    ids = {each["message_id"] for each in server.accept(items)}
    if len(ids) != 3 or len(server.contents(channel)) != 3:
        raise Fails("three messages with the same payload became %d" % len(ids))


@clause("seed.practice.deduplication", "最佳实践 (best practice), 360",
        "De-duplication: a message with the same client_msg_no is not stored a second time.")
def deduplication(server):
    channel = fresh("group")
    items = numbered([channel], 5, fresh("n"))
    server.accept(items)
    answer = server.batch(items)
    answer.require(answer.status < 500, "a batch that is repeated is an error of the server")
    found = [each.get("client_msg_no") for each in server.stored(channel)]
    answer.require(found == [each["client_msg_no"] for each in items],
                   "five messages that were posted twice are stored as %d" % len(found))


@clause("seed.practice.partial", "最佳实践 (best practice), 361",
        "When some messages fail, the answer tells which: an element with a message_id was sent, "
        "one without was not.")
def partial_failure(server):
    good, closed, sender = fresh("group"), fresh("group"), fresh("sender")
    server.deny(closed, sender)
    items = [item(good, "a", from_uid=sender, client_msg_no="a"),
             item(closed, "b", from_uid=sender, client_msg_no="b"),
             item(good, "c", from_uid=sender, client_msg_no="c")]
    answer = server.batch(items)
    if answer.status == 403:  # all or nothing also tells which
        answer.require(server.contents(good) == [], "a batch answered with 403 is stored in part")
        return
    found = answer.elements(3)
    answer.require([bool(each.get("message_id")) for each in found] == [True, False, True],
                   "the elements do not show that the second item failed")
    answer.require([each.get("client_msg_no") for each in found] == ["a", "b", "c"],
                   "an element lacks the client_msg_no of its item")
    answer.require(server.contents(good) == [b"a", b"c"] and server.contents(closed) == [],
                   "what is stored is not what the answer says")


@clause("seed.practice.permission", "最佳实践 (best practice), 362",
        "The permission of the sender is asked for every channel of the batch.")
def permission(server):
    channels, sender = [fresh("group") for _ in range(4)], fresh("sender")
    for channel in channels[1:3]:
        server.deny(channel, sender)
    server.batch([item(channel, from_uid=sender) for channel in channels])
    for channel in channels[1:3]:
        if server.contents(channel):
            raise Fails("a channel whose denylist has the sender took the message")
