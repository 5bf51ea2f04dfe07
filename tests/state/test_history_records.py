"""Records of evaluations: small, readable for good, few, and never a reason not to start."""

from __future__ import annotations

import logging

import fabricated as made
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.clock import DAY, HOUR, MINUTE
from monitor.state import MemoryState
from monitor.state.history import (
    FORMAT,
    PLOTTED,
    RETENTION,
    SPAN,
    VERDICTS,
    Archive,
    Record,
    decoded,
    encoded,
    packed,
    superfluous,
    unpacked,
)
from monitor.statistics.report import Maturity

NOW = made.START
CHURN = made.churn()


def window(end=NOW, confusion=((40, 3), (7, 20)), of=CHURN, text="24h", version="3", maturity=Maturity.MATURE, **more):
    return made.window(of, version, text, end, maturity, confusion, **more)


def record(as_of=NOW, windows=(), parts=None):
    return Record.of(as_of, [(one, one.metrics) for one in windows], parts)


def archive_of(*moments):
    state = MemoryState({"churn": CHURN})
    for moment in moments:
        state.append_history(moment, encoded(record(moment)))
    return Archive(state), state


def kept(state):
    return [moment for moment, _ in state.history(0)]


def test_a_record_says_what_its_windows_said():
    windows = [window(), window(confusion=[[0, 0], [0, 0]], unlabelled=9), window(segment="region=eu", promised=None)]
    back = decoded(encoded(record(NOW, windows, {"alerts": b"x"})))
    assert (back.as_of, back.parts) == (NOW, {"alerts": b"x"})
    frames = back.frames()
    assert [(*f[:6], len(f.metrics)) for f in frames] == [
        ("churn", "3", segment, "24h", Maturity.MATURE, ("stay", "leave"), 16) for segment in (None, None, "region=eu")
    ]
    assert unpacked([back.spans], np.int64, len(SPAN))[0].tolist() == [
        [NOW - DAY, NOW, 70, 70],
        [NOW - DAY, NOW, 9, 0],
        [NOW - DAY, NOW, 70, 70],
    ]
    assert back.confusions() == [{0: 40, 1: 3, 2: 7, 3: 20}, {}, {0: 40, 1: 3, 2: 7, 3: 20}]
    results = [result for one in windows for result in one.metrics]
    assert [name for frame in frames for name in frame.metrics] == [(r.metric, r.class_) for r in results]
    assert unpacked([back.n], np.int64, 1)[0, :, 0].tolist() == [r.n for r in results]
    values = unpacked([back.values], np.float32, len(PLOTTED))[0]
    wanted = [[getattr(r, name) for name in PLOTTED] for r in results]
    np.testing.assert_allclose(values, np.array(wanted, float), rtol=1e-7)
    assert [VERDICTS[v] for v in unpacked([back.verdicts], np.uint8, 1)[0, :, 0]] == [r.verdict for r in results]


def test_a_record_without_windows_is_a_record():
    back = decoded(encoded(record()))
    assert (back.frames(), back.confusions(), back.parts) == ((), [], {})


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 4),
    st.integers(0, 5),
    st.integers(1, 6),
    st.sampled_from([np.int64, np.float32, np.uint8]),
    st.data(),
)
def test_tables_come_back_as_they_were_packed(tables, rows, columns, dtype, data):
    draw = st.binary(min_size=tables * rows * columns * 8, max_size=tables * rows * columns * 8)
    raw = np.frombuffer(data.draw(draw), np.uint8).view(dtype)[: tables * rows * columns]
    given_ = raw.reshape(tables, rows, columns)
    back = unpacked([packed(table) for table in given_], dtype, columns)
    assert back.shape == given_.shape
    assert back.tobytes() == given_.tobytes()


def test_tables_of_different_sizes_do_not_fit_together():
    with pytest.raises(ValueError, match="differ in length"):
        unpacked([packed(np.zeros((2, 3), np.int64)), packed(np.zeros((1, 3), np.int64))], np.int64, 3)
    with pytest.raises(ValueError, match="differ in length"):
        unpacked([b"12345"], np.int64, 1)


def test_what_a_newer_foldwatch_adds_is_passed_over_and_a_newer_format_refused():
    class Newer(Record):
        verdicts_of_tomorrow: bytes = b"more"

    plain = record(NOW, [window()])
    newer = Newer(*(getattr(plain, name) for name in plain.__struct_fields__))
    assert decoded(encoded(newer)) == plain
    with pytest.raises(ValueError, match=f"format {FORMAT + 1}, and this foldwatch reads {FORMAT}"):
        decoded(bytes([FORMAT + 1]) + encoded(plain)[1:])


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damage_is_a_value_error_or_harmless(data):
    whole = encoded(record(NOW, [window()]))
    at = data.draw(st.integers(0, len(whole) - 1))
    broken = whole[:at] + data.draw(st.binary(max_size=3)) + whole[at + data.draw(st.integers(0, 3)) :]
    try:
        back = decoded(broken)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - either way is right, and this one has something to say
    else:
        assert isinstance(back, Record)


