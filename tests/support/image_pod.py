"""Runs an image as Kubernetes runs it: its own user, no rights, a read-only tree, process number 1, few volumes.

    with run_as_pod(image, folder, etc=folder / "etc", state=folder / "state") as pod:   # the image's own command
        until(lambda: pod.answers(f"http://127.0.0.1:{port}/-/ready"), "the pod is ready")
        pod.terminate()
        assert pod.wait(10) == 0

    done = run_as_pod(image, folder, "check", "--config", "/etc/foldwatch/foldwatch.yaml", etc=etc).wait(20)

Network is the machine's own: choose free ports. What it says is in `pod.log`, what it leaves in /tmp lies in
`folder / "tmp"`.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.error import URLError
from urllib.request import urlopen

from alert_stack import until
from image_room import Mount, enter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from image_build import Image

ETC, STATE = "/etc/foldwatch", "/var/lib/foldwatch/state"
UID = 10001
_GONE = 20


class Pod:
    """One container that runs, or has ended."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        """Start it."""
        self._log = log
        with log.open("ab") as file:
            self._outside = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
            )

    @property
    def log(self) -> str:
        """What it has said so far, on both streams."""
        return self._log.read_text()

    @property
    def pid(self) -> int:
        """Its number among the machine's processes; among its own it is 1."""
        number = self._outside.pid
        children: list[str] = []

        def begun() -> bool:
            with suppress(FileNotFoundError, ProcessLookupError):
                children[:] = Path(f"/proc/{number}/task/{number}/children").read_text().split()
            return bool(children) or self._outside.poll() is not None

        until(begun, "the room is made", 20)
        assert children, f"it ended by itself:\n{self.log[-3000:]}"
        return int(children[0])

    @property
    def resident_bytes(self) -> int:
        """Its resident memory."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._outside.poll() is not None

    def answers(self, url: str, timeout: float = 5) -> bool:
        """Tell whether an address of it answers with success. An assertion where it has ended."""
        assert not self.ended, f"it ended by itself with {self._outside.returncode}:\n{self.log[-3000:]}"
        with suppress(URLError, OSError), urlopen(url, timeout=timeout) as answer:
            return bool(answer.status == 200)
        return False

    def terminate(self) -> None:
        """Send SIGTERM, as a kubelet or an engine does."""
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL; returns when it is gone."""
        if not self.ended:
            with suppress(AssertionError, ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self._outside.wait(_GONE)

    def wait(self, seconds: float) -> int:
        """Return its exit code, at most so much later; an assertion with the log where it runs on."""
        try:
            return self._outside.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            message = f"it did not end within {seconds:g} s:\n{self.log[-3000:]}"
            raise AssertionError(message) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def run_as_pod(
    image: Image,
    folder: Path,
    *arguments: str,
    etc: Path | None = None,
    state: Path | None = None,
    mounts: Sequence[Mount] = (),
    environment: Mapping[str, str] | None = None,
    entrypoint: Sequence[str] | None = None,
) -> Pod:
    """Start a container; the image's own command where there are no arguments.

    `folder`: where its log and /tmp lie. `etc`: seen as /etc/foldwatch, read-only. `state`: the volume seen as
    /var/lib/foldwatch/state, the only place but /tmp where it may write; it is given to the image's user. None: an
    image without either. `mounts`: further ones, whose targets exist in the image or below a mount before them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    temporary.chmod(0o1777)
    seen = [Mount(temporary, "/tmp", writable=True)]  # noqa: S108 - the container's own
    if etc is not None:
        seen.append(Mount(etc, ETC))
    if state is not None:
        state.mkdir(parents=True, exist_ok=True)
        os.chown(state, UID, UID)
        seen.append(Mount(state, STATE, writable=True))
    command = enter(
        image.root,
        [*(image.stage.entrypoint if entrypoint is None else entrypoint), *(arguments or image.stage.command)],
        mounts=[*seen, *mounts],
        environment=image.stage.environment | dict(environment or {}),
        user=image.stage.user,
        folder=image.stage.folder,
        read_only=True,
    )
    return Pod(command, folder / "pod.log")
