"""Clauses about all answers of the run; they are checked last."""

from contract import Fails, NotOffered, clause
from target import fresh, item


@clause("seed.status.500", "状态码 (status codes), 322",
        "500 is an error of the server: nothing that this program sent was answered with it.")
def status_500(server):
    server.accept([item(fresh("group"))])
    if server.server_errors:
        raise Fails("%d answers had the status 500; the first of them:" % len(
            server.server_errors), server.server_errors[0])


@clause("jindou.overload.retry-after", "docs/api.md, Rules for every endpoint",
        "429 says in Retry-After when to come again.")
def retry_after(server):
    if server.unexplained_waits:
        raise Fails("an answer had the status 429 and no Retry-After",
                    server.unexplained_waits[0])
    if not server.statuses[429]:
        raise NotOffered("nothing of this run was answered with 429")
