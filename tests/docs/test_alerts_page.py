"""The page about alerts: its table of windows is the ladder, its snippets are valid, and no alert is left out."""

from __future__ import annotations

import re
import subprocess
from decimal import Decimal
from pathlib import Path

from monitor.alerting import names
from monitor.clock import DAY, format_duration, parse_duration
from monitor.config.read import understand
from monitor.statistics.ladder import ladder

PAGE = (Path(__file__).parent.parent.parent / "docs" / "alerts.md").read_text(encoding="utf-8")


def snippets(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_table_of_windows_is_the_ladder_with_its_factors_targets_and_least_events():
    head, _, *rows = PAGE.partition("| rings | long |")[2].partition("\n\n")[0].splitlines()
    targets = [Decimal(text) for text in re.findall(r"0\.\d+", head)]
    assert targets == [Decimal("0.95"), Decimal("0.99"), Decimal("0.999")]
    shown = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    share = [f"{level.factor * level.long / (28 * DAY) * 100:.0f} %" for level in ladder(28 * DAY, 60_000)]
    expected = [
        [
            level.severity,
            format_duration(level.long),
            format_duration(level.short),
            spent,
            f"{level.factor.normalize():f}",
            f"{level.least_target():f}" if level.least_target() else "any",
            *(str(level.least_events(target)) for target in targets),
        ]
        for level, spent in zip(ladder(28 * DAY, 60_000), share, strict=True)
    ]
    assert shown == expected


def test_the_objectives_shown_are_a_valid_configuration(tmp_path):
    settings = understand(snippets("yaml")[0].encode(), tmp_path / "foldwatch.yaml")
    assert [one.kind for one in settings.models["churn"].objectives] == ["timeslices", "occurrences"]
    assert settings.slo.retention is not None
    assert settings.slo.period.millis == parse_duration("28d")


def test_prometheus_takes_the_snippet_as_its_configuration(promtool, tmp_path):
    path = tmp_path / "prometheus.yml"
    path.write_text(snippets("yaml")[1])
    checked = subprocess.run([promtool, "check", "config", path], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_stands_there_with_its_runbook():
    linked = re.findall(r"\| \[(\w+)\]\(runbooks/(\w+)\.md\)", PAGE)
    assert [name for name, _ in linked] == [*names.QUALITY, *names.OPERATION]
    assert all(name == page for name, page in linked)


def test_a_bold_word_stands_for_each_thing_that_has_to_be_known_first():
    assert {"error budget", "burns", "page", "ticket", "shadow"} <= set(re.findall(r"\*\*([\w ]+)\*\*", PAGE))
