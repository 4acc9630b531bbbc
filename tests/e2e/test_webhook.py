"""Webhooks: what is told, to whom, how it is signed, and that nothing is lost on the way."""

import base64
import gzip
import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

import certificates
import client_packages
from harness import PERSON, ROOT, Server, ServerCase, b64, fresh, item, wait_until
from webhook_receiver import Receiver

ALL_FIELDS = {"header", "setting", "message_id", "message_idstr", "client_msg_no", "message_seq",
              "from_uid", "channel_id", "channel_type", "expire", "timestamp", "payload"}
# Fast enough for a test, slow enough to be seen.
QUICK_RETRY = {"webhook.retryBackoffMin": "50ms", "webhook.retryBackoffMax": "200ms",
               "webhook.msgNotifyEventPushInterval": "50ms"}


def hook(receiver, **more):
    config = {"webhook.httpAddr": receiver.url, **QUICK_RETRY}
    config.update({"webhook." + key: value for key, value in more.items()})
    return config


def payloads(messages):
    return [base64.b64decode(m["payload"]).decode() for m in messages]


def metric(server, name, event):
    for line in server.get("/metrics").body.decode().splitlines():
        if line.startswith('jindou_webhook_%s{event="%s"}' % (name, event)):
            return float(line.rsplit(" ", 1)[1])
    raise AssertionError("no metric %s for %s" % (name, event))


class WithReceiver(unittest.TestCase):
    def receiver(self, answer=None):
        receiver = Receiver(answer)
        self.addCleanup(receiver.close)
        return receiver

    def server(self, config, **options):
        server = Server(config, **options)
        self.addCleanup(server.destroy)
        return server.start()

    def wait_messages(self, receiver, channel, count, event="msg.notify", timeout=20.0):
        def arrived():
            found = receiver.messages(channel, event)
            return found if len({m["message_id"] for m in found}) >= count else None
        return wait_until(arrived, timeout, what="%d messages of %s" % (count, channel))

    def assert_in_order_at_least_once(self, messages, expected):
        """Without repeats the seqs are exactly 1..expected, in that order."""
        first_seen = []
        for message in messages:
            if message["message_seq"] not in first_seen:
                first_seen.append(message["message_seq"])
        self.assertEqual(first_seen, list(range(1, expected + 1)))


