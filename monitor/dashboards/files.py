"""The three dashboards as files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.dashboards.board import DEBUG, EXECUTIVE, ON_CALL, text
from monitor.dashboards.debug import debug
from monitor.dashboards.executive import executive
from monitor.dashboards.fit import Fit
from monitor.dashboards.on_call import on_call

if TYPE_CHECKING:
    from collections.abc import Mapping


def dashboard_files(fit: Fit | None = None) -> Mapping[str, str]:
    """Return name of the file -> its text. Without `fit`, as for the settings that nobody changed."""
    boards = {EXECUTIVE: executive(), ON_CALL: on_call(fit or Fit()), DEBUG: debug()}
    return {f"{identity.name}.json": text(board) for identity, board in boards.items()}
