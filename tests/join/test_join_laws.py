"""The laws of the join, over random events, orders and splits, against an oracle that looks at all events again."""

from __future__ import annotations

import itertools
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from join_drive import LAW, events, run
from join_oracle import L, P, final, outcomes, totals

from monitor.join.rows import IN_HISTORY

FAST = settings(max_examples=300, deadline=None)


def split(items, cuts):
    """Cut a list at these places."""
    edges = [0, *sorted(min(cut, len(items)) for cut in cuts), len(items)]
    return [items[lo:hi] for lo, hi in itertools.pairwise(edges)]


def without_ties(found):
    """Drop predictions of one identity and moment that differ: of those the first read counts."""
    seen = {}
    return [e for e in found if isinstance(e, L) or seen.setdefault((e.id, e.version, e.at), e) == e]


@FAST
@given(events, st.lists(st.integers(0, 14), max_size=4))
def test_the_join_counts_what_the_oracle_counts(found, cuts):
    _, predicted, labelled, sums = run(split(found, cuts))
    wanted_predicted, wanted_labelled, wanted = final(found, LAW)
    assert predicted == wanted_predicted
    assert labelled == wanted_labelled
    assert {name: sums.get(name, 0) for name in wanted} == wanted


@FAST
@given(events)
def test_every_label_becomes_what_the_table_says(found):
    _, _, _, sums = run([found])
    wanted = Counter(outcomes(found, LAW).values())
    wanted.pop("labels_waiting", None)
    names = ("applied", "corrected", "retracted", "repeated")
    assert {name: sums[name] for name in names if name in sums} == dict(wanted)


@FAST
@given(events, st.lists(st.integers(0, 14), max_size=6))
def test_no_split_of_the_events_changes_anything(found, cuts):
    whole, *results = run([found])
    parts, *split_results = run(split(found, cuts))
    assert results == split_results
    assert whole.histories == parts.histories
    for column in ("version", "y_true"):
        assert getattr(whole, column).tolist() == getattr(parts, column).tolist()


@FAST
@given(events.map(without_ties), st.randoms(use_true_random=False))
def test_final_counts_do_not_depend_on_the_order_of_reading(found, random):
    shuffled = list(found)
    random.shuffle(shuffled)
    _, predicted, labelled, sums = run([found])
    _, other_predicted, other_labelled, other = run([shuffled])
    assert (predicted, labelled) == (other_predicted, other_labelled)
    for name in ("predictions", "matched", "label_first", "duplicate", "labels"):
        assert sums.get(name, 0) == other.get(name, 0)


@FAST
@given(events, st.lists(st.integers(0, 14), max_size=6))
def test_the_columns_say_what_the_histories_say(found, cuts):
    fast, *results = run(split(found, cuts))
    slow, *slow_results = run(split(found, cuts), all_tangled=True)
    assert results == slow_results
    assert fast.histories == slow.histories
    for row, version in enumerate(fast.version.tolist()):
        assert version == slow.version[row]
        assert fast.y_true[row] == slow.y_true[row]
        if version >= 0:
            assert fast.predicted_at[row] == slow.predicted_at[row]
            assert fast.scores[row].tolist() == slow.scores[row].tolist()
        if version != IN_HISTORY and fast.y_true[row] != -1:
            assert fast.labelled_at[row] == slow.labelled_at[row]


@FAST
@given(events, st.integers(0, 40))
def test_the_totals_add_up(found, passed):
    sums = Counter(totals(found, LAW, passed))
    assert sums["predictions"] == sums["matched"] + sums["waiting"] + sums["expired"]
    final_outcomes = sums["applied"] + sums["corrected"] + sums["retracted"] + sums["repeated"]
    assert sums["labels"] == final_outcomes + sums["orphan"] + sums["labels_waiting"]
    assert sums["predictions"] + sums["duplicate"] == sum(isinstance(e, P) for e in found)
