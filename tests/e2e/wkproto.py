"""A small WKProto client, written from docs/wkproto.md and from nothing else.

It shares no code with the server, so that a misreading of the specification on one side shows as a
failing test. It is slow (pure Python X25519 and AES) and strict: every frame it receives is decoded
completely, every RECV has its msgKey verified, every WebSocket message must hold exactly one frame.
"""

import base64
import hashlib
import os
import socket
import ssl
import struct
import time
import zlib

CONNECT, CONNACK, SEND, SENDACK, RECV, RECVACK, PING, PONG, DISCONNECT = range(1, 10)
SUB, SUBACK, EVENT = 10, 11, 12

NO_PERSIST, RED_DOT, SYNC_ONCE, DUP = 1, 2, 4, 8
NODE_VERSION_MAX = 6
REMAINING_MAX = 1 << 20


class Closed(Exception):
    """The peer closed the connection."""


class Timeout(Exception):
    """Nothing (complete) arrived in time."""


class NoUpgrade(AssertionError):
    """The WebSocket upgrade was answered by something else; the text is that answer's header."""


# --- X25519 (RFC 7748) ---------------------------------------------------------------------------

_P = 2**255 - 19


def x25519(scalar: bytes, point: bytes) -> bytes:
    """The X25519 function on 32-byte strings, with the clamping of RFC 7748 section 5."""
    k = bytearray(scalar)
    k[0] &= 248
    k[31] &= 127
    k[31] |= 64
    k = int.from_bytes(k, "little")
    u = int.from_bytes(point, "little") & ((1 << 255) - 1)
    x2, z2, x3, z3, swap = 1, 0, u, 1, 0
    for t in range(254, -1, -1):
        bit = (k >> t) & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b = x2 + z2, x2 - z2
        aa, bb = a * a % _P, b * b % _P
        e = aa - bb
        da, cb = (x3 - z3) * a % _P, (x3 + z3) * b % _P
        x3 = (da + cb) ** 2 % _P
        z3 = u * (da - cb) ** 2 % _P
        x2 = aa * bb % _P
        z2 = e * (aa + 121665 * e) % _P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, _P - 2, _P) % _P).to_bytes(32, "little")


_BASE_POINT = (9).to_bytes(32, "little")


# --- AES-128-CBC (FIPS 197) ----------------------------------------------------------------------


def _xtime(a):
    return ((a << 1) ^ 0x1B) & 0xFF if a & 0x80 else a << 1


def _mul(a, b):
    out = 0
    while b:
        if b & 1:
            out ^= a
        a = _xtime(a)
        b >>= 1
    return out


def _make_sbox():
    box = [0] * 256
    p = q = 1
    while True:
        p ^= _xtime(p)
        q ^= q << 1
        q ^= q << 2
        q ^= q << 4
        q &= 0xFF
        if q & 0x80:
            q ^= 0x09
        r = q ^ (q << 1 | q >> 7) ^ (q << 2 | q >> 6) ^ (q << 3 | q >> 5) ^ (q << 4 | q >> 4)
        box[p] = (r ^ 0x63) & 0xFF
        if p == 1:
            break
    box[0] = 0x63
    return box


_SBOX = _make_sbox()
_INV = [0] * 256
for _i, _v in enumerate(_SBOX):
    _INV[_v] = _i
_M2, _M3, _M9, _M11, _M13, _M14 = ([_mul(x, f) for x in range(256)] for f in (2, 3, 9, 11, 13, 14))
_SHIFT = [0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11]
_UNSHIFT = [0, 13, 10, 7, 4, 1, 14, 11, 8, 5, 2, 15, 12, 9, 6, 3]


