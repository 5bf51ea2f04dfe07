"""`foldwatch dead-letters list | replay`: what was rejected, and how it comes back after a fix."""

from __future__ import annotations

import argparse
from pathlib import Path

_LIST_EXAMPLE = "foldwatch dead-letters list --config foldwatch.yaml --reason 'missing field' --limit 10"
_REPLAY_EXAMPLE = (
    "foldwatch dead-letters replay --config foldwatch.yaml --since 2026-11-20T08:00:00Z --dry-run\n"
    "  foldwatch dead-letters replay --config foldwatch.yaml --since 2026-11-20T08:00:00Z"
)


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the options of `dead-letters` and its two commands."""
    parser = subparsers.add_parser(
        "dead-letters",
        help="show rejected events, and replay them after a fix",
        description="Rejected events, as they were kept in `source.dead_letters`. Both commands work beside a running "
        "daemon and do not disturb it.",
        epilog="example:\n  foldwatch dead-letters list --config foldwatch.yaml",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="letters_command", metavar="COMMAND", required=True)
    shown = _command(
        commands,
        "list",
        "show rejected events by reason, newest first",
        "Shows how many events were rejected for each reason, since when, and the newest of them. Events that are not "
        "text are shown in hexadecimal.",
        _LIST_EXAMPLE,
    )
    shown.add_argument("--limit", type=_whole, default=3, metavar="N", help="events shown of each reason (default: 3)")
    shown.add_argument("--json", metavar="F", help="write all of it as JSON instead; - for stdout")
    replayed = _command(
        commands,
        "replay",
        "send rejected events that are valid now back to where they came from",
        "After a fix of `fields`, classes or whatever else was wrong: reads the rejected events by today's "
        "configuration and sends those that are valid now back to the topic or file they came from, where the daemon "
        "reads them like any other. What it counted before does not count twice, so that a replay may be repeated. "
        "Restart the daemon with the same configuration first.",
        _REPLAY_EXAMPLE,
    )
    replayed.add_argument("--dry-run", action="store_true", help="only say what would be done")


def run(args: argparse.Namespace) -> int:
    """Run one of the two commands."""
    from monitor.cli.dead_letters_list import list_letters
    from monitor.cli.dead_letters_replay import replay

    return list_letters(args) if args.letters_command == "list" else replay(args)


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str, description: str, example: str
) -> argparse.ArgumentParser:
    """Add one command with what both take."""
    command = commands.add_parser(
        name,
        help=text,
        description=description,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add_argument("--config", type=Path, required=True, metavar="F", help="the configuration, YAML")
    command.add_argument(
        "--reason",
        action="append",
        default=[],
        metavar="R",
        help="only events of this reason; may be repeated",
    )
    command.add_argument("--since", metavar="T", help="only events rejected at T or later")
    return command


def _whole(text: str) -> int:
    """Return a count."""
    if not text.isdecimal():
        message = f"`{text}` is no count: write a whole number from 0"
        raise argparse.ArgumentTypeError(message)
    return int(text)
