"""The image, the compose file and the chart in deploy/: what they name is there, and is taken.

Images are built and run by tests/package/image.sh, by hand. The chart is rendered by Helm's own library
(tests/clients/helm), and by the program too where it is installed.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest

import client_packages
from harness import ROOT, Server, binary, not_for_sanitizers
from operations_page import run_script, run_shown, shown
from test_alerts import promtool, read_yaml

DOCKER = ROOT / "deploy" / "docker"
CHART = ROOT / "deploy" / "helm" / "jindou"
VERSION = re.search(r"project\(jindou VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
# What the image has as /etc/jindou/jindou.yaml.
IMAGE_SETTINGS = (DOCKER / "jindou.yaml").read_text()


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
                          check=False, **options)
    return done.returncode, done.stdout


def asked(text, *arguments, **environment):
    """What the server says of a configuration file, as the image starts it."""
    for name, value in re.findall(r"\b(WK_[A-Z_]+)=(\S+)", DOCKERFILE):
        environment.setdefault(name, value)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        return run(binary(), "config", "--config", file.name, *arguments,
                   env={"PATH": os.environ["PATH"], **environment})


def validate(text, **environment):
    return asked(text, "--validate", **environment)


def effective(text):
    """The settings that a start with this file has, and where each is from: by key."""
    status, output = asked(text, WK_MANAGERTOKEN="0123456789abcdef")
    if status != 0:
        raise AssertionError(output)
    return {key: (value, origin) for key, value, origin in
            re.findall(r"^([\w.]+): +(\S+) +# (.*)$", output, re.MULTILINE)}


class Answering:
    """A listener that answers one connection with these bytes, and closes it."""

    def __init__(self, answer):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self._answer = answer
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self.address

    def __exit__(self, *unused):
        self._thread.join(10)
        self._listener.close()

    def _serve(self):
        self._listener.settimeout(10)
        connection, _ = self._listener.accept()
        with connection:
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                request += connection.recv(4096)
            connection.sendall(self._answer)


class Image(unittest.TestCase):
    def test_its_settings_are_known_and_want_a_token(self):
        status, output = validate(IMAGE_SETTINGS)
        self.assertEqual(status, 2, output)
        self.assertIn("managerToken", output)
        status, output = validate(IMAGE_SETTINGS, WK_MANAGERTOKEN="0123456789abcdef")
        self.assertEqual((status, "warning" in output), (0, False), output)

    def test_it_is_reached_from_outside_of_the_container(self):
        self.assertIn("COPY --chmod=644 deploy/docker/jindou.yaml /etc/jindou/jindou.yaml\n",
                      DOCKERFILE)
        settings = effective(IMAGE_SETTINGS)
        self.assertEqual({key: settings[key][0] for key in (
            "httpAddr", "manager.addr", "addr", "wsAddr", "tokenAuthOn", "rootDir")}, {
                "httpAddr": "0.0.0.0:5001", "manager.addr": "0.0.0.0:5300",
                "addr": "tcp://0.0.0.0:5100", "wsAddr": "ws://0.0.0.0:5200",
                "tokenAuthOn": "true", "rootDir": "/var/lib/jindou"})

    def test_a_file_in_the_place_of_its_own_counts(self):
        settings = effective("httpAddr: 0.0.0.0:7001\ntokenAuthOn: false\n"
                             "manager: {addr: '127.0.0.1:7300'}\n")
        self.assertEqual([settings[key] for key in ("httpAddr", "tokenAuthOn", "manager.addr")],
                         [("0.0.0.0:7001", "file"), ("false", "file"), ("127.0.0.1:7300", "file")])

    def test_what_it_copies_is_there(self):
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
            for source in [word for word in line.split() if not word.startswith("--")][:-1]:
                self.assertTrue((ROOT / source).exists(), source)

    def test_its_user_has_the_number_that_the_chart_names(self):
        user = re.search(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE).groups()
        self.assertEqual(re.findall(r"--[ug]id (\d+)", DOCKERFILE)[1:], list(user)[:1] * 2)
        text = (CHART / "templates/statefulset.yaml").read_text()
        self.assertEqual(re.findall(r"(?:runAsUser|runAsGroup|fsGroup): (\d+)", text), [user[0]] * 3)


class Probe(unittest.TestCase):
    def probe(self, what, address):
        return self.probe_with(what, WK_HTTPADDR=address)

    def probe_with(self, what, **environment):
        file = ("/usr/libexec/jindou-probe", DOCKER / "probe.sh")
        command = {"ready": shown("/usr/libexec/jindou-probe ready", file),
                   "alive": shown("/usr/libexec/jindou-probe alive", file)}[what]
        return run_script(command, env=environment).returncode

    def test_it_tells_a_server_that_serves_from_one_that_is_gone(self):
        with Server() as server:
            for what in ("ready", "alive"):
                self.assertEqual(self.probe(what, server.http), 0)
                self.assertEqual(self.probe(what, "0.0.0.0:" + server.http.rsplit(":", 1)[1]), 0)
            address = server.http
        for what in ("ready", "alive"):
            self.assertEqual(self.probe(what, address), 1)

    def test_it_looks_where_the_file_of_settings_says(self):
        with Server() as server, tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            port = server.http.rsplit(":", 1)[1]
            for line in ("httpAddr: 0.0.0.0:%s", 'httpAddr: ":%s"  # every one', "HTTPADDR: '[::]:%s'",
                         "'httpAddr':   http://127.0.0.1:%s"):
                # The webhook's key of the same name is another one.
                file.seek(0)
                file.truncate()
                file.write("# httpAddr: 127.0.0.1:1\nwebhook:\n  httpAddr: http://127.0.0.1:1\n" +
                           line % port)
                file.flush()
                with self.subTest(line=line):
                    self.assertEqual(self.probe_with("ready", WK_CONFIG=file.name), 0)
            # A variable counts for more than the file, as for the server.
            file.seek(0)
            file.truncate()
            file.write("httpAddr: 127.0.0.1:1\n")
            file.flush()
            self.assertEqual(self.probe_with("ready", WK_CONFIG=file.name), 1)
            self.assertEqual(self.probe_with("ready", WK_CONFIG=file.name,
                                             WK_HTTPADDR=server.http), 0)

    def test_a_server_that_takes_no_sends_is_alive_and_not_ready(self):
        for what, wanted in (("ready", 1), ("alive", 0)):
            with Answering(b"HTTP/1.1 503 Service Unavailable\r\n\r\n") as address:
                self.assertEqual(self.probe(what, address), wanted)

    def test_a_server_that_says_nothing_is_neither(self):
        for what in ("ready", "alive"):
            with Answering(b"") as address:
                self.assertEqual(self.probe(what, address), 1)


class Compose(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.services = read_yaml(DOCKER / "compose.yaml")["services"]

    def test_it_runs_this_version(self):
        self.assertEqual(self.services["jindou"]["image"], "jindou:" + VERSION)

    def test_the_documented_token_is_one_that_the_server_takes(self):
        with tempfile.TemporaryDirectory() as directory:
            os.makedirs(directory + "/deploy/docker")
            for _ in range(2):  # the file of before is replaced
                done = run_shown('echo "JINDOU_TOKEN=$(openssl rand -hex 16)" > deploy/docker/.env',
                                 cwd=directory)
                self.assertEqual(done.returncode, 0, done)
            with open(directory + "/deploy/docker/.env") as file:
                name, token = re.fullmatch(r"(\w+)=([0-9a-f]{32})\n", file.read()).groups()
        environment = self.services["jindou"]["environment"]
        self.assertTrue(environment["WK_MANAGERTOKEN"].startswith("${%s:?" % name), environment)
        status, output = validate(IMAGE_SETTINGS, WK_MANAGERTOKEN=token)
        self.assertEqual((status, "warning" in output), (0, False), output)

    def test_the_token_goes_into_no_commit_and_no_image(self):
        for file in (".gitignore", ".dockerignore"):
            lines = (ROOT / file).read_text().splitlines()
            self.assertIn("deploy/docker/.env", [line.lstrip("/") for line in lines], file)

    def test_files_that_it_mounts_are_there(self):
        for service in self.services.values():
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                if source.startswith("."):
                    self.assertTrue((DOCKER / source).exists(), source)

    def test_prometheus_reads_its_configuration(self):
        status, output = promtool("check", "config", "--syntax-only", DOCKER / "prometheus.yml")
        self.assertEqual(status, 0, output)
        scraped = read_yaml(DOCKER / "prometheus.yml")["scrape_configs"]
        self.assertEqual([each["job_name"] for each in scraped], ["jindou"])  # the rules' name
        manager = read_yaml(DOCKER / "jindou.yaml")["manager"]["addr"].rsplit(":", 1)[1]
        self.assertEqual(scraped[0]["static_configs"][0]["targets"], ["jindou:" + manager])

    def test_grafana_finds_prometheus_and_the_dashboards(self):
        source = read_yaml(DOCKER / "grafana/datasources/prometheus.yml")["datasources"][0]
        self.assertEqual(re.search(r"//(\w+):", source["url"])[1], "prometheus")
        self.assertIn("prometheus", self.services)
        provider = read_yaml(DOCKER / "grafana/dashboards/jindou.yml")["providers"][0]
        mounted = [volume.split(":")[1] for volume in self.services["grafana"]["volumes"]]
        self.assertIn(provider["options"]["path"], mounted)

    def test_only_clients_reach_it_from_elsewhere(self):
        published = [port for service in self.services.values() for port in service.get("ports", [])
                     if not port.startswith("127.0.0.1:")]
        self.assertEqual(published, ["5100:5100", "5200:5200"])


class Chart(unittest.TestCase):
    def test_it_installs_this_version(self):
        self.assertEqual(read_yaml(CHART / "Chart.yaml")["appVersion"], VERSION)

    def test_the_server_takes_its_settings(self):
        text = (CHART / "values.yaml").read_text()
        # As they are written: by Helm's reading of YAML "on" is true.
        settings = re.search(r"^config:\n((?:  .*\n)+)", text, re.MULTILINE)[1]
        self.assertEqual(list(read_yaml(CHART / "values.yaml")["config"]),
                         re.findall(r"^  (\S+):", settings, re.MULTILINE))
        status, output = validate("rootDir: /var/lib/jindou\n" + re.sub(r"(?m)^  ", "", settings),
                                  WK_MANAGERTOKEN="0123456789abcdef")
        self.assertEqual((status, "warning" in output), (0, False), output)

    @unittest.skipUnless(shutil.which("helm"), "no helm")
    def test_helm_accepts_it(self):
        status, output = run("helm", "lint", "--strict", CHART, "--set",
                             "managerToken=0123456789abcdef")
        self.assertEqual(status, 0, output)

    @unittest.skipUnless(shutil.which("helm"), "no helm")
    def test_helm_wants_a_token(self):
        arguments = ["helm", "template", "x", CHART, "--kube-version", "1.31.0"]
        for given, wanted in ((["--set", "managerToken=0123456789abcdef"], 0),
                              (["--set", "existingSecret=mine,serviceMonitor.enabled=true"], 0),
                              (["--set", "managerToken=short"], 1), ([], 1)):
            with self.subTest(given=given):
                status, output = run(*arguments, *given)
                self.assertEqual(status, wanted, output)


@not_for_sanitizers
class RenderedChart(unittest.TestCase):
    """What the chart becomes, by Helm's own library, judged by the schemas of the oldest Kubernetes
    that it allows and of a newer one."""

    TOKEN = {"managerToken": "0123456789abcdef"}

    @classmethod
    def setUpClass(cls):
        cls.python = client_packages.python("helm")

    def chart(self, values, kubernetes="1.31.0"):
        done = subprocess.run(
            [self.python, client_packages.CLIENTS / "helm" / "chart.py", CHART, kubernetes],
            input=json.dumps(values), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def objects(self, values, **options):
        """By kind and name."""
        answer = self.chart(values, **options)
        self.assertNotIn("refused", answer)
        self.assertEqual((answer["findings"], answer["faults"]), ([], []))
        found = {(one["kind"], one["metadata"]["name"]): one for one in answer["objects"]}
        self.assertEqual(len(found), len(answer["objects"]))
        return found

    def test_kubernetes_knows_everything_that_it_becomes(self):
        oldest = read_yaml(CHART / "Chart.yaml")["kubeVersion"]
        for kubernetes in (re.search(r"\d+\.\d+\.\d+", oldest)[0], "1.31.0"):
            with self.subTest(kubernetes=kubernetes):
                self.assertEqual(set(self.objects(self.TOKEN, kubernetes=kubernetes)), {
                    ("ConfigMap", "im-jindou"), ("Secret", "im-jindou"), ("StatefulSet", "im-jindou"),
                    ("Service", "im-jindou"), ("Service", "im-jindou-clients"),
                    ("Service", "im-jindou-pods")})
        everything = {"existingSecret": "mine", "serviceMonitor": {"enabled": True,
                                                                   "labels": {"release": "p"}},
                      "imagePullSecrets": [{"name": "registry"}], "podAnnotations": {"a": "b"},
                      "nodeSelector": {"disk": "fast"}, "persistence": {"storageClass": "fast"},
                      "tolerations": [{"key": "k", "operator": "Exists"}],
                      "affinity": {"nodeAffinity": {}}, "clients": {"annotations": {"x": "y"}},
                      "service": {"annotations": {"x": "y"}},
                      "config": {"tlsAddr": "tls://0.0.0.0:5110", "wssAddr": "0.0.0.0:5210"},
                      "extraVolumes": [{"name": "tls", "secret": {"secretName": "im-tls"}}],
                      "extraVolumeMounts": [{"name": "tls", "mountPath": "/tls",
                                             "readOnly": True}]}
        kinds = {kind for kind, _ in self.objects(everything)}
        self.assertEqual(kinds, {"ConfigMap", "StatefulSet", "Service", "ServiceMonitor"})

    def test_what_it_wants_is_said(self):
        for values, part in (({"managerToken": "short"}, "managerToken"), ({}, "existingSecret"),
                             ({**self.TOKEN, "config": {"dataDir": "/elsewhere"}}, "config"),
                             ({**self.TOKEN, "config": {"manager": {"addr": ":1"}}}, "config"),
                             ({**self.TOKEN, "config": {"manager.addr": ":1"}}, "config"),
                             ({**self.TOKEN, "config": {"monitor": {"addr": ":1"}}}, "config"),
                             ({**self.TOKEN, "config": {"tlsAddr": "0.0.0.0"}}, "tlsAddr"),
                             ({**self.TOKEN, "replicas": 3}, "replicas")):
            with self.subTest(values=values):
                self.assertIn(part, self.chart(values)["refused"])

    def test_the_server_takes_the_settings_of_the_pod(self):
        objects = self.objects({**self.TOKEN, "config": {"api.maxBatch": 500}})
        text = objects["ConfigMap", "im-jindou"]["data"]["jindou.yaml"]
        token = objects["Secret", "im-jindou"]["stringData"]["WK_MANAGERTOKEN"]
        self.assertEqual(token, self.TOKEN["managerToken"])
        status, output = validate(text, WK_MANAGERTOKEN=token)
        self.assertEqual((status, "warning" in output), (0, False), output)
        self.assertIn("api.maxBatch: 500", text)
        self.assertIn("demo.on: false", text)

    def test_settings_that_are_given_count(self):
        def settings(config):
            objects = self.objects({**self.TOKEN, "config": config})
            return effective(objects["ConfigMap", "im-jindou"]["data"]["jindou.yaml"])

        ports = {"httpAddr": "0.0.0.0:5001", "manager.addr": "0.0.0.0:5300",
                 "addr": "tcp://0.0.0.0:5100", "wsAddr": "ws://0.0.0.0:5200"}
        for config, tokens in (({}, "true"), ({"tokenAuthOn": False}, "false")):
            with self.subTest(config=config):
                found = settings({**config, "manager": {"on": True}})
                self.assertEqual(found["tokenAuthOn"], (tokens, "file"))
                # Also without tokens: the services lead there.
                self.assertEqual({key: found[key][0] for key in ports}, ports)

    def test_clients_reach_the_ports_of_tls_that_are_set(self):
        def ports(**config):
            objects = self.objects({**self.TOKEN, "config": config})
            pod = objects["StatefulSet", "im-jindou"]["spec"]["template"]["spec"]
            service = objects["Service", "im-jindou-clients"]["spec"]["ports"]
            return ({port["name"]: port["containerPort"] for port in pod["containers"][0]["ports"]},
                    {port["name"]: (port["port"], port["targetPort"]) for port in service})

        for given, wanted in (({}, {}), ({"tlsAddr": "", "wssAddr": ""}, {}),
                              ({"wssAddr": "wss://0.0.0.0:5210"}, {"wss": 5210}),
                              ({"tlsAddr": "[::]:5110", "wssaddr": ":443"},
                               {"tls": 5110, "wss": 443})):
            with self.subTest(given=given):
                pod, service = ports(**given)
                self.assertEqual(pod, {"http": 5001, "tcp": 5100, "ws": 5200, "manager": 5300, **wanted})
                self.assertEqual(service, {"tcp": (5100, "tcp"), "ws": (5200, "ws"),
                                           **{name: (port, name) for name, port in wanted.items()}})

    def test_the_pod_has_the_volumes_that_are_given(self):
        volume = {"name": "tls", "secret": {"secretName": "im-tls"}}
        mount = {"name": "tls", "mountPath": "/etc/jindou-tls", "readOnly": True}
        objects = self.objects({**self.TOKEN, "extraVolumes": [volume], "extraVolumeMounts": [mount]})
        pod = objects["StatefulSet", "im-jindou"]["spec"]["template"]["spec"]
        self.assertIn(volume, pod["volumes"])
        self.assertIn(mount, pod["containers"][0]["volumeMounts"])

    def test_services_find_the_ports_of_the_pod(self):
        objects = self.objects({**self.TOKEN, "serviceMonitor": {"enabled": True},
                                "config": {"tlsAddr": "0.0.0.0:5110", "wssAddr": "0.0.0.0:5210"}})
        pod = objects["StatefulSet", "im-jindou"]["spec"]["template"]
        ports = {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
        services = {name: one for (kind, name), one in objects.items() if kind == "Service"}
        for name, service in services.items():
            with self.subTest(service=name):
                self.assertLessEqual(service["spec"]["selector"].items(),
                                     pod["metadata"]["labels"].items())
                self.assertLessEqual({port["targetPort"] for port in service["spec"]["ports"]}, ports)
        self.assertIn(objects["StatefulSet", "im-jindou"]["spec"]["serviceName"], services)
        monitor = objects["ServiceMonitor", "im-jindou"]["spec"]
        watched = [name for name, one in services.items()
                   if monitor["selector"]["matchLabels"].items() <= one["metadata"]["labels"].items()]
        self.assertEqual(watched, ["im-jindou"])
        self.assertIn(monitor["endpoints"][0]["port"],
                      [port["name"] for port in services["im-jindou"]["spec"]["ports"]])

    def test_a_pod_that_takes_no_sends_is_reached_for_reads(self):
        objects = self.objects(self.TOKEN)
        pod = objects["StatefulSet", "im-jindou"]["spec"]
        self.assertEqual(pod["replicas"], 1)
        probe = pod["template"]["spec"]["containers"][0]["readinessProbe"]
        self.assertEqual(probe["httpGet"], {"path": "/readyz", "port": "http"})
        for (kind, name), one in objects.items():
            if kind == "Service":
                with self.subTest(service=name):
                    self.assertIs(one["spec"].get("publishNotReadyAddresses"), True)

    def test_changed_settings_start_the_pod_again(self):
        def checksum(**config):
            pod = self.objects({**self.TOKEN, "config": config})["StatefulSet", "im-jindou"]
            return pod["spec"]["template"]["metadata"]["annotations"]["checksum/configuration"]

        self.assertNotEqual(checksum(), checksum(mode="debug"))


if __name__ == "__main__":
    unittest.main()
