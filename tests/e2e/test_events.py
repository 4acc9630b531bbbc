"""Events of messages: lanes, their states in history, what is pushed, and the older endpoints."""

import base64
import json
import unittest

from harness import GROUP, PERSON, ServerCase, b64, fresh, item, wait_until
from wkproto import EVENT

AGENT = 11


def decode_event(frame):
    """(id, type, timestamp, data) of an EVENT frame."""
    return frame.id, frame.type, frame.timestamp, frame.data.decode()


class Events(ServerCase):
    def anchor(self, channel_id=None, channel_type=GROUP, from_uid="bot", **more):
        """A stream message: the members that name it to the event endpoints."""
        number, channel_id = fresh("m"), channel_id or self.group_id
        sent = self.server.must_post("/message/send", item(
            channel_id, "anchor", from_uid=from_uid, channel_type=channel_type,
            client_msg_no=number, is_stream=1, **more))
        self.message_id = sent["message_id"]
        return {"channel_id": channel_id, "channel_type": channel_type, "client_msg_no": number}

    def setUp(self):
        self.group_id = fresh("g")

    def event(self, anchor, event_type, payload=None, **more):
        body = dict(anchor, event_type=event_type, event_id=fresh("e"), **more)
        if payload is not None:
            body["payload"] = payload
        answer = self.server.must_post("/message/event", body)
        self.assertEqual(answer["status"], 200)
        return answer["data"]

    def delta(self, anchor, text, **more):
        return self.event(anchor, "stream.delta", {"kind": "text", "delta": text}, **more)

    def refused(self, anchor, event_type, payload=None, **more):
        body = dict(anchor, event_type=event_type, event_id=fresh("e"), payload=payload, **more)
        return self.assert_error(self.server.post("/message/event", body), 400)

    def message(self, anchor, viewer="reader", **more):
        page = self.server.history(anchor["channel_id"], anchor["channel_type"], viewer, **more)
        return [m for m in page["messages"] if m["client_msg_no"] == anchor["client_msg_no"]][0]

    def states(self, anchor, **more):
        answer = self.server.must_post("/message/eventsync", dict(anchor, **more))
        self.assertEqual(answer["status"], 200)
        return answer["data"]


