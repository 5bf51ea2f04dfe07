"""`foldwatch backtest`: replays history through the same loop in true arrival order."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.config import Settings

FOUND = 1


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the options of `backtest`."""
    parser = subparsers.add_parser(
        "backtest",
        help="replay a log and see what each objective went through",
        description="Replays history through the same loop as production, in true arrival order. P and L are CSV, JSON "
        "Lines or Parquet, also .gz or .zst, a glob, or a directory of them. Without --labels the predictions carry "
        "y_true (and labelled_at).",
        epilog="example:\n  foldwatch backtest --config foldwatch.yaml --predictions 'logs/predictions-*.parquet' \\\n"
        "      --labels logs/labels.csv --every 24h --json report.json --html report.html",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--config", type=Path, required=True, metavar="F", help="the configuration, YAML")
    parser.add_argument("--predictions", required=True, metavar="P", help="the predictions' log")
    parser.add_argument("--labels", metavar="L", help="the labels' log")
    parser.add_argument(
        "--every", metavar="D", help="windows end on multiples of D, of 1m itself (default: the shortest window)"
    )
    parser.add_argument("--start", metavar="T", help="only events that arrive at T or later")
    parser.add_argument("--end", metavar="T", help="only events that arrive before T")
    parser.add_argument("--json", metavar="F", help="write the report as JSON; - for stdout")
    parser.add_argument("--html", metavar="F", help="write the page of the whole period as one file; - for stdout")
    parser.add_argument(
        "--openmetrics",
        metavar="F",
        help="write the replayed series with timestamps, for `promtool tsdb create-blocks-from openmetrics`; "
        "- for stdout",
    )
    parser.add_argument(
        "--fail-on",
        choices=("worse", "page"),
        help="exit with 1 if any mature window of an objective is WORSE, or if any page rang (not in the shadow)",
    )


def run(args: argparse.Namespace) -> int:
    """Replay, write the reports, print the summary; 1 where --fail-on found something."""
    from monitor.backtest import run as replay_history
    from monitor.baselines.in_force import load_baselines, pointed
    from monitor.cli.options import moment
    from monitor.cli.output import output
    from monitor.cli.progress import Progress
    from monitor.clock import SystemClock
    from monitor.config import load
    from monitor.errors import InputError, Problem
    from monitor.prometheus.openmetrics import OpenMetricsWriter
    from monitor.report.json import BacktestWriter
    from monitor.report.page import page
    from monitor.report.table import summary, terminal
    from monitor.sources.logs.recording import Period
    from monitor.sources.logs.replay import Replay

    settings = pointed(load(args.config))
    baselines = load_baselines(settings)
    for problem in settings.infeasible:
        print(f"warning: {problem}", file=sys.stderr)
    every = _every(args.every, settings)
    start = None if args.start is None else moment(args.start, "--start")
    end = None if args.end is None else moment(args.end, "--end")
    if start is not None and end is not None and start >= end:
        raise InputError(Problem("--end", f"{args.end} is not later than --start {args.start}", "swap or correct them"))
    to_stdout = [option for option in ("json", "html", "openmetrics") if getattr(args, option) == "-"]
    if len(to_stdout) > 1:
        finding = f"stdout cannot take {len(to_stdout)} reports"
        raise InputError(Problem(f"--{to_stdout[-1]}", finding, "write all but one of them to files"))
    with ExitStack() as stack:
        json_file = output(args.json, "--json", stack)
        html_file = output(args.html, "--html", stack)
        openmetrics_file = output(args.openmetrics, "--openmetrics", stack)
        progress = stack.enter_context(Progress())
        replay = Replay(
            settings,
            args.predictions,
            args.labels,
            now=SystemClock().now(),
            period=Period(start, end),
            progress=progress.read,
        )
        stack.callback(replay.close)
        writer = None
        if json_file is not None:
            writer = stack.enter_context(BacktestWriter(json_file, config_sha256=settings.sha256))
        series = (
            None if openmetrics_file is None else stack.enter_context(OpenMetricsWriter(settings, every, baselines))
        )
        replayed = replay_history(
            settings,
            replay,
            baselines,
            every,
            listen=[hearer.add for hearer in (writer, series) if hearer is not None],
            count=[series.count] if series else [],
            receive=[series.receive] if series else [],
            progress=progress.replayed(replay.first_arrival, replay.last_arrival),
        )
        snapshot = replayed.snapshot
        if writer is not None:
            writer.finish(snapshot, start=replayed.start, end=replayed.end)
        if html_file is not None:
            html_file.write(page(snapshot, served=False).encode())
        if series is not None and openmetrics_file is not None:
            series.finish(openmetrics_file)
        progress.stop()
    console = terminal(sys.stderr if to_stdout else sys.stdout)
    console.print(summary(snapshot))
    found = {"worse": replayed.worse, "page": replayed.paged}
    return FOUND if args.fail_on is not None and found[args.fail_on] else 0


def _every(text: str | None, settings: Settings) -> int:
    """Return the step between the ends of windows in ms. Raises InputError."""
    from monitor.cli.options import duration
    from monitor.clock import MINUTE
    from monitor.errors import InputError, Problem

    if text is None:
        return min(window.millis for model in settings.models.values() for window in model.windows)
    every = duration(text, "--every")
    if every % MINUTE:
        raise InputError(Problem("--every", f"{text} is no multiple of 1m", "write whole minutes, such as 15m"))
    return every
