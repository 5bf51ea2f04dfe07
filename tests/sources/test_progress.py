"""What the progress of partitions says of events that are still to come."""

from __future__ import annotations

from monitor.sources.broker.client import Bounds, Partition
from monitor.sources.broker.progress import Progress

ONE, TWO = Partition("t", 0), Partition("t", 1)


def progress(**ends):
    made = Progress()
    begin = {ONE: 0, TWO: 0}
    made.begin(begin, {each: Bounds(0, ends.get(name, 0)) for each, name in ((ONE, "one"), (TWO, "two"))})
    return made


def test_while_nothing_waits_nothing_is_held_back():
    assert progress().behind() is None
    assert progress().lag() == {"t/0": 0, "t/1": 0}


def test_a_partition_that_waits_and_has_shown_nothing_holds_everything_back():
    made = progress(one=5, two=5)
    made.moved({ONE: 5}, {ONE: 5})
    made.saw({ONE: 1_000})
    assert made.behind() == 0
    assert made.lag() == {"t/0": 0, "t/1": 5}
    made.moved({TWO: 2}, {})
    made.saw({TWO: 300})
    assert made.behind() == 300
    made.saw({TWO: 200})  # events come in no order
    assert made.behind() == 300
    made.moved({TWO: 5}, {})
    assert made.behind() is None


def test_of_several_that_wait_the_slowest_counts():
    made = progress(one=5, two=5)
    made.moved({ONE: 1, TWO: 1}, {})
    made.saw({ONE: 700, TWO: 400})
    assert made.behind() == 400


def test_an_end_that_a_fetch_tells_only_rises():
    made = progress(one=5)
    made.moved({ONE: 5}, {ONE: 3})
    assert made.lag()["t/0"] == 0
    made.moved({}, {ONE: 8})
    assert made.lag()["t/0"] == 3


def test_events_that_ran_ahead_count_only_once_the_ends_are_asked_for():
    made = progress()
    assert not made.must_ask(100.0)
    made.moved({ONE: 5}, {ONE: 5})
    made.saw({ONE: 50_000})
    assert made.behind() == 0, "the other may have got thousands since it was fetched from"
    assert made.must_ask(100.0)
    made.asked({ONE: Bounds(0, 5), TWO: Bounds(0, 9)}, 100.0)
    assert made.behind() == 0, "and so it has"
    made.moved({TWO: 9}, {})
    made.saw({TWO: 51_000})
    assert made.behind() is None
    made.saw({ONE: 60_001})
    assert made.behind() == 50_000
    assert not made.must_ask(100.5), "not so often"
    assert made.must_ask(101.0)
    made.asked({ONE: Bounds(0, 5), TWO: Bounds(0, 9)}, 101.0)
    assert made.behind() is None


def test_what_begins_elsewhere_has_shown_nothing_yet():
    made = progress(one=5, two=5)
    made.moved({ONE: 2, TWO: 3}, {})
    made.saw({ONE: 900, TWO: 800})
    made.begin({ONE: 2, TWO: 0}, {ONE: Bounds(0, 5), TWO: Bounds(0, 5)})
    assert made.behind() == 0
    made.moved({TWO: 5}, {})
    assert made.behind() == 900
