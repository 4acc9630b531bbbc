"""Clients that are generated from the OpenAPI document: whole, without complaints, and they send."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import client_packages
from harness import ServerCase, not_for_sanitizers, seed_request

TIMEOUT = 120
SOURCES = client_packages.CLIENTS / "generators"
# What no generator of Python knows; the batch is an array of JSON as well.
STREAMS = {"application/x-ndjson", "text/csv"}


@not_for_sanitizers
class Generators(ServerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="jindou-generators-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir, True)
        cls.document = cls.dir / "openapi.json"
        cls.document.write_bytes(cls.server.get("/docs/openapi.json").body)
        cls.node = shutil.which("node") or shutil.which("nodejs")

    def run_tool(self, command, **options):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                              timeout=TIMEOUT, check=False, **options)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def assert_seed_was_sent(self, output):
        results = json.loads(output)
        self.assertEqual([(entry["client_msg_no"], entry["reason"]) for entry in results[:2]],
                         [("batch_msg_1", 1), ("batch_msg_2", 1)])
        for entry in results:
            self.assertGreater(entry["message_id"], 0)

    def test_the_python_client_has_every_operation_and_sends_a_batch(self):
        python = client_packages.python("generators")
        told = self.run_tool([python, "-m", "openapi_python_client", "generate", "--path",
                              self.document, "--meta", "none", "--config",
                              SOURCES / "config.yaml", "--output-path", self.dir / "jindou"])
        for warning in re.split(r"(?m)^WARNING ", told)[1:]:
            kind = re.search(r"Unsupported content[ _]type ([\w/.-]+)", warning)
            self.assertIn(kind and kind[1], STREAMS, warning)
        operations = [method for path in json.loads(self.document.read_text())["paths"].values()
                      for method in path]
        files = [path for path in (self.dir / "jindou" / "api").glob("*/*.py")
                 if path.name != "__init__.py"]
        self.assertEqual(len(files), len(operations))
        self.run_tool([python, "-m", "compileall", "-q", self.dir / "jindou"])
        self.assert_seed_was_sent(self.run_tool(
            [python, SOURCES / "batch.py", "http://" + self.server.http, self.dir],
            input=seed_request().decode()))

    def test_typescript_types_hold_for_a_program_that_sends_a_batch(self):
        modules = client_packages.npm("generators") / "node_modules"
        source = self.dir / "typescript"
        source.mkdir()
        shutil.copy(SOURCES / "batch.ts", source)
        self.run_tool([self.node, modules / "openapi-typescript" / "bin" / "cli.js", self.document,
                       "-o", source / "schema.d.ts"])
        self.run_tool([self.node, modules / "typescript" / "bin" / "tsc", "--strict", "--target",
                       "es2022", "--module", "es2022", "--lib", "es2022,dom", "batch.ts"],
                      cwd=source)
        (source / "package.json").write_text('{"type":"module"}')
        self.assert_seed_was_sent(self.run_tool(
            [self.node, source / "batch.js", "http://" + self.server.http,
             seed_request().decode()]))

    @unittest.skipUnless(client_packages.go_is("generators/go"), "no Go that the generator needs")
    def test_the_go_client_sends_a_batch(self):
        source = self.dir / "go"
        shutil.copytree(SOURCES / "go", source, ignore=shutil.ignore_patterns(".build"))
        (source / "jindou").mkdir()
        self.run_tool([client_packages.go_generator(), "-generate", "types,client", "-package",
                       "jindou", "-o", source / "jindou" / "jindou.gen.go", self.document])
        env = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"}
        self.run_tool(["go", "vet", "."], cwd=source, env=env)
        self.assert_seed_was_sent(self.run_tool(["go", "run", ".", "http://" + self.server.http],
                                                cwd=source, env=env,
                                                input=seed_request().decode()))

    def test_the_linter_finds_no_error(self):
        client_packages.npm("generators")
        self.run_tool([self.node, SOURCES / "lint.mjs", self.document])


if __name__ == "__main__":
    unittest.main()
