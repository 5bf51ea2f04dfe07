"""What a daemon would see in a state that none is running on. It reads, and never commits."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import zstandard

from monitor.alerting.objectives import PART as BUDGETS
from monitor.alerting.objectives import Objectives, counters
from monitor.counts.slices import AgingSlices
from monitor.errors import StateBroken
from monitor.report.inspecting import PART as SAMPLES
from monitor.report.inspecting import Gates
from monitor.reporting import Reporter, promises_by_model
from monitor.revalidate.evidence import Seen, red_gates
from monitor.revalidate.streaks import PART as WORSE
from monitor.revalidate.streaks import Streaks
from monitor.state.history import decoded
from monitor.statistics.doubts import marked
from monitor.statistics.schedule import live_schedule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitor.config import Settings
    from monitor.state.history import Record
    from monitor.state.state import State
    from monitor.statistics.baseline import Baseline
    from monitor.statistics.inspection import Inspection

LOG: Final = logging.getLogger("foldwatch")
_KEPT: Final = (BUDGETS, SAMPLES, WORSE)
"""Parts of records that are read."""


def seen_offline(settings: Settings, state: State, baselines: Mapping[tuple[str, str], Baseline], now: int) -> Seen:
    """Return what a daemon on this state would have seen at `now`: epoch ms.

    Windows and error budgets are as of `now`. Streaks are those of the last evaluation, as far as verdicts still say
    so. Data gates are as of the last evaluation: what nobody reads is not missing in the data.
    """
    slices = AgingSlices.at(now, state.boundary())
    parts: dict[str, list[tuple[int, bytes]]] = {name: [] for name in _KEPT}
    for record in _records(state):
        for name, known in parts.items():
            if name in record.parts:
                known.append((record.as_of, record.parts[name]))
    last = max((at for known in parts.values() for at, _ in known), default=now)
    inspection = _inspection(settings, state, dict.fromkeys(part for _, part in parts[SAMPLES]), min(last, now))
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
    results = tuple(marked(inspection, reporter.report(due)))
    budgets = Objectives(settings, settings.cadence, now, tallies=state.objectives())
    budgets.restore(parts[BUDGETS], now)
    budgets.observe(now, counters(settings, state.objectives()), results)
    streaks = Streaks(settings.models)
    for _, part in parts[WORSE][-1:]:
        streaks.restore(part)
    return Seen(now, results, budgets.standings(), streaks.as_of(results), red_gates(inspection))


def _inspection(settings: Settings, state: State, samples: Mapping[bytes, None], at: int) -> Inspection:
    """Return what the data gates say as of a moment."""
    gates = Gates(settings, state)
    gates.restore(samples)
    return gates.inspect(at, AgingSlices.at(at, state.boundary()).boundary, state.totals())


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
