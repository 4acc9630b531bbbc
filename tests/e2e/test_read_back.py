"""What was written is read back page by page: channels, members, users, devices."""

import threading
import unittest
import urllib.parse

import test_api_keys
from harness import GROUP, PERSON, ServerCase, fresh, item, wait_until

READS = ("/channels", "/channel/info", "/channel/subscribers", "/channel/denylist",
         "/channel/allowlist", "/users", "/user/info", "/manager/users", "/manager/messages",
         "/manager/channels/2/g/subscribers", "/cluster/users", "/cluster/channels/g/2/denylist")


class ListCase(ServerCase):
    def page(self, path, **query):
        answer = self.server.get(path, query)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def walk(self, path, between=None, **query):
        """All items; `between` is called between two pages."""
        found, page = [], self.page(path, **query)
        while True:
            self.assertLessEqual(len(page["items"]), query.get("limit", 100))
            found += page["items"]
            self.assertEqual("next_cursor" in page, page["has_more"])
            if not page["has_more"]:
                return found
            if between:
                between()
            page = self.page(path, cursor=page["next_cursor"], **query)

    def refused(self, path, part, status=400, **query):
        self.assertIn(part, self.assert_error(self.server.get(path, query), status)["msg"])


class Channels(ListCase):
    def test_flags_come_back_as_they_were_written_over_a_kill(self):
        group = fresh("g")
        self.server.create_group(group, ["ann"], large=1, send_ban=1)
        self.server.must_post("/channel/blacklist_add",
                              {"channel_id": group, "channel_type": GROUP, "uids": ["eve"]})
        place = {"channel_id": group, "channel_type": GROUP}
        info = self.page("/channel/info", **place)
        self.assertGreater(info.pop("created_at"), 1_700_000_000)
        self.assertEqual(info, {
            **place, "large": 1, "ban": 0, "disband": 0, "send_ban": 1, "allow_stranger": 0,
            "last_message_seq": 0, "has_subscribers": True, "has_denylist": True,
            "has_allowlist": False})
        self.server.kill9()
        self.server.start()
        again = self.page("/channel/info", **place)
        del again["created_at"]
        self.assertEqual(again, info)
        self.refused("/channel/info", "no such channel", 404, channel_id=fresh("g"),
                     channel_type=GROUP)

    def test_who_only_has_messages_is_listed(self):
        group, uid, peer = fresh("g"), fresh("u"), fresh("u")
        self.server.must_batch([item(group), item(peer, from_uid=uid, channel_type=PERSON)])
        listed = self.walk("/channels", prefix=group)
        self.assertEqual([(c["channel_id"], c["created_at"]) for c in listed], [(group, 0)])
        pairs = [c["channel_id"] for c in self.walk("/channels", channel_type=PERSON, limit=1)]
        self.assertTrue({uid + "@" + peer, peer + "@" + uid} & set(pairs), pairs)
        for pair in (uid + "@" + peer, peer + "@" + uid):
            info = self.page("/channel/info", channel_id=pair, channel_type=PERSON)
            self.assertEqual(info["last_message_seq"], 1)

    def test_bad_requests(self):
        self.refused("/channels", "limit must be a number from 1 to 1000", limit=1001)
        self.refused("/channels", "limit must be a number from 1 to 1000", limit="x")
        self.refused("/channels", "channel_type must be a number from 1 to 255", channel_type=256)
        self.refused("/channels", "prefix is longer than any id", prefix="x" * 514)
        self.refused("/channel/info", "channel_id is required", channel_type=GROUP)
        self.refused("/channel/info", "channel_type is required", channel_id="g")
        self.refused("/channel/info", "must not contain", channel_id="a@b", channel_type=GROUP)
        for cursor in ("x", "AQAAAAA", "%00", "AQ" * 400):
            self.refused("/channels", "cursor is none that this server gave out", cursor=cursor)


