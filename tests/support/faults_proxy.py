"""A slow and fickle way to a broker: a TCP proxy that delays, throttles and drops connections."""

from __future__ import annotations

import random
import socket
import threading
from contextlib import suppress

from broker import Broker, free_ports

_CHUNK = 16_384


class Proxy:
    """Listens on `port` and passes on to `target`; how badly is set while it runs."""

    def __init__(self, target, seed=0):
        self._target, self._rng = target, random.Random(seed)
        self._over = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.delay = 0.0
        """Seconds before each piece of an answer is passed on."""
        self.rate = float("inf")
        """Bytes a second of each connection's answers."""
        self.dropping = 0.0
        """Chance of each piece of an answer to be the last of its connection."""
        self.dropped = 0
        self._open = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._over.set()
        self._server.close()
        for one in list(self._open):
            _shut(one)

    def _accept(self):
        while not self._over.is_set():
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._target), 5)
            except OSError:
                _shut(near)
                continue
            far.settimeout(None)
            self._open |= {near, far}
            for way in ((near, far, False), (far, near, True)):
                threading.Thread(target=self._pass, args=way, daemon=True).start()

    def _pass(self, here, there, answers):
        with suppress(OSError):
            while piece := here.recv(_CHUNK):
                if answers:
                    self._over.wait(self.delay + len(piece) / self.rate)
                    if self._rng.random() < self.dropping:
                        self.dropped += 1
                        there.sendall(piece[: len(piece) // 2])
                        break
                there.sendall(piece)
        for one in (here, there):
            self._open.discard(one)
            _shut(one)


class DetouredBroker(Broker):
    """A broker with a second listener, which sends its clients through a proxy."""

    def __init__(self, folder, seed=0):
        (self._inner,) = free_ports(1)
        self.proxy = Proxy(self._inner, seed)
        super().__init__(folder)

    @property
    def detour(self):
        """What a client that shall suffer takes for `bootstrap_servers`."""
        return f"127.0.0.1:{self.proxy.port}"

    def start(self):
        self._properties |= {
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self._controller},"
            f"DETOUR://127.0.0.1:{self._inner}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port},DETOUR://{self.detour}",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,DETOUR:PLAINTEXT",
        }
        super().start()

    def __exit__(self, *wrong):
        super().__exit__(*wrong)
        self.proxy.close()


def _shut(one):
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
