"""Who is connected. The newest finds a place: of those whom we wait for, one of the greediest address gives way."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from monitor.serve.refusals import Refusals


class Guest(Protocol):
    """One connection, from the moment it is accepted."""

    @property
    def address(self) -> str:
        """Host that it comes from."""
        ...

    @property
    def waits_since(self) -> float | None:
        """Since when the client keeps us waiting, seconds of the loop's clock; None while we are at work for it."""
        ...

    def give_way(self) -> None:
        """Leave at once."""
        ...


G = TypeVar("G", bound=Guest)


class Seats(Generic[G]):
    """The connections of one listener, at most so many. A crowd from one address costs others nothing."""

    def __init__(self, places: int, refusals: Refusals) -> None:
        """Have `places` of them."""
        self._places, self._refusals = places, refusals
        self._guests: dict[G, None] = {}

    def __len__(self) -> int:
        """Return how many are taken."""
        return len(self._guests)

    def guests(self) -> list[G]:
        """Return who is here, in the order they came."""
        return list(self._guests)

    def admit(self, guest: G) -> bool:
        """Give a place to `guest`; False where all are taken by clients that we are at work for."""
        if len(self._guests) >= self._places and not self.vacate():
            self._refusals.count("too_many_connections")
            return False
        self._guests[guest] = None
        return True

    def vacate(self) -> bool:
        """Let one go: of the address with most connections that wait, the one that waits longest."""
        waiting = [(guest, since) for guest in self._guests if (since := guest.waits_since) is not None]
        if not waiting:
            return False
        crowd = Counter(guest.address for guest, _ in waiting)
        guest, _ = min(waiting, key=lambda one: (-crowd[one[0].address], one[1]))
        self.release(guest)
        self._refusals.count("too_many_connections")
        guest.give_way()
        return True

    def release(self, guest: G) -> None:
        """Take back the place of `guest`, if it has one."""
        self._guests.pop(guest, None)
