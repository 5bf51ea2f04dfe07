"""Guesses what a model's log says about the model: classes, positive class, label delays, windows and segments."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.clock import DAY, HOUR, MINUTE, format_duration, parse_duration
from monitor.errors import InputError, Problem
from monitor.join.words import class_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.sources.logs.guess import Fields
    from monitor.sources.logs.sample import Column

_STEPS: Final = (
    *(0, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR),
    *(DAY, 2 * DAY, 3 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 60 * DAY, 90 * DAY, 180 * DAY, 365 * DAY),
)
"""Durations that people write."""
_LATE: Final = 0.99
"""A window waits for this share of the labels."""
_TWO: Final = 2
_MOST_SEGMENTS: Final = 5
_MOST_VALUES: Final = 50
_BUSY: Final = 20_000
"""Predictions a day from which an hour holds several hundred."""
_QUIET: Final = 50
"""Predictions a day below which a day holds too few to say anything."""


@dataclass(frozen=True, slots=True)
class Because:
    """A value for the configuration, and why."""

    value: str
    why: str


@dataclass(frozen=True, slots=True)
class ModelGuess:
    """One model's part of a configuration."""

    name: str
    classes: tuple[str, ...]
    classes_why: str
    positive: Because | None
    threshold: Because | None
    windows: tuple[str, ...]
    windows_why: str
    label_horizon: Because
    label_first_wait: Because | None
    correction_window: Because | None


def guess_model(name: str, rows: Sequence[int], predictions: Fields, labels: Fields | None, file: str) -> ModelGuess:
    """Guess one model from its rows of the sample. Raises InputError where there are not two classes."""
    y_true = _true_by_row(rows, predictions, labels)
    y_pred = _picked(predictions.column("y_pred"), rows)
    feedback = _feedback(name, labels, predictions)
    classes = _ordered({*_texts(y_true), *_texts(y_pred), *_texts(feedback), *_scored(predictions)})
    if len(classes) < _TWO:
        found = f"only one class was found, `{classes[0]}`" if classes else "no class was found"
        remedy = "take a longer log, or write `classes` by hand: see docs/reference/configuration.md"
        raise InputError(Problem(file, found, remedy))
    from_where = [
        n for n, there in (("y_pred", _texts(y_pred)), ("y_true", _texts(y_true) | _texts(feedback))) if there
    ]
    from_where += ["the scores' columns"] if predictions.scores else []
    positive = _positive(classes, y_true or feedback or y_pred, y_true or y_pred, predictions, rows)
    threshold = None
    if predictions.column("y_pred") is None and positive is not None:
        threshold = Because("0.5", "there is no y_pred: the positive class is predicted from this score on")
    delays = _delays(rows, predictions, labels)
    windows, windows_why = _windows(_picked_moments(predictions, rows))
    horizon, wait, correction = _lateness(delays, labels, predictions, parse_duration(windows[-1]) or 0)
    return ModelGuess(
        name=name,
        classes=classes,
        classes_why=f"found in {' and '.join(from_where)} of the sample; add what is rarer",
        positive=positive,
        threshold=threshold,
        windows=windows,
        windows_why=windows_why,
        label_horizon=horizon,
        label_first_wait=wait,
        correction_window=correction,
    )


def guess_segments(predictions: Fields) -> dict[str, Because]:
    """Return segment name -> its column: those called so, else texts that take few values."""
    found: dict[str, Because] = {}
    for name in predictions.columns:
        for prefix in ("segment_", "segment.", "segments."):
            if name.startswith(prefix) and len(name) > len(prefix):
                found[name.removeprefix(prefix)] = Because(name, "by its name")
    if found:
        return found
    for name, column in predictions.columns.items():
        values = column.distinct
        texts = all(isinstance(value, str) for value in values) and column.numbers() is None
        few = _TWO <= len(values) <= min(_MOST_VALUES, len(column.given) // 10)
        if name not in predictions.used and texts and few and column.moments() is None and len(found) < _MOST_SEGMENTS:
            shown = ", ".join(values[:3]) + (", …" if len(values) > 3 else "")  # noqa: PLR2004 - enough to see what it is
            found[name.replace(".", "_").replace("=", "_")] = Because(name, f"{len(values)} values: {shown}")
    return found


def _feedback(name: str, labels: Fields | None, predictions: Fields) -> list[str | None]:
    """Return y_true of the labels of this model, whether their prediction is in the sample or not."""
    true = None if labels is None else labels.column("y_true")
    if labels is None or true is None:
        return []
    models = labels.column("model")
    if models is None:
        several = predictions.column("model")
        return [] if several is not None and len(several.distinct) > 1 else _picked(true, range(len(true.values)))
    return _picked(true, [row for row, value in enumerate(models.values) if str(value) == name])


def _picked(column: Column | None, rows: Iterable[int]) -> list[str | None]:
    """Return the class texts of these rows, None where there is none."""
    return [] if column is None else [class_text(column.values[row]) for row in rows]


def _texts(values: Iterable[str | None]) -> set[str]:
    return {value for value in values if value is not None}


def _scored(predictions: Fields) -> set[str]:
    """Return the classes that have a score; where y_pred is known too, other columns of that name do not count."""
    return _texts(class_text(name) for name in predictions.scores)


def _ordered(classes: set[str]) -> tuple[str, ...]:
    """Return numbers in their order, then words in theirs."""
    return tuple(sorted(classes, key=lambda text: (0, int(text), "") if text.isdecimal() else (1, 0, text)))


def _true_by_row(rows: Sequence[int], predictions: Fields, labels: Fields | None) -> list[str | None]:
    """Return y_true of each row, joined by id where the labels are a log of their own."""
    if labels is None:
        return _picked(predictions.column("y_true"), rows)
    ids, true = labels.column("prediction_id"), labels.column("y_true")
    mine = predictions.column("prediction_id")
    if ids is None or true is None or mine is None:
        return []
    by_id = {str(id_): class_text(value) for id_, value in zip(ids.values, true.values, strict=True)}
    joined = [by_id.get(str(mine.values[row])) for row in rows]
    return joined if any(value is not None for value in joined) else []


def _positive(
    classes: tuple[str, ...],
    counted: Sequence[str | None],
    by_row: Sequence[str | None],
    predictions: Fields,
    rows: Sequence[int],
) -> Because | None:
    """Return the positive class of two: the one that its score speaks of, else the rarer one."""
    if len(classes) != _TWO:
        return None
    if len(predictions.scores) == 1:
        (class_,) = predictions.scores
        return Because(class_text(class_) or class_, "the only class with a score")
    score = predictions.column("score")
    numbers = None if score is None else [_as_number(score.values[row]) for row in rows]
    if numbers is not None:
        means = []
        for class_ in classes:
            of_class = [n for n, c in zip(numbers, by_row, strict=False) if c == class_ and n is not None]
            means.append(sum(of_class) / len(of_class) if of_class else None)
        low, high = means
        if low is not None and high is not None and low != high:
            winner = classes[int(high > low)]
            return Because(winner, f"the mean score is {max(low, high):.2f} there and {min(low, high):.2f} elsewhere")
    often = Counter(value for value in counted if value is not None)
    rarer = min(reversed(classes), key=lambda class_: often[class_])
    total = max(sum(often.values()), 1)
    return Because(rarer, f"the rarer one: {often[rarer] / total:.1%} of the sample")


def _as_number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float | str) and value != "" else None


