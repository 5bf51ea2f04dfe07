"""What is recorded of all objectives at once: events and share of bad ones within each window and within the period.

One rule a window reads the counters of every objective: a rule of its own for each objective costs Prometheus four
times as much. Sums come before divisions, and nothing is divided by zero: where nothing happened there is no ratio, not
NaN, which would spoil every longer average that it gets into.

The period has a group of its own, because it looks back four weeks: there the counters are recorded once as one series,
whichever process counts them, every four minutes, so that the period is read from ten thousand points instead of
every scrape. Its ratio is weighted by traffic: the increase of the bad events over that of all events, not a mean of
short ratios. An increase of a counter over the whole period, and not a sum of short increases: between the last scrape
of one short range and the first of the next lies a gap, and what always happens there would never count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.alerting.rules import names
from monitor.alerting.rules.promql import indented, selector, span
from monitor.alerting.rules.rule import Group, Recording
from monitor.prometheus import catalog
from monitor.statistics.ladder import PAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.alerting.rules.promise import Promised


def groups(all_promised: Sequence[Promised]) -> tuple[Group, ...]:
    """Return the recordings of the windows that pages need, at their pace, of the other windows, and of the period.

    All objectives of a configuration share job, windows and period; there is at least one.
    """
    of = all_promised[0]
    paging = {window for one in all_promised for level in one.levels(PAGE) for window in (level.short, level.long)}
    found = (
        Group("foldwatch windows of pages", of.pace, tuple(_windows(of, sorted(paging - {of.period})))),
        Group("foldwatch windows", of.slow_pace, tuple(_windows(of, sorted(set(of.windows) - paging)))),
        Group("foldwatch periods", of.period_interval, tuple(_period(of))),
    )
    return tuple(group for group in found if group.rules)


def _windows(of: Promised, windows: Sequence[int]) -> Iterator[Recording]:
    """Yield events and share of bad ones within each of these windows, ms."""
    all_events, bad_events = (selector(metric, job=of.alerting.job) for metric in (catalog.SLO_EVENTS, catalog.SLO_BAD))
    for window in windows:
        yield from _share(all_events, bad_events, window)


def _period(of: Promised) -> Iterator[Recording]:
    """Yield the counters as they are read for the period, and what the period holds."""
    for record, counter in ((names.EVENTS, catalog.SLO_EVENTS), (names.BAD, catalog.SLO_BAD)):
        yield Recording(record, _labelled(f"max by (model, slo) ({selector(counter, job=of.alerting.job)})"))
    yield from _share(names.EVENTS, names.BAD, of.period)


def _share(all_events: str, bad_events: str, window: int) -> Iterator[Recording]:
    """Yield how many events a window holds, and the share of bad ones.

    The share reads both counters itself, at one moment: of two recordings one may be older than the other.
    """
    labels = {"sloth_window": span(window)}
    events, bad = (f"sum by (model, slo) (increase({counter}[{span(window)}]))" for counter in (all_events, bad_events))
    yield Recording(names.events(window), _labelled(events), labels)
    yield Recording(names.ratio(window), _labelled(f"{bad}\n/\n({events} > 0)"), labels)


def _labelled(expr: str) -> str:
    """Return an expression by (model, slo) with Sloth's labels beside them."""
    return (
        f'label_join(label_join(label_join(\n{indented(expr)}\n, "sloth_id", "-", "model", "slo"), '
        '"sloth_service", "", "model"), "sloth_slo", "", "slo")'
    )
