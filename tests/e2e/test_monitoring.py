"""/varz, tags, health, migration result, metrics."""

import json
import os
import re
import signal
import tempfile
import time
import unittest

import certificates
from harness import (GROUP, PERSON, ROOT, RawHttp, Server, ServerCase, b64, fresh, item,
                     wait_until)

TOKEN = "token-of-this-test"

DOCUMENTED_BY_THE_OLDER_SERVER = {
    "server_id", "server_name", "version", "connections", "user_handler_count",
    "user_handler_conn_count", "uptime", "goroutine", "mem", "cpu", "in_msgs", "out_msgs",
    "in_bytes", "out_bytes", "slow_clients", "retry_queue", "tcp_addr", "ws_addr", "wss_addr",
    "manager_addr", "manager_on", "commit", "commit_date", "tree_state", "api_url", "manager_uid",
    "manager_token_on", "conversation_cache_count"}
DOCUMENTED_BY_THE_PAGES = {"git_commit", "start", "now", "total_connections", "slow_consumers",
                           "subscriptions", "config", "http_req_stats"}


class MonitorCase(ServerCase):
    config = {"managerToken": TOKEN, "cluster.nodeId": "7", "managerUID": "boss",
              "external.tcpAddr": "chat.example.org:5100", "external.apiUrl": "http://api.example"}
    port = "http"

    def call(self, method, path, body=None):
        return self.server.request(method, path, body, headers={"token": TOKEN},
                                   address=getattr(self.server, self.port))

    def get(self, path):
        answer = self.call("GET", path)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def post(self, path, body):
        """On the API port, which has every route."""
        answer = self.server.post(path, body, headers={"token": TOKEN})
        self.assertEqual(answer.status, 200, answer)
        return answer.json()


