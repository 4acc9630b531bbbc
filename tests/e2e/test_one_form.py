"""One batch in each of its forms: the same items to the server, and the same choices."""

import base64
import json
import unittest
import urllib.parse

from harness import GROUP, PERSON, ServerCase, b64, fresh, wait_until
from test_jobs import Jobs

NDJSON = {"Content-Type": "application/x-ndjson"}
CSV = {"Content-Type": "text/csv"}
DEFAULTS = {"from_uid": "ann", "channel_type": GROUP}


def array(groups, numbers):
    return [{**DEFAULTS, "channel_id": group, "client_msg_no": number, "payload": b64("x")}
            for group, number in zip(groups, numbers)], {}, {}


def table(groups, numbers):
    return {"payloads": {"p": b64("x")}, "defaults": {**DEFAULTS, "payload_ref": "p"},
            "items": [{"channel_id": group, "client_msg_no": number}
                      for group, number in zip(groups, numbers)]}, {}, {}


def lines(groups, numbers):
    return "".join(json.dumps(each) + "\n" for each in array(groups, numbers)[0]), NDJSON, {}


def lines_with_a_head(groups, numbers):
    whole = table(groups, numbers)[0]
    items = whole.pop("items")
    return "\n".join(map(json.dumps, [whole] + items)), NDJSON, {}


def rows(groups, numbers):
    text = "channel_id,client_msg_no\n" + "".join("%s,%s\n" % pair
                                                  for pair in zip(groups, numbers))
    return text, CSV, {**DEFAULTS, "payload": "x"}


def rows_with_a_head(groups, numbers):
    head = table(groups, numbers)[0]
    del head["items"]
    return json.dumps(head) + "\n" + rows(groups, numbers)[0], CSV, {}


FORMS = (array, table, lines, lines_with_a_head, rows, rows_with_a_head)


def elements(answer):
    """Of an answer in any form: a result for each item."""
    if answer.headers["content-type"] == "application/x-ndjson":
        *found, last = [json.loads(line) for line in answer.body.splitlines()]
        assert "done" in last, answer
        return found
    found = answer.json()
    return found["items"] if isinstance(found, dict) else found


