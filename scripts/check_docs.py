#!/usr/bin/env python3
"""Looks whether what documents point at is there; --self-test tests the check itself.

In README.md, CONTRIBUTING.md, docs/ and the READMEs of folders: the target of each relative link
and the heading that it goes to, and each source file that is named between backticks, either from
src/ on (`partition/txn.cc`), from the top of the tree (`scripts/check.sh`), or, in a folder's own
README, from that folder on. Names with a wildcard or a placeholder are not looked at. A function
in brackets right behind such a name, as in **`partition/txn.cc`** (`release`), must occur in the
file or in the header beside it. Decision records tell what was, and are looked at for their links
only.

No table has two rows that begin with the same words: they would say two things of one. Rows that
begin with nothing or with "…" go on with the one before.

A page x.zh-CN.md is the twin of x.md: both have the same sections in the same order, by the levels
of their headings. Each section has the same code blocks (but for comments), as many paragraphs and
list items, the same numbers in digits (20 million is 2000 万), the same names between backticks, in
tables row by row, and the same links; those of a twin go to a twin where there is one.

In what READMEs at the top and docs/ send, decision records excepted, each payload that is written
as an object has a `type`: the SDKs of clients show no other (docs/api.md). The payload of an event,
which has a `kind`, is none of a message.
"""

import collections
import dataclasses
import decimal
import pathlib
import posixpath
import re
import subprocess
import sys

LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")
NAMED = re.compile(r"`([A-Za-z_][\w.-]*(?:/[\w.-]+)*\.(?:cc|h|py|sh))`")
FUNCTION = re.compile(r"`([a-z_]+/[\w/]+)\.(?:cc|h)`\*{0,2} \(`([A-Za-z_]\w*)(?:\(\))?`")
ANCHORED = re.compile(r"\]\(([^)\s#:]*)#([^)\s]+)\)")
RELATIVE = re.compile(r"\]\(((?![a-z]+:)[^)\s]+)\)")
SPAN = re.compile(r"`([^`]+)`")
FENCE = re.compile(r"^\s*```(\w*)")
HEADING = re.compile(r"^(#{1,6}) (.+)$")
ITEM = re.compile(r"^\s*(?:-|\d+\.) ")
COMMENT = re.compile(r"(?:^|\s+)#(?:\s.*)?$")
TARGET = re.compile(r"\]\([^)]*\)")
NUMBER = re.compile(r"(\d(?:[\d,]*\d)?(?:\.\d+)?)(?:\s*(million|billion|万|亿))?")
SCALE = {"": 1, "万": 10**4, "million": 10**6, "亿": 10**8, "billion": 10**9}
TWIN = ".zh-CN.md"
# `"payload": {`, as in JSON, and in the languages of the quick starts; `payloads` holds several.
PAYLOAD = re.compile(r"""\bpayload(s?)\\?["']?\s*[:=]\s*(?:[A-Za-z]\w*)?\{""")
TYPED = re.compile(r"""\b(?:type|kind)\\?["']?\s*:""")
ELIDED = {"…", "..."}


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


@dataclasses.dataclass
class Section:
    """What stands below one heading, up to the next; the first one is what stands above all."""
    line: int
    level: int
    blocks: list = dataclasses.field(default_factory=list)  # (language, lines without comments)
    rows: list = dataclasses.field(default_factory=list)  # of tables: (line, names)
    items: int = 0
    paragraphs: int = 0  # none of an item, which are counted above
    prose: str = ""  # of paragraphs and lists
    text: str = ""  # the same and the tables


def names_of(text):
    return {" ".join(name.split()) for name in SPAN.findall(text)}


def numbers_of(text):
    """How often each number stands in a text, outside of names and of where links go."""
    plain = TARGET.sub("]", SPAN.sub("", text))
    return collections.Counter(decimal.Decimal(digits.replace(",", "")) * SCALE[scale]
                               for digits, scale in NUMBER.findall(plain))