class WhatIsToldTest(ServerCase):
    """One server and one receiver; each test has a channel of its own."""

    @classmethod
    def setUpClass(cls):
        cls.receiver = Receiver()
        cls.addClassCleanup(cls.receiver.close)
        cls.config = dict(hook(cls.receiver), **{"channel.subscriberCompressOfCount": 3})
        super().setUpClass()

    def told(self, channel, event="msg.notify", count=1, timeout=10.0):
        return wait_until(lambda: (m := self.receiver.messages(channel, event)) and
                          len(m) >= count and m, timeout, what="%s of %s" % (event, channel))

    def test_notify_is_an_array_of_message_objects(self):
        group = fresh("g")
        answer = self.server.must_batch([item(group, "one", client_msg_no=group, expire=60,
                                              header={"red_dot": 1})])
        message = self.told(group)[0]
        self.assertEqual(set(message), ALL_FIELDS)
        self.assertEqual(message["message_id"], answer[0]["message_id"])
        self.assertEqual(message["message_idstr"], str(answer[0]["message_id"]))
        self.assertEqual((message["message_seq"], message["client_msg_no"]), (1, group))
        self.assertEqual((message["from_uid"], message["channel_type"]), ("sender", 2))
        self.assertEqual(message["header"], {"no_persist": 0, "red_dot": 1, "sync_once": 0})
        self.assertEqual((message["expire"], payloads([message])), (60, ["one"]))
        call = next(c for c in self.receiver.calls("msg.notify") if group in c.raw.decode())
        self.assertIsInstance(call.body, list)
        self.assertEqual(call.path, "/hook?event=msg.notify")
        self.assertEqual(call.headers["content-type"], "application/json")

    def test_person_channel_is_the_half_that_did_not_send(self):
        a, b = fresh("u"), fresh("u")
        self.server.must_batch([item(b, "hi", from_uid=a, channel_type=PERSON)])
        self.assertEqual(self.told(b)[0]["from_uid"], a)

    def test_system_sender_is_an_empty_uid_in_notify_and_named_in_offline(self):
        user = fresh("u")
        self.server.must_post("/message/send", {"channel_id": user, "channel_type": PERSON,
                                                "payload": b64("x")})
        self.assertEqual(self.told(user)[0]["from_uid"], "")
        self.assertEqual(self.told(user, "msg.offline")[0]["from_uid"], "____system")

    def test_command_messages_are_told_without_the_suffix(self):
        group = fresh("g")
        self.server.create_group(group, ["m1"])
        self.server.must_batch([item(group, "cmd", header={"sync_once": 1})])
        self.assertEqual(self.told(group)[0]["header"]["sync_once"], 1)
        self.assertEqual(self.told(group, "msg.offline")[0]["to_uids"], ["m1"])

    def test_messages_not_stored_are_told_to_offline_receivers_only(self):
        group = fresh("g")
        self.server.create_group(group, ["m1"])
        self.server.must_batch([item(group, "fleeting", header={"no_persist": 1})])
        offline = self.told(group, "msg.offline")[0]
        self.assertEqual((offline["message_seq"], offline["to_uids"]), (0, ["m1"]))
        self.server.must_batch([item(group, "stored")])
        self.assertEqual(payloads(self.told(group)), ["stored"])

    def test_offline_names_only_users_without_a_session(self):
        group, online, offline, author = fresh("g"), fresh("on"), fresh("off"), fresh("a")
        self.server.create_group(group, [online, offline, author])
        self.client(online)
        self.server.must_batch([item(group, "x", from_uid=author)])
        told = self.told(group, "msg.offline")[0]
        self.assertEqual(told["to_uids"], [offline])
        self.assertEqual(set(told) - ALL_FIELDS, {"to_uids", "source_id"})
        self.assertEqual(told["source_id"], 1001)

    def test_offline_is_not_told_when_everybody_is_there_or_denied(self):
        group, online, denied = fresh("g"), fresh("on"), fresh("no")
        self.server.create_group(group, [online, denied])
        self.server.must_post("/channel/blacklist_add", {"channel_id": group, "channel_type": 2,
                                                         "uids": [denied]})
        self.client(online)
        self.server.must_batch([item(group, "x")])
        self.told(group)
        marker = fresh("u")
        self.server.must_batch([item(marker, "later", channel_type=PERSON)])
        self.told(marker, "msg.offline")
        time.sleep(0.2)  # other partitions may come a round later
        self.assertEqual(self.receiver.messages(group, "msg.offline"), [])

    def test_offline_leaves_out_agent_channels(self):
        agent, user = fresh("bot"), fresh("u")
        self.server.must_batch([item(agent, "x", from_uid=user, channel_type=11)])
        channel = wait_until(lambda: [m for m in self.receiver.heard("msg.notify")
                                      if m["channel_type"] == 11 and agent in m["channel_id"]],
                             what="the agent message")[0]["channel_id"]
        time.sleep(0.3)
        self.assertEqual(self.receiver.messages(channel, "msg.offline"), [])

    def test_many_offline_receivers_come_as_gzip(self):
        group = fresh("g")
        uids = sorted(fresh("m") for _ in range(200))
        self.server.create_group(group, uids)
        self.server.must_batch([item(group, "x")])
        told = self.told(group, "msg.offline")[0]
        self.assertEqual((told["to_uids"], told["compress"]), ([], "gzip"))
        packed = base64.b64decode(told["compress_to_uids"])
        self.assertEqual(sorted(json.loads(gzip.decompress(packed))), uids)

    def test_as_many_receivers_as_the_limit_come_plain(self):
        group = fresh("g")
        self.server.create_group(group, ["a", "b", "c"])
        self.server.must_batch([item(group, "x")])
        told = self.told(group, "msg.offline")[0]
        self.assertEqual(sorted(told["to_uids"]), ["a", "b", "c"])
        self.assertNotIn("compress", told)

    def test_offline_of_a_targeted_command_goes_to_its_list(self):
        one, two = fresh("u"), fresh("u")
        self.server.must_post("/message/send", {
            "from_uid": "boss", "subscribers": [one, two], "header": {"sync_once": 1},
            "payload": b64("do")})
        told = wait_until(lambda: [m for m in self.receiver.heard("msg.offline")
                                   if one in m["to_uids"]], what="the command")[0]
        self.assertEqual(sorted(told["to_uids"]), sorted([one, two]))
        self.assertFalse(told["channel_id"].endswith("____cmd"))

    def test_online_status_tells_counts_after_the_change(self):
        uid = fresh("user-with-dashes-")
        app = self.client(uid)
        web = self.client(uid, device_flag=1, device_id="w")
        web.close()
        wait_until(lambda: len(self.changes(uid)) >= 3, what="three changes")
        app.close()
        changes = wait_until(lambda: len(self.changes(uid)) >= 4 and self.changes(uid),
                             what="four changes")
        # flag, online, count of the flag, count of the user
        self.assertEqual([(c[0], c[1], c[3], c[4]) for c in changes],
                         [("0", "1", "1", "1"), ("1", "1", "1", "2"), ("1", "0", "0", "1"),
                          ("0", "0", "0", "0")])
        self.assertEqual(changes[1][2], changes[2][2])
        self.assertNotEqual(changes[0][2], changes[1][2])

    def changes(self, uid):
        return [tuple(text.rsplit("-", 5)[1:]) for text in self.receiver.heard("user.onlinestatus")
                if text.rsplit("-", 5)[0] == uid]

    def test_unsigned_without_a_secret(self):
        group = fresh("g")
        self.server.must_batch([item(group, "x")])
        self.told(group)
        for call in self.receiver.calls():
            self.assertNotIn("x-jindou-signature", call.headers)
            self.assertTrue(call.headers["x-jindou-event-id"])

    def test_a_burst_is_told_completely_and_in_order(self):
        group = fresh("g")
        for start in range(0, 1000, 250):
            self.server.must_batch([item(group, str(i)) for i in range(start, start + 250)])
        told = self.told(group, count=1000)
        self.assertEqual([m["message_seq"] for m in told], list(range(1, 1001)))
        sizes = [len(c.body) for c in self.receiver.calls("msg.notify")]
        self.assertLessEqual(max(sizes), 100)


