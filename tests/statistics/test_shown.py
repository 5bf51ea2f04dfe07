"""Which band is displayed, and that a thousand classes are no burden."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.counts import Counts, Layout
from monitor.statistics.estimate import estimate
from monitor.statistics.shown import shown


def window(layout: Layout, table: list[list[int]]) -> Counts:
    return Counts.from_planes(layout, {"confusion": table})


def methods(table: list[list[int]], deff: float = 1.0) -> dict[str, list[str]]:
    layout = Layout(len(table))
    one = window(layout, table)
    found = estimate(layout, [one], deff)
    return {key: s.method[0].tolist() for key, s in shown(layout, [one], [1], found, deff).items()}


def test_the_bootstrap_is_shown_where_successes_and_errors_are_enough() -> None:
    found = methods([[500, 10], [9, 200]])
    assert found["recall"] == ["cell-bca", "jeffreys"]
    assert found["precision"] == ["jeffreys", "cell-bca"]
    assert found["f1"] == ["cell-bca", "cell-bca"]
    assert found["specificity"] == ["jeffreys", "cell-bca"]
    assert found["accuracy"] == found["macro_f1"] == ["cell-bca"]


def test_deff_takes_away_what_is_enough() -> None:
    table = [[500, 15], [15, 200]]
    assert methods(table)["recall"] == ["cell-bca", "cell-bca"]
    found = methods(table, 2.0)
    assert found["recall"] == ["jeffreys", "jeffreys"]
    assert found["accuracy"] == ["cell-bca"]
    assert methods(table, 4.0)["macro_recall"] == ["mover"]


@pytest.mark.parametrize("classes", [3, 60])
def test_more_classes_follow_the_same_rule(classes: int) -> None:
    table = np.zeros((classes, classes), int)
    table[0, 0], table[0, 1], table[1, 0], table[1, 1] = 300, 12, 3, 80
    found = methods(table.tolist())
    assert found["recall"][:3] == ["cell-bca", "jeffreys", "none"]
    assert found["specificity"][:3] == ["jeffreys", "cell-bca", "jeffreys"]
    assert found["macro_precision"] == ["cell-bca"]


def test_what_is_shown_is_close_to_the_closed_form_in_a_large_window(simulated) -> None:
    for classes in (2, 4):
        layout = Layout(classes)
        one = simulated(layout, 20_000, 3).counts
        found = estimate(layout, [one])
        for key, s in shown(layout, [one], [5], found).items():
            e = found[key]
            width = e.upper - e.lower
            banded = ~np.isnan(width)
            assert (np.abs(s.lower - e.lower)[banded] < 0.2 * width[banded]).all(), key
            assert (np.abs(s.upper - e.upper)[banded] < 0.2 * width[banded]).all(), key


def test_the_estimates_stay_as_they_are(simulated) -> None:
    layout = Layout(2)
    one = simulated(layout, 2000, 4).counts
    found = estimate(layout, [one])
    before = {key: (e.lower.copy(), e.method.copy()) for key, e in found.items()}
    shown(layout, [one], [5], found)
    for key, (lower, method) in before.items():
        assert np.array_equal(found[key].lower, lower, equal_nan=True)
        assert found[key].method.tolist() == method.tolist()


def test_a_thousand_classes_are_resampled_from_their_cells(simulated) -> None:
    layout = Layout(1000)
    one = simulated(layout, 8000, 5, strength=6.0).counts
    found = estimate(layout, [one])
    displayed = shown(layout, [one], [5], found)
    assert displayed["macro_f1"].method[0, 0] == "cell-bca"
    assert displayed["macro_f1"].lower[0, 0] < found["macro_f1"].value[0, 0] < displayed["macro_f1"].upper[0, 0]
