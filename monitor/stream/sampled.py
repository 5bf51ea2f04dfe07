"""A sample of the features of predictions, for drift: of each day the predictions with the smallest hashes.

Which predictions those are does not depend on the order of reading, on how they came in batches, or on replays; a
prediction that comes twice in a day counts once. Hashes are salted, of model, version and id, and 64 bits of them are
all that is kept of an id. At most 500 rows of at most 4,096 bytes a day, 30 days and 8 versions of a model.

Beside `Stream(…, samples=samples)` two calls are all that a daemon needs:

    samples = Samples.restored(settings, state)      # at the start
    samples.keep(state)                              # with each evaluation

A kill loses at most what came since the last evaluation: it is a sample.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
import numpy as np
import zstandard

from monitor.clock import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from monitor.config import ModelSettings, Settings
    from monitor.join.events import Predictions, Words
    from monitor.sources.source import Batch

ROWS: Final = 500
"""Predictions kept of one version's day (UTC)."""
DAYS: Final = 30
VERSIONS: Final = 8
"""Of a model: those that were seen last."""
LONGEST_ROW: Final = 4_096
"""Bytes; of a longer one the last features by name are left out."""
LONGEST_TEXT: Final = 64
"""Letters of a feature's text; what is longer is cut."""
NOTE: Final = "samples"
"""The name under which the state keeps the index; `samples/N` are the days."""
_LEVEL: Final = 3
_MOST_BYTES: Final = 64 * 2**20
_WRONG: Final = (zstandard.ZstdError, msgspec.MsgspecError, ValueError, KeyError, TypeError)


class Notes(Protocol):
    """Where small things are kept by name: a state."""

    def kept(self, name: str) -> bytes | None:
        """Return what was kept last; None where nothing was."""
        ...

    def keep(self, name: str, value: bytes | None) -> None:
        """Keep this in the place of what was kept; None: forget it."""
        ...


@dataclass(frozen=True, slots=True)
class SampledRow:
    """One prediction of the sample."""

    predicted_at: int
    y_pred: str
    segments: Mapping[str, str]
    """Segment name -> value, those that the event has."""
    features: Mapping[str, str | float | bool | None]


Kept = tuple[int, bytes]
"""(predicted_at, the rest of the row); of two the smaller one counts, as of all predictions of an identity."""


@dataclass(slots=True)
class _Day:
    """The rows of one day of one version."""

    most: int
    rows: dict[int, Kept] = field(default_factory=dict)
    limit: int = 2**64
    """Rows whose hash is at least this can be in the sample no more; those in it are below, but for 2**64."""
    changed: bool = False

    def add(self, hashed: int, row: Kept) -> None:
        """Take a row, unless it is not one of the smallest, or the same prediction has an earlier one."""
        known = self.rows.get(hashed)
        if hashed > self.limit or (known is not None and known <= row):
            return
        self.rows[hashed] = row
        self.changed = True
        if len(self.rows) > self.most:
            del self.rows[max(self.rows)]
        if len(self.rows) == self.most:
            self.limit = max(self.rows)


_Key = tuple[str, str, int]
"""(model, version, day since the epoch)."""


