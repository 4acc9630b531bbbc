"""Load of the crash test that is not only sends: lists, the end of channels and their revival,
deletions, what users read and hide, tokens, system accounts, templates, limits, events of messages,
and messages that are edited and recalled, with the commands that tell clients of it.

Each changer has groups and users of its own and one change on its way at most. So it knows what
must be readable whenever the connection breaks: everything that was acknowledged, nothing of what
was refused, and of the change on its way all or nothing. That is compared before the change is
asked for again, as a caller would, until it is acknowledged."""

import base64
import contextlib
import copy
import http.client
import json
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from harness import GROUP, b64  # noqa: E402
from load import Load  # noqa: E402
from wkproto import Client, Closed, Timeout  # noqa: E402

GIVE_UP_SECONDS = 60.0
GROUPS, USERS = 3, 6
LONG_LIST = 300  # members; changed in slices, over several commits
NOTES = 100  # messages of a group whose messages are edited and recalled; then there is another one
RECALLED = b64("{}")


class Violation(Exception):
    """Something that must never happen."""


class Lost(Exception):
    """The server did not answer: what was asked for may have happened or not."""


class Group:
    """What must be readable of a group."""

    def __init__(self):
        self.members, self.denied, self.allowed = set(), set(), set()
        self.disbanded = False
        self.retention = None
        self.last_seq = 0
        self.messages = {}  # seq -> client_msg_no
        self.views = {}  # uid -> View, of whoever sees the group

    def sees(self, uid):
        return uid in self.members and uid not in self.denied and not self.disbanded

    def follow_lists(self, joined=()):
        """Views come and go with the lists."""
        for uid in list(self.views):
            if not self.sees(uid):
                del self.views[uid]
        for uid in self.members:
            if self.sees(uid) and (uid not in self.views or uid in joined):
                # Whoever may read again has everything before them.
                self.views[uid] = View(self.last_seq if uid in joined else 0)


class View:
    def __init__(self, read_to):
        self.read_to, self.hidden_to = read_to, 0


class Note:
    """What must be readable of a message that is edited and recalled."""

    def __init__(self, payload):
        self.payload, self.version, self.recalled = payload, 0, False


class Board:
    """A group whose messages are edited and recalled. Its one member stays and reads nothing."""

    def __init__(self, name):
        self.name, self.watcher = name, name + "-watcher"
        self.notes = {}  # client_msg_no -> Note, in the order of the seqs
        self.commands = []  # (cmd, client_msg_no, edit_version) that the member is told, in order


class State:
    """All that one changer has been told is so."""

    def __init__(self):
        self.groups = {}
        self.tokens = {}  # uid -> token
        self.accounts = set()
        self.templates = {}  # name -> payload of the newest version
        self.text = {}  # client_msg_no of an anchor -> (group, text)
        self.board = None  # the Board that is written on


