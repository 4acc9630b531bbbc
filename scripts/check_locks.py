#!/usr/bin/env python3
"""Has clang check which mutex guards what (src/base/mutex.h):
check_locks.py BUILD_DIRECTORY [--beside BUILD_DIRECTORY TARGET]

The directory is one that `cmake --preset tidy` has made. Compiled, without making anything, are the
sources that name a mutex and those whose header of the same name does; a header without a source
file of its own is seen through one that includes it. Also refused: the mutexes and locks of the
standard library, which clang knows nothing about. --self-test tests the check itself.

--beside leaves out what the target of another, configured, directory compiles with the same check as
an error: whoever builds that too has it checked once. CI builds the preset `tsan`.
"""

import concurrent.futures
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
HOME = "src/base/mutex.h"
NAMES = re.compile(r"\b(Mutex|MutexLock|JD_GUARDED_BY|JD_REQUIRES)\b")
UNCHECKED = re.compile(r"\bstd::(recursive_|shared_|timed_)?(mutex|lock_guard|unique_lock|scoped_lock"
                       r"|shared_lock|condition_variable)\b")
CHECK = ["-Wthread-safety", "-Werror=thread-safety"]
FLAGS = ["-fsyntax-only", *CHECK]
INCLUDED = re.compile(r'^#include "(.+)"$', re.MULTILINE)


# As many sources are compiled as one (cmake/JindouUnity.cmake says why, and what it asks of them).
TOGETHER = 10


def run(command, directory, text=""):
    return subprocess.run(command, cwd=directory, input=text, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False)


def compiler():
    return run([str(ROOT / "scripts" / "clang_tool.sh"), "clang++"], ROOT).stdout.strip()


def sources_of(texts, compiled):
    """The sources to be compiled, by what the files of the tree say."""
    wanted = set()
    for path, text in texts.items():
        if path == HOME or not NAMES.search(text):
            continue
        own = path.removesuffix(".h") + ".cc" if path.endswith(".h") else path
        if own in compiled:
            wanted.add(own)
        elif path.endswith(".h"):
            line = f'#include "{path.removeprefix("src/")}"'
            wanted.update(sorted(user for user in compiled if line in texts[user])[:1])
    return sorted(wanted)


def together(sources, commands):
    """Groups of sources of one module, tests apart, each with the command that is common to them and
    names no source."""
    groups = {}
    for path in sources:
        arguments = shlex.split(commands[path]["command"])
        place = arguments.index("-o")
        del arguments[place:place + 2]
        command = tuple(part for part in arguments if part not in ("-c", commands[path]["file"]))
        key = (str(pathlib.Path(path).parent), path.endswith("_test.cc"), command,
               commands[path]["directory"])
        groups.setdefault(key, []).append(path)
    for (_, _, command, directory), paths in groups.items():
        for begin in range(0, len(paths), TOGETHER):
            yield command, directory, paths[begin:begin + TOGETHER]


def checked_by(commands, read):
    """What compile commands with the check compile: sources, and those that they compile as one."""
    sources = set()
    for command in commands:
        arguments = shlex.split(command)
        if "-c" not in arguments or not set(CHECK) <= set(arguments):
            continue
        source = arguments[arguments.index("-c") + 1]
        # cmake/JindouUnity.cmake: a file that names its sources and has nothing else.
        sources.update(INCLUDED.findall(read(source)) if source.endswith("_cxx.cxx") else [source])
    return sources


def built_beside(build, target):
    commands = run(["ninja", "-C", str(build), "-t", "commands", target], ROOT)
    if commands.returncode != 0:
        raise SystemExit(f"{build}: {commands.stdout}")
    found = checked_by((line for line in commands.stdout.splitlines() if " -c " in line),
                       lambda path: (build / path).read_text(encoding="utf-8"))
    return {str(pathlib.Path(path).relative_to(ROOT)) for path in found
            if pathlib.Path(path).is_relative_to(ROOT / "src")}


def unchecked_locks(texts):
    for path, text in sorted(texts.items()):
        if path == HOME:
            continue
        for number, line in enumerate(text.split("\n"), 1):
            if found := UNCHECKED.search(line.partition("//")[0]):
                yield f"{path}:{number}: {found.group()}: base/mutex.h has what clang can check"


def check(build, elsewhere):
    texts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
             for path in sorted((ROOT / "src").rglob("*")) if path.suffix in (".h", ".cc")}
    commands = {str(pathlib.Path(entry["file"]).relative_to(ROOT)): entry
                for entry in json.loads((build / "compile_commands.json").read_text())
                if pathlib.Path(entry["file"]).is_relative_to(ROOT / "src")}
    problems = list(unchecked_locks(texts))

    def compile_together(group):
        command, directory, paths = group
        text = "".join(f'#include "{ROOT / path}"\n' for path in paths)
        done = run([*command, *FLAGS, "-x", "c++", "-"], directory, text)
        return done.stdout if done.returncode != 0 else ""

    wanted = sources_of(texts, set(commands) & set(texts))
    sources = [path for path in wanted if path not in elsewhere]
    jobs = int(run([str(ROOT / "scripts" / "jobs.sh")], ROOT).stdout)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        problems += filter(None, pool.map(compile_together, together(sources, commands)))
    # The same fault of a header is told once.
    for problem in dict.fromkeys(problems):
        print(problem.replace(f"{ROOT}/", ""))
    left = f", {len(wanted) - len(sources)} left to the other build" if elsewhere else ""
    print(f"{len(sources)} sources with locks{left}, {len(problems)} problems")
    return len(problems)


