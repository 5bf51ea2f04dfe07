"""`foldwatch demo`: watch production being compared with what cross-validation promised, live, in accelerated time."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.demo import Story
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
    parser.add_argument(
        "--seconds", type=float, metavar="N", help="stop after N seconds of wall time (at least 10); default: Ctrl-C"
    )
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

    from monitor import demo
    from monitor.cli.options import address
    from monitor.daemon import Daemon
    from monitor.errors import InputError, Problem
    from monitor.report.table import live, terminal

    begun = time.monotonic()
    if args.seconds is not None and not args.seconds >= demo.LEAST_SECONDS:
        finding = f"{args.seconds:g} seconds are too few to tell the story"
        raise InputError(Problem("--seconds", finding, f"give it at least {demo.LEAST_SECONDS}"))
    settings = demo.settings(address(args.listen, "--listen"))
    console = terminal()
    console.print("Cross-validating a classifier of handwritten digits (stratified, 5 folds) …")
    promise = demo.prepare()
    left = None if args.seconds is None else args.seconds - (time.monotonic() - begun)
    clock = demo.AcceleratedClock(demo.speed(left))
    story = demo.Story()
    stop = threading.Event()
    shown: list[str] = []

    def watch(snapshot: Snapshot) -> None:
        if snapshot.report is None:
            return
        story.listen(snapshot.report.windows)
        phase = demo.phase_at(snapshot.report.as_of).name
        if not shown or shown[-1] != phase:
            shown.append(phase)
            console.print(live(snapshot))
        if left is not None and demo.is_over(snapshot.report.as_of):
            stop.set()

    daemon = Daemon(
        settings,
        demo.DemoSource(promise.pools, clock),
        clock,
        {(demo.MODEL, demo.VERSION): promise.baseline},
        announce=demo.announcement,
        watch=watch,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    console.print(f"Open {daemon.server.url} and watch. Time runs {clock.speed:,.0f} times as fast.")
    daemon.run(stop)
    _tell(story)
    return 0


def _tell(story: Story) -> None:
    """Print what each phase has shown."""
    from monitor.demo import PHASES

    for phase in PHASES:
        outcome = story.outcomes.get(phase.name, "not reached")
        print(f"{phase.name:8} {outcome}")
    sys.stdout.flush()
