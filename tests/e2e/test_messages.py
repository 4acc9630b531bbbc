"""Reads of messages: look-ups, ranges of several channels, commands for users who were offline."""

import unittest

from harness import GROUP, PERSON, ServerCase, b64, fresh, item, wait_until

AGENT = 11

SYNC, SYNCACK = "/message/sync", "/message/syncack"


def command(channel_id, payload="cmd", **extra):
    return item(channel_id, payload, header={"sync_once": 1}, **extra)


def numbers(messages):
    return [m["client_msg_no"] for m in messages]


class EveryEndpoint(ServerCase):
    POSTS = [
        "/message/send", "/message/sendbatch", "/message/sync", "/message/syncack", "/messages",
        "/message", "/channel/messagesync", "/channel/messagesyncbatch", "/message/event",
        "/message/eventsync", "/event", "/stream/open", "/stream/close", "/streammessage/start",
        "/streammessage/end", "/streamv2/open", "/streamv2/write", "/streamv2/close", "/channel",
        "/channel/info", "/channel/delete", "/channel/subscriber_add",
        "/channel/subscriber_remove", "/channel/subscriber_remove_all",
        "/tmpchannel/subscriber_set", "/channel/blacklist_add", "/channel/blacklist_set",
        "/channel/blacklist_remove", "/channel/blacklist_remove_all", "/channel/whitelist_add",
        "/channel/whitelist_set", "/channel/whitelist_remove", "/channel/whitelist_remove_all",
        "/conversation/sync", "/conversations/sync", "/conversation/syncMessages",
        "/conversation/channels", "/conversation/syncByChannels", "/conversations/clearUnread",
        "/conversations/setUnread", "/conversations/delete", "/conversation/clearUnread",
        "/conversation/setUnread", "/conversation/delete", "/message/delete",
        "/channel/clear_messages", "/channel/retention", "/message/cmd/bind",
        "/message/cmd/unbind", "/message/recall", "/message/edit",
    ]
    GETS = ["/message/byclientmsgno", "/channel/max_message_seq", "/channel/last_message",
            "/channel/whitelist", "/channel/retention", "/channel/info"]

    def test_malformed_bodies_are_400(self):
        for path in self.POSTS:
            for body in (b"", b"7", b'"x"', b"null", b"{", b"{}", b'{"uid":}', b"\xff",
                         b'{"uid":"u","uid":"u"}'):
                with self.subTest(path=path, body=body):
                    self.assert_error(self.server.post(path, body), 400)

    def test_missing_query_is_400(self):
        for path in self.GETS:
            self.assert_error(self.server.get(path), 400)
            self.assert_error(self.server.get(path, {"channel_id": "g", "channel_type": "x"}), 400)

    def test_commands_need_no_binding(self):
        for path in ("/message/cmd/bind", "/message/cmd/unbind"):
            body = {"uid": fresh("u"), "channel_id": fresh("g"), "channel_type": GROUP}
            answer = self.server.post(path, body)
            self.assertEqual((answer.status, answer.json()["status"]), (200, 200))
            self.assert_error(self.server.post(path, dict(body, uid="")), 400)
            self.assert_error(self.server.post(path, dict(body, channel_type=0)), 400)

    def test_wrong_methods_are_405(self):
        for path in self.POSTS + self.GETS:
            for method in ("PUT", "DELETE", "PATCH"):
                with self.subTest(path=path, method=method):
                    self.assert_error(self.server.request(method, path, b"{}"), 405)
        for path in set(self.POSTS) - set(self.GETS):
            self.assert_error(self.server.get(path), 405)
        for path in set(self.GETS) - set(self.POSTS):
            self.assert_error(self.server.post(path, {}), 405)

    def test_members_of_other_types_are_400(self):
        for path in self.POSTS[2:]:
            for member in ("channel_id", "uid", "login_uid", "client_msg_no"):
                with self.subTest(path=path, member=member):
                    self.assert_error(self.server.post(path, {member: 7}), 400)


