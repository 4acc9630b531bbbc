"""jindou send: files of messages from the command line, with the real program and server."""

import asyncio
import base64
import csv
import http.server
import io
import json
import os
import pathlib
import random
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

from certificates import self_signed
from harness import GROUP, QUICK, Server, ServerCase, binary, fresh, item, wait_until
from test_memory import MIB, measures_memory


def command(url, *arguments):
    return [binary(), "send", "--url", url, *[str(one) for one in arguments]]


def environment(token=None):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("WK_", "JINDOU_"))}
    if token is not None:
        env["JINDOU_TOKEN"] = token
    return env


def lines_of(items):
    return "".join(json.dumps(one) + "\n" for one in items)


def text_of(message):
    return base64.b64decode(message["payload"]).decode()


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Files(unittest.TestCase):
    """A directory for each test."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="jindou-send-")
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def path(self, name):
        return str(self.directory / name)

    def write(self, name, content):
        path = self.directory / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_bytes(content.encode())
        return str(path)

    def run_send(self, url, *arguments, stdin=None, token=None, code=0, timeout=60):
        """The ended process; `code`: what it has to end with."""
        done = subprocess.run(command(url, *arguments), input=stdin, capture_output=True, text=True,
                              env=environment(token), timeout=timeout, check=False,
                              cwd=self.directory)
        self.assertEqual(done.returncode, code, done)
        return done


class SendCase(ServerCase, Files):
    def url(self):
        return "http://" + self.server.http

    def send(self, *arguments, **options):
        return self.run_send(self.url(), *arguments, **options)

    def ban(self, group, on=True):
        self.server.must_post("/channel/info", {"channel_id": group, "channel_type": GROUP,
                                                "ban": int(on)})


class Ndjson(SendCase):
    def test_a_file_twice_sends_it_once(self):
        group = fresh("g")
        # Without client_msg_no, some of them alike.
        items = [item(group, "n%d" % (i // 2)) for i in range(2500)]
        path = self.write("a.ndjson", lines_of(items))
        done = self.send(path)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, r"^jindou send: 2,500 sent, 0 refused; .*\n$")
        again = self.send(path)
        self.assertIn("0 sent, 2,500 sent before, 0 refused", again.stderr)
        self.assertEqual([text_of(m) for m in self.server.messages(group)],
                         ["n%d" % (i // 2) for i in range(2500)])
        self.send(path, "--id", "on purpose")
        self.assertEqual(self.server.max_seq(group), 5000)

    def test_more_lines_behind_those_that_were_sent(self):
        group = fresh("g")
        items = [item(group, "n%d" % i) for i in range(30)]
        self.send(self.write("a.ndjson", lines_of(items[:20])))
        self.assertIn("10 sent, 20 sent before", self.send(self.write("a.ndjson", lines_of(items))).stderr)
        self.assertEqual([text_of(m) for m in self.server.messages(group)],
                         ["n%d" % i for i in range(30)])

    def test_results_and_own_numbers(self):
        group = fresh("g")
        items = [item(group, "a", client_msg_no="one"), item(group, "b")]
        text = "\ufeff" + json.dumps(items[0]) + "\r\n\r\n" + json.dumps(items[1])
        done = self.send("-", "--results", stdin=text)
        first, second = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual((first["line"], first["client_msg_no"], first["message_seq"]), (1, "one", 1))
        self.assertEqual((second["line"], second["message_seq"]), (3, 2))
        self.assertRegex(second["client_msg_no"], "^jd[0-9a-f]{32}$")
        self.assertNotIn("index", first)

    def test_defaults_for_lines_that_lack_them(self):
        group, other = fresh("g"), fresh("g")
        text = lines_of([{"channel_id": group, "vars": {"name": "Ann"}},
                         {"channel_id": other, "from_uid": "bob", "payload": {"own": 1}}])
        self.send("--from", "system", "--channel-type", GROUP, "--payload", '{"hi": "{{name}}"}',
                  stdin=text)
        message = self.server.messages(group)[0]
        self.assertEqual(json.loads(text_of(message)), {"hi": "Ann"})
        message = self.server.messages(other)[0]
        self.assertEqual((message["from_uid"], text_of(message)), ("bob", '{"own":1}'))

    def test_refused_lines_are_kept_and_sent_when_mended(self):
        good, banned = fresh("g"), fresh("g")
        self.ban(banned)
        items = [item(good, "a"), item(banned, "b"), {"channel_id": good}, item(good, "c")]
        text = lines_of(items) + "{broken\n" + "[1]\n"
        path = self.write("a.ndjson", text)
        done = self.send(path, "--refused", "refused.ndjson", "--results", code=1)
        self.assertIn("2 sent, 4 refused", done.stderr)
        self.assertIn("the refused ones are in refused.ndjson", done.stderr)
        results = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([r["line"] for r in results], [1, 2, 3, 4, 5, 6])
        kept = [json.loads(line) for line in
                pathlib.Path(self.path("refused.ndjson")).read_text().splitlines()]
        self.assertEqual([one["refused"]["line"] for one in kept], [2, 3, 5, 6])
        self.assertEqual(kept[0]["refused"]["code"], "denied")
        self.assertEqual({k: v for k, v in kept[0].items() if k != "refused"}, items[1])
        self.assertEqual(kept[2]["refused"]["text"], "{broken")
        # Mended: the group may be sent to again, and the second one says who sends what.
        self.ban(banned, on=False)
        kept[1].update(item(good, "d"))
        mended = self.write("mended.ndjson", lines_of(kept[:2]))
        self.send(mended)
        self.assertEqual([text_of(m) for m in self.server.messages(banned)], ["b"])
        self.assertEqual([text_of(m) for m in self.server.messages(good)], ["a", "c", "d"])
        # What lies there is not written over.
        done = self.send(path, "--refused", "refused.ndjson", code=2)
        self.assertIn("refused.ndjson exists", done.stderr)

    def test_without_a_file_refusals_are_shown(self):
        done = self.send(stdin="{x\n" * 30, code=1)
        self.assertEqual(done.stderr.count(" is refused: "), 10)
        self.assertIn("--refused FILE keeps them", done.stderr)
        self.assertIn("0 sent, 30 refused", done.stderr)

    def test_items_come_as_they_are_written(self):
        group = fresh("g")
        with subprocess.Popen(command(self.url(), "--results"), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              env=environment()) as process:
            for i in range(4):
                process.stdin.write(lines_of([item(group, "n%d" % i)]).encode())
                process.stdin.flush()
                self.assertEqual(json.loads(process.stdout.readline())["message_seq"], i + 1)
            process.stdin.close()
            self.assertEqual(process.stdout.read(), b"")
            self.assertEqual(process.wait(30), 0)

    def test_the_rate(self):
        group = fresh("g")
        text = lines_of([item(group, "n%d" % i) for i in range(60)])
        began = time.monotonic()
        self.send("--rate", 50, stdin=text)
        # A tenth of a second may go at once.
        self.assertGreater(time.monotonic() - began, 1.0)
        self.assertEqual(self.server.max_seq(group), 60)

    def test_an_empty_input(self):
        self.assertIn("0 sent, 0 refused", self.send(stdin="").stderr)
        self.assertIn("0 sent, 0 refused", self.send(stdin="\n \n").stderr)

    def test_progress_lines(self):
        group = fresh("g")
        text = lines_of([item(group, "n%d" % i) for i in range(120)])
        done = self.send(self.write("a.ndjson", text), "--rate", 20, "--progress", "plain")
        self.assertRegex(done.stderr, r"jindou send: \d+ items, \d+/s, 0 refused, \d+ %, \d+s left\n")
        done = self.send(self.path("a.ndjson"), "--progress", "never")
        self.assertEqual(done.stderr.count("\n"), 1)

    def test_a_terminal_has_one_line_that_is_drawn_again(self):
        group = fresh("g")
        text = lines_of([item(group, "n%d" % i) for i in range(40)])
        path = self.write("a.ndjson", text)
        ours, theirs = os.openpty()
        with subprocess.Popen(command(self.url(), path, "--rate", 20), stderr=theirs,
                              stdin=subprocess.DEVNULL, env=environment()) as process:
            os.close(theirs)
            seen = b""
            try:
                while chunk := os.read(ours, 4096):
                    seen += chunk
            except OSError:
                pass  # the other end is closed
            os.close(ours)
            self.assertEqual(process.wait(30), 0)
        self.assertIn(b"\r\x1b[K", seen)
        self.assertIn(b"40 sent, 0 refused", seen)


class Csv(SendCase):
    HEAD = ("--from", "system", "--channel-type", str(GROUP))

    def test_rows_fill_in_the_payload(self):
        first, second, third = fresh("g"), fresh("g"), fresh("g")
        text = ("\ufeffchannel_id,name,from_uid,unused\r\n"
                '%s,"Ann ""A"", jr.",,x\r\n'
                '%s,"two\r\nlines",bob,\r\n'
                "%s,Bø,,\r\n" % (first, second, third))
        payload = '{"type": 1, "content": "Hi {{name}}"}'
        path = self.write("a.csv", text)
        done = self.send(path, *self.HEAD, "--payload", payload)
        self.assertIn("3 sent, 0 refused", done.stderr)
        for group, name, sender in ((first, 'Ann "A", jr.', "system"),
                                    (second, "two\r\nlines", "bob"), (third, "Bø", "system")):
            message = self.server.messages(group)[0]
            self.assertEqual(json.loads(text_of(message)),
                             {"type": 1, "content": "Hi " + name})
            self.assertEqual(message["from_uid"], sender)
        self.assertIn("3 sent before", self.send(path, *self.HEAD, "--payload", payload).stderr)

    def test_types_numbers_and_text(self):
        group, user = fresh("g"), fresh("u")
        rows = [["channel_id", "channel_type", "client_msg_no", "n"],
                [group, "2", "n-1", "7"], [user, "", "", "8"]]
        out = io.StringIO()
        csv.writer(out).writerows(rows)
        done = self.send("--from", "ann", "--channel-type", 1, "--payload", "n is {{n}}",
                         "--results", stdin=out.getvalue())
        results = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(results[0]["client_msg_no"], "n-1")
        self.assertEqual(text_of(self.server.messages(group)[0]), "n is 7")
        self.assertEqual(text_of(self.server.messages(user, 1, "ann")[0]), "n is 8")

    def test_a_stored_template(self):
        group, name = fresh("g"), fresh("t")
        self.server.must_post("/templates", {"name": name, "payload": {"hi": "{{who}}"}})
        self.send(*self.HEAD, "--template", name, stdin="channel_id,who\n%s,Ann\n" % group)
        self.assertEqual(text_of(self.server.messages(group)[0]), '{"hi":"Ann"}')
        done = self.send(*self.HEAD, "--template", fresh("none"),
                         stdin="channel_id,who\n%s,Ann\n" % group, code=1)
        self.assertIn("does not exist", done.stderr)

    def test_rows_of_another_length_are_refused_by_themselves(self):
        group, banned = fresh("g"), fresh("g")
        self.ban(banned)
        text = ("name,channel_id\nann,%s\nbob\ncarl,%s,x\n\"d, e\",%s\nfred,%s\n"
                % (group, group, banned, group))
        arguments = (*self.HEAD, "--payload", "Hi {{name}}")
        done = self.send(self.write("a.csv", text), *arguments, "--refused", "refused.csv", code=1)
        self.assertIn("2 sent, 3 refused", done.stderr)
        self.assertEqual([text_of(m) for m in self.server.messages(group)], ["Hi ann", "Hi fred"])
        with open(self.path("refused.csv"), encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        self.assertEqual(rows[0], ["refused_line", "refused_code", "refused_msg", "name",
                                   "channel_id"])
        self.assertEqual([row[0] for row in rows[1:]], ["3", "4", "5"])
        self.assertEqual(rows[1][1:], ["invalid", "the row has 1 field, the first row names 2 columns",
                                       "bob"])
        self.assertEqual(rows[3][1], "denied")
        self.assertEqual(rows[3][3:], ["d, e", banned])
        # Mended as a spreadsheet would: the columns with the reasons may stay.
        self.ban(banned, on=False)
        rows[1] += [group]
        del rows[2]
        out = io.StringIO()
        csv.writer(out).writerows(rows)
        self.send(self.write("mended.csv", out.getvalue()), *arguments)
        self.assertEqual([text_of(m) for m in self.server.messages(group)][2:], ["Hi bob"])
        self.assertEqual([text_of(m) for m in self.server.messages(banned)], ["Hi d, e"])

    def test_quotes_in_the_wrong_place_end_it(self):
        for wrong, what in (('%s,5" pipe\n', "there is a quote inside of a field"),
                            ('%s,"a"b\n', "there is something between the closing quote"),
                            ('%s,"open\n', "is never closed")):
            group = fresh("g")
            text = "channel_id,name\n%s,first\n" % group + wrong % group + "%s,last\n" % group
            done = self.send(*self.HEAD, "--payload", "{{name}}", stdin=text, code=2)
            self.assertIn("line 3: " + what if "never" not in what else what, done.stderr)
            self.assertEqual([text_of(m) for m in self.server.messages(group)], ["first"])

    def test_other_encodings_are_refused(self):
        group = fresh("g")
        text = "channel_id,name\n".encode() + group.encode() + ",名\n".encode("gbk")
        done = self.send(self.write("a.csv", text), *self.HEAD, "--payload", "{{name}}", code=1)
        self.assertIn("not in UTF-8", done.stderr)
        done = self.send(self.write("a.csv", "channel_id,name\n".encode("utf-16")), *self.HEAD,
                         "--payload", "{{name}}", code=2)
        self.assertIn("UTF-8", done.stderr)
        self.assertEqual(self.server.max_seq(group), 0)

    def test_columns_that_do_not_fit(self):
        for text, arguments, what in (
                ("id,name\n", (*self.HEAD, "--payload", "x"), "no column has the name channel_id"),
                ("channel_id,name\n", (*self.HEAD, "--payload", "{{nmae}}"), "{{nmae}}"),
                ("channel_id,name\n", self.HEAD, "--template or --payload"),
                ("channel_id,name\n", ("--from", "a", "--payload", "x"), "--channel-type"),
                ("channel_id,name\n", ("--channel-type", 2, "--payload", "x"), "--from")):
            self.assertIn(what, self.send(*arguments, stdin=text, code=2).stderr)


class Codes(SendCase):
    config = {"managerToken": "token-of-this-test-1"}

    def url(self):
        return "http://" + self.server.http

    def test_the_token(self):
        group = fresh("g")
        text = lines_of([item(group, "a")])
        path = self.write("a.ndjson", text)
        for arguments, token in ((("--token", "token-of-this-test-1"), None), ((), "token-of-this-test-1"),
                                 (("--token-file", self.write("token", "token-of-this-test-1\n")), "wrong")):
            self.send(path, *arguments, token=token)
        for arguments, token in (((), None), ((), "wrong"), (("--token", "wrong"), None)):
            done = self.send(path, *arguments, token=token, code=2)
            self.assertIn("answers status 401", done.stderr)

    def test_wrong_command_lines(self):
        for arguments in (("--format", "xml"), ("--rate", "0"), ("--channel-type", "0"), ("a", "b"),
                          ("--nonsense",), ("--payload", "{{", "-"), (self.path("none.csv"),),
                          (str(self.directory),), ("--payload", "a", "--template", "b"),
                          ("--resume", "r", "--dry-run"), ("--token-file", self.path("none"))):
            done = self.send(*arguments, stdin="", code=2)
            self.assertTrue(done.stderr, arguments)
            self.assertEqual(done.stdout, "")
        done = self.send(self.write("a.json", "[{}]"), code=2)
        self.assertIn("jq -c '.[]'", done.stderr)
        done = self.run_send("127.0.0.1:5001", stdin="", code=2)
        self.assertIn("--url", done.stderr)

    def test_help_says_what_it_ends_with(self):
        done = subprocess.run([binary(), "send", "--help"], capture_output=True, text=True,
                              check=True, timeout=30)
        for text in ("--resume", "--refused", "--dry-run", "JINDOU_TOKEN", "Exit status:", "  3  ",
                     "--tries", "retry_after_ms", "Retry-After"):
            self.assertIn(text, done.stdout)

    def test_nobody_there(self):
        path = self.write("a.ndjson", lines_of([item(fresh("g"), "a")]))
        done = self.run_send("http://127.0.0.1:%d" % free_port(), path, "--patience", "0", code=3)
        self.assertIn("given up", done.stderr)
        began = time.monotonic()
        done = self.run_send("http://127.0.0.1:%d" % free_port(), path, "--patience", "2", code=3)
        self.assertGreater(time.monotonic() - began, 0.2)
        self.assertIn("trying again in", done.stderr)

    def test_somebody_else_there(self):
        path = self.write("a.ndjson", lines_of([item(fresh("g"), "a")]))
        with FakeServer([(200, {}, b"hello\n")]) as fake:
            self.assertIn("is it a Jindou server?", self.run_send(fake.url, path, code=3).stderr)
        with FakeServer([(404, {}, b"no such page")]) as fake:
            self.assertIn("answers status 404: no such page",
                          self.run_send(fake.url, path, code=2).stderr)


class FakeServer:
    """Answers each request with the next of its answers, (status, headers, body), the last for ever."""

    def __init__(self, answers):
        self.answers, self.times, self.bodies, fake = list(answers), [], [], self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                fake.times.append(time.monotonic())
                # What is left unread would make a reset of the end of the connection.
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size + 2)[:-2]
                self.rfile.readline()
                fake.bodies.append([json.loads(line) for line in body.splitlines()])
                answer = fake.answers.pop(0) if len(fake.answers) > 1 else fake.answers[0]
                status, headers, body = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = True

            def log_message(self, *unused):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.server.shutdown()
        self.server.server_close()


class Limited(SendCase):
    config = {"limits.senderPerSecond": "20", "limits.senderBurst": "10"}

    def test_what_is_over_a_rate_limit_is_sent_when_there_is_room(self):
        group = fresh("g")
        items = [item(group, "n%d" % i) for i in range(50)]
        done = self.send(self.write("a.ndjson", lines_of(items)), "--refused", "refused")
        self.assertIn("50 sent, 0 refused", done.stderr)
        self.assertIn("once more: the rate limit of the sender is reached; trying again in",
                      done.stderr)
        self.assertEqual(sorted(text_of(m) for m in self.server.messages(group)),
                         sorted("n%d" % i for i in range(50)))


class Burst(SendCase):
    config = {"limits.senderPerSecond": "4", "limits.senderBurst": "2"}

    def test_a_limit_is_waited_for_a_burst_at_a_time(self):
        """The last of the items may go in six seconds, the next ones at once."""
        group = fresh("g")
        items = [item(group, "n%d" % i) for i in range(26)]
        done = self.send(self.write("a.ndjson", lines_of(items)), "--patience", "4")
        self.assertIn("26 sent, 0 refused", done.stderr)


class TryingAgain(Files):
    def test_busy_servers_are_asked_when_they_say(self):
        path = self.write("a.ndjson", lines_of([item(fresh("g"), "a", client_msg_no="n")]))
        result = (b'{"index":0,"message_id":1,"message_idstr":"1","message_seq":1,'
                  b'"client_msg_no":"n","reason":1}\n{"done":true,"items":1}\n')
        later = {"Retry-After": "2"}
        body = b'{"status":503,"msg":"in a moment"}'
        with FakeServer([(503, later, body), (429, later, body), (200, {}, result)]) as fake:
            done = self.run_send(fake.url, path)
            self.assertIn("status 503: in a moment; trying again in 2s", done.stderr)
            self.assertEqual(len(fake.times), 3)
            for before, after in zip(fake.times, fake.times[1:]):
                self.assertGreater(after - before, 1.9)
        with FakeServer([(503, {}, body)]) as fake:
            done = self.run_send(fake.url, path, "--patience", "1.5", code=3)
            self.assertIn("given up after 2s without success", done.stderr)
            self.assertGreater(len(fake.times), 1)

    def test_a_result_that_asks_for_more(self):
        """A retriable refusal and an unknown outcome are no results yet."""
        items = [item("g", "a", client_msg_no="n%d" % i) for i in range(3)]
        path = self.write("a.ndjson", lines_of(items))

        def line(index, **more):
            return (json.dumps({"index": index, "message_id": 1, **more}) + "\n").encode()

        end = b'{"done":true,"items":3}\n'
        first = line(0) + line(1, code="unavailable", msg="moving", retriable=True) + line(2) + end
        second = line(0, state="unknown", code="unknown_outcome", msg="who knows") + end
        third = line(0, duplicate=True) + end
        with FakeServer([(200, {}, first), (200, {}, second), (200, {}, third)]) as fake:
            done = self.run_send(fake.url, path, "--results")
            self.assertIn("line 2 once more: moving", done.stderr)
            self.assertIn("line 2 once more: who knows", done.stderr)
            # What this run has sent twice is sent, not sent before.
            self.assertIn("3 sent, 0 refused", done.stderr)
            # Only what is asked for goes again, and results are in the order of the input.
            self.assertEqual([[one["client_msg_no"] for one in body] for body in fake.bodies],
                             [["n0", "n1", "n2"], ["n1"], ["n1"]])
            self.assertEqual([json.loads(one)["line"] for one in done.stdout.splitlines()],
                             [1, 2, 3])

    def test_what_was_unknown_once_is_never_refused(self):
        """A limit comes before the look for repeats: the message may be stored all the same."""
        items = [item("g", "a", client_msg_no="n%d" % i) for i in range(5)]
        path = self.write("a.ndjson", lines_of(items))

        def line(index, **more):
            return (json.dumps({"index": index, "message_id": 1, **more}) + "\n").encode()

        limited = {"code": "rate_limited", "msg": "too many", "retriable": True}
        end = b'{"done":true,"items":5}\n'
        answers = [line(0, state="unknown", code="unknown_outcome", msg="who knows") + line(1) +
                   b"".join(line(i, **limited) for i in (2, 3, 4)) + end]
        for left in (3, 2):
            answers.append(line(0, **limited) + line(1) +
                           b"".join(line(i, **limited) for i in range(2, left + 1)) + end)
        with FakeServer([(200, {}, answer) for answer in answers]) as fake:
            done = self.run_send(fake.url, path, "--tries", "3", "--refused", "refused",
                                 code=3)
            self.assertIn("what became of line 1 is still not known after 3 tries", done.stderr)
            refused = self.directory / "refused"
            self.assertEqual(refused.read_text() if refused.exists() else "", "")

    def test_refusals_for_now_are_sent_again_when_they_say(self):
        items = [item("g", "a", client_msg_no="n%d" % i) for i in range(4)]
        path = self.write("a.ndjson", lines_of(items))

        def line(index, wait_ms=0):
            limit = {"code": "rate_limited", "msg": "too many", "retriable": True,
                     "retry_after_ms": wait_ms} if wait_ms else {}
            return (json.dumps({"index": index, "message_id": 1, **limit}) + "\n").encode()

        end = b'{"done":true,"items":4}\n'
        first = line(0) + line(1, 1500) + line(2, 2600) + line(3) + end
        second = line(0) + line(1) + end
        with FakeServer([(200, {}, first), (200, {}, second)]) as fake:
            done = self.run_send(fake.url, path)
            self.assertIn("line 2 once more: too many; trying again in 3s", done.stderr)
            self.assertIn("4 sent, 0 refused", done.stderr)
            self.assertEqual([[one["client_msg_no"] for one in body] for body in fake.bodies],
                             [["n0", "n1", "n2", "n3"], ["n1", "n2"]])
            self.assertGreater(fake.times[1] - fake.times[0], 2.4)

    def test_an_item_that_others_pass_by_is_not_tried_for_ever(self):
        items = [item("g", "a", client_msg_no="n%d" % i) for i in range(3)]
        path = self.write("a.ndjson", lines_of(items))
        limited = (b'{"index":0,"code":"rate_limited","msg":"too many","retriable":true,'
                   b'"retry_after_ms":100}\n')
        passed, end = b'{"index":1,"message_id":1}\n', b'{"done":true,"items":2}\n'
        others = limited + limited.replace(b":0,", b":1,", 1) + passed.replace(b":1,", b":2,", 1)
        answers = [others + end, limited + passed + end]
        with FakeServer([(200, {}, body) for body in answers]) as fake:
            done = self.run_send(fake.url, path, "--tries", 2, "--refused", "refused", code=1)
            self.assertIn("2 sent, 1 refused", done.stderr)
            self.assertEqual(len(fake.bodies), 2)
        refused = [json.loads(one) for one in open(self.path("refused"), encoding="utf-8")]
        self.assertEqual([(one["refused"], one["client_msg_no"]) for one in refused],
                         [({"line": 1, "code": "rate_limited", "msg": "too many"}, "n0")])
        # Nobody knows whether it was stored: no reason to give it up.
        unknown = limited.replace(b'"retriable"', b'"state":"unknown","retriable"')
        answers = [unknown + others.split(b"\n", 1)[1] + end, unknown + passed + end]
        with FakeServer([(200, {}, body) for body in answers]) as fake:
            done = self.run_send(fake.url, path, "--tries", 2, "--refused", "none", code=3)
            self.assertIn("what became of line 1 is still not known after 2 tries", done.stderr)
        self.assertFalse(os.path.exists(self.path("none")))
        # Where nobody gets through it is the server: --patience counts.
        alone = self.write("b.ndjson", lines_of(items[:1]))
        with FakeServer([(200, {}, limited + end)]) as fake:
            done = self.run_send(fake.url, alone, "--tries", 1, "--patience", "1.5", code=3)
            self.assertIn("given up after 2s without success", done.stderr)

    def test_a_server_that_comes_later(self):
        port = free_port()
        group = fresh("g")
        path = self.write("a.ndjson", lines_of([item(group, "n%d" % i) for i in range(100)]))
        server = Server()
        self.addCleanup(server.destroy)
        server.http = "127.0.0.1:%d" % port
        # Unbuffered, so that what is read line by line is not missing from the rest.
        with subprocess.Popen(command("http://127.0.0.1:%d" % port, path), stderr=subprocess.PIPE,
                              bufsize=0, env=environment()) as process:
            seen = b""
            while b"trying again" not in seen:
                line = process.stderr.readline()
                self.assertTrue(line, seen)
                seen += line
            server.start()
            _, rest = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0, seen + rest)
        self.assertEqual(server.max_seq(group), 100)

    def test_a_server_that_is_killed_again_and_again(self):
        groups = [fresh("g") for _ in range(5)]
        count = 40_000
        path = self.write("a.ndjson", lines_of(
            [item(groups[i % 5], "n%d" % i) for i in range(count)]))
        with Server() as server:
            with subprocess.Popen(command("http://" + server.http, path, "--rate", 8000),
                                  stderr=subprocess.PIPE, env=environment()) as process:
                for _ in range(3):
                    before = server.max_seq(groups[0])
                    wait_until(lambda: server.max_seq(groups[0]) > before, timeout=60,
                               what="more messages")
                    server.restart()
                _, seen = process.communicate(timeout=120)
                self.assertEqual(process.returncode, 0, seen)
            self.assertIn(b"trying again", seen)
            self.assertIn(b"0 refused", seen)
            for number, group in enumerate(groups):
                self.assertEqual([text_of(m) for m in server.messages(group)],
                                 ["n%d" % i for i in range(number, count, 5)])

    def test_a_quiet_input_outlasts_the_servers_patience(self):
        group = fresh("g")
        with Server(config={"api.streamTimeout": "1s"}) as server:
            with subprocess.Popen(command("http://" + server.http), stdin=subprocess.PIPE,
                                  stderr=subprocess.PIPE, env=environment()) as process:
                for i in range(3):
                    process.stdin.write(lines_of([item(group, "n%d" % i)]).encode())
                    process.stdin.flush()
                    time.sleep(2.5)
                process.stdin.close()
                process.stdin = None
                _, seen = process.communicate(timeout=30)
                self.assertEqual(process.returncode, 0, seen)
            self.assertNotIn(b"trying again", seen)
            self.assertEqual([text_of(m) for m in server.messages(group)], ["n0", "n1", "n2"])

    def test_a_server_that_says_nothing(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            path = self.write("a.ndjson", lines_of([item(fresh("g"), "a")]))
            done = self.run_send("http://127.0.0.1:%d" % listener.getsockname()[1], path,
                                 "--timeout", "1", "--patience", "0", code=3)
            self.assertIn("nothing has come from the server for 1s", done.stderr)


class Resume(SendCase):
    def items(self, groups, count):
        return [item(groups[i % len(groups)], "n%d" % i) for i in range(count)]

    def assert_sent_once(self, groups, count):
        for number, group in enumerate(groups):
            self.assertEqual([text_of(m) for m in self.server.messages(group)],
                             ["n%d" % i for i in range(number, count, len(groups))])

    def state(self):
        return json.loads(pathlib.Path(self.path("state")).read_text())

    def rows_above(self, least):
        """How many rows the file says are settled, if that is more than `least`."""
        if not pathlib.Path(self.path("state")).exists():
            return None
        rows = self.state()["rows"]
        return rows if rows > least else None

    def test_a_killed_command_is_finished_by_the_next(self):
        groups, banned, count = [fresh("g") for _ in range(3)], fresh("g"), 30_000
        self.ban(banned)
        items = self.items(groups, count)
        # Every hundredth line is one that is refused, so that their file has to fit, too.
        lines = []
        for i, one in enumerate(items):
            lines.append(one)
            if i % 100 == 0:
                lines.append(item(banned, "b%d" % i))
        path = self.write("a.ndjson", lines_of(lines))
        arguments = (path, "--resume", "state", "--refused", "refused", "--rate", 4000)
        rows = 0
        for _ in range(3):
            process = subprocess.Popen(command(self.url(), *arguments), cwd=self.directory,
                                       stderr=subprocess.DEVNULL, env=environment())
            rows = wait_until(lambda: self.rows_above(rows), timeout=60, what="progress on disk")
            # Anywhere between two states of the file.
            time.sleep(random.uniform(0, 0.5))
            process.kill()
            process.wait()
        before = self.state()
        self.assertGreaterEqual(before["rows"], rows)
        self.assertLess(before["rows"], len(lines))
        done = self.send(*arguments, code=1)
        self.assert_sent_once(groups, count)
        after = self.state()
        self.assertEqual(after["rows"], len(lines))
        self.assertEqual(after["sent"] + after["sent_before"], count)
        self.assertEqual(after["refused"], count // 100)
        kept = pathlib.Path(self.path("refused")).read_text().splitlines()
        self.assertEqual([json.loads(line)["refused"]["line"] for line in kept],
                         [i + 2 for i, one in enumerate(lines[1:]) if one["channel_id"] == banned])
        self.assertIn("refused", done.stderr)
        # There is nothing left to do, and it says so the same way.
        done = self.send(*arguments, code=1)
        self.assertEqual(self.state(), after)
        self.assertEqual(pathlib.Path(self.path("refused")).read_text().splitlines(), kept)

    def test_standard_input_is_resumed_when_it_is_the_same(self):
        group = fresh("g")
        text = lines_of(self.items([group], 20))
        self.send("--resume", "state", stdin="".join(text.splitlines(True)[:10]))
        self.assertEqual(self.state()["rows"], 10)
        self.send("--resume", "state", stdin=text)
        self.assertEqual(self.state()["rows"], 20)
        self.assertEqual(self.state()["sent"], 20)
        self.assert_sent_once([group], 20)

    def test_another_input_is_refused(self):
        group = fresh("g")
        items = self.items([group], 20)
        path = self.write("a.ndjson", lines_of(items))
        self.send(path, "--resume", "state")
        items[3]["from_uid"] = "other"
        changed = self.write("b.ndjson", lines_of(items))
        done = self.send(changed, "--resume", "state", code=2)
        self.assertIn("are not those that were sent before", done.stderr)
        done = self.send(self.write("c.ndjson", lines_of(items[:2])), "--resume", "state", code=2)
        self.assertIn("are not those that were sent before", done.stderr)
        done = self.send(path, "--resume", "state", "--id", "x", code=2)
        self.assertIn("another --payload", done.stderr)
        done = self.send(path, "--resume", path, code=2)
        self.assertIn("is no file of --resume", done.stderr)
        done = self.send(path, "--resume", "none/state", code=2)
        self.assertIn("cannot be written", done.stderr)
        self.assert_sent_once([group], 20)

    def test_an_interrupt_ends_it_in_good_order(self):
        group, count = fresh("g"), 5000
        path = self.write("a.ndjson", lines_of(self.items([group], count)))
        for number in (signal.SIGINT, signal.SIGTERM):
            with subprocess.Popen(command(self.url(), path, "--resume", "state", "--rate", 1000),
                                  cwd=self.directory, stderr=subprocess.PIPE,
                                  env=environment()) as process:
                before = self.server.max_seq(group)
                wait_until(lambda: self.server.max_seq(group) > before, timeout=60,
                           what="messages")
                process.send_signal(number)
                _, seen = process.communicate(timeout=30)
                self.assertEqual(process.returncode, 3, seen)
            self.assertIn(b"interrupted", seen)
            # What was sent is settled.
            self.assertEqual(self.state()["rows"], self.server.max_seq(group))
        self.send(path, "--resume", "state")
        self.assert_sent_once([group], count)
        self.assertEqual(self.state()["sent"], count)


class DryRun(SendCase):
    def test_it_says_what_would_be(self):
        group, banned = fresh("g"), fresh("g")
        self.server.create_group(group, ["ann", "bob"])
        self.ban(banned)
        items = [item(group, "n%d" % i) for i in range(250)]
        items[120] = item(banned, "b")
        items[130] = item(group, "x", channel_type=0)
        text = lines_of(items) + "{broken\n"
        path = self.write("a.ndjson", text)
        done = self.send(path, "--dry-run", "--refused", "refused", code=1)
        self.assertIn("dry run: 248 would be sent to 496 receivers, 0 of them online; "
                      "3 would be refused", done.stderr)
        kept = [json.loads(line) for line in pathlib.Path(self.path("refused")).read_text().splitlines()]
        self.assertEqual(sorted(one["refused"]["line"] for one in kept), [121, 131, 251])
        self.assertEqual(self.server.max_seq(group), 0)
        # Half of them are sent; the dry run knows.
        self.send(self.write("half.ndjson", lines_of(items[:100])))
        done = self.send(path, "--dry-run", code=1)
        self.assertIn("148 would be sent to", done.stderr)
        self.assertIn("100 were sent before", done.stderr)
        self.assertEqual(self.server.max_seq(group), 100)

    def test_csv(self):
        group = fresh("g")
        done = self.send("--dry-run", "--from", "a", "--channel-type", GROUP, "--payload", "{{x}}",
                         stdin="channel_id,x\n%s,1\n%s\n" % (group, group), code=1)
        self.assertIn("1 would be sent", done.stderr)
        self.assertIn("line 3 would be refused: the row has 1 field", done.stderr)
        self.assertEqual(self.server.max_seq(group), 0)
        done = self.run_send("http://127.0.0.1:%d" % free_port(), "--dry-run", "--patience", "0",
                             stdin=lines_of([item(group, "a")]), code=3)
        self.assertIn("given up", done.stderr)


class Tls(SendCase):
    def test_https_with_a_file_of_authorities(self):
        certificate, key = self_signed(str(self.directory))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        with TlsFront(self.server.http, context) as front:
            group = fresh("g")
            path = self.write("a.ndjson", lines_of([item(group, "n%d" % i) for i in range(5000)]))
            done = self.run_send(front.url, path, "--patience", "0", code=3)
            self.assertRegex(done.stderr, "(?i)certificate")
            self.run_send(front.url, path, "--ca-file", certificate)
            self.assertEqual(self.server.max_seq(group), 5000)


class TlsFront:
    """Takes TLS off and passes everything on."""

    def __init__(self, address, context):
        self.address, self.context = address, context
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.url = None

    def __enter__(self):
        self.thread.start()
        server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=self.context),
            self.loop).result(10)
        self.url = "https://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *unused):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def serve(self, reader, writer):
        host, port = self.address.rsplit(":", 1)
        behind_reader, behind_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(self.copy(reader, behind_writer), self.copy(behind_reader, writer))

    @staticmethod
    async def copy(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except (ConnectionError, ssl.SSLError):
            pass
        writer.close()


@measures_memory
class Memory(SendCase):
    def test_memory_does_not_grow_with_the_file(self):
        count = 20_000 if QUICK else 200_000
        groups = [fresh("g") for _ in range(20)]
        with open(self.path("a.csv"), "w", encoding="utf-8") as file:
            file.write("channel_id,n\n")
            for i in range(count):
                file.write("%s,%d\n" % (groups[i % 20], i))
        process = subprocess.Popen(
            command(self.url(), "a.csv", "--from", "system", "--channel-type", GROUP, "--payload",
                    '{"text": "' + "x" * 100 + ' {{n}}"}', "--resume", "state"),
            cwd=self.directory, stderr=subprocess.PIPE, env=environment())
        seen = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stderr.close()
        self.assertEqual(process.returncode, 0, seen)
        self.assertIn(b"%s sent, 0 refused" % format(count, ",").encode(), seen)
        self.assertLess(usage.ru_maxrss * 1024, 100 * MIB, usage)
        for group in groups:
            self.assertEqual(self.server.max_seq(group), count // 20)


if __name__ == "__main__":
    unittest.main()