class DeliveryTest(WithReceiver):
    def test_errors_500_are_repeated_until_it_works_in_order(self):
        failures = {}

        def answer(call):
            if call.event != "msg.notify":
                return 200
            number = failures.setdefault(call.raw, 0)
            failures[call.raw] = number + 1
            return 500 if number < 2 else 200

        receiver = self.receiver(answer)
        server = self.server(hook(receiver))
        group = fresh("g")
        for i in range(5):
            server.must_batch([item(group, "%d-%d" % (i, k)) for k in range(60)])
        messages = self.wait_messages(receiver, group, 300)
        self.assert_in_order_at_least_once(messages, 300)
        self.assertGreaterEqual(metric(server, "failed_attempts_total", "msg.notify"), 2)
        self.assertEqual(metric(server, "dead_letters_total", "msg.notify"), 0)
        # The same letter has the same id at each attempt, and others have others.
        ids = {}
        for call in receiver.calls("msg.notify"):
            ids.setdefault(call.raw, set()).add(call.headers["x-jindou-event-id"])
        self.assertTrue(all(len(of_body) == 1 for of_body in ids.values()))
        self.assertEqual(len(set.union(*ids.values())), len(ids))

    def test_a_receiver_that_was_down_hears_everything_later(self):
        receiver = self.receiver()
        receiver.stop()
        server = self.server(hook(receiver))
        group = fresh("g")
        server.create_group(group, ["m1"])
        for i in range(3):
            server.must_batch([item(group, str(k)) for k in range(50)])
            time.sleep(0.2)
        wait_until(lambda: metric(server, "failed_attempts_total", "msg.notify") >= 2 and
                   metric(server, "backlog", "msg.notify") == 150, what="failures and a backlog")
        for event in ("msg.notify", "msg.offline"):
            wait_until(lambda: 1 <= metric(server, "oldest_seconds", event) < 60,
                       what="the age of what waits")
        receiver.start()
        self.assert_in_order_at_least_once(self.wait_messages(receiver, group, 150), 150)
        self.wait_messages(receiver, group, 150, "msg.offline")
        wait_until(lambda: metric(server, "backlog", "msg.notify") == 0, what="an empty backlog")
        wait_until(lambda: metric(server, "oldest_seconds", "msg.notify") == 0, what="nothing old")
        self.assertEqual(metric(server, "sent_total", "msg.notify"), 150)

    def test_offline_is_not_told_of_what_has_expired_meanwhile(self):
        receiver = self.receiver(lambda call: 503)
        server = self.server(hook(receiver))
        user = fresh("u")
        server.must_batch([item(user, "short", channel_type=PERSON, expire=1),
                           item(user, "long", channel_type=PERSON, expire=600)])
        wait_until(lambda: receiver.calls("msg.offline"), what="an attempt")
        time.sleep(2.1)
        receiver.answer = None
        self.assertEqual(payloads(self.wait_messages(receiver, user, 1, "msg.offline")), ["long"])
        time.sleep(0.2)
        self.assertEqual(payloads(receiver.messages(user, "msg.offline")), ["long"])

    def test_messages_not_told_before_a_kill_are_told_after_the_restart(self):
        receiver = self.receiver(lambda call: 503)
        server = self.server(hook(receiver))
        group = fresh("g")
        server.create_group(group, ["m1"])
        server.must_batch([item(group, str(k)) for k in range(120)])
        wait_until(lambda: receiver.calls("msg.notify") and receiver.calls("msg.offline"),
                   what="attempts")
        server.kill9()
        receiver.answer = None
        server.start()
        self.assert_in_order_at_least_once(self.wait_messages(receiver, group, 120), 120)
        self.wait_messages(receiver, group, 120, "msg.offline")

    def test_kills_in_the_middle_lose_nothing(self):
        receiver = self.receiver()
        server = self.server(hook(receiver))
        group = fresh("g")
        sent = 0
        for _ in range(3):
            for _ in range(4):
                sent += len(server.must_batch([item(group, "x") for _ in range(100)]))
            server.kill9()
            server.start()
        messages = self.wait_messages(receiver, group, sent)
        self.assertEqual({m["message_seq"] for m in messages}, set(range(1, sent + 1)))

    def test_after_a_clean_restart_nothing_is_told_twice(self):
        receiver = self.receiver()
        server = self.server(hook(receiver))
        group = fresh("g")
        server.must_batch([item(group, "x") for _ in range(20)])
        self.wait_messages(receiver, group, 20)
        # The receiver has them; the server has to hear that it does.
        wait_until(lambda: metric(server, "sent_total", "msg.notify") == 20,
                   what="the answer")
        server.restart(graceful=True)
        server.must_batch([item(group, "y")])
        messages = self.wait_messages(receiver, group, 21)
        self.assertEqual([m["message_seq"] for m in messages], list(range(1, 22)))

    def test_a_webhook_that_is_switched_on_starts_at_the_present(self):
        receiver = self.receiver()
        server = self.server({})
        group = fresh("g")
        server.must_batch([item(group, "old") for _ in range(5)])
        server.stop()
        server.config.update(hook(receiver))
        server.start()
        server.must_batch([item(group, "new")])
        self.assertEqual(payloads(self.wait_messages(receiver, group, 1)), ["new"])

    def test_a_webhook_can_be_switched_on_and_moved_while_running(self):
        first, second = self.receiver(), self.receiver()
        server = self.server({}, yaml="mode: debug\n")
        group = fresh("g")
        server.must_batch([item(group, "before")])

        def reload(receiver):
            text = "".join("%s: '%s'\n" % pair for pair in [
                ("  httpAddr", receiver.url), ("  msgNotifyEventPushInterval", "50ms")])
            with open(os.path.join(server.dir, "config.yaml"), "w") as out:
                out.write("mode: debug\nwebhook:\n" + text)
            marks = server.log_tail(1000).count("reload:")
            server.process.send_signal(signal.SIGHUP)
            wait_until(lambda: server.log_tail(1000).count("reload:") > marks, what="the reload")

        reload(first)
        # The switch itself takes a moment; what comes after it is told.
        def told(receiver, text):
            server.must_batch([item(group, text)])
            return text in payloads(receiver.messages(group))
        wait_until(lambda: told(first, "to the first"), interval=0.1, what="a first message")
        self.assertNotIn("before", payloads(first.messages(group)))
        reload(second)
        wait_until(lambda: told(second, "to the second"), interval=0.1, what="a message elsewhere")

    def test_a_hanging_receiver_holds_up_no_send(self):
        receiver = self.receiver(lambda call: "hang")
        server = self.server(hook(receiver))
        group = fresh("g")
        server.create_group(group, ["m1", "m2"])
        server.must_batch([item(group, "first")])
        wait_until(lambda: receiver.calls("msg.notify") and receiver.calls("msg.offline"),
                   what="hanging calls")
        for _ in range(20):
            server.must_batch([item(group, "x") for _ in range(100)])
        with server.client("m1") as client:
            server.must_batch([item(group, "live")])
            self.assertEqual(client.recv().payload, b"live")
        # Still hanging while all that was answered.
        self.assertTrue(all(call.status == "hang" for call in receiver.calls()))
        receiver.answer = None
        receiver.release()
        self.assert_in_order_at_least_once(self.wait_messages(receiver, group, 2002), 2002)

    def test_a_server_with_a_hanging_receiver_stops_in_time(self):
        receiver = self.receiver(lambda call: "hang")
        server = self.server(hook(receiver))
        server.must_batch([item(fresh("g"), "x")])
        wait_until(lambda: receiver.calls("msg.notify"), what="a hanging call")
        self.assertEqual(server.stop(), 0)

    def test_what_is_refused_is_given_up_after_the_attempts_and_counted(self):
        bad = fresh("bad")
        receiver = self.receiver(
            lambda call: 400 if bad.encode() in call.raw else 200)
        server = self.server(hook(receiver, msgNotifyEventRetryMaxCount=3))
        server.must_batch([item(bad, "x") for _ in range(7)])
        wait_until(lambda: metric(server, "dead_letters_total", "msg.notify") == 7,
                   what="dead letters")
        refused = [c for c in receiver.calls("msg.notify") if bad.encode() in c.raw]
        self.assertEqual(len(refused), 3)
        good = fresh("g")
        server.must_batch([item(good, "x")])
        self.wait_messages(receiver, good, 1)

    def test_what_is_too_old_is_given_up_and_counted(self):
        receiver = self.receiver(lambda call: 500)
        server = self.server(hook(receiver, maxAge="1s"))
        server.must_batch([item(fresh("g"), "x") for _ in range(3)])
        wait_until(lambda: metric(server, "dead_letters_total", "msg.notify") == 3, timeout=15,
                   what="dead letters")

    def test_of_too_many_waiting_the_oldest_are_given_up_and_counted(self):
        receiver = self.receiver()
        receiver.stop()
        server = self.server(hook(receiver, backlogMax=250))
        group = fresh("g")
        for i in range(10):
            server.must_batch([item(group, "x") for _ in range(100)])
        # The backlog is full before all of them are counted.
        wait_until(lambda: metric(server, "dead_letters_total", "msg.notify") == 750,
                   what="750 given up")
        self.assertEqual(metric(server, "backlog", "msg.notify"), 250)
        receiver.start()
        messages = self.wait_messages(receiver, group, 250)
        # What was being sent when the receiver went away is kept, then come the newest.
        seqs = [m["message_seq"] for m in messages]
        self.assertEqual(seqs, sorted(seqs))
        self.assertEqual(seqs[-100:], list(range(901, 1001)))

    def test_signature_covers_timestamp_and_body(self):
        receiver = self.receiver()
        server = self.server(hook(receiver, secret="shared secret"))
        user = fresh("u")
        server.must_batch([item(user, "x", channel_type=PERSON)])
        self.wait_messages(receiver, user, 1)
        self.wait_messages(receiver, user, 1, "msg.offline")
        with server.client(user):
            wait_until(lambda: receiver.calls("user.onlinestatus"), what="a presence event")
        for call in receiver.calls():
            stamp = call.headers["x-jindou-timestamp"]
            self.assertLess(abs(time.time() - int(stamp)), 60)
            expected = hmac.new(b"shared secret", stamp.encode() + b"." + call.raw,
                                hashlib.sha256).hexdigest()
            self.assertEqual(call.headers["x-jindou-signature"], expected)

    def test_only_events_in_focus_are_told(self):
        receiver = self.receiver()
        server = self.server(hook(receiver, focusEvents="msg.notify"))
        user = fresh("u")
        with server.client(fresh("u")):
            server.must_batch([item(user, "x", channel_type=PERSON)])
            self.wait_messages(receiver, user, 1)
            time.sleep(0.3)
        self.assertEqual({call.event for call in receiver.calls()}, {"msg.notify"})

    def test_an_address_with_a_query_keeps_it(self):
        receiver = self.receiver()
        server = self.server(dict(hook(receiver), **{"webhook.httpAddr": receiver.url + "?key=v"}))
        server.must_batch([item(fresh("g"), "x")])
        call = wait_until(lambda: receiver.calls("msg.notify"), what="a call")[0]
        self.assertEqual(call.path, "/hook?key=v&event=msg.notify")

    def test_any_2xx_is_success(self):
        receiver = self.receiver(lambda call: 204)
        server = self.server(hook(receiver))
        server.must_batch([item(fresh("g"), "x")])
        wait_until(lambda: metric(server, "sent_total", "msg.notify") == 1, what="a success")
        self.assertEqual(metric(server, "failed_attempts_total", "msg.notify"), 0)

    def test_agent_channels_have_a_receiver_of_their_own(self):
        main, agents = self.receiver(), self.receiver()
        server = self.server(dict(hook(main), **{"agent.webhook.httpAddr": agents.url}))
        bot, user, group = fresh("bot"), fresh("u"), fresh("g")
        server.must_batch([item(bot, "to the bot", from_uid=user, channel_type=11),
                           item(group, "to the group", from_uid=user)])
        notify = wait_until(lambda: agents.heard("msg.notify"), what="the agent's message")
        self.assertEqual(payloads(notify), ["to the bot"])
        offline = wait_until(lambda: agents.heard("msg.offline"), what="the agent's offline push")
        self.assertEqual(offline[0]["to_uids"], [bot])
        self.wait_messages(main, group, 1)
        time.sleep(0.2)
        self.assertEqual(payloads(main.heard("msg.notify")), ["to the group"])

    def test_agents_that_are_down_do_not_hold_up_the_others(self):
        main, agents = self.receiver(), self.receiver(lambda call: 500)
        server = self.server(dict(hook(main), **{"agent.webhook.httpAddr": agents.url}))
        bot, group = fresh("bot"), fresh("g")
        for i in range(5):
            server.must_batch([item(bot, "a%d" % i, from_uid="user1", channel_type=11),
                               item(group, "g%d" % i)])
        self.wait_messages(main, group, 5)
        agents.answer = None
        wait_until(lambda: len(agents.heard("msg.notify")) >= 5, what="the agent's messages")
        self.assertEqual(payloads(agents.heard("msg.notify")), ["a%d" % i for i in range(5)])


