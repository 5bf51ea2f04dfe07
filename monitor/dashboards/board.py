"""What the three dashboards share: identity, links to one another, time, refresh, and their text as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as sdk

from monitor.dashboards.layout import Section, placed

if TYPE_CHECKING:
    from collections.abc import Sequence

_TAG: Final = "foldwatch"


@dataclass(frozen=True, slots=True)
class Identity:
    """Which dashboard it is, for links, files and people."""

    name: str
    """Name of its file, without the end."""
    title: str
    for_whom: str
    """One sentence."""

    @property
    def uid(self) -> str:
        """What Grafana knows it by, and what links lead to."""
        return f"foldwatch-{self.name}"


EXECUTIVE: Final = Identity(
    "executive",
    "foldwatch: do our models keep their promises?",
    "For whoever answers for the models: a month at a glance.",
)
ON_CALL: Final = Identity(
    "on-call", "foldwatch: on call", "For whoever is woken: what rings, how fast budgets burn, and where to look first."
)
DEBUG: Final = Identity(
    "debug", "foldwatch: inside", "For whoever wants to know why: folds, labels, reading, and what the daemon takes."
)
BOARDS: Final = (EXECUTIVE, ON_CALL, DEBUG)


def board(
    identity: Identity,
    sections: Sequence[Section],
    variables: list[sdk.VariableModel],
    annotations: list[sdk.AnnotationQuery],
    *,
    since: str,
    refresh: str,
) -> sdk.Dashboard:
    """Return a dashboard that shows the time from `since` until now, asked again every `refresh`."""
    return sdk.Dashboard(
        uid=identity.uid,
        title=identity.title,
        description=identity.for_whom,
        tags=[_TAG],
        timezone="utc",
        editable=False,
        graph_tooltip=sdk.DashboardCursorSync.CROSSHAIR,
        time=sdk.DashboardDashboardTime(since, "now"),
        refresh=refresh,
        version=1,
        panels=list(placed(sections)),
        templating=sdk.DashboardDashboardTemplating(variables),
        annotations=sdk.AnnotationContainer(annotations),
        links=[_link(other) for other in BOARDS if other != identity],
    )


def leading_to(identity: Identity, title: str, **chosen: str) -> sdk.DashboardLink:
    """Return the link of a value to another dashboard, with the time that is shown and what is chosen there."""
    asked = "&".join(f"var-{name}={value}" for name, value in chosen.items())
    return sdk.DashboardLink(title, sdk.DashboardLinkType.LINK, url=f"/d/{identity.uid}?{asked}&${{__url_time_range}}")


def text(dashboard: sdk.Dashboard) -> str:
    """Return a dashboard as JSON: the same one always as the same bytes."""
    return json.dumps(dashboard, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _link(to: Identity) -> sdk.DashboardLink:
    """Return a link to another dashboard, with the time and everything that was chosen."""
    return sdk.DashboardLink(
        to.name,
        sdk.DashboardLinkType.LINK,
        icon="dashboard",
        tooltip=to.for_whom,
        url=f"/d/{to.uid}",
        tags=[],
        as_dropdown=False,
        target_blank=False,
        include_vars=True,
        keep_time=True,
    )
