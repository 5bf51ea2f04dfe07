"""Writes docs/reference/ from the code: the typed settings, the Report's values and the Prometheus catalog.

A docstring below a field is its text, so that whoever changes the field changes the page. `python docs/generate.py`
writes the pages (`make docs`); with `--check` it writes nothing, names the pages that are out of date and exits with 1.
"""

from __future__ import annotations

import ast
import inspect
import sys
from dataclasses import fields, is_dataclass
from decimal import Decimal
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, get_args, get_type_hints

from monitor.config import Objective
from monitor.config.keys import TABLES
from monitor.config.source_keys import FLAT_FIELDS, LABEL_FIELDS, MAPPED_FIELDS
from monitor.counts import Counts, Layout
from monitor.dashboards.files import dashboard_files
from monitor.prometheus.catalog import CATALOG
from monitor.report import json, objectives, rehearsal, snapshot
from monitor.revalidate.asking.calls import CALLS
from monitor.revalidate.desk import Desk
from monitor.statistics import budget, gates, ladder
from monitor.statistics import report as values
from monitor.statistics.budget import BudgetState, Standing, Tally
from monitor.statistics.inspection import Inspection, Vitals
from monitor.statistics.ladder import PAGE, Level
from monitor.statistics.names import OVERALL, OVERALL_BINARY, PER_CLASS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import ModuleType

    from monitor.prometheus.metric import Metric

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Written by `make docs` from the code: change the docstrings there. -->"
ABOUT_REPORT = """\
What `foldwatch backtest --json` writes and `/api/v1/report` serves. Moments are UTC with `Z`; an absent number is null,
never NaN. What the words mean and where the formulas come from: [concepts](../concepts.md)."""
ABOUT_OBJECTIVES = """\
`{"objectives": [...]}`: where each objective with a `target` stands, in the order of the configuration, from the
start of the process; before the first evaluation with zeros and nulls. What it means: [alerts](../alerts.md)."""
STATES = (BudgetState.EXHAUSTED, BudgetState.BURNING, BudgetState.INSUFFICIENT, BudgetState.OK)
FIRING = ("alert", "severity", "source", "at", "reason")
"""Keys of `objectives.firing_entry`."""
ABOUT_METRICS = """\
Every name that `/metrics` shows, from the start of the process. `segment=""` is everything. Which metrics and segments
are exported is set by [`export`](configuration.md); how many series that makes: [cardinality](../cardinality.md)."""
ABOUT_DASHBOARDS = """\
What each panel says of itself in Grafana. `$model` and the like stand for what is chosen above a dashboard. *One a
class* and *one an objective*: drawn once for each of those that are chosen. How to get them into Grafana:
[dashboards](../dashboards.md)."""
ABOUT_CALLS = """\
What `foldwatch revalidate` asks a running daemon, and what a pipeline of yours may ask too: POST to
`/api/v1/revalidate/CALL`, JSON both ways, with a bearer token ([security](../security.md)). Bytes are base64, moments
epoch milliseconds. A body is at most 8 MiB, that of `hand-in` 64 MiB; `Content-Length` is required. Every call is
idempotent: whose answer was lost asks again.

Any status but 200 says why, calls that arrived in `{"error": "..."}`: 400 what was sent or configured is wrong, 401 and
403 the token, 404 no such call, 409 the daemon will not (no such run, nothing to approve), 411 no length, 413 too long,
500 the state or the ledger cannot be written, 503 no time: try again. `knock` is answered with `{}` where the token is
right. `GET /api/v1/ledger`, for whoever may read, is the answer of `ledger`."""
ABOUT_CONFIGURATION = """\
One YAML file. A key that is not listed here is an error, and all problems are reported at once, each with `file:line`
and key path. `foldwatch check --config F` does only that; `foldwatch init` writes a first configuration from a log.

- Every value is taken as it is written: the class `no` is `no`, the version `3.10` is `3.10`.
- Two classes are the same under one rule, in the configuration and in events: integral numbers lose their fraction
  (`1`, `1.0` and `"1"` are the class `1`), booleans are `true` and `false`.
- Durations are a whole number and a unit: `90s`, `15m`, `24h`, `30d`. Paths are relative to the file."""
ABOUT_FIELDS = """\
Maps our names to theirs, with dotted paths into nested objects: `{prediction_id: id, scores: {leave: proba}, segment:
{region: geo.country}}`. Unmapped, a field is looked for under our own name; flat columns `score`, `score_CLASS` and
`segment_NAME` are understood too."""


