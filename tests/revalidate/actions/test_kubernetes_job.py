"""The Job: one for a run, as Kubernetes' own schemas want it, and followed to whatever end it takes."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import yaml
from action_scene import ORDER, watched
from fake_kubernetes import COMPLETE, RULES, FakeKubernetes, failed
from http_clients import until

from monitor.config.revalidation import KubernetesAction
from monitor.revalidate.actions.action import State
from monitor.revalidate.actions.kubernetes import KubernetesJob

NAME = "retrain-churn-0123456789abcdef"
TEMPLATE = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "retrain-churn", "labels": {"team": "growth"}},
    "spec": {
        "backoffLimit": 0,
        "template": {
            "metadata": {"labels": {"app": "retrain"}},
            "spec": {
                "restartPolicy": "Never",
                "initContainers": [{"name": "fetch", "image": "fetch:1"}],
                "containers": [
                    {
                        "name": "retrain",
                        "image": "retrain:1",
                        "env": [{"name": "FOLDWATCH_RUN", "value": "not this one"}, {"name": "OWN", "value": "1"}],
                    }
                ],
            },
        },
    },
}
ACTIVE = {"active": 1}
TOLD = {
    "FOLDWATCH_RUN": "0123456789abcdef",
    "FOLDWATCH_MODEL": "churn",
    "FOLDWATCH_VERSION": "3",
    "FOLDWATCH_CANDIDATE_VERSION": "3",
}


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Run the action against a server; returns its outcome and what it said."""
    for name in ("FOLDWATCH_OWNER_NAME", "FOLDWATCH_OWNER_UID", "FOLDWATCH_NAMESPACE", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)

    def run(server, order=ORDER, template=TEMPLATE, kubeconfig=None, watch=None, grace=0.0, **settings):
        (tmp_path / "job.yaml").write_text(template if isinstance(template, str) else yaml.safe_dump(template))
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig or server.kubeconfig(tmp_path)))
        watching, said = watched() if watch is None else watch
        action = KubernetesJob(KubernetesAction(tmp_path / "job.yaml", **settings), pause=0.01, grace=grace)
        return action.run(order, watching), said

    return run


