"""Rows come back from bytes exactly, whatever the model."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_drive import settings_of

from monitor.counts import Layout
from monitor.join.history import History, Mark, Scored
from monitor.join.rows import IN_HISTORY, NO_PREDICTION, Rows
from monitor.state.disk.row_facts import differing
from monitor.state.disk.row_format import HISTORY, RowFormat

PLAIN = settings_of().models["m"]


def model(classes, segments):
    """A model with so many classes and these segments."""
    names = tuple(str(k) for k in range(classes))
    return replace(PLAIN, classes=names, layout=Layout(classes), segments=segments)


MANY = tuple(str(value) for value in range(70_000))
MODELS = (
    model(2, {"region": None}),
    model(2, {}),
    model(3, {"a": None, "b": ("x",)}),
    model(60, {"a": MANY[:300]}),
    model(70_000, {}),
)
moments = st.one_of(st.integers(0, 2**41), st.integers(-(2**63), 2**63 - 1))
scores = st.floats(allow_nan=False)


@st.composite
def rows_of(draw, made):
    """Rows that a model may have."""
    classes, columns = made.layout.classes, made.layout.score_columns
    n = draw(st.integers(0, 6))
    rows = Rows.absent(n, len(made.segments), columns)
    for row in range(n):
        kind = draw(st.sampled_from(["absent", "history", "p", "l", "pl"]))
        scored = draw(st.lists(scores, min_size=columns, max_size=columns)) if columns < 4 else [0.1] * columns
        segments = tuple(
            draw(st.integers(0, 51 if f is None else min(len(f) + 1, 2**15 - 1))) for f in made.segments.values()
        )
        if kind == "history":
            prediction = Scored(3, draw(moments), 1, segments, tuple(scored))
            told = draw(st.sampled_from([(), (3,)]))
            rows.version[row] = IN_HISTORY
            rows.histories[row] = History((prediction,), (Mark(5, -2), Mark(draw(moments), 1, 1)), (7,), (8, 9), told)
        if "p" in kind:
            rows.version[row] = draw(st.integers(0, 2**31 - 1))
            rows.predicted_at[row], rows.y_pred[row] = draw(moments), draw(st.integers(0, classes - 1))
            rows.segments[row] = segments
            rows.scores[row] = draw(st.sampled_from([scored, [np.nan] * columns]))
        if "l" in kind:
            rows.labelled_at[row], rows.y_true[row] = (
                draw(moments),
                draw(st.integers(-2, classes - 1).filter(lambda y: y != -1)),
            )
    return rows


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_rows_come_back_from_bytes_exactly(data):
    made = data.draw(st.sampled_from(MODELS))
    rows = data.draw(rows_of(made))
    values = RowFormat(made).encode(rows)
    again = RowFormat(made).decode(values.tolist())
    assert not differing(rows, again).any()
    assert not differing(again, rows).any()
    assert again.histories == rows.histories
    assert [value is None for value in values] == ((rows.version == NO_PREDICTION) & (rows.y_true == -1)).tolist()


def test_a_waiting_row_of_two_classes_takes_24_bytes_and_a_label_9_more():
    rows = Rows.absent(2, 1, 1)
    rows.version[:], rows.scores[:] = 0, 0.5
    rows.y_true[1] = 1
    assert [len(value) for value in RowFormat(MODELS[0]).encode(rows)] == [23, 32]


def test_a_history_from_before_first_classes_were_told_is_read():
    history = History((Scored(0, 5, 1, (1,), (0.5,)),), (Mark(6, 1), Mark(7, -2)), (), (8,))
    stored = bytes([HISTORY]) + msgspec.msgpack.encode(tuple(history)[:-1])
    assert RowFormat(MODELS[0]).decode([stored]).histories == {0: history}


@pytest.mark.parametrize("damaged", [b"\x77", b"\x08\xc1", b"\x01\x00\x00", b"\x08", b"\x10abc"])
def test_bytes_that_are_no_row_are_refused(damaged):
    with pytest.raises((ValueError, Exception), match=r".+") as error:
        RowFormat(MODELS[0]).decode([None, damaged])
    assert type(error.value).__name__ in {"ValueError", "DecodeError", "ValidationError"}