def field_texts(module: ModuleType, name: str) -> dict[str, str]:
    """Return field -> docstring of a class in `module`, in the order of the source; a property is a field too."""
    tree = ast.parse(inspect.getsource(module))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name).body
    texts: dict[str, str] = {}
    for node, below in zip(body, [*body[1:], None], strict=True):
        match node, below:
            case ast.AnnAssign(target=ast.Name(id=field)), ast.Expr(value=ast.Constant(value=str(text))):
                texts[field] = " ".join(text.split())
            case ast.AnnAssign(target=ast.Name(id=field)), _:
                texts[field] = ""
            case ast.FunctionDef(name=field, decorator_list=[ast.Name(id="property")]), _:
                texts[field] = " ".join((ast.get_docstring(node) or "").split())
    return texts


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; a bar inside a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def keys(entry: Iterable[str], texts: Mapping[str, str]) -> str:
    """Return a table of JSON keys with the text of the field behind each; `class` is `class_` there, null is None."""
    rows = [(f"`{key}`", (texts.get(key) or texts[f"{key}_"]).replace("None", "null")) for key in entry]
    return table(("key", "what it says"), rows)


def report() -> str:
    """Return the page about the JSON of `backtest --json` and `/api/v1/report`: its keys as written, in their order."""
    metric = values.MetricResult("recall", "b", None, None, None, 0.95, "none", 0, 1.0, None)
    counts = Counts(Layout(classes=2))
    window = values.WindowResult(
        *("m", "1", None, "24h", 0, 0, 0, values.Maturity.MATURE, ("a", "b"), counts, (metric,))
    )
    whole = {
        "schema": "`foldwatch/backtest/1` of a backtest, `foldwatch/report/1` of `/api/v1/report`.",
        "foldwatch": "The version that wrote it; backtest only.",
        "config_sha256": "SHA-256 of the configuration file; backtest only.",
        "period": "`start` and `end` of what was replayed; backtest only.",
        "as_of": "The moment of evaluation, null before the first; `/api/v1/report` only.",
        "windows": "One entry a window, series and maturity.",
        "alerts": "One entry an episode; backtest only.",
        "shadow_alerts": "The same of objectives with `routing: shadow`, which reach nobody; backtest only.",
        "objectives": "One entry an objective with a `target`: what its alerts were worth; backtest only.",
        "events": "What became of every event.",
        "gates": "One entry a model and data gate, empty before the first evaluation; `/api/v1/report` only.",
    }
    of_window = field_texts(values, "WindowResult") | {
        "confusion": "`classes`, and `counts[i][j]`: labelled predictions of true class i predicted as j.",
    }
    metrics = [
        ("each class, one versus rest", ", ".join(f"`{name}`" for name in PER_CLASS)),
        ("the whole model", ", ".join(f"`{name}`" for name in OVERALL)),
        ("the positive class of two, also with `class` null", ", ".join(f"`{name}`" for name in OVERALL_BINARY)),
    ]
    alert = list(field_texts(snapshot, "AlertEntry"))
    inspected = Inspection({"m": Vitals((gates.not_judged("volume", ""),))})
    of_gate = {
        "model": "The model, as events name it.",
        "gate": "`completeness`, `timeliness`, `consistency`, `volume`, or `latency` where events carry it.",
        "state": "`ok`, `bad`, or `unknown` as long as there is too little history.",
    }
    parts = [
        NOTE,
        "# The report, key by key",
        ABOUT_REPORT,
        "## The document",
        keys(whole, whole),
        "## `windows[]`",
        keys(json.window_entry(window), of_window),
        "## `windows[].metrics[]`",
        keys(json.metric_entry(metric), field_texts(values, "MetricResult")),
        "Which metrics:",
        table(("of", "`metric`"), metrics),
        "## `alerts[]`",
        keys((name.removesuffix("_") for name in alert), field_texts(snapshot, "AlertEntry")),
        "## `events`",
        keys(json.events_entry(values.Totals()), field_texts(values, "Totals")),
        "## `gates[]`",
        "What they are and where their limits come from: [concepts](../concepts.md#8-data-gates).",
        keys(json.gate_entries(inspected)[0], field_texts(gates, "Gate") | of_gate),
        *_rehearsed(),
        *_of_objectives(),
    ]
    return "\n\n".join(parts) + "\n"


