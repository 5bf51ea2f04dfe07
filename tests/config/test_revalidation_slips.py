"""`revalidate`, `ledger`, `mlflow` and `daemon`: every slip with its place, what was found and what to write."""

import pytest
from revalidation_block import BARE, BLOCK, CROSSVAL, FILE, FOLDER, OBJECTIVE, WEBHOOK, problems, read, rows, written

from monitor.config import Objective
from monitor.config.read import understand


@pytest.mark.parametrize(
    ("revalidate", "place", "finding", "remedy"),
    [
        ("when: {}", "revalidate", "`action` is missing", "add `action`"),
        ("action:", "revalidate.action", "`kind` is missing", "crossval, command, webhook, kubernetes-job"),
        ("action: crossval", "revalidate.action", "single value", "write a mapping"),
        ("action: {kind: cross-val}", "action.kind", "`cross-val` is not known", "did you mean `crossval`"),
        (f"action: {{{CROSSVAL}, namespace: x}}", "action.namespace", "unknown key", "(kind: kubernetes-job)"),
        (f"action: {{{WEBHOOK}, target: y}}", "action.target", "unknown key `target`", "(kind: crossval)"),
        (f"action: {{{WEBHOOK}, result: r, folds: 3}}", "action.folds", "unknown key", "(kind: crossval)"),
        (f"action: {{{CROSSVAL}, n_splits: 3}}", "action.n_splits", "unknown key", "mean `folds`"),
        ("action: {kind: webhook}", "action", "`url` is missing", "add `url`"),
        ("action: {kind: command}", "action", "`argv` is missing", "add `argv`"),
        ("action: {kind: command, argv: []}", "action.argv", "is empty", "name the program"),
        ("action: {kind: kubernetes-job}", "action", "`template` is missing", "add `template`"),
        (f"action: {{{WEBHOOK}, headers: {{Authorization: Bearer x}}}}", "headers.Authorization",
         "would be a secret in the configuration", "`token_file`"),
        (f"action: {{{WEBHOOK}, headers: {{X-Foldwatch-Timestamp: '1'}}}}", "headers.X-Foldwatch-Timestamp",
         "is set by foldwatch", "remove it"),
        (f"action: {{{WEBHOOK}, headers: {{'a b': c}}}}", "headers.a b", "cannot name a header", "letters"),
        (f'action: {{{WEBHOOK}, headers: {{a: "b\\r\\nc: d"}}}}', "headers.a", "line feed", "one line"),
        (f"action: {{{WEBHOOK}, body: '{{\"a\": {{who}}}}'}}", "action.body", "no placeholder is called 'who'",
         "correct the template"),
        (f"action: {{{WEBHOOK.replace('ci', 'amy:pw@ci')}}}", "action.url", "has a login in it", "without it"),
        (f"action: {{{CROSSVAL}, folds: 1}}", "action.folds", "1 is too small", "from 2 on"),
        (f"action: {{{CROSSVAL}, seed: 4294967296}}", "action.seed", "greater than 2^32 - 1", "smaller"),
        (f"action: {{{CROSSVAL}, jobs: 0}}", "action.jobs", "too small", "from 1 on"),
        (f"action: {{{CROSSVAL}, time_limit: 0s}}", "action.time_limit", "too short", "1s or more"),
        (f"action: {{{CROSSVAL}, scheme: holdout}}", "action.scheme", "`holdout` is not known", "stratified"),
        (f"action: {{{CROSSVAL}, scheme: group}}", "action", "`groups` is missing", "add `groups: COLUMN`"),
        (f"action: {{{CROSSVAL}, scheme: stratified-group}}", "action", "`groups` is missing", "`groups: COLUMN`"),
        (f"action: {{{CROSSVAL}, repeats: 2}}", "action.repeats", "scheme stratified has no repeats", "repeated-"),
        (f"action: {{{CROSSVAL}, features: [a, y]}}", "features[1]", "`y` is the target", "must not see it"),
        (f"action: {{{CROSSVAL}, groups: g, features: [g]}}", "features[0]", "the column of groups", "leave it out"),
        (f"action: {{{CROSSVAL}, time: t, features: [t]}}", "features[0]", "the column of time", "leave it out"),
        (f"action: {{{CROSSVAL}, features: [a, b, a]}}", "features[2]", "stands there twice", "once"),
        (f"action: {{{CROSSVAL}, features: []}}", "action.features", "is empty", "remove it"),
        (f"action: {{{CROSSVAL}, groups: y}}", "action.groups", "`y` is the target", "another column"),
        (f"action: {{{CROSSVAL.replace('m:make', 'make')}}}", "action.estimator", "not `module:factory`", "a colon"),
        (f"action: {{{CROSSVAL.replace('m:make', 'a b:make')}}}", "action.estimator", "not `module:factory`", "colon"),
        (f"action: {{{CROSSVAL.replace('t.csv', '{}')}}}", "action.data", "names no rows", "exactly one"),
        (f"action: {{{CROSSVAL.replace('t.csv', '{file: a, query: b, url: c://d}')}}}", "action.data",
         "names `file` and `query`", "exactly one"),
        (f"action: {{{CROSSVAL.replace('t.csv', '{query: SELECT 1}')}}}", "action.data", "`url` is missing", "add"),
        (f"action: {{{CROSSVAL.replace('t.csv', '{query: q, url: s://h/d, url_file: f}')}}}", "data.url_file",
         "stands beside `url`", "keep one"),
        (f"action: {{{CROSSVAL.replace('t.csv', '{file: f, url: s://h/d}')}}}", "data.url",
         "of no use without `query`", "add `query`"),
        (f"action: {{{CROSSVAL.replace('t.csv', '{file: f, format: csv}')}}}", "data.format",
         "of no use without `command`", "add `command`"),
        (f"action: {{{CROSSVAL.replace('t.csv', '{command: []}')}}}", "data.command", "is empty", "name the program"),
        (f"action: {{{CROSSVAL.replace('t.csv', '{query: q, url: warehouse}')}}}", "data.url",
         "no address of a database", "postgresql+psycopg://"),
        (f"action: {{{CROSSVAL}, memory_limit: 4}}", "memory_limit", "`4` is not a size", "`4GB`"),
        (f"action: {{{CROSSVAL}, memory_limit: 1MB}}", "memory_limit", "less than Python takes", "64MB"),
        (f"action: {{{CROSSVAL}, memory_limit: 5000TB}}", "memory_limit", "more than any machine", "4GB"),
        (f"action: {{{CROSSVAL}}}, when: {{drift_share: 0}}", "when.drift_share", "outside its limits", "above 0 to 1"),
        (f"action: {{{CROSSVAL}}}, when: {{drift_share: 1.01}}", "when.drift_share", "outside", "above 0 to 1"),
        (f"action: {{{CROSSVAL}}}, when: {{worse_evaluations: 0}}", "when.worse_evaluations", "small", "from 1 on"),
        (f"action: {{{CROSSVAL}}}, when: {{budget_spent: 0}}", "when.budget_spent", "outside its limits", "above 0"),
        (f"action: {{{CROSSVAL}}}, when: {{drift: 0.3}}", "when.drift", "unknown key", "mean `drift_share`"),
        (f"action: {{{CROSSVAL}}}, when: {{cool_down: 7d}}", "when.cool_down", "unknown key", "revalidate.unless"),
        (f"action: {{{CROSSVAL}}}, unless: {{per_week: 0}}", "unless.per_week", "too small", "from 1 on"),
        (f"action: {{{CROSSVAL}}}, unless: {{quiet: 22-6}}", "unless.quiet", "single value", "write a list"),
        (f"action: {{{CROSSVAL}}}, unless: {{quiet: ['22-6']}}", "quiet[0]", "no span of hours", "22:00-06:00"),
        (f"action: {{{CROSSVAL}}}, unless: {{quiet: ['22:00-24:01']}}", "quiet[0]", "no span of hours", "22:00-06:00"),
        (f"action: {{{CROSSVAL}}}, unless: {{quiet: ['06:00-06:00']}}", "quiet[0]", "is empty, or the whole", "UTC"),
        (f"action: {{{CROSSVAL}}}, unless: {{quiet: ['00:00-24:00']}}", "quiet[0]", "covers the whole day", "UTC"),
        (f"action: {{{CROSSVAL}}}, unless: {{quiet: ['06:00-23:00', '22:59-06:00']}}", "unless.quiet",
         "leave no minute of the day", "leave some hours"),
        (f"action: {{{CROSSVAL}}}, gate: {{yardstick: best}}", "gate.yardstick", "`best` is not known", "live"),
        (f"action: {{{CROSSVAL}}}, gate: {{approval: auto}}", "gate.approval", "`auto` is not known", "manual"),
        (f"action: {{{CROSSVAL}}}, gate: {{max_fold_sd: 2}}", "gate.max_fold_sd", "outside its limits", "above 0"),
        (f"action: {{{CROSSVAL}}}, on_promote: {{{CROSSVAL}}}", "on_promote.kind", "is not known", "webhook"),
        (f"action: {{{CROSSVAL}}}, on_promote: {{{WEBHOOK}, version: '4'}}", "on_promote.version", "unknown", "belong"),
        (f"action: {{{CROSSVAL}}}, on_promote: {{{WEBHOOK}, result: r}}", "on_promote.result", "unknown", "belongs"),
        (f"action: {{{CROSSVAL}}}, promote: x", "revalidate.promote", "unknown key", "mean `promote_to`"),
    ],
)  # fmt: skip
def test_a_slip_is_named_with_its_line_key_and_remedy(revalidate, place, finding, remedy):
    found = problems(written(revalidate))
    assert any(
        problem.startswith(f"{FILE}:6: models.m.") and f"{place}: " in problem and finding in problem
        and remedy in problem.split("; ", 1)[1]
        for problem in found
    ), found  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "home"),
    [
        (written(f"action: {{{WEBHOOK}, secret: hunter2}}"), "secret_file"),
        (written(f"action: {{{WEBHOOK}, token: hunter2}}"), "token_file"),
        (written(f"action: {{{WEBHOOK}, password: hunter2}}"), "token_file"),
        (written(f"action: {{{rows('url_file: f, password: hunter2')}}}"), "url_file"),
        (written(f"action: {{{rows('url: db://u:hunter2@h/d')}}}"), "url_file"),
        (written("action: {" + rows("url: 'db://u@h/d?password=hunter2'") + "}"), "url_file"),
        (written(f"action: {{{WEBHOOK}, headers: {{X-Api-Key: hunter2}}}}"), "token_file"),
        (b"daemon: {token: hunter2}\nmodels: {m: {classes: [a, b]}}", "token_file"),
        (b"mlflow: {tracking_uri: 'http://u:hunter2@h'}\nmodels: {m: {classes: [a, b]}}", "MLFLOW_TRACKING_PASSWORD"),
    ],
)  # fmt: skip
def test_a_secret_in_the_configuration_is_sent_to_a_file_and_not_shown(raw, home):
    (problem,) = problems(raw)
    assert home in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("objectives", "when", "finding"),
    [
        ("", "worse_evaluations: 3", "when.worse_evaluations: never fires: this model has no objective"),
        ("", "budget_spent: 0.5", "when.budget_spent: never fires: no objective of this model has an error budget"),
        (
            OBJECTIVE.replace(", target: 0.95", ""),
            "budget_spent: 0.5",
            "no objective of this model has an error budget",
        ),
    ],
)
def test_a_trigger_that_could_never_fire_is_refused(objectives, when, finding):
    (problem,) = problems(written(f"action: {{{CROSSVAL}}}, when: {{{when}}}", objectives))
    assert finding in problem


