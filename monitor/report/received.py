"""What became of every event, and what rang: the sections below the models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.report import words
from monitor.report.markup import Markup, joined, tag
from monitor.statistics.ladder import PAGE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.report.snapshot import AlertEntry
    from monitor.statistics.report import Totals

_PREDICTIONS: Final = (
    ("matched", "had a label at least once"),
    ("waiting", "may still get one"),
    ("expired", "can get none any more"),
)
_LABELS: Final = (
    ("applied", "first label of a prediction"),
    ("corrected", "newer label with another class"),
    ("retracted", "newer label that takes the class back"),
    ("repeated", "said nothing new"),
    ("orphan", "its prediction never came"),
    ("labels_waiting", "its prediction may still come"),
)
_BESIDES: Final = (
    ("duplicate", "further predictions of a known identity"),
    ("label_first", "matched by a label older than the prediction"),
)


def received(totals: Totals) -> Markup:
    """Return the totals of the join with what each word means, dead letters and skipped events by reason."""
    return tag(
        "section",
        tag("h2", "Events", id="events"),
        tag(
            "div",
            tag(
                "div",
                _sum("Predictions", totals.predictions, _PREDICTIONS, totals),
                _sum("Besides", None, _BESIDES, totals),
            ),
            _sum("Labels", totals.labels, _LABELS, totals),
            tag(
                "div",
                _reasons("Dead letters", totals.dead_letters, "rejected as invalid, kept with their reason", "bad"),
                _reasons("Skipped", totals.skipped, "not ours to count", ""),
            ),
            class_="sums",
        ),
        class_="events",
        aria_labelledby="events",
    )


def rung(alerts: Sequence[AlertEntry], shadow: Sequence[AlertEntry] = ()) -> Markup | None:
    """Return the episodes, those in the `shadow` marked among them, the newest first; None where nothing rang."""
    episodes = sorted([(alert, False) for alert in alerts] + [(alert, True) for alert in shadow], key=_begun)
    if not episodes:
        return None
    rows = [
        tag(
            "tr",
            tag("th", alert.slo, scope="row"),
            tag("td", " ".join(filter(None, (alert.model, alert.version))), data_label="Model"),
            tag("td", words.moment(alert.at), data_label="Since"),
            tag("td", words.moment(alert.resolved_at) if alert.resolved_at else "still", data_label="Until"),
            tag("td", _loud(alert, unheard=unheard), data_label="Severity"),
            tag("td", alert.reason, data_label="Reason"),
        )
        for alert, unheard in reversed(episodes[-_MOST_ALERTS:])
    ]
    head = ("Objective", "Model", "Since", "Until", "Severity", "Reason")
    older = len(episodes) - len(rows)
    return tag(
        "section",
        tag("h2", "Alerts", id="alerts"),
        tag(
            "table",
            tag("thead", tag("tr", *(tag("th", name, scope="col") for name in head))),
            tag("tbody", *rows),
            class_="plain stack promises alerts",
        ),
        tag("p", f"{words.count(older)} older ones are in the JSON report.") if older else None,
        aria_labelledby="alerts",
    )


def _begun(episode: tuple[AlertEntry, bool]) -> int:
    return episode[0].at


def _loud(alert: AlertEntry, *, unheard: bool) -> Markup:
    """Return the severity: a page is marked, and one that reached nobody says so."""
    marked = tag("span", alert.severity, class_="badge page" if alert.severity == PAGE else "badge ticket")
    return joined((marked, tag("small", "shadow") if unheard else None))


_MOST_ALERTS: Final = 50


def _sum(name: str, total: int | None, parts: Sequence[tuple[str, str]], totals: Totals) -> Markup:
    """Return a total and what it is made of."""
    rows = [
        tag(
            "tr",
            tag("th", part.replace("_", " "), tag("small", meaning), scope="row"),
            tag("td", words.count(getattr(totals, part))),
        )
        for part, meaning in parts
    ]
    heading = tag("h3", name, tag("b", words.count(total)) if total is not None else None)
    return tag("div", heading, tag("table", tag("tbody", *rows)), class_="box")


def _reasons(name: str, reasons: Mapping[str, int], meaning: str, class_: str) -> Markup:
    """Return counts by reason, the most frequent first."""
    total = sum(reasons.values())
    rows = [
        tag("tr", tag("th", reason, scope="row"), tag("td", words.count(n)))
        for reason, n in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        if n
    ]
    heading = tag("h3", name, tag("b", words.count(total), class_=class_ if total else None))
    table = tag("table", tag("tbody", *rows)) if rows else tag("p", "none", class_="none")
    return tag("div", heading, table, tag("p", meaning, class_="note"), class_="box")
