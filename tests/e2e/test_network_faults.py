"""Clients on a bad network: everything goes through a proxy that delays, splits every write into single
bytes, merges, cuts within frames and stalls (fault_proxy.py). Afterwards nothing that was acknowledged
is missing, nothing is there twice, order held on every session, and nobody is shown online who is not.
"""

import os
import random
import ssl
import threading
import time
import traceback
import unittest

from client_suite import ClientCase, SecureCase, text_item
from fault_proxy import FAULTS, FaultProxy
from harness import GROUP, PERSON, QUICK, ServerCase, b64, fresh, wait_until
from npm_client import NpmClient
from test_client_easysdk import EasyClient
from wkproto import RECV, SENDACK, Client, Closed, Timeout, encode_recvack

SEED = int(os.environ.get("JINDOU_SEED") or random.randrange(1 << 31))
# The longest that anything here may take: a bound for the case that it never ends.
PATIENCE = 60.0


def setUpModule():
    print("seed of the faults: %d (JINDOU_SEED)" % SEED)


class Chatter(threading.Thread):
    """A user of the tests' own WKProto client. Connects whenever it is not connected, sends its
    messages in order, a few at a time, and after each reconnect those again that have no answer."""

    def __init__(self, uid, address, transport, messages, device_flag, **options):
        super().__init__(daemon=True)
        self.uid, self.address, self.transport = uid, address, transport
        self.messages = messages  # [(channel_id, channel_type, client_msg_no)]
        self.device_flag, self.options = device_flag, options
        self.acks = {}  # client_msg_no: (message_id, message_seq)
        self.sessions = []  # per session [(channel_id, channel_type, message_seq, message_id)]
        self.wrong = []  # what must not happen
        self.sent_all = threading.Event()
        self.leave = threading.Event()
        self.last_end = ""
        self._unanswered = []

    def state(self):
        """For the report of a failure."""
        return (self.uid, self.transport, self.last_end, self.wrong, self._unanswered[:5],
                [len(session) for session in self.sessions])

    def run(self):
        self._unanswered = list(self.messages)
        while not self.leave.is_set():
            try:
                self._session()
            except (Closed, Timeout, OSError) as end:
                self.last_end = repr(end)
                time.sleep(0.05)
            except Exception:  # shown by the test
                self.wrong.append("%s: %s" % (self.uid, traceback.format_exc()))
                self.sent_all.set()
                return

    def _session(self):
        with Client(self.address, self.uid, transport=self.transport, device_id="phone",
                    device_flag=self.device_flag, timeout=5.0, **self.options) as client:
            if client.connect().reason != 1:
                raise AssertionError("refused")
            received, in_flight = [], {}
            self.sessions.append(received)
            quiet_since = time.monotonic()
            while not self.leave.is_set():
                while len(in_flight) < 4 and len(in_flight) < len(self._unanswered):
                    message = self._unanswered[len(in_flight)]
                    channel_id, channel_type, number = message
                    seq = client.send_raw(channel_id, channel_type, number.encode(), number)
                    in_flight[seq] = message
                    quiet_since = time.monotonic()
                try:
                    frame = client.read_frame(0.2)
                except Timeout:
                    # A lost answer shows only by its absence; so does a connection that is gone.
                    if in_flight and time.monotonic() - quiet_since > 5.0:
                        raise
                    continue
                quiet_since = time.monotonic()
                if frame.kind == SENDACK:
                    self._on_ack(frame, in_flight)
                elif frame.kind == RECV:
                    client.write(encode_recvack(frame.message_id, frame.message_seq, frame.flags))
                    received.append((frame.channel_id, frame.channel_type, frame.message_seq,
                                     frame.message_id))
                else:
                    raise AssertionError("unexpected %r" % frame)

    def _on_ack(self, frame, in_flight):
        message = in_flight.pop(frame.client_seq)
        stored = (frame.message_id, frame.message_seq)
        if frame.reason != 1:
            self.wrong.append("%s: reason %d for %s" % (self.uid, frame.reason, message[2]))
        if self.acks.setdefault(message[2], stored) != stored:
            self.wrong.append("%s: two answers for %s" % (self.uid, message[2]))
        if message in self._unanswered:
            self._unanswered.remove(message)
        if not self._unanswered:
            self.sent_all.set()


