"""Thousands of sessions connect, flap and leave for a minute. Afterwards presence is exact, and the
server's memory is back where it was; with a webhook, every change was told exactly once.

Memory is compared with what the server holds after a first wave in which all clients came and went:
tables, thread caches and heaps have then grown to what so many sessions take, and a server that has
served them keeps them for the next ones. What is more than that after the churn has leaked. This
part runs without a webhook, because changes to be told go through the store, whose write buffers
fill up with whatever passes.

The clients are processes of their own (swarm.py): half of the sessions over TCP, half over
WebSocket, some users with two devices."""

import argparse
import multiprocessing
import pathlib
import resource
import sys
import time
from collections import Counter, defaultdict

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from harness import Server, wait_until  # noqa: E402
from swarm import Slot, Swarm  # noqa: E402
from webhook_receiver import Receiver  # noqa: E402

PROCESSES = 2
SPARE_FILES = 300
MEMORY_GROWTH = 1.10
# A page of /connz, and the users of one question about presence.
PAGE = 1000
APP, WEB = 0, 1


class Violation(Exception):
    """Something that must never happen."""


def raise_open_files(wanted):
    """As far as the system lets us; the server inherits it."""
    for hard in (max(wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
                 resource.getrlimit(resource.RLIMIT_NOFILE)[1]):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            break
        except (ValueError, OSError):
            continue
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def devices(count):
    """(uid, flag, transport) of every session: each eighth user has two devices."""
    out = []
    while len(out) < count:
        uid = "churn-%05d" % len(out)
        out.append((uid, APP, "tcp" if len(out) % 2 else "ws"))
        if len(out) % 8 == 0 and len(out) < count:
            out.append((uid, WEB, "tcp"))
    return out


def client_process(pipe, part, tcp, ws, seed):
    """Does what it is told, command by command."""
    slots = [Slot(uid, flag, transport, i) for i, (uid, flag, transport) in enumerate(part)]
    swarm = Swarm(slots, tcp, ws, seed)
    choice = swarm.random
    while True:
        command, *arguments = pipe.recv()
        try:
            if command == "quit":
                return
            if command == "all":
                swarm.bring(lambda slot, online=arguments[0]: online)
            elif command == "half":
                swarm.bring(lambda slot: choice.random() < 0.5)
            elif command == "churn":
                swarm.churn(*arguments)
            pipe.send(("done", swarm.online(), swarm.connects, swarm.ended))
        except Exception as error:  # noqa: BLE001 - reported by the main process
            pipe.send(("failed", repr(error)))


class Clients:
    """The client processes, told all the same at once."""

    def __init__(self, server, count, seed):
        self.devices = devices(count)
        self.workers = []
        self.connects = self.ended = 0
        context = multiprocessing.get_context("spawn")
        for number in range(PROCESSES):
            here, there = context.Pipe()
            # Both devices of a user in one process.
            part = [d for d in self.devices if hash_of(d[0]) % PROCESSES == number]
            process = context.Process(target=client_process, daemon=True,
                                      args=(there, part, server.tcp, server.ws,
                                            "%s-%d" % (seed, number)))
            process.start()
            self.workers.append((process, here))

    def tell(self, *command):
        """Returns the (uid, flag) pairs that are online when all are done."""
        for _, pipe in self.workers:
            pipe.send(command)
        answers = [pipe.recv() for _, pipe in self.workers]
        for answer in answers:
            if answer[0] != "done":
                raise Violation("a client process: %s" % answer[1])
        self.connects = sum(answer[2] for answer in answers)
        self.ended = sum(answer[3] for answer in answers)
        return [tuple(pair) for answer in answers for pair in answer[1]]

    def churn(self, seconds, rate):
        return self.tell("churn", seconds, rate / PROCESSES)

    def close(self):
        for process, pipe in self.workers:
            if process.is_alive():
                try:
                    pipe.send(("quit",))
                except OSError:
                    pass
                process.join(5)
            if process.is_alive():
                process.kill()
                process.join()


def hash_of(uid):
    return int(uid.rsplit("-", 1)[1])


def connections(server):
    """Every (uid, flag) of /connz."""
    out, offset = [], 0
    while True:
        answer = server.get("/connz", {"offset": offset, "limit": PAGE, "sort": "id"}).json()
        out += [(c["uid"], c["device_flag"]) for c in answer["connections"]]
        offset += PAGE
        if offset >= answer["total"]:
            return answer["total"], out


def online_status(server, uids):
    out = set()
    for start in range(0, len(uids), PAGE):
        for entry in server.must_post("/user/onlinestatus", uids[start : start + PAGE]):
            if entry["online"]:
                out.add((entry["uid"], entry["device_flag"]))
    return out


def check_presence(server, clients, expected):
    """/connz and /user/onlinestatus say exactly what the clients know."""
    # The ends of the last connections may still be on their way.
    def total():
        return server.get("/connz", {"limit": 1}).json()["total"] == len(expected)

    try:
        wait_until(total, 30, 0.1, what="the last connections to end")
    except AssertionError as error:
        raise Violation("%s: /connz counts %d, %d are online" % (
            error, server.get("/connz", {"limit": 1}).json()["total"], len(expected))) from None
    count, listed = connections(server)
    if Counter(listed) != Counter(expected) or count != len(expected):
        wrong = (Counter(listed) - Counter(expected)) + (Counter(expected) - Counter(listed))
        raise Violation("/connz is wrong about %d sessions: %s" % (
            sum(wrong.values()), list(wrong.items())[:5]))
    uids = sorted({uid for uid, _, _ in clients.devices})
    said = online_status(server, uids)
    if said != set(expected):
        raise Violation("/user/onlinestatus is wrong about %s" % sorted(said ^ set(expected))[:5])


def resident_kib(server):
    with open("/proc/%d/status" % server.process.pid) as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    raise Violation("the server is gone")


def settled_kib(server, good_enough=None):
    """The resident memory once it has stopped moving, or is no more than `good_enough`."""
    last, still = resident_kib(server), 0
    for _ in range(100):
        time.sleep(0.2)
        now = resident_kib(server)
        still = still + 1 if abs(now - last) <= 64 else 0
        last = now
        if good_enough is not None and now <= good_enough:
            break
        if still >= 10 and good_enough is None:
            break
    return last


def churn_and_measure(options):
    config = {"gateway.kickGrace": "200ms", "webhook.httpAddr": ""}
    with Server(config) as server:
        clients = Clients(server, options.sessions, options.seed)
        try:
            start = resident_kib(server)
            # Twice: the second wave finds what the first has made room for.
            for _ in range(2):
                online = clients.tell("all", True)
                full = resident_kib(server)
                check_presence(server, clients, online)
                if len(online) != len(clients.devices):
                    raise Violation("%d of %d came online" % (len(online), len(clients.devices)))
                check_presence(server, clients, clients.tell("all", False))
            before = settled_kib(server)
            print("churn: warmed up: %d KiB at the start, %d with %d sessions, %d after they left"
                  % (start, full, len(clients.devices), before), flush=True)
            warm = clients.connects
            clients.churn(options.seconds, options.sessions / 10)
            print("churn: %d logins in %d s, %d connections ended by the server"
                  % (clients.connects - warm, options.seconds, clients.ended), flush=True)
            half = clients.tell("half")
            check_presence(server, clients, half)
            check_presence(server, clients, clients.tell("all", False))
            bound = int(before * MEMORY_GROWTH)
            after = settled_kib(server, good_enough=bound)
            print("churn: presence exact with %d and with none online; memory %d KiB before, %d "
                  "after (%.1f %%)" % (len(half), before, after, 100.0 * after / before),
                  flush=True)
            if after > bound:
                raise Violation("memory grew from %d to %d KiB" % (before, after))
        except Exception:
            print(server.log_tail(), flush=True)
            raise
        finally:
            clients.close()


def churn_and_listen(options):
    """Smaller and shorter: the receiver is Python, too, and every change goes through the store."""
    sessions, seconds = max(options.sessions // 10, 8), max(options.seconds / 5, 2)
    receiver = Receiver()
    config = {"gateway.kickGrace": "200ms", "webhook.httpAddr": receiver.url,
              "webhook.focusEvents": "user.onlinestatus"}
    try:
        with Server(config) as server:
            clients = Clients(server, sessions, options.seed)
            try:
                clients.churn(seconds, sessions / 2)
                check_presence(server, clients, clients.tell("half"))
                check_presence(server, clients, clients.tell("all", False))
                check_told(receiver, clients)
            except Exception:
                print(server.log_tail(), flush=True)
                raise
            finally:
                clients.close()
    finally:
        receiver.close()


def told(receiver):
    out = []
    for text in receiver.heard("user.onlinestatus"):
        uid, *numbers = text.rsplit("-", 5)
        out.append((uid, *map(int, numbers)))
    return out


def check_told(receiver, clients):
    """Every session came once and went once, and the counts of each user go up and down by one."""
    def complete():
        changes = told(receiver)
        return len(changes) > 0 and len(changes) == 2 * len({c[3] for c in changes})

    try:
        wait_until(complete, 60, 0.5, what="all changes to be told")
    except AssertionError:
        pass  # what is missing or too much is named below
    changes = told(receiver)
    by_session, by_user = Counter(), defaultdict(list)
    for uid, flag, online, session, of_flag, of_user in changes:
        by_session[session, online] += 1
        by_user[uid].append((flag, online, session, of_flag, of_user))
    wrong = [key for key, count in by_session.items() if count != 1]
    wrong += [key for key in by_session if (key[0], 1 - key[1]) not in by_session]
    if wrong:
        raise Violation("told not exactly once: (session, online) %s" % wrong[:5])
    for uid, steps in by_user.items():
        total, of_flag = 0, Counter()
        for flag, online, session, said_flag, said_total in steps:
            step = 1 if online else -1
            total += step
            of_flag[flag] += step
            if (said_flag, said_total) != (of_flag[flag], total):
                raise Violation("%s: session %d was told with counts %d, %d instead of %d, %d" % (
                    uid, session, said_flag, said_total, of_flag[flag], total))
    print("churn: %d changes of %d users were told, each exactly once and in order"
          % (len(changes), len(by_user)), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", default=str(time.time_ns()))
    options = parser.parse_args()
    files = raise_open_files(options.sessions + SPARE_FILES)
    if files < options.sessions + SPARE_FILES:
        print("churn: %d sessions instead of %d: the limit of open files is %d"
              % (files - SPARE_FILES, options.sessions, files), flush=True)
        options.sessions = files - SPARE_FILES
    print("churn: seed %s" % options.seed, flush=True)
    try:
        churn_and_measure(options)
        churn_and_listen(options)
    except Exception as error:  # noqa: BLE001 - one line says it
        print("churn: failed: %s" % error)
        return 1
    print("churn: passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