class Lanes(Events):
    def test_deltas_grow_the_text_and_are_not_numbered(self):
        anchor = self.anchor()
        for text in ("Hel", "lo, ", "wörld"):
            answer = self.delta(anchor, text)
            self.assertEqual((answer["msg_event_seq"], answer["stream_status"]), (0, "open"))
        message = self.message(anchor)
        self.assertEqual(message["setting"], 2)
        self.assertEqual(base64.b64decode(message["stream_data"]).decode(), "Hello, wörld")
        self.assertNotIn("end", message)
        meta = message["event_meta"]
        self.assertEqual(meta["events"], [{
            "event_key": "main", "status": "open",
            "snapshot": {"kind": "text", "text": "Hello, wörld"}}])
        self.assertEqual((meta["has_events"], meta["completed"], meta["event_count"],
                          meta["open_event_count"]), (True, False, 1, 1))

    def test_answer_echoes_the_request(self):
        anchor = self.anchor()
        answer = self.delta(anchor, "x", event_key="Side")
        self.assertEqual({k: answer[k] for k in anchor}, anchor)
        self.assertEqual((answer["event_key"], answer["from_uid"]), ("Side", "bot"))

    def test_other_payloads_replace_the_snapshot(self):
        anchor = self.anchor()
        self.event(anchor, "stream.delta", {"kind": "step", "n": 1})
        self.event(anchor, "stream.delta", {"kind": "step", "n": 2})
        event = self.message(anchor)["event_meta"]["events"][0]
        self.assertEqual(event["snapshot"], {"kind": "step", "n": 2})
        self.assertNotIn("stream_data", self.message(anchor))

    def test_snapshot_replaces_and_is_numbered(self):
        anchor = self.anchor()
        self.delta(anchor, "draft")
        answer = self.event(anchor, "stream.snapshot", {"kind": "text", "text": "final "})
        self.assertEqual((answer["msg_event_seq"], answer["stream_status"]), (1, "open"))
        self.delta(anchor, "text")
        self.assertEqual(base64.b64decode(self.message(anchor)["stream_data"]), b"final text")

    def test_ends(self):
        for event_type, payload, status, fields in (
                ("stream.close", {"end_reason": 3}, "closed", {"end": 1, "end_reason": 3}),
                ("stream.close", {"end_reason": "7"}, "closed", {"end": 1, "end_reason": 7}),
                ("stream.close", None, "closed", {"end": 1}),
                ("stream.error", {"error": "no luck"}, "error", {"end": 1, "error": "no luck"}),
                ("stream.cancel", None, "cancelled", {"end": 1})):
            with self.subTest(event_type=event_type, payload=payload):
                anchor = self.anchor()
                self.delta(anchor, "some text")
                answer = self.event(anchor, event_type, payload)
                self.assertEqual((answer["msg_event_seq"], answer["stream_status"]), (1, status))
                message = self.message(anchor)
                legacy = {k: message[k] for k in ("end", "end_reason", "error") if k in message}
                self.assertEqual(legacy, fields)
                event = message["event_meta"]["events"][0]
                self.assertEqual((event["status"], event["snapshot"]["text"],
                                  event["last_msg_event_seq"]), (status, "some text", 1))

    def test_end_brings_its_snapshot(self):
        anchor = self.anchor()
        self.event(anchor, "stream.close", {"snapshot": {"kind": "text", "text": "all of it"}})
        self.assertEqual(base64.b64decode(self.message(anchor)["stream_data"]), b"all of it")

    def test_collected_text_goes_before_the_snapshot_of_the_end(self):
        anchor = self.anchor()
        self.delta(anchor, "collected")
        self.event(anchor, "stream.close", {"snapshot": {"kind": "text", "text": "supplied"}})
        self.assertEqual(base64.b64decode(self.message(anchor)["stream_data"]), b"collected")

    def test_ended_lanes_take_nothing_more(self):
        anchor = self.anchor()
        self.delta(anchor, "x")
        closed = self.event(anchor, "stream.close")
        self.refused(anchor, "stream.delta", {"kind": "text", "delta": "y"})
        late = self.event(anchor, "stream.error", {"error": "late"})
        self.assertEqual((late["stream_status"], late["msg_event_seq"]),
                         ("closed", closed["msg_event_seq"]))
        self.assertNotIn("error", self.message(anchor))

    def test_finish_completes_the_message(self):
        anchor = self.anchor()
        self.delta(anchor, "x", event_key="a")
        answer = self.event(anchor, "stream.finish", event_key="ignored")
        self.assertEqual((answer["event_key"], answer["stream_status"]), ("__finish__", "closed"))
        meta = self.message(anchor)["event_meta"]
        self.assertTrue(meta["completed"])
        # That lane is never listed or counted.
        self.assertEqual(([e["event_key"] for e in meta["events"]], meta["event_count"]),
                         (["a"], 1))

    def test_finish_ends_every_lane(self):
        anchor = self.anchor()
        self.delta(anchor, "text")
        self.delta(anchor, "side", event_key="a")
        self.event(anchor, "stream.cancel", event_key="b")
        answer = self.event(anchor, "stream.finish", {"end_reason": 3})
        self.assertEqual(answer["msg_event_seq"], 2)
        message = self.message(anchor)
        self.assertEqual((message["end"], message["end_reason"]), (1, 3))
        self.assertEqual(base64.b64decode(message["stream_data"]), b"text")
        meta = message["event_meta"]
        self.assertEqual([(e["event_key"], e["status"]) for e in meta["events"]],
                         [("a", "closed"), ("b", "cancelled"), ("main", "closed")])
        self.assertNotIn("open_event_count", meta)
        for key in ("main", "a", "b", "new"):
            self.refused(anchor, "stream.delta", {"kind": "text", "delta": "late"}, event_key=key)
        late = self.event(anchor, "stream.snapshot", {"n": 1}, event_key="new")
        self.assertEqual((late["msg_event_seq"], late["stream_status"]), (2, "closed"))
        self.assertEqual(self.message(anchor), message)
        self.server.restart()
        self.assertEqual(self.message(anchor), message)
        self.refused(anchor, "stream.delta", {"kind": "text", "delta": "late"}, event_key="new")

    def test_lanes_that_a_finish_ended_are_synced_together(self):
        anchor = self.anchor()
        for key in ("a", "b"):
            self.delta(anchor, "text of " + key, event_key=key)
        self.assertEqual(self.states(anchor)["events"], [])
        self.event(anchor, "stream.finish")
        page = self.states(anchor, limit=1)
        self.assertEqual((page["more"], page["next_msg_event_seq"]), (0, 1))
        self.assertEqual([(e["event_key"], e["event_type"]) for e in page["events"]],
                         [(k, "stream.finish") for k in ("__finish__", "a", "b")])
        self.assertEqual(page["events"][2]["payload"], {"kind": "text", "text": "text of b"})

    def test_other_types_are_only_recorded(self):
        anchor = self.anchor()
        self.delta(anchor, "x")
        answer = self.event(anchor, "tool.Call", {"name": "search"})
        self.assertEqual((answer["msg_event_seq"], answer["stream_status"]), (1, "open"))
        event = self.states(anchor)["events"][0]
        self.assertEqual((event["event_type"], event["payload"]),
                         ("tool.call", {"kind": "text", "text": "x"}))

    def test_one_counter_for_all_lanes(self):
        anchor = self.anchor()
        seqs = [self.event(anchor, "stream.snapshot", {"n": i}, event_key=key)["msg_event_seq"]
                for i, key in enumerate(("a", "b", "a", "c"))]
        self.assertEqual(seqs, [1, 2, 3, 4])

    def test_a_repeat_changes_nothing(self):
        anchor = self.anchor()
        body = dict(anchor, event_type="stream.snapshot", event_id="same", payload={"n": 1})
        first = self.server.must_post("/message/event", body)
        again = self.server.must_post("/message/event", dict(body, payload={"n": 2}))
        self.assertEqual(again, first)
        self.assertEqual(self.message(anchor)["event_meta"]["events"][0]["snapshot"], {"n": 1})

    def test_a_repeated_delta_adds_nothing(self):
        anchor = self.anchor()
        body = dict(anchor, event_type="stream.delta", event_id="same",
                    payload={"kind": "text", "delta": "once"})
        self.server.must_post("/message/event", body)
        self.server.must_post("/message/event", body)
        self.assertEqual(base64.b64decode(self.message(anchor)["stream_data"]), b"once")

    def test_everything_survives_a_kill(self):
        anchor = self.anchor()
        self.delta(anchor, "one ")
        self.event(anchor, "stream.snapshot", {"n": 1}, event_key="side")
        self.delta(anchor, "two ")
        before = self.message(anchor)
        self.server.restart()
        self.assertEqual(self.message(anchor), before)
        self.delta(anchor, "three")
        self.server.restart()
        self.assertEqual(base64.b64decode(self.message(anchor)["stream_data"]), b"one two three")
        self.assertEqual(self.event(anchor, "stream.close")["msg_event_seq"], 2)

    def test_every_query_shows_the_events(self):
        anchor = self.anchor()
        self.server.must_post("/channel/subscriber_add",
                              {"channel_id": self.group_id, "subscribers": ["reader"]})
        self.delta(anchor, "x")
        shown = self.message(anchor)
        self.assertEqual(shown["event_sync_hint"],
                         {"client_msg_no": anchor["client_msg_no"], "from_msg_event_seq": 0})
        by_id = self.server.must_post("/message", {"message_id": self.message_id})
        in_channel = self.server.must_post("/messages", {
            "channel_id": self.group_id, "channel_type": GROUP, "message_seqs": [1]})
        by_number = self.server.get("/message/byclientmsgno", anchor).json()
        batch = self.server.must_post("/channel/messagesyncbatch", {
            "login_uid": "reader", "items": [{"channel_id": self.group_id, "channel_type": GROUP}]})
        for message in (by_id, in_channel["messages"][0], by_number,
                        batch["items"][0]["messages"][0]):
            self.assertEqual(message, shown)
        last = self.server.get("/channel/last_message", anchor).json()
        self.assertNotIn("event_meta", last)

    def test_basic_summary_has_no_snapshots(self):
        anchor = self.anchor()
        self.delta(anchor, "x")
        message = self.message(anchor, event_summary_mode="basic")
        self.assertNotIn("snapshot", message["event_meta"]["events"][0])
        self.assertIn("snapshot", self.message(anchor)["event_meta"]["events"][0])

    def test_messages_without_events_have_no_event_members(self):
        anchor = self.anchor()
        self.assertFalse({"event_meta", "event_sync_hint", "stream_data", "end"}
                         & set(self.message(anchor)))

    def test_stream_no_makes_a_stream_message(self):
        sent = self.server.must_post("/message/send", item(
            self.group_id, "x", client_msg_no="s", stream_no="no-1"))
        anchor = {"channel_id": self.group_id, "channel_type": GROUP, "client_msg_no": "s"}
        self.delta(anchor, "y")
        self.assertEqual(self.message(anchor)["setting"], 2)
        self.assertEqual(sent["message_seq"], 1)


