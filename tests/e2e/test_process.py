"""The process: ready line, signals, command line, configuration, refusing to start."""

import contextlib
import fcntl
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import certificates
from control_group import ControlGroup, Unavailable
from harness import RawHttp, Server, ServerCase, binary, fresh, item, wait_until
from operations_page import run_shown
from wkproto import Client


def run(*arguments, timeout=15, **env):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("WK_")}
    clean.update(WK_MANAGER_ADDR="127.0.0.1:0", WK_DEMO_ON="false")
    clean.update(env)
    with tempfile.TemporaryDirectory() as directory:
        return subprocess.run([binary(), *arguments], capture_output=True, text=True, env=clean,
                              cwd=directory, timeout=timeout, check=False)


class Signals(ServerCase):
    def tearDown(self):
        if not self.server.alive():
            self.server.start()

    def test_sigint_and_sigterm_end_with_status_0(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            clients = [self.client(fresh("u"), transport) for transport in ("tcp", "ws")]
            idle, half = RawHttp(self.server), RawHttp(self.server)
            self.addCleanup(idle.sock.close)
            self.addCleanup(half.sock.close)
            idle.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            idle.read_response()
            half.send("POST /message/sendbatch HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n[")
            self.server.process.send_signal(number)
            self.assertEqual(self.server.process.wait(5), 0)
            for client in clients:
                self.assertEqual(client.wait_closed(), [], "no DISCONNECT on shutdown")
            self.assertTrue(idle.is_closed() and half.is_closed())
            self.server.process.stdout.close()
            self.server.start()

    def test_what_is_in_flight_is_finished(self):
        """Batches posted until the server stops: every 200 is there after the restart."""
        group, acknowledged = fresh("g"), []

        def post():
            try:
                while True:
                    answer = self.server.batch([item(group, "x") for _ in range(50)])
                    if answer.status == 200:
                        acknowledged.extend(r["message_seq"] for r in answer.json())
            except (OSError, http.client.HTTPException):
                return

        threads = [threading.Thread(target=post) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        self.assertEqual(self.server.stop(), 0)
        for thread in threads:
            thread.join(20)
        self.server.start()
        stored = [m["message_seq"] for m in self.server.messages(group)]
        self.assertEqual(stored, list(range(1, len(stored) + 1)))
        self.assertTrue(acknowledged)
        self.assertEqual(len(acknowledged), len(set(acknowledged)))
        self.assertLessEqual(max(acknowledged), len(stored))


class HungLogReader(unittest.TestCase):
    """Standard error is a full pipe that nobody reads."""

    def setUp(self):
        self.reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        os.write(writer, b"." * 4096)
        self.server = Server({"logger.level": "debug", "logger.queueBytes": "256KiB"},
                             stderr=writer)
        self.addCleanup(os.close, self.reader)
        self.addCleanup(self.server.destroy)
        self.server.start()
        os.close(writer)

    def break_the_protocol(self, times):
        """Each costs a line of the log."""
        host, port = self.server.tcp.rsplit(":", 1)
        for _ in range(times):
            with socket.create_connection((host, int(port)), 10) as client:
                client.sendall(b"\xff" * 16)
                with contextlib.suppress(OSError):
                    client.recv(100)

    def dropped(self):
        for line in self.server.get("/metrics").body.decode().splitlines():
            if line.startswith("jindou_log_lines_dropped_total "):
                return int(float(line.split()[1]))
        raise AssertionError("no such metric")

    def test_sends_logins_and_sigterm_go_on(self):
        self.break_the_protocol(100)
        group = fresh("g")
        self.assertEqual(self.server.batch([item(group, "x")] * 3).status, 200)
        self.addCleanup(self.server.client(fresh("u")).close)
        self.assertEqual(len(self.server.messages(group)), 3)
        self.assertEqual(self.server.stop(), 0)

    def test_a_line_says_how_many_were_dropped(self):
        while self.dropped() < 10:
            self.break_the_protocol(100)
        dropped, log = self.dropped(), b""
        # Lines of connections that end late may follow.
        while b"lines were dropped here" not in log:
            log += os.read(self.reader, 65536)
        notices = [json.loads(line) for line in log.splitlines() if b"lines were dropped" in line]
        told = int(notices[0]["msg"].split()[0])
        self.assertGreaterEqual(told, dropped)
        self.assertEqual(self.dropped(), told)
        self.assertLess(len(log), 4096 + 256 * 1024 + 1024)
        self.assertEqual(self.server.stop(), 0)


class EarlyHangup(unittest.TestCase):
    def test_a_hangup_before_the_server_can_take_it_waits(self):
        with tempfile.TemporaryDirectory() as directory:
            pipe = os.path.join(directory, "config.yaml")
            os.mkfifo(pipe)
            # The start stands still where it reads its settings.
            server = Server(wrapper=lambda _: ["sh", "-c", 'exec "$@" --config "$0"', pipe])
            self.addCleanup(server.destroy)
            server.spawn()

            def open_pipe():
                with contextlib.suppress(OSError):
                    return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
                return None

            writer = wait_until(open_pipe, what="a reader of the settings")
            server.process.send_signal(signal.SIGHUP)
            os.write(writer, b"logger:\n  level: 1\n")
            os.close(writer)
            self.assertIn(b'"event":"ready"', server._read_line(30))
            server.wait_for_log("reload: ")
            self.assertTrue(server.alive())


class LocalhostListeners(unittest.TestCase):
    def test_both_loopback_addresses_are_listened_to(self):
        server = Server()
        self.addCleanup(server.destroy)
        server.http = server.tcp = server.ws = "localhost:0"
        server.start()
        if not os.path.exists("/proc/net/if_inet6"):
            self.skipTest("this machine has no IPv6")
        for address in (server.http, server.tcp, server.ws):
            host, port = address.rsplit(":", 1)
            self.assertEqual(host, "127.0.0.1")
            for one in (host, "::1"):
                with self.subTest(address=address, host=one):
                    socket.create_connection((one, int(port)), timeout=5).close()
        for transport in ("tcp", "ws"):
            client = Client("localhost:" + getattr(server, transport).rsplit(":", 1)[1], fresh("u"),
                            transport=transport)
            self.addCleanup(client.close)
            self.assertEqual(client.connect().reason, 1)
        server.wait_for_log("localhost: [::1] as well")


class PipedSettings(unittest.TestCase):
    def reload_log(self, server):
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_log("reload: nothing changed: cannot read the configuration file")
        self.assertIn("it is not a regular file", server.log_tail())
        self.assertEqual(server.get("/health").status, 200)
        self.assertEqual(server.stop(), 0)

    def test_a_pipe_at_the_start_is_not_read_again(self):
        with Server(wrapper=lambda _: ["bash", "-c", 'exec "$@" --config <(echo $0)',
                                       "api.maxBatch: 2"]) as server:
            self.assertEqual(server.batch([item(fresh("g"), "x")] * 3).status, 400)
            self.reload_log(server)

    def test_a_pipe_in_place_of_the_file_does_not_hang_a_reload(self):
        with Server(yaml="api.maxBatch: 2\n") as server:
            path = os.path.join(server.dir, "config.yaml")
            os.unlink(path)
            os.mkfifo(path)
            self.reload_log(server)


class ServiceManager(unittest.TestCase):
    """What systemd is told over NOTIFY_SOCKET, by path and by abstract name."""

    def serve(self, address, name, **environment):
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(address)
        manager.settimeout(10)
        server = Server(wrapper=lambda _: ["env", "NOTIFY_SOCKET=" + name,
                                           *("%s=%s" % pair for pair in environment.items())])
        self.addCleanup(server.destroy)
        return manager, server.start()

    def hear(self, manager, wanted):
        """The next message that is no keep-alive, or that is one when it is wanted."""
        while True:
            text = manager.recv(4096).decode()
            if text.startswith(wanted):
                return text
            self.assertEqual(text, "WATCHDOG=1\n")

    def test_it_is_told_about_start_reload_and_stop(self):
        name = "jindou-test-" + fresh("n")
        manager, server = self.serve("\0" + name, "@" + name)
        ready = self.hear(manager, "READY=1\n")
        self.assertIn("STATUS=serves HTTP on " + server.http, ready)
        before = time.monotonic_ns() // 1000
        server.process.send_signal(signal.SIGHUP)
        reloading = self.hear(manager, "RELOADING=1\n")
        self.assertGreaterEqual(int(reloading.split("MONOTONIC_USEC=")[1]), before)
        self.hear(manager, "READY=1\n")
        server.process.send_signal(signal.SIGTERM)
        self.hear(manager, "STOPPING=1\n")
        self.assertEqual(server.process.wait(5), 0)

    def test_the_watchdog_hears_of_it(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "notify")
            manager, server = self.serve(path, path, WATCHDOG_USEC="200000")
            self.hear(manager, "READY=1\n")
            for _ in range(3):
                self.assertEqual(manager.recv(4096), b"WATCHDOG=1\n")
            self.assertEqual(server.stop(), 0)

    def test_a_socket_that_is_not_there_stops_nobody(self):
        with Server(wrapper=lambda _: ["env", "NOTIFY_SOCKET=/does/not/exist"]) as server:
            self.assertEqual(server.get("/health").status, 200)
            server.wait_for_log("service manager was not told READY=1")


class FewOpenFiles(unittest.TestCase):
    """Strangers who only connect take no file that the store needs."""

    def test_sends_go_on_while_strangers_hold_every_connection(self):
        server = Server(config={"storage.writeBufferBytes": "1MiB"},
                        wrapper=lambda _: ["prlimit", "--nofile=300:300"])
        self.addCleanup(server.destroy)
        server.start()
        server.wait_for_log("the limit of 300 open files is too low")
        sender = RawHttp(server)
        self.addCleanup(sender.sock.close)
        strangers = []
        self.addCleanup(lambda: [one.close() for one in strangers])
        for address in (server.http, server.tcp, server.ws, server.manager):
            host, port = address.rsplit(":", 1)
            for _ in range(300):
                try:
                    strangers.append(socket.create_connection((host, int(port)), timeout=2))
                except OSError:
                    break
        # More than the write buffer holds several times: the store opens new files meanwhile.
        group, payload = fresh("g"), "x" * 20000
        for _ in range(10):
            body = json.dumps([item(group, payload) for _ in range(50)])
            sender.send("POST /message/sendbatch HTTP/1.1\r\nHost: x\r\n"
                        f"Content-Length: {len(body)}\r\n\r\n{body}")
            self.assertEqual(sender.read_response().status, 200)
        self.assertLess(len(os.listdir(f"/proc/{server.process.pid}/fd")), 300)
        for one in strangers:
            one.close()

        def answers():
            try:
                return server.get("/health").status == 200
            except OSError:
                return False

        wait_until(answers, what="a place for a new connection")


class FewProcessors(unittest.TestCase):
    """Threads are as many as processors that the server may use, not as the machine has."""

    def network_threads(self, wrapper):
        server = Server(wrapper=wrapper)
        self.addCleanup(server.destroy)
        server.start()
        names = [path.read_text().strip()
                 for path in pathlib.Path(f"/proc/{server.process.pid}/task").glob("*/comm")]
        return [name for name in names if re.fullmatch(r"io-\d+", name)]

    def test_one_processor_has_one_network_thread(self):
        first = str(min(os.sched_getaffinity(0)))
        self.assertEqual(self.network_threads(lambda _: ["taskset", "-c", first]), ["io-0"])

    def test_the_time_of_one_processor_has_one_network_thread(self):
        group = ControlGroup(processors=1)
        try:
            group.__enter__()
        except Unavailable as why:
            self.skipTest(str(why))
        self.addCleanup(group.remove)
        self.assertEqual(self.network_threads(lambda _: group.words()), ["io-0"])


class SaidAtStart(unittest.TestCase):
    """What listens where, and who gets in without a token."""

    def told(self, tcp, ws, **config):
        """The server, what its log says of tokens, with the level, and of what it serves."""
        server = Server(config)
        self.addCleanup(server.destroy)
        server.tcp, server.ws = tcp, ws
        server.start()
        self.assertEqual(server.stop(), 0)  # the log is complete
        text = pathlib.Path(server.log_path).read_text()
        lines = [line for line in map(json.loads, text.splitlines()) if "msg" in line]
        tokens = [(line["level"], line["msg"]) for line in lines
                  if "clients need no token" in line["msg"]]
        [serves] = [line["msg"] for line in lines if re.match(r"jindou \S+ serves ", line["msg"])]
        return server, tokens, serves

    def test_without_tokens_the_log_says_whom_the_client_ports_listen_to(self):
        here, everybody = "127.0.0.1:0", "0.0.0.0:0"
        for tcp, ws, reached in ((here, here, ""), (everybody, here, "0.0.0.0:0"),
                                 (here, "ws://0.0.0.0:0", "ws://0.0.0.0:0"),
                                 (everybody, everybody, "0.0.0.0:0, 0.0.0.0:0")):
            with self.subTest(tcp=tcp, ws=ws):
                server, tokens, serves = self.told(tcp, ws)
                self.assertIn(", TCP on %s, WebSocket on %s" % (server.tcp, server.ws), serves)
                self.assertEqual(len(tokens), 1)
                level, text = tokens[0]
                if reached:
                    self.assertEqual(level, "warning")
                    self.assertIn("whoever reaches %s is whoever they say they are" % reached, text)
                else:
                    self.assertEqual(level, "info")
                    self.assertIn("only this machine is listened to", text)
                    self.assertIn("write addr and wsAddr down", text)

    def test_with_tokens_nothing_is_said_of_them(self):
        server, tokens, serves = self.told("127.0.0.1:0", "127.0.0.1:0", tokenAuthOn="true")
        self.assertIn(", TCP on %s, WebSocket on %s" % (server.tcp, server.ws), serves)
        self.assertEqual(tokens, [])


class RunByRoot(unittest.TestCase):
    SAID = "belongs to user 65534, whose server cannot open what is made now"

    @unittest.skipUnless(os.geteuid() == 0, "only root can")
    def test_in_the_directory_of_another_user_a_warning_says_so(self):
        with tempfile.TemporaryDirectory() as directory:
            with Server(data_dir=directory) as server:
                self.assertEqual(server.stop(), 0)
                self.assertNotIn("root runs the server", server.log_tail(1000))
                # Where it is about to be made, and where it is there.
                os.rename(server.data_dir, server.data_dir + ".before")
                for given in (directory, server.data_dir):
                    try:
                        os.chown(directory, 0, 0)
                        os.chown(given, 65534, 65534)
                    except OSError as error:
                        self.skipTest(str(error))
                    before = server.log_tail(1000).count(self.SAID)
                    server.start()
                    self.assertEqual(server.stop(), 0)
                    said = server.log_tail(1000)
                    self.assertEqual(said.count(self.SAID), before + 1, said)
                    self.assertIn("root runs the server, and %s belongs" % given, said)


class CommandLine(unittest.TestCase):
    def test_version_and_config(self):
        version = run("version")
        self.assertEqual(version.returncode, 0, version)
        self.assertRegex(version.stdout, r"\Ajindou \S+\nstore format \d+\nRocksDB \d+\.\d+\.\d+ \(.+\)\n\Z")
        shown = run("config", WK_API_MAXBATCH="77", WK_MANAGERTOKEN="hush-hush-hush-hush",
                    WK_WEBHOOK_HTTPADDR="https://me:hush-hush@hooks.example/?token=hush-hush")
        self.assertEqual(shown.returncode, 0, shown)
        line = next(l for l in shown.stdout.splitlines() if l.startswith("api.maxBatch"))
        self.assertIn("77", line)
        self.assertNotIn("hush-hush", shown.stdout + shown.stderr)
        self.assertIn("https://***@hooks.example/?token=***", shown.stdout)

    def test_bad_configuration_is_refused_with_a_hint(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "c.yaml"
            for text, hint in (("httpAdr: x\n", "httpAddr"), ("api: [1\n", "YAML"),
                               ("mode: release\n---\nmode: debug\n", "more than one YAML document"),
                               ("api:\n  maxBatch: many\n", "maxBatch"),
                               ("api:\n  maxBatch: 0\n", "maxBatch"),
                               ("api.bodyBytesInFlight: 9MiB\n", "api.maxBodyBytes"),
                               ("addr: ':7101'\nwsAddr: 127.0.0.1:7101\n", "listen on one port"),
                               ("tlsAddr: 127.0.0.1:0\nwssConfig:\n  certFile: /nowhere.pem\n"
                                "  keyFile: /nowhere.key\n", "cannot read /nowhere.pem"),
                               ("webhook.caFile: /nowhere.pem\n", "/nowhere.pem")):
                path.write_text(text)
                for command in (("config", "--validate", "--config", str(path)),
                                ("config", "--config", str(path), "--validate"),
                                ("--config", str(path), "config", "--validate"),
                                ("--config", str(path), "serve"),
                                ("serve", "--config", str(path))):
                    done = run(*command)
                    self.assertNotEqual(done.returncode, 0, (text, command, done))
                    self.assertIn(hint, done.stdout + done.stderr)
        self.assertNotEqual(run("serve", "--config", "/does/not/exist.yaml").returncode, 0)
        self.assertNotEqual(run("no-such-command").returncode, 0)
        self.assertNotEqual(run("serve", "--no-such-flag").returncode, 0)

    def test_a_store_with_another_identity_does_not_start(self):
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            shared = root / "identity"
            config = {"storage.partitions": 4, "cluster.identityFile": shared}
            for node in ("first", "given a copy"):
                (root / node).mkdir()
                with Server(config=config, data_dir=root / node) as server:
                    server.must_batch([item("g")])
                    self.assertEqual(server.stop(), 0)
            written = shared.read_text()
            self.assertIn("partitions: 4\n", written)
            data = str(root / "first" / "data")
            refused = run("serve", "--data-dir", data, "--set", "storage.partitions=8")
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("storage.partitions is 8: set it to 4", refused.stderr)
            shared.write_text(re.sub("Seed: .*", "Seed: " + 16 * "0", written))
            refused = run("serve", "--data-dir", data, "--set", "storage.partitions=4",
                          "--set", "cluster.identityFile=%s" % shared)
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("belongs to another cluster", refused.stderr)

    def test_flags_count_before_and_behind_the_subcommand(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "c.yaml"
            path.write_text("api:\n  maxBatch: 5\n")
            done = run("--config", str(path), "config", "--validate", WK_NO_SUCH="1")
            self.assertEqual(done.returncode, 0, done)
            self.assertIn(str(path), done.stdout)
            self.assertIn("WK_NO_SUCH", done.stderr)
            self.assertIn("no file", run("config", "--validate").stdout)
            done = run("--config", str(path.parent / "none.yaml"), "config", "--validate")
            self.assertEqual(done.returncode, 2, done)
            self.assertIn("none.yaml", done.stderr)
            self.assertEqual(run("--set", "api.maxBatch=0", "config", "--validate").returncode, 2)
            shown = run("--set", "api.maxBatch=6", "--http-addr", "localhost:6001", "config",
                        "--set", "api.maxBatch=7", "--set", "mode=debug")
            lines = [l.split()[:2] for l in shown.stdout.splitlines()]
            for line in (["api.maxBatch:", "7"], ["httpAddr:", "localhost:6001"],
                         ["mode:", "debug"]):
                self.assertIn(line, lines)
        for command in (("version",), ("bench",)):
            self.assertEqual(run("--set", "api.maxBatch=6", *command).returncode, 2, command)

    def test_the_documented_commands_tell_and_check_the_settings(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "jindou.yaml"
            path.write_text("mode: release\ndataDir: %s/data\n" % directory)
            there = ("/etc/jindou/jindou.yaml", path)
            done = run_shown("jindou config --config /etc/jindou/jindou.yaml", there)
            self.assertEqual(done.returncode, 0, done)
            self.assertTrue(done.stdout.startswith("# file: %s\n" % path), done)
            self.assertRegex(done.stdout, r"(?m)^mode: +release +# file$")
            self.assertRegex(done.stdout, r"(?m)^httpAddr: +localhost:5001 +# default$")
            done = run_shown("jindou config --config /etc/jindou/jindou.yaml --validate", there)
            self.assertEqual(done.returncode, 0, done)
            self.assertIn(str(path), done.stdout)
            path.write_text("mode: none\n")
            done = run_shown("jindou config --config /etc/jindou/jindou.yaml --validate", there)
            self.assertEqual((done.returncode, "mode" in done.stderr), (2, True), done)

    def test_a_configuration_of_wukongim_is_converted(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "wk.yaml"
            path.write_text("mode: release\nhttpAddr: 0.0.0.0:5001\nmonitor:\n  on: false\n"
                            "pprofOn: true\ncluster:\n  nodeId: 7\n")
            self.assertEqual(run("config", "--validate", "--config", str(path)).returncode, 2)
            done = run("config", "--from-wukongim", str(path))
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("\n# pprofOn: true  # ", done.stdout)
            path.write_text(done.stdout)
            shown = run("config", "--config", str(path))
            self.assertEqual(shown.returncode, 0, shown)
            for line in ("mode: release", "httpAddr: localhost:5001", "manager.on: false",
                         "cluster.nodeId: 7"):
                self.assertIn(line.split(), [l.split()[:2] for l in shown.stdout.splitlines()])
            path.write_text("wssAddr: 0.0.0.0:5210\n")
            done = run("config", "--from-wukongim", str(path))
            self.assertEqual(done.returncode, 2)
            self.assertIn("wssConfig.certFile", done.stderr)
            self.assertIn("\nwssAddr: 0.0.0.0:5210\n", done.stdout)

    def test_the_sample_configuration_is_valid(self):
        text = (pathlib.Path(__file__).parents[2] / "docs" / "operations.md").read_text()
        samples = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
        self.assertTrue(any("tokenAuthOn: true" in sample for sample in samples))
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "jindou.yaml"
            for sample in samples:
                if "scrape_configs:" in sample:
                    continue  # of Prometheus
                path.write_text(sample)
                done = run("config", "--config", str(path), "--validate",
                           WK_MANAGERTOKEN="0123456789abcdef")
                self.assertEqual(done.returncode, 0, (sample, done))

    def test_open_api_needs_a_token(self):
        done = run("serve", "--http-addr", "0.0.0.0:0", "--tcp-addr", "127.0.0.1:0",
                   "--ws-addr", "127.0.0.1:0")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("managerToken", done.stderr)

    def test_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            for flag in ("--http-addr", "--tcp-addr", "--ws-addr"):
                addresses = {f: "127.0.0.1:0" for f in ("--http-addr", "--tcp-addr", "--ws-addr")}
                addresses[flag] = address
                done = run("serve", *(x for pair in addresses.items() for x in pair))
                self.assertNotEqual(done.returncode, 0, flag)
                self.assertEqual(done.stdout, "", "no ready line")
                self.assertIn(address.rsplit(":", 1)[1], done.stderr)
                self.assertIn("(%s)" % flag, done.stderr)

    def shown(self, *arguments, cwd=None, **env):
        """What `jindou config` prints: the line about the file, and values by their keys."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith("WK_")}
        done = subprocess.run([binary(), "config", *arguments], capture_output=True, text=True,
                              env={**clean, **env}, cwd=cwd, timeout=15, check=False)
        self.assertEqual(done.returncode, 0, done)
        first, *lines = done.stdout.splitlines()
        pairs = (line.split(None, 1) for line in lines if not line.startswith("#"))
        return first, {key.rstrip(":"): value for key, value in pairs}, done

    def test_the_file_is_the_one_that_is_named_or_lies_in_a_usual_place(self):
        with tempfile.TemporaryDirectory() as directory:
            for name, number in (("jindou", 11), ("variable", 22), ("flag", 33)):
                pathlib.Path(directory, name + ".yaml").write_text("api.maxBatch: %d\n" % number)
            for arguments, env, first, number in (
                    ((), {}, "# file: ./jindou.yaml", 11),
                    ((), {"WK_CONFIG": "variable.yaml"}, "# file: variable.yaml", 22),
                    (("--config", "flag.yaml"), {"WK_CONFIG": "variable.yaml"},
                     "# file: flag.yaml", 33),
                    (("--config", ""), {"WK_CONFIG": "variable.yaml"},
                     "# no file of settings was read", 1000),
                    (("--config=",), {}, "# no file of settings was read", 1000)):
                with self.subTest(arguments=arguments, env=env):
                    said, values, done = self.shown(*arguments, cwd=directory, **env)
                    self.assertEqual(said, first)
                    self.assertEqual(values["api.maxBatch"].split()[0], str(number))
                    self.assertNotIn("WK_CONFIG", done.stdout)
            # The second usual place is the machine's, so it is only looked for there.
            os.unlink(os.path.join(directory, "jindou.yaml"))
            wanted = ("# file: /etc/jindou/jindou.yaml" if os.path.exists("/etc/jindou/jindou.yaml")
                      else "# no file of settings was read")
            self.assertEqual(self.shown(cwd=directory)[0], wanted)
            done = run("serve", WK_CONFIG="/does/not/exist.yaml")
            self.assertEqual(done.returncode, 2)
            self.assertIn("/does/not/exist.yaml", done.stderr)

    def test_a_reload_reads_the_file_of_the_start(self):
        server = Server()
        self.addCleanup(server.destroy)
        path = pathlib.Path(server.dir, "jindou.yaml")
        path.write_text("logger.level: info\n")
        server.start()
        server.wait_for_log("settings of ./jindou.yaml")
        path.write_text("logger.level: debug\n")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_log("applied logger.level")

    def test_a_secret_may_be_in_a_file(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "token")
            pathlib.Path(path).write_text("token-of-a-file-0123\n")
            _, values, done = self.shown(WK_MANAGERTOKEN_FILE=path)
            self.assertEqual(values["managerToken"].split()[0], "(set)")
            self.assertIn("environment", values["managerToken"])
            self.assertNotIn("WK_", done.stdout)
            pathlib.Path(directory, "users").write_text("a:pw-one:*\nb:pw-two:*\n")
            with Server({"managerToken_file": path,
                         "auth.users_file": os.path.join(directory, "users")}) as server:
                self.assertEqual(server.get("/route").status, 401)
                headers = {"token": "token-of-a-file-0123"}
                self.assertEqual(server.get("/route", headers=headers).status, 200)
                answer = server.request("POST", "/manager/login", {
                    "username": "b", "password": "pw-two"}, address=server.manager)
                self.assertEqual(answer.status, 200, answer)
                self.assertNotIn("token-of-a-file", server.log_tail(1000))
            pathlib.Path(directory, "empty").write_text("\n")
            for env, why in (({"WK_MANAGERTOKEN_FILE": directory + "/none"}, "cannot read"),
                             ({"WK_MANAGERTOKEN_FILE": directory + "/empty"}, "is empty"),
                             ({"WK_MANAGERTOKEN_FILE": path, "WK_MANAGERTOKEN": "x"}, "not both")):
                done = run("serve", **env)
                self.assertEqual(done.returncode, 2)
                self.assertIn("WK_MANAGERTOKEN_FILE", done.stderr)
                self.assertIn(why, done.stderr)

    def test_an_empty_flag_means_empty(self):
        for flag in (["--http-addr", ""], ["--http-addr="]):
            _, values, _ = self.shown(*flag, WK_HTTPADDR="127.0.0.1:7")
            self.assertEqual(values["httpAddr"].split(), ['""', "#", "flag"])
        done = run("serve", "--manager-addr=")
        self.assertEqual(done.returncode, 2)
        self.assertIn("manager.addr: must not be empty", done.stderr)

    def test_validate_finds_what_the_start_would_refuse(self):
        with tempfile.TemporaryDirectory() as directory:
            pathlib.Path(directory, "file").write_text("x")
            certificate, key = certificates.self_signed(directory)
            tls = "tlsAddr=127.0.0.1:0 wssConfig.certFile=%s wssConfig.keyFile=%s"
            for setting, why in (("gateway.trustedProxies=hello", "gateway.trustedProxies"),
                                 ("gateway.allowedOrigins=hello", "gateway.allowedOrigins"),
                                 ("cluster.identityFile=%s/file" % directory, directory + "/file"),
                                 ("moderation.lists=refuse:%s/none" % directory, "none"),
                                 ("audit.file=%s/none/audit.log" % directory, "audit.file"),
                                 (tls % (directory + "/none", key), "wssConfig.certFile"),
                                 (tls % (certificate, directory + "/none"), "wssConfig.keyFile"),
                                 (tls % (certificate, directory + "/file"), directory + "/file"),
                                 ("webhook.caFile=%s/none" % directory, "webhook.caFile"),
                                 ("webhook.caFile=%s/file" % directory, "no certificate in it"),
                                 ("datasource.caFile=%s/file" % directory, "datasource.caFile"),
                                 ("moderation.caFile=%s/file" % directory, "moderation.caFile"),
                                 ("dataDir=%s/file/data" % directory, "is no directory")):
                with self.subTest(setting=setting):
                    made = tempfile.TemporaryDirectory()
                    self.addCleanup(made.cleanup)
                    flags = ["--set", "dataDir=%s/data" % made.name]
                    for each in setting.split():
                        flags += ["--set", each]
                    validated = run("config", "--validate", *flags)
                    self.assertEqual(validated.returncode, 2, validated)
                    self.assertIn(why, validated.stderr)
                    self.assertEqual(os.listdir(made.name), [])
                    started = run("serve", "--http-addr", "127.0.0.1:0", "--tcp-addr", "127.0.0.1:0",
                                  "--ws-addr", "127.0.0.1:0", *flags, timeout=30)
                    self.assertIn(started.returncode, (1, 2), started)

    def test_the_log_names_settings_that_are_no_defaults(self):
        with Server({"managerToken": "hush-hush-hush-hush", "api.maxBatch": "77",
                     "api.maxBodyBytes": "10MiB"}) as server:
            server.wait_for_log("settings that are no defaults: ")
            (line,) = [line for line in server.log_tail(1000).splitlines()
                       if "that are no defaults" in line]
            self.assertIn("managerToken = (set) (environment)", line)
            self.assertIn("api.maxBatch = 77 (environment)", line)
            self.assertIn("dataDir = %s (flag)" % server.data_dir, line)
            self.assertNotIn("api.maxBodyBytes", line)
            self.assertNotIn("hush", line)

    def test_one_server_per_directory(self):
        with Server() as server:
            done = run("serve", "--data-dir", server.data_dir, "--http-addr", "127.0.0.1:0",
                       "--tcp-addr", "127.0.0.1:0", "--ws-addr", "127.0.0.1:0")
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(done.stdout, "")
            self.assertIn("another process (pid %d) has the data directory %s open"
                          % (server.process.pid, server.data_dir), done.stderr)
            self.assertEqual(server.get("/health").status, 200)
    def test_the_packages_it_needs_are_listed(self):
        script = pathlib.Path(__file__).parents[2] / "scripts" / "runtime_packages.sh"
        command = [script, binary()]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        packages = done.stdout.split()
        self.assertEqual(packages, sorted(set(packages)))
        for start in ("libc6", "librocksdb", "libssl"):
            self.assertTrue(any(p.startswith(start) for p in packages), (start, packages))
        subprocess.run(["dpkg-query", "-W", *packages], capture_output=True, check=True)


    def test_ready_line_and_log_form(self):
        with Server() as server:
            for address in (server.http, server.tcp, server.ws):
                self.assertGreater(int(address.rsplit(":", 1)[1]), 0)
            for line in pathlib.Path(server.log_path).read_text().splitlines():
                json.loads(line)


if __name__ == "__main__":
    unittest.main()
