"""Users: tokens, leaving devices, online status, system accounts; where clients connect."""

import contextlib
import unittest

from harness import GROUP, PERSON, ServerCase, b64, fresh, item, wait_until
from wkproto import DISCONNECT


def connack(client):
    """The reason of the CONNACK."""
    return client.connect().reason


class UserCase(ServerCase):
    def online(self, *uids):
        return self.server.must_post("/user/onlinestatus", list(uids))

    def register(self, uid, token="t", flag=0, level=0):
        self.server.must_post("/user/token", {"uid": uid, "token": token, "device_flag": flag,
                                              "device_level": level})

    def login(self, uid, token="", flag=0, device_id="dev1"):
        client = self.raw_client(uid, token=token, device_flag=flag, device_id=device_id)
        self.assertEqual(connack(client), 1)
        return client

    def refused(self, uid, token, flag=0):
        client = self.raw_client(uid, token=token, device_flag=flag)
        self.assertEqual(connack(client), 2)

    def assert_told_and_closed(self, *clients):
        """DISCONNECT 12, and the end of the stream right behind it."""
        for client in clients:
            self.assertEqual(client.expect(DISCONNECT).reason, 12)
        for client in clients:
            client.wait_closed()


class Token(UserCase):
    config = {"tokenAuthOn": "true", "managerUID": "boss"}

    def test_accounts_of_the_server_cannot_be_registered(self):
        for uid in ("____system", "boss"):
            self.assert_error(self.server.post("/user/token", {"uid": uid, "token": "t"}), 400)

    def test_uid_and_token_are_required(self):
        for body in ({"token": "t"}, {"uid": "", "token": "t"}, {"uid": "u"},
                     {"uid": "u", "token": ""}, {"uid": "u", "token": "  "}):
            with self.subTest(**body):
                self.assert_error(self.server.post("/user/token", body), 400)

    def test_uids_with_special_characters_are_refused(self):
        for uid in ("a@b", "a#b", "a&b"):
            self.assert_error(self.server.post("/user/token", {"uid": uid, "token": "t"}), 400)

    def test_one_token_for_each_device_flag(self):
        uid = fresh("u")
        self.register(uid, "for-app", 0)
        self.register(uid, "for-web", 1)
        self.login(uid, "for-app", 0)
        self.login(uid, "for-web", 1)
        self.refused(uid, "for-app", 1)

    def test_a_new_token_replaces_the_old_one(self):
        uid = fresh("u")
        self.register(uid, "old")
        self.register(uid, "new")
        self.refused(uid, "old")
        self.login(uid, "new")

    def test_the_level_of_the_token_is_that_of_the_connection(self):
        uid = fresh("u")
        self.register(uid, "master", 0, 1)
        self.register(uid, "slave", 1, 0)
        self.login(uid, "master", 0)
        self.login(uid, "slave", 1)
        found = self.server.get("/connz", {"uid": uid}).json()["connections"]
        self.assertEqual({c["device_flag"]: (c["device_level"], c["device"]) for c in found},
                         {0: (1, "App(master)"), 1: (0, "Web(slave)")})

    def test_a_master_token_ends_the_sessions_of_its_flag_at_once(self):
        uid = fresh("u")
        self.register(uid, "t", 0)
        self.register(uid, "t", 1)
        app, web = self.login(uid, "t", 0), self.login(uid, "t", 1)
        self.register(uid, "t2", 0, 1)
        self.assert_told_and_closed(app)
        web.expect_none(DISCONNECT, timeout=0.1)

    def test_a_session_whose_master_token_was_replaced_neither_sends_nor_receives(self):
        for transport in ("tcp", "ws"):
            with self.subTest(transport=transport):
                uid, other, group = fresh("u"), fresh("other"), fresh("g")
                self.register(uid, "t")
                self.register(other, "t")
                self.server.create_group(group, [uid, other])
                old = self.client(uid, transport, token="t")
                bystander = self.client(other, token="t")
                self.register(uid, "t2", 0, 1)
                # The answer has come; on this side the socket is still open.
                with contextlib.suppress(ConnectionError):
                    old.send_raw(group, GROUP, b"too late")
                self.server.must_batch([item(group, "later")])
                got = bystander.recv()
                self.assertEqual((got.payload, got.message_seq), (b"later", 1))
                # Neither a SENDACK nor a RECV.
                self.assertLessEqual({frame.kind for frame in old.wait_closed()}, {DISCONNECT})
                stored = [message["payload"] for message in self.server.messages(group)]
                self.assertEqual(stored, [b64("later")])

    def test_a_slave_token_ends_nothing(self):
        uid = fresh("u")
        self.register(uid, "t")
        client = self.login(uid, "t")
        self.register(uid, "t2")
        client.expect_none(DISCONNECT)

    def test_a_slave_token_ends_the_sessions_of_the_master_token_that_it_replaces(self):
        for transport in ("tcp", "ws"):
            with self.subTest(transport=transport):
                uid, group = fresh("u"), fresh("g")
                self.server.create_group(group, [uid])
                for flag in (0, 1):
                    self.register(uid, "t", flag, 1)
                old = self.client(uid, transport, token="t", device_flag=0)
                web = self.login(uid, "t", 1)
                # The same again replaces nothing.
                self.register(uid, "t", 0, 0)
                old.expect_none(DISCONNECT, timeout=0.1)
                self.register(uid, "t2", 0, 0)
                with contextlib.suppress(ConnectionError):
                    old.send_raw(group, GROUP, b"too late")
                self.server.must_batch([item(group, "later")])
                self.assertLessEqual({frame.kind for frame in old.wait_closed()}, {DISCONNECT})
                self.assertEqual([message["payload"] for message in self.server.messages(group)],
                                 [b64("later")])
                web.expect_none(DISCONNECT, timeout=0.1)
                # What comes in with the new one is a slave's.
                new = self.login(uid, "t2", 0)
                self.register(uid, "t3", 0, 0)
                new.expect_none(DISCONNECT, timeout=0.1)

    def test_a_banned_user_gets_no_token(self):
        for flag in ("ban", "disband"):
            uid = fresh("u")
            self.server.must_post("/channel/info",
                                  {"channel_id": uid, "channel_type": PERSON, flag: 1})
            body = self.assert_error(
                self.server.post("/user/token", {"uid": uid, "token": "t"}), 403)
            self.assertEqual(body["reason"], 19)
            self.refused(uid, "t")