class Members(ListCase):
    def test_each_list_by_uid(self):
        group = fresh("g")
        uids = ["m%03d" % i for i in range(250)]
        self.server.create_group(group, reversed(uids))
        place = {"channel_id": group, "channel_type": GROUP}
        self.server.must_post("/channel/blacklist_add", {**place, "uids": ["z", "eve"]})
        self.server.must_post("/channel/whitelist_add", {**place, "uids": ["ann"]})
        for limit in (1000, 250, 249, 100):
            found = self.walk("/channel/subscribers", limit=limit, **place)
            self.assertEqual([m["uid"] for m in found], uids)
        found = self.walk("/channel/subscribers", limit=3, prefix="m01", **place)
        self.assertEqual([m["uid"] for m in found], uids[10:20])
        self.assertEqual(self.walk("/channel/denylist", **place), [{"uid": "eve"}, {"uid": "z"}])
        self.assertEqual(self.walk("/channel/allowlist", **place), [{"uid": "ann"}])
        cursor = self.page("/channel/subscribers", limit=3, **place)["next_cursor"]
        self.refused("/channel/denylist", "cursor is none", cursor=cursor, **place)
        self.refused("/channel/subscribers", "cursor is none", cursor=cursor, prefix="m", **place)
        self.refused("/channel/subscribers", "limit must be a number from 1 to 10000",
                     limit=10_001, **place)

    def test_receivers_of_a_temporary_channel(self):
        channel = fresh("t")
        self.server.must_post("/tmpchannel/subscriber_set",
                              {"channel_id": channel, "uids": ["b", "a"]})
        self.assertEqual(self.walk("/channel/subscribers", channel_id=channel, channel_type=8),
                         [{"uid": "a"}, {"uid": "b"}])

    def test_a_users_own_lists(self):
        uid = fresh("u")
        place = {"channel_id": uid, "channel_type": PERSON}
        self.server.must_post("/channel/blacklist_add", {**place, "uids": ["eve"]})
        self.assertEqual(self.walk("/channel/denylist", **place), [{"uid": "eve"}])


class Users(ListCase):
    def test_devices_connections_and_bans(self):
        uid = fresh("u")
        self.server.must_post("/user/token", {"uid": uid, "token": "secret-of-web",
                                              "device_flag": 1, "device_level": 1})
        self.server.must_post("/user/token", {"uid": uid, "token": "secret-of-pc",
                                              "device_flag": 2})
        self.server.must_post("/user/device_quit", {"uid": uid, "device_flag": 2})
        self.server.must_post("/user/systemuids_add", {"uids": [uid]})
        self.client(uid)  # of the flag 0, which is not stored
        info = self.page("/user/info", uid=uid)
        self.assertNotIn("secret", str(info))
        [connection] = info["connections"]
        self.assertEqual((connection["uid"], connection["device_flag"]), (uid, 0))
        device = {"device_level": 0, "token_set": 0, "online": 0, "session_count": 0}
        self.assertEqual(
            (info["banned"], info["system_account"], info["online"], info["devices"]),
            (0, 1, 1, [{**device, "device_flag": 0, "online": 1, "session_count": 1},
                       {**device, "device_flag": 1, "device_level": 1, "token_set": 1},
                       {**device, "device_flag": 2}]))
        [listed] = self.walk("/users", prefix=uid)
        self.assertEqual(listed, {
            "uid": uid, "banned": 0, "system_account": 1, "online": 1, "online_device_flags": [0],
            "device_count": 2, "token_set_count": 1})
        self.server.must_post("/channel/info",
                              {"channel_id": uid, "channel_type": PERSON, "ban": 1})
        wait_until(lambda: not self.page("/user/info", uid=uid)["connections"], timeout=30,
                   what="the end of the session")
        self.assertEqual(self.page("/user/info", uid=uid)["banned"], 1)
        self.server.must_post("/user/systemuids_remove", {"uids": [uid]})

    def test_who_is_a_user(self):
        talker, online = fresh("u"), fresh("u")
        self.server.create_group(fresh("g"), [talker])
        self.client(online)
        self.assertEqual([u["uid"] for u in self.walk("/users", prefix=talker)], [talker])
        # Nothing is stored of somebody who is only online.
        self.assertEqual(self.walk("/users", prefix=online), [])
        self.assertEqual(self.page("/user/info", uid=online)["online"], 1)
        self.refused("/user/info", "nothing is stored of such a user", 404, uid=fresh("u"))
        self.refused("/user/info", "uid must not be empty")
        self.refused("/user/info", "uid must not contain", uid="a#b")
        self.refused("/users", "limit must be a number from 1 to 1000", limit=0)
        self.refused("/users", "cursor is none", cursor="x")