class Validation(Events):
    def test_event(self):
        good = dict(self.anchor(), event_id="e", event_type="stream.open")
        self.server.must_post("/message/event", good)
        for change in ({"channel_id": ""}, {"channel_id": None}, {"channel_type": 0},
                       {"client_msg_no": ""}, {"event_id": ""}, {"event_type": " "},
                       {"event_type": 1}, {"visibility": "secret"}, {"occurred_at": -1},
                       {"occurred_at": "1"}, {"event_key": "__finish__"}, {"headers": "x"},
                       {"from_uid": "a@b"}, {"channel_id": "a#b"}):
            with self.subTest(**change):
                self.assert_error(self.server.post("/message/event", dict(good, **change)), 400)
        for payload in ({"end_reason": 256}, {"end_reason": -1}, {"end_reason": "x"},
                        {"end_reason": 1.5}):
            self.refused(self.anchor(), "stream.close", payload)

    def test_the_anchor_must_exist_and_be_a_stream_message(self):
        self.server.must_batch([item(self.group_id, "x", client_msg_no="plain")])
        for number in ("plain", "none"):
            self.refused({"channel_id": self.group_id, "channel_type": GROUP,
                          "client_msg_no": number}, "stream.open")

    def test_eventsync(self):
        good = self.anchor()
        for change in ({"channel_id": ""}, {"client_msg_no": ""}, {"limit": -1},
                       {"channel_type": 0}, {"from_msg_event_seq": -1},
                       {"channel_type": PERSON, "channel_id": "u"}):
            with self.subTest(**change):
                self.assert_error(self.server.post("/message/eventsync", dict(good, **change)),
                                  400)


