"""The triggers of `when`: which of them fire for one version, each with its evidence in a sentence. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.clock import DAY, HOUR, MINUTE, SECOND, format_time
from monitor.revalidate.decision import FORCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from monitor.config.revalidation import When
    from monitor.revalidate.decision import Evidence, Past

_MOST_TOLD: Final = 5
"""So many objectives or columns are told one by one."""
_MOST_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Found:
    """What one trigger or guard found."""

    key: str
    """Of `when` or `unless`, `force`, `open_run` or `data_gates`."""
    text: str
    """A sentence with the numbers."""
    fired: bool


def triggers(when: When, evidence: Evidence, past: Past, now: int, *, force: bool) -> list[Found]:
    """Return what each configured trigger found, in the order of the configuration's keys, `force` last.

    Error budgets, new labels and force speak of the newest version alone: the others are silent of them.
    """
    return [
        *_budget(when.budget_spent, evidence),
        *_worse(when.worse_evaluations, evidence),
        *_drift(when.drift_share, evidence),
        *_age(when, evidence, now),
        *_labels(when.new_labels, evidence, past),
        *_version(when, evidence),
        *([Found(FORCE, "`--force` was asked for", fired=True)] if force and evidence.newest else []),
    ]


def _budget(most: float | None, evidence: Evidence) -> Iterator[Found]:
    """Yield whether an objective has spent more than this share of its error budget."""
    if most is None or not evidence.newest:
        return
    over = {name: spent for name, spent in evidence.spent.items() if spent > most}
    if over:
        told = _told(over, lambda name: f"{name} has spent {number(over[name], most)} of its error budget")
        yield Found("budget_spent", f"{told}, more than {most:g}", fired=True)
    elif evidence.spent:
        name = max(evidence.spent, key=lambda one: (evidence.spent[one], one))
        text = f"{name} has spent {number(evidence.spent[name], most)} of its error budget, not more than {most:g}"
        yield Found("budget_spent", text, fired=False)
    else:
        yield Found("budget_spent", "no error budget has had an event yet", fired=False)


def _worse(least: int | None, evidence: Evidence) -> Iterator[Found]:
    """Yield whether an objective was WORSE so many times one after another."""
    if least is None:
        return
    rows = {name: n for name, n in evidence.worse.items() if n >= least}
    if rows:
        told = _told(rows, lambda name: f"{name} was WORSE in {rows[name]} mature evaluations one after another")
        yield Found("worse_evaluations", f"{told}, {least} are enough", fired=True)
        return
    most = max(evidence.worse.values(), default=0)
    text = f"no objective was WORSE in more than {most} mature evaluations one after another, {least} are enough"
    if not most:
        text = "no objective was WORSE in the last mature evaluation"
    yield Found("worse_evaluations", text, fired=False)


def _drift(least: float | None, evidence: Evidence) -> Iterator[Found]:
    """Yield whether so large a share of features and predictions drifted."""
    if least is None:
        return
    if evidence.drift is None:
        yield Found("drift_share", "drift was not looked at", fired=False)
        return
    share = evidence.drift.share
    drifted = [name for name, column in evidence.drift.columns.items() if column.get("drifted")]
    which = f" ({_listed(drifted)})" if drifted else ""
    fired = share >= least
    told = f"{number(share, least)} of features and predictions drifted{which}"
    yield Found("drift_share", f"{told}, {least:g} is enough" if fired else f"{told}, less than {least:g}", fired=fired)


def _age(when: When, evidence: Evidence, now: int) -> Iterator[Found]:
    """Yield whether the baseline in force is too old."""
    if when.baseline_age is None:
        return
    if evidence.baseline_written_at is None:
        yield Found("baseline_age", "there is no baseline whose age could be told", fired=False)
        return
    age = now - evidence.baseline_written_at
    fired = age > when.baseline_age.millis
    told = f"the baseline was written {format_time(evidence.baseline_written_at)}, {span(age)} ago"
    text = f"{told}, {'more' if fired else 'not more'} than {when.baseline_age.text}"
    yield Found("baseline_age", text, fired=fired)


def _labels(most: int | None, evidence: Evidence, past: Past) -> Iterator[Found]:
    """Yield whether enough labels came since the last run that was started."""
    if most is None or not evidence.newest:
        return
    new, since = new_labels(evidence, past), "since the last run" if past.runs else "so far"
    fired = new > most
    yield Found("new_labels", f"{new} labels came {since}, {'more' if fired else 'not more'} than {most}", fired=fired)


def new_labels(evidence: Evidence, past: Past) -> int:
    """Return how many labels came since the last run was started; all of them where there are fewer than then."""
    then = max(past.runs, key=lambda run: run.started).labels if past.runs else 0
    return evidence.labels - then if evidence.labels >= then else evidence.labels


def _version(when: When, evidence: Evidence) -> Iterator[Found]:
    """Yield whether a version in production has no baseline."""
    if when.new_version:
        fired = evidence.baseline is None
        has = "is in production and has no baseline" if fired else "has a baseline"
        yield Found("new_version", f"version {evidence.version} {has}", fired=fired)


def number(value: float, limit: float) -> str:
    """Return a number with two digits behind the point, or as many more as tell it from its limit."""
    for digits in range(2, _MOST_DIGITS):
        text = f"{value:.{digits}f}"
        if value == limit or float(text) != limit:
            return text
    return f"{value:.{_MOST_DIGITS}f}"


def span(millis: int) -> str:
    """Return a stretch of time in its largest whole unit: `91d`, `3h`."""
    for unit, length in (("d", DAY), ("h", HOUR), ("m", MINUTE)):
        if millis >= length:
            return f"{millis // length}{unit}"
    return f"{max(0, millis) // SECOND}s"


def _told(which: Mapping[str, float], say: Callable[[str], str]) -> str:
    """Return a sentence of each of the first few, the largest first."""
    names = sorted(which, key=lambda name: (-which[name], name))
    more = len(names) - _MOST_TOLD
    return "; ".join(map(say, names[:_MOST_TOLD])) + (f"; {more} more" if more > 0 else "")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_MOST_TOLD]) + (", …" if len(names) > _MOST_TOLD else "")
