"""CSV that becomes a job: POST /message/sendbatch?async=true with Content-Type: text/csv."""

import base64
import gzip
import json
import socket
import time
import unittest
import urllib.parse

from harness import GROUP, RawHttp, ServerCase, fresh, wait_until
from test_jobs import Jobs

CSV = {"Content-Type": "text/csv"}


def query_of(**more):
    asked = {"async": "true", "from_uid": "system", "channel_type": GROUP,
             "payload": json.dumps({"content": "Hi {{name}}"})}
    asked.update(more)
    return "/message/sendbatch?" + urllib.parse.urlencode(asked)


class CsvJobs(ServerCase):
    config = {"api.streamTimeout": "2s"}

    def setUp(self):
        self.jobs = Jobs(self.server)
        self.known = {j["id"] for j in self.server.get("/jobs").json()["jobs"]}

    def upload(self, text, path=None, headers=None):
        return self.server.post(path or query_of(), text, headers={**CSV, **(headers or {})},
                                timeout=60)

    def contents(self, group):
        return [json.loads(base64.b64decode(m["payload"]))["content"]
                for m in self.server.messages(group)]

    def assert_nothing(self, answer, group, why):
        self.assertIn(why, self.assert_error(answer, 400)["msg"])
        self.assertEqual(self.server.max_seq(group), 0)
        jobs = [j for j in self.server.get("/jobs").json()["jobs"] if j["id"] not in self.known]
        self.assertEqual([j["state"] for j in jobs if j["state"] != "failed"], [])

    def test_thousands_of_rows(self):
        groups = [fresh("g") for _ in range(5)]
        rows = ["%s,name %d" % (groups[i % 5], i) for i in range(5000)]
        answer = self.upload("channel_id,name\n" + "\n".join(rows), query_of(name="from csv"))
        self.assertEqual((answer.status, answer.json()["items"], answer.json()["refused"]),
                         (202, 5000, 0), answer)
        done = self.jobs.wait(answer.json()["id"])
        self.assertEqual((done["state"], done["accepted"], done["name"]),
                         ("done", 5000, "from csv"))
        for place, group in enumerate(groups):
            self.assertEqual(self.contents(group),
                             ["Hi name %d" % i for i in range(place, 5000, 5)])

    def test_files_as_office_programs_write_them(self):
        group = fresh("g")
        text = ("\ufeffname,channel_id\r\n\"Emil, \"\"the Great\"\"\",%s\r\n\"two\r\nlines\",%s\r\n"
                % (group, group))
        answer = self.upload(gzip.compress(text.encode()), headers={"Content-Encoding": "gzip"})
        self.jobs.wait(answer.json()["id"])
        self.assertEqual(self.contents(group), ['Hi Emil, "the Great"', "Hi two\r\nlines"])

    def test_a_template_may_go_while_its_job_is_there(self):
        name, group = fresh("t"), fresh("g")
        self.server.must_post("/templates", {"name": name, "payload": {"content": "Bye {{name}}"}})
        path = query_of(payload="", template=name, not_before=int(time.time()) + 2)
        job = self.upload("channel_id,name\n%s,Ann\n" % group, path).json()["id"]
        self.assertEqual(self.server.request("DELETE", "/templates/" + name).status, 200)
        self.assertEqual(self.server.max_seq(group), 0)
        self.jobs.wait(job)
        self.assertEqual(self.contents(group), ["Bye Ann"])

    def test_bad_rows_are_refused_by_themselves(self):
        group = fresh("g")
        answer = self.upload("channel_id,name\n%s,Ann\n%s\n%s,Bob,more\n,Carl\n%s,Dora\n" %
                             ((group,) * 4))
        self.assertEqual((answer.json()["items"], answer.json()["refused"]), (5, 3), answer)
        job = answer.json()["id"]
        self.jobs.wait(job)
        refused = self.jobs.results(job, "?status=refused")
        self.assertEqual([(r["index"], r["code"]) for r in refused],
                         [(1, "invalid"), (2, "invalid"), (3, "invalid")])
        self.assertEqual(refused[0]["msg"],
                         "line 3: the row has 1 field, the first row names 2 columns")
        self.assertEqual(self.contents(group), ["Hi Ann", "Hi Dora"])

    def test_what_is_no_csv_starts_nothing(self):
        group = fresh("g")
        many = "".join("%s,n%d\n" % (group, i) for i in range(3000))
        for text, why in (("channel_id,name\n" + many + '%s,"open\n' % group,
                           "the job was not started: line 3002: "),
                          ("channel_id,name\n" + many + '%s,o"pen\n' % group,
                           "the job was not started: line 3002: "),
                          ("name\nAnn\n", "no column has the name channel_id"),
                          ("channel_id,nom\n" + many, "{{name}}"),
                          ("", "the body is empty")):
            with self.subTest(why=why):
                self.assert_nothing(self.upload(text), group, why)
        text = "channel_id,name\n" + many
        self.assert_nothing(self.upload(text, query_of(payload="{{name")), group, "the payload")
        self.assert_nothing(self.upload(text, query_of(channel_type="x")), group, "channel_type")

    def test_an_upload_that_is_cut_starts_nothing(self):
        group = fresh("g")
        data = ("channel_id,name\n" + "".join("%s,n%d\n" % (group, i) for i in range(5000))).encode()
        head = ("POST %s HTTP/1.1\r\nHost: h\r\nContent-Type: text/csv\r\n"
                "Transfer-Encoding: chunked\r\n\r\n" % query_of())
        with RawHttp(self.server) as raw:
            raw.send(head)
            raw.send(b"%x\r\n%s\r\n" % (len(data), data))
            raw.sock.shutdown(socket.SHUT_WR)
            answer = raw.read_response()
        self.assert_nothing(answer, group, "the job was not started")
        # The caller has gone; one who says nothing more.
        with RawHttp(self.server) as raw:
            raw.send(head)
            raw.send(b"%x\r\n%s\r\n" % (len(data), data))
        with RawHttp(self.server) as raw:
            raw.send(head)
            raw.send(b"%x\r\n%s\r\n" % (len(data), data))
            answer = raw.read_response()
        self.assert_error(answer, 400)

        def failed():
            jobs = self.server.get("/jobs?state=failed").json()["jobs"]
            return [j for j in jobs if j["id"] not in self.known]

        wait_until(lambda: len(failed()) == 3, what="all three jobs to fail")
        self.assertEqual(self.server.max_seq(group), 0)


if __name__ == "__main__":
    unittest.main()
