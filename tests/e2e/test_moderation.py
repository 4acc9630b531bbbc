"""Moderation: words that refuse, mask or flag, whichever way a message comes."""

import base64
import contextlib
import http.server
import json
import os
import pathlib
import signal
import tempfile
import threading
import unittest

from harness import GROUP, PERSON, Server, ServerCase, b64, fresh, item, wait_until
from json_rpc import JsonClient
from test_jobs import Jobs
from webhook_receiver import Receiver

MODERATED = 100
NDJSON = {"Content-Type": "application/x-ndjson"}


def text(content, **more):
    """The payload of a text message, as clients show it."""
    return json.dumps(dict(type=1, content=content, **more), ensure_ascii=False,
                      separators=(",", ":"))


def content_of(message):
    return json.loads(base64.b64decode(message["payload"]))["content"]


class Words:
    """Files of words in a folder of their own."""

    def __init__(self, case, **lists):
        self.folder = tempfile.TemporaryDirectory()
        clean_up = case.addClassCleanup if isinstance(case, type) else case.addCleanup
        clean_up(self.folder.cleanup)
        for name, words in lists.items():
            self.write(name, words)

    def path(self, name):
        return os.path.join(self.folder.name, name + ".txt")

    def write(self, name, words):
        data = words if isinstance(words, bytes) else "\n".join(words).encode()
        fresh_path = self.path(name) + ".new"
        pathlib.Path(fresh_path).write_bytes(data)
        os.replace(fresh_path, self.path(name))

    def setting(self, **actions):
        return " ".join("%s:%s" % (action, self.path(name)) for name, action in actions.items())


class Moderated(ServerCase):
    @classmethod
    def setUpClass(cls):
        cls.words = Words(cls, banned=["casino", "赌博"], rude=["damn", "笨蛋"],
                          watched=["crypto"])
        cls.receiver = Receiver()
        cls.addClassCleanup(cls.receiver.close)
        cls.config = {"moderation.lists": cls.words.setting(banned="refuse", rude="mask",
                                                            watched="flag"),
                      "webhook.httpAddr": cls.receiver.url,
                      "webhook.msgNotifyEventPushInterval": "20ms"}
        super().setUpClass()

    def group(self, *users):
        group = fresh("g")
        self.server.create_group(group, users)
        return group

    def contents(self, group):
        return [content_of(m) for m in self.server.messages(group)]

    def assert_refused(self, result, found_by="banned"):
        self.assertEqual((result["reason"], result["code"], result["retriable"]),
                         (MODERATED, "denied", False), result)
        self.assertEqual(result["moderation"], {"actions": ["refuse"], "found_by": [found_by]})

    def metric(self, line):
        for each in self.server.get("/metrics").body.decode().splitlines():
            if each.startswith(line + " "):
                return float(each.split()[-1])
        self.fail("no " + line)


