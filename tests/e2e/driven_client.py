"""A real client library in a process of its own, driven by JSON lines on its standard streams.

Every driver below tests/clients understands the same commands and reports the same events:

  {"op":"connect","addr","uid","token"}      addr as that library wants it
  {"op":"send","channel_id","channel_type","text"}
  {"op":"sync","channel_id","channel_type","start"}   where the library has an interface for it
  {"op":"disconnect"}

  {"event":"started"}
  {"event":"status","status","reason"}       1 connected, 0 disconnected, 3 refused, 4 kicked
  {"event":"message", from_uid, channel_id, channel_type, message_id, message_seq, client_msg_no, text}
  {"event":"sending","client_seq"}           the number by which the sendack is found
  {"event":"sendack", client_seq, message_id, message_seq, reason}
  {"event":"synced","messages":[...]}
"""

import contextlib
import json
import queue
import subprocess
import tempfile
import threading
import time


class Driver:
    """The process. Events go to the queue of the client they name ("client", or "" without)."""

    def __init__(self, command, env=None):
        self._log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self._log, text=True, bufsize=1, env=env)
        self._queues, self._lock, self._ended = {}, threading.Lock(), False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def queue(self, client) -> queue.Queue:
        with self._lock:
            events = self._queues.setdefault(client, queue.Queue())
            if self._ended:
                events.put(None)
            return events

    def _read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            self.queue(event.get("client", "")).put(event)
        with self._lock:
            self._ended = True
            for events in self._queues.values():
                events.put(None)

    def write(self, command):
        with self._lock, contextlib.suppress(BrokenPipeError):
            # A driver that has ended shows in the next wait(), with its log.
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()

    def log(self):
        self._log.seek(0)
        return self._log.read()[-4000:]

    def close(self):
        if self.process.poll() is None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(5)
        self.process.stdout.close()
        self._log.close()


class DrivenClient:
    """One user. Events are read in the background and waited for by kind."""

    def __init__(self, uid, driver, client=""):
        self.uid, self.driver, self._client = uid, driver, client
        self._events, self._kept = driver.queue(client), []

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def command(self, **command):
        if self._client:
            command["client"] = self._client
        self.driver.write(command)

    def wait(self, kind, timeout=20.0, **fields):
        """The next event of this kind (with these fields); other events are kept."""
        def fits(event):
            return event["event"] == kind and all(event.get(k) == v for k, v in fields.items())

        for i, event in enumerate(self._kept):
            if fits(event):
                return self._kept.pop(i)
        deadline = time.monotonic() + timeout
        while True:
            try:
                event = self._events.get(timeout=max(0.001, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError("%s: no %s %r within %.0f s; kept %r; log:\n%s" % (
                    self.uid, kind, fields, timeout, self._kept, self.driver.log())) from None
            if event is None:
                raise AssertionError("%s: the client ended; kept %r; log:\n%s" % (
                    self.uid, self._kept, self.driver.log()))
            if fits(event):
                return event
            self._kept.append(event)

    def drain(self, kind) -> list:
        """The events of this kind that are there already."""
        while True:
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                break
            if event is None:
                self._events.put(None)
                break
            self._kept.append(event)
        found = [event for event in self._kept if event["event"] == kind]
        self._kept = [event for event in self._kept if event["event"] != kind]
        return found

    def connect(self, address, token="", **options):
        self.command(op="connect", addr=address, uid=self.uid, token=token, **options)
        return self.wait("status", status=1)

    def messages(self, count, timeout=20.0):
        return [self.wait("message", timeout) for _ in range(count)]

    def send(self, channel_id, channel_type, text):
        """Returns the number by which the "sendack" can be waited for."""
        self.command(op="send", channel_id=channel_id, channel_type=channel_type, text=text)
        return self.wait("sending")["client_seq"]

    def sync(self, channel_id, channel_type, start) -> list:
        """The channel's messages from `start` on, through the library's own interface."""
        self.command(op="sync", channel_id=channel_id, channel_type=channel_type, start=start)
        return self.wait("synced")["messages"]

    def close(self):
        self.driver.close()
