"""The demo: handwritten digits, a classifier with a promise, and three phases of production in accelerated time.

The digits ship with scikit-learn (UCI, 1,797 images of 8 x 8 pixels). 70 % of them are cross-validated and trained on;
the held-out rest is photographed again and again with a little sensor noise, since 540 images make a short production.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from monitor.clock import HOUR, MINUTE, SECOND
from monitor.config import Duration, ModelSettings, Objective, Settings
from monitor.counts import Layout
from monitor.join.events import Labels, Predictions, Words
from monitor.report.snapshot import Announcement
from monitor.sources.source import Batch, ModelEvents
from monitor.statistics.report import Maturity, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from monitor.clock import Clock
    from monitor.statistics.baseline import Baseline
    from monitor.statistics.report import WindowResult

MODEL, VERSION = "digits", "1"
CLASSES = tuple(map(str, range(10)))
DAMAGED = 8
"""The digit that is photographed badly in the third phase."""
BEGIN = 1_767_225_600_000
"""2026-01-01T00:00:00Z: the demo's first moment, a full hour."""
PHASE_HOURS = 5
WINDOW = Duration(2 * HOUR, "2h")
HORIZON = Duration(30 * MINUTE, "30m")
PER_HOUR = 2_400
"""Predictions in an hour of the demo's time."""
MARGIN = 0.1
"""A class has about 125 rows in the folds: their corridor alone is some 0.03 wide on each side, so a margin of 0.03
could never be decided, however many labels production brings."""
LEAST_SECONDS = 10
PHASE_SECONDS = 30
"""Of wall time, where nobody says how long the demo may take."""
_SEED = 20260101
_EVEN = np.full(10, 0.1)
_SHIFTED = np.array([0.04, 0.16, 0.16, 0.10, 0.04, 0.16, 0.04, 0.10, 0.16, 0.04])
_BLURRED_SHARE = 0.5


class Phase(NamedTuple):
    """One act of the demo."""

    name: str
    announcement: str
    shares: NDArray[np.float64]
    """Class shares of production, (10,)."""


PHASES = (
    Phase("healthy", "production is what the folds have seen: every verdict should be OK", _EVEN),
    Phase(
        "mix",
        "the mix of classes shifts: precision moves, but the model is not to blame, the verdicts stay OK and say mix",
        _SHIFTED,
    ),
    Phase(
        "damage",
        f"digit {DAMAGED} is photographed badly: its recall falls, WORSE for {DAMAGED}, OK for the others",
        _EVEN,
    ),
)


@dataclass(frozen=True, slots=True)
class Pool:
    """Held-out images as the deployed model sees them, (n,) each."""

    y_true: NDArray[np.int32]
    y_pred: NDArray[np.int32]
    scores: NDArray[np.float64]
    """(n, 10)"""
    of_class: tuple[NDArray[np.int64], ...]
    """Class -> its rows."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What the demo starts from."""

    baseline: Baseline
    pools: tuple[Pool, ...]
    """One per phase."""


def settings(listen: tuple[str, int]) -> Settings:
    """Return the configuration that the demo runs with: one objective on the recall of each digit."""
    objectives = tuple(
        Objective(f"recall-{name}", "recall", name, WINDOW.text, margin=MARGIN, target=0.9) for name in CLASSES
    )
    model = ModelSettings(
        name=MODEL,
        classes=CLASSES,
        layout=Layout(len(CLASSES)),
        windows=(WINDOW,),
        label_horizon=HORIZON,
        correction_window=Duration(HORIZON.millis + WINDOW.millis, "150m"),
        label_first_wait=HORIZON,
        margin=MARGIN,
        owner="the demo",
        objectives=objectives,
    )
    return Settings({MODEL: model}, listen=listen, evaluate_every=Duration(SECOND, "1s"))


