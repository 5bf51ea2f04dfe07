"""Files with secrets that alerts need: whether they are there. What stands in them is never kept or shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.config.places import unreadable
from monitor.errors import InputError, Problem

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.config.settings import Settings

_ENOUGH = 64 * 2**10
"""Bytes that are looked at: what begins with so many blanks is no key."""


def require_key_files(settings: Settings) -> None:
    """Raise InputError where a key file of `alerting` is missing, empty or cannot be read."""
    problems = key_file_problems(settings)
    if problems:
        raise InputError(*problems)


def key_file_problems(settings: Settings) -> list[Problem]:
    """Return what is wrong with the key files of `alerting`."""
    alerting = settings.alerting
    named = (
        ("pagerduty_key_file", alerting.pagerduty_key_file, "PagerDuty's integration key"),
        ("slack_url_file", alerting.slack_url_file, "Slack's webhook address"),
    )
    problems = []
    for key, path, what in named:
        finding = "" if path is None else unusable_secret(path)
        if finding:
            place = f"{settings.path or 'configuration'}: alerting.{key}"
            remedy = f"write {what} into it, or remove the key: then nothing goes there"
            problems.append(Problem(place, f"{path} {finding}", remedy))
    return problems


def unusable_secret(path: Path) -> str:
    """Say why a key file is of no use; nothing where it is."""
    finding = unreadable(path)
    if finding:
        return finding
    if not path.is_file():
        return "is no file: whoever reads it would wait"
    try:
        with path.open("rb") as file:
            return "" if file.read(_ENOUGH).strip() else "is empty"
    except (OSError, ValueError) as error:
        return f"cannot be read: {getattr(error, 'strerror', None) or error}"
