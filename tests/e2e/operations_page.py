"""The commands of docs/operations.md, for the tests that run them.

A command is a line of a block in sh; what systemd or logrotate run, of the blocks that show their
files; and what stands between backticks and is typed, in more than one word or as the path of a
program. A test takes a command out of the page by its text with `shown`, `run_shown`,
`ShownServer` or, a whole block that begins with a comment, with `shown_block`; test_operations_page
looks for these calls, and fails where no test takes a command that is on the page. So a new one
comes with a test that runs it.
"""

import atexit
import os
import pathlib
import re
import signal
import subprocess
import time

from harness import ROOT, Server, binary

PAGES = ("operations.md", "operations.zh-CN.md")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What a block in another language than sh has run, by the language.
RUN_BY = {"ini": re.compile(r"^Exec\w+=(.*)$", re.MULTILINE),
          "": re.compile(r"^ *postrotate\n(.*?)^ *endscript$", re.MULTILINE | re.DOTALL),
          "yaml": None, "json": None, "nginx": None}
PROGRAM = re.compile(r"/usr/(?:s?bin|libexec)/[\w-]+|[\w./-]+\.sh")
# Between backticks, in several words, and nothing that is typed: flags, routes, settings and header
# fields, what the server says, and parts of other files.
OTHER = re.compile(r"-|(?:GET|POST|PUT|DELETE|PATCH) /|[\w.-]+: ")
SAID = {
    "(no such path)", "100 Continue", "accept failed", "cannot accept a connection",
    "No space left on device", "storage failed", "trace 4bf9…",
    "connection 12 (ws, 203.0.113.7, user u1) ends: idle: …",
    "needs 70 MiB free in /var/lib/jindou to reopen, 12 MiB are there",
    "the store was brought from format 1 to 4",
    "the store was written by a newer version of Jindou",
    '["group:90d:1000000", "live:1d:0"]',
    "jindou_tls_certificate_not_after_seconds - time() < 14 * 86400",
    "client_max_body_size 10m", "proxy_http_version 1.1",
}


def page_text(page):
    return (ROOT / "docs" / page).read_text()


def lines_of(block):
    """Its commands, without comments."""
    lines = [re.sub(r"(?:^|\s+)#(?:\s.*)?$", "", line).strip()
             for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line]


def blocks(text):
    """(language, text) of every fenced block."""
    return FENCED.findall(text)


def commands(text):
    """Of a page, in their order, each once."""
    found = []
    for language, block in blocks(text):
        if language == "sh":
            found += lines_of(block)
        elif language not in RUN_BY:
            raise AssertionError("a block in %r: say in RUN_BY what of it is run" % language)
        elif RUN_BY[language]:
            for lines in RUN_BY[language].findall(block):
                found += lines_of(lines)
    for span in re.findall(r"`([^`]+)`", FENCED.sub("", text)):
        words = " ".join(span.split())
        if PROGRAM.fullmatch(words) or (" " in words and not OTHER.match(words) and
                                        words not in SAID):
            found.append(words)
    return list(dict.fromkeys(found))


def shown(command, *replaced):
    """A command of the page, with what a test has in the place of what the page names.

    `replaced`: pairs of what stands in the command and what is put there."""
    for page in PAGES:
        assert command in commands(page_text(page)), "%s does not show %r" % (page, command)
    return substituted(command, replaced)


def shown_block(name, *replaced):
    """The block in sh whose first line is the comment `name`."""
    found = [[block for language, block in blocks(page_text(page)) if language == "sh" and
              block.startswith("# %s\n" % name)] for page in PAGES]
    for each in found:
        assert len(each) == 1, "%d blocks begin with # %s" % (len(each), name)
    # Their comments differ.
    assert lines_of(found[0][0]) == lines_of(found[1][0]), name
    return substituted(found[0][0], replaced)


def substituted(text, pairs):
    for old, new in pairs:
        assert old in text, "%r is not in %r" % (old, text)
        assert old != text or old in new, "%r is put in the place of all of %r" % (new, text)
        text = text.replace(old, str(new))
    return text


def script(text):
    """For bash: `jindou` is the program that is tested."""
    return 'set -e\njindou() { "%s" "$@"; }\n%s\n' % (binary(), text)


def environment(more=None):
    """Without settings of the server, and what a `make` that runs the tests tells others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WK_") and
            name not in ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS", "ARGS", "DATA")}
    return {**kept, **(more or {})}


def run_script(text, *, env=None, cwd=None, timeout=60):
    """Runs it to its end; standard output and standard error apart."""
    return subprocess.run(["bash", "-c", script(text)], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=timeout, check=False, cwd=cwd,
                          env=environment(env))


def run_shown(command, *replaced, env=None, cwd=None, timeout=60):
    """Runs a command of the page to its end."""
    return run_script(shown(command, *replaced), env=env, cwd=cwd, timeout=timeout)


class ScriptServer(Server):
    """The server that a script starts, on free ports.

    `cwd`: where it is run; `env` may add settings. It has a group of processes of its own: a script
    may start the server in another process."""

    def __init__(self, text, *, cwd, env=None):
        super().__init__()
        self._text = text
        self._cwd = str(cwd)
        self._output = b""
        self._env = {"WK_ROOTDIR": self.dir, "WK_HTTPADDR": "127.0.0.1:0",
                     "WK_ADDR": "tcp://127.0.0.1:0", "WK_WSADDR": "ws://127.0.0.1:0",
                     "WK_MANAGER_ADDR": "127.0.0.1:0", "WK_DEMO_ADDR": "127.0.0.1:0",
                     "WK_DEMO_ON": "false", **(env or {})}

    def spawn(self):
        with open(self.log_path, "ab") as log:
            # With a trap the shell waits for the server when both get a signal.
            self.process = subprocess.Popen(
                ["bash", "-c", "trap : TERM\n" + script(self._text)], stdout=subprocess.PIPE,
                stderr=log, stdin=subprocess.DEVNULL, cwd=self._cwd,
                env=environment(self._env), start_new_session=True)
        atexit.register(self._kill_quietly, self.process)

    def _read_line(self, timeout):
        """The line that says it serves; `make` prints others before."""
        self.wait_for_output('"event":"ready"', timeout)
        return next((line for line in self._output.splitlines() if b'"event":"ready"' in line), b"")

    def wait_for_output(self, text, timeout=30):
        """Until that is printed; all that was printed."""
        deadline, more = time.monotonic() + timeout, b"more"
        while text.encode() not in self._output and more and time.monotonic() < deadline:
            more = super()._read_line(deadline - time.monotonic())
            self._output += more
        return self._output.decode()

    @staticmethod
    def _kill_quietly(process):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()

    def child(self):
        """The process number of the server itself."""
        pid = self.process.pid
        first, = pathlib.Path("/proc/%d/task/%d/children" % (pid, pid)).read_text().split()
        return int(first)

    def stop(self):
        """SIGTERM for all; the exit status of the command, once all of them have ended."""
        os.killpg(self.process.pid, signal.SIGTERM)
        # `make` does not wait for what it has started; that has its output open.
        while super()._read_line(30):
            pass
        code = self.process.wait(30)
        self.process.stdout.close()
        return code


class ShownServer(ScriptServer):
    """The server that a command of the page starts; `further`: words behind the command."""

    def __init__(self, command, *replaced, cwd, env=None, further=""):
        super().__init__(shown(command, *replaced) + further, cwd=cwd, env=env)
