"""A room to run commands in as a container would: a root folder of its own, own mounts, own process numbers.

It needs no container engine but what engines are made of: `unshare`, `mount --bind`, `chroot`, `setpriv`. The system's
own programs and libraries stand in for the Debian of the base image, read-only; Python is copied to /usr/local, where
the official image has it. Nothing else of the machine is in the room: no checkout, no virtual environment, no home.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alert_stack import ENDS_WITH_ME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Some of the programs are for root, in whose path alone their folder may be."""
_SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC = (
    "alternatives", "ca-certificates", "debian_version", "gai.conf", "group", "host.conf", "hosts", "ld.so.conf",
    "ld.so.conf.d", "nsswitch.conf", "os-release", "passwd", "pip.conf", "pki", "protocols", "resolv.conf", "services",
    "ssl",
)  # fmt: skip
_DEVICES = ("null", "zero", "full", "random", "urandom")
_NOT_COPIED = ("site-packages", "dist-packages", "test", "idlelib", "tkinter", "turtledemo", "config-*", "__pycache__")
NOBODY_ELSE = ("--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--clear-groups")
"""Words of setpriv: no rights of root, and none to come by, as `cap_drop: ALL` and `no-new-privileges` say it."""
PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of the machine that is seen in the room."""

    source: Path
    target: str
    writable: bool = False


def require_rooms() -> None:
    """Fail, saying what to do, where this machine does not let us make rooms."""
    missing = [tool for tool in ("unshare", "setpriv", "chroot", "mount") if shutil.which(tool, path=_PATH) is None]
    if missing:
        pytest.fail(f"{', '.join(missing)}: not in {_PATH}: install the packages `util-linux`, `mount` and `coreutils`")
    tried = subprocess.run(
        [*_NAMESPACES, "sh", "-c", "mount -t tmpfs tmpfs /mnt"], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        remedy = "run these tests as root on a machine of its own, or in a container with --privileged"
        pytest.fail(f"no room can be made here ({tried.stderr.strip()}): {remedy}")


def furnish(root: Path) -> None:
    """Make what stands in for a base image: Python in /usr/local, some of /etc, and where the system will be seen."""
    for name in _SYSTEM:
        top = Path("/") / name
        if top.is_symlink():
            (root / name).symlink_to(top.readlink())
        elif top.is_dir():
            (root / name).mkdir()
    for folder in ("dev/shm", "proc", "sys", "tmp", "root", "opt", "var/lib", "usr/local/bin", "usr/local/lib"):
        (root / folder).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    for folder in _below_usr():
        (root / "usr" / folder).mkdir()
    for name in _DEVICES:
        (root / "dev" / name).touch()
    (root / "etc").mkdir()
    for name in _ETC:
        there, here = Path("/etc") / name, root / "etc" / name
        if there.is_dir():
            shutil.copytree(there, here, symlinks=True, ignore=shutil.ignore_patterns("private"))
        elif there.is_file():
            shutil.copyfile(there, here)  # through links: a link into /run would lead nowhere
    _copy_python(root)


def _copy_python(root: Path) -> None:
    """Copy the interpreter that runs these tests to where the official image has its own."""
    local, prefix = root / "usr" / "local", Path(sys.base_prefix)
    shutil.copyfile(Path(sys.executable).resolve(), local / "bin" / PYTHON)
    (local / "bin" / PYTHON).chmod(0o755)
    for name in ("python3", "python"):
        (local / "bin" / name).symlink_to(PYTHON)
    library = Path(os.__file__).parent
    shutil.copytree(library, local / "lib" / PYTHON, ignore=shutil.ignore_patterns(*_NOT_COPIED), symlinks=False)
    (local / "lib" / PYTHON / "site-packages").mkdir()
    for shared in (prefix / "lib").glob("libpython*.so*"):
        shutil.copyfile(shared, local / "lib" / shared.name)
    subprocess.run(enter(root, ["ldconfig"], mounts=[Mount(root / "etc", "/etc", writable=True)]), check=True)


def enter(
    root: Path,
    command: Sequence[str],
    *,
    mounts: Sequence[Mount] = (),
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
    folder: str = "/",
    read_only: bool = False,
) -> list[str]:
    """Return the words that run a command in a room, as its process number 1, and end it when this thread ends.

    `user`: UID:GID, then without any right of root; None: root. `read_only`: all but the mounts that are `writable`.
    """
    script = ["set -eu", f"root={shlex.quote(str(root))}", 'mount --bind "$root" "$root"']
    unmerged = (name for name in _SYSTEM if (Path("/") / name).is_dir() and not (Path("/") / name).is_symlink())
    script += [_bind(Path("/") / name, f"/{name}") for name in unmerged]
    script += [_bind(Path("/usr") / name, f"/usr/{name}") for name in _below_usr()]
    script += [_bind(Path("/dev") / name, f"/dev/{name}", writable=True) for name in _DEVICES]
    script += ['mount -t tmpfs -o mode=1777,size=64m tmpfs "$root/dev/shm"', _bind(Path("/sys"), "/sys")]
    script += [_bind(mount.source, mount.target, writable=mount.writable) for mount in mounts]
    script.append('mount -t proc -o nosuid,nodev,noexec proc "$root/proc"')
    if read_only:
        script.append('mount -o remount,bind,ro "$root"')
    known = {"PATH": _PATH} | dict(environment or {})
    words = ["env", "-i", f"--chdir={folder}", *(f"{key}={value}" for key, value in known.items()), *command]
    if user is not None:
        uid, gid = user.split(":")
        # A change of user forgets the signal that comes when the parent ends: say it again.
        words = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--pdeathsig=KILL", *NOBODY_ELSE, *words]
    script.append(f'exec chroot "$root" {shlex.join(words)}')
    inside = [*_NAMESPACES, "sh", "-c", "\n".join([f"PATH={_PATH}", *script])]
    unshare = shutil.which("unshare", path=_PATH) or "unshare"
    return [sys.executable, "-S", "-E", "-c", ENDS_WITH_ME, unshare, *inside[1:]]


_NAMESPACES = ("unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child=SIGKILL")


def _below_usr() -> list[str]:
    """Names of the folders of /usr but for /usr/local, which is the room's own."""
    return sorted(each.name for each in Path("/usr").iterdir() if each.is_dir() and each.name not in {"local", "src"})


def _bind(source: Path, target: str, *, writable: bool = False) -> str:
    """Return the line of a script that shows something in the room."""
    there = f'"$root"{shlex.quote(target)}'
    line = f"mount --bind {shlex.quote(str(source))} {there}"
    return line if writable else f"{line} && mount -o remount,bind,ro {there}"
