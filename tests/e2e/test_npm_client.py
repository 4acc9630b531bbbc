"""The unmodified npm client over WebSocket: receives what the batch endpoint sends, sends itself,
and comes back after the server was killed."""

import json
import unittest

from harness import GROUP, PERSON, ServerCase, fresh, item
from npm_client import NpmClient


def text_item(channel_id, text, **options):
    return item(channel_id, json.dumps({"type": 1, "content": text}), **options)


class NpmClientTest(ServerCase):
    def npm(self, uid, **options):
        client = NpmClient(uid)
        self.addCleanup(client.close)
        client.connect(self.server.ws, **options)
        return client

    def test_group_and_person_messages_of_a_batch_arrive_in_order(self):
        group, alice_uid, bob_uid = fresh("g"), fresh("alice"), fresh("bob")
        self.server.create_group(group, [alice_uid, bob_uid])
        alice, bob = self.npm(alice_uid), self.npm(bob_uid)
        items = []
        for i in range(50):
            items.append(text_item(group, "group 你好 %d" % i, client_msg_no="g%d" % i,
                                   header={"red_dot": 1}))
            items.append(text_item(alice_uid, "person %d" % i, channel_type=PERSON,
                                   client_msg_no="p%d" % i))
        results = self.server.must_batch(items)
        ids = {r["client_msg_no"]: r for r in results}
        for client, expected in ((alice, 100), (bob, 50)):
            by_channel = {}
            for message in client.messages(expected):
                self.assertTrue(message["parsed"])
                stored = ids[message["client_msg_no"]]
                self.assertEqual(message["message_id"], stored["message_idstr"])
                self.assertEqual(message["message_seq"], stored["message_seq"])
                by_channel.setdefault(message["channel_id"], []).append(message)
            got = by_channel[group]
            self.assertEqual([m["text"] for m in got], ["group 你好 %d" % i for i in range(50)])
            self.assertEqual([m["message_seq"] for m in got], list(range(1, 51)))
            self.assertTrue(all(m["red_dot"] for m in got))
            if client is alice:
                self.assertEqual([m["text"] for m in by_channel["sender"]],
                                 ["person %d" % i for i in range(50)])

    def test_sends_and_gets_the_right_seq(self):
        group, alice_uid, bob_uid = fresh("g"), fresh("alice"), fresh("bob")
        self.server.create_group(group, [alice_uid, bob_uid])
        alice, bob = self.npm(alice_uid), self.npm(bob_uid)
        self.server.must_batch([text_item(group, "first")])
        alice.messages(1)
        bob.messages(1)
        for i in range(3):
            client_seq = alice.send(group, GROUP, "own %d" % i)
            ack = alice.wait("sendack", client_seq=client_seq)
            self.assertEqual((ack["reason"], ack["message_seq"]), (1, i + 2))
            got = bob.messages(1)[0]
            self.assertEqual((got["text"], got["from_uid"], got["message_seq"], got["message_id"]),
                             ("own %d" % i, alice_uid, i + 2, ack["message_id"]))
        client_seq = bob.send(alice_uid, PERSON, "hi")
        ack = bob.wait("sendack", client_seq=client_seq)
        self.assertEqual((ack["reason"], ack["message_seq"]), (1, 1))
        got = alice.messages(1)[0]
        self.assertEqual((got["channel_id"], got["text"]), (bob_uid, "hi"))
        refused = bob.send(fresh("foreign"), GROUP, "no")
        self.assertEqual(bob.wait("sendack", client_seq=refused)["reason"], 3)

    def test_comes_back_after_a_kill_and_resends(self):
        group, alice_uid = fresh("g"), fresh("alice")
        self.server.create_group(group, [alice_uid])
        alice = self.npm(alice_uid)
        seq = alice.send(group, GROUP, "before")
        self.assertEqual(alice.wait("sendack", client_seq=seq)["message_seq"], 1)
        self.server.kill9()
        alice.wait("status", status=0)
        pending = alice.send(group, GROUP, "while it was down")
        self.server.start()
        alice.wait("status", timeout=20, status=1)
        ack = alice.wait("sendack", client_seq=pending)
        self.assertEqual((ack["reason"], ack["message_seq"]), (1, 2))
        self.server.must_batch([text_item(group, "after")])
        got = alice.messages(1)[0]
        self.assertEqual((got["text"], got["message_seq"]), ("after", 3))

    def test_plain_restart_does_not_send_it_away(self):
        alice = self.npm(fresh("alice"))
        self.server.restart(graceful=True)
        alice.wait("status", timeout=20, status=1)


class NpmClientToken(ServerCase):
    config = {"tokenAuthOn": "true"}

    def test_token(self):
        uid = fresh("alice")
        self.server.must_post("/user/token", {"uid": uid, "token": "right", "device_flag": 1})
        with NpmClient(uid) as client:
            client.connect(self.server.ws, token="right")
        with NpmClient(uid) as client:
            client.command(op="connect", addr="ws://" + self.server.ws, uid=uid, token="wrong")
            self.assertEqual(client.wait("status", status=3)["reason"], 2)


if __name__ == "__main__":
    unittest.main()
