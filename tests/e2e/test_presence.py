"""Who is connected: connections listed, kicked and removed, devices that quit, online status, and
which receipts move the position in a log of commands."""

import json
import unittest

from harness import GROUP, PERSON, ServerCase, fresh, item, wait_until
from wkproto import DISCONNECT, EVENT

APP, WEB, DESKTOP = 0, 1, 2
INFO, VISITORS = 6, 10


class PresenceCase(ServerCase):
    config = {"gateway.kickGrace": "300ms"}

    def connections(self, **query):
        answer = self.server.get("/connz", query)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def connection_of(self, uid):
        found = self.connections(uid=uid)["connections"]
        self.assertEqual([c["uid"] for c in found], [uid])
        return found[0]

    def online(self, *uids):
        answer = self.server.must_post("/user/onlinestatus", list(uids))
        return [(e["uid"], e["device_flag"], e["online"]) for e in answer]

    def wait_offline(self, uid):
        wait_until(lambda: self.online(uid) == [], what="%s offline" % uid)

    def register(self, uid, token, flag=APP, level=0):
        self.server.must_post("/user/token", {"uid": uid, "token": token, "device_flag": flag,
                                              "device_level": level})


class Connections(PresenceCase):
    def test_kick_tells_the_client_and_closes_after_the_grace(self):
        uid = fresh("u")
        client, other = self.client(uid), self.client(uid, device_id="dev2")
        ids = [c["id"] for c in self.connections(uid=uid)["connections"]]
        self.assertEqual(len(ids), 2)
        self.server.must_post("/conn/kick", {"uid": uid, "conn_id": ids[0]})
        kick = client.expect(DISCONNECT)
        self.assertEqual((kick.reason, kick.text), (12, "server kick"))
        client.wait_closed()
        other.ping()
        self.assertEqual(self.online(uid), [(uid, APP, 1)])

    def test_remove_closes_at_once_without_a_word(self):
        uid = fresh("u")
        client = self.client(uid, transport="ws")
        self.server.must_post("/conn/remove", {"uid": uid,
                                               "conn_id": self.connection_of(uid)["id"]})
        self.assertEqual(client.wait_closed(), [])
        self.wait_offline(uid)

    def test_unknown_connections_are_200_and_change_nothing(self):
        uid = fresh("u")
        client = self.client(uid)
        conn = self.connection_of(uid)["id"]
        for path in ("/conn/kick", "/conn/remove"):
            self.server.must_post(path, {"uid": uid, "conn_id": conn + 1_000_000})
            self.server.must_post(path, {"uid": fresh("v"), "conn_id": conn})
            self.assert_error(self.server.post(path, {"uid": uid, "conn_id": 0}), 400)
        client.ping()

    def test_connz_counts_what_passes_over_a_connection(self):
        uid, peer = fresh("u"), fresh("v")
        client = self.client(uid)
        receiver = self.client(peer, transport="ws", device_flag=WEB)
        for i in range(3):
            self.assertEqual(client.send(peer, PERSON, b"four").reason, 1)
            receiver.recv()
        client.ping()
        receiver.ping()
        sender = self.connection_of(uid)
        self.assertEqual((sender["in_msgs"], sender["in_msg_bytes"]), (3, 12))
        # CONNECT, three SENDs, a PING; and their answers.
        self.assertEqual((sender["in_packets"], sender["out_packets"]), (5, 5))
        self.assertEqual((sender["ip"], sender["version"]), ("127.0.0.1", 5))
        got = self.connection_of(peer)
        self.assertEqual((got["out_msgs"], got["out_msg_bytes"], got["in_msgs"]), (3, 12, 0))
        self.assertEqual(got["device_flag"], WEB)

    def test_connz_sorts_and_pages_over_all_shards(self):
        prefix = fresh("p")
        clients = [self.client("%s-%d" % (prefix, i)) for i in range(7)]
        for count, client in enumerate(clients):
            for _ in range(count):
                client.send(fresh("nobody"), PERSON, b"x")
        page = self.connections(uid=prefix, sort="inMsgDesc", offset=2, limit=3)
        self.assertEqual((page["total"], [c["in_msgs"] for c in page["connections"]]),
                         (7, [4, 3, 2]))

    def test_varz_sums_up(self):
        before = self.counts_at_rest(lambda: self.server.get("/varz").json())
        uid, peer = fresh("u"), fresh("v")
        client, receiver = self.client(uid), self.client(peer)
        client.send(peer, PERSON, b"x")
        receiver.recv(ack=False)
        after = self.server.get("/varz").json()
        self.assertEqual(after["in_msgs"] - before["in_msgs"], 1)
        self.assertEqual(after["out_msgs"] - before["out_msgs"], 1)
        self.assertEqual(after["connections"] - before["connections"], 2)
        self.assertEqual(after["retry_queue"] - before["retry_queue"], 1)
        self.assertGreater(after["in_bytes"], before["in_bytes"])


