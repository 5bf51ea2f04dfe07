"""The terminal's tables: within 100 columns, plain where there is no terminal."""

from __future__ import annotations

import io
from dataclasses import replace

import fabricated as made
import pytest

from monitor.report.snapshot import Announcement
from monitor.report.table import WIDTH, live, summary, terminal


def printed(renderable):
    out = io.StringIO()
    terminal(out).print(renderable)
    return out.getvalue()


@pytest.mark.parametrize("face", [summary, live])
@pytest.mark.parametrize(
    "snapshot",
    [
        made.churn_snapshot(days=9),
        made.many_snapshot(),
        made.empty_snapshot(),
        made.empty_snapshot(evaluated=True),
        made.without_labels(),
    ],
    ids=["churn", "many", "empty", "no predictions", "no labels"],
)
def test_no_line_is_longer_than_100_columns_and_there_are_no_colours(face, snapshot):
    text = printed(face(snapshot))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "\x1b" not in text


def test_the_end_of_a_backtest_tells_each_objective_the_last_verdicts_and_the_totals():
    text = printed(summary(made.churn_snapshot(days=20)))
    row = next(line for line in text.splitlines() if "leave-recall" in line)
    assert "2026-01-1" in row
    assert "WORSE" in row
    assert "weekly-accuracy" in text
    assert "predictions 48,211 = 40,120 matched + 7,311 waiting + 780 expired" in text
    assert "besides: 312 duplicate, 55 label first" in text
    assert "dead letters 21: 17 bad score, 4 unknown class" in text


def test_what_never_turned_worse_says_never():
    text = printed(summary(made.churn_snapshot(days=4)))
    assert "never" in next(line for line in text.splitlines() if "leave-recall" in line)


def test_while_it_runs_the_phase_and_every_class_are_shown():
    text = printed(
        live(made.digits_snapshot(hours=6, announcement=Announcement("Phase 1 of 3: healthy", "all is well")))
    )
    assert "Phase 1 of 3: healthy" in text
    for digit in range(10):
        assert any(line.strip().startswith(f"{digit} ") for line in text.splitlines())


def test_a_halt_and_a_first_evaluation_to_come_are_told():
    waiting = printed(live(replace(made.empty_snapshot(), halted="half of the last events were bad")))
    assert "reading has stopped: half of the last events were bad" in waiting
    assert "waiting for the first evaluation" in waiting
    assert "no prediction has come yet" in printed(live(made.empty_snapshot(evaluated=True)))


def test_of_many_classes_the_most_serious_come_first_and_the_rest_is_counted():
    text = printed(live(made.many_snapshot()))
    assert "and 17 more classes" in text


def test_parts_of_a_total_that_are_zero_are_left_out_but_the_first():
    text = printed(live(made.empty_snapshot(evaluated=True)))
    assert "predictions 0 = 0 matched\n" in "\n".join(line.rstrip() for line in text.splitlines())
