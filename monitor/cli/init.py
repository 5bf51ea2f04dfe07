"""`foldwatch init`: from a sample of a log to a commented configuration."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the options of `init`."""
    parser = subparsers.add_parser(
        "init",
        help="write a configuration from a sample of a log",
        description="Reads the first 10,000 events of a log, guesses fields, classes, positive class and times, and "
        "writes a commented configuration that passes `foldwatch check`. Each guess says why: read them.",
        epilog="example:\n  foldwatch init --predictions predictions.csv --labels labels.csv --output foldwatch.yaml",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--predictions",
        required=True,
        metavar="P",
        help="CSV, JSON Lines or Parquet, also .gz and .zst; a file, a glob or a directory",
    )
    parser.add_argument("--labels", metavar="L", help="likewise; default: the predictions carry y_true")
    parser.add_argument("--output", default="-", metavar="F", help="the file to write (default: stdout)")
    parser.add_argument("--force", action="store_true", help="overwrite the file if it is there")


def run(args: argparse.Namespace) -> int:
    """Write the configuration, or say what is missing."""
    from monitor.cli.init_text import configuration_text
    from monitor.config.read import understand
    from monitor.errors import InputError, Problem

    output = None if args.output == "-" else Path(args.output)
    if output is not None and output.is_dir():
        raise InputError(Problem(args.output, "is a directory", "name the file to write"))
    if output is not None and output.exists() and not args.force:
        raise InputError(Problem(args.output, "is there already", "name another file, or add --force to overwrite it"))
    if output is not None and not output.parent.is_dir():
        raise InputError(Problem(args.output, f"there is no directory {output.parent}", "create it first"))
    text = configuration_text(args.predictions, args.labels, output)
    understand(
        text.encode(), output or Path("foldwatch.yaml")
    )  # what we write passes our own check, or it is our fault
    if output is None:
        sys.stdout.write(text)
        return 0
    output.write_text(text, encoding="utf-8")
    print(f"wrote {output}: read its guesses, then `foldwatch check --config {output}`", file=sys.stderr)
    return 0
