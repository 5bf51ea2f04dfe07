"""What the pod reads: valid as it lies there, the same promises as the rules, and never put aside by a component."""

from __future__ import annotations

import json
import math
import random
import re

import pytest
import yaml
from certificates import certify
from rendered import BASE, COMPONENTS, KUBERNETES, Rendered, kustomize, overlay

from monitor.alerting.rules.files import rule_files
from monitor.alerting.rules.text import text
from monitor.cli import main

EXPECTED = (
    "reach nobody",  # the keys of PagerDuty and Slack are Alertmanager's
    "wakes nobody",
    "server.insecure",  # without components/tls: the network policy is what keeps others out
    "source.security",  # without a login: the example's broker asks for none
    "the certificate expires",  # the test's is valid for a day
    "promote_to",  # on the pod's volume, which is not here
    "ledger",  # the same
)
"""What is said of a pod that is as it should be."""
DOCKERFILE = (KUBERNETES.parent / "Dockerfile").read_text(encoding="utf-8")
OWN = "# foldwatch of team growth\nmodels: {own: {classes: [a, b]}}\n"


@pytest.fixture(scope="module")
def secrets(openssl, tmp_path_factory):
    """What somebody has put into the two Secrets."""
    made = certify(openssl, tmp_path_factory.mktemp("certificates"))
    ca, both = made.ca.read_text(), made.server
    certificate, key = both.with_name("server.pem").read_text(), both.with_name("server.key").read_text()
    return {
        "foldwatch-tls": {"tls.crt": certificate, "tls.key": key, "ca.crt": ca},
        "foldwatch-secrets": {"token": "0123456789abcdef0123456789abcdef", "kafka-password": "pw", "kafka-ca.crt": ca},
    }


@pytest.fixture
def laid_out(kubectl, secrets, tmp_path):
    """Lay out what the pod of an overlay of ours, or of the base with components, would see."""

    def lay(folder, components=()):
        where = overlay(tmp_path / "overlay", components) if components else KUBERNETES / folder
        return Rendered.laid_out(kustomize(kubectl, where), tmp_path / "seen", secrets)

    return lay


@pytest.mark.parametrize(
    "folder",
    [
        *("base", "overlays/dev", "overlays/prod"),
        *("components/tls", "components/revalidate", "components/revalidate-job"),
    ],
)
def test_check_finds_nothing_wrong_with_what_the_pod_reads(folder, laid_out, capsys):
    rendered = laid_out(folder, [folder.removeprefix("components/")] if folder.startswith("components/") else ())
    code = main(["check", "--config", str(rendered.folder / "foldwatch.yaml")])
    said = capsys.readouterr().err.splitlines()
    assert (code, [line for line in said if not any(word in line for word in EXPECTED)]) == (0, [])


def test_the_rules_beside_the_pod_are_of_what_the_pod_promises(laid_out):
    rendered = laid_out("overlays/prod")
    objects = [one["spec"] for one in rendered.all("PrometheusRule")]
    beside = [rule for spec in objects for group in spec["groups"] for rule in group["rules"]]
    files = [yaml.safe_load(text(file)) for file in rule_files(rendered.settings)]
    own = [rule for file in files for group in file["groups"] for rule in group["rules"]]
    known = [rule for rule in own if rule in beside]
    assert len(known) == len(beside) > 50
    # `examples/churn.yaml`, of which rules/ are, names no baseline and re-validates nothing: alerts come with either.
    assert sorted(rule["alert"] for rule in own if rule not in known) == [
        *("FoldwatchBaselineMissing", "FoldwatchBaselineOld", "FoldwatchFoldsUnstable"),
        *("FoldwatchRevalidationFails", "FoldwatchRevalidationOverdue"),
    ]