class OneForm(ServerCase):
    def post(self, form, groups, numbers, headers=None, **choices):
        body, own, query = form(groups, numbers)
        asked = urllib.parse.urlencode({**query, **choices})
        return self.server.post("/message/sendbatch" + ("?" + asked if asked else ""), body,
                                headers={**own, **(headers or {})})

    def seqs(self, groups):
        return [self.server.max_seq(group) for group in groups]

    def each(self):
        """A form, two groups, and the numbers of two messages."""
        for form in FORMS:
            with self.subTest(form=form.__name__):
                yield form, [fresh("g"), fresh("g")], [fresh("n"), fresh("n")]

    def banned(self, group):
        self.server.must_post("/channel", {"channel_id": group, "channel_type": GROUP, "ban": 1})

    def test_they_are_the_same_items(self):
        # What one form has sent is a repeat in each other one.
        groups, numbers = [fresh("g"), fresh("g")], [fresh("n"), fresh("n")]
        first = elements(self.post(array, groups, numbers))
        for form in FORMS:
            with self.subTest(form=form.__name__):
                answer = self.post(form, groups, numbers)
                self.assertEqual(answer.status, 200, answer)
                self.assertEqual(answer.headers["jindou-applied"], "ack=synced")
                self.assertEqual(
                    [(each["message_id"], each["client_msg_no"], each["duplicate"])
                     for each in elements(answer)],
                    [(each["message_id"], number, True) for each, number in zip(first, numbers)])
        self.assertEqual(self.seqs(groups), [1, 1])

    def test_a_dry_run(self):
        for form, groups, numbers in self.each():
            self.banned(groups[1])
            answer = self.post(form, groups, numbers, dry_run="true")
            self.assertEqual(answer.status, 200, answer)
            one, other = elements(answer)
            self.assertEqual((one["bytes"], one["receivers"], other["code"]), (1, 0, "denied"))
            self.assertEqual(answer.headers["jindou-applied"], "dry_run=true")
            self.assertEqual(self.seqs(groups), [0, 0])

    def test_all_or_none(self):
        for form, groups, numbers in self.each():
            self.banned(groups[1])
            refused = self.post(form, groups, numbers, headers={"Jindou-Atomic": "true"})
            told = self.assert_error(refused, 403)
            self.assertEqual([each["index"] for each in told["items"]], [1])
            self.assertEqual(self.seqs(groups), [0, 0])
            sound = [groups[0], fresh("g")]
            answer = self.post(form, sound, numbers, atomic="true")
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual([bool(each["message_id"]) for each in elements(answer)], [True] * 2)
            self.assertEqual(self.seqs(sound), [1, 1])

    def test_up_to_the_first_failure(self):
        for form, groups, numbers in self.each():
            self.banned(groups[0])
            answer = self.post(form, groups, numbers, on_error="stop")
            self.assertIn("denied", answer.body.decode())
            self.assertEqual(self.seqs(groups), [0, 0])

    def test_without_waiting(self):
        for form, groups, numbers in self.each():
            answer = self.post(form, groups, numbers, ack="received")
            self.assertEqual(answer.status, 202, answer)
            self.assertEqual([(each["client_msg_no"], each["state"])
                              for each in elements(answer)],
                             [(number, "received") for number in numbers])
            self.assertEqual(answer.headers["jindou-applied"], "ack=received")
            wait_until(lambda groups=groups: self.seqs(groups) == [1, 1])

    def test_kept_as_a_whole(self):
        jobs = Jobs(self.server)
        for form, groups, numbers in self.each():
            answer = self.post(form, groups, numbers, keep="true")
            self.assertEqual(answer.status, 200, answer)
            recall = self.server.post("/batches/%s/recall" % answer.headers["batch-id"])
            self.assertEqual(recall.status, 202, recall)
            self.assertEqual(jobs.wait(recall.json()["id"])["accepted"], 2)

    def test_a_repeat_under_a_key_over_a_restart(self):
        first = {}
        asked = list(self.each())
        for place, (form, groups, _) in enumerate(asked):
            # Without numbers of their own.
            answer = self.post(form, groups, ["", ""], headers={"Idempotency-Key": "k%d" % place})
            self.assertEqual(answer.status, 200, answer)
            first[form] = answer
        self.server.restart()
        for place, (form, groups, _) in enumerate(asked):
            with self.subTest(form=form.__name__):
                key = {"Idempotency-Key": "k%d" % place}
                again = self.post(form, groups, ["", ""], headers=key)
                self.assertEqual((again.status, again.headers["content-type"], again.body),
                                 (200, first[form].headers["content-type"], first[form].body))
                self.assertEqual(again.headers["idempotency-replay"], "true")
                self.assertEqual(self.seqs(groups), [1, 1])
                other = self.post(form, groups[:1], [""], headers=key)
                self.assertEqual(other.status, 422, other)

    def test_one_job_under_a_key(self):
        jobs = Jobs(self.server)
        for form, groups, _ in self.each():
            key = {"Idempotency-Key": fresh("k")}
            first = self.post(form, groups, ["", ""], headers=key, **{"async": "true"})
            self.assertEqual(first.status, 202, first)
            again = self.post(form, groups, ["", ""], headers=key, **{"async": "true"})
            self.assertEqual((again.status, again.body), (202, first.body))
            self.assertEqual(jobs.wait(first.json()["id"])["accepted"], 2)
            self.assertEqual(self.seqs(groups), [1, 1])

    def test_more_than_a_batch_is_bound_to_nothing(self):
        group = fresh("g")
        groups, numbers = [group] * 1001, [""] * 1001
        for form in (lines, rows):
            for headers in ({"Jindou-Atomic": "true"}, {"Idempotency-Key": fresh("k")}):
                told = self.assert_error(self.post(form, groups, numbers, headers=headers), 400)
                self.assertIn("there may be 1000 items (api.maxBatch)", told["msg"])
        self.assertEqual(self.server.max_seq(group), 0)


# A message of "shop" to one user, with these members of an item: where it goes, and the body.
def by_itself(uid, members):
    return "/message/send", {"from_uid": "shop", "channel_id": uid, "channel_type": PERSON,
                             **members}, {}


def to_many(uid, members):
    return "/message/sendbatch", {"from_uid": "shop", "subscribers": [uid], **members}, {}


def in_an_array(uid, members):
    return "/message/sendbatch", [by_itself(uid, members)[1]], {}


def with_defaults(uid, members):
    return "/message/sendbatch", {"defaults": {"from_uid": "shop", "channel_type": PERSON},
                                  "items": [{"channel_id": uid, **members}]}, {}


def on_a_line(uid, members):
    return "/message/sendbatch", json.dumps(in_an_array(uid, members)[1][0]), NDJSON


FORMS_OF_ONE = (by_itself, to_many, in_an_array, with_defaults, on_a_line)


