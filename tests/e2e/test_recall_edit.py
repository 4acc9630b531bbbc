"""POST /message/recall and /message/edit: history, conversations and clients, over a crash, too."""

import base64
import http.client
import json
import threading
import unittest

from harness import GROUP, PERSON, Server, ServerCase, b64, fresh, item, wait_until
from webhook_receiver import Receiver

RECALL, EDIT = "/message/recall", "/message/edit"
EMPTY = b64("{}")


def command_of(frame_or_message):
    """The command in a RECV frame, or in a message object."""
    payload = (frame_or_message.payload if hasattr(frame_or_message, "payload")
               else base64.b64decode(frame_or_message["payload"]))
    return json.loads(payload)


class Revisions(ServerCase):
    def group(self, *users):
        group = fresh("g")
        self.server.create_group(group, users)
        return group

    def place(self, group, **more):
        return {"channel_id": group, "channel_type": GROUP, **more}

    def conversation(self, uid, channel_id, **more):
        listed = self.server.must_post("/conversation/sync", {"uid": uid, "msg_count": 5, **more})
        found = [one for one in listed if one["channel_id"] == channel_id]
        return found[0] if found else None


class Recall(Revisions):
    def test_history_shows_a_tombstone_wherever_it_is_read(self):
        group = self.group("ann", "bob")
        sent = self.server.must_batch([item(group, "the secret", from_uid="ann", client_msg_no="n1"),
                                       item(group, "stays", from_uid="ann")])
        body = {"message_id": sent[0]["message_id"], "operator_uid": "admin"}
        answer = self.server.must_post(RECALL, body)
        self.assertEqual(answer, {"status": 200, "message_id": sent[0]["message_id"],
                                  "message_idstr": sent[0]["message_idstr"], "message_seq": 1})
        looks = [
            lambda: self.server.messages(group, login_uid="bob")[0],
            lambda: self.server.must_post("/messages", {"message_ids": [body["message_id"]]})[0],
            lambda: self.server.must_post("/message", self.place(group, client_msg_no="n1")),
            lambda: self.server.get("/message/byclientmsgno", self.place(
                group, login_uid="bob", client_msg_no="n1")).json(),
            lambda: self.conversation("bob", group)["recents"][-1],
        ]
        for restarted in (False, True):
            if restarted:
                self.server.restart()
            for look in looks:
                shown = look()
                self.assertEqual((shown["message_seq"], shown["payload"], shown["revoke"],
                                  shown["revoker"], shown["from_uid"], shown["client_msg_no"]),
                                 (1, EMPTY, 1, "admin", "ann", "n1"))
                self.assertEqual(shown["message_extra"]["revoke"], 1)
            self.assertEqual([m["message_seq"] for m in self.server.messages(group)], [1, 2])
            self.assertEqual(self.server.must_post(RECALL, body), dict(answer, duplicate=True))
        # A repeat of the first send is recognised by what was sent then.
        again = self.server.must_batch([item(group, "the secret", from_uid="ann",
                                             client_msg_no="n1")])[0]
        self.assertEqual((again["message_id"], again["duplicate"]), (sent[0]["message_id"], True))
        other = self.server.batch([item(group, "{}", from_uid="ann", client_msg_no="n1")])
        self.assertEqual(other.json()["code"], "conflict")

    def test_clients_that_are_online_are_told_at_once(self):
        group = self.group("ann", "bob")
        bob = self.client("bob")
        sent = self.server.must_batch([item(group, "x", from_uid="ann", client_msg_no="n1")])[0]
        self.assertEqual(bob.recv().payload, b"x")
        self.server.must_post(RECALL, {"message_id": sent["message_id"], "operator_uid": "ann"})
        told = bob.recv()
        self.assertEqual((told.channel_id, told.channel_type, told.from_uid), (group, GROUP, "ann"))
        self.assertEqual(command_of(told), {
            "type": 99, "cmd": "messageRevoke",
            "param": {"message_id": sent["message_idstr"], "message_seq": 1, "client_msg_no": "n1",
                      "channel_id": group, "channel_type": GROUP, "revoker": "ann"}})
        # Once, however often it is asked for.
        self.server.must_post(RECALL, {"message_id": sent["message_id"]})
        bob.expect_none(5)

    def test_both_of_a_pair_are_told_in_their_own_view(self):
        ann, bob = fresh("ann"), fresh("bob")
        clients = {ann: self.client(ann), bob: self.client(bob)}
        self.server.must_batch([item(bob, "x", from_uid=ann, channel_type=PERSON,
                                     client_msg_no="n1")])
        for client in clients.values():
            self.assertEqual(client.recv().payload, b"x")
        self.server.must_post(RECALL, {"channel_id": bob, "channel_type": PERSON, "login_uid": ann,
                                       "client_msg_no": "n1", "operator_uid": "admin"})
        for uid, peer in ((ann, bob), (bob, ann)):
            told = clients[uid].recv()
            self.assertEqual((told.channel_id, told.from_uid), (peer, ann))
            self.assertNotIn("channel_id", command_of(told)["param"])

    def test_who_is_offline_is_told_with_the_next_sync(self):
        group = self.group("ann", "bob")
        sent = self.server.must_batch([item(group, "x", from_uid="ann")])[0]
        self.server.must_post(RECALL, {"message_id": sent["message_id"]})
        self.server.restart()
        waiting = self.server.must_post("/message/sync", {"uid": "bob", "limit": 100})
        told = [command_of(one) for one in waiting if one["channel_id"] == group]
        self.assertEqual([(one["cmd"], one["param"]["message_id"]) for one in told],
                         [("messageRevoke", sent["message_idstr"])])

    def test_only_those_who_can_read_it_are_told(self):
        group = self.group("ann", "bob", "eve")
        bob, eve = self.client("bob"), self.client("eve")
        sent = self.server.must_batch([item(group, "x", from_uid="ann", subscribers=["bob"])])[0]
        self.assertEqual(bob.recv().payload, b"x")
        self.server.must_post(RECALL, {"message_id": sent["message_id"]})
        self.assertEqual(command_of(bob.recv())["cmd"], "messageRevoke")
        eve.expect_none(5)
        self.assertEqual(self.server.messages(group, login_uid="eve"), [])

    def test_it_does_not_count_as_unread(self):
        group = self.group("ann", "bob")
        sent = self.server.must_batch([item(group, "m%d" % n, from_uid="ann") for n in range(3)])
        before = self.conversation("bob", group)
        self.assertEqual(before["unread"], 3)
        self.server.must_post(RECALL, {"message_id": sent[2]["message_id"]})
        after = self.conversation("bob", group)
        self.assertEqual((after["unread"], after["last_msg_seq"]), (2, 3))
        # Whoever asks for what is new hears of it.
        newer = wait_until(lambda: self.conversation("bob", group, version=before["version"]),
                           what="a newer version")
        self.assertEqual(newer["unread"], 2)
        self.server.restart()
        self.assertEqual(self.conversation("bob", group)["unread"], 2)

    def test_a_ban_does_not_keep_it_from_being_told(self):
        group = self.group("ann", "bob")
        bob = self.client("bob")
        sent = self.server.must_batch([item(group, "x", from_uid="ann")])[0]
        bob.recv()
        self.server.must_post("/channel/info", {**self.place(group), "ban": 1})
        self.server.must_post("/channel/blacklist_add", {**self.place(group), "uids": ["ann"]})
        self.server.must_post(RECALL, {"message_id": sent["message_id"]})
        self.assertEqual(command_of(bob.recv())["cmd"], "messageRevoke")

    def test_a_recalled_stream_takes_nothing_more(self):
        group = self.group("ann", "bob")
        self.server.must_post("/message/send", item(group, "begins", from_uid="bot", is_stream=1,
                                                    client_msg_no="s1"))
        event = self.place(group, client_msg_no="s1", from_uid="bot", event_id="e1",
                           event_type="stream.delta", payload={"kind": "text", "delta": "secret"})
        self.server.must_post("/message/event", event)
        self.server.must_post(RECALL, self.place(group, client_msg_no="s1"))
        self.assert_error(self.server.post("/message/event", dict(event, event_id="e2")), 400)
        shown = self.server.messages(group)[0]
        self.assertEqual((shown["payload"], shown["revoke"]), (EMPTY, 1))
        self.assertNotIn("event_meta", shown)

    def test_what_is_not_there(self):
        group = self.group("ann")
        sent = self.server.must_batch([item(group, "a", from_uid="ann"),
                                       item(group, "b", from_uid="ann", expire=1),
                                       item(group, "c", from_uid="ann")])
        self.server.must_post("/message/delete", self.place(
            group, login_uid="ann", message_seqs=[1]))
        wait_until(lambda: len(self.server.messages(group)) == 1, what="the expiry")
        for gone in sent[:2]:
            for path, more in ((RECALL, {}), (EDIT, {"payload": {"a": 1}})):
                answer = self.server.post(path, {"message_id": gone["message_id"], **more})
                self.assert_error(answer, 404)
                self.assertIn("expired", answer.json()["msg"])
        self.assertEqual(self.server.max_seq(group), 3)
        waiting = self.server.must_post("/message/sync", {"uid": "ann", "limit": 1000})
        self.assertNotIn(group, [one["channel_id"] for one in waiting])


