"""The codec: bytes or raw columns in; valid events, dead letters and skipped counts out. Faults are values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from monitor.sources.decoding import reasons
from monitor.sources.decoding.checks import EARLIEST, ModelRules, Moments, check
from monitor.sources.decoding.columns import texts, without_nan
from monitor.sources.decoding.decoded import Decoded, Frames, Rows, batch_of
from monitor.sources.decoding.features import NAME as FEATURES
from monitor.sources.decoding.features import FeatureReader
from monitor.sources.decoding.fields import LATENCY, FieldPaths, Keys, Kind, field_paths
from monitor.sources.decoding.json_lines import JsonLines
from monitor.sources.decoding.reasons import REASONS
from monitor.sources.source import Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from monitor.config import Settings
    from monitor.sources.decoding.columns import Table
    from monitor.sources.decoding.features import Features
    from monitor.sources.decoding.json_lines import Lines

__all__ = ["REASONS", "Codec", "Decoded", "Frames", "Kind", "Rows", "batch_of"]

_NO_FLOAT = "NaN, Infinity or a number that no float holds"


@dataclass(frozen=True, slots=True)
class _Wrong:
    """One event that is not valid."""

    row: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of the rows of a table."""

    valid: Mapping[str, Frames]
    wrong: Sequence[_Wrong]
    skipped: NDArray[np.int64]
    """Rows of models that we do not know."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What became of the lines of a buffer."""

    lines: Lines
    valid: Mapping[str, Frames]
    wrong: Sequence[_Wrong]
    skipped: int
    """Lines of models that we do not know."""


