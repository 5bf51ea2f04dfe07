"""The same rules for the Prometheus operator: no group more or less, under names that Kubernetes takes."""

from __future__ import annotations

import re
import string

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from operator_schemas import complaints, validators
from rendered import kustomize
from rule_cases import CASES, ROOT, configured

from monitor.alerting.rules import kubernetes
from monitor.alerting.rules.files import rule_files
from monitor.alerting.rules.kubernetes import MOST_BYTES, kubernetes_files, object_name, too_large
from monitor.alerting.rules.rule import Group, Recording, RuleFile
from monitor.alerting.rules.text import NOTE, text

NAME = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")


def objects_of(files):
    """Path -> object, without the Kustomization."""
    read = {path: yaml.safe_load(content) for path, content in files.items()}
    return {path: one for path, one in read.items() if one["kind"] == "PrometheusRule"}


def groups_of(objects):
    return [group for one in objects for group in one["spec"]["groups"]]


def file_of(sizes, path="objectives/churn.yml"):
    """A file with a group for each number of rules."""
    groups = [Group(f"g{i}", 60_000, (Recording("r", "vector(1)" + " " * 80),) * n) for i, n in enumerate(sizes)]
    return RuleFile(path, tuple(groups))


@pytest.mark.parametrize("case", CASES)
def test_the_objects_hold_the_groups_of_the_files_and_no_other(case):
    rules = rule_files(configured(case))
    objects = objects_of(kubernetes_files(rules))
    assert groups_of(objects.values()) == [group for file in rules for group in yaml.safe_load(text(file))["groups"]]


@pytest.mark.parametrize("case", CASES)
def test_the_operators_own_definition_finds_nothing(case):
    schema = validators()["monitoring.coreos.com/v1", "PrometheusRule"]
    objects = objects_of(kubernetes_files(rule_files(configured(case))))
    assert [complaints(schema, one) for one in objects.values()] == [[]] * len(objects)


def test_the_operators_own_definition_finds_a_misspelt_field():
    schema = validators()["monitoring.coreos.com/v1", "PrometheusRule"]
    wrong = yaml.safe_load((ROOT / "rules/kubernetes/foldwatch.yaml").read_text().replace("expr:", "expression:", 1))
    assert len(complaints(schema, wrong)) == 2


def test_what_kubectl_renders_of_the_committed_folder_are_the_groups_of_the_committed_files(kubectl):
    files = [path for path in sorted(ROOT.glob("rules/**/*.yml")) if "/tests/" not in path.as_posix()]
    read = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in files]
    wanted = {group["name"]: group for one in read for group in one.get("groups", [])}
    rendered = groups_of(kustomize(kubectl, ROOT / "rules" / "kubernetes"))
    assert {group["name"]: group for group in rendered} == wanted
    assert len(rendered) == len(wanted) > 4


def test_the_kustomization_names_every_object_and_every_file_is_ours():
    files = kubernetes_files(rule_files(configured("example")))
    listed = yaml.safe_load(files["kubernetes/kustomization.yaml"])["resources"]
    assert [f"kubernetes/{name}" for name in listed] == list(objects_of(files))
    assert all(content.startswith(NOTE) for content in files.values())
    assert not any(path.endswith(".yml") for path in files), "promtool and Prometheus would take it for a file of rules"


def test_a_file_that_is_too_large_becomes_several_objects_whose_groups_stay_whole_and_in_order():
    file = file_of([5, 5, 9, 1, 1])
    objects = objects_of(kubernetes_files([file], most=1400))
    assert [group["name"] for group in groups_of(objects.values())] == ["g0", "g1", "g2", "g3", "g4"]
    assert [one["metadata"]["name"] for one in objects.values()] == [
        "foldwatch-objectives-churn",
        *("foldwatch-objectives-churn.2", "foldwatch-objectives-churn.3"),
    ]
    assert list(objects) == [f"kubernetes/{one['metadata']['name']}.yaml" for one in objects.values()]


def test_many_objectives_fit_into_what_kubectl_can_note_of_an_object():
    files = kubernetes_files([file_of([450] * 6)])
    assert len(objects_of(files)) == 2
    assert max(len(content.encode()) for content in files.values()) < 262_144
    assert too_large(files) == ()
    assert MOST_BYTES < 262_144


def test_a_group_that_is_larger_than_the_operator_takes_is_told():
    files = kubernetes_files([file_of([1, 6000])])
    assert too_large(files) == ("kubernetes/foldwatch-objectives-churn.2.yaml",)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("foldwatch.yml", "foldwatch"),
        ("objectives.yml", "foldwatch-objectives"),
        ("objectives/churn.yml", "foldwatch-objectives-churn"),
        ("objectives/Churn.yml", "foldwatch-objectives-churn-2b58f5107f"),
        ("objectives/a%20b.yml", "foldwatch-objectives-a-20b-719b5ec792"),
        ("objectives/%C3%BC.yml", "foldwatch-objectives-c3-bc-89b60fdcbc"),
    ],
)
def test_an_object_is_called_like_its_file_where_kubernetes_takes_that(path, name):
    assert object_name(path) == name


@given(st.lists(st.text(string.ascii_letters + string.digits + "%-._", min_size=1, max_size=200), unique=True))
def test_names_are_taken_by_kubernetes_and_differ_where_the_files_do(models):
    names = [object_name(f"objectives/{model}.yml") for model in models]
    assert all(NAME.fullmatch(name) and len(name) < 120 for name in names)
    assert len(set(names)) == len(models)


def test_the_folder_is_called_as_the_command_says():
    assert kubernetes.FOLDER == "kubernetes"
