"""Records what the real clients and the server say to each other into fuzz/<target>/, as seeds of the
fuzz targets. Run by hand when a client or a protocol is new:

    JINDOU_BIN=build/release/bin/jindou python3 tests/e2e/record_seeds.py
"""

import os
import struct
import sys
import unittest

from client_suite import text_item
from fault_proxy import DOWN, UP, FaultProxy
from harness import GROUP, PERSON, ROOT, fresh
from test_client_chromium import ChromiumCase
from test_client_easysdk import EasyCase
from test_client_go import GoCase
from test_client_npm import NpmCase

SEED_BYTES_MAX = 4000


def save(target, name, data):
    path = ROOT / "fuzz" / target / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data[:SEED_BYTES_MAX])
    print("%s: %d bytes" % (path.relative_to(ROOT), min(len(data), SEED_BYTES_MAX)))


def websocket_messages(data):
    """The payloads of the messages in a byte stream, unmasked; control frames left out."""
    out, at = [], 0
    while at + 2 <= len(data):
        opcode, length, head = data[at] & 15, data[at + 1] & 127, 2
        if length == 126:
            length, head = struct.unpack(">H", data[at + 2 : at + 4])[0], 4
        elif length == 127:
            length, head = struct.unpack(">Q", data[at + 2 : at + 10])[0], 10
        mask = b"\0\0\0\0"
        if data[at + 1] & 128:
            mask, head = data[at + head : at + head + 4], head + 4
        body = data[at + head : at + head + length]
        if opcode in (0, 1, 2):
            out.append(bytes(b ^ mask[i % 4] for i, b in enumerate(body)))
        at += head + length
    return out


class Recording:
    name = ""
    # False: another client speaks this version too.
    layout = True

    def url(self):
        scheme, address = super().url().split("://")
        self.heard = {UP: b"", DOWN: b""}

        def record(number, way, data):
            if number == 0:
                self.heard[way] += data

        proxy = FaultProxy(address, 0, plan=lambda *_: ("clean", "clean"), recorder=record)
        proxy.__enter__()
        self.addCleanup(proxy.close)
        return scheme + "://" + proxy.address

    def test_record(self):
        uid, group = fresh("u"), fresh("g")
        self.server.create_group(group, [uid])
        client = self.connected(uid)
        for i in range(3):
            self.server.must_batch([text_item(group, "to the group 你好 %d" % i)])
            client.messages(1)
        for channel, channel_type in ((group, GROUP), ("peer", PERSON)):
            seq = client.send(channel, channel_type, "from the client 你好")
            client.wait("sendack", client_seq=seq)
        (connection,) = self.connections(uid)
        self.server.must_post("/conn/kick", {"uid": uid, "conn_id": connection["id"]})
        client.wait("status", status=self.kick_status)
        self.keep(self.heard[UP], self.heard[DOWN])

    def keep(self, up, down):
        if self.transport == "ws":
            request, up = up.split(b"\r\n\r\n", 1)
            request += b"\r\n\r\n"
            save("websocket_fuzz", self.name + "_upgrade", request)
            save("websocket_fuzz", self.name + "_frames", up)
            save("request_parser_fuzz", self.name + "_upgrade", request)
            messages = websocket_messages(up)
            up = b"".join(messages)
            down = b"".join(websocket_messages(down.split(b"\r\n\r\n", 1)[1]))
        save("session_fuzz", self.name, up)
        if up[:1] == b"{":
            kinds = {}
            for message in messages:
                kinds.setdefault(message.split(b'"method":"')[1].split(b'"')[0].decode(), message)
            for kind, message in kinds.items():
                save("json_rpc_fuzz", "%s_%s" % (self.name, kind), message)
            return
        if self.layout:
            version = bytes([self.version - 1])
            save("wkproto_fuzz", self.name + "_up", version + up)
            save("wkproto_fuzz", self.name + "_down", version + down)


class JavaScript(Recording, NpmCase):
    name = "npm"


class UniApp(Recording, NpmCase):
    name, package, version = "uniapp", "wukongimuniappsdk", 1


class Chromium(Recording, ChromiumCase):
    name, layout = "chromium", False


class Easy(Recording, EasyCase):
    name = "easysdk_python"


class Go(Recording, GoCase):
    name, layout = "go_sdk", False


class GoNewest(Recording, GoCase):
    name, modfile, version = "go_sdk_v5", "v5.mod", 5


def load_tests(loader, _tests, _pattern):
    classes = (JavaScript, UniApp, Chromium, Easy, Go, GoNewest)
    return unittest.TestSuite(map(loader.loadTestsFromTestCase, classes))


if __name__ == "__main__":
    os.environ.update(NO_PROXY="*", no_proxy="*")
    sys.exit(not unittest.main(exit=False).result.wasSuccessful())
