"""The tree that a container would see, in a mount namespace: the image's and the volumes' very paths, all else read-only.

Needs root, or the right to make user namespaces. The program is number 1 of its own PID namespace, as in a container,
so that a signal which it does not ask for never reaches it.
"""

from __future__ import annotations

import shlex
import site
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
VENV = "/opt/foldwatch"
_DEVICES = ("null", "zero", "full", "random", "urandom")
_DEPENDENCIES = "/opt/dependencies"


@dataclass(frozen=True)
class Mount:
    """A folder or file of this machine, and where the container sees it."""

    source: Path
    target: str
    read_only: bool = True


def installed(folder):
    """What the image's virtual environment offers at VENV, from this checkout and the packages that the tests run on."""
    python = Path(sys._base_executable).resolve()  # noqa: SLF001 - the documented names follow the venv
    venv = folder / "venv"
    packages = venv / Path(sysconfig.get_path("purelib", vars={"base": "."}))
    (venv / "bin").mkdir(parents=True)
    packages.mkdir(parents=True)
    (venv / "pyvenv.cfg").write_text(f"home = {python.parent}\ninclude-system-site-packages = false\n")
    (venv / "bin" / "python").symlink_to(python)
    (packages / "monitor").mkdir()
    (packages / "dependencies.pth").write_text(f"import site; site.addsitedir({_DEPENDENCIES!r})\n")
    script = venv / "bin" / "foldwatch"
    script.write_text(f"#!{VENV}/bin/python\nimport sys\nfrom monitor.cli import main\nsys.exit(main())\n")
    script.chmod(0o755)
    (own,) = site.getsitepackages()[:1]
    inside = packages.relative_to(venv)
    mounts = [Mount(venv, VENV), Mount(ROOT / "monitor", f"{VENV}/{inside}/monitor"), Mount(Path(own), _DEPENDENCIES)]
    home = python.parent.parent
    return mounts if home == Path("/usr") else [*mounts, Mount(home, str(home))]


def system():
    """What a small Debian image has."""
    made = [Mount(Path("/usr"), "/usr")]
    made += [Mount(Path(f"/dev/{name}"), f"/dev/{name}", read_only=False) for name in _DEVICES]
    return [*made, *(Mount(Path(name), name) for name in ("/etc/ld.so.cache", "/etc/hosts", "/etc/resolv.conf"))]


def contained(folder, mounts, *, user, environment, inside, command, network=False):
    """The command that runs `command` in the tree of `mounts`, in order, as (user, group, further group).

    `inside`: the folder it starts in. `network`: in a network of its own too, that has loopback alone.
    """
    root = folder / "root"
    root.mkdir(exist_ok=True)
    at = shlex.quote(str(root))
    lines = ["set -eu", f"mount -t tmpfs -o mode=755 none {at}"]
    for name in ("bin", "sbin", "lib", "lib64"):
        if Path(f"/{name}").is_symlink():
            lines.append(f"ln -s usr/{name} {at}/{name}")
    for mount in mounts:
        source, target = shlex.quote(str(mount.source)), shlex.quote(f"{root}{mount.target}")
        if mount.source.is_dir():
            lines.append(f"mkdir -p {target}")
        else:
            lines.append(f"mkdir -p $(dirname {target}); [ -e {target} ] || : > {target}")
        lines.append(f"mount --bind {source} {target}")
        if mount.read_only:
            lines.append(f"mount -o remount,bind,ro,nosuid {target}")
    lines += [f"mkdir -p {at}/proc", f"mount -t proc proc {at}/proc", f"mount -o remount,ro {at}"]
    if network:
        lines.append("ip link set lo up")
    number, group, further = user
    inner = ["chroot", str(root), "/usr/bin/env", "-i", f"--chdir={inside}"]
    inner += [f"{name}={value}" for name, value in environment.items()]
    inner += ["/usr/bin/setpriv", f"--reuid={number}", f"--regid={group}", f"--groups={group},{further}"]
    inner += ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", *command]
    lines.append(f"exec {shlex.join(inner)}")
    script = folder / "contain.sh"
    script.write_text("\n".join(lines) + "\n")
    apart = ["--mount", "--pid", "--fork", "--kill-child", *(["--net"] if network else [])]
    return ["unshare", *apart, "sh", str(script)]


def refusal():
    """Why this machine cannot do it; empty where it can."""
    tried = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "mount", "-t", "tmpfs", "none", "/mnt"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return tried.stderr.strip()
