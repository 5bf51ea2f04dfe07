"""Guesses which column of somebody's log is which of our fields, by name first and by what it holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.errors import InputError, Problem
from monitor.sources.logs.sample import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Columns = Mapping[str, Column]

MOST_CLASSES: Final = 1_000
_MOST_MODELS: Final = 50
_FEW: Final = 20
"""So many different values may be classes even where the sample is small."""
_UNIQUE: Final = 0.9
"""Share of different values from which a column may be an id: a log may hold duplicates."""

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "prediction_id": (
        *("prediction_id", "pred_id", "request_id", "event_id", "transaction_id", "inference_id", "correlation_id"),
        *("trace_id", "uuid", "guid", "id", "key"),
    ),
    "predicted_at": (
        *("predicted_at", "prediction_time", "prediction_timestamp", "prediction_ts", "scored_at", "inference_time"),
        *("timestamp", "event_time", "event_timestamp", "created_at", "ts", "time", "datetime", "date", "at"),
    ),
    "labelled_at": (
        *("labelled_at", "labeled_at", "label_time", "label_timestamp", "label_ts", "labelled_on", "label_at"),
        *("feedback_at", "feedback_time", "resolved_at", "observed_at", "outcome_at", "outcome_time", "y_true_at"),
        *("timestamp", "event_time", "event_timestamp", "created_at", "ts", "time", "datetime", "date", "at"),
    ),
    "y_true": (
        *("y_true", "true_label", "ground_truth", "true_class", "actual_class", "actual", "truth", "target"),
        *("outcome", "label", "feedback", "class", "y"),
    ),
    "y_pred": (
        *("y_pred", "y_hat", "yhat", "predicted_class", "predicted_label", "prediction", "predicted", "pred"),
        *("class_pred", "decision", "model_output", "output", "label", "class"),
    ),
    "score": (
        *("score", "y_score", "proba", "probability", "prediction_score", "model_score", "prob", "p"),
        *("y_proba", "y_prob", "predicted_proba", "predicted_probability", "likelihood", "risk"),
    ),
    "model": ("model", "model_name", "model_id"),
    "version": ("version", "model_version", "model_ver", "revision"),
    "entity": ("entity", "user_id", "customer_id", "session_id", "account_id", "user", "customer"),
    "latency_ms": ("latency_ms", "duration_ms", "elapsed_ms", "response_time_ms"),
}
"""Our field -> what others call it, the likeliest first; capitals, `-` and `camelCase` make no difference."""
_SCORE_PREFIXES: Final = ("score_", "scores_", "proba_", "prob_", "probability_", "p_", "scores.", "probabilities.")
_SCORE_OBJECTS: Final = ("scores", "score", "probabilities", "probas", "proba", "class_probabilities", "confidences")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Guess:
    """One of our fields, found."""

    theirs: str
    why: str


@dataclass(frozen=True, slots=True)
class Fields:
    """What was found in one log."""

    single: Mapping[str, Guess]
    """Our name -> its column."""
    scores: Mapping[str, str]
    """Class as the column writes it -> the column of its score."""
    columns: Columns

    def column(self, name: str) -> Column | None:
        """Return the column of one of our fields."""
        guess = self.single.get(name)
        return None if guess is None else self.columns[guess.theirs]

    @property
    def used(self) -> set[str]:
        """The columns that have a meaning."""
        return {guess.theirs for guess in self.single.values()} | set(self.scores.values())


def prediction_fields(columns: Columns, file: str, *, labels: Columns | None) -> Fields:
    """Guess the fields of a log of predictions.

    labels: the columns of a second log; None where `y_true` is looked for among the predictions. Raises InputError that
    says what is missing and what was found.
    """
    taken: dict[str, Guess] = {}
    seek = _Search(columns, taken)
    shared = {name for name in columns if labels is not None and _overlap(columns[name], labels.get(name))}
    seek.find("prediction_id", _is_id, prefer=shared)
    seek.find("model", _is_name)
    seek.find("version", _is_name)
    seek.find("predicted_at", _is_time)
    if labels is None:
        seek.find("y_true", _is_class)
        seek.find("labelled_at", _is_time, avoid="predicted_at")
    seek.find("y_pred", _is_class)
    scores = _scores(columns, taken)
    if not scores:
        seek.find("score", Column.shares)
    seek.find("entity", _is_any)
    seek.find("latency_ms", lambda column: column.numbers() is not None)
    seek.by_content("prediction_id", _is_certain_id, "its values are all different")
    seek.by_content("predicted_at", _is_written_time, "it holds times")
    needed = ["prediction_id", "predicted_at", *(["y_true"] if labels is None else [])]
    missing = [name for name in needed if name not in taken]
    if "y_pred" not in taken and not ("score" in taken or scores):
        missing.append("y_pred")
    _demand(missing, columns, taken, file, also_labels=labels is None)
    return Fields(taken, scores, columns)


def label_fields(columns: Columns, file: str, predictions: Fields) -> Fields:
    """Guess the fields of a log of labels. Raises InputError that says what is missing and what was found."""
    taken: dict[str, Guess] = {}
    seek = _Search(columns, taken)
    ids = predictions.column("prediction_id")
    shared = {name for name, column in columns.items() if _overlap(ids, column)}
    seek.find("prediction_id", _is_id, prefer=shared)
    seek.find("model", _is_name)
    seek.find("labelled_at", _is_time)
    seek.find("y_true", _is_class)
    seek.by_content("labelled_at", _is_written_time, "it holds times")
    for name in sorted(shared):
        taken.setdefault("prediction_id", Guess(name, "it shares values with the id of the predictions"))
    seek.by_content("prediction_id", _is_certain_id, "its values are all different")
    _demand([n for n in ("prediction_id", "y_true", "labelled_at") if n not in taken], columns, taken, file)
    return Fields(taken, {}, columns)


def plain(name: str) -> str:
    """Return a column's name as it is compared: the last of its dotted parts, in `snake_case`."""
    last = name.rsplit(".", maxsplit=1)[-1]
    return _CAMEL.sub("_", last).lower().replace("-", "_").replace(" ", "_").strip("_")


