"""/connz, /conn/remove and /conn/kick on both ports."""

import time
import unittest

from harness import PERSON, ServerCase, fresh
from wkproto import DISCONNECT

TOKEN = "token-of-this-test"

KEYS = {
    "id": "id", "inMsg": "in_msgs", "outMsg": "out_msgs", "inMsgBytes": "in_msg_bytes",
    "outMsgBytes": "out_msg_bytes", "inPacket": "in_packets", "outPacket": "out_packets",
    "inPacketBytes": "in_packet_bytes", "outPacketBytes": "out_packet_bytes",
    "pendingBytes": "pending_bytes", "protoVersion": "version",
}


class ConnectionCase(ServerCase):
    config = {"managerToken": TOKEN, "cluster.nodeId": "7"}
    port = "http"

    def call(self, method, path, body=None):
        return self.server.request(method, path, body, headers={"token": TOKEN},
                                   address=getattr(self.server, self.port))

    def connz(self, **query):
        answer = self.call("GET", "/connz?" + "&".join("%s=%s" % pair for pair in query.items()))
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def find(self, uid):
        return self.connz(uid=uid)["connections"]


class Connz(ConnectionCase):
    def test_a_connection_has_the_members_of_both_interfaces(self):
        uid = fresh("u")
        client = self.client(uid, device_flag=1, device_id="dev-7")
        client.send(uid, PERSON, b"hello")
        (found,) = self.find(uid)
        self.assertEqual(found["uid"], uid)
        self.assertEqual((found["ip"], found["transport"], found["node_id"], found["leader_id"]),
                         ("127.0.0.1", "tcp", 7, 7))
        self.assertEqual(found["port"], client.transport.sock.getsockname()[1])
        self.assertEqual((found["device"], found["device_flag"], found["device_level"],
                          found["device_id"]), ("Web(slave)", 1, 0, "dev-7"))
        self.assertEqual((found["version"], found["subscriptions"], found["proxy_type_format"]),
                         (5, 0, ""))
        self.assertEqual((found["in_msgs"], found["in_msg_bytes"]), (1, 5))
        self.assertEqual((found["cid"], found["in_bytes"], found["out_bytes"]),
                         (found["id"], found["in_packet_bytes"], found["out_packet_bytes"]))
        self.assertGreater(found["in_packets"], 0)
        self.assertGreater(found["in_packet_bytes"], found["in_msg_bytes"])
        for name in ("start", "last_activity"):
            self.assertRegex(found[name], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
        for name in ("uptime", "idle"):
            self.assertRegex(found[name], r"^\d+s$")

    def test_websocket_connections_are_listed(self):
        uid = fresh("u")
        self.client(uid, transport="ws")
        self.assertEqual(self.find(uid)[0]["transport"], "ws")

    def test_a_connection_that_has_not_logged_in_is_not_listed(self):
        uid = fresh("u")
        self.raw_client(uid)
        self.assertEqual(self.find(uid), [])

    def test_uid_filters_by_substring(self):
        part = fresh("part")
        for uid in ("a" + part, part + "b", fresh("other")):
            self.client(uid)
        self.assertEqual({c["uid"] for c in self.find(part)}, {"a" + part, part + "b"})
        self.assertEqual(self.connz(uid=part)["total"], 2)

    def test_offset_and_limit_are_a_page_and_total_counts_all(self):
        part = fresh("page")
        for i in range(5):
            self.client("%s-%d" % (part, i))
        page = self.connz(uid=part, offset=1, limit=2)
        self.assertEqual([c["uid"] for c in page["connections"]], [part + "-1", part + "-2"])
        self.assertEqual((page["total"], page["num_connections"], page["offset"], page["limit"]),
                         (5, 2, 1, 2))
        self.assertRegex(page["now"], r"^\d{4}-\d\d-\d\dT")
        self.assertEqual(self.connz(uid=part, offset=9)["connections"], [])

    def test_limit_is_20_unless_given(self):
        part = fresh("many")
        for i in range(21):
            self.client("%s-%02d" % (part, i))
        for limit in ("0", "-5", "x"):
            page = self.connz(uid=part, limit=limit)
            self.assertEqual((len(page["connections"]), page["limit"], page["total"]), (20, 20, 21))

    def test_an_unknown_node_is_refused(self):
        self.assertEqual(self.call("GET", "/connz?node_id=7").status, 200)
        self.assert_error(self.call("GET", "/connz?node_id=8"), 400)

    def test_both_ports_ask_for_the_token(self):
        for address in (self.server.http, self.server.manager):
            answer = self.server.request("GET", "/connz", address=address)
            self.assertEqual(answer.status, 401)


class ConnzOfManagerPort(Connz):
    port = "manager"


class Sorting(ConnectionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.part = fresh("sort")
        cls.clients = []
        for i, version in enumerate((5, 3, 4)):
            client = cls.server.client("%s-%d" % (cls.part, i), version=version)
            cls.clients.append(client)
            cls.addClassCleanup(client.close)
            for n in range((i * 2) % 3 + 1):
                client.send(cls.part + "-0", PERSON, b"x" * (10 * (3 - i) + n))
            time.sleep(0.05)
        time.sleep(0.2)

    def order(self, sort, member):
        return [c[member] for c in self.connz(uid=self.part, sort=sort)["connections"]]

    def test_every_key_sorts_both_ways(self):
        for key, member in KEYS.items():
            with self.subTest(sort=key):
                ascending = self.order(key, member)
                self.assertEqual(len(ascending), 3)
                self.assertEqual(ascending, sorted(ascending))
                self.assertEqual(self.order(key + "Desc", member), sorted(ascending, reverse=True))

    def test_uptime_and_idle_sort_by_duration(self):
        # They logged in one after another, and each was done before the next came.
        users = ["%s-%d" % (self.part, i) for i in range(3)]
        for key in ("uptime", "idle"):
            self.assertEqual(self.order(key, "uid"), users[::-1])
            self.assertEqual(self.order(key + "Desc", "uid"), users)

    def test_documented_keys_are_descending(self):
        for key, member in (("in_msgs", "in_msgs"), ("out_msgs", "out_msgs"),
                            ("in_bytes", "in_bytes"), ("out_bytes", "out_bytes")):
            found = self.order(key, member)
            self.assertEqual(found, sorted(found, reverse=True))

    def test_an_unknown_key_and_none_sort_by_id(self):
        for key in ("", "nonsense"):
            found = self.order(key, "id")
            self.assertEqual(found, sorted(found))


class Ending(ConnectionCase):
    def end(self, how, uid, **body):
        if "conn_id" not in body:
            body["conn_id"] = self.find(uid)[0]["id"]
        answer = self.call("POST", "/conn/" + how, dict(body, uid=uid))
        self.assertEqual((answer.status, answer.json()), (200, {"status": 200}), answer)

    def test_remove_closes_at_once_without_a_word(self):
        uid = fresh("u")
        client = self.client(uid)
        self.end("remove", uid)
        self.assertEqual(client.wait_closed(timeout=1.5), [])

    def test_kick_tells_the_client_and_closes_after_two_seconds(self):
        uid = fresh("u")
        client = self.client(uid)
        self.end("kick", uid)
        told = client.expect(DISCONNECT, timeout=1.0)
        self.assertEqual((told.reason, told.text), (12, "server kick"))
        began = time.monotonic()
        client.wait_closed(timeout=6)
        self.assertTrue(1.0 <= time.monotonic() - began <= 4.0)

    def test_only_the_named_connection_ends(self):
        uid = fresh("u")
        kept = self.client(uid, device_id="a")
        gone = self.client(uid, device_id="b")
        by_device = {c["device_id"]: c["id"] for c in self.find(uid)}
        self.end("remove", uid, conn_id=by_device["b"])
        gone.wait_closed(timeout=1.5)
        self.assertEqual([c["device_id"] for c in self.find(uid)], ["a"])
        kept.expect_none(DISCONNECT, timeout=0.1)

    def test_a_connection_of_somebody_else_is_left_alone(self):
        uid = fresh("u")
        client = self.client(uid)
        self.end("remove", fresh("other"), conn_id=self.find(uid)[0]["id"])
        client.expect_none(DISCONNECT, timeout=0.2)
        self.assertEqual(len(self.find(uid)), 1)

    def test_an_unknown_connection_is_no_error(self):
        for how in ("remove", "kick"):
            self.end(how, fresh("u"), conn_id=2**53)

    def test_the_id_may_be_a_string(self):
        uid = fresh("u")
        client = self.client(uid)
        self.end("remove", uid, conn_id=str(self.find(uid)[0]["id"]))
        client.wait_closed(timeout=1.5)

    def test_nodes_are_checked(self):
        for how in ("remove", "kick"):
            for body in ({"node_id": 8}, {"op_node_id": 8}):
                answer = self.call("POST", "/conn/" + how, dict(body, uid="u", conn_id=1))
                self.assertEqual(self.assert_error(answer, 400)["msg"], "node not found")
            self.end(how, "u", conn_id=1, node_id=7, op_node_id=7)

    def test_conn_id_is_required(self):
        for how in ("remove", "kick"):
            for body in ({"uid": "u"}, {"uid": "u", "conn_id": 0}, {"uid": "u", "conn_id": "x"}):
                with self.subTest(how=how, **body):
                    self.assert_error(self.call("POST", "/conn/" + how, body), 400)


class EndingOnManagerPort(Ending):
    port = "manager"


if __name__ == "__main__":
    unittest.main()
