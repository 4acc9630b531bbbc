"""The demonstration: a server on a temporary directory, real clients, the seed's own batch.

Exit status 0 only if every client received every message of its groups, in order."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from harness import GROUP, Server, item, seed_blocks  # noqa: E402
from npm_client import NpmClient  # noqa: E402

MEMBERS = {"group123": ["alice", "bob"], "group456": ["bob", "carol"]}


def post_seed_request(server) -> list:
    """Runs the seed's cURL command as it stands there, with this server's address."""
    command = seed_blocks()["bash"].replace("localhost:5001", server.http)
    print("$ " + command.strip().replace("\n", "\n  ") + "\n")
    env = dict(os.environ, NO_PROXY="*", no_proxy="*")
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(["bash", "-c", command], cwd=directory, env=env, timeout=30,
                              capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError("curl failed: " + done.stderr)
    answer = json.loads(done.stdout)
    print("answer: %s\n" % json.dumps(answer, indent=2))
    return answer


def main() -> int:
    clients = {}
    with Server() as server:
        try:
            print("server: http %s, tcp %s, ws %s" % (server.http, server.tcp, server.ws))
            for group, members in MEMBERS.items():
                server.create_group(group, members)
                print("group %s: %s" % (group, ", ".join(members)))
            for uid in ("alice", "bob", "carol"):
                clients[uid] = NpmClient(uid)
                clients[uid].connect(server.ws)
                print("%s is connected (npm wukongimjssdk, WebSocket, encrypted)" % uid)
            print()
            expected = {uid: [] for uid in clients}

            def expect(results, groups, texts):
                for result, group, text in zip(results, groups, texts, strict=True):
                    assert result["reason"] == 1 and result["message_id"] > 0, result
                    for uid in MEMBERS[group]:
                        expected[uid].append((group, result["message_seq"], result["client_msg_no"],
                                              result["message_idstr"], text))

            expect(post_seed_request(server), list(MEMBERS), ["Hello Group 1", "Hello Group 2"])
            # Nine more in each group, interleaved, so that there is an order to look at.
            groups = [("group123", "group456")[i % 2] for i in range(18)]
            texts = ["message %d" % i for i in range(18)]
            more = [item(group, json.dumps({"type": 1, "content": text}), from_uid="system",
                         channel_type=GROUP, client_msg_no="demo_%d" % i)
                    for i, (group, text) in enumerate(zip(groups, texts))]
            expect(server.must_batch(more), groups, texts)

            failed = False
            for uid, client in clients.items():
                received = client.messages(len(expected[uid]))
                print("%s received %d messages:" % (uid, len(received)))
                for message in received:
                    print("  %-9s seq %-3d %-12s %s" % (message["channel_id"],
                                                       message["message_seq"],
                                                       message["client_msg_no"], message["text"]))
                for group in MEMBERS:
                    got = [(m["channel_id"], m["message_seq"], m["client_msg_no"], m["message_id"],
                            m["text"]) for m in received if m["channel_id"] == group]
                    if got != [e for e in expected[uid] if e[0] == group]:
                        print("  WRONG in %s: expected %r" % (group, expected[uid]))
                        failed = True
            for client in clients.values():
                client.close()
            code = server.stop()
            print("server stopped with exit code %d" % code)
            if failed or code != 0:
                return 1
            print("every message arrived, in order")
            return 0
        except AssertionError as error:
            print("FAILED: %s\n--- server log ---\n%s" % (error, server.log_tail()))
            return 1
        finally:
            for client in clients.values():
                client.close()


if __name__ == "__main__":
    sys.exit(main())
