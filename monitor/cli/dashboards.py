"""`foldwatch dashboards`: writes Grafana's dashboards."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.dashboards.fit import Fit


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the options of `dashboards`."""
    parser = subparsers.add_parser(
        "dashboards",
        help="write Grafana's dashboards",
        description="Writes into DIR: executive.json (who answers for the models), on-call.json (who is woken) and "
        "debug.json (who wants to know why). They need no configuration: models, versions and classes are chosen in "
        "Grafana. With one, burn rates are drawn over its windows, and alerts link to its runbooks. The same input "
        "always gives the same bytes. Dashboards that it wrote before are replaced; files of others are left alone.",
        epilog="example:\n  foldwatch dashboards --output grafana",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="the folder that gets the files")
    parser.add_argument("--config", type=Path, metavar="F", help="the configuration, YAML, that they shall fit")


def run(args: argparse.Namespace) -> int:
    """Write the files, and say what became of the folder and what to do next."""
    from monitor.config import load
    from monitor.dashboards.files import dashboard_files
    from monitor.dashboards.fit import Fit, fitted
    from monitor.dashboards.folder import write

    fit = Fit() if args.config is None else fitted(load(args.config))
    written = write(args.output, dashboard_files(fit))
    for name in written.written:
        print(f"wrote      {args.output / name}")
    if written.unchanged:
        print(f"unchanged  {', '.join(written.unchanged)} in {args.output}")
    for line in _next(args.output, fit):
        print(line)
    return 0


def _next(folder: Path, fit: Fit) -> Iterator[str]:
    """Yield what to do with the files."""
    from monitor.dashboards.fit import EXAMPLE_RUNBOOKS

    yield "next, one of:"
    yield f"  let Grafana read {shlex.quote(str(folder.resolve()))}: a provider of type `file` (docs/dashboards.md)"
    yield "  for Grafana's sidecar: a ConfigMap of them with the label `grafana_dashboard` (grafana/kustomization.yaml)"
    yield "  import them by hand: Dashboards, New, Import"
    if fit.runbooks == EXAMPLE_RUNBOOKS:
        yield (
            f"links to runbooks lead to {EXAMPLE_RUNBOOKS}: `alerting.runbook_url` of a configuration (`--config`) "
            "says where yours are"
        )
