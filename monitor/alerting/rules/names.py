"""Names and labels of recorded series: those of Sloth, so that what reads Sloth's series reads ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.alerting.rules.promql import selector, span

if TYPE_CHECKING:
    from collections.abc import Mapping

INFORMATION: Final = "sloth_slo_info"
TARGET: Final = "slo:objective:ratio"
BUDGET: Final = "slo:error_budget:ratio"
PERIOD_DAYS: Final = "slo:time_period:days"
BURN: Final = "slo:current_burn_rate:ratio"
PERIOD_BURN: Final = "slo:period_burn_rate:ratio"
BUDGET_LEFT: Final = "slo:period_error_budget_remaining:ratio"
EVENTS: Final = "slo:sli_events:total"
"""Ours: the counter of an objective's events, whichever process counts them."""
BAD: Final = "slo:sli_bad_events:total"
"""Ours: the same of the bad ones."""


def ratio(window: int) -> str:
    """Return the series of the share of bad events within `window` ms."""
    return f"slo:sli_error:ratio_rate{span(window)}"


def events(window: int) -> str:
    """Return the series of how many events `window` ms hold. Ours: Sloth has none, and pages for a single event."""
    return f"slo:sli_events:increase{span(window)}"


def sloth_labels(model: str, slo: str) -> Mapping[str, str]:
    """Return the labels by which Sloth tells objectives apart."""
    return {"sloth_id": f"{model}-{slo}", "sloth_service": model, "sloth_slo": slo}


def one(series: str, model: str, slo: str) -> str:
    """Return the value of a recorded series of one objective, with the labels `model` and `slo` alone."""
    return f"max by (model, slo) ({selector(series, model=model, slo=slo)})"