def test_the_configuration_with_tls_is_that_of_the_base_but_for_the_server(laid_out):
    plain = yaml.safe_load((BASE / "foldwatch.yaml").read_text())
    secured = yaml.safe_load((laid_out("", ["tls"]).folder / "foldwatch.yaml").read_text())
    assert plain.pop("server") == {"listen": "0.0.0.0:9464", "insecure": True, "probes": "0.0.0.0:9465"}
    assert secured.pop("server") == {
        "listen": "0.0.0.0:9464",
        "tls": {"cert_file": "tls/tls.crt", "key_file": "tls/tls.key"},
        "auth": {"bearer_token_file": "secrets/token"},
        "probes": "0.0.0.0:9465",
    }
    assert secured == plain


def test_what_re_validates_in_the_example_is_all_that_differs_from_the_example_with_tls(laid_out):
    secured = yaml.safe_load((laid_out("", ["tls"]).folder / "foldwatch.yaml").read_text())
    for component, kind in (("revalidate", "webhook"), ("revalidate-job", "kubernetes-job")):
        told = yaml.safe_load((laid_out("", [component]).folder / "foldwatch.yaml").read_text())
        assert told.pop("daemon")["url"] == "https://foldwatch:9464"
        assert told["models"]["churn"].pop("revalidate")["action"]["kind"] == kind
        assert told == secured


@pytest.mark.parametrize("behavior", ["merge", "replace"])
def test_no_component_puts_a_configuration_of_ones_own_aside(behavior, kubectl, tmp_path):
    (tmp_path / "foldwatch.yaml").write_text(OWN)
    own = [{"name": "foldwatch", "behavior": behavior, "files": ["foldwatch.yaml"]}]
    objects = kustomize(kubectl, overlay(tmp_path, COMPONENTS, configMapGenerator=own))
    data = Rendered(objects, tmp_path).sources[0]["configMap"]["name"]
    (configmap,) = (one for one in objects if one["kind"] == "ConfigMap" and one["metadata"]["name"] == data)
    assert configmap["data"]["foldwatch.yaml"] == OWN
    assert set(configmap["data"]) == {"foldwatch.yaml"} | ({"churn-3.json"} if behavior == "merge" else set())
    assert "annotations" not in configmap["metadata"]


def test_the_pod_starts_what_the_image_would_start_as_the_same_user_on_the_same_ports(laid_out):
    lines = dict(
        line.split(" ", 1) for line in DOCKERFILE.splitlines() if re.match(r"(ENTRYPOINT|CMD|USER|EXPOSE) ", line)
    )
    rendered = laid_out("base")
    security = rendered.pod["securityContext"]
    assert rendered.container["command"] == json.loads(lines["ENTRYPOINT"])
    assert rendered.container["args"] == json.loads(lines["CMD"])
    assert f"{security['runAsUser']}:{security['runAsGroup']}" == lines["USER"]
    assert set(lines["EXPOSE"].split()) == {str(port) for port in rendered.ports.values()}


def test_the_baseline_of_the_example_is_what_baseline_build_makes_of_made_up_folds(tmp_path):
    """Five folds of 4,000 customers that nobody has: two normal distributions, and the score that Bayes would give."""
    chance = random.Random(7)
    lines = ["fold,y_true,y_pred,score,segment_region"]
    for i in range(4000):
        leaves = chance.random() < 0.3
        evidence = chance.gauss(2.0 if leaves else -2.0, 1.0)
        score = 1 / (1 + math.exp(-(4.0 * evidence + math.log(0.3 / 0.7))))
        words = {True: "leave", False: "stay"}
        lines.append(f"{i % 5},{words[leaves]},{words[score > 0.5]},{score:.4f},{chance.choice(['DE', 'FR', 'PL'])}")
    (tmp_path / "folds.csv").write_text("\n".join([*lines, ""]))
    options = ["--model", "churn", "--version", "3", "--positive", "leave", "--scheme", "stratified", "--seed", "7"]
    paths = ["--predictions", str(tmp_path / "folds.csv"), "--output", str(tmp_path / "churn-3.json")]
    assert main(["baseline", "build", *options, *paths]) == 0
    assert content(tmp_path / "churn-3.json") == content(BASE / "baselines" / "churn-3.json")


def content(path):
    """All but which libraries were there."""
    document = json.loads(path.read_text())
    return document | {"content_hash": None, "about": document["about"] | {"libraries": None}}
