"""A plot shows what is there: gaps stay gaps, verdicts have shapes of their own, and every number is told in words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.clock import DAY, HOUR, MINUTE
from monitor.report.axes import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, axes, time_ticks
from monitor.report.history import Point
from monitor.report.plots import against, over_time
from monitor.statistics.report import MetricResult, Verdict

OK, WORSE, UNKNOWN = Verdict.OK, Verdict.WORSE, Verdict.UNKNOWN


def point(end, value=0.8, verdict=OK, half=0.05):
    band = (None, None) if value is None else (value - half, value + half)
    return Point(end, end, 100, value, *band, 0.82, 0.8, 0.84, verdict)


def track(*points):
    return tuple(point((i + 1) * HOUR, *one) for i, one in enumerate(points))


def paths(svg, class_):
    return re.findall(rf'<path d="([^"]*)" class="{class_}"/>', svg)


def test_a_gap_stays_a_gap():
    svg = over_time(track((0.8,), (0.8,), (None, None), (0.7,), (0.7,)), (), "recall")
    assert len(paths(svg, "value")) == 2
    assert len(paths(svg, "band")) == 2
    assert len(paths(svg, "corridor")) == 1


def test_a_lonely_point_can_be_seen():
    svg = over_time(track((0.8,)), (), "recall")
    ((begin, end),) = [re.findall(r"[ML]([\d.]+) ", d) for d in paths(svg, "value")]
    assert float(end) - float(begin) > 2


def test_without_any_value_there_are_words_instead_of_an_empty_plot():
    for nothing in ((), track((None, None))):
        assert over_time(nothing, (), "recall").startswith("<p")


def test_provisional_points_are_drawn_only_after_the_last_mature_one():
    mature = track((0.8,), (0.8,))
    svg = over_time(mature, (point(HOUR), point(3 * HOUR)), "recall")
    (tail,) = paths(svg, "value provisional")
    assert tail.count("L") == 1
    assert svg.count("provisional</title>") == 1


def test_each_verdict_has_a_shape_of_its_own_where_worse_begins_and_at_the_end():
    svg = over_time(track((0.8,), (0.5, WORSE), (0.5, WORSE), (0.8, UNKNOWN), (0.5, WORSE), (0.8,)), (), "recall")
    assert svg.count('class="mark worse"') == 2
    assert re.search(r'<circle [^>]*class="mark ok"/>', svg)
    assert not re.search('class="mark unknown"', svg)
    assert re.search(r'<rect [^>]*class="mark unknown"/>', over_time(track((0.8, UNKNOWN)), (), "recall"))


def test_the_foot_tells_every_verdict_with_a_thickness_of_its_own():
    svg = over_time(track((0.8,), (0.8,), (0.5, WORSE), (0.8, UNKNOWN), (0.8, None)), (), "recall")
    feet = re.findall(r'height="([\d.]+)" class="ribbon (\w+)"', svg)
    assert feet == [("2", "ok"), ("6", "worse"), ("4", "unknown")]


def test_the_pointer_and_the_screen_reader_are_told_the_numbers():
    svg = over_time(track((0.5, WORSE)), (), "recall of <b>")
    assert "window ending 1970-01-01 01:00Z\n0.500 (0.450 to 0.550)\npromised 0.820 (0.800 to 0.840)" in svg
    assert 'role="img"' in svg
    assert "recall of &lt;b&gt; over time; newest: window ending" in svg


def test_a_long_series_tells_values_at_no_more_than_sixty_places_and_at_its_end():
    svg = over_time(track(*[(0.8,)] * 399), (), "recall")
    told = re.findall(r"<title>window ending (\S+ \S+)", svg)
    assert len(told) <= 60
    assert told[-1] == "1970-01-17 15:00Z"


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(1, 10**10), st.none() | st.floats(0, 5, allow_subnormal=False)), min_size=1, max_size=30
    )
)
def test_everything_drawn_lies_inside(steps):
    end, points = 0, []
    for step, value in steps:
        end += step
        points.append(point(end, value, None, half=0.0))
    on = axes(points)
    for one in points:
        assert LEFT <= on.x(one.end) <= RIGHT
        if one.value is not None:
            assert TOP <= on.y(one.value) <= BOTTOM
    svg = over_time(tuple(points), (), "x")
    for x in re.findall(r' (?:x|cx|x1|x2)="([-\d.]+)"', svg):
        assert -1 <= float(x) <= WIDTH
    for y in re.findall(r' (?:y|cy|y1|y2)="([-\d.]+)"', svg):
        assert -1 <= float(y) <= HEIGHT
    assert "nan" not in svg


def test_shares_do_not_leave_their_range_for_the_sake_of_roundness():
    on = axes([point(HOUR, 0.97, half=0.03), point(2 * HOUR, 0.97, half=0.03)])
    assert on.high == 1.0


@pytest.mark.parametrize(
    ("span", "first", "last"),
    [
        (5 * MINUTE, "00:00", "00:05"),
        (6 * HOUR, "Jan 01", "06:00"),
        (3 * DAY, "Jan 01", "Jan 04"),
        (40 * DAY, "Jan 01", "Feb 05"),
        (1_500 * DAY, "1970-01-01", "1973-12-31"),
    ],
)
def test_ticks_are_round_utc_moments(span, first, last):
    ticks = time_ticks(0, span)
    assert 2 <= len(ticks) <= 7
    assert (ticks[-1][1], all(0 <= at <= span for at, _ in ticks)) == (last, True)
    assert ticks[0][1] in (first, "Jan 01")


def test_the_bar_of_now_needs_a_band_or_a_corridor():
    nothing = MetricResult("support", "a", 5.0, None, None, 0.95, "none", 5, 1.0, None)
    assert against(nothing) is None
    certain = MetricResult("recall", "a", 0.5, 0.5, 0.5, 0.95, "none", 5, 1.0, None)
    assert "nan" not in str(against(certain))
