"""Batches as lines: POST /message/sendbatch with application/x-ndjson, with the real server."""

import gzip
import json
import random
import shutil
import socket
import subprocess
import threading
import time
import unittest

from harness import GROUP, RawHttp, Server, ServerCase, b64, fresh, item, wait_until
from test_memory import measures_memory, status_bytes

NDJSON = {"Content-Type": "application/x-ndjson"}
HEAD = ("POST /message/sendbatch%s HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-ndjson\r\n"
        "%sTransfer-Encoding: chunked\r\n\r\n")


def lines_of(items, end="\n"):
    return "".join(json.dumps(i) + end for i in items).encode()


def parsed(body):
    assert body.endswith(b"\n"), body[-100:]
    return [json.loads(line) for line in body.decode().splitlines()]


class Upload:
    """An upload in chunks whose answer is read meanwhile."""

    def __init__(self, server, query="", headers="", timeout=15.0):
        self.raw = RawHttp(server, timeout=timeout)
        self.raw.send(HEAD % (query, headers))
        self.text = b""
        self.ended = False
        self.status = None
        self.head = ""

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.raw.sock.close()

    def send(self, data):
        self.raw.send(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self):
        self.raw.send(b"0\r\n\r\n")

    def read_line(self):
        """The next line of the answer; None at its end. EOFError: it was cut off."""
        while b"\n" not in self.text:
            if self.ended:
                assert self.text == b""
                return None
            self._read_chunk()
        line, self.text = self.text.split(b"\n", 1)
        return json.loads(line)

    def field(self, name):
        """Of the header of the answer, of which a line was read."""
        return self.head.split("\r\n%s: " % name, 1)[1].split("\r\n", 1)[0]

    def read_all(self):
        found = []
        while (line := self.read_line()) is not None:
            found.append(line)
        return found

    def _until(self, mark):
        while mark not in self.raw.buffer:
            self.raw._more()
        part, self.raw.buffer = self.raw.buffer.split(mark, 1)
        return part

    def _read_chunk(self):
        if self.status is None:
            head = self._until(b"\r\n\r\n").decode()
            self.status = int(head.split(" ")[1])
            assert self.status == 200, head
            assert "\r\nContent-Type: application/x-ndjson" in head, head
            self.head = head
        size = int(self._until(b"\r\n"), 16)
        while len(self.raw.buffer) < size + 2:
            self.raw._more()
        self.text += self.raw.buffer[:size]
        self.raw.buffer = self.raw.buffer[size + 2:]
        self.ended = size == 0


