"""The server under test, by plain HTTP, and what checks ask of its answers.

Every name that is sent is made here and is random, so that nobody's data is touched. One request
uses one connection.
"""

import base64
import collections
import http.client
import json
import socket
import threading
import time
import urllib.parse
import uuid
import zlib

from contract import Fails, Unchecked

PERSON, GROUP = 1, 2
SENDBATCH = "/message/sendbatch"
# What a report shows of a request or an answer.
SHOWN_CHARS = 600
# A member that a changed item does not have.
ABSENT = object()


def fresh(kind):
    """A name that nobody has."""
    return "conformance-%s-%s" % (kind, uuid.uuid4().hex[:16])


SENDER, READER = fresh("sender"), fresh("reader")


def shorten(data):
    text = data.decode("utf-8", "backslashreplace") if isinstance(data, bytes) else data
    return text if len(text) <= SHOWN_CHARS else "%s… (%d characters)" % (
        text[:SHOWN_CHARS], len(text))


def base64_of(content):
    return base64.b64encode(content.encode() if isinstance(content, str) else content).decode()


def item(channel_id, content="hello", /, **changes):
    """An item of a batch to a group; `content` is the payload before base64."""
    out = {"payload": base64_of(content), "from_uid": SENDER,
           "channel_id": channel_id, "channel_type": GROUP}
    out.update(changes)
    return {name: value for name, value in out.items() if value is not ABSENT}


def is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


