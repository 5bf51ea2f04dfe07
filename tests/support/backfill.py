"""A history in a real Prometheus: blocks of what a backtest wrote, recorded series level by level, and what rang.

`promtool tsdb create-blocks-from rules` asks a running Prometheus and evaluates recordings alone, none of which sees
another: so they are made level by level, each over the blocks of the ones before. Alerts are asked as queries.

    found = rang(folder, "history.om", files, Span(start, end, every))
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from alert_stack import Prometheus

from monitor.alerting.rules.rule import AlertRule, Group, Recording, RuleFile
from monitor.alerting.rules.text import text
from monitor.clock import HOUR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

_WHOLE = 87_600
"""Hours of a block: few large ones, because promtool reads the whole file once for every block."""
_POINTS = 10_000
"""Of a query, of which promtool makes one for every block: Prometheus gives at most 11,000."""
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


class Span(NamedTuple):
    """The steps of a replay, epoch ms: from `start` to `end`, both multiples of `every`."""

    start: int
    end: int
    every: int


class Episode(NamedTuple):
    """From when to when something fired; None: it still did at the end."""

    at: int
    resolved_at: int | None


def rang(
    folder: Path, history: Path, files: Iterable[RuleFile], span: Span, names: Sequence[str]
) -> dict[tuple[str, str, str], list[Episode]]:
    """Return the episodes of the alerts of these names: (alert, model, slo) -> one after the other, on steps.

    A group of rules is evaluated at an offset within its interval. So what a step brought is asked one interval later,
    when every recording has seen it; what is found then is told as found at the step.
    """
    blocks = folder / "blocks"
    _promtool("openmetrics", _WHOLE, history, blocks)
    groups = [group for file in files for group in file.groups]
    alerts = [rule for group in groups for rule in group.rules if isinstance(rule, AlertRule) and rule.alert in names]
    for number, level in enumerate(_levels(groups, alerts)):
        # A group is evaluated at an offset that follows from its name and file: so all levels have the same.
        path = folder / "level.yml"
        path.write_text(text(RuleFile(path.name, level)))
        made = folder / f"level-{number}"
        with Prometheus(folder / "prometheus", blocks=blocks) as prometheus:
            when = (f"--start={span.start // 1_000}", f"--end={span.end // 1_000 + HOUR // 1_000}")
            hours = _POINTS * min(group.interval for group in level) // HOUR
            _promtool("rules", hours, f"--url={prometheus.url}", *when, f"--output-dir={made}", path)
        for block in made.iterdir():
            shutil.move(block, blocks / block.name)
    found: dict[tuple[str, str, str], list[Episode]] = defaultdict(list)
    with Prometheus(folder / "prometheus", blocks=blocks) as prometheus:
        later = max(group.interval for group in groups)
        for rule in alerts:
            for course in prometheus.query_range(rule.expr, span.start + later, span.end + later, span.every):
                seen = [at - later for at, _ in course.points]
                found[rule.alert, course.labels["model"], course.labels["slo"]] += episodes(seen, span, rule.for_)
    return {key: sorted(found[key]) for key in sorted(found)}


def episodes(moments: Sequence[int], span: Span, for_: int = 0) -> list[Episode]:
    """Return from when to when an alert fired that was active at these moments of a span."""
    found: list[Episode] = []
    active = set(moments)
    since: int | None = None
    fired: int | None = None
    for now in range(span.start, span.end + 1, span.every):
        if now not in active:
            if fired is not None:
                found.append(Episode(fired, now))
            since = fired = None
            continue
        since = now if since is None else since
        if fired is None and now - since >= for_:
            fired = now
    if fired is not None:
        found.append(Episode(fired, None))
    return found


def _levels(groups: Sequence[Group], alerts: Sequence[AlertRule]) -> list[tuple[Group, ...]]:
    """Return the recordings that the alerts need, a level's only on those of earlier levels."""
    recordings: dict[str, list[Recording]] = defaultdict(list)
    for group in groups:
        for rule in group.rules:
            if isinstance(rule, Recording):
                recordings[rule.record].append(rule)

    def needs(expr: str) -> set[str]:
        return {name for name in _NAME.findall(expr) if name in recordings}

    def level(name: str) -> int:
        below = {other for rule in recordings[name] for other in needs(rule.expr)}
        return 1 + max(map(level, below), default=-1)

    wanted: set[str] = set()
    open_ = {name for rule in alerts for name in needs(rule.expr)}
    while open_:
        wanted |= open_
        open_ = {other for name in open_ for rule in recordings[name] for other in needs(rule.expr)} - wanted
    of_level = {name: level(name) for name in wanted}

    def part(number: int) -> Callable[[Group], Group]:
        def only(group: Group) -> Group:
            rules = (
                rule for rule in group.rules if isinstance(rule, Recording) and of_level.get(rule.record) == number
            )
            return replace(group, rules=tuple(rules))

        return only

    return [
        tuple(group for group in map(part(number), groups) if group.rules)
        for number in range(max(of_level.values()) + 1)
    ]


def _promtool(kind: str, hours: int, *words: object) -> None:
    longest = f"--max-block-duration={hours}h"
    command = ["promtool", "tsdb", "create-blocks-from", "--quiet", longest, kind, *map(str, words)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
