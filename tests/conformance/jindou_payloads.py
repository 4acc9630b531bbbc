"""The object with items: shared payloads, defaults, variables; and payloads that the server keeps."""

import base64
import json

from contract import Fails, clause, offered
from jindou_items import REPEATS
from target import ABSENT, base64_of, fresh, item

PAGE = "docs/batch.md, Variables"
TEMPLATES = "docs/batch.md, Templates"


def target_item(channel, **members):
    """An item that says nothing of its payload."""
    return item(channel, payload=ABSENT, **members)


def filled(server, payload, variables):
    """What is stored for `payload` with these variables."""
    channel = fresh("group")
    body = {"payloads": {"p": payload},
            "items": [target_item(channel, payload_ref="p", vars=variables)]}
    answer = server.batch(body)
    offered(answer.status == 200, "payloads, payload_ref and vars are answered %d" % answer.status,
            answer)
    answer.elements(1)
    return server.contents(channel)[0]


def require_taken(server, body, count):
    """The elements of a body with items; not offered when it is refused."""
    answer = server.batch(body)
    offered(answer.status == 200, "an object with items is answered %d" % answer.status, answer)
    return answer.elements(count)


def refuse_beside(server, channel, bad, index, field):
    """A batch of a sound item and `bad` is refused, and the answer names item and member."""
    answer = server.refuse(bad)
    named = [(each.get("index"), each.get("field")) for each in answer.json().get("items", [])]
    answer.require(named == [(index, field)], "items do not name item %d and %s, but %r"
                   % (index, field, named))
    if server.contents(channel):
        raise Fails("a part of the batch is sent")


@clause("jindou.payloads.shared", "docs/batch.md, Shared payloads",
        "An object with items is answered as the array of these items; several of them may name one "
        "of its payloads with payload_ref, beside items with a payload of their own.")
def shared(server):
    channels = [fresh("group") for _ in range(3)]
    require_taken(server, {"payloads": {"a": {"text": "shared"}}, "items": [
        target_item(channels[0], payload_ref="a"), target_item(channels[1], payload_ref="a"),
        item(channels[2], "own")]}, 3)
    found = [server.contents(channel) for channel in channels]
    if found != [[b'{"text":"shared"}'], [b'{"text":"shared"}'], [b"own"]]:
        raise Fails("the channels have %r" % found)


@clause("jindou.payloads.unknown", PAGE,
        "A payload_ref that payloads does not have is a 400 that names the item; nothing is sent.")
def unknown_reference(server):
    shared(server)
    channel = fresh("group")
    refuse_beside(server, channel, {"payloads": {"a": {"text": "a"}}, "items": [
        target_item(channel, payload_ref="a"), target_item(channel, payload_ref="b")]},
        1, "payload_ref")


@clause("jindou.payloads.several", "docs/api.md, Payloads, defaults, variables",
        "An item with more than one of payload, payload_ref and template is refused.")
def several_payloads(server):
    shared(server)
    channel = fresh("group")
    server.refuse({"payloads": {"a": {"text": "a"}},
                   "items": [item(channel, "own", payload_ref="a")]})


@clause("jindou.defaults.members", "docs/batch.md, Defaults",
        "defaults has members for items that lack them: absent, null or an empty text. Flags of the "
        "header are taken one by one, other members as a whole.")
def defaults(server):
    channel, other, usual, own = fresh("group"), fresh("group"), fresh("sender"), fresh("sender")
    require_taken(server, {
        "defaults": {"from_uid": usual, "channel_id": channel, "channel_type": 2,
                     "payload": {"text": "default"}, "header": {"red_dot": 1}},
        "items": [{}, {"from_uid": None, "channel_id": ""},
                  {"from_uid": own, "channel_id": other, "payload": {"text": "own"},
                   "header": {"red_dot": 0}}]}, 3)
    found = [(each["from_uid"], each.get("header", {}).get("red_dot"),
              base64.b64decode(each["payload"]))
             for name in (channel, other) for each in server.stored(name)]
    if found != [(usual, 1, b'{"text":"default"}')] * 2 + [(own, 0, b'{"text":"own"}')]:
        raise Fails("sender, red_dot and payload of what is stored are %r" % found)