def _rehearsed() -> Iterable[str]:
    """Yield the part about `objectives` of a backtest."""
    level = Level(PAGE, 3_600_000, 300_000, Decimal("13.44"))
    objective = Objective("s", "recall", "b", "24h", target=Decimal("0.95"))
    one = rehearsal.Rehearsed("m", objective, (level,), (level,), (), (rehearsal.Rung(PAGE, guarded=True),))
    entry = json.rehearsed_entry(one, None)
    own = {
        "model": "The model.",
        "kind": "`timeslices` or `occurrences`.",
        "target": "The share of good events, as written.",
        "routing": "The loudest that it may get: `page`, `ticket` or `shadow`.",
        "events": "What the last period of the log held: good and bad ones, never the skipped.",
        "bad": "Those of them that spend the budget.",
        "skipped": "Evaluations that could not tell (UNKNOWN).",
        "budget_left": "Share of the period's budget that is left in the end; below 0: overspent; null without events.",
        "levels": "The levels at the step of the replay.",
        "rung": "What rang, by severity, with the guard and without it.",
    }
    of_level = {
        "severity": "`page` or `ticket`.",
        "long": "A window, such as `1h`; in a backtest at least 24 steps.",
        "short": "A window; in a backtest at least two steps.",
        "least_events": "How many events the long window must hold.",
        "starved": "Whether the long window cannot hold so many at this step, so that the level cannot ring.",
    }
    yield "## `objectives[]`"
    yield "Of a backtest, in the order of the configuration."
    yield keys(entry, field_texts(snapshot, "AlertEntry") | own)
    yield "### `objectives[].levels[]`"
    yield keys(entry["levels"][0], field_texts(ladder, "Level") | of_level)
    yield "### `objectives[].rung[]`"
    yield keys(entry["rung"][0], field_texts(rehearsal, "Rung"))


def _of_objectives() -> Iterable[str]:
    """Yield the part about `/api/v1/objectives`."""
    level = Level(PAGE, 3_600_000, 300_000, Decimal("13.44"))
    standing = Standing(
        *("m", "s", "occurrences", Decimal("0.95"), PAGE, BudgetState.OK, Tally(), None), levels=(level,)
    )
    own = {
        "state": "The first that holds: " + ", ".join(f"`{state}`" for state in STATES) + ".",
        "levels": "The levels that it is asked by: the ladder at the cadence in force, without those that its kind and "
        "routing rule out.",
        "firing": "Its alerts that last, those in the shadow too.",
        "event_cadence_seconds": "Median seconds between the evaluations that brought events; null: not known.",
        "events": "What the last period held: good and bad ones, never the skipped.",
        "bad": "Those of them that spend the budget.",
        "model": "The model.",
        "target": "The share of good events, as written.",
        "routing": "The loudest that it may get: `page`, `ticket` or `shadow`.",
    }
    of_level = {
        "severity": "`page` or `ticket`.",
        "long": "A window, such as `1h`.",
        "short": "A window. It ends the alert soon after the burning ends.",
        "least_events": "How many events the long window must hold.",
    }
    texts = field_texts(budget, "Standing") | field_texts(budget, "Tally") | own
    entry = objectives.objective_entry(standing, ())
    alert = field_texts(snapshot, "AlertEntry")
    yield "## `/api/v1/objectives`"
    yield ABOUT_OBJECTIVES
    yield "### `objectives[]`"
    yield keys(entry, texts)
    yield "### `objectives[].levels[]`"
    yield "It rings while both windows burn faster than `factor`, and the long one holds events enough."
    yield keys(objectives.level_entry(level, standing), field_texts(ladder, "Level") | of_level)
    yield "### `objectives[].firing[]`"
    yield keys(FIRING, alert)


def metrics() -> str:
    """Return the page about what `/metrics` exports: the catalog."""
    rows = [
        (
            f"`{metric.name}`",
            metric.kind,
            ", ".join(f"`{label}`" for label in metric.labels),
            metric.help + _buckets(metric),
        )
        for metric in CATALOG
    ]
    parts = [
        NOTE,
        "# Prometheus metrics",
        ABOUT_METRICS,
        table(("name", "type", "labels", "meaning"), rows),
    ]
    return "\n\n".join(parts) + "\n"


