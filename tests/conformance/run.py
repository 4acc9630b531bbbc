#!/usr/bin/env python3
"""Checks a server against the contract of POST /message/sendbatch, by plain HTTP.

    run.py http://127.0.0.1:5001 [--token T] [--only NAME] [--json FILE]
    run.py --list

Exit status: 0 when all required clauses hold, 1 when one does not, 2 for usage or a server that
cannot be reached. README.md lists the clauses.
"""

import argparse
import json
import sys
import time

import contract
import seed_request  # noqa: F401 - the clauses, in the order in which they are checked
import seed_response  # noqa: F401
import wukongim_clauses  # noqa: F401
import jindou_items  # noqa: F401
import jindou_results  # noqa: F401
import jindou_http  # noqa: F401
import jindou_coding  # noqa: F401
import jindou_choices  # noqa: F401
import jindou_payloads  # noqa: F401
import jindou_lines  # noqa: F401
import jindou_jobs  # noqa: F401
import jindou_batches  # noqa: F401
import jindou_changes  # noqa: F401
import jindou_callers  # noqa: F401
import jindou_command  # noqa: F401
import overall  # noqa: F401
from target import Target, shorten

EXIT_HOLDS, EXIT_FAILS, EXIT_USAGE = 0, 1, 2
# How the place of a clause begins that stands on a section of it.
PAGE = "docs/batch.md, "
# Options that say what a URL does not show.
KNOWN = ("key", "refused_word", "masked_word", "jindou")


def ordered():
    """All clauses by group; those about the whole run last."""
    last = [each for each in contract.CLAUSES if each.check.__module__ == "overall"]
    return [each for each in contract.CLAUSES if each not in last] + last


def groups():
    return list(dict.fromkeys(each.group for each in ordered()))


def listing():
    """The tables of README.md."""
    lines = []
    for group in groups():
        lines += ["", "| clause | place | what it says |", "| --- | --- | --- |"]
        lines += ["| `%s` | %s | %s |" % (each.id, each.place, each.says)
                  for each in ordered() if each.group == group]
    return lines[1:]


def selected(names):
    """The clauses that `names` name: each an id, or how ids begin. None when one names nothing."""
    if not names:
        return ordered()
    for name in names:
        if not any(each.id.startswith(name) for each in contract.CLAUSES):
            return None
    return [each for each in ordered() if each.id.startswith(tuple(names))]


def result_of(clause, server):
    """What is said about one clause, as an element of the JSON report."""
    server.last = server.last_batch = None
    out = {"id": clause.id, "required": clause.required, "place": clause.place,
           "says": clause.says, "verdict": contract.HOLDS}
    try:
        clause.check(server)
        return out
    except contract.Verdict as verdict:
        out.update(verdict=verdict.word, why=shorten(verdict.why))
        answer = verdict.answer
    except Exception as error:  # noqa: BLE001 - an answer of a shape that no check foresaw
        out.update(verdict=contract.FAILS, why="the answer has another form than is documented "
                   "(%s: %s)" % (type(error).__name__, error))
        answer = None
    if clause.required and out["verdict"] == contract.NOT_OFFERED:
        out["verdict"] = contract.FAILS
    if answer is None:
        answer = server.last_batch or server.last
        if server.last is not None and server.last is not answer:
            out["then"] = "%s: %s" % (server.last.sent, server.last.came)
    if answer is not None:
        out.update(sent=answer.sent, came=answer.came)
    return out


def show(result):
    print("%-12s %s" % (result["verdict"], result["id"]))
    if result["verdict"] == contract.FAILS:
        for name, value in (("says", result["says"]), ("place", result["place"]),
                            ("why", result["why"]), ("sent", result.get("sent")),
                            ("came", result.get("came")), ("then", result.get("then"))):
            if value is not None:
                print("    %-6s %s" % (name + ":", value))
    elif "why" in result:
        print("    %s" % result["why"])
    sys.stdout.flush()


