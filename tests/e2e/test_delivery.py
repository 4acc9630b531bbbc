"""What sessions may rely on while a large group is being served: the order of every channel, no
message twice, retries in order; and a client that was cut for being slow catches up completely."""

import threading
import unittest

from harness import GROUP, PERSON, QUICK, ServerCase, fresh, item
from wkproto import RECV, encode_recvack

# Above this many possible receivers a message waits in the lane for large ones.
LARGE = 64


class _NoCrypto:
    """Skips the slow pure Python decryption where only numbers and order matter."""

    def msg_key(self, sign):
        return _Anything()

    def decrypt(self, text):
        return b""


class _Anything(str):
    def __ne__(self, other):
        return False


class Order(ServerCase):
    def members(self, uids):
        sessions = []
        for uid in uids:
            client = self.client(uid)
            client.crypto = _NoCrypto()
            sessions.append(client)
        return sessions

    def test_every_session_sees_every_channel_in_order(self):
        large = [fresh("large"), fresh("large")]
        small = [fresh("small") for _ in range(4)]
        uids = [fresh("u") for _ in range(LARGE + 16)]
        peer = fresh("peer")
        for group in large:
            self.server.create_group(group, uids)
        for i, group in enumerate(small):
            self.server.create_group(group, uids[i::8])
        sessions = self.members(uids)
        rounds = 6 if QUICK else 25

        # One thread per channel: the order in which it posts is the order of the channel.
        problems = []

        def post(channel, kind, make):
            try:
                for number in range(rounds):
                    self.server.must_batch(make(channel, kind, number))
            except Exception as error:  # noqa: BLE001 - reported below
                problems.append(repr(error))

        def plain(channel, kind, number):
            return [item(channel, "x", channel_type=kind, from_uid=peer,
                         client_msg_no="%s-%04d" % (channel, number * 4 + i)) for i in range(4)]

        def mixed(channel, kind, number):
            # To everybody, to one alone, a command, to everybody: one order for whoever gets them.
            messages = plain(channel, kind, number)
            messages[1]["subscribers"] = [uids[0]]
            messages[2]["header"] = {"sync_once": 1}
            return messages

        threads = [threading.Thread(target=post, args=(large[0], GROUP, plain)),
                   threading.Thread(target=post, args=(large[1], GROUP, mixed)),
                   threading.Thread(target=post, args=(uids[0], PERSON, plain))]
        threads += [threading.Thread(target=post, args=(group, GROUP, plain)) for group in small]
        for thread in threads:
            thread.start()

        for index, (uid, session) in enumerate(zip(uids, sessions)):
            expected = {large[0]: 4 * rounds, large[1]: (4 if index == 0 else 3) * rounds}
            if index % 8 < len(small):
                expected[small[index % 8]] = 4 * rounds
            if index == 0:
                expected[peer] = 4 * rounds
            seen = {channel: [] for channel in expected}
            for _ in range(sum(expected.values())):
                got = session.recv(60)
                seen[got.channel_id].append(got.client_msg_no)
            for channel, numbers in seen.items():
                self.assertEqual(len(numbers), expected[channel], (uid, channel))
                self.assertEqual(numbers, sorted(set(numbers)), (uid, channel))
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])
        # A receipt too many would have shown as a retry or a repeat by now.
        for session in sessions[:3]:
            session.expect_none(RECV, 0.1)

    def test_members_who_come_and_go_miss_nothing_committed_while_they_were_there(self):
        group = fresh("large")
        steady = [fresh("u") for _ in range(LARGE + 8)]
        flapping = fresh("flap")
        self.server.create_group(group, steady + [flapping])
        sessions = self.members(steady[:2] + [fresh("stranger") for _ in range(LARGE + 40)])
        for number in range(12):
            client = self.client(flapping)
            seq = self.server.must_batch([item(group, str(number))])[0]["message_seq"]
            self.assertEqual(client.recv(10).message_seq, seq)
            client.close()
        for session in sessions[:2]:
            self.assertEqual([session.recv(10).message_seq for _ in range(12)],
                             list(range(1, 13)))


