"""`foldwatch demo --revalidate`: from damage to a promoted model, with the real desk, policy, gate and ledger."""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from monitor.cli.demo import prepared, require_time
from monitor.cli.demo_circle_show import CircleShow
from monitor.cli.options import address
from monitor.cli.revalidate_show import asker
from monitor.demo import circle, phases
from monitor.errors import InputError, Problem
from monitor.report.table import terminal
from monitor.revalidate.actions.made import action_of
from monitor.revalidate.asking.daemon_desk import DaemonDesk
from monitor.revalidate.asking.daemon_door import Door
from monitor.revalidate.ledger.verify import verify
from monitor.revalidate.working.ending import Ending
from monitor.revalidate.working.patience import Patience
from monitor.revalidate.working.runner import Asked, Tools, run
from monitor.revalidate.writing.lease import holder
from monitor.serve import require_free
from monitor.state.opened import open_state

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from monitor.config import Settings
    from monitor.daemon import Daemon
    from monitor.revalidate.decision import Decision

NOT_CLOSED: Final = 1


def close_circle(args: argparse.Namespace) -> int:
    """Tell the story; 0 when the circle was closed, 1 when it was not."""
    begun = time.monotonic()
    require_time(args.seconds)
    if args.kafka is not None:
        raise InputError(Problem("--revalidate", "does not go with --kafka", "leave out one of them"))
    place = circle.Place(Path(tempfile.mkdtemp(prefix="foldwatch-demo-")))
    settings = circle.settings(address(args.listen, "--listen"), place)
    require_free(settings.server.listen)
    console = terminal()
    console.print("Cross-validating a classifier of handwritten digits (stratified, 5 folds) …")
    promise = prepared()
    from monitor.daemon import Daemon
    from monitor.demo.source import DemoSource
    from monitor.demo.timer import Timer

    ends_at = begun + (circle.SECONDS if args.seconds is None else args.seconds)
    clock = phases.AcceleratedClock(circle.SPEED)
    stop, ending = threading.Event(), Ending()
    show = CircleShow(console, stop, ends_at)
    source = DemoSource(promise.pools, clock, circle.phase_of)
    place.baselines.mkdir()
    with ExitStack() as held:
        held.callback(shutil.rmtree, place.state, ignore_errors=True)
        daemon = Daemon(
            settings,
            source,
            clock,
            {(phases.MODEL, phases.VERSION): promise.baseline},
            state=open_state(settings),
            announce=show.announcement,
            watch=show.watch,
        )
        ask = _job(settings, daemon, place, ending, show.progress)
        timer = held.enter_context(Timer(place, source, ask, show.told, show.broken))
        held.callback(ending.ask)
        show.follow(timer)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        console.print(f"Open {daemon.server.url} and watch: time runs {clock.speed:,.0f} times as fast.")
        daemon.run(stop)
    findings = verify(place.ledger, None)
    for line in (*show.summary(), f"ledger    {place.ledger}: {'verified' if not findings else findings[0]}"):
        print(line, flush=True)
    return 0 if show.closed and not findings else NOT_CLOSED


def _job(
    settings: Settings, daemon: Daemon, place: circle.Place, ending: Ending, say: Callable[[str], None]
) -> Callable[[], Iterator[Decision]]:
    """Return what a timer would call: `foldwatch revalidate`, by the calls of the daemon's API."""

    @contextmanager
    def reach(wait: float) -> Iterator[DaemonDesk]:  # noqa: ARG001 - the demo's own daemon is not waited for
        door = Door(daemon.server.url.rstrip("/"), place.state / "token", "", configured=False)
        with DaemonDesk(door) as desk:
            yield desk

    tools = Tools(Patience(reach, ending, say), ending, action_of, say, lambda _: None)
    return partial(run, settings, Asked(asker(), holder()), tools)
