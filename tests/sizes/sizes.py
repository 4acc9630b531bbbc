"""How big a machine does a server need? Measures what sessions, channels, users and messages take of
memory and disk, how many messages a second one and two processors store, and whether 512 MiB are
enough for the messages of a million users, and prints a table for docs/performance.md.

Each section has new servers on new directories. Sessions and rates are measured by `jindou bench`;
the rest is filled over HTTP here. Memory is what is resident (VmRSS) once it has stopped moving.

Caches and write buffers fill with whatever comes first, up to their limits, and would hide what one
channel takes: where that is measured they are as small as they can be, and filled beforehand."""

import argparse
import base64
import collections
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from control_group import ControlGroup, Unavailable  # noqa: E402
from harness import PERSON, Server, binary, wait_until  # noqa: E402
from message_load import group_batches, person_batches, post_all, send_all  # noqa: E402

KIB, MIB = 1 << 10, 1 << 20
BATCH = 1000
GROUPS = 1000
MEMBERS = 10
# So many messages fill the write buffers and the cache of SMALL several times.
FILLING = 200_000
SMALL = {"storage.writeBufferBytes": "1MiB", "storage.blockCacheBytes": "1MiB",
         "storage.preparedLogs": "false"}
# Everything that a message of the past left behind is merged when one more has gone.
COMPACTING = {"retention.compactAfterRows": "1", "retention.interval": "1s"}
LIMIT = 512 * MIB

Row = collections.namedtuple("Row", "what value how")


class Failed(Exception):
    """What must not happen, or cannot be measured here."""


def say(text):
    print("sizes: " + text, file=sys.stderr, flush=True)


# What a server takes.


def status_bytes(server, name):
    text = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(rf"^{name}:\s+(\d+) kB$", text, re.M).group(1)) * KIB


def settled(server):
    """Resident bytes: two seconds within 64 KiB, or the last ones after a minute. The allocator gives
    back after five seconds what is not used."""
    time.sleep(6)
    last, still = status_bytes(server, "VmRSS"), 0
    for _ in range(300):
        time.sleep(0.2)
        now = status_bytes(server, "VmRSS")
        still = still + 1 if abs(now - last) <= 64 * KIB else 0
        last = now
        if still >= 10:
            break
    return last


def tables_bytes(server):
    """Of all table files, which hold everything once the write buffers are written out."""
    total = 0
    for directory, _, names in os.walk(server.data_dir):
        for name in names:
            if name.endswith(".sst"):
                try:
                    total += os.stat(os.path.join(directory, name)).st_size
                except FileNotFoundError:
                    pass  # merged meanwhile
    return total


def gauge(server, name):
    text = server.get("/metrics").body.decode()
    return float(re.search(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M).group(1))


def restart(server, **config):
    """A stop writes the write buffers to table files."""
    server.config.update(config)
    server.restart(graceful=True)


def compacted(server):
    """Has everything merged, and returns the bytes of the table files."""
    restart(server, **COMPACTING)
    message = {"from_uid": "sizes", "channel_id": "sizes", "channel_type": 2, "expire": 1,
               "payload": base64.b64encode(b"goes").decode()}
    server.must_batch([message])
    wait_until(lambda: gauge(server, "jindou_retention_expired_total") >= 1, timeout=300,
               interval=0.5, what="the message to go")
    last, still, begun = tables_bytes(server), 0, time.monotonic()
    while still < 10:
        time.sleep(1)
        now = tables_bytes(server)
        quiet = now == last and gauge(server, "jindou_rocksdb_running_compactions") == 0
        still = still + 1 if quiet else 0
        last = now
        if time.monotonic() > begun + 1800:
            raise Failed("the tables are still being merged after half an hour")
    return last


def payload_of(size):
    """Letters, in base64; tables are not compressed, so that it does not matter which."""
    return base64.b64encode(b"x" * size).decode()


# The sections. Each returns rows.


def idle(options):
    with new_server(options) as server:
        value = settled(server)
    return [Row("a server with an empty store", f"{value / MIB:.0f} MiB", "all defaults")]


def sessions(options):
    rows = bench(options, "--only", "memory", "--memory-sessions", options.sessions)
    names = {"memory_tcp": "TCP", "memory_ws": "WebSocket", "memory_tls": "TLS"}
    return [Row(f"an idle session, {names[row['name']]}", f"{row['value']:.1f} KiB",
                f"{int(row['sessions']):,} of them; the kernel's sockets are not in it")
            for row in rows]


