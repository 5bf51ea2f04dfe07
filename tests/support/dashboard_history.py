"""A month in Prometheus' blocks: what backtests wrote, what rules record of it, and what would have rung.

The month is replayed in steps of four hours, its last day in steps of a quarter, and both are joined as scrapes would
have seen them: with `instance`, and with counters that go on. Recordings are made level by level, because promtool
evaluates each by itself and sees no other. Between two steps Prometheus has to look back: start it with LOOK_BACK.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from alert_scene import environment
from alert_stack import Prometheus

from monitor.alerting.rules.rule import AlertRule, Recording, RuleFile
from monitor.alerting.rules.text import text
from monitor.clock import DAY, HOUR, MINUTE, SECOND, format_time
from monitor.prometheus import catalog

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from monitor.alerting.rules.rule import Group

LOOK_BACK = "--query.lookback-delta=4h"
FINE = 25 * HOUR
"""Before the end: from when on in fine steps."""
_WARM = 25 * HOUR
"""What windows and counters of the fine replay need before that."""
_STEP, _FINE_STEP = 4 * HOUR, 15 * MINUTE
_WHOLE = 87_600
"""Hours of a block: one for all."""
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")

Points = list[tuple[float, float]]
"""(epoch seconds, value)"""


def replayed(folder: Path, end: int, instance: str) -> Path:
    """Return the month before `end`, epoch ms, as one text: of foldwatch.yaml and both logs in this folder."""
    common = [
        "backtest",
        "--config",
        "foldwatch.yaml",
        "--predictions",
        "predictions.jsonl",
        "--labels",
        "labels.jsonl",
    ]
    since = ["--start", format_time(end - FINE - _WARM)]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "monitor", *common, *own, "--openmetrics", name],
            cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for name, own in (("month.txt", ["--every", "4h"]), ("day.txt", ["--every", "15m", *since]))
    ]  # fmt: skip
    for child in running:
        _, said = child.communicate()
        assert child.returncode == 0, said
    joined = folder / "history.txt"
    _join(folder / "month.txt", folder / "day.txt", (end - FINE) / SECOND, instance, joined)
    return joined


def blocks(folder: Path, history: Path, files: Iterable[RuleFile], end: int) -> Path:
    """Return the folder of blocks of a history until `end`, with everything that the rules record, and what rang."""
    made = folder / "blocks"
    promtool("openmetrics", history, made)
    groups = [group for file in files for group in file.groups]
    # Rules are evaluated at an offset within their interval: thirds of a step, so that even the shortest window moves.
    spans = ((end - 30 * DAY, end - FINE - 1, _STEP), (end - FINE, end, _FINE_STEP // 3))
    for number, level in enumerate(levels(groups)):
        with Prometheus(folder / "filling", blocks=made, options=(LOOK_BACK,)) as prometheus:
            for start, until, every in spans:
                path = folder / "level.yml"
                path.write_text(text(RuleFile(path.name, tuple(replace(group, interval=every) for group in level))))
                when = (f"--start={start // SECOND}", f"--end={until // SECOND}")
                promtool("rules", f"--url={prometheus.url}", *when, f"--output-dir={folder / f'level-{number}'}", path)
        for block in (folder / f"level-{number}").iterdir():
            shutil.move(block, made / block.name)
    with Prometheus(folder / "filling", blocks=made, options=(LOOK_BACK,)) as prometheus:
        rang = folder / "alerts.txt"
        lines = ["# TYPE ALERTS gauge"]
        for rule in (rule for group in groups for rule in group.rules if isinstance(rule, AlertRule)):
            if "slo" in rule.labels:
                for start, until, every in spans:
                    for course in prometheus.query_range(rule.expr, start, until, every):
                        labels = {**course.labels, **rule.labels, "alertname": rule.alert, "alertstate": "firing"}
                        shown = ",".join(f'{name}="{labels[name]}"' for name in sorted(labels))
                        lines += [f"ALERTS{{{shown}}} 1 {at // SECOND}" for at, _ in course.points]
        rang.write_text("\n".join([*_contiguous(lines), "# EOF", ""]))
    promtool("openmetrics", rang, made)
    return made


def levels(groups: Sequence[Group]) -> list[tuple[Group, ...]]:
    """Return all recordings, a level's only on those of earlier levels."""
    expressions: dict[str, list[str]] = defaultdict(list)
    for group in groups:
        for rule in group.rules:
            if isinstance(rule, Recording):
                expressions[rule.record].append(rule.expr)

    def level(name: str) -> int:
        below = {other for expr in expressions[name] for other in _NAME.findall(expr) if other in expressions}
        return 1 + max(map(level, below), default=-1)

    of_level = {name: level(name) for name in expressions}
    found = []
    for number in range(1 + max(of_level.values())):
        parts = (
            replace(
                group, rules=tuple(r for r in group.rules if isinstance(r, Recording) and of_level[r.record] == number)
            )
            for group in groups
        )
        found.append(tuple(group for group in parts if group.rules))
    return found


