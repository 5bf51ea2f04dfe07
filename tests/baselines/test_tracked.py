import socket
import threading
from dataclasses import replace

import fabricated as made
import pytest
from mlflow import MlflowClient

from monitor.baselines.file import document_bytes, sealed
from monitor.baselines.tracked import Kept, MlflowAway, Tracking, metric_name, parameters, read_tracked, registered_name
from monitor.config.revalidation import MlflowSettings
from monitor.errors import InputError


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """Settings with a SQLite database, which takes seconds to make; and a client of MLflow's own."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"
    settings = replace(made.settings(made.model()), mlflow=MlflowSettings(uri, "churn-checks"))
    Tracking(settings)
    return settings, MlflowClient(uri, uri)


def promised(version="3", model="churn"):
    return sealed(replace(made.baseline(made.model(), version), model=model))


def kept(run, baseline, verb="promoted", **more):
    return Kept(
        run, verb, baseline, document_bytes(baseline), 1_000, 2_000,
        in_force=verb != "rejected", artifacts={"gate.json": b"{}"}, **more,
    )  # fmt: skip


def of_alias(client, model):
    return client.get_model_version_by_alias(model, "foldwatch")


def test_a_re_validation_is_a_run_with_parameters_metrics_by_fold_and_the_baseline(tracked):
    settings, client = tracked
    baseline = promised()
    run = client.get_run(Tracking(settings).keep(kept("r1", baseline)))
    assert run.info.status == "FINISHED"
    assert (run.info.start_time, run.info.end_time) == (1_000, 2_000)
    assert {name: run.data.params[name] for name in ("scheme", "folds")} == {"scheme": "stratified", "folds": "5"}
    assert run.data.params["baseline_sha256"] == baseline.content_hash
    steps = client.get_metric_history(run.info.run_id, "f1.leave")
    assert [one.step for one in steps] == [0, 1, 2, 3, 4]
    assert {one.value for one in steps} == {1.0}  # nobody of the 160 of a class is taken for another
    assert sorted(item.path for item in client.list_artifacts(run.info.run_id)) == ["baseline.json", "gate.json"]
    assert client.get_experiment(run.info.experiment_id).name == "churn-checks"


def test_the_same_again_is_the_same_run(tracked):
    settings, client = tracked
    baseline = promised(model="again")
    first = Tracking(settings).keep(kept("r2", baseline))
    assert Tracking(settings).keep(kept("r2", baseline)) == first
    assert len(client.search_model_versions("name = 'again'")) == 1
    assert len(client.get_metric_history(first, "f1.leave")) == 5


def test_a_run_that_was_left_half_made_is_completed(tracked):
    settings, client = tracked
    baseline = promised(model="half")
    experiment = client.get_experiment_by_name("churn-checks").experiment_id
    begun = client.create_run(experiment, tags={"foldwatch.run": "r3"}).info.run_id
    assert Tracking(settings).keep(kept("r3", baseline)) == begun
    assert client.get_run(begun).info.status == "FINISHED"
    assert client.get_run(begun).data.params["version"] == "3"


def test_the_alias_moves_with_promotion_and_back_with_rollback_and_stays_where_it_was_rejected(tracked):
    settings, client = tracked
    tracking = Tracking(settings)
    old, new, worse = promised("3", "moved"), promised("4", "moved"), promised("5", "moved")
    tracking.keep(kept("a", old))
    assert of_alias(client, "moved").tags["foldwatch.baseline"] == old.content_hash
    tracking.keep(kept("b", worse, "rejected"))
    assert of_alias(client, "moved").tags["foldwatch.baseline"] == old.content_hash
    tracking.keep(kept("c", new))
    assert of_alias(client, "moved").tags["foldwatch.baseline"] == new.content_hash
    tracking.keep(kept("c", old, "rollback"))
    assert of_alias(client, "moved").tags["foldwatch.baseline"] == old.content_hash
    assert len(client.search_model_versions("name = 'moved'")) == 2


def test_a_rollback_to_what_mlflow_never_had_brings_it_along(tracked):
    settings, client = tracked
    Tracking(settings).keep(kept("r4", promised("1", "first"), "rollback"))
    assert of_alias(client, "first").tags["foldwatch.version"] == "1"


def test_a_baseline_is_read_from_a_run(tracked):
    settings, _ = tracked
    baseline = promised(model="read")
    run_id = Tracking(settings).keep(kept("r5", baseline))
    found = read_tracked(settings, run_id)
    assert found == baseline
    assert found.written_at == 2_000


def test_a_baseline_file_that_somebody_logged_under_its_own_name_is_read_too(tracked, tmp_path):
    settings, client = tracked
    baseline = promised(model="own")
    experiment = client.get_experiment_by_name("churn-checks").experiment_id
    run_id = client.create_run(experiment).info.run_id
    path = tmp_path / "churn-3.json"
    path.write_bytes(document_bytes(baseline))
    client.log_artifact(run_id, str(path))
    assert read_tracked(settings, run_id) == baseline


def test_a_run_without_a_baseline_or_that_is_none_is_refused_with_a_remedy(tracked):
    settings, client = tracked
    experiment = client.get_experiment_by_name("churn-checks").experiment_id
    empty = client.create_run(experiment).info.run_id
    with pytest.raises(InputError, match=r"has no baseline among its artifacts \(none\); log a baseline file as"):
        read_tracked(settings, empty)
    with pytest.raises(InputError, match=r"mlflow:nosuchrun: .*correct the run or `mlflow.tracking_uri`"):
        read_tracked(settings, "nosuchrun")
    with pytest.raises(InputError, match="`mlflow:` is not configured"):
        read_tracked(made.settings(made.model()), empty)


def test_mlflow_that_is_away_is_said_and_its_password_is_not():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    uri = f"http://ana:s3cret@127.0.0.1:{port}"
    settings = replace(made.settings(made.model()), mlflow=MlflowSettings(uri))
    with pytest.raises(MlflowAway) as away:
        Tracking(settings)
    assert f"MLflow at http://ana:***@127.0.0.1:{port}: " in str(away.value)
    assert "s3cret" not in str(away.value)


def test_nothing_of_mlflow_goes_on_working_in_the_background(tracked):
    settings, _ = tracked
    Tracking(settings).keep(kept("r6", promised(model="quiet")))
    assert [one.name for one in threading.enumerate() if "telemetry" in one.name.lower()] == []


@pytest.mark.parametrize(
    ("class_", "name"), [("leave", "f1.leave"), ("größer", "f1.größer"), ("a/b", "f1.a/b"), ("a//b", "f1.a__b")]
)
def test_a_class_is_in_the_name_of_its_metric(class_, name):
    assert metric_name("f1", class_) == name


def test_what_mlflow_has_no_room_for_in_a_name_is_left_out():
    assert metric_name("f1", "a(b)=c") == "f1.a_b__c"
    assert registered_name("team/churn:eu's") == "team_churn_eu_s"


def test_a_baseline_without_fingerprints_has_fewer_parameters():
    assert "fold_fingerprint" not in parameters(replace(promised(), about={}))
    assert parameters(replace(promised(), about={"fold_assignment": {"sha256": "ab"}}))["fold_fingerprint"] == "ab"