def channels(options):
    members = [f"member-{n}" for n in range(MEMBERS)]

    def fill(server, first, count):
        bodies = (json.dumps({"channel_id": f"channel-{n}", "channel_type": 2,
                              "subscribers": members}) for n in range(first, first + count))
        post_all(server, "/channel", (body.encode() for body in bodies), seconds=1800)
        # A message each, so that all are in memory.
        send_all(server, group_of_each(first, count), seconds=1800)

    return stored(options, f"a group of {MEMBERS} with one message of 100 bytes", fill)


def group_of_each(first, count):
    payload = payload_of(100)
    for start in range(first, first + count, BATCH):
        yield json.dumps([
            {"from_uid": "member-0", "channel_id": f"channel-{n}", "channel_type": 2,
             "payload": payload}
            for n in range(start, min(start + BATCH, first + count))]).encode()


def users(options):
    def fill(server, first, count):
        send_all(server, person_batches(count, BATCH, payload_of(100), client_msg_no=False,
                                        first=first), seconds=1800)

    return stored(options, "a user with one conversation and its message of 100 bytes", fill)


def stored(options, what, fill):
    """`fill(server, first, count)` makes that many of what is measured."""
    count = options.channels
    with new_server(options, **SMALL) as server:
        send_all(server, group_batches(FILLING, BATCH, payload_of(200), GROUPS, client_msg_no=False),
                 seconds=1800)
        fill(server, 0, 1000)  # what is made once for all of them
        before = settled(server)
        fill(server, 1000, count)
        used = settled(server) - before
        say(f"{what}: {used / count:.0f} bytes of memory in use")
    with new_server(options, **SMALL) as server:
        empty_bytes = compacted(server)
        restart(server)
        empty = settled(server)
        fill(server, 0, count)
        disk = compacted(server) - empty_bytes
        restart(server)
        rest = settled(server) - empty
    return [Row(f"{what}: memory when in use", f"{max(used, 0) / count:,.0f} bytes",
                f"{count:,} of them, each sent to; at most `core.channelCacheCount` are in memory"),
            Row("… memory when at rest", f"{max(rest, 0) / count:,.0f} bytes",
                "the same, after a restart"),
            Row("… disk", f"{disk / count:,.0f} bytes", "table files, merged")]


def disk(options):
    rows = []
    for size in (100, 1000):
        for numbered in (True, False):
            with new_server(options) as server:
                begun = time.monotonic()
                send_all(server, group_batches(options.messages, BATCH, payload_of(size), GROUPS,
                                               numbered), seconds=3600)
                say(f"{options.messages} messages of {size} bytes stored in "
                    f"{time.monotonic() - begun:.0f} s")
                restart(server)
                before = tables_bytes(server) / options.messages
                after = compacted(server) / options.messages
            of_whom = "of the sender" if numbered else "that the server makes"
            rows.append(Row(
                f"a message of {size} bytes with a `client_msg_no` {of_whom}, disk",
                f"{after:,.0f} bytes",
                f"{options.messages:,} to {GROUPS:,} groups, table files, merged; "
                f"{before:,.0f} right after they were sent; index and commit records in it"))
    return rows


def rates(options):
    """The generator gets processors of its own as far as there are any left."""
    usable = sorted(os.sched_getaffinity(0))
    rows = []
    for count in (1, 2):
        if len(usable) < count:
            say(f"no row for {count} processors: this machine has {len(usable)}")
            continue
        mine, others = usable[:count], usable[count:]
        with tempfile.NamedTemporaryFile("w", suffix=".sh", dir=options.data_dir,
                                         delete=False) as script:
            script.write(f"#!/bin/sh\nexec taskset -c {processors(mine)} '{binary()}' \"$@\"\n")
        try:
            os.chmod(script.name, 0o700)
            measured = bench(options, "--only", "batch,single,client", "--server", script.name,
                             "--rounds", 3, prefix=["taskset", "-c", processors(others or mine)])
        finally:
            os.unlink(script.name)
        values = {row["name"]: row["value"] for row in measured}
        shared = "" if others else "; the generator is on the same"
        many = "1 processor" if count == 1 else f"{count} processors"
        for name, what in (("batch", "batches of 100"), ("single", "single sends, 64 connections"),
                           ("client", "sends of 64 clients")):
            rows.append(Row(f"{what}, {many}", f"{values[name]:,.0f} messages/s",
                            f"200 bytes each{shared}"))
    return rows


def processors(numbers):
    return ",".join(map(str, numbers))


