"""What `foldwatch baseline` asks on the command line."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.baselines.schemes import CROSSVAL_SCHEMES, SCHEMES

if TYPE_CHECKING:
    from collections.abc import Callable

_GREATEST_SEED = 2**32 - 1


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the options of `baseline` and its three commands."""
    parser = subparsers.add_parser(
        "baseline",
        help="build, cross-validate and show baselines",
        description="What cross-validation promised, as a file: built from out-of-fold predictions, or run here.",
        epilog="example:\n  foldwatch baseline show baselines/churn-3.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="baseline_command", metavar="COMMAND", required=True)
    _register_build(commands)
    _register_crossval(commands)
    show = _command(
        commands,
        "show",
        "print folds, corridor and the ten measures",
        "foldwatch baseline show baselines/churn-3.json --json | jq .M7.accuracy",
    )
    show.add_argument("file", type=Path, metavar="F", help="a baseline file")
    show.add_argument("--json", action="store_true", help="JSON on stdout: the measures under the keys M1 … M10")


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str, example: str
) -> argparse.ArgumentParser:
    """Add one command with its example."""
    return commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _register_build(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the options of `baseline build`."""
    build = _command(
        commands,
        "build",
        "build a baseline from out-of-fold predictions",
        "foldwatch baseline build --model churn --version 3 --predictions oof.csv \\\n"
        "      --scheme stratified --positive leave --output baselines/churn-3.json",
    )
    build.add_argument(
        "--predictions",
        required=True,
        metavar="P",
        help="CSV, JSON Lines or Parquet, also .gz/.zst, a glob or a directory: columns fold, y_true, y_pred; optional "
        "score or score_CLASS, repeat, split (validation | train), entity, segment_NAME",
    )
    _register_names(build)
    build.add_argument("--threshold", type=_share, metavar="T", help="y_pred is the positive class from this score on")
    build.add_argument(
        "--scheme",
        choices=SCHEMES,
        metavar="S",
        help=f"how the folds were split: {', '.join(SCHEMES)}; default: holdout for one fold, repeated-stratified for "
        "several repeats, else plain",
    )
    build.add_argument("--seed", type=_seed, metavar="N", help="the seed of the split, to be noted")
    build.add_argument(
        "--fields", type=_fields, default={}, metavar="OURS=THEIRS,…", help="what columns are called there"
    )


def _register_crossval(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the options of `baseline crossval`."""
    crossval = _command(
        commands,
        "crossval",
        "run a cross-validation and build its baseline",
        "foldwatch baseline crossval --model churn --version 3 --data train.parquet --target y_true \\\n"
        "      --estimator churn_model:make --folds 5 --scheme stratified --seed 7 --output baselines/churn-3.json",
    )
    _register_names(crossval)
    crossval.add_argument("--data", required=True, metavar="P", help="CSV, JSON Lines or Parquet, also .gz/.zst")
    crossval.add_argument("--target", required=True, metavar="COL", help="the column of classes")
    crossval.add_argument(
        "--estimator",
        required=True,
        metavar="MODULE:FACTORY",
        help="a function without arguments that returns an unfitted scikit-learn estimator; found on PYTHONPATH, in "
        "the current directory or beside the data or the output",
    )
    crossval.add_argument("--folds", type=_number(2), required=True, metavar="K", help="at least 2")
    crossval.add_argument(
        "--scheme", choices=CROSSVAL_SCHEMES, required=True, metavar="S", help=f"{', '.join(CROSSVAL_SCHEMES)}"
    )
    crossval.add_argument("--seed", type=_seed, required=True, metavar="N", help="the same seed gives the same file")
    crossval.add_argument("--groups", metavar="COL", help="the column of groups; never a feature")
    crossval.add_argument("--features", type=_names, metavar="A,B", help="default: every column but target and groups")
    crossval.add_argument("--repeats", type=_number(1), metavar="R", help="of repeated-stratified; default 10 there")
    crossval.add_argument("--jobs", type=_number(1), metavar="J", help="folds at a time; default: as many as cores")


def _register_names(parser: argparse.ArgumentParser) -> None:
    """Add what both ways of making a baseline ask."""
    parser.add_argument("--model", required=True, metavar="M", help="name of the model, as in the configuration")
    parser.add_argument("--version", required=True, metavar="V", help="its version")
    parser.add_argument("--output", type=Path, required=True, metavar="F", help="the baseline file to write")
    parser.add_argument(
        "--positive",
        metavar="C",
        help="which of two classes is the positive one; default: the last, or that of score_CLASS",
    )


def _number(least: int) -> Callable[[str], int]:
    """Return the parser of a whole number that is at least so much."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or int(text) < least:
            message = f"{text!r} is not a whole number of at least {least}"
            raise argparse.ArgumentTypeError(message)
        return int(text)

    return parse


def _seed(text: str) -> int:
    """Return a seed that numpy takes."""
    seed = _number(0)(text)
    if seed > _GREATEST_SEED:
        message = f"{text} is greater than 2^32 - 1"
        raise argparse.ArgumentTypeError(message)
    return seed


def _share(text: str) -> float:
    """Return a number from 0 to 1."""
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        message = f"{text!r} is not a number from 0 to 1"
        raise argparse.ArgumentTypeError(message)
    return share


def _names(text: str) -> list[str]:
    """Return names that are separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def _fields(text: str) -> dict[str, str]:
    """Return our name -> theirs from `ours=theirs,…`."""
    fields = {}
    for part in _names(text):
        ours, equals, theirs = part.partition("=")
        if not ours or not equals or not theirs:
            message = f"{part!r} is not of the form OURS=THEIRS"
            raise argparse.ArgumentTypeError(message)
        fields[ours.strip()] = theirs.strip()
    return fields
