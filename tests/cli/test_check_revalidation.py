"""`check` of re-validation: what was understood, files that are missing, and what will fail when the time comes."""

import sys

import bcrypt
import pytest
from certificates import certify

from monitor.cli import check_revalidation, main

JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: retrain}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: train, image: train:1}]}}}
"""
CONFIG = """\
store: {path: state}
TOP
models:
  churn:
    classes: [stay, leave]
    objectives: [{name: leave-recall, metric: recall, class: leave, window: 24h}]
    revalidate: {REVALIDATE}
"""
WHOLE = """\
source: {kind: files, predictions: {path: p.jsonl}, labels: {path: l.jsonl}}
store: {path: state}
server:
  listen: 0.0.0.0:9464
  tls: {cert_file: server.pem, key_file: server.key, client_ca_file: ca.pem}
  auth: {bearer_token_file: token, basic_users_file: users}
  probes: 0.0.0.0:9465
  insecure: false
slo: {period: 28d, scrape_interval: 30s, retention: 90d}
alerting: {false_pages_per_month: 1, job: foldwatch, grafana_url: "https://grafana", runbook_url: "https://runbooks",
           pagerduty_key_file: k, slack_url_file: s, slack_channel: "#ml"}
ledger: {path: audit/ledger.jsonl}
mlflow: {tracking_uri: "sqlite:///mlflow.db", experiment: foldwatch}
daemon: {url: "https://foldwatch:9464", token_file: token}
models:
  churn:
    classes: [stay, leave]
    objectives:
      - {name: leave-recall, metric: recall, class: leave, window: 24h, margin: 0.03, kind: timeslices, target: 0.95}
      - {name: leave-floor, metric: recall, class: leave, window: 24h, kind: occurrences, target: 0.93, routing: page,
         annotations: {hypothesis: "labels", escalation: "ml", runbook: "https://runbooks/leave"}}
    revalidate:
      when: {budget_spent: 0.5, worse_evaluations: 3, drift_share: 0.3, baseline_age: 90d, new_labels: 50000,
             new_version: true}
      unless: {cool_down: 7d, per_week: 2, quiet: ["22:00-06:00"], labels_per_class: 50}
      action: {kind: crossval, data: train.parquet, target: y_true, features: [a, b],
               estimator: "package.module:factory", scheme: stratified, folds: 5, repeats: 1, seed: 7,
               time_limit: 1h, memory_limit: 4GB, max_data_age: 90d}
      gate: {yardstick: baseline, max_fold_sd: 0.05, approval: none}
      promote_to: baselines
"""
CROSSVAL = "action: {kind: crossval, data: rows.csv, target: y, estimator: 'churn_model:make'}"


@pytest.fixture
def checked(tmp_path, capsys):
    """Run `check` with a `revalidate`; return (exit code, stdout, stderr) without the folder's name."""

    def run(revalidate, top=""):
        text = CONFIG.replace("REVALIDATE", revalidate).replace("TOP", top)
        (tmp_path / "c.yaml").write_text(text)
        code = main(["check", "--config", str(tmp_path / "c.yaml")])
        told = capsys.readouterr()
        return code, told.out.replace(f"{tmp_path}/", ""), told.err.replace(f"{tmp_path}/", "")

    return run


def test_what_was_understood_is_shown(checked, tmp_path):
    (tmp_path / "rows.csv").write_text("a,y\n")
    (tmp_path / "churn_model.py").write_text("")
    code, out, err = checked(
        "when: {worse_evaluations: 3, baseline_age: 90d, new_version: true}, "
        "unless: {cool_down: 7d, quiet: ['22:00-06:00', '12:00-13:00']}, "
        "action: {kind: crossval, data: rows.csv, target: y, estimator: 'churn_model:make', version: '4'}, "
        "gate: {yardstick: live, max_fold_sd: 0.05, approval: manual}, promote_to: promised, "
        f"on_promote: {{kind: command, argv: ['{sys.executable}']}}",
        'daemon: {url: "https://foldwatch:9464"}\nmlflow: {tracking_uri: "http://mlflow:5000"}',
    )
    assert code == 0
    assert [
        line for line in out.splitlines() if line.startswith(("ledger", "mlflow", "daemon", "  reval", "    "))
    ] == [
        "ledger     state/ledger.jsonl",
        "mlflow     http://mlflow:5000, experiment foldwatch",
        "daemon     https://foldwatch:9464",
        "  revalidate crossval, brings version 4, into promised",
        "    when     worse_evaluations 3, baseline_age 90d, new_version",
        "    unless   cool_down 7d, quiet 22:00-06:00 12:00-13:00, data_gates, open_run",
        "    gate     against live, at most 0.05 between folds, approved by hand",
        "    tells    command",
    ]
    assert "revalidate" not in err
    code, out, _ = checked(CROSSVAL)
    assert "    when     asked to with --force\n    unless   cool_down 1d, data_gates, open_run\n" in out


def test_everything_that_operations_need_is_valid_with_its_files(openssl, tmp_path, capsys):
    certify(openssl, tmp_path)
    hashed = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(10)).decode()
    written = {
        "token": "b3f1c2d4e5a697887766554433221100",
        "users": f"amy:{hashed}\n",
        "k": "0123456789abcdef",
        "s": "https://hooks.slack.example/services/T/B/x",
        "train.parquet": "",
        "package/__init__.py": "",
        "c.yaml": WHOLE,
    }
    (tmp_path / "package").mkdir()
    for name, text in written.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o440)
    (tmp_path / "server.key").chmod(0o440)
    assert main(["check", "--config", str(tmp_path / "c.yaml")]) == 0
    told = capsys.readouterr()
    assert "  revalidate crossval, into " in told.out
    expected = ("no version has a baseline", "the certificate expires")
    assert [line for line in told.err.splitlines() if not any(word in line for word in expected)] == []


