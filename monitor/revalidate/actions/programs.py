"""A program and all that it starts: begun in a session of its own, watched, and ended whole.

What holds for all of them together: seconds, memory, cancellation. Linux only, as the rest of foldwatch.
"""

from __future__ import annotations

import os
import resource
import selectors
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import subprocess
    import threading
    from collections.abc import Callable, Iterator, Mapping

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_KIB: Final = 1024
_BLOCK: Final = 65_536
_LOOK: Final = 0.1
"""Seconds between two looks at limits and cancellation."""
_GRACE: Final = 3.0
"""Seconds between SIGTERM and SIGKILL."""
_GONE: Final = 5.0
"""Seconds until what was killed has to be gone; only a process in the middle of the kernel's own work takes longer."""


class How(Enum):
    """How a program came to its end."""

    EXITED = "exited"
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"
    TOO_LARGE = "too large"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program and all that it starts may take."""

    deadline: float
    """On the clock of `time.monotonic`."""
    memory: int | None = None
    """Bytes, resident, of all together."""


@dataclass(frozen=True, slots=True)
class End:
    """The end of a program."""

    how: How
    code: int
    """Exit code; -N: ended by signal N."""
    resident: int = 0
    """Bytes that all of them held when they were too large."""


def limit_memory(memory: int, pid: int = 0) -> None:
    """Let no single process reserve more private memory than that: it then gets a MemoryError at once.

    The rest of the limit is `follow`'s, which adds up what all of them hold: between two of its looks this is what
    keeps one process from taking the machine's memory.
    """
    with suppress(OSError, ValueError):  # a tighter limit that somebody else set holds as well
        resource.prlimit(pid, resource.RLIMIT_DATA, (memory, memory))


def follow(
    program: subprocess.Popen[bytes],
    reads: Mapping[int, Callable[[bytes], None]],
    limits: Limits,
    cancelled: threading.Event,
) -> End:
    """Follow a program that was started with `start_new_session` to its end, and end whatever it leaves behind.

    `reads`: file descriptor -> what takes its bytes. When this returns (or raises) nothing of its session runs.
    """
    try:
        how, resident = _followed(program.pid, reads, limits, cancelled)
    finally:
        _end_session(program.pid)
        code = program.wait()
        _reap(program.pid)
    if how is How.EXITED:
        _drain(reads)
    return End(how, code, resident)


def _followed(
    session: int, reads: Mapping[int, Callable[[bytes], None]], limits: Limits, cancelled: threading.Event
) -> tuple[How, int]:
    """Read and look until the program exits or must end."""
    with selectors.DefaultSelector() as selector:
        for descriptor, take in reads.items():
            selector.register(descriptor, selectors.EVENT_READ, take)
        while True:
            if not selector.get_map():
                time.sleep(_LOOK / 2)  # it has closed its ends and still runs
            for key, _ in selector.select(_LOOK) if selector.get_map() else ():
                block = os.read(key.fd, _BLOCK)
                if block:
                    key.data(block)
                else:
                    selector.unregister(key.fd)
            if _exited(session):
                return How.EXITED, 0
            if cancelled.is_set():
                return How.CANCELLED, 0
            if time.monotonic() >= limits.deadline:
                return How.TIMED_OUT, 0
            if limits.memory is not None and (held := resident(members(session), limits.memory)) > limits.memory:
                return How.TOO_LARGE, held


def _exited(pid: int) -> bool:
    """Tell whether a child of ours ended; it stays unreaped, so that nobody else can get its number."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _drain(reads: Mapping[int, Callable[[bytes], None]]) -> None:
    """Read what still lies in the pipes; nobody writes to them any more, unless it left the session."""
    for descriptor, take in reads.items():
        os.set_blocking(descriptor, False)
        with suppress(BlockingIOError):
            while block := os.read(descriptor, _BLOCK):
                take(block)


def members(session: int) -> Iterator[int]:
    """Yield the processes of a session that still run."""
    for name in os.listdir("/proc"):  # noqa: PTH208 - ten times a second: no Path for each
        if name.isdigit():
            with suppress(OSError):
                if os.getsid(int(name)) == session and not _is_zombie(name):
                    yield int(name)


def _is_zombie(pid: str) -> bool:
    """Tell whether a process has ended and waits to be reaped."""
    stat = Path("/proc", pid, "stat").read_bytes()
    return stat[stat.rindex(b")") + 2 :][:1] in {b"Z", b"X"}


def resident(pids: Iterator[int], enough: int) -> int:
    """Return the bytes that these processes hold together, shared pages counted once.

    The kernel tells the plain sum at once, the shared part slowly: it is asked only where the plain sum is above
    `enough`.
    """
    seen = list(pids)
    plain = sum(_plain(pid) for pid in seen)
    return plain if plain <= enough else sum(_shared_once(pid) for pid in seen)


def _plain(pid: int) -> int:
    """Return the resident bytes of a process, each shared page counted whole."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * _PAGE
    return 0


def _shared_once(pid: int) -> int:
    """Return the proportional set size of a process: a page that n processes share counts 1/n."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_bytes().splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * _KIB
    return _plain(pid)


def _end_session(session: int) -> None:
    """End everything in a session: with SIGTERM, and SIGKILL for what is still there after a moment."""
    for wanted, seconds in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, _GONE)):
        until = time.monotonic() + seconds
        signalled: set[int] = set()
        while left := list(members(session)):
            for pid in left:
                if pid not in signalled:
                    signalled.add(pid)
                    with suppress(OSError):
                        os.kill(pid, wanted)
            if time.monotonic() >= until:
                break
            time.sleep(_LOOK / 5)


def _reap(session: int) -> None:
    """Reap what the program left to us, where we are the first process of a container."""
    with suppress(ChildProcessError):
        while os.waitpid(-session, os.WNOHANG) != (0, 0):
            pass
