"""promtool's short notation of samples: every series comes back as it was."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerting.promtool.notation import NAN, NOTHING, notation, span

SAMPLES = st.lists(st.one_of(st.integers(-3, 3), st.integers(-(10**12), 10**12), st.sampled_from([NAN, NOTHING])))


def read(text):
    """Read the notation as promtool's documentation describes it."""
    values = []
    for word in text.split():
        run = re.fullmatch(r"(-?\d+)([+-]\d+)x(\d+)", word)
        if run:
            first, rise, times = map(int, run.groups())
            values.extend(first + rise * at for at in range(times + 1))
        elif word.startswith("_x"):
            values.extend([NOTHING] * int(word[2:]))
        else:
            values.append(word if word == NAN else int(word))
    return values


@given(SAMPLES)
def test_a_series_comes_back_as_it_was(values):
    assert read(notation(values)) == values


@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(2, 1_000))
def test_an_even_run_is_one_word(first, rise, count):
    assert " " not in notation([first + rise * at for at in range(count)])


@pytest.mark.parametrize(
    ("millis", "text"), [(0, "0s"), (1, "1ms"), (150_000, "2m30s"), (280_800_000, "3d6h"), (6_500, "6s500ms")]
)
def test_durations_are_exact(millis, text):
    assert span(millis) == text
