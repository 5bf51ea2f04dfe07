"""A disk that is full at will: a small tmpfs of its own, or, where nothing may be mounted, a limit on growing files."""

from __future__ import annotations

import resource
import subprocess
from contextlib import suppress
from pathlib import Path

_HOLD = "mount -t tmpfs -o size={size} none {folder} && echo mounted && exec cat"


class SmallDisk:
    """A tmpfs in a namespace of its own. Needs the right to make user namespaces, or that of root to mount."""

    def __init__(self, folder, size="64m"):
        folder.mkdir()
        self.inside = folder
        self._holder, self._enter, said = None, [], []
        for kind in (["--user", "--map-root-user"], []):
            hold = ["unshare", *kind, "--mount", "sh", "-c", _HOLD.format(size=size, folder=folder)]
            holder = subprocess.Popen(
                hold, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            if holder.stdout.readline():
                self._holder = holder
                user = ["--user", "--preserve-credentials"] if kind else []
                self.prefix = ["nsenter", f"--target={holder.pid}", *user, "--mount", "--"]
                break
            said.append(holder.communicate()[1].strip())
        self.refusal = None if self._holder else "; ".join(said)

    @property
    def seen(self):
        """The same folder, as the test sees it."""
        return Path(f"/proc/{self._holder.pid}/root{self.inside}")

    def fill(self):
        """Leave not one byte."""
        with (self.seen / "ballast").open("ab", buffering=0) as ballast, suppress(OSError):
            for size in (2**20, 2**12, 1):
                with suppress(OSError):
                    while ballast.write(bytes(size)):
                        pass

    def free(self):
        """Give the room back."""
        (self.seen / "ballast").unlink(missing_ok=True)

    def remount(self, how):
        """`ro` or `rw`."""
        subprocess.run([*self.prefix, "mount", "-o", f"remount,{how}", str(self.inside)], check=True)

    def close(self):
        if self._holder:
            self._holder.stdin.close()
            self._holder.wait(10)
            self._holder.stdout.close()
            self._holder.stderr.close()


def no_file_grows(pid, store):
    """Let no file of this process become larger than the largest one in `store` is now, as on a disk that is full."""
    largest = max(path.stat().st_size for path in store.rglob("*") if path.is_file())
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest, hard))