class Edit(Revisions):
    def test_history_shows_the_new_payload_wherever_it_is_read(self):
        group = self.group("ann", "bob")
        sent = self.server.must_batch([item(group, "as it was", from_uid="ann",
                                            client_msg_no="n1")])[0]
        answer = self.server.must_post(EDIT, {"message_id": sent["message_id"], "if_version": 0,
                                              "payload": b64("as it is"), "operator_uid": "ann"})
        self.assertEqual((answer["message_seq"], answer["edit_version"]), (1, 1))
        for restarted in (False, True):
            if restarted:
                self.server.restart()
            shown = [self.server.messages(group)[0],
                     self.server.must_post("/message", {"message_id": sent["message_id"]}),
                     self.conversation("bob", group)["recents"][-1]]
            for one in shown:
                self.assertEqual((one["payload"], one["edit_version"], one["message_seq"]),
                                 (b64("as it is"), 1, 1))
                self.assertEqual(one["message_extra"]["editor"], "ann")
                self.assertNotIn("revoke", one)
            self.assertEqual(self.conversation("bob", group)["unread"], 1)
        again = self.server.must_batch([item(group, "as it was", from_uid="ann",
                                             client_msg_no="n1")])[0]
        self.assertEqual((again["message_id"], again["duplicate"]), (sent["message_id"], True))
        other = self.server.batch([item(group, "as it is", from_uid="ann", client_msg_no="n1")])
        self.assertEqual(other.json()["code"], "conflict")

    def test_clients_are_told_of_each_edit(self):
        group = self.group("ann", "bob")
        bob = self.client("bob")
        sent = self.server.must_batch([item(group, "v0", from_uid="ann")])[0]
        bob.recv()
        for version in (1, 2):
            self.server.must_post(EDIT, {"message_id": sent["message_id"],
                                         "payload": b64("v%d" % version)})
            told = command_of(bob.recv())
            self.assertEqual((told["cmd"], told["param"]["message_id"],
                              told["param"]["edit_version"], told["param"]["channel_id"]),
                             ("syncMessageExtra", sent["message_idstr"], version, group))
        # What is there already is no edit.
        answer = self.server.must_post(EDIT, {"message_id": sent["message_id"],
                                              "payload": b64("v2")})
        self.assertEqual((answer["edit_version"], answer["duplicate"]), (2, True))
        bob.expect_none(5)

    def test_two_edits_at_once(self):
        group = self.group("ann")
        sent = self.server.must_batch([item(group, "v0", from_uid="ann")])[0]
        bodies = [{"message_id": sent["message_id"], "payload": b64("of %d" % n)} for n in range(8)]
        answers = [None] * len(bodies)

        def edit(n):
            answers[n] = self.server.post(EDIT, bodies[n])
        threads = [threading.Thread(target=edit, args=(n,)) for n in range(len(bodies))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([answer.status for answer in answers], [200] * 8)
        versions = [answer.json()["edit_version"] for answer in answers]
        self.assertEqual(sorted(versions), list(range(1, 9)))
        shown = self.server.messages(group)[0]
        self.assertEqual(shown["edit_version"], 8)
        self.assertEqual(shown["payload"], bodies[versions.index(8)]["payload"])
        # Who says which version he means is told when it is another one.
        late = self.server.post(EDIT, dict(bodies[0], if_version=3))
        self.assert_error(late, 409)
        self.assertEqual(self.server.messages(group)[0], shown)

    def test_what_was_recalled_is_not_edited(self):
        group = self.group("ann")
        sent = self.server.must_batch([item(group, "v0", from_uid="ann")])[0]
        self.server.must_post(RECALL, {"message_id": sent["message_id"]})
        before = self.server.messages(group)
        answer = self.server.post(EDIT, {"message_id": sent["message_id"], "payload": b64("v1")})
        self.assert_error(answer, 409)
        self.assertEqual(answer.json()["msg"], "the message was recalled")
        self.assertEqual(self.server.messages(group), before)


class Webhooks(unittest.TestCase):
    def setUp(self):
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)
        self.server = Server({"webhook.httpAddr": self.receiver.url,
                              "webhook.msgNotifyEventPushInterval": "50ms"})
        self.addCleanup(self.server.destroy)
        self.server.start()
        self.server.create_group("g", ["ann", "bob"])

    def test_both_are_told_behind_their_message(self):
        sent = self.server.must_batch([item("g", "a", from_uid="ann"),
                                       item("g", "b", from_uid="ann")])
        self.server.must_post(EDIT, {"message_id": sent[0]["message_id"], "payload": b64("c"),
                                     "operator_uid": "ann"})
        self.server.must_post(RECALL, {"message_id": sent[1]["message_id"]})
        wait_until(lambda: self.receiver.messages("g", "msg.recall"), what="msg.recall")
        edited = self.receiver.messages("g", "msg.edit")
        self.assertEqual([(m["message_seq"], m["payload"], m["edit_version"]) for m in edited],
                         [(1, b64("c"), 1)])
        recalled = self.receiver.messages("g", "msg.recall")
        self.assertEqual([(m["message_seq"], m["payload"], m["revoke"]) for m in recalled],
                         [(2, EMPTY, 1)])

    def test_they_are_told_after_a_kill(self):
        self.receiver.stop()
        sent = self.server.must_batch([item("g", "a", from_uid="ann")])[0]
        self.server.must_post(RECALL, {"message_id": sent["message_id"]})
        self.server.kill9()
        self.receiver.start()
        self.server.start()
        wait_until(lambda: self.receiver.messages("g", "msg.recall"), what="msg.recall")


