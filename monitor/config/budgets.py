"""What an objective promises beside its metric: kind of events, target, routing, annotations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitor.config import alert_keys as keys
from monitor.statistics.names import PROPORTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from monitor.config.section import Section


@dataclass(frozen=True, slots=True)
class Promise:
    """The share of good events, and what comes of too few."""

    target: Decimal | None
    kind: str
    routing: str
    annotations: Mapping[str, str] = field(default_factory=dict)


def read_promise(section: Section, metric: str | None) -> Promise | None:
    """Read an objective's budget; None where something about it is wrong, which is reported."""
    before = len(section.at.problems)
    target, kind, routing = section.get(keys.TARGET), section.get(keys.SLO_KIND), section.get(keys.ROUTING)
    annotations = section.get(keys.ANNOTATIONS)
    if keys.TARGET not in section:
        for key in (keys.SLO_KIND, keys.ROUTING, keys.ANNOTATIONS):
            if key in section:
                finding = "is of no use without `target`: there is no budget, and so no alert of it"
                section.value(key).report(finding, f"add `target`, such as `target: 0.95`, or remove `{key.name}`")
    if kind == keys.OCCURRENCES and metric is not None and metric not in PROPORTIONS:
        finding = f"`{metric}` is no proportion of labelled predictions: none of them alone is good or bad for it"
        remedy = f"choose one of: {', '.join(PROPORTIONS)}, or write `kind: {keys.TIMESLICES}`"
        section.value(keys.SLO_KIND).report(finding, remedy)
    if len(section.at.problems) > before or kind is None or routing is None:
        return None
    return Promise(target, kind, routing, annotations or {})