def outline(text):
    """The sections of a page, and the anchors that GitHub makes of its headings, in their order."""
    sections, anchors, seen, block = [Section(1, 0)], [], {}, None
    goes_on = False  # whether a paragraph or an item does
    for number, line in enumerate(text.split("\n"), 1):
        section = sections[-1]
        went_on, goes_on = goes_on, False
        if fence := FENCE.match(line):
            if block is None:
                block = (fence[1], [])
                section.blocks.append(block)
            else:
                block = None
        elif block is not None:
            block[1].append(COMMENT.sub("", line))
        elif heading := HEADING.match(line):
            title = TARGET.sub("]", heading[2].strip().lower())
            anchor = re.sub(r"[^\w\- ]", "", title).replace(" ", "-")
            before = seen[anchor] = seen.get(anchor, -1) + 1
            anchors.append(f"{anchor}-{before}" if before else anchor)
            sections.append(Section(number, len(heading[1])))
        else:
            section.text += line + "\n"
            if line.startswith("|"):
                section.rows.append((number, names_of(line)))
            else:
                goes_on = bool(line.strip())
                if ITEM.match(line):
                    section.items += 1
                elif goes_on and not went_on:
                    section.paragraphs += 1
                section.prose += line + "\n"
    return sections, anchors


def table_problems(text):
    begun, fenced = {}, False  # the rows of the table by their first cells
    for number, line in enumerate(text.split("\n"), 1):
        if FENCE.match(line):
            fenced = not fenced
        if fenced or not line.startswith("|"):
            begun = {}
            continue
        cell = " ".join(line.split("|")[1].split())
        if not cell or cell.startswith("…"):
            continue
        if cell in begun:
            yield number, f"the row begins as that of line {begun[cell]}: {cell}"
        begun.setdefault(cell, number)


def anchor_problems(text, document, read):
    folder = pathlib.PurePosixPath(document).parent
    for number, line in enumerate(text.split("\n"), 1):
        for target, anchor in ANCHORED.findall(line):
            found = read(folder / target) if target else text
            if found is not None and (not target or target.endswith(".md")) and \
                    anchor not in outline(found)[1]:
                yield number, f"{target}#{anchor}: the page has no such heading"


def links_of(section, text, document, read):
    """Where the links of a section go: (page without its language, place of the heading)."""
    links = set()
    for target in RELATIVE.findall(section.text):
        target, _, anchor = target.partition("#")
        page = posixpath.join(posixpath.dirname(document), target) if target else document
        place = None
        if anchor:
            anchors = outline((read(pathlib.PurePosixPath(page)) or "") if target else text)[1]
            place = anchors.index(anchor) if anchor in anchors else anchor
        links.add((posixpath.normpath(page).replace(TWIN, ".md"), place))
    return links


