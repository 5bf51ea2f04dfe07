"""The one validation: raw columns of one model in; columns of valid events and the faults of the others out.

Rules: docs/concepts.md section 1. A row is one event: a prediction with a wrong `y_true` is rejected as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from monitor.join.events import NO_LABEL, RETRACTED
from monitor.join.words import normal_class
from monitor.sources.decoding import reasons
from monitor.sources.decoding.columns import Column, moments, numbers, texts, without_nan
from monitor.sources.decoding.fields import LATENCY, Kind, class_spellings
from monitor.sources.decoding.reasons import Fault, Faults
from monitor.sources.decoding.scores import read_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.config import ModelSettings
    from monitor.sources.decoding.columns import Table
    from monitor.sources.decoding.fields import FieldPaths

LONGEST_ID = 128
"""Bytes of UTF-8."""
EARLIEST = 31_536_000_000
"""1971-01-01: what lies before was seconds read as milliseconds."""
_UNKNOWN = -3


@dataclass(frozen=True)
class ModelRules:
    """What the checks know of one model."""

    model: ModelSettings
    default_version: str | None

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Return the classes as they are compared."""
        return tuple(normal_class(each) for each in self.model.classes)

    @cached_property
    def spellings(self) -> tuple[pl.Enum, NDArray[np.int32], dict[str, int]]:
        """Return the texts that mean a class, and the class of each."""
        found = class_spellings(self.model.classes)
        return pl.Enum(list(found)), np.array(list(found.values()), np.int32), found

    @property
    def derived(self) -> bool:
        """Tell whether `y_pred` may follow from the positive class's score."""
        return self.model.threshold is not None and len(self.classes) == 2  # noqa: PLR2004 - two classes are the binary case


@dataclass(frozen=True, slots=True)
class Moments:
    """Which times are plausible, in epoch milliseconds, both included."""

    earliest: int
    latest: int


@dataclass(frozen=True, slots=True)
class Checked:
    """Valid events of one model; each frame has the column `row`, the number of the event's row in its table."""

    predictions: pl.DataFrame | None
    labels: pl.DataFrame | None
    faults: Faults


def check(
    kind: Kind,
    table: Table,
    paths: FieldPaths,
    rules: ModelRules,
    plausible: Moments,
    stamps: NDArray[np.int64] | None = None,
) -> Checked:
    """Return what is valid in `table`, whose rows all belong to the model of `rules`.

    `stamps`, epoch milliseconds, (size,), stand in where a label carries no `labelled_at`; a negative one is none.
    Columns of predictions: row, id, at, version, y_pred, score_0 ... , latency (only where an event carries one),
    segment_0 ... (in the order of the model's segments); of labels: row, id, at, y_true (`RETRACTED` for null).
    """
    reading = _Reading(table, paths, plausible, Faults(table.size), stamps)
    ids = reading.ids()
    made: dict[str, pl.Series] = {}
    if kind is not Kind.LABELS:
        made = reading.predictions(rules)
    labels: dict[str, pl.Series] = {}
    labelled = None
    if kind is Kind.LABELS:
        labels = reading.labels(rules)
    elif kind is Kind.LABELLED_PREDICTIONS:
        labels, labelled = reading.own_labels(rules, made["at"])
    valid = reading.faults.valid
    keys = {"row": pl.int_range(table.size, eager=True), "id": ids}
    return Checked(
        _frame(keys | made, valid) if made else None, _labels(keys | labels, valid, labelled), reading.faults
    )


def _labels(
    columns: dict[str, pl.Series], valid: NDArray[np.bool_], labelled: NDArray[np.bool_] | None
) -> pl.DataFrame | None:
    if "y_true" not in columns:
        return None
    return _frame(columns, valid if labelled is None else valid & labelled)


def _frame(columns: dict[str, pl.Series], valid: NDArray[np.bool_]) -> pl.DataFrame:
    frame = pl.DataFrame(columns)
    return frame if valid.all() else frame.filter(pl.Series(valid))


