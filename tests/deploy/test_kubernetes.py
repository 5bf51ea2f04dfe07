"""deploy/kubernetes as `kubectl kustomize` renders it: what a cluster, its operator and its security people demand."""

from __future__ import annotations

import json
import shutil
import subprocess
from copy import deepcopy
from pathlib import Path

import pytest
import yaml
from kubernetes_demands import found
from operator_schemas import complaints, validators
from rendered import BASE, COMPONENTS, HELD, KUBERNETES, Rendered, documents, kustomize, overlay

FOLDERS = ["base", "overlays/dev", "overlays/prod", *(f"components/{name}" for name in (*COMPONENTS, *HELD)), "all"]
VERSION = "1.34"
OURS = ("monitoring.coreos.com/v1", "ServiceMonitor"), ("monitoring.coreos.com/v1", "PrometheusRule")


@pytest.fixture(scope="module")
def objects(kubectl, tmp_path_factory):
    """Return what a folder renders to, each once; a component, and `all`, on the base alone."""
    known = {}

    def render(folder):
        if folder not in known:
            where = KUBERNETES / folder
            if folder == "all" or folder.startswith("components/"):
                names = COMPONENTS if folder == "all" else [folder.removeprefix("components/")]
                where = overlay(tmp_path_factory.mktemp("overlay"), names)
            known[folder] = kustomize(kubectl, where)
        return known[folder]

    return render


@pytest.fixture(scope="module")
def schemas():
    """The operator's."""
    return validators()


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_demand_is_met_by_whatever_is_rendered(folder, objects, tmp_path):
    assert found(Rendered.laid_out(objects(folder), tmp_path)) == {}


@pytest.mark.parametrize("folder", FOLDERS)
def test_kubernetes_own_schemas_find_nothing(folder, objects, kubernetes_validate, tmp_path):
    standard = [one for one in objects(folder) if (one["apiVersion"], one["kind"]) not in OURS]
    assert validated(kubernetes_validate, standard, tmp_path) == (0, "")


