"""The data gates on the page: whether the events are as usual, before anybody trusts a verdict on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.report.markup import Markup, tag
from monitor.statistics.gates import GateState

if TYPE_CHECKING:
    from monitor.statistics.gates import Gate
    from monitor.statistics.inspection import Inspection, Vitals

_MEANING: Final = {
    "completeness": "how many predictions have a label",
    "timeliness": "how late labels come",
    "consistency": "what does not fit or came twice",
    "volume": "how many predictions come",
    "latency": "how fast the model answers",
}
_BADGES: Final = {
    GateState.OK: ("ok", "●", "as usual"),
    GateState.BAD: ("worse", "▼", "red"),
    GateState.UNKNOWN: ("unknown", "□", "not known yet"),
}
"""Class, shape and words of each state."""


def red_gates(inspection: Inspection | None, model: str) -> Markup | None:
    """Return one line that says which gates of a model are red, with a link; None while none is."""
    vitals = inspection.models.get(model) if inspection else None
    red = [gate.name for gate in vitals.gates if gate.state is GateState.BAD] if vitals else []
    if not red:
        return None
    said = f"Data gates are red: {', '.join(red)}. "
    return tag("p", said, tag("a", "What was found, and what is usual", href="#data"), class_="folds gated")


def gates(inspection: Inspection | None) -> Markup | None:
    """Return the section with every gate of every model; None where nothing is inspected, as in a backtest."""
    if inspection is None:
        return None
    shown = [_model(name, vitals) for name, vitals in inspection.models.items() if vitals.gates]
    return tag("section", tag("h2", "Data", id="data"), *shown, class_="data", aria_labelledby="data")


def _model(name: str, vitals: Vitals) -> Markup:
    head = ("Gate", "State", "What comes, and what is usual")
    return tag(
        "table",
        tag("caption", name),
        tag("thead", tag("tr", *(tag("th", text, scope="col") for text in head))),
        tag("tbody", *map(_row, vitals.gates)),
        class_="plain stack promises gates",
    )


def _row(gate: Gate) -> Markup:
    return tag(
        "tr",
        tag("th", gate.name, tag("small", _MEANING[gate.name]), scope="row"),
        tag("td", _badge(gate.state)),
        tag("td", gate.text),
    )


def _badge(state: GateState) -> Markup:
    class_, shape, text = _BADGES[state]
    return tag("span", tag("i", shape, aria_hidden="true"), text, class_=f"badge {class_}")