def million(options):
    """A real control group: who takes more is killed."""
    try:
        group = ControlGroup(memory=LIMIT)
        group.__enter__()
    except Unavailable as why:
        say(f"no row for 512 MiB: {why}")
        return []
    try:
        with new_server(options, wrapper=lambda _: group.words()) as server:
            server.wait_for_log("caches and buffers are made for 512 MiB: the limit of the control "
                                "group")
            begun = time.monotonic()
            refused = send_all(server, person_batches(options.users, BATCH, payload_of(200)),
                               seconds=options.minutes * 60)
            took = time.monotonic() - begun
            peak = status_bytes(server, "VmHWM")
            # Killed in the middle, and started in the same group: the log is replayed.
            server.restart()
            again = settled(server)
            last = server.max_seq("sender", PERSON, f"user-{options.users - 1}")
            if group.killed() or last != 1 or server.get("/health").status != 200:
                raise Failed(f"512 MiB: {group.killed()} killed for want of memory, last seq {last}")
        return [Row(f"one message each to {options.users:,} users within 512 MiB",
                    f"{peak / MIB:.0f} MiB at most",
                    f"a control group, all defaults; {options.users / took:,.0f} messages/s, "
                    f"{refused} batches refused in part or whole, and repeated; {again / MIB:.0f} MiB after a kill and "
                    "a start")]
    finally:
        group.remove()


SECTIONS = {"idle": idle, "sessions": sessions, "channels": channels, "users": users, "disk": disk,
            "rates": rates, "million": million}


def new_server(options, wrapper=None, **config):
    """On a directory of its own, which goes with it."""
    return ServerOnDisk(options.data_dir, config, wrapper)


class ServerOnDisk(Server):
    def __init__(self, parent, config, wrapper):
        self._holder = tempfile.TemporaryDirectory(prefix="jindou-sizes-", dir=parent)
        super().__init__(config, data_dir=self._holder.name, wrapper=wrapper)

    def __exit__(self, kind, *unused):
        if kind is not None:
            say("the end of the log:\n" + self.log_tail())
        self.destroy()
        self._holder.cleanup()


def bench(options, *arguments, prefix=()):
    with tempfile.NamedTemporaryFile(suffix=".json", dir=options.data_dir) as out:
        command = [*prefix, binary(), "bench", "--data-dir", options.data_dir, "--json", out.name,
                   *map(str, arguments)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              check=False)
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)} ended with {done.returncode}")
        return json.loads(pathlib.Path(out.name).read_text())["rows"]


def machine():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", text, re.M)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    version = subprocess.run([binary(), "version"], stdout=subprocess.PIPE, text=True,
                             check=False).stdout.splitlines()
    return (f"{len(os.sched_getaffinity(0))} processors ({model[1] if model else 'unknown'}), "
            f"{memory / (1 << 30):.0f} GiB of memory, Linux {platform.release()}; "
            f"{version[0] if version else 'an unknown version'}")


def print_table(rows):
    print("| | takes | how |\n| --- | --- | --- |")
    for row in rows:
        print(f"| {row.what} | {row.value} | {row.how} |")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--only", default=",".join(SECTIONS), metavar="NAME,...",
                        help="some of: " + ", ".join(SECTIONS))
    parser.add_argument("--data-dir", default=tempfile.gettempdir(),
                        help="where the directories of the servers are made: which disk is measured")
    parser.add_argument("--sessions", type=int, default=20_000, help="idle, on each transport")
    parser.add_argument("--channels", type=int, default=50_000, help="channels, and users")
    parser.add_argument("--messages", type=int, default=500_000, help="of each size, for the disk")
    parser.add_argument("--users", type=int, default=1_000_000, help="within 512 MiB")
    parser.add_argument("--minutes", type=float, default=15, help="that their messages may take")
    options = parser.parse_args()
    wanted = options.only.split(",")
    if unknown := [name for name in wanted if name not in SECTIONS]:
        parser.error("no such section: " + ", ".join(unknown))
    rows, status = [], 0
    for name in wanted:
        begun = time.monotonic()
        try:
            rows += SECTIONS[name](options)
        except (Failed, AssertionError, OSError, RuntimeError) as error:
            # What others have measured is still worth reading.
            say(f"{name}: failed: {error}")
            status = 1
        else:
            say(f"{name}: {time.monotonic() - begun:.0f} s")
    print(machine() + "\n")
    print_table(rows)
    return status


if __name__ == "__main__":
    sys.exit(main())