def _picked_moments(predictions: Fields, rows: Iterable[int]) -> list[int]:
    """Return when these rows were predicted."""
    column = predictions.column("predicted_at")
    moments = (column.moments() if column else None) or []
    return [at for row in rows if row < len(moments) and (at := moments[row]) is not None]


def _delays(rows: Sequence[int], predictions: Fields, labels: Fields | None) -> list[int]:
    """Return labelled_at - predicted_at of the labels whose prediction is in the sample, ascending, in milliseconds."""
    column = predictions.column("predicted_at")
    predicted = (column.moments() if column else None) or []
    if labels is None:
        labelled_column = predictions.column("labelled_at")
        labelled = (labelled_column.moments() if labelled_column else None) or []
        pairs = [(predicted[row], labelled[row]) for row in rows if labelled]
    else:
        ids, at = labels.column("prediction_id"), labels.column("labelled_at")
        mine = predictions.column("prediction_id")
        labelled = (at.moments() if at else None) or []
        by_id = dict(zip(map(str, ids.values if ids else ()), labelled, strict=False))
        pairs = [(predicted[row], by_id.get(str(mine.values[row]))) for row in rows] if mine else []
    return sorted(late - early for early, late in pairs if early is not None and late is not None)


def _lateness(
    delays: Sequence[int], labels: Fields | None, predictions: Fields, longest: int
) -> tuple[Because, Because | None, Because | None]:
    """Return label_horizon, and label_first_wait and correction_window where their defaults are too short.

    longest: the longest window, in milliseconds.
    """
    if not delays:
        if labels is None and predictions.column("labelled_at") is None:
            return Because("0s", "without labelled_at a label arrives with its prediction"), None, None
        why = "a cautious default: no label of the sample belongs to a prediction of the sample"
        return Because("7d", why), None, None
    late = max(delays[min(int(len(delays) * _LATE), len(delays) - 1)], 0)
    horizon = _step(late)
    seen = f"{len(delays):,} labels of the sample" if len(delays) > 1 else "the one label of the sample"
    why = f"99% of {seen} came within {_readable(late)}; later ones may not have come yet"
    first = -min(delays[0], 0)
    wait = Because(format_duration(_step(first)), f"a label came {_readable(first)} early") if first > DAY else None
    last = max(delays[-1], 0)
    correction = None
    if last > horizon + longest:
        correction = Because(format_duration(_step(last)), f"a label came {_readable(last)} after its prediction")
    return Because(format_duration(horizon), why), wait, correction


def _step(duration: int) -> int:
    """Return the shortest duration that people write and that is not shorter; beyond a year, whole years."""
    year = _STEPS[-1]
    return next((step for step in _STEPS if step >= duration), -(-duration // year) * year)


def _readable(duration: int) -> str:
    """Return a duration roughly: one number and one unit."""
    for unit, length in (("days", DAY), ("hours", HOUR), ("minutes", MINUTE)):
        if duration >= length:
            return f"{duration / length:.1f} {unit}"
    return f"{duration / 1_000:.1f} seconds"


def _windows(moments: Sequence[int]) -> tuple[tuple[str, ...], str]:
    """Return windows that hold enough predictions, and why."""
    if len(moments) < _TWO or max(moments) == min(moments):
        return ("24h", "7d"), "a day shows a break soon, a week gathers labels of rare classes"
    a_day = len(moments) * DAY / (max(moments) - min(moments))
    seen = f"about {a_day:,.0f} predictions a day"
    if a_day >= _BUSY:
        return ("1h", "24h", "7d"), f"{seen}: an hour holds several hundred"
    if a_day < _QUIET:
        return ("7d", "30d"), f"{seen}: a day holds too few to say anything"
    return ("24h", "7d"), seen