class Devices(PresenceCase):
    def test_online_status_has_one_entry_per_device_flag(self):
        uid, nobody = fresh("u"), fresh("v")
        self.client(uid, device_flag=WEB)
        self.client(uid, device_flag=APP)
        self.client(uid, device_flag=APP, device_id="dev2")
        self.assertEqual(self.online(nobody, uid),
                         [(uid, APP, 1), (uid, WEB, 1)])

    def test_quit_of_one_flag_leaves_the_others(self):
        uid = fresh("u")
        app, web = self.client(uid, device_flag=APP), self.client(uid, device_flag=WEB)
        self.server.must_post("/user/device_quit", {"uid": uid, "device_flag": APP})
        self.assertEqual(app.expect(DISCONNECT).reason, 12)
        app.wait_closed()
        web.ping()
        self.assertEqual(self.online(uid), [(uid, WEB, 1)])

    def test_quit_of_all_flags_kicks_even_without_a_record(self):
        for quit_all in ({}, {"device_flag": -1}):
            uid = fresh("u")
            clients = [self.client(uid, device_flag=flag) for flag in (APP, DESKTOP, 42)]
            self.server.must_post("/user/device_quit", dict(quit_all, uid=uid))
            for client in clients:
                self.assertEqual(client.expect(DISCONNECT).reason, 12)
                client.wait_closed()
            self.wait_offline(uid)


class Tokens(PresenceCase):
    config = {"tokenAuthOn": "true", "gateway.kickGrace": "300ms",
              "customerService.visitorsSuffix": "-guest",
              "customerService.visitorsOn": "true"}

    def refused(self, uid, **options):
        client = self.raw_client(uid, **options)
        reason = client.connect().reason
        client.wait_closed()
        return reason

    def test_a_device_that_has_quit_cannot_come_back_with_any_token(self):
        uid = fresh("u")
        self.register(uid, "t")
        client = self.client(uid, token="t")
        self.server.must_post("/user/device_quit", {"uid": uid})
        client.wait_closed()
        for token in ("t", "", "x"):
            self.assertEqual(self.refused(uid, token=token), 2)
        self.register(uid, "new")
        self.client(uid, token="new").ping()

    def test_banned_and_disbanded_inboxes_are_refused(self):
        for flag in ("ban", "disband"):
            uid = fresh("u")
            self.register(uid, "t")
            self.server.must_post("/channel/info", {"channel_id": uid, "channel_type": PERSON,
                                                    flag: 1})
            self.assertEqual(self.refused(uid, token="t"), 19)

    def test_visitors_are_who_has_the_configured_suffix(self):
        secret = "0123456789abcdef"
        self.client(fresh("u") + "-guest", token=secret).ping()
        self.assertEqual(self.refused(fresh("u") + "___vstr", token=secret), 2)

    def test_nobody_takes_the_name_of_a_visitor(self):
        uid, secret = fresh("u") + "-guest", "0123456789abcdef"
        self.client(uid, token=secret, device_id="page1", device_flag=WEB).ping()
        self.server.restart()
        self.client(uid, token=secret, device_id="page2", device_flag=WEB).ping()
        for flag in (APP, WEB, DESKTOP):
            self.assertEqual(self.refused(uid, token="fedcba9876543210", device_flag=flag), 2)
        # Nor one that a back end has registered.
        registered = fresh("u") + "-guest"
        self.register(registered, "t")
        self.assertEqual(self.refused(registered, token=secret, device_flag=WEB), 2)
        self.client(registered, token="t").ping()

    def test_a_visitor_talks_to_its_own_channel_only(self):
        uid = fresh("u") + "-guest"
        helper = fresh("helper")
        self.server.must_post("/channel", {"channel_id": uid, "channel_type": VISITORS,
                                           "subscribers": [helper]})
        self.register(helper, "t")
        agent = self.client(helper, token="t")
        visitor = self.client(uid, token="0123456789abcdef", device_flag=WEB)
        self.assertEqual(visitor.send(uid, VISITORS, b"hello").reason, 1)
        self.assertEqual(agent.recv().payload, b"hello")
        for channel, kind in ((helper, PERSON), ("news", INFO), (fresh("v") + "-guest", VISITORS)):
            self.assertEqual(visitor.send(channel, kind, b"x").reason, 11)
        # The answer reaches it.
        self.server.must_batch([item(uid, b"hi", from_uid=helper, channel_type=VISITORS)])
        self.assertEqual(visitor.recv().payload, b"hi")


