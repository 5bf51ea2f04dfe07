"""A real Kafka broker for tests: its own ports, its own folder, and it dies with the test.

The fixture `broker` of conftest.py is one per pytest worker; whoever stops or kills a broker starts one of his own.

    topic = broker.topic("labels", 2)  # created, with a name that no other test has
    broker.produce(topic, [("id-1", b"{...}"), ("id-2", None)])
    broker.consume(topic)
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from cluster import PATIENCE, Cluster, until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCRIPT = Path(__file__).parents[2] / "scripts" / "kafka-broker"
_PORTS = range(20_000, 32_000)
"""Below those that the system gives to outgoing connections: a broker that is down for a while gets its port again."""


class Broker(Cluster):
    """One node of Apache Kafka that is all the cluster."""

    def __init__(
        self,
        folder: Path,
        properties: Mapping[str, str] | None = None,
        *,
        listeners: Sequence[str] = (),
        jvm: str | None = None,
        script: Path = SCRIPT,
    ) -> None:
        """Start; `folder` keeps topics and messages, `properties` are further settings, `jvm` Java's own options.

        `listeners`: further ones, `PROTOCOL://HOST:PORT` each. The thread that starts a broker must outlive it: the
        broker is killed when that thread ends, however it ends.
        """
        self.folder, self._script = folder, script
        self._properties, self._listeners, self._jvm = dict(properties or {}), listeners, jvm
        self.port, self._controller = free_ports(2)
        self._running: subprocess.Popen[bytes] | None = None
        self._paused = False
        super().__init__(f"127.0.0.1:{self.port}")
        self.start()

    @property
    def pid(self) -> int:
        """The broker's own number among the system's."""
        assert self._running is not None, "the broker is not running"
        return self._running.pid

    @property
    def log(self) -> str:
        """What the broker has complained of so far."""
        return (self.folder / "broker.log").read_text()

    def start(self) -> None:
        """Start, again too: on the same ports, with the same messages. Returns once every partition can be read."""
        if self._running is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        further = self.folder / "further.properties"
        further.write_text("".join(f"{key}={value}\n" for key, value in self._properties.items()))
        command = [sys.executable, "-S", "-E", str(self._script), "run", "--with-parent", f"--port={self.port}"]
        command += [f"--controller-port={self._controller}", f"--folder={self.folder}", f"--properties={further}"]
        command += [f"--listen={listener}" for listener in self._listeners]
        environment = dict(os.environ) | ({"KAFKA_BROKER_JVM": self._jvm} if self._jvm is not None else {})
        with (self.folder / "broker.log").open("ab") as log:
            self._running = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        until(self._listens, "the broker listens", 90)  # the very first one writes its archive of classes before
        until(self.answers, "every partition answers")

    def stop(self) -> None:
        """End it as an operator would; messages stay. A second call does nothing."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it with SIGKILL; messages stay. A second call does nothing."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Let it stand still: connections stay open, nobody answers."""
        os.kill(self.pid, signal.SIGSTOP)
        self._paused = True

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)
        self._paused = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _end(self, number: signal.Signals) -> None:
        if self._running is None:
            return
        if self._paused:
            self.resume()
        self._running.send_signal(number)
        try:
            self._running.wait(PATIENCE)
        finally:
            self._running.kill()
            self._running.wait()
            self._running = None

    def _listens(self) -> bool:
        assert self._running is not None
        assert self._running.poll() is None, f"the broker ended by itself:\n{self.log[-3000:]}"
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.5):
            return True
        return False


def free_ports(n: int) -> list[int]:
    """Return so many ports of loopback that nobody listens on."""
    found: list[int] = []
    while len(found) < n:
        port = random.choice(_PORTS)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            if port not in found:
                found.append(port)
    return found