def test_the_job_is_the_templates_with_name_labels_limits_and_the_runs_words(start):
    with FakeKubernetes([ACTIVE, ACTIVE, COMPLETE]) as server:
        outcome, said = start(server, time_limit=90_500)
    assert (outcome.state, server.refused) == (State.HANDED_OVER, [])
    (job,) = server.created
    metadata, spec = job["metadata"], job["spec"]
    assert (metadata["name"], metadata["namespace"]) == (NAME, "default")
    assert metadata["labels"] == {"team": "growth", "foldwatch/run": "0123456789abcdef"}
    assert metadata["annotations"] == {"foldwatch/model": "churn", "foldwatch/version": "3"}
    assert "ownerReferences" not in metadata
    assert (spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"], spec["backoffLimit"]) == (91, 86_400, 0)
    assert spec["template"]["metadata"]["labels"] == {"app": "retrain", "foldwatch/run": "0123456789abcdef"}
    pod = spec["template"]["spec"]
    for container in (*pod["initContainers"], *pod["containers"]):
        told = {one["name"]: one["value"] for one in container["env"]}
        assert {"OWN": "1", **told} == {**TOLD, "OWN": "1"}
    assert said.begun == [f"Job default/{NAME}"]
    assert said.told == [f"Job default/{NAME} is created", f"Job default/{NAME}: 1 active, 0 failed"]
    assert server.deleted == []


def test_the_same_order_again_follows_the_job_that_is_there(start):
    with FakeKubernetes([COMPLETE]) as server:
        start(server)
        outcome, said = start(server)
    assert len(server.created) == 1
    assert outcome.state is State.HANDED_OVER
    assert said.told[0] == f"Job default/{NAME} is there already: it is followed"


def test_a_job_that_was_created_while_the_answer_was_lost_is_not_created_again(start):
    with FakeKubernetes([COMPLETE], creating=[503, None]) as server:
        outcome, said = start(server)
    assert (outcome.state, len(server.created), len(said.begun)) == (State.HANDED_OVER, 1, 1)
    assert "no answer that helps: the API server answered 503: not now" in said.told[0]


def test_a_strangers_job_by_the_same_name_is_not_taken_for_ours(start):
    with FakeKubernetes([COMPLETE]) as server:
        server.jobs["default", NAME] = {"metadata": {"name": NAME, "labels": {}}}
        outcome, said = start(server)
    assert (outcome.state, said.begun) == (State.FAILED, [])
    assert "another Job has this name" in outcome.reason


@pytest.mark.parametrize(
    ("named", "owners"),
    [
        ({"FOLDWATCH_NAMESPACE": "default"}, ["foldwatch-revalidate-29"]),
        ({}, ["foldwatch-revalidate-29"]),
        ({"FOLDWATCH_NAMESPACE": "elsewhere"}, []),
        ({"FOLDWATCH_OWNER_UID": ""}, []),
    ],
)
def test_the_job_that_runs_us_owns_ours_in_its_own_namespace(named, owners, start, monkeypatch):
    for name, value in {
        "FOLDWATCH_OWNER_NAME": "foldwatch-revalidate-29",
        "FOLDWATCH_OWNER_UID": "0a1b",
        **named,
    }.items():
        monkeypatch.setenv(name, value)
    with FakeKubernetes() as server:
        start(server)
    found = server.created[0]["metadata"].get("ownerReferences", [])
    assert [one["name"] for one in found] == owners
    assert all(one["kind"] == "Job" and not one["blockOwnerDeletion"] for one in found)


@pytest.mark.parametrize(
    ("settings", "template", "kubeconfig", "namespace"),
    [
        ({"namespace": "a"}, "b", "c", "a"),
        ({}, "b", "c", "b"),
        ({}, None, "c", "c"),
        ({}, None, None, "default"),
    ],
)
def test_the_namespace_is_the_configurations_the_templates_or_the_one_we_are_in(
    settings, template, kubeconfig, namespace, start, tmp_path
):
    job = {**TEMPLATE, "metadata": {"name": "retrain", **({"namespace": template} if template else {})}}
    with FakeKubernetes() as server:
        start(server, template=job, kubeconfig=server.kubeconfig(tmp_path, namespace=kubeconfig), **settings)
    assert list(server.jobs) == [(namespace, "retrain-0123456789abcdef")]


def test_a_template_without_a_name_or_with_a_long_one_gets_one_that_kubernetes_takes(start):
    for name, expected in ((None, "foldwatch-revalidate"), ("a" * 45 + "-" + "b" * 60, "a" * 45)):
        with FakeKubernetes() as server:
            start(server, template={**TEMPLATE, "metadata": {"name": name} if name else {}})
        assert server.created[0]["metadata"]["name"] == f"{expected}-0123456789abcdef"
        assert server.refused == []


def test_a_deadline_of_the_template_that_is_sooner_stays(start):
    job = {**TEMPLATE, "spec": {**TEMPLATE["spec"], "activeDeadlineSeconds": 60, "ttlSecondsAfterFinished": 5}}
    with FakeKubernetes() as server:
        start(server, template=job)
    spec = server.created[0]["spec"]
    assert (spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"]) == (60, 5)


def pod(name, created, **status):
    return {"metadata": {"name": name, "creationTimestamp": created}, "status": status}


def ended(code, message="", reason="Error", name="retrain"):
    return {"name": name, "state": {"terminated": {"exitCode": code, "message": message, "reason": reason}}}


@pytest.mark.parametrize(
    ("pods", "words"),
    [
        (
            [
                pod("p-1", "2026-01-01T00:00:00Z", containerStatuses=[ended(1, "the old one")]),
                pod("p-2", "2026-01-01T00:05:00Z", containerStatuses=[ended(3, "no column\n\x1b[31m`y_true`")]),
            ],
            "pod p-2: retrain ended with 3: no column [31m`y_true`",
        ),
        (
            [pod("p", "2026", containerStatuses=[ended(137, reason="OOMKilled")])],
            "pod p: retrain ended with 137: OOMKilled",
        ),
        (
            [
                pod(
                    "p",
                    "2026",
                    initContainerStatuses=[ended(0, "fine", name="fetch")],
                    containerStatuses=[
                        {"name": "retrain", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such"}}}
                    ],
                )
            ],
            "pod p: retrain waits: ImagePullBackOff no such",
        ),
        ([pod("p", "2026", message="The node was low on memory")], "pod p: The node was low on memory"),
        ([], "limit; see"),
    ],
)
def test_a_failure_says_what_kubernetes_and_the_last_pod_say(pods, words, start):
    over = failed("BackoffLimitExceeded", "Job has reached the specified backoff limit")
    with FakeKubernetes([ACTIVE, over], pods=pods) as server:
        outcome, _ = start(server)
    assert outcome.state is State.FAILED
    assert outcome.reason.startswith(f"Job default/{NAME}: BackoffLimitExceeded: Job has reached")
    assert words in outcome.reason


def test_that_its_deadline_passed_is_a_time_out(start):
    over = failed("DeadlineExceeded", "Job was active longer than specified deadline")
    with FakeKubernetes([ACTIVE, over]) as server:
        outcome, _ = start(server)
    assert outcome.state is State.TIMED_OUT
    assert "Job was active longer" in outcome.reason


def test_a_condition_on_the_way_to_the_end_is_no_end(start):
    on_the_way = {"active": 1, "conditions": [{"type": "FailureTarget", "status": "True", "reason": "X"}]}
    not_so = {"active": 1, "conditions": [{"type": "Failed", "status": "False"}]}
    with FakeKubernetes([{}, on_the_way, not_so, COMPLETE]) as server:
        outcome, _ = start(server)
    assert outcome.state is State.HANDED_OVER


def test_a_job_that_never_begins_is_deleted_when_the_time_limit_is_over(start):
    waiting = [pod("p", "2026", message="0/3 nodes are available")]
    with FakeKubernetes([{}], pods=waiting) as server:
        outcome, _ = start(server, time_limit=200)
    assert outcome.state is State.TIMED_OUT
    assert "did not end within `time_limit`" in outcome.reason
    assert "0/3 nodes are available" in outcome.reason
    assert server.deleted == [(NAME, "Background")]


def test_cancelled_it_deletes_its_job_with_the_pods(start):
    watch, said = watched()
    with FakeKubernetes([ACTIVE]) as server:
        over = []
        thread = threading.Thread(target=lambda: over.append(start(server, watch=(watch, said))[0]))
        thread.start()
        until(lambda: said.begun)
        watch.cancelled.set()
        thread.join(10)
    assert over[0].state is State.CANCELLED
    assert over[0].reason.endswith("cancelled; it is deleted")
    assert server.deleted == [(NAME, "Background")]


def test_cancelled_before_it_began_it_deletes_nothing(start):
    watch, said = watched()
    watch.cancelled.set()
    with FakeKubernetes() as server:
        outcome, _ = start(server, watch=(watch, said))
    assert (outcome.state, server.asked) == (State.CANCELLED, [])


def test_a_job_that_somebody_deleted_is_a_failure(start):
    with FakeKubernetes([ACTIVE, 404]) as server:
        outcome, _ = start(server)
    assert outcome.state is State.FAILED
    assert "was deleted before it ended" in outcome.reason


def test_an_api_server_that_is_away_for_a_while_is_waited_for(start):
    with FakeKubernetes([ACTIVE, 500, None, None, 429, COMPLETE]) as server:
        outcome, said = start(server)
    assert outcome.state is State.HANDED_OVER
    assert sum("no answer that helps" in one for one in said.told) == 3


def test_an_api_server_that_never_answers_is_a_time_out_that_says_so(start, tmp_path):
    with FakeKubernetes() as server:
        kubeconfig = server.kubeconfig(tmp_path)
    outcome, said = start(server, kubeconfig=kubeconfig, time_limit=150)
    assert (outcome.state, said.begun) == (State.TIMED_OUT, [])
    assert "refused" in outcome.reason


@pytest.mark.parametrize(
    ("missing", "state", "rule"),
    [
        (("create", "jobs"), State.FAILED, "{apiGroups: [batch], resources: [jobs], verbs: [create]}"),
        (("get", "jobs"), State.FAILED, "{apiGroups: [batch], resources: [jobs], verbs: [get]}"),
        (("list", "pods"), State.TIMED_OUT, '{apiGroups: [""], resources: [pods], verbs: [list]}'),
        (("delete", "jobs"), State.TIMED_OUT, "{apiGroups: [batch], resources: [jobs], verbs: [delete]}"),
    ],
)
def test_a_right_that_is_missing_is_named_with_the_rule_that_gives_it(missing, state, rule, start):
    with FakeKubernetes([ACTIVE], rules=RULES - {missing}) as server:
        outcome, _ = start(server, time_limit=100)
    assert outcome.state is state
    assert f"the Role lacks {rule}: deploy/kubernetes/components/revalidate-job" in outcome.reason
    assert "is forbidden" in outcome.reason


def test_a_token_that_is_not_known_and_a_template_that_is_not_taken_fail_with_what_the_server_says(start, tmp_path):
    misspelt = {**TEMPLATE, "spec": {**TEMPLATE["spec"], "backofLimit": 3}}
    with FakeKubernetes() as server:
        unknown, _ = start(server, kubeconfig=server.kubeconfig(tmp_path, token="wrong"))  # noqa: S106 - it is wrong
        wrong, _ = start(server, template=misspelt, time_limit=3_000)
        odd, _ = start(server, template={**TEMPLATE, "metadata": {"labels": {"team": "of growth"}}}, time_limit=3_000)
    assert [one.state for one in (unknown, wrong, odd)] == [State.FAILED] * 3
    assert "answered 401: Unauthorized; see to the token" in unknown.reason
    assert "backofLimit" in wrong.reason
    assert "answered 422: " in odd.reason
    assert "label team: 'of growth'" in odd.reason
    assert wrong.reason.endswith("see to the template")
    assert odd.reason.endswith("see to the template")


@pytest.mark.parametrize(
    ("template", "finding"),
    [
        ("a: [", "job.yaml:1: is no YAML"),
        ("", "holds 0 documents"),
        ("kind: Job\n---\nkind: Job", "holds 2 documents"),
        ("kind: CronJob\napiVersion: batch/v1", "kind: is CronJob of batch/v1"),
        (yaml.safe_dump({**TEMPLATE, "metadata": {"generateName": "x-"}}), "would start another Job each time"),
        (yaml.safe_dump({**TEMPLATE, "spec": {}}), "spec.template.spec.containers: there is none"),
    ],
)
def test_a_template_that_is_none_says_where_and_why(template, finding, start):
    with FakeKubernetes() as server:
        outcome, _ = start(server, template=template)
    assert (outcome.state, server.asked) == (State.FAILED, [])
    assert finding in outcome.reason


def test_without_a_way_into_a_cluster_it_says_what_is_missing(start, tmp_path, monkeypatch):
    with FakeKubernetes() as server:
        outcome, _ = start(server, kubeconfig=tmp_path / "nothing")
        assert outcome.state is State.FAILED
        assert "no way into a cluster" in outcome.reason
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "1")
        monkeypatch.delenv("KUBECONFIG")
        action = KubernetesJob(KubernetesAction(tmp_path / "job.yaml"))
        inside = action.run(replace(ORDER, run="0"), watched()[0])
    assert inside.state is State.FAILED
    assert "Service token file does not exist" in inside.reason
