"""A TCP proxy on loopback that behaves like a bad network, and can be healed.

What it does to a connection is decided when that is accepted, by a seeded generator, so that a run can
be repeated (as far as threads allow). Each direction is treated on its own:

  clean   passes everything on
  bytes   every byte in a write of its own
  delay   pieces of random size, each after a short pause
  merge   waits and passes on what came meanwhile in one write
  stall   after some bytes nothing for a while, then everything
  hold    after some bytes nothing until heal()
  cut     after some bytes both sides are closed, most often within a frame; often with a reset
"""

import asyncio
import random
import threading

FAULTS = ("bytes", "delay", "merge", "stall", "cut")
UP, DOWN = "up", "down"  # client to server, server to client


class _Link:
    """One connection through the proxy."""

    def __init__(self, proxy, number, modes, rng):
        self.proxy, self.number, self.modes, self.rng = proxy, number, modes, rng
        self.writers = []
        self.budget = {way: rng.randrange(*proxy.fault_after) for way in (UP, DOWN)}

    def cut(self):
        for writer in self.writers:
            if self.rng.random() < 0.7:
                writer.transport.abort()
            else:
                writer.close()

    async def pump(self, way, reader, writer):
        try:
            while True:
                data = await reader.read(16384)
                if not data:
                    break
                self.proxy.record(self.number, way, data)
                await self._pass(way, data, reader, writer)
        except (ConnectionError, OSError):
            pass
        finally:
            # The end of one direction ends the other: all protocols here close as a whole.
            for each in self.writers:
                each.close()

    async def _pass(self, way, data, reader, writer):
        mode = "clean" if self.proxy.healed.is_set() else self.modes[way]
        if writer.transport.is_closing():
            raise ConnectionError
        if mode == "bytes":
            for i in range(len(data)):
                if writer.transport.is_closing():
                    raise ConnectionError
                writer.write(data[i : i + 1])
                if i % 16 == 0:
                    await writer.drain()
                # Lets the transport write each byte by itself.
                await asyncio.sleep(0)
            await writer.drain()
            return
        if mode == "delay":
            while data:
                size = self.rng.randrange(1, 200)
                await asyncio.sleep(self.rng.random() * 0.02)
                if writer.transport.is_closing():
                    raise ConnectionError
                writer.write(data[:size])
                data = data[size:]
        elif mode == "merge":
            await asyncio.sleep(self.rng.random() * 0.1)
            # What the other side wrote meanwhile is in the reader already.
            try:
                more = await asyncio.wait_for(reader.read(65536), 0.02)
                self.proxy.record(self.number, way, more)
                data += more
            except asyncio.TimeoutError:
                pass
            writer.write(data)
        elif mode in ("cut", "stall", "hold") and self.budget[way] >= 0:
            rest = data[self.budget[way] :] if len(data) > self.budget[way] else b""
            writer.write(data[: self.budget[way]])
            self.budget[way] -= len(data)
            if self.budget[way] < 0:
                await writer.drain()
                if mode == "cut":
                    self.proxy.cuts += 1
                    self.cut()
                    raise ConnectionError
                pause = self.rng.uniform(0.1, 0.8) if mode == "stall" else None
                try:
                    await asyncio.wait_for(self.proxy.healed.wait(), pause)
                except asyncio.TimeoutError:
                    pass
            writer.write(rest)
        else:
            writer.write(data)
        await writer.drain()


class FaultProxy:
    """Listens on `address` and connects to `target`. A context manager; runs on a thread of its own.

    `plan(number, rng)` names the faults of connection `number` (from 0) as a pair (up, down); unless
    given, they are drawn from FAULTS. `recorder(number, way, data)` is shown all bytes."""

    def __init__(self, target, seed, plan=None, recorder=None, fault_after=(20, 1500)):
        host, port = target.rsplit(":", 1)
        self.target = (host, int(port))
        self.fault_after = fault_after
        self.cuts = self.connections = 0
        self._rng = random.Random(seed)
        self._plan = plan or (lambda number, rng: (rng.choice(FAULTS), rng.choice(FAULTS)))
        self._recorder = recorder
        self._links = set()
        self.healed = asyncio.Event()
        self.address = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._up = threading.Event()

    def __enter__(self):
        self._thread.start()
        if not self._up.wait(10):
            raise RuntimeError("the proxy did not start")
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)

    def heal(self):
        """From now on nothing is disturbed; what was held is passed on."""
        self._loop.call_soon_threadsafe(self.healed.set)

    def cut_all(self):
        """Ends every connection."""
        def cut():
            for link in list(self._links):
                self.cuts += 1
                link.cut()
        self._loop.call_soon_threadsafe(cut)

    def record(self, number, way, data):
        if self._recorder is not None:
            self._recorder(number, way, data)

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self):
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = "%s:%d" % server.sockets[0].getsockname()
        self._up.set()
        await self._stop.wait()
        server.close()
        for link in list(self._links):
            link.cut()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, client_reader, client_writer):
        number, self.connections = self.connections, self.connections + 1
        up, down = self._plan(number, self._rng)
        link = _Link(self, number, {UP: up, DOWN: down}, random.Random(self._rng.random()))
        link.writers.append(client_writer)
        self._links.add(link)
        try:
            reader, writer = await asyncio.open_connection(*self.target)
            link.writers.append(writer)
            await asyncio.gather(link.pump(UP, client_reader, writer),
                                 link.pump(DOWN, reader, client_writer))
        except (ConnectionError, OSError, asyncio.CancelledError):
            client_writer.close()
        finally:
            self._links.discard(link)
