"""Which source the daemon reads: `source.kind`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.sources.broker.clients import open_client
from monitor.sources.files import Files

if TYPE_CHECKING:
    from monitor.clock import Clock
    from monitor.config import Settings
    from monitor.sources.source import Source


def open_source(settings: Settings, clock: Clock) -> Source:
    """Return the source of a configuration that has all that `require_source` asks for; it connects when it is read.

    Raises InputError where a client's library is not installed or a file of `source.security` is missing or empty.
    """
    if settings.source.kind == "kafka":
        from monitor.sources.broker.topics import Topics  # noqa: PLC0415 - whoever follows files need not load it

        return Topics(settings, clock, open_client(settings.source))
    return Files(settings, clock)
