import socket
from contextlib import contextmanager
from dataclasses import replace

import fabricated as made
import pytest
from mlflow import MlflowClient

from monitor.baselines.file import document_bytes, sealed
from monitor.config.revalidation import MlflowSettings
from monitor.revalidate.desk import DeskAway, Upload
from monitor.revalidate.working.ending import Ending
from monitor.revalidate.working.patience import Patience
from monitor.revalidate.working.uploads import upload


class Waiting:
    """A desk with runs that MLflow lacks."""

    def __init__(self, *waiting):
        self.waiting, self.noted = list(waiting), {}

    @contextmanager
    def reached(self, wait):  # noqa: ARG002 - as whoever reaches it passes it
        yield self

    def uploads(self):
        return self.waiting

    def uploaded(self, run, mlflow_run):
        self.noted[run] = mlflow_run


def an_upload(run, version="3", verb="promoted"):
    baseline = sealed(made.baseline(made.model(), version))
    return Upload(run, "churn", version, verb, baseline.content_hash, document_bytes(baseline), 1_000, 2_000)


def uploaded(desk, uri, seconds=60.0):
    said = []
    settings = replace(made.settings(made.model()), mlflow=None if uri is None else MlflowSettings(uri))
    kept = upload(settings, Patience(desk.reached, Ending(), said.append), said.append, seconds)
    return kept, said


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


def test_what_mlflow_lacks_is_uploaded_in_order_and_noted(database):
    desk = Waiting(an_upload("r1"), an_upload("r2", "4"), an_upload("r3", "5", "rejected"))
    assert uploaded(desk, database) == (3, [])
    client = MlflowClient(database, database)
    assert list(desk.noted) == ["r1", "r2", "r3"]
    assert client.get_run(desk.noted["r2"]).data.params["version"] == "4"
    assert client.get_model_version_by_alias("churn", "foldwatch").run_id == desk.noted["r2"]


def test_nothing_is_asked_of_mlflow_where_it_is_not_configured_or_has_everything():
    assert uploaded(Waiting(an_upload("r1")), None) == (0, [])
    assert uploaded(Waiting(), "http://127.0.0.1:9") == (0, [])


def test_mlflow_that_is_away_is_a_warning_and_nothing_is_noted():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}"
    desk = Waiting(an_upload("r1"), an_upload("r2"))
    kept, (said,) = uploaded(desk, uri)
    assert (kept, desk.noted) == (0, {})
    assert said.startswith(f"warning: 2 re-validations are not in MLflow yet: MLflow at {uri}: ")
    assert said.endswith("what was decided stands, and the next `foldwatch revalidate` tries again")


def test_mlflow_that_never_answers_takes_no_longer_than_it_may():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        desk = Waiting(an_upload("r1"))
        kept, (said,) = uploaded(desk, f"http://127.0.0.1:{silent.getsockname()[1]}", 0.2)
    assert kept == 0
    assert "1 re-validation is not in MLflow yet: it did not answer within 0.2 s" in said


def test_a_desk_that_is_away_is_a_warning_too():
    class Away(Waiting):
        def uploads(self):
            message = "nobody answers"
            raise DeskAway(message)

    said = []
    settings = replace(made.settings(made.model()), mlflow=MlflowSettings("http://127.0.0.1:9"))
    ending = Ending()
    ending.ask()
    clock = iter(range(0, 1000, 10))
    patience = Patience(Away().reached, ending, lambda _: None, lambda: next(clock))
    assert upload(settings, patience, said.append) == 0
    assert "what MLflow lacks is not known (nobody answers)" in said[0]
