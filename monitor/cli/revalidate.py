"""`foldwatch revalidate`: decide, have it done, let the gate judge, promote or reject; and what belongs to it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

_EXAMPLES: Final = """\
examples:
  foldwatch revalidate --config foldwatch.yaml --dry-run
  foldwatch revalidate --config foldwatch.yaml --model churn --force --json decision.json
  foldwatch revalidate log --config foldwatch.yaml --verify
  foldwatch revalidate gate --config foldwatch.yaml --candidate 4 --wait 2h"""

_COMMANDS: Final = {
    "log": (
        "show the ledger, or verify it",
        (
            "Shows the ledger: configurations, baselines, decisions, actions, promotions, rollbacks, and who asked. "
            "With --verify looks for entries that were changed, removed or reordered: exit code 1 where there are any."
        ),
        "--verify",
    ),
    "rollback": (
        "bring the previous baseline back",
        (
            "Brings the baseline back that was in force before the last promotion. What is rolled back comes again "
            "only with --force."
        ),
        "--model churn",
    ),
    "approve": (
        "promote what waits for approval",
        "Promotes the candidate that passed the gate and waits, where `gate.approval` is `manual`.",
        "--model churn",
    ),
    "gate": (
        "hold one version against the one in production, for a deployment pipeline",
        (
            "Compares a version that already gets a share of production with the version before it, on live labels. "
            "Exit code 0: OK; 1: WORSE, or UNKNOWN because there are too few labels still."
        ),
        "--candidate 4 --wait 2h",
    ),
}


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the options of `revalidate` and of what belongs to it."""
    parser = subparsers.add_parser(
        "revalidate",
        help="decide whether to re-validate, have it done, and promote what deserves it",
        description="The scheduled job, for a CronJob, a timer or a pipeline: asks the daemon what it sees (or takes "
        "the state's lock where no daemon runs), decides by `revalidate:` of each model, has the action done, and lets "
        "the gate judge the candidate. Killed anywhere and run again, it starts nothing twice. "
        "Exit code 0: nothing to do, begun, waiting for approval or promoted; 1: rejected or failed; 2: usage, "
        "configuration, input, or nobody to ask.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _shared(parser)
    parser.add_argument("--model", metavar="M", default=argparse.SUPPRESS, help="only this model")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be decided and why; write and start nothing; exit code 0"
    )
    parser.add_argument("--force", action="store_true", help="start, whatever holds it back, unless a run is open")
    commands = parser.add_subparsers(dest="revalidate_command", metavar="COMMAND", title="commands")
    for name, (text, description, example) in _COMMANDS.items():
        command = commands.add_parser(
            name,
            help=text,
            description=description,
            epilog=f"example:\n  foldwatch revalidate {name} --config foldwatch.yaml {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        _shared(command)
        if name == "log":
            command.add_argument("--verify", action="store_true", help="look for what was changed, removed, reordered")
        else:
            command.add_argument("--model", metavar="M", default=argparse.SUPPRESS, help="the model")
        if name == "gate":
            command.add_argument("--candidate", metavar="V", required=True, help="the version that is judged")
            command.add_argument("--wait", metavar="D", help="wait so long for enough labels, such as 2h; default: not")


def run(args: argparse.Namespace) -> int:
    """Run the job, or one of the commands that belong to it."""
    _require(args)
    if args.revalidate_command is None:
        from monitor.cli.revalidate_run import revalidate

        return revalidate(args)
    from monitor.cli import revalidate_asks

    asks = {
        "log": revalidate_asks.log,
        "rollback": revalidate_asks.rollback,
        "approve": revalidate_asks.approve,
        "gate": revalidate_asks.gate,
    }
    return asks[args.revalidate_command](args)


def _shared(parser: argparse.ArgumentParser) -> None:
    """Add what all take, before the name of the command or behind it: what is not given leaves no trace."""
    parser.add_argument(
        "--config", type=Path, default=argparse.SUPPRESS, metavar="F", help="the configuration, YAML (required)"
    )
    parser.add_argument(
        "--json", default=argparse.SUPPRESS, metavar="F", help="write the answer as JSON to this file; - for stdout"
    )


def _require(args: argparse.Namespace) -> None:
    """Fill in what was not given, and raise InputError for what must be or makes no sense together."""
    from monitor.errors import InputError, Problem

    command = args.revalidate_command
    name = "foldwatch revalidate" if command is None else f"foldwatch revalidate {command}"
    args.model, args.json = getattr(args, "model", None), getattr(args, "json", None)
    problems = []
    required = ["--config"] if not hasattr(args, "config") else []
    if command in {"rollback", "approve"} and args.model is None:
        required.append("--model")
    if required:
        finding = f"the following arguments are required: {', '.join(required)}"
        problems.append(Problem(name, finding, f"`{name} --help` shows an example"))
    given = [option for option, value in (("--dry-run", args.dry_run), ("--force", args.force)) if value]
    given += ["--model"] if command == "log" and args.model is not None else []
    if command is not None and given:
        finding = f"takes no {' and no '.join(given)}"
        problems.append(Problem(name, finding, f"leave it out; `{name} --help` shows an example"))
    if problems:
        raise InputError(*problems)