class LookUps(ServerCase):
    def test_by_client_msg_no(self):
        group, other = fresh("g"), fresh("g")
        self.server.must_batch([item(group, "1", client_msg_no="n", from_uid="a"),
                                item(group, "2", client_msg_no="n", from_uid="b"),
                                item(other, "3", client_msg_no="x")])

        def get(**query):
            return self.server.get("/message/byclientmsgno", query)

        found = get(channel_id=group, channel_type=GROUP, client_msg_no="n")
        self.assertEqual(found.status, 200, found)
        # Of several messages with the number, the one with the smallest seq.
        self.assertEqual((found.json()["message_seq"], found.json()["from_uid"]), (1, "a"))
        self.assert_error(get(channel_id=group, channel_type=GROUP, client_msg_no="x"), 404)
        self.assert_error(get(channel_id=fresh("g"), channel_type=GROUP, client_msg_no="n"), 404)
        self.assert_error(get(channel_id=group, client_msg_no="n"), 400)
        self.assert_error(get(channel_type=GROUP, client_msg_no="n"), 400)
        self.assert_error(get(channel_id=group, channel_type=GROUP), 400)

    def test_by_client_msg_no_in_a_person_channel(self):
        self.server.must_post("/message/send", item("bob", from_uid="alice", client_msg_no="p",
                                                    channel_type=PERSON))
        for query in ({"channel_id": "bob@alice"}, {"channel_id": "bob", "login_uid": "alice"},
                      {"channel_id": "alice", "login_uid": "bob"}):
            found = self.server.get("/message/byclientmsgno",
                                    dict(query, channel_type=PERSON, client_msg_no="p"))
            self.assertEqual(found.status, 200, found)
        self.assert_error(self.server.get("/message/byclientmsgno", {
            "channel_id": "bob", "channel_type": PERSON, "client_msg_no": "p"}), 400)

    def test_one_message(self):
        group, other = fresh("g"), fresh("g")
        sent = self.server.must_batch([item(group, "1", client_msg_no="n"), item(other, "2")])
        place = {"channel_id": group, "channel_type": GROUP}
        by_id = self.server.must_post("/message", {"message_id": sent[0]["message_id"]})
        self.assertEqual(by_id["payload"], b64("1"))
        for body in ({"message_id": sent[0]["message_idstr"]}, {"client_msg_no": "n"}):
            self.assertEqual(self.server.must_post("/message", dict(place, **body)), by_id)
        for body in ({"message_id": sent[1]["message_id"]}, {"client_msg_no": "none"}):
            self.assert_error(self.server.post("/message", dict(place, **body)), 404)
        self.assert_error(self.server.post("/message", {"message_id": 12345}), 404)
        for body in ({}, place, {"client_msg_no": "n"}, {"channel_id": group, "message_id": 1},
                     {"channel_id": "u", "channel_type": PERSON, "message_id": 1}):
            self.assert_error(self.server.post("/message", body), 400)

    def test_last_message(self):
        group = fresh("g")
        query = {"channel_id": group, "channel_type": GROUP}
        self.assert_error(self.server.get("/channel/last_message", query), 404)
        self.server.must_batch([item(group, "1"), item(group, "2")])
        last = self.server.get("/channel/last_message", query)
        self.assertEqual((last.status, last.json()["message_seq"]), (200, 2))
        self.assert_error(self.server.get("/channel/last_message", {"channel_id": group}), 400)
        self.assert_error(self.server.get("/channel/last_message", {
            "channel_id": "u", "channel_type": PERSON}), 400)
        # What was sent to somebody else is not the last message of this reader.
        self.server.must_batch([item(group, "3", subscribers=["only"])])
        for reader, seq in (("other", 2), ("only", 3)):
            last = self.server.get("/channel/last_message", dict(query, login_uid=reader))
            self.assertEqual(last.json()["message_seq"], seq)

    def test_channel_id_is_relative_to_the_viewer(self):
        alice, bob = fresh("alice"), fresh("bob")
        self.server.must_post("/message/send", item(bob, from_uid=alice, channel_type=PERSON))
        self.server.must_post("/message/send", item(alice, from_uid=bob, channel_type=PERSON))
        for viewer, peer in ((alice, bob), (bob, alice)):
            messages = self.server.messages(peer, PERSON, viewer)
            self.assertEqual([m["channel_id"] for m in messages], [peer, peer])
            self.assertEqual([m["message_seq"] for m in messages], [1, 2])
        # Without a viewer: the half that is not the sender.
        ids = [m["message_id"] for m in self.server.messages(bob, PERSON, alice)]
        found = self.server.must_post("/messages", {"message_ids": ids})
        self.assertEqual([(m["from_uid"], m["channel_id"]) for m in found],
                         [(alice, bob), (bob, alice)])

    def test_restricted_messages_are_hidden_from_others(self):
        group = fresh("g")
        sent = self.server.must_batch([item(group, "all"),
                                       item(group, "few", from_uid="s", subscribers=["a", "b"])])
        for viewer, seqs in (("a", [1, 2]), ("b", [1, 2]), ("s", [1, 2]), ("c", [1])):
            got = self.server.messages(group, GROUP, viewer)
            self.assertEqual([m["message_seq"] for m in got], seqs, viewer)
            body = {"channel_id": group, "channel_type": GROUP, "login_uid": viewer,
                    "message_ids": [r["message_id"] for r in sent]}
            found = self.server.must_post("/messages", body)["messages"]
            self.assertEqual([m["message_seq"] for m in found], seqs, viewer)

    def test_expired_messages_are_absent_and_keep_their_seq(self):
        group = fresh("g")
        sent = self.server.must_batch([item(group, "stays", client_msg_no="s"),
                                       item(group, "goes", client_msg_no="e", expire=1)])
        wait_until(lambda: len(self.server.messages(group)) == 1, what="the expiry")
        self.assert_error(self.server.post("/message", {"message_id": sent[1]["message_id"]}), 404)
        self.assert_error(self.server.get("/message/byclientmsgno", {
            "channel_id": group, "channel_type": GROUP, "client_msg_no": "e"}), 404)
        last = self.server.get("/channel/last_message",
                               {"channel_id": group, "channel_type": GROUP}).json()
        self.assertEqual(last["client_msg_no"], "s")
        self.assertEqual(self.server.max_seq(group), 2)
        self.assertEqual(self.server.must_batch([item(group)])[0]["message_seq"], 3)


