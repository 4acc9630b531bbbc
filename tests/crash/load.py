"""One thread of the crash test's load."""

import random
import threading


class Load(threading.Thread):
    """Does one thing after the other, until it is to stop or finds what must never be."""

    def __init__(self, uid, seed, server):
        super().__init__(daemon=True)
        self.uid, self.server = uid, server
        self.random = random.Random("%d-%s" % (seed, uid))
        self.stopping = threading.Event()
        self.error = None

    def run(self):
        try:
            while not self.stopping.is_set():
                self.one()
        except Exception as error:  # noqa: BLE001 - reported by the main thread
            self.error = error

    def one(self):
        raise NotImplementedError
