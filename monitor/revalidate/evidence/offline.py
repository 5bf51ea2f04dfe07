"""What a daemon would see in a state that none is running on. It reads, and never commits."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import zstandard

from monitor.alerting.objectives import PART as BUDGETS
from monitor.alerting.objectives import Objectives, counters
from monitor.counts.slices import AgingSlices
from monitor.errors import StateBroken
from monitor.reporting import Reporter, promises_by_model
from monitor.revalidate.evidence.evidence import Seen
from monitor.revalidate.evidence.streaks import PART as WORSE
from monitor.revalidate.evidence.streaks import Streaks
from monitor.state.history import decoded
from monitor.statistics.schedule import live_schedule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitor.config import Settings
    from monitor.state.history import Record
    from monitor.state.state import State
    from monitor.statistics.baseline import Baseline

LOG: Final = logging.getLogger("foldwatch")
_KEPT: Final = (BUDGETS, WORSE)
"""Parts of records that are read."""


def seen_offline(settings: Settings, state: State, baselines: Mapping[tuple[str, str], Baseline], now: int) -> Seen:
    """Return what a daemon on this state would have seen at `now`: epoch ms.

    Windows and error budgets are as of `now`; windows carry no doubts. Streaks are those of the last evaluation, as far
    as verdicts still say so. Data gates are as of that one: what nobody reads is not missing in the data.
    """
    slices = AgingSlices.at(now, state.boundary())
    parts: dict[str, list[tuple[int, bytes]]] = {name: [] for name in _KEPT}
    for record in _records(state):
        for name, known in parts.items():
            if name in record.parts:
                known.append((record.as_of, record.parts[name]))
    due = {
        name: live_schedule(
            [(window.text, window.millis) for window in model.windows],
            model.label_horizon.millis,
            now,
            slices.boundary,
        )
        for name, model in settings.models.items()
    }
    reporter = Reporter(settings, state, promises_by_model(baselines), forgets=False)
    results = tuple(reporter.report(due))
    budgets = Objectives(settings, settings.cadence, now, tallies=state.objectives())
    budgets.restore(parts[BUDGETS], now)
    budgets.observe(now, counters(settings, state.objectives()), results)
    streaks = Streaks(settings.models)
    for _, part in parts[WORSE][-1:]:
        streaks.restore(part)
    return Seen(now, results, budgets.standings(), streaks.as_of(results), streaks.red)


def _records(state: State) -> Iterator[Record]:
    """Yield the records of evaluations, in order; what cannot be read is left out."""
    by = zstandard.ZstdDecompressor()
    try:
        for _, stored in state.history(0):
            try:
                yield decoded(stored, by)
            except ValueError:
                continue
    except StateBroken as error:
        LOG.warning("history left out", extra={"why": str(error)})
