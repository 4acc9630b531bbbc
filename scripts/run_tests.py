#!/usr/bin/env python3
"""Builds everything and runs every test; the last line says "N passed, N failed, N skipped".

Above it stand the tests that were skipped, each with its reason, and the failures.

Stages run in order and a failed one does not stop the others, unless they need what it builds.
Name stages on the command line to run only those. Stage "unit" runs only when it is named: the
unit tests run with the address and undefined-behaviour sanitizers (asan) in any case. --self-test
tests how results are read.
"""

import ast
import atexit
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import typing
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
BINARY = BUILD / "release" / "bin" / "jindou"
ASAN_BINARY = BUILD / "asan" / "bin" / "jindou"
# Of each target, beside its seeds: enough to find what a change broke at once. Longer ones by hand.
FUZZ_SECONDS = 5
# Test files at a time. They wait more than they work; each starts servers of its own.
E2E_PARALLEL = 3
# Programs of unit tests at a time: those of the gateway, jobs and webhooks wait for most of theirs.
UNIT_PARALLEL = 5
# What the end of the log repeats of one failure.
FAILURE_CHARS = 3000
# A whole file of tests, sanitizers included; a file takes one or two minutes at most.
E2E_TIMEOUT = 900

# Leaks are errors; the other options make the sanitizers stricter than their defaults.
SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:detect_leaks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


class Outcome:
    """Counts, for each failure its name and what it printed, and for each skipped test its name and
    why: a log is long, its end is read."""

    def __init__(self, passed=0, failed=0, failures=(), skipped=()):
        self.passed = passed
        self.failed = failed
        self.failures = list(failures)
        self.skipped = list(skipped)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.failures += other.failures
        self.skipped += other.skipped


def run(command, env=None, timeout=None, capture=False):
    """Returns the exit status and, with capture, the output (also shown)."""
    print("$ " + " ".join(str(part) for part in command), flush=True)
    full_env = {**os.environ, **(env or {})}
    if not capture:
        try:
            done = subprocess.run(command, cwd=ROOT, env=full_env, stdin=subprocess.DEVNULL,
                                  timeout=timeout, check=False)
            return done.returncode, ""
        except subprocess.TimeoutExpired:
            print(f"stopped after {timeout} s", flush=True)
            return 124, ""
    lines = []
    with subprocess.Popen(command, cwd=ROOT, env=full_env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace") as process:
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line)
    return process.returncode, "".join(lines)


def compilers():
    """How many to run at once."""
    return subprocess.run([ROOT / "scripts" / "jobs.sh"], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.strip()


class BuildsAhead:
    """Builds what the stages need, in their order, below the tests, which wait more than they work.

    In a process group and not in a session of its own: Linux shares processors between sessions first
    (sched(7), autogroup), so that there its niceness would count for nothing.

    What it prints is lost: the stage builds again, which is nothing when all went well, and says what
    did not.
    """

    def __init__(self, builds):
        self.builds = builds
        self.ended = {preset: threading.Event() for preset in builds}
        self.process = None
        self.stopped = False
        self.lock = threading.Lock()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        try:
            for preset, targets in self.builds.items():
                with self.lock:
                    if self.stopped:
                        return
                    self.process = subprocess.Popen(
                        ["nice", "-n", "10", "sh", "-c", 'cmake --preset "$1" && '
                         'cmake --build "build/$1" -j "$2" --target $3', "build", preset,
                         compilers(), " ".join(targets)],
                        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL, process_group=0)
                self.process.wait()
                self.ended[preset].set()
        finally:
            for ended in self.ended.values():
                ended.set()

    def wait_for(self, preset):
        self.ended[preset].wait()

    def stop(self):
        with self.lock:
            self.stopped = True
            if self.process is not None and self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGTERM)