class Actions(Moderated):
    def test_a_refused_item_has_a_result_of_its_own_and_changes_nothing(self):
        group = self.group("ann", "bob")
        with self.client("bob") as bob:
            results = self.server.must_batch([
                item(group, text("hello"), from_uid="ann"),
                item(group, text("the Casino!"), from_uid="ann", client_msg_no="c1"),
                item(group, text("去赌博吧"), from_uid="ann"),
                item(group, text("casinos"), from_uid="ann")])
            self.assertEqual([r["reason"] for r in results], [1, MODERATED, MODERATED, 1])
            for result in results[1:3]:
                self.assert_refused(result)
                self.assertEqual((result["message_id"], result["message_seq"]), (0, 0))
            self.assertEqual([json.loads(m.payload)["content"] for m in bob.recv_many(2)],
                             ["hello", "casinos"])
        self.assertEqual(self.contents(group), ["hello", "casinos"])
        # The number is free for another payload.
        again = self.server.must_batch([item(group, text("hi"), from_uid="ann",
                                             client_msg_no="c1")])
        self.assertEqual(again[0]["reason"], 1)

    def test_one_refused_message_is_a_403(self):
        group = self.group("ann")
        answer = self.server.post("/message/send", item(group, text("casino"), from_uid="ann"))
        body = self.assert_error(answer, 403)
        self.assert_refused(body)
        self.assertEqual(body["msg"], "the message was refused by moderation")
        answer = self.server.batch([item(group, text("casino"), from_uid="ann")])
        self.assertEqual((answer.status, answer.json()["code"]), (403, "denied"))

    def test_masked_characters_are_asterisks_wherever_the_message_is_seen(self):
        group = self.group("ann", "bob")
        with self.client("bob") as bob:
            sent = self.server.must_batch([
                item(group, text("Damn, 你这笨蛋", url="http://x/damn"), from_uid="ann")])[0]
            self.assertEqual(sent["reason"], 1)
            self.assertEqual(sent["moderation"], {"actions": ["mask"], "found_by": ["rude"]})
            wanted = text("****, 你这**", url="http://x/damn").encode()
            self.assertEqual(bob.recv().payload, wanted)
        stored = self.server.messages(group)[0]
        self.assertEqual(base64.b64decode(stored["payload"]), wanted)
        told = wait_until(lambda: self.receiver.messages(group), what="the webhook")[0]
        self.assertEqual(base64.b64decode(told["payload"]), wanted)
        self.assertEqual(told["moderation"], {"actions": ["mask"], "found_by": ["rude"]})

    def test_a_flagged_message_goes_through_and_the_webhook_tells(self):
        group = self.group("ann", "bob")
        before = self.metric('jindou_moderation_items_total{action="flag"}')
        self.server.must_batch([item(group, text("buy Crypto"), from_uid="ann"),
                                item(group, text("plain"), from_uid="ann")])
        self.assertEqual(self.contents(group), ["buy Crypto", "plain"])
        told = wait_until(lambda: len(found := self.receiver.messages(group)) == 2 and found,
                          what="the webhook")
        self.assertEqual(told[0]["moderation"], {"actions": ["flag"], "found_by": ["watched"]})
        self.assertNotIn("moderation", told[1])
        # Readers are not told.
        self.assertNotIn("moderation", self.server.messages(group)[0])
        self.assertEqual(self.metric('jindou_moderation_items_total{action="flag"}'), before + 1)

    def test_escapes_and_nesting_hide_nothing(self):
        group = self.group("ann")
        hidden = ['{"type":1,"content":"\\u8d4c\\u535a"}', '{"type":1,"\\u0063ontent":"casino"}',
                  '{"type":11,"msgs":[{"payload":{"content":"casino"}}]}', "casino",
                  '{"content":"casino"', '{"content":"x","content":"casino"}']
        results = self.server.batch([item(group, p, from_uid="ann") for p in hidden]).json()
        self.assertEqual([r["reason"] for r in results["items"]], [MODERATED] * len(hidden))

    def test_system_accounts_are_exempt(self):
        group, robot = self.group("ann"), fresh("robot")
        self.server.must_post("/user/systemuids_add", {"uids": [robot]})
        wait_until(lambda: self.server.batch(
            [item(group, text("casino"), from_uid=robot)]).status == 200, what="the account")

    def test_a_dry_run_says_what_would_become_of_it(self):
        group = self.group("ann")
        before = self.metric('jindou_moderation_items_total{action="refuse"}')
        answer = self.server.must_post("/message/sendbatch?dry_run=true", [
            item(group, text(word), from_uid="ann") for word in ("casino", "damn", "crypto", "ok")])
        self.assert_refused(answer["items"][0])
        self.assertEqual([i.get("moderation", {}).get("actions") for i in answer["items"]],
                         [["refuse"], ["mask"], ["flag"], None])
        self.assertEqual((answer["total"]["accepted"], answer["total"]["refused"]), (3, 1))
        self.assertEqual(self.server.messages(group), [])
        self.assertEqual(self.metric('jindou_moderation_items_total{action="refuse"}'), before)


