"""Verdicts at a glance: a badge says by shape, colour and word what holds, so that no one needs all three."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from monitor.report import words
from monitor.report.markup import Markup, joined, tag
from monitor.statistics.report import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.statistics.report import MetricResult

SERIOUS: Final = (Verdict.WORSE, Verdict.UNKNOWN, Verdict.OK)
"""The most serious verdict first."""
_SHAPES: Final = {Verdict.OK: "●", Verdict.WORSE: "▼", Verdict.UNKNOWN: "□"}


def badge(verdict: Verdict | None) -> Markup:
    """Return the badge of a verdict; of none, a dash."""
    if verdict is None:
        return tag("span", words.DASH, class_="badge none")
    return tag("span", glyph(verdict), verdict.value, class_=f"badge {verdict.value.lower()}")


def glyph(verdict: Verdict) -> Markup:
    """Return the shape alone, as the plots mark it; a screen reader is told the word beside it."""
    return tag("i", _SHAPES[verdict], aria_hidden="true")


def worst(results: Iterable[MetricResult]) -> MetricResult | None:
    """Return the first of the results with the most serious verdict; None where nothing is judged."""
    judged = [result for result in results if result.verdict is not None]
    return min(judged, key=seriousness, default=None)


def seriousness(result: MetricResult) -> int:
    """Return 0 for WORSE, 1 for UNKNOWN, 2 for OK, 3 for what is not judged."""
    return SERIOUS.index(result.verdict) if result.verdict else len(SERIOUS)


def tally(results: Iterable[MetricResult]) -> Markup:
    """Return how many verdicts of each kind there are, as badges with numbers."""
    counted = Counter(result.verdict for result in results if result.verdict)
    return joined(
        tag("span", glyph(verdict), f"{counted[verdict]} {verdict.value}", class_=f"badge {verdict.value.lower()}")
        for verdict in SERIOUS
        if counted[verdict]
    )