def build(preset, *targets):
    """The failure to report, or None when everything was built."""
    jobs = compilers()
    status, output = run(["cmake", "--preset", preset], capture=True)
    if status == 0:
        status, output = run(["cmake", "--build", str(BUILD / preset), "-j", jobs, "--target",
                              *targets], capture=True)
    if status == 0:
        return None
    # Among the notes of a compiler the errors are easily lost.
    errors = "\n".join(line for line in output.splitlines()
                       if re.search(r"FAILED:|error:|CMake Error|undefined reference", line))
    return f"{preset}: the build\n{(errors or output)[:FAILURE_CHARS]}"


def googletest_counts(report):
    """(cases, failures, what was skipped) of a program, by the report that it left."""
    try:
        root = ElementTree.fromstring(report.read_text(encoding="utf-8", errors="replace"))
    except ElementTree.ParseError:  # the program died while it wrote
        return 0, 0, []
    skipped = []
    for case in root.iter("testcase"):
        if case.get("result") == "skipped":
            told = case.find("skipped")
            message = told.get("message", "") if told is not None else ""
            # Its first line is the place in the source.
            why = " ".join(message.split("\n")[1:]).strip() or "it does not say why"
            skipped.append(f"{case.get('classname')}.{case.get('name')}: {why}")
    cases = int(root.get("tests", 0)) - int(root.get("disabled", 0))
    return cases, int(root.get("failures", 0)), skipped


def ctest(preset):
    """Counts each GoogleTest case, and each other ctest test as one."""
    reports = BUILD / preset / "reports"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir(parents=True)
    junit = reports / "ctest.xml"
    # GoogleTest names each report after its program. The checks' own tests are no programs of ours:
    # once is enough.
    once = ["-LE", "lint"] if preset == "tsan" else []
    run(["ctest", "--test-dir", str(BUILD / preset), "-L", "unit", *once, "--output-on-failure", "-j",
         str(UNIT_PARALLEL), "--output-junit", str(junit), "--no-tests=error"],
        env={"GTEST_OUTPUT": f"xml:{reports}/"})
    if not junit.is_file():
        return Outcome(0, 1, [f"{preset}: ctest left no report"])
    outcome = Outcome()
    for case in ElementTree.parse(junit).getroot().iter("testcase"):
        good = case.get("status") == "run"
        report = reports / f"{case.get('name')}.xml"
        cases, failures, skipped = googletest_counts(report) if report.is_file() else (0, 0, [])
        if good and failures == 0:
            outcome.add(Outcome(max(cases, 1) - len(skipped), 0, (), skipped))
        else:
            # A program that crashed has no report, or one without failures: that counts too.
            printed = (case.findtext("system-out") or "")[-FAILURE_CHARS:]
            passed = max(cases - failures - len(skipped), 0) if failures else 0
            outcome.add(Outcome(passed, max(failures, 1),
                                [f"{preset} {case.get('name')}\n{printed}"], skipped))
    return outcome


def skipped_tests(output):
    """(name, reason) of each test that Python's unittest says it has skipped. The name is in front of
    the result, or a line before it, when the test has a docstring."""
    before = ""
    for line in output.splitlines():
        if found := re.match(r"(.*) \.\.\. skipped (['\"].*['\"])$", line):
            named = re.match(r"\s*(\w+) \(([\w.]+)\)(.*)$", found[1])
            named = named or re.match(r"\s*(\w+) \(([\w.]+)\)(.*)$", before)
            name = found[1].strip()
            if named:
                # Of a class or module that skips all of its tests the word before is setUpClass.
                path = named[2]
                name = (path if path.endswith("." + named[1]) else f"{named[1]} {path}") + named[3]
            yield name, ast.literal_eval(found[2])
        before = line


