"""CSV that is answered while it comes: POST /message/sendbatch with Content-Type: text/csv."""

import base64
import gzip
import json
import unittest
import urllib.parse

from harness import GROUP, RawHttp, ServerCase, fresh
from test_ndjson import parsed

CSV = {"Content-Type": "text/csv"}


def path_of(**more):
    asked = {"from_uid": "system", "channel_type": GROUP,
             "payload": json.dumps({"content": "Hi {{name}}"})}
    asked.update(more)
    return "/message/sendbatch?" + urllib.parse.urlencode(asked)


class CsvLines(ServerCase):
    def post(self, text, headers=None, **more):
        answer = self.server.post(path_of(**more), text, headers={**CSV, **(headers or {})},
                                  timeout=60)
        self.assertEqual((answer.status, answer.headers["content-type"]),
                         (200, "application/x-ndjson"), answer)
        return parsed(answer.body)

    def contents(self, group):
        return [json.loads(base64.b64decode(m["payload"]))["content"]
                for m in self.server.messages(group)]

    def test_thousands_of_rows(self):
        groups = [fresh("g") for _ in range(5)]
        rows = ["%s,name %d" % (groups[i % 5], i) for i in range(5000)]
        *results, end = self.post("channel_id,name\n" + "\n".join(rows))
        self.assertEqual([r["index"] for r in results], list(range(5000)))
        self.assertEqual({r["reason"] for r in results}, {1})
        self.assertEqual(end, {"done": True, "items": 5000, "accepted": 5000, "duplicate": 0,
                               "refused": 0, "unknown": 0})
        for place, group in enumerate(groups):
            self.assertEqual(self.contents(group),
                             ["Hi name %d" % i for i in range(place, 5000, 5)])

    def test_files_as_office_programs_write_them(self):
        group = fresh("g")
        text = ("\ufeffname,channel_id\r\n\"Emil, \"\"the Great\"\"\",%s\r\n\"two\r\nlines\",%s\r\n"
                % (group, group))
        *results, end = self.post(gzip.compress(text.encode()), {"Content-Encoding": "gzip"})
        self.assertEqual((len(results), end["accepted"]), (2, 2))
        self.assertEqual(self.contents(group), ['Hi Emil, "the Great"', "Hi two\r\nlines"])

    def test_a_refused_row_names_the_line_it_begins_on(self):
        group = fresh("g")
        *results, end = self.post('channel_id,name\n%s,"two\nlines"\n\n,b\n' % group)
        self.assertEqual(end["refused"], 1)
        self.assertRegex(results[1]["msg"], "^line 5: channel_id is required")

    def test_rows_are_answered_while_the_upload_runs(self):
        group = fresh("g")
        head = ("POST %s HTTP/1.1\r\nHost: h\r\nContent-Type: text/csv\r\n"
                "Transfer-Encoding: chunked\r\n\r\n" % path_of())
        with RawHttp(self.server) as raw:
            def send(data):
                raw.send(b"%x\r\n%s\r\n" % (len(data), data.encode()))

            raw.send(head)
            send("channel_id,name\n%s,Ann\n" % group)
            while b'"index":0,' not in raw.buffer:
                raw._more()
            self.assertEqual(self.contents(group), ["Hi Ann"])
            send("%s,Bob\n" % group)
            raw.send(b"0\r\n\r\n")
            while b'"done":true,"items":2,"accepted":2,' not in raw.buffer:
                raw._more()
        self.assertEqual(self.contents(group), ["Hi Ann", "Hi Bob"])

    def test_bad_rows_are_refused_by_themselves(self):
        group = fresh("g")
        *results, end = self.post("channel_id,name\n%s,Ann\n%s\n%s,Bob,more\n,Carl\n%s,Dora\n" %
                                  ((group,) * 4))
        self.assertEqual([r.get("code") for r in results],
                         [None, "invalid", "invalid", "invalid", None])
        self.assertEqual(results[1]["msg"],
                         "line 3: the row has 1 field, the first row names 2 columns")
        self.assertEqual((end["done"], end["accepted"], end["refused"]), (True, 2, 3))
        self.assertEqual(self.contents(group), ["Hi Ann", "Hi Dora"])

    def test_a_quote_in_the_wrong_place_ends_it_there(self):
        for wrong in ('%s,"open\n', '%s,o"pen\n'):
            group = fresh("g")
            rows = "".join("%s,n%d\n" % (group, i) for i in range(3000))
            *results, end = self.post("channel_id,name\n" + rows + wrong % group +
                                      rows.replace(group, group + "-behind"))
            self.assertEqual((len(results), end["done"], end["accepted"], end["code"]),
                             (3000, False, 3000, "invalid"))
            self.assertTrue(end["msg"].startswith("line 3002: "), end)
            self.assertEqual(self.server.max_seq(group), 3000)
            self.assertEqual(self.server.max_seq(group + "-behind"), 0)

    def test_columns_may_be_members_of_the_item(self):
        group = fresh("g")
        *results, end = self.post(
            "channel_id,name,expire,topic,no_persist\n%s,Ann,3600,news,\n%s,Bob,,,1\n"
            "%s,Carl,1h,,\n" % (group, group, group))
        self.assertEqual((end["accepted"], end["refused"]), (2, 1))
        self.assertEqual([r["message_seq"] for r in results], [1, 0, 0])
        self.assertEqual(results[2]["msg"],
                         'line 4: expire is "1h"; it is a number within 0..316224000')
        stored, = self.server.messages(group)
        self.assertEqual((stored["expire"], stored["topic"]), (3600, "news"))

    def test_a_member_that_the_payload_names_is_a_variable(self):
        group = fresh("g")
        self.post("channel_id,topic\n%s,News\n" % group,
                  payload=json.dumps({"content": "On {{topic}}"}))
        stored, = self.server.messages(group)
        self.assertFalse(stored.get("topic"))
        self.assertEqual(self.contents(group), ["On News"])

    def test_wrong_columns_send_nothing(self):
        group = fresh("g")
        rows = "".join("%s,n%d\n" % (group, i) for i in range(3000))
        for text, why in (("name,city\n" + rows, "no column has the name channel_id"),
                          ("channel_id,nom\n" + rows, "{{name}}"),
                          ('channel_id,na"me\n' + rows, "line 1: "),
                          ("channel_id,name,subscribers\n%s,a,b\n" % group,
                           'the column "subscribers" has the name of a member'),
                          ("", "the body is empty")):
            with self.subTest(why=why):
                answer = self.server.post(path_of(), text, headers=CSV)
                self.assertIn(why, self.assert_error(answer, 400)["msg"])
        self.assertEqual(self.server.max_seq(group), 0)


if __name__ == "__main__":
    unittest.main()
