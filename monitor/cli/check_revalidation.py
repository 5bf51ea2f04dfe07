"""What `check` looks at of re-validation: files that it names, folders that it writes, and what it needs installed."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from monitor.config.key_files import unusable_secret
from monitor.config.places import unreadable, unusable, unwritable
from monitor.config.revalidation import CommandAction, CrossvalAction, KubernetesAction, WebhookAction
from monitor.config.server import is_loopback
from monitor.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.config import ModelSettings, Settings
    from monitor.config.revalidation import ActionSettings, TrainingRows, Unless, When

_GLOB: Final = "*?["
_SECRETS: Final = {
    "secret_file": "the secret that the receiver checks signatures with",
    "token_file": "the token of `Authorization: Bearer`",
    "url_file": "the address of the database",
}
"""Key -> what belongs into its file."""


def revalidation_problems(settings: Settings) -> list[Problem]:
    """Return what is wrong with files that actions are made of: templates and secrets. Training data may come later."""
    problems: list[Problem] = []
    for place, action in _actions(settings):
        for key, path in _secrets(action):
            finding = unusable_secret(path)
            if finding:
                problems.append(
                    Problem(f"{place}.{key}", f"{path} {finding}", f"write {_SECRETS[key.rpartition('.')[2]]} into it")
                )
        if isinstance(action, KubernetesAction):
            problems += _template_problems(f"{place}.template", action.template)
    return list(dict.fromkeys(problems))


def _template_problems(place: str, path: Path) -> Iterator[Problem]:
    """Yield what keeps a Job from being started."""
    from monitor.config.job_template import read_job_template

    try:
        read_job_template(path)
    except InputError as error:
        yield from (Problem(place, f"{one.place}: {one.finding}", one.remedy) for one in error.problems)


def revalidation_doubts(settings: Settings) -> Iterator[Problem]:
    """Yield what is valid, and will fail when the time comes if it stays as it is."""
    file = str(settings.path or "configuration")
    yield from _of_folders(settings, file)
    for place, action in _actions(settings):
        if isinstance(action, CrossvalAction):
            yield from _of_crossval(place, action, settings)
        elif isinstance(action, CommandAction):
            yield from _of_program(f"{place}.argv", action.argv[0], _folder(settings))
        elif isinstance(action, KubernetesAction):
            yield from _needs(f"{place}.kind", "kubernetes", "kubernetes")
        elif action.secret_file is None and action.token_file is None:
            finding = "is missing: whoever gets the POST cannot tell that it is from foldwatch"
            yield Problem(f"{place}.secret_file", finding, "add it, and check `X-Foldwatch-Signature-256` there")
    if settings.mlflow is not None:
        yield from _needs(f"{file}: mlflow", "mlflow", "mlflow")
    yield from _of_daemon(settings, file)


def _of_folders(settings: Settings, file: str) -> Iterator[Problem]:
    """Yield folders that cannot be written by us, and drift that nobody could look at."""
    for name, model in settings.models.items():
        if model.revalidation is None:
            continue
        place, folder = f"{file}: models.{name}.revalidate", model.revalidation.promote_to
        finding = unusable(folder)
        if finding:
            remedy = "make it writable for whoever promotes: the daemon, or `foldwatch revalidate` where none runs"
            yield Problem(f"{place}.promote_to", f"{folder} {finding}", remedy)
        if model.revalidation.when.drift_share is not None:
            yield from _needs(f"{place}.when.drift_share", "evidently", "drift")
    if settings.ledger is not None and any(model.revalidation for model in settings.models.values()):
        finding = unwritable(settings.ledger)
        if finding:
            remedy = "make its folder writable, or name another"
            yield Problem(f"{file}: ledger", f"{settings.ledger} {finding}", remedy)


def revalidation_lines(model: ModelSettings) -> Iterator[str]:
    """Yield what was understood of `revalidate`, line by line; nothing where it is absent."""
    one = model.revalidation
    if one is None:
        return
    version = f", brings version {one.action.version}" if one.action.version is not None else ""
    yield f"  revalidate {one.action.kind}{version}, into {one.promote_to}"
    yield f"    when     {_triggers(one.when)}"
    yield f"    unless   {_guards(one.unless)}"
    spread = f", at most {one.gate.max_fold_sd:g} between folds" if one.gate.max_fold_sd is not None else ""
    approval = ", approved by hand" if one.gate.approval == "manual" else ""
    yield f"    gate     against {one.gate.yardstick}{spread}{approval}"
    if one.on_promote is not None:
        yield f"    tells    {one.on_promote.kind}"


def revalidation_top_lines(settings: Settings) -> Iterator[str]:
    """Yield where the ledger, MLflow and the daemon are, as far as anything asks for them."""
    if settings.ledger is not None and any(model.revalidation for model in settings.models.values()):
        yield f"ledger     {settings.ledger}"
    if settings.mlflow is not None:
        yield f"mlflow     {settings.mlflow.tracking_uri}, experiment {settings.mlflow.experiment}"
    if settings.daemon is not None and settings.daemon.url is not None:
        yield f"daemon     {settings.daemon.url}"


def _triggers(when: When) -> str:
    """Name the triggers with their limits."""
    named = [
        ("budget_spent", when.budget_spent),
        ("worse_evaluations", when.worse_evaluations),
        ("drift_share", when.drift_share),
        ("baseline_age", when.baseline_age and when.baseline_age.text),
        ("new_labels", when.new_labels),
    ]
    told = [f"{key} {value}" for key, value in named if value is not None]
    return ", ".join([*told, *(["new_version"] if when.new_version else [])]) or "asked to with --force"


def _guards(unless: Unless) -> str:
    """Name the guards with their limits; two always hold."""
    named = [
        ("cool_down", unless.cool_down and unless.cool_down.text),
        ("per_week", unless.per_week),
        ("quiet", " ".join(span.text for span in unless.quiet) or None),
        ("labels_per_class", unless.labels_per_class),
    ]
    return ", ".join([*(f"{key} {value}" for key, value in named if value is not None), "data_gates", "open_run"])


def _actions(settings: Settings) -> Iterator[tuple[str, ActionSettings]]:
    """Yield each action and each `on_promote`, behind its place."""
    file = str(settings.path or "configuration")
    for name, model in settings.models.items():
        if model.revalidation is not None:
            place = f"{file}: models.{name}.revalidate"
            yield f"{place}.action", model.revalidation.action
            if model.revalidation.on_promote is not None:
                yield f"{place}.on_promote", model.revalidation.on_promote


def _secrets(action: ActionSettings) -> Iterator[tuple[str, Path]]:
    """Yield (key, file) of the secrets that an action needs."""
    if isinstance(action, WebhookAction):
        named = (("secret_file", action.secret_file), ("token_file", action.token_file))
        yield from ((key, path) for key, path in named if path is not None)
    elif isinstance(action, CrossvalAction) and action.data.url_file is not None:
        yield "data.url_file", action.data.url_file


def _of_crossval(place: str, action: CrossvalAction, settings: Settings) -> Iterator[Problem]:
    """Yield training data and an estimator that are not there, and libraries."""
    yield from _needs(f"{place}.kind", "sklearn", "crossval")
    folder = _folder(settings)
    yield from _of_rows(f"{place}.data", action.data, folder)
    module = action.estimator.partition(":")[0].partition(".")[0]
    beside = (folder / f"{module}.py", folder / module)
    if not any(path.exists() for path in beside) and not _importable(module):
        finding = f"there is no module {module} here, on PYTHONPATH or in {folder}"
        yield Problem(f"{place}.estimator", finding, "put it there, or set PYTHONPATH where `revalidate` runs")


def _folder(settings: Settings) -> Path:
    """Return where programs run and modules are looked for first: beside the configuration."""
    return Path() if settings.path is None else settings.path.parent


def _importable(module: str) -> bool:
    """Tell whether a module that stands in no package is found, without importing anything."""
    return module in sys.builtin_module_names or find_spec(module) is not None


def _of_rows(place: str, rows: TrainingRows, folder: Path) -> Iterator[Problem]:
    """Yield what is not there yet of the rows' source."""
    if rows.command:
        yield from _of_program(f"{place}.command", rows.command[0], folder)
    if rows.query is not None:
        yield from _needs(f"{place}.query", "sqlalchemy", "sql")
    if rows.file is None or rows.file.is_dir():
        return
    missing = "is not there" if any(sign in rows.file.name for sign in _GLOB) else unreadable(rows.file)
    if missing and not any(rows.file.parent.glob(rows.file.name)):
        yield Problem(place, f"{rows.file} {missing}", "it has to be there where and when `foldwatch revalidate` runs")


