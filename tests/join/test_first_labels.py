"""The first class of each identity: told once, whatever comes later, however the events are cut into batches."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from join_drive import LAW, events, rules_of, run, steps
from join_drive import firsts as told
from join_oracle import NULL, L, P
from join_oracle import firsts as wanted_firsts

from monitor.join.history import without_old

FAST = settings(max_examples=200, deadline=None)
cuts = st.lists(st.integers(0, 14), max_size=6)


def split(items, at):
    """Cut a list at these places."""
    edges = [0, *sorted(min(cut, len(items)) for cut in at), len(items)]
    return [items[lo:hi] for lo, hi in itertools.pairwise(edges)]


def last(batches, **more):
    """The first classes after all batches."""
    return [Counter(), *told(batches, **more)][-1]


def wanted(found):
    """What the oracle tells, as a multiset."""
    firsts = wanted_firsts(found, LAW).values()
    return Counter((p.version, p.segment, p.at, p.y_pred, p.score, y_true, at) for p, y_true, at in firsts)


@FAST
@given(events, cuts)
def test_each_identity_is_told_once_with_its_first_class_in_the_order_of_reading(found, at):
    assert last(split(found, at)) == wanted(found)


@FAST
@given(events)
def test_one_event_at_a_time_each_is_told_when_it_is_known(found):
    assert list(told([[event] for event in found])) == [wanted(found[: n + 1]) for n in range(len(found))]


@FAST
@given(events, cuts)
def test_no_split_of_the_events_changes_what_is_told(found, at):
    assert last(split(found, at)) == last([found])


@FAST
@given(events, cuts)
def test_the_columns_tell_what_the_histories_tell(found, at):
    assert list(told(split(found, at))) == list(told(split(found, at), all_tangled=True))


@FAST
@given(events, cuts)
def test_as_many_are_told_as_are_matched_and_those_that_are_matched_no_more(found, at):
    rows, _, _, sums = run(split(found, at))
    no_more = sum(len(history.told) for history in rows.histories.values())
    assert last(split(found, at)).total() == sums.get("matched", 0) + no_more


def no_class_is_lost(found):
    """Leave out what takes a first class away: earlier predictions of an identity, other labels of a moment."""
    earliest, moments = {}, {}
    kept = []
    for event in found:
        if isinstance(event, P):
            if event.at >= earliest.setdefault((event.id, event.version), event.at):
                kept.append(event)
        elif moments.setdefault((event.id, event.at), event.y_true) == event.y_true:
            kept.append(event)
    return kept


@FAST
@given(events.map(no_class_is_lost), cuts)
def test_without_earlier_duplicates_and_two_labels_of_a_moment_as_many_are_told_as_are_matched(found, at):
    batches = split(found, at)
    matched = list(itertools.accumulate(joined.outcomes.matched for joined in steps(batches)))
    assert [so_far.total() for so_far in told(batches)] == matched


A, B, C = 0, 1, 2


def p(at, y_pred=A, version=0):
    """A prediction."""
    return P(0, version, at, y_pred, 0, 0.5)


def q(at, y_true):
    """A label."""
    return L(0, at, y_true)


def rows_of(changes):
    """Changes as tuples."""
    columns = (changes.sign, changes.predicted_at, changes.y_pred, changes.y_true, changes.labelled_at)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param([p(5), q(6, B)], [(5, A, B, 6)], id="a label"),
        pytest.param([q(4, B), p(5)], [(5, A, B, 4)], id="a label that waited"),
        pytest.param([p(5), q(7, B), q(6, C)], [(5, A, B, 7)], id="the first read, not the earliest"),
        pytest.param([q(4, B), q(3, C), p(5)], [(5, A, C, 3)], id="of several that waited the earliest"),
        pytest.param([q(1, B), q(3, C), p(5)], [(5, A, C, 3)], id="of those that belong"),
        pytest.param([q(3, NULL), q(4, C), p(5)], [(5, A, C, 4)], id="the earliest class"),
        pytest.param([p(5), q(6, B), q(7, C), q(8, NULL), q(9, A)], [(5, A, B, 6)], id="whatever comes later"),
        pytest.param([p(5), q(6, NULL), q(7, C)], [(5, A, C, 7)], id="a class after a null"),
        pytest.param([p(5), q(6, NULL), q(6, C)], [], id="a class that loses against a null of its moment"),
        pytest.param([p(5), q(6, C), q(6, NULL), q(7, B)], [(5, A, C, 6)], id="a null that beats the class afterwards"),
        pytest.param([p(5), q(6, B), p(4, C)], [(5, A, B, 6)], id="an earlier prediction afterwards"),
        pytest.param([p(5), q(13, B), p(4), q(9, C)], [(5, A, B, 13)], id="an earlier one that loses the class"),
        pytest.param([p(5), p(4, C), q(13, B), q(9, B)], [(4, C, B, 9)], id="an earlier one before the class"),
        pytest.param([p(5), q(6, B), p(7, C, version=1)], [(5, A, B, 6), (7, C, B, 6)], id="another version later"),
        pytest.param([p(5), p(5, B, version=1), q(6, B)], [(5, A, B, 6), (5, B, B, 6)], id="two versions at once"),
    ],
)
def test_what_is_told(found, expected):
    for batches in ([found], [[event] for event in found]):
        rows = [row for step in steps(batches) for row in rows_of(step.first)]
        assert rows == [(1, *row) for row in expected]


def test_where_nothing_is_tangled_the_first_classes_are_the_labelled_predictions_themselves():
    [step] = steps([[p(5), q(6, B)]])
    assert step.first is step.labelled


def test_what_was_told_is_remembered_as_long_as_the_prediction_is():
    *_, step = steps([[p(5), q(6, C), q(6, NULL)]])
    [history] = step.rows.histories.values()
    assert history.told == (0,)
    reach = LAW.correction + LAW.first_wait
    assert without_old(history, 5 + reach, rules_of(LAW)).told == (0,)
    assert without_old(history, 6 + reach, rules_of(LAW)).told == ()