class Ban(UserCase):
    """A ban of a user ends the sessions that are open, on whichever call and protocol."""

    def ban(self, path, uid, flag):
        self.server.must_post(path, {"channel_id": uid, "channel_type": PERSON, flag: 1})

    def test_a_ban_ends_the_open_sessions(self):
        for path, flag in (("/channel/info", "ban"), ("/channel/info", "disband"),
                           ("/channel", "ban")):
            with self.subTest(path=path, flag=flag):
                uid, other = fresh("u"), fresh("other")
                group = fresh("g")
                self.server.create_group(group, [uid, other])
                clients = [self.client(uid, device_flag=0), self.client(uid, device_flag=1)]
                bystander = self.client(other)
                self.ban(path, uid, flag)
                # A message that is sent after the answer reaches none of them.
                self.server.must_batch([item(group, "later", from_uid="sender")])
                for client in clients:
                    frames = client.wait_closed()
                    self.assertEqual([frame.kind for frame in frames], [DISCONNECT])
                    self.assertEqual((frames[0].reason, frames[0].text),
                                     (12, "the user is banned"))
                self.assertEqual(bystander.recv().payload, b"later")
                again = self.raw_client(uid)
                self.assertEqual(connack(again), 19)

    def test_other_flags_and_other_channels_end_nothing(self):
        uid, other = fresh("u"), fresh("v")
        client = self.client(uid)
        self.ban("/channel/info", uid, "send_ban")
        self.ban("/channel/info", uid + "@" + other, "ban")
        self.server.must_post("/channel/info", {"channel_id": uid, "channel_type": 2, "ban": 1})
        client.expect_none(DISCONNECT)


class DeviceQuit(UserCase):
    config = {"tokenAuthOn": "true"}

    def quit(self, uid, **flag):
        self.server.must_post("/user/device_quit", dict(flag, uid=uid))

    def logged_in(self, *flags):
        uid = fresh("u")
        clients = {}
        for flag in flags:
            self.register(uid, "t", flag)
            clients[flag] = self.login(uid, "t", flag)
        return uid, clients

    def test_without_a_flag_all_devices_quit_unknown_flags_too(self):
        for body in ({}, {"device_flag": -1}, {"device_flag": None}):
            with self.subTest(**body):
                uid, clients = self.logged_in(0, 1, 7)
                self.quit(uid, **body)
                self.assert_told_and_closed(*clients.values())
                for flag in clients:
                    self.refused(uid, "t", flag)

    def test_with_a_flag_only_that_device_quits(self):
        uid, clients = self.logged_in(0, 1)
        self.quit(uid, device_flag=1)
        self.assert_told_and_closed(clients[1])
        self.refused(uid, "t", 1)
        clients[0].expect_none(DISCONNECT, timeout=0.1)
        self.login(uid, "t", 0, device_id="dev2")

    def test_an_empty_token_never_opens_a_device_that_has_quit(self):
        uid, _ = self.logged_in(0)
        self.quit(uid)
        self.refused(uid, "")

    def test_a_new_token_opens_the_device_again(self):
        uid, _ = self.logged_in(0)
        self.quit(uid)
        self.register(uid, "fresh")
        self.login(uid, "fresh")

    def test_an_unknown_user_is_no_error(self):
        self.quit(fresh("nobody"))

    def test_uid_and_flag_are_checked(self):
        for body in ({}, {"uid": ""}, {"uid": " "}, {"uid": "a@b"}, {"uid": "u", "device_flag": -2},
                     {"uid": "u", "device_flag": 256}, {"uid": "u", "device_flag": "0"}):
            with self.subTest(**body):
                self.assert_error(self.server.post("/user/device_quit", body), 400)


