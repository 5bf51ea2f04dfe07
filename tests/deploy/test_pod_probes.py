import json
import os
import subprocess
import sys

import pytest
from broker import Broker
from certificates import certify
from faults_end import ends_well
from faults_scene import Watch, until
from pod_life import Pod, PodScene, trusting
from pod_manifest import DEPLOY, Manifest

TOKEN = "reads-what-the-monitor-says-4711"  # noqa: S105 - the test's own
ASK = """
import json, sys, urllib.error, urllib.request
told = {}
for url in sys.argv[1:]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            told[url] = answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        told[url] = refused.code, refused.read().decode()
    except OSError as error:
        told[url] = None, str(error)
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def manifest(kubectl):
    return Manifest.rendered(kubectl)


@pytest.fixture(scope="module")
def mortal(kafka, tmp_path_factory):
    assert kafka.is_file()
    with Broker(tmp_path_factory.mktemp("mortal")) as running:
        yield running


class Kubelet:
    """Asks the plain listener of the probes alone."""

    def __init__(self, life):
        self.life, self.url = life, life.url

    def get(self, path):
        return self.life.probe(path.removeprefix("-/"))


def asked(life, *urls):
    """What these addresses answer within the pod's own network."""
    command = ["nsenter", f"--target={life.pid}", "--net", sys.executable, "-c", ASK, *urls]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return [tuple(told[url]) for url in urls]


def url_of(manifest, name):
    """What the kubelet asks for a probe."""
    wanted = manifest.probe(name)["httpGet"]
    assert set(wanted) <= {"path", "port", "scheme"}
    port = manifest.ports.get(wanted["port"], wanted["port"])
    return f"{wanted.get('scheme', 'HTTP').lower()}://127.0.0.1:{port}{wanted['path']}"


def test_as_rendered_it_starts_and_lives_without_its_broker_but_is_not_ready_and_metrics_answer(
    manifest, image, tmp_path
):
    pod = Pod(manifest, image.root, tmp_path / "pod", manifest.configuration, network=True)
    life = pod.start()
    try:
        probes = [url_of(manifest, name) for name in ("startup", "liveness", "readiness")]
        metrics = f"http://127.0.0.1:{manifest.ports['http']}/metrics"
        until(lambda: life.minds and asked(life, probes[0])[0][0], lambda: f"nobody answers: {life.said}", every=0.1)
        startup, liveness, readiness, scrape = asked(life, *probes, metrics)
        assert (startup[0], liveness[0], readiness[0], scrape[0]) == (200, 200, 503, 200)
        until(lambda: "kafka.kafka.svc:9092" in asked(life, probes[2])[0][1], lambda: life.said, every=0.1)
        assert 'foldwatch_predictions_total{model="churn"' in asked(life, metrics)[0][1]
        # The kubelet's door shows nothing else, and each other door shows the same two.
        inner = f"http://127.0.0.1:{manifest.ports['probes']}"
        assert [status for status, _ in asked(life, f"{inner}/metrics", f"{inner}/", f"{inner}/api/v1/report")] == [
            404
        ] * 3
        life.stop()
    finally:
        life.kill()


def test_ready_comes_with_the_broker_and_goes_with_it_and_healthy_stays(manifest, image, mortal, tmp_path):
    scene = PodScene(manifest, image.root, mortal, tmp_path, 3)
    half = len(scene.messages) // 2
    scene.produce(scene.messages[:half])
    mortal.stop()
    try:
        life = scene.start()
        life.serves()
        with Watch(Kubelet(life)) as watch:
            until(lambda: scene.bootstrap in life.probe("ready")[1], "it says whom it misses")
            assert life.probe("ready")[0] == 503
            assert life.get("metrics")[0] == 200
            mortal.start()
            life.settle(half)
            assert life.ready()
            mortal.kill()
            until(lambda: not life.ready(), "it notices that the broker is gone", 60)
            mortal.start()
            scene.produce(scene.messages[half:])
            life.settle(len(scene.messages))
            assert set(watch.healthy) == {200}
            assert set(watch.ready) == {200, 503}
        ends_well(scene, life)
    finally:
        mortal.start()
        scene.close()


def encrypted(kubectl, folder):
    """The base with the component of TLS and a token."""
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        f"resources: [{os.path.relpath(DEPLOY / 'kubernetes/base', folder.resolve())}]\n"
        f"components: [{os.path.relpath(DEPLOY / 'kubernetes/components/tls', folder.resolve())}]\n"
    )
    return Manifest.rendered(kubectl, folder)


def test_with_tls_and_a_token_the_probes_stay_plain_and_a_killed_pod_goes_on(kubectl, openssl, image, broker, tmp_path):
    manifest = encrypted(kubectl, tmp_path / "overlay")
    made = certify(openssl, tmp_path / "certificates")
    both = made.server.read_text()
    secrets = {
        "foldwatch-tls": {"tls.crt": both, "tls.key": both, "ca.crt": made.ca.read_text()},
        "foldwatch-secrets": {"token": f"{TOKEN}\n"},
    }
    pod = {
        "secrets": secrets,
        "context": trusting(made.ca),
        "headers": {"Authorization": f"Bearer {TOKEN}"},
    }
    scene = PodScene(manifest, image.root, broker, tmp_path, 4, pod=pod)
    try:
        half = len(scene.messages) // 2
        scene.produce(scene.messages[:half])
        life = scene.start()
        life.settle(half)
        assert life.url.startswith("https://")
        assert life.ready()
        life.headers = {}
        assert [life.get(path)[0] for path in ("metrics", "", "api/v1/report", "-/ready")] == [401, 401, 401, 200]
        scene.produce(scene.messages[half:])
        life.crash()
        last = scene.start()
        ends_well(scene, last)
        assert not [one for one in scene.lives if TOKEN in one.said]
    finally:
        scene.close()
