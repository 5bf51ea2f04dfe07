"""The terminal's part about alerts: when each objective would have rung in a replay, and what that was worth."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from monitor.clock import format_duration
from monitor.config.alert_keys import SHADOW
from monitor.report import words
from monitor.report.cadence import rare_events

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from monitor.report.rehearsal import Rehearsed, Rung
    from monitor.report.snapshot import Snapshot
    from monitor.statistics.budget import Standing
    from monitor.statistics.ladder import Level

FALSE: Final = (
    "Least: a level rings only where its long window holds so many events; below it what would have rung without that. "
    "First: the first one that was not false. False: of what was counted in the level's long window after it rang, no "
    "larger share was bad than the target allows (?: after some nothing was counted)."
)


def rehearsals(snapshot: Snapshot) -> RenderableType:
    """Return the table of all error budgets, and below it what their windows are and which levels cannot ring."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title="Alerts", title_justify="left", title_style="bold")
    table.add_column("Objective", ratio=1, overflow="fold")
    table.add_column("Alert", no_wrap=True)
    table.add_column("Least", justify="right", no_wrap=True)
    table.add_column("First", no_wrap=True)
    table.add_column("After the\nchange", no_wrap=True)
    table.add_column("Reset", no_wrap=True)
    table.add_column("Rang", justify="right", no_wrap=True)
    table.add_column("False", justify="right", no_wrap=True)
    standings = {(one.model, one.slo): one for one in snapshot.objectives}
    for one in snapshot.rehearsed:
        standing = standings.get((one.model, one.objective.name))
        cells = [_row(one, rung) for rung in one.rung] or [("cannot ring", *[words.DASH] * 6)]
        table.add_row(_about(one, standing), *("\n".join(column) for column in zip(*cells, strict=True)))
        table.add_section()
    rare = [(f"{one.model} {one.slo}", rare_events(one)) for one in snapshot.objectives]
    notes = [
        *ladder_in_words(snapshot.rehearsed),
        *silence_in_words(snapshot.rehearsed),
        *(f"{name}: {said}." for name, said in rare if said is not None),
        FALSE,
    ]
    return Group(table, *(Text(note) for note in notes), Text(""))


def _about(one: Rehearsed, standing: Standing | None) -> Text:
    """Return the first cell: which objective, what it promises, and what is left of its budget."""
    objective = one.objective
    target = words.DASH if objective.target is None else words.percent(objective.target)
    where = ", ".join(filter(None, (words.title(objective.metric, objective.class_), objective.segment)))
    text = Text.assemble((f"{objective.name}\n", "bold"))
    text.append(f"{one.model}: {where}, {target} {objective.kind}, {objective.routing}")
    if standing is not None and standing.budget_left is not None:
        held = standing.period
        text.append(f"\n{words.count(held.bad)} of {words.count(held.events)} bad in the end")
    return text


def _row(one: Rehearsed, rung: Rung) -> tuple[str, ...]:
    """Return the cells of one severity, with the guard or without it."""
    target = one.objective.target
    levels = [level for level in one.levels if level.severity == rung.severity]
    least = [level.least_events(target) for level in levels if target is not None and level.can_fire(target)]
    loud = f"({rung.severity})" if one.objective.routing == SHADOW else rung.severity
    if not least:
        return (loud if rung.guarded else "", words.DASH, "cannot ring", *[words.DASH] * 4)
    return (
        loud if rung.guarded else "",
        words.count(min(least)) if rung.guarded else "any",
        words.moment(rung.first_at) if rung.first_at is not None else "never",
        words.length(rung.delay),
        _reset(rung),
        words.count(rung.episodes),
        words.count(rung.false) + ("?" if rung.unclear else ""),
    )


def _reset(rung: Rung) -> str:
    if rung.first_at is None:
        return words.DASH
    if rung.first_resolved_at is None:
        return "never"
    return f"after {words.length(rung.first_resolved_at - rung.first_at)}"


def ladder_in_words(rehearsed: Iterable[Rehearsed]) -> list[str]:
    """Say by which windows the replay rang, once for objectives that share them, and where the rules have others."""
    said = []
    for (levels, rules), _ in groupby(rehearsed, key=lambda one: (one.levels, one.daemon_levels)):
        wider = "" if levels == rules else f"; wider than the rules of the daemon, which ask {_listed(rules)}"
        line = f"Windows: {_listed(levels)}{wider}."
        if levels and line not in said:
            said.append(line)
    return said


def silence_in_words(rehearsed: Iterable[Rehearsed]) -> list[str]:
    """Name the levels that cannot ring at this step, and why."""
    said = []
    for one in rehearsed:
        name = f"{one.model} {one.objective.name}"
        if not one.levels:
            said.append(f"{name} cannot ring: at this --every its windows are longer than slo.period.")
        target = one.objective.target
        for level in one.levels:
            if target is not None and not level.can_fire(target):
                most = words.percent(level.threshold(target))
                said.append(f"{name} cannot ring by {_windows(level)}: more than {most} would have to be bad.")
        for level in one.starved:
            least = words.count(None if target is None else level.least_events(target))
            said.append(
                f"{name} cannot ring by {_windows(level)} at this --every: the level needs {least} evaluations, and "
                f"{format_duration(level.long)} hold fewer; take a smaller --every."
            )
    return said


def _listed(levels: Sequence[Level]) -> str:
    """Return `page above 5.6 times over 6h and 30m, ticket above …`."""
    return ", ".join(f"{one.severity} above {one.factor.normalize():f} times over {_windows(one)}" for one in levels)


def _windows(level: Level) -> str:
    return f"{format_duration(level.long)} and {format_duration(level.short)}"
