"""What a replayed history would have rung, on the page."""

from __future__ import annotations

import re
from dataclasses import replace

import budgeted
import fabricated as made

from monitor.report.page import page

FLOOR, HIDDEN = budgeted.promised("floor"), budgeted.promised("hidden", routing="shadow")
OF = made.model(objectives=(FLOOR, HIDDEN))
SNAPSHOT = replace(
    made.empty_snapshot(of=OF, evaluated=True),
    rehearsed=[budgeted.rehearsed(OF, FLOOR), budgeted.rehearsed(OF, HIDDEN)],
)


def section(snapshot):
    html = page(snapshot, served=False)
    found = re.search(r'<section aria-labelledby="rehearsal">.*?</section>', html, re.DOTALL)
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", found[0])) if found else None


def test_each_severity_says_when_it_first_rang_how_late_when_it_reset_and_how_often_it_was_false():
    text = section(SNAPSHOT)
    assert "floor churn page 2026-01-02 00:00Z 5h after 1d 2h 3 7 without a least number 1 5 without a" in text
    assert "floor churn ticket 2026-01-02 01:00Z 6h never 1 0 1 unclear" in text
    assert "hidden churn page shadow 2026-01-02" in text


def test_it_says_by_which_windows_the_replay_rang_and_that_the_rules_have_others():
    text = section(SNAPSHOT)
    assert "Windows: page above 5.6 times over 1d and 2h" in text
    assert "wider than the rules of the daemon, which ask page above 13.44 times over 1h and 5m" in text
    assert text.count("Windows:") == 1


def test_what_never_rang_and_what_cannot_ring_are_told_apart():
    (one, _) = SNAPSHOT.rehearsed
    silent = replace(one.rung[0], episodes=0, false=0, first_at=None, changed_at=None, first_resolved_at=None)
    never = section(replace(SNAPSHOT, rehearsed=[replace(one, rung=(silent,))]))
    assert "page never \N{EN DASH} \N{EN DASH} 0 0" in never
    cannot = section(replace(SNAPSHOT, rehearsed=[replace(one, rung=(), levels=())]))
    assert "floor churn cannot ring" in cannot
    assert "its windows are longer than slo.period" in cannot


def test_a_daemon_rehearses_nothing():
    assert section(made.empty_snapshot(of=OF)) is None
