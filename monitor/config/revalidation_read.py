"""`revalidate` of a model, and `ledger`, `mlflow`, `daemon` of the whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from monitor.clock import DAY
from monitor.config import revalidation_keys as keys
from monitor.config.actions import read_action, read_on_promote
from monitor.config.kinds import entries
from monitor.config.revalidation import DaemonSettings, GateSettings, MlflowSettings, Revalidation, Unless, When
from monitor.config.revalidation_kinds import tracking_beside
from monitor.config.section import Section
from monitor.config.settings import Duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from monitor.config.kinds import At
    from monitor.config.section import Table
    from monitor.config.settings import ModelSettings, Objective

LEDGER_NAME = "ledger.jsonl"
_COOL_DOWN = Duration(DAY, "1d")
"""Where `unless` is absent: whoever says nothing does not train all day."""


def read_revalidation(
    at: At, folder: Path, objectives: Sequence[Objective] | None, tables: tuple[Table, ...]
) -> Revalidation | None:
    """Read `revalidate`; None where something in it is wrong, which is reported. Paths are below `folder`.

    `objectives` are the model's, None where they are wrong themselves and nothing is held against them.
    """
    before = len(at.problems)
    section = Section(at, keys.REVALIDATE_TABLE, tables)
    when_at, unless_at = section.get(keys.WHEN), section.get(keys.UNLESS)
    when = When() if when_at is None else _when(Section(when_at, keys.WHEN_TABLE, tables), objectives)
    unless = (
        Unless(cool_down=_COOL_DOWN) if unless_at is None else _unless(Section(unless_at, keys.UNLESS_TABLE, tables))
    )
    action_at, tell_at, gate_at = section.get(keys.ACTION), section.get(keys.ON_PROMOTE), section.get(keys.GATE)
    action = None if action_at is None else read_action(action_at, folder, tables)
    on_promote = None if tell_at is None else read_on_promote(tell_at, folder, tables)
    gate = GateSettings() if gate_at is None else _gate(Section(gate_at, keys.GATE_TABLE, tables))
    promote_to = section.get(keys.PROMOTE_TO)
    if len(at.problems) > before or action is None or gate is None or promote_to is None:
        return None
    return Revalidation(action, folder / promote_to, when, unless, gate, on_promote)


def _when(section: Section, objectives: Sequence[Objective] | None) -> When:
    """Read the triggers; those of objectives need one."""
    budget, worse = section.get(keys.BUDGET_SPENT), section.get(keys.WORSE_EVALUATIONS)
    if budget is not None and objectives is not None and not any(one.target is not None for one in objectives):
        finding = "never fires: no objective of this model has an error budget"
        remedy = "give an objective a `target`, such as `target: 0.95`, or remove it"
        section.value(keys.BUDGET_SPENT).report(finding, remedy)
    if worse is not None and objectives is not None and not objectives:
        finding = "never fires: this model has no objective"
        remedy = "add one to `objectives`: what is not promised gets no verdict, or remove it"
        section.value(keys.WORSE_EVALUATIONS).report(finding, remedy)
    new_version = section.get(keys.NEW_VERSION)
    return When(
        budget_spent=budget,
        worse_evaluations=worse,
        drift_share=section.get(keys.DRIFT_SHARE),
        baseline_age=section.get(keys.BASELINE_AGE),
        new_labels=section.get(keys.NEW_LABELS),
        new_version=bool(new_version),
    )


def _unless(section: Section) -> Unless:
    """Read the guards."""
    return Unless(
        cool_down=section.get(keys.COOL_DOWN),
        per_week=section.get(keys.PER_WEEK),
        quiet=section.get(keys.QUIET) or (),
        labels_per_class=section.get(keys.LABELS_PER_CLASS),
    )


def _gate(section: Section) -> GateSettings | None:
    """Read what a candidate has to pass."""
    yardstick, approval = section.get(keys.YARDSTICK), section.get(keys.APPROVAL)
    most = section.get(keys.MAX_FOLD_SD)
    return None if yardstick is None or approval is None else GateSettings(yardstick, most, approval)


def read_ledger(top: Section, folder: Path, tables: tuple[Table, ...]) -> Path | None:
    """Read `ledger`; None where it is absent, or wrong, which is reported."""
    at = top.get(keys.LEDGER)
    path = None if at is None else Section(at, keys.LEDGER_TABLE, tables).get(keys.LEDGER_PATH)
    return None if path is None else folder / path


def default_ledger(store: Path | None, models: Iterable[ModelSettings]) -> Path | None:
    """Return where the ledger is kept when nobody says so: beside the state, else beside the first baselines."""
    if store is not None:
        return store / LEDGER_NAME
    folders = (model.revalidation.promote_to for model in models if model.revalidation is not None)
    folder = next(folders, None)
    return None if folder is None else folder / LEDGER_NAME


def check_folders(
    top: Section, models_at: At | None, store: Path | None, ledger: Path | None, models: Iterable[ModelSettings]
) -> None:
    """Report what would lie among the state's own files: whoever opens it next would refuse the folder."""
    if store is None:
        return
    if ledger is not None and _same(ledger.parent, store) and ledger.name != LEDGER_NAME:
        at = top.value(keys.LEDGER)
        finding = f"{ledger} would lie among the files of the state"
        at.report(finding, f"write `path: {ledger.with_name(LEDGER_NAME)}`, remove it, or name another folder")
    named = {model.name for model in models if model.revalidation and _same(model.revalidation.promote_to, store)}
    for name, model in () if models_at is None else entries(models_at):
        if name in named:
            written = dict(entries(dict(entries(model))[keys.REVALIDATE.name]))
            at = written.get(keys.PROMOTE_TO.name, model)
            at.report("is the folder of the state, which holds nothing else", "name another folder: `baselines`")


def _same(one: Path, other: Path) -> bool:
    return os.path.normpath(one.absolute()) == os.path.normpath(other.absolute())


def read_mlflow(top: Section, folder: Path, tables: tuple[Table, ...]) -> MlflowSettings | None:
    """Read `mlflow`; None where it is absent, or wrong, which is reported."""
    at = top.get(keys.MLFLOW)
    if at is None:
        return None
    section = Section(at, keys.MLFLOW_TABLE, tables)
    uri, experiment = section.get(keys.TRACKING_URI), section.get(keys.EXPERIMENT)
    return None if uri is None or experiment is None else MlflowSettings(tracking_beside(uri, folder), experiment)


def read_daemon(top: Section, folder: Path, tables: tuple[Table, ...]) -> DaemonSettings | None:
    """Read `daemon`; None where it is absent, or wrong, which is reported."""
    at = top.get(keys.DAEMON)
    if at is None:
        return None
    section = Section(at, keys.DAEMON_TABLE, tables)
    url = section.get(keys.DAEMON_URL)
    files = {
        key.name: None if name is None else folder / name
        for key in (keys.DAEMON_TOKEN_FILE, keys.DAEMON_CA_FILE, keys.DAEMON_CERT_FILE, keys.DAEMON_KEY_FILE)
        for name in (section.get(key),)
    }
    for key, other in (
        (keys.DAEMON_CERT_FILE, keys.DAEMON_KEY_FILE),
        (keys.DAEMON_KEY_FILE, keys.DAEMON_CERT_FILE),
    ):
        if key in section and other not in section:
            section.value(key).report(f"is of no use without `{other.name}`", f"add `{other.name}`, or remove it")
    return DaemonSettings(url, **files)
