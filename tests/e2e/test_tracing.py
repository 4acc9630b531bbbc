"""Traces of HTTP requests: what a collector of OpenTelemetry is told, and what callers and logs are."""

import http.server
import json
import re
import threading
import time
import unittest

from harness import GROUP, RawHttp, Server, fresh, item, wait_until
from webhook_receiver import Receiver

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
SAMPLED = "00-%s-%s-01" % (TRACE, PARENT)
SILENT = "00-%s-%s-00" % (TRACE, PARENT)
PATIENCE = 30


def traceparent(trace):
    return {"traceparent": "00-%s-%s-01" % (trace, PARENT)}


def new_trace():
    return (fresh("") + fresh("") + fresh(""))[:32]


class Collector:
    """Takes OTLP over HTTP, as JSON."""

    def __init__(self):
        self._lock = threading.Lock()
        self._calls = []
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with collector._lock:
                    collector._calls.append((self.path, dict(self.headers), body))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *unused):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]

    def calls(self):
        with self._lock:
            return list(self._calls)

    def spans(self, trace):
        return [span for _, _, body in self.calls() for told in body["resourceSpans"]
                for scope in told["scopeSpans"] for span in scope["spans"]
                if span["traceId"] == trace]

    def wait_for(self, trace):
        """The spans of one request come together: (its own, {name: those below})."""
        spans = wait_until(lambda: self.spans(trace), PATIENCE, what="the trace " + trace)
        (server,) = [span for span in spans if span["kind"] == 2]
        return server, {span["name"]: span for span in spans if span["kind"] == 1}

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def attributes(span):
    return {each["key"]: next(iter(each["value"].values())) for each in span["attributes"]}


def counted(server, outcome):
    text = server.get("/metrics").body.decode()
    name = r'^jindou_trace_spans_total\{outcome="%s"\} (\d+)$' % outcome
    return int(re.search(name, text, re.MULTILINE).group(1))


class Traces(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.collector = Collector()
        cls.addClassCleanup(cls.collector.close)
        cls.server = Server({"tracing.endpoint": cls.collector.url,
                             "tracing.headers": "Authorization=Bearer%20of-the-collector",
                             "logger.slowRequest": "100ms"}).start()
        cls.addClassCleanup(cls.server.destroy)

    def batch(self, trace, items):
        answer = self.server.post("/message/sendbatch", items, headers=traceparent(trace))
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.headers["trace-id"], trace)
        return answer.json()

    def test_a_batch_is_a_span_below_that_of_its_caller(self):
        group, trace = fresh("g"), new_trace()
        # The second one is refused: the first one has its number, with another payload.
        results = self.batch(trace, [item(group, client_msg_no="n"),
                                     item(group, "other", client_msg_no="n"), item(group)])
        self.assertEqual([bool(each.get("message_id")) for each in results], [True, False, True])
        span, parts = self.collector.wait_for(trace)
        self.assertEqual((span["name"], span["parentSpanId"], span["status"]),
                         ("POST /message/sendbatch", PARENT, {}))
        found = attributes(span)
        self.assertEqual((found["http.request.method"], found["http.route"],
                          found["http.response.status_code"], found["client.address"]),
                         ("POST", "/message/sendbatch", "200", "127.0.0.1"))
        self.assertEqual((found["jindou.items"], found["jindou.items_refused"],
                          found["jindou.items_unknown"]), ("3", "1", "0"))
        self.assertEqual(set(parts), {"read", "parse", "commit", "write"})
        begin, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
        self.assertAlmostEqual(end / 1e9, time.time(), delta=PATIENCE)
        for part in parts.values():
            self.assertEqual(part["parentSpanId"], span["spanId"])
            self.assertLessEqual(begin, int(part["startTimeUnixNano"]))
            self.assertLessEqual(int(part["startTimeUnixNano"]), int(part["endTimeUnixNano"]))
            self.assertLessEqual(int(part["endTimeUnixNano"]), end)
        ids = {span["spanId"]} | {part["spanId"] for part in parts.values()}
        self.assertEqual(len(ids), 5)

    def test_calls_are_those_of_the_protocol(self):
        trace = new_trace()
        self.batch(trace, [item(fresh("g"))])
        self.collector.wait_for(trace)
        for path, headers, body in self.collector.calls():
            self.assertEqual((path, headers["Content-Type"], headers["Authorization"]),
                             ("/v1/traces", "application/json", "Bearer of-the-collector"))
            (told,) = body["resourceSpans"]
            found = attributes(told["resource"])
            self.assertEqual((found["service.name"], found["service.instance.id"]),
                             ("jindou", "1001"))
        wait_until(lambda: counted(self.server, "sent") >= 5, PATIENCE, what="the count")

    def test_without_a_traceparent_a_trace_begins(self):
        answers = [self.server.post("/message/send", item(fresh("g")), headers=headers)
                   for headers in ({}, {"traceparent": "00-" + TRACE}, {"traceparent": SAMPLED.upper()})]
        for answer in answers:
            trace = answer.headers["trace-id"]
            self.assertRegex(trace, r"^[0-9a-f]{32}$")
            self.assertNotEqual(trace, TRACE)
            span, parts = self.collector.wait_for(trace)
            self.assertNotIn("parentSpanId", span)
            self.assertEqual(span["name"], "POST /message/send")
            self.assertEqual(set(parts), {"read", "commit", "write"})

    def test_a_caller_that_does_not_record_is_obeyed(self):
        answer = self.server.get("/channel/max_message_seq?channel_id=g&channel_type=2",
                                 headers={"traceparent": SILENT})
        self.assertEqual(answer.headers["trace-id"], TRACE)
        later = new_trace()
        self.batch(later, [item(fresh("g"))])
        self.collector.wait_for(later)
        self.assertEqual(self.collector.spans(TRACE), [])

    def test_probes_are_not_traced(self):
        for path in ("/health", "/healthz", "/readyz"):
            self.assertNotIn("trace-id", self.server.get(path).headers)

    def test_a_stream_of_lines_is_one_span(self):
        group, trace = fresh("g"), new_trace()
        lines = "".join(json.dumps(item(group)) + "\n" for _ in range(3))
        headers = dict(traceparent(trace), **{"Content-Type": "application/x-ndjson"})
        answer = self.server.post("/message/sendbatch", lines, headers=headers)
        self.assertEqual((answer.status, answer.headers["trace-id"]), (200, trace))
        span, parts = self.collector.wait_for(trace)
        self.assertEqual(attributes(span)["jindou.items"], "3")
        self.assertIn("commit", parts)

    def test_logs_name_the_trace(self):
        slow, change = new_trace(), new_trace()
        body = json.dumps([item(fresh("g"))])
        with RawHttp(self.server) as caller:
            caller.send("POST /message/sendbatch HTTP/1.1\r\nHost: x\r\ntraceparent: 00-%s-%s-01"
                        "\r\nContent-Length: %d\r\n\r\n[" % (slow, PARENT, len(body)))
            time.sleep(0.3)  # what is measured
            caller.send(body[1:])
            self.assertEqual(caller.read_response().status, 200)
        self.server.wait_for_log(", trace " + slow)
        span, parts = self.collector.wait_for(slow)
        read = parts["read"]
        # The server may have seen the connection a moment after it was made.
        self.assertGreater(int(read["endTimeUnixNano"]) - int(read["startTimeUnixNano"]), 1e8)
        answer = self.server.post("/channel", {"channel_id": fresh("g"), "channel_type": GROUP},
                                  headers=traceparent(change))
        self.assertEqual(answer.status, 200, answer)
        self.server.wait_for_log('"trace_id":"%s"' % change)
        lines = self.server.get("/manager/audit?event=change").json()["items"]
        self.assertIn(change, [line.get("trace_id") for line in lines])


