"""What an objective promises beside its metric: kind of events, target, routing, annotations."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from monitor.clock import format_duration
from monitor.config import alert_keys as keys
from monitor.errors import InputError
from monitor.statistics.feasible import asked, nearest_target, silent, slowest_cadence, starved
from monitor.statistics.ladder import ladder
from monitor.statistics.names import PROPORTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.config.kinds import At
    from monitor.config.section import Section
    from monitor.config.settings import Duration, Settings, Slo
    from monitor.statistics.ladder import Level


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every error budget of a configuration."""

    slo: Slo
    evaluate_every: Duration

    @property
    def cadence(self) -> int:
        """How often counters move as Prometheus sees them, ms: as `Settings.cadence`."""
        return max(self.slo.scrape_interval.millis, self.evaluate_every.millis)

    def slower(self, slowest: int) -> str:
        """Return what to write so that counters move every `slowest` ms: the keys that stand in the way."""
        named = (("evaluate_every", self.evaluate_every), ("scrape_interval", self.slo.scrape_interval))
        return " and ".join(f"`{key}: {format_duration(slowest)}`" for key, is_ in named if is_.millis > slowest)


@dataclass(frozen=True, slots=True)
class Promise:
    """The share of good events, and what comes of too few."""

    target: Decimal | None
    kind: str
    routing: str
    annotations: Mapping[str, str] = field(default_factory=dict)


def read_promise(section: Section, metric: str | None, terms: Terms | None) -> Promise | None:
    """Read an objective's budget and hold it against the ladder of its alerts, where the terms are known.

    None where something about it is wrong, which is reported.
    """
    before = len(section.at.problems)
    target, kind, routing = section.get(keys.TARGET), section.get(keys.SLO_KIND), section.get(keys.ROUTING)
    annotations = section.get(keys.ANNOTATIONS)
    if keys.TARGET not in section:
        for key in (keys.SLO_KIND, keys.ROUTING, keys.ANNOTATIONS):
            if key in section:
                finding = "is of no use without `target`: there is no budget, and so no alert of it"
                section.value(key).report(finding, f"add `target`, such as `target: 0.95`, or remove `{key.name}`")
    if kind == keys.OCCURRENCES and metric is not None and metric not in PROPORTIONS:
        finding = f"`{metric}` is no proportion of labelled predictions: none of them alone is good or bad for it"
        remedy = f"choose one of: {', '.join(PROPORTIONS)}, or write `kind: {keys.TIMESLICES}`"
        section.value(keys.SLO_KIND).report(finding, remedy)
    if len(section.at.problems) > before or kind is None or routing is None:
        return None
    promise = Promise(target, kind, routing, annotations or {})
    if terms is not None and target is not None:
        _check_levels(section.value(keys.TARGET), promise, target, terms)
    return promise


def _check_levels(at: At, promise: Promise, target: Decimal, terms: Terms) -> None:
    """Report levels that can never ring for this target, with the nearest one for which all can."""
    pages = asks_for_pages(promise.kind, promise.routing)
    every = ladder(terms.slo.period.millis, terms.cadence)
    levels = asked(every, pages=pages)
    cadence = terms.cadence if promise.kind == keys.TIMESLICES else None
    mute = silent(levels, target)
    if mute:
        burn = f"{shortened(1 / (1 - target))}x"
        finding = f"even 100 % bad events burn {burn}, and {_rings_above(mute)}"
        at.report_infeasible(finding, _raised(levels, asked(every, pages=False), target, cadence))
    elif cadence is not None and (hungry := starved(levels, target, cadence)):
        finding = ", ".join(f"{one_level(level)} needs {level.least_events(target)} evaluations" for level in hungry)
        held = " and ".join(dict.fromkeys(str(level.long // cadence) for level in hungry))
        finding += f", and every {format_duration(cadence)} there are {held} of them"
        nearest = nearest_target(levels, target, cadence)
        slowest = slowest_cadence(terms.slo.period.millis, target, pages=pages)
        ways = [f"lower it to {nearest:f}"] if nearest is not None else []
        ways += [f"write {terms.slower(slowest)}"] if slowest is not None else []
        at.report_infeasible(finding, ", or ".join(ways) or "write a shorter `slo.period`")


def require_feasible(settings: Settings) -> None:
    """Raise InputError where alerts of a promise could never ring, for whoever is about to rely on them."""
    if settings.infeasible:
        raise InputError(*settings.infeasible)


def asks_for_pages(kind: str, routing: str) -> bool:
    """Tell whether an objective's burn alerts page, if only in the shadow: occurrences do, unless told not to."""
    return kind == keys.OCCURRENCES and routing != keys.TICKET


def _raised(levels: Sequence[Level], tickets: Sequence[Level], target: Decimal, cadence: int | None) -> str:
    """Say to what a target has to be raised, and what else would do."""
    nearest = nearest_target(levels, target, cadence)
    ways = [f"raise it to {nearest:f}"] if nearest is not None else []
    of_tickets = None if tickets == levels else nearest_target(tickets, target, cadence)
    if of_tickets is not None:
        ways.append("write `routing: ticket`" if of_tickets == target else f"to {of_tickets:f} with `routing: ticket`")
    return ", or ".join(ways) or "write a shorter `slo.period`"


def _rings_above(levels: Sequence[Level]) -> str:
    """Return `the page over 1h/5m rings above 13.44x, the page over 6h/30m above 5.6x`."""
    first, *others = (f"above {shortened(level.factor)}x" for level in levels)
    texts = [f"the {one_level(levels[0], '')} rings {first}"]
    texts += [f"the {one_level(level, '')} {above}" for level, above in zip(levels[1:], others, strict=True)]
    return ", ".join(texts)


def one_level(level: Level, article: str = "a ") -> str:
    """Return a level as people name it: `a page over 1h/5m`."""
    return f"{article}{level.severity} over {format_duration(level.long)}/{format_duration(level.short)}"


def shortened(number: Decimal) -> str:
    """Return a number cut to three decimals, without zeros at its end."""
    return f"{number.quantize(Decimal('0.001'), ROUND_FLOOR).normalize():f}"