@clause("jindou.vars.json", PAGE,
        "vars fill in the places {{name}} of a payload: in a string of JSON with JSON's escapes, and "
        "elsewhere in JSON as a JSON value, so that JSON stays JSON.")
def variables_in_json(server):
    stored = filled(server, {"text": "Hi {{ name }}, {{n}}"}, {"name": 'A "\n\\', "n": 3})
    if json.loads(stored) != {"text": 'Hi A "\n\\, 3'}:
        raise Fails("stored is %r" % stored)
    stored = filled(server, base64_of('{"by":{{name}},"n":{{n}}}'), {"name": 'A "', "n": [3]})
    if json.loads(stored) != {"by": 'A "', "n": [3]}:
        raise Fails("stored is %r" % stored)


@clause("jindou.vars.text", PAGE, "In a payload that is no JSON a place takes the text as it is.")
def variables_in_text(server):
    stored = filled(server, base64_of('Write {{{{name}} for "{{name}}"'), {"name": 'A "'})
    if stored != b'Write {{name}} for "A ""':
        raise Fails("stored is %r" % stored)


@clause("jindou.vars.braces", PAGE,
        "Four braces in the place of two are two braces that are no place. Without any vars braces "
        "are text.")
def braces(server):
    stored = filled(server, {"text": "{{{{a}} {{b}}"}, {"b": "B"})
    if json.loads(stored) != {"text": "{{a}} B"}:
        raise Fails("stored is %r" % stored)
    channel = fresh("group")
    server.accept([item(channel, "{{a}} {{")])
    if server.contents(channel) != [b"{{a}} {{"]:
        raise Fails("a payload without vars is changed")


@clause("jindou.vars.unknown", PAGE,
        "A place without a value is a 400 that names the item; a value of null counts as absent; "
        "nothing is sent.")
def unknown_variable(server):
    shared(server)
    for variables in ({"nmae": "Bob"}, {"name": None}, {}):
        channel = fresh("group")
        refuse_beside(server, channel, {"payloads": {"a": {"text": "{{name}}"}}, "items": [
            target_item(channel, payload_ref="a", vars={"name": "Ann"}),
            target_item(channel, payload_ref="a", vars=variables)]}, 1, "vars")


@clause("jindou.vars.open", PAGE, "A place without its }} is a 400 that names the item.")
def open_place(server):
    shared(server)
    channel = fresh("group")
    refuse_beside(server, channel, {"payloads": {"a": {"text": "{{name"}}, "items": [
        item(channel, "sound"), target_item(channel, payload_ref="a", vars={"name": "Ann"})]},
        1, "payload_ref")


@clause("jindou.vars.repeat", REPEATS,
        "Repeats compare payloads as they are stored: the same client_msg_no with other values of "
        "variables is a conflict.")
def repeat_compares_filled(server):
    shared(server)
    channel = fresh("group")

    def body(name):
        return {"payloads": {"a": {"text": "{{name}}"}}, "items": [target_item(
            channel, payload_ref="a", vars={"name": name}, client_msg_no="n")]}

    first = server.batch(body("Ann")).elements(1)[0]
    answer = server.batch(body("Ann"))
    answer.require(answer.elements(1)[0]["message_id"] == first["message_id"],
                   "the same again is another message")
    server.refuse(body("Bob"))


# Stored templates.


def store_template(server, name, payload):
    answer = server.post("/templates", {"name": name, "payload": payload})
    offered(answer.status not in (404, 405, 501), "there is no POST /templates", answer)
    answer.require_status(200)
    return answer.json()


@clause("jindou.template.use", TEMPLATES,
        "An item names a stored payload with template; it gets the newest version, or the one that "
        "template_version names.")
