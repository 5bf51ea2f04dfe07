"""Which versions of a model are in production: those that predict now, as far as the state knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from monitor.clock import HOUR

if TYPE_CHECKING:
    from monitor.config import ModelSettings
    from monitor.counts.slices import Series
    from monitor.state.state import State

_ABREAST: Final = HOUR
"""Versions whose last predictions lie so close together serve side by side: of these the one that began last is the
newest, so that a small share of new predictions does not change places with a large one from minute to minute."""


class _Served(NamedTuple):
    """How new a version is: the greater, the newer."""

    abreast: bool
    began: int
    """Start of its first slice, where it serves beside the newest predictions."""
    last: int
    """Start of its last slice with predictions."""
    version: str


def in_production(state: State, model: ModelSettings) -> list[str]:
    """Return the versions with predictions in the last shortest window, at least an hour, before the model's last one.

    The newest first; none where the state has no predictions of the model.
    """
    end = state.model(model.name).last_prediction
    if end is None:
        return []
    reach = max(min(window.millis for window in model.windows), HOUR)
    own = [series for series in state.series() if series.model == model.name and series.segment is None]
    lasts = {series: _last(state, series, end - reach, end) for series in own}
    there = {series: last for series, last in lasts.items() if last is not None}
    newest = max(there.values(), default=0)
    served = [
        _Served(
            abreast := last > newest - _ABREAST,
            _first(state, series, end) if abreast else 0,
            last,
            series.version,
        )
        for series, last in there.items()
    ]
    return [one.version for one in sorted(served, reverse=True)]


def _last(state: State, series: Series, start: int, end: int) -> int | None:
    """Return the start of the last slice with predictions that reaches into [start, end]."""
    last = None
    for begins, counts in state.slices(series, start - start % HOUR, end + 1):
        if counts.predictions:
            last = begins
    return last


def _first(state: State, series: Series, end: int) -> int:
    """Return the start of the first slice with predictions."""
    return next((begins for begins, counts in state.slices(series, 0, end + 1) if counts.predictions), end)