def prepare() -> Promise:
    """Cross-validate with stratified 5 folds, train on all of those rows, and photograph the held-out digits."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - an extra, needed by the demo alone
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.model_selection import train_test_split  # noqa: PLC0415

    from monitor.baselines.crossval import cross_validate  # noqa: PLC0415

    pixels, digits = load_digits(return_X_y=True)
    pixels = pixels / 16.0
    known, held_out = train_test_split(np.arange(len(digits)), test_size=0.3, stratify=digits, random_state=7)

    def factory() -> LogisticRegression:
        return LogisticRegression(C=5.0, max_iter=500)

    baseline = cross_validate(
        pixels[known],
        digits[known],
        factory,
        model=MODEL,
        version=VERSION,
        scheme="stratified",
        folds=5,
        seed=7,
        jobs=1,
    )
    deployed = factory().fit(pixels[known], digits[known])
    rng = np.random.default_rng(_SEED)
    pools = []
    for phase in PHASES:
        y_true = np.repeat(digits[held_out], 8)
        images = np.repeat(pixels[held_out], 8, axis=0)
        if phase.name == "damage":
            images = _badly_photographed(images, (y_true == DAMAGED) & (rng.random(len(y_true)) < _BLURRED_SHARE))
        scores = deployed.predict_proba(np.clip(images + rng.normal(0.0, 1 / 16, images.shape), 0.0, 1.0))
        rows = tuple(np.flatnonzero(y_true == i) for i in range(len(CLASSES)))
        pools.append(Pool(y_true.astype(np.int32), scores.argmax(axis=1).astype(np.int32), scores, rows))
    return Promise(baseline, tuple(pools))


def _badly_photographed(images: NDArray[np.float64], which: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Blur the chosen images over their neighbours and let light fall on their upper rows."""
    grid = images[which].reshape(-1, 8, 8)
    blurred = (grid + sum(np.roll(grid, step, axis) for step in (1, -1) for axis in (1, 2))) / 5
    blurred[:, :2] = 0.0
    images[which] = blurred.reshape(-1, 64)
    return images


