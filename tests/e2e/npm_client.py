"""Runs the unmodified npm client (tests/clients/npm) in a Node process and talks to its driver."""

import fcntl
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time

from harness import ROOT

NPM_DIR = ROOT / "tests" / "clients" / "npm"


def install():
    """npm ci on first use; several test processes may come at once."""
    marker = NPM_DIR / "node_modules" / ".package-lock.json"
    with open(NPM_DIR / "package-lock.json", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if marker.exists() and marker.stat().st_mtime >= os.stat(lock.name).st_mtime:
            return
        done = subprocess.run(["npm", "ci"], cwd=NPM_DIR, capture_output=True, text=True,
                              timeout=300, check=False)
        if done.returncode != 0:
            raise RuntimeError("npm ci failed:\n" + done.stdout + done.stderr)
        marker.touch()


class NpmClient:
    """One user. Events are read in the background and waited for by kind."""

    def __init__(self, uid):
        install()
        self.uid = uid
        node = shutil.which("node") or shutil.which("nodejs")
        if node is None:
            raise RuntimeError("Node is not installed")
        self._log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [node, "--no-warnings", str(NPM_DIR / "driver.mjs")], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self._log, text=True, bufsize=1)
        self._events = queue.Queue()
        self._kept = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait("started", timeout=30)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def _read(self):
        for line in self.process.stdout:
            self._events.put(json.loads(line))
        self._events.put(None)

    def log(self):
        self._log.seek(0)
        return self._log.read()[-4000:]

    def command(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def wait(self, kind, timeout=15.0, **fields):
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
                    self.uid, kind, fields, timeout, self._kept, self.log())) from None
            if event is None:
                raise AssertionError("%s: the client ended; log:\n%s" % (self.uid, self.log()))
            if fits(event):
                return event
            self._kept.append(event)

    def connect(self, ws_address, token=""):
        self.command(op="connect", addr="ws://" + ws_address, uid=self.uid, token=token)
        return self.wait("status", status=1)

    def messages(self, count, timeout=15.0):
        return [self.wait("message", timeout) for _ in range(count)]

    def send(self, channel_id, channel_type, text):
        self.command(op="send", channel_id=channel_id, channel_type=channel_type, text=text)
        return self.wait("sending")["client_seq"]

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(5)
        self.process.stdout.close()
        self._log.close()