class Aes128Cbc:
    """AES-128 in CBC mode with PKCS#7 padding under one key and one fixed IV."""

    def __init__(self, key: bytes, iv: bytes):
        self._iv = iv
        words = [list(key[i : i + 4]) for i in range(0, 16, 4)]
        rcon = 1
        for i in range(4, 44):
            w = list(words[i - 1])
            if i % 4 == 0:
                w = [_SBOX[b] for b in w[1:] + w[:1]]
                w[0] ^= rcon
                rcon = _xtime(rcon)
            words.append([a ^ b for a, b in zip(w, words[i - 4])])
        self._keys = [sum(words[r * 4 : r * 4 + 4], []) for r in range(11)]

    def _encrypt_block(self, block):
        s = [a ^ b for a, b in zip(block, self._keys[0])]
        for r in range(1, 11):
            s = [_SBOX[s[i]] for i in _SHIFT]
            if r < 10:
                t = []
                for c in range(0, 16, 4):
                    a, b, d, e = s[c : c + 4]
                    t += [
                        _M2[a] ^ _M3[b] ^ d ^ e,
                        a ^ _M2[b] ^ _M3[d] ^ e,
                        a ^ b ^ _M2[d] ^ _M3[e],
                        _M3[a] ^ b ^ d ^ _M2[e],
                    ]
                s = t
            s = [a ^ b for a, b in zip(s, self._keys[r])]
        return bytes(s)

    def _decrypt_block(self, block):
        s = [a ^ b for a, b in zip(block, self._keys[10])]
        for r in range(9, -1, -1):
            s = [_INV[s[i]] for i in _UNSHIFT]
            s = [a ^ b for a, b in zip(s, self._keys[r])]
            if r > 0:
                t = []
                for c in range(0, 16, 4):
                    a, b, d, e = s[c : c + 4]
                    t += [
                        _M14[a] ^ _M11[b] ^ _M13[d] ^ _M9[e],
                        _M9[a] ^ _M14[b] ^ _M11[d] ^ _M13[e],
                        _M13[a] ^ _M9[b] ^ _M14[d] ^ _M11[e],
                        _M11[a] ^ _M13[b] ^ _M9[d] ^ _M14[e],
                    ]
                s = t
        return bytes(s)

    def encrypt(self, plain: bytes) -> bytes:
        pad = 16 - len(plain) % 16
        plain += bytes([pad]) * pad
        out, prev = bytearray(), self._iv
        for i in range(0, len(plain), 16):
            prev = self._encrypt_block([a ^ b for a, b in zip(plain[i : i + 16], prev)])
            out += prev
        return bytes(out)

    def decrypt(self, cipher: bytes) -> bytes:
        if not cipher or len(cipher) % 16:
            raise ValueError("ciphertext is not a positive multiple of 16 bytes")
        out, prev = bytearray(), self._iv
        for i in range(0, len(cipher), 16):
            block = cipher[i : i + 16]
            out += bytes(a ^ b for a, b in zip(self._decrypt_block(block), prev))
            prev = block
        pad = out[-1]
        if not 1 <= pad <= 16 or out[-pad:] != bytes([pad]) * pad:
            raise ValueError("bad PKCS#7 padding")
        return bytes(out[:-pad])


class SessionCrypto:
    """The keys of one connection: payload encryption and msgKey (docs/wkproto.md, section 4)."""

    def __init__(self, secret: bytes, salt: str):
        key = hashlib.md5(base64.b64encode(secret)).hexdigest()[:16]
        self._aes = Aes128Cbc(key.encode(), salt.encode())

    def encrypt(self, plain: bytes) -> bytes:
        return base64.b64encode(self._aes.encrypt(plain))

    def decrypt(self, text: bytes) -> bytes:
        return self._aes.decrypt(base64.b64decode(text, validate=True))

    def msg_key(self, sign: bytes) -> str:
        return hashlib.md5(self.encrypt(sign)).hexdigest()


# --- frames --------------------------------------------------------------------------------------


def varint(value: int) -> bytes:
    out = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        out.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(out)


def frame(kind: int, flags: int, body: bytes) -> bytes:
    return bytes([kind << 4 | flags]) + varint(len(body)) + body


def string(text) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return struct.pack(">H", len(data)) + data


