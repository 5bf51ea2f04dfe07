"""What the evaluator is asked: the terms of a model, and counted windows. Pure.

The terms are protocols, so that these rooms need not know a configuration: `config.ModelSettings` and
`config.Objective` fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from monitor.statistics.names import LOSSES, NEVER_JUDGED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.counts import Counts, Layout
    from monitor.statistics.arrays import Floats
    from monitor.statistics.comparison import Columns
    from monitor.statistics.report import Maturity


class ObjectiveTerms(Protocol):
    """What the evaluator needs to know of an objective; `config.Objective` is one."""

    @property
    def metric(self) -> str:
        """Name of the metric."""
        ...

    @property
    def class_(self) -> str | None:
        """The class, or None for a whole-model metric."""
        ...

    @property
    def window(self) -> str:
        """As configured: `24h`."""
        ...

    @property
    def segment(self) -> str | None:
        """None for everything, or `name=value`."""
        ...

    @property
    def margin(self) -> float | None:
        """None: the model's margin."""
        ...


class Terms(Protocol):
    """What the evaluator needs to know of a model; `config.ModelSettings` is one."""

    @property
    def name(self) -> str:
        """The model."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the counts and of the baselines."""
        ...

    @property
    def layout(self) -> Layout:
        """Layout of the counts."""
        ...

    @property
    def margin(self) -> float:
        """Of metrics without an objective of their own."""
        ...

    @property
    def objectives(self) -> Sequence[ObjectiveTerms]:
        """Their margins go before the model's."""
        ...


@dataclass(frozen=True, slots=True)
class WindowCounts:
    """One window `[start, end)` of one series with what was counted in it. Moments are epoch milliseconds."""

    version: str
    segment: str | None
    """None for everything, or `name=value`."""
    window: str
    """As configured: `24h`."""
    start: int
    end: int
    as_of: int
    maturity: Maturity
    counts: Counts
    deff: float = 1.0
    """Design effect of the series."""


class Margins:
    """The margins of every column by (segment, window): an objective's before the model's; NaN where none is set."""

    def __init__(self, terms: Terms, columns: Columns) -> None:
        """Look up where every objective's margin belongs."""
        bare = [metric in LOSSES or metric in NEVER_JUDGED for metric in columns.metric]
        self._usual = np.where(bare, np.nan, terms.margin)
        self._special: dict[tuple[str | None, str], Floats] = {}
        place = {(m, c): i for i, (m, c) in enumerate(zip(columns.metric, columns.class_, strict=True))}
        for objective in terms.objectives:
            class_ = None if objective.class_ is None else terms.classes.index(objective.class_)
            at = place.get((objective.metric, class_))
            if at is None or objective.metric in NEVER_JUDGED:
                continue
            row = self._special.setdefault((objective.segment, objective.window), self._usual.copy())
            row[at] = terms.margin if objective.margin is None else objective.margin

    def of(self, windows: Sequence[WindowCounts]) -> Floats:
        """Return (W, columns)."""
        return np.array([self._special.get((w.segment, w.window), self._usual) for w in windows])
