"""`foldwatch dead-letters replay`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from monitor.cli.dead_letters_list import counted, plain, wanted_reasons
from monitor.cli.options import moment
from monitor.clock import SystemClock
from monitor.config import load
from monitor.config.read import require_source
from monitor.sources.dead_letters.judge import Judge
from monitor.sources.dead_letters.kept import kept_letters
from monitor.sources.dead_letters.replay import Replayed
from monitor.sources.dead_letters.replay import replay as replay_letters
from monitor.sources.dead_letters.summary import chosen
from monitor.sources.decoding.reasons import REASONS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator


def replay(args: argparse.Namespace) -> int:
    """Send back what is valid now, and say what became of every letter."""
    settings = load(args.config)
    require_source(settings)
    wanted, since = wanted_reasons(args.reason), None if args.since is None else moment(args.since, "--since")
    done = Replayed()
    with kept_letters(settings) as kept, Console(stderr=True).status("reading dead letters") as status:
        way = None if args.dry_run else kept.way_back()
        letters = chosen(kept.letters, wanted, since)
        for done in replay_letters(letters, Judge(settings), way, SystemClock(), settings):
            status.update(f"{done.read:,} dead letters read, {sum(done.sent.values()):,} replayed")
    for line in summary(kept.place, done, dry_run=args.dry_run):
        print(line)
    return 0


def summary(place: str, done: Replayed, *, dry_run: bool) -> Iterator[str]:
    """Yield what was done, line by line."""
    if not done.read:
        yield f"no dead letters to replay in {place}"
        return
    sent, left = sum(done.sent.values()), sum(each.letters for each in done.left.values())
    yield f"{counted(done.read)} in {place}"
    verb = "would be replayed" if dry_run else "replayed"
    yield f"{verb}: {sent:,}"
    for origin, letters in sorted(done.sent.items()):
        yield f"  {letters:,} to {origin}"
    if done.old:
        yield f"  {done.old:,} so old that the daemon may have to skip them, which it counts as `too old`"
    yield f"left where they are: {left:,}"
    for why, each in sorted(done.left.items(), key=lambda item: (-item[1].letters, item[0])):
        still = "still invalid: " if why in REASONS else ""
        first = each.first
        yield f"  {each.letters:,} {still}{why}; the first: {plain(first.letter.place)}, {plain(first.detail)}"
    if sent and not dry_run:
        yield "the daemon reads them like any other event; what it knew already counts as duplicate or repeated"
