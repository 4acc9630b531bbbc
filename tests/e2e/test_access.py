"""Who may do what: both ports, tokens, logins, CORS, files, secrets, and reloading the settings."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import signal
import stat
import tempfile
import time
import unittest

from harness import GROUP, PERSON, Server, ServerCase, fresh, item, wait_until
from test_process import run
from wkproto import Client

SECRET = "key-of-this-test"
TOKEN = "manager-token-of-this-test"
USERS = "admin:Admin-pw:* reader:Reader-pw:[*:r] conns:Conns-pw:[conn:w]"


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def make_jwt(header, claims, secret=SECRET, digest=hashlib.sha256):
    text = ".".join(b64url(json.dumps(part).encode()) for part in (header, claims))
    if digest is None:
        return text + "."
    return text + "." + b64url(hmac.new(secret.encode(), text.encode(), digest).digest())


def claims(**changes):
    out = {"iss": "wukongim", "iat": int(time.time()), "exp": int(time.time()) + 60,
           "username": "admin"}
    out.update(changes)
    return out


HS256 = {"alg": "HS256", "typ": "JWT"}


class AccessCase(ServerCase):
    def manager(self, method, path, body=None, **headers):
        return self.server.request(method, path, body, headers=headers,
                                   address=self.server.manager)

    def login(self, name, password, port="manager"):
        address = self.server.manager if port == "manager" else self.server.http
        return self.server.request("POST", "/manager/login",
                                   {"username": name, "password": password}, address=address)

    def bearer(self, name, password):
        answer = self.login(name, password)
        self.assertEqual(answer.status, 200, answer)
        return {"Authorization": "Bearer " + answer.json()["token"]}


class WithToken(AccessCase):
    """managerToken is set, and so are users and the key of logins."""

    config = {"managerToken": TOKEN, "jwt.secret": SECRET, "auth.users": USERS,
              "auth.superToken": "super-token"}

    def test_every_path_of_the_api_port_needs_the_token(self):
        for method, path in (("POST", "/message/sendbatch"), ("GET", "/route"), ("GET", "/nowhere"),
                             ("POST", "/manager/login"), ("GET", "/metrics"), ("GET", "/connz")):
            for headers in ({}, {"token": "wrong"}, {"token": ""},
                            {"Authorization": "Bearer " + make_jwt(HS256, claims())}):
                with self.subTest(path=path, headers=headers):
                    answer = self.server.request(method, path, headers=headers)
                    body = self.assert_error(answer, 401)
                    self.assertEqual(body["code"], "unauthorized")
                    self.assertIn("is wrong" if headers.get("token") else "is missing", body["msg"])
        for token in (TOKEN, "super-token"):
            self.assertEqual(self.server.get("/route", headers={"token": token}).status, 200)
            answer = self.server.get("/nowhere", headers={"token": token})
            self.assertEqual(answer.status, 404)

    def test_health_is_open_on_both_ports(self):
        for address in (self.server.http, self.server.manager):
            for path in ("/health", "/healthz", "/readyz"):
                answer = self.server.request("GET", path, address=address)
                self.assertEqual((answer.status, answer.json()), (200, {"status": "ok"}), path)

    def test_preflights_are_answered_before_authentication(self):
        for address in (self.server.http, self.server.manager):
            for path in ("/message/sendbatch", "/nowhere", "/"):
                answer = self.server.request("OPTIONS", path, address=address)
                self.assertEqual((answer.status, answer.body), (204, b""), path)

    def test_every_answer_carries_the_cors_headers(self):
        for address in (self.server.http, self.server.manager):
            for method, path in (("OPTIONS", "/x"), ("GET", "/route"), ("GET", "/health"),
                                 ("GET", "/nowhere")):
                headers = self.server.request(method, path, address=address).headers
                self.assertEqual(headers["access-control-allow-origin"], "*")
                self.assertEqual(headers["access-control-allow-credentials"], "true")
                methods = headers["access-control-allow-methods"].replace(" ", "").split(",")
                self.assertEqual(set(methods),
                                 {"POST", "OPTIONS", "GET", "PUT", "DELETE", "PATCH"})
                allowed = headers["access-control-allow-headers"].lower().replace(" ", "")
                self.assertLessEqual({"content-type", "authorization", "token", "jindou-strict",
                                      "prefer", "idempotency-key"}, set(allowed.split(",")))
                exposed = headers["access-control-expose-headers"].replace(" ", "").split(",")
                self.assertLessEqual({"RateLimit", "RateLimit-Policy", "Batch-Advice", "Location",
                                      "Retry-After", "Idempotency-Replay", "X-Batch-Failed"},
                                     set(exposed))

    def test_the_manager_port_needs_a_token_or_a_login(self):
        for headers in ({}, {"token": "wrong"}, {"token": ""}, {"Authorization": "Bearer x"},
                        {"Authorization": ""}):
            with self.subTest(headers=headers):
                self.assert_error(self.manager("GET", "/connz", **headers), 401)
                self.assert_error(self.manager("GET", "/nowhere", **headers), 401)
        for headers in ({"token": TOKEN}, {"token": "super-token"},
                        self.bearer("admin", "Admin-pw"), self.bearer("reader", "Reader-pw")):
            with self.subTest(headers=headers):
                self.assertEqual(self.manager("GET", "/connz", **headers).status, 200)
                self.assertEqual(self.manager("GET", "/nowhere", **headers).status, 404)

    def test_the_login_token_is_taken_with_and_without_prefix_and_from_the_query(self):
        token = self.login("admin", "Admin-pw").json()["token"]
        self.assertEqual(self.manager("GET", "/connz", Authorization=token).status, 200)
        for prefix in ("", "Bearer%20", "Bearer+"):
            path = "/connz?Authorization=" + prefix + token
            self.assertEqual(self.manager("GET", path).status, 200, prefix)

    def test_metrics_are_open_on_the_manager_port_only(self):
        answer = self.manager("GET", "/metrics")
        self.assertEqual(answer.status, 200)
        self.assertIn("text/plain", answer.headers["content-type"])
        self.assert_error(self.server.get("/metrics"), 401)

    def test_business_paths_are_not_on_the_manager_port(self):
        for path in ("/message/send", "/message/sync", "/user/token"):
            answer = self.manager("POST", path, [], token=TOKEN)
            self.assertEqual(answer.status, 404, path)

    def test_login_answers_every_documented_form(self):
        before = int(time.time())
        answer = self.login("conns", "Conns-pw")
        self.assertEqual(answer.status, 200, answer)
        body = answer.json()
        self.assertEqual(body["username"], "conns")
        self.assertEqual(body["permissions"], [{"resource": "conn", "actions": ["w"]}])
        self.assertEqual(body["permission_text"], "conn:w")
        self.assertEqual((body["access_token"], body["token_type"]), (body["token"], "Bearer"))
        self.assertEqual(body["expires_at"], time.strftime("%Y-%m-%dT%H:%M:%S.000Z",
                                                           time.gmtime(body["exp"])))
        month = 30 * 24 * 3600
        self.assertEqual((body["expire"], body["expires_in"]), (month, month))
        self.assertIn(body["exp"] - month - before, range(-2, 30))
        self.assertEqual(body["user"],
                         {"username": "conns", "role": "user", "permissions": ["conn:w"]})
        header, payload, _ = body["token"].split(".")
        decode = lambda part: json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        self.assertEqual(decode(header)["alg"], "HS256")
        token = decode(payload)
        self.assertEqual(sorted(token), ["exp", "iat", "iss", "username"])
        self.assertEqual((token["iss"], token["exp"]), ("wukongim", body["exp"]))
        administrator = self.login("admin", "Admin-pw").json()
        self.assertEqual(administrator["permissions"], [{"resource": "*", "actions": ["*"]}])
        self.assertEqual(administrator["permission_text"], "*:*")
        self.assertEqual(administrator["user"]["role"], "admin")

    def test_login_also_works_on_the_api_port_with_the_token(self):
        answer = self.server.post("/manager/login",
                                  {"username": "admin", "password": "Admin-pw"},
                                  headers={"token": TOKEN})
        self.assertEqual(answer.status, 200, answer)

    def test_login_refuses_blanks_with_400_and_wrong_credentials_with_401(self):
        for body in ({}, {"username": "admin"}, {"password": "x"}, {"username": " ", "password": "x"},
                     {"username": "admin", "password": ""}, {"username": 1, "password": "x"}, [],
                     {"username": "a" * 257, "password": "x"}):
            self.assert_error(self.manager("POST", "/manager/login", body), 400)
        for name, password in (("admin", "admin-pw"), (fresh("u"), "Admin-pw"), ("guest", "guest"),
                               ("____manager", TOKEN)):
            self.assert_error(self.login(name, password), 401)
        self.assertEqual(self.manager("PUT", "/manager/login", token=TOKEN).status, 405)

    def test_ten_failed_logins_a_minute_lock_that_user_name_for_this_address(self):
        user = fresh("u")
        for _ in range(10):
            self.assert_error(self.login(user, "wrong"), 401)
        answer = self.login(user, "wrong")
        self.assert_error(answer, 429)
        self.assertGreater(int(answer.headers["retry-after"]), 0)
        self.assertEqual(self.login("admin", "Admin-pw").status, 200, "another user is not locked")

    def test_failed_logins_behind_a_proxy_count_by_what_it_says(self):
        # This machine is a trusted proxy; 203.0.113.1 is what the client made up.
        def login(client, password):
            return self.manager("POST", "/manager/login",
                                {"username": "reader", "password": password},
                                **{"X-Forwarded-For": "203.0.113.1, " + client})
        for _ in range(10):
            self.assert_error(login("198.51.100.1", "wrong"), 401)
        self.assert_error(login("198.51.100.1", "Reader-pw"), 429)
        self.assertEqual(login("198.51.100.2", "Reader-pw").status, 200)
        self.assertEqual(self.login("reader", "Reader-pw").status, 200)

    def test_only_hs256_with_our_key_issuer_and_time_is_a_login_token(self):
        ok = make_jwt(HS256, claims())
        self.assertEqual(self.manager("GET", "/connz", Authorization=ok).status, 200)
        header, payload, signature = ok.split(".")
        forged = b64url(json.dumps(claims(username="reader")).encode())
        for name, token in {
            "none": make_jwt({"alg": "none", "typ": "JWT"}, claims(), digest=None),
            "none, signed": make_jwt({"alg": "none", "typ": "JWT"}, claims()),
            "HS512": make_jwt({"alg": "HS512", "typ": "JWT"}, claims(), digest=hashlib.sha512),
            "RS256": make_jwt({"alg": "RS256", "typ": "JWT"}, claims()),
            "other key": make_jwt(HS256, claims(), secret="secret_wukongim"),
            "other issuer": make_jwt(HS256, claims(iss="x")),
            "expired": make_jwt(HS256, claims(exp=int(time.time()) - 1)),
            "without exp": make_jwt(HS256, {"iss": "wukongim", "username": "admin"}),
            "unknown user": make_jwt(HS256, claims(username="nobody")),
            "the manager": make_jwt(HS256, claims(username="____manager")),
            "other claims": ".".join((header, forged, signature)),
            "no signature": header + "." + payload + ".",
        }.items():
            with self.subTest(name):
                self.assert_error(self.manager("GET", "/connz", Authorization="Bearer " + token),
                                  401)

    def test_writing_on_the_manager_port_needs_a_permission(self):
        body = {"uid": "nobody", "conn_id": 99}
        for headers in (self.bearer("admin", "Admin-pw"), self.bearer("conns", "Conns-pw"),
                        {"token": TOKEN}):
            answer = self.manager("POST", "/conn/kick", body, **headers)
            self.assertEqual(answer.status, 200, answer)
        answer = self.manager("POST", "/conn/kick", body, **self.bearer("reader", "Reader-pw"))
        self.assertIn("conn:w", self.assert_error(answer, 403)["msg"])
        answer = self.manager("POST", "/tag/remove", {}, **self.bearer("conns", "Conns-pw"))
        self.assertIn("tag:w", self.assert_error(answer, 403)["msg"])

    def test_no_secret_is_in_the_log_or_in_the_printed_configuration(self):
        self.login("admin", "Wrong-pw-typed-here")
        for _ in range(12):
            self.login("Secret-typed-as-name", "Wrong-pw-typed-here")
        token = self.login("admin", "Admin-pw").json()["token"]
        self.manager("GET", "/connz?Authorization=" + token)
        self.server.post("/user/token", {"uid": "u1", "token": "Users-token", "device_flag": 1,
                                         "device_level": 1}, headers={"token": TOKEN})
        environment = {"WK_" + k.upper().replace(".", "_"): v for k, v in self.config.items()}
        shown = run("config", **environment)
        self.assertEqual(shown.returncode, 0, shown)
        self.server.wait_for_log("too many failed logins")
        texts = {"log": pathlib.Path(self.server.log_path).read_text(),
                 "config": shown.stdout + shown.stderr}
        for name, text in texts.items():
            for secret in (TOKEN, SECRET, "super-token", "Admin-pw", "Reader-pw", "Wrong-pw",
                           "Secret-typed-as-name", "Users-token", token):
                self.assertNotIn(secret, text, name)
        self.assertIn("too many failed logins", texts["log"])


class ReadTokens(AccessCase):
    """What a client reads with a token of its own."""

    config = {"managerToken": TOKEN, "jwt.secret": SECRET, "auth.users": USERS,
              "api.allowedOrigins": "https://chat.example.org"}

    def setUp(self):
        self.user, self.other = fresh("u"), fresh("u")
        self.group, self.foreign = fresh("g"), fresh("g")
        for group, members in ((self.group, [self.user, self.other]), (self.foreign, [self.other])):
            self.manage("/channel", {"channel_id": group, "channel_type": GROUP,
                                     "subscribers": members})
        self.manage("/message/sendbatch",
                    [item(self.group, "to the group", from_uid=self.other),
                     item(self.foreign, "to another", from_uid=self.other),
                     item(self.user, "to the user", from_uid=self.other, channel_type=PERSON)])
        self.token = self.manage("/user/read_token", {"uid": self.user})["token"]

    def manage(self, path, body):
        answer = self.server.post(path, body, headers={"token": TOKEN})
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def read(self, path, body=None, shown=None, **headers):
        headers["Authorization"] = "Bearer " + (shown or self.token)
        return self.server.request("GET" if body is None else "POST", path, body, headers=headers)

    def history(self, channel_id, channel_type=GROUP, **more):
        return self.read("/channel/messagesync",
                         {"channel_id": channel_id, "channel_type": channel_type, **more})

    def test_it_opens_what_is_its_users_own(self):
        listed = self.read("/conversation/sync", {"msg_count": 10})
        self.assertEqual(listed.status, 200, listed)
        self.assertEqual({c["channel_id"]: (c["unread"], len(c["recents"])) for c in listed.json()},
                         {self.group: (1, 1), self.other: (1, 1)})
        for channel in ((self.group, GROUP), (self.other, PERSON)):
            answer = self.history(*channel, login_uid=self.user)
            self.assertEqual(len(answer.json()["messages"]), 1, answer)
            query = "?channel_id=%s&channel_type=%d" % channel
            self.assertEqual(self.read("/channel/max_message_seq" + query).json(),
                             {"message_seq": 1})
        page = self.read("/conversation/list", {}).json()
        self.assertEqual({c["channel_id"] for c in page["conversations"]}, {self.group, self.other})

    def test_it_opens_nothing_of_others(self):
        self.assertEqual(self.assert_error(self.history(self.foreign), 403)["reason"], 3)
        for name in (self.other + "@" + fresh("u"), fresh("u") + "@" + self.other):
            self.assert_error(self.history(name, PERSON), 403)
        self.assert_error(self.history(self.group, login_uid=self.other), 403)
        self.assert_error(self.read("/conversation/sync", {"uid": self.other}), 403)
        query = "?channel_id=%s&channel_type=1&login_uid=%s" % (self.user, self.other)
        self.assert_error(self.read("/channel/last_message" + query), 403)

    def test_it_does_nothing_else_and_says_what_it_is_for(self):
        document = self.server.get("/docs/openapi.json", headers={"token": TOKEN}).json()
        opened = set()
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                ports = operation.get("x-ports", ["api"])
                if operation.get("security") == [] or "api" not in ports:
                    continue
                if any("reader" in scheme for scheme in operation.get("security", [])):
                    opened.add(path)
                    continue
                answer = self.server.request(
                    method.upper(), path.replace("{", "").replace("}", ""),
                    {} if method == "post" else None,
                    headers={"Authorization": "Bearer " + self.token})
                self.assertIn("a read token is for reading", self.assert_error(answer, 403)["msg"])
        self.assertEqual(len(opened), 14)
        # Nor beside a token that may everything.
        answer = self.read("/message/send", item(self.group, from_uid=self.user), token=TOKEN)
        self.assert_error(answer, 403)

    def test_only_one_of_ours_for_this_audience_that_is_not_over_counts(self):
        def made(**changes):
            now = int(time.time())
            return {"iss": "wukongim", "iat": now, "exp": now + 60, "sub": self.user,
                    "aud": "jindou:read", **changes}
        good = make_jwt(HS256, made())
        self.assertEqual(self.read("/conversation/channels", {}, good).status, 200)
        header, payload, signature = self.token.split(".")
        forged = b64url(json.dumps(made(sub=self.other)).encode())
        for name, token in {
            "none": make_jwt({"alg": "none", "typ": "JWT"}, made(), digest=None),
            "none, signed": make_jwt({"alg": "none", "typ": "JWT"}, made()),
            "HS512": make_jwt({"alg": "HS512", "typ": "JWT"}, made(), digest=hashlib.sha512),
            "other key": make_jwt(HS256, made(), secret="secret_wukongim"),
            "other issuer": make_jwt(HS256, made(iss="x")),
            "other audience": make_jwt(HS256, made(aud="jindou:write")),
            "expired": make_jwt(HS256, made(exp=int(time.time()) - 1)),
            "nobody's": make_jwt(HS256, made(sub="")),
            "other claims": ".".join((header, forged, signature)),
            "cut": self.token[:-5],
            "no signature": header + "." + payload + ".",
            "a login": self.bearer("admin", "Admin-pw")["Authorization"].split()[1],
        }.items():
            with self.subTest(name):
                self.assert_error(self.read("/conversation/channels", {}, token), 401)
        answer = self.manager("GET", "/connz", Authorization="Bearer " + self.token)
        self.assertIn("API port", self.assert_error(answer, 401)["msg"])

    def test_it_ends_with_a_ban_and_with_the_device_it_is_bound_to(self):
        device = {"uid": self.user, "device_flag": 1}
        refused = self.server.post("/user/read_token", device, headers={"token": TOKEN})
        self.assert_error(refused, 400)
        self.manage("/user/token", {**device, "token": "of-the-device"})
        bound = self.manage("/user/read_token", device)["token"]
        self.server.restart(graceful=True)
        self.assertEqual(self.read("/conversation/channels", {}, bound).status, 200)
        self.manage("/user/device_quit", device)
        self.assert_error(self.read("/conversation/channels", {}, bound), 401)
        self.assertEqual(self.read("/conversation/channels", {}).status, 200)
        self.manage("/channel/info", {"channel_id": self.user, "channel_type": PERSON, "ban": 1})
        self.assertEqual(self.assert_error(self.read("/conversation/channels", {}), 403)["reason"],
                         19)
        log = pathlib.Path(self.server.log_path).read_text()
        for token in (self.token, bound, "of-the-device"):
            self.assertNotIn(token, log)

    def test_pages_of_origins_that_are_named_show_it(self):
        origin = "https://chat.example.org"
        asked = self.server.request("OPTIONS", "/conversation/sync", headers={"Origin": origin})
        self.assertIn("Authorization", asked.headers["access-control-allow-headers"])
        answer = self.read("/conversation/sync", {}, Origin=origin)
        self.assertEqual((answer.status, answer.headers["access-control-allow-origin"]),
                         (200, origin))
        answer = self.read("/conversation/sync", {}, Origin="https://evil.example")
        self.assertNotIn("access-control-allow-origin", answer.headers)


class WithoutToken(AccessCase):
    def test_the_api_port_is_open_and_the_manager_port_is_not(self):
        self.assertEqual(self.server.get("/route").status, 200)
        for headers in ({}, {"token": ""}, {"token": "x"}):
            self.assert_error(self.manager("GET", "/connz", **headers), 401)

    def test_guest_may_read_on_a_loopback_manager_port(self):
        answer = self.login("guest", "guest")
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json()["permission_text"], "*:r")
        headers = {"Authorization": answer.json()["token"]}
        self.assertEqual(self.manager("GET", "/connz", **headers).status, 200)
        answer = self.manager("POST", "/conn/kick", {"uid": "u", "conn_id": 1}, **headers)
        self.assert_error(answer, 403)

    def test_guest_is_for_requests_straight_from_this_machine(self):
        token = self.login("guest", "guest").json()["token"]
        body = {"username": "guest", "password": "guest"}
        for elsewhere in ({"X-Forwarded-For": "203.0.113.7"}, {"X-Forwarded-For": "127.0.0.1"},
                          {"Forwarded": "for=203.0.113.7"}, {"X-Real-IP": "203.0.113.7"},
                          {"Via": "1.1 proxy"}, {"Host": "203.0.113.7"}, {"Host": "im-server"}):
            with self.subTest(elsewhere):
                answer = self.manager("POST", "/manager/login", body, **elsewhere)
                self.assertIn("set auth.users", self.assert_error(answer, 403)["msg"])
                for path in ("/connz", "/manager/audit", "/manager/config"):
                    answer = self.manager("GET", path, Authorization=token, **elsewhere)
                    self.assertIn("set auth.users", self.assert_error(answer, 401)["msg"])
        for here in ({}, {"Host": "localhost:5300"}, {"Host": "[::1]:5300"}):
            answer = self.manager("GET", "/connz", Authorization=token, **here)
            self.assertEqual(answer.status, 200, here)
        # What such a login was bound by, it cannot leave: that of a user of the name is another.
        with Server({"auth.users": "guest:guest:*", "jwt.secret": SECRET}) as server:
            old = make_jwt(HS256, claims(username=":guest"))
            answer = server.request("GET", "/connz", headers={"Authorization": old},
                                    address=server.manager)
            self.assertEqual(answer.status, 401)
            answer = server.request("POST", "/manager/login", body, address=server.manager,
                                    headers={"X-Forwarded-For": "203.0.113.7"})
            self.assertEqual(answer.status, 200, "written down, he is a user like others")

    def test_a_foreign_host_is_told_to_set_users_alone(self):
        answer = self.manager("POST", "/manager/login", {"username": "guest", "password": "guest"},
                              Host="im-manager.example.com")
        said = self.assert_error(answer, 403)["msg"]
        self.assertIn("set auth.users", said)
        self.assertNotIn("external.apiUrl", said)

    def test_an_invalid_login_token_is_ignored_on_the_api_port(self):
        for value in ("Bearer x", "x.y.z", "Bearer " + make_jwt(HS256, claims())):
            answer = self.server.get("/route", headers={"Authorization": value})
            self.assertEqual(answer.status, 200)

    def test_the_generated_key_is_kept_and_private(self):
        token = self.login("guest", "guest").json()["token"]
        path = os.path.join(self.server.data_dir, "jwt.secret")
        self.assertFalse(os.path.exists(os.path.join(self.server.dir, "jwt.secret")))
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.server.restart(graceful=True)
        self.assertEqual(self.manager("GET", "/connz", Authorization=token).status, 200)
        log = pathlib.Path(self.server.log_path).read_text()
        self.assertNotIn(pathlib.Path(path).read_text(), log)
        # Known to everybody who has read the source of the older server.
        old = make_jwt(HS256, claims(username="guest"), secret="secret_wukongim")
        self.assert_error(self.manager("GET", "/connz", Authorization=old), 401)

    def test_a_key_of_an_earlier_version_is_taken_over(self):
        token = self.login("guest", "guest").json()["token"]
        self.server.stop()
        path, earlier = (os.path.join(directory, "jwt.secret")
                         for directory in (self.server.data_dir, self.server.dir))
        os.rename(path, earlier)
        self.server.start()
        self.assertEqual(self.manager("GET", "/connz", Authorization=token).status, 200)
        self.assertTrue(os.path.exists(path))
        self.assertFalse(os.path.exists(earlier))

    def test_what_the_server_writes_is_private(self):
        self.server.must_batch([item(fresh("g"))])
        self.server.restart(graceful=True)
        for directory, _, files in os.walk(self.server.data_dir):
            self.assertEqual(stat.S_IMODE(os.stat(directory).st_mode) & 0o077, 0, directory)
            for name in files:
                path = os.path.join(directory, name)
                self.assertEqual(stat.S_IMODE(os.stat(path).st_mode) & 0o077, 0, path)


class ManagerPort(unittest.TestCase):
    def request(self, server, method, path, body=None, **headers):
        return server.request(method, path, body, headers=headers, address=server.manager)

    def test_guest_cannot_log_in_where_others_reach_the_port(self):
        with Server({"manager.addr": "0.0.0.0:0"}) as server:
            answer = self.request(server, "POST", "/manager/login",
                                  {"username": "guest", "password": "guest"})
            self.assertEqual(answer.status, 401)

    def test_auth_off_asks_for_nothing_on_the_manager_port_only(self):
        with Server({"auth.on": "false", "managerToken": TOKEN}) as server:
            self.assertEqual(self.request(server, "GET", "/connz").status, 200)
            self.assertEqual(
                self.request(server, "POST", "/conn/kick", {"uid": "u", "conn_id": 1}).status, 200)
            self.assertEqual(server.get("/route").status, 401)

    def test_auth_off_is_refused_where_others_reach_the_port(self):
        done = run("serve", "--manager-addr", "0.0.0.0:0", WK_AUTH_ON="false")
        self.assertEqual(done.returncode, 2)
        self.assertIn("auth.on", done.stderr)

    def test_it_can_be_switched_off_by_either_name(self):
        for key in ("manager.on", "monitor.on"):
            with Server({key: "false"}) as server:
                self.assertEqual(server.manager, "127.0.0.1:0")
                self.assertEqual(server.get("/health").status, 200)

    def test_an_api_that_others_reach_needs_a_token(self):
        addresses = ("--http-addr", "0.0.0.0:0", "--tcp-addr", "127.0.0.1:0", "--ws-addr",
                     "127.0.0.1:0")
        done = run("serve", *addresses)
        self.assertEqual(done.returncode, 2)
        self.assertIn("allowOpenApi", done.stderr)
        done = run("config", "--validate", *addresses, WK_MANAGERTOKEN="t")
        self.assertEqual(done.returncode, 2, done)
        self.assertIn("managerToken: shorter than 16", done.stderr)
        self.assertNotIn("WK_", done.stderr)
        done = run("config", "--validate", *addresses, WK_MANAGERTOKEN=TOKEN)
        self.assertEqual(done.returncode, 0, done)
        done = run("config", "--validate", *addresses, WK_ALLOWOPENAPI="true")
        self.assertEqual(done.returncode, 0, done)


class Pages(ServerCase):
    """No token: what pages in a browser on the server's machine may do."""

    def ask(self, method, path, address=None, **headers):
        """A request whose Host and other headers are ours."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        host, port = (address or self.server.http).rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        self.addCleanup(connection.close)
        body = None
        if path == "/message/sendbatch":
            body = json.dumps([item("g", "x")])
        elif path == "/manager/login":
            body = json.dumps({"username": "guest", "password": "guest"})
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()

    def stored(self):
        return self.server.messages("g")

    def test_dns_rebinding_is_refused(self):
        """The page's own name has come to point at this machine: to the browser it is at home."""
        before = self.stored()
        for host in ("evil.example", "evil.example:5001", "127.0.0.1.evil.example"):
            for method, path, address in (("POST", "/message/sendbatch", None),
                                          ("GET", "/connz", None),
                                          ("POST", "/manager/login", self.server.manager)):
                status, headers, body = self.ask(method, path, address, Host=host,
                                                 Origin="http://" + host,
                                                 Content_Type="application/json")
                self.assertEqual(status, 403, (host, path))
                self.assertIn("evil.example", json.loads(body)["msg"])
                self.assertNotIn("access-control-allow-origin", headers)
        self.assertEqual(self.stored(), before)
        # Probes come under any name.
        self.assertEqual(self.ask("GET", "/health", Host="evil.example")[0], 200)

    def test_a_page_of_another_host_can_neither_read_nor_send(self):
        before = self.stored()
        for origin in ("http://evil.example", "null"):
            for method in ("POST", "OPTIONS"):
                status, headers, body = self.ask(method, "/message/sendbatch", Origin=origin,
                                                 Content_Type="application/json")
                self.assertEqual(status, 403, method)
                self.assertIn("api.allowedOrigins", json.loads(body)["msg"])
                self.assertNotIn("access-control-allow-origin", headers)
            status, headers, _ = self.ask("GET", "/health", Origin=origin)
            self.assertEqual((status, headers.get("access-control-allow-origin")), (200, None))
            status, _, _ = self.ask("POST", "/manager/login", self.server.manager, Origin=origin,
                                    Content_Type="application/json")
            self.assertEqual(status, 403)
        self.assertEqual(self.stored(), before)

    def test_a_page_of_the_same_host_has_to_send_json(self):
        origin = "http://localhost:8080"
        for kind in ("text/plain", "application/x-www-form-urlencoded"):
            status, _, body = self.ask("POST", "/message/sendbatch", Origin=origin,
                                       Content_Type=kind)
            self.assertEqual(status, 403, kind)
            self.assertIn("application/json", json.loads(body)["msg"])
        status, headers, _ = self.ask("POST", "/message/sendbatch", Origin=origin,
                                      Content_Type="application/json")
        self.assertEqual((status, headers["access-control-allow-origin"]), (200, origin))

    def test_a_form_without_an_origin_is_told_by_its_site(self):
        status, _, _ = self.ask("POST", "/message/sendbatch", Sec_Fetch_Site="cross-site",
                                Sec_Fetch_Mode="navigate", Content_Type="text/plain")
        self.assertEqual(status, 403)


