#!/usr/bin/env python3
"""Looks at each commit of a range by itself: check_commits.py [RANGE] [--seconds N] [--no-compile]

RANGE is what `git rev-list` takes; without one it is origin/main..HEAD if that has commits, else the
last commit. Of each commit, without merges and without those from before CONTRIBUTING.md told this:
- the subject has the form "area: what it does", at most 72 columns, and a body says why;
- it adds at most 400 lines, or a paragraph of the body begins with "In one commit because";
- what it changes compiles on its own tree (g++ -fsyntax-only with the flags of preset dev): source
  files, headers through the source file of the same name or one that includes them, Python and
  shell files. The layers of that tree hold.
The trees are checked out into a temporary git worktree, newest first. After N seconds no further
tree is begun, and the last line tells how many were left out. --self-test tests the check itself.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

SUBJECT_COLUMNS = 72
# Lines that one reading holds. The mean of a series should be far below.
ADDED_LINES_MAX = 400
SUBJECT = re.compile(r"[a-z0-9_./]+(, [a-z0-9_./]+)*: \S.*[^.\s]")
REASON = re.compile(r"^in one commit because \S", re.IGNORECASE | re.MULTILINE)
TRAILER = re.compile(r"^[A-Z][a-z]+(-[a-z]+)*-by: ", re.MULTILINE)
# What no one reads line by line: inputs of fuzzers, lists that npm and Go write.
UNREAD = re.compile(r"^fuzz/|(^|/)(package-lock\.json|go\.sum)$")
# All seeds together are fewer: a fuzzer that is given their folder alone writes thousands into it.
FUZZ_INPUTS_MAX = 200
ERRORS_SHOWN = 2000


def run(command, cwd=None, check=True):
    done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    if check and done.returncode != 0:
        raise RuntimeError(f"{shlex.join(map(str, command))}:\n{done.stdout}")
    return done


def git(repository, *arguments):
    return run(["git", "-C", str(repository), *arguments]).stdout


def knows_the_rules(repository, commit):
    return run(["git", "-C", str(repository), "cat-file", "-e",
                f"{commit}:CONTRIBUTING.md"], check=False).returncode == 0


def default_range(repository):
    if run(["git", "-C", str(repository), "rev-parse", "-q", "--verify", "origin/main"],
           check=False).returncode == 0:
        if git(repository, "rev-list", "-n", "1", "origin/main..HEAD").strip():
            return ["origin/main..HEAD"]
    return ["-n", "1", "HEAD"]


def message_problems(message):
    subject, _, rest = message.partition("\n")
    if not SUBJECT.fullmatch(subject):
        yield 'the subject must read "area: what it does", without a full stop'
    if len(subject) > SUBJECT_COLUMNS:
        yield f"the subject has {len(subject)} columns, at most {SUBJECT_COLUMNS} are allowed"
    if rest and not rest.startswith("\n"):
        yield "an empty line must follow the subject"
    if not rest.strip():
        yield "a body must say why"
    if TRAILER.search(rest):
        yield "the body has a trailer: who wrote it is told by the author line"


def size_problems(numstat, message):
    added = 0
    inputs = 0
    for line in numstat.splitlines():
        lines, _, path = line.split("\t", 2)
        inputs += path.startswith("fuzz/")
        if lines != "-" and not UNREAD.search(path):
            added += int(lines)
    if added > ADDED_LINES_MAX and not REASON.search(message):
        yield (f"it adds {added} lines, more than {ADDED_LINES_MAX}: split it, or begin a paragraph "
               'with "In one commit because"')
    if inputs > FUZZ_INPUTS_MAX:
        yield (f"it touches {inputs} inputs of fuzzers, more than {FUZZ_INPUTS_MAX}: leave out what a "
               "run has written")


class Tree:
    """One worktree that shows the tree of one commit after the other."""

    def __init__(self, repository):
        self.repository = repository
        self.parent = pathlib.Path(tempfile.mkdtemp(prefix="check-commits-"))
        self.root = self.parent / "tree"
        self.commands = {}
        git(repository, "worktree", "add", "--detach", "--no-checkout", str(self.root), "HEAD")

    def close(self):
        run(["git", "-C", str(self.repository), "worktree", "remove", "--force", str(self.root)],
            check=False)
        shutil.rmtree(self.parent, ignore_errors=True)
        run(["git", "-C", str(self.repository), "worktree", "prune"], check=False)

    def show(self, commit):
        git(self.root, "checkout", "-q", "--force", "--detach", commit)
        self.commands = {}

    def configure(self):
        """Reads the compile commands of this tree. Returns what is wrong with it, or nothing."""
        done = run(["cmake", "--preset", "dev", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
                    "-DCMAKE_CXX_COMPILER_LAUNCHER="], cwd=self.root, check=False)
        if done.returncode != 0:
            return f"cmake --preset dev fails:\n{done.stdout[-ERRORS_SHOWN:]}"
        listed = json.loads((self.root / "build" / "dev" / "compile_commands.json").read_text())
        for entry in listed:
            path = pathlib.Path(entry["file"])
            if path.is_relative_to(self.root):
                self.commands[str(path.relative_to(self.root))] = entry
        return ""

    def command_for(self, path):
        """The command of a file, or of a neighbour for one that this preset does not compile."""
        if path in self.commands:
            return self.commands[path]
        folder = pathlib.PurePath(path).parent
        while folder.parts:
            for listed, entry in self.commands.items():
                if pathlib.PurePath(listed).is_relative_to(folder):
                    return entry
            folder = folder.parent
        return None

    def source_of(self, header):
        """The source file that shows whether a header compiles; the header itself if none does."""
        own = header.removesuffix(".h") + ".cc"
        if own in self.commands:
            return own
        written = f'#include "{header.removeprefix("src/")}"'
        folder = str(pathlib.PurePath(header).parent)
        users = [path for path in self.commands
                 if written in (self.root / path).read_text(encoding="utf-8", errors="replace")]
        return min(users, key=lambda path: (not path.startswith(folder), path), default=header)

    def compile(self, path):
        """What the compiler says against one file; nothing if it is fine."""
        entry = self.command_for(path)
        if entry is None:
            return ""
        arguments = shlex.split(entry["command"])
        place = arguments.index("-o")
        del arguments[place:place + 2]
        arguments = [part for part in arguments if part not in ("-c", entry["file"])]
        source = [str(self.root / path)]
        if path.endswith(".h"):  # as the main file it would not be a header
            source = ["-include", *source, "/dev/null"]
        done = run([*arguments, "-fsyntax-only", "-x", "c++", *source], cwd=entry["directory"],
                   check=False)
        if done.returncode == 0:
            return ""
        said = done.stdout.replace(f"{self.root}/", "")
        errors = [line for line in said.splitlines() if "error:" in line]
        return f"{path} does not compile:\n" + ("\n".join(errors) or said)[:ERRORS_SHOWN]


def script_problems(root, paths):
    for path in paths:
        if path.endswith(".py"):
            try:
                compile((root / path).read_bytes(), path, "exec")
            except SyntaxError as error:
                yield f"{path} does not compile: {error}"
        elif path.endswith(".sh"):
            done = run(["bash", "-n", str(root / path)], check=False)
            if done.returncode != 0:
                yield f"{path} is no shell script:\n{done.stdout.replace(f'{root}/', '')}"


def tree_problems(tree, commit, jobs):
    paths = git(tree.repository, "diff-tree", "--root", "-r", "--no-commit-id", "--name-only",
                "--diff-filter=d", commit).splitlines()
    every = git(tree.repository, "diff-tree", "--root", "-r", "--no-commit-id", "--name-only",
                commit).splitlines()
    tree.show(commit)
    yield from script_problems(tree.root, paths)
    if any(path.startswith("src/") or path == "scripts/check_layers.py" for path in every):
        done = run([sys.executable, "scripts/check_layers.py"], cwd=tree.root, check=False)
        if done.returncode != 0:
            yield f"layers:\n{done.stdout[:ERRORS_SHOWN]}"
    sources = [path for path in paths if path.endswith(".cc")]
    headers = [path for path in paths if path.endswith(".h")]
    described = any("CMake" in path or path.startswith("cmake/") for path in every)
    if not (sources or headers or described):
        return
    if problem := tree.configure():
        yield problem
        return
    wanted = sorted({*sources, *(tree.source_of(header) for header in headers)})
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        yield from filter(None, pool.map(tree.compile, wanted))


def check(repository, revisions, seconds, compiles=True, report=print):
    """Reports every problem; returns how many there were."""
    listed = git(repository, "rev-list", "--no-merges", *revisions).split()
    commits = [commit for commit in listed if knows_the_rules(repository, commit)]
    problems = 0

    def tell(commit, found):
        nonlocal problems
        for problem in found:
            problems += 1
            report(f"{git(repository, 'log', '-1', '--format=%h %s', commit).strip()}\n  {problem}")

    for commit in commits:
        message = git(repository, "log", "-1", "--format=%B", commit).strip("\n")
        numstat = git(repository, "diff-tree", "--root", "-r", "-M", "--no-commit-id",
                      "--numstat", commit)
        tell(commit, message_problems(message))
        tell(commit, size_problems(numstat, message))
    begun = 0
    if compiles and commits:
        jobs = int(run([str(pathlib.Path(__file__).parent / "jobs.sh")]).stdout)
        start = time.monotonic()
        tree = Tree(repository)
        try:
            for commit in commits:
                if begun and time.monotonic() - start > seconds:
                    break
                begun += 1
                tell(commit, tree_problems(tree, commit, jobs))
        finally:
            tree.close()
    left_out = f", {len(commits) - begun} trees left out" if begun < len(commits) else ""
    if len(commits) < len(listed):
        left_out += f", {len(listed) - len(commits)} commits from before the rules"
    report(f"{len(commits)} commits, {problems} problems{left_out}")
    return problems


GOOD_MESSAGE = "base: a change\n\nWhy it was made.\n"
CMAKE = """cmake_minimum_required(VERSION 3.25)
project(small LANGUAGES CXX)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
add_compile_options(-Werror)
add_library(small src/base/a.cc)
target_include_directories(small PRIVATE src)
"""
PRESETS = """{"version": 6, "configurePresets": [
  {"name": "dev", "generator": "Ninja", "binaryDir": "${sourceDir}/build/dev"}]}
