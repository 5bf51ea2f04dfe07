"""Routes, inhibitions and mute times: which alert goes where, and which one speaks for others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from monitor.alerting import names
from monitor.alerting.routes.quoting import in_matcher, in_yaml
from monitor.alerting.routes.receivers import PAGE, SHADOW, TICKET, WATCHDOG

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

QUIET: Final = "foldwatch-tickets-wait"
"""The mute times of tickets."""
COMPONENT: Final = "foldwatch"
"""Label `component` of Watchdog, which others have too."""
_ANY_MODEL: Final = 'model=~".+"'
_ANY_OBJECTIVE: Final = 'slo=~".+"'


def routes() -> Iterator[str]:
    """Write the lines of `route:`; the first route that matches wins."""
    yield "route:"
    yield "  # What no route below knows is not lost: it becomes a ticket."
    yield f"  receiver: {TICKET}"
    yield "  group_by: [model]"
    yield "  group_wait: 30s"
    yield "  group_interval: 5m"
    yield "  repeat_interval: 12h"
    yield "  routes:"
    yield "    - matchers: ['routing=\"shadow\"']"
    yield f"      receiver: {SHADOW}"
    yield from _route([f'alertname="{names.WATCHDOG}"', f'component="{COMPONENT}"'], WATCHDOG)
    yield "      group_by: [alertname]"
    yield "      group_wait: 0s"
    yield "      group_interval: 1m"
    yield "      repeat_interval: 5m"
    yield "    # The group decides PagerDuty's dedup key: one incident an objective, opened and closed by itself."
    yield from _route([f'severity="{names.CRITICAL}"'], PAGE)
    yield "      group_by: [alertname, model, slo]"
    yield "      repeat_interval: 4h"
    yield "    # It mutes alerts on quality (below), so nothing mutes it: else neither would be heard."
    yield from _route([f'alertname="{names.LABELS_LATE}"'], TICKET)
    yield from _route([f'severity="{names.WARNING}"'], TICKET)
    yield f"      mute_time_intervals: [{QUIET}]"
    yield from _route([f'severity="{names.INFORMATION}"'], TICKET)
    yield "      repeat_interval: 3d"
    yield f"      mute_time_intervals: [{QUIET}]"


def mute_times() -> Iterator[str]:
    """Write the lines of `time_intervals:`: a name for users to fill, which mutes nothing as it is."""
    yield "# When tickets wait: never, as it stands. What waits is told when the time is over, if it fires still. Pages"
    yield "# never wait. For office hours let what deploys this file put these, or yours, in place of the empty list:"
    yield "#   - {weekdays: ['saturday', 'sunday']}"
    yield "#   - {times: [{start_time: '00:00', end_time: '07:00'}, {start_time: '18:00', end_time: '24:00'}]}   # UTC"
    yield "time_intervals:"
    yield f"  - name: {QUIET}"
    yield "    time_intervals: []"


def inhibitions(job: str, models: Sequence[str]) -> Iterator[str]:
    """Write the lines of `inhibit_rules:`.

    A label that both alerts lack counts as equal: so each side names the labels that it must have.
    """
    yield "inhibit_rules:"
    yield "  # The page speaks for the ticket of the same objective; what rings in the shadow speaks for nobody."
    yield from _inhibition(
        source=[f'severity="{names.CRITICAL}"', 'routing!="shadow"', _ANY_MODEL, _ANY_OBJECTIVE],
        target=[f'severity="{names.WARNING}"', _ANY_MODEL, _ANY_OBJECTIVE],
        equal=["model", "slo"],
    )
    if models:
        yield "  # While the daemon is down nothing is known of its models."
        known = "|".join(re.escape(name) for name in models)
        yield from _inhibition(
            source=[f'alertname="{names.DOWN}"', f"job={in_matcher(job)}"],
            target=[f"model=~{in_matcher(known)}"],
            equal=[],
        )
    yield "  # While labels are late, quality is judged by the few that came."
    yield from _inhibition(
        source=[f'alertname="{names.LABELS_LATE}"', _ANY_MODEL],
        target=[f'alertname=~"{"|".join(names.QUALITY)}"', _ANY_MODEL, _ANY_OBJECTIVE],
        equal=["model"],
    )


def _route(matchers: Sequence[str], receiver: str) -> Iterator[str]:
    yield f"    - matchers: {_listed(matchers)}"
    yield f"      receiver: {receiver}"


def _inhibition(*, source: Sequence[str], target: Sequence[str], equal: Sequence[str]) -> Iterator[str]:
    yield f"  - source_matchers: {_listed(source)}"
    yield f"    target_matchers: {_listed(target)}"
    if equal:
        yield f"    equal: [{', '.join(equal)}]"


def _listed(matchers: Sequence[str]) -> str:
    return f"[{', '.join(map(_scalar, matchers))}]"


def _scalar(matcher: str) -> str:
    """Return a matcher as YAML, in single quotes where that is easy to read."""
    return f"'{matcher}'" if matcher.isprintable() and "'" not in matcher else in_yaml(matcher)
