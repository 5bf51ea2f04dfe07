"""What comes in and what becomes of it: labels, rejected and skipped events, and how far reading is behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.dashboards.panels import COUNT, SECONDS, Scale, Words, course
from monitor.dashboards.queries import MODEL, Query, rate, series
from monitor.prometheus import catalog

if TYPE_CHECKING:
    from grafana_foundation_sdk.models import dashboard as sdk

_PER_SECOND: Final = Scale("cps", 2, 0)
_THIRD: Final = 8
_HALF: Final = 12


def labels() -> tuple[sdk.Panel, ...]:
    """Return the panels of predictions and labels."""
    outcomes = Words(
        "Labels a second, by outcome",
        "What finally became of label events: applied, corrected, retracted, repeated, or orphaned (their prediction "
        "never came).",
        "no labels",
    )
    waiting = Words(
        "Waiting",
        "Predictions that may still get a label, and labels whose prediction may still come. Many of the latter mean "
        "that one topic is read ahead of the other, or that predictions are lost.",
        "not known",
    )
    faults = Words(
        "Duplicates and orphans",
        "Shares in the last hour: predictions that came more than once, labels whose prediction never came, events "
        "that were rejected (of all models).",
        "not known: too few events",
    )
    latency = Words(
        "Latency of predictions",
        "How long the predictions of the last hour took, as they say themselves (`latency_ms`): so many per cent took "
        "at most so long.",
        "events carry no `latency_ms`",
    )
    stock = (
        Query(f"sum({series(catalog.WAITING_PREDICTIONS)})", "predictions"),
        Query(f"sum({series(catalog.WAITING_LABELS)})", "labels"),
    )
    shares = (
        Query(f"max({series(catalog.DUPLICATES, MODEL)})", "duplicates"),
        Query(f"max({series(catalog.ORPHANS, MODEL)})", "orphans"),
        Query(f"max({series(catalog.REJECTED)})", "rejected"),
    )
    took = Query(f"max by (percentile) ({series(catalog.LATENCY, MODEL)})", "{{percentile}} %")
    return (
        course(outcomes, [Query(rate(catalog.LABELS, "outcome", MODEL), "{{outcome}}")], _PER_SECOND, width=_HALF),
        course(waiting, stock, COUNT, width=_HALF),
        course(faults, shares, Scale("percentunit", 2, 0), width=_HALF),
        course(latency, [took], SECONDS, width=_HALF),
    )


def reading() -> tuple[sdk.Panel, ...]:
    """Return the panels of what is read and of what is not taken."""
    behind = Words(
        "Messages behind, by partition",
        "How many messages of each partition wait to be read. One that climbs alone has a producer that is too fast "
        "for it; all together mean a slow daemon.",
        "no partitions: files are read",
    )
    resets = Words(
        "Partitions that began anew",
        "How often what was to be read next was gone, because the topic keeps events too briefly: those are lost.",
        "no topics: files are read",
    )
    rejected = Words(
        "Dead letters a second, by reason",
        "Events that were rejected as invalid. `foldwatch dead-letters list` shows them.",
        "not known",
    )
    skipped = Words(
        "Skipped events a second, by reason",
        "Valid events that are not ours to count, such as those of models that are not configured.",
        "not known",
    )
    lag = Query(f"max by (topic, partition) ({series(catalog.LAG)})", "{{topic}}/{{partition}}")
    began = Query(f"sum by (topic) (increase({series(catalog.RESETS)}[$__rate_interval]))", "{{topic}}")
    return (
        course(behind, [lag], COUNT, width=_HALF),
        course(resets, [began], COUNT, width=_HALF),
        course(rejected, [Query(rate(catalog.DEAD_LETTERS, "reason"), "{{reason}}")], _PER_SECOND, width=_HALF),
        course(skipped, [Query(rate(catalog.SKIPPED, "reason"), "{{reason}}")], _PER_SECOND, width=_HALF),
    )
