"""The dashboard for Grafana in deploy/: a real server has what it asks for."""

import json
import re
import tempfile
import unittest

import promql
from harness import ROOT
from test_alerts import OPERATIONS, promtool, shown_by_a_server

DASHBOARD = ROOT / "deploy" / "grafana" / "jindou.json"
# What Grafana puts in the place of its variables.
VARIABLES = {"$__rate_interval": "5m", "$instance": ".*"}
UNITS = {"Bps", "bytes", "cps", "none", "percentunit", "reqps", "s", "short"}


def queries(dashboard):
    """(title, expression as Prometheus gets it) of all panels and annotations."""
    asked = [(panel["title"], target["expr"])
             for panel in dashboard["panels"] for target in panel.get("targets", [])]
    asked += [(each["name"], each["expr"]) for each in dashboard["annotations"]["list"]]
    for title, expression in asked:
        for variable, value in VARIABLES.items():
            expression = expression.replace(variable, value)
        yield title, expression


class Dashboard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dashboard = json.loads(DASHBOARD.read_text())
        cls.panels = cls.dashboard["panels"]
        cls.queries = list(queries(cls.dashboard))

    def test_promtool_accepts_every_query(self):
        rules = {"groups": [{"name": "queries", "rules": [
            {"record": "query:%d" % number, "expr": expression}
            for number, (_, expression) in enumerate(self.queries)]}]}
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            json.dump(rules, file)  # which is YAML as well
            file.flush()
            status, output = promtool("check", "rules", file.name)
        self.assertEqual(status, 0, output)

    def test_every_metric_is_on_it(self):
        listed = re.findall(r"^\| `(\w+)` \| (\w+) \|", OPERATIONS.split("\n### All metrics\n")[1],
                            re.MULTILINE)
        self.assertGreater(len(listed), 50)
        asked = {selector.metric for _, expression in self.queries
                 for selector in promql.parse(expression).selectors}
        for name, kind in listed:
            with self.subTest(name=name):
                self.assertIn(name + ("_bucket" if kind == "histogram" else ""), asked)

    def test_all_queries_follow_the_variables(self):
        for panel in self.panels:
            for target in panel.get("targets", []):
                with self.subTest(panel=panel["title"]):
                    self.assertEqual(target["datasource"]["uid"], "${datasource}")
                    for selector in promql.parse(target["expr"].replace(
                            "[$__rate_interval]", "[5m]")).selectors:
                        if selector.metric != "ALERTS":
                            self.assertIn(("instance", "=~", "$instance"), selector.matchers)
        names = [each["name"] for each in self.dashboard["templating"]["list"]]
        self.assertEqual(names, ["datasource", "instance"])

    def test_rows_and_panels_are_in_their_places(self):
        rows = [panel["title"] for panel in self.panels if panel["type"] == "row"]
        self.assertEqual(rows, ["Overview", "Send path", "Moderation", "Jobs", "Delivery",
                                "Connections", "Storage", "Webhooks", "Process"])
        ids = [panel["id"] for panel in self.panels]
        self.assertEqual(len(set(ids)), len(ids))
        taken = set()
        for panel in self.panels:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24)
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells

    def test_panels_have_units_and_legends(self):
        for panel in self.panels:
            if panel["type"] == "row":
                continue
            with self.subTest(panel=panel["title"]):
                self.assertIn(panel["fieldConfig"]["defaults"]["unit"], UNITS)
                legends = [target["legendFormat"] for target in panel["targets"]]
                self.assertTrue(all(legends))
                self.assertEqual(len(set(legends)), len(legends))
                references = [target["refId"] for target in panel["targets"]]
                self.assertEqual(len(set(references)), len(references))


class OnARealServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shown = shown_by_a_server(cls)

    def test_what_the_queries_ask_for_is_there_from_the_start(self):
        for title, expression in queries(json.loads(DASHBOARD.read_text())):
            with self.subTest(panel=title, expression=expression):
                found = list(self.shown.problems(promql.parse(expression)))
                self.assertEqual(found, [])


if __name__ == "__main__":
    unittest.main()
