"""Which windows are due, and as of when, for a replay and for the daemon. Moments are epoch milliseconds."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.clock import HOUR, MINUTE
from monitor.statistics.report import Maturity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """One window `[start, end)` to be evaluated as of a moment."""

    as_of: int
    end: int
    start: int
    window: str
    """As configured."""
    maturity: Maturity


@dataclass(frozen=True, slots=True)
class Span:
    """What a replay needs to know of a model's log beforehand."""

    first_prediction: int
    last_prediction: int
    last_arrival: int
    """Of anything in the whole log: where the data end."""


def replay_schedule(windows: Sequence[tuple[str, int]], horizon: int, every: int, span: Span) -> Iterator[Due]:
    """Yield, in the order of `as_of`, every window of a replay that may hold predictions.

    windows: (text, length). Ends fall on multiples of `every` since the epoch. Each window comes `provisional` as of
    its end and `mature` as of end + horizon (with horizon 0 once, mature). Where the data end before that, the windows
    not yet mature, up to the first that ends after the last prediction, come once more, provisional, as of the end of
    the data.
    """
    return heapq.merge(
        _as_of_ends(windows, 0, every, span, Maturity.PROVISIONAL if horizon else Maturity.MATURE),
        _as_of_ends(windows, horizon, every, span, Maturity.MATURE) if horizon else (),
        _cut_off(windows, horizon, every, span),
        key=lambda due: due.as_of,
    )


def _as_of_ends(
    windows: Sequence[tuple[str, int]], after: int, every: int, span: Span, maturity: Maturity
) -> Iterator[Due]:
    """Yield every window whose end + after lies within the data."""
    longest = max(length for _, length in windows)
    end = _first_multiple_after(span.first_prediction, every)
    while end - longest <= span.last_prediction and end + after <= span.last_arrival:
        yield from _ending_at(end, windows, end + after, maturity, span)
        end += every


def _cut_off(windows: Sequence[tuple[str, int]], horizon: int, every: int, span: Span) -> Iterable[Due]:
    """Yield the windows that the end of the data leaves without a mature report."""
    cut = span.last_arrival
    end = max(_first_multiple_after(span.first_prediction, every), _first_multiple_after(cut - horizon, every))
    while end <= _first_multiple_after(span.last_prediction, every):
        if end != cut:  # as of `cut` it has just been reported
            yield from _ending_at(end, windows, cut, Maturity.PROVISIONAL, span)
        end += every


def _ending_at(
    end: int, windows: Sequence[tuple[str, int]], as_of: int, maturity: Maturity, span: Span
) -> Iterator[Due]:
    """Yield the windows of one end that reach back to a prediction."""
    for text, length in windows:
        if end - length <= span.last_prediction:
            yield Due(as_of, end, end - length, text, maturity)


def _first_multiple_after(moment: int, every: int) -> int:
    """Return the smallest multiple of `every` that is greater than `moment`."""
    return (moment // every + 1) * every


def live_schedule(windows: Sequence[tuple[str, int]], horizon: int, now: int, minutes_since: int) -> list[Due]:
    """Return the daemon's windows at `now`: for each length the newest and the newest mature one.

    The newest window ends at `now` rounded up to the minute, so that the latest events are in it; with horizon 0 it
    counts as mature. Mature windows end `horizon` earlier, on a full hour. Starts are rounded down to a slice: slices
    are minutes from `minutes_since` (a full hour) on, and hours before.
    """
    newest = -(-now // MINUTE) * MINUTE
    mature = (newest - horizon) // HOUR * HOUR
    due = []
    for text, length in windows:
        start = slice_start(newest - length, minutes_since)
        due.append(Due(now, newest, start, text, Maturity.PROVISIONAL if horizon else Maturity.MATURE))
        if horizon:
            due.append(Due(now, mature, slice_start(mature - length, minutes_since), text, Maturity.MATURE))
    return due


def slice_start(moment: int, minutes_since: int) -> int:
    """Round down to the slice that holds `moment`."""
    length = MINUTE if moment >= minutes_since else HOUR
    return moment // length * length
