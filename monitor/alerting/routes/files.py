"""The files of Alertmanager: configuration and templates, in what version 0.25 (Debian's) understands."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Final

from monitor.alerting.routes.receivers import receivers
from monitor.alerting.routes.routing import inhibitions, mute_times, routes
from monitor.alerting.rules.text import NOTE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.config import Settings

FOLDER: Final = "alertmanager"
CONFIGURATION: Final = f"{FOLDER}/alertmanager.yml"
TEXTS: Final = f"{FOLDER}/foldwatch.tmpl"


def alertmanager_files(settings: Settings, folder: Path) -> dict[str, str]:
    """Return path below `folder` -> text.

    Secrets are named by file, never read. A key file whose path is relative is written as seen from the folder of
    alertmanager.yml, and Alertmanager, which looks from where it was started, must be started there.
    """
    return {
        CONFIGURATION: "\n".join([*_configuration(settings, folder / FOLDER), ""]),
        TEXTS: resources.files("monitor.alerting.routes").joinpath("foldwatch.tmpl").read_text(encoding="utf-8"),
    }


def _configuration(settings: Settings, folder: Path) -> Iterator[str]:
    yield NOTE.rstrip()
    yield "# Secrets stand in the files that are named here, relative ones as seen from where Alertmanager"
    yield "# is started: start it in the folder of this file. Check it with `amtool check-config alertmanager.yml`."
    yield "templates: [foldwatch.tmpl]"
    yield ""
    yield from routes()
    yield ""
    yield from mute_times()
    yield ""
    yield from inhibitions(settings.alerting.job, sorted(settings.models))
    yield ""
    yield from receivers(settings.alerting, folder)
