"""What Prometheus makes of annotations, foreseen: templates, numbers, queries. promtool is the judge of the numbers."""

from __future__ import annotations

import math
import random

import pytest
import yaml
from promtool_runs import put, ran

from monitor.alerting.promtool import rates
from monitor.alerting.promtool.answers import answer
from monitor.alerting.promtool.expansion import Known, expanded
from monitor.alerting.promtool.formats import formatted, printed, string
from monitor.alerting.promtool.wording import Wording
from monitor.alerting.rules.rule import AlertRule, Group, RuleFile

NUMBERS = (
    0,
    1,
    -1,
    0.5,
    0.0004,
    -0.25,
    59.9,
    60,
    61.5,
    3_599,
    3_661,
    86_400,
    90_061.7,
    -7_300,
    1234567.8,
    0.123456,
    1e9,
)
WAYS = ("humanize", "humanizeDuration", "humanizePercentage", 'printf "%.0f"', 'printf "%.3g"', 'printf "%.3f"')
NESTED = (
    '{{ range query "left" }}{{ $m := .Labels.model }}{{ with printf "left{model=%q}" $m | query }}'
    '{{ . | first | value | printf "%.2f" }}{{ end }} of {{ $m }}{{ end }}'
)


class ThreeSeries:
    """Three series at minute five."""

    now = 300_000

    def instant(self, name, matchers):
        rows = {"up": [({"job": "a"}, 1.0), ({"job": "b"}, 0.0)], "left": [({"model": "m"}, 0.25)]}.get(name, [])
        return [row for row in rows if all(row[0].get(label) == text for label, (_, text) in matchers.items())]


def value_of(query):
    return answer(query, ThreeSeries())


def test_numbers_look_as_prometheus_shows_them(promtool, tmp_path):
    shown = {f"n{at}w{way}": (number, WAYS[way]) for at, number in enumerate(NUMBERS) for way in range(len(WAYS))}
    rule = {
        "alert": "Shown",
        "expr": "vector(1)",
        "annotations": {name: f"{{{{ {float(number)!r} | {way} }}}}" for name, (number, way) in shown.items()}
        | {"at": "{{ 1700000000 | humanizeTimestamp }}"},
    }
    due = {name: formatted(way, number) for name, (number, way) in shown.items()}
    due |= {"at": formatted("humanizeTimestamp", 1_700_000_000)}
    look = {"eval_time": "0s", "alertname": "Shown", "exp_alerts": [{"exp_annotations": due}]}
    put(
        {
            "rules.yml": yaml.safe_dump({"groups": [{"name": "g", "rules": [rule]}]}),
            "rules_test.yml": yaml.safe_dump({"rule_files": ["rules.yml"], "tests": [{"alert_rule_test": [look]}]}),
        },
        tmp_path,
    )
    passed, said = ran(promtool, tmp_path / "rules_test.yml")
    assert passed, said[:4_000]


