"""What Jindou promises about the items of a batch beyond the published page: results, bad input,
partial failure, repeats. Each is optional: another server may do without."""

import json

from contract import Fails, clause, offered
from target import base64_of, fresh, item

SENDBATCH = "docs/api.md, POST /message/sendbatch"
EVERY_ENDPOINT = "docs/api.md, Rules for every endpoint"
ARRAY = "docs/batch.md, An array of messages"
EACH = "docs/batch.md, A result for each item"
REPEATS = "docs/batch.md, Repeats"
LIMITS = "docs/batch.md, Limits"
EXACT_IN_JAVASCRIPT = 2**53
CONFLICT = 11
YEAR = 365 * 24 * 3600


def refused(server, items, why, **options):
    """The 400 to items that a server of the page alone may take; `why` it is none."""
    answer = server.batch(items, **options)
    offered(answer.status == 400, why, answer)
    return answer


def taken(server, items, why):
    """The elements of an answer to items that a server of the page alone may refuse."""
    answer = server.batch(items)
    offered(answer.status == 200, why, answer)
    return answer.elements(len(items))


def one_denied(server):
    """A batch of three items, the second of them denied: items, answer, elements, channels."""
    good, closed, sender = fresh("group"), fresh("group"), fresh("sender")
    server.deny(closed, sender)
    items = [item(good, "a", from_uid=sender, client_msg_no="a"),
             item(closed, "b", from_uid=sender, client_msg_no="b"),
             item(good, "c", from_uid=sender, client_msg_no="c")]
    answer = server.batch(items)
    offered(answer.status == 200, "a batch that fails in part is answered %d" % answer.status,
            answer)
    return items, answer, answer.elements(3), (good, closed)


# Results.


@clause("jindou.result.idstr", ARRAY,
        "message_idstr is message_id as a string, and message_id is below 2^53, so that "
        "JavaScript reads it exactly.")
def idstr(server):
    for each in server.accept([item(fresh("group"))] * 2):
        offered("message_idstr" in each, "elements have no message_idstr")
        if each["message_idstr"] != str(each["message_id"]):
            raise Fails("message_idstr is not the id")
        if each["message_id"] >= EXACT_IN_JAVASCRIPT:
            raise Fails("message_id is not below 2^53")


@clause("jindou.result.reason", ARRAY,
        "The element of a message that was sent has reason 1.")
def reason_of_success(server):
    element = server.accept([item(fresh("group"))])[0]
    offered("reason" in element, "elements have no reason")
    if element["reason"] != 1:
        raise Fails("reason is %r" % element["reason"])


@clause("jindou.result.generated", SENDBATCH,
        "An item without a client_msg_no gets one, which is stored with the message.")
def generated_number(server):
    channel = fresh("group")
    found = [each.get("client_msg_no") for each in server.accept(
        [item(channel), item(channel, client_msg_no="")])]
    offered(all(found), "client_msg_no stays empty")
    stored = [each.get("client_msg_no") for each in server.stored(channel)]
    if stored != found or len(set(found)) != 2:
        raise Fails("answered are %r, stored %r" % (found, stored))


@clause("jindou.result.seqs", SENDBATCH,
        "The messages of a channel have the seqs 1, 2, 3 …, and ids that rise with them.")
def seqs(server):
    channel = fresh("group")
    found = server.accept([item(channel, str(n)) for n in range(10)])
    found += server.accept([item(channel, str(n)) for n in range(10)])
    offered([each.get("message_seq") for each in found] == list(range(1, 21)),
            "seqs are others than 1, 2, 3 …")
    ids = [each["message_id"] for each in found]
    if ids != sorted(ids):
        raise Fails("the ids of a channel do not rise: %r" % ids)


@clause("jindou.result.no_persist", SENDBATCH,
        "A message that is not stored has message_seq 0 and takes no seq of its channel.")
def seq_of_no_persist(server):
    channel = fresh("group")
    gone, kept = server.accept([item(channel, header={"no_persist": 1}), item(channel)])
    offered(gone.get("message_seq") == 0, "its message_seq is %r" % gone.get("message_seq"))
    if kept.get("message_seq") != 1:
        raise Fails("the next message has the seq %r" % kept.get("message_seq"))


# Bad input.


@clause("jindou.validation.nothing-sent", EACH,
        "When any item is malformed nothing is sent.")
def nothing_is_sent(server):
    channel = fresh("group")
    for place in (0, 5, 9):
        items = [item(channel, str(n)) for n in range(10)]
        items[place]["payload"] = "***"
        refused(server, items, "a malformed item does not refuse the others")
    found = server.contents(channel)
    if found:
        raise Fails("%d messages of requests that were answered with 400 are stored" % len(found))


@clause("jindou.validation.items", EACH,
        "The 400 names every bad member: index, field, client_msg_no, code and msg under items.")
def bad_items_are_named(server):
    items = [item(fresh("group"), client_msg_no="n%d" % n) for n in range(10)]
    del items[2]["payload"]
    items[7]["channel_type"] = "2"
    items[9]["from_uid"] = 1
    answer = server.refuse(items)
    found = answer.json().get("items")
    offered(found is not None, "the 400 has no items", answer)
    answer.require([(each["index"], each["field"], each["client_msg_no"]) for each in found]
                   == [(2, "payload", "n2"), (7, "channel_type", "n7"), (9, "from_uid", "n9")],
                   "items are not the three bad members")
    answer.require(all(each["msg"] and each["code"] for each in found), "a code or msg is missing")


