"""The files of Alertmanager: configuration and templates, in what version 0.25 (Debian's) understands."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Final

from monitor.alerting.routes.receivers import receivers
from monitor.alerting.routes.routing import inhibitions, mute_times, routes
from monitor.alerting.rules.text import NOTE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.config import Settings

FOLDER: Final = "alertmanager"
CONFIGURATION: Final = f"{FOLDER}/alertmanager.yml"
TEXTS: Final = f"{FOLDER}/foldwatch.tmpl"


def alertmanager_files(settings: Settings) -> dict[str, str]:
    """Return path below the folder of rules -> text.

    Secrets are named by file, never read. The paths are those of the settings: relative ones, of a configuration that
    was named by a relative path itself, are seen from the folder in which this runs. Alertmanager 0.25 looks for them
    from where it is started, not from its configuration's folder.
    """
    return {
        CONFIGURATION: "\n".join([*_configuration(settings), ""]),
        TEXTS: resources.files("monitor.alerting.routes").joinpath("foldwatch.tmpl").read_text(encoding="utf-8"),
    }


def _configuration(settings: Settings) -> Iterator[str]:
    yield NOTE.rstrip()
    yield "# Secrets stand in the files that are named here: relative ones, seen from where Alertmanager was started,"
    yield "# which must be where `foldwatch rules` ran. Check this file with `amtool check-config alertmanager.yml`."
    yield "templates: [foldwatch.tmpl]"
    yield ""
    yield from routes()
    yield ""
    yield from mute_times()
    yield ""
    yield from inhibitions(settings.alerting.job, sorted(settings.models))
    yield ""
    yield from receivers(settings.alerting)