def template_use(server):
    name, channel = fresh("template"), fresh("group")
    first = store_template(server, name, {"text": "first {{x}}"})
    second = store_template(server, name, {"text": "second {{x}}"})
    try:
        if second.get("version") != first.get("version") + 1 or first.get("variables") != ["x"]:
            raise Fails("versions do not count on, or variables are not listed")
        server.batch([target_item(channel, template=name, vars={"x": "1"}),
                      target_item(channel, template=name, template_version=first["version"],
                                  vars={"x": "2"})]).elements(2)
        found = server.contents(channel)
        if found != [b'{"text":"second 1"}', b'{"text":"first 2"}']:
            raise Fails("stored are %r" % found)
    finally:
        server.request("DELETE", "/templates/" + name)


@clause("jindou.template.strict", TEMPLATES,
        "The places of a template are filled in also without vars: what has no value is a 400.")
def template_without_variables(server):
    name, channel = fresh("template"), fresh("group")
    store_template(server, name, {"text": "{{x}}"})
    try:
        server.refuse([target_item(channel, template=name)])
    finally:
        server.request("DELETE", "/templates/" + name)


@clause("jindou.template.gone", TEMPLATES,
        "A template or version that is not there, or was deleted, is a 400 that names the item; "
        "nothing is sent.")
def template_gone(server):
    name, channel = fresh("template"), fresh("group")
    store_template(server, name, {"text": "hello"})
    server.request("DELETE", "/templates/" + name).require_status(200)
    refuse_beside(server, channel,
                  [item(channel, "sound"), target_item(channel, template=name)], 1, "template")
    server.request("GET", "/templates/" + name).require_status(404)


@clause("jindou.template.versions", TEMPLATES,
        "No number of a version is used again, also when all versions were deleted.")
def template_versions(server):
    name = fresh("template")
    last = 0
    for _ in range(3):
        version = store_template(server, name, {"text": "x"})["version"]
        if version <= last:
            raise Fails("version %d comes after %d" % (version, last))
        last = version
        server.request("DELETE", "/templates/" + name).require_status(200)


@clause("jindou.template.refused", TEMPLATES,
        "A payload that no item could use, with a place that is not closed, is not stored.")
def template_refused(server):
    name = fresh("template")
    store_template(server, name, {"text": "x"})
    server.request("DELETE", "/templates/" + name)
    server.post("/templates", {"name": name, "payload": {"text": "{{x"}}).require_status(400)
    server.request("GET", "/templates/" + name).require_status(404)


@clause("jindou.template.kept", TEMPLATES,
        "Templates are listed by name, read with their payload in base64 and their variables, and "
        "deleted whole or by version.")
def template_kept(server):
    name = fresh("template")
    first = store_template(server, name, {"text": "Hi {{x}}"})["version"]
    second = store_template(server, name, {"text": "Bye"})["version"]
    try:
        answer = server.get("/templates", after=name[:-1], limit=1000).require_status(200)
        answer.require([(each.get("version"), each.get("versions"))
                        for each in answer.json().get("templates", [])
                        if each.get("name") == name] == [(second, [first, second])],
                       "the list does not have the template with its versions")
        for version, text, variables in ((first, b'{"text":"Hi {{x}}"}', ["x"]),
                                         (second, b'{"text":"Bye"}', [])):
            answer = server.get("/templates/" + name, version=version).require_status(200)
            found = answer.json()
            answer.require((found.get("version"), found.get("variables")) == (version, variables)
                           and base64.b64decode(found.get("payload", "")) == text,
                           "it is read as something else")
        server.request("DELETE", "/templates/%s?version=%d" % (name, second)).require_status(200)
        answer = server.get("/templates/" + name).require_status(200)
        answer.require(answer.json().get("version") == first, "the other version is not left")
    finally:
        server.request("DELETE", "/templates/" + name)
    server.get("/templates/" + name).require_status(404)
