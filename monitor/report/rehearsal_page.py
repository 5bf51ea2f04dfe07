"""The page's part about alerts of a replayed history: what each objective would have rung, and what it was worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.config.alert_keys import SHADOW
from monitor.report import words
from monitor.report.markup import Markup, joined, tag
from monitor.report.rehearsal_table import FALSE, ladder_in_words, silence_in_words

if TYPE_CHECKING:
    from monitor.report.rehearsal import Rehearsed, Rung
    from monitor.report.snapshot import Snapshot


def rehearsal(snapshot: Snapshot) -> Markup | None:
    """Return the section; None where no history was replayed, or no objective has a target."""
    if not snapshot.rehearsed:
        return None
    head = ("Objective", "Alert", "First", "After the change", "Reset", "Rang", "False")
    notes = (*ladder_in_words(snapshot.rehearsed), *silence_in_words(snapshot.rehearsed), FALSE)
    return tag(
        "section",
        tag("h2", "What would have rung", id="rehearsal"),
        tag(
            "table",
            tag("thead", tag("tr", *(tag("th", name, scope="col") for name in head))),
            tag("tbody", *(row for one in snapshot.rehearsed for row in _rows(one))),
            class_="plain stack promises rehearsal",
        ),
        *(tag("p", note, class_="note") for note in notes),
        aria_labelledby="rehearsal",
    )


def _rows(one: Rehearsed) -> list[Markup]:
    """Return a row a severity; what it would be without the least number of events stands below the figures."""
    name = joined((one.objective.name, tag("small", one.model)))
    unguarded = {rung.severity: rung for rung in one.rung if not rung.guarded}
    rows = [_row(name, one, rung, unguarded.get(rung.severity)) for rung in one.rung if rung.guarded]
    silent = tag("tr", tag("th", name, scope="row"), tag("td", "cannot ring", colspan=6, data_label="Alert"))
    return rows or [silent]


def _row(name: Markup, one: Rehearsed, rung: Rung, bare: Rung | None) -> Markup:
    shadow = tag("small", "shadow") if one.objective.routing == SHADOW else None
    resolved = rung.first_resolved_at
    reset = words.DASH
    if rung.first_at is not None:
        reset = "never" if resolved is None else f"after {words.length(resolved - rung.first_at)}"
    unclear = f"{words.count(rung.unclear)} unclear" if rung.unclear else None
    return tag(
        "tr",
        tag("th", name, scope="row"),
        tag("td", tag("span", rung.severity, class_=f"badge {rung.severity}"), shadow, data_label="Alert"),
        tag("td", "never" if rung.first_at is None else words.moment(rung.first_at), data_label="First"),
        tag("td", words.length(rung.delay), data_label="After"),
        tag("td", reset, data_label="Reset"),
        tag("td", words.count(rung.episodes), _without(bare, rung.episodes, "episodes"), data_label="Rang"),
        tag(
            "td",
            words.count(rung.false),
            tag("small", unclear) if unclear else None,
            _without(bare, rung.false, "false"),
            data_label="False",
        ),
    )


def _without(bare: Rung | None, guarded: int, what: str) -> Markup | None:
    """Return what it would be without the least number of events, where that differs."""
    n = None if bare is None else getattr(bare, what)
    return None if n is None or n == guarded else tag("small", f"{words.count(n)} without a least number")