class States(Events):
    def test_one_entry_per_lane_in_order(self):
        anchor = self.anchor()
        self.event(anchor, "stream.snapshot", {"n": 1}, event_key="b", occurred_at=1234)
        self.delta(anchor, "text", event_key="a")
        self.event(anchor, "stream.close", {"end_reason": 1}, event_key="a")
        self.event(anchor, "stream.snapshot", {"n": 2}, event_key="b", occurred_at=5678)
        self.event(anchor, "stream.error", {"error": "bad", "end_reason": 9}, event_key="c")
        data = self.states(anchor)
        self.assertEqual((data["from_msg_event_seq"], data["next_msg_event_seq"], data["more"],
                          data["filtered_by_event_key"]), (0, 4, 0, ""))
        shown = [(e["event_key"], e["msg_event_seq"], e["event_type"], e["payload"])
                 for e in data["events"]]
        self.assertEqual(shown, [
            ("a", 2, "stream.close", {"kind": "text", "text": "text"}),
            ("b", 3, "stream.snapshot", {"n": 2}),
            ("c", 4, "stream.error", {"status": "error", "end_reason": 9, "error": "bad"})])
        self.assertEqual(data["events"][1]["occurred_at"], 5678)

    def test_paging_and_filters(self):
        anchor = self.anchor()
        for i in range(5):
            self.event(anchor, "stream.snapshot", {"n": i}, event_key="k%d" % i)
        page = self.states(anchor, limit=2)
        self.assertEqual(([e["msg_event_seq"] for e in page["events"]], page["more"],
                          page["next_msg_event_seq"]), ([1, 2], 1, 2))
        page = self.states(anchor, limit=3, from_msg_event_seq=2)
        self.assertEqual(([e["msg_event_seq"] for e in page["events"]], page["more"]),
                         ([3, 4, 5], 0))
        one = self.states(anchor, event_key="k3")
        self.assertEqual(([e["event_key"] for e in one["events"]], one["filtered_by_event_key"]),
                         (["k3"], "k3"))
        end = self.states(anchor, from_msg_event_seq=5)
        self.assertEqual((end["events"], end["next_msg_event_seq"]), ([], 5))

    def test_private_events_are_hidden_unless_asked_for(self):
        anchor = self.anchor()
        for visibility in ("public", "private", "restricted"):
            self.event(anchor, "stream.snapshot", {"v": visibility}, event_key=visibility,
                       visibility=visibility)
        keys = lambda **more: [e["event_key"] for e in self.states(anchor, **more)["events"]]
        self.assertEqual(keys(), ["public"])
        self.assertEqual(keys(include_private=1), ["public", "private", "restricted"])
        events = lambda viewer: [e["event_key"] for e in
                                 self.message(anchor, viewer)["event_meta"]["events"]]
        self.assertEqual(events("reader"), ["public"])
        self.assertEqual(events("bot"), ["private", "public", "restricted"])

    def test_unknown_anchor_has_no_events(self):
        data = self.states({"channel_id": fresh("g"), "channel_type": GROUP,
                            "client_msg_no": "none"})
        self.assertEqual(data["events"], [])

    def test_person_and_agent_channels_by_the_other_user(self):
        for kind in (PERSON, AGENT):
            with self.subTest(channel_type=kind):
                user, bot = fresh("u"), fresh("b")
                if kind == AGENT:  # the user begins, so the channel is user@bot
                    self.server.must_batch([item(bot, from_uid=user, channel_type=kind)])
                anchor = self.anchor(user, kind, from_uid=bot)
                answer = self.delta(anchor, "hi", from_uid=bot)
                self.assertEqual(answer["channel_id"], user)
                message = [m for m in self.server.messages(bot, kind, user)
                           if m["client_msg_no"] == anchor["client_msg_no"]][0]
                self.assertEqual(base64.b64decode(message["stream_data"]), b"hi")
                self.event(anchor, "stream.close", from_uid=bot)
                self.assertEqual(len(self.states(anchor, from_uid=bot)["events"]), 1)