def mostly_cut(number, rng):
    """The first connections all end within a frame of one direction or the other."""
    modes = [rng.choice(FAULTS), rng.choice(FAULTS)]
    if number < 20:
        modes[rng.randrange(2)] = "cut"
    return tuple(modes)


class FaultCase(ServerCase):
    def proxy(self, target, salt, **options):
        proxy = FaultProxy(target, SEED + salt, **options)
        proxy.__enter__()
        self.addCleanup(proxy.close)
        return proxy

    def connections(self, uid):
        answer = self.server.get("/connz", {"uid": uid, "limit": 10000})
        self.assertEqual(answer.status, 200, answer)
        return [c for c in answer.json()["connections"] if c["uid"] == uid]

    def assert_present(self, flags):
        """Exactly these users are connected, each once: {uid: device flag}."""
        def exact():
            shown = self.server.must_post("/user/onlinestatus", list(flags))
            online = {(e["uid"], e["device_flag"]) for e in shown if e["online"] == 1}
            return online == set(flags.items()) and all(
                len(self.connections(uid)) == 1 for uid in flags)
        wait_until(exact, timeout=PATIENCE, interval=0.1, what="exactly one connection each")

    def assert_absent(self, uids):
        def gone():
            shown = self.server.must_post("/user/onlinestatus", list(uids))
            return not any(e["online"] for e in shown) and not any(map(self.connections, uids))
        wait_until(gone, timeout=PATIENCE, interval=0.1, what="nobody to be online")

    def assert_kept(self, channel_id, channel_type, login_uid, acks):
        """The stored messages are exactly these, {client_msg_no: (id, seq)}, without a gap."""
        stored = self.server.messages(channel_id, channel_type, login_uid=login_uid)
        self.assertEqual([m["message_seq"] for m in stored], list(range(1, len(stored) + 1)))
        found = {m["client_msg_no"]: (int(m["message_idstr"]), m["message_seq"]) for m in stored}
        self.assertEqual(len(found), len(stored), "a message is there twice")
        self.assertEqual(found, acks)
        return stored


