"""The three dashboards as files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.dashboards.board import EXECUTIVE, text
from monitor.dashboards.executive import executive
from monitor.dashboards.fit import Fit

if TYPE_CHECKING:
    from collections.abc import Mapping


def dashboard_files(fit: Fit | None = None) -> Mapping[str, str]:
    """Return name of the file -> its text. Without `fit`, as for the settings that nobody changed."""
    return {f"{EXECUTIVE.name}.json": text(executive())}