class AgentChannels(ServerCase):
    def test_agent_and_user_share_one_channel_whoever_begins(self):
        for first, second in (("user", "agent"), ("agent", "user")):
            with self.subTest(first=first):
                a, b = fresh(first), fresh(second)
                self.server.must_batch([item(b, "1", from_uid=a, channel_type=AGENT),
                                        item(a, "2", from_uid=b, channel_type=AGENT)])
                for viewer, other in ((a, b), (b, a)):
                    got = self.server.messages(other, AGENT, viewer)
                    self.assertEqual([m["message_seq"] for m in got], [1, 2])
                    self.assertEqual(got[0]["channel_id"], "%s@%s" % (a, b))
                got = self.server.messages("%s@%s" % (a, b), AGENT, a)
                self.assertEqual(len(got), 2)

    def test_only_the_two_may_send(self):
        refused = self.server.post("/channel/info", {"channel_id": "x@y", "channel_type": AGENT})
        self.assertEqual(refused.status, 200)
        self.assert_error(self.server.post("/channel", {"channel_id": "x@y",
                                                        "channel_type": AGENT}), 400)


class ReadsOfSeveralChannels(ServerCase):
    PATH = "/channel/messagesyncbatch"

    def test_each_item_is_answered_as_a_read_of_its_own(self):
        groups = [fresh("g") for _ in range(3)]
        self.server.must_batch([item(g, "m%d" % i) for g in groups for i in range(5)])
        requests = [{"channel_id": g, "channel_type": GROUP, "limit": n, "start_message_seq": s,
                     "pull_mode": mode}
                    for g, n, s, mode in zip(groups, (2, 10, 1), (0, 3, 4), (0, 1, 0))]
        answer = self.server.must_post(self.PATH, {"login_uid": "u", "items": requests})
        self.assertEqual(len(answer["items"]), 3)
        for request, got in zip(requests, answer["items"]):
            alone = self.server.must_post("/channel/messagesync", dict(request, login_uid="u"))
            self.assertEqual({k: got[k] for k in alone}, alone)
            self.assertEqual((got["channel_id"], got["channel_type"]),
                             (request["channel_id"], GROUP))
            self.assertNotIn("error", got)

    def test_a_bad_item_spoils_only_itself(self):
        group = fresh("g")
        self.server.must_batch([item(group)])
        items = [{"channel_id": group, "channel_type": GROUP}, {"channel_id": group},
                 {"channel_id": "a#b", "channel_type": GROUP},
                 {"channel_id": group, "channel_type": GROUP, "limit": "x"},
                 {"channel_id": fresh("none"), "channel_type": GROUP}]
        answer = self.server.must_post(self.PATH, {"login_uid": "u", "items": items})["items"]
        self.assertEqual([len(i["messages"]) for i in answer], [1, 0, 0, 0, 0])
        self.assertEqual([bool(i.get("error")) for i in answer],
                         [False, True, True, True, False])

    def test_bounds(self):
        entry = {"channel_id": "g", "channel_type": GROUP}
        for body in ({"items": [entry]}, {"login_uid": "u"}, {"login_uid": "u", "items": []},
                     {"login_uid": "u", "items": entry}, {"login_uid": "u", "items": [1]},
                     {"login_uid": "u", "items": [entry] * 201}):
            self.assert_error(self.server.post(self.PATH, body), 400)
        self.server.must_post(self.PATH, {"login_uid": "u", "items": [entry] * 200})


