"""The Report on a terminal: within 100 columns, in colour where there is a terminal, as plain text everywhere else."""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from monitor.report import words
from monitor.report.badges import seriousness, worst
from monitor.report.rehearsal_table import rehearsals
from monitor.report.version import versions
from monitor.statistics.report import Maturity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import RenderableType

    from monitor.report.course import Course
    from monitor.report.snapshot import Snapshot
    from monitor.report.version import Version
    from monitor.statistics.report import MetricResult, Totals

WIDTH: Final = 100
_MOST_ROWS: Final = 24
_STYLES: Final = {Verdict.OK: "green", Verdict.WORSE: "bold red", Verdict.UNKNOWN: "cyan"}


def terminal(file: IO[str] | None = None) -> Console:
    """Return a console that writes to `file` (default: standard output), at most 100 columns wide."""
    console = Console(file=file or sys.stdout, highlight=False, soft_wrap=False)
    # What is not a terminal has no width of its own.
    console.width = min(console.width, WIDTH) if console.is_terminal else WIDTH
    return console


def summary(snapshot: Snapshot) -> RenderableType:
    """Return what stands at the end of a backtest: courses and alerts of objectives, the last verdicts, the totals."""
    parts: list[RenderableType] = []
    if snapshot.courses:
        parts.append(_courses(snapshot.courses))
    if snapshot.rehearsed:
        parts.append(rehearsals(snapshot))
    parts += [_verdicts(version) for version in versions(snapshot)]
    return Group(*parts, totals(snapshot.totals))


def live(snapshot: Snapshot) -> RenderableType:
    """Return what a person watches while a daemon or the demo runs: headline, verdicts, totals."""
    parts: list[RenderableType] = []
    if snapshot.announcement:
        parts.append(Text(snapshot.announcement.title, style="bold"))
        parts.append(Text(snapshot.announcement.text))
    if snapshot.halted:
        parts.append(Text(f"reading has stopped: {snapshot.halted}", style="bold red"))
    if snapshot.report is None:
        return Group(*parts, Text("waiting for the first evaluation"))
    shown = versions(snapshot)
    parts.append(Text(f"as of {words.moment(snapshot.report.as_of)}", style="dim"))
    parts += [_verdicts(version) for version in shown] or [Text("no prediction has come yet")]
    return Group(*parts, totals(snapshot.totals))


def totals(of: Totals) -> RenderableType:
    """Return what became of every event, as sums."""
    predictions = _sum("predictions", of.predictions, ("matched", "waiting", "expired"), of)
    besides = f"besides: {words.count(of.duplicate)} duplicate, {words.count(of.label_first)} label first"
    labels = _sum(
        "labels", of.labels, ("applied", "corrected", "retracted", "repeated", "orphan", "labels_waiting"), of
    )
    lines = [predictions, besides, labels, _reasons("dead letters", of.dead_letters), _reasons("skipped", of.skipped)]
    return Group(*map(Text, lines))


def _courses(courses: Sequence[Course]) -> Table:
    """Return one row an objective: when it first turned WORSE and how long after the first bad window."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title="Objectives", title_justify="left", title_style="bold")
    table.add_column("Objective", ratio=5, overflow="fold")
    table.add_column("First WORSE", no_wrap=True)
    table.add_column("After first\nbad window", no_wrap=True)
    table.add_column("WORSE of\nmature", justify="right", no_wrap=True)
    table.add_column("Last verdict", ratio=6, overflow="fold")
    for course in courses:
        objective = course.objective
        where = ", ".join(filter(None, (objective.segment, objective.window)))
        table.add_row(
            Text.assemble(
                (objective.name, "bold"),
                f"\n{course.model} {course.version}: {words.title(objective.metric, objective.class_)}, {where}",
            ),
            words.moment(course.first_worse_at) if course.first_worse_at is not None else "never",
            words.length(course.delay),
            f"{words.count(course.worse)} of {words.count(course.windows)}",
            _judgement(course.last, provisional=course.last_maturity is Maturity.PROVISIONAL),
        )
    return table


def _verdicts(version: Version) -> Table:
    """Return one row a class (and one for the whole model) with its most serious verdict, the worst first if many."""
    length = version.first_length()
    window = version.headline(length) if length else None
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title_justify="left", title_style="bold")
    table.add_column("Class", overflow="ellipsis", no_wrap=True, max_width=20)
    table.add_column("Metric", no_wrap=True)
    table.add_column("Production", no_wrap=True)
    table.add_column("Promised", no_wrap=True)
    table.add_column("Verdict", ratio=1, overflow="fold")
    if window is None:
        table.title = f"{version.model.name} {version.version}: no window yet"
        return table
    table.title = (
        f"{version.model.name} {version.version}, {window.window} to {words.moment(window.end)}, {window.maturity}, "
        f"{words.count(window.labels)} of {words.count(window.predictions)} labelled"
    )
    tops = [_top(version.leading(window, class_)) for class_ in (None, *window.classes)]
    rows = [top for top in tops if top is not None]
    if len(rows) > _MOST_ROWS:
        rows = sorted(rows, key=seriousness)
    for result in rows[:_MOST_ROWS]:
        band = words.band(result.lower, result.upper)
        table.add_row(
            "whole model" if result.class_ is None else result.class_,
            words.metric_name(result.metric),
            f"{words.number(result.value)} ({band})" if band else words.number(result.value),
            words.number(result.baseline),
            _judgement(result, provisional=False),
        )
    if len(rows) > _MOST_ROWS:
        table.caption = f"and {len(rows) - _MOST_ROWS} more classes"
    return table


def _top(results: Iterable[MetricResult]) -> MetricResult | None:
    """Return the most serious of the results, the first one where none is judged."""
    results = list(results)
    return worst(results) or next(iter(results), None)


def _judgement(result: MetricResult | None, *, provisional: bool) -> Text:
    """Return a verdict with its reason."""
    if result is None:
        return Text(words.DASH)
    said = words.verdict_in_words(result, brief=True) + (" (provisional)" if provisional else "")
    if result.verdict is None:
        return Text(said)
    return Text.assemble((result.verdict.value, _STYLES[result.verdict]), f" {said}")


def _sum(name: str, total: int, parts: Sequence[str], of: Totals) -> str:
    """Return `predictions 10 = 7 matched + 3 waiting`: the first part and whatever else is not 0."""
    known = {part: getattr(of, part) for part in parts}
    shown = [part for part in parts if known[part] or part == parts[0]]
    terms = " + ".join(f"{words.count(known[part])} {part.replace('_', ' ')}" for part in shown)
    return f"{name} {words.count(total)} = {terms}"


def _reasons(name: str, reasons: Mapping[str, int]) -> str:
    """Return `dead letters 3: 2 bad score, 1 bad id`."""
    ranked = sorted(((n, reason) for reason, n in reasons.items() if n), key=lambda item: (-item[0], item[1]))
    listed = ", ".join(f"{words.count(n)} {reason}" for n, reason in ranked)
    total = f"{name} {words.count(sum(reasons.values()))}"
    return f"{total}: {listed}" if listed else total