def unittest_outcome(status, output, module):
    ran = re.findall(r"^Ran (\d+) tests? in ", output, re.MULTILINE)
    if not ran:
        return Outcome(0, 1, [f"{module} did not end\n{output[-FAILURE_CHARS:]}"])
    details = re.findall(r"^(?:OK|FAILED)(?: \((.*)\))?$", output, re.MULTILINE)
    counts = dict(re.findall(r"([a-z ]+)=(\d+)", details[-1] if details else ""))
    counts = {name.strip(): int(value) for name, value in counts.items()}
    failed = counts.get("failures", 0) + counts.get("errors", 0)
    skipped = list(skipped_tests(output))
    told = [f"{name}: {why}" for name, why in skipped]
    # What it printed itself may stand between a test and its result.
    told += [f"{module}: a test, see what it printed"] * (counts.get("skipped", 0) - len(told))
    # A class or a module that was skipped as a whole was not run and not counted.
    as_a_whole = sum(name.startswith("setUp") for name, _ in skipped)
    reports = re.findall(r"^={70}\n((?:FAIL|ERROR): .*?)(?=^={70}\n|^-{70}\nRan \d+)", output,
                         re.MULTILINE | re.DOTALL)
    if status != 0 and failed == 0:
        failed = 1
        reports = [f"exit status {status}\n{output[-FAILURE_CHARS:]}"]
    return Outcome(max(int(ran[-1]) - failed - len(told) + as_a_whole, 0), failed,
                   [f"{module} {report[:FAILURE_CHARS]}" for report in reports], told)


def install_clients():
    """The real client libraries that the end-to-end tests drive."""
    status, _ = run([sys.executable, str(ROOT / "tests" / "e2e" / "client_packages.py")])
    return status == 0


def run_quietly(command, timeout, env=None):
    """Returns the exit status and the output, for what runs beside others."""
    try:
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **(env or {})},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace",
                              timeout=timeout, check=False)
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as expired:
        partial = expired.stdout or b""
        output = partial.decode(errors="replace") if isinstance(partial, bytes) else partial
        return 124, output + f"\nstopped after {timeout} s\n"


def e2e_file(binary, env, module):
    """Runs one file of tests and shows its output when it is done."""
    command = [str(ROOT / "tests" / "run_e2e.sh"), str(binary), module]
    start = time.monotonic()
    status, output = run_quietly(command, E2E_TIMEOUT, env)
    outcome = unittest_outcome(status, output, module)
    print(f"$ {' '.join(command)}  # {time.monotonic() - start:.0f} s\n{output}", flush=True)
    return outcome


def e2e(binary, env=None):
    if not binary.is_file():
        return Outcome(0, 1, [f"{binary} is not there"])
    install_clients()
    modules = sorted(path.stem for path in (ROOT / "tests" / "e2e").glob("test_*.py"))
    total = Outcome()
    with ThreadPoolExecutor(E2E_PARALLEL) as pool:
        for outcome in pool.map(lambda module: e2e_file(binary, env, module), modules):
            total.add(outcome)
    return total


def script(path, *arguments):
    status, _ = run([str(ROOT / path), *map(str, arguments)], timeout=1200)
    return Outcome(1, 0) if status == 0 else Outcome(0, 1, [f"{path}: exit status {status}"])


def fuzz_target(target):
    """Runs one and shows its output when it is done."""
    # New inputs go to the build directory; the seeds of the repository are only read.
    corpus = BUILD / "fuzz" / "corpus" / target.name
    corpus.mkdir(parents=True, exist_ok=True)
    seeds = ROOT / "fuzz" / target.name
    command = [str(target), f"-max_total_time={FUZZ_SECONDS}", "-timeout=10", "-rss_limit_mb=2048",
               "-print_final_stats=0", "-verbosity=0", f"-artifact_prefix={corpus}-failed-",
               str(corpus), *([str(seeds)] if seeds.is_dir() else [])]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **SANITIZER_ENV},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    print(f"$ {' '.join(command)}\n{done.stdout}", end="", flush=True)
    if done.returncode == 0:
        return Outcome(1, 0)
    return Outcome(0, 1, [f"fuzz {target.name}\n{done.stdout[-FAILURE_CHARS:]}"])


def fuzz():
    targets = [path for path in sorted((BUILD / "fuzz" / "fuzz").iterdir())
               if path.is_file() and os.access(path, os.X_OK)]
    total = Outcome()
    # A processor for each: the time is that of the clock.
    with ThreadPoolExecutor(int(compilers())) as pool:
        for outcome in pool.map(fuzz_target, targets):
            total.add(outcome)
    return total


