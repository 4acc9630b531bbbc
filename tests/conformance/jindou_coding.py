"""Bodies and answers with Content-Encoding gzip or zstd."""

import gzip
import json
import struct

from contract import Fails, clause, offered
from target import SENDBATCH, fresh, item

PAGE = "docs/batch.md, Compression"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
# Above the largest limit that a body can be given.
BOMB_BYTES = 2**30 + 2**24


def zstd(data):
    """A zstd frame (RFC 8878) with one block that is not compressed; at most 128 KiB."""
    single_segment_with_four_bytes_of_size = 0xA0
    last_raw_block = 1
    return (ZSTD_MAGIC + bytes([single_segment_with_four_bytes_of_size])
            + struct.pack("<I", len(data))
            + struct.pack("<I", last_raw_block | len(data) << 3)[:3] + data)


def post_coded(server, body, coding):
    return server.post(SENDBATCH, body, headers={"Content-Encoding": coding})


def require_coding(server, coding, encode):
    """Not offered unless a sound body of this coding is taken; the channel that it went to."""
    channel = fresh("group")
    body = encode(json.dumps([item(channel, "coded")]).encode())
    answer = post_coded(server, body, coding)
    offered(answer.status == 200, "a body with Content-Encoding %s is answered %d"
            % (coding, answer.status), answer)
    answer.elements(1)
    return channel


@clause("jindou.coding.gzip", PAGE,
        "A body may come with Content-Encoding gzip, of any number of members.")
def gzip_body(server):
    for pieces in (1, 3):
        def encode(data, pieces=pieces):
            size = -(-len(data) // pieces)
            return b"".join(gzip.compress(data[n * size:(n + 1) * size]) for n in range(pieces))

        if server.contents(require_coding(server, "gzip", encode)) != [b"coded"]:
            raise Fails("a body of %d members is not stored as it is" % pieces)


@clause("jindou.coding.zstd", PAGE, "A body may come with Content-Encoding zstd.")
def zstd_body(server):
    if server.contents(require_coding(server, "zstd", zstd)) != [b"coded"]:
        raise Fails("the message is not stored as it is")


@clause("jindou.coding.broken", PAGE,
        "A body that is not what its header says, or ends too early, is a 400; nothing is sent.")
def broken_bodies(server):
    for coding, encode in (("gzip", gzip.compress), ("zstd", zstd)):
        require_coding(server, coding, encode)
        channel = fresh("group")
        plain = json.dumps([item(channel)]).encode()
        whole = encode(plain)
        for body in (plain, whole[:-1], whole[:len(whole) // 2], whole + b"x", b"\x00" * 100):
            post_coded(server, body, coding).require_status(400)
        if server.contents(channel):
            raise Fails("a message of a body that is no %s is stored" % coding)


@clause("jindou.coding.bomb", PAGE,
        "Limits count the decoded bytes: a small body that decodes to more is a 413.")
def bomb(server):
    require_coding(server, "gzip", gzip.compress)
    piece = gzip.compress(b" " * 2**24)
    answer = post_coded(server, piece * (BOMB_BYTES // 2**24), "gzip")
    answer.require_status(413)


def large_answer(server, accepted):
    """The answer to a batch whose answer is a few KiB."""
    return server.batch([item(fresh("group")) for _ in range(50)],
                        headers={"Accept-Encoding": accepted})


@clause("jindou.coding.answer-gzip", PAGE,
        "An answer of more than 1 KiB comes with gzip for who accepts it, as it is for others.")
def gzip_answer(server):
    found = large_answer(server, "gzip")
    offered(found.headers.get("content-encoding") == "gzip", "answers are not coded", found)
    found.elements(50)
    for accepted in ("identity", "gzip;q=0", "br"):
        found = large_answer(server, accepted)
        found.require("content-encoding" not in found.headers,
                      "with Accept-Encoding: %s the answer is coded" % accepted)
        found.elements(50)


@clause("jindou.coding.answer-zstd", PAGE,
        "An answer of more than 1 KiB comes with zstd for who accepts it; of equals zstd is taken, "
        "else the one of the greatest weight.")
def zstd_answer(server):
    found = large_answer(server, "zstd")
    offered(found.headers.get("content-encoding") == "zstd", "answers are not coded", found)
    found.require(found.body.startswith(ZSTD_MAGIC), "the body is no zstd frame")
    for accepted, wanted in (("gzip, zstd", "zstd"), ("gzip;q=0.5, zstd;q=0.1", "gzip"),
                             ("*", "gzip")):
        found = large_answer(server, accepted)
        found.require(found.headers.get("content-encoding") == wanted,
                      "with Accept-Encoding: %s the coding is %s, not %s" % (
                          accepted, found.headers.get("content-encoding"), wanted))


@clause("jindou.coding.answer-vary", PAGE,
        "Answers that may be coded have Vary: Accept-Encoding; small ones are not coded.")
def vary(server):
    found = large_answer(server, "identity")
    offered("accept-encoding" in found.headers.get("vary", "").lower(), "there is no Vary", found)
    small = server.batch([item(fresh("group"))], headers={"Accept-Encoding": "gzip, zstd"})
    small.require("content-encoding" not in small.headers, "a small answer is coded")
