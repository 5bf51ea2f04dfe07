"""Typed settings of re-validation: `revalidate:` of a model, `ledger:`, `mlflow:` and `daemon:`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from monitor.config.settings import Duration

HOUR = 3_600_000
SCHEMES = ("stratified", "group", "stratified-group", "time-series", "repeated-stratified", "nested", "plain")
"""How a re-validation can split: as `baseline crossval`, which keeps the same words in a room that may import ours."""


@dataclass(frozen=True, slots=True)
class MlflowRun:
    """A baseline that is an artifact of a run: `baseline: {"3": "mlflow:RUN_ID"}`."""

    run_id: str

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"mlflow:{self.run_id}"


@dataclass(frozen=True, slots=True)
class When:
    """`revalidate.when:`: each key that is set is a trigger; None: it is none."""

    budget_spent: float | None = None
    """Share of an objective's error budget, above 0."""
    worse_evaluations: int | None = None
    """Mature evaluations of an objective that were WORSE, one after another."""
    drift_share: float | None = None
    """Share of features and predictions that drifted, above 0, at most 1."""
    baseline_age: Duration | None = None
    new_labels: int | None = None
    """Labels since the last run that was started."""
    new_version: bool = False
    """Whether a version in production without a baseline is a trigger."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """One span of quiet hours, UTC; it goes over midnight where the end is not after the start."""

    start: int
    """Minute of the day."""
    end: int
    """Minute of the day; not quiet any more."""
    text: str
    """As configured: `22:00-06:00`."""


@dataclass(frozen=True, slots=True)
class Unless:
    """`revalidate.unless:`: what holds a triggered run back. `data_gates` and `open_run` always do."""

    cool_down: Duration | None = None
    """Since the last run was started."""
    per_week: int | None = None
    """Runs started within the last seven days."""
    quiet: tuple[Quiet, ...] = ()
    labels_per_class: int | None = None
    """Mature labels of every class, in the longest window."""


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """Where rows come from: exactly one of `file`, `command`, `query`."""

    file: Path | None = None
    pattern: str | None = None
    """The same as text: a file, a glob or a directory."""
    command: tuple[str, ...] = ()
    """A local program that prints the table (`format`)."""
    format: str = "csv"
    """Of what the command prints: csv, jsonl or parquet."""
    query: str | None = None
    """SQL; one row a row."""
    url: str | None = None
    """SQLAlchemy's, without a secret; or else `url_file`."""
    url_file: Path | None = None
    """The file that holds it, where it holds a password."""


@dataclass(frozen=True, slots=True)
class CrossvalAction:
    """`action: {kind: crossval}`: cross-validates where the command runs."""

    data: TrainingRows
    target: str
    estimator: str
    """`module:factory`, on PYTHONPATH or beside the configuration."""
    features: tuple[str, ...] | None = None
    """None: every column but target, groups and time."""
    groups: str | None = None
    time: str | None = None
    """The column that says when a row was observed; never a feature."""
    scheme: str = "stratified"
    folds: int = 5
    repeats: int = 1
    seed: int = 0
    jobs: int | None = None
    """None: every core."""
    time_limit: int = HOUR
    """ms"""
    memory_limit: int | None = None
    """Bytes, of all that works on it together."""
    max_data_age: Duration | None = None
    version: str | None = None
    """The candidate is a retrained model of this version; None: the version that is judged."""

    kind = "crossval"


@dataclass(frozen=True, slots=True)
class CommandAction:
    """`action: {kind: command}`: a local program, without a shell."""

    argv: tuple[str, ...]
    """`{run}`, `{model}`, `{version}`, `{baseline}` in it are filled in; the same stand in the environment."""
    result: Path | None = None
    """The baseline file that it leaves behind."""
    time_limit: int = HOUR
    memory_limit: int | None = None
    version: str | None = None

    kind = "command"


@dataclass(frozen=True, slots=True)
class WebhookAction:
    """`action: {kind: webhook}`: a signed POST."""

    url: str
    secret_file: Path | None = None
    """None: not signed."""
    body: str | None = None
    """A template of the body; None: the decision as JSON."""
    headers: Mapping[str, str] = field(default_factory=dict)
    token_file: Path | None = None
    """For `Authorization: Bearer`, which GitHub, Airflow and Argo ask for."""
    result: Path | None = None
    time_limit: int = HOUR
    version: str | None = None

    kind = "webhook"


@dataclass(frozen=True, slots=True)
class KubernetesAction:
    """`action: {kind: kubernetes-job}`: a Job from a template."""

    template: Path
    """YAML of a `batch/v1` Job."""
    namespace: str | None = None
    """None: the template's, else the one that the command runs in."""
    result: Path | None = None
    time_limit: int = HOUR
    version: str | None = None

    kind = "kubernetes-job"


ActionSettings = CrossvalAction | CommandAction | WebhookAction | KubernetesAction


@dataclass(frozen=True, slots=True)
class GateSettings:
    """`revalidate.gate:`."""

    yardstick: str = "baseline"
    """`baseline` or `live`."""
    max_fold_sd: float | None = None
    """The largest standard deviation of a class's F1 between folds; None: any."""
    approval: str = "none"
    """`none` or `manual`."""


@dataclass(frozen=True, slots=True)
class Revalidation:
    """`models.NAME.revalidate:`."""

    action: ActionSettings
    promote_to: Path
    """The folder of content-addressed baselines, with `current.json`."""
    when: When = field(default_factory=When)
    unless: Unless = field(default_factory=Unless)
    gate: GateSettings = field(default_factory=GateSettings)
    on_promote: CommandAction | WebhookAction | None = None
    """Whom to tell."""


@dataclass(frozen=True, slots=True)
class MlflowSettings:
    """`mlflow:`."""

    tracking_uri: str
    experiment: str = "foldwatch"


@dataclass(frozen=True, slots=True)
class DaemonSettings:
    """`daemon:`: where `revalidate` finds it."""

    url: str | None = None
    """None: `server.listen` on this machine."""
    token_file: Path | None = None
    """None: `server.auth.bearer_token_file`, else the token in the state's folder."""
    ca_file: Path | None = None
    """Authorities of the daemon's certificate; None: the system's, and for `server.listen` its own certificate."""
    cert_file: Path | None = None
    """Our certificate, where the daemon asks for one."""
    key_file: Path | None = None


def plain(value: Any) -> Any:  # noqa: ANN401 - any settings value, as JSON values
    """Return settings as JSON values, for the ledger: no secret is in them, since secrets stand in files."""
    if hasattr(value, "__dataclass_fields__"):
        kind = {"kind": value.kind} if isinstance(value, ActionSettings) else {}
        return kind | {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
