"""The Inspector: follows what comes in, remembers what is usual, and says what the gates say now. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from monitor.clock import HOUR, MINUTE, SECOND
from monitor.counts.durations import DELAY_BINS, DELAY_EDGES, LATENCY_EDGES
from monitor.statistics.flow_gates import Latencies, latency, volume
from monitor.statistics.gate_words import moment_in_words, span
from monitor.statistics.gates import (
    LEAST_DELAYS,
    REJECTED,
    Share,
    Silence,
    completeness,
    consistency,
    not_judged,
    silence_limit,
    timeliness,
)
from monitor.statistics.inspection import DELAYS, LATENCIES, NAMES, Inspection, Vitals
from monitor.statistics.pulse import Pulse
from monitor.statistics.samples import KEPT, SOURCE, Block, Quiet, Samples, Tally
from monitor.statistics.usual import quantile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from monitor.counts import Counts
    from monitor.counts.slices import Deltas, Series
    from monitor.counts.windows import ReadSlices
    from monitor.statistics.gates import Gate
    from monitor.statistics.pulse import Beat, Watched
    from monitor.statistics.report import Totals
    from monitor.statistics.samples import Row

CATCHING_UP: Final = 10 * MINUTE
"""While events that are older than this are being read nothing can be said of now."""
_DUPLICATES: Final = "duplicates"
_ORPHANS: Final = "orphans"


@dataclass(frozen=True, slots=True)
class Received:
    """What has come so far of one model. Moments are epoch ms."""

    totals: Totals
    last_prediction: int | None = None
    last_label: int | None = None

    @property
    def shares(self) -> dict[str, Share]:
        """How many of its events are duplicates and orphans."""
        totals = self.totals
        return {
            _DUPLICATES: Share(totals.duplicate, totals.predictions + totals.duplicate),
            _ORPHANS: Share(totals.orphan, totals.labels),
        }

    @property
    def reached(self) -> int | None:
        """Up to when both kinds of events were read, by their own times; None where nothing was."""
        known = [moment for moment in (self.last_prediction, self.last_label) if moment is not None]
        return min(known, default=None)


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known at the moment of an inspection, besides the slices."""

    now: int
    minutes_since: int
    """Slices are minutes from here on, hours before."""
    series: Sequence[Series]
    """All that have slices."""
    received: Mapping[str, Received]
    """By model."""
    rejected: Mapping[str, int]
    """Reason -> events, of all models."""
    skipped: Mapping[str, int]

    @property
    def refused(self) -> dict[str, Share]:
        """How many of all events were rejected, in all and by reason."""
        events = sum(
            one.totals.predictions + one.totals.duplicate + one.totals.labels for one in self.received.values()
        )
        events += sum(self.rejected.values()) + sum(self.skipped.values())
        parts = {f"{REJECTED}: {reason}": Share(n, events) for reason, n in sorted(self.rejected.items()) if n}
        return {REJECTED: Share(sum(self.rejected.values()), events), **parts}


