"""`foldwatch run` itself, in a present that the test moves, and with a point at which it dies.

Only what the command opens is wrapped: the clock, the state and the source. The command knows nothing of it.

python child.py --config F [--clock C] [--die POINT:N[:BYTES]] [--keep ROWS] [--most MESSAGES]

C is a file with the milliseconds, as text, by which the present differs from the wall clock's. POINT is one of POINTS,
N counts how often it is reached until the process kills itself there with SIGKILL. ROWS: the state forgets what it may
from so many rows on, not from a quarter of a million. MESSAGES: a batch holds about so many at most, so that even a
few messages take many steps, and partitions are read one after the other.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
import threading
from pathlib import Path

from monitor import cli, clock
from monitor.clock import SystemClock
from monitor.sources import opened as opened_source
from monitor.sources.broker.clients import open_client
from monitor.sources.broker.topics import Topics
from monitor.state import opened as opened_state
from monitor.state.disk.durable import RocksState

POINTS = (
    "opened",  # the state is open, nothing is read
    "sought",  # the source is told where to go on
    "polled",  # a batch is read, nothing is kept of it
    "buried",  # the state is asked to commit a batch whose dead letters are already kept
    "commit",  # the state is asked to commit a batch
    "torn",  # inside the commit: the write-ahead log takes BYTES more, and not one more
    "amid",  # inside the commit, at a random instant
    "committed",  # the batch is durable, the source does not know yet
    "told",  # the source knows
)


class Fate:
    """Counts how often each point is reached, and ends the process at the chosen one."""

    def __init__(self, chosen: str) -> None:
        self.store: Path | None = None
        self.point, self.n, self.bytes = "", 0, 0
        if chosen:
            point, n, *more = chosen.split(":")
            assert point in POINTS, chosen
            self.point, self.n, self.bytes = point, int(n), int(more[0]) if more else 0

    def reach(self, point: str) -> None:
        if point != self.point:
            return
        self.n -= 1
        if self.n > 0:
            return
        if point == "torn":
            self._tear()
        elif point == "amid":
            threading.Timer(self.bytes / 1e6, os.kill, (os.getpid(), signal.SIGKILL)).start()
        else:
            os.kill(os.getpid(), signal.SIGKILL)

    def _tear(self) -> None:
        """Let the write-ahead log grow by so many bytes: the write that crosses them is cut, and the next one kills."""
        assert self.store is not None
        newest = max(self.store.rglob("*.log"), key=lambda path: path.stat().st_mtime_ns)
        limit = newest.stat().st_size + self.bytes
        (self.store.parent / "torn").write_text(f"{newest} {limit}")
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


class DoomedState:
    """A state whose owner dies at the chosen point."""

    def __init__(self, state, fate: Fate) -> None:
        self._state, self._fate = state, fate

    def __getattr__(self, name):
        return getattr(self._state, name)

    def commit(self, commit) -> None:
        if commit.dead_letters:
            self._fate.reach("buried")
        for point in ("commit", "torn", "amid") if commit.offsets else ():
            self._fate.reach(point)
        self._state.commit(commit)
        if commit.offsets:
            self._fate.reach("committed")


class DoomedSource:
    """A source whose owner dies at the chosen point."""

    def __init__(self, source, fate: Fate) -> None:
        self._source, self._fate = source, fate

    def __getattr__(self, name):
        return getattr(self._source, name)

    def seek(self, offsets) -> None:
        self._source.seek(offsets)
        self._fate.reach("sought")

    def poll(self):
        batch = self._source.poll()
        if batch.read:
            self._fate.reach("polled")
        return batch

    def commit(self, offsets) -> None:
        self._source.commit(offsets)
        self._fate.reach("told")


class MovedClock:
    """The wall clock, and what the test adds to it."""

    def __init__(self, path: Path) -> None:
        self._wall, self._path = SystemClock(), path

    def now(self) -> int:
        return self._wall.now() + int(self._path.read_text())


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", required=True)
    parser.add_argument("--clock", type=Path)
    parser.add_argument("--die", default="")
    parser.add_argument("--keep", type=int)
    parser.add_argument("--most", type=int)
    args = parser.parse_args()
    fate = Fate(args.die)
    open_source, open_state = opened_source.open_source, opened_state.open_state

    def source_of(settings, clock):
        if args.most:
            return DoomedSource(Topics(settings, clock, open_client(settings.source), most=args.most), fate)
        return DoomedSource(open_source(settings, clock), fate)

    def state_of(settings):
        state = (
            RocksState(settings.store, settings.models, always_kept=args.keep) if args.keep else open_state(settings)
        )
        fate.store = settings.store
        fate.reach("opened")
        return DoomedState(state, fate)

    opened_source.open_source, opened_state.open_state = source_of, state_of
    if args.clock:
        clock.SystemClock = lambda: MovedClock(args.clock)
    return cli.main(["run", "--config", args.config, "--log-format", "json"])


if __name__ == "__main__":
    sys.exit(main())
