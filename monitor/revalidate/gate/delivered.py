"""What production delivers: the mature windows of the longest length, as the last evaluation has them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.revalidate.desk import Refused
from monitor.revalidate.gate.canary import Canary, weigh
from monitor.statistics.report import Maturity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.config import ModelSettings
    from monitor.counts import Counts
    from monitor.statistics.report import WindowResult


def longest(model: ModelSettings) -> str:
    """Return the longest window as configured: `7d`."""
    return max(model.windows, key=lambda window: window.millis).text


def delivered(model: ModelSettings, version: str, results: Iterable[WindowResult]) -> list[WindowResult]:
    """Return the mature windows of the longest length of a version: of everything, and of each segment."""
    window = longest(model)
    return [
        one
        for one in results
        if (one.model, one.version, one.window) == (model.name, version, window) and one.maturity is Maturity.MATURE
    ]


def counts_of(windows: Iterable[WindowResult]) -> dict[str | None, Counts]:
    """Return segment -> counts; None: everything."""
    return {one.segment: one.counts for one in windows}


def canary(model: ModelSettings, candidate: str, results: Sequence[WindowResult], known: Sequence[str]) -> Canary:
    """Return how a version does against the one in production: of the others the one with the most mature labels.

    known: versions of which anything is known, newest first; where no other one has labels it is the newest of these.
    Raises Refused where there is no other version.
    """
    labels = {
        version: sum(one.labels for one in delivered(model, version, results) if one.segment is None)
        for version in known
        if version != candidate
    }
    if not labels:
        message = f"`{model.name}` has no version but {candidate}: there is nothing to hold it against"
        raise Refused(message)
    against = max(labels, key=lambda version: labels[version])
    ours, theirs = (counts_of(delivered(model, version, results)) for version in (candidate, against))
    return weigh(model, candidate, against, ours, theirs, longest(model))