class Lines(ServerCase):
    def post(self, body, query="", headers=None):
        answer = self.server.post("/message/sendbatch" + query, body,
                                  headers={**NDJSON, **(headers or {})}, timeout=60)
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.headers["content-type"], "application/x-ndjson")
        return parsed(answer.body)

    def test_results_are_those_of_the_array_form(self):
        groups = [fresh("g") for _ in range(5)]
        for group in groups:
            self.server.create_group(group, ["alice"])
        with self.server.client("alice") as alice:
            items = [item(groups[i % 5], "n%d" % i, client_msg_no=fresh("c")) for i in range(100)]
            *results, end = self.post(lines_of(items))
            self.assertEqual([r["index"] for r in results], list(range(100)))
            self.assertEqual(end, {"done": True, "items": 100, "accepted": 100, "duplicate": 0,
                                   "refused": 0, "unknown": 0})
            for g in range(5):
                self.assertEqual([r["message_seq"] for r in results[g::5]], list(range(1, 21)))
            received = {}
            for _ in range(100):
                got = alice.recv()
                received.setdefault(got.channel_id, []).append(got.message_seq)
            self.assertEqual(sorted(received), sorted(groups))
            for seqs in received.values():
                self.assertEqual(seqs, list(range(1, 21)))
        again = self.server.must_batch(items)
        for result in results:
            del result["index"]
            result["duplicate"] = True
        self.assertEqual(again, results)

    def test_ends_of_lines(self):
        for end, head, tail in (("\n", b"", b""), ("\r\n", b"", b""), ("\n\n", b"\xef\xbb\xbf", b""),
                                ("\r\n \t\r\n", b"\n", b"  "), ("\n", b"", None)):
            group = fresh("g")
            body = head + lines_of([item(group, "a"), item(group, "b")], end)
            body = body.rstrip() if tail is None else body + tail
            *results, last = self.post(body)
            self.assertEqual([(r["index"], r["message_seq"]) for r in results], [(0, 1), (1, 2)])
            self.assertEqual(last["accepted"], 2)
        self.assertEqual(self.post(b"\n"), [{"done": True, "items": 0, "accepted": 0,
                                             "duplicate": 0, "refused": 0, "unknown": 0}])

    def test_a_bad_line_is_refused_by_itself(self):
        group = fresh("g")
        good = lines_of([item(group, "x")])
        bad = [b"[1]\n", b"{\n", b'"text"\n', b'{"from_uid":"u"}\n', b"\xff\xfe\n",
               lines_of([item(group, "x", channel_type=0, client_msg_no="c0")]),
               lines_of([dict(item(group, "x"), payload=7)])]
        *results, end = self.post(good + b"".join(line + good for line in bad))
        self.assertEqual(len(results), 2 * len(bad) + 1)
        for result in results[1::2]:
            self.assertEqual((result["message_id"], result["code"]), (0, "invalid"), result)
            self.assertTrue(result["msg"])
            self.assertIs(result["retriable"], False)
        self.assertEqual(results[11]["client_msg_no"], "c0")
        self.assertEqual(results[11]["field"], "channel_type")
        self.assertEqual([r["message_seq"] for r in results[0::2]], list(range(1, len(bad) + 2)))
        self.assertEqual((end["done"], end["refused"]), (True, len(bad)))

    def test_refusals_of_the_core(self):
        good, banned = fresh("g"), fresh("g")
        self.server.must_post("/channel/info", {"channel_id": banned, "channel_type": GROUP, "ban": 1})
        items = [item(good, "a"), item(banned, "b", client_msg_no="p2"), item(good, "c")]
        first, failed, last, end = self.post(lines_of(items))
        self.assertEqual((first["message_seq"], last["message_seq"]), (1, 2))
        self.assertEqual((failed["reason"], failed["code"], failed["client_msg_no"]),
                         (19, "denied", "p2"))
        self.assertEqual((end["accepted"], end["refused"]), (2, 1))

    def test_stop_sends_nothing_behind_a_failure(self):
        good, banned = fresh("g"), fresh("g")
        self.server.must_post("/channel/info", {"channel_id": banned, "channel_type": GROUP, "ban": 1})
        for wrong in (b"[1]\n", lines_of([item(banned, "b")])):
            group = fresh("g")
            before = lines_of([item(group, "n%d" % i) for i in range(3)])
            after = lines_of([item(group, "m%d" % i) for i in range(2000)])
            *results, end = self.post(before + wrong + after, "?on_error=stop")
            self.assertEqual(len(results), 4)
            self.assertIs(end["done"], False)
            self.assertEqual(end["code"], "stopped")
            self.assertIn("item 3", end["msg"])
            self.assertEqual(self.server.max_seq(group), 3)
        answer = self.server.post("/message/sendbatch?on_error=never", b"", headers=NDJSON)
        self.assertIn("on_error", self.assert_error(answer, 400)["msg"])

    def test_results_come_while_the_upload_runs(self):
        group = fresh("g")
        with Upload(self.server) as upload:
            for i in range(50):
                data = lines_of([item(group, "n%d" % i)])
                cut = random.randrange(1, len(data))
                upload.send(data[:cut])
                upload.send(data[cut:])
                self.assertEqual(upload.read_line()["message_seq"], i + 1)
            # Half of a line does not hold up the ones before it.
            data = lines_of([item(group, "a"), item(group, "b")])
            upload.send(data[:-5])
            self.assertEqual(upload.read_line()["message_seq"], 51)
            upload.send(data[-5:])
            upload.end()
            self.assertEqual(upload.read_line()["message_seq"], 52)
            self.assertEqual(upload.read_all()[0]["items"], 52)
            # The connection is as good as before.
            upload.raw.send("GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
            self.assertEqual(upload.raw.read_response().status, 200)

    def test_expect_continue_and_coded_bodies(self):
        for encode in (gzip.compress,):
            group = fresh("g")
            data = encode(lines_of([item(group, "n%d" % i) for i in range(500)]))
            with Upload(self.server, headers="Content-Encoding: gzip\r\n"
                                             "Expect: 100-continue\r\n") as upload:
                self.assertIn(b" 100 ", upload._until(b"\r\n\r\n"))
                for at in range(0, len(data), 333):
                    upload.send(data[at:at + 333])
                upload.end()
                self.assertEqual(upload.read_all()[-1]["accepted"], 500)
        with Upload(self.server, headers="Content-Encoding: gzip\r\n") as upload:
            upload.send(data[:-20])
            upload.end()
            end = upload.read_all()[-1]
            self.assertEqual((end["done"], end["code"]), (False, "invalid"))
            self.assertIn("gzip", end["msg"])

    def test_more_than_a_body_may_have(self):
        # 12 MB of lines, over the 10 MiB of other bodies.
        group = fresh("g")
        text = b64("x" * 200)
        items = [{"from_uid": "u", "channel_id": group, "channel_type": 2, "payload": text}] * 32_000
        body = lines_of(items)
        self.assertGreater(len(body), 10 << 20)
        with Upload(self.server, timeout=60) as upload:
            def send():
                for at in range(0, len(body), 100_000):
                    upload.send(body[at:at + 100_000])
                upload.end()

            sender = threading.Thread(target=send)
            sender.start()
            *results, end = upload.read_all()
            sender.join()
        self.assertEqual([r["message_seq"] for r in results], list(range(1, len(items) + 1)))
        self.assertEqual(end["accepted"], len(items))

    def test_a_cut_upload_is_sent_as_far_as_it_came(self):
        group = fresh("g")
        data = lines_of([item(group, "a"), item(group, "b"), item(group, "c")])
        with Upload(self.server) as upload:
            upload.send(data[:-10])
            upload.raw.sock.shutdown(socket.SHUT_WR)
            *results, end = upload.read_all()
            self.assertEqual(len(results), 2)
            self.assertEqual((end["done"], end["items"], end["code"]), (False, 2, "incomplete"))
            self.assertTrue(upload.raw.is_closed())
        self.assertEqual(self.server.max_seq(group), 2)
        # The caller has gone altogether.
        group = fresh("g")
        with Upload(self.server) as upload:
            upload.send(lines_of([item(group, "a"), item(group, "b")]))
        wait_until(lambda: self.server.max_seq(group) == 2, what="what came before the cut")

    def test_refused_before_it_is_read(self):
        with RawHttp(self.server) as raw:
            raw.send("POST /message/sendbatch HTTP/1.1\r\nHost: h\r\nContent-Encoding: br\r\n"
                     "Content-Type: application/x-ndjson\r\nContent-Length: 99999999999\r\n\r\n")
            self.assertEqual(raw.read_response().status, 415)

    @unittest.skipUnless(shutil.which("curl"), "needs curl")
    def test_curl(self):
        group = fresh("g")
        body = lines_of([item(group, "n%d" % i) for i in range(2000)])
        for flags in (["-T", "-"], ["--data-binary", "@-", "--request", "POST"]):
            done = subprocess.run(
                ["curl", "-sS", "-X", "POST", "http://%s/message/sendbatch" % self.server.http,
                 "-H", "Content-Type: application/x-ndjson", *flags],
                input=body, stdout=subprocess.PIPE, timeout=60, check=True)
            self.assertEqual(parsed(done.stdout)[-1]["items"], 2000)

    def test_several_streams_and_chats_beside_them(self):
        failures = []

        def stream(group):
            try:
                end = self.post(lines_of([item(group, "n%d" % i) for i in range(3000)]))[-1]
                assert end["accepted"] == 3000, end
                assert self.server.max_seq(group) == 3000
            except AssertionError as error:
                failures.append(error)

        threads = [threading.Thread(target=stream, args=(fresh("g"),)) for _ in range(4)]
        for thread in threads:
            thread.start()
        group = fresh("g")
        for i in range(20):
            self.assertEqual(self.server.must_batch([item(group, "c")])[0]["message_seq"], i + 1)
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])


