"""Gates on labels: whether they come, come in time and fit, said before a verdict is. Numbers in, a Gate out. Pure.

A gate is bad only where the deviation is both large enough to matter and too large for counting noise and for the
spread of earlier values: docs/concepts.md names each limit. Without enough history it is unknown, which alarms nobody.
The gates on predictions, volume and latency, are in `flow_gates.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from monitor.clock import DAY, HOUR, MINUTE, SECOND
from monitor.statistics.gate_words import needs, percent, span
from monitor.statistics.usual import Usual, share_noise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LEAST_BLOCKS: Final = 3
"""So many earlier windows make a usual completeness and a usual delay."""
LEAST_HOURS: Final = 6
"""So many earlier hours, of a hundred events and more, make usual shares of duplicates, orphans and rejected ones."""
SIGMAS: Final = 4.0
"""So many standard deviations, of counting noise and of earlier values together, are no chance: once in 30,000."""
COMPLETENESS_STEP: Final = 0.05
CONSISTENCY_STEP: Final = 0.02
"""A share that is off by less than this is not worth an alarm."""
REJECTED: Final = "rejected"
PLAIN: Final = ("duplicates", "orphans", REJECTED)
"""The shares of `consistency` that are always said; those of single reasons only where they are bad."""
REJECTED_ANYWAY: Final = 0.1
"""A share of rejected events that is bad even before anything is known to be usual."""
FACTOR: Final = 2.0
"""Delays, latencies and rates are bad from twice (half) the usual on."""
LEAST_DELAYS: Final = 20
"""Labels that a quantile of delays needs."""
LEAST_SILENCE: Final = HOUR
"""Shorter than this no silence of labels is a finding."""
LABELS_MISSED: Final = 20.0
"""Nor where fewer labels than this were to be expected meanwhile."""


class GateState(StrEnum):
    """What a gate says."""

    OK = "ok"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Gate:
    """What one gate says of one model. Numbers are in base units: shares, seconds, events per second."""

    name: str
    state: GateState
    value: float | None
    """None where nothing could be measured."""
    usual: float | None
    """What it was before: mostly the median of earlier values."""
    limit: float | None
    """Beyond it the gate is bad; None where nothing is known to be usual."""
    text: str
    """In words: what is measured, what is usual, from where on it is bad."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """The share, or None of none."""
        return self.part / self.whole if self.whole > 0 else None


@dataclass(frozen=True, slots=True)
class Silence:
    """How long no label has come. Milliseconds."""

    length: int
    """Since the last label was labelled."""
    limit: int
    expected: float
    """Labels that would usually have come meanwhile."""

    @property
    def bad(self) -> bool:
        """Tell whether labels have stopped."""
        return self.length > self.limit and self.expected >= LABELS_MISSED


def not_judged(name: str, why: str, value: float | None = None) -> Gate:
    """Return a gate that nothing can be said of."""
    return Gate(name, GateState.UNKNOWN, value, None, None, why)


def judged(name: str, numbers: tuple[float, float, float], text: str, *, bad: bool) -> Gate:
    """Return a gate with (value, usual, limit)."""
    return Gate(name, GateState.BAD if bad else GateState.OK, *numbers, text)


def completeness(labelled: Share, earlier: Sequence[float], window: str) -> Gate:
    """Return whether as large a share of predictions is labelled as usual.

    labelled: labelled of all predictions in the newest mature window; earlier: the shares of earlier ones; window:
    their length in words. Bad: below usual - max(.05, 4 sd).
    """
    name, value = "completeness", labelled.value
    if value is None:
        return not_judged(name, f"no prediction in the newest mature window of {window}")
    says = f"{percent(value)} of the predictions of the newest mature window of {window} are labelled"
    usual = Usual.of(earlier, LEAST_BLOCKS)
    if usual is None:
        return not_judged(name, f"{says}; {needs(LEAST_BLOCKS, len(earlier), 'earlier ones')}", value)
    deviation = math.hypot(usual.spread, share_noise(usual.middle, labelled.whole))
    limit = max(0.0, usual.middle - max(COMPLETENESS_STEP, SIGMAS * deviation))
    text = f"{says}, usually {percent(usual.middle)} (red below {percent(limit)})"
    return judged(name, (value, usual.middle, limit), text, bad=value < limit)


def silence_limit(silences: Sequence[int], p90: float | None) -> int:
    """Return how long a silence of labels may last, in ms.

    Twice the 95 % point of the longest silence of each earlier hour, where a day of them is known: labels that come
    once a day, or never at weekends, are silent most hours. Before that, half as long again as nine of ten labels take
    (p90, ms). Never less than an hour.
    """
    if len(silences) >= DAY // HOUR:
        return max(LEAST_SILENCE, int(FACTOR * sorted(silences)[math.ceil(0.95 * len(silences)) - 1]))
    return max(LEAST_SILENCE, int(1.5 * (p90 or 0.0)))


def timeliness(p90: float | None, labels: int, earlier: Sequence[float], silence: Silence | None) -> Gate:
    """Return whether labels come as fast as usual, and whether they still come.

    p90: within what delay nine of ten labels of the newest mature window came, ms, of so many labels; earlier: those of
    earlier windows; silence: None where there never was a label. Bad: silent for too long, or p90 beyond
    max(2 usual, usual + 4 spreads, usual + 1 minute). The gate's numbers are those of p90 in any case.
    """
    name = "timeliness"
    value = None if p90 is None else p90 / SECOND
    usual = Usual.of(earlier, LEAST_BLOCKS)
    middle = limit = None
    if usual is not None:
        middle = usual.middle / SECOND
        limit = max(FACTOR * usual.middle, usual.middle + max(SIGMAS * usual.spread, MINUTE)) / SECOND
    if silence is not None and silence.bad:
        text = (
            f"no label for {span(silence.length)}: about {silence.expected:,.0f} would usually have come meanwhile "
            f"(red beyond {span(silence.limit)})"
        )
        return Gate(name, GateState.BAD, value, middle, limit, text)
    if p90 is None or value is None or labels < LEAST_DELAYS:
        return not_judged(name, needs(LEAST_DELAYS, labels, "labels in the newest mature window"))
    says = f"nine of ten labels come within about {span(p90)}"
    if usual is None or middle is None or limit is None:
        return not_judged(name, f"{says}; {needs(LEAST_BLOCKS, len(earlier), 'earlier mature windows')}", value)
    text = f"{says}, usually {span(usual.middle)} (red beyond {span(limit * SECOND)})"
    return judged(name, (value, middle, limit), text, bad=value > limit)


def consistency(shares: Mapping[str, Share], earlier: Mapping[str, Sequence[float]], since: str) -> Gate:
    """Return whether no more events than usual are duplicates, orphans or rejected.

    shares: in words (`duplicates`, `orphans`, `rejected`, `rejected: REASON`) -> how many of how many events `since`;
    earlier: the same words -> the shares of earlier hours. Bad: one beyond usual + max(.02, 4 sd). As long as nothing
    is known to be usual: where a tenth of all events are rejected. The gate's numbers are those of the worst share.
    """
    name = "consistency"
    found = {word: _held(share, earlier.get(word, ()), word) for word, share in shares.items() if share.whole > 0}
    if not found:
        return not_judged(name, f"no event since {since}")
    red = {word: gate for word, gate in found.items() if gate.state is GateState.BAD}
    plain = {word: gate for word, gate in found.items() if word in PLAIN}
    worst = max((red or plain or found).values(), key=_beyond)
    text = f"since {since}: " + ", ".join(gate.text for gate in (red or plain or found).values())
    if red:
        return Gate(name, GateState.BAD, worst.value, worst.usual, worst.limit, text)
    if any(gate.state is GateState.UNKNOWN for gate in plain.values()):
        known = min(len(earlier.get(word, ())) for word in plain)
        return not_judged(
            name, f"{text}; {needs(LEAST_HOURS, known, 'hours of a hundred events and more')}", worst.value
        )
    return Gate(name, GateState.OK, worst.value, worst.usual, worst.limit, text)


def _held(share: Share, earlier: Sequence[float], word: str) -> Gate:
    """Hold one share against what is usual of it."""
    value = share.part / share.whole
    usual = Usual.of(earlier, LEAST_HOURS)
    if usual is None:
        limit = REJECTED_ANYWAY + SIGMAS * share_noise(REJECTED_ANYWAY, share.whole)
        bad = word.startswith(REJECTED) and value > limit
        state = GateState.BAD if bad else GateState.UNKNOWN
        return Gate(word, state, value, None, limit if bad else None, f"{percent(value)} {word}")
    deviation = math.hypot(usual.spread, share_noise(usual.middle, share.whole))
    limit = min(1.0, usual.middle + max(CONSISTENCY_STEP, SIGMAS * deviation))
    text = f"{percent(value)} {word}, usually {percent(usual.middle)}"
    if value > limit:
        text += f" (red beyond {percent(limit)})"
    return judged(word, (value, usual.middle, limit), text, bad=value > limit)


def _beyond(gate: Gate) -> float:
    """Return by how much a share is beyond its limit; negative below it."""
    return (gate.value or 0.0) - (1.0 if gate.limit is None else gate.limit)