class Walks(ListCase):
    """Thousands are walked through while others come and go."""

    COUNT = 3000

    def write(self, stop):
        for n in range(1_000_000):
            if stop.is_set():
                return
            place = {"channel_id": "w%d" % n, "channel_type": GROUP}
            self.server.must_post("/channel", {**place, "subscribers": ["new%d" % n]})
            self.server.must_batch([item("x%d" % n)])
            self.server.must_post("/channel/delete", place)

    def test_what_is_there_throughout_is_seen_once(self):
        channels = ["w%da" % n for n in range(self.COUNT)]
        users = ["new%da" % n for n in range(self.COUNT)]
        for begin in range(0, self.COUNT, 500):
            some = range(begin, begin + 500)
            self.server.must_batch([item(channels[n]) for n in some])
        self.server.must_post("/channel/subscriber_add", {
            "channel_id": "everybody", "channel_type": GROUP, "subscribers": users})
        stop = threading.Event()
        writer = threading.Thread(target=self.write, args=(stop,))
        writer.start()
        try:
            for path, member, prefix, lasting, query in (
                    ("/channels", "channel_id", "w", channels, {"channel_type": GROUP}),
                    ("/users", "uid", "new", users, {}),
                    ("/channel/subscribers", "uid", "new", users,
                     {"channel_id": "everybody", "channel_type": GROUP})):
                with self.subTest(path=path):
                    found = [e[member] for e in self.walk(path, prefix=prefix, limit=97, **query)]
                    self.assertEqual(len(found), len(set(found)))
                    self.assertLessEqual(set(lasting), set(found))
                    by_key = sorted(found, key=lambda i: (len(i), i))
                    self.assertEqual(found, sorted(found) if "subscribers" in path else by_key)
        finally:
            stop.set()
            writer.join()


