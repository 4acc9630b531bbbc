#!/usr/bin/env python3
"""Compares every #include of src/ with the layer table: includes go downwards only.

Inside a folder too: a header and its source file are one unit, and neither the units of a folder
nor its rooms (the folders in it, and the folder itself without them) include each other in a
circle. So there is an order in which they can be read and understood, each by what came before.

Also refused: includes of modules or files that do not exist, of our files by a path that is not
relative to src/, folders that the table does not know, and CMake DEPS that point up or sideways.
Run without arguments for the check, with --self-test for a test of the check itself.
"""

import pathlib
import re
import sys
import tempfile

LAYERS = {
    "base": 0,
    "model": 1,
    "observe": 1,
    "codec": 2,
    "config": 2,
    "runtime": 3,
    "bodies": 3,
    "store": 4,
    "http": 4,
    "partition": 5,
    "conversation": 5,
    "presence": 5,
    "access": 5,
    "openapi": 5,
    "pages": 5,
    "backup": 5,
    "tracing": 5,
    "delivery": 6,
    "retention": 6,
    "jobs": 6,
    "gateway": 7,
    "api": 7,
    "webhook": 7,
    "datasource": 7,
    "moderation": 7,
    "caller": 7,
    "bench": 8,
    "app": 8,
}
# main starts the benchmark of the same layer; nothing else goes sideways.
SIDEWAYS_ALLOWED = {("app", "bench")}

SUFFIXES = {".h", ".cc"}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
BLOCK_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
DEPS = re.compile(r"\bDEPS\b(.*?)(?:\b(?:NAME|SOURCES|TESTS|FUZZ|LINK|PRIVATE_LINK|TEST_LINK)\b|\))",
                  re.DOTALL)


def allowed(user, used):
    if user == used or (user, used) in SIDEWAYS_ALLOWED:
        return True
    return LAYERS[used] < LAYERS[user]


def check_file(src, path):
    module = path.relative_to(src).parts[0]
    text = BLOCK_COMMENT.sub(lambda match: "\n" * match.group().count("\n"),
                             path.read_text(encoding="utf-8"))
    for match in INCLUDE.finditer(text):
        bracket, target = match.groups()
        line = text.count("\n", 0, match.start()) + 1
        where = f"{path.relative_to(src.parent)}:{line}: "
        head = target.split("/")[0]
        ours = "/" in target and (src / head).is_dir()
        if bracket == "<":
            if ours and (src / target).is_file():
                yield where + f'<{target}> is ours: write "{target}"'
            continue
        if "/" not in target or target.startswith("."):
            yield where + f'"{target}" must be a path relative to src/'
        elif head not in LAYERS:
            yield where + f'"{target}": there is no module {head}'
        elif not (src / target).is_file():
            yield where + f'"{target}" does not exist'
        elif not allowed(module, head):
            way = "sideways" if LAYERS[head] == LAYERS[module] else "upwards"
            yield where + (f'{module} (layer {LAYERS[module]}) includes "{target}" '
                           f"(layer {LAYERS[head]}): {way}")


def check_deps(src, path):
    module = path.parent.name
    text = re.sub(r"#.*", "", path.read_text(encoding="utf-8"))
    for match in DEPS.finditer(text):
        for used in match.group(1).split():
            where = f"{path.relative_to(src.parent)}: "
            if used not in LAYERS:
                yield where + f"DEPS names {used}, which is no module"
            elif used == module or not allowed(module, used):
                yield where + f"{module} must not depend on {used}"


def circles_of(arrows):
    """The sets of nodes that reach each other, of more than one node each (Tarjan 1972)."""
    number, low, stack, found = {}, {}, [], []

    def visit(node):
        number[node] = low[node] = len(number)
        stack.append(node)
        for target in sorted(arrows.get(node, ())):
            if target not in number:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], number[target])
        if low[node] == number[node]:
            place = stack.index(node)
            if len(stack) - place > 1:
                found.append(frozenset(stack[place:]))
            del stack[place:]

    for node in sorted(arrows):
        if node not in number:
            visit(node)
    return found


def room_of(unit):
    return unit.rpartition("/")[0]


def shortest_circle(circle, arrows):
    """One way round, as a list that begins and ends with the same node."""
    best = None
    for start in sorted(circle):
        ways = [[start]]
        seen = {start}
        while ways and (best is None or len(ways[0]) < len(best) - 1):
            way = ways.pop(0)
            targets = arrows[way[-1]] & circle
            if start in targets:
                best = [*way, start]
                break
            for target in sorted(targets - seen):
                seen.add(target)
                ways.append([*way, target])
    return best