class SmallLimits(ServerCase):
    config = {"api.streamTimeout": "1s", "api.maxBodyBytes": 64 << 10, "core.itemsInFlight": 1000,
              "api.requestTimeout": "5s"}

    def test_a_long_line_is_refused_by_itself(self):
        group = fresh("g")
        good = lines_of([item(group, "x")])
        long_line = b'{"payload":"' + b"x" * (64 << 10) + b'"}\n'
        with Upload(self.server) as upload:
            data = good + long_line + good
            for at in range(0, len(data), 10_000):
                upload.send(data[at:at + 10_000])
            upload.end()
            first, refused, last, end = upload.read_all()
        self.assertEqual((first["message_seq"], last["message_seq"]), (1, 2))
        self.assertEqual(refused["code"], "too_large")
        self.assertIn("api.maxBodyBytes", refused["msg"])
        self.assertEqual(end["done"], True)

    def test_a_silent_upload_is_ended_and_told(self):
        group = fresh("g")
        with Upload(self.server) as upload:
            upload.send(lines_of([item(group, "a")]))
            self.assertEqual(upload.read_line()["message_seq"], 1)
            end = upload.read_line()
            self.assertEqual((end["done"], end["code"]), (False, "incomplete"))
            self.assertIn("api.streamTimeout", end["msg"])
            self.assertTrue(upload.raw.is_closed())

    def test_who_does_not_read_is_slowed_then_cut(self):
        group = fresh("g")
        data = lines_of([item(group, "x")]) * 500
        with Upload(self.server, timeout=30) as upload:
            upload.raw.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            began = time.monotonic()
            with self.assertRaises(ConnectionError):
                while time.monotonic() < began + 120:
                    upload.send(data)
        self.assert_healthy()