def simulate():
    """Many seeds over the store in memory and over servers whose partitions move, some over the
    server's own; and whether it finds rows that a store loses."""
    binary = str(BUILD / "release" / "bin" / "simulate")
    outcome = Outcome()

    def played(arguments):
        return run_quietly([binary, *arguments], timeout=600)

    games = (["--store", "replicated", "--seeds", "2000"], ["--seeds", "2000"],
             ["--store", "rocksdb", "--seeds", "10", "--steps", "200"], ["--lose", "all"])
    with ThreadPoolExecutor(int(compilers())) as pool:
        for arguments, (status, output) in zip(games, pool.map(played, games)):
            print(f"$ simulate {' '.join(arguments)}\n{output}", end="", flush=True)
            failed = f"simulate {' '.join(arguments)}\n{output[-FAILURE_CHARS:]}"
            outcome.add(Outcome(1, 0) if status == 0 else Outcome(0, 1, [failed]))
    return outcome


class Stage(typing.NamedTuple):
    """What is built for it, preset and targets, and what runs then."""

    tests: typing.Callable[[], Outcome]
    preset: str = ""
    targets: tuple[str, ...] = ()

    def run(self):
        if self.preset and (failure := build(self.preset, *self.targets)):
            return Outcome(0, 1, [failure])
        return self.tests()


STAGES = {
    "check": Stage(lambda: script("scripts/check.sh", "--ci")),
    "release": Stage(lambda: Outcome(1, 0), "release", ("jindou", "frame_mirror")),
    "unit": Stage(lambda: ctest("dev"), "dev", ("unit_tests",)),
    "simulate": Stage(simulate, "release", ("simulate",)),
    "e2e": Stage(lambda: e2e(BINARY)),
    "crash": Stage(lambda: script("tests/crash/run.sh", BINARY, "--cycles", 20)),
    "churn": Stage(lambda: script("tests/churn/run.sh", BINARY, "--seconds", 30)),
    "fuzz": Stage(fuzz, "fuzz", ("fuzz_targets",)),
    "asan": Stage(lambda: ctest("asan"), "asan", ("unit_tests", "jindou", "frame_mirror")),
    "asan-e2e": Stage(lambda: e2e(ASAN_BINARY, SANITIZER_ENV)),
    "tsan": Stage(lambda: ctest("tsan"), "tsan", ("unit_tests",)),
}


def summary(rows):
    """The end of the log. `rows`: name of the stage, outcome, seconds."""
    total = Outcome()
    lines = []
    for name, outcome, _ in rows:
        total.add(outcome)
        lines += [f"skipped: {name} {skipped}" for skipped in outcome.skipped]
    if lines:
        lines.insert(0, "\n==== skipped")
    lines += [f"\n==== failed: {failure.rstrip()}" for failure in total.failures]
    lines.append("\n==== summary")
    for name, outcome, seconds in rows:
        lines.append(f"{name:10} {outcome.passed:6} passed {outcome.failed:4} failed "
                     f"{len(outcome.skipped):4} skipped {seconds:6.0f} s")
    lines.append(f"{total.passed} passed, {total.failed} failed, {len(total.skipped)} skipped")
    return "\n".join(lines)


SELF_TEST_MODULE = """
import unittest

class Some(unittest.TestCase):
    def test_passes(self):
        pass

    @unittest.skip("it's not here")
    def test_without_a_tool(self):
        pass

    def test_with_a_docstring(self):
        '''What it does.'''
        self.skipTest("a build for tests")

    def test_fails(self):
        self.fail()

@unittest.skip("not for this build")
class Left(unittest.TestCase):
    def test_a(self):
        pass

class Whole(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise unittest.SkipTest("no browser")

    def test_b(self):
        pass
"""

