"""Content-Encoding of bodies and Accept-Encoding of answers, with the real server."""

import gzip
import json
import shutil
import subprocess
import threading
import unittest
import zlib

from harness import GROUP, RawHttp, ServerCase, b64, fresh, item
from test_memory import status_bytes

BODY_MAX = 1 << 20


def zstd(data, *options):
    return subprocess.run(["zstd", "-q", "-c", *options], input=data, stdout=subprocess.PIPE,
                          check=True).stdout


def unzstd(data):
    return subprocess.run(["zstd", "-q", "-d", "-c"], input=data, stdout=subprocess.PIPE,
                          check=True).stdout


CODINGS = {"gzip": (gzip.compress, gzip.decompress), "zstd": (zstd, unzstd)}


def batch_of(group, count):
    return json.dumps([item(group, "text %d" % i, client_msg_no=fresh("c"))
                       for i in range(count)]).encode()


@unittest.skipUnless(shutil.which("zstd"), "needs the command zstd")
class ContentCodings(ServerCase):
    config = {"api.maxBodyBytes": BODY_MAX, "api.bodyTimeout": "2s"}

    def send(self, data, coding, path="/message/sendbatch", **options):
        return self.server.post(path, data, headers={"Content-Encoding": coding}, **options)

    def test_batches_in_either_coding(self):
        for coding, (encode, _) in CODINGS.items():
            group = fresh("g")
            answer = self.send(encode(batch_of(group, 200)), coding)
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual([r["message_seq"] for r in answer.json()], list(range(1, 201)))
            self.assertEqual(self.server.max_seq(group), 200)

    def test_every_post_takes_them(self):
        for coding, (encode, _) in CODINGS.items():
            group = fresh("g")
            body = json.dumps({"channel_id": group, "channel_type": 2, "subscribers": ["a", "b"]})
            self.assertEqual(self.send(encode(body.encode()), coding, "/channel").status, 200)
            message = json.dumps(item(group, "one")).encode()
            answer = self.send(encode(message), coding, "/message/send")
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(answer.json()["message_seq"], 1)

    def test_several_members(self):
        group = fresh("g")
        body = batch_of(group, 3)
        for coding, (encode, _) in CODINGS.items():
            parts = b"".join(encode(body[at:at + 100]) for at in range(0, len(body), 100))
            self.assertEqual(self.send(parts, coding).status, 200)
        self.assertEqual(self.server.max_seq(group), 3)

    def test_chunked_and_continue(self):
        for coding, (encode, _) in CODINGS.items():
            group = fresh("g")
            data = encode(batch_of(group, 50))
            with RawHttp(self.server) as raw:
                raw.send("POST /message/sendbatch HTTP/1.1\r\nHost: h\r\nContent-Encoding: %s\r\n"
                         "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n" % coding)
                for at in range(0, len(data), 37):
                    part = data[at:at + 37]
                    raw.send(b"%x\r\n%s\r\n" % (len(part), part))
                raw.send("0\r\n\r\n")
                self.assertEqual(raw.read_response().status, 200)
                # The connection is as good as before.
                raw.send("GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
                self.assertEqual(raw.read_response().status, 200)
            self.assertEqual(self.server.max_seq(group), 50)

    def test_a_bomb_is_refused_and_costs_little(self):
        before = status_bytes(self.server, "VmRSS")
        for coding, (encode, _) in CODINGS.items():
            bomb = encode(b" " * (64 << 20))
            self.assertLess(len(bomb), BODY_MAX)
            failures = []

            def attack(data=bomb, kind=coding, out=failures):
                answer = self.send(data, kind)
                if answer.status != 413 or answer.json()["code"] != "too_large":
                    out.append(answer)

            threads = [threading.Thread(target=attack) for _ in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(failures, [])
        self.assertLess(status_bytes(self.server, "VmRSS") - before, 200 << 20)
        answer = self.send(gzip.compress(b" " * (BODY_MAX + 1)), "gzip")
        self.assertIn("api.maxBodyBytes", self.assert_error(answer, 413)["msg"])
        self.assert_healthy()

    def test_a_wide_window_is_refused(self):
        data = zstd(batch_of(fresh("g"), 1) + b" " * (16 << 20), "--ultra", "--long=27",
                    "--no-content-size")
        self.assertIn("8 MiB", self.assert_error(self.send(data, "zstd"), 400)["msg"])

    def test_what_is_not_what_it_says(self):
        group = fresh("g")
        body = batch_of(group, 2)
        for coding, (encode, _) in CODINGS.items():
            for wrong in (body, encode(body) + b"[tail]", encode(body)[:-1], b"\x1f\x8b", b"x"):
                text = self.assert_error(self.send(wrong, coding), 400)["msg"]
                self.assertIn("said to be " + coding, text)
        self.assertEqual(self.server.max_seq(group), 0)

    def test_other_codings_are_told_which_are_taken(self):
        body = batch_of(fresh("g"), 1)
        for coding in ("br", "deflate", "compress", "gzip, zstd", "gzip, gzip", "zip"):
            answer = self.send(zlib.compress(body), coding)
            self.assert_error(answer, 415)
            self.assertEqual(answer.headers["accept-encoding"], "gzip, zstd")
        self.assertEqual(self.send(body, "identity").status, 200)

    def test_a_slow_caller_is_cut(self):
        data = gzip.compress(batch_of(fresh("g"), 10))
        with RawHttp(self.server) as raw:
            raw.send("POST /message/sendbatch HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\n"
                     "Content-Length: %d\r\n\r\n" % len(data))
            raw.send(data[:20])
            self.assertTrue(raw.is_closed(10))

    def test_answers(self):
        group = fresh("g")
        self.assertEqual(self.server.batch(json.loads(batch_of(group, 300))).status, 200)
        ask = {"login_uid": "u", "channel_id": group, "channel_type": 2, "limit": 300}

        def answer(accept):
            headers = {"Accept-Encoding": accept} if accept is not None else {}
            return self.server.post("/channel/messagesync", ask, headers=headers)

        plain = answer("identity")
        self.assertNotIn("content-encoding", plain.headers)
        self.assertIn("Accept-Encoding", plain.headers["vary"])
        for accept, coding in (("gzip", "gzip"), ("zstd", "zstd"), ("gzip, deflate, br", "gzip"),
                               ("gzip, zstd", "zstd"), ("gzip;q=1, zstd;q=0.5", "gzip"),
                               ("*", "gzip"), ("br;q=1, gzip;q=0.2, identity;q=0.1", "gzip")):
            coded = answer(accept)
            self.assertEqual(coded.headers.get("content-encoding"), coding, accept)
            self.assertLess(len(coded.body), len(plain.body) / 3)
            self.assertEqual(json.loads(CODINGS[coding][1](coded.body)), plain.json())
        for accept in ("gzip;q=0", "br", "identity;q=1, *;q=0", "identity, gzip;q=0.9"):
            self.assertNotIn("content-encoding", answer(accept).headers, accept)
        short = self.server.get("/health", headers={"Accept-Encoding": "gzip"})
        self.assertNotIn("content-encoding", short.headers)

    def test_not_those_that_are_written_piece_by_piece(self):
        accept = {"Accept-Encoding": "gzip"}
        text = "".join(json.dumps(one) + "\n" for one in json.loads(batch_of(fresh("g"), 60)))
        lines = {"Content-Type": "application/x-ndjson", **accept}
        answer = self.server.post("/message/sendbatch", text, headers=lines)
        kept = self.server.post("/message/sendbatch?keep=true", text, headers=lines)
        rows = self.server.post(
            "/message/sendbatch?from_uid=u&channel_type=2&payload=x",
            "channel_id\n" + "%s\n" % fresh("g") * 60,
            headers={"Content-Type": "text/csv", **accept})
        results = self.server.get("/jobs/%s/results" % kept.headers["batch-id"], headers=accept)
        for each in (answer, kept, rows, results):
            self.assertEqual(each.status, 200, each)
            self.assertGreater(len(each.body), 1 << 10)
            self.assertNotIn("content-encoding", each.headers)

    def test_the_pages_too(self):
        for path in ("/metrics", "/docs", "/docs/openapi.json"):
            plain = self.server.get(path, headers={"Accept-Encoding": "identity"})
            coded = self.server.get(path, headers={"Accept-Encoding": "zstd"})
            self.assertEqual(coded.headers.get("content-encoding"), "zstd", path)
            self.assertLess(len(coded.body), len(plain.body) / 2)
            unzstd(coded.body)


class Bombs(ServerCase):
    """Bodies that are read piece by piece: any size, as long as they are items."""

    config = {"api.maxBodyBytes": 64 << 10, "api.maxExpansion": 5}
    LONG = 8 << 20

    def send(self, body, coding, kind, query=""):
        return self.server.post("/message/sendbatch" + query, CODINGS[coding][0](body), timeout=60,
                                headers={"Content-Encoding": coding, "Content-Type": kind})

    def bodies(self, group):
        """(content type, query, the first item, the bomb behind it, another item)"""
        line = json.dumps(item(group, "x")).encode() + b"\n"
        row = b"%s\n" % group.encode()
        rows = "&from_uid=u&channel_type=2&payload=hi"
        for bomb in (b"\n", b"  \t ", b"x"):
            yield "application/x-ndjson", "", line, bomb * (self.LONG // len(bomb)), b"\n" + line
        yield "text/csv", rows, b"channel_id\n" + row, b"\n" * self.LONG, row

    def codings(self):
        return [coding for coding in CODINGS if coding == "gzip" or shutil.which("zstd")]

    def test_a_stream_ends_where_it_is_no_items_any_more(self):
        for coding in self.codings():
            group = fresh("g")
            sent = 0
            for kind, query, first, bomb, last in self.bodies(group):
                with self.subTest(coding=coding, kind=kind, bomb=bomb[:4]):
                    answer = self.send(first + bomb + last, coding, kind, "?keep=false" + query)
                    told = [json.loads(line) for line in answer.body.decode().splitlines()]
                    sent += 1
                    # What came before it is sent and told, as of a stream that is cut.
                    self.assertEqual((told[0]["reason"], told[0]["message_seq"]), (1, sent))
                    self.assertEqual((told[-1]["done"], told[-1]["code"], told[-1]["accepted"]),
                                     (False, "invalid", 1))
                    self.assertIn("api.maxExpansion", told[-1]["msg"])
                    self.assertEqual(self.server.max_seq(group), sent)
        self.assert_healthy()

    def test_as_a_job_it_sends_nothing(self):
        for coding in self.codings():
            group = fresh("g")
            for kind, query, first, bomb, last in self.bodies(group):
                with self.subTest(coding=coding, kind=kind, bomb=bomb[:4]):
                    name = fresh("bomb")
                    answer = self.send(first + bomb + last, coding, kind,
                                       "?async=true&name=%s%s" % (name, query))
                    told = self.assert_error(answer, 400)["msg"]
                    self.assertIn("the job was not started: ", told)
                    self.assertIn("api.maxExpansion", told)
                    jobs = [job for job in self.server.get("/jobs?limit=1000").json()["jobs"]
                            if job.get("name") == name]
                    self.assertEqual([job["state"] for job in jobs], ["failed"])
                    self.assertEqual(self.server.max_seq(group), 0)
        self.assert_healthy()

    def test_items_may_be_as_much_alike_as_they_like(self):
        for coding in self.codings():
            group = fresh("g")
            lines = "".join(json.dumps({"from_uid": "u", "channel_id": group, "channel_type": GROUP,
                                        "payload": b64("x" * 4000)}) + "\n" for _ in range(300))
            data = CODINGS[coding][0](lines.encode())
            self.assertGreater(len(lines) - 3 * self.config["api.maxBodyBytes"], 20 * len(data))
            answer = self.send(lines.encode(), coding, "application/x-ndjson")
            end = json.loads(answer.body.decode().splitlines()[-1])
            self.assertEqual((end["done"], end["accepted"]), (True, 300))

    def test_what_is_not_coded_may_be_long(self):
        group = fresh("g")
        line = json.dumps(item(group, "x")).encode() + b"\n"
        answer = self.server.post("/message/sendbatch", line + b"\n" * (1 << 20) + line,
                                  headers={"Content-Type": "application/x-ndjson"})
        end = json.loads(answer.body.decode().splitlines()[-1])
        self.assertEqual((end["done"], end["accepted"]), (True, 2))


class SwitchedOff(ServerCase):
    config = {"api.compression": "false"}

    def test_answers_stay_as_they_are(self):
        answer = self.server.get("/metrics", headers={"Accept-Encoding": "gzip"})
        self.assertNotIn("content-encoding", answer.headers)
        body = batch_of(fresh("g"), 3)
        answer = self.server.post("/message/sendbatch", gzip.compress(body),
                                  headers={"Content-Encoding": "gzip"})
        self.assertEqual(answer.status, 200, answer)


if __name__ == "__main__":
    unittest.main()