class Codec:
    """Knows fields, models and classes of one configuration; holds no state."""

    def __init__(self, settings: Settings) -> None:
        """Build the types and lookups that `settings` ask for."""
        source = settings.source
        self._models = {name: ModelRules(model, source.default_version) for name, model in settings.models.items()}
        self._default_model, self._default_version = source.default_model, source.default_version
        self._skew = source.max_clock_skew
        self.paths: Mapping[Kind, FieldPaths] = {
            kind: field_paths(
                kind, source.labels if kind is Kind.LABELS else source.predictions, settings.models.values()
            )
            for kind in Kind
        }
        """Where the fields of each kind of event are looked for."""
        reader = FeatureReader(source.predictions.fields.get(FEATURES, FEATURES))
        self._features = {
            name: reader
            for name, model in settings.models.items()
            if model.revalidation is not None and model.revalidation.when.drift_share is not None
        }
        self._json = {kind: JsonLines(each.all(), each.single.get(LATENCY, ())) for kind, each in self.paths.items()}

    def decode(self, kind: Kind, buffer: bytes, *, now: int, place: Callable[[int], str]) -> Decoded:
        """Return what the JSON Lines of `buffer` hold; the last line may lack its line feed.

        `now` is the present in epoch milliseconds; `place` names the line with so many line feeds before it.
        """
        read = self._read(kind, buffer, now, None)
        rejected = [
            Rejected(each.reason, each.detail, place(read.lines.number(each.row)), read.lines[each.row])
            for each in read.wrong
        ]
        features = self._unread(kind, read.valid, read.lines)
        return Decoded(read.valid, rejected, _skipped(read.skipped), len(read.lines), features)

    def decode_messages(
        self,
        kind: Kind,
        values: Sequence[bytes | None],
        *,
        now: int,
        stamps: NDArray[np.int64],
        letter: Callable[[int, str, str], Rejected],
    ) -> Decoded:
        """Return what messages hold, each one event over as many lines as it likes; None is a tombstone.

        `stamps` are the moments of the messages, epoch milliseconds, (n,): they stand in where a label carries no
        `labelled_at`; a negative one is none. `letter` makes the dead letter of a message from reason and detail.
        """
        rows = None
        if None in values:
            rows = np.array([row for row, value in enumerate(values) if value is not None], np.int64)
            stamps = stamps[rows]
        given = [value for value in values if value is not None]
        buffer = b"\n".join(given)
        if buffer.count(b"\n") >= max(1, len(given)):
            # To JSON a carriage return is what a line feed is: space between tokens, and wrong inside of a text.
            buffer = b"\n".join([value.replace(b"\n", b"\r") for value in given])
        read = self._read(kind, buffer, now, stamps if kind is Kind.LABELS else None)
        numbers, valid = read.lines.numbers, read.valid
        wrong = [_Wrong(int(numbers[each.row]), each.reason, each.detail) for each in read.wrong]
        if len(numbers) < len(given):
            valid = {name: _renumbered(frames, numbers) for name, frames in valid.items()}
            blank = np.delete(np.arange(len(given)), numbers)
            wrong = sorted(
                [*wrong, *(_Wrong(row, reasons.NOT_JSON, "the message is empty") for row in blank.tolist())],
                key=lambda each: each.row,
            )
        if rows is not None:
            valid = {name: _renumbered(frames, rows) for name, frames in valid.items()}
            wrong = [_Wrong(int(rows[each.row]), each.reason, each.detail) for each in wrong]
        return Decoded(
            valid,
            [letter(each.row, each.reason, each.detail) for each in wrong],
            _skipped(read.skipped, len(values) - len(given)),
            len(values),
            self._unread(kind, valid, values),
        )

    def _unread(
        self, kind: Kind, models: Iterable[str], events: Lines | Sequence[bytes | None]
    ) -> Mapping[str, Callable[[int], Features | None]]:
        """Return what reads the features of an event by its number, of the models that are sampled."""

        def reads(reader: FeatureReader) -> Callable[[int], Features | None]:
            return lambda row: reader.read(events[row] or b"")

        if kind is Kind.LABELS or not self._features:
            return {}
        return {name: reads(self._features[name]) for name in models if name in self._features}

    def _read(self, kind: Kind, buffer: bytes, now: int, stamps: NDArray[np.int64] | None) -> _Read:
        """Return what JSON Lines hold; of `stamps` there is one for each line feed, and one more."""
        parsed = self._json[kind].parse(buffer)
        lines = parsed.lines
        if stamps is not None:
            stamps = stamps[lines.numbers[parsed.rows]]
        outcome = self._outcome(kind, parsed.table, now, stamps)
        valid = outcome.valid
        if len(parsed.rows) < len(lines):
            valid = {name: _renumbered(frames, parsed.rows) for name, frames in valid.items()}
        found = [_Wrong(each.row, each.reason, each.detail) for each in parsed.faults]
        found += [_Wrong(int(parsed.rows[each.row]), each.reason, each.detail) for each in outcome.wrong]
        skipped = len(outcome.skipped)
        if parsed.suspects.size:
            suspicion = self._outcome(kind, parsed.suspects, now)
            skipped += len(suspicion.skipped)
            found += _suspected(suspicion, parsed.suspect_rows)
        found.sort(key=lambda each: each.row)
        return _Read(lines, valid, found, skipped)

    def decode_one(self, kind: Kind, event: bytes | None, *, now: int, place: str = "") -> Decoded:
        """Return what one event is, by the same rules; None is a tombstone."""
        if event is None:
            return Decoded(skipped={reasons.TOMBSTONE: 1}, read=1)
        return self.decode(kind, event, now=now, place=lambda _line: place)

    def check(self, kind: Kind, table: Table, *, now: int, rows: Rows) -> Decoded:
        """Return what the raw columns of `table` hold."""
        outcome = self._outcome(kind, table, now)
        rejected = [
            Rejected(each.reason, each.detail, rows.place(each.row), rows.original(each.row)) for each in outcome.wrong
        ]
        return Decoded(outcome.valid, rejected, _skipped(len(outcome.skipped)), table.size)

    def required(self, kind: Kind, columns: Collection[str]) -> Sequence[str]:
        """Return our names of the fields that no event can do without and that none of these columns holds."""
        paths = self.paths[kind]

        def there(places: Iterable[Keys]) -> bool:
            return any(keys[0] in columns for keys in places)

        names = [
            name
            for name in paths.single
            if name not in {"score", "labelled_at", LATENCY} and not there(paths.single[name])
        ]
        if kind is Kind.LABELS and not there(paths.single["labelled_at"]):
            names.append("labelled_at")
        if "y_pred" in names and any(rules.derived for rules in self._models.values()):
            scores = [paths.single["score"], *paths.scores.values()]
            if any(there(places) for places in scores):
                names.remove("y_pred")
        given = {"model": self._default_model, "version": self._default_version}
        return [name for name in names if given.get(name) is None]

    def segments(self, model: str) -> Sequence[str]:
        """Return the segment names of a model in the order of its frames' columns."""
        return tuple(self._models[model].model.segments)

    def classes(self, model: str) -> Sequence[str]:
        """Return the classes of a model as they are compared."""
        return self._models[model].classes

    def _outcome(self, kind: Kind, table: Table, now: int, stamps: NDArray[np.int64] | None = None) -> _Outcome:
        plausible = Moments(EARLIEST, now + self._skew)
        valid: dict[str, Frames] = {}
        wrong: list[_Wrong] = []
        skipped: list[NDArray[np.int64]] = []
        for name, rows in self._by_model(kind, table):
            if name is None:
                wrong += [_Wrong(int(row), reasons.MISSING_FIELD, "no model") for row in rows]
            elif name not in self._models:
                skipped.append(rows)
            else:
                everything = len(rows) == table.size
                part = table if everything else table.take(rows)
                theirs = stamps if stamps is None or everything else stamps[rows]
                checked = check(kind, part, self.paths[kind], self._models[name], plausible, theirs)
                frames = Frames(checked.predictions, checked.labels)
                valid[name] = frames if everything else _renumbered(frames, rows)
                wrong += [
                    _Wrong(int(rows[row]), fault.reason, fault.words(row)) for row, fault in checked.faults.each()
                ]
        wrong.sort(key=lambda each: each.row)
        return _Outcome(valid, wrong, np.concatenate([np.zeros(0, np.int64), *skipped]))

    def _by_model(self, kind: Kind, table: Table) -> Iterator[tuple[str | None, NDArray[np.int64]]]:
        """Yield each model with its rows; None for events that name no model where there is no default."""
        everything = np.arange(table.size)
        if not table.size:
            return
        column = table.column(self.paths[kind].single["model"])
        if column is None:
            yield self._default_model, everything
            return
        names = texts(without_nan(column))
        unnamed = ~column.given() | (names == "").fill_null(value=False).to_numpy()
        if unnamed.any():
            names = names.set(pl.Series(unnamed), self._default_model)
        for name in names.unique().sort().to_list():
            rows = np.flatnonzero((names == name if name is not None else names.is_null()).to_numpy())
            yield name, rows


