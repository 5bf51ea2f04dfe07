"""Which files of rules a configuration makes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from monitor.alerting.rules import objective, operation
from monitor.alerting.rules.promise import promised
from monitor.alerting.rules.rule import RuleFile

if TYPE_CHECKING:
    from monitor.config.settings import Settings

OPERATION: Final = "foldwatch.yml"
OBJECTIVES: Final = "objectives"
_TESTS_END: Final = "_test"
_LONGEST: Final = 200
_KEPT: Final = 120


def rule_files(settings: Settings) -> tuple[RuleFile, ...]:
    """Return the rules of the daemon and its models, and a file for each model that has an objective with a target."""
    all_promised = promised(settings)
    files = [RuleFile(OPERATION, operation.groups(settings))]
    for name in settings.models:
        groups = tuple(group for of in all_promised if of.model.name == name for group in objective.groups(of))
        if groups:
            files.append(RuleFile(f"{OBJECTIVES}/{file_name(name)}.yml", groups))
    return tuple(files)


def file_name(model: str) -> str:
    """Return a name for a model's files, without its end: percent-encoded, and different for different models.

    What ends in `_test` would be taken for a test; what is too long for a file is cut and gets a fingerprint.
    """
    name = quote(model, safe="")
    if name.endswith(_TESTS_END):
        name = name.removesuffix(_TESTS_END) + "%5Ftest"
    if len(name) > _LONGEST:
        name = f"{name[:_KEPT]}-{hashlib.sha256(model.encode()).hexdigest()[:16]}"
    return name