def twin_problems(text, document, read):
    """Compares a page, `document`, with the one whose twin it is."""
    if not document.endswith(TWIN):
        return
    original = document[:-len(TWIN)] + ".md"
    other = read(pathlib.PurePosixPath(original))
    if other is None:
        yield 1, f"there is no {original}"
        return
    for page, beside in ((other, document), (text, original)):
        if f"]({posixpath.basename(beside)})" not in "".join(page.split("\n")[:4]):
            yield 1, f"the page beside {beside} must link to it in its third line"
    for number, line in enumerate(text.split("\n"), 1):
        for target in LINK.findall(line):
            page = posixpath.normpath(posixpath.join(posixpath.dirname(document), target))
            if page != original and target.endswith(".md") and not target.endswith(TWIN) and \
                    read(pathlib.PurePosixPath(page[:-len(".md")] + TWIN)) is not None:
                yield number, f"{target}: link to its twin"
    mine, theirs = outline(text)[0], outline(other)[0]
    if [section.level for section in mine] != [section.level for section in theirs]:
        for ours, its in zip(mine, theirs):
            if ours.level != its.level:
                yield ours.line, f"the heading is not of the level of {original}:{its.line}"
                return
        yield 1, f"{len(mine) - 1} headings, {len(theirs) - 1} in {original}"
        return
    for ours, its in zip(mine, theirs):
        where = f"{original}:{its.line}"
        if ours.blocks != its.blocks:
            yield ours.line, f"the code blocks are not those of {where}"
        # One row that is missing puts all behind it beside another: the first one tells.
        for row, its_row in zip(ours.rows, its.rows):
            if row[1] != its_row[1]:
                yield row[0], (f"the row names other things than {original}:{its_row[0]}: "
                               + ", ".join(sorted(row[1] ^ its_row[1])))
                break
        else:
            if len(ours.rows) != len(its.rows):
                yield ours.line, f"{len(ours.rows)} rows of tables, {len(its.rows)} in {where}"
        if ours.items != its.items:
            yield ours.line, f"{ours.items} list items, {its.items} in {where}"
        if ours.paragraphs != its.paragraphs:
            yield ours.line, f"{ours.paragraphs} paragraphs, {its.paragraphs} in {where}"
        here, there = numbers_of(ours.text), numbers_of(its.text)
        if here != there:
            yield ours.line, (f"numbers of {where} that are not here: "
                              + (", ".join(f"{n:f}" for n in sorted(there - here)) or "none")
                              + "; here alone: "
                              + (", ".join(f"{n:f}" for n in sorted(here - there)) or "none"))
        if different := names_of(ours.prose) ^ names_of(its.prose):
            yield ours.line, f"named in one of {where} and here: " + ", ".join(sorted(different))
        if different := links_of(ours, text, document, read) ^ \
                links_of(its, other, original, read):
            yield ours.line, (f"linked in one of {where} and here: "
                              + ", ".join(sorted({page for page, _ in different})))