"""


class SmallRepository:
    """A project of one source file, for the test."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        run(["git", "init", "-q", "-b", "main", str(self.root)])
        self.commit("nobody looks at this one.", {})
        self.commit(GOOD_MESSAGE, {
            "CONTRIBUTING.md": "",
            "CMakeLists.txt": CMAKE, "CMakePresets.json": PRESETS,
            "src/base/a.h": "#pragma once\nint a();\n",
            "src/base/a.cc": '#include "base/a.h"\nint a() { return 1; }\n',
            "scripts/check_layers.py": "print('fine')\n"})

    def commit(self, message, files):
        for name, text in files.items():
            path = self.root / name
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        git(self.root, "add", "-A")
        git(self.root, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-q",
            "--allow-empty", "-m", message)

    def problems_of_last(self, count=1):
        said = []
        found = check(self.root, ["-n", str(count), "HEAD"], 60, report=said.append)
        return found, "\n".join(said)


def self_test():
    long_file = {"docs/long.md": "line\n" * (ADDED_LINES_MAX + 1)}
    good_files = {"src/base/a.cc": '#include "base/a.h"\nint a() { return 2; }\n'}
    # Message, files, and a word of the one problem; no word where there is none.
    cases = [
        (GOOD_MESSAGE, good_files, ""),
        ("api, base: two areas\n\nWhy.\n", {}, ""),
        ("No area\n\nWhy.\n", {}, "area"),
        ("base: ends with a stop.\n\nWhy.\n", {}, "full stop"),
        ("base: no body\n", {}, "body"),
        ("base: " + "x" * SUBJECT_COLUMNS + "\n\nWhy.\n", {}, "columns"),
        (GOOD_MESSAGE + "\nReviewed-by: A <a@example.org>\n", {}, "trailer"),
        (GOOD_MESSAGE, long_file, "adds 401 lines"),
        (GOOD_MESSAGE, {"fuzz/seeds/one": "x\n" * 500}, ""),
        (GOOD_MESSAGE, {f"fuzz/seeds/{n}": f"{n}\n" for n in range(FUZZ_INPUTS_MAX + 1)},
         "inputs of fuzzers"),
        (GOOD_MESSAGE + "\nIn one commit because it is a list.\n",
         {"docs/other.md": "line\n" * 500}, ""),
        (GOOD_MESSAGE, {"docs/other.md": None, "docs/moved.md": "line\n" * 500}, ""),
        # The header's own source file tells.
        (GOOD_MESSAGE, {"src/base/a.h": "#pragma once\nlong a();\n"}, "a.cc does not compile"),
        (GOOD_MESSAGE, {"src/base/a.h": "#pragma once\nint a();\n"}, ""),
        (GOOD_MESSAGE, {"src/base/alone.h": "#pragma once\nNothing b();\n"}, "alone.h does not"),
        (GOOD_MESSAGE, {"src/base/alone.h": "#pragma once\nint b();\n"}, ""),
        (GOOD_MESSAGE, {"scripts/x.py": "def x(:\n"}, "x.py"),
        (GOOD_MESSAGE, {"scripts/x.py": "", "scripts/y.sh": "if\n"}, "y.sh"),
        (GOOD_MESSAGE, {"scripts/y.sh": "", "CMakeLists.txt": "nonsense(\n"}, "cmake"),
        (GOOD_MESSAGE, {"CMakeLists.txt": CMAKE, "scripts/check_layers.py": "import sys\n"
                                                                            "sys.exit('upwards')\n"},
         "layers"),
        (GOOD_MESSAGE, {"scripts/check_layers.py": ""}, ""),
    ]
    failed = 0
    with tempfile.TemporaryDirectory() as root:
        repository = SmallRepository(root)
        for message, files, word in cases:
            repository.commit(message, files)
            found, said = repository.problems_of_last()
            if found != (1 if word else 0) or word not in said:
                failed += 1
                print(f'should tell of "{word}":\n{said}')
        # A later commit that mends it excuses nothing.
        found, said = repository.problems_of_last(len(cases) + 2)
        wanted = sum(1 for case in cases if case[2])
        if found != wanted or len(git(root, "worktree", "list").splitlines()) != 1:
            failed += 1
            print(f"the whole range has {wanted} problems and leaves no worktree:\n{said}")
    print(f"self-test: {len(cases) + 1 - failed} of {len(cases) + 1} cases pass")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("range", nargs="?")
    parser.add_argument("--seconds", type=float, default=float("inf"),
                        help="after so many no further tree is begun")
    parser.add_argument("--no-compile", action="store_true", help="messages and sizes only")
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    # A hook's environment would name its own repository for every git command.
    for name in ("GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"):
        os.environ.pop(name, None)
    if arguments.self_test:
        return 1 if self_test() else 0
    repository = pathlib.Path(__file__).resolve().parent.parent
    head = run(["git", "-C", str(repository), "rev-parse", "-q", "--verify", "HEAD"], check=False)
    if head.returncode != 0:
        print(f"no commits to look at: {head.stdout.strip() or 'the repository is empty'}")
        return 0
    revisions = [arguments.range] if arguments.range else default_range(repository)
    try:
        return 1 if check(repository, revisions, arguments.seconds, not arguments.no_compile) else 0
    except RuntimeError as error:
        print(error)
        return 2


if __name__ == "__main__":
    sys.exit(main())