class DeviceQuitWithoutTokens(UserCase):
    def test_connections_without_a_stored_device_quit_too(self):
        uid = fresh("u")
        clients = [self.client(uid, device_flag=flag) for flag in (0, 2)]
        self.server.must_post("/user/device_quit", {"uid": uid})
        self.assert_told_and_closed(*clients)


class OnlineStatus(UserCase):
    config = {"api.onlineStatusIncludeOffline": "true"}

    def test_one_entry_for_each_device_flag_in_the_order_of_the_request(self):
        a, b, nobody = fresh("a"), fresh("b"), fresh("nobody")
        self.client(a, device_flag=1)
        self.client(a, device_flag=0, device_id="x")
        self.client(a, device_flag=0, device_id="y")
        self.client(b, device_flag=2)
        self.assertEqual(self.online(b, nobody, a), [
            {"uid": b, "device_flag": 2, "online": 1},
            {"uid": nobody, "device_flag": 0, "online": 0},
            {"uid": a, "device_flag": 0, "online": 1},
            {"uid": a, "device_flag": 1, "online": 1}])

    def test_a_user_is_listed_once(self):
        uid = fresh("u")
        self.assertEqual(len(self.online(uid, uid, "", " ")), 1)

    def test_the_object_form_says_the_same(self):
        uid = fresh("u")
        self.client(uid)
        self.assertEqual(self.server.must_post("/user/onlinestatus", {"uids": [uid]}),
                         self.online(uid))

    def test_a_user_who_leaves_is_offline(self):
        uid = fresh("u")
        client = self.client(uid)
        self.assertEqual(self.online(uid)[0]["online"], 1)
        client.close()
        wait_until(lambda: self.online(uid)[0]["online"] == 0)

    def test_bodies_that_are_no_list_of_strings_are_refused(self):
        for body in ({}, [1], {"uids": "u"}, {"uids": [None]}, "u"):
            with self.subTest(body=body):
                self.assert_error(self.server.post("/user/onlinestatus", body), 400)


class OnlineOnly(UserCase):
    """As it is unless configured: presence in the list means online."""

    def test_an_empty_request_is_only_acknowledged(self):
        for body in ([], {"uids": []}):
            self.assertEqual(self.server.must_post("/user/onlinestatus", body), {"status": 200})

    def test_nobody_online_is_an_empty_array(self):
        self.assertEqual(self.online(fresh("nobody")), [])

    def test_users_who_are_offline_are_left_out(self):
        uid = fresh("u")
        self.client(uid)
        self.assertEqual(self.online(fresh("nobody"), uid),
                         [{"uid": uid, "device_flag": 0, "online": 1}])


class SystemAccounts(UserCase):
    config = {"api.sendCheck": "strict"}

    def accounts(self):
        answer = self.server.get("/user/systemuids")
        self.assertEqual(answer.status, 200)
        return answer.json()

    def may_send(self, uid, group):
        answer = self.server.batch([item(group, fresh("text"), from_uid=uid)])
        return answer.status == 200

    def test_none_is_an_empty_array_and_the_built_in_one_is_not_listed(self):
        self.server.must_post("/user/systemuids_remove", {"uids": self.accounts()})
        self.assertEqual(self.accounts(), [])
        self.server.must_post("/user/systemuids_add", {"uids": ["____system"]})
        self.assertEqual(self.accounts(), [])

    def test_accounts_pass_the_permission_rules_as_soon_as_the_call_returns(self):
        group, uid = fresh("g"), fresh("helper")
        self.server.create_group(group, ["member"])
        self.assertFalse(self.may_send(uid, group))
        self.server.must_post("/user/systemuids_add", {"uids": [uid]})
        self.assertIn(uid, self.accounts())
        self.assertTrue(self.may_send(uid, group))
        self.server.must_post("/user/systemuids_remove", {"uids": [uid]})
        self.assertNotIn(uid, self.accounts())
        self.assertFalse(self.may_send(uid, group))

    def test_accounts_survive_a_crash(self):
        group, uid = fresh("g"), fresh("helper")
        self.server.create_group(group, ["member"])
        self.server.must_post("/user/systemuids_add", {"uids": [uid]})
        self.server.restart()
        self.assertIn(uid, self.accounts())
        self.assertTrue(self.may_send(uid, group))

    def test_empty_lists_and_unknown_users_are_no_error(self):
        for path in ("/user/systemuids_add", "/user/systemuids_remove"):
            for body in ({}, {"uids": []}, {"uids": None}):
                self.assertEqual(self.server.must_post(path, body), {"status": 200})
        self.server.must_post("/user/systemuids_remove", {"uids": [fresh("nobody")]})

    def test_older_names_do_the_same(self):
        uid = fresh("helper")
        self.server.must_post("/user/systemuid_add", {"uids": [uid]})
        self.assertIn(uid, self.accounts())
        self.server.must_post("/user/systemuid_remove", {"uids": [uid]})
        self.assertNotIn(uid, self.accounts())

    def test_calls_for_the_cache_of_a_node_change_nothing(self):
        uid = fresh("helper")
        self.server.must_post("/user/systemuids_add_to_cache", {"uids": [uid]})
        self.assertNotIn(uid, self.accounts())
        self.server.must_post("/user/systemuids_add", {"uids": [uid]})
        self.server.must_post("/user/systemuids_remove_from_cache", {"uids": [uid]})
        self.assertIn(uid, self.accounts())

    def test_uids_are_checked(self):
        for path in ("/user/systemuids_add", "/user/systemuids_remove",
                     "/user/systemuids_add_to_cache", "/user/systemuids_remove_from_cache"):
            for body in ([], {"uids": "u"}, {"uids": [1]}, {"uids": ["a@b"]}):
                with self.subTest(path=path, body=body):
                    self.assert_error(self.server.post(path, body), 400)