class OverACrash(unittest.TestCase):
    def test_what_was_answered_is_done_and_told(self):
        """Kills in the middle: no change without its command, no command without its change."""
        with Server() as server:
            server.create_group("g", ["ann", "bob"])
            sent = server.must_batch([item("g", "m%d" % n, from_uid="ann") for n in range(60)])
            done = set()
            for cycle in range(3):
                part = sent[20 * cycle:20 * (cycle + 1)]

                def recall(messages):
                    for message in messages:
                        try:
                            answer = server.post(RECALL, {"message_id": message["message_id"]})
                        except (OSError, http.client.HTTPException):
                            return
                        if answer.status == 200:
                            done.add(message["message_id"])
                threads = [threading.Thread(target=recall, args=(part[n::4],)) for n in range(4)]
                for thread in threads:
                    thread.start()
                wait_until(lambda: len(done) > 20 * cycle + 2, what="the first of them")
                server.kill9()
                for thread in threads:
                    thread.join()
                server.start()
                recalled = {m["message_id"] for m in server.messages("g") if "revoke" in m}
                self.assertLessEqual(done, recalled)
                waiting = server.must_post("/message/sync", {"uid": "bob", "limit": 1000})
                told = [int(command_of(one)["param"]["message_id"]) for one in waiting]
                self.assertEqual(len(told), len(set(told)))
                self.assertEqual(set(told), recalled)
                # Those that were cut off may be repeated.
                for message in part:
                    answer = server.must_post(RECALL, {"message_id": message["message_id"]})
                    self.assertEqual("duplicate" in answer, message["message_id"] in recalled)
                    done.add(message["message_id"])


if __name__ == "__main__":
    unittest.main()
