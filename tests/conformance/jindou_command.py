"""The program of the command line against the server: jindou send and jindou jobs."""

import json
import os
import pathlib
import subprocess
import tempfile

from contract import Fails, Unchecked, clause
from jindou_jobs import begin, deleted
from target import GROUP, PERSON, base64_of, fresh, item

PAGE = "docs/batch.md, From the command line"
JOBS = "docs/batch.md, Jobs"
TIME_SECONDS = 60


def jindou(server, *arguments, text=None):
    """The ended program; `text`: its standard input."""
    program = server.given("jindou", "the program of the command line: --jindou")
    env = {name: value for name, value in os.environ.items()
           if not name.startswith(("WK_", "JINDOU_"))}
    env["JINDOU_URL"] = server.url
    if server.token is not None:
        env["JINDOU_TOKEN"] = server.token
    try:
        return subprocess.run([program, *arguments], input=text or "", env=env, text=True,
                              capture_output=True, timeout=TIME_SECONDS, check=False)
    except OSError as error:
        raise Unchecked("%s cannot be run: %s" % (program, error)) from None
    except subprocess.TimeoutExpired:
        raise Fails("jindou %s has not ended within %d s"
                    % (" ".join(arguments), TIME_SECONDS)) from None


def require(done, status, *said):
    """`said`: texts in what the program has written to standard error."""
    if done.returncode != status or not all(text in done.stderr for text in said):
        raise Fails("%s has ended with %d and said %r" % (
            " ".join(done.args[1:3]), done.returncode, done.stderr))


@clause("jindou.command.send", PAGE,
        "jindou send sends a file of CSV; the same command again sends what was added and nothing "
        "twice.")
def send(server):
    sender, users = fresh("sender"), [fresh("user") for _ in range(3)]
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "users.csv"
        command = ["send", str(file), "--from", sender, "--channel-type", str(PERSON),
                   "--payload", '{"content": "Hi {{name}}"}']
        file.write_text('channel_id,name\n%s,Dora\n%s,"Emil ""the Great"""\n' % tuple(users[:2]))
        require(jindou(server, *command), 0, "2 sent, 0 refused")
        with file.open("a") as more:
            more.write("%s,Fred\n" % users[2])
        require(jindou(server, *command), 0, "1 sent, 2 sent before, 0 refused")
    found = [[json.loads(each)["content"] for each in server.contents(sender, PERSON, user)]
             for user in users]
    if found != [["Hi Dora"], ['Hi Emil "the Great"'], ["Hi Fred"]]:
        raise Fails("the users have %r" % found)


@clause("jindou.command.refused", PAGE,
        "What is refused is written to --refused with its reason, and the exit status is 1; mended, "
        "it is sent. --dry-run sends nothing.")
def refused(server):
    channel, sender = fresh("group"), fresh("sender")
    server.deny(channel, sender)
    lines = "".join(json.dumps(item(channel, text, **members)) + "\n" for text, members in (
        ("one", {}), ("two", {"from_uid": sender})))
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "refused.ndjson"
        require(jindou(server, "send", "--refused", str(file), text=lines), 1,
                "1 sent, 1 refused")
        mended = json.loads(file.read_text())
    told = mended.get("refused", {})
    if (told.get("line"), told.get("code"), mended.get("payload")) != (
            2, "denied", base64_of("two")):
        raise Fails("what was refused is written as %r" % mended)
    text = json.dumps(dict(mended, from_uid=fresh("sender"))) + "\n"
    require(jindou(server, "send", "--dry-run", text=text), 0, "1 would be sent")
    if server.contents(channel) != [b"one"]:
        raise Fails("what is stored is not the first item")
    require(jindou(server, "send", text=text), 0, "1 sent, 0 refused")
    if server.contents(channel) != [b"one", b"two"]:
        raise Fails("what was mended is not stored")


@clause("jindou.command.status", PAGE,
        "The exit status is 2 for a command line or input that is wrong, and 3 when the server is "
        "not reached.")
def status(server):
    require(jindou(server, "send", "--no-such-flag"), 2)
    require(jindou(server, "send", "--url", "http://127.0.0.1:1", "--patience", "0",
                   text=json.dumps(item(fresh("group"))) + "\n"), 3)


@clause("jindou.command.jobs", JOBS,
        "jindou jobs watches a job to its end: exit status 0 when all was sent, 1 when some was "
        "refused, 2 when there is no such job.")
def jobs(server):
    channel, sender = fresh("group"), fresh("sender")
    server.deny(channel, sender)
    items = [item(channel), item(channel, "denied", from_uid=sender)]
    for count, ends_with, said in ((1, 0, "done: 1 sent, of 1"), (2, 1, "1 refused, of 2")):
        with deleted(server, begin(server, items[:count])) as job:
            require(jindou(server, "jobs", "watch", job), ends_with, said)
            listed = jindou(server, "jobs", "list")
            if job not in listed.stdout:
                raise Fails("jindou jobs list does not show the job")
    require(jindou(server, "jobs", "show", job), 2)
    if server.contents(channel) != [b"hello"] * 2:
        raise Fails("what is stored is not what was sent, to the group %s of type %d"
                    % (channel, GROUP))