def validated(kubernetes_validate, rendered, folder):
    """(exit code, everything but what passed) of kubernetes-validate."""
    (folder / "rendered.yaml").write_text(yaml.dump_all(rendered, Dumper=yaml.CSafeDumper))
    command = [kubernetes_validate, "--strict", "-k", VERSION, "rendered.yaml"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    said = (result.stdout + result.stderr).splitlines()
    assert sum(" passed " in line for line in said) + sum(" passed " not in line for line in said) >= len(rendered)
    return result.returncode, "\n".join(line for line in said if " passed " not in line)


def test_a_misspelt_field_is_found_by_kubernetes_own_schemas(objects, kubernetes_validate, tmp_path):
    text = yaml.safe_dump_all(objects("base"))
    misspelt = list(yaml.safe_load_all(text.replace("fsGroupChangePolicy", "fsGroupChangepolicy")))
    code, said = validated(kubernetes_validate, misspelt, tmp_path)
    assert code == 1
    assert "fsGroupChangepolicy" in said


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_is_for_the_operator_is_what_its_definitions_describe(folder, objects, schemas):
    custom = [one for one in objects(folder) if (one["apiVersion"], one["kind"]) in OURS]
    assert {one["apiVersion"] for one in objects(folder)} <= {
        *("v1", "apps/v1", "policy/v1", "networking.k8s.io/v1", "batch/v1", "rbac.authorization.k8s.io/v1"),
        *(version for version, _ in schemas),
    }
    assert [complaints(schemas[one["apiVersion"], one["kind"]], one) for one in custom] == [[]] * len(custom)


@pytest.mark.parametrize(
    ("folder", "kinds"),
    [
        ("base", {"ServiceMonitor": 0, "PrometheusRule": 0}),
        ("overlays/dev", {"ServiceMonitor": 0, "PrometheusRule": 0}),
        ("overlays/prod", {"ServiceMonitor": 1, "PrometheusRule": 3}),
        ("components/prometheus-operator", {"ServiceMonitor": 1, "PrometheusRule": 0}),
        ("components/prometheus-rules", {"ServiceMonitor": 0, "PrometheusRule": 3}),
        ("components/tls", {"ServiceMonitor": 0, "PrometheusRule": 0}),
        ("components/grafana", {"ServiceMonitor": 0, "PrometheusRule": 0}),
        ("components/revalidate-job", {"ServiceMonitor": 0, "PrometheusRule": 0, "CronJob": 1, "Role": 1}),
        ("components/revalidate", {"ServiceMonitor": 0, "PrometheusRule": 0, "CronJob": 1, "Role": 0}),
        ("all", {"ServiceMonitor": 1, "PrometheusRule": 3}),
    ],
)
def test_a_cluster_without_the_operator_is_asked_for_none_of_its_objects(folder, kinds, objects):
    there = [one["kind"] for one in objects(folder)]
    assert {kind: there.count(kind) for kind in kinds} == kinds


@pytest.mark.parametrize(
    ("mistake", "place"),
    [
        (lambda spec: spec.update(sampleLimits=1), "$.spec: Additional properties are not allowed ('sampleLimits'"),
        (lambda spec: spec["endpoints"][0].update(intervall="30s"), "('intervall' was unexpected)"),
        (
            lambda spec: spec["endpoints"][0].update(interval="30 s"),
            "$.spec.endpoints[0].interval: '30 s' does not match",
        ),
        (lambda spec: spec["endpoints"][0].update(scheme="tls"), "$.spec.endpoints[0].scheme: 'tls' is not one of"),
        (lambda spec: spec["endpoints"][0]["tlsConfig"].update(caFil="x"), "('caFil' was unexpected)"),
        (lambda spec: spec["endpoints"][0]["authorization"]["credentials"].pop("key"), "'key' is a required property"),
        (lambda spec: spec.pop("selector"), "$.spec: 'selector' is a required property"),
    ],
)
def test_a_mistake_in_the_service_monitor_is_found_by_the_operators_definition(mistake, place, objects, schemas):
    monitor = deepcopy(next(one for one in objects("all") if one["kind"] == "ServiceMonitor"))
    mistake(monitor["spec"])
    said = complaints(schemas["monitoring.coreos.com/v1", "ServiceMonitor"], monitor)
    assert len(said) == 1
    assert place in said[0]


def test_components_do_the_same_in_any_order(kubectl, tmp_path):
    """Every component stands before and after every other, next to it and further away."""
    turned = [COMPONENTS[i:] + COMPONENTS[:i] for i in range(len(COMPONENTS))]
    orders = [*turned, *(order[::-1] for order in turned)]
    texts = [sorted(documents(kubectl, overlay(tmp_path / "-".join(order), order))) for order in orders]
    assert [order for order, text in zip(orders, texts, strict=True) if text != texts[0]] == []
    assert len({tuple(order) for order in orders}) == 10


def test_parts_of_components_change_nothing_where_there_is_nothing_to_change(kubectl, tmp_path, objects):
    parts = [
        path.parent.relative_to(KUBERNETES / "components").as_posix()
        for path in sorted((KUBERNETES / "components").glob("*/*/kustomization.yaml"))
    ]
    assert parts == [
        *("prometheus-operator/encrypted", "prometheus-operator/scheme"),
        *("revalidate/configured", "revalidate-job/configured"),
        *("tls/example", "tls/served"),
    ]
    assert kustomize(kubectl, overlay(tmp_path, parts[:2])) == objects("base")


def test_with_tls_prometheus_checks_the_certificate_and_shows_the_token(objects, tmp_path):
    (endpoint,) = Rendered.laid_out(objects("all"), tmp_path).the("ServiceMonitor")["spec"]["endpoints"]
    assert (endpoint["scheme"], endpoint["tlsConfig"], endpoint["authorization"]) == (
        "https",
        {"serverName": "foldwatch", "ca": {"secret": {"name": "foldwatch-tls", "key": "ca.crt"}}},
        {"type": "Bearer", "credentials": {"name": "foldwatch-secrets", "key": "token"}},
    )


def test_without_tls_prometheus_asks_for_no_secret_that_nobody_made(objects):
    (monitor,) = (one for one in objects("components/prometheus-operator") if one["kind"] == "ServiceMonitor")
    assert not {"tlsConfig", "authorization"} & monitor["spec"]["endpoints"][0].keys()
    assert "secret" not in str(objects("components/prometheus-operator"))


@pytest.mark.parametrize("folder", ["overlays/dev", "overlays/prod"])
def test_an_overlay_has_a_namespace_in_which_nobody_talks_unless_a_policy_says_so(folder, objects):
    (namespace,) = (one["metadata"]["name"] for one in objects(folder) if one["kind"] == "Namespace")
    denied = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "default-deny", "namespace": namespace},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    }
    assert denied in objects(folder)


def test_a_changed_configuration_and_a_changed_baseline_change_the_name_that_the_pod_refers_to(kubectl, tmp_path):
    def rendered(name, change=None):
        copy = tmp_path / name
        shutil.copytree(BASE, copy)
        if change is not None:
            (copy / change).write_text((copy / change).read_text() + "\n")
        objects = kustomize(kubectl, copy)
        (configmap,) = (one["metadata"]["name"] for one in objects if one["kind"] == "ConfigMap")
        return configmap, Rendered(objects, copy).sources[0]["configMap"]["name"]

    names = [rendered("as-it-is"), rendered("config", "foldwatch.yaml"), rendered("baseline", "baselines/churn-3.json")]
    assert all(made == used for made, used in names)
    assert len(set(names)) == 3


def test_security_people_find_nothing_but_what_has_a_reason_and_what_is_wrong_on_purpose(checkov, objects, tmp_path):
    texts = {
        folder: yaml.dump_all(objects(f"overlays/{folder}"), Dumper=yaml.CSafeDumper) for folder in ("dev", "prod")
    }
    texts["loose"] = texts["dev"].replace("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true")
    named = []
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text)
        named += ["--file", str(tmp_path / f"{name}.yaml")]
    command = [checkov, "--config-file", str(KUBERNETES / ".checkov.yaml"), "--output", "json", *named]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (1, "")
    report = json.loads(result.stdout)
    assert [(one["check_id"], Path(one["file_path"]).name) for one in report["results"]["failed_checks"]] == [
        ("CKV_K8S_20", "loose.yaml")
    ]
    assert report["summary"]["passed"] > 200


def test_every_check_that_is_left_out_has_its_reason():
    text = (KUBERNETES / ".checkov.yaml").read_text()
    skipped = yaml.safe_load(text)["skip-check"]
    assert skipped
    assert [name for name in skipped if f"#   {name}  " not in text] == []
