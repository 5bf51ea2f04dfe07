"""Folds and confusions as series: the values are those of `baseline show`, the cells those of the newest window."""

from __future__ import annotations

from dataclasses import replace

import fabricated as made
import numpy as np
import pytest
from filled import scored_baseline
from prometheus_client.parser import text_string_to_metric_families as parse

from monitor.baselines.measures import measured
from monitor.config import Export
from monitor.counts import Counts
from monitor.prometheus.collector import Exposition
from monitor.statistics.baseline import Fold
from monitor.statistics.fold_scores import FoldScores
from monitor.statistics.report import Maturity

START = made.START
METRICS = ("recall", "precision", "f1", "accuracy", "roc_auc", "brier", "ece", "log_loss", "support")


def labelled(snapshot, name):
    text = Exposition(snapshot).body("")[0].decode()
    return [(s.labels, s.value) for family in parse(text) for s in family.samples if s.name == name]


def with_folds(of, baseline, export=METRICS):
    shown = made.snapshot([], of, baselines={(of.name, baseline.version): baseline})
    return replace(shown, settings=replace(shown.settings, export=Export(export)))


@pytest.mark.parametrize("of", [made.churn(), made.digits()], ids=["two classes", "ten classes"])
def test_a_fold_has_the_value_that_baseline_show_measures(of):
    baseline = scored_baseline(of)
    shown = with_folds(of, baseline)
    by_fold = measured(baseline, None).by_fold
    found = {
        (labels["metric"], labels["class"], labels["fold"]): value
        for labels, value in labelled(shown, "foldwatch_class_fold_ratio")
    }
    assert {metric for metric, _, _ in found} == {"recall", "precision", "f1", "roc_auc"}
    for (metric, class_, fold), value in found.items():
        assert value == by_fold[metric][int(fold), of.classes.index(class_)]
    assert len(found) == 4 * len(of.classes) * 5
    whole = {
        (labels["metric"], labels["fold"]): value for labels, value in labelled(shown, "foldwatch_overall_fold_ratio")
    }
    for (metric, fold), value in whole.items():
        told = by_fold[metric][int(fold)]
        assert value == (told[of.layout.positive] if metric == "roc_auc" else told)
    binary = {"roc_auc"} if len(of.classes) == 2 else set()
    assert {metric for metric, _ in whole} == {"accuracy", "brier", "ece", *binary}


def test_class_shares_of_a_fold_come_to_one_and_are_those_of_its_rows():
    of = made.digits()
    baseline = scored_baseline(of, "1")
    found = labelled(with_folds(of, baseline), "foldwatch_fold_class_share_ratio")
    for at, fold in enumerate(baseline.folds):
        shares = [value for labels, value in found if labels["fold"] == str(at)]
        rows = fold.counts.plane("confusion").sum(axis=1)
        assert shares == pytest.approx(rows / rows.sum())
        assert sum(shares) == pytest.approx(1)


def test_with_repeats_a_fold_is_called_by_its_repeat_too():
    of = made.churn()
    shown = with_folds(of, scored_baseline(of, folds=2, repeats=2))
    assert [labels["fold"] for labels, _ in labelled(shown, "foldwatch_overall_fold_ratio") if
            labels["metric"] == "accuracy"] == ["0/0", "0/1", "1/0", "1/1"]  # fmt: skip


def test_what_is_undefined_in_a_fold_has_no_series_there():
    of = made.model("tri", ("a", "b", "c"))
    never_c = Counts.from_planes(of.layout, {"confusion": np.array([[9, 1, 0], [2, 8, 0], [1, 1, 0]])})
    nothing = Counts(of.layout)
    baseline = replace(
        scored_baseline(made.churn()), model="tri", classes=of.classes, layout=of.layout,
        folds=(Fold("x", 0, 40, never_c), Fold("y", 0, 40, nothing)),
    )  # fmt: skip
    shown = with_folds(of, baseline)
    precision = {
        (labels["class"], labels["fold"])
        for labels, _ in labelled(shown, "foldwatch_class_fold_ratio")
        if labels["metric"] == "precision"
    }
    assert precision == {("a", "x"), ("b", "x")}
    assert {labels["fold"] for labels, _ in labelled(shown, "foldwatch_fold_class_share_ratio")} == {"x"}
    assert np.isnan(FoldScores.of(baseline).shares[1]).all()


