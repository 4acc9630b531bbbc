"""Schemathesis sends for a minute what the OpenAPI document allows and what it does not."""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

import client_packages
from harness import ServerCase, not_for_sanitizers

TOKEN = "token-of-this-test"
SECONDS = 60
# Every answer is one that the document tells of. Left out: whether what the document allows is
# always accepted, because it does not tell of rules between members, nor of ids and cursors that
# were given out; whether all else is refused, because what older servers ignored is ignored here;
# and other methods, of which GET with a body is refused before it is looked at.
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance," \
         "response_headers_conformance,response_schema_conformance,ignored_auth," \
         "missing_required_header,allow_header_conformance"
# The same requests every time, as far as the minute goes.
SEED = "7"


@not_for_sanitizers
class Schemathesis(ServerCase):
    config = {"managerToken": TOKEN}

    def test_it_finds_no_answer_that_the_document_does_not_tell_of(self):
        # Where it leaves what it remembers, too.
        directory = pathlib.Path(tempfile.mkdtemp(prefix="jindou-schemathesis-"))
        self.addCleanup(shutil.rmtree, directory, True)
        document = directory / "openapi.json"
        document.write_bytes(
            self.server.get("/docs/openapi.json", headers={"token": TOKEN}).body)
        program = client_packages.python("schemathesis").with_name("schemathesis")
        done = subprocess.run(
            [program, "run", document, "--url", "http://" + self.server.http, "--header",
             "token: " + TOKEN, "--checks", CHECKS, "--seed", SEED, "--max-time", str(SECONDS),
             "--continue-on-failure", "--no-color"],
            cwd=directory, capture_output=True, text=True, timeout=SECONDS + 120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout[-8000:] + done.stderr[-2000:])
        self.assertTrue(self.server.alive(), "the server has ended")


if __name__ == "__main__":
    unittest.main()
