"""How fast error budgets burn, over the windows and with the limits of the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.alerting.rules import names as rules
from monitor.alerting.rules.promql import span
from monitor.dashboards.looks import AMBER, GREEN, GREY, RED, named
from monitor.dashboards.panels import Scale, Words, course, repeated, states
from monitor.dashboards.queries import MODEL, SLO, Query, either, recorded, series
from monitor.prometheus import catalog
from monitor.statistics.budget import BudgetState
from monitor.statistics.ladder import PAGE, TICKET

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.models import dashboard as sdk

    from monitor.statistics.ladder import Level

_COLOURS: Final = {PAGE: RED, TICKET: AMBER}
_WHAT: Final = {PAGE: "wakes somebody", TICKET: "makes a ticket"}
_NUMBERED: Final = (
    (BudgetState.INSUFFICIENT, "too few events", GREY),
    (BudgetState.OK, "ok", GREEN),
    (BudgetState.BURNING, "burning", AMBER),
    (BudgetState.EXHAUSTED, "spent", RED),
)
"""States by the number that stands for each."""


def burn_rates(levels: Sequence[Level], severity: str) -> sdk.Panel:
    """Return, once for each objective, how fast its budget burns over both windows of the levels of a severity."""
    own = [level for level in levels if level.severity == severity]
    windows = sorted({window for level in own for window in (level.short, level.long)})
    limits = sorted(float(level.factor) for level in own)
    pairs = ", ".join(f"{span(level.long)} and {span(level.short)} above {level.factor:f}" for level in own)
    words = Words(
        f"Burn rate for a {severity}: $slo",
        f"How many times faster than allowed the error budget is being spent: 1 spends exactly the budget by the end "
        f"of the period. It {_WHAT[severity]} while both windows of a pair are above their dashed line ({pairs}).",
        "no events in these windows",
    )
    queries = [Query(_burn(window), f"{span(window)} (limit {_limit(own, window)})") for window in windows]
    colours = ((-1.0, GREEN), *((limit, _COLOURS[severity]) for limit in limits))
    scale = Scale("suffix:x", 2, 0, limits=colours)
    panel = course(words, queries, scale, width=24, lines=limits)
    return repeated(panel, "slo", per_line=2)


def budget_states() -> sdk.Panel:
    """Return how each objective stood, over time."""
    numbers = {state: f"{number} * {_state(state)}" for number, (state, _, _) in enumerate(_NUMBERED)}
    words = Words(
        "Where each promise stands",
        "For each objective with a budget: ok, burning (an alert of it fires, or would), spent, or too few events to "
        "tell, which is neither good nor bad.",
        "no objective has a budget",
    )
    expr = f"max by (slo) (\n{either(*numbers.values())}\n)"
    mappings = named({str(number): (word, colour) for number, (_, word, colour) in enumerate(_NUMBERED)})
    return states(words, [Query(expr, "{{slo}}")], mappings, width=12)


def _limit(levels: Sequence[Level], window: int) -> str:
    """Return above which burn rate a window rings together with its other one."""
    return " or ".join(f"{float(level.factor):g}" for level in levels if window in {level.short, level.long})


def _burn(window: int) -> str:
    """Return the burn rate over a window, ms: its share of bad events over what is allowed. One series."""
    bad = f"max by (model, slo) ({recorded(rules.ratio(window), MODEL, SLO)})"
    return f"{bad}\n/\nmax by (model, slo) ({recorded(rules.BUDGET, MODEL, SLO)})"


def _state(state: BudgetState) -> str:
    return series(catalog.SLO_STATE, MODEL, f'state="{state.value}"')