class Push(Events):
    def test_members_receive_events(self):
        alice, bot = fresh("alice"), fresh("bot")
        self.server.create_group(self.group_id, [alice, bot])
        stranger = self.client(fresh("stranger"))
        client = self.client(alice)
        anchor = self.anchor(from_uid=bot)
        client.recv()
        sent = dict(anchor, event_type="Stream.Delta", event_id="e1", occurred_at=1700000000123,
                    payload={"kind": "text", "delta": "hi"})
        self.server.must_post("/message/event", sent)
        event_id, event_type, timestamp, data = decode_event(client.expect(EVENT))
        self.assertEqual((event_id, event_type, timestamp),
                         ("e1", "stream.delta", 1700000000123))
        self.assertEqual(json.loads(data), {
            "client_msg_no": anchor["client_msg_no"], "channel_id": self.group_id,
            "channel_type": GROUP, "from_uid": bot, "message_id": self.message_id,
            "event_key": "main", "msg_event_seq": 0, "stream_status": "open",
            "payload": {"kind": "text", "delta": "hi"}})
        stranger.expect_none(EVENT)

    def test_private_events_go_to_their_author_only(self):
        alice, bot = fresh("alice"), fresh("bot")
        self.server.create_group(self.group_id, [alice, bot])
        clients = {uid: self.client(uid) for uid in (alice, bot)}
        anchor = self.anchor(from_uid=bot)
        for visibility in ("private", "restricted"):
            self.event(anchor, "stream.snapshot", {"n": 1}, visibility=visibility)
            _, _, _, data = decode_event(clients[bot].expect(EVENT))
            self.assertEqual(json.loads(data)["visibility"], visibility)
        clients[alice].expect_none(EVENT)

    def test_channel_id_is_relative_to_the_receiver(self):
        alice, bot = fresh("alice"), fresh("bot")
        clients = {uid: self.client(uid) for uid in (alice, bot)}
        anchor = self.anchor(alice, PERSON, from_uid=bot)
        self.delta(anchor, "hi", from_uid=bot)
        for uid, peer in ((alice, bot), (bot, alice)):
            _, _, _, data = decode_event(clients[uid].expect(EVENT))
            self.assertEqual(json.loads(data)["channel_id"], peer)


