"""Where events come more rarely than a short window ends, somebody is told what that means."""

from __future__ import annotations

from decimal import Decimal

import pytest

from monitor.clock import DAY, HOUR, MINUTE
from monitor.report.cadence import rare_events
from monitor.statistics.budget import BudgetState, Standing, Tally
from monitor.statistics.ladder import Level

LEVELS = (
    Level("page", HOUR, 5 * MINUTE, Decimal("13.44")),
    Level("page", 6 * HOUR, 30 * MINUTE, Decimal("5.6")),
)


@pytest.mark.parametrize(
    ("cadence", "kind", "said"),
    [
        (None, "occurrences", None),
        (5 * MINUTE, "occurrences", None),
        (6 * MINUTE, "occurrences", "labels that count come about every 6m, and windows of 5m are empty in between"),
        (DAY, "timeslices", "evaluations that count come about every 1d, and windows of 5m and 30m are empty"),
    ],
)
def test_events_that_come_more_rarely_than_a_short_window_have_a_consequence(cadence, kind, said):
    standing = Standing(
        "m", "s", kind, Decimal("0.9"), "page", BudgetState.OK, Tally(), None, event_cadence=cadence, levels=LEVELS
    )
    told = rare_events(standing)
    assert (told is None) == (said is None)
    assert said is None or told.startswith(said)