SELF_TEST_REPORT = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="4" failures="1" disabled="1" errors="0" time="0.1" name="AllTests">
  <testsuite name="Words" tests="4" failures="1" disabled="1" skipped="1" errors="0" time="0.1">
    <testcase name="AreFound" status="run" result="skipped" time="0" classname="Words">
      <skipped message="words_test.cc:23&#x0A;no word lists here"><![CDATA[words_test.cc:23
no word lists here]]></skipped>
    </testcase>
    <testcase name="DISABLED_AreLost" status="notrun" result="suppressed" classname="Words" />
    <testcase name="AreCounted" status="run" result="completed" time="0" classname="Words" />
    <testcase name="AreMasked" status="run" result="completed" time="0" classname="Words">
      <failure message="words_test.cc:40" type=""><![CDATA[words_test.cc:40]]></failure>
    </testcase>
  </testsuite>
</testsuites>
"""


def self_test():
    """Returns how many of its cases fail."""
    failed = 0

    def expect(what, found, wanted):
        nonlocal failed
        if found != wanted:
            failed += 1
            print(f"wrong: {what}: {found!r} instead of {wanted!r}")

    with tempfile.TemporaryDirectory() as directory:
        pathlib.Path(directory, "some.py").write_text(SELF_TEST_MODULE, encoding="utf-8")
        done = subprocess.run([sys.executable, "-B", "-m", "unittest", "-v", "some"], cwd=directory,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        report = pathlib.Path(directory, "report.xml")
        report.write_text(SELF_TEST_REPORT, encoding="utf-8")
        counts = googletest_counts(report)
        report.write_text(SELF_TEST_REPORT[:400], encoding="utf-8")
        torn = googletest_counts(report)
    outcome = unittest_outcome(done.returncode, done.stdout, "some")
    expect("tests of a module", (outcome.passed, outcome.failed), (1, 1))
    expect("skipped tests of a module", sorted(outcome.skipped),
           ["setUpClass some.Whole: no browser", "some.Left.test_a: not for this build",
            "some.Some.test_with_a_docstring: a build for tests",
            "some.Some.test_without_a_tool: it's not here"])
    outcome = unittest_outcome(0, "test_a (m.A.test_a) ... a log\nskipped 'x'\n\n"
                               "Ran 2 tests in 0.1s\n\nOK (skipped=1)\n", "m")
    expect("a result behind other lines", (outcome.passed, outcome.skipped),
           (1, ["m: a test, see what it printed"]))
    expect("cases of a program", counts, (3, 1, ["Words.AreFound: no word lists here"]))
    expect("a report that is torn", torn, (0, 0, []))
    told = summary([("e2e", Outcome(5, 1, ["m.A.test_b\n"], ["m.A.test_a: no man"]), 61.2),
                    ("fuzz", Outcome(2, 0), 5)]).split("\n")
    expect("the end", told[-3:], ["e2e             5 passed    1 failed    1 skipped     61 s",
                                  "fuzz            2 passed    0 failed    0 skipped      5 s",
                                  "7 passed, 1 failed, 1 skipped"])
    expect("its list", [line for line in told if line.startswith("skipped: ")],
           ["skipped: e2e m.A.test_a: no man"])
    print(f"self-test: {7 - failed} of 7 cases pass")
    return failed


def main():
    if sys.argv[1:] == ["--self-test"]:
        return 1 if self_test() else 0
    names = sys.argv[1:] or [name for name in STAGES if name != "unit"]
    unknown = [name for name in names if name not in STAGES]
    if unknown:
        print(f"unknown stage {unknown[0]}; known: {', '.join(STAGES)}", file=sys.stderr)
        return 2
    builds = {}
    for stage in (STAGES[name] for name in names):
        if stage.preset:
            builds.setdefault(stage.preset, []).extend(stage.targets)
    ahead = BuildsAhead(builds)
    atexit.register(ahead.stop)
    rows = []
    for name in names:
        print(f"\n==== {name}", flush=True)
        start = time.monotonic()
        try:
            if preset := STAGES[name].preset:
                ahead.wait_for(preset)
            outcome = STAGES[name].run()
        except (OSError, ElementTree.ParseError) as error:  # a program or report is not there
            print(f"{name}: {error}", flush=True)
            outcome = Outcome(0, 1, [f"{name}: {error}"])
        rows.append((name, outcome, time.monotonic() - start))
    print(summary(rows))
    return 1 if any(outcome.failed for _, outcome, _ in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
