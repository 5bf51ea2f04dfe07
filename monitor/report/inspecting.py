"""What the gates need of a configuration and a state, and how what they learnt is kept among the records of reports."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

from monitor.clock import DAY, HOUR, format_duration
from monitor.statistics.inspector import Inspector, Moment, Received
from monitor.statistics.pulse import Watched

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from monitor.config import ModelSettings, Settings
    from monitor.counts.slices import Deltas
    from monitor.state.state import State
    from monitor.statistics.inspection import Inspection
    from monitor.statistics.report import Totals
    from monitor.statistics.samples import Row

PART: Final = "samples"
"""Name of what `Gates.packed` returns among the parts of a record."""


class Gates:
    """An Inspector over a state."""

    def __init__(self, settings: Settings, state: State) -> None:
        """Watch every configured model."""
        self._state = state
        self._inspector = Inspector([watched(model) for model in settings.models.values()], state.slices)
        self._models = tuple(settings.models)

    def apply(self, slices: Deltas) -> None:
        """Learn what a step added to the slices. Every step comes here once, before the next `inspect`."""
        self._inspector.apply(slices)

    def note(self, read: int, behind: int | None, lag: Mapping[str, int]) -> None:
        """Learn of a step how many events it read, from when on others wait and how many, as far as known."""
        self._inspector.note(read, behind, lag)

    def inspect(self, now: int, minutes_since: int, totals: Mapping[str, Totals]) -> Inspection:
        """Return what the gates say at `now`. Slices are minutes from `minutes_since` on; totals: the state's.

        Call it before the report is evaluated, which drops slices, and before they are compacted.
        """
        received = {}
        for name in self._models:
            known = self._state.model(name)
            received[name] = Received(totals[name], known.last_prediction, known.last_label)
        return self._inspector.inspect(
            Moment(
                now, minutes_since, self._state.series(), received, self._state.dead_letters(), self._state.skipped()
            )
        )

    def packed(self, since: int) -> bytes:
        """Return what was learnt at `since` or later."""
        return msgspec.msgpack.encode(self._inspector.rows(since))

    def restore(self, packed: Iterable[bytes]) -> None:
        """Go on with what earlier processes learnt; what cannot be read is passed over."""
        rows: dict[Row, None] = {}
        for part in packed:
            with suppress(msgspec.MsgspecError):
                rows.update(dict.fromkeys(msgspec.msgpack.decode(part, type=list[tuple[str | int, ...]])))
        self._inspector.restore(rows)


def watched(model: ModelSettings) -> Watched:
    """Return what the gates need of a model: they compare stretches of its shortest window, in hours, at most a day."""
    shortest = min(window.millis for window in model.windows)
    block = min(DAY, -(-shortest // HOUR) * HOUR)
    same = [window.text for window in model.windows if window.millis == block]
    text = same[0] if same else format_duration(block)
    return Watched(model.name, model.layout, model.label_horizon.millis, block, text)