class Changer(Load):
    def __init__(self, number, seed, server):
        super().__init__("changer%d" % number, seed, server)
        self.state = State()
        self.groups = ["%s-g%d" % (self.uid, n) for n in range(GROUPS)]
        self.state.groups = {name: Group() for name in self.groups}
        self.users = ["%s-u%d" % (self.uid, n) for n in range(USERS)]
        # Who sends is a system account, whom no list keeps out.
        self.bot = self.uid + "-bot"
        server.must_post("/user/systemuids_add", {"uids": [self.bot]})
        self.state.accounts = {self.bot}
        self.sent = {}  # client_msg_no -> (body, (seq, id))
        self.versions = {}  # of templates, that were told: name -> the last one
        self.numbers = 0
        self.changes = self.refusals = self.repeats = self.interrupted = 0
        self.edits = self.recalls = 0
        self.full = []  # boards that stay as they are
        self.pin_up()

    def pin_up(self):
        """An empty board."""
        board = Board("%s-board%d" % (self.uid, len(self.full)))
        self.must_post("/channel", {**self.place(board.name), "subscribers": [board.watcher]})
        self.state.board = board

    def must_post(self, path, body):
        """Of what may be done again."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            try:
                return self.ask(path, body)
            except Lost:
                time.sleep(0.01)
        raise Violation("%s is not answered within %.0f s" % (path, GIVE_UP_SECONDS))

    # One change.

    def one(self):
        """Chooses a change, asks for it until it is answered, and follows it."""
        action = self.random.choices(
            (self.members, self.denied, self.allowed, self.dissolve, self.send, self.repeat,
             self.clear, self.delete, self.read, self.hide, self.token, self.account,
             self.template, self.retention, self.event, self.note, self.edit, self.recall,
             self.refused),
            (12, 8, 4, 2, 30, 6, 3, 6, 8, 4, 5, 4, 4, 3, 10, 10, 12, 6, 6))[0]
        asked = action()
        if asked is None:
            return
        path, body, follow = asked
        after = copy.deepcopy(self.state)
        follow(after)
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while True:
            try:
                answer = self.post(path, body)
                break
            except Lost:
                self.interrupted += 1
                self.verify_either(after, path)
            if time.monotonic() > deadline:
                raise Violation("%s is not answered within %.0f s" % (path, GIVE_UP_SECONDS))
        if action == self.refused:
            if answer.status == 200:
                raise Violation("%s %r was to be refused: %r" % (path, body, answer))
            self.refusals += 1
            return
        if answer.status != 200:
            raise Violation("%s %r: %r" % (path, body, answer))
        if path == "/message/send":
            self.note_sent(body, answer.json(), after)
        if path in ("/message/edit", "/message/recall"):
            self.note_revised(path, body, answer.json(), after)
        if path == "/templates":
            self.note_version(body["name"], answer.json()["version"])
        self.state = after
        self.changes += 1

    def post(self, path, body):
        try:
            answer = self.server.post(path, body, timeout=10)
        except (OSError, http.client.HTTPException):
            raise Lost from None
        if answer.status in (500, 503, 429):
            time.sleep(0.01)
            raise Lost
        return answer

    def group(self, wanted=lambda group: True):
        names = [name for name in self.groups if wanted(self.state.groups[name])]
        return self.random.choice(names) if names else None

    def place(self, name):
        return {"channel_id": name, "channel_type": GROUP}

    def some_users(self):
        if self.random.random() < 0.15:
            crowd = ["%s-many%d" % (self.uid, n) for n in range(LONG_LIST)]
            return crowd + self.random.sample(self.users, 2)
        return self.random.sample(self.users, self.random.randrange(1, 4))

    def members(self):
        name = self.group()
        group = self.state.groups[name]
        kind = self.random.choice(("add", "add", "remove", "reset", "create"))
        if group.disbanded:
            kind = "create"  # brings it back
        uids = self.some_users()
        body = {**self.place(name), "subscribers": uids}
        path = {"add": "/channel/subscriber_add", "remove": "/channel/subscriber_remove",
                "reset": "/channel/subscriber_add", "create": "/channel"}[kind]
        if kind == "reset":
            body["reset"] = 1

        def follow(state):
            now = state.groups[name]
            now.disbanded = False
            before = set(now.members)
            if kind == "remove":
                now.members -= set(uids)
            elif kind == "add":
                now.members |= set(uids)
            elif kind == "reset":
                now.members = set(uids)
            else:
                now.members |= set(uids)
            now.follow_lists(joined=now.members - before)
        return path, body, follow

    def denied(self):
        name = self.group(lambda group: not group.disbanded)
        if name is None:
            return None
        kind = self.random.choice(("add", "remove", "set"))
        uids = self.random.sample(self.users, self.random.randrange(1, 3))

        def follow(state):
            now = state.groups[name]
            now.denied = {"add": now.denied | set(uids), "remove": now.denied - set(uids),
                          "set": set(uids)}[kind]
            now.follow_lists()
        return "/channel/blacklist_" + kind, {**self.place(name), "uids": uids}, follow

    def allowed(self):
        name = self.group(lambda group: not group.disbanded)
        if name is None:
            return None
        kind = self.random.choice(("add", "remove", "set"))
        uids = self.random.sample(self.users, self.random.randrange(1, 3))

        def follow(state):
            now = state.groups[name]
            now.allowed = {"add": now.allowed | set(uids), "remove": now.allowed - set(uids),
                           "set": set(uids)}[kind]
        return "/channel/whitelist_" + kind, {**self.place(name), "uids": uids}, follow

    def dissolve(self):
        name = self.group(lambda group: not group.disbanded)
        if name is None:
            return None

        def follow(state):
            now = state.groups[name]
            now.disbanded = True
            now.members, now.denied, now.allowed = set(), set(), set()
            now.messages, now.retention = {}, None
            now.follow_lists()
        return "/channel/delete", self.place(name), follow

    def message(self, name, **more):
        self.numbers += 1
        return {**self.place(name), "from_uid": self.bot, "payload": b64("text %d" % self.numbers),
                "client_msg_no": "%s-n%d" % (self.uid, self.numbers), **more}

    def send(self):
        name = self.group(lambda group: not group.disbanded)
        if name is None:
            return None
        body = self.message(name, **({"is_stream": 1} if self.random.random() < 0.2 else {}))

        def follow(state):
            now = state.groups[name]
            now.last_seq += 1
            now.messages[now.last_seq] = body["client_msg_no"]
            if "is_stream" in body:
                state.text[body["client_msg_no"]] = (name, "")
        return "/message/send", body, follow

    def note_sent(self, body, answer, after):
        got = (answer["message_seq"], answer["message_id"])
        number = body["client_msg_no"]
        if number in self.sent and self.sent[number][1] != got:
            raise Violation("%s was %r and is now %r" % (number, self.sent[number][1], got))
        self.sent[number] = (body, got)
        if body["channel_id"] not in after.groups:
            return  # a note; board_differs() looks at its place
        group = after.groups[body["channel_id"]]
        if number in group.messages.values() and group.messages.get(got[0]) != number:
            raise Violation("%s was to be %d and is %r" % (number, group.last_seq, got))

    def repeat(self):
        """A send of before, whatever became of the message."""
        numbers = [number for number, (body, _) in self.sent.items()
                   if body["channel_id"] not in self.state.groups
                   or not self.state.groups[body["channel_id"]].disbanded]
        if not numbers:
            return None
        self.repeats += 1
        return "/message/send", self.sent[self.random.choice(numbers)][0], lambda state: None

    def clear(self):
        name = self.group(lambda group: group.messages)
        if name is None:
            return None
        up_to = self.random.choice(sorted(self.state.groups[name].messages))

        def follow(state):
            now = state.groups[name]
            now.messages = {seq: number for seq, number in now.messages.items() if seq > up_to}
        return ("/channel/clear_messages",
                {**self.place(name), "login_uid": "reader", "message_seq": up_to}, follow)

    def delete(self):
        name = self.group(lambda group: group.messages)
        if name is None:
            return None
        seqs = sorted(self.state.groups[name].messages)
        gone = self.random.sample(seqs, min(len(seqs), self.random.randrange(1, 4)))

        def follow(state):
            for seq in gone:
                del state.groups[name].messages[seq]
        return ("/message/delete",
                {**self.place(name), "login_uid": "reader", "message_seqs": gone}, follow)

    def viewer(self):
        views = [(name, uid) for name, group in self.state.groups.items() for uid in group.views
                 if uid in self.users]
        return self.random.choice(views) if views else None

    def read(self):
        viewer = self.viewer()
        if viewer is None:
            return None
        name, uid = viewer

        def follow(state):
            now = state.groups[name]
            now.views[uid].read_to = now.last_seq
        return "/conversations/clearUnread", {**self.place(name), "uid": uid}, follow

    def hide(self):
        viewer = self.viewer()
        if viewer is None:
            return None
        name, uid = viewer

        def follow(state):
            now = state.groups[name]
            now.views[uid].hidden_to = now.last_seq
        return "/conversations/delete", {**self.place(name), "uid": uid}, follow

    def token(self):
        uid = self.random.choice(self.users)
        self.numbers += 1
        token = "t%d" % self.numbers
        if uid in self.state.tokens and self.random.random() < 0.3:
            def quit_device(state):
                state.tokens[uid] = ""
            return "/user/device_quit", {"uid": uid, "device_flag": -1}, quit_device

        def follow(state):
            state.tokens[uid] = token
        return ("/user/token", {"uid": uid, "token": token, "device_flag": 0, "device_level": 0},
                follow)

    def account(self):
        uids = ["%s-s%d" % (self.uid, self.random.randrange(4))]
        add = self.random.random() < 0.6

        def follow(state):
            state.accounts = state.accounts | set(uids) if add else state.accounts - set(uids)
        return ("/user/systemuids_" + ("add" if add else "remove"), {"uids": uids}, follow)

    def template(self):
        name = "%s-t%d" % (self.uid, self.random.randrange(3))
        self.numbers += 1
        text = "{{name}} %d" % self.numbers

        def follow(state):
            state.templates[name] = text
        return "/templates", {"name": name, "payload": b64(text)}, follow

    def note_version(self, name, version):
        if version <= self.versions.get(name, 0):
            raise Violation("version %d of template %s was given before" % (version, name))
        self.versions[name] = version

    def retention(self):
        name = self.group(lambda group: not group.disbanded)
        if name is None:
            return None
        count = self.random.randrange(100_000, 200_000)

        def follow(state):
            state.groups[name].retention = count
        return ("/channel/retention",
                {**self.place(name), "login_uid": "reader", "max_count": count}, follow)

    def event(self):
        anchors = [number for number, (name, _) in self.state.text.items()
                   if number in self.state.groups[name].messages.values()]
        if not anchors:
            return None
        number = self.random.choice(anchors)
        name = self.state.text[number][0]
        self.numbers += 1
        piece = "%d " % self.numbers

        def follow(state):
            state.text[number] = (name, state.text[number][1] + piece)
        return ("/message/event",
                {**self.place(name), "client_msg_no": number, "event_id": "e%d" % self.numbers,
                 "event_type": "stream.delta", "payload": {"kind": "text", "delta": piece}}, follow)

    def note(self):
        if len(self.state.board.notes) >= NOTES:
            self.full.append(self.state.board)
            self.pin_up()
        body = self.message(self.state.board.name)

        def follow(state):
            state.board.notes[body["client_msg_no"]] = Note(body["payload"])
        return "/message/send", body, follow

    def pick(self, wanted):
        """The client_msg_no of a note of the board, and how a request names it."""
        board = self.state.board
        numbers = [number for number, note in board.notes.items() if wanted(note)]
        if not numbers:
            return None, None
        number = self.random.choice(numbers)
        seq, message = self.sent[number][1]
        return number, self.random.choice((
            {"message_id": message}, {**self.place(board.name), "message_seq": seq},
            {**self.place(board.name), "client_msg_no": number}))

    def edit(self):
        number, named = self.pick(lambda note: not note.recalled)
        if number is None:
            return None
        self.numbers += 1
        payload = b64("edit %d" % self.numbers)

        def follow(state):
            board = state.board
            note = board.notes[number]
            note.payload, note.version = payload, note.version + 1
            board.commands.append(("syncMessageExtra", number, note.version))
        return "/message/edit", {**named, "payload": payload}, follow

    def recall(self):
        number, named = self.pick(lambda note: not note.recalled)
        if number is None:
            return None

        def follow(state):
            state.board.notes[number].recalled = True
            state.board.commands.append(("messageRevoke", number, 0))
        return "/message/recall", {**named, "operator_uid": "admin"}, follow

    def note_revised(self, path, body, answer, after):
        _, number, version = after.board.commands[-1]
        if ((answer["message_seq"], answer["message_id"]) != self.sent[number][1]
                or answer.get("edit_version", 0) != version):
            raise Violation("%s %r is answered %r" % (path, body, answer))
        if version:
            self.edits += 1
        else:
            self.recalls += 1

    def refused(self):
        """Asks for what must not happen."""
        choices = [("/user/token", {"uid": self.random.choice(self.users), "token": " "})]
        number, named = self.pick(lambda note: note.recalled)
        if number is not None:
            choices.append(("/message/edit", {**named, "payload": b64("too late")}))
        name = self.group(lambda group: group.disbanded)
        if name is not None:
            for uids in (self.users[:1], ["x%d" % n for n in range(LONG_LIST)]):
                choices.append(("/channel/subscriber_add",
                                {**self.place(name), "subscribers": uids}))
            choices.append(("/message/send", self.message(name)))
        name = self.group(lambda group: group.denied and not group.disbanded)
        if name is not None:
            uid = self.random.choice(sorted(self.state.groups[name].denied))
            choices.append(("/message/send", self.message(name, from_uid=uid)))
        path, body = self.random.choice(choices)
        return path, body, lambda state: None

    # What can be read.

    def verify_either(self, after, what):
        """When the server is back: what is so is what was before the change, or after it."""
        wrong = "nothing could be read"
        deadline = time.monotonic() + GIVE_UP_SECONDS
        matched_by = None
        while time.monotonic() < deadline:
            try:
                wrong = self.differs(self.state)
                if not wrong or not (then := self.differs(after)):
                    return
                # A long change of a list that was decided goes on slice by slice.
                wrong = "%s; or after %s: %s" % (wrong, what, then)
                matched_by = matched_by or time.monotonic() + 10
                if time.monotonic() > matched_by:
                    break
            except Lost:
                matched_by = None
            time.sleep(0.02)
        raise Violation("%s: %s" % (self.uid, wrong))

    def verify(self):
        """At rest. Raises Violation."""
        wrong = self.differs(self.state)
        for board in self.full:
            wrong = wrong or self.board_differs(board)
        if wrong:
            raise Violation("%s: %s" % (self.uid, wrong))

    def get(self, path, query):
        try:
            answer = self.server.get(path, query, timeout=10)
        except (OSError, http.client.HTTPException):
            raise Lost from None
        if answer.status in (500, 503, 429):
            raise Lost
        if answer.status != 200:
            raise Violation("%s %r: %r" % (path, query, answer))
        return answer.json()

    def ask(self, path, body):
        answer = self.post(path, body)
        if answer.status != 200:
            raise Violation("%s %r: %r" % (path, body, answer))
        return answer.json()

    def differs(self, state) -> str:
        """The first thing that is not as `state` has it; empty: everything is."""
        for name in self.groups:
            wrong = self.group_differs(name, state)
            if wrong:
                return "%s: %s" % (name, wrong)
        wrong = self.board_differs(state.board)
        if wrong:
            return "%s: %s" % (state.board.name, wrong)
        for uid in self.users:
            wrong = self.views_differ(uid, state)
            if wrong:
                return "%s: %s" % (uid, wrong)
        accounts = {uid for uid in self.get("/user/systemuids", None)
                    if uid.startswith(self.uid + "-")}
        if accounts != state.accounts:
            return "system accounts are %r, not %r" % (accounts, state.accounts)
        for name, text in state.templates.items():
            payload = base64.b64decode(self.get("/templates/" + name, None)["payload"]).decode()
            if payload != text:
                return "template %s is %r, not %r" % (name, payload, text)
        return self.tokens_differ(state)

    def group_differs(self, name, state) -> str:
        group = state.groups[name]
        query = {"channel_id": name, "channel_type": GROUP}
        allowed = set(self.get("/channel/whitelist", {**query, "detail": 0}) or [])
        if allowed != group.allowed:
            return "the allowlist is %r, not %r" % (allowed, group.allowed)
        page = self.ask("/channel/messagesync", {
            **query, "login_uid": "reader", "pull_mode": 1, "start_message_seq": 1, "limit": 10000})
        there = {m["message_seq"]: m["client_msg_no"] for m in page["messages"]}
        if there != group.messages:
            odd = sorted(set(there.items()) ^ set(group.messages.items()))
            return "messages are not those, first %r" % (odd[0],)
        for message in page["messages"]:
            number = message["client_msg_no"]
            text = state.text.get(number, (name, ""))[1]
            lanes = message.get("event_meta", {}).get("events", [])
            told = lanes[0]["snapshot"].get("text", "") if lanes else ""
            if told != text:
                return "the text of %s is %r, not %r" % (number, told, text)
            if number in self.sent and self.sent[number][1][1] != message["message_id"]:
                return "%s has another id" % number
        limits = self.get("/channel/retention", {**query, "login_uid": "reader"})
        own = limits["max_count"] if limits["max_count_source"] == "channel" else None
        if own != group.retention:
            return "the limit is %r, not %r" % (own, group.retention)
        return ""

    def board_differs(self, board) -> str:
        page = self.ask("/channel/messagesync", {
            **self.place(board.name), "login_uid": board.watcher, "pull_mode": 1,
            "start_message_seq": 1, "limit": 10000})
        there = [(m["client_msg_no"], m["payload"], m.get("edit_version", 0),
                  bool(m.get("revoke"))) for m in page["messages"]]
        wanted = [(number, RECALLED if note.recalled else note.payload, note.version, note.recalled)
                  for number, note in board.notes.items()]
        if there != wanted:
            return "%r are there, not %r" % tuple(
                sorted(set(one) - set(other)) for one, other in ((there, wanted), (wanted, there)))
        # Of each change that was made one, of none that was not.
        told = [self.command_of(m) for m in
                self.ask("/message/sync", {"uid": board.watcher, "limit": 10000})]
        wanted = [(cmd, self.sent[number][1][1], version)
                  for cmd, number, version in board.commands]
        if told != wanted:
            return "clients are told %r, not %r" % (told[-5:], wanted[-5:])
        listed = {c["channel_id"]: c["unread"]
                  for c in self.ask("/conversation/sync", {"uid": board.watcher, "msg_count": 0})}
        unread = sum(not note.recalled for note in board.notes.values())
        if listed.get(board.name, 0) != unread:
            return "%r are unread, not %d" % (listed.get(board.name, 0), unread)
        return ""

    @staticmethod
    def command_of(message):
        command = json.loads(base64.b64decode(message["payload"]))
        param = command["param"]
        return command["cmd"], int(param["message_id"]), param.get("edit_version", 0)

    def views_differ(self, uid, state) -> str:
        listed = {c["channel_id"]: c["unread"]
                  for c in self.ask("/conversation/sync", {"uid": uid, "msg_count": 0})}
        expected = {}
        for name, group in state.groups.items():
            view = group.views.get(uid)
            if view is None or not any(seq > view.hidden_to for seq in group.messages):
                continue
            expected[name] = sum(seq > max(view.read_to, view.hidden_to)
                                 for seq in group.messages)
        if set(listed) != set(expected):
            return "sees %r, not %r" % (sorted(listed), sorted(expected))
        for name, unread in expected.items():
            if listed[name] != unread:
                return "%d of %s are unread, not %d" % (listed[name], name, unread)
        return ""

    def tokens_differ(self, state) -> str:
        """One user a time: logging in takes longer than reading."""
        if not state.tokens:
            return ""
        uid = self.random.choice(sorted(state.tokens))
        wanted = state.tokens[uid]
        for token, reason in ((wanted or "never", 1 if wanted else 2), ("another", 2)):
            got = self.login(uid, token)
            if got != reason:
                return "a login of %s with %r is answered %d" % (uid, token, got)
        return ""

    def login(self, uid, token) -> int:
        try:
            client = Client(self.server.tcp, uid, token=token)
            with contextlib.closing(client):
                return client.connect().reason
        except (OSError, Closed, Timeout):
            raise Lost from None