class EveryWayIn(Moderated):
    def test_lines(self):
        group = self.group("ann")
        lines = "".join(json.dumps(item(group, text(word), from_uid="ann")) + "\n"
                        for word in ("casino", "damn", "ok"))
        answer = self.server.post("/message/sendbatch", lines, headers=NDJSON)
        results = [json.loads(line) for line in answer.body.decode().splitlines()]
        self.assert_refused(results[0])
        self.assertEqual(results[1]["moderation"]["actions"], ["mask"])
        self.assertEqual(self.contents(group), ["****", "ok"])

    def test_shared_payloads_after_they_are_filled_in(self):
        group = self.group("ann")
        body = {"payloads": {"a": {"type": 1, "content": "go to {{place}}"}},
                "items": [{"payload_ref": "a", "channel_id": group, "channel_type": GROUP,
                           "from_uid": "ann", "vars": {"place": place}}
                          for place in ("casino", "damn", "bed")]}
        results = self.server.must_post("/message/sendbatch", body)
        self.assert_refused(results[0])
        self.assertEqual(self.contents(group), ["go to ****", "go to bed"])

    def test_stored_templates(self):
        group, name = self.group("ann"), fresh("t")
        self.server.must_post("/templates", {"name": name,
                                             "payload": {"type": 1, "content": "{{a}}{{b}}"}})
        items = [{"template": name, "channel_id": group, "channel_type": GROUP, "from_uid": "ann",
                  "vars": {"a": "cas", "b": "ino"}}]
        self.assertEqual(self.server.batch({"items": items}).status, 403)

    def test_all_or_none(self):
        group = self.group("ann")
        answer = self.server.post("/message/sendbatch?atomic=true", [
            item(group, text("ok"), from_uid="ann"), item(group, text("casino"), from_uid="ann")])
        self.assertEqual((answer.status, answer.json()["items"][0]["reason"]), (403, MODERATED))
        self.assertEqual(self.server.messages(group), [])
        answer = self.server.post("/message/sendbatch?atomic=true", [
            item(group, text("damn"), from_uid="ann"), item(group, text("ok"), from_uid="ann")])
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.contents(group), ["****", "ok"])

    def test_clients(self):
        group = self.group("ann", "bob")
        with self.client("ann") as ann:
            self.assertEqual(ann.send(group, GROUP, text("casino").encode()).reason, MODERATED)
            self.assertEqual(ann.send(group, GROUP, text("damn").encode()).reason, 1)
        with JsonClient(self.server.ws, "bob") as bob:
            bob.connect()
            answer = bob.send(group, GROUP, text("casino").encode())
            self.assertEqual(answer["reasonCode"], MODERATED)
            self.assertEqual(bob.send(group, GROUP, text("ok").encode())["reasonCode"], 1)
        self.assertEqual(self.contents(group), ["****", "ok"])

    def test_persons(self):
        one, other = fresh("u"), fresh("u")
        answer = self.server.batch([item(other, text("casino"), from_uid=one,
                                         channel_type=PERSON)])
        self.assertEqual(answer.json()["items"][0]["reason"], MODERATED)

    def test_jobs(self):
        group = self.group("ann")
        lines = "".join(json.dumps(item(group, text(word), from_uid="ann")) + "\n"
                        for word in ("casino", "damn", "ok"))
        made = self.server.post("/message/sendbatch?async=true", lines, headers=NDJSON)
        job = made.json()["id"]

        def is_done():
            found = self.server.get("/jobs/" + job).json()
            return found if found["state"] == "done" else None

        done = wait_until(is_done, 30, what="the job")
        self.assertEqual((done["accepted"], done["refused"]), (2, 1))
        results = self.server.get("/jobs/%s/results" % job).body.decode().splitlines()
        self.assert_refused(json.loads(results[0]))
        self.assertEqual(self.contents(group), ["****", "ok"])

    def test_an_edit_cannot_bring_in_what_a_send_could_not(self):
        group = self.group("ann", "bob")
        sent = self.server.must_batch([item(group, text("ok"), from_uid="ann")])[0]
        body = {"message_id": sent["message_id"], "payload": b64(text("casino"))}
        refused = self.assert_error(self.server.post("/message/edit", body), 403)
        self.assertEqual((refused["code"], refused["reason"], self.contents(group)),
                         ("denied", MODERATED, ["ok"]))
        body["payload"] = b64(text("damn"))
        first = self.server.must_post("/message/edit", dict(body, if_version=0))
        self.assertEqual((first["edit_version"], self.contents(group)), (1, ["****"]))
        again = self.server.must_post("/message/edit", dict(body, if_version=0))
        self.assertTrue(again["duplicate"])

    def test_a_repeat_of_what_was_masked_is_one(self):
        group = self.group("ann")
        sent = item(group, text("damn"), from_uid="ann", client_msg_no="n1")
        first = self.server.must_batch([sent])[0]
        again = self.server.must_batch([sent])[0]
        self.assertEqual((again["message_id"], again["duplicate"]), (first["message_id"], True))
        other = self.server.batch([dict(sent, payload=b64(text("****")))])
        self.assertEqual(other.json()["code"], "conflict")


