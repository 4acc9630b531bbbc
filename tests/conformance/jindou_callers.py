"""What depends on who calls and how the server is configured: keys, rate limits, advice, the words
of moderation, bulk messages of a day; and the limits of what a batch holds."""

import json
import re
import time

from contract import Fails, Unchecked, clause, offered
from jindou_items import LIMITS, refused
from jindou_payloads import target_item
from target import GROUP, PERSON, base64_of, fresh, item

PAGE = "docs/batch.md, Keys and rate limits"
MODERATION = "docs/batch.md, Moderation"
DENIED, MODERATED, OVER_A_DAY, OVER_A_RATE = 11, 100, 102, 22
# As whom the key of --key may send, and how the groups begin that it may send to.
KEYED_SENDER = "conformance-keyed"
LARGEST_QUOTA = 500
BULK = 60
VARIABLES = 100


# Moderation.


def words_of(server, option, wish):
    """A text with the word of an option, as clients show it."""
    word = server.given(option, wish)
    return word, {"type": 1, "content": "so %s it is" % word}


@clause("jindou.moderation.refuse", MODERATION,
        "An item with a word that is refused is refused by itself: reason 100, code denied, with "
        "the actions and the lists that found it under moderation; the others are sent.")
def moderation_refuse(server):
    _, payload = words_of(server, "refused_word", "a word of a list with refuse: --refused-word")
    channel = fresh("group")
    answer = server.batch([item(channel, "fine"), item(channel, payload=payload)])
    _, element = answer.elements(2)
    answer.require([element.get(name) for name in ("message_id", "reason", "code", "retriable")]
                   == [0, MODERATED, "denied", False], "the second item is not refused so")
    told = element.get("moderation", {})
    answer.require(told.get("actions") == ["refuse"] and len(told.get("found_by", [])) == 1,
                   "moderation does not tell the action and the list")
    if server.contents(channel) != [b"fine"]:
        raise Fails("what is stored is not the first item")


@clause("jindou.moderation.mask", MODERATION,
        "A word that is masked becomes asterisks for everybody, and a repeat of the item is "
        "recognised by what was sent.")
def moderation_mask(server):
    word, payload = words_of(server, "masked_word", "a word of a list with mask: --masked-word")
    channel = fresh("group")
    items = [item(channel, payload=payload, client_msg_no="n")]
    answer = server.batch(items)
    first = answer.elements(1)[0]
    answer.require(first.get("message_id") and first.get("moderation", {}).get("actions")
                   == ["mask"], "the item is not sent, or the result does not tell the action")
    again = server.batch(items)
    again.require([(each.get("message_id"), each.get("duplicate")) for each in again.elements(1)]
                  == [(first["message_id"], True)], "the repeat is not recognised")
    found = [json.loads(each)["content"] for each in server.contents(channel)]
    if found != ["so %s it is" % ("*" * len(word))]:
        raise Fails("stored is %r" % found)


@clause("jindou.trace.refused", MODERATION,
        "GET /message/trace tells why a message was refused, by its channel and client_msg_no.")
def trace_refused(server):
    channel, sender = fresh("group"), fresh("sender")
    server.deny(channel, sender)
    server.batch([item(channel, from_uid=sender, client_msg_no="n")])
    answer = server.get("/message/trace", channel_id=channel, channel_type=GROUP,
                        client_msg_no="n")
    offered(answer.status not in (404, 405, 501), "GET /message/trace knows nothing of it", answer)
    found = answer.require_status(200).json()
    answer.require([found.get(name) for name in ("state", "message_seq", "reason", "code",
                                                 "from_uid")]
                   == ["refused", 0, 4, "denied", sender], "it does not say that and why")


@clause("jindou.moderation.dry-run", MODERATION, "A dry run says what moderation would do.")
def moderation_dry_run(server):
    _, payload = words_of(server, "refused_word", "a word of a list with refuse: --refused-word")
    answer = server.batch([item(fresh("group"), payload=payload)], query="dry_run=true")
    answer.require_status(200)
    element = answer.json()["items"][0]
    answer.require(element.get("moderation", {}).get("actions") == ["refuse"],
                   "moderation does not tell the action")


# Keys.


def keyed(server, path, body):
    """The answer to a POST with the key of --key."""
    secret = server.given("key", "a key for the scope send: --key")
    return server.post(path, body, headers={"Authorization": "Bearer " + secret}, token=False)


