"""Many clients in one thread: they connect, come back, go without a word. Nothing is decrypted; what
a client knows of itself is whether its login was answered."""

import base64
import os
import random
import select
import socket
import struct
import time

from wkproto import CONNACK, PING, _BASE_POINT, encode_connect, x25519

# One address has about 28,000 ports; those of closed connections rest for a minute.
SOURCES = 8
LOGINS_AT_ONCE = 200
GIVE_UP_SECONDS = 60.0

# X25519 costs the server as much whatever the key is; one key for all spares Python the rest.
CLIENT_KEY = base64.b64encode(x25519(os.urandom(32), _BASE_POINT)).decode()

OFFLINE, CONNECTING, UPGRADING, GREETING, ONLINE = range(5)


class Slot:
    """One device of one user, and the connection it has now."""

    def __init__(self, uid, flag, transport, number):
        self.uid, self.flag, self.transport, self.number = uid, flag, transport, number
        self.state = OFFLINE
        self.wanted = False
        self.sock = None
        self.buffer = b""
        self.ghosts = []  # connections it has left behind open

    @property
    def settled(self):
        return self.state == (ONLINE if self.wanted else OFFLINE)


class Ghost:
    """A connection whose device has logged in again elsewhere: the server ends it."""

    def __init__(self, slot):
        self.slot, self.sock = slot, slot.sock