def test_verdicts_alone_are_enough_for_evaluations_that_are_worse():
    assert read(f"action: {{{CROSSVAL}}}, when: {{worse_evaluations: 1}}", objectives=BARE).when.worse_evaluations == 1
    assert isinstance(understand(written(f"action: {{{CROSSVAL}}}"), FILE).models["m"].objectives[0], Objective)


def test_where_an_objective_is_wrong_triggers_are_not_held_against_it():
    wrong = OBJECTIVE.replace("recall", "recoil")
    (problem,) = problems(written(f"action: {{{CROSSVAL}}}, when: {{budget_spent: 0.5}}", wrong))
    assert "recoil" in problem


def test_all_problems_are_told_at_once_in_the_order_of_their_lines():
    raw = BLOCK.replace("budget_spent: 0.5", "budget_spent: x").replace("seed: 7", "seed: x").replace("none}", "no}")
    raw = raw.replace("per_week: 2", "per_week: x").replace("experiment: foldwatch", "experiment: ''")
    found = problems(raw.encode())
    assert [problem.split(": ")[1] for problem in found] == [
        "mlflow.experiment",
        "models.churn.revalidate.when.budget_spent",
        "models.churn.revalidate.unless.per_week",
        "models.churn.revalidate.action.seed",
        "models.churn.revalidate.gate.approval",
    ]


