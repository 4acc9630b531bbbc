"""The package in a bare Debian: installed, run by its unit, upgraded, removed, purged, all with the
commands of docs/operations.md."""

import json
import os
import pathlib
import re
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from harness import seed_request  # noqa: E402
from operations_page import blocks, page_text, shown, shown_block  # noqa: E402
from machine import Machine, run, wait_until  # noqa: E402

PACKAGE = pathlib.Path(os.environ["JINDOU_PACKAGE"])
UNIT = "jindou.service"
STORE = "var/lib/jindou/data"


def newer(directory):
    """A package with all that PACKAGE has, of a higher version and with other settings, in
    `directory`; (path, version)."""
    with tempfile.TemporaryDirectory() as unpacked:
        tree = pathlib.Path(unpacked) / "tree"
        run("dpkg-deb", "-R", PACKAGE, tree)
        control = tree / "DEBIAN/control"
        version = re.search(r"(?m)^Version: (.+)$", control.read_text())[1]
        control.write_text(control.read_text().replace(
            "\nVersion: %s\n" % version, "\nVersion: %s+newer\n" % version))
        settings = tree / "etc/jindou/jindou.yaml"
        settings.write_text(settings.read_text() + "# Of a newer version.\n")
        path = directory / ("newer_" + PACKAGE.name)
        run("dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "-b", tree, path)
    return path, version + "+newer"


class Package(unittest.TestCase):
    """One machine for all, in the order of their names: each goes on where the last one ended."""

    @classmethod
    def setUpClass(cls):
        began = time.monotonic()
        cls.machine = Machine()
        cls.addClassCleanup(cls.machine.destroy)
        (cls.machine.root / "opt" / PACKAGE.name).write_bytes(PACKAGE.read_bytes())
        print("a bare Debian: %.0f s" % (time.monotonic() - began))

    def installed(self):
        before = self.size()
        began = time.monotonic()
        self.shell("cd /opt && " + shown("apt-get install ./jindou_….deb", (
            "install", "-q install -y --no-install-recommends"), ("jindou_….deb", PACKAGE.name)))
        print("installed: %.0f s, %d MiB with what it needs"
              % (time.monotonic() - began, (self.size() - before) / 1024))

    def shell(self, command, **options):
        return self.machine.inside("sh", "-c", command, **options)

    def size(self):
        """KiB of the packages that are installed there."""
        sizes = self.machine.inside("dpkg-query", "-W", "-f", "${Installed-Size}\n").split()
        return sum(map(int, sizes))

    def show(self, member):
        return self.machine.inside("systemctl", "show", "-P", member, UNIT).strip()

    def is_active(self):
        return self.show("ActiveState") == "active"

    def send(self):
        """The results of the published example."""
        answer = self.machine.curl("http://127.0.0.1:5001/message/sendbatch", "-H",
                                   "Content-Type: application/json", "-d",
                                   seed_request().decode())
        results = json.loads(answer)
        self.assertTrue(results)
        self.assertEqual({result["reason"] for result in results}, {1}, answer)
        return results

    def journal(self):
        return self.shell(shown("journalctl -u jindou", ("journalctl", "journalctl -q --no-pager")),
                          check=False)

    def test_1_it_is_installed_without_systemd(self):
        self.installed()
        self.assertIn("jindou:x:", self.machine.inside("getent", "passwd", "jindou"))
        state = self.machine.inside("stat", "-c", "%U %G %a", "/var/lib/jindou")
        self.assertEqual(state.split(), ["jindou", "jindou", "700"])
        conffiles = self.machine.inside("dpkg-query", "-W", "-f", "${Conffiles}", "jindou")
        self.assertIn("/etc/jindou/jindou.yaml", conffiles)
        self.assertIn("store format", self.machine.inside("jindou", "version"))
        self.assertIn("is valid", self.machine.inside(
            "jindou", "config", "--config", "/etc/jindou/jindou.yaml", "--validate"))

    def test_2_its_unit_starts_at_boot_as_its_own_user(self):
        # Once it is booted it has no network but loopback.
        self.machine.install("systemd", "systemd-sysv", "dbus", "logrotate")
        self.machine.boot()
        wait_until(lambda: self.show("ActiveState") != "activating", what="the unit")
        self.assertTrue(self.is_active(), self.journal())
        self.assertIn("serves HTTP", self.show("StatusText"))
        status = self.machine.inside("cat", "/proc/%s/status" % self.show("MainPID"))
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        number = self.machine.inside("id", "-u", "jindou").strip()
        self.assertEqual(fields["Uid"].split(), [number] * 4)
        self.assertEqual(int(fields["CapBnd"], 16), 0)
        self.assertEqual((fields["NoNewPrivs"], fields["Seccomp"]), ("1", "2"))
        limits = self.machine.inside("cat", "/proc/%s/limits" % self.show("MainPID"))
        # Not where root itself may raise no limit, as in some containers.
        allowed = run("sh", "-c", "ulimit -Hn 1048576 2>/dev/null; ulimit -Hn").split()[0]
        self.assertRegex(limits, r"Max open files +%s +%s" % (allowed, allowed))
        # Below 1.5, as the page says.
        exposure = self.shell(shown("systemd-analyze security jindou",
                                    ("security", "security --no-pager --threshold=15")))
        print(exposure.strip().splitlines()[-1])

    def test_3_it_answers_the_published_batch_over_a_restart(self):
        first = self.send()
        self.shell(shown("systemctl reload jindou"))
        self.assertTrue(self.is_active())
        self.machine.inside("systemctl", "restart", UNIT)
        again = self.send()
        self.assertEqual([result["message_id"] for result in again],
                         [result["message_id"] for result in first])
        self.assertTrue(all(result["duplicate"] for result in again))
        self.assertNotIn('"level":"error"', self.journal())

    def test_4_its_audit_log_is_rotated(self):
        path = self.machine.root / "etc/jindou/jindou.yaml"
        good = path.read_text()
        self.addCleanup(path.write_text, good)
        path.write_text(good + "\naudit:\n  file: /var/log/jindou/audit.log\n")
        self.machine.inside("systemctl", "restart", UNIT)
        log = self.machine.root / "var/log/jindou/audit.log"
        wait_until(lambda: log.exists() and '"start"' in log.read_text(), what="the first line")
        told, = [block for _, block in blocks(page_text("operations.md")) if "postrotate" in block]
        (self.machine.root / "etc/logrotate.d/jindou").write_text(told)
        self.machine.inside("logrotate", "--force", "/etc/logrotate.d/jindou")
        wait_until(lambda: log.exists() and '"reload"' in log.read_text(), what="the next file")
        self.assertIn('"start"', log.with_name("audit.log.1").read_text())
        self.assertTrue(self.is_active())

    def test_5_a_process_that_is_stuck_is_restarted(self):
        editor = self.machine.root / "opt/editor"
        # The file is the last word, behind a line to begin at.
        editor.write_text('#!/bin/sh\nfor file; do :; done\n'
                          'printf "[Service]\\nWatchdogSec=2\\n" >"$file"\n')
        editor.chmod(0o755)
        # It wants a terminal.
        self.machine.inside("env", "SYSTEMD_EDITOR=/opt/editor", "script", "-qec",
                            shown("systemctl edit jindou"), "/dev/null")
        self.machine.inside("systemctl", "restart", UNIT)
        self.assertEqual(self.show("WatchdogUSec"), "2s")
        # Served without a restart for longer than the watchdog waits: it hears of the server.
        until = time.monotonic() + 5
        wait_until(lambda: time.monotonic() > until, what="the clock")
        self.assertEqual(self.show("NRestarts"), "0", self.journal())
        self.machine.inside("systemctl", "kill", "--kill-whom=main", "-s", "STOP", UNIT)
        wait_until(lambda: self.show("NRestarts") == "1" and self.is_active(),
                   what="the watchdog")
        self.assertTrue(all(result["duplicate"] for result in self.send()))

    def test_6_a_wrong_configuration_is_not_tried_again(self):
        path = self.machine.root / "etc/jindou/jindou.yaml"
        good = path.read_text()
        path.write_text(good + "httpAdr: nowhere\n")
        self.machine.inside("systemctl", "restart", UNIT, check=False)
        self.assertEqual((self.show("ActiveState"), self.show("NRestarts")), ("failed", "0"))
        self.assertIn("httpAdr", self.journal())
        path.write_text(good)
        self.machine.inside("systemctl", "reset-failed", UNIT)
        self.machine.inside("systemctl", "start", UNIT)
        self.assertTrue(self.is_active())

    def test_6_then_a_port_that_is_held_is_waited_for(self):
        self.machine.inside("systemctl", "stop", UNIT)
        with self.machine.listen(5001) as holder:
            try:
                self.machine.inside("systemctl", "start", UNIT, check=False)
                # More often than systemd lets a unit by itself.
                wait_until(lambda: int(self.show("NRestarts")) > 6, what="many starts")
                self.assertNotEqual(self.show("ActiveState"), "failed", self.journal())
            finally:
                holder.kill()
        wait_until(self.is_active, what="the unit, once the port is free")
        self.assertTrue(all(result["duplicate"] for result in self.send()))

    def test_7_what_root_restores_is_opened_by_its_user(self):
        sent = self.send()
        made = self.machine.inside("jindou", "backup").strip()
        self.machine.inside("cp", "-r", made, "/var/lib/jindou/copy")
        said = self.shell("set -e\n" + shown_block("restore"))
        self.assertIn("it belongs to jindou,", said)
        self.assertTrue(self.is_active(), self.journal())
        state = self.machine.inside("find", "/" + STORE, "!", "(", "-user", "jindou", "-group",
                                    "jindou", ")")
        self.assertEqual(state, "")
        again = self.send()
        self.assertTrue(all(result["duplicate"] for result in again))
        self.assertEqual([result["message_id"] for result in again],
                         [result["message_id"] for result in sent])
        self.machine.inside("rm", "-r", "/var/lib/jindou/copy", "/var/lib/jindou/data.old")

    def test_7_what_is_run_by_hand_has_its_user_and_its_secrets(self):
        path = self.machine.root / "etc/jindou/jindou.yaml"
        secrets = self.machine.root / "etc/jindou/secrets.env"
        good = path.read_text()
        self.addCleanup(path.write_text, good)
        self.addCleanup(secrets.unlink, missing_ok=True)
        # Not without a token.
        path.write_text(good + "\nhttpAddr: 0.0.0.0:5001\n")
        secrets.write_text("WK_MANAGERTOKEN=0123456789abcdef\n")
        secrets.chmod(0o600)
        self.machine.inside("systemctl", "restart", UNIT)
        seen = self.shell(shown(
            "systemd-run --pty --uid=jindou -p EnvironmentFile=-/etc/jindou/secrets.env "
            "jindou doctor --config /etc/jindou/jindou.yaml", ("--pty", "--pipe --wait -q")) +
            " || [ $? -eq 1 ]")  # a matter of the machine
        self.assertRegex(seen, r"(?m)^ok +port: httpAddr 0\.0\.0\.0:5001 .*: process \d+ has the store")
        # There is no /etc/hosts, so "localhost" is no name here.
        self.assertNotRegex(seen, r"(?m)^PROBLEM +port")
        self.machine.inside("systemctl", "stop", UNIT)
        self.shell(shown(
            "systemd-run --pty --uid=jindou -p EnvironmentFile=-/etc/jindou/secrets.env "
            "jindou serve --config /etc/jindou/jindou.yaml --accept-data-loss",
            ("--pty", "--unit=by-hand")))
        said = wait_until(lambda: (text := self.machine.inside(
            "journalctl", "-q", "--no-pager", "-u", "by-hand")) and '"ready"' in text and text,
            what="the server that was started by hand")
        self.assertIn("there is no data loss to accept", said)
        self.machine.inside("systemctl", "stop", "by-hand")
        path.write_text(good)
        secrets.unlink()
        self.machine.inside("systemctl", "start", UNIT)
        self.assertTrue(self.is_active())
        self.assertTrue(all(result["duplicate"] for result in self.send()))

    def test_8_an_upgrade_restarts_it_and_asks_before_it_changes_settings(self):
        path = self.machine.root / "etc/jindou/jindou.yaml"
        changed = path.read_text() + "\napi.maxBatch: 777\n"
        path.write_text(changed)
        before = self.show("MainPID")
        package, version = newer(self.machine.root / "opt")
        # The answer is that of who keeps what is there.
        said = self.shell("cd /opt && printf 'N\\n' | " + shown("apt-get install ./jindou_….deb", (
            "install", "-q install -y --no-install-recommends"), ("jindou_….deb", package.name)))
        self.assertIn("Configuration file '/etc/jindou/jindou.yaml'", said)
        self.assertEqual(self.machine.inside("dpkg-query", "-W", "-f", "${Status} ${Version}",
                                             "jindou"), "install ok installed " + version)
        self.assertEqual(path.read_text(), changed)
        beside = path.with_name("jindou.yaml.dpkg-dist")
        self.assertTrue(beside.read_text().endswith("\n# Of a newer version.\n"))
        wait_until(self.is_active, what="the unit after the upgrade")
        self.assertNotEqual(self.show("MainPID"), before)
        self.assertRegex(self.machine.inside(
            "jindou", "config", "--config", "/etc/jindou/jindou.yaml"), r"maxBatch: +777\b")
        self.assertTrue(all(result["duplicate"] for result in self.send()))

    def test_9_removed_it_leaves_configuration_and_data(self):
        self.assertTrue((self.machine.root / "var/log/jindou/audit.log.1").exists())
        secrets = self.machine.root / "etc/jindou/secrets.env"
        secrets.write_text("WK_MANAGERTOKEN=0123456789abcdef\n")
        secrets.chmod(0o600)
        self.shell(shown("apt-get remove jindou", ("remove", "-q remove -y")))
        self.assertFalse((self.machine.root / "usr/bin/jindou").exists())
        self.assertTrue((self.machine.root / "etc/jindou/jindou.yaml").exists())
        self.assertTrue(secrets.exists())
        self.assertTrue((self.machine.root / "var/log/jindou/audit.log.1").exists())
        self.assertTrue((self.machine.root / STORE / "CURRENT").exists())
        running = self.machine.inside("systemctl", "is-active", UNIT, check=False).strip()
        self.assertNotEqual(running, "active")
        self.assertEqual(self.machine.inside("sh", "-c", "cat /proc/[0-9]*/comm").split()
                         .count("jindou"), 0)

    def test_9_then_purged_it_leaves_data_and_finds_it_again(self):
        said = self.shell(shown("apt-get purge jindou", ("purge", "-q purge -y")))
        self.assertIn("the store stays in /var/lib/jindou", said)
        self.assertFalse((self.machine.root / "etc/jindou").exists())
        self.assertFalse((self.machine.root / "var/log/jindou").exists())
        self.assertTrue((self.machine.root / STORE / "CURRENT").exists())
        self.installed()
        wait_until(self.is_active, what="the unit after the installation")
        self.assertTrue(all(result["duplicate"] for result in self.send()))


if __name__ == "__main__":
    unittest.main()
