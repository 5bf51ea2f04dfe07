"""What the documentation says is so: its commands run, its links lead somewhere, its words are the report's."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from monitor.cli import COMMANDS, main
from monitor.config import source_problems
from monitor.config.read import understand
from monitor.counts import Counts, Layout
from monitor.report.json import events_entry, metric_entry, window_entry
from monitor.report.objectives import level_entry, objective_entry
from monitor.report.snapshot import AlertEntry
from monitor.sources.decoding.reasons import REASONS, SKIPPED
from monitor.statistics import comparison, estimate, verdict
from monitor.statistics.budget import BudgetState, Standing, Tally
from monitor.statistics.ladder import PAGE, Level
from monitor.statistics.names import METRICS
from monitor.statistics.report import Maturity, MetricResult, Totals, Verdict, WindowResult
from monitor.stream import TOO_OLD

ROOT = Path(__file__).parent.parent
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
CONCEPTS = (ROOT / "docs/concepts.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
METHODS = [
    "cell-bca",
    "cell-percentile",
    "jeffreys",
    "jeffreys-f1",
    "mover",
    "newcombe",
    "logit-delong",
    "logit-ij",
    "clt",
]
BASELINE_COMMANDS = ("baseline build", "baseline crossval", "baseline show")
LEVEL = Level(PAGE, 3_600_000, 300_000, Decimal("13.44"))
STANDING = Standing(*("m", "s", "occurrences", Decimal("0.95"), PAGE, BudgetState.OK, Tally(), None), levels=(LEVEL,))


def metric_result() -> MetricResult:
    return MetricResult("recall", "b", None, None, None, 0.95, "none", 0, 1.0, None)


def report_keys() -> set[str]:
    """Every key of the report: of windows, metrics, alerts and events, and of objectives."""
    window = WindowResult(
        *("m", "1", None, "24h", 0, 0, 0, Maturity.MATURE, ("a", "b"), Counts(Layout(2)), (metric_result(),))
    )
    alert = {name.removesuffix("_") for name in vars(AlertEntry) if isinstance(vars(AlertEntry)[name], property)}
    objective = {*objective_entry(STANDING, ()), *level_entry(LEVEL, STANDING)}
    return {*window_entry(window), *metric_entry(metric_result()), *alert, *events_entry(Totals()), *objective}


def reason_patterns() -> list[str]:
    """The reasons that the concepts explain, as patterns: `...` stands for numbers and names."""
    table = CONCEPTS.partition("| reason |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    explained = [text for cell in cells for text in re.findall(r"`([^`]+)`", cell)]
    return [re.escape(text).replace(r"\.\.\.", ".+") for text in explained]


def explained(reason: str) -> bool:
    return any(re.fullmatch(pattern, reason) for pattern in reason_patterns())


def headings(page: Path) -> set[str]:
    """The anchors that a page has, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        if not target.exists() or (anchor and anchor not in headings(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES)
def test_every_file_of_ours_that_a_page_names_exists(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"`((?:monitor|tests|docs|benchmarks|examples|scripts|\.ci)/[\w./-]*)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_make_command_that_a_page_names_is_a_target_with_a_line_of_help(page):
    named = set(re.findall(r"`?make ([a-z-]+)(?:`|  +#)", (ROOT / page).read_text(encoding="utf-8")))
    assert named <= set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))


def test_the_readme_shows_exactly_two_commands_to_set_up():
    block = README.partition("## Two commands")[2].partition("```sh")[2].partition("```")[0]
    assert [line.split()[:2] for line in block.strip().splitlines()] == [["make", "demo"], ["make", "test"]]


