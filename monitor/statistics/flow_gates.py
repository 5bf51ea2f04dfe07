"""Gates on predictions: whether as many come as usual, and whether the model answers as fast as usual. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.clock import HOUR, SECOND
from monitor.statistics.gate_words import needs, per_minute, span
from monitor.statistics.gates import FACTOR, SIGMAS, Gate, judged, not_judged
from monitor.statistics.usual import Usual

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST_DAY: Final = 3
"""Hours of the last day that its mean needs."""
LEAST_MEDIAN: Final = 50
LEAST_TAIL: Final = 1_000
"""Events with a latency that a median and a 99 % point need."""
LATENCY_STEP: Final = 1.0
"""A quantile that is off by less than this, ms, is not worth an alarm."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What is usual of predictions, in predictions an hour."""

    days: Sequence[float] = ()
    """The same hour of earlier days."""
    week_ago: float | None = None
    """The same hour a week ago, which is among them."""
    last_day: float | None = None
    """The mean of the last day, of at least LEAST_DAY hours."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """Quantiles of `latency_ms`."""

    n: int = 0
    p50: float | None = None
    p99: float | None = None


def volume(predictions: int, elapsed: int, usual: Rates) -> Gate:
    """Return whether as many predictions come as usual: so many in the last `elapsed` ms, which are about an hour.

    Usual is the median of the same hour of earlier days, else the mean of the last day. Bad: less than half or more
    than twice of it, by more than 4 sd of Poisson noise and of the spread of those days; and the same against this hour
    a week ago, where that is known: a quiet Sunday is held against a Sunday.
    """
    name, hours = "volume", elapsed / HOUR
    value = predictions * SECOND / elapsed
    says = f"{per_minute(predictions / hours)} predictions a minute in the last hour"
    known, when = Usual.of(usual.days, 1), "at this hour of earlier days"
    if known is None and usual.last_day is not None:
        known, when = Usual(usual.last_day, 0.0, 1), "in the last day"
    if known is None:
        return not_judged(name, f"{says}; not known yet: needs {LEAST_DAY} hours of history", value)
    sides = {_side(predictions, known.middle * hours, known.spread * hours)}
    if usual.week_ago is not None:
        sides.add(_side(predictions, usual.week_ago * hours, known.spread * hours))
    side = sides.pop() if len(sides) == 1 else 0
    more = predictions > known.middle * hours
    limit = known.middle * (FACTOR if more else 1 / FACTOR)
    text = f"{says}, usually {per_minute(known.middle)} {when}"
    if side:
        what = "more than twice" if side > 0 else "less than half"
        stopped = side < 0 and not predictions
        text = f"{'predictions have stopped' if stopped else f'{what} as many predictions as usual'}: {text}"
    per_second = SECOND / HOUR
    return judged(name, (value, known.middle * per_second, limit * per_second), text, bad=side != 0)


def latency(last: Latencies, usual: Latencies) -> Gate:
    """Return whether the model answers as fast as usual: the last hour against the day before it. Milliseconds.

    Bad: median or 99 % point beyond twice the usual and 1 ms more, where there are events enough (50 and 1,000 in
    either). The gate's numbers are those of the quantile that is bad, else of the 99 % point, else of the median.
    """
    name = "latency"
    if last.p50 is None or last.p99 is None:
        return not_judged(name, "no prediction of the last hour carries a latency")
    says = f"half of the last hour's answers took at most {span(last.p50)}, 99 % at most {span(last.p99)}"
    n = min(last.n, usual.n)
    if usual.p50 is None or usual.p99 is None or n < LEAST_MEDIAN:
        text = f"{says}; {needs(LEAST_MEDIAN, n, 'answers in the last hour and in the day before')}"
        return not_judged(name, text, last.p50 / SECOND)
    pairs = [(last.p99, usual.p99)] if n >= LEAST_TAIL else []
    pairs.append((last.p50, usual.p50))
    red = [(mine, theirs) for mine, theirs in pairs if mine > _limit(theirs)]
    mine, theirs = (red or pairs)[0]
    text = f"{says}, usually {span(usual.p50)} and {span(usual.p99)}"
    if red:
        text = f"more than twice as slow as usual: {text}"
    return judged(name, (mine / SECOND, theirs / SECOND, _limit(theirs) / SECOND), text, bad=bool(red))


def _limit(usual: float) -> float:
    return FACTOR * usual + LATENCY_STEP


def _side(n: int, expected: float, spread: float) -> int:
    """Return -1 where n events are far less than expected, 1 where they are far more, else 0."""
    noise = SIGMAS * math.sqrt(expected + 1.0 + spread**2)
    if n < expected / FACTOR and n < expected - noise:
        return -1
    return int(n > expected * FACTOR and n > expected + noise)