class AllowedOrigins(ServerCase):
    config = {"api.allowedOrigins": "https://app.example.com http://localhost:3000"}

    def test_the_origins_that_are_named_are_answered(self):
        def ask(origin):
            answer = self.server.request("OPTIONS", "/message/sendbatch",
                                         headers={"Origin": origin})
            return answer.status, answer.headers.get("access-control-allow-origin")
        self.assertEqual(ask("https://app.example.com"), (204, "https://app.example.com"))
        self.assertEqual(ask("https://app.example.com:8443"), (403, None))
        self.assertEqual(ask("http://app.example.com"), (403, None))

    def test_what_is_no_origin_is_refused(self):
        done = run("config", "--validate", "--set", "api.allowedOrigins=app.example.com")
        self.assertEqual(done.returncode, 2)
        self.assertIn("api.allowedOrigins: 'app.example.com'", done.stderr)


class Configuration(unittest.TestCase):
    def config(self, text, *arguments, **env):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "settings.yaml"
            path.write_text(text)
            return run("config", "--config", str(path), *arguments, **env), str(path)

    def test_a_file_that_is_not_yaml_is_named(self):
        done, path = self.config("api: [1\n")
        self.assertEqual(done.returncode, 2)
        self.assertIn(path, done.stderr)
        self.assertIn("not YAML", done.stderr)

    def test_unknown_keys_are_errors_with_a_suggestion_if_one_is_near(self):
        done, _ = self.config("webhook:\n  httpAdr: http://a\n")
        self.assertEqual(done.returncode, 2)
        self.assertIn("webhook.httpAddr", done.stderr)
        done, _ = self.config("nothingLikeThisExists: 1\n")
        self.assertEqual(done.returncode, 2)
        self.assertIn("nothingLikeThisExists", done.stderr)
        self.assertNotIn("nearest", done.stderr)

    def test_lists_and_other_names(self):
        done, _ = self.config("webhook:\n  url: http://a/b\n  focusEvents: [msg.notify, msg.offline]\n"
                              "monitor:\n  on: false\njwt:\n  expire: 7d\n")
        self.assertEqual(done.returncode, 0, done)
        lines = {line.split(":")[0]: line for line in done.stdout.splitlines()}
        self.assertIn("http://a/b", lines["webhook.httpAddr"])
        self.assertIn("msg.notify msg.offline", lines["webhook.focusEvents"])
        self.assertIn("false", lines["manager.on"])
        self.assertIn("7d", lines["jwt.expire"])
        done, _ = self.config("", WK_WEBHOOK_FOCUSEVENTS="msg.notify msg.other")
        self.assertEqual(done.returncode, 2)
        self.assertIn("msg.other", done.stderr)


