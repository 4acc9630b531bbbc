#!/usr/bin/env python3
"""Tries the OpenAPI document with generators that are too large for every run: tests/generators/run.py
<binary> [--seconds N]. By hand: it loads some 250 MB of packages, and needs Go 1.25.

A client in Go is generated, compiled, and sends the seed's batch. Schemathesis then sends for N
seconds (60) what the document allows and what it does not. Exits with 1 when something was found.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import venv

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

# Every answer is one that the document tells of. Left out: whether what the document allows is
# always accepted, because it does not tell of rules between members, nor of ids and cursors that
# were given out; whether all else is refused, because what older servers ignored is ignored here;
# and other methods, of which GET with a body is refused before it is looked at.
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance," \
         "response_headers_conformance,response_schema_conformance,ignored_auth," \
         "missing_required_header,allow_header_conformance"
# The same requests every time.
SEED = "7"


def go_client(document, url, batch):
    source = HERE / "go"
    env = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"}
    generated = source / "jindou"
    generated.mkdir(exist_ok=True)
    subprocess.run(["go", "tool", "oapi-codegen", "-generate", "types,client", "-package", "jindou",
                    "-o", str(generated / "jindou.gen.go"), str(document)],
                   cwd=source, env=env, check=True)
    subprocess.run(["go", "vet", "."], cwd=source, env=env, check=True)
    subprocess.run(["go", "run", ".", url], cwd=source, env=env, input=batch, check=True)


def schemathesis(document, url, token, seconds):
    where = HERE / ".venv"
    program = where / "bin" / "schemathesis"
    if not program.exists():
        venv.create(where, clear=True, with_pip=True)
        subprocess.run([where / "bin" / "python", "-m", "pip", "install", "--quiet",
                        "--disable-pip-version-check", "-r", HERE / "requirements.txt"], check=True)
    subprocess.run([program, "run", document, "--url", url, "--header", "token: " + token,
                    "--checks", CHECKS, "--seed", SEED, "--max-time", str(seconds),
                    "--continue-on-failure", "--no-color"],
                   cwd=document.parent, check=True)  # where it leaves what it remembers


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("--seconds", type=int, default=60)
    arguments = parser.parse_args()
    os.environ["JINDOU_BIN"] = os.path.abspath(arguments.binary)
    from harness import Server, seed_request

    directory = pathlib.Path(tempfile.mkdtemp(prefix="jindou-generators-"))
    token = "token-of-this-run"
    failed = []
    try:
        with Server() as server:
            document = directory / "openapi.json"
            document.write_bytes(server.get("/docs/openapi.json").body)
            go_client(document, "http://" + server.http, seed_request())
        with Server({"managerToken": token}) as server:
            schemathesis(document, "http://" + server.http, token, arguments.seconds)
            if server.process.poll() is not None:
                failed.append("the server has ended:\n" + server.log_tail())
    except subprocess.CalledProcessError as error:
        failed.append("%s: exit status %d" % (error.cmd[0], error.returncode))
    finally:
        shutil.rmtree(directory, True)
    for line in failed:
        print(line, file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
