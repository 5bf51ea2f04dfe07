"""How values look: colours with a meaning, and steps from which they hold.

What is not known is grey, never green: the lowest step, which Grafana also gives to what is absent, is always grey.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.models import dashboard as sdk

if TYPE_CHECKING:
    from collections.abc import Mapping

GREY: Final = "#8e8e8e"
GREEN: Final = "green"
AMBER: Final = "orange"
RED: Final = "red"
BLUE: Final = "blue"
NO_LIMIT: Final = -1e12
"""Below everything that is shown: a step that begins here holds for all that is known."""
UNKNOWN: Final = "not known"


def steps(*limits: tuple[float, str]) -> sdk.ThresholdsConfig:
    """Return colours from values on, ascending; below the first, and for what is absent, grey."""
    known = [sdk.Threshold(value, colour) for value, colour in limits]
    return sdk.ThresholdsConfig(sdk.ThresholdsMode.ABSOLUTE, [sdk.Threshold(None, GREY), *known])


PLAIN: Final = ((NO_LIMIT, BLUE),)
"""For what is neither good nor bad."""


def named(values: Mapping[str, tuple[str, str]], otherwise: str = UNKNOWN) -> list[sdk.ValueMapping]:
    """Return mappings: value -> (word, colour); `otherwise`: of what is absent."""
    results = {
        value: sdk.ValueMappingResult(text, colour, index=index)
        for index, (value, (text, colour)) in enumerate(values.items())
    }
    return [sdk.ValueMap(results), absent(otherwise)]


def worded(values: Mapping[str, str]) -> list[sdk.ValueMapping]:
    """Return mappings: text -> other text, without a colour."""
    results = {value: sdk.ValueMappingResult(text, index=index) for index, (value, text) in enumerate(values.items())}
    return [sdk.ValueMap(results)]


def absent(text: str = UNKNOWN) -> sdk.SpecialValueMap:
    """Return the mapping of what is absent or not a number: said in words, and grey."""
    result = sdk.ValueMappingResult(text, GREY, index=99)
    return sdk.SpecialValueMap(sdk.DashboardSpecialValueMapOptions(sdk.SpecialValueMatch.NULL_AND_NAN, result))
