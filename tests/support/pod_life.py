"""The pod's lives: its own command, environment, user and paths, on volumes that outlive it."""

from __future__ import annotations

import os
import re
import signal
import ssl
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from broker import free_ports
from faults_counters import with_objectives
from faults_events import HOUR, MODELS, PREDICTIONS
from faults_scene import Daemon, Scene, until
from image_room import Mount, enter

if TYPE_CHECKING:
    from pod_manifest import Manifest

CONFIGURATION = "/etc/foldwatch/foldwatch.yaml"
_LOOPBACK_ALONE = """
import ctypes, fcntl, os, socket, struct, sys
if ctypes.CDLL(None, use_errno=True).unshare(0x40000000):  # CLONE_NEWNET; os.unshare comes with Python 3.12
    sys.exit(os.strerror(ctypes.get_errno()))
with socket.socket() as any_one:
    fcntl.ioctl(any_one, 0x8914, struct.pack("16sh14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
os.execvp(sys.argv[1], sys.argv[1:])
"""
_IN_ANY_ORDER = ("predictions", "matched", "duplicate", "label_first", "labels", "open", "dead_letters", "skipped")
_WHEN = ("start", "end", "as_of")
STOPS_WITHIN = 10
"""Seconds; `run --help` promises them, and the grace period must be longer."""


@dataclass
class Pod:
    """A pod's volumes below a folder, as the kubelet makes them, and the lives that it has had."""

    manifest: Manifest
    root: Path
    """Of the image."""
    folder: Path
    configuration: str
    secrets: dict = field(default_factory=dict)
    """Name of a Secret -> key -> text."""
    network: bool = False
    """Whether it has a network of its own, with loopback alone."""
    context: object = None
    """A client's TLS context."""
    headers: dict = field(default_factory=dict)
    """What a client says who may read."""
    mounts: list = field(default_factory=list)
    """What else is seen in it."""
    prefix: list = field(default_factory=list)
    """Words before the command."""
    lives: list = field(default_factory=list)

    def __post_init__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self._volumes = [*self.mounts, *self._made()]

    @property
    def claimed(self):
        """The volume that outlives the pod."""
        return self.folder / "claimed"

    @property
    def state(self):
        """The folder of the state, as this machine sees it; it must lie on the volume that outlives the pod."""
        (mounted,) = (path for path, volume, _ in self.manifest.mounts() if "claim" in volume)
        store = Path(yaml.safe_load(self.configuration)["store"]["path"])
        return self.claimed / store.relative_to(mounted)

    def lose_the_volume(self):
        """What stood in it is gone; the claim gets an empty one."""
        self.claimed.rename(self.folder / f"lost-{len(self.lives)}")
        self._claim()

    def configure(self, text):
        """Let the ConfigMap say something else; the kubelet swaps one link."""
        self.configuration = text
        for path, volume, _ in self.manifest.mounts():
            if CONFIGURATION.startswith(f"{path}/"):
                self._project(self.folder / "volumes" / path.strip("/").replace("/", "-"), path, volume)

    def lock_the_volume(self):
        """Let the volume be one that can only be read, from the next life on."""
        self._volumes = [replace(one, writable=one.writable and one.source != self.claimed) for one in self._volumes]

    def start(self):
        """Begin a life."""
        number, group, volumes = self.manifest.user
        assert volumes == group, "the group of volumes is the program's own"
        command = enter(
            self.root,
            self.manifest.command,
            mounts=self._volumes,
            environment=self.manifest.environment,
            user=f"{number}:{group}",
            folder=self.manifest.folder,
            read_only=self.manifest.container["securityContext"]["readOnlyRootFilesystem"],
        )
        if self.network:
            command = [sys.executable, "-c", _LOOPBACK_ALONE, *command]
        life = Life([*self.prefix, *command], self.folder, self.folder / f"life-{len(self.lives)}.log", self)
        self.lives.append(life)
        return life

    def _made(self):
        """Folders on this machine for every volume, and where the pod sees them."""
        for path, volume, read_only in self.manifest.mounts():
            if "claim" in volume:
                self._claim()
                yield Mount(self.claimed, path, not read_only)
                continue
            made = self.folder / "volumes" / path.strip("/").replace("/", "-")
            made.mkdir(parents=True)
            if "emptyDir" in volume:
                os.chown(made, 0, self.manifest.user[2])
                made.chmod(0o2777)
            else:
                self._project(made, path, volume)
            yield Mount(made, path, "emptyDir" in volume and not read_only)

    def _claim(self):
        """A block volume, new: of root and the pod's group, which may write, as fsGroup does it."""
        self.claimed.mkdir()
        (self.claimed / "lost+found").mkdir(mode=0o700)
        os.chown(self.claimed, 0, self.manifest.user[2])
        self.claimed.chmod(0o2775)

    def _project(self, made, path, volume):
        """A ConfigMap or Secret as the kubelet writes it: files in a dated folder, reached through two links."""
        files = self.manifest.files_of(volume, self.secrets)
        inside = CONFIGURATION.removeprefix(f"{path}/")
        if inside in files:
            files[inside] = self.configuration
        dated = made / f"..{time.time_ns()}"
        for name, text in files.items():
            file = dated / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            os.chown(file, 0, self.manifest.user[2])
            file.chmod(0o440)
            for folder in (*(one for one in file.parents if one.is_relative_to(dated)),):
                os.chown(folder, 0, self.manifest.user[2])
                folder.chmod(0o2755)
            top = made / name.split("/")[0]
            if not top.is_symlink():
                top.symlink_to(f"..data/{name.split('/')[0]}")
        dated.mkdir(exist_ok=True)
        link = made / "..data.new"
        link.symlink_to(dated.name)
        link.replace(made / "..data")