class _Search:
    """Gives every column at most one meaning."""

    def __init__(self, columns: Columns, taken: dict[str, Guess]) -> None:
        """Write what is found into `taken`."""
        self._columns = columns
        self._taken = taken

    def find(
        self, field: str, fits: Callable[[Column], bool], prefer: Iterable[str] = (), avoid: str | None = None
    ) -> None:
        """Take the likeliest column by name among those that hold what the field needs.

        prefer: columns that win over all others of a fitting name. avoid: a field whose names are not taken.
        """
        used = {guess.theirs for guess in self._taken.values()}
        elsewhere = NAMES[avoid] if avoid else ()
        ranked = sorted(
            (name not in prefer, NAMES[field].index(plain(name)), name.count("."), place, name)
            for place, name in enumerate(self._columns)
            if plain(name) in NAMES[field] and plain(name) not in elsewhere and name not in used
        )
        for *_, name in ranked:
            if fits(self._columns[name]):
                why = "by its name" if prefer == () or name not in prefer else "by its name, and both logs have it"
                self._taken[field] = Guess(name, why)
                return

    def by_content(self, field: str, fits: Callable[[Column], bool], why: str) -> None:
        """Take the first column without a meaning that can hardly be anything else."""
        used = {guess.theirs for guess in self._taken.values()}
        for name, column in self._columns.items():
            if field not in self._taken and name not in used and fits(column):
                self._taken[field] = Guess(name, why)


def _scores(columns: Columns, taken: Mapping[str, Guess]) -> dict[str, str]:
    """Return class -> column where several columns hold the scores of one class each."""
    for prefix in (*_SCORE_PREFIXES, *(f"{name}." for name in _SCORE_OBJECTS)):
        found: dict[str, str] = {}
        for name, column in columns.items():
            at = name.lower().find(prefix)
            inside = at == 0 or (at > 0 and name[at - 1] == "." and prefix.endswith("."))
            numbers = column.numbers() if inside else None
            class_ = name[at + len(prefix) :]
            if numbers is not None and class_ and all(0 <= n <= 1 for n in numbers):
                found[class_] = name
        known = {str(value) for guess in _classes_of(columns, taken) for value in guess.distinct}
        if found and (not known or known & set(found)):
            return found
    return {}