class Answer:
    """`sent`: the request as a report shows it. `status`: None when nothing came. `headers` by
    their names in lower case."""

    def __init__(self, sent, status, headers, body):
        self.sent, self.status, self.headers, self.body = sent, status, headers, body

    @property
    def came(self):
        if self.status is None:
            return "nothing"
        shown = "".join(" %s: %s;" % (name, self.headers[name]) for name in (
            "content-type", "content-encoding", "retry-after", "x-batch-failed")
            if name in self.headers)
        return shorten("%d%s %s" % (self.status, shown,
                                    self.body.decode("utf-8", "backslashreplace")))

    def json(self):
        """The decoded body; Fails when it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise Fails("the body of the answer is no JSON", self) from None

    def require(self, condition, why):
        if not condition:
            raise Fails(why, self)

    def require_status(self, *wanted):
        self.require(self.status in wanted, "the status is %d, not %s" % (
            self.status, " or ".join(str(status) for status in wanted)))
        return self

    def elements(self, count):
        """The elements of an answer of the array form, one for each of `count` items."""
        self.require_status(200)
        found = self.json()
        self.require(isinstance(found, list), "the answer is no array")
        self.require(len(found) == count,
                     "the answer has %d elements for %d items" % (len(found), count))
        self.require(all(isinstance(each, dict) for each in found), "an element is no object")
        return found


class Target:
    """`token`: sent as the header `token`; none when None. Times in seconds."""

    def __init__(self, url, token=None, timeout=15.0, patience=5.0, known=None):
        """Raises ValueError for a URL that is none. `patience`: for a message to be readable, for
        a job to end. `known`: what else the caller knows of this server, by its name."""
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise ValueError("%r is no address like http://127.0.0.1:5001" % url)
        self.secure, self.host = parts.scheme == "https", parts.hostname
        self.port = parts.port or (443 if self.secure else 80)
        self.prefix, self.url = parts.path.rstrip("/"), url
        self.known = {name: value for name, value in (known or {}).items() if value is not None}
        self.token, self.timeout, self.patience = token, timeout, patience
        # The newest Answer, and the newest to a batch that a check sent: for the report.
        self.last = self.last_batch = None
        self.statuses = collections.Counter()
        self.server_errors, self.unexplained_waits = [], []  # answers that two clauses look at
        self.lock = threading.Lock()
        self.marks = set()  # client_msg_no of what `stored` has sent

    # Requests.

    def request(self, method, path, body=None, headers=None, token=True, chunked=False):
        """`body`: bytes and str as they are, anything else as JSON. Fails without an answer."""
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        send = {"Content-Type": "application/json"} if body is not None else {}
        send.update(headers or {})
        if token and self.token is not None:
            send["token"] = self.token
        shown = "".join(" %s: %s;" % pair for pair in (headers or {}).items())
        sent = shorten("%s %s%s %s" % (method, path, shown,
                                       (body or b"").decode("utf-8", "backslashreplace")))
        connection = self._connection()
        try:
            try:
                connection.request(method, self.prefix + path, iter([body]) if chunked else body,
                                   send, encode_chunked=chunked)
            except ConnectionError:
                # A server may answer and close before it has read the whole request (RFC 9112,
                # 9.5): what it said, if anything, is still there to be read.
                if connection.sock is None:
                    raise
            return self._read(connection, sent)
        except socket.timeout:
            raise Fails("no answer within %g s" % self.timeout,
                        Answer(sent, None, {}, b"")) from None
        except (OSError, http.client.HTTPException) as error:
            raise Fails("no answer: %s: %s" % (type(error).__name__, error),
                        Answer(sent, None, {}, b"")) from None
        finally:
            connection.close()

    def announce(self, headers):
        """The answer to the header of a POST of a batch whose body is not sent."""
        sent = "POST %s %s, and no body" % (SENDBATCH, headers)
        connection = self._connection()
        try:
            connection.putrequest("POST", self.prefix + SENDBATCH)
            for name, value in headers.items():
                connection.putheader(name, value)
            if self.token is not None:
                connection.putheader("token", self.token)
            connection.endheaders()
            return self._read(connection, sent)
        except (OSError, http.client.HTTPException):
            return None  # as a server does that waits for the body, or closes without a word
        finally:
            connection.close()

    def cut(self, path, headers, part):
        """The answer to a POST of which `part` comes, in a chunk, and no more; None without one."""
        sent = shorten("POST %s, of which no more comes than %s" % (path, part.decode()))
        connection = self._connection()
        try:
            connection.putrequest("POST", self.prefix + path)
            for name, value in dict(headers, **{"Transfer-Encoding": "chunked"}).items():
                connection.putheader(name, value)
            if self.token is not None:
                connection.putheader("token", self.token)
            connection.endheaders()
            connection.send(b"%x\r\n%s\r\n" % (len(part), part))
            connection.sock.shutdown(socket.SHUT_WR)
            return self._read(connection, sent)
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _connection(self):
        kind = http.client.HTTPSConnection if self.secure else http.client.HTTPConnection
        return kind(self.host, self.port, timeout=self.timeout)

    def _read(self, connection, sent):
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        body = response.read()
        if headers.get("content-encoding") in ("gzip", "deflate"):
            body = zlib.decompress(body, zlib.MAX_WBITS | 32)  # whichever of the two it is
        answer = Answer(sent, response.status, headers, body)
        with self.lock:
            self.last = answer
            self.statuses[answer.status] += 1
            if answer.status == 500:
                self.server_errors.append(answer)
            if answer.status == 429 and "retry-after" not in headers:
                self.unexplained_waits.append(answer)
        return answer

    def post(self, path, body, **options):
        return self.request("POST", path, body, **options)

    def get(self, path, **query):
        return self.request("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))

    # Batches.

    def batch(self, body, query="", **options):
        self.last_batch = None
        return self.remember(self.post(SENDBATCH + ("?" + query if query else ""), body,
                                       **options))

    def remember(self, answer):
        """The answer, which a report shows unless a check names another one."""
        self.last_batch = answer
        return answer

    def accept(self, items, **options):
        """Sends items of which each has to be accepted; returns the elements of the answer."""
        answer = self.batch(items, **options)
        found = answer.elements(len(items))
        for index, element in enumerate(found):
            number = element.get("message_id")
            answer.require(is_integer(number) and number > 0,
                           "element %d has no message_id, so it was not sent" % index)
        return found

    def refuse(self, body, **options):
        """Sends what has to be answered with 400."""
        return self.batch(body, **options).require_status(400)

    def refuse_item(self, **changes):
        """An item like this is refused with 400, where one without the changes is accepted."""
        channel = fresh("group")
        answer = self.refuse([item(channel, **changes)])
        self.accept([item(channel)])
        return answer

    # Reading back.

    def history(self, channel_id, channel_type=GROUP, reader=READER):
        answer = self.post("/channel/messagesync", {
            "login_uid": reader, "channel_id": channel_id, "channel_type": channel_type,
            "start_message_seq": 1, "pull_mode": 1, "limit": 10000})
        if answer.status in (404, 405, 501):
            raise Unchecked("it has to be read back, and there is no POST /channel/messagesync",
                            answer)
        answer.require_status(200)
        found = answer.json()
        messages = found.get("messages") if isinstance(found, dict) else found
        answer.require(isinstance(messages, list), "messagesync answers no messages")
        answer.require(all(isinstance(each, dict) for each in messages), "a message is no object")
        return messages

    def stored(self, channel_id, channel_type=GROUP, reader=READER, **sender):
        """The messages of a channel, oldest first.

        A last message is sent and waited for, and is not among them: what was sent before and is
        not there then has not been stored, however slowly a server stores. In a person channel
        `reader` sends it."""
        mark, checked = fresh("mark"), self.last_batch
        self.marks.add(mark)
        if channel_type == PERSON:
            sender.setdefault("from_uid", reader)
        self.accept([item(channel_id, mark, channel_type=channel_type, client_msg_no=mark,
                          **sender)])
        self.last_batch = checked
        deadline = time.monotonic() + self.patience
        while True:
            messages = self.history(channel_id, channel_type, reader)
            if any(each.get("client_msg_no") == mark for each in messages):
                return [each for each in messages if each.get("client_msg_no") not in self.marks]
            if time.monotonic() > deadline:
                raise Fails("a message that was accepted could not be read within %g s"
                            % self.patience)
            time.sleep(0.05)

    def contents(self, channel_id, channel_type=GROUP, reader=READER):
        """The decoded payloads of a channel."""
        return [base64.b64decode(each.get("payload", ""))
                for each in self.stored(channel_id, channel_type, reader)]

    # What a check needs of the caller, and of other endpoints.

    def given(self, name, wish):
        """What the caller knows; Unchecked when he does not. `wish`: what it is."""
        if name not in self.known:
            raise Unchecked("it needs " + wish)
        return self.known[name]

    def setup(self, path, body):
        answer = self.post(path, body)
        if answer.status != 200:
            raise Unchecked("it needs POST %s, which is answered %d" % (path, answer.status),
                            answer)

    def deny(self, channel_id, uid):
        """Puts a user on the denylist of a group."""
        self.setup("/channel", {"channel_id": channel_id, "channel_type": GROUP,
                                "subscribers": [fresh("member")]})
        self.setup("/channel/blacklist_add",
                   {"channel_id": channel_id, "channel_type": GROUP, "uids": [uid]})