class OnlineStatusTest(WithReceiver):
    def changes(self, receiver, uid):
        """What was told of a user, each once: a kill may come before what was told is forgotten."""
        return list(dict.fromkeys(text for text in receiver.heard("user.onlinestatus")
                                  if text.startswith(uid + "-")))

    def test_sessions_of_a_killed_server_are_told_to_be_gone(self):
        receiver = self.receiver()
        server = self.server(hook(receiver))
        uid, other = fresh("u"), fresh("u")
        app, web = server.client(uid), server.client(uid, device_flag=1, device_id="w")
        gone = server.client(other)
        gone.close()
        wait_until(lambda: len(self.changes(receiver, uid)) == 2 and
                   len(self.changes(receiver, other)) == 2, what="the first changes")
        server.kill9()
        server.start()
        changes = wait_until(lambda: (c := self.changes(receiver, uid)) and len(c) >= 4 and c,
                             what="two more changes")
        self.assertEqual(sorted(c.split("-", 2)[1] for c in changes[2:]), ["0", "1"])
        self.assertTrue(all(c.split("-")[2] == "0" for c in changes[2:]))
        self.assertEqual([c.rsplit("-", 1)[1] for c in changes[2:]], ["1", "0"])
        self.assertEqual(len(self.changes(receiver, other)), 2)
        app.close(), web.close()
        # Told once: another crash without sessions brings nothing.
        server.restart()
        time.sleep(0.5)
        self.assertEqual(len(self.changes(receiver, uid)), 4)

    def test_changes_not_told_before_a_kill_are_told_after_the_restart(self):
        receiver = self.receiver(lambda call: 500)
        server = self.server(hook(receiver))
        uid = fresh("u")
        server.client(uid).close()
        wait_until(lambda: receiver.calls("user.onlinestatus"), what="an attempt")
        wait_until(lambda: metric(server, "backlog", "user.onlinestatus") == 2, what="two changes")
        time.sleep(0.2)  # both are durable
        server.kill9()
        receiver.answer = None
        server.start()
        changes = wait_until(lambda: (c := self.changes(receiver, uid)) and len(c) >= 2 and c,
                             what="both changes")
        self.assertEqual([c.split("-")[2] for c in changes], ["1", "0"])

    def test_sessions_that_end_with_the_server_are_told_to_be_gone(self):
        receiver = self.receiver()
        server = self.server(hook(receiver))
        uid = fresh("u")
        client = server.client(uid)
        wait_until(lambda: self.changes(receiver, uid), what="the login")
        server.restart(graceful=True)
        client.close()
        changes = wait_until(lambda: (c := self.changes(receiver, uid)) and len(c) >= 2 and c,
                             what="the logout")
        self.assertEqual([c.split("-")[2] for c in changes], ["1", "0"])


