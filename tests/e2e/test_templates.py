"""Stored templates: kept over crashes, shared by many, and what batches make of them."""

import base64
import concurrent.futures
import json
import unittest

from harness import GROUP, PERSON, ServerCase, fresh
from test_jobs import Jobs
from test_ndjson import Upload, lines_of


def text_of(message):
    return json.loads(base64.b64decode(message["payload"]))["content"]


class Templates(ServerCase):
    config = {"templates.versionsMax": 30}

    def store(self, name, content):
        return self.server.must_post(
            "/templates", {"name": name, "payload": {"type": 1, "content": content}})["version"]

    def delete(self, name, **query):
        suffix = "".join("?%s=%s" % pair for pair in query.items())
        return self.server.request("DELETE", "/templates/%s%s" % (name, suffix))

    def test_every_receiver_gets_a_payload_of_their_own(self):
        self.store("hello", "Hello {{name}}, {{n}} new")
        clients = {uid: self.server.client(uid) for uid in ("tina", "tom")}
        sent = self.server.must_batch({
            "defaults": {"from_uid": "shop", "channel_type": PERSON, "template": "hello"},
            "items": [{"channel_id": "tina", "vars": {"name": "\"Tina\"", "n": 3}},
                      {"channel_id": "tom", "vars": {"name": "Tom\n", "n": "no"}}]})
        self.assertEqual([result["reason"] for result in sent], [1, 1])
        expected = {"tina": "Hello \"Tina\", 3 new", "tom": "Hello Tom\n, no new"}
        for uid, client in clients.items():
            with client:
                message = client.recv()
                self.assertEqual(json.loads(message.payload)["content"], expected[uid])

    def test_versions_outlive_a_crash_and_are_never_used_again(self):
        # Not always 1: a template of the same partition may have been deleted.
        first = self.store("kept", "v1")
        self.assertEqual([self.store("kept", "v%d" % n) for n in (2, 3)], [first + 1, first + 2])
        self.assertEqual(self.delete("kept", version=first + 2).status, 200)
        self.server.restart()
        self.assertEqual(self.server.get("/templates/kept").json()["versions"], [first, first + 1])
        self.assertEqual(self.store("kept", "v4"), first + 3)
        self.assertEqual(self.delete("kept").status, 200)
        self.server.restart()
        self.assert_error(self.server.get("/templates/kept"), 404)
        self.assertEqual(self.store("kept", "v5"), first + 4)

    def test_many_at_once_get_a_number_each(self):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            versions = list(pool.map(lambda n: self.store("busy", "from %d" % n), range(4)))
        self.assertEqual(sorted(versions), list(range(min(versions), min(versions) + 4)))

    def test_a_batch_that_names_one_that_is_gone_sends_nothing(self):
        self.store("short", "x {{a}}")
        item = {"from_uid": "u1", "channel_id": "tgone", "channel_type": GROUP, "template": "short"}
        self.server.must_batch([dict(item, vars={"a": 1})])
        self.delete("short")
        answer = self.server.batch([dict(item, template=None, payload={"own": 1}),
                                    dict(item, vars={"a": 1}, client_msg_no="n1")])
        body = self.assert_error(answer, 400)
        self.assertEqual([(p["index"], p["field"], p["client_msg_no"], p["code"], p["msg"])
                          for p in body["items"]],
                         [(1, "template", "n1", "not_found", "template \"short\" does not exist")])
        self.assertEqual([text_of(m) for m in self.server.messages("tgone")], ["x 1"])

    def test_a_job_has_filled_in_what_is_deleted_while_it_runs(self):
        jobs = Jobs(self.server)
        for lines in (True, False):
            with self.subTest(lines=lines):
                name, group = fresh("t"), fresh("g")
                self.store(name, "x {{n}}")
                items = [{"from_uid": "u1", "channel_id": group, "channel_type": GROUP,
                          "template": name, "vars": {"n": n}} for n in range(20)]
                job = jobs.make(items, "&canary=5", lines=lines)
                jobs.wait(job, ("paused",))
                self.assertEqual(self.delete(name).status, 200)
                self.server.restart()
                self.assertEqual(jobs.act(job, "resume").status, 200)
                done = jobs.wait(job)
                self.assertEqual((done["accepted"], done["refused"]), (20, 0))
                self.assertEqual([text_of(m) for m in self.server.messages(group)],
                                 ["x %d" % n for n in range(20)])
                # The next one has none of it.
                late = self.server.post("/message/sendbatch?async=true", items[:2])
                self.assertIn("does not exist", json.dumps(self.assert_error(late, 400)))
                late = jobs.make(items[:2])
                self.assertEqual(jobs.wait(late)["refused"], 2)
                self.assertEqual({(r["code"], r["msg"]) for r in jobs.results(late)},
                                 {("not_found", 'template "%s" does not exist' % name)})
                self.assertEqual(self.server.max_seq(group), 20)

    def test_a_stream_refuses_the_lines_behind_the_deletion(self):
        name, group = fresh("t"), fresh("g")
        self.store(name, "x {{n}}")
        items = [{"from_uid": "u1", "channel_id": group, "channel_type": GROUP,
                  "template": name, "vars": {"n": n}} for n in range(4)]
        own = {"from_uid": "u1", "channel_id": group, "channel_type": GROUP,
               "payload": {"content": "own"}}
        with Upload(self.server) as upload:
            upload.send(lines_of(items[:2]))
            self.assertEqual([upload.read_line()["reason"] for _ in range(2)], [1, 1])
            self.delete(name)
            upload.send(lines_of(items[2:] + [own]))
            upload.end()
            *told, end = upload.read_all()
        self.assertEqual([(r["index"], r["reason"], r.get("code"), r.get("msg")) for r in told],
                         [(2, 0, "not_found", 'template "%s" does not exist' % name),
                          (3, 0, "not_found", 'template "%s" does not exist' % name),
                          (4, 1, None, None)])
        self.assertEqual((end["done"], end["accepted"], end["refused"]), (True, 3, 2))
        self.assertEqual([text_of(m) for m in self.server.messages(group)], ["x 0", "x 1", "own"])

    def test_there_are_no_more_versions_than_may_be(self):
        first = [self.store("full", "x") for _ in range(30)][0]
        answer = self.server.post("/templates", {"name": "full", "payload": {}})
        self.assertIn("templates.versionsMax", self.assert_error(answer, 400)["msg"])
        self.delete("full", version=first)
        self.assertEqual(self.store("full", "x"), first + 30)

    def test_a_list_of_them_in_pages(self):
        names = ["page-%02d" % n for n in range(7)]
        for name in names:
            self.store(name, "x")
        found, after = [], "page-"
        while True:
            page = self.server.get("/templates", {"after": after, "limit": 3}).json()
            found += [one["name"] for one in page["templates"]]
            after = found[-1]
            if not page["more"] or not after.startswith("page-"):
                break
        self.assertEqual([name for name in found if name.startswith("page-")], names)


if __name__ == "__main__":
    unittest.main()