class Plugins(UserCase):
    def test_a_user_cannot_be_bound_to_a_plugin_because_there_is_none(self):
        self.assert_error(self.server.post(
            "/user/update_plugin_no", {"uid": fresh("u"), "plugin_no": "wk.plugin.ai"}), 404)

    def test_both_members_are_required(self):
        for body in ({"uid": "u"}, {"plugin_no": "p"}, {"uid": "u", "plugin_no": ""},
                     {"uid": "", "plugin_no": "p"}):
            with self.subTest(**body):
                self.assert_error(self.server.post("/user/update_plugin_no", body), 400)

    def test_profiles_are_not_stored(self):
        self.assert_error(self.server.request("PUT", "/user/u1", {"name": "n"}), 404)


class Routing(UserCase):
    config = {"external.tcpAddr": "chat.example.org:5100",
              "external.wsAddr": "ws://chat.example.org:5200",
              "external.wssAddr": "wss://chat.example.org:5300",
              "intranet.tcpAddr": "10.0.0.5:5100",
              "intranet.wsAddr": "ws://10.0.0.5:5200",
              "intranet.wssAddr": "wss://10.0.0.5:5300",
              "cluster.nodeId": "7"}

    OUTSIDE = {"tcp_addr": "chat.example.org:5100", "ws_addr": "ws://chat.example.org:5200",
               "wss_addr": "wss://chat.example.org:5300"}
    INSIDE = {"tcp_addr": "10.0.0.5:5100", "ws_addr": "ws://10.0.0.5:5200",
              "wss_addr": "wss://10.0.0.5:5300"}

    def test_addresses_are_those_of_the_configuration(self):
        self.assertEqual(self.server.get("/route", {"uid": "u"}).json(), self.OUTSIDE)
        self.assertEqual(self.server.get("/route", {"intranet": 0}).json(), self.OUTSIDE)

    def test_intranet_addresses_include_websocket(self):
        self.assertEqual(self.server.get("/route", {"intranet": 1}).json(), self.INSIDE)

    def test_an_unparsable_number_counts_as_zero(self):
        self.assertEqual(self.server.get("/route", {"intranet": "yes"}).json(), self.OUTSIDE)

    def test_an_unknown_node_is_refused(self):
        self.assertEqual(self.server.get("/route", {"node_id": 7}).json(), self.OUTSIDE)
        self.assert_error(self.server.get("/route", {"node_id": 8}), 400)
        self.assert_error(self.server.post("/route/batch?node_id=8", ["u"]), 400)

    def test_a_batch_is_one_group_of_all_users(self):
        for body in (["a", "b"], {"uids": ["a", "b"]}):
            self.assertEqual(self.server.must_post("/route/batch", body),
                             [dict(self.OUTSIDE, uids=["a", "b"])])
        self.assertEqual(self.server.must_post("/route/batch?intranet=1", ["a"]),
                         [dict(self.INSIDE, uids=["a"])])


class RoutingUnset(UserCase):
    def test_an_address_that_is_not_there_is_an_empty_string(self):
        self.assertEqual(self.server.get("/route").json()["wss_addr"], "")
        self.assertEqual(self.server.get("/route", {"intranet": 1}).json(),
                         {"tcp_addr": "", "ws_addr": "", "wss_addr": ""})


if __name__ == "__main__":
    unittest.main()
