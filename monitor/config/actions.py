"""`action` and `on_promote`: what a re-validation does, one kind at a time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from monitor.config import action_keys as keys
from monitor.config.kinds import entries, item_at, shown
from monitor.config.placeholders import placeholder_problems
from monitor.config.revalidation import (
    CommandAction,
    CrossvalAction,
    KubernetesAction,
    WebhookAction,
)
from monitor.config.section import Section
from monitor.config.training_rows import read_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from monitor.config.kinds import At
    from monitor.config.revalidation import ActionSettings
    from monitor.config.section import Key, Table

_GROUPED = ("group", "stratified-group")
_REPEATED = "repeated-stratified"
_REPEATS = 10
"""Of repeated-stratified, where nothing is said: as `baseline crossval`."""
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_SECRET_HEADER = re.compile(r"authorization|cookie|token|secret|password|api-?key|credential", re.IGNORECASE)
_OURS = ("host", "content-length", "transfer-encoding", "connection", "idempotency-key")
_OUR_PREFIX = "x-foldwatch-"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def read_action(at: At, folder: Path, tables: tuple[Table, ...]) -> ActionSettings | None:
    """Read `action`; None where something in it is wrong, which is reported. Paths are below `folder`."""
    section = _section(at, keys.KIND, keys.BY_KIND, tables)
    if section is None:
        return None
    before = len(at.problems)
    kind = section.get(keys.KIND)
    if kind == keys.CROSSVAL:
        action: ActionSettings | None = _crossval(section, folder, tables)
    elif kind == keys.KUBERNETES:
        action = _kubernetes(section, folder)
    else:
        action = _command(section, folder) if kind == keys.COMMAND else _webhook(section, folder)
    return action if len(at.problems) == before else None


def read_on_promote(at: At, folder: Path, tables: tuple[Table, ...]) -> CommandAction | WebhookAction | None:
    """Read `on_promote`; None where something in it is wrong, which is reported."""
    section = _section(at, keys.TELL_KIND, keys.TELL_BY_KIND, tables)
    if section is None:
        return None
    before = len(at.problems)
    told = _command(section, folder) if section.get(keys.TELL_KIND) == keys.COMMAND else _webhook(section, folder)
    return told if len(at.problems) == before else None


def _section(at: At, key: Key[str], by_kind: Sequence[tuple[str, Table]], tables: tuple[Table, ...]) -> Section | None:
    """Return the section under the table of its kind; None where it has no kind that is known, which is reported."""
    before = len(at.problems)
    written = dict(entries(at))
    if len(at.problems) > before:
        return None
    kinds = [kind for kind, _ in by_kind]
    if key.name not in written:
        at.report("`kind` is missing", f"add `kind`, one of: {', '.join(kinds)}")
        return None
    kind = key.kind.read(written[key.name])
    found = next((table for name, table in by_kind if name == kind), None)
    return None if found is None else Section(at, found, tables)


def _crossval(section: Section, folder: Path, tables: tuple[Table, ...]) -> CrossvalAction | None:
    """Read a cross-validation and hold its columns and its scheme against each other."""
    data_at = section.get(keys.DATA)
    data = None if data_at is None else read_rows(data_at, folder, tables)
    target, estimator, features = section.get(keys.TARGET), section.get(keys.ESTIMATOR), section.get(keys.FEATURES)
    groups, time, scheme = section.get(keys.GROUPS), section.get(keys.TIME), section.get(keys.SCHEME)
    folds, seed, limit = section.get(keys.FOLDS), section.get(keys.SEED), section.get(keys.TIME_LIMIT)
    jobs, memory, age = section.get(keys.JOBS), section.get(keys.MEMORY_LIMIT), section.get(keys.MAX_DATA_AGE)
    _check_columns(section, target, features, groups, time)
    repeats = _scheme(section, scheme)
    if data is None or target is None or estimator is None or scheme is None:
        return None
    if folds is None or seed is None or limit is None or repeats is None:
        return None
    return CrossvalAction(
        data=data,
        target=target,
        estimator=estimator,
        features=features,
        groups=groups,
        time=time,
        scheme=scheme,
        folds=folds,
        repeats=repeats,
        seed=seed,
        jobs=jobs,
        time_limit=limit.millis,
        memory_limit=memory,
        max_data_age=age,
        version=section.get(keys.VERSION),
    )


def _check_columns(
    section: Section, target: str | None, features: tuple[str, ...] | None, groups: str | None, time: str | None
) -> None:
    """Report columns that a model must not see among its features, and columns with two meanings."""
    at = section.value(keys.FEATURES)
    if features is not None and not features:
        at.report("is empty", "name the columns that the model sees, or remove it: then it is all but the target")
    for i, name in enumerate(features or ()):
        role = next((what for what, column in _roles(target, groups, time) if column == name), None)
        if role is not None:
            item_at(at, i).report(f"{shown(name)} is the {role}", "leave it out: a model must not see it")
        elif name in (features or ())[:i]:
            item_at(at, i).report(f"{shown(name)} stands there twice", "name each column once")
    if target is not None:
        for key, column in ((keys.GROUPS, groups), (keys.TIME, time)):
            if column == target:
                section.value(key).report(f"{shown(column)} is the target", "name another column")


def _roles(target: str | None, groups: str | None, time: str | None) -> tuple[tuple[str, str | None], ...]:
    return ("target", target), ("column of groups", groups), ("column of time", time)


def _scheme(section: Section, scheme: str | None) -> int | None:
    """Hold groups and repeats against the scheme; return the repeats, None where they are wrong."""
    if scheme in _GROUPED and keys.GROUPS not in section:
        section.at.report(f"`groups` is missing: scheme {scheme} needs a group of each row", "add `groups: COLUMN`")
    repeats = section.get(keys.REPEATS)
    if keys.REPEATS not in section:
        return _REPEATS if scheme == _REPEATED else 1
    if repeats is not None and repeats > 1 and scheme is not None and scheme != _REPEATED:
        remedy = f"write `scheme: {_REPEATED}`, or remove it"
        section.value(keys.REPEATS).report(f"scheme {scheme} has no repeats", remedy)
    return repeats


def _command(section: Section, folder: Path) -> CommandAction | None:
    """Read a local program."""
    argv, limit = section.get(keys.ARGV), section.get(keys.TIME_LIMIT)
    if argv is not None and not argv:
        section.value(keys.ARGV).report("is empty", "name the program, such as `[python, train.py]`")
    memory = section.get(keys.MEMORY_LIMIT)
    result, version = _optional(section, keys.RESULT), _optional(section, keys.VERSION)
    if argv is None or limit is None:
        return None
    return CommandAction(argv, _below(folder, result), limit.millis, memory, version)


def _webhook(section: Section, folder: Path) -> WebhookAction | None:
    """Read a POST."""
    url, limit, body = section.get(keys.URL), section.get(keys.TIME_LIMIT), section.get(keys.BODY)
    secret, token = section.get(keys.SECRET_FILE), section.get(keys.TOKEN_FILE)
    for finding in () if body is None else placeholder_problems(body):
        section.value(keys.BODY).report(finding, "correct the template; without it the body is the decision")
    headers_at = section.get(keys.HEADERS)
    headers = {} if headers_at is None else _headers(headers_at)
    result, version = _optional(section, keys.RESULT), _optional(section, keys.VERSION)
    if url is None or limit is None:
        return None
    return WebhookAction(
        url=url,
        secret_file=_below(folder, secret),
        body=body,
        headers=headers,
        token_file=_below(folder, token),
        result=_below(folder, result),
        time_limit=limit.millis,
        version=version,
    )


def _headers(at: At) -> dict[str, str]:
    """Read name -> text; no secrets, and none that we set ourselves."""
    headers: dict[str, str] = {}
    for name, value in entries(at):
        text = keys.BODY.kind.read(value)
        if not _HEADER.fullmatch(name):
            value.report(f"{shown(name)} cannot name a header", "use letters, digits and `-` alone")
        elif _SECRET_HEADER.search(name):
            value.report(f"{shown(name)} would be a secret in the configuration", "write it into a file: `token_file`")
        elif name.lower() in _OURS or name.lower().startswith(_OUR_PREFIX):
            value.report(f"{shown(name)} is set by foldwatch", "remove it")
        elif text is not None and _CONTROL.search(text):
            value.report("has a line feed or another control character in it", "write one line")
        elif text is not None:
            headers[name] = text
    return headers


def _kubernetes(section: Section, folder: Path) -> KubernetesAction | None:
    """Read a Job."""
    template, limit = section.get(keys.TEMPLATE), section.get(keys.TIME_LIMIT)
    namespace, result = section.get(keys.NAMESPACE), section.get(keys.RESULT)
    version = section.get(keys.VERSION)
    if template is None or limit is None:
        return None
    return KubernetesAction(folder / template, namespace, _below(folder, result), limit.millis, version)


def _optional(section: Section, key: Key[str]) -> str | None:
    """Return a key that not every table of its kind has; where it has none, nothing was read and nothing is."""
    return section.get(key) if key in section else None


def _below(folder: Path, name: str | None) -> Path | None:
    return None if name is None else folder / name
