"""What the folds were, one by one, beside production: values, class shares and confusion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.dashboards.looks import BLUE, NO_LIMIT
from monitor.dashboards.panels import SHARE, Scale, Words, bars, repeated
from monitor.dashboards.queries import CLASS, MATURITY, METRIC, MODEL, VERSION, WHOLE, WINDOW, Query, series
from monitor.dashboards.tables import matrix
from monitor.prometheus import catalog

if TYPE_CHECKING:
    from grafana_foundation_sdk.models import dashboard as sdk

_PRODUCTION: Final = "production"
_CHOSEN: Final = (MODEL, VERSION, WHOLE, WINDOW, MATURITY)
_CELLS: Final = Scale("short", 0, limits=((NO_LIMIT, BLUE),))


def fold_values() -> sdk.Panel:
    """Return, once for each class, what each fold reached and what production reaches."""
    folds = f"max by (fold) ({series(catalog.CLASS_FOLD, MODEL, VERSION, METRIC, CLASS)})"
    live = f"max({series(catalog.OF_CLASS.value, *_CHOSEN, METRIC, CLASS)})"
    words = Words(
        "$metric of class $class, fold by fold",
        "What each fold of cross-validation reached, and what production reaches in the chosen window. Production "
        "among the folds is what they differ by themselves. With repeats a fold is called REPEAT/FOLD.",
        "no folds for this version, or the metric is not exported",
    )
    queries = [Query(folds, "fold {{fold}}", instant=True), Query(live, _PRODUCTION, instant=True)]
    return repeated(bars(words, queries, SHARE, width=24, height=8), "class")


def shares() -> sdk.Panel:
    """Return the share of each class in each fold and in production."""
    folds = f"max by (fold, class) ({series(catalog.FOLD_SHARE, MODEL, VERSION)})"
    counted = series(catalog.OF_CLASS.labels, *_CHOSEN, 'metric="recall"')
    live = f"max by (class) ({counted})\n/ on () group_left ()\nsum(max by (class) ({counted})) > 0"
    expr = f'{folds}\nor\nlabel_replace(\n{live}\n, "fold", "{_PRODUCTION}", "", "")'
    words = Words(
        "Class shares",
        "Which share of the rows of each fold belongs to each class, and of the labels of production in the chosen "
        "window. Where production has another mix, the promise is reckoned for that mix. Needs recall to be exported.",
        "no folds for this version",
    )
    return matrix(words, expr, "fold", "class", SHARE, width=12)


def confusion() -> sdk.Panel:
    """Return how often which class was taken for which."""
    cells = series(catalog.CONFUSION, MODEL, VERSION, WINDOW, MATURITY)
    words = Words(
        "Confusion",
        "Labelled predictions of the newest window: a row for each true class, a column for each predicted one. With "
        "more than ten classes only the most frequent mistakes are shown.",
        "no labels in this window",
    )
    expr = f"max by (true_class, predicted_class) ({cells})"
    return matrix(words, expr, "true_class", "predicted_class", _CELLS, width=12)