def _buckets(metric: Metric) -> str:
    """Return the ends of a histogram's buckets in words; nothing of any other metric."""
    return f" Buckets end at {', '.join(f'{end:g}' for end in metric.buckets)}." if metric.buckets else ""


def configuration() -> str:
    """Return the page about the configuration: every section's keys, with what holds where one is absent."""
    parts = [NOTE, "# The configuration, key by key", ABOUT_CONFIGURATION]
    for section in TABLES:
        rows = [
            (f"`{key.name}`", key.kind.shape, "required" if key.required else key.without, key.about)
            for key in section.keys
        ]
        title = f"`{section.path}`" if section.path else "Top level"
        parts += [f"## {title}", section.about, table(("key", "value", "where absent", "what it means"), rows)]
    fields = [
        (f"`{name}`", "both" if name in LABEL_FIELDS else "predictions", text)
        for name, text in (FLAT_FIELDS | MAPPED_FIELDS).items()
    ]
    parts += ["## `fields`", ABOUT_FIELDS, table(("our name", "of", "what it is"), fields)]
    return "\n\n".join(parts) + "\n"


def dashboards() -> str:
    """Return the page about the dashboards: every panel in the order of reading, as Grafana shows it."""
    parts = [NOTE, "# The dashboards, panel by panel", ABOUT_DASHBOARDS]
    repeated = {"class": " (*one a class*)", "slo": " (*one an objective*)"}
    for name, text in dashboard_files().items():
        board = loads(text)
        rows: list[tuple[str, str]] = []
        for panel in board["panels"]:
            if panel["type"] == "row":
                rows.append((f"**{panel['title']}**", ""))
            else:
                rows.append((panel["title"] + repeated.get(panel.get("repeat"), ""), panel["description"]))
        parts += [
            f"## `{name}`",
            f"**{board['title']}** {board['description']}",
            table(("panel", "what it says"), rows),
        ]
    return "\n\n".join(parts) + "\n"


def calls() -> str:
    """Return the page about calls: each with its message, then what messages and answers hold."""
    rows: list[list[str]] = []
    told: dict[type, None] = {}
    for name, call in CALLS.items():
        method = getattr(Desk, name.replace("-", "_"))
        rows.append(
            [f"`{name}`", _typed(call.message), _typed(call.answer), str(inspect.getdoc(method)).split("\n")[0]]
        )
        told |= dict.fromkeys([*_classes(call.message), *_classes(call.answer)])
    parts = ["# Calls", NOTE, ABOUT_CALLS, table(["call", "body", "answer", "what it does"], rows)]
    for kind in [one for one in told if fields(one)]:
        module = sys.modules[kind.__module__]
        texts = field_texts(module, kind.__name__)
        lines = [[f"`{one.name}`", f"`{one.type}`", texts.get(one.name, "")] for one in fields(kind)]
        about = " ".join(str(inspect.getdoc(kind)).split())
        parts += [f"## {kind.__name__}", about, table(["key", "type", "meaning"], lines)]
    return "\n\n".join(parts) + "\n"


def _typed(kind: object) -> str:
    """Return the name of a message's or an answer's type."""
    inner = [*_classes(kind)]
    plain = "true or false" if kind is bool else "null" if kind is None else "an object"
    name = inner[0].__name__ if inner else plain
    return f"list of {name}" if "Sequence" in str(kind) else name


def _classes(kind: object) -> Iterable[type]:
    """Yield the dataclasses that a type is made of, and those of their fields."""
    for one in (kind, *get_args(kind)):
        if is_dataclass(one) and isinstance(one, type):
            yield one
            for hint in get_type_hints(one).values():
                yield from _classes(hint)


PAGES = {
    "dashboards.md": dashboards,
    "report.md": report,
    "metrics.md": metrics,
    "configuration.md": configuration,
    "calls.md": calls,
}


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or with `--check` compare them; return the exit code."""
    REFERENCE.mkdir(exist_ok=True)
    stale = []
    for name, page in PAGES.items():
        path, text = REFERENCE / name, page()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if "--check" in arguments:
            stale.append(name)
        else:
            path.write_text(text, encoding="utf-8")
            print(f"wrote docs/reference/{name}")
    for name in stale:
        print(f"docs/reference/{name} is out of date: run `make docs` and commit it", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