def counts(results):
    return {verdict: sum(each["verdict"] == verdict for each in results)
            for verdict in contract.VERDICTS}


def summary(results):
    """The lines at the end: one for each group."""
    for group in groups():
        mine = [each for each in results if each["id"].split(".")[0] == group]
        if mine:
            found = ", ".join("%d %s" % (count, verdict)
                              for verdict, count in counts(mine).items() if count)
            yield "%s (%s): %s" % (group, "required" if mine[0]["required"] else "optional", found)


def by_section(results):
    """The lines behind them: one for each section of docs/batch.md."""
    sections = dict.fromkeys(each["place"] for each in results if each["place"].startswith(PAGE))
    for section in sections:
        mine = [each for each in results if each["place"] == section]
        yield "%s: %s" % (section, ", ".join("%d %s" % (count, verdict) for verdict, count
                                             in counts(mine).items() if count))


def usage(text):
    print("run.py: %s" % text, file=sys.stderr)
    return EXIT_USAGE


def main():
    parser = argparse.ArgumentParser(
        prog="run.py", description="Checks a server against the contract of POST "
        "/message/sendbatch. Exit status 0: all required clauses hold; 1: one does not; 2: usage, "
        "or the server cannot be reached.")
    parser.add_argument("url", nargs="?", help="the HTTP API, such as http://127.0.0.1:5001")
    parser.add_argument("--token", help="sent as the header `token` of every request")
    parser.add_argument("--only", action="append", metavar="NAME",
                        help="only clauses whose id is or begins with NAME; may be repeated")
    parser.add_argument("--json", metavar="FILE", help="write the report there, as JSON, too")
    parser.add_argument("--timeout", type=float, default=15.0, metavar="SECONDS",
                        help="how long an answer may take (15)")
    parser.add_argument("--patience", type=float, default=5.0, metavar="SECONDS",
                        help="how long until what was accepted can be read, and a job has ended "
                        "(5)")
    parser.add_argument("--key", metavar="SECRET", help="of an API key for the scope send")
    parser.add_argument("--refused-word", metavar="WORD", help="that moderation refuses")
    parser.add_argument("--masked-word", metavar="WORD", help="that moderation masks")
    parser.add_argument("--jindou", metavar="PROGRAM", help="the program of the command line")
    parser.add_argument("--list", action="store_true", help="list the clauses and exit")
    options = parser.parse_args()
    if options.list:
        print("\n".join(listing()))
        return EXIT_HOLDS
    if options.url is None:
        return usage("give the address of a server, such as http://127.0.0.1:5001")
    clauses = selected(options.only)
    if clauses is None:
        return usage("--only %s: no clause is called so; --list shows them all"
                     % " ".join(options.only))
    try:
        server = Target(options.url, options.token, options.timeout, options.patience,
                        {name: getattr(options, name) for name in KNOWN})
        file = open(options.json, "w", encoding="utf-8") if options.json else None
    except (ValueError, OSError) as error:
        return usage(str(error))
    try:
        probe = server.batch([])
    except contract.Fails as error:
        return usage("%s cannot be reached: %s" % (options.url, error.why))
    if probe.status == 401:
        return usage("%s answers 401: %s" % (
            options.url, "it wants a token; give it with --token" if options.token is None
            else "it does not take this --token"))
    print("POST /message/sendbatch at %s" % options.url)
    results = []
    for clause in clauses:
        results.append(result_of(clause, server))
        show(results[-1])
    for line in [*summary(results), *by_section(results)]:
        print(line)
    if file is not None:
        with file:
            json.dump({"url": options.url, "time": int(time.time()), "counts": counts(results),
                       "clauses": results}, file, ensure_ascii=False, indent=1)
            file.write("\n")
    required = [each for each in results if each["required"]]
    return EXIT_HOLDS if all(each["verdict"] == contract.HOLDS for each in required) else EXIT_FAILS


if __name__ == "__main__":
    sys.exit(main())
