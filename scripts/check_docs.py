#!/usr/bin/env python3
"""Looks whether what documents point at is there; --self-test tests the check itself.

In README.md, CONTRIBUTING.md, docs/ and the READMEs of folders: the target of each relative link,
and each source file that is named between backticks, either from src/ on (`partition/txn.cc`), from
the top of the tree (`scripts/check.sh`), or, in a folder's own README, from that folder on. Names
with a wildcard or a placeholder are not looked at. A function in brackets right behind such a name,
as in **`partition/txn.cc`** (`release`), must occur in the file or in the header beside it.
Decision records tell what was, and are looked at for their links only.
"""

import pathlib
import re
import subprocess
import sys

LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")
NAMED = re.compile(r"`([A-Za-z_][\w.-]*(?:/[\w.-]+)*\.(?:cc|h|py|sh))`")
FUNCTION = re.compile(r"`([a-z_]+/[\w/]+)\.(?:cc|h)`\*{0,2} \(`([A-Za-z_]\w*)(?:\(\))?`")


def pointed_at(text, document):
    """Yields (line, what, the paths of which one must exist, a word that must be in one of them)."""
    folder = pathlib.PurePosixPath(document).parent
    record = document.startswith("docs/decisions/")
    for number, line in enumerate(text.split("\n"), 1):
        for target in LINK.findall(line):
            if not re.match(r"[a-z]+:|/", target):
                yield number, target, [folder / target], None
        if record:
            continue
        for name in NAMED.findall(line):
            if "/" not in name and not document.startswith("src/"):
                continue  # the folder is named before
            yield number, name, [pathlib.PurePosixPath("src") / name,
                                 pathlib.PurePosixPath(name), folder / name], None
        for stem, function in FUNCTION.findall(line):
            beside = [pathlib.PurePosixPath(f"src/{stem}.{end}") for end in ("cc", "h")]
            yield number, f"{function} in {stem}", beside, function


def problems_of(text, document, read):
    """`read` answers the text of a path, or None when there is no such file."""
    for number, what, paths, word in pointed_at(text, document):
        found = [found for found in (read(path) for path in paths) if found is not None]
        if not found:
            yield number, f"{what}: there is no such file"
        elif word and not any(re.search(rf"\b{word}\b", each) for each in found):
            yield number, f"{what}: the file has no such name"


def self_test():
    files = {"src/store/keys.cc": "void f();", "docs/api.md": "", "scripts/check.sh": "",
             "src/store/a/b.h": ""}
    cases = [
        ("docs/a.md", "[x](api.md) [y](https://a.b/c) [z](api.md#there)", 0),
        ("docs/a.md", "[x](gone.md)", 1),
        ("docs/a.md", "`store/keys.cc` and `scripts/check.sh` and `here.cc`", 0),
        ("docs/a.md", "`store/gone.cc`", 1),
        ("docs/a.md", "**`store/keys.cc`** (`f`)", 0),
        ("docs/a.md", "**`store/keys.cc`** (`g`)", 1),
        ("src/store/README.md", "`keys.cc`, `a/b.h`", 0),
        ("src/store/README.md", "`gone.h`", 1),
        ("docs/decisions/1.md", "`store/gone.cc`", 0),
        ("docs/decisions/1.md", "[x](gone.md)", 1),
    ]

    def read(path):
        parts = []
        for part in path.parts:
            if part == ".." and parts:
                parts.pop()
            else:
                parts.append(part)
        return files.get("/".join(parts))

    wrong = [(name, text) for name, text, wanted in cases
             if len(list(problems_of(text, name, read))) != wanted]
    for name, text in wrong:
        print(f"wrong: {name}: {text!r}")
    print(f"self-test: {len(cases) - len(wrong)} of {len(cases)} cases pass")
    return len(wrong)


def main():
    if sys.argv[1:] == ["--self-test"]:
        return 1 if self_test() else 0
    if sys.argv[1:]:
        print("usage: check_docs.py [--self-test]", file=sys.stderr)
        return 2
    root = pathlib.Path(__file__).resolve().parent.parent
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-z", "*.md"],
                            stdout=subprocess.PIPE, check=False)
    if listed.returncode != 0:
        print("docs: this is no git checkout; nothing is looked at")
        return 0

    def read(path):
        file = root / path
        if file.is_dir():
            return ""
        return file.read_text(errors="replace") if file.is_file() else None

    count = 0
    documents = sorted(name for name in listed.stdout.decode().split("\0")
                       if name and not name.startswith(("tests/seed/", "fuzz/")))
    for name in documents:
        for number, problem in problems_of((root / name).read_text(), name, read):
            print(f"{name}:{number}: {problem}")
            count += 1
    print(f"docs: {len(documents)} documents, {count} problems")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
