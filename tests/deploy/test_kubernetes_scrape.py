"""What is rendered for the operator, carried out without one: a real Prometheus scrapes a real daemon by it.

What the operator would make of a ServiceMonitor and of PrometheusRules is written by hand here, field by field; daemon,
certificate, token and Prometheus are real. There is no broker, so the pod is not ready, and is scraped all the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from urllib.request import urlopen

import pytest
import yaml
from alert_stack import Prometheus, free_port, until
from certificates import certify
from rendered import KUBERNETES, Rendered, kustomize, overlay
from tls_files import issued

ROOT = KUBERNETES.parents[1]
TOKEN = "4f1a0c9be3d27586a9b0c1d2e3f40516"  # noqa: S105 - the test's own


@pytest.fixture
def secrets(openssl, tmp_path):
    """Name of a Secret -> key -> text; the certificate is for the name `foldwatch`."""
    ca = certify(openssl, tmp_path / "certificates").ca
    certificate, key = (pem.decode() for pem in issued(ca, "foldwatch"))
    return {
        "foldwatch-tls": {"tls.crt": certificate, "tls.key": key, "ca.crt": ca.read_text()},
        "foldwatch-secrets": {"token": TOKEN},
    }


@contextmanager
def running(rendered, folder):
    """Run the pod's command on its files; yield (port of http, port of probes). Addresses and the volume are ours."""
    text, ports = rendered.settings.path.read_text(), (free_port(), free_port())
    for old, new in (
        ("0.0.0.0:9464", f"127.0.0.1:{ports[0]}"),
        ("0.0.0.0:9465", f"127.0.0.1:{ports[1]}"),
        ("/var/lib/foldwatch/state", str(folder / "state")),
        ("kafka.kafka.svc:9092", "127.0.0.1:1"),
    ):
        assert old in text
        text = text.replace(old, new)
    config = rendered.folder / "here.yaml"
    config.write_text(text)
    container = rendered.container
    words = [{"/etc/foldwatch/foldwatch.yaml": str(config)}.get(word, word) for word in container["args"]]
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | {one["name"]: one["value"] for one in container["env"]}
    assert container["command"] == ["foldwatch"]
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen([sys.executable, "-m", "monitor", *words], env=environment, stdout=log, stderr=log)
    try:
        until(lambda: answers(ports[1]) or daemon.poll() is not None, "the daemon answers")
        assert daemon.poll() is None, (folder / "log").read_text()
        yield ports
        daemon.terminate()
        assert daemon.wait(10) == 0
    finally:
        daemon.kill()
        daemon.wait()


def answers(port):
    try:
        with urlopen(f"http://127.0.0.1:{port}/-/healthy", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def job(rendered, port, secrets, folder):
    """What the operator tells Prometheus of our ServiceMonitor, with the pod's address in place of its discovery."""
    spec = rendered.the("ServiceMonitor")["spec"]
    (endpoint,) = spec["endpoints"]
    known = {"path", "port", "scheme", "interval", "scrapeTimeout", "honorLabels", "tlsConfig", "authorization"}
    assert endpoint.keys() <= known

    def file(told):
        """The operator keeps what a Secret holds in a file beside Prometheus."""
        path = folder / f"{told['name']}-{told['key']}"
        path.write_text(secrets[told["name"]][told["key"]])
        return str(path)

    made = {
        "job_name": "serviceMonitor/foldwatch/foldwatch/0",
        "metrics_path": endpoint["path"],
        "scheme": endpoint["scheme"],
        "honor_labels": endpoint["honorLabels"],
        "scrape_interval": "1s",
        "scrape_timeout": "1s",
        "sample_limit": spec["sampleLimit"],
        "label_limit": spec["labelLimit"],
        "label_name_length_limit": spec["labelNameLengthLimit"],
        "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
        "relabel_configs": [
            {
                "target_label": "job",
                "replacement": rendered.the("Service")["metadata"]["labels"][spec["jobLabel"]],
            }
        ],
    }
    if "tlsConfig" in endpoint:
        told = endpoint["tlsConfig"]
        made["tls_config"] = {"server_name": told["serverName"], "ca_file": file(told["ca"]["secret"])}
    if "authorization" in endpoint:
        told = endpoint["authorization"]
        made["authorization"] = {"type": told["type"], "credentials_file": file(told["credentials"])}
    return made


def test_prometheus_gets_in_as_the_service_monitor_says_and_in_no_other_way(kubectl, secrets, tmp_path):
    objects = kustomize(kubectl, overlay(tmp_path / "overlay", ("prometheus-operator", "tls", "prometheus-rules")))
    rendered = Rendered.laid_out(objects, tmp_path / "seen", secrets)
    rules = []
    for one in rendered.all("PrometheusRule"):
        rules.append(tmp_path / f"{one['metadata']['name']}.yml")
        rules[-1].write_text(yaml.safe_dump(one["spec"]))
    with running(rendered, tmp_path) as (port, _):
        right = job(rendered, port, secrets, tmp_path)
        wrong = {
            "no token": {name: value for name, value in right.items() if name != "authorization"},
            "another name": right | {"tls_config": right["tls_config"] | {"server_name": "elsewhere"}},
            "in the clear": {name: value for name, value in right.items() if name != "tls_config"} | {"scheme": "http"},
        }
        jobs = [right, *(one | {"job_name": name, "relabel_configs": []} for name, one in wrong.items())]
        with Prometheus(tmp_path / "prometheus", rules=rules, scrape_configs=jobs) as prometheus:
            until(lambda: tried(prometheus, len(jobs)), "every way in was tried")
            found = {target["labels"]["job"]: target["health"] for target in prometheus.targets()}
            assert found == {"foldwatch": "up"} | dict.fromkeys(wrong, "down")
            until(lambda: prometheus.query('foldwatch_build_info{job="foldwatch"}'), "it is known what runs")
            loaded = sorted(group["name"] for group in prometheus.rules())
    specs = [one["spec"] for one in rendered.all("PrometheusRule")]
    assert loaded == sorted(group["name"] for spec in specs for group in spec["groups"])


def tried(prometheus, count):
    targets = prometheus.targets()
    return len(targets) == count and all(target["health"] != "unknown" for target in targets)
