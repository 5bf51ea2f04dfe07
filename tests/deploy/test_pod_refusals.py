import os

import pytest
import yaml
from broker import free_ports
from faults_scene import until
from pod_life import CONFIGURATION, Pod
from pod_manifest import Manifest


@pytest.fixture
def pod(kubectl, image, tmp_path):
    manifest = Manifest.rendered(kubectl)
    found = yaml.safe_load(manifest.configuration)
    for name, port in zip(("listen", "probes"), free_ports(2), strict=True):
        found["server"][name] = f"127.0.0.1:{port}"
    made = Pod(manifest, image.root, tmp_path / "pod", yaml.safe_dump(found))
    yield made
    for life in made.lives:
        life.kill()


def refused(life, code=2):
    """What it says in the end: one line."""
    assert life.wait() == code, life.said
    (said,) = life.said.splitlines()
    assert "Traceback" not in said
    return said


def test_a_mistake_in_the_config_map_ends_it_with_one_line_that_says_where_and_the_corrected_one_starts(pod):
    right = pod.configuration
    pod.configure(right.replace("evaluate_every: 60s", "evaluate_evry: 60s"))
    said = refused(pod.start())
    assert said.startswith(f"{CONFIGURATION}:")
    assert "evaluate_evry" in said
    assert "evaluate_every" in said
    pod.configure(right)
    life = pod.start()
    life.serves()
    life.stop()


def test_every_mistake_in_the_config_map_is_a_line_of_its_own(pod):
    found = yaml.safe_load(pod.configuration)
    found["store"]["pth"] = found["store"].pop("path")
    found["models"]["churn"]["baseline"] = {"3": "baselines/gone.json"}
    found["server"]["insecure"] = False
    found["server"]["listen"] = "0.0.0.0:9464"
    pod.configure(yaml.safe_dump(found))
    life = pod.start()
    assert life.wait() == 2
    lines = life.said.splitlines()
    assert all(line.startswith(f"{CONFIGURATION}:") for line in lines), lines
    assert any("store.pth" in line for line in lines), lines
    assert any("server.listen" in line for line in lines), lines


def test_a_baseline_that_the_config_map_does_not_hold_is_named(pod):
    pod.configure(pod.configuration.replace("baselines/churn-3.json", "baselines/gone.json"))
    said = refused(pod.start())
    assert "models.churn.baseline.3" in said
    assert "/etc/foldwatch/baselines/gone.json" in said


@pytest.mark.parametrize("held", [False, True], ids=["an empty one", "one that holds a state"])
def test_a_volume_that_may_only_be_read_ends_it_with_one_line_that_names_it(pod, held):
    if held:
        life = pod.start()
        life.serves()
        life.stop()
    pod.lock_the_volume()
    said = refused(pod.start())
    assert said.startswith("/var/lib/foldwatch/state: ")
    assert "ead-only file system" in said
    assert "; " in said


@pytest.mark.parametrize("held", [False, True], ids=["an empty one", "one that holds a state"])
def test_a_volume_of_somebody_else_ends_it_with_one_line_that_names_it(pod, held):
    if held:
        life = pod.start()
        life.serves()
        life.stop()
    for path in (pod.claimed, *pod.claimed.rglob("*")):
        os.chown(path, 0, 0)
        path.chmod(0o755 if path.is_dir() else 0o644)
    said = refused(pod.start())
    assert said.startswith("/var/lib/foldwatch/state")
    assert "ermission denied" in said
    assert "; " in said


def test_two_pods_on_one_volume_do_not_both_write(pod):
    first = pod.start()
    first.serves()
    said = refused(pod.start())
    assert "/var/lib/foldwatch/state" in said
    assert "in use by another process" in said
    until(lambda: first.probe("healthy")[0] == 200, "the first one lives on")
    first.stop()
