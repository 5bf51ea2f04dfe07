"""Typed settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal
    from pathlib import Path

    from monitor.config.revalidation import DaemonSettings, MlflowRun, MlflowSettings, Revalidation
    from monitor.counts import Layout
    from monitor.errors import Problem


@dataclass(frozen=True, slots=True)
class Input:
    """Where one kind of event is read, and what their fields are called there."""

    path: Path | None = None
    """Of `kind: files`."""
    topic: str | None = None
    """Of `kind: kafka`."""
    fields: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict)
    """Our name -> theirs (dotted path), with a mapping below `scores` and `segment`."""


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Where rejected events go, and when to stop reading because of them."""

    path: Path | None = None
    topic: str | None = None
    halt_share: float = 0.5


@dataclass(frozen=True, slots=True)
class Security:
    """`source.security:`. Secrets stand in files and are read when a connection is made, never kept here."""

    protocol: str = "PLAINTEXT"
    """PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
    mechanism: str | None = None
    """PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER; None without SASL."""
    username: str | None = None
    password_file: Path | None = None
    token_file: Path | None = None
    """OAUTHBEARER: read anew for each login, so that whatever renews the token only writes the file."""
    ca_file: Path | None = None
    """None: the system's certificates."""
    cert_file: Path | None = None
    """Of the client."""
    key_file: Path | None = None
    key_password_file: Path | None = None


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """`source:`."""

    kind: str | None = None
    """`kafka` or `files`; None where no source is configured."""
    client: str = "kafka-python"
    """Of `kind: kafka`: `kafka-python` or `confluent`."""
    bootstrap_servers: tuple[str, ...] = ()
    """HOST:PORT each."""
    group_id: str = "foldwatch"
    """Under which offsets are committed, for tools that show lag; the state's own offsets are the truth."""
    start: str = "earliest"
    predictions: Input = field(default_factory=Input)
    labels: Input = field(default_factory=Input)
    dead_letters: DeadLetters = field(default_factory=DeadLetters)
    default_model: str | None = None
    default_version: str | None = None
    max_clock_skew: int = 300_000
    security: Security = field(default_factory=Security)


@dataclass(frozen=True, slots=True)
class Duration:
    """A duration with the text it was configured as: `24h` stays `24h`."""

    millis: int
    text: str


@dataclass(frozen=True, slots=True)
class Objective:
    """A promise about one metric over one window."""

    name: str
    metric: str
    class_: str | None
    window: str
    segment: str | None = None
    margin: float | None = None
    """None: the model's margin."""
    target: Decimal | None = None
    """Share of good events, exactly as written; None: no error budget, verdicts alone."""
    kind: str = "timeslices"
    """`timeslices` or `occurrences`."""
    routing: str = "page"
    """The loudest that it may get: `page`, `ticket` or `shadow`."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Of its alerts, beside our own; `runbook` is a link that wins over ours."""
    line: int | None = field(default=None, compare=False)
    """Where its target, or else itself, stands in the file."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """`models.NAME:`."""

    name: str
    classes: tuple[str, ...]
    layout: Layout
    windows: tuple[Duration, ...]
    label_horizon: Duration
    correction_window: Duration
    label_first_wait: Duration
    baseline: Mapping[str, Path | MlflowRun] = field(default_factory=dict)
    """version -> file, or the run of MLflow that holds it"""
    segments: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    """name -> fixed values, or None: up to 50 as they come"""
    margin: float = 0.03
    owner: str = ""
    threshold: float | None = None
    objectives: tuple[Objective, ...] = ()
    revalidation: Revalidation | None = None
    """`revalidate:`; None: nobody re-validates it."""


@dataclass(frozen=True, slots=True)
class Export:
    """`export:`: which metrics Prometheus gets beyond those of objectives."""

    metrics: tuple[str, ...] = ("recall", "precision", "f1", "accuracy")
    segments: bool = False
    max_series: int = 10_000


@dataclass(frozen=True, slots=True)
class Slo:
    """`slo:`."""

    period: Duration = field(default_factory=lambda: Duration(28 * 86_400_000, "28d"))
    """What an error budget lasts for."""
    scrape_interval: Duration = field(default_factory=lambda: Duration(30_000, "30s"))
    """How often Prometheus scrapes."""
    retention: Duration | None = None
    """How long Prometheus keeps samples; None: nobody said so."""


@dataclass(frozen=True, slots=True)
class Alerting:
    """`alerting:`. Secrets stand in files and are never read but to see that they are there."""

    false_pages_per_month: Decimal | None = None
    job: str = "foldwatch"
    """Label `job` of the daemon's series in Prometheus."""
    grafana_url: str | None = None
    """Without a slash at its end."""
    runbook_url: str | None = None
    """Without a slash at its end; the alert's name comes behind it."""
    pagerduty_key_file: Path | None = None
    slack_url_file: Path | None = None
    slack_channel: str | None = None


@dataclass(frozen=True, slots=True)
class Tls:
    """`server.tls:`. The files are read again when they change."""

    cert_file: Path
    """Certificate and what leads to its authority, PEM."""
    key_file: Path
    client_ca_file: Path | None = None
    """Who signs clients' certificates; None: no client needs one."""


@dataclass(frozen=True, slots=True)
class Auth:
    """`server.auth:`, at least one of both. Secrets stand in files, which are read again when they change."""

    bearer_token_file: Path | None = None
    basic_users_file: Path | None = None
    """Lines of htpasswd with bcrypt."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """`server:`."""

    listen: tuple[str, int] = ("127.0.0.1", 9464)
    tls: Tls | None = None
    auth: Auth | None = None
    """None: whoever can connect may read."""
    probes: tuple[str, int] | None = None
    """A second, plain listener for the two probes alone; they are on `listen` too."""
    insecure: bool = False
    """Whether a public address may be without TLS."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One configuration file, valid."""

    models: Mapping[str, ModelSettings]
    source: SourceSettings = field(default_factory=SourceSettings)
    server: ServerSettings = field(default_factory=ServerSettings)
    evaluate_every: Duration = field(default_factory=lambda: Duration(60_000, "60s"))
    export: Export = field(default_factory=Export)
    slo: Slo = field(default_factory=Slo)
    alerting: Alerting = field(default_factory=Alerting)
    store: Path | None = None
    """`store.path`, the folder of the state; None: memory."""
    ledger: Path | None = None
    """`ledger.path`, or the one in the state's folder; None: there is neither."""
    mlflow: MlflowSettings | None = None
    daemon: DaemonSettings | None = None
    """Where `revalidate` finds the daemon; None: `server.listen`."""
    path: Path | None = None
    sha256: str = ""
    infeasible: tuple[Problem, ...] = ()
    """Promises whose alerts could never ring: `check` and `rules` refuse them, `run` and `backtest` warn."""

    @property
    def cadence(self) -> int:
        """How often, in ms, the daemon's counters move as Prometheus sees them."""
        return max(self.slo.scrape_interval.millis, self.evaluate_every.millis)
