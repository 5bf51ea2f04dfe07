"""Who gives way when every place is taken."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from monitor.serve.refusals import REASONS, Refusals
from monitor.serve.seats import Seats


@dataclass(eq=False)
class Guest:
    address: str
    waits_since: float | None
    left: list[object] = field(default_factory=list)

    def give_way(self):
        self.left.append(self)


def test_of_those_that_wait_the_longest_waiting_one_of_the_greediest_address_gives_way():
    refusals = Refusals()
    seats = Seats(4, refusals)
    scraper, old, busy, young = Guest("a", 1.0), Guest("b", 5.0), Guest("b", None), Guest("b", 7.0)
    for guest in (scraper, young, old, busy):
        assert seats.admit(guest)
    newest = Guest("c", 9.0)
    assert seats.admit(newest)
    assert (old.left, scraper.left, busy.left, young.left) == ([old], [], [], [])
    assert seats.guests() == [scraper, young, busy, newest]
    assert refusals.counts()["too_many_connections"] == 1


def test_where_all_are_served_the_newest_is_refused_and_a_place_that_is_left_is_free_again():
    refusals = Refusals()
    seats = Seats(1, refusals)
    busy = Guest("a", None)
    assert seats.admit(busy)
    assert not seats.admit(Guest("b", 1.0))
    assert refusals.counts()["too_many_connections"] == 1
    seats.release(busy)
    seats.release(busy)
    assert seats.admit(Guest("b", 1.0))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.floats(0, 9)), max_size=30), st.integers(1, 8))
def test_there_are_never_more_than_places_and_nobody_at_work_is_sent_away(arrivals, places):
    seats = Seats(places, Refusals())
    guests = [Guest(address, since) for address, since in arrivals]
    admitted = [guest for guest in guests if seats.admit(guest)]
    assert len(seats) <= places
    assert [guest for guest in admitted if guest.waits_since is None and guest.left] == []
    assert len(seats) == min(places, len(guests))
    assert {id(guest) for guest in seats.guests()} == {id(guest) for guest in admitted if not guest.left}


def test_every_reason_is_counted_from_zero():
    refusals = Refusals()
    assert refusals.counts() == dict.fromkeys(REASONS, 0)
    refusals.count("too_slow")
    refusals.counts()["too_slow"] = 9
    assert refusals.counts()["too_slow"] == 1
