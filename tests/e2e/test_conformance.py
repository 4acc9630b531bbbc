"""tests/conformance against this server, against a small one in memory, and against wrong ones."""

import base64
import fnmatch
import hashlib
import json
import pathlib
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from batch_server import BatchServer
from harness import ROOT, SEED_DOCUMENT, ServerCase, binary, not_for_sanitizers
from jindou_faults import FAULTS
from spoiling_proxy import SpoilingProxy

PROGRAM = ROOT / "tests" / "conformance" / "run.py"
README = ROOT / "tests" / "conformance" / "README.md"
BATCH_PAGE = ROOT / "docs" / "batch.md"
TIMEOUT = 300
PATIENCE = 30

# The program's own modules, to ask for single clauses without a process for each.
sys.path.append(str(PROGRAM.parent))
import run as conformance  # noqa: E402
from target import Target  # noqa: E402

# Optional clauses that do not hold on a server of ours with its defaults, and why.
NOT_OVERLOADED = {"jindou.overload.retry-after": "the run does not overload it"}
NOT_OURS = {**NOT_OVERLOADED, "wukongim.token.required": "the defaults ask for no token",
            **{"jindou.moderation." + name: "the defaults have no lists of words"
               for name in ("refuse", "mask", "dry-run")},
            **{"jindou.caller." + name: "the defaults have no keys"
               for name in ("scope", "bounds", "fields", "rate")},
            "jindou.caller.bulk": "the defaults have no limit of bulk messages"}


def sections():
    return re.findall(r"(?m)^## (.+)$", BATCH_PAGE.read_text())


def run(*arguments):
    return subprocess.run([sys.executable, "-B", str(PROGRAM), *arguments], capture_output=True,
                          text=True, timeout=TIMEOUT, check=False)


