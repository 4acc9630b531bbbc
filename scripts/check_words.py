#!/usr/bin/env python3
"""Looks for words that no text of the project may have; --self-test tests the check itself.

Refused in every text file that git knows: markers of a merge conflict, work put off (it belongs
into the description of an issue, where it is found), paths into somebody's home directory, blanks
at the end of a line, carriage returns. Inputs of fuzzers are bytes, not text; tests/seed/ is kept
as it was published.
"""

import pathlib
import re
import subprocess
import sys

# Put together, so that this file does not tell of itself.
PUT_OFF = ["TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK"]
RULES = [
    (re.compile("^(" + "<" * 7 + "|" + ">" * 7 + ")( |$)"), "a marker of a merge conflict"),
    (re.compile(r"\b(" + "|".join(PUT_OFF) + r")\b"), "work put off"),
    (re.compile(r"/(home|Users)/[a-z]|/ro" + r"ot/"), "a path of one machine"),
    (re.compile(r"[ \t]$"), "blanks at the end of the line"),
    (re.compile("\r"), "a carriage return"),
]
SKIPPED = re.compile(r"^fuzz/|^tests/seed/|(^|/)package-lock\.json$|\.svg$")


def problems_of(text):
    for number, line in enumerate(text.split("\n"), 1):
        for pattern, name in RULES:
            if pattern.search(line):
                yield number, name


def self_test():
    cases = [
        ("a line\nanother\n", 0),
        ("=" * 7 + "\n", 0),  # a heading underlined
        ("<" * 7 + " HEAD\n", 1),
        ("// " + PUT_OFF[0] + ": later\n", 1),
        ("mkdir -p /ho" + "me/someone/data\n", 1),
        ("trailing \n", 1),
        ("dos\r\n", 1),
    ]
    failed = [text for text, wanted in cases if len(list(problems_of(text))) != wanted]
    for text in failed:
        print(f"wrong: {text!r}")
    print(f"self-test: {len(cases) - len(failed)} of {len(cases)} cases pass")
    return len(failed)


def main():
    if sys.argv[1:] == ["--self-test"]:
        return 1 if self_test() else 0
    if sys.argv[1:]:
        print("usage: check_words.py [--self-test]", file=sys.stderr)
        return 2
    root = pathlib.Path(__file__).resolve().parent.parent
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], stdout=subprocess.PIPE,
                            check=False)
    if listed.returncode != 0:
        print("no repository of git, so no file is known to belong to the project")
        return 0
    failed = 0
    for name in listed.stdout.decode().split("\0"):
        path = root / name
        if not name or SKIPPED.search(name) or not path.is_file():
            continue
        content = path.read_bytes()
        if b"\0" in content:
            continue
        for line, what in problems_of(content.decode(errors="replace")):
            failed += 1
            print(f"{name}:{line}: {what}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