class Swarm:
    def __init__(self, slots, tcp, ws, seed):
        self.slots = slots
        self.addresses = {"tcp": self._split(tcp), "ws": self._split(ws)}
        self.random = random.Random(seed)
        self.epoll = select.epoll()
        self.by_fd = {}
        self.waiting = []  # want to be online and are not connecting yet
        self.logins = 0  # under way
        self.connects = self.closes = 0
        self.ended = 0  # by the server

    @staticmethod
    def _split(address):
        host, port = address.rsplit(":", 1)
        return host, int(port)

    # What a test asks for.

    def bring(self, wanted):
        """Every slot goes where `wanted(slot)` says; returns when all are there."""
        for slot in self.slots:
            self._want(slot, wanted(slot))
        self._settle()

    def churn(self, seconds, rate):
        """`rate` times a second some slot changes: comes, goes, or goes and comes at once."""
        end = time.monotonic() + seconds
        start, done = time.monotonic(), 0
        while time.monotonic() < end:
            due = int((time.monotonic() - start) * rate)
            while done < due:
                done += 1
                self._flip(self.random.choice(self.slots))
            self._turn(0.005)
        return done

    def online(self):
        return [(slot.uid, slot.flag) for slot in self.slots if slot.state == ONLINE]

    # How it is done.

    def _flip(self, slot):
        chance = self.random.random()
        if slot.state == ONLINE and chance < 0.15:
            # A network that is gone without a word: the device logs in again beside it.
            self._leave_behind(slot)
            self._want(slot, True)
        elif slot.state == ONLINE and chance < 0.4:
            # Flapping: the new connection may reach the server before the end of the old one.
            self._drop(slot, abort=chance < 0.25)
            self._want(slot, True)
        elif slot.state == ONLINE and chance < 0.5:
            slot.sock.send(bytes([PING << 4]) if slot.transport == "tcp" else b"")
        elif slot.state == OFFLINE:
            self._want(slot, True)
        else:
            # Online, or in the middle of a login.
            self._want(slot, False, abort=chance < 0.75)

    def _want(self, slot, online, abort=False):
        slot.wanted = online
        if online and slot.state == OFFLINE:
            self.waiting.append(slot)
        elif not online and slot.state != OFFLINE:
            self._drop(slot, abort)

    def _settle(self):
        last, pending = time.monotonic(), None
        while True:
            left = sum(not slot.settled for slot in self.slots)
            if left == 0:
                return
            if left != pending:
                last, pending = time.monotonic(), left
            if time.monotonic() - last > GIVE_UP_SECONDS:
                raise RuntimeError("%d clients did not get where they should" % left)
            until = time.monotonic() + 0.2
            while time.monotonic() < until and (self.waiting or self.logins):
                self._turn(0.01)

    def _turn(self, timeout):
        while self.waiting and self.logins < LOGINS_AT_ONCE:
            slot = self.waiting.pop()
            if slot.wanted and slot.state == OFFLINE:
                self._connect(slot)
        for fd, events in self.epoll.poll(timeout, 512):
            owner = self.by_fd.get(fd)
            if isinstance(owner, Ghost):
                self._read_ghost(owner)
            elif owner is not None:
                self._ready(owner, events)

    def _leave_behind(self, slot):
        ghost = Ghost(slot)
        slot.ghosts.append(ghost)
        self.by_fd[slot.sock.fileno()] = ghost
        slot.sock, slot.state = None, OFFLINE

    def _read_ghost(self, ghost):
        try:
            if ghost.sock.recv(4096):
                return
        except ConnectionError:
            pass
        self.ended += 1
        self._close(ghost.sock)
        ghost.slot.ghosts.remove(ghost)

    def _close(self, sock, abort=False):
        if abort:
            # A reset instead of an end.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.epoll.unregister(sock.fileno())
        del self.by_fd[sock.fileno()]
        sock.close()
        self.closes += 1

    def _connect(self, slot):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # IP_BIND_ADDRESS_NO_PORT: the port is chosen when the whole tuple is known.
        sock.setsockopt(socket.IPPROTO_IP, 24, 1)
        sock.bind(("127.0.0.%d" % (1 + slot.number % SOURCES), 0))
        try:
            sock.connect(self.addresses[slot.transport])
        except BlockingIOError:
            pass
        slot.sock, slot.state, slot.buffer = sock, CONNECTING, b""
        self.by_fd[sock.fileno()] = slot
        self.epoll.register(sock.fileno(), select.EPOLLOUT)
        self.logins += 1
        self.connects += 1

    def _drop(self, slot, abort=False):
        if slot.state not in (OFFLINE, ONLINE):
            self.logins -= 1
        self._close(slot.sock, abort)
        slot.sock, slot.state = None, OFFLINE
        # If this was a login that did not get through, the server still has the one before.
        for ghost in slot.ghosts:
            self._close(ghost.sock)
        slot.ghosts.clear()

    def _ready(self, slot, events):
        try:
            if slot.state == CONNECTING:
                error = slot.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if error:
                    raise ConnectionError(os.strerror(error))
                self.epoll.modify(slot.sock.fileno(), select.EPOLLIN)
                if slot.transport == "ws":
                    slot.state = UPGRADING
                    slot.sock.send(b"GET / HTTP/1.1\r\nHost: churn\r\nUpgrade: websocket\r\n"
                                   b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                   b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
                else:
                    self._greet(slot)
                return
            if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                self._read(slot)
        except ConnectionError:
            # Whoever wants to be online comes back.
            self.ended += 1
            self._drop(slot)
            if slot.wanted:
                self.waiting.insert(0, slot)

    def _greet(self, slot):
        frame = encode_connect(5, slot.flag, "device-%d" % slot.flag, slot.uid, "",
                               int(time.time() * 1000), CLIENT_KEY)
        if slot.transport == "ws":
            # A mask of zeros leaves the bytes as they are.
            length = struct.pack(">BH", 0xFE, len(frame)) if len(frame) > 125 else \
                bytes([0x80 | len(frame)])
            frame = b"\x82" + length + b"\0\0\0\0" + frame
        slot.state = GREETING
        slot.sock.send(frame)

    def _read(self, slot):
        data = slot.sock.recv(4096)
        if not data:
            raise ConnectionError("closed")
        if slot.state == ONLINE:
            return  # PONG
        slot.buffer += data
        if slot.state == UPGRADING:
            if b"\r\n\r\n" not in slot.buffer:
                return
            if b" 101 " not in slot.buffer[:20]:
                raise RuntimeError("no upgrade: %r" % slot.buffer[:100])
            slot.buffer = slot.buffer.split(b"\r\n\r\n", 1)[1]
            self._greet(slot)
        frame = slot.buffer[2:] if slot.transport == "ws" else slot.buffer
        # CONNACK: type and flags, length (one byte), version, eight bytes of time, the reason.
        if slot.state != GREETING or len(frame) < 12:
            return
        if frame[0] >> 4 != CONNACK or frame[11] != 1:
            raise RuntimeError("%s was answered with %r" % (slot.uid, frame[:40]))
        slot.state, slot.buffer = ONLINE, b""
        self.logins -= 1