def check_folder(src, folder):
    """Circles inside one module."""
    units, rooms, lines = {}, {}, {}
    for path in sorted(folder.rglob("*")):
        if path.suffix not in SUFFIXES:
            continue
        unit = str(path.relative_to(src).with_suffix(""))
        text = path.read_text(encoding="utf-8")
        for match in INCLUDE.finditer(BLOCK_COMMENT.sub(
                lambda comment: "\n" * comment.group().count("\n"), text)):
            bracket, target = match.groups()
            used = target.rpartition(".")[0]
            if bracket != '"' or not target.startswith(folder.name + "/") or used == unit:
                continue
            where = f"{path.relative_to(src.parent)}:{text.count(chr(10), 0, match.start()) + 1}"
            units.setdefault(unit, set()).add(used)
            lines.setdefault((unit, used), where)
            # A test may use what the simulation has.
            if room_of(unit) != room_of(used) and not unit.endswith("_test"):
                rooms.setdefault(room_of(unit), set()).add(room_of(used))
                lines.setdefault((room_of(unit), room_of(used)), where)
    for arrows in (units, rooms):
        for circle in circles_of(arrows):
            way = shortest_circle(circle, arrows)
            steps = "\n".join(f"  {lines[step]} includes {step[1]}" for step in zip(way, way[1:]))
            others = sorted(circle - set(way))
            rest = f"\n  also on such a way: {', '.join(others)}" if others else ""
            yield f"src/{folder.name}: a circle of includes, {' -> '.join(way)}:\n{steps}{rest}"


def check(src):
    problems = []
    for folder in sorted(src.iterdir()):
        if not folder.is_dir():
            if folder.suffix in SUFFIXES:
                problems.append(f"{folder.name}: source files belong into a module")
            continue
        if folder.name not in LAYERS:
            problems.append(f"src/{folder.name}: not in the layer table")
            continue
        for path in sorted(folder.rglob("*")):
            if path.suffix in SUFFIXES:
                problems.extend(check_file(src, path))
        problems.extend(check_folder(src, folder))
        cmake = folder / "CMakeLists.txt"
        if cmake.is_file():
            problems.extend(check_deps(src, cmake))
    return problems


def self_test():
    def problems_of(files):
        with tempfile.TemporaryDirectory() as root:
            src = pathlib.Path(root) / "src"
            base = {"base/a.h": "", "model/m.h": "", "observe/o.h": "", "api/x.h": "",
                    "gateway/g.h": "", "bench/b.h": "", "app/main.cc": ""}
            for name, text in {**base, **files}.items():
                path = src / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return check(src)

    good = [
        {"model/m.h": '#include "base/a.h"\n#include <vector>\n#include <boost/asio.hpp>\n'},
        {"model/m.cc": '#include "model/m.h"\n'},
        {"app/main.cc": '#include "api/x.h"\n#include "bench/b.h"\n'},
        {"base/a.h": '// #include "api/x.h"\n/*\n#include "api/x.h"\n*/\n'},
        {"api/CMakeLists.txt": "jindou_module(NAME api DEPS base model\n SOURCES x.cc)\n"},
        # A test may look at everything, and stands above it all.
        {"api/x.cc": '#include "api/x.h"\n#include "api/y.h"\n', "api/y.h": "",
         "api/y_test.cc": '#include "api/y.h"\n#include "api/x.h"\n'},
        {"api/room/r.h": "", "api/x.h": '#include "api/room/r.h"\n'},
    ]
    bad = [
        {"base/a.h": '#include "model/m.h"\n'},
        {"model/m.h": '#include "observe/o.h"\n'},
        {"api/x.h": '#include "gateway/g.h"\n'},
        {"api/x_test.cc": '  #  include "gateway/g.h"\n'},
        {"bench/b.h": '#include "app/main.cc"\n'},
        {"api/x.h": '#include "base/none.h"\n'},
        {"api/x.h": '#include "nowhere/none.h"\n'},
        {"api/x.h": '#include "y.h"\n'},
        {"api/x.h": '#include "../base/a.h"\n'},
        {"api/x.h": "#include <base/a.h>\n"},
        {"extra/e.h": ""},
        {"loose.cc": ""},
        {"base/CMakeLists.txt": "jindou_module(NAME base DEPS model)\n"},
        {"api/CMakeLists.txt": "jindou_module(NAME api SOURCES x.cc DEPS gateway LINK a)\n"},
        {"api/CMakeLists.txt": "jindou_module(NAME api DEPS nothing)\n"},
        {"api/y.h": '#include "api/x.h"\n', "api/x.h": '#include "api/y.h"\n'},
        # Up from a source file.
        {"api/y.h": '#include "api/x.h"\n', "api/x.cc": '#include "api/y.h"\n'},
        {"api/y.h": '#include "api/x.h"\n', "api/z.h": '#include "api/y.h"\n',
         "api/x.cc": '#include "api/z.h"\n'},
        # Rooms that need each other, though no two files do.
        {"api/room/r.h": "", "api/room/s.h": '#include "api/y.h"\n', "api/y.h": "",
         "api/x.h": '#include "api/room/r.h"\n'},
    ]
    failed = 0
    for files in good:
        found = problems_of(files)
        if found:
            failed += 1
            print(f"should pass: {files}: {found}")
    for files in bad:
        if len(problems_of(files)) != 1:
            failed += 1
            print(f"should give one problem: {files}: {problems_of(files)}")
    print(f"self-test: {len(good) + len(bad) - failed} of {len(good) + len(bad)} cases pass")
    return failed


def main():
    if sys.argv[1:] == ["--self-test"]:
        return 1 if self_test() else 0
    if sys.argv[1:]:
        print("usage: check_layers.py [--self-test]", file=sys.stderr)
        return 2
    problems = check(pathlib.Path(__file__).resolve().parent.parent / "src")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
