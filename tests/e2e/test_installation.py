"""What `cmake --install` puts into a system, and what debian/ makes a package of.

The package itself is installed and run in a bare Debian by tests/package/run.sh, by hand.
"""

import configparser
import json
import os
import pathlib
import pty
import re
import select
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from harness import ROOT, binary, not_for_sanitizers, seed_request
from operations_page import ScriptServer, ShownServer, environment, run_shown

BUILD = pathlib.Path(binary()).parents[1]
COMPLETION = "usr/share/bash-completion/completions/jindou"
ZSH_COMPLETION = "usr/share/zsh/site-functions/_jindou"


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
                          check=False, **options)
    return done.returncode, done.stdout


def help_of(*words):
    return run(binary(), *words, "--help")[1]


def commands_in(text):
    listed = text.partition("\nSubcommands:\n")[2].partition("\n\n")[0]
    return re.findall(r"^  ([a-z][a-z-]*) ", listed, re.MULTILINE)


def options_in(text):
    return re.findall(r"^  (?:-[a-z],)?(--[a-z-]+)", text, re.MULTILINE)


@unittest.skipUnless((BUILD / "cmake_install.cmake").exists(), "the program lies in no build tree")
class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.root = pathlib.Path(directory.name)
        status, output = cls.install("/usr", "program", "service")
        assert status == 0, output

    @classmethod
    def install(cls, prefix, *components):
        for component in components:
            status, output = run("cmake", "--install", BUILD, "--prefix", prefix, "--component",
                                 component, env={**os.environ, "DESTDIR": str(cls.root)})
            if status != 0:
                break
        return status, output

    def unit(self, path="usr/lib/systemd/system/jindou.service"):
        return (self.root / path).read_text()

    def test_the_program_runs_from_where_it_is_installed(self):
        status, output = run(self.root / "usr/bin/jindou", "version")
        self.assertEqual(status, 0, output)

    @unittest.skipUnless(BUILD == ROOT / "build/release", "the program is no release build")
    def test_the_documented_command_installs_it_below_its_prefix(self):
        done = run_shown("cmake --install build/release --prefix /usr/local", cwd=ROOT,
                         env={"DESTDIR": str(self.root)})
        self.assertEqual(done.returncode, 0, done)
        for path in ("bin/jindou", "etc/jindou/jindou.yaml", "lib/systemd/system/jindou.service",
                     "share/man/man1/jindou.1", "share/jindou/grafana/jindou.json"):
            self.assertTrue((self.root / "usr/local" / path).is_file(), path)
        self.assertIn("ExecStart=/usr/local/bin/jindou serve --config "
                      "/usr/local/etc/jindou/jindou.yaml\n",
                      self.unit("usr/local/lib/systemd/system/jindou.service"))

    @unittest.skipUnless(shutil.which("man"), "no man")
    def test_the_manual_is_found_by_its_name(self):
        done = run_shown("man jindou", env={"MANPATH": str(self.root / "usr/share/man"),
                                            "LC_ALL": "C.UTF-8", "MANPAGER": "cat",
                                            "MANWIDTH": "80"})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("jindou doctor | top", done.stdout)

    def test_the_unit_names_what_is_installed(self):
        command = re.search(r"^ExecStart=(.*)$", self.unit(), re.MULTILINE)[1].split()
        self.assertEqual(command, ["/usr/bin/jindou", "serve", "--config",
                                   "/etc/jindou/jindou.yaml"])
        self.assertTrue((self.root / command[0][1:]).exists())
        self.assertTrue((self.root / command[3][1:]).exists())

    def test_the_unit_tries_again_unless_the_configuration_is_wrong(self):
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str
        unit.read_string(self.unit())
        self.assertEqual(unit["Unit"]["StartLimitIntervalSec"], "0")
        service = unit["Service"]
        self.assertEqual((service["Restart"], service["RestartSec"],
                          service["RestartPreventExitStatus"]), ("on-failure", "3", "2"))
        with tempfile.TemporaryDirectory() as directory, \
                socket.create_server(("127.0.0.1", 0)) as held:
            command = [binary(), "serve", "--data-dir", directory + "/data", "--http-addr",
                       "127.0.0.1:%d" % held.getsockname()[1], "--tcp-addr", "127.0.0.1:0",
                       "--ws-addr", "127.0.0.1:0"]
            env = environment({"WK_MANAGER_ON": "false", "WK_DEMO_ON": "false"})
            status, output = run(*command, cwd=directory, env=env)
            self.assertEqual(status, 1, output)
            status, output = run(*command, "--set", "api.maxBatch=none", cwd=directory, env=env)
            self.assertEqual(status, 2, output)

    def test_below_another_prefix_all_of_it_is_there(self):
        status, output = self.install("/opt/jindou", "service")
        self.assertEqual(status, 0, output)
        self.assertIn("ExecStart=/opt/jindou/bin/jindou serve --config "
                      "/opt/jindou/etc/jindou/jindou.yaml\n",
                      self.unit("opt/jindou/lib/systemd/system/jindou.service"))

    def test_a_configuration_that_is_there_stays(self):
        path = self.root / "etc/jindou/jindou.yaml"
        kept = path.read_text()
        self.addCleanup(path.write_text, kept)
        path.write_text("mode: release\n")
        self.assertEqual(self.install("/usr", "service")[0], 0)
        self.assertEqual(path.read_text(), "mode: release\n")

    def test_the_configuration_is_valid_and_opens_nothing(self):
        path = self.root / "etc/jindou/jindou.yaml"
        status, output = run(binary(), "config", "--config", path, "--validate")
        self.assertEqual((status, "warning" in output), (0, False), output)
        # And with what is commented out in it, as somebody does who follows it.
        text = re.sub(r"^# ((?:  )?(?:\w+: \S|\w+:$).*)$", r"\1", path.read_text(), flags=re.MULTILINE)
        self.assertIn("\nhttpAddr: ", text)
        self.assertIn("\n  maxAge: ", text)
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            status, output = run(binary(), "config", "--config", file.name, "--validate",
                                 env={**os.environ, "WK_MANAGERTOKEN": "a-token-of-this-test"})
        self.assertEqual(status, 0, output)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze")
    def test_systemd_finds_the_unit_little_exposed(self):
        # Of a copy that starts something that is on every machine.
        with tempfile.TemporaryDirectory() as directory:
            unit = pathlib.Path(directory) / "jindou.service"
            unit.write_text(self.unit().replace("/usr/bin/jindou serve", "/bin/true serve"))
            status, output = run("systemd-analyze", "security", "--offline=yes", "--no-pager",
                                 "--threshold=20", unit)
            self.assertEqual(status, 0, output)
            output = run("systemd-analyze", "verify", "--man=no", unit)[1]
            self.assertNotIn("jindou.service", output)

    def complete(self, *words):
        """What bash offers for the last word."""
        script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _jindou; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        status, output = run("bash", "-c", script, "bash", self.root / COMPLETION, binary(), *words)
        self.assertEqual(status, 0, output)
        return output.split()

    def test_bash_completes_every_command_and_option(self):
        commands = commands_in(help_of())
        self.assertIn("serve", commands)
        self.assertEqual(self.complete(""), commands)
        for command in commands:
            with self.subTest(command=command):
                self.assertEqual(self.complete(command, "--"), options_in(help_of(command)))
        nested = commands_in(help_of("jobs"))
        self.assertIn("pause", nested)
        self.assertEqual(self.complete("jobs", ""), nested)
        self.assertEqual(self.complete("jobs", "list", "--"), options_in(help_of("jobs", "list")))
        self.assertEqual(self.complete("help", ""), commands)
        self.assertEqual(self.complete("help", "jobs", ""), nested)

    def test_bash_completes_values_and_files(self):
        self.assertEqual(self.complete("send", "--format", ""), ["auto", "ndjson", "csv"])
        self.assertEqual(self.complete("jobs", "list", "--state", "pau"), ["paused"])
        file = self.root / "etc/jindou/jindou.yaml"
        self.assertEqual(self.complete("serve", "--config", str(file)[:-3]), [str(file)])

    def complete_in_zsh(self, *words):
        """What the function offers for the last word; a description is left out."""
        script = ('compadd() { shift; print -rl -- "$@" }\n'
                  '_describe() { print -rl -- "${(@P)2}" }\n'
                  '_files() { print -r -- "(files)" }\n'
                  'file=$1; shift; words=("$@"); CURRENT=$#; source $file')
        status, output = run("zsh", "-f", "-c", script, "zsh", self.root / ZSH_COMPLETION,
                             binary(), *words)
        self.assertEqual(status, 0, output)
        return [line.partition(":")[0] for line in output.splitlines()]

    @unittest.skipUnless(shutil.which("zsh"), "no zsh")
    def test_zsh_completes_every_command_and_option(self):
        commands = commands_in(help_of())
        self.assertEqual(self.complete_in_zsh(""), commands)
        for command in commands:
            with self.subTest(command=command):
                self.assertEqual(self.complete_in_zsh(command, "--"), options_in(help_of(command)))
        nested = commands_in(help_of("jobs"))
        self.assertEqual(self.complete_in_zsh("jobs", ""), nested)
        self.assertEqual(self.complete_in_zsh("jobs", "list", "--"),
                         options_in(help_of("jobs", "list")))
        self.assertEqual(self.complete_in_zsh("help", ""), commands)
        self.assertEqual(self.complete_in_zsh("help", "jobs", ""), nested)
        self.assertEqual(self.complete_in_zsh("send", "--format", ""), ["auto", "ndjson", "csv"])
        self.assertIn("paused", self.complete_in_zsh("jobs", "list", "--state", ""))
        self.assertEqual(self.complete_in_zsh("serve", "--config", ""), ["(files)"])

    def typed(self, shell, prepare, keys, wanted):
        """What a shell at a terminal has shown after these keys, once `wanted` is in it."""
        terminal, end = pty.openpty()
        self.addCleanup(os.close, terminal)
        (self.root / "bin").mkdir(exist_ok=True)
        (self.root / "bin/jindou").unlink(missing_ok=True)
        (self.root / "bin/jindou").symlink_to(binary())
        process = subprocess.Popen(shell, stdin=end, stdout=end, stderr=end, cwd=self.root,
                                   start_new_session=True, env={
                                       "PATH": "%s/bin:/usr/bin:/bin" % self.root, "TERM": "dumb",
                                       "HOME": str(self.root), "LC_ALL": "C.UTF-8"})
        os.close(end)
        shown = b""
        try:
            # The echo of the first line does not look like what it prints.
            for text, awaited in ((prepare + "; PS1=; echo rea''dy\n", "ready"), (keys, wanted)):
                os.write(terminal, text.encode())
                shown, until = b"", time.monotonic() + 20
                while awaited.encode() not in shown and time.monotonic() < until:
                    if select.select([terminal], [], [], 0.2)[0]:
                        shown += os.read(terminal, 4096)
        finally:
            process.kill()
            process.wait()
        return shown.decode(errors="replace")

    def test_the_shells_themselves_complete_what_is_typed(self):
        for shell, prepare in (
                (("bash", "--norc", "--noprofile", "-i"), "source '%s'" % (self.root / COMPLETION)),
                (("zsh", "-f", "-i"), "fpath=('%s' $fpath); autoload -Uz compinit && "
                 "compinit -u -D" % (self.root / ZSH_COMPLETION).parent)):
            if not shutil.which(shell[0]):
                continue
            for keys, wanted in (("jindou serv\t", "jindou serve"),
                                 ("jindou jobs pau\t", "jindou jobs pause"),
                                 ("jindou send --format nd\t", "jindou send --format ndjson")):
                with self.subTest(shell=shell[0], keys=keys):
                    self.assertIn(wanted, self.typed(shell, prepare, keys, wanted))

    def test_the_manual_names_every_command_and_setting_flag(self):
        text = (self.root / "usr/share/man/man1/jindou.1").read_text().replace("\\-", "-")
        told = text.split(".SH COMMANDS")[1].split(".SH ")[0]
        for command in commands_in(help_of()):
            with self.subTest(command=command):
                self.assertRegex(told, r'(?m)^\.(B %s$|BI %s ")' % (command, command))
        for option in options_in(help_of("serve")) + options_in(help_of("config")):
            with self.subTest(option=option):
                self.assertIn(option, text)

    def test_the_manual_names_where_settings_come_from(self):
        text = (self.root / "usr/share/man/man1/jindou.1").read_text()
        # What a test compares with the table of settings.
        page = (ROOT / "docs/configuration.md").read_text().partition("\n## ")[0]
        secrets = re.search(r"A secret may also be in a file,.*?;\n", page, re.DOTALL)[0]
        secrets = {name.removesuffix("_FILE") for name in re.findall(r"WK_\w+", secrets)}
        self.assertGreater(len(secrets), 5)
        self.assertEqual({name.removesuffix("_FILE")
                          for name in re.findall(r"\bWK_[A-Z_]+_FILE\b", text)}, secrets)
        for name in ("WK_CONFIG", "./jindou.yaml", "/etc/jindou/jindou.yaml"):
            with self.subTest(name=name):
                self.assertIn("`%s`" % name, page)
                self.assertIn(name, text)


