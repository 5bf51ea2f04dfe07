"""A card: one class, or the whole model, in one window: verdict with reason, plot, metrics with band and promise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.report import words
from monitor.report.badges import badge, worst
from monitor.report.history import is_plotted, promised
from monitor.report.markup import Markup, joined, tag
from monitor.report.plots import against, over_time
from monitor.report.version import HEADLINE_OF_CLASSES, HEADLINE_OF_MODELS, ordered
from monitor.statistics.report import Maturity, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.report.version import Version
    from monitor.statistics.report import MetricResult, WindowResult

MOST_CARDS: Final = 12
"""Cards of classes in one window; further classes are listed in a table."""


def card(version: Version, text: str, class_: str | None, anchor: str) -> Markup:
    """Return the card of a class, or of the whole model, in the window `text`, mature and provisional."""
    shown = version.headline(text)
    if shown is None:
        return Markup("")
    leading = version.leading(shown, class_)
    top = worst(leading) or next(iter(leading), None)
    verdict = top.verdict if top else None
    metrics = _metrics(version, shown, class_)
    objectives = promised(version.model)
    plotted = [result.metric for result in metrics if is_plotted(objectives, None, result.metric, class_)]
    first = top.metric if top and top.metric in plotted else next(iter(plotted), None)
    name = "Whole model" if class_ is None else class_
    return tag(
        "article",
        tag("header", tag("h4", name), badge(verdict)),
        tag("p", _why(top), class_="why"),
        _plot(version, text, first, class_) if first else None,
        _tables(version, text, class_, anchor),
        _more_plots(version, text, [metric for metric in plotted if metric != first], class_, anchor),
        class_=f"card {verdict.value.lower() if verdict else 'none'}",
        id=anchor,
        aria_label=name,
    )


def _why(top: MetricResult | None) -> str:
    if top is None:
        return "nothing measured yet"
    return f"{words.metric_name(top.metric)}: {words.verdict_in_words(top)}"


def _metrics(version: Version, window: WindowResult, class_: str | None) -> list[MetricResult]:
    """Return all results of a class, the leading ones and the headline first."""
    own = [result for result in window.metrics if result.class_ == class_]
    first = [result.metric for result in version.leading(window, class_)]
    headline = HEADLINE_OF_MODELS if class_ is None else HEADLINE_OF_CLASSES
    return ordered(own, [*first, *headline, *(result.metric for result in own)])


def _plot(version: Version, text: str, metric: str, class_: str | None) -> Markup:
    label = words.title(metric, class_)
    mature = version.track(text, Maturity.MATURE, metric, class_)
    provisional = version.track(text, Maturity.PROVISIONAL, metric, class_)
    caption = tag("figcaption", words.metric_name(metric))
    return tag("figure", caption, over_time(mature, provisional, label))


def _more_plots(version: Version, text: str, metrics: Sequence[str], class_: str | None, anchor: str) -> Markup | None:
    if not metrics:
        return None
    names = ", ".join(map(words.metric_name, metrics))
    plots = joined(_plot(version, text, metric, class_) for metric in metrics)
    return tag("details", tag("summary", f"Over time: {names}"), plots, id=f"{anchor}-plots")


def _tables(version: Version, text: str, class_: str | None, anchor: str) -> Markup:
    """Return one table a maturity, of which the page shows the chosen one."""
    parts = []
    for maturity in Maturity:
        window = version.window(text, maturity)
        if window is None:
            continue
        results = _metrics(version, window, class_)
        headline = HEADLINE_OF_MODELS if class_ is None else HEADLINE_OF_CLASSES
        many = len({*headline, *(result.metric for result in version.leading(window, class_))})
        name = words.title("metrics", class_) if class_ else "metrics of the whole model"
        parts.append(
            tag(
                "div",
                _table(results[:many], f"{name}, {maturity.value}"),
                tag(
                    "details",
                    tag("summary", "More metrics"),
                    _table(results[many:], f"further {name}, {maturity.value}"),
                    id=f"{anchor}-{maturity.value}",
                )
                if results[many:]
                else None,
                class_=version.only_if(text, maturity),
            )
        )
    return joined(parts)


def _table(results: Sequence[MetricResult], name: str) -> Markup:
    head = ("Metric", "Production", "Promised", "Verdict")
    return tag(
        "table",
        tag("caption", name, class_="unseen"),
        tag("thead", tag("tr", *(tag("th", text, scope="col") for text in head))),
        *map(_row, results),
        class_="metrics",
    )


def _row(result: MetricResult) -> Markup:
    """Return the rows of one metric: numbers, then bar and reason."""
    metric = words.metric_name(result.metric)
    return tag(
        "tbody",
        tag(
            "tr",
            tag("th", metric, _small(f"n {words.count(result.n)}"), scope="row"),
            tag("td", words.number(result.value, result.metric), _small(_range(result.lower, result.upper))),
            tag(
                "td",
                words.number(result.baseline, result.metric),
                _small(_range(result.baseline_lower, result.baseline_upper)),
            ),
            tag("td", badge(result.verdict)),
        ),
        tag("tr", tag("td", against(result), _small(_reason(result)), colspan=4), class_="reason"),
    )


def _reason(result: MetricResult) -> str:
    """Return why, and from which difference."""
    said = words.verdict_in_words(result)
    if result.verdict in (None, Verdict.OK) or result.difference is None:
        return "" if said == "no verdict" else said
    between = words.signed_band(result.difference_lower, result.difference_upper)
    return f"{said} (difference {words.signed(result.difference)}, {between})" if between else said


def _range(lower: float | None, upper: float | None) -> str:
    """Return `.660 to .750` in the least room."""
    return "" if lower is None or upper is None else f"{lower:.3f}{words.DASH}{upper:.3f}"


def _small(text: str) -> Markup | None:
    return tag("small", text) if text else None
