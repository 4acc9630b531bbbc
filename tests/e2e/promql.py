"""Which metrics and labels an expression of PromQL asks for.

Reads what promtool has already found to be an expression: it does not judge the grammar.
"""

import re
from dataclasses import dataclass, field

TOKEN = re.compile(r"""
    (?P<string> "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | `[^`]*`)
  | (?P<number> \d[\w.]*)
  | (?P<name> [A-Za-z_:][\w:]*)
  | (?P<sign> =~ | !~ | != | == | >= | <= | [-+*/%^=<>(){}\[\],:@])
  | (?P<space> \s+ | \#[^\n]*)
""", re.VERBOSE)
# Followed by a list of labels in brackets.
LISTS = {"by", "without", "on", "ignoring", "group_left", "group_right"}
WORDS = LISTS | {"and", "or", "unless", "atan2", "bool", "offset", "inf", "nan", "start", "end"}


@dataclass
class Selector:
    metric: str
    matchers: list = field(default_factory=list)  # (label, sign, value)


@dataclass
class Expression:
    selectors: list = field(default_factory=list)
    labels: set = field(default_factory=set)  # named for grouping and matching


def tokens(text):
    at = 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if not found:
            raise ValueError("not understood: %r in %r" % (text[at:at + 20], text))
        at = found.end()
        if found.lastgroup != "space":
            yield found.lastgroup, found.group()


def parse(text) -> Expression:
    found = Expression()
    rest = list(tokens(text))

    def sign(at, wanted):
        return at < len(rest) and rest[at] == ("sign", wanted)

    def until(at, closing):
        """The index of the bracket that ends what has none inside."""
        while not sign(at, closing):
            at += 1
        return at

    at = 0
    while at < len(rest):
        kind, token = rest[at]
        at += 1
        if sign(at - 1, "["):
            at = until(at, "]") + 1
        elif sign(at - 1, "{"):
            raise ValueError("a selector without the name of a metric in %r" % text)
        elif kind == "name" and token.lower() in WORDS:
            if token.lower() in LISTS and sign(at, "("):
                end = until(at, ")")
                found.labels.update(name for kind, name in rest[at:end] if kind == "name")
                at = end + 1
        elif kind == "name" and not sign(at, "("):
            # A function or an aggregation has a bracket, or a list of labels, behind its name.
            if at < len(rest) and rest[at][0] == "name" and rest[at][1] in ("by", "without"):
                continue
            selector = Selector(token)
            if sign(at, "{"):
                end = until(at, "}")
                inside = [each for each in rest[at + 1:end] if each != ("sign", ",")]
                for (_, label), (_, how), (_, value) in zip(*[iter(inside)] * 3):
                    selector.matchers.append((label, how, value[1:-1].replace("\\\\", "\\")))
                at = end + 1
            found.selectors.append(selector)
    return found


class Exposition:
    """What a server shows: its samples, and the labels that Prometheus adds."""

    TARGET = {"job", "instance"}
    ADDED = {"up", "ALERTS"}  # by Prometheus, for each target and each alert

    def __init__(self, text):
        self.samples = []  # (name, {label: value}, value)
        self.series = {}  # name: [{label: value}]
        for line in text.splitlines():
            if line.startswith("#") or not line:
                continue
            name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
            labels = dict(re.findall(r'(\w+)="([^"]*)"', labels or ""))
            self.samples.append((name, labels, value))
            self.series.setdefault(name, []).append(labels)

    def problems(self, expression, recorded=()):
        """Yields what the expression asks for and the server does not show. `recorded`: names of
        recording rules, which may have any label."""
        known = set(self.TARGET)
        for selector in expression.selectors:
            name = selector.metric
            if name in recorded:
                known.update(label for series in self.series.values() for labels in series
                             for label in labels)
            if name in recorded or name in self.ADDED:
                continue
            if name not in self.series:
                yield "no metric %s" % name
                continue
            series = self.series[name]
            known.update(label for labels in series for label in labels)
            for label, how, value in selector.matchers:
                if label in self.TARGET:
                    continue
                values = {labels[label] for labels in series if label in labels}
                if not values:
                    yield "%s has no label %s" % (name, label)
                elif how == "=" and value not in values:
                    yield "%s has no %s=%r from the start" % (name, label, value)
                elif how == "=~" and value != ".*":
                    missing = [each for each in value.split("|")
                               if not any(re.fullmatch(each, seen) for seen in values)]
                    if missing:
                        yield "%s has no %s=~%r from the start" % (name, label, missing)
        for label in sorted(expression.labels - known):
            yield "nothing that it asks for has the label %s" % label
