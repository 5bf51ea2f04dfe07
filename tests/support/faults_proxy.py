"""A slow and fickle way to a broker: a TCP proxy that delays, throttles and drops connections."""

from __future__ import annotations

import queue
import random
import socket
import threading
import time
from contextlib import suppress

from broker import Broker, free_ports

_CHUNK = 16_384


class Proxy:
    """Listens on `port` and passes on to `target`; how badly is set while it runs."""

    def __init__(self, target, seed=0):
        self._target, self._rng = target, random.Random(seed)
        self._ended = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.delay = 0.0
        """Seconds that each piece of an answer is under way."""
        self.rate = float("inf")
        """Bytes a second of each connection's answers."""
        self.dropping = 0.0
        """Chance of each piece of an answer to be the last of its connection."""
        self.dropped = 0
        self._open = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._ended.set()
        self._server.close()
        for one in list(self._open):
            _shut(one)

    def _accept(self):
        while not self._ended.is_set():
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
        """Pass on what comes; an answer takes `delay` on its way, however many are on it."""
        way = queue.SimpleQueue()
        if answers:
            threading.Thread(target=self._arrive, args=(here, there, way), daemon=True).start()
        with suppress(OSError):
            while piece := here.recv(_CHUNK):
                if not answers:
                    there.sendall(piece)
                    continue
                dropped = self._rng.random() < self.dropping
                way.put((time.monotonic() + self.delay, piece[: len(piece) // 2] if dropped else piece))
                if dropped:
                    self.dropped += 1
                    break
        way.put((0.0, b""))
        if answers:
            return  # what is under way still arrives
        self._end(here, there)

    def _arrive(self, here, there, way):
        with suppress(OSError):
            while (arrival := way.get())[1]:
                moment, piece = arrival
                self._ended.wait(max(0.0, moment - time.monotonic()) + len(piece) / self.rate)
                there.sendall(piece)
        self._end(here, there)

    def _end(self, *both):
        for one in both:
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