def test_only_what_is_exported_of_production_is_exported_of_folds():
    of = made.churn()
    shown = with_folds(of, scored_baseline(of), ("specificity",))
    pairs = {(labels["metric"], labels["class"]) for labels, _ in labelled(shown, "foldwatch_class_fold_ratio")}
    assert pairs == {("specificity", "stay"), ("specificity", "leave"), ("recall", "leave")}
    assert {labels["metric"] for labels, _ in labelled(shown, "foldwatch_overall_fold_ratio")} == {"accuracy"}


def confusion_of(windows, of):
    return labelled(made.snapshot(windows, of), "foldwatch_confusion")


def test_the_confusion_of_few_classes_is_whole_and_of_the_newest_window_without_segments():
    of = made.churn()
    cells = [[90, 3], [0, 80]]
    windows = [
        made.window(of, "3", "24h", START - 1, Maturity.MATURE, [[1, 1], [1, 1]]),
        made.window(of, "3", "24h", START, Maturity.MATURE, cells),
        made.window(of, "3", "24h", START, Maturity.PROVISIONAL, [[5, 0], [0, 7]], unlabelled=9),
        made.window(of, "3", "24h", START, Maturity.MATURE, [[2, 2], [2, 2]], segment="region=eu"),
    ]
    found = confusion_of(windows, of)
    mature = {
        (labels["true_class"], labels["predicted_class"]): n for labels, n in found if labels["maturity"] == "mature"
    }
    assert mature == {("stay", "stay"): 90, ("stay", "leave"): 3, ("leave", "stay"): 0, ("leave", "leave"): 80}
    provisional = [n for labels, n in found if labels["maturity"] == "provisional"]
    assert provisional == [5, 0, 0, 7]
    assert all(labels["window"] == "24h" and labels["version"] == "3" for labels, _ in found)


def test_of_many_classes_the_largest_wrong_cells_are_shown_and_no_empty_one():
    of = made.model("tickets", [f"q{i:02d}" for i in range(11)], ("24h",), "1d")
    cells = np.zeros((11, 11), int)
    cells[np.diag_indices(11)] = 1_000
    wrong = [(i, j) for i in range(11) for j in range(11) if i != j]
    for rank, (i, j) in enumerate(wrong[:30]):
        cells[i, j] = 100 - rank
    found = confusion_of([made.window(of, "1", "24h", START, Maturity.MATURE, cells)], of)
    told = {(labels["true_class"], labels["predicted_class"]): n for labels, n in found}
    assert told == {(f"q{i:02d}", f"q{j:02d}"): 100 - rank for rank, (i, j) in enumerate(wrong[:20])}
    few = np.zeros((11, 11), int)
    few[0, 1] = 2
    only = confusion_of([made.window(of, "1", "24h", START, Maturity.MATURE, few)], of)
    assert [(labels["true_class"], labels["predicted_class"], n) for labels, n in only] == [("q00", "q01", 2)]


def test_equal_wrong_cells_are_chosen_in_the_order_of_the_classes():
    of = made.model("tickets", [f"q{i:02d}" for i in range(12)], ("24h",), "1d")
    cells = np.full((12, 12), 5)
    found = confusion_of([made.window(of, "1", "24h", START, Maturity.MATURE, cells)], of)
    pairs = [(labels["true_class"], labels["predicted_class"]) for labels, _ in found]
    assert len(pairs) == 20
    assert pairs == sorted(pairs)
    assert pairs[-1] == ("q01", "q09") or pairs[-1] == ("q01", "q10")