def promtool(kind: str, *words: object) -> None:
    """Make blocks from `openmetrics` or `rules`."""
    command = ["promtool", "tsdb", "create-blocks-from", "--quiet", f"--max-block-duration={_WHOLE}h", kind]
    result = subprocess.run([*command, *map(str, words)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def _join(month: Path, day: Path, cut: float, instance: str, to: Path) -> None:
    """Write the month until `cut`, epoch s, and then the day; its counters go on where those of the month were."""
    coarse, kinds = _read(month)
    fine, fine_kinds = _read(day)
    kinds |= fine_kinds
    with to.open("w") as file:
        for name in sorted(kinds):
            kind = kinds[name]
            file.write(f"# TYPE {name} {kind}\n")
            full = f"{name}_total" if kind == "counter" else name
            for labels in sorted({*coarse.get(full, {}), *fine.get(full, {})}):
                before = [point for point in coarse.get(full, {}).get(labels, []) if point[0] < cut]
                whole = fine.get(full, {}).get(labels, [])
                after = [point for point in whole if point[0] >= cut]
                if kind == "counter" and before and after:
                    already = [value for at, value in whole if at < cut]
                    ahead = before[-1][1] - (already[-1] if already else 0.0)
                    after = [(at, value + ahead) for at, value in after]
                if full == catalog.PREDICTIONS.name:
                    before, after = _between(before, 10 * 60), _between(after, 60)
                series = f'{full}{{instance="{instance}",{labels}}}'
                file.write("".join(f"{series} {value!r} {at!r}\n" for at, value in (*before, *after)))
        file.write("# EOF\n")


def _between(points: Points, apart: float) -> Points:
    """Return the points of a counter as scrapes would see it that moved evenly between them."""
    found = points[:1]
    for (at, value), (then, later) in pairwise(points):
        steps = max(1, round((then - at) / apart))
        found += [(at + (then - at) * n / steps, value + (later - value) * n / steps) for n in range(1, steps + 1)]
    return found


def _read(path: Path) -> tuple[dict[str, dict[str, Points]], dict[str, str]]:
    """Return name -> labels -> points, and family -> type."""
    found: dict[str, dict[str, Points]] = defaultdict(dict)
    kinds: dict[str, str] = {}
    series = ""
    points: Points = []
    with path.open() as file:
        for line in file:
            if line.startswith("#"):
                if line.startswith("# TYPE"):
                    _, _, name, kind = line.split()
                    kinds[name] = kind
                continue
            head, value, at = line.rsplit(" ", 2)
            if head != series:
                series, points = head, []
                name, _, labels = head.partition("{")
                found[name][labels[:-1]] = points
            points.append((float(at), float(value)))
    return found, kinds


def _contiguous(lines: list[str]) -> list[str]:
    """Return samples with each series in one piece, each in the order of time."""
    first, *samples = lines
    return [first, *sorted(set(samples), key=lambda line: (line.rpartition(" ")[0], int(line.rpartition(" ")[2])))]