class StrictRead(ServerCase):
    config = {"api.strictRead": "true"}

    def test_only_the_channels_users_read(self):
        group = fresh("g")
        self.server.create_group(group, ["member"])
        self.server.must_batch([item(group, from_uid="outsider", client_msg_no="n")])
        self.server.must_post("/message/send", item("bob", from_uid="alice", channel_type=PERSON))
        for channel, kind, reader, status in (
                (group, GROUP, "member", 200), (group, GROUP, "outsider", 403),
                (group, GROUP, "____system", 200), ("bob", PERSON, "alice", 200),
                ("bob@alice", PERSON, "bob", 200), ("bob@alice", PERSON, "eve", 403),
                ("u@a", AGENT, "a", 200), ("u@a", AGENT, "eve", 403),
                ("visitor", 10, "visitor", 200), ("visitor", 10, "eve", 403)):
            with self.subTest(channel=channel, reader=reader):
                body = {"login_uid": reader, "channel_id": channel, "channel_type": kind}
                answer = self.server.post("/channel/messagesync", body)
                self.assertEqual(answer.status, status, answer)
                if status == 403:
                    self.assertEqual(self.assert_error(answer, 403)["reason"], 3)
        query = {"channel_id": group, "channel_type": GROUP, "client_msg_no": "n"}
        for path in ("/channel/last_message", "/message/byclientmsgno"):
            self.assertEqual(self.server.get(path, dict(query, login_uid="member")).status, 200)
            self.assert_error(self.server.get(path, dict(query, login_uid="eve")), 403)

    def test_system_accounts_read_everything(self):
        group, account = fresh("g"), fresh("sys")
        body = {"login_uid": account, "channel_id": group, "channel_type": GROUP}
        self.assert_error(self.server.post("/channel/messagesync", body), 403)
        self.server.must_post("/user/systemuids_add", {"uids": [account]})
        self.assertEqual(self.server.post("/channel/messagesync", body).status, 200)