class Reader:
    """Reads the fields of one frame body; too few bytes raise ValueError."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise ValueError("frame body too short")
        out = self.data[self.at : self.at + n]
        self.at += n
        return out

    def u8(self):
        return self.take(1)[0]

    def u32(self):
        return struct.unpack(">I", self.take(4))[0]

    def i64(self):
        return struct.unpack(">q", self.take(8))[0]

    def string(self):
        return self.take(struct.unpack(">H", self.take(2))[0]).decode()

    def rest(self):
        return self.take(len(self.data) - self.at)

    def left(self):
        return len(self.data) - self.at

    def end(self):
        if self.at != len(self.data):
            raise ValueError("%d bytes left over" % (len(self.data) - self.at))


class Frame:
    """One decoded frame; the fields are attributes, `raw` its bytes."""

    def __init__(self, kind, flags, raw, **fields):
        self.kind, self.flags, self.raw = kind, flags, raw
        self.__dict__.update(fields)

    def __repr__(self):
        shown = {k: v for k, v in self.__dict__.items() if k != "raw"}
        return "Frame(%s)" % shown


def encode_connect(version, device_flag, device_id, uid, token, timestamp_ms, client_key):
    body = bytes([version, device_flag]) + string(device_id) + string(uid) + string(token)
    body += struct.pack(">q", timestamp_ms) + string(client_key)
    return frame(CONNECT, 0, body)


def encode_send(
    version, crypto, client_seq, client_msg_no, channel_id, channel_type, payload, *,
    flags=0, setting=0, expire=0, topic=None, stream_no=None, msg_key=None, cipher=None,
):
    """A SEND laid out for `version`; `msg_key`/`cipher` replace the right values by wrong ones."""
    if cipher is None:
        cipher = crypto.encrypt(payload)
    if msg_key is None:
        sign = b"%d" % client_seq + client_msg_no.encode() + channel_id.encode()
        msg_key = crypto.msg_key(sign + b"%d" % channel_type + cipher)
    if topic is not None:
        setting |= 0x08
    body = bytes([setting]) + struct.pack(">I", client_seq) + string(client_msg_no)
    if 2 <= version <= 4 and setting & 0x02:
        body += string(stream_no or "")
    body += string(channel_id) + bytes([channel_type])
    if version >= 3:
        body += struct.pack(">I", expire)
    body += string(msg_key)
    if topic is not None:
        body += string(topic)
    return frame(SEND, flags, body + cipher)


def encode_recvack(message_id, message_seq, flags=0, version=5):
    layout = ">qQ" if version >= 6 else ">qI"
    return frame(RECVACK, flags, struct.pack(layout, message_id, message_seq))


def decode(kind, flags, body, raw, version, crypto):
    """The Frame for one server-to-client frame, with RECV verified and decrypted."""
    r = Reader(body)
    seq = r.i64 if version >= 6 else r.u32
    if kind == CONNACK:
        f = Frame(kind, flags, raw, server_version=0, node_id=0)
        if flags & 1:
            f.server_version = r.u8()
        f.time_diff, f.reason = r.i64(), r.u8()
        f.server_key, f.salt = r.string(), r.string()
        if version >= 4:
            f.node_id = r.i64()
        r.end()
        return f
    if kind == SENDACK:
        f = Frame(kind, flags, raw, message_id=r.i64(), client_seq=r.u32(), message_seq=seq(),
                  reason=r.u8())
        if version >= 6:
            f.client_msg_no = r.string() if r.left() else ""
        r.end()
        return f
    if kind == RECV:
        f = Frame(kind, flags, raw, setting=r.u8(), msg_key=r.string(), from_uid=r.string(),
                  channel_id=r.string(), channel_type=r.u8(), expire=0, topic="")
        if version >= 3:
            f.expire = r.u32()
        f.client_msg_no = r.string()
        if version < 5 and f.setting & 0x06:
            raise ValueError("stream bits set for a version that would need stream fields")
        f.message_id, f.message_seq, f.timestamp = r.i64(), seq(), r.u32()
        if f.setting & 0x08:
            f.topic = r.string()
        f.cipher = r.rest()
        sign = "%d%d%s%d%s%s%d" % (f.message_id, f.message_seq, f.client_msg_no, f.timestamp,
                                   f.from_uid, f.channel_id, f.channel_type)
        if crypto.msg_key(sign.encode() + f.cipher) != f.msg_key:
            raise ValueError("RECV with a wrong msgKey: %r" % f)
        f.payload = crypto.decrypt(f.cipher)
        return f
    if kind == DISCONNECT:
        return Frame(kind, flags, raw, reason=r.u8(), text=r.string())
    if kind == EVENT:
        if version < 5:
            raise ValueError("EVENT for a version that does not know it")
        return Frame(kind, flags, raw, id=r.string(), type=r.string(), timestamp=r.i64(),
                     data=r.rest())
    return Frame(kind, flags, raw, body=body)


# --- transports ----------------------------------------------------------------------------------


# What a stream that ends at once looks like, by Python's and OpenSSL's version.
ENDED = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class TcpTransport:
    """Bytes over a socket, in TLS when given an ssl.SSLContext."""

    one_frame_per_message = False

    def __init__(self, address, timeout=10.0, tls=None, preface=b"", tls_session=None):
        """`preface` is sent before all else, as a load balancer does."""
        host, port = address.rsplit(":", 1)
        self.sock = socket.create_connection((host, int(port)), timeout=timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if preface:
            self.sock.sendall(preface)
        if tls is not None:
            try:
                self.sock = tls.wrap_socket(self.sock, server_hostname="localhost",
                                            session=tls_session)
            except ENDED as error:
                self.sock.close()
                raise Closed(str(error)) from None

    def write(self, data: bytes):
        self.sock.sendall(data)

    def read(self, timeout: float) -> bytes:
        """Some bytes; Timeout when none came, Closed at the end of the stream."""
        self.sock.settimeout(max(timeout, 0.001))
        try:
            data = self.sock.recv(65536)
        except (TimeoutError, BlockingIOError, ssl.SSLWantReadError):
            raise Timeout() from None
        except ENDED as error:
            raise Closed(str(error)) from None
        if not data:
            raise Closed("end of stream")
        return data

    def close(self):
        self.sock.close()


class WsTransport(TcpTransport):
    """WebSocket (RFC 6455) binary messages; `read` returns the payload of one message."""

    one_frame_per_message = True
    data_opcode = 2  # of what the server sends

    def __init__(self, address, timeout=10.0, path="/", headers="", compression=False,
                 host=None, **options):
        """`headers`: more lines of the upgrade. `compression`: the offer must be accepted. `host`:
        what the upgrade asks for, if not the address."""
        super().__init__(address, timeout, **options)
        self.buffer = b""
        self.close_code = None
        self.close_reason = None
        self.compression = compression
        self.compressed_received = 0
        try:
            self._upgrade(host or address, timeout, path, headers)
        except BaseException:
            self.close()
            raise

    def _upgrade(self, address, timeout, path, headers):
        key = base64.b64encode(os.urandom(16)).decode()
        request = (
            "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n%s\r\n"
            % (path, address, key, headers)
        )
        super().write(request.encode())
        deadline = time.monotonic() + timeout
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += super().read(deadline - time.monotonic())
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        if " 101 " not in lines[0] + " ":
            raise NoUpgrade(head.decode("latin-1"))
        answer = {k.strip().lower(): v.strip() for k, v in (l.split(":", 1) for l in lines[1:])}
        guid = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(guid.encode()).digest()).decode()
        assert answer.get("sec-websocket-accept") == accept, answer
        accepted = ("permessage-deflate; server_no_context_takeover; client_no_context_takeover"
                    if self.compression else None)
        assert answer.get("sec-websocket-extensions") == accepted, answer
        assert "sec-websocket-protocol" not in answer, answer

    def write_frame(self, opcode: int, data: bytes, fin=True, rsv=0):
        mask = os.urandom(4)
        head = bytes([(0x80 if fin else 0) | rsv | opcode])
        if len(data) < 126:
            head += bytes([0x80 | len(data)])
        elif len(data) < 65536:
            head += bytes([0x80 | 126]) + struct.pack(">H", len(data))
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", len(data))
        repeated = mask * (len(data) // 4 + 1)
        super().write(head + mask + bytes(a ^ b for a, b in zip(data, repeated)))

    @staticmethod
    def deflated(data: bytes) -> bytes:
        """The payload of a compressed message (RFC 7692)."""
        packer = zlib.compressobj(wbits=-15)
        packed = packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)
        assert packed.endswith(b"\0\0\xff\xff")
        return packed[:-4]

    def write(self, data: bytes):
        if self.compression:
            self.write_frame(2, self.deflated(data), rsv=0x40)
        else:
            self.write_frame(2, data)

    def _need(self, n, deadline):
        while len(self.buffer) < n:
            self.buffer += super().read(deadline - time.monotonic())

    def read(self, timeout: float) -> bytes:
        deadline = time.monotonic() + timeout
        while True:
            self._need(2, deadline)
            first, second = self.buffer[0], self.buffer[1]
            assert not second & 0x80, "the server must not mask"
            assert first & 0x80, "the server does not fragment"
            length, head = second & 0x7F, 2
            if length == 126:
                self._need(4, deadline)
                length, head = struct.unpack(">H", self.buffer[2:4])[0], 4
            elif length == 127:
                self._need(10, deadline)
                length, head = struct.unpack(">Q", self.buffer[2:10])[0], 10
            self._need(head + length, deadline)
            data = self.buffer[head : head + length]
            self.buffer = self.buffer[head + length :]
            opcode = first & 0x0F
            assert not first & 0x30, "reserved bits"
            if first & 0x40:
                assert self.compression and opcode < 8, "compressed without an agreement"
                data = zlib.decompressobj(-15).decompress(data + b"\0\0\xff\xff")
                self.compressed_received += 1
            if opcode == 9:
                self.write_frame(10, data)
            elif opcode == 8:
                self.close_code = struct.unpack(">H", data[:2])[0] if len(data) >= 2 else None
                self.close_reason = data[2:].decode()
                raise Closed("close frame")
            elif opcode == self.data_opcode:
                return data
            elif opcode != 10:
                raise AssertionError("unexpected WebSocket opcode %d" % opcode)


# --- client --------------------------------------------------------------------------------------


class Client:
    """One connection. `connect()` does the handshake. Frames a call does not wait for are kept."""

    def __init__(self, address, uid="", *, transport="tcp", version=5, device_flag=0,
                 device_id="dev1", token="", timeout=10.0, **transport_options):
        """`transport`: tcp or ws, tls or wss. The rest is for the transport: tls, preface, ..."""
        self.uid, self.version, self.device_flag = uid, version, device_flag
        self.device_id, self.token, self.timeout = device_id, token, timeout
        make = TcpTransport if transport in ("tcp", "tls") else WsTransport
        self.transport = make(address, timeout, **transport_options)
        self.effective = min(version, NODE_VERSION_MAX)
        self.crypto = None
        self.private = os.urandom(32)
        self.public = x25519(self.private, _BASE_POINT)
        self.pending = []  # frames read but not yet asked for
        self.buffer = b""
        self.client_seq = 0

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.transport.close()

    # Handshake.

    def connect_frame(self, client_key=None):
        if client_key is None:
            client_key = base64.b64encode(self.public).decode()
        return encode_connect(self.version, self.device_flag, self.device_id, self.uid, self.token,
                              int(time.time() * 1000), client_key)

    def connect(self, client_key=None):
        """Sends CONNECT and returns the CONNACK; after reason 1 the connection is live."""
        self.write(self.connect_frame(client_key))
        return self.read_connack()

    def read_connack(self):
        ack = self.expect(CONNACK)
        if ack.reason == 1:
            server_public = base64.b64decode(ack.server_key, validate=True)
            assert len(server_public) == 32 and len(ack.salt) == 16 and ack.salt.isalnum(), ack
            self.crypto = SessionCrypto(x25519(self.private, server_public), ack.salt)
        return ack

    # Frames.

    def write(self, data: bytes):
        self.transport.write(data)

    def read_frame(self, timeout=None) -> Frame:
        """The next frame, decoded. Raises Timeout or Closed."""
        if self.pending:
            return self.pending.pop(0)
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            parsed = self._parse()
            if parsed is not None:
                return parsed
            data = self.transport.read(deadline - time.monotonic())
            if self.transport.one_frame_per_message:
                assert not self.buffer
                self.buffer = data
                parsed = self._parse()
                assert parsed is not None and not self.buffer, "not one frame per message"
                return parsed
            self.buffer += data

    def _parse(self):
        data = self.buffer
        if not data:
            return None
        kind, flags = data[0] >> 4, data[0] & 15
        if kind == PONG:
            self.buffer = data[1:]
            return Frame(kind, flags, data[:1])
        assert kind not in (0, PING), "the server sent frame type %d" % kind
        value, shift, at = 0, 0, 1
        while True:
            if at >= len(data):
                return None
            value |= (data[at] & 0x7F) << shift
            at += 1
            if not data[at - 1] & 0x80:
                break
            shift += 7
            assert shift <= 21, "malformed remaining length"
        assert 0 < value <= REMAINING_MAX
        if len(data) < at + value:
            return None
        raw, self.buffer = data[: at + value], data[at + value :]
        return decode(kind, flags, raw[at:], raw, self.effective, self.crypto)

    def expect(self, kind, timeout=None) -> Frame:
        """The next frame of this kind; frames of other kinds are kept for later calls."""
        for i, kept in enumerate(self.pending):
            if kept.kind == kind:
                return self.pending.pop(i)
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        kept, self.pending = self.pending, []
        try:
            while True:
                got = self.read_frame(deadline - time.monotonic())
                if got.kind == kind:
                    return got
                kept.append(got)
        finally:
            self.pending = kept

    def expect_none(self, kind, timeout=0.3):
        """Fails when a frame of this kind arrives within `timeout` seconds."""
        try:
            got = self.expect(kind, timeout)
        except Timeout:
            return
        raise AssertionError("unexpected frame %r" % got)

    def wait_closed(self, timeout=None) -> list:
        """Reads until the server closes; returns the frames that came before. Raises Timeout."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        frames = []
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Timeout()
            try:
                frames.append(self.read_frame(left))
            except Closed:
                return frames

    # Messages.

    def send_raw(self, channel_id, channel_type, payload, client_msg_no=None, **options) -> int:
        """Writes a SEND without waiting; returns its clientSeq."""
        self.client_seq += 1
        if client_msg_no is None:
            client_msg_no = "%s-%s-%d" % (self.uid, os.urandom(6).hex(), self.client_seq)
        self.write(encode_send(self.effective, self.crypto, self.client_seq, client_msg_no,
                               channel_id, channel_type, payload, **options))
        return self.client_seq

    def send(self, channel_id, channel_type, payload, client_msg_no=None, **options) -> Frame:
        """SEND and its SENDACK."""
        seq = self.send_raw(channel_id, channel_type, payload, client_msg_no, **options)
        ack = self.expect(SENDACK)
        assert ack.client_seq == seq, (ack, seq)
        return ack

    def recv(self, timeout=None, ack=True) -> Frame:
        """The next RECV; acknowledged unless told otherwise."""
        got = self.expect(RECV, timeout)
        if ack:
            self.write(encode_recvack(got.message_id, got.message_seq, got.flags,
                                      self.effective))
        return got

    def recv_many(self, count, timeout=None) -> list:
        return [self.recv(timeout) for _ in range(count)]

    def ping(self):
        self.write(bytes([PING << 4]))
        return self.expect(PONG)