EXAMPLE = """#include <deque>
#include "base/mutex.h"
class Queue {
 public:
  void push(int number) JD_EXCLUDES(mutex_) {
    const jindou::MutexLock lock(mutex_);
    numbers_.push_back(number);
    ready_.notify_one();
  }
  int pop() {
    jindou::MutexLock lock(mutex_);
    ready_.wait(lock, [this]() JD_REQUIRES(mutex_) { return !numbers_.empty(); });
    return take();
  }
#if FAULT == 1  // a member without its mutex
  bool empty() const { return numbers_.empty(); }
#elif FAULT == 2  // a function that needs it
  int steal() { return take(); }
#elif FAULT == 3  // given up before the member is read
  int late() {
    jindou::MutexLock lock(mutex_);
    lock.unlock();
    return numbers_.front();
  }
#elif FAULT == 4  // locked twice: told where a function says that it locks
  void twice(int number) {
    const jindou::MutexLock lock(mutex_);
    push(number);
  }
#elif FAULT == 5  // a predicate that does not say that it is called with the mutex held
  void wait() {
    jindou::MutexLock lock(mutex_);
    ready_.wait(lock, [this] { return numbers_.empty(); });
  }
#endif
  void call(int number) JD_EXCLUDES(mutex_) { push(number); }

 private:
  int take() JD_REQUIRES(mutex_) {
    const int number = numbers_.front();
    numbers_.pop_front();
    return number;
  }
  jindou::Mutex mutex_;
  jindou::Condition ready_;
  std::deque<int> numbers_ JD_GUARDED_BY(mutex_);
};
int use() {
  Queue queue;
  queue.call(1);
  return queue.pop();
}
"""


def self_test():
    texts = {"src/a/a.h": "Mutex mutex_;", "src/a/a.cc": '#include "a/a.h"', "src/a/b.cc": "",
             "src/a/c.h": "Mutex mutex;", "src/a/d.cc": '#include "a/c.h"',
             "src/a/e.cc": '#include "a/c.h"', "src/a/f.cc": "MutexLock lock(m);"}
    cases = [
        (sources_of(texts, {path for path in texts if path.endswith(".cc")}),
         ["src/a/a.cc", "src/a/d.cc", "src/a/f.cc"]),
        (len(list(unchecked_locks({"src/a.h": "std::mutex m;\nMutex n;  // not std::mutex\n"}))), 1),
        (len(list(unchecked_locks({HOME: "std::mutex m;"}))), 0),
        (checked_by([f"clang++ {' '.join(CHECK)} -o a.o -c a.cc",
                     f"ccache clang++ {' '.join(CHECK)} -c unity_0_cxx.cxx",
                     "clang++ -Wthread-safety -c warned.cc", "g++ -c b.cc", "ar qc lib.a a.o"],
                    lambda path: '/* made */\n#include "c.cc"\n#include "d.cc"\n'),
         {"a.cc", "c.cc", "d.cc"}),
    ]
    with tempfile.TemporaryDirectory() as directory:
        source = pathlib.Path(directory) / "queue.cc"
        source.write_text(EXAMPLE)
        for fault in range(6):
            done = run([compiler(), "-std=c++20", f"-I{ROOT}/src", f"-DFAULT={fault}", *FLAGS,
                        str(source)], directory)
            cases.append((done.returncode != 0, fault != 0))
    failed = [case for case in cases if case[0] != case[1]]
    for found, wanted in failed:
        print(f"found {found} instead of {wanted}")
    print(f"self-test: {len(cases) - len(failed)} of {len(cases)} cases pass")
    return len(failed)


def main():
    if sys.argv[1:] == ["--self-test"]:
        return 1 if self_test() else 0
    beside = sys.argv[2:3] == ["--beside"] and len(sys.argv) == 5
    if len(sys.argv) != 2 and not beside:
        print("usage: check_locks.py BUILD_DIRECTORY [--beside BUILD_DIRECTORY TARGET] | --self-test",
              file=sys.stderr)
        return 2
    elsewhere = built_beside(pathlib.Path(sys.argv[3]).resolve(), sys.argv[4]) if beside else set()
    return 1 if check(pathlib.Path(sys.argv[1]).resolve(), elsewhere) else 0


if __name__ == "__main__":
    sys.exit(main())
