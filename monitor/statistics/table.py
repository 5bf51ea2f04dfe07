"""The metrics of a batch of windows side by side: one matrix (W, columns) for every field. Pure.

So a rule that holds for all metrics is applied once, whatever their number; by name the columns of a metric are views.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from monitor.statistics.names import METRICS, PER_CLASS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from monitor.counts import Layout
    from monitor.statistics.arrays import Floats

    Objects = NDArray[np.object_]
    Whole = NDArray[np.int64]

_BINARY: Final = 2
OVERALL_OF_POSITIVE: Final = {"overall_roc_auc": "roc_auc", "overall_pr_auc": "pr_auc"}
"""Keys of the whole-model metrics whose name is a class metric's too (two classes only) -> that name."""


class Block(NamedTuple):
    """Where a metric stands in a table."""

    metric: str
    per_class: bool
    columns: slice


@dataclass(frozen=True, slots=True)
class Estimate:
    """One metric of W windows; C = K for class metrics, else 1."""

    metric: str
    per_class: bool
    value: Floats
    """(W, C), NaN where undefined."""
    n: Whole
    """(W, C) the denominator in labelled predictions."""
    lower: Floats
    upper: Floats
    """(W, C) closed-form band; NaN where there is none."""
    method: Objects
    """(W, C) the contract's names."""
    undefined: Objects
    """(W, C) a short reason, or None."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The band of one metric as it is displayed, of W windows; C = K for class metrics, else 1."""

    metric: str
    lower: Floats
    upper: Floats
    """(W, C), NaN where there is none."""
    method: Objects
    """(W, C) the contract's names."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimates(Mapping[str, Estimate]):
    """What W windows measure; fields (W, columns) as in `Estimate`. By key: one metric."""

    blocks: Mapping[str, Block]
    value: Floats
    n: Whole
    lower: Floats
    upper: Floats
    method: Objects
    undefined: Objects

    def __getitem__(self, key: str) -> Estimate:
        """Return the columns of one metric."""
        of = self.blocks[key]
        at = (slice(None), of.columns)
        return Estimate(
            of.metric,
            of.per_class,
            self.value[at],
            self.n[at],
            self.lower[at],
            self.upper[at],
            self.method[at],
            self.undefined[at],
        )

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys in the contract's order."""
        return iter(self.blocks)

    def __len__(self) -> int:
        """Return how many metrics there are."""
        return len(self.blocks)


@dataclass(frozen=True, slots=True, eq=False)
class ShownBands(Mapping[str, Shown]):
    """The bands of W windows as they are displayed; fields (W, columns) as in `Shown`. By key: one metric."""

    blocks: Mapping[str, Block]
    lower: Floats
    upper: Floats
    method: Objects

    def __getitem__(self, key: str) -> Shown:
        """Return the columns of one metric."""
        of = self.blocks[key]
        at = (slice(None), of.columns)
        return Shown(of.metric, self.lower[at], self.upper[at], self.method[at])

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys in the contract's order."""
        return iter(self.blocks)

    def __len__(self) -> int:
        """Return how many metrics there are."""
        return len(self.blocks)


def blocks(layout: Layout) -> dict[str, Block]:
    """Return key -> block in the order of `METRICS`; two classes' `OVERALL_OF_POSITIVE` are columns of others."""
    found: dict[str, Block] = {}
    end = 0
    for metric in METRICS:
        start, end = end, end + (layout.classes if metric in PER_CLASS else 1)
        found[metric] = Block(metric, metric in PER_CLASS, slice(start, end))
    if layout.classes == _BINARY:
        for key, metric in OVERALL_OF_POSITIVE.items():
            at = found[metric].columns.start + layout.positive
            found[key] = Block(metric, per_class=False, columns=slice(at, at + 1))
    return found
