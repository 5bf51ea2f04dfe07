"""/api/v1/objectives: where every objective with a target stands, from the first moment on."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import budgeted
import fabricated as made
import pytest

from monitor.report.objectives import encoded_objectives, levels_asked

CONTRACT = ["slo", "model", "kind", "target", "state", "events", "bad", "skipped", "budget_left", "burn"]


def document(snapshot):
    return json.loads(encoded_objectives(snapshot))["objectives"]


def by_name(snapshot):
    return {entry["slo"]: entry for entry in document(snapshot)}


def test_before_the_first_evaluation_every_objective_with_a_target_stands_there_with_zeros():
    of = made.model(objectives=(budgeted.promised("floor"), made.Objective("bare", "accuracy", None, "24h")))
    (entry,) = document(made.empty_snapshot(of=of))
    windows = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"]
    assert {key: entry[key] for key in CONTRACT} == {
        "slo": "floor",
        "model": "churn",
        "kind": "occurrences",
        "target": 0.95,
        "state": "insufficient",
        "events": 0,
        "bad": 0,
        "skipped": 0,
        "budget_left": None,
        "burn": dict.fromkeys(windows),
    }
    assert list(entry["burn"]) == windows
    assert (entry["firing"], entry["event_cadence_seconds"], entry["shadow_pages"]) == ([], None, 0)


def test_the_document_says_what_the_snapshot_knows_in_the_order_of_the_configuration():
    snapshot = budgeted.budgets_snapshot(days=2)
    entries = document(snapshot)
    assert [entry["slo"] for entry in entries] == [one.slo for one in snapshot.objectives]
    assert [entry["state"] for entry in entries] == ["burning", "ok", "exhausted", "insufficient", "burning", "ok"]
    floor, fine, spent, few, shadow, _ = entries
    assert (floor["events"], floor["bad"], floor["skipped"]) == (48_211, 2_740, 0)
    assert floor["burn"] == {"5m": 16.2, "30m": 15.9, "1h": 14.1, "2h": 6.3, "6h": 2.4, "1d": 0.8, "3d": 0.4}
    assert floor["budget_left"] == pytest.approx(1 - 2_740 / (48_211 * 0.06))
    assert (fine["kind"], fine["skipped"], fine["budget_left"]) == ("timeslices", 1_440, 1.0)
    assert spent["budget_left"] < 0
    assert (few["events"], few["budget_left"]) == (0, None)
    assert (shadow["routing"], shadow["shadow_pages"]) == ("shadow", 3)


def test_what_fires_stands_with_its_objective_even_in_the_shadow():
    found = by_name(budgeted.budgets_snapshot(days=2))
    floor = [(one["alert"], one["severity"]) for one in found["leave-floor"]["firing"]]
    assert floor == [("FoldwatchBudgetBurns", "ticket"), ("FoldwatchBudgetBurnsFast", "page")]
    (hidden,) = found["stay-recall"]["firing"]
    assert hidden["at"] == "2026-01-02T23:40:00Z"
    assert found["weekly"]["firing"] == []


def test_a_target_is_the_number_that_was_written():
    of = made.model(objectives=(budgeted.promised("a", target="0.80"), budgeted.promised("b", target="0.999")))
    text = encoded_objectives(made.empty_snapshot(of=of)).decode()
    assert '"target":0.80,' in text
    assert '"target":0.999,' in text
    assert '"factor":13.440' in text


def test_what_is_known_of_an_objective_that_is_configured_no_more_is_left_out():
    snapshot = budgeted.budgets_snapshot(days=2)
    (kept, *_) = snapshot.settings.models["churn"].objectives
    fewer = replace(snapshot, settings=made.settings(made.model(objectives=(kept,))))
    assert [entry["slo"] for entry in document(fewer)] == ["leave-floor"]


@pytest.mark.parametrize(
    ("kind", "routing", "severities"),
    [
        ("occurrences", "page", {"page", "ticket"}),
        ("occurrences", "shadow", {"page", "ticket"}),
        ("occurrences", "ticket", {"ticket"}),
        ("timeslices", "page", {"ticket"}),
        ("timeslices", "shadow", {"ticket"}),
    ],
)
def test_timeslices_and_tickets_are_asked_by_no_level_that_pages(kind, routing, severities):
    of = made.settings(made.model())
    levels = levels_asked(of, budgeted.promised("x", kind, routing=routing), 60_000)
    assert {level.severity for level in levels} == severities


def test_levels_say_from_which_rate_and_how_many_events_on_they_ring():
    of = made.model(objectives=(budgeted.promised("floor", target="0.95"),))
    (entry,) = document(made.empty_snapshot(of=of))
    first = entry["levels"][0]
    assert first == {"severity": "page", "long": "1h", "short": "5m", "factor": 13.44, "least_events": 8}
    assert 7 < Decimal(5) / (Decimal("13.440") * Decimal("0.05")) < 8
