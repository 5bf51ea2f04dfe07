"""The command line: one file a command, `register` for its options and `run` for its work.

Exit codes: 0 fine, 1 the command found something, 2 usage, configuration or input error (one message per problem on
stderr), 70 a fault of foldwatch itself, 74 the state can no longer be written or read (disk full, damaged), 130 Ctrl-C,
141 the reader of our output went away.

`register(subparsers)` adds the parser of the command and must stay light; `run(args)` imports what it needs and returns
the exit code.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
import traceback
from typing import TYPE_CHECKING

from monitor import __version__
from monitor.errors import FoldwatchError, InputError, Problem, StateBroken

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

COMMANDS = ("demo", "init", "check", "run", "dead-letters", "rules", "dashboards", "backtest", "baseline", "revalidate")
"""In the order in which somebody meets them; each is `monitor.cli.COMMAND`, with `_` for `-`."""

_EPILOG = """\
example:
  foldwatch demo --seconds 60

`foldwatch COMMAND --help` shows an example of each.
Exit codes: 0 fine, 1 the command found something, 2 usage, configuration or
input error, 70 a fault of foldwatch itself, 74 the state can no longer be
written or read."""

USAGE_ERROR = 2
OUR_FAULT = 70
STATE_BROKEN = 74
"""As `sysexits.h` has it for input and output. A supervisor may try again: nothing was committed."""
INTERRUPTED = 130
BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; never a traceback unless `--debug` or FOLDWATCH_DEBUG=1 ask for it."""
    _never_fail_to_encode()
    debug = os.environ.get("FOLDWATCH_DEBUG") == "1"
    try:
        args = _parser().parse_args(argv)
        debug = debug or args.debug
        if args.command is None:
            _parser().print_help(sys.stderr)
            return USAGE_ERROR
        code: int = _module(args.command).run(args)
        sys.stdout.flush()
    except SystemExit as stop:  # argparse, after --help or a usage error
        return stop.code if isinstance(stop.code, int) else 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes once more on its way out: give it somewhere to write.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 - whatever it is, a person gets one message and not a traceback
        return _failed(error, debug=debug)
    return code


def _module(command: str) -> ModuleType:
    """Import what knows a command."""
    return importlib.import_module(f"monitor.cli.{command.replace('-', '_')}")


def _failed(error: Exception, *, debug: bool) -> int:
    """Print what went wrong and return the exit code."""
    if isinstance(error, InputError):
        for problem in error.problems:
            _say(str(problem))
        return USAGE_ERROR
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, FoldwatchError):
        _say(str(error).removesuffix("; it is tried again"))  # as the daemon does, and a command does not
        return STATE_BROKEN if isinstance(error, StateBroken) else USAGE_ERROR
    if isinstance(error, OSError) and error.filename is not None:
        finding = f"cannot be read or written ({error.strerror or error})"
        _say(str(Problem(os.fsdecode(error.filename), finding, "check the path and its permissions")))
        return USAGE_ERROR
    _say(f"foldwatch: this is a fault of foldwatch {__version__}, not of yours: {type(error).__name__}: {error}")
    if not debug:
        _say("foldwatch: `foldwatch --debug COMMAND …` shows where; please report it with that output")
    return OUR_FAULT


def _say(text: str) -> None:
    """Print one message, on one line, to stderr."""
    print(" ".join(text.splitlines()), file=sys.stderr)


class _Help(argparse.RawDescriptionHelpFormatter):
    """Leaves the longest command room on its line: argparse forgets that commands are indented twice."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        self._action_max_length = max(map(len, COMMANDS)) + 2 * self._indent_increment


def _never_fail_to_encode() -> None:
    """Write what the terminal's encoding does not have as escapes, such as file names that are not UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _parser() -> argparse.ArgumentParser:
    """Build the parser of every command."""
    parser = argparse.ArgumentParser(
        prog="foldwatch",
        description="Does production agree with what cross-validation promised?",
        epilog=_EPILOG,
        formatter_class=_Help,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"foldwatch {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error (or FOLDWATCH_DEBUG=1)")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name in COMMANDS:
        _module(name).register(subparsers)
    return parser