class OldEvents(Events):
    config = {"streamCache.chunkInactivityTimeout": "2s", "retention.interval": "200ms"}

    def old(self, event_type, data="", number="s", query="", **event):
        body = {"client_msg_no": number, "channel_id": self.group_id, "channel_type": GROUP,
                "from_uid": "bot", "event": dict(event, type=event_type, data=data)}
        return self.server.post("/event" + query, body)

    def must(self, *args, **options):
        answer = self.old(*args, **options)
        self.assertEqual((answer.status, answer.json()), (200, {"status": 200}), answer)

    def shown(self, number):
        return self.message({"channel_id": self.group_id, "channel_type": GROUP,
                             "client_msg_no": number})

    def test_a_stream_from_start_to_end(self):
        alice = fresh("alice")
        self.server.create_group(self.group_id, [alice])
        client = self.client(alice)
        self.must("___TextMessageStart", "first", id="i1", timestamp=1700000000000)
        self.assertEqual(client.recv().payload, b"first")
        for text in ("Hello, ", "Hello, ", "world"):
            self.must("___TextMessageContent", text)
        self.must("___TextMessageEnd")
        message = self.shown("s")
        self.assertEqual((message["setting"], message["payload"], message["end"]),
                         (2, b64("first"), 1))
        self.assertNotIn("end_reason", message)
        self.assertEqual(base64.b64decode(message["stream_data"]), b"Hello, Hello, world")
        frames = [decode_event(client.expect(EVENT)) for _ in range(5)]
        self.assertEqual([(f[1], f[3]) for f in frames], [
            ("___TextMessageStart", "first"), ("___TextMessageContent", "Hello, "),
            ("___TextMessageContent", "Hello, "), ("___TextMessageContent", "world"),
            ("___TextMessageEnd", "")])
        self.assertEqual(frames[0][:3:2], ("i1", 1700000000000))
        self.assertEqual(frames[1][0], "s")

    def test_error_end(self):
        self.must("___TextMessageStart", "x")
        self.must("___TextMessageEnd", "out of tokens")
        message = self.shown("s")
        self.assertEqual((message["end_reason"], message["error"]), (2, "out of tokens"))

    def test_one_stream_at_a_time_unless_forced(self):
        self.must("___TextMessageStart", "x", number="one")
        refused = self.old("___TextMessageStart", "x", number="two")
        self.assert_error(refused, 400)
        self.must("___TextMessageStart", "x", number="two", query="?force=1")
        self.assertEqual(self.shown("one")["end_reason"], 4)
        self.assert_error(self.old("___TextMessageContent", "late", number="one"), 400)
        self.must("___TextMessageContent", "fine", number="two")
        self.must("___TextMessageEnd", number="two")
        self.must("___TextMessageStart", "x", number="three")

    def test_finish_ends_the_stream_of_the_channel(self):
        self.must("___TextMessageStart", "x", number="one")
        self.event({"channel_id": self.group_id, "channel_type": GROUP, "client_msg_no": "one"},
                   "stream.finish")
        self.assert_error(self.old("___TextMessageContent", "late", number="one"), 400)
        self.must("___TextMessageStart", "x", number="two")

    def test_content_needs_an_open_stream_of_the_channel(self):
        self.assert_error(self.old("___TextMessageContent", "x"), 400)
        self.must("___TextMessageStart", "x")
        self.group_id, before = fresh("g"), self.group_id
        self.assert_error(self.old("___TextMessageContent", "x"), 400)
        self.group_id = before
        self.must("___TextMessageEnd")
        self.assert_error(self.old("___TextMessageContent", "x"), 400)

    def test_tool_calls_are_pushed_and_not_stored(self):
        alice = fresh("alice")
        self.server.create_group(self.group_id, [alice])
        client = self.client(alice)
        for event_type in ("___ToolCallStart", "___ToolCallArgs", "___ToolCallEnd",
                           "___ToolCallResult", "my.own"):
            self.must(event_type, "data of " + event_type)
            frame = decode_event(client.expect(EVENT))
            self.assertEqual((frame[1], frame[3]), (event_type, "data of " + event_type))
        self.assertEqual(self.server.messages(self.group_id), [])

    def test_data_is_bounded(self):
        self.assert_error(self.old("___TextMessageStart", "x" * 32768), 400)
        self.assertEqual(self.server.messages(self.group_id), [])
        self.must("my.own", "x" * (512 << 10))
        self.assert_error(self.old("my.own", "x" * ((512 << 10) + 1)), 400)

    def test_an_idle_stream_is_closed(self):
        self.must("___TextMessageStart", "x")
        wait_until(lambda: self.shown("s").get("end") == 1, timeout=20, what="the idle close")
        self.assertEqual(self.shown("s")["end_reason"], 1)
        self.must("___TextMessageStart", "x", number="next")

    def test_validation(self):
        good = {"client_msg_no": "n", "channel_id": self.group_id, "channel_type": GROUP,
                "event": {"type": "my.own"}}
        self.server.must_post("/event", good)
        for change in ({"client_msg_no": ""}, {"channel_id": ""}, {"channel_type": 0},
                       {"event": None}, {"event": {}}, {"event": "x"}, {"event": {"type": ""}},
                       {"event": {"type": "t", "timestamp": "x"}},
                       {"event": {"type": "t", "data": {}}}, {"from_uid": "a@b"}):
            with self.subTest(**change):
                self.assert_error(self.server.post("/event", dict(good, **change)), 400)


