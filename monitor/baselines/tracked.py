"""Baselines in MLflow: read from a run, and every re-validation kept as one. The only file that knows MLflow.

MLflow is imported when it is needed and not before: it takes seconds. It reports nothing home, and gives up soon where
its server is away (both can be set otherwise in the environment).
"""

from __future__ import annotations

import logging
import os
import posixpath
import re
import tempfile
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from monitor.baselines.file import of_bytes
from monitor.errors import FoldwatchError, InputError, Problem
from monitor.statistics.fold_scores import fold_values
from monitor.statistics.names import PER_CLASS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from monitor.config import Settings
    from monitor.config.revalidation import MlflowSettings
    from monitor.statistics.baseline import Baseline

ALIAS: Final = "foldwatch"
BASELINE: Final = "baseline.json"
"""Name of the artifact."""
RUN_TAG: Final = "foldwatch.run"
BASELINE_TAG: Final = "foldwatch.baseline"
_VERB_TAG: Final = "foldwatch.decision"
_EXTRA: Final = "pip install 'foldwatch[mlflow]'"
_ENVIRONMENT: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
_BATCH: Final = 900
"""Metrics sent at once: MLflow takes a thousand."""
_MOST_SAID: Final = 300
_NOT_BASELINES: Final = (".timings.json", ".features.json")


class MlflowAway(FoldwatchError):  # noqa: N818 - the state of the world, named as it is reported
    """MLflow cannot be had: not installed, away, or it refused. The message says which; trying again may work."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One decided re-validation, as MLflow keeps it."""

    run: str
    """Our key: the same again is the same run of MLflow."""
    verb: str
    """promoted, rejected, rollback: the alias moves unless it was rejected."""
    baseline: Baseline
    document: bytes
    """The baseline file."""
    started: int
    """Epoch ms."""
    ended: int
    in_force: bool = False
    """Whether the alias of the registered model moves to it."""
    artifacts: Mapping[str, bytes] = field(default_factory=dict)
    """File name -> bytes."""


def read_tracked(settings: Settings, run_id: str) -> Baseline:
    """Return the baseline that is an artifact of a run.

    Raises InputError: MLflow is not installed, cannot be reached, or has no such run or no baseline in it.
    """
    place = f"mlflow:{run_id}"
    try:
        if settings.mlflow is None:
            raise InputError(Problem(place, "`mlflow:` is not configured", "write `mlflow: {tracking_uri: …}`"))
        client = _client(settings.mlflow)
        with _errors(settings.mlflow):
            run = client.get_run(run_id)
            names = [item.path for item in client.list_artifacts(run_id) if not item.is_dir]
            wanted = _baseline_among(names)
            if wanted is None:
                found = ", ".join(names) or "none"
                finding = f"has no baseline among its artifacts ({found})"
                raise InputError(Problem(place, finding, f"log a baseline file as `{BASELINE}`, or name another run"))
            with tempfile.TemporaryDirectory() as folder:
                content = Path(client.download_artifacts(run_id, wanted, folder)).read_bytes()
    except MlflowAway as away:
        remedy = "correct the run or `mlflow.tracking_uri`, or name a file"
        raise InputError(Problem(place, str(away), "" if _EXTRA in str(away) else remedy)) from None
    baseline = of_bytes(content, Path(f"{place}/{wanted}"))
    return replace(baseline, written_at=run.info.end_time or run.info.start_time)


class Tracking:
    """The experiment and the registered models of one configuration."""

    def __init__(self, settings: Settings) -> None:
        """Connect. Raises MlflowAway."""
        if settings.mlflow is None:
            message = "`mlflow:` is not configured"
            raise MlflowAway(message)
        self._settings = settings.mlflow
        self._client = _client(settings.mlflow)
        self._name = settings.mlflow.experiment
        with _errors(settings.mlflow):
            self._experiment = self._opened(settings.mlflow.tracking_uri)

    def keep(self, kept: Kept) -> str:
        """Keep one re-validation and return MLflow's id of its run; the same again changes nothing.

        Raises MlflowAway: then the next call goes on with what is missing.
        """
        with _errors(self._settings):
            run_id = self._run(kept)
            if kept.in_force:
                self._move_alias(kept, run_id)
        return run_id

    def _opened(self, uri: str) -> str:
        """Return the experiment's id, created where it is new; its files lie beside a SQLite database."""
        known = self._client.get_experiment_by_name(self._name)
        if known is not None:
            return str(known.experiment_id)
        beside = Path(uri.removeprefix("sqlite:///")).parent / "mlartifacts" if uri.startswith("sqlite:///") else None
        return str(self._client.create_experiment(self._name, None if beside is None else beside.as_uri()))

    def _run(self, kept: Kept) -> str:
        """Return the id of the finished run, made or completed where it is not there yet."""
        found = self._client.search_runs([self._experiment], f"tags.`{RUN_TAG}` = '{_tag(kept)}'", max_results=1)
        if found and found[0].info.status == "FINISHED":
            return str(found[0].info.run_id)
        run_id = str(found[0].info.run_id) if found else self._begun(kept)
        for name, value in parameters(kept.baseline).items():
            self._client.log_param(run_id, name, value)
        for part in _parts(_metrics(kept)):
            self._client.log_batch(run_id, metrics=part, synchronous=True)
        with tempfile.TemporaryDirectory() as folder:
            for name, content in {BASELINE: kept.document, **kept.artifacts}.items():
                path = Path(folder) / Path(name).name
                path.write_bytes(content)
                self._client.log_artifact(run_id, str(path))
        self._client.set_terminated(run_id, "FINISHED", kept.ended)
        return run_id

    def _begun(self, kept: Kept) -> str:
        """Create the run."""
        tags = {RUN_TAG: _tag(kept), BASELINE_TAG: kept.baseline.content_hash, _VERB_TAG: kept.verb}
        run = self._client.create_run(self._experiment, kept.started, tags, f"{kept.baseline.model} {kept.run}")
        return str(run.info.run_id)

    def _move_alias(self, kept: Kept, run_id: str) -> None:
        """Let the alias point to the version of the registered model that has this baseline."""
        name = registered_name(kept.baseline.model)
        if not self._client.search_registered_models(f"name = '{name}'", max_results=1):
            self._client.create_registered_model(name)
        versions = self._client.search_model_versions(f"name = '{name}'")
        same = [one for one in versions if one.tags.get(BASELINE_TAG) == kept.baseline.content_hash]
        if same:
            version = max(same, key=lambda one: int(one.version)).version
        else:
            source = self._client.get_run(run_id).info.artifact_uri
            tags = {BASELINE_TAG: kept.baseline.content_hash, "foldwatch.version": kept.baseline.version}
            version = self._client.create_model_version(name, source, run_id, tags).version
        self._client.set_registered_model_alias(name, ALIAS, version)


