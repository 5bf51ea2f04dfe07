"""The canary rule: version against version, whatever the router sends to either."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from cross_validated import churn, counted, drawn
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from monitor.config import Objective
from monitor.counts import tally_labelled
from monitor.revalidate.gate.canary import weigh
from monitor.statistics.report import Verdict


def weighed(model, ours, theirs):
    return weigh(model, "4", "3", ours, theirs, "24h")


def live(model, seed, n, recall=0.85, shares=None, **segments):
    """Return counts of everything; of segments `region_eu=(n, recall, shares)` their own, and their sum."""
    rng = np.random.default_rng(seed)
    if not segments:
        return {None: drawn(model, rng, n, recall, shares)}
    parts = {name.replace("_", "=", 1): drawn(model, rng, *of) for name, of in segments.items()}
    whole = sum(list(parts.values())[1:], start=next(iter(parts.values())))
    return {None: whole, **parts}


def row_of(canary, metric, class_, segment=None):
    key = metric, class_, segment
    return next(r for r in canary.document["comparisons"] if (r["metric"], r["class"], r["segment"]) == key)


def test_a_version_as_good_as_the_other_is_ok_once_there_are_labels_enough():
    model = churn()
    canary = weighed(model, live(model, 1, 20_000), live(model, 2, 100_000))
    assert canary.verdict is Verdict.OK
    assert canary.reasons == ("nothing is worse than what version 3 delivers: 8 of 8 are OK",)


def test_a_worse_version_is_worse_and_class_values_and_margin_are_named():
    model = churn()
    canary = weighed(model, live(model, 1, 20_000, (0.85, 0.75)), live(model, 2, 100_000))
    assert canary.verdict is Verdict.WORSE
    assert canary.reasons[0].startswith("recall of leave: 0.7")
    assert "where version 3 delivers 0.8" in canary.reasons[0]
    assert canary.reasons[0].endswith("is beyond the margin 0.03")


def test_few_labels_are_unknown_and_what_is_missing_is_said():
    model = churn()
    canary = weighed(model, live(model, 1, 100), live(model, 2, 100_000))
    assert canary.verdict is Verdict.UNKNOWN
    needed = row_of(canary, "recall", "leave")["labels_needed"]
    said = next(reason for reason in canary.reasons if reason.startswith("recall of leave"))
    assert f"about {needed:,} labels of the candidate would decide" in said


@pytest.mark.parametrize("which", ["candidate", "other"])
def test_a_version_without_labels_is_unknown(which):
    model = churn()
    full = live(model, 1, 1_000)
    canary = weighed(model, *(({}, full) if which == "candidate" else (full, {})))
    assert canary.verdict is Verdict.UNKNOWN
    assert canary.reasons == (f"version {'4' if which == 'candidate' else '3'} has no mature label in 24h",)


def test_a_class_that_one_of_them_never_had_is_missing():
    model = churn()
    canary = weighed(model, {None: counted(model, [[9_000, 10], [0, 0]])}, live(model, 2, 10_000, 0.9))
    assert canary.verdict is Verdict.UNKNOWN
    assert "recall of leave: one of the versions has no mature label of it" in canary.reasons


def test_versions_that_are_alike_are_hardly_ever_worse():
    model = churn(margin=0.0)
    verdicts = [weighed(model, live(model, seed, 2_000), live(model, 999 + seed, 4_000)).verdict for seed in range(100)]
    assert verdicts.count(Verdict.WORSE) <= 8


def test_more_of_an_easy_class_does_not_hide_that_the_candidate_is_worse():
    model = churn()
    # 97 % of what the candidate gets is the class that is easy: its accuracy is the better one.
    ours, theirs = live(model, 1, 60_000, (0.96, 0.7), (0.97, 0.03)), live(model, 2, 60_000, (0.97, 0.8))
    canary = weighed(model, ours, theirs)
    accuracy = row_of(canary, "accuracy", None)
    raw = [of[None].plane("confusion").trace() / of[None].labels for of in (ours, theirs)]
    assert raw[0] > raw[1] + 0.05
    assert accuracy["difference"] < 0
    assert canary.verdict is Verdict.WORSE
    assert canary.reasons[-1] == (
        "the classes are mixed differently: 97 % of what version 4 got is stay, 50 % of version 3's; "
        "both are compared at the candidate's mix"
    )


def test_less_of_an_easy_class_does_not_make_a_good_candidate_worse():
    model = churn()
    ours, theirs = live(model, 1, 60_000, (0.97, 0.8), (0.4, 0.6)), live(model, 2, 60_000, (0.97, 0.8), (0.9, 0.1))
    canary = weighed(model, ours, theirs)
    assert canary.verdict is Verdict.OK
    assert row_of(canary, "accuracy", None)["b"] == pytest.approx(row_of(canary, "accuracy", None)["a"], abs=0.02)


def test_easy_traffic_does_not_hide_a_candidate_that_is_worse_in_every_segment():
    model = churn(segments=("region",))
    ours = live(model, 1, 0, region_eu=(40_000, 0.90), region_us=(4_000, 0.60))
    theirs = live(model, 2, 0, region_eu=(10_000, 0.95), region_us=(40_000, 0.70))
    canary = weighed(model, ours, theirs)
    assert row_of(canary, "recall", "leave")["verdict"] == "OK"
    assert canary.verdict is Verdict.WORSE
    assert canary.reasons[0].startswith("recall of stay in region=us: 0.")
    assert "the traffic is not split at random: region is mixed differently" in canary.reasons[-1]


def test_traffic_of_another_mix_is_ok_only_when_its_segments_are():
    model = churn(segments=("region",))
    theirs = live(model, 2, 0, region_eu=(50_000, 0.9), region_us=(50_000, 0.6))
    few = weighed(model, live(model, 1, 0, region_eu=(20_000, 0.9), region_us=(1_200, 0.6)), theirs)
    assert row_of(few, "recall", "leave")["verdict"] == "OK"
    assert few.verdict is Verdict.UNKNOWN
    assert few.reasons[0].startswith("recall of stay in region=us")
    many = weighed(model, live(model, 1, 0, region_eu=(400_000, 0.9), region_us=(25_000, 0.6)), theirs)
    assert many.verdict is Verdict.OK


def test_traffic_split_at_random_is_not_called_shifted():
    model = churn(segments=("region",))
    canary = weighed(
        model,
        live(model, 1, 0, region_eu=(2_050, 0.9), region_us=(1_950, 0.6)),
        live(model, 2, 0, region_eu=(50_000, 0.9), region_us=(50_000, 0.6)),
    )
    assert not [reason for reason in canary.reasons if "mixed differently" in reason]


def test_objectives_say_what_has_to_be_decided():
    model = churn(objectives=[Objective("leave", "recall", "leave", "24h", margin=0.1)])
    canary = weighed(model, live(model, 1, 400), live(model, 2, 100_000))
    assert row_of(canary, "recall", "stay")["verdict"] == "UNKNOWN"
    assert canary.verdict is Verdict.OK


def test_a_loss_that_an_objective_names_is_compared_with_the_signs_turned():
    model = churn(margin=0.5, objectives=[Objective("loss", "log_loss", None, "24h", margin=0.05)])

    def scored(seed, strength):
        rng = np.random.default_rng(seed)
        y = rng.integers(0, 2, 20_000)
        p = 1 / (1 + np.exp(-2 * strength * (rng.normal(size=len(y)) + np.where(y == 1, strength, -strength))))
        ones = np.ones(len(y), np.int64)
        return {None: tally_labelled(model.layout, y, (p > 0.5).astype(int), p[:, None], ones, 0 * ones, 1)[0]}

    worse, better = weighed(model, scored(1, 0.6), scored(2, 1.0)), weighed(model, scored(1, 1.0), scored(2, 0.6))
    assert worse.verdict is Verdict.WORSE
    assert row_of(worse, "log_loss", None)["difference_lower"] > 0.05
    assert better.verdict is Verdict.OK


def test_the_document_says_what_the_contract_of_a_comparison_asks():
    model = churn(segments=("region",))
    canary = weighed(model, live(model, 1, 0, region_eu=(900, 0.9)), live(model, 2, 0, region_eu=(900, 0.9)))
    document = canary.document
    assert {key: document[key] for key in ("model", "candidate", "against", "window", "verdict")} == {
        "model": "churn",
        "candidate": "4",
        "against": "3",
        "window": "24h",
        "verdict": canary.verdict,
    }
    assert tuple(document["reasons"]) == canary.reasons
    asked = {"metric", "class", "segment", "a", "b", "difference", "difference_lower", "difference_upper", "n"}
    for row in document["comparisons"]:
        assert asked | {"margin", "verdict", "labels_needed"} <= set(row)
        assert row["difference"] == row["b"] - row["a"]
        assert row["difference_lower"] <= row["difference"] <= row["difference_upper"]
    assert {row["segment"] for row in document["comparisons"]} == {None, "region=eu"}


@examples(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=9, max_size=9), st.lists(st.integers(0, 5), min_size=9, max_size=9))
def test_no_nan_ever_leaves_the_rule(first, second):
    model = churn(classes=("a", "b", "c"), segments=("region",))
    ours, theirs = (
        {None: counted(model, np.reshape(cells, (3, 3))), "region=eu": counted(model, np.reshape(cells, (3, 3)))}
        for cells in (first, second)
    )
    canary = weighed(model, ours, theirs)
    json.dumps(canary.document, allow_nan=False)
    numbers = [x for row in canary.document["comparisons"] for x in row.values() if isinstance(x, float)]
    assert all(map(math.isfinite, numbers))
    assert canary.reasons