class Life(Daemon):
    """One life of the pod. Signals go to the program itself, which is number 1 in there."""

    def __init__(self, command, folder, log, pod):
        self.begun = time.monotonic()
        self.server = (yaml.safe_load(pod.configuration) or {}).get("server", {})
        self.context, self.headers = pod.context, pod.headers
        super().__init__(command, folder, log)

    @property
    def pid(self):
        """The program's number on this machine; it is ours once it is number 1 of its own namespace."""
        children = Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children")
        found = until(lambda: not self.alive or children.read_text().split(), "the pod has a program")
        assert self.alive, f"it ended with {self.child.returncode}:\n{self.said[-3000:]}"
        return int(found[0])

    @property
    def minds(self):
        """Whether the container's own program, not only what builds its tree, has asked for SIGTERM."""
        with suppress(OSError):
            program = Path(f"/proc/{self.pid}/cmdline").read_bytes().split(b"\0")
            caught = re.search(r"^SigCgt:\s*(\w+)", Path(f"/proc/{self.pid}/status").read_text(), re.MULTILINE)
            return b"/opt/foldwatch/bin/foldwatch" in program and int(caught[1], 16) >> (signal.SIGTERM - 1) & 1
        return False

    @property
    def probes(self):
        """Host and port of the plain listener of the probes."""
        return "127.0.0.1", int(self.server["probes"].rpartition(":")[2])

    @property
    def url(self):
        """Where it serves everything."""
        scheme = "https" if "tls" in self.server else "http"
        return f"{scheme}://127.0.0.1:{self.server['listen'].rpartition(':')[2]}/"

    def get(self, path):
        request = urllib.request.Request(self.url + path, headers=self.headers)
        try:
            with urllib.request.urlopen(request, timeout=10, context=self.context) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def probe(self, name):
        """(status, text) of a probe as the kubelet asks for it; (None, why) where nobody answers."""
        host, port = self.probes
        try:
            with urllib.request.urlopen(f"http://{host}:{port}/-/{name}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()
        except OSError as error:
            return None, str(error)

    def serves(self):
        """Wait until the probes answer."""
        until(lambda: self.probe("healthy")[0] or not self.alive, lambda: f"nobody answers:\n{self.said[-3000:]}")
        assert self.alive, self.said[-3000:]

    def ready(self):
        return self.probe("ready")[0] == 200

    def settle(self, n, seconds=60.0):
        self.serves()
        super().settle(n, seconds)

    def kill(self):
        if self.alive:
            self.child.kill()  # and with it, `--kill-child`, the program
        self.child.wait()

    def crash(self):
        """SIGKILL for the program itself: what the kubelet or the kernel does."""
        os.kill(self.pid, signal.SIGKILL)
        self.child.wait()

    def stop(self, number=signal.SIGTERM):
        """Ask it to end, as the kubelet does; return the seconds that it took."""
        asked = time.monotonic()
        os.kill(self.pid, number)
        code = self.wait(STOPS_WITHIN)
        assert code == 0, (code, self.said[-3000:])
        return time.monotonic() - asked


class PodScene(Scene):
    """Topics full of trouble, and the pod that reads them into its volume."""

    def __init__(self, manifest, root, broker, folder, seed, *, pod=None, **options):
        """`root`: of the image; `pod`: further words for Pod."""
        super().__init__(broker, folder, seed, begin=_recent(), **options)
        self.manifest, self._root, self._further = manifest, root, pod or {}
        self.ports = free_ports(2)
        self.pod = self._pod("pod")
        self.store = self.pod.state

    def another(self):
        """A pod of the same configuration with a volume of its own."""
        self.ports = free_ports(2)
        return self._pod(f"pod-{len(list(self.folder.glob('pod*')))}")

    def start(self, pod=None, **_):
        life = (pod or self.pod).start()
        self.lives.append(life)
        return life

    def _pod(self, name):
        return Pod(self.manifest, self._root, self.folder / name, self._text(), **self._further)

    def _text(self):
        """The ConfigMap's own configuration, but for the broker, the topics, the models, the pace and the ports."""
        found = yaml.safe_load(self.manifest.configuration)
        for name, port in zip(("listen", "probes"), self.ports, strict=True):
            host, _, _ = found["server"][name].rpartition(":")
            found["server"][name] = f"{host}:{port}"
        source = found["source"]
        source["bootstrap_servers"] = [self.bootstrap]
        source["client"] = self.client
        source["group_id"] = self.topics[PREDICTIONS]
        for role, topic in self.topics.items():
            source[role] = {"topic": topic}
        source["dead_letters"]["topic"] = self.dead_letters
        source["defaults"] = {"model": "churn", "version": "3"}
        found["evaluate_every"] = "1s"
        found["models"] = yaml.safe_load(with_objectives(MODELS))["models"]
        return yaml.safe_dump(found, allow_unicode=True, sort_keys=False)


def comparable(report):
    """What a report says, but for when it was asked and for what depends on the order of reading between partitions.

    Its windows by name, whole; of its events what faults_oracle.py tells of any order.
    """
    windows = {}
    for window in report["windows"]:
        key = tuple(window[name] for name in ("model", "version", "segment", "window", "maturity"))
        windows[key] = {name: told for name, told in window.items() if name not in _WHEN}
    events = dict(report["events"])
    events["open"] = events.pop("waiting") + events.pop("expired")
    return windows, {name: events[name] for name in _IN_ANY_ORDER}


def events_of(life):
    """Names of what it logged, in order."""
    return re.findall(r'"event": "([^"]+)"', life.said)


def _recent():
    """When the events of a scene begin that a pod reads by the wall clock: so that all of them lie in the past."""
    return (time.time_ns() // 1_000_000 // HOUR - 30 * 24) * HOUR


def trusting(ca):
    """A client's TLS context that knows this authority."""
    return ssl.create_default_context(cafile=str(ca))