@unittest.skipUnless(BUILD == ROOT / "build/release", "the program is not make's release build")
class Made(unittest.TestCase):
    """What `make` makes of the release build that is there. Nothing is compiled or installed.

    On a bare Debian 13 the archive was tried by hand."""

    def setUp(self):
        before = os.stat(binary()).st_mtime_ns
        self.addCleanup(lambda: self.assertEqual(
            os.stat(binary()).st_mtime_ns, before,
            "build/release was older than the sources: build it before"))
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.dir = pathlib.Path(directory.name)
        # What is missing is told, not fetched.
        (self.dir / "bin").mkdir()
        for name in ("apt-get", "sudo"):
            (self.dir / "bin" / name).write_text("#!/bin/sh\necho not here\nexit 1\n")
            (self.dir / "bin" / name).chmod(0o755)
        self.path = {"PATH": "%s:%s" % (self.dir / "bin", os.environ["PATH"])}

    def made(self, done):
        """The lines that it prints."""
        self.assertEqual(done.returncode, 0, done)
        return done.stdout.splitlines()

    def assert_serves(self, server):
        answer = server.post("/message/sendbatch", seed_request())
        self.assertEqual({result["reason"] for result in answer.json()}, {1}, answer)

    @unittest.skipUnless(shutil.which("dh"), "no debhelper")
    def test_the_package_has_all_it_names_and_serves_by_the_lines_of_its_unit(self):
        *_, package = self.made(run_shown(
            "make deb", cwd=ROOT, timeout=300, env={
                **self.path, "DPKG_DEB_COMPRESSOR_TYPE": "gzip", "DPKG_DEB_COMPRESSOR_LEVEL": "1"}))
        package = ROOT / package
        self.assertEqual(package.parent, ROOT / "build/deb")
        root = self.dir / "root"
        self.assertEqual(run("dpkg-deb", "-x", package, root), (0, ""))
        self.assertEqual(run("dpkg-deb", "-I", package, "conffiles"),
                         (0, "/etc/jindou/jindou.yaml\n"))
        for path in ("usr/share/jindou/prometheus/jindou.rules.yml", COMPLETION,
                     "usr/share/jindou/grafana/jindou.json", "usr/share/man/man1/jindou.1.gz"):
            self.assertTrue((root / path).is_file(), path)
        # Nothing is left of it beside the sources.
        status, left = run("git", "-C", ROOT, "--no-optional-locks", "status", "--porcelain",
                           "--ignored", "debian")
        self.assertIn((status, left), ((0, ""), (128, left)))  # 128: no checkout
        config = root / "etc/jindou/jindou.yaml"
        with ShownServer("/usr/bin/jindou serve --config /etc/jindou/jindou.yaml",
                         ("/usr/bin", root / "usr/bin"), ("/etc/jindou/jindou.yaml", config),
                         cwd=self.dir) as server:
            self.assert_serves(server)
            config.write_text(config.read_text() + "\nlogger:\n  slowRequest: 2s\n")
            done = run_shown('/bin/sh -c "kill -HUP $MAINPID"',
                             env={"MAINPID": str(server.child())})
            self.assertEqual(done.returncode, 0, done)
            server.wait_for_log("logger.slowRequest")
            self.assertEqual(server.stop(), 0)

    @unittest.skipUnless(shutil.which("patchelf"), "no patchelf")
    def test_the_archive_runs_where_it_is_unpacked_with_its_own_libraries(self):
        *_, archive, needs = self.made(run_shown("make dist", cwd=ROOT, env=self.path,
                                                  timeout=300))
        self.assertRegex(needs, r"^needs glibc, from version 2\.\d+$")
        archive = pathlib.Path(archive)
        self.assertEqual(archive.parent, ROOT / "build/dist")
        self.assertEqual([path.name for path in archive.parent.glob("stage-*")], [])
        there = self.dir / "opt"
        (self.dir / "downloads").mkdir()
        there.mkdir()
        (self.dir / "downloads" / archive.name).symlink_to(archive)
        # From a place without the build, with nothing in its environment that finds libraries.
        with ShownServer(
                "tar -xzf jindou-*-linux-*.tar.gz -C /opt && "
                "/opt/jindou-*/bin/jindou serve --data-dir /var/lib/jindou",
                ("/opt", there), ("/var/lib/jindou", self.dir / "data"),
                cwd=self.dir / "downloads") as server:
            self.assert_serves(server)
            self.assertEqual(server.stop(), 0)
        self.assertTrue((self.dir / "data/CURRENT").exists())
        root, = there.iterdir()
        self.assertEqual(root.name, archive.name.removesuffix(".tar.gz"))
        libraries = root / "lib/jindou"
        foreign = [line.split()[0].partition(".so")[0] for line in
                   run("ldd", root / "bin/jindou")[1].splitlines() if str(root) not in line]
        self.assertLessEqual(
            set(foreign), {"linux-vdso", "libc", "libm", "libpthread", "libresolv", "libdl",
                           "librt", "/lib64/ld-linux-x86-64", "/lib/ld-linux-aarch64"})
        self.assertGreater(len(list(libraries.iterdir())), 10)
        licence, = (root / "share/doc/jindou/libraries").glob("libssl3*")
        self.assertIn("OpenSSL", licence.read_text())
        status, output = run(root / "bin/jindou", "--version", env={})
        self.assertEqual((status, output), run(binary(), "--version"))

    @unittest.skipUnless(shutil.which("npm"), "no npm")
    def test_the_chat_page_is_in_the_server_that_make_chat_starts(self):
        data = self.dir / "chat"
        with ShownServer("make chat", cwd=ROOT, env={**self.path, "WK_DEMO_ON": "true"},
                         further=" DATA=%s ARGS=--http-addr=127.0.0.1:0" % data) as server:
            said = server.wait_for_output("Ctrl-C stops the server.")
            self.assertIn("The chat demo is on http://%s/. " % server.demo, said)
            page = server.get("/chatdemo?apiurl=a", address=server.demo)
            self.assertEqual(page.status, 200, page)
            self.assertIn(b"<script", page.body)
            self.assert_serves(server)
            server.stop()  # the status is that of make, which tells of the signal
            self.assertTrue((data / "CURRENT").exists())
            self.assertRaises(OSError, server.get, "/health")

    def test_what_make_starts_is_waited_for_whenever_it_is_stopped(self):
        # At once: it is about to say what can be tried.
        for number in range(3):
            data = self.dir / str(number)
            with ScriptServer("scripts/run.sh %s --data-dir %s" % (binary(), data), cwd=ROOT,
                              env={"WK_DEMO_ON": "true"}) as server:
                self.assertEqual(server.stop(), 0)
                # Nobody has the lock of the store any more.
                status, output = run(binary(), "verify", data)
                self.assertEqual(status, 0, output)