def _classes_of(columns: Columns, taken: Mapping[str, Guess]) -> list[Column]:
    return [columns[taken[name].theirs] for name in ("y_pred", "y_true") if name in taken]


def _demand(
    missing: list[str], columns: Columns, taken: Mapping[str, Guess], file: str, *, also_labels: bool = False
) -> None:
    """Raise what is missing, one problem a field, with what was found."""
    used = {guess.theirs for guess in taken.values()}
    free = [name for name in columns if name not in used]
    problems = []
    for field in missing:
        seconds = [name for name in free if field.endswith("_at") and columns[name].seconds()]
        if seconds:
            finding = f"no column fits `{field}`: `{seconds[0]}` looks like epoch seconds"
            problems.append(Problem(file, finding, "write RFC 3339 or epoch milliseconds (seconds x 1,000)"))
            continue
        found = ", ".join(f"`{name}`" for name in list(columns)[:20]) or "none"
        also = ", or name the labels' log with --labels" if also_labels and field in ("y_true", "labelled_at") else ""
        remedy = f"add or rename one, such as {', '.join(f'`{name}`' for name in NAMES[field][:3])}{also}"
        problems.append(Problem(file, f"no column fits `{field}` ({_NEEDS[field]}); columns found: {found}", remedy))
    if problems:
        raise InputError(*problems)


_NEEDS: Final = {
    "prediction_id": "a different text or number in nearly every row",
    "predicted_at": "RFC 3339 or epoch milliseconds",
    "labelled_at": "RFC 3339 or epoch milliseconds",
    "y_true": f"at most {MOST_CLASSES:,} different classes",
    "y_pred": f"at most {MOST_CLASSES:,} different classes, or a score from 0 to 1 in its place",
}


def _is_id(column: Column) -> bool:
    given = column.given
    return bool(given) and all(isinstance(value, str | int) and not isinstance(value, bool) for value in given)


def _is_certain_id(column: Column) -> bool:
    """Tell whether nearly all values differ, and are neither times nor fractions."""
    many = len(column.distinct) >= _UNIQUE * max(len(column.values), 2)
    return _is_id(column) and many and column.moments() is None and not _fractions(column)


def _is_name(column: Column) -> bool:
    return 0 < len(column.distinct) <= _MOST_MODELS and not _fractions_between(column)


def _is_time(column: Column) -> bool:
    return column.moments() is not None


def _is_written_time(column: Column) -> bool:
    """Tell whether the values are times, and not just large numbers."""
    return column.moments() is not None and not all(isinstance(value, int) for value in column.given)


def _is_class(column: Column) -> bool:
    """Tell whether the values are few and repeat, and are neither fractions nor times."""
    distinct, given = column.distinct, column.given
    few = 1 <= len(distinct) <= min(MOST_CLASSES, max(_FEW, len(given) // 2))
    plain_values = all(isinstance(value, str | int | float) for value in given)
    return few and plain_values and not _fractions(column) and column.moments() is None


def _is_any(column: Column) -> bool:
    return bool(column.given)


def _fractions(column: Column) -> bool:
    """Tell whether the values are numbers of which some are no integers."""
    numbers = column.numbers()
    return numbers is not None and any(not n.is_integer() for n in numbers)


def _fractions_between(column: Column) -> bool:
    """Tell whether the values are scores rather than versions such as `1.2`."""
    return column.shares()


def _overlap(ours: Column | None, theirs: Column | None) -> bool:
    """Tell whether two columns share values, as an id of two logs does."""
    if ours is None or theirs is None or not _is_id(ours) or not _is_id(theirs):
        return False
    mine = {str(value) for value in ours.distinct}
    return len(mine) > len(ours.given) // 2 and any(str(value) in mine for value in theirs.distinct)