class BadNetwork(FaultCase):
    """Over TCP and WebSocket, WKProto."""

    client_options: dict = {}

    def chatters(self):
        """(transport, proxy) for each; two users share a proxy."""
        tcp = self.proxy(self.server.tcp, 1, plan=mostly_cut)
        ws = self.proxy(self.server.ws, 2, plan=mostly_cut)
        return [("tcp", tcp), ("ws", ws), ("tcp", tcp), ("ws", ws)]

    def test_order_and_presence_hold_and_nothing_is_lost_or_doubled(self):
        routes = self.chatters()
        uids = [fresh("u") for _ in routes]
        group = fresh("g")
        self.server.create_group(group, uids)
        count = 10 if QUICK else 40
        people = []
        for i, (transport, proxy) in enumerate(routes):
            peer = uids[i ^ 1]
            messages = []
            for n in range(count):
                messages.append((group, GROUP, "%s-g%d" % (uids[i], n)))
                messages.append((peer, PERSON, "%s-p%d" % (uids[i], n)))
            people.append(Chatter(uids[i], proxy.address, transport, messages, device_flag=i % 2,
                                  **self.client_options))
        for person in people:
            person.start()
        # Bad as it is, the network lets everybody through in the end.
        deadline = time.monotonic() + 20
        for person in people:
            person.sent_all.wait(max(0.0, deadline - time.monotonic()))
        proxies = {proxy for _, proxy in routes}
        for proxy in proxies:
            proxy.heal()
            # What a fault had left half open is not there for ever.
            proxy.cut_all()
        for person in people:
            self.assertTrue(person.sent_all.wait(PATIENCE), [p.state() for p in people])
            self.assertEqual(person.wrong, [])
        self.assert_present({p.uid: p.device_flag for p in people})
        for person in people:
            person.leave.set()
        for person in people:
            person.join(PATIENCE)
            self.assertFalse(person.is_alive())
            self.assertEqual(person.wrong, [])
            self.assertEqual(len(person.acks), len(person.messages))
        self.assert_absent(uids)
        print("%d connections, %d cut" % (sum(p.connections for p in proxies),
                                          sum(p.cuts for p in proxies)))

        known = {}  # (channel as a receiver sees it, receiver): {seq: id}
        in_group = {n: ack for p in people for n, ack in p.acks.items() if "-g" in n}
        stored = self.assert_kept(group, GROUP, uids[0], in_group)
        for uid in uids:
            known[(group, GROUP, uid)] = {m["message_seq"]: int(m["message_idstr"])
                                          for m in stored}
        for i in range(0, len(uids), 2):
            between = {n: ack for p in people[i : i + 2] for n, ack in p.acks.items() if "-p" in n}
            stored = self.assert_kept(uids[i + 1], PERSON, uids[i], between)
            ids = {m["message_seq"]: int(m["message_idstr"]) for m in stored}
            known[(uids[i + 1], PERSON, uids[i])] = known[(uids[i], PERSON, uids[i + 1])] = ids
        for person in people:
            # Each sender's messages are stored in the order in which they were first sent.
            for part in ("-g", "-p"):
                seqs = [person.acks[n][1] for _, _, n in person.messages if part in n]
                self.assertEqual(seqs, sorted(seqs))
            for received in person.sessions:
                self.assert_in_order(person.uid, received, known)

    def assert_in_order(self, uid, received, known):
        """Of each channel a session sees rising numbers, but for messages sent again, and only
        messages that are stored."""
        last, seen = {}, set()
        for channel_id, channel_type, seq, message_id in received:
            self.assertEqual(known[(channel_id, channel_type, uid)].get(seq), message_id)
            if message_id not in seen:
                self.assertGreater(seq, last.get((channel_id, channel_type), 0))
                last[(channel_id, channel_type)] = seq
                seen.add(message_id)


class BadNetworkWithTls(SecureCase, BadNetwork):
    config = {}

    @classmethod
    def setUpClass(cls):
        cls.config = {"tlsAddr": "tls://127.0.0.1:0"}
        super().setUpClass()
        cls.client_options = {"tls": ssl.create_default_context(cafile=cls.certificate)}

    def chatters(self):
        tls = self.proxy(self.server.tls, 4, plan=mostly_cut)
        wss = self.proxy(self.server.wss, 5, plan=mostly_cut)
        return [("tls", tls), ("wss", wss), ("tls", tls), ("wss", wss)]


class SlowReader(FaultCase):
    """A receiver that takes nothing more: it is cut at its bound, nobody waits for it, and it gets
    everything by synchronising."""

    config = {"gateway.outboundBytesMax": "256KiB", "gateway.frameBytesMax": "128KiB"}

    def test_a_held_receiver_holds_up_nobody_and_catches_up(self):
        slow_uid, quick_uid, group = fresh("slow"), fresh("quick"), fresh("g")
        self.server.create_group(group, [slow_uid, quick_uid])
        # The server's socket buffers fill before its own bound is reached: hence so many bytes.
        proxy = self.proxy(self.server.tcp, 3, plan=lambda number, rng: ("clean", "hold"),
                           fault_after=(2000, 3000))
        slow = Client(proxy.address, slow_uid)
        self.addCleanup(slow.close)
        self.assertEqual(slow.connect().reason, 1)
        quick = self.client(quick_uid)
        sent, seen = 0, []
        payload = b64(os.urandom(12000))
        while self.connections(slow_uid):
            self.assertLess(sent, 4000, "the slow session is never cut")
            self.server.must_batch([{
                "from_uid": "sender", "channel_id": group, "channel_type": GROUP,
                "payload": payload} for _ in range(10)])
            sent += 10
            # Reading is all that is wanted here; to verify each in Python takes too long.
            seen += [quick_frame(quick) for _ in range(10)]
        self.assertEqual(seen, list(range(1, sent + 1)))
        proxy.heal()
        with Client(proxy.address, slow_uid) as again:
            self.assertEqual(again.connect().reason, 1)
            self.assert_present({slow_uid: 0, quick_uid: 0})
            synced = self.server.messages(group, login_uid=slow_uid)
            self.assertEqual([m["message_seq"] for m in synced], list(range(1, sent + 1)))


