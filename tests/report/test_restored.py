"""Plots survive a restart: what was drawn is drawn again from the records."""

from __future__ import annotations

from dataclasses import replace

import fabricated as made
import msgspec
import pytest

from monitor.clock import DAY, HOUR
from monitor.report.history import LIMIT, History, SeriesKey
from monitor.report.restored import Redrawn
from monitor.state.history import Record, decoded, encoded, packed
from monitor.statistics.report import Maturity, Verdict

CHURN = made.churn()
SETTINGS = made.settings(CHURN)
RECALL = SeriesKey("churn", "3", None, "24h", Maturity.MATURE, "recall", "leave")


def window(end, confusion=((40, 3), (7, 20)), **more):
    one = made.window(CHURN, more.pop("version", "3"), "24h", end, Maturity.MATURE, confusion, **more)
    return replace(one, as_of=end)


def lived(evaluations):
    """A history as the process itself has it, and its records."""
    history, records = History(SETTINGS), []
    for windows in evaluations:
        history.add_all(windows)
        shown = [(one, history.plotted(one)) for one in windows]
        records.append(decoded(encoded(Record.of(windows[0].as_of, [(w, r) for w, r in shown if r]))))
    return history, records


def again(records, settings=SETTINGS):
    return restored(History(settings), records)


def restored(history, records):
    redrawn = Redrawn(history.wanted)
    for record in records:
        redrawn.add(record)
    history.restore(redrawn.tracks())
    return history


def rounded(view):
    return {
        key: [(p.end, p.as_of, p.n, *(v and round(v, 6) for v in p[3:9]), p.verdict) for p in track]
        for key, track in view.items()
    }


def evaluations(n=30):
    """Windows that come and go: two versions, a segment, gaps and every verdict."""
    for i in range(n):
        end = made.START + (i + 1) * HOUR
        bad = 40 if 10 < i < 20 else 2
        yield [
            window(end, [[400, 3], [bad, 100 - bad]] if i % 7 else [[0, 0], [0, 0]], unlabelled=i),
            *([window(end, [[50 + i, 3], [7, 30]], version="4")] if i % 3 else []),
            window(end, [[40, 3], [7, 20 + i]], segment="region=eu"),
            window(end, [[40, 3], [7, 20 + i]], segment="region=us"),
        ]


def test_what_was_drawn_is_drawn_again():
    history, records = lived(evaluations())
    assert rounded(again(records).view()) == rounded(history.view())
    assert {key.segment for key in history.view()} == {None, "region=eu"}


def test_it_goes_on_where_it_was():
    history, records = lived(evaluations(30))
    second = again(records[:12])
    for windows in list(evaluations(30))[12:]:
        second.add_all(windows)
    assert rounded(second.view()) == rounded(history.view())


def test_a_long_track_is_thinned_and_keeps_extremes_gaps_and_the_worst():
    rows = [[window(made.START + i * HOUR, [[400, 3], [5 + (i % 9), 100]])] for i in range(900)]
    rows[333] = [window(made.START + 333 * HOUR, [[400, 3], [95, 5]])]
    rows[700] = [window(made.START + 700 * HOUR, [[400, 3], [0, 0]])]
    _, records = lived(rows)
    track = again(records).view()[RECALL]
    assert 100 < len(track) <= LIMIT
    ends = {(point.end - made.START) // HOUR: point for point in track}
    assert {0, 333, 700, 899} <= ends.keys()
    assert ends[333].verdict is Verdict.WORSE
    assert ends[700].value is None
    assert [point.end for point in track] == sorted(point.end for point in track)


def test_what_was_said_last_of_a_window_holds_in_whatever_order_the_records_are_read():
    end = made.START + DAY
    first, later = (replace(window(end, [[40, 3], [7, n]]), as_of=end + n) for n in (10, 30))
    _, records = lived([[first], [later]])
    for order in (records, records[::-1]):
        (point,) = again(order).view()[RECALL]
        assert (point.as_of, point.n) == (end + 30, 37)


def test_series_that_nobody_plots_any_more_stay_away():
    _, records = lived(evaluations(5))
    plain = made.settings(made.model())
    assert {key.segment for key in again(records, plain).view()} == {None}
    assert again(records, made.settings(made.digits())).view() == {}


def test_a_series_whose_window_had_other_metrics_before_is_one_track():
    end = made.START + DAY
    old, new = window(end), window(end + HOUR)
    records = [
        Record.of(end, [(old, [r for r in old.metrics if r.metric == "recall"])]),
        Record.of(end + HOUR, [(new, [r for r in new.metrics if r.metric in ("recall", "f1")])]),
    ]
    view = again(records).view()
    assert [point.end for point in view[RECALL]] == [end, end + HOUR]
    assert [point.end for point in view[RECALL._replace(metric="f1")]] == [end + HOUR]


@pytest.mark.parametrize(
    "damage",
    [{"windows": b"\xc1"}, {"n": b""}, {"spans": packed(made.np.zeros((3, 4), "int64"))}, {"values": b"123"}],
)
def test_a_record_whose_parts_do_not_fit_together_is_passed_over(damage):
    _, records = lived([[window(made.START + DAY)], [window(made.START + 2 * DAY), window(made.START, version="4")]])
    broken = msgspec.structs.replace(records[0], **damage)
    track = again([broken, records[1]]).view()[RECALL]
    assert [point.end for point in track] == [made.START + 2 * DAY]


def test_of_too_many_tracks_the_newest_are_kept():
    _, records = lived([[window(made.START)], [window(made.START + DAY, version="4")]])
    history = restored(History(SETTINGS, most_series=10), records)
    assert {key.version for key in history.view()} == {"4"}