class OldStreams(Events):
    def test_open_and_close(self):
        for opening, closing in (("/stream/open", "/stream/close"),
                                 ("/streammessage/start", "/streammessage/end")):
            place = {"channel_id": fresh("g"), "channel_type": GROUP}
            opened = self.server.must_post(opening, dict(place, payload=b64("x"), from_uid="bot"))
            self.assertRegex(opened["stream_no"], "^[0-9a-f]{32}$")
            message = self.server.messages(place["channel_id"])[0]
            self.assertEqual((message["setting"], message["stream_no"]),
                             (2, opened["stream_no"]))
            closed = self.server.must_post(closing, dict(place, stream_no=opened["stream_no"]))
            self.assertEqual(closed, {"status": 200})
            self.assertEqual(self.server.messages(place["channel_id"])[0]["end"], 1)

    def test_open_with_a_number_of_ones_own(self):
        place = {"channel_id": fresh("g"), "channel_type": GROUP}
        body = dict(place, payload=b64("x"), client_msg_no="own")
        opened = self.server.must_post("/stream/open", body)
        self.assertEqual(self.server.must_post("/stream/open", body), opened)
        self.server.must_post("/stream/close", dict(place, stream_no=opened["stream_no"]))
        self.assertEqual(self.server.messages(place["channel_id"])[0]["end"], 1)

    def test_close_without_a_channel_is_accepted(self):
        self.assertEqual(self.server.must_post("/stream/close", {"stream_no": "0" * 32}),
                         {"status": 200})

    def test_validation(self):
        good = {"channel_id": "g", "channel_type": GROUP, "payload": b64("x")}
        for change in ({"channel_id": ""}, {"channel_type": 0}, {"payload": ""}, {"payload": "!"},
                       {"channel_id": "a#b"}, {"header": {"no_persist": 1}}, {"header": 1}):
            self.assert_error(self.server.post("/stream/open", dict(good, **change)), 400)
        for body in ({}, {"channel_id": "g", "channel_type": GROUP},
                     {"channel_id": "g", "channel_type": GROUP, "stream_no": "none"}):
            self.assert_error(self.server.post("/stream/close", body), 400)