def test_an_empty_record_is_refused():
    with pytest.raises(ValueError, match="empty"):
        decoded(b"")


def test_of_the_last_day_each_minute_keeps_its_last_record_and_before_that_each_hour():
    aged = (NOW - DAY) // HOUR * HOUR
    hours = [aged - 2 * HOUR, aged - 2 * HOUR + MINUTE, aged - MINUTE, aged - 1]
    minutes = [aged, aged + 1000, aged + 59_999, aged + MINUTE, NOW - 1, NOW]
    assert superfluous([*hours, *minutes], NOW) == [hours[0], hours[2], aged, aged + 1000]


def test_what_is_older_than_the_retention_goes_and_what_a_wrong_clock_wrote():
    moments = [NOW - RETENTION - 1, NOW - RETENTION, NOW, NOW + DAY, NOW + DAY + 1]
    assert superfluous(moments, NOW) == [moments[0], moments[-1]]
    assert superfluous([], NOW) == []


def test_a_record_of_the_wrong_future_does_not_push_out_one_of_now():
    now = NOW + 20
    assert superfluous([now, now + DAY + 5], now) == [now + DAY + 5]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-200 * HOUR, 40 * HOUR), unique=True, max_size=80), st.integers(0, 30 * HOUR))
def test_thinning_at_every_append_ends_where_thinning_once_does(offsets, on):
    moments = sorted(NOW + offset for offset in offsets)
    once = [m for m in moments if m not in set(superfluous(moments, NOW + on))]
    twice = [m for m in moments if m not in set(superfluous(moments, NOW))]
    twice = [m for m in twice if m not in set(superfluous(twice, NOW + on))]
    ahead = [m for m in once if m > NOW + DAY]  # they were thrown away while their time had not come
    assert [m for m in once if m not in ahead] == [m for m in twice if m not in ahead]
    assert superfluous(once, NOW + on) == []


def test_a_year_of_minutes_is_a_few_thousand_records():
    archive, state = archive_of()
    assert list(archive.restore(NOW)) == []
    for minute in range(3 * 24 * 60):
        archive.append(record(NOW + minute * MINUTE))
    assert len(kept(state)) <= 2 * 24 + 25 * 60
    assert (kept(state)[0] - NOW) < HOUR
    archive.append(record(NOW + 365 * DAY))
    assert kept(state) == [NOW + 365 * DAY]


def test_a_clock_that_is_set_back_writes_between_the_records_that_it_had_written():
    archive, state = archive_of()
    assert list(archive.restore(NOW)) == []
    for moment in (NOW, NOW + HOUR, NOW + MINUTE, NOW + MINUTE, NOW + 2 * MINUTE):
        archive.append(record(moment))
    assert kept(state) == [NOW, NOW + MINUTE, NOW + 2 * MINUTE, NOW + HOUR]


def test_what_cannot_be_read_is_left_out_with_one_line(caplog):
    archive, state = archive_of(NOW - 3 * HOUR, NOW - HOUR)
    newer = bytes([FORMAT + 1]) + b"?"
    state.append_history(NOW - 2 * HOUR, newer)
    state.append_history(NOW - 4 * HOUR, b"")
    with caplog.at_level(logging.WARNING, "foldwatch"):
        assert [one.as_of for one in archive.restore(NOW)] == [NOW - 3 * HOUR, NOW - HOUR]
    (line,) = caplog.records
    assert (line.message, line.records, line.why) == ("history left out", 2, "it is empty")
    # A newer foldwatch may come back to it.
    assert (NOW - 2 * HOUR, newer) in list(state.history(0))


def test_restoring_thins_what_an_earlier_process_left():
    archive, state = archive_of(NOW - 100 * DAY, NOW - 3 * DAY, NOW - 3 * DAY + 1, NOW)
    assert len(list(archive.restore(NOW))) == 4
    assert kept(state) == [NOW - 3 * DAY + 1, NOW]


def test_ninety_days_fit_into_fifty_megabytes():
    rng = np.random.default_rng(5)
    models = [made.model(name, ("stay", "leave"), ("1h", "24h", "7d")) for name in ("churn", "fraud")]
    windows = [
        window(
            NOW, made.drawn(rng, 2, int(rng.integers(500, 300_000)), rng.uniform(0.7, 0.95, 2)), of, text.text, version,
            maturity, unlabelled=int(rng.integers(9, 900)), promised=float(rng.uniform(0.8, 0.9)),
        )
        for of in models for version in ("3", "4") for text in of.windows for maturity in Maturity
    ]  # fmt: skip
    one = len(encoded(record(NOW, windows)))
    assert one * (25 * 60 + 89 * 24) < 50_000_000


def test_the_windows_bytes_are_the_same_as_long_as_no_window_comes_or_goes():
    one, two = (record(NOW + i * HOUR, [window(NOW + i * HOUR), window(NOW, version="4")]) for i in range(2))
    assert one.windows == two.windows
    assert msgspec.msgpack.decode(one.windows)[0][:5] == ["churn", "3", None, "24h", "mature"]
