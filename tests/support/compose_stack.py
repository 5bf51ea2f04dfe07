"""Runs what deploy/compose.yaml runs, without containers: its settings of Kafka, its Prometheus, its Alertmanager.

Only addresses differ: names of services become ports of loopback. What stands in the files is used as it stands.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from alert_stack import Alertmanager, Prometheus
from broker import Broker, free_ports
from cluster import PATIENCE
from compose_file import COMPOSE, stack
from confluent_kafka.admin import ConfigResource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_NOT_OF_THE_BROKER = frozenset({"CLUSTER_ID", "KAFKA_HEAP_OPTS", "KAFKA_LOG_DIRS"})
"""An identity, the JVM's, and the one path."""

_HOST_AND_PORT = re.compile(r"(//|@)(?:kafka|localhost)?:(\d+)")


class ComposeBroker(Broker):
    """A broker with the settings that the service `kafka` has in its environment, as apache/kafka reads them."""

    def start(self) -> None:
        """Start, on free ports in place of the file's."""
        inside, outside, controller = self.port, *free_ports(2)
        ports = {"19092": inside, "9092": outside, "9093": controller}
        for key, value in stack()["services"]["kafka"]["environment"].items():
            if key not in _NOT_OF_THE_BROKER:
                here = _HOST_AND_PORT.sub(lambda found: f"{found[1]}127.0.0.1:{ports[found[2]]}", str(value))
                self._properties[key.removeprefix("KAFKA_").lower().replace("_", ".")] = here
        super().start()

    def unknown(self) -> list[str]:
        """Return the file's settings that this Kafka does not know: it says nothing of them and goes on."""
        asked = self.admin.describe_configs([ConfigResource(ConfigResource.Type.BROKER, "1")])
        known = {name for answer in asked.values() for name in answer.result(PATIENCE)}
        return sorted(set(self._properties) - known)


class ComposePrometheus(Prometheus):
    """Prometheus with deploy/compose/prometheus/prometheus.yml."""

    def __init__(self, folder: Path, places: Mapping[str, str], *, interval: str = "1s") -> None:
        """`places`: HOST:PORT of a service -> HOST:PORT here. `interval`: of scrapes and rules, to be quick."""
        self._places, self._interval = places, interval
        super().__init__(folder)

    def start(self) -> None:
        """Write the configuration, and start with it."""
        folder, interval = self.folder, self._interval
        text = (COMPOSE / "prometheus" / "prometheus.yml").read_text()
        text = text.replace("/etc/foldwatch-rules", str(self._rules(folder, interval)))
        for old in ("_interval: 15s", "_timeout: 10s"):
            text = text.replace(old, f"{old.split()[0]} {interval}")
        self._configuration = folder / "prometheus.yml"
        self._configuration.write_text(_placed(text, self._places))
        super().start()

    def _rules(self, folder: Path, interval: str) -> Path:
        shutil.copytree(COMPOSE / "rules", folder / "rules", ignore=shutil.ignore_patterns("tests", "kubernetes"))
        for path in (folder / "rules").rglob("*.yml"):
            path.write_text(re.sub(r"\binterval: \w+", f"interval: {interval}", path.read_text()))
        return folder / "rules"


def compose_alertmanager(folder: Path) -> Alertmanager:
    """Start Alertmanager with its generated configuration, from a folder that has the secrets where it looks."""
    shutil.copytree(COMPOSE / "secrets", folder / "secrets")
    return Alertmanager(folder, COMPOSE / "rules" / "alertmanager" / "alertmanager.yml")


def configuration(places: Mapping[str, str], ports: Sequence[tuple[int, int]]) -> str:
    """Return deploy/compose/foldwatch.yaml with these addresses, and these ports of loopback, in place of its own."""
    text = _placed((COMPOSE / "foldwatch.yaml").read_text(), places)
    for old, new in ports:
        assert f"0.0.0.0:{old}" in text
        text = text.replace(f"0.0.0.0:{old}", f"127.0.0.1:{new}")
    return text.replace("evaluate_every: 15s", "evaluate_every: 1s")


def _placed(text: str, places: Mapping[str, str]) -> str:
    for old, new in places.items():
        assert old in text, f"{old} is not there"
        text = text.replace(old, new)
    return text
