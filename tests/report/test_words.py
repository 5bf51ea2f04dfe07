"""Numbers and verdicts in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.clock import DAY, HOUR, MINUTE, SECOND
from monitor.report import words
from monitor.report.markup import Markup, tag
from monitor.statistics.report import MetricResult, Verdict

RESULT = MetricResult(
    "recall", "leave", 0.7, 0.66, 0.74, 0.95, "jeffreys", 320, 1.0, None, 0.74, 0.7, 0.78, 0.74,
    -0.04, -0.08, 0.0, 0.03, Verdict.UNKNOWN, "too few labels", 1_900,
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "too few labels: 320 of about 1,900"),
        ({"reason": "immature", "labels_needed": None}, "immature"),
        ({"reason": None, "labels_needed": None}, "not decided yet"),
        ({"undefined": "no true ones"}, "undefined (no true ones)"),
        ({"verdict": None, "reason": "no folds for this segment"}, "no folds for this segment"),
        ({"verdict": None, "reason": None}, "no verdict"),
        ({"verdict": Verdict.WORSE, "reason": "at least 0.05 worse"}, "at least 0.05 worse, margin 0.03"),
        ({"verdict": Verdict.WORSE, "reason": None}, "worse than promised, margin 0.03"),
        (
            {"verdict": Verdict.OK, "difference_lower": -0.02, "reason": None},
            "at most 0.020 below the promise, margin 0.03",
        ),
        (
            {"verdict": Verdict.OK, "difference_lower": 0.01, "reason": "mix: x"},
            "not below the promise, margin 0.03; mix: x",
        ),
        (
            {"verdict": Verdict.OK, "difference_upper": 0.02, "reason": None, "metric": "log_loss"},
            "at most 0.020 above the promise, margin 0.03",
        ),
        ({"verdict": Verdict.OK, "difference_upper": None, "reason": None}, "as promised, margin 0.03"),
    ],
)
def test_a_verdict_says_why(change, said):
    assert words.verdict_in_words(replace(RESULT, **change)) == said


def test_briefly_the_margin_is_left_out():
    ok = replace(RESULT, verdict=Verdict.OK, difference_lower=-0.02, reason=None)
    assert words.verdict_in_words(ok, brief=True) == "at most 0.020 below the promise"


@pytest.mark.parametrize(
    ("duration", "text"),
    [(None, words.DASH), (0, "0s"), (2 * DAY + 5 * HOUR + MINUTE, "2d 5h"), (45 * MINUTE, "45m"), (DAY + SECOND, "1d")],
)
def test_lengths_have_their_two_largest_units(duration, text):
    assert words.length(duration) == text


@pytest.mark.parametrize(("part", "text"), [(0, "0"), (1, "1"), (500, "50"), (999, "99"), (1_000, "100")])
def test_a_share_is_all_or_nothing_only_where_it_is_that(part, text):
    assert words.share(part, 1_000) == f"{text}\N{NO-BREAK SPACE}%"


def test_numbers_have_a_dash_where_there_is_none():
    assert (words.number(None), words.signed(None), words.count(None), words.moment(None)) == (words.DASH,) * 4
    assert (words.number(12_345.0, "support"), words.signed(-0.5)) == ("12,345", "\N{MINUS SIGN}0.500")
    assert (words.moment(1_500), words.moment(60_000)) == ("1970-01-01 00:00:01Z", "1970-01-01 00:01Z")


def test_text_is_escaped_and_markup_is_not():
    assert tag("p", '<a> & "b"', Markup("<br>"), None, 3, title='"') == (
        '<p title="&quot;">&lt;a&gt; &amp; &quot;b&quot;<br>3</p>'
    )
    assert tag("input", checked=True, disabled=False, aria_label="x", for_=None) == '<input checked aria-label="x">'
