"""docs/api-compatibility.md: every test it names exists, and every endpoint that is served has a row."""

import pathlib
import re
import unittest

from harness import ROOT, ServerCase

TABLE = ROOT / "docs" / "api-compatibility.md"
HERE = pathlib.Path(__file__).resolve().parent

FILE = re.compile(r"`(test_\w+)`")
SOURCE = re.compile(r"`(src/[\w/]+\.cc)`")
NAME = re.compile(r"\b([A-Z]\w+)(?:\.(test_\w+))?|\b(test_\w+)")


def rows():
    """(number, section's test file, cells) of every row but the headings of the tables."""
    section_file = None
    for number, line in enumerate(TABLE.read_text().splitlines(), 1):
        if line.startswith("#"):
            section_file = None
        elif not line.startswith("|"):
            found = FILE.search(line)
            if found and section_file is None:
                section_file = found.group(1)
        elif not re.match(r"\|[ -]*\|[ -]*\|", line) and not line.endswith("| | test |"):
            yield number, section_file, [cell.strip() for cell in line.strip("|").split(" | ")]


def classes(file):
    """Class name to its tests, those of base classes in the same file included."""
    out, bases, current = {}, {}, None
    for line in (HERE / (file + ".py")).read_text().splitlines():
        if found := re.match(r"class (\w+)(?:\((.*)\))?:", line):
            current = found.group(1)
            out[current] = set()
            bases[current] = [b.strip() for b in (found.group(2) or "").split(",")]
        elif current and (found := re.match(r"    def (test_\w+)", line)):
            out[current].add(found.group(1))
    for name in out:
        for base in bases[name]:
            out[name] |= out.get(base, set())
    return out


class Table(unittest.TestCase):
    def test_every_rule_that_is_held_names_a_test(self):
        for number, _, cells in rows():
            with self.subTest(line=number):
                self.assertEqual(len(cells), 3, cells)
                if re.match(r"(held|ours)\b", cells[1]):
                    self.assertTrue(cells[2])
                else:
                    self.assertGreater(len(cells[1]), 10, "a reason is missing")

    def test_every_test_it_names_exists(self):
        for number, file, cells in rows():
            current_class = None
            for part in re.split(r"[;,]", cells[2]):
                with self.subTest(line=number, part=part):
                    if source := SOURCE.search(part):
                        self.assertTrue((ROOT / source.group(1)).is_file())
                        continue
                    if named := FILE.search(part):
                        file = named.group(1)
                        part = FILE.sub("", part)
                        self.assertTrue((HERE / (file + ".py")).is_file())
                    part = part.strip()
                    if not part or part.startswith("`harness`") or part.startswith("in every"):
                        continue
                    known = classes(file)
                    name = NAME.search(part)
                    self.assertTrue(name, part)
                    if name.group(1):
                        current_class = name.group(1)
                        self.assertIn(current_class, known)
                    test = name.group(2) or name.group(3)
                    if test:
                        self.assertIn(test, known[current_class])


class Endpoints(ServerCase):
    def test_every_endpoint_has_a_row(self):
        named = set(re.findall(r"/[\w/.{}-]*", " ".join(cells[0] for _, _, cells in rows())))
        for path in self.server.get("/docs/openapi.json").json()["paths"]:
            self.assertIn(path, named)


if __name__ == "__main__":
    unittest.main()
