"""The stack of deploy/compose.yaml, run here without containers: only its addresses are others."""

from __future__ import annotations

import shutil

import pytest
from alert_stack import free_port, until
from compose_file import COMPOSE, stack
from compose_stack import ComposeBroker, ComposePrometheus, compose_alertmanager, configuration
from image_pod import run_as_pod

from monitor.alerting.names import BURNS_FAST, WATCHDOG

START = 60.0
SERVICES = stack()["services"]
HEALTHY, BROKEN = 200, 1600
WRONG = 'foldwatch_slo_bad_events_total{slo="leave-floor"}'
SEEN = 'foldwatch_slo_events_total{slo="leave-floor"}'


@pytest.fixture
def etc(tmp_path):
    """The folder /etc/foldwatch of the service `foldwatch`, without its configuration."""
    shutil.copytree(COMPOSE / "baselines", tmp_path / "etc" / "baselines")
    return tmp_path / "etc"


def test_the_broker_takes_its_settings_and_a_model_that_breaks_rings_through_prometheus_at_alertmanager(
    image, kafka, prometheus, alertmanager, etc, tmp_path
):
    assert prometheus
    assert alertmanager
    http, probes = free_port(), free_port()
    with ComposeBroker(tmp_path / "kafka", script=kafka) as broker, compose_alertmanager(tmp_path / "am") as told:
        assert broker.unknown() == []
        for topic in ("predictions", "labels", "dead-letters"):
            broker.create(topic, 4)
        text = configuration({"kafka:19092": broker.bootstrap}, [(9464, http), (9465, probes)])
        (etc / "foldwatch.yaml").write_text(text)
        places = {"foldwatch:9464": f"127.0.0.1:{http}", "alertmanager:9093": told.address}
        with (
            run_as_pod(image, tmp_path / "pod", etc=etc, state=tmp_path / "state") as pod,
            ComposePrometheus(tmp_path / "prometheus", places) as asked,
        ):
            until(lambda: pod.answers(f"http://127.0.0.1:{probes}/-/ready"), "foldwatch is ready", START)
            assert_healthy_by_its_own_check(image, tmp_path / "healthcheck", probes)
            until(lambda: scraped(asked), "Prometheus scrapes foldwatch")
            until(lambda: value(asked, SEEN) == 0, "nothing is counted yet")
            feed(image, tmp_path / "healthy", broker, HEALTHY, recall=float(default("--recall")))
            until(lambda: (value(asked, SEEN) or 0) > HEALTHY / 8, "healthy labels are counted")
            assert value(asked, WRONG) / value(asked, SEEN) < 0.2
            until(lambda: WATCHDOG in ringing(told), "the dead man's switch reaches Alertmanager")
            assert BURNS_FAST not in ringing(told)
            feed(image, tmp_path / "broken", broker, BROKEN, recall=0.1)
            until(lambda: BURNS_FAST in ringing(told), "the page reaches Alertmanager")
            assert {rule["health"] for group in asked.rules() for rule in group["rules"]} == {"ok"}
            assert value(asked, "sum(foldwatch_predictions_total)") == HEALTHY + BROKEN
            assert value(asked, "sum(foldwatch_dead_letters_total) or vector(0)") == 0
            pod.terminate()
            assert pod.wait(10) == 0


def default(option):
    """Return what `feed` is told when nobody sets a variable."""
    (found,) = (each for each in SERVICES["feed"]["command"] if each.startswith(f"{option}="))
    return found.partition("=")[2]


def feed(image, folder, broker, count, *, recall):
    """Run the service `feed` until it has sent so many predictions with their labels."""
    words = [f"--kafka={broker.bootstrap}", f"--recall={recall}", "--rate=1000", f"--count={count}"]
    ended = run_as_pod(image, folder, *words, etc=COMPOSE / "feed", entrypoint=SERVICES["feed"]["entrypoint"])
    assert ended.wait(START) == 0, ended.log
    assert f"{count} predictions sent" in ended.log


def assert_healthy_by_its_own_check(image, folder, probes):
    """The health check of the service `foldwatch` finds it healthy, and where nobody listens it does not."""
    kind, *words = SERVICES["foldwatch"]["healthcheck"]["test"]
    assert kind == "CMD"
    for port, code in ((probes, 0), (free_port(), 1)):
        asked = [word.replace("9465", str(port)) for word in words]
        assert run_as_pod(image, folder / str(code), entrypoint=asked, state=None).wait(START) == code


def scraped(prometheus):
    """Tell whether the job of foldwatch is up."""
    return any(each["labels"]["job"] == "foldwatch" and each["health"] == "up" for each in prometheus.targets())


def value(prometheus, expression):
    """Return what Prometheus knows of one series; None: nothing."""
    found = prometheus.query(expression)
    return found[0].value if found else None


def ringing(alertmanager):
    """Return the names of the alerts that Alertmanager knows."""
    return {alert["labels"]["alertname"] for alert in alertmanager.alerts()}
