"""Objectives with error budgets that look like real ones, made without events: in every state, and in the shadow."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import fabricated as made

from monitor.alerting.alert import Alert
from monitor.clock import DAY, HOUR, MINUTE, format_duration
from monitor.config import Objective
from monitor.report.objectives import levels_asked
from monitor.report.rehearsal import Rehearsed, Rung
from monitor.statistics.budget import BudgetState, Standing, Tally


def promised(name, kind="occurrences", target="0.95", routing="page", metric="recall", class_="leave", **more):
    """Return an objective with a target."""
    return Objective(name, metric, class_, "24h", target=Decimal(target), kind=kind, routing=routing, **more)


def standing(one, objective, state=BudgetState.OK, period=None, burn=None, cadence=60_000, **more):
    """Return where an objective stands; `burn` is what every window burnt, or one number a window, shortest first."""
    period = period or Tally()
    levels = levels_asked(made.settings(one), objective, cadence)
    windows = sorted({length for level in levels for length in (level.short, level.long)})
    rates = burn if isinstance(burn, list) else [burn] * len(windows)
    spent = period.bad / (period.events * float(1 - objective.target)) if period.events else None
    more.setdefault("budget_left", None if spent is None else 1 - spent)
    return Standing(
        one.name, objective.name, objective.kind, objective.target, objective.routing, state, period,
        burn=dict(zip(map(format_duration, windows), rates, strict=True)), levels=levels, **more,
    )  # fmt: skip


def rung(objective, severity="page", *, at, resolved_at=None, shadow=False, reason=None, model_name="churn"):
    """Return an episode of a burn alert."""
    name = "FoldwatchBudgetBurnsFast" if severity == "page" else "FoldwatchBudgetBurns"
    why = (
        "23.4 % of 312 labelled predictions were bad over 1h and 25.0 % of 28 over 5m: "
        "burn rate 4.7 and 5, above 4; the budget lasts 6d at this rate"
    )
    return Alert(
        alert=name, severity=severity, slo=objective.name, source="burn", model=model_name, version="3",
        segment=objective.segment, metric=objective.metric, class_=objective.class_, at=at, resolved_at=resolved_at,
        reason=reason or why, shadow=shadow,
    )  # fmt: skip


LONG_NAME = "recall-of-customers-who-leave-within-the-first-thirty-days-of-a-new-contract-in-emea"


def budgets_snapshot(days=8, **more):
    """Objectives in every state: fine, burning, exhausted, without enough labels, in the shadow, with a long name."""
    floor = promised("leave-floor", target="0.94")
    fine = promised("weekly", "timeslices", "0.9", metric="accuracy", class_=None)
    spent = promised("leave-precision", target="0.985", metric="precision", routing="ticket")
    few = promised("leave-recall", "timeslices")
    shadow = promised("stay-recall", target="0.99", class_="stay", routing="shadow")
    long = promised(LONG_NAME, target="0.9995", segment="region=" + "emea-and-a-very-long-rest" * 3)
    one = made.model(objectives=(floor, fine, spent, few, shadow, long), segments={"region": None})
    ends = range(made.START + DAY, made.START + days * DAY + 1, 6 * HOUR)
    seen = made.history_of(one, "3", ends=ends, recall=lambda _: (0.87, 0.85), per_window=900)
    now = made.START + days * DAY
    burning, exhausted = BudgetState.BURNING, BudgetState.EXHAUSTED
    standings = (
        standing(one, floor, burning, Tally(48_211, 2_740), [16.2, 15.9, 14.1, 6.3, 2.4, 0.8, 0.4], event_cadence=HOUR),
        standing(one, fine, period=Tally(38_880, 0, 1_440), burn=0.0, event_cadence=60_000),
        standing(one, spent, exhausted, Tally(9_120, 410), [0.0, 2.9, 3.4, 3.1], event_cadence=40 * MINUTE),
        standing(one, few, BudgetState.INSUFFICIENT, Tally(0, 0, 12_000)),
        standing(one, shadow, burning, Tally(70_030, 512), 14.4, event_cadence=MINUTE, shadow_pages=3),
        standing(one, long, period=Tally(1_240_000, 37), burn=0.06, event_cadence=DAY),
    )
    rang = [
        rung(spent, "ticket", at=now - 5 * DAY, resolved_at=now - 4 * DAY),
        rung(floor, "ticket", at=now - 2 * HOUR),
        rung(floor, at=now - 90 * MINUTE),
        rung(spent, "ticket", at=now - HOUR),
    ]
    hidden = [
        rung(shadow, at=now - 3 * DAY, resolved_at=now - 3 * DAY + HOUR, shadow=True),
        rung(shadow, at=now - 20 * MINUTE, shadow=True),
    ]
    more = {"alerts": rang, "shadow_alerts": hidden, "objectives": standings} | more
    more.setdefault("baselines", {("churn", "3"): made.baseline(one)})
    return made.snapshot(seen, one, **more)


def rehearsed(of, objective):
    """Return what a replay says of an objective: three pages, one of them false, more without the guard."""
    levels = levels_asked(made.settings(of), objective, 3_600_000)
    daemon = levels_asked(made.settings(of), objective, 60_000)
    at = made.START + DAY
    page = Rung(
        "page",
        guarded=True,
        episodes=3,
        false=1,
        first_at=at,
        changed_at=at - 5 * HOUR,
        first_resolved_at=at + 26 * HOUR,
    )
    ticket = Rung("ticket", guarded=True, episodes=1, unclear=1, first_at=at + HOUR, changed_at=at - 5 * HOUR)
    bare = (replace(page, guarded=False, episodes=7, false=5), replace(ticket, guarded=False))
    return Rehearsed(of.name, objective, levels, daemon, (), (page, bare[0], ticket, bare[1]))