class SmallCore(ServerCase):
    config = {"core.itemsInFlight": 1000}

    def test_overload_slows_and_refuses_nothing(self):
        # Eight streams want eight times what may be in flight.
        ends = []

        def stream(group):
            answer = self.server.post("/message/sendbatch",
                                      lines_of([item(group, "n%d" % i) for i in range(4000)]),
                                      headers=NDJSON, timeout=120)
            ends.append(parsed(answer.body)[-1])

        threads = [threading.Thread(target=stream, args=(fresh("g"),)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([end["accepted"] for end in ends], [4000] * 8)


class SmallBudget(ServerCase):
    config = {"api.bodyBytesInFlight": 1 << 20, "api.maxBodyBytes": 512 << 10,
              "api.streamTimeout": "5s"}

    def two_halves(self, groups):
        """Two streams with an item and the beginning of a line each, which leave no room for a large
        piece."""
        uploads = [Upload(self.server).__enter__() for _ in groups]
        for upload, group in zip(uploads, groups):
            self.addCleanup(upload.raw.sock.close)
            # The first line might be a head, without which there is no stream.
            upload.send(lines_of([item(group, "first")]) + b'{"payload":"')
        for upload, pieces in zip(uploads, (33, 26)):
            for _ in range(pieces):
                upload.send(b"x" * 8_000)
                time.sleep(0.01)
        time.sleep(0.2)
        for upload in uploads:
            upload.send(b"x" * 64_000)
        return uploads

    def test_streams_do_not_wait_for_each_other(self):
        groups = [fresh("g") for _ in range(2)]
        uploads = self.two_halves(groups)
        for upload, group in zip(uploads, groups):
            upload.send(b'"}\n' + lines_of([item(group, "a")]))
            upload.end()
        for upload in uploads:
            first, refused, accepted, end = upload.read_all()
            self.assertEqual(first["message_seq"], 1)
            self.assertIn(refused["code"], ("too_large", "overloaded"))
            self.assertEqual(accepted["message_seq"], 2)
            self.assertEqual((end["done"], end["items"]), (True, 3))

    def test_streams_that_have_gone_hold_nothing(self):
        for upload in self.two_halves([fresh("g"), fresh("g")]):
            upload.raw.sock.close()
        body = json.dumps([item(fresh("g"), "x" * 20_000) for _ in range(10)])
        wait_until(lambda: self.server.post("/message/sendbatch", body).status == 200,
                   what="room for a body")


class Stop(unittest.TestCase):
    def test_a_stop_in_the_middle_is_told(self):
        server = Server().start()
        self.addCleanup(server.destroy)
        group = fresh("g")
        with Upload(server) as upload:
            upload.send(lines_of([item(group, "a"), item(group, "b")]))
            self.assertEqual(upload.read_line()["message_seq"], 1)
            self.assertEqual(upload.read_line()["message_seq"], 2)
            stopper = threading.Thread(target=server.stop)
            stopper.start()
            end = upload.read_line()
            self.assertEqual((end["done"], end["items"], end["code"]), (False, 2, "incomplete"))
            self.assertIn("stopping", end["msg"])
            stopper.join()
        server.start()
        self.assertEqual(server.max_seq(group), 2)


@measures_memory
class Memory(unittest.TestCase):
    def test_memory_does_not_grow_with_the_stream(self):
        server = Server().start()
        self.addCleanup(server.destroy)
        warm = [item(fresh("g"), "x" * 100) for _ in range(1000)]
        for _ in range(20):
            server.must_batch(warm)
        before = status_bytes(server, "VmRSS")
        one = json.dumps({"from_uid": "u", "channel_id": "CHANNEL", "channel_type": 2,
                          "payload": b64("x" * 100), "header": {"no_persist": 1}})
        piece = "".join(one.replace("CHANNEL", "m%d" % (i % 50)) + "\n" for i in range(500)).encode()
        rounds = 400
        with Upload(server, timeout=120) as upload:
            def send():
                for _ in range(rounds):
                    upload.send(piece)
                upload.end()

            sender = threading.Thread(target=send)
            sender.start()
            count = 0
            while (line := upload.read_line()) is not None:
                count += 1
                last = line
            sender.join()
        self.assertEqual(last["accepted"], rounds * 500)
        self.assertEqual(count, rounds * 500 + 1)
        self.assertLess(status_bytes(server, "VmRSS") - before, 150 << 20)


if __name__ == "__main__":
    unittest.main()
