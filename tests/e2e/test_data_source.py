"""The data source: lists, flags and system accounts asked from the customer's own service.

The service is a real HTTP server that answers, refuses and hangs as the test says.
"""

import http.server
import json
import threading
import time
import unittest

from harness import GROUP, PERSON, Server, fresh, item, wait_until


class Source:
    """The customer's service. `answers` maps (cmd, channel_id) to a JSON value or a callable."""

    def __init__(self):
        self.answers = {}
        self.calls = []
        self.failing = False
        self.hanging = threading.Event()
        self.hanging.set()
        source = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                channel = body["data"].get("channel_id")
                source.calls.append((body["cmd"], channel))
                if channel is not None:
                    source.hanging.wait(30)
                answer = json.dumps(source.answers.get((body["cmd"], channel), [])).encode()
                self.send_response(500 if source.failing else 200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *unused):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d/source" % self.server.server_address[1]

    def asked(self, cmd, channel=None):
        return self.calls.count((cmd, channel))

    def close(self):
        self.hanging.set()
        self.server.shutdown()
        self.server.server_close()


class DataSource(unittest.TestCase):
    def setUp(self):
        self.source = Source()
        self.addCleanup(self.source.close)

    def serve(self, **settings):
        config = {"datasource.addr": self.source.url, "datasource.timeout": "5s",
                  "api.sendCheck": "strict"}
        config.update(settings)
        server = Server(config=config)
        server.start()
        self.addCleanup(server.destroy)
        return server

    def test_subscribers_of_the_source_receive_and_may_send(self):
        group, member, other = fresh("g"), fresh("u"), fresh("u")
        self.source.answers[("getSubscribers", group)] = [member]
        server = self.serve()
        server.create_group(group, [other])  # stored here, and not asked
        with server.client(member) as online:
            self.assertEqual(server.must_batch([item(group, from_uid=member)])[0]["reason"], 1)
            self.assertEqual(server.batch([item(group, from_uid=other)]).status, 403)
            self.assertEqual(online.recv().channel_id, group)

    def test_lists_of_the_source_are_the_ones_that_count(self):
        group, denied, allowed, member = fresh("g"), fresh("u"), fresh("u"), fresh("u")
        self.source.answers[("getSubscribers", group)] = [denied, allowed, member]
        self.source.answers[("getBlacklist", group)] = [denied]
        self.source.answers[("getWhitelist", group)] = [allowed]
        server = self.serve()
        reasons = [server.batch([item(group, from_uid=uid)]).json() for uid in (denied, member)]
        self.assertEqual([answer["items"][0]["reason"] for answer in reasons], [4, 13])
        self.assertEqual(server.batch([item(group, from_uid=allowed)]).status, 200)

    def test_the_denylist_of_a_person(self):
        sender, receiver = fresh("u"), fresh("u")
        self.source.answers[("getBlacklist", receiver)] = [sender]
        server = self.serve()
        refused = server.batch([item(receiver, from_uid=sender, channel_type=PERSON)])
        self.assertEqual(refused.json()["items"][0]["reason"], 4)

    def test_a_source_that_knows_only_the_pair(self):
        one, other, third = fresh("u"), fresh("u"), fresh("u")
        # As TangSengDaoDao: both of the two, when either has blocked the other.
        for pair in (one + "@" + other, other + "@" + one):
            self.source.answers[("getBlacklist", pair)] = [one, other]
        server = self.serve(**{"api.sendCheck": "trusted"})
        for sender, receiver in ((one, other), (other, one)):
            refused = server.batch([item(receiver, from_uid=sender, channel_type=PERSON)])
            self.assertEqual(refused.json()["items"][0]["reason"], 4)
        # The pair is asked for its denylist and nothing else.
        asked = {cmd for cmd, channel in self.source.calls if channel and "@" in channel}
        self.assertEqual(asked, {"getBlacklist"})
        with server.client(other) as online:
            server.must_batch([item(other, from_uid=third, channel_type=PERSON)])
            self.assertEqual(online.recv().channel_id, third)

    def test_flags_only_with_channel_info(self):
        group, member = fresh("g"), fresh("u")
        self.source.answers[("getSubscribers", group)] = [member]
        self.source.answers[("getChannelInfo", group)] = {"large": 0, "ban": 1, "disband": 0}
        server = self.serve()
        self.assertEqual(server.batch([item(group, from_uid=member)]).status, 200)
        self.assertEqual(self.source.asked("getChannelInfo", group), 0)
        for ban in (1, True):
            self.source.answers[("getChannelInfo", group)]["ban"] = ban
            asking = self.serve(**{"datasource.channelInfoOn": "true"})
            refused = asking.batch([item(group, from_uid=member)])
            self.assertEqual(refused.json()["items"][0]["reason"], 19, ban)

    def test_system_accounts(self):
        robot, group = fresh("robot"), fresh("g")
        self.source.answers[("getSystemUIDs", None)] = [robot]
        server = self.serve()
        wait_until(lambda: server.batch([item(group, from_uid=robot)]).status == 200,
                   what="the system accounts to be known")

    def test_answers_are_used_again(self):
        group, member = fresh("g"), fresh("u")
        self.source.answers[("getSubscribers", group)] = [member]
        server = self.serve()
        for _ in range(5):
            server.must_batch([item(group, from_uid=member)])
        self.assertEqual(self.source.asked("getSubscribers", group), 1)

    def test_an_old_answer_is_used_while_the_source_fails(self):
        group, member = fresh("g"), fresh("u")
        self.source.answers[("getSubscribers", group)] = [member]
        server = self.serve(**{"datasource.cacheTime": "100ms"})
        server.must_batch([item(group, from_uid=member)])
        self.source.failing = True
        time.sleep(0.2)
        self.assertEqual(server.batch([item(group, from_uid=member)]).status, 200)

    def test_no_answer_at_all_refuses_and_stores_nothing(self):
        group = fresh("g")
        self.source.failing = True
        server = self.serve()
        refused = server.batch([item(group)])
        self.assertEqual(refused.status, 503)
        self.assertTrue(refused.json()["items"][0]["retriable"])
        self.assertEqual(server.max_seq(group), 0)

    def test_a_slow_source_delays_only_its_channels_and_keeps_their_order(self):
        slow, quick, member = fresh("g"), fresh("g"), fresh("u")
        for group in (slow, quick):
            self.source.answers[("getSubscribers", group)] = [member]
        server = self.serve()
        server.must_batch([item(quick, from_uid=member)])
        self.source.hanging.clear()
        answers = []

        def post(number):
            answers.append(server.batch([item(slow, str(number), from_uid=member)]).status)

        first = threading.Thread(target=post, args=(1,))
        first.start()
        wait_until(lambda: self.source.asked("getSubscribers", slow) == 1, what="the question")
        second = threading.Thread(target=post, args=(2,))
        second.start()
        server.must_batch([item(quick, from_uid=member)])
        time.sleep(0.2)
        self.assertEqual(answers, [])
        self.source.hanging.set()
        first.join()
        second.join()
        self.assertEqual(answers, [200, 200])
        self.assertEqual(len(server.messages(slow, login_uid=member)), 2)


if __name__ == "__main__":
    unittest.main()