class CutAndCatchUp(ServerCase):
    config = {"gateway.outboundBytesMax": 512 << 10, "gateway.frameBytesMax": 256 << 10}

    def test_a_slow_reader_is_cut_and_catches_up_without_loss_or_repeat(self):
        group, uid, others = fresh("g"), fresh("slow"), [fresh("u") for _ in range(LARGE)]
        self.server.create_group(group, [uid] + others)
        for transport in ("tcp", "ws"):
            with self.subTest(transport=transport):
                self.catch_up(group, uid, transport)

    def catch_up(self, group, uid, transport):
        before = self.server.max_seq(group)
        cut = self.server.get("/varz").json()["slow_clients"]
        slow = self.client(uid, transport)
        slow.crypto = _NoCrypto()
        payload = "y" * 20000
        posted = 0
        # Nothing is read until the server has had enough: more than both kernels' buffers hold.
        while self.server.get("/varz").json()["slow_clients"] == cut:
            self.assertLess(posted, 4000, "the session was never cut")
            self.server.must_batch([item(group, payload) for _ in range(10)])
            posted += 10
        slow.timeout = 20
        got = [f.message_seq for f in slow.wait_closed() if f.kind == RECV]
        # What had left before the cut is whole and without a hole.
        self.assertEqual(got, list(range(before + 1, before + 1 + len(got))))
        self.assertLess(len(got), posted)

        # It comes back and fetches the rest, while others go on writing.
        back = self.client(uid, transport, device_id="again")
        back.crypto = _NoCrypto()
        live_posted = self.server.must_batch([item(group, "live %d" % i) for i in range(20)])
        synced, start = [], before + len(got) + 1
        while True:
            page = self.server.history(group, login_uid=uid, start_message_seq=start, limit=100)
            synced += [m["message_seq"] for m in page["messages"]]
            if not page["more"]:
                break
            start = synced[-1] + 1
        live = [back.recv(20).message_seq for _ in live_posted]
        self.assertEqual(live, [m["message_seq"] for m in live_posted])
        head = self.server.max_seq(group)
        self.assertEqual(synced, list(range(before + len(got) + 1, head + 1)))
        # Everything once, if what was fetched and what was pushed are put together by number.
        self.assertEqual(sorted(set(got) | set(synced) | set(live)),
                         list(range(before + 1, head + 1)))
        back.expect_none(RECV, 0.2)
        back.close()


class Deleted(ServerCase):
    config = {"messageRetry.interval": "2s", "messageRetry.scanInterval": "100ms"}

    def test_what_was_deleted_is_not_sent_again(self):
        uid, author = fresh("u"), fresh("a")
        alone, cleared, gone, stays = (fresh(name) for name in ("alone", "cleared", "gone", "stays"))
        for group in (alone, cleared, gone, stays):
            self.server.create_group(group, [uid])
        client = self.client(uid)
        command = {"header": {"sync_once": 1}}
        sent = self.server.must_batch(
            [item(group, "x") for group in (alone, cleared, gone)]
            + [item(gone, "c", **command), item(uid, "p", channel_type=PERSON, from_uid=author)]
            + [item(stays, "s"), item(stays, "sc", **command)])
        ids = [result["message_id"] for result in sent]
        self.assertEqual(sorted(client.recv(ack=False).message_id for _ in ids), sorted(ids))
        for path, body in (
                ("/message/delete", {"channel_id": alone, "channel_type": GROUP,
                                     "message_id": ids[0]}),
                ("/channel/clear_messages", {"channel_id": cleared, "channel_type": GROUP}),
                ("/channel/delete", {"channel_id": gone, "channel_type": GROUP}),
                ("/message/delete", {"channel_id": uid, "login_uid": author,
                                     "channel_type": PERSON, "message_id": ids[4]})):
            self.server.must_post(path, body)
        again = [client.recv(6, ack=False).message_id for _ in range(4)]
        self.assertEqual(sorted(again), sorted(2 * ids[5:]))


class RetryOrder(ServerCase):
    config = {"messageRetry.interval": "1s", "messageRetry.scanInterval": "100ms",
              "messageRetry.maxCount": 3}

    def test_retries_keep_the_order_of_each_channel(self):
        uid, groups = fresh("u"), [fresh("g"), fresh("g")]
        for group in groups:
            self.server.create_group(group, [uid])
        client = self.client(uid)
        sent = [self.server.must_batch([item(group, "%d" % i) for group in groups])
                for i in range(5)]
        first = [client.recv(ack=False) for _ in range(10)]
        self.assertEqual({f.message_id for f in first},
                         {result["message_id"] for batch in sent for result in batch})
        # The third of one channel is read at last; the others are sent again, in order.
        read = [f for f in first if f.channel_id == groups[0]][2]
        client.write(encode_recvack(read.message_id, read.message_seq))
        more = self.server.must_batch([item(groups[1], "new")])[0]
        again = []
        while len(again) < 9:
            frame = client.recv(6, ack=False)
            if frame.message_id == more["message_id"] and frame.message_seq == 6 and \
                    frame.message_id not in {f.message_id for f in first}:
                first.append(frame)
                continue
            again.append(frame)
        for group in groups:
            seqs = [f.message_seq for f in again if f.channel_id == group]
            self.assertEqual(seqs, sorted(set(seqs)))
            # What is new came before or after all repeats of older ones, and once.
            firsts = [f.message_seq for f in first if f.channel_id == group]
            self.assertEqual(firsts, sorted(set(firsts)))
        originals = {f.message_id: f.raw for f in first}
        self.assertNotIn(read.message_id, {f.message_id for f in again})
        for frame in again:
            self.assertEqual(frame.raw, originals[frame.message_id], "a resend is the same frame")
        for frame in first:
            client.write(encode_recvack(frame.message_id, frame.message_seq))
        client.ping()
        client.pending.clear()
        client.expect_none(RECV, 2.0)


if __name__ == "__main__":
    unittest.main()
