"""The demo's topics as a source, and the moment up to which they have been read as a clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.demo.phases import BEGIN, MODEL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.sources.source import Batch, Source


class Followed:
    """Reads from a source, and is a clock: the demo's present is the moment up to which its events have been read.

    In accelerated time the half second that a message is on its way is half an hour: by a clock that runs ahead of the
    events, windows would be called mature whose labels nobody could have read.
    """

    def __init__(self, source: Source) -> None:
        """Show BEGIN until something has been read."""
        self._source = source
        self._predicted = self._labelled = self._now = BEGIN

    def now(self) -> int:
        """Return the demo's present in epoch milliseconds."""
        return self._now

    def poll(self) -> Batch:
        """Return what is new, having looked how late it is."""
        batch = self._source.poll()
        events = batch.models.get(MODEL)
        if events is not None and events.predictions is not None:
            self._predicted = max(self._predicted, int(events.predictions.predicted_at.max()))
        if events is not None and events.labels is not None:
            self._labelled = max(self._labelled, int(events.labels.labelled_at.max()))
        read = min(self._predicted, self._labelled)
        self._now = max(self._now, read if batch.behind is None else min(read, batch.behind))
        return batch

    def seek(self, offsets: Mapping[str, int]) -> None:
        """Go on from these offsets."""
        self._source.seek(offsets)

    def commit(self, offsets: Mapping[str, int]) -> None:
        """Hand the courtesy on."""
        self._source.commit(offsets)

    def close(self) -> None:
        """Close the source."""
        self._source.close()
