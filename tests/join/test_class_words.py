import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.join.words import class_text, normal_class


@pytest.mark.parametrize(
    ("text", "same_as"),
    [("1.0", "1"), ("1.000", "1"), ("-3.0", "-3"), ("-0.0", "0"), ("-0", "0"), ("12", "12")],
)
def test_an_integral_number_loses_its_fraction(text, same_as):
    assert normal_class(text) == same_as


@pytest.mark.parametrize(
    "text", ["no", "on", "1_0", "3.10", "007", "1e3", "1.", ".0", "1.0.0", " 1.0", "True", "null", "\u0661.0"]
)
def test_every_other_text_is_itself(text):
    assert normal_class(text) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1"), (1.0, "1"), (-0.0, "0"), (1.5, "1.5"), (1e3, "1000"), (True, "true"), (False, "false"), ("1.0", "1")],
)
def test_a_value_is_compared_as_its_text(value, text):
    assert class_text(value) == text


@pytest.mark.parametrize("value", [None, "", [], {}, math.nan, math.inf, -math.inf, 2**2_000])
def test_what_cannot_be_a_class_has_no_text(value):
    assert class_text(value) is None


@given(st.text() | st.from_regex(r"-?[0-9]+\.0+", fullmatch=True))
def test_the_rule_changes_a_text_once_at_most(text):
    assert normal_class(normal_class(text)) == normal_class(text)


@given(st.integers(-(2**60), 2**60))
def test_an_integer_its_float_text_and_its_text_are_the_same_class(number):
    assert class_text(number) == class_text(f"{number}.0") == class_text(str(number))
