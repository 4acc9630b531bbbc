"""Proves the test client itself: its cryptography and frames against the published vectors."""

import unittest

from wkproto import (RECV, SEND, SessionCrypto, decode, encode_connect, encode_recvack, encode_send,
                     varint, x25519)

CLIENT_PRIVATE = bytes.fromhex("3030313132323333343435353636373738383939616162626363646465656666")
SERVER_PUBLIC = bytes.fromhex("79a631eede1bf9c98f12032cdeadd0e7a079398fc786b88cc846ec89af85a51a")
CLIENT_KEY = "RhMkgWtYpYXTkHdlfoPHc9K+pJ6/p1ij/4eLWU7vllM="
C1 = ("10450501000364315700027531000274310000018bcfe56800002c52684d6b67577459705958546b48646c666f50"
      "4863394b2b704a362f7031696a2f34654c575537766c6c4d3d")
S1 = ("3264000000000100066d315f305f33000275320100000000002030376262386338376138336163613431623839"
      "65646438646333623862383731674e5951326e392b4c577074495961347170374264352b614639324450504d2f"
      "67646c7171564e53764c453d")
S3 = ("325d000000000100036d313300027532010020396665303731656261613735643364633164316666626230316134"
      "3230306362674e5951326e392b4c577074495961347170374264352b614639324450504d2f67646c7171564e5376"
      "4c453d")
R1 = ("527400002031313731656138633034663463333438643466396531323839616165366465310002753100027531"
      "010000000000066d315f305f330000011f71fb04cb000000076553f101674e5951326e392b4c57707449596134"
      "7170374264352b614639324450504d2f67646c7171564e53764c453d")
HELLO = b'{"content":"hello","type":1}'


class GoldenVectors(unittest.TestCase):
    def setUp(self):
        self.crypto = SessionCrypto(x25519(CLIENT_PRIVATE, SERVER_PUBLIC), "AbCdEfGh12345678")

    def test_key_agreement_and_encryption(self):
        self.assertEqual(self.crypto.encrypt(b""), b"+RzjVw2Ym82T4DfmvwTnxQ==")
        self.assertEqual(self.crypto.encrypt(b"0123456789abcdef"),
                         b"BCGg4JNM2aE1revRey5VHCry9ZSmscy2CaEdD/qTR6A=")
        self.assertEqual(self.crypto.decrypt(self.crypto.encrypt(HELLO)), HELLO)

    def test_connect(self):
        got = encode_connect(5, 1, "d1W", "u1", "t1", 1700000000000, CLIENT_KEY)
        self.assertEqual(got.hex(), C1)

    def test_send_of_version_5_and_2(self):
        self.assertEqual(
            encode_send(5, self.crypto, 1, "m1_0_3", "u2", 1, HELLO, flags=2).hex(), S1)
        self.assertEqual(encode_send(2, self.crypto, 1, "m13", "u2", 1, HELLO, flags=2).hex(), S3)

    def test_recv_is_verified_and_decrypted(self):
        raw = bytes.fromhex(R1)
        got = decode(RECV, 2, raw[2:], raw, 5, self.crypto)
        self.assertEqual((got.from_uid, got.channel_id, got.message_id, got.message_seq),
                         ("u1", "u1", 1234567890123, 7))
        self.assertEqual(got.payload, HELLO)

    def test_recvack_and_lengths(self):
        self.assertEqual(encode_recvack(1234567890123, 7, 2).hex(), "620c0000011f71fb04cb00000007")
        self.assertEqual(varint(321).hex(), "c102")
        self.assertEqual(varint(2097152).hex(), "80808001")
        self.assertEqual(SEND, 3)


if __name__ == "__main__":
    unittest.main()
