"""What `cmake --install` puts into a system, and what debian/ makes a package of.

The package itself is installed and run in a bare Debian by tests/package/run.sh, by hand.
"""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import ROOT, binary

BUILD = pathlib.Path(binary()).parents[1]
COMPLETION = "usr/share/bash-completion/completions/jindou"


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
                          check=False, **options)
    return done.returncode, done.stdout


def help_of(*words):
    return run(binary(), *words, "--help")[1]


def commands_in(text):
    return re.findall(r"^  ([a-z][a-z-]*) ", text.partition("\nSubcommands:\n")[2], re.MULTILINE)


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

    def test_the_unit_names_what_is_installed(self):
        command = re.search(r"^ExecStart=(.*)$", self.unit(), re.MULTILINE)[1].split()
        self.assertEqual(command, ["/usr/bin/jindou", "serve", "--config",
                                   "/etc/jindou/jindou.yaml"])
        self.assertTrue((self.root / command[0][1:]).exists())
        self.assertTrue((self.root / command[3][1:]).exists())

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

    def test_bash_completes_values_and_files(self):
        self.assertEqual(self.complete("send", "--format", ""), ["auto", "ndjson", "csv"])
        self.assertEqual(self.complete("jobs", "list", "--state", "pau"), ["paused"])
        file = self.root / "etc/jindou/jindou.yaml"
        self.assertEqual(self.complete("serve", "--config", str(file)[:-3]), [str(file)])

    @unittest.skipUnless(shutil.which("zsh"), "no zsh")
    def test_zsh_reads_its_completion(self):
        status, output = run("zsh", "-n", self.root / "usr/share/zsh/site-functions/_jindou")
        self.assertEqual((status, output), (0, ""))

    def test_the_manual_names_every_command_and_setting_flag(self):
        text = (self.root / "usr/share/man/man1/jindou.1").read_text().replace("\\-", "-")
        for command in commands_in(help_of()):
            with self.subTest(command=command):
                self.assertRegex(text, r"(?m)^\.B %s$" % command)
        for option in options_in(help_of("serve")) + options_in(help_of("config")):
            with self.subTest(option=option):
                self.assertIn(option, text)


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

    def test_a_package_is_built_with_what_the_setup_installs(self):
        control = (ROOT / "debian/control").read_text()
        listed = re.search(r"^Build-Depends:(.*?)^\S", control, re.MULTILINE | re.DOTALL)[1]
        # Of alternatives the first; without versions and architectures.
        asked = {re.match(r"\s*([a-z0-9.+-]+)", entry)[1] for entry in listed.split(",")}
        setup = (ROOT / "scripts/setup-debian.sh").read_text().partition('case "$role" in')[0]
        needed = set(re.findall(r"\b(?:lib[a-z0-9.+-]+-dev|prometheus-cpp-dev|zlib1g-dev)\b", setup))
        self.assertGreater(len(needed), 10)
        libraries = {name for name in asked if name.endswith("-dev")}
        self.assertEqual(libraries, needed - {"libvectorscan-dev", "libc6-dev"})
        for name in asked - libraries - {"debhelper-compat"}:
            with self.subTest(package=name):
                self.assertRegex(setup, r"\s%s\s" % re.escape(name))

    def test_the_documented_lines_are_in_the_unit(self):
        unit = (ROOT / "deploy/systemd/jindou.service.in").read_text()
        unit = unit.replace("@BINDIR@", "/usr/bin").replace("@SYSCONFDIR@", "/etc").splitlines()
        for page in ("operations.md", "operations.zh-CN.md"):
            text = (ROOT / "docs" / page).read_text()
            shown = re.search(r"^```ini\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[1]
            for line in shown.splitlines():
                with self.subTest(page=page, line=line):
                    self.assertIn(line, unit)


if __name__ == "__main__":
    unittest.main()
