"""What every real client has to do, whatever it is written in. A test class names its client:

    class NodeTest(ClientSuite, ClientCase): ...

docs/clients.md has a table of what is tested with which client.
"""

import json
import tempfile

import certificates
from harness import GROUP, PERSON, ServerCase, fresh, item, wait_until

KICKED = 12
AUTH_FAIL = 2
CONNECTED, DISCONNECTED, REFUSED, KICKED_OUT = 1, 0, 3, 4


def text_item(channel_id, text, **options):
    return item(channel_id, json.dumps({"type": 1, "content": text}), **options)


class ClientCase(ServerCase):
    """A server that checks tokens, and clients that have one."""

    config = {"tokenAuthOn": "true"}

    # What the subclass says of its client.
    device_flag = 1
    transport = "ws"
    version = 2
    # False: the client handles one frame per read of its socket; more have to wait for more bytes.
    takes_several_frames = True
    # What it reports when it is kicked: KICKED_OUT, or DISCONNECTED when it does not look at that
    # frame and sees its connection close.
    kick_status = KICKED_OUT

    def new_client(self, uid):
        """A client that has not connected."""
        raise NotImplementedError

    def url(self):
        """Where the client connects."""
        return "ws://" + self.server.ws

    def register(self, uid, token="right", level=0, device_flag=None):
        self.server.must_post("/user/token", {
            "uid": uid, "token": token, "device_level": level,
            "device_flag": self.device_flag if device_flag is None else device_flag})

    def opened(self, uid):
        client = self.new_client(uid)
        self.addCleanup(client.close)
        return client

    def connected(self, uid, level=0):
        self.register(uid, level=level)
        client = self.opened(uid)
        client.connect(self.url(), token="right")
        return client

    def connections(self, uid) -> list:
        answer = self.server.get("/connz", {"uid": uid, "limit": 10000})
        assert answer.status == 200, answer
        return [c for c in answer.json()["connections"] if c["uid"] == uid]

    def online_flags(self, uid) -> list:
        """The device flags with which the user is online."""
        answer = self.server.must_post("/user/onlinestatus", [uid])
        return sorted(entry["device_flag"] for entry in answer if entry["online"] == 1)

    def wait_offline(self, *uids):
        for uid in uids:
            wait_until(lambda: not self.connections(uid) and not self.online_flags(uid),
                       what="%s to be offline" % uid)

    def reconnect(self, client):
        """What makes the client come back after the server did: usually nothing."""

    def synced(self, client, channel_id, channel_type, start) -> list:
        """What the client would fetch after a gap; by HTTP when it has no interface for that."""
        return self.server.messages(channel_id, channel_type, login_uid=client.uid)[start - 1 :]


class SecureCase(ClientCase):
    """The same over TLS, where the client is told of the certificate in `certificate`."""

    transport = "wss"

    @classmethod
    def setUpClass(cls):
        files = tempfile.TemporaryDirectory(prefix="jindou-e2e-certificate-")
        cls.addClassCleanup(files.cleanup)
        cls.certificate, key = certificates.self_signed(files.name)
        cls.config = {**cls.config, "wssAddr": "wss://127.0.0.1:0",
                      "wssConfig.certFile": cls.certificate, "wssConfig.keyFile": key}
        super().setUpClass()
        # A restart has to serve the same port.
        cls.server.config["wssAddr"] = "wss://" + cls.server.wss

    def url(self):
        return "wss://" + self.server.wss


