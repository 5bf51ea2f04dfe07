"""How Grafana writes and colours numbers: field options with their overrides, units, thresholds, value mappings."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Json = dict[str, Any]
Value = float | str | None
GREY = "#8e8e8e"
TEXT = "#ccccdc"
PALETTE = (
    "#7EB26D", "#EAB839", "#6ED0E0", "#EF843C", "#E24D42", "#1F78C1", "#BA43A9", "#705DA0", "#508642", "#CCA300",
    "#447EBC", "#C15C17", "#890F02", "#0A437C", "#6D1F62", "#584477", "#B7DBAB", "#F4D598", "#70DBED", "#F9BA8F",
)  # fmt: skip
_NAMED = {
    "green": "#73BF69", "orange": "#FF9830", "red": "#F2495C", "blue": "#5794F2", "purple": "#B877D9",
    "yellow": "#FADE2A", "text": TEXT, "gray": "#808080", "grey": "#808080", "white": "#ffffff", "black": "#000000",
    "transparent": "#00000000", "super-light-blue": "#C0D8FF", "light-blue": "#8AB8FF", "semi-dark-blue": "#3274D9",
    "dark-blue": "#1F60C4", "dark-red": "#C4162A", "semi-dark-red": "#E02F44", "light-red": "#FF7383",
    "dark-green": "#37872D", "light-green": "#96D98D", "dark-orange": "#FA6400", "light-orange": "#FFB357",
}  # fmt: skip
_IEC = ("B", "KiB", "MiB", "GiB", "TiB")
_SI = ("B", "kB", "MB", "GB", "TB")
_RATES = {"reqps": " req/s", "ops": " ops/s", "cps": " c/s", "eps": " evt/s", "mps": " msg/s", "rps": " rd/s"}
_SHORT = ("", " K", " Mil", " Bil", " Tri")
_SPANS = (("y", 31_536_000), ("weeks", 604_800), ("days", 86_400), ("hours", 3_600), ("mins", 60), ("s", 1))


@dataclass(frozen=True)
class Field:
    """The options of one series or column: the panel's, and what overrides say."""

    options: Json

    @property
    def unit(self) -> str:
        """An id of Grafana's units."""
        return str(self.options.get("unit") or "none")

    def custom(self, name: str, otherwise: object = None) -> Any:
        """Return an option of the kind of panel."""
        found = self.options.get("custom", {}).get(name)
        return otherwise if found is None else found

    def limit(self, name: str) -> float | None:
        """Return `min` or `max`."""
        found = self.options.get(name)
        return None if found is None else float(found)

    @property
    def steps(self) -> list[tuple[float, str]]:
        """Thresholds, ascending: from which value on which colour."""
        steps = self.options.get("thresholds", {}).get("steps", [])
        return sorted(
            (-math.inf if step.get("value") is None else float(step["value"]), colour(step["color"])) for step in steps
        )

    def coloured(self, value: Value) -> str:
        """Return the colour of a value: of its mapping, else of its threshold."""
        mapped = self._mapped(value)
        if mapped and mapped.get("color"):
            return colour(mapped["color"])
        if not isinstance(value, float) or math.isnan(value):
            return self.steps[0][1] if self.steps else GREY
        mode = self.options.get("color", {})
        if mode.get("mode") == "fixed":
            return colour(mode["fixedColor"])
        return next((shade for limit, shade in reversed(self.steps) if value >= limit), TEXT)

    def line_colour(self, index: int, last: float) -> str:
        """Return the colour of a series, of which this is the latest value."""
        mode = self.options.get("color", {})
        if mode.get("mode") == "fixed":
            return colour(mode["fixedColor"])
        if mode.get("mode") == "thresholds":
            return self.coloured(last)
        return PALETTE[index % len(PALETTE)]

    def text(self, value: Value, now: float) -> str:
        """Return a value as a person reads it."""
        mapped = self._mapped(value)
        if mapped and mapped.get("text") is not None:
            return str(mapped["text"])
        if value is None:
            return str(self.options.get("noValue") or "")
        if isinstance(value, str):
            return value
        return written(value, self.unit, self.options.get("decimals"), now)

    def mapped(self, value: Value) -> bool:
        """Tell whether a value has words of its own."""
        return self._mapped(value) is not None

    def _mapped(self, value: Value) -> Json | None:
        for mapping in self.options.get("mappings") or []:
            options, kind = mapping["options"], mapping["type"]
            absent = value is None or (isinstance(value, float) and math.isnan(value))
            if kind == "value":
                key = f"{value:g}" if isinstance(value, float) else str(value)
                if not absent and key in options:
                    return dict(options[key])
            elif kind == "range":
                low, high = (options.get(end) for end in ("from", "to"))
                if isinstance(value, float) and not absent:
                    low_, high_ = -math.inf if low is None else low, math.inf if high is None else high
                    if low_ <= value <= high_:
                        return dict(options["result"])
            elif kind == "regex":
                if isinstance(value, str) and re.search(options["pattern"].strip("/"), value):
                    return dict(options["result"])
            elif kind == "special" and absent and "null" in options["match"] + "null" * (options["match"] == "nan"):
                return dict(options["result"])
        return None


