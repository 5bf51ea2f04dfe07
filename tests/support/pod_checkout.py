"""A room that stands in for the image where nobody wants to wait for a build: the checkout where that has foldwatch.

Its dependencies are those that the caller runs on, of the same versions as the image's. For benchmarks; tests of the
pod run the image itself.
"""

from __future__ import annotations

import site
import sysconfig
from pathlib import Path

from image_room import Mount, furnish

VENV = "/opt/foldwatch"
_DEPENDENCIES = "/opt/dependencies"
_FOLDERS = ("etc/foldwatch", "var/lib/foldwatch", _DEPENDENCIES.lstrip("/"))
_START = f"#!{VENV}/bin/python\nimport sys\nfrom monitor.cli import main\nsys.exit(main())\n"


def room_of_checkout(folder: Path) -> tuple[Path, list[Mount]]:
    """Return the root of a room below an empty folder, and what is to be seen in it."""
    root = folder / "root"
    root.mkdir(parents=True)
    furnish(root)
    for name in _FOLDERS:
        (root / name).mkdir(parents=True)
    venv = root / VENV.lstrip("/")
    packages = venv / sysconfig.get_path("purelib", vars={"base": "."})
    for path in (venv / "bin", packages / "monitor"):
        path.mkdir(parents=True)
    (venv / "pyvenv.cfg").write_text("home = /usr/local/bin\ninclude-system-site-packages = false\n")
    (venv / "bin" / "python").symlink_to("/usr/local/bin/python3")
    (packages / "dependencies.pth").write_text(f"import site; site.addsitedir({_DEPENDENCIES!r})\n")
    script = venv / "bin" / "foldwatch"
    script.write_text(_START)
    script.chmod(0o755)
    inside = f"/{(packages / 'monitor').relative_to(root)}"
    return root, [
        Mount(Path(__file__).parents[2] / "monitor", inside),
        Mount(Path(site.getsitepackages()[0]), _DEPENDENCIES),
    ]