class ManagerV3(ListCase):
    """The paths and members of the v3 manager, asked on the manager port with a login."""

    config = {"auth.users": "ann:Ann-pw:*"}

    def setUp(self):
        login = self.server.post("/manager/login", {"username": "ann", "password": "Ann-pw"},
                                 address=self.server.manager).json()
        self.headers = {"Authorization": login["token_type"] + " " + login["access_token"]}

    def page(self, path, **query):
        answer = self.server.get(path, query, headers=self.headers, address=self.server.manager)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def test_channels_and_members(self):
        group = fresh("g") + "/x y"
        self.server.create_group(group, ["m%d" % n for n in range(7)], ban=1)
        [channel] = self.walk("/manager/channels", keyword=group, type=GROUP)
        self.assertEqual((channel["channel_id"], channel["ban"], channel["send_ban"]),
                         (group, True, False))
        self.assertEqual(channel["slot_id"], channel["hash_slot"])
        place = "/manager/channels/%d/%s" % (GROUP, urllib.parse.quote(group, safe=""))
        detail = self.page(place)
        self.assertEqual({name: detail[name] for name in channel}, channel)
        self.assertEqual((detail["has_subscribers"], detail["has_denylist"]), (True, False))
        self.assertEqual([m["uid"] for m in self.walk(place + "/subscribers", limit=3)],
                         ["m%d" % n for n in range(7)])
        self.assertEqual(self.page(place + "/subscribers", uid="m3")["items"], [{"uid": "m3"}])
        for name in ("allowlist", "denylist"):
            self.assertEqual(self.page(place + "/" + name), {"items": [], "has_more": False})

    def test_users_and_connections(self):
        uids = [fresh("u") for _ in range(3)]
        for uid in uids:
            self.server.must_post("/user/token", {"uid": uid, "token": "t", "device_flag": 2})
        clients = [self.client(uid) for uid in uids]
        self.server.must_post("/user/systemuids_add", {"uids": [uids[0]]})
        [user] = self.walk("/manager/users", keyword=uids[0])
        self.assertEqual((user["online"], user["online_device_flags"], user["device_count"],
                          user["token_set_count"]), (True, ["app"], 1, 1))
        detail = self.page("/manager/users/" + uids[0])
        self.assertEqual([(d["device_flag"], d["token_set"], d["online"])
                          for d in detail["devices"]],
                         [("app", False, True), ("pc", True, False)])
        listed = self.walk("/manager/connections", limit=2)
        self.assertLessEqual(set(uids), {c["uid"] for c in listed})
        ids = [c["session_id"] for c in listed]
        self.assertEqual(ids, sorted(set(ids)))
        # Of users with something in their uid: page by page, and no cursor of other ones.
        part = fresh("part")
        more = [self.client("%d-%s-%d" % (n, part, n)) for n in range(5)]
        some = self.walk("/manager/connections", uid=part, limit=2)
        self.assertEqual(sorted(c["uid"] for c in some),
                         ["%d-%s-%d" % (n, part, n) for n in range(5)])
        ids = [c["session_id"] for c in some]
        self.assertEqual(ids, sorted(ids))
        cursor = self.page("/manager/connections", uid=part, limit=2)["next_cursor"]
        answer = self.server.get("/manager/connections", {"uid": "u", "cursor": cursor},
                                 headers=self.headers, address=self.server.manager)
        self.assertIn("cursor is none", self.assert_error(answer, 400)["msg"])
        self.assertEqual(detail["connections"],
                         [c for c in listed if c["uid"] == uids[0]])
        self.assertIn({"uid": uids[0]}, self.page("/manager/system-users")["items"])
        self.assertEqual(self.page("/manager/nodes")["items"][0]["runtime"]["total_online"],
                         len(clients) + len(more))

    def test_messages_and_conversations(self):
        group = fresh("g")
        self.server.create_group(group, ["reader"])
        sent = self.server.must_batch([item(group, "p%d" % n) for n in range(30)])
        found = self.walk("/manager/messages", channel_id=group, channel_type=GROUP, limit=7)
        self.assertEqual([m["message_seq"] for m in found], list(range(30, 0, -1)))
        self.assertEqual(found[0]["message_id"], sent[-1]["message_idstr"])
        [one] = self.page("/manager/messages", channel_id=group, channel_type=GROUP,
                          message_id=sent[4]["message_id"])["items"]
        self.assertEqual(one["message_seq"], 5)
        answer = self.page("/manager/conversations", uid="reader", msg_count=2)
        [conversation] = [c for c in answer["items"] if c["channel_id"] == group]
        self.assertEqual((conversation["unread"], conversation["last_msg_seq"],
                          len(conversation["recent_messages"])), (30, 30, 2))
        # Of one batch: some have the same time.
        uid, groups = fresh("u"), [fresh("g") for _ in range(5)]
        for each in groups:
            self.server.create_group(each, [uid])
        self.server.must_batch([item(each, "p") for each in groups])
        pages = self.walk("/manager/conversations", uid=uid, limit=2)
        self.assertEqual(sorted(one["channel_id"] for one in pages), sorted(groups))

    def test_the_server_shows_no_secret(self):
        rights = self.page("/manager/permissions")
        self.assertEqual((rights["auth_enabled"], rights["current_user"], rights["users"]),
                         (True, "ann", [{"username": "ann", "permissions": [
                             {"resource": "*", "actions": ["*"]}]}]))
        self.assertNotIn("Ann-pw", str(rights))
        self.assertFalse(self.page("/manager/webhooks/config")["enabled"])
        self.assert_error(self.server.get("/manager/nodes", address=self.server.manager), 401)