def lowest(name):
    """A version of cmake/lowest_versions.txt."""
    return re.search(r"(?m)^%s (\S+)$" % re.escape(name),
                     (ROOT / "cmake/lowest_versions.txt").read_text())[1]


@not_for_sanitizers
class Sources(unittest.TestCase):
    """debian/ and what else names the version or the packages."""

    def test_all_say_the_same_version(self):
        version = re.search(r"project\(jindou VERSION ([0-9.]+)",
                            (ROOT / "CMakeLists.txt").read_text())[1]
        for path, pattern in (("src/app/version.h", r'kVersion = "(.+?)"'),
                              ("debian/changelog", r"^jindou \((.+?)-\d+\)"),
                              ("docs/jindou.1", r'"Jindou (.+?)"'),
                              ("CHANGELOG.md", r"(?m)^## ([0-9.]+)")):
            with self.subTest(path=path):
                self.assertEqual(re.search(pattern, (ROOT / path).read_text())[1], version)

    def test_who_says_what_is_needed_names_the_releases_that_the_setup_is_for(self):
        told = re.compile(r"Debian (\d+)(?: (?:and|or|或) (\d+))?")
        releases = told.search((ROOT / "scripts/setup-debian.sh").read_text()).groups()
        self.assertTrue(all(releases))
        for path in ("README.md", "README.zh-CN.md", "CONTRIBUTING.md", "Makefile"):
            with self.subTest(path=path):
                self.assertEqual(told.search((ROOT / path).read_text()).groups(), releases)

    def test_a_package_is_built_with_what_the_setup_installs(self):
        control = (ROOT / "debian/control").read_text()
        listed = re.search(r"^Build-Depends:(.*?)^\S", control, re.MULTILINE | re.DOTALL)[1]
        # Of alternatives the first; without versions and architectures.
        asked = {re.match(r"\s*([a-z0-9.+-]+)", entry)[1] for entry in listed.split(",")}
        setup = (ROOT / "scripts/setup-debian.sh").read_text().partition('case "$role" in')[0]
        named = setup.partition("\nneed_command g++ g++\n")[2]
        needed = set(re.findall(r"\b(?:lib[a-z0-9.+-]+-dev|prometheus-cpp-dev|zlib1g-dev)\b", named))
        self.assertGreater(len(needed), 10)
        libraries = {name for name in asked if name.endswith("-dev")}
        self.assertIn("libboost%s-dev" % lowest("boost"), libraries)  # chosen by its version
        libraries = {name for name in libraries if not name.startswith("libboost")}
        self.assertEqual(libraries, needed - {"libvectorscan-dev", "libc6-dev"})
        for name in asked - libraries - {"debhelper-compat", "libboost%s-dev" % lowest("boost")}:
            with self.subTest(package=name):
                self.assertRegex(setup, r"\s%s\s" % re.escape(name))

    def test_the_lowest_versions_are_the_same_everywhere(self):
        for path, name, pattern in (
                ("CMakeLists.txt", "cmake", r"cmake_minimum_required\(VERSION ([0-9.]+)\)"),
                ("debian/control", "cmake", r"\bcmake \(>= ([0-9.]+)\)"),
                ("debian/control", "g++", r"g\+\+ \(>= 4:([0-9.]+)\)"),
                ("debian/control", "openssl", r"libssl-dev \(>= ([0-9.]+)\)"),
                ("debian/control", "boost", r"libboost-dev \(>= ([0-9.]+)\)"),
                ("CONTRIBUTING.md", "clang", r"clang-format ([0-9.]+) over all"),
                ("CONTRIBUTING.md", "clang", r"clang-tidy ([0-9.]+) over all")):
            with self.subTest(path=path, name=name):
                self.assertEqual(re.search(pattern, (ROOT / path).read_text())[1], lowest(name))
        presets = json.loads((ROOT / "CMakePresets.json").read_text())["cmakeMinimumRequired"]
        self.assertEqual("%d.%d" % (presets["major"], presets["minor"]), lowest("cmake"))

    def test_a_purge_takes_secrets_and_logs_and_leaves_the_rest(self):
        script = (ROOT / "debian/jindou.postrm").read_text()
        taken = ("etc/jindou/secrets.env", "etc/jindou/secrets.env~", "var/log/jindou/audit.log",
                 "var/log/jindou/audit.log.2.gz")
        store, own = "var/lib/jindou/data/CURRENT", "etc/jindou/server.pem"
        for others in ((), (own,)):
            with self.subTest(others=others), tempfile.TemporaryDirectory() as directory:
                root = pathlib.Path(directory)
                for path in (*taken, store, *others):
                    (root / path).parent.mkdir(parents=True, exist_ok=True)
                    (root / path).write_text("a secret\n")
                here = re.sub(r"(?<![\w/])/(?=(?:etc|var)/)", "%s/" % root, script)
                for action in ("upgrade", "remove"):
                    self.assertEqual(run("sh", "-c", here, "postrm", action), (0, ""))
                    for path in (*taken, store, *others):
                        self.assertTrue((root / path).exists(), path)
                status, output = run("sh", "-c", here, "postrm", "purge")
                self.assertEqual(status, 0, output)
                self.assertIn("the store stays in", output)
                left = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
                self.assertEqual(left, {store, *others})
                self.assertEqual((root / "etc/jindou").exists(), bool(others))
                self.assertFalse((root / "var/log/jindou").exists())
                # Of a purge that was interrupted.
                self.assertEqual(run("sh", "-c", here, "postrm", "purge")[0], 0)

    def test_a_purge_goes_on_where_it_may_not_remove_a_directory(self):
        script = (ROOT / "debian/jindou.postrm").read_text()
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            for path in ("kept", "etc", "var/log/jindou", "bin"):
                (root / path).mkdir(parents=True)
            here = re.sub(r"(?<![\w/])/(?=(?:etc|var)/)", "%s/" % root, script)
            # Settings that are kept elsewhere.
            (root / "etc/jindou").symlink_to(root / "kept")
            (root / "kept/secrets.env").write_text("a secret\n")
            self.assertEqual(run("sh", "-c", here, "postrm", "purge"), (0, ""))
            self.assertTrue((root / "etc/jindou").is_symlink())
            self.assertEqual(list((root / "kept").iterdir()), [])
            # Mount points.
            (root / "etc/jindou").unlink()
            (root / "etc/jindou").mkdir()
            busy = "rmdir() { return 1; }\nrm() { [ \"$1\" != -rf ]; }\n"
            status, output = run("sh", "-c", busy + here, "postrm", "purge")
            self.assertEqual(status, 0, output)
            for path in ("etc/jindou", "var/log/jindou"):
                self.assertIn("jindou: %s/%s stays" % (root, path), output)

    def test_the_documented_lines_are_in_the_unit(self):
        unit = (ROOT / "deploy/systemd/jindou.service.in").read_text()
        unit = unit.replace("@BINDIR@", "/usr/bin").replace("@SYSCONFDIR@", "/etc").splitlines()
        for page in ("operations.md", "operations.zh-CN.md"):
            text = (ROOT / "docs" / page).read_text()
            shown = re.search(r"^```ini\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[1]
            for line in shown.splitlines():
                with self.subTest(page=page, line=line):
                    self.assertIn(line, unit)


@not_for_sanitizers
class Setup(unittest.TestCase):
    """What scripts/setup-debian.sh asks apt for, by what a release has. Nothing is installed."""

    BOOKWORM = ("libboost1.74-dev", "libboost1.81-dev", "libvectorscan-dev", "libhyperscan-dev",
                "clang", "clang-14", "clang-19", "clang-format", "clang-format-14",
                "clang-tidy-14", "libclang-rt-dev", "libclang-rt-14-dev")
    TRIXIE = ("libboost1.83-dev", "libboost1.88-dev", "libvectorscan-dev", "libhyperscan-dev",
              "clang", "clang-19", "clang-format", "clang-tidy", "libclang-rt-dev")

    def asked(self, role, release):
        """The packages, on a machine where none is installed."""
        with tempfile.TemporaryDirectory() as directory:
            here = pathlib.Path(directory)
            for name in ("bash", "env", "dirname", "awk", "sed", "sort", "mkdir", "tail", "dpkg"):
                (here / name).symlink_to(shutil.which(name))
            (here / "known").write_text("".join(name + "\n" for name in release))
            for name, text in (
                    ("id", "echo 0"), ("promtool", ""), ("nginx", ""), ("caddy", ""),
                    ("dpkg-query", "exit 1"),
                    ("apt-cache", 'while read -r name; do case "$1 $name" in\n'
                     '"pkgnames $2"*) echo "$name" ;;\n'
                     '"policy $2") echo "  Candidate: 1.0" ;;\nesac; done <"${0%/*}/known"'),
                    ("apt-get", 'echo "$@" >>"${0%/*}/calls"')):
                (here / name).write_text("#!%s\n%s\n" % (shutil.which("bash"), text))
                (here / name).chmod(0o755)
            status, output = run(ROOT / "scripts/setup-debian.sh", role,
                                 env={"PATH": directory, "LC_ALL": "C.UTF-8"})
            self.assertEqual(status, 0, output)
            calls = (here / "calls").read_text().splitlines()
            self.assertEqual(calls[0], "update -q")
            self.assertTrue(calls[-1].startswith("install -y "), calls)
            return set(calls[-1].split())

    def test_it_needs_no_proc(self):
        # A chroot without it has no /dev/fd, through which the shell reads what "<(" runs.
        for script in ("setup-debian.sh", "run.sh"):
            self.assertNotIn("<(", (ROOT / "scripts" / script).read_text(), script)

    def test_a_server_is_built_with_the_lowest_boost_that_does(self):
        self.assertIn("libboost1.81-dev", self.asked("run", self.BOOKWORM))
        asked = self.asked("run", self.TRIXIE)
        self.assertIn("libboost1.83-dev", asked)
        self.assertNotIn("libboost1.88-dev", asked)
        self.assertIn("librocksdb-dev", asked)

    def test_only_the_chat_page_and_what_needs_it_bring_node(self):
        self.assertFalse({"nodejs", "npm"} & self.asked("run", self.TRIXIE))
        for role in ("chat", "deb", "test"):
            with self.subTest(role=role):
                self.assertLessEqual({"nodejs", "npm"}, self.asked(role, self.TRIXIE))

    def test_no_package_that_starts_a_server_is_installed(self):
        asked = self.asked("test", self.TRIXIE)
        self.assertIn("zsh", asked)
        self.assertFalse({"prometheus", "nginx", "caddy"} & asked)

    def test_clang_is_that_of_debian_12_or_the_release_s_own(self):
        asked = self.asked("test", self.BOOKWORM)
        self.assertLessEqual({"clang-14", "libclang-rt-14-dev"}, asked)
        self.assertFalse({"clang", "libclang-rt-dev"} & asked)
        self.assertLessEqual({"clang", "libclang-rt-dev"}, self.asked("test", self.TRIXIE))

    def test_format_and_tidy_are_asked_for_where_their_version_is(self):
        self.assertLessEqual({"clang-format-14", "clang-tidy-14"},
                             self.asked("check", self.BOOKWORM))
        self.assertFalse({name for name in self.asked("check", self.TRIXIE)
                          if name.startswith(("clang-format", "clang-tidy"))})


if __name__ == "__main__":
    unittest.main()