@pytest.mark.parametrize(
    ("top", "promote_to", "place"),
    [
        ("store: {path: state}\nledger: {path: state/audit.jsonl}", "b", "ledger: "),
        ("store: {path: state}", "./state/", "models.m.revalidate.promote_to: "),
    ],
)
def test_nothing_of_ours_may_lie_among_the_files_of_the_state(top, promote_to, place):
    (problem,) = problems(written(f"action: {{{CROSSVAL}}}, promote_to: {promote_to}", top=top))
    assert place in problem
    assert "of the state" in problem


def test_the_ledger_may_lie_in_the_folder_of_the_state_under_its_own_name():
    top = "store: {path: state}\nledger: {path: state/ledger.jsonl}"
    settings = understand(written(f"action: {{{CROSSVAL}}}, promote_to: state/baselines", top=top), FILE)
    assert settings.ledger == FOLDER / "state/ledger.jsonl"


@pytest.mark.parametrize(
    ("daemon", "place", "finding"),
    [
        ("url: foldwatch:9464", "daemon.url", "http"),
        ("cert_file: c", "daemon.cert_file", "of no use without `key_file`"),
        ("key_file: k", "daemon.key_file", "of no use without `cert_file`"),
        ("ca: c", "daemon.ca", "name that, `ca_file: PATH`"),
    ],
)
def test_a_slip_in_daemon_is_named(daemon, place, finding):
    (problem,) = problems(f"daemon: {{{daemon}}}\nmodels: {{m: {{classes: [a, b]}}}}".encode())
    assert problem.startswith(f"{FILE}:1: {place}: ")
    assert finding in problem