class PrivateAuthority(WithReceiver):
    """The receiver's certificate is signed by nobody the system knows."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="jindou-ca-")
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.certificate, key = certificates.self_signed(cls.directory)
        cls.other, _ = certificates.self_signed(cls.directory, "other")
        cls.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        cls.context.load_cert_chain(cls.certificate, key)

    def https_receiver(self):
        receiver = Receiver(tls=self.context)
        self.addCleanup(receiver.close)
        return receiver

    def failed(self, server):
        return metric(server, "failed_attempts_total", "msg.notify")

    def test_the_authority_of_the_setting_is_trusted_and_no_other(self):
        receiver = self.https_receiver()
        yaml = "webhook:\n  httpAddr: %s\n  retryBackoffMax: 1s\n" % receiver.url
        server = self.server({}, yaml=yaml + "  caFile: %s\n" % self.other)
        group = fresh("g")
        server.must_batch([item(group, "x")])
        wait_until(lambda: self.failed(server) > 0, what="a refused certificate")
        self.assertEqual(receiver.calls(), [])
        with open(os.path.join(server.dir, "config.yaml"), "w") as out:
            out.write(yaml + "  caFile: %s\n" % self.certificate)
        server.process.send_signal(signal.SIGHUP)
        self.wait_messages(receiver, group, 1)

    def test_the_data_source_has_its_own(self):
        receiver = self.https_receiver()
        server = self.server({"datasource.addr": receiver.url,
                              "datasource.caFile": self.certificate})
        server.batch([item(fresh("g"), "x")])
        wait_until(receiver.calls, what="a question")
        self.assertEqual(server.stop(), 0)

    def test_a_file_that_cannot_be_used_is_refused(self):
        empty = os.path.join(self.directory, "empty.pem")
        with open(empty, "w") as out:
            out.write("nothing\n")
        for path in ("/does/not/exist.pem", empty, self.directory):
            server = Server({"webhook.caFile": path})
            self.addCleanup(server.destroy)
            server.spawn()
            self.assertEqual(server.process.wait(20), 1)
            self.assertIn("webhook.caFile: " + path, server.log_tail())


GRPC_SERVER = r"""
import json, sys, threading
from concurrent import futures
import grpc