class Commands(PresenceCase):
    """A receipt of a master device takes a command off POST /message/sync."""

    def waiting(self, uid):
        messages = self.server.must_post("/message/sync", {"uid": uid, "limit": 100})
        return [m["client_msg_no"] for m in messages]

    def send_command(self, uid, number, ack=True, receivers=()):
        self.server.must_batch([item(uid, b"{}", from_uid="backend", channel_type=PERSON,
                                     client_msg_no=number, header={"sync_once": 1})])
        for client in receivers:
            self.assertEqual(client.recv(ack=ack).client_msg_no, number)
            client.ping()

    def test_without_tokens_the_only_session_of_a_flag_counts_as_master(self):
        uid = fresh("u")
        client = self.client(uid)
        self.send_command(uid, "one", ack=False, receivers=[client])
        self.assertEqual(self.waiting(uid), ["one"])
        self.send_command(uid, "two", receivers=[client])
        wait_until(lambda: self.waiting(uid) == [], what="the commands being taken off")

    def test_without_tokens_several_sessions_of_a_flag_do_not_count(self):
        uid = fresh("u")
        clients = [self.client(uid), self.client(uid, device_id="dev2")]
        self.send_command(uid, "one", receivers=clients)
        self.assertEqual(self.waiting(uid), ["one"])

    def test_a_registered_level_decides(self):
        for level in (0, 1):
            uid = fresh("u")
            self.register(uid, "t", level=level)
            client = self.client(uid, token="t")
            self.send_command(uid, "one", receivers=[client])
            expected = [] if level == 1 else ["one"]
            wait_until(lambda: self.waiting(uid) == expected, what=repr(expected))


class Events(PresenceCase):
    def anchor(self, channel, channel_type, sender):
        number = fresh("m")
        self.server.must_batch([item(channel, b'{"type":1}', from_uid=sender, is_stream=1,
                                     channel_type=channel_type, client_msg_no=number)])
        return number

    def append(self, channel, channel_type, number, event_id, **extra):
        body = {"channel_id": channel, "channel_type": channel_type, "client_msg_no": number,
                "event_id": event_id, "event_type": "stream.delta",
                "payload": {"kind": "text", "delta": event_id}}
        body.update(extra)
        return self.server.must_post("/message/event", body)

    def test_events_reach_every_subscriber_in_order_but_no_old_client(self):
        group, author, reader = fresh("g"), fresh("a"), fresh("r")
        self.server.create_group(group, [author, reader])
        clients = [self.client(author), self.client(reader),
                   self.client(reader, transport="ws", device_flag=WEB)]
        old = self.client(reader, version=4, device_flag=DESKTOP)
        number = self.anchor(group, GROUP, author)
        for i in range(5):
            self.append(group, GROUP, number, "e%d" % i)
        for client in clients:
            anchor = client.recv()
            for i in range(5):
                event = client.expect(EVENT)
                self.assertEqual((event.id, event.type), ("e%d" % i, "stream.delta"))
                data = json.loads(event.data)
                self.assertEqual(data, {
                    "client_msg_no": number, "channel_id": group, "channel_type": GROUP,
                    "from_uid": author, "message_id": anchor.message_id, "event_key": "main",
                    "msg_event_seq": 0, "stream_status": "open",
                    "payload": {"kind": "text", "delta": "e%d" % i}})
        old.recv()
        old.ping()
        old.expect_none(EVENT)

    def test_each_side_of_a_person_channel_sees_the_other(self):
        author, reader = fresh("a"), fresh("r")
        a, r = self.client(author), self.client(reader)
        number = self.anchor(reader, PERSON, author)
        self.append(reader, PERSON, number, "e1", from_uid=author)
        self.assertEqual(json.loads(r.expect(EVENT).data)["channel_id"], author)
        self.assertEqual(json.loads(a.expect(EVENT).data)["channel_id"], reader)

    def test_events_that_are_not_public_go_to_their_author_alone(self):
        group, author, reader = fresh("g"), fresh("a"), fresh("r")
        self.server.create_group(group, [author, reader])
        a, r = self.client(author), self.client(reader)
        number = self.anchor(group, GROUP, author)
        self.append(group, GROUP, number, "e1", visibility="private")
        self.append(group, GROUP, number, "e2")
        self.assertEqual(json.loads(a.expect(EVENT).data)["visibility"], "private")
        self.assertEqual(a.expect(EVENT).id, "e2")
        self.assertEqual(r.expect(EVENT).id, "e2")


if __name__ == "__main__":
    unittest.main()