class Inspector:
    """Knows the models' pulse and the samples of earlier weeks."""

    def __init__(self, models: Sequence[Watched], read: ReadSlices) -> None:
        """Watch these models, whose slices `read` reads as the last commit left them."""
        self._models, self._pulse, self._samples = models, Pulse(read), Samples()
        self._upto: dict[str, int] = {}
        """Model -> the end of the block up to which samples were taken."""
        self._behind: int | None = None
        self._drained = False

    def apply(self, deltas: Deltas) -> None:
        """Learn what a commit added to the slices. Every commit comes here once, before the next `inspect`."""
        self._pulse.apply(deltas)

    def note(self, read: int, behind: int | None, lag: Mapping[str, int]) -> None:
        """Learn of a poll how many events it gave, from when on others wait, and how many (by partition).

        `behind` and `lag` as far as the source can tell.
        """
        self._behind = behind
        self._drained |= not read or (bool(lag) and not any(lag.values()))

    def rows(self, since: int = 0) -> list[Row]:
        """Return what was learnt at `since` or later, for whoever keeps it beyond this process."""
        return self._samples.rows(since)

    def restore(self, rows: Iterable[Row]) -> None:
        """Go on with what earlier processes learnt: before the first `inspect`."""
        self._samples.restore(rows)

    def inspect(self, moment: Moment) -> Inspection:
        """Return what the gates say. Call it before slices are dropped or compacted."""
        now = moment.now
        waits = self._waits(moment)
        rejected = self._lately(SOURCE, moment.refused, now)
        models = {model.name: self._vitals(model, moment, rejected, waits) for model in self._models}
        if self._note_totals(SOURCE, moment.refused, now):
            self._samples.prune(now)
        self._drained = False
        return Inspection(models, rejected[REJECTED].value)

    def _waits(self, moment: Moment) -> str | None:
        """Return why nothing can be said of now, in words; None where everything that came has been read."""
        oldest = self._behind
        if oldest is None:
            if self._drained:
                return None
            known = [one.reached for one in moment.received.values() if one.reached is not None]
            oldest = max(known, default=None)
        if oldest is None:
            return "nothing has been read yet"
        late = moment.now - oldest
        return f"events that are {span(late)} old are still being read" if late > CATCHING_UP else None

    def _vitals(self, model: Watched, moment: Moment, rejected: Mapping[str, Share], waits: str | None) -> Vitals:
        """Return the gates of one model."""
        now, received = moment.now, moment.received[model.name]
        own = [one for one in moment.series if one.model == model.name and one.segment is None]
        self._pulse.move(model, own, now, moment.minutes_since)
        lately = self._lately(model.name, received.shares, now)
        gates = {"consistency": self._consistency(model.name, lately, rejected, now)}
        if waits is not None:
            gates |= {name: not_judged(name, waits) for name in NAMES if name not in ("consistency", "latency")}
            return Vitals(_ordered(gates), duplicates=lately[_DUPLICATES].value, orphans=lately[_ORPHANS].value)
        beat = self._pulse.beat(model, own, now, moment.minutes_since)
        self._take_blocks(model, own, beat, now)
        last_label = None if received.last_label is None else min(now, received.last_label)
        if last_label is not None:
            self._samples.add(Quiet(now // HOUR * HOUR, model.name, now - last_label))
        gates |= self._of_labels(model, beat, last_label, now)
        gates["volume"] = volume(beat.last.predictions, beat.elapsed, beat.rates)
        latencies = _latencies(beat.last)
        if latencies.n or _latencies(beat.before).n:
            gates["latency"] = latency(latencies, _latencies(beat.before))
        self._note_totals(model.name, received.shares, now)
        return Vitals(
            _ordered(gates),
            Share(beat.mature.labels, beat.mature.predictions).value,
            _seconds(_delays(beat.mature), DELAY_EDGES, DELAYS),
            beat.last.predictions * SECOND / beat.elapsed,
            lately[_DUPLICATES].value,
            lately[_ORPHANS].value,
            _seconds(beat.last.plane("latency"), LATENCY_EDGES, LATENCIES),
        )

    def _of_labels(self, model: Watched, beat: Beat, last_label: int | None, now: int) -> dict[str, Gate]:
        """Return the gates on the labels of the newest mature block, and on those that come now."""
        before = beat.mature_end - model.block
        earlier = self._samples.blocks(model.name, model.block, before)
        delays = _delays(beat.mature)
        p90 = quantile(delays, DELAY_EDGES, 0.9)
        usual_p90 = [block.p90 for block in earlier if block.labels >= LEAST_DELAYS]
        silence = None
        if last_label is not None:
            # What is usual was before the silence began, and so many labels come in a block.
            silences = self._samples.silences(model.name, last_label // HOUR * HOUR)
            labels = float(np.median([beat.mature.labels, *(block.labels for block in earlier)]))
            limit = silence_limit(silences, max([p90 or 0.0, *usual_p90]))
            silence = Silence(now - last_label, limit, labels * (now - last_label) / model.block)
        return {
            "completeness": completeness(
                Share(beat.mature.labels, beat.mature.predictions),
                self._samples.completeness(model.name, model.block, before),
                model.window,
            ),
            "timeliness": timeliness(p90, int(delays.sum()), usual_p90, silence),
        }

    def _consistency(self, model: str, lately: Mapping[str, Share], rejected: Mapping[str, Share], now: int) -> Gate:
        earlier = {word: self._samples.shares(model, word) for word in lately}
        earlier |= {word: self._samples.shares(SOURCE, word) for word in rejected}
        begun = self._samples.tally_at(model, _DUPLICATES, now - HOUR)
        since = "the beginning" if begun is None else moment_in_words(begun.taken)
        return consistency({**lately, **rejected}, earlier, since)

    def _lately(self, name: str, totals: Mapping[str, Share], now: int) -> dict[str, Share]:
        """Return how the totals grew since the sample of an hour ago, else since their beginning."""
        grown: dict[str, Share] = {}
        first = self._samples.tally_at(name, next(iter(totals)), now - HOUR)
        for word, total in totals.items():
            then = self._samples.tally_at(name, word, now - HOUR)
            if then is None and first is not None:
                then = first._replace(part=0)
            known = then is not None and then.part <= total.part and then.whole <= total.whole
            grown[word] = Share(total.part - then.part, total.whole - then.whole) if then and known else total
        return grown

    def _note_totals(self, name: str, totals: Mapping[str, Share], now: int) -> bool:
        """Take a sample of totals, once an hour; tell whether it was time."""
        last = self._samples.last_tally(name)
        if last is not None and last // HOUR >= now // HOUR:
            return False
        for word, total in totals.items():
            self._samples.add(Tally(now, name, word, total.part, total.whole))
        return True

    def _take_blocks(self, model: Watched, series: Sequence[Series], beat: Beat, now: int) -> None:
        """Take a sample of each mature block that has none, as far back as there are slices."""
        if self._upto.get(model.name) == beat.mature_end:
            return
        self._upto[model.name] = beat.mature_end
        first = self._pulse.first_slice(series, now)
        if first is None:
            return
        start = -(-max(first, now - KEPT) // model.block) * model.block
        for at in range(start, beat.mature_end - model.block + 1, model.block):
            if not self._samples.has_block(model.name, model.block, at):
                counts = self._pulse.stretch(model.layout, series, at, at + model.block)
                p90 = quantile(_delays(counts), DELAY_EDGES, 0.9) or 0.0
                block = Block(now, model.name, at, model.block, counts.predictions, counts.labels, round(p90))
                self._samples.add(block)


def _delays(counts: Counts) -> NDArray[np.int64]:
    """Return the delays of all cells together, (DELAY_BINS,)."""
    at, n = counts.sparse("delays")
    return np.bincount(at % DELAY_BINS, n, DELAY_BINS).astype(np.int64)


def _latencies(counts: Counts) -> Latencies:
    """Return the quantiles of latencies, in ms."""
    bins = counts.plane("latency")
    return Latencies(int(bins.sum()), quantile(bins, LATENCY_EDGES, 0.5), quantile(bins, LATENCY_EDGES, 0.99))


def _seconds(
    bins: NDArray[np.int64], edges: NDArray[np.int64] | NDArray[np.float64], at: Iterable[float]
) -> tuple[float | None, ...]:
    """Return quantiles in seconds."""
    found = [quantile(bins, edges, q) for q in at]
    return tuple(None if one is None else one / SECOND for one in found)


def _ordered(gates: Mapping[str, Gate]) -> tuple[Gate, ...]:
    return tuple(gates[name] for name in NAMES if name in gates)