def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at

def parse(data):
    fields, at = {}, 0
    while at < len(data):
        tag, at = varint(data, at)
        size, at = varint(data, at)
        fields[tag >> 3] = data[at:at + size]
        at += size
    return fields

failures = int(sys.argv[1])
lock = threading.Lock()

def handle(request, context):
    global failures
    fields = parse(request)
    metadata = dict(context.invocation_metadata())
    ok = failures <= 0
    failures -= 1
    line = json.dumps({"event": fields[1].decode(), "data": json.loads(fields[2]), "ok": ok,
                       "signed": "x-jindou-signature" in metadata, "peer": context.peer()})
    with lock:
        print(line, flush=True)
    if not ok and failures % 2:
        context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
    return bytes([8, 1]) if ok else b""

class Handler(grpc.GenericRpcHandler):
    def service(self, details):
        if details.method == "/wkhook.WebhookService/SendWebhook":
            return grpc.unary_unary_rpc_method_handler(handle)

server = grpc.server(futures.ThreadPoolExecutor(4))
server.add_generic_rpc_handlers((Handler(),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
server.wait_for_termination()
"""


class GrpcTest(WithReceiver):
    def grpc_server(self, failures):
        process = subprocess.Popen([client_packages.python("grpc"), "-c", GRPC_SERVER, str(failures)],
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (process.kill(), process.wait(), process.stdout.close()))
        port = int(process.stdout.readline())
        calls = []

        def read():
            for line in process.stdout:
                calls.append(json.loads(line))
        threading.Thread(target=read, daemon=True).start()
        return port, calls

    def test_events_reach_a_grpc_service(self):
        port, calls = self.grpc_server(failures=6)
        unused = self.receiver()
        server = self.server(dict(hook(unused, secret="s"),
                                  **{"webhook.grpcAddr": "127.0.0.1:%d" % port}))
        user = fresh("u")
        server.must_batch([item(user, "x" * 30000, channel_type=PERSON) for _ in range(20)])

        def heard(event):
            return [call for call in calls if call["event"] == event and call["ok"]]
        wait_until(lambda: sum(len(c["data"]) for c in heard("msg.notify")) >= 20,
                   what="twenty messages")
        seqs = [m["message_seq"] for call in heard("msg.notify") for m in call["data"]]
        self.assertEqual(seqs, list(range(1, 21)))
        offline = wait_until(lambda: heard("msg.offline"), what="the offline push")[0]
        self.assertEqual(offline["data"]["to_uids"], [user])
        self.assertTrue(all(call["signed"] for call in calls))
        self.assertGreaterEqual(sum(not call["ok"] for call in calls), 6)
        self.assertEqual(unused.calls(), [])

    def test_a_hundred_events_on_one_connection_and_none_fails(self):
        port, calls = self.grpc_server(failures=0)
        server = self.server({"webhook.grpcAddr": "127.0.0.1:%d" % port, "webhook.workers": 1,
                              "webhook.focusEvents": "msg.notify",
                              "webhook.msgNotifyEventPushInterval": "1ms"})
        group = fresh("g")
        for number in range(100):
            server.must_batch([item(group, "m%d" % number)])
            wait_until(lambda n=number: len(calls) > n, what="event %d" % number)
        self.assertEqual([m["message_seq"] for call in calls for m in call["data"]],
                         list(range(1, 101)))
        self.assertEqual(metric(server, "failed_attempts_total", "msg.notify"), 0)
        self.assertEqual(len({call["peer"] for call in calls}), 1)


class Pages(unittest.TestCase):
    def test_they_name_every_event(self):
        name = r"(?:msg|user)\.[a-z]+"
        events = set(re.findall('return "(%s)"' % name,
                                (ROOT / "src/webhook/options.h").read_text()))
        self.assertEqual(len(events), 5)
        # The table of the bodies, and the first paragraphs for operators.
        for page, begin, end in (("api.md", "\n## Webhooks\n", "\n| header |"),
                                 ("operations.md", "\n## Webhooks\n", "\n- "),
                                 ("operations.zh-CN.md", "\n## Webhook\n", "\n- ")):
            with self.subTest(page=page):
                section = (ROOT / "docs" / page).read_text().split(begin)[1].split(end)[0]
                self.assertEqual(set(re.findall("`(%s)`" % name, section)), events)


if __name__ == "__main__":
    unittest.main()
