"""The replay of dead letters: judge them by the configuration of today, send back those that are valid now."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from monitor.clock import Clock
    from monitor.config import Settings
    from monitor.sources.dead_letters.judge import Judge, Judged
    from monitor.sources.dead_letters.letters import Letter
    from monitor.sources.dead_letters.way_back import Return

MOST: Final = 1_000
"""Letters that are judged and sent at once."""


@dataclass(frozen=True, slots=True)
class Left:
    """Letters that are not replayed for one reason."""

    letters: int
    first: Judged


@dataclass(slots=True)
class Replayed:
    """What a replay has done so far."""

    sent: Counter[str] = field(default_factory=Counter)
    """Topic or file -> letters sent back, or that would be."""
    left: dict[str, Left] = field(default_factory=dict)
    """Why -> letters that stay where they are."""
    old: int = 0
    """Letters among those sent whose events are so old that the daemon may have forgotten everything they belong to."""

    @property
    def read(self) -> int:
        """Letters read so far."""
        return sum(self.sent.values()) + sum(each.letters for each in self.left.values())


def replay(
    letters: Iterable[Letter], judge: Judge, way: Return | None, clock: Clock, settings: Settings
) -> Iterator[Replayed]:
    """Send back what is valid now, a batch at a time, and yield after each what was done so far; None sends nothing.

    Raises SourceUnavailable or OSError where sending fails: what was sent before stays sent, and a repetition is safe.
    """
    done = Replayed()
    kept = {
        name: model.correction_window.millis + model.label_first_wait.millis for name, model in settings.models.items()
    }
    waiting = iter(letters)
    while batch := list(islice(waiting, MOST)):
        now = clock.now()
        judged = judge.judge(batch, now)
        for origin, valid in _by_origin(judged).items():
            if way is not None:
                way.send(origin, [each.letter for each in valid])
            done.sent[origin] += len(valid)
            done.old += sum(_is_old(each, kept, now) for each in valid)
        for each in judged:
            if each.why is not None:
                known = done.left.get(each.why)
                done.left[each.why] = Left(known.letters + 1, known.first) if known else Left(1, each)
        yield done


def _by_origin(judged: Iterable[Judged]) -> Mapping[str, list[Judged]]:
    """Return topic or file -> the valid letters that came from there, in their order."""
    found: dict[str, list[Judged]] = {}
    for each in judged:
        if each.why is None and each.origin is not None:
            found.setdefault(each.origin, []).append(each)
    return found


def _is_old(judged: Judged, kept: Mapping[str, int], now: int) -> bool:
    """Tell whether nothing that is kept may belong to an event any more."""
    if judged.at is None or judged.model is None:
        return False
    return judged.at < now - kept[judged.model]
