"""What MLflow gets of a re-validation, and what becomes of it while MLflow is away."""

import json
import socket

import pytest
import revalidated
from mlflow import MlflowClient
from revalidated import promise

from monitor.cli import main


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return revalidated.made(tmp_path_factory.mktemp("template"))


@pytest.fixture
def scene(template, tmp_path):
    return revalidated.copied(template, tmp_path)


def alias(client):
    return client.get_model_version_by_alias("churn", "foldwatch").tags["foldwatch.baseline"]


def test_a_promotion_is_a_run_the_alias_moves_and_goes_back_with_a_rollback_and_the_run_is_a_baseline(scene):
    top = {"mlflow": {"tracking_uri": "sqlite:///mlflow.db", "experiment": "churn-folds"}}
    scene.configure(top=top)
    after = scene.candidate(promise(11))
    code, decision, err = scene.decided()
    assert (code, decision["decision"], err.count("warning")) == (0, "promoted", 0)
    uri = f"sqlite:///{scene.folder}/mlflow.db"
    client = MlflowClient(uri, uri)
    experiment = client.get_experiment_by_name("churn-folds").experiment_id
    (run,) = client.search_runs([experiment])
    assert {name: run.data.params[name] for name in ("seed", "scheme", "folds")} == {
        "seed": "11", "scheme": "stratified", "folds": "5",
    }  # fmt: skip
    assert len(client.get_metric_history(run.info.run_id, "f1.leave")) == 5
    assert {"baseline.json", "gate.json"} <= {item.path for item in client.list_artifacts(run.info.run_id)}
    assert alias(client) == after
    before = decision["baseline_before"]
    assert scene.run("revalidate", "rollback", "--model", "churn")[0] == 0
    assert alias(client) == before
    assert len(client.search_runs([experiment])) == 2
    config = scene.config.read_text()
    scene.config.write_text(config.replace("churn-3.json", f"mlflow:{run.info.run_id}"))
    (scene.folder / "baselines" / "current.json").unlink()
    assert main(["check", "--config", str(scene.config)]) == 0
    code, decision, _ = scene.decided("--dry-run", "--force")
    assert (code, decision["baseline_before"]) == (0, after)


def test_where_mlflow_is_away_the_decision_stands_and_the_next_command_uploads_it(scene):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    scene.configure(top={"mlflow": {"tracking_uri": f"http://127.0.0.1:{port}"}})
    after = scene.candidate(promise(11))
    code, decision, err = scene.decided()
    assert (code, decision["decision"]) == (0, "promoted")
    assert "warning: 1 re-validation is not in MLflow yet: MLflow at http://127.0.0.1:" in err
    assert json.loads((scene.folder / "baselines" / "current.json").read_text())["churn"]["3"] == f"{after}.json"
    scene.configure(top={"mlflow": {"tracking_uri": "sqlite:///mlflow.db"}}, when={"new_labels": 10**6})
    code, decision, err = scene.decided()
    assert (code, decision["decision"]) == (0, "none")
    assert "warning" not in err
    uri = f"sqlite:///{scene.folder}/mlflow.db"
    assert alias(MlflowClient(uri, uri)) == after
    assert scene.decided()[2].count("MLflow") == 0
