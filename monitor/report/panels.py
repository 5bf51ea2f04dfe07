"""The panel of one window length: labels so far, verdicts in one grid, confusion matrix, cards, segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.report import words
from monitor.report.badges import badge, glyph, seriousness, worst
from monitor.report.cards import MOST_CARDS, card
from monitor.report.confusion import confusion
from monitor.report.markup import Markup, joined, tag
from monitor.report.version import HEADLINE_OF_CLASSES, HEADLINE_OF_MODELS
from monitor.statistics.report import Maturity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.report.version import Version
    from monitor.statistics.report import MetricResult, WindowResult

_MOST_ROWS: Final = 200
"""Classes without a card that are listed; with more classes than that the report itself is the place to look."""


def panel(version: Version, text: str, anchor: str) -> Markup:
    """Return everything about one window length of a version."""
    shown = [window for maturity in Maturity if (window := version.window(text, maturity)) is not None]
    headline = version.headline(text)
    if headline is None:
        return Markup("")
    carded, listed = _chosen(version, headline)
    cards = [card(version, text, class_, f"{anchor}-{i}") for i, class_ in enumerate((None, *carded))]
    anchors = {class_: f"#{anchor}-{i}" for i, class_ in enumerate((None, *carded))}
    parts = [_of_maturity(version, window, anchors) for window in shown]
    rest = _rest(version, text, listed, anchor)
    return joined((*parts, tag("div", *cards, class_="cards"), rest, *(_segments(version, window) for window in shown)))


def _chosen(version: Version, window: WindowResult) -> tuple[Sequence[str], Sequence[str]]:
    """Return the classes that get a card, in configured order, and the others, most serious verdict first."""
    if len(window.classes) <= MOST_CARDS:
        return window.classes, ()
    promised = {objective.class_ for objective in version.model.objectives}
    support = {r.class_: r.value or 0.0 for r in window.metrics if r.metric == "support"}

    def rank(class_: str) -> tuple[bool, int, float]:
        top = version.worst_of(window, class_)
        return class_ not in promised, seriousness(top) if top else 9, -support.get(class_, 0.0)

    ranked = sorted(window.classes, key=rank)
    first = set(ranked[:MOST_CARDS])
    return [class_ for class_ in window.classes if class_ in first], ranked[MOST_CARDS:]


def _of_maturity(version: Version, window: WindowResult, anchors: dict[str | None, str]) -> Markup:
    return tag(
        "div",
        _labels(version, window),
        tag(
            "div",
            tag("section", tag("h4", "Verdicts"), _grid(window, anchors), class_="box"),
            tag(
                "section",
                tag("h4", "Confusion matrix", tag("small", "rows: true class, columns: predicted")),
                confusion(window),
                class_="box",
            ),
            class_="two",
        ),
        class_=version.only_if(window.window, window.maturity),
    )


def _labels(version: Version, window: WindowResult) -> Markup:
    """Return which window this is, how much of it is labelled, and what that means."""
    horizon = version.model.label_horizon
    if window.maturity is Maturity.MATURE:
        meaning = "Mature: every label that the horizon allows has had its time to come."
    else:
        ripe = words.moment(window.end + horizon.millis)
        meaning = f"Provisional: labels may still come; this window is mature at {ripe} (label horizon {horizon.text})."
    labelled = f"{words.count(window.labels)} of {words.count(window.predictions)} predictions labelled"
    return tag(
        "div",
        tag(
            "p",
            tag("b", f"{words.moment(window.start)} to {words.moment(window.end)}"),
            tag("span", f" as of {words.moment(window.as_of)}"),
        ),
        tag(
            "p",
            tag("i", None, class_="bar", style=f"--share:{window.labels / max(window.predictions, 1):.3f}"),
            tag("span", f"{labelled} ({words.share(window.labels, window.predictions)})"),
        ),
        tag("p", meaning if window.labels else f"No labels yet. {meaning}", class_="meaning"),
        class_=f"labels {window.maturity.value}",
    )


def _grid(window: WindowResult, anchors: dict[str | None, str]) -> Markup:
    """Return the headline verdicts of the carded classes: shape, colour and value, each row a link to its card."""
    head = ("", *map(words.metric_name, HEADLINE_OF_CLASSES))
    body = []
    overall = {result.metric: result for result in window.metrics if result.class_ is None}
    for class_, anchor in anchors.items():
        if class_ is None:
            continue
        own = {result.metric: result for result in window.metrics if result.class_ == class_}
        name = tag("th", tag("a", class_, href=anchor), scope="row")
        body.append(tag("tr", name, *(_glance(own.get(metric)) for metric in HEADLINE_OF_CLASSES)))
    lines = [
        tag("li", tag("a", words.metric_name(metric), href=anchors[None]), " ", _said(overall.get(metric)))
        for metric in HEADLINE_OF_MODELS
    ]
    return joined(
        (
            tag("ul", *lines, class_="overall"),
            tag(
                "table",
                tag("caption", "Verdicts by class and metric", class_="unseen"),
                tag("thead", tag("tr", *(tag("th", text, scope="col") if text else tag("td", None) for text in head))),
                tag("tbody", *body),
                class_="glance",
            ),
        )
    )


def _glance(result: MetricResult | None) -> Markup:
    if result is None:
        return tag("td", words.DASH)
    told = f"{words.verdict_name(result)}. {words.verdict_in_words(result)}"
    if result.verdict is None:
        return tag("td", words.number(result.value), class_="none", title=told)
    shape = joined((glyph(result.verdict), tag("span", f"{result.verdict.value} ", class_="unseen")))
    return tag("td", shape, words.number(result.value), class_=result.verdict.value.lower(), title=told)


def _said(result: MetricResult | None) -> Markup:
    if result is None:
        return Markup(words.DASH)
    return joined((tag("b", words.number(result.value)), " ", badge(result.verdict)))


def _rest(version: Version, text: str, listed: Sequence[str], anchor: str) -> Markup | None:
    """Return the classes without a card, in a table that opens."""
    shown = version.headline(text)
    if not listed or shown is None:
        return None
    by_class: dict[str | None, dict[str, MetricResult]] = {}
    for result in shown.metrics:
        by_class.setdefault(result.class_, {})[result.metric] = result
    rows = [
        tag(
            "tr",
            tag("th", class_, scope="row"),
            *(_glance(by_class.get(class_, {}).get(metric)) for metric in HEADLINE_OF_CLASSES),
        )
        for class_ in listed[:_MOST_ROWS]
    ]
    left = len(listed) - len(rows)
    head = ("Class", *map(words.metric_name, HEADLINE_OF_CLASSES))
    return tag(
        "details",
        tag("summary", f"{words.count(len(listed))} more classes, the most serious verdicts first"),
        tag(
            "table",
            tag("thead", tag("tr", *(tag("th", name, scope="col") for name in head))),
            tag("tbody", *rows),
            class_="glance",
        ),
        tag("p", f"{words.count(left)} further classes are in the JSON report.") if left else None,
        id=f"{anchor}-rest",
        class_="rest",
    )


def _segments(version: Version, window: WindowResult) -> Markup | None:
    """Return one row a segment: labels, accuracy, and the most serious verdict with its reason."""
    segments = version.segments(window.window, window.maturity)
    if not segments:
        return None
    rows = []
    for segment in segments:
        accuracy = next((r for r in segment.metrics if (r.metric, r.class_) == ("accuracy", None)), None)
        leading = [r for class_ in (None, *segment.classes) for r in version.leading(segment, class_)]
        top = worst(leading)
        why = f"{words.title(top.metric, top.class_)}: {words.verdict_in_words(top)}" if top else _unjudged(leading)
        rows.append(
            tag(
                "tr",
                tag("th", segment.segment or "", scope="row"),
                tag(
                    "td", f"{words.count(segment.labels)} of {words.count(segment.predictions)}", data_label="Labelled"
                ),
                tag("td", words.number(accuracy.value if accuracy else None), data_label="Accuracy"),
                tag("td", badge(top.verdict if top else None), " ", tag("small", why), data_label="Verdict"),
            )
        )
    serious = sum("WORSE" in row for row in rows)
    head = ("Segment", "Labelled", "Accuracy", "Most serious verdict")
    anchor = f"segments-{version.model.name}-{version.version}-{window.window}-{window.maturity.value}"
    return tag(
        "details",
        tag("summary", f"{len(segments)} segments", f", {serious} with a WORSE verdict" if serious else None),
        tag(
            "table",
            tag("thead", tag("tr", *(tag("th", name, scope="col") for name in head))),
            tag("tbody", *rows),
            class_="plain stack",
        ),
        id=anchor,
        class_=f"rest {version.only_if(window.window, window.maturity)}",
    )


def _unjudged(leading: Sequence[MetricResult]) -> str:
    """Return why nothing of a segment is judged."""
    return next((result.reason for result in leading if result.reason), "no verdict")
