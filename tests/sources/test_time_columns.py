"""A column of time texts is what `parse_time` makes of each."""

from __future__ import annotations

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.clock import format_time, parse_time
from monitor.sources.decoding.times import FAR, parse_times

TWO = st.integers(0, 99).map("{:02d}".format)
LIKELY = st.tuples(
    st.sampled_from(["1970", "1999", "2024", "2026", "0000", "9999"]) | st.integers(0, 9999).map("{:04d}".format),
    st.just("-") | st.sampled_from("/ "),
    st.integers(0, 13).map("{:02d}".format),
    st.just("-"),
    st.integers(0, 32).map("{:02d}".format),
    st.sampled_from("Tt _"),
    st.integers(0, 25).map("{:02d}".format),
    st.just(":"),
    st.integers(0, 61).map("{:02d}".format),
    st.sampled_from([":", "", "."]),
    TWO,
    st.sampled_from(["", ".", ".1", ".12", ".123", ".123456", ".999999999", ".1234567890", ",5", ".5x"]),
    st.sampled_from(["", "Z", "z", " Z", "+00:00", "-23:59", "+24:00", "+05:60", "+0530", "+1", "é", "Zé"]),
).map("".join)
TEXTS = LIKELY | st.text(max_size=30) | st.integers().map(str) | st.sampled_from(["", " 5 ", "-0", "12.", "1e3"])


def one_by_one(text: str | None) -> int | None:
    if text is None or len(text) > 64:
        return None
    head, dot, tail = text.strip().partition(".")
    cut = head if dot and head.removeprefix("-").isdecimal() and (not tail or tail.isdecimal()) else text
    moment = parse_time(cut)
    return None if moment is None else max(-FAR, min(FAR, moment))


@settings(max_examples=150)
@given(st.lists(TEXTS | st.none(), max_size=8))
@example(["2026-01-31T12:00:00Z", "2026-01-31t12:00:00.5z", "2024-02-29 00:00:00", "2023-02-29T00:00:00Z", None])
@example(["1900-02-29T00:00:00Z", "2000-02-29T00:00:00Z", "2026-12-31T23:59:60Z", "9" * 40, "-" + "9" * 40])
@example(["2026-01-31T12:00:00+01:00", "2026-01-31T12:00:00.12345", "2026-01-31T12:00:00.1234Z", "٣"])
def test_a_column_is_what_its_texts_are_one_by_one(texts):
    assert parse_times(pl.Series(texts, dtype=pl.String)).to_list() == [one_by_one(text) for text in texts]


@settings(max_examples=50)
@given(st.lists(st.integers(0, 4_102_444_800_000), max_size=20))
def test_what_we_print_is_read_again(moments):
    assert parse_times(pl.Series([format_time(each) for each in moments], dtype=pl.String)).to_list() == moments
