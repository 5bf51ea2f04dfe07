"""Which dead letters are valid by the configuration of today, and where each of them came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from monitor.sources.dead_letters.letters import FOREIGN
from monitor.sources.decoding.codec import Codec, Kind
from monitor.sources.source import Rejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.config import Settings
    from monitor.sources.dead_letters.letters import Letter
    from monitor.sources.decoding.codec import Decoded

TRUNCATED: Final = "truncated"
"""Only the beginning of the event was kept."""
ELSEWHERE: Final = "of another source"
"""It came from a topic or file that the configuration does not name any more."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a dead letter is today."""

    letter: Letter
    origin: str | None
    """The configured topic or file that it came from; None: it is of no configured one."""
    why: str | None = None
    """Why it cannot be replayed: one of `reasons.REASONS`, `reasons.SKIPPED`, TRUNCATED, ELSEWHERE or FOREIGN. None: it
    is valid."""
    detail: str = ""
    model: str | None = None
    """Of a valid event."""
    at: int | None = None
    """`predicted_at` or `labelled_at` of a valid event, in epoch milliseconds."""


class Judge:
    """Reads dead letters by the rules that hold for events now."""

    def __init__(self, settings: Settings) -> None:
        """Know the inputs of `settings`, which are of `kind: kafka` or `kind: files`."""
        source = settings.source
        self._codec = Codec(settings)
        self._of_topics = source.kind == "kafka"
        predictions, labels = (
            each.topic if self._of_topics else None if each.path is None else str(each.path)
            for each in (source.predictions, source.labels)
        )
        self._kinds: dict[str, Kind] = {}
        if predictions is not None:
            self._kinds[predictions] = Kind.LABELLED_PREDICTIONS if labels is None else Kind.PREDICTIONS
        if labels is not None:
            self._kinds[labels] = Kind.LABELS

    def judge(self, letters: Sequence[Letter], now: int) -> list[Judged]:
        """Return what each letter is at `now`, in epoch milliseconds, in their order."""
        origins = [self._origin(letter) for letter in letters]
        found: dict[int, Judged] = {}
        waiting: dict[str, list[int]] = {}
        for row, (letter, origin) in enumerate(zip(letters, origins, strict=True)):
            if letter.reason == FOREIGN:
                found[row] = Judged(letter, None, FOREIGN, letter.detail)
            elif origin is None:
                found[row] = Judged(letter, None, ELSEWHERE, "the configuration does not name where it came from")
            elif letter.truncated is not None:
                kept = f"of {letter.truncated:,} bytes {len(letter.value):,} were kept"
                found[row] = Judged(letter, origin, TRUNCATED, kept)
            else:
                waiting.setdefault(origin, []).append(row)
        for origin, rows in waiting.items():
            found.update(zip(rows, self._decoded(origin, [letters[row] for row in rows], now), strict=True))
        return [found[row] for row in range(len(letters))]

    def _decoded(self, origin: str, letters: Sequence[Letter], now: int) -> list[Judged]:
        """Return what the letters of one topic or file are, decoded as messages are: a line of a file is one too."""
        decoded = self._codec.decode_messages(
            self._kinds[origin],
            [letter.value for letter in letters],
            now=now,
            stamps=np.array([-1 if letter.timestamp is None else letter.timestamp for letter in letters], np.int64),
            letter=lambda row, reason, detail: Rejected(reason, detail, str(row), letters[row].value),
        )
        return [
            Judged(letter, origin, event.why, event.detail, event.model, event.at)
            for letter, event in zip(letters, _events(decoded), strict=True)
        ]

    def _origin(self, letter: Letter) -> str | None:
        """Return the configured topic or file of a letter."""
        if self._of_topics:
            topic = letter.place.rpartition("/")[0].rpartition("/")[0]
            return topic if topic in self._kinds else None
        path = letter.place.rpartition(":")[0]
        if path in self._kinds:
            return path
        # The daemon may have named the same file by another way to it: by its name, where that is one file's alone.
        same = [each for each in self._kinds if Path(each).name == Path(path).name]
        return same[0] if len(same) == 1 else None


@dataclass(frozen=True, slots=True)
class _Event:
    """What became of one event: see Judged."""

    why: str | None
    detail: str = ""
    model: str | None = None
    at: int | None = None


def _events(decoded: Decoded) -> list[_Event]:
    """Return what became of each event, where each is decoded at the place of its number."""
    skipped = next(iter(decoded.skipped), None)
    found = [_Event(skipped, "the daemon would skip it")] * decoded.read
    for wrong in decoded.rejected:
        found[int(wrong.place)] = _Event(wrong.reason, wrong.detail)
    for model, frames in decoded.valid.items():
        frame = frames.labels if frames.predictions is None else frames.predictions
        if frame is not None:
            for row, at in zip(frame["row"].to_list(), frame["at"].to_list(), strict=True):
                found[row] = _Event(None, model=model, at=at)
    return found
