"""A store of an older format that is kept, and what a server over it must answer.

stores/format-N.tar.gz holds the directory `data` and `answers.json`. To keep one of the format that a
program writes today:

    JINDOU_BIN=path/to/jindou python3 tests/e2e/kept_store.py tests/e2e/stores/format-N.tar.gz
"""

import json
import pathlib
import sys
import tarfile

from harness import GROUP, PERSON, Server, b64, item

STORES = pathlib.Path(__file__).parent / "stores"
# Small, so that the store has files of every kind.
FILLING = {"storage.partitions": "4", "dedup.generationEntries": "16",
           "storage.writeBufferBytes": "1MiB", "storage.blockCacheBytes": "1MiB"}
# Repeats are answered for as long as may be: the store is kept for years.
CONFIG = {**FILLING, "api.idempotencyWindow": "3650d"}
USERS = ("ann", "bob", "eve")
NOTICES = [item("team", "notice %d" % n, from_uid="ann", client_msg_no="notice-%d" % n)
           for n in range(40)]


def notice_to_person(n):
    return item("bob", "to bob %d" % n, from_uid="ann", channel_type=PERSON,
                client_msg_no="to-bob-%d" % n)


def fill(server):
    """One of everything that is stored."""
    group = {"channel_id": "team", "channel_type": GROUP}
    for name in ("team", "other", "gone"):
        server.create_group(name, USERS)
    server.must_batch(NOTICES)
    server.must_batch([notice_to_person(n) for n in range(20)])
    server.must_batch([item(name, "in " + name, client_msg_no="in-" + name)
                       for name in ("other", "gone")])
    server.must_post("/channel/delete", {"channel_id": "gone", "channel_type": GROUP})
    server.must_post("/channel/blacklist_add", {**group, "uids": ["eve", "mallory"]})
    server.must_post("/channel/whitelist_add",
                     {"channel_id": "other", "channel_type": GROUP, "uids": ["ann", "bob"]})
    server.must_post("/channel/retention", {**group, "login_uid": "ann", "max_count": 1000})
    server.must_post("/message/delete", {**group, "login_uid": "ann", "message_seqs": [3]})
    server.must_post("/conversations/setUnread", {"uid": "bob", **group, "unread": 5})
    server.must_post("/conversations/delete",
                     {"uid": "ann", "channel_id": "bob", "channel_type": PERSON})
    server.must_post("/user/token", {"uid": "ann", "token": "token-of-ann", "device_flag": 0,
                                     "device_level": 1})
    server.must_post("/user/systemuids_add", {"uids": ["robot"]})
    stream = item("team", "begins", from_uid="bob", client_msg_no="stream", setting=2)
    server.must_post("/message/send", stream)
    event = {**group, "client_msg_no": "stream", "from_uid": "bob"}
    server.must_post("/message/event", {**event, "event_id": "e1", "event_type": "stream.delta",
                                        "payload": {"kind": "text", "delta": "some text"}})
    server.must_post("/message/event", {**event, "event_id": "e2", "event_type": "stream.finish"})


def ask(server):
    """What must not change, as plain JSON."""
    team = {"channel_id": "team", "channel_type": GROUP}
    answers = {
        "team": server.history("team", login_uid="ann"),
        "team for one who is denied": server.history("team", login_uid="eve"),
        "other": server.history("other", login_uid="bob"),
        "gone": server.history("gone", login_uid="bob"),
        "bob": server.history("bob", PERSON, login_uid="ann"),
        "by number": server.get("/message/byclientmsgno", {
            **team, "login_uid": "bob", "client_msg_no": "notice-7"}).json(),
        "denied": sorted(str(one) for one in server.get("/channel/blacklist", team).json()),
        "allowed": server.get("/channel/whitelist", {"channel_id": "other", "channel_type": GROUP,
                                                     "detail": 0}).json(),
        "limits": server.get("/channel/retention", {**team, "login_uid": "ann"}).json(),
        "system accounts": server.get("/user/systemuids").json(),
        "receivers": server.get("/tag", team).json()["nodes"],
        # Answered as the first time, and nothing is stored.
        "repeats": server.must_batch(NOTICES + [notice_to_person(n) for n in range(20)]),
        "conflict": server.batch([{**NOTICES[0], "payload": b64("another text")}]).json()["code"],
    }
    for uid in USERS:
        answers["conversations of " + uid] = server.must_post(
            "/conversation/sync", {"uid": uid, "version": 0, "msg_count": 2})
    return json.loads(json.dumps(answers))


def worth_keeping(file):
    """Neither what is made anew (secrets) nor what names the machine."""
    name = pathlib.Path(file.name).name
    return None if name == "jwt.secret" or name.startswith("OPTIONS-") else file


def keep(path):
    with Server(config=FILLING) as server:
        fill(server)
        # Some of it in tables, some only in a log, as a crash leaves it.
        server.restart(graceful=True)
        server.must_batch([item("other", "in the log %d" % n) for n in range(30)])
        answers = ask(server)
        server.kill9()
        answers_path = pathlib.Path(server.dir, "answers.json")
        answers_path.write_text(json.dumps(answers, indent=1, sort_keys=True))
        with tarfile.open(path, "w:gz") as archive:
            archive.add(server.data_dir, "data", filter=worth_keeping)
            archive.add(answers_path, "answers.json")
    print(path, pathlib.Path(path).stat().st_size, "bytes")


if __name__ == "__main__":
    keep(sys.argv[1])