class Reload(AccessCase):
    yaml = "managerToken: first-token\nlogger:\n  level: info\n"

    def write(self, text):
        pathlib.Path(self.server.dir, "config.yaml").write_text(text)

    def log(self):
        return pathlib.Path(self.server.log_path).read_text()

    def reload(self, text):
        """Writes the file, sends SIGHUP and returns what the log said about it."""
        self.write(text)
        before = len(self.log())
        self.server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "reload:" in self.log()[before:], what="the reload in the log")
        time.sleep(0.05)  # the second of two lines
        return self.log()[before:]

    def status(self, token):
        return self.server.get("/route", headers={"token": token}).status

    def tearDown(self):
        self.reload(self.yaml)
        self.assertEqual(self.status("first-token"), 200)

    def test_a_changed_token_applies_at_once(self):
        said = self.reload("managerToken: second-token\n")
        self.assertIn("applied managerToken", said)
        self.assertNotIn("second-token", said)
        self.assertEqual(self.status("second-token"), 200)
        self.assertEqual(self.status("first-token"), 401)
        self.assertEqual(self.manager("GET", "/connz", token="second-token").status, 200)
        self.assertEqual(self.manager("GET", "/connz", token="first-token").status, 401)

    def test_connections_outlive_a_reload(self):
        client = self.client(fresh("u"))
        self.reload("managerToken: second-token\n")
        self.assertTrue(self.server.alive())

    def test_what_needs_a_restart_is_named_and_not_applied(self):
        said = self.reload(self.yaml + "api:\n  maxBatch: 1\n  statusStyle: text\n")
        self.assertIn("applied api.statusStyle", said)
        self.server.wait_for_log("a restart is needed for api.maxBatch")
        headers = {"token": "first-token"}
        answer = self.server.batch([item(fresh("g")), item(fresh("g"))], headers=headers)
        self.assertEqual(answer.status, 200, answer)
        answer = self.server.post("/channel", {"channel_id": fresh("g"), "channel_type": 2},
                                  headers=headers)
        self.assertEqual(answer.json(), {"status": "ok"})

    def test_an_invalid_file_changes_nothing_and_the_log_says_why(self):
        for text, why in (("managerToken: [1\n", "not YAML"),
                          ("managerToken: second-token\napi:\n  maxBatch: none\n", "api.maxBatch"),
                          ("managerTokn: second-token\n", "managerToken"),
                          ("managerToken: second-token\nrootDir: ''\n", "rootDir")):
            with self.subTest(text):
                said = self.reload(text)
                self.assertIn("nothing changed", said)
                self.assertIn(why, said)
                self.assertEqual(self.status("first-token"), 200)
                self.assertEqual(self.status("second-token"), 401)

    def test_an_unchanged_file_is_told(self):
        self.assertIn("no setting has changed", self.reload(self.yaml))

    def test_users_and_their_key_change_without_a_restart(self):
        users = self.yaml + "auth:\n  users: ['a:pw-one:*']\njwt:\n  expire: 2h\n"
        self.assertIn("auth.users", self.reload(users))
        answer = self.login("a", "pw-one")
        self.assertEqual(answer.json()["expire"], 7200)
        headers = {"Authorization": answer.json()["token"]}
        self.assertEqual(self.manager("GET", "/connz", **headers).status, 200)
        self.reload(users.replace("'a:pw-one:*'", "'b:pw-two:*'"))
        self.assert_error(self.manager("GET", "/connz", **headers), 401)
        self.assert_error(self.login("a", "pw-one"), 401)
        self.assertEqual(self.login("b", "pw-two").status, 200)
        said = self.reload(users.replace("jwt:\n", "jwt:\n  secret: other-key\n"))
        self.assertIn("jwt.secret", said)
        self.assertNotIn("other-key", said)
        self.assert_error(self.manager("GET", "/connz", **headers), 401)

    def test_token_authentication_of_clients_changes_without_a_restart(self):
        uid = fresh("u")
        self.client(uid).close()
        self.assertIn("tokenAuthOn", self.reload(self.yaml + "tokenAuthOn: true\n"))
        refused = self.raw_client(uid)
        self.assertNotEqual(refused.connect().reason, 1)
        self.reload(self.yaml)
        self.client(uid).close()

    def test_the_log_level_changes_without_a_restart(self):
        self.assertIn("logger.level", self.reload(self.yaml.replace("info", "debug")))

    def ask(self, text, **headers):
        self.write(text)
        return self.manager("POST", "/config/reload", **(headers or {"token": "first-token"}))

    def test_a_request_does_what_the_signal_does_and_tells_what(self):
        more = self.yaml + ("ginMode: release\napi:\n  maxBatch: 7\n  statusStyle: text\n"
                            "auth:\n  users: ['a:pw-a:[*:r]', 'b:pw-b:[config:w]']\n")
        answer = self.ask(more)
        self.assertEqual(answer.status, 200, answer)
        told = answer.json()
        self.assertEqual(set(told), {"applied", "waiting", "warnings"})
        self.assertEqual(sorted(told["applied"]), ["api.statusStyle", "auth.users"])
        self.assertEqual(told["waiting"], ["api.maxBatch"])
        self.assertIn("ginMode", "".join(told["warnings"]))
        token = {"token": "first-token"}
        shown = {one["key"]: (one["value"], one["origin"]) for one in
                 self.manager("GET", "/manager/config", **token).json()["items"]}
        self.assertEqual(shown["api.statusStyle"], ("text", "file"))
        self.assert_error(self.ask(more, **self.bearer("a", "pw-a")), 403)
        answer = self.ask(more, **self.bearer("b", "pw-b"))
        self.assertEqual((answer.status, answer.json()["applied"]), (200, []))
        lines = self.manager("GET", "/manager/audit?event=reload", **token).json()["items"]
        self.assertEqual([(one["by"], one["who"], one["address"]) for one in lines[:2]],
                         [("login", "b", "127.0.0.1"), ("token", "____manager", "127.0.0.1")])
        self.assertEqual(lines[1]["with"], {"applied": told["applied"],
                                            "waiting": ["api.maxBatch"]})

    def test_a_request_is_told_why_nothing_changed(self):
        for text, why in (("managerToken: [1\n", "not YAML"),
                          ("managerToken: second-token\napi:\n  maxBatch: none\n", "api.maxBatch")):
            error = self.assert_error(self.ask(text), 409)
            self.assertEqual(error["code"], "conflict")
            self.assertIn("nothing changed", error["msg"])
            self.assertIn(why, error["msg"])
            self.assertEqual(self.status("first-token"), 200)
            self.assertEqual(self.status("second-token"), 401)
        answer = self.manager("POST", "/config/reload", {"api.maxBatch": 1}, token="first-token")
        self.assertIn("takes no body", self.assert_error(answer, 400)["msg"])

    def test_many_signals_do_no_harm(self):
        for _ in range(50):
            self.server.process.send_signal(signal.SIGHUP)
        self.assertEqual(self.status("first-token"), 200)
        self.assert_healthy()


