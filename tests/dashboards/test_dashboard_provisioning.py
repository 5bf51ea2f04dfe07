"""How the dashboards get into Grafana: its provisioning files, and the ConfigMaps that its sidecar looks for."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
import yaml
from dashboard_files_read import BOARDS
from rule_cases import ROOT

from monitor.config import load
from monitor.dashboards.files import dashboard_files

PROVISIONING = ROOT / "grafana" / "provisioning"
MEBIBYTE = 1 << 20
CLIENT_APPLY_KEEPS = 262_144
"""Bytes of all annotations of an object, of which `kubectl apply` keeps one with all that it applied."""


def read(path):
    return yaml.safe_load((PROVISIONING / path).read_text(encoding="utf-8"))


@pytest.fixture
def config_maps(kubectl, tmp_path):
    """Render the component alone, from a folder somewhere else."""
    (tmp_path / "kustomization.yaml").write_text(f"components: [{os.path.relpath(ROOT / 'grafana', tmp_path)}]\n")
    rendered = subprocess.run([kubectl, "kustomize", tmp_path], capture_output=True, text=True, check=False)
    assert rendered.returncode == 0, rendered.stderr
    return list(yaml.safe_load_all(rendered.stdout))


def test_the_source_has_an_address_that_stays():
    (source,) = read("datasources/prometheus.yaml")["datasources"]
    assert (source["type"], source["uid"], source["isDefault"]) == ("prometheus", "foldwatch-prometheus", True)
    assert source["editable"] is False
    assert source["jsonData"]["timeInterval"] == "30s"
    assert load(ROOT / "examples" / "churn.yaml").slo.scrape_interval.millis == 30_000


def test_what_is_provisioned_can_be_neither_edited_nor_deleted_in_grafana():
    (provider,) = read("dashboards/foldwatch.yaml")["providers"]
    assert provider["type"] == "file"
    assert (provider["allowUiUpdates"], provider["disableDeletion"]) == (False, True)
    assert provider["options"]["foldersFromFilesStructure"] is True
    assert provider["options"]["path"].startswith("/")
    assert "folder" not in provider


def test_the_sidecar_finds_each_dashboard_under_a_name_that_stays(config_maps):
    assert [one["kind"] for one in config_maps] == ["ConfigMap"] * len(BOARDS)
    for one in config_maps:
        assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
        (name,) = one["data"]
        assert one["metadata"]["name"] == f"foldwatch-dashboard-{name.removesuffix('.json')}"
    assert {name: text for one in config_maps for name, text in one["data"].items()} == dashboard_files()


def test_a_config_map_is_small_enough_for_kubernetes_and_for_kubectl_apply(config_maps):
    for one in config_maps:
        assert len(json.dumps(one["data"]).encode()) < MEBIBYTE
        assert len(json.dumps(one).encode()) < CLIENT_APPLY_KEEPS


def test_no_file_of_grafana_holds_a_secret():
    texts = [path.read_text(encoding="utf-8").lower() for path in (ROOT / "grafana").rglob("*") if path.is_file()]
    assert len(texts) == 6
    assert [word for word in ("password", "token", "securejsondata", "bearer") for text in texts if word in text] == []