class SecondOldStreams(Events):
    def test_open_write_close(self):
        user, bot = fresh("u"), fresh("b")
        place = {"channel_id": user, "channel_type": PERSON, "from_uid": bot}
        opened = self.server.must_post("/streamv2/open", dict(place, payload=b64("x")))
        self.assertGreater(opened["message_id"], 0)
        self.assertEqual(opened["message_seq"], 1)
        self.assertEqual(opened["stream_id"], "stream_%d" % opened["message_id"])
        stream = dict(place, message_id=opened["message_id"])
        for text in ("one ", "two"):
            written = self.server.must_post("/streamv2/write", dict(stream, payload=b64(text)))
            self.assertEqual((written["status"], written["message_id"]),
                             (200, opened["message_id"]))
            self.assertIn("chunk_id", written)
        self.assertEqual(self.server.must_post("/streamv2/close", stream), {"status": 200})
        message = self.server.messages(bot, PERSON, user)[0]
        self.assertEqual((base64.b64decode(message["stream_data"]), message["end"]),
                         (b"one two", 1))
        self.assert_error(self.server.post("/streamv2/write", dict(stream, payload=b64("x"))), 400)

    def test_end_with_a_write(self):
        place = {"channel_id": fresh("g"), "channel_type": GROUP}
        opened = self.server.must_post("/streamv2/open", dict(place, payload=b64("x")))
        self.server.must_post("/streamv2/write", dict(
            place, message_id=opened["message_id"], payload=b64("y"), end=1, end_reason=5))
        message = self.server.messages(place["channel_id"])[0]
        self.assertEqual((message["end"], message["end_reason"]), (1, 5))

    def test_one_stream_at_a_time_unless_forced(self):
        place = {"channel_id": fresh("g"), "channel_type": GROUP, "payload": b64("x")}
        self.server.must_post("/streamv2/open", place)
        self.assert_error(self.server.post("/streamv2/open", place), 400)
        self.server.must_post("/streamv2/open", dict(place, force=True))
        messages = self.server.messages(place["channel_id"])
        self.assertEqual([m.get("end_reason") for m in messages], [4, None])

    def test_validation(self):
        group = {"channel_id": fresh("g"), "channel_type": GROUP}
        opened = self.server.must_post("/streamv2/open", dict(group, payload=b64("x")))
        message_id = opened["message_id"]
        for body in (group, dict(group, payload="!"), {"payload": b64("x")},
                     {"channel_id": "u", "channel_type": PERSON, "payload": b64("x")}):
            self.assert_error(self.server.post("/streamv2/open", body), 400)
        for body in (dict(group, payload=b64("x")), dict(group, message_id=message_id),
                     dict(group, message_id=12345, payload=b64("x")),
                     dict(group, message_id=message_id, payload=b64("x"), end_reason=256),
                     {"channel_id": fresh("g"), "channel_type": GROUP, "message_id": message_id,
                      "payload": b64("x")}):
            self.assert_error(self.server.post("/streamv2/write", body), 400)
        for body in (group, dict(group, message_id=12345)):
            self.assert_error(self.server.post("/streamv2/close", body), 400)


if __name__ == "__main__":
    unittest.main()
