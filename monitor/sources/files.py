"""The daemon's source for `kind: files`: follows growing JSON Lines files of predictions and labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.errors import InputError, Problem, SourceUnavailable
from monitor.sources.decoding.codec import Codec, Kind, batch_of
from monitor.sources.follow import Follower
from monitor.sources.logs.streams import BLOCK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.clock import Clock
    from monitor.config import Settings
    from monitor.sources.decoding.codec import Decoded
    from monitor.sources.source import Batch

PREDICTIONS, LABELS = "predictions", "labels"
"""The partitions."""


class Files:
    """Reads what is new in the files of `source.predictions.path` and `source.labels.path`.

    An offset is a byte of the file that bears the name. A file that is not there yet does not keep the other from being
    read. Without `labels.path` the predictions carry `y_true`.
    """

    def __init__(self, settings: Settings, clock: Clock, *, most: int = BLOCK) -> None:
        """Open nothing yet; a batch holds about `most` bytes of each file."""
        source = settings.source
        if source.predictions.path is None:
            raise InputError(Problem("source.predictions.path", "is missing", "name the file of predictions"))
        latest = source.start == "latest"
        self._codec, self._clock, self._most = Codec(settings), clock, most
        kind = Kind.LABELLED_PREDICTIONS if source.labels.path is None else Kind.PREDICTIONS
        self._inputs = {PREDICTIONS: (kind, Follower(source.predictions.path, latest=latest))}
        if source.labels.path is not None:
            self._inputs[LABELS] = (Kind.LABELS, Follower(source.labels.path, latest=latest))

    def poll(self) -> Batch:
        """Return what is new. Raises SourceUnavailable where a file is away and the other has nothing new."""
        now = self._clock.now()
        decoded: list[Decoded] = []
        notices: list[str] = []
        away: list[str] = []
        for kind, follower in self._inputs.values():
            try:
                lines = follower.read(self._most)
            except SourceUnavailable as wrong:
                away.append(str(wrong))
                continue
            notices += lines.notices

            def place(line: int, path: str = str(follower.path), before: int = lines.line) -> str:
                return f"{path}:{before + line + 1}"

            if lines.content:
                decoded.append(self._codec.decode(kind, lines.content, now=now, place=place))
        if away and not decoded and not notices:
            raise SourceUnavailable("; ".join(away))
        offsets = {partition: follower.offset for partition, (_, follower) in self._inputs.items()}
        return batch_of(self._codec, *decoded, offsets=offsets, notices=notices)

    def seek(self, offsets: Mapping[str, int]) -> None:
        """Go on at these bytes; a file that is not named begins where `source.start` says."""
        for partition, (_, follower) in self._inputs.items():
            follower.seek(offsets.get(partition))

    def commit(self, offsets: Mapping[str, int]) -> None:
        """Nothing: a file does not care who has read it."""

    def close(self) -> None:
        """Let go of the files; a second call does nothing."""
        for _, follower in self._inputs.values():
            follower.close()
