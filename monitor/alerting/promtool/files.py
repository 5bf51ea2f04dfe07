"""Which files of tests a configuration makes."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from monitor.alerting import names as alerts
from monitor.alerting.promtool import burns, feeds, operation, spent
from monitor.alerting.promtool.case import Sheet
from monitor.alerting.promtool.minutes import TICK, Due, Look, case
from monitor.alerting.promtool.promised import promised
from monitor.alerting.promtool.wording import Wording
from monitor.alerting.rules.files import OBJECTIVES, OPERATION, WINDOWS, file_name
from monitor.alerting.rules.promql import span
from monitor.alerting.rules.text import yaml_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.alerting.promtool.case import Case
    from monitor.alerting.promtool.promised import Promised
    from monitor.alerting.rules.rule import RuleFile
    from monitor.config import Settings

FOLDER: Final = "tests"
_TWO: Final = "two-models"
_LONG: Final = 35
"""Minutes, longer than any alert of operation waits."""


def test_files(settings: Settings, files: Sequence[RuleFile]) -> dict[str, str]:
    """Return the tests of rules that a configuration made: path below the folder of rules -> text for promtool."""
    return {sheet.path: yaml_text(sheet.row()) for sheet in sheets(settings, files)}


def sheets(settings: Settings, files: Sequence[RuleFile]) -> Iterator[Sheet]:
    """Yield the files of tests as values."""
    by_path = {file.path: file for file in files}
    yield _operation(settings, by_path[OPERATION])
    watched = [(path, objectives) for path, objectives in _watched(settings) if path in by_path]
    for path, objectives in watched:
        file = by_path[path]
        files_read = [by_path[WINDOWS], file]
        stem = path.removesuffix(".yml").replace("/", "-")
        for short in burns.shorts(objectives):
            cases = tuple(burns.cases(objectives, short, Wording.of(file)))
            yield _sheet(f"{stem}-{span(short)}", files_read, burns.tick_of(short), cases)
        yield _sheet(f"{stem}-budget", files_read, spent.TICK, tuple(spent.cases(objectives, Wording.of(file))))
    for (first, ours), (second, theirs) in pairwise(watched[:2]):
        both = [by_path[first], by_path[second]]
        tick, cases = burns.between(ours, theirs, Wording.of(*both))
        yield _sheet(_TWO, [by_path[WINDOWS], *both], tick, cases)


def _watched(settings: Settings) -> Iterator[tuple[str, tuple[Promised, ...]]]:
    """Yield the path of the rules of each model that has an objective with a target, and those objectives."""
    for model in settings.models.values():
        objectives = promised(settings, model)
        if objectives:
            yield f"{OBJECTIVES}/{file_name(model.name)}.yml", objectives


def _operation(settings: Settings, file: RuleFile) -> Sheet:
    """Return the tests of the daemon and of what its models are fed with."""
    wording = Wording.of(file)
    quiet = (*operation.DAEMON, *feeds.feed_alerts(settings))
    scraped = (*operation.daemon_series(settings, _LONG), *feeds.feed_series(settings, _LONG))
    down = Due(alerts.DOWN, 1, {"job": settings.alerting.job}, {})
    cases = (
        *operation.cases(settings, wording),
        *feeds.cases(settings, wording),
        case("nothing that is scraped is a number: silent", scraped, [Look(_LONG, alert) for alert in quiet], wording),
        case(
            "no series at all: silent, but for the target that is missing",
            (),
            [Look(_LONG, alert, [down] if alert == alerts.DOWN else ()) for alert in quiet],
            wording,
        ),
    )
    return _sheet(OPERATION.removesuffix(".yml"), [file], TICK, cases)


def _sheet(name: str, files: Sequence[RuleFile], tick: int, cases: tuple[Case, ...]) -> Sheet:
    groups = tuple(group.name for file in files for group in file.groups)
    return Sheet(f"{FOLDER}/{name}_test.yml", tuple(f"../{file.path}" for file in files), tick, groups, cases)
