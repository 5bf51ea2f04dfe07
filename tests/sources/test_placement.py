"""Where partitions go on. The same against a real broker: test_topics.py."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.sources.broker.client import Bounds, Partition, Topic
from monitor.sources.broker.placement import Placement, identity_key, partition_of, place, topic_of

ONE, TWO = Partition("t", 0), Partition("t", 1)
BOUNDS = {ONE: Bounds(10, 20), TWO: Bounds(0, 5)}


def placed(offsets, *, partitions=(0, 1), identity=7, **more):
    more = {"latest": False} | more
    return place({"t": Topic(partitions, identity)}, BOUNDS, offsets, **more)


def test_names_are_read_as_they_are_written():
    assert partition_of("a.b-c_d/12") == Partition("a.b-c_d", 12)
    assert partition_of(identity_key("t")) is None
    assert [topic_of(name) for name in ("t/3", "t#id")] == ["t", "t"]


def test_an_empty_state_begins_where_it_is_told():
    assert placed({}).positions == {ONE: 10, TWO: 0}
    assert placed({}, latest=True).positions == {ONE: 20, TWO: 5}
    assert placed({}, latest=True, young=["t"]).positions == {ONE: 10, TWO: 0}


def test_a_known_partition_goes_on_and_a_new_one_of_a_known_topic_begins_at_its_beginning():
    found = placed({"t/0": 15, "t#id": 7, "u/0": 3}, latest=True)
    assert found == Placement({ONE: 15, TWO: 0}, {"t#id": 7, "t/0": 15, "t/1": 0})


def test_a_broker_that_tells_no_identity_is_believed():
    assert placed({"t/0": 15, "t#id": 3}, identity=None).offsets == {"t/0": 15, "t/1": 0}
    assert placed({"t/0": 15}, identity=7).offsets == {"t#id": 7, "t/0": 15, "t/1": 0}


def test_another_identity_is_another_topic():
    for latest, positions in ((False, {ONE: 10}), (True, {ONE: 20})):
        found = placed({"t/0": 15, "t/4": 2, "t#id": 3}, partitions=(0,), latest=latest, young=["t"])
        assert found.positions == positions
        assert found.offsets == {"t/4": 0, "t#id": 7, "t/0": positions[ONE]}
        assert found.resets == {"t": 2}
        assert len(found.notices) == 1


def test_offsets_out_of_range_go_on_where_there_are_messages():
    known = {"t#id": 7, "t/1": 3}
    before = placed(known | {"t/0": 4}, gone=[ONE])
    assert (before.positions[ONE], before.resets) == (10, {"t": 1})
    assert "t/0: up to 6 messages were removed before they were read (offsets 4 to 9)" in before.notices[0]
    for latest, begin in ((False, 10), (True, 20)):
        beyond = placed(known | {"t/0": 30}, gone=[ONE], latest=latest)
        assert (beyond.positions[ONE], beyond.resets) == (begin, {"t": 1})
        assert "offset 30 lies beyond its end 20" in beyond.notices[0]
    within = placed(known | {"t/0": 15}, gone=[ONE])
    assert (within.positions[ONE], within.resets, within.notices) == (15, {}, ())
    assert placed(known | {"t/0": 4}).positions[ONE] == 4, "nobody said that it is gone"


def test_what_was_to_be_said_is_said_with_what_comes():
    first = Placement({ONE: 1}, {"t/0": 1}, {"t": 1, "u": 2}, ("a",))
    second = Placement({ONE: 2}, {"t/0": 2}, {"t": 1}, ("b",))
    assert first.then(second) == Placement({ONE: 2}, {"t/0": 2}, {"t": 2, "u": 2}, ("a", "b"))


@given(
    st.dictionaries(st.sampled_from(["t/0", "t/1", "t/2", "t#id", "u/0"]), st.integers(0, 30)),
    st.booleans(),
    st.one_of(st.none(), st.integers(1, 9)),
)
def test_what_is_placed_stays_where_it_is(offsets, latest, identity):
    once = placed(offsets, latest=latest, identity=identity)
    again = placed(once.offsets, latest=not latest, identity=identity)
    assert again.positions == once.positions
    assert (again.resets, again.notices) == ({}, ())
    assert {name: offset for name, offset in once.offsets.items() if partition_of(name) in once.positions} == {
        str(partition): offset for partition, offset in once.positions.items()
    }