@pytest.mark.parametrize(
    ("revalidate", "problem"),
    [
        ("action: {kind: webhook, url: 'https://ci', secret_file: s}",
         "action.secret_file: s is not there; write the secret that the receiver checks signatures with into it"),
        ("action: {kind: webhook, url: 'https://ci', token_file: empty}",
         "action.token_file: empty is empty; write the token of `Authorization: Bearer` into it"),
        ("action: {kind: webhook, url: 'https://ci', token_file: folder}", "action.token_file: folder is a directory"),
        ("action: {kind: kubernetes-job, template: job.yaml}", "action.template: job.yaml: cannot be read"),
        ("action: {kind: kubernetes-job, template: empty}", "action.template: empty: holds 0 documents"),
        ("action: {kind: crossval, data: {query: q, url_file: u}, target: y, estimator: 'm:f'}",
         "action.data.url_file: u is not there; write the address of the database into it"),
        ("action: {kind: command, argv: ['true']}, on_promote: {kind: webhook, url: 'https://ci', secret_file: s}",
         "on_promote.secret_file: s is not there"),
    ],
)  # fmt: skip
def test_a_file_that_an_action_is_made_of_has_to_be_there(checked, tmp_path, revalidate, problem):
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "folder").mkdir()
    code, _, err = checked(revalidate)
    assert code == 2
    assert f"c.yaml: models.churn.revalidate.{problem}" in err


def test_baselines_cannot_be_promoted_into_a_file(checked):
    code, _, err = checked("action: {kind: command, argv: ['true']}, promote_to: c.yaml/b")
    assert code == 2
    assert "name a folder in `promote_to`" in err


def test_with_its_files_each_kind_is_valid(checked, tmp_path):
    (tmp_path / "secret").write_text("b3f1c2d4e5a6")
    (tmp_path / "job.yaml").write_text(JOB)
    for action in (
        "{kind: webhook, url: 'https://ci', secret_file: secret}",
        "{kind: webhook, url: 'https://ci', token_file: secret}",
        "{kind: kubernetes-job, template: job.yaml}",
        f"{{kind: command, argv: ['{sys.executable}', train.py]}}",
        "{kind: command, argv: ['{baseline}']}",
    ):
        code, _, err = checked(f"action: {action}")
        assert code == 0
        assert "revalidate.action" not in err


@pytest.mark.parametrize(
    ("revalidate", "top", "warnings"),
    [
        (CROSSVAL, "", [
            "c.yaml: models.churn.revalidate.action.data: rows.csv is not there; it has to be there where and when",
            "c.yaml: models.churn.revalidate.action.estimator: there is no module churn_model here, on PYTHONPATH",
        ]),
        ("action: {kind: crossval, data: 'rows/*.csv', target: y, estimator: 'json:loads'}", "",
         ["c.yaml: models.churn.revalidate.action.data: rows/*.csv is not there"]),
        ("action: {kind: crossval, data: {command: [no-such-program]}, target: y, estimator: 'json:loads'}", "",
         ["c.yaml: models.churn.revalidate.action.data.command: there is no program no-such-program here"]),
        ("action: {kind: command, argv: [./train.sh]}", "",
         ["c.yaml: models.churn.revalidate.action.argv: there is no program ./train.sh here"]),
        ("action: {kind: webhook, url: 'https://ci'}", "",
         ["c.yaml: models.churn.revalidate.action.secret_file: is missing: whoever gets the POST cannot tell"]),
        ("action: {kind: command, argv: ['true']}", "ledger: {path: c.yaml/l.jsonl}",
         ["c.yaml: ledger: c.yaml/l.jsonl cannot be a folder"]),
        ("action: {kind: command, argv: ['true']}", "daemon: {url: 'http://foldwatch:9464', token_file: t}",
         ["c.yaml: daemon.token_file: t is not there",
          "c.yaml: daemon.url: without TLS the token crosses the network in clear"]),
    ],
    ids=["crossval", "glob", "rows", "program", "unsigned", "ledger", "daemon"],
)  # fmt: skip
def test_what_may_be_there_in_time_or_elsewhere_is_a_warning(checked, revalidate, top, warnings):
    code, _, err = checked(revalidate, top)
    assert code == 0
    told = [line for line in err.splitlines() if any(word in line for word in ("revalidate", "ledger", "daemon"))]
    assert len(told) == len(warnings)
    for line, warning in zip(told, warnings, strict=True):
        assert warning in line.removeprefix("warning: ")


def test_a_library_that_is_not_installed_is_named_with_its_extra(checked, monkeypatch):
    monkeypatch.setattr(check_revalidation, "find_spec", lambda _: None)
    code, _, err = checked(f"{CROSSVAL}, when: {{drift_share: 0.3}}", 'mlflow: {tracking_uri: "http://mlflow:5000"}')
    assert code == 0
    for extra in ("drift", "crossval", "mlflow"):
        assert f"`{extra}` is not installed here; pip install 'foldwatch[{extra}]'" in err


def test_check_writes_nothing(checked, tmp_path):
    checked(f"{CROSSVAL}, promote_to: promised")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.yaml"]