def _renumbered(frames: Frames, rows: NDArray[np.int64]) -> Frames:
    """Return frames whose `row` counts what `rows` counts."""

    def renumbered(frame: pl.DataFrame | None) -> pl.DataFrame | None:
        return None if frame is None else frame.with_columns(row=pl.Series(rows[frame["row"].to_numpy()]))

    return Frames(renumbered(frames.predictions), renumbered(frames.labels))


def _suspected(outcome: _Outcome, rows: NDArray[np.int64]) -> Iterator[_Wrong]:
    """Yield why lines with a number that no float holds are rejected: a bad score where it is one, else no JSON."""
    skipped = set(outcome.skipped.tolist())
    scored = {each.row: each.detail for each in outcome.wrong if each.reason == reasons.BAD_SCORE}
    for at, row in enumerate(rows.tolist()):
        if at in scored:
            yield _Wrong(row, reasons.BAD_SCORE, scored[at])
        elif at not in skipped:
            yield _Wrong(row, reasons.NOT_JSON, _NO_FLOAT)


def _skipped(unknown_models: int, tombstones: int = 0) -> Mapping[str, int]:
    counts = {reasons.UNKNOWN_MODEL: unknown_models, reasons.TOMBSTONE: tombstones}
    return {reason: count for reason, count in counts.items() if count}