class ReloadOfAddresses(unittest.TestCase):
    """A server whose client addresses are those of the file, and no flag's."""

    yaml = "tokenAuthOn: true\naddr: 127.0.0.1:0\nwsAddr: 127.0.0.1:0\n"

    @staticmethod
    def without_flags(_):
        # Of `serve --data-dir D --http-addr H --tcp-addr T --ws-addr W --config F`.
        return ["sh", "-c", 'exec "$0" "$1" "$2" "$3" "$4" "$5" "${10}" "${11}"']

    def reload(self, server, text):
        pathlib.Path(server.dir, "config.yaml").write_text(text)
        answer = server.post("/config/reload")
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def reason(self, server):
        client = Client(server.tcp, fresh("u"))
        self.addCleanup(client.close)
        return client.connect().reason

    def test_tokens_of_clients_do_not_end_before_their_addresses_do(self):
        with Server(yaml=self.yaml, wrapper=self.without_flags) as server:
            self.assertNotEqual(self.reason(server), 1)
            told = self.reload(server, "tokenAuthOn: false\n")
            self.assertEqual((told["applied"], told["waiting"]),
                             ([], ["addr", "wsAddr", "tokenAuthOn"]))
            self.assertNotEqual(self.reason(server), 1)
            told = self.reload(server, self.yaml.replace("true", "false"))
            self.assertEqual((told["applied"], told["waiting"]), (["tokenAuthOn"], []))
            self.assertEqual(self.reason(server), 1)
            server.wait_for_log("clients need no token (tokenAuthOn: false)")


if __name__ == "__main__":
    unittest.main()
