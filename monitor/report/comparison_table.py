"""The terminal's view of a gate or a canary: every comparison a row, and the measures of both side by side.

They take the plain documents, as the ledger keeps them: `gate.Judgement.document` and `canary.Canary.document`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from monitor.report import words
from monitor.statistics.report import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

_MOST_ROWS: Final = 40
_STYLES: Final = {Verdict.OK.value: "green", Verdict.WORSE.value: "bold red", Verdict.UNKNOWN.value: "cyan"}
_SERIOUS: Final = (Verdict.WORSE.value, Verdict.UNKNOWN.value, Verdict.OK.value)
_SECOND: Final = {"baseline": "Promised", "live": "Delivered"}
_MOST_CLASSES: Final = 12
_MIB: Final = 2**20


def gate_table(document: Mapping[str, Any]) -> RenderableType:
    """Return what the gate compared, the worst first, and M1 to M9 of candidate and yardstick; see `gate.judge`."""
    parts: list[RenderableType] = []
    rows = document["comparisons"]
    if rows:
        head = "Candidate", _SECOND.get(document["yardstick"]["kind"], "Yardstick")
        title = f"Gate: {'passed' if document['passed'] else 'not passed'}"
        parts.append(_comparisons(title, head, rows, ("candidate", "yardstick"), document["left_out"]))
    if document["measures"]["candidate"] is not None:
        parts.append(_measures(document["measures"]))
    return Group(*parts)


def canary_table(document: Mapping[str, Any]) -> RenderableType:
    """Return what the canary rule compared, the worst first; see `canary.weigh`."""
    head = f"Version {document['candidate']}", f"Version {document['against']}"
    title = f"{document['model']} {document['candidate']}: {document['verdict']} over {document['window']}"
    return _comparisons(title, head, document["comparisons"], ("b", "a"), document["left_out"])


def _comparisons(
    title: str, head: tuple[str, str], rows: Sequence[Mapping[str, Any]], keys: tuple[str, str], left_out: int
) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left", title_style="bold")
    table.add_column("Metric", ratio=1, overflow="fold")
    table.add_column(head[0], no_wrap=True)
    table.add_column(head[1], no_wrap=True)
    table.add_column("Difference", no_wrap=True)
    table.add_column("Margin", justify="right", no_wrap=True)
    table.add_column("Verdict", no_wrap=True)
    ordered = sorted(rows, key=lambda row: _SERIOUS.index(row["verdict"]))
    for row in ordered[:_MOST_ROWS]:
        table.add_row(
            words.title(row["metric"], row["class"]) + (f"\n{row['segment']}" if row["segment"] else ""),
            *(_valued(row, key, words.number, words.band) for key in keys),
            _valued(row, "difference", words.signed, words.signed_band),
            f"{row['margin']:g}",
            _verdict(row),
        )
    hidden = max(len(rows) - _MOST_ROWS, 0) + left_out
    if hidden:
        table.caption = f"and {words.count(hidden)} more comparisons"
    return table


def _valued(row: Mapping[str, Any], key: str, number: Any, band: Any) -> str:  # noqa: ANN401 - functions of `words`
    between = band(row[f"{key}_lower"], row[f"{key}_upper"])
    return f"{number(row[key])}\n{between}" if between else str(number(row[key]))


def _verdict(row: Mapping[str, Any]) -> Text:
    text = Text(row["verdict"], _STYLES[row["verdict"]])
    needed = row["labels_needed"]
    if needed is not None:
        text.append(f"\n{words.count(row['n'])} of about\n{words.count(needed)}", "default not bold")
    return text


def _measures(measures: Mapping[str, Any]) -> Table:
    """Return M1 to M9 of both sides: what of them is one number, or one a class."""
    title = "Measures of the folds"
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left", title_style="bold")
    table.add_column("Measure", ratio=1, overflow="fold")
    table.add_column("Candidate", justify="right", no_wrap=True)
    table.add_column("In force", justify="right", no_wrap=True)
    sides = [dict(_lines(of)) if of is not None else {} for of in (measures["candidate"], measures["yardstick"])]
    for name in dict.fromkeys(name for side in sides for name in side):
        table.add_row(name, *(side.get(name, words.DASH) for side in sides))
    more = len(measures["candidate"]["M2"]) - _MOST_CLASSES
    if more > 0:
        table.caption = f"and those of {words.count(more)} more classes"
    return table


def _lines(of: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (name, text) of each measure."""
    yield from _of_folds(of)
    if of["M5"] is not None:
        yield "M5 accuracy in training less in validation", words.signed(of["M5"]["accuracy"])
    for name, count in _first(of["M6"]["whole"]):
        yield f"M6 rows of {name}", words.count(count)
    yield "M7 width of accuracy, Nadeau and Bengio", words.number(of["M7"]["accuracy"]["nadeau_bengio"])
    if of["M8"] is not None:
        yield "M8 seconds", f"{of['M8']:,.1f}"
    if of["M9"]:
        yield "M9 seconds of processor time", f"{sum(fold['cpu_seconds'] for fold in of['M9']):,.1f}"
        yield "M9 largest memory", f"{max(fold['peak_memory_bytes'] for fold in of['M9']) / _MIB:,.0f} MiB"


def _first(by_class: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return list(by_class.items())[:_MOST_CLASSES]


def _of_folds(of: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield M1 to M4."""
    for name, sd in _first(of["M1"]["f1"]):
        yield f"M1 F1 of {name}, standard deviation between folds", words.number(sd)
    for name, values in _first(of["M2"]):
        known = [value for value in values if value is not None]
        if known:
            yield f"M2 F1 of {name}, lowest to highest fold", f"{min(known):.3f} to {max(known):.3f}"
    if of["M3"] is not None:
        yield "M3 ROC AUC, mean over folds and classes", words.number(of["M3"]["mean"])
    for metric in ("brier", "ece"):
        if of["M4"][metric] is not None:
            yield f"M4 {words.metric_name(metric)}, pooled", words.number(of["M4"][metric])
