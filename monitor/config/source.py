"""`source`: where events come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.config import source_keys as keys
from monitor.config.fields import read_fields
from monitor.config.keys import TABLES
from monitor.config.kinds import shown
from monitor.config.near import meant
from monitor.config.section import Section
from monitor.config.security import read_security
from monitor.config.settings import DeadLetters, Input, Security, SourceSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from monitor.config.kinds import At
    from monitor.config.section import Key, Table
    from monitor.config.settings import ModelSettings


def read_source(at: At | None, folder: Path, models: Sequence[ModelSettings | None]) -> SourceSettings | None:
    """Read `source`; None where something in it is wrong.

    Paths are below `folder`. `models` are all that are configured, None for those that could not be read.
    """
    if at is None:
        return SourceSettings()
    section = Section(at, keys.SOURCE_TABLE, TABLES)
    kind, start, client = section.get(keys.KIND), section.get(keys.START), section.get(keys.CLIENT)
    skew, group = section.get(keys.MAX_CLOCK_SKEW), section.get(keys.GROUP_ID)
    known = [model for model in models if model is not None] if None not in models else []
    predictions = _input(
        section, keys.PREDICTIONS, keys.PREDICTIONS_TABLE, folder, kind, [each.classes for each in known]
    )
    labels = _input(section, keys.LABELS, keys.LABELS_TABLE, folder, kind, [])
    dead_letters = _dead_letters(section, folder, kind)
    model, version = _defaults(section, [each.name for each in known])
    security = _security(section, folder)
    if kind == "files":
        _without_kafka(section)
    servers = section.get(keys.BOOTSTRAP_SERVERS)
    _distinct(section, "topic", (predictions.topic, labels.topic, dead_letters.topic))
    _distinct(section, "file", (predictions.path, labels.path, dead_letters.path))
    if skew is None or start is None or client is None or group is None or security is None:
        return None
    return SourceSettings(
        kind=kind,
        client=client,
        bootstrap_servers=servers or (),
        group_id=group,
        start=start,
        predictions=predictions,
        labels=labels,
        dead_letters=dead_letters,
        default_model=model,
        default_version=version,
        max_clock_skew=skew.millis,
        security=security,
    )


def _input(
    source: Section,
    key: Key[At],
    table: Table,
    folder: Path,
    kind: str | None,
    classes: Sequence[tuple[str, ...]],
) -> Input:
    """Read one input of events."""
    at = source.get(key)
    if at is None:
        return Input()
    section = Section(at, table, TABLES)
    topic = _of_kind(section, keys.INPUT_TOPIC, kind, "kafka", f"write `path: logs/{key.name}.jsonl`")
    path = _of_kind(section, keys.INPUT_PATH, kind, "files", f"write `topic: {key.name}`")
    fields_at = section.get(keys.FIELDS)
    fields = read_fields(fields_at, labels=key is keys.LABELS, classes=classes) if fields_at else {}
    return Input(folder / path if path else None, topic, fields)


def _dead_letters(source: Section, folder: Path, kind: str | None) -> DeadLetters:
    """Read `dead_letters`."""
    at = source.get(keys.DEAD_LETTERS)
    if at is None:
        return DeadLetters()
    section = Section(at, keys.DEAD_LETTERS_TABLE, TABLES)
    topic = _of_kind(section, keys.DEAD_LETTERS_TOPIC, kind, "kafka", "write `path: dead-letters.jsonl`")
    path = _of_kind(section, keys.DEAD_LETTERS_PATH, kind, "files", "write `topic: foldwatch-dead-letters`")
    share = section.get(keys.HALT_SHARE)
    return DeadLetters(folder / path if path else None, topic, DeadLetters().halt_share if share is None else share)


def _of_kind(section: Section, key: Key[str], kind: str | None, wanted: str, remedy: str) -> str | None:
    """Read a key that only one kind of source has a use for; without any kind it may stand there."""
    if key in section and kind is not None and kind != wanted:
        section.value(key).report(f"is for `kind: {wanted}`, and this source is `kind: {kind}`", remedy)
        return None
    return section.get(key)


def _without_kafka(section: Section) -> None:
    """Report what files have no use for."""
    for key in keys.KAFKA_ALONE:
        if key in section:
            finding = "is for `kind: kafka`, and this source is `kind: files`"
            section.value(key).report(finding, "remove it, or write `kind: kafka` and name the topics")


def _security(source: Section, folder: Path) -> Security | None:
    """Read `security`."""
    at = source.get(keys.SECURITY)
    return Security() if at is None else read_security(Section(at, keys.SECURITY_TABLE, TABLES), folder)


def _defaults(source: Section, models: Sequence[str]) -> tuple[str | None, str | None]:
    """Read `defaults`; a default model has to be a configured one."""
    at = source.get(keys.DEFAULTS)
    if at is None:
        return None, None
    section = Section(at, keys.DEFAULTS_TABLE, TABLES)
    model, version = section.get(keys.DEFAULT_MODEL), section.get(keys.DEFAULT_VERSION)
    if model is not None and models and model not in models:
        section.value(keys.DEFAULT_MODEL).report(f"{shown(model)} is not among the models", meant(model, models))
    return model, version


def _distinct(source: Section, what: str, named: Sequence[Path | str | None]) -> None:
    """Report a topic or file that predictions, labels and dead letters share: what is written would be read again."""
    seen: dict[Path | str, str] = {}
    for name, place in zip(("predictions", "labels", "dead_letters"), named, strict=True):
        if place is not None and place in seen:
            finding = f"`{name}` and `{seen[place]}` name the same {what} {place}"
            source.at.report(finding, f"give each a {what} of its own")
        elif place is not None:
            seen[place] = name