def test_increases_are_those_of_prometheus(promtool, tmp_path):
    draw = random.Random(7)
    tests = []
    for at in range(40):
        values, now = [], draw.choice([0, 5])
        for _ in range(12):
            now = 0 if draw.random() < 0.1 else now + draw.randint(0, 4)
            values.append(now)
        end, window = 60_000 * 11, 10_000 * draw.randint(12, 90)
        points = [(60_000 * step, float(value)) for step, value in enumerate(values) if 60_000 * step >= end - window]
        grown = rates.increase(points, end - window, end)
        samples = [{"labels": "{}", "value": math.floor(grown * 10_000 + 0.5) / 10_000}]
        expr = f"round(increase(c[{window // 1_000}s]), 0.0001)"
        tests.append(
            {
                "interval": "1m",
                "name": f"series {at}",
                "input_series": [{"series": "c", "values": " ".join(map(str, values))}],
                "promql_expr_test": [{"eval_time": "11m", "expr": expr, "exp_samples": samples}],
            }
        )
    put({"increases_test.yml": yaml.safe_dump({"rule_files": [], "tests": tests})}, tmp_path)
    passed, said = ran(promtool, tmp_path / "increases_test.yml")
    assert passed, said[:4_000]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("max(up)", [({}, 1.0)]),
        ('up{job="b"}', [({"job": "b"}, 0.0)]),
        ("sum by (job) (up)", [({"job": "a"}, 1.0), ({"job": "b"}, 0.0)]),
        ("min(up) by (model)", [({}, 0.0)]),
        ("up == 1", [({"job": "a"}, 1.0)]),
        ("1 - left / 0.5", [({"model": "m"}, 0.5)]),
        ("(left > 0) * 60 / (max(left) / 0.5 > 0)", [({"model": "m"}, 30.0)]),
        ("time() - 2 * 100", [({}, 100.0)]),
        ("round(max(left) * 6)", [({}, 2.0)]),
        ("abs(0 - left)", [({"model": "m"}, 0.25)]),
        ("absent_series > 1", []),
        ("left / 0", [({"model": "m"}, math.inf)]),
        ("left > 1", []),
    ],
)
def test_queries_are_answered_as_prometheus_answers_them(query, rows):
    assert value_of(query) == rows


@pytest.mark.parametrize(
    "query",
    [
        "topk(1, up)",
        "max(up",
        "up{job}",
        "up offset 5m",
        "rate(bad[1h])",
        "increase(bad[1h])",
        "1 +",
        "up{} §",
        "up{job=a}",
        "up up",
    ],
)
def test_a_query_that_we_cannot_foresee_is_no_tested_one(query):
    with pytest.raises((ValueError, IndexError)):
        value_of(query)


def shown(template, value=3.0, labels=None):
    return expanded(template, Known(value, labels or {}, value_of))


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ('plain {{ "{{" }} braces', "plain {{ braces"),
        ("{{ $value | humanizePercentage }} of {{ $labels.model }}{{ $labels.none }}", "300% of m"),
        ('{{ with query "max(up)" }}{{ . | first | value | printf "%.1f" }}{{ else }}none{{ end }}.', "1.0."),
        ('{{ with query "nothing" }}{{ . | first | value | humanize }}{{ else }}none{{ end }}.', "none."),
        ('{{ range query "up" }}{{ .Labels.job }}={{ .Value | humanize }} {{ end }}', "a=1 b=0 "),
        ('{{ range query "nothing" }}{{ .Value | humanize }}{{ end }}.', "."),
        (NESTED, "0.25 of m"),
    ],
)
def test_templates_become_what_prometheus_makes_of_them(template, text):
    assert shown(template, labels={"model": "m"}) == text


@pytest.mark.parametrize("template", ["{{ $value }}", "{{ toUpper $labels.x }}", "{{ with $x }}{{ end }}"])
def test_a_template_that_we_cannot_foresee_is_no_tested_one(template):
    with pytest.raises(ValueError, match="promtool's tests cannot foresee"):
        shown(template)


def test_annotations_that_ask_where_nothing_is_known_are_no_tested_ones():
    rule = AlertRule("Asks", "vector(1)", {"severity": "none"}, {"summary": '{{ with query "up" }}{{ end }}'})
    wording = Wording.of(RuleFile("rules.yml", (Group("g", 60_000, (rule,)),)))
    with pytest.raises(LookupError, match="nothing is known of 'up', which Asks asks"):
        wording.ringing("Asks", {"severity": "none"}, {}, 1.0)


def test_strings_are_those_of_go():
    assert string(r'"a \"b\" \\ é \U0001f600"') == 'a "b" \\ é \U0001f600'
    assert printed("100%% of %q and %s", ['a"b', "c"]) == r'100% of "a\"b" and c'
    with pytest.raises(ValueError, match="is no string"):
        string("bare")
    with pytest.raises(ValueError, match="cannot foresee"):
        formatted("toUpper", 1.0)
    assert [formatted("humanizePercentage", number) for number in (math.inf, -math.inf, math.nan)] == [
        "+Inf%",
        "-Inf%",
        "NaN%",
    ]
