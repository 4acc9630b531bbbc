"""The alert rules in deploy/: promtool evaluates them, a real server has what they ask for."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

import certificates
import promql
from harness import ROOT, Server
from operations_page import run_shown

try:
    import yaml
except ImportError:
    yaml = None

RULES = ROOT / "deploy" / "prometheus" / "jindou.rules.yml"
RULES_TEST = ROOT / "deploy" / "prometheus" / "jindou.rules.test.yml"
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


def promtool(*arguments):
    """Exit status and output."""
    path = shutil.which("promtool") or shutil.which("promtool", path="/usr/local/bin")
    if path is None:
        raise AssertionError("promtool is missing: it is in Debian's package prometheus; "
                             "scripts/setup-debian.sh test installs it without the rest")
    done = subprocess.run([path, *map(str, arguments)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
    return done.returncode, done.stdout


def read_yaml(path):
    if yaml is None:
        raise AssertionError("Python's yaml is missing: apt-get install python3-yaml")
    return yaml.safe_load(path.read_text())


def shown_by_a_server(case):
    """By one that has just started, with TLS, which has metrics of its own."""
    directory = tempfile.TemporaryDirectory()
    case.addClassCleanup(directory.cleanup)
    cert, key = certificates.self_signed(directory.name)
    server = Server({"tlsAddr": "127.0.0.1:0", "wssConfig.certFile": cert,
                     "wssConfig.keyFile": key, "webhook.httpAddr": "http://127.0.0.1:9/"})
    case.addClassCleanup(server.destroy)
    return promql.Exposition(server.start().get("/metrics").body.decode())


def anchors(text):
    """Of the headings, as Markdown viewers make them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


class RuleCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.groups = read_yaml(RULES)["groups"]
        rules = [rule for group in cls.groups for rule in group["rules"]]
        cls.alerts = {rule["alert"]: rule for rule in rules if "alert" in rule}
        cls.recorded = {rule["record"]: rule for rule in rules if "record" in rule}

    def promtool_accepts(self, *arguments):
        status, output = promtool(*arguments)
        self.assertEqual(status, 0, output)


class Rules(RuleCase):
    def test_promtool_accepts_the_rules(self):
        self.promtool_accepts("check", "rules", RULES)

    def test_each_alert_fires_for_what_it_names_and_for_nothing_else(self):
        done = run_shown("promtool test rules deploy/prometheus/jindou.rules.test.yml", cwd=ROOT,
                         env={"PATH": os.environ["PATH"] + ":/usr/local/bin"}, timeout=120)
        self.assertEqual(done.returncode, 0, done)
        # With a series that fires and one that does not: each scenario lists all that fire.
        fired = set()
        for scenario in read_yaml(RULES_TEST)["tests"]:
            for check in scenario["promql_expr_test"]:
                for sample in check.get("exp_samples", []):
                    fired.update(re.findall(r'alertname="(\w+)"', sample["labels"]))
        self.assertEqual(fired, set(self.alerts))

    def test_each_alert_says_how_bad_it_is_and_what_to_do(self):
        headings = anchors(OPERATIONS)
        for name, alert in self.alerts.items():
            with self.subTest(alert=name):
                self.assertRegex(name, r"^Jindou[A-Z]\w+$")
                self.assertIn(alert["labels"]["severity"], ("critical", "warning"))
                self.assertRegex(alert["for"], r"^[1-9]\d*[mh]$")
                notes = alert["annotations"]
                self.assertEqual(set(notes), {"summary", "description", "runbook"})
                self.assertLess(len(notes["summary"]), 140)
                document, anchor = notes["runbook"].split("#")
                self.assertEqual(document, "docs/operations.md")
                self.assertIn(anchor, headings)

    def test_the_documentation_lists_the_alerts(self):
        section = OPERATIONS.split("\n### Alerts\n", 1)[1].split("\n### ", 1)[0]
        listed = re.findall(r"^\| `(Jindou\w+)` \| (\w+) \| .+ \|$", section, re.MULTILINE)
        self.assertEqual(listed, [(name, alert["labels"]["severity"])
                                  for name, alert in self.alerts.items()])


class OnARealServer(RuleCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shown = shown_by_a_server(cls)

    def test_what_the_rules_ask_for_is_there_from_the_start(self):
        for name, rule in (self.alerts | self.recorded).items():
            asked = promql.parse(rule["expr"])
            self.assertTrue(asked.selectors, name)
            # Its annotations are made of the labels that are left.
            for note in rule.get("annotations", {}).values():
                asked.labels.update(re.findall(r"\$labels\.(\w+)", note))
            with self.subTest(rule=name):
                self.assertEqual(list(self.shown.problems(asked, self.recorded)), [])

    def test_nothing_fires_on_a_server_that_nobody_uses(self):
        target = 'job="jindou", instance="idle"'
        lines = ["rule_files: [%s]" % RULES, "evaluation_interval: 1m", "tests:",
                 "- interval: 1m", "  input_series:",
                 "  - {series: 'up{%s}', values: '1x600'}" % target]
        values = {"jindou_clock_seconds": "0+60x600", "process_start_time_seconds": "0x600",
                  # A matter of the machine that runs this.
                  "jindou_disk_free_bytes": "9x600", "jindou_disk_size_bytes": "10x600"}
        for name, labels, value in self.shown.samples:
            shown = "".join(', %s="%s"' % pair for pair in labels.items())
            lines.append("  - {series: '%s{%s%s}', values: '%s'}"
                         % (name, target, shown, values.get(name, "%.17gx600" % float(value))))
        lines.append("  promql_expr_test:")
        for minutes in (1, 5, 30, 120, 600):
            lines += ["  - expr: ALERTS", "    eval_time: %dm" % minutes, "    exp_samples: []"]
        with tempfile.NamedTemporaryFile("w", suffix=".test.yml") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            self.promtool_accepts("test", "rules", file.name)


if __name__ == "__main__":
    unittest.main()