class Samples:
    """The samples of all models that want one: those with `revalidate.when.drift_share`."""

    def __init__(self, settings: Settings, salt: bytes | None = None, *, most: int = ROWS) -> None:
        """Begin empty. `salt` belongs to one state; None: a new one. `most` rows a day."""
        self._models = {
            name: model
            for name, model in settings.models.items()
            if model.revalidation is not None and model.revalidation.when.drift_share is not None
        }
        self._salt = secrets.token_bytes(16) if salt is None else salt
        self._most = most
        self._days: dict[_Key, _Day] = {}
        self._places: dict[_Key, int] = {}
        """Number of the note that keeps a day."""
        self._listed: bytes | None = None

    @classmethod
    def restored(cls, settings: Settings, notes: Notes, *, most: int = ROWS) -> Samples:
        """Go on with what `keep` left; what cannot be read is left out, and its days begin anew."""
        stored = notes.kept(NOTE)
        try:
            salt, places = msgspec.msgpack.decode(stored or b"", type=tuple[bytes, list[tuple[_Key, int]]])
        except _WRONG:
            return cls(settings, most=most)
        samples = cls(settings, salt, most=most)
        for key, place in places:
            if key[0] in samples._models:
                samples._places[key] = place
                samples._read(key, notes.kept(_name(place)))
        samples._forget()
        return samples

    def take(self, batch: Batch) -> None:
        """Take the predictions of a batch. The same ones again change nothing."""
        for name, model in self._models.items():
            events = batch.models.get(name)
            if events is not None and events.predictions is not None:
                self.add(model, events.predictions)

    def add(self, model: ModelSettings, predictions: Predictions) -> None:
        """Take predictions of one model."""
        if predictions.features is None or not len(predictions.ids):
            return
        hashed = self._hashes(model.name, predictions)
        day = predictions.predicted_at // DAY
        _, first, group = np.unique(
            np.stack([predictions.version.codes.astype(np.int64), day]), axis=1, return_index=True, return_inverse=True
        )
        begun = len(self._days)
        for at, row in enumerate(first.tolist()):
            key = (model.name, predictions.version.words[predictions.version.codes[row]], int(day[row]))
            one = self._days.setdefault(key, _Day(self._most))
            rows = np.flatnonzero(group.reshape(-1) == at)
            if one.limit < 2**64:
                rows = rows[hashed[rows] <= np.uint64(one.limit)]
            for row_ in rows[np.argsort(hashed[rows], kind="stable")].tolist():
                if hashed[row_] > one.limit:
                    break
                kept = _row(model, predictions, row_)
                if kept is not None:
                    one.add(int(hashed[row_]), kept)
        if len(self._days) > begun:
            self._forget()

    def rows(self, model: str, version: str, since: int) -> Iterator[SampledRow]:
        """Yield the rows of one version with a `predicted_at` from this moment on, day by day."""
        for key in sorted(self._days):
            if key[:2] == (model, version) and (key[2] + 1) * DAY > since:
                rows = self._days[key].rows
                for hashed in sorted(rows):
                    at, packed = rows[hashed]
                    if at >= since:
                        yield SampledRow(at, *msgspec.msgpack.decode(packed, type=_Packed))

    def merged(self, other: Samples) -> None:
        """Take the rows of another sample with the same salt."""
        for key, day in other._days.items():
            one = self._days.setdefault(key, _Day(self._most))
            for hashed in sorted(day.rows):
                one.add(hashed, day.rows[hashed])
        self._forget()

    def keep(self, notes: Notes) -> None:
        """Keep what changed. Days are written before the index that names them."""
        taken = set(self._places.values())
        for key in sorted(self._days):
            day = self._days[key]
            if key not in self._places:
                self._places[key] = next(number for number in range(len(taken) + 1) if number not in taken)
                taken.add(self._places[key])
                day.changed = True
            if day.changed:
                notes.keep(_name(self._places[key]), self._packed(key))
                day.changed = False
        for key in sorted(set(self._places) - set(self._days)):
            notes.keep(_name(self._places.pop(key)), None)
        listed = msgspec.msgpack.encode((self._salt, sorted(self._places.items())))
        if listed != self._listed and self._models:
            notes.keep(NOTE, listed)
            self._listed = listed

    def _hashes(self, model: str, predictions: Predictions) -> NDArray[np.uint64]:
        """Return 64 bits for each prediction, of (model, version, id), (n,)."""
        begun = []
        for version in predictions.version.words:
            one = blake2b(digest_size=8, key=self._salt)
            for text in (model, version):
                written = text.encode("utf-8", "surrogatepass")
                one.update(len(written).to_bytes(4, "big") + written)
            begun.append(one)
        found = bytearray()
        for text, code in zip(predictions.ids.tolist(), predictions.version.codes.tolist(), strict=True):
            one = begun[code].copy()
            one.update(text.encode("utf-8", "surrogatepass"))
            found += one.digest()
        return np.frombuffer(bytes(found), ">u8").astype(np.uint64)

    def _forget(self) -> None:
        """Drop days that are too old, and versions beyond those that were seen last."""
        newest: dict[str, int] = {}
        seen: dict[tuple[str, str], int] = {}
        for model, version, day in self._days:
            newest[model] = max(day, newest.get(model, day))
            seen[model, version] = max(day, seen.get((model, version), day))
        last = {
            model: sorted((v for m, v in seen if m == model), key=lambda v: (seen[model, v], v))[-VERSIONS:]
            for model in newest
        }
        for model, version, day in list(self._days):
            if day <= newest[model] - DAYS or version not in last[model]:
                del self._days[model, version, day]

    def _packed(self, key: _Key) -> bytes:
        """Return a day as it is stored; it names itself, so that an index that is older than it does no harm."""
        rows = self._days[key].rows
        document = (key, [(hashed, *rows[hashed]) for hashed in sorted(rows)])
        return zstandard.ZstdCompressor(level=_LEVEL).compress(msgspec.msgpack.encode(document))

    def _read(self, key: _Key, stored: bytes | None) -> None:
        """Take a stored day, unless it is another one's or cannot be read."""
        try:
            plain = zstandard.ZstdDecompressor().decompress(stored or b"", max_output_size=_MOST_BYTES)
            found, rows = msgspec.msgpack.decode(plain, type=tuple[_Key, list[tuple[int, int, bytes]]])
        except _WRONG:
            return
        if found == key:
            day = self._days[key] = _Day(self._most)
            for hashed, at, row in rows:
                day.add(hashed, (at, row))
            day.changed = False


_Packed = tuple[str, dict[str, str], dict[str, str | float | bool | None]]


def _name(place: int) -> str:
    """Return the name of a day's note."""
    return f"{NOTE}/{place}"


def _row(model: ModelSettings, predictions: Predictions, row: int) -> Kept | None:
    """Return what is kept of one prediction; None where it carries no features."""
    features = None if predictions.features is None else predictions.features[row]
    if features is None:
        return None
    texts = {name: _text(words, row) for name, words in predictions.segments.items()}
    segments = {name: text for name, text in texts.items() if text is not None}
    values: dict[str, Any] = {
        name: features[name][:LONGEST_TEXT] if isinstance(features[name], str) else features[name]  # type: ignore[index]
        for name in sorted(features)
    }
    y_pred = model.classes[int(predictions.y_pred[row])]
    packed = msgspec.msgpack.encode((y_pred, segments, values))
    while len(packed) > LONGEST_ROW and values:
        values = dict(list(values.items())[: len(values) * 9 // 10])
        packed = msgspec.msgpack.encode((y_pred, segments, values))
    return int(predictions.predicted_at[row]), packed


def _text(words: Words, row: int) -> str | None:
    """Return the segment value of a row, None where it has none."""
    code = int(words.codes[row])
    return None if code < 0 else words.words[code][:LONGEST_TEXT]
