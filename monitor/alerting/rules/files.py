"""Which files of rules a configuration makes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from monitor.alerting.rules import objective, operation, windows
from monitor.alerting.rules.promise import promised
from monitor.alerting.rules.rule import RuleFile

if TYPE_CHECKING:
    from monitor.config.settings import Settings

OPERATION: Final = "foldwatch.yml"
WINDOWS: Final = "objectives.yml"
"""What is recorded of all objectives at once: the files of models read it."""
OBJECTIVES: Final = "objectives"
_TESTS_END: Final = "_test"
_LONGEST: Final = 200
_KEPT: Final = 120


def rule_files(settings: Settings) -> tuple[RuleFile, ...]:
    """Return the rules of the daemon and what it is fed with, and those of objectives with a target.

    What is recorded of all of them stands before the models' files, which read it.
    """
    all_promised = promised(settings)
    files = [RuleFile(OPERATION, operation.groups(settings))]
    if all_promised:
        files.append(RuleFile(WINDOWS, windows.groups(all_promised)))
    for name in settings.models:
        own = [of for of in all_promised if of.model.name == name]
        if own:
            files.append(RuleFile(f"{OBJECTIVES}/{file_name(name)}.yml", objective.groups(own)))
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