@clause("jindou.validation.error", EVERY_ENDPOINT,
        "An error has status, msg, error (which is msg again) and code.")
def error_members(server):
    answer = server.refuse([item(fresh("group"), payload="***")])
    found = answer.json()
    offered("code" in found, "errors have no code", answer)
    answer.require(found["code"] == "invalid" and found.get("status") == 400
                   and found.get("msg") and found.get("error") == found["msg"],
                   "the members do not fit together")


def refused_clause(id_, place, says, changes):
    """A clause: an item with any of these changes is a 400 and not sent."""

    def check(server):
        channel = fresh("group")
        for change in changes():
            refused(server, [item(channel), dict(item(channel), **change)],
                    "an item with %s is taken" % json.dumps(change)[:80])
        if server.contents(channel):
            raise Fails("messages of requests that were answered with 400 are stored")

    clause(id_, place, says)(check)


refused_clause("jindou.validation.blank", SENDBATCH,
               "A blank from_uid or channel_id and an empty payload are missing ones.",
               lambda: [{"from_uid": ""}, {"from_uid": " "}, {"channel_id": ""},
                        {"channel_id": "\t"}, {"payload": ""}, {"from_uid": None},
                        {"payload": None}])
refused_clause("jindou.validation.flags", EVERY_ENDPOINT,
               "Flags are 0, 1, true and false: 2 and -1 are refused.",
               lambda: [{"header": {flag: value}} for value in (2, -1)
                        for flag in ("no_persist", "red_dot", "sync_once")])
refused_clause("jindou.validation.channel_type", SENDBATCH,
               "channel_type is 1 to 255.",
               lambda: [{"channel_type": value} for value in (0, -1, 256, 2**40)])
refused_clause("jindou.validation.ids", EVERY_ENDPOINT,
               "Ids have at most 256 bytes, no control characters, no @, # or &, and do not end in "
               "____cmd.",
               lambda: [{member: value} for member in ("from_uid", "channel_id")
                        for value in ("x" * 257, "é" * 129, "a@b", "a#b", "a&b", "a\nb", "a\x7fb",
                                      "a____cmd")])
refused_clause("jindou.validation.client_msg_no", SENDBATCH,
               "client_msg_no has at most 256 bytes.",
               lambda: [{"client_msg_no": "x" * 257}])
refused_clause("jindou.validation.expire", SENDBATCH,
               "expire is at most ten years; a time of the clock in its place is refused.",
               lambda: [{"expire": value} for value in (-1, 11 * YEAR,
                                                        1_700_000_000)])
refused_clause("jindou.validation.subscribers", SENDBATCH,
               "subscribers has at most 10,000 users.",
               lambda: [{"subscribers": ["u%d" % n for n in range(10_001)]}])
refused_clause("jindou.validation.setting", SENDBATCH,
               "setting is 0 to 255.",
               lambda: [{"setting": value} for value in (-1, 256, "1")])
refused_clause("jindou.validation.payload-size", LIMITS,
               "A payload has a limit of at most 48,000 bytes; more is refused.",
               lambda: [{"payload": base64_of(b"x" * 48_001)}])


@clause("jindou.validation.longest", EVERY_ENDPOINT,
        "Ids and client_msg_no of 256 bytes are taken, in any script.")
def longest_ids(server):
    name = fresh("group")
    channel, sender = name + "x" * (256 - len(name)), "é" * 128
    taken(server, [item(channel, from_uid=sender, client_msg_no="编" * 85 + "x")],
          "names of 256 bytes are refused")
    found = [each.get("from_uid") for each in server.stored(channel)]
    if found != [sender]:
        raise Fails("the message is from %r" % found)


@clause("jindou.validation.empty-array", SENDBATCH, "An empty array is a 400.")
def empty_array(server):
    refused(server, [], "an empty array is taken")


@clause("jindou.validation.repeated-member", EVERY_ENDPOINT,
        "A member that is given twice is refused.")
def repeated_member(server):
    text = json.dumps([item(fresh("group"))])
    refused(server, text.replace('"payload"', '"payload": "aGk=", "payload"'),
            "a member may be given twice")


@clause("jindou.validation.strict", EVERY_ENDPOINT,
        "With the header Jindou-Strict: 1 an unknown member is a 400 that names it.")
def strict(server):
    answer = refused(server, [item(fresh("group"), exipre=60)], "the header is not looked at",
                     headers={"Jindou-Strict": "1"})
    answer.require("exipre" in str(answer.json().get("msg")), "msg does not name the member")


@clause("jindou.validation.flag-words", EVERY_ENDPOINT, "Flags also take true and false.")
def flag_words(server):
    channel = fresh("group")
    taken(server, [item(channel, "gone", header={"no_persist": True}),
                   item(channel, "kept", header={"no_persist": False})],
          "true is refused as a flag")
    if server.contents(channel) != [b"kept"]:
        raise Fails("true does not count as 1, or false not as 0")