def keyed_item(content="keyed", **members):
    return item(fresh("group"), content, **dict({"from_uid": KEYED_SENDER}, **members))


def keyed_batch(server, items):
    return server.remember(keyed(server, "/message/sendbatch", items))


@clause("jindou.caller.scope", PAGE,
        "A call that needs another scope than the key has is a 403, and msg names the scope.")
def key_scope(server):
    keyed_batch(server, [keyed_item()]).require_status(200, 429)
    answer = keyed(server, "/channel", {"channel_id": fresh("group"), "channel_type": GROUP})
    if answer.status == 200:
        raise Unchecked("the key of --key may do everything", answer)
    answer.require_status(403)
    answer.require("scope administer" in answer.json().get("msg", ""),
                   "msg does not name the scope")


@clause("jindou.caller.bounds", PAGE,
        "With a key an item of another sender, or to another channel, is refused with reason 11 "
        "and code denied, and the others are sent; a single send is a 403.")
def key_bounds(server):
    mine = keyed_item()
    other_sender = keyed_item(from_uid=fresh("sender"))
    other_channel = dict(keyed_item(), channel_id=fresh("user"), channel_type=PERSON)
    answer = keyed_batch(server, [mine, other_sender, other_channel])
    found = answer.elements(3)
    if found[1].get("message_id") and found[2].get("message_id"):
        raise Unchecked("the key of --key may send as anybody to anywhere", answer)
    answer.require([(bool(each.get("message_id")), each.get("reason"), each.get("code"))
                    for each in found] == [(True, 1, None)] + [(False, DENIED, "denied")] * 2,
                   "not the first alone is sent")
    keyed(server, "/message/send", other_sender).require_status(403)
    if server.contents(other_sender["channel_id"]):
        raise Fails("what was refused is stored")


# Rate limits.


def field(answer, name, pattern):
    """The numbers of the limit of the key in a header field."""
    found = re.search('"key";' + pattern, answer.headers.get(name, ""))
    return found and [int(number) for number in found.groups()]


def quota_of(server):
    """How many items the key may send at once, of its answer."""
    answer = keyed_batch(server, [keyed_item()])
    if "ratelimit-policy" not in answer.headers:
        raise Unchecked("the key of --key has no rate", answer)
    policy = field(answer, "ratelimit-policy", r'q=(\d+);w=(\d+);qu="items"')
    left = field(answer, "ratelimit", r"r=(\d+);t=(\d+)")
    answer.require(policy and left, "RateLimit-Policy or RateLimit are of another form")
    answer.require(left[0] <= policy[0], "more is left than there may be at once")
    return policy[0], answer


@clause("jindou.caller.fields", PAGE,
        "RateLimit-Policy and RateLimit tell how many items may come at once and within how many "
        "seconds they are back, how many are left and in how many seconds it is full.")
def rate_limit_fields(server):
    quota_of(server)


@clause("jindou.caller.rate", PAGE,
        "Items over a rate limit are refused with reason 22, code rate_limited and retry_after_ms; "
        "after the longest of these times as many as may come at once get through.")
def rate_limit(server):
    quota, answer = quota_of(server)
    if quota > LARGEST_QUOTA:
        raise Unchecked("the key of --key may send %d items at once, more than %d"
                        % (quota, LARGEST_QUOTA), answer)
    channel = fresh("group")
    items = [keyed_item(str(n), client_msg_no=str(n), channel_id=channel)
             for n in range(2 * quota)]
    answer = keyed_batch(server, items)
    if answer.status == 429:  # a key that has nothing left
        found = answer.json()["items"]
    else:
        found = answer.elements(2 * quota)
    over = [n for n, each in enumerate(found) if not each.get("message_id")]
    answer.require(over, "all of %d items are sent" % (2 * quota))
    answer.require(all((found[n].get("reason"), found[n].get("code"), found[n].get("retriable"))
                       == (OVER_A_RATE, "rate_limited", True)
                       and found[n].get("retry_after_ms", 0) > 0 for n in over),
                   "what is not sent is refused otherwise")
    longest = max(found[n]["retry_after_ms"] for n in over)
    if longest > server.patience * 1000:
        raise Unchecked("it would take %d ms: --patience" % longest, answer)
    time.sleep(longest / 1000)
    again = keyed_batch(server, [items[n] for n in over[:quota]])
    again.require(all(each.get("message_id") for each in again.elements(len(over[:quota]))),
                  "after %d ms not all of them are sent" % longest)
    sent = [b"%d" % n for n in range(2 * quota) if n not in over[quota:]]
    if sorted(server.contents(channel)) != sorted(sent):
        raise Fails("what is stored is not what was sent")