class Sampled(unittest.TestCase):
    def test_none_begins_at_a_ratio_of_zero_and_a_caller_still_decides(self):
        collector = Collector()
        self.addCleanup(collector.close)
        with Server({"tracing.endpoint": collector.url, "tracing.sampleRatio": "0"}) as server:
            self.assertNotIn("trace-id", server.batch([item(fresh("g"))]).headers)
            trace = new_trace()
            answer = server.batch([item(fresh("g"))], headers=traceparent(trace))
            self.assertEqual(answer.headers["trace-id"], trace)
            collector.wait_for(trace)

    def test_what_waits_is_sent_at_a_stop(self):
        collector = Collector()
        self.addCleanup(collector.close)
        with Server({"tracing.endpoint": collector.url}) as server:
            trace = server.batch([item(fresh("g"))]).headers["trace-id"]
            self.assertEqual(server.stop(), 0)
            self.assertEqual(len(collector.spans(trace)), 5)


class WithoutCollector(unittest.TestCase):
    def test_sends_do_not_notice_and_the_spans_are_counted(self):
        receiver = Receiver()
        receiver.stop()  # a port where nobody listens
        self.addCleanup(receiver.close)
        with Server({"tracing.endpoint": "http://127.0.0.1:%d" % receiver.port}) as server:
            for _ in range(3):
                self.assertEqual(server.batch([item(fresh("g"))]).status, 200)
            wait_until(lambda: counted(server, "failed") > 0, PATIENCE, what="the count")
            server.wait_for_log("the collector (tracing.endpoint) takes no spans")
            self.assertEqual(server.batch([item(fresh("g"))]).status, 200)
            self.assertEqual(counted(server, "sent"), 0)
            self.assertEqual(server.stop(), 0)

    def test_a_collector_that_hangs_holds_up_neither_sends_nor_a_stop(self):
        receiver = Receiver(answer=lambda call: "hang")
        self.addCleanup(receiver.close)
        with Server({"tracing.endpoint": "http://127.0.0.1:%d" % receiver.port,
                     "tracing.timeout": "1h", "tracing.queueBytes": "64KiB"}) as server:
            self.assertEqual(server.batch([item(fresh("g"))]).status, 200)
            wait_until(receiver.calls, PATIENCE, what="a call")
            while counted(server, "no_room") == 0:
                self.assertEqual(server.batch([item(fresh("g"))]).status, 200)
            self.assertEqual(server.stop(), 0)  # and not after the hour

    def test_without_an_endpoint_there_is_no_trace(self):
        with Server() as server:
            answer = server.batch([item(fresh("g"))], headers={"traceparent": SAMPLED})
            self.assertEqual(answer.status, 200)
            self.assertNotIn("trace-id", answer.headers)


if __name__ == "__main__":
    unittest.main()