def field_of(panel: Json, name: str, ref: str = "") -> Field:
    """Return the options of a series or column of this name, from this query."""
    config = panel.get("fieldConfig", {})
    options: Json = {**config.get("defaults", {})}
    options["custom"] = dict(options.get("custom", {}))
    for override in config.get("overrides", []):
        matcher = override["matcher"]
        hit = (
            (matcher["id"] == "byName" and matcher["options"] == name)
            or (matcher["id"] == "byRegexp" and re.search(matcher["options"].strip("/"), name) is not None)
            or (matcher["id"] == "byFrameRefID" and matcher["options"] == ref)
        )
        if hit:
            for each in override["properties"]:
                top, _, rest = each["id"].partition(".")
                if top == "custom" and rest:
                    options["custom"][rest] = each.get("value")
                else:
                    options[top] = each.get("value")
    return Field(options)


def colour(name: str) -> str:
    """Return a colour as matplotlib knows it."""
    return _NAMED.get(name, name if name.startswith("#") else TEXT)


def written(value: float, unit: str, decimals: int | None, now: float) -> str:
    """Return a number in a unit."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if unit.startswith("dateTime"):
        return _date(value / 1_000, unit, now)
    if unit in _RATES:
        return _scaled(value, 1_000, _SHORT, decimals, "") + _RATES[unit]
    ways: dict[str, Callable[[], str]] = {
        "percentunit": lambda: f"{_fixed(100 * value, decimals)}%",
        "percent": lambda: f"{_fixed(value, decimals)}%",
        "s": lambda: _duration(value, decimals),
        "ms": lambda: _duration(value / 1_000, decimals),
        "dtdurations": lambda: _duration(value, decimals),
        "bytes": lambda: _scaled(value, 1_024, _IEC, decimals, " "),
        "decbytes": lambda: _scaled(value, 1_000, _SI, decimals, " "),
        "short": lambda: _scaled(value, 1_000, _SHORT, decimals, ""),
        "none": lambda: _fixed(value, decimals),
        "string": lambda: _fixed(value, decimals),
    }
    if unit in ways:
        return ways[unit]()
    more = unit.removeprefix("suffix:") if unit.startswith("suffix:") else f" [{unit}]"
    return f"{_fixed(value, decimals)}{more}"


def reduced(values: Sequence[float], calc: str) -> float | None:
    """Return what a stat shows of a series."""
    known = [value for value in values if not math.isnan(value)]
    if calc in {"lastNotNull", "last"}:
        return known[-1] if known else None
    if not known:
        return None
    sums: Mapping[str, float] = {
        "max": max(known), "min": min(known), "mean": sum(known) / len(known), "sum": sum(known),
        "first": known[0], "firstNotNull": known[0], "count": float(len(known)),
        "range": max(known) - min(known), "delta": known[-1] - known[0],
    }  # fmt: skip
    return sums[calc]


def _date(at: float, unit: str, now: float) -> str:
    if unit != "dateTimeFromNow":
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{_duration(now - at, 0)} ago" if at <= now else f"in {_duration(at - now, 0)}"


def _fixed(value: float, decimals: int | None) -> str:
    if decimals is None:
        size = abs(value)
        decimals = 0 if value == round(value) or size >= 1_000 else 1 if size >= 100 else 2 if size >= 1 else 3
    return f"{value:.{decimals}f}"


def _scaled(value: float, factor: int, names: Sequence[str], decimals: int | None, space: str) -> str:
    step = 0
    while abs(value) >= factor and step < len(names) - 1:
        value, step = value / factor, step + 1
    return f"{_fixed(value, decimals)}{space if names[step] else ''}{names[step]}"


def _duration(value: float, decimals: int | None) -> str:
    size = abs(value)
    if size and size < 1e-3:
        return f"{_fixed(value * 1e6, decimals)} µs"
    if size and size < 1:
        return f"{_fixed(value * 1e3, decimals)} ms"
    name, length = next(((name, length) for name, length in _SPANS if size >= length), ("s", 1))
    return f"{_fixed(value / length, decimals)} {name}"