class CommandSync(ServerCase):
    def sync(self, uid, **more):
        return self.server.must_post(SYNC, dict(more, uid=uid))

    def ack(self, uid, seq=1):
        self.assertEqual(self.server.must_post(SYNCACK, {"uid": uid, "last_message_seq": seq}),
                         {"status": 200})

    def group(self, *users):
        group = fresh("g")
        self.server.create_group(group, users)
        return group

    def test_commands_of_all_channels_until_acknowledged(self):
        uid, peer = fresh("u"), fresh("p")
        first, second = self.group(uid), self.group(uid)
        self.server.must_batch([command(first, client_msg_no="1")])
        self.server.must_batch([command(second, client_msg_no="2")])
        self.server.must_batch([command(uid, from_uid=peer, channel_type=PERSON,
                                        client_msg_no="3")])
        self.server.must_batch([command(first, client_msg_no="4"), item(first, "no command")])
        got = self.sync(uid)
        self.assertEqual([m["header"]["sync_once"] for m in got], [1] * 4)
        # The suffix of a command log never leaves the server.
        self.assertEqual({m["client_msg_no"]: m["channel_id"] for m in got},
                         {"1": first, "2": second, "3": peer, "4": first})
        self.assertEqual(got, sorted(got, key=lambda m: (m["timestamp"], m["message_id"])))
        self.assertEqual(self.sync(uid), got)
        self.ack(uid)
        self.assertEqual(self.sync(uid), [])
        self.ack(uid)  # nothing to acknowledge is fine
        self.server.must_batch([command(first, client_msg_no="5")])
        self.assertEqual(numbers(self.sync(uid)), ["5"])

    def test_commands_of_one_channel_keep_their_order(self):
        uid = fresh("u")
        group = self.group(uid)
        sent = ["c%d" % i for i in range(20)]
        self.server.must_batch([command(group, client_msg_no=n) for n in sent])
        self.assertEqual(numbers(self.sync(uid)), sent)

    def test_each_user_for_himself(self):
        a, b = fresh("a"), fresh("b")
        group = self.group(a, b)
        self.server.must_batch([command(group, client_msg_no="1")])
        self.sync(a)
        self.ack(a)
        self.assertEqual(self.sync(a), [])
        self.assertEqual(numbers(self.sync(b)), ["1"])

    def test_limit(self):
        uid = fresh("u")
        group = self.group(uid)
        self.server.must_batch([command(group, client_msg_no="c%d" % i) for i in range(1, 251)])
        self.assertEqual(len(self.sync(uid)), 200)
        got = self.sync(uid, limit=3)
        self.assertEqual(numbers(got), ["c1", "c2", "c3"])
        # The acknowledgement is about the last sync: three, not two hundred.
        self.ack(uid, 3)
        self.assertEqual(numbers(self.sync(uid, limit=2)), ["c4", "c5"])
        self.assertEqual(len(self.sync(uid, limit=10000)), 247)

    def test_message_seq_of_the_request_is_unused(self):
        uid = fresh("u")
        group = self.group(uid)
        self.server.must_batch([command(group, client_msg_no="1")])
        self.assertEqual(numbers(self.sync(uid, message_seq=100)), ["1"])

    def test_nothing_to_sync_is_an_empty_array(self):
        self.assertEqual(self.sync(fresh("u")), [])

    def test_a_sync_survives_a_kill(self):
        uid = fresh("u")
        group = self.group(uid)
        self.server.must_batch([command(group, client_msg_no="1")])
        self.sync(uid)
        self.server.restart()
        self.ack(uid)
        self.server.restart()
        self.assertEqual(self.sync(uid), [])

    def test_targeted_commands_wait_for_offline_users(self):
        a, b, c = fresh("a"), fresh("b"), fresh("c")
        group = self.group(a, b, c)
        body = {"payload": b64("x"), "from_uid": "s", "client_msg_no": "t", "subscribers": [a, b],
                "header": {"sync_once": 1}}
        self.server.must_post("/message/send", body)
        for uid, expected in ((a, ["t"]), (b, ["t"]), (c, [])):
            self.assertEqual(numbers(self.sync(uid)), expected)
            self.ack(uid)
            self.assertEqual(self.sync(uid), [])
        # The array form names a channel too, and that is what receivers are shown.
        self.server.must_batch([command(group, client_msg_no="t2", subscribers=[a])])
        got = self.sync(a)
        self.assertEqual([(m["channel_id"], m["channel_type"]) for m in got], [(group, GROUP)])
        self.assertEqual(self.sync(b), [])

    def test_unstored_commands_are_not_synced(self):
        uid = fresh("u")
        group = self.group(uid)
        self.server.must_batch([item(group, header={"sync_once": 1, "no_persist": 1})])
        self.assertEqual(self.sync(uid), [])

    def test_commands_leave_unread_counts_alone(self):
        uid = fresh("u")
        group = self.group(uid)
        self.server.must_batch([item(group, "message"), command(group)])
        listed = self.server.must_post("/conversation/sync", {"uid": uid, "msg_count": 5})
        self.assertEqual([(c["unread"], c["last_msg_seq"], len(c["recents"])) for c in listed],
                         [(1, 1, 1)])

    def test_new_members_get_no_old_commands(self):
        uid = fresh("u")
        group = self.group("other")
        self.server.must_batch([command(group, client_msg_no="before")])
        self.server.must_post("/channel/subscriber_add",
                              {"channel_id": group, "subscribers": [uid]})
        self.server.must_batch([command(group, client_msg_no="after")])
        self.assertIn("after", numbers(self.sync(uid)))

    def test_recvack_of_a_master_device_moves_the_position(self):
        uid = fresh("u")
        self.server.must_post("/user/token", {"uid": uid, "token": "t", "device_flag": 0,
                                              "device_level": 1})
        group = self.group(uid)
        client = self.client(uid, token="t")
        self.server.must_batch([command(group, client_msg_no="1")])
        client.recv()
        wait_until(lambda: self.sync(uid) == [], what="the acknowledged command to be gone")

    def test_validation(self):
        for body in ({}, {"uid": ""}, {"uid": "a@b"}, {"uid": "u", "limit": -1},
                     {"uid": "u", "limit": "1"}, {"uid": "u", "message_seq": -1}):
            self.assert_error(self.server.post(SYNC, body), 400)
        for body in ({}, {"uid": "u"}, {"last_message_seq": 1}, {"uid": "u", "last_message_seq": 0},
                     {"uid": "u", "last_message_seq": "1"}):
            self.assert_error(self.server.post(SYNCACK, body), 400)


class CommandSyncSwitchedOff(ServerCase):
    config = {"disableCMDMessageSync": "true"}

    def test_always_empty(self):
        uid, group = fresh("u"), fresh("g")
        self.server.create_group(group, [uid])
        self.server.must_batch([command(group)])
        self.assertEqual(self.server.must_post(SYNC, {"uid": uid}), [])
        self.assertEqual(self.server.must_post(SYNCACK, {"uid": uid, "last_message_seq": 1}),
                         {"status": 200})


if __name__ == "__main__":
    unittest.main()