class Reloading(unittest.TestCase):
    def serve(self, words, **settings):
        server = Server(config=dict({"moderation.lists": words.setting(list="refuse")}, **settings))
        server.start()
        self.addCleanup(server.destroy)
        return server

    def reason(self, server, word, **more):
        answer = server.batch([item(self.channel, text(word), from_uid="ann", **more)])
        return answer.json()["items"][0]["reason"] if answer.status == 403 \
            else answer.json()[0]["reason"]

    def setUp(self):
        self.channel = fresh("g")

    def test_a_changed_file_counts_by_itself_and_a_repeat_has_its_first_answer(self):
        words = Words(self, list=["old"])
        server = self.serve(words, **{"moderation.checkInterval": "50ms"})
        server.create_group(self.channel, ["ann"])
        self.assertEqual(self.reason(server, "old"), MODERATED)
        self.assertEqual(self.reason(server, "new", client_msg_no="n1"), 1)
        words.write("list", ["new"])
        wait_until(lambda: self.reason(server, "new") == MODERATED, what="the new words")
        self.assertEqual(self.reason(server, "old"), 1)
        first = server.must_batch([item(self.channel, text("new"), from_uid="ann",
                                        client_msg_no="n1")])[0]
        self.assertTrue(first["duplicate"])

    def test_a_hangup_reads_the_file_again(self):
        words = Words(self, list=["old"])
        server = self.serve(words, **{"moderation.checkInterval": "0s"})
        server.create_group(self.channel, ["ann"])
        words.write("list", ["new"])
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.reason(server, "new") == MODERATED, what="the new words")

    def test_a_broken_file_keeps_the_old_words_and_says_so(self):
        words = Words(self, list=["old"])
        server = self.serve(words, **{"moderation.checkInterval": "50ms"})
        server.create_group(self.channel, ["ann"])
        words.write("list", b"new\nb\xffd\n")
        server.wait_for_log("line 2: is not UTF-8; the words of before are used")
        self.assertEqual((self.reason(server, "old"), self.reason(server, "new")), (MODERATED, 1))
        health = server.get("/health")
        self.assertEqual((health.status, health.json()["status"]), (200, "ok"))
        self.assertIn("list.txt: line 2: is not UTF-8", health.json()["warnings"][0])
        self.assertIn('\njindou_moderation_lists_broken 1\n',
                      server.get("/metrics").body.decode())
        os.remove(words.path("list"))
        wait_until(lambda: "line 2" not in server.get("/health").json()["warnings"][0],
                   what="the missing file")
        self.assertEqual(self.reason(server, "old"), MODERATED)
        words.write("list", ["new"])
        wait_until(lambda: "warnings" not in server.get("/health").json(), what="the new file")
        self.assertEqual((self.reason(server, "old"), self.reason(server, "new")), (1, MODERATED))

    def test_a_server_does_not_start_with_a_list_it_cannot_use(self):
        words = Words(self, list=b"\xff")
        for setting, told in ((words.setting(list="refuse"), "line 1: is not UTF-8"),
                              ("refuse:/nowhere/list.txt", "/nowhere/list.txt"),
                              ("drop:" + words.path("list"), "begins with none of")):
            server = Server(config={"moderation.lists": setting})
            self.addCleanup(server.destroy)
            with self.assertRaises(RuntimeError) as raised:
                server.start()
            self.assertIn(told, str(raised.exception))


class Judge:
    """A moderation service: an HTTP server that answers as the test says."""

    def __init__(self):
        self.calls, self.status, self.answer = [], 200, None
        self.open = threading.Event()
        self.open.set()
        judge = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                items = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["items"]
                judge.calls.append(items)
                judge.open.wait(30)
                body = judge.answer
                if body is None:
                    body = json.dumps({"verdicts": [judge.verdict(i) for i in items]})
                with contextlib.suppress(OSError):  # nobody waits for it any more
                    self.send_response(judge.status)
                    self.send_header("Content-Length", str(len(body.encode())))
                    self.end_headers()
                    self.wfile.write(body.encode())

            def log_message(self, *unused):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = "http://127.0.0.1:%d/judge" % self.server.server_address[1]

    @staticmethod
    def verdict(item):
        content = base64.b64decode(item["payload"]).decode()
        if "spam" in content:
            return {"action": "refuse", "reason": "advertising"}
        if "http:" in content:
            return {"action": "replace", "payload": {"type": 1, "content": "(a link)"}}
        return {"action": "allow"}

    def items(self):
        return [item for call in self.calls for item in call]

    def close(self):
        self.open.set()
        self.server.shutdown()
        self.server.server_close()


