"""Places on the grid: 24 columns, from left to right and from top to bottom, and a number for each panel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.models import dashboard as sdk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COLUMNS: Final = 24


@dataclass(frozen=True, slots=True)
class Section:
    """A headline and the panels below it, in the order of reading."""

    title: str
    panels: Sequence[sdk.Panel]


def placed(sections: Sequence[Section]) -> list[sdk.Panel | sdk.RowPanel]:
    """Return headlines and panels with their places and numbers. A panel has its width and height already."""
    found: list[sdk.Panel | sdk.RowPanel] = []
    y = 0
    for section in sections:
        found.append(
            sdk.RowPanel(collapsed=False, title=section.title, grid_pos=sdk.GridPos(1, COLUMNS, 0, y), panels=[])
        )
        y += 1
        for line in _lines(section.panels):
            x = 0
            for panel in line:
                width, height = _size(panel)
                panel.grid_pos = sdk.GridPos(height, width, x, y)
                x += width
            found += line
            y += max(_size(panel)[1] for panel in line)
    for number, placed_panel in enumerate(found, 1):
        placed_panel.id_val = number
    return found


def _lines(panels: Sequence[sdk.Panel]) -> Iterator[list[sdk.Panel]]:
    """Yield the panels that stand side by side."""
    line: list[sdk.Panel] = []
    for panel in panels:
        if line and sum(_size(one)[0] for one in [*line, panel]) > COLUMNS:
            yield line
            line = []
        line.append(panel)
    if line:
        yield line


def _size(panel: sdk.Panel) -> tuple[int, int]:
    place = panel.grid_pos or sdk.GridPos()
    return place.w, place.h
