"""From a YAML file to Settings, or to every problem in it at once."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.config import keys
from monitor.config.alerts import check_period, read_alerting, read_slo
from monitor.config.budgets import Terms
from monitor.config.kinds import At, entries, shown
from monitor.config.models import read_model
from monitor.config.near import meant
from monitor.config.nodes import parse
from monitor.config.revalidation_keys import MLFLOW
from monitor.config.revalidation_read import check_folders, default_ledger, read_daemon, read_ledger, read_mlflow
from monitor.config.section import Section
from monitor.config.server import read_server
from monitor.config.settings import Export, Settings
from monitor.config.source import read_source
from monitor.config.words import METRIC_SYNONYMS
from monitor.errors import InputError, Problem
from monitor.statistics.names import METRICS

if TYPE_CHECKING:
    from monitor.config.settings import ModelSettings, SourceSettings

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
    at = At(node, "", str(path), problems)
    settings = _settings(at, path, hashlib.sha256(raw).hexdigest())
    in_order = partial(sorted, key=partial(_line, file=str(path)))
    if problems or settings is None:
        raise InputError(*in_order(dict.fromkeys([*problems, *at.infeasible])))
    return replace(settings, infeasible=tuple(in_order(dict.fromkeys(at.infeasible))))


def require_source(settings: Settings) -> None:
    """Raise InputError where a key is missing that `run` needs to read events."""
    problems = source_problems(settings)
    if problems:
        raise InputError(*problems)


def source_problems(settings: Settings) -> list[Problem]:
    """Return the keys that are missing and that `run` needs to read events."""
    file = str(settings.path or "configuration")
    source = settings.source
    missing = []
    if source.kind is None:
        missing.append(("kind", "write `kind: kafka` or `kind: files`"))
    if asks_for_kafka(source):
        if not source.bootstrap_servers:
            missing.append(("bootstrap_servers", "name a broker, such as `bootstrap_servers: [localhost:9092]`"))
        for name, given in (("predictions", source.predictions), ("labels", source.labels)):
            if given.topic is None:
                missing.append((f"{name}.topic", f"name the topic, such as `{name}: {{topic: {name}}}`"))
    else:
        for name, given in (("predictions", source.predictions), ("labels", source.labels)):
            if given.path is None:
                remedy = f"name the JSON Lines file to follow, such as `{name}: {{path: logs/{name}.jsonl}}`"
                missing.append((f"{name}.path", remedy))
    finding = "is missing, and `run` needs it"
    return [Problem(f"{file}: source.{key}", finding, remedy) for key, remedy in missing]


def asks_for_kafka(source: SourceSettings) -> bool:
    """Tell whether the source is a cluster, or speaks of one without saying its kind."""
    topics = (source.predictions.topic, source.labels.topic, source.dead_letters.topic)
    return source.kind == "kafka" or (source.kind is None and (bool(source.bootstrap_servers) or any(topics)))


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
    server = read_server(top.get(keys.SERVER), path.parent, keys.TABLES)
    export = _export(top)
    slo = read_slo(top, keys.TABLES)
    alerting = read_alerting(top, path.parent, keys.TABLES)
    terms = None if slo is None or evaluate_every is None else Terms(slo, evaluate_every)
    mlflow = read_mlflow(top, path.parent, keys.TABLES)
    models = _models(top, path.parent, terms)
    check_period(top, terms, models)
    source = read_source(top.get(keys.SOURCE), path.parent, models)
    store = _store(top, path.parent)
    ledger, daemon = read_ledger(top, path.parent, keys.TABLES), read_daemon(top, path.parent, keys.TABLES)
    known = {model.name: model for model in models if model is not None}
    check_folders(top, top.get(keys.MODELS), store, ledger, known.values())
    if (
        at.problems
        or evaluate_every is None
        or server is None
        or export is None
        or slo is None
        or alerting is None
        or source is None
    ):
        return None
    return Settings(
        models=known,
        source=source,
        server=server,
        evaluate_every=evaluate_every,
        export=export,
        slo=slo,
        alerting=alerting,
        store=store,
        ledger=ledger or default_ledger(store, known.values()),
        mlflow=mlflow,
        daemon=daemon,
        path=path,
        sha256=sha256,
    )


def _models(top: Section, folder: Path, terms: Terms | None) -> list[ModelSettings | None]:
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
    tracked = MLFLOW in top
    return [
        read_model(name, Section(model, keys.MODEL_TABLE, keys.TABLES), folder, terms, tracked=tracked)
        for name, model in found
    ]


def _store(top: Section, folder: Path) -> Path | None:
    """Read `store`."""
    at = top.get(keys.STORE)
    path = None if at is None else Section(at, keys.STORE_TABLE, keys.TABLES).get(keys.STORE_PATH)
    return None if path is None else folder / path


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