@dataclass(frozen=True, slots=True)
class _Reading:
    """One table on its way through the checks."""

    table: Table
    paths: FieldPaths
    plausible: Moments
    faults: Faults
    stamps: NDArray[np.int64] | None

    def ids(self) -> pl.Series:
        """Return `prediction_id` as text."""
        column = self._required("prediction_id")
        if column is None:
            return _nothing(self.table.size, pl.String)
        ids = texts(column)
        lengths = ids.str.len_bytes().fill_null(0).to_numpy()
        wrong = np.zeros(self.table.size, np.bool_)
        for part in column.parts:  # a truth value or a fraction is text elsewhere, but names no prediction
            if isinstance(part.values, pl.Series) and (part.values.dtype == pl.Boolean or part.values.dtype.is_float()):
                whole = part.values.dtype.is_float() and _whole(part.values)
                wrong[slice(None) if part.rows is None else part.rows] = np.logical_not(whole)
        self.faults.mark(
            column.given() & (ids.is_null().to_numpy() | wrong),
            Fault(reasons.BAD_ID, "prediction_id is neither text nor an integer"),
        )
        self.faults.mark(lengths == 0, Fault(reasons.BAD_ID, "prediction_id is empty"))
        self.faults.mark(
            lengths > LONGEST_ID, Fault(reasons.BAD_ID, f"prediction_id is longer than {LONGEST_ID} bytes")
        )
        return ids

    def predictions(self, rules: ModelRules) -> dict[str, pl.Series]:
        """Return the columns of predictions but the id."""
        size = self.table.size
        versions = self._version(rules.default_version)
        at = self._time(self._required("predicted_at"), "predicted_at")
        scores = read_scores(self.table, self.paths, rules.model, rules.classes, self.faults)
        predicted = self._predicted(rules, scores)
        made = {"at": at, "version": versions, "y_pred": pl.Series(predicted)}
        made |= {f"score_{number}": pl.Series(score) for number, score in enumerate(scores)}
        latency = self._latency()
        if latency is not None:
            made["latency"] = latency
        for number, name in enumerate(rules.model.segments):
            column = self.table.column(self.paths.segments[name])
            values = _nothing(size, pl.String) if column is None else texts(without_nan(column))
            made[f"segment_{number}"] = values.set(values == "", None) if (values == "").any() else values
        return made

    def labels(self, rules: ModelRules) -> dict[str, pl.Series]:
        """Return the columns of labels but the id."""
        moment = self._column("labelled_at")
        if self.stamps is not None:
            moment = (moment or Column(self.table.size)).filled(self.stamps)
        at = self._time(self._needed(moment, "labelled_at"), "labelled_at")
        column = self._column("y_true")
        if column is None:
            self.faults.mark(np.ones(self.table.size, np.bool_), self._missing("y_true"))
        elif column.absent is not None:
            self.faults.mark(column.absent, self._missing("y_true"))
        codes = self._classes(column, "y_true", rules)
        return {"at": at, "y_true": pl.Series(np.where(codes == NO_LABEL, RETRACTED, codes).astype(np.int32))}

    def own_labels(self, rules: ModelRules, predicted_at: pl.Series) -> tuple[dict[str, pl.Series], NDArray[np.bool_]]:
        """Return the columns of the labels that predictions carry, and which carry one."""
        codes = self._classes(self._column("y_true"), "y_true", rules)
        labelled = codes != NO_LABEL
        column = self._column("labelled_at")
        at = predicted_at
        if column is not None:
            at = self._time(column, "labelled_at", where=labelled).fill_null(predicted_at)
        return {"at": at, "y_true": pl.Series(codes)}, labelled

    def _latency(self) -> pl.Series | None:
        """Return milliseconds, NaN where there is no number from 0 on; None where no event has one."""
        column = self.table.column(self.paths.single[LATENCY])
        if column is None:
            return None
        given = numbers(column).fill_null(np.nan).to_numpy()
        right = (given >= 0.0) & (given < np.inf)
        return pl.Series(np.where(right, given, np.nan)) if right.any() else None

    def _column(self, name: str) -> Column | None:
        """Return one of our single fields; NaN in it is nothing."""
        column = self.table.column(self.paths.single[name])
        return None if column is None else without_nan(column)

    def _required(self, name: str) -> Column | None:
        """Return one of our single fields, and mark the rows that lack it."""
        return self._needed(self._column(name), name)

    def _needed(self, column: Column | None, name: str) -> Column | None:
        given = np.zeros(self.table.size, np.bool_) if column is None else column.given()
        if not given.all():
            self.faults.mark(~given, self._missing(name))
        return column

    def _missing(self, name: str) -> Fault:
        theirs = self.paths.theirs(name)
        return Fault(reasons.MISSING_FIELD, f"no {name}" if theirs == name else f"no {name} (called {theirs} there)")

    def _version(self, default: str | None) -> pl.Series:
        column = self._column("version")
        if column is None:
            versions = _nothing(self.table.size, pl.String)
        else:
            versions = texts(column)
            self.faults.mark(
                column.given() & versions.is_null().to_numpy(), Fault(reasons.MISSING_FIELD, "version is no text")
            )
            if (empty := versions == "").any():
                versions = versions.set(empty, None)
        if versions.null_count():
            if default is None:
                self.faults.mark(versions.is_null().to_numpy(), self._missing("version"))
            else:
                versions = versions.fill_null(default)
        return versions

    def _time(self, column: Column | None, name: str, where: NDArray[np.bool_] | None = None) -> pl.Series:
        """Return moments; null where there is none. Only the rows of `where` can be at fault."""
        if column is None:
            return _nothing(self.table.size, pl.Int64)
        made = moments(column)
        here = column.given() if where is None else column.given() & where
        unknown = made.is_null().to_numpy()
        show = _Shown(column)
        self.faults.mark(here & unknown, Fault(reasons.BAD_TIME, f"{name} is no time", show))
        plain = made.fill_null(self.plausible.latest).to_numpy()
        outside = (plain < self.plausible.earliest) | (plain > self.plausible.latest)
        if outside.any():
            self.faults.mark(
                here & (plain < self.plausible.earliest),
                Fault(reasons.IMPLAUSIBLE_TIME, f"{name} is before 1971", show),
            )
            self.faults.mark(here & outside, Fault(reasons.IMPLAUSIBLE_TIME, f"{name} is in the future", show))
        return made

    def _classes(self, column: Column | None, name: str, rules: ModelRules) -> NDArray[np.int32]:
        """Return class indices; NO_LABEL where there is nothing, marked where it is none of the classes."""
        if column is None:
            return np.full(self.table.size, NO_LABEL, np.int32)
        written = texts(column)
        enum, meaning, spellings = rules.spellings
        physical = written.cast(enum, strict=False).to_physical()
        if physical.null_count():
            given = column.given()
            codes = np.where(given, _UNKNOWN, NO_LABEL).astype(np.int32)
            known = physical.is_not_null().to_numpy()
            codes[known] = meaning[physical.drop_nulls().to_numpy()]
            for row in np.flatnonzero(codes == _UNKNOWN):
                text = written[int(row)]
                codes[row] = _UNKNOWN if text is None else spellings.get(normal_class(text), _UNKNOWN)
            self.faults.mark(
                codes == _UNKNOWN, Fault(reasons.UNKNOWN_CLASS, f"{name} is none of the classes", _Shown(column))
            )
            return codes
        return np.asarray(meaning[physical.to_numpy()])

    def _predicted(self, rules: ModelRules, scores: Sequence[NDArray[np.float64]]) -> NDArray[np.int32]:
        codes = self._classes(self._column("y_pred"), "y_pred", rules)
        empty = codes == NO_LABEL
        if empty.any():
            if rules.derived and rules.model.threshold is not None:
                scored = empty & ~np.isnan(scores[0])
                positive = rules.model.layout.positive
                codes = np.where(
                    scored, np.where(scores[0] >= rules.model.threshold, positive, 1 - positive), codes
                ).astype(np.int32)
            self.faults.mark(codes == NO_LABEL, self._missing("y_pred"))
        return codes


@dataclass(frozen=True, slots=True)
class _Shown:
    """Shows the value in a row, read only when a dead letter is written."""

    column: Column

    def __call__(self, row: int) -> object:
        for part in self.column.parts:
            at = row if part.rows is None else int(np.searchsorted(part.rows, row))
            here = at < len(part.values) and (part.rows is None or part.rows[at] == row)
            if here and part.values[at] is not None:
                return part.values[at]
        return None


def _whole(values: pl.Series) -> NDArray[np.bool_]:
    return (values.is_finite() & (values == values.floor())).fill_null(value=False).to_numpy()


def _nothing(size: int, dtype: type[pl.DataType]) -> pl.Series:
    return pl.Series([None], dtype=dtype).new_from_index(0, size)
