"""`foldwatch demo`: watch production being compared with what cross-validation promised, live, in accelerated time."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from contextlib import ExitStack

    from monitor.clock import Clock
    from monitor.config import Settings
    from monitor.demo.digits import Promise
    from monitor.sources.source import Source

_LISTEN: Final = "127.0.0.1:9464"
_ON_THE_WAY_SECONDS: Final = 2.0
"""So much of the time goes by while the last messages are on their way through Kafka."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the options of `demo`."""
    parser = subparsers.add_parser(
        "demo",
        help="watch a classifier of handwritten digits through three phases of production",
        description="Cross-validates a classifier of handwritten digits, then streams held-out digits through the same "
        "loop as production, in three phases: healthy, the mix of classes shifts, one digit is photographed badly. "
        "Needs the extra `crossval`. Ends with Ctrl-C, or by itself after --seconds.",
        epilog="examples:\n  foldwatch demo --seconds 90\n  foldwatch demo --revalidate\n"
        "  foldwatch demo --kafka localhost:9092",
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
    parser.add_argument(
        "--kafka",
        metavar="HOST:PORT",
        help="write the events to two topics of this broker, made for the purpose, and read them there; "
        "default: an embedded source",
    )
    parser.add_argument(
        "--revalidate",
        action="store_true",
        help="close the circle instead: the damage spends an error budget, a re-validation begins by itself, a worse "
        "candidate is rejected, a better one promoted, and the verdict returns to OK; ends by itself within three "
        "minutes, with exit code 1 where the circle was not closed",
    )


def run(args: argparse.Namespace) -> int:
    """Run the demo; 0 when it ended by itself or by Ctrl-C."""
    if args.revalidate:
        from monitor.cli.demo_circle import close_circle

        return close_circle(args)
    import signal
    import threading
    import time
    from contextlib import ExitStack

    from monitor.cli.demo_show import Show
    from monitor.cli.options import address
    from monitor.daemon import Daemon
    from monitor.demo import phases
    from monitor.report.table import terminal
    from monitor.serve import require_free

    begun = time.monotonic()
    require_time(args.seconds)
    settings = phases.settings(address(args.listen, "--listen"), args.seconds)
    require_free(settings.server.listen)
    console = terminal()
    if args.kafka is not None:
        settings = _on_kafka(settings, args.kafka)
        topics = f"{settings.source.predictions.topic} and {settings.source.labels.topic}"
        console.print(f"Events go through {topics} on {args.kafka}.")
    console.print("Cross-validating a classifier of handwritten digits (stratified, 5 folds) …")
    promise = prepared()
    ends_at = None if args.seconds is None else begun + args.seconds
    left = None if ends_at is None else ends_at - time.monotonic() - (0 if args.kafka is None else _ON_THE_WAY_SECONDS)
    accelerated = phases.AcceleratedClock(phases.speed(left))
    stop = threading.Event()
    show = Show(console, stop, ends_at)
    with ExitStack() as held:
        source, clock = _source(settings, promise, accelerated, held)
        daemon = Daemon(
            settings,
            source,
            clock,
            {(phases.MODEL, phases.VERSION): promise.baseline},
            announce=phases.announcement,
            watch=show.watch,
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        console.print(f"Open {daemon.server.url} and watch: time runs {accelerated.speed:,.0f} times as fast.")
        daemon.run(stop)
    show.tell()
    return 0


def _on_kafka(settings: Settings, kafka: str) -> Settings:
    """Return the settings with topics of this broker, HOST:PORT, which are made. Raises InputError."""
    from monitor.cli.options import address
    from monitor.demo.feed import topics_on

    address(kafka, "--kafka")
    return replace(settings, source=topics_on(kafka))


def _source(settings: Settings, promise: Promise, accelerated: Clock, held: ExitStack) -> tuple[Source, Clock]:
    """Return what the demo reads, and its clock; `held` ends what writes to Kafka meanwhile."""
    if settings.source.kind is None:
        from monitor.demo.source import DemoSource

        return DemoSource(promise.pools, accelerated), accelerated
    from monitor.demo.feed import Feed
    from monitor.demo.followed import Followed
    from monitor.demo.production import Production
    from monitor.sources.broker.clients import open_client
    from monitor.sources.opened import open_source

    followed = Followed(open_source(settings, accelerated))
    held.enter_context(Feed(settings.source, Production(promise.pools), accelerated, open_client(settings.source)))
    return followed, followed


def require_time(seconds: float | None) -> None:
    """Raise InputError where `--seconds` is no time to run."""
    from monitor.errors import InputError, Problem

    if seconds is not None and not 0 < seconds < float("inf"):
        raise InputError(Problem("--seconds", f"{seconds:g} is no time to run", "write a positive number, such as 60"))


def prepared() -> Promise:
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
