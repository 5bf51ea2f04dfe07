"""What is shown: one Snapshot, and what is rendered from it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from monitor.prometheus.collector import Exposition
from monitor.report.json import encoded, report_document
from monitor.report.objectives import encoded_objectives
from monitor.report.page import page

if TYPE_CHECKING:
    from monitor.report.snapshot import Snapshot


class Shown:
    """A Snapshot and what is rendered from it: /metrics at once, page and JSON when first asked for."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Render the text of /metrics."""
        self._snapshot = snapshot
        self.exposition: Final = Exposition(snapshot)

    @property
    def halted(self) -> str | None:
        """Why reading stopped; None while events are read."""
        return self._snapshot.halted

    @cached_property
    def page(self) -> bytes:
        """The page, UTF-8."""
        return page(self._snapshot, served=True).encode()

    @cached_property
    def report(self) -> bytes:
        """The document of /api/v1/report, UTF-8."""
        return encoded(report_document(self._snapshot.report))

    @cached_property
    def objectives(self) -> bytes:
        """The document of /api/v1/objectives, UTF-8."""
        return encoded_objectives(self._snapshot)


class Showcase:
    """Holds what is shown now; a newer Shown takes its place in a single assignment, whoever is reading."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Show `snapshot`."""
        self.shown = Shown(snapshot)

    def publish(self, snapshot: Snapshot) -> None:
        """Show `snapshot` from now on."""
        self.shown = Shown(snapshot)