@clause("jindou.caller.advice", PAGE,
        "Batch-Advice on each answer tells how large batches are best made now, and how many of "
        "them are best sent at a time.")
def advice(server):
    for body in ([item(fresh("group"))], [item(fresh("group"), payload="***")],
                 {"from_uid": fresh("sender"), "subscribers": [fresh("user")], "payload": ["x"]}):
        answer = server.batch(body)
        offered("batch-advice" in answer.headers, "there is no Batch-Advice", answer)
        found = re.fullmatch(r"items=(\d+), concurrency=(\d+)", answer.headers["batch-advice"])
        answer.require(found and int(found[1]) > 0 and int(found[2]) > 0,
                       "it is %r" % answer.headers["batch-advice"])


@clause("jindou.caller.bulk", PAGE,
        "Of bulk messages a person is sent so many in a day; an item that is one too many is refused "
        "with reason 102 and code denied, and is not retriable; the others are sent.")
def bulk(server):
    user, sender = fresh("user"), fresh("sender")
    answer = server.batch([item(user, str(n), from_uid=sender, channel_type=PERSON)
                           for n in range(BULK)])
    found = answer.elements(BULK)
    over = [each for each in found if not each.get("message_id")]
    if not over:
        raise Unchecked("all of %d messages to a person are sent: bulk.perReceiverPerDay is off, or "
                        "larger" % BULK, answer)
    answer.require(found[-len(over):] == over, "they are not the last ones that are refused")
    answer.require(all([each.get(name) for name in ("reason", "code", "retriable")]
                       == [OVER_A_DAY, "denied", False] for each in over),
                   "they are refused otherwise")
    if len(server.contents(sender, PERSON, user)) != BULK - len(over):
        raise Fails("what is stored is not what was sent")


# Limits.


@clause("jindou.limit.variables", LIMITS, "An item has at most 100 variables; more is a 400.")
def limit_of_variables(server):
    channel = fresh("group")
    for count, status in ((VARIABLES, 200), (VARIABLES + 1, 400)):
        answer = server.batch({"payloads": {"p": ["{{v0}}"]}, "items": [target_item(
            channel, payload_ref="p", vars={"v%d" % n: "x" for n in range(count)})]})
        if status == 200:
            offered(answer.status == 200, "100 variables are answered %d" % answer.status, answer)
        answer.require_status(status)
    if server.contents(channel) != [b'["x"]']:
        raise Fails("something else than the sound item is stored")


@clause("jindou.limit.filled", LIMITS,
        "The limit of a payload counts it with its variables filled in; over it is a 400 that names "
        "the item, and nothing is sent.")
def limit_of_filled(server):
    channel = fresh("group")
    answer = refused(server, {"payloads": {"p": ["{{x}}" * 10]}, "items": [
        item(channel, "sound"), target_item(channel, payload_ref="p", vars={"x": "x" * 5000})]},
        "a payload of 50,000 bytes is taken")
    offered(answer.json().get("items") is not None, "the 400 has no items", answer)
    answer.require([each.get("index") for each in answer.json()["items"]] == [1],
                   "items do not name the second item")
    if server.contents(channel):
        raise Fails("a part of the batch is sent")


@clause("jindou.limit.templates", LIMITS,
        "A batch names at most 100 templates; more is a 400 that names the item.")
def limit_of_templates(server):
    channel, name = fresh("group"), fresh("template")
    answer = refused(server, [target_item(channel, template="%s-%d" % (name, n))
                              for n in range(VARIABLES + 1)], "101 templates are taken")
    found = answer.json().get("items")
    offered(found and found[0].get("field") == "template", "the 400 names no template", answer)
    answer.require([each.get("code") for each in found if each.get("index") == VARIABLES]
                   == ["too_large"], "the item with the 101st is not said to be one too many")


@clause("jindou.limit.payload", LIMITS,
        "A payload that is over the limit is a 400 that names the item.")
def limit_of_payload(server):
    answer = refused(server, [item(fresh("group")),
                              item(fresh("group"), payload=base64_of("x" * 48_001))],
                     "a payload of 48,001 bytes is taken")
    found = answer.json().get("items")
    offered(found is not None, "the 400 has no items", answer)
    answer.require([(each.get("index"), each.get("field")) for each in found]
                   == [(1, "payload")], "items do not name the second item and payload")