class Varz(MonitorCase):
    def test_has_the_members_of_both_interfaces(self):
        found = self.get("/varz")
        self.assertEqual(set(found), DOCUMENTED_BY_THE_OLDER_SERVER | DOCUMENTED_BY_THE_PAGES)
        self.assertEqual((found["server_id"], found["manager_uid"], found["manager_on"],
                          found["manager_token_on"]), ("7", "boss", 1, 1))
        self.assertEqual((found["tcp_addr"], found["api_url"]),
                         ("chat.example.org:5100", "http://api.example"))
        self.assertEqual((found["subscriptions"], found["conversation_cache_count"]), (0, 0))
        self.assertEqual(set(found["config"]),
                         {"max_connections", "max_subscriptions_per_conn", "max_payload"})
        self.assertEqual(found["config"]["max_subscriptions_per_conn"], 100)
        self.assertRegex(found["uptime"], r"^(\d+[ydhm])*\d+s$")
        for name in ("start", "now"):
            self.assertRegex(found[name], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
        self.assertGreater(found["mem"], 1 << 20)
        self.assertGreater(found["goroutine"], 1)
        self.assertIsInstance(found["cpu"], float)

    def test_counts_connections_users_and_messages(self):
        before = self.counts_at_rest(lambda: self.get("/varz"))
        uid = fresh("u")
        a, b = self.client(uid, device_id="a"), self.client(uid, device_id="b")
        a.send(fresh("peer"), PERSON, b"hello")
        b.recv()
        wait_until(lambda: self.get("/varz")["out_msgs"] > before["out_msgs"])
        after = self.get("/varz")
        grown = {name: after[name] - before[name] for name in after
                 if isinstance(after[name], int)}
        self.assertEqual((grown["connections"], grown["total_connections"],
                          grown["user_handler_count"], grown["user_handler_conn_count"]),
                         (2, 2, 1, 2))
        self.assertEqual(grown["in_msgs"], 1)
        self.assertGreaterEqual(grown["out_msgs"], 1)
        self.assertGreater(grown["in_bytes"], 0)
        self.assertGreater(grown["out_bytes"], 0)
        self.assertEqual(after["slow_clients"], after["slow_consumers"])

    def test_conns_are_the_busiest_connections(self):
        part = fresh("busy")
        for n in range(3):
            client = self.client("%s-%d" % (part, n))
            for _ in range(50 + n):
                client.send_raw(part, PERSON, b"x")
            for _ in range(50 + n):
                client.expect(4)
        found = self.get("/varz?show=conn&conn_limit=2")["conns"]
        self.assertEqual([c["uid"] for c in found], [part + "-2", part + "-1"])
        self.assertNotIn("conns", self.get("/varz"))
        self.assertLessEqual(len(self.get("/varz?show=conn")["conns"]), 20)

    def test_http_requests_are_counted_by_route(self):
        for _ in range(3):
            self.server.get("/channel/max_message_seq?channel_id=g&channel_type=2",
                            headers={"token": TOKEN})
        found = {entry["uri"]: entry for entry in
                 self.get("/varz")["http_req_stats"]["uri_stats"]}
        self.assertEqual(found["/channel/max_message_seq"]["count"], 3)
        self.assertRegex(found["/channel/max_message_seq"]["avg_time"], r"^[\d.]+(µs|ms|s)$")

    def test_an_unknown_node_is_refused(self):
        self.assertEqual(self.call("GET", "/varz?node_id=7").status, 200)
        for path in ("/varz", "/varz/setting", "/tag", "/tags"):
            self.assert_error(self.call("GET", path + "?node_id=8"), 400)

    def test_setting_lists_what_is_switched_on(self):
        self.assertEqual(self.get("/varz/setting"),
                         {"logger": {"trace_on": 0, "loki_on": 0}, "prometheus_on": 0,
                          "stress_on": 0})

    def test_the_port_asks_for_the_token(self):
        for path in ("/varz", "/varz/setting", "/tag", "/tags"):
            answer = self.server.request("GET", path, address=getattr(self.server, self.port))
            self.assertEqual(answer.status, 401)


class VarzOfManagerPort(Varz):
    port = "manager"

    # The same counters, but the route is called on the other port.
    def test_http_requests_are_counted_by_route(self):
        self.get("/tags")
        uris = [e["uri"] for e in self.get("/varz")["http_req_stats"]["uri_stats"]]
        self.assertIn("/tags", uris)


class Tags(MonitorCase):
    def group(self, *uids):
        group = fresh("g")
        self.post("/channel", {"channel_id": group, "channel_type": GROUP,
                               "subscribers": list(uids)})
        return group

    def test_a_tag_is_who_would_receive_a_message_now(self):
        group = self.group("carol", "alice", "bob")
        path = "/tag?channel_type=2&channel_id=" + group
        found = self.get(path)
        self.assertEqual((found["channel_id"], found["channel_type"]), (group, GROUP))
        (node,) = found["nodes"]
        self.assertEqual((node["leader_id"], node["uids"]), (7, ["alice", "bob", "carol"]))
        self.assertTrue(node["slot_ids"])
        self.assertEqual(set(found), {"key", "channel_id", "channel_type", "nodes", "created_at",
                                      "last_get_time", "node_version", "get_count"})
        self.post("/channel/subscriber_remove", {"channel_id": group, "subscribers": ["alice"]})
        self.post("/channel/blacklist_add", {"channel_id": group, "channel_type": GROUP,
                                             "uids": ["bob"]})
        self.assertEqual(self.get(path)["nodes"][0]["uids"], ["carol"])

    def test_a_tag_is_found_by_its_key(self):
        group = self.group("alice")
        found = self.get("/tag?channel_type=2&channel_id=" + group)
        again = self.get("/tag?tag_key=" + found["key"])
        self.assertEqual((again["channel_id"], again["nodes"]), (group, found["nodes"]))

    def test_a_person_channel_has_two_receivers(self):
        a, b = fresh("a"), fresh("b")
        self.post("/message/send", {"from_uid": a, "channel_id": b, "channel_type": PERSON,
                                    "payload": b64("x")})
        found = self.get("/tag?channel_type=1&channel_id=%s&login_uid=%s" % (b, a))
        self.assertEqual(found["nodes"][0]["uids"], sorted([a, b]))
        same = self.get("/tag?channel_type=1&channel_id=" + found["channel_id"])
        self.assertEqual(same["nodes"], found["nodes"])

    def test_visitors_receive_in_the_channels_that_their_uid_names(self):
        for channel_type, suffix in ((3, "|service"), (10, "")):
            visitor, agent = fresh("visitor"), fresh("agent")
            self.post("/channel", {"channel_id": visitor + suffix, "channel_type": channel_type,
                                   "subscribers": [agent]})
            found = self.get("/tag?channel_type=%d&channel_id=%s%s"
                             % (channel_type, visitor, suffix.replace("|", "%7C")))
            self.assertEqual(found["nodes"][0]["uids"], sorted([agent, visitor]))

    def test_an_unknown_tag_is_refused(self):
        for query in ("?tag_key=nonsense", "?tag_key=2:" + fresh("g"),
                      "?channel_type=2&channel_id=" + fresh("g"), "?tag_key=999:g"):
            with self.subTest(query=query):
                self.assertEqual(self.assert_error(self.call("GET", "/tag" + query), 400)["msg"],
                                 "tag not found")

    def test_a_tag_without_parameters_says_which_are_missing(self):
        for query in ("", "?channel_type=2", "?tag_key="):
            with self.subTest(query=query):
                self.assertEqual(self.assert_error(self.call("GET", "/tag" + query), 400)["msg"],
                                 "channel_id and channel_type are required, or tag_key")

    def test_a_channel_needs_its_type(self):
        for path in ("/tag", "/tags"):
            self.assert_error(self.call("GET", path + "?channel_id=g"), 400)

    def test_tags_are_a_list_with_counts(self):
        group = self.group("alice", "bob")
        (found,) = self.get("/tags?channel_type=2&channel_id=" + group)
        self.assertEqual((found["nodes"][0]["uid_count"], found["nodes"][0]["uids"]),
                         (2, ["alice", "bob"]))
        self.assertEqual(set(found), {"key", "channel_id", "channel_type", "nodes", "created_at",
                                      "expire_at", "last_get_at", "node_version", "get_count"})
        self.assertEqual(self.get("/tags?tag_key=" + found["key"])[0]["nodes"], found["nodes"])
        self.assertEqual(self.get("/tags"), [])
        self.assertEqual(self.get("/tags?channel_type=2&channel_id=" + fresh("g")), [])

    def test_remove_is_acknowledged_whatever_matches(self):
        group = self.group("alice")
        for body in ({}, {"tag_key": "nonsense"}, {"channel_id": group, "channel_type": GROUP},
                     {"node_id": 7}):
            answer = self.call("POST", "/tag/remove", body)
            self.assertEqual((answer.status, answer.json()), (200, {"status": 200}))
        self.assertEqual(self.get("/tag?channel_type=2&channel_id=" + group)["nodes"][0]["uids"],
                         ["alice"])
        self.assert_error(self.call("POST", "/tag/remove", {"node_id": 8}), 400)
        self.assert_error(self.call("POST", "/tag/remove", {"channel_type": "2"}), 400)


class TagsOfManagerPort(Tags):
    port = "manager"


class System(MonitorCase):
    def test_probes_are_open_on_both_ports(self):
        for path in ("/health", "/healthz", "/readyz"):
            for address in (self.server.http, self.server.manager):
                answer = self.server.request("GET", path, address=address)
                self.assertEqual((answer.status, answer.json()), (200, {"status": "ok"}))

    def test_without_a_migration_the_result_is_migrated(self):
        self.assertEqual(self.get("/migrate/result"),
                         {"status": "migrated", "step": "message", "last_err": None,
                          "try_count": 0})

    def test_metrics_need_no_token_on_the_manager_port_alone(self):
        self.assertEqual(self.server.request("GET", "/metrics").status, 401)
        answer = self.server.request("GET", "/metrics", address=self.server.manager)
        self.assertEqual(answer.status, 200)
        self.assertIn(b"jindou_", answer.body)

    def test_a_look_at_the_manager_port_says_where_to_begin(self):
        answer = self.server.request("GET", "/", address=self.server.manager)
        self.assertEqual(answer.status, 200, answer)
        told = answer.json()
        self.assertEqual(told["name"], "jindou")
        self.assertIn("POST /manager/login", told["login"])
        for path in told["paths"]:
            with self.subTest(path=path):
                found = self.server.request("GET", path, address=self.server.manager,
                                            headers={"token": TOKEN})
                self.assertNotEqual(found.status, 404, found)
        self.assertEqual(self.server.request("GET", "/").status, 401)


class Limits(ServerCase):
    """What is used, beside how much there may be of it."""
    config = {"core.bytesInFlight": "77MiB", "gateway.maxConnections": "1234",
              "api.maxConnections": "321", "delivery.queueBytesMax": "55MiB",
              "api.bodyBytesInFlight": "44MiB", "api.answerBytesInFlight": "43MiB",
              "gateway.inboundBytesInFlight": "42MiB", "runtime.memoryLimit": "3GiB"}

    def metrics(self):
        """Of one scrape, by name with labels."""
        lines = self.server.get("/metrics").body.decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def test_limits_are_those_of_the_settings(self):
        found = self.metrics()
        mib = 1 << 20
        for name, wanted in {
                "jindou_bytes_in_flight_limit": 77 * mib, "jindou_connections_limit": 1234,
                "jindou_http_connections_limit": 321, "jindou_fanout_queue_limit_bytes": 55 * mib,
                'jindou_buffer_limit_bytes{buffer="bodies"}': 44 * mib,
                'jindou_buffer_limit_bytes{buffer="answers"}': 43 * mib,
                'jindou_buffer_limit_bytes{buffer="frames"}': 42 * mib,
                "jindou_memory_limit_bytes": 3 << 30}.items():
            with self.subTest(name=name):
                self.assertEqual(found[name], wanted)
        self.assertGreaterEqual(found["jindou_items_in_flight_limit"], 1024)
        self.assertLessEqual(found["jindou_items_in_flight_limit"], 200_000)

    def test_what_is_used_is_counted(self):
        before = self.metrics()
        clients = [self.client(fresh("u")) for _ in range(3)]
        after = self.metrics()
        self.assertEqual(after["jindou_connections"] - before["jindou_connections"], len(clients))
        # This request among them.
        self.assertGreaterEqual(after["jindou_http_connections"], 1)
        self.assertGreaterEqual(after["jindou_reads_waiting"], 1)
        self.assertGreater(after["jindou_reads_waiting_limit"], 1000)
        self.assertEqual(after["jindou_fanout_queue_fullest_bytes"], 0)

    def test_the_disk_is_that_of_the_data_directory(self):
        found = self.metrics()
        disk = os.statvfs(self.server.data_dir)
        self.assertEqual(found["jindou_disk_size_bytes"], disk.f_blocks * disk.f_frsize)
        self.assertAlmostEqual(found["jindou_disk_free_bytes"], disk.f_bavail * disk.f_frsize,
                               delta=found["jindou_disk_size_bytes"] / 10)

    def test_a_server_that_is_well_says_so_and_tells_the_time(self):
        found = self.metrics()
        self.assertEqual((found["jindou_healthy"], found["jindou_ready"]), (1, 1))
        self.assertAlmostEqual(found["jindou_clock_seconds"], time.time(), delta=5)


class CountedRequests(ServerCase):
    """What callers ask for beside sending: each has a counter that is there from the start."""

    def count(self, series):
        lines = self.server.get("/metrics").body.decode().splitlines()
        (line,) = [line for line in lines if line.startswith(series + " ")]
        return float(line.rsplit(" ", 1)[1])

    def test_repeats_by_their_key(self):
        series = 'jindou_idempotency_key_requests_total{result="%s"}'
        results = ("first", "replayed", "other_request", "running")
        before = [self.count(series % result) for result in results]
        key = {"Idempotency-Key": fresh("key")}
        items = [item(fresh("g"))]
        for _ in range(3):
            self.assertEqual(self.server.batch(items, headers=key).status, 200)
        self.assertEqual(self.server.batch([item(fresh("g"))], headers=key).status, 422)
        self.server.must_batch(items)
        after = [self.count(series % result) for result in results]
        self.assertEqual([b - a for a, b in zip(before, after)], [1, 2, 1, 0])

    def test_kept_batches(self):
        series = 'jindou_kept_batches_total{result="kept"}'
        before = self.count(series)
        answer = self.server.post("/message/sendbatch?keep=true", [item(fresh("g"))])
        self.assertEqual(answer.status, 200, answer)
        self.server.must_batch([item(fresh("g"))])
        self.assertEqual(self.count(series), before + 1)

    def test_templates(self):
        uses = 'jindou_template_uses_total{result="%s"}'
        stored, found, missing = (self.count(series) for series in (
            "jindou_templates", uses % "found", uses % "missing"))
        name = fresh("t")
        for _ in range(2):
            self.server.must_post("/templates", {"name": name, "payload": {"type": 1}})
        self.assertEqual(self.count("jindou_templates"), stored + 1)
        sent = {"from_uid": "u", "channel_id": fresh("g"), "channel_type": 2}
        self.server.must_batch([dict(sent, template=name)])
        self.assertEqual(self.server.batch([dict(sent, template=fresh("t"))]).status, 400)
        self.assertEqual((self.count(uses % "found"), self.count(uses % "missing")),
                         (found + 1, missing + 1))
        self.server.restart()
        self.assertEqual(self.count("jindou_templates"), stored + 1)
        self.server.request("DELETE", "/templates/" + name)
        self.assertEqual(self.count("jindou_templates"), stored)


class SlowRequests(ServerCase):
    config = {"logger.slowRequest": "300ms"}

    def counts(self):
        text = self.server.get("/metrics").body.decode()
        name = r'^jindou_http_request_seconds_%s\{route="/message/sendbatch"%s\} (\d+)$'
        return [int(re.search(name % of, text, re.MULTILINE).group(1))
                for of in (("bucket", ',le="0.25"'), ("count", ""))]

    def streams(self):
        text = self.server.get("/metrics").body.decode()
        return int(re.search(r"^jindou_http_stream_seconds_count (\d+)$", text, re.MULTILINE)[1])

    def test_a_slow_request_has_a_line_that_says_where_its_time_went(self):
        quick, all_of_them = self.counts()
        body = json.dumps([item(fresh("g"), "payload-of-nobody")])
        with RawHttp(self.server) as caller:
            caller.send("POST /message/sendbatch?secret=of-nobody HTTP/1.1\r\nHost: x\r\n"
                        "X-Request-Id: req-17\r\nContent-Length: %d\r\n\r\n[" % len(body))
            time.sleep(0.4)  # what is measured
            caller.send(body[1:])
            self.assertEqual(caller.read_response().status, 200)
        self.server.wait_for_log("slow: POST /message/sendbatch was answered 200 after 0.")
        (line,) = [line for line in self.server.log_tail().splitlines() if "slow: " in line]
        self.assertIn("request req-17", line)
        read, worked = re.search(r"([\d.]+) s until it was read, ([\d.]+) s of work", line).groups()
        # The clock of the server begins behind the first bytes.
        self.assertGreaterEqual(float(read), 0.3)
        self.assertLess(float(worked), float(read))
        self.assertIn("%d bytes in" % len(body), line)
        self.assertNotIn("of-nobody", line)
        self.assertEqual(self.counts(), [quick, all_of_them + 1])

    def test_a_quick_one_and_a_stream_have_none(self):
        self.assertEqual(self.server.get("/health").status, 200)
        timed, streams = self.counts(), self.streams()
        line = json.dumps(item(fresh("g"), "x")) + "\n"
        with RawHttp(self.server) as caller:
            caller.send("POST /message/sendbatch HTTP/1.1\r\nHost: x\r\nContent-Type: "
                        "application/x-ndjson\r\nContent-Length: %d\r\n\r\n" % (2 * len(line)))
            caller.send(line)
            time.sleep(0.4)
            caller.send(line)
            self.assertEqual(caller.read_response().status, 200)
        # How long it lasted is no time of a request.
        wait_until(lambda: self.streams() == streams + 1, what="the stream to be counted")
        self.assertEqual(self.counts(), timed)
        self.server.process.send_signal(signal.SIGHUP)
        self.server.wait_for_log("reload: ")  # what would stand before it is there
        told = [line for line in self.server.log_tail(1000).splitlines() if "slow: " in line]
        self.assertFalse([line for line in told if "req-17" not in line], told)


class AllMetrics(unittest.TestCase):
    """Of a server that has just started, with TLS, which has metrics of its own."""

    OPERATIONS = (ROOT / "docs" / "operations.md").read_text()

    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cert, key = certificates.self_signed(directory.name)
        cls.server = Server({"tlsAddr": "127.0.0.1:0", "wssConfig.certFile": cert,
                             "wssConfig.keyFile": key}).start()
        cls.addClassCleanup(cls.server.destroy)
        cls.text = cls.server.get("/metrics").body.decode()

    def section(self, begin, end):
        return self.OPERATIONS.split(begin, 1)[1].split(end, 1)[0]

    def test_the_list_in_the_documentation_is_complete(self):
        listed = re.findall(r"^\| `(\w+)` ", self.section("\n### All metrics\n", "\n## "), re.MULTILINE)
        self.assertEqual(sorted(listed), listed)
        self.assertEqual(listed, sorted(re.findall(r"^# TYPE (\S+) ", self.text, re.MULTILINE)))

    def labels(self, name):
        """Of each series that is there, before the first request."""
        return [dict(re.findall(r'(\w+)="([^"]*)"', labels))
                for labels in re.findall(r"^%s\{(.*)\} " % name, self.text, re.MULTILINE)]

    def test_every_label_value_that_is_listed_is_there_and_no_other(self):
        rows = re.findall(r"^\| `(\w+)` \| \w+ \| (\w+) \| (.*) \|$",
                          self.section("\n### All metrics\n", "\n## "), re.MULTILINE)
        self.assertGreater(len(rows), 20)
        listed = {}  # by label: a row that lists none means those of the row above
        for name, label, told in rows:
            if name in ("jindou_build_info", "jindou_http_request_seconds"):
                continue
            if name == "jindou_sessions_cut_total":
                told = self.section("Reasons of `jindou_sessions_cut_total`:", "\n\n")
            values = re.findall(r"`((?:msg|user)\.[a-z]+|[a-z0-9_]+)`", told)
            with self.subTest(name=name):
                listed[label] = sorted(set(values)) or listed[label]
                self.assertEqual(sorted(labels[label] for labels in self.labels(name)),
                                 listed[label])

    def test_every_route_has_its_series(self):
        document = self.server.get("/docs/openapi.json").json()
        shown = {(labels["route"], labels["status"])
                 for labels in self.labels("jindou_http_requests_total")}
        routes = set(document["paths"])
        for status in ("200", "429", "500", "503"):
            self.assertEqual(routes - {route for route, of in shown if of == status}, set())
        self.assertEqual({status for _, status in shown}, {"200", "429", "500", "503"})
        self.assertNotIn("other", {route for route, _ in shown})
        timed = {labels["route"] for labels in self.labels("jindou_http_request_seconds_count")}
        self.assertLessEqual({"/message/send", "/message/sendbatch"}, timed)
        self.assertLessEqual(timed, routes)


if __name__ == "__main__":
    unittest.main()
