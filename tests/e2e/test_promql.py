"""What is read from expressions of PromQL; other tests stand on it."""

import unittest

import promql


class Asked(unittest.TestCase):
    SHOWN = promql.Exposition('# TYPE a counter\na{kind="x"} 1\na{kind="y"} 2\nb 3\n')

    def test_expressions_are_taken_apart(self):
        found = promql.parse(
            'sum by (le, job) (rate(a{kind=~"x|y",le!=""}[5m])) / on (job) group_left b offset 1h'
            " > bool 1e3 and c:d unless max_over_time(b[1h:5m]) # a{no=\"thing\"}\n")
        self.assertEqual([(s.metric, s.matchers) for s in found.selectors],
                         [("a", [("kind", "=~", "x|y"), ("le", "!=", "")]), ("b", []),
                          ("c:d", []), ("b", [])])
        self.assertEqual(found.labels, {"le", "job"})

    def test_what_is_not_there_is_found(self):
        for text, wanted in (
                ('a{kind="x", job="any"}', []), ('a{kind=~"x|y"}', []), ("up", []),
                ("sum by (kind, instance) (a)", []), ("recorded > 1", []),
                ("c", ["no metric c"]), ('a{kind="z"}', ["a has no kind='z' from the start"]),
                ('a{kind=~"x|z"}', ["a has no kind=~['z'] from the start"]),
                ('b{kind="x"}', ["b has no label kind"]),
                ("sum by (color) (a)", ["nothing that it asks for has the label color"])):
            with self.subTest(text=text):
                found = self.SHOWN.problems(promql.parse(text), {"recorded"})
                self.assertEqual(list(found), wanted)

    def test_what_is_no_expression_is_an_error(self):
        for text in ("a ? b", '{job="x"}'):
            with self.subTest(text=text), self.assertRaises(ValueError):
                promql.parse(text)


if __name__ == "__main__":
    unittest.main()
