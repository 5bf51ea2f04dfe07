"""docs/kubernetes.md: the overlay that it prints is one that works, and what it says of the files is so."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import chain

import pytest
import yaml
from kubernetes_demands import found
from operator_schemas import complaints, validators
from rendered import BASE, KUBERNETES, Rendered, kustomize

from monitor.cli import main

ROOT = KUBERNETES.parents[1]
PAGE = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`(fraud/[\w./-]+)`.*?:\n\n```yaml\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL))
FOLDS = "\n".join(["fold,y_true,y_pred", *(f"{i % 5},{c},{c}" for i in range(200) for c in ("honest", "fraud")), ""])


@pytest.fixture(scope="module")
def fraud(tmp_path_factory):
    """The folder `fraud` of the page, beside a copy of what it takes from here; the commands of the page were run."""
    top = tmp_path_factory.mktemp("platform")
    for name in ("deploy/kubernetes", "rules/kubernetes", "grafana"):
        shutil.copytree(ROOT / name, top / "foldwatch" / name)
    for name, text in FILES.items():
        (top / name).parent.mkdir(exist_ok=True)
        (top / name).write_text(text)
    folder = top / "fraud"
    (folder / "folds.csv").write_text(FOLDS)
    baseline = ["--predictions", str(folder / "folds.csv"), "--output", str(folder / "baselines" / "fraud-7.json")]
    (folder / "baselines").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["baseline", "build", "--model", "fraud", "--version", "7", "--positive", "fraud", *baseline]) == 0
        rules = re.search(r"^foldwatch (rules .*)$", PAGE, re.MULTILINE)[1]
        assert main(rules.split()) == 0
    return folder


@pytest.fixture(scope="module")
def objects(kubectl, fraud):
    return kustomize(kubectl, fraud)


def test_the_page_prints_every_file_that_the_overlay_names(fraud):
    written = {path.relative_to(fraud).as_posix() for path in fraud.glob("*.yaml")}
    assert {f"fraud/{name}" for name in written} == FILES.keys()
    text = FILES["fraud/kustomization.yaml"]
    assert [name for name in written if name != "kustomization.yaml" and name not in text] == []


def test_the_printed_overlay_meets_every_demand(objects, tmp_path):
    rendered = Rendered.laid_out(objects, tmp_path)
    assert found(rendered) == {}
    assert list(rendered.settings.models) == ["fraud"]
    assert {one["metadata"].get("namespace", "fraud-watch") for one in objects} == {"fraud-watch"}


def test_the_printed_overlay_is_valid_for_kubernetes_and_for_the_operator(objects, kubernetes_validate, tmp_path):
    schemas = validators()
    custom = [one for one in objects if (one["apiVersion"], one["kind"]) in schemas]
    assert {one["kind"] for one in custom} == {"ServiceMonitor", "PrometheusRule"}
    assert list(chain.from_iterable(complaints(schemas[one["apiVersion"], one["kind"]], one) for one in custom)) == []
    assert {one["metadata"]["labels"]["release"] for one in custom} == {"kube-prometheus-stack"}
    (tmp_path / "rest.yaml").write_text(yaml.safe_dump_all([one for one in objects if one not in custom]))
    command = [kubernetes_validate, "--strict", "-k", "1.34", str(tmp_path / "rest.yaml")]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_the_printed_overlay_brings_its_own_and_nothing_of_the_example(objects, tmp_path):
    rendered = Rendered.laid_out(objects, tmp_path)
    assert sorted(rendered.files({})) == [
        "baselines/fraud-7.json",
        "foldwatch.yaml",
        *("secrets/kafka-ca.crt", "secrets/kafka-password", "secrets/token"),
        *("tls/ca.crt", "tls/tls.crt", "tls/tls.key"),
    ]
    assert rendered.files({})["foldwatch.yaml"] == FILES["fraud/foldwatch.yaml"]
    assert "churn" not in str([one for one in objects if "grafana_dashboard" not in str(one["metadata"])])
    assert rendered.container["image"] == "registry.example.com/ml/foldwatch:0.1.0"


def test_selectors_in_a_common_label_break_the_policy_as_the_page_says(kubectl, fraud, tmp_path):
    whole = tmp_path / "platform"
    shutil.copytree(fraud.parent, whole)
    text = yaml.safe_load(FILES["fraud/kustomization.yaml"])
    text["labels"] = [{"pairs": {"team": "fraud"}, "includeSelectors": True}]
    (whole / "fraud" / "kustomization.yaml").write_text(yaml.safe_dump(text))
    said = found(Rendered.laid_out(kustomize(kubectl, whole / "fraud"), tmp_path / "seen"))
    assert "names cannot be looked up" in said["policies"]


def test_the_page_names_what_there_is():
    table = PAGE.partition("## What there is\n")[2].partition("\n\nEach component")[0]
    named = re.findall(r"^\| `([\w/-]+)` \|", table, re.MULTILINE)
    there = {path.parent.relative_to(KUBERNETES).as_posix() for path in KUBERNETES.glob("*/*/kustomization.yaml")}
    assert set(named) == there | {"base"}


def test_the_figures_of_the_page_are_those_of_the_base(kubectl):
    rendered = Rendered(kustomize(kubectl, BASE), BASE)
    resources = rendered.container["resources"]
    assert (resources["limits"]["memory"], "512 MiB in the base" in PAGE) == ("512Mi", True)
    assert (rendered.pod["terminationGracePeriodSeconds"], "(30 are granted)" in PAGE) == (30, True)
    (tmp,) = (volume["emptyDir"] for volume in rendered.pod["volumes"] if "emptyDir" in volume)
    assert (tmp["sizeLimit"], "64 MiB of it" in PAGE) == ("64Mi", True)
    (claim,) = rendered.stateful_set["spec"]["volumeClaimTemplates"]
    assert (claim["spec"]["resources"]["requests"]["storage"], "5 GiB are enough" in PAGE) == ("5Gi", True)
    assert {one["name"]: one["value"] for one in rendered.container["env"]} == {
        "OPENBLAS_NUM_THREADS": "2",
        "POLARS_MAX_THREADS": "2",
    }


def test_paths_of_the_five_minutes_exist():
    block = PAGE.partition("## Five minutes\n")[2].partition("```\n")[2].partition("```")[0]
    named = re.findall(r"deploy/[\w./-]+", block)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
