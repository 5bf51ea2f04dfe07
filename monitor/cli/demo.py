"""`foldwatch demo`: watch production being compared with what cross-validation promised, live, in accelerated time."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.demo.digits import Promise
    from monitor.demo.story import Story
    from monitor.report.snapshot import Snapshot

_LISTEN = "127.0.0.1:9464"


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the options of `demo`."""
    parser = subparsers.add_parser(
        "demo",
        help="watch a classifier of handwritten digits through three phases of production",
        description="Cross-validates a classifier of handwritten digits, then streams held-out digits through the same "
        "loop as production, in three phases: healthy, the mix of classes shifts, one digit is photographed badly. "
        "Needs the extra `crossval`. Ends with Ctrl-C, or by itself after --seconds.",
        epilog="example:\n  foldwatch demo --seconds 90",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--seconds", type=float, metavar="N", help="stop after N seconds of wall time; default: Ctrl-C")
    parser.add_argument(
        "--listen",
        default=_LISTEN,
        metavar="HOST:PORT",
        help=f"address of the page, port 0 for any (default {_LISTEN})",
    )


def run(args: argparse.Namespace) -> int:
    """Run the demo; 0 when it ended by itself or by Ctrl-C."""
    import signal
    import threading
    import time

    from monitor.cli.options import address
    from monitor.daemon import Daemon
    from monitor.demo import phases
    from monitor.demo.source import DemoSource
    from monitor.demo.story import Story, mixed
    from monitor.errors import InputError, Problem
    from monitor.report.table import live, terminal
    from monitor.serve import require_free

    begun = time.monotonic()
    if args.seconds is not None and not 0 < args.seconds < float("inf"):
        finding = f"{args.seconds:g} is no time to run"
        raise InputError(Problem("--seconds", finding, "write a positive number, such as 60"))
    settings = phases.settings(address(args.listen, "--listen"), args.seconds)
    require_free(settings.listen)
    console = terminal()
    console.print("Cross-validating a classifier of handwritten digits (stratified, 5 folds) …")
    promise = _prepared()
    left = None if args.seconds is None else args.seconds - (time.monotonic() - begun)
    clock = phases.AcceleratedClock(phases.speed(left))
    story = Story()
    stop = threading.Event()
    announced: list[str] = []
    told: set[str] = set()

    def watch(snapshot: Snapshot) -> None:
        """Announce each phase as it begins, and show the verdicts as soon as all its windows are its own."""
        if snapshot.report is None:
            return
        story.listen(snapshot.report.windows)
        headline = phases.announcement(snapshot.report.as_of)
        again = left is not None and phases.is_last_told(snapshot.report.as_of)
        if announced[-1:] != [headline.title] and not again:
            announced.append(headline.title)
            told.clear()
            console.print(f"\n[bold]{headline.title}[/bold]\n{headline.text}")
        phase = phases.phase_at(snapshot.report.as_of).name
        if phase not in told and not again and story.is_told(phase, snapshot.report.windows):
            told.add(phase)
            console.print(live(replace(snapshot, announcement=None)))
            for line in mixed(snapshot.report.windows):
                console.print(line)
        if left is not None and phases.is_over(snapshot.report.as_of):
            stop.set()

    daemon = Daemon(
        settings,
        DemoSource(promise.pools, clock),
        clock,
        {(phases.MODEL, phases.VERSION): promise.baseline},
        announce=phases.announcement,
        watch=watch,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    console.print(f"Open {daemon.server.url} and watch: time runs {clock.speed:,.0f} times as fast.")
    daemon.run(stop)
    _tell(story)
    return 0


def _prepared() -> Promise:
    """Return what the demo starts from. Raises InputError where the extra is not installed."""
    from monitor.errors import InputError, Problem

    try:
        from monitor.demo.digits import prepare
    except ImportError as missing:
        remedy = "pip install 'foldwatch[crossval]'"
        raise InputError(
            Problem("demo", f"{missing.name} is not installed, and the demo needs it", remedy)
        ) from missing
    return prepare()


def _tell(story: Story) -> None:
    """Print what each phase has shown."""
    from monitor.demo.phases import PHASES

    for phase in PHASES:
        outcome = story.outcomes.get(phase.name, "not reached")
        print(f"{phase.name:8} {outcome}")
    sys.stdout.flush()
