"""Whether the ledger is as it was written: the file where it lies here, else the entries that a daemon gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.revalidate.ledger.entries import Known, canonical
from monitor.revalidate.ledger.verify import verify, walked

if TYPE_CHECKING:
    from monitor.config import Settings
    from monitor.errors import Problem
    from monitor.revalidate.desk import Ledgered


def ledger_findings(settings: Settings, ledgered: Ledgered) -> list[Problem]:
    """Return what is wrong, in order; nothing: an empty list. Raises InputError where the file cannot be read."""
    known = Known(ledgered.number, ledgered.hash) if ledgered.number else None
    if settings.ledger is not None and settings.ledger.is_file():
        return verify(settings.ledger, known)
    lines = (canonical(entry) + b"\n" for entry in ledgered.entries)
    return walked(lines, "the daemon's ledger", known).findings