def quick_frame(client) -> int:
    """The message_seq of the next RECV, acknowledged, without decrypting."""
    crypto, client.crypto = client.crypto, NoCrypto()
    try:
        return client.recv().message_seq
    finally:
        client.crypto = crypto


class NoCrypto:
    """Stands in for the keys of a session whose payloads are not looked at."""

    class _Anything(str):
        def __eq__(self, other):
            return True

        def __ne__(self, other):
            return False

        __hash__ = str.__hash__

    def msg_key(self, _sign):
        return self._Anything()

    def decrypt(self, cipher):
        return cipher


class RealClients(FaultCase, ClientCase):
    """The npm client and wukong-easy-sdk in one group, both through bad networks."""

    config = {}

    def test_the_npm_client_and_the_easy_sdk_keep_every_message(self):
        group = fresh("g")
        # The npm client waits 3 s after every cut: few of them.
        modes = [("cut", "bytes"), ("bytes", "cut"), ("merge", "delay")]

        def plan(number, _rng):
            return modes[number] if number < len(modes) else ("bytes", "merge")

        people = []
        for i, (make, flag) in enumerate(((NpmClient, 1), (EasyClient, 2))):
            proxy = self.proxy(self.server.ws, 10 + i, plan=plan, fault_after=(200, 700))
            client = make(fresh("u"))
            self.addCleanup(client.close)
            people.append((client, proxy, flag))
        self.server.create_group(group, [client.uid for client, _, _ in people])
        count = 20
        for client, proxy, _ in people:
            client.connect("ws://" + proxy.address, token="any")
        pending = {client: [client.send(group, GROUP, "%s %d" % (client.uid, n))
                            for n in range(count)] for client, _, _ in people}
        acks = {client: [client.wait("sendack", timeout=PATIENCE, client_seq=seq) for seq in seqs]
                for client, seqs in pending.items()}
        for client, proxy, _ in people:
            self.assertEqual({ack["reason"] for ack in acks[client]}, {1})
            self.assertGreaterEqual(proxy.cuts, 1)
            proxy.heal()
        self.assert_present({client.uid: flag for client, _, flag in people})
        stored = self.server.messages(group, login_uid=people[0][0].uid)
        ids = {m["message_seq"]: m["message_idstr"] for m in stored}
        self.assertEqual(sorted(ids), list(range(1, 2 * count + 1)))
        self.assertEqual(
            {(ack["message_seq"], ack["message_id"]) for got in acks.values() for ack in got},
            set(ids.items()))
        self.server.must_batch([text_item(group, "last")])
        for client, _, _ in people:
            self.assertEqual(client.wait("message", text="last")["message_seq"], 2 * count + 1)
            received = client.drain("message")
            for message in received:
                self.assertEqual(ids[message["message_seq"]], message["message_id"])
            numbers = [m["message_seq"] for m in received]
            self.assertEqual(numbers, sorted(set(numbers)))
            client.command(op="disconnect")
        self.assert_absent([client.uid for client, _, _ in people])


if __name__ == "__main__":
    unittest.main()
