"""Drift of features, predictions and scores, with Evidently 0.7 (extra `drift`): the only file that knows it.

Evidently is imported when somebody looks for drift and not before: it takes seconds. Nothing is sent anywhere: its
telemetry belongs to its user interface, which is never started. What is judged and how: docs/drift.md.
"""

from __future__ import annotations

import hashlib
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.baselines.feature_summary import NUMBER, decoded
from monitor.errors import InputError, Problem
from monitor.join.words import normal_class
from monitor.revalidate.decision import Drift, Drifted
from monitor.revalidate.drift import counted
from monitor.revalidate.drift.compared import (
    CATEGORIES,
    FARTHEST,
    FEWEST,
    LEVEL,
    MISSING,
    NUMBERS,
    Comparison,
    Found,
    count_predictions,
    drifted_parts,
    judged,
    listed,
)
from monitor.revalidate.drift.drawn import OTHER, sides
from monitor.revalidate.evidence.sampling import CLASS, SEGMENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from monitor.baselines.feature_summary import ColumnSummary, FeatureSummary
    from monitor.revalidate.desk import Sampled
    from monitor.revalidate.drift.drawn import Sides


def look_for_drift(sampled: Sampled, *, report: bool = True) -> Drifted | None:
    """Return how many columns drifted, which ones, and Evidently's report; None where there is nothing to look at.

    `report`: whether it is wanted; it takes a second. Raises InputError with the remedy where Evidently is not
    installed.
    """
    if sampled.reference is None and not sampled.promised:
        return None
    evidently = _Evidently()
    notes: list[str] = []
    found = Found()
    summary = _summary(sampled, notes)
    parts: dict[str, dict[str, list[Comparison]]] = {"classes": {}, "segments": {}}
    if summary is not None:
        found = _tested(evidently, summary.columns, sampled.rows)
        unknown = _unknown(sampled.rows, summary)
        if unknown:
            notes.append(f"not judged, without a reference: {listed(unknown)}")
        for group, name, reference, rows in _parts(summary, sampled.rows):
            parts[group][name] = _tested(evidently, reference, rows).tests
    count_predictions(sampled, found)
    if found.few:
        notes.append(f"not judged, fewer than {FEWEST} values now or in the reference: {listed(found.few)}")
    columns = judged(found.tests)
    for group, tested in parts.items():
        for name, drifted in drifted_parts(tested).items():
            for column, distance in drifted.items():
                if column in columns:
                    columns[column].setdefault(group, {})[name] = distance
    share = sum(one["drifted"] for one in columns.values()) / len(columns) if columns else 0.0
    html = evidently.report(found.shown, columns) if columns and report else None
    sha256 = None if html is None else hashlib.sha256(html).hexdigest()
    return Drifted(Drift(share, columns, tuple(notes), sha256), html)


def _summary(sampled: Sampled, notes: list[str]) -> FeatureSummary | None:
    """Return the reference's summary of features, None where there is none that can be read."""
    if sampled.reference is None:
        notes.append("features are not judged: the baseline in force has no summary of them (FILE.features.json)")
        return None
    try:
        return decoded(sampled.reference)
    except ValueError as error:
        notes.append(f"features are not judged: their summary cannot be read ({error})")
        return None


def _unknown(rows: Sequence[Mapping[str, Any]], summary: FeatureSummary) -> list[str]:
    """Return features of events that the reference does not have."""
    names = {name for row in rows for name in row if name != CLASS and not name.startswith(SEGMENT)}
    return sorted(names - set(summary.columns))


def _parts(
    summary: FeatureSummary, rows: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, str, Mapping[str, ColumnSummary], Sequence[Mapping[str, Any]]]]:
    """Yield (classes or segments, its name, its summary, its rows now) of each part that the reference knows."""
    for name, columns in summary.classes.items():
        yield "classes", name, columns, [row for row in rows if normal_class(str(row.get(CLASS))) == normal_class(name)]
    for name, columns in summary.segments.items():
        segment, _, value = name.partition("=")
        yield "segments", name, columns, [row for row in rows if row.get(f"{SEGMENT}{segment}") == value]


