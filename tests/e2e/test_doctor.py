"""`jindou doctor` and the flags that tell what a program is."""

import os
import socket
import subprocess
import tempfile
import unittest

import certificates
from harness import Server, binary
from operations_page import run_shown


def jindou(*words, **environment):
    """Exit status, standard output, standard error."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("WK_")}
    done = subprocess.run([binary(), *map(str, words)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60,
                          check=False, env={**env, **environment})
    return done.returncode, done.stdout, done.stderr


def free_addresses(count):
    """Of ports that nobody listens on now."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = ["127.0.0.1:%d" % listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return addresses


class Doctor(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.dir = directory.name

    def doctor(self, *words, data_dir=None, addresses=None):
        http, tcp, ws, manager = addresses or free_addresses(4)
        return jindou("doctor", "--data-dir", data_dir or os.path.join(self.dir, "data"), "--http-addr",
                      http, "--tcp-addr", tcp, "--ws-addr", ws, "--manager-addr", manager, "--set",
                      "demo.on=false", *words)

    def test_it_looks_at_everything_and_leaves_nothing(self):
        status, output, errors = self.doctor()
        self.assertIn(status, (0, 1), errors)  # a matter of the machine
        for subject in ("open files", "memory", "data directory", "disk", "clock", "port", "API",
                        "manager port"):
            self.assertRegex(output, r"(?m)^(ok|warning|PROBLEM) +%s: " % subject)
        self.assertRegex(output, r"(?m)^\d+ problems, \d+ warnings$")
        self.assertEqual(os.listdir(self.dir), [])

    def test_the_documented_command_looks_with_the_settings_of_a_file(self):
        http, tcp, ws, manager = free_addresses(4)
        path = os.path.join(self.dir, "jindou.yaml")
        with open(path, "w") as file:
            file.write("dataDir: %s/data\nhttpAddr: %s\naddr: tcp://%s\nwsAddr: ws://%s\n"
                       "manager:\n  addr: %s\ndemo:\n  on: false\n"
                       % (self.dir, http, tcp, ws, manager))
        done = run_shown("jindou doctor --config /etc/jindou/jindou.yaml",
                         ("/etc/jindou/jindou.yaml", path))
        self.assertIn(done.returncode, (0, 1), done)
        self.assertRegex(done.stdout, r"(?m)^(ok|warning|PROBLEM) +data directory: %s/data$" % self.dir)
        self.assertRegex(done.stdout, r"(?m)^ok +port: httpAddr %s is free$" % http)

    def test_open_files_are_those_that_the_documented_limit_allows(self):
        allowed = run_shown("ulimit -Hn").stdout.strip()
        self.assertRegex(allowed, r"^(\d+|unlimited)$")
        if allowed != "unlimited":
            self.assertRegex(self.doctor()[1], r"(?m)^(ok|warning) +open files: %s " % allowed)

    def test_a_directory_that_others_may_look_into_is_told_however_it_is_named(self):
        os.mkdir(os.path.join(self.dir, "open"))
        os.chmod(os.path.join(self.dir, "open"), 0o755)
        absolute = os.path.join(self.dir, "open")
        for name in (absolute, os.path.relpath(absolute)):
            with self.subTest(name=name):
                _, output, _ = self.doctor(data_dir=name)
                self.assertRegex(output, r"(?m)^warning +data directory: .*mode 755")

    def test_a_port_that_somebody_has_is_a_problem(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            taken = "127.0.0.1:%d" % other.getsockname()[1]
            status, output, _ = self.doctor(addresses=[taken, *free_addresses(3)])
        self.assertEqual(status, 1)
        self.assertRegex(output, r"(?m)^PROBLEM +port: httpAddr %s: " % taken)
        self.assertIn("ss -ltnp", output)

    def test_ports_of_the_server_itself_are_none(self):
        with Server() as server:
            status, output, _ = self.doctor(
                data_dir=server.data_dir,
                addresses=[server.http, server.tcp, server.ws, server.manager])
            self.assertRegex(output, r"(?m)^ok +port: httpAddr .*: process %d has the store open$"
                             % server.process.pid)
            self.assertNotRegex(output, r"(?m)^PROBLEM +port")
            self.assertEqual(server.get("/health").status, 200)

    def test_few_open_files_are_told_with_what_to_change(self):
        command = 'ulimit -n 1024; exec "$@"'
        done = subprocess.run(["bash", "-c", command, "bash", binary(), "doctor", "--data-dir",
                               os.path.join(self.dir, "data"), "--set", "demo.on=false"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              timeout=60, check=False)
        self.assertRegex(done.stdout, r"(?m)^warning +open files: 1024 may be open, which lowers")
        self.assertIn("LimitNOFILE", done.stdout)

    def test_a_certificate_is_read(self):
        cert, key = certificates.self_signed(self.dir)
        words = ["--set", "tlsAddr=127.0.0.1:0", "--set", "wssConfig.certFile=" + str(cert), "--set"]
        output = self.doctor(*words, "wssConfig.keyFile=" + str(key))[1]
        self.assertRegex(output, r"(?m)^(ok|warning) +certificate: it is good for \d+ more days$")
        status, output, _ = self.doctor(*words, "wssConfig.keyFile=" + str(cert))
        self.assertEqual(status, 1)
        self.assertRegex(output, r"(?m)^PROBLEM +files: wssConfig")

    def test_an_api_that_asks_nobody_is_told_where_others_may_reach_it(self):
        _, *addresses = free_addresses(4)
        open_api = ["0.0.0.0:0", *addresses]
        _, output, _ = self.doctor("--set", "allowOpenApi=true", addresses=open_api)
        self.assertRegex(output, r"(?m)^warning +API: other machines reach httpAddr 0\.0\.0\.0:0")
        behind = ("--set", "gateway.trustedProxies=10.0.0.0/8")
        self.assertRegex(self.doctor(*behind)[1], r"(?m)^warning +API: .* has 10\.0\.0\.0/8: ")
        for words in ((), (*behind, "--set", "managerToken=0123456789abcdef")):
            self.assertRegex(self.doctor(*words)[1], r"(?m)^ok +API: ")

    def test_whom_the_manager_port_lets_in_is_told(self):
        self.assertRegex(self.doctor()[1], r"(?m)^ok +manager port: without auth\.users guest, ")
        behind = ("--set", "gateway.trustedProxies=10.0.0.0/8", "--set", "auth.on=false")
        self.assertRegex(self.doctor(*behind)[1],
                         r"(?m)^warning +manager port: .* has 10\.0\.0\.0/8: ")

    def test_a_wrong_configuration_is_the_first_thing_to_mend(self):
        status, output, errors = self.doctor("--set", "api.maxBatch=0")
        self.assertEqual((status, output), (2, ""))
        self.assertIn("api.maxBatch", errors)


class Version(unittest.TestCase):
    def test_word_and_flag_tell_the_same(self):
        told = jindou("version")
        self.assertEqual(told[0], 0)
        self.assertEqual(jindou("--version"), told)
        self.assertEqual(run_shown("jindou version").stdout, told[1])
        self.assertIn("store format", told[1])


if __name__ == "__main__":
    unittest.main()
