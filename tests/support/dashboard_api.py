"""What a dashboard asks of Prometheus, through its HTTP API, as Grafana does: queries, and values of labels.

    api = Api("http://127.0.0.1:9090")
    api.at("up", moment)                        # [Line(labels={...}, at=(s,), values=(1.0,))]
    api.through("up", Span(start, end), 60)     # the same through time
    api.label_values("model", "foldwatch_model_info", Span(start, end))

Times are epoch seconds.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from collections.abc import Sequence

_PATIENCE = 60


class Span(NamedTuple):
    """A range of time."""

    start: float
    end: float


class Line(NamedTuple):
    """One series: its labels, and its values at some times."""

    labels: dict[str, str]
    at: tuple[float, ...]
    values: tuple[float, ...]


class RefusedError(Exception):
    """Prometheus does not understand a query."""


class Api:
    """A Prometheus somewhere."""

    def __init__(self, url: str) -> None:
        """`url`: without a path."""
        self._url = url.rstrip("/")

    def at(self, expression: str, moment: float) -> list[Line]:
        """Evaluate at a moment."""
        found = self._get("query", {"query": expression, "time": f"{moment:.3f}"})
        if found["resultType"] in {"scalar", "string"}:
            return [Line({}, (float(found["result"][0]),), (float(found["result"][1]),))]
        return [_line(each["metric"], [each["value"]]) for each in found["result"]]

    def through(self, expression: str, span: Span, step: float) -> list[Line]:
        """Evaluate every `step` seconds of a span, on multiples of it, as Grafana asks."""
        start, end = (moment // step * step for moment in span)
        asked = {"query": expression, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        return [_line(each["metric"], each["values"]) for each in self._get("query_range", asked)["result"]]

    def label_values(self, label: str, selector: str | None, span: Span) -> list[str]:
        """Return the values that a label has in series of a selector, or in all."""
        asked = {"start": f"{span.start:.3f}", "end": f"{span.end:.3f}"} | ({"match[]": selector} if selector else {})
        return list(self._get(f"label/{quote(label)}/values", asked, post=False))

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that are pending or firing."""
        return list(self._get("alerts", {}, post=False)["alerts"])

    def _get(self, path: str, parameters: dict[str, str], *, post: bool = True) -> Any:
        address, form = f"{self._url}/api/v1/{path}", urlencode(parameters)
        request = Request(address, form.encode()) if post else Request(f"{address}?{form}")
        try:
            with urlopen(request, timeout=_PATIENCE) as answer:
                return json.load(answer)["data"]
        except HTTPError as error:
            said = f"{parameters}: {error.read().decode(errors='replace')}"
            raise RefusedError(said) from error


def _line(labels: dict[str, str], points: Sequence[Sequence[Any]]) -> Line:
    return Line(labels, tuple(float(at) for at, _ in points), tuple(float(value) for _, value in points))
