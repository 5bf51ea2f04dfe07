"""The newest window of each series: what a page, a terminal and Prometheus show of now."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from monitor.statistics.report import Maturity, WindowResult


class WindowKey(NamedTuple):
    """A series of windows."""

    model: str
    version: str
    segment: str | None
    window: str
    maturity: Maturity


class Newest:
    """Keeps the newest window of each series while windows pass by, one by one."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._windows: dict[WindowKey, WindowResult] = {}

    def add(self, window: WindowResult) -> None:
        """Take a window; of two with the same end the later one stays."""
        key = WindowKey(window.model, window.version, window.segment, window.window, window.maturity)
        known = self._windows.get(key)
        if known is None or known.end <= window.end:
            self._windows[key] = window

    def view(self) -> Mapping[WindowKey, WindowResult]:
        """Return the newest windows in the order in which their series first came; later windows do not change it."""
        return dict(self._windows)


def newest(windows: Iterable[WindowResult]) -> Mapping[WindowKey, WindowResult]:
    """Return the newest window of each series of a report."""
    kept = Newest()
    for window in windows:
        kept.add(window)
    return kept.view()
