"""Samples come back as they were from plain rows, and there are never more than four weeks of them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.clock import DAY, HOUR
from monitor.statistics.samples import KEPT, SOURCE, Block, Quiet, Samples, Tally

models = st.sampled_from(["a", "b"])
hours = st.integers(0, 40 * 24).map(lambda hour: hour * HOUR)
samples = st.lists(
    st.one_of(
        st.builds(
            Block, hours, models, hours, st.just(HOUR), st.integers(0, 90), st.integers(0, 90), st.integers(0, DAY)
        ),
        st.builds(Tally, hours, models, st.sampled_from(["orphans", "duplicates"]), st.integers(0, 9), st.just(9)),
        st.builds(Quiet, hours, models, st.integers(0, DAY)),
    ),
    max_size=30,
).map(lambda found: sorted(found, key=lambda each: each.taken))


def filled(found):
    known = Samples()
    for sample in found:
        known.add(sample)
    return known


def answers(known, end=50 * DAY):
    """Everything that gates ask."""
    return [
        (
            known.blocks(model, HOUR, end),
            known.completeness(model, HOUR, end),
            known.silences(model, end),
            known.last_tally(model),
            [known.shares(model, word) for word in ("orphans", "duplicates")],
        )
        for model in ("a", "b")
    ]


@settings(max_examples=100, deadline=None)
@given(samples, st.randoms(use_true_random=False))
def test_what_was_kept_as_rows_is_known_again(found, random):
    unique = list({(type(each), each[:3] if isinstance(each, Tally) else each): each for each in found}.values())
    rows = filled(unique).rows()
    random.shuffle(rows)
    again = Samples()
    again.restore([*rows, *rows])
    assert sorted(again.rows()) == sorted(filled(unique).rows())
    for mine, theirs in zip(answers(again), answers(filled(unique)), strict=True):
        assert mine[2:4] == theirs[2:4]
        assert [block.start for block in mine[0]] == [block.start for block in theirs[0]]


@settings(max_examples=100, deadline=None)
@given(samples, hours)
def test_rows_since_a_moment_are_those_taken_since(found, since):
    known = filled(found)
    kinds = {"block": Block, "tally": Tally, "quiet": Quiet}
    later = known.rows(since)
    assert all(kinds[row[0]](*row[1:]).taken >= since for row in later)
    assert sorted(later) == sorted(row for row in known.rows() if row[1] >= since)


@settings(max_examples=100, deadline=None)
@given(samples)
def test_nothing_is_kept_longer_than_four_weeks(found):
    known, now = filled(found), 41 * DAY
    known.prune(now)
    assert all(row[1] >= now - KEPT for row in known.rows() if row[0] != "block")
    assert all(min(row[1], row[3]) >= now - KEPT for row in known.rows() if row[0] == "block")
    kept = [each for each in found if min(each.taken, each.start if isinstance(each, Block) else KEPT) >= now - KEPT]
    assert {row[1:] for row in known.rows() if row[0] == "tally"} == {tuple(e) for e in kept if isinstance(e, Tally)}


def test_rows_of_a_newer_foldwatch_are_passed_over():
    known = Samples()
    good = ("quiet", 5, "a", 7)
    known.restore([good, (), ("weather", 1), ("quiet", 5, "a"), ("quiet", 5, 6, 7), ("quiet", "x", "a", 7)])
    assert known.rows() == [good]


def test_shares_are_of_a_hundred_events_and_more():
    known = Samples()
    for hour, (part, whole) in enumerate([(0, 0), (1, 50), (2, 99), (3, 100), (9, 250), (4, 10), (4, 109)]):
        known.add(Tally(hour * HOUR, SOURCE, "rejected", part, whole))
    # 3 of 100; 6 of 150; the total that began anew counts as nothing; 99 more are too few.
    assert known.shares(SOURCE, "rejected") == [0.03, 0.04]
    known.add(Tally(9 * HOUR, SOURCE, "rejected", 5, 110))
    assert known.shares(SOURCE, "rejected") == [0.03, 0.04, 0.01]


def test_the_tally_of_an_hour_ago_is_the_latest_before_it():
    known = filled([Tally(10, "a", "orphans", 1, 2), Tally(20, "a", "orphans", 2, 3)])
    assert known.tally_at("a", "orphans", 9) is None
    assert known.tally_at("a", "orphans", 19).taken == 10
    assert known.tally_at("a", "orphans", 20).taken == 20
    assert known.tally_at("b", "orphans", 20) is None


def test_the_longest_silence_of_an_hour_holds():
    known = filled([Quiet(0, "a", 5), Quiet(0, "a", 9), Quiet(0, "a", 7), Quiet(HOUR, "a", 1)])
    assert known.silences("a", HOUR) == [9]
    assert known.silences("a", HOUR + 1) == [9, 1]


def test_small_blocks_are_taken_together():
    blocks = [Block(0, "a", i * HOUR, HOUR, n, n // 2, 0) for i, n in enumerate([10, 10, 40, 8])]
    known = filled(blocks)
    assert known.completeness("a", HOUR, 99 * HOUR) == [0.5, 0.5]
    assert known.completeness("a", HOUR, 2 * HOUR) == [0.5]
    assert known.completeness("a", 2 * HOUR, 99 * HOUR) == []