def parameters(baseline: Baseline) -> Mapping[str, str]:
    """Return the parameters of a run: what it takes to do the same again, and fingerprints of what went in."""
    about = baseline.about
    found = {
        "model": baseline.model,
        "version": baseline.version,
        "scheme": baseline.scheme,
        "folds": len(baseline.folds) // baseline.repeats,
        "repeats": baseline.repeats,
        "seed": baseline.seed,
        "baseline_sha256": baseline.content_hash,
        "fold_fingerprint": _within(about, "fold_assignment", "sha256"),
        "rows": _within(about, "fold_assignment", "rows"),
        "data_sha256": _within(about, "data", "sha256"),
        "estimator": _within(about, "estimator", "parameters"),
    }
    return {name: str(value)[:5_000] for name, value in found.items() if value is not None}


def registered_name(model: str) -> str:
    """Return the name of the registered model: MLflow knows neither `/` nor `:` in it, and we no quote."""
    return re.sub(r"[/:']", "_", model)


def metric_name(metric: str, class_: str | None) -> str:
    """Return `f1.leave`; what MLflow has no room for becomes `_`."""
    if class_ is None:
        return metric
    known = re.sub(r"[^\w.\- :/]", "_", class_)
    name = f"{metric}.{known}"
    return name if posixpath.normpath(name) == name else name.replace("/", "_")


def fold_metrics(baseline: Baseline) -> Iterator[tuple[str, float, int]]:
    """Yield name, value and number of the fold of everything that is defined in it."""
    for metric, found in fold_values(baseline.layout, [fold.counts for fold in baseline.folds]).items():
        for step, row in enumerate(found.tolist()):
            named = zip(baseline.classes, row, strict=True) if metric in PER_CLASS else [(None, row)]
            for class_, value in named:
                if value == value:  # noqa: PLR0124 - NaN is undefined
                    yield metric_name(metric, class_), float(value), step


def _metrics(kept: Kept) -> Sequence[Any]:
    from mlflow.entities import Metric  # noqa: PLC0415 - takes seconds, and may not be installed

    return [Metric(name, value, kept.ended, step) for name, value, step in fold_metrics(kept.baseline)]


def _parts(metrics: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for begin in range(0, len(metrics), _BATCH):
        yield metrics[begin : begin + _BATCH]


def _tag(kept: Kept) -> str:
    """Return what the run is found by: a baseline that is rolled back to may have come from another run."""
    return kept.run if kept.verb != "rollback" else f"{kept.run}-rollback"


def _within(about: Mapping[str, Any], key: str, inner: str) -> object:
    found = about.get(key)
    return found.get(inner) if isinstance(found, dict) else None


def _baseline_among(names: Sequence[str]) -> str | None:
    """Return the artifact that is the baseline: the one of our name, or the only document that could be one."""
    if BASELINE in names:
        return BASELINE
    others = [name for name in names if name.endswith(".json") and not name.endswith(_NOT_BASELINES)]
    return others[0] if len(others) == 1 else None


def _client(settings: MlflowSettings) -> Any:  # noqa: ANN401 - MLflow's own, which is not here where it is not installed
    """Return `MlflowClient`. Raises MlflowAway where MLflow is not installed or its address is none."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        from mlflow import MlflowClient  # noqa: PLC0415 - takes seconds, and may not be installed
    except ImportError as missing:
        message = f"MLflow is not installed ({missing.name} is missing): {_EXTRA}"
        raise MlflowAway(message) from None
    for name in ("mlflow", "alembic"):  # they tell about each table that they make
        logging.getLogger(name).setLevel(logging.WARNING)
    with _errors(settings):
        return MlflowClient(settings.tracking_uri, settings.tracking_uri)


@contextmanager
def _errors(settings: MlflowSettings) -> Iterator[None]:
    """Raise MlflowAway for whatever MLflow and the stores behind it raise, without the password in its address."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what MLflow's own libraries will drop one day is no news for our users
            yield
    except FoldwatchError:
        raise
    except Exception as error:  # noqa: BLE001 - each store raises what its library raises
        said = " ".join(str(error).split())
        address, password = settings.tracking_uri, urlsplit(settings.tracking_uri).password
        if password:
            said, address = (text.replace(password, "***") for text in (said, address))
        message = f"MLflow at {address}: {said[:_MOST_SAID] or type(error).__name__}"
        raise MlflowAway(message) from None
