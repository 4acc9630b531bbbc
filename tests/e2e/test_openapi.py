"""The OpenAPI document and its page: every operation does what the document says it does."""

import re
import unittest
import urllib.parse

import openapi_tools
from harness import GROUP, ServerCase, item, wait_until

TOKEN = "token-of-this-test"


class DocumentCase(ServerCase):
    token = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        headers = {"token": cls.token} if cls.token else {}
        answer = cls.server.get("/docs/openapi.json", headers=headers)
        assert answer.status == 200, answer
        cls.document = answer.json()
        cls.operations = openapi_tools.operations(cls.document)


class Document(DocumentCase):
    def test_is_valid_openapi_3_1(self):
        openapi_tools.check_document(self.document)

    def test_every_tag_of_an_operation_is_described(self):
        known = {tag["name"] for tag in self.document["tags"]}
        for operation in self.operations:
            self.assertLessEqual(set(operation.spec["tags"]), known, operation)

    def test_examples_fit_their_schemas(self):
        for operation in self.operations:
            with self.subTest(operation=operation):
                if operation.body_schema:
                    self.assertEqual(
                        operation.problems(operation.body_schema, operation.example), [])
                for parameter in operation.spec.get("parameters", []):
                    if "example" in parameter:
                        self.assertEqual(operation.problems(parameter["schema"],
                                                            parameter["example"]), [])
                for response in operation.spec["responses"].values():
                    for entry in response.get("content", {}).values():
                        if "example" in entry:
                            self.assertEqual(
                                operation.problems(entry["schema"], entry["example"]), [])