class Service(unittest.TestCase):
    def setUp(self):
        self.judge = Judge()
        self.addCleanup(self.judge.close)
        self.group = fresh("g")

    def serve(self, **settings):
        server = Server(config=dict({"moderation.url": self.judge.url, "moderation.timeout": "20s"},
                                    **settings))
        server.start()
        self.addCleanup(server.destroy)
        server.create_group(self.group, ["ann", "bob"])
        return server

    def item(self, content, **more):
        return item(self.group, text(content), from_uid="ann", **more)

    def contents(self, server):
        return [content_of(m) for m in server.messages(self.group)]

    def test_a_verdict_for_each_item_in_one_call(self):
        receiver = Receiver()
        self.addCleanup(receiver.close)
        server = self.serve(**{"webhook.httpAddr": receiver.url})
        results = server.must_batch([self.item("hello", client_msg_no="n1"), self.item("spam"),
                                     self.item("see http://x")])
        self.assertEqual([r["reason"] for r in results], [1, MODERATED, 1])
        self.assertEqual((results[1]["code"], results[1]["msg"]), ("denied", "advertising"))
        self.assertEqual(results[1]["moderation"], {"actions": ["refuse"], "found_by": ["service"]})
        self.assertEqual(results[2]["moderation"], {"actions": ["replace"],
                                                    "found_by": ["service"]})
        self.assertEqual(self.contents(server), ["hello", "(a link)"])
        self.assertEqual([len(call) for call in self.judge.calls], [3])
        self.assertEqual(self.judge.calls[0][0], {
            "kind": "send", "from_uid": "ann", "channel_id": self.group, "channel_type": GROUP,
            "client_msg_no": "n1", "payload": b64(text("hello"))})
        told = wait_until(lambda: len(found := receiver.messages(self.group)) == 2 and found,
                          what="the webhook")
        self.assertEqual(told[1]["moderation"], {"actions": ["replace"], "found_by": ["service"]})
        # The results of a job say it in the same words.
        jobs = Jobs(server)
        job = jobs.make([self.item("spam"), self.item("hello")])
        jobs.wait(job)
        refused = jobs.results(job, "?status=refused")
        self.assertEqual([(r["msg"], r["moderation"]) for r in refused],
                         [("advertising", {"actions": ["refuse"], "found_by": ["service"]})])
        # A repeat of what was replaced is one.
        first = server.must_batch([self.item("http://y", client_msg_no="n2")])[0]
        again = server.must_batch([self.item("http://y", client_msg_no="n2")])[0]
        self.assertEqual((again["message_id"], again["duplicate"]), (first["message_id"], True))

    def test_clients_edits_and_all_or_none(self):
        server = self.serve()
        with server.client("ann") as ann:
            self.assertEqual(ann.send(self.group, GROUP, text("spam").encode()).reason, MODERATED)
            self.assertEqual(ann.send(self.group, GROUP, text("hi").encode()).reason, 1)
        answer = server.post("/message/sendbatch?atomic=true", [self.item("ok"), self.item("spam")])
        self.assertEqual((answer.status, answer.json()["msg"]),
                         (403, "nothing was sent; item 1: advertising"))
        body = {"channel_id": self.group, "channel_type": GROUP, "message_seq": 1}
        edited = server.post("/message/edit", dict(body, payload=b64(text("spam"))))
        self.assertEqual((edited.status, edited.json()["msg"]), (403, "advertising"))
        self.assertEqual(self.judge.items()[-1]["kind"], "edit")
        server.must_post("/message/edit", dict(body, payload=b64(text("http:"))))
        self.assertEqual(self.contents(server), ["(a link)"])
        stopped = server.must_post("/message/sendbatch?on_error=stop",
                                   [self.item("ok"), self.item("spam")])
        for told in (answer.json()["items"][0], stopped[1]):
            self.assertEqual((told["msg"], told["moderation"]),
                             ("advertising", {"actions": ["refuse"], "found_by": ["service"]}))

    def test_word_lists_come_first(self):
        words = Words(self, banned=["casino"], rude=["damn"])
        server = self.serve(**{"moderation.lists": words.setting(banned="refuse", rude="mask")})
        server.must_batch([self.item("casino"), self.item("damn"), self.item("x")])
        self.assertEqual([base64.b64decode(i["payload"]).decode() for i in self.judge.items()],
                         [text("****"), text("x")])

    def test_a_channel_keeps_its_order_while_one_waits(self):
        server = self.serve()
        robot, other = fresh("robot"), fresh("g")
        server.must_post("/user/systemuids_add", {"uids": [robot]})
        server.create_group(other, [robot])
        self.judge.open.clear()
        with server.client("bob") as bob:
            answers = []
            first = threading.Thread(target=lambda: answers.append(server.batch(
                [self.item("one")], timeout=30)))
            first.start()
            wait_until(lambda: self.judge.calls, what="the call")
            behind = threading.Thread(target=lambda: answers.append(server.batch(
                [item(self.group, text("two"), from_uid=robot)], timeout=30)))
            behind.start()
            # Nobody is asked about a system account, but its message waits behind the other; not
            # so in another channel.
            server.must_batch([item(other, text("free"), from_uid=robot)])
            self.assertEqual(server.messages(self.group), [])
            self.judge.open.set()
            first.join()
            behind.join()
            self.assertEqual([a.status for a in answers], [200, 200])
            self.assertEqual([json.loads(m.payload)["content"] for m in bob.recv_many(2)],
                             ["one", "two"])

    def test_without_an_answer_messages_pass_with_a_mark_or_are_refused(self):
        self.judge.status = 500
        server = self.serve()
        result = server.must_batch([self.item("spam")])[0]
        self.assertEqual((result["reason"], result["moderation"]),
                         (1, {"actions": ["flag"], "found_by": ["unjudged"]}))
        strict = self.serve(**{"moderation.refuseWhenDown": "true"})
        answer = strict.batch([self.item("fine")])
        self.assertEqual((answer.status, answer.json()["code"]), (503, "unavailable"))
        self.assertTrue(answer.json()["items"][0]["retriable"])
        self.assertEqual(strict.messages(self.group), [])

    def test_the_deadline_is_kept(self):
        self.judge.open.clear()
        server = self.serve(**{"moderation.timeout": "100ms"})
        self.assertEqual(server.must_batch([self.item("x")])[0]["moderation"]["found_by"],
                         ["unjudged"])

    def test_a_service_that_is_down_is_spared_until_it_is_tried_again(self):
        self.judge.status = 500
        server = self.serve(**{"moderation.breakerFailures": 2, "moderation.breakerPause": "200ms"})
        for _ in range(2):
            server.must_batch([self.item("x")])
        wait_until(lambda: "\njindou_moderation_service_down 1\n"
                   in server.get("/metrics").body.decode(), what="the breaker")
        self.judge.status = 200
        wait_until(lambda: server.batch([self.item("spam")]).status == 403, what="the trial")
        self.assertIn("\njindou_moderation_service_down 0\n",
                      server.get("/metrics").body.decode())

    def test_what_waits_is_bounded(self):
        self.judge.open.clear()
        server = self.serve(**{"moderation.waitingBytesMax": "1MiB", "moderation.calls": 1})
        large = "x" * 30000
        threads = [threading.Thread(target=lambda: server.batch(
            [self.item(large) for _ in range(30)], timeout=30))]
        for thread in threads:
            thread.start()
        wait_until(lambda: self.judge.calls, what="the call")
        answer = server.batch([item(fresh("g"), text(large), from_uid="ann") for _ in range(9)])
        self.assertEqual((answer.status, answer.json()["code"]), (429, "overloaded"))
        self.judge.open.set()
        for thread in threads:
            thread.join()
        self.assertEqual(len(server.messages(self.group)), 30)

    def test_answers_that_are_no_verdicts_count_as_none(self):
        server = self.serve()
        for answer in ("", "[]", '{"verdicts":[]}', '{"verdicts":[{"action":"drop"}]}'):
            self.judge.answer = answer
            result = server.must_batch([self.item("spam")])[0]
            self.assertEqual(result["moderation"]["found_by"], ["unjudged"], answer)

    def test_a_dry_run_asks_and_says_so(self):
        server = self.serve()
        answer = server.must_post("/message/sendbatch?dry_run=true", [self.item("spam")])
        self.assertEqual(answer["items"][0]["reason"], MODERATED)
        self.assertTrue(self.judge.items()[0]["dry_run"])


if __name__ == "__main__":
    unittest.main()