def _tested(evidently: _Evidently, columns: Mapping[str, ColumnSummary], rows: Sequence[Mapping[str, Any]]) -> Found:
    """Comparison each column of a summary against rows of today."""
    found = Found()
    for name, column in columns.items():
        two = sides(column, rows, name)
        if two.missing.sum(axis=1).min() < FEWEST:
            found.few.append(name)
            continue
        (n_reference, missing_then), (n_now, missing_now) = two.missing.astype(int).tolist()
        if missing_then or missing_now:
            test = (counted.chi_square(two.missing), counted.category_distance(two.missing))
            found.tests.append(Comparison(name, MISSING, *test, n_reference + missing_then, n_now + missing_now))
        if min(n_reference, n_now) < FEWEST:
            found.few.append(name)
            continue
        found.shown[name] = two
        if two.kind == NUMBER:
            p, distance = evidently.numbers(two)
            found.tests.append(Comparison(name, NUMBERS, p, distance, len(two.reference), n_now))
        else:
            now = dict(
                zip(*(side.tolist() for side in np.unique(two.now.astype(str), return_counts=True)), strict=True)
            )
            table = counted.paired({**column.counts, OTHER: column.other}, now)
            test = (counted.chi_square(table), evidently.categories(two))
            found.tests.append(Comparison(name, CATEGORIES, *test, n_reference, n_now))
    return found


class _Evidently:
    """What we use of Evidently, imported when the first one is made."""

    def __init__(self) -> None:
        """Import it. Raises InputError where it is not there."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of its own dependencies, hundreds of them
                import evidently  # noqa: PLC0415 - it takes seconds
                import pandas as pd  # noqa: PLC0415 - it comes with Evidently
                from evidently.legacy.calculations import stattests  # noqa: PLC0415
                from evidently.legacy.core import ColumnType  # noqa: PLC0415
                from evidently.metrics import ValueDrift  # noqa: PLC0415
        except ImportError as error:
            finding = f"`drift_share` needs Evidently, which cannot be imported ({error})"
            remedy = "pip install 'foldwatch[drift]', or take `drift_share` out of `revalidate.when`"
            raise InputError(Problem("drift", finding, remedy)) from None
        self._evidently, self._pd, self._tests, self._drift = evidently, pd, stattests, ValueDrift
        self._number, self._category = ColumnType.Numerical, ColumnType.Categorical

    def numbers(self, two: Sides) -> tuple[float, float]:
        """Return (p of Kolmogorov-Smirnov, Wasserstein distance over the reference's deviation)."""
        p = self._score(self._tests.ks_stat_test, two, self._number)
        return p, self._score(self._tests.wasserstein_stat_test, two, self._number)

    def categories(self, two: Sides) -> float:
        """Return the Jensen-Shannon distance. Evidently's chi-square takes the reference for the truth: it is ours."""
        return self._score(self._tests.jensenshannon_stat_test, two, self._category)

    def _score(self, test: Any, two: Sides, kind: Any) -> float:  # noqa: ANN401 - Evidently's own types
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exact p of samples with ties, and the like
            result = test(self._pd.Series(two.reference), self._pd.Series(two.now), kind, None)
        return float(np.nan_to_num(result.drift_score, nan=0.0 if kind is self._category else 1.0))

    def report(self, shown: Mapping[str, Sides], columns: Mapping[str, Mapping[str, Any]]) -> bytes:
        """Return Evidently's report of these columns, one HTML file that needs nothing else.

        A column that drifted, or would but for its distance, is shown with the distance and its threshold; one that
        is no more than an accident with the distance it would have to pass.
        """
        pd, evidently = self._pd, self._evidently
        frames = [
            pd.DataFrame({name: pd.Series(getattr(two, side)) for name, two in shown.items()})
            for side in ("now", "reference")
        ]
        kinds = {name: two.kind for name, two in shown.items()}
        definition = evidently.DataDefinition(
            numerical_columns=[name for name, kind in kinds.items() if kind == NUMBER],
            categorical_columns=[name for name, kind in kinds.items() if kind != NUMBER],
        )
        metrics = [
            self._drift(
                column=name,
                method="wasserstein" if kinds[name] == NUMBER else "jensenshannon",
                threshold=max(FARTHEST, np.nextafter(columns[name]["distance"], np.inf))
                if columns[name]["p"] > LEVEL
                else FARTHEST,
            )
            for name in shown
        ]
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            made = [evidently.Dataset.from_pandas(frame, definition) for frame in frames]
            page: str = evidently.Report(metrics).run(*made).get_html_str(as_iframe=False)
        return page.encode()
