"""Reads /docs/openapi.json and judges answers by it, with the validators that Python has for it."""

import copy
import fcntl
import subprocess
import sys
import venv

from harness import ROOT

PACKAGES = ROOT / "tests" / "clients" / "openapi"


def _install():
    """A virtual environment on first use; several test processes may come at once."""
    where = PACKAGES / ".venv"
    requirements = PACKAGES / "requirements.txt"
    marker = where / "installed"
    with open(requirements, "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not marker.exists() or marker.stat().st_mtime < requirements.stat().st_mtime:
            venv.create(where, clear=True, with_pip=True)
            done = subprocess.run(
                [str(where / "bin" / "python"), "-m", "pip", "install", "--quiet",
                 "--disable-pip-version-check", "-r", str(requirements)],
                capture_output=True, text=True, timeout=300, check=False)
            if done.returncode != 0:
                raise RuntimeError("pip install failed:\n" + done.stdout + done.stderr)
            marker.touch()
    sys.path[:0] = [str(path) for path in (where / "lib").glob("python3*/site-packages")]


try:
    import jsonschema
    import openapi_spec_validator
except ImportError:
    _install()
    import jsonschema
    import openapi_spec_validator


def check_document(document):
    """Raises when the document is no OpenAPI 3.1."""
    assert document["openapi"].startswith("3.1."), document["openapi"]
    openapi_spec_validator.validate(document)


def _close(schema):
    """The schema, where objects may have no members but those it names."""
    if isinstance(schema, dict):
        schema = {name: _close(value) for name, value in schema.items()}
        if "properties" in schema and "additionalProperties" not in schema:
            schema["additionalProperties"] = False
        return schema
    if isinstance(schema, list):
        return [_close(entry) for entry in schema]
    return schema


class Operation:
    """One method of one path."""

    def __init__(self, document, path, method, spec):
        # With its parameters filled in as in the example.
        for parameter in spec.get("parameters", []):
            if parameter["in"] == "path":
                path = path.replace("{%s}" % parameter["name"], str(parameter["example"]))
        self.path, self.method, self.spec = path, method.upper(), spec
        self.name = spec["operationId"]
        self._document = document
        self._components = _close(document["components"])

    def __repr__(self):
        return "%s %s" % (self.method, self.path)

    @property
    def on_api_port(self):
        return "api" in self.spec.get("x-ports", ["api"])

    @property
    def body_schema(self):
        body = self.spec.get("requestBody")
        return body and self.resolved(body["content"]["application/json"]["schema"])

    def resolved(self, schema):
        """The schema that it names, if it names one."""
        name = schema.get("$ref")
        return self._document["components"]["schemas"][name.rsplit("/", 1)[1]] if name else schema

    def but_null(self, schema):
        """What is there if it is not null; a description beside a choice stays with the choice."""
        forms = [form for form in schema.get("anyOf", [schema]) if form != {"type": "null"}]
        return self.resolved(forms[0]) if len(forms) == 1 else schema

    @property
    def example(self):
        body = self.spec.get("requestBody")
        return body and copy.deepcopy(body["content"]["application/json"]["example"])

    def query(self):
        return {p["name"]: p["example"] for p in self.spec.get("parameters", [])
                if p["in"] == "query" and "example" in p}

    def response(self, status):
        found = self.spec["responses"].get(str(status))
        if found is not None and "$ref" in found:
            found = self._document["components"]["responses"][found["$ref"].rsplit("/", 1)[1]]
        return found

    def problems(self, schema, value):
        """What is wrong with `value`, as sentences; members that no schema names are wrong too."""
        whole = dict(_close(schema), components=self._components)
        validator = jsonschema.Draft202012Validator(whole)
        return ["%s: %s" % (error.json_path, error.message[:400])
                for error in validator.iter_errors(value)]

    def judge(self, answer):
        """What is wrong with an answer."""
        response = self.response(answer.status)
        if response is None:
            return ["status %d is not documented: %r" % (answer.status, answer)]
        content = response.get("content")
        if not content:
            return [] if not answer.body else ["a body that is not documented: %r" % answer]
        kind = answer.headers.get("content-type", "").split(";")[0]
        if kind not in content:
            return ["content type %r instead of %r" % (kind, list(content))]
        entry = content[kind]
        if kind != "application/json":
            return [] if answer.body else ["no body"]
        return self.problems(entry["schema"], answer.json())


def operations(document):
    """In the order of the document."""
    return [Operation(document, path, method, spec)
            for path, methods in document["paths"].items() for method, spec in methods.items()]