def _of_program(place: str, program: str, folder: Path) -> Iterator[Problem]:
    """Yield that a program cannot be found: on PATH, or where it is named with a folder, beside the configuration."""
    if "{" not in program and shutil.which(str(folder / program) if "/" in program else program) is None:
        yield Problem(place, f"there is no program {program} here", "install it where `foldwatch revalidate` runs")


def _needs(place: str, module: str, extra: str) -> Iterator[Problem]:
    """Yield that a library is not installed."""
    if find_spec(module) is None:
        remedy = f"pip install 'foldwatch[{extra}]' where `foldwatch revalidate` runs"
        yield Problem(place, f"`{extra}` is not installed here", remedy)


def _of_daemon(settings: Settings, file: str) -> Iterator[Problem]:
    """Yield what keeps `revalidate` from the daemon, or lets others listen."""
    daemon = settings.daemon
    if daemon is None:
        return
    for key, path in (
        ("token_file", daemon.token_file),
        ("ca_file", daemon.ca_file),
        ("cert_file", daemon.cert_file),
        ("key_file", daemon.key_file),
    ):
        finding = "" if path is None else unreadable(path)
        if finding:
            remedy = "it has to be readable where `foldwatch revalidate` runs"
            yield Problem(f"{file}: daemon.{key}", f"{path} {finding}", remedy)
    parts = urlsplit(daemon.url or "")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        finding = "without TLS the token crosses the network in clear"
        yield Problem(f"{file}: daemon.url", finding, "write `https://…`, unless something in front of it encrypts")
