"""Leases: who works on a run at this moment. Whoever is dead for sure loses it at once, everybody else when it expires.

A holder is told as `HOST/BOOT/PID/START`: the machine, which start of its kernel and which namespace of processes, the
process, and when that began in ticks since the boot, since numbers of processes come again.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from monitor.clock import SECOND
from monitor.revalidate.desk import LEASE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

_PARTS: Final = 4
_START: Final = 19
"""Place of the start behind the name of a program in /proc/PID/stat: field 22 of all."""
_STATE: Final = 0
_DEAD: Final = frozenset({"Z", "X", "x"})


@dataclass(frozen=True, slots=True)
class Lease:
    """A run belongs to a holder until a moment, epoch ms."""

    holder: str
    until: int
    progress: str = ""
    """How far the work is, in its own words."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where we are, and how to look for a process of it."""

    host: str
    boot: str
    started: Callable[[int], str | None]
    """Process -> when it began, as in a holder; None: there is no such process."""


def renewed(holder: str, now: int, progress: str = "") -> Lease:
    """Return a lease that begins now."""
    return Lease(holder, now + round(LEASE_SECONDS * SECOND), progress)


def holds(lease: Lease, now: int, machine: Machine | None) -> bool:
    """Tell whether a run still belongs to its holder; `machine`: None where nobody can look for processes."""
    return now < lease.until and not (machine is not None and dead(lease.holder, machine))


def dead(holder: str, machine: Machine) -> bool:
    """Tell whether a holder is known to be dead: it was on this machine since this boot, and its process is gone."""
    parts = holder.rsplit("/", _PARTS - 1)
    if len(parts) < _PARTS or (parts[0], parts[1]) != (machine.host, machine.boot) or not parts[2].isdecimal():
        return False
    return machine.started(int(parts[2])) != parts[3]


def here() -> Machine | None:
    """Return this machine; None where it has no /proc."""
    boot = _boot()
    return None if boot is None else Machine(_host(), boot, _started)


def holder() -> str:
    """Return this process as a holder."""
    process = os.getpid()
    return f"{_host()}/{_boot() or 'unknown'}/{process}/{_started(process) or 'unknown'}"


def _host() -> str:
    return socket.gethostname().replace("/", "_")


def _boot() -> str | None:
    """Return the boot and the namespace of processes: in another one the same number is another process."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}.{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return None


def _started(process: int) -> str | None:
    """Return when a process began; None where there is none, or only what is left of a dead one."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if len(fields) <= _START or fields[_STATE] in _DEAD else fields[_START]
