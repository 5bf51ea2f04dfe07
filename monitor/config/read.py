"""From a YAML file to Settings, or to every problem in it at once."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.config import keys
from monitor.config.fields import read_fields
from monitor.config.kinds import At, entries, shown
from monitor.config.models import read_model
from monitor.config.near import meant
from monitor.config.nodes import parse
from monitor.config.section import Section
from monitor.config.settings import DeadLetters, Export, Input, ModelSettings, Settings, SourceSettings
from monitor.config.words import METRIC_SYNONYMS
from monitor.errors import InputError, Problem
from monitor.statistics.names import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.config.section import Key, Table

MOST_BYTES = 256 * 2**10
"""A configuration beyond this is some other file: a hundred models take a tenth of it."""


def load(path: Path | str) -> Settings:
    """Read a configuration.

    Raises InputError with all its problems at once, in the order of their lines, each with `file:line` and key path.
    A key that only `run` needs is not demanded here: see `require_source`.
    """
    path = Path(path)
    return understand(_raw(path), path)


def understand(raw: bytes, path: Path) -> Settings:
    """Do the same with bytes that lie, or are to lie, at `path`."""
    node, problems = parse(raw, str(path))
    if node is None:
        finding = "is empty" if not raw.strip() else "holds nothing but comments"
        raise InputError(Problem(str(path), finding, "`foldwatch init --predictions FILE` writes one from a log"))
    settings = _settings(At(node, "", str(path), problems), path, hashlib.sha256(raw).hexdigest())
    if problems or settings is None:
        raise InputError(*sorted(dict.fromkeys(problems), key=partial(_line, file=str(path))))
    return settings


def require_source(settings: Settings) -> None:
    """Raise InputError where a key is missing that `run` needs to read events."""
    problems = source_problems(settings)
    if problems:
        raise InputError(*problems)


def source_problems(settings: Settings) -> list[Problem]:
    """Return the keys that are missing and that `run` needs to read events."""
    file = str(settings.path or "configuration")
    source = settings.source
    problems = []
    if source.kind is None:
        problems.append(Problem(f"{file}: source.kind", "is missing, and `run` needs it", "write `kind: files`"))
    for name, given in (("predictions", source.predictions), ("labels", source.labels)):
        if given.path is None:
            remedy = f"name the JSON Lines file to follow, such as `{name}: {{path: logs/{name}.jsonl}}`"
            problems.append(Problem(f"{file}: source.{name}.path", "is missing, and `run` needs it", remedy))
    return problems


def _raw(path: Path) -> bytes:
    """Return the file's bytes."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        remedy = "check the path; `foldwatch init --predictions FILE` writes a configuration from a log"
        raise InputError(Problem(str(path), "there is no such file", remedy)) from None
    except IsADirectoryError:
        raise InputError(Problem(str(path), "is a directory", "name the YAML file in it")) from None
    except (OSError, ValueError) as error:
        finding = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        raise InputError(Problem(str(path), finding, "check the path and its permissions")) from None
    if len(raw) > MOST_BYTES:
        raise InputError(
            Problem(str(path), "is larger than 256 KiB", "a configuration is small: is this another file?")
        )
    return raw


def _line(problem: Problem, file: str) -> int:
    """Return the line that a problem names, 0 where it names none."""
    line = problem.place.removeprefix(f"{file}:").partition(":")[0]
    return int(line) if line.isdecimal() else 0


def _settings(at: At, path: Path, sha256: str) -> Settings | None:
    """Read the whole file; None where there are problems."""
    top = Section(at, keys.TOP, keys.TABLES)
    evaluate_every = top.get(keys.EVALUATE_EVERY)
    listen = _listen(top)
    export = _export(top)
    models = _models(top, path.parent)
    source = _source(top, path.parent, models)
    if at.problems or evaluate_every is None or listen is None or export is None or source is None:
        return None
    return Settings(
        models={model.name: model for model in models if model is not None},
        source=source,
        listen=listen,
        evaluate_every=evaluate_every,
        export=export,
        path=path,
        sha256=sha256,
    )


def _models(top: Section, folder: Path) -> list[ModelSettings | None]:
    """Read `models`."""
    at = top.get(keys.MODELS)
    if at is None:
        return []
    found = list(entries(at))
    if not found and not any(problem.place.endswith(": models") for problem in at.problems):
        at.report("no model is named", "add one, such as `churn: {classes: [stay, leave]}`")
    for name, model in found:
        if not name.strip():
            model.report("a model has an empty name", "write the name that events carry")
    return [read_model(name, Section(model, keys.MODEL_TABLE, keys.TABLES), folder) for name, model in found]


