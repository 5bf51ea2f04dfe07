"""`foldwatch check`: validates a configuration and the baselines that it names."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitor.config import ModelSettings, Settings, SourceSettings
    from monitor.statistics.baseline import Baseline

    Baselines = Mapping[tuple[str, str], Baseline]

_MOST_CLASSES = 8


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the options of `check`."""
    parser = subparsers.add_parser(
        "check",
        help="validate configuration, baselines and objectives",
        description="Validates configuration, baselines and objectives, and shows what was understood. "
        "With --connect also asks broker, login, topics, rights and state, within 30 s, and changes nothing. "
        "Exit code 0: valid, warnings on stderr; 1: what --connect asked for failed; 2: not valid, every problem on "
        "stderr with file:line and key.",
        epilog="example:\n  foldwatch check --config foldwatch.yaml --connect",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--config", type=Path, required=True, metavar="F", help="the configuration, YAML")
    parser.add_argument(
        "--connect", action="store_true", help="also look at broker, topics and state: a line each, 1 when one fails"
    )


def run(args: argparse.Namespace) -> int:
    """Load everything that is named, print a summary, and warn of what is valid but will disappoint."""
    from monitor.baselines.in_force import pointed
    from monitor.baselines.prospects import warnings
    from monitor.cli.check_revalidation import revalidation_doubts
    from monitor.cli.check_server import file_doubts
    from monitor.clock import SystemClock
    from monitor.config import load, source_problems
    from monitor.config.alert_doubts import alert_doubts
    from monitor.config.doubts import doubts
    from monitor.config.read import asks_for_kafka
    from monitor.config.server_doubts import server_doubts
    from monitor.prometheus.cardinality import crowded, planned

    settings = load(args.config)
    baselines = _baselines(settings)
    settings = pointed(settings)
    for line in _summary(settings, baselines):
        print(line)
    for_run = settings.source.kind is not None or asks_for_kafka(settings.source)
    unready = source_problems(settings) if for_run else []
    of_server = (*server_doubts(settings), *file_doubts(settings.server, SystemClock().now()))
    for warning in (
        *unready,
        *doubts(settings),
        *of_server,
        *alert_doubts(settings),
        *revalidation_doubts(settings),
        *warnings(settings, baselines),
        *crowded(settings, planned(settings, baselines)),
    ):
        print(f"warning: {warning}", file=sys.stderr)
    if args.connect:
        from monitor.cli.connect import connect

        sys.stderr.flush()
        return connect(settings)
    return 0


def _baselines(settings: Settings) -> Baselines:
    """Return the baselines. Raises InputError with every problem of files: baselines, targets above them, secrets."""
    from monitor.baselines.floors import floor_problems
    from monitor.baselines.in_force import load_baselines, pointed
    from monitor.cli.check_revalidation import revalidation_problems
    from monitor.cli.check_server import server_problems
    from monitor.clock import SystemClock
    from monitor.config.key_files import key_file_problems
    from monitor.errors import InputError

    problems = [
        *settings.infeasible,
        *server_problems(settings.server, SystemClock().now()),
        *key_file_problems(settings),
        *revalidation_problems(settings),
    ]
    try:
        baselines = load_baselines(settings)
    except InputError as error:
        raise InputError(*problems, *error.problems) from None
    problems += floor_problems(pointed(settings), baselines)
    if problems:
        raise InputError(*problems)
    return baselines


def _summary(settings: Settings, baselines: Baselines) -> Iterator[str]:
    """Yield what was understood, line by line."""
    from monitor.cli.check_budgets import alerting_lines
    from monitor.cli.check_revalidation import revalidation_top_lines
    from monitor.cli.check_server import server_line

    yield f"{settings.path}: valid"
    yield from _source(settings.source)
    if settings.store is not None or settings.source.kind == "kafka":
        yield f"state      {settings.store or 'memory'}"
    yield server_line(settings)
    yield from alerting_lines(settings)
    yield from revalidation_top_lines(settings)
    for model in settings.models.values():
        yield f"model      {model.name}" + (f" ({model.owner})" if model.owner else "")
        yield from _model(settings, model, baselines)
    yield _exported(settings, baselines)


def _exported(settings: Settings, baselines: Baselines) -> str:
    """Return how many series Prometheus gets: docs/cardinality.md."""
    from monitor.prometheus.cardinality import each_value, expected_series, planned

    series = sum(expected_series(settings, planned(settings, baselines)).values())
    more = (f", {n:,} more for each value of {name} in {model}" for model, name, n in each_value(settings))
    return f"export     about {series:,} series{''.join(more)}"


def _source(source: SourceSettings) -> Iterator[str]:
    """Yield where events come from."""
    if source.kind == "files":
        yield f"source     files: {_named(predictions=source.predictions.path, labels=source.labels.path)}"
    if source.kind == "kafka":
        yield f"source     kafka: {', '.join(source.bootstrap_servers) or 'no broker'}"
        topics = _named(
            predictions=source.predictions.topic, labels=source.labels.topic, dead_letters=source.dead_letters.topic
        )
        yield f"  topics     {topics or 'none'}"
        yield f"  client     {source.client}, group {source.group_id}"
        security = source.security
        login = f", {security.mechanism}" if security.mechanism else ""
        user = f" as {security.username}" if security.username else ""
        yield f"  security   {security.protocol}{login}{user}"


def _named(**places: object) -> str:
    """Return those that are given, each behind its name."""
    return ", ".join(f"{name.replace('_', ' ')} {place}" for name, place in places.items() if place is not None)


def _model(settings: Settings, model: ModelSettings, baselines: Baselines) -> Iterator[str]:
    """Yield what was understood of one model."""
    from monitor.cli.check_budgets import budget_lines
    from monitor.cli.check_revalidation import revalidation_lines

    shown = ", ".join(model.classes[:_MOST_CLASSES]) + (", …" if len(model.classes) > _MOST_CLASSES else "")
    binary = len(model.classes) == 2  # noqa: PLR2004 - two classes are the binary case
    positive = f"; positive: {model.classes[model.layout.positive]}" if binary else ""
    yield f"  {len(model.classes)} classes  {shown}{positive}"
    yield f"  windows    {', '.join(window.text for window in model.windows)}; mature after {model.label_horizon.text}"
    yield (
        f"  labels     up to {model.correction_window.text} after their prediction, "
        f"{model.label_first_wait.text} before it"
    )
    for name, values in model.segments.items():
        yield f"  segment    {name}: {', '.join(values) if values else 'values as they come, up to 50'}"
    for version in model.baseline:
        baseline = baselines[model.name, version]
        rows = sum(fold.counts.labels for fold in baseline.folds)
        yield f"  baseline   {version}: {len(baseline.folds)} folds ({baseline.scheme}), {rows:,} rows"
    for objective in model.objectives:
        of = f" of {objective.class_}" if objective.class_ is not None else ""
        where = f", {objective.segment}" if objective.segment else ""
        margin = model.margin if objective.margin is None else objective.margin
        yield (
            f"  objective  {objective.name}: {objective.metric}{of} over {objective.window}{where}, "
            f"at most {margin:g} worse than the folds"
        )
        yield from budget_lines(settings, objective)
    yield from revalidation_lines(model)