def end_of_object(text, begin):
    """Behind the brace that closes the one in front of `begin`; the end of what is cut off."""
    depth = 1
    for place in range(begin, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return place + 1
    return len(text)


def payload_problems(text, document):
    """Payloads as objects by which no client knows what they are."""
    if document.count("/") > 0 and not document.startswith("docs/") or \
            document.startswith("docs/decisions/"):
        return
    for found in PAYLOAD.finditer(text):
        begin, end = found.end(), end_of_object(text, found.end())
        objects = [(begin, end)]
        if found[1]:
            objects, place = [], begin
            while (place := text.find("{", place, end - 1)) >= 0:
                objects.append((place + 1, end_of_object(text, place + 1)))
                place = objects[-1][1]
        for first, last in objects:
            inner = text[first:last - 1]
            if inner.strip() not in ELIDED and not TYPED.search(inner):
                yield text.count("\n", 0, first) + 1, \
                    f"a payload without a type: {' '.join(inner.split())[:40]}"


def problems_of(text, document, read):
    """`read` answers the text of a path, or None when there is no such file."""
    yield from anchor_problems(text, document, read)
    yield from twin_problems(text, document, read)
    yield from table_problems(text)
    yield from payload_problems(text, document)
    for number, what, paths, word in pointed_at(text, document):
        found = [found for found in (read(path) for path in paths) if found is not None]
        if not found:
            yield number, f"{what}: there is no such file"
        elif word and not any(re.search(rf"\b{word}\b", each) for each in found):
            yield number, f"{what}: the file has no such name"


PAGE = """# T

[中文](t.zh-CN.md)

## One

See [two](#two) and [api](api.md#there), `a
b`.

Of the 1,500,000 that fit, 7 days old; of these
two.

- first
- second

## Two

```sh
run  # why
```

| x | y |
| --- | --- |
| `x` | one |
"""
TWIN_PAGE = """# T

[English](t.md)

## 一

见[二](#二)和[api](api.md#there)，`a b`。

能放 150 万，保留 7 天；其中两个。

- 甲
- 乙

## 二

```sh
run  # 说明
```

| x | y |
| --- | --- |
| `x` | 甲 |
"""


def self_test():
    files = {"src/store/keys.cc": "void f();", "scripts/check.sh": "", "src/store/a/b.h": "",
             "docs/api.md": "## There\n\n## `There`, again\n## There", "docs/alone.md": "# T",
             "docs/t.md": PAGE, "docs/t.zh-CN.md": TWIN_PAGE,
             "README.md": "# R\n\n[中文](README.zh-CN.md)\n\n[t](docs/t.md#one)"}
    twin = "docs/t.zh-CN.md"
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
        ("docs/a.md", "[x](api.md#there-again) [x](api.md#there-1) [x](#a)\n# A", 0),
        ("docs/a.md", "[x](api.md#gone)", 1),
        ("docs/a.md", "# A\n[x](#b)", 1),
        (twin, TWIN_PAGE, 0),
        (twin, TWIN_PAGE.replace("[English](t.md)", ""), 3),  # at the top, the paragraph, its link
        (twin, TWIN_PAGE.replace("## 二", "### 二"), 1),
        (twin, TWIN_PAGE + "\n## 三", 1),
        (twin, TWIN_PAGE.replace("#二", "#一"), 1),
        (twin, TWIN_PAGE.replace("api.md", "alone.md").replace("#there", ""), 1),
        (twin, TWIN_PAGE.replace("run  # 说明", "run  # 别的"), 0),
        (twin, TWIN_PAGE.replace("run  # 说明", "stop"), 1),
        (twin, TWIN_PAGE.replace("```sh", "```text"), 1),
        (twin, TWIN_PAGE.replace("| `x` |", "| `y` |"), 1),
        (twin, TWIN_PAGE.replace("| `x` | 甲 |\n", ""), 1),
        (twin, TWIN_PAGE.replace("- 乙\n", ""), 1),
        (twin, TWIN_PAGE.replace("两个。\n", "两个。\n\n又一段。\n"), 1),
        (twin, TWIN_PAGE.replace("两个。\n", "\n两个。\n"), 0),
        (twin, TWIN_PAGE.replace("。\n\n能放", "。能放"), 1),
        (twin, TWIN_PAGE.replace("150 万", "1,500,000"), 0),
        (twin, TWIN_PAGE.replace("150 万", "15 万"), 1),
        (twin, TWIN_PAGE.replace("7 天", "七天"), 1),
        (twin, TWIN_PAGE.replace("`a b`", "`a`"), 1),
        (twin, TWIN_PAGE.replace("`a b`", "a b"), 1),
        ("README.zh-CN.md", "# R\n\n[English](README.md)\n\n[t](docs/t.zh-CN.md#一)", 0),
        ("README.zh-CN.md", "# R\n\n[English](README.md)\n\n[t](docs/t.md#one)", 1),
        ("docs/alone.zh-CN.md", "# T\n\n[English](alone.md)", 3),  # the same of the other page
        ("docs/gone.zh-CN.md", "# T", 1),
        ("docs/a.md", "| `a` | x |\n| --- | --- |\n| `b` | y |\n|  | z |\n|  | z |\n\n| `b` | y |",
         0),
        ("docs/a.md", "| a | x |\n| --- | --- |\n| 500 | y |\n| … | y |\n| … | z |\n| 500 | z |",
         1),
        ("docs/a.md", "```\n| a |\n| a |\n```", 0),
        ("docs/a.md", '{"payload": {"type": 1, "content": "{{a}}"}} {"payload":{"kind":"a"}}', 0),
        ("docs/a.md", '{"payload": {"content": "type"}}', 1),
        ("docs/a.md", '{"payload":{"content":"a"}} {"payload":\n {"type":1}}', 1),
        ("docs/a.md", '"payload": {…} `payload` is {x} {"payload": ["a"]}', 0),
        ("docs/a.md", '{"payloads": {"a": {"type": 1}, "b": {"n": {"type": 1}}}, "c": {}}', 0),
        ("docs/a.md", '{"payloads": {"a": {"type": 1}, "b": {"content": "b"}}, "c": {"type": 1}}',
         1),
        ("docs/a.md", "payload: { content: text }", 1),
        ("docs/a.md", 'object{"payload": object{"content": text}}', 1),
        ("docs/decisions/1.md", '{"payload": {"content": "a"}}', 0),
        ("src/store/README.md", '{"payload": {"content": "a"}}', 0),
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
        print(f"wrong: {name}: {text!r}: {list(problems_of(text, name, read))}")
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