def test_the_reference_pages_say_what_the_code_says():
    command = [sys.executable, "docs/generate.py", "--check"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("command", [*COMMANDS, *BASELINE_COMMANDS])
def test_the_help_of_every_command_shows_an_example(command, capsys):
    assert main([*command.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert "example" in shown.lower()
    assert f"foldwatch {command} " in shown.partition("xample")[2]


def test_the_concepts_explain_every_key_of_the_report():
    assert sorted(key for key in report_keys() if not re.search(rf"`[^`]*\b{key}\b[^`]*`", CONCEPTS)) == []


@pytest.mark.parametrize("words", [METRICS, METHODS], ids=["metrics", "methods"])
def test_the_concepts_explain_every_metric_and_every_method(words):
    assert [word for word in words if f"`{word}`" not in CONCEPTS] == []


def test_the_concepts_explain_every_maturity_and_every_verdict():
    assert [each for each in Maturity if f"`{each}`" not in CONCEPTS] == []
    assert [each for each in Verdict if f"**{each}**" not in CONCEPTS] == []


def test_the_concepts_explain_every_state_of_a_budget_and_every_word_of_alerts():
    assert [each for each in BudgetState if f"`{each}`" not in CONCEPTS] == []
    words = ("error budget", "burn rate", "page", "ticket", "shadow", "ladder", "alert")
    assert [word for word in words if f"**{word}**" not in CONCEPTS] == []


@pytest.mark.parametrize("code", [verdict.WORSE, verdict.FEW, verdict.EDGE, verdict.SMALL, verdict.STUCK])
def test_the_concepts_explain_every_reason_of_a_verdict(code):
    assert explained(verdict.reason(code, width=0.08, margin=0.03, difference=-0.02, least=0.05))


@pytest.mark.parametrize(
    "reason",
    [
        verdict.mix(0.71, 0.8),
        comparison.NO_BASELINE,
        comparison.NO_FOLDS,
        comparison.IMMATURE,
        comparison.RAW,
    ],
)
def test_the_concepts_explain_why_nothing_was_decided_or_what_moved_the_promise(reason):
    assert explained(reason)


def test_the_concepts_explain_why_a_value_is_undefined():
    texts = [estimate.NO_LABELS, estimate.NO_SCORES, estimate.TOP_ONLY, *estimate.UNDEFINED.values()]
    assert [text for text in texts if f"`{text}`" not in " ".join(CONCEPTS.split())] == []


def test_the_concepts_explain_why_an_event_is_rejected_or_skipped():
    assert [text for text in (*REASONS, *SKIPPED, TOO_OLD) if f"`{text}`" not in CONCEPTS] == []


@pytest.fixture
def logs(tmp_path) -> Path:
    """A folder with the three files that the README speaks of: out-of-fold predictions and a week of production."""
    chance = random.Random(7)
    rows = [(chance.random() < 0.3, chance.betavariate(2, 2)) for _ in range(1500)]
    scored = [("leave" if leave else "stay", 0.45 * leave + 0.55 * noise) for leave, noise in rows]
    said = ["leave" if score > 0.5 else "stay" for _, score in scored]
    oof = [f"{i % 5},{true},{said[i]},{score:.4f}" for i, (true, score) in enumerate(scored[:900])]
    (tmp_path / "oof.csv").write_text("\n".join(["fold,y_true,y_pred,score", *oof, ""]))
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    predictions, labels = (
        ["prediction_id,model,version,predicted_at,y_pred,score"],
        ["prediction_id,model,y_true,labelled_at"],
    )
    for i, (true, score) in enumerate(scored[900:]):
        at = begin + timedelta(minutes=15 * i)
        predictions.append(f"p{i},churn,3,{at:%Y-%m-%dT%H:%M:%SZ},{said[900 + i]},{score:.4f}")
        labels.append(f"p{i},churn,{true},{at + timedelta(hours=5):%Y-%m-%dT%H:%M:%SZ}")
    (tmp_path / "predictions.csv").write_text("\n".join([*predictions, ""]))
    (tmp_path / "labels.csv").write_text("\n".join([*labels, ""]))
    return tmp_path


def block_of(heading: str, language: str) -> str:
    """The first block of a language below a heading of the README."""
    return README.partition(f"## {heading}\n")[2].partition(f"```{language}\n")[2].partition("```")[0]


def run_lines(block: str, folder: Path) -> str:
    """Run lines of the README in a folder, as a person would; return what they print."""
    lines = block.replace(". .venv/bin/activate\n", "").replace("foldwatch ", f"{sys.executable} -m monitor ")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = ["bash", "-eu", "-c", lines]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_the_lines_of_the_readme_replay_a_log(logs):
    run_lines(block_of("Replay your own logs", "sh"), logs)
    page = (logs / "report.html").read_text(encoding="utf-8")
    assert "recall of leave" in page
    assert any(verdict in page for verdict in Verdict)


def test_the_lines_of_the_readme_lead_to_alerts(logs):
    replay = block_of("Replay your own logs", "sh")
    run_lines("\n".join(line for line in replay.splitlines() if "baseline build" in line), logs)
    (logs / "foldwatch.yaml").write_text(block_of("Alerts in five minutes", "yaml"))
    lines = block_of("Alerts in five minutes", "sh")
    assert len(lines.splitlines()) <= 12
    told = run_lines(lines, logs)
    assert "in the shadow: they reach nobody" in told
    assert "rules found" in told
    page = (logs / "report.html").read_text(encoding="utf-8")
    assert "Error budgets" in page
    assert "In the shadow: would" in page
    assert sorted(path.name for path in (logs / "rules").iterdir()) == [
        "alertmanager",
        "foldwatch.yml",
        "kubernetes",
        "objectives",
        "objectives.yml",
        "tests",
    ]


def test_the_lines_of_the_readme_re_validate_a_model(tmp_path):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(2_000, 2))
    target = np.where(x.sum(axis=1) + rng.normal(0.0, 0.5, 2_000) > 0, "leave", "stay")
    rows = [f"{a:.4f},{b:.4f},{name}" for (a, b), name in zip(x, target, strict=True)]
    (tmp_path / "train.csv").write_text("\n".join(["a,b,y_true", *rows, ""]))
    (tmp_path / "churn_model.py").write_text(
        "from sklearn.linear_model import LogisticRegression\n\n\ndef make():\n    return LogisticRegression()\n"
    )
    lines = "foldwatch baseline crossval --model churn --version 3 --data train.csv --target y_true --scheme stratified"
    run_lines(f"{lines} --estimator churn_model:make --folds 5 --seed 1 --output churn-3.json", tmp_path)
    block = block_of("When the promise no longer holds", "yaml")
    head = "store: {path: state}\n"
    shared = "    classes: [stay, leave]\n    windows: [24h]\n    objectives:\n"
    shared += "      - {name: leave-recall, metric: recall, class: leave, window: 24h, target: 0.95}\n"
    (tmp_path / "foldwatch.yaml").write_text(head + block.replace("  churn:\n", f"  churn:\n{shared}"))
    told = run_lines(block_of("When the promise no longer holds", "sh"), tmp_path)
    assert "nothing to do" in told
    assert "whole and in order" in told


def test_the_kafka_configuration_of_the_readme_has_ten_lines_and_all_that_run_needs(tmp_path):
    block = README.partition("## Watch a Kafka cluster")[2].partition("```yaml\n")[2].partition("```")[0]
    assert len(block.splitlines()) == 10
    settings = understand(block.encode(), tmp_path / "foldwatch.yaml")
    assert source_problems(settings) == []
    assert settings.store == Path("/var/lib/foldwatch")
    assert settings.source.security.password_file == Path("/run/secrets/kafka")
