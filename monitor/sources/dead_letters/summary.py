"""What dead letters there are: how many of each reason, since when, and the newest of them."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from monitor.sources.dead_letters.letters import Letter


@dataclass(frozen=True, slots=True)
class OfReason:
    """The dead letters of one reason."""

    reason: str
    letters: int
    oldest: int | None
    """When the first of them was rejected, in epoch milliseconds; None: no time can be read."""
    newest: int | None
    sample: tuple[Letter, ...]
    """The newest ones, newest first."""


@dataclass(slots=True)
class _Growing:
    """One reason while letters are read; of the letters only the newest are kept."""

    letters: int = 0
    oldest: int | None = None
    newest: int | None = None
    sample: list[tuple[int, int, Letter]] = field(default_factory=list)

    def add(self, letter: Letter, most: int) -> None:
        self.letters += 1
        at = letter.at
        if at is not None:
            self.oldest = at if self.oldest is None else min(self.oldest, at)
            self.newest = at if self.newest is None else max(self.newest, at)
        mark = (-1 if at is None else at, self.letters, letter)
        if len(self.sample) < most:
            heapq.heappush(self.sample, mark)
        elif most:
            heapq.heappushpop(self.sample, mark)


def summarize(letters: Iterable[Letter], sample: int) -> list[OfReason]:
    """Return what there is of each reason, that with the newest letter first, with `sample` letters each."""
    growing: dict[str, _Growing] = {}
    for letter in letters:
        growing.setdefault(letter.reason, _Growing()).add(letter, sample)
    found = [
        OfReason(
            reason, each.letters, each.oldest, each.newest, tuple(letter for *_, letter in sorted(each.sample)[::-1])
        )
        for reason, each in growing.items()
    ]
    return sorted(found, key=lambda each: (0 if each.newest is None else -each.newest, each.reason))


def chosen(letters: Iterable[Letter], of_reasons: Collection[str], since: int | None) -> Iterator[Letter]:
    """Yield the letters of these reasons (empty: of all) that were rejected at `since` or later."""
    for letter in letters:
        if of_reasons and letter.reason not in of_reasons:
            continue
        if since is None or (letter.at is not None and letter.at >= since):
            yield letter
