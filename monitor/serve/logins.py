"""Is this the user's password? bcrypt takes long on purpose, so it is kept away from everybody else's requests."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

import bcrypt
from starlette.concurrency import run_in_threadpool

from monitor.serve.users import MOST_PASSWORD_BYTES, cost

if TYPE_CHECKING:
    from monitor.serve.users import Users

_AT_ONCE: Final = 1
"""Hashes computed at the same time: whoever tries passwords gets one core and no more."""
_MOST_WAITING: Final = 64
"""Logins of one address that wait for their turn."""
_MOST_IN_ALL: Final = 128
"""Logins that wait altogether: fewer than the connections that we take, so that a scrape always finds a place."""
_HASH: Final = b"." * 31


class TooManyLogins(Exception):  # noqa: N818 - the state of the world, named as it is reported
    """So many logins wait, of one address or altogether, that no further one is taken on."""


class _Lane:
    """The logins of one address: one after the other, so that many from one place hold up no other place for long."""

    __slots__ = ("__weakref__", "turn", "waiting")

    def __init__(self) -> None:
        """Nobody waits."""
        self.turn: Final = asyncio.Lock()
        self.waiting = 0


class Logins:
    """Compares passwords. Remembers, for each user, that the last right answer was right, so that it is quick again."""

    def __init__(self) -> None:
        """Remember nothing yet, under a key that no other process knows."""
        self._key: Final = secrets.token_bytes(32)
        self._right: dict[str, bytes] = {}
        self._users: Users | None = None
        self._decoys: dict[int, bytes] = {}
        self._lanes: Final[WeakValueDictionary[str, _Lane]] = WeakValueDictionary()
        self._waiting = 0
        self._slots: Final = asyncio.Semaphore(_AT_ONCE)

    def __repr__(self) -> str:
        """Tell nothing."""
        return "Logins()"

    async def right(self, users: Users, name: str, password: bytes, address: str) -> bool:
        """Tell whether `password` is the one of the user `name`; `address` is who asks.

        An unknown user costs as much as a wrong password. Raises TooManyLogins.
        """
        if users is not self._users:
            self._forget(users)
        if len(password) > MOST_PASSWORD_BYTES:
            return False
        hashed = users.hashes.get(name)
        seal = b"" if hashed is None else self._seal(hashed, password)
        if self._known(name, seal):
            return True
        lane = self._lanes.setdefault(address, _Lane())
        if lane.waiting >= _MOST_WAITING or self._waiting >= _MOST_IN_ALL:
            raise TooManyLogins
        lane.waiting += 1
        self._waiting += 1
        try:
            async with lane.turn, self._slots:
                if self._known(name, seal):  # somebody else with the same password was quicker
                    return True
                same = await run_in_threadpool(bcrypt.checkpw, password, hashed or self._decoy(users, name))
        finally:
            lane.waiting -= 1
            self._waiting -= 1
        if hashed is None or not same:
            return False
        if users is self._users:
            self._right[name] = seal
        return True

    def _known(self, name: str, seal: bytes) -> bool:
        """Tell whether this was right before. An unknown user has no seal."""
        return bool(seal) and hmac.compare_digest(self._right.get(name, b""), seal)

    def _forget(self, users: Users) -> None:
        """Forget what belongs to users or passwords that are no longer those of the file."""
        before = self._users.hashes if self._users is not None else {}
        self._users = users
        same = {name for name, hashed in users.hashes.items() if before.get(name) == hashed}
        self._right = {name: seal for name, seal in self._right.items() if name in same}

    def _seal(self, hashed: bytes, password: bytes) -> bytes:
        """Return what is remembered of a right answer: worth nothing without this process' key."""
        return hmac.digest(self._key, hashed + password, hashlib.sha256)

    def _decoy(self, users: Users, name: str) -> bytes:
        """Return a hash that no password has, of the same cost as some user's: the same one for the same name."""
        costs = sorted(cost(hashed) for hashed in users.hashes.values())
        pick = int.from_bytes(hmac.digest(self._key, name.encode(), hashlib.sha256)[:8])
        rounds = costs[pick % len(costs)]
        if rounds not in self._decoys:
            self._decoys[rounds] = bcrypt.gensalt(rounds) + _HASH
        return self._decoys[rounds]
