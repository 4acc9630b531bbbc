"""Clauses of the contract, and what a check may find out about one.

A clause is a function that takes the server (target.Target) and returns when the clause holds. It
raises Fails, NotOffered or Unchecked otherwise. Clauses whose id begins with "seed." are required
of every server; all others are optional.
"""

import dataclasses
from typing import Callable

HOLDS, FAILS, NOT_OFFERED, UNCHECKED = "holds", "fails", "not offered", "not checked"
VERDICTS = (HOLDS, FAILS, NOT_OFFERED, UNCHECKED)
REQUIRED_GROUP = "seed"


class Verdict(Exception):
    """`answer`: the target.Answer that shows it; None when that is the last one that came."""

    word = ""

    def __init__(self, why, answer=None):
        super().__init__(why)
        self.why, self.answer = why, answer


class Fails(Verdict):
    """The server does something else."""

    word = FAILS


class NotOffered(Verdict):
    """The server answers as one that does not have this extension. Not for required clauses."""

    word = NOT_OFFERED


class Unchecked(Verdict):
    """What the check needs is not there: another endpoint, an option of the command line."""

    word = UNCHECKED


def offered(condition, why, answer=None):
    """Raises NotOffered unless `condition`."""
    if not condition:
        raise NotOffered(why, answer)


@dataclasses.dataclass(frozen=True)
class Clause:
    """`says`: the sentence of the contract in our words. `place`: where it is written."""

    id: str
    place: str
    says: str
    check: Callable

    @property
    def group(self):
        return self.id.split(".")[0]

    @property
    def required(self):
        return self.group == REQUIRED_GROUP


CLAUSES = []


def clause(id_, place, says):
    """Makes the decorated function the check of a clause. Clauses are checked in this order."""

    def register(check):
        if any(other.id == id_ for other in CLAUSES):
            raise ValueError("two clauses are called %s" % id_)
        CLAUSES.append(Clause(id_, place, says, check))
        return check

    return register