class ManagerV2(ListCase):
    """The paths and members of the v2 manager."""

    def walk_data(self, path, **query):
        found, page = [], self.page(path, **query)
        while page["more"]:
            found += page["data"]
            page = self.page(path, cursor=page["next_cursor"], **query)
        return found + page["data"]

    def test_lists(self):
        group, uid = fresh("g"), fresh("u")
        self.server.create_group(group, [uid, "other"])
        self.server.must_batch([item(group, "p%d" % n) for n in range(5)])
        self.server.must_post("/user/token", {"uid": uid, "token": "secret", "device_flag": 1})
        self.client(uid)
        channels = [c for c in self.walk_data("/cluster/channels", limit=1)
                    if c["channel_id"] == group]
        self.assertEqual([(c["channel_type"], c["last_msg_seq"]) for c in channels], [(GROUP, 5)])
        for name, uids in (("subscribers", sorted([uid, "other"])), ("denylist", []),
                           ("allowlist", [])):
            path = "/cluster/channels/%s/%d/%s" % (group, GROUP, name)
            self.assertEqual(self.page(path), uids)
        [user] = [u for u in self.walk_data("/cluster/users", limit=1) if u["uid"] == uid]
        self.assertEqual((user["device_count"], user["conn_count"]), (1, 1))
        [device] = self.page("/cluster/devices", uid=uid)["data"]
        self.assertEqual((device["device_flag"], device["token"], device["token_set"]), (1, "", 1))
        place = {"channel_id": group, "channel_type": GROUP, "limit": 2}
        page = self.page("/cluster/messages", **place)
        self.assertEqual([m["message_seq"] for m in page["data"]], [5, 4])
        page = self.page("/cluster/messages", offset_message_seq=4, **place)
        self.assertEqual([m["message_seq"] for m in page["data"]], [3, 2])
        [conversation] = self.page("/cluster/conversations", uid=uid)["data"]
        self.assertEqual((conversation["channel_id"], conversation["unread_count"]), (group, 5))
        self.assertEqual(self.page("/cluster/nodes")["total"], 1)
        self.assertEqual(self.page("/cluster/simpleNodes")["data"][0]["is_leader"], 1)

    def test_pages_go_on_and_back_by_the_time_of_the_entry_that_is_shown(self):
        prefix = fresh("g")
        for n in range(7):
            self.server.create_group("%s-%d" % (prefix, n))
        for path, name in (("/cluster/channels", "channel_id"), ("/cluster/users", "uid")):
            pages = [self.page(path, limit=3)]
            while pages[-1]["more"]:
                # As a browser keeps it: a number of double precision.
                last = int(float(pages[-1]["data"][-1]["created_at"]))
                pages.append(self.page(path, limit=3, offset_created_at=last, pre=0))
            ids = [entry[name] for page in pages for entry in page["data"]]
            self.assertEqual(len(ids), len(set(ids)))
            if name == "channel_id":
                self.assertLessEqual({"%s-%d" % (prefix, n) for n in range(7)}, set(ids))
            shown = pages[-1]
            for before in reversed(pages[:-1]):
                first = int(float(shown["data"][0]["created_at"]))
                shown = self.page(path, limit=3, offset_created_at=first, pre=1)
                self.assertEqual([e[name] for e in shown["data"]],
                                 [e[name] for e in before["data"]])
        # Of a time before this start nothing is known.
        number = self.page("/cluster/channels", limit=1)["data"][0]["created_at"]
        self.server.restart()
        self.refused("/cluster/channels", "begin anew", offset_created_at=number)

    def test_what_would_be_answered_wrongly_is_refused(self):
        self.refused("/cluster/users", "begin anew", offset_created_at=1)
        self.refused("/cluster/channels", "wants offset_created_at", pre=1)
        self.refused("/cluster/messages", "channel_id is required")
        self.refused("/cluster/conversations", "uid must not be empty")
        self.refused("/cluster/users", "cursor is none", cursor="x")
        self.refused("/cluster/users", "limit must be a number from 1 to 1000", limit=1001)


class Who(ListCase):
    """Scopes, and the manager port."""

    secrets, yaml = test_api_keys.Keys.of_scopes({"sender": "send", "reader": "read"})

    def test_reading_back_needs_the_scope_read(self):
        for path in READS:
            for address in (self.server.http, self.server.manager):
                with self.subTest(path=path, address=address):
                    def ask(name):
                        return self.server.get(path, headers={"token": self.secrets[name]},
                                               address=address)
                    refused = self.assert_error(ask("sender"), 403)
                    self.assertIn("needs the scope read", refused["msg"])
                    self.assertIn(ask("reader").status, (200, 400))
                    self.assert_error(self.server.get(path, address=address), 401)


if __name__ == "__main__":
    unittest.main()