class ClientSuite:
    """The tests; mixed into a ClientCase."""

    def test_is_online_from_connect_to_disconnect(self):
        uid = fresh("u")
        client = self.connected(uid)
        self.assertEqual(self.online_flags(uid), [self.device_flag])
        (connection,) = self.connections(uid)
        self.assertEqual(
            (connection["transport"], connection["version"], connection["device_flag"]),
            (self.transport, self.version, self.device_flag))
        client.command(op="disconnect")
        self.wait_offline(uid)

    def test_a_wrong_token_is_refused(self):
        uid = fresh("u")
        self.register(uid)
        client = self.opened(uid)
        client.command(op="connect", addr=self.url(), uid=uid, token="wrong")
        self.assertEqual(client.wait("status", status=REFUSED)["reason"], AUTH_FAIL)
        self.wait_offline(uid)

    def test_a_batch_arrives_in_order_from_group_and_person(self):
        group, uid = fresh("g"), fresh("u")
        self.server.create_group(group, [uid])
        client = self.connected(uid)
        items = []
        for i in range(30):
            items.append(text_item(group, "group 你好 %d" % i, client_msg_no=fresh("m")))
            items.append(text_item(uid, "person %d" % i, channel_type=PERSON,
                                   client_msg_no=fresh("m")))
        results, got = [], []
        if self.takes_several_frames:
            results = self.server.must_batch(items)
            got = client.messages(len(items))
        else:
            for entry in items:
                results += self.server.must_batch([entry])
                got += client.messages(1)
        stored = {r["client_msg_no"]: r for r in results}
        by_channel = {group: [], "sender": []}
        for message in got:
            result = stored[message["client_msg_no"]]
            self.assertEqual((message["message_id"], message["message_seq"]),
                             (result["message_idstr"], result["message_seq"]))
            by_channel[message["channel_id"]].append((message["message_seq"], message["text"]))
        self.assertEqual(by_channel[group],
                         [(i + 1, "group 你好 %d" % i) for i in range(30)])
        self.assertEqual(by_channel["sender"], [(i + 1, "person %d" % i) for i in range(30)])

    def test_what_one_sends_the_other_receives_in_order(self):
        group, alice_uid, bob_uid = fresh("g"), fresh("alice"), fresh("bob")
        self.server.create_group(group, [alice_uid, bob_uid])
        alice, bob = self.connected(alice_uid), self.connected(bob_uid)
        for channel, channel_type, seen_as in ((group, GROUP, group), (bob_uid, PERSON, alice_uid)):
            acks, got = {}, []
            for i in range(10):
                seq = alice.send(channel, channel_type, "text 你好 %d" % i)
                if self.takes_several_frames:
                    acks[i] = seq
                else:
                    acks[i] = alice.wait("sendack", client_seq=seq)
                    got += bob.messages(1)
            if self.takes_several_frames:
                acks = {i: alice.wait("sendack", client_seq=seq) for i, seq in acks.items()}
                got = bob.messages(10)
            for i, message in enumerate(got):
                self.assertEqual(
                    (message["channel_id"], message["channel_type"], message["from_uid"],
                     message["message_seq"], message["text"], message["message_id"]),
                    (seen_as, channel_type, alice_uid, i + 1, "text 你好 %d" % i,
                     acks[i]["message_id"]))
                self.assertEqual((acks[i]["reason"], acks[i]["message_seq"]), (1, i + 1))
        refused = alice.send(fresh("foreign"), GROUP, "no")
        self.assertEqual(alice.wait("sendack", client_seq=refused)["reason"], 3)

    def test_a_master_login_elsewhere_kicks_it(self):
        uid = fresh("u")
        client = self.connected(uid)
        self.register(uid, level=1)
        other = self.client(uid, device_flag=self.device_flag, device_id="other", token="right")
        client.wait("status", status=self.kick_status)
        client.command(op="disconnect")
        wait_until(lambda: [c["device_id"] for c in self.connections(uid)] == ["other"],
                   what="only the other device to be connected")
        self.assertEqual(self.online_flags(uid), [self.device_flag])
        other.ping()

    def test_the_http_api_kicks_it(self):
        uid = fresh("u")
        client = self.connected(uid)
        (connection,) = self.connections(uid)
        self.server.must_post("/conn/kick", {"uid": uid, "conn_id": connection["id"]})
        status = client.wait("status", status=self.kick_status)
        if self.kick_status == KICKED_OUT:
            self.assertEqual(status["reason"], KICKED)
        client.command(op="disconnect")
        self.wait_offline(uid)

    def test_comes_back_after_a_kill_without_loss_or_duplicate(self):
        group, uid = fresh("g"), fresh("u")
        self.server.create_group(group, [uid])
        client = self.connected(uid)
        live = []
        for i in range(3):
            self.server.must_batch([text_item(group, "before %d" % i)])
            live += client.messages(1)
        # The kill falls somewhere among these; the client, or its application, sends the rest again.
        pending = {client.send(group, GROUP, "own %d" % i): "own %d" % i for i in range(20)}
        self.server.kill9()
        client.wait("status", status=DISCONNECTED)
        self.server.start()
        self.server.must_batch([text_item(group, "missed %d" % i) for i in range(3)])
        self.reconnect(client)
        client.wait("status", timeout=60, status=CONNECTED)
        acks = [client.wait("sendack", timeout=60, client_seq=seq) for seq in pending]
        self.assertEqual({ack["reason"] for ack in acks}, {1})
        self.server.must_batch([text_item(group, "after")])
        while not live or live[-1]["text"] != "after":
            live += client.messages(1)

        stored = self.server.messages(group, login_uid=uid)
        self.assertEqual([m["message_seq"] for m in stored], list(range(1, 3 + 20 + 3 + 1 + 1)))
        # In order, and nothing twice.
        seqs = [m["message_seq"] for m in live]
        self.assertEqual(seqs, sorted(set(seqs)))
        own = {ack["message_seq"]: ack["message_id"] for ack in acks}
        self.assertEqual(len(own), len(acks))
        have = {**{m["message_seq"]: m["message_id"] for m in live}, **own}
        first_gap = next(seq for seq in range(1, len(stored) + 2) if seq not in have)
        synced = self.synced(client, group, GROUP, min(first_gap, len(stored)))
        for message in synced:
            seq, message_id = message["message_seq"], str(message["message_id"])
            self.assertEqual(have.setdefault(seq, message_id), message_id)
        self.assertEqual(have, {m["message_seq"]: m["message_idstr"] for m in stored})
        (connection,) = self.connections(uid)
        self.assertEqual(self.online_flags(uid), [self.device_flag])
        self.assertEqual(connection["version"], self.version)
