"""deploy/compose.yaml and its configurations as texts: they fit each other, the code, and what others check."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from compose_file import COMPOSE, DEPLOY, mounted, published, stack, variables
from image_build import ROOT
from jsonschema import Draft202012Validator

from monitor.baselines.file import read as read_baseline
from monitor.cli import main
from monitor.config import load

TEXT = (DEPLOY / "compose.yaml").read_text()
STACK = stack()
SERVICES = STACK["services"]
SETTINGS = load(COMPOSE / "foldwatch.yaml")
PROMETHEUS = yaml.safe_load((COMPOSE / "prometheus" / "prometheus.yml").read_text())
DATASOURCE, PROVIDER = (
    yaml.safe_load((ROOT / "grafana" / "provisioning" / path).read_text())
    for path in ("datasources/prometheus.yaml", "dashboards/foldwatch.yaml")
)


def option(service, name):
    """Return the value of `--NAME=VALUE` of a command."""
    (found,) = (each for each in SERVICES[service]["command"] if each.startswith(f"--{name}="))
    return found.partition("=")[2]


def inside(service, path):
    """Return the file of the checkout that a service sees at a path."""
    for one in mounted(SERVICES[service]):
        if isinstance(one.source, Path) and (path == one.target or path.startswith(one.target + "/")):
            return one.source / path[len(one.target) :].lstrip("/")
    return None


def test_docker_compose_s_own_schema_accepts_it():
    schema = json.loads((ROOT / "tests/deploy/compose-spec/compose-spec.json").read_text())
    problems = [
        f"{list(each.absolute_path)}: {each.message}" for each in Draft202012Validator(schema).iter_errors(STACK)
    ]
    assert problems == []
    misspelt = json.loads(json.dumps(STACK))
    misspelt["services"]["kafka"]["read_olny"] = True
    assert not Draft202012Validator(schema).is_valid(misspelt)


def test_every_variable_has_a_default_and_every_image_a_version_that_is_one():
    found = variables(TEXT)
    assert [name for name, default in found.items() if default is None] == []
    assert {"KAFKA_VERSION", "PROMETHEUS_VERSION", "ALERTMANAGER_VERSION", "GRAFANA_VERSION"} <= set(found)
    own = {"foldwatch", "feed"}
    for name, service in SERVICES.items():
        image, _, tag = service["image"].rpartition(":")
        assert "${" in re.search(rf"\n  {name}:\n(?:    .*\n)*?    image: (.*)", TEXT)[1]
        assert (image, tag) == ("foldwatch", "dev") if name in own else re.fullmatch(r"v?\d+\.\d+\.\d+", tag)
    assert "latest" not in TEXT


def test_kafka_is_the_version_that_the_tests_run():
    jars = (ROOT / "scripts" / "kafka_jars.py").read_text()
    assert variables(TEXT)["KAFKA_VERSION"] == re.search(r'^VERSION = "(.*)"', jars, re.MULTILINE)[1]


def test_every_service_is_confined_and_nothing_is_published_beyond_loopback():
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "mem_limit" in service, name
        assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & set(service), name
        assert {address for address, _, _ in published(service)} <= {"127.0.0.1"}, name
    read_only = {name for name, service in SERVICES.items() if service.get("read_only")}
    assert read_only == set(SERVICES) - {"kafka", "topics"}  # its start script writes settings
    for name in ("foldwatch", "feed"):
        assert SERVICES[name]["user"] == "10001:10001"
        assert SERVICES[name]["tmpfs"][0].startswith("/tmp:")  # noqa: S108 - the container's own


def test_what_is_mounted_exists_read_only_and_what_is_written_is_a_volume():
    used = set()
    for name, service in SERVICES.items():
        for one in mounted(service):
            if isinstance(one.source, Path):
                assert one.source.exists(), f"{name}: {one.source}"
                assert one.read_only, f"{name}: {one.source}"
            else:
                assert not one.read_only
                used.add(one.source)
    assert used == set(STACK["volumes"])
    assert str(SETTINGS.store) in {one.target for one in mounted(SERVICES["foldwatch"]) if isinstance(one.source, str)}
    assert option("prometheus", "storage.tsdb.path") in {one.target for one in mounted(SERVICES["prometheus"])}
    assert option("alertmanager", "storage.path") in {one.target for one in mounted(SERVICES["alertmanager"])}
    assert SERVICES["kafka"]["environment"]["KAFKA_LOG_DIRS"] in {one.target for one in mounted(SERVICES["kafka"])}


def test_no_secret_stands_in_an_environment():
    for service in SERVICES.values():
        names = [*service.get("environment", {}), *service.get("build", {}).get("args", {})]
        assert [name for name in names if re.search(r"PASSW|TOKEN|SECRET|API_?KEY", name)] == []


def test_the_configuration_passes_check_where_it_lies_in_the_checkout(monkeypatch, capsys):
    monkeypatch.chdir(COMPOSE)
    assert main(["check", "--config", "foldwatch.yaml"]) == 0
    assert capsys.readouterr().out.startswith("foldwatch.yaml: valid")


def test_foldwatch_reads_what_kafka_has():
    kafka = SERVICES["kafka"]["environment"]
    advertised = dict(each.split("://") for each in kafka["KAFKA_ADVERTISED_LISTENERS"].split(","))
    assert SETTINGS.source.bootstrap_servers == (advertised["INSIDE"],)
    assert advertised["INSIDE"].split(":")[0] == SERVICES["kafka"]["hostname"] == "kafka"
    outside = published(SERVICES["kafka"])[0]
    assert advertised["OUTSIDE"] == f"localhost:{outside[1]}"
    assert f"OUTSIDE://:{outside[2]}" in kafka["KAFKA_LISTENERS"].split(",")
    assert len(base64.urlsafe_b64decode(kafka["CLUSTER_ID"] + "==")) == 16
    source = SETTINGS.source
    (script,) = SERVICES["topics"]["command"]
    made = re.search(r"for topic in (.*); do", script)[1].split()
    assert made == [source.predictions.topic, source.labels.topic, source.dead_letters.topic]
    assert f"--bootstrap-server {advertised['INSIDE']} " in script


def test_ports_are_those_that_the_configuration_says():
    assert {port for _, _, port in published(SERVICES["foldwatch"])} == {SETTINGS.server.listen[1]}
    assert f"127.0.0.1:{SETTINGS.server.probes[1]}/-/ready" in SERVICES["foldwatch"]["healthcheck"]["test"][-1]
    assert SETTINGS.alerting.grafana_url == f"http://localhost:{published(SERVICES['grafana'])[0][1]}"


def test_the_image_finds_its_configuration_and_baselines_where_it_looks():
    assert inside("foldwatch", "/etc/foldwatch/foldwatch.yaml") == COMPOSE / "foldwatch.yaml"
    for path in SETTINGS.models["churn"].baseline.values():
        there = "/etc/foldwatch/" + path.relative_to(COMPOSE).as_posix()
        assert inside("foldwatch", there) == path


def test_prometheus_scrapes_as_the_configuration_says():
    job, itself = PROMETHEUS["scrape_configs"]
    assert job["job_name"] == SETTINGS.alerting.job
    assert job["static_configs"] == [{"targets": [f"foldwatch:{SETTINGS.server.listen[1]}"]}]
    assert PROMETHEUS["global"]["scrape_interval"] == SETTINGS.slo.scrape_interval.text
    assert job["sample_limit"] == 2 * SETTINGS.export.max_series
    assert option("prometheus", "storage.tsdb.retention.time") == SETTINGS.slo.retention.text
    assert itself["static_configs"] == [{"targets": ["localhost:9090"]}]
    alertmanagers = PROMETHEUS["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    assert alertmanagers == [f"alertmanager:{published(SERVICES['alertmanager'])[0][2]}"]


def test_prometheus_loads_every_file_of_rules_and_no_other():
    rules = COMPOSE / "rules"
    named = {file for glob in PROMETHEUS["rule_files"] for file in globbed("prometheus", glob)}
    assert named == {path for path in rules.rglob("*.yml") if "groups" in yaml.safe_load(path.read_text())}
    assert len(named) == 3


def globbed(service, pattern):
    folder = inside(service, str(Path(pattern).parent))
    return set() if folder is None else set(folder.glob(Path(pattern).name))


def test_the_rules_are_what_the_command_writes_for_this_configuration(monkeypatch, tmp_path):
    monkeypatch.chdir(COMPOSE)
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["rules", "--config", "foldwatch.yaml", "--output", str(tmp_path / "rules")]) == 0
    written, committed = (
        {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "rules", COMPOSE / "rules")
    )
    assert written == committed


def test_promtool_accepts_prometheus_configuration_with_its_rules(promtool, tmp_path):
    text = (COMPOSE / "prometheus" / "prometheus.yml").read_text()
    configuration = tmp_path / "prometheus.yml"
    configuration.write_text(text.replace("/etc/foldwatch-rules", str(COMPOSE / "rules")))
    done = subprocess.run(
        [promtool, "check", "config", "--lint=all", configuration], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS: 3 rule files found" in done.stdout


def test_alertmanager_finds_configuration_templates_and_secrets(amtool):
    home = SERVICES["alertmanager"]["working_dir"]
    configuration = inside("alertmanager", option("alertmanager", "config.file"))
    done = subprocess.run([amtool, "check-config", configuration], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    document = yaml.safe_load(configuration.read_text())
    assert all(inside("alertmanager", f"{home}/{name}").is_file() for name in document["templates"])
    secrets = re.findall(r'(?:routing_key_file|api_url_file): "(.*)"', configuration.read_text())
    assert {inside("alertmanager", f"{home}/{path}") for path in secrets} == {
        COMPOSE / "secrets" / name for name in ("pagerduty.key", "slack.url")
    }


def test_the_secrets_that_are_committed_are_placeholders():
    for path in (COMPOSE / "secrets").iterdir():
        assert "placeholder" in path.read_text(), path


def test_grafana_finds_data_source_dashboards_and_home():
    (source,) = DATASOURCE["datasources"]
    assert source["url"] == f"http://prometheus:{published(SERVICES['prometheus'])[0][2]}"
    (provider,) = PROVIDER["providers"]
    below = provider["options"]["path"] + "/"
    boards = {one.target: one.source for one in mounted(SERVICES["grafana"]) if one.target.startswith(below)}
    assert list(boards.values()) == [ROOT / "grafana"]
    assert {"executive.json", "on-call.json", "debug.json"} <= {path.name for path in (ROOT / "grafana").iterdir()}
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert inside("grafana", home) == ROOT / "grafana" / "executive.json"
    assert inside("grafana", "/etc/grafana/provisioning") == ROOT / "grafana" / "provisioning"


def test_the_baseline_is_that_of_the_model_which_the_demo_feeds(tmp_path):
    table, built = tmp_path / "out-of-fold.csv", tmp_path / "churn-3.json"
    subprocess.run([sys.executable, COMPOSE / "feed" / "feed.py", "--out-of-fold", table], check=True)
    words = ["--model", "churn", "--version", "3", "--positive", "leave", "--scheme", "stratified", "--seed", "20"]
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["baseline", "build", *words, "--predictions", str(table), "--output", str(built)]) == 0
    assert read_baseline(built).folds == read_baseline(COMPOSE / "baselines" / "churn-3.json").folds


@pytest.mark.parametrize("name", ["FEED_RECALL", "FEED_RATE"])
def test_the_demo_s_variables_reach_the_feed(name):
    changed = TEXT.replace(f"${{{name}:-{variables(TEXT)[name]}}}", "0.125")
    assert "0.125" in " ".join(stack(changed)["services"]["feed"]["command"])
    assert stack()["services"]["feed"]["profiles"] == ["demo"]
