"""The latest messages of a topic, and what they tell: which of them we would reject, and whether ids are keys."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from monitor.config.finding import Finding, Level
from monitor.sources.decoding.codec import Kind
from monitor.sources.decoding.reasons import UNKNOWN_MODEL
from monitor.sources.source import Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from monitor.sources.broker.client import Bounds, Client, Partition
    from monitor.sources.decoding.codec import Codec, Decoded

_MOST: Final = 4_000
_AT_ONCE: Final = 500
_MOST_BYTES: Final = 2**24
_ENOUGH: Final = 1_000
"""Fewer events than this never halt the daemon, so they fail no check either."""
_REASONS_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Sample:
    """The latest messages of a topic, n of each."""

    values: Sequence[bytes | None] = ()
    partitions: Sequence[int] = ()
    timestamps: Sequence[int] = ()
    """Epoch milliseconds."""

    @property
    def latest(self) -> int | None:
        """The newest timestamp; None where there is no message."""
        return max(self.timestamps, default=None)


def latest(client: Client, bounds: Mapping[Partition, Bounds], seconds: float) -> Sample:
    """Return about the latest 4,000 messages of these partitions, or as many as come in so many seconds."""
    share = max(1, _MOST // max(1, len(bounds)))
    begins = {each: max(begin, end - share) for each, (begin, end) in bounds.items() if end > begin}
    if not begins:
        return Sample()
    client.assign(begins)
    values: list[bytes | None] = []
    partitions: list[int] = []
    timestamps: list[int] = []
    size = 0
    until = time.monotonic() + seconds
    left = set(begins)
    while left and len(values) < _MOST and size < _MOST_BYTES and time.monotonic() < until:
        fetched = client.fetch(_AT_ONCE, 0.5)
        for some in fetched.messages:
            values += some.values
            partitions += [some.partition.number] * len(some.values)
            timestamps += some.timestamps.tolist()
            size += sum(len(value) for value in some.values if value is not None)
        left -= {each for each, position in fetched.positions.items() if each in left and position >= bounds[each].end}
        left -= set(fetched.gone)
    return Sample(values, partitions, timestamps)


def sample_findings(codec: Codec, kind: Kind, sample: Sample, *, now: int, halt_share: float) -> Iterator[Finding]:
    """Yield what a sample tells of predictions or labels; nothing where there is no message."""
    subject = "labels" if kind is Kind.LABELS else "predictions"
    if not sample.values:
        return
    decoded = codec.decode_messages(
        kind,
        sample.values,
        now=now,
        stamps=np.array(sample.timestamps, np.int64),
        letter=lambda _row, reason, detail: Rejected(reason, detail, "", b""),
    )
    yield _accepted(subject, decoded, halt_share)
    yield from _keyed(subject, decoded, np.array(sample.partitions))


def accepted(codec: Codec, kind: Kind, content: bytes, *, now: int, halt_share: float) -> Iterator[Finding]:
    """Yield the same of JSON Lines, which have no partitions."""
    decoded = codec.decode(kind, content, now=now, place=str)
    if decoded.read:
        yield _accepted("labels" if kind is Kind.LABELS else "predictions", decoded, halt_share)


def _accepted(subject: str, decoded: Decoded, halt_share: float) -> Finding:
    """Say how many events we would reject or skip with this configuration, and why."""
    n, rejected, foreign = decoded.read, len(decoded.rejected), decoded.skipped.get(UNKNOWN_MODEL, 0)
    of = f"of {n:,} sampled {subject}"
    if rejected:
        counts = Counter(each.reason for each in decoded.rejected)
        details = {each.reason: each.detail for each in reversed(decoded.rejected)}
        shown = [f"{reason} {count:,} ({details[reason]})" for reason, count in counts.most_common(_REASONS_SHOWN)]
        halts = rejected > halt_share * n and n >= _ENOUGH
        consequence = (
            f"; that is more than halt_share {halt_share:g}, and the daemon would stop reading" if halts else ""
        )
        found = f"{of} {rejected:,} would be dead letters: {', '.join(shown)}{consequence}"
        remedy = f"correct source.{subject}.fields or the models' classes, or whoever writes them"
        return Finding(Level.FAILED if halts else Level.WARNING, subject, found, remedy)
    if foreign == n:
        found = f"{of} not one is of a model that is configured"
        return Finding(
            Level.WARNING, subject, found, f"correct the names of `models`, or map source.{subject}.fields.model"
        )
    others = f"; {foreign:,} of them are of models that are not configured" if foreign else ""
    return Finding(Level.OK, subject, f"{of} none would be a dead letter{others}")


def _keyed(subject: str, decoded: Decoded, partitions: NDArray[np.int64]) -> Iterator[Finding]:
    """Yield a warning where one id lies in two partitions."""
    homes: dict[tuple[str, str], int] = {}
    torn: dict[tuple[str, str], tuple[int, int]] = {}
    for model, frames in decoded.valid.items():
        frame = frames.labels if subject == "labels" else frames.predictions
        if frame is None:
            continue
        for id_, partition in zip(frame["id"].to_list(), partitions[frame["row"].to_numpy()].tolist(), strict=True):
            home = homes.setdefault((model, id_), partition)
            if home != partition:
                torn.setdefault((model, id_), (home, partition))
    if torn:
        ((_, id_), (one, other)), *_ = torn.items()
        consequence = (
            "a correction may be read before what it corrects, so that outcomes (applied, corrected, repeated) "
            "differ from replay to replay"
            if subject == "labels"
            else "of predictions with one id and one time another may be the first in a replay"
        )
        found = (
            f"producers do not key by prediction id: {len(torn):,} of {len(homes):,} sampled ids lie in two "
            f"partitions, such as {id_!r} in {one} and {other}: {consequence}"
        )
        yield Finding(Level.WARNING, subject, found, "let producers send the prediction id as the message's key")
