"""Classes with too few rows or errors to promise much, and what that does to the corridor."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.statistics.baseline import Baseline

FEW_ERRORS = 10
FEW_MEMBERS = 30


def warnings(baseline: Baseline) -> list[str]:
    """Return a line for each class with under 30 members or under 10 errors in the folds of one repeat."""
    return []
