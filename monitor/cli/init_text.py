"""The configuration that `init` writes: what was guessed, and beside it why."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import InputError, Problem
from monitor.sources.logs.guess import label_fields, prediction_fields
from monitor.sources.logs.guess_model import guess_model, guess_segments
from monitor.sources.logs.sample import columns_of
from monitor.sources.logs.sampling import sample_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitor.sources.logs.guess import Fields, Guess
    from monitor.sources.logs.guess_model import Because, ModelGuess

_BARE = re.compile(r"[A-Za-z0-9_(/.][A-Za-z0-9_.()/+-]*", re.ASCII)
_TWO = 2
_COMMENT_COLUMN = 62
_MOST_FIELDS = 100


def configuration_text(predictions: str, labels: str | None, output: Path | None) -> str:
    """Return the configuration guessed from one log or two. Raises InputError that says what is missing."""
    rows = sample_rows(predictions)
    label_columns = None if labels is None else columns_of(sample_rows(labels))
    ours = prediction_fields(columns_of(rows), predictions, labels=label_columns)
    theirs = None if label_columns is None or labels is None else label_fields(label_columns, labels, ours)
    model_column = ours.column("model")
    names = ["model"] if model_column is None else [str(value) for value in model_column.distinct]
    of_model = {
        name: [i for i in range(len(rows)) if model_column is None or str(model_column.values[i]) == name]
        for name in names
    }
    models = _models(of_model, ours, theirs, predictions)
    segments = guess_segments(ours)
    lines = [
        f"# Written by `foldwatch init` from the first {len(rows):,} events of {_one_line(predictions)}.",
        "# Each guess says why it was made: correct what is wrong, then run `foldwatch check`.",
        "# Every key: docs/reference/configuration.md",
        "source:",
        *_source(predictions, labels, output, ours, theirs, segments, scored=any(model.positive for model in models)),
        *_alerting(),
        "models:",
    ]
    for model in models:
        lines += _model(model, segments, ours)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _models(
    of_model: Mapping[str, list[int]], ours: Fields, theirs: Fields | None, predictions: str
) -> list[ModelGuess]:
    """Guess every model of the log; one that cannot be guessed is left out, unless none can."""
    models, problems = [], []
    for name, rows in of_model.items():
        try:
            models.append(guess_model(name, rows, ours, theirs, predictions))
        except InputError as error:
            problems += [Problem(f"{p.place}: model `{name}`", p.finding, p.remedy) for p in error.problems]
    if not models:
        raise InputError(*problems)
    return models


def _source(
    predictions: str,
    labels: str | None,
    output: Path | None,
    ours: Fields,
    theirs: Fields | None,
    segments: Mapping[str, Because],
    *,
    scored: bool,
) -> Iterator[str]:
    """Yield the lines below `source:`."""
    followed = labels is not None and all(_is_json_lines_file(path) for path in (predictions, labels))
    if followed:
        yield _noted("  kind: files", "`foldwatch run` follows both files as they grow")
    else:
        yield "  # `foldwatch run` follows JSON Lines files: add `kind: files` and a `path` to both logs for it."
    yield "  predictions:"
    if followed:
        yield f"    path: {_quoted(_relative(predictions, output))}"
    yield "    fields:                       # our name: theirs"
    yield from _fields({name: guess for name, guess in ours.single.items() if name != "score" or scored})
    yield from _scores(ours)
    if segments:
        yield "      segment:"
        yield from (
            _noted(f"        {_quoted(name)}: {_quoted(column.value)}", column.why) for name, column in segments.items()
        )
    if theirs is not None:
        yield "  labels:"
        if followed and labels is not None:
            yield f"    path: {_quoted(_relative(labels, output))}"
        yield "    fields:"
        yield from _fields(theirs.single)
    if followed:
        yield _noted("  dead_letters: {path: dead-letters.jsonl}", "rejected events, each with its reason")
    absent = [name for name in ("model", "version") if name not in ours.single]
    if absent:
        texts = {"model": "model", "version": '"1"'}
        yield _noted(
            f"  defaults: {{{', '.join(f'{name}: {texts[name]}' for name in absent)}}}",
            f"no column names the {' or the '.join(absent)}: choose {'names' if len(absent) > 1 else 'one'}",
        )


def _fields(single: Mapping[str, Guess]) -> Iterator[str]:
    """Yield one line a field."""
    for name, guess in single.items():
        yield _noted(f"      {name}: {_quoted(guess.theirs)}", guess.why)


def _scores(ours: Fields) -> Iterator[str]:
    """Yield the columns of scores per class."""
    if ours.scores:
        yield _noted("      scores:", "each from 0 to 1")
        yield from (f"        {_quoted(class_)}: {_quoted(column)}" for class_, column in ours.scores.items())


def _alerting() -> Iterator[str]:
    """Yield, as comments, what alerts need: nobody can guess whom they shall reach."""
    yield "# Alerts: `foldwatch rules` writes them for Prometheus and Alertmanager, of objectives with a `target`."
    yield _noted("# slo: {period: 28d, retention: 30d}", "an error budget's length; how long Prometheus keeps samples")
    yield "# alerting:"
    yield _noted("#   grafana_url: https://grafana.example.com", "alerts link to it")
    yield _noted("#   pagerduty_key_file: secrets/pagerduty.key", "the file holds the key; for pages")
    yield _noted("#   slack_url_file: secrets/slack.url", "the file holds the webhook's address; for pages and tickets")
    yield _noted('#   slack_channel: "#ml-alerts"', "in quotes: an unquoted # begins a comment")


def _model(model: ModelGuess, segments: Mapping[str, Because], ours: Fields) -> Iterator[str]:
    """Yield the lines of one model."""
    yield f"  {_quoted(model.name)}:"
    yield _noted(f"    classes: [{', '.join(map(_quoted, model.classes))}]", model.classes_why)
    if model.positive is not None:
        yield _noted(f"    positive: {_quoted(model.positive.value)}", model.positive.why)
    elif ours.column("score") is not None:
        yield f"    # `score` is not used: of {len(model.classes)} classes none is positive"
    if model.threshold is not None:
        yield _noted(f"    threshold: {model.threshold.value}", model.threshold.why)
    yield _noted('    # baseline: {"1": baseline.json}', "version: file, from `foldwatch baseline build`")
    yield _noted(f"    windows: [{', '.join(model.windows)}]", model.windows_why)
    for name, guess in (
        ("label_horizon", model.label_horizon),
        ("label_first_wait", model.label_first_wait),
        ("correction_window", model.correction_window),
    ):
        if guess is not None:
            yield _noted(f"    {name}: {guess.value}", guess.why)
    if segments:
        yield _noted(f"    segments: [{', '.join(map(_quoted, segments))}]", "looked at one by one")
    yield _noted("    margin: 0.03", "how far below the folds is still fine")
    yield "    objectives:"
    window = model.windows[0] if len(model.windows) <= _TWO else model.windows[1]
    if model.positive is not None:
        of = f"metric: recall, class: {_quoted(model.positive.value)}"
        why = "finding what the model is there to find"
    else:
        of, why = "metric: macro_recall", "every class counts the same"
    yield _noted(f"      - {{name: recall, {of}, window: {window}}}", why)
    floor = "metric: accuracy" if model.positive is None else of
    yield "      # An absolute floor: each labelled prediction counts once. `check` shows what rings when."
    yield f"      # - {{name: floor, {floor}, window: {window}, kind: occurrences, target: 0.95, routing: page}}"


def _noted(line: str, why: str) -> str:
    """Return the line with a comment beside it."""
    return f"{line.ljust(_COMMENT_COLUMN - 1)} # {_one_line(why)}" if why else line


def _one_line(text: str) -> str:
    """Return a text that can stand in a comment: printable, on one line."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _quoted(text: str) -> str:
    """Return a text as YAML: bare where nothing can be misread, else in double quotes."""
    if _BARE.fullmatch(text):
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(c: str) -> str:
    """Return a character inside double quotes."""
    if c in '"\\':
        return f"\\{c}"
    if c.isprintable() and c != "\ufeff":
        return c
    return f"\\x{ord(c):02x}" if ord(c) < 2**8 else f"\\u{ord(c):04x}" if ord(c) < 2**16 else f"\\U{ord(c):08x}"


def _is_json_lines_file(path: str) -> bool:
    return Path(path).is_file() and path.lower().endswith((".jsonl", ".ndjson"))


def _relative(path: str, output: Path | None) -> str:
    """Return the path as seen from the configuration; as it was given where that is absolute or goes to stdout."""
    return path if output is None or Path(path).is_absolute() else os.path.relpath(path, output.parent)