def _listen(top: Section) -> tuple[str, int] | None:
    """Read `server`."""
    at = top.get(keys.SERVER)
    if at is None:
        return keys.SERVER_LISTEN.default
    return Section(at, keys.SERVER_TABLE, keys.TABLES).get(keys.SERVER_LISTEN)


def _export(top: Section) -> Export | None:
    """Read `export`."""
    at = top.get(keys.EXPORT)
    if at is None:
        return Export()
    section = Section(at, keys.EXPORT_TABLE, keys.TABLES)
    metrics = section.get(keys.EXPORT_METRICS)
    segments = section.get(keys.EXPORT_SEGMENTS)
    max_series = section.get(keys.MAX_SERIES)
    for metric in metrics or ():
        if metric not in METRICS:
            value = section.value(keys.EXPORT_METRICS)
            value.report(f"unknown metric {shown(metric)}", meant(metric, METRICS, METRIC_SYNONYMS))
    if metrics is None or segments is None or max_series is None:
        return None
    return Export(tuple(dict.fromkeys(metrics)), segments, max_series)


def _source(top: Section, folder: Path, models: list[ModelSettings | None]) -> SourceSettings | None:
    """Read `source`."""
    at = top.get(keys.SOURCE)
    if at is None:
        return SourceSettings()
    section = Section(at, keys.SOURCE_TABLE, keys.TABLES)
    kind = _one_of(section, keys.KIND, {"files": "files"})
    start = _one_of(section, keys.START, {"earliest": "earliest", "latest": "latest"})
    skew = section.get(keys.MAX_CLOCK_SKEW)
    classes = [model.classes for model in models if model is not None]
    complete = len(classes) == len(models)
    predictions = _input(section, keys.PREDICTIONS, keys.PREDICTIONS_TABLE, folder, classes if complete else [])
    labels = _input(section, keys.LABELS, keys.LABELS_TABLE, folder, [])
    dead_letters = _dead_letters(section, folder)
    model, version = _defaults(section, [model.name for model in models if model is not None] if complete else [])
    _distinct(section, {"predictions": predictions.path, "labels": labels.path, "dead_letters": dead_letters.path})
    if skew is None or start is None:
        return None
    return SourceSettings(
        kind=kind,
        start=start,
        predictions=predictions,
        labels=labels,
        dead_letters=dead_letters,
        default_model=model,
        default_version=version,
        max_clock_skew=skew.millis,
    )


def _one_of(section: Section, key: Key[str], words: Mapping[str, str]) -> str | None:
    """Read a key that takes one of a few words."""
    word = section.get(key)
    if word is None or word in words:
        return word
    value = section.value(key)
    if key is keys.KIND and word == "kafka":
        value.report("this version reads `files`, not `kafka`", "write `kind: files` and name the paths")
    else:
        value.report(f"{shown(word)} is not known", meant(word, words))
    return None


def _input(source: Section, key: Key[At], table: Table, folder: Path, classes: list[tuple[str, ...]]) -> Input:
    """Read one input of events."""
    at = source.get(key)
    if at is None:
        return Input()
    section = Section(at, table, keys.TABLES)
    path = section.get(keys.INPUT_PATH)
    fields_at = section.get(keys.FIELDS)
    fields = read_fields(fields_at, labels=key is keys.LABELS, classes=classes) if fields_at else {}
    return Input(folder / path if path else None, fields=fields)


def _dead_letters(source: Section, folder: Path) -> DeadLetters:
    """Read `dead_letters`."""
    at = source.get(keys.DEAD_LETTERS)
    if at is None:
        return DeadLetters()
    section = Section(at, keys.DEAD_LETTERS_TABLE, keys.TABLES)
    path, share = section.get(keys.DEAD_LETTERS_PATH), section.get(keys.HALT_SHARE)
    return DeadLetters(folder / path if path else None, halt_share=DeadLetters().halt_share if share is None else share)


def _defaults(source: Section, models: list[str]) -> tuple[str | None, str | None]:
    """Read `defaults`; a default model has to be a configured one."""
    at = source.get(keys.DEFAULTS)
    if at is None:
        return None, None
    section = Section(at, keys.DEFAULTS_TABLE, keys.TABLES)
    model, version = section.get(keys.DEFAULT_MODEL), section.get(keys.DEFAULT_VERSION)
    if model is not None and models and model not in models:
        section.value(keys.DEFAULT_MODEL).report(f"{shown(model)} is not among the models", meant(model, models))
    return model, version


def _distinct(source: Section, paths: Mapping[str, Path | None]) -> None:
    """Report a file that is named twice: what is written there would be read again."""
    seen: dict[Path, str] = {}
    for name, path in paths.items():
        if path is not None and path in seen:
            source.at.report(f"`{name}` and `{seen[path]}` name the same file {path}", "give each a file of its own")
        elif path is not None:
            seen[path] = name
