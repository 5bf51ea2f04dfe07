"""Classes as columns hold them: texts, order and scores."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.baselines.classes import coded, interned, natural_order, score_rows
from monitor.counts import Layout


@pytest.mark.parametrize(
    ("texts", "ordered"),
    [
        (["10", "9", "-1", "2.5"], ("-1", "2.5", "9", "10")),
        (["c10", "c9", "C", "b"], ("C", "b", "c9", "c10")),
        (["yes", "no", "3.10", "1_0"], ("3.10", "1_0", "no", "yes")),
        (["a", "a", "007", "7"], ("007", "7", "a")),
    ],
)
def test_texts_stand_as_people_order_them(texts, ordered):
    assert natural_order(texts) == ordered


def test_values_of_any_type_become_one_text():
    column = np.array([1, 1.0, "1", "1.0", True, "true", None, "", float("nan"), 2.5], object)
    codes, texts = interned(column)
    assert [texts[code] for code in codes] == ["1", "1", "1", "1", "true", "true", None, None, None, "2.5"]
    assert coded(codes, texts, ("1", "true")).tolist() == [0, 0, 0, 0, 1, 1, -1, -1, -1, -1]


def test_above_fifty_classes_the_top_score_and_its_class_are_kept():
    proba = np.full((2, 51), 0.01)
    proba[0, 50], proba[1, 3] = 0.5, 0.4
    assert score_rows(Layout(51), proba).tolist() == [[0.5, 50], [0.4, 3]]
    assert score_rows(Layout(2, 0), np.array([[0.3, 0.7]])).tolist() == [[0.3]]
