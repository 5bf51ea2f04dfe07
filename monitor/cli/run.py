"""`foldwatch run`: the daemon."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from monitor.cli.logs import FORMATS

if TYPE_CHECKING:
    import threading

    from monitor.config import Settings
    from monitor.state.state import State

_PATIENCE_SECONDS: Final = 15.0
"""How long a `foldwatch revalidate` that has the state is waited for: it lets it go after each of its calls."""
_PAUSE_SECONDS: Final = 0.2


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the options of `run`."""
    parser = subparsers.add_parser(
        "run",
        help="follow Kafka topics or growing logs, evaluate on a timer, serve page and metrics",
        description="The daemon: follows the topics or files of the configuration, joins predictions and labels, "
        "evaluates every `evaluate_every`, serves /, /metrics, /api/v1/report, /-/healthy and /-/ready, and answers "
        "`foldwatch revalidate`. "
        "SIGTERM and Ctrl-C end it within 10 s with exit code 0; when the state can no longer be written (disk full) "
        "it ends with 74, and a restart goes on with nothing lost.",
        epilog="example:\n  foldwatch run --config foldwatch.yaml --log-format json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--config", type=Path, required=True, metavar="F", help="the configuration, YAML")
    parser.add_argument("--log-format", choices=FORMATS, default="text", help="of the log on stderr (default: text)")


def run(args: argparse.Namespace) -> int:
    """Run until a signal comes."""
    import signal
    import threading

    # Before anything else: nothing ends the first program of a container but a signal that it asks for.
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())

    import gc
    import logging
    from contextlib import ExitStack, closing

    from monitor.baselines.floors import floor_problems
    from monitor.baselines.in_force import load_baselines, pointed
    from monitor.cli.check_server import require_server
    from monitor.cli.logs import log_to_stderr
    from monitor.clock import SystemClock
    from monitor.config import load
    from monitor.config.read import require_source
    from monitor.daemon import Daemon
    from monitor.sources.dead_letters.kept import open_dead_letters
    from monitor.sources.opened import open_source

    settings = load(args.config)
    require_source(settings)
    require_server(settings.server)
    baselines = load_baselines(settings)
    settings = pointed(settings)
    log_to_stderr(args.log_format)
    for problem in (*settings.infeasible, *floor_problems(settings, baselines)):
        logging.getLogger("foldwatch").warning("promise", extra={"why": str(problem)})
    clock = SystemClock()
    with ExitStack() as stack:
        state = stack.enter_context(closing(_state(settings, stop)))
        source = stack.enter_context(closing(open_source(settings, clock)))
        dead_letters = open_dead_letters(settings)
        if dead_letters is not None:
            stack.callback(dead_letters.close)
        bury = None if dead_letters is None else dead_letters.write
        daemon = Daemon(settings, source, clock, baselines, state=state, bury=bury)
        # A client makes an object for every message and no cycles: looking for those took a seventh of the time.
        gc.freeze()
        gc.set_threshold(100_000, 50, 50)
        daemon.run(stop)
    return 0


def _state(settings: Settings, stop: threading.Event) -> State:
    """Open the state. Where models are re-validated, who has it is probably no other daemon, and done with it soon.

    Raises InputError as `open_state` does.
    """
    from monitor.errors import StateInUse
    from monitor.state.opened import open_state

    revalidated = any(model.revalidation is not None for model in settings.models.values())
    until = time.monotonic() + (_PATIENCE_SECONDS if revalidated else 0.0)
    while True:
        try:
            return open_state(settings)
        except StateInUse:
            if stop.wait(_PAUSE_SECONDS if revalidated else 0.0) or time.monotonic() >= until:
                raise