class AcceleratedClock:
    """Demo time: `speed` milliseconds pass for one of the wall's."""

    def __init__(self, speed: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Start now, at BEGIN."""
        self.speed, self._monotonic, self._begun = speed, monotonic, monotonic()

    def now(self) -> int:
        """Return the demo's present in epoch milliseconds."""
        return BEGIN + int((self._monotonic() - self._begun) * SECOND * self.speed)


class DemoSource:
    """Production: predictions at an even pace, their labels up to the horizon later; every hour has its own seed."""

    def __init__(self, pools: tuple[Pool, ...], clock: Clock) -> None:
        """Begin at BEGIN; nothing has been delivered yet."""
        self._pools, self._clock = pools, clock
        self._delivered = BEGIN - 1

    def poll(self) -> Batch:
        """Return what has happened since the last poll."""
        after, now = self._delivered, self._clock.now()
        if now <= after:
            return Batch(passed=after)
        self._delivered = now
        hours = range(max(0, (after - BEGIN) // HOUR - 1), (now - BEGIN) // HOUR + 1)
        drawn = [self._hour(hour) for hour in hours]
        predictions = _joined([(at, columns) for at, _, columns in drawn], after, now)
        labels = _joined([(at, columns) for _, at, columns in drawn], after, now)
        n, m = len(predictions.at), len(labels.at)
        made = predictions.at
        return Batch(
            models={
                MODEL: ModelEvents(
                    Predictions(
                        ids=predictions.ids,
                        order=np.arange(n),
                        predicted_at=made,
                        version=Words(np.zeros(n, np.int32), (VERSION,)),
                        y_pred=predictions.y_pred,
                        scores=predictions.scores,
                        segments={},
                    ),
                    Labels(ids=labels.ids, order=np.arange(n, n + m), labelled_at=labels.at, y_true=labels.y_true),
                )
            },
            read=n + m,
            offsets={"demo": now},
            passed=now,
        )

    def _hour(self, hour: int) -> tuple[NDArray[np.int64], NDArray[np.int64], _Columns]:
        """Draw one hour of production: when predicted, when labelled, and what."""
        phase = hour // PHASE_HOURS % len(PHASES)
        pool = self._pools[phase]
        rng = np.random.default_rng([_SEED, hour])
        classes = rng.choice(len(CLASSES), PER_HOUR, p=PHASES[phase].shares)
        rows = np.array(
            [
                pool.of_class[i][k % len(pool.of_class[i])]
                for i, k in zip(classes, rng.integers(0, 2**31, PER_HOUR), strict=True)
            ]
        )
        made = BEGIN + hour * HOUR + np.arange(PER_HOUR, dtype=np.int64) * (HOUR // PER_HOUR)
        known = made + np.minimum(rng.exponential(5 * MINUTE, PER_HOUR), HORIZON.millis - SECOND).astype(np.int64)
        ids = np.array([f"{hour}-{i}" for i in range(PER_HOUR)], object)
        return made, known, _Columns(made, ids, pool.y_true[rows], pool.y_pred[rows], pool.scores[rows])

    def seek(self, offsets: Mapping[str, int]) -> None:
        """Go on after the moment that was committed."""
        self._delivered = offsets.get("demo", BEGIN - 1)

    def commit(self, offsets: Mapping[str, int]) -> None:
        """Nobody waits for it."""

    def close(self) -> None:
        """Nothing is held."""


class _Columns(NamedTuple):
    at: NDArray[np.int64]
    ids: NDArray[np.object_]
    y_true: NDArray[np.int32]
    y_pred: NDArray[np.int32]
    scores: NDArray[np.float64]


def _joined(parts: list[tuple[NDArray[np.int64], _Columns]], after: int, until: int) -> _Columns:
    """Return the rows whose moment lies in (after, until], in time order, with that moment as `at`."""
    at = np.concatenate([moment for moment, _ in parts])
    kept = np.flatnonzero((at > after) & (at <= until))
    kept = kept[np.argsort(at[kept], kind="stable")]
    columns = [np.concatenate([getattr(columns, name) for _, columns in parts])[kept] for name in _Columns._fields[1:]]
    return _Columns(at[kept], *columns)


def speed(seconds: float | None) -> float:
    """Return how fast time must run for all phases to be told in so many seconds; None: at leisure, again and again."""
    if seconds is None:
        return PHASE_HOURS * HOUR / (PHASE_SECONDS * SECOND)
    return (_LENGTH + MINUTE * 15) / (max(seconds, 1.0) * SECOND)


_LENGTH = len(PHASES) * PHASE_HOURS * HOUR + HORIZON.millis


def is_over(moment: int) -> bool:
    """Tell whether every phase has been told once, the labels of the last one included."""
    return moment - BEGIN >= _LENGTH


def announcement(moment: int) -> Announcement:
    """Return the headline of a moment."""
    phase = phase_at(moment)
    number = PHASES.index(phase) + 1
    return Announcement(
        f"Phase {number} of {len(PHASES)}: {phase.name}",
        f"{phase.announcement}. Margin {MARGIN:g}: a class has some 125 rows in the folds, and their corridor alone is "
        "about 0.03 wide on each side, so that no number of labels could decide a margin of 0.03.",
    )


def phase_at(moment: int) -> Phase:
    """Return the phase that a moment of the demo's time lies in."""
    return PHASES[(moment - BEGIN) // HOUR // PHASE_HOURS % len(PHASES)]


class Story:
    """What each phase has shown so far: read from mature windows that lie in one phase altogether."""

    def __init__(self) -> None:
        """Begin with an untold story."""
        self._told: dict[str, str] = {}

    def listen(self, windows: Iterable[WindowResult]) -> None:
        """Take the windows of one report."""
        for window in windows:
            first, last = phase_at(window.start), phase_at(window.end - 1)
            if window.maturity is Maturity.MATURE and window.start >= BEGIN and first is last:
                self._told[first.name] = _outcome(first, window)

    @property
    def outcomes(self) -> Mapping[str, str]:
        """Phase name -> `as told` or what was seen instead, in the order of the phases; absent: not reached."""
        return {phase.name: self._told[phase.name] for phase in PHASES if phase.name in self._told}

    @property
    def complete(self) -> bool:
        """Tell whether every phase was reached and showed what it announced."""
        return [*self.outcomes.values()] == [AS_TOLD] * len(PHASES)


AS_TOLD = "as announced"


def _outcome(phase: Phase, window: WindowResult) -> str:
    """Compare a mature window of one phase with what the phase announced."""
    recall = {result.class_: result.verdict for result in window.metrics if result.metric == "recall"}
    worse = str(DAMAGED) if phase.name == "damage" else None
    unlike = [
        f"recall of {name} is {verdict}"
        for name, verdict in recall.items()
        if verdict is not (Verdict.WORSE if name == worse else Verdict.OK)
    ]
    says_mix = any(
        result.verdict is Verdict.OK and "mix" in (result.reason or "")
        for result in window.metrics
        if result.metric == "precision"
    )
    if phase.name == "mix" and not says_mix:
        unlike.append("no precision says mix")
    return ", ".join(unlike) or AS_TOLD
