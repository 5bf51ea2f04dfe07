"""The confusion matrix: numbers with heat for few classes, the most frequent confusions for many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from monitor.report import words
from monitor.report.markup import Markup, joined, tag

if TYPE_CHECKING:
    from monitor.statistics.report import WindowResult

MOST_DRAWN: Final = 12
"""Most classes of which the whole matrix is drawn."""
_MOST_LISTED: Final = 12
_SHORT: Final = 10_000
"""Counts from here on are written in thousands."""


def confusion(window: WindowResult) -> Markup:
    """Return the matrix of a window; shade is the share of the true class, so that rare classes show too."""
    if not window.labels:
        return tag("p", "No labels yet: the confusion matrix appears with the first ones.", class_="none")
    if len(window.classes) > MOST_DRAWN:
        return _most_frequent(window)
    counts = window.counts.plane("confusion")
    rows = counts.sum(axis=1)
    head = tag("tr", tag("td", None), *(_class(name, "col") for name in window.classes))
    body = [
        tag(
            "tr", _class(name, "row"), *(_cell(window, int(counts[i, j]), int(rows[i]), i, j) for j in range(len(rows)))
        )
        for i, name in enumerate(window.classes)
    ]
    caption = tag("caption", "Confusion matrix: rows are true classes, columns predicted ones", class_="unseen")
    return tag("table", caption, tag("thead", head), tag("tbody", *body), class_="confusion")


def _class(name: str, scope: str) -> Markup:
    return tag("th", tag("span", name), scope=scope, title=name)


def _cell(window: WindowResult, n: int, of: int, i: int, j: int) -> Markup:
    true, predicted = window.classes[i], window.classes[j]
    told = f"true {true}, predicted {predicted}: {words.count(n)}, {words.share(n, of)} of {true}"
    heat = round(n / of, 3) if of else 0
    return tag(
        "td", _shortened(n), class_="hit" if i == j else "miss" if n else "empty", style=f"--heat:{heat}", title=told
    )


def _shortened(n: int) -> str:
    """Return a count in at most five characters, as far as that goes."""
    return str(n) if n < _SHORT else f"{n / 1_000:.0f}k" if n < _SHORT * 100 else f"{n / 1_000_000:.1f}M"


def _most_frequent(window: WindowResult) -> Markup:
    """Return the most frequent confusions as a list with bars; ties in the order of the classes."""
    classes = len(window.classes)
    at, n = window.counts.sparse("confusion")
    true, predicted = np.divmod(at, classes)
    wrong = true != predicted
    of = np.bincount(true, n, classes)
    order = sorted(np.flatnonzero(wrong).tolist(), key=lambda i: (-int(n[i]), int(at[i])))[:_MOST_LISTED]
    if not order:
        return tag("p", "No confusion so far: every labelled prediction is right.", class_="none")
    rows = [
        tag(
            "tr",
            tag("th", window.classes[int(true[i])], scope="row"),
            tag("td", window.classes[int(predicted[i])]),
            tag("td", words.count(int(n[i])), class_="number"),
            tag("td", words.share(int(n[i]), int(of[true[i]])), class_="number"),
        )
        for i in order
    ]
    errors = int(n[wrong].sum())
    names = (("True", None), ("Predicted", None), ("Count", "number"), ("Of the class", "number"))
    head = tag("tr", *(tag("th", text, scope="col", class_=class_) for text, class_ in names))
    return joined(
        (
            tag("p", f"{words.count(errors)} of {words.count(window.labels)} labelled predictions are wrong."),
            tag(
                "table",
                tag("caption", "Most frequent confusions", class_="unseen"),
                tag("thead", head),
                tag("tbody", *rows),
                class_="plain",
            ),
        )
    )
