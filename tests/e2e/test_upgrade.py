"""Stores that older versions wrote."""

import json
import pathlib
import shutil
import tarfile
import tempfile
import unittest

import kept_store
from harness import Server, item


def in_any_order(question, answer):
    """Conversations of one second came in another order in older versions."""
    if not question.startswith("conversations of "):
        return answer
    return sorted(answer, key=lambda one: (-one["timestamp"], one["channel_id"]))


class Upgrade(unittest.TestCase):
    """A store of an older format is opened, answers as it did, and goes on."""

    maxDiff = 4000

    def check(self, archive):
        directory = tempfile.mkdtemp(prefix="jindou-e2e-")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        with tarfile.open(archive) as kept:
            kept.extractall(directory)
        expected = json.loads(pathlib.Path(directory, "answers.json").read_text())
        server = Server(config=kept_store.CONFIG, data_dir=directory)
        self.addCleanup(server.destroy)
        server.start()
        server.wait_for_log("the store was brought from format ")
        answers = kept_store.ask(server)
        for question, answer in expected.items():
            self.assertEqual(in_any_order(question, answers[question]),
                             in_any_order(question, answer), question)
        # Seqs and ids go on where they were, and the upgraded store opens as any other.
        last = max(one["message_seq"] for one in answers["team"]["messages"])
        sent = server.must_batch([item("team", "after the upgrade", from_uid="ann")])[0]
        self.assertEqual(sent["message_seq"], last + 1)
        self.assertGreater(sent["message_id"],
                           max(one["message_id"] for one in answers["team"]["messages"]))
        server.restart()
        answers = kept_store.ask(server)
        self.assertEqual(answers["repeats"], expected["repeats"])
        self.assertEqual(answers["team"]["messages"][:-1], expected["team"]["messages"])

    def test_a_store_of_each_format(self):
        archives = sorted(kept_store.STORES.glob("format-*.tar.gz"))
        self.assertTrue(archives)
        for archive in archives:
            with self.subTest(archive.name):
                self.check(archive)