class Operations(DocumentCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # What examples take for granted: a stream message, a user who is online.
        cls.server.must_post("/message/send", item("group1", from_uid="bot", is_stream=1,
                                                   client_msg_no="ai1"))
        cls.viewer = cls.server.client("viewer")
        cls.addClassCleanup(cls.viewer.close)

    def job_for(self, operation):
        """A job of which the operation can be asked."""
        query, channel = "&not_before=99999999999", "group1"
        ends = operation.path.endswith(("/retry", "/redrive", "/events", "/dead-letters"))
        if ends:
            query = ""
        if operation.path.endswith(("/retry", "/redrive", "/dead-letters")):
            channel = "banned1"
            self.server.must_post("/channel/info",
                                  {"channel_id": channel, "channel_type": GROUP, "ban": 1})
        job = self.server.post("/message/sendbatch?async=true" + query,
                               [item(channel)]).json()["id"]
        if operation.path.endswith("/resume"):
            self.server.must_post("/jobs/%s/pause" % job, None)
        elif operation.method == "DELETE":
            self.server.must_post("/jobs/%s/cancel" % job, None)
        elif ends:
            wait_until(lambda: self.server.get("/jobs/" + job).json()["state"] == "done",
                       what="the end of the job")
        return job

    def call(self, operation, body=None, query=None, path=None, **options):
        path = path or operation.path
        if operation.method == "GET":
            return self.server.get(path, query or operation.query(), **options)
        if query is None:
            query = {p["name"]: p["example"] for p in operation.spec.get("parameters", ())
                     if p["in"] == "query" and p.get("required")}
        if query:
            path += "?" + urllib.parse.urlencode(query)
        return self.server.request(operation.method, path, body, **options)

    def test_every_operation_answers_its_example(self):
        stream = {}
        for operation in self.operations:
            with self.subTest(operation=operation):
                body = operation.example
                if operation.path in ("/streamv2/write", "/streamv2/close"):
                    body["message_id"] = stream["message_id"]
                path = operation.path
                # An edit needs a batch that has ended, and is a job of its own: 202 is not its 200.
                if path.startswith(("/jobs/", "/batches/")) and not path.endswith("/edit"):
                    path = path.replace(path.split("/")[2], self.job_for(operation))
                # Strict, so that an example with a member that the schema lacks fails.
                answer = self.call(operation, body, path=path, headers={"Jindou-Strict": "1"})
                self.assertEqual(operation.judge(answer), [])
                documented = [int(status) for status in operation.spec["responses"]]
                self.assertEqual(answer.status, 200 if 200 in documented else min(
                    s for s in documented if s in (301, 404)), answer)
                if operation.path == "/streamv2/open":
                    stream = answer.json()

    def test_every_operation_answers_a_malformed_body_with_an_error(self):
        before = self.server.max_seq("group1")
        for operation in self.operations:
            if not operation.body_schema:
                continue
            for body in (b"", b"{", b"nonsense", b'"text"', b"17", b"null", b'{"a":1}{"b":2}',
                         b"[" * 2000, b'{"uid":"\xff"}'):
                if body == b"" and operation.path.startswith("/batches/") and \
                        operation.path.endswith("/recall"):
                    continue  # all that may be said there is who recalls
                with self.subTest(operation=operation, body=body[:20]):
                    answer = self.call(operation, body)
                    self.assert_error(answer, 400)
                    self.assertEqual(operation.judge(answer), [])
        self.assertEqual(self.server.max_seq("group1"), before)

    def test_required_members_are_required(self):
        for operation in self.operations:
            schema = operation.body_schema
            if not schema or "required" not in schema:
                continue
            for name in schema["required"]:
                with self.subTest(operation=operation, member=name):
                    body = operation.example
                    del body[name]
                    self.assert_error(self.call(operation, body), 400)
                    body[name] = None
                    self.assert_error(self.call(operation, body), 400)

    def test_members_of_a_wrong_type_are_refused(self):
        for operation in self.operations:
            schema = operation.body_schema
            for name, member in (schema or {}).get("properties", {}).items():
                if set(member) == {"description"}:
                    continue  # any JSON
                wrong = 1.5 if operation.but_null(member).get("type") != "object" else "text"
                with self.subTest(operation=operation, member=name):
                    answer = self.call(operation, dict(operation.example, **{name: wrong}))
                    self.assert_error(answer, 400)
                    self.assertEqual(operation.judge(answer), [])

    def test_numbers_out_of_range_are_refused(self):
        for operation in self.operations:
            schema = operation.body_schema
            for name, member in (schema or {}).get("properties", {}).items():
                member = operation.but_null(member)
                if member.get("type") != "integer" or "maximum" not in member:
                    continue
                for value in (member["maximum"] + 1, min(-1, member["minimum"] - 1)):
                    with self.subTest(operation=operation, member=name, value=value):
                        answer = self.call(operation, dict(operation.example, **{name: value}))
                        self.assert_error(answer, 400)

    def test_null_is_taken_where_the_document_says_so(self):
        for operation in self.operations:
            schema = operation.body_schema
            for name, member in (schema or {}).get("properties", {}).items():
                takes_null = {"type": "null"} in member.get("anyOf", ())
                if name in operation.example or not takes_null:
                    continue
                with self.subTest(operation=operation, member=name):
                    body = dict(operation.example, **{name: None})
                    self.assertEqual(operation.problems(schema, body), [])
                    answer = self.call(operation, body)
                    self.assertEqual(operation.judge(answer), [])
                    if answer.status == 400:
                        self.assertNotIn(name, answer.json()["msg"])

    def test_null_is_taken_in_every_form_of_a_batch(self):
        schemas = self.document["components"]["schemas"]

        def with_nulls(schema, body):
            absent = {name: None for name, member in schemas[schema]["properties"].items()
                      if {"type": "null"} in member.get("anyOf", ()) and name not in body}
            self.assertTrue(absent)
            return dict(body, **absent)

        self.server.must_post("/channel/subscriber_add",
                              {"channel_id": "nulls", "channel_type": GROUP, "subscribers": ["u1"]})
        message = item("nulls", from_uid="u1")
        shared = with_nulls("SharedBatch", {
            "defaults": with_nulls("BatchItemPart", {}),
            "items": [with_nulls("BatchItemPart", message)]})
        many = with_nulls("MessageToMany", {"from_uid": "u1", "subscribers": ["u2"],
                                            "payload": "aGk="})
        header = dict(message, header=with_nulls("SendHeader", {}))
        for body in ([with_nulls("BatchItem", message)], shared, many, [header]):
            with self.subTest(body=body):
                answer = self.server.post("/message/sendbatch", body)
                self.assertEqual(answer.status, 200, answer)
        answer = self.server.post("/message/send", with_nulls("SendMessage", message))
        self.assertEqual(answer.status, 200, answer)

    def test_required_query_parameters_are_required(self):
        for operation in self.operations:
            for parameter in operation.spec.get("parameters", []):
                if parameter["in"] != "query" or not parameter.get("required"):
                    continue
                with self.subTest(operation=operation, parameter=parameter["name"]):
                    query = operation.query()
                    del query[parameter["name"]]
                    query["other"] = "1"
                    answer = self.call(operation, query=query)
                    self.assert_error(answer, 400)
                    self.assertEqual(operation.judge(answer), [])

    def test_other_methods_are_refused(self):
        methods = {}
        for operation in self.operations:
            methods.setdefault(operation.path, set()).add(operation.method)
        for path, served in methods.items():
            for method in {"GET", "POST", "PUT", "DELETE", "PATCH"} - served:
                with self.subTest(path=path, method=method):
                    answer = self.server.request(method, path)
                    self.assert_error(answer, 405)
                    for word in served:
                        self.assertIn(word, answer.headers["allow"])

    def test_unknown_members_are_ignored(self):
        for operation in self.operations:
            schema = operation.body_schema
            if schema and "properties" in schema and not operation.path.startswith("/streamv2/"):
                with self.subTest(operation=operation):
                    answer = self.call(operation, dict(operation.example, no_such_member=[1]))
                    self.assertNotEqual(
                        (answer.status, answer.json().get("code") if answer.status == 400 else ""),
                        (400, "invalid"), answer)


class Guarded(DocumentCase):
    config = {"managerToken": TOKEN}
    token = TOKEN

    def test_operations_ask_for_the_token_as_the_document_says(self):
        for operation in self.operations:
            open_to_all = operation.spec.get("security") == []
            with self.subTest(operation=operation):
                answer = self.server.request(operation.method, operation.path, operation.example)
                if open_to_all:
                    self.assertNotEqual(answer.status, 401)
                else:
                    text = answer.json()["msg"]
                    self.assertEqual(answer.json(), {
                        "status": 401, "msg": text, "error": text, "code": "unauthorized"})
                    self.assertIn('"token" is missing', text)
                    self.assertEqual((answer.status, operation.judge(answer)), (401, []))
                wrong = self.server.request(operation.method, operation.path, operation.example,
                                            headers={"token": "wrong"})
                self.assertEqual(wrong.status == 401, not open_to_all)

    def test_only_probes_are_open(self):
        self.assertEqual({o.path for o in self.operations if o.spec.get("security") == []},
                         {"/health", "/healthz", "/readyz"})

    def test_a_browser_without_the_token_gets_the_page_that_asks_for_it(self):
        for path in ("/docs", "/docs/"):
            answer = self.server.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
            self.assertEqual(answer.status, 401)
            self.assertIn("text/html", answer.headers["content-type"])
            self.assertIn(b"/docs/openapi.json", answer.body)
        self.assertEqual(self.server.get("/docs", headers={"token": TOKEN}).status, 200)


class Page(ServerCase):
    def test_needs_nothing_but_this_server(self):
        answer = self.server.get("/docs")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["content-type"], "text/html; charset=utf-8")
        text = answer.body.decode()
        self.assertEqual(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", text), [])
        self.assertEqual(re.findall(r"<script[^>]*src|<link[^>]*stylesheet|@import|url\([^)\s]", text), [])
        policy = answer.headers["content-security-policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertIn("connect-src 'self'", policy)

    def test_slash_leads_to_the_page(self):
        answer = self.server.get("/docs/")
        self.assertEqual((answer.status, answer.headers["location"]), (301, "/docs"))

    def test_health_of_the_documentation(self):
        answer = self.server.get("/docs/health")
        self.assertEqual(answer.status, 200)
        self.assertEqual((answer.json()["status"], answer.json()["service"]), ("ok", "docs"))


class SwitchedOff:
    mode = "debug"
    refused = ("/docs", "/docs/")
    headers = {}

    def test_pages_are_refused(self):
        for path in self.refused:
            answer = self.server.get(path, headers=self.headers)
            body = self.assert_error(answer, 403)
            self.assertEqual((body["mode"], body["message"]), (self.mode, body["msg"]))
            self.assertTrue(body["suggestion"])

    def test_health_says_disabled(self):
        answer = self.server.get("/docs/health", headers=self.headers)
        self.assertEqual((answer.status, answer.json()["status"]), (200, "disabled"))


class ReleaseMode(SwitchedOff, ServerCase):
    mode = "release"
    config = {"mode": "release", "managerToken": TOKEN}
    headers = {"token": TOKEN}

    def test_the_document_is_there_for_whoever_has_the_token(self):
        answer = self.server.get("/docs/openapi.json", headers=self.headers)
        self.assertEqual(answer.status, 200)
        openapi_tools.check_document(answer.json())
        self.assert_error(self.server.get("/docs/openapi.json"), 401)


class DocsSwitch(SwitchedOff, ServerCase):
    config = {"api.docs": "false"}
    refused = ("/docs", "/docs/", "/docs/openapi.json")


if __name__ == "__main__":
    unittest.main()