class OneItem(ServerCase):
    """What a message may have of variables and templates it may have in every form."""

    def post(self, form, uid, members, **choices):
        path, body, headers = form(uid, members)
        asked = urllib.parse.urlencode(choices)
        return self.server.post(path + ("?" + asked if asked else ""), body, headers=headers)

    def read(self, uid):
        return [json.loads(base64.b64decode(message["payload"]))["content"]
                for message in self.server.messages("shop", PERSON, uid)]

    def each(self):
        for form in FORMS_OF_ONE:
            with self.subTest(form=form.__name__):
                yield form, fresh("u")

    def assert_refused(self, answer, text):
        self.assertIn(answer.status, (200, 400), answer)
        self.assertIn(text, answer.body.decode())

    def test_variables_are_filled_in(self):
        greeting = {"type": 1, "content": "Hi {{name}}"}
        for form, uid in self.each():
            answer = self.post(form, uid, {"payload": greeting, "vars": {"name": "\"Ann\""}})
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(self.post(form, uid, {"payload": greeting}).status, 200)
            self.assert_refused(self.post(form, uid, {"payload": greeting, "vars": {}}),
                                'vars has no \\"name\\"')
            self.assert_refused(self.post(form, uid, {"payload": greeting, "vars": 7}),
                                "vars must be an object")
            self.assertEqual(self.read(uid), ["Hi \"Ann\"", "Hi {{name}}"])

    def test_a_stored_template_is_filled_in(self):
        name = fresh("t")
        for text in ("Old {{name}}", "Hello {{name}}"):
            stored = self.server.must_post("/templates", {
                "name": name, "payload": {"type": 1, "content": text}})
        older = stored["version"] - 1
        for form, uid in self.each():
            answer = self.post(form, uid, {"template": name, "vars": {"name": "Ann"}})
            self.assertEqual(answer.status, 200, answer)
            answer = self.post(form, uid, {"template": name, "template_version": older,
                                           "vars": {"name": "Ann"}})
            self.assertEqual(answer.status, 200, answer)
            self.assert_refused(self.post(form, uid, {"template": name}), 'vars has no \\"name\\"')
            self.assert_refused(self.post(form, uid, {"template": "gone"}),
                                'template \\"gone\\" does not exist')
            self.assert_refused(
                self.post(form, uid, {"template": name, "payload": {"content": "x"}}),
                "give one of the three")
            self.assert_refused(self.post(form, uid, {"payload_ref": "a"}), "payload_ref ")
            self.assertEqual(self.read(uid), ["Hello Ann", "Old Ann"])

    def test_also_in_a_job_and_all_or_none(self):
        name = fresh("t")
        self.server.must_post("/templates", {
            "name": name, "payload": {"type": 1, "content": "Hello {{name}}"}})
        jobs = Jobs(self.server)
        for form, uid in self.each():
            if form is by_itself:
                continue
            members = {"template": name, "vars": {"name": "Ann"}}
            job = self.post(form, uid, members, **{"async": "true"})
            self.assertEqual(job.status, 202, job)
            self.assertEqual(jobs.wait(job.json()["id"])["accepted"], 1)
            if form is not on_a_line:
                answer = self.post(form, uid, members, atomic="true")
                self.assertEqual(answer.status, 200, answer)
                self.assertEqual(self.read(uid), ["Hello Ann"] * 2)

    def test_a_held_message_is_filled_in(self):
        uid = fresh("u")
        answer = self.post(by_itself, uid, {"payload": {"content": "Hi {{name}}"},
                                            "vars": {"name": "Ann"}}, hold_ms=1)
        self.assertEqual(answer.status, 202, answer)
        Jobs(self.server).wait(answer.json()["id"])
        self.assertEqual(self.read(uid), ["Hi Ann"])

    def test_a_repeat_under_a_key_outlives_the_template(self):
        name = fresh("t")
        for form, uid in self.each():
            if form is on_a_line:
                continue
            self.server.must_post("/templates", {
                "name": name, "payload": {"type": 1, "content": "Hello {{name}}"}})
            path, body, _ = form(uid, {"template": name, "vars": {"name": "Ann"}})
            key = {"Idempotency-Key": fresh("k")}
            first = self.server.post(path, body, headers=key)
            self.assertEqual(first.status, 200, first)
            self.assertEqual(self.server.request("DELETE", "/templates/" + name).status, 200)
            again = self.server.post(path, body, headers=key)
            self.assertEqual((again.status, again.body), (200, first.body))
            self.assertEqual(again.headers["idempotency-replay"], "true")
            self.assertEqual(self.read(uid), ["Hello Ann"])


if __name__ == "__main__":
    unittest.main()
