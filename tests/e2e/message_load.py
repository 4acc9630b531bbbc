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

    def __init__(self, server, path, bodies, left_of, deadline):
        self.server, self.path, self.left_of, self.deadline = server, path, left_of, deadline
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
                body = self.left_of(body, json.loads(read))
                if body is None:
                    return
            with self.lock:
                self.refused += 1
            time.sleep(float(answer.headers.get("Retry-After", 1)))
        raise AssertionError("refused %d times: %r" % (REFUSALS_MAX, read[:600]))


def post_all(server, path, bodies, left_of=lambda body, answer: None, connections=4, seconds=600):
    """Posts each of `bodies` until it is answered 200, and how many refusals there were on the way.
    `left_of` makes of it and the answer what is to be posted again. Raises for any other answer, or
    after `seconds`."""
    posting = _Posting(server, path, bodies, left_of, time.monotonic() + seconds)
    with concurrent.futures.ThreadPoolExecutor(connections) as pool:
        for one in [pool.submit(posting.run) for _ in range(connections)]:
            one.result()
    return posting.refused


def _not_stored(body, results):
    failed = [n for n, one in enumerate(results) if not one["message_id"]]
    if not failed:
        return None
    for n in failed:
        assert results[n]["retriable"], results[n]
    items = json.loads(body)
    return json.dumps([items[n] for n in failed]).encode()


def send_all(server, bodies, **options):
    """The same for batches: items that waited too long are sent again until all are stored."""
    return post_all(server, "/message/sendbatch", bodies, _not_stored, **options)
