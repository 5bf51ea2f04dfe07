"""`revalidate`, `ledger`, `mlflow` and `daemon`: what is read, and every slip with its place and remedy."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from revalidation_block import BLOCK, CROSSVAL, FILE, FOLDER, WEBHOOK, problems, read, written

from monitor.baselines.schemes import CROSSVAL_SCHEMES, REPEATED
from monitor.clock import DAY, HOUR
from monitor.config import Duration
from monitor.config.read import understand
from monitor.config.revalidation import (
    SCHEMES,
    CommandAction,
    CrossvalAction,
    DaemonSettings,
    GateSettings,
    KubernetesAction,
    MlflowRun,
    MlflowSettings,
    Quiet,
    Revalidation,
    TrainingRows,
    Unless,
    WebhookAction,
    When,
    plain,
)
from monitor.config.revalidation_kinds import MINUTES, minutes


def test_the_whole_block_is_read():
    settings = understand(BLOCK.encode(), FILE)
    ninety = Duration(90 * DAY, "90d")
    assert settings.models["churn"].revalidation == Revalidation(
        CrossvalAction(
            data=TrainingRows(file=FOLDER / "train.parquet", pattern=str(FOLDER / "train.parquet")),
            target="y_true",
            estimator="package.module:factory",
            features=("a", "b"),
            scheme="stratified",
            folds=5,
            repeats=1,
            seed=7,
            time_limit=HOUR,
            memory_limit=4 * 10**9,
            max_data_age=ninety,
        ),
        FOLDER / "baselines",
        When(0.5, 3, 0.3, ninety, 50_000, new_version=True),
        Unless(Duration(7 * DAY, "7d"), 2, (Quiet(1320, 360, "22:00-06:00"),), 50),
        GateSettings("baseline", 0.05, "none"),
    )
    assert settings.ledger == FOLDER / "audit/ledger.jsonl"
    assert settings.mlflow == MlflowSettings(f"sqlite:///{FOLDER}/mlflow.db", "foldwatch")
    assert settings.daemon == DaemonSettings("https://foldwatch:9464", FOLDER / "token")


def test_of_little_the_defaults_hold():
    (minimal,) = {read(f"action: {{{CROSSVAL}}}")}
    assert minimal == Revalidation(
        CrossvalAction(TrainingRows(file=FOLDER / "t.csv", pattern=str(FOLDER / "t.csv")), "y", "m:make"),
        FOLDER / "baselines",
        unless=Unless(cool_down=Duration(DAY, "1d")),
    )
    assert read(f"action: {{{CROSSVAL}}}, unless: {{per_week: 1}}").unless == Unless(per_week=1)
    assert read(f"action: {{{CROSSVAL}}}, unless: {{cool_down: 0s}}").unless == Unless(cool_down=Duration(0, "0s"))
    assert understand(b"models: {m: {classes: [a, b]}}", FILE).models["m"].revalidation is None


def test_without_a_word_of_a_ledger_it_lies_beside_the_state_or_the_first_baselines():
    def ledger(top="", revalidate=f"promote_to: b, action: {{{CROSSVAL}}}"):
        return understand(written(revalidate, top=top), FILE).ledger

    assert ledger() == FOLDER / "b/ledger.jsonl"
    assert ledger("store: {path: state}") == FOLDER / "state/ledger.jsonl"
    assert ledger("store: {path: state}\nledger: {path: /var/l}") == Path("/var/l")
    assert understand(b"store: {path: s}\nmodels: {m: {classes: [a, b]}}", FILE).ledger == FOLDER / "s/ledger.jsonl"
    assert understand(b"models: {m: {classes: [a, b]}}", FILE).ledger is None


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("kind: command, argv: [python, train.py, '{run}'], result: out/b.json, memory_limit: 512MiB, version: 4.10",
         CommandAction(("python", "train.py", "{run}"), FOLDER / "out/b.json", HOUR, 512 * 2**20, "4.10")),
        ((f"{WEBHOOK}, secret_file: s, token_file: t, body: '{{\"run\": {{run}}}}', headers: {{Accept: a/b}}, "
         "result: b.json, time_limit: 90s, version: no"),
         WebhookAction("https://ci.example/run", FOLDER / "s", '{"run": {run}}', {"Accept": "a/b"},
                       FOLDER / "t", FOLDER / "b.json", 90_000, "no")),
        ("kind: kubernetes-job, template: job.yaml, namespace: ml, result: /mnt/b.json, time_limit: 2h, version: '4'",
         KubernetesAction(FOLDER / "job.yaml", "ml", Path("/mnt/b.json"), 2 * HOUR, "4")),
    ],
)  # fmt: skip
def test_every_kind_of_action_is_read_with_what_is_text_as_it_is_written(action, expected):
    assert read(f"action: {{{action}}}").action == expected
    assert plain(expected)["kind"] == expected.kind


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("{file: 'rows/*.jsonl.gz'}", TrainingRows(FOLDER / "rows/*.jsonl.gz", str(FOLDER / "rows/*.jsonl.gz"))),
        ("{command: [cat, t.parquet], format: parquet}", TrainingRows(command=("cat", "t.parquet"), format="parquet")),
        ("{query: 'SELECT * FROM t', url: 'sqlite:///w.db'}",
         TrainingRows(query="SELECT * FROM t", url=f"sqlite:///{FOLDER}/w.db")),
        ("{query: SELECT 1, url: 'sqlite:////abs/w.db'}", TrainingRows(query="SELECT 1", url="sqlite:////abs/w.db")),
        ("{query: SELECT 1, url: 'postgresql+psycopg://amy@db:5432/w?sslmode=require'}",
         TrainingRows(query="SELECT 1", url="postgresql+psycopg://amy@db:5432/w?sslmode=require")),
        ("{query: SELECT 1, url_file: db}", TrainingRows(query="SELECT 1", url_file=FOLDER / "db")),
    ],
)  # fmt: skip
def test_rows_come_from_a_file_a_command_or_a_query(data, expected):
    assert read(f"action: {{kind: crossval, data: {data}, target: y, estimator: 'm:f'}}").action.data == expected


def test_repeats_are_ten_where_the_scheme_repeats_and_one_elsewhere():
    assert read(f"action: {{{CROSSVAL}, scheme: repeated-stratified}}").action.repeats == 10
    assert read(f"action: {{{CROSSVAL}, scheme: repeated-stratified, repeats: 3}}").action.repeats == 3
    assert read(f"action: {{{CROSSVAL}, scheme: group, groups: g}}").action.repeats == 1
    assert (SCHEMES, REPEATED) == (CROSSVAL_SCHEMES, "repeated-stratified")


def test_whom_to_tell_of_a_promotion_is_a_webhook_or_a_command():
    told = read(f"action: {{{CROSSVAL}}}, on_promote: {{{WEBHOOK}, secret_file: s}}").on_promote
    assert told == WebhookAction("https://ci.example/run", FOLDER / "s")
    told = read(f"action: {{{CROSSVAL}}}, on_promote: {{kind: command, argv: [deploy]}}").on_promote
    assert told == CommandAction(("deploy",))


def test_a_baseline_may_be_a_run_of_mlflow():
    models = b'models: {m: {classes: [a, b], baseline: {"3": "mlflow:4f", "2": b}}}'
    raw = b'mlflow: {tracking_uri: "http://mlflow:5000"}\n' + models
    assert understand(raw, FILE).models["m"].baseline == {"3": MlflowRun("4f"), "2": FOLDER / "b"}
    assert str(MlflowRun("4f")) == "mlflow:4f"
    (problem,) = problems(raw.replace(b"mlflow: {tracking_uri", b"# {"))
    assert problem.endswith("is a run of MLflow, and `mlflow` is missing; add `mlflow: {tracking_uri: …}`")
    (problem,) = problems(raw.replace(b"mlflow:4f", b"mlflow:../x"))
    assert "`mlflow:../x` names no run" in problem


def test_mlflow_is_where_it_is_said_to_be_with_paths_beside_the_configuration():
    def uri(text):
        return understand(
            f"mlflow: {{tracking_uri: '{text}'}}\nmodels: {{m: {{classes: [a, b]}}}}".encode(), FILE
        ).mlflow

    assert uri("http://mlflow:5000/").tracking_uri == "http://mlflow:5000/"
    assert uri("sqlite:////var/m.db").tracking_uri == "sqlite:////var/m.db"
    assert uri("mlruns").tracking_uri == f"{FOLDER}/mlruns"
    assert uri("sqlite:///m.db").experiment == "foldwatch"


@given(st.integers(0, MINUTES - 1), st.integers(0, MINUTES).filter(lambda end: end != 0))
def test_quiet_hours_cover_the_minutes_that_are_written(start, end):
    text = f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
    if start == end % MINUTES:
        return
    (span,) = read(f"action: {{{CROSSVAL}}}, unless: {{quiet: ['{text}']}}").unless.quiet
    covered = list(minutes(span))
    assert len(covered) == len(set(covered)) == (end - start) % MINUTES
    assert covered[0] == start
    assert (covered[-1] + 1 - end) % MINUTES == 0


@pytest.mark.parametrize(
    ("text", "size"),
    [("4GB", 4 * 10**9), ("512MB", 512 * 10**6), ("4GiB", 2**32), ("1.5 GB", 1_500_000_000), ("70000kB", 70 * 10**6)],
)
def test_sizes_are_bytes(text, size):
    assert read(f"action: {{{CROSSVAL}, memory_limit: {text}}}").action.memory_limit == size
