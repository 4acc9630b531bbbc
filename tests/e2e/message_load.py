"""Many requests to a server over a few kept connections, for tests and measurements that fill it."""

import concurrent.futures
import http.client
import json
import threading
import time

# A refusal says when to come back; a server that never takes it is a failure.
REFUSALS_MAX = 200


def person_batches(users, size, payload, client_msg_no=True, first=0):
    """Bodies of batches that send a message to each of `users` users, from one sender; `payload` is
    base64. Every message makes a channel of two and gives two users a conversation."""
    for start in range(first, first + users, size):
        yield _batch(f'"channel_id":"user-{n}","channel_type":1,"payload":"{payload}"'
                     + (f',"client_msg_no":"no-{n}"' if client_msg_no else "")
                     for n in range(start, min(start + size, first + users)))


def group_batches(messages, size, payload, groups, client_msg_no=True):
    """The same for `messages` messages to that many groups in turns, which nobody has to have made."""
    for start in range(0, messages, size):
        yield _batch(f'"channel_id":"group-{n % groups}","channel_type":2,"payload":"{payload}"'
                     + (f',"client_msg_no":"no-{n}"' if client_msg_no else "")
                     for n in range(start, min(start + size, messages)))


def _batch(members):
    return ("[" + ",".join('{"from_uid":"sender",' + one + "}" for one in members) + "]").encode()


class _Posting:
    """What the threads share."""

    def __init__(self, server, path, bodies, check, deadline):
        self.server, self.path, self.check, self.deadline = server, path, check, deadline
        self.bodies = iter(bodies)
        self.lock = threading.Lock()
        self.refused = 0
        self.failed = False

    def next_body(self):
        with self.lock:
            return None if self.failed else next(self.bodies, None)

    def run(self):
        host, port = self.server.http.rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=120)
        try:
            while (body := self.next_body()) is not None:
                self.post(connection, body)
        except BaseException:
            self.failed = True
            raise
        finally:
            connection.close()

    def post(self, connection, body):
        for _ in range(REFUSALS_MAX):
            if time.monotonic() > self.deadline:
                raise AssertionError("it takes longer than it may")
            connection.request("POST", self.path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            read = answer.read()
            if answer.status not in (429, 503):
                assert answer.status == 200, (answer.status, read[:600])
                self.check(json.loads(read))
                return
            with self.lock:
                self.refused += 1
            time.sleep(float(answer.headers.get("Retry-After", 1)))
        raise AssertionError("refused %d times: %r" % (REFUSALS_MAX, read[:600]))


def post_all(server, path, bodies, check=lambda answer: None, connections=4, seconds=600):
    """Posts each of `bodies` until it is answered 200, and how many refusals there were on the way.
    `check` looks at each answer. Raises for any other answer, or after `seconds`."""
    posting = _Posting(server, path, bodies, check, time.monotonic() + seconds)
    with concurrent.futures.ThreadPoolExecutor(connections) as pool:
        for one in [pool.submit(posting.run) for _ in range(connections)]:
            one.result()
    return posting.refused


def _all_stored(results):
    assert all(one["message_id"] for one in results), [one for one in results
                                                       if not one["message_id"]][:3]


def send_all(server, bodies, **options):
    """The same for batches: every item of each has to be stored."""
    return post_all(server, "/message/sendbatch", bodies, _all_stored, **options)
