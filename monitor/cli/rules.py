"""`foldwatch rules`: writes Prometheus rules, their promtool tests and the Alertmanager configuration."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from monitor.alerting.rules.folder import Written
    from monitor.alerting.rules.rule import RuleFile
    from monitor.config import Settings

_ROOMS = ("objectives", "tests", "alertmanager", "kubernetes")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the options of `rules`."""
    parser = subparsers.add_parser(
        "rules",
        help="write Prometheus rules with their tests, and Alertmanager's configuration",
        description="Writes into DIR: foldwatch.yml (alerts of the daemon and of what it is fed with), "
        "objectives.yml and objectives/MODEL.yml (error budgets of each objective with a target), tests/ for promtool, "
        "alertmanager/, and kubernetes/ (the same rules for the Prometheus operator, as a folder of Kustomize). "
        "The same configuration always gives the same bytes, so that they can be committed. Files that it wrote "
        "before are replaced, and removed when they are not needed any more; files of others are left alone.",
        epilog="example:\n  foldwatch rules --config foldwatch.yaml --output rules",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--config", type=Path, required=True, metavar="F", help="the configuration, YAML")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="the folder that gets the files")


def run(args: argparse.Namespace) -> int:
    """Write the files, and say what became of the folder and what to do next."""
    from monitor.alerting.rules.files import rule_files
    from monitor.alerting.rules.folder import write_folder
    from monitor.config import load
    from monitor.config.budgets import require_feasible
    from monitor.config.key_files import require_key_files

    settings = load(args.config)
    require_feasible(settings)
    require_key_files(settings)
    rules = rule_files(settings)
    files = generated(settings, rules)
    written = write_folder(args.output, files, _ROOMS)
    told = (*_summary(settings, rules), *_too_large(files), *_next(settings, args.output))
    for line in (*_became(args.output, written), *told):
        print(line)
    return 0


def generated(settings: Settings, rules: Sequence[RuleFile]) -> dict[str, str]:
    """Return path below the folder -> text, of all that the command writes."""
    from monitor.alerting.promtool.files import test_files
    from monitor.alerting.routes.files import alertmanager_files
    from monitor.alerting.rules.kubernetes import kubernetes_files
    from monitor.alerting.rules.text import text

    return {
        **{file.path: text(file) for file in rules},
        **test_files(settings, rules),
        **alertmanager_files(settings),
        **kubernetes_files(rules),
    }


def _became(folder: Path, written: Written) -> Iterator[str]:
    """Yield a line a file."""
    for path in written.written:
        yield f"wrote      {folder / path}"
    for path in written.removed:
        yield f"removed    {folder / path}"
    if written.unchanged:
        yield f"unchanged  {len(written.unchanged)} files in {folder}"


def _summary(settings: Settings, rules: Sequence[RuleFile]) -> Iterator[str]:
    """Yield what the rules are about, and where they differ from what somebody may expect."""
    from monitor.alerting.rules.promise import promised
    from monitor.alerting.rules.rule import AlertRule
    from monitor.clock import format_duration
    from monitor.statistics.ladder import ladder

    all_rules = [rule for file in rules for group in file.groups for rule in group.rules]
    alerts = sum(isinstance(rule, AlertRule) for rule in all_rules)
    objectives = len(promised(settings))
    count = "one objective" if objectives == 1 else f"{objectives} objectives"
    yield f"{alerts} alerts and {len(all_rules) - alerts} recorded series for {count} with a target"
    if not objectives:
        yield (
            "no objective has a target, so that no budget of quality is watched, only the daemon and what it is fed "
            "with: add such as `target: 0.95` to an objective"
        )
        return
    levels, usual = ladder(settings.slo.period.millis, settings.cadence), ladder(settings.slo.period.millis, 0)
    if levels != usual:
        pairs = ", ".join(f"{format_duration(level.long)}/{format_duration(level.short)}" for level in levels)
        yield (
            f"the counters move every {format_duration(settings.cadence)}, which is too slow for the usual windows: "
            f"these are {pairs}"
        )


def _too_large(files: Mapping[str, str]) -> Iterator[str]:
    """Yield what the Prometheus operator would refuse."""
    from monitor.alerting.rules.kubernetes import FOLDER, REFUSED_BYTES, too_large

    for path in too_large({path: text for path, text in files.items() if path.startswith(FOLDER)}):
        yield (
            f"{path} is larger than the {REFUSED_BYTES // 1024} KiB that the Prometheus operator takes: give fewer "
            "objectives of one model a target, or let Prometheus read the files outside of kubernetes/"
        )


def _next(settings: Settings, folder: Path) -> Iterator[str]:
    """Yield what to do with the files."""
    place = shlex.quote(str(folder))
    yield "next:"
    yield f"  find {place} -name '*_test.yml' -exec promtool test rules {{}} +"
    yield f"  amtool check-config {place}/alertmanager/alertmanager.yml"
    yield f"  kubectl apply --server-side -k {place}/kubernetes        # with the Prometheus operator"
    secrets = (settings.alerting.pagerduty_key_file, settings.alerting.slack_url_file)
    relative = [str(path) for path in secrets if path is not None and not path.is_absolute()]
    if relative:
        yield f"start Alertmanager in {Path.cwd()}: it looks for {' and '.join(relative)} from where it is started"
    yield "in prometheus.yml, with the daemon scraped as job " + f"`{settings.alerting.job}`:"
    whole = folder.resolve()
    yield f'  rule_files: ["{whole}/*.yml", "{whole}/objectives/*.yml"]'