def report_of(url, *arguments):
    """The exit status, the verdicts by clause, and what was printed."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "report.json"
        done = run(url, "--json", str(file), *arguments)
        report = json.loads(file.read_text())
    verdicts = {each["id"]: each["verdict"] for each in report["clauses"]}
    return done.returncode, verdicts, done.stdout + done.stderr


class Ours(ServerCase):
    arguments: list = []
    otherwise = NOT_OURS

    def test_every_clause_holds(self):
        status, verdicts, printed = report_of(
            "http://" + self.server.http, "--patience", str(PATIENCE), "--jindou", binary(),
            *self.arguments)
        wrong = {name: verdict for name, verdict in verdicts.items()
                 if verdict != "holds" and name not in self.otherwise}
        self.assertEqual(wrong, {}, printed)
        self.assertEqual(status, 0, printed)
        self.assertNotIn("fails", verdicts.values(), printed)
        for section in sections():
            self.assertIn("\ndocs/batch.md, %s: " % section, printed)
        self.assert_healthy()


class OursWithToken(Ours):
    """Configured as the README has it, so that nothing is left out."""

    token = "conformance-secret"
    known = {"key": "conformance-key", "refused_word": "casino", "masked_word": "笨蛋"}
    config = {"managerToken": token,
              "apiKeys": "name=conformance;scopes=send;senders=conformance-keyed;rate=50;burst=10;"
              "channels=group:conformance-;sha256="
              + hashlib.sha256(known["key"].encode()).hexdigest(),
              "bulk.perReceiverPerDay": "40", "jobs.eventInterval": "50ms"}
    arguments = ["--token", token]
    otherwise = NOT_OVERLOADED

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        lists = []
        for action, name in (("refuse", "refused_word"), ("mask", "masked_word")):
            file = pathlib.Path(folder.name) / (name + ".txt")
            file.write_text(cls.known[name], encoding="utf-8")
            lists.append("%s:%s" % (action, file))
        cls.config = dict(cls.config, **{"moderation.lists": " ".join(lists)})
        cls.arguments = cls.arguments + [
            "--key", cls.known["key"], "--refused-word", cls.known["refused_word"],
            "--masked-word", cls.known["masked_word"]]
        super().setUpClass()

    def test_without_the_token_it_says_so(self):
        for arguments, word in (((), "--token"), (("--token", "wrong"), "--token")):
            done = run("http://" + self.server.http, *arguments)
            self.assertEqual(done.returncode, 2, done)
            self.assertIn(word, done.stderr)

    @not_for_sanitizers
    def test_a_fault_of_each_group_is_found(self):
        proxy = SpoilingProxy(self.server.http)
        self.addCleanup(proxy.close)
        clauses = {each.id: each for each in conformance.ordered()}
        for fault, names in FAULTS:
            for name in names:
                with self.subTest(clause=name):
                    proxy.fault = fault
                    target = Target(proxy.url, self.token, patience=PATIENCE,
                                    known=dict(self.known, jindou=binary()))
                    target.batch([])  # as a run begins
                    result = conformance.result_of(clauses["jindou." + name], target)
                    self.assertEqual(result["verdict"], "fails", result)
        self.assert_healthy()


class ServedBy(unittest.TestCase):
    def serve(self, kind=BatchServer):
        server = kind()
        self.addCleanup(server.close)
        return server


@not_for_sanitizers
class AnotherServer(ServedBy):
    """The program asks for nothing that only this project has."""

    def test_a_server_of_the_published_page_holds_every_required_clause(self):
        status, verdicts, printed = report_of(self.serve().url)
        for name, verdict in verdicts.items():
            wanted = ["holds"] if name.startswith("seed.") else ["holds", "not offered",
                                                                 "not checked"]
            self.assertIn(verdict, wanted, "%s\n%s" % (name, printed))
        self.assertEqual(status, 0, printed)
        self.assertRegex(printed, r"(?m)^seed \(required\): \d+ holds$")

    def test_what_cannot_be_checked_is_said_and_is_no_success(self):
        class Blind(BatchServer):
            def routes(self):
                return {"/message/sendbatch": self.sendbatch}

        status, verdicts, printed = report_of(self.serve(Blind).url, "--only", "seed")
        self.assertEqual(status, 1)
        self.assertEqual(verdicts["seed.response.order"], "holds", printed)
        self.assertEqual(verdicts["seed.status.200"], "not checked", printed)
        self.assertEqual(verdicts["seed.status.403"], "not checked", printed)
        self.assertNotIn("fails", verdicts.values(), printed)


class KnowsNoChunks(BatchServer):
    """Answers before it has read the chunks, and closes."""

    def sendbatch(self, body):
        return super().sendbatch(body) if body else (400, {"msg": "the body is empty"})


class ResetsAtChunks(BatchServer):
    def sendbatch(self, body):
        if not body:
            raise SystemExit  # ends the thread of the connection, without an answer
        return super().sendbatch(body)

    def shutdown_request(self, request):
        request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_request(request)


@not_for_sanitizers
class Extensions(ServedBy):
    def test_a_server_that_closes_at_a_body_in_chunks_does_not_offer_them(self):
        for kind in (KnowsNoChunks, ResetsAtChunks):
            with self.subTest(kind=kind.__name__):
                status, verdicts, printed = report_of(self.serve(kind).url, "--only",
                                                      "jindou.http.chunked")
                self.assertEqual((status, verdicts), (0, {"jindou.http.chunked": "not offered"}),
                                 printed)


class Reversed(BatchServer):
    def send_all(self, items):
        return super().send_all(items)[::-1]


class IdIsText(BatchServer):
    def answer(self, elements):
        status, value = super().answer(elements)
        if status == 200:
            value = [dict(each, message_id=str(each["message_id"])) for each in value]
        return status, value


class NoEcho(BatchServer):
    def answer(self, elements):
        status, value = super().answer(elements)
        if status == 200:
            value = [dict(each, client_msg_no="") for each in value]
        return status, value


class SenderIsOptional(BatchServer):
    def is_valid(self, item):
        return super().is_valid(dict(item, from_uid=item.setdefault("from_uid", "nobody")))


class AnyBase64(BatchServer):
    def payload_of(self, item):
        return item["payload"].encode()


class LossyPayload(BatchServer):
    def payload_of(self, item):
        return super().payload_of(item).decode("utf-8", "replace").encode()


class StoresEverything(BatchServer):
    def is_stored(self, item):
        return True


class NeverExpires(BatchServer):
    def is_there(self, message):
        return True


class ForgetsNumbers(BatchServer):
    def repeat_of(self, item):
        return None


class MergesEqualPayloads(BatchServer):
    def repeat_of(self, item):
        return self.channel_of(item), item["from_uid"], item["payload"]


class LeavesFailuresOut(BatchServer):
    def answer(self, elements):
        status, value = super().answer(elements)
        return status, [each for each in value if each["message_id"]] if status == 200 else value


class HasNoRules(BatchServer):
    def may_send(self, item):
        return True


class ThrowsAtBadJson(BatchServer):
    def decode(self, body):
        return json.loads(body)


class NumbersEachBatch(BatchServer):
    def send_all(self, items):
        return [dict(each, message_seq=n) for n, each in enumerate(super().send_all(items), 1)]


class LosesTheLast(BatchServer):
    def send(self, item):
        element = super().send(item)
        log = self.channels.get(self.channel_of(item), [])
        if len(log) == 5:
            log.pop()
        return element


class Races(BatchServer):
    def send_all(self, items):
        return [self.send(item) for item in items]

    def next_seq(self, log):
        seq = super().next_seq(log)
        time.sleep(0.002)
        return seq


class TakesFifty(BatchServer):
    def sendbatch(self, body):
        items = self.decode(body)
        return super().sendbatch(body) if not items or len(items) <= 50 else (400, {"msg": "50"})


class RepeatsIds(BatchServer):
    def next_id(self, item):
        return super().next_id(item) if self.is_stored(item) else self.ids


class LosesTheRedDot(BatchServer):
    def message_of(self, item, element):
        message = super().message_of(item, element)
        return dict(message, header=dict(message["header"], red_dot=0))


class PersonIsNoPair(BatchServer):
    def channel_of(self, item):
        return item["channel_id"], item["channel_type"]


class Hangs(BatchServer):
    def sendbatch(self, body):
        if base64.b64encode(b"meeting") in body:
            threading.Event().wait(2)
        return super().sendbatch(body)


@not_for_sanitizers
class Faults(ServedBy):
    """Each planted fault is found, and the clause that names it says what was sent and came."""

    FAULTS = [
        (Reversed, "seed.response.order"), (IdIsText, "seed.response.message_id.type"),
        (NoEcho, "seed.response.client_msg_no.echo"),
        (SenderIsOptional, "seed.request.from_uid.required"),
        (AnyBase64, "seed.request.payload.base64"),
        (LossyPayload, "seed.request.payload.content"),
        (StoresEverything, "seed.request.header.no_persist.1"),
        (NeverExpires, "seed.request.expire.seconds"),
        (ForgetsNumbers, "seed.practice.deduplication"),
        (MergesEqualPayloads, "seed.practice.unique"),
        (LeavesFailuresOut, "seed.practice.partial"), (HasNoRules, "seed.status.403"),
        (HasNoRules, "seed.practice.permission"), (ThrowsAtBadJson, "seed.request.json"),
        (NumbersEachBatch, "seed.response.message_seq.rises"), (LosesTheLast, "seed.status.200"),
        (Races, "seed.performance.concurrent"), (TakesFifty, "seed.performance.size"),
        (RepeatsIds, "seed.response.message_id.unique"),
        (LosesTheRedDot, "seed.request.header.red_dot.kept"),
        (PersonIsNoPair, "seed.request.channel_type.person"), (Hangs, "seed.use.operations"),
    ]

    def test_each_is_found_and_named(self):
        for fault, name in self.FAULTS:
            with self.subTest(fault=fault.__name__, clause=name):
                status, verdicts, printed = report_of(
                    self.serve(fault).url, "--only", name, "--patience", "0.5", "--timeout", "1")
                self.assertEqual((status, verdicts), (1, {name: "fails"}), printed)
                for word in ("says:", "place:", "why:", "sent:", "came:"):
                    self.assertRegex(printed, r"(?m)^    " + word, printed)

    def test_an_error_of_the_server_is_a_failure_whoever_meets_it(self):
        _, verdicts, _ = report_of(self.serve(ThrowsAtBadJson).url, "--only", "seed.request.json",
                                   "--only", "seed.status.500")
        self.assertEqual(set(verdicts.values()), {"fails"})


@not_for_sanitizers
class CommandLine(ServedBy):
    def test_usage(self):
        url = self.serve().url
        for arguments in ((), ("127.0.0.1:5001",), ("ftp://127.0.0.1",), (url, "--only", "sead"),
                          (url, "--json", "/nowhere/report"), (url, "--unknown"),
                          (url, "--timeout", "soon")):
            done = run(*arguments)
            self.assertEqual(done.returncode, 2, done)
            self.assertTrue(done.stderr, done)

    def test_an_unreachable_server(self):
        server = BatchServer()
        server.close()
        done = run(server.url)
        self.assertEqual(done.returncode, 2, done)
        self.assertIn("cannot be reached", done.stderr)

    def test_only(self):
        _, verdicts, _ = report_of(self.serve().url, "--only", "seed.response.order", "--only",
                                   "seed.use")
        self.assertEqual(len(verdicts), 4)


class ReadMe(unittest.TestCase):
    """The README lists every clause, and which line of the published page became which."""

    def setUp(self):
        done = run("--list")
        self.assertEqual(done.returncode, 0, done)
        self.listed = done.stdout.strip()
        self.names = re.findall(r"(?m)^\| `([\w.-]+)` ", self.listed)
        self.text = README.read_text()

    def test_every_section_of_the_batch_page_has_a_clause(self):
        named = set(re.findall(r"\| docs/batch\.md, ([^|]*) \|", self.listed))
        self.assertEqual([each for each in sections() if each not in named], [])
        self.assertEqual([each for each in named if each not in sections()], [])

    def test_every_group_of_ours_has_a_planted_fault(self):
        planted = {name for _, names in FAULTS for name in names}
        self.assertEqual([name for name in planted if "jindou." + name not in self.names], [])
        groups = {name.split(".")[1] for name in self.names if name.startswith("jindou.")}
        self.assertEqual(groups - {name.split(".")[0] for name in planted}, set())

    def test_it_has_the_tables_of_list(self):
        for table in self.listed.split("\n\n"):
            self.assertIn(table, self.text)
        self.assertEqual(sorted(self.names), sorted(set(self.names)))
        of_text = re.findall(r"(?m)^\| `([\w.-]+)` ", self.text)
        self.assertEqual(sorted(of_text), sorted(self.names))

    def test_every_line_of_the_page_and_every_clause_of_it_is_in_the_table(self):
        lines, named = set(), set()
        for begin, end, row in re.findall(r"(?m)^\| (\d+)(?:-(\d+))? (\|.*)$", self.text):
            lines.update(range(int(begin), int(end or begin) + 1))
            for pattern in re.findall(r"`((?:seed|jindou)\.[^`]+)`", row):
                found = fnmatch.filter(self.names, pattern)
                self.assertTrue(found, "%s is no clause" % pattern)
                named.update(found)
        page = SEED_DOCUMENT.read_text().splitlines()
        missing = [n for n, line in enumerate(page, 1) if line.strip() and n not in lines]
        self.assertEqual(missing, [])
        self.assertEqual([name for name in self.names
                          if name.startswith("seed.") and name not in named], [])

    def test_places_are_lines_of_the_page(self):
        count = len(SEED_DOCUMENT.read_text().splitlines())
        for name, place in re.findall(r"(?m)^\| `(seed\.[\w.-]+)` \| ([^|]*) \|", self.listed):
            numbers = [int(n) for n in re.findall(r"\d+", place.rpartition(",")[2])]
            self.assertTrue(numbers and all(1 <= n <= count for n in numbers), (name, place))


if __name__ == "__main__":
    unittest.main()
